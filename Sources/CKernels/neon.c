// Arm NEON with the dot product of signed bytes (Armv8.2, FEAT_DotProd). Activations are moved from 0..255 to -128..127 by
// flipping their top bit; what that takes off every sum, 128 times the weights', is put back with the bias. Every sum is exact.
#if defined(__aarch64__)
#include <arm_neon.h>
#include <string.h>

#include "reference.h"

#pragma STDC FP_CONTRACT OFF
#define NEON __attribute__((target("dotprod")))
#define UNROLL _Pragma("clang loop unroll(full)")
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#define INLINE __attribute__((always_inline)) static inline

// [output / 16][ky][kx][input / 4][16][4], then 128 times the sum of every output's weights as s32.
static size_t packed_weights_size(int32_t outputs, int32_t kernel, int32_t inputs) {
  return ssat_reference_packed_weights_size(outputs, kernel, inputs) + (size_t)outputs * sizeof(int32_t);
}

static void pack_weights(const int8_t *weights, int32_t outputs, int32_t kernel, int32_t inputs, void *packed) {
  int32_t taps = kernel * kernel;
  int8_t *out = packed;
  for (int32_t o = 0; o < outputs; o++) {
    int32_t sum = 0;
    for (int32_t t = 0; t < taps; t++)
      for (int32_t c = 0; c < inputs; c++) {
        int8_t w = weights[((ptrdiff_t)o * taps + t) * inputs + c];
        out[((((ptrdiff_t)(o / 16) * taps + t) * (inputs / 4) + c / 4) * 16 + o % 16) * 4 + c % 4] = w;
        sum += w;
      }
    sum *= 128;
    memcpy(out + ssat_reference_packed_weights_size(outputs, kernel, inputs) + (size_t)o * sizeof sum, &sum, sizeof sum);
  }
}

// Four f32 to s32 in 0..255, rounded to nearest, ties to even.
INLINE int32x4_t to_byte_range(float32x4_t f, int32_t zero_point) {
  f = vmaxq_f32(vminq_f32(f, vdupq_n_f32(1e6f)), vdupq_n_f32(-1e6f));
  int32x4_t q = vaddq_s32(vcvtnq_s32_f32(f), vdupq_n_s32(zero_point));
  return vminq_s32(vmaxq_s32(q, vdupq_n_s32(0)), vdupq_n_s32(255));
}

INLINE void store_bytes(uint8_t *p, int32x4_t q) {
  uint8x8_t bytes = vmovn_u16(vcombine_u16(vmovn_u32(vreinterpretq_u32_s32(q)), vdup_n_u16(0)));
  uint32_t four = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
  memcpy(p, &four, 4);
}

INLINE int32x4_t widen(const uint8_t *p) {
  uint32_t four;
  memcpy(&four, p, 4);
  uint16x8_t words = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
  return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words)));
}

INLINE float32x4_t leaky(float32x4_t f, float slope) {
  return vbslq_f32(vcltq_f32(f, vdupq_n_f32(0)), vmulq_f32(f, vdupq_n_f32(slope)), f);
}

static void write_back(const ssat_convolution_u8 *p, int32x4_t acc, int32_t y, int32_t x, int32_t o) {
  float32x4_t f = vmulq_f32(vcvtq_f32_s32(acc), vld1q_f32(p->multiplier + o));
  if (p->residual) {
    const uint8_t *r = p->residual + (ptrdiff_t)y * p->residual_row_stride + (ptrdiff_t)x * p->residual_pixel_stride + o;
    int32x4_t d = vsubq_s32(widen(r), vdupq_n_s32(p->residual_zero_point));
    f = vaddq_f32(f, vmulq_f32(vcvtq_f32_s32(d), vdupq_n_f32(p->residual_scale)));
  }
  f = leaky(f, p->negative_slope);
  ptrdiff_t at = (ptrdiff_t)y * p->output_row_stride + (ptrdiff_t)x * p->output_pixel_stride + o;
  if (p->output_f32)
    vst1q_f32(p->output_f32 + at, f);
  else
    store_bytes(p->output + at, to_byte_range(f, p->output_zero_point));
}

