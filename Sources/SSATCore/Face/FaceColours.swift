/// What a face is like as a whole, as measured on its aligned crop.
package struct FaceColours: Sendable, Equatable {
    /// Mean colour of the skin, R'G'B' in [-1, 1].
    package var skin: SIMD3<Float>
    /// Mean colour of the lips, R'G'B' in 0...1; nothing where none show.
    package var lips: SIMD3<Float>
    /// 1 where enough of the lips shows, 0 where not; between them while that changes.
    package var lipsShown: Float

    package init(skin: SIMD3<Float> = .zero, lips: SIMD3<Float> = .zero, lipsShown: Float = 0) {
        (self.skin, self.lips, self.lipsShown) = (skin, lips, lipsShown)
    }

    /// Fewer pixels of the crop than this are no lips.
    private static let fewestLipPixels = 60

    /// Luma of the skin, 0...1.
    var skinLuma: Float { (Self.luma(skin) + 1) / 2 }
    /// Luma of the lips, 0...1.
    var lipsLuma: Float { Self.luma(lips) }

    private static func luma(_ colour: SIMD3<Float>) -> Float { colour.x * 0.299 + colour.y * 0.587 + colour.z * 0.114 }

    /// - Parameters:
    ///   - crop: 256x256x3 bytes.
    ///   - average: 64x64x3, the means of the crop's 4x4 blocks in [-1, 1].
    ///   - classes: 256x256 `FaceClass` values.
    static func measure(crop: UnsafePointer<UInt8>, average: [Float], classes: UnsafePointer<UInt8>) -> FaceColours {
        var sum = SIMD3<Int>(repeating: 0), count = 0
        FaceClass.forEachLip(in: classes) { i in
            sum &+= SIMD3(Int(crop[i * 3]), Int(crop[i * 3 + 1]), Int(crop[i * 3 + 2]))
            count += 1
        }
        let skin = skinColour(average, classes)
        guard count >= fewestLipPixels else { return FaceColours(skin: skin) }
        return FaceColours(skin: skin, lips: SIMD3<Float>(sum) / (Float(count) * 255), lipsShown: 1)
    }

    /// A step of `share` (0...1) towards `other`: what is measured anew every frame must not tremble.
    func moved(towards other: FaceColours, by share: Float) -> FaceColours {
        // Lips that were not seen have no colour to go on from.
        let colour = other.lipsShown == 0 ? lips : lipsShown == 0 ? other.lips : lips + (other.lips - lips) * share
        return FaceColours(skin: skin + (other.skin - skin) * share, lips: colour, lipsShown: lipsShown + (other.lipsShown - lipsShown) * share)
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
