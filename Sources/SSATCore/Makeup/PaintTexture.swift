import CKernels

/// What a reference wears, by its place on the mesh: 64x64 texels (`FaceTexture`) of opacity in 0...1, and flat R'G'B' times that.
package struct PaintTexture: Sendable, Equatable {
    package let values: [Float]

    static let size = FaceTexture.size
    package static let bare = PaintTexture(values: [Float](repeating: 0, count: size * size * 4))

    package init(values: [Float]) {
        precondition(values.count == Self.size * Self.size * 4)
        self.values = values
    }

    /// Between the texels, at UV coordinates in 0...1.
    package func paint(at place: SIMD2<Float>) -> SIMD4<Float> {
        let last = Float(Self.size - 1), p = pointwiseMin(pointwiseMax(FaceTexture.texel(of: place), .zero), SIMD2(last, last))
        let x = min(Int(p.x), Self.size - 2), y = min(Int(p.y), Self.size - 2), right = p.x - Float(x), below = p.y - Float(y)
        let above = texel(x, y) * (1 - right) + texel(x + 1, y) * right
        return above * (1 - below) + (texel(x, y + 1) * (1 - right) + texel(x + 1, y + 1) * right) * below
    }

    private func texel(_ x: Int, _ y: Int) -> SIMD4<Float> {
        let i = (y * Self.size + x) * 4
        return SIMD4(values[i], values[i + 1], values[i + 2], values[i + 3])
    }

    /// The same with the colour in luma and chroma, as the kernels lay it on.
    var inLumaAndChroma: [Float] {
        var texture = values
        ssat_paint_texture(values, &texture)
        return texture
    }
}
