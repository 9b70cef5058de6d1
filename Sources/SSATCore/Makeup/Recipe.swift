import CKernels

/// How strong the makeup is, by region. Every strength in 0...1.
public struct Recipe: Sendable, Equatable {
    public var strength: Float = 1
    public var lips: Float = 1
    public var eyes: Float = 1
    public var skin: Float = 1
    public var brows: Float = 1
    /// How much of the reference's skin tone comes along.
    public var tone: Float = 0

    public init() {}

    /// 256x256 weights of the change: region strength inside the makeup-able classes, softened inward, 0 outside and where the mesh is far:
    /// hair or a neck that the parsing takes for the skin of the face stays as it is.
    func weigh(_ view: FaceView, eyeZone: [UInt8], into weight: inout [Float], scratch: inout [Float]) {
        var table = [Float](repeating: 0, count: FaceClass.allCases.count)
        for c in FaceClass.allCases where c.takesMakeup {
            switch c {
            case .upperLip, .lowerLip: table[Int(c.rawValue)] = lips * strength
            case .brow: table[Int(c.rawValue)] = brows * strength
            default: table[Int(c.rawValue)] = skin * strength
            }
        }
        let skinWeight = skin * strength, eyeWeight = eyes * strength
        for y in 0..<256 {
            for x in 0..<256 {
                let i = y * 256 + x
                let label = view.parsing[i]
                var w = table[Int(label)]
                if label == FaceClass.skin.rawValue, eyeWeight != skinWeight {
                    let uv = view.uv[y / 4 * 64 + x / 4]
                    if uv.x >= 0 {
                        let zone = Float(eyeZone[Int(uv.y * 255) * 256 + Int(uv.x * 255)]) / 255
                        w = skinWeight + (eyeWeight - skinWeight) * zone
                    }
                }
                weight[i] = w
            }
        }
        soften(&weight, &scratch, passes: 1)
        for i in 0..<256 * 256 where !FaceClass.makeupTable[Int(view.parsing[i])] { weight[i] = 0 }
        fade(&weight, awayFrom: view.uv)
        // The crop's own border fades out, so that no edge shows when a face leaves it.
        for k in 0..<6 {
            let f = Float(k) / 6
            for i in 0..<256 {
                weight[k * 256 + i] *= f
                weight[(255 - k) * 256 + i] *= f
                weight[i * 256 + k] *= f
                weight[i * 256 + 255 - k] *= f
            }
        }
    }

    /// Full on the mesh, nothing from three cells beside it on. `uv`: 64x64, negative outside the mesh.
    private func fade(_ weight: inout [Float], awayFrom uv: [SIMD2<Float>]) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 64 * 64 * 2) { space in
            let near = space.baseAddress!, scratch = near + 64 * 64
            for cell in 0..<64 * 64 { near[cell] = Self.isNear(uv, cell % 64, cell / 64) ? 1 : 0 }
            ssat_soften(near, 64, scratch)
            for i in 0..<256 * 256 where weight[i] != 0 { weight[i] *= near[i / 256 / 4 * 64 + i % 256 / 4] }
        }
    }

    private static func isNear(_ uv: [SIMD2<Float>], _ x: Int, _ y: Int) -> Bool {
        for v in max(y - 1, 0)...min(y + 1, 63) {
            for u in max(x - 1, 0)...min(x + 1, 63) where uv[v * 64 + u].x >= 0 { return true }
        }
        return false
    }
}
