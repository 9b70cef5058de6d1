import CFFmpegCodec
import CFFmpegFormat
import CFFmpegUtil

/// How a frame's numbers mean colour. Unspecified matrices are resolved: SD is BT.601, HD is BT.709.
public struct ColorSpec: Sendable, Equatable {
    public enum Matrix: Sendable { case bt601, bt709, bt2020 }
    public var matrix: Matrix
    public var fullRange: Bool
    /// Whether chroma samples lie between luma samples, across and down.
    public var chromaCentredX: Bool, chromaCentredY: Bool
    /// PQ or HLG transfer.
    public var isHDR: Bool
}

/// A decoded picture. Owns its AVFrame and frees it. One stage at a time owns a frame.
public final class Frame: @unchecked Sendable {
    let raw: UnsafeMutablePointer<AVFrame>

    init() { raw = av_frame_alloc()! }

    deinit {
        var pointer: UnsafeMutablePointer<AVFrame>? = raw
        av_frame_free(&pointer)
    }

    public var width: Int { Int(raw.pointee.width) }
    public var height: Int { Int(raw.pointee.height) }
    /// In the source's time base.
    public var pts: Int64 { raw.pointee.pts }

    private var format: AVPixelFormat { AVPixelFormat(raw.pointee.format) }
    private var descriptor: AVPixFmtDescriptor { av_pix_fmt_desc_get(format)!.pointee }
    public var bitDepth: Int { Int(descriptor.comp.0.depth) }
    public var chromaShift: (x: Int, y: Int) { (Int(descriptor.log2_chroma_w), Int(descriptor.log2_chroma_h)) }
    public var planeCount: Int { format == AV_PIX_FMT_NV12 ? 2 : 3 }

    /// Formats that the filter works in; everything else is converted to one of them.
    static let native: [AVPixelFormat] = [
        AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ444P,
        AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV444P10LE,
    ]

    /// Plane pointers and strides in bytes. Valid while the frame lives.
    public var planes: (pointers: [UnsafeMutablePointer<UInt8>], strides: [Int]) {
        let d = raw.pointee.data, s = raw.pointee.linesize
        let pointers = [d.0, d.1, d.2].prefix(planeCount).map { $0! }
        return (pointers, [Int(s.0), Int(s.1), Int(s.2)].prefix(planeCount).map { $0 })
    }

    public var color: ColorSpec {
        let f = raw.pointee
        let matrix: ColorSpec.Matrix
        switch f.colorspace {
        case AVCOL_SPC_BT709: matrix = .bt709
        case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: matrix = .bt2020
        case AVCOL_SPC_UNSPECIFIED: matrix = f.height >= 720 || f.width >= 1280 ? .bt709 : .bt601
        default: matrix = .bt601
        }
        let jpeg = [AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P].contains(format)
        let location = f.chroma_location
        return ColorSpec(
            matrix: matrix, fullRange: jpeg || f.color_range == AVCOL_RANGE_JPEG,
            chromaCentredX: location == AVCHROMA_LOC_CENTER || location == AVCHROMA_LOC_TOP || (jpeg && location == AVCHROMA_LOC_UNSPECIFIED),
            chromaCentredY: location != AVCHROMA_LOC_TOPLEFT && location != AVCHROMA_LOC_TOP,
            isHDR: f.color_trc == AVCOL_TRC_SMPTE2084 || f.color_trc == AVCOL_TRC_ARIB_STD_B67)
    }

    /// Makes the samples this frame's own, so that they may be changed.
    public func makeWritable() throws { try check(av_frame_make_writable(raw), "copy a frame") }
}
