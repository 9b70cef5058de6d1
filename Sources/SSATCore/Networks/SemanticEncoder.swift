/// Semantic encoder Es (SSAT, section 3.2): parsing 128x128x40 (10 classes, space to depth) to 128x128x16 and 64x64x32, beside
/// which the mesh's 13 UV features are laid.
struct SemanticEncoder {
    let fine, coarse: Tensor

    init(parsing: Tensor, uvFeatures: Tensor, into builder: inout NetworkBuilder) throws {
        fine = try builder.convolution("semantic_encoder.stem", parsing)
        let down = try builder.convolution("semantic_encoder.down", fine, stride: 2)
        coarse = builder.concatenate([down, uvFeatures])
    }
}
