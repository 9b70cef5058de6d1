import Testing

import Video

@Suite struct ThreadSharesTests {
    private func counts(_ shares: ThreadShares) -> [Int] { [shares.decoder, shares.transforms, shares.encoder] }

    @Test func decodersAndTransformsHaveHalf() {
        #expect(counts(ThreadShares(of: 1)) == [1, 1, 1])
        #expect(counts(ThreadShares(of: 2)) == [1, 1, 2])
        #expect(counts(ThreadShares(of: 3)) == [2, 2, 3])
        #expect(counts(ThreadShares(of: 16)) == [8, 8, 16])
    }

    @Test func allTransformWhereThatTakesLongest() {
        #expect(counts(ThreadShares(of: 4, transformsMost: true)) == [2, 4, 4])
    }

    @Test func memoryIsSparedByDoingOneThingAtATime() {
        #expect(counts(ThreadShares(of: 4, sparesMemory: true)) == [1, 1, 4])
        #expect(counts(ThreadShares(of: 4, transformsMost: true, sparesMemory: true)) == [1, 1, 4])
    }

    @Test func thereIsAlwaysOne() {
        #expect(counts(ThreadShares(of: 0)) == [1, 1, 1])
        #expect(counts(ThreadShares(of: -3)) == [1, 1, 1])
    }
}
