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

    /// The same place on the other side of the face.
    package static func mirrored(_ texel: Int) -> Int { texel ^ (size - 1) }  // the low bits are the column

    /// Of UV coordinates: column and row, texels' middles at whole numbers.
    static func texel(of place: SIMD2<Float>) -> SIMD2<Float> { SIMD2(place.x, ssat_texture_row(place.y)) * Float(size) - 0.5 }

    /// A map of the whole face between its texels, at UV coordinates in 0...1.
    static func between(_ place: SIMD2<Float>, _ value: (Int) -> SIMD4<Float>) -> SIMD4<Float> {
        let last = Float(size - 1), p = pointwiseMin(pointwiseMax(texel(of: place), .zero), SIMD2(last, last))
        let x = min(Int(p.x), size - 2), y = min(Int(p.y), size - 2), right = p.x - Float(x), below = p.y - Float(y), corner = y * size + x
        let above = value(corner) * (1 - right) + value(corner + 1) * right
        return above * (1 - below) + (value(corner + size) * (1 - right) + value(corner + size + 1) * right) * below
    }

    static func value(of map: [Float], at place: SIMD2<Float>) -> Float { between(place) { SIMD4(repeating: map[$0]) }.x }

    /// Of every texel, 1 where skin or a lip shows there, or else 0.
    package var seen: [Float] { zip(showsSkin, showsLips).map { $0 || $1 ? 1 : 0 } }

    /// How surely what is painted is known, by texel, 0...1: of one side of a face, or close beside, something must be seen. Behind glasses, a mask or a fringe
    /// nothing is, and what PaintEstimator believes of it is what faces wear there on average (docs/decisions/0057).
    package var known: [Float] {
        let size = Self.size, seen = seen
        let either = seen.indices.map { seen[$0] + seen[Self.mirrored($0)] > 0 }
        var known = seen.indices.map { (texel: Int) -> Float in
            let x = texel % size, y = texel / size
            for row in max(y - Self.beside.rows, 0)...min(y + Self.beside.rows, size - 1) {
                for column in max(x - Self.beside.columns, 0)...min(x + Self.beside.columns, size - 1) where either[row * size + column] { return 1 }
            }
            return 0
        }
        var scratch = known
        ssat_soften(&known, Int32(size), &scratch)
        return known
    }

    /// Four pixels of the crop either way, where the eyes are.
    private static let beside = (rows: 2, columns: 1)

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
