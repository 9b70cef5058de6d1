"""Procedural makeup in the mesh's UV plane, painted onto faces: true pairs, because the answer is known exactly.

A makeup is (skin RGBA texture, lips RGBA texture), colours 0..1, straight alpha. Paint only on bare faces. There is no
foundation: it moves the skin's tone, and skin tone is not makeup (the tone is taken off before the network sees a colour, so
a painted foundation could not be told, and taught the network to distrust the cheeks).
"""
import cv2
import numpy as np

from .face_zones import (ABOVE_LIDS, BROWS, EYE_DISTANCE, EYE_WIDTH, LEFT_EYE, LEFT_LOWER_LID, LEFT_UPPER_LID, LIPS_OUTER, RIGHT_EYE,
                         RIGHT_LOWER_LID, RIGHT_UPPER_LID, SIZE, UV, centre, polygon)

_y, _x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
LUMA = np.float32([0.3, 0.59, 0.11])


def blurred(mask, sigma):
    return cv2.GaussianBlur(mask, (0, 0), sigma) if sigma > 0.2 else mask


def hsv(random, hue, saturation, value):
    """A random colour; ranges in OpenCV's units (0..180, 0..255, 0..255)."""
    c = np.uint8([[[int(random.uniform(*hue)) % 180, int(random.uniform(*saturation)), int(random.uniform(*value))]]])
    return cv2.cvtColor(c, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32) / 255


class Layer:
    """A texture that grows by straight-alpha compositing."""

    def __init__(self):
        self.colour, self.alpha = np.zeros((SIZE, SIZE, 3), np.float32), np.zeros((SIZE, SIZE), np.float32)

    def over(self, colour, mask):
        alpha = mask + self.alpha * (1 - mask)
        share = (mask / np.maximum(alpha, 1e-5))[..., None]
        self.colour = self.colour * (1 - share) + np.asarray(colour, np.float32) * share
        self.alpha = alpha

    def rgba(self):
        return np.dstack([self.colour, self.alpha]).astype(np.float32)


def _spot(at, width, height, angle=0.0):
    dx, dy = _x - at[0], _y - at[1]
    c, s = np.cos(angle), np.sin(angle)
    return np.exp(-(((dx * c + dy * s) / width) ** 2 + ((-dx * s + dy * c) / height) ** 2)).astype(np.float32)


def blush(layer, random, colour, strength):
    dx, dy = random.uniform(-0.2, 0.2) * EYE_WIDTH, random.uniform(-0.3, 0.4) * EYE_WIDTH
    width, height, angle = random.uniform(0.5, 1.1) * EYE_WIDTH, random.uniform(0.3, 0.7) * EYE_WIDTH, random.uniform(-0.9, 0.3)
    for index, side in ((50, 1), (280, -1)):
        layer.over(colour, strength * _spot(UV[index] * (SIZE - 1) + np.array([dx * side, dy]), width, height, -angle * side))


def contour(layer, random, colour):
    for index, side in ((205, 1), (425, -1)):
        at = UV[index] * (SIZE - 1) + np.array([-side * EYE_WIDTH * 0.6, 0])
        layer.over(colour, random.uniform(0.1, 0.4) * _spot(at, EYE_WIDTH * 0.8, EYE_WIDTH * 0.25, side * -0.6))


def eye_shadow(layer, random, colour, strength, reach, lower, weighted):
    field = np.exp(-((EYE_DISTANCE / reach) ** random.uniform(1.5, 4))) * np.maximum(ABOVE_LIDS, (1 - ABOVE_LIDS) * (0.7 if lower else 0.0))
    if weighted:
        lean = random.uniform(-1, 1)
        right = 1 / (1 + np.exp((_x - centre(RIGHT_EYE)[0]) / (EYE_WIDTH * 0.2) * lean * 3))
        left = 1 / (1 + np.exp(-(_x - centre(LEFT_EYE)[0]) / (EYE_WIDTH * 0.2) * lean * 3))
        field = field * np.where(_x < SIZE / 2, right, left)
    layer.over(colour, (strength * blurred(field.astype(np.float32), random.uniform(0.5, 3))).astype(np.float32))


def liner(layer, random, colour, strength, thickness, wing, lower):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for lid, side in ((RIGHT_UPPER_LID, -1), (LEFT_UPPER_LID, 1)):
        points = UV[lid] * (SIZE - 1)
        points = np.vstack([[points[0] + np.array([side * wing, -wing * random.uniform(0.2, 0.8)])], points])
        cv2.polylines(mask, [np.round(points * 16).astype(np.int32)], False, 255, thickness, cv2.LINE_AA, 4)
    if lower:
        for lid in (RIGHT_LOWER_LID, LEFT_LOWER_LID):
            cv2.polylines(mask, [np.round(UV[lid] * (SIZE - 1) * 16).astype(np.int32)], False, 200, 1, cv2.LINE_AA, 4)
    layer.over(colour, strength * blurred(mask.astype(np.float32) / 255, random.uniform(0.3, 1)))


