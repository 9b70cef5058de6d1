"""What FaceMesh sees in the pictures of the pairs: parsing and UV maps as the filter will have them, with their errors.

    python -m ssat_training.seen_pairs --pairs DIR --shard 0 --checkpoint MESH/last.pt --refiner REFINER/last.pt --estimator PAINT/last.pt          (5 minutes for 3,500 pairs)

Writes seen_pa, seen_pb, seen_ua, seen_ub beside the exact pa, pb, ua, ub of `ssat_training.pairs`. Trained on exact labels
only, SSAT live trusted them to the pixel, and every lip pixel that FaceMesh missed stayed bare.

With an estimator also what it finds on either face, opacity and colour times it in bytes: own_a, own_b, n x 64 x 64 x 4, where it found it; worn_a,
worn_b, n x 128 x 128 x 4, what the other's paint is on this face; lips_a, lips_b, n x 4, of their own lips (0 to 1).
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from .checkpoint import weights
from .face_mesh_data import relight
from .face_zones import MESH
from .networks.face_mesh import FaceMesh, from_notebook
from .refined import refine, refiner_of
from .seen_paint import estimator_of, eye_estimator_of, found, found_closely, laid
from .uv_raster import rasterize

AT_ONCE = 16  # pairs
POSITIONS = np.load(MESH)["position"][:468]
CAMERA = np.linalg.pinv(np.column_stack([POSITIONS, np.ones(468)]))


def towards_viewer(points):
    """The direction in mesh space, of length 1, by the affine camera that fits the canonical mesh to 468 x 2 crop points."""
    x, y = (CAMERA @ points)[:3].T
    towards = np.cross(x, -y)
    return towards * np.sign(towards[2]) / max(np.linalg.norm(towards), 1e-12)


def with_depth(points):
    """468 x 2 crop points -> 468 x 3; depth (greater: farther)."""
    return np.column_stack([points, -POSITIONS @ towards_viewer(points)])


def network_of(checkpoint):
    network = FaceMesh().eval().to(memory_format=torch.channels_last)
    network.load_state_dict(weights(checkpoint, from_notebook))
    return network


@torch.no_grad()
def predict(network, pictures, refiner=None):
    """n x 256 x 256 x 3 bytes -> points n x 478 x 2 in crop pixels (moved by `refiner`, if there is one), presence n, FaceMesh's classes n x 256 x 256."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    points, presence, scores = network(x.to(memory_format=torch.channels_last))
    points = ((points + 1) * 128).double().numpy()
    return refine(refiner, np.asarray(pictures), points) if refiner else points, presence.sigmoid().numpy(), scores.argmax(1).to(torch.uint8).numpy()


def uv_maps(points):
    """n x 256 x 256 x 2."""
    return np.stack([rasterize(with_depth(p[:468]).astype(np.float32), 256) for p in points])


def by_cell(uv):
    """Of maps at 256 those at 64."""
    return uv[:, 1::4, 1::4]


def harder(picture, random):
    """The picture coarser and in worse light. FaceMesh is surer of the people it was trained on than of anybody else; like this, its labels
    of them are as wrong as those of held-out people (IoU of eyes 0.75 instead of 0.78, of lips 0.70 instead of 0.74)."""
    size, side = picture.shape[:2], int(picture.shape[0] / random.uniform(1.2, 3))
    coarse = cv2.resize(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), size)
    return relight(np.clip(coarse + random.normal(0, 4, coarse.shape), 0, 255).astype(np.uint8), random)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pairs", required=True)
    p.add_argument("--shard", type=int, required=True)
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--refiner", help="MeshRefiner's checkpoint: the landmarks as it moves them, as in the filter")
    p.add_argument("--estimator", help="PaintEstimator's checkpoint: what it finds on the faces, too")
    p.add_argument("--eye-estimator", help="EyePaintEstimator's checkpoint: what that finds around their eyes, too")
    p.add_argument("--harder", action="store_true", help="look at coarser pictures in worse light: labels as wrong as those of held-out people")
    o = p.parse_args()
    folder, shard = Path(o.pairs), o.shard
    torch.set_num_threads(1)
    network, random = network_of(o.checkpoint), np.random.default_rng(shard)
    refiner = refiner_of(o.refiner) if o.refiner else None
    estimator = estimator_of(o.estimator) if o.estimator else None
    eye_estimator = eye_estimator_of(o.eye_estimator) if o.eye_estimator else None
    pictures = {x: np.load(folder / f"{x}_{shard}.npy", mmap_mode="r") for x in "ab"}
    n = len(pictures["a"])
    new = lambda name, dtype, *shape: np.lib.format.open_memmap(folder / f"{name}_{shard}.npy", "w+", dtype, (n, *shape))
    seen = {x: (new(f"seen_p{x}", np.uint8, 256, 256), new(f"seen_u{x}", np.float16, 64, 64, 2)) for x in "ab"}
    if estimator:
        paint = {x: (new(f"own_{x}", np.uint8, 64, 64, 4), new(f"worn_{x}", np.uint8, 128, 128, 4), new(f"lips_{x}", np.float32, 4)) for x in "ab"}
    for start in range(0, n, AT_ONCE):
        rows, textures, eyes, cells = slice(start, start + AT_ONCE), {}, {}, {}
        for x in "ab":
            batch = pictures[x][rows]
            batch = np.stack([harder(picture, random) for picture in batch]) if o.harder else np.array(batch)
            points, _, classes = predict(network, batch, refiner)
            uv = uv_maps(points)
            cells[x] = by_cell(uv)
            seen[x][0][rows], seen[x][1][rows] = np.minimum(classes, 9), cells[x]
            if estimator:
                textures[x], paint[x][2][rows], means = found(estimator, batch, classes, uv, points)
                eyes[x] = [found_closely(eye_estimator, *face) if eye_estimator else None for face in zip(batch, classes, uv, points, textures[x], means)]
        for x, other in (("a", "b"), ("b", "a")) if estimator else ():
            paint[x][0][rows] = [laid(*pair, 64) for pair in zip(textures[x], cells[x])]
            paint[x][1][rows] = [laid(texture, cell, 128, eye) for texture, cell, eye in zip(textures[other], cells[x], eyes[other])]
    for x in "ab":
        truth, exact = (np.load(folder / f"{kind}{x}_{shard}.npy", mmap_mode="r")[:200] for kind in "pu")
        parsing, uv = (maps[:200] for maps in seen[x])
        both = (exact[..., 0] >= 0) & (uv[..., 0] >= 0)
        print(f"{x}: {n} pictures, same class {np.mean(truth == parsing):.3f}, UV error {np.abs(exact - uv)[both].mean():.4f}", flush=True)


if __name__ == "__main__":
    main()
