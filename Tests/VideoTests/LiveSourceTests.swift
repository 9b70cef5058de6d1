import CFFmpegUtil
import Foundation
import TestSupport
import Testing
import Video

/// Files, pipes and streams as live sources; recordings of what comes out.
@Suite struct LiveSourceTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func clip(_ name: String, size: String = "64x48", rate: Int = 50, seconds: Double = 0.4) throws -> String {
        try Tool.ffmpeg(["-f", "lavfi", "-i", "testsrc2=size=\(size):rate=\(rate):duration=\(seconds)", "-pix_fmt", "yuv420p", folder.path(name)])
        return folder.path(name)
    }

    private func all(_ reader: PacedReader) throws -> [Frame] {
        var frames: [Frame] = []
        while !reader.hasEnded { if let frame = try reader.next(seconds: 0.2) { frames.append(frame) } }
        return frames
    }

    /// Not even a byte of a pipe may be read to see whether it is empty.
    @Test func aNamedPipe() throws {
        let clip = try clip("clip.y4m"), pipe = folder.path("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let feeding = try Background(["cp", clip, pipe])
        defer { feeding.stop() }
        #expect(try all(PacedReader(path: pipe)).count == 20)
    }

    @Test func aSizeAndARateAskedFor() throws {
        let clip = try clip("clip.mkv")
        let reader = try PacedReader(path: clip, size: (32, 24), framesPerSecond: 25)
        #expect((reader.width, reader.height) == (32, 24))
        let frames = try all(reader)
        #expect(frames.count == 10 && frames.allSatisfy { ($0.width, $0.height) == (32, 24) })
        #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.pts < $1.pts })
    }

    /// A stream that says nothing is given up when the run ends.
    @Test func aSilentStreamIsGivenUp() throws {
        let cancellation = Cancellation()
        DispatchQueue.global().asyncAfter(deadline: .now() + 0.5) { cancellation.cancel() }
        #expect(throws: VideoError.self) { try PacedReader(path: "udp://127.0.0.1:28431", cancellation: cancellation) }
    }

    private func grey(_ width: Int, _ height: Int, _ shade: Int32, at time: Int64) throws -> Frame {
        let frame = try Frame(width: width, height: height, format: AV_PIX_FMT_YUV420P)
        for (plane, (value, rows)) in [(shade, height), (128, height / 2), (128, height / 2)].enumerated() {
            memset(frame.planes.pointers[plane], value, frame.planes.strides[plane] * rows)
        }
        frame.raw.pointee.pts = time
        return frame
    }

    /// A camera that comes back may have another size: the recording keeps its own. The placeholder is recorded once there was a
    /// picture.
    @Test func recordings() throws {
        let path = folder.path("out.mkv"), now = monotonicNanoseconds()
        let recorder = try Recorder(path: path, options: EncoderOptions(), framesPerSecond: 25)
        try recorder.showPlaceholder()
        for (index, size) in [(64, 48), (64, 48), (32, 24)].enumerated() {
            try recorder.show(grey(size.0, size.1, 200, at: now - Int64(3 - index) * 40_000_000))
        }
        try recorder.showPlaceholder()
        try recorder.finish()
        let luma = try Tool.run(["ffmpeg", "-v", "error", "-i", path, "-vf", "scale=1:1", "-pix_fmt", "gray", "-f", "rawvideo", "-vsync", "passthrough", "-"]).output
        #expect(luma.count == 4 && luma.prefix(3).allSatisfy { $0 > 180 } && luma[luma.startIndex + 3] < 70, "\(Array(luma))")
        #expect(try Tool.probe(path, ["-show_entries", "stream=width,height"]) == ["64,48"])
    }

    /// Streams: what was sent is received, 4:2:0, from the first key picture on.
    @Test func hls() throws {
        let path = folder.path("live.m3u8"), now = monotonicNanoseconds()
        var options = EncoderOptions()
        options.live = true
        let recorder = try Recorder(path: path, options: options, framesPerSecond: 25)
        for index in 0..<60 { try recorder.show(grey(64, 48, 60 + Int32(index), at: now + Int64(index) * 40_000_000)) }
        try recorder.finish()
        #expect(try Tool.times(path).count == 60)
        #expect(try Tool.probe(path, ["-select_streams", "v:0", "-show_entries", "stream=pix_fmt"]).first == "yuv420p")
    }

    @Test(arguments: [("udp://127.0.0.1:28432", "udp://127.0.0.1:28432?timeout=20000000", []), ("rtmp://127.0.0.1:28433/live/a", "rtmp://127.0.0.1:28433/live/a", ["-listen", "1"])])
    func streams(_ address: String, _ listening: String, _ options: [String]) throws {
        let received = folder.path("received.mkv")
        let listener = try Background(["ffmpeg", "-v", "error", "-y"] + options + ["-i", listening, "-c", "copy", "-frames:v", "20", received])
        defer { listener.stop() }
        // Nobody says when it listens.
        var recorder: Recorder?
        var live = EncoderOptions()
        live.live = true
        for _ in 0..<100 where recorder == nil {
            usleep(100_000)
            recorder = try? Recorder(path: address, options: live, framesPerSecond: 25)
        }
        usleep(500_000)
        let sender = try #require(recorder), now = monotonicNanoseconds()
        for index in 0..<150 {
            // The listener leaves when it has enough.
            guard (try? sender.show(grey(64, 48, 60, at: now + Int64(index) * 40_000_000))) != nil else { break }
            usleep(10_000)
        }
        try? sender.finish()
        listener.wait()
        #expect(try Tool.times(received).count == 20)
    }
}
