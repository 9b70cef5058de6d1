import CKernels

/// Softens a 256x256 map by about two pixels.
func soften(_ map: inout [Float], _ scratch: inout [Float]) {
    for _ in 0..<3 { ssat_soften(&map, 256, &scratch) }
}
