"""Judges the shipped weights on held-out people, as the binary runs them (models.md, section 5). Prints a Markdown table.

    python -m ssat_training.evaluate --prepared DIR [--unlabelled DIR] --binary ../.build/release/ssat-live [--count 80] [--json FILE]

Pictures are 288 x 288 crops of held-out faces; the binary finds the face in each by itself. Regions are polygons of MediaPipe's
landmarks, colours are CIELAB, figures are medians. References of the real pairs are the made-up third of the held-out labelled
photos; "makeup packs" (with --unlabelled) are the held-out pictures of makeup/japanese_smokey, makeup/references and makeup/shmt:
stranger looks, face paint, and people of another skin tone, which is not transferred. Painted recovery: 1 - mean dE(out, truth) / mean
dE(source, truth) where the look changes the region by more than 3 dE. Transfer ratio: 1 - dE(out, reference) / dE(source,
reference) of region means that differ by more than 8 dE; "tone 1" is that of forehead and chin, cheeks, lips and eyelids with `--tone 1`.
"Against the skin": the same without tone, where what is wanted is as far from the source's forehead and chin as the reference's from its own.
"""
import argparse
import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from .face_zones import EYE_WIDTH, LEFT_EYE, LIPS_INNER, LIPS_OUTER, RIGHT_EYE, SIZE, UV
from .pairs import Faces
from .painted_makeup import paint, random_makeup, sample
from .prepare import CHEEKS, LIDS
from .prepare import SIZE as CROP
from .pseudo_pairs import pseudo_target

FACE = (1, 2, 6, 7, 11, 12)
# Label classes of the data to the eleven of FaceMesh.
PARSING = np.array([0, 1, 2, 10, 3, 3, 4, 4, 5, 5, 9, 7, 8, 6, 6, 5, 5, 5, 0])
PALETTE = np.array([[0, 0, 0], [230, 190, 160], [255, 140, 90], [70, 160, 255], [110, 60, 20], [190, 150, 120], [90, 90, 90], [255, 60, 90],
                    [190, 20, 60], [255, 255, 255], [160, 70, 230]])
WANTED = {
    "painted recovery, lips": (0.65, 0.85), "painted recovery, eyelids": (0.40, 0.75), "painted recovery, cheeks": (0.25, 0.70),
    "real, lips": (0.75, 0.85), "real, eyelids": (0.58, 0.72), "real, cheeks": (None, None),
    "real against the skin, lips": (None, None), "real against the skin, eyelids": (None, None),
    "tone 1, skin": (None, 0.75), "tone 1, cheeks": (None, 0.65), "tone 1, lips": (None, None), "tone 1, eyelids": (None, None), "skin moved, dE": (2, 2), "identity": (0.95, 0.96),
    "makeup packs, lips": (None, None), "makeup packs, eyelids": (None, None), "makeup packs, cheeks": (None, None),
    "makeup packs against the skin, lips": (None, None), "makeup packs against the skin, eyelids": (None, None),
    "outside, largest change": (0, 0), "int8 against f32, dB": (35, 40), "parsing, mean IoU": (0.72, 0.80), "landmarks, error / eye distance": (0.03, 0.02),
}


def spot_zone(indices, width):
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    zone = np.zeros((SIZE, SIZE), np.float32)
    for index in indices:
        c = UV[index] * (SIZE - 1)
        zone = np.maximum(zone, np.exp(-((x - c[0]) ** 2 + (y - c[1]) ** 2) / (EYE_WIDTH * width) ** 2))
    return zone


FOREHEAD_AND_CHIN = spot_zone((151, 9, 108, 337, 199, 175), 0.5)


def lab(picture):
    return cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2LAB)


