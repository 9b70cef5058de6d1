import Foundation
import SSATCore
import Testing

/// Light from one side is taken off a reference, in part; what is alike on both sides stays.
@Suite struct SideLightTests {
    private func takenOff(_ colour: (SIMD2<Float>) -> SIMD3<Float>) throws -> (before: [UInt8], after: [UInt8]) {
        let face = PlainFace(colour)
        var fit = LeastSquares(), crop = face.crop
        let frame = try #require(MeshFrame(uv: face.uv, fit: &fit))
        try #require(SideLight(average: face.average, classes: face.classes, frame: frame, fit: &fit)).takeOff(&crop)
        return (face.crop, crop)
    }

    /// Logarithm of the right cheek over the left one, of a channel.
    private func slant(_ crop: [UInt8], _ channel: Int) -> Float {
        log(Float(crop[(128 * 256 + 180) * 3 + channel]) / Float(crop[(128 * 256 + 76) * 3 + channel]))
    }

    @Test func aLitSideComesNearerToTheOther() throws {
        let (before, after) = try takenOff { SIMD3(repeating: 0.8 * exp(0.3 * $0.x) - 1) }
        for channel in 0..<3 {
            let ratio = slant(after, channel) / slant(before, channel)
            #expect(ratio > 0.3 && ratio < 0.55, "\(ratio)")
        }
    }

    @Test func itsColourToo() throws {
        let (before, after) = try takenOff { SIMD3(0.8 * exp(0.3 * $0.x) - 1, -0.2, 0.8 * exp(-0.3 * $0.x) - 1) }
        #expect(slant(after, 0) < 0.55 * slant(before, 0) && slant(after, 2) > 0.55 * slant(before, 2))
        #expect(abs(slant(after, 1)) < 0.02)
    }

    @Test func blushOnBothCheeksStays() throws {
        let (before, after) = try takenOff { SIMD3(0.1 + 0.4 * $0.x * $0.x, -0.1 + 0.1 * $0.y, -0.2) }
        #expect(zip(before, after).allSatisfy { abs(Int($0) - Int($1)) <= 2 })
    }

    /// However strong it is: a face that is black on one side holds nothing to bring up.
    @Test func atMostSoMuch() throws {
        let (before, after) = try takenOff { SIMD3(repeating: ($0.x > 0 ? 0.9 : 0.02) - 1) }
        for (a, b) in zip(before, after) where a > 20 {
            #expect(Float(b) / Float(a) > 0.7 && Float(b) / Float(a) < 1.45)
        }
    }
}
