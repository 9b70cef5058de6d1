import CFFmpegUtil
import Foundation
import Testing
import Video

/// A camera that gives pictures of one grey each, counted up in luma; then ends, or is lost.
private final class FakeCamera: LiveSource, @unchecked Sendable {
    struct Lost: Error {}
    private var left: Int
    private let loses: Bool
    private let interval: Double
    private let shade: UInt8
    var drops: Int { 0 }
    var hasEnded: Bool { left == 0 && !loses }

    init(count: Int, interval: Double = 0.005, loses: Bool = false, shade: UInt8 = 16) {
        (left, self.interval, self.loses, self.shade) = (count, interval, loses, shade)
    }

    func next(seconds: Double) throws -> Frame? {
        guard left > 0 else {
            if loses { throw Lost() }
            return nil
        }
        left -= 1
        Thread.sleep(forTimeInterval: interval)
        let frame = try grey(shade)
        frame.raw.pointee.pts = monotonicNanoseconds()
        return frame
    }
}

private func grey(_ shade: UInt8) throws -> Frame {
    let frame = try Frame(width: 32, height: 16, format: AV_PIX_FMT_YUV420P)
    for (plane, (value, rows)) in [(shade, 16), (128, 8), (128, 8)].enumerated() {
        memset(frame.planes.pointers[plane], Int32(value), frame.planes.strides[plane] * rows)
    }
    return frame
}

/// Remembers what it was shown: a shade, or nil for the placeholder.
private final class Screen: LiveSink, @unchecked Sendable {
    private let lock = NSLock()
    private var all: [UInt8?] = []
    private let failsAfter: Int
    private(set) var finished = false
    struct Full: Error {}
    init(failsAfter: Int = .max) { self.failsAfter = failsAfter }
    var shown: [UInt8?] { lock.withLock { all } }
    func show(_ frame: Frame) throws {
        try lock.withLock {
            if all.count >= failsAfter { throw Full() }
            all.append(frame.planes.pointers[0][0])
        }
    }
    func showPlaceholder() { lock.withLock { all.append(nil) } }
    func finish() { lock.withLock { finished = true } }
}

/// Makes a picture up by inverting it. Slow or failing where asked.
private struct Inverter: FrameFilter {
    struct Failure: Error {}
    var seconds = 0.0
    var failsAfter = Int.max
    private let count = Counter()
    func analyze(_ frame: Frame, time: Double) throws { if count.next() > failsAfter { throw Failure() } }
    func transform(_ frame: Frame, _ analysis: Void) { Thread.sleep(forTimeInterval: seconds) }
    func finish(_ frame: Frame, _ analysis: Void) -> Frame {
        for y in 0..<16 { for x in 0..<32 { frame.planes.pointers[0][y * frame.planes.strides[0] + x] ^= 0xff } }
        return frame
    }
    init(seconds: Double = 0, failsAfter: Int = .max) { (self.seconds, self.failsAfter) = (seconds, failsAfter) }
}

private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var value = 0
    func next() -> Int { lock.withLock { value += 1; return value } }
}

@Suite struct LivePipelineTests {
    private let bare: UInt8 = 16, made: UInt8 = 239

    @Test func placeholderFirstAndLastAndNothingBareBetween() throws {
        let screen = Screen()
        let statistics = try LivePipeline(filter: Inverter(), sinks: [screen]).run(
            open: { FakeCamera(count: 20) }, returnsAfterLoss: false, cancellation: Cancellation())
        #expect(screen.shown.first == .some(nil) && screen.shown.last == .some(nil) && screen.finished)
        #expect(screen.shown.contains(made) && !screen.shown.contains(bare))
        #expect(statistics.captured == 20 && statistics.shown >= 1 && statistics.shown + statistics.late <= 20)
        #expect(statistics.latency.percentile(0.5) > 0)
    }

