"""Trains MeshRefiner on windows around eyes and mouths. Resumes from its last checkpoint; logs to CSV.

    python -m ssat_training.train_mesh_refiner --windows DIR --prepared DIR --mesh checkpoints/face_mesh.safetensors --out DIR --hours 0.4

`--windows`: what `ssat_training.refiner_windows` wrote. Judged as it is used: from FaceMesh's own landmarks, on held-out people.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from .checkpoint import keep_up, resumed, save, weights
from .course import Course, LossLog, add_options
from .face_mesh_data import PreparedFaces, relight
from .face_zones import LIPS_OUTER
from .networks.mesh_refiner import REGIONS, MeshRefiner
from .prepare import LIDS
from .refined import OPPOSITE, refine
from .refiner_windows import MARGIN
from .seen_pairs import network_of
from .train_face_mesh import to_network


class Windows:
    """Of one region: moved, scaled, rolled as FaceMesh's landmarks and the crop are off, and relit."""

    def __init__(self, folder, region):
        self.region = region
        self.pictures, self.points = (np.load(Path(folder) / f"{region.name}{end}.npy", mmap_mode="r") for end in ("", "_points"))

    def example(self, index, random):
        side = self.region.side
        angle, k, shift = random.normal(0, 0.08), np.exp(random.normal(0, 0.06)), random.normal(0, 2.5, 2)
        c, s, middle = k * np.cos(angle), k * np.sin(angle), side / 2 + MARGIN
        matrix = np.array([[c, -s, 0], [s, c, 0]])
        matrix[:, 2] = side / 2 + shift - matrix[:, :2] @ [middle, middle]
        picture = cv2.warpAffine(self.pictures[index], matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        points = self.points[index] @ matrix[:, :2].T + matrix[:, 2]
        picture = relight(picture, random)
        if self.region.name == "mouth" and random.random() < 0.5:
            picture, points = np.ascontiguousarray(picture[:, ::-1]), self.mirrored(points)
        return picture, points * 2 / side - 1

    def mirrored(self, points):
        points = points[self.other]
        return np.stack([self.region.side - 1 - points[:, 0], points[:, 1]], 1)

    @property
    def other(self):
        place = {p: k for k, p in enumerate(self.region.points)}
        return [place[OPPOSITE[p]] for p in self.region.points]

    def batch(self, count, random):
        pictures, points = zip(*(self.example(i, random) for i in random.integers(0, len(self.pictures), count)))
        return to_network(pictures), torch.from_numpy(np.stack(points).astype(np.float32))


def loss_of(network, windows, random, batch, autocast):
    total = 0
    for kind in windows:
        pictures, points = kind.batch(batch, random)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            found = getattr(network, kind.region.name)(pictures.to(memory_format=torch.channels_last))
        total = total + kind.region.side / 2 * (found.float() - points).abs().mean()
    return total


@torch.no_grad()
def validate(network, mesh, prepared, count=256):
    """Mean error of FaceMesh's landmarks and of the refined ones, in pixels of the crop: lids, lips, all of the mesh."""
    network.eval()
    before, after, truth = [], [], []
    for start in range(0, min(count, len(prepared.ids)), 32):
        examples = [prepared.example(i) for i in prepared.ids[start:start + 32]]
        pictures = np.stack([e[0] for e in examples])
        seen = (mesh(to_network(pictures))[0].numpy() + 1) * 128
        before.append(seen)
        after.append(refine(network, pictures, seen))
        truth.append(np.stack([e[2] for e in examples]))
    network.train()
    before, after, truth = (np.concatenate(x) for x in (before, after, truth))
    error = lambda found, points: np.linalg.norm((found - truth)[:, points], axis=-1).mean()
    groups = {"lids": sorted({p for lid in LIDS for p in lid}), "lips": LIPS_OUTER, "all": list(range(468))}
    return {name: f"{error(before, points):.3f} -> {error(after, points):.3f}" for name, points in groups.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("windows", "prepared", "mesh", "out"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--warm-start", help="weights to begin with, a last.pt or checkpoints/mesh_refiner.safetensors")
    add_options(p, steps=10**9, batch=64, rate=2e-3, hours=0.5, batch_of="windows of each region")
    p.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    o = p.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    windows, prepared = [Windows(o.windows, region) for region in REGIONS], PreparedFaces(o.prepared, True)
    mesh = network_of(o.mesh)
    torch.manual_seed(0)
    network = MeshRefiner().to(memory_format=torch.channels_last)
    if o.warm_start:
        network.load_state_dict(weights(o.warm_start, None))
    optimizer = torch.optim.AdamW(network.parameters(), o.rate, weight_decay=1e-4)
    state = resumed(out, network, optimizer)
    course, mean = Course(o, optimizer, state), MeshRefiner()
    mean.load_state_dict(state["average"] if state else network.state_dict())
    average = mean.state_dict()  # the very tensors: averaging them in place moves `mean`
    random = np.random.default_rng(course.step + 1)
    log = LossLog(out / "log.csv")
    while not course.is_over:
        course.begin_step()
        loss = loss_of(network, windows, random, o.batch, o.precision == "bfloat16")
        course.descend(network, loss, 20.0)
        keep_up(average, network, min(0.998, course.step / (course.step + 10)))
        log.add(course, loss)
        if course.step % 400 == 0 or course.is_over:
            print(course.step, round(course.elapsed), f"{loss.item():.3f}", validate(mean, mesh, prepared), flush=True)
            save(out / "last.pt", network=network.state_dict(), average=average, optimizer=optimizer.state_dict(), step=course.step, elapsed=course.elapsed)


if __name__ == "__main__":
    main()
