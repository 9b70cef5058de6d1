import CKernels
import Foundation

/// How a network computes: int8 (ships) or f32 (for checking and offline use).
public enum Precision: String, Sendable, CaseIterable {
    case int8, f32
}

/// Real value = (q - zeroPoint) * scale. In f32 networks (1, 0).
package struct Quantization: Sendable, Equatable {
    package var scale: Float
    package var zeroPoint: Float
    package static let identity = Quantization(scale: 1, zeroPoint: 0)
    package init(scale: Float, zeroPoint: Float) { self.scale = scale; self.zeroPoint = zeroPoint }
}

/// A map of a network: NHWC, channels padded to 16, a border of one pixel that holds the zero point.
/// Elements are u8 in int8 networks, except maps that leave the network (`isFloat`), which are f32 in both.
package struct Tensor: Sendable {
    package let height, width, channels: Int
    package let isFloat: Bool
    package let quantization: Quantization
    /// Its place among the maps of the network, in the order in which they were written down.
    package let index: Int
    /// Where the spans of its rows begin among those of the network (`Network.want`).
    let firstSpan: Int
    /// Channels, padded.
    package var pixelStride: Int { Tensor.padded(channels) }
    package var rowStride: Int { (width + 2) * pixelStride }
    package var elementSize: Int { isFloat ? 4 : 1 }
    /// Of all pixels and the border, in bytes. 64 spare ones: vector loads may run past the last pixel.
    var size: Int { (rowStride * (height + 2) * elementSize + 64 + 63) / 64 * 64 }
    /// From the first pixel of the border to interior pixel (0, 0), in bytes.
    var interior: Int { (rowStride + pixelStride) * elementSize }
    package static func padded(_ channels: Int) -> Int { (channels + 15) / 16 * 16 }
}

extension ssat_convolution_u8 {
    /// Narrows the call to some rows of its output.
    mutating func keep(rows: Range<Int>) {
        let first = rows.lowerBound
        input += first * Int(stride * input_row_stride)
        if residual != nil { residual += first * Int(residual_row_stride) }
        if output != nil { output += first * Int(output_row_stride) }
        if output_f32 != nil { output_f32 += first * Int(output_row_stride) }
        if spans != nil { spans += first }
        output_height = Int32(rows.count)
    }
}

extension ssat_span {
    var count: Int { max(Int(end) - Int(start), 0) }
}

extension Network.Copy {
    func copy(row y: Int) {
        let x = Int(spans[y].start), count = spans[y].count
        ssat_copy_channels(
            input + y * inputRow + x * inputPixel, inputRow, inputPixel, output + y * outputRow + x * outputPixel, outputRow, outputPixel,
            Int32(count), 1, Int32(bytes))
    }

    /// Row `y` of the input becomes two rows of the output, as far as either is wanted.
    func double(row y: Int) {
        let one = spans[2 * y], two = spans[2 * y + 1]
        guard one.count + two.count > 0 else { return }
        let start = one.count == 0 ? two.start : two.count == 0 ? one.start : min(one.start, two.start)
        let x = Int(start) / 2, count = (Int(max(one.end, two.end)) + 1) / 2 - x
        ssat_upsample2(
            input + y * inputRow + x * inputPixel, inputRow, inputPixel, output + 2 * y * outputRow + 2 * x * outputPixel, outputRow,
            outputPixel, Int32(count), 1, Int32(bytes))
    }
}

