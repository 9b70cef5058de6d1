import ArgumentParser
import Foundation
import SSATCore
import Video

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Times the filter on a frame held in memory.")

    @Argument(help: "A clip with a face.") var input: String
    @Option(name: .shortAndLong, help: "The reference: a photo or a .look file.") var reference: String
    @Option(help: "Threads that share the frame, as in webcam.") var threads = 1
    @Option(help: "How many times the first frame is filtered.") var frames = 60

    func run() throws {
        try reporting {
            let look = try loadLook(reference, precision: .int8)
            let frame = try FrameReader.first(Demuxer(path: input))
            try frame.makeWritable()
            let filter = try MakeupFilter(look: look, team: threads)
            var stages = [0.0, 0.0, 0.0]
            for index in 0..<(frames + 5) {
                let t0 = Date()
                let analysis = filter.analyze(frame.view, time: Double(index) / 30)
                let t1 = Date()
                filter.transfer(analysis)
                let t2 = Date()
                filter.finish(frame.view, analysis)
                let t3 = Date()
                guard index >= 5 else { continue }
                for (i, d) in [t1.timeIntervalSince(t0), t2.timeIntervalSince(t1), t3.timeIntervalSince(t2)].enumerated() { stages[i] += d }
            }
            let ms = stages.map { $0 / Double(frames) * 1000 }
            print(
                String(
                    format: "%@: %dx%d: find and parse %.1f ms, transfer %.1f ms, composite %.1f ms: %.0f frames per second, threads: %d",
                    InstructionSet.current.description, frame.width, frame.height, ms[0], ms[1], ms[2], 1000 / ms.reduce(0, +), threads))
        }
    }
}
