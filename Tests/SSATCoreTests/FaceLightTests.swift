import SSATCore
import Testing

/// How bright and how colourful a face's picture is, and what that means for makeup from elsewhere.
@Suite struct FaceLightTests {
    /// A face of one grey with eyes and lips, before a wall.
    private func face(_ skin: UInt8, wall: UInt8, eyes: UInt8, lips: UInt8) throws -> FaceColours {
        var crop = [UInt8](), classes = [UInt8]()
        for i in 0..<256 * 256 {
            let x = i % 256, y = i / 256
            let (kind, grey): (FaceClass, UInt8) =
                !(60..<196).contains(x) ? (.background, wall)
                : (90..<110).contains(y) && (80..<176).contains(x) ? (.eye, eyes) : (170..<190).contains(y) && (100..<156).contains(x) ? (.lowerLip, lips) : (.skin, skin)
            crop += [grey, grey, grey]
            classes.append(kind.rawValue)
        }
        let assembler = try ChangeAssembler()
        assembler.look(at: crop, classes: classes)
        return assembler.faceColours(classes: classes)
    }

    private var bright: FaceColours { get throws { try face(200, wall: 230, eyes: 220, lips: 190) } }

    @Test func brightnessIsThatOfTheBrightestTenth() throws {
        let b = try face(100, wall: 150, eyes: 200, lips: 90).brightness
        // Eyes are a twentieth of the face and more; beside them, of the face's brightest tenth, skin.
        for c in 0..<4 {
            let (face, eyes, picture) = (b.face[c] * 255, b.eyesAndMouth[c] * 255, b.picture[c] * 255)
            #expect(face > 100 && face < 200 && eyes == 200 && picture > 150 && picture < 200, "\(b)")
        }
    }

    @Test func aFaceInDimLightWearsPaleLipsAsBrightAsItsSkin() throws {
        let light = try face(90, wall: 40, eyes: 80, lips: 70).light(onLipsOf: bright)
        #expect(abs(light - 90.0 / 190) < 0.01, "\(light)")
    }

    /// A bright wall, or the white of the eyes, says that it is the skin that is dark, and dark skin wears what it is given.
    @Test func darkSkinInGoodLightWearsLipsAsTheyAre() throws {
        #expect(try face(70, wall: 220, eyes: 60, lips: 60).light(onLipsOf: bright) == 1)
        #expect(try face(70, wall: 30, eyes: 210, lips: 60).light(onLipsOf: bright) == 1)
    }

    /// Lips of a dark face before a dark wall once went dim with every blink.
    @Test func aBlinkIsNoDimmerLight() throws {
        let open = try face(70, wall: 30, eyes: 210, lips: 60), closed = try face(70, wall: 30, eyes: 70, lips: 60)
        let blinked = (0..<6).reduce(open) { colours, _ in colours.moved(towards: closed, by: 0.1) }
        #expect(try open.light(onLipsOf: bright) == 1 && closed.light(onLipsOf: bright) < 0.5)
        #expect(try blinked.light(onLipsOf: bright) == 1)
        // And a light that goes on is seen soon.
        let lit = (0..<20).reduce(closed) { colours, _ in colours.moved(towards: open, by: 0.1) }
        #expect(try lit.light(onLipsOf: bright) == 1)
    }

    @Test func darkLipsAndBrighterFacesStay() throws {
        #expect(try face(90, wall: 40, eyes: 80, lips: 70).light(onLipsOf: face(200, wall: 230, eyes: 220, lips: 60)) == 1)
        #expect(try bright.light(onLipsOf: face(90, wall: 40, eyes: 80, lips: 70)) == 1)
        #expect(try bright.light(onLipsOf: FaceColours()) == 1 && FaceColours().light(onLipsOf: bright) == 1)
    }

    /// Coding leaves a little chroma in black and white, and a pale picture in colour has little more (docs/decisions/0052).
    @Test func blackAndWhiteTakesAndGivesNoColour() throws {
        func picture(_ chroma: Float) -> FaceColours { FaceColours(chroma: Chroma(picture: chroma)) }
        #expect(picture(0.03).colour(from: picture(0.4)) == 0 && picture(0.4).colour(from: picture(0.03)) == 0)
        #expect(picture(0.09).colour(from: picture(0.4)) == 1 && picture(0.4).colour(from: picture(0.09)) == 1)
        #expect(abs(picture(0.06).colour(from: picture(0.4)) - 0.5) < 1e-5)
        #expect(try bright.chroma.picture == 0 && bright.moved(towards: picture(0.4), by: 0.1).chroma == picture(0.4).chroma)
    }

