import CKernels

/// The rows of a crop around the eyes: where the decoder's residual counts (docs/decisions/0042), fading beyond.
package struct EyeRows: Equatable, Sendable {
    /// In pixels of the crop.
    package let top, bottom: Float

    /// All of a crop.
    package static let everywhere = EyeRows(top: -1e4, bottom: 1e4)
    /// None: eyes that are not seen.
    private static let nowhere = EyeRows(top: 1e4, bottom: -1e4)
    /// From the fold of the upper lid to where the cheek begins, as v on the mesh.
    private static let topV: Float = 0.322, bottomV: Float = 0.465

    private init(top: Float, bottom: Float) { (self.top, self.bottom) = (top, bottom) }

    /// - Parameter uv: 64x64, where pixels 4 x + 1 of the crop lie on the mesh; negative outside.
    package init(uv: [SIMD2<Float>]) {
        guard let top = Self.row(of: Self.topV, uv), let bottom = Self.row(of: Self.bottomV, uv) else {
            self = .nowhere
            return
        }
        self.init(top: top, bottom: bottom)
    }

    /// Whether the residual counts anywhere within `margin` pixels of a row.
    package func reach(_ row: Int, margin: Int) -> Bool {
        let fade = Float(SSAT_RESIDUAL_FADE)
        return Float(row + margin) > top - fade && Float(row - margin) < bottom + fade
    }

    /// The mean row in which columns of cells cross a `v`.
    private static func row(of v: Float, _ uv: [SIMD2<Float>]) -> Float? {
        var sum: Float = 0, count: Float = 0
        for cell in 0..<63 * 64 {
            let here = uv[cell], below = uv[cell + 64]
            guard here.x >= 0, below.x >= 0, here.y < v, below.y >= v else { continue }
            sum += Float(cell / 64) + (v - here.y) / (below.y - here.y)
            count += 1
        }
        return count > 0 ? 4 * sum / count + 1 : nil
    }
}
