// Rows and columns of a map where something is.
#ifndef SSAT_EXTENT_H
#define SSAT_EXTENT_H

#include <stdint.h>

#include "interpolation.h"

// From the first to one beyond the last.
typedef struct {
  int32_t x0, y0, x1, y1;
} extent;

static const extent nothing = {INT32_MAX, INT32_MAX, 0, 0};

INLINE void widen(extent *e, int32_t x, int32_t y, const int32_t *is_there, int32_t count) {
  int32_t any = 0;
  for (int32_t i = 0; i < count; i++) any |= is_there[i];
  if (!any) return;
  int32_t first = 0, last = count - 1;
  while (!is_there[first]) first++;
  while (!is_there[last]) last--;
  if (x + first < e->x0) e->x0 = x + first;
  if (x + last >= e->x1) e->x1 = x + last + 1;
  if (y < e->y0) e->y0 = y;
  e->y1 = y + 1;
}

#endif
