import ArgumentParser
import Capture
import Foundation
import SSATCore
import Video

struct WebcamCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webcam", abstract: "Puts the reference's makeup on a camera's picture, live.",
        discussion: """
            Never shows a bare face by accident: until the first made-up picture, on an error, and while the camera is gone, the output is a \
            plain dark picture; where no face is found, it is blurred after a fifth of a second (--on-lost).
            """)

    @OptionGroup var makeup: MakeupOptions
    @Option(name: .shortAndLong, help: "Camera, or any file or URL that FFmpeg reads, in real time.") var device = "/dev/video0"
    @Option(name: .shortAndLong, help: "Virtual camera, file, URL, '-' or 'null'; may be given several times. The first v4l2loopback device if not given.")
    var output: [String] = []
    @Option(help: "Width and height, such as 1280x720.") var size: String?
    @Option(help: "Frames per second to ask the camera for.") var fps: Double?
    @Option(help: "Layout of the virtual camera: yuv420 or yuyv.") var layout: RawLayout = .yuv420
    @Option(help: "What is shown while no face is seen: hold (briefly, then blur), blur, placeholder or pass.") var onLost: LostPolicy = .hold
    @Option(name: .customLong("next"), help: "Another reference, for the key n on the terminal and for 'control --next'; may be given several times.")
    var others: [String] = []
    @Flag(help: "Wait for the camera: at the start, and when it is unplugged.") var wait = false
    @Flag(help: "Close the camera while no program reads the virtual camera.") var onDemand = false
    @Option(help: "Socket for 'ssat-live control'; 'none' for no such.") var control: String = ControlSocket.defaultPath
    @Option(help: "Threads that share a picture; 0 is one for every processor, four at most.") var threads = 0
    @Option(help: "Seconds to run; without end if not given.") var duration: Double?
    @Option(help: "auto, bar, plain, json or none.") var progress: Progress.Style = .auto
    @Option(help: "Write what was done to this JSON file.") var report: String?

    func validate() throws {
        if size != nil, wantedSize == nil { throw ValidationError("--size must look like 1280x720") }
        if let fps, !(1...240).contains(fps) { throw ValidationError("--fps must lie between 1 and 240") }
        if !(0...64).contains(threads) { throw ValidationError("--threads must lie between 0 and 64") }
        if let duration, duration <= 0 { throw ValidationError("--duration must be positive") }
        if layout != .yuv420, layout != .yuyv { throw ValidationError("--layout must be yuv420 or yuyv") }
    }

    private var wantedSize: (width: Int, height: Int)? {
        guard let parts = size?.split(separator: "x").compactMap({ Int($0) }), parts.count == 2, parts.allSatisfy({ (16...8192).contains($0) })
        else { return nil }
        return (parts[0], parts[1])
    }

    func run() throws {
        try reporting {
            let cancellation = Cancellation()
            let signals = cancelOnInterrupt(cancellation)
            defer { signals.forEach { $0.cancel() } }
            let service = ServiceNotifier()
            let first = try openPatiently(cancellation, service)
            guard let first else { throw ExitCode(Exit.interrupted.rawValue) }
            // The outputs first: programs see the camera while the networks are loaded.
            let (width, height, rate) = first.shape
            let sinks = try outputs(width: width, height: height, framesPerSecond: rate)
            let look = try loadLook(makeup.reference, precision: makeup.precision)
            let team = threads == 0 ? min(ProcessInfo.processInfo.activeProcessorCount, 4) : threads
            let filter = try MakeupFilter(
                look: look, recipe: makeup.recipe, faces: makeup.policy, precision: makeup.precision, team: team)
            filter.whenLost = onLost
            let frames = MakeupFrameFilter(filter: filter, comparison: nil)
            let live = LiveControl()
            let pipeline = LivePipeline(filter: frames, sinks: sinks, control: live)
            let state = ControlState(filter: filter, live: live, looks: [makeup.reference] + others, precision: makeup.precision)
            let socket = control == "none" ? nil : try ControlSocket(path: control) { state.answer($0) }
            defer { socket?.stop() }
            let watching = state.reloadWhenChanged()
            defer { watching.cancel() }
            let keys = TerminalKeys { $0 == .quit ? cancellation.cancel() : say(state.press($0)) }
            defer { keys?.stop() }
            if keys != nil, progress != .none { say(KeyReader.help) }
            if let duration {
                DispatchQueue.global().asyncAfter(deadline: .now() + duration) { cancellation.cancel() }
            }
            let shown = LiveProgress(style: progress)
            let opened = Once(first)
            let virtual = onDemand ? sinks.compactMap { $0 as? VirtualCamera } : []
            if onDemand, virtual.isEmpty { throw ValidationError("--on-demand needs a virtual camera as output") }
            service.ready()
            defer { service.stopping() }
            let heart = Heart()
            let statistics = try pipeline.run(
                open: { try opened.take()?.source ?? open().source }, returnsAfterLoss: wait, cancellation: cancellation,
                wanted: { virtual.isEmpty || virtual.contains { $0.isWatched } },
                lost: { say("\($0); waiting for it to come back") },
                progress: {
                    shown.update($0)
                    heart.beat(service, $0)
                })
            shown.finish(statistics)
            if let report { try write(report, statistics, frames) }
        }
    }

    private struct Opened: Sendable {
        let source: any LiveSource
        let shape: (width: Int, height: Int, rate: Double)
    }

    private func open() throws -> Opened {
        if device.hasPrefix("/dev/video") {
            let camera = try Camera(path: device, width: wantedSize?.width, height: wantedSize?.height, framesPerSecond: fps)
            return Opened(source: camera, shape: (camera.mode.width, camera.mode.height, camera.mode.framesPerSecond))
        }
        let reader = try PacedReader(path: device)
        return Opened(source: reader, shape: (reader.width, reader.height, fps ?? reader.framesPerSecond ?? 30))
    }

    /// The source; with --wait, asked for once a second until it is there. Nil when interrupted.
    private func openPatiently(_ cancellation: Cancellation, _ service: ServiceNotifier) throws -> Opened? {
        var told = false
        while !cancellation.isCancelled {
            do { return try open() } catch let error as CaptureError where wait {
                if !told {
                    say("\(error); waiting for it")
                    service.ready()  // waiting is what was asked for
                    service.status("waiting for \(device)")
                }
                told = true
                service.alive()
                for _ in 0..<10 where !cancellation.isCancelled { Thread.sleep(forTimeInterval: 0.1) }
            }
        }
        return nil
    }

    private func outputs(width: Int, height: Int, framesPerSecond: Double) throws -> [any LiveSink] {
        let names = try output.isEmpty ? [DeviceList.virtualCamera()] : output
        return try names.map { name in
            if name == "null" { return NullSink() }
            if name.hasPrefix("/dev/video") {
                if name == device { throw CaptureError.busy(name) }
                return try VirtualCamera(path: name, layout: layout, width: width, height: height, framesPerSecond: framesPerSecond)
            }
            return try Recorder(path: name, options: EncoderOptions(), framesPerSecond: framesPerSecond)
        }
    }

    private func write(_ path: String, _ statistics: LiveStatistics, _ frames: MakeupFrameFilter) throws {
        try writeReport(path, [
            "input": device, "outputs": output, "captured": statistics.captured, "shown": statistics.shown, "late": statistics.late,
            "lost": statistics.lost, "placeholders": statistics.placeholders, "seconds": statistics.seconds,
            "frames_with_faces": frames.framesWithFaces, "latency_ms": LiveProgress.latencies(statistics),
            "instruction_set": InstructionSet.current.description,
        ])
    }
}

