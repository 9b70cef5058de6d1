// Changes averaged over time, along the motion of the face.
#include "CKernelsPicture.h"

#include <math.h>
#include <string.h>

#include "clones.h"
#include "extent.h"
#include "sampling.h"

#pragma STDC FP_CONTRACT OFF

// Pixels by which what was worn may have moved.
INLINE int32_t farthest_of(const float *back) {
  float most = 0;
  for (int32_t i = 0; i < 64 * 64 * 2; i++) most = fabsf(back[i]) > most ? fabsf(back[i]) : most;
  return (int32_t)(4 * (most < 64 ? most : 64)) + 2;
}

// Where a change is, of 256x256x3.
INLINE extent extent_of(const float *change) {
  extent e = nothing;
  for (int32_t y = 0; y < 256; y++) widen(&e, y, change + y * 256 * 3, 256, 0);
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

// The pixel of a map of three values that is between four neighbours.
INLINE four pixel_between(const float *map, int32_t pixel, float fx, float fy) {
  const float *from = map + pixel * 3;
  // The last pixel of all has no value beyond.
  four a = load_four(from), b = load_four(from + 3), c = load_four(from + 768), d = load_four(from + 770);
  d = __builtin_shufflevector(d, d, 1, 2, 3, 3);
  return mixed_four(a, b, c, d, fx, fy);
}

// Of a map of three values a pixel, what was where a stretch of whole cells comes from: a plane each.
INLINE void find_worn(const float *previous, const origins *o, int32_t count, float *worn) {
  for (int32_t i = 0; i < count; i += 4) {
    four p[4];
    for (int32_t k = 0; k < 4; k++) p[k] = pixel_between(previous, o->pixel[i + k], o->fx[i + k], o->fy[i + k]);
    four first = __builtin_shufflevector(p[0], p[1], 0, 4, 1, 5), second = __builtin_shufflevector(p[2], p[3], 0, 4, 1, 5);
    four r = __builtin_shufflevector(first, second, 0, 1, 4, 5), g = __builtin_shufflevector(first, second, 2, 3, 6, 7);
    four b = __builtin_shufflevector(__builtin_shufflevector(p[0], p[1], 2, 6, 2, 6), __builtin_shufflevector(p[2], p[3], 2, 6, 2, 6), 0, 1, 4, 5);
    memcpy(worn + i, &r, sizeof r), memcpy(worn + PIXELS + i, &g, sizeof g), memcpy(worn + 2 * PIXELS + i, &b, sizeof b);
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
  for (int32_t i = 0; i < PIXELS - 1; i++) {
    uint32_t value;
    memcpy(&value, crop + 3 * i, 4);
    value &= 0xffffff;  // little-endian, as every machine that this is built for
    memcpy(previous_crop + 4 * i, &value, 4);
  }
  memcpy(previous_crop + 4 * (PIXELS - 1), crop + 3 * (PIXELS - 1), 3);
  for (int32_t i = 0; i < 3 * PIXELS; i++) mean[i] = (float)crop[i] / 255;
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
  for (int32_t y = e.y0; y < e.y1; y++) {
    int32_t i = y * 256 + e.x0;
    memcpy(previous_change + 3 * i, change + 3 * i, (size_t)(e.x1 - e.x0) * 3 * sizeof(float));
    follow(change + 3 * i, follows + 2 * i, crop + 3 * i, mean + 3 * i, e.x1 - e.x0);
  }
}
