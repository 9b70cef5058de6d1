#include "CKernelsTransfer.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "clones.h"
#include "interpolation.h"

#pragma STDC FP_CONTRACT OFF

void ssat_picture_to_tensor_u8(const uint8_t *rgb, int32_t size, uint8_t *output, int32_t row_stride, int32_t pixel_stride) {
  for (int32_t y = 0; y < size / 2; y++)
    for (int32_t x = 0; x < size / 2; x++) {
      uint8_t *o = output + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      for (int c = 0; c < 3; c++)
        for (int k = 0; k < 4; k++) o[c * 4 + k] = rgb[((2 * y + k / 2) * size + 2 * x + k % 2) * 3 + c];
    }
}

void ssat_picture_to_tensor_f32(const uint8_t *rgb, int32_t size, float *output, int32_t row_stride, int32_t pixel_stride) {
  for (int32_t y = 0; y < size / 2; y++)
    for (int32_t x = 0; x < size / 2; x++) {
      float *o = output + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      for (int c = 0; c < 3; c++)
        for (int k = 0; k < 4; k++)
          o[c * 4 + k] = ((float)rgb[((2 * y + k / 2) * size + 2 * x + k % 2) * 3 + c] - 127.5f) / 127.5f;
    }
}

void ssat_parsing_to_tensor_u8(const uint8_t *parsing, int32_t size, int32_t classes, uint8_t *output, int32_t row_stride,
                               int32_t pixel_stride) {
  for (int32_t y = 0; y < size / 2; y++)
    for (int32_t x = 0; x < size / 2; x++) {
      uint8_t *o = output + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      memset(o, 0, (size_t)classes * 4);
      for (int k = 0; k < 4; k++) o[parsing[(2 * y + k / 2) * size + 2 * x + k % 2] * 4 + k] = 1;
    }
}

void ssat_parsing_to_tensor_f32(const uint8_t *parsing, int32_t size, int32_t classes, float *output, int32_t row_stride,
                                int32_t pixel_stride) {
  for (int32_t y = 0; y < size / 2; y++)
    for (int32_t x = 0; x < size / 2; x++) {
      float *o = output + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      memset(o, 0, (size_t)classes * 4 * sizeof(float));
      for (int k = 0; k < 4; k++) o[parsing[(2 * y + k / 2) * size + 2 * x + k % 2] * 4 + k] = 1;
    }
}

void ssat_average_blocks(const uint8_t *rgb, float *output) {
  for (int y = 0; y < 64; y++)
    for (int x = 0; x < 64; x++)
      for (int c = 0; c < 3; c++) {
        int sum = 0;
        for (int dy = 0; dy < 4; dy++)
          for (int dx = 0; dx < 4; dx++) sum += rgb[((4 * y + dy) * 256 + 4 * x + dx) * 3 + c];
        output[(y * 64 + x) * 3 + c] = (float)sum / (16 * 127.5f) - 1;
      }
}

CLONES void ssat_quantize_u8(const float *input, int32_t count, float inverse_scale, int32_t zero_point, uint8_t *output) {
  for (int32_t i = 0; i < count; i++) {
    float f = nearbyintf(input[i] * inverse_scale) + (float)zero_point;
    output[i] = (uint8_t)(int32_t)(f < 0 ? 0 : f > 255 ? 255 : f);
  }
}

CLONES void ssat_quantize_s8(const float *input, int32_t count, float inverse_scale, int8_t *output) {
  for (int32_t i = 0; i < count; i++) {
    float f = nearbyintf(input[i] * inverse_scale);
    output[i] = (int8_t)(int32_t)(f < -127 ? -127 : f > 127 ? 127 : f);
  }
}

static void box_rows(const float *input, float *output, int32_t channels, ptrdiff_t step, ptrdiff_t line) {
  // Sliding sums of five cells, zeros outside.
  for (int32_t l = 0; l < 64; l++)
    for (int32_t c = 0; c < channels; c++) {
      const float *in = input + l * line + c;
      float *out = output + l * line + c;
      for (int32_t i = 0; i < 64; i++) {
        float sum = 0;
        for (int32_t k = i < 2 ? 0 : i - 2; k <= (i > 61 ? 63 : i + 2); k++) sum += in[k * step];
        out[i * step] = sum;
      }
    }
}

// R'G'B' differences to luma and two chroma differences (BT.601) and back: Training/ssat_training/networks/ssat_live.py.
static const float to_luma_chroma[9] = {0.299f, 0.587f, 0.114f, -0.168736f, -0.331264f, 0.5f, 0.5f, -0.418688f, -0.081312f};
static const float to_rgb[9] = {1, 0, 1.402f, 1, -0.344136f, -0.714136f, 1, 1.772f, 0};

