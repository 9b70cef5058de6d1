// Crops of frames in R'G'B' bytes, and what crops cover copied from frame to frame.
#include "CKernelsPicture.h"

#include <math.h>
#include <string.h>

#include "area.h"
#include "clones.h"
#include "sampling.h"

#pragma STDC FP_CONTRACT OFF

static inline uint8_t to_byte(float v) { return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5f); }

// The mean of n x n samples spread over one crop pixel. Below 0, truncation is not the floor, but both are clamped to 0.
INLINE void sample_mean(const ssat_frame *f, int p, const ssat_similarity *t, int n, const float *x, const float *y, int32_t count, float *out,
                        int deep) {
  int32_t w = f->width - 1, h = f->height - 1, stride = (int32_t)f->stride[p], bytes = deep ? 2 : 1, offset[STRETCH];
  int32_t sum[STRETCH] = {0};
  for (int j = 0; j < n; j++)
    for (int k = 0; k < n; k++) {
      float dx = (k + 0.5f) / n - 0.5f, dy = (j + 0.5f) / n - 0.5f;
      float ox = t->a * dx - t->b * dy + 0.5f, oy = t->b * dx + t->a * dy + 0.5f;
      for (int32_t i = 0; i < count; i++) offset[i] = clamp((int32_t)(y[i] + oy), h) * stride + clamp((int32_t)(x[i] + ox), w) * bytes;
      for (int32_t i = 0; i < count; i++) sum[i] += load(f->plane[p] + offset[i], deep);
    }
  for (int32_t i = 0; i < count; i++) out[i] = (float)sum[i] * (1 / (float)(n * n));
}

// A full-resolution plane: bilinear, or averaged where the crop minifies.
INLINE void sample_plane(const ssat_frame *f, int p, const ssat_similarity *t, int n, const float *x, const float *y, int32_t count, float *out,
                         int deep) {
  if (n > 1) return sample_mean(f, p, t, n, x, y, count, out, deep);
  places at;
  find_places(f, p, x, y, count, &at, deep);
  sample_bilinear(f, p, &at, count, out, deep);
}

// From samples to R'G'B' bytes.
typedef struct {
  float luma_low, luma_gain, middle, rv, gv, gu, bu;
} to_rgb;

INLINE to_rgb matrix_of(const ssat_frame *f) {
  float unit = (float)(1 << (f->depth - 8)), top = (float)((1 << f->depth) - 1), kg = 1 - f->kr - f->kb;
  float chroma_gain = 255 / (f->full_range ? top : 224 * unit);
  to_rgb m = {.luma_low = f->full_range ? 0 : 16 * unit, .luma_gain = 255 / (f->full_range ? top : 219 * unit), .middle = 128 * unit};
  m.rv = 2 * (1 - f->kr) * chroma_gain, m.bu = 2 * (1 - f->kb) * chroma_gain;
  m.gv = -m.rv * f->kr / kg, m.gu = -m.bu * f->kb / kg;
  return m;
}

INLINE void sample_stretch(const ssat_frame *f, const ssat_similarity *t, const to_rgb *m, int32_t first, int32_t y, int32_t count,
                           uint8_t *rgb, int n, int deep) {
  float fx[STRETCH], fy[STRETCH], cx[STRETCH], cy[STRETCH], s[3][STRETCH];
  for (int32_t i = 0; i < count; i++) {
    int32_t x = first + i;
    fx[i] = t->a * x - t->b * y + t->tx, fy[i] = t->b * x + t->a * y + t->ty;
    cx[i] = chroma_x(f, fx[i]), cy[i] = chroma_y(f, fy[i]);
  }
  if (f->rgb) {
    float gain = 255 / (float)((1 << f->depth) - 1);
    for (int c = 0; c < 3; c++) {
      sample_plane(f, (c + 2) % 3, t, n, fx, fy, count, s[c], deep);
      for (int32_t i = 0; i < count; i++) rgb[i * 3 + c] = to_byte(s[c][i] * gain);
    }
    return;
  }
  places at;
  find_places(f, 1, cx, cy, count, &at, deep);  // both chroma planes have the same samples
  sample_plane(f, 0, t, n, fx, fy, count, s[0], deep);
  sample_bilinear(f, 1, &at, count, s[1], deep);
  sample_bilinear(f, 2, &at, count, s[2], deep);
  for (int32_t i = 0; i < count; i++) {
    float luma = (s[0][i] - m->luma_low) * m->luma_gain, u = s[1][i] - m->middle, v = s[2][i] - m->middle;
    rgb[i * 3] = to_byte(luma + m->rv * v);
    rgb[i * 3 + 1] = to_byte(luma + m->gv * v + m->gu * u);
    rgb[i * 3 + 2] = to_byte(luma + m->bu * u);
  }
}

