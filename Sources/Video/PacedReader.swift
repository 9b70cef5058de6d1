import CFFmpegCodec
import CFFmpegFormat
import CFFmpegUtil
import Foundation

/// A file, a pipe or a stream as a live source: every picture comes when its time has come. A file's pictures are not left out,
/// but a reader that is late gets them late, as with a camera. A stream that breaks off is an error; a file's end is its end.
///
/// Threads: one thread at a time.
public final class PacedReader: LiveSource, @unchecked Sendable {
    private let path: String
    private let endIsLoss: Bool
    private let input: Demuxer
    private let decoder: Decoder
    private let packet = av_packet_alloc()!
    private let converter = FormatConverter()
    private let size: (width: Int, height: Int)?
    /// Nanoseconds that pictures lie apart at least; 0 takes all.
    private let shortest: Int64
    private var lastTime = Int64.min
    private var ready: [Frame] = []
    private var ended = false
    /// Monotonic nanoseconds of the clip's beginning.
    private var origin: Int64?

    /// - Parameters:
    ///   - size: what pictures are scaled to; their own when nil.
    ///   - framesPerSecond: pictures that come faster are left out.
    ///   - endIsLoss: whether the end of a stream is an error, so that it is waited for.
    ///   - cancellation: lets a stream that says nothing be given up.
    /// - Throws: `VideoError.unreadable` or `.unsupported`.
    public init(
        path: String, size: (width: Int, height: Int)? = nil, framesPerSecond: Double? = nil, endIsLoss: Bool = false,
        cancellation: Cancellation? = nil
    ) throws {
        self.path = path
        self.endIsLoss = endIsLoss
        self.size = size
        shortest = framesPerSecond.map { Int64(0.9e9 / $0) } ?? 0
        input = try Demuxer(path: path, live: true, cancellation: cancellation)
        decoder = try Decoder(input, threads: 1)
    }

    deinit {
        var pointer: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&pointer)
    }

    public var drops: Int { 0 }
    public var hasEnded: Bool { ended && ready.isEmpty }
    public var width: Int { size?.width ?? input.width }
    public var height: Int { size?.height ?? input.height }
    /// Nil when the input does not tell.
    public var framesPerSecond: Double? {
        let rate = input.videoStream.pointee.avg_frame_rate
        return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : nil
    }

    /// The next picture when its time has come; nil when that is more than `seconds` ahead, or at the end.
    /// - Throws: `VideoError.unreadable` when a stream breaks off.
    public func next(seconds: Double) throws -> Frame? {
        if origin == nil { giveWay() }
        try fill()
        guard let frame = ready.first else { return nil }
        let time = Int64((Double(frame.pts) * av_q2d(input.videoStream.pointee.time_base) - input.startSeconds) * 1e9)
        let now = monotonicNanoseconds()
        if origin == nil { origin = now - time }
        let due = origin! + time, wait = Double(due - now) / 1e9
        if wait > 0 { Thread.sleep(forTimeInterval: min(wait, seconds)) }
        if wait > seconds { return nil }
        ready.removeFirst()
        if lastTime != .min, due - lastTime < shortest { return nil }
        lastTime = due
        let taken = try scaled(frame)
        taken.raw.pointee.pts = due
        return taken
    }

    /// Decoding ahead must not hold up the picture that is in work: the priority of this thread is lowered (on Linux, 0 means it alone).
    private func giveWay() { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5) }

    private func fill() throws {
        while ready.isEmpty, !ended {
            if input.read(packet) {
                defer { av_packet_unref(packet) }
                if Int(packet.pointee.stream_index) == input.videoIndex { _ = try decoder.decode(packet) { ready.append($0); return true } }
            } else {
                if path.contains("://"), input.endedBadly || endIsLoss { throw VideoError.unreadable(path, "the stream broke off") }
                ended = true
                _ = try decoder.decode(nil) { ready.append($0); return true }
            }
        }
    }

    private func scaled(_ frame: Frame) throws -> Frame {
        guard let size, size != (frame.width, frame.height) else {
            try frame.makeWritable()
            return frame
        }
        return try converter.convert(frame, to: AVPixelFormat(frame.raw.pointee.format), size: size)
    }
}
