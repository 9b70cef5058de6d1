import Foundation

/// What is known of a video device without using it.
public struct DeviceDescription: Sendable {
    public let path, card, driver: String
    public let isCamera, isOutput, isLoopback: Bool
    /// What a camera offers and is understood; empty for others.
    public let modes: [CameraMode]
    /// Formats that a camera offers and that are not understood, by their four letters.
    public let otherFormats: [String]
}

/// The video devices of this machine.
public enum DeviceList {
    /// Every `/dev/video*` that can be asked, in the order of their numbers. A device that cannot be opened is left out.
    public static func all() -> [DeviceDescription] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []
        let numbers = names.compactMap { name in name.hasPrefix("video") ? Int(name.dropFirst(5)) : nil }.sorted()
        return numbers.compactMap { number in
            guard let device = try? Device(path: "/dev/video\(number)") else { return nil }
            return DeviceDescription(
                path: device.path, card: device.card, driver: device.driver, isCamera: device.captures, isOutput: device.outputs,
                isLoopback: device.isLoopback, modes: device.captures ? CameraMode.offered(by: device) : [],
                otherFormats: device.captures ? CameraMode.namesNotUnderstood(of: device) : [])
        }
    }

    /// The device node that a name means, also by one of udev's links (`/dev/v4l/by-id/...`); nil where it means something else. A link
    /// that is not there yet means itself.
    public static func videoDevice(_ name: String) -> String? {
        if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: name) {
            let folder = URL(fileURLWithPath: name).deletingLastPathComponent()
            let path = URL(fileURLWithPath: target, relativeTo: folder).standardizedFileURL.path
            if path.hasPrefix("/dev/video") { return path }
        }
        return name.hasPrefix("/dev/video") || name.hasPrefix("/dev/v4l/") ? name : nil
    }

    /// The first v4l2loopback device that takes pictures.
    /// - Throws: `CaptureError.noVirtualCamera`.
    public static func virtualCamera() throws -> String {
        guard let found = all().first(where: { $0.isLoopback && $0.isOutput }) else { throw CaptureError.noVirtualCamera }
        return found.path
    }
}
