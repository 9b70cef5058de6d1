// AVX2. Bytes are widened to s16 and multiplied in pairs (vpmaddwd), so nothing saturates and every sum is exact.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "ymm.h"

// Packed as s16 [output / 16][ky][kx][input / 2][16][2].
static size_t packed_weights_size(int32_t outputs, int32_t kernel, int32_t inputs) {
  return ssat_reference_packed_weights_size(outputs, kernel, inputs) * 2;
}

static void pack_weights(const int8_t *weights, int32_t outputs, int32_t kernel, int32_t inputs, void *packed) {
  int32_t taps = kernel * kernel;
  for (int32_t o = 0; o < outputs; o++)
    for (int32_t t = 0; t < taps; t++)
      for (int32_t c = 0; c < inputs; c++)
        ((int16_t *)packed)[((((ptrdiff_t)(o / 16) * taps + t) * (inputs / 2) + c / 2) * 16 + o % 16) * 2 + c % 2] =
            weights[((ptrdiff_t)o * taps + t) * inputs + c];
}

AVX2 INLINE void tile(const ssat_convolution_u8 *p, int32_t y, int32_t x, int32_t o, const int pixels) {
  // In registers only while every index is a constant: see avx512vnni.c.
  __m256i acc[4][2], done[4][2];
  UNROLL for (int b = 0; b < 2; b++)
    UNROLL for (int i = 0; i < pixels; i++) acc[i][b] = _mm256_loadu_si256((const __m256i *)(p->bias + o + 8 * b));
  const int32_t quads = p->input_channels / 4;
  const int16_t *w = (const int16_t *)p->weights + (ptrdiff_t)(o / 16) * p->kernel * p->kernel * p->input_channels * 16;
  const ptrdiff_t step = (ptrdiff_t)p->stride * p->input_pixel_stride;
  for (int32_t ky = 0; ky < p->kernel; ky++)
    for (int32_t kx = 0; kx < p->kernel; kx++) {
      const uint8_t *in = p->input + (ptrdiff_t)(y * p->stride + ky - p->pad) * p->input_row_stride +
                          (ptrdiff_t)(x * p->stride + kx - p->pad) * p->input_pixel_stride;
      for (int32_t c = 0; c < quads; c++, w += 64) {
        __m256i a0 = _mm256_loadu_si256((const __m256i *)w), a1 = _mm256_loadu_si256((const __m256i *)(w + 16));
        __m256i b0 = _mm256_loadu_si256((const __m256i *)(w + 32)), b1 = _mm256_loadu_si256((const __m256i *)(w + 48));
        UNROLL for (int i = 0; i < pixels; i++) {
          __m128i quad = _mm_cvtepu8_epi16(_mm_loadu_si32(in + i * step + c * 4));
          __m256i low = _mm256_broadcastd_epi32(quad), high = _mm256_broadcastd_epi32(_mm_srli_si128(quad, 4));
          acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(low, a0));
          acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(low, a1));
          acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(high, b0));
          acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(high, b1));
        }
      }
    }
  UNROLL for (int i = 0; i < pixels; i++) done[i][0] = acc[i][0], done[i][1] = acc[i][1];
  NO_UNROLL for (int i = 0; i < pixels; i++) write_back(p, done[i], y, x + i, o);
}

// The input rows of one output row, widened to u16 once for all taps and output blocks: broadcasting a pair then costs a load
// and no shuffle. Larger shapes (none of the networks') take the narrow way.
enum { widened_most = 3 * 130 * 160 };

AVX2 static void widen_rows(const ssat_convolution_u8 *p, int32_t y, ssat_span span, int32_t row_pixels, uint16_t *rows) {
  const int32_t channels = p->input_channels, first = span.start * p->stride, end = (span.end - 1) * p->stride + p->kernel;
  for (int32_t ky = 0; ky < p->kernel; ky++, rows += (ptrdiff_t)row_pixels * channels) {
    const uint8_t *in = p->input + (ptrdiff_t)(y * p->stride + ky - p->pad) * p->input_row_stride - (ptrdiff_t)p->pad * p->input_pixel_stride;
    for (int32_t x = first; x < end; x++)
      for (int32_t c = 0; c < channels; c += 16)
        _mm256_storeu_si256((__m256i *)(rows + (ptrdiff_t)x * channels + c),
                            _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(in + (ptrdiff_t)x * p->input_pixel_stride + c))));
  }
}

