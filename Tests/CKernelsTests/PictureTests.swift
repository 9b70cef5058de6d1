import CKernels
import TestSupport
import Testing

/// A frame with guards around its planes.
struct TestFrame {
    let planes: [Guarded<UInt8>]
    var raw = ssat_frame()
    let width, height, shiftX, shiftY, depth: Int

    init(width: Int, height: Int, shiftX: Int, shiftY: Int, depth: Int, interleaved: Bool = false, fullRange: Bool = false, rgb: Bool = false, seed: UInt64 = 5) {
        (self.width, self.height, self.shiftX, self.shiftY, self.depth) = (width, height, shiftX, shiftY, depth)
        var random = Seeded(state: seed)
        let bytes = depth > 8 ? 2 : 1
        let cw = (width + (1 << shiftX) - 1) >> shiftX, ch = (height + (1 << shiftY) - 1) >> shiftY
        func plane(_ samples: Int, _ rows: Int) -> Guarded<UInt8> {
            // Smooth, so that sampling has something to follow; high bytes stay within the depth.
            let phase = Double.random(in: 0...3, using: &random)
            return Guarded(samples * rows * bytes) { i in
                let s = i / bytes, x = Double(s % samples), y = Double(s / samples)
                let value = Int((128 + 60 * ((x / 23 + phase).remainder(dividingBy: 2)) + 20 * (y / 31 + phase).remainder(dividingBy: 2)) * Double(1 << (depth - 8)))
                return UInt8(truncatingIfNeeded: bytes == 2 && i % 2 == 1 ? value >> 8 : value)
            }
        }
        planes = interleaved ? [plane(width, height), plane(cw * 2, ch)] : [plane(width, height), plane(cw, ch), plane(cw, ch)]
        raw.plane = (planes[0].base, planes[1].base, interleaved ? planes[1].base + bytes : planes[2].base)
        raw.stride = (width * bytes, cw * bytes * (interleaved ? 2 : 1), cw * bytes * (interleaved ? 2 : 1))
        raw.chroma_step = interleaved ? 2 : 1
        (raw.width, raw.height, raw.shift_x, raw.shift_y, raw.depth) = (Int32(width), Int32(height), Int32(shiftX), Int32(shiftY), Int32(depth))
        raw.centred_y = shiftY > 0 ? 1 : 0
        raw.full_range = fullRange || rgb ? 1 : 0
        raw.rgb = rgb ? 1 : 0
        (raw.kr, raw.kb) = (0.299, 0.114)
    }

    var bytes: [[UInt8]] { planes.map(\.values) }
    var intact: Bool { planes.allSatisfy(\.intact) }
}

@Suite struct PictureTests {
    static var frames: [TestFrame] { frames(seed: 5) }

    static func frames(seed: UInt64) -> [TestFrame] { [
        TestFrame(width: 97, height: 61, shiftX: 1, shiftY: 1, depth: 8, seed: seed), TestFrame(width: 96, height: 60, shiftX: 1, shiftY: 0, depth: 8, seed: seed),
        TestFrame(width: 64, height: 64, shiftX: 0, shiftY: 0, depth: 8, fullRange: true, seed: seed),
        TestFrame(width: 98, height: 62, shiftX: 1, shiftY: 1, depth: 8, interleaved: true, seed: seed),
        TestFrame(width: 97, height: 61, shiftX: 1, shiftY: 1, depth: 10, seed: seed), TestFrame(width: 64, height: 64, shiftX: 0, shiftY: 0, depth: 10, fullRange: true, seed: seed),
        TestFrame(width: 70, height: 50, shiftX: 0, shiftY: 0, depth: 8, rgb: true, seed: seed),
    ] }

    private func add(_ frame: TestFrame, _ t: ssat_similarity, _ change: (Int, Int) -> Float, firstColumn: Int = 0) -> [[UInt8]] {
        var raw = frame.raw, t = t
        let map = Guarded<Float>(256 * 256 * 3) { change($0 / 3 % 256, $0 / 3 / 256) }
        let planes = Guarded<Float>(256 * 256 * 3) { _ in 0 }
        ssat_add_change(&raw, &t, 256, map.base, planes.base, Int32(firstColumn))
        #expect(frame.intact && map.intact && planes.intact)
        return frame.bytes
    }

