import Foundation
import TestSupport
import Testing

private let shared = Tool.root.deletingLastPathComponent().appendingPathComponent("shared/clips").path

/// The face leaves, is covered, turns away: no picture goes out as it came in. Lossless outputs are compared with the input.
@Suite(.serialized) struct FailClosedTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// What happens to the sample face [0], before or under something that is no face [1] and that a blur changes everywhere.
    private static let events = [
        "leaves": "[1][0]overlay=x='max(t-0.6,0)*700'",
        "covered": "[0][1]overlay=y='max(H-max(t-0.4,0)*900,0)'",
        "turns": "[0]scale=w='2*trunc(640*clip(1.6-t,0.2,1)/2)':h=640:eval=frame[f];[1][f]overlay=x='(W-w)/2':eval=frame",
    ]

    @Test(arguments: ["leaves", "covered", "turns"]) func theSampleFace(_ event: String) throws {
        let clip = folder.path("\(event).mkv")
        try Tool.ffmpeg([
            "-i", Binary.clip, "-f", "lavfi", "-i", "testsrc2=size=640x640:rate=25", "-t", "2.4", "-filter_complex", Self.events[event]!, "-an",
            "-pix_fmt", "yuv420p", "-c:v", "ffv1", clip,
        ])
        try everyPicture(clip, reference: "plum")
        try livePictures(clip, reference: "plum")
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: shared), "no ../shared/clips here"), arguments: ["face_noface.mov", "hand_over_face.mp4", "talk_700_a.mp4"])
    func realFaces(_ name: String) throws {
        try everyPicture("\(shared)/\(name)", reference: "plum")
        try livePictures("\(shared)/\(name)", reference: "plum")
    }

    /// Picture by picture through the same filter: something of every one is changed.
    private func everyPicture(_ clip: String, reference: String) throws {
        let output = folder.path("every.mkv")
        let outcome = try Binary.apply(clip, output, ["--on-lost", "hold", "--progress", "none", "-y"], reference: reference)
        #expect(outcome.code == 0, "\(outcome.errors)")
        let source = try pictures(clip), made = try pictures(output)
        #expect(source.count == made.count && source.count > 30)
        for (index, (a, b)) in zip(source, made).enumerated() {
            let changed = zip(a, b).count { $0 != $1 }
            #expect(changed > a.count / 1000, "picture \(index) of \(clip): \(changed) of \(a.count) samples changed")
        }
    }

    /// In real time, with whatever is left out: no picture of the output is one of the input.
    private func livePictures(_ clip: String, reference: String) throws {
        let output = folder.path("live.mkv")
        let outcome = try Binary.run([
            "webcam", "-r", Binary.reference(reference), "-d", clip, "-o", output, "--encoder", "ffv1", "--control", "none", "--progress", "none",
        ])
        #expect(outcome.code == 0, "\(outcome.errors)")
        let source = Set(try Tool.pictureHashes(clip, format: "yuv420p")), made = try Tool.pictureHashes(output, format: "yuv420p")
        #expect(made.count > 10 && made.allSatisfy { !source.contains($0) })
        try? FileManager.default.removeItem(atPath: output)
    }

    /// Luma of every picture.
    private func pictures(_ path: String) throws -> [ArraySlice<UInt8>] {
        let size = try Tool.probe(path, ["-select_streams", "v:0", "-show_entries", "stream=width,height"])[0].split(separator: ",").compactMap { Int($0) }
        let raw = folder.path("raw")
        try Tool.ffmpeg(["-i", path, "-map", "0:v:0", "-vsync", "passthrough", "-vf", "extractplanes=y", "-f", "rawvideo", raw])
        let all = [UInt8](try Data(contentsOf: URL(fileURLWithPath: raw))), length = size[0] * size[1]
        return stride(from: 0, to: all.count - length + 1, by: length).map { all[$0..<$0 + length] }
    }
}
