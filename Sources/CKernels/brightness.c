// How bright a picture is where it is brightest, counted by value.
#include "CKernelsPicture.h"

enum { VALUES = 256, SIDE = 256, STEP = 2, BRIGHT_OF = 10 };

static void note(int32_t counts[][VALUES], const uint8_t *rgb, int luma) {
  for (int c = 0; c < 3; c++) counts[c][rgb[c]]++;
  counts[3][luma]++;
}

// Mean, 0 to 1, of the tenth that has the largest values; 0 of none.
static float mean_of_brightest(const int32_t counts[VALUES]) {
  int32_t count = 0, sum = 0;
  for (int v = 0; v < VALUES; v++) count += counts[v];
  if (count == 0) return 0;
  int32_t wanted = count < BRIGHT_OF ? 1 : count / BRIGHT_OF, left = wanted;
  for (int v = VALUES - 1; left > 0; v--) {
    int32_t taken = counts[v] < left ? counts[v] : left;
    sum += taken * v;
    left -= taken;
  }
  return (float)sum / (float)(wanted * 255);
}

void ssat_measure_brightness(const uint8_t *rgb, const uint8_t *classes, const uint8_t groups[16], float *brightest) {
  int32_t counts[14][VALUES] = {0};
  for (int y = 0; y < SIDE; y += STEP)
    for (int i = y * SIDE; i < (y + 1) * SIDE; i += STEP) {
      const uint8_t *p = rgb + i * 3, group = groups[classes[i] & 15];
      int luma = (77 * p[0] + 150 * p[1] + 29 * p[2] + 128) >> 8;
      int largest = p[0] > p[1] ? p[0] : p[1], least = p[0] < p[1] ? p[0] : p[1];
      note(counts, p, luma);
      if (group & 1) note(counts + 4, p, luma);
      if (group & 2) note(counts + 8, p, luma);
      int chroma = (largest > p[2] ? largest : p[2]) - (least < p[2] ? least : p[2]);
      counts[12][chroma]++;
      if (group & 1) counts[13][chroma]++;
    }
  for (int k = 0; k < 14; k++) brightest[k] = mean_of_brightest(counts[k]);
}
