"""Judges networks that were trained alike but for one part (`train_ssat --without`, `--network two_input`). Prints a Markdown table.

    python -m ssat_training.ablate --prepared DIR --pairs DIR --runs DIR [--count 80]

DIR of --runs holds a folder for every run, each with its `last.pt`. Pairs and figures are those of `evaluate`, but the networks run in
PyTorch and are given the face at its known place, with the labels that FaceMesh sees: what differs between the rows is the network alone.
With --estimator the networks that have correspondence are judged once more, with what PaintEstimator finds laid on by the mesh in place of the paint that
their makeup encoder believes in, as the filter has it.
UV error: mean error of the UV coordinate warped by the correspondence, per axis, on the held-out pairs (shard 9 of --pairs); what of it is
the network's own shows where it is given exact labels.
"""
import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch

from .checkpoint import weights
from .evaluate import Figures, drawn_painted_pair, real
from .losses.correspondence import uv_loss
from .networks.two_input import TwoInput
from .pairs import Faces
from .prepare import SIZE as CROP
from .refined import refiner_of
from .seen_paint import estimator_of, eye_estimator_of, found, found_closely, laid
from .seen_pairs import by_cell, predict, uv_maps
from .seen_pairs import network_of as face_mesh_of
from .train_ssat import Pairs, as_maps, network_of
from .transfer import transfer

MARGIN = (CROP - 256) // 2
COLUMNS = ("painted recovery, lips", "painted recovery, eyelids", "painted recovery, cheeks", "real, lips", "real, eyelids", "skin moved, dE", "identity",
           "outside, largest change", "UV error", "UV error, exact labels")


class Seen:
    """What FaceMesh and MeshRefiner see of a crop, and what PaintEstimator and EyePaintEstimator find on it, if there are these three."""

    def __init__(self, crop, face_mesh, refiner=None, estimator=None, eye_estimator=None):
        points, _, classes = predict(face_mesh, crop[None], refiner)
        uv = uv_maps(points)
        self.parsing, self.uv = np.minimum(classes, 9), by_cell(uv)
        if estimator:
            (self.texture,), self.lips, (mean,) = found(estimator, crop[None], classes, uv, points)
            self.eyes = found_closely(eye_estimator, crop, classes[0], uv[0], points[0], self.texture, mean) if eye_estimator else None

    def paint(self, which, other):
        """In the batch's form: this face's own, what the other's is on this face, and that of its lips."""
        maps = {f"own_{which}": laid(self.texture, self.uv[0], 64), f"worn_{which}": laid(other.texture, self.uv[0], 128, other.eyes)}
        return {k: torch.from_numpy(v).permute(2, 0, 1)[None].float() / 255 for k, v in maps.items()} | {f"lips_{which}": self.lips[:, :, None, None]}


class TorchFilter:
    """A network in place of the binary of `evaluate`: pictures are CROP x CROP x 3 in 0..1, of which the middle 256 x 256 are the crop."""

    def __init__(self, network, see, seen, with_paint=False):
        """`see`: of a crop to `Seen`; `seen`: a dictionary that filters share, so that every picture is looked at once."""
        self.network, self.see, self.seen, self.with_paint = network.eval(), see, seen, with_paint

    def write(self, name, picture):
        if name not in self.seen:
            self.seen[name] = self.see(self.middle(self.as_bytes(picture)))
        return name, self.as_bytes(picture)

    def apply(self, source, reference, name):
        made = self.both(source, reference)[0]
        out = source[1].astype(np.float32) / 255
        self.middle(out)[:] = made
        return np.round(out.clip(0, 1) * 255) / np.float32(255)

    @torch.no_grad()
    def both(self, source, reference):
        """256 x 256 x 3: the source in the reference's makeup, and the reference in the source's, which is removal where the source is bare."""
        batch, faces = {}, [self.seen[name] for name, _ in (source, reference)]
        for which, (_, picture), face, other in zip("ab", (source, reference), faces, faces[::-1]):
            batch[which] = torch.from_numpy(self.middle(picture).copy()).permute(2, 0, 1)[None].float() / 255
            for key, maps in (("p", face.parsing), ("u", face.uv)):
                batch[key + which] = batch[f"seen_{key}{which}"] = as_maps(maps)
            if self.with_paint:
                batch |= face.paint(which, other)
        t = transfer(self.network, batch)
        return [x[0].permute(1, 2, 0).numpy() for x in (t.output_a, t.output_b)]

    @staticmethod
    def as_bytes(picture):
        return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)

    @staticmethod
    def middle(picture):
        return picture[MARGIN:MARGIN + 256, MARGIN:MARGIN + 256]


