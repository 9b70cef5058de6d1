import EmbeddedModels
import Foundation

/// The networks that ship inside the binary.
public enum Models {
    /// Lets go of the memory that reading the networks took: what is used of them has been copied by then.
    static func release() { ssat_release_models() }

    static func load(_ name: ssat_model_name, _ label: String) throws -> Safetensors {
        let model = ssat_embedded_model(name)
        let data = Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: model.bytes), count: model.size, deallocator: .none)
        return try Safetensors(data: data, source: "built-in \(label)")
    }

    package static func faceDetector(_ precision: Precision) throws -> Safetensors {
        try load(precision == .int8 ? SSAT_MODEL_FACE_DETECTOR : SSAT_MODEL_FACE_DETECTOR_FLOAT, "face detector")
    }

    package static func faceMesh(_ precision: Precision) throws -> Safetensors {
        try load(precision == .int8 ? SSAT_MODEL_FACE_MESH : SSAT_MODEL_FACE_MESH_FLOAT, "face mesh")
    }

    package static func meshRefiner(_ precision: Precision) throws -> Safetensors {
        try load(precision == .int8 ? SSAT_MODEL_MESH_REFINER : SSAT_MODEL_MESH_REFINER_FLOAT, "mesh refiner")
    }

    package static func ssatLive(_ precision: Precision) throws -> Safetensors {
        try load(precision == .int8 ? SSAT_MODEL_SSAT_LIVE : SSAT_MODEL_SSAT_LIVE_FLOAT, "SSAT live")
    }

    package static func paintEstimator() throws -> Safetensors { try load(SSAT_MODEL_PAINT_ESTIMATOR, "paint estimator") }

    package static func eyePaintEstimator() throws -> Safetensors { try load(SSAT_MODEL_EYE_PAINT_ESTIMATOR, "eye paint estimator") }

    package static func lightEstimator() throws -> Safetensors { try load(SSAT_MODEL_LIGHT_ESTIMATOR, "light estimator") }

    /// Names the training that the SSAT weights came from: looks of one do not fit another.
    static func identity() throws -> String { try ssatLive(.int8).metadata["checkpoint"] ?? "" }

    package static func canonicalMesh() throws -> Safetensors { try load(SSAT_MODEL_CANONICAL_MESH, "canonical mesh") }
}
