import CKernels
import Foundation

/// A reference's makeup, encoded once: keys and makeup features of its face positions, its skin colour and its lips' paint. Holds no photo.
/// Immutable after creation, so any number of threads may use one.
public final class Look: @unchecked Sendable {
    /// Number of reference positions.
    package let count: Int
    /// count x 64, length 1 each.
    let keys: [Float]
    /// count x 64: 61 makeup features, then twice the colour in [-1, 1].
    let values: [Float]
    /// Of the reference's face.
    package let colours: FaceColours
    package let complexion: Complexion
    /// What its skin wears.
    let paint: PaintTexture
    /// The same as the kernels lay it on.
    let paintTexture: [Float]
    /// Opacity of what its lips wear, and R'G'B' in 0...1 times that.
    let lipPaint: SIMD4<Float>

    /// How much of what its lids wear is known, 0...1.
    let lidsShown: Float

    let keyCentre: KeyCentre
    let keyScale: Float
    let valueScale, valueOffset: [Float]
    /// Keys and values as the kernels of this process want them.
    let packed: Arena

    static let format = formatName + "10"
    private static let formatName = "ssat-live look "

    package init(
        keys: [Float], values: [Float], colours: FaceColours, complexion: Complexion, paint: PaintTexture, lipPaint: SIMD4<Float>, lidsShown: Float = 1
    ) {
        let channels = SymmetricCorrespondence.channels
        count = keys.count / channels
        self.keys = keys
        self.values = values
        self.colours = colours
        self.complexion = complexion
        self.paint = paint
        paintTexture = paint.inLumaAndChroma
        self.lipPaint = lipPaint
        self.lidsShown = lidsShown
        keyCentre = KeyCentre(of: keys)
        let centred = keyCentre.centre(references: keys), largest = centred.reduce(Float(1e-6)) { max($0, abs($1)) }
        keyScale = largest / 127
        var scale = [Float](repeating: 1, count: channels), offset = [Float](repeating: 0, count: channels)
        for c in 0..<channels {
            var low = Float.infinity, high = -Float.infinity
            for row in 0..<count {
                low = min(low, values[row * channels + c])
                high = max(high, values[row * channels + c])
            }
            scale[c] = max((high - low) / 254, 1e-6)
            offset[c] = (high + low) / 2
        }
        valueScale = scale
        valueOffset = offset
        let s = keyScale
        let quantizedKeys = centred.map { Int8(max(-127, min(127, ($0 / s).rounded(.toNearestOrEven)))) }
        var quantizedValues = [Int8](repeating: 0, count: values.count)
        for row in 0..<count {
            for c in 0..<channels {
                let q = ((values[row * channels + c] - offset[c]) / scale[c]).rounded(.toNearestOrEven)
                quantizedValues[row * channels + c] = Int8(max(-127, min(127, q)))
            }
        }
        let kernels = InstructionSet.current.kernels ?? InstructionSet.reference.kernels!
        packed = Arena(size: kernels.pointee.packed_reference_size(Int32(count), Int32(channels)))
        kernels.pointee.pack_reference(quantizedKeys, quantizedValues, Int32(count), Int32(channels), packed.base)
    }

