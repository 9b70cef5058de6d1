import ArgumentParser
import Foundation
import SSATCore
import Video

struct LookCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "look", abstract: "Makes and shows .look files: a reference's makeup without its photo.",
        subcommands: [Create.self, Show.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a .look file from a photo.")
        @Argument(help: "A photo with one face.") var photo: String
        @Option(name: .shortAndLong, help: "The .look file to write.") var output: String
        @Flag(name: .customShort("y"), help: "Overwrite the output.") var overwrite = false

        func run() throws {
            try reporting {
                if !overwrite, FileManager.default.fileExists(atPath: output) {
                    say("\(output): exists already; use -y to overwrite it")
                    throw ExitCode(Exit.usage.rawValue)
                }
                let name = URL(fileURLWithPath: photo).deletingPathExtension().lastPathComponent
                try loadLook(photo, precision: .int8).write(toFile: output, name: name)
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Says what a .look file holds, as JSON.")
        @Argument(help: "A .look file.") var look: String

        func run() throws {
            try reporting {
                let look = try Look(contentsOfFile: look)
                let skin = look.skinHex
                print("{\"positions\":\(look.positionCount),\"skin\":\"\(skin)\"}")
            }
        }
    }
}
