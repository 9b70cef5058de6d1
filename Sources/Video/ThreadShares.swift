/// How the stages of a pipeline share the threads of a run. Every thread of a stage holds frames, so none has more than it can use.
public struct ThreadShares: Sendable {
    public let decoder, encoder: Int
    /// Frames that are transformed at once.
    public let transforms: Int

    /// Decoding takes less than half of the time, and so do transforms.
    /// - Parameters:
    ///   - threads: of the run; less than 1 counts as 1.
    ///   - transformsMost: transforms take most of the time, and get all threads.
    ///   - sparesMemory: no two frames are decoded or transformed at once.
    public init(of threads: Int, transformsMost: Bool = false, sparesMemory: Bool = false) {
        encoder = max(threads, 1)
        let half = (encoder + 1) / 2
        decoder = sparesMemory ? 1 : half
        transforms = sparesMemory ? 1 : transformsMost ? encoder : half
    }
}
