// Changes of a crop added to the frame that it was cut from.
#include "CKernelsPicture.h"

#include <math.h>
#include <string.h>

#include "area.h"
#include "clones.h"
#include "extent.h"
#include "sampling.h"

#pragma STDC FP_CONTRACT OFF

// One plane of a change (luma) or two side by side (chroma), in crop pixels.
typedef struct {
  const float *values;
  int32_t size;
} change_map;

// Bilinear values at crop position (x, y), added to `sum`; nothing lies outside.
INLINE void add_change_at(change_map m, const int32_t channels, float x, float y, float *sum) {
  if (!(x > -1 && y > -1 && x < m.size && y < m.size)) return;
  // The floor, without a call.
  int32_t x0 = (int32_t)x - (x < 0), y0 = (int32_t)y - (y < 0);
  float fx = x - x0, fy = y - y0;
  for (int j = 0; j < 2; j++)
    for (int i = 0; i < 2; i++) {
      int32_t px = x0 + i, py = y0 + j;
      if (px < 0 || py < 0 || px >= m.size || py >= m.size) continue;
      for (int32_t c = 0; c < channels; c++) sum[c * STRETCH] += m.values[(py * m.size + px) * channels + c] * (i ? fx : 1 - fx) * (j ? fy : 1 - fy);
    }
}

// Where samples of a stretch lie in a map, all of them inside.
typedef struct {
  int32_t offset[STRETCH];
  float fx[STRETCH], fy[STRETCH];
} spots;

INLINE void find_spots(int32_t size, const float *x, const float *y, int32_t count, spots *o) {
  for (int32_t i = 0; i < count; i++) {
    int32_t x0 = (int32_t)x[i], y0 = (int32_t)y[i];
    o->offset[i] = y0 * size + x0, o->fx[i] = x[i] - x0, o->fy[i] = y[i] - y0;
  }
}

INLINE void gather_one(change_map m, const spots *at, int32_t count, float *sum) {
  for (int32_t i = 0; i < count; i++) {
    const float *q = m.values + at->offset[i];
    float fx = at->fx[i], fy = at->fy[i];
    sum[i] += q[0] * (1 - fx) * (1 - fy) + q[1] * fx * (1 - fy) + q[m.size] * (1 - fx) * fy + q[m.size + 1] * fx * fy;
  }
}

// A value of either plane, and the ones to the right of them.
typedef float pairs __attribute__((vector_size(16)));

INLINE void gather_two(change_map m, const spots *at, int32_t count, pairs *sum) {
  const pairs near = {1, 1, 0, 0}, far = {-1, -1, 1, 1};
  for (int32_t i = 0; i < count; i++) {
    const float *q = m.values + 2 * (ptrdiff_t)at->offset[i];
    pairs above, below;
    memcpy(&above, q, sizeof above), memcpy(&below, q + 2 * m.size, sizeof below);
    sum[i] += (above + (below - above) * at->fy[i]) * (near + far * at->fx[i]);
  }
}

// The change of samples anywhere, by the sum of n x n places of each; a row of `sum` for every channel.
INLINE void sum_change(change_map m, const int32_t channels, const ssat_similarity *to_crop, float first_x, float step, float y, int32_t count, int n,
                       float spread_x, float spread_y, float *sum) {
  float cx[STRETCH], cy[STRETCH];
  pairs both[STRETCH];
  memset(sum, 0, (size_t)channels * STRETCH * sizeof(float));
  if (channels == 2) memset(both, 0, sizeof both);
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
      if (low >= 0 && high < (float)(m.size - 1)) {
        spots at;
        find_spots(m.size, cx, cy, count, &at);
        if (channels == 1) gather_one(m, &at, count, sum);
        else gather_two(m, &at, count, both);
      } else {
        for (int32_t i = 0; i < count; i++) add_change_at(m, channels, cx[i], cy[i], sum + i);
      }
    }
  if (channels == 1) return;
  for (int32_t c = 0; c < 2; c++)
    for (int32_t i = 0; i < count; i++) sum[c * STRETCH + i] += both[i][c] + both[i][c + 2];
}

// Where every eighth sample of a row was in the picture that was shown before, in that picture's own samples. Between these it lies on straight lines.
enum { NODE = 8 };

typedef struct {
  float x[STRETCH / NODE + 1], y[STRETCH / NODE + 1];
} nodes;

