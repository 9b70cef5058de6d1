import CKernels
import Foundation

/// Which faces get makeup.
public enum FacePolicy: Sendable, Equatable {
    case all
    /// The face that came first. While it is missing, its place is kept for it for five seconds; a face that was there beside it
    /// never takes the place, however long it is gone.
    case primary
    case atMost(Int)

    var limit: Int {
        switch self {
        case .all: 16
        case .primary: 1
        case .atMost(let count): max(count, 1)
        }
    }
}

/// Detects when needed, follows by the previous landmarks, parses. One frame after the other, in order.
///
/// Threads: one thread at a time.
final class FaceTracker: @unchecked Sendable {
    private let detector: FaceDetector
    private let mesh: FaceMesh
    private let refiner: MeshRefiner
    private let rasterizer: MeshRasterizer
    private let meanPoints: [SIMD2<Float>]
    private let policy: FacePolicy
    private let team: WorkerTeam?
    private let pool: ObjectPool<FaceView>
    private var tracks: [Track] = []
    private var found: [Detection] = []
    private var gone: [(id: Int, centre: SIMD2<Float>, time: Double)] = []
    /// When faces were lost for which no other has come up since.
    private var missing: [Double] = []
    private var bystanders = Bystanders()
    private var refusals = Refusals()
    /// Where the first face was seen last.
    private var place: (centre: SIMD2<Float>, size: Float, time: Double)?
    /// How long a missing primary face keeps its place.
    private let placeSeconds = 5.0
    /// Whether faces that wear no makeup are looked for in every frame.
    var watchesOthers = false
    /// How much of the crop of a face that is followed is parsed, where it is parsed anew.
    var parsed = FaceMesh.Extent.crop
    /// The look for which predictions are used again, and with them what was parsed; nil: none is.
    var worn: Look?
    /// Whether the complexion of every face is measured.
    var measuresComplexion = false
    private var fit = LeastSquares()
    private var nextID = 1
    private var frameIndex = 0
    private var scratchCrop = [UInt8](repeating: 0, count: 256 * 256 * 3)
    private var scratchPicture = [UInt8](repeating: 0, count: 320 * 320 * 3)
    private var motionScratch = [Float](repeating: 0, count: Int(SSAT_REFINE_SCRATCH))
    private let detectionInterval = 10
    /// Frame pixels; makeup on smaller faces could not be seen.
    private let smallestFace: Float = 24
    /// Below this at the first look, it is no face, or one that is looked at the wrong way round; and the same for what was refused before.
    private static let leastPresence: (first: Float, again: Float) = (0.05, 0.5)
    /// Below this it is no face by however little the crop is off.
    private static let hopelessPresence: Float = 0.002

    /// - Parameter pool: where the views of `update` come from. Give them back.
    init(precision: Precision, policy: FacePolicy, pool: ObjectPool<FaceView>, team: WorkerTeam? = nil) throws {
        self.pool = pool
        found.reserveCapacity(64)
        detector = try FaceDetector(weights: Models.faceDetector(precision), precision: precision)
        mesh = try FaceMesh(weights: Models.faceMesh(precision), precision: precision)
        refiner = try MeshRefiner(weights: Models.meshRefiner(precision), precision: precision)
        (detector.team, mesh.team, refiner.team) = (team, team, team)
        let canonical = try CanonicalMesh(Models.canonicalMesh())
        rasterizer = MeshRasterizer(mesh: canonical)
        meanPoints = Alignment.meanPoints(canonical)
        self.policy = policy
        self.team = team
    }

    /// Whether a face was lost within two seconds, and no other came up in its stead.
    var missesFace: Bool { !missing.isEmpty }
    /// Boxes of the faces that wear no makeup.
    func writeOthers(into boxes: inout [(low: SIMD2<Float>, high: SIMD2<Float>)]) { bystanders.write(into: &boxes) }

    /// Forgets every face, for a new clip or picture.
    func reset() {
        (tracks, gone, missing) = ([], [], [])
        (bystanders, refusals, place) = (Bystanders(), Refusals(), nil)
        frameIndex = 0
    }

