import Foundation

/// What a key on the terminal asks for while `webcam` runs.
enum KeyCommand: Equatable {
    case nextLook, privacy, stronger, weaker, bypass, choosePrimary, help, quit
    /// Bypass shows bare faces: it takes a second key.
    case askForBypass
}

/// Keys to commands. Only `bypass` has a state: it must be confirmed by `y`, any other key withdraws it.
struct KeyReader {
    private var confirmsBypass = false

    mutating func read(_ byte: UInt8) -> KeyCommand? {
        defer { confirmsBypass = byte == UInt8(ascii: "b") }
        if confirmsBypass { return byte == UInt8(ascii: "y") ? .bypass : nil }
        switch byte {
        case UInt8(ascii: "n"): return .nextLook
        case UInt8(ascii: "p"), UInt8(ascii: " "): return .privacy
        case UInt8(ascii: "+"), UInt8(ascii: "="): return .stronger
        case UInt8(ascii: "-"): return .weaker
        case UInt8(ascii: "f"): return .choosePrimary
        case UInt8(ascii: "b"): return .askForBypass
        case UInt8(ascii: "q"): return .quit
        case UInt8(ascii: "?"), UInt8(ascii: "h"): return .help
        default: return nil
        }
    }

    static let help = "keys: n next look, p privacy, + and - strength, f this face, b bare picture (asks), q quit"
}

/// Reads single keys where standard input is a terminal, on a thread of its own; the terminal's mode is given back by `stop`.
final class TerminalKeys: @unchecked Sendable {
    private var before = termios()
    private let ending: [Int32]

    /// nil where standard input is no terminal, or belongs to another job.
    init?(press: @escaping @Sendable (KeyCommand) -> Void) {
        var pipes: [Int32] = [0, 0]
        guard isatty(0) == 1, tcgetpgrp(0) == getpgrp(), tcgetattr(0, &before) == 0, pipe(&pipes) == 0 else { return nil }
        ending = pipes
        var mode = before
        mode.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(0, TCSANOW, &mode)
        let end = pipes[0]
        let thread = Thread {
            var reader = KeyReader(), byte: UInt8 = 0
            while true {
                var watched = [pollfd(fd: 0, events: Int16(POLLIN), revents: 0), pollfd(fd: end, events: Int16(POLLIN), revents: 0)]
                guard poll(&watched, 2, -1) > 0 || errno == EINTR, watched[1].revents == 0 else { return }
                guard watched[0].revents != 0 else { continue }
                guard Glibc.read(0, &byte, 1) == 1 else { return }
                if let command = reader.read(byte) { press(command) }
            }
        }
        thread.name = "keys"
        thread.start()
    }

    /// Gives the terminal back as it was.
    func stop() {
        var byte: UInt8 = 0
        write(ending[1], &byte, 1)
        tcsetattr(0, TCSANOW, &before)
    }
}
