import CKernels
import TestSupport
import Testing

/// Changes of a crop against what the header says of them, in double precision.
@Suite struct AdditionTests {
    /// Smooth, of all colours, nothing near the crop's edge.
    private static func change(_ x: Int, _ y: Int) -> SIMD3<Double> {
        let r = (Double((x - 128) * (x - 128) + (y - 128) * (y - 128))).squareRoot() / 110, size = max(0, 1 - r * r) * 0.2
        return SIMD3(wave(Double(x) / 40), wave(Double(y) / 30 + 0.4), wave(Double(x + y) / 50 + 0.2)) * size
    }

    private static func wave(_ x: Double) -> Double { 2 * abs(x.remainder(dividingBy: 2)) - 1 }

    /// 256x256 changes of one plane of a frame, in its levels: half a level of 8 bits off every colour first.
    private static func plane(_ p: Int, of f: ssat_frame) -> [Double] {
        let unit = Double(1 << (f.depth - 8)), top = Double((1 << f.depth) - 1), full = f.full_range != 0
        let luma = full ? top : 219 * unit, chroma = full ? top : 224 * unit, kr = Double(f.kr), kb = Double(f.kb)
        return (0..<256 * 256).map { i in
            var c = change(i % 256, i / 256)
            for k in 0..<3 { c[k] = c[k] < 0 ? min(c[k] + 0.5 / 255, 0) : max(c[k] - 0.5 / 255, 0) }
            if f.rgb != 0 { return [c.y, c.z, c.x][p] * luma }
            let l = kr * c.x + (1 - kr - kb) * c.y + kb * c.z
            return [l * luma, (c.z - l) * chroma / (2 * (1 - kb)), (c.x - l) * chroma / (2 * (1 - kr))][p]
        }
    }

    private static func bilinear(_ plane: [Double], _ x: Double, _ y: Double) -> Double {
        guard x > -1, y > -1, x < 256, y < 256 else { return 0 }
        let x0 = Int(x.rounded(.down)), y0 = Int(y.rounded(.down)), fx = x - Double(x0), fy = y - Double(y0)
        func at(_ x: Int, _ y: Int) -> Double { (0..<256).contains(x) && (0..<256).contains(y) ? plane[y * 256 + x] : 0 }
        return (at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx) * (1 - fy) + (at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx) * fy
    }

    /// The mean over n x n places of sample (column, row) of plane p.
    private static func mean(_ plane: [Double], _ p: Int, _ f: ssat_frame, _ t: ssat_similarity, _ column: Int, _ row: Int) -> Double {
        let stepX = Double(1 << (p > 0 ? f.shift_x : 0)), stepY = Double(1 << (p > 0 ? f.shift_y : 0))
        let offset = p > 0 ? SIMD2(Double(f.centred_x), Double(f.centred_y)) / 2 : .zero
        let d = Double(t.a * t.a + t.b * t.b), a = Double(t.a) / d, b = Double(-t.b) / d
        let n = min(max(Int((stepX / d.squareRoot() - 0.3).rounded(.up)), 1), 8)
        var sum = 0.0
        for k in 0..<n * n {
            let spread = SIMD2(Double(k % n), Double(k / n)) + 0.5 - Double(n) / 2
            let x = Double(column) * stepX + offset.x + spread.x * stepX / Double(n) - Double(t.tx)
            let y = Double(row) * stepY + offset.y + spread.y * stepY / Double(n) - Double(t.ty)
            sum += bilinear(plane, a * x - b * y, b * x + a * y)
        }
        return sum / Double(n * n)
    }

