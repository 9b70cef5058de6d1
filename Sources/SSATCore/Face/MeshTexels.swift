/// A texel that lies on the mesh, between the corners of a triangle.
struct MeshTexel {
    let index: Int
    private let corners: (Int, Int, Int), weights: SIMD3<Float>

    /// Of a plane of `width` x `height` texels, those that the mesh covers; where triangles overlap, the first has them.
    /// - Parameters:
    ///   - place: UV coordinates of a texel's middle.
    ///   - texel: of UV coordinates, column and row, texels' middles at whole numbers.
    static func all(
        of mesh: CanonicalMesh, width: Int, height: Int, place: (Int) -> SIMD2<Float>, texel: (SIMD2<Float>) -> SIMD2<Float>
    ) -> [MeshTexel] {
        var owned = [Bool](repeating: false, count: width * height), texels: [MeshTexel] = []
        func inside(_ values: [Float], _ count: Int) -> Range<Int> {
            let first = max(Int(values.min()!.rounded(.down)), 0), last = min(Int(values.max()!.rounded(.up)), count - 1)
            return first..<max(last + 1, first)
        }
        for (i, j, k) in mesh.triangles {
            let a = mesh.uv[i], b = mesh.uv[j], c = mesh.uv[k]
            let area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
            if abs(area) < 1e-9 { continue }
            let corners = [a, b, c].map(texel)
            for y in inside(corners.map(\.y), height) {
                for x in inside(corners.map(\.x), width) where !owned[y * width + x] {
                    let p = place(y * width + x)
                    let second = ((p.x - a.x) * (c.y - a.y) - (p.y - a.y) * (c.x - a.x)) / area
                    let third = ((b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)) / area
                    let weights = SIMD3(1 - second - third, second, third)
                    if weights.min() <= -1e-4 { continue }
                    owned[y * width + x] = true
                    texels.append(MeshTexel(index: y * width + x, corners: (i, j, k), weights: weights))
                }
            }
        }
        return texels
    }

    /// What a crop shows there: a colour, and which shares of the pixels around are skin (or nose, or brow) and lips: none where the texel is turned away.
    struct Seen { var colour = SIMD3<Float>.zero, skin: Float = 0, lips: Float = 0 }

    /// Of the UV plane: a texel whose pixel shows another place of the mesh is turned away.
    private static let farthest: Float = 0.05

    /// - Parameters:
    ///   - place: its UV coordinates.
    ///   - classes: 256x256 `FaceClass` values.
    ///   - uv: 64x64, where the crop's cells lie on the mesh; negative outside.
    ///   - landmarks: in crop pixels.
    ///   - colour: of a pixel of the crop.
    /// - Returns: nil where it lies beyond the crop.
    func seen(
        at place: SIMD2<Float>, classes: [UInt8], uv: [SIMD2<Float>], landmarks: [SIMD2<Float>], colour: (Int) -> SIMD3<Float>
    ) -> Seen? {
        let at = landmarks[corners.0] * weights.x + landmarks[corners.1] * weights.y + landmarks[corners.2] * weights.z
        guard at.min() >= 0, at.max() < 255 else { return nil }
        let x = Int(at.x), y = Int(at.y), right = at.x - Float(x), below = at.y - Float(y)
        var seen = Seen()
        for (pixel, share) in [
            (y * 256 + x, (1 - right) * (1 - below)), (y * 256 + x + 1, right * (1 - below)), (y * 256 + x + 256, (1 - right) * below),
            (y * 256 + x + 257, right * below),
        ] {
            seen.colour += colour(pixel) * share
            if FaceClass.isLip(classes[pixel]) { seen.lips += share } else if FaceClass.makeupTable[Int(classes[pixel])] { seen.skin += share }
        }
        let pixel = at.rounded(.toNearestOrEven), cells = ((pixel - 1) / 4).rounded(.toNearestOrEven)
        let cell = min(max(Int(cells.y), 0), 63) * 64 + min(max(Int(cells.x), 0), 63), apart = uv[cell] - place
        if uv[cell].x < 0 || max(abs(apart.x), abs(apart.y)) >= Self.farthest { (seen.skin, seen.lips) = (0, 0) }
        return seen
    }
}