def face_art(layer, random):
    for _ in range(random.integers(1, 5)):
        mask = np.zeros((SIZE, SIZE), np.uint8)
        points = random.uniform(0.15, 0.85, 2) * SIZE + random.normal(0, random.uniform(8, 35), (random.integers(3, 8), 2))
        if random.random() < 0.5:
            cv2.fillPoly(mask, [points.astype(np.int32)], 255)
        else:
            cv2.polylines(mask, [points.astype(np.int32)], False, 255, int(random.integers(2, 9)))
        layer.over(hsv(random, (0, 180), (60, 255), (30, 255)), random.uniform(0.5, 1) * blurred(mask.astype(np.float32) / 255, random.uniform(0.5, 3)))


def lipstick(layer, random, colour, strength):
    layer.over(colour, strength * blurred(cv2.dilate(polygon(LIPS_OUTER), np.ones((3, 3))), 0.6))


def random_makeup(random, strong=1.0, art=True):
    skin, lips = Layer(), Layer()
    if random.random() < 0.75:
        blush(skin, random, hsv(random, (165, 192), (80, 200), (150, 250)), random.uniform(0.15, 0.7))
    if random.random() < 0.45:
        contour(skin, random, hsv(random, (5, 14), (90, 160), (60, 130)))
    if random.random() < 0.85 * strong:
        strength = random.uniform(0.35, 0.95)
        for index in range(random.integers(1, 4)):
            colour = hsv(random, (0, 180), (30, 230), (20, 240)) if random.random() < 0.7 else hsv(random, (0, 20), (60, 200), (20, 160))
            reach = EYE_WIDTH * random.uniform(0.12, 0.5) * (1 if index == 0 else random.uniform(0.4, 1))
            eye_shadow(skin, random, colour, strength, reach, random.random() < 0.35, index > 0 or random.random() < 0.3)
    if random.random() < 0.6:
        colour = hsv(random, (0, 180), (0, 80), (0, 40)) if random.random() < 0.85 else hsv(random, (0, 180), (120, 255), (40, 200))
        liner(skin, random, colour, random.uniform(0.5, 1), int(random.integers(1, 4)), random.uniform(0, 0.5) * EYE_WIDTH, random.random() < 0.4)
    if random.random() < 0.4:
        skin.over(hsv(random, (0, 25), (30, 180), (10, 120)), random.uniform(0.2, 0.7) * blurred(BROWS, random.uniform(0.8, 2)))
    if random.random() < 0.12 and art:
        face_art(skin, random)
    if random.random() < 0.9 * strong:
        colour = hsv(random, (165, 190), (90, 240), (60, 240)) if random.random() < 0.75 else hsv(random, (0, 180), (40, 255), (15, 240))
        lipstick(lips, random, colour, random.uniform(0.55, 1))
        if random.random() < 0.3:  # a second shade in the middle
            inner = blurred(cv2.erode(polygon(LIPS_OUTER), np.ones((5, 5))), 2)
            lips.over(hsv(random, (165, 190), (60, 240), (40, 250)), random.uniform(0.3, 0.9) * inner)
    return skin.rgba(), lips.rgba()


def sample(texture, uv):
    p = uv.astype(np.float32) * (SIZE - 1)
    return cv2.remap(texture, p[..., 0], p[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


SKIN, LIPS = (1, 2, 6, 7), (11, 12)  # label classes: skin, nose, brows; upper and lower lip


def _laid(texture, classes, parsing, uv):
    """One texture where it shows on a face: colour h x w x 3, opacity h x w, and the classes it lies on as 0 or 1."""
    inside = np.isin(parsing, classes).astype(np.float32)
    valid = (uv[..., 0] >= 0).astype(np.float32)
    painted = sample(texture, uv)
    return painted[..., :3], painted[..., 3] * cv2.GaussianBlur(inside * valid, (0, 0), 0.8) * inside, inside * valid


def layers(parsing, uv, makeup):
    """What lies on a face, h x w x 8: opacity and flat colour times opacity, of the skin's paint, then of the lips'."""
    out = []
    for texture, classes in zip(makeup, (SKIN, LIPS)):
        colour, alpha, _ = _laid(texture, classes, parsing, uv)
        out += [alpha[..., None], colour * alpha[..., None]]
    return np.dstack(out)


def paint(picture, parsing, uv, makeup):
    """`picture` h x w x 3 in 0..1, `parsing` the 19 label classes of the data, `uv` h x w x 2 (-1 outside the mesh)."""
    skin, lips = makeup
    luma = picture @ LUMA
    detail = luma / np.maximum(cv2.GaussianBlur(luma, (0, 0), 6), 0.02)
    out = picture
    for texture, classes, grain, shading in ((skin, SKIN, 0.7, 0.5), (lips, LIPS, 0.9, 0.0)):
        colour, alpha, m = _laid(texture, classes, parsing, uv)
        alpha = alpha[..., None]
        colour = colour * (np.clip(detail, 0.5, 1.8) ** grain)[..., None]
        if shading > 0:
            mean = (luma * m).sum() / max(m.sum(), 1)
            colour = colour * np.clip(cv2.GaussianBlur(luma, (0, 0), 6) / max(mean, 0.05), 0.5, 1.6)[..., None] ** shading
        out = out * (1 - alpha) + np.clip(colour, 0, 1) * alpha
    return np.clip(out, 0, 1).astype(np.float32)
