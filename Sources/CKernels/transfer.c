#include "CKernelsTransfer.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

void ssat_picture_to_tensor_u8(const uint8_t *rgb, int32_t size, uint8_t *output, int32_t row_stride, int32_t pixel_stride) {
  for (int32_t y = 0; y < size / 2; y++)
    for (int32_t x = 0; x < size / 2; x++) {
      uint8_t *o = output + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      for (int c = 0; c < 3; c++)
        for (int k = 0; k < 4; k++) o[c * 4 + k] = rgb[((2 * y + k / 2) * size + 2 * x + k % 2) * 3 + c];
    }
}

void ssat_picture_to_tensor_f32(const uint8_t *rgb, int32_t size, float *output, int32_t row_stride, int32_t pixel_stride) {
  for (int32_t y = 0; y < size / 2; y++)
    for (int32_t x = 0; x < size / 2; x++) {
      float *o = output + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      for (int c = 0; c < 3; c++)
        for (int k = 0; k < 4; k++)
          o[c * 4 + k] = ((float)rgb[((2 * y + k / 2) * size + 2 * x + k % 2) * 3 + c] - 127.5f) / 127.5f;
    }
}

void ssat_parsing_to_tensor_u8(const uint8_t *parsing, int32_t size, int32_t classes, uint8_t *output, int32_t row_stride,
                               int32_t pixel_stride) {
  for (int32_t y = 0; y < size / 2; y++)
    for (int32_t x = 0; x < size / 2; x++) {
      uint8_t *o = output + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      memset(o, 0, (size_t)classes * 4);
      for (int k = 0; k < 4; k++) o[parsing[(2 * y + k / 2) * size + 2 * x + k % 2] * 4 + k] = 1;
    }
}

void ssat_parsing_to_tensor_f32(const uint8_t *parsing, int32_t size, int32_t classes, float *output, int32_t row_stride,
                                int32_t pixel_stride) {
  for (int32_t y = 0; y < size / 2; y++)
    for (int32_t x = 0; x < size / 2; x++) {
      float *o = output + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      memset(o, 0, (size_t)classes * 4 * sizeof(float));
      for (int k = 0; k < 4; k++) o[parsing[(2 * y + k / 2) * size + 2 * x + k % 2] * 4 + k] = 1;
    }
}

void ssat_average_blocks(const uint8_t *rgb, float *output) {
  for (int y = 0; y < 64; y++)
    for (int x = 0; x < 64; x++)
      for (int c = 0; c < 3; c++) {
        int sum = 0;
        for (int dy = 0; dy < 4; dy++)
          for (int dx = 0; dx < 4; dx++) sum += rgb[((4 * y + dy) * 256 + 4 * x + dx) * 3 + c];
        output[(y * 64 + x) * 3 + c] = (float)sum / (16 * 127.5f) - 1;
      }
}

