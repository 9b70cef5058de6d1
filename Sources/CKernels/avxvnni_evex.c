// The kernels of avxvnni.c in the encoding of AVX-512, for machines that have VNNI in that one only: what SSAT_CPU=avxvnni and the
// tests run there.
#if defined(__x86_64__)
#define VNNI __attribute__((target("avx2,avx512vl,avx512vnni")))
#define DOT _mm256_dpbusd_epi32
#define TABLE ssat_avxvnni_evex_kernels
#include "vnni256.h"
#endif
