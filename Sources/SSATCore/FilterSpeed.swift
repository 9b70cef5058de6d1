import Foundation

/// How fast this machine filters, measured without a picture: time depends on where the face is, not on what it looks like.
public struct FilterSpeed: Sendable {
    /// Milliseconds of the steps of one frame with one face that is followed: cut it out and find its landmarks and parts, predict
    /// the change, add it to the frame.
    public let find, transfer, composite: Double
    /// Milliseconds that a frame takes.
    public var milliseconds: Double { find + transfer + composite }
    public var framesPerSecond: Double { 1000 / milliseconds }

    fileprivate init(_ seconds: SIMD3<Double>) {
        (find, transfer, composite) = (seconds.x * 1000, seconds.y * 1000, seconds.z * 1000)
    }

    /// Takes about a second.
    /// - Parameters:
    ///   - width, height: of the frame, 4:2:0, at least 512 pixels each.
    ///   - team: threads that share a frame.
    /// - Throws: `SafetensorsError` when the built-in weights are damaged.
    public static func measure(width: Int = 1280, height: Int = 720, team: Int, frames: Int = 20) throws -> FilterSpeed {
        try MakeupFilter(look: inventedLook(), team: team).speed(width: width, height: height, frames: frames)
    }

    fileprivate static func inventedLook() -> Look {
        let count = 1300, channels = SymmetricCorrespondence.channels
        var random = SystemRandomNumberGenerator()
        func values() -> [Float] { (0..<count * channels).map { _ in .random(in: -0.2...0.2, using: &random) } }
        return Look(keys: values(), values: values(), colours: FaceColours(), complexion: Complexion(), paint: .bare, lipPaint: .zero)
    }

    /// The invented crop's face, mesh and all, in the middle of a frame.
    fileprivate static func inventedFace(_ width: Int, _ height: Int) -> FaceView {
        let view = FaceView(), face = InventedCrop(positions: 1400)
        view.parsing = face.parsing
        view.uv = face.uv
        let scale = Float(height) / 360
        view.cropToFrame = Similarity(a: scale, b: 0, tx: Float(width) / 2 - 128 * scale, ty: Float(height) / 2 - 128 * scale)
        let middle = SIMD2(Float(width), Float(height)) / 2
        view.track = Track(id: 0, landmarks: [SIMD2<Float>](repeating: middle, count: 478), time: 0)
        return view
    }
}

extension MakeupFilter {
    /// Of so many frames of 1280x720 with the look that is worn, each with a prediction of its own, or of those that half a second is enough for.
    /// Before the first frame.
    public func millisecondsPerFrame(frames: Int = 6) -> Double { speed(width: 1280, height: 720, frames: frames).milliseconds }

    /// Of frames that follow each other, 30 a second; each is filtered once. The first ones, in which the face is found and memory comes, do not count.
    public func speed(of frames: [FrameView]) -> FilterSpeed {
        let warmingUp = min(5, frames.count / 2)
        let seconds = frames.enumerated().map { index, frame in stepSeconds(on: frame) { analyze(frame, time: Double(index) / 30) } }
        return FilterSpeed(seconds[warmingUp...].reduce(SIMD3(repeating: 0), +) / Double(frames.count - warmingUp))
    }

    fileprivate func speed(width: Int, height: Int, frames: Int) -> FilterSpeed {
        let view = FilterSpeed.inventedFace(width, height)
        var samples = [UInt8](repeating: 120, count: width * height * 3 / 2)
        return samples.withUnsafeMutableBufferPointer { buffer in
            let luma = buffer.baseAddress!, chroma = luma + width * height
            let frame = FrameView(
                width: width, height: height, planes: [luma, chroma, chroma + width * height / 4], strides: [width, width / 2, width / 2],
                chromaShift: (1, 1), bitDepth: 8, matrix: .bt709, fullRange: false)
            _ = follow(view, in: frame)  // memory is touched, processors are awake
            let began = Date()
            var done = 0.0, total = SIMD3<Double>(repeating: 0)
            repeat {
                total += follow(view, in: frame)
                done += 1
            } while done < Double(frames) && Date().timeIntervalSince(began) < 0.5
            return FilterSpeed(total / done)
        }
    }

    /// Seconds of what every frame with a known face costs, but for smoothing its landmarks.
    private func follow(_ view: FaceView, in frame: FrameView) -> SIMD3<Double> {
        stepSeconds(on: frame) {
            let analysis = Analysis()
            analysis.outfit = Outfit(look: look, recipe: recipe)
            tracker.see(view, in: frame)
            analysis.views = [view]
            return analysis
        }
    }

    /// Seconds of the three steps.
    private func stepSeconds(on frame: FrameView, find: () -> Analysis) -> SIMD3<Double> {
        let began = Date(), analysis = find(), found = Date()
        transfer(analysis)
        let predicted = Date()
        finish(frame, analysis)
        return SIMD3(found.timeIntervalSince(began), predicted.timeIntervalSince(found), Date().timeIntervalSince(predicted))
    }
}
