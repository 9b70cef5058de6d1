import Foundation

/// How much more light, and of which colour, falls on one side of a reference's face than on the other. It is taken off before the reference is encoded: else
/// a shaded or coloured half comes along as shadow on one lid and cheek.
package struct SideLight: Sendable {
    /// Natural logarithm of R'G'B', over `Self.dark`, per unit of the mesh's frame to the right.
    let perSide: SIMD3<Float>
    private let frame: MeshFrame

    /// Of what is measured, this much is taken off: makeup and the form of the face differ from side to side, too.
    private static let share: Float = 0.6
    /// What is measured never counts for more than this at either end of the face.
    private static let most: Float = 0.5
    /// Added to R'G'B' in 0...1, so that noise in the dark is not taken for light.
    private static let dark: Float = 0.04

    /// - Parameters:
    ///   - average: 64x64x3, the means of the crop's 4x4 blocks in [-1, 1].
    ///   - classes: 256x256 `FaceClass` values.
    ///   - frame: where the crop's cells lie on the mesh.
    ///   - fit: scratch.
    /// - Returns: nil where too little skin shows.
    package init?(average: [Float], classes: UnsafePointer<UInt8>, frame: MeshFrame, fit: inout LeastSquares) {
        fit.reset()
        var weight: Float = 0
        FaceColours.forEachSkinCell(average, classes) { cell, colour, share in
            let place = frame.place(cell: cell)
            var light = SIMD3<Float>()
            for c in 0..<3 { light[c] = log((colour[c] + 1) / 2 + Self.dark) }
            fit.add(SIMD4(1, place.y, place.x * place.x, place.x), light, weight: share)
            weight += share
        }
        guard weight > 60, let terms = fit.solve(ridge: SIMD4(0, 0.003, 0.003, 0.003)) else { return nil }
        perSide = terms.3
        self.frame = frame
    }

    /// - Parameter crop: 256x256x3 R'G'B' bytes.
    package func takeOff(_ crop: inout [UInt8]) {
        let most = SIMD3(repeating: Self.most), dark = Self.dark
        for i in 0..<256 * 256 {
            let x = min(max(frame.place(pixel: i).x, -1), 1)
            let light = pointwiseMin(pointwiseMax(perSide * x, -most), most) * Self.share
            for c in 0..<3 {
                let value = (Float(crop[i * 3 + c]) / 255 + dark) * exp(-light[c]) - dark
                crop[i * 3 + c] = UInt8(max(0, min(255, (value * 255).rounded())))
            }
        }
    }
}
