import CKernels

/// The face unwrapped: what a crop shows at the texels of a plane, whatever the face's pose. The plane is that of the canonical mesh's UV, but for its rows: none
/// where there is no mesh, and twice as many for eyes and brows as elsewhere (`ssat_texture_row`).
///
/// Threads: one instance per thread.
package final class FaceTexture {
    package static let size = 64
    private let texels: [MeshTexel]
    /// R'G'B' of every texel in 0...1; nothing off the mesh.
    package private(set) var colours = [SIMD3<Float>](repeating: .zero, count: size * size)
    /// Of every texel, whether skin, nose or brow shows there, and whether a lip does.
    package private(set) var showsSkin = [Bool](repeating: false, count: size * size)
    package private(set) var showsLips = [Bool](repeating: false, count: size * size)
    private var softened = [Float](repeating: 0, count: 256 * 256 * 3), between = [Float](repeating: 0, count: 256 * 256 * 3)

    /// Of the pixels around a texel.
    private static let sureShare: Float = 0.7
    private static let kernel: [Float] = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16]

    package init(mesh: CanonicalMesh) {
        texels = MeshTexel.all(of: mesh, width: Self.size, height: Self.size, place: Self.place(of:), texel: Self.texel(of:))
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
            let seen = texel.seen(at: Self.place(of: texel.index), classes: classes, uv: uv, landmarks: landmarks) { pixel in
                SIMD3(softened[pixel * 3], softened[pixel * 3 + 1], softened[pixel * 3 + 2])
            }
            guard let seen else { continue }
            colours[texel.index] = seen.colour
            (showsSkin[texel.index], showsLips[texel.index]) = (seen.skin > Self.sureShare, seen.lips > Self.sureShare)
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
