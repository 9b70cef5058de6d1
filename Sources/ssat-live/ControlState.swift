import Foundation
import SSATCore
import Video

/// The state that `ssat-live control` asks for and changes.
final class ControlState: @unchecked Sendable {
    private let lock = NSLock()
    private let filter: MakeupFilter
    private let live: LiveControl
    private let precision: Precision
    /// References that `next` goes through; the one that is worn may be another.
    private let looks: [String]
    private var look: String
    private var loaded: Date?
    private var maker: LookMaker?
    /// The strength to come back to; nil while makeup is worn.
    private var bypassed: Float?

    /// - Parameter looks: at least one; the first is worn.
    init(filter: MakeupFilter, live: LiveControl, looks: [String], precision: Precision) {
        (self.filter, self.live, self.looks, self.look, self.precision) = (filter, live, looks, looks[0], precision)
        loaded = Self.modified(look)
    }

    /// Does what a key asks for, and says what is so now.
    func press(_ key: KeyCommand) -> String {
        switch key {
        case .help, .quit: return KeyReader.help
        case .askForBypass: return bypassed == nil ? "bare picture, without makeup? press y" : "makeup again? press y"
        case .privacy:
            live.privacy.toggle()
            return live.privacy ? "privacy: the placeholder is shown" : "privacy: off"
        case .choosePrimary:
            filter.choosePrimary()
            return "primary face: the largest from now on (with --faces primary)"
        case .nextLook:
            return lock.withLock {
                do {
                    try wearNext()
                    return "look: \(look)"
                } catch { return "\(error)" }
            }
        case .bypass:
            return lock.withLock {
                toggleBypass()
                return bypassed == nil ? "makeup: on" : "makeup: off, the bare picture is shown"
            }
        case .stronger, .weaker:
            return lock.withLock {
                if bypassed != nil { toggleBypass() }
                filter.recipe.strength = min(max(filter.recipe.strength + (key == .stronger ? 0.1 : -0.1), 0.1), 1)
                return String(format: "strength: %.1f", filter.recipe.strength)
            }
        }
    }

    private func toggleBypass() {
        if let strength = bypassed {
            filter.recipe.strength = strength
            bypassed = nil
        } else {
            bypassed = filter.recipe.strength
            filter.recipe.strength = 0
        }
    }

    private func wearNext() throws {
        let at = looks.firstIndex(of: look) ?? -1
        try wear(looks[(at + 1) % looks.count])
    }

    private func wear(_ path: String) throws {
        filter.look = try LowPriority.run { [self] in try load(path) }
        look = path
        loaded = Self.modified(path)
    }

    /// The networks that references are read with are kept: making them anew costs more than the reading, and memory grows by it.
    private func load(_ path: String) throws -> Look {
        if path.hasSuffix(".look") { return try Look(contentsOfFile: path) }
        if maker == nil { maker = try LookMaker(precision: precision) }
        return try loadLook(path, maker!)
    }

    private static func modified(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }

    /// Answers one line. What cannot be done changes nothing.
    func answer(_ line: String) -> String {
        lock.withLock {
            do {
                let request = try JSONDecoder().decode(ControlRequest.self, from: Data(line.utf8))
                let recipe = try request.applied(to: filter.recipe)
                if let path = request.look { try wear(path) } else if request.next == true { try wearNext() }
                if request.strength != nil { bypassed = nil }
                filter.recipe = recipe
                if request.primary == true { filter.choosePrimary() }
                if let privacy = request.privacy { live.privacy = privacy }
                return state
            } catch let error as DecodingError {
                return encode(["error": "not a request that is understood (\(error))"])
            } catch {
                return encode(["error": "\(error)"])
            }
        }
    }

    private var state: String {
        let r = filter.recipe
        return encode([
            "look": look, "strength": r.strength, "lips": r.lips, "eyes": r.eyes, "skin": r.skin, "brows": r.brows, "tone": r.tone,
            "privacy": live.privacy,
        ])
    }

    private func encode(_ values: [String: Any]) -> String {
        let data = (try? JSONSerialization.data(withJSONObject: values, options: [.sortedKeys, .withoutEscapingSlashes])) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    /// Loads the reference again when its file was written to. A file that cannot be used just then is left for the next time.
    func reloadWhenChanged() -> DispatchSourceTimer {
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { [self] in
            lock.withLock {
                guard let now = Self.modified(look), now != loaded, let new = try? LowPriority.run({ [self] in try load(look) }) else { return }
                filter.look = new
                loaded = now
                say("\(look): changed, loaded again")
            }
        }
        timer.resume()
        return timer
    }
}

/// Work that must not hold up the picture.
enum LowPriority {
    /// Does it on a thread of its own that gives way to others, and waits for it.
    static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) throws -> Result {
        let done = DispatchSemaphore(value: 0), outcome = Outcome<Result>()
        let thread = Thread {
            // On Linux, 0 is this thread alone.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            outcome.value = Swift.Result { try work() }
            done.signal()
        }
        thread.stackSize = 8 << 20
        thread.start()
        done.wait()
        return try outcome.value!.get()
    }

    private final class Outcome<Value: Sendable>: @unchecked Sendable { var value: Swift.Result<Value, any Error>? }
}
