// Rows and columns of a map where something is.
#ifndef SSAT_EXTENT_H
#define SSAT_EXTENT_H

#include <math.h>
#include <stdint.h>

#include "interpolation.h"

// From the first to one beyond the last.
typedef struct {
  int32_t x0, y0, x1, y1;
} extent;

static const extent nothing = {INT32_MAX, INT32_MAX, 0, 0};

INLINE int32_t is_any_beyond(const float *row, int32_t count, float least) {
  int32_t any = 0;
  for (int32_t i = 0; i < count; i++) any |= fabsf(row[i]) > least;
  return any;
}

// Takes in row y of `size` pixels of three values: from the first of which one is larger than `least`, either way, to the last.
INLINE void widen(extent *e, int32_t y, const float *row, int32_t size, float least) {
  enum { STEP = 64 };  // looked at together, in vectors
  int32_t first = 0, end = 3 * size;
  while (first + STEP <= end && !is_any_beyond(row + first, STEP, least)) first += STEP;
  while (first < end && fabsf(row[first]) <= least) first++;
  if (first == end) return;
  while (end - STEP > first && !is_any_beyond(row + end - STEP, STEP, least)) end -= STEP;
  while (fabsf(row[end - 1]) <= least) end--;
  first = first / 3, end = (end + 2) / 3;
  e->x0 = first < e->x0 ? first : e->x0, e->x1 = end > e->x1 ? end : e->x1;
  e->y0 = y < e->y0 ? y : e->y0, e->y1 = y + 1;
}

#endif
