import Foundation
import SSATCore
import Video

/// What may be changed while `webcam` runs: one JSON object on a line, answered by one.
///
/// Keys: `look` (path), `next` (true: the next of the references that webcam was given), `strength`, `lips`, `eyes`, `skin`,
/// `brows`, `tone` (0...1), `privacy` (true or false), `primary` (true: the largest face is the primary one from now on). The
/// answer is the state after it, or `error`. An empty object asks for the state.
struct ControlRequest: Codable {
    var look: String?
    var strength, lips, eyes, skin, brows, tone: Float?
    var privacy: Bool?
    var next, primary: Bool?

    /// - Throws: `ControlError` where a strength lies outside 0...1.
    func applied(to recipe: Recipe) throws -> Recipe {
        var out = recipe
        let changes: [(Float?, WritableKeyPath<Recipe, Float>)] = [
            (strength, \.strength), (lips, \.lips), (eyes, \.eyes), (skin, \.skin), (brows, \.brows), (tone, \.tone),
        ]
        for case (let value?, let path) in changes {
            guard (0...1).contains(value) else { throw ControlError.strength }
            out[keyPath: path] = value
        }
        return out
    }
}

enum ControlError: Error, CustomStringConvertible {
    case strength
    case notRunning(String)
    case inUse(String)
    case failed(String, Int32)

    var description: String {
        switch self {
        case .strength: "strengths must lie between 0 and 1"
        case .notRunning(let path): "\(path): no 'ssat-live webcam' is running there"
        case .inUse(let path): "\(path): another 'ssat-live webcam' listens there; give this one a --control of its own"
        case .failed(let path, let code): "\(path): cannot be used (\(String(cString: strerror(code))))"
        }
    }
}

/// A Unix socket of the user's own, where `ssat-live control` talks to a running `webcam`. The thread that answers is its own;
/// changes reach the filter as single pointers, so no frame waits for them.
final class ControlSocket: @unchecked Sendable {
    private let descriptor: Int32
    private let path: String

    /// In $XDG_RUNTIME_DIR, which only the user may enter; else in the temporary folder.
    static var defaultPath: String {
        let folder = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"] ?? NSTemporaryDirectory()
        return (folder as NSString).appendingPathComponent("ssat-live-\(getuid()).sock")
    }

    /// Listens. `answer` is called on the socket's thread with every line.
    /// - Throws: `ControlError` where another program listens there or the path cannot be used.
    init(path: String, answer: @escaping @Sendable (String) -> String) throws {
        self.path = path
        if let other = try? ControlSocket.connect(path) {
            close(other)
            throw ControlError.inUse(path)
        }
        unlink(path)
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = try ControlSocket.withAddress(path) { bind(descriptor, $0, $1) }
        guard bound == 0, chmod(path, 0o600) == 0, listen(descriptor, 4) == 0 else {
            let code = errno
            close(descriptor)
            throw ControlError.failed(path, code)
        }
        let listening = descriptor
        let thread = Thread {
            while true {
                let client = accept(listening, nil, nil)
                if client < 0 { return }
                ControlSocket.serve(client, answer)
            }
        }
        thread.name = "control"
        thread.start()
    }

    /// Stops listening and removes the socket.
    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
        unlink(path)
    }

    /// Sends one line to a running program and returns its answer.
    /// - Throws: `ControlError.notRunning`.
    static func ask(_ path: String, _ line: String) throws -> String {
        let client = try connect(path)
        defer { close(client) }
        let bytes = Array((line + "\n").utf8)
        guard write(client, bytes, bytes.count) == bytes.count, let answer = readLine(client) else { throw ControlError.notRunning(path) }
        return answer
    }

    private static let longestLine = 64 << 10

    private static func serve(_ client: Int32, _ answer: (String) -> String) {
        defer { close(client) }
        // A program that connects and says nothing must not keep others out.
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        while let line = readLine(client) {
            let bytes = Array((answer(line) + "\n").utf8)
            guard send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return }
        }
    }

    private static func readLine(_ client: Int32) -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < longestLine, read(client, &byte, 1) == 1 {
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }

    private static func connect(_ path: String) throws -> Int32 {
        let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard try withAddress(path, { Glibc.connect(client, $0, $1) }) == 0 else {
            close(client)
            throw ControlError.notRunning(path)
        }
        return client
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw ControlError.failed(path, ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
