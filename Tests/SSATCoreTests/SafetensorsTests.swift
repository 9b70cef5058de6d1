import Foundation
import Testing

import SSATCore

/// The reader gets files from strangers: it may refuse, it may never crash or read beyond the file.
@Suite struct SafetensorsTests {
    private func sound() throws -> Data {
        var writer = Safetensors.Writer(metadata: ["format": "test", "name": "a \"quoted\" name"])
        writer.add("one", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
        writer.add("two", shape: [4], floats: [-1, 0.5, .pi, 1e9])
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: path) }
        try writer.write(toPath: path.path)
        return try Data(contentsOf: path)
    }

    private func readAll(_ data: Data) -> Bool {
        guard let file = try? Safetensors(data: data, source: "test") else { return false }
        _ = file.metadata["name"]
        for name in ["one", "two"] { _ = try? file.floats(named: name, shape: nil) }
        _ = try? file.uint8s(named: "one", shape: nil)
        return true
    }

    @Test func roundTrip() throws {
        let file = try Safetensors(data: sound(), source: "test")
        #expect(try file.floats(named: "one", shape: [2, 3]) == [1, 2, 3, 4, 5, 6])
        #expect(try file.floats(named: "two", shape: [4]) == [-1, 0.5, .pi, 1e9])
        #expect(file.metadata["name"] == "a \"quoted\" name")
        #expect(throws: SafetensorsError.self) { try file.floats(named: "one", shape: [3, 2]) }
        #expect(throws: SafetensorsError.self) { try file.floats(named: "three", shape: nil) }
    }

    @Test func everyTruncationIsRefused() throws {
        let data = try sound()
        for length in 0..<data.count { #expect(!readAll(data.prefix(length)), "cut to \(length)") }
        #expect(readAll(data))
        #expect(!readAll(data + Data([0])), "trailing bytes")
    }

    @Test func thousandsOfMutations() throws {
        let data = try sound()
        var state: UInt64 = 11
        func next(_ n: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % n
        }
        for _ in 0..<6000 {
            var bytes = [UInt8](data)
            for _ in 0...next(4) {
                switch next(4) {
                case 0: bytes[next(bytes.count)] = UInt8(next(256))
                case 1: bytes[next(8)] = UInt8(next(256))
                case 2: bytes.remove(at: next(bytes.count))
                default: bytes.insert([UInt8](repeating: 0x5B, count: 1)[0], at: next(bytes.count))
                }
            }
            _ = readAll(Data(bytes))
        }
    }

    @Test func hostileHeaders() {
        func file(_ header: String, _ body: Int = 8) -> Data {
            var data = Data()
            withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
            return data + Data(header.utf8) + Data(count: body)
        }
        for header in [
            "{}", "[]", "null", "{\"one\":1}", "{\"one\":{}}", "{\"one\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",
            "{\"one\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "{\"one\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
            "{\"one\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}",
            "{\"one\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,2],\"data_offsets\":[0,8]}}",
            "{\"one\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", "{\"one\":{\"dtype\":\"X9\",\"shape\":[2],\"data_offsets\":[0,8]}}",
            "{\"one\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[9223372036854775800,9223372036854775807]}}",
            "{\"one\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,10]}}", String(repeating: "[", count: 5000),
            "{\"__metadata__\":{\"a\":1},\"one\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        ] {
            let data = file(header)
            let good = (try? Safetensors(data: data, source: "test").floats(named: "one", shape: nil)) != nil
            #expect(!good, "\(header.prefix(80))")
        }
        var huge = Data(repeating: 0xff, count: 8)
        huge.append(Data("{}".utf8))
        #expect(!readAll(huge))
    }

    @Test func builtInWeightsAreSound() throws {
        for precision in Precision.allCases {
            #expect(try Models.ssatLive(precision).metadata["softmax_axis"] == "reference")
            _ = try Models.faceMesh(precision)
            _ = try Models.faceDetector(precision)
        }
    }
}
