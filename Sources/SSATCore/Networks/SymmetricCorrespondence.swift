import CKernels
import Foundation

/// SSCFT (SSAT, section 3.3) in one direction: every face position of the source attends to all face positions of the
/// reference. Positions are cells of the 64x64 grid; only cells that are mostly makeup-able take part.
///
/// Threads: one instance per thread. Buffers grow to the largest face seen, then stay.
final class SymmetricCorrespondence: @unchecked Sendable {
    static let grid = 64, channels = 64

    private(set) var positions: [Int32] = []
    private var normalized: [Float] = [], warped: [Float] = []
    private var queries: [Int8] = []
    private var scores = [Float](repeating: 0, count: grid * grid)
    private var scratch = Arena(size: 64)

    init() { positions.reserveCapacity(Self.grid * Self.grid) }

    /// Cells of which more than half the pixels take makeup. `parsing`: 256x256 classes of `FaceClass`.
    static func makeupPositions(_ parsing: UnsafePointer<UInt8>, into positions: inout [Int32]) {
        positions.removeAll(keepingCapacity: true)
        for y in 0..<grid {
            for x in 0..<grid {
                var count = 0
                for dy in 0..<4 {
                    for dx in 0..<4 where FaceClass.makeupTable[Int(parsing[(y * 4 + dy) * 256 + x * 4 + dx])] { count += 1 }
                }
                if count > 8 { positions.append(Int32(y * grid + x)) }
            }
        }
    }

    /// Keys of the chosen positions, each of length 1.
    static func normalize(
        _ keys: UnsafePointer<Float>, rowStride: Int, pixelStride: Int, positions: [Int32], into output: inout [Float]
    ) {
        for (row, position) in positions.enumerated() {
            let k = keys + Int(position) / grid * rowStride + Int(position) % grid * pixelStride
            var sum: Float = 0
            for c in 0..<channels { sum += k[c] * k[c] }
            let inverse = 1 / max(sum.squareRoot(), 1e-12)
            for c in 0..<channels { output[row * channels + c] = k[c] * inverse }
        }
    }

    /// Which cells of the source take part. `parsing`: 256x256 classes.
    func choosePositions(_ parsing: UnsafePointer<UInt8>) { Self.makeupPositions(parsing, into: &positions) }

    /// A face takes a third of the grid. In steps, so that one that comes nearer does not ask for memory in every frame.
    private func makeRoom() {
        let step = 512, need = (positions.count + step - 1) / step * step * Self.channels
        guard normalized.count < need else { return }
        normalized = [Float](repeating: 0, count: need)
        warped = [Float](repeating: 0, count: need)
        queries = [Int8](repeating: 0, count: need)
    }

    /// Takes the source's keys (64x64x64 f32 map), of the cells that were chosen.
    func prepare(keys: UnsafePointer<Float>, rowStride: Int, pixelStride: Int) {
        makeRoom()
        Self.normalize(keys, rowStride: rowStride, pixelStride: pixelStride, positions: positions, into: &normalized)
    }

    /// Makeup features of the reference carried to the source: calls `body` with (cell, 64 values) for each position.
    func warp(
        _ look: Look, temperature: Float, precision: Precision, kernels: UnsafePointer<ssat_kernels>, team: WorkerTeam? = nil,
        _ body: (Int, UnsafePointer<Float>) -> Void
    ) {
        let count = positions.count
        guard count > 0, look.count > 0 else { return }
        if precision == .int8 {
            attendInt8(look, temperature, kernels, team)
        } else {
            attendFloat(look, temperature)
        }
        warped.withUnsafeBufferPointer { values in
            for row in 0..<count { body(Int(positions[row]), values.baseAddress! + row * Self.channels) }
        }
    }

    private func attendInt8(_ look: Look, _ temperature: Float, _ kernels: UnsafePointer<ssat_kernels>, _ team: WorkerTeam?) {
        let count = positions.count * Self.channels
        // Lie where the answers will.
        look.keyCentre.centre(queries: normalized, count: positions.count, into: &warped)
        var largest: Float = 1e-6
        for i in 0..<count { largest = max(largest, abs(warped[i])) }
        let scale = largest / 127
        ssat_quantize_s8(warped, Int32(count), 1 / scale, &queries)
        let need = (kernels.pointee.attention_scratch_size(Int32(look.count), Int32(Self.channels)) + 63) / 64 * 64
        let members = team?.count ?? 1, rows = positions.count
        if scratch.size < need * members { scratch = Arena(size: need * members) }
        let space = scratch.base
        queries.withUnsafeBufferPointer { q in
            warped.withUnsafeMutableBufferPointer { out in
                look.valueScale.withUnsafeBufferPointer { valueScale in
                    look.valueOffset.withUnsafeBufferPointer { valueOffset in
                        let call = ssat_attention_s8(
                            queries: q.baseAddress!, query_count: Int32(rows), reference: look.packed.base, reference_count: Int32(look.count),
                            temperature_scale: temperature * scale * look.keyScale, value_channels: Int32(Self.channels),
                            value_scale: valueScale.baseAddress!, value_offset: valueOffset.baseAddress!, output: out.baseAddress!, scratch: space)
                        let job = Job(call: call, need: need, members: members, kernels: kernels)
                        guard let team else { return job.attend(0) }
                        withUnsafePointer(to: job) { job in
                            team.run(job) { context, member in context.assumingMemoryBound(to: Job.self).pointee.attend(member) }
                        }
                    }
                }
            }
        }
    }

    /// Queries shared among the members of a team, each with scratch of its own.
    private struct Job {
        let call: ssat_attention_s8, need: Int, members: Int, kernels: UnsafePointer<ssat_kernels>

        func attend(_ member: Int) {
            let rows = Int(call.query_count), first = rows * member / members, end = rows * (member + 1) / members
            var part = call
            part.queries += first * SymmetricCorrespondence.channels
            part.query_count = Int32(end - first)
            part.output += first * SymmetricCorrespondence.channels
            part.scratch += member * need
            kernels.pointee.attention_s8(&part)
        }
    }

    private func attendFloat(_ look: Look, _ temperature: Float) {
        let channels = Self.channels
        for row in 0..<positions.count {
            var largest = -Float.infinity
            for j in 0..<look.count {
                var s: Float = 0
                for c in 0..<channels { s += normalized[row * channels + c] * look.keys[j * channels + c] }
                scores[j] = s * temperature
                largest = max(largest, scores[j])
            }
            for c in 0..<channels { warped[row * channels + c] = 0 }
            var total: Float = 0
            for j in 0..<look.count {
                let p = exp(scores[j] - largest)
                if p < 1e-8 { continue }
                total += p
                for c in 0..<channels { warped[row * channels + c] += p * look.values[j * channels + c] }
            }
            for c in 0..<channels { warped[row * channels + c] /= total }
        }
    }
}