    private func lamp(_ red: Float, _ green: Float, _ blue: Float) -> Brightness {
        let colour = SIMD4(red, green, blue, 0.299 * red + 0.587 * green + 0.114 * blue)
        return Brightness(
            face: colour * SIMD4(0.92, 0.75, 0.66, 0.79), eyesAndMouth: colour * SIMD4(0.82, 0.73, 0.69, 0.75), picture: colour * SIMD4(0.92, 0.8, 0.76, 0.82))
    }

    private func estimator() throws -> LightEstimator { try LightEstimator(weights: Models.lightEstimator()) }

    /// Of light, 1 is the usual.
    private func expect(_ light: SIMD3<Float>, _ wanted: SIMD3<Float>, within tolerance: Float = 0.03) {
        let apart = light - wanted
        #expect(max(apart.max(), -apart.min()) < tolerance, "\(light) \(wanted)")
    }

    @Test func aDarkRoomAndALampOfOneColourAreKnown() throws {
        let estimator = try estimator(), day = lamp(1, 1, 1)
        for light in [SIMD3<Float>(0.2, 0.2, 0.2), SIMD3(0.3, 0.4, 1), SIMD3(1, 0.5, 0.3), SIMD3(0.12, 0.16, 0.4), SIMD3(0.08, 0.08, 0.08)] {
            let seen = lamp(light.x, light.y, light.z)
            expect(estimator.light(of: seen, against: day), light)
            expect(estimator.light(ofReference: seen), light)
        }
        #expect(estimator.light(of: day, against: Brightness()) == .one && estimator.light(ofReference: Brightness()) == .one)
    }

    /// Pictures of one light differ by as much as that.
    @Test func nearlyTheSameLightIsTheSame() throws {
        let estimator = try estimator(), day = lamp(1, 1, 1)
        for light in [SIMD3<Float>(1, 1, 1), SIMD3(0.8, 0.8, 0.8), SIMD3(0.92, 0.97, 1), SIMD3(1.05, 1, 0.9)] {
            let seen = lamp(light.x, light.y, light.z)
            #expect(estimator.light(of: seen, against: day) == .one && estimator.light(ofReference: seen) == .one, "\(light)")
        }
    }

    /// Light bulbs: they once were taken for makeup, whose lips then were orange.
    @Test func warmLightOfAReferenceIsTakenOff() throws {
        expect(try estimator().light(ofReference: lamp(1.1, 1, 0.72)), SIMD3(1.1, 1, 0.72), within: 0.05)
        expect(try estimator().light(ofReference: lamp(0.6, 0.6, 0.6)), SIMD3(0.6, 0.6, 0.6), within: 0.06)
    }

    /// Makeup does not glow by more than a little where a picture is overexposed.
    @Test func brightLightHasABound() throws {
        #expect(try estimator().light(of: lamp(1, 1, 1), against: lamp(0.2, 0.2, 0.2)) == SIMD3(repeating: 1.25))
    }

    /// What is bright in one part alone says that the light is good.
    @Test func darkSkinIsNoDarkRoom() throws {
        let estimator = try estimator(), day = lamp(1, 1, 1)
        for (eyes, picture) in [(1, 0.4), (0.4, 1), (1, 1)] as [(Float, Float)] {
            var dark = lamp(0.4, 0.4, 0.4)
            (dark.eyesAndMouth, dark.picture) = (lamp(eyes, eyes, eyes).eyesAndMouth, lamp(picture, picture, picture).picture)
            #expect(estimator.light(of: dark, against: day) == .one && estimator.light(ofReference: dark) == .one, "\(eyes) \(picture)")
        }
    }

    /// Brightness falls slowly while eyes blink, but a lamp that goes out darkens everything.
    @Test func aLampThatGoesOutIsSeenSoon() throws {
        let day = FaceColours(skin: SIMD3(0.4, 0.1, 0), brightness: lamp(1, 1, 1))
        let night = FaceColours(skin: (day.skin + 1) * 0.2 - 1, brightness: lamp(0.2, 0.2, 0.2))
        let after = (0..<30).reduce(day) { colours, _ in colours.moved(towards: night, by: 0.1) }
        let light = try estimator().light(of: after.brightness, against: day.brightness)
        #expect(light.max() < 0.35, "\(light)")
    }
}
