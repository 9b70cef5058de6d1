import Foundation
import SSATCore
import Testing
import Video

/// A face (the sample mean face: nobody's) laid over grey at any place, size and angle: the motion is known exactly.
struct Stage {
    let width, height: Int
    /// Planes G, B, R one after the other.
    var samples: [UInt8]

    /// Interleaved R'G'B' of samples/bare.jpg, and the landmarks that are found in the plain picture.
    static let face: Picture = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("samples/bare.jpg").path
        return try! Picture(FrameReader.first(Demuxer(path: path)))
    }()

    init(_ width: Int, _ height: Int) {
        (self.width, self.height) = (width, height)
        samples = [UInt8](repeating: 120, count: width * height * 3)
    }

    /// `place`: pixels of the face picture to pixels of the stage.
    mutating func lay(_ place: Similarity) {
        let inverse = place.inverse, face = Self.face
        for y in 0..<height {
            for x in 0..<width {
                let p = inverse.apply(SIMD2(Float(x), Float(y)))
                guard p.x >= 0, p.y >= 0, p.x < Float(face.width - 1), p.y < Float(face.height - 1) else { continue }
                let x0 = Int(p.x), y0 = Int(p.y), fx = p.x - Float(x0), fy = p.y - Float(y0)
                for (plane, c) in [1, 2, 0].enumerated() {
                    func v(_ x: Int, _ y: Int) -> Float { Float(face.rgb[(y * face.width + x) * 3 + c]) }
                    let top = v(x0, y0) * (1 - fx) + v(x0 + 1, y0) * fx, bottom = v(x0, y0 + 1) * (1 - fx) + v(x0 + 1, y0 + 1) * fx
                    samples[(plane * height + y) * width + x] = UInt8(top * (1 - fy) + bottom * fy)
                }
            }
        }
    }

    mutating func see(_ filter: MakeupFilter, _ time: Double) -> (ids: [Int], landmarks: [[SIMD2<Float>]]) {
        var result: (ids: [Int], landmarks: [[SIMD2<Float>]]) = ([], [])
        withView { view in
            let analysis = filter.analyze(view, time: time)
            result = (analysis.trackIDs, analysis.landmarks)
            filter.transfer(analysis)
            filter.finish(view, analysis)
        }
        return result
    }

    mutating func withView(_ body: (FrameView) -> Void) {
        let (w, h) = (width, height)
        samples.withUnsafeMutableBufferPointer { buffer in
            body(
                FrameView(
                    width: w, height: h, planes: (0..<3).map { buffer.baseAddress! + $0 * w * h }, strides: [w, w, w], chromaShift: (0, 0),
                    bitDepth: 8, matrix: .rgb, fullRange: true))
        }
    }

    static func place(scale: Float, degrees: Float, x: Float, y: Float) -> Similarity {
        let a = scale * cos(degrees * .pi / 180), b = scale * sin(degrees * .pi / 180), m = Float(face.width) / 2, n = Float(face.height) / 2
        return Similarity(a: a, b: b, tx: x - (a * m - b * n), ty: y - (b * m + a * n))
    }
}

@Suite struct FaceTrackerTests {
    private func filter(_ faces: FacePolicy = .all) throws -> MakeupFilter { try MakeupFilter(look: nil, faces: faces) }

    /// Landmarks in pixels of the face picture, upright and large.
    private func truth() throws -> [SIMD2<Float>] {
        var stage = Stage(480, 480)
        let place = Stage.place(scale: 1, degrees: 0, x: 240, y: 240)
        stage.lay(place)
        let seen = stage.see(try filter(), 0)
        return try #require(seen.landmarks.first).map(place.inverse.apply)
    }

    /// Mean distance over the eyes' distance.
    private func error(_ seen: [SIMD2<Float>], _ truth: [SIMD2<Float>], _ place: Similarity) -> Float {
        let expected = truth.map(place.apply)
        func distance(_ a: SIMD2<Float>, _ b: SIMD2<Float>) -> Float { let d = a - b; return (d * d).sum().squareRoot() }
        return zip(seen, expected).map { distance($0, $1) }.reduce(0, +) / 478 / distance(expected[33], expected[263])
    }