    /// Of magnified, plain and minified crops, turned a little; a level is rounded to the nearest.
    @Test(arguments: [0.08, 0.3, 0.9] as [Float]) func everySampleTakesTheChangeThatLiesOverIt(scale: Float) {
        for frame in PictureTests.frames {
            var raw = frame.raw, t = ssat_similarity(a: scale, b: 0.1 * scale, tx: 40 - 128 * scale, ty: 25 - 128 * scale)
            let before = frame.bytes
            let map = Guarded<Float>(256 * 256 * 3) { Float(Self.change($0 / 3 % 256, $0 / 768)[$0 % 3]) }
            let planes = Guarded<Float>(256 * 256 * 3) { _ in .nan }
            ssat_add_change(&raw, &t, 256, map.base, planes.base, 0)
            #expect(frame.intact && map.intact && planes.intact)
            for p in 0..<3 {
                let plane = Self.plane(p, of: raw)
                var worst = 0.0, moved = 0
                for row in 0..<frame.rows(p) {
                    for column in 0..<frame.columns(p) {
                        let old = frame.sample(p, column, row, of: before), new = frame.sample(p, column, row, of: frame.bytes)
                        let wanted = old + Self.mean(plane, p, raw, t, column, row), range = frame.range(p)
                        worst = max(worst, abs(new - min(max(wanted, min(old, range.low)), max(old, range.high))))
                        if new != old { moved += 1 }
                    }
                }
                #expect(worst < 0.505 && moved > 50, "plane \(p), \(frame.depth) bits, \(frame.width) x \(frame.height)")
            }
        }
    }

    /// Threads share the rows: whoever does a row, its bits are the same, also where it is rounded towards what was shown.
    @Test func sharesGiveTheSameBits() {
        var random = Seeded(state: 3)
        let back = (0..<64 * 64 * 2).map { _ in Float.random(in: -0.6...0.6, using: &random) }
        for (index, shown) in PictureTests.frames(seed: 6).enumerated() {
            var results: [[[UInt8]]] = []
            for parts in [1, 2, 5] as [Int32] {
                let frame = PictureTests.frames[index]
                var raw = frame.raw, t = ssat_similarity(a: 0.3, b: 0.04, tx: 4, ty: -8), bounds = [Int32](repeating: 0, count: 4)
                let map = Guarded<Float>(256 * 256 * 3) { Float(Self.change($0 / 3 % 256, $0 / 768)[$0 % 3]) }
                let planes = Guarded<Float>(256 * 256 * 3) { _ in 0 }
                let any = ssat_split_change(&raw, 256, map.base, planes.base, &bounds)
                #expect(any == 1)
                back.withUnsafeBufferPointer { back in
                    var face = ssat_shown(picture: shown.raw, crop_to_picture: t, back: back.baseAddress!)
                    for part in 0..<parts { ssat_add_planes(&raw, &t, 256, planes.base, bounds, part, parts, 0, &face) }
                }
                #expect(frame.intact && shown.intact)
                results.append(frame.bytes)
            }
            #expect(results[1] == results[0] && results[2] == results[0], "layout \(index)")
        }
    }
}

extension TestFrame {
    func columns(_ p: Int) -> Int { p > 0 ? (width + (1 << shiftX) - 1) >> shiftX : width }
    func rows(_ p: Int) -> Int { p > 0 ? (height + (1 << shiftY) - 1) >> shiftY : height }

    /// A sample of plane p in a copy of the frame's bytes.
    func sample(_ p: Int, _ column: Int, _ row: Int, of bytes: [[UInt8]]) -> Double {
        let interleaved = bytes.count == 2 && p > 0, step = interleaved ? 2 : 1
        let plane = bytes[interleaved ? 1 : p], i = (row * columns(p) + column) * step + (interleaved ? p - 1 : 0)
        return depth > 8 ? Double(Int(plane[2 * i]) | Int(plane[2 * i + 1]) << 8) : Double(plane[i])
    }

    /// What the format allows.
    func range(_ p: Int) -> (low: Double, high: Double) {
        let unit = Double(1 << (depth - 8))
        return raw.full_range != 0 ? (0, Double((1 << depth) - 1)) : (16 * unit, (p > 0 ? 240 : 235) * unit)
    }
}
