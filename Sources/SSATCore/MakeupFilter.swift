import CKernels
import Foundation

/// What is shown while no face is seen.
public enum LostPolicy: String, Sendable, CaseIterable {
    /// The last made-up picture stays for a fifth of a second, then the picture is blurred.
    case hold
    /// The whole picture is blurred.
    case blur
    /// A plain dark picture.
    case placeholder
    /// The picture as it is.
    case pass
}

/// The one door: frame in, frame out, in three steps.
///
/// `analyze` and `finish` see every frame, in order, each on one thread at a time; `transfer` may run for several frames at
/// once, on at most `workers` threads.
public final class MakeupFilter: @unchecked Sendable {
    /// What `analyze` learned about a frame. Give it to `transfer`, then `finish`, once.
    public final class Analysis: @unchecked Sendable {
        var views: [FaceView] = []
        var time = 0.0
        var outfit = Outfit(look: nil, recipe: Recipe())
        /// Whether a face that was followed before is missing, and may still be there.
        public internal(set) var missesFace = false
        /// Whether a face has no makeup yet, and the picture is not to be shown before it has.
        var awaitsPrediction = false
        /// Boxes of the faces that do not wear makeup, as far as they were looked for; frame pixels.
        public internal(set) var others: [(low: SIMD2<Float>, high: SIMD2<Float>)] = []
        public var faceCount: Int { views.count }
        /// Of every face, whether what was predicted for an earlier frame serves for this one.
        public var reuses: [Bool] { views.map(\.reusesPrediction) }
        public var trackIDs: [Int] { views.map { $0.track.id } }
        /// 478 landmarks per face, in frame pixels.
        public var landmarks: [[SIMD2<Float>]] { views.map { v in v.landmarks.map { v.cropToFrame.apply($0) } } }
        /// Smallest upright box around the landmarks of each face, in frame pixels.
        public var boxes: [(low: SIMD2<Float>, high: SIMD2<Float>)] { views.map { $0.track.box } }
        /// How well landmarks and parsing agree on eyes and lips, 0...1.
        public var agreements: [Float] { views.map(\.agreement) }
        public var presence: [Float] { views.map(\.presence) }
        /// Share of each `FaceClass` in the parsing, 0...1.
        public var classShares: [[Float]] {
            views.map { view in
                var counts = [Float](repeating: 0, count: FaceClass.allCases.count)
                for k in view.parsing { counts[Int(k)] += 1 }
                return counts.map { $0 / Float(view.parsing.count) }
            }
        }
        /// Aligned crop (256x256x3), parsing (256x256 `FaceClass`), and crop-to-frame transform per face.
        public var crops: [(rgb: [UInt8], parsing: [UInt8], toFrame: Similarity)] {
            views.map { ($0.crop, $0.parsing, $0.cropToFrame) }
        }
    }

