"""Cuts hands out of the training pictures, to be laid over other faces (`covers.hand`): none of the data says where a hand lies.

    python -m ssat_training.hands --data ../../shared/data --landmarks W/landmarks --out W/hands.npz          (3 minutes)

MediaPipe's hand landmarks find them, GrabCut (Rother et al., SIGGRAPH 2004) their outline. A "hand" that lies mostly on a face is a nose or a
mouth; where people labelled the picture, what they labelled as face or hair is not cut out. Writes `hands`: n x 160 x 160 x 4 bytes,
R'G'B' and opacity, and a sheet to look at.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np

from .splits import held_out

PACKS = ("labelled/images", "bare/generated", "faces/wild", "faces/lfw", "faces/london", "makeup/references", "makeup/shmt", "noface")
SIZE, SMALLEST = 160, 40  # of a cut-out; pixels of a hand's length in the picture
CONFIDENCE = 0.4
LARGEST_ON_FACE = 0.35  # share of a hand: hands that touch a cheek are kept, noses and mouths are not
LIKELY_SIZE = (0.6, 1.8)  # of what was cut out, over that of the skeleton
FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
PALM = (0, 1, 5, 9, 13, 17)
FACE, HAIR = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), (13, 14)  # of the data's labels; 8 and 9 are ears, which look like hands to the detector


def skeleton(points, shape, thickness):
    """Palm and fingers of 21 x 2 landmarks, fingers `thickness` times as wide as they are apart."""
    mask = np.zeros(shape, np.uint8)
    apart = np.median([np.linalg.norm(points[a] - points[b]) for a, b in ((5, 9), (9, 13), (13, 17))])
    wide = max(1, int(round(apart * thickness)))
    cv2.fillPoly(mask, [np.round(points[list(PALM)]).astype(np.int32)], 1)
    for finger in FINGERS:
        cv2.polylines(mask, [np.round(points[list(finger)]).astype(np.int32)], False, 1, wide)
    return mask > 0


def outline(picture, points):
    """Where the hand is, h x w, 0 or 1."""
    likely, near = skeleton(points, picture.shape[:2], 0.9), skeleton(points, picture.shape[:2], 2.0)
    mask = np.where(near, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    mask[likely] = cv2.GC_PR_FGD
    mask[skeleton(points, picture.shape[:2], 0.35)] = cv2.GC_FGD
    cv2.grabCut(picture, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    found = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    return cv2.morphologyEx(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3))), cv2.MORPH_CLOSE, np.ones((3, 3)))


def cut_out(picture, points, labels, face):
    """160 x 160 x 4, or None where it is too small, unlikely, or on a face. `labels` of people, or `face`: 478 x 2 landmarks, each None if unknown."""
    if np.ptp(points, axis=0).max() < SMALLEST or not cv2.minAreaRect(points.astype(np.float32))[1][0]:
        return None
    likely = skeleton(points, picture.shape[:2], 0.9)
    if labels is not None:
        on_face = np.isin(labels, FACE)
    else:
        on_face = np.zeros(picture.shape[:2], np.uint8)
        if face is not None:
            cv2.fillConvexPoly(on_face, cv2.convexHull(np.round(face).astype(np.int32)), 1)
    if on_face[likely].mean() > LARGEST_ON_FACE:
        return None
    found = outline(picture, points)
    if labels is not None:
        found[np.isin(labels, FACE + HAIR)] = 0
    if not LIKELY_SIZE[0] < found.sum() / max(likely.sum(), 1) < LIKELY_SIZE[1]:  # something else was cut out
        return None
    ys, xs = np.nonzero(found)
    side = max(np.ptp(xs), np.ptp(ys)) + 8
    scale = SIZE / side
    matrix = np.float32([[scale, 0, SIZE / 2 - scale * (xs.min() + xs.max()) / 2], [0, scale, SIZE / 2 - scale * (ys.min() + ys.max()) / 2]])
    colour = cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)[..., ::-1]
    opacity = cv2.warpAffine(cv2.GaussianBlur(found * 255, (0, 0), 0.7), matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR)
    return np.dstack([colour, opacity])


def hands_of(detector, path, labels_folder, faces):
    picture = cv2.imread(str(path))
    if picture is None:
        return []
    seen = detector.process(np.ascontiguousarray(picture[..., ::-1]))
    label = labels_folder / (path.stem + ".png")
    labels = cv2.imread(str(label), cv2.IMREAD_GRAYSCALE) if path.parent.name == "images" and label.exists() else None
    if labels is not None and labels.shape != picture.shape[:2]:
        labels = cv2.resize(labels, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    size = picture.shape[1::-1]
    points = [np.array([[p.x, p.y] for p in hand.landmark]) * size for hand in seen.multi_hand_landmarks or ()]
    return [hand for hand in (cut_out(picture, p, labels, faces.get(path.name)) for p in points) if hand is not None]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--landmarks", required=True, help="what ssat_training.landmarks wrote")
    p.add_argument("--out", required=True)
    p.add_argument("--limit", type=int, default=1 << 30, help="pictures of each pack")
    o = p.parse_args()
    import mediapipe

    cv2.setNumThreads(1)
    detector = mediapipe.solutions.hands.Hands(static_image_mode=True, max_num_hands=3, min_detection_confidence=CONFIDENCE)
    data, hands, faces = Path(o.data), [], {}
    for part in Path(o.landmarks).glob("lab_*.npz"):
        known = np.load(part)
        faces |= {Path(n).name: points[:, :2] for n, points in zip(known["names"], known["lm"])}
    for pack in PACKS:
        paths = [p for p in sorted((data / pack).rglob("*")) if p.suffix.lower() in (".jpg", ".jpeg", ".png") and not held_out(p)]
        for path in paths[: o.limit]:
            hands += hands_of(detector, path, data / "labelled/labels", faces)
    hands = np.stack(hands) if hands else np.zeros((0, SIZE, SIZE, 4), np.uint8)
    np.savez(o.out, hands=hands)
    if len(hands):
        shown = [np.where(h[..., 3:] > 127, h[..., :3], 90)[::2, ::2] for h in hands[:160]]
        shown += [np.zeros_like(shown[0])] * (-len(shown) % 16)
        cv2.imwrite(str(Path(o.out).with_suffix(".png")), np.vstack([np.hstack(shown[i:i + 16]) for i in range(0, len(shown), 16)])[..., ::-1])
    print(f"{len(hands)} hands")


if __name__ == "__main__":
    main()
