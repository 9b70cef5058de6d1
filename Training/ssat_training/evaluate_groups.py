"""The same figures for every group of people: skin tone, gender, age, origin, glasses, yaw. Prints a Markdown table.

    python -m ssat_training.prepare_unlabelled --packs faces_utk,faces_allages,bare_generated --held-out --landmarks W/landmarks --checkpoint ... --out W/groups
    python -m ssat_training.evaluate_groups --prepared W/prepared,W/groups --binary ../.build/release/ssat-live

Every held-out face gets a random painted look, photographed on another one as the reference. Gender, age and origin are those that
the file names of UTKFace and of the generated portraits give; skin tone is the individual typology angle (Chardon et al., 1991) of
forehead and chin, of the light it was photographed in; glasses from people's labels, yaw from the landmarks. Faces of the unlabelled packs are
parsed by FaceMesh itself, which is also what the binary uses: compare groups of one row's kind, not these figures with those of `evaluate`.
"""
import argparse
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from .evaluate import Binary, Figures, forehead_and_chin, lab, painted_pair, unjittered
from .pairs import Faces
from .seen_pairs import towards_viewer

GLASSES = 3
FEW = 10
FIGURES = ("no face found", "painted recovery, lips", "painted recovery, eyelids", "painted recovery, cheeks", "identity")


def skin_tone(picture, parsing, uv):
    """Light above 41 degrees, dark below 10; None where little of the skin is seen."""
    skin = forehead_and_chin(parsing, uv)
    if skin.sum() < 60:
        return None
    light, _, yellow = np.median(lab(picture)[skin], axis=0)
    angle = np.degrees(np.arctan2(light - 50, yellow))
    return "light" if angle > 41 else "medium" if angle > 10 else "dark"


def yaw(landmarks):
    """Degrees from the front."""
    towards = towards_viewer(landmarks[:468, :2])
    return abs(np.degrees(np.arctan2(towards[0], towards[2])))


def groups_of(name, picture, parsing, uv, landmarks):
    out = ["all", f"yaw {'under 15' if (turn := yaw(landmarks)) < 15 else '15 to 35' if turn < 35 else 'over 35'}"]
    if tone := skin_tone(picture, parsing, uv):
        out.append(f"skin, {tone}")
    if "/labelled/" in name:
        out.append("glasses" if (parsing == GLASSES).mean() > 0.004 else "no glasses")
    if match := re.search(r"/utk/(males|females)_([a-z]+)_(\d+)_", name):
        age = int(match[3])
        out += [match[1][:-1], f"origin, {match[2]}", f"age {'under 13' if age < 13 else '13 to 29' if age < 30 else '30 to 59' if age < 60 else '60 and over'}"]
    elif match := re.search(r"/generated/(male|female)_([a-z]+)_", name):
        out += [match[1], f"origin, {match[2]}"]
    return out


def judge(binary, faces, references, index, number, rows):
    face = unjittered(faces, index)
    figures = Figures()
    painted_pair(binary, face, unjittered(references, np.random.default_rng(number).choice(references.bare)), figures, f"g{number}", np.random.default_rng(number))
    rows.append((groups_of(str(faces.names[index]), *face), figures))


def cell(values):
    """Median and, in parentheses, of how many faces: the look has to change a region to be judged there. A star where they are few."""
    return f"{np.median(values):.2f} ({len(values)}{'*' if len(values) < FEW else ''})" if len(values) > 4 else "-"


def report(rows):
    names = sorted({g for groups, _ in rows for g in groups}, key=lambda g: (g != "all", g))
    lines = ["| group | faces | not found | lips | eyelids | cheeks | identity |", "|---|---|---|---|---|---|---|"]
    for name in names:
        of = [f for groups, f in rows if name in groups]
        values = {k: [v for f in of for v in f.values.get(k, [])] for k in FIGURES}
        lines.append(f"| {name} | {len(of)} | {int(sum(values['no face found']))} | " + " | ".join(cell(values[k]) for k in FIGURES[1:]) + " |")
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True, help="prepared folders, the first with people's labels")
    p.add_argument("--binary", default="../.build/release/ssat-live")
    p.add_argument("--count", type=int, default=200, help="faces of every folder at most")
    o = p.parse_args()
    cv2.setNumThreads(1)
    rows, references = [], Faces(o.prepared.split(",")[0], True)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        binary, jobs = Binary(o.binary, folder), []
        for which in o.prepared.split(","):
            faces = Faces(which, True)
            chosen = np.random.default_rng(3).permutation(faces.ids)[: o.count]
            jobs += [pool.submit(judge, binary, faces, references, i, len(jobs) + k, rows) for k, i in enumerate(chosen)]
        for job in jobs:
            job.result()
    print(report(rows))


if __name__ == "__main__":
    main()
