"""Training pairs: two faces and the exact (painted) or pseudo answer for both directions.

    python -m ssat_training.pairs --prepared DIR --out DIR --shard 0 --count 3000            (55 ms a pair)
    python -m ssat_training.pairs --prepared DIR,UNLABELLED --out DIR --shard 2 --count 3000
    python -m ssat_training.pairs --prepared DIR --out DIR --shard 9 --count 256 --held-out

Writes a, b (wearing what they wear), ga, gb (a wearing b's look, b wearing a's): n x 256 x 256 x 3 bytes; pa, pb: the ten
classes of SSAT live; ua, ub: n x 64 x 64 x 2 UV; ka, kb: n x 64 x 64 x 8, opacity and paint of the skin and of the lips (`painted_makeup.layers`; 0 where real is 1: not known); real: 1 where the look is a photographed one; lm; and a sheet to look at.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np

from .painted_makeup import layers, paint, random_makeup
from .pseudo_pairs import pseudo_target
from .splits import held_out

SIZE = 256
# Label classes of the data to the ten of SSAT live: background, skin, nose, eyes, brows, ears and neck, hair, lips, mouth or cover.
CLASSES = np.array([0, 1, 2, 9, 3, 3, 4, 4, 5, 5, 9, 7, 8, 6, 6, 9, 0, 5, 0])
PSEUDO_SHARE = 0.4


class Stacked:
    """Arrays of several folders, addressed as one."""

    def __init__(self, arrays):
        self.arrays, self.starts = arrays, np.cumsum([0] + [len(a) for a in arrays])
        self.shape = (int(self.starts[-1]), *arrays[0].shape[1:])

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        which = int(np.searchsorted(self.starts, index, side="right")) - 1
        return self.arrays[which][index - self.starts[which]]

    def together(self):
        return np.concatenate(self.arrays)


class Faces:
    """Prepared faces (`ssat_training.prepare`, `ssat_training.prepare_unlabelled`), jittered."""

    def __init__(self, folders, validation):
        load = lambda name: Stacked([np.load(Path(f) / f"{name}.npy", mmap_mode="r") for f in str(folders).split(",")])
        self.pictures, self.parsing, self.uv, self.landmarks = (load(n) for n in ("pictures", "parsing", "uv", "landmarks"))
        self.names, score = load("names"), load("score").together()
        self.ids = np.array([i for i in range(len(self.names)) if held_out(self.names[i]) == validation], int)
        ordered = self.ids[np.isfinite(score[self.ids])]
        ordered = ordered[np.argsort(score[ordered])]
        # Paint only on bare faces; take photographed looks only from made-up ones.
        self.bare, self.made_up = ordered[: int(0.5 * len(ordered))], ordered[int(0.65 * len(ordered)):]

    def load(self, index, random, relight=True):
        """Picture in 0..1, parsing, UV, landmarks of one face: rotated, scaled, moved; with `relight`, half of them relit."""
        angle, scale, move = np.deg2rad(random.normal(0, 6)), np.exp(random.normal(0, 0.06)), random.normal(0, 5, 2)
        c, s = np.cos(angle) * scale, np.sin(angle) * scale
        matrix = np.float32([[c, -s, 0], [s, c, 0]])
        border = self.pictures.shape[1] / 2
        matrix[:, 2] = SIZE / 2 + move - matrix[:, :2] @ [border, border]
        warp = lambda x, **k: cv2.warpAffine(x, matrix, (SIZE, SIZE), **k)
        picture = warp(self.pictures[index], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32) / 255
        parsing = warp(self.parsing[index], flags=cv2.INTER_NEAREST)
        uv = warp(self.uv[index].astype(np.float32), flags=cv2.INTER_NEAREST, borderValue=(-1, -1))
        landmarks = self.landmarks[index].copy()
        landmarks[:, :2] = landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        if relight and random.random() < 0.5:
            tint = np.float32([random.uniform(0.93, 1.07), 1, random.uniform(0.93, 1.07)])
            picture = np.clip((picture * random.uniform(0.8, 1.15)) ** random.uniform(0.8, 1.25) * tint, 0, 1).astype(np.float32)
        return picture, parsing, uv, landmarks


def painted_pair(faces, random):
    """Both faces wear painted makeup (the first sometimes none): the answer is the same face under the other's paint."""
    (a, pa, ua, la), (b, pb, ub, lb) = (faces.load(i, random) for i in random.choice(faces.bare, 2, replace=False))
    look_b, look_a = random_makeup(random), None if random.random() < 0.4 else random_makeup(random)
    wear = lambda picture, parsing, uv, look: picture if look is None else paint(picture, parsing, uv, look)
    made_a, made_b = wear(a, pa, ua, look_a), wear(b, pb, ub, look_b)
    known = lambda parsing, uv, look: np.zeros((*parsing.shape, 8), np.float32) if look is None else layers(parsing, uv, look)
    return dict(a=made_a, b=made_b, ga=wear(a, pa, ua, look_b), gb=wear(b, pb, ub, look_a),
                ka=known(pa, ua, look_a), kb=known(pb, ub, look_b),
                pa=pa, pb=pb, ua=ua, ub=ub, lm=np.stack([la, lb]), real=0)


