import SSATCore

/// A crop with an oval of skin that fills its middle, turned a little, and its mesh.
struct PlainFace {
    var uv = [SIMD2<Float>](repeating: SIMD2(-1, -1), count: 64 * 64)
    var average = [Float](repeating: 0, count: 64 * 64 * 3)
    var classes = [UInt8](repeating: FaceClass.background.rawValue, count: 256 * 256)

    /// - Parameters:
    ///   - colour: R'G'B' in [-1, 1] at a place of the mesh's frame.
    ///   - shows: where skin is seen.
    init(_ colour: (SIMD2<Float>) -> SIMD3<Float>, shows: (SIMD2<Float>) -> Bool = { _ in true }) {
        for cell in 0..<64 * 64 {
            let x = Float(cell % 64) / 32 - 1, y = Float(cell / 64) / 32 - 1
            let place = SIMD2(1.5 * x + 0.2 * y, 1.4 * y - 0.1 * x)
            guard place.x * place.x + place.y * place.y < 1 else { continue }
            uv[cell] = (place + 1) / 2
            let seen = colour(place)
            for c in 0..<3 { average[cell * 3 + c] = seen[c] }
            for pixel in 0..<16 where shows(place) {
                classes[(cell / 64 * 4 + pixel / 4) * 256 + cell % 64 * 4 + pixel % 4] = FaceClass.skin.rawValue
            }
        }
    }

    /// 256x256x3 bytes.
    var crop: [UInt8] {
        (0..<256 * 256 * 3).map { i in
            let pixel = i / 3, cell = pixel / 1024 * 64 + pixel % 256 / 4
            return UInt8(((average[cell * 3 + i % 3] + 1) * 127.5).rounded())
        }
    }
}
