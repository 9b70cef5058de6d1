import CFFmpegCodec
import CFFmpegScale
import CFFmpegUtil
import Foundation

/// How a camera or a virtual camera lays out the samples of a picture.
public enum RawLayout: String, Sendable, CaseIterable {
    case yuyv, uyvy, nv12, yuv420, mjpeg

    var format: AVPixelFormat {
        switch self {
        case .yuyv: AV_PIX_FMT_YUYV422
        case .uyvy: AV_PIX_FMT_UYVY422
        case .nv12: AV_PIX_FMT_NV12
        case .yuv420: AV_PIX_FMT_YUV420P
        case .mjpeg: AV_PIX_FMT_YUVJ420P
        }
    }
}

/// A camera's bytes to frames that the filter works on: 4:2:0 with times in nanoseconds. One thread at a time.
public final class RawDecoder: @unchecked Sendable {
    private let layout: RawLayout
    private let width, height: Int
    private let matrix: AVColorSpace, range: AVColorRange
    private let converter = FormatConverter()
    private let pool = FramePool()
    private var jpeg: UnsafeMutablePointer<AVCodecContext>?
    /// MJPEG pictures that could not be decoded.
    public private(set) var brokenFrames = 0

    /// - Parameters:
    ///   - isBT709: the matrix, else BT.601, which is what V4L2's defaults mean.
    ///   - isFullRange: of raw pictures; MJPEG ones always are.
    /// - Throws: `VideoError.failed` when there is no MJPEG decoder.
    public init(layout: RawLayout, width: Int, height: Int, isBT709: Bool = false, isFullRange: Bool = false) throws {
        matrix = isBT709 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M
        range = isFullRange || layout == .mjpeg ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        self.layout = layout
        self.width = width
        self.height = height
        guard layout == .mjpeg else { return }
        jpeg = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG))
        jpeg?.pointee.thread_count = 1
        try check(avcodec_open2(jpeg, nil, nil), "open the MJPEG decoder")
    }

    deinit { avcodec_free_context(&jpeg) }

    /// The picture of one buffer, or nil where the buffer holds less than a picture.
    /// - Parameters:
    ///   - stride: bytes between rows of the first plane; 0 for MJPEG.
    ///   - time: when it was taken, monotonic nanoseconds.
    /// - Throws: `VideoError.failed` when there is no memory.
    public func decode(_ bytes: UnsafeRawBufferPointer, stride: Int, time: Int64) throws -> Frame? {
        let frame = layout == .mjpeg ? try decompress(bytes) : wrap(bytes, stride)
        guard let frame else {
            brokenFrames += 1
            return nil
        }
        frame.raw.pointee.pts = time
        let format = AVPixelFormat(frame.raw.pointee.format)
        // A wrapped buffer goes back to the camera: its samples must be copied in any case.
        if Frame.native.contains(format) { return try layout == .mjpeg ? frame : pool.copy(frame) }
        return try converter.convert(frame, to: AV_PIX_FMT_YUV420P)
    }

    private func wrap(_ bytes: UnsafeRawBufferPointer, _ stride: Int) -> Frame? {
        let frame = Frame()
        let base = UnsafeMutablePointer(mutating: bytes.baseAddress!.assumingMemoryBound(to: UInt8.self))
        let rows: Int
        switch layout {
        case .yuyv, .uyvy: rows = height
        case .nv12, .yuv420: rows = height + (height + 1) / 2
        case .mjpeg: return nil
        }
        guard stride > 0, bytes.count >= stride * rows else { return nil }
        frame.raw.pointee.format = layout.format.rawValue
        frame.raw.pointee.width = Int32(width)
        frame.raw.pointee.height = Int32(height)
        frame.raw.pointee.data.0 = base
        frame.raw.pointee.linesize.0 = Int32(stride)
        if layout == .nv12 {
            frame.raw.pointee.data.1 = base + stride * height
            frame.raw.pointee.linesize.1 = Int32(stride)
        } else if layout == .yuv420 {
            frame.raw.pointee.data.1 = base + stride * height
            frame.raw.pointee.data.2 = base + stride * height + stride / 2 * ((height + 1) / 2)
            frame.raw.pointee.linesize.1 = Int32(stride / 2)
            frame.raw.pointee.linesize.2 = Int32(stride / 2)
        }
        frame.raw.pointee.colorspace = matrix
        frame.raw.pointee.color_range = range
        return frame
    }

    private func decompress(_ bytes: UnsafeRawBufferPointer) throws -> Frame? {
        guard let packet = av_packet_alloc() else { return nil }
        defer {
            var pointer: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&pointer)
        }
        // The decoder reads a little past the end: a packet of its own has the room.
        try check(av_new_packet(packet, Int32(bytes.count)), "allocate a packet")
        memcpy(packet.pointee.data, bytes.baseAddress!, bytes.count)
        let frame = Frame()
        guard avcodec_send_packet(jpeg, packet) >= 0, avcodec_receive_frame(jpeg, frame.raw) >= 0,
            frame.width == width, frame.height == height
        else { return nil }
        frame.raw.pointee.colorspace = matrix
        frame.raw.pointee.color_range = range
        return frame
    }
}

/// Frames to the bytes of a virtual camera: its size, its layout, BT.709 limited range. One thread at a time.
public final class RawEncoder: @unchecked Sendable {
    public let layout: RawLayout
    public let width, height: Int
    private let stride: Int
    private let picture: Frame
    private var scaler: OpaquePointer?
    private var shape = (0, 0, Int32(-1), Int32(-1))

