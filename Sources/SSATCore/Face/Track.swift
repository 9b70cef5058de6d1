import CKernels

/// A face followed over time: its id and temporal state. Touched by the sequential stages only.
final class Track: @unchecked Sendable {
    let id: Int
    var landmarks: [SIMD2<Float>]  // frame pixels, smoothed
    /// Of its last frame, in pixels of that frame's crop. Touched by `analyze` only.
    var cropLandmarks = [SIMD2<Float>](repeating: .zero, count: 478)
    /// Luma of that crop, 128x128. Touched by `analyze` only.
    var cropLuma = [Float](repeating: 0, count: 128 * 128)
    var filter = OneEuroFilter()
    var lastSeen: Double
    var colours: FaceColours?
    var complexion: Complexion?
    /// When the face was predicted for last. Touched by `analyze` only.
    var predictionKey = PredictionKey()
    /// What was predicted then. Touched by `finish` only.
    var prediction: Prediction?
    /// Change smoothing.
    var previousChange: [Float] = []
    /// 256x256x4 (`ssat_keep_crop`).
    var previousCrop = [UInt8](repeating: 0, count: 256 * 256 * 4)
    /// 256x256x3 in 0...1, the crop averaged as the change is.
    var meanCrop = [Float](repeating: 0, count: 256 * 256 * 3)
    /// What the previous change was made of.
    var previousLook: Look?
    /// Where its crop lay in the last frame in which it was shown, which frame of `ShownPicture` that was, and what it wore.
    var lastShown: (cropToFrame: Similarity, number: Int, look: Look?)?

    init(id: Int, landmarks: [SIMD2<Float>], time: Double) {
        self.id = id
        self.landmarks = landmarks
        lastSeen = time
    }

    /// The last change for a new crop, moved along with the face, nothing where makeup does not go now.
    func moveChange(to view: FaceView, _ change: FaceChange) {
        let all = WeightedRows.Spans.everyPixel
        view.step.withVectors { ssat_move_map(previousChange, 256, 3, $0, all.first, all.end, &change.added) }
        previousChange.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: change.added) }
        ssat_keep_crop(view.crop, &previousCrop, &meanCrop)
        for i in 0..<256 * 256 where FaceClass.refusesMakeup[Int(view.parsing[i])] {
            for c in i * 3..<i * 3 + 3 { change.added[c] = 0 }
        }
    }

    var box: (low: SIMD2<Float>, high: SIMD2<Float>) {
        var low = landmarks[0], high = landmarks[0]
        for p in landmarks {
            low = pointwiseMin(low, p)
            high = pointwiseMax(high, p)
        }
        return (low, high)
    }

    /// Intersection of the two boxes over the smaller one.
    func overlap(_ other: Track) -> Float {
        let a = box, b = other.box
        let shared = pointwiseMax(pointwiseMin(a.high, b.high) - pointwiseMax(a.low, b.low), SIMD2(0, 0))
        let area = { (r: (low: SIMD2<Float>, high: SIMD2<Float>)) in (r.high.x - r.low.x) * (r.high.y - r.low.y) }
        return shared.x * shared.y / max(min(area(a), area(b)), 1e-6)
    }

    var size: Float { max((box.high - box.low).max(), 1) }

    var centre: SIMD2<Float> { landmarks[4] }
}
