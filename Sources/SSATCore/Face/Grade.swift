/// What the light and the grading of a picture make of colours.
package struct Grade: Sendable, Equatable {
    /// Of R', G' and B'.
    package var light: SIMD3<Float>
    /// Of what makes a colour other than a grey as bright.
    package var colour: Float

    package init(light: SIMD3<Float> = .one, colour: Float = 1) { (self.light, self.colour) = (light, colour) }

    package static let usual = Grade()

    /// A colour in 0...1, also one times an opacity, as it is in the picture.
    package func callAsFunction(_ c: SIMD3<Float>) -> SIMD3<Float> { Self.spread(c, by: colour) * light }

    /// What a colour of the picture is as usual.
    package func undone(_ c: SIMD3<Float>) -> SIMD3<Float> { Self.spread(c / light, by: 1 / colour) }

    private static func spread(_ c: SIMD3<Float>, by factor: Float) -> SIMD3<Float> {
        let luma = FaceColours.luma(c)
        return luma + (c - luma) * factor
    }
}
