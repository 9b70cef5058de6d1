import Foundation
import Video

/// What went wrong with a camera or a virtual camera, in one line for the user.
public enum CaptureError: Error, CustomStringConvertible, ReopenableError {
    case missing(String)
    case forbidden(String)
    case busy(String)
    case notACamera(String)
    case notAVirtualCamera(String)
    case noVirtualCamera
    /// The device offers no format that is understood; the second value lists what it offers.
    case noFormat(String, String)
    /// The device keeps a format that cannot be written.
    case locked(String, String)
    case unplugged(String)
    case stalled(String, Double)
    /// The camera delivers another size or format from now on; it must be opened again.
    case changed(String)
    case failed(String, String, Int32)

    public var description: String {
        switch self {
        case .missing(let path): "\(path): no such device; 'ssat-live doctor' lists the devices"
        case .forbidden(let path): "\(path): may not be opened; add yourself to the group 'video' and log in again"
        case .busy(let path): "\(path): is used by another program; close it first"
        case .notACamera(let path): "\(path): is no camera; 'ssat-live doctor' lists the devices"
        case .notAVirtualCamera(let path): "\(path): cannot be written to; it is no v4l2loopback device"
        case .noVirtualCamera: "no virtual camera found; load it with: sudo modprobe v4l2loopback exclusive_caps=1 card_label=\"ssat-live\""
        case .noFormat(let path, let offered): "\(path): offers no format that is understood (it has \(offered)); YUYV, UYVY, NV12, YU12 or MJPG is needed"
        case .locked(let path, let what): "\(path): is locked to \(what), which cannot be written; unlock it with: v4l2loopback-ctl set-caps \(path) any"
        case .unplugged(let path): "\(path): was unplugged"
        case .stalled(let path, let seconds): "\(path): gave no picture for \(Int(seconds)) seconds"
        case .changed(let path): "\(path): delivers another size or format now"
        case .failed(let path, let what, let code): "\(path): cannot \(what) (\(String(cString: strerror(code))))"
        }
    }

    public var asksToReopen: Bool {
        if case .changed = self { return true }
        return false
    }
}
