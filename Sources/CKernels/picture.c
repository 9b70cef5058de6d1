#include "CKernelsPicture.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clones.h"
#include "interpolation.h"

#pragma STDC FP_CONTRACT OFF

// What is INLINE is called with constants for depth and number of samples.

INLINE float sample_at(const ssat_frame *f, int p, int32_t x, int32_t y, int deep) {
  ptrdiff_t step = p ? f->chroma_step : 1;
  const uint8_t *row = f->plane[p] + (ptrdiff_t)y * f->stride[p];
  if (!deep) return row[x * step];
  uint16_t v;
  memcpy(&v, row + x * step * 2, 2);
  return v;
}

static inline float at(const ssat_frame *f, int p, int32_t x, int32_t y) { return sample_at(f, p, x, y, f->depth > 8); }

INLINE int32_t clamp(int32_t v, int32_t high) { return v < 0 ? 0 : v > high ? high : v; }

static inline float chroma_x(const ssat_frame *f, float x) { return (x - (f->centred_x ? 0.5f : 0)) / (1 << f->shift_x); }
static inline float chroma_y(const ssat_frame *f, float y) { return (y - (f->centred_y ? 0.5f : 0)) / (1 << f->shift_y); }

static inline uint8_t to_byte(float v) { return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5f); }

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

