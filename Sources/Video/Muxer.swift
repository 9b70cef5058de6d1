import CFFmpegCodec
import CFFmpegFormat
import CFFmpegUtil
import Foundation

/// Writes packets into a container: aside as `NAME.part`, renamed when whole. Calls are serialized by a lock that is held
/// for one packet at a time.
public final class Muxer: @unchecked Sendable {
    private let context: UnsafeMutablePointer<AVFormatContext>
    private let path: String
    private let partPath: String
    private let lock = NSLock()
    /// Whether all is written, or removed.
    private var ended = false
    private var headerWritten = false
    /// Whether the part file is ours.
    private var opened = false
    private var waiting: [UnsafeMutablePointer<AVPacket>] = []
    /// Input stream index to output stream index.
    private var copied: [Int: Int] = [:]
    /// Streams that the container cannot carry.
    private(set) var droppedStreams: [String] = []
    let isPicture: Bool
    private static let textTag = UInt32(0x7478_6574)  // 'text', little-endian
    private static let copiedKinds = [AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_SUBTITLE, AVMEDIA_TYPE_ATTACHMENT, AVMEDIA_TYPE_DATA]
    let videoEncoderName: String

    /// - Parameters:
    ///   - source: what is copied besides the pictures: other streams, chapters, metadata.
    ///   - container: a muxer's name, or nil to go by the file name.
    /// - Throws: `VideoError.unwritable`, also when the output is the input itself.
    init(path: String, source: Demuxer?, encoder: String?, container: String?) throws {
        self.path = path
        let standardOutput = path == "-", ext = (path as NSString).pathExtension.lowercased()
        // A pipe or a device is written as it is; a file is written aside.
        // HLS names its files in its playlist: they must have their names from the beginning.
        let direct = standardOutput || path.contains("://") || ext == "m3u8" || Muxer.isSpecial(path)
        partPath = direct ? path : path + ".part"
        isPicture = container == nil && ["png", "jpg", "jpeg", "webp", "bmp"].contains(ext)
        let name = Muxer.muxerName(container) ?? (standardOutput ? "matroska" : isPicture ? "image2" : Muxer.muxerName(ofURL: path))
        var found: UnsafeMutablePointer<AVFormatContext>?
        let code = avformat_alloc_output_context2(&found, nil, name, standardOutput ? "pipe:1" : path)
        guard code >= 0, let found else {
            let what = container.map { "no container is called '\($0)'" } ?? (ext.isEmpty ? "the name has no extension" : "no container for '.\(ext)'")
            throw VideoError.unwritable(path, what + "; use .mp4, .mkv, .mov, .webm or .avi, or --format")
        }
        context = found
        videoEncoderName = encoder ?? Muxer.encoderName(extension: ext, muxer: String(cString: found.pointee.oformat.pointee.name))
        if !standardOutput, !path.contains("://") {
            if let source, let a = Muxer.identity(path), let b = Muxer.identity(source.path), a == b {
                throw VideoError.unwritable(path, "is the input itself; choose another output")
            }
        }
        if isPicture { av_opt_set(context.pointee.priv_data, "update", "1", 0) }
        // Some containers (HLS, RTSP) open what they need themselves.
        let opensItself = context.pointee.oformat.pointee.flags & AVFMT_NOFILE != 0 && !isPicture
        let status = opensItself ? 0 : avio_open(&context.pointee.pb, standardOutput ? "pipe:1" : partPath, AVIO_FLAG_WRITE)
        guard status >= 0 else {
            throw VideoError.unwritable(path, "cannot be written (\(VideoError.text(status))); check the folder and its permissions")
        }
        opened = true
        if isPicture, let copy = av_strdup(partPath) {
            avio_closep(&context.pointee.pb)
            av_freep(&context.pointee.url)
            context.pointee.url = copy
        }
        if let source { av_dict_copy(&context.pointee.metadata, source.context.pointee.metadata, 0) }
    }

