import Foundation

/// What each network takes of a frame on this machine.
public struct NetworkSpeed: Sendable {
    public let name: String
    /// Medians.
    public let milliseconds: Double

    /// Every network for about `seconds`.
    /// - Parameter positions: face positions of the 64x64 grid, in the frame and in the reference.
    /// - Throws: `SafetensorsError` when the built-in weights are damaged.
    public static func measure(team count: Int, seconds: Double = 1, positions: Int = 1400) throws -> [NetworkSpeed] {
        let team = count > 1 ? WorkerTeam(count: count) : nil
        let detector = try FaceDetector(weights: Models.faceDetector(.int8), precision: .int8)
        let mesh = try FaceMesh(weights: Models.faceMesh(.int8), precision: .int8)
        let refiner = try MeshRefiner(weights: Models.meshRefiner(.int8), precision: .int8)
        let ssat = try SSAT(weights: Models.ssatLive(.int8), precision: .int8)
        (detector.team, mesh.team, refiner.team, ssat.team) = (team, team, team, team)
        let large = [UInt8](repeating: 120, count: 320 * 320 * 3), face = InventedCrop(positions: positions)
        let (crop, parsing, features, weight) = (face.crop, face.parsing, face.uvFeatures, face.weight)
        var faces: [Detection] = [], change = [Float](repeating: 0, count: 256 * 256 * 3)
        var landmarks = mesh.landmarks
        ssat.encode(crop: crop, classes: parsing, uv: features)
        let look = ssat.makeLook()
        return [
            NetworkSpeed(name: "FaceDetector", milliseconds: median(seconds) { detector.run(large, into: &faces) }),
            NetworkSpeed(name: "FaceMesh", milliseconds: median(seconds) { mesh.run(crop) }),
            NetworkSpeed(
                name: "MeshRefiner", milliseconds: median(seconds) { refiner.refine(&landmarks, seen: mesh.landmarks, crop: crop) }),
            NetworkSpeed(
                name: "SSAT live",
                milliseconds: median(seconds) {
                    ssat.encode(crop: crop, classes: parsing, uv: features, for: weight)
                    ssat.transfer(look, on: FaceColours(), uv: face.uv, weight: weight, change: &change)
                }),
            NetworkSpeed(
                name: "SSAT live, residual around the eyes only",
                milliseconds: median(seconds) {
                    ssat.encode(crop: crop, classes: parsing, uv: features, for: weight, eyes: EyeRows(uv: face.uv))
                    ssat.transfer(look, on: FaceColours(), uv: face.uv, weight: weight, change: &change)
                }),
            NetworkSpeed(name: "SSAT live, encoders", milliseconds: median(seconds) { ssat.encode(crop: crop, classes: parsing, uv: features, for: weight) }),
        ]
    }

    private static func median(_ seconds: Double, _ body: () -> Void) -> Double {
        body()
        var times: [Double] = []
        let end = Date() + seconds
        while times.count < 3 || Date() < end {
            let began = Date()
            body()
            times.append(Date().timeIntervalSince(began) * 1000)
        }
        return times.sorted()[times.count / 2]
    }
}
