/// Content encoder Ec (SSAT, section 3.2): picture 128x128x12 (space to depth) to maps at 128x128x32 and 64x64x64.
/// The makeup encoder has the same form.
struct ContentEncoder {
    let fine, coarse: Tensor

    init(_ name: String = "content_encoder", picture: Tensor, residualBlocks: Int = 2, into builder: inout NetworkBuilder) throws {
        fine = try builder.convolution(name + ".stem", picture)
        var x = try builder.convolution(name + ".down", fine, stride: 2)
        for index in 0..<residualBlocks { x = try builder.residualBlock("\(name).residual.\(index)", x) }
        coarse = x
    }
}