def regions(landmarks, hidden=None):
    """Lips, eyelids and cheeks as polygons of the landmarks; `hidden`: where something else was labelled."""
    points = np.round(landmarks[:, :2] * 16).astype(np.int32)

    def fill(*rings):
        mask = np.zeros((CROP, CROP), np.uint8)
        for ring in rings:
            cv2.fillPoly(mask, [points[ring]], 1, shift=4)
        return mask > 0

    visible = np.ones((CROP, CROP), bool) if hidden is None else ~hidden
    return {"lips": fill(LIPS_OUTER) & ~fill(LIPS_INNER) & visible, "eyelids": fill(*LIDS) & ~fill(RIGHT_EYE, LEFT_EYE) & visible,
            "cheeks": fill(*CHEEKS) & visible}


def hidden(parsing):
    """Hair, glasses, background and other things over the face."""
    return ~np.isin(parsing, FACE)


def forehead_and_chin(parsing, uv):
    return (sample(FOREHEAD_AND_CHIN, uv) > 0.5) & np.isin(parsing, (1, 2)) & (uv[..., 0] >= 0)


class Binary:
    def __init__(self, path, folder):
        self.path, self.folder = path, Path(folder)

    def write(self, name, picture):
        path = str(self.folder / name)
        cv2.imwrite(path, np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)[..., ::-1])
        return path

    def apply(self, source, reference, name, *options):
        """The made-up picture in 0..1, or None where the source or the reference shows no face."""
        out = str(self.folder / name)
        run = subprocess.run([self.path, "apply", source, "-r", reference, "-o", out, "-y", "--faces", "primary", "--progress", "none", *options], capture_output=True, text=True)
        if run.returncode or "no face" in run.stderr:
            return None
        return cv2.imread(out)[..., ::-1].astype(np.float32) / 255

    def inspect(self, source, name):
        folder = self.folder / name
        run = subprocess.run([self.path, "inspect", source, "-o", str(folder)], capture_output=True, text=True)
        faces = json.loads(run.stdout)["faces"] if run.returncode == 0 else []
        if not faces:
            return None
        face = max(faces, key=lambda f: f["box"][2] - f["box"][0])
        parsing = cv2.imread(str(folder / "parsing.png"))[256 * faces.index(face):][:256, 256:, ::-1].astype(int)
        return face, np.abs(parsing[:, :, None] - PALETTE).sum(-1).argmin(-1)


class Figures:
    def __init__(self):
        self.values = {}

    def add(self, name, value):
        self.values.setdefault(name, []).append(float(value))

    def median(self, name):
        return float(np.median(self.values[name])) if self.values.get(name) else float("nan")


def unjittered(faces, index):
    return (faces.pictures[index].astype(np.float32) / 255, np.asarray(faces.parsing[index]), faces.uv[index].astype(np.float32), np.asarray(faces.landmarks[index]))


def judge_picture(figures, source, out, parsing, uv):
    """What must not change: structure, and everything outside the face."""
    face = np.isin(parsing, FACE) | (uv[..., 0] >= 0)
    inside = cv2.erode((np.isin(parsing, FACE) & (uv[..., 0] >= 0)).astype(np.uint8), np.ones((5, 5))) > 0
    gradients = [np.stack(np.gradient(lab(x)[..., 0]), -1)[inside].ravel() for x in (source, out)]
    figures.add("identity", np.corrcoef(*gradients)[0, 1])
    outside = cv2.dilate(face.astype(np.uint8), np.ones((19, 19))) == 0
    figures.add("outside, largest change", np.abs(np.round((out - source) * 255))[outside].max() if outside.any() else 0)


def drawn_painted_pair(binary, faces, figures, number):
    """Two bare held-out faces, the same for every filter that is judged."""
    random = np.random.default_rng(9000 + number)
    i, j = random.choice(faces.bare, 2, replace=False)
    return painted_pair(binary, unjittered(faces, i), unjittered(faces, j), figures, number, random)


