import ArgumentParser
import SSATCore
import Video

extension Frame {
    /// The frame as SSATCore sees it. Valid while the frame lives.
    var view: FrameView {
        let (pointers, strides) = planes
        let color = color
        let matrix: FrameView.Matrix =
            switch color.matrix {
            case .bt601: .bt601
            case .bt709: .bt709
            case .bt2020: .bt2020
            case .rgb: .rgb
            }
        return FrameView(
            width: width, height: height, planes: pointers, strides: strides, chromaShift: chromaShift, bitDepth: bitDepth,
            matrix: matrix, fullRange: color.fullRange, chromaCentred: (color.chromaCentredX, color.chromaCentredY))
    }
}

/// How the source is shown beside what was made of it.
enum Comparison: String, ExpressibleByArgument {
    /// The left half stays as it was.
    case split
    /// The source on the left, the result on the right, twice as wide.
    case side
}

/// Joins the pipeline and the filter, which do not know each other.
final class MakeupFrameFilter: FrameFilter, @unchecked Sendable {
    let filter: MakeupFilter
    private let comparison: Comparison?
    /// Touched by `finish` only; read after the run.
    private(set) var framesWithFaces = 0
    private(set) var mostFaces = 0
    private(set) var tracks: [Int: TrackSummary] = [:]

    /// One face of the clip: when it was seen (frame numbers from 0) and where it was first.
    struct TrackSummary {
        var first, last, frames: Int
        var low, high: SIMD2<Float>
    }
    private var frameNumber = 0

    init(filter: MakeupFilter, comparison: Comparison?) {
        self.filter = filter
        self.comparison = comparison
    }

    func analyze(_ frame: Frame, time: Double) throws -> MakeupFilter.Analysis { filter.analyze(frame.view, time: time) }

    func transform(_ frame: Frame, _ analysis: MakeupFilter.Analysis) throws { filter.transfer(analysis) }

    func finish(_ frame: Frame, _ analysis: MakeupFilter.Analysis) throws -> Frame {
        if analysis.faceCount > 0 { framesWithFaces += 1 }
        mostFaces = max(mostFaces, analysis.faceCount)
        for (id, box) in zip(analysis.trackIDs, analysis.boxes) {
            var summary = tracks[id] ?? TrackSummary(first: frameNumber, last: frameNumber, frames: 0, low: box.low, high: box.high)
            summary.last = frameNumber
            summary.frames += 1
            tracks[id] = summary
        }
        frameNumber += 1
        let source = comparison == .side ? try frame.copy() : nil
        filter.finish(frame.view, analysis, firstColumn: comparison == .split ? frame.width / 2 : 0)
        return try source?.beside(frame) ?? frame
    }
}

/// A photo or a .look file as a look.
func loadLook(_ path: String, precision: Precision) throws -> Look {
    if path.hasSuffix(".look") { return try Look(contentsOfFile: path) }
    return try loadLook(path, LookMaker(precision: precision))
}

/// A photo as a look.
func loadLook(_ path: String, _ maker: LookMaker) throws -> Look {
    let frame = try FrameReader.first(Demuxer(path: path))
    let look = try maker.look(from: frame.view, path: path)
    if look.isBlackAndWhite { say("\(path): is black and white; its makeup comes along as light and dark, without colour. Use a photo in colour for more") }
    if look.hidesItsEyes { say("\(path): its eyes are hidden, and no makeup is taken from there. Use a photo without glasses or hair before the eyes for more") }
    if look.hidesItsLips { say("\(path): its lips are hidden, and no makeup is taken from there. Use a photo that shows the mouth for more") }
    return look
}
