import Foundation

/// Draws the mesh's UV coordinates into the 64x64 grid of an aligned crop: cell (i, j) is crop pixel (4 j + 1, 4 i + 1).
///
/// Threads: one instance per thread; it reuses its buffers.
package final class MeshRasterizer: @unchecked Sendable {
    private let mesh: CanonicalMesh
    /// Rows of the pseudo-inverse of [x y z 1]: an affine camera in one product.
    private let pseudoInverse: [SIMD4<Float>]
    private var depth = [Float](repeating: 0, count: 478)
    private var order: [Int]
    private var keys: [Float]
    /// 64 x 64, -1 outside the mesh.
    package private(set) var uv = [SIMD2<Float>](repeating: SIMD2(-1, -1), count: 64 * 64)
    /// Of every cell of the mesh, where it was with two sets of other landmarks (x, y of the one, x, y of the other): crop pixels.
    private(set) var origins = [SIMD4<Float>](repeating: .zero, count: 64 * 64)
    /// The two sets, joined.
    private var before = [SIMD4<Float>](repeating: .zero, count: 478)

    package init(mesh: CanonicalMesh) {
        self.mesh = mesh
        order = Array(0..<mesh.triangles.count)
        keys = [Float](repeating: 0, count: mesh.triangles.count)
        let rows = mesh.positions.prefix(468).map { SIMD4<Double>(Double($0.x), Double($0.y), Double($0.z), 1) }
        var normal = [[Double]](repeating: [Double](repeating: 0, count: 4), count: 4)
        for r in rows { for i in 0..<4 { for j in 0..<4 { normal[i][j] += r[i] * r[j] } } }
        let inverse = Self.inverted(normal)
        pseudoInverse = rows.map { r in
            SIMD4<Float>((0..<4).map { i in Float((0..<4).reduce(0.0) { $0 + inverse[i][$1] * r[$1] }) })
        }
    }

    private static func inverted(_ m: [[Double]]) -> [[Double]] {
        var a = m.enumerated().map { i, row in row + (0..<4).map { $0 == i ? 1.0 : 0.0 } }
        for i in 0..<4 {
            let pivot = (i..<4).max { abs(a[$0][i]) < abs(a[$1][i]) }!
            a.swapAt(i, pivot)
            let d = a[i][i]
            for j in 0..<8 { a[i][j] /= d }
            for k in 0..<4 where k != i {
                let f = a[k][i]
                for j in 0..<8 { a[k][j] -= f * a[i][j] }
            }
        }
        return a.map { Array($0[4...]) }
    }

    /// Direction toward the viewer in mesh space, from the affine camera that fits the landmarks best, and yaw in degrees.
    private func view(_ landmarks: [SIMD2<Float>]) -> SIMD3<Float> {
        var x = SIMD4<Float>(), y = SIMD4<Float>()
        for i in 0..<468 {
            x += pseudoInverse[i] * landmarks[i].x
            y -= pseudoInverse[i] * landmarks[i].y
        }
        var d = SIMD3(x.y * y.z - x.z * y.y, x.z * y.x - x.x * y.z, x.x * y.y - x.y * y.x)
        d /= max((d * d).sum().squareRoot(), 1e-12)
        return d.z < 0 ? -d : d
    }

    /// Head yaw in degrees, positive when the nose points to the picture's right.
    package func yaw(_ landmarks: [SIMD2<Float>]) -> Float {
        let d = view(landmarks)
        return -atan2(d.x, d.z) * 180 / .pi
    }

    /// - Parameters:
    ///   - landmarks: 478 points in crop pixels (256x256).
    ///   - before: two others, for `origins`.
    package func rasterize(_ landmarks: [SIMD2<Float>], before: (one: [SIMD2<Float>], other: [SIMD2<Float>])? = nil) {
        if let before { for i in 0..<478 { self.before[i] = SIMD4(lowHalf: before.one[i], highHalf: before.other[i]) } }
        let towards = view(landmarks)
        for i in 0..<468 { depth[i] = (mesh.positions[i] * towards).sum() }
        for (t, triangle) in mesh.triangles.enumerated() {
            let (i, j, k) = triangle
            let p = landmarks[i], q = landmarks[j], r = landmarks[k]
            let turn = (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x)
            // Triangles that look away are drawn first, so that whatever faces us covers them.
            keys[t] = depth[i] + depth[j] + depth[k] - (turn > 0 ? 0 : 1000)
        }
        order.sortInPlace { keys[$0] < keys[$1] }
        landmarks.withUnsafeBufferPointer { landmarks in
            self.before.withUnsafeBufferPointer { before in
                uv.withUnsafeMutableBufferPointer { uv in
                    origins.withUnsafeMutableBufferPointer { origins in
                        for i in 0..<64 * 64 { uv[i] = SIMD2(-1, -1) }
                        for t in order { Self.draw(mesh.triangles[t], landmarks, mesh.uv, before, uv: uv, origins: origins) }
                    }
                }
            }
        }
    }

    /// - Parameters: as `rasterize` and its results have them, by landmark and by cell.
    private static func draw(
        _ triangle: (Int, Int, Int), _ landmarks: UnsafeBufferPointer<SIMD2<Float>>, _ meshUV: [SIMD2<Float>], _ before: UnsafeBufferPointer<SIMD4<Float>>,
        uv: UnsafeMutableBufferPointer<SIMD2<Float>>, origins: UnsafeMutableBufferPointer<SIMD4<Float>>
    ) {
        // In cells: crop pixel 4 j + 1 is cell j.
        let a = (landmarks[triangle.0] - 1) / 4, b = (landmarks[triangle.1] - 1) / 4, c = (landmarks[triangle.2] - 1) / 4
        let area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
        if abs(area) < 1e-6 { return }
        let slack: Float = 0.02
        let x0 = max(Int(min(a.x, b.x, c.x).rounded(.up)) - 1, 0), x1 = min(Int(max(a.x, b.x, c.x).rounded(.down)) + 1, 63)
        let y0 = max(Int(min(a.y, b.y, c.y).rounded(.up)) - 1, 0), y1 = min(Int(max(a.y, b.y, c.y).rounded(.down)) + 1, 63)
        if x0 > x1 || y0 > y1 { return }
        for y in y0...y1 {
            for x in x0...x1 {
                let p = SIMD2(Float(x), Float(y))
                let w1 = ((p.x - a.x) * (c.y - a.y) - (p.y - a.y) * (c.x - a.x)) / area
                let w2 = ((b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)) / area
                let w0 = 1 - w1 - w2
                if w0 < -slack || w1 < -slack || w2 < -slack { continue }
                let value = meshUV[triangle.0] * w0 + meshUV[triangle.1] * w1 + meshUV[triangle.2] * w2
                uv[y * 64 + x] = pointwiseMin(pointwiseMax(value, SIMD2(0, 0)), SIMD2(1, 1))
                origins[y * 64 + x] = before[triangle.0] * w0 + before[triangle.1] * w1 + before[triangle.2] * w2
            }
        }
    }

    /// The same with the holes of the mesh (eyes, mouth) closed: between the mesh on either side of them in their row.
    package func writeClosed(_ output: UnsafeMutablePointer<SIMD2<Float>>) {
        for y in 0..<64 {
            var last: Int?
            for x in 0..<64 {
                let cell = y * 64 + x
                output[cell] = uv[cell]
                guard uv[cell].x >= 0 else { continue }
                if let before = last {
                    let left = uv[y * 64 + before], step = (uv[cell] - left) / Float(x - before)
                    for hole in before + 1..<max(x, before + 1) { output[y * 64 + hole] = left + step * Float(hole - before) }
                }
                last = x
            }
        }
    }

    /// The network's 13 features per cell: on the mesh or not, then sin(u), sin(v), cos(u), cos(v) at pi, 2 pi and 4 pi.
    package func writeFeatures(_ output: UnsafeMutablePointer<Float>) {
        for cell in 0..<64 * 64 { Self.writeFeatures(of: uv[cell], output + cell * 13) }
    }

    static func writeFeatures(of p: SIMD2<Float>, _ f: UnsafeMutablePointer<Float>) {
        if p.x < 0 {
            for i in 0..<13 { f[i] = 0 }
            return
        }
        f[0] = 1
        for k in 0..<3 {
            let w = p * (Float(1 << k) * .pi)
            f[1 + k * 4] = sin(w.x)
            f[2 + k * 4] = sin(w.y)
            f[3 + k * 4] = cos(w.x)
            f[4 + k * 4] = cos(w.y)
        }
    }
}