def painted(binary, faces, figures, number):
    made = drawn_painted_pair(binary, faces, figures, number)
    if made and number < 12:
        source, reference, out = made
        exact = binary.apply(source, reference, f"pf{number}.png", "--precision", "f32")
        error = ((exact - out) ** 2).mean()
        figures.add("int8 against f32, dB", -10 * np.log10(max(error, 1e-8)))


def painted_pair(binary, face, other, figures, number, random):
    """A random look on both faces, carried from the other to the bare one. The paths of source and reference, and what came out."""
    (a, pa, ua, la), (b, pb, ub, _) = face, other
    look = random_makeup(random)
    truth = paint(a, pa, ua, look)
    source, reference = binary.write(f"pa{number}.png", a), binary.write(f"pb{number}.png", paint(b, pb, ub, look))
    out = binary.apply(source, reference, f"po{number}.png")
    if out is None:
        figures.add("no face found", 1)
        return None
    figures.add("no face found", 0)
    before, after = (np.linalg.norm(lab(x) - lab(truth), axis=-1) for x in (a, out))
    where = regions(la)
    for name in ("lips", "eyelids", "cheeks"):
        changed = where[name] & (before > 3)
        if changed.sum() > 60:
            figures.add(f"painted recovery, {name}", 1 - after[changed].mean() / before[changed].mean())
    judge_picture(figures, a, out, pa, ua)
    return source, reference, out


def transfer_ratios(figures, prefix, source, own, reference, other, out, tone=0):
    """`tone`: CIELAB, what is not wanted of the reference's colours."""
    for name in own:
        if own[name].sum() < 60 or other[name].sum() < 60:
            continue
        goal = lab(reference)[other[name]].mean(0) - tone
        before, after = (np.linalg.norm(lab(x)[own[name]].mean(0) - goal) for x in (source, out))
        if before > 8:
            figures.add(f"{prefix}, {name}", 1 - after / before)


def real_pair(faces, references, choice, number):
    """A held-out source and the reference that it is to wear the look of."""
    random = np.random.default_rng(7000 + number)
    i, j = random.choice(faces.ids), random.choice(choice)
    return unjittered(faces, i), unjittered(references, j)


def real(binary, faces, references, choice, prefix, figures, number):
    """What the binary reaches, and what the training's own pseudo target of the same pair reaches by the same measure."""
    (a, pa, ua, la), (b, pb, ub, lb) = real_pair(faces, references, choice, number)
    name = f"{prefix}{number}".replace(" ", "_")
    out = binary.apply(binary.write(f"{name}_a.png", a), binary.write(f"{name}_b.png", b), f"{name}_o.png")
    if out is None:
        return figures.add("no face found", 1)
    figures.add("no face found", 0)
    where, other = regions(la, hidden(pa)), regions(lb, hidden(pb))
    transfer_ratios(figures, prefix, a, where, b, other, out)
    transfer_ratios(figures, f"targets: {prefix}", a, where, b, other, pseudo_target(a, pa, ua, b, pb, lb, ub))
    skin, other_skin = forehead_and_chin(pa, ua), forehead_and_chin(pb, ub)
    if skin.sum() > 60:
        figures.add("skin moved, dE", np.linalg.norm(lab(out)[skin].mean(0) - lab(a)[skin].mean(0)))
    if min(skin.sum(), other_skin.sum()) > 60:
        tone = lab(b)[other_skin].mean(0) - lab(a)[skin].mean(0)
        transfer_ratios(figures, f"{prefix} against the skin", a, {k: where[k] for k in ("lips", "eyelids")}, b, other, out, tone)
    judge_picture(figures, a, out, pa, ua)


def toned(binary, faces, choice, figures, number):
    """The pairs of `real` once more, with the reference's skin tone, too."""
    (a, pa, ua, la), (b, pb, ub, lb) = real_pair(faces, faces, choice, number)
    out = binary.apply(binary.write(f"ta{number}.png", a), binary.write(f"tb{number}.png", b), f"to{number}.png", "--tone", "1")
    if out is None:
        return figures.add("no face found", 1)
    figures.add("no face found", 0)
    own, other = (regions(l, hidden(p)) | {"skin": forehead_and_chin(p, u)} for p, u, l in ((pa, ua, la), (pb, ub, lb)))
    transfer_ratios(figures, "tone 1", a, own, b, other, out)


