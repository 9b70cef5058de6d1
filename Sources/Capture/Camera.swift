import CVideo4Linux
import Foundation
import Video

/// A camera, by V4L2 memory-mapped streaming. One thread at a time.
public final class Camera: LiveSource, @unchecked Sendable {
    public let path: String
    public let mode: CameraMode
    private let device: Device
    private let stride: Int
    private let decoder: RawDecoder
    private var buffers: [UnsafeMutableRawBufferPointer] = []
    private var streaming = false
    private var lastSequence: UInt32?
    private var lastPicture = ssat_monotonic_nanoseconds()
    public private(set) var drops = 0
    /// Without a picture for so long, the camera is held to be stuck.
    private static let patience = 5.0

    /// Opens the camera and agrees on a mode, the nearest to what is asked for.
    /// - Throws: `CaptureError`.
    public init(path: String, width: Int? = nil, height: Int? = nil, framesPerSecond: Double? = nil) throws {
        self.path = path
        device = try Device(path: path)
        guard device.captures else { throw CaptureError.notACamera(path) }
        let offered = CameraMode.offered(by: device)
        guard let wanted = CameraMode.nearest(offered, width: width, height: height, framesPerSecond: framesPerSecond) else {
            throw CaptureError.noFormat(path, CameraMode.formatsOffered(by: device).map(CameraMode.name).joined(separator: ", "))
        }
        var format = v4l2_format()
        format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        format.fmt.pix.width = UInt32(wanted.width)
        format.fmt.pix.height = UInt32(wanted.height)
        format.fmt.pix.pixelformat = CameraMode.formats.first { $0.1 == wanted.layout }!.0
        format.fmt.pix.field = V4L2_FIELD_ANY.rawValue
        try device.request(ssat_vidioc_s_fmt, &format, "set its format")
        // The driver may answer with another size or format: that counts.
        let pix = format.fmt.pix
        guard let layout = CameraMode.formats.first(where: { $0.0 == pix.pixelformat })?.1 else {
            throw CaptureError.noFormat(path, CameraMode.name(pix.pixelformat))
        }
        stride = Int(pix.bytesperline)
        var rate = v4l2_streamparm()
        rate.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        rate.parm.capture.timeperframe = v4l2_fract(numerator: 1000, denominator: UInt32(wanted.framesPerSecond * 1000))
        _ = device.asks(ssat_vidioc_s_parm, &rate)
        let interval = rate.parm.capture.timeperframe
        mode = CameraMode(
            layout: layout, width: Int(pix.width), height: Int(pix.height),
            framesPerSecond: interval.numerator > 0 ? Double(interval.denominator) / Double(interval.numerator) : wanted.framesPerSecond)
        decoder = try RawDecoder(layout: layout, width: mode.width, height: mode.height)
        try map()
    }

    deinit {
        if streaming {
            var type = Int32(V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue)
            _ = device.asks(ssat_vidioc_streamoff, &type)
        }
        for buffer in buffers { munmap(buffer.baseAddress, buffer.count) }
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
            let base = mmap(nil, Int(buffer.length), PROT_READ | PROT_WRITE, MAP_SHARED, device.descriptor, off_t(buffer.m.offset))
            guard let base, base != MAP_FAILED else { throw CaptureError.failed(path, "map a buffer", errno) }
            buffers.append(UnsafeMutableRawBufferPointer(start: base, count: Int(buffer.length)))
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
    /// - Throws: `CaptureError.unplugged` or `.stalled`.
    public func next(seconds: Double) throws -> Frame? {
        if !streaming { try start() }
        let events = device.wait(POLLIN, seconds: seconds)
        if events & (POLLERR | POLLHUP | POLLNVAL) != 0, events & POLLIN == 0 { throw CaptureError.unplugged(path) }
        guard events & POLLIN != 0 else {
            let waited = Double(ssat_monotonic_nanoseconds() - lastPicture) / 1e9
            if waited > Self.patience { throw CaptureError.stalled(path, waited) }
            return nil
        }
        var buffer = describe(0)
        let code = ssat_v4l2_ioctl(device.descriptor, ssat_vidioc_dqbuf, &buffer)
        if code == -EAGAIN || code == -EIO { return nil }
        guard code >= 0 else { throw CaptureError.unplugged(path) }
        lastPicture = ssat_monotonic_nanoseconds()
        count(buffer.sequence)
        defer { _ = device.asks(ssat_vidioc_qbuf, &buffer) }
        guard buffer.flags & UInt32(V4L2_BUF_FLAG_ERROR) == 0, Int(buffer.index) < buffers.count else { return nil }
        let used = UnsafeRawBufferPointer(rebasing: buffers[Int(buffer.index)].prefix(Int(buffer.bytesused)))
        return try decoder.decode(used, stride: stride, time: time(of: buffer))
    }

    /// Gaps in the driver's numbering are pictures that nobody took out in time.
    private func count(_ sequence: UInt32) {
        if let lastSequence, sequence > lastSequence { drops += Int(sequence - lastSequence - 1) }
        lastSequence = sequence
    }

    private func time(of buffer: v4l2_buffer) -> Int64 {
        guard buffer.flags & UInt32(V4L2_BUF_FLAG_TIMESTAMP_MASK) == UInt32(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) else { return lastPicture }
        let stamp = Int64(buffer.timestamp.tv_sec) * 1_000_000_000 + Int64(buffer.timestamp.tv_usec) * 1000
        // Some drivers stamp with another clock: what lies in the future or far back is not believed.
        return stamp <= lastPicture && lastPicture - stamp < 1_000_000_000 ? stamp : lastPicture
    }
}
