#include "CKernels.h"
ssat_level ssat_detect_level(void) { return SSAT_LEVEL_REFERENCE; }
