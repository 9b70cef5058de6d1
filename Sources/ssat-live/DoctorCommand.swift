import ArgumentParser
import Capture
import Foundation
import SSATCore
import Video

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Shows what this machine has: processor and its speed, codecs, virtual camera, cameras, permissions.")

    @Flag(help: "As JSON, on standard output.") var json = false
    @Flag(inversion: .prefixedNo, help: "Measure how fast this machine filters; takes a second.") var speed = true
    @Flag(help: "Also take pictures of every camera for two seconds, and tell how many come.") var measureCameras = false

    func run() throws {
        try reporting {
            let examination = try Examination(speed: speed, cameras: measureCameras)
            if json {
                let data = try JSONSerialization.data(withJSONObject: examination.values, options: [.prettyPrinted, .sortedKeys])
                FileHandle.standardOutput.write(data)
                print()
            } else {
                print(examination.lines.joined(separator: "\n"))
            }
        }
    }
}

/// What there is on this machine, and what to do about what is missing.
private struct Examination {
    private let cores = ProcessInfo.processInfo.activeProcessorCount
    private let devices = DeviceList.all()
    private let module = LoopbackModule.find(), secureBoot = LoopbackModule.secureBoot()
    private let decoders = Codecs.decoders(of: ["h264", "hevc", "vp8", "vp9", "libdav1d", "av1", "mpeg4", "mjpeg"])
    private let encoders = Codecs.encoders(of: ["libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg4", "ffv1", "mjpeg", "png"])
    private let filter: FilterSpeed?
    /// Pictures a second by device, as they came.
    private var measured: [String: Double] = [:]
    private let closed: [String]
    private let inGroup: Bool
    private var team: Int { min(cores, 4) }

