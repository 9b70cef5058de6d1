// AVX-512 with VNNI. Sixteen output channels to a register; the four bytes of an input pixel are broadcast.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "vnni.h"

#pragma STDC FP_CONTRACT OFF
#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define UNROLL _Pragma("clang loop unroll(full)")
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#define INLINE __attribute__((always_inline)) static inline

VNNI INLINE void write_back(const ssat_convolution_u8 *p, __m512i acc, int32_t y, int32_t x, int32_t o) {
  __m512 f = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), _mm512_loadu_ps(p->multiplier + o));
  if (p->residual) {
    const uint8_t *r = p->residual + (ptrdiff_t)y * p->residual_row_stride + (ptrdiff_t)x * p->residual_pixel_stride + o;
    __m512i d = _mm512_sub_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)r)), _mm512_set1_epi32(p->residual_zero_point));
    f = _mm512_add_ps(f, _mm512_mul_ps(_mm512_cvtepi32_ps(d), _mm512_set1_ps(p->residual_scale)));
  }
  __mmask16 negative = _mm512_cmp_ps_mask(f, _mm512_setzero_ps(), _CMP_LT_OQ);
  f = _mm512_mask_mul_ps(f, negative, f, _mm512_set1_ps(p->negative_slope));
  ptrdiff_t at = (ptrdiff_t)y * p->output_row_stride + (ptrdiff_t)x * p->output_pixel_stride + o;
  if (p->output_f32) {
    _mm512_storeu_ps(p->output_f32 + at, f);
  } else {
    // Clamped before the conversion, so that no value leaves the range of s32; bytes then saturate by themselves.
    f = _mm512_max_ps(_mm512_min_ps(f, _mm512_set1_ps(1e6f)), _mm512_set1_ps(-1e6f));
    __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(f), _mm512_set1_epi32(p->output_zero_point));
    q = _mm512_max_epi32(q, _mm512_setzero_si512());
    _mm_storeu_si128((__m128i *)(p->output + at), _mm512_cvtusepi32_epi8(q));
  }
}

// A tile of `pixels` x (16 * blocks) outputs in registers, for the whole depth of the convolution.
VNNI INLINE void tile(const ssat_convolution_u8 *p, int32_t y, int32_t x, int32_t o, const int pixels, const int blocks) {
  // In registers only while every index is a constant: loops over `acc` must be unrolled, all of them. Results are copied
  // to `done` at the end, so that the long write-back may stay a loop.
  __m512i acc[16][4], done[16][4];
  UNROLL for (int b = 0; b < blocks; b++) {
    __m512i bias = _mm512_loadu_si512(p->bias + o + 16 * b);
    UNROLL for (int i = 0; i < pixels; i++) acc[i][b] = bias;
  }
  const int32_t quads = p->input_channels / 4;
  const ptrdiff_t block_bytes = (ptrdiff_t)p->kernel * p->kernel * quads * 64;
  const int8_t *w = (const int8_t *)p->weights + (ptrdiff_t)(o / 16) * block_bytes;
  const ptrdiff_t step = (ptrdiff_t)p->stride * p->input_pixel_stride;
  for (int32_t ky = 0; ky < p->kernel; ky++)
    for (int32_t kx = 0; kx < p->kernel; kx++) {
      const uint8_t *in = p->input + (ptrdiff_t)(y * p->stride + ky - p->pad) * p->input_row_stride +
                          (ptrdiff_t)(x * p->stride + kx - p->pad) * p->input_pixel_stride;
      for (int32_t c = 0; c < quads; c++, w += 64) {
        __m512i weights[4];
        UNROLL for (int b = 0; b < blocks; b++) weights[b] = _mm512_loadu_si512(w + b * block_bytes);
        UNROLL for (int i = 0; i < pixels; i++) {
          int32_t quad;
          memcpy(&quad, in + i * step + c * 4, 4);
          __m512i value = _mm512_set1_epi32(quad);
          UNROLL for (int b = 0; b < blocks; b++) acc[i][b] = _mm512_dpbusd_epi32(acc[i][b], value, weights[b]);
        }
      }
    }
  UNROLL for (int i = 0; i < pixels; i++) {
    UNROLL for (int b = 0; b < blocks; b++) done[i][b] = acc[i][b];
  }
  NO_UNROLL for (int i = 0; i < pixels; i++)
    NO_UNROLL for (int b = 0; b < blocks; b++) write_back(p, done[i][b], y, x + i, o + 16 * b);
}