    @Test func zeroChangesNothingAndChangesStayInside() {
        for frame in Self.frames {
            let before = frame.bytes
            let t = ssat_similarity(a: 0.2, b: 0.05, tx: 20, ty: 5)
            #expect(add(frame, t) { _, _ in 0 } == before)
            // A spot in the middle of the crop: the frame's far corner must keep its bits.
            let after = add(frame, t) { x, y in abs(x - 128) < 20 && abs(y - 128) < 20 ? 0.3 : 0 }
            #expect(after[0] != before[0])
            let row = frame.width * (frame.depth > 8 ? 2 : 1)
            #expect(Array(after[0].prefix(row)) == Array(before[0].prefix(row)), "the first row is far away")
            // Faces partly or wholly outside the frame.
            for far in [ssat_similarity(a: 3, b: 1, tx: -300, ty: -400), ssat_similarity(a: 0.5, b: 0, tx: 5000, ty: 5000), ssat_similarity(a: 0.01, b: 0, tx: -1, ty: -1)] {
                _ = add(frame, far) { _, _ in -0.5 }
            }
        }
    }

    /// By less than a level, along the motion, in planes of every layout; finer formats as without.
    @Test(arguments: [0, 2]) func changesAreRoundedTowardsWhatWasShown(shift: Int) {
        for (frame, before) in zip(Self.frames, Self.frames(seed: 6)) where frame.raw.rgb == 0 {
            let unit = 1 << (frame.depth - 8), gain = Float((frame.raw.full_range != 0 ? 255 : 219) * unit)
            var raw = frame.raw, t = ssat_similarity(a: 0.25, b: 0, tx: 0, ty: 0), bounds = [Int32](repeating: 0, count: 4)
            // The same change everywhere, as the luma takes it: 9.6 levels, or what is left of 0.3 and of nothing.
            for change in [9.6, 0.05, 0] as [Float] {
                let exact = change * Float(unit), own = frame.bytes
                let map = Guarded<Float>(256 * 256 * 3) { _ in change == 0 ? 0 : exact / gain + 0.5 / 255 }
                let planes = Guarded<Float>(256 * 256 * 3) { _ in 0 }
                let back = Guarded<Float>(64 * 64 * 2) { $0 % 2 == 0 ? Float(shift) : 0 }
                var shown = ssat_shown(picture: before.raw, crop_to_picture: t, back: back.base)
                let any = ssat_split_change(&raw, 256, map.base, planes.base, &bounds)
                #expect(any == (change == 0 ? 0 : 1))
                guard any != 0 else { continue }
                for part in 0..<3 { ssat_add_planes(&raw, &t, 256, planes.base, bounds, Int32(part), 3, 0, &shown) }
                #expect(frame.intact && before.intact && planes.intact && map.intact && back.intact)
                #expect(frame.bytes[1] == own[1], "a grey change leaves chroma alone")
                // A cell is 4 crop pixels, a quarter of which is a sample.
                for y in 8..<50 {
                    for x in 8..<50 {
                        let i = y * frame.width + x, old = Int(own[0][i]), got = Int(frame.bytes[0][i]) - old
                        guard frame.depth == 8 else { continue }
                        let wanted = Int(before.bytes[0][i + shift]) - old
                        let least = Int((exact - 0.9).rounded(.up)), most = Int((exact + 0.9).rounded(.down))
                        #expect(got == min(max(wanted, least), most))
                    }
                }
                for (plane, bytes) in zip(frame.planes, own) { for (i, value) in bytes.enumerated() { plane.base[i] = value } }
            }
        }
    }

