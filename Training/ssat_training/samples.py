"""Makes samples/: a clip of NASA's astronaut portrait brought to life, and references: a mean of many faces wearing painted makeup.

    python -m ssat_training.samples --london DIR --out ../samples        (needs mediapipe, scikit-image, ffmpeg)

The portrait (Eileen Collins, NASA) is in the public domain and comes with scikit-image. The mean face is that of the neutral
London faces (Face Research Lab London Set, DeBruine and Jones, CC BY 4.0): nobody's face.
"""
import argparse
import glob
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np

os.environ["GLOG_minloglevel"] = "3"

from .face_zones import BROWS, EYE_WIDTH, LEFT_EYE, LEFT_LOWER_LID, LEFT_UPPER_LID, LIPS_INNER, LIPS_OUTER, RIGHT_EYE, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from .painted_makeup import Layer, blurred, blush, contour, eye_shadow, liner, lipstick, paint
from .uv_raster import rasterize


def landmarks_of(mesh, picture):
    found = mesh.process(picture).multi_face_landmarks
    if not found:
        return None
    h, w = picture.shape[:2]
    return np.array([[p.x * w, p.y * h, p.z * w] for p in found[0].landmark], np.float32)


def frame_points(w, h):
    return np.float32([[x, y] for x in np.linspace(0, w - 1, 5) for y in np.linspace(0, h - 1, 5) if x in (0, w - 1) or y in (0, h - 1)])


def warp(picture, source, target):
    """Moves the points `source` to `target`, smoothly in between (thin plates would do; triangles are enough)."""
    from scipy.interpolate import LinearNDInterpolator

    h, w = picture.shape[:2]
    border = frame_points(w, h)
    moves = np.vstack([source - target, np.zeros_like(border)])
    step = 4
    ys, xs = np.mgrid[0 : h + step : step, 0 : w + step : step]
    field = LinearNDInterpolator(np.vstack([target, border]), moves, fill_value=0)(xs, ys).astype(np.float32)
    field = cv2.GaussianBlur(field, (0, 0), 0.8)
    full = cv2.resize(field, (field.shape[1] * step, field.shape[0] * step), interpolation=cv2.INTER_LINEAR)[:h, :w]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    return cv2.remap(picture, x + full[..., 0], y + full[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def mean_face(mesh, folder, size=400):
    pictures, points = [], []
    for path in sorted(glob.glob(f"{folder}/neutral_front_*.jpg")):
        picture = cv2.resize(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), (size, size))
        found = landmarks_of(mesh, picture)
        if found is not None:
            pictures.append(picture)
            points.append(found[:468])
    shape = np.mean(points, 0)
    total = np.zeros((size, size, 3))
    for picture, p in zip(pictures, points):
        total += warp(picture.astype(np.float32), p[:, :2], shape[:, :2])
    print("mean of", len(pictures))
    return np.clip(total / len(pictures), 0, 255).astype(np.uint8), shape


def parsing_from(points, size):
    """The label classes that painting needs, from the landmarks."""
    from .alignment import OVAL

    label = np.zeros((size, size), np.uint8)
    p = np.round(points[:, :2]).astype(np.int32)
    cv2.fillConvexPoly(label, cv2.convexHull(p[OVAL]), 1)
    for eye, k in ((RIGHT_EYE, 4), (LEFT_EYE, 5)):
        cv2.fillPoly(label, [p[eye]], k)
    cv2.fillPoly(label, [p[LIPS_OUTER]], 12)
    cv2.fillPoly(label, [p[LIPS_INNER]], 10)
    return label


def rgb(text):
    return np.float32([int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)])


LOOKS = {
    "classic-red": dict(lips="b3142a", shadow=[("a8765a", 0.35, 0.3)], liner=0.3, blush=("d9606a", 0.25)),
    "smokey": dict(lips="a8616a", shadow=[("2c2a30", 0.85, 0.42), ("55504e", 0.5, 0.3)], liner=0.15, lower=True, blush=("c07a68", 0.2), contour=True),
    "rose": dict(lips="c9477a", shadow=[("d87898", 0.6, 0.45)], liner=0.1, blush=("e8607a", 0.6)),
    "plum": dict(lips="5c1238", shadow=[("5b2a6e", 0.75, 0.4)], liner=0.4, blush=("b04a6a", 0.3)),
    "coral": dict(lips="f0563c", shadow=[("e89a5a", 0.6, 0.42)], liner=0.0, blush=("f2704c", 0.5)),
    "ocean": dict(lips="c05a70", shadow=[("1c6f9c", 0.8, 0.45), ("2fb3a6", 0.5, 0.25)], liner=0.45, blush=("d97a80", 0.25)),
}


