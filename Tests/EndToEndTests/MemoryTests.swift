import Foundation
import TestSupport
import Testing

/// What a run takes of memory at most. Linux counts it.
@Suite struct MemoryTests {
    /// The most that a process has had resident, in MB, while it lives.
    private final class Peak: @unchecked Sendable {
        private let lock = NSLock()
        private var megabytes = 0
        private let ended = DispatchSemaphore(value: 0)
        var value: Int { lock.withLock { megabytes } }

        func follow(_ process: Int32) {
            Thread.detachNewThread { [self] in
                while let now = Self.resident(process) {
                    lock.withLock { megabytes = max(megabytes, now) }
                    usleep(10_000)
                }
                ended.signal()
            }
        }

        func wait() { ended.wait() }

        private static func resident(_ process: Int32) -> Int? {
            guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
                let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
            else { return nil }
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 / 1024 }
        }
    }

    private func peak(_ input: String, _ output: String, _ more: [String]) throws -> Int {
        let peak = Peak()
        let outcome = try Binary.run(["apply", input, "-r", Binary.reference("plum"), "-o", output, "--threads", "2"] + more, started: peak.follow)
        peak.wait()
        #expect(outcome.code == 0)
        return peak.value
    }

    @Test func aRunStaysBelow250MegabytesAt1080p() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.mp4"), output = folder.path("out.mp4")
        try Tool.ffmpeg([
            "-stream_loop", "1", "-i", Binary.clip, "-vf", "scale=1080:1080,pad=1920:1080:-1:-1", "-frames:v", "60", "-an", "-c:v", "libx264",
            "-preset", "veryfast", input,
        ])
        func peak(_ more: String...) throws -> Int {
            let peak = try self.peak(input, output, ["-y"] + more)
            #expect(try Tool.times(output) == Tool.times(input))
            return peak
        }
        // What libx264's own preset takes is the user's choice.
        let usual = try peak(), least = try peak("--low-memory"), most = try peak("--preset", "veryfast")
        #expect(usual < 250 && usual < most - 40)
        #expect(least > 100 && least < usual - 15)
        #expect(least < most - 70)
    }

    @Test(arguments: [
        ["libx264", "--preset", "veryslow"], ["libx265"], ["libx265", "--preset", "slower"], ["ffv1"], ["libvpx-vp9"], ["libaom-av1"],
    ]) func encodersTakeIt(encoder: [String]) throws {
        let folder = try TemporaryFolder()
        let output = folder.path("out.mkv")
        let outcome = try Binary.run(
            ["apply", Binary.clip, "-r", Binary.reference("plum"), "-o", output, "--duration", "0.2", "--low-memory", "--encoder"] + encoder)
        #expect(outcome.code == 0)
        #expect(try Tool.times(output).count == 5)
    }
}