    @Test func aCropIsCopiedAndNothingElse() {
        for (frame, other) in zip(Self.frames, Self.frames(seed: 6)) {
            let before = other.bytes
            var raw = frame.raw, picture = other.raw, t = ssat_similarity(a: 0.1, b: 0.02, tx: 12, ty: 10)
            ssat_copy_crop(&raw, &t, 256, &picture)
            #expect(frame.intact && other.intact)
            let bytes = frame.depth > 8 ? 2 : 1
            for y in 0..<frame.height {
                for x in 0..<frame.width * bytes {
                    let i = y * frame.width * bytes + x, column = x / bytes
                    if (14..<34).contains(column) && (16..<34).contains(y) { #expect(other.bytes[0][i] == frame.bytes[0][i]) }
                    if column < 5 || column > 41 || y < 7 || y > 44 { #expect(other.bytes[0][i] == before[0][i]) }
                }
            }
            for far in [ssat_similarity(a: 3, b: 1, tx: -300, ty: -400), ssat_similarity(a: 0.5, b: 0, tx: 5000, ty: 5000)] {
                t = far
                ssat_copy_crop(&raw, &t, 256, &picture)
                #expect(other.intact)
            }
        }
    }

    @Test func columnsBeforeTheFirstStay() {
        let frame = TestFrame(width: 80, height: 40, shiftX: 1, shiftY: 1, depth: 8)
        let before = frame.bytes, after = add(frame, ssat_similarity(a: 0.4, b: 0, tx: 0, ty: 0), { _, _ in 0.4 }, firstColumn: 30)
        for y in 0..<40 {
            #expect(Array(before[0][y * 80..<y * 80 + 30]) == Array(after[0][y * 80..<y * 80 + 30]))
            #expect(before[0][y * 80 + 31] != after[0][y * 80 + 31])
        }
    }

    @Test func aChangeArrivesAsColour() {
        // +0.1 in every channel is +0.1 of full scale in luma, less half a level of 8 bits; none in chroma.
        let frame = TestFrame(width: 64, height: 64, shiftX: 1, shiftY: 1, depth: 10)
        let before = frame.bytes, after = add(frame, ssat_similarity(a: 0.25, b: 0, tx: 0, ty: 0)) { _, _ in 0.1 }
        func value(_ b: [UInt8], _ i: Int) -> Int { Int(b[2 * i]) | Int(b[2 * i + 1]) << 8 }
        #expect(value(after[0], 64 * 32 + 32) - value(before[0], 64 * 32 + 32) == 86)  // (0.1 - 0.5 / 255) * 219 * 4
        #expect(after[1] == before[1] && after[2] == before[2])
    }

    @Test func aChangeThatNobodySeesIsLeftUndone() {
        let frame = TestFrame(width: 64, height: 64, shiftX: 1, shiftY: 1, depth: 10)
        #expect(frame.bytes == add(frame, ssat_similarity(a: 0.25, b: 0, tx: 0, ty: 0)) { _, _ in 0.0019 })
    }

    @Test func cropsFollowTheSimilarity() {
        for frame in Self.frames {
            var raw = frame.raw
            for scale in [Float(0.3), 1, 2.5] {
                var t = ssat_similarity(a: scale, b: 0.1 * scale, tx: -3, ty: 4)
                let crop = Guarded<UInt8>(48 * 48 * 3) { _ in 7 }
                for rows in [0..<20, 20..<48] { ssat_sample_crop(&raw, &t, 48, Int32(rows.lowerBound), Int32(rows.upperBound), crop.base) }
                #expect(crop.intact && frame.intact)
            }
        }
        // Planar G, B, R comes back exactly at scale 1.
        let frame = TestFrame(width: 70, height: 50, shiftX: 0, shiftY: 0, depth: 8, rgb: true)
        var raw = frame.raw, t = ssat_similarity(a: 1, b: 0, tx: 0, ty: 0)
        let crop = Guarded<UInt8>(50 * 50 * 3) { _ in 0 }
        ssat_sample_crop(&raw, &t, 50, 0, 50, crop.base)
        for (x, y) in [(0, 0), (31, 7), (49, 49)] {
            let at = y * 70 + x
            #expect(Array(crop.values[(y * 50 + x) * 3..<(y * 50 + x) * 3 + 3]) == [frame.bytes[2][at], frame.bytes[0][at], frame.bytes[1][at]])
        }
    }

    @Test func hiddenPicturesHoldNothingOfTheSource() {
        for frame in Self.frames {
            var raw = frame.raw
            let before = frame.bytes
            ssat_blur_frame(&raw, 16)
            #expect(frame.intact && frame.bytes[0] != before[0])
            ssat_blank_frame(&raw)
            #expect(frame.intact)
            #expect(Set(stride(from: 0, to: frame.bytes[0].count, by: frame.depth > 8 ? 2 : 1).map { frame.bytes[0][$0] }).count == 1)
        }
    }

    @Test(arguments: [1, 40, 256]) func theBrightestTenthIsMeasured(levels: Int) {
        var random = Seeded(state: 11), groups = [UInt8](repeating: 0, count: 16)
        (groups[1], groups[3], groups[9]) = (1, 3, 2)
        let crop = Guarded<UInt8>(256 * 256 * 3) { _ in UInt8(Int.random(in: 0..<levels, using: &random)) }
        let classes = Guarded<UInt8>(256 * 256) { _ in .random(in: 0..<(levels == 40 ? 3 : 11), using: &random) }
        let measured = Guarded<Float>(14) { _ in -1 }
        ssat_measure_brightness(crop.base, classes.base, groups, measured.base)
        #expect(crop.intact && classes.intact && measured.intact)
        let pixels = (0..<128 * 128).map { $0 / 128 * 512 + $0 % 128 * 2 }
        func mean(_ kind: UInt8, _ value: ([Int]) -> Int) -> Float {
            let values = pixels.filter { kind == 0 || groups[Int(classes.base[$0])] & kind != 0 }
                .map { i in value((0..<3).map { Int(crop.base[i * 3 + $0]) }) }.sorted(by: >)
            let brightest = values.prefix(max(values.count / 10, 1))
            return brightest.isEmpty ? 0 : Float(brightest.reduce(0, +)) / Float(brightest.count * 255)
        }
        for (k, kind) in [UInt8(0), 1, 2].enumerated() {
            for c in 0..<3 { #expect(abs(measured.base[k * 4 + c] - mean(kind) { $0[c] }) < 1e-5) }
            #expect(abs(measured.base[k * 4 + 3] - mean(kind) { (77 * $0[0] + 150 * $0[1] + 29 * $0[2] + 128) >> 8 }) < 1e-5)
        }
        for kind in [UInt8(0), 1] { #expect(abs(measured.base[12 + Int(kind)] - mean(kind) { $0.max()! - $0.min()! }) < 1e-5) }
    }

    @Test func bestClassOfShuffledScores() {
        var random = Seeded(state: 9)
        let n = 12, classes = 11, stride = 48
        let scores = Guarded<Float>(n * n * stride) { _ in .random(in: -3...3, using: &random) }
        let parsing = Guarded<UInt8>(4 * n * n) { _ in 99 }
        let spans = (0..<n).map { y in ssat_span(start: Int16(y % 5), end: y == 3 ? 0 : Int16(n - y % 3)) }
        ssat_shuffle_argmax(scores.base, Int32(n), Int32(n * stride), Int32(stride), Int32(classes), spans, parsing.base)
        #expect(parsing.intact)
        for y in 0..<2 * n {
            for x in 0..<2 * n {
                let cell = scores.base + (y / 2 * n + x / 2) * stride + y % 2 * 2 + x % 2
                let isWanted = Int16(x / 2) >= spans[y / 2].start && Int16(x / 2) < spans[y / 2].end
                let best = isWanted ? (0..<classes).max { cell[$0 * 4] < cell[$1 * 4] }! : 0
                #expect(Int(parsing.base[y * 2 * n + x]) == best)
            }
        }
    }

    /// A map that is moved takes, bilinearly, what was where the motion leads back to; only the columns asked for are written.
    @Test func aMapMovesWithItsFace() {
        var random = Seeded(state: 9)
        for (size, channels) in [(64, 12), (128, 12), (64, 3), (64, 4), (128, 5)] {
            let map = (0..<size * size * channels).map { _ in Float.random(in: -1...1, using: &random) }
            let back = (0..<64 * 64 * 2).map { _ in Float.random(in: -9...9, using: &random) }
            let first = (0..<size).map { _ in Int16.random(in: 0...Int16(size / 2), using: &random) }
            let end = (0..<size).map { _ in Int16.random(in: Int16(size / 2)...Int16(size), using: &random) }
            let output = Guarded<Float>(size * size * channels) { _ in -9 }
            ssat_move_map(map, Int32(size), Int32(channels), back, first, end, output.base)
            #expect(output.intact)
            func value(_ map: [Float], _ size: Int, _ channels: Int, _ x: Double, _ y: Double, _ c: Int) -> Double {
                let x = min(max(x, 0), Double(size - 1)), y = min(max(y, 0), Double(size - 1)), x0 = Int(x), y0 = Int(y)
                func at(_ x: Int, _ y: Int) -> Double { Double(map[(min(y, size - 1) * size + min(x, size - 1)) * channels + c]) }
                let fx = x - Double(x0), fy = y - Double(y0)
                return (at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx) * (1 - fy) + (at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx) * fy
            }
            let unit = Double(size) / 64
            var worst = 0.0
            for y in 0..<size {
                for x in 0..<size {
                    let inside = x >= first[y] && x < end[y]
                    let cell = (x: (Double(x) + 0.5) / unit - 0.5, y: (Double(y) + 0.5) / unit - 0.5)
                    let from = (x: Double(x) + value(back, 64, 2, cell.x, cell.y, 0) * unit, y: Double(y) + value(back, 64, 2, cell.x, cell.y, 1) * unit)
                    for c in 0..<channels {
                        let expected = inside ? value(map, size, channels, from.x, from.y, c) : -9
                        worst = max(worst, abs(expected - Double(output.values[(y * size + x) * channels + c])))
                    }
                }
            }
            #expect(worst < 1e-4, "\(size), \(channels) channels")
        }
    }

    /// A change that only moved with its face comes out as it is: the average over time runs along the motion, and leaves no trail.
    @Test func smoothingFollowsTheFace() {
        func picture(_ shift: Int) -> [UInt8] {
            (0..<256 * 256 * 3).map { i in UInt8(((i / 3 % 256 - shift) * 37 / 16 + i / 768 * 23 / 16) & 127) + 60 }
        }
        func worn(_ shift: Int) -> [Float] {
            (0..<256 * 256 * 3).map { i in
                let x = i / 3 % 256 - shift, y = i / 768
                return (90..<150).contains(x) && (80..<160).contains(y) ? Float(x + y + i % 3) / 1000 : 0
            }
        }
        func kept(_ crop: [UInt8]) -> [UInt8] { (0..<256 * 256 * 4).map { $0 % 4 < 3 ? crop[$0 / 4 * 3 + $0 % 4] : 0 } }
        var change = worn(8), previous = worn(0), before = kept(picture(0))
        let crop = picture(8), back = (0..<64 * 64 * 2).map { Float($0 % 2 == 0 ? -2 : 0) }
        let follows = [Float](repeating: 0, count: 256 * 256 * 2)  // of paint that hides nothing: then the average is what is shown
        var mean = picture(0).map { Float($0) / 255 }
        let scratch = Guarded<Float>(Int(SSAT_SMOOTH_SCRATCH)) { _ in 9 }
        ssat_smooth_change(&change, &previous, crop, &before, follows, &mean, back, 0.2, scratch.base)
        #expect(zip(change, worn(8)).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(previous == change && before == kept(crop))
        #expect(zip(mean, crop).enumerated().allSatisfy { i, pair in i / 3 % 256 < 12 || abs(pair.0 - Float(pair.1) / 255) < 1e-5 })
        // In place, where nothing moved: towards the new by the share that is asked for.
        var bright = [Float](repeating: 0.2, count: change.count)
        ssat_smooth_change(&bright, &previous, crop, &before, follows, &mean, [Float](repeating: 0, count: 64 * 64 * 2), 0.25, scratch.base)
        #expect(scratch.intact)
        let i = (120 * 256 + 120) * 3, was = worn(8)[i]
        #expect(abs(bright[i] - (was + 0.25 * (0.2 - was))) < 1e-5)
    }

    /// Where a mouth has closed over its teeth there was no paint a frame ago, where it has opened there is none now: neither waits long, nor does
    /// what was half bare at the edge. What only wavers does.
    @Test func whatOpensOrClosesIsFollowedSoon() {
        let crop = [UInt8](repeating: 100, count: 256 * 256 * 3), still = [Float](repeating: 0, count: 64 * 64 * 2)
        var before = [UInt8](repeating: 100, count: 256 * 256 * 4), scratch = [Float](repeating: 0, count: Int(SSAT_SMOOTH_SCRATCH))
        let paint: Float = 0.2
        /// What a pixel in the middle wears after a change in an area around it, `width` pixels wide.
        func smoothed(from was: Float, to now: Float, width: Int = 64) -> Float {
            func area(_ value: Float) -> [Float] {
                (0..<256 * 256 * 3).map { abs($0 / 3 % 256 - 128) <= width / 2 && abs($0 / 768 - 128) <= 32 ? value : paint }
            }
            var change = area(now), previous = area(was), mean = [Float](repeating: 100.0 / 255, count: 256 * 256 * 3)
            ssat_smooth_change(&change, &previous, crop, &before, [Float](repeating: 0, count: 256 * 256 * 2), &mean, still, 0.1, &scratch)
            return change[(128 * 256 + 128) * 3]
        }
        #expect(smoothed(from: 0, to: paint) > 0.75 * paint)
        #expect(smoothed(from: paint, to: 0) < 0.25 * paint)
        #expect(smoothed(from: 0.25 * paint, to: paint) > 0.75 * paint)
        #expect(abs(smoothed(from: 0.8 * paint, to: paint) - 0.82 * paint) < 1e-6)
        // A line of a pixel is the wavering of an edge.
        #expect(abs(smoothed(from: 0, to: paint, width: 1) - 0.1 * paint) < 1e-6)
    }

    /// What opaque paint covers does not show through, however it wavers: the change is averaged, what it hides is of every frame. Where paint hides half,
    /// half is seen.
    @Test func paintHidesNoiseInEveryFrame() {
        let still = [Float](repeating: 0, count: 64 * 64 * 2), base = [UInt8](repeating: 120, count: 256 * 256 * 3)
        var scratch = [Float](repeating: 0, count: Int(SSAT_SMOOTH_SCRATCH)), mean = [Float](repeating: 0, count: 256 * 256 * 3)
        var before = [UInt8](repeating: 0, count: 256 * 256 * 4), previous: [Float] = []
        func opacity(_ pixel: Int) -> Float { pixel % 256 < 128 ? 1 : 0.5 }
        let follows = (0..<256 * 256 * 2).map { -opacity($0 / 2) }
        for frame in 0..<12 {
            let crop = base.enumerated().map { i, v in UInt8(Int(v) + (i * 7 + i / 768 * 3 + frame * 5) % 5 - 2) }
            var change = crop.enumerated().map { i, v in opacity(i / 3) * (0.3 - Float(v) / 255) }
            if frame == 0 {
                previous = change
                ssat_keep_crop(crop, &before, &mean)
                continue
            }
            ssat_smooth_change(&change, &previous, crop, &before, follows, &mean, still, 0.1, &scratch)
            for i in stride(from: 0, to: change.count, by: 997) {
                let own = Float(crop[i]) / 255, wanted = own + opacity(i / 3) * (0.3 - own)
                #expect(abs(own + change[i] - wanted) < 1e-5, "frame \(frame), value \(i)")
            }
        }
    }
}
