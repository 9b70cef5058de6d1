/// A buffer between two guards; `intact` tells whether anybody wrote beyond its ends. Starts at an odd address on purpose:
/// kernels may not ask for alignment.
final class Guarded<Element: BitwiseCopyable> {
    private static var guardBytes: Int { 256 + 4 }
    private let raw: UnsafeMutableRawPointer
    private let bytes: Int
    let count: Int
    let base: UnsafeMutablePointer<Element>

    init(_ count: Int, _ fill: (Int) -> Element) {
        self.count = count
        bytes = count * MemoryLayout<Element>.stride
        raw = .allocate(byteCount: bytes + 2 * Self.guardBytes, alignment: 64)
        raw.initializeMemory(as: UInt8.self, repeating: 0xA5, count: bytes + 2 * Self.guardBytes)
        base = (raw + Self.guardBytes).bindMemory(to: Element.self, capacity: max(count, 1))
        for i in 0..<count { base[i] = fill(i) }
    }

    deinit { raw.deallocate() }

    var intact: Bool {
        let b = raw.assumingMemoryBound(to: UInt8.self)
        return (0..<Self.guardBytes).allSatisfy { b[$0] == 0xA5 && b[Self.guardBytes + bytes + $0] == 0xA5 }
    }

    var values: [Element] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
