import Foundation

/// The kernel module behind virtual cameras, and what may keep it from being loaded.
public enum LoopbackModule: Sendable, Equatable {
    /// With its version, where it tells.
    case loaded(String?)
    /// Built for the running kernel, not loaded.
    case installed
    case missing

    /// - Parameter root: where the system's files are.
    public static func find(root: String = "") -> LoopbackModule {
        let manager = FileManager.default
        if manager.fileExists(atPath: root + "/sys/module/v4l2loopback") {
            return .loaded(text(root + "/sys/module/v4l2loopback/version"))
        }
        guard let release = text(root + "/proc/sys/kernel/osrelease") else { return .missing }
        let folder = root + "/lib/modules/\(release)"
        let known = (try? String(contentsOfFile: folder + "/modules.dep", encoding: .utf8)) ?? ""
        return known.contains("/v4l2loopback.ko") ? .installed : .missing
    }

    /// Whether only signed modules are loaded; nil where the firmware does not tell.
    public static func secureBoot(root: String = "") -> Bool? {
        let path = root + "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
        // Four bytes of attributes, then the value.
        guard let data = FileManager.default.contents(atPath: path), data.count == 5 else { return nil }
        return data[4] == 1
    }

    private static func text(_ path: String) -> String? {
        (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
