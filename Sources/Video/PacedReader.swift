import CFFmpegCodec
import CFFmpegFormat
import CFFmpegUtil
import Foundation

/// A file or a stream as a live source: every picture comes when its time has come. A file's pictures are not left out, but a
/// reader that is late gets them late, as with a camera.
public final class PacedReader: LiveSource, @unchecked Sendable {
    private let input: Demuxer
    private let decoder: Decoder
    private let packet = av_packet_alloc()!
    private var ready: [Frame] = []
    private var ended = false
    /// Monotonic nanoseconds of the clip's beginning.
    private var origin: Int64?

    /// - Throws: `VideoError.unreadable` or `.unsupported`.
    public init(path: String) throws {
        input = try Demuxer(path: path)
        decoder = try Decoder(input, threads: 1)
    }

    deinit {
        var pointer: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&pointer)
    }

    public var drops: Int { 0 }
    public var hasEnded: Bool { ended && ready.isEmpty }
    public var width: Int { input.width }
    public var height: Int { input.height }
    /// Nil when the input does not tell.
    public var framesPerSecond: Double? {
        let rate = input.videoStream.pointee.avg_frame_rate
        return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : nil
    }

    public func next(seconds: Double) throws -> Frame? {
        while ready.isEmpty, !ended {
            if input.read(packet) {
                defer { av_packet_unref(packet) }
                if Int(packet.pointee.stream_index) == input.videoIndex { _ = try decoder.decode(packet) { ready.append($0); return true } }
            } else {
                ended = true
                _ = try decoder.decode(nil) { ready.append($0); return true }
            }
        }
        guard let frame = ready.first else { return nil }
        let base = av_q2d(input.videoStream.pointee.time_base)
        let time = Int64((Double(frame.pts) * base - input.startSeconds) * 1e9)
        let now = monotonicNanoseconds()
        if origin == nil { origin = now - time }
        let due = origin! + time, wait = Double(due - now) / 1e9
        if wait > 0 { Thread.sleep(forTimeInterval: min(wait, seconds)) }
        if wait > seconds { return nil }
        ready.removeFirst()
        try frame.makeWritable()
        frame.raw.pointee.pts = due
        return frame
    }
}
