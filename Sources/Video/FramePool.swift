import CFFmpegUtil

/// Gives frames samples that may be changed, from buffers that are used again: fresh memory costs page faults on every frame.
///
/// Threads: one thread at a time; the frames it gives may be freed anywhere.
final class FramePool: @unchecked Sendable {
    private var pool: OpaquePointer?
    private var size: Int32 = 0
    private static let alignment: Int32 = 64

    deinit { av_buffer_pool_uninit(&pool) }

    /// The frame itself where nobody else holds its samples, else a copy.
    /// - Throws: `VideoError.failed` when there is no memory.
    func writable(_ frame: Frame) throws -> Frame {
        try av_frame_is_writable(frame.raw) > 0 ? frame : copy(frame)
    }

    /// A copy with samples of its own.
    /// - Throws: `VideoError.failed` when there is no memory.
    func copy(_ frame: Frame) throws -> Frame {
        let source = frame.raw.pointee, format = AVPixelFormat(source.format)
        let needed = try check(av_image_get_buffer_size(format, source.width, source.height, Self.alignment), "measure a frame")
        if pool == nil || needed != size {
            av_buffer_pool_uninit(&pool)
            // A little more than the picture: vector loops of codecs read past the last row.
            pool = av_buffer_pool_init(Int(needed) + 256, nil)
            size = needed
        }
        let copy = Frame()
        copy.raw.pointee.format = source.format
        copy.raw.pointee.width = source.width
        copy.raw.pointee.height = source.height
        guard let buffer = av_buffer_pool_get(pool) else { throw VideoError.failed("allocate a frame", -12) }
        copy.raw.pointee.buf.0 = buffer
        try check(
            withUnsafeMutablePointer(to: &copy.raw.pointee.data) { data in
                withUnsafeMutablePointer(to: &copy.raw.pointee.linesize) { strides in
                    data.withMemoryRebound(to: UnsafeMutablePointer<UInt8>?.self, capacity: 8) { d in
                        strides.withMemoryRebound(to: Int32.self, capacity: 8) { s in
                            av_image_fill_arrays(d, s, buffer.pointee.data, format, source.width, source.height, Self.alignment)
                        }
                    }
                }
            }, "lay out a frame")
        try check(av_frame_copy_props(copy.raw, frame.raw), "copy frame properties")
        try check(av_frame_copy(copy.raw, frame.raw), "copy a frame")
        return copy
    }
}