INLINE void times(const float m[9], const float *v, float *o) {
  for (int i = 0; i < 3; i++) o[i] = m[i * 3] * v[0] + m[i * 3 + 1] * v[1] + m[i * 3 + 2] * v[2];
}

enum { CELLS = 64 * 64 };  // of a map of a face

enum { COLOURS = 18, DIFFERENCE = 3, RELATIVE = 6, SOFT = 9, SKIN_PAINT = 12, LIP_PAINT = 15 };

// How far the face's own light shows on paint: its grain (on skin; on lips `ssat_lip_grain`), its shading (on skin).
static const float skin_grain = 0.7f, skin_shading = 0.5f;
// How much of what its gates let through of the difference of colour comes about where nothing is known to be paint (docs/decisions/0040).
static const float difference_share = 2;

static float shading_of(float around, float skin_luma) {
  return 1 + skin_shading * (clamped(around / (skin_luma < 0.05f ? 0.05f : skin_luma), 0.5f, 1.6f) - 1);
}

void ssat_luma_around(const float *average, float *around, float *scratch) {
  for (int i = 0; i < 64 * 64; i++) {
    const float *a = average + i * 3;
    around[i] = (to_luma_chroma[0] * a[0] + to_luma_chroma[1] * a[1] + to_luma_chroma[2] * a[2] + 1) * 0.5f;
  }
  for (int pass = 0; pass < 4; pass++) ssat_soften(around, 64, scratch);
}

// Mean of `paint` (128x128x4) over a cell of 64x64.
static void painted_cell(const float *paint, int y, int x, float worn[4]) {
  const float *above = paint + (2 * y * 128 + 2 * x) * 4, *below = above + 128 * 4;
  for (int k = 0; k < 4; k++) worn[k] = (above[k] + above[4 + k] + below[k] + below[4 + k]) * 0.25f;
}

// Further apart than this, two neighbouring cells are on both sides of an edge, where one part of the face hides another.
static const float apart_in_uv = 0.12f;

// Of a row of paint, cell by cell: UV coordinates of the four cells of the mesh around, each with its share.
enum { PAINTED = 128 };

typedef struct {
  float u[4][PAINTED], v[4][PAINTED], share[4][PAINTED];
} corners;

INLINE void find_corners(const float *uv, int y, corners *o) {
  for (int x = 0; x < PAINTED; x++) {
    // The middle of a 2x2 block, in cells whose pixels are 4 x + 1.
    place p = place_of((float)x * 0.5f - 0.125f, (float)y * 0.5f - 0.125f, 64);
    const float *cells[4] = {uv + (p.y0 * 64 + p.x0) * 2, uv + (p.y0 * 64 + p.x1) * 2, uv + (p.y1 * 64 + p.x0) * 2, uv + (p.y1 * 64 + p.x1) * 2};
    const float shares[4] = {(1 - p.fx) * (1 - p.fy), p.fx * (1 - p.fy), (1 - p.fx) * p.fy, p.fx * p.fy};
    for (int k = 0; k < 4; k++) o->u[k][x] = cells[k][0], o->v[k][x] = cells[k][1], o->share[k][x] = shares[k];
  }
}

// UV coordinates between those of four cells, of which some may be off the mesh; 0 in `known` where all are. Without a branch, so that it is done in vectors.
INLINE void between_uv(const corners *c, float *u, float *v, int32_t *known) {
  for (int x = 0; x < PAINTED; x++) {
    float most = 0, nearest_u = 0, nearest_v = 0, total = 0, sum_u = 0, sum_v = 0;
    for (int k = 0; k < 4; k++) {
      int nearer = (c->u[k][x] >= 0) & (c->share[k][x] > most);
      most = nearer ? c->share[k][x] : most, nearest_u = nearer ? c->u[k][x] : nearest_u, nearest_v = nearer ? c->v[k][x] : nearest_v;
    }
    for (int k = 0; k < 4; k++) {
      int apart = (c->u[k][x] < 0) | (fabsf(c->u[k][x] - nearest_u) > apart_in_uv) | (fabsf(c->v[k][x] - nearest_v) > apart_in_uv);
      float share = c->share[k][x];
      sum_u = apart ? sum_u : sum_u + share * c->u[k][x], sum_v = apart ? sum_v : sum_v + share * c->v[k][x], total = apart ? total : total + share;
    }
    known[x] = most > 0;
    total = most > 0 ? total : 1;
    u[x] = sum_u / total, v[x] = sum_v / total;
  }
}

