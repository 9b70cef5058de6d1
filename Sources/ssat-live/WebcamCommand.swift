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
    @Option(help: "Width and height, such as 1280x720: the camera's nearest, what a file or a stream is scaled to.") var size: String?
    @Option(help: "Frames per second: what the camera is asked for, the most that is taken of a file or a stream.") var fps: Double?
    @Option(help: "Encoder of recordings and streams, as for apply.") var encoder: String?
    @Option(help: "Layout of the virtual camera: yuv420 or yuyv.") var layout: RawLayout = .yuv420
    @Option(help: "What is shown while no face is seen: hold (briefly, then blur), blur, placeholder or pass.") var onLost: LostPolicy = .hold
    @Option(name: .customLong("next"), help: "Another reference, for the key n on the terminal and for 'control --next'; may be given several times.")
    var nextReferences: [String] = []
    @Option(help: "What becomes of faces that wear no makeup (--faces primary or a number): keep or blur.") var others: OtherFaces = .keep
    @Flag(help: "Wait for the camera or the stream: at the start, and when it is unplugged, silent or breaks off.") var wait = false
    @Flag(help: "Close the camera while no program reads the virtual camera.") var onDemand = false
    @Option(help: "Socket for 'ssat-live control'; 'none' for no such.") var control: String = ControlSocket.defaultPath
    @Option(help: "Threads that share a picture; 0 is one for every processor, four at most.") var threads = 0
    @Option(help: "How the makeup of a picture is predicted: in it, aside (ready sooner, a picture or two behind the face), or auto: aside where the former takes more than a processor.")
    var predict: Prediction = .auto
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

    /// Threads that share a picture.
    var team: Int { threads == 0 ? min(ProcessInfo.processInfo.activeProcessorCount, 4) : threads }

    private var wantedSize: (width: Int, height: Int)? {
        guard let parts = size?.split(separator: "x").compactMap({ Int($0) }), parts.count == 2, parts.allSatisfy({ (16...8192).contains($0) })
        else { return nil }
        return (parts[0] & ~1, parts[1] & ~1)
    }

    func run() throws {
        try reporting {
            let cancellation = Cancellation()
            let signals = cancelOnInterrupt(cancellation)
            defer { signals.forEach { $0.cancel() } }
            let service = ServiceNotifier(), live = LiveControl(), source = Once<any LiveSource>()
            let shape = try firstLook(source, cancellation, service)
            // The outputs first: programs see the camera while the networks are loaded.
            let sinks = try outputs(shape)
            let watched = onDemand ? sinks.compactMap { $0 as? VirtualCamera } : []
            if onDemand, watched.isEmpty { throw ValidationError("--on-demand needs a virtual camera as output") }
            // A camera that is open though nobody watches would be lit.
            if onDemand { _ = source.take() }
            let session = LiveSession(command: self, live: live, cancellation: cancellation)
            defer { session.stop() }
            let pipeline = LivePipeline(
                filter: try session.start(framesPerSecond: shape.rate) {
                    service.ready()
                    if let duration { DispatchQueue.global().asyncAfter(deadline: .now() + duration) { cancellation.cancel() } }
                }, sinks: sinks, control: live)
            defer { service.stopping() }
            let shown = LiveProgress(style: progress), heart = Heart()
            let statistics = try pipeline.run(
                open: { try source.take() ?? open(cancellation).source }, returnsAfterLoss: wait, cancellation: cancellation,
                wanted: { watched.isEmpty || watched.contains { $0.isWatched } },
                lost: { tellWaiting($0, service) },
                progress: {
                    shown.update($0)
                    heart.beat(service, $0)
                })
            shown.finish(statistics)
            if let report { try write(report, statistics, session.filter) }
        }
    }

    /// What a source's pictures are like.
    struct Shape { var width = 1280, height = 720, rate = 30.0 }

    /// Opens the source and keeps it for the run. With --wait, one that is not there yet will have the size that was asked for;
    /// the virtual camera is there nevertheless.
    private func firstLook(_ source: Once<any LiveSource>, _ cancellation: Cancellation, _ service: ServiceNotifier) throws -> Shape {
        do {
            let opened = try open(cancellation)
            source.put(opened.source)
            return opened.shape
        } catch where wait && (error is CaptureError || device.contains("://")) {
            tellWaiting(error, service)
            let size = wantedSize ?? (Shape().width, Shape().height)
            return Shape(width: size.width, height: size.height, rate: fps ?? Shape().rate)
        }
    }

    private func tellWaiting(_ error: Error, _ service: ServiceNotifier) {
        say("\(error); waiting for it")
        service.status("waiting for \(device)")
    }

    private func open(_ cancellation: Cancellation) throws -> (source: any LiveSource, shape: Shape) {
        if let path = DeviceList.videoDevice(device) {
            let camera = try Camera(path: path, width: wantedSize?.width, height: wantedSize?.height, framesPerSecond: fps)
            return (camera, Shape(width: camera.mode.width, height: camera.mode.height, rate: camera.mode.framesPerSecond))
        }
        let reader = try PacedReader(path: device, size: wantedSize, framesPerSecond: fps, endIsLoss: wait, cancellation: cancellation)
        let rate = reader.framesPerSecond ?? 30
        return (reader, Shape(width: reader.width, height: reader.height, rate: min(fps ?? rate, rate)))
    }

    private func outputs(_ shape: Shape) throws -> [any LiveSink] {
        let names = try output.isEmpty ? [DeviceList.virtualCamera()] : output
        return try names.map { name in
            if name == "null" { return NullSink() }
            if let path = DeviceList.videoDevice(name) {
                if path == DeviceList.videoDevice(device) { throw CaptureError.busy(path) }
                return try VirtualCamera(path: path, layout: layout, width: shape.width, height: shape.height, framesPerSecond: shape.rate)
            }
            var options = EncoderOptions()
            options.name = encoder
            options.live = name.contains("://") || name.hasSuffix(".m3u8")
            return try Recorder(path: name, options: options, framesPerSecond: shape.rate)
        }
    }

    private func write(_ path: String, _ statistics: LiveStatistics, _ frames: MakeupFrameFilter?) throws {
        try writeReport(path, [
            "input": device, "outputs": output, "captured": statistics.captured, "shown": statistics.shown, "late": statistics.late,
            "lost": statistics.lost, "placeholders": statistics.placeholders, "seconds": statistics.seconds,
            "frames_with_faces": frames?.framesWithFaces ?? 0, "latency_ms": LiveProgress.latencies(statistics),
            "predicted_aside": (frames?.filter.predictsAsideEvery ?? 0) > 0, "instruction_set": InstructionSet.current.description,
        ])
    }
}

/// How the makeup of a picture is predicted.
enum Prediction: String, ExpressibleByArgument { case auto, inside = "in", aside }

/// What becomes of faces that wear no makeup.
enum OtherFaces: String, ExpressibleByArgument { case keep, blur }

/// Holds a value until somebody takes it. Any thread.
private final class Once<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value?
    func put(_ new: Value) { lock.withLock { value = new } }
    func take() -> Value? {
        lock.withLock {
            defer { value = nil }
            return value
        }
    }
}

extension RawLayout: ExpressibleByArgument {}
