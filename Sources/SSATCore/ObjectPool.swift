import Synchronization

/// Objects to fill, kept for the next frames once they are given back: fresh memory costs page faults.
///
/// Threads: any.
final class ObjectPool<Object: AnyObject & Sendable>: Sendable {
    private let spare = Mutex<[Object]>([])
    private let make: @Sendable () -> Object

    init(_ make: @escaping @Sendable () -> Object) { self.make = make }

    func take() -> Object { spare.withLock { $0.popLast() } ?? make() }
    func give(_ object: Object) { spare.withLock { $0.append(object) } }
}
