import CFFmpegCodec
import CFFmpegFormat
import CFFmpegUtil

/// How the output is encoded.
public struct EncoderOptions: Sendable {
    /// A libavcodec encoder; nil chooses by the container (libx264, libvpx-vp9 for webm, png and so on for pictures).
    public var name: String?
    /// A libavformat muxer, or y4m; nil goes by the file name ('-' is matroska).
    public var container: String?
    public var crf: Int?
    /// Of libx264 and libx265, as they define it; nil: veryfast, by libx264 in less memory (`Encoder.lookLessFarAhead`).
    public var preset: String?
    /// Of the encoder. 0: as many as the pipeline's shares say, or what the encoder thinks right where there is no pipeline.
    public var threads = 0
    /// For streams that somebody looks at: no picture is held back, and one can join every two seconds.
    public var live = false
    /// libx264, libx265, libvpx and libaom look ahead at fewer frames; the first two encode one at a time. The same quality then takes more bits.
    public var sparesMemory = false
    public init() {}
}

/// Frames to packets. One thread at a time.
final class Encoder: @unchecked Sendable {
    let context: UnsafeMutablePointer<AVCodecContext>
    private let format: AVPixelFormat

    /// What the first frame does not tell.
    struct Timing {
        var timeBase: AVRational
        /// Frames per second; 0/0 when unknown.
        var rate: AVRational
        var sampleAspect = AVRational(num: 0, den: 1)
        /// Whether every frame lasts as long as the next.
        var isConstant = false

        init(timeBase: AVRational, rate: AVRational) {
            self.timeBase = timeBase
            self.rate = rate
        }

        init(_ stream: UnsafeMutablePointer<AVStream>) {
            timeBase = stream.pointee.time_base
            rate = stream.pointee.avg_frame_rate.num > 0 ? stream.pointee.avg_frame_rate : stream.pointee.r_frame_rate
            sampleAspect = stream.pointee.sample_aspect_ratio
            isConstant = rate.num > 0 && av_cmp_q(rate, stream.pointee.r_frame_rate) == 0
        }
    }

    init(_ options: EncoderOptions, name: String, first frame: Frame, timing: Timing, globalHeader: Bool) throws {
        guard let codec = avcodec_find_encoder_by_name(name) else {
            throw VideoError.encoder(name, "this FFmpeg does not have it; 'ffmpeg -encoders' lists what there is")
        }
        guard codec.pointee.type == AVMEDIA_TYPE_VIDEO else { throw VideoError.encoder(name, "is not a video encoder") }
        let wanted = AVPixelFormat(frame.raw.pointee.format)
        // What is looked at as it comes is looked at with browsers and phones: 4:2:0, 8 bit.
        format = options.live ? Encoder.best(AV_PIX_FMT_YUV420P, codec) : Encoder.best(wanted, codec)
        context = avcodec_alloc_context3(codec)!
        let source = frame.raw.pointee
        context.pointee.width = source.width
        context.pointee.height = source.height
        context.pointee.pix_fmt = format
        context.pointee.time_base = timing.timeBase
        context.pointee.framerate = timing.rate
        context.pointee.sample_aspect_ratio = source.sample_aspect_ratio.num > 0 ? source.sample_aspect_ratio : timing.sampleAspect
        context.pointee.color_range = source.color_range
        context.pointee.color_primaries = source.color_primaries
        context.pointee.color_trc = source.color_trc
        context.pointee.colorspace = source.colorspace
        context.pointee.chroma_sample_location = source.chroma_location
        if frame.isRGB, (av_pix_fmt_desc_get(format)?.pointee.flags ?? 0) & UInt64(AV_PIX_FMT_FLAG_RGB) == 0 {
            // What FormatConverter makes of R'G'B'.
            context.pointee.colorspace = source.height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M
            context.pointee.color_range = name == "mjpeg" ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        }
        context.pointee.thread_count = Int32(options.threads)
        if options.live { context.pointee.gop_size = max(Int32(2 * av_q2d(timing.rate)), 1) }
        if globalHeader { context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER }
        setQuality(name, options, timing)
        let code = avcodec_open2(context, codec, nil)
        guard code >= 0 else { throw VideoError.encoder(name, "cannot encode this video (\(VideoError.text(code)))") }
    }

