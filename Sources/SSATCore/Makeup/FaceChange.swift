/// What makeup changes of one face in one frame. It takes more memory than all else that is known of a face, so only faces that wear theirs have one,
/// and frames that wait have none.
///
/// Threads: one at a time.
final class FaceChange: @unchecked Sendable {
    /// 256x256x3, what is added to every pixel of the crop, in its R'G'B' of 0 to 1.
    var added = [Float](repeating: 0, count: 256 * 256 * 3)
    /// 256x256x2: by how much that follows the crop's own luma, and its chroma.
    var follows = [Float](repeating: 0, count: 256 * 256 * 2)

    /// Leaves this much of the change's colour, 0...1, and all of its luma.
    func keep(colour share: Float) {
        if share == 1 { return }
        added.withUnsafeMutableBufferPointer { added in
            for i in stride(from: 0, to: added.count, by: 3) {
                let luma = FaceColours.luma(SIMD3(added[i], added[i + 1], added[i + 2]))
                for c in i..<i + 3 { added[c] = luma + (added[c] - luma) * share }
            }
        }
    }
}