// `pixels` neighbours times 16 outputs in registers: 24 sums, 6 activations, one weight.
NEON INLINE void tile(const ssat_convolution_u8 *p, const int32_t *correction, int32_t y, int32_t x, int32_t o, const int pixels) {
  int32x4_t acc[6][4], done[6][4];
  UNROLL for (int b = 0; b < 4; b++) {
    int32x4_t start = vaddq_s32(vld1q_s32(p->bias + o + 4 * b), vld1q_s32(correction + o + 4 * b));
    UNROLL for (int i = 0; i < pixels; i++) acc[i][b] = start;
  }
  const int8_t *w = (const int8_t *)p->weights + (ptrdiff_t)(o / 16) * p->kernel * p->kernel * p->input_channels * 16;
  const ptrdiff_t step = (ptrdiff_t)p->stride * p->input_pixel_stride;
  for (int32_t ky = 0; ky < p->kernel; ky++)
    for (int32_t kx = 0; kx < p->kernel; kx++) {
      const uint8_t *in = p->input + (ptrdiff_t)(y * p->stride + ky - p->pad) * p->input_row_stride +
                          (ptrdiff_t)(x * p->stride + kx - p->pad) * p->input_pixel_stride;
      for (int32_t c = 0; c < p->input_channels; c += 16, w += 256) {
        int8x16_t a[6];
        UNROLL for (int i = 0; i < pixels; i++)
            a[i] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(in + i * step + c), vdupq_n_u8(0x80)));
#define GROUP(g)                                                                          \
  UNROLL for (int b = 0; b < 4; b++) {                                                    \
    int8x16_t weight = vld1q_s8(w + 64 * g + 16 * b);                                     \
    UNROLL for (int i = 0; i < pixels; i++) acc[i][b] = vdotq_laneq_s32(acc[i][b], weight, a[i], g); \
  }
        GROUP(0)
        GROUP(1)
        GROUP(2)
        GROUP(3)
#undef GROUP
      }
    }
  UNROLL for (int i = 0; i < pixels; i++) UNROLL for (int b = 0; b < 4; b++) done[i][b] = acc[i][b];
  NO_UNROLL for (int i = 0; i < pixels; i++)
    NO_UNROLL for (int b = 0; b < 4; b++) write_back(p, done[i][b], y, x + i, o + 4 * b);
}

NEON static void convolution(const ssat_convolution_u8 *p) {
  const int32_t *correction =
      (const int32_t *)((const int8_t *)p->weights + ssat_reference_packed_weights_size(p->output_channels, p->kernel, p->input_channels));
  for (int32_t y = 0; y < p->output_height; y++)
    for (int32_t o = 0; o < p->output_channels; o += 16) {
      const ssat_span span = ssat_span_of(p->spans, y, p->output_width);
      int32_t x = span.start;
      for (; x + 6 <= span.end; x += 6) tile(p, correction, y, x, o, 6);
      for (; x + 2 <= span.end; x += 2) tile(p, correction, y, x, o, 2);
      for (; x < span.end; x++) tile(p, correction, y, x, o, 1);
    }
}

INLINE int32x4_t taps(const uint8_t *near, const uint8_t *side, const uint8_t *below, const uint8_t *corner) {
  int32x4_t sum = vmulq_n_s32(widen(near), 9);
  return vaddq_s32(vaddq_s32(sum, vmulq_n_s32(vaddq_s32(widen(side), widen(below)), 3)), widen(corner));
}