    /// Faces of the next frame, into `views`, which is empty. `time` in seconds.
    func update(_ frame: FrameView, time: Double, into views: inout [FaceView]) {
        gone.removeAll { time - $0.time > 2 }
        missing.removeAll { time - $0 > 2 }
        follow(frame, time, &views)
        let lost = views.count < tracks.count, due = frameIndex % detectionInterval == 0
        if tracks.isEmpty || lost || watchesOthers || (due && (policy == .primary || tracks.count < policy.limit)) {
            detect(frame)
            begin(frame, time, &views)
            bystanders.note(found, beside: views, time: time)
        }
        // A face that was not seen is gone; it may come back under its own id within two seconds.
        for track in tracks where track.lastSeen != time { gone.append((track.id, track.centre, track.lastSeen)) }
        removeDuplicates(&views)
        tracks.removeAll(keepingCapacity: true)
        for view in views { tracks.append(view.track) }
        if let first = tracks.first { place = (first.centre, first.size, time) }
        frameIndex += 1
    }

    /// Looks for every known face where it was.
    private func follow(_ frame: FrameView, _ time: Double, _ views: inout [FaceView]) {
        for track in tracks {
            let view = pool.take()
            if look(frame, at: Alignment.frameToCrop(track.landmarks).inverse, into: view, again: true), recognise(view, track, time) {
                track.lastSeen = time
                views.append(view)
            } else {
                missing.append(time)
                pool.give(view)
            }
        }
    }

    /// Whether what was looked at is the face of the track; then it is parsed, as far as what was known of it does not serve.
    private func recognise(_ view: FaceView, _ track: Track, _ time: Double) -> Bool {
        guard mesh.presence > FaceMesh.leastPresence else { return false }
        locate(view, track, time)
        if worn != nil { mesh.choose(.features) }
        view.reusesPrediction = track.predictionKey.serves(view, worn, whole: parsed == .crop, isParsed: mesh.isChosen)
        if view.reusesPrediction, !track.predictionKey.showsSomethingNew {
            mesh.parse(.features)
            track.predictionKey.moveParsing(to: view)
            mesh.overlay(onto: &view.parsing)
        } else {
            mesh.parse(parsed)
            guard mesh.showsFace(starting: false) else { return false }
            copyParsing(to: view)
        }
        view.agreement = mesh.agreement
        note(view, track, isWhole: parsed == .crop)
        return true
    }

    /// Takes up detections as new faces, as far as there are places.
    private func begin(_ frame: FrameView, _ time: Double, _ views: inout [FaceView]) {
        if policy == .primary {
            keepSurest()
            found.sortInPlace { $0.size > $1.size }
        }
        for detection in found where views.count < policy.limit {
            if views.contains(where: { detection.isNear($0.track.centre, within: 0.5 * $0.track.size) }) { continue }
            if policy == .primary, !mayBePrimary(detection, time) { continue }
            let isReturning = gone.contains { detection.isNear($0.centre, within: detection.size) }
            if !isReturning, refusals.holdOff(detection, time: time) { continue }
            let view = pool.take()
            let looks = refusals.looks(at: detection)
            let sides: Sides = isReturning || tracks.isEmpty && looks == 0 ? .all : .one(afterLooks: looks)
            guard start(frame, detection, view, sides), mesh.showsFace(starting: true) else {
                refusals.note(detection, time: time)
                pool.give(view)
                continue
            }
            let landmarks = view.landmarks.map { view.cropToFrame.apply($0) }
            let track = revive(landmarks, time)
            locate(view, track, time)
            copyParsing(to: view)
            note(view, track, isWhole: true)
            views.append(view)
            _ = missing.popLast()
        }
    }

