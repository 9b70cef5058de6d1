"""Trains SSAT live on ready-made pairs. Resumes from its last checkpoint; logs to CSV; writes sample sheets.

    python -m ssat_training.train_ssat --pairs DIR --out DIR --steps 3000
"""
import argparse
import csv
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .checkpoint import keep_up, resumed, save, weights
from .course import Course, add_options, threads_available
from .face_zones import CHEEK_ZONE, EYE_ZONE
from .losses.adversarial import Judges
from .losses.consistency import cycle_loss, self_reconstruction_loss
from .losses.correspondence import semantic_loss, uv_loss
from .losses.paint import paint_loss
from .losses.reconstruction import gradient_loss, lowpass_loss, pixel_loss, zone_loss
from .losses.spatial_profile import spatial_profile_loss
from .losses.steadiness import steadiness_loss
from .networks.ssat_live import ABLATIONS, CLASSES, SSATLive, from_notebook, widen
from .networks.two_input import TwoInput
from .transfer import FOUND, lips_share, skin_colour, transfer

LABELS = ("pa", "pb", "ua", "ub")
FIELDS = ("a", "b", "ga", "gb", "ka", "kb", "real", *LABELS)
SEEN_SHARE = 0.7  # of the pairs are given to the network with FaceMesh's labels, as in the filter
ZONES = np.stack([EYE_ZONE, CHEEK_ZONE])
NETWORKS = ("ssat_live", "two_input", "two_input_pictures")  # the latter two without correspondence


class Pairs:
    """Memory-mapped arrays of one or more shards, written by `ssat_training.pairs`, and by `ssat_training.seen_pairs` if that ran."""

    def __init__(self, folder, shards):
        self.has_seen = all((Path(folder) / f"seen_ub_{s}.npy").exists() for s in shards)
        self.has_paint = all((Path(folder) / f"lips_b_{s}.npy").exists() for s in shards)
        fields = FIELDS + tuple(f"seen_{f}" for f in LABELS if self.has_seen) + (FOUND if self.has_paint else ())
        self.arrays = {f: [np.load(Path(folder) / f"{f}_{s}.npy", mmap_mode="r") for s in shards] for f in fields}
        self.starts = np.cumsum([0] + [len(x) for x in self.arrays["a"]])

    def __len__(self):
        return int(self.starts[-1])

    def _rows(self, field, indices):
        shard = np.searchsorted(self.starts, indices, side="right") - 1
        return np.stack([self.arrays[field][s][i - self.starts[s]] for s, i in zip(shard, indices)])

    def batch(self, indices, seen=None, with_other=False):
        """`seen`: for which pairs the network is given FaceMesh's labels (`seen_pa`...) in place of the exact ones; all if None.
        `with_other`: also a's labels that it is not given (`other_pa`, `other_ua`)."""
        out = {f: torch.from_numpy(self._rows(f, indices)).permute(0, 3, 1, 2).float().div_(255) for f in ("a", "b", "ga", "gb")}
        out |= {f: torch.from_numpy(self._rows(f, indices)).permute(0, 3, 1, 2).float() for f in ("ka", "kb")}
        seen = np.full(len(indices), self.has_seen) if seen is None else seen & self.has_seen
        for f in LABELS:
            exact = self._rows(f, indices)
            out[f] = out[f"seen_{f}"] = as_maps(exact)
            other = with_other and self.has_seen and f in ("pa", "ua")
            if seen.any() or other:
                choice, seen_rows = seen.reshape(-1, 1, 1, *[1] * (exact.ndim - 3)), self._rows(f"seen_{f}", indices)
                out[f"seen_{f}"] = as_maps(np.where(choice, seen_rows, exact))
                if other:
                    out[f"other_{f}"] = as_maps(np.where(choice, exact, seen_rows))
        out["real"] = torch.from_numpy(self._rows("real", indices).astype(np.int64))
        for f in FOUND if self.has_paint else ():
            rows = torch.from_numpy(self._rows(f, indices))
            out[f] = rows[:, :, None, None] if rows.dim() == 2 else rows.permute(0, 3, 1, 2).float().div_(255)
        return out


