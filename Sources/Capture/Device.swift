import CVideo4Linux
import Foundation

/// An open V4L2 device node; closed when it goes out of use. Never opened blocking.
///
/// Threads: one thread at a time.
final class Device: @unchecked Sendable {
    let path: String
    let descriptor: Int32
    let card, driver, busInfo: String
    private let capabilities: UInt32

    /// - Throws: `CaptureError.missing`, `.forbidden`, `.busy` or `.failed`.
    init(path: String) throws {
        self.path = path
        let opened = ssat_v4l2_open(path)
        guard opened >= 0 else {
            switch -opened {
            case ENOENT, ENODEV, ENXIO: throw CaptureError.missing(path)
            case EACCES, EPERM: throw CaptureError.forbidden(path)
            case EBUSY: throw CaptureError.busy(path)
            default: throw CaptureError.failed(path, "be opened", -opened)
            }
        }
        descriptor = opened
        var answer = v4l2_capability()
        guard ssat_v4l2_ioctl(opened, ssat_vidioc_querycap, &answer) >= 0 else {
            close(opened)
            throw CaptureError.notACamera(path)
        }
        card = text(&answer.card)
        driver = text(&answer.driver)
        busInfo = text(&answer.bus_info)
        capabilities = answer.capabilities & ssat_capability_device != 0 ? answer.device_caps : answer.capabilities
    }

    deinit { close(descriptor) }

    var captures: Bool { capabilities & ssat_capability_capture != 0 && capabilities & ssat_capability_streaming != 0 }
    var outputs: Bool { capabilities & ssat_capability_output != 0 }
    /// By its documented names, never by its number.
    var isLoopback: Bool { driver == "v4l2 loopback" || busInfo.hasPrefix("platform:v4l2loopback") }

    /// One request; `argument` is the C struct that belongs to it.
    /// - Throws: `CaptureError.busy`, `.unplugged` or `.failed` with `what` could not be done.
    func request<Argument>(_ number: UInt, _ argument: inout Argument, _ what: String) throws {
        let code = withUnsafeMutableBytes(of: &argument) { ssat_v4l2_ioctl(descriptor, number, $0.baseAddress) }
        guard code < 0 else { return }
        switch -code {
        case EBUSY: throw CaptureError.busy(path)
        case ENODEV: throw CaptureError.unplugged(path)
        default: throw CaptureError.failed(path, what, -code)
        }
    }

    /// Whether a request went well; for lists that end with an error.
    func asks<Argument>(_ number: UInt, _ argument: inout Argument) -> Bool {
        withUnsafeMutableBytes(of: &argument) { ssat_v4l2_ioctl(descriptor, number, $0.baseAddress) } >= 0
    }

    /// Waits until one of `events` (POLLIN, POLLPRI, ...) happens; what did, 0 after `seconds`.
    func wait(_ events: Int32, seconds: Double) -> Int32 {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let ready = poll(&entry, 1, Int32(max(seconds, 0) * 1000))
        return ready > 0 ? Int32(entry.revents) : 0
    }
}

/// A zero-terminated text in a fixed array of bytes.
private func text<Bytes>(_ bytes: inout Bytes) -> String {
    withUnsafeBytes(of: &bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
