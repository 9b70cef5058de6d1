import CKernels

/// Softens a 256x256 map by about a pixel per pass.
func soften(_ map: inout [Float], _ scratch: inout [Float], passes: Int) {
    for _ in 0..<passes { ssat_soften(&map, 256, &scratch) }
}