def as_maps(labels):
    """n x 256 x 256 classes to one-hot maps; n x 64 x 64 x 2 UV to n x 2 x 64 x 64."""
    if labels.ndim == 3:
        return (torch.from_numpy(labels)[:, None] == torch.arange(CLASSES, dtype=torch.uint8).view(1, -1, 1, 1)).float()
    return torch.from_numpy(labels).float().permute(0, 3, 1, 2)


def mirrored(batch):
    out = {k: (v.flip(-1) if v.dim() == 4 else v) for k, v in batch.items()}
    for field in {"ua", "ub", "seen_ua", "seen_ub", "other_ua"} & out.keys():
        u = out[field][:, 0]
        out[field][:, 0] = torch.where(u < 0, torch.full_like(u, -1), 1 - u)
    return out


def zones(parsing, uv):
    """Lips from the parsing; eyelids and cheeks from the mesh, on skin only. n x 3 x 256 x 256."""
    n = uv.shape[0]
    grid = (uv.permute(0, 2, 3, 1) * 2 - 1).float()
    field = torch.from_numpy(ZONES)[None].expand(n, -1, -1, -1)
    sampled = F.grid_sample(field, grid, align_corners=True) * (uv[:, :1] >= 0)
    skin = parsing[:, 1:3].sum(1, keepdim=True)
    wide = F.interpolate(sampled, scale_factor=4, mode="bilinear", align_corners=False) * skin
    return torch.cat([parsing[:, 7:9].sum(1, keepdim=True), wide], 1)


def answer_losses(t, batch):
    """Of both outputs, against the known answers of the pair."""
    terms = {"pixel": 0, "gradient": 0, "lowpass": 0, "zone": 0}
    for output, truth, source, parsing, uv in (
        (t.output_a, batch["ga"], batch["a"], batch["pa"], batch["ua"]),
        (t.output_b, batch["gb"], batch["b"], batch["pb"], batch["ub"]),
    ):
        terms["pixel"] += 2 * pixel_loss(output, truth, source, parsing)
        terms["gradient"] += 2 * gradient_loss(output, truth)
        terms["lowpass"] += 5 * lowpass_loss(output, truth)
        terms["zone"] += 0.08 * zone_loss(output, truth, source, zones(parsing, uv))
    return terms


def losses(network, batch, autocast):
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        t = transfer(network, batch)
    terms = answer_losses(t, batch)
    if isinstance(network, TwoInput):
        return terms, t
    known = 1 - batch["real"].float()
    if network.makeup_projection not in network.frozen:
        terms["paint"] = sum(
            paint_loss(makeup, lips, batch[f"k{x}"], skin_colour(batch[x], face.parsing64), known, face.valid, lips_share(batch[f"p{x}"]))
            for x, makeup, lips, face in (("a", t.makeup_a, t.lips_a, t.face_a), ("b", t.makeup_b, t.lips_b, t.face_b)))
    if network.keys_frozen or network.without & {"correspondence", "semantic_loss"}:
        return terms, t
    sides = (t.warped_a, batch["ua"], t.face_a), (t.warped_b, batch["ub"], t.face_b)
    terms["uv"] = 2 * sum(uv_loss(warped.uv, uv, face.valid) for warped, uv, face in sides)
    terms["semantic"] = sum(semantic_loss(warped.parsing, face.parsing64, face.valid) for warped, _, face in sides)
    return terms, t


def further_losses(network, batch, t, weights, judges, autocast):
    """The paper's losses that a pair with a known answer does not need (section 3.4), and steadiness, each with a weight; 0 leaves it out."""
    terms = {}
    if weights["spatial_profile"]:
        terms["spatial_profile"] = weights["spatial_profile"] * (
            spatial_profile_loss(t.output_a, batch["a"], batch["ga"]) + spatial_profile_loss(t.output_b, batch["b"], batch["gb"]))
    if judges:
        judges.learn(batch, t.output_a, t.output_b)
        terms["adversarial"] = weights["adversarial"] * judges.loss(t.output_a, t.output_b)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        if weights["cycle"]:
            terms["cycle"] = weights["cycle"] * cycle_loss(network, batch, t.output_a, t.output_b)
        if weights["self_reconstruction"]:
            terms["self_reconstruction"] = weights["self_reconstruction"] * self_reconstruction_loss(network, batch)
    if weights["steadiness"]:
        terms["steadiness"] = weights["steadiness"] * steadiness_loss(network, batch, t, autocast)
    return terms


