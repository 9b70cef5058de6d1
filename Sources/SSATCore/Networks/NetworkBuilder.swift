import CKernels
import Foundation

/// What follows a convolution: f < 0 becomes f * slope.
package enum Activation {
    case none, relu, leakyReLU
    var negativeSlope: Float {
        switch self {
        case .none: 1
        case .relu: 0
        case .leakyReLU: 0.1
        }
    }
}

/// Writes a network down, layer by layer, then plans its memory once. The same description serves int8 and f32: layers are
/// looked up by name in the weights, which say how many channels they have.
///
/// Not thread-safe; used while loading.
package struct NetworkBuilder {
    package let precision: Precision
    private let weights: Safetensors
    private let kernels: UnsafePointer<ssat_kernels>
    private var maps: [Tensor] = []
    private var planned: [(_ memory: NetworkMemory, _ spans: UnsafeMutablePointer<ssat_span>) -> Network.Step] = []
    private var flows: [Network.Flow] = []
    private var stages: [Range<Int>] = []
    private var spanCount = 0
    private var packed: [Arena] = []

    /// - Throws: nothing; a level that this machine lacks falls back to the reference.
    package init(weights: Safetensors, precision: Precision, instructionSet: InstructionSet = .current) {
        self.weights = weights
        self.precision = precision
        kernels = instructionSet.kernels ?? InstructionSet.reference.kernels!
    }

    /// Ends a stage: the steps since the one before, which are run together. What a stage reads of an earlier one stays as it was made, however often
    /// the later one runs; everything else lasts until its last reader only. A network that is run whole needs none.
    package mutating func endStage() -> Range<Int> {
        stages.append((stages.last?.upperBound ?? 0)..<planned.count)
        return stages[stages.count - 1]
    }

    /// A map that the caller fills: `quantization` matters in int8 only.
    package mutating func input(height: Int, width: Int, channels: Int, quantization: Quantization) -> Tensor {
        allocate(height, width, channels, isFloat: precision == .f32, precision == .f32 ? .identity : quantization)
    }

    /// `name.output` of an int8 file: scale and zero point of a map that the file describes.
    package func quantization(_ name: String) throws -> Quantization {
        if precision == .f32 { return .identity }
        let values = try weights.floats(named: name + ".output", shape: [2])
        return Quantization(scale: values[0], zeroPoint: values[1])
    }

    /// Convolution with folded normalization, optional residual addition, then the activation. Same padding unless `valid`.
    /// - Parameter floatOutput: the map leaves the network as f32.
    package mutating func convolution(
        _ name: String, _ x: Tensor, kernel: Int = 3, stride: Int = 1, activation: Activation = .leakyReLU,
        residual: Tensor? = nil, floatOutput: Bool = false, valid: Bool = false
    ) throws -> Tensor {
        let height = valid ? x.height - kernel + 1 : (x.height + stride - 1) / stride
        let width = valid ? x.width - kernel + 1 : (x.width + stride - 1) / stride
        let pad = valid ? 0 : kernel / 2
        let inputs = x.pixelStride
        if precision == .f32 {
            let bias = try weights.floats(named: name + ".bias", shape: nil)
            let outputs = Tensor.padded(bias.count)
            let raw = try weights.floats(named: name + ".weight", shape: [bias.count, x.channels, kernel, kernel])
            let ordered = Self.tapsFirst(raw, outputs: bias.count, channels: x.channels, taps: kernel * kernel, padded: (outputs, inputs))
            let store = hold(ssat_packed_weights_f32_count(Int32(outputs), Int32(kernel), Int32(inputs)) * 4)
            ssat_pack_weights_f32(
                ordered, Int32(outputs), Int32(kernel), Int32(inputs), store.base.assumingMemoryBound(to: Float.self))
            let biases = hold(copying: bias, padded: outputs)
            let y = allocate(height, width, bias.count, isFloat: true, .identity)
            flow(name, y, from: x, .window(kernel: kernel, stride: stride, pad: pad), residual)
            planned.append { memory, _ in
                func at(_ t: Tensor) -> UnsafeMutablePointer<Float> { memory[t].assumingMemoryBound(to: Float.self) }
                return .convolutionFloat(
                    ssat_convolution_f32(
                        input: at(x), input_row_stride: Int32(x.rowStride), input_pixel_stride: Int32(x.pixelStride),
                        input_channels: Int32(inputs), kernel: Int32(kernel), stride: Int32(stride), pad: Int32(pad),
                        weights: store.base.assumingMemoryBound(to: Float.self),
                        bias: biases.base.assumingMemoryBound(to: Float.self), residual: residual.map { UnsafePointer(at($0)) },
                        residual_row_stride: Int32(residual?.rowStride ?? 0),
                        residual_pixel_stride: Int32(residual?.pixelStride ?? 0), negative_slope: activation.negativeSlope,
                        output_width: Int32(width), output_height: Int32(height), output_channels: Int32(outputs),
                        output: at(y), output_row_stride: Int32(y.rowStride), output_pixel_stride: Int32(y.pixelStride)))
            }
            return y
        }
        let bias = try weights.int32s(named: name + ".bias", shape: nil)
        let outputs = Tensor.padded(bias.count)
        let raw = try weights.int8s(named: name + ".weight", shape: [bias.count, kernel, kernel, x.channels])
        let ordered = Self.widened(raw, from: x.channels, to: inputs, count: outputs * kernel * kernel * inputs)
        let store = hold(kernels.pointee.packed_weights_size(Int32(outputs), Int32(kernel), Int32(inputs)))
        kernels.pointee.pack_weights_s8(ordered, Int32(outputs), Int32(kernel), Int32(inputs), store.base)
        let biases = hold(copying: bias, padded: outputs)
        let multipliers = hold(
            copying: try weights.floats(named: name + ".multiplier", shape: [bias.count]), padded: outputs)
        let q = floatOutput ? Quantization.identity : try quantization(name)
        let added = residual == nil ? [0, 0] : try weights.floats(named: name + ".residual", shape: [2])
        let y = allocate(height, width, bias.count, isFloat: floatOutput, q)
        flow(name, y, from: x, .window(kernel: kernel, stride: stride, pad: pad), residual)
        planned.append { memory, spans in
            func at(_ t: Tensor) -> UnsafeMutablePointer<UInt8> { memory[t].assumingMemoryBound(to: UInt8.self) }
            return .convolution(
                ssat_convolution_u8(
                    input: at(x), input_row_stride: Int32(x.rowStride), input_pixel_stride: Int32(x.pixelStride),
                    input_channels: Int32(inputs), kernel: Int32(kernel), stride: Int32(stride), pad: Int32(pad),
                    weights: store.base, bias: biases.base.assumingMemoryBound(to: Int32.self),
                    multiplier: multipliers.base.assumingMemoryBound(to: Float.self),
                    residual: residual.map { UnsafePointer(at($0)) }, residual_row_stride: Int32(residual?.rowStride ?? 0),
                    residual_pixel_stride: Int32(residual?.pixelStride ?? 0), residual_zero_point: Int32(added[1]),
                    residual_scale: added[0], negative_slope: activation.negativeSlope, output_width: Int32(width),
                    output_height: Int32(height), output_channels: Int32(outputs), output: floatOutput ? nil : at(y),
                    output_f32: floatOutput ? memory[y].assumingMemoryBound(to: Float.self) : nil,
                    output_row_stride: Int32(y.rowStride), output_pixel_stride: Int32(y.pixelStride),
                    output_zero_point: Int32(q.zeroPoint), spans: spans + y.firstSpan))
        }
        return y
    }

    /// [output][channel][tap] to [output][tap][channel], with zeros up to the padded counts.
    private static func tapsFirst(_ raw: [Float], outputs: Int, channels: Int, taps: Int, padded: (outputs: Int, inputs: Int)) -> [Float] {
        var ordered = [Float](repeating: 0, count: padded.outputs * taps * padded.inputs)
        ordered.withUnsafeMutableBufferPointer { ordered in
            raw.withUnsafeBufferPointer { raw in
                for o in 0..<outputs {
                    for tap in 0..<taps {
                        let to = (o * taps + tap) * padded.inputs, from = o * channels * taps + tap
                        for c in 0..<channels { ordered[to + c] = raw[from + c * taps] }
                    }
                }
            }
        }
        return ordered
    }

    /// Rows of `channels` with zeros up to `inputs`, and after the last up to `count`.
    private static func widened(_ raw: [Int8], from channels: Int, to inputs: Int, count: Int) -> [Int8] {
        if raw.count == count { return raw }
        var ordered = [Int8](repeating: 0, count: count)
        ordered.withUnsafeMutableBytes { ordered in
            raw.withUnsafeBytes { raw in
                for row in 0..<raw.count / channels {
                    ordered.baseAddress!.advanced(by: row * inputs).copyMemory(from: raw.baseAddress! + row * channels, byteCount: channels)
                }
            }
        }
        return ordered
    }

    private mutating func flow(_ name: String, _ output: Tensor, from map: Tensor, _ reach: Network.Reach, _ pointwise: Tensor? = nil) {
        let same = pointwise.map { [(map: $0, reach: Network.Reach.window(kernel: 1, stride: 1, pad: 0))] } ?? []
        flows.append(Network.Flow(name: name, output: output, inputs: [(map, reach)] + same))
    }

    /// Two 3x3 convolutions and the identity (He et al., CVPR 2016).
    package mutating func residualBlock(_ name: String, _ x: Tensor, activation: Activation = .leakyReLU) throws -> Tensor {
        let y = try convolution(name + ".first", x, activation: activation)
        return try convolution(name + ".second", y, activation: activation, residual: x)
    }

    /// Nearest-neighbour doubling.
    package mutating func upsample(_ x: Tensor) -> Tensor {
        let y = allocate(x.height * 2, x.width * 2, x.channels, isFloat: x.isFloat, x.quantization)
        let e = x.elementSize
        flow("upsample", y, from: x, .half)
        planned.append { memory, spans in
            .upsample(
                Network.Copy(
                    spans: spans + y.firstSpan, input: memory[x], inputRow: x.rowStride * e, inputPixel: x.pixelStride * e,
                    output: memory[y], outputRow: y.rowStride * e, outputPixel: y.pixelStride * e, height: x.height,
                    bytes: x.pixelStride * e))
        }
        return y
    }

    /// Channels side by side. In int8 the parts keep their own scales; the weights of the reader account for them, and each
    /// part's border keeps its own zero point.
    package mutating func concatenate(_ parts: [Tensor]) -> Tensor {
        let y = allocate(
            parts[0].height, parts[0].width, parts.reduce(0) { $0 + $1.channels }, isFloat: parts[0].isFloat,
            parts[0].quantization)
        var channel = 0
        for x in parts {
            let e = x.elementSize, start = channel
            flow("concatenate", y, from: x, .window(kernel: 1, stride: 1, pad: 0))
            flows[flows.count - 1].isPart = true
            planned.append { memory, spans in
                .copy(
                    Network.Copy(
                        spans: spans + y.firstSpan, input: memory[x], inputRow: x.rowStride * e, inputPixel: x.pixelStride * e,
                        output: memory[y] + start * e, outputRow: y.rowStride * e, outputPixel: y.pixelStride * e, height: x.height,
                        bytes: x.channels * e))
            }
            channel += x.channels
        }
        return y
    }

    /// Feature modulation followed by leaky ReLU. `maps` holds gamma, then beta, at the size of `x` or half of it.
    package mutating func modulate(_ name: String, _ x: Tensor, maps: Tensor) throws -> Tensor {
        let scale = hold(copying: try weights.floats(named: name + ".scale", shape: [x.channels]), padded: x.pixelStride)
        let shift = hold(copying: try weights.floats(named: name + ".shift", shape: [x.channels]), padded: x.pixelStride)
        let q = try quantization(name)
        let y = allocate(x.height, x.width, x.channels, isFloat: precision == .f32, q)
        let upsample = maps.height != x.height
        let slope = Activation.leakyReLU.negativeSlope
        flow(name, y, from: maps, upsample ? .aroundHalf : .window(kernel: 1, stride: 1, pad: 0), x)
        if precision == .f32 {
            planned.append { memory, _ in
                func at(_ t: Tensor) -> UnsafeMutablePointer<Float> { memory[t].assumingMemoryBound(to: Float.self) }
                return .modulationFloat(
                    Network.ModulationFloat(
                        input: at(x), inputRow: x.rowStride, inputPixel: x.pixelStride, maps: at(maps), mapsRow: maps.rowStride,
                        mapsPixel: maps.pixelStride, mapsChannels: maps.channels / 2, upsample: upsample,
                        mapsWidth: maps.width, mapsHeight: maps.height, scale: scale.base.assumingMemoryBound(to: Float.self),
                        shift: shift.base.assumingMemoryBound(to: Float.self), slope: slope, output: at(y),
                        outputRow: y.rowStride, outputPixel: y.pixelStride, width: y.width, height: y.height,
                        channels: x.channels))
            }
            return y
        }
        let p = try weights.floats(named: name + ".parameters", shape: [4])
        planned.append { memory, spans in
            func at(_ t: Tensor) -> UnsafeMutablePointer<UInt8> { memory[t].assumingMemoryBound(to: UInt8.self) }
            return .modulation(
                ssat_modulation_u8(
                    input: at(x), input_row_stride: Int32(x.rowStride), input_pixel_stride: Int32(x.pixelStride),
                    modulation: at(maps), modulation_row_stride: Int32(maps.rowStride),
                    modulation_pixel_stride: Int32(maps.pixelStride), upsample: upsample ? 2 : 1,
                    scale: scale.base.assumingMemoryBound(to: Float.self),
                    shift: shift.base.assumingMemoryBound(to: Float.self), gamma_scale: p[0], gamma_offset: p[1],
                    beta_scale: p[2], beta_offset: p[3], negative_slope: slope, output_inverse_scale: 1 / q.scale,
                    width: Int32(y.width), height: Int32(y.height), channels: Int32(y.pixelStride),
                    first_row: 0, end_row: Int32(y.height), spans: spans + y.firstSpan, output: at(y), output_row_stride: Int32(y.rowStride),
                    output_pixel_stride: Int32(y.pixelStride), output_zero_point: Int32(q.zeroPoint)))
        }
        return y
    }

    /// Plans the memory and returns the runnable network.
    package func build() -> Network {
        let plan = MemoryPlan(maps: maps, flows: flows, stages: stages)
        let memory = NetworkMemory(plan, maps: maps)
        let spans = UnsafeMutableBufferPointer<ssat_span>.allocate(capacity: max(spanCount, 1))
        spans.initialize(repeating: ssat_span(start: 0, end: 0))
        let steps = planned.map { $0(memory, spans.baseAddress!) }
        let network = Network(
            steps: steps, borders: Network.borders(of: steps, flows, plan, memory), flows: flows, spans: spans, memory: memory, weights: packed, kernels: kernels)
        network.wantEverything()
        return network
    }

    private mutating func allocate(_ height: Int, _ width: Int, _ channels: Int, isFloat: Bool, _ q: Quantization) -> Tensor {
        let tensor = Tensor(
            height: height, width: width, channels: channels, isFloat: isFloat, quantization: q, index: maps.count, firstSpan: spanCount)
        spanCount += height
        maps.append(tensor)
        return tensor
    }

    private mutating func hold(_ size: Int) -> Arena {
        let arena = Arena(size: size)
        packed.append(arena)
        return arena
    }

    private mutating func hold<T>(copying values: [T], padded count: Int) -> Arena {
        let arena = hold(count * MemoryLayout<T>.stride)
        values.withUnsafeBytes { arena.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        return arena
    }
}
