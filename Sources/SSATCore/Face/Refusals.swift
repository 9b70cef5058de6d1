/// Places where the detector sees a face and FaceMesh does not: drawings, patterns, a fist. Looking at one costs as much as a frame does, from all four
/// sides as much as four, so it is not done at every frame.
///
/// A place is looked at again when it looks more like a face than before, and from time to time: after a sixth of a second, then after
/// twice as long each time, up to two seconds. It is forgotten when the detector has not seen it for five seconds.
package struct Refusals {
    private struct Place {
        var centre: SIMD2<Float>  // frame pixels
        var size, score: Float
        var seen, nextLook, wait: Double
        var looks = 1
    }

    private var places: [Place] = []

    package init() { places.reserveCapacity(32) }

    private static let firstWait = 1.0 / 6, longestWait = 2.0, memory = 5.0
    /// How much surer the detector must be for another look at once.
    private static let surer: Float = 0.15

    /// How often this was looked at and refused.
    package func looks(at detection: Detection) -> Int { index(of: detection).map { places[$0].looks } ?? 0 }

    /// Whether to leave it alone for now. `time` in seconds.
    package mutating func holdOff(_ detection: Detection, time: Double) -> Bool {
        places.removeAll { !(0...Self.memory).contains(time - $0.seen) }
        guard let index = index(of: detection) else { return false }
        places[index].seen = time
        return time < places[index].nextLook && detection.score < places[index].score + Self.surer
    }

    /// It was looked at, and is no face.
    package mutating func note(_ detection: Detection, time: Double) {
        let known = index(of: detection)
        let wait = known.map { min(places[$0].wait * 2, Self.longestWait) } ?? Self.firstWait
        let place = Place(
            centre: (detection.low + detection.high) / 2, size: detection.size, score: detection.score, seen: time, nextLook: time + wait,
            wait: wait, looks: known.map { places[$0].looks + 1 } ?? 1)
        if let known { places[known] = place } else { places.append(place) }
    }

    private func index(of detection: Detection) -> Int? {
        places.firstIndex { place in
            let moved = (detection.low + detection.high) / 2 - place.centre, size = max(place.size, detection.size)
            return (moved * moved).sum() < 0.04 * size * size && min(place.size, detection.size) > 0.75 * size
        }
    }
}