FURTHER_LOSSES = ("spatial_profile", "adversarial", "cycle", "self_reconstruction", "steadiness")


def lab(x):
    return np.stack([cv2.cvtColor(np.ascontiguousarray(i), cv2.COLOR_RGB2LAB) for i in x.permute(0, 2, 3, 1).float().clamp(0, 1).numpy()])


@torch.no_grad()
def validate(network, pairs, count, autocast, sheet=None):
    """Recovery per zone (models.md, section 5): 1 - mean dE(out, truth) / mean dE(source, truth) where the truth changes by over 3 dE."""
    network.eval()
    count = min(count, len(pairs))
    ratios = {(k, z): [] for k in ("painted", "real") for z in ("lips", "eyelids", "cheeks")}
    rows = []
    for start in range(0, count, 8):
        batch = pairs.batch(np.arange(start, min(start + 8, count)))
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            out = transfer(network, batch).output_a
        source, truth, made = lab(batch["a"]), lab(batch["ga"]), lab(out)
        before, after = np.linalg.norm(source - truth, axis=-1), np.linalg.norm(made - truth, axis=-1)
        weight = zones(batch["pa"], batch["ua"]).numpy() > 0.5
        for i in range(len(out)):
            for z, name in enumerate(("lips", "eyelids", "cheeks")):
                where = weight[i, z] & (before[i] > 3)
                if where.sum() > 50:
                    ratios["real" if batch["real"][i] else "painted", name].append(1 - after[i][where].mean() / before[i][where].mean())
        if sheet and start < 24:
            rows += [np.vstack([x.permute(1, 2, 0).float().clamp(0, 1).numpy() for x in (batch["a"][i], batch["b"][i], out[i], batch["ga"][i])]) for i in range(len(out))]
    if sheet:
        cv2.imwrite(str(sheet), (np.hstack(rows) * 255).astype(np.uint8)[..., ::-1])
    network.train()
    return {f"{k}_{z}": round(float(np.median(v)), 3) if v else float("nan") for (k, z), v in ratios.items()}


def centre_keys(network, pairs, count=16):
    """A new network's keys all point the same way; so do those of the lab notebook, which centred them picture by picture."""
    batch = pairs.batch(np.arange(min(count, len(pairs))))
    network.eval()
    with torch.no_grad():
        features, _ = network.encode(batch["a"] * 2 - 1, batch["seen_pa"], batch["seen_ua"])
    network.feature_fusion.centre_keys(*features[:2], network.seen_by_keys(features[3]))
    network.train()


def network_of(name, without=()):
    """`name`: one of `NETWORKS`; `without`: some of `ABLATIONS`, for SSAT live."""
    network = SSATLive(without=without) if name == "ssat_live" else TwoInput(whole_pictures=name == "two_input_pictures")
    return network.to(memory_format=torch.channels_last)


def drawn_from(pairs, without):
    """Which pairs are trained on: all, or the pseudo pairs only."""
    real = np.concatenate([np.asarray(x) for x in pairs.arrays["real"]]) == 1
    return np.nonzero(real)[0] if "painted_pairs" in without else np.arange(len(pairs))


