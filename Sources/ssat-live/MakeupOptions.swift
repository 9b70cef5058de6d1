import ArgumentParser
import SSATCore

/// Options shared by every command that puts makeup on.
struct MakeupOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The reference: a photo with one face, or a .look file.")
    var reference: String

    @Option(help: "How strong the makeup is, 0 to 1.") var strength: Float = 1
    @Option(help: "Strength on the lips, 0 to 1.") var lips: Float = 1
    @Option(help: "Strength around the eyes, 0 to 1.") var eyes: Float = 1
    @Option(help: "Strength on the skin, 0 to 1.") var skin: Float = 1
    @Option(help: "Strength on the brows, 0 to 1.") var brows: Float = 1
    @Option(help: "How much of the reference's skin tone comes along, 0 to 1.") var tone: Float = 0
    @Option(help: "Which faces: all, primary, or a number.") var faces = "all"
    @Flag(help: "Predicts every frame anew, however little a face moves.") var noReuse = false
    @Option(help: "int8 or f32.") var precision: Precision = .int8

    func validate() throws {
        for (name, value) in [("strength", strength), ("lips", lips), ("eyes", eyes), ("skin", skin), ("brows", brows), ("tone", tone)]
        where !(0...1).contains(value) {
            throw ValidationError("--\(name) must lie between 0 and 1")
        }
        _ = try policy
    }

    var policy: FacePolicy {
        get throws {
            switch faces {
            case "all": return .all
            case "primary": return .primary
            default:
                guard let count = Int(faces), count > 0 else { throw ValidationError("--faces must be all, primary, or a number") }
                return .atMost(count)
            }
        }
    }

    var recipe: Recipe {
        var r = Recipe()
        (r.strength, r.lips, r.eyes, r.skin, r.brows, r.tone) = (strength, lips, eyes, skin, brows, tone)
        return r
    }
}

extension Precision: ExpressibleByArgument {}
extension LostPolicy: ExpressibleByArgument {}
