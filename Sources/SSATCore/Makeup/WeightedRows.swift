/// Which columns of every row of a crop have weight: from the first to the last.
struct WeightedRows {
    private(set) var columns = [Range<Int>](repeating: 0..<0, count: 256)
    private var own = [Range<Int>](repeating: 0..<0, count: 256)

    /// - Parameters:
    ///   - weight: 256x256.
    ///   - margin: pixels all around that count as well.
    mutating func measure(_ weight: UnsafePointer<Float>, margin: Int) {
        for y in 0..<256 {
            let row = UnsafeBufferPointer(start: weight + y * 256, count: 256)
            own[y] = 0..<0
            guard let first = row.firstIndex(where: { $0 != 0 }), let last = row.lastIndex(where: { $0 != 0 }) else { continue }
            own[y] = max(first - margin, 0)..<min(last + 1 + margin, 256)
        }
        for y in 0..<256 {
            columns[y] = 0..<0
            for near in own[max(y - margin, 0)...min(y + margin, 255)] { columns[y] = Self.both(columns[y], near) }
        }
    }

    private static func both(_ a: Range<Int>, _ b: Range<Int>) -> Range<Int> {
        a.isEmpty ? b : b.isEmpty ? a : min(a.lowerBound, b.lowerBound)..<max(a.upperBound, b.upperBound)
    }

    /// The columns of every row of a coarser map, as kernels want them.
    struct Spans {
        var first: [Int16], end: [Int16]

        /// All of a map of 64x64.
        static let everywhere = Spans(size: 64)
        /// All of a crop.
        static let everyPixel = Spans(size: 256)

        init(size: Int) { (first, end) = ([Int16](repeating: 0, count: size), [Int16](repeating: Int16(size), count: size)) }

        /// What lies under the columns of `rows`, where `eyes` reach.
        mutating func cover(_ rows: WeightedRows, _ eyes: EyeRows = .everywhere) {
            let size = first.count, step = 256 / size
            for y in 0..<size {
                let pixels = y * step..<(y + 1) * step
                let all = pixels.contains { eyes.reach($0, margin: 0) } ? rows.columns[pixels].reduce(0..<0, WeightedRows.both) : 0..<0
                (first[y], end[y]) = (Int16(all.lowerBound / step), Int16((all.upperBound + step - 1) / step))
            }
        }
    }
}
