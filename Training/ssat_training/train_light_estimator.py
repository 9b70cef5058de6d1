"""Teaches LightEstimator to tell the light of a picture: pictures in another light than theirs, half of the bare faces painted.

    python -m ssat_training.train_light_estimator --prepared DIR,UNLABELLED --out DIR [--versions 10] [--steps 6000]          (90 seconds)

What light a picture had to begin with is not known: on the mean it is what is called usual. Writes what is measured of the pictures to lights.npz first. Resumes
from its last checkpoint; logs to CSV.
"""
import argparse
import os
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .brightness import measure
from .checkpoint import keep_up, resumed, save
from .course import Course, LossLog, add_options
from .networks.light_estimator import LightEstimator
from .painted_makeup import paint, random_makeup
from .pairs import Faces

PARTS = 32  # of the pictures, one after the other
PAINTED_SHARE = 0.5  # of the bare faces
SAME_SHARE, DARK_SHARE, LAMP_SHARE = 0.25, 0.15, 0.15
DIMMER, WARMER, GREENER = 0.22, 0.12, 0.03  # deviations of logarithms: of all; of red, against blue; of green, against both
AXES = torch.tensor([[0.299, 0.587, 0.114], [1, 0, -1], [-0.5, 1, -0.5]])  # how much there is; how warm; how green
VALIDATED = {"dim": (0.8, 0.8, 0.8), "warm": (1.06, 1, 0.86), "warmer": (1.12, 1, 0.72), "cool": (0.9, 1, 1.12)}


def another_light(random):
    """Logarithms of the factors of R', G' and B'."""
    if random.random() < SAME_SHARE:
        return np.zeros(3)
    light = random.normal(0, DIMMER) + random.normal(0, WARMER) * np.array([0.5, 0, -1]) + random.normal(0, GREENER) * np.array([1, -1, 0])
    if random.random() < DARK_SHARE:
        light = light + random.uniform(-2.5, 0)
    if random.random() < LAMP_SHARE:
        light = light + random.uniform(-1.6, 0, 3)
    return light


def in_light(picture, light):
    return (np.clip(picture * np.exp(light), 0, 1) * 255 + 0.5).astype(np.uint8)


def measured(prepared, versions, part):
    """Brightness and light of every version of a part of the pictures: n x 3 x 4, n x 3."""
    faces, random, rows = Faces(prepared, False), np.random.default_rng(40 + part), []
    bare = set(faces.bare)
    for index in faces.ids[part::PARTS]:
        picture, parsing, uv, _ = faces.load(index, random, relight=False)
        if index in bare and random.random() < PAINTED_SHARE:
            picture = paint(picture, parsing, uv, random_makeup(random))
        for light in (another_light(random) for _ in range(versions)):
            rows.append((measure(in_light(picture, light), parsing), light))
    brightness, light = zip(*rows)
    return np.stack(brightness), np.float32(light)


def measure_all(path, prepared, versions):
    with Pool(os.cpu_count(), cv2.setNumThreads, (1,)) as pool:
        found = pool.starmap(measured, [(prepared, versions, part) for part in range(PARTS)])
    brightness, light = (np.concatenate(x) for x in zip(*found))
    part = path.with_name("part.npz")  # a killed run leaves no half of it
    np.savez(part, brightness=brightness, light=light)
    part.replace(path)


@torch.no_grad()
def validate(network, held_out):
    """Of other people: what is found of a light less what is found without, of what it is, and how far what is found as they are scatters, along AXES."""
    network.eval()
    as_they_are = network(held_out["none"]) @ AXES.T
    out = {"as they are": (as_they_are.mean(0), as_they_are.std(0))}
    for name, light in VALIDATED.items():
        true = torch.tensor(light).log() @ AXES.T
        out[name] = (true, (network(held_out[name]) @ AXES.T).mean(0))
    network.train()
    return {k: " ".join(" ".join(f"{v:+.3f}" for v in x) + ";" for x in pair) for k, pair in out.items()}


def held_out_versions(prepared):
    faces, random = Faces(prepared, True), np.random.default_rng(5)
    loaded = [faces.load(index, random, relight=False)[:2] for index in faces.ids]
    return {name: torch.from_numpy(np.stack([measure(in_light(picture, np.log(light)), parsing) for picture, parsing in loaded]))
            for name, light in {"none": (1, 1, 1), **VALIDATED}.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--versions", type=int, default=10, help="of every picture, each in a light of its own")
    add_options(p, steps=6000, batch=1024, rate=3e-3, hours=100)
    o = p.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "lights.npz").exists():
        measure_all(out / "lights.npz", o.prepared, o.versions)
    lessons = {k: torch.from_numpy(v) for k, v in np.load(out / "lights.npz").items()}
    held_out = held_out_versions(o.prepared)
    torch.manual_seed(0)
    network = LightEstimator()
    optimizer = torch.optim.AdamW(network.parameters(), o.rate, weight_decay=1e-2)
    state = resumed(out, network, optimizer)
    course, log = Course(o, optimizer, state), LossLog(out / "log.csv")
    average = state["average"] if state else {k: v.clone() for k, v in network.state_dict().items()}
    random = np.random.default_rng(course.step + 1)
    while not course.is_over:
        course.begin_step()
        rows = torch.from_numpy(random.integers(0, len(lessons["light"]), o.batch))
        loss = F.smooth_l1_loss(network(lessons["brightness"][rows]) @ AXES.T, lessons["light"][rows] @ AXES.T, beta=0.1)
        course.descend(network, loss, 5.0)
        keep_up(average, network, min(0.998, course.step / (course.step + 20)))
        log.add(course, loss)
        if course.step % 1000 == 0 or course.is_over:
            judged = LightEstimator()
            judged.load_state_dict(average)
            print(course.step, round(course.elapsed), f"{loss.item():.4f}", *(f"\n  {k}: {v}" for k, v in validate(judged, held_out).items()), flush=True)
            save(out / "last.pt", network=network.state_dict(), average=average, optimizer=optimizer.state_dict(), step=course.step, elapsed=course.elapsed)


if __name__ == "__main__":
    main()
