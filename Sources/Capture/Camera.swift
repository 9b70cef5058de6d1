import CVideo4Linux
import Foundation
import Video

/// A camera, by V4L2 memory-mapped streaming. One thread at a time.
public final class Camera: LiveSource, @unchecked Sendable {
    public let path: String
    public let mode: CameraMode
    private let device: Device
    private let format: v4l2_pix_format
    private let decoder: RawDecoder
    private var buffers: [UnsafeMutableRawBufferPointer] = []
    private var streaming = false
    private var lastSequence: UInt32?
    private var lastPicture = ssat_monotonic_nanoseconds()
    public private(set) var drops = 0
    /// Without a picture for so many seconds, the camera is held to be stuck.
    private let patience: Double

    /// Opens the camera and agrees on a mode, the nearest to what is asked for.
    /// - Throws: `CaptureError`.
    public convenience init(path: String, width: Int? = nil, height: Int? = nil, framesPerSecond: Double? = nil) throws {
        try self.init(path: path, node: KernelNode(path: path), width: width, height: height, framesPerSecond: framesPerSecond)
    }

    package init(
        path: String, node: any DeviceNode, width: Int? = nil, height: Int? = nil, framesPerSecond: Double? = nil, patience: Double = 5
    ) throws {
        self.path = path
        self.patience = patience
        device = try Device(path: path, node: node)
        guard device.captures else { throw CaptureError.notACamera(path) }
        let offered = CameraMode.offered(by: device)
        guard let wanted = CameraMode.nearest(offered, width: width, height: height, framesPerSecond: framesPerSecond) else {
            throw CaptureError.noFormat(path, CameraMode.formatsOffered(by: device).map(CameraMode.name).joined(separator: ", "))
        }
        format = try Self.agree(on: wanted, device)
        // The driver may have answered with another size or format: that counts.
        guard let layout = CameraMode.formats.first(where: { [format] in $0.0 == format.pixelformat })?.1 else {
            throw CaptureError.noFormat(path, CameraMode.name(format.pixelformat))
        }
        mode = CameraMode(
            layout: layout, width: Int(format.width), height: Int(format.height),
            framesPerSecond: Self.agree(onRate: wanted.framesPerSecond, device))
        decoder = try RawDecoder(
            layout: layout, width: mode.width, height: mode.height, isBT709: Self.isBT709(format),
            isFullRange: format.quantization == V4L2_QUANTIZATION_FULL_RANGE.rawValue)
        _ = device.subscribe(ssat_event_source_change)
        try map()
    }

    deinit {
        if streaming {
            var type = Int32(V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue)
            _ = device.asks(ssat_vidioc_streamoff, &type)
        }
        for buffer in buffers { device.node.unmap(buffer) }
    }

    private static func agree(on wanted: CameraMode, _ device: Device) throws -> v4l2_pix_format {
        var format = v4l2_format()
        format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        format.fmt.pix.width = UInt32(wanted.width)
        format.fmt.pix.height = UInt32(wanted.height)
        format.fmt.pix.pixelformat = wanted.pixelFormat
        format.fmt.pix.field = V4L2_FIELD_ANY.rawValue
        format.fmt.pix.priv = UInt32(V4L2_PIX_FMT_PRIV_MAGIC)  // the answer is to tell matrix and range
        try device.request(ssat_vidioc_s_fmt, &format, "set its format")
        return format.fmt.pix
    }

    /// Whether the driver names BT.709's matrix, itself or by the colour space that implies it.
    private static func isBT709(_ format: v4l2_pix_format) -> Bool {
        format.ycbcr_enc == V4L2_YCBCR_ENC_709.rawValue
            || (format.ycbcr_enc == V4L2_YCBCR_ENC_DEFAULT.rawValue && format.colorspace == V4L2_COLORSPACE_REC709.rawValue)
    }

    /// The rate that the driver answers with; what was wanted where it does not.
    private static func agree(onRate wanted: Double, _ device: Device) -> Double {
        var rate = v4l2_streamparm()
        rate.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        rate.parm.capture.timeperframe = v4l2_fract(numerator: 1000, denominator: UInt32(wanted * 1000))
        _ = device.asks(ssat_vidioc_s_parm, &rate)
        let interval = rate.parm.capture.timeperframe
        return interval.numerator > 0 && interval.denominator > 0 ? Double(interval.denominator) / Double(interval.numerator) : wanted
    }

