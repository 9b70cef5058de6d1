import CKernels
import Foundation

/// FaceMesh: an aligned 256x256 crop to 478 landmarks (crop pixels), presence, and parsing (`FaceClass`) at 256x256. The parsing is more than half of
/// the work and is asked for by itself.
///
/// Threads: one instance per thread.
package final class FaceMesh: @unchecked Sendable {
    let network: Network
    /// Who shares the work; nil: this thread alone.
    package var team: WorkerTeam? { didSet { network.team = team } }
    private let precision: Precision
    private let picture, points, classes: Tensor
    /// Steps to landmarks and presence; then those of the parsing.
    private let looking, parsingSteps: Range<Int>

    package private(set) var landmarks = [SIMD2<Float>](repeating: .zero, count: 478)
    /// Share of the crop that each `FaceClass` takes, 0...1.
    private var shares = [Float](repeating: 0, count: FaceClass.allCases.count)
    /// Probability that the crop holds a face where it should be, 0...1.
    package private(set) var presence: Float = 0
    /// Columns of every row of the class scores that were chosen, or parsed, last.
    private var parsed = [ssat_span](repeating: ssat_span(start: 0, end: 0), count: 128)
    /// `FaceClass` of every crop pixel.
    package private(set) var parsing = [UInt8](repeating: 0, count: 256 * 256)

    /// - Throws: `SafetensorsError` when the weights are not those of this network.
    package init(weights: Safetensors, precision: Precision, instructionSet: InstructionSet = .current) throws {
        self.precision = precision
        var b = NetworkBuilder(weights: weights, precision: precision, instructionSet: instructionSet)
        picture = b.input(height: 128, width: 128, channels: 12, quantization: Quantization(scale: 1 / 127.5, zeroPoint: 127.5))
        var features = [try b.convolution("stem", picture, activation: .relu)]
        for (level, blocks) in [(1, 1), (2, 2), (3, 2), (4, 1)] {
            var x = try b.convolution("down\(level)", features[level - 1], stride: 2, activation: .relu)
            for index in 0..<blocks { x = try b.residualBlock("residual\(level).\(index)", x, activation: .relu) }
            features.append(x)
        }
        let gathered = try b.convolution("gather", features[4], kernel: 1, activation: .relu)
        points = try b.convolution("points", gathered, kernel: 8, activation: .none, floatOutput: true, valid: true)
        looking = b.endStage()
        var q = features[4]
        for level in [3, 2, 1, 0] {
            q = try b.convolution("up\(level)", b.concatenate([b.upsample(q), features[level]]), activation: .relu)
        }
        classes = try b.convolution("classes", q, kernel: 1, activation: .none, floatOutput: true)
        guard points.channels == 2 * 478 + 1, classes.channels == 4 * FaceClass.allCases.count else {
            throw SafetensorsError.malformed("FaceMesh weights", "\(points.channels) point values and \(classes.channels) class scores")
        }
        parsingSteps = b.endStage()
        network = b.build()
    }

    /// Landmarks, presence and parsing of the whole crop.
    /// - Parameter crop: 256x256x3 R'G'B' bytes.
    package func run(_ crop: UnsafePointer<UInt8>) {
        look(at: crop)
        parse(.crop)
    }

    /// Landmarks and presence.
    /// - Parameter crop: 256x256x3 R'G'B' bytes.
    package func look(at crop: UnsafePointer<UInt8>) {
        if precision == .int8 {
            ssat_picture_to_tensor_u8(crop, 256, network.bytes(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
        } else {
            ssat_picture_to_tensor_f32(crop, 256, network.floats(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
        }
        network.run(looking)
        let p = network.floats(points)
        for i in 0..<478 { landmarks[i] = SIMD2((p[2 * i] + 1) * 128, (p[2 * i + 1] + 1) * 128) }
        presence = 1 / (1 + exp(-p[956]))
    }

    /// How much of a crop is parsed.
    package enum Extent {
        case crop
        /// The mesh and what is within 16 pixels of it.
        case face
        /// Eyes and mouth, and what is within 12 pixels of them.
        case features
    }

    /// Parsing of the crop that was looked at last. What is beyond the extent counts as background.
    package func parse(_ extent: Extent) {
        choose(extent)
        if extent != .crop {
            network.wantInputs(of: parsingSteps)
            network.align()
        }
        network.run(parsingSteps)
        ssat_shuffle_argmax(
            network.floats(classes), 128, Int32(classes.rowStride), Int32(classes.pixelStride), Int32(FaceClass.allCases.count), parsed, &parsing)
        for i in shares.indices { shares[i] = 0 }
        let step = 5
        for i in stride(from: 0, to: parsing.count, by: step) { shares[Int(parsing[i])] += Float(step) / Float(parsing.count) }
    }

    /// What `parse` would parse of the crop that was looked at last, without doing so; then `isChosen` tells.
    func choose(_ extent: Extent) {
        switch extent {
        case .crop: network.wantEverything()
        case .face: want(landmarks.indices, margin: 8)
        case .features: want(Self.eyesAndMouth, margin: 6)
        }
        // Before it is widened for the kernels: what comes out beyond is made of what happens to be there.
        for y in 0..<classes.height { parsed[y] = network.spans[classes.firstSpan + y] }
    }

    /// Whether all of a cell of 4x4 pixels is within what was chosen last.
    func isChosen(x: Int, y: Int) -> Bool {
        (2 * y...2 * y + 1).allSatisfy { parsed[$0].start <= 2 * x && 2 * x + 2 <= parsed[$0].end }
    }

    /// Around some landmarks, which lie closer to each other than the margin reaches, and between them. `margin`: in cells of 2 pixels.
    private func want(_ points: some Sequence<Int>, margin: Int) {
        network.wantNothing(of: parsingSteps)
        for index in points {
            let p = landmarks[index], x = Int(max(min(p.x / 2, 256), -256)), y = Int(max(min(p.y / 2, 256), -256))
            for row in y - margin...y + margin { network.want(classes, row: row, columns: x - margin..<x + margin + 1) }
        }
    }

    private static let eyesAndMouth =
        FaceZones.lipBorder + [
            33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
            263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466,
        ]

    /// Lays what was parsed last over what is known of the rest: 256x256 `FaceClass`.
    func overlay(onto classes: inout [UInt8]) {
        for y in 0..<256 {
            let span = parsed[y / 2]
            for i in y * 256 + 2 * Int(span.start)..<y * 256 + 2 * max(Int(span.end), Int(span.start)) { classes[i] = parsing[i] }
        }
    }

    /// Below it a face that was followed is gone.
    static let leastPresence: Float = 0.35

    /// Whether the parsing shows a face. Presence alone can be fooled by letters or a pattern; those have no parts.
    /// - Parameter starting: asks for more before a face is believed in than to go on following one.
    func showsFace(starting: Bool) -> Bool {
        func share(_ c: FaceClass) -> Float { shares[Int(c.rawValue)] }
        let skin = share(.skin) + share(.nose)
        guard starting else { return presence > Self.leastPresence && skin > 0.06 }
        guard presence > 0.98, share(.cover) < 0.3 else { return false }
        // A mask or a hand hides the mouth, and half of the skin: eyes, brows and the bridge of the nose over it, all of them, say that it is a face.
        let isOverCover = share(.cover) > 0.05 && share(.nose) > 0.003 && share(.eye) > 0.002 && share(.brow) > 0.0025
        if isOverCover, skin > 0.06, agreement > 0.6, uncovered > 0.15 { return true }
        let parts = [share(.nose) > 0.006, share(.eye) > 0.0015, share(.brow) > 0.002, share(.upperLip) + share(.lowerLip) > 0.002]
        return agreement > 0.3 && uncovered > 0.25 && skin > 0.15 && parts.count { $0 } >= 2
    }

    /// Share of the eyes' and lips' landmarks that lie on eyes and lips of the parsing, or on something before them, 0...1. Near
    /// 0 when a face is looked at the wrong way round, where the landmarks fall back on a mean face.
    var agreement: Float { hits(orCover: true) }

    /// The same for eyes and lips that can be seen: sunglasses leave the lips, a mask leaves the eyes. Letters and patterns are
    /// taken for a covered face.
    var uncovered: Float { hits(orCover: false) }

    private func hits(orCover: Bool) -> Float {
        func count(_ points: [Int], _ isKind: (UInt8) -> Bool) -> Int {
            points.count { index in
                let p = landmarks[index]
                guard p.x >= 0, p.y >= 0, p.x < 256, p.y < 256 else { return false }
                let seen = parsing[Int(p.y) * 256 + Int(p.x)]
                return isKind(seen) || orCover && seen == FaceClass.cover.rawValue
            }
        }
        let hits = count(Self.eyePoints) { $0 == FaceClass.eye.rawValue } + count(Self.lipPoints, FaceClass.isLip)
        return Float(hits) / Float(Self.eyePoints.count + Self.lipPoints.count)
    }

    /// Irises; the middle lines of both lips.
    private static let eyePoints = [468, 473, 159, 145, 386, 374], lipPoints = [12, 15, 38, 268, 85, 315]

    /// Raw outputs, for tests: 957 values, and the 128x128 class scores, channel 4 class + 2 (y mod 2) + x mod 2.
    package var rawPoints: UnsafePointer<Float> { UnsafePointer(network.floats(points)) }
    package func rawClass(_ y: Int, _ x: Int, _ c: Int) -> Float {
        network.floats(classes)[y * classes.rowStride + x * classes.pixelStride + c]
    }
}
