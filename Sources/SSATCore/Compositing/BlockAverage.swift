import CKernels

/// Mean of every 4x4 block of a 256x256 crop, in [-1, 1]: 64x64x3.
func ssatAverage(_ crop: [UInt8], _ output: inout [Float]) { ssat_average_blocks(crop, &output) }
