"""Eyes and mouths cut out of the faces with landmarks, ready-made for `train_mesh_refiner`.

    python -m ssat_training.refiner_windows --landmarks DIR --prepared DIR,UNLABELLED --out DIR          (3 minutes on two cores)

Every photo as it is, and every prepared face once more with a painted look, half of those with glasses. Writes eye.npy and mouth.npy (n x side + 32 squared x 3, R'G'B'
bytes; left eyes mirrored) and eye_points.npy, mouth_points.npy (n x points x 2, pixels of those); of held-out people nothing.
"""
import argparse
import glob
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

from . import covers
from .alignment import frame_to_crop
from .face_mesh_data import CLASSES
from .networks.mesh_refiner import EYE, MOUTH, corner
from .painted_makeup import paint, random_makeup
from .pairs import Faces
from .refined import OPPOSITE
from .splits import held_out

MARGIN = 16  # on every side, to move in


def cut(picture, landmarks, matrix, region):
    """A window with its margin, of a picture whose pixels `matrix` takes to the crop, and the region's landmarks in it."""
    points = landmarks @ matrix[:, :2].T + matrix[:, 2]
    shift = MARGIN - corner(points, region)
    side = region.side + 2 * MARGIN
    moved = np.column_stack([matrix[:, :2], matrix[:, 2] + shift])
    window = cv2.warpAffine(picture, moved, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
    return window, (points + shift)[region.points].astype(np.float32)


def regions(picture, landmarks, matrix):
    """Both eyes and the mouth of a face; the left eye as the right one of the face in the mirror."""
    width = picture.shape[1]
    other, reflected = picture[:, ::-1], landmarks[OPPOSITE].copy()
    reflected[:, 0] = width - 1 - reflected[:, 0]
    # The crop of the mirrored picture, mirrored itself: its pixel x is 255 - x of the crop.
    back = matrix * [[1, -1, 1], [-1, 1, 1]]
    back[:, 2] += [255 - matrix[0, 0] * (width - 1), matrix[1, 0] * (width - 1)]
    back[0, 2] -= 2 * matrix[0, 2]
    return [cut(picture, landmarks, matrix, EYE), cut(np.ascontiguousarray(other), reflected, back, EYE)], [cut(picture, landmarks, matrix, MOUTH)]


def photographed(item):
    name, landmarks = item
    picture = cv2.imread(name)[..., ::-1]
    return regions(np.ascontiguousarray(picture), landmarks, frame_to_crop(landmarks))


def photos(folder):
    for archive in sorted(glob.glob(f"{folder}/lab_*.npz")):
        with np.load(archive) as f:
            for name, points in zip(f["names"], f["lm"][:, :, :2]):
                if not held_out(str(name)):
                    yield str(name), points


def painted(item):
    folders, index = item
    faces, random = opened(folders), np.random.default_rng(index)
    parsing, uv = np.asarray(faces.parsing[index]), np.asarray(faces.uv[index], np.float32)
    picture = paint(faces.pictures[index].astype(np.float32) / 255, parsing, uv, random_makeup(random))
    picture, landmarks = np.round(picture * 255).astype(np.uint8), faces.landmarks[index][:, :2]
    if random.random() < 0.5:
        covers.glasses(picture, CLASSES[parsing], landmarks, random)
    border = (picture.shape[0] - 256) / 2
    return regions(picture, landmarks, np.float64([[1, 0, -border], [0, 1, -border]]))


def opened(folders, known={}):
    if folders not in known:
        known[folders] = Faces(folders, False)
    return known[folders]


def written(out, found):
    windows, points = {EYE.name: [], MOUTH.name: []}, {EYE.name: [], MOUTH.name: []}
    for eyes, mouths in found:
        for name, kind in ((EYE.name, eyes), (MOUTH.name, mouths)):
            for window, at in kind:
                if np.isfinite(at).all():
                    windows[name].append(window)
                    points[name].append(at)
    for name in windows:
        np.save(out / f"{name}.npy", np.stack(windows[name]))
        np.save(out / f"{name}_points.npy", np.stack(points[name]))
        print(name, len(windows[name]))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--landmarks", required=True)
    p.add_argument("--prepared", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--limit", type=int, help="only so many photos and so many painted faces, to try things out")
    o = p.parse_args()
    out = Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    items = list(photos(o.landmarks))[:o.limit]
    indices = [(o.prepared, int(i)) for i in Faces(o.prepared, False).ids][:o.limit]
    with Pool(2) as pool:
        found = pool.map(photographed, items, chunksize=64) + pool.map(painted, indices, chunksize=64)
    written(out, found)


if __name__ == "__main__":
    main()
