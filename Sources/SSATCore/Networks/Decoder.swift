/// The decoder (SSAT, section 3.2; modulation as in SPADE, CVPR 2019): warped makeup and content to the change of the picture.
struct Decoder {
    /// Channels of the colour input: `ssat_colour_maps`.
    static let colourCount = 18
    /// Gates for luma and chroma of the difference of colour: `ssat_assemble_change`.
    static let gateCount = 3

    /// 64x64x3 and 128x128x12, f32.
    let gate, head: Tensor

    init(
        content: ContentEncoder, semantic: SemanticEncoder, colours: Tensor, makeup: Tensor, into builder: inout NetworkBuilder
    ) throws {
        let start = try builder.convolution(
            "decoder.input", builder.concatenate([content.coarse, colours, semantic.coarse]), kernel: 1, activation: .none)
        let x = try Self.block("decoder.block1", start, makeup, hasShortcut: false, &builder)
        gate = try builder.convolution("decoder.gate", x, activation: .none, floatOutput: true)
        let wide = builder.upsample(try Self.block("decoder.block2", x, makeup, hasShortcut: true, &builder))
        let joined = try builder.convolution(
            "decoder.skip", builder.concatenate([wide, content.fine, semantic.fine]), kernel: 1, activation: .none)
        head = try builder.convolution(
            "decoder.head", Self.block("decoder.block3", joined, makeup, hasShortcut: false, &builder), activation: .none,
            floatOutput: true)
    }

    /// Modulated residual block.
    private static func block(
        _ name: String, _ x: Tensor, _ makeup: Tensor, hasShortcut: Bool, _ builder: inout NetworkBuilder
    ) throws -> Tensor {
        func modulated(_ name: String, _ x: Tensor, _ builder: inout NetworkBuilder) throws -> Tensor {
            let shared = try builder.convolution(name + ".shared", makeup, activation: .relu)
            let maps = try builder.convolution(name + ".gamma_beta", shared, activation: .none)
            return try builder.modulate(name, x, maps: maps)
        }
        let y = try builder.convolution(
            name + ".convolution1", modulated(name + ".modulation1", x, &builder), activation: .none)
        let z = try modulated(name + ".modulation2", y, &builder)
        let added = hasShortcut ? try builder.convolution(name + ".shortcut", x, kernel: 1, activation: .none) : x
        return try builder.convolution(name + ".convolution2", z, activation: .none, residual: added)
    }
}
