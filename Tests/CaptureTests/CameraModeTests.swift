import Capture
import Foundation
import Testing
import Video

@Suite struct CameraModeTests {
    /// A usual webcam on USB 2: raw pictures are fast only when they are small.
    private let modes = [
        CameraMode(layout: .yuyv, width: 640, height: 480, framesPerSecond: 30), CameraMode(layout: .yuyv, width: 1280, height: 720, framesPerSecond: 10),
        CameraMode(layout: .mjpeg, width: 640, height: 480, framesPerSecond: 30), CameraMode(layout: .mjpeg, width: 1280, height: 720, framesPerSecond: 30),
        CameraMode(layout: .mjpeg, width: 1920, height: 1080, framesPerSecond: 30),
    ]

    @Test func nothingAskedFor() throws {
        let mode = try #require(CameraMode.nearest(modes, width: nil, height: nil, framesPerSecond: nil))
        #expect(mode == modes[3], "720p at 30 frames, compressed because raw is slow")
    }

    @Test func sizesAndRatesAskedFor() {
        #expect(CameraMode.nearest(modes, width: 640, height: 480, framesPerSecond: nil) == modes[0], "raw where it is fast enough")
        #expect(CameraMode.nearest(modes, width: 1280, height: 720, framesPerSecond: 10) == modes[1])
        #expect(CameraMode.nearest(modes, width: 2560, height: 1440, framesPerSecond: nil) == modes[4])
        #expect(CameraMode.nearest(modes, width: nil, height: 480, framesPerSecond: nil) == modes[0])
        #expect(CameraMode.nearest([], width: 640, height: 480, framesPerSecond: nil) == nil)
    }

    @Test(arguments: ["/dev/video99", "/dev/null", "/dev/nowhere/video0"]) func noCamera(_ path: String) {
        let error = #expect(throws: CaptureError.self) { try Camera(path: path) }
        #expect(error.map { "\($0)".hasPrefix(path) } ?? false)
        #expect(throws: CaptureError.self) { try VirtualCamera(path: path, width: 640, height: 480, framesPerSecond: 30) }
    }

    /// Device numbers change from start to start, udev's links do not.
    @Test func namesOfDevices() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ssat-live-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let link = folder.appendingPathComponent("camera").path, other = folder.appendingPathComponent("clip").path
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/dev/video97")
        try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: "clip.mp4")
        #expect(DeviceList.videoDevice(link) == "/dev/video97" && DeviceList.videoDevice("/dev/video3") == "/dev/video3")
        #expect(DeviceList.videoDevice("/dev/v4l/by-id/usb-none") == "/dev/v4l/by-id/usb-none")
        for name in [other, "clip.mp4", "/dev/null", "rtsp://a/b"] { #expect(DeviceList.videoDevice(name) == nil) }
    }
}
