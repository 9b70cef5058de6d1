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
    func start(framesPerSecond rate: Double, ready: () -> Void) throws -> MakeupFrameFilter {
        let makeup = command.makeup
        let look = try loadLook(makeup.reference, precision: makeup.precision)
        let made = try filter(look, rate: rate)
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

    /// A filter that predicts as was asked for. By itself: every picture waits for its own prediction and all threads share it, where
    /// one processor could do it alone in nine tenths of its time; else predictions are made aside.
    private func filter(_ look: Look, rate: Double) throws -> MakeupFilter {
        func make(team: Int) throws -> MakeupFilter {
            let filter = try MakeupFilter(
                look: look, recipe: command.makeup.recipe, faces: command.makeup.policy, precision: command.makeup.precision, team: team)
            filter.reusesPredictions = !command.makeup.noReuse
            return filter
        }
        if command.predict == .inside { return try make(team: command.team) }
        let alone = try make(team: 1), load = alone.millisecondsPerFrame() * rate / 1000
        if command.predict == .auto, load <= 0.9 { return try make(team: command.team) }
        alone.predictsAsideEvery = Self.interval(load: load)
        return alone
    }

    /// How often to predict so that not more than 0.85 of a processor is busy: of what a frame takes, a prediction is two thirds.
    private static func interval(load: Double) -> Int { (2...3).first { load * (1 + 2 / Double($0)) / 3 <= 0.85 } ?? 4 }

    /// Gives back the terminal and the socket.
    func stop() {
        keys?.stop()
        watching?.cancel()
        socket?.stop()
    }
}
