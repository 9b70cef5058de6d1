"""Aligned crops of faces without parsing labels, parsed by FaceMesh: more canvases and more photographed looks for the pairs.

    python -m ssat_training.prepare_unlabelled --landmarks DIR --checkpoint MESH/last.pt --out DIR          (3 minutes on one core)

Writes what `ssat_training.prepare` writes, into a folder of its own: FaceMesh itself learns parsing from people's labels only.
A face where FaceMesh and the landmarks disagree is left out.
"""
import argparse
import glob
from pathlib import Path

import cv2
import numpy as np

from .alignment import frame_to_crop
from .prepare import MARGIN, SIZE, create, makeup_score
from .seen_pairs import network_of, predict
from .splits import held_out
from .uv_raster import rasterize

PACKS = ("bare_generated", "makeup_japanese_smokey", "makeup_references", "makeup_shmt", "makeup_without", "makeup_shmt_without")
# FaceMesh's classes to the label classes of the data.
LABELS = np.array([0, 1, 2, 4, 6, 8, 13, 11, 12, 10, 3], np.uint8)
LARGEST_DISAGREEMENT = 0.06  # mean landmark distance over the eyes' distance


def unlabelled(folder, packs=PACKS):
    for pack in packs:
        for path in sorted(glob.glob(f"{folder}/lab_{pack}_[0-9]*.npz")):
            with np.load(path) as f:
                yield from zip(map(str, f["names"]), f["lm"])


def align(path, landmarks):
    """Picture and landmarks of one face in its crop; grey where the picture ends, because a mirrored one would show more faces."""
    matrix = frame_to_crop(landmarks, SIZE, MARGIN)
    picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    picture = cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_AREA, borderValue=(128, 128, 128))
    points = landmarks.copy()
    points[:, :2] = landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return picture, points


def parse(network, picture, points):
    """Label classes of the whole crop, or None where FaceMesh sees another face than the landmarks."""
    border = (SIZE - 256) // 2
    seen, _, classes = predict(network, picture[None, border:-border, border:-border])
    eyes = np.linalg.norm(points[33, :2] - points[263, :2])
    if np.linalg.norm(seen[0] + border - points[:, :2], axis=1).mean() > LARGEST_DISAGREEMENT * eyes:
        return None
    return np.pad(LABELS[classes[0]], border, mode="edge")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("landmarks", "checkpoint", "out"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--packs", default=",".join(PACKS), help="folders of the data, with _ for /")
    p.add_argument("--held-out", action="store_true", help="validation people only")
    p.add_argument("--limit", type=int)
    o = p.parse_args()
    cv2.setNumThreads(1)
    network, rows = network_of(o.checkpoint), []
    found = [(n, l) for n, l in unlabelled(o.landmarks, o.packs.split(",")) if not o.held_out or held_out(n)]
    for name, landmarks in found[: o.limit]:
        picture, points = align(name, landmarks)
        parsing = parse(network, picture, points)
        if parsing is not None:
            rows.append((name, picture, parsing, points))
    maps = create(o.out, len(rows))
    score = np.full(len(rows), np.nan, np.float32)
    for i, (_, picture, parsing, points) in enumerate(rows):
        maps["pictures"][i], maps["parsing"][i], maps["uv"][i], maps["landmarks"][i] = picture, parsing, rasterize(points[:468], SIZE), points
        score[i] = makeup_score(picture, parsing, points)
    np.save(Path(o.out) / "names.npy", np.array([r[0] for r in rows]))
    np.save(Path(o.out) / "score.npy", score)
    print(f"{len(rows)} faces, {int(np.isfinite(score).sum())} with a score")


if __name__ == "__main__":
    main()