AVX2 INLINE void wide_tile(const ssat_convolution_u8 *p, const uint16_t *rows, int32_t row_pixels, int32_t y, int32_t x, int32_t o, const int pixels) {
  __m256i acc[6][2], done[6][2];
  UNROLL for (int b = 0; b < 2; b++)
    UNROLL for (int i = 0; i < pixels; i++) acc[i][b] = _mm256_loadu_si256((const __m256i *)(p->bias + o + 8 * b));
  const int32_t channels = p->input_channels, pairs = channels / 2;
  const int16_t *w = (const int16_t *)p->weights + (ptrdiff_t)(o / 16) * p->kernel * p->kernel * channels * 16;
  const ptrdiff_t step = (ptrdiff_t)p->stride * channels;
  for (int32_t ky = 0; ky < p->kernel; ky++)
    for (int32_t kx = 0; kx < p->kernel; kx++) {
      const uint16_t *in = rows + ((ptrdiff_t)ky * row_pixels + (ptrdiff_t)x * p->stride + kx) * channels;
      for (int32_t c = 0; c < pairs; c++, w += 32) {
        __m256i a = _mm256_loadu_si256((const __m256i *)w), b = _mm256_loadu_si256((const __m256i *)(w + 16));
        UNROLL for (int i = 0; i < pixels; i++) {
          int32_t pair;
          memcpy(&pair, in + i * step + c * 2, 4);
          __m256i value = _mm256_set1_epi32(pair);
          acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(value, a));
          acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(value, b));
        }
      }
    }
  UNROLL for (int i = 0; i < pixels; i++) done[i][0] = acc[i][0], done[i][1] = acc[i][1];
  NO_UNROLL for (int i = 0; i < pixels; i++) write_back(p, done[i], y, x + i, o);
}

AVX2 static void wide_convolution(const ssat_convolution_u8 *p, int32_t row_pixels) {
  static _Thread_local uint16_t rows[widened_most];
  for (int32_t y = 0; y < p->output_height; y++) {
    const ssat_span span = ssat_span_of(p->spans, y, p->output_width);
    if (span.start >= span.end) continue;
    widen_rows(p, y, span, row_pixels, rows);
    for (int32_t o = 0; o < p->output_channels; o += 16) {
      int32_t x = span.start;
      for (; x + 6 <= span.end; x += 6) wide_tile(p, rows, row_pixels, y, x, o, 6);
      for (; x + 2 <= span.end; x += 2) wide_tile(p, rows, row_pixels, y, x, o, 2);
      for (; x < span.end; x++) wide_tile(p, rows, row_pixels, y, x, o, 1);
    }
  }
}

AVX2 static void convolution(const ssat_convolution_u8 *p) {
  const int32_t row_pixels = (p->output_width - 1) * p->stride + p->kernel;
  if ((int64_t)p->kernel * row_pixels * p->input_channels <= widened_most) {
    wide_convolution(p, row_pixels);
    return;
  }
  for (int32_t o = 0; o < p->output_channels; o += 16)
    for (int32_t y = 0; y < p->output_height; y++) {
      const ssat_span span = ssat_span_of(p->spans, y, p->output_width);
      int32_t x = span.start;
      for (; x + 4 <= span.end; x += 4) tile(p, y, x, o, 4);
      for (; x < span.end; x++) tile(p, y, x, o, 1);
    }
}

AVX2 INLINE __m256i taps(const uint8_t *near, const uint8_t *side, const uint8_t *below, const uint8_t *corner) {
  __m256i n = widen(near), s = _mm256_add_epi32(widen(side), widen(below));
  n = _mm256_add_epi32(_mm256_slli_epi32(n, 3), n);
  s = _mm256_add_epi32(_mm256_slli_epi32(s, 1), s);
  return _mm256_add_epi32(_mm256_add_epi32(n, s), widen(corner));
}

