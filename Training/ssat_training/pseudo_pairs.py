"""Pseudo pairs (SSAT, section 3.4), relative to skin tone: what a face would look like wearing a photographed look.

Lips take the reference's mean colour and spread. The eye zone takes the reference's difference to its own skin with a fine
blur, and its absolute colour where that is opaque pigment (far from the skin's colour, over about 8 to 30 dE). Cheeks take
chroma only, with a wide blur. Nothing else moves: skin tone is not makeup.
"""
import cv2
import numpy as np

from .face_zones import CHEEK_ZONE, EYE_ZONE, SIZE, TRIANGLES, UV
from .painted_makeup import sample

SKIN, LIPS = (1, 2, 6, 7), (11, 12)  # label classes: skin, nose, brows; upper and lower lip


def _inverse_raster():
    """For every texel of the UV plane the triangle it lies in and its barycentric weights."""
    owner = np.full((SIZE, SIZE), -1, np.int32)
    fixed = np.round(UV * (SIZE - 1) * 16).astype(np.int32)
    for t, triangle in enumerate(TRIANGLES):
        cv2.fillConvexPoly(owner, fixed[triangle], t, cv2.LINE_8, 4)
    inside = owner >= 0
    ys, xs = np.nonzero(inside)
    corners = TRIANGLES[owner[inside]]
    a, b, c = (UV[corners[:, k]] * (SIZE - 1) for k in range(3))
    v0, v1, v2 = b - a, c - a, np.stack([xs, ys], 1) - a
    d00, d01, d11, d20, d21 = (v0 * v0).sum(1), (v0 * v1).sum(1), (v1 * v1).sum(1), (v2 * v0).sum(1), (v2 * v1).sum(1)
    area = d00 * d11 - d01 * d01
    area[np.abs(area) < 1e-9] = 1e-9
    w1, w2 = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    return inside, corners, np.stack([1 - w1 - w2, w1, w2], 1).astype(np.float32)


_INSIDE, _CORNERS, _WEIGHTS = _inverse_raster()


def unroll(picture, landmarks):
    """The face's texture in the UV plane, SIZE x SIZE."""
    where = np.full((SIZE, SIZE, 2), -10, np.float32)
    where[_INSIDE] = (landmarks[_CORNERS, :2] * _WEIGHTS[..., None]).sum(1)
    return cv2.remap(picture, where[..., 0], where[..., 1], cv2.INTER_LINEAR)


def _masked_blur(x, mask, sigma):
    return cv2.GaussianBlur(x * mask[..., None], (0, 0), sigma) / (cv2.GaussianBlur(mask, (0, 0), sigma) + 1e-4)[..., None]


def _classes(parsing, classes):
    return np.isin(parsing, classes).astype(np.float32)


def _shift_skin(colours, parsing, uv, reference, reference_parsing, reference_landmarks, reference_uv):
    """The change of the skin in CIELAB, or zero where too little of either face can be seen."""
    skin = _classes(parsing, SKIN)
    valid = (uv[..., 0] >= 0).astype(np.float32)
    warped = cv2.cvtColor(sample(unroll(reference, reference_landmarks), uv), cv2.COLOR_RGB2LAB)
    seen = sample(unroll(_classes(reference_parsing, SKIN), reference_landmarks), uv) * skin * valid
    seen = (seen > 0.6).astype(np.float32)
    own, other = skin * valid > 0, (_classes(reference_parsing, SKIN) * (reference_uv[..., 0] >= 0)) > 0
    if seen.sum() <= 200 or other.sum() <= 200:
        return np.zeros_like(colours)
    base = np.median(cv2.cvtColor(reference, cv2.COLOR_RGB2LAB)[other], 0)
    tone = (base - np.median(colours[own], 0)).astype(np.float32)
    eyes, cheeks = sample(np.ascontiguousarray(EYE_ZONE), uv)[..., None], sample(CHEEK_ZONE, uv)[..., None]
    deviation = _masked_blur(warped - base, seen, 2)
    opaque = np.clip((np.linalg.norm(deviation[..., 1:], axis=-1) + 0.8 * np.clip(-deviation[..., 0], 0, None) - 8) / 22, 0, 1)[..., None]
    fine = _masked_blur(warped - colours, seen, 1.5) - (1 - opaque) * tone
    wide = _masked_blur(warped - colours, seen, 6) - tone
    wide[..., 0] = 0
    soft_edge = cv2.GaussianBlur(skin, (0, 0), 1.2) * skin * np.clip(cv2.GaussianBlur(seen, (0, 0), 2) * 1.5, 0, 1)
    return (fine * eyes + 0.8 * wide * cheeks * (1 - eyes)) * soft_edge[..., None]


def pseudo_target(picture, parsing, uv, reference, reference_parsing, reference_landmarks, reference_uv):
    """`picture` wearing `reference`'s look. Pictures h x w x 3 in 0..1; parsing: label classes; landmarks in pixels."""
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    out = colours + _shift_skin(colours, parsing, uv, reference, reference_parsing, reference_landmarks, reference_uv)
    lips, other = _classes(parsing, LIPS) > 0, _classes(reference_parsing, LIPS) > 0
    if lips.sum() > 30 and other.sum() > 30:
        own, theirs = colours[lips], cv2.cvtColor(reference, cv2.COLOR_RGB2LAB)[other]
        spread = np.clip((theirs.std(0) + 1) / (own.std(0) + 1), 0.7, 1.4)
        moved = out.copy()
        moved[lips] = (own - own.mean(0)) * spread + theirs.mean(0)
        edge = cv2.GaussianBlur(_classes(parsing, LIPS), (0, 0), 0.8) * _classes(parsing, LIPS)
        out = out + (moved - out) * np.clip(edge * 1.3, 0, 1)[..., None]
    return np.clip(cv2.cvtColor(out.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)
