"""Teaches PaintEstimator to tell paint from skin: random looks on unwrapped bare faces, judged by how they come out on another face.

    python -m ssat_training.train_paint_estimator --textures DIR --out DIR --hours 1

`--textures`: what `ssat_training.painted_textures` wrote, and `ssat_training.painted_faces`, if that ran: half of a batch are its faces then.
Resumes from its last checkpoint; logs to CSV.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .checkpoint import resumed, save, weights
from .course import Course, LossLog, add_options
from .face_texture import SIZE, as_texture, on_texture
from .face_zones import EYES, UV
from .networks.paint_estimator import PaintEstimator, inputs, lips_mean, paints, seen_twice, skin_mean
from .networks.ssat_live import soften
from .prepare import CHEEKS, LIDS

LUMA = torch.tensor([0.3, 0.59, 0.11]).view(1, 3, 1, 1)
XYZ = torch.tensor([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
XYZ = XYZ / torch.tensor([[0.950456], [1.0], [1.088754]])
VISIBLE = 3  # dE
PAINTED_WEIGHT, ZONE_WEIGHT, LIPS_WEIGHT = 4, 2, 0.12
BARE_SHARE, RELIT_SHARE, COVERED_SHARE = 0.1, 0.6, 0.15
STRANDS_SHARE, SHADOW_SHARE = 0.2, 0.25
TRAITS_SHARE, MOST_TRAITS = 0.6, 0.8
PHOTOGRAPHED_SHARE = 0.5  # of a batch, of faces that were painted as pictures
BEND = 0.006  # of the texture: how far the landmarks are off, deviation


def zone(*rings):
    mask = np.zeros((256, 256), np.uint8)
    for ring in rings:
        cv2.fillPoly(mask, [np.round(on_texture(UV[ring]) * 255 * 16).astype(np.int32)], 1, shift=4)
    return torch.from_numpy(cv2.resize(mask.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA))


ZONES = {"eyelids": (zone(*LIDS) - torch.from_numpy(as_texture(EYES))).clamp(0, 1), "cheeks": zone(*CHEEKS)}


def lab(colours):
    """CIELAB of n x 3 x h x w R'G'B' in [0, 1]."""
    c = colours.clamp(1e-4, 1)
    linear = torch.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    xyz = torch.einsum("ij,njhw->nihw", XYZ, linear).clamp_min(1e-5)
    f = torch.where(xyz > 0.008856, xyz ** (1 / 3), 7.787 * xyz + 16 / 116)
    return torch.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def light(colours, shows):
    """How the light of a face shows on paint, n x 1 x 64 x 64, of the skin and of the lips: as `painted_makeup.paint`."""
    luma = (colours * LUMA).sum(1, keepdim=True)
    around = soften(luma, shows.sum(1, keepdim=True).clamp(max=1))
    grain = (luma / around.clamp_min(0.02)).clamp(0.5, 1.8)
    shading = (around / skin_mean(luma.expand(-1, 3, -1, -1), shows)[:, :1].clamp_min(0.05)).clamp(0.5, 1.6)
    return shading**0.5 * grain**0.7, grain**0.9


def laid(colours, light, paint):
    """`paint`: opacity, and colour times it."""
    return ((1 - paint[:, :1]) * colours + paint[:, 1:] * light).clamp(0, 1)


def on_face(colours, shows, look):
    """A face wearing a look, n x 8."""
    of_skin, of_lips = light(colours, shows)
    lips = shows[:, 1:]
    return laid(colours, of_skin, look[:, :4]) * (1 - lips) + laid(colours, of_lips, look[:, 4:]) * lips


def as_maps(values):
    return torch.from_numpy(np.ascontiguousarray(values)).permute(0, 3, 1, 2).float()


