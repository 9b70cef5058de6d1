import SSATCore
import Testing

/// How colourful a picture is against others, and what that makes of the colours of makeup.
@Suite struct ChromaTests {
    /// The usual picture with a share of its colours.
    private func picture(_ share: Float) -> Chroma {
        Chroma(picture: Chroma.usual.picture * share, face: Chroma.usual.face * share, lips: Chroma.usual.lips * share)
    }

    @Test(arguments: [0.25, 0.35, 0.46, 1, 1.6] as [Float]) func fadedColoursAreMeasured(share: Float) {
        #expect(abs(picture(share).colourfulness - share) < 1e-4)
        // Without lips the rest tells.
        #expect(abs(Chroma(picture: picture(share).picture, face: picture(share).face).colourfulness - share) < 1e-4)
    }

    /// People differ by as much.
    @Test(arguments: [0.6, 0.8, 1, 2] as [Float]) func paleColoursAreNotFaded(share: Float) {
        #expect(picture(share).share(against: .usual) == 1 && Chroma.usual.share(against: picture(share)) == 1)
    }

    /// A dark face with lips of its colour, before a white wall, was taken for faded while this was made.
    @Test func lipsLikeSkinAreNotFaded() {
        let usual = Chroma.usual
        #expect(Chroma(picture: usual.picture * 0.48, face: usual.face * 0.95, lips: usual.lips * 0.1).share(against: usual) == 1)
    }

    @Test func makeupIsAsFadedAsThePicture() {
        #expect(abs(picture(0.35).share(against: .usual) - 0.35) < 1e-4)
        #expect((0.45...0.55).contains(picture(0.46).share(against: .usual)))
        // A reference as faded has its makeup in such colours already.
        #expect(picture(0.35).share(against: picture(0.35)) == 1)
        #expect(abs(picture(0.25).share(against: picture(0.5)) - 0.5) < 1e-4)
        #expect(Chroma(picture: 0).share(against: .usual) == 0)
    }

    /// No step: a clip whose colours waver a little must not have makeup that flickers.
    @Test func theShareRisesSteadily() {
        let shares = stride(from: Float(0), through: 1, by: 0.005).map { picture($0).share(against: .usual) }
        #expect(zip(shares, shares.dropFirst()).allSatisfy { $1 >= $0 && $1 - $0 < 0.03 })
    }

    @Test func aGradeIsTakenOffAsItIsLaidOn() {
        let grade = Grade(light: SIMD3(1.1, 1, 0.7), colour: 0.4), colour = SIMD3<Float>(0.7, 0.2, 0.3), graded = grade(colour)
        #expect(abs(graded.y - (0.2 + 0.6 * (0.361 - 0.2))) < 1e-3 && graded.x > graded.y)
        let apart = grade.undone(graded) - colour
        #expect(max(apart.max(), -apart.min()) < 1e-5 && Grade.usual(colour) == colour)
    }
}
