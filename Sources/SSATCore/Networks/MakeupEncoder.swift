/// Makeup encoder Em (SSAT, section 3.2), run once per reference: picture to 61 makeup features at 64x64 (f32).
struct MakeupEncoder {
    let features: Tensor

    init(picture: Tensor, into builder: inout NetworkBuilder) throws {
        let encoder = try ContentEncoder("makeup_encoder", picture: picture, residualBlocks: 1, into: &builder)
        features = try builder.convolution(
            "makeup_projection", encoder.coarse, kernel: 1, activation: .none, floatOutput: true)
    }
}
