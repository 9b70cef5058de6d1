"""Exports LightEstimator: writes weights (f32) and a golden.

    python -m ssat_training.export_light --checkpoint DIR/last.pt --models ../Models --fixtures ../Tests/SSATCoreTests/Fixtures
"""
import argparse
import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file

from .brightness import measure
from .export_paint import made_up_face
from .export_ssat import LICENCE, loaded
from .networks.light_estimator import LightEstimator


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", required=True, help="last.pt of a training, or what was kept of one in checkpoints/")
    p.add_argument("--models", default="../Models")
    p.add_argument("--fixtures", default="../Tests/SSATCoreTests/Fixtures")
    p.add_argument("--keep", default="checkpoints")
    o = p.parse_args()
    torch.set_grad_enabled(False)
    average, steps = loaded(o.checkpoint)
    network = LightEstimator()
    network.load_state_dict(average)
    digest = hashlib.sha256(Path(o.checkpoint).read_bytes()).hexdigest()[:16]
    metadata = {"format": "ssat-live 1", "network": "light_estimator", "licence": LICENCE, "checkpoint": digest, "steps": steps}
    tensors = {k: v.float().contiguous() for k, v in network.state_dict().items()}
    for folder in (o.models, o.keep):
        Path(folder).mkdir(exist_ok=True)
        save_file(tensors, Path(folder) / "light_estimator.safetensors", metadata)
    save_file(golden(network), Path(o.fixtures) / "light_estimator.golden.safetensors", {"from": digest})


def golden(network):
    """A made-up face, what is bright in it, and its light; and what would be found if eyes and mouth did not show."""
    picture, classes, labels, *_ = made_up_face()
    brightness = torch.from_numpy(measure(picture, labels))
    without = brightness.clone()
    without[1] = 0
    return {"picture": torch.from_numpy(picture), "classes": torch.from_numpy(classes), "brightness": brightness,
            "light": network(brightness[None])[0], "light_without_eyes": network(without[None])[0]}


if __name__ == "__main__":
    main()
