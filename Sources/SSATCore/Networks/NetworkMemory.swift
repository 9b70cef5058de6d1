import Foundation

/// The maps of one network instance, laid out by a plan.
///
/// Threads: as `Arena`.
package struct NetworkMemory: Sendable {
    private let arena: Arena
    /// From the arena's base to interior pixel (0, 0) of every map.
    private let interiors: [Int]

    /// With the borders of the maps that share no memory; others' are written when they are.
    init(_ plan: MemoryPlan, maps: [Tensor]) {
        arena = Arena(size: plan.size)
        interiors = zip(plan.offsets, maps).map { $0 + $1.interior }
        for map in maps where !plan.shares[map.index] {
            Network.Border(filled: map, self[map]).write()
        }
    }

    /// Interior pixel (0, 0) of a map.
    subscript(map: Tensor) -> UnsafeMutableRawPointer { arena.base + interiors[map.index] }
}