def geometry(binary, faces, figures, confusion, number):
    index = faces.ids[number % len(faces.ids)]
    picture, parsing, _, landmarks = unjittered(faces, index)
    seen = binary.inspect(binary.write(f"g{number}.png", picture), f"g{number}")
    if seen is None:
        return figures.add("no face found", 1)
    face, predicted = seen
    points = np.array(face["landmarks"])
    eyes = np.linalg.norm(landmarks[33, :2] - landmarks[263, :2])
    figures.add("landmarks, error / eye distance", np.linalg.norm(points - landmarks[:, :2], axis=1).mean() / eyes)
    a, b, x, y = face["crop_to_frame"]
    labels = cv2.warpAffine(parsing, np.float32([[a, -b, x], [b, a, y]]), (256, 256), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    np.add.at(confusion, (PARSING[labels].ravel(), predicted.ravel()), 1)


def report(figures):
    rows = ["| metric | here | floor | wanted | n |", "|---|---|---|---|---|"]
    for name, (floor, wanted) in WANTED.items():
        if name not in figures.values:
            continue
        value = max(figures.values[name]) if name.startswith("outside") else figures.median(name)
        targets = f" (targets {figures.median('targets: ' + name):.2f})" if "targets: " + name in figures.values else ""
        rows.append(f"| {name} | {value:.3f}{targets} | {floor} | {wanted} | {len(figures.values.get(name, []))} |")
    return "\n".join(rows)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True)
    p.add_argument("--unlabelled", help="what ssat_training.prepare_unlabelled wrote")
    p.add_argument("--binary", default="../.build/release/ssat-live")
    p.add_argument("--count", type=int, default=80, help="painted pairs, real pairs, and pictures for geometry")
    p.add_argument("--parts", default="painted,real,tone,packs,geometry")
    p.add_argument("--json", help="also write the medians here")
    o = p.parse_args()
    cv2.setNumThreads(1)
    faces, figures, confusion = Faces(o.prepared, True), Figures(), np.zeros((11, 11))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        binary = Binary(o.binary, folder)
        parts = {
            "tone": lambda k: toned(binary, faces, faces.made_up, figures, k),
            "painted": lambda k: painted(binary, faces, figures, k), "real": lambda k: real(binary, faces, faces, faces.made_up, "real", figures, k),
            "geometry": lambda k: geometry(binary, faces, figures, confusion, k),
        }
        if o.unlabelled:
            packs = Faces(o.unlabelled, True)
            worn = [i for i in packs.ids if any(f"/makeup/{p}/" in packs.names[i] for p in ("japanese_smokey", "references", "shmt"))]
            if worn:  # a few pictures to try things on may have none
                parts["packs"] = lambda k: real(binary, faces, packs, worn, "makeup packs", figures, k)
        jobs = [pool.submit(parts[part], k) for part in o.parts.split(",") if part in parts for k in range(o.count)]
        for job in jobs:
            job.result()
    overlap = confusion.diagonal() / np.maximum(confusion.sum(0) + confusion.sum(1) - confusion.diagonal(), 1)
    if confusion.any():
        figures.values["parsing, mean IoU"] = [float(overlap[confusion.sum(1) > 0].mean())]
    print(report(figures))
    missed = figures.values.get("no face found", [])
    print("\nIoU by class:", np.round(overlap, 3).tolist(), "\nno face found in", int(sum(missed)), "of", len(missed))
    if o.json:
        Path(o.json).write_text(json.dumps({k: figures.median(k) for k in figures.values}, indent=1))


if __name__ == "__main__":
    main()
