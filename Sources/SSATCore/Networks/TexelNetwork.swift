extension NetworkBuilder {
    /// What is to be said of the texels of an unwrapped face: down and up again (`TexelNetwork` of Training/ssat_training/networks/paint_estimator.py).
    /// - Parameters:
    ///   - depth: levels down.
    ///   - atLowest: what the lowest block is given of the lowest level.
    mutating func texelNetwork(
        _ input: Tensor, depth: Int, atLowest: (inout NetworkBuilder, Tensor) throws -> Tensor = { $1 }
    ) throws -> Tensor {
        var x = try residualBlock("residual.0", convolution("stem", input))
        var levels = [x]
        for level in 0..<depth {
            x = try residualBlock("residual.\(level + 1)", convolution("down.\(level)", x, stride: 2))
            levels.append(x)
        }
        x = try residualBlock("lowest", atLowest(&self, x))
        for level in (0..<depth).reversed() {
            x = try convolution("merge.\(level)", concatenate([levels[level], upsample(x)]), kernel: 1)
            x = try residualBlock("merged.\(level)", x)
        }
        return try convolution("head", x, activation: .none, floatOutput: true)
    }
}