// Where tiles are six wide, the last eight pixels are two tiles of four, not one of six and two of one.
#define TILES(blocks, wide)                                                                             \
  VNNI static void row_##blocks(const ssat_convolution_u8 *p, int32_t y, int32_t o) {                   \
    const ssat_span span = ssat_span_of(p->spans, y, p->output_width);                                  \
    int32_t x = span.start, end = span.end;                                                             \
    for (; x + wide <= end && (wide != 6 || end - x != 8); x += wide) tile(p, y, x, o, wide, blocks);   \
    for (; x + 4 <= end; x += 4) tile(p, y, x, o, 4, blocks);                                           \
    for (; x < end; x++) tile(p, y, x, o, 1, blocks);                                                   \
  }
TILES(1, 16)
TILES(2, 8)
TILES(3, 8)
TILES(4, 6)

VNNI static void convolution(const ssat_convolution_u8 *p) {
  for (int32_t o = 0; o < p->output_channels;) {
    int32_t blocks = (p->output_channels - o) / 16;
    if (blocks > 4) blocks = blocks == 6 ? 3 : 4;
    for (int32_t y = 0; y < p->output_height; y++) {
      switch (blocks) {
        case 1: row_1(p, y, o); break;
        case 2: row_2(p, y, o); break;
        case 3: row_3(p, y, o); break;
        default: row_4(p, y, o); break;
      }
    }
    o += blocks * 16;
  }
}

VNNI INLINE __m512i widen(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }

VNNI INLINE __m512i taps(const uint8_t *near, const uint8_t *side, const uint8_t *below, const uint8_t *corner) {
  __m512i n = widen(near), s = _mm512_add_epi32(widen(side), widen(below));
  n = _mm512_add_epi32(_mm512_slli_epi32(n, 3), n);
  s = _mm512_add_epi32(_mm512_slli_epi32(s, 1), s);
  return _mm512_add_epi32(_mm512_add_epi32(n, s), widen(corner));
}

VNNI static void modulation(const ssat_modulation_u8 *p) {
  const __m512 gs = _mm512_set1_ps(p->gamma_scale), go = _mm512_set1_ps(p->gamma_offset);
  const __m512 bs = _mm512_set1_ps(p->beta_scale), bo = _mm512_set1_ps(p->beta_offset);
  const __m512 slope = _mm512_set1_ps(p->negative_slope), inverse = _mm512_set1_ps(p->output_inverse_scale);
  const __m512i zero = _mm512_set1_epi32(p->output_zero_point);
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
      for (int32_t c = 0; c < p->channels; c += 16) {
        int32_t b = c + p->channels;
        __m512i gamma = p->upsample == 2 ? taps(near + c, side + c, below + c, corner + c) : widen(near + c);
        __m512i beta = p->upsample == 2 ? taps(near + b, side + b, below + b, corner + b) : widen(near + b);
        __m512 n = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(widen(in + c)), _mm512_loadu_ps(p->scale + c)), _mm512_loadu_ps(p->shift + c));
        __m512 g = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(gamma), gs), go);
        __m512 f = _mm512_add_ps(_mm512_mul_ps(n, g), _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(beta), bs), bo));
        f = _mm512_mask_mul_ps(f, _mm512_cmp_ps_mask(f, _mm512_setzero_ps(), _CMP_LT_OQ), f, slope);
        f = _mm512_mul_ps(f, inverse);
        f = _mm512_max_ps(_mm512_min_ps(f, _mm512_set1_ps(1e6f)), _mm512_set1_ps(-1e6f));
        __m512i q = _mm512_max_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(f), zero), _mm512_setzero_si512());
        _mm_storeu_si128((__m128i *)(out + c), _mm512_cvtusepi32_epi8(q));
      }
    }
  }
}

