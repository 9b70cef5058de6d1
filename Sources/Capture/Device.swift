import CVideo4Linux
import Foundation

/// What is asked of a device node: the kernel's, or a test's.
///
/// Threads: one thread at a time, but for `wait` and `control`, which a virtual camera calls on two.
package protocol DeviceNode: AnyObject, Sendable {
    /// An ioctl: 0 or more, or minus the error number. `argument` is the C struct that belongs to the request.
    func control(_ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int32
    /// Waits until one of `events` (POLLIN, POLLPRI, ...) happens; what did, 0 after `seconds`.
    func wait(_ events: Int32, seconds: Double) -> Int32
    /// A buffer of the driver's; nil and `errno` when there is none.
    func map(length: Int, offset: Int) -> UnsafeMutableRawBufferPointer?
    func unmap(_ buffer: UnsafeMutableRawBufferPointer)
    /// How many bytes were taken, or minus the error number.
    func write(_ bytes: UnsafeRawBufferPointer) -> Int
}

/// A device node of the kernel's; closed when it goes out of use. Never opened blocking.
final class KernelNode: DeviceNode {
    private let descriptor: Int32

    /// - Throws: `CaptureError.missing`, `.forbidden`, `.busy` or `.failed`.
    init(path: String) throws {
        descriptor = ssat_v4l2_open(path)
        guard descriptor < 0 else { return }
        switch -descriptor {
        case ENOENT, ENODEV, ENXIO: throw CaptureError.missing(path)
        case EACCES, EPERM: throw CaptureError.forbidden(path)
        case EBUSY: throw CaptureError.busy(path)
        default: throw CaptureError.failed(path, "be opened", -descriptor)
        }
    }

    deinit { close(descriptor) }

    func control(_ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int32 { ssat_v4l2_ioctl(descriptor, request, argument) }

    func wait(_ events: Int32, seconds: Double) -> Int32 {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let ready = poll(&entry, 1, Int32(max(seconds, 0) * 1000))
        return ready > 0 ? Int32(entry.revents) : 0
    }

    func map(length: Int, offset: Int) -> UnsafeMutableRawBufferPointer? {
        let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(offset))
        guard let base, base != MAP_FAILED else { return nil }
        return UnsafeMutableRawBufferPointer(start: base, count: length)
    }

    func unmap(_ buffer: UnsafeMutableRawBufferPointer) { munmap(buffer.baseAddress, buffer.count) }

    func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let written = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            if written >= 0 { return written }
            if errno != EINTR { return -Int(errno) }
        }
    }
}

/// An open V4L2 device: its node, and what it says of itself.
///
/// Threads: those of its node.
final class Device: @unchecked Sendable {
    let path: String
    let node: any DeviceNode
    let card, driver, busInfo: String
    private let capabilities: UInt32

    /// - Throws: `CaptureError.missing`, `.forbidden`, `.busy` or `.failed`.
    convenience init(path: String) throws { try self.init(path: path, node: KernelNode(path: path)) }

    /// - Throws: `CaptureError.notACamera` when the node is no V4L2 device.
    init(path: String, node: any DeviceNode) throws {
        (self.path, self.node) = (path, node)
        var answer = v4l2_capability()
        guard node.control(ssat_vidioc_querycap, &answer) >= 0 else { throw CaptureError.notACamera(path) }
        card = text(&answer.card)
        driver = text(&answer.driver)
        busInfo = text(&answer.bus_info)
        capabilities = answer.capabilities & ssat_capability_device != 0 ? answer.device_caps : answer.capabilities
    }

    var captures: Bool { capabilities & ssat_capability_capture != 0 && capabilities & ssat_capability_streaming != 0 }
    var outputs: Bool { capabilities & ssat_capability_output != 0 }
    /// By its documented names, never by its number.
    var isLoopback: Bool { driver == "v4l2 loopback" || busInfo.hasPrefix("platform:v4l2loopback") }

    /// One request; `argument` is the C struct that belongs to it.
    /// - Throws: `CaptureError.busy`, `.unplugged` or `.failed` with `what` could not be done.
    func request<Argument>(_ number: UInt, _ argument: inout Argument, _ what: String) throws {
        let code = answer(number, &argument)
        guard code < 0 else { return }
        switch -code {
        case EBUSY: throw CaptureError.busy(path)
        case ENODEV: throw CaptureError.unplugged(path)
        default: throw CaptureError.failed(path, what, -code)
        }
    }

    /// 0 or more, or minus the error number.
    func answer<Argument>(_ number: UInt, _ argument: inout Argument) -> Int32 {
        withUnsafeMutableBytes(of: &argument) { node.control(number, $0.baseAddress) }
    }

    /// Whether a request went well; for lists that end with an error.
    func asks<Argument>(_ number: UInt, _ argument: inout Argument) -> Bool { answer(number, &argument) >= 0 }

    /// Asks to be told of an event. Whether the driver knows it.
    func subscribe(_ event: UInt32, sendInitial: Bool = false) -> Bool {
        var subscription = v4l2_event_subscription()
        subscription.type = event
        subscription.flags = sendInitial ? ssat_event_send_initial : 0
        return asks(ssat_vidioc_subscribe_event, &subscription)
    }

    /// The events that have come, oldest first.
    func events() -> [v4l2_event] {
        var all: [v4l2_event] = []
        while node.wait(POLLPRI, seconds: 0) & POLLPRI != 0 {
            var event = v4l2_event()
            guard asks(ssat_vidioc_dqevent, &event) else { break }
            all.append(event)
        }
        return all
    }
}

/// A zero-terminated text in a fixed array of bytes.
private func text<Bytes>(_ bytes: inout Bytes) -> String {
    withUnsafeBytes(of: &bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