    /// Of detections of one place, the surest alone. A forehead that the edge of a photo mirrored, eyes and all, made a larger face of
    /// that and half of the true one.
    private func keepSurest() {
        var index = 1
        while index < found.count {
            if found[..<index].contains(where: { found[index].isNear(($0.low + $0.high) / 2, within: 0.5 * max($0.size, found[index].size)) }) {
                found.remove(at: index)
            } else {
                index += 1
            }
        }
    }

    /// The place of the primary face is kept while that face is missing, and never given to one that was beside it.
    private func mayBePrimary(_ detection: Detection, _ time: Double) -> Bool {
        if bystanders.contains(detection) { return false }
        guard let place, time - place.time <= placeSeconds else { return true }
        return detection.isNear(place.centre, within: 1.5 * place.size)
    }

    /// Forgets who the primary face is: the largest that is found next will be.
    func freePlace() {
        (place, bystanders) = (nil, Bystanders())
        if policy == .primary { (tracks, gone) = ([], []) }
    }

    private func removeDuplicates(_ views: inout [FaceView]) {
        var index = 1
        while index < views.count {
            if views[..<index].contains(where: { $0.track.overlap(views[index].track) > 0.5 }) {
                pool.give(views.remove(at: index))
            } else {
                index += 1
            }
        }
    }

    private func revive(_ landmarks: [SIMD2<Float>], _ time: Double) -> Track {
        let centre = landmarks[4]
        var size = landmarks[10] - landmarks[152]
        size = SIMD2(repeating: (size * size).sum().squareRoot())
        if let index = gone.firstIndex(where: { g in
            let d = g.centre - centre
            return (d * d).sum().squareRoot() < 1.5 * size.x
        }) {
            return Track(id: gone.remove(at: index).id, landmarks: landmarks, time: time)
        }
        defer { nextID += 1 }
        return Track(id: nextID, landmarks: landmarks, time: time)
    }

