/// The edges of SSAT live: pictures and parsing into tensors, and the decoder's maps into a change of the picture.
/// Plain C, one version for every machine. Strides in elements. Crops are 256x256, R'G'B' interleaved.
#ifndef SSAT_CKERNELS_TRANSFER_H
#define SSAT_CKERNELS_TRANSFER_H

#include <stdint.h>

#include "CKernelsSpan.h"

/// Space to depth by 2, channel order of torch.pixel_unshuffle (c * 4 + dy * 2 + dx): size x size x 3 bytes to
/// (size / 2)^2 x 12. The u8 form copies the bytes (scale 1/127.5, zero point 127.5); the f32 form maps to [-1, 1].
void ssat_picture_to_tensor_u8(const uint8_t *rgb, int32_t size, uint8_t *output, int32_t row_stride, int32_t pixel_stride);
void ssat_picture_to_tensor_f32(const uint8_t *rgb, int32_t size, float *output, int32_t row_stride, int32_t pixel_stride);

/// One-hot parsing, space to depth by 2: size x size class indices to (size / 2)^2 x (4 * classes), 0 or 1.
void ssat_parsing_to_tensor_u8(const uint8_t *parsing, int32_t size, int32_t classes, uint8_t *output, int32_t row_stride,
                               int32_t pixel_stride);
void ssat_parsing_to_tensor_f32(const uint8_t *parsing, int32_t size, int32_t classes, float *output, int32_t row_stride,
                                int32_t pixel_stride);

/// Mean of every 4x4 block in [-1, 1]: 256x256x3 bytes to 64x64x3 floats.
void ssat_average_blocks(const uint8_t *rgb, float *output);

/// f32 to u8: clamp(round(x / scale) + zero_point).
void ssat_quantize_u8(const float *input, int32_t count, float inverse_scale, int32_t zero_point, uint8_t *output);

/// f32 to s8: round(x / scale), -127..127.
void ssat_quantize_s8(const float *input, int32_t count, float inverse_scale, int8_t *output);

/// What is known of two faces as wholes. `other_skin`: skin colour of the reference, in [-1, 1]; `tone`: that minus the source's; `toned`: how much of
/// it the source's skin wears under the makeup, 0..1; `lip_paint`: opacity of what goes on the lips, and the R'G'B' that comes with it; `lip_shift`: R'G'B'
/// by which bare lips are moved (all 0 where either face shows no lips); `lips`: R'G'B' of the source's own, 0..1; `lip_grain`: luma of the source's lips
/// over that around them; `skin_luma`: of the source, 0..1; the residual counts between the rows `eyes_top` and `eyes_bottom` of the crop.
typedef struct {
  float other_skin[3], tone[3], toned, lip_paint[4], lip_shift[3], lips[3], lip_grain, skin_luma, eyes_top, eyes_bottom;
} ssat_regions;

/// How far the grain of a face's own light shows on what is laid on its lips.
static const float ssat_lip_grain = 0.9f;

/// How much, 0..1, of what two skins differ by (`tone`, R'G'B' in units of full scale) does not come along where makeup hides nothing: none where they are
/// `told` apart, about dE, or less, all where they are `apart` or more (docs/decisions/0062).
float ssat_untold_share(const float tone[3], float told, float apart);

/// How much of the skin, 0..1, a pigment hides at least whose mixture with it looks like `colour`. R'G'B' in 0..1.
float ssat_least_opacity(const float colour[3], const float skin[3]);

/// Pixels above `eyes_top` and below `eyes_bottom` over which the residual fades.
enum { SSAT_RESIDUAL_FADE = 8 };

/// Mean luma around every cell, 64x64 in 0..1, from the block means of `ssat_average_blocks`. `scratch` holds 64 * 64 floats.
void ssat_luma_around(const float *average, float *around, float *scratch);

/// The decoder's colour input, 64x64x18: the warped reference colour, its difference to the source's, the difference less
/// the tone, that softened over the skin (two 5x5 means that count only cells where `skin` is not 0), and what paint would change
/// here, on the skin and on the lips (luma and chroma; networks/ssat_live.py, `laid_on`).
/// `average` 64x64x3 in [-1, 1]; `warped` 64x64x3 in [-1, 1], 0 where nothing was warped; `paint` of `ssat_lay_paint`; `lips` 64x64, 0..1;
/// `around` of `ssat_luma_around`. `scratch` holds 64 * 64 * 8 floats; NULL: what is softened, which only the decoder reads, is left out.
void ssat_colour_maps(const float *average, const float *warped, const float *paint, const uint8_t *skin, const float *lips,
                      const float *around, const ssat_regions *regions, float *colours, float *scratch);

