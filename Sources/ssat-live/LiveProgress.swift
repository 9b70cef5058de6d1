import Foundation
import Video

/// Tells once a second how a live run goes, on standard error.
final class LiveProgress: @unchecked Sendable {
    private let style: Progress.Style
    private var last = LiveStatistics()

    init(style: Progress.Style) { self.style = style.resolved }

    static func latencies(_ s: LiveStatistics) -> [String: Double] {
        ["p50": s.latency.percentile(0.5), "p95": s.latency.percentile(0.95), "p99": s.latency.percentile(0.99), "max": s.latency.longest]
    }

    func update(_ s: LiveStatistics) {
        let fps = Double(s.shown - last.shown) / max(s.seconds - last.seconds, 1e-9)
        last = s
        show(s, fps: fps, ended: false)
    }

    func finish(_ s: LiveStatistics) { show(s, fps: Double(s.shown) / max(s.seconds, 1e-9), ended: true) }

    private func show(_ s: LiveStatistics, fps: Double, ended: Bool) {
        let l = Self.latencies(s), rate = String(format: "%.1f", fps)
        var text = ""
        switch style {
        case .none, .auto: return
        case .bar:
            text = "\r\(s.shown) frames  \(rate) fps  \(s.late) late  \(s.lost) lost  \(l["p50"]!) ms, 99 % under \(l["p99"]!) ms\u{1b}[K\(ended ? "\n" : "")"
        case .plain:
            text = "frame=\(s.shown)\nfps=\(rate)\ndrop_frames=\(s.late + s.lost)\nlatency_p99_ms=\(l["p99"]!)\nprogress=\(ended ? "end" : "continue")\n"
        case .json:
            text = "{\"frame\":\(s.shown),\"fps\":\(rate),\"late\":\(s.late),\"lost\":\(s.lost),\"latency_p50_ms\":\(l["p50"]!),"
            text += "\"latency_p99_ms\":\(l["p99"]!),\"progress\":\"\(ended ? "end" : "continue")\"}\n"
        }
        FileHandle.standardError.write(Data(text.utf8))
    }
}

/// Tells systemd's watchdog that it lives, only where pictures went out since the last time.
final class Heart: @unchecked Sendable {
    private var last = -1

    func beat(_ service: ServiceNotifier, _ statistics: LiveStatistics) {
        let now = statistics.shown + statistics.placeholders
        if now != last { service.alive() }
        last = now
    }
}
