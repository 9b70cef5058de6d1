import CKernels

/// What a face looked like when its change was predicted, and whether that prediction still serves.
///
/// A prediction is moved along with the face (`Prediction.move`), and so is what was parsed; the face's own pixels, its eyes and its mouth are looked
/// at anew in every frame, and all of it is parsed anew where something new has come. Where the moved face still looks like the new one, so would what the
/// networks make of it: the error is estimated by how they differ.
struct PredictionKey {
    /// 64x64x3, the means of the crop's 4x4 blocks in [-1, 1].
    private var average = [Float](repeating: 0, count: 64 * 64 * 3)
    /// The same, moved along with the face: scratch.
    private var moved = [Float](repeating: 0, count: 64 * 64 * 3)
    /// Crop pixels.
    private(set) var landmarks = [SIMD2<Float>](repeating: .zero, count: 478)
    /// 128x128, of the crop.
    private(set) var luma = [Float](repeating: 0, count: 128 * 128)
    /// 256x256 `FaceClass`.
    private var parsing = [UInt8](repeating: 0, count: 256 * 256)
    private var isWhole = false
    /// Whether something has come since that the parsing does not know, where it is not made anew, as `serves` saw it last: a fingertip is
    /// too small to predict anew for, but it wears nothing.
    private(set) var showsSomethingNew = false
    private weak var look: Look?
    /// Frames since.
    private var age = 0
    /// Whether the face was predicted anew in the frame before this one, of which `serves` was not asked yet: how it has moved since is its last step.
    var isOfLastFrame: Bool { look != nil && age == 0 }

    /// Frames that may do with one prediction.
    private static let longest = 16
    /// Levels of 255 by which cells of the mesh may differ in the mean; how many cells may differ by more than 16 levels, and by more than 32: a
    /// blink is some 30 of these.
    private static let meanDifference: Float = 6, differing = 80, differingMuch = 16
    /// Cells that may differ by more than 32 levels where the parsing is used again, too.
    private static let unknown = 3

    /// A prediction is begun for this face.
    /// - Parameter isWhole: whether all of the crop was parsed.
    mutating func set(_ view: FaceView, _ look: Look?, isWhole: Bool) {
        average.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: view.average) }
        landmarks.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: view.landmarks) }
        luma.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: view.luma) }
        parsing.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: view.parsing) }
        (self.look, age, self.isWhole) = (look, 0, isWhole)
    }

    /// What was parsed then, moved along with the face.
    func moveParsing(to view: FaceView) { view.motion.withVectors { ssat_move_labels(parsing, $0, &view.parsing) } }

    /// Whether the last prediction does for this face, too.
    /// - Parameters:
    ///   - whole: whether all of the crop is to be parsed.
    ///   - isParsed: whether a cell (x, y) is parsed anew in any case.
    mutating func serves(_ view: FaceView, _ look: Look?, whole: Bool, isParsed: (Int, Int) -> Bool) -> Bool {
        age += 1
        guard let own = self.look, own === look, age <= Self.longest, isWhole || !whole else { return false }
        view.motion.withVectors { ssat_move_map(average, 64, 3, $0, WeightedRows.Spans.everywhere.first, WeightedRows.Spans.everywhere.end, &moved) }
        var sum: Float = 0, cells: Float = 0, many = 0, most = 0, new = 0
        for cell in 0..<64 * 64 where view.uv[cell].x >= 0 {
            var difference: Float = 0
            for c in cell * 3..<cell * 3 + 3 { difference += abs(view.average[c] - moved[c]) * (127.5 / 3) }
            sum += difference
            cells += 1
            if difference > 16 { many += 1 }
            guard difference > 32 else { continue }
            most += 1
            if !isParsed(cell % 64, cell / 64) { new += 1 }
        }
        showsSomethingNew = new >= Self.unknown
        return cells > 0 && sum < Self.meanDifference * cells && many < Self.differing && most < Self.differingMuch
    }
}
