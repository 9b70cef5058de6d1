// f32 convolution, and the copies that concatenation and upsampling need: one portable version each.
#include <string.h>

#include "CKernels.h"
#include "clones.h"
#include "interpolation.h"

#pragma STDC FP_CONTRACT OFF

// Packed as [output / 16][ky][kx][input][16].
size_t ssat_packed_weights_f32_count(int32_t outputs, int32_t kernel, int32_t inputs) {
  return (size_t)outputs * kernel * kernel * inputs;
}

void ssat_pack_weights_f32(const float *weights, int32_t outputs, int32_t kernel, int32_t inputs, float *packed) {
  int32_t taps = kernel * kernel;
  for (int32_t o = 0; o < outputs; o++)
    for (int32_t t = 0; t < taps; t++)
      for (int32_t c = 0; c < inputs; c++)
        packed[(((ptrdiff_t)(o / 16) * taps + t) * inputs + c) * 16 + o % 16] = weights[((ptrdiff_t)o * taps + t) * inputs + c];
}

typedef float outputs __attribute__((vector_size(64)));
typedef int32_t choices __attribute__((vector_size(64)));

INLINE void load_outputs(outputs *to, const float *from) { memcpy(to, from, sizeof *to); }

// 16 outputs of `count` (at most 4) neighbours in a row, so that a weight is loaded once for all of them. Every sum is in the same order.
INLINE void convolve(const ssat_convolution_f32 *p, int32_t y, int32_t x, int32_t block, const int count) {
  int32_t taps = p->kernel * p->kernel;
  ptrdiff_t next = (ptrdiff_t)p->stride * p->input_pixel_stride;
  outputs acc[4];
  for (int n = 0; n < count; n++) load_outputs(&acc[n], p->bias + block * 16);
  const float *w = p->weights + (ptrdiff_t)block * taps * p->input_channels * 16;
  for (int32_t ky = 0; ky < p->kernel; ky++)
    for (int32_t kx = 0; kx < p->kernel; kx++) {
      const float *i = p->input + (ptrdiff_t)(y * p->stride + ky - p->pad) * p->input_row_stride + (ptrdiff_t)(x * p->stride + kx - p->pad) * p->input_pixel_stride;
      for (int32_t c = 0; c < p->input_channels; c++, w += 16) {
        outputs weights;
        load_outputs(&weights, w);
        for (int n = 0; n < count; n++) acc[n] += i[n * next + c] * weights;
      }
    }
  // Whole vectors: a sum that is asked for one of its values is kept in memory from the start.
  for (int n = 0; n < count; n++) {
    float *o = p->output + (ptrdiff_t)y * p->output_row_stride + (ptrdiff_t)(x + n) * p->output_pixel_stride + block * 16;
    outputs f = acc[n], residual = {0};
    if (p->residual) load_outputs(&residual, p->residual + (ptrdiff_t)y * p->residual_row_stride + (ptrdiff_t)(x + n) * p->residual_pixel_stride + block * 16);
    f += residual;
    choices negative = f < 0;
    f = (outputs)((negative & (choices)(f * p->negative_slope)) | (~negative & (choices)f));
    memcpy(o, &f, sizeof f);
  }
}

CLONES void ssat_convolution_f32_run(const ssat_convolution_f32 *p) {
  for (int32_t y = 0; y < p->output_height; y++)
    for (int32_t block = 0; block < p->output_channels / 16; block++) {
      int32_t x = 0;
      for (; x + 4 <= p->output_width; x += 4) convolve(p, y, x, block, 4);
      for (; x < p->output_width; x++) convolve(p, y, x, block, 1);
    }
}

// A call of memcpy for every pixel would take longer than the copy.
static inline void copy_pixel(char *to, const char *from, int32_t bytes) {
  int32_t i = 0;
  for (; i + 16 <= bytes; i += 16) memcpy(to + i, from + i, 16);
  if (i < bytes) memcpy(to + i, from + i, (size_t)(bytes - i));
}

void ssat_upsample2(const void *input, ptrdiff_t input_row_stride, ptrdiff_t input_pixel_stride, void *output,
                    ptrdiff_t output_row_stride, ptrdiff_t output_pixel_stride, int32_t input_width, int32_t input_height,
                    int32_t pixel_bytes) {
  for (int32_t y = 0; y < input_height * 2; y++)
    for (int32_t x = 0; x < input_width * 2; x++)
      copy_pixel((char *)output + y * output_row_stride + x * output_pixel_stride,
                 (const char *)input + (y / 2) * input_row_stride + (x / 2) * input_pixel_stride, pixel_bytes);
}

void ssat_copy_channels(const void *input, ptrdiff_t input_row_stride, ptrdiff_t input_pixel_stride, void *output,
                        ptrdiff_t output_row_stride, ptrdiff_t output_pixel_stride, int32_t width, int32_t height,
                        int32_t pixel_bytes) {
  for (int32_t y = 0; y < height; y++)
    for (int32_t x = 0; x < width; x++)
      copy_pixel((char *)output + y * output_row_stride + x * output_pixel_stride,
                 (const char *)input + y * input_row_stride + x * input_pixel_stride, pixel_bytes);
}
