import CVideo4Linux
import Video

/// One way in which a camera delivers pictures.
public struct CameraMode: Sendable, Equatable {
    public let layout: RawLayout
    public let width, height: Int
    public let framesPerSecond: Double

    public init(layout: RawLayout, width: Int, height: Int, framesPerSecond: Double) {
        self.layout = layout
        self.width = width
        self.height = height
        self.framesPerSecond = framesPerSecond
    }

    static let formats: [(UInt32, RawLayout)] = [
        (ssat_format_yuyv, .yuyv), (ssat_format_uyvy, .uyvy), (ssat_format_nv12, .nv12), (ssat_format_yuv420, .yuv420),
        (ssat_format_mjpeg, .mjpeg), (ssat_format_jpeg, .mjpeg),
    ]

    /// V4L2's number of the layout.
    var pixelFormat: UInt32 { Self.formats.first { $0.1 == layout }!.0 }

    /// Four letters of a V4L2 format.
    static func name(_ format: UInt32) -> String {
        String(decoding: (0..<4).map { UInt8(truncatingIfNeeded: format >> ($0 * 8)) & 0x7f }, as: UTF8.self)
    }

    /// Every layout, size and rate that is understood. Sizes in steps are listed at their usual values.
    static func offered(by device: Device) -> [CameraMode] {
        formatsOffered(by: device).flatMap { format -> [CameraMode] in
            guard let layout = formats.first(where: { $0.0 == format })?.1 else { return [] }
            return sizes(format, device).flatMap { size in
                rates(format, size, device).map { CameraMode(layout: layout, width: size.0, height: size.1, framesPerSecond: $0) }
            }
        }
    }

    static func formatsOffered(by device: Device) -> [UInt32] {
        var all: [UInt32] = []
        var entry = v4l2_fmtdesc()
        entry.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        while device.asks(ssat_vidioc_enum_fmt, &entry) {
            all.append(entry.pixelformat)
            entry.index += 1
        }
        return all
    }

    static func namesNotUnderstood(of device: Device) -> [String] {
        formatsOffered(by: device).filter { format in !formats.contains { $0.0 == format } }.map(name)
    }

    private static let usualSizes = [(320, 240), (640, 360), (640, 480), (800, 600), (960, 540), (1280, 720), (1920, 1080)]

    private static func sizes(_ format: UInt32, _ device: Device) -> [(Int, Int)] {
        var all: [(Int, Int)] = []
        var entry = v4l2_frmsizeenum()
        entry.pixel_format = format
        while device.asks(ssat_vidioc_enum_framesizes, &entry) {
            if entry.type == V4L2_FRMSIZE_TYPE_DISCRETE.rawValue {
                all.append((Int(entry.discrete.width), Int(entry.discrete.height)))
            } else {
                let range = entry.stepwise
                func fits(_ value: Int, _ low: UInt32, _ high: UInt32, _ step: UInt32) -> Bool {
                    value >= Int(low) && value <= Int(high) && (value - Int(low)) % max(Int(step), 1) == 0
                }
                return usualSizes.filter {
                    fits($0.0, range.min_width, range.max_width, range.step_width) && fits($0.1, range.min_height, range.max_height, range.step_height)
                }
            }
            entry.index += 1
        }
        return all
    }

    private static func rates(_ format: UInt32, _ size: (Int, Int), _ device: Device) -> [Double] {
        var all: [Double] = []
        var entry = v4l2_frmivalenum()
        entry.pixel_format = format
        entry.width = UInt32(size.0)
        entry.height = UInt32(size.1)
        while device.asks(ssat_vidioc_enum_frameintervals, &entry) {
            if entry.type == V4L2_FRMIVAL_TYPE_DISCRETE.rawValue {
                all.append(Double(entry.discrete.denominator) / Double(max(entry.discrete.numerator, 1)))
            } else {
                // The shortest interval is the highest rate; nobody needs more than 60.
                let fastest = Double(entry.stepwise.min.denominator) / Double(max(entry.stepwise.min.numerator, 1))
                let slowest = Double(entry.stepwise.max.denominator) / Double(max(entry.stepwise.max.numerator, 1))
                return [15, 25, 30, 60].filter { $0 <= fastest + 0.01 && $0 >= slowest - 0.01 }
            }
            entry.index += 1
        }
        return all.isEmpty ? [30] : all
    }

    /// The mode that comes nearest to what was asked for; 1280x720 at 30 frames a second when nothing was.
    ///
    /// Size counts most, then the rate, then the layout: raw layouts, but MJPEG from 1280x720 on where raw is slower than 20
    /// frames a second, as USB 2 makes it.
    public static func nearest(_ modes: [CameraMode], width: Int?, height: Int?, framesPerSecond: Double?) -> CameraMode? {
        let (w, h, rate) = (width ?? (height.map { $0 * 16 / 9 } ?? 1280), height ?? (width.map { $0 * 9 / 16 } ?? 720), framesPerSecond ?? 30)
        func distance(_ mode: CameraMode) -> Double {
            let size = abs(Double(mode.width - w)) / Double(w) + abs(Double(mode.height - h)) / Double(h)
            let slow = max(0, rate - mode.framesPerSecond) / rate, fast = max(0, mode.framesPerSecond - rate) / rate
            return size * 10 + slow * 5 + fast + (mode.layout == .mjpeg ? 0.3 : 0)
        }
        return modes.min { distance($0) < distance($1) }
    }
}
