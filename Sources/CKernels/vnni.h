// How weights, keys and values are packed for the kernels of VNNI: sixteen lanes of four bytes, one register of 512 bits or two
// of 256.
#ifndef SSAT_VNNI_H
#define SSAT_VNNI_H

#include <string.h>

#include "reference.h"

// Packed as [output / 16][ky][kx][input / 4][16][4].
static void pack_weights(const int8_t *weights, int32_t outputs, int32_t kernel, int32_t inputs, void *packed) {
  int32_t taps = kernel * kernel;
  for (int32_t o = 0; o < outputs; o++)
    for (int32_t t = 0; t < taps; t++)
      for (int32_t c = 0; c < inputs; c++)
        ((int8_t *)packed)[((((ptrdiff_t)(o / 16) * taps + t) * (inputs / 4) + c / 4) * 16 + o % 16) * 4 + c % 4] =
            weights[((ptrdiff_t)o * taps + t) * inputs + c];
}

// Packed reference, in groups of 16 positions: keys as [group][16 quads of channels][16 positions][4], their sums (times 128)
// as s32, then values as [group][4 quads of positions][value channels][4]. Padding has p = 0.
static int32_t groups(int32_t count) { return (count + 15) / 16; }

static size_t packed_reference_size(int32_t count, int32_t value_channels) {
  return (size_t)groups(count) * (16 * 64 + 16 * sizeof(int32_t) + 16 * (size_t)value_channels);
}

static void pack_reference(const int8_t *keys, const int8_t *values, int32_t count, int32_t value_channels, void *packed) {
  memset(packed, 0, packed_reference_size(count, value_channels));
  int8_t *k = packed;
  int32_t *sums = (int32_t *)(k + (size_t)groups(count) * 1024);
  int8_t *v = (int8_t *)(sums + (size_t)groups(count) * 16);
  for (int32_t j = 0; j < count; j++) {
    int32_t sum = 0;
    for (int c = 0; c < 64; c++) {
      k[(size_t)(j / 16) * 1024 + (c / 4) * 64 + (j % 16) * 4 + c % 4] = keys[(ptrdiff_t)j * 64 + c];
      sum += keys[(ptrdiff_t)j * 64 + c];
    }
    sums[j] = 128 * sum;
    for (int32_t c = 0; c < value_channels; c++)
      v[((size_t)(j / 4) * value_channels + c) * 4 + j % 4] = values[(ptrdiff_t)j * value_channels + c];
  }
}

static size_t attention_scratch_size(int32_t count, int32_t value_channels) {
  (void)value_channels;
  return (size_t)groups(count) * 16 * (sizeof(int32_t) + 1) * 4 + 64;
}

#endif
