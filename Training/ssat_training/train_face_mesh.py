"""FaceMesh: teaches the presence output on frozen features (the first shipped weights start from the lab notebook's network).

    python -m ssat_training.train_face_mesh --landmarks DIR --noface DIR --warm-start facemesh.pt --out DIR
"""
import argparse
import glob
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .alignment import frame_to_crop
from .networks.face_mesh import FaceMesh, from_notebook
from .train_face_detector import Faces, degrade
from .splits import held_out
from .train_ssat import save


def crop(picture, matrix):
    return cv2.warpAffine(picture, matrix, (256, 256), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)


def jitter(matrix, random, shift, scale, roll):
    """The crop moved by `shift` (of its side), scaled by exp(scale) and rolled by `roll` radians about its centre."""
    k, c, s = np.exp(scale), np.cos(roll), np.sin(roll)
    move = np.array([[k * c, -k * s, 0], [k * s, k * c, 0]])
    move[:, 2] = 128 + np.asarray(shift) * 256 - move[:, :2] @ [128, 128]
    return np.vstack([move]) @ np.vstack([matrix, [0, 0, 1]])


def examples(faces, backgrounds, count, random):
    """Half faces as the tracker would crop them, half not: other places, faces far off the crop, other things."""
    for index in range(count):
        present = index % 2 == 0
        if present or random.random() < 0.55:
            picture, landmarks = faces.load(random.integers(len(faces)))
            matrix = frame_to_crop(landmarks)
            if present:
                matrix = jitter(matrix, random, random.normal(0, 0.04, 2), random.normal(0, 0.1), random.normal(0, 0.2))
            elif random.random() < 0.6:
                angle, far = random.uniform(0, 2 * np.pi), random.uniform(0.45, 0.9)
                matrix = jitter(matrix, random, (far * np.cos(angle), far * np.sin(angle)), random.normal(0, 0.2), random.normal(0, 0.3))
            else:
                matrix = jitter(matrix, random, random.normal(0, 0.1, 2), random.choice([random.uniform(0.8, 1.6), random.uniform(-1.6, -0.9)]), random.normal(0, 0.3))
        else:
            picture = cv2.imread(backgrounds[random.integers(len(backgrounds))])
            h, w = picture.shape[:2]
            k = np.exp(random.uniform(-0.5, 1.5)) * 256 / max(h, w)
            matrix = np.array([[k, 0, 128 - k * random.uniform(0, w)], [0, k, 128 - k * random.uniform(0, h)]])
        yield degrade(crop(picture, matrix), random), float(present)


@torch.no_grad()
def encode(network, items, batch=16):
    features, labels, pictures = [], [], []
    for picture, label in items:
        pictures.append(torch.from_numpy(picture[..., ::-1].transpose(2, 0, 1).astype(np.float32) / 127.5 - 1))
        labels.append(label)
        if len(pictures) == batch:
            features.append(network.gather(network.features(torch.stack(pictures))[-1]).flatten(1))
            pictures = []
    return torch.cat(features), torch.tensor(labels[: len(features) * batch])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--landmarks", required=True)
    p.add_argument("--noface", required=True)
    p.add_argument("--warm-start", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--count", type=int, default=6000)
    o = p.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network = FaceMesh().eval()
    network.load_state_dict(from_notebook(torch.load(o.warm_start)))
    backgrounds = sorted(glob.glob(f"{o.noface}/*"))
    sets = {}
    for name, validation, count, seed in (("train", False, o.count, 1), ("held out", True, o.count // 6, 2)):
        pool = [b for b in backgrounds if held_out(b) == validation]
        sets[name] = encode(network, examples(Faces(o.landmarks, validation), pool, count, np.random.default_rng(seed)))
    x, y = sets["train"]
    weight, bias = torch.zeros(x.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.AdamW([weight, bias], 2e-3, weight_decay=0.3)
    for _ in range(40):
        for rows in torch.randperm(len(x)).split(256):
            loss = F.binary_cross_entropy_with_logits(x[rows] @ weight + bias, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        network.points.weight[-1] = weight.view(48, 8, 8)
        network.points.bias[-1] = bias[0]
        for name, (x, y) in sets.items():
            logit = x @ weight + bias
            order = logit.argsort()
            rank = torch.empty_like(logit)
            rank[order] = torch.arange(1, len(logit) + 1, dtype=logit.dtype)
            positive = int(y.sum())
            area = (rank[y > 0].sum() - positive * (positive + 1) / 2) / (positive * (len(y) - positive))
            print(f"{name}: presence AUC {area:.4f}, accuracy {((logit > 0) == (y > 0)).float().mean():.4f}", flush=True)
    Path(o.out).mkdir(parents=True, exist_ok=True)
    save(Path(o.out) / "last.pt", average=network.state_dict(), step=0)


if __name__ == "__main__":
    main()
