"""What is in front of a face: shapes, hands, fingers, glasses, face masks. Laid over crops (`face_mesh_data`), with their place in the parsing,
and over faces for FaceDetector.

Few people of the labelled photos wear glasses (5 %), and none of the data says where a hand lies; these are drawn, and hands that were cut out of
other pictures (`ssat_training.hands`) laid on, so that both are known.
"""
import cv2
import numpy as np

from .alignment import OVAL
from .face_zones import MESH

SKIN, EYES, BROWS, NOSE, HAIR, COVER = 1, 3, 4, 2, 6, 10
LIPS = (7, 8)
# Vertices of the mesh: along the jaw from the person's right ear to the left one, and back over the bridge of the nose.
JAW = OVAL[28:7:-1]
OVER_THE_NOSE = (454, 345, 352, 280, 330, 437, 197, 217, 101, 50, 123, 116, 234)
BRIDGE, CHIN, NOSE_TIP = 168, 152, 1
FRACTION = 4  # bits of a pixel's fraction in OpenCV's polygons
POSITION = np.load(MESH)["position"][:468]  # without the irises; the outer corners of the eyes are 1 apart, about 90 mm


def fixed(points):
    """As OpenCV's polygons want them, with `FRACTION`."""
    return np.round(np.asarray(points) * 2**FRACTION).astype(np.int32)


def anything(picture, parsing, random):
    """A flat shape, or a piece of the picture itself."""
    size = picture.shape[0]
    shape = (random.uniform(0.16 * size, 0.84 * size, 2) + random.normal(0, 0.14 * size, (random.integers(4, 8), 2))).astype(np.int32)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [cv2.convexHull(shape)], 1)
    inside = mask > 0
    if random.random() < 0.5:
        picture[inside] = (picture[inside] * 0.15 + random.uniform(0, 255, 3) * 0.85).astype(np.uint8)
    else:
        picture[inside] = np.roll(picture, random.integers(60, 196, 2), (0, 1))[:, ::-1][inside]
    parsing[inside] = COVER


