"""What FaceMesh sees in the pictures of the pairs: parsing and UV maps as the filter will have them, with their errors.

    python -m ssat_training.seen_pairs --pairs DIR --shard 0 --checkpoint MESH/last.pt          (4 minutes for 3,000 pairs)

Writes seen_pa, seen_pb, seen_ua, seen_ub beside the exact pa, pb, ua, ub of `ssat_training.pairs`. Trained on exact labels
only, SSAT live trusted them to the pixel, and every lip pixel that FaceMesh missed stayed bare.
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
from .uv_raster import rasterize

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
def predict(network, pictures):
    """n x 256 x 256 x 3 bytes -> points n x 478 x 2 in crop pixels, presence n, FaceMesh's classes n x 256 x 256."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    points, presence, scores = network(x.to(memory_format=torch.channels_last))
    return ((points + 1) * 128).double().numpy(), presence.sigmoid().numpy(), scores.argmax(1).to(torch.uint8).numpy()


def see(network, pictures):
    """n x 256 x 256 x 3 bytes -> n x 256 x 256 of the ten classes of SSAT live, n x 64 x 64 x 2 UV."""
    points, _, classes = predict(network, pictures)
    uv = [rasterize(with_depth(p[:468]).astype(np.float32), 256)[1::4, 1::4] for p in points]
    return np.minimum(classes, 9), np.stack(uv)


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
    p.add_argument("--harder", action="store_true", help="look at coarser pictures in worse light: labels as wrong as those of held-out people")
    o = p.parse_args()
    folder = Path(o.pairs)
    network, random = network_of(o.checkpoint), np.random.default_rng(o.shard)
    for which in ("a", "b"):
        pictures = np.load(folder / f"{which}_{o.shard}.npy", mmap_mode="r")
        n = len(pictures)
        parsing = np.lib.format.open_memmap(folder / f"seen_p{which}_{o.shard}.npy", "w+", np.uint8, (n, 256, 256))
        uv = np.lib.format.open_memmap(folder / f"seen_u{which}_{o.shard}.npy", "w+", np.float16, (n, 64, 64, 2))
        for start in range(0, n, 16):
            batch = pictures[start:start + 16]
            parsing[start:start + 16], uv[start:start + 16] = see(network, np.stack([harder(x, random) for x in batch]) if o.harder else batch)
        truth, exact = (np.load(folder / f"{kind}{which}_{o.shard}.npy", mmap_mode="r")[:200] for kind in "pu")
        both = (exact[..., 0] >= 0) & (uv[:200, ..., 0] >= 0)
        print(f"{which}: {n} pictures, same class {np.mean(truth == parsing[:200]):.3f}, UV error {np.abs(exact - uv[:200])[both].mean():.4f}", flush=True)


if __name__ == "__main__":
    main()
