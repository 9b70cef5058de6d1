import ArgumentParser
import Capture
import Foundation
import SSATCore

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Shows what this machine has: processor, cameras, virtual camera, permissions.")

    @Flag(help: "As JSON, on standard output.") var json = false

    func run() throws {
        try reporting {
            let devices = DeviceList.all()
            if json { return try printJSON(devices) }
            print("processor: \(ProcessInfo.processInfo.activeProcessorCount) cores, kernels for \(InstructionSet.current.description)")
            let cameras = devices.filter(\.isCamera), outputs = devices.filter(\.isOutput)
            print(cameras.isEmpty ? "cameras: none" : "cameras:")
            for camera in cameras {
                let sizes = Set(camera.modes.map { "\($0.width)x\($0.height)" }).count
                let best = CameraMode.nearest(camera.modes, width: nil, height: nil, framesPerSecond: nil)
                let mode = best.map { "\($0.width)x\($0.height) at \(Int($0.framesPerSecond)) fps, \($0.layout.rawValue), is taken if nothing is asked for" }
                print("  \(camera.path)  \(camera.card)  \(sizes) sizes; \(mode ?? "no layout that is understood")")
            }
            print(outputs.isEmpty ? "virtual cameras: none" : "virtual cameras:")
            for device in outputs { print("  \(device.path)  \(device.card)\(device.isLoopback ? "" : "  (not v4l2loopback)")") }
            if outputs.isEmpty { adviseLoopback() }
            adviseGroup()
        }
    }

    private func adviseLoopback() {
        let loaded = (try? String(contentsOfFile: "/proc/modules", encoding: .utf8))?.contains("v4l2loopback ") ?? false
        if loaded {
            print("  the module v4l2loopback is loaded, but no device of it can be opened")
        } else {
            print("  sudo apt-get install v4l2loopback-dkms")
            print("  sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=\"ssat-live\"")
            print("  (with Secure Boot, the module must be signed: see its README)")
        }
    }

    private func adviseGroup() {
        let closed = ((try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []).sorted()
            .filter { $0.hasPrefix("video") && Int($0.dropFirst(5)) != nil && access("/dev/\($0)", R_OK | W_OK) != 0 }
        guard !closed.isEmpty else { return }
        print("no permission for: \(closed.map { "/dev/\($0)" }.joined(separator: ", "))")
        print("  sudo usermod -aG video $USER, then log in again")
    }

    private func printJSON(_ devices: [DeviceDescription]) throws {
        let values: [String: Any] = [
            "cores": ProcessInfo.processInfo.activeProcessorCount, "instruction_set": InstructionSet.current.description,
            "devices": devices.map { device -> [String: Any] in
                [
                    "path": device.path, "card": device.card, "driver": device.driver, "camera": device.isCamera, "output": device.isOutput,
                    "loopback": device.isLoopback,
                    "modes": device.modes.map { ["layout": $0.layout.rawValue, "width": $0.width, "height": $0.height, "fps": $0.framesPerSecond] as [String: Any] },
                ]
            },
        ]
        FileHandle.standardOutput.write(try JSONSerialization.data(withJSONObject: values, options: [.prettyPrinted, .sortedKeys]))
        print()
    }
}
