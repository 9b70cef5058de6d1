"""Exports LightEstimator: writes weights (f32) and a golden.

    python -m ssat_training.export_light --checkpoint DIR/last.pt --models ../Models --fixtures ../Tests/SSATCoreTests/Fixtures
"""
from pathlib import Path

import torch
from safetensors.torch import save_file

from .brightness import measure
from .export_paint import made_up_face, trained
from .networks.light_estimator import LightEstimator


def main():
    network = LightEstimator()
    options, metadata = trained(__doc__, network, "light_estimator")
    tensors = {k: v.float().contiguous() for k, v in network.state_dict().items()}
    for folder in (options.models, options.keep):
        Path(folder).mkdir(exist_ok=True)
        save_file(tensors, Path(folder) / "light_estimator.safetensors", metadata)
    save_file(golden(network), Path(options.fixtures) / "light_estimator.golden.safetensors", {"from": metadata["checkpoint"]})


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
