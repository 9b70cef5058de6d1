import Foundation
import TestSupport
import Testing

/// Every kind of bad input: one clear line, the right exit code, nothing left behind.
@Suite struct BadInputTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func make(_ name: String, _ data: Data) throws -> String {
        let path = folder.path(name)
        try data.write(to: URL(fileURLWithPath: path))
        return path
    }

    private func expect(
        _ arguments: [String], code: Int32, mentions: String..., environment: [String: String] = [:], output: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try Binary.run(arguments, output: output, environment: environment)
        #expect(outcome.code == code, "\(outcome.errors)", sourceLocation: sourceLocation)
        for text in mentions { #expect(outcome.errors.contains(text), "\(outcome.errors)", sourceLocation: sourceLocation) }
        if code != 64 {
            // Besides the progress of what went well before (key=value).
            let lines = outcome.errors.split(separator: "\n").filter { !$0.contains(/^[a-z_]+=/) }
            #expect(lines.count == 1 && lines[0].hasPrefix("ssat-live: "), "\(outcome.errors)", sourceLocation: sourceLocation)
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).filter { $0.hasPrefix("out.") }
        #expect(left.isEmpty, "\(left)", sourceLocation: sourceLocation)
    }

    private func apply(_ input: String, reference: String = Binary.reference("plum"), output: String? = nil, _ more: [String] = []) -> [String] {
        ["apply", input, "-r", reference, "-o", output ?? folder.path("out.mp4")] + more
    }

    @Test func inputs() throws {
        try expect(apply(folder.path("missing.mp4")), code: 2, mentions: "missing.mp4", "no such file")
        try expect(apply(folder.url.path), code: 2, mentions: "is a folder")
        try expect(apply(make("empty.mp4", Data())), code: 2, mentions: "empty.mp4", "is empty")
        try expect(apply(make("text.mp4", Data("Just words.\n".utf8))), code: 2, mentions: "text.mp4", "not a video")
        let sound = folder.path("sound.mp4")
        try Tool.ffmpeg(["-f", "lavfi", "-i", "sine=d=0.2", sound])
        try expect(apply(sound), code: 2, mentions: "sound.mp4", "no video stream")
        // Without its index, which ffmpeg writes at the end.
        let indexed = folder.path("indexed.mp4")
        try Tool.ffmpeg(["-i", Binary.clip, "-t", "1", "-c", "copy", indexed])
        let whole = try Data(contentsOf: URL(fileURLWithPath: indexed))
        try expect(apply(make("cut.mp4", whole.prefix(whole.count / 2))), code: 2, mentions: "cut.mp4")
    }

    @Test func cutShort() throws {
        let indexed = folder.path("indexed.mp4")
        try Tool.ffmpeg(["-i", Binary.clip, "-t", "2", "-c", "copy", "-movflags", "faststart", indexed])
        let whole = try Data(contentsOf: URL(fileURLWithPath: indexed))
        let cut = try make("cut.mp4", whole.prefix(whole.count / 2))
        let output = folder.path("out.mp4")
        let outcome = try Binary.run(apply(cut, output: output, ["--strength", "0"]))
        #expect(outcome.code == 2)
        #expect(outcome.errors.contains("cut.mp4: is cut short"))
        #expect(try Tool.times(output).count > 5, "what could be read is kept")
    }

    @Test func pictureSizes() throws {
        let wide = folder.path("wide.png")
        try Tool.ffmpeg(["-f", "lavfi", "-i", "color=s=16384x16:d=0.04", "-frames:v", "1", wide])
        try expect(apply(wide), code: 2, mentions: "wide.png", "16384x16")
        // A PNG whose header says 0 x 0.
        var data = try Data(contentsOf: URL(fileURLWithPath: wide))
        for i in 16..<24 { data[i] = 0 }
        try expect(apply(make("none.png", data)), code: 2, mentions: "none.png")
    }

    @Test func hdr() throws {
        let hdr = folder.path("hdr.mkv")
        try Tool.ffmpeg([
            "-f", "lavfi", "-i", "testsrc2=s=128x96:d=0.2", "-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=none",
            "-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc", hdr,
        ])
        try expect(apply(hdr), code: 2, mentions: "hdr.mkv", "HDR")
    }

    @Test func references() throws {
        let nobody = folder.path("nobody.png"), two = folder.path("two.png")
        try Tool.ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=320x240:d=0.04", "-frames:v", "1", nobody])
        try expect(apply(Binary.clip, reference: nobody), code: 2, mentions: "nobody.png", "no face")
        try Tool.ffmpeg(["-i", Binary.reference("plum"), "-i", Binary.reference("rose"), "-filter_complex", "hstack", two])
        try expect(apply(Binary.clip, reference: two), code: 2, mentions: "two.png", "2 faces")
        try expect(apply(Binary.clip, reference: folder.path("no.jpg")), code: 2, mentions: "no.jpg", "no such file")
    }

    @Test func looks() throws {
        let good = folder.path("good.look")
        #expect(try Binary.run(["look", "create", Binary.reference("plum"), "-o", good]).code == 0)
        let data = try Data(contentsOf: URL(fileURLWithPath: good))
        try expect(apply(Binary.clip, reference: make("cut.look", data.prefix(data.count / 2))), code: 6, mentions: "cut.look")
        var hostile = data
        for i in 0..<8 { hostile[i] = 0xff }
        try expect(apply(Binary.clip, reference: make("hostile.look", hostile)), code: 6, mentions: "hostile.look")
        try expect(apply(Binary.clip, reference: make("empty.look", Data())), code: 6, mentions: "empty.look")
        var other = data
        let name = try #require(other.range(of: Data("\"weights\":\"".utf8)))
        other[name.upperBound] ^= 1
        try expect(apply(Binary.clip, reference: make("other.look", other)), code: 6, mentions: "other.look", "another version")
        // An older form once was called damaged.
        var older = data
        let form = try #require(older.range(of: Data("\"ssat-live look ".utf8)))
        older[form.upperBound] -= 1
        try expect(apply(Binary.clip, reference: make("older.look", older)), code: 6, mentions: "older.look", "another version")
        try expect(apply(Binary.clip, reference: folder.path("missing.look")), code: 2, mentions: "missing.look")
        try expect(["look", "show", try make("words.look", Data("words".utf8))], code: 6, mentions: "words.look")
    }

    @Test func outputs() throws {
        try expect(apply(Binary.clip, output: folder.path("no/such/folder/out.mp4")), code: 1, mentions: "cannot be written")
        let copy = folder.path("copy.mp4")
        try FileManager.default.copyItem(atPath: Binary.clip, toPath: copy)
        try expect(apply(copy, output: copy, ["-y"]), code: 1, mentions: "is the input itself")
        #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == Data(contentsOf: URL(fileURLWithPath: Binary.clip)))
        try expect(apply(Binary.clip, output: copy), code: 64, mentions: "exists already", "-y")
        try expect(apply(Binary.clip, output: folder.path("out.xyz")), code: 1, mentions: "no container for '.xyz'")
        try expect(apply(Binary.clip, ["--encoder", "nosuch"]), code: 64, mentions: "encoder 'nosuch'")
        try expect(apply(Binary.clip, ["--encoder", "aac"]), code: 64, mentions: "encoder 'aac'")
    }

    @Test func fullDisk() throws {
        try expect(apply(Binary.clip, output: "-", ["--duration", "0.2"]), code: 1, mentions: "disk is full", output: "/dev/full")
    }

    @Test func usage() throws {
        try expect(apply(Binary.clip, ["--strength", "2"]), code: 64, mentions: "--strength")
        try expect(apply(Binary.clip, ["--faces", "none"]), code: 64, mentions: "--faces")
        try expect(apply(Binary.clip, ["--start", "-1"]), code: 64, mentions: "--start")
        try expect(apply(Binary.clip, ["--nonsense"]), code: 64, mentions: "--nonsense")
        try expect(["apply", Binary.clip], code: 64, mentions: "--output")
    }
}
