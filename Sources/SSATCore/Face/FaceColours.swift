/// Mean colours of the parts of a face, R'G'B' in [-1, 1], as measured on its aligned crop.
package struct FaceColours: Sendable, Equatable {
    package var skin = SIMD3<Float>(repeating: 0)
    /// nil where too little of the lips shows.
    package var lips: SIMD3<Float>?

    /// Fewer pixels of the crop than this are no lips to measure a colour on.
    private static let fewestLipPixels = 60

    /// - Parameters:
    ///   - crop: 256x256x3 bytes.
    ///   - average: 64x64x3, its means of 4x4 blocks in [-1, 1].
    ///   - classes: 256x256 `FaceClass` values.
    static func measure(crop: UnsafePointer<UInt8>, average: [Float], classes: UnsafePointer<UInt8>) -> FaceColours {
        FaceColours(skin: skinColour(average, classes), lips: lipColour(crop, classes))
    }

    /// A step of `share` (0...1) towards `other`: colours that are measured anew every frame must not tremble.
    func moved(towards other: FaceColours, by share: Float) -> FaceColours {
        let lips = other.lips.map { new in self.lips.map { $0 + (new - $0) * share } ?? new }
        return FaceColours(skin: skin + (other.skin - skin) * share, lips: lips ?? self.lips)
    }

    /// Mean colour of skin and nose, each 64x64 cell weighted by its share of skin.
    private static func skinColour(_ average: [Float], _ classes: UnsafePointer<UInt8>) -> SIMD3<Float> {
        var sum = SIMD3<Float>(repeating: 0), total: Float = 0
        for y in 0..<64 {
            for x in 0..<64 {
                var count = 0
                for dy in 0..<4 {
                    for dx in 0..<4 where FaceClass.isSkin(classes[(y * 4 + dy) * 256 + x * 4 + dx]) { count += 1 }
                }
                let i = (y * 64 + x) * 3
                sum += SIMD3(average[i], average[i + 1], average[i + 2]) * Float(count)
                total += Float(count)
            }
        }
        return total > 0 ? sum / total : SIMD3(repeating: 0)
    }

    private static func lipColour(_ crop: UnsafePointer<UInt8>, _ classes: UnsafePointer<UInt8>) -> SIMD3<Float>? {
        var sum = SIMD3<Int>(repeating: 0), count = 0
        for i in 0..<256 * 256 where FaceClass.isLip(classes[i]) {
            sum &+= SIMD3(Int(crop[i * 3]), Int(crop[i * 3 + 1]), Int(crop[i * 3 + 2]))
            count += 1
        }
        guard count >= fewestLipPixels else { return nil }
        return SIMD3<Float>(sum) / (Float(count) * 127.5) - 1
    }
}
