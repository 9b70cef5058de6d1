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
    func lumaRatio(to other: Brightness) -> Float {
        func ratio(_ one: SIMD4<Float>, _ another: SIMD4<Float>) -> Float { min(one.w, another.w) > 0 ? one.w / another.w : 0 }
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
    /// - Returns: and the mean chroma (the largest of R'G'B' less the smallest, 0...1) of the most colourful tenth of the crop, and of skin, nose and eyes.
    static func measure(crop: UnsafePointer<UInt8>, classes: UnsafePointer<UInt8>) -> (brightness: Brightness, chroma: (picture: Float, face: Float)) {
        var means = (SIMD4<Float>(), SIMD4<Float>(), SIMD4<Float>(), SIMD4<Float>())
        withUnsafeMutableBytes(of: &means) { ssat_measure_brightness(crop, classes, groups, $0.bindMemory(to: Float.self).baseAddress!) }
        return (Brightness(face: means.1, eyesAndMouth: means.2, picture: means.0), (means.3.x, means.3.y))
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
