import CFFmpegCodec
import CFFmpegFormat
import CFFmpegUtil
import Foundation

/// Opens a file, a URL or '-' (standard input) and reads its packets. One thread at a time.
public final class Demuxer: @unchecked Sendable {
    let context: UnsafeMutablePointer<AVFormatContext>
    public let path: String
    public private(set) var videoIndex = -1
    private let patience: Patience

    /// - Parameters:
    ///   - live: gives up on a network stream that says nothing for ten seconds.
    ///   - cancellation: lets a read that waits be given up.
    /// - Throws: `VideoError.unreadable` or `.unsupported`, with the reason.
    public init(path: String, live: Bool = false, cancellation: Cancellation? = nil) throws {
        av_log_set_level(AV_LOG_QUIET)
        self.path = path
        if path != "-", !path.contains("://") {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                throw VideoError.unreadable(path, "no such file; check the path")
            }
            if isDirectory.boolValue { throw VideoError.unreadable(path, "is a folder; give a video file") }
            guard access(path, R_OK) == 0 else { throw VideoError.unreadable(path, "cannot be opened; check its permissions") }
            // Of a pipe, not even a byte may be read to see.
            if Demuxer.isEmptyFile(path) { throw VideoError.unreadable(path, "is empty") }
        }
        patience = Patience(cancellation: cancellation, seconds: live && path.contains("://") ? 10 : nil)
        var opened: UnsafeMutablePointer<AVFormatContext>? = avformat_alloc_context()
        opened?.pointee.interrupt_callback = patience.callback
        patience.begin()
        let code = avformat_open_input(&opened, path == "-" ? "pipe:0" : path, nil, nil)
        guard code >= 0, let context = opened else {
            throw VideoError.unreadable(path, "not a video that can be read (\(VideoError.text(code)))")
        }
        self.context = context
        // From here on `deinit` closes the input, also when this throws.
        guard avformat_find_stream_info(context, nil) >= 0 else {
            throw VideoError.unreadable(path, "its streams cannot be read; the file may be cut short")
        }
        let index = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
        guard index >= 0 else { throw VideoError.unsupported(path, "has no video stream") }
        videoIndex = Int(index)
        let p = context.pointee.streams[videoIndex]!.pointee.codecpar.pointee
        guard p.width > 0, p.height > 0 else { throw VideoError.unsupported(path, "its picture has no size") }
        guard p.width <= 8192, p.height <= 8192 else {
            throw VideoError.unsupported(path, "its picture is \(p.width)x\(p.height); at most 8192x8192 is supported")
        }
        if p.color_trc == AVCOL_TRC_SMPTE2084 || p.color_trc == AVCOL_TRC_ARIB_STD_B67 {
            throw VideoError.unsupported(path, "is HDR (PQ or HLG), which is not supported; convert it to SDR first")
        }
    }

    private static func isEmptyFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size == 0
    }

    deinit {
        var pointer: UnsafeMutablePointer<AVFormatContext>? = context
        avformat_close_input(&pointer)
    }

    var videoStream: UnsafeMutablePointer<AVStream> { context.pointee.streams[videoIndex]! }

    /// Frames that the container promises, or an estimate from its duration; nil when unknown.
    public var frameCountEstimate: Int? {
        let s = videoStream.pointee
        if s.nb_frames > 0 { return Int(s.nb_frames) }
        guard let seconds = duration, s.avg_frame_rate.den > 0 else { return nil }
        return Int(seconds * Double(s.avg_frame_rate.num) / Double(s.avg_frame_rate.den))
    }

    /// Seconds; nil when unknown.
    public var duration: Double? {
        context.pointee.duration > 0 ? Double(context.pointee.duration) / Double(AV_TIME_BASE) : nil
    }

    public var width: Int { Int(videoStream.pointee.codecpar.pointee.width) }
    public var height: Int { Int(videoStream.pointee.codecpar.pointee.height) }

    /// Still pictures come as one frame.
    public var isPicture: Bool {
        guard let name = context.pointee.iformat?.pointee.name else { return false }
        let format = String(cString: name)
        return format.hasSuffix("_pipe") || format.hasPrefix("image2")
    }

    /// Seconds of the first video frame.
    var startSeconds: Double {
        let s = videoStream.pointee
        return s.start_time == ssat_nopts ? 0 : Double(s.start_time) * av_q2d(s.time_base)
    }

    func seek(seconds: Double) {
        av_seek_frame(context, -1, Int64((seconds + startSeconds) * Double(AV_TIME_BASE)), AVSEEK_FLAG_BACKWARD)
    }

    private(set) var videoPackets = 0
    private(set) var endedBadly = false

    /// Reads the next packet; false at the end (or where a truncated file breaks off).
    func read(_ packet: UnsafeMutablePointer<AVPacket>) -> Bool {
        patience.begin()
        let code = av_read_frame(context, packet)
        if code >= 0, Int(packet.pointee.stream_index) == videoIndex { videoPackets += 1 }
        if code < 0, code != ssat_eof() { endedBadly = true }
        return code >= 0
    }

    /// After the last packet: whether the file broke off before what its index promises. An edit list may leave out a few.
    var isCutShort: Bool {
        endedBadly || Double(videoPackets) < Double(videoStream.pointee.nb_frames) * 0.98 - 2
    }
}

/// When FFmpeg is to give up waiting: on cancellation, or after some seconds.
///
/// Threads: FFmpeg may ask from any; `begin` is called before the call that may wait.
private final class Patience: @unchecked Sendable {
    private let cancellation: Cancellation?
    private let seconds: Double?
    private var until = Int64.max

    init(cancellation: Cancellation?, seconds: Double?) { (self.cancellation, self.seconds) = (cancellation, seconds) }

    func begin() { if let seconds { until = monotonicNanoseconds() + Int64(seconds * 1e9) } }

    private var isOver: Bool { cancellation?.isCancelled ?? false || monotonicNanoseconds() > until }

    /// Valid while this object lives.
    var callback: AVIOInterruptCB {
        AVIOInterruptCB(
            callback: { Unmanaged<Patience>.fromOpaque($0!).takeUnretainedValue().isOver ? 1 : 0 },
            opaque: Unmanaged.passUnretained(self).toOpaque())
    }
}
