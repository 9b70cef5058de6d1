/// The arithmetic of the networks. One table of function pointers per instruction set; every table gives bit-identical
/// int8 results. C, because the vector intrinsics are C.
///
/// Conventions
/// - Tensors are NHWC with N = 1. Channels are padded to a multiple of 16 (`SSAT_CHANNEL_BLOCK`).
/// - A tensor that a convolution reads has a border around its interior; the border is filled once, at load, with the
///   tensor's zero point (0 for f32), so kernels never test for edges. `input` points at interior pixel (0, 0).
/// - Strides are in elements (bytes for u8, floats for f32). A tensor may be a channel slice of a wider one.
/// - Rounding is to nearest, ties to even. No fused multiply-add: a product is rounded before it is added.
/// - Pointers need no alignment. Kernels write only interior pixels, never the border; they may write all padded channels.
#ifndef SSAT_CKERNELS_H
#define SSAT_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "CKernelsSpan.h"

#define SSAT_CHANNEL_BLOCK 16

typedef enum {
  SSAT_LEVEL_REFERENCE = 0,
  SSAT_LEVEL_AVX2 = 1,
  SSAT_LEVEL_AVXVNNI = 2,  // VNNI of 256 bits
  SSAT_LEVEL_AVX512VNNI = 3,
  SSAT_LEVEL_NEON = 4,  // on Arm only, where 1 to 3 are not
} ssat_level;

/// One convolution, u8 activations, s8 weights.
///   acc = bias[o] + sum over taps and input channels of (int32)u8 * (int32)s8          (exact, s32)
///   f   = (float)acc * multiplier[o]
///   if residual: f = f + (float)((int32)residual - residual_zero_point) * residual_scale
///   if f < 0:    f = f * negative_slope        (1 = linear, 0 = ReLU, 0.1 = leaky ReLU)
///   u8 output:   clamp(round(f) + output_zero_point, 0, 255);   f32 output: f
/// `bias` already holds the correction for the input's zero point. Exactly one of `output` and `output_f32` is set.
/// Tap (ky, kx) of output (y, x) reads input pixel (y * stride + ky - pad, x * stride + kx - pad).
typedef struct {
  const uint8_t *input;
  int32_t input_row_stride, input_pixel_stride;
  int32_t input_channels;   // padded, multiple of 16
  int32_t kernel, stride, pad;
  const void *weights;      // from pack_weights_s8
  const int32_t *bias;      // output_channels values
  const float *multiplier;  // output_channels values
  const uint8_t *residual;  // NULL, or same spatial size as the output
  int32_t residual_row_stride, residual_pixel_stride, residual_zero_point;
  float residual_scale;
  float negative_slope;
  int32_t output_width, output_height, output_channels;  // output_channels padded, multiple of 16
  uint8_t *output;
  float *output_f32;
  int32_t output_row_stride, output_pixel_stride, output_zero_point;
  const ssat_span *spans;  // one for every output row, or NULL: all columns. The others stay as they were.
} ssat_convolution_u8;

/// The same in f32 (for checking and offline use). Weights from ssat_pack_weights_f32.
typedef struct {
  const float *input;
  int32_t input_row_stride, input_pixel_stride, input_channels;
  int32_t kernel, stride, pad;
  const float *weights;
  const float *bias;
  const float *residual;
  int32_t residual_row_stride, residual_pixel_stride;
  float negative_slope;
  int32_t output_width, output_height, output_channels;
  float *output;
  int32_t output_row_stride, output_pixel_stride;
} ssat_convolution_f32;

/// Feature modulation (SPADE, CVPR 2019, section 3), u8. gamma and beta come from one tensor `modulation` with 2 * channels
/// channels (gamma first), at the resolution of `input` (upsample = 1) or at half of it (upsample = 2: bilinear, half-pixel
/// centres, edges clamped: taps 9 3 3 1 over 16, exact in integers).
///   n = (float)input * scale[c] + shift[c]
///   G = integer numerator of gamma (q, or 9 q00 + 3 q01 + 3 q10 + q11), B likewise
///   f = n * ((float)G * gamma_scale + gamma_offset) + ((float)B * beta_scale + beta_offset)
///   if f < 0: f = f * negative_slope
///   output = clamp(round(f * output_inverse_scale) + output_zero_point, 0, 255)
/// `gamma_offset` already includes the 1 of (1 + gamma) and the zero point; `gamma_scale` the 1/16 of upsample = 2.
typedef struct {
  const uint8_t *input;
  int32_t input_row_stride, input_pixel_stride;
  const uint8_t *modulation;
  int32_t modulation_row_stride, modulation_pixel_stride, upsample;
  const float *scale, *shift;  // channels values each
  float gamma_scale, gamma_offset, beta_scale, beta_offset, negative_slope, output_inverse_scale;
  int32_t width, height, channels;  // of the output; channels padded, multiple of 16
  int32_t first_row, end_row;       // rows to do: 0 and height for all
  const ssat_span *spans;           // one for every row of the output (from row 0), or NULL: all columns
  uint8_t *output;
  int32_t output_row_stride, output_pixel_stride, output_zero_point;
} ssat_modulation_u8;

