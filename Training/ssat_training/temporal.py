"""Flicker of a made-up clip: flow-warped difference of consecutive outputs over that of the sources (models.md, section 5).

    python -m ssat_training.temporal CLIP MADE_UP_CLIP          1.00: as calm as the source; wanted of the face: at most 1.05

Two figures: over the face's oval, and over the painted pixels alone. The second is not flicker only: where flow is a pixel off, a lip's edge
counts by how much darker than the skin it is, and lipstick makes it darker. And by how many frames the makeup trails behind the face: its own
motion as a mixture of the face's motion now and a frame ago.

Frames are read with chroma as it is stored, one value for 2 x 2 pixels in 4:2:0: the edge of red lips has steps of two pixels then, and they tremble
where it moves. `--interpolate` reads it as players show it.

`--profile PNG` also draws one column of pixels over time, the source above the result: what flickers shows as vertical stripes
in the lower half that the upper half has not.
"""
import argparse
import os
import subprocess

import cv2
import numpy as np

from .alignment import OVAL

CHANGED = 6  # of 255: a pixel that differs by more is painted
MARGIN = 48  # pixels
FEWEST = 100  # pixels of a region that is judged
GAP = 8  # rows between the source's profile and the result's


def frames(path, interpolate=False):
    """h x w x 3 bytes, BGR; `interpolate`: chroma between its samples by FFmpeg's bicubic filter."""
    capture = cv2.VideoCapture(path)
    if interpolate:
        yield from interpolated(path, *(int(capture.get(k)) for k in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)))
        return
    while True:
        good, frame = capture.read()
        if not good:
            return
        yield frame


def interpolated(path, height, width):
    command = ["ffmpeg", "-v", "error", "-i", path, "-sws_flags", "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp", "-vsync", "passthrough",
               "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as ffmpeg:
        try:
            while len(data := ffmpeg.stdout.read(height * width * 3)) == height * width * 3:
                yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
        finally:
            ffmpeg.kill()  # the other clip may end first


def face_region():
    """A function that says where the faces of a frame (h x w x 3 bytes, BGR) are, h x w, by MediaPipe: the judge is not the filter's own network."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    import mediapipe

    mesh = mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=4, refine_landmarks=True)

    def region(frame):
        mask, size = np.zeros(frame.shape[:2], np.uint8), frame.shape[1::-1]
        for face in mesh.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_face_landmarks or []:
            points = np.array([[face.landmark[i].x, face.landmark[i].y] for i in OVAL]) * size
            cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1)
        return mask > 0

    return region


def painted_counts(source, made_up):
    """In how many frames each pixel is painted."""
    return sum((cv2.absdiff(a, b).max(2) > CHANGED).astype(np.int32) for a, b in zip(frames(source), frames(made_up)))


def surroundings(counts):
    """Rows and columns of everything that is ever painted, with a margin for the flow: what lies beyond takes time only."""
    slices = []
    for axis in (1, 0):
        where = np.nonzero(counts.sum(axis))[0]
        slices.append(slice(max(where[0] - MARGIN, 0), where[-1] + MARGIN) if len(where) else slice(None))
    return tuple(slices)


def flicker(source, made_up, within, interpolate=False):
    """2 x 2: of faces, then of what is painted, source's and result's mean difference of consecutive frames (0 to 255) that the optical flow
    of the source does not explain. And n x 2 x 2: the motion of the painted face, and that of the paint, in pixels a frame."""
    flow, face = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), face_region()
    previous, total, count, motions = None, np.zeros((2, 2)), np.zeros((2, 1)), []
    for whole, made in zip(frames(source, interpolate), frames(made_up, interpolate)):
        a, b = whole[within].astype(np.float32), made[within].astype(np.float32)
        grey = cv2.cvtColor(np.ascontiguousarray(whole[within]), cv2.COLOR_BGR2GRAY)
        painted = cv2.dilate((np.abs(a - b).max(2) > CHANGED).astype(np.uint8), np.ones((9, 9))) > 0
        paint = np.clip(128 + b[..., 1] - a[..., 1], 0, 255).astype(np.uint8)
        regions = (face(whole)[within], painted)
        if previous is not None:
            moved = flow.calc(grey, previous[0], None)
            y, x = np.mgrid[0:grey.shape[0], 0:grey.shape[1]].astype(np.float32)
            warp = lambda frame: cv2.remap(frame, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR)
            unexplained = [np.abs(a - warp(previous[1])).mean(2), np.abs(b - warp(previous[2])).mean(2)]
            for k, region in enumerate(regions):
                if painted.sum() > FEWEST and region.sum() > FEWEST:
                    total[k] += [difference[region].mean() for difference in unexplained]
                    count[k] += 1
            if painted.sum() > FEWEST:
                motions.append([np.median(x[painted], 0) for x in (moved, flow.calc(paint, previous[3], None))])
        previous = (grey, a, b, paint)
    return total / count.clip(1), np.array(motions)


def trailing(motions):
    """Frames by which the paint is behind the face; nan where nothing moves."""
    if len(motions) < 3 or np.abs(motions).max() < 0.05:
        return float("nan")
    face, paint = motions[:, 0], motions[:, 1]
    now, before = np.linalg.lstsq(np.stack([face[1:].ravel(), face[:-1].ravel()], 1), paint[1:].ravel(), rcond=None)[0]
    return before / (now + before)


def profile(source, made_up, counts, within):
    """The column that is painted most over the whole clip, frame beside frame: source above result, cut to `within`'s rows."""
    column = counts.sum(0).argmax()
    above, below = (np.stack([frame[within[0], column] for frame in frames(clip)], 1) for clip in (source, made_up))
    count = min(above.shape[1], below.shape[1])
    return np.vstack([above[:, :count], np.full((GAP, count, 3), 255, np.uint8), below[:, :count]])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("clip")
    p.add_argument("made_up")
    p.add_argument("--profile", help="write the picture here")
    p.add_argument("--interpolate", action="store_true", help="chroma as players show it")
    o = p.parse_args()
    counts = painted_counts(o.clip, o.made_up)
    within = surroundings(counts)
    unexplained, motions = flicker(o.clip, o.made_up, within, o.interpolate)
    ratios = [f"{after / max(before, 1e-9):.3f} ({before:.2f} to {after:.2f})" for before, after in unexplained]
    print(f"{o.clip}: face {ratios[0]}, painted {ratios[1]}, trails by {trailing(motions):.2f} frames")
    if o.profile:
        cv2.imwrite(o.profile, profile(o.clip, o.made_up, counts, within))


if __name__ == "__main__":
    main()