def bfloat16_is_faster(pairs, size):
    """Measured, not assumed: it won by 3 times on one kind of processor and lost by 1.4 to 2 times on another."""
    network = SSATLive().to(memory_format=torch.channels_last)
    batch = pairs.batch(np.arange(size))
    seconds = {}
    for autocast in (False, True, False, True):
        start = time.time()
        sum(losses(network, batch, autocast)[0].values()).backward()
        seconds[autocast] = time.time() - start
    return seconds[True] < seconds[False]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", required=True)
    arguments.add_argument("--shards", default="0,1")
    arguments.add_argument("--validation-shard", default="9")
    arguments.add_argument("--out", required=True)
    add_options(arguments, steps=3000, batch=4, rate=1.2e-3)
    arguments.add_argument("--warm-start", help="a checkpoint of this script or of the lab notebook")
    arguments.add_argument("--freeze-keys", action="store_true", help="train the encoders of the reference and the decoder only")
    arguments.add_argument("--freeze-encoders", action="store_true", help="train the decoder only")
    arguments.add_argument("--keys-only", action="store_true", help="train feature fusion and the softmax's temperature only; in float32, for bfloat16 rounds the warped coordinates")
    arguments.add_argument("--residual-only", action="store_true", help="train what the decoder adds to the gated colours only")
    arguments.add_argument("--network", choices=NETWORKS, default="ssat_live", help="two_input: the baseline without correspondence; two_input_pictures: the same, making whole pictures")
    arguments.add_argument("--without", action="append", choices=ABLATIONS, default=[], help="ablation: train without this part (repeatable)")
    for name in FURTHER_LOSSES:
        arguments.add_argument(f"--{name.replace('_', '-')}", type=float, default=0.0, help="weight of this loss")
    arguments.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="auto: the faster on this machine, by a few steps of each")
    o = arguments.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)

    pairs, held_out = Pairs(o.pairs, o.shards.split(",")), Pairs(o.pairs, [o.validation_shard])
    chosen = drawn_from(pairs, o.without)
    torch.manual_seed(1)
    network = network_of(o.network, o.without)
    optimizer = torch.optim.AdamW(network.parameters(), o.rate, weight_decay=1e-4, betas=(0.9, 0.99))
    state = resumed(out, network, optimizer)
    course = Course(o, optimizer, state, warmup=50, least=1e-5)
    if o.warm_start and not state:
        network.load_state_dict(widen(weights(o.warm_start, from_notebook)))
    freeze = {"freeze_keys": o.freeze_keys, "freeze_encoders": o.freeze_encoders, "freeze_all_but_keys": o.keys_only, "freeze_all_but_residual": o.residual_only}
    freeze = [name for name, wanted in freeze.items() if wanted]
    if not state and not freeze and o.network == "ssat_live":
        centre_keys(network, pairs)
    if len(freeze) > 1:
        arguments.error("one of --freeze-keys, --freeze-encoders, --keys-only, --residual-only")
    for name in freeze:
        getattr(network, name)()
    average = state["average"] if state else {k: v.clone() for k, v in network.state_dict().items()}
    torch.set_num_threads(threads_available(o.threads))
    autocast = bfloat16_is_faster(pairs, o.batch) if o.precision == "auto" else o.precision == "bfloat16"
    print("bfloat16" if autocast else "float32", flush=True)
    further = {name: getattr(o, name) for name in FURTHER_LOSSES}
    judges = Judges() if o.adversarial else None
    if judges and state and state.get("judges"):
        judges.load_state_dict(state["judges"]), judges.optimizer.load_state_dict(state["judges_optimizer"])
    evaluated = network_of(o.network, o.without)
    random = np.random.default_rng(course.step + 1)
    log = open(out / "log.csv", "a", newline="")
    writer = csv.writer(log)
    while not course.is_over:
        course.begin_step()
        batch = pairs.batch(chosen[random.integers(0, len(chosen), o.batch)], random.random(o.batch) < SEEN_SHARE, with_other=o.steadiness > 0)
        if random.random() < 0.5:
            batch = mirrored(batch)
        terms, made = losses(network, batch, autocast)
        terms |= further_losses(network, batch, made, further, judges, autocast)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        course.end_step()
        keep_up(average, network, min(0.998, course.step / (course.step + 20)))
        if course.step % 10 == 0 or course.step == 1:
            writer.writerow([course.step, round(course.elapsed, 1), torch.get_num_threads()] + [f"{v.item():.5f}" for v in terms.values()])
            log.flush()
        if course.step % 200 == 0 or course.is_over:
            evaluated.load_state_dict(average)
            print(course.step, round(course.elapsed), validate(evaluated, held_out, 96, autocast, out / "sheet.png"), flush=True)
            save(out / "last.pt", kind=o.network, without=o.without, network=network.state_dict(), optimizer=optimizer.state_dict(), step=course.step, average=average, elapsed=course.elapsed,
                 judges=judges and judges.state_dict(), judges_optimizer=judges and judges.optimizer.state_dict())


if __name__ == "__main__":
    main()
