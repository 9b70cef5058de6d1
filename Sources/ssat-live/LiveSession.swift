import Foundation
import SSATCore
import Video

/// The filter of a live run and everything by which the user reaches it: socket, keys, the reference's file.
///
/// Threads: `start` is called by the filter's thread, `stop` after it has ended; `filter` is for afterwards.
final class LiveSession: @unchecked Sendable {
    private let command: WebcamCommand
    private let live: LiveControl
    private let cancellation: Cancellation
    private(set) var filter: MakeupFrameFilter?
    private var socket: ControlSocket?
    private var watching: DispatchSourceTimer?
    private var keys: TerminalKeys?

    init(command: WebcamCommand, live: LiveControl, cancellation: Cancellation) {
        (self.command, self.live, self.cancellation) = (command, live, cancellation)
    }

    /// Loads the networks and the reference, and listens. `ready` is called when all of it is there.
    /// - Throws: `LookError`, `SafetensorsError`, `VideoError` for the reference, `ControlError` for the socket.
    func start(ready: () -> Void) throws -> MakeupFrameFilter {
        let makeup = command.makeup
        let look = try loadLook(makeup.reference, precision: makeup.precision)
        let made = try MakeupFilter(
            look: look, recipe: makeup.recipe, faces: makeup.policy, precision: makeup.precision, team: command.team)
        made.whenLost = command.onLost
        made.blursOthers = command.others == .blur
        let state = ControlState(filter: made, live: live, looks: [makeup.reference] + command.nextReferences, precision: makeup.precision)
        if command.control != "none" { socket = try ControlSocket(path: command.control) { state.answer($0) } }
        watching = state.reloadWhenChanged()
        let cancellation = cancellation
        keys = TerminalKeys { $0 == .quit ? cancellation.cancel() : say(state.press($0)) }
        if keys != nil, command.progress != .none { say(KeyReader.help) }
        let filter = MakeupFrameFilter(filter: made, comparison: nil)
        self.filter = filter
        ready()
        return filter
    }

    /// Gives back the terminal and the socket.
    func stop() {
        keys?.stop()
        watching?.cancel()
        socket?.stop()
    }
}
