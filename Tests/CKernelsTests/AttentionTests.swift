import CKernels
import Foundation
import TestSupport
import Testing

@Suite struct AttentionTests {
    struct Case {
        let queries, keys, values: [Int8]
        let count: Int, references: Int, channels: Int
        let scale, offset: [Float]
        let temperature: Float

        init(seed: UInt64) {
            var random = Seeded(state: seed)
            let count = Int.random(in: 1...40, using: &random), channels = [16, 48, 64].randomElement(using: &random)!
            let references = [1, 2, 15, 16, 17, 63, 64, 65, Int.random(in: 1...700, using: &random)].randomElement(using: &random)!
            func bytes(_ n: Int) -> [Int8] { (0..<n).map { _ in seed % 5 == 0 ? [-127, 127].randomElement(using: &random)! : .random(in: -127...127, using: &random) } }
            queries = bytes(count * 64)
            keys = bytes(references * 64)
            values = bytes(references * channels)
            scale = (0..<channels).map { _ in .random(in: 0.001...0.1, using: &random) }
            offset = (0..<channels).map { _ in .random(in: -1...1, using: &random) }
            temperature = [1e-6, 1e-4, 1e-3, 0.1].randomElement(using: &random)!
            (self.count, self.references, self.channels) = (count, references, channels)
        }

        func run(_ table: UnsafePointer<ssat_kernels>) -> [Float] {
            let t = table.pointee
            let packed = Guarded<UInt8>(t.packed_reference_size(Int32(references), Int32(channels))) { _ in 0 }
            t.pack_reference(keys, values, Int32(references), Int32(channels), packed.base)
            let scratch = Guarded<UInt8>(t.attention_scratch_size(Int32(references), Int32(channels))) { _ in 0xEE }
            let output = Guarded<Float>(count * channels) { _ in -9 }
            let q = Guarded<Int8>(queries.count) { queries[$0] }
            scale.withUnsafeBufferPointer { s in
                offset.withUnsafeBufferPointer { o in
                    var call = ssat_attention_s8(
                        queries: q.base, query_count: Int32(count), reference: packed.base, reference_count: Int32(references),
                        temperature_scale: temperature, value_channels: Int32(channels), value_scale: s.baseAddress!,
                        value_offset: o.baseAddress!, output: output.base, scratch: scratch.base)
                    t.attention_s8(&call)
                }
            }
            #expect(packed.intact && scratch.intact && output.intact && q.intact)
            return output.values
        }

        /// Softmax in double precision: the kernel's weights have 8 bits.
        func exact() -> [Double] {
            (0..<count).flatMap { row -> [Double] in
                let scores = (0..<references).map { j in (0..<64).reduce(0) { $0 + Int(queries[row * 64 + $1]) * Int(keys[j * 64 + $1]) } }
                let top = scores.max()!
                let weights = scores.map { exp(-Double(top - $0) * Double(temperature)) }
                let total = weights.reduce(0, +)
                return (0..<channels).map { c in
                    (0..<references).reduce(0.0) { $0 + weights[$1] * Double(values[$1 * channels + c]) } / total * Double(scale[c]) + Double(offset[c])
                }
            }
        }
    }

    @Test func everyInstructionSetGivesTheSameBits() {
        for seed in 0..<150 {
            let c = Case(seed: UInt64(seed))
            let expected = c.run(referenceTable)
            for table in vectorTables { #expect(c.run(table) == expected, "seed \(seed)") }
        }
    }

    @Test func closeToSoftmax() {
        for seed in 0..<40 {
            let c = Case(seed: UInt64(seed))
            let range = 254 * Double(c.scale.max()!)
            for (a, b) in zip(c.run(referenceTable), c.exact()) { #expect(abs(Double(a) - b) < 0.02 * range, "seed \(seed)") }
        }
    }
}
