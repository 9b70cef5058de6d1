/// Content encoder Ec (SSAT, section 3.2): picture 128x128x12 (space to depth) to maps at 128x128x32 and 64x64x64.
struct ContentEncoder {
    let fine, coarse: Tensor

    init(picture: Tensor, into builder: inout NetworkBuilder) throws {
        fine = try builder.convolution("content_encoder.stem", picture)
        var x = try builder.convolution("content_encoder.down", fine, stride: 2)
        for index in 0..<2 { x = try builder.residualBlock("content_encoder.residual.\(index)", x) }
        coarse = x
    }
}
