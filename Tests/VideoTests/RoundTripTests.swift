import Foundation
import TestSupport
import Testing

import Video

/// Changes nothing.
private struct Identity: FrameFilter {
    func analyze(_ frame: Frame, time: Double) throws {}
    func transform(_ frame: Frame, _ analysis: Void) throws {}
    func finish(_ frame: Frame, _ analysis: Void) throws -> Frame { frame }
}

/// Real encodes by ffmpeg, through the pipeline into a lossless codec, compared by ffmpeg.
@Suite struct RoundTripTests {
    struct Source: Sendable, CustomTestStringConvertible {
        let name: String
        let codec: [String]
        let pixels: String
        /// Container of the result: one that can carry everything in the source.
        var result = "mkv"
        var testDescription: String { "\(name) \(codec.joined(separator: " ")) \(pixels)" }
    }

    static let sources = [
        Source(name: "a.mp4", codec: ["libx264", "-bf", "2"], pixels: "yuv420p"),
        Source(name: "a.mov", codec: ["libx264", "-bf", "2"], pixels: "yuv422p10le"),
        Source(name: "a.mkv", codec: ["libx264"], pixels: "yuv444p"),
        Source(name: "b.mkv", codec: ["libx265", "-x265-params", "log-level=none"], pixels: "yuv420p10le"),
        Source(name: "a.webm", codec: ["libvpx"], pixels: "yuv420p"),
        Source(name: "b.webm", codec: ["libvpx-vp9", "-cpu-used", "8"], pixels: "yuv420p10le"),
        Source(name: "c.mkv", codec: ["libaom-av1", "-cpu-used", "8", "-usage", "realtime"], pixels: "yuv420p"),
        Source(name: "a.avi", codec: ["mpeg4"], pixels: "yuv420p"),
        Source(name: "b.mov", codec: ["mjpeg", "-strict", "unofficial"], pixels: "yuvj422p"),
        Source(name: "c.avi", codec: ["rawvideo"], pixels: "nv12"),
        Source(name: "d.mkv", codec: ["ffv1"], pixels: "gbrp"),
    ]

    @discardableResult
    private func run(_ input: String, _ output: String, start: Double = 0, duration: Double? = nil) throws -> RunStatistics {
        var pipeline = Pipeline(filter: Identity())
        pipeline.options.name = "ffv1"
        pipeline.start = start
        pipeline.duration = duration
        return try pipeline.run(Demuxer(path: input), output: output)
    }

    @Test(arguments: sources) func everyPictureAndTimeSurvives(_ source: Source) throws {
        let folder = try TemporaryFolder()
        let (input, output) = (folder.path(source.name), folder.path("result." + source.result))
        try Tool.ffmpeg(
            ["-f", "lavfi", "-i", "testsrc2=s=146x98:r=25:d=0.6", "-pix_fmt", source.pixels, "-c:v"] + source.codec + [input])
        let statistics = try run(input, output)
        let expected = try Tool.pictureHashes(input, format: source.pixels)
        #expect(expected.count == 15)
        #expect(try Tool.pictureHashes(output, format: source.pixels) == expected)
        #expect(statistics.frames == 15 && statistics.brokenFrames == 0)
        let before = try Tool.times(input), after = try Tool.times(output)
        #expect(before.count == after.count)
        for (a, b) in zip(before, after) { #expect(abs(a - b) < 0.0011, "a container in milliseconds may round") }
        let depth = try Tool.probe(output, ["-select_streams", "v:0", "-show_entries", "stream=pix_fmt"])[0]
        #expect(depth.contains("10le") == source.pixels.contains("10le"), "bit depth is kept")
    }

    /// Sound that is read while the first picture opens the container must not overtake what was read before it. Long pictures with
    /// thousands of short packets of sound between them: both are at work at the same time.
    @Test func soundKeepsItsOrderWhileTheFileBegins() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.mkv")
        try Tool.ffmpeg([
            "-f", "lavfi", "-i", "testsrc2=s=64x64:r=1:d=12", "-f", "lavfi", "-i", "sine=r=48000:d=12", "-c:v", "ffv1", "-c:a", "libopus",
            "-application", "lowdelay", "-frame_duration", "2.5", input,
        ])
        let expected = try Tool.audioPackets(input)
        #expect(expected.count > 4000)
        for attempt in 0..<20 {
            let output = folder.path("\(attempt).mkv")
            try run(input, output)
            #expect(try Tool.audioPackets(output) == expected)
        }
    }