/// The state that `ssat-live control` asks for and changes.
final class ControlState: @unchecked Sendable {
    private let lock = NSLock()
    private let filter: MakeupFilter
    private let live: LiveControl
    private let precision: Precision
    /// References that `next` goes through; the one that is worn may be another.
    private let looks: [String]
    private var look: String
    private var loaded: Date?
    /// The strength to come back to; nil while makeup is worn.
    private var bypassed: Float?

    /// - Parameter looks: at least one; the first is worn.
    init(filter: MakeupFilter, live: LiveControl, looks: [String], precision: Precision) {
        (self.filter, self.live, self.looks, self.look, self.precision) = (filter, live, looks, looks[0], precision)
        loaded = Self.modified(look)
    }

    /// Does what a key asks for, and says what is so now.
    func press(_ key: KeyCommand) -> String {
        switch key {
        case .help, .quit: return KeyReader.help
        case .askForBypass: return bypassed == nil ? "bare picture, without makeup? press y" : "makeup again? press y"
        case .privacy:
            live.privacy.toggle()
            return live.privacy ? "privacy: the placeholder is shown" : "privacy: off"
        case .nextLook:
            return lock.withLock {
                do {
                    try wearNext()
                    return "look: \(look)"
                } catch { return "\(error)" }
            }
        case .bypass:
            return lock.withLock {
                toggleBypass()
                return bypassed == nil ? "makeup: on" : "makeup: off, the bare picture is shown"
            }
        case .stronger, .weaker:
            return lock.withLock {
                if bypassed != nil { toggleBypass() }
                filter.recipe.strength = min(max(filter.recipe.strength + (key == .stronger ? 0.1 : -0.1), 0.1), 1)
                return String(format: "strength: %.1f", filter.recipe.strength)
            }
        }
    }

