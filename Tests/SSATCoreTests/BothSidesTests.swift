import SSATCore
import Testing

/// Paint that two sides tell of: here a texel each.
@Suite struct BothSidesTests {
    private func told(_ paint: [SIMD4<Float>], seen: [Float]) -> [SIMD4<Float>] {
        let values = BothSides.paint(paint.flatMap { p in (0..<4).map { p[$0] } }, seen: seen) { 1 - $0 }
        return [0, 4].map { SIMD4(values[$0], values[$0 + 1], values[$0 + 2], values[$0 + 3]) }
    }

    private let shadow = SIMD4<Float>(0.6, 0.3, 0.2, 0.1), another = SIMD4<Float>(0.65, 0.35, 0.15, 0.1), star = SIMD4<Float>(0, 0, 0, 0)

    @Test func alikeSidesBecomeMoreAlike() {
        let made = told([shadow, another], seen: [1, 1]), share: Float = (1 - 0.05 / 0.25) / 2
        for k in 0..<4 {
            #expect(abs(made[0][k] - (shadow[k] + share * (another[k] - shadow[k]))) < 1e-6)
            #expect(abs(made[1][k] - (another[k] + share * (shadow[k] - another[k]))) < 1e-6)
        }
        #expect(told([shadow, shadow], seen: [1, 1]) == [shadow, shadow])
    }

    @Test func sidesThatDifferStay() { #expect(told([shadow, star], seen: [1, 1]) == [shadow, star]) }

    @Test func aHiddenSideIsLikeTheOther() {
        #expect(told([star, shadow], seen: [0, 1]) == [shadow, shadow])
        #expect(told([star, shadow], seen: [0, 0]) == [star, shadow])
        #expect(told([star, shadow], seen: [1, 0]) == [star, star])
    }

    /// The other place of a texel is the same column from the other side, and the other eye's.
    @Test func placesAreMirrored() {
        for texel in [0, 63, 64 * 20 + 5, 64 * 64 - 1] {
            let here = FaceTexture.place(of: texel), there = FaceTexture.place(of: FaceTexture.mirrored(texel))
            #expect(abs(here.x + there.x - 1) < 1e-6 && here.y == there.y)
        }
        for texel in [0, 1000, EyeTexture.texelsOfEye, EyeTexture.count - 1] {
            let here = EyeTexture.place(of: texel), there = EyeTexture.place(of: EyeTexture.mirrored(texel))
            #expect(abs(here.x + there.x - 1) < 1e-6 && here.y == there.y)
        }
    }
}
