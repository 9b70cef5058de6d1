/// Weighted linear least squares of three values on up to four terms, by the normal equations. Used again and again: it allocates once.
package struct LeastSquares {
    package init() {}

    private var products = [SIMD4<Double>](repeating: .zero, count: 4)
    private var right = [SIMD3<Double>](repeating: .zero, count: 4)
    private var weight = 0.0

    package mutating func reset() {
        for i in 0..<4 { (products[i], right[i]) = (.zero, .zero) }
        weight = 0
    }

    package mutating func add(_ terms: SIMD4<Float>, _ values: SIMD3<Float>, weight: Float = 1) {
        let terms = SIMD4<Double>(terms), values = SIMD3<Double>(values)
        for i in 0..<4 {
            let share = terms[i] * Double(weight)
            products[i] += terms * share
            right[i] += values * share
        }
        self.weight += Double(weight)
    }

    /// How much of every term the values have; nil where the samples do not say it.
    /// - Parameter ridge: added to the mean square of every term: it holds near 0 what the samples say little of. A term that is not used needs one.
    package mutating func solve(ridge: SIMD4<Double>) -> (SIMD3<Float>, SIMD3<Float>, SIMD3<Float>, SIMD3<Float>)? {
        guard weight > 0 else { return nil }
        for i in 0..<4 { products[i][i] += ridge[i] * weight }
        for i in 0..<4 {  // Elimination in order: the matrix is positive.
            guard products[i][i] > 1e-9 * weight else { return nil }
            for k in 0..<4 where k != i {
                let factor = products[k][i] / products[i][i]
                products[k] -= products[i] * factor
                right[k] -= right[i] * factor
            }
        }
        func share(_ i: Int) -> SIMD3<Float> { SIMD3<Float>(right[i] / products[i][i]) }
        return (share(0), share(1), share(2), share(3))
    }
}
