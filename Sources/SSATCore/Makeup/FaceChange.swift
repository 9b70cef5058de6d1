/// What makeup changes of one face in one frame. It takes more memory than all else that is known of a face, so only faces that wear theirs have one,
/// and frames that wait have none.
///
/// Threads: one at a time.
final class FaceChange: @unchecked Sendable {
    /// 256x256x3, what is added to every pixel of the crop, in its R'G'B' of 0 to 1.
    var added = [Float](repeating: 0, count: 256 * 256 * 3)
    /// 256x256x2: by how much that follows the crop's own luma, and its chroma.
    var follows = [Float](repeating: 0, count: 256 * 256 * 2)
}
