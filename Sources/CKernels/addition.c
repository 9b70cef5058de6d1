#include "CKernelsPicture.h"

#include <math.h>
#include <stdlib.h>

#include "area.h"
#include "clones.h"
#include "extent.h"
#include "sampling.h"

#pragma STDC FP_CONTRACT OFF

// Bilinear value of one change plane at crop position (x, y); 0 outside.
INLINE float change_at(const float *plane, int32_t size, float x, float y) {
  if (!(x > -1 && y > -1 && x < size && y < size)) return 0;
  // The floor, without a call.
  int32_t x0 = (int32_t)x - (x < 0), y0 = (int32_t)y - (y < 0);
  float fx = x - x0, fy = y - y0, sum = 0;
  if (x0 >= 0 && y0 >= 0 && x0 + 1 < size && y0 + 1 < size) {
    const float *q = plane + y0 * size + x0;
    return q[0] * (1 - fx) * (1 - fy) + q[1] * fx * (1 - fy) + q[size] * (1 - fx) * fy + q[size + 1] * fx * fy;
  }
  for (int j = 0; j < 2; j++)
    for (int i = 0; i < 2; i++) {
      int32_t px = x0 + i, py = y0 + j;
      if (px < 0 || py < 0 || px >= size || py >= size) continue;
      sum += plane[py * size + px] * (i ? fx : 1 - fx) * (j ? fy : 1 - fy);
    }
  return sum;
}
// The change of a stretch of samples at (x, y) of the crop, all of it inside: added to `sum`.
INLINE void gather_change(const float *plane, int32_t size, const float *x, const float *y, int32_t count, float *sum) {
  int32_t offset[STRETCH];
  float fx[STRETCH], fy[STRETCH];
  for (int32_t i = 0; i < count; i++) {
    int32_t x0 = (int32_t)x[i], y0 = (int32_t)y[i];
    offset[i] = y0 * size + x0, fx[i] = x[i] - x0, fy[i] = y[i] - y0;
  }
  for (int32_t i = 0; i < count; i++) {
    const float *q = plane + offset[i];
    sum[i] += q[0] * (1 - fx[i]) * (1 - fy[i]) + q[1] * fx[i] * (1 - fy[i]) + q[size] * (1 - fx[i]) * fy[i] + q[size + 1] * fx[i] * fy[i];
  }
}

// The same anywhere, by the mean of n x n places of each sample.
INLINE void sum_change(const float *plane, int32_t size, const ssat_similarity *to_crop, float first_x, float step, float y, int32_t count, int n,
                       float spread_x, float spread_y, float *sum) {
  float cx[STRETCH], cy[STRETCH];
  for (int32_t i = 0; i < count; i++) sum[i] = 0;
  for (int j = 0; j < n; j++)
    for (int k = 0; k < n; k++) {
      float ox = (k + 0.5f - n * 0.5f) * spread_x, qy = y + (j + 0.5f - n * 0.5f) * spread_y;
      for (int32_t i = 0; i < count; i++) {
        float qx = first_x + step * (float)i + ox;
        cx[i] = to_crop->a * qx - to_crop->b * qy + to_crop->tx, cy[i] = to_crop->b * qx + to_crop->a * qy + to_crop->ty;
      }
      // A straight line: inside where both of its ends are.
      float low = fminf(fminf(cx[0], cx[count - 1]), fminf(cy[0], cy[count - 1]));
      float high = fmaxf(fmaxf(cx[0], cx[count - 1]), fmaxf(cy[0], cy[count - 1]));
      if (low >= 0 && high < (float)(size - 1)) {
        gather_change(plane, size, cx, cy, count, sum);
      } else {
        for (int32_t i = 0; i < count; i++) sum[i] += change_at(plane, size, cx[i], cy[i]);
      }
    }
}

// Where the samples of a stretch were in the picture that was shown before; first_x, step and y in luma samples of the frame. The motion is looked
// up at every eighth sample; between them it lies on straight lines.
enum { NODE = 8 };

