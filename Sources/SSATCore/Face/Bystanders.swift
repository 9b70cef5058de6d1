/// Faces that wear no makeup, followed by where the detector sees them.
///
/// One that was seen beside a face that wears makeup stays one of these while it is seen; it is forgotten ten seconds after.
struct Bystanders {
    private struct Face {
        var low, high: SIMD2<Float>  // frame pixels
        var time: Double
        var centre: SIMD2<Float> { (low + high) / 2 }
        var size: Float { (high - low).max() }
    }

    private var faces: [Face] = []
    private var now = 0.0
    private static let memory = 10.0, visible = 0.5

    /// Takes in what the detector found in a frame.
    /// - Parameters:
    ///   - worn: the faces that wear makeup. When there are none, nobody new becomes a bystander: it could be a face that returns.
    ///   - time: seconds.
    mutating func note(_ found: [Detection], beside worn: [Track], time: Double) {
        now = time
        for detection in found where !worn.contains(where: { Self.covers($0, detection.low, detection.high) }) {
            if let index = index(of: detection) {
                faces[index] = Face(low: detection.low, high: detection.high, time: time)
            } else if !worn.isEmpty {
                faces.append(Face(low: detection.low, high: detection.high, time: time))
            }
        }
        faces.removeAll { face in time - face.time > Self.memory || worn.contains { Self.covers($0, face.low, face.high) } }
    }

    func contains(_ detection: Detection) -> Bool { index(of: detection) != nil }

    /// Of those seen within half a second, with a margin for hair and for motion.
    var boxes: [(low: SIMD2<Float>, high: SIMD2<Float>)] {
        faces.filter { now - $0.time <= Self.visible }.map { ($0.low - 0.3 * $0.size, $0.high + 0.3 * $0.size) }
    }

    private func index(of detection: Detection) -> Int? {
        faces.firstIndex { detection.isNear($0.centre, within: 0.6 * max($0.size, detection.size)) }
    }

    /// Whether the box is mostly that of a face that wears makeup.
    private static func covers(_ track: Track, _ low: SIMD2<Float>, _ high: SIMD2<Float>) -> Bool {
        let box = track.box, shared = pointwiseMax(pointwiseMin(box.high, high) - pointwiseMax(box.low, low), .zero)
        let areas = [box.high - box.low, high - low].map { $0.x * $0.y }
        return shared.x * shared.y > 0.3 * max(areas.min()!, 1e-6)
    }
}

extension Detection {
    var size: Float { (high - low).max() }

    /// Whether its nose or its middle lies within `distance` pixels of a point.
    func isNear(_ point: SIMD2<Float>, within distance: Float) -> Bool {
        [points[2], (low + high) / 2].contains { p in
            let d = p - point
            return (d * d).sum() < distance * distance
        }
    }
}
