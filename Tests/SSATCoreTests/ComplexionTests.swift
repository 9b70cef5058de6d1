import SSATCore
import Testing

/// The skin of a face as `--tone` takes it along.
@Suite struct ComplexionTests {
    private func measure(_ colour: (SIMD2<Float>) -> SIMD3<Float>, shows: (SIMD2<Float>) -> Bool = { _ in true }) throws -> (Complexion, MeshFrame) {
        let face = PlainFace(colour, shows: shows)
        var fit = LeastSquares()
        let frame = try #require(MeshFrame(uv: face.uv, fit: &fit))
        return (try #require(Complexion.measure(average: face.average, classes: face.classes, frame: frame, fit: &fit)), frame)
    }

    @Test func theFrameIsThatOfTheMesh() throws {
        let (_, frame) = try measure { _ in .zero }
        let place = frame.place(cell: 20 * 64 + 40)  // x = 0.25, y = -0.375
        #expect(abs(place.x - 0.3) < 1e-4 && abs(place.y + 0.55) < 1e-4, "\(place)")
    }

    /// A dark forehead and a reddish rim are the reference's; what differs from left to right is light.
    @Test func heightAndRimComeAlongSideLightDoesNot() throws {
        let (skin, _) = try measure { SIMD3(0.2 + 0.3 * $0.y, 0.1 + 0.2 * $0.x * $0.x, -0.1 + 0.5 * $0.x) }
        for place in [SIMD2<Float>(0, -0.7), SIMD2(0.5, 0), SIMD2(-0.5, 0), SIMD2(0.3, 0.6)] {
            let seen = skin.colour(at: place)
            let wanted = SIMD3(0.2 + 0.3 * place.y, 0.1 + 0.2 * place.x * place.x, -0.1)
            #expect(((seen - wanted) * (seen - wanted)).sum() < 0.0004, "\(place): \(seen), not \(wanted)")
        }
    }

    /// What hair hides of one face is as the last that is seen, on both: nothing is guessed.
    @Test func whatOneFaceHidesIsAsAtItsEdge() throws {
        let (whole, _) = try measure { SIMD3(0.4 * $0.y, 0, 0) }
        let (low, _) = try measure({ _ in SIMD3(repeating: 0.3) }, shows: { $0.y > -0.1 })
        let apart = whole - low, hidden = apart.colour(at: SIMD2(0, -0.9)), edge = apart.colour(at: SIMD2(0, -0.2))
        #expect(abs(hidden.x - edge.x) < 0.03 && hidden.x + 0.3 > -0.12, "\(hidden), \(edge)")
        #expect(abs(low.colour(at: SIMD2(0, -0.9)).x - 0.3) < 0.01)
    }

    @Test func aFaceWithoutSkinHasNone() {
        var fit = LeastSquares()
        #expect(MeshFrame(uv: [SIMD2<Float>](repeating: SIMD2(-1, -1), count: 64 * 64), fit: &fit) == nil)
        #expect(fit.solve(ridge: .zero) == nil)
    }
}
