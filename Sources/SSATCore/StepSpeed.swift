import CKernels
import Foundation

/// What the steps of the networks take on this machine, on one thread, and what the convolutions reach of what its multipliers can do.
public struct StepSpeed: Sendable {
    public let network, step: String
    /// "3x3, 64 -> 48 at 64x64", without the padding of channels; empty where it is no convolution.
    public let shape: String
    public let kernel: Int
    /// Share of the map that is computed for a face, 0...1.
    public let share: Double
    /// Median.
    public let milliseconds: Double
    /// 1e9 multiply-accumulates, padding of channels included; 0 where it is no convolution.
    public let work: Double
    /// 1e9 multiply-accumulates a second that this processor does with everything in registers: the best of several tries.
    public static func peak(_ instructionSet: InstructionSet = .current) -> Double {
        guard let kernels = instructionSet.kernels else { return 0 }
        return (0..<12).map { _ in
            let began = Date()
            let count = kernels.pointee.exercise(400_000)
            return Double(count) / Date().timeIntervalSince(began) / 1e9
        }.max()!
    }

    /// Every step of the networks, as a frame with one face needs them.
    /// - Throws: `SafetensorsError` when the built-in weights are damaged.
    public static func measure(positions: Int = 1400, rounds: Int = 41) throws -> [StepSpeed] {
        let face = InventedCrop(positions: positions)
        let detector = try FaceDetector(weights: Models.faceDetector(.int8), precision: .int8)
        let mesh = try FaceMesh(weights: Models.faceMesh(.int8), precision: .int8)
        let refiner = try MeshRefiner(weights: Models.meshRefiner(.int8), precision: .int8)
        let ssat = try SSAT(weights: Models.ssatLive(.int8), precision: .int8)
        ssat.encode(crop: face.crop, classes: face.parsing, uv: face.uvFeatures, for: face.weight, eyes: EyeRows(uv: face.uv))
        return detector.network.time("FaceDetector", nil, rounds) + mesh.network.time("FaceMesh", nil, rounds)
            + refiner.networks.flatMap { $0.network.time($0.name, nil, rounds) } + ssat.network.time("SSAT live", [ssat.encoding, ssat.decoding], rounds)
    }
}

/// A crop for measuring: a face as an ellipse, 1.4 times as high as wide, of about so many cells of skin, with noise for a picture. Every
/// cell has a place of its own on the mesh, so that it finds its own in the reference, as in a real face.
struct InventedCrop {
    let crop: [UInt8], parsing: [UInt8], weight: [Float]
    var uvFeatures = [Float](repeating: 0, count: 64 * 64 * 13)
    /// Where its cells lie on the mesh; negative outside.
    let uv: [SIMD2<Float>]

    init(positions: Int) {
        var random = SystemRandomNumberGenerator()
        crop = (0..<256 * 256 * 3).map { _ in .random(in: 90...160, using: &random) }
        let places = (0..<64 * 64).map { (cell: Int) -> SIMD2<Float> in SIMD2(Float(cell % 64), Float(cell / 64)) / 63 }
        for cell in 0..<64 * 64 { MeshRasterizer.writeFeatures(of: places[cell], &uvFeatures[cell * 13]) }
        let across = (Double(positions) / (.pi * 1.4)).squareRoot()
        parsing = (0..<256 * 256).map { pixel in
            let x = (Double(pixel % 256 / 4) - 31.5) / across, y = (Double(pixel / 1024) - 31.5) / (1.4 * across)
            return (x * x + y * y < 1 ? FaceClass.skin : .background).rawValue
        }
        let weights: [Float] = parsing.map { $0 == FaceClass.skin.rawValue ? 1 : 0 }
        weight = weights
        uv = places.indices.map { weights[$0 / 64 * 1024 + $0 % 64 * 4] > 0 ? places[$0] : SIMD2(-1, -1) }
    }
}
