import SSATCore
import Testing

/// Dark lips on a bright face: what is laid on lips takes on their grain, which is far below 1 here.
@Suite struct ChangeAssemblerTests {
    private static let lipColumns = 100..<160, lipRows = 150..<174
    private static let wanted = SIMD3<Float>(0.62, 0.2, 0.3)
    /// Of all the face but its lips, 0...1.
    private static let skinLuma: Float = 185 / 255

    private let crop: [UInt8], classes: [UInt8]

    init() {
        var crop = [UInt8](), classes = [UInt8]()
        for i in 0..<256 * 256 {
            let onLips = Self.lipColumns.contains(i % 256) && Self.lipRows.contains(i / 256)
            // Lips with furrows.
            let furrow = i % 256 % 4 < 2 ? 8 : -8
            crop += onLips ? [120, 70, 75].map { UInt8($0 + furrow) } : [215, 175, 155]
            classes.append((onLips ? FaceClass.lowerLip : .skin).rawValue)
        }
        (self.crop, self.classes) = (crop, classes)
    }

    /// The crop in a look whose lips are of the colour that is wanted, opacity and paint as given; R'G'B' in 0...1.
    /// `wanted`, `brighter`, `skin`: of the reference's face: its lips, how many times as bright as this face it is (0: unknown), and its grey skin if not this
    /// face's. `room`: how much of the light of the crop there is.
    private func worn(
        _ lipPaint: SIMD4<Float>, wanted: SIMD3<Float> = wanted, brighter: Float = 0, skin: Float? = nil, room: Float = 1
    ) throws -> [SIMD3<Float>] {
        let assembler = try ChangeAssembler(), onePosition = [Float](repeating: 0.1, count: 64), crop = crop.map { UInt8(Float($0) * room) }
        let zeros = [Float](repeating: 0, count: 128 * 128 * 12), whole = [Float](repeating: 1, count: 256 * 256)
        assembler.look(at: crop, classes: classes)
        let colours = assembler.faceColours(classes: classes)
        let reference = FaceColours(skin: skin.map { SIMD3(repeating: $0 * 2 - 1) } ?? colours.skin, lips: wanted, lipsShown: 1, brightness: colours.brightness.times(brighter))
        let look = Look(
            keys: onePosition, values: onePosition, colours: reference,
            complexion: Complexion(values: [Float](repeating: 0, count: 15)), paint: .bare, lipPaint: lipPaint)
        assembler.lay(
            look, on: colours, warped: assembler.average, uv: [SIMD2<Float>](repeating: SIMD2(0.5, 0.8), count: 64 * 64), eyes: .everywhere)
        var change = [Float](repeating: 0, count: 256 * 256 * 3)
        zeros.withUnsafeBufferPointer {
            let nothing = $0.baseAddress!
            assembler.assemble(
                gate: .init(values: nothing, row: 64 * 3, pixel: 3), head: .init(values: nothing, row: 128 * 12, pixel: 12), weight: whole, change: &change,
                follows: nil)
        }
        let made = zip(crop, change).map { Float($0) / 255 + $1 }
        return (0..<256 * 256).map { SIMD3(made[$0 * 3], made[$0 * 3 + 1], made[$0 * 3 + 2]) }
    }

    private func luma(_ colour: SIMD3<Float>) -> Float { colour.x * 0.299 + colour.y * 0.587 + colour.z * 0.114 }

    private func meanOfLips(_ picture: [SIMD3<Float>]) -> SIMD3<Float> {
        let lips = Self.lipRows.flatMap { y in Self.lipColumns.map { picture[y * 256 + $0] } }
        return lips.reduce(.zero, +) / Float(lips.count)
    }

    /// They once came to 0.8 of the way, since the shift of colour was taken for paint on dark skin.
    @Test func lipsWithoutKnownPaintReachTheReferencesColour() throws {
        let reached = try meanOfLips(worn(.zero)), missing = Self.wanted - reached
        #expect((missing * missing).sum() < 0.015 * 0.015, "\(reached)")
    }

    /// Dark lips, or lips beside bright teeth, once darkened the paint that is laid on them as much as they are darker.
    @Test func knownPaintKeepsItsColourOnDarkLips() throws {
        let paint = Self.wanted * 0.9, reached = try meanOfLips(worn(SIMD4(0.9, paint.x, paint.y, paint.z)))
        #expect((0.85...1).contains(reached.x / Self.wanted.x), "\(reached)")
    }

    private static let pale = SIMD3<Float>(0.9, 0.8, 0.8)

    /// Bare lips of a bright photo once shone white on a face that is darker (0.83 of luma, its skin has 0.73).
    @Test func bareLipsDoNotOutshineTheFace() throws {
        let reached = try luma(meanOfLips(worn(.zero, wanted: Self.pale, skin: 0.9)))
        #expect(abs(reached - Self.skinLuma) < 0.03, "\(reached)")
    }

    /// Pale paint of a bright photo once glowed on a face in dim light: as dim as the light is, and not dimmer than its skin.
    @Test func palePaintDoesNotOutshineADimFace() throws {
        let pale = Self.pale, lipPaint = SIMD4<Float>(0.9, 0.81, 0.72, 0.72)
        func lips(_ brighter: Float) throws -> SIMD3<Float> { try meanOfLips(worn(lipPaint, wanted: pale, brighter: brighter, skin: 0.9)) }
        let known = try lips(0), sameLight = try lips(1.25), dim = try lips(1.34), dimmer = try lips(1.4)
        #expect(known == sameLight)
        #expect(luma(dim) < luma(known) && luma(dim) > luma(dimmer), "\(dim)")
        // As much darker as they are brighter than the skin.
        #expect(abs(luma(dimmer) / luma(known) - Self.skinLuma / luma(pale)) < 0.03, "\(dimmer) \(known)")
    }

    /// Dark lips outshine nothing in light that may be the same.
    @Test func darkLipsStayAsTheyAre() throws {
        #expect(try meanOfLips(worn(.zero)) == meanOfLips(worn(.zero, brighter: 1.34, skin: 0.9)))
    }

    /// Makeup glowed in the dark: where there is a fifth of the reference's light, a fifth of its colour is seen.
    @Test func lipsAreAsDarkAsTheRoom() throws {
        let bright = try meanOfLips(worn(.zero)), dark = try meanOfLips(worn(.zero, brighter: 5, skin: 0.9, room: 0.2))
        #expect((dark - bright / 5).max() < 0.03 && (dark - bright / 5).min() > -0.03, "\(bright) \(dark)")
    }

    /// Lips are laid on a pixel wider than they are seen. Skin is brighter, and that pixel once glowed.
    @Test func theRimDoesNotGlow() throws {
        let paint = Self.wanted * 0.9, picture = try worn(SIMD4(0.9, paint.x, paint.y, paint.z))
        let row = Self.lipRows.upperBound, rim = picture[row * 256 + 130], skin = picture[(row + 8) * 256 + 130], inside = picture[(row - 4) * 256 + 130]
        #expect(rim.x < skin.x - 0.03 && rim.x > inside.x, "\(inside) \(rim) \(skin)")
    }
}

extension Brightness {
    fileprivate func times(_ factor: Float) -> Brightness {
        Brightness(face: face * factor, eyesAndMouth: eyesAndMouth * factor, picture: picture * factor)
    }
}
