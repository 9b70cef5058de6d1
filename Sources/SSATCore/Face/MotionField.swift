import CKernels

/// How the cells of a face have moved within its crop since another frame: by the mesh, carried on into its holes and beyond its edge.
struct MotionField {
    /// 64x64: from where a cell is to where it was, in cells.
    private(set) var back = [SIMD2<Float>](repeating: .zero, count: 64 * 64)
    /// Columns of every row that the mesh reaches: first, and one beyond the last.
    private var first = [Int16](repeating: 0, count: 64), end = [Int16](repeating: 0, count: 64)

    /// - Parameters:
    ///   - uv: 64x64, negative where no mesh is.
    ///   - origin: of a cell of the mesh, where it was, in crop pixels.
    mutating func fill(uv: [SIMD2<Float>], origin: (Int) -> SIMD2<Float>) {
        var above: Int?, rowsWithout = 0
        for y in 0..<64 {
            guard fill(row: y, uv, origin) else {
                if let above { copy(row: above, to: y) } else { rowsWithout += 1 }
                continue
            }
            if above == nil { for empty in 0..<rowsWithout { copy(row: y, to: empty) } }
            above = y
        }
        if above == nil { for cell in 0..<64 * 64 { back[cell] = .zero } }
    }

    /// Corrected by the two pictures themselves where the mesh is (`ssat_refine_motion`): landmarks waver from frame to frame by more than the face moves.
    /// - Parameters:
    ///   - now, before: luma of both crops, 128x128.
    ///   - scratch: SSAT_REFINE_SCRATCH values.
    mutating func refine(now: [Float], before: [Float], scratch: inout [Float]) {
        back.withUnsafeMutableBufferPointer { back in
            back.withMemoryRebound(to: Float.self) { ssat_refine_motion(now, before, first, end, $0.baseAddress!, &scratch) }
        }
    }

    /// The same motion as another field's. In place: two fields that share memory would ask for more as soon as one is filled.
    mutating func copy(_ other: MotionField) {
        back.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: other.back) }
        first.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: other.first) }
        end.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: other.end) }
    }

    /// Nothing has moved.
    mutating func clear() {
        for cell in back.indices { back[cell] = .zero }
    }

    /// A further frame: from where a cell is now to where it was a frame ago, and from there on by what was known.
    /// - Parameter before: scratch, another field.
    mutating func follow(_ step: MotionField, before: inout MotionField) {
        swap(&self, &before)
        let all = WeightedRows.Spans.everywhere
        before.withVectors { known in
            step.withVectors { step in
                back.withUnsafeMutableBufferPointer { moved in
                    moved.withMemoryRebound(to: Float.self) { ssat_move_map(known, 64, 2, step, all.first, all.end, $0.baseAddress!) }
                }
            }
        }
        for cell in back.indices { back[cell] += step.back[cell] }
    }

    /// `back` as kernels want it: 64x64x2.
    func withVectors(_ body: (UnsafePointer<Float>) -> Void) {
        back.withUnsafeBufferPointer { $0.withMemoryRebound(to: Float.self) { body($0.baseAddress!) } }
    }

    /// Between cells of the mesh, what lies between their motions; beside them, theirs. False where the row has none.
    private mutating func fill(row y: Int, _ uv: [SIMD2<Float>], _ origin: (Int) -> SIMD2<Float>) -> Bool {
        var last: Int?
        for x in 0..<64 where uv[y * 64 + x].x >= 0 {
            let here = (origin(y * 64 + x) - SIMD2(Float(4 * x + 1), Float(4 * y + 1))) / 4
            if last == nil { first[y] = Int16(x) }
            let before = last ?? -1, start = last.map { back[y * 64 + $0] } ?? here
            for hole in before + 1..<x { back[y * 64 + hole] = start + (here - start) * (Float(hole - before) / Float(x - before)) }
            back[y * 64 + x] = here
            last = x
        }
        end[y] = Int16((last ?? -1) + 1)
        guard let last else { return false }
        for x in last + 1..<max(64, last + 1) { back[y * 64 + x] = back[y * 64 + last] }
        return true
    }

    private mutating func copy(row from: Int, to: Int) {
        for x in 0..<64 { back[to * 64 + x] = back[from * 64 + x] }
    }
}