class Textures:
    def __init__(self, folder, held_out):
        suffix = "_held_out" if held_out else ""
        faces = np.load(Path(folder) / f"faces{suffix}.npz")
        self.colours, self.shows = faces["colours"], faces["shows"]
        self.looks = np.load(Path(folder) / f"looks{suffix}.npy", mmap_mode="r")
        shards = [np.load(p) for p in sorted(Path(folder).glob("painted_held_out.npz" if held_out else "painted_[0-9]*.npz"))]
        self.painted = [np.concatenate([s[name] for s in shards]) for name in ("colours", "shows", "looks")] if shards else None

    def faces(self, indices):
        return as_maps(self.colours[indices]) / 255, as_maps(self.shows[indices])

    def drawn(self, random, count):
        """Faces and looks, both mirrored at random."""
        colours, shows = self.faces(random.integers(0, len(self.colours), count))
        look = as_maps(self.looks[np.sort(random.integers(0, len(self.looks), count))])[torch.from_numpy(random.permutation(count))]
        look = look * torch.from_numpy(random.random(count) >= BARE_SHARE).view(-1, 1, 1, 1)
        flip = lambda x, some: torch.where(some.view(-1, 1, 1, 1), x.flip(-1), x)
        some, others = (torch.from_numpy(random.random(count) < 0.5) for _ in range(2))
        return flip(colours, some), flip(shows, some), flip(look, others)

    def drawn_painted(self, random, count):
        """Faces as FaceMesh saw them under their paint, and the looks."""
        indices = random.integers(0, len(self.painted[0]), count)
        colours, shows, look = (as_maps(x[indices]) for x in self.painted)
        some = torch.from_numpy(random.random(count) < 0.5).view(-1, 1, 1, 1)
        return [torch.where(some, x.flip(-1), x) for x in (colours / 255, shows, look / 255)]


def relit(colours, random):
    """Exposure, contrast, colour of the light, and light that differs over the face."""
    n = len(colours)
    draw = lambda low, high, *shape: torch.from_numpy(random.uniform(low, high, (n, *shape, 1, 1)).astype(np.float32))
    across, down = torch.linspace(-1, 1, SIZE).view(1, 1, 1, -1), torch.linspace(-1, 1, SIZE).view(1, 1, -1, 1)
    lit = (colours * draw(0.7, 1.15, 1)).clamp(1e-4, 1) ** draw(0.8, 1.25, 1) * (1 + draw(-0.1, 0.1, 3))
    lit = lit * torch.exp(across * draw(-0.25, 0.25, 1) + down * draw(-0.1, 0.1, 1)) * (1 + across * draw(-0.05, 0.05, 3))
    return torch.where(draw(0, 1, 1) < RELIT_SHARE, lit.clamp(0, 1), colours)


def with_traits(seen, shows, look, textures, random):
    """Faces that look like other people under their paint: what one bare face differs from another by, texel by texel, is added. There are few people
    to learn from, and of others paint was told worse (docs/decisions/0044)."""
    n = len(seen)
    (some, some_show), (others, others_show) = (textures.faces(random.integers(0, len(textures.colours), n)) for _ in range(2))
    known = some_show.sum(1, keepdim=True) * others_show.sum(1, keepdim=True) > 0
    lips = shows[:, 1:]
    bare = 1 - (look[:, :1] * (1 - lips) + look[:, 4:5] * lips)
    share = random.uniform(0, MOST_TRAITS, n) * (random.random(n) < TRAITS_SHARE)
    return (seen + torch.from_numpy(share).float().view(-1, 1, 1, 1) * bare * known * (some - others)).clamp(0, 1)


def strands(random):
    """Hair that hangs over a face: opacity, 64 x 64, and a colour."""
    mask = np.zeros((4 * SIZE, 4 * SIZE), np.uint8)
    for _ in range(random.integers(1, 4)):
        steps = random.normal([0, 0.09], [0.05, 0.03], (random.integers(3, 9), 2))
        points = np.cumsum(np.vstack([[random.random(), random.uniform(-0.05, 0.1)], steps]), 0) * 4 * SIZE
        cv2.polylines(mask, [points.astype(np.int32)], False, 255, int(random.integers(1, 9)), cv2.LINE_AA)
    mask = cv2.GaussianBlur(mask, (0, 0), random.uniform(0.5, 4))
    opacity = cv2.resize(mask.astype(np.float32) / 255, (SIZE, SIZE), interpolation=cv2.INTER_AREA) * random.uniform(0.3, 0.95)
    return opacity, random.uniform(0.05, 0.7) * np.float32([1, random.uniform(0.7, 0.9), random.uniform(0.45, 0.85)])


