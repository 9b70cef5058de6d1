import ArgumentParser
import Foundation

@main
struct SSATLiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssat-live",
        abstract: "Puts the makeup of a reference photo onto the faces of a video.",
        version: "0.1.0",
        subcommands: [ApplyCommand.self, WebcamCommand.self, ControlCommand.self, LookCommand.self, InspectCommand.self, BenchCommand.self, DoctorCommand.self])
}
