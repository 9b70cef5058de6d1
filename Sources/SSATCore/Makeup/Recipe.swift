import CKernels

/// How strong the makeup is, by region. Every strength in 0...1.
public struct Recipe: Sendable, Equatable {
    public var strength: Float = 1
    public var lips: Float = 1
    public var eyes: Float = 1
    public var skin: Float = 1
    public var brows: Float = 1
    /// How much of the reference's skin tone comes along.
    public var tone: Float = 0

    public init() {}

    /// 256x256 weights of the change: region strength inside the makeup-able classes, softened inward, 0 outside and where the mesh is far:
    /// hair or a neck that the parsing takes for the skin of the face stays as it is, and fingers that it takes for lips.
    package func weigh(_ view: FaceView, _ zones: FaceZones, into weight: inout [Float], scratch: inout [Float]) {
        var table = SIMD16<Float>(repeating: 0)
        for value in 0..<FaceClass.makeupTable.count where FaceClass.makeupTable[value] {
            table[value] = (value == FaceClass.brow.rawValue ? brows : skin) * strength
        }
        let skinWeight = skin * strength, eyeWeight = eyes * strength
        // Softening is not to take makeup off the edge of a lid, where it is strongest.
        table[Int(FaceClass.eye.rawValue)] = eyeWeight
        Self.lookUp(view.parsing, table, into: &weight)
        if eyeWeight != skinWeight {
            for i in 0..<256 * 256 where view.parsing[i] == FaceClass.skin.rawValue {
                let uv = view.uv[i / 1024 * 64 + i % 256 / 4]
                if uv.x >= 0 { weight[i] = skinWeight + (eyeWeight - skinWeight) * zones.eye(uv) }
            }
        }
        weighLips(&weight, view, zones, &scratch)
        soften(&weight, &scratch, passes: 1)
        keepToMakeup(&weight, view.parsing)
        fadeAwayFromMesh(&weight, view.uv, &scratch)
        // The crop's own border fades out, so that no edge shows when a face leaves it.
        for k in 0..<6 {
            let f = Float(k) / 6
            for i in 0..<256 {
                weight[k * 256 + i] *= f
                weight[(255 - k) * 256 + i] *= f
                weight[i * 256 + k] *= f
                weight[i * 256 + 255 - k] *= f
            }
        }
    }

    /// Of every pixel the value of its class.
    private static func lookUp(_ parsing: [UInt8], _ table: SIMD16<Float>, into weight: inout [Float]) {
        withUnsafeBytes(of: table) { table in
            let values = table.bindMemory(to: Float.self)
            parsing.withUnsafeBufferPointer { parsing in
                weight.withUnsafeMutableBufferPointer { weight in
                    for i in 0..<256 * 256 { weight[i] = values[Int(parsing[i])] }
                }
            }
        }
    }

    /// Nothing where no makeup goes; half on the rows of an eye that border on its lids, where the lashes stand and liner is drawn: the parsing
    /// is a pixel off as often as not.
    private func keepToMakeup(_ weight: inout [Float], _ parsing: [UInt8]) {
        let eye = FaceClass.eye.rawValue, lid = FaceClass.skin.rawValue, takes = FaceClass.makeupTable
        parsing.withUnsafeBufferPointer { parsing in
            weight.withUnsafeMutableBufferPointer { weight in
                for i in 0..<256 * 256 where weight[i] != 0 && !takes[Int(parsing[i])] {
                    let isRim = parsing[i] == eye && (parsing[max(i - 256, 0)] == lid || parsing[min(i + 256, 256 * 256 - 1)] == lid)
                    weight[i] *= isRim ? 0.5 : 0
                }
            }
        }
    }

    /// Full on the mesh, a third in the cell beside it, nothing from two cells on. `uv`: 64x64, negative outside the mesh.
    private func fadeAwayFromMesh(_ weight: inout [Float], _ uv: [SIMD2<Float>], _ scratch: inout [Float]) {
        withNearness(&scratch, passes: 1) { uv[$0].x >= 0 } body: { near in
            weight.withUnsafeMutableBufferPointer { weight in
                for cell in 0..<64 * 64 {
                    let share = min(near(cell) * 4 / 3, 1), first = cell / 64 * 1024 + cell % 64 * 4
                    for row in 0..<4 { for i in first + row * 256..<first + row * 256 + 4 { weight[i] *= share } }
                }
            }
        }
    }

    /// The lips, and the pixels beside them, which take the lips' makeup too (`ChangeAssembler.markLips`). It stays within two cells of the lips of
    /// the mesh.
    private func weighLips(_ weight: inout [Float], _ view: FaceView, _ zones: FaceZones, _ scratch: inout [Float]) {
        withNearness(&scratch, passes: 2) { zones.isLip(view.uv[$0]) } body: { near in
            view.parsing.withUnsafeBufferPointer { parsing in
                FaceClass.forEachPixel(nearLipsOf: parsing.baseAddress!) { i in
                    if FaceClass.makeupTable[Int(parsing[i])] { weight[i] = min(near(i / 1024 * 64 + i % 256 / 4) * 8, 1) * lips * strength }
                }
            }
        }
    }

    /// Calls `body` with how near every cell is to those of a kind, 0...1: the cells, softened a few times.
    private func withNearness(
        _ scratch: inout [Float], passes: Int, _ isOfKind: (Int) -> Bool, body: (_ near: (Int) -> Float) -> Void
    ) {
        scratch.withUnsafeMutableBufferPointer { space in
            let cells = space.baseAddress!, inner = cells + 64 * 64
            for cell in 0..<64 * 64 { cells[cell] = isOfKind(cell) ? 1 : 0 }
            for _ in 0..<passes { ssat_soften(cells, 64, inner) }
            body { cells[$0] }
        }
    }
}
