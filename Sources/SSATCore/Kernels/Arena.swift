import Foundation

/// One block of memory, zeroed (and so touched) once at load and never grown. Freed with its owner.
///
/// Threads: no synchronization; one network instance, one arena, one thread at a time.
package final class Arena: @unchecked Sendable {
    package let base: UnsafeMutableRawPointer
    package let size: Int

    package init(size: Int) {
        self.size = max(size, 64)
        base = UnsafeMutableRawPointer.allocate(byteCount: self.size, alignment: 64)
        memset(base, 0, self.size)
    }

    deinit { base.deallocate() }
}
