// Samples of a frame's planes, a stretch of a row at once.
#ifndef SSAT_SAMPLING_H
#define SSAT_SAMPLING_H

#include <string.h>

#include "CKernelsPicture.h"
#include "interpolation.h"

// What is INLINE is called with constants for depth and number of samples.

INLINE int32_t clamp(int32_t v, int32_t high) { return v < 0 ? 0 : v > high ? high : v; }

static inline float chroma_x(const ssat_frame *f, float x) { return (x - (f->centred_x ? 0.5f : 0)) / (1 << f->shift_x); }
static inline float chroma_y(const ssat_frame *f, float y) { return (y - (f->centred_y ? 0.5f : 0)) / (1 << f->shift_y); }

// A stretch of one row of a crop: what is done at once, so that all but the loads themselves is done in vectors.
enum { STRETCH = 64 };

// Where the pixels of a stretch lie in a plane: the sample up and left of each, and how near its neighbours are.
typedef struct {
  int32_t offset[STRETCH];
  float fx[STRETCH], fy[STRETCH];
  ptrdiff_t right, down;  // from a sample to its neighbours; 0 where the plane has none
} places;

INLINE int32_t plane_width(const ssat_frame *f, int p) { return p ? (f->width + (1 << f->shift_x) - 1) >> f->shift_x : f->width; }
INLINE int32_t plane_height(const ssat_frame *f, int p) { return p ? (f->height + (1 << f->shift_y) - 1) >> f->shift_y : f->height; }

// x and y: of the plane's own samples. What lies outside takes the edge.
INLINE void find_places(const ssat_frame *f, int p, const float *x, const float *y, int32_t count, places *o, int deep) {
  int32_t w = plane_width(f, p), h = plane_height(f, p), stride = (int32_t)f->stride[p], bytes = deep ? 2 : 1;
  int32_t step = (p ? f->chroma_step : 1) * bytes, last_x = w > 1 ? w - 2 : 0, last_y = h > 1 ? h - 2 : 0;
  o->right = w > 1 ? step : 0, o->down = h > 1 ? stride : 0;
  for (int32_t i = 0; i < count; i++) {
    float px = x[i] < 0 ? 0 : x[i] > w - 1 ? w - 1 : x[i], py = y[i] < 0 ? 0 : y[i] > h - 1 ? h - 1 : y[i];
    int32_t x0 = (int32_t)px, y0 = (int32_t)py;
    x0 = x0 < last_x ? x0 : last_x, y0 = y0 < last_y ? y0 : last_y;
    o->fx[i] = px - x0, o->fy[i] = py - y0;
    o->offset[i] = y0 * stride + x0 * step;
  }
}

// Rows ahead that are fetched while one is worked on: a frame is too large for the nearest caches, and what a crop covers of its rows lies too far apart for
// the processor to guess.
enum { AHEAD = 4 };

// Has some bytes, and the one after, on their way meanwhile. They may lie beyond the plane.
INLINE void fetch(const uint8_t *from, int32_t bytes) {
  for (int32_t i = 0; i <= bytes; i += 64) __builtin_prefetch(from + i);
}

INLINE uint16_t load(const uint8_t *from, int deep) {
  uint16_t v;
  if (!deep) return *from;
  memcpy(&v, from, 2);
  return v;
}

INLINE void sample_bilinear(const ssat_frame *f, int p, const places *at, int32_t count, float *out, int deep) {
  uint16_t a[STRETCH], b[STRETCH], c[STRETCH], d[STRETCH];
  if (!deep && at->right == 1) {
    // Neighbours in one load.
    uint16_t above[STRETCH], below[STRETCH];
    for (int32_t i = 0; i < count; i++) memcpy(&above[i], f->plane[p] + at->offset[i], 2), memcpy(&below[i], f->plane[p] + at->offset[i] + at->down, 2);
    for (int32_t i = 0; i < count; i++) a[i] = above[i] & 255, b[i] = above[i] >> 8, c[i] = below[i] & 255, d[i] = below[i] >> 8;
  } else {
    for (int32_t i = 0; i < count; i++) {
      const uint8_t *from = f->plane[p] + at->offset[i];
      a[i] = load(from, deep), b[i] = load(from + at->right, deep);
      c[i] = load(from + at->down, deep), d[i] = load(from + at->down + at->right, deep);
    }
  }
  for (int32_t i = 0; i < count; i++) {
    float top = a[i] * (1 - at->fx[i]) + b[i] * at->fx[i], bottom = c[i] * (1 - at->fx[i]) + d[i] * at->fx[i];
    out[i] = top * (1 - at->fy[i]) + bottom * at->fy[i];
  }
}

#endif
