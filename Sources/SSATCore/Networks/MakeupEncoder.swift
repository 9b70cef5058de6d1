/// Makeup encoder Em (SSAT, section 3.2), run once per reference, so that its size costs a video nothing: picture, content,
/// semantics and skin colour to 57 makeup features at 64x64 (f32), then what the reference wears: how much of the skin it hides
/// (0...1) and its flat R'G'B' (0...1) times that, and the same of the lips. It looks at the whole face, down to 8x8.
struct MakeupEncoder {
    static let paint = 57..<61, lipPaint = 61..<65

    let features: Tensor

    /// - Parameter skin: 64x64x3, the mean skin colour in every cell.
    init(picture: Tensor, content: ContentEncoder, semantic: SemanticEncoder, skin: Tensor, into builder: inout NetworkBuilder) throws {
        let fine = try builder.convolution("makeup_encoder.stem", picture)
        let down = try builder.convolution("makeup_encoder.down", builder.concatenate([fine, semantic.fine]), stride: 2)
        let joined = builder.concatenate([down, content.coarse, semantic.coarse, skin])
        let mixed = try builder.convolution("makeup_encoder.mix", joined, kernel: 1)
        let shallow = try builder.residualBlock("makeup_encoder.residual.0", mixed)
        let deep = try Self.wholeFace(shallow, &builder)
        var x = try builder.convolution("makeup_encoder.merge", builder.concatenate([shallow, builder.upsample(deep)]), kernel: 1)
        for index in 1...2 { x = try builder.residualBlock("makeup_encoder.residual.\(index)", x) }
        features = try builder.convolution("makeup_projection", x, kernel: 1, activation: .none, floatOutput: true)
    }

    /// Down to 32x32, 16x16 and 8x8 and back to 32x32.
    private static func wholeFace(_ x: Tensor, _ builder: inout NetworkBuilder) throws -> Tensor {
        let deep = try builder.residualBlock("makeup_encoder.deep_residual", builder.convolution("makeup_encoder.deep", x, stride: 2))
        let deeper = try builder.residualBlock("makeup_encoder.deeper_residual", builder.convolution("makeup_encoder.deeper", deep, stride: 2))
        var deepest = try builder.convolution("makeup_encoder.deepest", deeper, stride: 2)
        for index in 0...1 { deepest = try builder.residualBlock("makeup_encoder.deepest_residual.\(index)", deepest) }
        let both = try builder.convolution("makeup_encoder.merge_deepest", builder.concatenate([deeper, builder.upsample(deepest)]), kernel: 1)
        let merged = try builder.residualBlock("makeup_encoder.merged_deepest", both)
        let all = try builder.convolution("makeup_encoder.merge_deeper", builder.concatenate([deep, builder.upsample(merged)]), kernel: 1)
        return try builder.residualBlock("makeup_encoder.merged_deeper", all)
    }
}
