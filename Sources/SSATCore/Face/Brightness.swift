import CKernels

/// How bright the light of a picture may be, as far as what is bright in it says.
package struct Brightness: Sendable, Equatable {
    /// Means of the brightest tenth, 0...1, of R', of G', of B' and of luma, each for itself: of skin, nose and eyes; of eyes and mouth (their white, and
    /// teeth); of the whole crop. 0 where there is none.
    package var face, eyesAndMouth, picture: SIMD4<Float>

    package init(face: SIMD4<Float> = .zero, eyesAndMouth: SIMD4<Float> = .zero, picture: SIMD4<Float> = .zero) {
        (self.face, self.eyesAndMouth, self.picture) = (face, eyesAndMouth, picture)
    }

    /// Medians of the people of the training.
    static let usual = Brightness(face: SIMD4(0.92, 0.75, 0.66, 0.79), eyesAndMouth: SIMD4(0.82, 0.73, 0.69, 0.75), picture: SIMD4(0.92, 0.8, 0.76, 0.82))

    /// The largest ratio of luma to that of `other`, of what both show; 0 where they show nothing alike.
    func lumaRatio(to other: Brightness) -> Float { largestRatio(to: other) { $0[3] } }

    /// Where a picture has at least so much of another's light it is taken for the same; so little, for other light altogether. Of all of it, and of one
    /// colour beside the one it has most of.
    private static let sameLight: Float = 0.66, otherLight: Float = 0.54, sameColour: Float = 0.7, otherColour: Float = 0.58

    /// How much of the R', G' and B' of what is in the light of `other` it has in this one, at most 1. 1 where by all that may be bright this is not clearly
    /// less light, nor of another colour.
    func light(against other: Brightness) -> SIMD3<Float> {
        let luma = lumaRatio(to: other)
        guard luma > 0 else { return .one }
        var colour = SIMD3<Float>()
        for c in 0..<3 { colour[c] = largestRatio(to: other) { $0[c] / max($0[0], $0[1], $0[2]) } }
        // All three or none: light that lacks blue has less of green, too.
        let colourShare = Self.share(colour.min(), same: Self.sameColour, other: Self.otherColour)
        colour = colour * (1 - colourShare) + colourShare
        // As much luma as the colour leaves of it is no dimmer light.
        let left = luma / FaceColours.luma(colour), share = Self.share(left, same: Self.sameLight, other: Self.otherLight)
        return colour * (min(left, 1) * (1 - share) + share)
    }

    /// How far a ratio counts as no difference, 0...1.
    private static func share(_ ratio: Float, same: Float, other: Float) -> Float { min(max((ratio - other) / (same - other), 0), 1) }

    /// Of the ratios to `other` (R', G', B', luma) of everything that both show, the largest `value`; 0 of none.
    @inline(__always)
    private func largestRatio(to other: Brightness, _ value: (SIMD4<Float>) -> Float) -> Float {
        func ratio(_ one: SIMD4<Float>, _ another: SIMD4<Float>) -> Float { min(one.min(), another.min()) > 0 ? value(one / another) : 0 }
        return max(ratio(face, other.face), ratio(eyesAndMouth, other.eyesAndMouth), ratio(picture, other.picture))
    }

    /// A step of `share` (0...1) towards `other`. What was bright a moment ago still says that the light is good while eyes blink: a face grows dimmer ten
    /// times more slowly than brighter, but for the share of its skin's brightness that is left, `dimmed`. What does not show stays as it was.
    func moved(towards other: Brightness, by share: Float, dimmed: SIMD4<Float>) -> Brightness {
        Brightness(
            face: Self.moved(face * dimmed, other.face, share), eyesAndMouth: Self.moved(eyesAndMouth * dimmed, other.eyesAndMouth, share),
            picture: Self.moved(picture * dimmed, other.picture, share))
    }

    private static func moved(_ old: SIMD4<Float>, _ new: SIMD4<Float>, _ share: Float) -> SIMD4<Float> {
        let step = SIMD4(repeating: share / 10).replacing(with: share, where: new .> old)
        let moved = (old + (new - old) * step).replacing(with: new, where: old .== 0)
        return moved.replacing(with: old, where: new .== 0)
    }
}

extension Brightness {
    /// - Parameters:
    ///   - crop: 256x256x3 R'G'B' bytes, of which every second pixel of every second row is looked at.
    ///   - classes: 256x256 `FaceClass` values.
    /// - Returns: and the mean chroma (the largest of R'G'B' less the smallest, 0...1) of the most colourful tenth of the crop.
    static func measure(crop: UnsafePointer<UInt8>, classes: UnsafePointer<UInt8>) -> (brightness: Brightness, chroma: Float) {
        var means = (SIMD4<Float>(), SIMD4<Float>(), SIMD4<Float>(), SIMD4<Float>())
        withUnsafeMutableBytes(of: &means) { ssat_measure_brightness(crop, classes, groups, $0.bindMemory(to: Float.self).baseAddress!) }
        return (Brightness(face: means.1, eyesAndMouth: means.2, picture: means.0), means.3.x)
    }

    /// Of each class: bit 0, skin, nose and eyes; bit 1, eyes and mouth.
    private static let groups: [UInt8] = (0..<16).map { (value: UInt8) in
        let isEye = value == FaceClass.eye.rawValue, isMouth = value == FaceClass.innerMouth.rawValue
        return (isEye || FaceClass.isSkin(value) ? 1 : 0) + (isEye || isMouth ? 2 : 0)
    }
}

extension Brightness {
    /// As a `.look` file holds it.
    static let shape = [3, 4]
    var values: [Float] { [face, eyesAndMouth, picture].flatMap { [$0.x, $0.y, $0.z, $0.w] } }

    /// - Parameter values: 3x4.
    init(values v: [Float]) {
        func part(_ i: Int) -> SIMD4<Float> { SIMD4(v[i], v[i + 1], v[i + 2], v[i + 3]) }
        self.init(face: part(0), eyesAndMouth: part(4), picture: part(8))
    }
}
