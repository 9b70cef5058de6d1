"""Flicker of a made-up clip: flow-warped difference of consecutive outputs over that of the sources, where makeup is.

    python -m ssat_training.temporal CLIP MADE_UP_CLIP          1.00: as calm as the source; wanted: at most 1.05

`--profile PNG` also draws one column of pixels over time, the source above the result: what flickers shows as vertical stripes
in the lower half that the upper half has not.
"""
import argparse

import cv2
import numpy as np

CHANGED = 6  # of 255: a pixel that differs by more is painted
GAP = 8  # rows between the source's profile and the result's


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
        painted = cv2.dilate((np.abs(a - b).max(2) > CHANGED).astype(np.uint8), np.ones((9, 9))) > 0
        if previous is not None and painted.sum() > 100:
            moved = flow.calc(grey, previous[0], None)
            y, x = np.mgrid[0:grey.shape[0], 0:grey.shape[1]].astype(np.float32)
            warp = lambda picture: cv2.remap(picture, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR)
            total += [np.abs(a - warp(previous[1]))[painted].mean(), np.abs(b - warp(previous[2]))[painted].mean()]
        previous = (grey, a, b)
    return total


def profile(source, made_up):
    """The column that is painted most over the whole clip, frame beside frame: source above result, cut to the painted rows."""
    painted = sum((np.abs(a - b).max(2) > CHANGED).astype(np.int32) for a, b in zip(frames(source), frames(made_up)))
    column, rows = painted.sum(0).argmax(), np.nonzero(painted.sum(1))[0]
    cut = slice(rows.min(), rows.max() + 1) if len(rows) else slice(None)
    above, below = (np.stack([frame[cut, column] for frame in frames(clip)], 1) for clip in (source, made_up))
    return np.vstack([above, np.full((GAP, *above.shape[1:]), 255), below[:, :above.shape[1]]])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("clip")
    p.add_argument("made_up")
    p.add_argument("--profile", help="write the picture here")
    o = p.parse_args()
    before, after = flicker(o.clip, o.made_up)
    print(f"{o.clip}: {after / max(before, 1e-9):.3f}")
    if o.profile:
        cv2.imwrite(o.profile, profile(o.clip, o.made_up))


if __name__ == "__main__":
    main()
