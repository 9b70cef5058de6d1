import Capture
import Foundation
import Testing

/// The kernel's files, made up.
@Suite struct LoopbackModuleTests {
    private let root = FileManager.default.temporaryDirectory.appendingPathComponent("ssat-live-\(UUID())").path

    private func write(_ path: String, _ data: Data) throws {
        let url = URL(fileURLWithPath: root + path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }

    @Test func module() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        #expect(LoopbackModule.find(root: root) == .missing)
        try write("/proc/sys/kernel/osrelease", Data("6.1.0-56-amd64\n".utf8))
        try write("/lib/modules/6.1.0-56-amd64/modules.dep", Data("kernel/fs/9p/9p.ko:\n".utf8))
        #expect(LoopbackModule.find(root: root) == .missing)
        try write("/lib/modules/6.1.0-56-amd64/modules.dep", Data("updates/dkms/v4l2loopback.ko: kernel/drivers/media/videodev.ko\n".utf8))
        #expect(LoopbackModule.find(root: root) == .installed)
        try write("/sys/module/v4l2loopback/version", Data("0.12.7\n".utf8))
        #expect(LoopbackModule.find(root: root) == .loaded("0.12.7"))
    }

    @Test func secureBoot() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        #expect(LoopbackModule.secureBoot(root: root) == nil)
        for (byte, on) in [(UInt8(0), false), (1, true)] {
            try write("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", Data([6, 0, 0, 0, byte]))
            #expect(LoopbackModule.secureBoot(root: root) == on)
        }
    }
}
