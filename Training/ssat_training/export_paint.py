"""Exports PaintEstimator: folds, writes weights (F16, computed in f32) and a golden.

    python -m ssat_training.export_paint --checkpoint DIR/last.pt --models ../Models --fixtures ../Tests/SSATCoreTests/Fixtures

It runs once a reference, so it is not quantized: int8 cost 0.015 of the cheeks.
"""
import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from .export_ssat import LICENCE, as_kept, loaded
from .face_texture import unwrap
from .face_zones import UV
from .graph import FloatGraph
from .networks.paint_estimator import PaintEstimator, graph, inputs, seen_twice
from .uv_raster import rasterize

PLACES = 4  # texels between those that a golden keeps
IRISES = 10  # landmarks that are not on the mesh


def main():
    export(__doc__, PaintEstimator().eval(), "paint_estimator", golden)


def trained(description, network, name):
    """Reads the command line and the weights of a training into a network that is exported in float: the options, and what its file says of it."""
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", required=True, help="last.pt of a training, or what was kept of one in checkpoints/")
    p.add_argument("--models", default="../Models")
    p.add_argument("--fixtures", default="../Tests/SSATCoreTests/Fixtures")
    p.add_argument("--keep", default="checkpoints")
    options = p.parse_args()
    torch.set_grad_enabled(False)
    average, steps = loaded(options.checkpoint)
    network.load_state_dict(average)
    digest = hashlib.sha256(Path(options.checkpoint).read_bytes()).hexdigest()[:16]
    return options, {"format": "ssat-live 1", "network": name, "licence": LICENCE, "checkpoint": digest, "steps": steps}


def export(description, network, name, golden):
    """Writes the weights of a `TexelNetwork` and its golden (of the network and its graph in float), and keeps its float checkpoint."""
    options, metadata = trained(description, network, name)
    exact = FloatGraph(network)
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in exact.tensors().items()}
    tensors["places"] = torch.tanh(network.places)[0].permute(1, 2, 0).contiguous()
    save_file(tensors, Path(options.models) / f"{name}.safetensors", metadata)
    Path(options.keep).mkdir(exist_ok=True)
    kept = {k: as_kept(v).contiguous() for k, v in network.state_dict().items()}
    save_file(kept, Path(options.keep) / f"{name}.safetensors", metadata)
    save_file(golden(network, exact), Path(options.fixtures) / f"{name}.golden.safetensors", {"from": metadata["checkpoint"]})


def made_up_face():
    """A picture, the program's classes and those of the data, landmarks, the UV of cells, and which cell a pixel is in: the program knows where cells are,
    not pixels."""
    random = np.random.default_rng(11)
    y, x = np.mgrid[0:256, 0:256]
    picture = np.stack([120 + 60 * np.sin(x / 31 + c) + 40 * np.cos(y / 23 - c) for c in range(3)], -1).clip(0, 255).astype(np.uint8)
    on_lips = (abs(x - 128) < 26) & (abs(y - 182) < 9)
    classes = np.select([(y // 40 + x // 56) % 5 == 0, on_lips], [0, 7], 1).astype(np.uint8)
    landmarks = np.concatenate([UV * [176, 184] + [40, 36] + random.normal(0, 0.4, UV.shape), np.zeros((len(UV), 1))], 1).astype(np.float32)
    uv = rasterize(landmarks, 256)[1::4, 1::4]
    labels = np.select([classes == 1, classes == 7], [1, 12], 0)
    return picture, classes, labels, landmarks, uv, np.clip(np.round((np.arange(256) - 1) / 4).astype(int), 0, 63)


def golden(network, exact):
    """A made-up face on a made-up mesh, from its pixels to its scores."""
    picture, classes, labels, landmarks, uv, cells = made_up_face()
    colours, shows = unwrap(picture.astype(np.float32) / 255, labels, uv[cells][:, cells], landmarks)
    maps = lambda v: torch.from_numpy(np.ascontiguousarray(v)).permute(2, 0, 1)[None].float()
    scores = seen_twice(lambda x: graph(exact, exact.input("input", network.with_places(x))), inputs(maps(colours), maps(shows)))
    tensors = {"picture": picture, "classes": classes, "landmarks": np.pad(landmarks[:, :2], ((0, IRISES), (0, 0))), "uv": uv, "colours": colours,
               "shows": shows, "scores": scores[0, :, ::PLACES, ::PLACES].permute(1, 2, 0).float().numpy()}
    return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in tensors.items()}


if __name__ == "__main__":
    main()
