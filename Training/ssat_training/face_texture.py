"""The face unwrapped: what is seen of it at the texels of a plane, whatever its pose. As FaceTexture of the program has it.

The plane is that of the canonical mesh's UV, but for its rows: none where there is no mesh, and twice as many for eyes and brows as elsewhere. A row
is two pixels of an aligned crop there, four elsewhere; a column two.
"""
import cv2
import numpy as np
import torch

from .face_zones import TRIANGLES, UV
from .painted_makeup import LIPS, SKIN

SIZE = 64
SOFTENING = np.float32([1, 4, 6, 4, 1]) / 16  # a texel is two to four pixels of an aligned crop
FARTHEST = 0.05  # of the UV plane: a texel whose pixel shows another place of the mesh is turned away
SURE_SHARE = 0.7  # of the pixels around a texel


# Of the UV plane and of the texture, both 0 to 1: between them rows lie evenly.
ROWS_V, ROWS_TEXTURE = np.array([0.15, 0.27, 0.43, 0.85]), np.array([0, 0.12, 0.44, 0.86]) / 0.86


def on_texture(uv):
    """UV coordinates, ... x 2, to where they lie on the texture, 0...1."""
    return np.stack([uv[..., 0], np.interp(uv[..., 1], ROWS_V, ROWS_TEXTURE)], -1)


def in_plane(place):
    """The reverse."""
    return np.stack([place[..., 0], np.interp(place[..., 1], ROWS_TEXTURE, ROWS_V)], -1)


CENTRES = in_plane((np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1) + 0.5) / SIZE)


def texels(at):
    """Triangle and barycentric weights of texels whose UV coordinates are `at`, h x w x 2: -1 off the mesh. The first triangle that has it."""
    owner, weights = np.full(at.shape[:2], -1), np.zeros((*at.shape[:2], 3), np.float32)
    x, y = at[..., 0], at[..., 1]
    for index, corners in enumerate(TRIANGLES):
        a, b, c = UV[corners].astype(np.float64)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-9:
            continue
        second = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        third = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        shares = np.stack([1 - second - third, second, third], -1)
        new = (shares.min(-1) > -1e-4) & (owner < 0)
        owner[new], weights[new] = index, shares[new]
    return owner, weights


OWNER, WEIGHTS = texels(CENTRES)
ON_MESH = OWNER >= 0


def between(values, at):
    """`values` h x w x c at the places `at`, n x m x 2 (x, y), bilinear, edges repeated. cv2.remap knows 32 places between two pixels only."""
    height, width = values.shape[:2]
    x, y = at[..., 0].clip(0, width - 1), at[..., 1].clip(0, height - 1)
    left, above = np.floor(x).astype(int), np.floor(y).astype(int)
    right, below = np.minimum(left + 1, width - 1), np.minimum(above + 1, height - 1)
    fx, fy = (x - left)[..., None], (y - above)[..., None]
    return (values[above, left] * (1 - fx) + values[above, right] * fx) * (1 - fy) + (values[below, left] * (1 - fx) + values[below, right] * fx) * fy


def places(landmarks, owner, weights):
    """Where texels lie in the picture: h x w x 2 pixels, -1 off the mesh."""
    out, on_mesh = np.full((*owner.shape, 2), -1, np.float32), owner >= 0
    corners = landmarks[TRIANGLES[owner[on_mesh]], :2].astype(np.float32)
    out[on_mesh] = (corners * weights[on_mesh][..., None]).sum(1)
    return out


def facing(at, uv, centres):
    """Whether texels that lie `at` pixels are seen there: the pixel shows their place of the mesh."""
    seen = cv2.remap(np.asarray(uv, np.float32), at[..., 0], at[..., 1], cv2.INTER_NEAREST)
    height, width = uv.shape[:2]
    turned_here = (seen[..., 0] >= 0) & (np.abs(seen - centres).max(-1) < FARTHEST)
    return turned_here & (at >= 0).all(-1) & (at[..., 0] < width - 1) & (at[..., 1] < height - 1)


def as_texture(maps):
    """Maps of the UV plane, square, h x h or h x h x c, on the texture."""
    size = len(maps)
    fine = in_plane((np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1) + 0.5) / size) * size - 0.5
    columns, rows = np.moveaxis(fine.astype(np.float32), -1, 0)
    return cv2.resize(cv2.remap(maps, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def unwrap(picture, parsing, uv, landmarks):
    """`picture` h x w x 3, `parsing` h x w label classes, `uv` h x w x 2 of its pixels (-1 off the mesh), landmarks in pixels. Returns colours,
    SIZE x SIZE x 3 in the picture's units, and where skin and where lips show, SIZE x SIZE x 2 of 0 or 1."""
    at = places(landmarks, OWNER, WEIGHTS)
    softened = cv2.sepFilter2D(picture, -1, SOFTENING, SOFTENING, borderType=cv2.BORDER_REPLICATE)
    colours = between(softened, at) * ON_MESH[..., None]
    shows = between(np.stack([np.isin(parsing, k) for k in (SKIN, LIPS)], -1).astype(np.float32), at) > SURE_SHARE
    return colours.astype(picture.dtype), ((ON_MESH & facing(at, uv, CENTRES))[..., None] & shows).astype(np.uint8)


APART = 0.12  # of the UV plane: two cells next to each other that are further apart lie on both sides of an edge


def lay(texture, uv, size, over=None):
    """What a texture, c x SIZE x SIZE, paints on a face: c x size x size. `uv`: 2 x 64 x 64, where pixels 4 x + 1 of its crop of 256 lie, negative
    off the mesh; `size` 64: there and nowhere between; 128: in the middle of the crop's 2x2 blocks. 0 off the mesh. `over`: of UV coordinates and what is
    painted there, h x w x 2 and h x w x c, to what is painted instead (`eye_texture`). As `ssat_lay_paint`."""
    at, uv = np.arange(128) * 0.5 - 0.125, uv.permute(1, 2, 0).numpy()
    if size == 64:
        at = np.arange(64.0)
    at = at.clip(0, 63)
    first, share = np.floor(at).astype(int), at - np.floor(at)
    second = np.minimum(first + 1, 63)
    corners = np.stack([uv[y][:, x] for y in (first, second) for x in (first, second)])
    sides = (1 - share, share)
    shares = np.stack([down[:, None] * across[None] for down in sides for across in sides])
    known = (corners[..., 0] >= 0) & (shares > 0)
    nearest = np.take_along_axis(corners, np.where(known, shares, -1).argmax(0)[None, ..., None], 0)
    shares = shares * (known & (np.abs(corners - nearest) <= APART).all(-1))
    total = shares.sum(0)[..., None]
    place = (corners * shares[..., None]).sum(0) / np.maximum(total, 1e-9)
    painted = between(texture.permute(1, 2, 0).numpy(), on_texture(place) * SIZE - 0.5)
    painted = over(place, painted) if over else painted
    return torch.from_numpy((painted * known.any(0)[..., None]).astype(np.float32)).permute(2, 0, 1)
