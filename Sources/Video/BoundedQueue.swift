import Foundation

/// A queue of a few items between two threads. `push` waits while it is full, `pop` while it is empty; after `close` both
/// stop waiting, and `pop` still hands over what is left.
public final class BoundedQueue<Item>: @unchecked Sendable {
    private let condition = NSCondition()
    private var items: [Item] = []
    private var closed = false
    private let capacity: Int

    public init(capacity: Int) { self.capacity = capacity }

    /// False when the queue has been closed: the item was not taken.
    @discardableResult
    public func push(_ item: Item) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while items.count >= capacity, !closed { condition.wait() }
        if closed { return false }
        items.append(item)
        condition.broadcast()
        return true
    }

    /// Nil when the queue is closed and empty.
    public func pop() -> Item? {
        condition.lock()
        defer { condition.unlock() }
        while items.isEmpty, !closed { condition.wait() }
        guard !items.isEmpty else { return nil }
        defer { condition.broadcast() }
        return items.removeFirst()
    }

    /// No more items will come. `discarding` also drops those that wait.
    public func close(discarding: Bool = false) {
        condition.lock()
        defer { condition.unlock() }
        closed = true
        if discarding { items = [] }
        condition.broadcast()
    }
}
