// The kernels of 256-bit VNNI: a source that two files include, one for each encoding of its one instruction of note (avxvnni.c,
// avxvnni_evex.c; decision 0023). They define VNNI, the target; DOT, the instruction; TABLE, the table's name.
#include "vnni.h"
#include "ymm.h"

VNNI INLINE __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

// A tile of `pixels` x 16 outputs, for the whole depth of the convolution. There are 16 registers: twelve sums (as many as hide
// the latency of two multipliers), two of weights, one of a value.
VNNI INLINE void tile(const ssat_convolution_u8 *p, int32_t y, int32_t x, int32_t o, const int pixels) {
  // In registers only while every index is a constant: see avx512vnni.c.
  __m256i acc[6][2], done[6][2];
  UNROLL for (int b = 0; b < 2; b++)
    UNROLL for (int i = 0; i < pixels; i++) acc[i][b] = load(p->bias + o + 8 * b);
  // The taps of a row are one run of bytes where pixels have no other channels between them.
  const int32_t columns = p->input_pixel_stride == p->input_channels ? 1 : p->kernel;
  const int32_t quads = p->kernel / columns * p->input_channels / 4;
  const int8_t *w = (const int8_t *)p->weights + (ptrdiff_t)o * p->kernel * p->kernel * p->input_channels;
  const ptrdiff_t step = (ptrdiff_t)p->stride * p->input_pixel_stride;
  const uint8_t *row = p->input + (ptrdiff_t)(y * p->stride - p->pad) * p->input_row_stride + (ptrdiff_t)(x * p->stride - p->pad) * p->input_pixel_stride;
  for (int32_t ky = 0; ky < p->kernel; ky++, row += p->input_row_stride) {
    const uint8_t *in = row;
    for (int32_t kx = 0; kx < columns; kx++, in += p->input_pixel_stride)
      for (int32_t c = 0; c < quads; c++, w += 64) {
        __m256i low = load(w), high = load(w + 32);
        UNROLL for (int i = 0; i < pixels; i++) {
          int32_t quad;
          memcpy(&quad, in + i * step + c * 4, 4);
          __m256i value = _mm256_set1_epi32(quad);
          acc[i][0] = DOT(acc[i][0], value, low);
          acc[i][1] = DOT(acc[i][1], value, high);
        }
      }
  }
  UNROLL for (int i = 0; i < pixels; i++) done[i][0] = acc[i][0], done[i][1] = acc[i][1];
  NO_UNROLL for (int i = 0; i < pixels; i++) write_back(p, done[i], y, x + i, o);
}

// The last eight pixels are two tiles of four, not one of six and two of one.
VNNI static void row_of_outputs(const ssat_convolution_u8 *p, int32_t y, int32_t o) {
  const ssat_span span = ssat_span_of(p->spans, y, p->output_width);
  int32_t x = span.start;
  for (; x + 6 <= span.end && span.end - x != 8; x += 6) tile(p, y, x, o, 6);
  for (; x + 4 <= span.end; x += 4) tile(p, y, x, o, 4);
  for (; x < span.end; x++) tile(p, y, x, o, 1);
}

VNNI static void convolution(const ssat_convolution_u8 *p) {
  for (int32_t o = 0; o < p->output_channels; o += 16)
    for (int32_t y = 0; y < p->output_height; y++) row_of_outputs(p, y, o);
}

// Scores of all groups, a half of eight positions at a time. Queries come flipped to unsigned, as quads of channels.
VNNI INLINE void score(const ssat_attention_s8 *p, const int32_t (*queries)[16], const int rows, int32_t *scores, __m256i *best) {
  const int32_t g = groups(p->reference_count);
  const int32_t *sums = (const int32_t *)((const int8_t *)p->reference + (size_t)g * 1024);
  for (int32_t j = 0; j < g; j++) {
    const int8_t *keys = (const int8_t *)p->reference + (size_t)j * 1024;
    __m256i acc[4][2];  // not [rows]: what has no fixed size lives in memory
    UNROLL for (int r = 0; r < rows; r++)
      UNROLL for (int h = 0; h < 2; h++) acc[r][h] = _mm256_sub_epi32(_mm256_setzero_si256(), load(sums + j * 16 + h * 8));
    // A loop: unrolled, the compiler does one sum after the other and loads keys and queries for each.
    NO_UNROLL for (int c = 0; c < 16; c++) {
      __m256i low = load(keys + c * 64), high = load(keys + c * 64 + 32);
      UNROLL for (int r = 0; r < rows; r++) {
        __m256i query = _mm256_set1_epi32(queries[r][c]);
        acc[r][0] = DOT(acc[r][0], query, low);
        acc[r][1] = DOT(acc[r][1], query, high);
      }
    }
    UNROLL for (int r = 0; r < rows; r++)
      UNROLL for (int h = 0; h < 2; h++) {
        best[r] = _mm256_max_epi32(best[r], _mm256_blendv_epi8(best[r], acc[r][h], positions_of(p, 2 * j + h)));
        _mm256_storeu_si256((__m256i *)(scores + ((size_t)r * g + j) * 16 + h * 8), acc[r][h]);
      }
  }
}

