/// What a face is like as a whole, as measured on its aligned crop.
package struct FaceColours: Sendable, Equatable {
    /// Mean colour of the skin, R'G'B' in [-1, 1].
    package var skin: SIMD3<Float>
    /// Mean colour of the lips, R'G'B' in 0...1; nothing where none show.
    package var lips: SIMD3<Float>
    /// 1 where enough of the lips shows, 0 where not; between them while that changes.
    package var lipsShown: Float
    /// How bright its light may be.
    package var brightness: Brightness
    package var chroma: Chroma

    package init(skin: SIMD3<Float> = .zero, lips: SIMD3<Float> = .zero, lipsShown: Float = 0, brightness: Brightness = Brightness(), chroma: Chroma = .usual) {
        (self.skin, self.lips, self.lipsShown, self.brightness, self.chroma) = (skin, lips, lipsShown, brightness, chroma)
    }

    /// Fewer pixels of the crop than this are no lips; and fewer than that, of the 800 that there are mostly, tell nothing of what a reference wears.
    package static let fewestLipPixels = 60, fewestOfReference = 150
    /// A little over what skin's luma may be: the chroma that skin has room for is its distance from here.
    private static let white: Float = 1.05
    /// Faces differ by as much in the same light.
    private static let sameLight: Float = 1.3

    /// Luma of the skin, 0...1.
    var skinLuma: Float { (Self.luma(skin) + 1) / 2 }
    /// Luma of the lips, 0...1.
    var lipsLuma: Float { Self.luma(lips) }

    static func luma(_ colour: SIMD3<Float>) -> Float { colour.x * 0.299 + colour.y * 0.587 + colour.z * 0.114 }

    /// - Parameters:
    ///   - crop: 256x256x3 bytes.
    ///   - average: 64x64x3, the means of the crop's 4x4 blocks in [-1, 1].
    ///   - classes: 256x256 `FaceClass` values.
    static func measure(
        crop: UnsafePointer<UInt8>, average: [Float], classes: UnsafePointer<UInt8>, fewestLipPixels: Int = fewestLipPixels
    ) -> FaceColours {
        var sum = SIMD3<Int>(repeating: 0), count = 0
        FaceClass.forEachLip(in: classes) { i in
            sum &+= SIMD3(Int(crop[i * 3]), Int(crop[i * 3 + 1]), Int(crop[i * 3 + 2]))
            count += 1
        }
        let (brightness, chroma) = Brightness.measure(crop: crop, classes: classes)
        var colours = FaceColours(skin: skinColour(average, classes), brightness: brightness)
        if count >= fewestLipPixels { (colours.lips, colours.lipsShown) = (SIMD3<Float>(sum) / (Float(count) * 255), 1) }
        let luma = max(colours.skinLuma, 1 / 255)
        colours.chroma = Chroma(picture: chroma.picture / max(brightness.picture.w, 1 / 255), face: chroma.face / (luma * (white - luma)), lips: colours.lipsApart)
        return colours
    }

    /// Chroma of how lips differ from skin as bright as they are, over luma of the skin; 0 where none show.
    private var lipsApart: Float {
        let luma = max(skinLuma, 1 / 255), apart = lips - (skin + 1) / 2 * (lipsLuma / luma)
        return lipsShown > 0 ? (apart.max() - apart.min()) / luma : 0
    }

    /// How much of their brightness the lips of `other` have in the light of this face, at most 1. They are darker where nothing here says that this face
    /// is not lit clearly more dimly, and then only until they outshine its skin no longer (or that of their own face): whether it is the light or the
    /// person that is darker, a picture does not quite tell (docs/decisions/0051).
    package func light(onLipsOf other: FaceColours) -> Float {
        let brighter = brightness.lumaRatio(to: other.brightness)
        guard brighter > 0, other.lipsShown > 0 else { return 1 }
        let dimmer = Self.sameLight * brighter
        return min(max(dimmer * dimmer * dimmer, skinLuma / max(min(other.lipsLuma, other.skinLuma), 1e-3)), 1)
    }

    /// How much of the colour of makeup from `other` this face takes, 0...1: a black-and-white picture has none to give, and shows none; light and dark
    /// come along all the same (docs/decisions/0052).
    package func colour(from other: FaceColours) -> Float { min(chroma.colourShare, other.chroma.colourShare) }

    /// A step of `share` (0...1) towards `other`: what is measured anew every frame must not tremble.
    package func moved(towards other: FaceColours, by share: Float) -> FaceColours {
        // Lips that were not seen have no colour to go on from.
        let colour = other.lipsShown == 0 ? lips : lipsShown == 0 ? other.lips : lips + (other.lips - lips) * share
        let movedSkin = skin + (other.skin - skin) * share, left = pointwiseMin((movedSkin + 1) / pointwiseMax(skin + 1, SIMD3(repeating: 0.01)), .one)
        let dimmed = SIMD4(left, min((Self.luma(movedSkin) + 1) / max(Self.luma(skin) + 1, 0.01), 1))
        return FaceColours(
            skin: movedSkin, lips: colour, lipsShown: lipsShown + (other.lipsShown - lipsShown) * share,
            brightness: brightness.moved(towards: other.brightness, by: share, dimmed: dimmed), chroma: chroma.moved(towards: other.chroma, by: share))
    }

    /// Mean colour of skin and nose, each 64x64 cell weighted by its share of skin.
    private static func skinColour(_ average: [Float], _ classes: UnsafePointer<UInt8>) -> SIMD3<Float> {
        var sum = SIMD3<Float>(repeating: 0), total: Float = 0
        forEachSkinCell(average, classes) { _, colour, share in
            sum += colour * share
            total += share
        }
        return total > 0 ? sum / total : SIMD3(repeating: 0)
    }

    /// Calls `body` with every 64x64 cell that shows skin or nose, its colour in `average`, and its share of skin, over 0 to 1.
    static func forEachSkinCell(
        _ average: [Float], _ classes: UnsafePointer<UInt8>, _ body: (_ cell: Int, _ colour: SIMD3<Float>, _ share: Float) -> Void
    ) {
        for cell in 0..<64 * 64 {
            let count = count(inCell: cell, classes, FaceClass.isSkin)
            if count > 0 { body(cell, SIMD3(average[cell * 3], average[cell * 3 + 1], average[cell * 3 + 2]), Float(count) / 16) }
        }
    }

    /// How many of the 4x4 pixels of a 64x64 cell are of a kind.
    static func count(inCell cell: Int, _ classes: UnsafePointer<UInt8>, _ isKind: (UInt8) -> Bool) -> Int {
        let corner = classes + cell / 64 * 4 * 256 + cell % 64 * 4
        var count = 0
        for y in 0..<4 {
            for x in 0..<4 where isKind(corner[y * 256 + x]) { count += 1 }
        }
        return count
    }
}
