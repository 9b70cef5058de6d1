import CKernels
import Foundation

/// The kernel tables, slowest first. The environment variable `SSAT_CPU` (`reference`, `avx2`, `avxvnni`, `avx512vnni`,
/// `neon`) can only lower the level that the processor has.
public enum InstructionSet: Int, Comparable, CaseIterable, Sendable, CustomStringConvertible {
    case reference = 0
    case avx2 = 1
    /// VNNI of 256 bits: processors without AVX-512, such as Intel's since Alder Lake.
    case avxvnni = 2
    case avx512vnni = 3
    /// Arm with the dot product of bytes.
    case neon = 4

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    public var description: String {
        switch self {
        case .reference: "reference"
        case .avx2: "avx2"
        case .avxvnni: "avxvnni"
        case .avx512vnni: "avx512vnni"
        case .neon: "neon"
        }
    }

    /// What this process uses, decided once.
    public static let current: InstructionSet = {
        let detected = InstructionSet(rawValue: Int(ssat_detect_level().rawValue)) ?? .reference
        guard let wish = ProcessInfo.processInfo.environment["SSAT_CPU"],
            let lowered = allCases.first(where: { $0.description == wish.lowercased() })
        else { return detected }
        return min(detected, lowered)
    }()

    /// The table of this level, or nil where the machine or the build lacks it.
    package var kernels: UnsafePointer<ssat_kernels>? {
        ssat_kernels_for_level(ssat_level(UInt32(rawValue)))
    }
}