AVX2 void ssat_avx2_modulation(const ssat_modulation_u8 *p) {
  const __m256 gs = _mm256_set1_ps(p->gamma_scale), go = _mm256_set1_ps(p->gamma_offset);
  const __m256 bs = _mm256_set1_ps(p->beta_scale), bo = _mm256_set1_ps(p->beta_offset);
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
      for (int32_t c = 0; c < p->channels; c += 8) {
        int32_t b = c + p->channels;
        __m256i gamma = p->upsample == 2 ? taps(near + c, side + c, below + c, corner + c) : widen(near + c);
        __m256i beta = p->upsample == 2 ? taps(near + b, side + b, below + b, corner + b) : widen(near + b);
        __m256 n = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(widen(in + c)), _mm256_loadu_ps(p->scale + c)), _mm256_loadu_ps(p->shift + c));
        __m256 g = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(gamma), gs), go);
        __m256 f = _mm256_add_ps(_mm256_mul_ps(n, g), _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(beta), bs), bo));
        f = _mm256_mul_ps(leaky(f, p->negative_slope), _mm256_set1_ps(p->output_inverse_scale));
        store_bytes(out + c, quantized(f, p->output_zero_point));
      }
    }
  }
}

// Packed reference in groups of 8 positions, as s16: keys [group][32 pairs of channels][8 positions][2], then values
// [pair of positions][value channels][2]. Padding has p = 0.
static int32_t groups(int32_t count) { return (count + 7) / 8; }

static size_t packed_reference_size(int32_t count, int32_t value_channels) {
  return (size_t)groups(count) * 8 * 2 * (size_t)(64 + value_channels);
}

static void pack_reference(const int8_t *keys, const int8_t *values, int32_t count, int32_t value_channels, void *packed) {
  memset(packed, 0, packed_reference_size(count, value_channels));
  int16_t *k = packed, *v = k + (size_t)groups(count) * 512;
  for (int32_t j = 0; j < count; j++) {
    for (int c = 0; c < 64; c++) k[(size_t)(j / 8) * 512 + (c / 2) * 16 + (j % 8) * 2 + c % 2] = keys[(ptrdiff_t)j * 64 + c];
    for (int32_t c = 0; c < value_channels; c++)
      v[((size_t)(j / 2) * value_channels + c) * 2 + j % 2] = values[(ptrdiff_t)j * value_channels + c];
  }
}

static size_t attention_scratch_size(int32_t count, int32_t value_channels) {
  (void)value_channels;
  return (size_t)groups(count) * 8 * (sizeof(int32_t) + sizeof(int16_t)) * 4 + 64;
}

// Scores of all groups. Queries come as pairs of 16-bit channels.
AVX2 INLINE void score(const ssat_attention_s8 *p, const int32_t (*queries)[32], const int rows, int32_t *scores, __m256i *best) {
  const int32_t g = groups(p->reference_count);
  for (int32_t j = 0; j < g; j++) {
    const int16_t *keys = (const int16_t *)p->reference + (size_t)j * 512;
    __m256i acc[4], inside = positions_of(p, j);  // not [rows]: what has no fixed size lives in memory
    UNROLL for (int r = 0; r < rows; r++) acc[r] = _mm256_setzero_si256();
    UNROLL for (int c = 0; c < 32; c++) {
      __m256i key = _mm256_loadu_si256((const __m256i *)(keys + c * 16));
      UNROLL for (int r = 0; r < rows; r++)
        acc[r] = _mm256_add_epi32(acc[r], _mm256_madd_epi16(_mm256_set1_epi32(queries[r][c]), key));
    }
    UNROLL for (int r = 0; r < rows; r++) {
      best[r] = _mm256_max_epi32(best[r], _mm256_blendv_epi8(best[r], acc[r], inside));
      _mm256_storeu_si256((__m256i *)(scores + ((size_t)r * g + j) * 8), acc[r]);
    }
  }
}

// Weights of one query's scores; returns their sum.
AVX2 INLINE float weigh(const ssat_attention_s8 *p, const int32_t *scores, __m256i best, int16_t *weights) {
  const __m256i top = _mm256_set1_epi32(largest(best));
  const __m256 scale = _mm256_set1_ps(p->temperature_scale);
  __m256i sum = _mm256_setzero_si256();
  for (int32_t j = 0; j < groups(p->reference_count); j++) {
    __m256i gap = _mm256_sub_epi32(top, _mm256_loadu_si256((const __m256i *)(scores + j * 8))), w = _mm256_setzero_si256();
    __m256 distance = _mm256_mul_ps(_mm256_cvtepi32_ps(gap), scale);
    __m256i near = _mm256_castps_si256(_mm256_cmp_ps(distance, _mm256_set1_ps(NOTHING_FROM), _CMP_LT_OQ));
    __m256i counts = _mm256_and_si256(positions_of(p, j), near);
    if (!_mm256_testz_si256(counts, counts)) w = _mm256_and_si256(counts, probability(distance));
    sum = _mm256_add_epi32(sum, w);
    _mm_storeu_si128((__m128i *)(weights + j * 8), _mm_packs_epi32(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1)));
  }
  return (float)sum_of(sum);
}

