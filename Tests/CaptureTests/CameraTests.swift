import CVideo4Linux
import Capture
import Foundation
import Testing
import Video

/// The camera's states, on a driver that does as it is told.
@Suite struct CameraTests {
    private let vga = FakeCameraNode.Mode(format: ssat_format_yuyv, width: 640, height: 480, rates: [30, 15])
    private let grey = FakeCameraNode.Mode(format: 0x5945_5247, width: 640, height: 480, rates: [30])

    private func open(_ node: FakeCameraNode, patience: Double = 5) throws -> Camera {
        try Camera(path: "/dev/video7", node: node, patience: patience)
    }

    private func message(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "no error"
    }

    @Test(arguments: [ssat_format_yuyv, ssat_format_uyvy, ssat_format_nv12, ssat_format_yuv420], [0, 32] as [UInt32])
    func pictures(_ format: UInt32, padding: UInt32) throws {
        let node = FakeCameraNode([.init(format: format, width: 64, height: 32, rates: [30])])
        node.padding = padding
        let camera = try open(node)
        node.happenings = [.picture(shade: 90, sequence: 0), .picture(shade: 91, sequence: 1)]
        let first = try #require(try camera.next(seconds: 1)), second = try #require(try camera.next(seconds: 1))
        #expect(node.isStreaming && node.queued.count == 3, "every buffer went back")
        #expect((first.width, first.height) == (64, 32) && first.pts <= second.pts)
        for (frame, shade) in [(first, 90), (second, 91)] {
            for x in 0..<64 { #expect(abs(Int(frame.planes.pointers[0][x]) - shade) <= 1) }
        }
        #expect(monotonicNanoseconds() - first.pts >= 5_000_000, "the driver's time, not ours")
    }

    /// The driver's matrix and range count; its defaults mean BT.601, limited.
    @Test func colours() throws {
        let node = FakeCameraNode([.init(format: ssat_format_nv12, width: 64, height: 32, rates: [30])])
        func colour() throws -> ColorSpec {
            node.happenings = [.picture(sequence: 0)]
            return try #require(try open(node).next(seconds: 1)).color
        }
        #expect(try colour().matrix == .bt601 && !colour().fullRange)
        node.colour.space = V4L2_COLORSPACE_REC709.rawValue
        #expect(try colour().matrix == .bt709)
        node.colour = (V4L2_COLORSPACE_REC709.rawValue, V4L2_YCBCR_ENC_601.rawValue, V4L2_QUANTIZATION_FULL_RANGE.rawValue)
        #expect(try colour().matrix == .bt601 && colour().fullRange)
    }

    @Test func motionJPEG() throws {
        let node = FakeCameraNode([.init(format: ssat_format_mjpeg, width: 48, height: 32, rates: [30])])
        node.compressed = Array(try Data(contentsOf: Self.jpeg(width: 48, height: 32)))
        let camera = try open(node)
        node.happenings = [.picture(sequence: 0), .picture(sequence: 1)]
        let frame = try #require(try camera.next(seconds: 1))
        #expect((frame.width, frame.height) == (48, 32) && frame.color.fullRange)
        node.compressed = [0xff, 0xd8, 1, 2, 3]
        #expect(try camera.next(seconds: 1) == nil, "a damaged picture is left out")
    }

    private static func jpeg(width: Int, height: Int) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("ssat-\(UUID()).jpg")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=\(width)x\(height)", "-frames:v", "1", url.path]
        try process.run()
        process.waitUntilExit()
        return url
    }

    @Test func lostPicturesAreCounted() throws {
        let node = FakeCameraNode([vga]), camera = try open(node)
        node.happenings = [.picture(sequence: 4), .picture(sequence: 5), .damaged(sequence: 6), .picture(sequence: 9), .refused(EIO), .picture(sequence: 10)]
        var got = 0
        for _ in 0..<6 where try camera.next(seconds: 1) != nil { got += 1 }
        #expect(got == 4 && camera.drops == 2, "7 and 8")
    }

    @Test func greyIsRefused() {
        let said = message { _ = try open(FakeCameraNode([grey])) }
        #expect(said.contains("it has GREY") && said.contains("YUYV"))
        #expect(throws: Never.self, "one format that is understood is enough") { try open(FakeCameraNode([grey, vga])) }
    }

    @Test func theDriversAnswerCounts() throws {
        let node = FakeCameraNode([vga])
        node.insisted = .init(format: ssat_format_nv12, width: 320, height: 240, rates: [])
        let camera = try open(node)
        #expect(camera.mode.layout == .nv12 && (camera.mode.width, camera.mode.height) == (320, 240))
        node.insisted = grey
        #expect(message { _ = try open(node) }.contains("it has GREY"))
    }

    @Test func busy() throws {
        let node = FakeCameraNode([vga])
        node.refusals = [ssat_vidioc_s_fmt: -EBUSY]
        #expect(message { _ = try open(node) } == "/dev/video7: is used by another program; close it first")
        // uvcvideo says so only when the stream is to begin.
        node.refusals = [ssat_vidioc_streamon: -EBUSY]
        let camera = try open(node)
        #expect(message { _ = try camera.next(seconds: 0.1) }.contains("used by another program"))
    }

    @Test func unpluggedWhileWaitingAndWhileTaking() throws {
        for happening in [FakeCameraNode.Happening.unplugged, .refused(ENODEV)] {
            let node = FakeCameraNode([vga]), camera = try open(node)
            node.happenings = [.picture(sequence: 0), happening]
            #expect(try camera.next(seconds: 1) != nil)
            #expect(message { _ = try camera.next(seconds: 1) } == "/dev/video7: was unplugged")
        }
    }

    @Test func stalled() throws {
        let node = FakeCameraNode([vga]), camera = try open(node, patience: 0.2)
        node.happenings = [.picture(sequence: 0)]
        #expect(try camera.next(seconds: 1) != nil)
        var said = "no error"
        for _ in 0..<20 where said == "no error" { said = message { _ = try camera.next(seconds: 0.05) } }
        #expect(said.hasPrefix("/dev/video7: gave no picture for"))
    }

    @Test(arguments: [true, false]) func anotherSize(told: Bool) throws {
        let node = FakeCameraNode([vga]), camera = try open(node)
        node.happenings = [.picture(sequence: 0), .resized(width: 320, height: 240, told: told), .picture(sequence: 1)]
        #expect(try camera.next(seconds: 1) != nil)
        let error = #expect(throws: CaptureError.self) { _ = try camera.next(seconds: 1) }
        #expect(error?.asksToReopen == true)
    }

    @Test func givesEverythingBack() throws {
        let node = FakeCameraNode([vga])
        try { _ = try open(node).next(seconds: 0.01) }()
        #expect(!node.isStreaming && node.unmapped == 3)
    }
}
