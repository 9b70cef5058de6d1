import CFFmpegUtil
import Foundation

/// What went wrong with a file, in one line for the user.
public enum VideoError: Error, CustomStringConvertible, Sendable {
    case unreadable(String, String)
    case unsupported(String, String)
    case unwritable(String, String)
    case encoder(String, String)
    case failed(String, Int32)

    public enum Kind: Sendable { case input, output, usage, internalFailure }

    public var kind: Kind {
        switch self {
        case .unreadable, .unsupported: .input
        case .unwritable: .output
        case .encoder: .usage
        case .failed: .internalFailure
        }
    }

    public var description: String {
        switch self {
        case .unreadable(let path, let why): "\(path): \(why)"
        case .unsupported(let path, let why): "\(path): \(why)"
        case .unwritable(let path, let why): "\(path): \(why)"
        case .encoder(let name, let why): "encoder '\(name)': \(why)"
        case .failed(let what, let code): "\(what): \(Self.text(code))"
        }
    }

    /// FFmpeg's text for an error code.
    static func text(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        av_strerror(code, &buffer, 256)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Calls FFmpeg and throws what it reports.
@discardableResult
func check(_ code: Int32, _ what: @autoclosure () -> String) throws -> Int32 {
    if code < 0 { throw VideoError.failed(what(), code) }
    return code
}
