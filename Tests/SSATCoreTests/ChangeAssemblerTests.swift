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
    /// `wanted`, `brighter`, `skin`: of the reference's face: its lips, how many times as bright as this face it is (0: unknown), and its skin if not this
    /// face's. `warped`: a colour of it, the same all over, if not this face's. `room`: how much of the light of the crop there is. The gates are half open.
    private func worn(
        _ lipPaint: SIMD4<Float>, wanted: SIMD3<Float> = wanted, brighter: Float = 0, skin: SIMD3<Float>? = nil, warped: SIMD3<Float>? = nil, room: Float = 1,
        toned: Float = 0, paint: PaintTexture = .bare
    ) throws -> [SIMD3<Float>] {
        let assembler = try ChangeAssembler(), onePosition = [Float](repeating: 0.1, count: 64), crop = crop.map { UInt8(Float($0) * room) }
        let zeros = [Float](repeating: 0, count: 128 * 128 * 12), whole = [Float](repeating: 1, count: 256 * 256)
        assembler.look(at: crop, classes: classes)
        let colours = assembler.faceColours(classes: classes)
        let reference = FaceColours(skin: skin.map { $0 * 2 - 1 } ?? colours.skin, lips: wanted, lipsShown: 1, brightness: colours.brightness.times(brighter))
        let look = Look(
            keys: onePosition, values: onePosition, colours: reference,
            complexion: Complexion(values: [Float](repeating: 0, count: 15)), paint: paint, lipPaint: lipPaint)
        let everywhere = warped.map { colour in (0..<64 * 64).flatMap { _ in (0..<3).map { colour[$0] * 2 - 1 } } }
        assembler.lay(
            look, on: colours, warped: everywhere ?? assembler.average, uv: [SIMD2<Float>](repeating: SIMD2(0.5, 0.8), count: 64 * 64), eyes: .everywhere,
            toned: toned)
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
        let reached = try luma(meanOfLips(worn(.zero, wanted: Self.pale, skin: .init(repeating: 0.9))))
        #expect(abs(reached - Self.skinLuma) < 0.03, "\(reached)")
    }

    /// Pale paint of a bright photo once glowed on a face in dim light: as dim as the light is, and not dimmer than its skin.
    @Test func palePaintDoesNotOutshineADimFace() throws {
        let pale = Self.pale, lipPaint = SIMD4<Float>(0.9, 0.81, 0.72, 0.72)
        func lips(_ brighter: Float) throws -> SIMD3<Float> { try meanOfLips(worn(lipPaint, wanted: pale, brighter: brighter, skin: .init(repeating: 0.9))) }
        let known = try lips(0), sameLight = try lips(1.25), dim = try lips(1.34), dimmer = try lips(1.4)
        #expect(known == sameLight)
        #expect(luma(dim) < luma(known) && luma(dim) > luma(dimmer), "\(dim)")
        // As much darker as they are brighter than the skin.
        #expect(abs(luma(dimmer) / luma(known) - Self.skinLuma / luma(pale)) < 0.03, "\(dimmer) \(known)")
    }

    /// The bare lips of a cool photo of pale skin once lay lilac on tan faces.
    @Test func bareLipsAreToldAgainstTheSkin() throws {
        let lilac = SIMD3<Float>(0.78, 0.67, 0.75), cool = SIMD3<Float>(0.85, 0.86, 0.92)
        let reached = try meanOfLips(worn(.zero, wanted: lilac, skin: cool)), same = try meanOfLips(worn(.zero, wanted: lilac))
        #expect(reached.z < reached.x - 0.15, "\(reached)")
        #expect(same.z > same.x - 0.06, "\(same)")
    }

    /// What is laid on bare lips once shifted the skin beside them as well, which is bright: pale lips had a white rim.
    @Test func brightenedLipsDoNotGlowAtTheirRim() throws {
        let picture = try worn(.zero, wanted: Self.pale), skin = luma(picture[(Self.lipRows.upperBound + 8) * 256 + 130])
        let brightest = (Self.lipRows.upperBound..<Self.lipRows.upperBound + 4).map { luma(picture[$0 * 256 + 130]) }.max()!
        #expect(brightest < skin + 0.01, "\(brightest) beside \(skin)")
    }

    private static let onSkin = 40 * 256 + 130, ownSkin = SIMD3<Float>(215, 175, 155) / 255

    /// A pale person's bare lids once lay on tan skin as pale blue shadow: what two skins differ by is not makeup.
    @Test func theOthersBareSkinIsNotMakeup() throws {
        let reached = try worn(.zero, skin: .init(repeating: 0.25), warped: SIMD3(repeating: 0.25))[Self.onSkin], moved = reached - Self.ownSkin
        #expect((moved * moved).sum() < 0.02 * 0.02, "\(reached) of \(Self.ownSkin)")
    }

    /// Pigment that hides the skin is the same on any.
    @Test func blackIsBlackOnAnySkin() throws {
        #expect(try worn(.zero, skin: .init(repeating: 0.25), warped: .zero)[Self.onSkin].max() < 0.02)
    }

    /// People with like skins: their difference comes along whole.
    @Test func aLikeSkinComesAlong() throws {
        let like = Self.ownSkin - 0.03, reached = try worn(.zero, warped: like)[Self.onSkin], missing = like - reached
        #expect(abs(missing).max() < 0.005, "\(reached) of \(like)")
    }

    /// With `--tone 1` the skin was moved to the reference's, and its lids as far again.
    @Test func whatTheSkinWearsIsNotAddedTwice() throws {
        let theirs = SIMD3<Float>(repeating: 0.25), lid = SIMD3<Float>(0.22, 0.2, 0.2)
        let reached = try worn(.zero, skin: .init(repeating: 0.25), warped: lid, toned: 1)[Self.onSkin] + (theirs - Self.ownSkin), missing = lid - reached
        #expect(abs(missing).max() < 0.01, "\(reached) of \(lid)")
    }

    /// Brows wear no tone, and paint on them is of the colour that it is: tone is hidden where it is added, not where paint is laid on.
    @Test func paintThatHidesAllHidesWhatTheSkinWears() throws {
        let paint = PaintTexture(values: PaintTexture.bare.values.indices.map { [1, 0.4, 0.3, 0.3][$0 % 4] })
        let bare = try worn(.zero, skin: .init(repeating: 0.25), paint: paint)[Self.onSkin]
        #expect(try worn(.zero, skin: .init(repeating: 0.25), toned: 1, paint: paint)[Self.onSkin] == bare)
    }

    /// Dark lips outshine nothing in light that may be the same.
    @Test func darkLipsStayAsTheyAre() throws {
        let skin = SIMD3<Float>(repeating: 0.9)
        #expect(try meanOfLips(worn(.zero, skin: skin)) == meanOfLips(worn(.zero, brighter: 1.34, skin: skin)))
    }

    /// Makeup glowed in the dark: where there is a fifth of the reference's light, a fifth of its colour is seen.
    @Test func lipsAreAsDarkAsTheRoom() throws {
        let bright = try meanOfLips(worn(.zero)), dark = try meanOfLips(worn(.zero, brighter: 5, skin: .init(repeating: 0.9), room: 0.2))
        #expect((dark - bright / 5).max() < 0.03 && (dark - bright / 5).min() > -0.03, "\(bright) \(dark)")
    }

    /// Lips are laid on a pixel wider than they are seen. Skin is brighter, and that pixel once glowed.
    @Test func theRimDoesNotGlow() throws {
        let paint = Self.wanted * 0.9, picture = try worn(SIMD4(0.9, paint.x, paint.y, paint.z))
        let row = Self.lipRows.upperBound, rim = picture[row * 256 + 130], skin = picture[(row + 8) * 256 + 130], inside = picture[(row - 4) * 256 + 130]
        #expect(rim.x < skin.x - 0.03 && rim.x > inside.x, "\(inside) \(rim) \(skin)")
    }
}

private func abs(_ v: SIMD3<Float>) -> SIMD3<Float> { v.replacing(with: -v, where: v .< 0) }

extension Brightness {
    fileprivate func times(_ factor: Float) -> Brightness {
        Brightness(face: face * factor, eyesAndMouth: eyesAndMouth * factor, picture: picture * factor)
    }
}