VNNI INLINE __m512i probability(__m512 d) {
  __mmask16 far = _mm512_cmp_ps_mask(d, _mm512_set1_ps(20), _CMP_GT_OQ);
  d = _mm512_mask_mov_ps(d, far, _mm512_setzero_ps());
  __m512 t = _mm512_mul_ps(d, _mm512_set1_ps(-1.44269504f));
  __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 f = _mm512_sub_ps(t, n);
  __m512 e = _mm512_set1_ps(1.33335581e-3f);
  e = _mm512_add_ps(_mm512_mul_ps(e, f), _mm512_set1_ps(9.61812910e-3f));
  e = _mm512_add_ps(_mm512_mul_ps(e, f), _mm512_set1_ps(5.55041087e-2f));
  e = _mm512_add_ps(_mm512_mul_ps(e, f), _mm512_set1_ps(2.40226507e-1f));
  e = _mm512_add_ps(_mm512_mul_ps(e, f), _mm512_set1_ps(6.93147181e-1f));
  e = _mm512_add_ps(_mm512_mul_ps(e, f), _mm512_set1_ps(1.0f));
  __m512i power = _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
  e = _mm512_mul_ps(_mm512_mul_ps(e, _mm512_castsi512_ps(power)), _mm512_set1_ps(255.0f));
  return _mm512_maskz_cvtps_epi32((__mmask16)~far, e);
}

// Lanes of group j that hold a position.
INLINE __mmask16 positions_of(const ssat_attention_s8 *p, int32_t j) {
  int32_t left = p->reference_count - j * 16;
  return left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
}

// Scores of `groups` groups from j on. Queries come flipped to unsigned, as quads of channels.
VNNI INLINE void score(const ssat_attention_s8 *p, const int32_t (*queries)[16], const int rows, int32_t j, const int count, int32_t *scores,
                       __m512i *best) {
  const int32_t g = groups(p->reference_count);
  const int8_t *keys = (const int8_t *)p->reference + (size_t)j * 1024;
  const int32_t *sums = (const int32_t *)((const int8_t *)p->reference + (size_t)g * 1024) + j * 16;
  __m512i acc[rows][count];
  UNROLL for (int k = 0; k < count; k++)
    UNROLL for (int r = 0; r < rows; r++) acc[r][k] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_loadu_si512(sums + k * 16));
  UNROLL for (int c = 0; c < 16; c++) {
    __m512i key[count];
    UNROLL for (int k = 0; k < count; k++) key[k] = _mm512_loadu_si512(keys + k * 1024 + c * 64);
    UNROLL for (int r = 0; r < rows; r++) {
      __m512i query = _mm512_set1_epi32(queries[r][c]);
      UNROLL for (int k = 0; k < count; k++) acc[r][k] = _mm512_dpbusd_epi32(acc[r][k], query, key[k]);
    }
  }
  UNROLL for (int k = 0; k < count; k++)
    UNROLL for (int r = 0; r < rows; r++) {
      best[r] = _mm512_mask_max_epi32(best[r], positions_of(p, j + k), best[r], acc[r][k]);
      _mm512_storeu_si512(scores + ((size_t)r * g + j + k) * 16, acc[r][k]);
    }
}

// Weights of one query's scores; returns their sum.
VNNI INLINE float weigh(const ssat_attention_s8 *p, const int32_t *scores, __m512i best, uint8_t *weights) {
  const __m512i top = _mm512_set1_epi32(_mm512_reduce_max_epi32(best));
  const __m512 scale = _mm512_set1_ps(p->temperature_scale);
  __m512i sum = _mm512_setzero_si512();
  for (int32_t j = 0; j < groups(p->reference_count); j++) {
    __m512 distance = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(top, _mm512_loadu_si512(scores + j * 16))), scale);
    __mmask16 counts = positions_of(p, j) & _mm512_cmp_ps_mask(distance, _mm512_set1_ps(NOTHING_FROM), _CMP_LT_OQ);
    __m512i w = counts ? _mm512_maskz_mov_epi32(counts, probability(distance)) : _mm512_setzero_si512();
    sum = _mm512_add_epi32(sum, w);
    _mm_storeu_si128((__m128i *)(weights + j * 16), _mm512_cvtepi32_epi8(w));
  }
  return (float)_mm512_reduce_add_epi32(sum);
}

