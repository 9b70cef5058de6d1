"""Where a face is seen that is not there: in pictures without a face, and after a face has left a clip. Prints Markdown tables.

    python -m ssat_training.presence --binary ../.build/release/ssat-live --noface DIR --clips CLIP [CLIP...] --reference PICTURE

A clip's face leaves in one frame: some frames of the clip, then a grey one or a picture of DIR in its place for as many again. The
number of frames for which makeup is still painted after that is wanted to be at most 2.
"""
import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np

from .temporal import CHANGED, frames

SHOWN, GONE = 30, 15  # frames


def faces_in(binary, picture):
    run = subprocess.run([binary, "inspect", str(picture)], capture_output=True, text=True)
    return json.loads(run.stdout)["faces"] if run.returncode == 0 and run.stdout.strip() else []


def leaving(clip, behind, path):
    """Writes SHOWN frames of the clip, then GONE times `behind` in the clip's size, losslessly."""
    writer = None
    for number, frame in enumerate(frames(clip)):
        if number == SHOWN:
            break
        height, width = frame.shape[:2]
        if writer is None:
            writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"FFV1"), 25, (width, height))
        writer.write(frame)
    for _ in range(GONE):
        writer.write(cv2.resize(behind, (width, height)))
    writer.release()


def frames_until_lost(binary, clip, reference, folder):
    """How many frames were painted of those with the face, and of those without; None where the binary failed."""
    made = f"{folder}/made.mkv"
    run = subprocess.run([binary, "apply", clip, "-r", reference, "-o", made, "-y", "--encoder", "ffv1", "--progress", "none"], capture_output=True, text=True)
    if run.returncode:
        return None
    # Some hundred pixels: the change of colour space and back moves single ones.
    painted = [(cv2.absdiff(a, b).max(2) > CHANGED).sum() > 100 for a, b in zip(frames(clip), frames(made))]
    return sum(painted[:SHOWN]), sum(painted[SHOWN:])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--binary", default="../.build/release/ssat-live")
    p.add_argument("--noface", required=True)
    p.add_argument("--clips", nargs="*", default=[])
    p.add_argument("--reference", default="../samples/plum.jpg")
    p.add_argument("--count", type=int, default=100000, help="pictures at most")
    o = p.parse_args()
    pictures = sorted(Path(o.noface).iterdir())[: o.count]
    seen = {picture.name: faces for picture in pictures if (faces := faces_in(o.binary, picture))}
    print(f"a face is seen in {len(seen)} of {len(pictures)} pictures without one ({100 * len(seen) / len(pictures):.1f} %)")
    for name, faces in seen.items():
        print(f"  {name}: " + ", ".join(f"{face['box'][2] - face['box'][0]:.0f} px, presence {face['presence']:.2f}" for face in faces))
    behind = {"grey": np.full((64, 64, 3), 128, np.uint8), "a picture without a face": cv2.imread(str(pictures[0]))}
    print("\n| clip | then | frames painted before | after |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for clip in o.clips:
            for name, picture in behind.items():
                leaving(clip, picture, f"{folder}/leaving.mkv")
                lost = frames_until_lost(o.binary, f"{folder}/leaving.mkv", o.reference, folder)
                print(f"| {Path(clip).name} | {name} | " + (f"{lost[0]} of {SHOWN} | {lost[1]} |" if lost else "failed | |"))


if __name__ == "__main__":
    main()
