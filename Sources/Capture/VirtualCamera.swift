import CVideo4Linux
import Foundation
import Video

/// A v4l2loopback device, written to by its documented contract: what it answers to a format counts; one whole image per write.
/// One thread at a time, but for `isWatched`.
public final class VirtualCamera: LiveSink, @unchecked Sendable {
    public let path: String
    private let device: Device
    private let encoder: RawEncoder
    private let image: UnsafeMutableRawBufferPointer
    private let lock = NSLock()
    private var subscribed = false, watched = false
    private var looked: Int64 = 0

    public var width: Int { encoder.width }
    public var height: Int { encoder.height }
    public var layout: RawLayout { encoder.layout }

    /// Opens the device, agrees on a format, and shows the placeholder at once, so that programs list the camera.
    /// - Parameter layout: what is asked for; the device may answer with another that is understood.
    /// - Throws: `CaptureError`, `VideoError.failed`.
    public convenience init(path: String, layout: RawLayout = .yuv420, width: Int, height: Int, framesPerSecond: Double) throws {
        try self.init(path: path, node: KernelNode(path: path), layout: layout, width: width, height: height, framesPerSecond: framesPerSecond)
    }

    package init(path: String, node: any DeviceNode, layout: RawLayout, width: Int, height: Int, framesPerSecond: Double) throws {
        self.path = path
        device = try Device(path: path, node: node)
        // With exclusive_caps, a loopback device that has a writer calls itself a camera only.
        guard device.outputs else { throw device.isLoopback ? CaptureError.busy(path) : CaptureError.notAVirtualCamera(path) }
        var rate = v4l2_streamparm()
        rate.type = V4L2_BUF_TYPE_VIDEO_OUTPUT.rawValue
        rate.parm.output.timeperframe = v4l2_fract(numerator: 1000, denominator: UInt32(framesPerSecond * 1000))
        _ = device.asks(ssat_vidioc_s_parm, &rate)
        var format = v4l2_format()
        format.type = V4L2_BUF_TYPE_VIDEO_OUTPUT.rawValue
        format.fmt.pix.width = UInt32(width & ~1)
        format.fmt.pix.height = UInt32(height & ~1)
        format.fmt.pix.pixelformat = CameraMode.formats.first { $0.1 == layout }!.0
        format.fmt.pix.field = V4L2_FIELD_NONE.rawValue
        // Without the mark, the kernel clears what stands behind it: matrix, range and transfer function.
        format.fmt.pix.priv = UInt32(V4L2_PIX_FMT_PRIV_MAGIC)
        format.fmt.pix.colorspace = V4L2_COLORSPACE_REC709.rawValue
        format.fmt.pix.ycbcr_enc = V4L2_YCBCR_ENC_709.rawValue
        format.fmt.pix.quantization = V4L2_QUANTIZATION_LIM_RANGE.rawValue
        format.fmt.pix.xfer_func = V4L2_XFER_FUNC_709.rawValue
        try device.request(ssat_vidioc_s_fmt, &format, "set its format")
        // Asked again: the answer to setting tells the size of the buffers, rounded up to pages, not that of an image (0.12).
        _ = device.asks(ssat_vidioc_g_fmt, &format)
        let pix = format.fmt.pix
        guard let answered = CameraMode.formats.first(where: { $0.0 == pix.pixelformat })?.1, answered != .mjpeg, pix.width >= 2, pix.height >= 2 else {
            throw CaptureError.locked(path, "\(CameraMode.name(pix.pixelformat)) \(pix.width)x\(pix.height)")
        }
        let packed = answered == .yuyv || answered == .uyvy
        let stride = pix.bytesperline > 0 ? Int(pix.bytesperline) : Int(pix.width) * (packed ? 2 : 1)
        encoder = try RawEncoder(layout: answered, width: Int(pix.width), height: Int(pix.height), stride: stride)
        let smallest = packed ? stride * Int(pix.height) : stride * Int(pix.height) * 3 / 2
        image = .allocate(byteCount: max(Int(pix.sizeimage), smallest), alignment: 64)
        memset(image.baseAddress!, 128, image.count)
        subscribed = device.subscribe(ssat_event_client_usage, sendInitial: true)
        // Only a device that was started knows, when it is closed, that it may be written to again (0.12, exclusive_caps).
        var type = Int32(V4L2_BUF_TYPE_VIDEO_OUTPUT.rawValue)
        _ = device.asks(ssat_vidioc_streamon, &type)
        try showPlaceholder()
    }

    deinit { image.deallocate() }

    public func show(_ frame: Frame) throws {
        try encoder.encode(frame, into: image)
        try write()
    }

    public func showPlaceholder() throws {
        encoder.placeholder(into: image)
        try write()
    }

    public func finish() {}

    /// One whole image.
    private func write() throws {
        let written = device.node.write(UnsafeRawBufferPointer(image))
        switch written {
        case image.count: return
        // Nobody takes pictures out just now: this one is left out.
        case -Int(EAGAIN): return
        case -Int(ENODEV): throw CaptureError.unplugged(path)
        case -Int(EBUSY): throw CaptureError.busy(path)
        default: throw CaptureError.failed(path, "be written", written < 0 ? Int32(-written) : EIO)
        }
    }

    /// Whether another program has the device open now. v4l2loopback 0.13 and later tell; before, this user's processes are
    /// looked through, at most once a second. Any thread.
    public var isWatched: Bool {
        lock.withLock {
            if subscribed {
                for event in device.events() where event.type == ssat_event_client_usage {
                    watched = withUnsafeBytes(of: event.u) { $0.loadUnaligned(as: UInt32.self) } > 0
                }
            } else if ssat_monotonic_nanoseconds() - looked > 1_000_000_000 {
                looked = ssat_monotonic_nanoseconds()
                watched = OpenFiles.isHeld(path, besides: getpid())
            }
            return watched
        }
    }
}

/// The files that processes of this user have open, from /proc.
private enum OpenFiles {
    static func isHeld(_ path: String, besides own: Int32) -> Bool {
        let manager = FileManager.default
        for process in (try? manager.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let number = Int32(process), number != own else { continue }
            for file in (try? manager.contentsOfDirectory(atPath: "/proc/\(process)/fd")) ?? []
            where (try? manager.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\(file)")) == path { return true }
        }
        return false
    }
}