    /// Landmarks, refined where there may be a face, and presence of the crop at `cropToFrame`; once more on a better crop when the face has moved far in it.
    private func look(_ frame: FrameView, at cropToFrame: Similarity, into view: FaceView, again: Bool) -> Bool {
        view.cropToFrame = cropToFrame
        view.crop.withUnsafeMutableBufferPointer { frame.sample(cropToFrame, size: 256, into: $0.baseAddress!, team: team) }
        mesh.look(at: view.crop)
        view.presence = mesh.presence
        if again, mesh.presence > Self.hopelessPresence {
            let better = Alignment.frameToCrop(mesh.landmarks)
            let moved = better.apply(SIMD2(128, 128)) - SIMD2(128, 128)
            if (moved * moved).sum().squareRoot() > 14 || abs(better.scale - 1) > 0.12 || abs(better.b) > 0.14 {
                let inner = better.inverse
                let composed = Similarity(
                    a: cropToFrame.a * inner.a - cropToFrame.b * inner.b, b: cropToFrame.b * inner.a + cropToFrame.a * inner.b,
                    tx: cropToFrame.apply(SIMD2(inner.tx, inner.ty)).x, ty: cropToFrame.apply(SIMD2(inner.tx, inner.ty)).y)
                guard composed.scale.isFinite, composed.scale > 0.02, composed.scale < 60 else { return false }
                return look(frame, at: composed, into: view, again: false)
            }
        }
        // What is no face has no eyes to look at more closely.
        if mesh.presence > Self.leastPresence.first {
            refiner.refine(&view.landmarks, seen: mesh.landmarks, crop: view.crop)
        } else {
            view.landmarks.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: mesh.landmarks) }
        }
        return true
    }

    /// Parses what was looked at last. False where that cannot be a face, whatever the parsing says.
    private func parse(_ view: FaceView, _ extent: FaceMesh.Extent) -> Bool {
        guard mesh.presence > Self.leastPresence.first else { return false }
        mesh.parse(extent)
        view.agreement = mesh.agreement
        return true
    }

    /// Runs FaceMesh on the crop of a view, whatever it shows: for measuring.
    func see(_ view: FaceView, in frame: FrameView) {
        view.crop.withUnsafeMutableBufferPointer { frame.sample(view.cropToFrame, size: 256, into: $0.baseAddress!, team: team) }
        mesh.run(view.crop)
    }

    /// From which sides a detection is looked at. All take four times as long as one.
    private enum Sides {
        case all
        /// While a face is followed, or nothing was found here before: one after the other, look by look; the others only where this one shows a face.
        case one(afterLooks: Int)

        /// By how many quarters a side is turned. Of faces that lie on their side the detector knows it; those upside down it may take for upright.
        static func quarters(afterLooks looks: Int) -> Int { [0, 2, 1, 3][looks % 4] }
    }

    /// From a detection to an aligned crop: the five points first, then twice by FaceMesh's own landmarks.
    private func start(_ frame: FrameView, _ detection: Detection, _ view: FaceView, _ sides: Sides) -> Bool {
        guard let crop = crop(around: detection) else { return false }
        guard case .one(let looks) = sides else { return choose(frame, crop, view, isFace: approach(frame, crop, view)) }
        let least = looks == 0 ? Self.leastPresence.first : Self.leastPresence.again
        let quarters = Sides.quarters(afterLooks: looks)
        guard approach(frame, turned(crop, quarters), view, least: least) else { return false }
        return choose(frame, crop, view, isFace: quarters == 0 || approach(frame, crop, view))
    }

    private func crop(around detection: Detection) -> Similarity? {
        let guess = Similarity.fit(meanPoints, detection.points.all)
        // The box tells the size more surely than the points.
        let side = max(detection.high.x - detection.low.x, detection.high.y - detection.low.y)
        let wanted = side * 1.45 / 256
        let ratio = wanted / max(guess.scale, 1e-6)
        let middle = (detection.low + detection.high) / 2
        let a = guess.a * ratio, b = guess.b * ratio
        let crop = Similarity(a: a, b: b, tx: middle.x - (a * 128 - b * 128), ty: middle.y - (b * 128 + a * 128))
        return crop.scale * 256 / 1.5 > smallestFace ? crop : nil
    }

    /// Which way round it is: the five points may be wrong about the rotation. The one in which landmarks and parsing agree best is right.
    /// - Parameter isFace: whether the crop, which was approached last, shows one.
    private func choose(_ frame: FrameView, _ crop: Similarity, _ view: FaceView, isFace: Bool) -> Bool {
        if isFace && mesh.agreement > 0.7 && mesh.uncovered > 0.55 { return true }
        // What is taken for a cover agrees with everything (an open mouth, looked at sideways, once did), so only eyes and lips that are
        // seen count; and a turn must be clearly better than what the detector said.
        var best = (crop: view.cropToFrame, seen: isFace ? mesh.uncovered + 0.1 : 0)
        for quarter in 1...3 where approach(frame, turned(crop, quarter), view) && mesh.uncovered > best.seen {
            best = (view.cropToFrame, mesh.uncovered)
        }
        return look(frame, at: best.crop, into: view, again: false) && parse(view, .crop)
    }

    /// Looks, and twice more on the crop of the landmarks that were seen; what does not look like a face at all is not looked at more closely.
    private func approach(_ frame: FrameView, _ crop: Similarity, _ view: FaceView, least: Float = leastPresence.first) -> Bool {
        guard look(frame, at: crop, into: view, again: true), mesh.presence > least else { return false }
        for _ in 0..<2 {
            let landmarks = view.landmarks.map { view.cropToFrame.apply($0) }
            guard look(frame, at: Alignment.frameToCrop(landmarks).inverse, into: view, again: false) else { return false }
        }
        return parse(view, .crop)
    }

    /// The crop rotated about its centre by quarter turns.
    private func turned(_ crop: Similarity, _ quarters: Int) -> Similarity {
        let middle = crop.apply(SIMD2(128, 128))
        let (c, s): (Float, Float) = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters % 4]
        let a = c * crop.a - s * crop.b, b = s * crop.a + c * crop.b
        return Similarity(a: a, b: b, tx: middle.x - (a * 128 - b * 128), ty: middle.y - (b * 128 + a * 128))
    }

    /// Fills `found`, in frame pixels.
    private func detect(_ frame: FrameView) {
        let scale = Float(max(frame.width, frame.height)) / 320
        let toFrame = Similarity(
            a: scale, b: 0, tx: (Float(frame.width) - 320 * scale) / 2 + 0.5 * scale - 0.5,
            ty: (Float(frame.height) - 320 * scale) / 2 + 0.5 * scale - 0.5)
        let top = max(Int((Float(320) - Float(frame.height) / scale) / 2), 0)
        scratchPicture.withUnsafeMutableBufferPointer { frame.sample(toFrame, size: 320, rows: top..<320 - top, into: $0.baseAddress!, team: team) }
        let left = max(Int((Float(320) - Float(frame.width) / scale) / 2), 0)
        // Grey bars: the repeated edge could look like anything.
        for y in 0..<320 {
            for x in 0..<320 where y < top || y >= 320 - top || x < left || x >= 320 - left {
                for c in 0..<3 { scratchPicture[(y * 320 + x) * 3 + c] = 114 }
            }
        }
        detector.run(scratchPicture, into: &found)
        for i in found.indices { found[i].move(by: toFrame) }
    }

    /// Smooths the landmarks; where the face lies on the mesh, and how it has moved.
    private func locate(_ view: FaceView, _ track: Track, _ time: Double) {
        for i in 0..<478 { track.landmarks[i] = view.cropToFrame.apply(view.landmarks[i]) }
        let size = track.size
        track.filter.update(&track.landmarks, scale: size, time: time)
        let toCrop = view.cropToFrame.inverse
        for i in 0..<478 { view.landmarks[i] = toCrop.apply(track.landmarks[i]) }
        view.track = track
        rasterizer.rasterize(view.landmarks, before: (track.predictionKey.landmarks, track.cropLandmarks))
        ssat_halve_luma(view.crop, &view.luma)
        view.step.fill(uv: rasterizer.uv) { rasterizer.origins[$0].highHalf }
        view.step.refine(now: view.luma, before: track.cropLuma, scratch: &motionScratch)
        if worn != nil, track.predictionKey.isOfLastFrame {
            view.motion.copy(view.step)
        } else if worn != nil {
            view.motion.fill(uv: rasterizer.uv) { rasterizer.origins[$0].lowHalf }
            view.motion.refine(now: view.luma, before: track.predictionKey.luma, scratch: &motionScratch)
        }
        track.cropLuma.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: view.luma) }
        track.cropLandmarks.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: view.landmarks) }
        view.uv.withUnsafeMutableBufferPointer { rasterizer.writeClosed($0.baseAddress!) }
        ssatAverage(view.crop, &view.average)
    }

    private func copyParsing(to view: FaceView) {
        view.parsing.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: mesh.parsing) }
    }

    /// What is known of the face once it is parsed.
    private func note(_ view: FaceView, _ track: Track, isWhole: Bool) {
        let seen = FaceColours.measure(crop: view.crop, average: view.average, classes: view.parsing)
        view.colours = track.colours.map { $0.moved(towards: seen, by: 0.1) } ?? seen
        track.colours = view.colours
        measureComplexion(view, track)
        if !view.reusesPrediction { view.uvFeatures.withUnsafeMutableBufferPointer { rasterizer.writeFeatures($0.baseAddress!) } }
        if worn != nil, !view.reusesPrediction { track.predictionKey.set(view, worn, isWhole: isWhole) }
    }

    private func measureComplexion(_ view: FaceView, _ track: Track) {
        view.meshFrame = measuresComplexion ? MeshFrame(uv: view.uv, fit: &fit) : nil
        view.complexion = view.meshFrame.flatMap {
            guard let seen = Complexion.measure(average: view.average, classes: view.parsing, frame: $0, fit: &fit) else { return track.complexion }
            return track.complexion?.moved(towards: seen, by: 0.1) ?? seen
        }
        track.complexion = view.complexion
    }
}
