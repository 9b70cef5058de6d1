import CFFmpegCodec
import CFFmpegFormat
import CFFmpegUtil
import Foundation

/// What a pipeline does to every frame. `analyze` and `finish` see the frames in order, each on a thread of its own;
/// `transform` may run for several frames at once.
public protocol FrameFilter: Sendable {
    associatedtype Analysis: Sendable
    func analyze(_ frame: Frame, time: Double) throws -> Analysis
    func transform(_ frame: Frame, _ analysis: Analysis) throws
    /// Returns the frame to encode: usually the one that came.
    func finish(_ frame: Frame, _ analysis: Analysis) throws -> Frame
}

/// A switch that any thread may throw once.
public final class Cancellation: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    public init() {}
    public func cancel() { lock.withLock { value = true } }
    public var isCancelled: Bool { lock.withLock { value } }
}

/// What a run did.
public struct RunStatistics: Sendable {
    public var frames = 0
    public var brokenFrames = 0
    public var seconds = 0.0
    public var droppedStreams: [String] = []
    /// The input broke off before its end.
    public var cutShort = false
    public var cancelled = false
}

/// source -> decode -> analyze -> transform (several at once) -> finish -> encode -> mux. Every arrow is a queue of a few
/// frames; order is kept; no frame is dropped.
public struct Pipeline<Filter: FrameFilter> {
    private final class Item: @unchecked Sendable {
        let frame: Frame
        var analysis: Filter.Analysis?
        let done = DispatchSemaphore(value: 0)
        init(_ frame: Frame) { self.frame = frame }
    }

    private final class Count: @unchecked Sendable { var frames = 0 }
    private final class End: @unchecked Sendable { var reached = false }

    private final class Failure: @unchecked Sendable {
        private let lock = NSLock()
        private var first: Error?
        func record(_ error: Error) { lock.withLock { if first == nil { first = error } } }
        var error: Error? { lock.withLock { first } }
    }

    public var options = EncoderOptions()
    /// Seconds from the beginning of the video; `duration` nil runs to the end.
    public var start = 0.0
    public var duration: Double?
    public var shares = ThreadShares(of: 2)
    private let filter: Filter

    public init(filter: Filter) { self.filter = filter }

