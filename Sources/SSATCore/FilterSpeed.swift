import Foundation

/// How fast this machine filters, measured without a picture: the networks' time does not depend on what they see.
public struct FilterSpeed: Sendable {
    /// Milliseconds that a 1280x720 frame with one face takes.
    public let milliseconds: Double
    public var framesPerSecond: Double { 1000 / milliseconds }

    /// Takes about a second.
    /// - Parameter team: threads that share a frame.
    /// - Throws: `SafetensorsError` when the built-in weights are damaged.
    public static func measure(team: Int, frames: Int = 20) throws -> FilterSpeed {
        FilterSpeed(milliseconds: try MakeupFilter(look: inventedLook(), team: team).millisecondsPerFrame(frames: frames))
    }

    private static func inventedLook() -> Look {
        let count = 1300, channels = SymmetricCorrespondence.channels
        var random = SystemRandomNumberGenerator()
        func values() -> [Float] { (0..<count * channels).map { _ in .random(in: -0.2...0.2, using: &random) } }
        return Look(keys: values(), values: values(), colours: FaceColours(), lipPaint: .zero)
    }

    /// Skin in an oval as large as a face is in its crop, in the middle of a 720p frame.
    fileprivate static func inventedFace() -> FaceView {
        let view = FaceView()
        for y in 0..<256 {
            for x in 0..<256 {
                let (u, v) = (Float(x - 128) / 68, Float(y - 128) / 85)
                view.parsing[y * 256 + x] = u * u + v * v < 1 ? FaceClass.skin.rawValue : FaceClass.background.rawValue
            }
        }
        view.cropToFrame = Similarity(a: 2, b: 0, tx: 384, ty: 104)
        view.track = Track(id: 0, landmarks: [SIMD2<Float>](repeating: SIMD2(640, 360), count: 478), time: 0)
        return view
    }
}

extension MakeupFilter {
    /// Milliseconds that a 1280x720 frame with one face takes with the look that is worn: of so many frames, or of those that half a
    /// second is enough for. Before the first frame.
    public func millisecondsPerFrame(frames: Int = 6) -> Double {
        let view = FilterSpeed.inventedFace(), (width, height) = (1280, 720)
        var samples = [UInt8](repeating: 120, count: width * height * 3 / 2)
        return samples.withUnsafeMutableBufferPointer { buffer in
            let luma = buffer.baseAddress!, chroma = luma + width * height
            let frame = FrameView(
                width: width, height: height, planes: [luma, chroma, chroma + width * height / 4], strides: [width, width / 2, width / 2],
                chromaShift: (1, 1), bitDepth: 8, matrix: .bt709, fullRange: false)
            follow(view, in: frame)  // memory is touched, processors are awake
            let began = Date()
            var done = 0, seconds = 0.0
            repeat {
                follow(view, in: frame)
                (done, seconds) = (done + 1, Date().timeIntervalSince(began))
            } while done < frames && seconds < 0.5
            return seconds * 1000 / Double(done)
        }
    }

    /// What every frame with a known face costs, but for smoothing its landmarks.
    private func follow(_ view: FaceView, in frame: FrameView) {
        let analysis = Analysis()
        analysis.outfit = Outfit(look: look, recipe: recipe)
        tracker.see(view, in: frame)
        analysis.views = [view]
        transfer(analysis)
        finish(frame, analysis)
    }
}
