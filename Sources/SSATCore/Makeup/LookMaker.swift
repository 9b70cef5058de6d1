import CKernels

/// Encodes references, one after the other, with networks of its own.
///
/// Threads: one thread at a time.
public final class LookMaker: @unchecked Sendable {
    private let pool = ObjectPool { FaceView() }
    private let tracker: FaceTracker
    private let network: SSAT
    private let estimator: PaintEstimator
    private let eyeEstimator: EyePaintEstimator
    private let lightEstimator: LightEstimator
    private let texture: FaceTexture
    private let eyes: EyeTexture
    private var fit = LeastSquares()

    /// - Throws: `SafetensorsError` when the built-in weights are damaged.
    public init(precision: Precision = .int8) throws {
        tracker = try FaceTracker(precision: precision, policy: .all, pool: pool)
        network = try SSAT(weights: Models.ssatLive(precision), precision: precision)
        estimator = try PaintEstimator(weights: Models.paintEstimator())
        eyeEstimator = try EyePaintEstimator(weights: Models.eyePaintEstimator())
        lightEstimator = try LightEstimator(weights: Models.lightEstimator())
        let mesh = try CanonicalMesh(Models.canonicalMesh())
        (texture, eyes) = (FaceTexture(mesh: mesh), EyeTexture(mesh: mesh))
        tracker.measuresComplexion = true
        Models.release()
    }

    /// The look of the only clear face in a photo.
    /// - Parameter path: for messages.
    /// - Throws: `LookError` unless exactly one face is found.
    public func look(from frame: FrameView, path: String) throws -> Look {
        tracker.reset()
        var views: [FaceView] = []
        defer { for view in views { pool.give(view) } }
        tracker.update(frame, time: 0, into: &views)
        let sizes = views.map { $0.track.size }
        guard let largest = sizes.max() else { throw LookError.noFace(path) }
        let clear = zip(views, sizes).filter { $1 > 0.5 * largest }
        guard clear.count == 1 else { throw LookError.severalFaces(path, clear.count) }
        let view = clear[0].0
        takeOffSideLight(view)
        let grade = balance(view)
        network.encode(crop: view.crop, classes: view.parsing, uv: view.uvFeatures)
        let paint = paint(of: view), known = texture.known
        return network.makeLook(
            complexion: view.complexion?.through(grade.undone), paint: (paint.skin.kept(where: known), paint.lips),
            lidsShown: eyes.meanOverLid(of: known), uv: view.uv)
    }

    /// What is believed to be paint, also where nothing is seen.
    private func paint(of view: FaceView) -> (skin: PaintTexture, lips: SIMD4<Float>) {
        texture.unwrap(crop: view.crop, classes: view.parsing, uv: view.uv, landmarks: view.landmarks)
        eyes.unwrap(crop: view.crop, classes: view.parsing, uv: view.uv, landmarks: view.landmarks)
        estimator.run(texture)
        let face = BothSides.paint(estimator.skinPaint, seen: texture.seen, mirrored: FaceTexture.mirrored)
        let found = eyeEstimator.paint(eyes, believed: PaintTexture(values: face), mean: estimator.mean)
        let closely = BothSides.paint(found, seen: eyes.skin, mirrored: EyeTexture.mirrored)
        return (PaintTexture(values: face + closely), estimator.lipPaint(texture))
    }

    private func takeOffSideLight(_ view: FaceView) {
        guard let frame = view.meshFrame,
            let light = SideLight(average: view.average, classes: view.parsing, frame: frame, fit: &fit)
        else { return }
        light.takeOff(&view.crop)
        ssat_average_blocks(view.crop, &view.average)
    }

    /// A photo from the dark, in coloured light or in faded colours, as if exposed, balanced and developed for it: makeup is told from pictures like those that
    /// the networks learned from.
    /// - Returns: what it was like.
    private func balance(_ view: FaceView) -> Grade {
        let colours = FaceColours.measure(crop: view.crop, average: view.average, classes: view.parsing), chroma = colours.chroma
        let light = pointwiseMax(lightEstimator.light(ofReference: colours.brightness), SIMD3(repeating: Self.leastLight))
        // Black and white has no colours to bring out.
        let grade = Grade(light: light, colour: 1 - (1 - max(chroma.share(against: .usual), Self.leastColour)) * chroma.colourShare)
        if grade == .usual { return grade }
        view.crop.withUnsafeMutableBufferPointer { crop in
            for i in stride(from: 0, to: crop.count, by: 3) {
                let usual = grade.undone(SIMD3(Float(crop[i]), Float(crop[i + 1]), Float(crop[i + 2])))
                for c in 0..<3 { crop[i + c] = UInt8(min(max(usual[c].rounded(), 0), 255)) }
            }
        }
        return grade
    }

    /// What there is less of is noise.
    private static let leastLight: Float = 0.08, leastColour: Float = 0.25
}
