import Foundation
import TestSupport

/// The built program and the samples.
enum Binary {
    /// Beside the test bundle, wherever the build folder is.
    static let path = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("ssat-live").path

    static let clip = Tool.root.appendingPathComponent("samples/astronaut.mp4").path
    static func reference(_ name: String) -> String { Tool.root.appendingPathComponent("samples/\(name).jpg").path }

    static func run(
        _ arguments: [String], input: String? = nil, output: String? = nil, environment: [String: String] = [:],
        started: ((Int32) -> Void)? = nil
    ) throws -> Outcome {
        try Tool.run([path] + arguments, input: input, output: output, environment: environment, started: started)
    }

    /// `apply` into lossless video.
    static func apply(_ input: String, _ output: String, _ more: [String] = [], reference: String = "plum", environment: [String: String] = [:])
        throws -> Outcome
    {
        let video = output.hasSuffix(".mkv") ? ["--encoder", "ffv1"] : []
        return try run(
            ["apply", input, "-r", reference.contains("/") ? reference : Self.reference(reference), "-o", output] + video + more,
            environment: environment)
    }
}