    deinit {
        var pointer: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&pointer)
    }

    private func set(_ option: String, _ value: String) { av_opt_set(context.pointee.priv_data, option, value, 0) }

    /// How good the picture is to be, how fast, and in how much memory: each encoder has its own words for it.
    private func setQuality(_ name: String, _ options: EncoderOptions, _ timing: Timing) {
        if name.hasPrefix("libx26") {
            set("preset", options.preset ?? "veryfast")
            set("crf", "\(options.crf ?? 18)")
            if options.live { set("tune", "zerolatency") }
            if name.hasPrefix("libx264") {
                _ = Self.leavesHugePages
                if options.preset == nil && !options.live || options.sparesMemory { lookLessFarAhead(isConstant: timing.isConstant) }
            }
        } else if name.hasPrefix("libvpx") || name.hasPrefix("libaom") {
            set("crf", "\(options.crf ?? 28)")
            set("cpu-used", "6")
            set("row-mt", "1")
        } else if name == "libwebp" {
            set("quality", "92")
        } else if name == "mjpeg" || name == "mpeg4" {
            context.pointee.flags |= AV_CODEC_FLAG_QSCALE
            context.pointee.global_quality = 2 * FF_QP2LAMBDA
            context.pointee.strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL
        }
        if options.sparesMemory { spareMemory(name) }
    }

    /// libx264 asks for huge pages, and its buffers do not fill them: 11 MB at 1080p for no time.
    private static let leavesHugePages: Void = ssat_leave_huge_pages()

    /// Every frame that libx264 looks ahead at takes 7 MB at 1080p, and every one that others are predicted from 12 (docs/decisions/0050).
    /// - Parameter isConstant: whether the next frame's time is known before it comes.
    private func lookLessFarAhead(isConstant: Bool) {
        set("rc-lookahead", "5")
        set("b-pyramid", "none")
        // How many frames wait for the thread that looks ahead. More threads than two would wait for it in turn.
        var parameters = (1...2).contains(context.pointee.thread_count) ? ["sync-lookahead=1"] : []
        if isConstant { parameters.append("force-cfr=1") }
        if !parameters.isEmpty { set("x264-params", parameters.joined(separator: ":")) }
    }

    private func spareMemory(_ name: String) {
        if name == "libx265" {
            // It refuses to look ahead at no more frames than may be B in a row; slow presets have eight.
            set("x265-params", "frame-threads=1:bframes=4:rc-lookahead=5")
        } else if name.hasPrefix("libx264") {
            context.pointee.thread_type = FF_THREAD_SLICE
        } else if name.hasPrefix("libvpx") || name.hasPrefix("libaom") {
            set("lag-in-frames", "8")
        }
    }

    /// The source's own format where the encoder takes it, else the nearest.
    private static func best(_ wanted: AVPixelFormat, _ codec: UnsafePointer<AVCodec>) -> AVPixelFormat {
        guard var list = codec.pointee.pix_fmts else { return wanted }
        var all: [AVPixelFormat] = []
        while list.pointee != AV_PIX_FMT_NONE {
            all.append(list.pointee)
            list += 1
        }
        if all.contains(wanted) { return wanted }
        return avcodec_find_best_pix_fmt_of_list(codec.pointee.pix_fmts, wanted, 0, nil)
    }

    private var scaler: FormatConverter?

    /// Sends a frame (nil at the end) and hands over every packet that comes out.
    func encode(_ frame: Frame?, _ body: (UnsafeMutablePointer<AVPacket>) throws -> Void) throws {
        var converted = frame
        if let frame, AVPixelFormat(frame.raw.pointee.format) != format {
            if scaler == nil { scaler = FormatConverter() }
            converted = try scaler!.convert(frame, to: format)
        }
        converted?.raw.pointee.pict_type = AV_PICTURE_TYPE_NONE
        if let converted, context.pointee.flags & AV_CODEC_FLAG_QSCALE != 0 { converted.raw.pointee.quality = context.pointee.global_quality }
        try check(avcodec_send_frame(context, converted?.raw), "encode a frame")
        guard let packet = av_packet_alloc() else { return }
        defer {
            var pointer: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&pointer)
        }
        while true {
            let code = avcodec_receive_packet(context, packet)
            if code == ssat_again() || code == ssat_eof() { return }
            try check(code, "encode a frame")
            try body(packet)
        }
    }
}
