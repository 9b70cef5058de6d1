import CKernels
import Foundation

extension Network {
    /// The pixels around a map, which windows read beyond its edge: its zero point, or what a part of it has there.
    ///
    /// Threads: written by one thread, before the step whose output it surrounds has ended.
    struct Border {
        private enum Source {
            case zeroPoint(UInt8)
            /// Where the part's interior begins.
            case part(UnsafeRawPointer, row: Int, pixel: Int)
        }

        private let source: Source
        private let output: UnsafeMutableRawPointer
        private let row, pixel, bytes, width, height: Int

        /// - Parameter interior: pixel (0, 0).
        init(filled map: Tensor, _ interior: UnsafeMutableRawPointer) {
            source = .zeroPoint(map.isFloat ? 0 : UInt8(map.quantization.zeroPoint.rounded()))
            output = interior
            (row, pixel) = (map.rowStride * map.elementSize, map.pixelStride * map.elementSize)
            (bytes, width, height) = (pixel, map.width, map.height)
        }

        init(parted copy: Network.Copy, of map: Tensor) {
            source = .part(copy.input, row: copy.inputRow, pixel: copy.inputPixel)
            output = copy.output
            (row, pixel) = (copy.outputRow, copy.outputPixel)
            (bytes, width, height) = (copy.bytes, map.width, map.height)
        }

        func write() {
            write(x: -1, y: -1, count: width + 2)
            write(x: -1, y: height, count: width + 2)
            for y in 0..<height {
                write(x: -1, y: y, count: 1)
                write(x: width, y: y, count: 1)
            }
        }

        private func write(x: Int, y: Int, count: Int) {
            let start = output + y * row + x * pixel
            switch source {
            case .zeroPoint(let value): memset(start, Int32(value), count * pixel)
            case .part(let input, let inputRow, let inputPixel):
                ssat_copy_channels(input + y * inputRow + x * inputPixel, inputRow, inputPixel, start, row, pixel, Int32(count), 1, Int32(bytes))
            }
        }
    }

    /// What every step has to write of its output's border: others have overwritten it, or its parts have theirs. Nil where no window reads it.
    static func borders(of steps: [Step], _ flows: [Flow], _ plan: MemoryPlan, _ memory: NetworkMemory) -> [Border?] {
        let read = bordersRead(flows, count: plan.offsets.count)
        return zip(steps, flows).map { step, flow in
            guard read[flow.output.index] else { return nil }
            if case .copy(let copy) = step { return Border(parted: copy, of: flow.output) }
            return plan.shares[flow.output.index] ? Border(filled: flow.output, memory[flow.output]) : nil
        }
    }

    /// Windows that reach over the edge read the border; a map of parts has theirs.
    private static func bordersRead(_ flows: [Flow], count: Int) -> [Bool] {
        var result = [Bool](repeating: false, count: count)
        for flow in flows.reversed() {
            for (map, reach) in flow.inputs {
                if case .window(_, _, let pad) = reach, pad > 0 { result[map.index] = true }
                if flow.isPart, result[flow.output.index] { result[map.index] = true }
            }
        }
        return result
    }
}
