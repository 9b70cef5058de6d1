"""Sheets to look at, of held-out people at native size. Never commit them: they show people of ../shared/data.

    python -m ssat_training.sheets --prepared W/prepared --binary ../.build/release/ssat-live --out DIR

transfer: 8 sources x 8 references; partial: lips, eyes, skin, brows alone; strength: 0 to 1; occlusion: glasses, hats, hair over the
face; profile: turned heads; dark, light: the darkest and the lightest skins; failures: the worst of 40 painted looks by
recovery, with the exact answer; removal: the other direction of the float network, which the binary does not offer.
"""
import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from .ablate import Seen, TorchFilter, load
from .evaluate import Binary, Figures, forehead_and_chin, hidden, lab, painted_pair, unjittered
from .pairs import Faces
from .painted_makeup import paint, random_makeup
from .prepare import SIZE
from .seen_pairs import network_of as face_mesh_of
from .splits import held_out

GLASSES, HAT = 3, 14
SHOWN = 8  # sources, and references
PARTS = ("lips", "eyes", "skin", "brows")
STRENGTHS = (0, 0.25, 0.5, 0.75, 1)


def tile(picture, text=""):
    """SIZE x SIZE x 3 bytes; grey where there is none."""
    out = np.full((SIZE, SIZE, 3), 128, np.uint8) if picture is None else np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(out, text or ("no face found" if picture is None else ""), (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness, cv2.LINE_AA)
    return out


def write(path, rows):
    if not rows:
        return print("nothing for", path)
    cv2.imwrite(str(path), np.vstack([np.hstack(row) for row in rows])[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])


class Studio:
    """Sources and references by number, made up by the binary."""

    def __init__(self, faces, binary):
        self.faces, self.binary, self.count = faces, binary, 0
        random = np.random.default_rng(11)
        self.sources, self.references = (random.choice(x, min(SHOWN, len(x)), replace=False) for x in (faces.bare, faces.made_up))

    def picture(self, index):
        return unjittered(self.faces, index)[0]

    def made(self, source, reference, *options):
        """`source`: a picture or the number of one; `reference`: a number."""
        self.count += 1
        picture = source if isinstance(source, np.ndarray) else self.picture(source)
        paths = [self.binary.write(name, x) for name, x in (("source.png", picture), ("reference.png", self.picture(reference)))]
        return self.binary.apply(*paths, f"out{self.count}.png", *options)


def transfer_sheet(studio):
    rows = [[tile(None, "source below, reference right")] + [tile(studio.picture(r)) for r in studio.references]]
    return rows + [[tile(studio.picture(s))] + [tile(studio.made(s, r)) for r in studio.references] for s in studio.sources]


def partial_sheet(studio):
    rows = []
    for s, r in zip(studio.sources[:4], studio.references):
        alone = lambda part: sum(([f"--{other}", "0"] for other in PARTS if other != part), [])
        rows.append([tile(studio.picture(s)), tile(studio.picture(r)), tile(studio.made(s, r), "all")] + [tile(studio.made(s, r, *alone(p)), p) for p in PARTS])
    return rows


def strength_sheet(studio):
    return [[tile(studio.picture(r))] + [tile(studio.made(s, r, "--strength", str(x)), str(x)) for x in STRENGTHS] for s, r in zip(studio.sources[:4], studio.references)]


def chosen_sheet(studio, pictures):
    """Each of these as it is and in two looks."""
    return [[tile(x) for x in pictures]] + [[tile(studio.made(x, r)) for x in pictures] for r in studio.references[:2]]


def turned_heads(folder, count=12):
    """Held-out pictures of the profile pack, evenly picked, on grey where they are not square."""
    paths = [path for path in sorted(Path(folder).iterdir()) if held_out(path)]
    out = []
    for path in paths[:: max(len(paths) // count, 1)][:count]:
        picture = cv2.imread(str(path))[..., ::-1].astype(np.float32) / 255
        scale = SIZE / max(picture.shape[:2])
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:SIZE, :SIZE]
        canvas = np.full((SIZE, SIZE, 3), 0.5, np.float32)
        canvas[: picture.shape[0], : picture.shape[1]] = picture
        out.append(canvas)
    return out


def covered(faces, count=10):
    """The labelled faces with the most glasses, hats, and hair inside the oval of the face."""
    share = lambda i, label: (np.asarray(faces.parsing[i]) == label).mean()
    over = lambda i: ((faces.uv[i][..., 0] >= 0) & hidden(np.asarray(faces.parsing[i])) & ~np.isin(faces.parsing[i], (4, 5, 10))).mean()
    by = lambda key, n: sorted(faces.ids, key=key)[-n:]
    return list(dict.fromkeys(by(lambda i: share(i, GLASSES), count // 2) + by(lambda i: share(i, HAT), 1) + by(over, count)))[:count]


def by_tone(faces):
    """From the darkest skin to the lightest, as photographed: individual typology angle of forehead and chin."""
    angles = {}
    for i in faces.ids:
        picture, parsing, uv, _ = unjittered(faces, i)
        skin = forehead_and_chin(parsing, uv)
        if skin.sum() > 200:
            light, _, yellow = np.median(lab(picture)[skin], axis=0)
            angles[i] = np.degrees(np.arctan2(light - 50, yellow))
    return sorted(angles, key=angles.get)


def failures_sheet(studio, tried, shown=8):
    """Painted looks that were carried worst, by the mean recovery of their regions: source, reference, result, exact answer."""
    columns = []
    for number in range(tried):
        random = np.random.default_rng(9000 + number)
        i, j = random.choice(studio.faces.bare, 2, replace=False)
        face, other, figures = unjittered(studio.faces, i), unjittered(studio.faces, j), Figures()
        look = random_makeup(np.random.default_rng(5000 + number))
        made = painted_pair(studio.binary, face, other, figures, f"f{number}", np.random.default_rng(5000 + number))
        recovery = {k.split(", ")[1]: v[0] for k, v in figures.values.items() if k.startswith("painted")}
        if recovery:
            text = " ".join(f"{k[:4]} {v:.2f}" for k, v in recovery.items())
            truth, reference = paint(*face[:3], look), paint(*other[:3], look)
            columns.append((np.mean(list(recovery.values())), [tile(face[0]), tile(reference), tile(made and made[2], text), tile(truth)]))
    worst = [column for _, column in sorted(columns, key=lambda c: c[0])[:shown]]
    return [list(row) for row in zip(*worst)]


def removal_sheet(studio, network, face_mesh):
    """Made up, its bare partner, and what the network leaves of the makeup when it is given the partner's look."""
    both, rows = TorchFilter(network, lambda crop: Seen(crop, face_mesh), {}), []
    for bare, worn in zip(studio.sources, studio.references):
        source, reference = (both.write(str(i), studio.picture(i)) for i in (bare, worn))
        removed = studio.picture(worn).copy()
        both.middle(removed)[:] = both.both(source, reference)[1]
        rows.append([tile(studio.picture(worn)), tile(studio.picture(bare)), tile(removed)])
    return [list(row) for row in zip(*rows)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True)
    p.add_argument("--profile", default="../../shared/data/profile/images", help="pictures of turned heads")
    p.add_argument("--binary", default="../.build/release/ssat-live")
    p.add_argument("--checkpoint", default="checkpoints/ssat_live.safetensors", help="for removal")
    p.add_argument("--face-mesh", default="checkpoints/face_mesh.safetensors")
    p.add_argument("--tried", type=int, default=40, help="painted looks to find the failures among")
    p.add_argument("--out", required=True)
    o = p.parse_args()
    cv2.setNumThreads(1), torch.set_num_threads(1)
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Faces(o.prepared, True), Binary(o.binary, folder))
        tones = by_tone(studio.faces)
        pictures = lambda indices: [studio.picture(i) for i in indices]
        write(out / "transfer.jpg", transfer_sheet(studio))
        write(out / "partial.jpg", partial_sheet(studio))
        write(out / "strength.jpg", strength_sheet(studio))
        write(out / "occlusion.jpg", chosen_sheet(studio, pictures(covered(studio.faces))))
        write(out / "profile.jpg", chosen_sheet(studio, turned_heads(o.profile)))
        write(out / "dark.jpg", chosen_sheet(studio, pictures(tones[:10])))
        write(out / "light.jpg", chosen_sheet(studio, pictures(tones[-10:])))
        write(out / "failures.jpg", failures_sheet(studio, o.tried))
        write(out / "removal.jpg", removal_sheet(studio, load(o.checkpoint), face_mesh_of(o.face_mesh)))
    print("sheets in", out)


if __name__ == "__main__":
    main()
