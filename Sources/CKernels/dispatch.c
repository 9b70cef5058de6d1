// Which table this machine can run. Built without instruction-set flags, so that asking is always safe.
#include "reference.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdbool.h>

static uint64_t enabled_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return ((uint64_t)high << 32) | low;
}

static bool has_avx2(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return false;
  if ((enabled_state() & 0x6) != 0x6) return false;  // the system saves xmm and ymm
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

// Of a machine that has AVX2, as below. Only where leaf 7 has a second part.
static bool has_avxvnni(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || a < 1) return false;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bit_AVXVNNI);
}

static bool has_avx512vnni(void) {
  uint32_t a, b, c, d, wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & wanted) != wanted || !(c & bit_AVX512VNNI)) return false;
  return (enabled_state() & 0xe6) == 0xe6;  // the system saves the mask registers and all of zmm
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

enum { hwcap_dot_product = 1 << 20 };  // HWCAP_ASIMDDP
#endif

ssat_level ssat_detect_level(void) {
#if defined(__x86_64__)
  if (!has_avx2()) return SSAT_LEVEL_REFERENCE;
  if (has_avx512vnni()) return SSAT_LEVEL_AVX512VNNI;
  return has_avxvnni() ? SSAT_LEVEL_AVXVNNI : SSAT_LEVEL_AVX2;
#elif defined(__aarch64__)
  return getauxval(AT_HWCAP) & hwcap_dot_product ? SSAT_LEVEL_NEON : SSAT_LEVEL_REFERENCE;
#else
  return SSAT_LEVEL_REFERENCE;
#endif
}

const ssat_kernels *ssat_kernels_for_level(ssat_level level) {
  if (level > ssat_detect_level()) return 0;
  switch (level) {
    case SSAT_LEVEL_REFERENCE: return &ssat_reference_kernels;
#if defined(__x86_64__)
    case SSAT_LEVEL_AVX2: return &ssat_avx2_kernels;
    // A machine of a higher level may have AVX-512's encoding only.
    case SSAT_LEVEL_AVXVNNI: return has_avxvnni() ? &ssat_avxvnni_kernels : &ssat_avxvnni_evex_kernels;
    case SSAT_LEVEL_AVX512VNNI: return &ssat_avx512vnni_kernels;
#elif defined(__aarch64__)
    case SSAT_LEVEL_NEON: return &ssat_neon_kernels;
#endif
    default: return 0;
  }
}