// Rows of a texture: none where there is no mesh, twice as many for eyes and brows as elsewhere. Between these they lie evenly.
static const float rows_v[4] = {0.15f, 0.27f, 0.43f, 0.85f}, rows_texture[4] = {0, 0.12f / 0.86f, 0.44f / 0.86f, 1};

INLINE float along_part(const float *from, const float *to, const int part, float x) {
  return to[part] + (x - from[part]) * ((to[part + 1] - to[part]) / (from[part + 1] - from[part]));
}

// The part is spelled out so that slopes are known when this is compiled.
INLINE float along(const float *from, const float *to, float x) {
  x = clamped(x, from[0], from[3]);
  return x < from[1] ? along_part(from, to, 0, x) : x < from[2] ? along_part(from, to, 1, x) : along_part(from, to, 2, x);
}

INLINE float texture_row(float v) { return along(rows_v, rows_texture, v); }
float ssat_texture_row(float v) { return texture_row(v); }
float ssat_texture_row_in_plane(float row) { return along(rows_texture, rows_v, row); }

void ssat_paint_texture(const float *paint, int32_t texels, float *texture) {
  for (int32_t i = 0; i < texels * 4; i += 4) {
    texture[i] = paint[i];
    times(to_luma_chroma, paint + i + 1, texture + i + 1);
  }
}

// `between`, four values of a cell at once.
INLINE void cell_between(const float *map, int32_t size, const int32_t channels, place p, float *o) {
  int32_t upper = p.y0 * size, lower = p.y1 * size;
  // The last cell of three values has none beyond.
  if (channels % 4 && (channels != 3 || lower + p.x1 == size * size - 1)) return between(map, size, channels, p, o);
  for (int32_t k = 0; k < channels; k += 4) {
    four a = load_four(map + (upper + p.x0) * channels + k), b = load_four(map + (upper + p.x1) * channels + k);
    four c = load_four(map + (lower + p.x0) * channels + k), d = load_four(map + (lower + p.x1) * channels + k);
    four mean = mixed_four(a, b, c, d, p.fx, p.fy);
    memcpy(o + k, &mean, (channels == 3 ? 3 : 4) * sizeof(float));
  }
}

// Texels at the border of a window over which it fades into the texture of the whole face.
static const float window_fade = 3;

// How much of a window shows at a place on the mesh, and where in the window that is.
INLINE float window_share(float u, float v, float *x, float *y) {
  float right = u > 0.5f ? 1 - u : u;
  *x = (right - ssat_eye_left) * (SSAT_EYE_WIDTH / (ssat_eye_right - ssat_eye_left)) - 0.5f;
  *y = (v - ssat_eye_top) * (SSAT_EYE_HEIGHT / (ssat_eye_bottom - ssat_eye_top)) - 0.5f;
  float across = *x < SSAT_EYE_WIDTH - 1 - *x ? *x : SSAT_EYE_WIDTH - 1 - *x, down = *y < SSAT_EYE_HEIGHT - 1 - *y ? *y : SSAT_EYE_HEIGHT - 1 - *y;
  return clamped((across < down ? across : down) / window_fade, 0, 1);
}

// A row of paint, where it lies around an eye.
static void lay_windows(const float *eyes, const float *u, const float *v, const int32_t *known, float *row) {
  for (int x = 0; x < PAINTED; x++) {
    float column, line, share = known[x] ? window_share(u[x], v[x], &column, &line) : 0;
    if (share <= 0) continue;
    int32_t left = (int32_t)column, top = (int32_t)line;
    const float *upper = eyes + (((u[x] > 0.5f ? SSAT_EYE_HEIGHT : 0) + top) * SSAT_EYE_WIDTH + left) * 4, *lower = upper + SSAT_EYE_WIDTH * 4;
    four fine = mixed_four(load_four(upper), load_four(upper + 4), load_four(lower), load_four(lower + 4), column - (float)left, line - (float)top);
    four whole = load_four(row + 4 * x), mean = whole + (fine - whole) * share;
    memcpy(row + 4 * x, &mean, sizeof mean);
  }
}

