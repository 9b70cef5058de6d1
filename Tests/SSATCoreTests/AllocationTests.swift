import AllocationCounter
import SSATCore
import Testing
import Video

/// Memory is asked for while the filter comes to know a clip; then no more.
@Suite struct AllocationTests {
    /// Allocations of this thread in each of the frames.
    private func allocations(_ filter: MakeupFilter, frames: Range<Int>, faces: [SIMD2<Float>]) -> [UInt64] {
        var stage = Stage(480, 320)
        let empty = stage.samples
        return frames.map { step in
            stage.samples.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: empty) }
            for at in faces { stage.lay(Stage.place(scale: 0.5, degrees: 0, x: at.x + Float(step % 7), y: at.y)) }
            var counted: UInt64 = 0
            stage.withView { view in
                let before = ssat_allocations()
                let analysis = filter.analyze(view, time: Double(step) / 30)
                filter.transfer(analysis)
                filter.finish(view, analysis)
                counted = ssat_allocations() - before
            }
            return counted
        }
    }

    /// A team's own threads are not counted, but what it takes to call them is.
    @Test(arguments: [FacePolicy.all, .primary], [1, 2]) func nothingIsAllocatedPerFrame(policy: FacePolicy, team: Int) throws {
        let before = ssat_allocations()
        #expect(withExtendedLifetime([UInt8](repeating: 0, count: 100_000)) { ssat_allocations() } > before, "the counter counts")
        try expectNone(MakeupFilter(look: LiveMakeupTests.plum, faces: policy, team: team))
    }

    @Test func norForSkinTone() throws {
        let filter = try MakeupFilter(look: LiveMakeupTests.plum)
        filter.recipe.tone = 1
        expectNone(filter)
    }

    private func expectNone(_ filter: MakeupFilter) {
        filter.whenLost = .hold
        let faces = [SIMD2<Float>(120, 160), SIMD2<Float>(350, 160)]
        #expect(allocations(filter, frames: 0..<1, faces: faces)[0] > 0)
        _ = allocations(filter, frames: 1..<23, faces: faces)
        // Two turns of the detector are among them.
        let steady = allocations(filter, frames: 23..<48, faces: faces)
        #expect(steady == [UInt64](repeating: 0, count: 25))
    }
}
