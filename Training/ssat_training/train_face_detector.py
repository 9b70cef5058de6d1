"""Trains FaceDetector on faces of labelled pictures laid over pictures without faces, at all sizes and rotations, some behind masks, hands and glasses.

    python -m ssat_training.train_face_detector --landmarks DIR --noface DIR --out DIR --steps 3000 [--hands FILE] [--warm-start checkpoints/face_detector.safetensors]
"""
import argparse
import glob
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from . import covers
from .checkpoint import keep_up, resumed, save, weights
from .course import Course, LossLog, add_options
from .face_zones import LIPS_OUTER
from .networks.face_detector import SIZE, STRIDES, FaceDetector, decode, iou
from .splits import held_out

EYES, NOSE, MOUTH = ((33, 133), (362, 263)), 4, (61, 291)
COVERED_SHARE = 0.3  # of the faces
LIMITS = (0, 56, 120, 10_000)  # longer side of the box, px: which stride owns a face


def five_points(landmarks):
    return np.stack([*(landmarks[list(e)].mean(0) for e in EYES), landmarks[NOSE], *(landmarks[i] for i in MOUTH)])


class Faces:
    """Pictures with one known face each, kept as JPEG bytes; box and points in picture pixels."""

    def __init__(self, folder, validation):
        self.items = []
        for archive in sorted(glob.glob(f"{folder}/lab_*.npz")):
            with np.load(archive) as f:
                names, landmarks = f["names"], f["lm"][:, :, :2]
            for name, points in zip(names, landmarks):
                if held_out(str(name)) == validation:
                    self.items.append((str(name), points[:468]))

    def __len__(self):
        return len(self.items)

    def load(self, index):
        name, landmarks = self.items[index]
        return cv2.imread(name), landmarks


def parsing_of(landmarks, size):
    """Skin and lips as far as landmarks tell: enough for what is laid over them."""
    parsing = np.zeros((size, size), np.uint8)
    for points, kind in ((landmarks, covers.SKIN), (landmarks[LIPS_OUTER], covers.LIPS[0])):
        cv2.fillConvexPoly(parsing, cv2.convexHull(np.round(points).astype(np.int32)), kind)
    return parsing


def cover(picture, landmarks, hands, random):
    """Puts a mask, a hand (of `hands`, if any), fingers or glasses before a face, in place."""
    centre, height, width = landmarks.mean(0), *picture.shape[:2]
    side = int(min(1.5 * np.ptp(landmarks, 0).max(), height, width))
    x, y = (int(np.clip(centre[k] - side / 2, 0, n - side)) for k, n in ((0, width), (1, height)))
    square, points = picture[y : y + side, x : x + side], landmarks - [x, y]
    parsing, kind = parsing_of(points, side), random.random()
    if kind < 0.45:
        covers.face_mask(square, parsing, points, random)
    elif kind < 0.75 and len(hands):
        covers.hand(square, parsing, hands, random)
    elif kind < 0.85:
        covers.fingers(square, parsing, random)
    else:
        covers.glasses(square, parsing, points, random)


def turn(scale, angle, source, target):
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    m = np.float32([[c, -s, 0], [s, c, 0]])
    m[:, 2] = np.asarray(target) - m[:, :2] @ np.asarray(source)
    return m


def paste(canvas, picture, landmarks, m, whole, random):
    """Lays a picture over the canvas: all of it, or a soft oval around the face."""
    laid = cv2.warpAffine(picture, m, (SIZE, SIZE), flags=cv2.INTER_AREA if m[0, 0] ** 2 + m[1, 0] ** 2 < 0.5 else cv2.INTER_LINEAR)
    mask = np.full(picture.shape[:2], 255, np.uint8)
    if not whole:
        mask[:] = 0
        (cx, cy), r = landmarks.mean(0), np.ptp(landmarks, 0).max()
        cv2.ellipse(mask, (int(cx), int(cy - 0.1 * r)), (int(r * random.uniform(0.75, 1.1)), int(r * random.uniform(0.9, 1.3))), 0, 0, 360, 255, -1)
    mask = cv2.warpAffine(mask, m, (SIZE, SIZE), flags=cv2.INTER_AREA)
    if not whole:
        mask = cv2.GaussianBlur(mask, (0, 0), max(1, 0.04 * np.ptp(landmarks, 0).max() * math.hypot(m[0, 0], m[1, 0])))
    alpha = mask[..., None].astype(np.float32) / 255
    canvas[:] = (canvas * (1 - alpha) + laid * alpha).astype(np.uint8)
    return mask


