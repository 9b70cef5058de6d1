// Functions compiled twice where the compiler can: the same C, without contraction, so the same bits.
#ifndef SSAT_CLONES_H
#define SSAT_CLONES_H

#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("default", "avx2")))
#else
#define CLONES
#endif

#endif
