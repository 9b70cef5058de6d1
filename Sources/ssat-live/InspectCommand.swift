import ArgumentParser
import Foundation
import SSATCore
import Video

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Says what the networks see in the first frame, as JSON on standard output.")

    @Argument(help: "Video or picture.") var input: String

    func run() throws {
        try reporting {
            let frame = try FrameReader.first(Demuxer(path: input))
            let filter = try MakeupFilter(look: nil)
            let analysis = filter.analyze(frame.view, time: 0)
            let landmarks = analysis.landmarks, presence = analysis.presence
            let faces = analysis.trackIDs.enumerated().map { index, id -> [String: Any] in
                [
                    "id": id, "presence": Double(presence[index]),
                    "landmarks": landmarks[index].map { [Double(($0.x * 100).rounded()) / 100, Double(($0.y * 100).rounded()) / 100] },
                ]
            }
            let value: [String: Any] = ["width": frame.width, "height": frame.height, "faces": faces]
            let data = try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys])
            FileHandle.standardOutput.write(data + Data("\n".utf8))
        }
    }
}