def degrade(x, random):
    """Light, blur, noise and compression of webcams."""
    x = x.astype(np.float32)
    x = 255 * np.clip(x / 255 * random.uniform(0.5, 1.3), 0, 1) ** random.uniform(0.6, 1.6) * random.uniform(0.85, 1.15, 3)
    if random.random() < 0.15:
        x[:] = x.mean(2, keepdims=True)
    if random.random() < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), random.uniform(0.4, 1.8))
    if random.random() < 0.4:
        x = x + random.normal(0, random.uniform(2, 14), x.shape)
    if random.random() < 0.15:  # a dark room
        x = x * math.exp(random.uniform(math.log(0.06), math.log(0.5)))
    if random.random() < 0.2:  # coloured light
        x = x * np.exp(random.uniform(math.log(0.12), 0, 3))
    x = np.clip(x, 0, 255).astype(np.uint8)
    if random.random() < 0.4:
        x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 90))])[1], cv2.IMREAD_COLOR)
    return x


def scene(faces, backgrounds, random, augment=True, side=None, hands=(), covered=None):
    """One 320x320 BGR picture and its faces: list of (box, points). `covered`: the share of faces with something before them, of cut-out `hands` too."""
    covered = (COVERED_SHARE if augment else 0) if covered is None else covered
    background = cv2.imread(backgrounds[random.integers(len(backgrounds))])
    h, w = background.shape[:2]
    zoom = SIZE / min(h, w) * random.uniform(1, 1.8)
    m = turn(zoom, 0, (w / 2 + random.uniform(-0.1, 0.1) * w, h / 2), (SIZE / 2, SIZE / 2))
    canvas = cv2.warpAffine(background, m, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    count = 1 if side else int(random.choice([0, 1, 2, 3, 5], p=[0.12, 0.43, 0.2, 0.15, 0.1]))
    found = []
    for index in range(count):
        picture, landmarks = faces.load(random.integers(len(faces)))
        if random.random() < covered:
            cover(picture, landmarks, hands, random)
        if random.random() < 0.5:
            picture = picture[:, ::-1]
            landmarks = landmarks * [-1, 1] + [picture.shape[1] - 1, 0]
            flipped = True
        else:
            flipped = False
        size = side or math.exp(random.uniform(math.log(14), math.log(330 if count == 1 else 110)))
        roll = random.normal(0, 0.35) if random.random() < 0.75 else random.uniform(-math.pi, math.pi)
        reach = max(0, SIZE / 2 - size * 0.3)
        target = SIZE / 2 + random.uniform(-reach, reach, 2)
        m = turn(size / np.ptp(landmarks, 0).max(), roll, landmarks.mean(0), target)
        mask = paste(canvas, picture, landmarks, m, random.random() < 0.5, random)
        found = [f for f in found if mask[int(np.clip(f[1][2, 1], 0, SIZE - 1)), int(np.clip(f[1][2, 0], 0, SIZE - 1))] < 40]
        placed = landmarks @ m[:, :2].T + m[:, 2]
        points = five_points(placed)
        if flipped:
            points = points[[1, 0, 2, 4, 3]]
        box = np.concatenate([placed.min(0), placed.max(0)])
        inside = np.clip(box, 0, SIZE)
        if (inside[2] - inside[0]) * (inside[3] - inside[1]) > 0.5 * (box[2] - box[0]) * (box[3] - box[1]):
            found.append((box, points))
        if augment and random.random() < 0.15:
            # Something in front: a hand, a microphone, a cup.
            hull = cv2.convexHull((target + random.normal(0, size * 0.22, (6, 2)) + random.normal(0, size * 0.25, 2)).astype(np.int32))
            cv2.fillConvexPoly(canvas, hull, random.integers(0, 255, 3).tolist())
    return (degrade(canvas, random) if augment else canvas), found


def targets(found):
    """Per stride: score map, ignored cells, and 14 regression values where a face owns the cell."""
    out = []
    for level, stride in enumerate(STRIDES):
        n = SIZE // stride
        score, ignore, values = np.zeros((n, n), np.float32), np.zeros((n, n), np.float32), np.zeros((14, n, n), np.float32)
        for box, points in found:
            side = max(box[2] - box[0], box[3] - box[1])
            cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            ys, xs = np.mgrid[0:n, 0:n]
            px, py = (xs + 0.5) * stride, (ys + 0.5) * stride
            distance = np.maximum(np.abs(px - cx), np.abs(py - cy))
            ignore[distance < side * 0.5] = 1
            if LIMITS[level] <= side < LIMITS[level + 1]:
                near = distance < max(side * 0.18, stride * 0.51)
                score[near] = 1
                values[:4, near] = np.stack([px - box[0], py - box[1], box[2] - px, box[3] - py])[:, near] / stride
                for k in range(5):
                    values[4 + 2 * k, near], values[5 + 2 * k, near] = (points[k, 0] - px[near]) / stride, (points[k, 1] - py[near]) / stride
        out.append((score, ignore * (1 - score), values))
    return out


class Scenes(torch.utils.data.IterableDataset):
    def __init__(self, faces, backgrounds, hands, seed):
        self.faces, self.backgrounds, self.hands, self.seed = faces, backgrounds, hands, seed

    def __iter__(self):
        cv2.setNumThreads(1)
        random = np.random.default_rng(self.seed)
        while True:
            picture, found = scene(self.faces, self.backgrounds, random, hands=self.hands)
            yield torch.from_numpy(picture[..., ::-1].transpose(2, 0, 1).astype(np.float32) / 127.5 - 1), targets(found)


def loss_of(maps, wanted):
    total = 0
    positives = sum(s.sum() for s, _, _ in wanted).clamp_min(1)
    for m, (score, ignore, values) in zip(maps, wanted):
        m = m.float()
        probability = torch.sigmoid(m[:, 0])
        focal = torch.where(score > 0, (1 - probability) ** 2 * 0.75, probability**2 * 0.25 * 1.5) * (1 - ignore)
        total = total + 4 * (F.binary_cross_entropy_with_logits(m[:, 0], score, reduction="none") * focal).sum() / positives
        size = (values[:, 0] + values[:, 2] + values[:, 1] + values[:, 3]).clamp_min(1)
        error = F.smooth_l1_loss(m[:, 1:], values, reduction="none", beta=0.2)
        total = total + 3 * ((error[:, :4].sum(1) + 0.7 * error[:, 4:].sum(1)) / size * score).sum() / positives
    return total


@torch.no_grad()
def evaluate(network, faces, backgrounds, hands=(), threshold=0.5):
    """Recall by face size at 320 px and of covered faces, point error, and false positives per picture without a face."""
    network.eval()
    random, report = np.random.default_rng(5), {}
    def run(picture):
        return decode(network(torch.from_numpy(picture[..., ::-1].transpose(2, 0, 1).astype(np.float32)[None] / 127.5 - 1)), threshold)
    for name, low, high, covered in (("20-40", 20, 40, 0), ("40-64", 40, 64, 0), ("64-128", 64, 128, 0), ("128-300", 128, 300, 0), ("covered", 64, 300, 1)):
        hits, errors, tries = 0, [], 200 if covered else 60
        for _ in range(tries):
            picture, found = scene(faces, backgrounds, random, augment=False, side=random.uniform(low, high), hands=hands, covered=covered)
            if not found:
                continue
            best = max(run(picture), key=lambda k: iou(k[1:5], found[0][0]), default=None)
            if best is not None and iou(best[1:5], found[0][0]) > 0.4:
                hits += 1
                errors.append(np.linalg.norm(np.array(best[5:]).reshape(5, 2) - found[0][1], axis=1).mean() / max(np.ptp(found[0][1], 0)))
        report[f"recall {name}"] = round(hits / tries, 3)
        report[f"points {name}"] = round(float(np.mean(errors)), 3) if errors else None
    false = [len(run(cv2.resize(cv2.imread(b), (SIZE, SIZE)))) for b in backgrounds[:150]]
    report["false per picture"] = round(float(np.mean(false)), 3)
    network.train()
    return report


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--landmarks", required=True, help="folder with lab_*.npz, written by ssat_training.landmarks")
    p.add_argument("--noface", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--hands", help="what ssat_training.hands wrote; without it, only fingers, masks and glasses cover faces")
    p.add_argument("--warm-start", help="a checkpoint of this script")
    add_options(p, steps=3000, batch=16, rate=2e-3, threads=1, threads_of="beside the process that makes the pictures; 0: by what else runs")
    o = p.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    backgrounds = sorted(glob.glob(f"{o.noface}/*"))
    hands = np.load(o.hands)["hands"][..., [2, 1, 0, 3]] if o.hands else ()
    training = Scenes(Faces(o.landmarks, False), [b for b in backgrounds if not held_out(b)], hands, int(time.time()))
    validation, empty = Faces(o.landmarks, True), [b for b in backgrounds if held_out(b)]
    network = FaceDetector().to(memory_format=torch.channels_last)
    if o.warm_start:
        network.load_state_dict(weights(o.warm_start, lambda state: state))
    optimizer = torch.optim.AdamW(network.parameters(), o.rate, weight_decay=1e-4)
    state = resumed(out, network, optimizer)
    course = Course(o, optimizer, state, least=1e-5)
    average = state["average"] if state else {k: v.clone() for k, v in network.state_dict().items()}
    loader = iter(torch.utils.data.DataLoader(training, o.batch, num_workers=1, prefetch_factor=3))
    evaluated, log = FaceDetector(), LossLog(out / "log.csv")
    while not course.is_over:
        course.begin_step()
        picture, wanted = next(loader)
        loss = loss_of(network(picture.to(memory_format=torch.channels_last)), wanted)
        course.descend(network, loss, 5.0)
        keep_up(average, network, min(0.998, course.step / (course.step + 20)))
        log.add(course, loss)
        if course.step % 250 == 0 or course.is_over:
            save(out / "last.pt", network=network.state_dict(), optimizer=optimizer.state_dict(), step=course.step, average=average, elapsed=course.elapsed)
            evaluated.load_state_dict(average)
            print(course.step, round(course.elapsed), evaluate(evaluated, validation, empty, hands), flush=True)


if __name__ == "__main__":
    main()
