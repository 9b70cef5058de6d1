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

    /// Cuts a `size` x `size` crop as interleaved R'G'B' bytes, or some of its rows; edges repeat outside the frame. A team shares the rows.
    func sample(_ cropToFrame: Similarity, size: Int, rows: Range<Int>? = nil, into rgb: UnsafeMutablePointer<UInt8>, team: WorkerTeam? = nil) {
        let job = Cut(frame: raw, similarity: cropToFrame.raw, size: size, rows: rows ?? 0..<size, rgb: rgb, members: team?.count ?? 1)
        guard let team else { return job.cut(0) }
        withUnsafePointer(to: job) { job in team.run(job) { context, member in context.assumingMemoryBound(to: Cut.self).pointee.cut(member) } }
    }

    private struct Cut {
        let frame: ssat_frame, similarity: ssat_similarity, size: Int, rows: Range<Int>, rgb: UnsafeMutablePointer<UInt8>, members: Int

        func cut(_ member: Int) {
            let first = rows.lowerBound + rows.count * member / members, end = rows.lowerBound + rows.count * (member + 1) / members
            withUnsafePointer(to: frame) { f in
                withUnsafePointer(to: similarity) { ssat_sample_crop(f, $0, Int32(size), Int32(first), Int32(end), rgb) }
            }
        }
    }

    /// Adds a 256x256 change in place. Columns left of `firstColumn` stay as they are. A team shares the rows.
    /// - Parameter shown: what was shown of this face in the previous frame, to round towards.
    func add(
        _ change: UnsafePointer<Float>, _ cropToFrame: Similarity, planes: UnsafeMutablePointer<Float>, firstColumn: Int, shown: UnsafePointer<ssat_shown>? = nil,
        team: WorkerTeam? = nil
    ) {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 4) { bounds in
            let job = Addition(
                frame: raw, similarity: cropToFrame.raw, planes: planes, bounds: bounds.baseAddress!, firstColumn: firstColumn,
                shown: shown, members: team?.count ?? 1)
            let changes = withUnsafePointer(to: raw) { ssat_split_change($0, 256, change, planes, bounds.baseAddress!) }
            guard changes != 0 else { return }
            guard let team else { return job.add(0) }
            withUnsafePointer(to: job) { job in
                team.run(job) { context, member in context.assumingMemoryBound(to: Addition.self).pointee.add(member) }
            }
        }
    }

    private struct Addition {
        let frame: ssat_frame, similarity: ssat_similarity
        let planes: UnsafeMutablePointer<Float>, bounds: UnsafeMutablePointer<Int32>
        let firstColumn: Int, shown: UnsafePointer<ssat_shown>?, members: Int

        func add(_ member: Int) {
            withUnsafePointer(to: frame) { f in
                withUnsafePointer(to: similarity) {
                    ssat_add_planes(f, $0, 256, planes, bounds, Int32(member), Int32(members), Int32(firstColumn), shown)
                }
            }
        }
    }

    /// Makes the whole picture unrecognizable.
    func blur() {
        var frame = raw
        ssat_blur_frame(&frame, 16)
    }

    /// Makes a part unrecognizable, grown to whole chroma samples. Corners in frame pixels; what lies outside the frame is left out.
    func blur(from low: SIMD2<Float>, to high: SIMD2<Float>) {
        func inside(_ value: Float, _ size: Int32) -> Int32 { Int32(max(0, min(value, Float(size)))) }
        let x0 = inside(low.x, raw.width) & ~((1 << raw.shift_x) - 1), y0 = inside(low.y, raw.height) & ~((1 << raw.shift_y) - 1)
        var part = raw
        (part.width, part.height) = (inside(high.x.rounded(.up), raw.width) - x0, inside(high.y.rounded(.up), raw.height) - y0)
        guard part.width > 0, part.height > 0 else { return }
        let bytes = raw.depth > 8 ? 2 : 1, x = Int(x0), y = Int(y0)
        let chroma = (x >> Int(raw.shift_x)) * Int(raw.chroma_step) * bytes, row = y >> Int(raw.shift_y)
        part.plane.0 = raw.plane.0! + y * Int(raw.stride.0) + x * bytes
        part.plane.1 = raw.plane.1! + row * Int(raw.stride.1) + chroma
        part.plane.2 = raw.plane.2! + row * Int(raw.stride.2) + chroma
        ssat_blur_frame(&part, 5)
    }

    /// Every row of every plane: where it begins and how many bytes it has. Interleaved chroma is one plane.
    func forEachRow(_ body: (UnsafeMutablePointer<UInt8>, Int) -> Void) {
        let bytes = raw.depth > 8 ? 2 : 1, interleaved = raw.chroma_step == 2
        let columns = (width + (1 << Int(raw.shift_x)) - 1) >> Int(raw.shift_x), rows = (height + (1 << Int(raw.shift_y)) - 1) >> Int(raw.shift_y)
        for y in 0..<height { body(raw.plane.0! + y * Int(raw.stride.0), width * bytes) }
        for y in 0..<rows { body(raw.plane.1! + y * Int(raw.stride.1), columns * bytes * (interleaved ? 2 : 1)) }
        guard !interleaved else { return }
        for y in 0..<rows { body(raw.plane.2! + y * Int(raw.stride.2), columns * bytes) }
    }

    /// Replaces the whole picture by dark grey.
    func blank() {
        var frame = raw
        ssat_blank_frame(&frame)
    }
}

extension Similarity {
    var raw: ssat_similarity { ssat_similarity(a: a, b: b, tx: tx, ty: ty) }
}
