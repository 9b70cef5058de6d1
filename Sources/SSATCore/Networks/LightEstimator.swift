import Foundation

/// LightEstimator: of what is bright in a crop, what light it stands in (docs/decisions/0059). 13 numbers in, two layers of 32, three out; f32.
///
/// Threads: any.
package struct LightEstimator: Sendable {
    private static let width = 32, inputCount = 13
    private static let slope: Float = 0.1
    /// Of brightness: what is darker is noise.
    private static let least: Float = 1 / 255

    /// Columns of the weights, one of every input.
    private let first, second: [SIMD32<Float>], last: [SIMD4<Float>]
    private let firstBias, secondBias: SIMD32<Float>, lastBias: SIMD4<Float>

    /// - Throws: `SafetensorsError` when the weights are not those of this network.
    package init(weights: Safetensors) throws {
        func columns<V: SIMD<Float>>(_ name: String, _ outputs: Int, _ inputs: Int) throws -> [V] {
            let values = try weights.floats(named: name + ".weight", shape: [outputs, inputs])
            return (0..<inputs).map { input in
                var column = V()
                for output in 0..<outputs { column[output] = values[output * inputs + input] }
                return column
            }
        }
        func bias<V: SIMD<Float>>(_ name: String, _ outputs: Int) throws -> V {
            var bias = V()
            for (output, value) in try weights.floats(named: name + ".bias", shape: [outputs]).enumerated() { bias[output] = value }
            return bias
        }
        (first, firstBias) = (try columns("layers.0", Self.width, Self.inputCount), try bias("layers.0", Self.width))
        (second, secondBias) = (try columns("layers.2", Self.width, Self.width), try bias("layers.2", Self.width))
        (last, lastBias) = (try columns("layers.4", 3, Self.width), try bias("layers.4", 3))
    }

    /// Logarithms of how much of the usual R', G' and B' the light has.
    package func logarithms(_ brightness: Brightness) -> SIMD3<Float> {
        var hidden = firstBias, next = secondBias, light = lastBias
        func add(_ part: Int, _ bright: SIMD4<Float>) {
            for k in 0..<4 where bright[k] > 0 { hidden += first[part * 4 + k] * log(max(bright[k], Self.least)) }
        }
        add(0, brightness.face)
        add(1, brightness.eyesAndMouth)
        add(2, brightness.picture)
        if brightness.eyesAndMouth.x > 0 { hidden += first[Self.inputCount - 1] }
        hidden.replace(with: hidden * Self.slope, where: hidden .< 0)
        for i in 0..<Self.width { next += second[i] * hidden[i] }
        next.replace(with: next * Self.slope, where: next .< 0)
        for i in 0..<Self.width { light += last[i] * next[i] }
        return SIMD3(light.x, light.y, light.z)
    }
}

extension LightEstimator {
    /// From which difference of light on it is believed, and from which on wholly: logarithms, of how much there is and of its colour. In the same light people
    /// and their surroundings differ by as much as the first.
    private struct Gate {
        let level, colour: ClosedRange<Float>

        static let reference = Gate(level: 0.28...0.4, colour: 0.14...0.22)
        static let source = Gate(level: 0.35...0.5, colour: 0.2...0.3)

        func believed(_ apart: SIMD3<Float>) -> SIMD3<Float> {
            let level = FaceColours.luma(apart), colour = apart - level
            return level * Self.share(abs(level), self.level) + colour * Self.share(max(colour.max(), -colour.min()), self.colour)
        }

        private static func share(_ apart: Float, _ range: ClosedRange<Float>) -> Float {
            min(max((apart - range.lowerBound) / (range.upperBound - range.lowerBound), 0), 1)
        }
    }

    /// Of a brighter light makeup is brighter up to here.
    private static let mostLight: Float = 1.25

    /// How much of the usual R', G' and B' the light of a reference has; 1 where it is not clearly another.
    package func light(ofReference brightness: Brightness) -> SIMD3<Float> {
        guard brightness.picture.w > 0 else { return .one }
        return Self.factors(Gate.reference.believed(Self.noDimmer(logarithms(brightness), than: brightness.lumaRatio(to: .usual))))
    }

    /// By how much the red, green and blue of makeup change from the light of a reference to that of a face; 1 where they are not clearly different.
    package func light(of brightness: Brightness, against reference: Brightness) -> SIMD3<Float> {
        guard brightness.picture.w > 0, reference.picture.w > 0 else { return .one }
        let apart = Self.noDimmer(logarithms(brightness) - logarithms(reference), than: brightness.lumaRatio(to: reference))
        return pointwiseMin(Self.factors(Gate.source.believed(apart)), SIMD3(repeating: Self.mostLight))
    }

    /// Whatever is bright says that the light is good: white of the eyes, teeth or a wall speak for dark skin.
    private static func noDimmer(_ apart: SIMD3<Float>, than brightest: Float) -> SIMD3<Float> {
        apart + max(log(min(brightest, 1) / FaceColours.luma(factors(apart))), 0)
    }

    private static func factors(_ logarithms: SIMD3<Float>) -> SIMD3<Float> { SIMD3(exp(logarithms.x), exp(logarithms.y), exp(logarithms.z)) }
}