    private func toggleBypass() {
        if let strength = bypassed {
            filter.recipe.strength = strength
            bypassed = nil
        } else {
            bypassed = filter.recipe.strength
            filter.recipe.strength = 0
        }
    }

    private func wearNext() throws {
        let at = looks.firstIndex(of: look) ?? -1
        try wear(looks[(at + 1) % looks.count])
    }

    private func wear(_ path: String) throws {
        filter.look = try loadLook(path, precision: precision)
        look = path
        loaded = Self.modified(path)
    }

    private static func modified(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }

    /// Answers one line. What cannot be done changes nothing.
    func answer(_ line: String) -> String {
        lock.withLock {
            do {
                let request = try JSONDecoder().decode(ControlRequest.self, from: Data(line.utf8))
                let recipe = try request.applied(to: filter.recipe)
                if let path = request.look { try wear(path) } else if request.next == true { try wearNext() }
                if request.strength != nil { bypassed = nil }
                filter.recipe = recipe
                if let privacy = request.privacy { live.privacy = privacy }
                return state
            } catch let error as DecodingError {
                return encode(["error": "not a request that is understood (\(error))"])
            } catch {
                return encode(["error": "\(error)"])
            }
        }
    }

    private var state: String {
        let r = filter.recipe
        return encode([
            "look": look, "strength": r.strength, "lips": r.lips, "eyes": r.eyes, "skin": r.skin, "brows": r.brows, "tone": r.tone,
            "privacy": live.privacy,
        ])
    }

    private func encode(_ values: [String: Any]) -> String {
        let data = (try? JSONSerialization.data(withJSONObject: values, options: [.sortedKeys, .withoutEscapingSlashes])) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    /// Loads the reference again when its file was written to. A file that cannot be used just then is left for the next time.
    func reloadWhenChanged() -> DispatchSourceTimer {
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { [self] in
            lock.withLock {
                guard let now = Self.modified(look), now != loaded, let new = try? loadLook(look, precision: precision) else { return }
                filter.look = new
                loaded = now
                say("\(look): changed, loaded again")
            }
        }
        timer.resume()
        return timer
    }
}

/// Tells systemd's watchdog that it lives, only where pictures went out since the last time.
private final class Heart: @unchecked Sendable {
    private var last = -1

    func beat(_ service: ServiceNotifier, _ statistics: LiveStatistics) {
        let now = statistics.shown + statistics.placeholders
        if now != last { service.alive() }
        last = now
    }
}

/// Gives its value once.
private final class Once<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value?
    init(_ value: Value) { self.value = value }
    func take() -> Value? {
        lock.withLock {
            defer { value = nil }
            return value
        }
    }
}

/// Tells once a second how a live run goes, on standard error.
final class LiveProgress: @unchecked Sendable {
    private let style: Progress.Style
    private var last = LiveStatistics()

    init(style: Progress.Style) { self.style = style.resolved }

    static func latencies(_ s: LiveStatistics) -> [String: Double] {
        ["p50": s.latency.percentile(0.5), "p95": s.latency.percentile(0.95), "p99": s.latency.percentile(0.99)]
    }

    func update(_ s: LiveStatistics) {
        let fps = Double(s.shown - last.shown) / max(s.seconds - last.seconds, 1e-9)
        last = s
        show(s, fps: fps, ended: false)
    }

    func finish(_ s: LiveStatistics) { show(s, fps: Double(s.shown) / max(s.seconds, 1e-9), ended: true) }

    private func show(_ s: LiveStatistics, fps: Double, ended: Bool) {
        let l = Self.latencies(s), rate = String(format: "%.1f", fps)
        var text = ""
        switch style {
        case .none, .auto: return
        case .bar:
            text = "\r\(s.shown) frames  \(rate) fps  \(s.late) late  \(s.lost) lost  \(l["p50"]!) ms, 99 % under \(l["p99"]!) ms\u{1b}[K\(ended ? "\n" : "")"
        case .plain:
            text = "frame=\(s.shown)\nfps=\(rate)\ndrop_frames=\(s.late + s.lost)\nlatency_p99_ms=\(l["p99"]!)\nprogress=\(ended ? "end" : "continue")\n"
        case .json:
            text = "{\"frame\":\(s.shown),\"fps\":\(rate),\"late\":\(s.late),\"lost\":\(s.lost),\"latency_p50_ms\":\(l["p50"]!),"
            text += "\"latency_p99_ms\":\(l["p99"]!),\"progress\":\"\(ended ? "end" : "continue")\"}\n"
        }
        FileHandle.standardError.write(Data(text.utf8))
    }
}

extension RawLayout: ExpressibleByArgument {}
