"""Judges networks that were trained alike but for one part (`train_ssat --without`, `--network two_input`). Prints a Markdown table.

    python -m ssat_training.ablate --prepared DIR --pairs DIR --runs DIR [--count 80]

DIR of --runs holds a folder for every run, each with its `last.pt`. Pairs and figures are those of `evaluate`, but the networks run in
PyTorch and are given the face at its known place, with the labels that FaceMesh sees: what differs between the rows is the network alone.
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
from .seen_pairs import network_of as face_mesh_of
from .seen_pairs import see
from .train_ssat import Pairs, as_maps, network_of
from .transfer import transfer

MARGIN = (CROP - 256) // 2
COLUMNS = ("painted recovery, lips", "painted recovery, eyelids", "painted recovery, cheeks", "real, lips", "real, eyelids", "skin moved, dE", "identity",
           "outside, largest change", "UV error", "UV error, exact labels")


class TorchFilter:
    """A network in place of the binary of `evaluate`: pictures are CROP x CROP x 3 in 0..1, of which the middle 256 x 256 are the crop."""

    def __init__(self, network, face_mesh, labels):
        """`labels`: a dictionary that filters share, so that FaceMesh looks at every picture once."""
        self.network, self.face_mesh, self.labels = network.eval(), face_mesh, labels

    def write(self, name, picture):
        self.labels.setdefault(name, see(self.face_mesh, [self.middle(self.as_bytes(picture))]))
        return name, self.as_bytes(picture)

    def apply(self, source, reference, name):
        made = self.both(source, reference)[0]
        out = source[1].astype(np.float32) / 255
        self.middle(out)[:] = made
        return np.round(out.clip(0, 1) * 255) / np.float32(255)

    @torch.no_grad()
    def both(self, source, reference):
        """256 x 256 x 3: the source in the reference's makeup, and the reference in the source's, which is removal where the source is bare."""
        batch = {}
        for which, (name, picture) in (("a", source), ("b", reference)):
            batch[which] = torch.from_numpy(self.middle(picture).copy()).permute(2, 0, 1)[None].float() / 255
            for key, maps in zip("pu", self.labels[name]):
                batch[key + which] = batch[f"seen_{key}{which}"] = as_maps(maps)
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


def judge(path, faces, pairs, face_mesh, labels, count):
    network, figures = load(path), Figures()
    made = TorchFilter(network, face_mesh, labels)
    for number in range(count):
        drawn_painted_pair(made, faces, figures, number)
        real(made, faces, faces, faces.made_up, "real", figures, number)
    if not isinstance(network, TwoInput):
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
    p.add_argument("--beside", help="another checkpoint to judge alike, such as checkpoints/ssat_live.safetensors")
    p.add_argument("--count", type=int, default=80, help="painted pairs, real pairs, and pairs for the UV error")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--json", help="also write the figures here")
    o = p.parse_args()
    cv2.setNumThreads(1), torch.set_num_threads(o.threads)
    faces, pairs, face_mesh, labels, figures = Faces(o.prepared, True), Pairs(o.pairs, ["9"]), face_mesh_of(o.face_mesh), {}, {}
    paths = {run.parent.name: run for run in sorted(Path(o.runs).glob("*/last.pt"))} | ({"beside": Path(o.beside)} if o.beside else {})
    print("| | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for name, path in paths.items():
        figures[name] = judge(path, faces, pairs, face_mesh, labels, o.count)
        print(row(name.replace("_", " "), figures[name]), flush=True)
    print("\nn:", {c: len(next(iter(figures.values())).values.get(c, [])) for c in COLUMNS})
    if o.json:
        Path(o.json).write_text(json.dumps({n: {c: value(f, c) for c in COLUMNS} for n, f in figures.items()}, indent=1))


if __name__ == "__main__":
    main()
