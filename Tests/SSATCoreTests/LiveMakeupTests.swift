import Foundation
import SSATCore
import TestSupport
import Testing
import Video

/// What a live picture wears: another look while it runs, predictions made aside.
@Suite struct LiveMakeupTests {
    static func look(_ name: String) throws -> Look {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("samples/\(name).jpg").path
        let picture = try Picture(FrameReader.first(Demuxer(path: path)))
        let (w, h) = (picture.width, picture.height)
        var planes = [UInt8](repeating: 0, count: w * h * 3)
        for i in 0..<w * h { for (plane, c) in [1, 2, 0].enumerated() { planes[plane * w * h + i] = picture.rgb[i * 3 + c] } }
        return try planes.withUnsafeMutableBufferPointer { buffer in
            let view = FrameView(
                width: w, height: h, planes: (0..<3).map { buffer.baseAddress! + $0 * w * h }, strides: [w, w, w], chromaShift: (0, 0), bitDepth: 8,
                matrix: .rgb, fullRange: true)
            return try MakeupFilter.makeLook(from: view, path: path)
        }
    }

    static let plum = try! look("plum"), ocean = try! look("ocean")

    /// The same still picture, frame after frame.
    private func show(_ filter: MakeupFilter, _ step: Int, x: Float = 160) -> [UInt8] {
        var stage = Stage(320, 320)
        stage.lay(Stage.place(scale: 0.6, degrees: 0, x: x, y: 160))
        _ = stage.see(filter, Double(step) / 30)
        return stage.samples
    }

    private func bare(x: Float = 160) -> [UInt8] {
        var stage = Stage(320, 320)
        stage.lay(Stage.place(scale: 0.6, degrees: 0, x: x, y: 160))
        return stage.samples
    }

    private func distance(_ a: [UInt8], _ b: [UInt8]) -> Double {
        zip(a, b).reduce(0.0) { $0 + Double(abs(Int($1.0) - Int($1.1))) } / Double(a.count)
    }

    /// A still face before a camera with noise: what is painted differs less from frame to frame than the skin did.
    @Test func aMadeUpFaceIsCalmerThanItsSource() throws {
        let filter = try MakeupFilter(look: Self.plum)
        var random = Seeded(state: 3), before: (source: [UInt8], made: [UInt8])?, source = 0, made = 0
        for step in 0..<24 {
            var stage = Stage(320, 320)
            stage.lay(Stage.place(scale: 0.6, degrees: 0, x: 160, y: 160))
            for i in stage.samples.indices { stage.samples[i] = UInt8(clamping: Int(stage.samples[i]) + Int.random(in: -1...1, using: &random)) }
            let own = stage.samples
            _ = stage.see(filter, Double(step) / 30)
            if step > 12, let before {
                for i in own.indices where abs(Int(stage.samples[i]) - Int(own[i])) > 6 {
                    source += abs(Int(own[i]) - Int(before.source[i]))
                    made += abs(Int(stage.samples[i]) - Int(before.made[i]))
                }
            }
            before = (own, stage.samples)
        }
        #expect(source > 10_000)
        #expect(made * 3 < source * 2, "\(made) and \(source)")  // 0.39; 0.88 where every frame is rounded for itself
    }

    /// From the frame after the switch on, the new look is worn whole: to the bit as if it had been worn all the time.
    @Test func aSwitchedLookIsNeverMixed() throws {
        let switched = try MakeupFilter(look: Self.plum), always = try MakeupFilter(look: Self.look("ocean"))
        always.temporalSmoothing = false
        for step in 0..<6 { _ = (show(switched, step), show(always, step)) }
        // The same look, made once more: predicted and parsed anew in the same frame.
        (switched.look, always.look) = (Self.ocean, Self.ocean)
        let first = show(switched, 6)
        let isSame = first == show(always, 6)
        #expect(isSame, "no trace of the first look")
        #expect(distance(first, bare()) > 0.2)
    }

    /// Predicted aside, a frame wears the old look or the new one.
    @Test func aSwitchedLookIsNeverMixedAside() throws {
        let filter = try MakeupFilter(look: Self.plum), old = try MakeupFilter(look: Self.plum), new = try MakeupFilter(look: Self.ocean)
        filter.predictsAsideEvery = 1
        filter.whenLost = .blur
        var seen: [Bool] = []
        for step in 0..<60 {
            if step == 20 { filter.look = Self.ocean }
            let (frame, a, b) = (show(filter, step), show(old, step), show(new, step))
            Thread.sleep(forTimeInterval: 0.02)
            guard step > 15 else { continue }
            let isOld = distance(frame, a) < 0.05, isNew = distance(frame, b) < 0.05
            #expect(isOld != isNew, "frame \(step): \(distance(frame, a)) from the old, \(distance(frame, b)) from the new")
            seen.append(isNew)
        }
        #expect(seen.first == false && seen.last == true && zip(seen, seen.dropFirst()).count { $0 != $1 } == 1, "one switch")
    }

    @Test func aFaceThatComesUpIsHiddenUntilItIsMadeUp() throws {
        let filter = try MakeupFilter(look: Self.plum)
        filter.predictsAsideEvery = 2
        filter.whenLost = .blur
        let bare = bare()
        var shown = 0
        for step in 0..<60 {
            let frame = show(filter, step)
            // Nothing like the bare picture, but either made up in places or blurred all over.
            #expect(frame != bare, "frame \(step)")
            let far = distance(frame, bare)
            #expect(far > 0.2, "frame \(step)")
            if step == 0 { #expect(far > 3, "the first one is blurred") }
            if far < 3 { shown += 1 }
            Thread.sleep(forTimeInterval: 0.01)
        }
        #expect(shown > 20)
    }

    /// The makeup goes where the face goes, in every frame.
    @Test func makeupPredictedAsideMovesAlong() throws {
        let aside = try MakeupFilter(look: Self.plum), inside = try MakeupFilter(look: Self.plum)
        aside.predictsAsideEvery = 3
        aside.whenLost = .blur
        for step in 0..<40 {
            let x = 120 + Float(max(step - 10, 0)) * 2
            let (a, b) = (show(aside, step, x: x), show(inside, step, x: x))
            Thread.sleep(forTimeInterval: 0.02)
            if step > 10 { #expect(distance(a, b) < 0.25 * distance(bare(x: x), b), "frame \(step)") }
        }
    }

    /// A face that shakes within its crop, which follows a frame behind, wears what took some frames to predict where it is now.
    @Test func makeupPredictedAsideArrivesWhereTheFaceIs() throws {
        let aside = try MakeupFilter(look: Self.plum), inside = try MakeupFilter(look: Self.plum)
        aside.predictsAsideEvery = 1
        aside.whenLost = .blur
        func x(_ step: Int) -> Float { 160 + 8 * sin(Float(max(step - 30, 0)) * 1.5) }
        let frames = (0..<70).map { show(aside, $0, x: x($0)) }
        var worst = 0.0
        for step in 0..<70 {
            let b = show(inside, step, x: x(step))
            if step > 32 { worst = max(worst, distance(frames[step], b) / distance(bare(x: x(step)), b)) }
        }
        #expect(worst < 0.4)
    }

    @Test func speed() throws { #expect(try FilterSpeed.measure(team: 1, frames: 2).framesPerSecond > 0) }
}
