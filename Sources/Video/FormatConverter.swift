import CFFmpegCodec
import CFFmpegScale
import CFFmpegUtil

/// Changes a frame's pixel format, and its size where one is given, with swscale. One thread at a time.
final class FormatConverter: @unchecked Sendable {
    private var scaler: OpaquePointer?

    deinit { sws_freeContext(scaler) }

    func convert(_ frame: Frame, to format: AVPixelFormat, size: (width: Int, height: Int)? = nil) throws -> Frame {
        let source = frame.raw.pointee, (width, height) = size ?? (frame.width, frame.height)
        let out = try Frame(width: width, height: height, format: format)
        try check(av_frame_copy_props(out.raw, frame.raw), "copy frame properties")
        scaler = sws_getCachedContext(
            scaler, source.width, source.height, AVPixelFormat(source.format), Int32(width), Int32(height), format,
            Int32(SWS_BICUBIC) | Int32(SWS_ACCURATE_RND) | Int32(SWS_FULL_CHR_H_INT), nil, nil, nil)
        let color = frame.color
        let hd = color.matrix == .bt709 || (color.matrix == .rgb && frame.height >= 720)
        let table = sws_getCoefficients(hd ? SWS_CS_ITU709 : SWS_CS_ITU601)
        let jpeg = [AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P].contains(format)
        let full = jpeg || out.isRGB || (color.fullRange && !frame.isRGB)
        sws_setColorspaceDetails(scaler, table, color.fullRange ? 1 : 0, table, full ? 1 : 0, 0, 1 << 16, 1 << 16)
        if frame.isRGB, !out.isRGB {
            out.raw.pointee.colorspace = hd ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M
            out.raw.pointee.color_range = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        }
        try check(sws_scale_frame(scaler, out.raw, frame.raw), "convert a frame")
        return out
    }
}
