// Shared between the levels of CKernels: what the vector versions fall back to, and their tables.
#ifndef SSAT_REFERENCE_H
#define SSAT_REFERENCE_H

#include "CKernels.h"

// Beyond this many e-foldings a weight rounds to 0 (255 exp(-6.5) = 0.38): no need to compute it.
#define NOTHING_FROM 6.5f

// The columns of row `y` that are to be computed, of `width`.
static inline ssat_span ssat_span_of(const ssat_span *spans, int32_t y, int32_t width) {
  return spans ? spans[y] : (ssat_span){0, (int16_t)width};
}

size_t ssat_reference_packed_weights_size(int32_t outputs, int32_t kernel, int32_t inputs);
void ssat_reference_pack_weights(const int8_t *weights, int32_t outputs, int32_t kernel, int32_t inputs, void *packed);
void ssat_reference_convolution(const ssat_convolution_u8 *p);
void ssat_reference_modulation(const ssat_modulation_u8 *p);
int32_t ssat_reference_probability(float d);
size_t ssat_reference_packed_reference_size(int32_t count, int32_t value_channels);
void ssat_reference_pack_reference(const int8_t *keys, const int8_t *values, int32_t count, int32_t value_channels, void *packed);
size_t ssat_reference_attention_scratch_size(int32_t count, int32_t value_channels);
void ssat_reference_attention(const ssat_attention_s8 *p);

extern const ssat_kernels ssat_reference_kernels;
#if defined(__x86_64__)
void ssat_avx2_modulation(const ssat_modulation_u8 *p);

extern const ssat_kernels ssat_avx2_kernels;
extern const ssat_kernels ssat_avxvnni_kernels, ssat_avxvnni_evex_kernels;  // one source, two encodings
extern const ssat_kernels ssat_avx512vnni_kernels;
#elif defined(__aarch64__)
extern const ssat_kernels ssat_neon_kernels;
#endif

#endif
