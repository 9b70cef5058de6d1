import CKernels

/// What a reference wears, by its place on the mesh: 64x64 texels (`FaceTexture`) of opacity in 0...1, and flat R'G'B' times that; then, where they are known, those
/// around the eyes, 2x48x64 (`EyeTexture`).
package struct PaintTexture: Sendable, Equatable {
    package let values: [Float]
    /// Values of the whole face.
    private static let faceCount = size * size * 4
    /// How many values there may be.
    static let counts = [faceCount, faceCount + EyeTexture.count * 4]

    static let size = FaceTexture.size
    package static let bare = PaintTexture(values: [Float](repeating: 0, count: faceCount))

    package init(values: [Float]) {
        precondition(Self.counts.contains(values.count))
        self.values = values
    }

    /// The same where a reference shows it.
    /// - Parameter known: how surely, by texel of the whole face (`FaceTexture.known`).
    func kept(where known: [Float]) -> PaintTexture {
        var kept = values
        for texel in 0..<values.count / 4 {
            let share = texel < known.count ? known[texel] : FaceTexture.value(of: known, at: EyeTexture.place(of: texel - known.count))
            for k in 0..<4 { kept[texel * 4 + k] *= share }
        }
        return PaintTexture(values: kept)
    }

    /// Between the texels of the whole face, at UV coordinates in 0...1.
    package func paint(at place: SIMD2<Float>) -> SIMD4<Float> {
        FaceTexture.between(place) { SIMD4(values[$0 * 4], values[$0 * 4 + 1], values[$0 * 4 + 2], values[$0 * 4 + 3]) }
    }

    /// The same with the colour in luma and chroma, as the kernels lay it on.
    var inLumaAndChroma: [Float] {
        var texture = values
        ssat_paint_texture(values, Int32(values.count / 4), &texture)
        return texture
    }

    /// Lays paint in luma and chroma, `inLumaAndChroma` of such a texture, on a face (`ssat_lay_paint`).
    package static func lay(_ texture: [Float], on uv: [SIMD2<Float>], _ paint: inout [Float]) {
        texture.withUnsafeBufferPointer { texture in
            let face = texture.baseAddress!
            uv.withUnsafeBytes {
                ssat_lay_paint(face, texture.count > faceCount ? face + faceCount : nil, $0.bindMemory(to: Float.self).baseAddress!, &paint)
            }
        }
    }
}
