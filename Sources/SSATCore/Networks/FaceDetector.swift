import CKernels
import Foundation

/// A face as the detector sees it, in pixels of the picture it was given.
public struct Detection: Sendable {
    public var score: Float
    public var low, high: SIMD2<Float>
    /// Eyes, nose tip, mouth corners; picture order for an upright face.
    public var points: [SIMD2<Float>]

    func overlap(_ other: Detection) -> Float {
        let size = pointwiseMax(pointwiseMin(high, other.high) - pointwiseMax(low, other.low), .zero)
        let shared = size.x * size.y
        func area(_ d: Detection) -> Float { (d.high.x - d.low.x) * (d.high.y - d.low.y) }
        return shared / max(area(self) + area(other) - shared, 1e-6)
    }
}

/// FaceDetector: a 320x320 picture to faces of about 16 px and more. Anchor-free, strides 8, 16 and 32.
///
/// Threads: one instance per thread.
package final class FaceDetector: @unchecked Sendable {
    package static let size = 320
    private let network: Network
    /// Who shares the work; nil: this thread alone.
    package var team: WorkerTeam? { didSet { network.team = team } }
    private let precision: Precision
    private let picture: Tensor
    package let heads: [Tensor]

    package init(weights: Safetensors, precision: Precision, instructionSet: InstructionSet = .current) throws {
        self.precision = precision
        var b = NetworkBuilder(weights: weights, precision: precision, instructionSet: instructionSet)
        picture = b.input(height: 160, width: 160, channels: 12, quantization: Quantization(scale: 1 / 127.5, zeroPoint: 127.5))
        let stem = try b.convolution("stem", picture, stride: 2, activation: .relu)
        let c8 = try b.residualBlock("residual8", b.convolution("down8", stem, stride: 2, activation: .relu), activation: .relu)
        let c16 = try b.residualBlock("residual16", b.convolution("down16", c8, stride: 2, activation: .relu), activation: .relu)
        let c32 = try b.residualBlock("residual32", b.convolution("down32", c16, stride: 2, activation: .relu), activation: .relu)
        let n16 = try b.convolution("neck16", b.concatenate([b.upsample(c32), c16]), activation: .relu)
        let n8 = try b.convolution("neck8", b.concatenate([b.upsample(n16), c8]), activation: .relu)
        heads = [
            try b.convolution("head8", n8, activation: .none, floatOutput: true),
            try b.convolution("head16", n16, activation: .none, floatOutput: true),
            try b.convolution("head32", c32, activation: .none, floatOutput: true),
        ]
        network = b.build()
    }

    /// - Parameter rgb: 320x320x3 R'G'B' bytes.
    /// - Returns: faces, best first, overlapping ones removed.
    package func run(_ rgb: UnsafePointer<UInt8>, threshold: Float = 0.5) -> [Detection] {
        let size = Int32(Self.size)
        if precision == .int8 {
            ssat_picture_to_tensor_u8(rgb, size, network.bytes(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
        } else {
            ssat_picture_to_tensor_f32(rgb, size, network.floats(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
        }
        network.run()
        let logit = log(threshold / (1 - threshold))
        var found: [Detection] = []
        for (stride, head) in zip([Float(8), 16, 32], heads) {
            for y in 0..<head.height {
                for x in 0..<head.width {
                    let m = network.floats(head) + y * head.rowStride + x * head.pixelStride
                    if m[0] < logit { continue }
                    let c = SIMD2(Float(x) + 0.5, Float(y) + 0.5) * stride
                    found.append(
                        Detection(
                            score: 1 / (1 + exp(-m[0])), low: c - SIMD2(m[1], m[2]) * stride, high: c + SIMD2(m[3], m[4]) * stride,
                            points: (0..<5).map { c + SIMD2(m[5 + 2 * $0], m[6 + 2 * $0]) * stride }))
                }
            }
        }
        found.sort { $0.score > $1.score }
        var kept: [Detection] = []
        for f in found where kept.allSatisfy({ $0.overlap(f) < 0.4 }) { kept.append(f) }
        return kept
    }

    package func value(_ head: Int, _ y: Int, _ x: Int, _ c: Int) -> Float {
        network.floats(heads[head])[y * heads[head].rowStride + x * heads[head].pixelStride + c]
    }
}
