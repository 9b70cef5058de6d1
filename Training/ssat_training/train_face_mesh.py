"""Trains FaceMesh: landmarks, presence and parsing in one network. Resumes from its last checkpoint; logs to CSV; writes sheets.

Faces without labels teach too (mean teacher, Tarvainen and Valpola 2017, arXiv 1703.01780): the averaged weights parse a plain view,
the network must find the same in a view that is moved, relit, blurred or covered. What two frames of one face show is then parsed alike.

    python -m ssat_training.train_face_mesh --prepared DIR --landmarks DIR --noface DIR --out DIR --steps 4000
"""
import argparse
import csv
import glob
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .checkpoint import keep_up, resumed, save, weights
from .course import Course, add_options, threads_available
from .face_mesh_data import SIZE, UNKNOWN, PreparedFaces, no_face, two_views
from .networks.face_mesh import CLASSES, FaceMesh, from_notebook
from .splits import held_out
from .train_face_detector import Faces

# Small classes count a little more. Weights of 4 made the lips 13 % too large; the overlap term balances the classes already.
CLASS_WEIGHT = torch.tensor([1, 1, 1, 2, 1.5, 1, 1, 1.5, 1.5, 2, 1.5])
COLOURS = np.random.default_rng(1).integers(40, 255, (CLASSES + 1, 3)).astype(np.uint8)


class Source:
    """Mixes the kinds of examples: most with labels, some in two views without, some without a face."""

    def __init__(self, o, validation):
        hands = np.load(o.hands)["hands"] if o.hands else ()
        self.prepared, self.faces = PreparedFaces(o.prepared, validation, hands, o.makeup, o.art), Faces(o.landmarks, validation)
        self.backgrounds = [b for b in sorted(glob.glob(f"{o.noface}/*")) if held_out(b) == validation]

    def batch(self, count, random):
        kinds = random.choice(3, count, p=(0.6, 0.27, 0.13))
        make = (lambda: self.prepared.random(random), lambda: two_views(self.faces, random),
                lambda: no_face(self.faces, self.backgrounds, random))
        return collate([make[k]() for k in kinds])


def to_network(pictures):
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def collate(examples):
    """Pictures n x 3 x 256 x 256, parsing, landmarks in -1...1, presence; which examples have a plain view, those, and for every pixel
    of such an example where it lies in its plain view, -1...1."""
    pictures, parsing, landmarks, presence, plain = zip(*examples)
    paired = [k for k, p in enumerate(plain) if p is not None]
    views = to_network([plain[k][0] for k in paired]) if paired else None
    grids = torch.stack([grid(plain[k][1]) for k in paired]) if paired else None
    return (to_network(pictures), torch.from_numpy(np.stack(parsing)).long(), torch.from_numpy((np.stack(landmarks) / 128 - 1).astype(np.float32)),
            torch.tensor(presence), (paired, views, grids))


def grid(matrix):
    y, x = np.mgrid[:SIZE, :SIZE]
    there = np.stack([x, y, np.ones_like(x)], -1) @ matrix.T
    return torch.from_numpy(((there + 0.5) * 2 / SIZE - 1).astype(np.float32))


@torch.no_grad()
def plain_parsing(teacher, views, grids, autocast):
    """What the averaged weights parse in the plain views, laid where the examples show it; 0 in all classes outside of the plain view."""
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        scores = teacher(views.to(memory_format=torch.channels_last))[2]
    return F.grid_sample(scores.float().softmax(1), grids, align_corners=False)


def losses(network, batch, autocast, teacher):
    picture, parsing, landmarks, presence, (paired, views, grids) = batch
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        points, logit, scores = network(picture.to(memory_format=torch.channels_last))
    scores = scores.float()
    known = torch.isfinite(landmarks)
    terms = {"landmarks": 10 * (points.float() - landmarks.nan_to_num())[known].abs().mean()}
    terms["presence"] = 0.3 * F.binary_cross_entropy_with_logits(logit.float(), presence)
    terms["classes"], terms["overlap"] = parsing_losses(scores, parsing)
    terms["two_views"] = torch.zeros(())
    if paired:
        wanted = plain_parsing(teacher, views, grids, autocast)
        free = (parsing[paired] == UNKNOWN) & (wanted.sum(1) > 0.99)
        error = -(wanted * scores[paired].log_softmax(1)).sum(1)
        terms["two_views"] = 0.4 * (error * free).sum() / free.sum().clamp_min(1)
    return terms


def parsing_losses(scores, parsing):
    """Weighted cross entropy and 1 - mean Dice overlap. No one-hot maps: at n x 11 x 256 x 256 they cost as much as the network."""
    logarithms = scores.log_softmax(1)
    known = (parsing != UNKNOWN).float()
    labels = parsing.clamp(max=CLASSES - 1)
    chosen = logarithms.gather(1, labels[:, None])[:, 0]
    weight = CLASS_WEIGHT[labels] * known
    hits = torch.zeros(CLASSES).index_add(0, labels.flatten(), (chosen.exp() * known).flatten())
    total = torch.einsum("nchw,nhw->c", logarithms.exp(), known) + torch.bincount(labels.flatten(), known.flatten(), CLASSES)
    return -(chosen * weight).sum() / weight.sum().clamp_min(1), 1 - ((2 * hits + 1) / (total + 1)).mean()


