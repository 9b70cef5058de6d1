"""Flicker of a made-up clip: flow-warped difference of consecutive outputs over that of the sources, where makeup is.

    python -m ssat_training.temporal CLIP MADE_UP_CLIP          1.00: as calm as the source; wanted: at most 1.05
"""
import sys

import cv2
import numpy as np


def frames(path):
    capture = cv2.VideoCapture(path)
    while True:
        good, frame = capture.read()
        if not good:
            return
        yield frame.astype(np.float32)


def flicker(source, made_up):
    """Both numbers: sums over all frames of the difference that the optical flow of the source does not explain."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    previous, total = None, np.zeros(2)
    for a, b in zip(frames(source), frames(made_up)):
        grey = cv2.cvtColor(a.astype(np.uint8), cv2.COLOR_BGR2GRAY)
        painted = cv2.dilate((np.abs(a - b).max(2) > 6).astype(np.uint8), np.ones((9, 9))) > 0
        if previous is not None and painted.sum() > 100:
            moved = flow.calc(grey, previous[0], None)
            y, x = np.mgrid[0:grey.shape[0], 0:grey.shape[1]].astype(np.float32)
            warp = lambda picture: cv2.remap(picture, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR)
            total += [np.abs(a - warp(previous[1]))[painted].mean(), np.abs(b - warp(previous[2]))[painted].mean()]
        previous = (grey, a, b)
    return total


def main():
    before, after = flicker(sys.argv[1], sys.argv[2])
    print(f"{sys.argv[1]}: {after / max(before, 1e-9):.3f}")


if __name__ == "__main__":
    main()
