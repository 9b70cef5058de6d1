import Foundation

/// What a program said and how it ended.
public struct Outcome: Sendable {
    public let code: Int32
    public let output: Data
    public let errors: String
    public var text: String { String(decoding: output, as: UTF8.self) }
    /// Lines of standard output.
    public var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// Runs real programs.
public enum Tool {
    /// The root of the checkout.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Runs a program found on PATH (or by absolute path) to its end.
    /// - Parameters:
    ///   - input: file for standard input; nothing when nil.
    ///   - output: file that standard output is sent to; collected when nil.
    ///   - started: called when the program runs, with its process number.
    @discardableResult
    public static func run(
        _ arguments: [String], input: String? = nil, output: String? = nil, environment: [String: String] = [:],
        started: ((Int32) -> Void)? = nil
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = try input.map { try FileHandle(forReadingFrom: URL(fileURLWithPath: $0)) } ?? FileHandle.nullDevice
        // Files, not pipes: a full pipe would stop the program.
        let folder = try TemporaryFolder()
        let (out, err) = (folder.path("out"), folder.path("err"))
        for file in [out, err] { try Data().write(to: URL(fileURLWithPath: file)) }
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output ?? out))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: err))
        try process.run()
        started?(process.processIdentifier)
        process.waitUntilExit()
        return Outcome(
            code: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
            output: try Data(contentsOf: URL(fileURLWithPath: out)),
            errors: try String(contentsOfFile: err, encoding: .utf8))
    }

    /// Runs ffmpeg, which must succeed.
    public static func ffmpeg(_ arguments: [String]) throws {
        let outcome = try run(["ffmpeg", "-v", "error", "-y"] + arguments)
        guard outcome.code == 0 else { throw Failure(description: "ffmpeg \(arguments.joined(separator: " ")): \(outcome.errors)") }
    }

    /// One ffprobe question, one line per answer.
    public static func probe(_ path: String, _ arguments: [String]) throws -> [String] {
        try run(["ffprobe", "-v", "error", "-of", "csv=p=0"] + arguments + [path]).lines.map {
            $0.trimmingCharacters(in: CharacterSet(charactersIn: ","))
        }
    }

    /// Hash of every decoded picture, presentation times left out.
    public static func pictureHashes(_ path: String, filter: String = "null", format: String) throws -> [String] {
        try run([
            "ffmpeg", "-v", "error", "-i", path, "-map", "0:v:0", "-vsync", "passthrough", "-vf", filter, "-pix_fmt", format, "-f",
            "framemd5", "-",
        ]).lines.filter { !$0.hasPrefix("#") }.map { String($0.split(separator: ",").last!).trimmingCharacters(in: .whitespaces) }
    }

    /// Hash and presentation time of every packet of the first audio stream, as stored.
    public static func audioPackets(_ path: String) throws -> [String] {
        try run(["ffmpeg", "-v", "error", "-i", path, "-map", "0:a:0", "-c", "copy", "-f", "framemd5", "-"]).lines.filter { !$0.hasPrefix("#") }
            .map { String($0.split(separator: ",").last!).trimmingCharacters(in: .whitespaces) }
    }

    /// Bytes of a file, 0 where there is none.
    public static func size(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }

    /// Presentation times of the video, in seconds.
    public static func times(_ path: String) throws -> [Double] {
        try probe(path, ["-select_streams", "v:0", "-show_entries", "frame=pts_time"]).compactMap(Double.init)
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }
}

/// A folder that goes away with its owner.
public final class TemporaryFolder: Sendable {
    public let url: URL

    public init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("ssat-live-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    public func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}

/// A program that runs while a test goes on.
public final class Background: @unchecked Sendable {
    private let process = Process()

    public init(_ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    /// Waits until it ends by itself.
    public func wait() { process.waitUntilExit() }

    /// Ends it as Ctrl-C does, and waits for it.
    public func stop() {
        guard process.isRunning else { return }
        process.interrupt()
        process.waitUntilExit()
    }
}
