import CKernels

/// The face unwrapped: what a crop shows at the texels of a plane, whatever the face's pose. The plane is that of the canonical mesh's UV, but for its rows: none
/// where there is no mesh, and twice as many for eyes and brows as elsewhere (`ssat_texture_row`).
///
/// Threads: one instance per thread.
package final class FaceTexture {
    package static let size = 64
    /// A texel that lies on the mesh, between the corners of a triangle.
    private struct Texel { let index: Int, corners: (Int, Int, Int), weights: SIMD3<Float> }
    private let texels: [Texel]
    /// R'G'B' of every texel in 0...1; nothing off the mesh.
    package private(set) var colours = [SIMD3<Float>](repeating: .zero, count: size * size)
    /// Of every texel, whether skin, nose or brow shows there, and whether a lip does.
    package private(set) var showsSkin = [Bool](repeating: false, count: size * size)
    package private(set) var showsLips = [Bool](repeating: false, count: size * size)
    private var softened = [Float](repeating: 0, count: 256 * 256 * 3), between = [Float](repeating: 0, count: 256 * 256 * 3)

    /// Of the UV plane: a texel whose pixel shows another place of the mesh is turned away.
    private static let farthest: Float = 0.05
    /// Of the pixels around a texel.
    private static let sureShare: Float = 0.7
    private static let kernel: [Float] = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16]

    package init(mesh: CanonicalMesh) {
        var owned = [Bool](repeating: false, count: Self.size * Self.size), texels: [Texel] = []
        for (i, j, k) in mesh.triangles {
            let a = mesh.uv[i], b = mesh.uv[j], c = mesh.uv[k]
            let area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
            if abs(area) < 1e-9 { continue }
            let corners = [a, b, c].map(Self.texel(of:))
            func columns(_ p: KeyPath<SIMD2<Float>, Float>) -> ClosedRange<Int> {
                let along = corners.map { $0[keyPath: p] }
                return max(Int(along.min()!.rounded(.down)), 0)...min(Int(along.max()!.rounded(.up)), Self.size - 1)
            }
            for y in columns(\.y) {
                for x in columns(\.x) where !owned[y * Self.size + x] {
                    let p = Self.place(of: y * Self.size + x)
                    let second = ((p.x - a.x) * (c.y - a.y) - (p.y - a.y) * (c.x - a.x)) / area
                    let third = ((b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)) / area
                    let weights = SIMD3(1 - second - third, second, third)
                    if weights.min() <= -1e-4 { continue }
                    owned[y * Self.size + x] = true
                    texels.append(Texel(index: y * Self.size + x, corners: (i, j, k), weights: weights))
                }
            }
        }
        self.texels = texels
    }

    /// - Parameters:
    ///   - crop: 256x256x3 R'G'B' bytes.
    ///   - classes: 256x256 `FaceClass` values.
    ///   - uv: 64x64, where its cells lie on the mesh; negative outside.
    ///   - landmarks: 478 points in crop pixels.
    package func unwrap(crop: [UInt8], classes: [UInt8], uv: [SIMD2<Float>], landmarks: [SIMD2<Float>]) {
        for i in colours.indices { (colours[i], showsSkin[i], showsLips[i]) = (.zero, false, false) }
        soften(crop)
        for texel in texels {
            let (i, j, k) = texel.corners, w = texel.weights
            let at = landmarks[i] * w.x + landmarks[j] * w.y + landmarks[k] * w.z
            guard at.min() >= 0, at.max() < 255 else { continue }
            let x = Int(at.x), y = Int(at.y), right = at.x - Float(x), below = at.y - Float(y)
            var colour = SIMD3<Float>.zero, skin: Float = 0, lips: Float = 0
            for (pixel, share) in [
                (y * 256 + x, (1 - right) * (1 - below)), (y * 256 + x + 1, right * (1 - below)), (y * 256 + x + 256, (1 - right) * below),
                (y * 256 + x + 257, right * below),
            ] {
                colour += SIMD3(softened[pixel * 3], softened[pixel * 3 + 1], softened[pixel * 3 + 2]) * share
                if FaceClass.isLip(classes[pixel]) { lips += share } else if FaceClass.makeupTable[Int(classes[pixel])] { skin += share }
            }
            colours[texel.index] = colour
            let pixel = at.rounded(.toNearestOrEven), cells = ((pixel - 1) / 4).rounded(.toNearestOrEven)
            let cell = min(max(Int(cells.y), 0), 63) * 64 + min(max(Int(cells.x), 0), 63)
            let apart = uv[cell] - Self.place(of: texel.index)
            guard uv[cell].x >= 0, max(abs(apart.x), abs(apart.y)) < Self.farthest else { continue }
            (showsSkin[texel.index], showsLips[texel.index]) = (skin > Self.sureShare, lips > Self.sureShare)
        }
    }

    /// UV coordinates of a texel's middle.
    package static func place(of texel: Int) -> SIMD2<Float> {
        SIMD2((Float(texel % size) + 0.5) / Float(size), ssat_texture_row_in_plane((Float(texel / size) + 0.5) / Float(size)))
    }

    /// Of UV coordinates: column and row, texels' middles at whole numbers.
    static func texel(of place: SIMD2<Float>) -> SIMD2<Float> { SIMD2(place.x, ssat_texture_row(place.y)) * Float(size) - 0.5 }

    /// The crop in 0...1 through the kernel 1 4 6 4 1 in both directions, edges repeated: a texel is two to four pixels.
    private func soften(_ crop: [UInt8]) {
        for y in 0..<256 {
            for x in 0..<256 {
                for c in 0..<3 {
                    var sum: Float = 0
                    for tap in 0..<5 { sum += Self.kernel[tap] * Float(crop[(y * 256 + min(max(x + tap - 2, 0), 255)) * 3 + c]) }
                    between[(y * 256 + x) * 3 + c] = sum / 255
                }
            }
        }
        for y in 0..<256 {
            for i in 0..<256 * 3 {
                var sum: Float = 0
                for tap in 0..<5 { sum += Self.kernel[tap] * between[min(max(y + tap - 2, 0), 255) * 256 * 3 + i] }
                softened[y * 256 * 3 + i] = sum
            }
        }
    }
}
