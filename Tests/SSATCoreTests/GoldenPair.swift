import SSATCore

/// The two made-up faces of the SSAT golden, and invented paint to put on them.
struct GoldenPair {
    let crops, classes: [[UInt8]]
    let features: [[Float]]
    let uv: [[SIMD2<Float>]]
    let paint: (skin: PaintTexture, lips: SIMD4<Float>)

    init(_ golden: Safetensors) throws {
        let sides = ["a", "b"]
        crops = try sides.map { try golden.uint8s(named: "crop_\($0)", shape: [256, 256, 3]) }
        classes = try sides.map { try golden.uint8s(named: "parsing_\($0)", shape: [256, 256]) }
        features = try sides.map { try golden.floats(named: "uv_features_\($0)", shape: [64, 64, 13]) }
        uv = try sides.map { side in
            let values = try golden.floats(named: "uv_\(side)", shape: [64, 64, 2])
            return (0..<64 * 64).map { SIMD2(values[$0 * 2], values[$0 * 2 + 1]) }
        }
        let lips = try golden.floats(named: "lip_paint", shape: [4])
        paint = (PaintTexture(values: try golden.floats(named: "skin_paint", shape: [64, 64, 4])), SIMD4(lips[0], lips[1], lips[2], lips[3]))
    }

    /// The second face's, with the invented paint.
    func look(by network: SSAT) -> Look {
        encode(1, by: network)
        return network.makeLook(paint: paint, uv: uv[1])
    }

    func encode(_ side: Int, by network: SSAT) { network.encode(crop: crops[side], classes: classes[side], uv: features[side]) }
}
