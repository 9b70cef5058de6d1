import CFFmpegUtil
import Foundation

/// Where live pictures come from. Used on one thread.
public protocol LiveSource: AnyObject, Sendable {
    /// The next picture, `pts` its capture time in monotonic nanoseconds; nil when none came within `seconds`.
    /// - Throws: when the source is gone for good.
    func next(seconds: Double) throws -> Frame?
    /// Pictures that the source lost before they could be taken.
    var drops: Int { get }
    /// Whether the source has come to its end: a file, not a camera.
    var hasEnded: Bool { get }
}

extension LiveSource {
    public var hasEnded: Bool { false }
}

/// Where made-up pictures go. Used on one thread.
public protocol LiveSink: AnyObject, Sendable {
    func show(_ frame: Frame) throws
    /// A picture that shows nobody.
    func showPlaceholder() throws
    /// Ends the output properly.
    func finish() throws
}

/// What a live run did.
public struct LiveStatistics: Sendable {
    /// Pictures that came, that were shown, that were too late and left out, that the source lost.
    public var captured = 0, shown = 0, late = 0, lost = 0
    /// Times that nothing could be shown and the placeholder was.
    public var placeholders = 0
    /// From capture to the end of the write, first output.
    public var latency = LatencyHistogram()
    public var seconds = 0.0

    public init() {}
}

/// What the user may change while it runs. Any thread.
public final class LiveControl: @unchecked Sendable {
    private let lock = NSLock()
    private var hidden = false
    public init() {}
    /// Shows the placeholder, whatever the camera sees.
    public var privacy: Bool {
        get { lock.withLock { hidden } }
        set { lock.withLock { hidden = newValue } }
    }
}

/// source -> filter -> sinks, each on a thread of its own, joined by mailboxes: the newest picture wins.
///
/// Fails closed: sinks are given only what the filter returned. Until the first such picture, while the source is gone, and
/// when nothing was made for a second, they show the placeholder, at least four times a second.
public struct LivePipeline<Filter: FrameFilter>: Sendable {
    private let filter: Filter
    private let sinks: [any LiveSink]
    private let control: LiveControl
    /// The last made-up picture is shown again for so long when no new one comes.
    private let patience: Int64 = 1_000_000_000
    private let keepAlive = 0.25

    public init(filter: Filter, sinks: [any LiveSink], control: LiveControl = LiveControl()) {
        self.filter = filter
        self.sinks = sinks
        self.control = control
    }

    private final class State: @unchecked Sendable {
        private let lock = NSLock()
        private var statistics = LiveStatistics()
        private var first: Error?
        func update(_ body: (inout LiveStatistics) -> Void) { lock.withLock { body(&statistics) } }
        func record(_ error: Error) { lock.withLock { if first == nil { first = error } } }
        var current: LiveStatistics { lock.withLock { statistics } }
        var error: Error? { lock.withLock { first } }
    }

    /// Runs until cancelled, until the source ends, or until a sink fails.
    /// - Parameters:
    ///   - open: gives the source, again after it was lost.
    ///   - returnsAfterLoss: whether to wait for a lost source instead of ending with its error.
    ///   - wanted: asked several times a second; while it says no, the source is closed and the placeholder shown.
    ///   - progress: called about once a second.
    public func run(
        open: @escaping @Sendable () throws -> any LiveSource, returnsAfterLoss: Bool, cancellation: Cancellation,
        wanted: @escaping @Sendable () -> Bool = { true }, lost: @escaping @Sendable (Error) -> Void = { _ in }, progress: @escaping @Sendable (LiveStatistics) -> Void = { _ in }
    ) throws -> LiveStatistics {
        let began = Date(), state = State(), group = DispatchGroup()
        let taken = Mailbox<Frame>(), made = sinks.map { _ in Mailbox<Frame>() }

        @Sendable func thread(_ name: String, _ body: @escaping @Sendable () throws -> Void) {
            group.enter()
            let thread = Thread {
                do { try body() } catch {
                    state.record(error)
                    cancellation.cancel()
                }
                group.leave()
            }
            thread.name = name
            thread.stackSize = 8 << 20
            thread.start()
        }

        thread("capture") {
            defer { taken.close() }
            while !cancellation.isCancelled {
                guard wanted() else {
                    Thread.sleep(forTimeInterval: 0.1)
                    continue
                }
                do {
                    if try capture(open(), into: taken, state, { cancellation.isCancelled || !wanted() }) { return }
                } catch {
                    guard returnsAfterLoss else { throw error }
                    lost(error)
                    for _ in 0..<10 where !cancellation.isCancelled { Thread.sleep(forTimeInterval: 0.1) }
                }
            }
        }

        let filter = filter
        thread("filter") {
            defer { made.forEach { $0.close() } }
            while !taken.isFinished {
                guard let frame = taken.take(seconds: keepAlive) else { continue }
                let analysis = try filter.analyze(frame, time: Double(frame.pts) / 1e9)
                try filter.transform(frame, analysis)
                let result = try filter.finish(frame, analysis)
                for box in made { box.put(result) }
            }
        }

        for (index, sink) in sinks.enumerated() {
            let box = made[index], control = control
            thread("output \(index)") {
                try sink.showPlaceholder()
                var last: (frame: Frame, time: Int64)?
                while !box.isFinished {
                    let frame = box.take(seconds: keepAlive)
                    let now = monotonicNanoseconds()
                    if let frame { last = (frame, now) }
                    if let shown = last, now - shown.time < patience, !control.privacy {
                        try sink.show(shown.frame)
                        if index == 0, frame != nil {
                            let latency = monotonicNanoseconds() - shown.frame.pts
                            state.update {
                                $0.shown += 1
                                $0.latency.add(nanoseconds: latency)
                            }
                        }
                    } else {
                        last = nil
                        try sink.showPlaceholder()
                        if index == 0 { state.update { $0.placeholders += 1 } }
                    }
                }
                try sink.showPlaceholder()
                try sink.finish()
            }
        }

        while group.wait(timeout: .now() + 1) == .timedOut {
            var now = state.current
            now.late = taken.dropped
            now.seconds = Date().timeIntervalSince(began)
            progress(now)
        }
        if let error = state.error { throw error }
        var statistics = state.current
        statistics.late = taken.dropped
        statistics.seconds = Date().timeIntervalSince(began)
        return statistics
    }

    /// Takes pictures until the source ends (true) or is to stop (false).
    private func capture(_ source: any LiveSource, into box: Mailbox<Frame>, _ state: State, _ stops: () -> Bool) throws -> Bool {
        let before = state.current.lost
        while !stops() {
            if let frame = try source.next(seconds: keepAlive) {
                state.update {
                    $0.captured += 1
                    $0.lost = before + source.drops
                }
                box.put(frame)
            } else if source.hasEnded {
                return true
            }
        }
        return false
    }
}

/// Nanoseconds of the clock that V4L2 stamps pictures with.
public func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
