/// The files of Models/, inside the binary.
#ifndef SSAT_EMBEDDED_MODELS_H
#define SSAT_EMBEDDED_MODELS_H

#include <stddef.h>

typedef enum {
  SSAT_MODEL_FACE_DETECTOR,
  SSAT_MODEL_FACE_DETECTOR_FLOAT,
  SSAT_MODEL_FACE_MESH,
  SSAT_MODEL_FACE_MESH_FLOAT,
  SSAT_MODEL_MESH_REFINER,
  SSAT_MODEL_MESH_REFINER_FLOAT,
  SSAT_MODEL_SSAT_LIVE,
  SSAT_MODEL_SSAT_LIVE_FLOAT,
  SSAT_MODEL_PAINT_ESTIMATOR,
  SSAT_MODEL_EYE_PAINT_ESTIMATOR,
  SSAT_MODEL_LIGHT_ESTIMATOR,
  SSAT_MODEL_CANONICAL_MESH,
} ssat_model_name;

typedef struct {
  const unsigned char *bytes;
  size_t size;
} ssat_model;

ssat_model ssat_embedded_model(ssat_model_name name);

/// Lets go of the memory that reading the networks took, and of what was freed since: what is used of them has been copied by then. Read again, they
/// come from the file again. Any thread.
void ssat_release_models(void);

#endif
