import SSATCore
import Testing

/// Places where no face was found are looked at now and then, not in every frame.
@Suite struct RefusalsTests {
    private func detection(x: Float = 100, size: Float = 80, score: Float = 0.7) -> Detection {
        let low = SIMD2(x, 50), middle = low + size / 2
        return Detection(
            score: score, low: low, high: low + size,
            points: .init(rightEye: middle, leftEye: middle, nose: middle, rightMouth: middle, leftMouth: middle))
    }

    private func expectHeldOff(_ refusals: inout Refusals, _ detection: Detection, _ time: Double, _ expected: Bool) {
        let isHeldOff = refusals.holdOff(detection, time: time)
        #expect(isHeldOff == expected)
    }

    /// Times at which a drawing that stays is looked at, of 30 a second.
    private func looks(seconds: Double, _ detection: (Double) -> Detection) -> [Double] {
        var refusals = Refusals()
        return (0..<Int(seconds * 30)).map { Double($0) / 30 }.filter { time in
            if refusals.holdOff(detection(time), time: time) { return false }
            refusals.note(detection(time), time: time)
            return true
        }
    }

    @Test func lookedAtLessAndLess() {
        let times = looks(seconds: 12) { _ in detection() }
        #expect(times.first == 0 && times.count < 12)
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(zip(gaps.dropFirst(), gaps).allSatisfy { $0 > $1 - 0.04 } && gaps.max()! < 2.1, "\(gaps)")
    }

    @Test func looksAreCounted() {
        var refusals = Refusals()
        #expect(refusals.looks(at: detection()) == 0)
        for count in 1...6 {
            refusals.note(detection(x: 100 + Float(count)), time: Double(count))
            #expect(refusals.looks(at: detection(x: 101 + Float(count))) == count)
        }
        #expect(refusals.looks(at: detection(x: 200)) == 0)
    }

    @Test func anotherPlaceIsLookedAtAtOnce() {
        var refusals = Refusals()
        refusals.note(detection(), time: 0)
        expectHeldOff(&refusals, detection(), 0.01, true)
        expectHeldOff(&refusals, detection(x: 130), 0.01, false)
        expectHeldOff(&refusals, detection(size: 120), 0.01, false)
    }

    @Test func surerThanBeforeIsLookedAtAtOnce() {
        var refusals = Refusals()
        refusals.note(detection(score: 0.6), time: 0)
        expectHeldOff(&refusals, detection(score: 0.7), 0.02, true)
        expectHeldOff(&refusals, detection(score: 0.8), 0.03, false)
    }

    @Test func forgottenWhenItIsGone() {
        var refusals = Refusals()
        refusals.note(detection(), time: 0)
        expectHeldOff(&refusals, detection(), 6, false)
        #expect(refusals.looks(at: detection()) == 0)
    }
}
