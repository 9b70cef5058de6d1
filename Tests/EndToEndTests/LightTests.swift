import Foundation
import TestSupport
import Testing

/// Black-and-white pictures, dark rooms and coloured light, of sources and of references.
@Suite struct LightTests {
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

    /// Mean R'G'B' of where plum's lips and shadow lie on the bare sample, after the filter.
    private func colours(_ reference: String, on source: String = Binary.reference("bare")) throws -> [[Int]] {
        let folder = try TemporaryFolder(), made = folder.path("made.png"), raw = folder.path("raw")
        let outcome = try Binary.apply(source, made, ["--progress", "none"], reference: reference)
        #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        return try ["24:6:188:270", "16:16:142:156"].map { crop in
            try Tool.ffmpeg(["-i", made, "-vf", "crop=\(crop),format=rgb24", "-frames:v", "1", "-f", "rawvideo", raw])
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: raw)))
            return (0..<3).map { c in stride(from: c, to: bytes.count, by: 3).reduce(0) { $0 + Int(bytes[$1]) } * 3 / bytes.count }
        }
    }

    private static let lights = ["rr=0.15:gg=0.15:bb=0.15", "rr=1:gg=0.65:bb=0.35", "rr=0.9:gg=0.4:bb=1"]

    /// The light of a reference once came along: purple lids were orange, plum lips brown.
    @Test(arguments: lights) func aReferenceInOtherLightGivesItsMakeup(light: String) throws {
        let folder = try TemporaryFolder(), lit = folder.path("lit.png")
        try Tool.ffmpeg(["-i", Binary.reference("plum"), "-vf", "format=gbrp,colorchannelmixer=\(light)", lit])
        for (there, known) in zip(try colours(lit), try colours(Binary.reference("plum"))) {
            let apart = zip(there, known).map { abs($0 - $1) }.max()!
            #expect(apart < 20, "\(there), \(known)")
        }
    }

    /// Red lips once were as red under a blue lamp as by day, and glowed in the dark.
    @Test(arguments: ["rr=0.3:gg=0.3:bb=0.3", "rr=0.35:gg=0.5:bb=1"]) func makeupIsInTheLightOfTheRoom(light: String) throws {
        let folder = try TemporaryFolder(), lit = folder.path("lit.png")
        try Tool.ffmpeg(["-i", Binary.reference("bare"), "-vf", "format=gbrp,colorchannelmixer=\(light)", lit])
        let there = try colours(Binary.reference("classic-red"), on: lit), byDay = try colours(Binary.reference("classic-red"))
        let red = Double(light.dropFirst(3).prefix { $0 != ":" })!
        #expect(Double(there[0][0]) < Double(byDay[0][0]) * red * 1.25, "\(there), \(byDay)")
    }

    /// Red lips once were as red on a clip that is graded grey as on any other.
    @Test func makeupIsAsFadedAsTheClip() throws {
        let folder = try TemporaryFolder(), faded = folder.path("faded.png"), bare = Binary.reference("bare")
        try Tool.ffmpeg(["-i", bare, "-vf", "hue=s=0.35", faded])
        let there = try colours(Binary.reference("classic-red"), on: faded)[0], usual = try colours(Binary.reference("classic-red"))[0]
        let chroma = { (c: [Int]) in Float(c.max()! - c.min()!) }
        #expect((0.2...0.45).contains(chroma(there) / chroma(usual)), "\(there) \(usual)")
    }

    /// Lips of a faded photo once were paler on a face in colour, 28 of 255 from what they are.
    @Test func aFadedReferenceGivesItsMakeup() throws {
        let folder = try TemporaryFolder(), faded = folder.path("faded.png")
        try Tool.ffmpeg(["-i", Binary.reference("plum"), "-vf", "hue=s=0.35", faded])
        for (there, known) in zip(try colours(faded), try colours(Binary.reference("plum"))) {
            let apart = zip(there, known).map { abs($0 - $1) }.max()!
            #expect(apart < 20, "\(there), \(known)")
        }
    }
}
