import CKernels
import Foundation

/// A face as the detector sees it, in pixels of the picture it was given.
public struct Detection: Sendable {
    public var score: Float
    public var low, high: SIMD2<Float>
    public var points: Points

    /// Picture order for an upright face: the eye on the left is the person's right one.
    public struct Points: Sendable {
        public var rightEye, leftEye, nose, rightMouth, leftMouth: SIMD2<Float>

        package init(rightEye: SIMD2<Float>, leftEye: SIMD2<Float>, nose: SIMD2<Float>, rightMouth: SIMD2<Float>, leftMouth: SIMD2<Float>) {
            (self.rightEye, self.leftEye, self.nose, self.rightMouth, self.leftMouth) = (rightEye, leftEye, nose, rightMouth, leftMouth)
        }

        var all: [SIMD2<Float>] { [rightEye, leftEye, nose, rightMouth, leftMouth] }
    }

    package init(score: Float, low: SIMD2<Float>, high: SIMD2<Float>, points: Points) {
        (self.score, self.low, self.high, self.points) = (score, low, high, points)
    }

    mutating func move(by t: Similarity) {
        (low, high) = (t.apply(low), t.apply(high))
        points = Points(
            rightEye: t.apply(points.rightEye), leftEye: t.apply(points.leftEye), nose: t.apply(points.nose), rightMouth: t.apply(points.rightMouth),
            leftMouth: t.apply(points.leftMouth))
    }

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
    let network: Network
    /// Who shares the work; nil: this thread alone.
    package var team: WorkerTeam? { didSet { network.team = team } }
    private let precision: Precision
    private let picture: Tensor
    package let heads: [Tensor]
    private var found: [Detection] = []

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
        found.reserveCapacity(Self.cellsExpected)
    }

    /// Cells that hold a face, a dozen for each and more where much looks like one: so that none asks for memory later.
    private static let cellsExpected = 512

    /// From this score on it is worth a look: half a face at the picture's edge has less than half (docs/decisions/0055).
    package static let leastScore: Float = 0.44

    /// - Parameter rgb: 320x320x3 R'G'B' bytes.
    /// - Parameter kept: becomes the faces, best first, overlapping ones removed.
    package func run(_ rgb: UnsafePointer<UInt8>, threshold: Float = leastScore, into kept: inout [Detection]) {
        let size = Int32(Self.size)
        if precision == .int8 {
            ssat_picture_to_tensor_u8(rgb, size, network.bytes(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
        } else {
            ssat_picture_to_tensor_f32(rgb, size, network.floats(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
        }
        network.run()
        let logit = log(threshold / (1 - threshold))
        found.removeAll(keepingCapacity: true)
        for (index, head) in heads.enumerated() {
            let stride = Float(8 << index)
            for y in 0..<head.height {
                for x in 0..<head.width {
                    let m = network.floats(head) + y * head.rowStride + x * head.pixelStride
                    if m[0] < logit { continue }
                    let c = SIMD2(Float(x) + 0.5, Float(y) + 0.5) * stride
                    func point(_ index: Int) -> SIMD2<Float> { c + SIMD2(m[5 + 2 * index], m[6 + 2 * index]) * stride }
                    found.append(
                        Detection(
                            score: 1 / (1 + exp(-m[0])), low: c - SIMD2(m[1], m[2]) * stride, high: c + SIMD2(m[3], m[4]) * stride,
                            points: Detection.Points(
                                rightEye: point(0), leftEye: point(1), nose: point(2), rightMouth: point(3), leftMouth: point(4))))
                }
            }
        }
        found.sortInPlace { $0.score > $1.score }
        kept.removeAll(keepingCapacity: true)
        for f in found where kept.allSatisfy({ $0.overlap(f) < 0.4 }) { kept.append(f) }
    }

    package func value(_ head: Int, _ y: Int, _ x: Int, _ c: Int) -> Float {
        network.floats(heads[head])[y * heads[head].rowStride + x * heads[head].pixelStride + c]
    }
}
