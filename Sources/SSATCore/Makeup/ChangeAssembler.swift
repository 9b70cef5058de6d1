import CKernels

/// The face's own side of a change: what is seen of its light, its skin and its lips on the crop, and how the decoder's maps become a change of
/// those pixels.
///
/// Threads: one instance per thread.
package final class ChangeAssembler {
    private static let size = 256
    /// 64x64x3 means of the crop's 4x4 blocks, in [-1, 1].
    package private(set) var average = [Float](repeating: 0, count: 64 * 64 * 3)
    /// 64x64x18, the decoder's colour input (`ssat_colour_maps`).
    private(set) var colourMaps = [Float](repeating: 0, count: 64 * 64 * Decoder.colourCount)
    private var crop = [UInt8](repeating: 0, count: size * size * 3)
    /// Mean luma around every cell, 0...1.
    private var around = [Float](repeating: 0, count: 64 * 64)
    private var skin = [UInt8](repeating: 0, count: 64 * 64)
    /// The lips, softened: 256x256, and its means of 4x4 blocks.
    private var lipsMask = [Float](repeating: 0, count: size * size)
    private var lipsShare = [Float](repeating: 0, count: 64 * 64)
    /// Mean luma around the lips, 0...1.
    private var aroundLips: Float = 0
    private var maskScratch = [Float](repeating: 0, count: size * size)
    private var scratch = [Float](repeating: 0, count: 64 * 64 * 8)
    /// 128x128x4, what the look paints here (`ssat_lay_paint`).
    private var paint = [Float](repeating: 0, count: 128 * 128 * 4)
    private var wide = [Float](repeating: 0, count: Int(SSAT_ASSEMBLE_SCRATCH))
    private var regions = ssat_regions()
    /// The reference as it is in pictures like this one, where those are others than its own: its paint, as `PaintTexture` has it and as the kernels do, and its
    /// colours in every cell, 64x64x3.
    private var gradedValues = [Float](), gradedTexture = [Float](), gradedColours = [Float]()

    /// Share of the lips' mean colour, as seen, in the colour of their paint: what is seen is surer than what is believed.
    private static let seenLipColour: Float = 0.2
    /// So far apart, two skins begin to be told apart on lips, and so far apart, bare lips are told against the skin alone. About dE.
    private static let lipToneTold: Float = 24, lipToneApart: Float = 56
    /// Teeth that show beside lips are bright, and do not make them darker than that on the mean.
    private static let leastLipLight: Float = 0.88

    private let lightEstimator: LightEstimator

    /// - Throws: `SafetensorsError` when the built-in weights are damaged.
    package init() throws { lightEstimator = try LightEstimator(weights: Models.lightEstimator()) }

    /// One for another thread.
    init(sharingWeightsOf other: ChangeAssembler) { lightEstimator = other.lightEstimator }

    /// Takes in a face.
    /// - Parameters:
    ///   - crop: 256x256x3 R'G'B' bytes.
    ///   - classes: 256x256 `FaceClass` values.
    ///   - average: `ssat_average_blocks` of the crop, where it is known.
    package func look(at crop: UnsafePointer<UInt8>, classes: UnsafePointer<UInt8>, average known: [Float]? = nil) {
        self.crop.withUnsafeMutableBufferPointer { $0.baseAddress!.update(from: crop, count: $0.count) }
        if let known {
            average.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: known) }
        } else {
            ssat_average_blocks(crop, &average)
        }
        ssat_luma_around(average, &around, &scratch)
        for cell in 0..<64 * 64 { skin[cell] = FaceColours.count(inCell: cell, classes, FaceClass.isSkin) > 8 ? 1 : 0 }
        markLips(classes)
    }

    package func faceColours(classes: UnsafePointer<UInt8>, fewestLipPixels: Int = FaceColours.fewestLipPixels) -> FaceColours {
        FaceColours.measure(crop: crop, average: average, classes: classes, fewestLipPixels: fewestLipPixels)
    }

    /// A pixel wider than the parsing has them, softened: it finds them a little too narrow, and a bare rim shows more than one painted over.
    private func markLips(_ classes: UnsafePointer<UInt8>) {
        lipsMask.withUnsafeMutableBufferPointer { mask in
            mask.update(repeating: 0)
            FaceClass.forEachPixel(nearLipsOf: classes) { mask[$0] = 1 }
        }
        soften(&lipsMask, &maskScratch, passes: 1)
        var sum: Float = 0, total: Float = 0
        lipsMask.withUnsafeBufferPointer { mask in
            lipsShare.withUnsafeMutableBufferPointer { share in
                for cell in share.indices {
                    let corner = cell / 64 * 4 * Self.size + cell % 64 * 4
                    var pixels: Float = 0
                    for y in 0..<4 {
                        for x in 0..<4 { pixels += mask[corner + y * Self.size + x] }
                    }
                    share[cell] = pixels / 16
                    sum += around[cell] * share[cell]
                    total += share[cell]
                }
            }
        }
        aroundLips = sum / max(total, 1e-3)
    }

    /// Fills `colourMaps` for a look on this face.
    /// - Parameters:
    ///   - own: the face's colours (smoothed by the caller).
    ///   - warped: 64x64x3, the reference's colour in every cell, in [-1, 1].
    ///   - uv: 64x64, where its cells lie on the mesh; negative outside.
    ///   - eyes: rows in which the residual counts.
    ///   - toned: how much of the reference's skin tone the face wears under the makeup, 0...1.
    ///   - forDecoder: whether the decoder is to read them; `assemble` needs less.
    package func lay(_ look: Look, on own: FaceColours, warped: [Float], uv: [SIMD2<Float>], eyes: EyeRows, toned: Float = 0, forDecoder: Bool = true) {
        let grade = grade(of: own, against: look), isSame = grade == .usual
        if !isSame { regrade(look, warped, grade) }
        PaintTexture.lay(isSame ? look.paintTexture : gradedTexture, on: uv, &paint)
        let skin = grade(look.colours.skin + 1) - 1, tone = skin - own.skin, grain = lipGrain(own)
        let skinLuma = own.skinLuma + toned * FaceColours.luma(tone) / 2
        let lips = Self.lipPaint(of: look, on: own, toned: toned, noBrighterThan: max(skinLuma, own.lipsLuma), grade: grade, grain: grain)
        regions = ssat_regions(
            other_skin: (skin.x, skin.y, skin.z), tone: (tone.x, tone.y, tone.z), toned: toned,
            lip_paint: (lips.paint.x, lips.paint.y, lips.paint.z, lips.paint.w), lip_shift: (lips.shift.x, lips.shift.y, lips.shift.z),
            lips: (own.lips.x, own.lips.y, own.lips.z), lip_grain: grain, skin_luma: own.skinLuma, eyes_top: eyes.top, eyes_bottom: eyes.bottom)
        scratch.withUnsafeMutableBufferPointer {
            ssat_colour_maps(
                average, isSame ? warped : gradedColours, paint, self.skin, lipsShare, around, &regions, &colourMaps, forDecoder ? $0.baseAddress : nil)
        }
    }

    /// What a look's makeup is like in the picture of a face, against that of the reference.
    package func grade(of own: FaceColours, against look: Look) -> Grade {
        let reference = look.colours
        return Grade(light: lightEstimator.light(of: own.brightness, against: reference.brightness), colour: own.chroma.share(against: reference.chroma))
    }

    private func regrade(_ look: Look, _ warped: [Float], _ grade: Grade) {
        if gradedValues.count != look.paint.values.count { (gradedValues, gradedTexture, gradedColours) = (look.paint.values, look.paintTexture, warped) }
        gradedValues.withUnsafeMutableBufferPointer { graded in
            look.paint.values.withUnsafeBufferPointer { paint in
                for i in stride(from: 0, to: graded.count, by: 4) {
                    let colour = grade(SIMD3(paint[i + 1], paint[i + 2], paint[i + 3]))
                    (graded[i], graded[i + 1], graded[i + 2], graded[i + 3]) = (paint[i], colour.x, colour.y, colour.z)
                }
            }
        }
        ssat_paint_texture(gradedValues, Int32(gradedValues.count / 4), &gradedTexture)
        gradedColours.withUnsafeMutableBufferPointer { graded in
            warped.withUnsafeBufferPointer { warped in
                for i in stride(from: 0, to: graded.count, by: 3) {
                    let colour = grade(SIMD3(warped[i], warped[i + 1], warped[i + 2]) + 1) - 1
                    (graded[i], graded[i + 1], graded[i + 2]) = (colour.x, colour.y, colour.z)
                }
            }
        }
    }

    /// A map of the decoder: where its first value is, values between rows and between cells.
    package struct Map {
        let values: UnsafePointer<Float>, row, pixel: Int

        package init(values: UnsafePointer<Float>, row: Int, pixel: Int) { (self.values, self.row, self.pixel) = (values, row, pixel) }
    }

    /// After `lay`: the change.
    /// - Parameters:
    ///   - gate, head: the decoder's 64x64x3 and 128x128x12.
    ///   - weight: 256x256, 0...1: where makeup goes and how strong.
    ///   - change: becomes 256x256x3 R'G'B' differences, in units of full scale.
    ///   - follows: becomes by how much it follows the pixels' own luma, and their chroma, 256x256x2.
    package func assemble(gate: Map, head: Map, weight: UnsafePointer<Float>, change: UnsafeMutablePointer<Float>, follows: UnsafeMutablePointer<Float>?) {
        ssat_assemble_change(
            gate.values, Int32(gate.row), Int32(gate.pixel), head.values, Int32(head.row), Int32(head.pixel), colourMaps, paint, around, crop,
            &regions, lipsMask, weight, &wide, change, follows)
    }

    /// Opacity and paint of the look's lips for those of `own`, and the shift of what is bare of them. Where little of the reference's lips is known to be
    /// paint, all of their colour comes along as a shift, whatever the light on these lips takes of it: a photographed look is the whole lip. Where paint is
    /// known, what it does not hide is the reference's own lips, and less of them comes along (docs/decisions/0047).
    private static func lipPaint(
        of look: Look, on own: FaceColours, toned: Float, noBrighterThan brightest: Float, grade: Grade, grain: Float
    ) -> (paint: SIMD4<Float>, shift: SIMD3<Float>) {
        let lit = Grade(light: pointwiseMin(grade.light, SIMD3(repeating: own.light(onLipsOf: look.colours))), colour: grade.colour)
        let seen = lit(look.colours.lips), opacity = look.lipPaint.x, believed = lit(SIMD3(look.lipPaint.y, look.lipPaint.z, look.lipPaint.w))
        let colour = believed + seenLipColour * (opacity * seen - believed), taken = 1 + ssat_lip_grain * (grain - 1)
        let told = toldAgainstSkin(seen, theirSkin: lit(look.colours.skin + 1) / 2, skin: (own.skin + 1) / 2, toned: toned)
        // No brighter than this face (docs/decisions/0061).
        let bare = told * min(brightest / max(FaceColours.luma(told), 0.01), 1)
        let shift = (1 - opacity) * (1 - opacity) * (bare - own.lips) / taken, paint = colour * max(leastLipLight / taken, 1)
        let shown = own.lipsShown * look.colours.lipsShown
        return (SIMD4(opacity, paint.x, paint.y, paint.z) * shown, shift * shown)
    }

    /// Lips of another as this face would have them, less what the two skins differ by where they may be translucent (docs/decisions/0064). R'G'B' in 0...1;
    /// `toned`: how much of the difference the face wears.
    private static func toldAgainstSkin(_ lips: SIMD3<Float>, theirSkin: SIMD3<Float>, skin: SIMD3<Float>, toned: Float) -> SIMD3<Float> {
        let tone = theirSkin - skin
        return lips - tone * ((1 - toned) * untoldShare(tone) * (1 - leastOpacity(of: lips, on: theirSkin)))
    }

    private static func untoldShare(_ tone: SIMD3<Float>) -> Float {
        withUnsafeBytes(of: tone) { ssat_untold_share($0.assumingMemoryBound(to: Float.self).baseAddress!, lipToneTold, lipToneApart) }
    }

    private static func leastOpacity(of colour: SIMD3<Float>, on skin: SIMD3<Float>) -> Float {
        withUnsafeBytes(of: (colour, skin)) {
            let values = $0.assumingMemoryBound(to: Float.self).baseAddress!
            return ssat_least_opacity(values, values + MemoryLayout<SIMD3<Float>>.stride / MemoryLayout<Float>.stride)
        }
    }

    /// By how much the lips are darker or lighter than what is around them.
    private func lipGrain(_ own: FaceColours) -> Float { min(max(own.lipsLuma / max(aroundLips, 0.02), 0.5), 1.8) }
}
