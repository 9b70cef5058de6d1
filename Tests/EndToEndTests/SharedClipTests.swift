import Foundation
import TestSupport
import Testing

private let shared = Tool.root.deletingLastPathComponent().appendingPathComponent("shared")
private let clips = ((try? FileManager.default.contentsOfDirectory(atPath: shared.appendingPathComponent("clips").path)) ?? []).sorted()

/// Real clips that may not be shipped; skipped where they are not there.
@Suite(.enabled(if: !clips.isEmpty, "no ../shared/clips here")) struct SharedClipTests {
    @Test(arguments: clips) func timesAndAudioSurvive(_ name: String) throws {
        let folder = try TemporaryFolder()
        let clip = shared.appendingPathComponent("clips/\(name)").path
        // A second, cut without re-encoding, so that the whole cut can be compared.
        let input = folder.path("cut.mkv"), output = folder.path("out.mkv"), report = folder.path("report.json")
        try Tool.ffmpeg(["-i", clip, "-t", "1", "-map", "0:v:0", "-map", "0:a?", "-c", "copy", input])
        let outcome = try Binary.run([
            "apply", input, "-r", shared.appendingPathComponent("references/03.jpg").path, "-o", output, "--preset", "ultrafast", "--report", report,
        ])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(try Tool.times(output) == Tool.times(input))
        #expect(try Tool.audioPackets(output) == Tool.audioPackets(input))
        let values = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report))) as? [String: Any])
        let frames = try #require(values["frames"] as? Int), made = try #require(values["frames_with_faces"] as? Int)
        #expect(made == frames, "every clip begins with a face")
        #expect(values["most_faces"] as? Int == 1)
    }

    /// Every clip begins with an upright face. One begins with an open mouth, and was followed lying on its side.
    @Test(arguments: clips) func facesAreUpright(_ name: String) throws {
        let outcome = try Binary.run(["inspect", shared.appendingPathComponent("clips/\(name)").path, "--at", "0"])
        let seen = try #require(try JSONSerialization.jsonObject(with: Data(outcome.text.utf8)) as? [String: Any])
        let face = try #require((seen["faces"] as? [[String: Any]])?.first), points = try #require(face["landmarks"] as? [[Double]])
        let (right, left, lip) = (points[33], points[263], points[13])
        #expect(left[0] - right[0] > 2 * abs(left[1] - right[1]) && lip[1] > max(right[1], left[1]))
    }

    /// The face leaves for titles and clouds: nothing may be made up there.
    @Test func nothingIsLeftInTheAir() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("out.mkv"), report = folder.path("report.json")
        let clip = shared.appendingPathComponent("clips/face_noface.mov").path
        let outcome = try Binary.run([
            "apply", clip, "-r", shared.appendingPathComponent("references/09.jpg").path, "-o", output, "--encoder", "ffv1", "--start", "2", "--report", report,
        ])
        #expect(outcome.code == 0, "\(outcome.errors)")
        let source = try Tool.pictureHashes(clip, format: "yuv420p"), made = try Tool.pictureHashes(output, format: "yuv420p")
        let same = zip(source.suffix(85), made.suffix(85)).count { $0 == $1 }
        #expect(same == 85, "titles and clouds only")
    }

    /// Fingers lie along the lips and over them: they wore the lipstick. (The tip of the forefinger still does for some pictures.)
    @Test(.enabled(if: clips.contains("hand_over_face.mp4"))) func fingersWearNoLipstick() throws {
        let folder = try TemporaryFolder()
        let clip = shared.appendingPathComponent("clips/hand_over_face.mp4").path, output = folder.path("out.mkv")
        let outcome = try Binary.apply(clip, output, ["--encoder", "ffv1", "--duration", "3", "--progress", "none"], reference: "plum")
        #expect(outcome.code == 0, "\(outcome.errors)")
        // 8x8 pixels on the fingers.
        for (frame, x, y) in [(60, 411, 264), (63, 420, 282), (66, 389, 275), (72, 432, 272)] {
            func patch(_ path: String) throws -> [UInt8] {
                let raw = folder.path("patch")
                let filter = "select='eq(n,\(frame))',crop=8:8:\(x):\(y),format=rgb24"
                try Tool.ffmpeg(["-i", path, "-vf", filter, "-frames:v", "1", "-vsync", "passthrough", "-f", "rawvideo", raw])
                return [UInt8](try Data(contentsOf: URL(fileURLWithPath: raw)))
            }
            let source = try patch(clip), made = try patch(output)
            let change = zip(source, made).map { abs(Int($0) - Int($1)) }.reduce(0, +)
            #expect(source.count == 192 && change < 192 * 8, "picture \(frame): \(change / 192) of 255")
        }
    }
}