    deinit {
        discard()
        for packet in waiting {
            var pointer: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&pointer)
        }
        avformat_free_context(context)
    }

    private static func muxerName(_ container: String?) -> String? {
        switch container {
        case "y4m": "yuv4mpegpipe"
        case "mkv": "matroska"
        default: container
        }
    }

    /// The container that goes with a protocol whose address has no extension.
    private static func muxerName(ofURL path: String) -> String? {
        switch path.prefix(while: { $0 != ":" }) {
        case "rtmp", "rtmps": "flv"
        case "srt", "udp", "tcp", "rist": "mpegts"
        case "rtsp": "rtsp"
        case "rtp": "rtp_mpegts"
        default: nil
        }
    }

    private static func encoderName(extension ext: String, muxer: String) -> String {
        switch (ext, muxer) {
        case (_, "yuv4mpegpipe"): "wrapped_avframe"
        case ("png", "image2"): "png"
        case ("jpg", "image2"), ("jpeg", "image2"): "mjpeg"
        case ("webp", "image2"): "libwebp"
        case ("bmp", "image2"): "bmp"
        case (_, "webm"): "libvpx-vp9"
        default: "libx264"
        }
    }

    /// A pipe, a terminal or a device, which must not be replaced by a file.
    private static func isSpecial(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        let kind = status.st_mode & S_IFMT
        return kind != S_IFREG && kind != S_IFDIR
    }

    private static func identity(_ path: String) -> [UInt64]? {
        var status = stat()
        return stat(path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
    }

    var wantsGlobalHeader: Bool { context.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0 }
    private var videoStream: UnsafeMutablePointer<AVStream>!
    private var encoderTimeBase = AVRational(num: 1, den: 1)

    /// Adds the video stream and copies of all others of the source, then writes the header and every packet that came before it.
    func start(encoder: Encoder, source: Demuxer?) throws {
        lock.lock()
        defer { lock.unlock() }
        videoStream = nil
        for index in 0..<Int(source?.context.pointee.nb_streams ?? 0) {
            let from = source!.context.pointee.streams[index]!
            if index == source!.videoIndex { try addVideo(encoder, from) } else if !isPicture { try addCopy(index, from) }
        }
        if let source { copyChapters(source) } else { try addVideo(encoder, nil) }
        // Matroska stores presentation times only: without this it would shift everything by the encoder's delay.
        let format = String(cString: context.pointee.oformat.pointee.name)
        if format == "matroska" || format == "webm" { context.pointee.avoid_negative_ts = 0 }
        keepStartTimes(source)
        let code = avformat_write_header(context, nil)
        guard code >= 0 else { throw VideoError.unwritable(path, "the container refuses these streams (\(VideoError.text(code)))") }
        headerWritten = true
        guard let source else { return }
        let held = waiting
        waiting = []
        for packet in held {
            try copyNow(packet, source)
            var pointer: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&pointer)
        }
    }

    private func addVideo(_ encoder: Encoder, _ from: UnsafeMutablePointer<AVStream>?) throws {
        videoStream = avformat_new_stream(context, nil)
        try check(avcodec_parameters_from_context(videoStream.pointee.codecpar, encoder.context), "describe the video")
        videoStream.pointee.time_base = encoder.context.pointee.time_base
        encoderTimeBase = encoder.context.pointee.time_base
        videoStream.pointee.sample_aspect_ratio = encoder.context.pointee.sample_aspect_ratio
        videoStream.pointee.avg_frame_rate = from?.pointee.avg_frame_rate ?? encoder.context.pointee.framerate
        guard let from else { return }
        videoStream.pointee.disposition = from.pointee.disposition
        av_dict_copy(&videoStream.pointee.metadata, from.pointee.metadata, 0)
        for i in 0..<Int(from.pointee.nb_side_data) {
            let data = from.pointee.side_data[i]
            guard data.type == AV_PKT_DATA_DISPLAYMATRIX else { continue }
            if let copy = av_stream_new_side_data(videoStream, data.type, data.size) { memcpy(copy, data.data, data.size) }
        }
    }

    /// A stream whose packets are copied, or a line in `droppedStreams`.
    private func addCopy(_ index: Int, _ from: UnsafeMutablePointer<AVStream>) throws {
        let parameters = from.pointee.codecpar!
        // The text track that holds an mp4's chapters is written anew with the chapters.
        if parameters.pointee.codec_id == AV_CODEC_ID_BIN_DATA, parameters.pointee.codec_tag == Muxer.textTag { return }
        let attached = from.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0
        let kind = parameters.pointee.codec_type
        guard carries(parameters.pointee.codec_id, kind), !attached, Muxer.copiedKinds.contains(kind) else {
            let name = kind == AVMEDIA_TYPE_VIDEO ? "video" : String(cString: avcodec_get_name(parameters.pointee.codec_id))
            droppedStreams.append("stream \(index) (\(name))")
            return
        }
        let to = avformat_new_stream(context, nil)!
        try check(avcodec_parameters_copy(to.pointee.codecpar, parameters), "describe a copied stream")
        to.pointee.codecpar.pointee.codec_tag = 0
        to.pointee.time_base = from.pointee.time_base
        to.pointee.disposition = from.pointee.disposition
        av_dict_copy(&to.pointee.metadata, from.pointee.metadata, 0)
        copied[index] = Int(to.pointee.index)
    }

    /// Whether the container takes such a stream. Where it does not say, one that knows no codec of a kind takes none of it (y4m: pictures alone).
    private func carries(_ codec: AVCodecID, _ kind: AVMediaType) -> Bool {
        let format = context.pointee.oformat!
        let answer = avformat_query_codec(format, codec, FF_COMPLIANCE_NORMAL)
        guard answer < 0 else { return answer > 0 }
        return switch kind {
        case AVMEDIA_TYPE_AUDIO: format.pointee.audio_codec != AV_CODEC_ID_NONE
        case AVMEDIA_TYPE_SUBTITLE: format.pointee.subtitle_codec != AV_CODEC_ID_NONE
        default: format.pointee.audio_codec != AV_CODEC_ID_NONE || format.pointee.subtitle_codec != AV_CODEC_ID_NONE
        }
    }

    /// mov and mp4 store when a track begins in units of the movie, 1 ms if not told otherwise: too coarse for audio's first sample.
    private func keepStartTimes(_ source: Demuxer?) {
        guard let source else { return }
        for index in copied.keys.sorted() {
            let from = source.context.pointee.streams[index]!
            guard from.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_AUDIO else { continue }
            av_opt_set_int(context.pointee.priv_data, "movie_timescale", Int64(from.pointee.codecpar.pointee.sample_rate), 0)
            return
        }
    }

    private func copyChapters(_ source: Demuxer) {
        let count = Int(source.context.pointee.nb_chapters)
        guard count > 0, let list = av_calloc(count, MemoryLayout<UnsafeMutablePointer<AVChapter>?>.size)?
            .assumingMemoryBound(to: UnsafeMutablePointer<AVChapter>?.self)
        else { return }
        for i in 0..<count {
            guard let from = source.context.pointee.chapters[i],
                let to = av_mallocz(MemoryLayout<AVChapter>.size)?.assumingMemoryBound(to: AVChapter.self)
            else { continue }
            to.pointee = from.pointee
            to.pointee.metadata = nil
            av_dict_copy(&to.pointee.metadata, from.pointee.metadata, 0)
            list[i] = to
        }
        context.pointee.chapters = list
        context.pointee.nb_chapters = UInt32(count)
    }

    func write(video packet: UnsafeMutablePointer<AVPacket>) throws {
        lock.lock()
        defer { lock.unlock() }
        packet.pointee.stream_index = videoStream.pointee.index
        if packet.pointee.duration <= 0, videoStream.pointee.avg_frame_rate.num > 0 {
            packet.pointee.duration = av_rescale_q(1, av_inv_q(videoStream.pointee.avg_frame_rate), encoderTimeBase)
        }
        av_packet_rescale_ts(packet, encoderTimeBase, videoStream.pointee.time_base)
        try checkWrite(av_interleaved_write_frame(context, packet))
    }

    /// Copies a packet of another stream, untouched; keeps it until the header is written.
    func copy(_ packet: UnsafeMutablePointer<AVPacket>, _ source: Demuxer) throws {
        lock.lock()
        defer { lock.unlock() }
        if headerWritten {
            try copyNow(packet, source)
        } else if let kept = av_packet_clone(packet) {
            waiting.append(kept)
        }
    }

    private func copyNow(_ packet: UnsafeMutablePointer<AVPacket>, _ source: Demuxer) throws {
        let index = Int(packet.pointee.stream_index)
        guard let target = copied[index] else { return }
        let from = source.context.pointee.streams[index]!, to = context.pointee.streams[target]!
        packet.pointee.stream_index = Int32(target)
        packet.pointee.pos = -1
        av_packet_rescale_ts(packet, from.pointee.time_base, to.pointee.time_base)
        try checkWrite(av_interleaved_write_frame(context, packet))
    }

    private func checkWrite(_ code: Int32) throws {
        if code >= 0 { return }
        if code == ssat_no_space() { throw VideoError.unwritable(path, "the disk is full; free some space and run again") }
        throw VideoError.unwritable(path, "writing failed (\(VideoError.text(code)))")
    }

    /// Ends the file and gives it its name.
    func finish() throws {
        lock.lock()
        defer { lock.unlock() }
        guard headerWritten else { throw VideoError.unwritable(path, "nothing to write") }
        try checkWrite(av_write_trailer(context))
        if context.pointee.pb != nil { try checkWrite(avio_closep(&context.pointee.pb)) }
        ended = true
        if partPath != path, rename(partPath, path) != 0 {
            unlink(partPath)
            throw VideoError.unwritable(path, "cannot be renamed into place")
        }
    }

    /// Removes what was written aside, unless it was finished. Whoever made the muxer calls this before it returns: a thread that
    /// is about to end may hold the muxer for longer than the program lives.
    func discard() {
        lock.lock()
        defer { lock.unlock() }
        guard !ended else { return }
        ended = true
        if context.pointee.pb != nil { avio_closep(&context.pointee.pb) }
        if opened, partPath != path { unlink(partPath) }
    }
}
