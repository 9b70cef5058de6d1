import CVideo4Linux
import Capture
import Foundation
import Synchronization

extension UnsafeMutableRawPointer? {
    /// The C struct that belongs to a request.
    fileprivate func with<T>(_ type: T.Type, _ body: (inout T) -> Int32) -> Int32 { body(&self!.assumingMemoryBound(to: type).pointee) }
}

/// A camera's driver as far as `Camera` asks it, with a script of what happens on the line. One thread at a time.
final class FakeCameraNode: DeviceNode, @unchecked Sendable {
    enum Happening {
        /// A picture of this grey with the driver's number.
        case picture(shade: UInt8 = 100, sequence: UInt32)
        /// A buffer that the driver marks as damaged, or whose request fails.
        case damaged(sequence: UInt32), refused(Int32)
        /// Nothing comes for as long as is waited.
        case silence
        case unplugged
        /// The picture has another size from now on; whether the driver says so by an event.
        case resized(width: UInt32, height: UInt32, told: Bool)
    }
    struct Mode {
        var format: UInt32, width: UInt32, height: UInt32, rates: [UInt32]
    }

    var modes: [Mode]
    var happenings: [Happening] = []
    /// Answers to a request, minus the error number, instead of doing it.
    var refusals: [UInt: Int32] = [:]
    /// What S_FMT answers with, whatever was asked for.
    var insisted: Mode?
    /// MJPEG pictures are this; raw ones are made.
    var compressed: [UInt8] = []
    var padding: UInt32 = 0
    /// Colour space, matrix and range that S_FMT answers with.
    var colour = (space: V4L2_COLORSPACE_SRGB.rawValue, matrix: V4L2_YCBCR_ENC_DEFAULT.rawValue, range: V4L2_QUANTIZATION_DEFAULT.rawValue)
    private(set) var isStreaming = false
    private(set) var queued: [UInt32] = []
    private(set) var unmapped = 0
    private var format = v4l2_pix_format()
    private var memory: [UnsafeMutableRawBufferPointer] = []
    private var pendingEvent = false

    init(_ modes: [Mode]) { self.modes = modes }

    deinit { memory.forEach { $0.deallocate() } }

