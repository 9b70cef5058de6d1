import Foundation

/// EyePaintEstimator: what PaintEstimator found around the eyes, looked at again closely (docs/decisions/0056). A part of the makeup encoder that runs on the windows of
/// `EyeTexture`. Once a reference, and so in f32.
///
/// Threads: one instance per thread.
package final class EyePaintEstimator {
    private static let inputCount = 16, placeCount = 5
    /// Of a texel's colour to the mean skin.
    private static let contrast: Float = 2
    /// Of less the colour of paint is not known.
    private static let leastOpacity: Float = 0.02
    /// Of what is believed: opacities beyond are as sure as these.
    private static let believable: ClosedRange<Float> = 0.01...0.99

    private let network: Network
    private let input, output: Tensor
    /// What is to be expected at every texel of an eye, as it was learned: 48x64x5.
    private let places: [Float]

    /// - Throws: `SafetensorsError` when the weights are not those of this network.
    package init(weights: Safetensors) throws {
        places = try weights.floats(named: "places", shape: [EyeTexture.height, EyeTexture.width, Self.placeCount])
        var b = NetworkBuilder(weights: weights, precision: .f32)
        input = b.input(height: EyeTexture.height, width: EyeTexture.width, channels: Self.inputCount, quantization: .identity)
        output = try b.texelNetwork(input, depth: 3)
        guard output.channels == 4 else { throw SafetensorsError.malformed("EyePaintEstimator weights", "\(output.channels) scores") }
        network = b.build()
    }

    /// Opacity, and flat R'G'B' times that, by texel: 2x48x64x4.
    /// - Parameters:
    ///   - texture: the face's eyes.
    ///   - believed: what PaintEstimator found on it.
    ///   - mean: colour of its skin, R'G'B' in 0...1.
    package func paint(_ texture: EyeTexture, believed: PaintTexture, mean: SIMD3<Float>) -> [Float] {
        var paint = [Float](repeating: 0, count: EyeTexture.count * 4)
        let believed = (0..<EyeTexture.count).map { believed.paint(at: EyeTexture.place(of: $0)) }
        for eye in 0..<2 {
            let first = eye * EyeTexture.texelsOfEye
            for texel in 0..<EyeTexture.texelsOfEye {
                store(texture.colours[first + texel], texture.skin[first + texel], believed[first + texel], mean, at: texel)
            }
            network.run()
            for texel in 0..<EyeTexture.texelsOfEye {
                let found = found(at: texel, believed[first + texel], mean)
                for k in 0..<4 { paint[(first + texel) * 4 + k] = found[k] }
            }
        }
        return paint
    }

    private func store(_ colour: SIMD3<Float>, _ skin: Float, _ believed: SIMD4<Float>, _ mean: SIMD3<Float>, at texel: Int) {
        let values = network.floats(input) + texel / EyeTexture.width * input.rowStride + texel % EyeTexture.width * input.pixelStride
        let apart = (colour - mean) * Self.contrast, paintApart = (Self.colour(of: believed, mean) - mean) * Self.contrast
        for c in 0..<3 {
            values[c] = skin > 0 ? min(max(apart[c], -1), 1) : 0
            values[3 + c] = mean[c] * 2 - 1
            values[8 + c] = min(max(paintApart[c], -1), 1)
        }
        (values[6], values[7]) = (skin, believed.x)
        for k in 0..<Self.placeCount { values[11 + k] = places[texel * Self.placeCount + k] }
    }

    /// Flat colour of opacity and colour times it; that of the skin where there is next to no paint.
    private static func colour(of paint: SIMD4<Float>, _ mean: SIMD3<Float>) -> SIMD3<Float> {
        (SIMD3(paint.y, paint.z, paint.w) + leastOpacity * mean) / (paint.x + leastOpacity)
    }

    private func found(at texel: Int, _ believed: SIMD4<Float>, _ mean: SIMD3<Float>) -> SIMD4<Float> {
        let scores = network.floats(output) + texel / EyeTexture.width * output.rowStride + texel % EyeTexture.width * output.pixelStride
        let sure = min(max(believed.x, Self.believable.lowerBound), Self.believable.upperBound)
        let opacity = 1 / (1 + exp(-(log(sure / (1 - sure)) + scores[3])))
        let colour = Self.colour(of: believed, mean) + SIMD3(scores[0], scores[1], scores[2])
        return SIMD4(opacity, opacity * colour.x, opacity * colour.y, opacity * colour.z)
    }
}
