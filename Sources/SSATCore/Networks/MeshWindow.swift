import CKernels

/// A part of the face that MeshRefiner looks at closely: a square of the aligned crop, in its own pixels, and the landmarks in it.
///
/// Threads: one instance per thread.
final class MeshWindow: @unchecked Sendable {
    /// Of one side of the face: those whose mean the window lies about, and those that are refined.
    struct Landmarks {
        let anchors, refined: [Int]
        var isOfMesh: Bool { !anchors.isEmpty && (anchors + refined).allSatisfy { (0..<478).contains($0) } }
    }

    let network: Network
    /// Of the face as it is; and in the mirror, where the other side's take their places.
    let own, mirrored: Landmarks
    /// By refined landmark, the share of the way that it is moved: less toward the rim, so that the mesh does not tear.
    let shares: [Float]
    /// Where the refined landmarks were found last, in pixels of the crop that was looked at.
    private(set) var found: [SIMD2<Float>]
    /// Pixels: of its sides, and how far it lies above the anchors.
    private let side: Int, above: Float
    private let precision: Precision
    private let picture, points: Tensor
    private var pixels: [UInt8]

    /// - Throws: `SafetensorsError` when the weights are not those of this network.
    init(_ name: String, side: Int, above: Float, weights: Safetensors, precision: Precision, instructionSet: InstructionSet) throws {
        (self.side, self.above, self.precision) = (side, above, precision)
        var b = NetworkBuilder(weights: weights, precision: precision, instructionSet: instructionSet)
        picture = b.input(height: side / 2, width: side / 2, channels: 12, quantization: Quantization(scale: 1 / 127.5, zeroPoint: 127.5))
        var x = try b.convolution("\(name).stem", picture, activation: .relu)
        x = try b.residualBlock("\(name).residual1", b.convolution("\(name).down1", x, stride: 2, activation: .relu), activation: .relu)
        x = try b.convolution("\(name).down2", x, stride: 2, activation: .relu)
        for index in 0..<2 { x = try b.residualBlock("\(name).residual2.\(index)", x, activation: .relu) }
        x = try b.residualBlock("\(name).residual3", b.convolution("\(name).down3", x, stride: 2, activation: .relu), activation: .relu)
        let gathered = try b.convolution("\(name).gather", x, kernel: 1, activation: .relu)
        points = try b.convolution("\(name).points", gathered, kernel: side / 16, activation: .none, floatOutput: true, valid: true)
        network = b.build()
        func landmarks(_ end: String) throws -> [Int] { try weights.int32s(named: "\(name).\(end)", shape: nil).map(Int.init) }
        own = Landmarks(anchors: try landmarks("anchors"), refined: try landmarks("landmarks"))
        mirrored = Landmarks(anchors: try landmarks("mirrored_anchors"), refined: try landmarks("mirrored_landmarks"))
        shares = try weights.floats(named: "\(name).shares", shape: [own.refined.count])
        guard points.channels == 2 * shares.count, points.height == 1, points.width == 1, own.isOfMesh, mirrored.isOfMesh,
            mirrored.refined.count == shares.count
        else { throw SafetensorsError.malformed("MeshRefiner weights", "\(points.channels) values for \(shares.count) landmarks") }
        found = [SIMD2<Float>](repeating: .zero, count: shares.count)
        pixels = [UInt8](repeating: 0, count: side * side * 3)
    }

    /// Looks for the refined landmarks, into `found`.
    /// - Parameters:
    ///   - crop: 256x256x3 R'G'B' bytes.
    ///   - landmarks: 478 points in crop pixels, as far as they are known.
    ///   - isMirrored: whether the crop is looked at in the mirror, for the other side of the face.
    func look(at crop: UnsafePointer<UInt8>, landmarks: [SIMD2<Float>], isMirrored: Bool) {
        let corner = corner(landmarks, isMirrored)
        cut(crop, corner, isMirrored)
        if precision == .int8 {
            ssat_picture_to_tensor_u8(pixels, Int32(side), network.bytes(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
        } else {
            ssat_picture_to_tensor_f32(pixels, Int32(side), network.floats(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
        }
        network.run()
        let values = network.floats(points), half = Float(side) / 2
        for i in found.indices {
            let at = SIMD2(values[2 * i] + 1, values[2 * i + 1] + 1) * half + SIMD2(Float(corner.x), Float(corner.y))
            found[i] = isMirrored ? SIMD2(255 - at.x, at.y) : at
        }
    }

    /// The upper left corner in whole pixels of the crop, or of the crop in the mirror.
    private func corner(_ landmarks: [SIMD2<Float>], _ isMirrored: Bool) -> SIMD2<Int> {
        let anchors = isMirrored ? mirrored.anchors : own.anchors
        var middle = SIMD2<Float>.zero
        for index in anchors { middle += landmarks[index] }
        middle /= Float(anchors.count)
        if isMirrored { middle.x = 255 - middle.x }
        let place = middle - SIMD2(Float(side) / 2, Float(side) / 2 + above) + 0.5
        // Whatever the landmarks are; beyond the crop there is its edge only.
        let near = pointwiseMin(pointwiseMax(place, SIMD2(-512, -512)), SIMD2(512, 512)).rounded(.down)
        return SIMD2(Int(near.x), Int(near.y))
    }

    /// The window's pixels, the crop's edges repeated.
    private func cut(_ crop: UnsafePointer<UInt8>, _ corner: SIMD2<Int>, _ isMirrored: Bool) {
        pixels.withUnsafeMutableBufferPointer { out in
            for y in 0..<side {
                let row = min(max(corner.y + y, 0), 255) * 256
                for x in 0..<side {
                    let column = min(max(corner.x + x, 0), 255), from = (row + (isMirrored ? 255 - column : column)) * 3
                    for c in 0..<3 { out[(y * side + x) * 3 + c] = crop[from + c] }
                }
            }
        }
    }
}
