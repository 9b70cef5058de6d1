/// How a face moves between two of its crops. Plain C, one version for every machine.
#ifndef SSAT_CKERNELS_MOTION_H
#define SSAT_CKERNELS_MOTION_H

#include <stdint.h>

/// Luma of a crop at half its size, 0 to 255. `rgb`: 256x256x3; `luma`: 128x128.
void ssat_halve_luma(const uint8_t *rgb, float *luma);

enum { SSAT_REFINE_SCRATCH = 2 * 128 * 128 + 3 * 64 * 64 + 5 * 31 * 31 };

/// Corrects a motion by what is seen: patches of 8x8, four over every pixel, are shifted by least squares to where they explain best how the
/// second picture differs from the first, whatever is added to the brightness; every cell takes the mean of its patches, those under which the pictures
/// agree counting more; four times (dense inverse search: Kroeger, Timofte, Dai and Van Gool, ECCV 2016, sections 2.1 and 2.2, without a pyramid).
/// Where there is nothing to hold on to it stays as it is.
/// - `now`, `before`: 128x128, of `ssat_halve_luma`.
/// - `back`: 64x64x2, from where a cell is now to where it was before, in cells; at most a cell from the truth.
/// - `first`, `end`: columns of every row of cells that are corrected, with up to four cells around them; none where `end` is not beyond `first`.
/// - `scratch`: SSAT_REFINE_SCRATCH values.
void ssat_refine_motion(const float *now, const float *before, const int16_t *first, const int16_t *end, float *back, float *scratch);

/// Moves the labels of a crop, 256x256, cell by cell to the nearest pixel. `back` as above.
void ssat_move_labels(const uint8_t *labels, const float *back, uint8_t *output);

#endif
