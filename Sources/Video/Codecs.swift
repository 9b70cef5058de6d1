import CFFmpegCodec

/// What this machine's FFmpeg can do.
public enum Codecs {
    /// Of the named decoders, those that are there.
    public static func decoders(of names: [String]) -> [String] { names.filter { avcodec_find_decoder_by_name($0) != nil } }
    /// Of the named encoders, those that are there.
    public static func encoders(of names: [String]) -> [String] { names.filter { avcodec_find_encoder_by_name($0) != nil } }
}