    @Test func aFailingFilterEndsWithThePlaceholder() throws {
        let screen = Screen()
        #expect(throws: Inverter.Failure.self) {
            _ = try LivePipeline(filter: Inverter(failsAfter: 3), sinks: [screen]).run(
                open: { FakeCamera(count: 1000) }, returnsAfterLoss: false, cancellation: Cancellation())
        }
        #expect(screen.shown.last == .some(nil) && !screen.shown.contains(bare) && screen.finished)
    }

    @Test func newestPictureWins() throws {
        let screen = Screen()
        let statistics = try LivePipeline(filter: Inverter(seconds: 0.05), sinks: [screen]).run(
            open: { FakeCamera(count: 60) }, returnsAfterLoss: false, cancellation: Cancellation())
        #expect(statistics.late >= 30, "a filter ten times slower than the camera leaves most out")
        #expect(statistics.latency.percentile(0.99) < 1000)
    }

    @Test func aLostCameraIsWaitedFor() throws {
        let screen = Screen(), opened = Counter(), cancellation = Cancellation()
        let statistics = try LivePipeline(filter: Inverter(), sinks: [screen]).run(
            open: { opened.next() == 1 ? FakeCamera(count: 5, loses: true) : FakeCamera(count: 5) }, returnsAfterLoss: true, cancellation: cancellation)
        #expect(statistics.captured == 10)
        let second = try #require(screen.shown.lastIndex(of: made)), first = try #require(screen.shown.firstIndex(of: made))
        #expect(screen.shown[first..<second].contains(nil), "the placeholder in between")
    }

    @Test func aLostCameraEndsTheRunOtherwise() {
        #expect(throws: FakeCamera.Lost.self) {
            _ = try LivePipeline(filter: Inverter(), sinks: [Screen()]).run(
                open: { FakeCamera(count: 5, loses: true) }, returnsAfterLoss: false, cancellation: Cancellation())
        }
    }

    @Test func privacyHidesAtOnce() throws {
        let screen = Screen(), control = LiveControl(), cancellation = Cancellation()
        control.privacy = true
        _ = try LivePipeline(filter: Inverter(), sinks: [screen], control: control).run(
            open: { FakeCamera(count: 30) }, returnsAfterLoss: false, cancellation: cancellation)
        #expect(screen.shown.allSatisfy { $0 == nil })
    }

    @Test func closedWhileNobodyWatches() throws {
        let screen = Screen(), opened = Counter(), asked = Counter()
        _ = try LivePipeline(filter: Inverter(), sinks: [screen]).run(
            open: { _ = opened.next(); return FakeCamera(count: 5) }, returnsAfterLoss: false, cancellation: Cancellation(),
            wanted: { asked.next() > 3 })
        #expect(opened.next() == 2, "opened once, and only when it was wanted")
    }

    /// Slower than a second a picture: what is old is not shown as if it were new.
    @Test func overloadShowsThePlaceholder() throws {
        let screen = Screen()
        let statistics = try LivePipeline(filter: Inverter(seconds: 1.8), sinks: [screen]).run(
            open: { FakeCamera(count: 800) }, returnsAfterLoss: false, cancellation: Cancellation())
        #expect(!screen.shown.contains(bare) && screen.shown.contains(made) && statistics.late > 700)
        let first = try #require(screen.shown.firstIndex(of: made)), last = try #require(screen.shown.lastIndex(of: made))
        #expect(screen.shown[first...last].contains(nil), "the placeholder between two pictures")
    }

    /// While the networks are loaded, programs see the placeholder go on; the camera is opened after.
    @Test func theFilterIsMadeMeanwhile() throws {
        let screen = Screen(), opened = Counter()
        @Sendable func slow() throws -> Inverter {
            Thread.sleep(forTimeInterval: 1.1)
            #expect(opened.next() == 1, "before the camera")
            return Inverter()
        }
        _ = try LivePipeline(filter: try slow(), sinks: [screen]).run(
            open: { _ = opened.next(); return FakeCamera(count: 5) }, returnsAfterLoss: false, cancellation: Cancellation())
        let first = try #require(screen.shown.firstIndex(of: made))
        #expect(first >= 2 && screen.shown[..<first].allSatisfy { $0 == nil }, "\(first) placeholders")
    }

    @Test func aFilterThatCannotBeMadeEndsTheRun() {
        let screen = Screen()
        @Sendable func fail() throws -> Inverter { throw Inverter.Failure() }
        #expect(throws: Inverter.Failure.self) {
            _ = try LivePipeline(filter: try fail(), sinks: [screen]).run(
                open: { FakeCamera(count: 5) }, returnsAfterLoss: true, cancellation: Cancellation())
        }
        #expect(screen.shown.allSatisfy { $0 == nil } && screen.finished)
    }

    /// An output that fails still gets the placeholder, and so do the others.
    @Test func aFailingOutputEndsWithThePlaceholder() {
        let good = Screen(), bad = Screen(failsAfter: 3)
        #expect(throws: Screen.Full.self) {
            _ = try LivePipeline(filter: Inverter(), sinks: [good, bad]).run(
                open: { FakeCamera(count: 1000) }, returnsAfterLoss: false, cancellation: Cancellation())
        }
        for screen in [good, bad] { #expect(screen.shown.last == .some(nil) && screen.finished && !screen.shown.contains(bare)) }
    }

    /// The reason for waiting is told once, not every second.
    @Test func waitingIsToldOnce() throws {
        let screen = Screen(), opened = Counter(), told = Counter(), cancellation = Cancellation()
        _ = try LivePipeline(filter: Inverter(), sinks: [screen]).run(
            open: {
                if opened.next() < 4 { throw FakeCamera.Lost() }
                return FakeCamera(count: 5)
            }, returnsAfterLoss: true, cancellation: cancellation, lost: { _ in _ = told.next() })
        #expect(told.next() == 2 && screen.shown.contains(made))
    }

    /// A camera whose pictures have another size now is opened again at once, also where a lost one would not be waited for.
    @Test func aChangedCameraIsOpenedAgain() throws {
        struct Changed: ReopenableError { let asksToReopen = true }
        let screen = Screen(), opened = Counter()
        let statistics = try LivePipeline(filter: Inverter(), sinks: [screen]).run(
            open: {
                if opened.next() == 1 { throw Changed() }
                return FakeCamera(count: 5)
            }, returnsAfterLoss: false, cancellation: Cancellation())
        #expect(statistics.captured == 5)
    }

    @Test func latencies() {
        var histogram = LatencyHistogram()
        #expect(histogram.percentile(0.5) == 0)
        for ms in 1...100 { histogram.add(nanoseconds: Int64(ms) * 1_000_000 - 1) }
        #expect(histogram.percentile(0.5) == 50 && histogram.percentile(0.99) == 99)
        histogram.add(nanoseconds: .max)
        #expect(histogram.percentile(1) == 2000)
    }

    /// Camera layouts in, virtual camera layouts out: the same picture, whatever the stride.
    @Test(arguments: [RawLayout.yuyv, .uyvy, .nv12, .yuv420], [0, 24]) func rawLayouts(_ layout: RawLayout, padding: Int) throws {
        let (width, height) = (32, 16), packed = layout == .yuyv || layout == .uyvy
        let stride = width * (packed ? 2 : 1) + padding
        let encoder = try RawEncoder(layout: layout, width: width, height: height, stride: stride)
        let size = packed ? stride * height : stride * height * 3 / 2
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        defer { bytes.deallocate() }
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        let frame = try grey(128)
        for y in 0..<height { for x in 0..<width { frame.planes.pointers[0][y * frame.planes.strides[0] + x] = UInt8(30 + 12 * y + x) } }
        frame.raw.pointee.colorspace = .init(1)  // BT.709: no conversion of colours
        try encoder.encode(frame, into: bytes)
        let decoder = try RawDecoder(layout: layout, width: width, height: height)
        let back = try #require(try decoder.decode(UnsafeRawBufferPointer(bytes), stride: stride, time: 7))
        #expect(back.pts == 7 && back.width == width && back.height == height)
        for y in 0..<height {
            for x in 0..<width {
                #expect(abs(Int(back.planes.pointers[0][y * back.planes.strides[0] + x]) - (30 + 12 * y + x)) <= 1)
            }
        }
        #expect(try decoder.decode(UnsafeRawBufferPointer(rebasing: bytes.prefix(size - stride)), stride: stride, time: 8) == nil, "too short")
    }

    /// A red of BT.601 full range, as a webcam's MJPEG has it, is the same red in BT.709 limited range.
    @Test func coloursAreConverted() throws {
        let (width, height) = (64, 32), encoder = try RawEncoder(layout: .yuv420, width: width, height: height, stride: width)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: width * height * 3 / 2, alignment: 64)
        defer { bytes.deallocate() }
        let frame = try Frame(width: width, height: height, format: AV_PIX_FMT_YUV420P)
        for (plane, (value, rows)) in [(76, height), (85, height / 2), (255, height / 2)].enumerated() {
            memset(frame.planes.pointers[plane], Int32(value), frame.planes.strides[plane] * rows)
        }
        frame.raw.pointee.colorspace = .init(6)  // SMPTE 170M
        frame.raw.pointee.color_range = .init(2)  // full
        try encoder.encode(frame, into: bytes)
        let luma = width * height, middle = [bytes[luma / 2 + 32], bytes[luma + luma / 8 + 16], bytes[luma * 5 / 4 + luma / 8 + 16]]
        for (found, wanted) in zip(middle, [63, 102, 240]) { #expect(abs(Int(found) - wanted) <= 2, "\(middle)") }
    }

    @Test func otherAspectsGetBars() throws {
        let encoder = try RawEncoder(layout: .yuv420, width: 64, height: 16, stride: 64)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 24, alignment: 64)
        defer { bytes.deallocate() }
        try encoder.encode(grey(200), into: bytes)
        #expect(bytes[8 * 64] == 40 && bytes[8 * 64 + 32] > 180 && bytes[8 * 64 + 63] == 40)
    }
}
