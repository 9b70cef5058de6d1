import CKernels

/// Which pixels of a network's maps are computed. A frame wants the keys of the face's cells and the change where makeup goes; what
/// lies further beside them than the convolutions reach is left as it was, and what is wanted comes out the same to the bit.
extension Network {
    /// What a step reads of a map to write a pixel of its output.
    enum Reach {
        /// A convolution's window.
        case window(kernel: Int, stride: Int, pad: Int)
        /// The pixel of half the size.
        case half
        /// That one and those around it.
        case aroundHalf
    }

    /// What a step writes, and what it reads for it.
    struct Flow {
        let name: String
        let output: Tensor
        var inputs: [(map: Tensor, reach: Reach)]
        /// The output is a map of several steps, side by side, each from one input.
        var isPart = false
    }

    /// Columns beyond the wanted ones are computed up to a multiple of this: kernels have no narrower tiles that are worth it. They come
    /// out anyhow, from what happens to be there, and nothing that is wanted reads them.
    private static let alignment = 4

    /// Everything, as at first.
    package func wantEverything() {
        for flow in flows { fill(flow.output, ssat_span(start: 0, end: Int16(flow.output.width))) }
    }

    /// Nothing; before `want`.
    package func wantNothing() {
        for index in spans.indices { spans[index] = ssat_span(start: 0, end: 0) }
    }

    /// Nothing of what the steps of `range` write; before `want`.
    package func wantNothing(of range: Range<Int>) {
        for flow in flows[range] { fill(flow.output, ssat_span(start: 0, end: 0)) }
    }

    /// These columns of row `y`, too, and those between them and what was wanted there before. What lies beyond the map is left out.
    package func want(_ map: Tensor, row y: Int, columns: Range<Int>) {
        let start = max(columns.lowerBound, 0), end = min(columns.upperBound, map.width)
        guard (0..<map.height).contains(y), start < end else { return }
        let span = spans[map.firstSpan + y]
        spans[map.firstSpan + y] =
            span.count == 0
            ? ssat_span(start: Int16(start), end: Int16(end)) : ssat_span(start: min(span.start, Int16(start)), end: max(span.end, Int16(end)))
    }

    /// What `want` asked for of a row; nothing else of it means anything.
    func wanted(_ map: Tensor, row y: Int) -> Range<Int> {
        let span = spans[map.firstSpan + y]
        return Int(span.start)..<Int(span.end)
    }

    /// What the steps of `range` need of their inputs for what is wanted of their outputs. Later steps first; at last `align`.
    package func wantInputs(of range: Range<Int>) {
        for flow in flows[range].reversed() {
            for (map, reach) in flow.inputs {
                for y in 0..<flow.output.height where spans[flow.output.firstSpan + y].count > 0 {
                    let span = spans[flow.output.firstSpan + y]
                    want(map, reach, y, Int(span.start)..<Int(span.end))
                }
            }
        }
    }

    private func want(_ map: Tensor, _ reach: Reach, _ y: Int, _ columns: Range<Int>) {
        switch reach {
        case .window(let kernel, let stride, let pad):
            let first = columns.lowerBound * stride - pad, end = (columns.upperBound - 1) * stride - pad + kernel
            for row in y * stride - pad..<y * stride - pad + kernel { want(map, row: row, columns: first..<end) }
        case .half:
            want(map, row: y / 2, columns: columns.lowerBound / 2..<(columns.upperBound + 1) / 2)
        case .aroundHalf:
            for row in y / 2 - 1...y / 2 + 1 { want(map, row: row, columns: columns.lowerBound / 2 - 1..<(columns.upperBound + 1) / 2 + 1) }
        }
    }

    /// After every `wantInputs`.
    package func align() {
        let step = Self.alignment
        for flow in flows {
            let map = flow.output
            for index in map.firstSpan..<map.firstSpan + map.height where spans[index].count > 0 {
                let start = Int(spans[index].start) / step * step, end = (Int(spans[index].end) + step - 1) / step * step
                spans[index] = ssat_span(start: Int16(start), end: Int16(min(end, map.width)))
            }
        }
    }

    private func fill(_ map: Tensor, _ span: ssat_span) {
        for y in 0..<map.height { spans[map.firstSpan + y] = span }
    }
}
