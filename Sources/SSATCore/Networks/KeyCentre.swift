/// Takes off keys what a reference's have in common, before they are rounded to bytes: keys of a face point nearly the same way (their mean has
/// a length of 0.98), and the softmax that tells them apart is so sharp that rounding them whole moved a score by 1.7 (decision 0030).
///
/// With m the mean, q * k is (q - m) * (k - m) + m * (k - m) and a part that is the same for all k, which the softmax does not see. The middle part is a
/// number for every k; it takes the place of the last channel, in which the exported keys do not differ (`export_ssat.turn_keys`).
package struct KeyCentre: Sendable {
    private static let channels = SymmetricCorrespondence.channels, last = SymmetricCorrespondence.channels - 1
    private let mean: [Float]
    /// Of every query in the last channel.
    private let unit: Float

    /// - Parameter keys: count x 64, length 1 each.
    package init(of keys: [Float]) {
        let count = max(keys.count / Self.channels, 1)
        var mean = [Float](repeating: 0, count: Self.channels)
        for i in keys.indices { mean[i % Self.channels] += keys[i] / Float(count) }
        var largest: Float = 1e-6
        for i in keys.indices where i % Self.channels != Self.last { largest = max(largest, abs(keys[i] - mean[i % Self.channels])) }
        (self.mean, unit) = (mean, largest)
    }

    /// The reference's keys to be rounded, count x 64.
    package func centre(references keys: [Float]) -> [Float] {
        var out = keys
        var low = Float.infinity, high = -Float.infinity
        for first in stride(from: 0, to: keys.count, by: Self.channels) {
            var along: Float = 0
            for c in 0..<Self.last {
                out[first + c] -= mean[c]
                along += mean[c] * out[first + c]
            }
            out[first + Self.last] = along / unit
            (low, high) = (min(low, along / unit), max(high, along / unit))
        }
        for last in stride(from: Self.last, to: out.count, by: Self.channels) { out[last] -= (low + high) / 2 }
        return out
    }

    /// The first `count` keys of a face to be rounded, into the front of `out`, count x 64.
    package func centre(queries keys: [Float], count: Int, into out: inout [Float]) {
        for first in stride(from: 0, to: count * Self.channels, by: Self.channels) {
            for c in 0..<Self.last { out[first + c] = keys[first + c] - mean[c] }
            out[first + Self.last] = unit
        }
    }
}
