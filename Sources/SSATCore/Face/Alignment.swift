import Foundation

/// Where the 256x256 crop of a face lies in the frame: upright by the eye line, 1.5 times the longer side of the face oval.
/// The same crop that the networks were trained on (Training/ssat_training/alignment.py).
package enum Alignment {
    static let oval = [
        10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172,
        58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
    ]

    /// Frame to crop, from landmarks in frame pixels.
    package static func frameToCrop(_ landmarks: [SIMD2<Float>], size: Float = 256) -> Similarity {
        let right = (landmarks[33] + landmarks[133]) / 2, left = (landmarks[362] + landmarks[263]) / 2
        let angle = atan2(left.y - right.y, left.x - right.x)
        let c = cos(-angle), s = sin(-angle)
        var low = SIMD2<Float>(repeating: .infinity), high = SIMD2<Float>(repeating: -.infinity)
        for index in oval {
            let p = landmarks[index]
            let q = SIMD2(c * p.x - s * p.y, s * p.x + c * p.y)
            low = pointwiseMin(low, q)
            high = pointwiseMax(high, q)
        }
        let extent = high - low
        var centre = (low + high) / 2
        centre.y -= 0.04 * extent.y
        let k = size / (1.5 * max(extent.x, extent.y, 1))
        return Similarity(a: c * k, b: s * k, tx: size / 2 - k * centre.x, ty: size / 2 - k * centre.y)
    }

    /// Where eyes, nose tip and mouth corners of the mean face lie in its own crop.
    static func meanPoints(_ mesh: CanonicalMesh) -> [SIMD2<Float>] {
        let flat = mesh.positions.map { SIMD2($0.x, -$0.y) }
        let similarity = frameToCrop(flat.map { $0 * 1000 })
        return fivePoints(flat.map { similarity.apply($0 * 1000) })
    }

    static func fivePoints(_ p: [SIMD2<Float>]) -> [SIMD2<Float>] {
        [(p[33] + p[133]) / 2, (p[362] + p[263]) / 2, p[4], p[61], p[291]]
    }
}