def shadow(random):
    """How much darker or lighter a face is where something stands between it and the light: a factor, 64 x 64."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE - 0.5
    angle, width = random.uniform(0, 2 * np.pi), random.uniform(0.02, 0.3)
    edge = np.cos(angle) * x + np.sin(angle) * y - random.uniform(-0.3, 0.3)
    return np.exp(random.uniform(-0.7, 0.25) / (1 + np.exp(-edge / width)))


def veiled(colours, random):
    """Faces behind strands of hair and in shadows with an edge: neither is paint, though the parsing takes both for skin."""
    colours = colours.clone()
    for face in colours:
        if random.random() < SHADOW_SHARE:
            face *= torch.from_numpy(shadow(random).astype(np.float32))
        if random.random() < STRANDS_SHARE:
            opacity, colour = strands(random)
            face.lerp_(torch.from_numpy(colour)[:, None, None].float(), torch.from_numpy(opacity))
    return colours.clamp(0, 1)


def bent(maps, random):
    """All maps moved alike by a smooth field: the landmarks of a photo are not exact."""
    n = len(maps)
    field = F.interpolate(torch.from_numpy(random.normal(0, BEND, (n, 2, 6, 6)).astype(np.float32)), size=(SIZE, SIZE), mode="bicubic", align_corners=True)
    grid = F.affine_grid(torch.eye(2, 3).expand(n, -1, -1), (n, 1, SIZE, SIZE), align_corners=False)
    return F.grid_sample(maps, grid + 2 * field.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)


def photographed(made, shows, look, random):
    """What the estimator is given of a painted face, and the look where it then lies."""
    maps = bent(torch.cat([made, shows, look], 1), random)
    made, shows, look = maps.split([3, 2, 8], 1)
    shows = (shows > 0.6).float()
    covered = torch.from_numpy(random.random(len(made)) < COVERED_SHARE).view(-1, 1, 1, 1)
    shows = torch.where(covered, shows * shows.roll(1, 0).amax(1, keepdim=True), shows)
    noise = torch.from_numpy(random.normal(0, 1, made.shape).astype(np.float32)) * torch.from_numpy(random.uniform(0, 0.015, (len(made), 1, 1, 1)).astype(np.float32))
    return (made + noise).clamp(0, 1), shows, look


def differences(made, truth, face, shows):
    """dE of two looks on a face, and of the true one from the bare face: n x 1 x 64 x 64 each."""
    out, wanted, bare = (lab(x) for x in (on_face(face, shows, made), on_face(face, shows, truth), face))
    length = lambda x: (x.square().sum(1, keepdim=True) + 0.01).sqrt()
    return length(out - wanted), length(wanted - bare)


def whole_lips(paint, shows):
    return torch.cat([paint[:, :4], lips_mean(paint, shows).expand(-1, -1, SIZE, SIZE)], 1)


@torch.no_grad()
def validate(network, textures, painted=False, count=512):
    """Median recovery, 1 - error / change, on other held-out people, where the look changes the region by more than 3 dE. `painted`: of faces that were
    painted as pictures."""
    network.eval()
    ratios = {name: [] for name in ("lips", *ZONES)}
    for start in range(0, count, 64):
        random = np.random.default_rng(start)
        seen, shows, look = textures.drawn_painted(random, 64) if painted else textures.drawn(random, 64)
        seen = seen if painted else on_face(seen, shows, look)
        face, face_shows = textures.faces(random.integers(0, len(textures.colours), 64))
        made = paints(seen_twice(network, inputs(seen, shows)).float(), skin_mean(seen, shows))
        error, change = differences(whole_lips(made, shows), look, face, face_shows)
        both = shows * face_shows
        for name in ratios:
            where = (both[:, 1:] > 0 if name == "lips" else (ZONES[name] > 0.5) & (both[:, :1] > 0)) & (change > VISIBLE)
            for k in range(64):
                if where[k].sum() > 8:
                    ratios[name].append(1 - (error[k][where[k]].sum() / change[k][where[k]].sum()).item())
    network.train()
    return {k: f"{np.median(v):.3f} (mean {np.mean(v):.3f})" for k, v in ratios.items() if v}


def lessons(textures, random, batch):
    """What the estimator is given, and the look; and another face to judge it on."""
    count = round(batch * PHOTOGRAPHED_SHARE) if textures.painted else 0
    colours, shows, look = textures.drawn(random, batch - count)
    colours = relit(with_traits(colours, shows, torch.zeros_like(look), textures, random), random)
    lesson = photographed(veiled(on_face(colours, shows, look), random), shows, look, random)
    face = colours.roll(1, 0), shows.roll(1, 0)
    if count:
        seen, seen_shows, truth = textures.drawn_painted(random, count)
        others, others_show = textures.faces(random.integers(0, len(textures.colours), count))
        seen = with_traits(seen, seen_shows, truth, textures, random)
        lesson = [torch.cat(x) for x in zip(lesson, (veiled(seen, random), seen_shows, truth))]
        face = [torch.cat(x) for x in zip(face, (relit(others, random), others_show))]
    return *lesson, *face


def loss_of(network, textures, random, batch, autocast):
    seen, seen_shows, truth, face, face_shows = lessons(textures, random, batch)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        scores = network(inputs(seen, seen_shows).to(memory_format=torch.channels_last))
    made = whole_lips(paints(scores.float(), skin_mean(seen, seen_shows)), seen_shows)
    error, change = differences(made, truth, face, face_shows)
    weight = 1 + PAINTED_WEIGHT * (change / VISIBLE).clamp(max=1)
    weight = weight * (1 + ZONE_WEIGHT * sum(ZONES.values()).clamp(max=1))
    on_skin, on_lips = weight * face_shows[:, :1] * seen_shows[:, :1], weight * face_shows[:, 1:] * (seen_shows[:, 1:].sum((2, 3), keepdim=True) > 4)
    mean = lambda w: (error * w).sum() / w.sum().clamp_min(1)
    return mean(on_skin) + LIPS_WEIGHT * mean(on_lips)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--textures", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--warm-start", help="weights to begin with, a last.pt or checkpoints/paint_estimator.safetensors")
    add_options(p, steps=10**9, batch=64, rate=3e-3, hours=1.0)
    p.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    o = p.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    textures, held_out = Textures(o.textures, False), Textures(o.textures, True)
    torch.manual_seed(0)
    network = PaintEstimator().to(memory_format=torch.channels_last)
    if o.warm_start:
        network.load_state_dict(weights(o.warm_start, None))
    optimizer = torch.optim.AdamW(network.parameters(), o.rate, weight_decay=1e-3, betas=(0.9, 0.99))
    course = Course(o, optimizer, resumed(out, network, optimizer))
    random = np.random.default_rng(course.step + 1)
    log = LossLog(out / "log.csv")
    while not course.is_over:
        course.begin_step()
        loss = loss_of(network, textures, random, o.batch, o.precision == "bfloat16")
        course.descend(network, loss, 5.0)
        log.add(course, loss)
        if course.step % 400 == 0 or course.is_over:
            print(course.step, round(course.elapsed), f"{loss.item():.3f}", validate(network, held_out), validate(network, held_out, painted=True) if held_out.painted else "", flush=True)
            save(out / "last.pt", network=network.state_dict(), average=network.state_dict(), optimizer=optimizer.state_dict(), step=course.step, elapsed=course.elapsed)


if __name__ == "__main__":
    main()
