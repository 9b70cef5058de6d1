import CFFmpegCodec
import CFFmpegFormat
import CFFmpegScale
import CFFmpegUtil

/// Video packets to frames. Broken ones are skipped and counted. One thread at a time.
final class Decoder: @unchecked Sendable {
    private let context: UnsafeMutablePointer<AVCodecContext>
    private var scaler: OpaquePointer?
    private let path: String
    private let stream: UnsafeMutablePointer<AVStream>
    private(set) var brokenFrames = 0

    init(_ demuxer: Demuxer, threads: Int) throws {
        path = demuxer.path
        stream = demuxer.videoStream
        let parameters = stream.pointee.codecpar!
        guard let codec = avcodec_find_decoder(parameters.pointee.codec_id) else {
            throw VideoError.unsupported(path, "no decoder for its video codec")
        }
        context = avcodec_alloc_context3(codec)!
        try check(avcodec_parameters_to_context(context, parameters), "read codec parameters")
        context.pointee.pkt_timebase = stream.pointee.time_base
        context.pointee.thread_count = Int32(threads)
        guard avcodec_open2(context, codec, nil) >= 0 else { throw VideoError.unsupported(path, "its video decoder cannot be opened") }
    }

    deinit {
        var pointer: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&pointer)
        sws_freeContext(scaler)
    }

    /// Sends a packet (nil at the end) and hands over every frame that comes out.
    func decode(_ packet: UnsafeMutablePointer<AVPacket>?, _ body: (Frame) throws -> Bool) throws -> Bool {
        if avcodec_send_packet(context, packet) < 0, packet != nil { brokenFrames += 1 }
        while true {
            let frame = Frame()
            let code = avcodec_receive_frame(context, frame.raw)
            if code == ssat_again() || code == ssat_eof() { return true }
            if code < 0 {
                brokenFrames += 1
                return true
            }
            if frame.raw.pointee.decode_error_flags != 0 { brokenFrames += 1 }
            frame.raw.pointee.pts = frame.raw.pointee.best_effort_timestamp
            if frame.color.isHDR { throw VideoError.unsupported(path, "is HDR (PQ or HLG), which is not supported; convert it to SDR first") }
            if try !body(try converted(frame)) { return false }
        }
    }

    /// The nearest format that the filter works in, depth kept up to 10 bits.
    private func converted(_ frame: Frame) throws -> Frame {
        let format = AVPixelFormat(frame.raw.pointee.format)
        if Frame.native.contains(format) { return frame }
        guard let description = av_pix_fmt_desc_get(format)?.pointee else { throw VideoError.unsupported(path, "unknown pixel format") }
        let rgb = frame.isRGB, deep = description.comp.0.depth > 8
        let target: AVPixelFormat =
            rgb
            ? (deep ? AV_PIX_FMT_GBRP10LE : AV_PIX_FMT_GBRP)
            : description.log2_chroma_w == 0 && description.nb_components >= 3
                ? (deep ? AV_PIX_FMT_YUV444P10LE : AV_PIX_FMT_YUV444P)
                : description.log2_chroma_h == 0 && description.nb_components >= 3
                    ? (deep ? AV_PIX_FMT_YUV422P10LE : AV_PIX_FMT_YUV422P) : (deep ? AV_PIX_FMT_YUV420P10LE : AV_PIX_FMT_YUV420P)
        let out = try Frame(width: frame.width, height: frame.height, format: target)
        try check(av_frame_copy_props(out.raw, frame.raw), "copy frame properties")
        scaler = sws_getCachedContext(
            scaler, frame.raw.pointee.width, frame.raw.pointee.height, format, frame.raw.pointee.width, frame.raw.pointee.height,
            target, Int32(SWS_BICUBIC) | Int32(SWS_ACCURATE_RND) | Int32(SWS_FULL_CHR_H_INT) | Int32(SWS_FULL_CHR_H_INP), nil, nil, nil)
        guard scaler != nil else { throw VideoError.unsupported(path, "its pixel format cannot be converted") }
        try check(sws_scale_frame(scaler, out.raw, frame.raw), "convert a frame")
        return out
    }
}
