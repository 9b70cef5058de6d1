// The truth that every instruction set must match, bit for bit.
#include "reference.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

static uint8_t clamp_u8(float f, int32_t zero_point) {
  float q = nearbyintf(f) + (float)zero_point;
  return (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
}

size_t ssat_reference_packed_weights_size(int32_t outputs, int32_t kernel, int32_t inputs) {
  return (size_t)outputs * kernel * kernel * inputs;
}

void ssat_reference_pack_weights(const int8_t *weights, int32_t outputs, int32_t kernel, int32_t inputs, void *packed) {
  memcpy(packed, weights, ssat_reference_packed_weights_size(outputs, kernel, inputs));
}

void ssat_reference_convolution(const ssat_convolution_u8 *p) {
  const int8_t *weights = p->weights;
  for (int32_t y = 0; y < p->output_height; y++) {
    const ssat_span span = ssat_span_of(p->spans, y, p->output_width);
    for (int32_t x = span.start; x < span.end; x++)
      for (int32_t o = 0; o < p->output_channels; o++) {
        int32_t acc = p->bias[o];
        const int8_t *w = weights + (ptrdiff_t)o * p->kernel * p->kernel * p->input_channels;
        for (int32_t ky = 0; ky < p->kernel; ky++)
          for (int32_t kx = 0; kx < p->kernel; kx++) {
            const uint8_t *i = p->input + (ptrdiff_t)(y * p->stride + ky - p->pad) * p->input_row_stride +
                               (ptrdiff_t)(x * p->stride + kx - p->pad) * p->input_pixel_stride;
            for (int32_t c = 0; c < p->input_channels; c++) acc += (int32_t)i[c] * (int32_t)w[c];
            w += p->input_channels;
          }
        float f = (float)acc * p->multiplier[o];
        if (p->residual) {
          int32_t r = p->residual[(ptrdiff_t)y * p->residual_row_stride + (ptrdiff_t)x * p->residual_pixel_stride + o];
          float added = (float)(r - p->residual_zero_point) * p->residual_scale;
          f = f + added;
        }
        if (f < 0) f = f * p->negative_slope;
        ptrdiff_t at = (ptrdiff_t)y * p->output_row_stride + (ptrdiff_t)x * p->output_pixel_stride + o;
        if (p->output_f32)
          p->output_f32[at] = f;
        else
          p->output[at] = clamp_u8(f, p->output_zero_point);
      }
  }
}

void ssat_reference_modulation(const ssat_modulation_u8 *p) {
  int32_t map_height = p->height / p->upsample, map_width = p->width / p->upsample;
  for (int32_t y = p->first_row; y < p->end_row; y++) {
    const ssat_span span = ssat_span_of(p->spans, y, p->width);
    for (int32_t x = span.start; x < span.end; x++) {
      const uint8_t *in = p->input + (ptrdiff_t)y * p->input_row_stride + (ptrdiff_t)x * p->input_pixel_stride;
      uint8_t *out = p->output + (ptrdiff_t)y * p->output_row_stride + (ptrdiff_t)x * p->output_pixel_stride;
      const uint8_t *near, *side, *below, *corner;
      if (p->upsample == 2) {
        int32_t y0 = y / 2, x0 = x / 2, y1 = y0 + (y % 2 ? 1 : -1), x1 = x0 + (x % 2 ? 1 : -1);
        y1 = y1 < 0 ? 0 : y1 >= map_height ? map_height - 1 : y1;
        x1 = x1 < 0 ? 0 : x1 >= map_width ? map_width - 1 : x1;
        near = p->modulation + (ptrdiff_t)y0 * p->modulation_row_stride + (ptrdiff_t)x0 * p->modulation_pixel_stride;
        side = p->modulation + (ptrdiff_t)y0 * p->modulation_row_stride + (ptrdiff_t)x1 * p->modulation_pixel_stride;
        below = p->modulation + (ptrdiff_t)y1 * p->modulation_row_stride + (ptrdiff_t)x0 * p->modulation_pixel_stride;
        corner = p->modulation + (ptrdiff_t)y1 * p->modulation_row_stride + (ptrdiff_t)x1 * p->modulation_pixel_stride;
      } else {
        near = side = below = corner =
            p->modulation + (ptrdiff_t)y * p->modulation_row_stride + (ptrdiff_t)x * p->modulation_pixel_stride;
      }
      for (int32_t c = 0; c < p->channels; c++) {
        int32_t b = c + p->channels;
        int32_t gamma = near[c], beta = near[b];
        if (p->upsample == 2) {
          gamma = 9 * near[c] + 3 * side[c] + 3 * below[c] + corner[c];
          beta = 9 * near[b] + 3 * side[b] + 3 * below[b] + corner[b];
        }
        float n = (float)in[c] * p->scale[c] + p->shift[c];
        float g = (float)gamma * p->gamma_scale + p->gamma_offset;
        float f = n * g + ((float)beta * p->beta_scale + p->beta_offset);
        if (f < 0) f = f * p->negative_slope;
        out[c] = clamp_u8(f * p->output_inverse_scale, p->output_zero_point);
      }
    }
  }
}

// round(255 * exp(-d)). exp(-d) = 2^n * 2^f with n = round(-d / ln 2), |f| <= 1/2, 2^f by a polynomial of degree 5.
int32_t ssat_reference_probability(float d) {
  if (d > 20) return 0;
  float t = d * -1.44269504f;
  float n = nearbyintf(t);
  float f = t - n;
  float e = 1.33335581e-3f;
  e = e * f + 9.61812910e-3f;
  e = e * f + 5.55041087e-2f;
  e = e * f + 2.40226507e-1f;
  e = e * f + 6.93147181e-1f;
  e = e * f + 1.0f;
  union {
    uint32_t i;
    float f;
  } power = {.i = (uint32_t)((int32_t)n + 127) << 23};
  return (int32_t)nearbyintf(e * power.f * 255.0f);
}

// Packed reference: keys, then values, as they come.
size_t ssat_reference_packed_reference_size(int32_t count, int32_t value_channels) {
  return (size_t)count * (size_t)(64 + value_channels);
}

void ssat_reference_pack_reference(const int8_t *keys, const int8_t *values, int32_t count, int32_t value_channels, void *packed) {
  memcpy(packed, keys, (size_t)count * 64);
  memcpy((int8_t *)packed + (size_t)count * 64, values, (size_t)count * value_channels);
}

size_t ssat_reference_attention_scratch_size(int32_t count, int32_t value_channels) {
  return ((size_t)count + (size_t)value_channels) * sizeof(int32_t);
}

void ssat_reference_attention(const ssat_attention_s8 *p) {
  const int8_t *keys = p->reference, *values = keys + (size_t)p->reference_count * 64;
  int32_t *scores = p->scratch, *sums = scores + p->reference_count;
  for (int32_t q = 0; q < p->query_count; q++) {
    const int8_t *query = p->queries + (ptrdiff_t)q * 64;
    int32_t best = INT32_MIN;
    for (int32_t j = 0; j < p->reference_count; j++) {
      int32_t s = 0;
      for (int c = 0; c < 64; c++) s += (int32_t)query[c] * (int32_t)keys[(ptrdiff_t)j * 64 + c];
      scores[j] = s;
      if (s > best) best = s;
    }
    memset(sums, 0, (size_t)p->value_channels * sizeof(int32_t));
    int32_t total = 0;
    for (int32_t j = 0; j < p->reference_count; j++) {
      int32_t weight = ssat_reference_probability((float)(best - scores[j]) * p->temperature_scale);
      if (!weight) continue;
      total += weight;
      for (int32_t c = 0; c < p->value_channels; c++) sums[c] += weight * (int32_t)values[(ptrdiff_t)j * p->value_channels + c];
    }
    float *out = p->output + (ptrdiff_t)q * p->value_channels;
    for (int32_t c = 0; c < p->value_channels; c++) {
      float mean = (float)sums[c] / (float)total;
      out[c] = mean * p->value_scale[c] + p->value_offset[c];
    }
  }
}

static int64_t exercise(int64_t rounds) {
  int32_t sum[16] = {0}, value = 3, weight = 5;
  for (int64_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+r"(value), "+r"(weight));
    for (int i = 0; i < 16; i++) sum[i] += value * weight;
  }
  for (int i = 0; i < 16; i++) __asm__ volatile("" : : "r"(sum[i]));
  return rounds * 16;
}

const ssat_kernels ssat_reference_kernels = {
    .name = "reference",
    .packed_weights_size = ssat_reference_packed_weights_size,
    .pack_weights_s8 = ssat_reference_pack_weights,
    .convolution_u8 = ssat_reference_convolution,
    .modulation_u8 = ssat_reference_modulation,
    .packed_reference_size = ssat_reference_packed_reference_size,
    .pack_reference = ssat_reference_pack_reference,
    .attention_scratch_size = ssat_reference_attention_scratch_size,
    .attention_s8 = ssat_reference_attention,
    .exercise = exercise,
};
