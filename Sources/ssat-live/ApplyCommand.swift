import ArgumentParser
import Foundation
import SSATCore
import Video

struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Puts the reference's makeup on a video or a picture.")

    @Argument(help: "Video, picture, URL, or '-' for standard input (matroska, y4m).") var input: String
    @Option(name: .shortAndLong, help: "Output; the container follows the name. '-' is matroska on standard output.") var output: String
    @OptionGroup var makeup: MakeupOptions
    @Option(help: "Container, such as mp4, matroska, y4m; by the output's name if not given.") var format: String?
    @Option(help: "A libavcodec encoder, such as libx264, libx265, libvpx-vp9, ffv1.") var encoder: String?
    @Option(help: "Quality of the encoder; lower is better.") var crf: Int?
    @Option(help: "Preset of libx264 and libx265 (default: veryfast, by libx264 in less memory).") var preset: String?
    @Option(help: "Seconds to skip at the beginning.") var start: Double = 0
    @Option(help: "Seconds to process.") var duration: Double?
    @Option(help: "Threads that decoding, makeup and encoding share; 0 is one for every processor.") var threads = 0
    @Option(help: "split: the left half stays as it was; side: source and result beside each other.") var compare: Comparison?
    @Flag(help: "Take less memory; H.264 of the same quality is up to 4 % larger then.") var lowMemory = false
    @Option(help: "What is shown while no face is seen: pass, hold (briefly, then blur), blur or placeholder.") var onLost: LostPolicy = .pass
    @Option(help: "auto, bar, plain, json or none.") var progress: Progress.Style = .auto
    @Option(help: "Write what was done to this JSON file.") var report: String?
    @Flag(name: .customShort("y"), help: "Overwrite the output.") var overwrite = false

    func validate() throws {
        if start < 0 || (duration ?? 1) <= 0 { throw ValidationError("--start must not be negative, --duration must be positive") }
        if threads < 0 { throw ValidationError("--threads must not be negative") }
    }

    func run() throws {
        try reporting {
            if output != "-", !overwrite, FileManager.default.fileExists(atPath: output) {
                say("\(output): exists already; use -y to overwrite it")
                throw ExitCode(Exit.usage.rawValue)
            }
            if output == "-", isatty(STDOUT_FILENO) != 0 {
                say("-: video does not go to a terminal; redirect standard output")
                throw ExitCode(Exit.usage.rawValue)
            }
            let source = try Demuxer(path: input)
            let look = try loadLook(makeup.reference, precision: makeup.precision)
            let shares = ThreadShares(
                of: threads == 0 ? ProcessInfo.processInfo.activeProcessorCount : threads, transformsMost: makeup.noReuse, sparesMemory: lowMemory)
            let filter = try MakeupFilter(
                look: look, recipe: makeup.recipe, faces: makeup.policy, precision: makeup.precision, workers: shares.transforms)
            filter.whenLost = onLost
            filter.reusesPredictions = !makeup.noReuse
            let frames = MakeupFrameFilter(filter: filter, comparison: compare)
            var pipeline = Pipeline(filter: frames)
            pipeline.options.name = encoder
            pipeline.options.container = format
            pipeline.options.crf = crf
            pipeline.options.preset = preset
            pipeline.options.sparesMemory = lowMemory
            pipeline.start = start
            pipeline.duration = duration
            pipeline.shares = shares

            let cancellation = Cancellation()
            let signals = cancelOnInterrupt(cancellation)
            defer { signals.forEach { $0.cancel() } }
            let total = source.frameCountEstimate.map { count in
                guard let all = source.duration, all > 0 else { return count }
                return Int(Double(count) * min(duration ?? all, max(all - start, 0)) / all)
            }
            let shown = Progress(style: progress, total: total)
            let statistics = try pipeline.run(source, output: output, cancellation: cancellation) { shown.update(frames: $0, seconds: $1) }
            shown.finish()
            for stream in statistics.droppedStreams { say("\(output): this container cannot carry \(stream); left out") }
            if statistics.brokenFrames > 0 { say("\(input): \(statistics.brokenFrames) broken frames skipped") }
            if statistics.frames > 0, frames.framesWithFaces == 0 { say("\(input): no face found; the picture passed through unchanged") }
            if let report { try write(report, statistics, frames) }
            if statistics.cutShort {
                say("\(input): is cut short; \(output) holds the \(statistics.frames) frames that could be read")
                throw ExitCode(Exit.unreadableInput.rawValue)
            }
            if statistics.cancelled {
                let held = statistics.frames == 0 ? "was not written" : "holds the first \(statistics.frames) frames"
                say("interrupted; \(output) \(held)")
                throw ExitCode(Exit.interrupted.rawValue)
            }
        }
    }

    private func write(_ path: String, _ statistics: RunStatistics, _ frames: MakeupFrameFilter) throws {
        let values: [String: Any] = [
            "input": input, "output": output, "frames": statistics.frames, "frames_with_faces": frames.framesWithFaces,
            "most_faces": frames.mostFaces,
            "tracks": frames.tracks.sorted { $0.key < $1.key }.map { id, t -> [String: Any] in
                [
                    "id": id, "first_frame": t.first, "last_frame": t.last, "frames": t.frames,
                    "box": [t.low.x, t.low.y, t.high.x, t.high.y].map { Int($0.rounded()) },
                ]
            }, "broken_frames": statistics.brokenFrames, "seconds": statistics.seconds,
            "fps": Double(statistics.frames) / max(statistics.seconds, 1e-9), "dropped_streams": statistics.droppedStreams,
            "instruction_set": InstructionSet.current.description, "interrupted": statistics.cancelled,
        ]
        try writeReport(path, values)
    }
}

/// Writes what a run did as JSON.
func writeReport(_ path: String, _ values: [String: Any]) throws {
    let data = try JSONSerialization.data(withJSONObject: values, options: [.prettyPrinted, .sortedKeys])
    do {
        try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
        throw VideoError.unwritable(path, "the report cannot be written; check the folder and its permissions")
    }
}

/// The first Ctrl-C ends the file properly; the second ends the program at once.
func cancelOnInterrupt(_ cancellation: Cancellation) -> [DispatchSourceSignal] {
    [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
            if cancellation.isCancelled { _exit(Exit.interrupted.rawValue) }
            cancellation.cancel()
        }
        source.resume()
        return source
    }
}
