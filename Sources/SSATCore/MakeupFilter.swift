import CKernels
import Foundation

/// The one door: frame in, frame out, in three steps.
///
/// `analyze` and `finish` see every frame, in order, each on one thread at a time; `transfer` may run for several frames at
/// once, on at most `workers` threads.
public final class MakeupFilter: @unchecked Sendable {
    /// What `analyze` learned about a frame. Give it to `transfer`, then `finish`, once.
    public final class Analysis: @unchecked Sendable {
        var views: [FaceView] = []
        public var faceCount: Int { views.count }
        public var trackIDs: [Int] { views.map { $0.track.id } }
        /// 478 landmarks per face, in frame pixels.
        public var landmarks: [[SIMD2<Float>]] { views.map { v in v.landmarks.map { v.cropToFrame.apply($0) } } }
        /// Smallest upright box around the landmarks of each face, in frame pixels.
        public var boxes: [(low: SIMD2<Float>, high: SIMD2<Float>)] { views.map { $0.track.box } }
        public var presence: [Float] { views.map(\.presence) }
        /// Aligned crop (256x256x3), parsing (256x256 `FaceClass`), and crop-to-frame transform per face.
        public var crops: [(rgb: [UInt8], parsing: [UInt8], toFrame: Similarity)] {
            views.map { ($0.crop, $0.parsing, $0.cropToFrame) }
        }
    }

    private let tracker: FaceTracker
    private let look: Look?
    private let recipe: Recipe
    private let eyeZone: [UInt8]
    private let lock = NSLock()
    private var networks: [SSAT] = []
    private var views: [FaceView] = []
    private var scratch: [Scratch] = []
    private var planes = [Float](repeating: 0, count: 256 * 256 * 3)
    public var temporalSmoothing = true

    private final class Scratch {
        var weight = [Float](repeating: 0, count: 256 * 256)
        var soft = [Float](repeating: 0, count: 256 * 256)
    }

    /// - Throws: `SafetensorsError` when the built-in weights are damaged.
    public init(look: Look?, recipe: Recipe = Recipe(), faces: FacePolicy = .all, precision: Precision = .int8, workers: Int = 1) throws {
        tracker = try FaceTracker(precision: precision, policy: faces)
        self.look = look
        self.recipe = recipe
        eyeZone = try Models.canonicalMesh().uint8s(named: "eye_zone", shape: [256, 256])
        for _ in 0..<max(workers, 1) {
            networks.append(try SSAT(weights: Models.ssatLive(precision), precision: precision))
            scratch.append(Scratch())
        }
    }

    private func locked<T>(_ body: () -> T) -> T {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    /// Finds, follows and parses the faces. `time` in seconds.
    public func analyze(_ frame: FrameView, time: Double) -> Analysis {
        let analysis = Analysis()
        analysis.views = tracker.update(frame, time: time) { locked { views.popLast() } ?? FaceView() }
        return analysis
    }

    /// Predicts the change of every face.
    public func transfer(_ analysis: Analysis) {
        guard let look, recipe.strength > 0, !analysis.views.isEmpty else { return }
        let (network, buffers) = locked { (networks.removeLast(), scratch.removeLast()) }
        defer {
            locked {
                networks.append(network)
                scratch.append(buffers)
            }
        }
        for view in analysis.views {
            recipe.weigh(view, eyeZone: eyeZone, into: &buffers.weight, scratch: &buffers.soft)
            network.encode(crop: view.crop, classes: view.parsing, uv: view.uvFeatures)
            network.transfer(look, tone: look.skinColour - view.skinColour, weight: buffers.weight, change: &view.change)
            if recipe.tone > 0 { addTone(look, view, buffers) }
        }
    }

    /// Moves all skin (face, ears, neck) by the difference of the two skin colours.
    private func addTone(_ look: Look, _ view: FaceView, _ buffers: Scratch) {
        let shift = (look.skinColour - view.skinColour) * (0.5 * recipe.tone * recipe.strength)
        for i in 0..<256 * 256 {
            let k = view.parsing[i]
            let skin = k == FaceClass.skin.rawValue || k == FaceClass.nose.rawValue || k == FaceClass.earOrNeck.rawValue
            buffers.weight[i] = skin ? 1 : 0
        }
        soften(&buffers.weight, &buffers.soft)
        for i in 0..<256 * 256 where buffers.weight[i] > 0 {
            for c in 0..<3 { view.change[i * 3 + c] += shift[c] * buffers.weight[i] }
        }
    }

    /// Smooths the changes over time and adds them to the frame. Columns left of `firstColumn` stay as they are.
    public func finish(_ frame: FrameView, _ analysis: Analysis, firstColumn: Int = 0) {
        if look != nil, recipe.strength > 0 {
            for view in analysis.views {
                if temporalSmoothing { smooth(view) }
                frame.add(view.change, view.cropToFrame, planes: &planes, firstColumn: firstColumn)
            }
        }
        locked { views += analysis.views }
        analysis.views = []
    }

    private func smooth(_ view: FaceView) {
        let track = view.track!
        guard track.previousChange.count == view.change.count else {
            track.previousChange = view.change
            track.previousCrop = view.crop
            return
        }
        ssat_smooth_change(&view.change, &track.previousChange, view.crop, &track.previousCrop, 256, 0.35)
    }

    /// Encodes a reference. `frame` holds the photo.
    /// - Throws: `LookError` unless exactly one face is found.
    public static func makeLook(from frame: FrameView, path: String, precision: Precision = .int8) throws -> Look {
        let tracker = try FaceTracker(precision: precision, policy: .all)
        let views = tracker.update(frame, time: 0) { FaceView() }
        let sizes = views.map { $0.track.size }
        guard let largest = sizes.max() else { throw LookError.noFace(path) }
        let clear = zip(views, sizes).filter { $1 > 0.5 * largest }
        guard clear.count == 1 else { throw LookError.severalFaces(path, clear.count) }
        let view = clear[0].0
        let network = try SSAT(weights: Models.ssatLive(precision), precision: precision)
        network.encode(crop: view.crop, classes: view.parsing, uv: view.uvFeatures)
        return network.makeLook(crop: view.crop)
    }

    /// Forgets every face, for a new clip.
    public func reset() { tracker.reset() }
}
