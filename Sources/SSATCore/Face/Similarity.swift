/// Rotation, uniform scale and translation of the plane: (x, y) -> (a x - b y + tx, b x + a y + ty).
public struct Similarity: Sendable, Equatable {
    public var a, b, tx, ty: Float

    public init(a: Float, b: Float, tx: Float, ty: Float) { (self.a, self.b, self.tx, self.ty) = (a, b, tx, ty) }

    public static let identity = Similarity(a: 1, b: 0, tx: 0, ty: 0)
    public var scale: Float { (a * a + b * b).squareRoot() }

    public func apply(_ p: SIMD2<Float>) -> SIMD2<Float> { SIMD2(a * p.x - b * p.y + tx, b * p.x + a * p.y + ty) }

    public var inverse: Similarity {
        let d = a * a + b * b
        let ia = a / d, ib = -b / d
        return Similarity(a: ia, b: ib, tx: -(ia * tx - ib * ty), ty: -(ib * tx + ia * ty))
    }

    /// The similarity that takes `from` closest to `to`, in the least-squares sense (without reflection).
    public static func fit(_ from: [SIMD2<Float>], _ to: [SIMD2<Float>]) -> Similarity {
        let n = Float(from.count)
        let mf = from.reduce(SIMD2<Float>(), +) / n, mt = to.reduce(SIMD2<Float>(), +) / n
        var dot: Float = 0, cross: Float = 0, norm: Float = 0
        for (f, t) in zip(from, to) {
            let p = f - mf, q = t - mt
            dot += p.x * q.x + p.y * q.y
            cross += p.x * q.y - p.y * q.x
            norm += p.x * p.x + p.y * p.y
        }
        norm = max(norm, 1e-12)
        let a = dot / norm, b = cross / norm
        return Similarity(a: a, b: b, tx: mt.x - (a * mf.x - b * mf.y), ty: mt.y - (b * mf.x + a * mf.y))
    }
}