    let tracker: FaceTracker
    private let team: WorkerTeam?
    /// What the faces of a frame wear. Chosen once a frame, so that no frame is mixed.
    struct Outfit {
        var look: Look?
        var recipe: Recipe
        var isWorn: Bool { look != nil && recipe.strength > 0 }
    }
    private var outfit: Outfit
    private var choosesPrimary = false
    private let zones: FaceZones
    private let lock = NSLock()
    private var networks: [SSAT] = []
    private let pool = ObjectPool { FaceView() }
    private let predictions = ObjectPool { Prediction() }
    private let changes = ObjectPool { FaceChange() }
    /// Whether a prediction serves for further frames while the face, moved along, looks the same. Set before the first frame.
    public var reusesPredictions = true
    private var keepsPredictions: Bool { reusesPredictions && predictsAsideEvery == 0 }
    /// Of `finish`: what it takes to use a prediction again.
    private let assembler: ChangeAssembler, ownScratch = Scratch(), moved = Prediction()
    /// Those that were given out, to be used again once nobody holds them.
    private var analyses: [Analysis] = []
    private var scratch: [Scratch] = []
    /// Of `finish`: for smoothing a change, and then for adding it to the frame.
    private var changeScratch = [Float](repeating: 0, count: max(Int(SSAT_SMOOTH_SCRATCH), 256 * 256 * 3))
    public var temporalSmoothing = true
    /// 0: every frame waits for its own prediction. Otherwise, for live pictures (one worker, and no team: that serves one thread):
    /// predictions are made aside, on a thread of their own, begun at most once in so many frames; a frame wears what was predicted
    /// last, moved along with the face, and left out where the mouth, the eyes or something that covers the face have come since. A
    /// face that has none yet is taken for lost (`whenLost`). Set before the first frame.
    public var predictsAsideEvery = 0 { didSet { precondition(predictsAsideEvery == 0 || team == nil && networks.count == 1) } }
    private let predictor = Predictor()
    private var framesSincePrediction = 0
    /// What `finish` shows while no face is seen.
    public var whenLost = LostPolicy.pass
    /// Whether faces that do not wear makeup are blurred; then they are looked for in every frame. Set before the first frame.
    public var blursOthers = false { didSet { tracker.watchesOthers = blursOthers } }
    private static let holdSeconds = 0.2
    private var held = HeldPicture()
    private var shown = ShownPicture()
    /// Whether the held picture is a bare one, shown on request.
    private var heldIsBare = false

    private final class Scratch {
        var weight = [Float](repeating: 0, count: 256 * 256)
        var soft = [Float](repeating: 0, count: 256 * 256)
    }

    /// - Parameters:
    ///   - workers: how many threads may call `transfer` at once.
    ///   - team: how many threads share the work of a single frame. One of the two is 1.
    /// - Throws: `SafetensorsError` when the built-in weights are damaged.
    public init(look: Look?, recipe: Recipe = Recipe(), faces: FacePolicy = .all, precision: Precision = .int8, workers: Int = 1, team: Int = 1) throws {
        let team = team > 1 ? WorkerTeam(count: team) : nil
        self.team = team
        tracker = try FaceTracker(precision: precision, policy: faces, pool: pool, team: team)
        outfit = Outfit(look: look, recipe: recipe)
        zones = try FaceZones(Models.canonicalMesh())
        assembler = try ChangeAssembler()
        for _ in 0..<max(workers, 1) {
            if let first = networks.first {
                networks.append(SSAT(sharingWeightsOf: first))
            } else {
                networks.append(try SSAT(weights: Models.ssatLive(precision), precision: precision, makesLooks: false))
                networks[0].team = team
            }
            scratch.append(Scratch())
        }
        Models.release()
    }

    deinit { predictor.wait() }

