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
        let b = face(100, wall: 150, eyes: 200, lips: 90).brightness * 255
        // Eyes are a twentieth of the face and more; beside them, of the face's brightest tenth, skin.
        #expect(b.x > 100 && b.x < 200 && b.y == 200 && b.z > 150 && b.z < 200, "\(b)")
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
}
