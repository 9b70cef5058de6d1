import Foundation

/// A copy of the last picture that may be shown, to show it again. Keeps its memory from picture to picture.
///
/// Threads: one thread at a time.
struct HeldPicture {
    private var samples: [UInt8] = []
    private var size = (width: 0, height: 0)
    /// Seconds, as given to `keep`; nil while nothing is held.
    private(set) var time: Double?

    mutating func keep(_ frame: FrameView, time: Double) {
        var total = 0
        frame.forEachRow { total += $1 }
        if samples.count != total { samples = [UInt8](repeating: 0, count: total) }
        samples.withUnsafeMutableBufferPointer { out in
            var at = 0
            frame.forEachRow { row, count in
                memcpy(out.baseAddress! + at, row, count)
                at += count
            }
        }
        size = (frame.width, frame.height)
        self.time = time
    }

    mutating func forget() { time = nil }

    /// Puts the held picture into `frame`; false where none is held or it has another shape.
    func show(in frame: FrameView) -> Bool {
        var total = 0
        frame.forEachRow { total += $1 }
        guard time != nil, total == samples.count, size == (frame.width, frame.height) else { return false }
        samples.withUnsafeBufferPointer { from in
            var at = 0
            frame.forEachRow { row, count in
                memcpy(row, from.baseAddress! + at, count)
                at += count
            }
        }
        return true
    }
}