    private func locked<T>(_ body: () -> T) -> T {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    /// What is worn from the next frame on. May be changed while frames are in work, on any thread.
    public var look: Look? {
        get { locked { outfit.look } }
        set { locked { outfit.look = newValue } }
    }

    /// How strong it is, from the next frame on. Any thread.
    public var recipe: Recipe {
        get { locked { outfit.recipe } }
        set { locked { outfit.recipe = newValue } }
    }

    /// Finds, follows and parses the faces. `time` in seconds.
    public func analyze(_ frame: FrameView, time: Double) -> Analysis {
        let analysis = unusedAnalysis()
        analysis.time = time
        let chooses = locked {
            analysis.outfit = outfit
            defer { choosesPrimary = false }
            return choosesPrimary
        }
        if chooses { tracker.freePlace() }
        // Makeup ends with the mesh; skin tone goes on to ears and neck.
        let hasTone = analysis.outfit.isWorn && analysis.outfit.recipe.tone > 0
        tracker.parsed = analysis.outfit.isWorn && !hasTone ? .face : .crop
        tracker.measuresComplexion = hasTone
        tracker.worn = analysis.outfit.isWorn && keepsPredictions ? analysis.outfit.look : nil
        tracker.update(frame, time: time, into: &analysis.views)
        analysis.missesFace = tracker.missesFace
        tracker.writeOthers(into: &analysis.others)
        return analysis
    }

    private func unusedAnalysis() -> Analysis {
        for index in analyses.indices where isKnownUniquelyReferenced(&analyses[index]) {
            let analysis = analyses[index]
            giveBack(analysis)
            (analysis.awaitsPrediction, analysis.missesFace) = (false, false)
            return analysis
        }
        analyses.append(Analysis())
        return analyses[analyses.count - 1]
    }

    private func giveBack(_ analysis: Analysis) {
        for view in analysis.views {
            if let unused = view.prediction { predictions.give(unused) }
            (view.prediction, view.reusesPrediction) = (nil, false)
            wear(nil, view)
            pool.give(view)
        }
        analysis.views.removeAll(keepingCapacity: true)
    }

    /// The view's change from now on; the one that it had may be filled again.
    private func wear(_ change: FaceChange?, _ view: FaceView) {
        if let old = view.change { changes.give(old) }
        view.change = change
    }

    /// The view's change, to be filled.
    private func change(of view: FaceView) -> FaceChange {
        if let change = view.change { return change }
        let change = changes.take()
        view.change = change
        return change
    }

    /// Predicts the change of every face, or gives it the last one.
    public func transfer(_ analysis: Analysis) {
        guard let look = analysis.outfit.look, analysis.outfit.recipe.strength > 0 else { return }
        if predictsAsideEvery > 0 { moveOn(analysis) }
        guard analysis.views.contains(where: { !$0.keepsChange && !$0.reusesPrediction }) else { return }
        // A face that comes up must not be shown bare: the picture is hidden until its first prediction is there.
        analysis.awaitsPrediction = predictsAsideEvery > 0 && whenLost != .pass
        if analysis.awaitsPrediction { return }
        if predictsAsideEvery > 0 { predictor.wait() }
        for view in analysis.views where !view.keepsChange && !view.reusesPrediction { predict(view, look, analysis.outfit.recipe) }
    }

    /// Takes over what was predicted aside, and begins anew when it is time. Faces that have worn something keep it meanwhile.
    private func moveOn(_ analysis: Analysis) {
        predictor.collect(takeUp)
        predictor.follow(analysis.views)
        for view in analysis.views { view.keepsChange = !view.track.previousChange.isEmpty }
        framesSincePrediction += 1
        let isDue = framesSincePrediction >= predictsAsideEvery || analysis.views.contains { !$0.keepsChange }
        guard isDue, predictor.isIdle, !analysis.views.isEmpty else { return }
        framesSincePrediction = 0
        predictor.begin(analysis.views, analysis.outfit) { [unowned self] job in
            if let look = job.outfit.look { predict(job.view, look, job.outfit.recipe) }
        }
    }

    /// What was predicted aside for a frame that is past, moved along to the last one that was shown.
    private func takeUp(_ job: Predictor.Job) {
        let view = job.view, track = view.track!, all = WeightedRows.Spans.everyPixel, moved = changes.take()
        job.since.withVectors { ssat_move_map(change(of: view).added, 256, 3, $0, all.first, all.end, &moved.added) }
        wear(moved, view)
        for i in 0..<256 * 256 where !track.previousChange.isEmpty {
            for c in 0..<3 { view.crop[i * 3 + c] = track.previousCrop[i * 4 + c] }
        }
        view.step.clear()
        // Predictions come seldom: they are not to take many to arrive.
        smooth(view, moved, job.outfit, calm: 0.5)
        wear(nil, view)
    }

    private func predict(_ view: FaceView, _ look: Look, _ recipe: Recipe) {
        let (network, buffers) = locked { (networks.removeLast(), scratch.removeLast()) }
        defer {
            locked {
                networks.append(network)
                scratch.append(buffers)
            }
        }
        recipe.weigh(view, zones, into: &buffers.weight, scratch: &buffers.soft)
        if keepsPredictions { view.prediction = predictions.take() }
        let eyes = EyeRows(uv: view.uv), change = change(of: view)
        network.encode(crop: view.crop, classes: view.parsing, uv: view.uvFeatures, for: buffers.weight, eyes: eyes, withMargin: keepsPredictions)
        network.transfer(
            look, on: view.colours, uv: view.uv, eyes: eyes, toned: tone(of: recipe, on: view), weight: buffers.weight, change: &change.added, follows: &change.follows,
            keeping: view.prediction)
        if recipe.tone > 0 { addTone(look, recipe, view, change, buffers) }
    }

    /// The change of a face that can do with its last prediction.
    private func repredict(_ view: FaceView, _ change: FaceChange, _ outfit: Outfit) {
        guard let look = outfit.look, let prediction = view.track.prediction else {
            // Cannot be; what the view wore in another frame must not be shown in this one.
            for i in change.added.indices { change.added[i] = 0 }
            return
        }
        outfit.recipe.weigh(view, zones, into: &ownScratch.weight, scratch: &ownScratch.soft)
        prediction.limit(&ownScratch.weight, view.motion)
        prediction.move(view.motion, for: ownScratch.weight, into: moved)
        assembler.look(at: view.crop, classes: view.parsing, average: view.average)
        assembler.lay(look, on: view.colours, warped: moved.warped, uv: moved.uv, eyes: moved.eyes, toned: tone(of: outfit.recipe, on: view), forDecoder: false)
        moved.withMaps { assembler.assemble(gate: $0, head: $1, weight: ownScratch.weight, change: &change.added, follows: &change.follows) }
        if outfit.recipe.tone > 0 { addTone(look, outfit.recipe, view, change, ownScratch) }
    }

    /// How much of the tone a face gets: none where its complexion cannot be told.
    private func tone(of recipe: Recipe, on view: FaceView) -> Float { view.meshFrame == nil || view.complexion == nil ? 0 : recipe.tone }

    /// Moves all skin (face, ears, neck) by the difference of the two complexions, as far as paint does not hide it.
    private func addTone(_ look: Look, _ recipe: Recipe, _ view: FaceView, _ change: FaceChange, _ buffers: Scratch) {
        guard let frame = view.meshFrame, let own = view.complexion else { return }
        let apart = look.complexion.through(assembler.grade(of: view.colours, against: look).callAsFunction) - own, share = 0.5 * recipe.tone * recipe.strength
        for i in 0..<256 * 256 {
            let k = view.parsing[i]
            let skin = k == FaceClass.skin.rawValue || k == FaceClass.nose.rawValue || k == FaceClass.earOrNeck.rawValue
            buffers.weight[i] = skin ? 1 : 0
        }
        soften(&buffers.weight, &buffers.soft, passes: 4)
        for i in 0..<256 * 256 where buffers.weight[i] > 0 {
            let shown = 1 + change.follows[2 * i + 1] / max(recipe.strength, 1e-6)
            let shift = apart.colour(at: frame.place(pixel: i)) * (share * shown * buffers.weight[i])
            for c in 0..<3 { change.added[i * 3 + c] += shift[c] }
        }
    }

    /// Smooths the changes over time and adds them to the frame. Columns left of `firstColumn` stay as they are.
    public func finish(_ frame: FrameView, _ analysis: Analysis, firstColumn: Int = 0) {
        let isShown = analysis.outfit.isWorn && !analysis.awaitsPrediction
        if isShown {
            for view in analysis.views {
                let change = change(of: view)
                if view.reusesPrediction { repredict(view, change, analysis.outfit) } else { handOver(view) }
                if view.keepsChange { view.track.moveChange(to: view, change) } else { smooth(view, change, analysis.outfit) }
                if let look = analysis.outfit.look { change.keep(colour: view.colours.colour(from: look.colours)) }
                shown.withFace(of: view, wearing: analysis.outfit.look, in: frame) {
                    frame.add(change.added, view.cropToFrame, planes: &changeScratch, firstColumn: firstColumn, shown: $0, team: team)
                }
            }
        }
        if temporalSmoothing { shown.keep(isShown ? analysis.views : [], wearing: analysis.outfit.look, of: frame) }
        if blursOthers { for other in analysis.others { frame.blur(from: other.low, to: other.high) } }
        if whenLost != .pass { cover(frame, analysis) }
        giveBack(analysis)
    }

    /// The prediction becomes that of the face.
    private func handOver(_ view: FaceView) {
        guard let new = view.prediction else { return }
        if let old = view.track.prediction { predictions.give(old) }
        (view.track.prediction, view.prediction) = (new, nil)
    }

    /// Hides a picture in which a face was not found, as `whenLost` says. The new picture is never shown with makeup at the old
    /// place: the face may have moved out from under it.
    private func cover(_ frame: FrameView, _ analysis: Analysis) {
        let bare = !analysis.outfit.isWorn
        if !analysis.views.isEmpty, !analysis.missesFace, !analysis.awaitsPrediction {
            if whenLost == .hold {
                held.keep(frame, time: analysis.time)
                heldIsBare = bare
            }
            return
        }
        let recent = held.time.map { (0...Self.holdSeconds).contains(analysis.time - $0) } ?? false
        if whenLost == .hold, recent, heldIsBare == bare, held.show(in: frame) { return }
        held.forget()
        if whenLost == .placeholder { frame.blank() } else { frame.blur() }
    }

    /// Towards the previous change, moved along; from the start where the face wore another look, so that no frame mixes two.
    private func smooth(_ view: FaceView, _ change: FaceChange, _ outfit: Outfit, calm: Float = 0.1) {
        let track = view.track!
        defer { track.previousLook = outfit.look }
        guard temporalSmoothing, !track.previousChange.isEmpty, track.previousLook === outfit.look else {
            track.previousChange = change.added
            ssat_keep_crop(view.crop, &track.previousCrop, &track.meanCrop)
            return
        }
        view.step.withVectors { back in
            ssat_smooth_change(
                &change.added, &track.previousChange, view.crop, &track.previousCrop, change.follows, &track.meanCrop, back, calm, &changeScratch)
        }
    }

    /// Encodes a reference. `frame` holds the photo. For several, keep a `LookMaker`.
    /// - Throws: `LookError` unless exactly one face is found.
    public static func makeLook(from frame: FrameView, path: String, precision: Precision = .int8) throws -> Look {
        try LookMaker(precision: precision).look(from: frame, path: path)
    }

    /// The reference's colours as the correspondence lays them on each face's crop: 256x256x3, mid-grey where nothing goes.
    /// For looking at; slow.
    public func correspondencePictures(_ analysis: Analysis) -> [[UInt8]] {
        guard let look else { return [] }
        let network = networks[0]
        let weight = [Float](repeating: 0, count: 256 * 256), unused = changes.take()
        defer { changes.give(unused) }
        return analysis.views.map { view in
            network.encode(crop: view.crop, classes: view.parsing, uv: view.uvFeatures, for: weight)
            network.transfer(look, on: view.colours, uv: view.uv, weight: weight, change: &unused.added)
            return (0..<256 * 256 * 3).map { i in
                let cell = i / (256 * 3) / 4 * 64 + i / 3 % 256 / 4
                return UInt8(max(0, min(255, (network.warped[cell * 3 + i % 3] + 1) * 127.5)))
            }
        }
    }

    /// With `FacePolicy.primary`: the largest face that is found next is the primary one, whoever had the place. Any thread.
    public func choosePrimary() { locked { choosesPrimary = true } }

    /// Forgets every face, for a new clip.
    public func reset() { tracker.reset() }
}