def pseudo_pair(faces, random):
    """`b` is a made-up photo, `a` any."""
    i, j = random.choice(faces.ids), random.choice(faces.made_up)
    while i == j:
        j = random.choice(faces.made_up)
    (a, pa, ua, la), (b, pb, ub, lb) = faces.load(i, random), faces.load(j, random)
    unknown = np.zeros((SIZE, SIZE, 8), np.float32)
    return dict(a=a, b=b, ga=pseudo_target(a, pa, ua, b, pb, lb, ub), gb=pseudo_target(b, pb, ub, a, pa, la, ua), ka=unknown, kb=unknown,
                pa=pa, pb=pb, ua=ua, ub=ub, lm=np.stack([la, lb]), real=1)


def store(arrays, row, pair):
    for key in ("a", "b", "ga", "gb"):
        arrays[key][row] = (pair[key] * 255 + 0.5).astype(np.uint8)
    for key in ("ka", "kb"):
        arrays[key][row] = cv2.resize(pair[key], (64, 64), interpolation=cv2.INTER_AREA)
    for key in ("pa", "pb"):
        arrays[key][row] = CLASSES[pair[key]]
    for key in ("ua", "ub"):
        arrays[key][row] = np.asarray(pair[key], np.float32)[1::4, 1::4]
    arrays["real"][row], arrays["lm"][row] = pair["real"], pair["lm"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--shard", type=int, required=True)
    p.add_argument("--count", type=int, required=True)
    p.add_argument("--held-out", action="store_true")
    o = p.parse_args()
    cv2.setNumThreads(1)
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    faces, random, n = Faces(o.prepared, o.held_out), np.random.default_rng(500 + o.shard), o.count
    shapes = {k: (np.uint8, (n, SIZE, SIZE, 3)) for k in ("a", "b", "ga", "gb")} | {k: (np.uint8, (n, SIZE, SIZE)) for k in ("pa", "pb")}
    shapes |= {k: (np.float16, (n, 64, 64, 2)) for k in ("ua", "ub")} | {k: (np.float16, (n, 64, 64, 8)) for k in ("ka", "kb")} | {"real": (np.uint8, (n,)), "lm": (np.float32, (n, 2, 478, 3))}
    arrays = {k: np.lib.format.open_memmap(out / f"{k}_{o.shard}.npy", "w+", dtype, shape) for k, (dtype, shape) in shapes.items()}
    for row in range(n):
        store(arrays, row, (pseudo_pair if random.random() < PSEUDO_SHARE else painted_pair)(faces, random))
    columns = [np.vstack([arrays[k][i] for k in ("a", "b", "ga", "gb")]) for i in range(min(n, 12))]
    cv2.imwrite(str(out / f"sheet_{o.shard}.png"), np.hstack(columns)[..., ::-1])
    print(f"{n} pairs, {int(arrays['real'].sum())} of them with photographed looks")


if __name__ == "__main__":
    main()
