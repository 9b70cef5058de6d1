/// FFM (SSAT, section 3.2): content and semantic maps of all depths become one key of 64 channels per 64x64 position
/// (f32; mean subtraction and normalization are `SymmetricCorrespondence`'s).
struct FeatureFusion {
    let keys: Tensor

    init(
        content: ContentEncoder, semantic: SemanticEncoder, uvFeatures: Tensor, into builder: inout NetworkBuilder
    ) throws {
        let both = builder.concatenate([content.coarse, semantic.coarse])
        let deep = builder.upsample(
            try builder.residualBlock("feature_fusion.deep_residual", builder.convolution("feature_fusion.deep", both, stride: 2)))
        let shallow = try builder.convolution("feature_fusion.shallow", content.fine, stride: 2)
        let mixed = try builder.convolution(
            "feature_fusion.mix", builder.concatenate([shallow, content.coarse, deep, semantic.coarse]), kernel: 1)
        keys = try builder.convolution(
            "feature_fusion.key", builder.concatenate([mixed, uvFeatures]), kernel: 1, activation: .none, floatOutput: true)
    }
}