@torch.no_grad()
def validate(network, prepared, negatives, count, autocast, sheet):
    """Landmark error over eye distance, IoU of every class, presence right on faces and on others; plain crops of held-out people."""
    confusion, errors, right, rows = np.zeros((CLASSES, CLASSES)), [], [], []
    for start in range(0, min(count, len(prepared.ids)), 16):
        examples = [prepared.example(i) for i in prepared.ids[start:start + 16]]
        picture, parsing, landmarks, _, _ = collate(examples)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            points, logit, scores = network(picture.to(memory_format=torch.channels_last))
        classes = scores.argmax(1)
        np.add.at(confusion, (parsing.numpy().ravel(), classes.numpy().ravel()), 1)
        eyes = (landmarks[:, 33] - landmarks[:, 263]).norm(dim=-1)
        errors += ((points.float() - landmarks).norm(dim=-1).mean(1) / eyes).tolist()
        right += (logit > 0).tolist()
        if start == 0:
            rows = [np.vstack([e[0], COLOURS[c], COLOURS[e[1]]]) for e, c in zip(examples[:8], classes.numpy())]
    wrong = [float((network(collate([e])[0])[1] < 0).item()) for e in negatives]
    cv2.imwrite(str(sheet), np.hstack(rows)[..., ::-1])
    overlap = confusion.diagonal() / np.maximum(confusion.sum(0) + confusion.sum(1) - confusion.diagonal(), 1)
    return {"landmarks": round(float(np.mean(errors)), 4), "mIoU": round(float(overlap.mean()), 3), "IoU": np.round(overlap, 2).tolist(),
            "presence": [round(float(np.mean(right)), 3), round(float(np.mean(wrong)), 3)]}


def bfloat16_is_faster(source, size):
    """Measured, not assumed: machines differ."""
    network, teacher = (FaceMesh().to(memory_format=torch.channels_last) for _ in range(2))
    batch, seconds = source.batch(size, np.random.default_rng(0)), {}
    for autocast in (False, True, False, True):
        start = time.time()
        sum(losses(network, batch, autocast, teacher.eval()).values()).backward()
        seconds[autocast] = time.time() - start
    return seconds[True] < seconds[False]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("prepared", "landmarks", "noface", "out"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--hands", help="what ssat_training.hands wrote; without it, hands are only drawn")
    p.add_argument("--art", type=float, default=0.0, help="share of the painted faces that are painted all over; tried, and not in the weights that ship (docs/quality.md)")
    p.add_argument("--makeup", help="what ssat_training.prepare_unlabelled wrote of the makeup packs, for --art; without it, such faces are only drawn")
    add_options(p, steps=4000, batch=16, rate=2e-3)
    p.add_argument("--warm-start", help="a checkpoint of this script or of the lab notebook")
    p.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="auto: the faster on this machine, by a few steps of each")
    o = p.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    source, prepared = Source(o, False), PreparedFaces(o.prepared, True)
    other = Source(o, True)
    torch.set_num_threads(threads_available(o.threads))
    autocast = bfloat16_is_faster(source, o.batch) if o.precision == "auto" else o.precision == "bfloat16"
    print("bfloat16" if autocast else "float32", flush=True)
    negatives = [no_face(other.faces, other.backgrounds, np.random.default_rng(k)) for k in range(48)]
    network = FaceMesh().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), o.rate, weight_decay=1e-4)
    state = resumed(out, network, optimizer)
    if o.warm_start and not state:
        network.load_state_dict(weights(o.warm_start, from_notebook))
    course = Course(o, optimizer, state, least=1e-5)
    teacher = FaceMesh().to(memory_format=torch.channels_last).eval()
    teacher.load_state_dict(state["average"] if state else network.state_dict())
    average = teacher.state_dict()  # the very tensors of the teacher: averaging them in place moves it
    random = np.random.default_rng(course.step + 1)
    log = open(out / "log.csv", "a", newline="")
    while not course.is_over:
        course.begin_step()
        terms = losses(network, source.batch(o.batch, random), autocast, teacher)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        course.end_step()
        keep_up(average, network, min(0.998, course.step / (course.step + 10)))
        if course.step % 10 == 0 or course.step == 1:
            csv.writer(log).writerow([course.step, round(course.elapsed, 1)] + [f"{float(v.detach()):.5f}" for v in terms.values()])
            log.flush()
        if course.step % 200 == 0 or course.is_over:
            print(course.step, round(course.elapsed), validate(teacher, prepared, negatives, 128, autocast, out / "sheet.png"), flush=True)
            save(out / "last.pt", network=network.state_dict(), optimizer=optimizer.state_dict(), step=course.step, average=average, elapsed=course.elapsed)


if __name__ == "__main__":
    main()
