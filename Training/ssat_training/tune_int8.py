"""Fine-tunes the weights of SSAT live so that its int8 form changes a picture as its float form does. Resumes; logs to CSV.

Rounding costs little (50 dB), but not evenly: washes of lids and cheeks came out a few hundredths too weak. The folded weights learn, through
the rounding, to give what the float network gives; for the lips, lids and cheeks error counts by how much the float network changes them.

Without jemalloc: told to keep all that it has, it grew to 24 GB in 250 steps, where the system's own allocator takes 2 and as long.

    env -u LD_PRELOAD python -m ssat_training.tune_int8 --checkpoint checkpoints/ssat_live.safetensors --pairs DIR --out DIR --steps 400
"""
import argparse
import csv
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .checkpoint import save
from .course import Course, add_options, threads_available
from .export_ssat import calibrated, change, fingerprint, inputs, loaded, tuned_layers
from .graph import FloatGraph, LearningInt8Graph
from .losses.reconstruction import zone_loss
from .networks.ssat_live import LIP_PAINT, OPACITY, PAINT, SSATLive, carried_paint, colours
from .networks.ssat_live_graph import decode, encode, makeup_features
from .train_ssat import SEEN_SHARE, Pairs, mirrored, zones
from .transfer import change_weight, makeup_positions, regions


class Side:
    """One face of every pair on a graph: what the decoder reads again, raw keys and makeup maps."""

    def __init__(self, g, batch, which):
        picture, self.parsing, uv, skin = inputs(g, batch, which)
        self.features, self.keys = encode(g, picture, self.parsing, uv)
        self.made = makeup_features(g, picture, self.features, skin)
        self.picture, self.parsing, self.uv = batch[which] * 2 - 1, batch["p" + which], batch["u" + which]
        self.valid = makeup_positions(F.avg_pool2d(self.parsing, 4))

    def warped(self):
        """The maps that are carried to the other face."""
        return torch.cat([self.made[:, :PAINT.stop], F.avg_pool2d(self.picture, 4) * 2], 1)


def correspondences(network, a, b):
    """Of the float keys, both ways; what is tuned carries its makeup by them."""
    return network.correspondence(F.normalize(a.keys, dim=1), F.normalize(b.keys, dim=1), a.valid, b.valid)


def change_of(g, own, other, to_own):
    makeup = to_own.warp(other.warped())
    known = regions(own.picture, own.parsing, own.uv, other.picture, other.parsing, other.made[:, LIP_PAINT], own.valid)
    paint = carried_paint(makeup)
    maps = colours(makeup, paint, own.picture, known)
    gate, head = decode(g, own.features, g.calibrated_input("decoder.colours", maps), g.calibrated_input("decoder.makeup", makeup))
    return change({"gate": gate, "head": head}, {"a": (own.picture + 1) / 2}, maps, known, paint)


def losses(network, exact, learning, batch):
    """`exact`, `learning`: the two graphs. Terms by name: of the change, relative to it in the zones and everywhere, of the keys, of the paint."""
    with torch.no_grad():
        wanted = {x: Side(exact, batch, x) for x in "ab"}
        to = dict(zip("ab", correspondences(network, wanted["a"], wanted["b"])))
    made = {x: Side(learning, batch, x) for x in "ab"}
    terms = {"zone": 0, "pixel": 0, "keys": 0, "paint": 0}
    for own, other in ("ab", "ba"):
        weight = change_weight(batch["p" + own], batch["u" + own])
        with torch.no_grad():
            truth = change_of(exact, wanted[own], wanted[other], to[own]) * weight
        out = change_of(learning, made[own], made[other], to[own]) * weight
        terms["zone"] = terms["zone"] + zone_loss(out, truth, torch.zeros_like(truth), zones(batch["p" + own], batch["u" + own]))
        terms["pixel"] = terms["pixel"] + 20 * (out - truth).abs().mean()
        valid = wanted[own].valid
        turned = 1 - F.cosine_similarity(made[own].keys, wanted[own].keys, dim=1)[:, None]
        terms["keys"] = terms["keys"] + 20 * (turned * valid).sum() / valid.sum()
        wrong = (made[own].made - wanted[own].made)[:, OPACITY.start:].abs().mean(1, keepdim=True)
        terms["paint"] = terms["paint"] + 2 * (wrong * valid).sum() / valid.sum()
    return terms