static void modulation(const ssat_modulation_u8 *p) {
  const float32x4_t gs = vdupq_n_f32(p->gamma_scale), go = vdupq_n_f32(p->gamma_offset);
  const float32x4_t bs = vdupq_n_f32(p->beta_scale), bo = vdupq_n_f32(p->beta_offset);
  const int32_t map_height = p->height / p->upsample, map_width = p->width / p->upsample;
  for (int32_t y = p->first_row; y < p->end_row; y++) {
    const ssat_span span = ssat_span_of(p->spans, y, p->width);
    for (int32_t x = span.start; x < span.end; x++) {
      const uint8_t *in = p->input + (ptrdiff_t)y * p->input_row_stride + (ptrdiff_t)x * p->input_pixel_stride;
      uint8_t *out = p->output + (ptrdiff_t)y * p->output_row_stride + (ptrdiff_t)x * p->output_pixel_stride;
      int32_t y0 = y, x0 = x, y1 = y, x1 = x;
      if (p->upsample == 2) {
        y0 = y / 2, x0 = x / 2, y1 = y0 + (y % 2 ? 1 : -1), x1 = x0 + (x % 2 ? 1 : -1);
        y1 = y1 < 0 ? 0 : y1 >= map_height ? map_height - 1 : y1;
        x1 = x1 < 0 ? 0 : x1 >= map_width ? map_width - 1 : x1;
      }
      const uint8_t *near = p->modulation + (ptrdiff_t)y0 * p->modulation_row_stride + (ptrdiff_t)x0 * p->modulation_pixel_stride;
      const uint8_t *side = p->modulation + (ptrdiff_t)y0 * p->modulation_row_stride + (ptrdiff_t)x1 * p->modulation_pixel_stride;
      const uint8_t *below = p->modulation + (ptrdiff_t)y1 * p->modulation_row_stride + (ptrdiff_t)x0 * p->modulation_pixel_stride;
      const uint8_t *corner = p->modulation + (ptrdiff_t)y1 * p->modulation_row_stride + (ptrdiff_t)x1 * p->modulation_pixel_stride;
      for (int32_t c = 0; c < p->channels; c += 4) {
        int32_t b = c + p->channels;
        int32x4_t gamma = p->upsample == 2 ? taps(near + c, side + c, below + c, corner + c) : widen(near + c);
        int32x4_t beta = p->upsample == 2 ? taps(near + b, side + b, below + b, corner + b) : widen(near + b);
        float32x4_t n = vaddq_f32(vmulq_f32(vcvtq_f32_s32(widen(in + c)), vld1q_f32(p->scale + c)), vld1q_f32(p->shift + c));
        float32x4_t g = vaddq_f32(vmulq_f32(vcvtq_f32_s32(gamma), gs), go);
        float32x4_t f = vaddq_f32(vmulq_f32(n, g), vaddq_f32(vmulq_f32(vcvtq_f32_s32(beta), bs), bo));
        f = vmulq_f32(leaky(f, p->negative_slope), vdupq_n_f32(p->output_inverse_scale));
        store_bytes(out + c, to_byte_range(f, p->output_zero_point));
      }
    }
  }
}

// Packed reference in groups of 4 positions: keys [group][16 quads of channels][4 positions][4], then values
// [position][value channels], as s8. Padding scores are not looked at.
static int32_t groups(int32_t count) { return (count + 3) / 4; }

static size_t packed_reference_size(int32_t count, int32_t value_channels) {
  return (size_t)groups(count) * 4 * (size_t)(64 + value_channels);
}

static void pack_reference(const int8_t *keys, const int8_t *values, int32_t count, int32_t value_channels, void *packed) {
  memset(packed, 0, packed_reference_size(count, value_channels));
  int8_t *k = packed, *v = k + (size_t)groups(count) * 256;
  for (int32_t j = 0; j < count; j++)
    for (int c = 0; c < 64; c++) k[(size_t)(j / 4) * 256 + (c / 4) * 16 + (j % 4) * 4 + c % 4] = keys[(ptrdiff_t)j * 64 + c];
  memcpy(v, values, (size_t)count * value_channels);
}

static size_t attention_scratch_size(int32_t count, int32_t value_channels) {
  return ((size_t)groups(count) * 4 + (size_t)value_channels) * sizeof(int32_t);
}

INLINE int32x4_t probability(float32x4_t d) {
  uint32x4_t far = vcgtq_f32(d, vdupq_n_f32(20));
  d = vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(d), far));
  float32x4_t t = vmulq_f32(d, vdupq_n_f32(-1.44269504f));
  float32x4_t n = vrndnq_f32(t);
  float32x4_t f = vsubq_f32(t, n);
  float32x4_t e = vdupq_n_f32(1.33335581e-3f);
  e = vaddq_f32(vmulq_f32(e, f), vdupq_n_f32(9.61812910e-3f));
  e = vaddq_f32(vmulq_f32(e, f), vdupq_n_f32(5.55041087e-2f));
  e = vaddq_f32(vmulq_f32(e, f), vdupq_n_f32(2.40226507e-1f));
  e = vaddq_f32(vmulq_f32(e, f), vdupq_n_f32(6.93147181e-1f));
  e = vaddq_f32(vmulq_f32(e, f), vdupq_n_f32(1.0f));
  int32x4_t power = vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23);
  e = vmulq_f32(vmulq_f32(e, vreinterpretq_f32_s32(power)), vdupq_n_f32(255.0f));
  return vbicq_s32(vcvtnq_s32_f32(e), vreinterpretq_s32_u32(far));
}

