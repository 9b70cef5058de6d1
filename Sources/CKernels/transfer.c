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

static void box_rows(const float *input, float *output, int32_t channels, ptrdiff_t step, ptrdiff_t line) {
  // Sliding sums of five cells, zeros outside.
  for (int32_t l = 0; l < 64; l++)
    for (int32_t c = 0; c < channels; c++) {
      const float *in = input + l * line + c;
      float *out = output + l * line + c;
      for (int32_t i = 0; i < 64; i++) {
        float sum = 0;
        for (int32_t k = i < 2 ? 0 : i - 2; k <= (i > 61 ? 63 : i + 2); k++) sum += in[k * step];
        out[i * step] = sum;
      }
    }
}

// R'G'B' differences to luma and two chroma differences (BT.601) and back: Training/ssat_training/networks/ssat_live.py.
static const float to_luma_chroma[9] = {0.299f, 0.587f, 0.114f, -0.168736f, -0.331264f, 0.5f, 0.5f, -0.418688f, -0.081312f};
static const float to_rgb[9] = {1, 0, 1.402f, 1, -0.344136f, -0.714136f, 1, 1.772f, 0};

static void times(const float m[9], const float *v, float *o) {
  for (int i = 0; i < 3; i++) o[i] = m[i * 3] * v[0] + m[i * 3 + 1] * v[1] + m[i * 3 + 2] * v[2];
}

enum { COLOURS = 18, DIFFERENCE = 3, RELATIVE = 6, SOFT = 9, MADE = 12, LIPS = 15 };

void ssat_colour_maps(const float *average, const float *warped, const float *laid_on, const uint8_t *skin, const float *lips,
                      const ssat_differences *differences, float *colours, float *scratch) {
  float *one = scratch, *two = scratch + 64 * 64 * 4;
  for (int32_t i = 0; i < 64 * 64; i++) {
    float *o = colours + i * COLOURS, difference[3];
    for (int c = 0; c < 3; c++) {
      o[c] = warped[i * 3 + c];
      o[DIFFERENCE + c] = (warped[i * 3 + c] - average[i * 3 + c]) * 0.5f;
      o[RELATIVE + c] = o[DIFFERENCE + c] - differences->tone[c] * 0.5f;
      one[i * 4 + c] = skin[i] ? o[RELATIVE + c] : 0;
      o[LIPS + c] = differences->lips[c] * lips[i];
    }
    one[i * 4 + 3] = skin[i] ? 1 : 0;
    float opacity = laid_on[i * 4] < 0 ? 0 : laid_on[i * 4] > 1 ? 1 : laid_on[i * 4];
    times(to_luma_chroma, o + DIFFERENCE, difference);
    for (int c = 0; c < 3; c++) o[MADE + c] = (1 - opacity) * laid_on[i * 4 + 1 + c] + opacity * difference[c];
  }
  for (int pass = 0; pass < 2; pass++) {
    box_rows(one, two, 4, 4, 64 * 4);
    box_rows(two, one, 4, 64 * 4, 4);
  }
  for (int32_t i = 0; i < 64 * 64; i++)
    for (int c = 0; c < 3; c++) colours[i * COLOURS + SOFT + c] = skin[i] ? one[i * 4 + c] / one[i * 4 + 3] : 0;
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

// One cell: `wash` gets the gated colours, then the gated difference of the lips. `lips` in luma and chroma.
static void gate_colours(const float *gate, const float *colours, const float lips[3], float *wash) {
  float sum[3] = {0, 0, 0}, part[3];
  for (int k = 0; k < 3; k++) {
    times(to_luma_chroma, colours + DIFFERENCE + 3 * k, part);
    for (int i = 0; i < 3; i++) sum[i] += sigmoid(gate[3 * k + i]) * part[i];
  }
  for (int i = 0; i < 3; i++) {
    sum[i] += sigmoid(gate[9 + i]) * colours[MADE + i];
    part[i] = sigmoid(gate[12 + i]) * lips[i];
  }
  times(to_rgb, sum, wash);
  times(to_rgb, part, wash + 3);
}

// Cells that any weighted pixel reads: those with weight and their neighbours.
static void active_cells(const float *weight, uint8_t active[64 * 64]) {
  memset(active, 0, 64 * 64);
  for (int y = 0; y < 256; y++)
    for (int x = 0; x < 256; x++) {
      if (weight[y * 256 + x] == 0) continue;
      int cy = y / 4, cx = x / 4;
      for (int v = cy ? cy - 1 : 0; v <= (cy < 63 ? cy + 1 : 63); v++)
        for (int u = cx ? cx - 1 : 0; u <= (cx < 63 ? cx + 1 : 63); u++) active[v * 64 + u] = 1;
    }
}

void ssat_assemble_change(const float *gate, int32_t gate_row, int32_t gate_pixel, const float *head, int32_t head_row,
                          int32_t head_pixel, const float *colours, const ssat_differences *differences, const float *lips_mask,
                          const float *weight, float *wash, float *change) {
  uint8_t active[64 * 64];
  float lips[3];
  times(to_luma_chroma, differences->lips, lips);
  active_cells(weight, active);
  for (int y = 0; y < 64; y++)
    for (int x = 0; x < 64; x++) {
      int i = y * 64 + x;
      if (active[i])
        gate_colours(gate + (ptrdiff_t)y * gate_row + (ptrdiff_t)x * gate_pixel, colours + i * COLOURS, lips, wash + i * 6);
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
      const float *a = wash + (y0 * 64 + x0) * 6, *b = wash + (y0 * 64 + x1) * 6;
      const float *c = wash + (y1 * 64 + x0) * 6, *d = wash + (y1 * 64 + x1) * 6;
      float lip = lips_mask[y * 256 + x];
      const float *h = head + (ptrdiff_t)(y / 2) * head_row + (ptrdiff_t)(x / 2) * head_pixel + (y % 2) * 2 + x % 2;
      for (int k = 0; k < 3; k++) {
        float top = a[k] * (1 - fx) + b[k] * fx, bottom = c[k] * (1 - fx) + d[k] * fx;
        o[k] = top * (1 - fy) + bottom * fy + h[k * 4];
        if (lip > 0) {
          top = a[k + 3] * (1 - fx) + b[k + 3] * fx, bottom = c[k + 3] * (1 - fx) + d[k + 3] * fx;
          o[k] += (top * (1 - fy) + bottom * fy) * lip;
        }
        o[k] *= w;
      }
    }
  }
}

void ssat_shuffle_argmax(const float *scores, int32_t size, int32_t row_stride, int32_t pixel_stride, int32_t classes,
                         uint8_t *parsing) {
  for (int32_t y = 0; y < size; y++) {
    for (int32_t x = 0; x < size; x++) {
      const float *cell = scores + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      float best[4] = {cell[0], cell[1], cell[2], cell[3]};
      uint8_t which[4] = {0};
      for (int32_t k = 1; k < classes; k++)
        for (int32_t i = 0; i < 4; i++)
          if (cell[k * 4 + i] > best[i]) best[i] = cell[k * 4 + i], which[i] = (uint8_t)k;
      uint8_t *out = parsing + (ptrdiff_t)(2 * y) * 2 * size + 2 * x;
      out[0] = which[0], out[1] = which[1], out[2 * size] = which[2], out[2 * size + 1] = which[3];
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