def carry_over(learning, kept, ranges):
    """Starts from what was tuned of an earlier checkpoint, where the layers are still that one's; how many are. `kept`: its float weights, the tuned
    ones beside them, as the export keeps them."""
    before = SSATLive().eval().requires_grad_(False)
    before.load_state_dict(loaded(kept)[0])
    untuned = LearningInt8Graph(before, ranges).state()
    tuned = tuned_layers(Path(kept).with_suffix(".tuned.safetensors"), FloatGraph(before))
    same = {k for k, pair in learning.state().items() if all(torch.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in zip(pair, untuned[k]))}
    learning.load({k: pair for k, pair in tuned.items() if k in same})
    return len(same)


def known_to_network(batch):
    """The labels that the network is given in the place of the exact ones."""
    return {k: batch.get(f"seen_{k}", v) for k, v in batch.items()}


@torch.no_grad()
def validate(network, exact, learning, pairs, count):
    terms = [losses(network, exact, learning, known_to_network(pairs.batch(np.arange(k, k + 2)))) for k in range(0, min(count, len(pairs) - 1), 2)]
    return {k: round(float(np.mean([float(t[k]) for t in terms])), 4) for k in terms[0]}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", required=True, help="the float weights: last.pt of a training, or what was kept of one")
    p.add_argument("--warm-start", help="an earlier float checkpoint that was kept with its tuned weights: layers that have not changed start from these")
    p.add_argument("--pairs", required=True)
    p.add_argument("--shards", default="0")
    p.add_argument("--validation-shard", default="9")
    p.add_argument("--out", required=True)
    add_options(p, steps=400, batch=2, rate=1e-5)
    p.add_argument("--calibrate", type=int, default=48, help="pairs that the ranges are taken from, as the export does")
    o = p.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads_available(o.threads))
    pairs, held_out = Pairs(o.pairs, o.shards.split(",")), Pairs(o.pairs, [o.validation_shard])
    network = SSATLive().eval().requires_grad_(False)
    network.load_state_dict(loaded(o.checkpoint)[0])
    ranges = calibrated(network, pairs, o.calibrate)
    exact, learning = FloatGraph(network), LearningInt8Graph(network, ranges)
    optimizer = torch.optim.Adam(learning.parameters(), o.rate)
    state = torch.load(out / "last.pt") if (out / "last.pt").exists() else None
    if state:
        learning.load(state["layers"]), optimizer.load_state_dict(state["optimizer"])
    else:
        if o.warm_start:
            print(carry_over(learning, o.warm_start, ranges), "layers were tuned before", flush=True)
        print(0, validate(network, exact, learning, held_out, 24), flush=True)
    course = Course(o, optimizer, state, warmup=20, least=1e-7)
    random, log = np.random.default_rng(course.step + 1), open(out / "log.csv", "a", newline="")
    while not course.is_over:
        course.begin_step()
        batch = known_to_network(pairs.batch(random.integers(0, len(pairs), o.batch), random.random(o.batch) < SEEN_SHARE))
        terms = losses(network, exact, learning, mirrored(batch) if random.random() < 0.5 else batch)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        course.end_step()
        if course.step % 10 == 0 or course.step == 1:
            csv.writer(log).writerow([course.step, round(course.elapsed, 1)] + [f"{float(v.detach()):.5f}" for v in terms.values()])
            log.flush()
        if course.step % 50 == 0 or course.is_over:
            print(course.step, round(course.elapsed), validate(network, exact, learning, held_out, 24), flush=True)
            save(out / "last.pt", float=fingerprint(exact), layers=learning.state(), optimizer=optimizer.state_dict(), step=course.step, elapsed=course.elapsed)


if __name__ == "__main__":
    main()
