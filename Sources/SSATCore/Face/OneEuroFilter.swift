import Foundation

/// The 1-euro filter (Casiez, Roussel, Vogel, CHI 2012) for a set of points: calm when still, without lag when moving.
/// Distances are relative to `scale` (the face's size), times in seconds.
struct OneEuroFilter {
    var minimumCutoff: Float = 1.5
    var beta: Float = 30
    private var value: [SIMD2<Float>] = []
    private var speed: [SIMD2<Float>] = []
    private var time: Double = 0

    init() {}

    private static func alpha(_ cutoff: Float, _ interval: Float) -> Float {
        let r = 2 * Float.pi * cutoff * interval
        return r / (r + 1)
    }

    mutating func update(_ points: inout [SIMD2<Float>], scale: Float, time now: Double) {
        let interval = Float(now - time)
        time = now
        guard value.count == points.count, interval > 0, interval < 0.5 else {
            value = points
            speed = [SIMD2<Float>](repeating: .zero, count: points.count)
            return
        }
        let calm = Self.alpha(2, interval)
        for i in points.indices {
            let derivative = (points[i] - value[i]) / (interval * scale)
            speed[i] += (derivative - speed[i]) * calm
            let magnitude = (speed[i] * speed[i]).sum().squareRoot()
            let a = Self.alpha(minimumCutoff + beta * magnitude, interval)
            value[i] += (points[i] - value[i]) * a
            points[i] = value[i]
        }
    }
}
