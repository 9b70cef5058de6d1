"""Teaches EyePaintEstimator where paint around an eye ends, judged by how it comes out on another face.

    python -m ssat_training.train_eye_paint_estimator --eyes DIR --out DIR --hours 0.5

`--eyes`: what `ssat_training.painted_eyes` wrote. Resumes from its last checkpoint; logs to CSV.
"""
import argparse
from pathlib import Path

import numpy as np
import torch

from .checkpoint import keep_up, resumed, save, weights
from .course import Course, LossLog, add_options
from .eye_texture import as_window
from .face_zones import RIGHT_EYE
from .networks.eye_paint_estimator import EyePaintEstimator, inputs, paint
from .prepare import LIDS
from .train_paint_estimator import VISIBLE, as_maps, lab, laid

PAINTED_WEIGHT, LIDS_WEIGHT = 4, 2
TRAITS_SHARE, MOST_TRAITS = 0.5, 0.5
ON_LIDS = torch.from_numpy(as_window(LIDS[:1]) * (1 - as_window([RIGHT_EYE])))


class Eyes:
    def __init__(self, folder, held_out):
        shards = [np.load(p) for p in sorted(Path(folder).glob("eyes_held_out.npz" if held_out else "eyes_[0-9]*.npz"))]
        self.rows = {name: np.concatenate([s[name] for s in shards]) for name in ("colours", "skin", "believed", "truth", "bare", "lit")}
        self.mean = np.concatenate([s["mean"] for s in shards])

    def __len__(self):
        return len(self.mean)

    def __getitem__(self, indices):
        out = {name: as_maps(x[indices]) / (128 if name == "lit" else 255) for name, x in self.rows.items()}
        return out | {"mean": torch.from_numpy(self.mean[indices])[:, :, None, None]}


def with_traits(eyes, chosen, random):
    """Skin that looks like other people's under its paint: what one bare eye differs from another by is added (docs/decisions/0044)."""
    n = len(chosen["mean"])
    some, others = (eyes[random.integers(0, len(eyes), n)] for _ in range(2))
    share = torch.from_numpy(random.uniform(0, MOST_TRAITS, n) * (random.random(n) < TRAITS_SHARE)).float().view(-1, 1, 1, 1)
    known = (some["lit"] > 0) & (others["lit"] > 0)
    return (chosen["colours"] + share * (1 - chosen["truth"][:, :1]) * known * (some["bare"] - others["bare"])).clamp(0, 1)


def differences(made, truth, face):
    """dE of two looks on a face, and of the true one from the bare face: n x 1 x 48 x 64 each."""
    out, wanted, bare = (lab(laid(face["bare"], face["lit"], x)) for x in (made, truth, torch.zeros_like(truth)))
    length = lambda x: (x.square().sum(1, keepdim=True) + 0.01).sqrt()
    return length(out - wanted), length(wanted - bare)


def scores_of(network, eyes):
    x = inputs(eyes["colours"], eyes["skin"], eyes["believed"], eyes["mean"])
    return network(x.to(memory_format=torch.channels_last))


@torch.no_grad()
def validate(network, eyes, count=768):
    """Recovery of the lids, 1 - error / change, on other held-out people, of what was believed and of what is found: median (mean)."""
    network.eval()
    ratios = {"believed": [], "found": []}
    for start in range(0, min(count, len(eyes)), 64):
        seen = eyes[np.arange(start, min(start + 64, len(eyes)))]
        face = {k: v.roll(2, 0) for k, v in seen.items()}
        found = paint(scores_of(network, seen).float(), seen["believed"], seen["mean"])
        for name, made in (("believed", seen["believed"]), ("found", found)):
            error, change = differences(made, seen["truth"], face)
            where = (ON_LIDS > 0.5) & (face["lit"] > 0) & (seen["skin"] > 0.5) & (change > VISIBLE)
            ratios[name] += [1 - (e[w].sum() / c[w].sum()).item() for e, c, w in zip(error, change, where) if w.sum() > 60]
    network.train()
    return {k: f"{np.median(v):.3f} ({np.mean(v):.3f})" for k, v in ratios.items()}


def loss_of(network, eyes, random, batch, autocast):
    seen, face = eyes[random.integers(0, len(eyes), batch)], eyes[random.integers(0, len(eyes), batch)]
    seen["colours"] = with_traits(eyes, seen, random)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        scores = scores_of(network, seen)
    error, change = differences(paint(scores.float(), seen["believed"], seen["mean"]), seen["truth"], face)
    weight = (1 + PAINTED_WEIGHT * (change / VISIBLE).clamp(max=1)) * (1 + LIDS_WEIGHT * ON_LIDS) * (face["lit"] > 0) * seen["skin"]
    return (error * weight).sum() / weight.sum().clamp_min(1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--eyes", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--warm-start", help="weights to begin with, a last.pt or checkpoints/eye_paint_estimator.safetensors")
    add_options(p, steps=10**9, batch=64, rate=2e-3, hours=0.5)
    p.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    o = p.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    eyes, held_out = Eyes(o.eyes, False), Eyes(o.eyes, True)
    torch.manual_seed(0)
    network = EyePaintEstimator().to(memory_format=torch.channels_last)
    if o.warm_start:
        network.load_state_dict(weights(o.warm_start, None))
    optimizer = torch.optim.AdamW(network.parameters(), o.rate, weight_decay=1e-3, betas=(0.9, 0.99))
    state = resumed(out, network, optimizer)
    course = Course(o, optimizer, state)
    average = state["average"] if state else {k: v.clone() for k, v in network.state_dict().items()}
    judged = EyePaintEstimator().to(memory_format=torch.channels_last)
    random = np.random.default_rng(course.step + 1)
    log = LossLog(out / "log.csv")
    while not course.is_over:
        course.begin_step()
        loss = loss_of(network, eyes, random, o.batch, o.precision == "bfloat16")
        course.descend(network, loss, 5.0)
        keep_up(average, network, min(0.998, course.step / (course.step + 20)))
        log.add(course, loss)
        if course.step % 200 == 0 or course.is_over:
            judged.load_state_dict(average)
            print(course.step, round(course.elapsed), f"{loss.item():.3f}", validate(judged, held_out), flush=True)
            save(out / "last.pt", network=network.state_dict(), average=average, optimizer=optimizer.state_dict(), step=course.step, elapsed=course.elapsed)


if __name__ == "__main__":
    main()
