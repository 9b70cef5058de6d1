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

/// An error of a source that may be over when the source is opened again at once: its pictures have another size now.
public protocol ReopenableError: Error {
    var asksToReopen: Bool { get }
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
    private let makeFilter: @Sendable () throws -> Filter
    private let sinks: [any LiveSink]
    private let control: LiveControl
    /// The last made-up picture is shown again for so long when no new one comes.
    private let patience: Int64 = 1_000_000_000
    private let keepAlive = 0.25

    /// - Parameter filter: made by the filter's thread; the sinks show the placeholder meanwhile, and the source is opened after.
    public init(filter: @escaping @autoclosure @Sendable () throws -> Filter, sinks: [any LiveSink], control: LiveControl = LiveControl()) {
        makeFilter = filter
        self.sinks = sinks
        self.control = control
    }

    /// What the threads of a run share.
    private final class Run: @unchecked Sendable {
        private let lock = NSLock()
        private var statistics = LiveStatistics()
        private var first: Error?
        private var ready = false
        private let began = Date()
        let cancellation: Cancellation
        /// Pictures of the source, and what was made of them, one box for every sink.
        let taken = Mailbox<Frame>(), made: [Mailbox<Frame>]

        init(sinks: Int, cancellation: Cancellation) {
            made = (0..<sinks).map { _ in Mailbox<Frame>() }
            self.cancellation = cancellation
        }

        func update(_ body: (inout LiveStatistics) -> Void) { lock.withLock { body(&statistics) } }
        var filterIsReady: Bool {
            get { lock.withLock { ready } }
            set { lock.withLock { ready = newValue } }
        }
        var error: Error? { lock.withLock { first } }

        /// Ends the run with the first error that there was.
        func fail(_ error: Error) {
            lock.withLock { if first == nil { first = error } }
            cancellation.cancel()
        }

        var current: LiveStatistics {
            var now = lock.withLock { statistics }
            now.late = taken.dropped + (made.first?.dropped ?? 0)
            now.seconds = Date().timeIntervalSince(began)
            return now
        }

        func pause(seconds: Double) {
            let until = Date(timeIntervalSinceNow: seconds)
            while !cancellation.isCancelled, Date() < until { Thread.sleep(forTimeInterval: 0.1) }
        }
    }

    /// Runs until cancelled, until the source ends, or until a sink fails.
    /// - Parameters:
    ///   - open: gives the source, again after it was lost.
    ///   - returnsAfterLoss: whether to wait for a source that is not there or was lost, instead of ending with its error.
    ///   - wanted: asked several times a second; while it says no, the source is closed and the placeholder shown.
    ///   - lost: told why the source is waited for, once for every reason.
    ///   - progress: called about once a second.
    /// - Throws: what the filter, a sink, or (unless it is waited for) the source threw first.
    public func run(
        open: @escaping @Sendable () throws -> any LiveSource, returnsAfterLoss: Bool, cancellation: Cancellation,
        wanted: @escaping @Sendable () -> Bool = { true }, lost: @escaping @Sendable (Error) -> Void = { _ in },
        progress: @escaping @Sendable (LiveStatistics) -> Void = { _ in }
    ) throws -> LiveStatistics {
        let run = Run(sinks: sinks.count, cancellation: cancellation), group = DispatchGroup()
        start("capture", group, run) { try captureAll(run, open, returnsAfterLoss, wanted, lost) }
        start("filter", group, run) { try filterAll(run) }
        for index in sinks.indices { start("output \(index)", group, run) { try showAll(run, index) } }
        while group.wait(timeout: .now() + 1) == .timedOut { progress(run.current) }
        if let error = run.error { throw error }
        return run.current
    }

    private func start(_ name: String, _ group: DispatchGroup, _ run: Run, _ body: @escaping @Sendable () throws -> Void) {
        group.enter()
        let thread = Thread {
            do { try body() } catch { run.fail(error) }
            group.leave()
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    // MARK: source

    private func captureAll(
        _ run: Run, _ open: () throws -> any LiveSource, _ returnsAfterLoss: Bool, _ wanted: () -> Bool, _ lost: (Error) -> Void
    ) throws {
        defer { run.taken.close() }
        var told: String?
        while !run.cancellation.isCancelled {
            guard run.filterIsReady, wanted() else {
                Thread.sleep(forTimeInterval: 0.05)
                continue
            }
            do {
                let source = try open()
                if try capture(source, run, { run.cancellation.isCancelled || !wanted() }, began: { told = nil }) { return }
            } catch let error as any ReopenableError where error.asksToReopen {
                Thread.sleep(forTimeInterval: 0.1)
            } catch {
                guard returnsAfterLoss else { throw error }
                if told != "\(error)" { lost(error) }
                told = "\(error)"
                run.pause(seconds: 1)
            }
        }
    }

    /// Takes pictures until the source ends (true) or is to stop (false).
    private func capture(_ source: any LiveSource, _ run: Run, _ stops: () -> Bool, began: () -> Void) throws -> Bool {
        var before: Int?
        while !stops() {
            if let frame = try source.next(seconds: keepAlive) {
                if before == nil { began() }
                run.update {
                    before = before ?? $0.lost
                    $0.captured += 1
                    $0.lost = before! + source.drops
                }
                run.taken.put(frame)
            } else if source.hasEnded {
                return true
            }
        }
        return false
    }

    // MARK: filter

    private func filterAll(_ run: Run) throws {
        defer { run.made.forEach { $0.close() } }
        let filter = try makeFilter()
        run.filterIsReady = true
        while !run.taken.isFinished {
            guard let frame = run.taken.take(seconds: keepAlive) else { continue }
            let analysis = try filter.analyze(frame, time: Double(frame.pts) / 1e9)
            try filter.transform(frame, analysis)
            let result = try filter.finish(frame, analysis)
            for box in run.made { box.put(result) }
        }
    }

    // MARK: sinks

    private func showAll(_ run: Run, _ index: Int) throws {
        let sink = sinks[index]
        do {
            try sink.showPlaceholder()
            try showMade(run, index)
            try sink.showPlaceholder()
        } catch {
            // Whatever failed: the last thing that is seen shows nobody, if anything can be shown at all.
            try? sink.showPlaceholder()
            try? sink.finish()
            throw error
        }
        try sink.finish()
    }

    private func showMade(_ run: Run, _ index: Int) throws {
        let sink = sinks[index], box = run.made[index]
        var last: (frame: Frame, time: Int64)?
        while !box.isFinished {
            let frame = box.take(seconds: keepAlive)
            let now = monotonicNanoseconds()
            if let frame { last = (frame, now) }
            if let shown = last, now - shown.time < patience, !control.privacy {
                try sink.show(shown.frame)
                guard index == 0, frame != nil else { continue }
                let latency = monotonicNanoseconds() - shown.frame.pts
                run.update {
                    $0.shown += 1
                    $0.latency.add(nanoseconds: latency)
                }
            } else {
                last = nil
                try sink.showPlaceholder()
                if index == 0 { run.update { $0.placeholders += 1 } }
            }
        }
    }
}

/// Nanoseconds of the clock that V4L2 stamps pictures with.
public func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