/// Masked correspondence: every query position attends to all reference positions (SSAT, AAAI 2022, section 3.3).
///   score_j = sum over 64 channels of (int32)query * (int32)key_j         (s8 * s8, exact)
///   d_j     = (float)(max score - score_j) * temperature_scale
///   p_j     = (int32)round(255 * exp(-d_j)), exp by one fixed polynomial that all instruction sets share; 0..255
///   output  = ((float)sum_j p_j * value_j / (float)sum_j p_j) * value_scale[c] + value_offset[c]
typedef struct {
  const int8_t *queries;  // count x 64
  int32_t query_count;
  const void *reference;  // from pack_reference
  int32_t reference_count;  // >= 1
  float temperature_scale;  // (temperature) * (query scale) * (key scale)
  int32_t value_channels;   // multiple of 16
  const float *value_scale, *value_offset;
  float *output;  // query_count x value_channels
  void *scratch;  // attention_scratch_size(reference_count, value_channels) bytes
} ssat_attention_s8;

typedef struct {
  const char *name;
  /// Bytes that packed weights take. `weights` is s8 in [output][ky][kx][input] order, channels already padded.
  size_t (*packed_weights_size)(int32_t output_channels, int32_t kernel, int32_t input_channels);
  void (*pack_weights_s8)(const int8_t *weights, int32_t output_channels, int32_t kernel, int32_t input_channels, void *packed);
  void (*convolution_u8)(const ssat_convolution_u8 *);
  void (*modulation_u8)(const ssat_modulation_u8 *);
  size_t (*packed_reference_size)(int32_t reference_count, int32_t value_channels);
  void (*pack_reference)(const int8_t *keys, const int8_t *values, int32_t reference_count, int32_t value_channels, void *packed);
  size_t (*attention_scratch_size)(int32_t reference_count, int32_t value_channels);
  void (*attention_s8)(const ssat_attention_s8 *);
  /// As many multiply-accumulates of bytes as this instruction set can do, from registers alone: for measuring what the other kernels reach of
  /// it. Returns how many were done.
  int64_t (*exercise)(int64_t rounds);
} ssat_kernels;

/// The highest level that the processor and the operating system (CPUID and XCR0, or the kernel's HWCAP) support. Built without instruction-set flags.
ssat_level ssat_detect_level(void);
/// The table of a level; NULL when this build or this machine lacks it.
const ssat_kernels *ssat_kernels_for_level(ssat_level level);

// f32: one portable version.
size_t ssat_packed_weights_f32_count(int32_t output_channels, int32_t kernel, int32_t input_channels);
void ssat_pack_weights_f32(const float *weights, int32_t output_channels, int32_t kernel, int32_t input_channels, float *packed);
void ssat_convolution_f32_run(const ssat_convolution_f32 *);

/// Nearest-neighbour doubling of a u8 / f32 tensor (element size 1 or 4), strides in bytes; `pixel_bytes` copied per pixel.
void ssat_upsample2(const void *input, ptrdiff_t input_row_stride, ptrdiff_t input_pixel_stride, void *output,
                    ptrdiff_t output_row_stride, ptrdiff_t output_pixel_stride, int32_t input_width, int32_t input_height,
                    int32_t pixel_bytes);
/// Copies `pixel_bytes` of every pixel from one tensor to (a channel slice of) another, strides in bytes.
void ssat_copy_channels(const void *input, ptrdiff_t input_row_stride, ptrdiff_t input_pixel_stride, void *output,
                        ptrdiff_t output_row_stride, ptrdiff_t output_pixel_stride, int32_t width, int32_t height,
                        int32_t pixel_bytes);

#include "CKernelsMotion.h"
#include "CKernelsPicture.h"
#include "CKernelsTransfer.h"

#endif
