import SSATCore
import TestSupport
import Testing

/// Maps share memory only where none of them is needed while another is.
@Suite struct MemoryPlanTests {
    @Test func nothingNeededIsOverwritten() {
        var random = Seeded(state: 7)
        for _ in 0..<300 {
            let count = Int.random(in: 1...40, using: &random)
            let sizes = (0..<count).map { _ in 64 * Int.random(in: 1...50, using: &random) }
            let lifetimes = (0..<count).map { _ in
                let first = Int.random(in: 0...30, using: &random)
                return first...first + Int.random(in: 0...8, using: &random)
            }
            let plan = MemoryPlan(sizes: sizes, lifetimes: lifetimes)
            for one in 0..<count {
                #expect(plan.extent(one).upperBound <= plan.size)
                var sharing = false
                for other in 0..<count where other != one && plan.extent(one).overlaps(plan.extent(other)) {
                    sharing = true
                    #expect(!lifetimes[one].overlaps(lifetimes[other]), "\(sizes) \(lifetimes)")
                }
                #expect(plan.shares[one] == sharing)
            }
            let most = (0...38).map { step in (0..<count).reduce(0) { $0 + (lifetimes[$1].contains(step) ? sizes[$1] : 0) } }.max()!
            #expect(plan.size >= most && plan.size <= sizes.reduce(0, +))
        }
    }

    @Test func oneAfterTheOtherTakesThePlaceOfOne() {
        let plan = MemoryPlan(sizes: [256, 256, 256], lifetimes: [0...1, 2...3, 4...5])
        #expect(plan.size == 256 && plan.offsets == [0, 0, 0] && plan.shares == [true, true, true])
    }

    @Test func whatIsAlwaysNeededIsAlone() {
        let plan = MemoryPlan(sizes: [64, 128, 64], lifetimes: [0...9, 0...9, 3...4])
        #expect(plan.size == 256 && plan.shares == [false, false, false])
    }
}