// first_x, step and y in luma samples of the frame.
INLINE void find_nodes(const ssat_shown *s, int p, const ssat_similarity *to_crop, float first_x, float step, float y, nodes *o) {
  const ssat_similarity *t = &s->crop_to_picture;
  for (int32_t k = 0; k <= STRETCH / NODE; k++) {
    float x = first_x + step * (float)(NODE * k), by[2];
    float cx = to_crop->a * x - to_crop->b * y + to_crop->tx, cy = to_crop->b * x + to_crop->a * y + to_crop->ty;
    motion_at(s->back, cx, cy, 4, by);
    cx += 4 * by[0], cy += 4 * by[1];
    float fx = t->a * cx - t->b * cy + t->tx, fy = t->b * cx + t->a * cy + t->ty;
    o->x[k] = p ? chroma_x(&s->picture, fx) : fx, o->y[k] = p ? chroma_y(&s->picture, fy) : fy;
  }
}

// Between two rows of nodes, of which the lower is nearer by `fy`.
INLINE void find_shown(const ssat_shown *s, int p, const nodes *above, const nodes *below, float fy, int32_t count, places *o) {
  float px[STRETCH], py[STRETCH], x[STRETCH / NODE + 1], y[STRETCH / NODE + 1];
  for (int32_t k = 0; k <= STRETCH / NODE; k++)
    x[k] = above->x[k] + (below->x[k] - above->x[k]) * fy, y[k] = above->y[k] + (below->y[k] - above->y[k]) * fy;
  for (int32_t k = 0; k < STRETCH / NODE; k++)
    for (int32_t i = 0; i < NODE; i++) {
      float near = (float)i / NODE;
      px[k * NODE + i] = x[k] + (x[k + 1] - x[k]) * near, py[k * NODE + i] = y[k] + (y[k + 1] - y[k]) * near;
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

// What a stretch of samples of a plane needs to know of its format.
typedef struct {
  int32_t low, high;
  ptrdiff_t step;
  float share;  // of the sum of a sample's places
} sample_format;

// - `at`: where the samples were in what was shown before, or NULL.
INLINE void add_stretch(const ssat_frame *f, int p, int32_t x, int32_t y, int32_t count, const float *sum, const sample_format *format, int deep,
                        const ssat_shown *shown, const places *at) {
  int32_t levels[STRETCH];
  uint8_t *o = f->plane[p] + (ptrdiff_t)y * f->stride[p] + x * format->step;
  if (at) {
    float before[STRETCH];
    sample_bilinear(&shown->picture, p, at, count, before, 0);
    round_towards(before, o, format->step, sum, format->share, count, levels);
  } else {
    round_changes(sum, format->share, count, levels);
  }
  if (format->step == 1) {
    add_levels(o, 1, levels, count, format->low, format->high, 0);
  } else {
    add_levels(o, format->step, levels, count, format->low, format->high, deep);
  }
}

// Fetches a later row of a stretch, and about where that was in what was shown.
INLINE void fetch_ahead(const ssat_frame *f, int p, int32_t x, int32_t y, int32_t count, ptrdiff_t step, const ssat_shown *shown) {
  fetch(f->plane[p] + (y + AHEAD) * f->stride[p] + x * step, (int32_t)(count * step));
  if (shown) fetch(shown->picture.plane[p] + (y + AHEAD) * shown->picture.stride[p] + x * step, (int32_t)(count * step));
}

// Plane p, and the next where the map has two channels: both planes of chroma have the same samples.
INLINE void add_area(const ssat_frame *f, int p, const ssat_similarity *to_crop, change_map m, const int32_t channels, area r, int n, int deep,
                     const ssat_shown *shown) {
  int sx = p ? f->shift_x : 0, sy = p ? f->shift_y : 0;
  float ox = p && f->centred_x ? 0.5f : 0, oy = p && f->centred_y ? 0.5f : 0;
  float step = (float)(1 << sx), spread_x = (float)(1 << sx) / n, spread_y = (float)(1 << sy) / n, sum[2 * STRETCH];
  int32_t shift = f->depth - 8, top = (1 << f->depth) - 1;
  const sample_format format = {
    .low = f->full_range ? 0 : 16 << shift, .high = f->full_range ? top : (p ? 240 : 235) << shift,
    .step = (p ? f->chroma_step : 1) * (deep ? 2 : 1), .share = 1 / (float)(n * n)};
  for (int32_t x = r.x0; x < r.x1; x += STRETCH) {
    int32_t count = r.x1 - x < STRETCH ? r.x1 - x : STRETCH;
    float left = (float)(x << sx) + ox;
    nodes above, below;
    for (int32_t y = r.y0; y < r.y1; y++) {
      for (int32_t c = 0; c < channels; c++) fetch_ahead(f, p + c, x, y, count, format.step, shown);
      sum_change(m, channels, to_crop, left, step, (float)(y << sy) + oy, count, n, spread_x, spread_y, sum);
      places at;
      if (shown) {
        // Rows of nodes are those of the frame, whatever share of it this is.
        int32_t row = y - y % NODE;
        if (y == r.y0) find_nodes(shown, p, to_crop, left, step, (float)(row << sy) + oy, &above);
        else if (y == row) above = below;
        if (y == r.y0 || y == row) find_nodes(shown, p, to_crop, left, step, (float)((row + NODE) << sy) + oy, &below);
        find_shown(shown, p, &above, &below, (float)(y - row) / NODE, count, &at);
      }
      for (int32_t c = 0; c < channels; c++) add_stretch(f, p + c, x, y, count, sum + c * STRETCH, &format, deep, shown, shown ? &at : NULL);
    }
  }
}

INLINE void add_map(const ssat_frame *f, int p, const ssat_similarity *to_crop, change_map m, const int32_t channels, area r, const ssat_shown *shown) {
  float reach = sqrtf(to_crop->a * to_crop->a + to_crop->b * to_crop->b) * (1 << (p ? f->shift_x : 0));
  int n = (int)ceilf(reach - 0.3f);
  n = n < 1 ? 1 : n > 8 ? 8 : n;
  if (f->depth > 8) return add_area(f, p, to_crop, m, channels, r, n, 1, NULL);
  if (n == 1) return add_area(f, p, to_crop, m, channels, r, 1, 0, shown);
  add_area(f, p, to_crop, m, channels, r, n, 0, shown);
}

// Half a level of 8 bits off every change: what nobody sees is left undone, and the outskirts of a change end where it does.
static const float least_seen = 0.5f / 255;

INLINE float cored(float v) { return v > least_seen ? v - least_seen : v < -least_seen ? v + least_seen : 0; }

// From changes of R', G' and B' to changes of a frame's planes.
typedef struct {
  float kr, kg, kb, luma, u, v;
} from_rgb;

INLINE void split_stretch(const float *change, int32_t count, const from_rgb *m, float *luma, float *chroma, int rgb) {
  float u[STRETCH], v[STRETCH];
  for (int32_t i = 0; i < count; i++) {
    float r = cored(change[i * 3]), g = cored(change[i * 3 + 1]), b = cored(change[i * 3 + 2]), l = m->kr * r + m->kg * g + m->kb * b;
    luma[i] = (rgb ? g : l) * m->luma;
    u[i] = rgb ? b * m->luma : (b - l) * m->u;
    v[i] = rgb ? r * m->luma : (r - l) * m->v;
  }
  for (int32_t i = 0; i < count; i++) chroma[2 * i] = u[i], chroma[2 * i + 1] = v[i];
}

INLINE void split_row(const float *change, int32_t size, const from_rgb *m, float *luma, float *chroma, int rgb) {
  for (int32_t x = 0; x < size; x += STRETCH)
    split_stretch(change + 3 * x, size - x < STRETCH ? size - x : STRETCH, m, luma + x, chroma + 2 * x, rgb);
}

CLONES int32_t ssat_split_change(const ssat_frame *f, int32_t size, const float *change, float *planes, int32_t bounds[4]) {
  float unit = (float)(1 << (f->depth - 8)), scale = f->full_range ? (float)((1 << f->depth) - 1) : 224 * unit;
  from_rgb m = {f->kr, 1 - f->kr - f->kb, f->kb, f->full_range ? scale : 219 * unit, scale / (2 * (1 - f->kb)), scale / (2 * (1 - f->kr))};
  extent e = nothing;
  for (int32_t y = 0; y < size; y++) {
    const float *row = change + (ptrdiff_t)y * size * 3;
    float *luma = planes + (ptrdiff_t)y * size, *chroma = planes + (ptrdiff_t)(size + 2 * y) * size;
    widen(&e, y, row, size, least_seen);
    if (e.y1 != y + 1) {
      memset(luma, 0, (size_t)size * sizeof(float)), memset(chroma, 0, (size_t)size * 2 * sizeof(float));
    } else if (f->rgb) {
      split_row(row, size, &m, luma, chroma, 1);
    } else {
      split_row(row, size, &m, luma, chroma, 0);
    }
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
  add_map(f, 0, &inverse, (change_map){planes, size}, 1, area_of(f, 0, box, part, parts, first_column), shown);
  add_map(f, 1, &inverse, (change_map){planes + (ptrdiff_t)size * size, size}, 2, area_of(f, 1, box, part, parts, first_column), shown);
}

void ssat_add_change(const ssat_frame *f, const ssat_similarity *t, int32_t size, const float *change, float *planes,
                     int32_t first_column) {
  int32_t bounds[4];
  if (ssat_split_change(f, size, change, planes, bounds)) ssat_add_planes(f, t, size, planes, bounds, 0, 1, first_column, NULL);
}
