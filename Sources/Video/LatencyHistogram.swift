/// Counts latencies in steps of half a millisecond, in fixed memory. One thread at a time.
public struct LatencyHistogram: Sendable {
    private var counts = [Int](repeating: 0, count: 4000)
    public private(set) var count = 0
    /// The longest of all, in milliseconds.
    public private(set) var longest = 0.0
    private static let step = 0.5

    public init() {}

    public mutating func add(nanoseconds: Int64) {
        let index = Int(Double(max(nanoseconds, 0)) / 1e6 / Self.step)
        counts[min(index, counts.count - 1)] += 1
        count += 1
        longest = max(longest, Double(nanoseconds) / 1e6)
    }

    /// Milliseconds that the given share (0...1) of all stayed below; 0 when there are none.
    public func percentile(_ share: Double) -> Double {
        var left = Int((Double(count) * share).rounded(.up))
        for (index, number) in counts.enumerated() {
            left -= number
            if left <= 0 { return count == 0 ? 0 : Double(index + 1) * Self.step }
        }
        return Double(counts.count) * Self.step
    }
}
