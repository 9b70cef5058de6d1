import CFFmpegCodec
import CFFmpegUtil
import Foundation

/// Live pictures to a file, a URL or standard output, with the times of their capture. The placeholder is recorded too, once
/// there was a picture: a viewer must not look at the last one for longer than a virtual camera would show it.
///
/// Threads: one thread at a time.
public final class Recorder: LiveSink, @unchecked Sendable {
    private let path: String
    private let options: EncoderOptions
    private let muxer: Muxer
    private let rate: Double
    private var encoder: Encoder?
    private var first: (width: Int, height: Int, format: AVPixelFormat) = (0, 0, AV_PIX_FMT_NONE)
    private var placeholder: Frame?
    private let converter = FormatConverter()
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
        if encoder == nil { try begin(frame) }
        try encode(fitted(frame), at: frame.pts)
    }

    public func showPlaceholder() throws {
        guard let placeholder else { return }
        try encode(placeholder, at: monotonicNanoseconds())
    }

    public func finish() throws {
        defer { muxer.discard() }
        guard let encoder else { return }
        try encoder.encode(nil) { try muxer.write(video: $0) }
        try muxer.finish()
    }

    /// The first picture decides on size and format.
    private func begin(_ frame: Frame) throws {
        let timing = Encoder.Timing(timeBase: Self.timeBase, rate: av_d2q(rate, 1001))
        encoder = try Encoder(options, name: muxer.videoEncoderName, first: frame, timing: timing, globalHeader: muxer.wantsGlobalHeader)
        try muxer.start(encoder: encoder!, source: nil)
        origin = frame.pts
        first = (frame.width, frame.height, AVPixelFormat(frame.raw.pointee.format))
        placeholder = try frame.copy()
        placeholder!.blank()
    }

    /// A camera that comes back may have another size; the recording keeps its own.
    private func fitted(_ frame: Frame) throws -> Frame {
        let format = AVPixelFormat(frame.raw.pointee.format)
        if (frame.width, frame.height, format) == first { return frame }
        return try converter.convert(frame, to: first.format, size: (first.width, first.height))
    }

    /// - Parameter time: monotonic nanoseconds.
    private func encode(_ frame: Frame, at time: Int64) throws {
        let time = (time - origin) * 9 / 100_000
        // A picture that is shown again stays one picture in the recording.
        guard time > lastTime else { return }
        lastTime = time
        let shared = Frame()
        try check(av_frame_ref(shared.raw, frame.raw), "share a frame")
        shared.raw.pointee.pts = time
        try encoder!.encode(shared) { try muxer.write(video: $0) }
    }
}

/// Takes pictures and keeps none: for measuring.
public final class NullSink: LiveSink {
    public init() {}
    public func show(_ frame: Frame) {}
    public func showPlaceholder() {}
    public func finish() {}
}
