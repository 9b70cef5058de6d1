// Values between the cells of maps of floats, and the motion of a face, which is such a map.
#ifndef SSAT_INTERPOLATION_H
#define SSAT_INTERPOLATION_H

#include <stdint.h>
#include <string.h>

// Forced inline, and called with constants where a loop is to have no branches.
#define INLINE static inline __attribute__((always_inline))

INLINE float clamped(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

// The four neighbours of a place in a square map, and how near it is to the right and lower ones.
typedef struct {
  int32_t x0, x1, y0, y1;
  float fx, fy;
} place;

INLINE place place_of(float x, float y, int32_t size) {
  x = clamped(x, 0, (float)(size - 1)), y = clamped(y, 0, (float)(size - 1));
  int32_t x0 = (int32_t)x, y0 = (int32_t)y;
  return (place){x0, x0 + 1 < size ? x0 + 1 : x0, y0, y0 + 1 < size ? y0 + 1 : y0, x - (float)x0, y - (float)y0};
}

// Between four values: a beside b, above c beside d.
INLINE float mixed(float a, float b, float c, float d, float fx, float fy) {
  float top = a + (b - a) * fx, bottom = c + (d - c) * fx;
  return top + (bottom - top) * fy;
}

INLINE void between(const float *map, int32_t size, const int32_t channels, place p, float *o) {
  const float *a = map + (p.y0 * size + p.x0) * channels, *b = map + (p.y0 * size + p.x1) * channels;
  const float *c = map + (p.y1 * size + p.x0) * channels, *d = map + (p.y1 * size + p.x1) * channels;
  for (int32_t k = 0; k < channels; k++) o[k] = mixed(a[k], b[k], c[k], d[k], p.fx, p.fy);
}

// Four values: of a cell, or of a pixel and one beyond.
typedef float four __attribute__((vector_size(16)));

INLINE four load_four(const float *from) {
  four v;
  memcpy(&v, from, sizeof v);
  return v;
}

// `mixed`, of all four at once.
INLINE four mixed_four(four a, four b, four c, four d, float fx, float fy) {
  four top = a + (b - a) * fx, bottom = c + (d - c) * fx;
  return top + (bottom - top) * fy;
}

// Both values of a cell of the motion.
typedef float motion __attribute__((vector_size(8)));

INLINE void load_motion(motion *to, const float *back, int32_t x, int32_t y) { memcpy(to, back + (y * 64 + x) * 2, sizeof *to); }

INLINE motion motion_between(const float *back, int32_t x0, int32_t x1, int32_t y0, int32_t y1, float fx, float fy) {
  motion a, b, c, d;
  load_motion(&a, back, x0, y0), load_motion(&b, back, x1, y0), load_motion(&c, back, x0, y1), load_motion(&d, back, x1, y1);
  motion top = a + (b - a) * fx, bottom = c + (d - c) * fx;
  return top + (bottom - top) * fy;
}

// From a cell of a map to where it was, in such cells. `back`: 64x64x2, in cells of 64x64, of which a map has `unit` for each.
INLINE void motion_at(const float *back, float x, float y, float unit, float by[2]) {
  place p = place_of((x + 0.5f) / unit - 0.5f, (y + 0.5f) / unit - 0.5f, 64);
  motion mean = motion_between(back, p.x0, p.x1, p.y0, p.y1, p.fx, p.fy);
  memcpy(by, &mean, sizeof mean);
}

#endif
