"""Unwrapped faces and unwrapped painted looks, ready-made for `train_paint_estimator`.

    python -m ssat_training.painted_textures --prepared DIR,UNLABELLED --out DIR [--looks 16000]          (3 minutes)

Writes faces.npz and faces_held_out.npz (colours n x 64 x 64 x 3 bytes, shows n x 64 x 64 x 2: skin and lips; bare faces with enough skin to see),
looks.npy and looks_held_out.npy (n x 64 x 64 x 8: opacity and colour times it, of the skin, then of the lips).
"""
import argparse
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

from .face_texture import SIZE, as_texture, unwrap
from .painted_makeup import random_makeup
from .pairs import Faces

LEAST_SKIN = 0.2  # of all texels
AT_ONCE = 500  # looks of one seed


def unwrapped(faces):
    colours, shows = [], []
    for index in faces.bare:
        seen, mask = unwrap(faces.pictures[index], *(np.asarray(x[index]) for x in (faces.parsing, faces.uv, faces.landmarks)))
        if mask[..., 0].mean() > LEAST_SKIN:
            colours.append(seen)
            shows.append(mask)
    return np.stack(colours), np.stack(shows)


def on_texels(makeup):
    """Opacity, and colour times it, of the skin, then of the lips: SIZE x SIZE x 8."""
    return np.dstack([as_texture(np.dstack([rgba[..., 3], rgba[..., :3] * rgba[..., 3:]])) for rgba in makeup])


def looks(seed):
    random = np.random.default_rng(seed)
    return np.stack([on_texels(random_makeup(random)) for _ in range(AT_ONCE)]).astype(np.float16)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--looks", type=int, default=16000)
    o = p.parse_args()
    cv2.setNumThreads(1)
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    for name, held_out in (("faces", False), ("faces_held_out", True)):
        colours, shows = unwrapped(Faces(o.prepared.split(",")[0] if held_out else o.prepared, held_out))
        np.savez(out / f"{name}.npz", colours=colours, shows=shows)
        print(name, len(colours))
    with Pool(2) as pool:
        np.save(out / "looks.npy", np.concatenate(pool.map(looks, range(1000, 1000 + max(1, o.looks // AT_ONCE)))))
    np.save(out / "looks_held_out.npy", looks(77))


if __name__ == "__main__":
    main()
