#include "CKernels.h"
#include "clones.h"
#include "interpolation.h"

#include <string.h>

enum {
  SIZE = 128,
  CELLS = 64,
  MAP = CELLS * CELLS,
  PATCH = 8,   // pixels
  STRIDE = 4,  // from patch to patch, so that every pixel but those at the edge is in four
  PATCHES = (SIZE - PATCH) / STRIDE + 1,
  PASSES = 4,
};

CLONES void ssat_halve_luma(const uint8_t *rgb, float *luma) {
  for (int32_t y = 0; y < SIZE; y++)
    for (int32_t x = 0; x < SIZE; x++) {
      const uint8_t *a = rgb + (2 * y * 256 + 2 * x) * 3, *b = a + 256 * 3;
      int32_t red = a[0] + a[3] + b[0] + b[3], green = a[1] + a[4] + b[1] + b[4], blue = a[2] + a[5] + b[2] + b[5];
      luma[y * SIZE + x] = (float)(77 * red + 150 * green + 29 * blue) * (1.0f / 1024);
    }
}

// A row of a patch, in vectors that the compiler was found to keep in registers; arrays of as many it did not.
typedef float patch_row __attribute__((vector_size(PATCH * sizeof(float))));
typedef int32_t patch_bits __attribute__((vector_size(PATCH * sizeof(int32_t))));
// The same for its cells, two pixels each.
typedef float cell_row __attribute__((vector_size(PATCH / 2 * sizeof(float))));

INLINE void load_row(patch_row *to, const float *from) { memcpy(to, from, sizeof *to); }

