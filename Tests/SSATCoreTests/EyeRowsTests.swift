import SSATCore
import Testing

@Suite struct EyeRowsTests {
    /// A face whose v rises from `top` to `bottom` in its rows of cells, tilted by `tilt` cells from left to right; with a hole where eyes are.
    private func face(from top: Float, to bottom: Float, tilt: Float = 0, hole: ClosedRange<Int>? = nil) -> [SIMD2<Float>] {
        (0..<64 * 64).map { cell in
            let x = cell % 64, y = cell / 64
            guard (8..<56).contains(x), hole?.contains(y) != true else { return SIMD2(-1, -1) }
            return SIMD2(Float(x) / 64, top + (bottom - top) * (Float(y) + tilt * (Float(x) - 31.5) / 48) / 63)
        }
    }

    /// From v 0.322 to 0.465, at the rows of pixels that the cells stand for.
    @Test func theyLieWhereTheMeshHasThem() {
        let rows = EyeRows(uv: face(from: 0, to: 1, hole: 22...26))
        #expect(abs(rows.top - (0.322 * 63 * 4 + 1)) < 0.01)
        #expect(abs(rows.bottom - (0.465 * 63 * 4 + 1)) < 0.01)
    }

    /// The mean of both sides: a face that hardly moves moves them by as little.
    @Test func theyMoveEvenly() {
        let straight = EyeRows(uv: face(from: 0, to: 1)), tilted = EyeRows(uv: face(from: 0, to: 1, tilt: 3)), near = EyeRows(uv: face(from: 0.001, to: 1.001))
        #expect(abs(straight.top - tilted.top) < 0.1 && abs(straight.bottom - tilted.bottom) < 0.1)
        #expect(abs(straight.top - near.top - 0.001 * 63 * 4) < 0.01)
    }

    @Test func reachIsThatOfTheFade() {
        let rows = EyeRows(uv: face(from: 0, to: 1))
        let reached = (0..<256).filter { rows.reach($0, margin: 0) }
        #expect(reached.first == Int(rows.top - 8) + 1 && reached.last == Int(rows.bottom + 8))
        #expect((0..<256).filter { rows.reach($0, margin: 4) }.count == reached.count + 8)
        #expect((0..<256).allSatisfy { EyeRows.everywhere.reach($0, margin: 0) })
    }

    /// A mouth and a chin only: nothing to draw.
    @Test func noEyesNoRows() {
        for uv in [face(from: 0.6, to: 0.9), [SIMD2<Float>](repeating: SIMD2(-1, -1), count: 64 * 64)] {
            #expect(!(0..<256).contains { EyeRows(uv: uv).reach($0, margin: 4) })
        }
    }
}