// Weighted means of `blocks` times 16 value channels from c on.
VNNI INLINE void gather(const ssat_attention_s8 *p, const uint8_t *weights, const float *total, const int rows, int32_t c, const int blocks,
                        float *output) {
  const int32_t g = groups(p->reference_count);
  const int8_t *values = (const int8_t *)p->reference + (size_t)g * (1024 + 64) + (size_t)c * 4;
  __m512i acc[rows][blocks];
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int b = 0; b < blocks; b++) acc[r][b] = _mm512_setzero_si512();
  for (int32_t j = 0; j < g * 4; j++) {
    int32_t quads[rows], any = 0;
    UNROLL for (int r = 0; r < rows; r++) {
      memcpy(&quads[r], weights + (size_t)r * g * 16 + j * 4, 4);
      any |= quads[r];
    }
    if (!any) continue;
    UNROLL for (int b = 0; b < blocks; b++) {
      __m512i value = _mm512_loadu_si512(values + ((size_t)j * p->value_channels + b * 16) * 4);
      UNROLL for (int r = 0; r < rows; r++) acc[r][b] = _mm512_dpbusd_epi32(acc[r][b], _mm512_set1_epi32(quads[r]), value);
    }
  }
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int b = 0; b < blocks; b++) {
      int32_t at = c + b * 16;
      __m512 mean = _mm512_div_ps(_mm512_cvtepi32_ps(acc[r][b]), _mm512_set1_ps(total[r]));
      mean = _mm512_add_ps(_mm512_mul_ps(mean, _mm512_loadu_ps(p->value_scale + at)), _mm512_loadu_ps(p->value_offset + at));
      _mm512_storeu_ps(output + (ptrdiff_t)r * p->value_channels + at, mean);
    }
}

// Four queries at a time share every load of a key or value.
VNNI INLINE void attend(const ssat_attention_s8 *p, int32_t first, const int rows) {
  const int32_t g = groups(p->reference_count);
  int32_t *scores = p->scratch, j = 0, c = 0, queries[4][16];
  uint8_t *weights = (uint8_t *)(scores + (size_t)g * 16 * 4);
  float *output = p->output + (ptrdiff_t)first * p->value_channels, total[4];
  __m512i best[4];
  for (int r = 0; r < rows; r++) {
    __m512i query = _mm512_loadu_si512(p->queries + (ptrdiff_t)(first + r) * 64);
    _mm512_storeu_si512(queries[r], _mm512_xor_si512(query, _mm512_set1_epi8((char)0x80)));
    best[r] = _mm512_set1_epi32(INT32_MIN);
  }
  for (; j + 2 <= g; j += 2) score(p, queries, rows, j, 2, scores, best);
  if (j < g) score(p, queries, rows, j, 1, scores, best);
  for (int r = 0; r < rows; r++) total[r] = weigh(p, scores + (size_t)r * g * 16, best[r], weights + (size_t)r * g * 16);
  for (; c + 64 <= p->value_channels; c += 64) gather(p, weights, total, rows, c, 4, output);
  for (; c < p->value_channels; c += 16) gather(p, weights, total, rows, c, 1, output);
}

VNNI static void attention(const ssat_attention_s8 *p) {
  int32_t q = 0;
  for (; q + 4 <= p->query_count; q += 4) attend(p, q, 4);
  for (; q < p->query_count; q++) attend(p, q, 1);
}

VNNI static int64_t exercise(int64_t rounds) {
  __m512i sum[16], value = _mm512_set1_epi8(3), weight = _mm512_set1_epi8(5);
  UNROLL for (int i = 0; i < 16; i++) sum[i] = _mm512_setzero_si512();
  for (int64_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+v"(value), "+v"(weight));
    UNROLL for (int i = 0; i < 16; i++) sum[i] = _mm512_dpbusd_epi32(sum[i], value, weight);
  }
  UNROLL for (int i = 0; i < 16; i++) __asm__ volatile("" : : "v"(sum[i]));
  return rounds * 16 * 64;
}

const ssat_kernels ssat_avx512vnni_kernels = {
    .name = "avx512vnni",
    .packed_weights_size = ssat_reference_packed_weights_size,
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
