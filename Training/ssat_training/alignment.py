"""The aligned crop of a face: upright by the eye line, 1.5 times the longer side of the face oval."""
import numpy as np

OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93,
        234, 127, 162, 21, 54, 103, 67, 109]


def frame_to_crop(landmarks, size=256, margin=1.5):
    """2x3 matrix that takes picture pixels to crop pixels."""
    right, left = landmarks[[33, 133]].mean(0)[:2], landmarks[[362, 263]].mean(0)[:2]
    angle = np.arctan2(left[1] - right[1], left[0] - right[0])
    c, s = np.cos(-angle), np.sin(-angle)
    rotation = np.array([[c, -s], [s, c]])
    oval = landmarks[OVAL, :2] @ rotation.T
    low, high = oval.min(0), oval.max(0)
    centre = (low + high) / 2
    centre[1] -= 0.04 * (high - low)[1]
    k = size / (margin * max((high - low).max(), 1))
    matrix = np.zeros((2, 3))
    matrix[:, :2] = rotation * k
    matrix[:, 2] = size / 2 - k * centre
    return matrix
