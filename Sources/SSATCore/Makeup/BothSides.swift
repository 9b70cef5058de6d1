/// Makeup is alike on both sides of a face; what either is thought to wear is not quite (docs/decisions/0058).
package enum BothSides {
    /// Of opacity or colour times it, 0...1: sides that differ by more are not made up alike. A star on one cheek is none on the other.
    private static let leastUnlike: Float = 0.25

    /// What both sides together tell of paint: where both are seen their mean, as far as they are alike, and where only the other one is, what that wears.
    /// - Parameters:
    ///   - paint: opacity, and flat R'G'B' times that, by texel.
    ///   - seen: how much of every texel is, 0...1.
    ///   - mirrored: the same place on the other side.
    package static func paint(_ paint: [Float], seen: [Float], mirrored: (Int) -> Int) -> [Float] {
        var told = paint
        for texel in seen.indices {
            let other = mirrored(texel), own = SIMD4(paint, texel), others = SIMD4(paint, other), apart = others - own
            let alike = max(1 - max(apart.max(), -apart.min()) / leastUnlike, 0)
            let share = seen[other] * (1 - seen[texel] * (1 - alike / 2))
            for k in 0..<4 { told[texel * 4 + k] = own[k] + share * apart[k] }
        }
        return told
    }
}

extension SIMD4<Float> {
    fileprivate init(_ values: [Float], _ texel: Int) {
        self.init(values[texel * 4], values[texel * 4 + 1], values[texel * 4 + 2], values[texel * 4 + 3])
    }
}