    /// Runs until the end of the input, an error, or cancellation (which leaves a playable file of what was done, none where no
    /// frame was).
    /// - Parameter progress: called on the encoding thread after every frame with frames done and seconds of video.
    public func run(
        _ input: Demuxer, output path: String, cancellation: Cancellation = Cancellation(),
        progress: @escaping @Sendable (Int, Double) -> Void = { _, _ in }
    ) throws -> RunStatistics {
        let began = Date()
        let decoder = try Decoder(input, threads: shares.decoder)
        let muxer = try Muxer(path: path, source: input, encoder: options.name, container: options.container)
        defer { muxer.discard() }
        let decoded = BoundedQueue<Item>(capacity: 1), work = BoundedQueue<Item>(capacity: shares.transforms)
        let ordered = BoundedQueue<Item>(capacity: shares.transforms)
        let failure = Failure(), ended = End()
        let group = DispatchGroup()
        let timeBase = av_q2d(input.videoStream.pointee.time_base), origin = input.startSeconds

        @Sendable func fail(_ error: Error) {
            failure.record(error)
            for queue in [decoded, work, ordered] { queue.close(discarding: true) }
        }

        @Sendable func thread(_ name: String, _ body: @escaping @Sendable () throws -> Void) {
            group.enter()
            let thread = Thread {
                do { try body() } catch { fail(error) }
                group.leave()
            }
            thread.name = name
            thread.stackSize = 8 << 20
            thread.start()
        }

        let filter = filter, start = start, end = duration.map { start + $0 }
        thread("decode") {
            defer { decoded.close() }
            if start > 0 { input.seek(seconds: start) }
            guard let packet = av_packet_alloc() else { return }
            defer {
                var pointer: UnsafeMutablePointer<AVPacket>? = packet
                av_packet_free(&pointer)
            }
            @Sendable func deliver(_ frame: Frame) -> Bool {
                let time = Double(frame.pts) * timeBase - origin
                if frame.pts != ssat_nopts, time < start - 1e-6 { return true }
                if let end, time >= end - 1e-6 { return false }
                return !cancellation.isCancelled && decoded.push(Item(frame))
            }
            while !cancellation.isCancelled, input.read(packet) {
                defer { av_packet_unref(packet) }
                if Int(packet.pointee.stream_index) == input.videoIndex {
                    if try !decoder.decode(packet, deliver) { return }
                } else {
                    let base = av_q2d(input.context.pointee.streams[Int(packet.pointee.stream_index)]!.pointee.time_base)
                    let time = packet.pointee.pts == ssat_nopts ? start : Double(packet.pointee.pts) * base - origin
                    if time >= start - 0.05 || start == 0, end == nil || time < end! { try muxer.copy(packet, input) }
                }
            }
            ended.reached = !cancellation.isCancelled
            _ = try decoder.decode(nil, deliver)
        }

        thread("analyze") {
            defer {
                work.close()
                ordered.close()
            }
            while let item = decoded.pop() {
                item.analysis = try filter.analyze(item.frame, time: Double(item.frame.pts) * timeBase)
                guard ordered.push(item), work.push(item) else { return }
            }
        }

        for index in 0..<shares.transforms {
            thread("transform \(index)") {
                while let item = work.pop() {
                    defer { item.done.signal() }
                    try filter.transform(item.frame, item.analysis!)
                }
            }
        }

        let result = Count()
        var options = options
        if options.threads == 0 { options.threads = shares.encoder }
        thread("encode") { [options] in
            var encoder: Encoder?
            let pool = FramePool()
            while let item = ordered.pop() {
                while item.done.wait(timeout: .now() + 0.5) == .timedOut {
                    if failure.error != nil { return }
                }
                if failure.error != nil { return }
                let frame = try filter.finish(pool.writable(item.frame), item.analysis!)
                if encoder == nil {
                    encoder = try Encoder(
                        options, name: muxer.videoEncoderName, first: frame, timing: Encoder.Timing(input.videoStream),
                        globalHeader: muxer.wantsGlobalHeader)
                    try muxer.start(encoder: encoder!, source: input)
                }
                try encoder!.encode(frame) { try muxer.write(video: $0) }
                result.frames += 1
                progress(result.frames, Double(frame.pts) * timeBase)
            }
            if failure.error != nil { return }
            guard let encoder else {
                if cancellation.isCancelled { return }
                throw VideoError.unreadable(input.path, "no frame could be decoded")
            }
            try encoder.encode(nil) { try muxer.write(video: $0) }
            try muxer.finish()
        }
        group.wait()
        if let error = failure.error { throw error }
        var statistics = RunStatistics()
        statistics.frames = result.frames
        statistics.brokenFrames = decoder.brokenFrames
        statistics.seconds = Date().timeIntervalSince(began)
        statistics.droppedStreams = muxer.droppedStreams
        statistics.cancelled = cancellation.isCancelled
        statistics.cutShort = ended.reached && start == 0 && input.isCutShort
        return statistics
    }

    /// Decodes the first frame only: reference photos, pictures.
    public static func firstFrame(_ input: Demuxer) throws -> Frame { try FrameReader.first(input) }
}

/// Reads single frames outside a pipeline.
public enum FrameReader {
    /// The first frame at or after `seconds` from the beginning.
    /// - Throws: `VideoError.unreadable` when nothing can be decoded there.
    public static func first(_ input: Demuxer, at seconds: Double = 0) throws -> Frame {
        guard let frame = try frames(input, count: 1, from: seconds).first else {
            throw VideoError.unreadable(input.path, "no picture could be decoded")
        }
        return frame
    }

    /// So many frames, or as many as there are, from the one at or after `seconds` on.
    /// - Throws: `VideoError` when the input cannot be decoded.
    public static func frames(_ input: Demuxer, count: Int, from seconds: Double = 0) throws -> [Frame] {
        if seconds > 0 { input.seek(seconds: seconds) }
        let base = av_q2d(input.videoStream.pointee.time_base), origin = input.startSeconds
        let decoder = try Decoder(input, threads: 1)
        guard let packet = av_packet_alloc() else { throw VideoError.unreadable(input.path, "out of memory") }
        defer {
            var pointer: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&pointer)
        }
        var found: [Frame] = []
        func keep(_ frame: Frame) -> Bool {
            if seconds > 0, frame.pts != ssat_nopts, Double(frame.pts) * base - origin < seconds - 1e-6 { return true }
            found.append(frame)
            return found.count < count
        }
        while found.count < count, input.read(packet) {
            defer { av_packet_unref(packet) }
            if Int(packet.pointee.stream_index) == input.videoIndex { _ = try decoder.decode(packet, keep) }
        }
        if found.count < count { _ = try decoder.decode(nil, keep) }
        return found
    }
}
