import Foundation

/// The project's own face mesh: 478 points (468 of the surface, 10 of the irises), 856 triangles, unrolled on a cylinder.
package struct CanonicalMesh: Sendable {
    /// In [0, 1], y down.
    package let uv: [SIMD2<Float>]
    /// In outer-eye widths, y up, z toward the viewer.
    package let positions: [SIMD3<Float>]
    package let triangles: [(Int, Int, Int)]

    package init(_ file: Safetensors) throws {
        let uv = try file.floats(named: "uv", shape: [478, 2])
        let positions = try file.floats(named: "position", shape: [478, 3])
        let triangles = try file.int32s(named: "triangles", shape: [856, 3]).map(Int.init)
        guard triangles.allSatisfy({ (0..<478).contains($0) }) else {
            throw SafetensorsError.malformed("canonical mesh", "triangle index out of range")
        }
        self.uv = (0..<478).map { SIMD2(uv[$0 * 2], uv[$0 * 2 + 1]) }
        self.positions = (0..<478).map { SIMD3(positions[$0 * 3], positions[$0 * 3 + 1], positions[$0 * 3 + 2]) }
        self.triangles = (0..<856).map { (triangles[$0 * 3], triangles[$0 * 3 + 1], triangles[$0 * 3 + 2]) }
    }
}