INLINE void find_shown(const ssat_shown *s, int p, const ssat_similarity *to_crop, float first_x, float step, float y, int32_t count, places *o) {
  float node_x[STRETCH / NODE + 1], node_y[STRETCH / NODE + 1], px[STRETCH], py[STRETCH];
  const ssat_similarity *t = &s->crop_to_picture;
  for (int32_t k = 0; k <= (count - 1) / NODE + 1; k++) {
    float x = first_x + step * (float)(NODE * k), by[2];
    float cx = to_crop->a * x - to_crop->b * y + to_crop->tx, cy = to_crop->b * x + to_crop->a * y + to_crop->ty;
    motion_at(s->back, cx, cy, 4, by);
    cx += 4 * by[0], cy += 4 * by[1];
    float fx = t->a * cx - t->b * cy + t->tx, fy = t->b * cx + t->a * cy + t->ty;
    node_x[k] = p ? chroma_x(&s->picture, fx) : fx, node_y[k] = p ? chroma_y(&s->picture, fy) : fy;
  }
  for (int32_t i = 0; i < count; i++) {
    int32_t k = i / NODE;
    float near = (float)(i % NODE) / NODE;
    px[i] = node_x[k] + (node_x[k + 1] - node_x[k]) * near, py[i] = node_y[k] + (node_y[k + 1] - node_y[k]) * near;
  }
  find_places(&s->picture, p, px, py, count, o, 0);
}

// Changes to whole levels: to the nearest.
INLINE void round_changes(const float *sum, float share, int32_t count, int32_t *levels) {
  for (int32_t i = 0; i < count; i++) levels[i] = (int32_t)nearbyintf(sum[i] * share);
}

// Or by less than this to what comes nearest to what was shown.
static const float leeway = 0.9f;

INLINE void round_towards(const float *shown, const uint8_t *own, ptrdiff_t step, const float *sum, float share, int32_t count, int32_t *levels) {
  for (int32_t i = 0; i < count; i++) {
    float change = sum[i] * share;
    int32_t least = (int32_t)ceilf(change - leeway), most = (int32_t)floorf(change + leeway), wanted = (int32_t)nearbyintf(shown[i] - own[i * step]);
    levels[i] = wanted < least ? least : wanted > most ? most : wanted;
  }
}

// Adds whole levels to samples `step` bytes apart, without leaving what the format allows further than they did before.
INLINE void add_levels(uint8_t *o, ptrdiff_t step, const int32_t *levels, int32_t count, int32_t low, int32_t high, int deep) {
  for (int32_t i = 0; i < count; i++) {
    int32_t old = load(o + i * step, deep), value = old + levels[i];
    int32_t least = old < low ? old : low, most = old > high ? old : high;
    value = value < least ? least : value > most ? most : value;
    if (deep) {
      uint16_t v = (uint16_t)value;
      memcpy(o + i * step, &v, 2);
    } else {
      o[i * step] = (uint8_t)value;
    }
  }
}

INLINE void add_area(const ssat_frame *f, int p, const ssat_similarity *to_crop, int32_t size, const float *plane, area r, int n, int deep,
                     const ssat_shown *shown) {
  int sx = p ? f->shift_x : 0, sy = p ? f->shift_y : 0;
  float ox = p && f->centred_x ? 0.5f : 0, oy = p && f->centred_y ? 0.5f : 0;
  float share = 1 / (float)(n * n), spread_x = (float)(1 << sx) / n, spread_y = (float)(1 << sy) / n, sum[STRETCH];
  int32_t shift = f->depth - 8, top = (1 << f->depth) - 1;
  int32_t low = f->full_range ? 0 : 16 << shift, high = f->full_range ? top : (p ? 240 : 235) << shift;
  ptrdiff_t step = (p ? f->chroma_step : 1) * (deep ? 2 : 1);
  for (int32_t y = r.y0; y < r.y1; y++)
    for (int32_t x = r.x0; x < r.x1; x += STRETCH) {
      int32_t count = r.x1 - x < STRETCH ? r.x1 - x : STRETCH;
      float left = (float)(x << sx) + ox, row = (float)(y << sy) + oy;
      int32_t levels[STRETCH];
      sum_change(plane, size, to_crop, left, (float)(1 << sx), row, count, n, spread_x, spread_y, sum);
      uint8_t *o = f->plane[p] + (ptrdiff_t)y * f->stride[p] + x * step;
      if (shown && !deep) {
        float before[STRETCH];
        places at;
        find_shown(shown, p, to_crop, left, (float)(1 << sx), row, count, &at);
        sample_bilinear(&shown->picture, p, &at, count, before, 0);
        round_towards(before, o, step, sum, share, count, levels);
      } else {
        round_changes(sum, share, count, levels);
      }
      if (step == 1) {
        add_levels(o, 1, levels, count, low, high, 0);
      } else {
        add_levels(o, step, levels, count, low, high, deep);
      }
    }
}