@torch.no_grad()
def uv_error(network, pairs, count, seen=None):
    """Mean over pairs and both directions, per axis. `seen`: false where the network is given the exact labels, not FaceMesh's."""
    errors = []
    for start in range(0, min(count, len(pairs)), 4):
        indices = np.arange(start, min(start + 4, count, len(pairs)))
        batch = pairs.batch(indices, None if seen is None else np.full(len(indices), seen))
        t = transfer(network, batch)
        errors += [uv_loss(t.warped_a.uv, batch["ua"], t.face_a.valid).item() / 2, uv_loss(t.warped_b.uv, batch["ub"], t.face_b.valid).item() / 2]
    return float(np.mean(errors))


def load(path):
    """The network of a run's `last.pt`, or of a kept `.safetensors`, with its averaged weights."""
    state = torch.load(path) if Path(path).suffix == ".pt" else {"average": weights(path, None)}
    network = network_of(state.get("kind", "ssat_live"), state.get("without", ()))
    network.load_state_dict(state["average"])
    return network.eval()


def judge(network, made, faces, pairs, count):
    figures = Figures()
    for number in range(count):
        drawn_painted_pair(made, faces, figures, number)
        real(made, faces, faces, faces.made_up, "real", figures, number)
    if not made.with_paint and not isinstance(network, TwoInput):  # what is laid on does not move the correspondence
        figures.add("UV error", uv_error(network, pairs, count))
        figures.add("UV error, exact labels", uv_error(network, pairs, count, seen=False))
    return figures


def value(figures, name):
    """`outside` is the largest of all pictures; the rest are medians."""
    if name not in figures.values:
        return None
    return max(figures.values[name]) if name.startswith("outside") else figures.median(name)


def row(name, figures):
    cells = [value(figures, column) for column in COLUMNS]
    return f"| {name} | " + " | ".join("-" if x is None else f"{x:.4f}" if c.startswith("UV error") else f"{x:.3f}" for c, x in zip(COLUMNS, cells)) + " |"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True)
    p.add_argument("--pairs", required=True)
    p.add_argument("--runs", required=True)
    p.add_argument("--face-mesh", default="checkpoints/face_mesh.safetensors")
    p.add_argument("--refiner", help="MeshRefiner's checkpoint")
    p.add_argument("--estimator", help="PaintEstimator's checkpoint")
    p.add_argument("--eye-estimator", help="EyePaintEstimator's checkpoint")
    p.add_argument("--beside", help="another checkpoint to judge alike, such as checkpoints/ssat_live.safetensors")
    p.add_argument("--count", type=int, default=80, help="painted pairs, real pairs, and pairs for the UV error")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--json", help="also write the figures here")
    o = p.parse_args()
    cv2.setNumThreads(1), torch.set_num_threads(o.threads)
    faces, pairs, face_mesh, seen, figures = Faces(o.prepared, True), Pairs(o.pairs, ["9"]), face_mesh_of(o.face_mesh), {}, {}
    refiner, estimator = refiner_of(o.refiner) if o.refiner else None, estimator_of(o.estimator) if o.estimator else None
    eye_estimator = eye_estimator_of(o.eye_estimator) if o.eye_estimator else None
    paths = {run.parent.name: run for run in sorted(Path(o.runs).glob("*/last.pt"))} | ({"beside": Path(o.beside)} if o.beside else {})
    print("| | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for name, path in paths.items():
        network = load(path)
        for with_paint in (False, True) if estimator and not isinstance(network, TwoInput) else (False,):
            made = TorchFilter(network, lambda crop: Seen(crop, face_mesh, refiner, estimator, eye_estimator), seen, with_paint)
            label = name.replace("_", " ") + (", paint by PaintEstimator" if with_paint else "")
            figures[label] = judge(network, made, faces, pairs, o.count)
            print(row(label, figures[label]), flush=True)
    print("\nn:", {c: len(next(iter(figures.values())).values.get(c, [])) for c in COLUMNS})
    if o.json:
        Path(o.json).write_text(json.dumps({n: {c: value(f, c) for c in COLUMNS} for n, f in figures.items()}, indent=1))


if __name__ == "__main__":
    main()
