"""Painted pictures, unwrapped as the filter unwraps a reference, ready-made for `train_paint_estimator`.

    python -m ssat_training.painted_faces --prepared DIR,UNLABELLED --checkpoint MESH/last.pt --refiner REFINER/last.pt --out DIR [--count 8000] [--shard 0]          (80 ms a face)

A look that is painted on texels lies on whole texels, its place exact. Painted on a picture it ends softly where the lips do, is sampled and softened,
and lies where FaceMesh and MeshRefiner say it does. Writes painted_SHARD.npz into the folder of the textures: colours n x 64 x 64 x 3 bytes and shows
n x 64 x 64 x 2, as of the faces there; looks n x 64 x 64 x 8 bytes (0 to 255), where they lie by the exact mesh.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from .face_texture import SIZE, unwrap
from .painted_makeup import paint, random_makeup
from .painted_textures import on_texels
from .pairs import Faces
from .refined import refiner_of
from .seen_pairs import AT_ONCE, network_of, predict, uv_maps
from .seen_paint import LABELS

BARE_SHARE = 0.1
NOISE = 3  # of 255, at most


def painted(faces, random):
    """A bare face of the training under a look, and the look."""
    picture, parsing, uv, _ = faces.load(random.choice(faces.bare), random)
    if random.random() < BARE_SHARE:
        return picture, np.zeros((SIZE, SIZE, 8), np.float32)
    makeup = random_makeup(random)
    return paint(picture, parsing, uv, makeup), on_texels(makeup)


def photographed(picture, random):
    noisy = picture * 255 + random.normal(0, random.uniform(0, NOISE), picture.shape)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True)
    p.add_argument("--checkpoint", required=True, help="FaceMesh's")
    p.add_argument("--refiner", required=True, help="MeshRefiner's checkpoint")
    p.add_argument("--out", required=True)
    p.add_argument("--count", type=int, default=8000)
    p.add_argument("--shard", type=int, default=0)
    p.add_argument("--held-out", action="store_true")
    o = p.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    faces, random = Faces(o.prepared, o.held_out), np.random.default_rng(700 + o.shard)
    mesh, refiner = network_of(o.checkpoint), refiner_of(o.refiner)
    arrays = {"colours": (3, np.uint8), "shows": (2, np.uint8), "looks": (8, np.uint8)}
    arrays = {name: np.zeros((o.count, SIZE, SIZE, channels), dtype) for name, (channels, dtype) in arrays.items()}
    for start in range(0, o.count, AT_ONCE):
        rows = range(start, min(start + AT_ONCE, o.count))
        made = [painted(faces, random) for _ in rows]
        pictures = np.stack([photographed(picture, random) for picture, _ in made])
        points, _, classes = predict(mesh, pictures, refiner)
        for row, face, (_, look) in zip(rows, zip(pictures, LABELS[classes], uv_maps(points), points), made):
            arrays["colours"][row], arrays["shows"][row] = unwrap(*face)
            arrays["looks"][row] = look * 255 + 0.5
    np.savez(Path(o.out) / f"painted_{'held_out' if o.held_out else o.shard}.npz", **arrays)
    print(o.count, "painted faces")


if __name__ == "__main__":
    main()
