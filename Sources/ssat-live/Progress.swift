import ArgumentParser
import Foundation

/// Tells how far a run is, on standard error: a bar on a terminal, ffmpeg-style key=value blocks or JSON lines otherwise.
/// Called from one thread at a time.
final class Progress: @unchecked Sendable {
    enum Style: String, ExpressibleByArgument {
        case auto, bar, plain, json, none

        /// `auto` is a bar on a terminal, and what programs read elsewhere.
        var resolved: Style { self == .auto ? (isatty(STDERR_FILENO) != 0 ? .bar : .plain) : self }
    }

    private let style: Style
    private let total: Int?
    private let began = Date()
    private var shown = Date.distantPast
    private var last = (frames: 0, seconds: 0.0)

    init(style: Style, total: Int?) {
        self.style = style.resolved
        self.total = total
    }

    func update(frames: Int, seconds: Double) {
        last = (frames, seconds)
        let now = Date()
        if now.timeIntervalSince(shown) < (style == .bar ? 0.1 : 1) { return }
        shown = now
        show(ended: false)
    }

    func finish() { show(ended: true) }

    private func show(ended: Bool) {
        let fps = Double(last.frames) / max(Date().timeIntervalSince(began), 1e-9)
        var text = ""
        switch style {
        case .none, .auto: return
        case .bar:
            text = "\r\(last.frames)\(total.map { "/\($0)" } ?? "") frames  \(String(format: "%.1f", fps)) fps"
            if let total, fps > 0, !ended {
                let left = Int(Double(max(total - last.frames, 0)) / fps)
                let filled = min(20 * last.frames / max(total, 1), 20)
                text += "  [" + String(repeating: "#", count: filled) + String(repeating: " ", count: 20 - filled) + "]"
                text += String(format: "  %d:%02d left", left / 60, left % 60)
            }
            text += ended ? "\u{1b}[K\n" : "\u{1b}[K"
        case .plain:
            text = "frame=\(last.frames)\nfps=\(String(format: "%.2f", fps))\nout_time_us=\(Int(last.seconds * 1e6))\n"
            text += "progress=\(ended ? "end" : "continue")\n"
        case .json:
            text = "{\"frame\":\(last.frames),\"fps\":\(String(format: "%.2f", fps)),\"out_time_us\":\(Int(last.seconds * 1e6)),"
            text += "\"progress\":\"\(ended ? "end" : "continue")\"}\n"
        }
        FileHandle.standardError.write(Data(text.utf8))
    }
}
