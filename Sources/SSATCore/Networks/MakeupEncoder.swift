/// Makeup encoder Em (SSAT, section 3.2), run once per reference, so that its size costs a video nothing: picture, content,
/// semantics and skin colour to 61 makeup features at 64x64 (f32). The last four are what the makeup did
/// to the reference: how much of the skin it hides (0...1), and its change of luma and chroma.
struct MakeupEncoder {
    static let laidOn = 57..<61

    let features: Tensor

    /// - Parameter skin: 64x64x3, the mean skin colour in every cell.
    init(picture: Tensor, content: ContentEncoder, semantic: SemanticEncoder, skin: Tensor, into builder: inout NetworkBuilder) throws {
        let fine = try builder.convolution("makeup_encoder.stem", picture)
        let down = try builder.convolution("makeup_encoder.down", builder.concatenate([fine, semantic.fine]), stride: 2)
        let joined = builder.concatenate([down, content.coarse, semantic.coarse, skin])
        let mixed = try builder.convolution("makeup_encoder.mix", joined, kernel: 1)
        let shallow = try builder.residualBlock("makeup_encoder.residual.0", mixed)
        let half = try builder.convolution("makeup_encoder.deep", shallow, stride: 2)
        let deep = try builder.upsample(builder.residualBlock("makeup_encoder.deep_residual", half))
        var x = try builder.convolution("makeup_encoder.merge", builder.concatenate([shallow, deep]), kernel: 1)
        for index in 1...2 { x = try builder.residualBlock("makeup_encoder.residual.\(index)", x) }
        features = try builder.convolution("makeup_projection", x, kernel: 1, activation: .none, floatOutput: true)
    }
}
