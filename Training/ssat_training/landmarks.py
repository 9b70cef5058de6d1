"""Labels pictures with the 478 landmarks of MediaPipe FaceMesh (with attention), the teacher of FaceMesh.

    python -m ssat_training.landmarks --data ../shared/data --out DIR            (1 minute for 12,000 pictures on 2 cores)

One file per folder and worker: names (paths) and lm (n x 478 x 3, picture pixels; z toward the back). Folders that are done
are skipped, so a killed run goes on where it stopped.
"""
import argparse
import os
from multiprocessing import Process
from pathlib import Path

import cv2
import numpy as np

os.environ["GLOG_minloglevel"] = "3"

FOLDERS = (
    "labelled/images", "bare/generated", "faces/london", "faces/scut", "faces/allages", "faces/utk", "faces/lfw", "faces/wild", "profile/images",
    "makeup/japanese_smokey", "makeup/references", "makeup/shmt", "makeup/without", "makeup/shmt_without",
)


def file_name(folder, worker):
    """The labelled pictures are the main set: lab_K.npz; all others carry their folder's name."""
    return f"lab_{worker}.npz" if folder == "labelled/images" else f"lab_{folder.replace('/', '_')}_{worker}.npz"


def label(data, folder, worker, workers, out, limit):
    import mediapipe

    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.4)
    names, points = [], []
    paths = sorted((Path(data) / folder).iterdir())[:limit]
    for path in paths[worker::workers]:
        picture = cv2.imread(str(path))
        if picture is None:
            continue
        found = mesh.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        if not found:
            continue
        h, w = picture.shape[:2]
        names.append(str(path))
        points.append(np.array([[p.x * w, p.y * h, p.z * w] for p in found[0].landmark], np.float32))
    target = Path(out) / file_name(folder, worker)
    np.savez(target.with_suffix(".part.npz"), names=np.array(names), lm=np.array(points, np.float32).reshape(-1, 478, 3))
    os.replace(target.with_suffix(".part.npz"), target)
    print(f"{folder}: {len(names)} of {len(paths[worker::workers])}", flush=True)


def work(worker, workers, o):
    for folder in FOLDERS:
        if (Path(o.data) / folder).is_dir() and not (Path(o.out) / file_name(folder, worker)).exists():
            label(o.data, folder, worker, workers, o.out, o.limit)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--limit", type=int, help="only so many pictures of each folder, to try things out")
    o = p.parse_args()
    Path(o.out).mkdir(parents=True, exist_ok=True)
    processes = [Process(target=work, args=(k, o.workers, o)) for k in range(o.workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    raise SystemExit(max(process.exitcode for process in processes))


if __name__ == "__main__":
    main()
