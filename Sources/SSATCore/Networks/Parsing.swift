/// Classes of the parsing map that FaceMesh predicts.
public enum FaceClass: UInt8, CaseIterable, Sendable {
    case background, skin, nose, eye, brow, earOrNeck, hair, upperLip, lowerLip, innerMouth, cover

    /// SSAT knows ten classes: whatever covers the face counts as mouth interior, which takes no makeup.
    var ssatClass: UInt8 { self == .cover ? FaceClass.innerMouth.rawValue : rawValue }

    /// Skin, nose, brows and lips take makeup.
    var takesMakeup: Bool {
        switch self {
        case .skin, .nose, .brow, .upperLip, .lowerLip: true
        default: false
        }
    }

    /// By class: what makeup must not lie on, even for a frame.
    static let refusesMakeup: [Bool] = allCases.map { [.eye, .innerMouth, .cover, .hair].contains($0) }

    /// Skin or nose: what a person's skin colour is measured on.
    static func isSkin(_ value: UInt8) -> Bool { value == skin.rawValue || value == nose.rawValue }

    static func isLip(_ value: UInt8) -> Bool { value == upperLip.rawValue || value == lowerLip.rawValue }

    static let makeupTable: [Bool] = allCases.map(\.takesMakeup)

    /// The pixels of the lips. `classes`: 256x256.
    @inline(__always)
    static func forEachLip(in classes: UnsafePointer<UInt8>, _ body: (Int) -> Void) {
        let all = UnsafeRawPointer(classes), ones: UInt64 = 0x0101_0101_0101_0101
        for first in stride(from: 0, to: 256 * 256, by: 8) {
            let eight = all.loadUnaligned(fromByteOffset: first, as: UInt64.self)
            // Most of a face is none: a byte that is 0 once that of a lip is taken off it borrows from above.
            let upper = eight ^ (ones &* UInt64(upperLip.rawValue)), lower = eight ^ (ones &* UInt64(lowerLip.rawValue))
            if ((upper &- ones) & ~upper | (lower &- ones) & ~lower) & (ones << 7) == 0 { continue }
            for i in first..<first + 8 where isLip(classes[i]) { body(i) }
        }
    }

    /// The pixels of the lips and those beside them, some of them more than once. `classes`: 256x256.
    static func forEachPixel(nearLipsOf classes: UnsafePointer<UInt8>, _ body: (Int) -> Void) {
        forEachLip(in: classes) { i in
            let x = i % 256, y = i / 256
            for v in max(y - 1, 0)...min(y + 1, 255) {
                for u in max(x - 1, 0)...min(x + 1, 255) { body(v * 256 + u) }
            }
        }
    }
}
