import Foundation
import TestSupport
import Testing

/// Black-and-white pictures, as sources and as references.
@Suite struct BlackAndWhiteTests {
    /// Luma of every pixel, and chroma (the largest of R'G'B' less the smallest), frame after frame.
    private func pictures(_ path: String) throws -> [[(luma: Int, chroma: Int)]] {
        let folder = try TemporaryFolder(), raw = folder.path("raw")
        try Tool.ffmpeg(["-i", path, "-vf", "scale=160:160:flags=area,format=rgb24", "-f", "rawvideo", raw])
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: raw)))
        return stride(from: 0, to: bytes.count, by: 160 * 160 * 3).map { first in
            stride(from: first, to: first + 160 * 160 * 3, by: 3).map { i in
                let (r, g, b) = (Int(bytes[i]), Int(bytes[i + 1]), Int(bytes[i + 2]))
                return ((299 * r + 587 * g + 114 * b) / 1000, max(r, g, b) - min(r, g, b))
            }
        }
    }

    /// Once a black-and-white film had red lips; and a clip that turns grey must show no trace of them from its first grey frame on.
    @Test func aGreyClipStaysGrey() throws {
        let folder = try TemporaryFolder()
        let turning = folder.path("turning.mkv"), made = folder.path("made.mkv")
        try Tool.ffmpeg(["-i", Binary.clip, "-t", "0.4", "-vf", "hue=s=0:enable='gte(n,5)'", "-c:v", "ffv1", turning])
        #expect(try Binary.apply(turning, made, reference: "classic-red").code == 0)
        let before = try pictures(turning), after = try pictures(made)
        #expect(before.count == 10 && after.count == 10)
        for n in 0..<10 {
            // The astronaut's lips are at (65...78, 53...62) of 160.
            let lips = (53..<62).flatMap { y in (65..<78).map { y * 160 + $0 } }
            let darker = lips.reduce(0) { $0 + before[n][$1].luma - after[n][$1].luma } / lips.count
            #expect(darker > 15, "frame \(n): \(darker)")
            if n < 5 { #expect(after[n].contains { $0.chroma > 120 }) } else { #expect(after[n].allSatisfy { $0.chroma < 4 }, "frame \(n)") }
        }
    }

    /// Once lips were as grey as the photo's.
    @Test func aGreyReferenceGivesNoColour() throws {
        let folder = try TemporaryFolder()
        let grey = folder.path("grey.png"), look = folder.path("grey.look"), made = folder.path("made.png"), saved = folder.path("saved.png")
        try Tool.ffmpeg(["-i", Binary.reference("classic-red"), "-vf", "hue=s=0", grey])
        let bare = Binary.reference("bare"), outcome = try Binary.apply(bare, made, reference: grey)
        #expect(outcome.code == 0 && outcome.errors.contains("black and white"))
        #expect(try Binary.run(["look", "create", grey, "-o", look]).code == 0)
        #expect(try Binary.apply(bare, saved, reference: look).code == 0)
        #expect(try Tool.pictureHashes(made, format: "rgb24") == Tool.pictureHashes(saved, format: "rgb24"))
        let before = try pictures(bare)[0], after = try pictures(made)[0]
        let changed = before.indices.filter { abs(before[$0].luma - after[$0].luma) > 20 }
        let chroma = { (p: [(luma: Int, chroma: Int)]) in changed.reduce(0) { $0 + p[$1].chroma } / max(changed.count, 1) }
        #expect(changed.count > 50 && abs(chroma(after) - chroma(before)) < 8, "\(changed.count): \(chroma(before)), \(chroma(after))")
    }

    /// A dim photo in colour once was taken for black and white.
    @Test func aDimReferenceGivesItsColour() throws {
        let folder = try TemporaryFolder()
        let dim = folder.path("dim.png"), made = folder.path("made.png")
        try Tool.ffmpeg(["-i", Binary.reference("classic-red"), "-vf", "colorlevels=romax=0.2:gomax=0.2:bomax=0.2", dim])
        let outcome = try Binary.apply(Binary.reference("bare"), made, ["--progress", "none"], reference: dim)
        #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    }
}
