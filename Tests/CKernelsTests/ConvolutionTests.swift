import CKernels
import Foundation
import TestSupport
import Testing

/// Tables of this machine above the reference.
var vectorTables: [UnsafePointer<ssat_kernels>] {
    [SSAT_LEVEL_AVX2, SSAT_LEVEL_AVXVNNI, SSAT_LEVEL_AVX512VNNI, SSAT_LEVEL_NEON].compactMap { ssat_kernels_for_level($0) }
}
var referenceTable: UnsafePointer<ssat_kernels> { ssat_kernels_for_level(SSAT_LEVEL_REFERENCE)! }

/// One random int8 convolution with all its buffers.
struct ConvolutionCase {
    var width, height, inputs, outputs, kernel, stride: Int
    var valid = false, residual = false, float = false
    var slope: Float = 0.1
    let input, residualMap: Guarded<UInt8>
    let weights: Guarded<Int8>
    let bias: Guarded<Int32>
    let multiplier: Guarded<Float>
    /// Wanted columns of every row; none for all.
    var spans: Guarded<ssat_span>?
    let inputRow, inputPixel, outputPixel: Int
    var pad: Int { valid ? 0 : kernel / 2 }

    init(random: inout Seeded, kernel: Int, stride: Int, valid: Bool = false, extreme: Bool = false, shape: (Int, Int, Int, Int)? = nil) {
        width = shape?.0 ?? Int.random(in: 1...21, using: &random)
        height = shape?.1 ?? Int.random(in: 1...9, using: &random)
        inputs = shape?.2 ?? 16 * Int.random(in: 1...9, using: &random)
        outputs = shape?.3 ?? 16 * Int.random(in: 1...9, using: &random)
        self.kernel = kernel
        self.stride = stride
        self.valid = valid
        residual = Bool.random(using: &random)
        float = Int.random(in: 0..<3, using: &random) == 0
        slope = [0, 0.1, 1].randomElement(using: &random)!
        let border = valid ? 0 : kernel / 2
        inputPixel = inputs + 16 * Int.random(in: 0...2, using: &random)
        outputPixel = outputs + 16 * Int.random(in: 0...2, using: &random)
        let columns = (width - 1) * stride + (valid ? kernel : 1) + 2 * border, rows = (height - 1) * stride + (valid ? kernel : 1) + 2 * border
        inputRow = columns * inputPixel
        var r = random
        input = Guarded(rows * columns * inputPixel) { _ in extreme ? [0, 255].randomElement(using: &r)! : .random(in: 0...255, using: &r) }
        weights = Guarded(outputs * kernel * kernel * inputs) { _ in extreme ? [-127, 127].randomElement(using: &r)! : .random(in: -127...127, using: &r) }
        bias = Guarded(outputs) { _ in .random(in: -100_000...100_000, using: &r) }
        let scale = 80 / (74 * 74 * Float(kernel * kernel * inputs).squareRoot())
        multiplier = Guarded(outputs) { _ in .random(in: 0.5 * scale...2 * scale, using: &r) }
        residualMap = Guarded(width * height * outputs) { _ in .random(in: 0...255, using: &r) }
        if Bool.random(using: &r) && shape == nil {
            let columns = width
            spans = Guarded(height) { _ in
                let ends = [Int16.random(in: 0...Int16(columns), using: &r), .random(in: 0...Int16(columns), using: &r)]
                return ssat_span(start: ends[0], end: ends[1])  // sometimes none: the end before the start
            }
        }
        random = r
    }

    /// Output bytes (or f32 as bytes), including the channels of the wider tensor that must not be touched.
    /// - Parameter times: runs more than once, and hands over the nanoseconds of the fastest.
    func run(_ table: UnsafePointer<ssat_kernels>, times: Int = 1, fastest: (UInt64) -> Void = { _ in }) -> [UInt8] {
        let size = table.pointee.packed_weights_size(Int32(outputs), Int32(kernel), Int32(inputs))
        let packed = Guarded<UInt8>(size) { _ in 0 }
        table.pointee.pack_weights_s8(weights.base, Int32(outputs), Int32(kernel), Int32(inputs), packed.base)
        let elements = ((height - 1) * width + width - 1) * outputPixel + outputs
        let bytes = Guarded<UInt8>(float ? 0 : elements) { _ in 0x5A }, floats = Guarded<Float>(float ? elements : 0) { _ in -7 }
        var call = ssat_convolution_u8()
        let border = pad
        call.input = UnsafePointer(input.base + border * inputRow + border * inputPixel)
        call.input_row_stride = Int32(inputRow)
        call.input_pixel_stride = Int32(inputPixel)
        call.input_channels = Int32(inputs)
        (call.kernel, call.stride, call.pad) = (Int32(kernel), Int32(stride), Int32(pad))
        call.weights = UnsafeRawPointer(packed.base)
        call.bias = UnsafePointer(bias.base)
        call.multiplier = UnsafePointer(multiplier.base)
        if residual {
            call.residual = UnsafePointer(residualMap.base)
            call.residual_row_stride = Int32(width * outputs)
            call.residual_pixel_stride = Int32(outputs)
            call.residual_zero_point = 101
            call.residual_scale = 0.37
        }
        call.negative_slope = slope
        (call.output_width, call.output_height, call.output_channels) = (Int32(width), Int32(height), Int32(outputs))
        if float { call.output_f32 = floats.base } else { call.output = bytes.base }
        call.output_row_stride = Int32(width * outputPixel)
        call.output_pixel_stride = Int32(outputPixel)
        call.output_zero_point = 119
        call.spans = spans.map { UnsafePointer($0.base) }
        var least = UInt64.max
        for _ in 0..<times {
            let began = DispatchTime.now().uptimeNanoseconds
            table.pointee.convolution_u8(&call)
            least = min(least, DispatchTime.now().uptimeNanoseconds - began)
        }
        fastest(least)
        let intact = [bytes.intact, floats.intact, packed.intact, input.intact, weights.intact, bias.intact, multiplier.intact, residualMap.intact]
        #expect(!intact.contains(false), "written beyond a buffer: \(self.text)")
        return float ? floats.values.withUnsafeBytes(Array.init) : bytes.values
    }

