/// MeshRefiner: FaceMesh's landmarks, those of eyes and mouth moved to where windows of the crop around them show them (docs/decisions/0037).
///
/// As in Attention Mesh (Grishchenko et al. 2020, arXiv 2006.10962) the regions that matter most are looked at again. Threads: one instance per thread.
package final class MeshRefiner: @unchecked Sendable {
    private let eye, mouth: MeshWindow
    /// Who shares the work; nil: this thread alone.
    package var team: WorkerTeam? { didSet { (eye.network.team, mouth.network.team) = (team, team) } }

    /// - Throws: `SafetensorsError` when the weights are not those of this network.
    package init(weights: Safetensors, precision: Precision, instructionSet: InstructionSet = .current) throws {
        eye = try MeshWindow("eye", side: 64, above: 8, weights: weights, precision: precision, instructionSet: instructionSet)
        mouth = try MeshWindow("mouth", side: 80, above: 0, weights: weights, precision: precision, instructionSet: instructionSet)
    }

    /// Refines landmarks in place.
    /// - Parameters:
    ///   - landmarks: 478, room for as many.
    ///   - seen: FaceMesh's, in crop pixels.
    ///   - crop: 256x256x3 R'G'B' bytes.
    package func refine(_ landmarks: inout [SIMD2<Float>], seen: [SIMD2<Float>], crop: UnsafePointer<UInt8>) {
        landmarks.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: seen) }
        move(&landmarks, eye, seen, crop, isMirrored: false)
        move(&landmarks, eye, seen, crop, isMirrored: true)
        move(&landmarks, mouth, seen, crop, isMirrored: false)
    }

    private func move(
        _ landmarks: inout [SIMD2<Float>], _ window: MeshWindow, _ seen: [SIMD2<Float>], _ crop: UnsafePointer<UInt8>, isMirrored: Bool
    ) {
        window.look(at: crop, landmarks: seen, isMirrored: isMirrored)
        let refined = isMirrored ? window.mirrored.refined : window.own.refined
        for i in refined.indices { landmarks[refined[i]] += (window.found[i] - landmarks[refined[i]]) * window.shares[i] }
    }

    /// The networks and their names, for measuring.
    var networks: [(name: String, network: Network)] { [("MeshRefiner, an eye", eye.network), ("MeshRefiner, the mouth", mouth.network)] }
}