// Weighted means of `blocks` times 8 value channels from c on.
AVX2 INLINE void gather(const ssat_attention_s8 *p, const int16_t *weights, const float *total, const int rows, int32_t c, const int blocks,
                        float *output) {
  const int32_t g = groups(p->reference_count);
  const int16_t *values = (const int16_t *)p->reference + (size_t)g * 512 + (size_t)c * 2;
  __m256i acc[4][2];
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int b = 0; b < blocks; b++) acc[r][b] = _mm256_setzero_si256();
  for (int32_t j = 0; j < g * 4; j++) {
    int32_t pairs[rows], any = 0;
    UNROLL for (int r = 0; r < rows; r++) {
      memcpy(&pairs[r], weights + (size_t)r * g * 8 + j * 2, 4);
      any |= pairs[r];
    }
    if (!any) continue;
    UNROLL for (int b = 0; b < blocks; b++) {
      __m256i value = _mm256_loadu_si256((const __m256i *)(values + ((size_t)j * p->value_channels + b * 8) * 2));
      UNROLL for (int r = 0; r < rows; r++)
        acc[r][b] = _mm256_add_epi32(acc[r][b], _mm256_madd_epi16(_mm256_set1_epi32(pairs[r]), value));
    }
  }
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int b = 0; b < blocks; b++)
      store_mean(p, acc[r][b], total[r], c + b * 8, output + (ptrdiff_t)r * p->value_channels);
}

// Four queries at a time share every load of a key or value.
AVX2 INLINE void attend(const ssat_attention_s8 *p, int32_t first, const int rows) {
  const int32_t g = groups(p->reference_count);
  int32_t *scores = p->scratch, c = 0, queries[4][32];
  int16_t *weights = (int16_t *)(scores + (size_t)g * 8 * 4);
  float *output = p->output + (ptrdiff_t)first * p->value_channels, total[4];
  __m256i best[4];
  for (int r = 0; r < rows; r++) {
    for (int k = 0; k < 4; k++) {
      __m128i query = _mm_loadu_si128((const __m128i *)(p->queries + (ptrdiff_t)(first + r) * 64 + k * 16));
      _mm256_storeu_si256((__m256i *)(queries[r] + k * 8), _mm256_cvtepi8_epi16(query));
    }
    best[r] = _mm256_set1_epi32(INT32_MIN);
  }
  score(p, queries, rows, scores, best);
  for (int r = 0; r < rows; r++) total[r] = weigh(p, scores + (size_t)r * g * 8, best[r], weights + (size_t)r * g * 8);
  for (; c + 16 <= p->value_channels; c += 16) gather(p, weights, total, rows, c, 2, output);
  for (; c < p->value_channels; c += 8) gather(p, weights, total, rows, c, 1, output);
}

AVX2 static void attention(const ssat_attention_s8 *p) {
  int32_t q = 0;
  for (; q + 4 <= p->query_count; q += 4) attend(p, q, 4);
  for (; q < p->query_count; q++) attend(p, q, 1);
}

AVX2 static int64_t exercise(int64_t rounds) {
  __m256i sum[12], value = _mm256_set1_epi16(3), weight = _mm256_set1_epi16(5);
  UNROLL for (int i = 0; i < 12; i++) sum[i] = _mm256_setzero_si256();
  for (int64_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+x"(value), "+x"(weight));
    UNROLL for (int i = 0; i < 12; i++) {
      __m256i product = _mm256_madd_epi16(value, weight);
      __asm__ volatile("" : "+x"(product));  // not one product for all twelve
      sum[i] = _mm256_add_epi32(sum[i], product);
    }
  }
  UNROLL for (int i = 0; i < 12; i++) __asm__ volatile("" : : "x"(sum[i]));
  return rounds * 12 * 16;
}

const ssat_kernels ssat_avx2_kernels = {
    .name = "avx2",
    .packed_weights_size = packed_weights_size,
    .pack_weights_s8 = pack_weights,
    .convolution_u8 = convolution,
    .modulation_u8 = ssat_avx2_modulation,
    .packed_reference_size = packed_reference_size,
    .pack_reference = pack_reference,
    .attention_scratch_size = attention_scratch_size,
    .attention_s8 = attention,
    .exercise = exercise,
};
#endif
