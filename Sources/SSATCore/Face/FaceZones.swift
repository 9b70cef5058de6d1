/// Where the eyes' makeup and the lips lie in the UV plane of the mesh, 256x256.
package struct FaceZones: Sendable {
    private static let size = 256
    /// 0...255.
    private let eyes: [UInt8]
    private let lips: [Bool]

    /// Around the lips, along their outer border.
    static let lipBorder = [
        61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
    ]

    /// - Throws: `SafetensorsError` when the file is not that of the canonical mesh.
    package init(_ file: Safetensors) throws {
        eyes = try file.uint8s(named: "eye_zone", shape: [Self.size, Self.size])
        let mesh = try CanonicalMesh(file)
        let border = Self.lipBorder.map { mesh.uv[$0] }
        lips = (0..<Self.size * Self.size).map { i in
            Self.surrounds(border, SIMD2(Float(i % Self.size), Float(i / Self.size)) / Float(Self.size - 1))
        }
    }

    /// Whether a ray from the point crosses the border an odd number of times.
    static func surrounds(_ border: [SIMD2<Float>], _ p: SIMD2<Float>) -> Bool {
        var inside = false, a = border[border.count - 1]
        for b in border {
            if (a.y > p.y) != (b.y > p.y), p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x { inside.toggle() }
            a = b
        }
        return inside
    }

    private func index(_ uv: SIMD2<Float>) -> Int { Int(uv.y * 255) * Self.size + Int(uv.x * 255) }

    /// How much a place belongs to the eyes' makeup, 0...1. `uv` on the mesh.
    func eye(_ uv: SIMD2<Float>) -> Float { Float(eyes[index(uv)]) / 255 }

    /// Whether a place is on the lips. Nothing is where the mesh is not (`uv` negative).
    func isLip(_ uv: SIMD2<Float>) -> Bool { uv.x >= 0 && lips[index(uv)] }
}