    /// Reads a `.look` file.
    /// - Throws: `SafetensorsError` or `LookError` when the file is not a sound look.
    public convenience init(contentsOfFile path: String) throws {
        let file = try Safetensors(path: path)
        guard let format = file.metadata["format"], format.hasPrefix(Self.formatName) else { throw LookError.notALook(path) }
        guard try format == Self.format && file.metadata["weights"] == Models.identity() else { throw LookError.otherVersion(path) }
        let keys = try file.floats(named: "keys", shape: nil)
        let values = try file.floats(named: "values", shape: nil)
        let skin = try file.floats(named: "skin_colour", shape: [3])
        let paint = try file.floats(named: "skin_paint", shape: nil)
        let lips = try file.floats(named: "lip_paint", shape: [4])
        // The fourth number is 1 where the reference shows lips.
        let lipColour = try file.floats(named: "lip_colour", shape: [4])
        let brightness = try file.floats(named: "brightness", shape: Brightness.shape)
        let chroma = try file.floats(named: "chroma", shape: [Chroma.valueCount])
        let complexion = try file.floats(named: "complexion", shape: [Complexion.valueCount])
        let lidsShown = try file.floats(named: "lids_shown", shape: [1])
        let channels = SymmetricCorrespondence.channels
        guard PaintTexture.counts.contains(paint.count), keys.count == values.count, keys.count % channels == 0, keys.count > 0,
            keys.count / channels <= SymmetricCorrespondence.grid * SymmetricCorrespondence.grid,
            (keys + values + skin + paint + lips + lipColour + brightness + chroma + lidsShown + complexion).allSatisfy({ $0.isFinite })
        else { throw LookError.notALook(path) }
        let colours = FaceColours(
            skin: SIMD3(skin[0], skin[1], skin[2]), lips: SIMD3(lipColour[0], lipColour[1], lipColour[2]), lipsShown: lipColour[3] == 1 ? 1 : 0,
            brightness: Brightness(values: brightness), chroma: Chroma(values: chroma))
        self.init(
            keys: keys, values: values, colours: colours, complexion: Complexion(values: complexion), paint: PaintTexture(values: paint),
            lipPaint: SIMD4(lips[0], lips[1], lips[2], lips[3]), lidsShown: lidsShown[0])
    }

    /// Writes a `.look` file (safetensors), aside and then renamed.
    public func write(toFile path: String, name: String) throws {
        let channels = SymmetricCorrespondence.channels
        var writer = Safetensors.Writer(metadata: ["format": Self.format, "name": name, "weights": try Models.identity()])
        writer.add("keys", shape: [count, channels], floats: keys)
        writer.add("values", shape: [count, channels], floats: values)
        let skin = colours.skin
        writer.add("skin_colour", shape: [3], floats: [skin.x, skin.y, skin.z])
        writer.add("complexion", shape: [Complexion.valueCount], floats: complexion.values)
        writer.add("lip_colour", shape: [4], floats: [colours.lips.x, colours.lips.y, colours.lips.z, colours.lipsShown])
        writer.add("brightness", shape: Brightness.shape, floats: colours.brightness.values)
        writer.add("chroma", shape: [Chroma.valueCount], floats: colours.chroma.listed)
        writer.add("skin_paint", shape: [paint.values.count / 4, 4], floats: paint.values)
        writer.add("lip_paint", shape: [4], floats: (0..<4).map { lipPaint[$0] })
        writer.add("lids_shown", shape: [1], floats: [lidsShown])
        try writer.write(toPath: path)
    }
}

public enum LookError: Error, CustomStringConvertible {
    case notALook(String)
    /// Made by another version: of another form, or its features mean nothing to these weights.
    case otherVersion(String)
    case noFace(String)
    case severalFaces(String, Int)

    public var description: String {
        switch self {
        case .notALook(let path): "\(path): not a look of this program, or damaged; make it again with 'ssat-live look create'"
        case .otherVersion(let path): "\(path): was made by another version of this program; make it again from its photo with 'ssat-live look create'"
        case .noFace(let path): "\(path): no face found in the reference; use a photo with one clear face"
        case .severalFaces(let path, let count): "\(path): \(count) faces found in the reference; crop it to one face"
        }
    }
}

extension Look {
    /// Number of reference positions that the correspondence may choose from.
    public var positionCount: Int { count }
    /// Whether its photo was black and white, or close to it: then its makeup is light and dark without colour.
    public var isBlackAndWhite: Bool { colours.chroma.colourShare < 0.5 }
    /// Whether glasses or hair hide its eyes, so that no makeup is taken from there.
    public var hidesItsEyes: Bool { lidsShown < 0.5 }
    /// Whether a mask, a hand or the picture's edge hides its lips, so that no makeup is taken from there.
    public var hidesItsLips: Bool { colours.lipsShown == 0 }
    /// Mean skin colour as #RRGGBB.
    public var skinHex: String {
        let bytes = (0..<3).map { Int(max(0, min(255, ((colours.skin[$0] + 1) * 127.5).rounded()))) }
        return String(format: "#%02X%02X%02X", bytes[0], bytes[1], bytes[2])
    }
}