NEON static int32_t score_all(const ssat_attention_s8 *p, const int8_t *query, int32_t *scores) {
  const int8_t *keys = p->reference;
  int8x16_t q[4];
  for (int c = 0; c < 4; c++) q[c] = vld1q_s8(query + 16 * c);
  int32_t best = INT32_MIN;
  for (int32_t j = 0; j < groups(p->reference_count); j++) {
    const int8_t *k = keys + (size_t)j * 256;
    int32x4_t acc = vdupq_n_s32(0);
    UNROLL for (int c = 0; c < 4; c++) {
      acc = vdotq_laneq_s32(acc, vld1q_s8(k + 64 * c), q[c], 0);
      acc = vdotq_laneq_s32(acc, vld1q_s8(k + 64 * c + 16), q[c], 1);
      acc = vdotq_laneq_s32(acc, vld1q_s8(k + 64 * c + 32), q[c], 2);
      acc = vdotq_laneq_s32(acc, vld1q_s8(k + 64 * c + 48), q[c], 3);
    }
    vst1q_s32(scores + 4 * j, acc);
    int32_t left = p->reference_count - 4 * j;
    for (int i = 0; i < (left < 4 ? left : 4); i++)
      if (scores[4 * j + i] > best) best = scores[4 * j + i];
  }
  return best;
}

static void attention(const ssat_attention_s8 *p) {
  const int32_t g = groups(p->reference_count), channels = p->value_channels;
  const int8_t *values = (const int8_t *)p->reference + (size_t)g * 256;
  int32_t *scores = p->scratch, *sums = scores + (size_t)g * 4;
  for (int32_t row = 0; row < p->query_count; row++) {
    int32_t best = score_all(p, p->queries + (ptrdiff_t)row * 64, scores), total = 0;
    memset(sums, 0, (size_t)channels * sizeof(int32_t));
    for (int32_t j = 0; j < g; j++) {
      int32x4_t gap = vsubq_s32(vdupq_n_s32(best), vld1q_s32(scores + 4 * j));
      int32_t weights[4];
      vst1q_s32(weights, probability(vmulq_n_f32(vcvtq_f32_s32(gap), p->temperature_scale)));
      int32_t left = p->reference_count - 4 * j;
      for (int i = 0; i < (left < 4 ? left : 4); i++) {
        if (!weights[i]) continue;
        total += weights[i];
        const int8_t *v = values + (ptrdiff_t)(4 * j + i) * channels;
        for (int32_t c = 0; c < channels; c += 16) {
          int8x16_t bytes = vld1q_s8(v + c);
          int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
          int16_t w = (int16_t)weights[i];
          vst1q_s32(sums + c, vmlal_n_s16(vld1q_s32(sums + c), vget_low_s16(low), w));
          vst1q_s32(sums + c + 4, vmlal_n_s16(vld1q_s32(sums + c + 4), vget_high_s16(low), w));
          vst1q_s32(sums + c + 8, vmlal_n_s16(vld1q_s32(sums + c + 8), vget_low_s16(high), w));
          vst1q_s32(sums + c + 12, vmlal_n_s16(vld1q_s32(sums + c + 12), vget_high_s16(high), w));
        }
      }
    }
    float *out = p->output + (ptrdiff_t)row * channels;
    for (int32_t c = 0; c < channels; c += 4) {
      float32x4_t mean = vdivq_f32(vcvtq_f32_s32(vld1q_s32(sums + c)), vdupq_n_f32((float)total));
      vst1q_f32(out + c, vaddq_f32(vmulq_f32(mean, vld1q_f32(p->value_scale + c)), vld1q_f32(p->value_offset + c)));
    }
  }
}

NEON static int64_t exercise(int64_t rounds) {
  int32x4_t sum[16];
  int8x16_t value = vdupq_n_s8(3), weight = vdupq_n_s8(5);
  UNROLL for (int i = 0; i < 16; i++) sum[i] = vdupq_n_s32(0);
  for (int64_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+w"(value), "+w"(weight));
    UNROLL for (int i = 0; i < 16; i++) sum[i] = vdotq_s32(sum[i], value, weight);
  }
  UNROLL for (int i = 0; i < 16; i++) __asm__ volatile("" : : "w"(sum[i]));
  return rounds * 16 * 16;
}

const ssat_kernels ssat_neon_kernels = {
    .name = "neon",
    .packed_weights_size = packed_weights_size,
    .pack_weights_s8 = pack_weights,
    .convolution_u8 = convolution,
    .modulation_u8 = modulation,
    .packed_reference_size = packed_reference_size,
    .pack_reference = pack_reference,
    .attention_scratch_size = attention_scratch_size,
    .attention_s8 = attention,
    .exercise = exercise,
};
#endif