    /// Nothing is left behind, and no later than `run` returns: the program may end at once. Threads that were just told to end
    /// may live a little longer, so this is tried often.
    @Test func interruptedBeforeTheFirstPicture() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.mp4"), output = folder.path("out.mp4")
        try Tool.ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=0.2", "-c:v", "libx264", input])
        let cancellation = Cancellation()
        cancellation.cancel()
        for _ in 0..<200 {
            let statistics = try Pipeline(filter: Identity()).run(Demuxer(path: input), output: output, cancellation: cancellation)
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
            #expect(statistics.cancelled && statistics.frames == 0)
            #expect(left == ["in.mp4"])
        }
    }

    @Test func variableFrameRateSurvives() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("vfr.mp4"), output = folder.path("out.mp4")
        // Times 0, 1, 2, 6, 7, 8, 12 ... frames of 1/24 s.
        try Tool.ffmpeg([
            "-f", "lavfi", "-i", "testsrc2=s=128x96:r=24:d=2", "-vf", "select='lt(mod(n,6),3)'", "-vsync", "vfr", "-c:v", "libx264",
            "-bf", "2", input,
        ])
        var pipeline = Pipeline(filter: Identity())
        pipeline.options.crf = 30
        _ = try pipeline.run(Demuxer(path: input), output: output)
        let before = try Tool.times(input), after = try Tool.times(output)
        #expect(before.count == 24)
        #expect(Set(zip(before.dropFirst(), before).map { Int((($0 - $1) * 24).rounded()) }) == [1, 4])
        #expect(before == after)
        let base = ["-select_streams", "v:0", "-show_entries", "stream=time_base"]
        #expect(try Tool.probe(input, base) == Tool.probe(output, base))
    }

    @Test func everythingBesideTheVideoSurvives() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.mp4"), chapters = folder.path("chapters.txt"), subtitles = folder.path("a.srt")
        try ";FFMETADATA1\ntitle=A title\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=one\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=1000\ntitle=two\n"
            .write(toFile: chapters, atomically: true, encoding: .utf8)
        try "1\n00:00:00,100 --> 00:00:00,900\nhello\n".write(toFile: subtitles, atomically: true, encoding: .utf8)
        let plain = folder.path("plain.mp4")
        try Tool.ffmpeg([
            "-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=1", "-f", "lavfi", "-i", "sine=d=1", "-i", subtitles, "-i", chapters,
            "-map", "0", "-map", "1", "-map", "2", "-map_metadata", "3", "-map_chapters", "3", "-c:v", "libx264", "-c:a", "aac",
            "-c:s", "mov_text", "-vf", "setsar=4/3", "-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709",
            "-color_range", "tv", plain,
        ])
        try Tool.ffmpeg(["-i", plain, "-map", "0", "-c", "copy", "-metadata:s:v", "rotate=90", input])
        for name in ["out.mp4", "out.mov"] {
            let output = folder.path(name)
            var pipeline = Pipeline(filter: Identity())
            pipeline.options.crf = 30
            let statistics = try pipeline.run(Demuxer(path: input), output: output)
            #expect(statistics.droppedStreams.isEmpty)
            #expect(try Tool.audioPackets(output) == Tool.audioPackets(input))
            for question in [
                ["-select_streams", "v:0", "-show_entries", "stream=sample_aspect_ratio,color_range,color_space,color_transfer,color_primaries"],
                ["-select_streams", "v:0", "-show_entries", "stream_side_data=rotation"],
                ["-show_entries", "chapter=start_time,end_time:chapter_tags=title"],
                ["-show_entries", "format_tags=title"],
                ["-select_streams", "s:0", "-show_entries", "packet=pts_time,size"],
                ["-select_streams", "a:0", "-show_entries", "packet=pts_time,size"],
            ] {
                let before = try Tool.probe(input, question)
                #expect(!before.isEmpty && before != [""], "\(question) must be in the source")
                #expect(try Tool.probe(output, question) == before, "\(name) \(question)")
            }
        }
    }

    /// Movie units of 1 ms would move the sound by up to half of one.
    @Test func soundBeginsAtItsSample() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.mov"), output = folder.path("out.mov")
        try Tool.ffmpeg([
            "-f", "lavfi", "-i", "testsrc=size=64x48:rate=30:duration=1", "-itsoffset", "0.0237", "-f", "lavfi", "-i", "sine=sample_rate=44100:duration=1",
            "-c:v", "libx264", "-c:a", "aac", "-movie_timescale", "44100", input,
        ])
        _ = try Pipeline(filter: Identity()).run(Demuxer(path: input), output: output)
        let question = ["-select_streams", "a:0", "-show_entries", "packet=pts,size"]
        #expect(try Tool.probe(output, question) == Tool.probe(input, question))
    }

    @Test func startAndDurationCutTheClip() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.mp4"), output = folder.path("out.mkv")
        try Tool.ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=2", "-c:v", "libx264", "-g", "10", input])
        try run(input, output, start: 0.5, duration: 1)
        let all = try Tool.pictureHashes(input, format: "yuv420p")
        #expect(try Tool.pictureHashes(output, format: "yuv420p") == Array(all[13..<38]))  // 0.52 s ... 1.48 s
    }

    @Test func rgbPicturesPassUnchanged() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.png"), output = folder.path("out.png")
        // Every colour value: test patterns alone once hid a loss of one step in half of the samples.
        try Tool.ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=131x97,noise=alls=90", "-frames:v", "1", "-pix_fmt", "rgb24", input])
        _ = try Pipeline(filter: Identity()).run(Demuxer(path: input), output: output)
        #expect(try Tool.pictureHashes(output, format: "rgb24") == Tool.pictureHashes(input, format: "rgb24"))
    }

    @Test func picturesBesideEachOther() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.png")
        try Tool.ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "1", "-pix_fmt", "rgb24", input])
        let frame = try FrameReader.first(Demuxer(path: input))
        let both = try frame.beside(frame)
        #expect(both.width == 128 && both.height == 48)
        let picture = try Picture(both), single = try Picture(frame)
        for y in [0, 17, 47] {
            #expect(Array(picture.rgb[(y * 128) * 3..<(y * 128 + 64) * 3]) == Array(picture.rgb[(y * 128 + 64) * 3..<(y * 128 + 128) * 3]))
            #expect(Array(picture.rgb[(y * 128) * 3..<(y * 128 + 64) * 3]) == Array(single.rgb[(y * 64) * 3..<(y * 64 + 64) * 3]))
        }
    }
}
