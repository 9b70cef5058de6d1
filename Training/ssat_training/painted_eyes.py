"""Painted pictures' eyes, unwrapped finely, with what PaintEstimator finds there, ready-made for `train_eye_paint_estimator`.

    python -m ssat_training.painted_eyes --prepared DIR,UNLABELLED --checkpoint MESH --refiner REFINER --estimator PAINT --out DIR [--count 4000] [--shard 0]

Writes eyes_SHARD.npz, two rows a face: colours, skin (its share of a texel's pixels; 0 where it is not seen), believed and truth (opacity, and colour
times it), all bytes; mean (of the skin, 0 to 1); and bare, lit: the same face without paint at the exact mesh, and how its light shows on paint (128 is 1).
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from . import eye_texture
from .eye_texture import CENTRES, HEIGHT, SIDES, WIDTH, as_windows, skin_share
from .painted_faces import photographed
from .painted_makeup import LUMA, paint, random_makeup, sample
from .pairs import Faces
from .refined import refiner_of
from .seen_paint import LABELS, estimator_of, found
from .seen_pairs import AT_ONCE, network_of, predict, uv_maps

BARE_SHARE = 0.1
FIELDS = {"colours": 3, "skin": 1, "believed": 4, "truth": 4, "bare": 3, "lit": 1}


def on_paint(picture, parsing):
    """How the light of a face shows on paint: h x w x 1, as `painted_makeup.paint`."""
    luma, skin = picture @ LUMA, skin_share(parsing)
    around = cv2.GaussianBlur(luma, (0, 0), 6)
    shading = np.clip(around / max((luma * skin).sum() / max(skin.sum(), 1), 0.05), 0.5, 1.6) ** 0.5
    return (np.clip(luma / np.maximum(around, 0.02), 0.5, 1.8) ** 0.7 * shading)[..., None]


def premultiplied(rgba):
    return np.dstack([rgba[..., 3:], rgba[..., :3] * rgba[..., 3:]])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("prepared", "checkpoint", "refiner", "estimator", "out"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--count", type=int, default=4000)
    p.add_argument("--shard", type=int, default=0)
    p.add_argument("--held-out", action="store_true")
    o = p.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    faces, random = Faces(o.prepared, o.held_out), np.random.default_rng(900 + o.shard)
    mesh, refiner, estimator = network_of(o.checkpoint), refiner_of(o.refiner), estimator_of(o.estimator)
    out = {name: np.zeros((2 * o.count, HEIGHT, WIDTH, c), np.uint8) for name, c in FIELDS.items()} | {"mean": np.zeros((2 * o.count, 3), np.float32)}
    byte = lambda x: np.clip(x * 255 + 0.5, 0, 255)
    for start in range(0, o.count, AT_ONCE):
        rows = range(start, min(start + AT_ONCE, o.count))
        sources = [faces.load(random.choice(faces.bare), random) for _ in rows]
        looks = [random_makeup(random) if random.random() >= BARE_SHARE else None for _ in rows]
        pictures = np.stack([photographed(paint(f[0], f[1], f[2], look) if look else f[0], random) for f, look in zip(sources, looks)])
        points, _, classes = predict(mesh, pictures, refiner)
        uv = uv_maps(points)
        textures, _, means = found(estimator, pictures, classes, uv, points)
        for k, row in enumerate(rows):
            picture, parsing, true_uv, landmarks = sources[k]
            exact = np.dstack([picture, skin_share(parsing), on_paint(picture, parsing)])
            seen = np.dstack([pictures[k].astype(np.float32) / 255, skin_share(LABELS[classes[k]])])
            windows = as_windows(textures[k].numpy())
            for side in SIDES:
                i = 2 * row + side
                maps, facing = eye_texture.unwrap(seen, uv[k], points[k], side)
                out["colours"][i], out["skin"][i] = byte(maps[..., :3]), byte(maps[..., 3:] * facing[..., None])
                out["believed"][i], out["mean"][i] = byte(windows[side]), means[k]
                if looks[k]:
                    out["truth"][i] = byte(sample(premultiplied(looks[k][0]), CENTRES[side].astype(np.float32)))
                maps, facing = eye_texture.unwrap(exact, np.asarray(true_uv, np.float32), landmarks, side)
                out["bare"][i], out["lit"][i] = byte(maps[..., :3]), np.clip(maps[..., 4:] * 128 * (facing[..., None] & (maps[..., 3:4] > 0.7)), 0, 255)
    np.savez(Path(o.out) / f"eyes_{'held_out' if o.held_out else o.shard}.npz", **out)
    print(2 * o.count, "painted eyes")


if __name__ == "__main__":
    main()
