import CKernels
import TestSupport
import Testing

@Suite struct ModulationTests {
    /// - Parameter split: the rows are done in two calls.
    private func run(_ table: UnsafePointer<ssat_kernels>, _ seed: UInt64, split: Bool = false) -> [UInt8] {
        var random = Seeded(state: seed)
        let upsample = Int.random(in: 1...2, using: &random), channels = 16 * Int.random(in: 1...5, using: &random)
        let width = upsample * Int.random(in: 1...9, using: &random), height = upsample * Int.random(in: 1...7, using: &random)
        let input = Guarded<UInt8>(width * height * channels) { _ in .random(in: 0...255, using: &random) }
        let maps = Guarded<UInt8>(width * height / (upsample * upsample) * channels * 2) { _ in .random(in: 0...255, using: &random) }
        let scale = Guarded<Float>(channels) { _ in .random(in: -0.05...0.05, using: &random) }
        let shift = Guarded<Float>(channels) { _ in .random(in: -2...2, using: &random) }
        let output = Guarded<UInt8>(width * height * (channels + 16)) { _ in 0x5A }
        var call = ssat_modulation_u8()
        call.input = UnsafePointer(input.base)
        (call.input_row_stride, call.input_pixel_stride) = (Int32(width * channels), Int32(channels))
        call.modulation = UnsafePointer(maps.base)
        (call.modulation_row_stride, call.modulation_pixel_stride) = (Int32(width / upsample * channels * 2), Int32(channels * 2))
        call.upsample = Int32(upsample)
        (call.scale, call.shift) = (UnsafePointer(scale.base), UnsafePointer(shift.base))
        let divisor: Float = upsample == 2 ? 16 : 1
        (call.gamma_scale, call.gamma_offset, call.beta_scale, call.beta_offset) = (0.02 / divisor, 1 - 128 * 0.02, 0.03 / divisor, -128 * 0.03)
        (call.negative_slope, call.output_inverse_scale) = (0.1, 23.7)
        (call.width, call.height, call.channels) = (Int32(width), Int32(height), Int32(channels))
        call.output = output.base
        (call.output_row_stride, call.output_pixel_stride, call.output_zero_point) = (Int32(width * (channels + 16)), Int32(channels + 16), 40)
        let spans = Guarded<ssat_span>(height) { _ in
            ssat_span(start: .random(in: 0...Int16(width), using: &random), end: .random(in: 0...Int16(width), using: &random))
        }
        if Bool.random(using: &random) { call.spans = UnsafePointer(spans.base) }
        let middle = split ? Int32.random(in: 0...Int32(height), using: &random) : 0
        for (first, end) in [(0, middle), (middle, Int32(height))] {
            (call.first_row, call.end_row) = (first, end)
            table.pointee.modulation_u8(&call)
        }
        #expect(output.intact && input.intact && maps.intact && scale.intact && shift.intact)
        return output.values
    }

    @Test func everyInstructionSetGivesTheSameBits() {
        for seed in 0..<200 {
            let expected = run(referenceTable, UInt64(seed))
            for table in vectorTables { #expect(run(table, UInt64(seed), split: true) == expected, "seed \(seed)") }
        }
    }
}
