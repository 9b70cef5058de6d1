import Foundation

/// How colourful a face's picture is, however bright. Chroma is the largest of R'G'B' less the smallest, here over luma.
package struct Chroma: Sendable, Equatable {
    /// Mean of the crop's most colourful tenth, over mean luma of its brightest.
    package var picture: Float
    /// Mean of the most colourful tenth of skin, nose and eyes, over luma of the skin and over what is left of that to white: bright skin is pale. 0 where there is
    /// none.
    package var face: Float
    /// Of how lips differ from skin as bright as they are, over luma of the skin; 0 where no lips show.
    package var lips: Float

    package init(picture: Float, face: Float = 0, lips: Float = 0) { (self.picture, self.face, self.lips) = (picture, face, lips) }

    /// Medians of the people of the training.
    package static let usual = Chroma(picture: 0.435, face: 1.344, lips: 0.205)
    /// A black-and-white picture has at most this chroma, be it from coding or a scanner; one in colour at least that, even where its colours are pale.
    private static let grey: Float = 0.035, full: Float = 0.085
    /// Of the logarithms, in the sum that varies least from person to person.
    private static let weights = SIMD3<Float>(0.21, 0.585, 0.205)
    /// One person in fifty has less.
    private static let leastUsual: Float = 0.58

    /// 0 for black and white, 1 for colour.
    package var colourShare: Float { min(max((picture - Self.grey) / (Self.full - Self.grey), 0), 1) }

    /// Against the usual, which is 1.
    package var colourfulness: Float {
        let own = values, usual = Self.usual.values
        var sum: Float = 0, total: Float = 0
        for k in 0..<3 where own[k] > 0 {
            sum += Self.weights[k] * log(own[k] / usual[k])
            total += Self.weights[k]
        }
        return total > 0 ? exp(sum / total) : 0
    }

    /// Lips may be of the colour of the skin; that alone is no faded picture.
    private var values: SIMD3<Float> { SIMD3(picture, face, lips > 0 ? max(lips, Self.usual.lips / 4) : 0) }

    /// How much of the chroma of `other`'s makeup a picture shows that is clearly less colourful: as much less as it is, or nearly so; 1 where people and what
    /// is around them differ by as much (docs/decisions/0060).
    package func share(against other: Chroma) -> Float {
        let own = colourfulness, less = own / Self.leastUsual
        return min(max(less * less * less, own / max(min(other.colourfulness, 1), 0.01)), 1)
    }

    /// A step of `share` (0...1) towards `other`, but for black and white, which a clip turns from one frame to the next.
    func moved(towards other: Chroma, by share: Float) -> Chroma {
        if min(colourShare, other.colourShare) < 1 { return other }
        func step(_ old: Float, _ new: Float) -> Float { old == 0 ? new : new == 0 ? old : old + (new - old) * share }
        return Chroma(picture: step(picture, other.picture), face: step(face, other.face), lips: step(lips, other.lips))
    }
}

extension Chroma {
    /// As a `.look` file holds it.
    static let valueCount = 3
    var listed: [Float] { [picture, face, lips] }

    /// - Parameter values: `valueCount` of them.
    init(values v: [Float]) { self.init(picture: v[0], face: v[1], lips: v[2]) }
}
