import CKernels

/// A frame that the caller owns and keeps alive during a call: planar YCbCr 4:2:0, 4:2:2 or 4:4:4 (or interleaved chroma), or planar G, B, R,
/// 8 bit or up to 16 in little-endian words.
public struct FrameView {
    /// `rgb`: the planes are G, B, R, full range.
    public enum Matrix: Sendable { case bt601, bt709, bt2020, rgb }

    var raw: ssat_frame

    /// - Parameters:
    ///   - planes: luma, then Cb and Cr (or one interleaved plane).
    ///   - strides: bytes between rows.
    ///   - chromaCentred: whether chroma lies between luma samples (x, y).
    public init(
        width: Int, height: Int, planes: [UnsafeMutablePointer<UInt8>], strides: [Int], chromaShift: (x: Int, y: Int),
        bitDepth: Int, matrix: Matrix, fullRange: Bool, chromaCentred: (x: Bool, y: Bool) = (false, true)
    ) {
        raw = ssat_frame()
        let bytes = bitDepth > 8 ? 2 : 1
        let interleaved = planes.count == 2
        raw.plane = (planes[0], planes[1], interleaved ? planes[1] + bytes : planes[2])
        raw.stride = (strides[0], strides[1], interleaved ? strides[1] : strides[2])
        raw.chroma_step = interleaved ? 2 : 1
        raw.width = Int32(width)
        raw.height = Int32(height)
        raw.shift_x = Int32(chromaShift.x)
        raw.shift_y = Int32(chromaShift.y)
        raw.centred_x = chromaShift.x > 0 && chromaCentred.x ? 1 : 0
        raw.centred_y = chromaShift.y > 0 && chromaCentred.y ? 1 : 0
        raw.depth = Int32(bitDepth)
        raw.full_range = fullRange || matrix == .rgb ? 1 : 0
        raw.rgb = matrix == .rgb ? 1 : 0
        switch matrix {
        case .bt601, .rgb: (raw.kr, raw.kb) = (0.299, 0.114)
        case .bt709: (raw.kr, raw.kb) = (0.2126, 0.0722)
        case .bt2020: (raw.kr, raw.kb) = (0.2627, 0.0593)
        }
    }

    public var width: Int { Int(raw.width) }
    public var height: Int { Int(raw.height) }

    /// Cuts a `size` x `size` crop as interleaved R'G'B' bytes; edges repeat outside the frame.
    func sample(_ cropToFrame: Similarity, size: Int, into rgb: UnsafeMutablePointer<UInt8>) {
        var frame = raw
        var t = ssat_similarity(a: cropToFrame.a, b: cropToFrame.b, tx: cropToFrame.tx, ty: cropToFrame.ty)
        ssat_sample_crop(&frame, &t, Int32(size), rgb)
    }

    /// Adds a 256x256 change in place. Columns left of `firstColumn` stay as they are.
    func add(_ change: UnsafePointer<Float>, _ cropToFrame: Similarity, planes: UnsafeMutablePointer<Float>, firstColumn: Int) {
        var frame = raw
        var t = ssat_similarity(a: cropToFrame.a, b: cropToFrame.b, tx: cropToFrame.tx, ty: cropToFrame.ty)
        ssat_add_change(&frame, &t, 256, change, planes, Int32(firstColumn))
    }

    /// Makes the whole picture unrecognizable.
    func blur() {
        var frame = raw
        ssat_blur_frame(&frame, 16)
    }

    /// Replaces the whole picture by dark grey.
    func blank() {
        var frame = raw
        ssat_blank_frame(&frame)
    }
}
