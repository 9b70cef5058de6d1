"""The mesh's UV coordinates drawn into an aligned crop."""
import cv2
import numpy as np

from .face_zones import TRIANGLES, UV


def rasterize(landmarks, size):
    """`landmarks` 468 x 3 in crop pixels (z toward the back, as MediaPipe gives it). Returns size x size x 2, -1 outside."""
    owner = np.full((size, size), -1, np.int32)
    fixed = np.round(landmarks[:, :2] * 16).astype(np.int32)
    for t in np.argsort(-landmarks[TRIANGLES, 2].mean(1)):
        cv2.fillConvexPoly(owner, fixed[TRIANGLES[t]], int(t), cv2.LINE_8, 4)
    inside = owner >= 0
    ys, xs = np.nonzero(inside)
    t = TRIANGLES[owner[inside]]
    a, b, c = (landmarks[t[:, k], :2] for k in range(3))
    v0, v1, v2 = b - a, c - a, np.stack([xs, ys], 1).astype(np.float32) - a
    d00, d01, d11, d20, d21 = (v0 * v0).sum(1), (v0 * v1).sum(1), (v1 * v1).sum(1), (v2 * v0).sum(1), (v2 * v1).sum(1)
    area = d00 * d11 - d01 * d01
    area[np.abs(area) < 1e-6] = 1e-6
    w1, w2 = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    out = np.full((size, size, 2), -1, np.float32)
    out[inside] = np.clip(UV[t[:, 0]] * (1 - w1 - w2)[:, None] + UV[t[:, 1]] * w1[:, None] + UV[t[:, 2]] * w2[:, None], 0, 1)
    return out
