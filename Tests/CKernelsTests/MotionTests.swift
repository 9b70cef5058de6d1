import CKernels
import Foundation
import TestSupport
import Testing

@Suite struct MotionTests {
    /// Soft blobs of every size, as a face has, at (x, y) of half a crop.
    private static func texture(_ x: Float, _ y: Float) -> Float {
        128 + 30 * sin(x * 0.31 + 0.5 * sin(y * 0.2)) + 25 * sin(y * 0.27 + 0.3) + 8 * sin(0.6 * x + 0.4 * y)
    }

    private static func luma(_ at: (Float, Float) -> Float) -> [Float] { (0..<128 * 128).map { at(Float($0 % 128), Float($0 / 128)) } }

    private static func refined(
        _ now: [Float], _ before: [Float], from start: (Float, Float), first: [Int16] = .init(repeating: 0, count: 64),
        end: [Int16] = .init(repeating: 64, count: 64)
    ) -> [Float] {
        let back = Guarded<Float>(64 * 64 * 2) { $0 % 2 == 0 ? start.0 : start.1 }, scratch = Guarded<Float>(Int(SSAT_REFINE_SCRATCH)) { _ in 7 }
        ssat_refine_motion(now, before, first, end, back.base, scratch.base)
        #expect(back.intact && scratch.intact)
        return back.values
    }

    /// A picture that has moved, under more light, from what the landmarks thought: the motion is found to a quarter of a pixel.
    @Test(arguments: [(1.3, -0.7), (-1.6, 0.9), (0, 0)] as [(Float, Float)]) func findsAShift(shift: (x: Float, y: Float)) {
        let now = Self.luma(Self.texture), before = Self.luma { Self.texture($0 - shift.x, $1 - shift.y) + 20 }
        let back = Self.refined(now, before, from: (0.1, -0.1))
        // Cells are two of these pixels; those at the edge see less.
        let inner = (0..<64 * 64).filter { (4..<60).contains($0 % 64) && (4..<60).contains($0 / 64) }
        let wrong = inner.filter { abs(2 * back[2 * $0] - shift.x) > 0.25 || abs(2 * back[2 * $0 + 1] - shift.y) > 0.25 }
        #expect(wrong.count < inner.count / 10)
    }

    /// Only what is asked for is corrected, with a patch's width around it; there it is found as well as everywhere.
    @Test func correctsWhatIsWanted() {
        let now = Self.luma(Self.texture), before = Self.luma { Self.texture($0 - 1.3, $1 + 0.7) }
        let rows = 20..<40, first = (0..<64).map { Int16(rows.contains($0) ? 24 : 0) }, end = (0..<64).map { Int16(rows.contains($0) ? 45 : 0) }
        let part = Self.refined(now, before, from: (0, 0), first: first, end: end)
        for cell in 0..<64 * 64 {
            let (x, y) = (cell % 64, cell / 64), found = (part[2 * cell], part[2 * cell + 1])
            if !(20..<49).contains(x) || !(16..<44).contains(y) { #expect(found == (0, 0)) }
            if (26..<43).contains(x), (22..<38).contains(y) { #expect(abs(2 * found.0 - 1.3) < 0.25 && abs(2 * found.1 + 0.7) < 0.25) }
        }
        let nothing = [Int16](repeating: 0, count: 64)
        #expect(Self.refined(now, before, from: (0.5, 0), first: nothing, end: nothing).enumerated().allSatisfy { $1 == ($0 % 2 == 0 ? 0.5 : 0) })
    }

    /// Nothing to see, nothing to correct; noise alone moves nothing far.
    @Test func leavesTheFlatAlone() {
        let flat = [Float](repeating: 90, count: 128 * 128)
        #expect(Self.refined(flat, flat, from: (0.5, -0.25)).enumerated().allSatisfy { abs($1 - ($0 % 2 == 0 ? 0.5 : -0.25)) < 1e-5 })
        var random = Seeded(state: 5)
        let noisy = (0..<2).map { _ in flat.map { $0 + Float.random(in: -1...1, using: &random) } }
        #expect(Self.refined(noisy[0], noisy[1], from: (0, 0)).allSatisfy { abs($0) < 0.25 })
    }

    @Test func halvesLuma() {
        var random = Seeded(state: 6)
        let rgb = (0..<256 * 256 * 3).map { _ in UInt8.random(in: 0...255, using: &random) }
        let luma = Guarded<Float>(128 * 128) { _ in -1 }
        ssat_halve_luma(rgb, luma.base)
        #expect(luma.intact)
        for i in 0..<128 * 128 {
            var sum: Float = 0
            for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let at = ((i / 128 * 2 + y) * 256 + i % 128 * 2 + x) * 3
                sum += 0.299 * Float(rgb[at]) + 0.587 * Float(rgb[at + 1]) + 0.114 * Float(rgb[at + 2])
            }
            #expect(abs(luma.values[i] - sum / 4) < 0.5)
        }
    }

    /// Every cell takes the labels of where it was, to the pixel; what was beyond the edge is that of the edge.
    @Test func movesLabels() {
        var random = Seeded(state: 7)
        let labels = (0..<256 * 256).map { _ in UInt8.random(in: 0...10, using: &random) }
        let back = (0..<64 * 64 * 2).map { _ in Float.random(in: -9...9, using: &random) }
        let output = Guarded<UInt8>(256 * 256) { _ in 99 }
        ssat_move_labels(labels, back, output.base)
        #expect(output.intact)
        for i in 0..<256 * 256 {
            let x = i % 256 / 4 * 4, y = i / 1024 * 4, cell = y / 4 * 64 + x / 4
            let u = max(0, min(252, (Float(x) + 4 * back[2 * cell]).rounded())), v = max(0, min(252, (Float(y) + 4 * back[2 * cell + 1]).rounded()))
            #expect(output.values[i] == labels[(Int(v) + i / 256 - y) * 256 + Int(u) + i % 256 - x])
        }
    }
}
