import CKernels

/// The faces of the last frame as they were shown, for the next frame to round its changes towards (docs/decisions/0041): what is rounded anew in
/// every frame flickers by a level. Of 8 bits; finer formats do without. Keeps its memory from frame to frame.
///
/// Threads: one thread at a time.
struct ShownPicture {
    private var samples: [UInt8] = []
    /// The frame that the samples are those of; its planes point nowhere.
    private var layout = ssat_frame()
    /// How many frames were kept.
    private var number = 0

    /// Gives `body` what was shown of a face in the last frame, nil where it was not or wore another look.
    mutating func withFace(of view: FaceView, wearing look: Look?, in frame: FrameView, _ body: (UnsafePointer<ssat_shown>?) -> Void) {
        guard let last = view.track.lastShown, last.number == number, last.look === look, frame.raw.isLaidOut(as: layout) else { return body(nil) }
        withPicture { picture in
            view.step.withVectors {
                let face = ssat_shown(picture: picture, crop_to_picture: last.cropToFrame.raw, back: $0)
                withUnsafePointer(to: face, body)
            }
        }
    }

    /// Keeps what the crops of these faces cover. What lies beyond is of older frames.
    mutating func keep(_ views: [FaceView], wearing look: Look?, of frame: FrameView) {
        number += 1
        guard frame.raw.depth == 8, !views.isEmpty else { return }
        if !frame.raw.isLaidOut(as: layout) {
            layout = frame.raw
            layout.plane = (nil, nil, nil)
            samples = [UInt8](repeating: 0, count: layout.lumaCount + 2 * layout.chromaCount)
        }
        for view in views { view.track.lastShown = (view.cropToFrame, number, look) }
        withPicture { picture in
            for view in views {
                withUnsafePointer(to: picture) { picture in
                    withUnsafePointer(to: frame.raw) { raw in withUnsafePointer(to: view.cropToFrame.raw) { ssat_copy_crop(raw, $0, 256, picture) } }
                }
            }
        }
    }

    private mutating func withPicture(_ body: (ssat_frame) -> Void) {
        var picture = layout
        samples.withUnsafeMutableBufferPointer { samples in
            let luma = samples.baseAddress!, chroma = luma + picture.lumaCount, interleaved = picture.chroma_step == 2
            picture.plane = (luma, chroma, interleaved ? chroma + 1 : chroma + picture.chromaCount)
            let row = picture.chromaColumns * Int(picture.chroma_step)
            picture.stride = (Int(picture.width), row, row)
            body(picture)
        }
    }
}

extension ssat_frame {
    fileprivate var lumaCount: Int { Int(width) * Int(height) }
    fileprivate var chromaColumns: Int { (Int(width) + (1 << Int(shift_x)) - 1) >> Int(shift_x) }
    /// Of one of the two planes.
    fileprivate var chromaCount: Int { chromaColumns * ((Int(height) + (1 << Int(shift_y)) - 1) >> Int(shift_y)) }

    fileprivate func isLaidOut(as other: ssat_frame) -> Bool {
        width == other.width && height == other.height && shift_x == other.shift_x && shift_y == other.shift_y && chroma_step == other.chroma_step
            && depth == other.depth && rgb == other.rgb && centred_x == other.centred_x && centred_y == other.centred_y
    }
}