CLONES void ssat_lay_paint(const float *texture, const float *eyes, const float *uv, float *paint) {
  corners around;
  float u[PAINTED], v[PAINTED];
  int32_t known[PAINTED];
  place places[PAINTED];
  for (int y = 0; y < PAINTED; y++) {
    find_corners(uv, y, &around);
    between_uv(&around, u, v, known);
    for (int x = 0; x < PAINTED; x++) places[x] = place_of(u[x] * 64 - 0.5f, texture_row(v[x]) * 64 - 0.5f, 64);
    for (int x = 0; x < PAINTED; x++) {
      float *o = paint + (y * PAINTED + x) * 4;
      if (known[x])
        cell_between(texture, 64, 4, places[x], o);
      else
        memset(o, 0, 4 * sizeof(float));
    }
    if (eyes) lay_windows(eyes, u, v, known, paint + y * PAINTED * 4);
  }
}

// The difference relative to the tone, averaged over the skin around.
static void soften_relative(float *colours, const uint8_t *skin, float *scratch) {
  float *one = scratch, *two = scratch + 64 * 64 * 4;
  for (int32_t i = 0; i < 64 * 64; i++) {
    for (int c = 0; c < 3; c++) one[i * 4 + c] = skin[i] ? colours[i * COLOURS + RELATIVE + c] : 0;
    one[i * 4 + 3] = skin[i] ? 1 : 0;
  }
  for (int pass = 0; pass < 2; pass++) {
    box_rows(one, two, 4, 4, 64 * 4);
    box_rows(two, one, 4, 64 * 4, 4);
  }
  for (int32_t i = 0; i < 64 * 64; i++)
    for (int c = 0; c < 3; c++) colours[i * COLOURS + SOFT + c] = skin[i] ? one[i * 4 + c] / one[i * 4 + 3] : 0;
}

void ssat_colour_maps(const float *average, const float *warped, const float *paint, const uint8_t *skin, const float *lips,
                      const float *around, const ssat_regions *regions, float *colours, float *scratch) {
  float on_lips[3], shift[3];
  times(to_luma_chroma, regions->lip_paint + 1, on_lips);
  times(to_luma_chroma, regions->lip_shift, shift);
  for (int32_t i = 0; i < 64 * 64; i++) {
    float *o = colours + i * COLOURS, own[3], own_luma_chroma[3];
    for (int c = 0; c < 3; c++) {
      o[c] = warped[i * 3 + c];
      o[DIFFERENCE + c] = (warped[i * 3 + c] - average[i * 3 + c]) * 0.5f;
      o[RELATIVE + c] = o[DIFFERENCE + c] - regions->tone[c] * 0.5f;
      own[c] = (average[i * 3 + c] + 1) * 0.5f;
    }
    times(to_luma_chroma, own, own_luma_chroma);
    float worn[4];
    painted_cell(paint, i / 64, i % 64, worn);
    float shading = shading_of(around[i], regions->skin_luma);
    for (int c = 0; c < 3; c++) {
      o[SKIN_PAINT + c] = worn[1 + c] * shading - worn[0] * own_luma_chroma[c];
      o[LIP_PAINT + c] = (on_lips[c] + shift[c] - regions->lip_paint[0] * own_luma_chroma[c]) * lips[i];
    }
  }
  if (scratch) soften_relative(colours, skin, scratch);
}

// So far apart, two skins begin to be told apart on lids, and so far apart, what is translucent is told against the skin alone. Units of about one dE.
static const float tone_told = 8, tone_apart = 40;
// Such units of luma and chroma.
static const float units[3] = {100, 280, 280};
// Skin that is nearly white leaves little room for what is brighter: no less is assumed.
static const float least_headroom = 0.5f;

// The reference's skin, R'G'B' in 0..1. Of the tone, in luma and chroma: what the face wears; what else does not come along under makeup that hides nothing.
typedef struct {
  float skin[3], worn[3], untold[3];
} tones;

static float length_in_units(const float difference[3]) {
  float sum = 0;
  for (int k = 0; k < 3; k++) sum += units[k] * units[k] * difference[k] * difference[k];
  return sqrtf(sum);
}

float ssat_untold_share(const float tone[3], float told, float apart) {
  float t[3];
  times(to_luma_chroma, tone, t);
  return clamped((length_in_units(t) - told) / (apart - told), 0, 1);
}

static tones tones_of(const ssat_regions *regions) {
  float tone[3], t[3];
  for (int c = 0; c < 3; c++) tone[c] = regions->tone[c] * 0.5f;
  times(to_luma_chroma, tone, t);
  float untold = (1 - regions->toned) * ssat_untold_share(tone, tone_told, tone_apart);
  tones o;
  for (int i = 0; i < 3; i++) o.worn[i] = regions->toned * t[i], o.untold[i] = untold * t[i];
  for (int c = 0; c < 3; c++) o.skin[c] = (regions->other_skin[c] + 1) * 0.5f;
  return o;
}

