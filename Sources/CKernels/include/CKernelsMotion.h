/// How a face moves between two of its crops. Plain C, one version for every machine.
#ifndef SSAT_CKERNELS_MOTION_H
#define SSAT_CKERNELS_MOTION_H

#include <stdint.h>

/// Luma of a crop at half its size, 0 to 255. `rgb`: 256x256x3; `luma`: 128x128.
void ssat_halve_luma(const uint8_t *rgb, float *luma);

enum { SSAT_REFINE_SCRATCH = 10 * 64 * 64 };

/// Corrects a motion by what is seen: around every cell the shift that explains best, by least squares, how the second picture differs from the
/// first, whatever is added to the brightness (Lucas and Kanade, IJCAI 1981; two steps). Where there is nothing to hold on to it stays as it is.
/// - `now`, `before`: 128x128, of `ssat_halve_luma`.
/// - `back`: 64x64x2, from where a cell is now to where it was before, in cells; at most a cell from the truth.
/// - `scratch`: SSAT_REFINE_SCRATCH values.
void ssat_refine_motion(const float *now, const float *before, float *back, float *scratch);

/// Moves the labels of a crop, 256x256, cell by cell to the nearest pixel. `back` as above.
void ssat_move_labels(const uint8_t *labels, const float *back, uint8_t *output);

#endif
