"""Aligned crops of the labelled faces, ready to be mapped into memory, and how much makeup each face wears.

    python -m ssat_training.prepare --landmarks DIR --out DIR                    (1.5 minutes for 4,961 faces on one core)

Writes pictures (n x 288 x 288 x 3, R'G'B' bytes), parsing (n x 288 x 288, label classes of the data), uv (n x 288 x 288 x 2,
f16, -1 outside the mesh), landmarks (n x 478 x 3, crop pixels), names, score (n, higher: more makeup; NaN: not measurable).
The crop is that of the networks at 288 / 256 of its size, so that augmentation has a border to move in.
"""
import argparse
import glob
from pathlib import Path

import cv2
import numpy as np

from .alignment import frame_to_crop
from .face_zones import LEFT_EYE, RIGHT_EYE
from .uv_raster import rasterize

SIZE = 288
MARGIN = 1.5 * SIZE / 256
LIDS = ([33, 246, 161, 160, 159, 158, 157, 173, 133, 243, 190, 56, 28, 27, 29, 30, 247, 130],
        [263, 466, 388, 387, 386, 385, 384, 398, 362, 463, 414, 286, 258, 257, 259, 260, 467, 359])
CHEEKS = ([50, 101, 36, 205, 187, 123], [280, 330, 266, 425, 411, 352])


def labelled(folder):
    files = [np.load(f) for f in sorted(glob.glob(f"{folder}/lab_[0-9]*.npz"))]
    names, points = np.concatenate([f["names"] for f in files]), np.concatenate([f["lm"] for f in files])
    order = np.argsort(names)
    return names[order], points[order]


def align(path, landmarks):
    """Picture, parsing, UV and landmarks of one face in its crop."""
    matrix = frame_to_crop(landmarks, SIZE, MARGIN)
    picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    label = cv2.imread(path.replace("images", "labels").replace(".jpg", ".png"), cv2.IMREAD_GRAYSCALE)
    picture = cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
    parsing = cv2.warpAffine(label, matrix, (SIZE, SIZE), flags=cv2.INTER_NEAREST)
    points = landmarks.copy()
    points[:, :2] = landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return picture, parsing, rasterize(points[:468], SIZE), points


def makeup_score(picture, parsing, landmarks):
    """Lips redder and darker than the skin, lids darker and more coloured, cheeks redder. Top third: mostly made up; lower half: mostly bare."""
    colours = cv2.cvtColor(picture[::2, ::2].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    classes, points = parsing[::2, ::2], (landmarks[:, :2] / 2).astype(np.int32)

    def inside(*rings):
        mask = np.zeros(classes.shape, np.uint8)
        for ring in rings:
            cv2.fillPoly(mask, [points[ring]], 1)
        return mask > 0

    skin, lips = np.isin(classes, (1, 2)), np.isin(classes, (11, 12))
    lids, cheeks = inside(*LIDS) & ~inside(RIGHT_EYE, LEFT_EYE) & skin, inside(*CHEEKS) & skin
    if skin.sum() < 200 or lips.sum() < 15 or lids.sum() < 15:
        return np.nan
    base = np.median(colours[skin], 0)
    lip, lid = np.median(colours[lips], 0) - base, np.median(colours[lids], 0) - base
    cheek = (np.median(colours[cheeks], 0) - base)[1] if cheeks.sum() > 15 else 0
    return lip[1] / 8 - lip[0] / 20 - lid[0] / 8 + np.linalg.norm(lid[1:]) / 10 + cheek / 6


def create(folder, n):
    """The memory-mapped arrays of `n` faces."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    arrays = {
        "pictures": (np.uint8, (n, SIZE, SIZE, 3)), "parsing": (np.uint8, (n, SIZE, SIZE)), "uv": (np.float16, (n, SIZE, SIZE, 2)),
        "landmarks": (np.float32, (n, 478, 3)),
    }
    return {k: np.lib.format.open_memmap(Path(folder) / f"{k}.npy", "w+", dtype, shape) for k, (dtype, shape) in arrays.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--landmarks", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--limit", type=int)
    o = p.parse_args()
    names, landmarks = labelled(o.landmarks)
    names, landmarks = names[: o.limit], landmarks[: o.limit]
    n = len(names)
    maps = create(o.out, n)
    score = np.full(n, np.nan, np.float32)
    for i in range(n):
        maps["pictures"][i], maps["parsing"][i], maps["uv"][i], maps["landmarks"][i] = align(str(names[i]), landmarks[i])
        score[i] = makeup_score(maps["pictures"][i], maps["parsing"][i], maps["landmarks"][i])
    np.save(Path(o.out) / "names.npy", names)
    np.save(Path(o.out) / "score.npy", score)
    print(f"{n} faces, {int(np.isfinite(score).sum())} with a score")


if __name__ == "__main__":
    main()
