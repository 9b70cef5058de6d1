import CKernels

/// What the networks said of one face: all that its change is made of, but for the face's own pixels. Good for the next frames, too, while the
/// face hardly moves in its crop (`PredictionKey`).
///
/// Threads: one at a time.
package final class Prediction: @unchecked Sendable {
    static let gateChannels = Decoder.gateCount, headChannels = 12
    /// 64x64x3 and 128x128x12, as the decoder gave them.
    package var gate = [Float](repeating: 0, count: 64 * 64 * gateChannels)
    package var head = [Float](repeating: 0, count: 128 * 128 * headChannels)
    /// 64x64x3 and 64x64: the reference's colour in every cell of the face, and where the cell lies on the mesh, both carried on a few cells beyond
    /// the edge.
    package var warped = [Float](repeating: 0, count: 64 * 64 * 3)
    package var uv = [SIMD2<Float>](repeating: SIMD2(-1, -1), count: 64 * 64)
    /// Of `uv`, once it is what `move` made.
    private(set) var eyes = EyeRows.everywhere
    /// Columns of every row of the crop for which the maps were computed.
    private var computed = [Range<Int>](repeating: 0..<0, count: 256)
    private var known = [Bool](repeating: false, count: 64 * 64)
    private var border: [Int] = []
    private var rows = WeightedRows()
    private var gateSpans = WeightedRows.Spans(size: 64), headSpans = WeightedRows.Spans(size: 128)

    /// Pixels of the crop around the makeup that are computed with it, so that it may move by as much.
    static let margin = 4
    private static let carriedCells = 2

    package init() { border.reserveCapacity(64 * 64) }

    func withMaps(_ body: (_ gate: ChangeAssembler.Map, _ head: ChangeAssembler.Map) -> Void) {
        gate.withUnsafeBufferPointer { gate in
            head.withUnsafeBufferPointer { head in
                body(
                    ChangeAssembler.Map(values: gate.baseAddress!, row: 64 * Self.gateChannels, pixel: Self.gateChannels),
                    ChangeAssembler.Map(values: head.baseAddress!, row: 128 * Self.headChannels, pixel: Self.headChannels))
            }
        }
    }

    /// Copies a map of the decoder: what was computed, and beyond that the nearest of its row, or of the next row that has any. A face that moves is
    /// made of what lies between two cells, and the other one may lie beyond; what happens to be there is not the same in every run.
    /// - Parameter computed: columns of every row.
    static func fill(_ map: inout [Float], from source: ChangeAssembler.Map, channels: Int, computed: [Range<Int>]) {
        let size = computed.count
        guard let first = computed.firstIndex(where: { !$0.isEmpty }) else { return }
        map.withUnsafeMutableBufferPointer { map in
            let map = map.baseAddress!
            func copyRow(_ from: Int, to y: Int) { (map + y * size * channels).update(from: map + from * size * channels, count: size * channels) }
            for y in first..<size {
                guard let low = computed[y].first, let high = computed[y].last else {
                    copyRow(y - 1, to: y)
                    continue
                }
                for x in 0..<size {
                    let from = source.values + y * source.row + min(max(x, low), high) * source.pixel
                    (map + (y * size + x) * channels).update(from: from, count: channels)
                }
            }
            for y in 0..<first { copyRow(first, to: y) }
        }
    }

    /// Notes for which columns of every row the maps were computed (`WeightedRows`).
    func setComputed(_ rows: [Range<Int>]) { computed.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: rows) } }

    /// No makeup where nothing was computed for the place that a pixel comes from.
    func limit(_ weight: inout [Float], _ motion: MotionField) {
        weight.withUnsafeMutableBufferPointer { weight in
            for cell in 0..<64 * 64 {
                let back = motion.back[cell] * 4, across = Int(back.x.rounded()), down = Int(back.y.rounded()), first = cell % 64 * 4
                for y in cell / 64 * 4..<cell / 64 * 4 + 4 {
                    let row = computed[min(max(y + down, 0), 255)]
                    if row.contains(first + across), row.contains(first + 3 + across) { continue }
                    for x in first..<first + 4 where !row.contains(x + across) { weight[y * 256 + x] = 0 }
                }
            }
        }
    }

    /// The maps moved along with the face, for where `weight` is not 0.
    func move(_ motion: MotionField, for weight: [Float], into moved: Prediction) {
        // Gates are interpolated between cells.
        moved.rows.measure(weight, margin: 4)
        moved.gateSpans.cover(moved.rows)
        motion.withVectors { back in
            func move(_ map: [Float], _ channels: Int, _ spans: WeightedRows.Spans, _ output: inout [Float]) {
                ssat_move_map(map, Int32(spans.first.count), Int32(channels), back, spans.first, spans.end, &output)
            }
            uv.withUnsafeBytes { from in
                moved.uv.withUnsafeMutableBytes { to in
                    let all = WeightedRows.Spans.everywhere
                    ssat_move_map(from.bindMemory(to: Float.self).baseAddress!, 64, 2, back, all.first, all.end, to.bindMemory(to: Float.self).baseAddress!)
                }
            }
            move(gate, Self.gateChannels, moved.gateSpans, &moved.gate)
            moved.eyes = EyeRows(uv: moved.uv)
            moved.headSpans.cover(moved.rows, moved.eyes)
            move(head, Self.headChannels, moved.headSpans, &moved.head)
            move(warped, 3, .everywhere, &moved.warped)
        }
    }

    /// Fills the cells around the face, whose cells are `positions`, and those around the mesh with the means of their neighbours: a face that
    /// moves finds something there.
    func carryOn(from positions: [Int32]) {
        for i in known.indices { known[i] = false }
        for position in positions { known[Int(position)] = true }
        warped.withUnsafeMutableBufferPointer { carryOn($0.baseAddress!, channels: 3) }
        for i in known.indices { known[i] = uv[i].x >= 0 }
        uv.withUnsafeMutableBytes { carryOn($0.bindMemory(to: Float.self).baseAddress!, channels: 2) }
    }

    private func carryOn(_ map: UnsafeMutablePointer<Float>, channels: Int) {
        for _ in 0..<Self.carriedCells {
            border.removeAll(keepingCapacity: true)
            for cell in 0..<64 * 64 where !known[cell] {
                if fillFromNeighbours(cell, map, channels) { border.append(cell) }
            }
            for cell in border { known[cell] = true }
        }
    }

    private func fillFromNeighbours(_ cell: Int, _ map: UnsafeMutablePointer<Float>, _ channels: Int) -> Bool {
        var sum = SIMD3<Float>.zero, count: Float = 0
        for y in max(cell / 64 - 1, 0)...min(cell / 64 + 1, 63) {
            for x in max(cell % 64 - 1, 0)...min(cell % 64 + 1, 63) where known[y * 64 + x] {
                for c in 0..<channels { sum[c] += map[(y * 64 + x) * channels + c] }
                count += 1
            }
        }
        guard count > 0 else { return false }
        for c in 0..<channels { map[cell * channels + c] = sum[c] / count }
        return true
    }
}
