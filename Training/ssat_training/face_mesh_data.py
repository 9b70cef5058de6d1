"""Examples for FaceMesh: aligned crops as the tracker makes them, with everything that webcams and people add.

An example is (picture 256 x 256 x 3 R'G'B' bytes, parsing 256 x 256 of the eleven classes or 255 where unknown, landmarks
478 x 2 in crop pixels or NaN, presence 0 or 1, None or a plain view of the same face: its picture and the 2 x 3 matrix that takes
pixels of the example to pixels of it).
"""
import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from . import covers
from .alignment import frame_to_crop
from .face_art import FaceArt
from .face_zones import MESH
from .painted_makeup import paint, random_makeup
from .splits import held_out

SIZE, UNKNOWN = 256, 255
# Label classes of the data to: background, skin, nose, eyes, brows, ears and neck, hair and hat, upper lip, lower lip, inner mouth, cover.
CLASSES = np.array([0, 1, 2, 10, 3, 3, 4, 4, 5, 5, 9, 7, 8, 6, 6, 5, 5, 5, 0], np.uint8)
GLASSES = 3
PAINTED_SHARE = 0.4  # of the labelled faces: paint is no cover, however green the lips


def crop(picture, matrix):
    return cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)


def jitter(matrix, random, shift, scale, roll):
    """The crop moved by `shift` (of its side), scaled by exp(scale) and rolled by `roll` radians about its centre."""
    k, c, s = np.exp(scale), np.cos(roll), np.sin(roll)
    move = np.array([[k * c, -k * s, 0], [k * s, k * c, 0]])
    move[:, 2] = SIZE / 2 + np.asarray(shift) * SIZE - move[:, :2] @ [SIZE / 2, SIZE / 2]
    return move @ np.vstack([matrix, [0, 0, 1]])


def relight(picture, random):
    """Of a square picture: exposure, gamma and colour cast; sometimes a low resolution, a blur, noise or hard compression."""
    x = picture.astype(np.float32) / 255
    x = np.clip(x * random.uniform(0.5, 1.3), 0, 1) ** random.uniform(0.7, 1.5) * random.uniform(0.85, 1.15, 3)
    if random.random() < 0.3:
        size = len(x)
        side = int(size / random.uniform(1.5, 5))
        x = cv2.resize(cv2.resize(x, (side, side), interpolation=cv2.INTER_AREA), (size, size))
    if random.random() < 0.15:
        x = cv2.GaussianBlur(x, (0, 0), random.uniform(0.5, 2.5))
    if random.random() < 0.3:
        x = x + random.normal(0, random.uniform(0.01, 0.06), x.shape)
    out = np.clip(x * 255, 0, 255).astype(np.uint8)
    if random.random() < 0.2:
        out = cv2.imdecode(cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 60))])[1], cv2.IMREAD_COLOR)
    return out


def misplacement(random):
    """How far a crop is from where the landmarks would have put it: little while a face is followed, much where the detector's five
    points began. Shift (of the side), logarithm of the scale, roll (radians), for `jitter`."""
    far = 2.5 if random.random() < 0.2 else 1
    return random.normal(0, 0.035 * far, 2), random.normal(0, 0.1 * min(far, 1.8)), random.normal(0, 0.2 * min(far, 1.5))


# Of both irises: centre, the right side of the picture, top, left, bottom.
RIGHT_IRIS, LEFT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)


def opposites():
    """For every landmark the one on the other side of the face."""
    position = np.load(MESH)["position"][:468]
    distance = np.linalg.norm((position * [-1, 1, 1])[:, None] - position[None], axis=-1)
    out = np.concatenate([linear_sum_assignment(distance)[1], np.zeros(10, int)])
    for one, other in ((RIGHT_IRIS, LEFT_IRIS), (LEFT_IRIS, RIGHT_IRIS)):
        out[list(one)] = np.array(other)[[0, 3, 2, 1, 4]]
    return out


def mirrored(picture, parsing, landmarks, opposite):
    out = landmarks[opposite].copy()
    out[:, 0] = SIZE - 1 - out[:, 0]
    return np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(parsing[:, ::-1]), out


