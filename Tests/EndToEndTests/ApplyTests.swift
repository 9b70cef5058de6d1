import Foundation
import TestSupport
import Testing

/// `ssat-live apply` on the sample clip.
@Suite struct ApplyTests {
    private static let seconds = ["--duration", "0.4"]  // 10 frames

    private func hashes(_ path: String, crop: String? = nil) throws -> [String] {
        try Tool.pictureHashes(path, filter: crop.map { "crop=\($0)" } ?? "null", format: "yuv420p")
    }

    @Test func faceChangesAndNothingElse() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("out.mkv"), report = folder.path("report.json")
        let outcome = try Binary.apply(Binary.clip, output, Self.seconds + ["--report", report, "--progress", "none"])
        #expect(outcome.code == 0 && outcome.errors.isEmpty && outcome.output.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: output + ".part"))
        let source = try hashes(Binary.clip), made = try hashes(output)
        #expect(made.count == 10)
        for (a, b) in zip(source, made) { #expect(a != b) }
        for corner in ["640:90:0:550", "120:640:0:0", "160:640:480:0"] {
            #expect(try Array(hashes(Binary.clip, crop: corner).prefix(10)) == hashes(output, crop: corner), "outside the face: \(corner)")
        }
        let values = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report))) as? [String: Any])
        #expect(values["frames"] as? Int == 10 && values["frames_with_faces"] as? Int == 10 && values["most_faces"] as? Int == 1)
    }

    @Test func wholeClipKeepsTimesAndAudio() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("out.mp4")
        let outcome = try Binary.apply(Binary.clip, output, ["--preset", "ultrafast"], reference: "classic-red")
        #expect(outcome.code == 0)
        #expect(try Tool.times(output) == Tool.times(Binary.clip))
        let audio = try Tool.audioPackets(Binary.clip)
        #expect(!audio.isEmpty)
        #expect(try Tool.audioPackets(output) == audio)
    }

    @Test func strengthZeroIsTheSource() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("out.mkv")
        #expect(try Binary.apply(Binary.clip, output, Self.seconds + ["--strength", "0"]).code == 0)
        #expect(try hashes(output) == Array(hashes(Binary.clip).prefix(10)))
    }

    @Test func sameBitsOnEveryInstructionSetAndThreadCount() throws {
        let folder = try TemporaryFolder()
        var all: [[String]] = []
        for (index, (level, threads)) in [("avx512vnni", "4"), ("avxvnni", "3"), ("avx2", "1"), ("reference", "4"), ("avx512vnni", "1")].enumerated() {
            let output = folder.path("\(index).mkv")
            let outcome = try Binary.apply(
                Binary.clip, output, ["--duration", "0.12", "--threads", threads], environment: ["SSAT_CPU": level])
            #expect(outcome.code == 0)
            all.append(try hashes(output))
        }
        #expect(all[0].count == 3)
        for other in all.dropFirst() { #expect(other == all[0]) }
    }

    @Test func lookFileIsAsGoodAsThePhoto() throws {
        let folder = try TemporaryFolder()
        let look = folder.path("plum.look")
        #expect(try Binary.run(["look", "create", Binary.reference("plum"), "-o", look]).code == 0)
        let shown = try Binary.run(["look", "show", look])
        #expect(shown.code == 0 && shown.text.contains("\"positions\":"))
        let photo = folder.path("photo.mkv"), saved = folder.path("saved.mkv")
        #expect(try Binary.apply(Binary.clip, photo, ["--duration", "0.12"]).code == 0)
        #expect(try Binary.apply(Binary.clip, saved, ["--duration", "0.12"], reference: look).code == 0)
        #expect(try hashes(photo) == hashes(saved))
    }

    @Test func regionsCanBeSwitchedOff() throws {
        let folder = try TemporaryFolder()
        var made: [String: String] = [:]
        for (name, options) in [
            ("all", []), ("lips", ["--eyes", "0", "--skin", "0", "--brows", "0"]), ("none", ["--lips", "0", "--eyes", "0", "--skin", "0", "--brows", "0"]),
        ] {
            let output = folder.path(name + ".mkv")
            #expect(try Binary.apply(Binary.clip, output, ["--duration", "0.04"] + options).code == 0)
            made[name] = try hashes(output)[0]
        }
        #expect(made["none"] == (try hashes(Binary.clip))[0])
        #expect(made["lips"] != made["none"] && made["lips"] != made["all"])
    }

    /// The samples' looks were painted on the sample without one, so the answer is known: on lids and cheeks, at least three fifths of what was
    /// painted come across.
    @Test(arguments: ["rose", "coral"]) func shadowAndBlushComeAcross(look: String) throws {
        let folder = try TemporaryFolder()
        let bare = Binary.reference("bare"), made = folder.path("made.png")
        #expect(try Binary.apply(bare, made, reference: look).code == 0)
        for (place, x, y) in [("right cheek", 122, 218), ("left cheek", 262, 218), ("right lid", 142, 156)] {
            /// Sum of 16x16 pixels, at even places: where chroma is halved, others are rounded to them.
            func colour(_ path: String) throws -> [Int] {
                let raw = folder.path("patch")
                try Tool.ffmpeg(["-i", path, "-vf", "crop=16:16:\(x):\(y),format=rgb24", "-frames:v", "1", "-f", "rawvideo", raw])
                let values = [UInt8](try Data(contentsOf: URL(fileURLWithPath: raw)))
                return (0..<3).map { c in stride(from: c, to: values.count, by: 3).reduce(0) { $0 + Int(values[$1]) } }
            }
            func distance(_ a: [Int], _ b: [Int]) -> Int { zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) } }
            let truth = try colour(Binary.reference(look)), before = try distance(colour(bare), truth), after = try distance(colour(made), truth)
            #expect(before > 256 * 30 && after * 5 < before * 2, "\(place): \(before / 256) before, \(after / 256) after")
        }
    }

    /// Lines of a few pixels: where the look is dark above or beside an eye and the bare sample is not, most of it is there (45, 36 and 30 of 255 were missing
    /// before decision 0056).
    @Test(arguments: [("ocean", 33.0), ("classic-red", 31.0), ("plum", 23.0)]) func aLinerComesAcross(look: String, farthest: Double) throws {
        let folder = try TemporaryFolder()
        let made = folder.path("made.png"), raw = folder.path("grey")
        #expect(try Binary.apply(Binary.reference("bare"), made, reference: look).code == 0)
        func grey(_ path: String) throws -> [Int] {
            try Tool.ffmpeg(["-i", path, "-vf", "crop=iw:210:0:0,format=gray", "-frames:v", "1", "-f", "rawvideo", raw])
            return try Data(contentsOf: URL(fileURLWithPath: raw)).map(Int.init)
        }
        let bare = try grey(Binary.reference("bare")), truth = try grey(Binary.reference(look)), out = try grey(made)
        let line = bare.indices.filter { truth[$0] < 70 && bare[$0] - truth[$0] > 60 }
        let missing = Double(line.reduce(0) { $0 + abs(out[$1] - truth[$1]) }) / Double(max(line.count, 1))
        #expect(line.count > 30 && missing < farthest, "\(line.count) pixels, \(missing)")
    }

    /// What a reference wears behind sunglasses or a mask is not known: what faces wear there on average once came across.
    @Test func hiddenMakeupIsNotMadeUp() throws {
        let folder = try TemporaryFolder()
        let lens = { (x: Int) in "drawbox=x=\(x):y=136:w=88:h=62:color=0x181818:t=fill" }
        let glasses = try made(in: folder, hiding: "plum", "\(lens(104)),\(lens(208)),drawbox=x=190:y=150:w=20:h=10:color=0x181818:t=fill")
        #expect(glasses.messages.contains("eyes are hidden"), "\(glasses.messages)")
        let lids = try max(glasses.distance("50:14:126:150"), glasses.distance("50:14:226:150")), lips = try glasses.distance("50:20:175:270")
        #expect(lids < 3 && lips > 15, "lids \(lids), lips \(lips)")
        let mask = try made(in: folder, hiding: "smokey", "drawbox=x=95:y=205:w=210:h=130:color=0xB4CDE1:t=fill")
        #expect(mask.messages.contains("lips are hidden") && !mask.messages.contains("eyes"), "\(mask.messages)")
        let cheek = try mask.distance("30:30:112:208"), lid = try mask.distance("50:14:126:150")
        #expect(cheek < 6 && lid > 12, "cheek \(cheek), lid \(lid)")
    }

    /// Of lips that end at their upper rim, where the photo does, that rim and what is below it once were made up.
    @Test func aRimOfLipsTellsNothing() throws {
        let cut = try made(in: TemporaryFolder(), hiding: "plum", "drawbox=x=0:y=252:w=400:h=148:color=gray:t=fill")
        #expect(cut.messages.contains("lips are hidden"), "\(cut.messages)")
        let lips = try cut.distance("50:20:175:270"), lid = try cut.distance("50:14:126:150")
        #expect(lips < 2 && lid > 12, "lips \(lips), lid \(lid)")
    }

    /// An eye behind a patch is made up as the other one (13.8 and 8.2 of 255 from the answer before decision 0058).
    @Test(arguments: [("ocean", 9.0), ("classic-red", 4.0)]) func aHiddenEyeIsMadeUpAsTheOther(look: String, farthest: Double) throws {
        let made = try made(in: TemporaryFolder(), hiding: look, "drawbox=x=104:y=136:w=88:h=62:color=0x181818:t=fill")
        #expect(made.messages.isEmpty, "\(made.messages)")
        let answer = Binary.reference(look), right = try made.distance("50:14:126:150", answer), left = try made.distance("50:14:226:150", answer)
        #expect(right < farthest && left < farthest, "right \(right), left \(left)")
    }

    /// A photo in warm or in less light gives the makeup that it gives by day (lips were 9.6 and 18.7 of 255 from the answer before decision 0059, now 5 and 8).
    @Test(arguments: [("rose", "rr=1.12:bb=0.72", 7.0), ("coral", "rr=0.62:gg=0.62:bb=0.62", 11.0)])
    func theLightOfAReferenceIsNoMakeup(look: String, light: String, farthest: Double) throws {
        let made = try made(in: TemporaryFolder(), hiding: look, "colorchannelmixer=\(light)"), answer = Binary.reference(look)
        let lips = try made.distance("50:20:175:270", answer), lid = try made.distance("50:14:126:150", answer)
        #expect(lips < farthest && lid < farthest, "lips \(lips), lid \(lid)")
    }

    /// The bare sample in the look of another whose photo a filter changed: what was said, and by how much a part of the picture differs on the mean, of 255.
    private struct Made {
        let messages: String
        let folder: TemporaryFolder, output: String

        func distance(_ crop: String, _ other: String = Binary.reference("bare")) throws -> Double {
            let raw = folder.path("part")
            let parts = try [other, output].map { path in
                try Tool.ffmpeg(["-y", "-i", path, "-vf", "crop=\(crop),format=rgb24", "-frames:v", "1", "-f", "rawvideo", raw])
                return try Data(contentsOf: URL(fileURLWithPath: raw)).map(Int.init)
            }
            return Double(zip(parts[0], parts[1]).reduce(0) { $0 + abs($1.0 - $1.1) }) / Double(parts[0].count)
        }
    }

    private func made(in folder: TemporaryFolder, hiding look: String, _ filter: String) throws -> Made {
        let reference = folder.path("reference.png"), output = folder.path("\(look).png")
        try Tool.ffmpeg(["-y", "-i", Binary.reference(look), "-vf", filter, reference])
        let outcome = try Binary.apply(Binary.reference("bare"), output, ["--progress", "none"], reference: reference)
        #expect(outcome.code == 0)
        return Made(messages: outcome.errors, folder: folder, output: output)
    }

    /// Half of a face's skin is behind a mask: it once was taken for no face.
    @Test(arguments: ["0xB4CDE1", "0x303030"]) func aMaskedFaceIsMadeUpAndTheMaskIsNot(colour: String) throws {
        let folder = try TemporaryFolder()
        let masked = folder.path("masked.mkv"), output = folder.path("out.mkv"), mask = "96:66:212:186"
        try Tool.ffmpeg(["-i", Binary.clip, "-t", "0.2", "-vf", "drawbox=x=205:y=178:w=112:h=82:color=\(colour):t=fill", "-c:v", "ffv1", masked])
        let outcome = try Binary.apply(masked, output, ["--progress", "none"], reference: "classic-red")
        #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        for (a, b) in zip(try hashes(masked), try hashes(output)) { #expect(a != b) }
        #expect(try hashes(masked, crop: mask) == hashes(output, crop: mask))
    }

    @Test func comparisons() throws {
        let folder = try TemporaryFolder()
        let split = folder.path("split.mkv"), side = folder.path("side.mkv")
        #expect(try Binary.apply(Binary.clip, split, ["--duration", "0.04", "--compare", "split"]).code == 0)
        #expect(try Binary.apply(Binary.clip, side, ["--duration", "0.04", "--compare", "side"]).code == 0)
        #expect(try hashes(split, crop: "320:640:0:0") == [hashes(Binary.clip, crop: "320:640:0:0")[0]])
        #expect(try hashes(split, crop: "320:640:320:0") != [hashes(Binary.clip, crop: "320:640:320:0")[0]])
        #expect(try hashes(side, crop: "640:640:0:0") == [hashes(Binary.clip)[0]])
        #expect(try hashes(side, crop: "640:640:640:0") != [hashes(Binary.clip)[0]])
    }

    @Test func picturesInAndOut() throws {
        let folder = try TemporaryFolder()
        for name in ["out.png", "out.jpg", "out.webp"] {
            let output = folder.path(name)
            #expect(try Binary.apply(Binary.reference("bare"), output).code == 0)
            #expect(try Tool.probe(output, ["-show_entries", "stream=width,height"]) == Tool.probe(Binary.reference("bare"), ["-show_entries", "stream=width,height"]))
        }
    }

    @Test func standardInputAndOutput() throws {
        let folder = try TemporaryFolder()
        let matroska = folder.path("in.mkv"), y4m = folder.path("in.y4m")
        try Tool.ffmpeg(["-i", Binary.clip, "-t", "0.2", "-c", "copy", matroska])
        try Tool.ffmpeg(["-i", Binary.clip, "-t", "0.2", "-pix_fmt", "yuv420p", y4m])
        let first = folder.path("first.mkv"), second = folder.path("second.y4m")
        for file in [first, second] { try Data().write(to: URL(fileURLWithPath: file)) }
        let plum = Binary.reference("plum")
        #expect(try Binary.run(["apply", "-", "-r", plum, "-o", "-", "--encoder", "ffv1"], input: matroska, output: first).code == 0)
        #expect(try Binary.run(["apply", "-", "-r", plum, "-o", "-", "--format", "y4m"], input: y4m, output: second).code == 0)
        for (input, made) in [(matroska, first), (y4m, second)] {
            #expect(try hashes(made).count >= 5)
            #expect(try hashes(made) != hashes(input))
            #expect(try hashes(made, crop: "120:640:0:0") == hashes(input, crop: "120:640:0:0"))
        }
    }

    @Test func progressForPrograms() throws {
        let folder = try TemporaryFolder()
        let plain = try Binary.apply(Binary.clip, folder.path("a.mkv"), ["--duration", "0.08", "--progress", "plain"])
        #expect(plain.errors.contains("frame=2\n") && plain.errors.hasSuffix("progress=end\n"))
        let json = try Binary.apply(Binary.clip, folder.path("b.mkv"), ["--duration", "0.08", "--progress", "json"])
        let last = try #require(json.errors.split(separator: "\n").last)
        let value = try #require(try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
        #expect(value["frame"] as? Int == 2 && value["progress"] as? String == "end")
    }

    @Test func videoWithoutFacePassesUnchanged() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.mp4"), output = folder.path("out.mkv"), blurred = folder.path("blurred.mkv")
        try Tool.ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=0.4", "-c:v", "libx264", input])
        let outcome = try Binary.apply(input, output)
        #expect(outcome.code == 0 && outcome.errors.contains("no face found"))
        #expect(try hashes(output) == hashes(input))
        #expect(try Binary.apply(input, blurred, ["--on-lost", "blur"]).code == 0)
        let source = Set(try hashes(input))
        #expect(try hashes(blurred).allSatisfy { !source.contains($0) })
    }

    /// A clip with sound into a container for pictures alone.
    @Test func y4mLeavesSoundOut() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("out.y4m")
        let outcome = try Binary.apply(Binary.clip, output, ["--duration", "0.2"])
        #expect(outcome.code == 0 && outcome.errors.contains("cannot carry stream 1 (aac); left out"))
        #expect(try Tool.times(output).count == 5)
    }

    @Test func interruptLeavesAPlayableFile() throws {
        let folder = try TemporaryFolder()
        let input = folder.path("in.mp4"), output = folder.path("out.mp4")
        // So long that it cannot end by itself before it is interrupted.
        try Tool.ffmpeg(["-stream_loop", "40", "-i", Binary.clip, "-c", "copy", input])
        let outcome = try Tool.run([Binary.path, "apply", input, "-r", Binary.reference("plum"), "-o", output]) { process in
            // Once the part file holds more than a header, pictures are coming.
            for _ in 0..<3000 where Tool.size(output + ".part") < 100_000 { usleep(20_000) }
            kill(process, SIGINT)
        }
        #expect(outcome.code == 4)
        #expect(outcome.errors.contains("interrupted; \(output) holds the first"))
        let frames = try Tool.times(output)
        #expect(frames.count > 0 && frames.count < 40 * 150)
    }

    @Test func inspectWritesPictures() throws {
        let folder = try TemporaryFolder()
        let pictures = folder.path("pictures")
        let outcome = try Binary.run(["inspect", Binary.clip, "-r", Binary.reference("plum"), "-o", pictures, "--at", "1"])
        #expect(outcome.code == 0)
        let value = try #require(try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any])
        let faces = try #require(value["faces"] as? [[String: Any]])
        #expect(faces.count == 1 && (faces[0]["landmarks"] as? [[Double]])?.count == 478)
        #expect(try Tool.probe(pictures + "/landmarks.png", ["-show_entries", "stream=width,height"]) == ["640,640"])
        for name in ["parsing.png", "correspondence.png"] {
            #expect(try Tool.probe(pictures + "/" + name, ["-show_entries", "stream=width,height"]) == ["512,256"])
        }
    }

    /// A forehead that the edge of a photo mirrored, eyes and all: the detector also saw a larger face, upside down over it and half of
    /// the true one, and that was made the primary one.
    @Test func aMirroredForeheadIsNoFace() throws {
        let folder = try TemporaryFolder()
        let mirrored = folder.path("mirrored.png"), report = folder.path("report.json")
        let filter = "crop=400:304:0:96,split[a][b];[b]crop=400:220:0:0,vflip,gblur=sigma=4[t];[t][a]vstack"
        _ = try Tool.run(["ffmpeg", "-v", "error", "-i", Binary.reference("bare"), "-vf", filter, mirrored])
        let outcome = try Binary.run(
            ["apply", mirrored, "-r", Binary.reference("plum"), "-o", folder.path("out.png"), "--faces", "primary", "--report", report])
        #expect(outcome.code == 0)
        let values = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report))) as? [String: Any])
        let boxes = try #require(values["tracks"] as? [[String: Any]]).compactMap { $0["box"] as? [Double] }
        #expect(boxes.count == 1 && boxes[0][1] > 200 && boxes[0][3] > 420, "\(boxes)")
    }

    /// Beside a face that is followed, one that hangs upside down comes up. What shows no face the way the detector saw it is looked at from one side
    /// at a time then, so it takes a few looks.
    @Test func aFaceUpsideDownIsFoundBesideAnother() throws {
        let folder = try TemporaryFolder()
        let both = folder.path("both.mp4"), report = folder.path("report.json")
        let filter = "split[a][b];[b]hflip,vflip[c];[a]pad=2*iw[d];[d][c]overlay=w:enable='gte(t,0.6)'"
        try Tool.ffmpeg(["-i", Binary.clip, "-t", "2.2", "-an", "-vf", "scale=512:512," + filter, "-crf", "12", both])
        let outcome = try Binary.run(["apply", both, "-r", Binary.reference("plum"), "-o", folder.path("out.mp4"), "--report", report])
        #expect(outcome.code == 0)
        let values = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report))) as? [String: Any])
        let tracks = try #require(values["tracks"] as? [[String: Any]])
        #expect(tracks.count == 2, "\(tracks)")
    }
}
