"""Faces painted all over, as makeups (`painted_makeup`) that FaceMesh learns from: stripes, dots, petals, drips, flat patches, and the painted faces of photographs.

Flat shapes on a face are what covers are drawn as (`covers.anything`). Paint ends where skin ends, leaves eyes as they are and shows the skin's own shading; that
is how the two are to be told apart.
"""
from pathlib import Path

import cv2
import numpy as np

from .covers import FRACTION, fixed
from .face_zones import EYE_WIDTH, LEFT_EYE, RIGHT_EYE, SIZE, centre
from .painted_makeup import LIPS, SKIN, Layer, blurred, hsv, random_makeup
from .pseudo_pairs import unroll
from .splits import held_out

PHOTOGRAPHED_SHARE = 0.4  # of the looks
PACKS = ("/makeup/references/", "/makeup/shmt/")
COVER = 3  # label class: on these photos nearly all of it is paint that was taken for a cover


class FaceArt:
    """Looks of painted faces. `folder`: what `prepare_unlabelled` wrote of the makeup packs; without it, drawn ones only."""

    def __init__(self, folder, validation):
        self.photographed = []
        if folder:
            load = lambda name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r")
            self.pictures, self.parsing, self.landmarks, names = (load(n) for n in ("pictures", "parsing", "landmarks", "names"))
            self.photographed = [i for i, name in enumerate(names) if any(p in name for p in PACKS) and held_out(name) == validation]

    def look(self, random):
        if self.photographed and random.random() < PHOTOGRAPHED_SHARE:
            return self.photograph(random.choice(self.photographed), random)
        return drawn(random)

    def photograph(self, index, random):
        """All that a face of a photo wears, its skin included."""
        picture, parsing, landmarks = self.pictures[index].astype(np.float32) / 255, np.asarray(self.parsing[index]), self.landmarks[index][:468]
        colour, strength = unroll(picture, landmarks), random.uniform(0.7, 1)
        layers = []
        for classes in ((*SKIN, COVER), LIPS):
            seen = unroll(np.isin(parsing, classes).astype(np.float32), landmarks)
            layers.append(np.dstack([colour, strength * blurred(cv2.erode(seen, np.ones((3, 3))), 1)]))
        return layers


def drawn(random):
    """One to four kinds of shapes, over an ordinary makeup or over bare skin."""
    skin, lips = Layer(), random_makeup(random, art=False)[1]
    for _ in range(random.integers(1, 5)):
        shapes = KINDS[random.integers(len(KINDS))](random)
        if random.random() < 0.5:
            shapes = np.maximum(shapes, shapes[:, ::-1])
        softened = blurred(shapes.astype(np.float32) / 255, random.uniform(0.3, 2))
        skin.over(hsv(random, (0, 180), (0, 255), (10, 255)), random.uniform(0.7, 1) * softened)
    return skin.rgba(), lips


def canvas():
    return np.zeros((SIZE, SIZE), np.uint8)


def somewhere(random):
    return random.uniform(0.1, 0.9, 2) * SIZE


def stripes(random):
    """Bands in one direction within a patch."""
    mask, (y, x) = canvas(), np.mgrid[:SIZE, :SIZE]
    angle, width, bend = random.uniform(0, np.pi), random.uniform(0.02, 0.1) * SIZE, random.uniform(0, 0.06) * SIZE
    across = x * np.cos(angle) + y * np.sin(angle) + bend * np.sin((y * np.cos(angle) - x * np.sin(angle)) / random.uniform(10, 40))
    mask[(across / width).astype(int) % 2 == 0] = 255
    return np.minimum(mask, patch(random))


def patch(random):
    """A flat shape, from a cheek's to half a face's size."""
    mask, points = canvas(), somewhere(random) + random.normal(0, random.uniform(0.08, 0.35) * SIZE, (random.integers(3, 9), 2))
    cv2.fillPoly(mask, [fixed(cv2.convexHull(points.astype(np.float32))[:, 0] if random.random() < 0.6 else points)], 255, cv2.LINE_AA, FRACTION)
    return mask


def petals(random):
    """A disc around an eye, like a lens, with or without points."""
    mask, eye = canvas(), centre(RIGHT_EYE if random.random() < 0.5 else LEFT_EYE)
    around, points = np.linspace(0, 2 * np.pi, 96, endpoint=False), random.integers(5, 16)
    radius = EYE_WIDTH * random.uniform(0.5, 1.2) * (1 + random.uniform(0, 0.5) * np.cos(points * around))
    rim = eye + np.stack([np.cos(around) * random.uniform(1, 1.4), np.sin(around)], 1) * radius[:, None] + random.normal(0, 0.1, 2) * EYE_WIDTH
    cv2.fillPoly(mask, [fixed(rim)], 255, cv2.LINE_AA, FRACTION)
    return mask


def dots(random):
    mask, at, spread = canvas(), somewhere(random), random.uniform(0.05, 0.3) * SIZE
    for _ in range(random.integers(5, 80)):
        cv2.circle(mask, fixed(random.normal(at, spread)), int(random.uniform(0.5, 5) * 2**FRACTION), 255, -1, cv2.LINE_AA, FRACTION)
    return mask


def drips(random):
    """Lines that wander, down from the eyes or anywhere."""
    mask, down = canvas(), random.random() < 0.5
    for _ in range(random.integers(1, 8)):
        start = centre(RIGHT_EYE) + random.normal(0, 0.4, 2) * EYE_WIDTH if down else somewhere(random)
        steps = random.normal((0, 6) if down else 0, 5, (random.integers(3, 14), 2))
        cv2.polylines(mask, [fixed(start + np.cumsum(steps, 0))], False, 255, int(random.integers(1, 6)), cv2.LINE_AA, FRACTION)
    return mask


KINDS = (stripes, patch, petals, dots, drips)
