import SSATCore
import Testing

/// A prediction serves for the next frames while the face, moved along, looks the same.
@Suite struct ReuseTests {
    private struct Shown {
        var frame: [UInt8]
        var reused: [Bool]
        var parsing: [UInt8]
    }

    /// A frame with the face at `x`; `cover` columns of the stage are painted grey from the middle of the face on.
    private func show(_ filter: MakeupFilter, _ step: Int, x: Float = 160, cover: Int = 0, spot: Int = 0) -> Shown {
        var stage = Stage(320, 320)
        stage.lay(Stage.place(scale: 0.6, degrees: 0, x: x, y: 160))
        for y in 0..<320 * 3 {
            for column in 160..<160 + cover { stage.samples[y * 320 + column] = 70 }
        }
        // Dark, on a cheek.
        for i in 0..<3 * spot * spot { stage.samples[(i / (spot * spot) * 320 + 180 + i / spot % spot) * 320 + 190 + i % spot] = 20 }
        var reused: [Bool] = [], parsing: [UInt8] = []
        stage.withView { view in
            let analysis = filter.analyze(view, time: Double(step) / 30)
            (reused, parsing) = (analysis.reuses, analysis.crops.first?.parsing ?? [])
            filter.transfer(analysis)
            filter.finish(view, analysis)
        }
        return Shown(frame: stage.samples, reused: reused, parsing: parsing)
    }

    private func filter(reuses: Bool = true) throws -> MakeupFilter {
        let filter = try MakeupFilter(look: LiveMakeupTests.plum)
        (filter.reusesPredictions, filter.temporalSmoothing) = (reuses, false)
        return filter
    }

    @Test func aStillFaceIsPredictedForEverySeventeenthFrame() throws {
        let filter = try filter()
        let reused = (0..<36).map { show(filter, $0).reused }
        #expect(reused == (0..<36).map { [$0 % 17 != 0] })
    }

    @Test func everyFrameOnRequest() throws {
        let filter = try filter(reuses: false)
        #expect((0..<6).allSatisfy { show(filter, $0).reused == [false] })
    }

    @Test func anotherLookIsPredictedAtOnce() throws {
        let filter = try filter()
        _ = (show(filter, 0), show(filter, 1))
        filter.look = LiveMakeupTests.ocean
        #expect(show(filter, 2).reused == [false])
        #expect(show(filter, 3).reused == [true])
    }

    /// Skin tone goes beyond the mesh, to ears and neck, which are not parsed without it.
    @Test func skinToneIsNotLaidOnWhatWasParsedInPart() throws {
        let filter = try filter()
        let before = (0..<19).map { show(filter, $0).reused }
        #expect(before[17] == [false] && before[18] == [true])
        filter.recipe.tone = 1
        #expect(show(filter, 19).reused == [false])
        #expect(show(filter, 20).reused == [true])
    }

    @Test func whatCoversTheFaceIsSeenAtOnce() throws {
        let filter = try filter()
        _ = (show(filter, 0), show(filter, 1))
        #expect(show(filter, 2, cover: 60).reused != [true])
    }

    /// Too small to predict anew for, a spot before the cheek is still known in its first frame: parsed as if nothing were used again.
    @Test func aSpotIsParsedAtOnce() throws {
        let often = try filter(reuses: false), seldom = try filter()
        for step in 0..<2 { _ = (show(often, step), show(seldom, step)) }
        let before = show(seldom, 2)
        _ = show(often, 2)
        let a = show(often, 3, spot: 8), b = show(seldom, 3, spot: 8)
        #expect(b.reused == [true])
        let isSame = a.parsing == b.parsing, isSeen = a.parsing != before.parsing
        #expect(isSame && isSeen)
    }

    /// The same picture as with a prediction for every frame, nearly: no makeup is left behind, and none is missing.
    @Test func aMovingFaceLooksTheSame() throws {
        let often = try filter(reuses: false), seldom = try filter()
        var reused = 0
        for step in 0..<24 {
            let x = 130 + Float(step) * 3
            let a = show(often, step, x: x), b = show(seldom, step, x: x)
            if b.reused == [true] { reused += 1 }
            var bare = Stage(320, 320)
            bare.lay(Stage.place(scale: 0.6, degrees: 0, x: x, y: 160))
            let worn = zip(a.frame, bare.samples).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
            let apart = zip(a.frame, b.frame).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
            #expect(Double(apart) < 0.1 * Double(worn), "frame \(step): \(apart) of \(worn)")
        }
        #expect(reused > 12)
    }
}
