// Kernels against the reference, bit for bit, on random shapes, with guarded buffers: those of this machine, or of the table that is
// named. Built for Arm and run by qemu-user (run.sh), and with rewritten code (../AVXVNNI); else the Swift tests do the same.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../Sources/CKernels/reference.h"

static uint64_t state = 42;

static uint32_t random_word(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

static int between(int low, int high) { return low + (int)(random_word() % (uint32_t)(high - low + 1)); }
static float uniform(float low, float high) { return low + (high - low) * (float)(random_word() % 100001) / 100000; }

enum { guard = 64, canary = 0xA5 };
static int failures;

/// Memory with canaries around it.
static void *guarded(size_t size) {
  unsigned char *p = malloc(size + 2 * guard);
  memset(p, canary, size + 2 * guard);
  return p + guard;
}

static void release(void *pointer, size_t size, const char *what) {
  unsigned char *p = (unsigned char *)pointer - guard;
  for (size_t i = 0; i < guard; i++)
    if (p[i] != canary || p[guard + size + i] != canary) {
      printf("FAIL %s wrote outside its buffer\n", what);
      failures++;
      break;
    }
  free(p);
}

static void *random_bytes(size_t size) {
  unsigned char *p = guarded(size);
  for (size_t i = 0; i < size; i++) p[i] = (unsigned char)random_word();
  return p;
}

static float *random_floats(int count, float low, float high) {
  float *p = guarded((size_t)count * 4);
  for (int i = 0; i < count; i++) p[i] = uniform(low, high);
  return p;
}

static void same(const void *a, const void *b, size_t size, const char *what) {
  if (memcmp(a, b, size)) {
    printf("FAIL %s differs from the reference\n", what);
    failures++;
  }
}

// Sometimes none: the end before the start.
static void random_spans(ssat_span spans[16], int width) {
  for (int i = 0; i < 16; i++) spans[i].start = (int16_t)between(0, width), spans[i].end = (int16_t)between(0, width);
}

static void convolution(const ssat_kernels *k) {
  const int kernels[] = {1, 3, 8};
  int kernel = kernels[between(0, 2)], stride = kernel == 3 ? between(1, 2) : 1, pad = kernel == 3;
  int width = between(1, 19), height = between(1, 5), inputs = 16 * between(1, 4), outputs = 16 * between(1, 3);
  int in_width = width * stride + kernel, in_height = height * stride + kernel;
  size_t weight_count = (size_t)outputs * kernel * kernel * inputs, in_size = (size_t)in_width * in_height * inputs;
  size_t out_count = (size_t)width * height * outputs;
  uint8_t *input = random_bytes(in_size), *residual = random_bytes(out_count);
  int8_t *weights = random_bytes(weight_count);
  int32_t *bias = guarded((size_t)outputs * 4);
  for (int i = 0; i < outputs; i++) bias[i] = between(-200000, 200000);
  float *multiplier = random_floats(outputs, 1e-5f, 4e-3f);
  int floats = between(0, 1);
  size_t out_size = out_count * (floats ? 4 : 1);
  uint8_t *out[2] = {guarded(out_size), guarded(out_size)};
  memset(out[0], 0, out_size), memset(out[1], 0, out_size);
  const ssat_kernels *tables[2] = {&ssat_reference_kernels, k};
  int with_residual = between(0, 1);
  float slope = (float[]){0, 0.1f, 1}[between(0, 2)], residual_scale = uniform(0.1f, 3);
  int zero = between(0, 255), residual_zero = between(0, 255);
  ssat_span spans[16];
  random_spans(spans, width);
  const int with_spans = between(0, 1);
  for (int i = 0; i < 2; i++) {
    size_t packed_size = tables[i]->packed_weights_size(outputs, kernel, inputs);
    void *packed = guarded(packed_size);
    tables[i]->pack_weights_s8(weights, outputs, kernel, inputs, packed);
    ssat_convolution_u8 p = {
        .input = input + ((size_t)pad * in_width + pad) * inputs, .input_row_stride = in_width * inputs, .input_pixel_stride = inputs,
        .input_channels = inputs, .kernel = kernel, .stride = stride, .pad = pad, .weights = packed, .bias = bias, .multiplier = multiplier,
        .residual = with_residual ? residual : 0, .residual_row_stride = width * outputs, .residual_pixel_stride = outputs,
        .residual_zero_point = residual_zero, .residual_scale = residual_scale, .negative_slope = slope, .output_width = width,
        .output_height = height, .output_channels = outputs, .output = floats ? 0 : out[i], .output_f32 = floats ? (float *)out[i] : 0,
        .output_row_stride = width * outputs, .output_pixel_stride = outputs, .output_zero_point = zero,
        .spans = with_spans ? spans : 0};
    tables[i]->convolution_u8(&p);
    release(packed, packed_size, "pack_weights");
  }
  same(out[0], out[1], out_size, "convolution");
  for (int i = 0; i < 2; i++) release(out[i], out_size, "convolution");
  release(input, in_size, "convolution"), release(residual, out_count, "convolution"), release(weights, weight_count, "convolution");
  release(bias, (size_t)outputs * 4, "convolution"), release(multiplier, (size_t)outputs * 4, "convolution");
}

static void modulation(const ssat_kernels *k) {
  int upsample = between(1, 2), width = 2 * between(1, 8), height = 2 * between(1, 5), channels = 16 * between(1, 4);
  int map_width = width / upsample, map_height = height / upsample;
  size_t size = (size_t)width * height * channels, map_size = (size_t)map_width * map_height * channels * 2;
  uint8_t *input = random_bytes(size), *map = random_bytes(map_size), *out[2] = {guarded(size), guarded(size)};
  memset(out[0], 0, size), memset(out[1], 0, size);
  float *scale = random_floats(channels, -0.05f, 0.05f), *shift = random_floats(channels, -3, 3);
  const ssat_kernels *tables[2] = {&ssat_reference_kernels, k};
  ssat_span spans[16];
  random_spans(spans, width);
  ssat_modulation_u8 p = {
      .input = input, .input_row_stride = width * channels, .input_pixel_stride = channels, .modulation = map,
      .modulation_row_stride = map_width * channels * 2, .modulation_pixel_stride = channels * 2, .upsample = upsample, .scale = scale, .shift = shift,
      .gamma_scale = uniform(0.001f, 0.02f), .gamma_offset = uniform(-1, 1), .beta_scale = uniform(0.001f, 0.02f), .beta_offset = uniform(-1, 1),
      .negative_slope = 0.1f, .output_inverse_scale = uniform(1, 40), .width = width, .height = height, .end_row = height, .channels = channels,
      .output_row_stride = width * channels, .output_pixel_stride = channels, .output_zero_point = between(0, 255), .spans = between(0, 1) ? spans : 0};
  for (int i = 0; i < 2; i++) {
    p.output = out[i];
    tables[i]->modulation_u8(&p);
  }
  same(out[0], out[1], size, "modulation");
  for (int i = 0; i < 2; i++) release(out[i], size, "modulation");
  release(input, size, "modulation"), release(map, map_size, "modulation");
  release(scale, (size_t)channels * 4, "modulation"), release(shift, (size_t)channels * 4, "modulation");
}

static void attention(const ssat_kernels *k) {
  int queries = between(1, 9), count = between(1, 70), channels = 16 * between(1, 5);
  int8_t *query = random_bytes((size_t)queries * 64), *keys = random_bytes((size_t)count * 64), *values = random_bytes((size_t)count * channels);
  float *scale = random_floats(channels, 0, 0.1f), *offset = random_floats(channels, -1, 1);
  size_t out_size = (size_t)queries * channels * 4;
  uint8_t *out[2] = {guarded(out_size), guarded(out_size)};
  const ssat_kernels *tables[2] = {&ssat_reference_kernels, k};
  float temperature = uniform(1e-5f, 1e-3f);
  for (int i = 0; i < 2; i++) {
    size_t packed_size = tables[i]->packed_reference_size(count, channels), scratch_size = tables[i]->attention_scratch_size(count, channels);
    void *packed = guarded(packed_size), *scratch = guarded(scratch_size);
    tables[i]->pack_reference(keys, values, count, channels, packed);
    ssat_attention_s8 p = {.queries = query, .query_count = queries, .reference = packed, .reference_count = count,
                           .temperature_scale = temperature, .value_channels = channels, .value_scale = scale, .value_offset = offset,
                           .output = (float *)out[i], .scratch = scratch};
    tables[i]->attention_s8(&p);
    release(packed, packed_size, "pack_reference"), release(scratch, scratch_size, "attention's scratch");
  }
  same(out[0], out[1], out_size, "attention");
  for (int i = 0; i < 2; i++) release(out[i], out_size, "attention");
  release(query, (size_t)queries * 64, "attention"), release(keys, (size_t)count * 64, "attention");
  release(values, (size_t)count * channels, "attention"), release(scale, (size_t)channels * 4, "attention");
  release(offset, (size_t)channels * 4, "attention");
}

static const ssat_kernels *best_table(const char *name) {
  for (int level = (int)ssat_detect_level(); level > SSAT_LEVEL_REFERENCE; level--) {
    const ssat_kernels *k = ssat_kernels_for_level((ssat_level)level);
    if (k && (!name || !strcmp(name, k->name))) return k;
  }
  return 0;
}

int main(int argc, char **argv) {
  const ssat_kernels *k = best_table(argc > 1 ? argv[1] : 0);
  if (!k) {
    printf("FAIL this processor lacks the instructions\n");
    return 1;
  }
  for (int i = 0; i < 300; i++) convolution(k), modulation(k), attention(k);
  printf("%s: 300 convolutions, modulations and attentions, %d failures\n", k->name, failures);
  return failures > 0;
}