    private func map() throws {
        var request = v4l2_requestbuffers()
        request.count = 4
        request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        request.memory = V4L2_MEMORY_MMAP.rawValue
        try device.request(ssat_vidioc_reqbufs, &request, "allocate buffers")
        guard request.count > 0 else { throw CaptureError.failed(path, "allocate buffers", ENOMEM) }
        for index in 0..<request.count {
            var buffer = describe(index)
            try device.request(ssat_vidioc_querybuf, &buffer, "describe a buffer")
            guard let mapped = device.node.map(length: Int(buffer.length), offset: Int(buffer.m.offset)) else {
                throw CaptureError.failed(path, "map a buffer", errno)
            }
            buffers.append(mapped)
        }
    }

    private func describe(_ index: UInt32) -> v4l2_buffer {
        var buffer = v4l2_buffer()
        buffer.index = index
        buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        buffer.memory = V4L2_MEMORY_MMAP.rawValue
        return buffer
    }

    private func start() throws {
        for index in buffers.indices {
            var buffer = describe(UInt32(index))
            try device.request(ssat_vidioc_qbuf, &buffer, "queue a buffer")
        }
        var type = Int32(V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue)
        try device.request(ssat_vidioc_streamon, &type, "start")
        streaming = true
        lastPicture = ssat_monotonic_nanoseconds()
    }

    /// The next picture, its time that of its capture; nil when none came within `seconds`.
    /// - Throws: `CaptureError.unplugged`, `.stalled`, `.changed`; when it begins, also `.busy`.
    public func next(seconds: Double) throws -> Frame? {
        if !streaming { try start() }
        let events = device.node.wait(POLLIN | POLLPRI, seconds: seconds)
        if events & POLLPRI != 0, device.events().contains(where: { $0.type == ssat_event_source_change }) { try checkFormat() }
        if events & (POLLERR | POLLHUP | POLLNVAL) != 0, events & POLLIN == 0 { throw CaptureError.unplugged(path) }
        guard events & POLLIN != 0, let frame = try take() else {
            try checkSilence()
            return nil
        }
        lastPicture = ssat_monotonic_nanoseconds()
        return frame
    }

    /// The picture in the next full buffer; nil where it holds none.
    private func take() throws -> Frame? {
        var buffer = describe(0)
        let code = device.answer(ssat_vidioc_dqbuf, &buffer)
        // EIO: this picture was lost, the next may be sound.
        if code == -EAGAIN || code == -EIO { return nil }
        guard code >= 0 else { throw CaptureError.unplugged(path) }
        defer { _ = device.asks(ssat_vidioc_qbuf, &buffer) }
        let now = ssat_monotonic_nanoseconds()
        count(buffer.sequence)
        guard buffer.flags & UInt32(V4L2_BUF_FLAG_ERROR) == 0, Int(buffer.index) < buffers.count else { return nil }
        // A raw picture of another length than agreed on is one of another size.
        if mode.layout != .mjpeg, buffer.bytesused != format.sizeimage { try checkFormat() }
        let used = UnsafeRawBufferPointer(rebasing: buffers[Int(buffer.index)].prefix(Int(buffer.bytesused)))
        return try decoder.decode(used, stride: Int(format.bytesperline), time: time(of: buffer, now))
    }

    /// - Throws: `CaptureError.changed` when the driver's format is no longer the one agreed on.
    private func checkFormat() throws {
        var now = v4l2_format()
        now.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        guard device.asks(ssat_vidioc_g_fmt, &now) else { return }
        let pix = now.fmt.pix
        if (pix.width, pix.height, pix.pixelformat) != (format.width, format.height, format.pixelformat) { throw CaptureError.changed(path) }
    }

    private func checkSilence() throws {
        let waited = Double(ssat_monotonic_nanoseconds() - lastPicture) / 1e9
        if waited > patience { throw CaptureError.stalled(path, waited) }
        if waited > 1 { try checkFormat() }
    }

    /// Gaps in the driver's numbering are pictures that nobody took out in time.
    private func count(_ sequence: UInt32) {
        if let lastSequence, sequence > lastSequence { drops += Int(sequence - lastSequence - 1) }
        lastSequence = sequence
    }

    private func time(of buffer: v4l2_buffer, _ now: Int64) -> Int64 {
        guard buffer.flags & UInt32(V4L2_BUF_FLAG_TIMESTAMP_MASK) == UInt32(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) else { return now }
        let stamp = Int64(buffer.timestamp.tv_sec) * 1_000_000_000 + Int64(buffer.timestamp.tv_usec) * 1000
        // Some drivers stamp with another clock: what lies in the future or far back is not believed.
        return stamp <= now && now - stamp < 1_000_000_000 ? stamp : now
    }
}
