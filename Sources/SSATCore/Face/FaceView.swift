/// One face of one frame: its aligned crop and what FaceMesh saw in it. Reused; valid until given back.
package final class FaceView: @unchecked Sendable {
    var track: Track!
    var cropToFrame = Similarity.identity
    var landmarks = [SIMD2<Float>](repeating: .zero, count: 478)  // crop pixels
    var presence: Float = 0
    var agreement: Float = 0
    var colours = FaceColours()
    /// Where the crop lies on the face, and its skin there; measured where skin tone is laid on.
    var meshFrame: MeshFrame?
    var complexion: Complexion?
    var crop = [UInt8](repeating: 0, count: 256 * 256 * 3)
    /// 64x64x3, the means of the crop's 4x4 blocks in [-1, 1].
    var average = [Float](repeating: 0, count: 64 * 64 * 3)
    /// 128x128, of the crop, 0 to 255.
    var luma = [Float](repeating: 0, count: 128 * 128)
    package var parsing = [UInt8](repeating: 0, count: 256 * 256)
    var uvFeatures = [Float](repeating: 0, count: 64 * 64 * 13)
    /// Of every cell, the holes of the mesh closed; -1 outside.
    package var uv = [SIMD2<Float>](repeating: SIMD2(-1, -1), count: 64 * 64)
    /// What makeup changes of the crop, once somebody has computed it.
    var change: FaceChange?
    /// Whether the track's last change is shown, instead of one predicted for this frame.
    var keepsChange = false
    /// Since the track's last prediction, and since its last frame.
    var motion = MotionField(), step = MotionField()
    /// Whether the track's last prediction serves for this frame.
    var reusesPrediction = false
    /// What was predicted for this frame, to be used again.
    var prediction: Prediction?

    package init() {}

    /// Everything that a prediction needs.
    func copyInputs(of other: FaceView) {
        (track, cropToFrame, colours) = (other.track, other.cropToFrame, other.colours)
        (meshFrame, complexion) = (other.meshFrame, other.complexion)
        // Element by element into memory that is there: an assignment would share, and copy on the next write.
        func copy<T>(_ from: [T], _ to: inout [T]) { to.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: from) } }
        copy(other.crop, &crop)
        copy(other.parsing, &parsing)
        copy(other.uvFeatures, &uvFeatures)
        copy(other.uv, &uv)
    }
}
