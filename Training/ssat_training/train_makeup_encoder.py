"""Teaches the makeup encoder what was painted, before and apart from the transfer: six times as many pictures an hour.

    python -m ssat_training.train_makeup_encoder --pairs DIR --out DIR --warm-start checkpoints/ssat_live.safetensors

Only the makeup encoder and its projection learn; the content and semantic encoders that it reads stay. Resumes; logs to CSV.
`DIR/last.pt` is a warm start of `ssat_training.train_ssat`.
"""
import argparse
import csv
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .checkpoint import resumed, save, weights
from .course import Course, add_options
from .losses.paint import of_the_lips, paint_change, paint_loss
from .networks.ssat_live import OPACITY, PAINT, SSATLive, from_notebook, widen
from .train_ssat import SEEN_SHARE, Pairs, mirrored, zones
from .transfer import lips_share, makeup_positions, skin_colour


def side(batch, which):
    """One face of every pair, as the network is given it."""
    picture, parsing = batch[which] * 2 - 1, batch["seen_p" + which]
    parsing64 = F.avg_pool2d(parsing, 4)
    return picture, parsing, batch["seen_u" + which], skin_colour(picture, parsing64), makeup_positions(parsing64), lips_share(batch["p" + which])


def makeup_maps(network, batch):
    """Of both faces of every pair, a's, then b's: makeup maps, lips' paint, skin colour in [0, 1], valid cells, exact share of lips."""
    picture, parsing, uv, skin, valid, lips_share = (torch.cat(x) for x in zip(side(batch, "a"), side(batch, "b")))
    with torch.no_grad():
        features, _ = network.encode(picture, parsing, uv)
    return *network.makeup(picture, features, skin), (skin + 1) / 2, valid, lips_share


@torch.no_grad()
def validate(network, pairs, count, autocast):
    """Recovery of the paint per zone, 1 - error / change of skin of the mean colour, where the paint changes the zone."""
    network.makeup_encoder.eval()
    ratios = {z: [] for z in ("lips", "eyelids", "cheeks")}
    for start in range(0, min(count, len(pairs)), 8):
        batch = pairs.batch(np.arange(start, min(start + 8, len(pairs))))
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            makeup, lips, skin, _, share = makeup_maps(network, batch)
        painted = torch.cat([batch["ka"], batch["kb"]])
        parsing, uv = torch.cat([batch["pa"], batch["pb"]]), torch.cat([batch["ua"], batch["ub"]])
        weight = F.avg_pool2d(zones(parsing, uv), 4)
        made = torch.cat([makeup[:, OPACITY.start:PAINT.stop].float(), lips], 1)
        for z, name in enumerate(ratios):
            wanted, got = (of_the_lips(painted, share), made[:, 4:]) if name == "lips" else (painted[:, :4], made[:, :4])
            truth = paint_change(wanted, skin)
            error, change = (paint_change(got, skin) - truth).abs().sum(1), truth.abs().sum(1)
            for i in range(len(made)):
                where = (weight[i, z] > 0.5) & (change[i] > 0.03)
                if where.sum() > 4:
                    ratios[name].append(1 - (error[i][where].sum() / change[i][where].sum()).item())
    network.makeup_encoder.train()
    return {k: round(float(np.median(v)), 3) for k, v in ratios.items() if v}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", required=True)
    arguments.add_argument("--shards", default="0,1")
    arguments.add_argument("--validation-shard", default="9")
    arguments.add_argument("--out", required=True)
    add_options(arguments, steps=3000, batch=8, rate=2e-3, batch_of="pairs; twice as many pictures")
    arguments.add_argument("--warm-start", required=True)
    arguments.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    o = arguments.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    pairs, held_out = Pairs(o.pairs, o.shards.split(",")), Pairs(o.pairs, [o.validation_shard])
    painted = np.concatenate([np.asarray(x) for x in pairs.arrays["real"]]) == 0
    painted = np.nonzero(painted)[0]
    network = SSATLive().to(memory_format=torch.channels_last)
    network.load_state_dict(widen(weights(o.warm_start, from_notebook)))
    network.eval().makeup_encoder.train()
    learned = [*network.makeup_encoder.parameters(), *network.makeup_projection.parameters()]
    optimizer = torch.optim.AdamW(learned, o.rate, weight_decay=1e-4, betas=(0.9, 0.99))
    course = Course(o, optimizer, resumed(out, network, optimizer), warmup=50, least=1e-5)
    random, autocast = np.random.default_rng(course.step + 1), o.precision == "bfloat16"
    log = open(out / "log.csv", "a", newline="")
    writer = csv.writer(log)
    while not course.is_over:
        course.begin_step()
        batch = pairs.batch(random.choice(painted, o.batch), random.random(o.batch) < SEEN_SHARE)
        if random.random() < 0.5:
            batch = mirrored(batch)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            makeup, lips, skin, valid, lips_share = makeup_maps(network, batch)
        loss = paint_loss(makeup, lips, torch.cat([batch["ka"], batch["kb"]]), skin, torch.ones(len(makeup)), valid, lips_share)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        course.end_step()
        if course.step % 10 == 0:
            writer.writerow([course.step, round(course.elapsed, 1), f"{loss.item():.5f}"])
            log.flush()
        if course.step % 200 == 0 or course.is_over:
            print(course.step, round(course.elapsed), f"{loss.item():.4f}", validate(network, held_out, 96, autocast), flush=True)
            save(out / "last.pt", network=network.state_dict(), average=network.state_dict(), optimizer=optimizer.state_dict(), step=course.step, elapsed=course.elapsed)


if __name__ == "__main__":
    main()