INLINE void add_plane(const ssat_frame *f, int p, const ssat_similarity *to_crop, int32_t size, const float *plane, area r, const ssat_shown *shown) {
  float reach = sqrtf(to_crop->a * to_crop->a + to_crop->b * to_crop->b) * (1 << (p ? f->shift_x : 0));
  int n = (int)ceilf(reach - 0.3f);
  n = n < 1 ? 1 : n > 8 ? 8 : n;
  if (f->depth > 8) return add_area(f, p, to_crop, size, plane, r, n, 1, NULL);
  if (n == 1) return add_area(f, p, to_crop, size, plane, r, 1, 0, shown);
  add_area(f, p, to_crop, size, plane, r, n, 0, shown);
}

// Half a level of 8 bits off every change: what nobody sees is left undone, and the outskirts of a change end where it does.
INLINE float cored(float v) {
  const float least = 0.5f / 255;
  return v > least ? v - least : v < -least ? v + least : 0;
}
// From changes of R', G' and B' to changes of a frame's planes.
typedef struct {
  float kr, kg, kb, luma, u, v;
} from_rgb;

INLINE void split_stretch(const float *change, int32_t count, const from_rgb *m, float *dy, float *du, float *dv, int32_t *is_there, int rgb) {
  for (int32_t i = 0; i < count; i++) {
    float r = cored(change[i * 3]), g = cored(change[i * 3 + 1]), b = cored(change[i * 3 + 2]), l = m->kr * r + m->kg * g + m->kb * b;
    dy[i] = (rgb ? g : l) * m->luma;
    du[i] = rgb ? b * m->luma : (b - l) * m->u;
    dv[i] = rgb ? r * m->luma : (r - l) * m->v;
    is_there[i] = (r != 0) | (g != 0) | (b != 0);
  }
}

CLONES int32_t ssat_split_change(const ssat_frame *f, int32_t size, const float *change, float *planes, int32_t bounds[4]) {
  float unit = (float)(1 << (f->depth - 8)), chroma = f->full_range ? (float)((1 << f->depth) - 1) : 224 * unit;
  from_rgb m = {f->kr, 1 - f->kr - f->kb, f->kb, f->full_range ? chroma : 219 * unit, chroma / (2 * (1 - f->kb)), chroma / (2 * (1 - f->kr))};
  extent e = nothing;
  ptrdiff_t plane = (ptrdiff_t)size * size;
  for (int32_t y = 0; y < size; y++)
    for (int32_t x = 0; x < size; x += STRETCH) {
      int32_t count = size - x < STRETCH ? size - x : STRETCH, is_there[STRETCH];
      ptrdiff_t i = (ptrdiff_t)y * size + x;
      if (f->rgb) {
        split_stretch(change + i * 3, count, &m, planes + i, planes + plane + i, planes + 2 * plane + i, is_there, 1);
      } else {
        split_stretch(change + i * 3, count, &m, planes + i, planes + plane + i, planes + 2 * plane + i, is_there, 0);
      }
      widen(&e, x, y, is_there, count);
    }
  bounds[0] = e.x0, bounds[1] = e.y0, bounds[2] = e.x1 - 1, bounds[3] = e.y1 - 1;
  return e.x1 > 0;
}
CLONES void ssat_add_planes(const ssat_frame *f, const ssat_similarity *t, int32_t size, const float *planes, const int32_t bounds[4],
                     int32_t part, int32_t parts, int32_t first_column, const ssat_shown *shown) {
  float box[4];
  if (!box_of(f, t, bounds, box)) return;
  float d = t->a * t->a + t->b * t->b;
  ssat_similarity inverse = {t->a / d, -t->b / d, 0, 0};
  inverse.tx = -(inverse.a * t->tx - inverse.b * t->ty);
  inverse.ty = -(inverse.b * t->tx + inverse.a * t->ty);
  for (int p = 0; p < 3; p++)
    add_plane(f, p, &inverse, size, planes + (ptrdiff_t)p * size * size, area_of(f, p, box, part, parts, first_column), shown);
}

void ssat_add_change(const ssat_frame *f, const ssat_similarity *t, int32_t size, const float *change, float *planes,
                     int32_t first_column) {
  int32_t bounds[4];
  if (ssat_split_change(f, size, change, planes, bounds)) ssat_add_planes(f, t, size, planes, bounds, 0, 1, first_column, NULL);
}
