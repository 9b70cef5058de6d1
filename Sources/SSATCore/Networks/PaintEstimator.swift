import Foundation

/// PaintEstimator: what of an unwrapped face is paint (docs/decisions/0036). A part of the makeup encoder that runs on the UV plane of the mesh: there
/// every texel is the same place of every face. Once a reference, and so in f32: int8 cost 0.015 of the cheeks.
///
/// Threads: one instance per thread.
package final class PaintEstimator {
    private static let size = FaceTexture.size, inputCount = 16, placeCount = 8
    /// Of a texel's colour to the mean skin.
    private static let contrast: Float = 2

    private let network: Network
    private let input, output: Tensor
    /// 64x64x8.
    private var scores = [Float](repeating: 0, count: size * size * 8)
    /// What is to be expected at every texel, as it was learned: 64x64x8.
    private let places: [Float]
    /// Colour of the skin that shows, R'G'B' in 0...1.
    package private(set) var mean = SIMD3<Float>.zero

    /// - Throws: `SafetensorsError` when the weights are not those of this network.
    package init(weights: Safetensors) throws {
        places = try weights.floats(named: "places", shape: [Self.size, Self.size, Self.placeCount])
        var b = NetworkBuilder(weights: weights, precision: .f32)
        input = b.input(height: Self.size, width: Self.size, channels: Self.inputCount, quantization: .identity)
        output = try b.texelNetwork(input, depth: 4) { b, x in
            // The face as one vector, which every cell of 4x4 reads.
            let whole = try b.convolution("whole", x, kernel: 4, valid: true)
            return try b.convolution("with_whole", b.concatenate([x, b.upsample(b.upsample(whole))]), kernel: 1)
        }
        guard output.channels == 8 else { throw SafetensorsError.malformed("PaintEstimator weights", "\(output.channels) scores") }
        network = b.build()
    }

    /// Looks at a face and at its mirror image, for `skinPaint` and `lipPaint`: the mean of both is nearer than either (docs/decisions/0040).
    package func run(_ texture: FaceTexture) {
        mean = .zero
        var count: Float = 0
        for i in texture.colours.indices where texture.showsSkin[i] {
            mean += texture.colours[i]
            count += 1
        }
        mean /= max(count, 1)
        for i in scores.indices { scores[i] = 0 }
        look(at: texture) { $0 }
        look(at: texture, from: FaceTexture.mirrored)
    }

    /// - Parameter source: the texel of the face that a texel shows.
    private func look(at texture: FaceTexture, from source: (Int) -> Int) {
        for i in texture.colours.indices { store(texture, source(i), at: i) }
        network.run()
        for i in texture.colours.indices {
            let values = network.floats(output) + i / Self.size * output.rowStride + i % Self.size * output.pixelStride
            for k in 0..<8 { scores[source(i) * 8 + k] += values[k] / 2 }
        }
    }

    private func store(_ texture: FaceTexture, _ i: Int, at texel: Int) {
        let values = network.floats(input) + texel / Self.size * input.rowStride + texel % Self.size * input.pixelStride
        let seen: Float = texture.showsSkin[i] || texture.showsLips[i] ? 1 : 0
        let apart = (texture.colours[i] - mean) * Self.contrast
        for c in 0..<3 {
            values[c] = min(max(apart[c], -1), 1) * seen
            values[3 + c] = mean[c] * 2 - 1
        }
        (values[6], values[7]) = (texture.showsSkin[i] ? 1 : 0, texture.showsLips[i] ? 1 : 0)
        for k in 0..<Self.placeCount { values[8 + k] = places[texel * Self.placeCount + k] }
    }

    /// One of the eight scores of a texel.
    package func score(_ texel: Int, _ channel: Int) -> Float { scores[texel * 8 + channel] }

    /// Opacity, and flat R'G'B' times that, by texel: 64x64x4.
    package var skinPaint: [Float] { (0..<Self.size * Self.size).flatMap { texel in (0..<4).map { paint(texel, 0)[$0] } } }

    /// The mean over the lips that show; nothing where none do.
    package func lipPaint(_ texture: FaceTexture) -> SIMD4<Float> {
        var sum = SIMD4<Float>.zero, count: Float = 0
        for texel in 0..<Self.size * Self.size where texture.showsLips[texel] {
            sum += paint(texel, 4)
            count += 1
        }
        return count > 0 ? sum / count : .zero
    }

    private func paint(_ texel: Int, _ first: Int) -> SIMD4<Float> {
        let opacity = 1 / (1 + exp(-score(texel, first + 3)))
        var paint = SIMD4<Float>(opacity, 0, 0, 0)
        for c in 0..<3 { paint[1 + c] = opacity * (mean[c] + score(texel, first + c)) }
        return paint
    }
}