def hand(picture, parsing, cut_outs, random):
    """One of `cut_outs` (n x 160 x 160 x 4, R'G'B' and opacity), mostly in the colour of the person's skin and over the mouth, with its shadow;
    often only what sticks out of it, a finger's tip mostly, touches the lips."""
    size, skin = picture.shape[0], parsing == SKIN
    if skin.sum() < 500:
        return
    cut = cut_outs[random.integers(len(cut_outs))].astype(np.float32)
    side, angle = size * random.uniform(0.3, 0.65), random.uniform(0, 2 * np.pi)
    k, c, s = side / cut.shape[0], np.cos(angle), np.sin(angle)
    matrix = k * np.array([[c, -s], [s, c]]) @ np.diag([random.choice([-1, 1]), 1])
    lips, middle = np.argwhere(np.isin(parsing, LIPS))[:, ::-1], np.array(cut.shape[1::-1]) / 2
    if len(lips) and random.random() < 0.4:
        at, anchor = lips[random.integers(len(lips))], outermost(cut[..., 3], random)
    else:
        over_mouth = random.random() < 0.6
        at = size * (np.array([0.5, 0.66]) + random.normal(0, 0.09, 2) if over_mouth else random.uniform(0.2, 0.85, 2))
        anchor = middle
    matrix = np.column_stack([matrix, at - matrix @ anchor])
    laid = cv2.warpAffine(cut, matrix, (size, size), flags=cv2.INTER_AREA)
    solid = cv2.warpAffine(np.ascontiguousarray(cut[..., :3]), matrix, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    alpha = laid[..., 3:] / 255
    if (alpha > 0.5).sum() < 100:
        return
    own = np.median(solid[alpha[..., 0] > 0.9], axis=0) if (alpha > 0.9).any() else np.full(3, 128)
    wanted = np.median(picture[skin], axis=0) * random.uniform(0.8, 1.15) * random.uniform(0.95, 1.05, 3)
    if random.random() < 0.8:
        solid = solid * (wanted / np.maximum(own, 8))
    shadow = cv2.GaussianBlur(alpha[..., 0], (0, 0), size * random.uniform(0.01, 0.04))[..., None] * random.uniform(0, 0.5)
    picture[:] = np.clip(picture * (1 - shadow) * (1 - alpha) + solid * alpha, 0, 255).astype(np.uint8)
    parsing[alpha[..., 0] > 0.5] = COVER


def outermost(opacity, random):
    """A point (x, y) a little inside of where the cut-out sticks out furthest in a random direction."""
    inside = np.argwhere(opacity > 127)[:, ::-1]
    if not len(inside):
        return np.array(opacity.shape[::-1]) / 2
    angle = random.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    return inside[np.argmax(inside @ along)] - along * random.uniform(0, 20)


def fingers(picture, parsing, random):
    """One to four fingers of the person's own skin, from anywhere but above, mostly across the lower face."""
    size, skin = picture.shape[0], parsing == SKIN
    if skin.sum() < 500:
        return
    colour = np.median(picture[skin], axis=0) * random.uniform(0.8, 1.15) * random.uniform(0.95, 1.05, 3)
    tip = size * np.array([random.uniform(0.3, 0.7), random.uniform(0.45, 0.85)])
    angle = random.uniform(-0.15, np.pi + 0.15)  # where the hand comes from; the picture's y points down
    along = np.array([np.cos(angle), np.sin(angle)])
    width = size * random.uniform(0.07, 0.11)
    for _ in range(random.integers(1, 5)):
        finger(picture, parsing, colour * random.uniform(0.93, 1.07), tip, along, width / 2, random)
        tip = tip + width * random.uniform(0.9, 1.1) * np.array([-along[1], along[0]]) + along * random.normal(0, 0.3 * width)
        turn = random.normal(0, 0.06)
        along = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ along


def finger(picture, parsing, colour, tip, along, radius, random):
    """A rod with a round end, lit as one: dark at its edges, wrinkled at its joints, with a nail at times."""
    size = picture.shape[0]
    y, x = np.mgrid[:size, :size] - tip[::-1, None, None]
    length, across = x * along[0] + y * along[1], x * -along[1] + y * along[0]
    distance = np.hypot(np.minimum(length, 0), across) / (radius * (1 + 0.12 * np.minimum(np.maximum(length, 0) / (4 * radius), 1)))
    light = 0.6 + 0.4 * np.sqrt(np.clip(1 - distance**2, 0, 1)) + random.uniform(-0.15, 0.15) * across / radius
    joint = random.uniform(2, 3) * radius
    light = light - 0.08 * np.exp(-(((length % joint) / (0.12 * radius)) ** 2)) * (length > radius)
    shaded = colour * light[..., None]
    if random.random() < 0.4:
        nail = ((length - 0.1 * radius) / (0.75 * radius)) ** 2 + (across / (0.55 * radius)) ** 2 < 1
        shaded[nail] = shaded[nail] * 0.4 + 0.6 * random.uniform(0.6, 1.2, 3) * colour
    shaded += random.normal(0, 2, (size, size, 1))
    alpha = np.clip((1 - distance) * radius + 0.5, 0, 1)[..., None]
    picture[:] = np.clip(picture * (1 - alpha) + shaded * alpha, 0, 255).astype(np.uint8)
    parsing[alpha[..., 0] > 0.5] = COVER


def projection(landmarks):
    """4 x 2: takes (x, y, z, 1) of the canonical mesh to the crop, by least squares over the whole mesh."""
    points = np.hstack([POSITION, np.ones((len(POSITION), 1))])
    return np.linalg.lstsq(points, landmarks[: len(POSITION)], rcond=None)[0]


def glasses(picture, parsing, landmarks, random):
    """Spectacles or sunglasses of any shape, in perspective; hair falls over them. As people label them: the whole lens counts, but not
    the eyes and brows that are seen through it, nor the nose."""
    if not np.isfinite(landmarks[: len(POSITION)]).all():
        return
    to_crop, size = projection(landmarks), picture.shape[0]
    centre = np.array([random.uniform(0.33, 0.39), random.uniform(-0.1, 0.02)])
    half = np.array([random.uniform(0.24, 0.33), random.uniform(0.13, 0.29)])
    half[0] = min(half[0], centre[0] - 0.04)
    exponent, thickness = random.uniform(1.8, 6), random.uniform(0.008, 0.07) if random.random() < 0.8 else 0.004
    dark = random.random() < 0.4
    tint, opacity = random.uniform(0, 60, 3) if dark else random.uniform(100, 255, 3), random.uniform(0.6, 1) if dark else random.uniform(0, 0.2)
    lens, frame = (np.zeros((size, size), np.uint8) for _ in range(2))

    def draw(mask, points, closed, wide):
        there = np.hstack([points, np.ones((len(points), 1))]) @ to_crop
        there = fixed(there)
        pixels = max(1, int(round(wide * np.linalg.norm(to_crop[0]))))
        if closed and wide == 0:
            cv2.fillPoly(mask, [there], 255, cv2.LINE_AA, FRACTION)
        else:
            cv2.polylines(mask, [there], closed, 255, pixels, cv2.LINE_AA, FRACTION)

    around = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    for side in (-1, 1):
        rim = np.sign(np.stack([np.cos(around), np.sin(around)], 1)) * np.abs(np.stack([np.cos(around), np.sin(around)], 1)) ** (2 / exponent)
        flat = (rim * half + centre) * [side, 1]
        rim = np.column_stack([flat, 0.27 - 0.25 * flat[:, 0] ** 2])
        draw(lens, rim, True, 0)
        draw(frame, rim, True, thickness)
        outer = np.array([side * (centre[0] + half[0]), centre[1] + 0.4 * half[1], 0.27 - 0.25 * (centre[0] + half[0]) ** 2])
        ear = np.array([side * 0.8, centre[1] + 0.05, -0.55])
        if side * ((np.append(ear, 1) - np.append(outer, 1)) @ to_crop)[0] > 0:  # else behind the head
            draw(frame, np.stack([outer, ear]), False, thickness * 1.2)
    inner, up = centre[0] - half[0], centre[1] + random.uniform(0, 0.6) * half[1]
    draw(frame, np.array([[-inner, up, 0.3], [-inner / 3, up + 0.03, 0.33], [inner / 3, up + 0.03, 0.33], [inner, up, 0.3]]), False, max(0.02, thickness))

    shown = (parsing != HAIR)[..., None]
    glass = lens[..., None] / 255 * shown * (opacity - (random.uniform(0, 0.4) * np.linspace(0, 1, size)[:, None, None] if dark else 0))
    reflection = lens[..., None] / 255 * shown * shine(size, random)
    metal = frame[..., None] / 255 * shown
    colour = random.uniform(0, 70, 3) if random.random() < 0.6 else random.uniform(0, 255, 3)
    seen = picture * (1 - glass) + tint * glass
    seen = seen * (1 - reflection) + 255 * reflection
    picture[:] = np.clip(seen * (1 - metal) + colour * metal, 0, 255).astype(np.uint8)
    through = np.isin(parsing, (NOSE, HAIR) if dark else (NOSE, HAIR, EYES, BROWS))
    parsing[((lens > 127) & ~through) | ((frame > 127) & shown[..., 0] & (parsing != NOSE))] = COVER


def shine(size, random):
    """How much a lens mirrors, size x size x 1: mostly nothing, else a soft streak."""
    if random.random() < 0.6:
        return np.zeros((size, size, 1))
    y, x = np.mgrid[:size, :size] / size
    across = (x - 0.5) * np.cos(angle := random.uniform(0, np.pi)) + (y - 0.4) * np.sin(angle)
    return (random.uniform(0.2, 0.9) * np.exp(-(((across - random.normal(0, 0.15)) / random.uniform(0.02, 0.1)) ** 2)))[..., None]


def face_mask(picture, parsing, landmarks, random):
    """A mask of cloth or paper from the nose, at times from below it, to the chin or over the neck, with its straps; folded, shaded or printed."""
    points, size = landmarks[: len(POSITION)], picture.shape[0]
    if not np.isfinite(points).all():
        return
    down = points[CHIN] - points[BRIDGE]
    rim, jaw = points[list(OVER_THE_NOSE)].copy(), points[JAW].copy()
    rim[1:-1] += down * random.uniform(-0.05, 0.12)
    jaw += (jaw - points[NOSE_TIP]) * random.uniform(0, 0.1)
    if random.random() < 0.2:  # a scarf
        jaw += down * random.uniform(0.2, 0.7)
    cloth = np.zeros((size, size), np.uint8)
    cv2.fillPoly(cloth, [fixed(np.vstack([jaw, rim]))], 255, cv2.LINE_AA, FRACTION)
    for k in (0, len(JAW) - 1):
        for end in (jaw[4 if k == 0 else -5], jaw[k]):
            cv2.line(cloth, fixed(points[JAW[k]] - 0.1 * down), fixed(end), 255, max(1, size // 100), cv2.LINE_AA, FRACTION)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    across = (x - points[NOSE_TIP, 0]) / max(np.ptp(points[:, 0]), 1)
    light = 1 - random.uniform(0.2, 0.7) * np.abs(across) + random.uniform(-0.4, 0.4) * across
    light = light - random.uniform(0, 0.12) * (np.sin(y / size * random.uniform(20, 80)) > 0.6)
    colour = random.choice([[240, 240, 240], [225, 205, 180], [40, 40, 40]]) * random.uniform(0.8, 1.05, 3) if random.random() < 0.6 else random.uniform(0, 255, 3)
    seen = np.broadcast_to(np.asarray(colour, np.float32), (size, size, 3))
    if random.random() < 0.2:
        prints = cv2.resize(random.uniform(0, 255, (random.integers(4, 24), random.integers(4, 24), 3)).astype(np.float32), (size, size))
        seen = seen * 0.5 + prints * 0.5
    inside = cloth > 127
    if inside.any():
        light = light * np.clip(np.median(picture[inside]) / 140, 0.4, 1.1)
    alpha = cloth[..., None] / 255
    picture[:] = np.clip(picture * (1 - alpha) + seen * light[..., None] * alpha, 0, 255).astype(np.uint8)
    parsing[inside] = COVER
