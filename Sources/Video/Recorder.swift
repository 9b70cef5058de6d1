import CFFmpegCodec
import CFFmpegUtil
import Foundation

/// Live pictures to a file, a URL or standard output, with the times of their capture. Placeholders are not recorded.
/// One thread at a time.
public final class Recorder: LiveSink, @unchecked Sendable {
    private let path: String
    private let options: EncoderOptions
    private let muxer: Muxer
    private let rate: Double
    private var encoder: Encoder?
    private var origin: Int64 = 0
    private var lastTime: Int64 = -1
    private static let timeBase = AVRational(num: 1, den: 90_000)

    /// - Throws: `VideoError.unwritable`.
    public init(path: String, options: EncoderOptions, framesPerSecond: Double) throws {
        self.path = path
        self.options = options
        rate = framesPerSecond
        muxer = try Muxer(path: path, source: nil, encoder: options.name, container: options.container)
    }

    public func show(_ frame: Frame) throws {
        if encoder == nil {
            let timing = Encoder.Timing(timeBase: Self.timeBase, rate: av_d2q(rate, 1001))
            encoder = try Encoder(options, name: muxer.videoEncoderName, first: frame, timing: timing, globalHeader: muxer.wantsGlobalHeader)
            try muxer.start(encoder: encoder!, source: nil)
            origin = frame.pts
        }
        let time = (frame.pts - origin) * 9 / 100_000
        // A picture that is shown again stays one picture in the recording.
        guard time > lastTime else { return }
        lastTime = time
        let shared = Frame()
        try check(av_frame_ref(shared.raw, frame.raw), "share a frame")
        shared.raw.pointee.pts = time
        try encoder!.encode(shared) { try muxer.write(video: $0) }
    }

    public func showPlaceholder() throws {}

    public func finish() throws {
        guard let encoder else { return }
        try encoder.encode(nil) { try muxer.write(video: $0) }
        try muxer.finish()
    }
}

/// Takes pictures and keeps none: for measuring.
public final class NullSink: LiveSink {
    public init() {}
    public func show(_ frame: Frame) {}
    public func showPlaceholder() {}
    public func finish() {}
}
