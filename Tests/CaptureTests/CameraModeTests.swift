import Capture
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
}
