/// Frames in their own YCbCr format, and crops of them in R'G'B'. Plain C, one version for every machine.
#ifndef SSAT_CKERNELS_PICTURE_H
#define SSAT_CKERNELS_PICTURE_H

#include <stddef.h>
#include <stdint.h>

/// A frame that somebody else owns. 8 bit, or 9 to 16 bit in the low bits of little-endian u16. Strides in bytes.
/// Integer coordinates are sample centres of luma. Chroma sample (x, y) lies at luma (x << shift_x, y << shift_y) plus half a
/// luma sample in the directions whose `centred` flag is set.
typedef struct {
  uint8_t *plane[3];
  ptrdiff_t stride[3];
  int32_t chroma_step;  // samples between neighbours: 1, or 2 for interleaved chroma (plane 2 = plane 1 + one sample)
  int32_t width, height, shift_x, shift_y;
  int32_t centred_x, centred_y;
  int32_t depth;
  int32_t full_range;
  int32_t rgb;   // not 0: the planes are G, B, R (full range, no subsampling) and no matrix applies
  float kr, kb;  // luma coefficients of the matrix: BT.601 0.299 0.114, BT.709 0.2126 0.0722, BT.2020 0.2627 0.0593
} ssat_frame;

/// Crop pixel (x, y) to frame luma coordinates: (a x - b y + tx, b x + a y + ty).
typedef struct {
  float a, b, tx, ty;
} ssat_similarity;

/// Cuts rows `first` to `end` of a size x size crop, R'G'B' bytes interleaved, into their places in `rgb`. Outside the frame the
/// edge repeats. Averages where the crop minifies.
void ssat_sample_crop(const ssat_frame *frame, const ssat_similarity *crop_to_frame, int32_t size, int32_t first, int32_t end,
                      uint8_t *rgb);

/// What was shown of a face in the previous frame: a picture of the same layout, 8 bit; where crop pixels of then lie in it; and how the cells of the
/// crop have moved since, 64x64x2, from where a cell is to where it was, in cells.
typedef struct {
  ssat_frame picture;
  ssat_similarity crop_to_picture;
  const float *back;
} ssat_shown;

/// Adds a change to the frame in place. `change` is size x size x 3, R'G'B' differences in units of full scale, 0 outside the
/// mask; `planes` is scratch of 3 * size * size floats. Samples whose change rounds to 0 keep their bits. Nothing left of
/// luma column `first_column` is written.
void ssat_add_change(const ssat_frame *frame, const ssat_similarity *crop_to_frame, int32_t size, const float *change,
                     float *planes, int32_t first_column);

/// The two halves of `ssat_add_change`, for several threads: first one splits the change into planes and finds its bounds in the crop
/// (0: there is no change), then each adds one of `parts` shares of the rows.
int32_t ssat_split_change(const ssat_frame *frame, int32_t size, const float *change, float *planes, int32_t bounds[4]);
/// With `shown` (or NULL), for crops of 256 and 8 bits, a change is rounded up or down to what comes nearer to what was shown there before, by less
/// than a level (docs/decisions/0041); what is 0 stays 0.
void ssat_add_planes(const ssat_frame *frame, const ssat_similarity *crop_to_frame, int32_t size, const float *planes,
                     const int32_t bounds[4], int32_t part, int32_t parts, int32_t first_column, const ssat_shown *shown);

/// Copies what a crop of size x size covers of a frame, and a little around it, to a picture of the same layout.
void ssat_copy_crop(const ssat_frame *frame, const ssat_similarity *crop_to_frame, int32_t size, const ssat_frame *picture);

enum { SSAT_SMOOTH_SCRATCH = 7 * 256 * 256 + 3 * 66 * 66 };

/// Temporal smoothing in crop space, along the motion of the face, in place on `change`: previous + alpha (change - previous), where alpha
/// rises from `calm` to 1 with the difference of the two crops, and to 0.8 where over a few cells most of the change has come or gone. What is
/// previous to a pixel is what was, bilinearly, where `back` leads: 64x64x2, from where a cell is to where it was, in cells. The crop, in
/// 0..1, is averaged alike in `mean`; by how much its luma and its chroma are now apart from that goes into `change`, times `follows`, 256x256x2
/// (docs/decisions/0039). All histories are updated. 256x256x3 elsewhere, but 256x256x4 in `previous_crop`: R'G'B' and a 0.
/// `scratch`: SSAT_SMOOTH_SCRATCH values.
void ssat_smooth_change(float *change, float *previous_change, const uint8_t *crop, uint8_t *previous_crop, const float *follows,
                        float *mean, const float *back, float calm, float *scratch);

/// A crop as `ssat_smooth_change` wants the previous one, with itself for its mean.
void ssat_keep_crop(const uint8_t *crop, uint8_t *previous_crop, float *mean);

/// Means, 0 to 1, of the tenth of the pixels of a crop that has the largest values, of every second pixel of every second row: of R', G', B' and luma, each
/// for itself, of the whole crop; of the classes whose `groups` have bit 0; of those with bit 1; and of the chroma (the largest of R'G'B' less the smallest)
/// of the whole, and of the classes with bit 0. 0 of nothing. `rgb` 256x256x3, `classes` 256x256; `brightest`: 14 values.
void ssat_measure_brightness(const uint8_t *rgb, const uint8_t *classes, const uint8_t groups[16], float *brightest);

/// Makes everything unrecognizable: the picture is replaced by a smooth surface through the means of cells x cells blocks
/// (1 to 32 each way).
void ssat_blur_frame(const ssat_frame *frame, int32_t cells);

/// Replaces the picture by dark grey.
void ssat_blank_frame(const ssat_frame *frame);

#endif