    @Test func anyRotationAndSize() throws {
        let truth = try truth()
        for (degrees, scale) in [(0, 0.16), (0, 0.4), (0, 1.3), (30, 0.8), (90, 0.8), (150, 0.8), (180, 0.8), (-120, 0.8), (-60, 0.8)] {
            var stage = Stage(480, 480)
            let place = Stage.place(scale: Float(scale), degrees: Float(degrees), x: 240, y: 230)
            stage.lay(place)
            let seen = stage.see(try filter(), 0)
            #expect(seen.ids == [1], "\(degrees) degrees, scale \(scale)")
            if let landmarks = seen.landmarks.first { #expect(error(landmarks, truth, place) < 0.08, "\(degrees) degrees, scale \(scale)") }
        }
    }

    @Test func followsMotion() throws {
        let truth = try truth(), filter = try filter()
        for step in 0..<40 {
            let t = Float(step)
            let place = Stage.place(scale: 0.7 + 0.006 * t, degrees: t, x: 150 + 4 * t, y: 220 + 30 * sin(t / 6))
            var stage = Stage(480, 480)
            stage.lay(place)
            let seen = stage.see(filter, Double(step) / 30)
            #expect(seen.ids == [1], "frame \(step)")
            if let landmarks = seen.landmarks.first { #expect(error(landmarks, truth, place) < 0.08, "frame \(step)") }
        }
    }

    @Test func lossAndReturn() throws {
        let filter = try filter()
        func show(_ present: Bool, _ time: Double) -> [Int] {
            var stage = Stage(320, 320)
            if present { stage.lay(Stage.place(scale: 0.6, degrees: 0, x: 160, y: 160)) }
            return stage.see(filter, time).ids
        }
        #expect(show(true, 0) == [1] && show(true, 0.04) == [1])
        #expect(show(false, 0.08) == [], "nothing is left in the air")
        #expect(show(true, 1) == [1], "back within two seconds: the same face")
        #expect(show(false, 1.1) == [])
        #expect(show(true, 6) == [2], "back after long: a new one")
    }

    @Test func primaryKeepsItsPlace() throws {
        let primary = try filter(.primary), all = try filter(.all)
        for step in 0..<24 {
            var stage = Stage(640, 320)
            stage.lay(Stage.place(scale: 0.45, degrees: 0, x: 150, y: 160))
            // A larger face comes in later.
            if step > 3 { stage.lay(Stage.place(scale: 0.75, degrees: 0, x: 480, y: 160)) }
            let one = stage.see(primary, Double(step) / 30), both = stage.see(all, Double(step) / 30)
            #expect(one.ids == [1])
            #expect(one.landmarks[0][4].x < 300, "the first face stays the primary one")
            if step > 14 { #expect(both.ids.sorted() == [1, 2]) }
        }
    }

    /// The user turns away or is covered while somebody else stands beside: the other does not get the makeup, however long it
    /// takes, and the picture is not shown bare.
    @Test func aSecondFaceNeverTakesThePrimaryPlace() throws {
        let filter = try filter(.primary)
        filter.whenLost = .blur
        func show(_ first: Bool, _ second: Bool, _ time: Double) -> [Int] {
            var stage = Stage(640, 320)
            if first { stage.lay(Stage.place(scale: 0.45, degrees: 0, x: 150, y: 160)) }
            if second { stage.lay(Stage.place(scale: 0.75, degrees: 0, x: 480, y: 160)) }
            let before = stage.samples, ids = stage.see(filter, time).ids
            if ids.isEmpty { #expect(stage.samples != before, "blurred at \(time)") }
            return ids
        }
        for step in 0..<3 { #expect(show(true, false, Double(step) / 10) == [1]) }
        for step in 3..<23 { #expect(show(true, true, Double(step) / 10) == [1]) }
        for step in 23..<100 { #expect(show(false, true, Double(step) / 10) == [], "at \(Double(step) / 10) s") }
        #expect(show(true, true, 10) == [2], "the user is back")
        filter.choosePrimary()
        var stage = Stage(640, 320)
        stage.lay(Stage.place(scale: 0.45, degrees: 0, x: 150, y: 160))
        stage.lay(Stage.place(scale: 0.75, degrees: 0, x: 480, y: 160))
        let chosen = stage.see(filter, 10.1)
        #expect(chosen.landmarks.count == 1 && chosen.landmarks[0][4].x > 300, "the largest, on request")
    }

    /// Somebody who comes while the user is covered has to wait.
    @Test func aNewcomerDoesNotTakeAKeptPlace() throws {
        let filter = try filter(.primary)
        func show(_ x: Float?, _ time: Double) -> [Int] {
            var stage = Stage(640, 320)
            if let x { stage.lay(Stage.place(scale: 0.45, degrees: 0, x: x, y: 160)) }
            return stage.see(filter, time).ids
        }
        #expect(show(150, 0) == [1] && show(150, 0.1) == [1])
        for time in [0.5, 1.5, 3, 4.5] { #expect(show(500, time) == []) }
        #expect(show(160, 4.8) == [2], "the user's place, though the id is forgotten")
        #expect(show(nil, 5) == [] && show(500, 11) == [3], "free after five seconds")
    }

    @Test func othersAreBlurredOnRequest() throws {
        let filter = try filter(.primary)
        filter.blursOthers = true
        for step in 0..<20 {
            var stage = Stage(640, 320)
            stage.lay(Stage.place(scale: 0.45, degrees: 0, x: 150, y: 160))
            if step > 3 { stage.lay(Stage.place(scale: 0.6, degrees: 0, x: 480, y: 160)) }
            let before = stage.samples
            #expect(stage.see(filter, Double(step) / 30).ids == [1])
            let (w, n) = (stage.width, stage.width * stage.height)
            func changed(_ x: Range<Int>) -> Int {
                (0..<n).count { x.contains($0 % w) && stage.samples[$0] != before[$0] }
            }
            #expect(changed(0..<300) == 0, "the primary face is sharp")
            if step > 3 { #expect(changed(400..<560) > 5000, "frame \(step)") }
        }
    }

    /// One of two faces is not found any more: it may still be there, bare.
    @Test func oneOfTwoLostHidesThePicture() throws {
        let filter = try filter(.all)
        filter.whenLost = .blur
        func shows(_ second: Bool, _ time: Double) -> Bool {
            var stage = Stage(640, 320)
            stage.lay(Stage.place(scale: 0.45, degrees: 0, x: 150, y: 160))
            if second { stage.lay(Stage.place(scale: 0.45, degrees: 0, x: 480, y: 160)) }
            let before = stage.samples
            _ = stage.see(filter, time)
            return stage.samples == before
        }
        for step in 0..<14 { _ = shows(true, Double(step) / 30) }
        #expect(shows(true, 0.5))
        #expect(!shows(false, 0.6) && !shows(false, 2.4), "hidden for two seconds")
        #expect(shows(false, 3), "then it is believed that somebody left")
    }

    /// `hold` shows the last picture again, not the new one with makeup at the old place.
    @Test func holdShowsTheLastPicture() throws {
        let filter = try filter(.all)
        filter.whenLost = .hold
        func show(_ x: Float?, _ time: Double) -> (before: [UInt8], after: [UInt8]) {
            var stage = Stage(320, 320)
            if let x { stage.lay(Stage.place(scale: 0.6, degrees: 0, x: x, y: 160)) }
            let before = stage.samples
            _ = stage.see(filter, time)
            return (before, stage.samples)
        }
        let empty = show(nil, 0)
        #expect(empty.after == empty.before || empty.after.count == empty.before.count)
        let last = show(160, 0.1).after
        #expect(show(nil, 0.2).after == last && show(nil, 0.29).after == last)
        let later = show(nil, 0.4).after
        #expect(later != last, "blurred after a fifth of a second")
    }
}