// Fetches what a stretch of a later row will read.
INLINE void fetch_ahead(const ssat_frame *f, const ssat_similarity *t, int32_t first, int32_t y, int n, int deep) {
  float x0 = t->a * first - t->b * (y + AHEAD) + t->tx, y0 = t->b * first + t->a * (y + AHEAD) + t->ty, reach = t->a * STRETCH;
  if (reach < 0) x0 += reach, reach = -reach;
  for (int p = 0; p < 4 - f->chroma_step; p++) {  // interleaved planes go together
    int32_t row = clamp((int32_t)(p ? chroma_y(f, y0) : y0), plane_height(f, p) - 1), column = clamp((int32_t)(p ? chroma_x(f, x0) : x0), plane_width(f, p) - 1);
    int32_t step = (p ? f->chroma_step : 1) * (deep ? 2 : 1), bytes = ((int32_t)reach >> (p ? f->shift_x : 0)) * step;
    const uint8_t *from = f->plane[p] + row * f->stride[p] + column * step;
    for (int j = 0; j < (p ? 1 : n); j++) fetch(from + j * f->stride[p], bytes);
  }
}

INLINE void sample_rows(const ssat_frame *f, const ssat_similarity *t, int32_t size, int32_t first, int32_t end, uint8_t *rgb, int n,
                        int deep) {
  to_rgb m = matrix_of(f);
  for (int32_t y = first; y < end; y++)
    for (int32_t x = 0; x < size; x += STRETCH) {
      fetch_ahead(f, t, x, y, n, deep);
      sample_stretch(f, t, &m, x, y, size - x < STRETCH ? size - x : STRETCH, rgb + ((ptrdiff_t)y * size + x) * 3, n, deep);
    }
}

CLONES void ssat_sample_crop(const ssat_frame *f, const ssat_similarity *t, int32_t size, int32_t first, int32_t end, uint8_t *rgb) {
  float scale = sqrtf(t->a * t->a + t->b * t->b);
  int n = (int)ceilf(scale - 0.3f);
  n = n < 1 ? 1 : n > 6 ? 6 : n;
  if (f->depth > 8) return sample_rows(f, t, size, first, end, rgb, n, 1);
  switch (n) {
    case 1: return sample_rows(f, t, size, first, end, rgb, 1, 0);
    case 2: return sample_rows(f, t, size, first, end, rgb, 2, 0);
    case 3: return sample_rows(f, t, size, first, end, rgb, 3, 0);
    default: return sample_rows(f, t, size, first, end, rgb, n, 0);
  }
}
void ssat_copy_crop(const ssat_frame *f, const ssat_similarity *t, int32_t size, const ssat_frame *picture) {
  float box[4];
  if (!box_of(f, t, (int32_t[4]){0, 0, size - 1, size - 1}, box)) return;
  for (int p = 0; p < 4 - f->chroma_step; p++) {  // interleaved planes go together
    area r = area_of(f, p, box, 0, 1, 0);
    ptrdiff_t step = (p ? f->chroma_step : 1) * (f->depth > 8 ? 2 : 1);
    if (r.x1 <= r.x0) continue;
    for (int32_t y = r.y0; y < r.y1; y++)
      memcpy(picture->plane[p] + y * picture->stride[p] + r.x0 * step, f->plane[p] + y * f->stride[p] + r.x0 * step, (size_t)((r.x1 - r.x0) * step));
  }
}
