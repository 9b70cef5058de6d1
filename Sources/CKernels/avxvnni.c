// 256-bit VNNI without AVX-512 (Intel since Alder Lake): the VEX encoding. Not one instruction of another may get in here.
#if defined(__x86_64__)
#define VNNI __attribute__((target("avx2,avxvnni")))
#define DOT _mm256_dpbusd_avx_epi32
#define TABLE ssat_avxvnni_kernels
#include "vnni256.h"
#endif