INLINE void sample_rows(const ssat_frame *f, const ssat_similarity *t, int32_t size, int32_t first, int32_t end, uint8_t *rgb, int n,
                        int deep) {
  to_rgb m = matrix_of(f);
  for (int32_t y = first; y < end; y++)
    for (int32_t x = 0; x < size; x += STRETCH)
      sample_stretch(f, t, &m, x, y, size - x < STRETCH ? size - x : STRETCH, rgb + ((ptrdiff_t)y * size + x) * 3, n, deep);
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

/// What of a plane is written: columns x0 to x1, rows y0 to y1, one of `parts` shares of the rows.
typedef struct {
  int32_t x0, x1, y0, y1;
} area;

static area area_of(const ssat_frame *f, int p, const float box[4], int32_t part, int32_t parts, int32_t first_column) {
  int sx = p ? f->shift_x : 0, sy = p ? f->shift_y : 0;
  int32_t w = (f->width + (1 << sx) - 1) >> sx, h = (f->height + (1 << sy) - 1) >> sy;
  area r = {clamp((int32_t)floorf(box[0]) >> sx, w), clamp(((int32_t)ceilf(box[2]) >> sx) + 2, w),
            clamp((int32_t)floorf(box[1]) >> sy, h), clamp(((int32_t)ceilf(box[3]) >> sy) + 2, h)};
  int32_t limit = (first_column + (1 << sx) - 1) >> sx, rows = r.y1 - r.y0, first = r.y0;
  if (r.x0 < limit) r.x0 = limit;
  r.y0 = first + rows * part / parts, r.y1 = first + rows * (part + 1) / parts;
  return r;
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

// Rows and columns where something is: from the first to one beyond the last.
typedef struct {
  int32_t x0, y0, x1, y1;
} extent;

// Pixels by which what was worn may have moved.
INLINE int32_t farthest_of(const float *back) {
  float most = 0;
  for (int32_t i = 0; i < 64 * 64 * 2; i++) most = fabsf(back[i]) > most ? fabsf(back[i]) : most;
  return (int32_t)(4 * (most < 64 ? most : 64)) + 2;
}

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

// Upright box of the frame around a part of a crop and a pixel more on every side; false where it lies outside.
static bool box_of(const ssat_frame *f, const ssat_similarity *t, const int32_t bounds[4], float box[4]) {
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

// Where a change is, of 256x256x3.
INLINE extent extent_of(const float *change) {
  extent e = nothing;
  for (int32_t y = 0; y < 256; y++)
    for (int32_t x = 0; x < 256; x += STRETCH) {
      const float *c = change + (y * 256 + x) * 3;
      int32_t is_there[STRETCH];
      for (int32_t i = 0; i < STRETCH; i++) is_there[i] = (c[3 * i] != 0) | (c[3 * i + 1] != 0) | (c[3 * i + 2] != 0);
      widen(&e, x, y, is_there, STRETCH);
    }
  return e;
}

// Where the pixels of a stretch of a crop were: the pixel up and left of each, and how near its neighbours are.
typedef struct {
  int32_t pixel[STRETCH];
  float fx[STRETCH], fy[STRETCH];
} origins;

// `back`: the motion of a row of pixels, in cells of 4 pixels, at the middles of the 64 cells.
INLINE void find_origins(const float *back, int32_t first, int32_t y, int32_t count, origins *o) {
  for (int32_t i = 0; i < count; i++) {
    float x = (float)(first + i), cell = clamped((x + 0.5f) * 0.25f - 0.5f, 0, 63);
    int32_t left = (int32_t)cell;
    left = left < 62 ? left : 62;
    const float *l = back + 2 * left;
    float near = cell - (float)left;
    float px = clamped(x + 4 * (l[0] + (l[2] - l[0]) * near), 0, 255), py = clamped((float)y + 4 * (l[1] + (l[3] - l[1]) * near), 0, 255);
    int32_t x0 = (int32_t)px, y0 = (int32_t)py;
    x0 = x0 < 254 ? x0 : 254, y0 = y0 < 254 ? y0 : 254;
    o->pixel[i] = y0 * 256 + x0, o->fx[i] = px - (float)x0, o->fy[i] = py - (float)y0;
  }
}

// How far a stretch differs from what was there: the sum over R', G' and B' of the distances, in levels.
INLINE void find_differences(const uint8_t *crop, const uint8_t *previous_crop, const origins *o, int32_t count, float *moved) {
  uint32_t a[STRETCH], b[STRETCH], c[STRETCH], d[STRETCH];
  for (int32_t i = 0; i < count; i++) {
    const uint8_t *from = previous_crop + (ptrdiff_t)o->pixel[i] * 4;
    memcpy(&a[i], from, 4), memcpy(&b[i], from + 4, 4), memcpy(&c[i], from + 1024, 4), memcpy(&d[i], from + 1028, 4);
  }
  for (int32_t i = 0; i < count; i++) moved[i] = 0;
  for (int32_t k = 0; k < 3; k++)
    for (int32_t i = 0; i < count; i++) {
      float was = mixed((float)(int32_t)(a[i] >> 8 * k & 255), (float)(int32_t)(b[i] >> 8 * k & 255), (float)(int32_t)(c[i] >> 8 * k & 255),
                        (float)(int32_t)(d[i] >> 8 * k & 255), o->fx[i], o->fy[i]);
      moved[i] += fabsf((float)crop[3 * i + k] - was);
    }
}

enum { PIXELS = 256 * 256, EDGED = 66 };  // 64 cells and one beyond on either side

// What smoothing keeps of a whole crop: the change and the picture that were averaged. Of every cell of 4x4 pixels: how far the two changes are
// apart, how large the larger is, and from that the least share that the new one has.
typedef struct {
  float worn[3][PIXELS], mean[3][PIXELS], moved[PIXELS];
  float apart[EDGED * EDGED], most[EDGED * EDGED], least[EDGED * EDGED];
} smoothing;

_Static_assert(sizeof(smoothing) == SSAT_SMOOTH_SCRATCH * sizeof(float), "the header says how much");

// Of a map of three values a pixel, what was where a stretch comes from: a plane each.
INLINE void find_worn(const float *previous, const origins *o, int32_t count, float *worn) {
  for (int32_t k = 0; k < 3; k++) {
    float a[STRETCH], b[STRETCH], c[STRETCH], d[STRETCH];
    for (int32_t i = 0; i < count; i++) {
      const float *from = previous + (ptrdiff_t)o->pixel[i] * 3 + k;
      a[i] = from[0], b[i] = from[3], c[i] = from[768], d[i] = from[771];
    }
    for (int32_t i = 0; i < count; i++) worn[k * PIXELS + i] = mixed(a[i], b[i], c[i], d[i], o->fx[i], o->fy[i]);
  }
}

// Adds a stretch of whole cells to how they compare.
INLINE void compare(const float *change, const float *worn, int32_t count, float *apart, float *most) {
  float difference[STRETCH], size[STRETCH];
  for (int32_t i = 0; i < count; i++) {
    float by = 0, now = 0, then = 0;
    for (int32_t k = 0; k < 3; k++) {
      float a = change[3 * i + k], b = worn[k * PIXELS + i];
      by += fabsf(a - b), now += fabsf(a), then += fabsf(b);
    }
    difference[i] = by, size[i] = now > then ? now : then;
  }
  for (int32_t i = 0; i < count; i += 4) {
    apart[i / 4] += (difference[i] + difference[i + 1]) + (difference[i + 2] + difference[i + 3]);
    most[i / 4] += (size[i] + size[i + 1]) + (size[i + 2] + size[i + 3]);
  }
}

// Where, over the cells around, more than three tenths of what is worn has come or gone, it is not noise: a mouth has closed or opened, a hand has come.
INLINE void find_least(smoothing *s) {
  const float nothing_much = 9 * 16 * 0.05f;  // of the three channels, full scale: a wavering hint of rouge is no change
  for (int32_t v = 1; v < EDGED - 1; v++)
    for (int32_t u = 1; u < EDGED - 1; u++) {
      float apart = 0, most = 0;
      for (int32_t k = -1; k <= 1; k++) {
        const float *a = s->apart + (v + k) * EDGED + u, *m = s->most + (v + k) * EDGED + u;
        apart += (a[-1] + a[1]) + a[0], most += (m[-1] + m[1]) + m[0];
      }
      s->least[v * EDGED + u] = 0.8f * clamped((apart / (most + nothing_much) - 0.3f) * 3, 0, 1);
    }
}

// `least` for a stretch that begins with a cell; `above` and `below` belong to that cell, `fy` is how near the row is to the lower ones.
INLINE void spread_least(const float *above, const float *below, float fy, int32_t count, float *least) {
  float row[STRETCH / 4 + 2];
  for (int32_t i = 0; i < count / 4 + 2; i++) row[i] = above[i - 1] + (below[i - 1] - above[i - 1]) * fy;
  for (int32_t i = 0; i < count / 4; i++) {
    float before = row[i + 1] - row[i], after = row[i + 2] - row[i + 1];
    least[4 * i] = row[i + 1] - 0.375f * before, least[4 * i + 1] = row[i + 1] - 0.125f * before;
    least[4 * i + 2] = row[i + 1] + 0.125f * after, least[4 * i + 3] = row[i + 1] + 0.375f * after;
  }
}

// `mean` holds the picture of now, in 0...1, and becomes its mean over time.
INLINE void smooth_stretch(float *change, float *mean, const float *moved, const float *worn, const float *was_mean, const float *least, int32_t count,
                           float calm) {
  float share[STRETCH];
  for (int32_t i = 0; i < count; i++) {
    // Differences of 4 levels are noise; those of 33 are another thing in its place.
    share[i] = clamped(calm + clamped(moved[i] - 12, 0, 100) * 0.01f, least[i], 1);
  }
  for (int32_t i = 0; i < count; i++)
    for (int32_t k = 0; k < 3; k++) {
      float now = change[3 * i + k], was = worn[k * PIXELS + i], v = was + share[i] * (now - was);
      // What has left the mask fades at once where it is small: nothing lingers.
      change[3 * i + k] = now == 0 && fabsf(v) < 0.004f ? 0 : v;
    }
  for (int32_t i = 0; i < count; i++)
    for (int32_t k = 0; k < 3; k++) mean[3 * i + k] = was_mean[k * PIXELS + i] + share[i] * (mean[3 * i + k] - was_mean[k * PIXELS + i]);
}

// The averaged change is that of a picture averaged alike. Where the picture is now another, so is what the paint hides of it.
INLINE void follow(float *change, const float *follows, const uint8_t *crop, const float *mean, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    float by[3];
    for (int32_t k = 0; k < 3; k++) by[k] = (float)crop[3 * i + k] / 255 - mean[3 * i + k];
    float luma = 0.299f * by[0] + 0.587f * by[1] + 0.114f * by[2];
    for (int32_t k = 0; k < 3; k++) change[3 * i + k] += follows[2 * i] * luma + follows[2 * i + 1] * (by[k] - luma);
  }
}

CLONES void ssat_keep_crop(const uint8_t *crop, uint8_t *previous_crop, float *mean) {
  for (int32_t i = 0; i < 256 * 256; i++)
    for (int32_t k = 0; k < 3; k++) previous_crop[4 * i + k] = crop[3 * i + k], mean[3 * i + k] = (float)crop[3 * i + k] / 255;
}

// Whole cells of both changes, and as far around as what was worn may have moved.
INLINE extent smoothed_extent(const float *change, const float *previous_change, const float *back) {
  extent now = extent_of(change), then = extent_of(previous_change);
  const int32_t farthest = farthest_of(back);
  int32_t x0 = clamp((now.x0 < then.x0 ? now.x0 : then.x0) - farthest, 256), x1 = clamp((now.x1 > then.x1 ? now.x1 : then.x1) + farthest, 256);
  int32_t y0 = clamp((now.y0 < then.y0 ? now.y0 : then.y0) - farthest, 256), y1 = clamp((now.y1 > then.y1 ? now.y1 : then.y1) + farthest, 256);
  return (extent){x0 & ~3, y0, (x1 + 3) & ~3, y1};
}

CLONES void ssat_smooth_change(float *change, float *previous_change, const uint8_t *crop, uint8_t *previous_crop, const float *follows,
                               float *mean, const float *back, float calm, float *scratch) {
  smoothing *s = (smoothing *)scratch;
  memset(s->apart, 0, sizeof s->apart + sizeof s->most + sizeof s->least);
  extent e = smoothed_extent(change, previous_change, back);
  for (int32_t y = e.y0; y < e.y1; y++) {
    float row[2 * 64];
    place p = place_of(0, ((float)y + 0.5f) * 0.25f - 0.5f, 64);
    for (int32_t i = 0; i < 2 * 64; i++) {
      float above = back[p.y0 * 128 + i], below = back[p.y1 * 128 + i];
      row[i] = above + (below - above) * p.fy;
    }
    for (int32_t x = e.x0; x < e.x1; x += STRETCH) {
      int32_t count = e.x1 - x < STRETCH ? e.x1 - x : STRETCH, i = y * 256 + x, cell = (y / 4 + 1) * EDGED + x / 4 + 1;
      origins o;
      find_origins(row, x, y, count, &o);
      find_differences(crop + 3 * i, previous_crop, &o, count, s->moved + i);
      find_worn(previous_change, &o, count, s->worn[0] + i);
      find_worn(mean, &o, count, s->mean[0] + i);
      compare(change + 3 * i, s->worn[0] + i, count, s->apart + cell, s->most + cell);
    }
  }
  find_least(s);
  ssat_keep_crop(crop, previous_crop, mean);
  for (int32_t y = e.y0; y < e.y1; y++)
    for (int32_t x = e.x0; x < e.x1; x += STRETCH) {
      int32_t count = e.x1 - x < STRETCH ? e.x1 - x : STRETCH, i = y * 256 + x;
      // The upper of the two rows of cells whose middles the row of pixels lies between.
      int32_t above = (y + 2) / 4 * EDGED + x / 4 + 1;
      float least[STRETCH], fy = ((float)((y + 2) % 4) + 0.5f) * 0.25f;
      spread_least(s->least + above, s->least + above + EDGED, fy, count, least);
      smooth_stretch(change + 3 * i, mean + 3 * i, s->moved + i, s->worn[0] + i, s->mean[0] + i, least, count, calm);
    }
  memcpy(previous_change, change, (size_t)PIXELS * 3 * sizeof(float));
  for (int32_t y = e.y0; y < e.y1; y++) {
    int32_t i = y * 256 + e.x0;
    follow(change + 3 * i, follows + 2 * i, crop + 3 * i, mean + 3 * i, e.x1 - e.x0);
  }
}

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
