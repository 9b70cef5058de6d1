"""How many faces of held-out people are found where that is hard: behind masks, in the dark, in coloured light, turned, tiny. Prints a Markdown table.

    python -m ssat_training.conditions --prepared DIR --binary ../.build/release/ssat-live [--count 120]

Pictures are 288 x 288 crops of the held-out labelled photos, changed by a condition; the binary looks for faces in them (`inspect`). Of masks also in how
many pictures some of the mask is painted.
"""
import argparse
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from . import covers
from .pairs import Faces
from .presence import faces_in
from .temporal import CHANGED

GREY = (100, 105, 110)  # around small faces
SIZE_OF_FACE = 0.55  # of the crop, about


def masked(picture, landmarks, random):
    covered = np.zeros(picture.shape[:2], np.uint8)
    covers.face_mask(picture, covered, landmarks, random)
    return picture, covered == covers.COVER


def turned(degrees):
    def turn(picture, random):
        size = picture.shape[0]
        return cv2.warpAffine(picture, cv2.getRotationMatrix2D((size / 2, size / 2), degrees, 1), (size, size), borderMode=cv2.BORDER_REFLECT_101)

    return turn


def lit(*colour):
    """Light of this colour, and a camera's noise."""
    return lambda picture, random: bytes_of(picture * np.array(colour) + random.normal(0, 3, picture.shape))


def small(pixels):
    def shrink(picture, random):
        side = int(round(pixels / SIZE_OF_FACE))
        return cv2.copyMakeBorder(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), *[160 - side // 2] * 4, cv2.BORDER_CONSTANT, value=GREY)

    return shrink


def compressed(picture, random):
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 8])[1], cv2.IMREAD_COLOR)


def bytes_of(picture):
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


CONDITIONS = {
    "as they are": lambda picture, random: picture,
    "turned by 30 degrees": turned(30), "by 60": turned(60), "by 90": turned(90), "by 135": turned(135), "upside down": turned(180),
    "0.2 of the light": lit(0.2, 0.2, 0.2), "0.12": lit(0.12, 0.12, 0.12), "0.08": lit(0.08, 0.08, 0.08), "twice the light": lit(2, 2, 2),
    "blue light": lit(0.2, 0.35, 1), "red light": lit(1, 0.2, 0.15), "green light": lit(0.3, 1, 0.3), "black and white": lambda picture, random: bytes_of(np.repeat(picture.mean(2, keepdims=True), 3, 2)),
    "40 pixels": small(40), "30 pixels": small(30), "blurred by 3 pixels": lambda picture, random: cv2.GaussianBlur(picture, (0, 0), 3),
    "noise of 25": lambda picture, random: bytes_of(picture + random.normal(0, 25, picture.shape)), "JPEG quality 8": compressed,
    "cut through the middle": lambda picture, random: picture[:, : picture.shape[1] * 13 // 25], "cut below the nose": lambda picture, random: picture[: picture.shape[0] * 3 // 5],
}


def is_found(binary, picture, folder, name):
    path = f"{folder}/{name}.png"
    cv2.imwrite(path, np.ascontiguousarray(picture)[..., ::-1])
    return bool(faces_in(binary, path))


def is_painted(binary, picture, mask, reference, folder, name):
    """Whether some of a mask is made up: a hundred of its pixels, not those at its rim."""
    before, after = f"{folder}/{name}.png", f"{folder}/{name}_made.png"
    cv2.imwrite(before, picture[..., ::-1])
    subprocess.run([binary, "apply", before, "-r", reference, "-o", after, "-y", "--progress", "none"], capture_output=True, check=True)
    change = cv2.absdiff(cv2.imread(before), cv2.imread(after)).max(2)
    return (change[cv2.erode(mask.astype(np.uint8), np.ones((7, 7))) > 0] > CHANGED).sum() > 100


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", required=True)
    p.add_argument("--binary", default="../.build/release/ssat-live")
    p.add_argument("--reference", default="../samples/classic-red.jpg")
    p.add_argument("--count", type=int, default=120)
    o = p.parse_args()
    cv2.setNumThreads(1)
    faces = Faces(o.prepared, True)
    people = faces.ids[: o.count]
    print("| condition | found | of |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        for number, (name, change) in enumerate(CONDITIONS.items()):
            random = np.random.default_rng(number)
            pictures = [change(np.array(faces.pictures[i]), random) for i in people]
            found = pool.map(lambda k: is_found(o.binary, pictures[k], folder, k), range(len(people)))
            print(f"| {name} | {sum(found)} | {len(people)} |", flush=True)
        random = np.random.default_rng(99)
        views = [masked(np.array(faces.pictures[i]), faces.landmarks[i][:, :2], random) for i in people]
        found = list(pool.map(lambda k: is_found(o.binary, views[k][0], folder, k), range(len(people))))
        painted = list(pool.map(lambda k: is_painted(o.binary, *views[k], o.reference, folder, k), range(len(people))))
        print(f"| behind masks | {sum(found)} | {len(people)} |\n\nmasks that are painted: {sum(painted)}")


if __name__ == "__main__":
    main()
