extension Array {
    /// Sorts by insertion: stable, without the memory that `sort` takes, and quick where the order was nearly right before, as from
    /// one frame to the next.
    mutating func sortInPlace(by areInOrder: (Element, Element) -> Bool) {
        withUnsafeMutableBufferPointer { items in
            for end in items.indices.dropFirst() {
                var at = end
                while at > 0, areInOrder(items[at], items[at - 1]) {
                    items.swapAt(at, at - 1)
                    at -= 1
                }
            }
        }
    }
}
