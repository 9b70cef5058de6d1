import CFFmpegCodec
import CFFmpegUtil
import Foundation

/// A still picture in memory: interleaved R'G'B' bytes, rows without gaps.
public struct Picture: Sendable {
    public let width, height: Int
    public var rgb: [UInt8]

    public init(width: Int, height: Int, rgb: [UInt8]? = nil) {
        self.width = width
        self.height = height
        self.rgb = rgb ?? [UInt8](repeating: 0, count: width * height * 3)
    }

    /// The colours of a frame.
    public init(_ frame: Frame) throws {
        let converted = try FormatConverter().convert(frame, to: AV_PIX_FMT_RGB24)
        self.init(width: frame.width, height: frame.height)
        let source = converted.raw.pointee.data.0!, stride = Int(converted.raw.pointee.linesize.0)
        rgb.withUnsafeMutableBufferPointer { out in
            for y in 0..<height { memcpy(out.baseAddress! + y * width * 3, source + y * stride, width * 3) }
        }
    }

    /// Paints a square dot; parts outside the picture are left out.
    public mutating func dot(x: Int, y: Int, radius: Int, colour: (UInt8, UInt8, UInt8)) {
        for py in max(y - radius, 0)...max(min(y + radius, height - 1), max(y - radius, 0)) where py < height {
            for px in max(x - radius, 0)...max(min(x + radius, width - 1), max(x - radius, 0)) where px < width {
                let i = (py * width + px) * 3
                (rgb[i], rgb[i + 1], rgb[i + 2]) = colour
            }
        }
    }

    /// Copies `other` in, its corner at (x, y). It must fit.
    public mutating func paste(_ other: Picture, x: Int, y: Int) {
        for row in 0..<other.height {
            let from = row * other.width * 3, to = ((y + row) * width + x) * 3
            rgb.replaceSubrange(to..<to + other.width * 3, with: other.rgb[from..<from + other.width * 3])
        }
    }

    /// Writes a PNG, aside and then renamed.
    /// - Throws: `VideoError.unwritable`.
    public func write(png path: String) throws {
        let data = try encoded()
        do {
            try data.write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw VideoError.unwritable(path, "the picture cannot be written; check the folder and its permissions")
        }
    }

    private func encoded() throws -> Data {
        let frame = try Frame(width: width, height: height, format: AV_PIX_FMT_RGB24)
        let target = frame.raw.pointee.data.0!, stride = Int(frame.raw.pointee.linesize.0)
        rgb.withUnsafeBufferPointer { source in
            for y in 0..<height { memcpy(target + y * stride, source.baseAddress! + y * width * 3, width * 3) }
        }
        guard let codec = avcodec_find_encoder(AV_CODEC_ID_PNG) else {
            throw VideoError.encoder("png", "this FFmpeg does not have it")
        }
        var context = avcodec_alloc_context3(codec)
        var packet = av_packet_alloc()
        defer {
            avcodec_free_context(&context)
            av_packet_free(&packet)
        }
        context!.pointee.width = Int32(width)
        context!.pointee.height = Int32(height)
        context!.pointee.pix_fmt = AV_PIX_FMT_RGB24
        context!.pointee.time_base = AVRational(num: 1, den: 25)
        try check(avcodec_open2(context, codec, nil), "open the PNG encoder")
        try check(avcodec_send_frame(context, frame.raw), "encode a picture")
        try check(avcodec_send_frame(context, nil), "encode a picture")
        try check(avcodec_receive_packet(context, packet), "encode a picture")
        return Data(bytes: packet!.pointee.data, count: Int(packet!.pointee.size))
    }
}
