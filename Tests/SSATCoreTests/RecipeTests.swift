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

    /// The mesh has holes for the eyes and the mouth. The cells along them, lids and lips, were once taken for the edge of the face, and
    /// wore half the makeup.
    @Test func lidsAndLipsAreInsideTheFace() throws {
        let file = try Models.canonicalMesh(), mesh = try CanonicalMesh(file), view = FaceView()
        let rasterizer = MeshRasterizer(mesh: mesh)
        // The UV plane as the crop, a little smaller than it.
        let landmarks = mesh.uv.map { $0 * 200 + 28 }
        rasterizer.rasterize(landmarks)
        view.uv.withUnsafeMutableBufferPointer { rasterizer.writeClosed($0.baseAddress!) }
        for i in view.parsing.indices { view.parsing[i] = FaceClass.skin.rawValue }
        var weight = [Float](repeating: 0, count: 256 * 256), scratch = weight
        Recipe().weigh(view, try FaceZones(file), into: &weight, scratch: &scratch)
        // Lids of the right eye, corners of both, upper and lower lip, the forehead's middle.
        for landmark in [159, 145, 33, 133, 263, 362, 386, 374, 0, 17, 13, 14, 61, 291, 151] {
            let p = landmarks[landmark]
            #expect(weight[Int(p.y) * 256 + Int(p.x)] == 1, "landmark \(landmark)")
        }
        let holes = rasterizer.uv.indices.count { rasterizer.uv[$0].x < 0 && view.uv[$0].x >= 0 }
        #expect(holes > 10, "what the test is about")
    }

    /// Softening once halved the makeup of the pixels beside an eye.
    @Test func theEdgeOfALidIsFullAndTheEyeBareButForItsRim() throws {
        let view = FaceView(), eye = 100..<130
        for cell in 0..<64 * 64 { view.uv[cell] = SIMD2(0.5, 0.4) }
        for i in view.parsing.indices {
            view.parsing[i] = (eye.contains(i % 256) && eye.contains(i / 256) ? FaceClass.eye : .skin).rawValue
        }
        var weight = [Float](repeating: 0, count: 256 * 256), scratch = weight
        Recipe().weigh(view, try FaceZones(Models.canonicalMesh()), into: &weight, scratch: &scratch)
        for at in 90..<140 {
            #expect(weight[110 * 256 + at] == (eye.contains(at) ? 0 : 1), "column \(at)")
            #expect(weight[at * 256 + 110] == (at == 100 || at == 129 ? 0.5 : eye.contains(at) ? 0 : 1), "row \(at)")
        }
    }
}
