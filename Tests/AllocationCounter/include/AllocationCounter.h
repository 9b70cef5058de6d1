#pragma once
#include <stdint.h>

/// How often this thread has asked for memory (malloc and its kin) since it began. Counted for every program that links this.
uint64_t ssat_allocations(void);