def make_look(recipe):
    random = np.random.default_rng(4)
    skin, lips = Layer(), Layer()
    colour, strength = recipe["blush"]
    blush(skin, random, rgb(colour), strength)
    if recipe.get("contour"):
        contour(skin, random, rgb("7a4c38"))
    for colour, strength, reach in recipe["shadow"]:
        eye_shadow(skin, random, rgb(colour), strength, reach * EYE_WIDTH, recipe.get("lower", False), False)
    liner(skin, random, rgb("14100f"), 0.9, 2, recipe["liner"] * EYE_WIDTH, recipe.get("lower", False))
    skin.over(rgb("3a261c"), 0.3 * blurred(BROWS, 1.2))
    lipstick(lips, random, rgb(recipe["lips"]), 0.85)
    return skin.rgba(), lips.rgba()


def animate(mesh, path, seconds=6, rate=25, size=640):
    """The astronaut talks, blinks, turns; the camera moves a little."""
    from skimage import data

    picture = cv2.resize(data.astronaut()[0:400, 60:460], (size, size), interpolation=cv2.INTER_CUBIC)
    points = landmarks_of(mesh, picture)
    base, depth = points[:, :2], points[:, 2] - points[:, 2].mean()
    eye = np.linalg.norm(base[33] - base[263])
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size}x{size}", "-r", str(rate), "-i", "-", "-f", "lavfi", "-i",
               f"sine=frequency=330:duration={seconds},volume=0.05", "-c:v", "libx264", "-crf", "20", "-preset", "slow", "-pix_fmt", "yuv420p", "-color_range", "tv",
               "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-vf", "scale=out_color_matrix=bt709:out_range=tv", "-c:a", "aac", "-b:a", "48k",
               "-shortest", "-metadata", "title=Astronaut portrait brought to life (NASA, public domain)", "-movflags", "+faststart", str(path)]
    pipe = subprocess.Popen(command, stdin=subprocess.PIPE)
    lower_lip = [i for i in LIPS_OUTER[1:10]] + [i for i in LIPS_INNER[1:10]]
    jaw = [152, 148, 377, 176, 400, 149, 378, 150, 379, 17, 18, 200, 199, 175, 83, 313, 201, 421, 208, 428]
    for index in range(seconds * rate):
        t = index / rate
        target = base.copy()
        yaw, pitch = 0.16 * np.sin(1.5 * t), 0.06 * np.sin(2.3 * t + 1)
        target[:, 0] += -depth * np.sin(yaw)
        target[:, 1] += depth * np.sin(pitch)
        talk = max(0.0, np.sin(7.1 * t) * (0.55 + 0.45 * np.sin(1.9 * t))) * 0.045 * eye
        target[lower_lip, 1] += talk
        target[jaw, 1] += talk * 0.8
        close = np.exp(-(((t % 2.7) - 1.3) / 0.07) ** 2)
        for upper, lower in ((RIGHT_UPPER_LID, RIGHT_LOWER_LID), (LEFT_UPPER_LID, LEFT_LOWER_LID)):
            middle = target[lower[1:-1]]
            target[upper[1:-1]] += (middle[: len(upper) - 2] - target[upper[1:-1]]) * close * 0.9
        frame = warp(picture, base, target)
        angle, zoom = 2.5 * np.sin(0.9 * t), 1.06 + 0.03 * np.sin(0.7 * t)
        m = cv2.getRotationMatrix2D((size / 2, size / 2), angle, zoom)
        m[:, 2] += [8 * np.sin(1.1 * t), 5 * np.cos(1.3 * t)]
        pipe.stdin.write(cv2.warpAffine(frame, m, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101).tobytes())
    pipe.stdin.close()
    pipe.wait()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--london", required=True)
    p.add_argument("--out", required=True)
    o = p.parse_args()
    import mediapipe

    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True)
    out = Path(o.out)
    out.mkdir(exist_ok=True)
    animate(mesh, out / "astronaut.mp4")
    face, shape = mean_face(mesh, o.london)
    uv, parsing = rasterize(shape, face.shape[0]), parsing_from(shape, face.shape[0])
    cv2.imwrite(str(out / "bare.jpg"), face[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    for name, recipe in LOOKS.items():
        made = paint(face.astype(np.float32) / 255, parsing, uv, make_look(recipe))
        cv2.imwrite(str(out / f"{name}.jpg"), (made[..., ::-1] * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92])


if __name__ == "__main__":
    main()
