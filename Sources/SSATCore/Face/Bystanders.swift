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
    mutating func note(_ found: [Detection], beside worn: [FaceView], time: Double) {
        now = time
        for detection in found where !worn.contains(where: { Self.covers($0.track, detection.low, detection.high) }) {
            if let index = index(of: detection) {
                faces[index] = Face(low: detection.low, high: detection.high, time: time)
            } else if !worn.isEmpty {
                faces.append(Face(low: detection.low, high: detection.high, time: time))
            }
        }
        faces.removeAll { face in time - face.time > Self.memory || worn.contains { Self.covers($0.track, face.low, face.high) } }
    }

    func contains(_ detection: Detection) -> Bool { index(of: detection) != nil }

    /// Boxes of those seen within half a second, with a margin for hair and for motion.
    func write(into boxes: inout [(low: SIMD2<Float>, high: SIMD2<Float>)]) {
        boxes.removeAll(keepingCapacity: true)
        for face in faces where now - face.time <= Self.visible { boxes.append((face.low - 0.3 * face.size, face.high + 0.3 * face.size)) }
    }

    private func index(of detection: Detection) -> Int? {
        faces.firstIndex { detection.isNear($0.centre, within: 0.6 * max($0.size, detection.size)) }
    }

    /// Whether the box is mostly that of a face that wears makeup.
    private static func covers(_ track: Track, _ low: SIMD2<Float>, _ high: SIMD2<Float>) -> Bool {
        let box = track.box, shared = pointwiseMax(pointwiseMin(box.high, high) - pointwiseMax(box.low, low), .zero)
        func area(_ size: SIMD2<Float>) -> Float { size.x * size.y }
        return area(shared) > 0.3 * max(min(area(box.high - box.low), area(high - low)), 1e-6)
    }
}

extension Detection {
    var size: Float { (high - low).max() }

    /// Whether its nose or its middle lies within `distance` pixels of a point.
    func isNear(_ point: SIMD2<Float>, within distance: Float) -> Bool {
        func isNear(_ p: SIMD2<Float>) -> Bool {
            let d = p - point
            return (d * d).sum() < distance * distance
        }
        return isNear(points.nose) || isNear((low + high) / 2)
    }
}
