import Foundation
import TestSupport
import Testing

/// `ssat-live webcam` without devices: a clip in real time as the camera, a recording as the output.
@Suite struct WebcamTests {
    @Test func recordsMadeUpPicturesOnly() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("out.mkv"), report = folder.path("report.json")
        let outcome = try Binary.run([
            "webcam", "-r", Binary.reference("plum"), "-d", Binary.clip, "-o", output, "-o", "null", "--duration", "3", "--control", "none", "--report", report,
            "--progress", "none",
        ])
        #expect(outcome.code == 0, "\(outcome.errors)")
        let values = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report))) as? [String: Any])
        let shown = try #require(values["shown"] as? Int), captured = try #require(values["captured"] as? Int)
        #expect(shown > 5 && shown <= captured && captured <= 80, "real time: 25 frames a second")
        let times = try Tool.times(output)
        #expect(times.count > 5 && zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func errors() throws {
        for (arguments, code, text) in [
            (["-d", "/dev/video99", "-o", "null"], Int32(5), "no such device"), (["-d", "missing.mp4", "-o", "null"], 2, "missing.mp4"),
            (["-d", Binary.clip, "-o", "/dev/video99"], 5, "no such device"), (["-d", Binary.clip], 5, "no virtual camera"),
            (["-d", Binary.clip, "-o", "null", "--size", "big"], 64, "--size"), (["-d", Binary.clip, "-o", "null", "--on-demand"], 64, "--on-demand"),
        ] {
            let outcome = try Binary.run(["webcam", "-r", Binary.reference("plum"), "--progress", "none", "--control", "none"] + arguments)
            #expect(outcome.code == code && outcome.errors.contains(text), "\(arguments): \(outcome.code) \(outcome.errors)")
        }
    }

    /// Another look, strengths and privacy while it runs; wrong requests change nothing.
    @Test func control() throws {
        let folder = try TemporaryFolder()
        let socket = folder.path("control.sock"), long = folder.path("long.mp4")
        // The clip ends after six seconds, which the requests may outlast on a busy machine.
        try Tool.ffmpeg(["-stream_loop", "50", "-i", Binary.clip, "-c", "copy", long])
        let running = try Background([
            Binary.path, "webcam", "-r", Binary.reference("plum"), "-d", long, "-o", "null", "--control", socket, "--progress", "none",
        ])
        defer { running.stop() }
        let deadline = Date(timeIntervalSinceNow: 30)
        while !FileManager.default.fileExists(atPath: socket), Date() < deadline { usleep(50_000) }
        func control(_ arguments: [String]) throws -> (Outcome, [String: Any]) {
            let outcome = try Binary.run(["control", "--socket", socket] + arguments)
            return (outcome, (try? JSONSerialization.jsonObject(with: outcome.output)) as? [String: Any] ?? [:])
        }
        #expect(try control([]).1["look"] as? String == Binary.reference("plum"))
        let (changed, state) = try control(["--look", Binary.reference("ocean"), "--lips", "0.5", "--privacy"])
        #expect(changed.code == 0 && state["look"] as? String == Binary.reference("ocean") && state["lips"] as? Double == 0.5)
        #expect(state["privacy"] as? Bool == true)
        let (refused, _) = try control(["--lips", "3"])
        #expect(refused.code == 2 && refused.errors.contains("between 0 and 1"))
        let (missing, _) = try control(["--look", folder.path("missing.jpg"), "--eyes", "0"])
        #expect(missing.code == 2 && missing.errors.contains("missing.jpg"))
        let (_, after) = try control(["--no-privacy"])
        #expect(after["eyes"] as? Double == 1 && after["lips"] as? Double == 0.5 && after["privacy"] as? Bool == false)
        let second = try Binary.run(["webcam", "-r", Binary.reference("plum"), "-d", Binary.clip, "-o", "null", "--control", socket])
        #expect(second.code == 5 && second.errors.contains("--control"))
        running.stop()
        #expect(try control([]).0.code == 5)
    }

    /// The reference's file is written anew: it is worn from then on. A file that cannot be used changes nothing.
    @Test func theReferenceIsLoadedAgain() throws {
        let folder = try TemporaryFolder()
        let reference = folder.path("reference.jpg"), log = folder.path("log"), long = folder.path("long.mp4")
        try FileManager.default.copyItem(atPath: Binary.reference("plum"), toPath: reference)
        try Tool.ffmpeg(["-stream_loop", "8", "-i", Binary.clip, "-c", "copy", long])
        let running = try Background([
            "bash", "-c", "exec \(Binary.path) webcam -r \(reference) -d \(long) -o null --control none --progress plain 2>\(log)",
        ])
        defer { running.stop() }
        func said(_ text: String) -> Bool { (try? String(contentsOfFile: log, encoding: .utf8))?.contains(text) ?? false }
        for _ in 0..<600 where !said("frame=") { usleep(50_000) }
        try Data("no picture".utf8).write(to: URL(fileURLWithPath: reference))
        usleep(1_500_000)
        #expect(!said("loaded again"))
        try FileManager.default.removeItem(atPath: reference)
        try FileManager.default.copyItem(atPath: Binary.reference("ocean"), toPath: reference)
        try FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: reference)
        let deadline = Date(timeIntervalSinceNow: 20)
        while !said("loaded again"), Date() < deadline { usleep(100_000) }
        #expect(said("\(reference): changed, loaded again"))
    }

    /// Keys on a terminal (util-linux's `script` makes one): every key says what is so now; the bare picture needs two.
    @Test func keys() throws {
        let folder = try TemporaryFolder()
        let log = folder.path("log"), long = folder.path("long.mp4")
        try Tool.ffmpeg(["-stream_loop", "4", "-i", Binary.clip, "-c", "copy", long])
        let command = [
            Binary.path, "webcam", "-r", Binary.reference("plum"), "--next", Binary.reference("ocean"), "-d", long, "-o", "null", "--control", "none",
        ].joined(separator: " ")
        let keys = "for i in $(seq 600); do grep -q 'keys: n' \(log) 2>/dev/null && break; sleep 0.05; done; sleep 1; for k in n p p b x b y - n q; do sleep 0.4; printf $k; done"
        let outcome = try Tool.run(["bash", "-c", "(\(keys)) | script -qfec '\(command)' \(log) >/dev/null"])
        let said = try String(contentsOfFile: log, encoding: .utf8)
        let wanted = [
            "keys: n next look", "look: \(Binary.reference("ocean"))", "privacy: the placeholder", "privacy: off", "press y", "press y", "makeup: off",
            "strength: 0.9", "look: \(Binary.reference("plum"))",
        ]
        var rest = said[...]
        for text in wanted {
            guard let found = rest.range(of: text) else {
                Issue.record("no '\(text)' in its place: \(said)")
                return
            }
            rest = rest[found.upperBound...]
        }
        #expect(outcome.code == 0 && said.components(separatedBy: "makeup: off").count == 2)
    }

    /// As a service: systemd is told when it is ready, that it lives while pictures go out, and when it stops.
    @Test func service() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("notify"), messages = folder.path("messages")
        let listener = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); s.settimeout(30)
            out = open(sys.argv[2], "w")
            while True:
                m = s.recv(4096).decode(); print(m, file=out, flush=True)
                if m == "STOPPING=1": break
            """
        let listening = try Background(["python3", "-c", listener, path, messages])
        defer { listening.stop() }
        let deadline = Date(timeIntervalSinceNow: 20)
        while !FileManager.default.fileExists(atPath: path), Date() < deadline { usleep(20_000) }
        let outcome = try Binary.run(
            ["webcam", "-r", Binary.reference("plum"), "-d", Binary.clip, "-o", "null", "--control", "none", "--progress", "none", "--duration", "3"],
            environment: ["NOTIFY_SOCKET": path])
        #expect(outcome.code == 0)
        usleep(200_000)
        let said = try String(contentsOfFile: messages, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(said.contains("READY=1") && said.last == "STOPPING=1" && said.filter { $0 == "WATCHDOG=1" }.count >= 2, "\(said)")
    }

    @Test func doctor() throws {
        let plain = try Binary.run(["doctor"]), json = try Binary.run(["doctor", "--json", "--no-speed"])
        #expect(plain.code == 0)
        for text in ["kernels for", "speed: ", "decoders: h264", "encoders: ", "v4l2loopback: ", "Secure Boot: ", "virtual cameras", "cameras", "group video"] {
            #expect(plain.text.contains(text), "\(plain.text)")
        }
        let values = try #require(try JSONSerialization.jsonObject(with: json.output) as? [String: Any])
        #expect(values["devices"] is [Any] && values["instruction_set"] is String && values["v4l2loopback"] is String && values["filter_fps"] == nil)
    }
}