float ssat_least_opacity(const float colour[3], const float skin[3]) {
  float least = 0;
  for (int c = 0; c < 3; c++) {
    float headroom = 1 - skin[c], darker = (skin[c] - colour[c]) / (skin[c] < 0.1f ? 0.1f : skin[c]);
    float brighter = (colour[c] - skin[c]) / (headroom < least_headroom ? least_headroom : headroom), hidden = darker > brighter ? darker : brighter;
    if (hidden > least) least = hidden;
  }
  return least < 1 ? least : 1;
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

// What is interpolated to the picture's size, a plane of cells each: the gated difference of colour in luma and chroma, the face's shading, the luma around.
enum { WIDE_SHADING = 3, WIDE_AROUND = 4, WIDE = 5 };

// - `wide`: of this cell in the first of the planes.
static void gate_colours(const float *gate, const float *colours, float opacity, float around, float skin_luma, const tones *tone, float *wide) {
  float difference[3], warped[3], share = difference_share * (1 - opacity);
  for (int c = 0; c < 3; c++) warped[c] = (colours[c] + 1) * 0.5f;
  float translucent = 1 - ssat_least_opacity(warped, tone->skin);
  times(to_luma_chroma, colours + DIFFERENCE, difference);
  // To the face as it is with tone and paint on, and the less the more of it is paint.
  for (int i = 0; i < 3; i++) {
    float on = (1 - opacity) * tone->worn[i] + colours[SKIN_PAINT + i];
    wide[i * CELLS] = share * sigmoid(gate[i]) * (difference[i] - translucent * tone->untold[i] - on);
  }
  wide[WIDE_SHADING * CELLS] = shading_of(around, skin_luma);
  wide[WIDE_AROUND * CELLS] = around;
}

// Cells that any weighted pixel reads: those with weight and their neighbours.
static void active_cells(const float *weight, uint8_t active[64 * 64]) {
  uint8_t own[64 * 64] = {0};
  memset(active, 0, 64 * 64);
  for (int i = 0; i < 256 * 256; i++)
    if (weight[i] != 0) own[i / 256 / 4 * 64 + i % 256 / 4] = 1;
  for (int y = 0; y < 64; y++)
    for (int x = 0; x < 64; x++) {
      if (!own[y * 64 + x]) continue;
      for (int v = y ? y - 1 : 0; v <= (y < 63 ? y + 1 : 63); v++)
        for (int u = x ? x - 1 : 0; u <= (x < 63 ? x + 1 : 63); u++) active[v * 64 + u] = 1;
    }
}

// How much the head's residual counts in a row, at most: the rest of what it draws is in the paint (docs/decisions/0044).
static const float most_residual = 0.5f;

static float residual_share(const ssat_regions *regions, int y) {
  float below = ((float)y - regions->eyes_top) / SSAT_RESIDUAL_FADE + 1, above = (regions->eyes_bottom - (float)y) / SSAT_RESIDUAL_FADE + 1;
  return most_residual * clamped(below < above ? below : above, 0, 1);
}

// From the first column of a row that has weight to the last.
static void weighted_columns(const float *weight, int *first, int *end) {
  *first = 0, *end = 256;
  while (*first < *end && weight[*first] == 0) ++*first;
  while (*first < *end && weight[*end - 1] == 0) --*end;
}

// A row of pixels, a plane for every value. From a multiple of 4 to another: whole cells.
enum { ROW = 256 };

typedef struct {
  float wide[WIDE][ROW], worn[4][ROW], residual[3][ROW];
} painted_row;

// Half-pixel centres: pixel y of 256 lies between cells (y + 2) / 4 - 1 and the next; how near it is to the latter is one of four.
static const float nearness[4] = {0.625f, 0.875f, 0.125f, 0.375f};

static int cell_before(int y) { return y < 2 ? 0 : (y + 2) / 4 - 1; }
static int cell_after(int y) { return (y + 2) / 4 > 63 ? 63 : (y + 2) / 4; }

// Row y of a plane of cells, interpolated.
INLINE void interpolate_cells(const float *plane, int y, int first, int end, float *o) {
  const float *above = plane + cell_before(y) * 64, *below = plane + cell_after(y) * 64;
  float fy = nearness[y % 4], row[64 + 2];  // and one beyond on either side
  for (int i = 0; i < 64; i++) row[i + 1] = above[i] * (1 - fy) + below[i] * fy;
  row[0] = row[1], row[65] = row[64];
  for (int i = first / 4; i < end / 4; i++) {
    float left = row[i], here = row[i + 1], right = row[i + 2];
    o[4 * i] = left * (1 - nearness[0]) + here * nearness[0], o[4 * i + 1] = left * (1 - nearness[1]) + here * nearness[1];
    o[4 * i + 2] = here * (1 - nearness[2]) + right * nearness[2], o[4 * i + 3] = here * (1 - nearness[3]) + right * nearness[3];
  }
}

// The same of `paint`: pixel y of 256 lies between blocks (y + 1) / 2 - 1 and the next, a quarter or three from the former.
static int block_before(int y) { return y < 1 ? 0 : (y + 1) / 2 - 1; }
static int block_after(int y) { return (y + 1) / 2 > 127 ? 127 : (y + 1) / 2; }
static const float block_nearness[2] = {0.75f, 0.25f};

INLINE void interpolate_paint(const float *paint, int y, int first, int end, float o[4][ROW]) {
  const float *above = paint + block_before(y) * 128 * 4, *below = paint + block_after(y) * 128 * 4;
  float fy = block_nearness[y % 2], row[4][128 + 2];
  for (int i = 0; i < 128; i++)
    for (int k = 0; k < 4; k++) row[k][i + 1] = above[i * 4 + k] * (1 - fy) + below[i * 4 + k] * fy;
  for (int k = 0; k < 4; k++) {
    row[k][0] = row[k][1], row[k][129] = row[k][128];
    for (int i = first / 2; i < end / 2; i++) {
      o[k][2 * i] = row[k][i] * (1 - block_nearness[0]) + row[k][i + 1] * block_nearness[0];
      o[k][2 * i + 1] = row[k][i + 1] * (1 - block_nearness[1]) + row[k][i + 2] * block_nearness[1];
    }
  }
}

// `head`: of row y. Nothing where it does not count: there it is not computed.
INLINE void find_residual(const float *head, int32_t head_pixel, int y, float share, int first, int end, float o[3][ROW]) {
  if (share <= 0) return (void)memset(o, 0, 3 * sizeof o[0]);
  for (int k = 0; k < 3; k++)
    for (int x = first; x < end; x++) o[k][x] = head[(ptrdiff_t)(x / 2) * head_pixel + k * 4 + y % 2 * 2 + x % 2];
}

// From the skin's colour to that of the lips, in luma and chroma: where between them a pixel is.
typedef struct {
  float skin[3], towards[3], shift[3], certain;
} lip_axis;

// Lips that differ less from the skin are hardly to be told from it by their colour. About dE.
static const float lips_told = 20;
// Lips that become so much brighter would glow where they end in skin, which is bright. Percent of luma.
static const float glowing = 25;
// So far from skin to lips a pixel is all lips: what lies between is a border, or gloss.
static const float border_of_lips = 0.75f;

static lip_axis axis_of(const ssat_regions *regions) {
  float skin[3], lips[3], apart[3];
  lip_axis o;
  for (int c = 0; c < 3; c++) skin[c] = (regions->other_skin[c] - regions->tone[c] + 1) * 0.5f;
  times(to_luma_chroma, skin, o.skin);
  times(to_luma_chroma, regions->lips, lips);
  times(to_luma_chroma, regions->lip_shift, o.shift);
  for (int k = 0; k < 3; k++) apart[k] = lips[k] - o.skin[k];
  float length = length_in_units(apart), squared = length < 1 ? 1 : length * length;
  for (int k = 0; k < 3; k++) o.towards[k] = units[k] * units[k] * apart[k] / (border_of_lips * squared);
  o.certain = clamped(length / lips_told, 0, 1) * clamped(units[0] * o.shift[0] / glowing, 0, 1);
  return o;
}

// The change of a row of pixels, R', G' and B' a plane each. `rgb`: their colours in bytes; `lips`: how much of a pixel is lips; `share`: how much the
// head's residual counts. `follows`: by how much the change follows a pixel's luma and its chroma. Paint hides a part of both, and has grain of its own.
// Lips end with their own grain, not with that of the brighter skin beside them, on which they would seem to glow.
INLINE void paint_row(const painted_row *r, const uint8_t *rgb, const float *lips, const float on_lips[3], const ssat_regions *regions,
                      const lip_axis *axis, float share, int first, int end, float change[3][ROW], float follows[2][ROW]) {
  float lip_opacity = regions->lip_paint[0], mean_grain = regions->lip_grain - 1;
  for (int x = first; x < end; x++) {
    float own[3] = {(float)rgb[3 * x] / 255, (float)rgb[3 * x + 1] / 255, (float)rgb[3 * x + 2] / 255}, own_luma_chroma[3], sum[3], o[3];
    times(to_luma_chroma, own, own_luma_chroma);
    float around = r->wide[WIDE_AROUND][x] < 0.02f ? 0.02f : r->wide[WIDE_AROUND][x], shading = r->wide[WIDE_SHADING][x], opacity = r->worn[0][x];
    float ratio = own_luma_chroma[0] / around, shown = clamped(ratio, 0.5f, 1.8f), grain = shown - 1, lip = lips[x];
    float inner = clamped(2 * lip - 1, 0, 1), on_skin = shading * (1 + skin_grain * grain);
    float light = 1 + ssat_lip_grain * (mean_grain + (grain - mean_grain) * inner);
    float way = 0;
    for (int k = 0; k < 3; k++) way += (own_luma_chroma[k] - axis->skin[k]) * axis->towards[k];
    float part = 1 - axis->certain * (1 - clamped(way, 0, 1)), moved = light * part;
    for (int k = 0; k < 3; k++) {
      float skin = r->wide[k][x] + r->worn[1 + k][x] * on_skin - opacity * own_luma_chroma[k];
      float on_lip = on_lips[k] * light + axis->shift[k] * moved - lip_opacity * own_luma_chroma[k];
      sum[k] = skin + (on_lip - skin) * lip;
    }
    times(to_rgb, sum, o);
    for (int k = 0; k < 3; k++) change[k][x] = o[k] + r->residual[k][x] * (1 - lip) * share;
    float slope = shown == ratio ? 1 / around : 0;
    float skin_follows = r->worn[1][x] * shading * skin_grain * slope - opacity;
    float part_follows = clamped(way, 0, 1) == way ? axis->certain * axis->towards[0] : 0;
    float lips_follow = (on_lips[0] + axis->shift[0] * part) * ssat_lip_grain * inner * slope + axis->shift[0] * light * part_follows - lip_opacity;
    follows[0][x] = skin_follows + (lips_follow - skin_follows) * lip, follows[1][x] = -(opacity + (lip_opacity - opacity) * lip);
  }
}

// Weighs a row and puts its planes side by side. Where there is no weight, what was found is of no meaning.
INLINE void weigh_row(const float *weight, const int channels, float planes[][ROW], int first, int end, float *o) {
  for (int x = first; x < end; x++)
    for (int k = 0; k < channels; k++) o[x * channels + k] = weight[x] == 0 ? 0 : planes[k][x] * weight[x];
}

static void widen(const float *gate, int32_t gate_row, int32_t gate_pixel, const float *colours, const float *paint, const float *around,
                  float skin_luma, const tones *tone, const float *weight, float *wide) {
  uint8_t active[CELLS];
  active_cells(weight, active);
  for (int i = 0; i < CELLS; i++) {
    if (!active[i]) continue;
    float worn[4];
    painted_cell(paint, i / 64, i % 64, worn);
    const float *gates = gate + (ptrdiff_t)(i / 64) * gate_row + (ptrdiff_t)(i % 64) * gate_pixel;
    gate_colours(gates, colours + i * COLOURS, worn[0], around[i], skin_luma, tone, wide + i);
  }
}

CLONES void ssat_assemble_change(const float *gate, int32_t gate_row, int32_t gate_pixel, const float *head, int32_t head_row,
                                 int32_t head_pixel, const float *colours, const float *paint, const float *around, const uint8_t *rgb,
                                 const ssat_regions *regions, const float *lips_mask, const float *weight, float *wide, float *change,
                                 float *follows) {
  float on_lips[3], planes[3][ROW], following[2][ROW];
  painted_row row;
  tones tone = tones_of(regions);
  lip_axis axis = axis_of(regions);
  times(to_luma_chroma, regions->lip_paint + 1, on_lips);
  widen(gate, gate_row, gate_pixel, colours, paint, around, regions->skin_luma, &tone, weight, wide);
  memset(change, 0, (size_t)256 * 256 * 3 * sizeof(float));
  if (follows) memset(follows, 0, (size_t)256 * 256 * 2 * sizeof(float));
  for (int y = 0; y < 256; y++) {
    int first, end, i = y * 256;
    weighted_columns(weight + i, &first, &end);
    if (first == end) continue;
    first &= ~3, end = (end + 3) & ~3;
    float share = residual_share(regions, y);
    for (int k = 0; k < WIDE; k++) interpolate_cells(wide + k * CELLS, y, first, end, row.wide[k]);
    interpolate_paint(paint, y, first, end, row.worn);
    find_residual(head + (ptrdiff_t)(y / 2) * head_row, head_pixel, y, share, first, end, row.residual);
    paint_row(&row, rgb + 3 * i, lips_mask + i, on_lips, regions, &axis, share, first, end, planes, following);
    weigh_row(weight + i, 3, planes, first, end, change + 3 * i);
    if (follows) weigh_row(weight + i, 2, following, first, end, follows + 2 * i);
  }
}

// Cells of a row of a map: between which columns of the motion they lie, and then where they were.
typedef struct {
  int32_t left[ROW], right[ROW];
  float near[ROW];
} motion_columns;

typedef struct {
  float x[ROW], y[ROW];
} row_origins;

INLINE void find_columns(int32_t size, float unit, motion_columns *o) {
  for (int32_t x = 0; x < size; x++) {
    place p = place_of(((float)x + 0.5f) / unit - 0.5f, 0, 64);
    o->left[x] = p.x0, o->right[x] = p.x1, o->near[x] = p.fx;
  }
}

// As `motion_at`, of which a row shares a part.
INLINE void find_row_origins(const float *back, const motion_columns *columns, int32_t y, int32_t first, int32_t end, float unit, row_origins *o) {
  place row = place_of(0, ((float)y + 0.5f) / unit - 0.5f, 64);
  for (int32_t x = first; x < end; x++) {
    motion by = motion_between(back, columns->left[x], columns->right[x], row.y0, row.y1, columns->near[x], row.fy);
    o->x[x] = (float)x + by[0] * unit, o->y[x] = (float)y + by[1] * unit;
  }
}

INLINE void move_rows(const float *map, int32_t size, const int32_t channels, const float *back, const int16_t *first, const int16_t *end,
                      float *output) {
  float unit = (float)size / 64;
  motion_columns columns;
  row_origins from;
  place places[ROW];
  find_columns(size, unit, &columns);
  for (int32_t y = 0; y < size; y++) {
    find_row_origins(back, &columns, y, first[y], end[y], unit, &from);
    for (int32_t x = first[y]; x < end[y]; x++) places[x] = place_of(from.x[x], from.y[x], size);
    for (int32_t x = first[y]; x < end[y]; x++) cell_between(map, size, channels, places[x], output + (y * size + x) * channels);
  }
}

CLONES void ssat_move_map(const float *map, int32_t size, int32_t channels, const float *back, const int16_t *first, const int16_t *end,
                          float *output) {
  switch (channels) {
    case 12: return move_rows(map, size, 12, back, first, end, output);
    case 3: return move_rows(map, size, 3, back, first, end, output);
    default: return move_rows(map, size, channels, back, first, end, output);
  }
}

void ssat_shuffle_argmax(const float *scores, int32_t size, int32_t row_stride, int32_t pixel_stride, int32_t classes,
                         const ssat_span *spans, uint8_t *parsing) {
  memset(parsing, 0, (size_t)(4 * size * size));
  for (int32_t y = 0; y < size; y++) {
    for (int32_t x = spans[y].start; x < spans[y].end; x++) {
      const float *cell = scores + (ptrdiff_t)y * row_stride + (ptrdiff_t)x * pixel_stride;
      float best[4] = {cell[0], cell[1], cell[2], cell[3]};
      uint8_t which[4] = {0};
      for (int32_t k = 1; k < classes; k++)
        for (int32_t i = 0; i < 4; i++)
          if (cell[k * 4 + i] > best[i]) best[i] = cell[k * 4 + i], which[i] = (uint8_t)k;
      uint8_t *out = parsing + (ptrdiff_t)(2 * y) * 2 * size + 2 * x;
      out[0] = which[0], out[1] = which[1], out[2 * size] = which[2], out[2 * size + 1] = which[3];
    }
  }
}

void ssat_soften(float *map, int32_t size, float *scratch) {
  for (int32_t y = 0; y < size; y++) {
    const float *row = map + y * size;
    float *out = scratch + y * size;
    int32_t last = size - 1;
    out[0] = (row[0] + 2 * row[0] + row[last > 0]) * 0.25f;
    for (int32_t x = 1; x < last; x++) out[x] = (row[x - 1] + 2 * row[x] + row[x + 1]) * 0.25f;
    if (last > 0) out[last] = (row[last - 1] + 2 * row[last] + row[last]) * 0.25f;
  }
  for (int32_t y = 0; y < size; y++) {
    int32_t u = y ? y - 1 : 0, d = y + 1 < size ? y + 1 : y;
    for (int32_t x = 0; x < size; x++)
      map[y * size + x] = (scratch[u * size + x] + 2 * scratch[y * size + x] + scratch[d * size + x]) * 0.25f;
  }
}
