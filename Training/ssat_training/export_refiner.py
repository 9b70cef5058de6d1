"""Exports MeshRefiner: folds, calibrates, quantizes, writes weights, the landmarks that each window refines, and goldens.

    python -m ssat_training.export_refiner --checkpoint DIR/last.pt --windows DIR --models ../Models --fixtures ../Tests/SSATCoreTests/Fixtures
"""
import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from .export_ssat import LICENCE, as_kept, loaded
from .face_zones import UV
from .graph import FloatGraph, Int8Graph, picture_input
from .networks.mesh_refiner import REGIONS, MeshRefiner, graph
from .refined import OPPOSITE, refine
from .train_mesh_refiner import Windows


def run(g, region, pictures):
    """Windows, n x side x side x 3 bytes, to landmarks, n x points x 2, of their own."""
    x = picture_input(g, torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float())
    return graph(g, region.name, x).flatten(1).view(len(pictures), -1, 2)


class Exported:
    """A graph in the place of the network, for `refine`."""

    def __init__(self, g):
        for region in REGIONS:
            to_bytes = lambda x: torch.round((x + 1) * 127.5).permute(0, 2, 3, 1).numpy()
            setattr(self, region.name, lambda x, region=region: run(g, region, to_bytes(x)).float())


def landmarks_of(region):
    """What the program is told of a window."""
    as_tensor = lambda values: torch.tensor(np.asarray(values), dtype=torch.int32)
    return {
        f"{region.name}.anchors": as_tensor(region.anchors), f"{region.name}.landmarks": as_tensor(region.points),
        f"{region.name}.mirrored_anchors": as_tensor(OPPOSITE[region.anchors]), f"{region.name}.mirrored_landmarks": as_tensor(OPPOSITE[region.points]),
        f"{region.name}.shares": torch.from_numpy(region.shares),
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", required=True, help="last.pt of a training, or what was kept of one in checkpoints/")
    p.add_argument("--windows", required=True)
    p.add_argument("--models", default="../Models")
    p.add_argument("--fixtures", default="../Tests/SSATCoreTests/Fixtures")
    p.add_argument("--keep", default="checkpoints")
    p.add_argument("--count", type=int, default=128)
    o = p.parse_args()
    torch.set_grad_enabled(False)
    network = MeshRefiner().eval()
    average, steps = loaded(o.checkpoint)
    network.load_state_dict(average)
    watcher, random = FloatGraph(network, observe=True), np.random.default_rng(3)
    kept = {}
    for region in REGIONS:
        windows = Windows(o.windows, region)
        kept[region] = [windows.example(i, random)[0] for i in random.integers(0, len(windows.pictures), o.count)]
        run(watcher, region, kept[region])
    exact, quantized = FloatGraph(network), Int8Graph(network, watcher.ranges)
    for region, pictures in kept.items():
        apart = (run(exact, region, pictures[:32]) - run(quantized, region, pictures[:32])).abs().mean() * region.side / 2
        print(f"{region.name}: int8 against f32 {apart:.3f} pixels")
    digest = hashlib.sha256(Path(o.checkpoint).read_bytes()).hexdigest()[:16]
    metadata = {"format": "ssat-live 1", "network": "mesh_refiner", "licence": LICENCE, "checkpoint": digest, "steps": steps, "calibration": f"{o.count} training windows"}
    told = {k: v for region in REGIONS for k, v in landmarks_of(region).items()}
    as_torch = lambda d: {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in d.items()} | told
    save_file(as_torch(exact.tensors()), Path(o.models) / "mesh_refiner.float.safetensors", metadata)
    save_file(as_torch(quantized.tensors()), Path(o.models) / "mesh_refiner.safetensors", metadata)
    Path(o.keep).mkdir(exist_ok=True)
    save_file({k: as_kept(v).contiguous() for k, v in network.state_dict().items()}, Path(o.keep) / "mesh_refiner.safetensors", metadata)
    save_file(golden({"float": exact, "int8": quantized}, o.fixtures), Path(o.fixtures) / "mesh_refiner.golden.safetensors", {"from": digest})


def golden(graphs, fixtures):
    """A mesh drawn over the picture of FaceMesh's golden, its right eye at the crop's edge; refined."""
    picture = load_file(Path(fixtures) / "face_mesh.golden.safetensors")["picture"].numpy()
    seen = np.zeros((478, 2), np.float32)
    seen[:468] = UV * [190, 180] + [2, 40]
    seen[468:] = np.random.default_rng(5).uniform(60, 190, (10, 2))
    out = {"landmarks": torch.from_numpy(seen)}
    for name, g in graphs.items():
        out[name] = torch.from_numpy(refine(Exported(g), picture[None], seen[None])[0].astype(np.float32))
    return out


if __name__ == "__main__":
    main()
