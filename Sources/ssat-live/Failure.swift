import ArgumentParser
import Capture
import Foundation
import SSATCore
import Video

/// Exit codes that users and scripts may rely on.
enum Exit: Int32 {
    case success = 0, internalFailure = 1, unreadableInput = 2, partOfBatch = 3, interrupted = 4, device = 5, invalidModel = 6, usage = 64
}

/// One clear line on standard error, and the exit code that belongs to it.
func reporting(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch let error as ExitCode {
        throw error
    } catch let error as ValidationError {
        throw error
    } catch {
        let code: Exit =
            switch error {
            case let error as VideoError:
                switch error.kind {
                case .input: .unreadableInput
                case .output, .internalFailure: .internalFailure
                case .usage: .usage
                }
            case let error as LookError:
                switch error {
                case .notALook, .otherVersion: .invalidModel
                case .noFace, .severalFaces: .unreadableInput
                }
            case let error as SafetensorsError:
                switch error {
                case .unwritable: .internalFailure
                case .unreadable: .unreadableInput
                case .malformed: .invalidModel
                }
            case is CaptureError, is ControlError: .device
            default: .internalFailure
            }
        say("\(error)")
        throw ExitCode(code.rawValue)
    }
}

/// Messages go to standard error; standard output carries data only.
func say(_ message: String) { FileHandle.standardError.write(Data("ssat-live: \(message)\n".utf8)) }
