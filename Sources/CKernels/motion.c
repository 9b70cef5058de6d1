#include "CKernels.h"
#include "clones.h"
#include "interpolation.h"

#include <string.h>

enum {
  SIZE = 128,
  CELLS = 64,
  MAP = CELLS * CELLS,
  RADIUS = 2,                                        // of the window around a cell, in cells
  WINDOW = 4 * (2 * RADIUS + 1) * (2 * RADIUS + 1),  // its pixels
};

CLONES void ssat_halve_luma(const uint8_t *rgb, float *luma) {
  for (int32_t y = 0; y < SIZE; y++)
    for (int32_t x = 0; x < SIZE; x++) {
      const uint8_t *a = rgb + (2 * y * 256 + 2 * x) * 3, *b = a + 256 * 3;
      int32_t red = a[0] + a[3] + b[0] + b[3], green = a[1] + a[4] + b[1] + b[4], blue = a[2] + a[5] + b[2] + b[5];
      luma[y * SIZE + x] = (float)(77 * red + 150 * green + 29 * blue) * (1.0f / 1024);
    }
}

// Sums over the cells within `radius` (RADIUS at most) of each; beyond the edge is nothing.
INLINE void sum_around(float *map, float *scratch, const int32_t radius) {
  for (int32_t y = 0; y < CELLS; y++) {
    float padded[CELLS + 2 * RADIUS] = {0}, *row = padded + RADIUS;
    memcpy(row, map + y * CELLS, CELLS * sizeof(float));
    for (int32_t x = 0; x < CELLS; x++) {
      float sum = row[x];
      for (int32_t k = 1; k <= radius; k++) sum += row[x - k] + row[x + k];
      scratch[y * CELLS + x] = sum;
    }
  }
  memset(map, 0, MAP * sizeof(float));
  for (int32_t y = 0; y < CELLS; y++)
    for (int32_t k = y < radius ? -y : -radius; k <= radius && y + k < CELLS; k++)
      for (int32_t x = 0; x < CELLS; x++) map[y * CELLS + x] += scratch[(y + k) * CELLS + x];
}

// Of every window: sums of the gradient, its products, the error (how the pictures differ), and the gradient times the error. Then how
// surely its motion is known, and what `sum_around` needs.
typedef struct {
  float x[MAP], y[MAP], xx[MAP], xy[MAP], yy[MAP], error[MAP], x_error[MAP], y_error[MAP], sureness[MAP], scratch[MAP];
} windows;

_Static_assert(sizeof(windows) == SSAT_REFINE_SCRATCH * sizeof(float), "the header says how much");

INLINE float gradient(const float *luma, int32_t at, int32_t place, int32_t step) {
  return (luma[place + 1 < SIZE ? at + step : at] - luma[place > 0 ? at - step : at]) * 0.5f;
}

INLINE void sum_gradients(const float *now, windows *w) {
  for (int32_t cell = 0; cell < MAP; cell++) {
    float x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    for (int32_t k = 0; k < 4; k++) {
      int32_t u = 2 * (cell % CELLS) + k % 2, v = 2 * (cell / CELLS) + k / 2, at = v * SIZE + u;
      float gx = gradient(now, at, u, 1), gy = gradient(now, at, v, SIZE);
      x += gx, y += gy, xx += gx * gx, xy += gx * gy, yy += gy * gy;
    }
    w->x[cell] = x, w->y[cell] = y, w->xx[cell] = xx, w->xy[cell] = xy, w->yy[cell] = yy;
  }
  float *maps[] = {w->x, w->y, w->xx, w->xy, w->yy};
  for (int32_t k = 0; k < 5; k++) sum_around(maps[k], w->scratch, RADIUS);
}

INLINE void sum_errors(const float *now, const float *before, const float *back, windows *w) {
  for (int32_t cell = 0; cell < MAP; cell++) {
    float error = 0, x_error = 0, y_error = 0;
    for (int32_t k = 0; k < 4; k++) {
      int32_t u = 2 * (cell % CELLS) + k % 2, v = 2 * (cell / CELLS) + k / 2, at = v * SIZE + u;
      float was;
      between(before, SIZE, 1, place_of((float)u + 2 * back[2 * cell], (float)v + 2 * back[2 * cell + 1], SIZE), &was);
      float e = now[at] - was;
      error += e, x_error += gradient(now, at, u, 1) * e, y_error += gradient(now, at, v, SIZE) * e;
    }
    w->error[cell] = error, w->x_error[cell] = x_error, w->y_error[cell] = y_error;
  }
  float *maps[] = {w->error, w->x_error, w->y_error};
  for (int32_t k = 0; k < 3; k++) sum_around(maps[k], w->scratch, RADIUS);
}

// Least squares for every window: the shift (2 pixels at most) and the change in brightness that explain the error.
INLINE void take_step(windows *w, float *back) {
  // Sum of the squares of noise in the gradients: a slope of 1.5 levels a pixel is half believed.
  const float noise = WINDOW * 1.5f * 1.5f, farthest = 2, each = 1.0f / WINDOW;
  for (int32_t cell = 0; cell < MAP; cell++) {
    float mean_x = w->x[cell] * each, mean_y = w->y[cell] * each;
    float xx = w->xx[cell] - w->x[cell] * mean_x + noise, yy = w->yy[cell] - w->y[cell] * mean_y + noise;
    float xy = w->xy[cell] - w->x[cell] * mean_y;
    float xe = w->x_error[cell] - mean_x * w->error[cell], ye = w->y_error[cell] - mean_y * w->error[cell];
    float determinant = xx * yy - xy * xy;
    back[2 * cell] += 0.5f * clamped((yy * xe - xy * ye) / determinant, -farthest, farthest);
    back[2 * cell + 1] += 0.5f * clamped((xx * ye - xy * xe) / determinant, -farthest, farthest);
    w->sureness[cell] = determinant / (xx + yy);
  }
}

// Every motion becomes the mean of those of the cells beside it, the surer ones counting more: windows without anything to hold on to
// would drift apart from step to step.
INLINE void even_out(windows *w, float *back) {
  for (int32_t cell = 0; cell < MAP; cell++) {
    w->x_error[cell] = w->sureness[cell] * back[2 * cell];
    w->y_error[cell] = w->sureness[cell] * back[2 * cell + 1];
  }
  float *maps[] = {w->x_error, w->y_error, w->sureness};
  for (int32_t k = 0; k < 3; k++) sum_around(maps[k], w->scratch, 1);
  for (int32_t cell = 0; cell < MAP; cell++) {
    back[2 * cell] = w->x_error[cell] / w->sureness[cell];
    back[2 * cell + 1] = w->y_error[cell] / w->sureness[cell];
  }
}

CLONES void ssat_refine_motion(const float *now, const float *before, float *back, float *scratch) {
  windows *w = (windows *)scratch;
  sum_gradients(now, w);
  for (int32_t step = 0; step < 2; step++) {
    sum_errors(now, before, back, w);
    take_step(w, back);
    even_out(w, back);
  }
}

void ssat_move_labels(const uint8_t *labels, const float *back, uint8_t *output) {
  for (int32_t cell = 0; cell < MAP; cell++) {
    int32_t x = cell % CELLS * 4, y = cell / CELLS * 4;
    int32_t u = (int32_t)(clamped((float)x + 4 * back[2 * cell], 0, 252) + 0.5f), v = (int32_t)(clamped((float)y + 4 * back[2 * cell + 1], 0, 252) + 0.5f);
    for (int32_t k = 0; k < 4; k++) memcpy(output + (y + k) * 256 + x, labels + (v + k) * 256 + u, 4);
  }
}
