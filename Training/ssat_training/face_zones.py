"""Where the lips, eyes, brows and cheeks lie in the canonical mesh's UV plane (256x256, values 0..1)."""
from pathlib import Path

import cv2
import numpy as np

SIZE = 256
MESH = Path(__file__).with_name("canonical_mesh.npz")
UV = np.load(MESH)["uv"][:468]
TRIANGLES = np.load(MESH)["triangles"]

LIPS_OUTER = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
LIPS_INNER = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191]
RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]
LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466]
RIGHT_UPPER_LID = [33, 246, 161, 160, 159, 158, 157, 173, 133]
LEFT_UPPER_LID = [263, 466, 388, 387, 386, 385, 384, 398, 362]
RIGHT_LOWER_LID = [33, 7, 163, 144, 145, 153, 154, 155, 133]
LEFT_LOWER_LID = [263, 249, 390, 373, 374, 380, 381, 382, 362]
RIGHT_BROW = [70, 63, 105, 66, 107, 55, 65, 52, 53, 46]
LEFT_BROW = [300, 293, 334, 296, 336, 285, 295, 282, 283, 276]
CHEEKS = (50, 280, 205, 425)

EYE_WIDTH = float(np.linalg.norm(UV[33] - UV[133]) * (SIZE - 1))
_y, _x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)


def polygon(indices):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(UV[indices] * (SIZE - 1) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def centre(indices):
    return UV[indices].mean(0) * (SIZE - 1)


def _above_lids():
    above = np.zeros((SIZE, SIZE), np.float32)
    for lid, eye in ((RIGHT_UPPER_LID, RIGHT_EYE), (LEFT_UPPER_LID, LEFT_EYE)):
        points = UV[lid] * (SIZE - 1)
        order = np.argsort(points[:, 0])
        lid_y = np.interp(_x[0], points[order, 0], points[order, 1])
        near = np.abs(_x - centre(eye)[0]) < EYE_WIDTH * 1.1
        above[near] = (1 / (1 + np.exp((_y - lid_y[None] - 1) / 1.5)))[near]
    return above


EYES = polygon(RIGHT_EYE) + polygon(LEFT_EYE)
BROWS = polygon(RIGHT_BROW) + polygon(LEFT_BROW)
EYE_DISTANCE = cv2.distanceTransform((EYES < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
ABOVE_LIDS = _above_lids()
EYE_ZONE = np.clip(
    np.maximum(ABOVE_LIDS * np.exp(-((EYE_DISTANCE / (EYE_WIDTH * 0.45)) ** 2)), np.exp(-((EYE_DISTANCE / (EYE_WIDTH * 0.18)) ** 2))), 0, 1
).astype(np.float32)
CHEEK_ZONE = np.zeros((SIZE, SIZE), np.float32)
for _index in CHEEKS:
    _c = UV[_index] * (SIZE - 1)
    CHEEK_ZONE = np.maximum(CHEEK_ZONE, np.exp(-(((_x - _c[0]) / (EYE_WIDTH * 0.75)) ** 2 + ((_y - _c[1]) / (EYE_WIDTH * 0.65)) ** 2)))
CHEEK_ZONE = CHEEK_ZONE.astype(np.float32)