void ssat_quantize_u8(const float *input, int32_t count, float inverse_scale, int32_t zero_point, uint8_t *output) {
  for (int32_t i = 0; i < count; i++) {
    float f = nearbyintf(input[i] * inverse_scale) + (float)zero_point;
    output[i] = (uint8_t)(f < 0 ? 0 : f > 255 ? 255 : f);
  }
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

void ssat_assemble_change(const float *gate, int32_t gate_row, int32_t gate_pixel, const float *head, int32_t head_row,
                          int32_t head_pixel, const float *difference, const float *relative, const float *weight, float *wash,
                          float *change) {
  for (int y = 0; y < 64; y++)
    for (int x = 0; x < 64; x++) {
      const float *g = gate + (ptrdiff_t)y * gate_row + (ptrdiff_t)x * gate_pixel;
      int i = (y * 64 + x) * 3;
      for (int c = 0; c < 3; c++) wash[i + c] = sigmoid(g[c]) * difference[i + c] + sigmoid(g[c + 3]) * relative[i + c];
    }
  // Half-pixel centres: output row y reads input rows around (y + 0.5) / 4 - 0.5; the fraction is one of four.
  static const float fraction[4] = {0.625f, 0.875f, 0.125f, 0.375f};
  for (int y = 0; y < 256; y++) {
    int y0 = (y + 2) / 4 - 1, y1 = y0 + 1;
    if (y0 < 0) y0 = 0;
    if (y1 > 63) y1 = 63;
    float fy = fraction[y % 4];
    for (int x = 0; x < 256; x++) {
      float w = weight[y * 256 + x];
      float *o = change + (y * 256 + x) * 3;
      if (w == 0) {
        o[0] = o[1] = o[2] = 0;
        continue;
      }
      int x0 = (x + 2) / 4 - 1, x1 = x0 + 1;
      if (x0 < 0) x0 = 0;
      if (x1 > 63) x1 = 63;
      float fx = fraction[x % 4];
      const float *a = wash + (y0 * 64 + x0) * 3, *b = wash + (y0 * 64 + x1) * 3;
      const float *c = wash + (y1 * 64 + x0) * 3, *d = wash + (y1 * 64 + x1) * 3;
      const float *h = head + (ptrdiff_t)(y / 2) * head_row + (ptrdiff_t)(x / 2) * head_pixel + (y % 2) * 2 + x % 2;
      for (int k = 0; k < 3; k++) {
        float top = a[k] * (1 - fx) + b[k] * fx, bottom = c[k] * (1 - fx) + d[k] * fx;
        o[k] = (top * (1 - fy) + bottom * fy + h[k * 4]) * w;
      }
    }
  }
}

void ssat_upsample_argmax(const float *scores, int32_t size, int32_t row_stride, int32_t pixel_stride, int32_t classes,
                          uint8_t *parsing) {
  for (int32_t y = 0; y < size * 2; y++) {
    int32_t y0 = (y + 1) / 2 - 1, y1 = y0 + 1;
    if (y0 < 0) y0 = 0;
    if (y1 >= size) y1 = size - 1;
    float fy = y % 2 ? 0.25f : 0.75f;
    for (int32_t x = 0; x < size * 2; x++) {
      int32_t x0 = (x + 1) / 2 - 1, x1 = x0 + 1;
      if (x0 < 0) x0 = 0;
      if (x1 >= size) x1 = size - 1;
      float fx = x % 2 ? 0.25f : 0.75f;
      const float *a = scores + (ptrdiff_t)y0 * row_stride + (ptrdiff_t)x0 * pixel_stride;
      const float *b = scores + (ptrdiff_t)y0 * row_stride + (ptrdiff_t)x1 * pixel_stride;
      const float *c = scores + (ptrdiff_t)y1 * row_stride + (ptrdiff_t)x0 * pixel_stride;
      const float *d = scores + (ptrdiff_t)y1 * row_stride + (ptrdiff_t)x1 * pixel_stride;
      float best = -INFINITY;
      int32_t which = 0;
      for (int32_t k = 0; k < classes; k++) {
        float top = a[k] * (1 - fx) + b[k] * fx, bottom = c[k] * (1 - fx) + d[k] * fx;
        float value = top * (1 - fy) + bottom * fy;
        if (value > best) best = value, which = k;
      }
      parsing[y * size * 2 + x] = (uint8_t)which;
    }
  }
}

void ssat_soften(float *map, int32_t size, float *scratch) {
  for (int32_t y = 0; y < size; y++)
    for (int32_t x = 0; x < size; x++) {
      int32_t l = x ? x - 1 : 0, r = x + 1 < size ? x + 1 : x;
      scratch[y * size + x] = (map[y * size + l] + 2 * map[y * size + x] + map[y * size + r]) * 0.25f;
    }
  for (int32_t y = 0; y < size; y++) {
    int32_t u = y ? y - 1 : 0, d = y + 1 < size ? y + 1 : y;
    for (int32_t x = 0; x < size; x++)
      map[y * size + x] = (scratch[u * size + x] + 2 * scratch[y * size + x] + scratch[d * size + x]) * 0.25f;
  }
}
