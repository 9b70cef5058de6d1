import CFFmpegCodec
import CFFmpegFormat
import CFFmpegUtil
import Foundation

/// How a frame's numbers mean colour. Unspecified matrices are resolved: SD is BT.601, HD is BT.709.
public struct ColorSpec: Sendable, Equatable {
    public enum Matrix: Sendable { case bt601, bt709, bt2020, rgb }
    public var matrix: Matrix
    public var fullRange: Bool
    /// Whether chroma samples lie between luma samples, across and down.
    public var chromaCentredX: Bool, chromaCentredY: Bool
    /// PQ or HLG transfer.
    public var isHDR: Bool
}

/// A decoded picture. Owns its AVFrame and frees it. One stage at a time owns a frame.
public final class Frame: @unchecked Sendable {
    package let raw: UnsafeMutablePointer<AVFrame>

    init() { raw = av_frame_alloc()! }

    /// An empty picture of its own.
    package convenience init(width: Int, height: Int, format: AVPixelFormat) throws {
        self.init()
        raw.pointee.format = format.rawValue
        raw.pointee.width = Int32(width)
        raw.pointee.height = Int32(height)
        try check(av_frame_get_buffer(raw, 0), "allocate a frame")
    }

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
    var isRGB: Bool { descriptor.flags & UInt64(AV_PIX_FMT_FLAG_RGB) != 0 }
    public var planeCount: Int { format == AV_PIX_FMT_NV12 ? 2 : 3 }

    /// Formats that the filter works in; everything else is converted to one of them.
    static let native: [AVPixelFormat] = [
        AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ444P,
        AV_PIX_FMT_GBRP, AV_PIX_FMT_GBRP10LE, AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV444P10LE,
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
        case _ where isRGB: matrix = .rgb
        case AVCOL_SPC_BT709: matrix = .bt709
        case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: matrix = .bt2020
        case AVCOL_SPC_UNSPECIFIED: matrix = f.height >= 720 || f.width >= 1280 ? .bt709 : .bt601
        default: matrix = .bt601
        }
        let jpeg = [AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P].contains(format)
        let location = f.chroma_location
        return ColorSpec(
            matrix: matrix, fullRange: jpeg || isRGB || f.color_range == AVCOL_RANGE_JPEG,
            chromaCentredX: location == AVCHROMA_LOC_CENTER || location == AVCHROMA_LOC_TOP || (jpeg && location == AVCHROMA_LOC_UNSPECIFIED),
            chromaCentredY: location != AVCHROMA_LOC_TOPLEFT && location != AVCHROMA_LOC_TOP,
            isHDR: f.color_trc == AVCOL_TRC_SMPTE2084 || f.color_trc == AVCOL_TRC_ARIB_STD_B67)
    }

    /// Makes the samples this frame's own, so that they may be changed.
    public func makeWritable() throws { try check(av_frame_make_writable(raw), "copy a frame") }

    /// A copy of this picture and `right` beside it, in this frame's format, with this frame's time and colour. Widths are even.
    public func beside(_ right: Frame) throws -> Frame {
        let out = try Frame(width: width * 2, height: height, format: format)
        try check(av_frame_copy_props(out.raw, raw), "copy frame properties")
        let (to, toStrides) = out.planes
        for (index, picture) in [self, right].enumerated() {
            let (from, strides) = picture.planes
            for plane in 0..<planeCount {
                let rows = plane == 0 ? height : (height + (1 << chromaShift.y) - 1) >> chromaShift.y
                let samples = plane == 0 ? width : ((width + (1 << chromaShift.x) - 1) >> chromaShift.x) * (planeCount == 2 ? 2 : 1)
                let bytes = samples * (bitDepth > 8 ? 2 : 1)
                for y in 0..<rows { memcpy(to[plane] + y * toStrides[plane] + index * bytes, from[plane] + y * strides[plane], bytes) }
            }
        }
        return out
    }

    /// Makes the picture plain dark. Its samples must be its own, of 8 to 16 bits.
    func blank() {
        let (pointers, strides) = planes, unit = UInt16(1) << (bitDepth - 8)
        for plane in 0..<planeCount {
            let rows = plane == 0 ? height : (height + (1 << chromaShift.y) - 1) >> chromaShift.y
            let value: UInt16 = plane > 0 && !isRGB ? 128 : 40
            for y in 0..<rows {
                let row = pointers[plane] + y * strides[plane]
                guard bitDepth > 8 else {
                    memset(row, Int32(value), strides[plane])
                    continue
                }
                row.withMemoryRebound(to: UInt16.self, capacity: strides[plane] / 2) { samples in
                    for x in 0..<strides[plane] / 2 { samples[x] = value * unit }
                }
            }
        }
    }

    /// A copy with samples of its own.
    public func copy() throws -> Frame {
        let out = try Frame(width: width, height: height, format: format)
        try check(av_frame_copy_props(out.raw, raw), "copy frame properties")
        try check(av_frame_copy(out.raw, raw), "copy a frame")
        return out
    }
}
