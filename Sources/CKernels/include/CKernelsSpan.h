#ifndef SSAT_CKERNELS_SPAN_H
#define SSAT_CKERNELS_SPAN_H

#include <stdint.h>

/// The columns of one row of an output that are wanted: start to end, end not among them; none where end <= start.
typedef struct {
  int16_t start, end;
} ssat_span;

#endif
