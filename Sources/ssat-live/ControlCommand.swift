import ArgumentParser
import Foundation

struct ControlCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control", abstract: "Changes what a running 'webcam' does; without options, tells its state.")

    @Option(help: "Another reference: a photo with one face, or a .look file.") var look: String?
    @Flag(help: "The next of the references that webcam was given.") var next = false
    @Option(help: "How strong the makeup is, 0 to 1.") var strength: Float?
    @Option(help: "Strength on the lips.") var lips: Float?
    @Option(help: "Strength around the eyes.") var eyes: Float?
    @Option(help: "Strength on the skin.") var skin: Float?
    @Option(help: "Strength on the brows.") var brows: Float?
    @Option(help: "How much of the reference's skin tone comes along.") var tone: Float?
    @Flag(inversion: .prefixedNo, help: "Show the placeholder, whatever the camera sees.") var privacy: Bool?
    @Flag(help: "With --faces primary: the largest face is the primary one from now on.") var primary = false
    @Option(help: "The program's socket, as given to webcam --control.") var socket: String = ControlSocket.defaultPath

    func run() throws {
        try reporting {
            // The other program has a folder of its own.
            let path = look.map { URL(fileURLWithPath: $0).path }
            let request = ControlRequest(
                look: path, strength: strength, lips: lips, eyes: eyes, skin: skin, brows: brows, tone: tone, privacy: privacy,
                next: next ? true : nil, primary: primary ? true : nil)
            let line = String(decoding: try JSONEncoder().encode(request), as: UTF8.self)
            let answer = try ControlSocket.ask(socket, line)
            let values = try? JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
            if let error = values?["error"] as? String {
                say(error)
                throw ExitCode(Exit.unreadableInput.rawValue)
            }
            print(answer)
        }
    }
}
