import Foundation
import Synchronization

/// A few threads that work on one frame together, for live pictures that must be ready soon. (Whole clips are faster with a frame
/// for each thread.) Every member walks through the same steps, each doing its share of the rows, and waits at a barrier for the
/// others: no lock, no allocation, no queue between steps.
///
/// Threads: `run` is called by one thread at a time, which is a member itself.
package final class WorkerTeam: @unchecked Sendable {
    package let count: Int
    private let arrived = Atomic<Int>(0)
    private let round = Atomic<Int>(0)
    private let wake: [DispatchSemaphore]
    private let done = DispatchSemaphore(value: 0)
    private let ending = Atomic<Bool>(false)
    private var work: Work?, context: UnsafeRawPointer?
    /// A member's share of some work: what `run` was given, and the member's number, 0 on the thread that called it. No closure, since one that is
    /// handed to other threads costs an allocation.
    package typealias Work = @convention(c) (_ context: UnsafeRawPointer, _ member: Int) -> Void
    /// Longer than a step's waiting usually is; then the processor is offered to others.
    private static let spins = 4000, yields = 1000

    /// - Parameter count: members, the caller of `run` included.
    package init(count: Int) {
        self.count = max(count, 1)
        wake = (1..<max(count, 1)).map { _ in DispatchSemaphore(value: 0) }
        for index in wake.indices {
            let start = wake[index], done = done
            let thread = Thread { [weak self] in
                while true {
                    start.wait()
                    guard let self, !self.ending.load(ordering: .acquiring) else { return }
                    if let work = self.work, let context = self.context { work(context, index + 1) }
                    done.signal()
                }
            }
            thread.name = "worker \(index + 1)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    deinit {
        ending.store(true, ordering: .releasing)
        for semaphore in wake { semaphore.signal() }
    }

    /// Calls `work` for every member, and returns when all have finished. `context` lives as long.
    package func run(_ context: UnsafeRawPointer, _ work: Work) {
        guard count > 1 else { return work(context, 0) }
        (self.work, self.context) = (work, context)
        for semaphore in wake { semaphore.signal() }
        work(context, 0)
        for _ in wake { done.wait() }
        (self.work, self.context) = (nil, nil)
    }

    /// Within `run`: waits until every member came here, as often as the others do.
    package func barrier() {
        guard count > 1 else { return }
        let now = round.load(ordering: .acquiring)
        if arrived.add(1, ordering: .acquiringAndReleasing).newValue == count {
            arrived.store(0, ordering: .relaxed)
            round.store(now &+ 1, ordering: .releasing)
            return
        }
        var spun = 0
        while round.load(ordering: .acquiring) == now {
            spun += 1
            // Something else has the other's processor: let go of this one, so that it can come here.
            if spun > Self.spins + Self.yields { usleep(50) } else if spun > Self.spins { sched_yield() }
        }
    }

    /// A member's part of `total` rows.
    package func share(of total: Int, _ member: Int) -> Range<Int> { total * member / count..<total * (member + 1) / count }

    /// A member's part of `total` rows that are not all the same work.
    package func share(of total: Int, _ member: Int, weight: (Int) -> Int) -> Range<Int> {
        var work = 0
        for row in 0..<total { work += weight(row) }
        let bounds = (work * member / count, work * (member + 1) / count)
        var sum = 0, first = total, end = total
        for row in 0..<total {
            if sum >= bounds.0 { first = min(first, row) }
            if sum >= bounds.1 { end = min(end, row) }
            sum += weight(row)
        }
        return first..<(member == count - 1 ? total : max(first, end))
    }
}
