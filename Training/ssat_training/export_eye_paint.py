"""Exports EyePaintEstimator: folds, writes weights (F16, computed in f32) and a golden.

    python -m ssat_training.export_eye_paint --checkpoint DIR/last.pt --models ../Models --fixtures ../Tests/SSATCoreTests/Fixtures

It runs once a reference, so it is not quantized.
"""
import numpy as np
import torch

from .export_paint import export, made_up_face
from .eye_texture import as_windows
from .face_texture import SIZE
from .networks.eye_paint_estimator import EyePaintEstimator, graph, inputs, paint
from .seen_paint import as_maps, seen_eyes

PLACES = 4  # texels between those that a golden keeps


def main():
    export(__doc__, EyePaintEstimator().eval(), "eye_paint_estimator", golden)


def golden(network, exact):
    """Made-up eyes and a made-up belief about their paint, from pixels to paint."""
    picture, _, labels, landmarks, uv, cells = made_up_face()
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    opacity = 0.5 + 0.45 * np.sin(9 * x + 5 * y)
    believed = np.stack([opacity] + [opacity * (0.5 + 0.4 * np.cos(7 * x - 4 * y + c)) for c in range(3)]).astype(np.float32)
    mean = np.float32([0.6, 0.45, 0.4])
    colours, skin = seen_eyes(picture, labels, uv[cells][:, cells], landmarks)
    windows, means = as_maps(as_windows(believed)), torch.from_numpy(mean).view(1, 3, 1, 1).expand(2, -1, -1, -1)
    scores = [graph(exact, exact.input("input", network.with_places(x[None]))) for x in inputs(colours, skin, windows, means)]
    made = paint(torch.cat(scores), windows, means)
    kept = lambda x: np.ascontiguousarray(x.permute(0, 2, 3, 1).float().numpy()[:, ::PLACES, ::PLACES])
    return {k: torch.from_numpy(v) for k, v in {
        "believed": np.ascontiguousarray(believed.transpose(1, 2, 0)), "mean": mean, "skin": kept(skin), "colours": kept(colours), "paint": kept(made)}.items()}


if __name__ == "__main__":
    main()
