import SSATCore
import Testing

@Suite struct RecipeTests {
    /// Fingers before the mouth were taken for lips once, and wore lipstick down to the wrist.
    @Test func lipstickStaysOnTheLipsOfTheMesh() throws {
        let file = try Models.canonicalMesh(), mesh = try CanonicalMesh(file)
        // The UV plane itself as the crop, and everything in it seen as lips.
        let view = FaceView()
        for cell in 0..<64 * 64 { view.uv[cell] = SIMD2(Float(cell % 64), Float(cell / 64)) / 63 }
        for i in view.parsing.indices { view.parsing[i] = FaceClass.lowerLip.rawValue }
        var weight = [Float](repeating: 0, count: 256 * 256), scratch = weight
        Recipe().weigh(view, try FaceZones(file), into: &weight, scratch: &scratch)
        func at(_ landmark: Int) -> Float {
            let p = mesh.uv[landmark]
            return weight[Int(p.y * 255) * 256 + Int(p.x * 255)]
        }
        for onLips in [0, 17, 61, 291, 37, 267, 84, 314] { #expect(at(onLips) > 0.9, "landmark \(onLips)") }
        for elsewhere in [152, 4, 205, 425, 200, 32, 262] { #expect(at(elsewhere) == 0, "landmark \(elsewhere)") }
    }
}