INLINE float total(const patch_row *v) {
  patch_row lanes = *v;
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// What of a patch does not change from pass to pass: its mean gradient, and the inverse of its summed products of gradients.
typedef struct {
  float mean_x, mean_y, xx, xy, yy;
} slopes;

typedef struct {
  float x[SIZE * SIZE], y[SIZE * SIZE];     // the gradient
  float sum_x[MAP], sum_y[MAP], share[MAP]; // of the patches' motions
  slopes patches[PATCHES * PATCHES];
} workings;

_Static_assert(sizeof(workings) == SSAT_REFINE_SCRATCH * sizeof(float), "the header says how much");

INLINE void find_gradients(const float *now, workings *w) {
  for (int32_t v = 0; v < SIZE; v++) {
    const float *row = now + v * SIZE, *above = v > 0 ? row - SIZE : row, *below = v + 1 < SIZE ? row + SIZE : row;
    float *x = w->x + v * SIZE, *y = w->y + v * SIZE;
    for (int32_t u = 1; u < SIZE - 1; u++) x[u] = (row[u + 1] - row[u - 1]) * 0.5f;
    x[0] = (row[1] - row[0]) * 0.5f, x[SIZE - 1] = (row[SIZE - 1] - row[SIZE - 2]) * 0.5f;
    for (int32_t u = 0; u < SIZE; u++) y[u] = (below[u] - above[u]) * 0.5f;
  }
}

// - `x`, `y`: gradient at the patch's first pixel.
INLINE slopes slopes_of(const float *x, const float *y) {
  // Square of the noise in the gradients: a slope of a level a pixel is half believed.
  const float count = PATCH * PATCH, noise = 1 * count;
  patch_row sx = {0}, sy = {0}, sxx = {0}, sxy = {0}, syy = {0}, gx, gy;
  for (int32_t j = 0; j < PATCH; j++) {
    load_row(&gx, x + j * SIZE), load_row(&gy, y + j * SIZE);
    sx += gx, sy += gy, sxx += gx * gx, sxy += gx * gy, syy += gy * gy;
  }
  float mean_x = total(&sx) * (1 / count), mean_y = total(&sy) * (1 / count);
  float xx = total(&sxx) - count * mean_x * mean_x + noise, yy = total(&syy) - count * mean_y * mean_y + noise;
  float xy = total(&sxy) - count * mean_x * mean_y, each = 1 / (xx * yy - xy * xy);
  return (slopes){mean_x, mean_y, yy * each, -xy * each, xx * each};
}

// Where the patch at (u, v) was, from the cells at its middle; pixels.
INLINE void start_of(const float *back, int32_t u, int32_t v, float by[2]) {
  const float *above = back + ((v + PATCH / 2) / 2 * CELLS - CELLS + (u + PATCH / 2) / 2 - 1) * 2, *below = above + CELLS * 2;
  by[0] = ((above[0] + above[2]) + (below[0] + below[2])) * 0.5f;
  by[1] = ((above[1] + above[3]) + (below[1] + below[3])) * 0.5f;
}

// Adds what the two pixels of every cell have together, times `by`.
INLINE void add_cells(float *sum, const patch_row *share, float by) {
  cell_row both = __builtin_shufflevector(*share, *share, 0, 2, 4, 6) + __builtin_shufflevector(*share, *share, 1, 3, 5, 7), old;
  memcpy(&old, sum, sizeof old);
  old += both * by;
  memcpy(sum, &old, sizeof old);
}

// Every cell of the patch at (u, v) takes its motion for one share, larger where the pictures agree under it.
// - `error`: of its pixels, before the last step; `step` is what that step was.
INLINE void share_out(workings *w, int32_t u, int32_t v, const patch_row error[PATCH], const float step[2], const float by[2]) {
  for (int32_t j = 0; j < PATCH; j += 2) {
    patch_row share = {0};
    for (int32_t k = j; k < j + 2; k++) {
      patch_row x, y;
      load_row(&x, w->x + (v + k) * SIZE + u), load_row(&y, w->y + (v + k) * SIZE + u);
      patch_row left = error[k] - (x * step[0] + y * step[1]);
      // Its size, and 1 where that is less.
      patch_bits size = (patch_bits)left & INT32_MAX, small = (patch_row)size < 1, one = (patch_bits)((patch_row){0} + 1);
      share += 1 / (patch_row)((small & one) | (~small & size));
    }
    int32_t first = (v + j) / 2 * CELLS + u / 2;
    add_cells(w->sum_x + first, &share, by[0]);
    add_cells(w->sum_y + first, &share, by[1]);
    add_cells(w->share + first, &share, 1);
  }
}

// One step of least squares for the patch at (u, v): the shift that explains its error, whatever is added to the brightness.
INLINE void search(workings *w, const float *now, const float *before, const float *back, int32_t u, int32_t v, const slopes *patch) {
  const float farthest = 2;
  float by[2];
  patch_row error[PATCH], sum = {0}, sum_x = {0}, sum_y = {0};
  start_of(back, u, v, by);
  float left = clamped((float)u + by[0], 0, SIZE - PATCH), top = clamped((float)v + by[1], 0, SIZE - PATCH);
  int32_t x0 = (int32_t)left < SIZE - PATCH ? (int32_t)left : SIZE - PATCH - 1, y0 = (int32_t)top < SIZE - PATCH ? (int32_t)top : SIZE - PATCH - 1;
  float fx = left - (float)x0, fy = top - (float)y0;
  for (int32_t j = 0; j < PATCH; j++) {
    const float *was = before + (y0 + j) * SIZE + x0;
    patch_row a, b, c, d, is, x, y;
    load_row(&a, was), load_row(&b, was + 1), load_row(&c, was + SIZE), load_row(&d, was + SIZE + 1);
    load_row(&is, now + (v + j) * SIZE + u), load_row(&x, w->x + (v + j) * SIZE + u), load_row(&y, w->y + (v + j) * SIZE + u);
    patch_row above = a + (b - a) * fx, below = c + (d - c) * fx;
    error[j] = is - (above + (below - above) * fy);
    sum += error[j], sum_x += x * error[j], sum_y += y * error[j];
  }
  float all = total(&sum), xe = total(&sum_x) - patch->mean_x * all, ye = total(&sum_y) - patch->mean_y * all;
  float step[2] = {
    clamped(patch->xx * xe + patch->xy * ye, -farthest, farthest), clamped(patch->xy * xe + patch->yy * ye, -farthest, farthest)};
  by[0] += step[0], by[1] += step[1];
  share_out(w, u, v, error, step, by);
}

// Patches of a row that lie over wanted cells: from `*start` to the one that is returned.
INLINE int32_t wanted_patches(const int16_t *first, const int16_t *end, int32_t row, int32_t *start) {
  int32_t low = CELLS, high = 0;
  for (int32_t y = row * STRIDE / 2; y < row * STRIDE / 2 + PATCH / 2; y++) {
    if (first[y] >= end[y]) continue;
    low = first[y] < low ? first[y] : low, high = end[y] > high ? end[y] : high;
  }
  *start = low > 2 ? (low - 2) / 2 : 0;
  return (high + 1) / 2 < PATCHES ? (high + 1) / 2 : PATCHES;
}

CLONES void ssat_refine_motion(const float *now, const float *before, const int16_t *first, const int16_t *end, float *back, float *scratch) {
  workings *w = (workings *)scratch;
  int32_t starts[PATCHES], ends[PATCHES];
  find_gradients(now, w);
  for (int32_t row = 0; row < PATCHES; row++) {
    ends[row] = wanted_patches(first, end, row, &starts[row]);
    for (int32_t k = starts[row]; k < ends[row]; k++) {
      int32_t at = row * STRIDE * SIZE + k * STRIDE;
      w->patches[row * PATCHES + k] = slopes_of(w->x + at, w->y + at);
    }
  }
  for (int32_t pass = 0; pass < PASSES; pass++) {
    memset(w->sum_x, 0, sizeof w->sum_x + sizeof w->sum_y + sizeof w->share);
    for (int32_t row = 0; row < PATCHES; row++)
      for (int32_t k = starts[row]; k < ends[row]; k++)
        search(w, now, before, back, k * STRIDE, row * STRIDE, w->patches + row * PATCHES + k);
    for (int32_t cell = 0; cell < MAP; cell++) {
      if (w->share[cell] == 0) continue;
      float each = 0.5f / w->share[cell];
      back[2 * cell] = w->sum_x[cell] * each, back[2 * cell + 1] = w->sum_y[cell] * each;
    }
  }
}

void ssat_move_labels(const uint8_t *labels, const float *back, uint8_t *output) {
  for (int32_t cell = 0; cell < MAP; cell++) {
    int32_t x = cell % CELLS * 4, y = cell / CELLS * 4;
    int32_t u = (int32_t)(clamped((float)x + 4 * back[2 * cell], 0, 252) + 0.5f), v = (int32_t)(clamped((float)y + 4 * back[2 * cell + 1], 0, 252) + 0.5f);
    for (int32_t k = 0; k < 4; k++) memcpy(output + (y + k) * 256 + x, labels + (v + k) * 256 + u, 4);
  }
}
