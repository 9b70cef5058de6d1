import ArgumentParser
import Foundation
import SSATCore
import Video

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what the networks see in one frame: JSON on standard output, pictures in a folder.")

    @Argument(help: "Video or picture.") var input: String
    @Option(name: .shortAndLong, help: "The reference, for the picture of the correspondence: a photo or a .look file.")
    var reference: String?
    @Option(name: .shortAndLong, help: "Folder for landmarks.png, parsing.png and correspondence.png; made if missing.")
    var output: String?
    @Option(help: "Seconds from the beginning.") var at = 0.0

    func run() throws {
        try reporting {
            let frame = try FrameReader.first(Demuxer(path: input), at: at)
            let look = try reference.map { try loadLook($0, precision: .int8) }
            let filter = try MakeupFilter(look: look)
            let analysis = filter.analyze(frame.view, time: 0)
            if let output { try writePictures(frame, filter, analysis, output) }
            let value: [String: Any] = ["width": frame.width, "height": frame.height, "faces": describe(analysis)]
            let data = try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys])
            FileHandle.standardOutput.write(data + Data("\n".utf8))
        }
    }

    private func describe(_ analysis: MakeupFilter.Analysis) -> [[String: Any]] {
        let crops = analysis.crops.map(\.toFrame)
        let landmarks = analysis.landmarks, presence = analysis.presence, shares = analysis.classShares, boxes = analysis.boxes
        return analysis.trackIDs.enumerated().map { index, id in
            let names = FaceClass.allCases.map { "\($0)" }
            return [
                "id": id, "presence": rounded(presence[index]),
                "box": [boxes[index].low.x, boxes[index].low.y, boxes[index].high.x, boxes[index].high.y].map(rounded),
                // Crop pixel (x, y) lies at (a x - b y + c, b x + a y + d) of the frame.
                "crop_to_frame": [crops[index].a, crops[index].b, crops[index].tx, crops[index].ty].map(Double.init),
                "agreement": rounded(analysis.agreements[index]),
                "parsing": Dictionary(uniqueKeysWithValues: zip(names, shares[index].map(rounded))),
                "landmarks": landmarks[index].map { [rounded($0.x), rounded($0.y)] },
            ]
        }
    }

    private func rounded(_ value: Float) -> Double { (Double(value) * 1000).rounded() / 1000 }

    private func writePictures(_ frame: Frame, _ filter: MakeupFilter, _ analysis: MakeupFilter.Analysis, _ folder: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw VideoError.unwritable(folder, "the folder cannot be made; check the path and its permissions")
        }
        var whole = try Picture(frame)
        let radius = max(frame.width, frame.height) / 1000
        for face in analysis.landmarks {
            for p in face { whole.dot(x: Int(p.x.rounded()), y: Int(p.y.rounded()), radius: radius, colour: (60, 255, 90)) }
        }
        try whole.write(png: folder + "/landmarks.png")
        let crops = analysis.crops
        guard !crops.isEmpty else { return }
        try sideBySide(crops.map(\.rgb), crops.map { coloured($0.parsing) }).write(png: folder + "/parsing.png")
        let warped = filter.correspondencePictures(analysis)
        if !warped.isEmpty { try sideBySide(crops.map(\.rgb), warped).write(png: folder + "/correspondence.png") }
    }

    /// One row per face: its crop, and what was seen in it.
    private func sideBySide(_ left: [[UInt8]], _ right: [[UInt8]]) -> Picture {
        var sheet = Picture(width: 512, height: 256 * left.count)
        for row in left.indices {
            sheet.paste(Picture(width: 256, height: 256, rgb: left[row]), x: 0, y: row * 256)
            sheet.paste(Picture(width: 256, height: 256, rgb: right[row]), x: 256, y: row * 256)
        }
        return sheet
    }

    private func coloured(_ parsing: [UInt8]) -> [UInt8] {
        // Background, skin, nose, eye, brow, ear or neck, hair, upper lip, lower lip, inner mouth, cover.
        let palette: [[UInt8]] = [
            [0, 0, 0], [230, 190, 160], [255, 140, 90], [70, 160, 255], [110, 60, 20], [190, 150, 120], [90, 90, 90], [255, 60, 90],
            [190, 20, 60], [255, 255, 255], [160, 70, 230],
        ]
        return parsing.flatMap { palette[Int($0)] }
    }
}