    init(speed: Bool, cameras: Bool) throws {
        filter = try speed ? FilterSpeed.measure(team: min(cores, 4)) : nil
        closed = ((try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []).sorted()
            .filter { $0.hasPrefix("video") && Int($0.dropFirst(5)) != nil && access("/dev/\($0)", R_OK | W_OK) != 0 }.map { "/dev/\($0)" }
        inGroup = Examination.isInGroupVideo
        guard cameras else { return }
        for device in devices where device.isCamera && !device.isOutput {
            measured[device.path] = Examination.rate(of: device.path)
        }
    }

    private static var isInGroupVideo: Bool {
        guard let group = getgrnam("video")?.pointee.gr_gid else { return false }
        var groups = [gid_t](repeating: 0, count: 256)
        let count = getgroups(256, &groups)
        return getegid() == group || groups.prefix(Int(max(count, 0))).contains(group)
    }

    /// Pictures a second in two seconds; nil where the camera cannot be used.
    private static func rate(of path: String) -> Double? {
        guard let camera = try? Camera(path: path), let first = try? camera.next(seconds: 3) else { return nil }
        var count = 0, last = first.pts
        let end = monotonicNanoseconds() + 2_000_000_000
        while monotonicNanoseconds() < end, let frame = try? camera.next(seconds: 1) { (count, last) = (count + 1, frame.pts) }
        return last > first.pts ? Double(count) * 1e9 / Double(last - first.pts) : nil
    }

    // MARK: for people

    var lines: [String] {
        var all = ["processor: \(cores) core\(cores == 1 ? "" : "s"), kernels for \(InstructionSet.current.description)"]
        if let filter {
            all.append(String(format: "speed: %.0f frames a second with one face at 1280x720, threads: %d", filter.framesPerSecond, team))
        }
        all += ["decoders: \(decoders.joined(separator: " "))", "encoders: \(encoders.joined(separator: " "))"]
        return all + moduleLines + outputLines + cameraLines + permissionLines
    }

    private var moduleLines: [String] {
        let boot = secureBoot.map { $0 ? "on" : "off" } ?? "unknown (no EFI variables)"
        switch module {
        case .loaded(let version): return ["v4l2loopback: loaded\(version.map { ", version \($0)" } ?? "")", "Secure Boot: \(boot)"]
        case .installed:
            return [
                "v4l2loopback: installed, not loaded",
                "  sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=\"ssat-live\"", "Secure Boot: \(boot)",
            ] + signingAdvice
        case .missing:
            return [
                "v4l2loopback: not installed for this kernel", "  sudo apt-get install v4l2loopback-dkms linux-headers-$(uname -r)",
                "  sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=\"ssat-live\"", "Secure Boot: \(boot)",
            ] + signingAdvice
        }
    }

    private var signingAdvice: [String] {
        guard secureBoot == true else { return [] }
        return [
            "  the kernel loads signed modules only ('Key was rejected by service' else): enrol the key that DKMS signs with,",
            "  sudo mokutil --import /var/lib/dkms/mok.pub, then restart and confirm it",
        ]
    }

    private var outputLines: [String] {
        let outputs = devices.filter(\.isOutput)
        guard outputs.isEmpty else {
            return ["virtual cameras:"] + outputs.map { "  \($0.path)  \($0.card)\($0.isLoopback ? "" : "  (not v4l2loopback)")" }
        }
        let inUse = devices.filter { $0.isLoopback }
        if !inUse.isEmpty { return ["virtual cameras: \(inUse.map(\.path).joined(separator: ", ")), written to by another program"] }
        return ["virtual cameras: none"]
    }

    private var cameraLines: [String] {
        let cameras = devices.filter(\.isCamera)
        guard !cameras.isEmpty else { return ["cameras: none"] }
        return ["cameras:"] + cameras.flatMap { camera -> [String] in
            let best = CameraMode.nearest(camera.modes, width: nil, height: nil, framesPerSecond: nil)
            let taken = best.map { "\(name($0)), \($0.layout.rawValue), is taken if nothing is asked for" } ?? "no format that is understood"
            let rate = measured[camera.path].map { String(format: "; %.1f frames a second came", $0) } ?? ""
            return ["  \(camera.path)  \(camera.card)  \(taken)\(rate)"] + formatLines(camera)
        }
    }

    private func formatLines(_ camera: DeviceDescription) -> [String] {
        let known = RawLayout.allCases.compactMap { layout -> String? in
            let modes = camera.modes.filter { $0.layout == layout }
            var fastest: [String: CameraMode] = [:], order: [String] = []
            for mode in modes {
                let size = "\(mode.width)x\(mode.height)"
                if fastest[size] == nil { order.append(size) }
                if mode.framesPerSecond > fastest[size]?.framesPerSecond ?? 0 { fastest[size] = mode }
            }
            return modes.isEmpty ? nil : "    \(layout.rawValue): " + order.map { name(fastest[$0]!) }.joined(separator: ", ")
        }
        return known + (camera.otherFormats.isEmpty ? [] : ["    not understood: \(camera.otherFormats.joined(separator: " "))"])
    }

    private func name(_ mode: CameraMode) -> String { String(format: "%dx%d at %g", mode.width, mode.height, mode.framesPerSecond) }

    private var permissionLines: [String] {
        let member = "group video: \(inGroup ? "you are in it" : "you are not in it")"
        guard !closed.isEmpty else { return [member] }
        return [member, "no permission for: \(closed.joined(separator: ", "))", "  sudo usermod -aG video $USER, then log in again"]
    }

    // MARK: for programs

    var values: [String: Any] {
        var all: [String: Any] = [
            "cores": cores, "instruction_set": InstructionSet.current.description, "decoders": decoders, "encoders": encoders,
            "in_group_video": inGroup, "no_permission": closed, "devices": devices.map(values),
        ]
        switch module {
        case .loaded(let version): all["v4l2loopback"] = version ?? "loaded"
        case .installed: all["v4l2loopback"] = "installed"
        case .missing: all["v4l2loopback"] = "missing"
        }
        all["secure_boot"] = secureBoot
        all["filter_fps"] = filter?.framesPerSecond
        return all
    }

    private func values(_ device: DeviceDescription) -> [String: Any] {
        var all: [String: Any] = [
            "path": device.path, "card": device.card, "driver": device.driver, "camera": device.isCamera, "output": device.isOutput,
            "loopback": device.isLoopback, "not_understood": device.otherFormats,
            "modes": device.modes.map {
                ["layout": $0.layout.rawValue, "width": $0.width, "height": $0.height, "fps": $0.framesPerSecond] as [String: Any]
            },
        ]
        all["measured_fps"] = measured[device.path]
        return all
    }
}