    /// - Parameter stride: bytes between rows of the first plane.
    /// - Throws: `VideoError.failed` when there is no memory.
    public init(layout: RawLayout, width: Int, height: Int, stride: Int) throws {
        self.layout = layout
        self.width = width
        self.height = height
        self.stride = stride
        picture = try Frame(width: width, height: height, format: layout.format)
    }

    deinit { sws_freeContext(scaler) }

    /// Writes the frame into `bytes`, which hold the device's whole image. Another aspect gets dark bars.
    /// - Throws: `VideoError.failed` when the picture cannot be converted.
    public func encode(_ frame: Frame, into bytes: UnsafeMutableRawBufferPointer) throws {
        let (w, h) = fitted(frame)
        if (w, h) != (width, height) { clear() }
        try scale(frame, w, h)
        pack(bytes)
    }

    /// Fills `bytes` with one dark grey: what is shown when no face may be.
    public func placeholder(into bytes: UnsafeMutableRawBufferPointer) {
        clear()
        pack(bytes)
    }

    /// The largest size of the frame's aspect in the device's picture, in even numbers.
    private func fitted(_ frame: Frame) -> (Int, Int) {
        if frame.width * height == frame.height * width { return (width, height) }
        let scale = min(Double(width) / Double(frame.width), Double(height) / Double(frame.height))
        return (Int(Double(frame.width) * scale / 2) * 2, Int(Double(frame.height) * scale / 2) * 2)
    }

    private func clear() {
        let (luma, chroma): (UInt8, UInt8) = (40, 128)
        let raw = picture.raw.pointee
        switch layout {
        case .yuyv, .uyvy:
            let first = layout == .yuyv ? luma : chroma, second = layout == .yuyv ? chroma : luma
            for y in 0..<height {
                let row = raw.data.0! + y * Int(raw.linesize.0)
                for x in 0..<width { (row[2 * x], row[2 * x + 1]) = (first, second) }
            }
        case .nv12, .yuv420, .mjpeg:
            memset(raw.data.0!, Int32(luma), Int(raw.linesize.0) * height)
            memset(raw.data.1!, Int32(chroma), Int(raw.linesize.1) * ((height + 1) / 2))
            if layout != .nv12 { memset(raw.data.2!, Int32(chroma), Int(raw.linesize.2) * ((height + 1) / 2)) }
        }
    }

    private func scale(_ frame: Frame, _ w: Int, _ h: Int) throws {
        let source = frame.raw.pointee
        scaler = sws_getCachedContext(
            scaler, source.width, source.height, AVPixelFormat(source.format), Int32(w), Int32(h), layout.format,
            Int32(SWS_BILINEAR), nil, nil, nil)
        guard scaler != nil else { throw VideoError.failed("convert a frame", -22) }
        let color = frame.color
        let matrix = color.matrix == .bt709 ? SWS_CS_ITU709 : color.matrix == .bt2020 ? SWS_CS_BT2020 : SWS_CS_ITU601
        let wanted = (w, h, source.format, Int32(matrix) * 2 + (color.fullRange ? 1 : 0))
        if wanted != shape {
            // Converts between the two matrices, and to limited range.
            sws_setColorspaceDetails(
                scaler, sws_getCoefficients(matrix), color.fullRange ? 1 : 0, sws_getCoefficients(SWS_CS_ITU709), 0, 0, 1 << 16, 1 << 16)
            shape = wanted
        }
        let x = (width - w) / 4 * 2, y = (height - h) / 4 * 2
        let (raw, from) = (picture.raw.pointee, frame.raw.pointee)
        let packed = layout == .yuyv || layout == .uyvy
        var to: [UnsafeMutablePointer<UInt8>?] = [raw.data.0! + y * Int(raw.linesize.0) + x * (packed ? 2 : 1), nil, nil, nil]
        if !packed {
            to[1] = raw.data.1! + y / 2 * Int(raw.linesize.1) + (layout == .nv12 ? x : x / 2)
            if layout != .nv12 { to[2] = raw.data.2! + y / 2 * Int(raw.linesize.2) + x / 2 }
        }
        let toStrides = [raw.linesize.0, raw.linesize.1, raw.linesize.2, 0]
        let planes: [UnsafePointer<UInt8>?] = [UnsafePointer(from.data.0), UnsafePointer(from.data.1), UnsafePointer(from.data.2), nil]
        try check(sws_scale(scaler, planes, [from.linesize.0, from.linesize.1, from.linesize.2, 0], 0, from.height, to, toStrides), "convert a frame")
    }

    /// The picture with the device's stride and no gaps between planes.
    private func pack(_ bytes: UnsafeMutableRawBufferPointer) {
        let raw = picture.raw.pointee
        var to = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
        let end = to + bytes.count
        func plane(_ data: UnsafeMutablePointer<UInt8>?, _ rowBytes: Int, _ rows: Int, _ fromStride: Int32, _ toStride: Int) {
            for y in 0..<rows where to + rowBytes <= end {
                memcpy(to, data! + y * Int(fromStride), rowBytes)
                to += toStride
            }
        }
        switch layout {
        case .yuyv, .uyvy: plane(raw.data.0, width * 2, height, raw.linesize.0, stride)
        case .nv12:
            plane(raw.data.0, width, height, raw.linesize.0, stride)
            plane(raw.data.1, width, height / 2, raw.linesize.1, stride)
        case .yuv420, .mjpeg:
            plane(raw.data.0, width, height, raw.linesize.0, stride)
            plane(raw.data.1, width / 2, height / 2, raw.linesize.1, stride / 2)
            plane(raw.data.2, width / 2, height / 2, raw.linesize.2, stride / 2)
        }
    }
}