/// A planned network: a list of kernel calls over one arena. Built by `NetworkBuilder`, run any number of times.
///
/// Threads: an instance is used by one thread at a time; instances share nothing but read-only weights.
package final class Network: @unchecked Sendable {
    enum Step {
        case convolution(ssat_convolution_u8)
        case convolutionFloat(ssat_convolution_f32)
        case modulation(ssat_modulation_u8)
        case modulationFloat(ModulationFloat)
        case upsample(Copy)
        case copy(Copy)
    }

    /// `spans`: wanted columns of every row of the output.
    struct Copy {
        var spans: UnsafePointer<ssat_span>
        var input: UnsafeRawPointer
        var inputRow, inputPixel: Int
        var output: UnsafeMutableRawPointer
        var outputRow, outputPixel: Int
        var height, bytes: Int
    }

    struct ModulationFloat {
        var input: UnsafePointer<Float>, inputRow: Int, inputPixel: Int
        var maps: UnsafePointer<Float>, mapsRow: Int, mapsPixel: Int, mapsChannels: Int, upsample: Bool
        var mapsWidth: Int, mapsHeight: Int
        var scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, slope: Float
        var output: UnsafeMutablePointer<Float>, outputRow: Int, outputPixel: Int
        var width: Int, height: Int, channels: Int
    }

    private let steps: [Step]
    /// What a step does first: the border of what it writes, where other maps lay there before.
    private let borders: [Border?]
    let flows: [Flow]
    /// One for every row of every map.
    let spans: UnsafeMutableBufferPointer<ssat_span>
    private let memory: NetworkMemory
    private let weights: [Arena]
    private let kernels: UnsafePointer<ssat_kernels>
    /// Who shares the work of every step; nil: the thread that calls `run` does it alone.
    package var team: WorkerTeam?

    /// - Parameter spans: owned by the network from here on.
    init(
        steps: [Step], borders: [Border?], flows: [Flow], spans: UnsafeMutableBufferPointer<ssat_span>, memory: NetworkMemory, weights: [Arena],
        kernels: UnsafePointer<ssat_kernels>
    ) {
        self.steps = steps
        self.borders = borders
        self.flows = flows
        self.spans = spans
        self.memory = memory
        self.weights = weights
        self.kernels = kernels
    }

    deinit { spans.deallocate() }

    package var stepCount: Int { steps.count }

    package func bytes(_ tensor: Tensor) -> UnsafeMutablePointer<UInt8> {
        memory[tensor].assumingMemoryBound(to: UInt8.self)
    }

    package func floats(_ tensor: Tensor) -> UnsafeMutablePointer<Float> {
        memory[tensor].assumingMemoryBound(to: Float.self)
    }

    /// Runs the steps of `range`, all by default, on this thread or on the team's.
    package func run(_ range: Range<Int>? = nil) {
        let range = range ?? 0..<steps.count
        guard let team, team.count > 1 else {
            for index in range { perform(index, nil, 0) }
            return
        }
        let job = Job(network: Unmanaged.passUnretained(self), range: range)
        withUnsafePointer(to: job) { job in
            team.run(job) { context, member in
                let job = context.assumingMemoryBound(to: Job.self).pointee
                job.network.takeUnretainedValue().performAll(job.range, member)
            }
        }
    }

    private struct Job {
        let network: Unmanaged<Network>
        let range: Range<Int>
    }

    private func performAll(_ range: Range<Int>, _ member: Int) {
        guard let team else { return }
        for index in range {
            perform(index, team, member)
            team.barrier()
        }
    }

    /// Medians of so many runs of the steps of `ranges`, on this thread.
    func time(_ name: String, _ ranges: [Range<Int>]?, _ rounds: Int) -> [StepSpeed] {
        let indices = (ranges ?? [0..<steps.count]).flatMap { Array($0) }
        var times = [[Double]](repeating: [], count: steps.count)
        for _ in 0..<rounds {
            for index in indices {
                let began = DispatchTime.now().uptimeNanoseconds
                perform(index, nil, 0)
                times[index].append(Double(DispatchTime.now().uptimeNanoseconds - began) / 1e6)
            }
        }
        return indices.map { speed(name, $0, milliseconds: times[$0].sorted()[rounds / 2]) }
    }

    private func speed(_ name: String, _ index: Int, milliseconds: Double) -> StepSpeed {
        let flow = flows[index], output = flow.output, input = flow.inputs[0].map
        let pixels = (output.firstSpan..<output.firstSpan + output.height).reduce(0) { $0 + spans[$1].count }
        let share = Double(pixels) / Double(output.width * output.height)
        guard case .convolution(let call) = steps[index] else {
            return StepSpeed(network: name, step: flow.name, shape: "", kernel: 0, share: share, milliseconds: milliseconds, work: 0)
        }
        let each = Double(call.kernel * call.kernel) * Double(call.input_channels) * Double(call.output_channels)
        let shape = "\(call.kernel)x\(call.kernel), \(input.channels) -> \(output.channels) at \(output.width)x\(output.height)"
        return StepSpeed(
            network: name, step: flow.name, shape: shape, kernel: Int(call.kernel), share: share, milliseconds: milliseconds,
            work: each * Double(pixels) / 1e9)
    }

    /// One member's rows of a step, as much work for each. What int8 networks do not have is left to the first member.
    private func perform(_ index: Int, _ team: WorkerTeam?, _ member: Int) {
        if member == 0 { borders[index]?.write() }
        func rows(_ height: Int, _ spans: UnsafePointer<ssat_span>) -> Range<Int> {
            team?.share(of: height, member) { spans[$0].count } ?? 0..<height
        }
        switch steps[index] {
        case .convolution(var call):
            call.keep(rows: rows(Int(call.output_height), call.spans))
            if call.output_height > 0 { kernels.pointee.convolution_u8(&call) }
        case .modulation(var call):
            let part = rows(Int(call.height), call.spans)
            (call.first_row, call.end_row) = (Int32(part.lowerBound), Int32(part.upperBound))
            kernels.pointee.modulation_u8(&call)
        case .upsample(let c):
            for y in team?.share(of: c.height, member, weight: { c.spans[2 * $0].count }) ?? 0..<c.height { c.double(row: y) }
        case .copy(let c):
            for y in rows(c.height, c.spans) { c.copy(row: y) }
        case .convolutionFloat(var call): if member == 0 { ssat_convolution_f32_run(&call) }
        case .modulationFloat(let call): if member == 0 { Self.modulate(call) }
        }
    }

    /// `ssat_modulation_u8` in f32: the same formula on real values.
    private static func modulate(_ m: ModulationFloat) {
        for y in 0..<m.height {
            for x in 0..<m.width {
                let n = m.input + y * m.inputRow + x * m.inputPixel
                let o = m.output + y * m.outputRow + x * m.outputPixel
                var taps: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>)
                var wx: Float = 0, wy: Float = 0
                if m.upsample {
                    let y0 = (y - 1) >> 1, x0 = (x - 1) >> 1
                    wy = (y & 1) == 0 ? 0.75 : 0.25
                    wx = (x & 1) == 0 ? 0.75 : 0.25
                    let ya = max(y0, 0), yb = min(y0 + 1, m.mapsHeight - 1)
                    let xa = max(x0, 0), xb = min(x0 + 1, m.mapsWidth - 1)
                    taps = (
                        m.maps + ya * m.mapsRow + xa * m.mapsPixel, m.maps + ya * m.mapsRow + xb * m.mapsPixel,
                        m.maps + yb * m.mapsRow + xa * m.mapsPixel, m.maps + yb * m.mapsRow + xb * m.mapsPixel
                    )
                } else {
                    let p = m.maps + y * m.mapsRow + x * m.mapsPixel
                    taps = (p, p, p, p)
                }
                for c in 0..<m.channels {
                    func at(_ i: Int) -> Float {
                        let top = taps.0[i] * (1 - wx) + taps.1[i] * wx
                        let bottom = taps.2[i] * (1 - wx) + taps.3[i] * wx
                        return top * (1 - wy) + bottom * wy
                    }
                    var f = (n[c] * m.scale[c] + m.shift[c]) * (1 + at(c)) + at(m.mapsChannels + c)
                    if f < 0 { f *= m.slope }
                    o[c] = f
                }
            }
        }
    }
}
