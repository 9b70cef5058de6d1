// Frames made unrecognizable.
#include "CKernelsPicture.h"

#include "sampling.h"

#pragma STDC FP_CONTRACT OFF

INLINE float sample_at(const ssat_frame *f, int p, int32_t x, int32_t y, int deep) {
  ptrdiff_t step = p ? f->chroma_step : 1;
  const uint8_t *row = f->plane[p] + (ptrdiff_t)y * f->stride[p];
  if (!deep) return row[x * step];
  uint16_t v;
  memcpy(&v, row + x * step * 2, 2);
  return v;
}

static inline float at(const ssat_frame *f, int p, int32_t x, int32_t y) { return sample_at(f, p, x, y, f->depth > 8); }

enum { cells_most = 32 };

static void put(const ssat_frame *f, int p, int32_t x, int32_t y, float value) {
  ptrdiff_t step = p ? f->chroma_step : 1;
  uint8_t *o = f->plane[p] + (ptrdiff_t)y * f->stride[p] + x * step * (f->depth > 8 ? 2 : 1);
  if (f->depth > 8) {
    uint16_t v = (uint16_t)(value + 0.5f);
    memcpy(o, &v, 2);
  } else {
    *o = (uint8_t)(value + 0.5f);
  }
}

static void blur_plane(const ssat_frame *f, int p, int32_t cells) {
  int32_t w = p ? (f->width + (1 << f->shift_x) - 1) >> f->shift_x : f->width;
  int32_t h = p ? (f->height + (1 << f->shift_y) - 1) >> f->shift_y : f->height;
  static _Thread_local float mean[cells_most * cells_most];
  for (int32_t v = 0; v < cells; v++)
    for (int32_t u = 0; u < cells; u++) {
      int32_t x0 = u * w / cells, x1 = (u + 1) * w / cells, y0 = v * h / cells, y1 = (v + 1) * h / cells;
      x1 = x1 > x0 ? x1 : x0 + 1, y1 = y1 > y0 ? y1 : y0 + 1;
      double sum = 0;
      for (int32_t y = y0; y < y1; y++)
        for (int32_t x = x0; x < x1; x++) sum += at(f, p, clamp(x, w - 1), clamp(y, h - 1));
      mean[v * cells + u] = (float)(sum / ((double)(x1 - x0) * (y1 - y0)));
    }
  for (int32_t y = 0; y < h; y++) {
    float cy = (y + 0.5f) * cells / h - 0.5f;
    cy = cy < 0 ? 0 : cy > cells - 1 ? cells - 1 : cy;
    int32_t v0 = (int32_t)cy, v1 = clamp(v0 + 1, cells - 1);
    for (int32_t x = 0; x < w; x++) {
      float cx = (x + 0.5f) * cells / w - 0.5f;
      cx = cx < 0 ? 0 : cx > cells - 1 ? cells - 1 : cx;
      int32_t u0 = (int32_t)cx, u1 = clamp(u0 + 1, cells - 1);
      float fx = cx - u0, fy = cy - v0;
      float top = mean[v0 * cells + u0] * (1 - fx) + mean[v0 * cells + u1] * fx;
      float bottom = mean[v1 * cells + u0] * (1 - fx) + mean[v1 * cells + u1] * fx;
      put(f, p, x, y, top * (1 - fy) + bottom * fy);
    }
  }
}

void ssat_blur_frame(const ssat_frame *f, int32_t cells) {
  cells = cells < 1 ? 1 : cells > cells_most ? cells_most : cells;
  for (int p = 0; p < 3; p++) blur_plane(f, p, cells);
}

void ssat_blank_frame(const ssat_frame *f) {
  int32_t unit = 1 << (f->depth - 8);
  for (int p = 0; p < 3; p++) {
    int32_t w = p ? (f->width + (1 << f->shift_x) - 1) >> f->shift_x : f->width;
    int32_t h = p ? (f->height + (1 << f->shift_y) - 1) >> f->shift_y : f->height;
    for (int32_t y = 0; y < h; y++)
      for (int32_t x = 0; x < w; x++) put(f, p, x, y, (float)((p && !f->rgb ? 128 : 40) * unit));
  }
}