    func control(_ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int32 {
        if let refusal = refusals[request] { return refusal }
        switch request {
        case ssat_vidioc_querycap:
            return argument.with(v4l2_capability.self) {
                $0.capabilities = ssat_capability_capture | ssat_capability_streaming
                return 0
            }
        case ssat_vidioc_enum_fmt:
            return argument.with(v4l2_fmtdesc.self) { entry in
                let all = modes.map(\.format).reduce(into: [UInt32]()) { if !$0.contains($1) { $0.append($1) } }
                guard entry.index < all.count else { return -EINVAL }
                entry.pixelformat = all[Int(entry.index)]
                return 0
            }
        case ssat_vidioc_enum_framesizes:
            return argument.with(v4l2_frmsizeenum.self) { entry in
                let all = modes.filter { $0.format == entry.pixel_format }
                guard entry.index < all.count else { return -EINVAL }
                entry.type = V4L2_FRMSIZE_TYPE_DISCRETE.rawValue
                entry.discrete = v4l2_frmsize_discrete(width: all[Int(entry.index)].width, height: all[Int(entry.index)].height)
                return 0
            }
        case ssat_vidioc_enum_frameintervals:
            return argument.with(v4l2_frmivalenum.self) { entry in
                let mode = modes.first { ($0.format, $0.width, $0.height) == (entry.pixel_format, entry.width, entry.height) }
                guard let mode, entry.index < mode.rates.count else { return -EINVAL }
                entry.type = V4L2_FRMIVAL_TYPE_DISCRETE.rawValue
                entry.discrete = v4l2_fract(numerator: 1, denominator: mode.rates[Int(entry.index)])
                return 0
            }
        case ssat_vidioc_s_fmt:
            return argument.with(v4l2_format.self) { asked in
                let pix = asked.fmt.pix
                set(insisted ?? Mode(format: pix.pixelformat, width: pix.width, height: pix.height, rates: []))
                asked.fmt.pix = format
                return 0
            }
        case ssat_vidioc_g_fmt: return argument.with(v4l2_format.self) { $0.fmt.pix = format; return 0 }
        case ssat_vidioc_s_parm: return 0
        case ssat_vidioc_reqbufs: return argument.with(v4l2_requestbuffers.self) { $0.count = 3; return 0 }
        case ssat_vidioc_querybuf:
            return argument.with(v4l2_buffer.self) {
                $0.length = format.sizeimage
                $0.m.offset = $0.index
                return 0
            }
        case ssat_vidioc_qbuf: return argument.with(v4l2_buffer.self) { queued.append($0.index); return 0 }
        case ssat_vidioc_streamon:
            isStreaming = true
            return 0
        case ssat_vidioc_streamoff:
            isStreaming = false
            return 0
        case ssat_vidioc_dqbuf: return argument.with(v4l2_buffer.self) { fill(&$0) }
        case ssat_vidioc_subscribe_event: return 0
        case ssat_vidioc_dqevent:
            guard pendingEvent else { return -ENOENT }
            pendingEvent = false
            return argument.with(v4l2_event.self) { $0.type = ssat_event_source_change; return 0 }
        default: return -ENOTTY
        }
    }

    private func set(_ mode: Mode) {
        (format.colorspace, format.ycbcr_enc, format.quantization) = (colour.space, colour.matrix, colour.range)
        format.pixelformat = mode.format
        (format.width, format.height) = (mode.width, mode.height)
        let packed = mode.format == ssat_format_yuyv || mode.format == ssat_format_uyvy, jpeg = mode.format == ssat_format_mjpeg
        format.bytesperline = jpeg ? 0 : mode.width * (packed ? 2 : 1) + padding
        format.sizeimage = jpeg ? mode.width * mode.height * 2 : format.bytesperline * mode.height * (packed ? 2 : 3) / 2
    }

    private func fill(_ buffer: inout v4l2_buffer) -> Int32 {
        let next = happenings.removeFirst()
        switch next {
        case .refused(let code): return -code
        case .picture(_, let sequence), .damaged(let sequence):
            buffer.index = queued.removeFirst()
            buffer.sequence = sequence
            let now = ssat_monotonic_nanoseconds() - 5_000_000
            buffer.timestamp = timeval(tv_sec: Int(now / 1_000_000_000), tv_usec: Int(now % 1_000_000_000 / 1000))
            buffer.flags = UInt32(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
            if case .damaged = next { buffer.flags |= UInt32(V4L2_BUF_FLAG_ERROR) }
            let to = memory[Int(buffer.index)]
            guard format.pixelformat != ssat_format_mjpeg else {
                to.copyBytes(from: compressed)
                buffer.bytesused = UInt32(compressed.count)
                return 0
            }
            if case .picture(let shade, _) = next { to.initializeMemory(as: UInt8.self, repeating: shade) }
            buffer.bytesused = min(format.sizeimage, UInt32(to.count))
            return 0
        default: return -EAGAIN
        }
    }

    func wait(_ events: Int32, seconds: Double) -> Int32 {
        if seconds == 0 { return pendingEvent && events & POLLPRI != 0 ? POLLPRI : 0 }
        if case .resized(let width, let height, let told)? = happenings.first {
            happenings.removeFirst()
            set(Mode(format: format.pixelformat, width: width, height: height, rates: []))
            pendingEvent = told
            if told { return POLLPRI }
        }
        switch happenings.first {
        case .picture, .damaged, .refused: return POLLIN
        case .unplugged: return POLLERR | POLLHUP
        case .silence, .resized, nil:
            if !happenings.isEmpty { happenings.removeFirst() }
            Thread.sleep(forTimeInterval: seconds)
            return 0
        }
    }

    func map(length: Int, offset: Int) -> UnsafeMutableRawBufferPointer? {
        memory.append(.allocate(byteCount: length, alignment: 64))
        return memory.last
    }

    func unmap(_ buffer: UnsafeMutableRawBufferPointer) { unmapped += 1 }
    func write(_ bytes: UnsafeRawBufferPointer) -> Int { -Int(EINVAL) }
}

/// v4l2loopback's output side, as its documentation describes it.
final class FakeLoopbackNode: DeviceNode, @unchecked Sendable {
    /// A format that the device keeps, whatever is asked for.
    var locked: (format: UInt32, width: UInt32, height: UInt32)?
    /// With exclusive_caps, a device that has a writer says that it is a camera only.
    var hasWriter = false
    var tellsClients = true
    var refusals: [UInt: Int32] = [:]
    /// Instead of taking the next images: minus an error number, or how many bytes.
    var writeAnswers: [Int] = []
    private(set) var asked = v4l2_pix_format()
    private(set) var format = v4l2_pix_format()
    private(set) var rate = v4l2_fract()
    private(set) var images: [[UInt8]] = []
    private(set) var isStreaming = false
    private let clients = Mutex<[UInt32]>([])

    func tell(clients count: UInt32) { clients.withLock { $0.append(count) } }

    func control(_ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int32 {
        if let refusal = refusals[request] { return refusal }
        switch request {
        case ssat_vidioc_querycap:
            return argument.with(v4l2_capability.self) {
                $0.capabilities = hasWriter ? ssat_capability_capture | ssat_capability_streaming : ssat_capability_output
                withUnsafeMutableBytes(of: &$0.driver) { $0.copyBytes(from: Array("v4l2 loopback".utf8)) }
                return 0
            }
        case ssat_vidioc_s_parm: return argument.with(v4l2_streamparm.self) { rate = $0.parm.output.timeperframe; return 0 }
        case ssat_vidioc_s_fmt:
            return argument.with(v4l2_format.self) {
                asked = $0.fmt.pix
                format = asked
                if let locked { (format.pixelformat, format.width, format.height) = locked }
                let packed = format.pixelformat == ssat_format_yuyv
                format.bytesperline = format.width * (packed ? 2 : 1)
                format.sizeimage = format.width * format.height * (packed ? 4 : 3) / 2
                $0.fmt.pix = format
                // 0.12 answers with the size of its buffers, whole pages.
                $0.fmt.pix.sizeimage = (format.sizeimage + 4095) / 4096 * 4096
                return 0
            }
        case ssat_vidioc_g_fmt: return argument.with(v4l2_format.self) { $0.fmt.pix = format; return 0 }
        case ssat_vidioc_streamon:
            isStreaming = true
            return 0
        case ssat_vidioc_subscribe_event: return tellsClients ? 0 : -EINVAL
        case ssat_vidioc_dqevent:
            return argument.with(v4l2_event.self) { event in
                guard let count = clients.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return -ENOENT }
                event.type = ssat_event_client_usage
                withUnsafeMutableBytes(of: &event.u) { $0.storeBytes(of: count, as: UInt32.self) }
                return 0
            }
        default: return -ENOTTY
        }
    }

    func wait(_ events: Int32, seconds: Double) -> Int32 { clients.withLock { $0.isEmpty ? 0 : POLLPRI } }
    func map(length: Int, offset: Int) -> UnsafeMutableRawBufferPointer? { nil }
    func unmap(_ buffer: UnsafeMutableRawBufferPointer) {}
    func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        if !writeAnswers.isEmpty { return writeAnswers.removeFirst() }
        images.append(Array(bytes))
        return bytes.count
    }
}
