"""The skin around each eye unwrapped finely: a texel is about a pixel of an aligned crop, where those of `face_texture` are two by four.

Both eyes are windows of the same plane, that of the canonical mesh's UV; the left one is mirrored, so that a texel means the same place of either.
"""
import cv2
import numpy as np

from .face_texture import SIZE, between, facing, on_texture, places, texels
from .face_zones import UV
from .painted_makeup import SKIN

WIDTH, HEIGHT = 64, 48  # texels
LEFT, RIGHT, TOP, BOTTOM = 0.215, 0.495, 0.27, 0.43  # of the UV plane: the window of the right eye
SIDES = (0, 1)  # the right eye, and the left one, mirrored


def centres(mirrored):
    """UV coordinates of the texels' middles, HEIGHT x WIDTH x 2."""
    u = LEFT + (np.arange(WIDTH) + 0.5) / WIDTH * (RIGHT - LEFT)
    v = TOP + (np.arange(HEIGHT) + 0.5) / HEIGHT * (BOTTOM - TOP)
    return np.stack(np.meshgrid(1 - u if mirrored else u, v), -1)


CENTRES = [centres(mirrored) for mirrored in SIDES]
TEXELS = [texels(at) for at in CENTRES]
FADE = 3  # texels at the border of a window over which it fades into the texture of the whole face


def unwrap(maps, uv, landmarks, side):
    """`maps` h x w x c, `uv` h x w x 2 of the picture's pixels. Returns HEIGHT x WIDTH x c, and whether the texels are seen."""
    at = places(landmarks, *TEXELS[side])
    return between(maps, at), facing(at, uv, CENTRES[side])


def skin_share(parsing):
    return np.isin(parsing, SKIN).astype(np.float32)


def as_windows(texture):
    """A texture of the whole face, c x SIZE x SIZE, at the texels of both windows: HEIGHT x WIDTH x c each."""
    return [between(texture.transpose(1, 2, 0), on_texture(at) * SIZE - 0.5) for at in CENTRES]


def as_window(rings):
    """Polygons of landmarks at the right eye's texels, HEIGHT x WIDTH, 0 to 1."""
    mask = np.zeros((4 * HEIGHT, 4 * WIDTH), np.uint8)
    for ring in rings:
        at = (UV[ring] - [LEFT, TOP]) / [RIGHT - LEFT, BOTTOM - TOP] * [4 * WIDTH, 4 * HEIGHT] - 0.5
        cv2.fillPoly(mask, [np.round(at * 16).astype(np.int32)], 1, shift=4)
    return cv2.resize(mask.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def lay_over(windows, place, painted):
    """What both windows, HEIGHT x WIDTH x c each, paint in place of the texture of the whole face. `place` h x w x 2, `painted` h x w x c."""
    for side in SIDES:
        u = 1 - place[..., 0] if side else place[..., 0]
        at = np.stack([(u - LEFT) / (RIGHT - LEFT) * WIDTH, (place[..., 1] - TOP) / (BOTTOM - TOP) * HEIGHT], -1) - 0.5
        inside = np.minimum(at, np.array([WIDTH - 1, HEIGHT - 1]) - at).min(-1, keepdims=True)
        painted = painted + (between(windows[side], at) - painted) * (inside / FADE).clip(0, 1)
    return painted
