import CVideo4Linux
import Capture
import Foundation
import Testing
import Video

/// The virtual camera's side of v4l2loopback's contract.
@Suite struct VirtualCameraTests {
    private func open(_ node: FakeLoopbackNode, layout: RawLayout = .yuv420, width: Int = 65, height: Int = 33) throws -> VirtualCamera {
        try VirtualCamera(path: "/dev/video8", node: node, layout: layout, width: width, height: height, framesPerSecond: 30)
    }

    private func message(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "no error"
    }

    @Test(arguments: [RawLayout.yuv420, .yuyv]) func asksForWhatProgramsTake(_ layout: RawLayout) throws {
        let node = FakeLoopbackNode(), camera = try open(node, layout: layout)
        #expect((node.asked.width, node.asked.height) == (64, 32), "even")
        #expect(node.asked.pixelformat == (layout == .yuyv ? ssat_format_yuyv : ssat_format_yuv420))
        #expect(node.asked.colorspace == V4L2_COLORSPACE_REC709.rawValue && node.asked.ycbcr_enc == V4L2_YCBCR_ENC_709.rawValue)
        #expect(node.asked.priv == UInt32(V4L2_PIX_FMT_PRIV_MAGIC), "else the kernel clears the next three")
        #expect(node.asked.quantization == V4L2_QUANTIZATION_LIM_RANGE.rawValue && node.asked.xfer_func == V4L2_XFER_FUNC_709.rawValue)
        #expect((node.rate.numerator, node.rate.denominator) == (1000, 30000))
        #expect(node.isStreaming && node.images.count == 1, "the placeholder is there at once")
        #expect(node.images[0].count == (layout == .yuyv ? 64 * 32 * 2 : 64 * 32 * 3 / 2), "an image, not whole pages")
        #expect(camera.layout == layout)
    }

    @Test func placeholderIsPlain() throws {
        let node = FakeLoopbackNode(), camera = try open(node)
        try camera.showPlaceholder()
        #expect(Set(node.images[1].prefix(64 * 32)) == [40] && Set(node.images[1].dropFirst(64 * 32)) == [128])
    }

    @Test func aLockedDeviceGetsItsOwnSize() throws {
        let node = FakeLoopbackNode()
        node.locked = (ssat_format_yuyv, 48, 32)
        let camera = try open(node, width: 1280, height: 720)
        #expect((camera.width, camera.height) == (48, 32) && camera.layout == .yuyv && node.images[0].count == 48 * 32 * 2)
        node.locked = (0x3342_4752, 48, 32)
        #expect(message { _ = try open(node) }.contains("locked to RGB3 48x32"))
    }

    @Test func busy() {
        let node = FakeLoopbackNode()
        node.hasWriter = true
        #expect(message { _ = try open(node) } == "/dev/video8: is used by another program; close it first")
        node.hasWriter = false
        node.refusals = [ssat_vidioc_s_fmt: -EBUSY]
        #expect(message { _ = try open(node) }.contains("used by another program"))
    }

    @Test func writing() throws {
        let node = FakeLoopbackNode(), camera = try open(node)
        node.writeAnswers = [-Int(EAGAIN), -Int(EBUSY), -Int(ENODEV), 100]
        #expect(message { try camera.showPlaceholder() } == "no error", "nobody took the last one out: this one is left out")
        #expect(message { try camera.showPlaceholder() }.contains("used by another program"))
        #expect(message { try camera.showPlaceholder() }.contains("was unplugged"))
        #expect(message { try camera.showPlaceholder() }.contains("cannot be written"), "less than an image")
    }

    @Test func watchedByTheDriversCount() throws {
        let node = FakeLoopbackNode(), camera = try open(node)
        #expect(!camera.isWatched)
        node.tell(clients: 0)
        #expect(!camera.isWatched)
        node.tell(clients: 1)
        node.tell(clients: 2)
        #expect(camera.isWatched && camera.isWatched)
        node.tell(clients: 0)
        #expect(!camera.isWatched)
    }

    @Test func watchedByOpenFilesBefore013() throws {
        let node = FakeLoopbackNode()
        node.tellsClients = false
        #expect(try !open(node).isWatched, "nobody has /dev/video8 open here")
    }
}
