import Foundation

/// Holds the newest item for another thread; one that is not taken in time is replaced and counted as dropped.
public final class Mailbox<Item>: @unchecked Sendable {
    private let condition = NSCondition()
    private var item: Item?
    private var closed = false
    private var replaced = 0

    public init() {}

    public func put(_ new: Item) {
        condition.lock()
        defer { condition.unlock() }
        if item != nil { replaced += 1 }
        item = new
        condition.signal()
    }

    /// The newest item, or nil when none came within `seconds` or the box is finished.
    public func take(seconds: Double) -> Item? {
        condition.lock()
        defer { condition.unlock() }
        let until = Date(timeIntervalSinceNow: seconds)
        while item == nil, !closed, condition.wait(until: until) {}
        defer { item = nil }
        return item
    }

    /// No more items will come; the one that waits may still be taken.
    public func close() {
        condition.lock()
        defer { condition.unlock() }
        closed = true
        condition.broadcast()
    }

    /// Closed, and the last item taken.
    public var isFinished: Bool {
        condition.lock()
        defer { condition.unlock() }
        return closed && item == nil
    }

    /// Items that were replaced before anybody took them.
    public var dropped: Int {
        condition.lock()
        defer { condition.unlock() }
        return replaced
    }
}
