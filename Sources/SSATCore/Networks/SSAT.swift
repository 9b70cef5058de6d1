import CKernels
import Foundation

/// The live SSAT network: encoders, fusion, correspondence and decoder over 256x256 aligned crops.
///
/// Threads: one instance per thread; create several for several frames at once, which may share their weights.
package final class SSAT: @unchecked Sendable {
    package static let size = 256

    let network: Network
    /// What `network` was built by: another one is built for an instance that shares the weights.
    private let builder: NetworkBuilder
    /// Who shares the work; nil: this thread alone.
    package var team: WorkerTeam? { didSet { network.team = team } }
    /// Whether all of the crop that was encoded last is there.
    private var isWhole = false
    /// Steps of the per-frame encoders, of the makeup encoder (for a reference only), of the decoder.
    let encoding, makeupEncoding, decoding: Range<Int>
    private let precision: Precision
    private let temperature: Float
    private let kernels: UnsafePointer<ssat_kernels>
    private let picture, parsing, uvFeatures, keys, makeup, colours, gate, head: Tensor
    /// What `makeLook` needs, where it was asked for.
    private let reference: (skinMap: Tensor, makeupFeatures: Tensor)?
    package let correspondence = Box()

    private let assembler: ChangeAssembler
    /// Reference colour carried to every 64x64 cell of the source, in [-1, 1]; 0 where none was. Of the last `transfer`.
    package private(set) var warped = [Float](repeating: 0, count: 64 * 64 * 3)
    private var rows = WeightedRows()
    /// Columns of every row of the gates and of the head that were wanted for the last crop that was encoded with a margin: no other values of
    /// what is kept of it mean anything.
    private var wantedGate = [Range<Int>](repeating: 0..<0, count: 64), wantedHead = [Range<Int>](repeating: 0..<0, count: 128)
    private var reduced = [UInt8](repeating: 0, count: size * size)
    /// Of the crop that was encoded last. Measured anew each time: a video's frames have those of their tracks.
    package var faceColours: FaceColours { assembler.faceColours(classes: reduced) }

    /// Hides the correspondence type from the package interface.
    package final class Box { let value = SymmetricCorrespondence() }

    /// - Parameter makesLooks: whether references are encoded, too; the makeup encoder is most of the memory.
    /// - Throws: `SafetensorsError` when the weights lack a layer or have another shape.
    package init(weights: Safetensors, precision: Precision, instructionSet: InstructionSet = .current, makesLooks: Bool = true) throws {
        self.precision = precision
        kernels = instructionSet.kernels ?? InstructionSet.reference.kernels!
        temperature = try weights.floats(named: "temperature", shape: [1])[0]
        assembler = try ChangeAssembler()

        var builder = NetworkBuilder(weights: weights, precision: precision, instructionSet: instructionSet)
        let pixel = Quantization(scale: 1 / 127.5, zeroPoint: 127.5)
        picture = builder.input(height: 128, width: 128, channels: 12, quantization: pixel)
        parsing = builder.input(height: 128, width: 128, channels: 40, quantization: .identity)
        uvFeatures = builder.input(
            height: 64, width: 64, channels: 13, quantization: Quantization(scale: 1 / 127, zeroPoint: 128))
        let content = try ContentEncoder(picture: picture, into: &builder)
        let semantic = try SemanticEncoder(parsing: parsing, uvFeatures: uvFeatures, into: &builder)
        keys = try FeatureFusion(content: content, semantic: semantic, uvFeatures: uvFeatures, into: &builder).keys
        encoding = builder.endStage()
        if makesLooks {
            let skin = builder.input(height: 64, width: 64, channels: 3, quantization: Quantization(scale: 1 / 127, zeroPoint: 128))
            reference = (
                skin, try MakeupEncoder(picture: picture, content: content, semantic: semantic, skin: skin, into: &builder).features)
        } else {
            reference = nil
        }
        makeupEncoding = builder.endStage()
        makeup = builder.input(
            height: 64, width: 64, channels: 64, quantization: try builder.quantization("decoder.makeup"))
        colours = builder.input(
            height: 64, width: 64, channels: Decoder.colourCount, quantization: try builder.quantization("decoder.colours"))
        let decoder = try Decoder(content: content, semantic: semantic, colours: colours, makeup: makeup, into: &builder)
        gate = decoder.gate
        head = decoder.head
        decoding = builder.endStage()
        network = builder.build()
        self.builder = builder
        let features = reference?.makeupFeatures.channels ?? MakeupEncoder.lipPaint.upperBound
        guard features == MakeupEncoder.lipPaint.upperBound, gate.channels == Decoder.gateCount, head.channels == 12 else {
            throw SafetensorsError.malformed("SSAT weights", "\(features) makeup features, \(gate.channels) gates, \(head.channels) head values")
        }
    }

    /// Another one with memory of its own for what it computes.
    package init(sharingWeightsOf other: SSAT) {
        (builder, precision, temperature, kernels) = (other.builder, other.precision, other.temperature, other.kernels)
        (encoding, makeupEncoding, decoding) = (other.encoding, other.makeupEncoding, other.decoding)
        (picture, parsing, uvFeatures, keys) = (other.picture, other.parsing, other.uvFeatures, other.keys)
        (makeup, colours, gate, head, reference) = (other.makeup, other.colours, other.gate, other.head, other.reference)
        assembler = ChangeAssembler(sharingWeightsOf: other.assembler)
        network = builder.build()
    }

    /// Content, semantics and keys of a crop.
    /// - Parameters:
    ///   - crop: 256x256x3 R'G'B' bytes.
    ///   - classes: 256x256 `FaceClass` values.
    ///   - uv: 64x64x13 UV features of the mesh.
    ///   - weight: that of the `transfer` to come: 0 where its change is not wanted, and so not computed. Nil: everything is, as `makeLook` needs it.
    ///   - eyes: rows in which the residual counts; it is not computed elsewhere.
    ///   - withMargin: whether a `Prediction` will be kept, which has more than the weight covers.
    package func encode(
        crop: UnsafePointer<UInt8>, classes: UnsafePointer<UInt8>, uv: UnsafePointer<Float>, for weight: UnsafePointer<Float>? = nil,
        eyes: EyeRows = .everywhere, withMargin: Bool = false
    ) {
        let size = Int32(Self.size)
        for i in 0..<Self.size * Self.size { reduced[i] = classes[i] == FaceClass.cover.rawValue ? FaceClass.innerMouth.rawValue : classes[i] }
        if precision == .int8 {
            ssat_picture_to_tensor_u8(crop, size, network.bytes(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
            ssat_parsing_to_tensor_u8(reduced, size, 10, network.bytes(parsing), Int32(parsing.rowStride), Int32(parsing.pixelStride))
        } else {
            ssat_picture_to_tensor_f32(crop, size, network.floats(picture), Int32(picture.rowStride), Int32(picture.pixelStride))
            ssat_parsing_to_tensor_f32(reduced, size, 10, network.floats(parsing), Int32(parsing.rowStride), Int32(parsing.pixelStride))
        }
        for y in 0..<64 {
            for x in 0..<64 { store(uv + (y * 64 + x) * 13, 13, uvFeatures, y, x) }
        }
        assembler.look(at: crop, classes: classes)
        correspondence.value.choosePositions(classes)
        isWhole = weight == nil
        if let weight { want(weight, eyes, withMargin: withMargin) } else { network.wantEverything() }
        network.run(encoding)
        correspondence.value.prepare(keys: network.floats(keys), rowStride: keys.rowStride, pixelStride: keys.pixelStride)
    }

    /// The keys of the face's cells, and where there is weight the gates, and around the eyes the residual.
    private func want(_ weight: UnsafePointer<Float>, _ eyes: EyeRows, withMargin: Bool) {
        network.wantNothing()
        let margin = withMargin ? Prediction.margin : 0
        rows.measure(weight, margin: margin)
        for position in correspondence.value.positions {
            let x = Int(position) % 64
            network.want(keys, row: Int(position) / 64, columns: x..<x + 1)
        }
        for y in 0..<Self.size {
            guard let first = rows.columns[y].first, let last = rows.columns[y].last else { continue }
            if eyes.reach(y, margin: margin) { network.want(head, row: y / 2, columns: first / 2..<last / 2 + 1) }
            // Gates are interpolated between cells.
            for cell in y / 4 - 1...y / 4 + 1 { network.want(gate, row: cell, columns: first / 4 - 1..<last / 4 + 2) }
        }
        if withMargin {  // Before they are widened for the kernels.
            for y in wantedGate.indices { wantedGate[y] = network.wanted(gate, row: y) }
            for y in wantedHead.indices { wantedHead[y] = network.wanted(head, row: y) }
        }
        network.wantInputs(of: decoding)
        network.wantInputs(of: encoding)
        network.align()
    }

    /// The look of the crop that was encoded last, all of it.
    /// - Parameters:
    ///   - complexion: of that crop; nil: as the mean of its skin.
    ///   - paint: what was found on its skin and its lips; nil: nothing to lay on, and what the makeup encoder believes.
    ///   - lidsShown: how much of what its lids wear is known, 0...1.
    ///   - uv: 64x64, where the crop's cells lie on the mesh; negative outside. For `paint`.
    package func makeLook(
        complexion: Complexion? = nil, paint: (skin: PaintTexture, lips: SIMD4<Float>)? = nil, lidsShown: Float = 1, uv: [SIMD2<Float>] = []
    ) -> Look {
        guard let (skinMap, makeupFeatures) = reference else { preconditionFailure("made for faces only") }
        precondition(isWhole, "a look needs the whole crop")
        let face = assembler.faceColours(classes: reduced, fewestLipPixels: FaceColours.fewestOfReference), own = face.skin
        withUnsafeBytes(of: (own.x, own.y, own.z)) {
            let colour = $0.bindMemory(to: Float.self).baseAddress!
            for cell in 0..<64 * 64 { store(colour, 3, skinMap, cell / 64, cell % 64) }
        }
        network.run(makeupEncoding)
        let positions = correspondence.value.positions
        let features = network.floats(makeupFeatures)
        var values: [Float] = []
        values.reserveCapacity(positions.count * 64)
        for position in positions {
            let y = Int(position) / 64, x = Int(position) % 64
            let f = features + y * makeupFeatures.rowStride + x * makeupFeatures.pixelStride
            for c in 0..<MakeupEncoder.paint.upperBound { values.append(f[c]) }
            if let paint {
                let place = uv[Int(position)], worn = place.x >= 0 ? paint.skin.paint(at: place) : .zero
                for c in 0..<4 { values[values.count - 4 + c] = worn[c] }
            }
            for c in 0..<3 { values.append(assembler.average[Int(position) * 3 + c] * 2) }
        }
        var normalized = [Float](repeating: 0, count: positions.count * 64)
        SymmetricCorrespondence.normalize(
            network.floats(keys), rowStride: keys.rowStride, pixelStride: keys.pixelStride, positions: positions,
            into: &normalized)
        return Look(
            keys: normalized, values: values, colours: face, complexion: complexion ?? Complexion(middle: face.skin),
            paint: paint?.skin ?? .bare, lipPaint: paint?.lips ?? lipPaint(makeupFeatures), lidsShown: lidsShown)
    }

    /// Mean of what the lips of the crop that was encoded last wear, every cell by its share of lips; nothing where none show.
    private func lipPaint(_ makeupFeatures: Tensor) -> SIMD4<Float> {
        let features = network.floats(makeupFeatures)
        var sum = SIMD4<Float>.zero, total: Float = 0
        for cell in 0..<64 * 64 {
            let count = Float(FaceColours.count(inCell: cell, reduced, FaceClass.isLip))
            let f = features + cell / 64 * makeupFeatures.rowStride + cell % 64 * makeupFeatures.pixelStride + MakeupEncoder.lipPaint.lowerBound
            sum += SIMD4(f[0], f[1], f[2], f[3]) * count
            total += count
        }
        return total > 0 ? sum / total : .zero
    }

    /// The change that gives the crop that was encoded last the makeup of `look`.
    /// - Parameters:
    ///   - own: the source's colours (smoothed by the caller).
    ///   - uv: 64x64, where the crop's cells lie on the mesh; negative outside.
    ///   - eyes: of `uv`, where it is known; those of `encode`, or fewer.
    ///   - toned: as `ChangeAssembler.lay` has it.
    ///   - weight: 256x256, 0..1: where makeup goes and how strong. 0 wherever that of `encode` was.
    ///   - change: 256x256x3 R'G'B' differences, in units of full scale.
    ///   - follows: 256x256x2, by how much the change follows the crop's own luma, and its chroma.
    ///   - prediction: what it is made of is kept there, for frames to come; then `encode` was told so.
    package func transfer(
        _ look: Look, on own: FaceColours, uv: [SIMD2<Float>], eyes: EyeRows? = nil, toned: Float = 0, weight: UnsafePointer<Float>,
        change: UnsafeMutablePointer<Float>, follows: UnsafeMutablePointer<Float>? = nil, keeping prediction: Prediction? = nil
    ) {
        clear(makeup)
        for i in warped.indices { warped[i] = 0 }
        correspondence.value.warp(look, temperature: temperature, precision: precision, kernels: kernels, team: team) { cell, values in
            store(values, 64, makeup, cell / 64, cell % 64)
            for c in 0..<3 { warped[cell * 3 + c] = values[61 + c] / 2 }
        }
        assembler.lay(look, on: own, warped: warped, uv: uv, eyes: eyes ?? EyeRows(uv: uv), toned: toned)
        assembler.colourMaps.withUnsafeBufferPointer { maps in
            for cell in 0..<64 * 64 { store(maps.baseAddress! + cell * Decoder.colourCount, Decoder.colourCount, colours, cell / 64, cell % 64) }
        }
        network.run(decoding)
        assembler.assemble(gate: map(gate), head: map(head), weight: weight, change: change, follows: follows)
        if let prediction { keep(prediction, uv) }
    }

    private func map(_ tensor: Tensor) -> ChangeAssembler.Map {
        ChangeAssembler.Map(values: network.floats(tensor), row: tensor.rowStride, pixel: tensor.pixelStride)
    }

    /// What the last `transfer` made its change of. `encode` was given a weight, and told of the margin.
    private func keep(_ prediction: Prediction, _ uv: [SIMD2<Float>]) {
        Prediction.fill(&prediction.gate, from: map(gate), channels: gate.channels, computed: wantedGate)
        Prediction.fill(&prediction.head, from: map(head), channels: head.channels, computed: wantedHead)
        prediction.warped.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: warped) }
        prediction.uv.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: uv) }
        prediction.carryOn(from: correspondence.value.positions)
        prediction.setComputed(rows.columns)
    }

    /// Runs the decoder alone on given maps (64x64x64 and 64x64x18), for tests.
    package func decode(makeup values: [Float], colours joined: [Float]) {
        values.withUnsafeBufferPointer { v in
            joined.withUnsafeBufferPointer { j in
                for cell in 0..<64 * 64 {
                    store(v.baseAddress! + cell * 64, 64, makeup, cell / 64, cell % 64)
                    store(j.baseAddress! + cell * Decoder.colourCount, Decoder.colourCount, colours, cell / 64, cell % 64)
                }
            }
        }
        network.run(decoding)
    }

    package func rawKey(_ y: Int, _ x: Int, _ c: Int) -> Float { network.floats(keys)[y * keys.rowStride + x * keys.pixelStride + c] }
    package func rawGate(_ y: Int, _ x: Int, _ c: Int) -> Float { network.floats(gate)[y * gate.rowStride + x * gate.pixelStride + c] }
    package func rawHead(_ y: Int, _ x: Int, _ c: Int) -> Float { network.floats(head)[y * head.rowStride + x * head.pixelStride + c] }
    package func rawMakeup(_ y: Int, _ x: Int, _ c: Int) -> Float {
        let features = reference!.makeupFeatures
        return network.floats(features)[y * features.rowStride + x * features.pixelStride + c]
    }

    private func store(_ values: UnsafePointer<Float>, _ count: Int, _ tensor: Tensor, _ y: Int, _ x: Int) {
        let at = y * tensor.rowStride + x * tensor.pixelStride
        if precision == .int8 {
            ssat_quantize_u8(
                values, Int32(count), 1 / tensor.quantization.scale, Int32(tensor.quantization.zeroPoint), network.bytes(tensor) + at)
        } else {
            (network.floats(tensor) + at).update(from: values, count: count)
        }
    }

    private func clear(_ tensor: Tensor) {
        for y in 0..<tensor.height {
            if precision == .int8 {
                memset(network.bytes(tensor) + y * tensor.rowStride, Int32(tensor.quantization.zeroPoint), tensor.width * tensor.pixelStride)
            } else {
                memset(network.floats(tensor) + y * tensor.rowStride, 0, tensor.width * tensor.pixelStride * 4)
            }
        }
    }
}