/// Where a UV coordinate v lies on a texture, from its first row, 0, to its last, 1; and back. A texture has no rows where there is no mesh, and twice as
/// many for eyes and brows as elsewhere (docs/decisions/0038).
float ssat_texture_row(float v);
float ssat_texture_row_in_plane(float row);

/// The windows around the eyes, where paint is known more finely: texels, and the part of the UV plane that the right eye's shows. The left eye's is its mirror image,
/// u its distance from the right border, so that a texel means the same place of either.
enum { SSAT_EYE_WIDTH = 64, SSAT_EYE_HEIGHT = 48 };
static const float ssat_eye_left = 0.215f, ssat_eye_right = 0.495f, ssat_eye_top = 0.27f, ssat_eye_bottom = 0.43f;

/// `paint`, of so many texels: opacity, then R'G'B' times it. `texture`: the same in luma and chroma, for `ssat_lay_paint`.
void ssat_paint_texture(const float *paint, int32_t texels, float *texture);

/// What a look paints on a face, 128x128x4 for the 2x2 blocks of its crop: opacity, then colour times opacity in luma and chroma; 0 off the mesh.
/// `texture` 64x64x4, the same by UV coordinates (column x is at u = (x + 0.5) / 64, row y where `ssat_texture_row` is (y + 0.5) / 64);
/// `eyes`, or NULL: 2 x 48x64x4, of the windows around the right eye and the left one, which stand in for it there and fade into it at their borders.
/// `uv` 64x64x2, where the crop's pixels 4 x + 1 lie, negative off the mesh.
void ssat_lay_paint(const float *texture, const float *eyes, const float *uv, float *paint);

enum { SSAT_ASSEMBLE_SCRATCH = 5 * 64 * 64 };

/// Assembles the predicted change, 256x256x3 in units of full scale. In luma and chroma, gates are sigmoid(gate), maps of 64x64
/// are interpolated bilinearly, s is the source's own colour and g its grain, luma / luma around - 1 in -0.5..0.8:
///   wash = 2 * (1 - opacity) * gate of what is left of the difference once the paint is on, and once what the two skins differ by is taken off it
///     where the reference's colour may be translucent, or where the skin wears it already (docs/decisions/0062)
///   skin = wash + paint * shading * (1 + 0.7 g) - opacity * s
///   lips = (lip paint + lip shift where s is lips rather than skin) * (1 + 0.9 g) - its opacity * s, where towards their rim the mean of the lips
///     stands for g
///   change = (skin + (lips - skin) * lips_mask, back in R'G'B', + pixel_shuffle(head, 2) around the eyes) * weight
/// `gate` 64x64x3 and `head` 128x128x12, which is read in the rows around the eyes only, are f32 maps with the given strides; `colours`, `paint` and `around` as for
/// `ssat_colour_maps`; `rgb` 256x256x3, the crop; `lips_mask` and `weight` 256x256, 0..1. `wide` is scratch of SSAT_ASSEMBLE_SCRATCH
/// floats. `follows` 256x256x2, or NULL: by how much the change follows the pixel's own luma, and its chroma, from
/// about -1 where paint hides it to 0.
void ssat_assemble_change(const float *gate, int32_t gate_row, int32_t gate_pixel, const float *head, int32_t head_row,
                          int32_t head_pixel, const float *colours, const float *paint, const float *around, const uint8_t *rgb,
                          const ssat_regions *regions, const float *lips_mask, const float *weight, float *wide, float *change,
                          float *follows);

/// Moves a map of a face with it: every cell takes, bilinearly, what is where it was. `map` and `output`: size x size x
/// channels, size 64, 128 or 256. `back`: 64x64x2, from where a cell of 64x64 is to where it was, in such cells; in between it is interpolated.
/// Columns `first[y]` to `end[y]` of every row are written. What lies beyond the edge is that of the edge.
void ssat_move_map(const float *map, int32_t size, int32_t channels, const float *back, const int16_t *first, const int16_t *end, float *output);

/// The best class of every pixel, 2 size x 2 size, the first of equal ones; 0 beyond the columns of `spans`, one for every row of the scores.
/// `scores`: size x size x (classes x 2 x 2), as before pixel_shuffle(2).
void ssat_shuffle_argmax(const float *scores, int32_t size, int32_t row_stride, int32_t pixel_stride, int32_t classes,
                         const ssat_span *spans, uint8_t *parsing);

/// A separable [1 2 1] / 4 blur of a size x size map, in place; `scratch` holds size * size floats.
void ssat_soften(float *map, int32_t size, float *scratch);

#endif