// Weights of one query's scores; returns their sum.
VNNI INLINE float weigh(const ssat_attention_s8 *p, const int32_t *scores, __m256i best, uint8_t *weights) {
  const __m256i top = _mm256_set1_epi32(largest(best));
  const __m256 scale = _mm256_set1_ps(p->temperature_scale);
  __m256i sum = _mm256_setzero_si256();
  for (int32_t j = 0; j < 2 * groups(p->reference_count); j++) {
    __m256 distance = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(top, load(scores + j * 8))), scale);
    __m256i near = _mm256_castps_si256(_mm256_cmp_ps(distance, _mm256_set1_ps(NOTHING_FROM), _CMP_LT_OQ));
    __m256i counts = _mm256_and_si256(positions_of(p, j), near), w = _mm256_setzero_si256();
    if (!_mm256_testz_si256(counts, counts)) w = _mm256_and_si256(counts, probability(distance));
    sum = _mm256_add_epi32(sum, w);
    store_bytes(weights + j * 8, w);
  }
  return (float)sum_of(sum);
}

// Quads of positions that have weight in any row, written to `live`; returns how many. Most have none.
VNNI INLINE int32_t find_live(const ssat_attention_s8 *p, const uint8_t *weights, const int rows, int32_t *live) {
  const int32_t g = groups(p->reference_count);
  int32_t count = 0;
  for (int32_t j = 0; j < g * 4; j++) {
    int32_t quad, any = 0;
    UNROLL for (int r = 0; r < rows; r++) {
      memcpy(&quad, weights + (size_t)r * g * 16 + j * 4, 4);
      any |= quad;
    }
    live[count] = j;
    count += any != 0;
  }
  return count;
}

// Weighted means of sixteen value channels from c on, over `count` quads of positions.
VNNI INLINE void gather(const ssat_attention_s8 *p, const uint8_t *weights, const int32_t *live, int32_t count, const float *total,
                        const int rows, int32_t c, float *output) {
  const int32_t g = groups(p->reference_count);
  const int8_t *values = (const int8_t *)p->reference + (size_t)g * (1024 + 64) + (size_t)c * 4;
  __m256i acc[4][2];
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int b = 0; b < 2; b++) acc[r][b] = _mm256_setzero_si256();
  for (int32_t k = 0; k < count; k++) {
    const int32_t j = live[k];
    UNROLL for (int b = 0; b < 2; b++) {
      __m256i value = load(values + ((size_t)j * p->value_channels + b * 8) * 4);
      UNROLL for (int r = 0; r < rows; r++) {
        int32_t quad;
        memcpy(&quad, weights + (size_t)r * g * 16 + j * 4, 4);
        acc[r][b] = DOT(acc[r][b], _mm256_set1_epi32(quad), value);
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int b = 0; b < 2; b++)
      store_mean(p, acc[r][b], total[r], c + b * 8, output + (ptrdiff_t)r * p->value_channels);
}

// Four queries at a time share every load of a key or value.
VNNI INLINE void attend(const ssat_attention_s8 *p, int32_t first, const int rows) {
  const int32_t g = groups(p->reference_count);
  int32_t *scores = p->scratch, queries[4][16];
  uint8_t *weights = (uint8_t *)(scores + (size_t)g * 16 * 4);
  float *output = p->output + (ptrdiff_t)first * p->value_channels, total[4];
  __m256i best[4];
  for (int r = 0; r < rows; r++) {
    for (int h = 0; h < 2; h++) {
      __m256i query = load(p->queries + (ptrdiff_t)(first + r) * 64 + h * 32);
      _mm256_storeu_si256((__m256i *)(queries[r] + h * 8), _mm256_xor_si256(query, _mm256_set1_epi8((char)0x80)));
    }
    best[r] = _mm256_set1_epi32(INT32_MIN);
  }
  score(p, queries, rows, scores, best);
  for (int r = 0; r < rows; r++) total[r] = weigh(p, scores + (size_t)r * g * 16, best[r], weights + (size_t)r * g * 16);
  const int32_t count = find_live(p, weights, rows, scores);  // the scores have done their duty
  for (int32_t c = 0; c < p->value_channels; c += 16) gather(p, weights, scores, count, total, rows, c, output);
}

VNNI static void attention(const ssat_attention_s8 *p) {
  int32_t q = 0;
  for (; q + 4 <= p->query_count; q += 4) attend(p, q, 4);
  for (; q < p->query_count; q++) attend(p, q, 1);
}

VNNI static int64_t exercise(int64_t rounds) {
  __m256i sum[12], value = _mm256_set1_epi8(3), weight = _mm256_set1_epi8(5);
  UNROLL for (int i = 0; i < 12; i++) sum[i] = _mm256_setzero_si256();
  for (int64_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+x"(value), "+x"(weight));
    UNROLL for (int i = 0; i < 12; i++) sum[i] = DOT(sum[i], value, weight);
  }
  UNROLL for (int i = 0; i < 12; i++) __asm__ volatile("" : : "x"(sum[i]));
  return rounds * 12 * 32;
}

const ssat_kernels TABLE = {
    .name = "avxvnni",
    .packed_weights_size = ssat_reference_packed_weights_size,
    .pack_weights_s8 = pack_weights,
    .convolution_u8 = convolution,
    .modulation_u8 = ssat_avx2_modulation,
    .packed_reference_size = packed_reference_size,
    .pack_reference = pack_reference,
    .attention_scratch_size = attention_scratch_size,
    .attention_s8 = attention,
    .exercise = exercise,
};
