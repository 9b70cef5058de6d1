/// Where the maps of a network lie, so that those of different times share memory: largest first, each at the lowest place that is
/// free while it is needed (Pisarchyk and Lee 2020, arXiv 2001.03288, "greedy by size").
package struct MemoryPlan: Sendable {
    /// Bytes from the beginning, of every map.
    package private(set) var offsets: [Int]
    /// Bytes in all.
    package private(set) var size = 0
    /// Which maps lie where others do.
    package private(set) var shares: [Bool]
    private let sizes: [Int]

    /// - Parameters:
    ///   - sizes: bytes of every map.
    ///   - lifetimes: the steps from the first to the last that needs it.
    package init(sizes: [Int], lifetimes: [ClosedRange<Int>]) {
        self.sizes = sizes
        offsets = sizes.map { _ in 0 }
        shares = sizes.map { _ in false }
        var placed: [Int] = []
        for map in sizes.indices.sorted(by: { (sizes[$0], $1) > (sizes[$1], $0) }) {
            offsets[map] = place(sizes[map], among: placed.filter { lifetimes[$0].overlaps(lifetimes[map]) })
            size = max(size, extent(map).upperBound)
            placed.append(map)
        }
        for one in sizes.indices { shares[one] = sizes.indices.contains { $0 != one && extent(one).overlaps(extent($0)) } }
    }

    /// The bytes that a map has.
    package func extent(_ map: Int) -> Range<Int> { offsets[map]..<offsets[map] + sizes[map] }

    /// The lowest place for so many bytes that none of `others` has.
    private func place(_ size: Int, among others: [Int]) -> Int {
        var offset = 0
        for other in others.map(extent).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if other.lowerBound >= offset + size { break }
            offset = max(offset, other.upperBound)
        }
        return offset
    }
}

extension MemoryPlan {
    /// A map is needed from the step that writes it first to the one that reads it last. Maps that the caller fills or reads, and those
    /// that a later stage reads, are needed all the time.
    init(maps: [Tensor], flows: [Network.Flow], stages: [Range<Int>]) {
        var written = [Int?](repeating: nil, count: maps.count), read = written
        for (step, flow) in flows.enumerated() {
            written[flow.output.index] = written[flow.output.index] ?? step
            for input in flow.inputs { read[input.map.index] = step }
        }
        func stage(_ step: Int) -> Int? { stages.firstIndex { $0.contains(step) } }
        let lifetimes = maps.indices.map { map in
            guard let first = written[map], let last = read[map], stage(first) == stage(last) else { return 0...flows.count }
            return first...last
        }
        self.init(sizes: maps.map(\.size), lifetimes: lifetimes)
    }
}