class PreparedFaces:
    """Crops with human parsing labels (`ssat_training.prepare`)."""

    def __init__(self, folder, validation, hands=(), makeup=None, art=0.0):
        """`hands`: cut-outs (`ssat_training.hands`) to be laid over faces, if any; `art`: the share of the painted faces that are painted all over, some as those of
        `makeup` are, the prepared makeup packs."""
        load = lambda name: np.load(f"{folder}/{name}.npy", mmap_mode="r")
        self.hands, self.art, self.art_share = hands, FaceArt(makeup, validation), art
        self.pictures, self.parsing, self.uv, self.landmarks = (load(name) for name in ("pictures", "parsing", "uv", "landmarks"))
        self.ids = np.array([i for i, n in enumerate(load("names")) if held_out(n) == validation])
        self.opposite = opposites()
        self.with_glasses = np.array([i for i in self.ids if (self.parsing[i, ::8, ::8] == GLASSES).mean() > 0.005])

    def example(self, index, random=None):
        """`random` None: the plain crop."""
        border = self.pictures.shape[1] / 2
        matrix = np.array([[1, 0, SIZE / 2 - border], [0, 1, SIZE / 2 - border]], np.float64)
        if random is not None:
            matrix = jitter(matrix, random, *misplacement(random))
        picture = self.pictures[index] if random is None else self.made_up(index, random)
        picture, parsing = crop(picture, matrix), cv2.warpAffine(self.parsing[index], matrix, (SIZE, SIZE), flags=cv2.INTER_NEAREST)
        parsing = CLASSES[parsing]
        landmarks = self.landmarks[index, :, :2] @ matrix[:, :2].T + matrix[:, 2]
        if random is not None:
            self.dress(index, picture, parsing, landmarks, random)
            picture = relight(picture, random)
        if random is not None and random.random() < 0.5:
            picture, parsing, landmarks = mirrored(picture, parsing, landmarks, self.opposite)
        return picture, parsing, landmarks, 1.0, None

    def made_up(self, index, random):
        """Some of them are."""
        if random.random() >= PAINTED_SHARE:
            return self.pictures[index]
        look = self.art.look(random) if random.random() < self.art_share else random_makeup(random, art=False)
        picture, uv = self.pictures[index].astype(np.float32) / 255, self.uv[index].astype(np.float32)
        return np.round(paint(picture, self.parsing[index], uv, look) * 255).astype(np.uint8)

    def dress(self, index, picture, parsing, landmarks, random):
        """Puts glasses on some who wear none, then at times something before the face."""
        if random.random() < 0.15 and index not in self.with_glasses:
            covers.glasses(picture, parsing, landmarks, random)
        put = random.random()
        if put < 0.14:
            covers.anything(picture, parsing, random)
        elif put < 0.34 and len(self.hands):
            covers.hand(picture, parsing, self.hands, random)
        elif put < 0.4:
            covers.fingers(picture, parsing, random)
        elif put < 0.46:
            covers.face_mask(picture, parsing, landmarks, random)

    def random(self, random):
        pool = self.with_glasses if len(self.with_glasses) and random.random() < 0.12 else self.ids
        return self.example(random.choice(pool), random)


def two_views(faces, random):
    """A face of the unlabelled folders (`train_face_detector.Faces`): profile views, all ages, people in the wild. Its parsing is known
    where something was laid over it only; elsewhere it must be that of the plain view, whatever light and misplacement do."""
    picture, points = faces.load(random.integers(len(faces)))
    full = np.full((478, 2), np.nan)
    full[: len(points)] = points
    plain = frame_to_crop(points)
    matrix = jitter(plain, random, *misplacement(random))
    seen = relight(crop(picture, matrix)[..., ::-1].copy(), random)
    parsing = np.full((SIZE, SIZE), UNKNOWN, np.uint8)
    if random.random() < 0.35:
        covers.anything(seen, parsing, random)
    back = np.vstack([plain, [0, 0, 1]]) @ np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    return seen, parsing, full @ matrix[:, :2].T + matrix[:, 2], 1.0, (crop(picture, plain)[..., ::-1], back[:2])


def no_face(faces, backgrounds, random):
    """What a tracker may look at when there is no face: other things, a face far off the crop, or of quite another size."""
    if random.random() < 0.5:
        picture = cv2.imread(backgrounds[random.integers(len(backgrounds))])
        h, w = picture.shape[:2]
        k = np.exp(random.uniform(-0.5, 2.2)) * SIZE / max(h, w)
        matrix = np.array([[k, 0, SIZE / 2 - k * random.uniform(0, w)], [0, k, SIZE / 2 - k * random.uniform(0, h)]])
    else:
        picture, points = faces.load(random.integers(len(faces)))
        matrix = frame_to_crop(points)
        if random.random() < 0.6:
            angle, far = random.uniform(0, 2 * np.pi), random.uniform(0.45, 0.9)
            matrix = jitter(matrix, random, (far * np.cos(angle), far * np.sin(angle)), random.normal(0, 0.2), random.normal(0, 0.3))
        else:
            scale = random.choice([random.uniform(0.8, 1.6), random.uniform(-1.6, -0.9)])
            matrix = jitter(matrix, random, random.normal(0, 0.1, 2), scale, random.normal(0, 0.3))
    picture = relight(crop(picture, matrix)[..., ::-1].copy(), random)
    return picture, np.full((SIZE, SIZE), UNKNOWN, np.uint8), np.full((478, 2), np.nan), 0.0, None
