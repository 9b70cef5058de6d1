/// Where a place of the crop lies on the face: x from -1, the picture's left end of the mesh, to 1; y from -1, its top, to 1, its chin. Affine, so that ears and
/// neck have a place, too.
package struct MeshFrame: Sendable {
    private let origin: SIMD2<Float>, perColumn: SIMD2<Float>, perRow: SIMD2<Float>

    /// - Parameters:
    ///   - uv: 64x64, the mesh's coordinates, -1 outside of it.
    ///   - fit: scratch.
    /// - Returns: nil where there is hardly any mesh.
    package init?(uv: [SIMD2<Float>], fit: inout LeastSquares) {
        fit.reset()
        var count = 0
        for cell in 0..<64 * 64 where uv[cell].x >= 0 {
            let place = uv[cell] * 2 - 1
            fit.add(SIMD4(1, Float(cell % 64) / 32 - 1, Float(cell / 64) / 32 - 1, 0), SIMD3(place.x, place.y, 0))
            count += 1
        }
        guard count > 60, let terms = fit.solve(ridge: SIMD4(0, 0, 0, 1)) else { return nil }
        func plane(_ v: SIMD3<Float>) -> SIMD2<Float> { SIMD2(v.x, v.y) }
        (perColumn, perRow) = (plane(terms.1) / 32, plane(terms.2) / 32)
        origin = plane(terms.0) - plane(terms.1) - plane(terms.2)
    }

    /// Of the middle of a cell of the 64x64 grid.
    package func place(cell: Int) -> SIMD2<Float> { place(column: Float(cell % 64), row: Float(cell / 64)) }

    /// Of a pixel of the 256x256 crop.
    func place(pixel: Int) -> SIMD2<Float> { place(column: (Float(pixel % 256) - 1.5) / 4, row: (Float(pixel / 256) - 1.5) / 4) }

    private func place(column: Float, row: Float) -> SIMD2<Float> { origin + perColumn * column + perRow * row }
}
