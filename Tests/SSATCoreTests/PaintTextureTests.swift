import CKernels
import SSATCore
import Testing

/// What a look paints is found by the place on the mesh, wherever that lies in a crop.
@Suite struct PaintTextureTests {
    /// Opacity rises with u, red with v.
    private let texture = PaintTexture(
        values: (0..<64 * 64).flatMap { (texel: Int) -> [Float] in
            let place = FaceTexture.place(of: texel)
            return [place.x, place.y, 0.25, 0]
        })

    private func laid(_ uv: [SIMD2<Float>], eyes: [Float] = []) -> (Int, Int) -> SIMD4<Float> {
        var paint = [Float](repeating: -1, count: 128 * 128 * 4)
        PaintTexture.lay(texture.values + eyes, on: uv, &paint)
        let laid = paint
        return { x, y in
            let i = (y * 128 + x) * 4
            return SIMD4(laid[i], laid[i + 1], laid[i + 2], laid[i + 3])
        }
    }

    @Test func betweenTexelsAndBeyondTheLast() {
        #expect(abs(texture.paint(at: SIMD2(0.3, 0.7)).x - 0.3) < 1e-6)
        for v: Float in [0.16, 0.22, 0.3, 0.4, 0.6, 0.83] { #expect(abs(texture.paint(at: SIMD2(0.3, v)).y - v) < 1e-6, "\(v)") }
        let last = FaceTexture.place(of: 64 * 64 - 1)
        #expect(texture.paint(at: SIMD2(0, 1)) == SIMD4(0.5 / 64, last.y, 0.25, 0))
    }

    /// Rows lie closest where the eyes are, and leave out what is not on the mesh.
    @Test func rowsAreSpentOnTheEyes() {
        func height(_ row: Int) -> Float { FaceTexture.place(of: (row + 1) * 64).y - FaceTexture.place(of: row * 64).y }
        #expect(abs(height(20) * 2 - height(50)) < 1e-6 && abs(height(3) - height(50)) < 1e-6)
        for row in 0..<64 { #expect(abs(ssat_texture_row(FaceTexture.place(of: row * 64).y) * 64 - Float(row) - 0.5) < 1e-4) }
        #expect(FaceTexture.place(of: 0).y > 0.15 && FaceTexture.place(of: 63 * 64).y < 0.85)
    }

    /// Around the eyes stands what is known there more finely, in place of the rest, into which it fades; the left eye's is in the mirror.
    @Test func theEyesHavePaintOfTheirOwn() {
        let eyes = (0..<EyeTexture.count).flatMap { (texel: Int) -> [Float] in
            let place = EyeTexture.place(of: texel)
            return [place.x, place.y, 0.75, texel < EyeTexture.texelsOfEye ? 0.1 : 0.9]
        }
        // The mesh's map shows the plane from 0.2 to 0.8 across and from 0.22 to 0.52 down.
        let uv = (0..<64 * 64).map { (cell: Int) -> SIMD2<Float> in
            let across = Float(cell % 64) / 63, down = Float(cell / 64) / 63
            return SIMD2(0.2 + 0.6 * across, 0.22 + 0.3 * down)
        }
        let at = laid(uv, eyes: eyes), without = laid(uv)
        for y in stride(from: 3, to: 125, by: 2) {
            for x in stride(from: 3, to: 125, by: 2) {
                let here = at(x, y), place = SIMD2(here.x, here.y), right = min(place.x, 1 - place.x)
                #expect(abs(place.x - without(x, y).x) < 1e-4 && abs(place.y - without(x, y).y) < 1e-4)
                if right > 0.235, right < 0.475, place.y > 0.285, place.y < 0.415 {
                    #expect(abs(here.z - 0.75) < 1e-5 && abs(here.w - (place.x < 0.5 ? 0.1 : 0.9)) < 1e-5, "\(place)")
                } else if right < 0.21 || right > 0.5 || place.y < 0.265 || place.y > 0.435 {
                    #expect(here == without(x, y), "\(place)")
                } else {
                    #expect(here.z >= 0.25 && here.z <= 0.75, "\(place)")
                }
            }
        }
    }

    /// Cell j of the mesh's map is pixel 4 j + 1 of a crop of 256, block i of the paint lies between its pixels 2 i and 2 i + 1.
    @Test func aBlockLiesWhereItsPixelsDo() {
        let at = laid(
            (0..<64 * 64).map { (cell: Int) -> SIMD2<Float> in
                let x = Float(cell % 64 * 4 + 1), y = Float(cell / 64 * 4 + 1)
                return SIMD2(x, y) / 256
            })
        for (x, y) in [(1, 30), (40, 77), (64, 64), (125, 100)] {
            let middle = SIMD2(Float(2 * x) + 0.5, Float(2 * y) + 0.5) / 256
            #expect(abs(at(x, y).x - middle.x) < 1e-5 && abs(at(x, y).y - middle.y) < 1e-5, "\(x) \(y)")
        }
    }

    /// Off the mesh nothing is painted; beside it, what is on it.
    @Test func theMeshEnds() {
        let at = laid((0..<64 * 64).map { $0 % 64 < 32 ? SIMD2(0.6, 0.4) : SIMD2(-1, -1) })
        #expect(abs(at(60, 50).x - 0.6) < 1e-5)
        #expect(abs(at(63, 50).x - 0.6) < 1e-5)
        #expect(at(65, 50) == .zero && at(127, 127) == .zero)
    }

    /// A nose before a cheek: places that lie far apart on the mesh are not mixed into one between them.
    @Test func anEdgeIsNoPlaceBetween() {
        let at = laid((0..<64 * 64).map { $0 % 64 < 32 ? SIMD2(0.2, 0.5) : SIMD2(0.8, 0.5) })
        for x in 60..<68 { #expect(min(abs(at(x, 50).x - 0.2), abs(at(x, 50).x - 0.8)) < 1e-5, "\(x)") }
    }

    /// Paint is known where it is seen, beside that, and on the other side of the face, too; behind glasses on neither.
    @Test func whatIsHiddenIsNotKnown() throws {
        let mesh = try CanonicalMesh(Models.canonicalMesh()), texture = FaceTexture(mesh: mesh)
        /// At a lid of the right eye and at a cheek, where a part of the face is covered.
        func known(_ covered: (SIMD2<Float>) -> Bool) -> (lid: Float, cheek: Float) {
            var classes = [UInt8](repeating: FaceClass.skin.rawValue, count: 256 * 256), uv = [SIMD2<Float>](repeating: SIMD2(-1, -1), count: 64 * 64)
            for i in 0..<256 * 256 {
                let p = SIMD2(Float(i % 256) - 38, Float(i / 256) - 38) / 180
                if covered(p) { classes[i] = FaceClass.cover.rawValue }
                if i % 4 == 1, i / 256 % 4 == 1, p.x >= 0, p.x < 1, p.y >= 0, p.y < 1 { uv[i / 1024 * 64 + i % 256 / 4] = p }
            }
            texture.unwrap(
                crop: [UInt8](repeating: 128, count: 256 * 256 * 3), classes: classes, uv: uv, landmarks: (mesh.uv + []).map { $0 * 180 + 38 })
            let known = texture.known, at = { (place: SIMD2<Float>) in
                known[Int(ssat_texture_row(place.y) * 64) * 64 + Int(place.x * 64)]
            }
            return (at(SIMD2(0.35, 0.345)), at(SIMD2(0.3, 0.55)))
        }
        #expect(known { _ in false } == (1, 1))
        #expect(known { $0.y > 0.28 && $0.y < 0.42 } == (0, 1))
        #expect(known { $0.x < 0.5 && $0.y > 0.28 && $0.y < 0.42 } == (1, 1))
        #expect(known { $0.y > 0.45 } == (1, 0))
    }

    /// The whole of an unwrapped face is the same however the face lies in its crop.
    @Test func aTurnedFaceUnwrapsAlike() throws {
        let mesh = try CanonicalMesh(Models.canonicalMesh()), texture = FaceTexture(mesh: mesh)
        func unwrapped(_ place: (SIMD2<Float>) -> SIMD2<Float>, _ back: (SIMD2<Float>) -> SIMD2<Float>) -> (colours: [SIMD3<Float>], shows: [Bool]) {
            // Smooth colours over the mesh's plane.
            var crop = [UInt8](repeating: 0, count: 256 * 256 * 3), uv = [SIMD2<Float>](repeating: SIMD2(-1, -1), count: 64 * 64)
            for i in 0..<256 * 256 {
                let p = back(SIMD2(Float(i % 256), Float(i / 256)))
                for c in 0..<3 { crop[i * 3 + c] = UInt8(max(0, min(255, 255 * (c == 0 ? p.x : c == 1 ? p.y : 0.5)))) }
                if i % 4 == 1, i / 256 % 4 == 1, p.x >= 0, p.x < 1, p.y >= 0, p.y < 1 { uv[i / 1024 * 64 + i % 256 / 4] = p }
            }
            let skin = [UInt8](repeating: FaceClass.skin.rawValue, count: 256 * 256)
            texture.unwrap(crop: crop, classes: skin, uv: uv, landmarks: (mesh.uv + []).map(place))
            return (texture.colours, texture.showsSkin)
        }
        let upright = unwrapped({ $0 * 180 + 38 }, { ($0 - 38) / 180 })
        let turned = unwrapped(
            { SIMD2(128 + 150 * ($0.x - 0.5) - 50 * ($0.y - 0.5), 128 + 50 * ($0.x - 0.5) + 150 * ($0.y - 0.5)) },
            { let d = $0 - 128; return SIMD2(0.5 + (150 * d.x + 50 * d.y) / 25000, 0.5 + (150 * d.y - 50 * d.x) / 25000) })
        let both = zip(upright.shows, turned.shows).map { $0 && $1 }
        #expect(both.filter { $0 }.count > 1500)
        for i in both.indices where both[i] {
            #expect(abs(upright.colours[i] - turned.colours[i]).max() < 0.02)
        }
    }
}

private func abs(_ v: SIMD3<Float>) -> SIMD3<Float> { pointwiseMax(v, -v) }
