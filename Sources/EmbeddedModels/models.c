// The trained networks, embedded with C23 #embed: the binary needs no files beside it.
#define _DEFAULT_SOURCE
#include "EmbeddedModels.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static const unsigned char face_detector_bytes[] = {
#embed "../../Models/face_detector.safetensors"
};
static const unsigned char face_detector_float_bytes[] = {
#embed "../../Models/face_detector.float.safetensors"
};
static const unsigned char face_mesh_bytes[] = {
#embed "../../Models/face_mesh.safetensors"
};
static const unsigned char face_mesh_float_bytes[] = {
#embed "../../Models/face_mesh.float.safetensors"
};
static const unsigned char mesh_refiner_bytes[] = {
#embed "../../Models/mesh_refiner.safetensors"
};
static const unsigned char mesh_refiner_float_bytes[] = {
#embed "../../Models/mesh_refiner.float.safetensors"
};
static const unsigned char ssat_live_bytes[] = {
#embed "../../Models/ssat_live.safetensors"
};
static const unsigned char ssat_live_float_bytes[] = {
#embed "../../Models/ssat_live.float.safetensors"
};
static const unsigned char paint_estimator_bytes[] = {
#embed "../../Models/paint_estimator.safetensors"
};
static const unsigned char eye_paint_estimator_bytes[] = {
#embed "../../Models/eye_paint_estimator.safetensors"
};
static const unsigned char light_estimator_bytes[] = {
#embed "../../Models/light_estimator.safetensors"
};
static const unsigned char canonical_mesh_bytes[] = {
#embed "../../Models/canonical_mesh.safetensors"
};

#define ENTRY(name) {name##_bytes, sizeof name##_bytes}
static const ssat_model models[] = {
    ENTRY(face_detector), ENTRY(face_detector_float), ENTRY(face_mesh), ENTRY(face_mesh_float),
    ENTRY(mesh_refiner),  ENTRY(mesh_refiner_float),  ENTRY(ssat_live), ENTRY(ssat_live_float),
    ENTRY(paint_estimator), ENTRY(eye_paint_estimator), ENTRY(light_estimator), ENTRY(canonical_mesh),
};

ssat_model ssat_embedded_model(ssat_model_name name) { return models[name]; }

void ssat_release_models(void) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    const uintptr_t start = (uintptr_t)models[i].bytes;
    const uintptr_t first = (start + page - 1) / page * page, end = (start + models[i].size) / page * page;
    if (first < end) madvise((void *)first, end - first, MADV_DONTNEED);
  }
  malloc_trim(0);
}
