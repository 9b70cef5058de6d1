import CKernels

/// The skin around both eyes unwrapped finely: a texel is about a pixel of the crop, where those of `FaceTexture` are two by four. Two windows of 48x64 texels, of
/// the right eye and of the left, which is mirrored (`ssat_eye_left` and its like).
///
/// Threads: one instance per thread.
package final class EyeTexture {
    package static let width = Int(SSAT_EYE_WIDTH), height = Int(SSAT_EYE_HEIGHT), texelsOfEye = width * height, count = 2 * texelsOfEye
    private let texels: [[MeshTexel]]
    /// R'G'B' of every texel in 0...1; nothing off the mesh.
    package private(set) var colours = [SIMD3<Float>](repeating: .zero, count: count)
    /// Which share of the pixels there is skin (or brow); 0 where it is turned away.
    package private(set) var skin = [Float](repeating: 0, count: count)
    /// Texels of an eye that lie on its upper lid.
    private let lidTexels: [Int]
    /// Around the lid of the right eye, along its edge and its fold.
    private static let lidBorder = [33, 246, 161, 160, 159, 158, 157, 173, 133, 243, 190, 56, 28, 27, 29, 30, 247, 130]

    package init(mesh: CanonicalMesh) {
        texels = [false, true].map { mirrored in
            MeshTexel.all(
                of: mesh, width: Self.width, height: Self.height, place: { Self.place(of: $0 + (mirrored ? Self.texelsOfEye : 0)) },
                texel: { Self.texel(of: SIMD2(mirrored ? 1 - $0.x : $0.x, $0.y)) })
        }
        let border = Self.lidBorder.map { mesh.uv[$0] }
        lidTexels = texels[0].map(\.index).filter { FaceZones.surrounds(border, Self.place(of: $0)) }
    }

    /// Mean of a map of the whole face (`FaceTexture.known`) over the upper lid of the eye where it is more.
    func meanOverLid(of map: [Float]) -> Float {
        [0, Self.texelsOfEye].map { first in
            lidTexels.reduce(0) { $0 + FaceTexture.value(of: map, at: Self.place(of: first + $1)) } / Float(lidTexels.count)
        }.max()!
    }

    /// As `FaceTexture.unwrap`.
    package func unwrap(crop: [UInt8], classes: [UInt8], uv: [SIMD2<Float>], landmarks: [SIMD2<Float>]) {
        for i in colours.indices { (colours[i], skin[i]) = (.zero, 0) }
        for (eye, texels) in texels.enumerated() {
            for texel in texels {
                let index = eye * Self.texelsOfEye + texel.index
                let seen = texel.seen(at: Self.place(of: index), classes: classes, uv: uv, landmarks: landmarks) { pixel in
                    SIMD3(Float(crop[pixel * 3]), Float(crop[pixel * 3 + 1]), Float(crop[pixel * 3 + 2])) / 255
                }
                guard let seen else { continue }
                (colours[index], skin[index]) = (seen.colour, seen.skin)
            }
        }
    }

    /// UV coordinates of a texel's middle.
    package static func place(of texel: Int) -> SIMD2<Float> {
        let inEye = texel % texelsOfEye, across = (Float(inEye % width) + 0.5) / Float(width), down = (Float(inEye / width) + 0.5) / Float(height)
        let u = ssat_eye_left + across * (ssat_eye_right - ssat_eye_left)
        return SIMD2(texel < texelsOfEye ? u : 1 - u, ssat_eye_top + down * (ssat_eye_bottom - ssat_eye_top))
    }

    /// The same place of the other eye.
    package static func mirrored(_ texel: Int) -> Int { (texel + texelsOfEye) % count }

    /// Of UV coordinates around the right eye: column and row, texels' middles at whole numbers.
    private static func texel(of place: SIMD2<Float>) -> SIMD2<Float> {
        let across = (place.x - ssat_eye_left) / (ssat_eye_right - ssat_eye_left), down = (place.y - ssat_eye_top) / (ssat_eye_bottom - ssat_eye_top)
        return SIMD2(across * Float(width), down * Float(height)) - 0.5
    }
}