    /// The specification of CKernels.h, word for word.
    func naive() -> [UInt8] {
        let elements = ((height - 1) * width + width - 1) * outputPixel + outputs
        var bytes = [UInt8](repeating: 0x5A, count: elements), floats = [Float](repeating: -7, count: elements)
        for y in 0..<height {
            let columns = spans.map { Int($0.base[y].start)..<max(Int($0.base[y].start), Int($0.base[y].end)) } ?? 0..<width
            for x in columns {
                for o in 0..<outputs {
                    var sum = bias.base[o]
                    for ky in 0..<kernel {
                        for kx in 0..<kernel {
                            let from = (y * stride + ky) * inputRow + (x * stride + kx) * inputPixel
                            let tap = ((o * kernel + ky) * kernel + kx) * inputs
                            for c in 0..<inputs { sum &+= Int32(input.base[from + c]) &* Int32(weights.base[tap + c]) }
                        }
                    }
                    var f = Float(sum) * multiplier.base[o]
                    if residual { f += Float(Int32(residualMap.base[(y * width + x) * outputs + o]) - 101) * Float(0.37) }
                    if f < 0 { f *= slope }
                    let at = (y * width + x) * outputPixel + o
                    floats[at] = f
                    bytes[at] = UInt8(max(0, min(255, f.rounded(.toNearestOrEven) + 119)))
                }
            }
        }
        return float ? floats.withUnsafeBytes(Array.init) : bytes
    }

    var text: String { "\(width)x\(height) \(inputs)->\(outputs) kernel \(kernel) stride \(stride) spans \(spans != nil) residual \(residual) f32 \(float) slope \(slope)" }
}

@Suite struct ConvolutionTests {
    @Test func referenceIsTheSpecification() {
        var random = Seeded(state: 1)
        for index in 0..<60 {
            let c = ConvolutionCase(random: &random, kernel: [1, 3][index % 2], stride: [1, 2][index / 2 % 2], extreme: index % 7 == 0, shape: index % 3 == 0 ? (3, 2, 32, 16) : nil)
            #expect(c.run(referenceTable) == c.naive(), "\(c.text)")
        }
    }

    @Test func everyInstructionSetGivesTheSameBits() {
        var random = Seeded(state: 2)
        for index in 0..<300 {
            let c = ConvolutionCase(random: &random, kernel: [1, 3, 3][index % 3], stride: [1, 1, 2][index / 3 % 3], extreme: index % 5 == 0)
            let expected = c.run(referenceTable)
            for table in vectorTables { #expect(c.run(table) == expected, "\(String(cString: table.pointee.name)): \(c.text)") }
        }
        // Rows that do not fit into the AVX2 kernel's widened rows.
        let wide = ConvolutionCase(random: &random, kernel: 3, stride: 1, shape: (131, 2, 160, 16))
        for table in vectorTables { #expect(wide.run(table) == wide.run(referenceTable), "\(wide.text)") }
        let whole = ConvolutionCase(random: &random, kernel: 8, stride: 1, valid: true, shape: (1, 1, 48, 960))
        let expected = whole.run(referenceTable)
        for table in vectorTables { #expect(whole.run(table) == expected, "\(whole.text)") }
    }

    /// Not a test of speed: prints it when asked to (make bench-kernels).
    @Test(.enabled(if: ProcessInfo.processInfo.environment["SSAT_KERNEL_BENCH"] != nil)) func bench() {
        var random = Seeded(state: 3)
        for (w, inputs, outputs, kernel) in [(64, 64, 64, 3), (64, 128, 64, 3), (64, 48, 128, 3), (128, 32, 32, 3), (128, 32, 16, 3), (64, 144, 64, 1), (32, 96, 96, 3)] {
            var c = ConvolutionCase(random: &random, kernel: kernel, stride: 1, shape: (w, w, inputs, outputs))
            c.float = false
            let work = Double(w * w * inputs * outputs * kernel * kernel)
            for table in vectorTables {
                _ = c.run(table, times: 60) { best in
                    let name = String(cString: table.pointee.name)
                    print("\(w)x\(w) \(inputs)->\(outputs) \(kernel)x\(kernel) \(name): \(Int(work / Double(best))) GMAC/s")
                }
            }
        }
    }
}
