import ArgumentParser
import Foundation
import SSATCore
import Video

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Times the filter on this machine.",
        discussion: """
            Without a clip, a frame with one face is invented, at 720p and 1080p, and each is predicted anew, as while the face moves much. \
            Times are of the filter alone, from memory to memory: decoding and encoding come on top.
            """)

    @Argument(help: "A clip with faces, of which the first frames are taken.") var input: String?
    @Option(name: .shortAndLong, help: "The reference for that clip: a photo or a .look file.") var reference: String?
    @Option(help: "Threads that share a frame, as in webcam. 1 and all if not given.") var threads: Int?
    @Option(help: "How many frames are filtered.") var frames = 60
    @Flag(help: "Predicts every frame of the clip anew.") var noReuse = false
    @Flag(help: "Times each network alone.") var networks = false
    @Flag(help: "Times every step of the networks, on one thread, beside what the processor's multipliers can do.") var steps = false
    @Flag(help: "Prints JSON.") var json = false

    func validate() throws {
        if (input == nil) != (reference == nil) { throw ValidationError("a clip and its reference (-r) go together") }
        if frames < 1 || threads ?? 1 < 1 { throw ValidationError("--frames and --threads are at least 1") }
        if networks || steps, input != nil { throw ValidationError("--networks and --steps need no clip") }
    }

    func run() throws {
        try reporting {
            let cores = ProcessInfo.processInfo.activeProcessorCount
            let counts = threads.map { [$0] } ?? (cores > 1 ? [1, cores] : [1])
            if steps {
                try show(StepSpeed.measure(), peak: StepSpeed.peak())
            } else if networks {
                try show(counts.map { ($0, try NetworkSpeed.measure(team: $0)) })
            } else {
                try show(counts.flatMap(measure))
            }
        }
    }

    private struct Measured {
        var width, height, threads: Int
        var speed: FilterSpeed
    }

    private func measure(threads: Int) throws -> [Measured] {
        if let input, let reference {
            let frames = try FrameReader.frames(Demuxer(path: input), count: frames)
            guard let first = frames.first else { throw VideoError.unreadable(input, "no picture could be decoded") }
            for frame in frames { try frame.makeWritable() }
            let filter = try MakeupFilter(look: loadLook(reference, precision: .int8), team: threads)
            filter.reusesPredictions = !noReuse
            let speed = filter.speed(of: frames.map(\.view))
            return [Measured(width: first.width, height: first.height, threads: threads, speed: speed)]
        }
        return try [(1280, 720), (1920, 1080)].map { width, height in
            let speed = try FilterSpeed.measure(width: width, height: height, team: threads, frames: frames)
            return Measured(width: width, height: height, threads: threads, speed: speed)
        }
    }

    private func show(_ all: [Measured]) throws {
        guard !json else {
            return try printJSON(all.map { m in
                [
                    "width": m.width, "height": m.height, "threads": m.threads, "find_ms": m.speed.find, "transfer_ms": m.speed.transfer,
                    "composite_ms": m.speed.composite, "fps": m.speed.framesPerSecond, "instruction_set": InstructionSet.current.description,
                ] as [String: Any]
            })
        }
        print("\(InstructionSet.current.description), \(ProcessInfo.processInfo.activeProcessorCount) cores")
        for m in all {
            let steps = [("finding and parsing", m.speed.find), ("the transfer", m.speed.transfer), ("compositing", m.speed.composite)]
            let slowest = steps.max { $0.1 < $1.1 }!
            let share = m.threads == 1 ? String(format: ", %.2f cores at 30 fps", m.speed.milliseconds * 30 / 1000) : ""
            print(
                String(
                    format: "%dx%d, %d thread%@: %.0f fps%@; find and parse %.1f ms, transfer %.1f ms, composite %.1f ms (%@ limits)", m.width,
                    m.height, m.threads, m.threads == 1 ? "" : "s", m.speed.framesPerSecond, share, m.speed.find, m.speed.transfer,
                    m.speed.composite, slowest.0))
        }
    }

    private func show(_ all: [(threads: Int, speeds: [NetworkSpeed])]) throws {
        guard !json else {
            let rows: [[String: Any]] = all.flatMap { threads, speeds in
                speeds.map { ["network": $0.name, "threads": threads, "ms": $0.milliseconds] }
            }
            return try printJSON(rows)
        }
        print("\(InstructionSet.current.description), \(ProcessInfo.processInfo.activeProcessorCount) cores; medians")
        for (threads, speeds) in all {
            for speed in speeds { print(String(format: "%@, %d thread%@: %.2f ms", speed.name, threads, threads == 1 ? "" : "s", speed.milliseconds)) }
        }
    }

    private func show(_ steps: [StepSpeed], peak: Double) throws {
        guard !json else {
            return try printJSON(steps.map { s in
                [
                    "network": s.network, "step": s.step, "shape": s.shape, "share": s.share, "ms": s.milliseconds, "gmac": s.work, "peak_gmac_per_s": peak,
                ] as [String: Any]
            })
        }
        print(String(format: "%@, 1 thread; the multipliers do %.0f GMAC/s", InstructionSet.current.description, peak))
        func line(_ name: String, _ ms: Double, _ work: Double, _ shape: String) {
            let rate = work / ms * 1000
            print(String(format: "%-48@ %6.2f ms  ", name as NSString, ms) + (work > 0 ? String(format: "%4.0f GMAC/s %3.0f %%  %@", rate, 100 * rate / peak, shape) : shape))
        }
        for network in ["FaceDetector", "FaceMesh", "SSAT live"] {
            let own = steps.filter { $0.network == network }, convolutions = own.filter { $0.work > 0 }
            for s in own { line("\(network) \(s.step)", s.milliseconds, s.work, s.shape + (s.share < 1 ? String(format: ", %.0f %% of it", 100 * s.share) : "")) }
            func sum(_ name: String, _ some: [StepSpeed]) {
                line("\(network), \(name)", some.reduce(0) { $0 + $1.milliseconds }, some.reduce(0) { $0 + $1.work }, "")
            }
            sum("3x3 convolutions", convolutions.filter { $0.kernel == 3 })
            sum("all convolutions", convolutions)
            line("\(network), everything", own.reduce(0) { $0 + $1.milliseconds }, 0, "")
        }
    }

    private func printJSON(_ value: [[String: Any]]) throws {
        let data = try JSONSerialization.data(withJSONObject: value, options: [.prettyPrinted, .sortedKeys])
        print(String(decoding: data, as: UTF8.self))
    }
}
