import CFFmpegScale
import CFFmpegUtil

/// Changes a frame's pixel format with swscale. One thread at a time.
final class FormatConverter: @unchecked Sendable {
    private var scaler: OpaquePointer?

    deinit { sws_freeContext(scaler) }

    func convert(_ frame: Frame, to format: AVPixelFormat) throws -> Frame {
        let source = frame.raw.pointee
        let out = try Frame(width: frame.width, height: frame.height, format: format)
        try check(av_frame_copy_props(out.raw, frame.raw), "copy frame properties")
        scaler = sws_getCachedContext(
            scaler, source.width, source.height, AVPixelFormat(source.format), source.width, source.height, format,
            Int32(SWS_BICUBIC) | Int32(SWS_ACCURATE_RND) | Int32(SWS_FULL_CHR_H_INT), nil, nil, nil)
        let color = frame.color
        let table = sws_getCoefficients(color.matrix == .bt709 ? SWS_CS_ITU709 : SWS_CS_ITU601)
        let rgb = (av_pix_fmt_desc_get(format)?.pointee.flags ?? 0) & UInt64(AV_PIX_FMT_FLAG_RGB) != 0
        sws_setColorspaceDetails(scaler, table, color.fullRange ? 1 : 0, table, rgb || color.fullRange ? 1 : 0, 0, 1 << 16, 1 << 16)
        try check(sws_scale_frame(scaler, out.raw, frame.raw), "convert a frame")
        return out
    }
}
