"""Writes the canonical mesh, and the eye zone of its UV plane, for the binary: python -m ssat_training.export_mesh ../Models"""
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from .face_zones import EYE_ZONE, MESH

mesh = np.load(MESH)
save_file(
    {
        "uv": mesh["uv"].astype(np.float32), "position": mesh["position"].astype(np.float32), "triangles": mesh["triangles"].astype(np.int32),
        "mirror": mesh["mirror"].astype(np.int32), "eye_zone": np.round(EYE_ZONE * 255).astype(np.uint8),
    },
    Path(sys.argv[1]) / "canonical_mesh.safetensors",
    {"format": "ssat-live 1", "network": "canonical_mesh", "licence": "Apache-2.0"},
)
