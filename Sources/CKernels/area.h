// Parts of a frame's planes.
#ifndef SSAT_AREA_H
#define SSAT_AREA_H

#include <math.h>
#include <stdbool.h>

#include "sampling.h"

// Upright box of the frame around a part of a crop and a pixel more on every side; false where it lies outside.
static inline bool box_of(const ssat_frame *f, const ssat_similarity *t, const int32_t bounds[4], float box[4]) {
  box[0] = box[1] = INFINITY, box[2] = box[3] = -INFINITY;
  for (int k = 0; k < 4; k++) {
    float x = k & 1 ? bounds[2] + 1 : bounds[0] - 1, y = k & 2 ? bounds[3] + 1 : bounds[1] - 1;
    float fx = t->a * x - t->b * y + t->tx, fy = t->b * x + t->a * y + t->ty;
    box[0] = fminf(box[0], fx), box[1] = fminf(box[1], fy), box[2] = fmaxf(box[2], fx), box[3] = fmaxf(box[3], fy);
  }
  if (box[2] < 0 || box[3] < 0 || box[0] > f->width || box[1] > f->height) return false;
  for (int k = 0; k < 4; k++) box[k] = fminf(fmaxf(box[k], 0), 1e6f);
  return true;
}

// What of a plane is written: columns x0 to x1, rows y0 to y1, one of `parts` shares of the rows.
typedef struct {
  int32_t x0, x1, y0, y1;
} area;

static inline area area_of(const ssat_frame *f, int p, const float box[4], int32_t part, int32_t parts, int32_t first_column) {
  int sx = p ? f->shift_x : 0, sy = p ? f->shift_y : 0;
  int32_t w = (f->width + (1 << sx) - 1) >> sx, h = (f->height + (1 << sy) - 1) >> sy;
  area r = {clamp((int32_t)floorf(box[0]) >> sx, w), clamp(((int32_t)ceilf(box[2]) >> sx) + 2, w),
            clamp((int32_t)floorf(box[1]) >> sy, h), clamp(((int32_t)ceilf(box[3]) >> sy) + 2, h)};
  int32_t limit = (first_column + (1 << sx) - 1) >> sx, rows = r.y1 - r.y0, first = r.y0;
  if (r.x0 < limit) r.x0 = limit;
  r.y0 = first + rows * part / parts, r.y1 = first + rows * (part + 1) / parts;
  return r;
}

#endif
