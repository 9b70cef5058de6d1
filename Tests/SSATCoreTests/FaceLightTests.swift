import SSATCore
import Testing

/// How bright and how colourful a face's picture is, and what that means for makeup from elsewhere.
@Suite struct FaceLightTests {
    /// A face of one grey with eyes and lips, before a wall.
    private func face(_ skin: UInt8, wall: UInt8, eyes: UInt8, lips: UInt8) -> FaceColours {
        var crop = [UInt8](), classes = [UInt8]()
        for i in 0..<256 * 256 {
            let x = i % 256, y = i / 256
            let (kind, grey): (FaceClass, UInt8) =
                !(60..<196).contains(x) ? (.background, wall)
                : (90..<110).contains(y) && (80..<176).contains(x) ? (.eye, eyes) : (170..<190).contains(y) && (100..<156).contains(x) ? (.lowerLip, lips) : (.skin, skin)
            crop += [grey, grey, grey]
            classes.append(kind.rawValue)
        }
        let assembler = ChangeAssembler()
        assembler.look(at: crop, classes: classes)
        return assembler.faceColours(classes: classes)
    }

    private var bright: FaceColours { face(200, wall: 230, eyes: 220, lips: 190) }

    @Test func brightnessIsThatOfTheBrightestTenth() {
        let b = face(100, wall: 150, eyes: 200, lips: 90).brightness
        // Eyes are a twentieth of the face and more; beside them, of the face's brightest tenth, skin.
        for c in 0..<4 {
            let (face, eyes, picture) = (b.face[c] * 255, b.eyesAndMouth[c] * 255, b.picture[c] * 255)
            #expect(face > 100 && face < 200 && eyes == 200 && picture > 150 && picture < 200, "\(b)")
        }
    }

    @Test func aFaceInDimLightWearsPaleLipsAsBrightAsItsSkin() {
        let light = face(90, wall: 40, eyes: 80, lips: 70).light(onLipsOf: bright)
        #expect(abs(light - 90.0 / 190) < 0.01, "\(light)")
    }

    /// A bright wall, or the white of the eyes, says that it is the skin that is dark, and dark skin wears what it is given.
    @Test func darkSkinInGoodLightWearsLipsAsTheyAre() {
        #expect(face(70, wall: 220, eyes: 60, lips: 60).light(onLipsOf: bright) == 1)
        #expect(face(70, wall: 30, eyes: 210, lips: 60).light(onLipsOf: bright) == 1)
    }

    /// Lips of a dark face before a dark wall once went dim with every blink.
    @Test func aBlinkIsNoDimmerLight() {
        let open = face(70, wall: 30, eyes: 210, lips: 60), closed = face(70, wall: 30, eyes: 70, lips: 60)
        let blinked = (0..<6).reduce(open) { colours, _ in colours.moved(towards: closed, by: 0.1) }
        #expect(open.light(onLipsOf: bright) == 1 && closed.light(onLipsOf: bright) < 0.5)
        #expect(blinked.light(onLipsOf: bright) == 1)
        // And a light that goes on is seen soon.
        let lit = (0..<20).reduce(closed) { colours, _ in colours.moved(towards: open, by: 0.1) }
        #expect(lit.light(onLipsOf: bright) == 1)
    }

    @Test func darkLipsAndBrighterFacesStay() {
        #expect(face(90, wall: 40, eyes: 80, lips: 70).light(onLipsOf: face(200, wall: 230, eyes: 220, lips: 60)) == 1)
        #expect(bright.light(onLipsOf: face(90, wall: 40, eyes: 80, lips: 70)) == 1)
        #expect(bright.light(onLipsOf: FaceColours()) == 1 && FaceColours().light(onLipsOf: bright) == 1)
    }

    /// Coding leaves a little chroma in black and white, and a pale picture in colour has little more (docs/decisions/0052).
    @Test func blackAndWhiteTakesAndGivesNoColour() {
        func picture(_ chroma: Float) -> FaceColours { FaceColours(chroma: chroma) }
        #expect(picture(0.03).colour(from: picture(0.4)) == 0 && picture(0.4).colour(from: picture(0.03)) == 0)
        #expect(picture(0.09).colour(from: picture(0.4)) == 1 && picture(0.4).colour(from: picture(0.09)) == 1)
        #expect(abs(picture(0.06).colour(from: picture(0.4)) - 0.5) < 1e-5)
        #expect(bright.chroma == 0 && bright.moved(towards: picture(0.4), by: 0.1).chroma == picture(0.4).chroma)
    }

    private func lamp(_ red: Float, _ green: Float, _ blue: Float) -> Brightness {
        let colour = SIMD4(red, green, blue, 0.299 * red + 0.587 * green + 0.114 * blue)
        return Brightness(face: colour * SIMD4(0.92, 0.75, 0.66, 0.79), eyesAndMouth: colour * 0.75, picture: colour * 0.85)
    }

    @Test func aDarkRoomAndALampOfOneColourAreKnown() {
        let day = FaceColours(brightness: lamp(1, 1, 1))
        #expect(FaceColours(brightness: lamp(0.67, 0.67, 0.67)).light(against: day) == SIMD3(repeating: 1))
        #expect(FaceColours(brightness: lamp(0.75, 0.9, 1)).light(against: day) == SIMD3(repeating: 1))
        for light in [SIMD3<Float>(0.2, 0.2, 0.2), SIMD3(0.3, 0.4, 1), SIMD3(1, 0.5, 0.3), SIMD3(0.12, 0.16, 0.4)] {
            let seen = FaceColours(brightness: lamp(light.x, light.y, light.z)).light(against: day)
            #expect((seen - light).max() < 1e-4 && (seen - light).min() > -1e-4, "\(seen) \(light)")
        }
        #expect(day.light(against: FaceColours()) == SIMD3(repeating: 1))
    }

    /// What is bright in one part alone says that the light is good.
    @Test func darkSkinIsNoDarkRoom() {
        var dark = lamp(0.2, 0.2, 0.2)
        dark.eyesAndMouth = lamp(1, 1, 1).eyesAndMouth
        #expect(FaceColours(brightness: dark).light(against: FaceColours(brightness: lamp(1, 1, 1))) == SIMD3(repeating: 1))
    }

    /// Brightness falls slowly while eyes blink, but a lamp that goes out darkens everything.
    @Test func aLampThatGoesOutIsSeenSoon() {
        let day = FaceColours(skin: SIMD3(0.4, 0.1, 0), brightness: lamp(1, 1, 1))
        let night = FaceColours(skin: (day.skin + 1) * 0.2 - 1, brightness: lamp(0.2, 0.2, 0.2))
        let after = (0..<30).reduce(day) { colours, _ in colours.moved(towards: night, by: 0.1) }
        #expect(after.light(against: day).max() < 0.35, "\(after.light(against: day))")
    }
}
