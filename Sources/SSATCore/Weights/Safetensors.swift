import Foundation

/// Reads and writes the safetensors format: u64 little-endian header length, JSON header, tensors without holes.
/// Every length is checked before it is believed. Immutable after reading, so any thread may use one.
public struct Safetensors: Sendable {
    public enum ElementType: String, Sendable {
        case f32 = "F32", f16 = "F16", i8 = "I8", u8 = "U8", i32 = "I32", i64 = "I64"
        var size: Int {
            switch self {
            case .i8, .u8: 1
            case .f16: 2
            case .f32, .i32: 4
            case .i64: 8
            }
        }
    }

    struct Entry: Sendable {
        let type: ElementType
        let shape: [Int]
        let range: Range<Int>
    }

    public let metadata: [String: String]
    private let entries: [String: Entry]
    private let data: Data
    private let source: String

    private static let largestHeader = 16 << 20

    /// - Throws: `SafetensorsError`.
    public init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else { throw SafetensorsError.unreadable(path) }
        try self.init(data: data, source: path)
    }

    /// - Parameter source: what error messages call the file.
    /// - Throws: `SafetensorsError`.
    public init(data: Data, source: String) throws {
        func bad(_ what: String) -> SafetensorsError { .malformed(source, what) }
        let data = data.startIndex == 0 ? data : Data(data)
        guard data.count >= 8 else { throw bad("shorter than its header") }
        let length = data.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(Self.largestHeader), Int(length) <= data.count - 8 else { throw bad("header length \(length)") }
        let start = 8 + Int(length)
        guard let object = try? JSONSerialization.jsonObject(with: data.subdata(in: 8..<start)),
            let header = object as? [String: Any]
        else { throw bad("header is not a JSON object") }

        var entries: [String: Entry] = [:]
        for (name, value) in header where name != "__metadata__" {
            guard let fields = value as? [String: Any], let typeName = fields["dtype"] as? String,
                let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int], offsets.count == 2
            else { throw bad("tensor '\(name)' lacks dtype, shape or data_offsets") }
            guard let type = ElementType(rawValue: typeName) else { throw bad("tensor '\(name)' has type \(typeName)") }
            guard shape.count <= 8, shape.allSatisfy({ $0 >= 0 }), offsets[0] >= 0, offsets[1] >= offsets[0],
                offsets[1] <= data.count - start
            else { throw bad("tensor '\(name)' lies outside the file") }
            var size = type.size
            for dimension in shape {
                let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
                guard !overflow else { throw bad("tensor '\(name)' is too large") }
                size = product
            }
            guard size == offsets[1] - offsets[0] else { throw bad("tensor '\(name)': shape and length differ") }
            entries[name] = Entry(type: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
        }
        var end = start
        for entry in entries.values.sorted(by: { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }) {
            guard entry.range.lowerBound == end else { throw bad("tensors overlap or leave a hole") }
            end = entry.range.upperBound
        }
        guard end == data.count else { throw bad("bytes after the last tensor") }
        if let metadata = header["__metadata__"] {
            guard let strings = metadata as? [String: String] else { throw bad("__metadata__ must hold strings") }
            self.metadata = strings
        } else {
            metadata = [:]
        }
        self.entries = entries
        self.data = data
        self.source = source
    }

    public var names: [String] { entries.keys.sorted() }

    private func entry(_ name: String, _ shape: [Int]?, _ types: [ElementType]) throws -> Entry {
        guard let entry = entries[name] else { throw SafetensorsError.malformed(source, "tensor '\(name)' is missing") }
        guard types.contains(entry.type) else {
            throw SafetensorsError.malformed(source, "tensor '\(name)' has type \(entry.type.rawValue)")
        }
        if let shape, shape != entry.shape {
            throw SafetensorsError.malformed(source, "tensor '\(name)' has shape \(entry.shape), not \(shape)")
        }
        return entry
    }

    private func values<T>(_ entry: Entry, _ type: T.Type) -> [T] {
        let count = entry.range.count / MemoryLayout<T>.size
        return data.withUnsafeBytes { bytes in
            [T](unsafeUninitializedCapacity: count) { buffer, initialized in
                if entry.range.count > 0 { memcpy(buffer.baseAddress!, bytes.baseAddress! + entry.range.lowerBound, entry.range.count) }
                initialized = count
            }
        }
    }

    /// The shape of a tensor, or nil when there is none of that name.
    public func shape(of name: String) -> [Int]? { entries[name]?.shape }

    /// F32, or F16 widened. `shape` nil accepts any.
    public func floats(named name: String, shape: [Int]?) throws -> [Float] {
        let entry = try entry(name, shape, [.f32, .f16])
        return entry.type == .f32 ? values(entry, Float.self) : values(entry, UInt16.self).map(Self.widen)
    }

    public func int8s(named name: String, shape: [Int]?) throws -> [Int8] { values(try entry(name, shape, [.i8]), Int8.self) }
    public func uint8s(named name: String, shape: [Int]?) throws -> [UInt8] { values(try entry(name, shape, [.u8]), UInt8.self) }
    public func int32s(named name: String, shape: [Int]?) throws -> [Int32] { values(try entry(name, shape, [.i32]), Int32.self) }

    /// IEEE half to single. By hand, because Float16 is not available on every processor that Swift runs on.
    static func widen(_ half: UInt16) -> Float {
        let sign = UInt32(half & 0x8000) << 16, exponent = UInt32(half >> 10) & 0x1f, fraction = UInt32(half & 0x3ff)
        if exponent == 0 { return (sign == 0 ? 1 : -1) * Float(fraction) * 0x1p-24 }
        let wide = exponent == 31 ? 255 : exponent + 112
        return Float(bitPattern: sign | wide << 23 | fraction << 13)
    }

    /// Collects tensors and writes them aside, then renames.
    public struct Writer {
        private let metadata: [String: String]
        private var tensors: [(name: String, type: ElementType, shape: [Int], bytes: Data)] = []

        public init(metadata: [String: String]) { self.metadata = metadata }

        public mutating func add(_ name: String, shape: [Int], floats: [Float]) {
            tensors.append((name, .f32, shape, floats.withUnsafeBytes { Data($0) }))
        }

        public func encoded() throws -> Data {
            var header: [String: Any] = ["__metadata__": metadata]
            var body = Data()
            for tensor in tensors.sorted(by: { $0.name < $1.name }) {
                header[tensor.name] = [
                    "dtype": tensor.type.rawValue, "shape": tensor.shape, "data_offsets": [body.count, body.count + tensor.bytes.count],
                ]
                body.append(tensor.bytes)
            }
            var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
            while json.count % 8 != 0 { json.append(0x20) }
            var out = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
            out.append(json)
            out.append(body)
            return out
        }

        /// - Throws: `SafetensorsError.unwritable`.
        public func write(toPath path: String) throws {
            let part = path + ".part"
            do {
                try encoded().write(to: URL(fileURLWithPath: part))
                guard rename(part, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
            } catch {
                unlink(part)
                throw SafetensorsError.unwritable(path)
            }
        }
    }
}

public enum SafetensorsError: Error, CustomStringConvertible, Equatable {
    case unreadable(String)
    case unwritable(String)
    case malformed(String, String)

    public var description: String {
        switch self {
        case .unreadable(let path): "\(path): cannot be read; check the path and its permissions"
        case .unwritable(let path): "\(path): cannot be written; check the folder, its permissions and the free space"
        case .malformed(let source, let what): "\(source): damaged or not a safetensors file (\(what))"
        }
    }
}
