// What the kernels of 256 bits share, whatever they multiply with.
#ifndef SSAT_YMM_H
#define SSAT_YMM_H

#include <immintrin.h>

#include "reference.h"

#pragma STDC FP_CONTRACT OFF  // here and in the file that includes this
#define AVX2 __attribute__((target("avx2")))
#define UNROLL _Pragma("clang loop unroll(full)")
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#define INLINE __attribute__((always_inline)) static inline

// Clamped before the conversion, so that no value leaves the range of s32; bytes saturate when they are stored.
AVX2 INLINE __m256i quantized(__m256 f, int32_t zero_point) {
  f = _mm256_max_ps(_mm256_min_ps(f, _mm256_set1_ps(1e6f)), _mm256_set1_ps(-1e6f));
  return _mm256_add_epi32(_mm256_cvtps_epi32(f), _mm256_set1_epi32(zero_point));
}

// Eight s32 to eight bytes, those outside 0..255 to the nearest of it.
AVX2 INLINE void store_bytes(uint8_t *p, __m256i q) {
  __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
}

AVX2 INLINE __m256i widen(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)); }

AVX2 INLINE __m256 leaky(__m256 f, float slope) {
  __m256 negative = _mm256_cmp_ps(f, _mm256_setzero_ps(), _CMP_LT_OQ);
  return _mm256_blendv_ps(f, _mm256_mul_ps(f, _mm256_set1_ps(slope)), negative);
}

// What eight sums stand for, from output channel `o` on, with the residual and after the activation.
AVX2 INLINE __m256 activated(const ssat_convolution_u8 *p, __m256i acc, int32_t y, int32_t x, int32_t o) {
  __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), _mm256_loadu_ps(p->multiplier + o));
  if (p->residual) {
    const uint8_t *r = p->residual + (ptrdiff_t)y * p->residual_row_stride + (ptrdiff_t)x * p->residual_pixel_stride + o;
    __m256i d = _mm256_sub_epi32(widen(r), _mm256_set1_epi32(p->residual_zero_point));
    f = _mm256_add_ps(f, _mm256_mul_ps(_mm256_cvtepi32_ps(d), _mm256_set1_ps(p->residual_scale)));
  }
  return leaky(f, p->negative_slope);
}

// Sixteen sums, from output channel `o` on.
AVX2 INLINE void write_back(const ssat_convolution_u8 *p, const __m256i *acc, int32_t y, int32_t x, int32_t o) {
  __m256 low = activated(p, acc[0], y, x, o), high = activated(p, acc[1], y, x, o + 8);
  ptrdiff_t at = (ptrdiff_t)y * p->output_row_stride + (ptrdiff_t)x * p->output_pixel_stride + o;
  if (p->output_f32) {
    _mm256_storeu_ps(p->output_f32 + at, low);
    _mm256_storeu_ps(p->output_f32 + at + 8, high);
  } else {
    // Packing works within halves: the quads come as 0 2 1 3.
    __m256i words = _mm256_packs_epi32(quantized(low, p->output_zero_point), quantized(high, p->output_zero_point));
    words = _mm256_permute4x64_epi64(words, 0xd8);
    __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)(p->output + at), bytes);
  }
}

AVX2 INLINE __m256i probability(__m256 d) {
  __m256 far = _mm256_cmp_ps(d, _mm256_set1_ps(20), _CMP_GT_OQ);
  d = _mm256_andnot_ps(far, d);
  __m256 t = _mm256_mul_ps(d, _mm256_set1_ps(-1.44269504f));
  __m256 n = _mm256_round_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 f = _mm256_sub_ps(t, n);
  __m256 e = _mm256_set1_ps(1.33335581e-3f);
  e = _mm256_add_ps(_mm256_mul_ps(e, f), _mm256_set1_ps(9.61812910e-3f));
  e = _mm256_add_ps(_mm256_mul_ps(e, f), _mm256_set1_ps(5.55041087e-2f));
  e = _mm256_add_ps(_mm256_mul_ps(e, f), _mm256_set1_ps(2.40226507e-1f));
  e = _mm256_add_ps(_mm256_mul_ps(e, f), _mm256_set1_ps(6.93147181e-1f));
  e = _mm256_add_ps(_mm256_mul_ps(e, f), _mm256_set1_ps(1.0f));
  __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  e = _mm256_mul_ps(_mm256_mul_ps(e, _mm256_castsi256_ps(power)), _mm256_set1_ps(255.0f));
  return _mm256_andnot_si256(_mm256_castps_si256(far), _mm256_cvtps_epi32(e));
}

// All ones in the lanes of group j that hold a position.
AVX2 INLINE __m256i positions_of(const ssat_attention_s8 *p, int32_t j) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(p->reference_count - j * 8), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

AVX2 INLINE int32_t largest(__m256i v) {
  __m128i h = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  h = _mm_max_epi32(h, _mm_shuffle_epi32(h, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(h, _mm_shuffle_epi32(h, 0xb1)));
}

AVX2 INLINE int32_t sum_of(__m256i v) {
  __m128i h = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(h, _mm_shuffle_epi32(h, 0xb1)));
}

// The weighted mean of value channels from `at` on, of one query.
AVX2 INLINE void store_mean(const ssat_attention_s8 *p, __m256i sums, float total, int32_t at, float *output) {
  __m256 mean = _mm256_div_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(total));
  mean = _mm256_add_ps(_mm256_mul_ps(mean, _mm256_loadu_ps(p->value_scale + at)), _mm256_loadu_ps(p->value_offset + at));
  _mm256_storeu_ps(output + at, mean);
}

#endif
