/// The colour of a face's skin from the forehead down to the chin, and from its middle out to both sides alike: what `--tone` takes along of a
/// reference. Light from one side is not in it.
package struct Complexion: Sendable, Equatable {
    /// R'G'B' in [-1, 1]: in the middle of the face, by height, by its square, and by the square of what lies to the side.
    var middle = SIMD3<Float>(), byHeight = SIMD3<Float>(), byHeightSquared = SIMD3<Float>(), bySideSquared = SIMD3<Float>()
    /// Where skin is seen, in the mesh's frame: from `top` down to `bottom`, and this far to either side.
    var top: Float = 0, bottom: Float = 0, side: Float = 0

    /// Against the mean square of height and side, about a third, and of their squares, a fifth: a forehead under hair is not guessed at.
    private static let ridge = SIMD4<Double>(0, 0.003, 0.003, 0.003)
    /// Standard deviations from the mean that skin reaches; evenly spread it would be 1.73.
    private static let reach: Float = 1.7

    /// The colour at a place of the mesh's frame; where no skin was seen, that at the edge of what was.
    package func colour(at place: SIMD2<Float>) -> SIMD3<Float> {
        let y = min(max(place.y, top), bottom), x = min(abs(place.x), side)
        return middle + byHeight * y + byHeightSquared * (y * y) + bySideSquared * (x * x)
    }

    /// As it is where colours become others; black must stay black.
    func through(_ become: (SIMD3<Float>) -> SIMD3<Float>) -> Complexion {
        var result = self
        result.middle = become(middle + 1) - 1
        result.byHeight = become(byHeight)
        result.byHeightSquared = become(byHeightSquared)
        result.bySideSquared = become(bySideSquared)
        return result
    }

    /// What the one has more than the other, as far as both show skin.
    package static func - (one: Complexion, other: Complexion) -> Complexion {
        let top = max(one.top, other.top)
        return Complexion(
            middle: one.middle - other.middle, byHeight: one.byHeight - other.byHeight, byHeightSquared: one.byHeightSquared - other.byHeightSquared,
            bySideSquared: one.bySideSquared - other.bySideSquared, top: top, bottom: max(min(one.bottom, other.bottom), top), side: min(one.side, other.side))
    }

    /// A step of `share` (0...1) towards `other`: what is measured anew every frame must not tremble.
    package func moved(towards other: Complexion, by share: Float) -> Complexion {
        var result = self
        result.middle += (other.middle - middle) * share
        result.byHeight += (other.byHeight - byHeight) * share
        result.byHeightSquared += (other.byHeightSquared - byHeightSquared) * share
        result.bySideSquared += (other.bySideSquared - bySideSquared) * share
        result.top += (other.top - top) * share
        result.bottom += (other.bottom - bottom) * share
        result.side += (other.side - side) * share
        return result
    }

    /// - Parameters:
    ///   - average: 64x64x3, the means of the crop's 4x4 blocks in [-1, 1].
    ///   - classes: 256x256 `FaceClass` values.
    ///   - frame: where the crop's cells lie on the mesh.
    ///   - fit: scratch.
    /// - Returns: nil where too little skin shows.
    package static func measure(average: [Float], classes: UnsafePointer<UInt8>, frame: MeshFrame, fit: inout LeastSquares) -> Complexion? {
        fit.reset()
        var weight: Float = 0, height: Float = 0, squares = SIMD2<Float>()
        FaceColours.forEachSkinCell(average, classes) { cell, colour, share in
            let place = frame.place(cell: cell)
            fit.add(SIMD4(1, place.y, place.y * place.y, place.x * place.x), colour, weight: share)
            weight += share
            height += share * place.y
            squares += share * place * place
        }
        guard weight > 60, let terms = fit.solve(ridge: ridge) else { return nil }
        let mean = height / weight, spread = reach * max(squares.y / weight - mean * mean, 0).squareRoot()
        return Complexion(
            middle: terms.0, byHeight: terms.1, byHeightSquared: terms.2, bySideSquared: terms.3, top: mean - spread, bottom: mean + spread,
            side: reach * (squares.x / weight).squareRoot())
    }
}

extension Complexion {
    static let valueCount = 15

    /// As a `.look` file holds it.
    var values: [Float] { [middle, byHeight, byHeightSquared, bySideSquared].flatMap { [$0.x, $0.y, $0.z] } + [top, bottom, side] }

    /// - Parameter values: `valueCount` of them.
    package init(values v: [Float]) {
        func colour(_ i: Int) -> SIMD3<Float> { SIMD3(v[i], v[i + 1], v[i + 2]) }
        self.init(
            middle: colour(0), byHeight: colour(3), byHeightSquared: colour(6), bySideSquared: colour(9), top: v[12], bottom: v[13], side: v[14])
    }
}
