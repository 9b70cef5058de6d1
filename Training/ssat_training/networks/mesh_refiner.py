"""MeshRefiner: where the landmarks of eyes and mouth lie exactly, from windows of the crop around them.

FaceMesh finds all landmarks from 8x8 cells of the whole face and is off by 1.4 pixels at the lids; paint on a lid is four pixels wide. As in
Attention Mesh (Grishchenko et al. 2020, arXiv 2006.10962) the regions that matter most are looked at again, closely: here in pixels of the crop itself,
so that a window needs no resampling. One network for both eyes, the left one mirrored, and one for the mouth.
"""
import numpy as np
import torch.nn as nn
import torch.nn.functional as F

from ..face_zones import LIPS_INNER, LIPS_OUTER, RIGHT_EYE, TRIANGLES
from .face_mesh import ResidualBlock, convolution

IRIS = [468, 469, 470, 471, 472]  # of the right eye


def rings(first, count):
    """Landmarks by their distance on the mesh, in edges, from some of them: lists of indices, the first themselves first."""
    out, known = [sorted(first)], set(first)
    for _ in range(count):
        near = {int(v) for t in TRIANGLES if known & set(t.tolist()) for v in t} - known
        out.append(sorted(near))
        known |= near
    return out


class Region:
    """What is looked at: side of the window in pixels, the landmarks whose mean it lies about, how far above that (pixels), and the landmarks that are
    refined, with the share of the way that each is moved: less toward the rim, so that the mesh does not tear."""

    def __init__(self, name, side, anchors, above, by_share):
        self.name, self.side, self.anchors, self.above = name, side, anchors, above
        self.points = [p for points, _ in by_share for p in points]
        self.shares = np.float32([share for points, share in by_share for _ in points])


_eye, _mouth = rings(RIGHT_EYE, 4), rings(LIPS_OUTER + LIPS_INNER, 3)
EYE = Region("eye", 64, RIGHT_EYE, 8, [(_eye[0] + IRIS + _eye[1] + _eye[2], 1.0), (_eye[3], 0.67), (_eye[4], 0.33)])
MOUTH = Region("mouth", 80, LIPS_OUTER, 0, [(_mouth[0] + _mouth[1], 1.0), (_mouth[2], 0.67), (_mouth[3], 0.33)])
REGIONS = (EYE, MOUTH)
REGION_OF = {region.name: region for region in REGIONS}


def corner(landmarks, region):
    """The window's upper left corner in whole pixels of the crop, of landmarks ... x 478 x 2."""
    middle = landmarks[..., region.anchors, :].mean(-2)
    return np.floor(middle - [region.side / 2, region.side / 2 + region.above] + 0.5).astype(int)


class Window(nn.Module):
    """A window, n x 3 x side x side in [-1, 1], to its landmarks, n x points x 2 in [-1, 1] of the window."""

    def __init__(self, region):
        super().__init__()
        self.region = region
        self.stem = convolution(12, 24)
        self.down1, self.residual1 = convolution(24, 48, stride=2), ResidualBlock(48)
        self.down2, self.residual2 = convolution(48, 64, stride=2), nn.Sequential(ResidualBlock(64), ResidualBlock(64))
        self.down3, self.residual3 = convolution(64, 96, stride=2), ResidualBlock(96)
        self.gather = convolution(96, 48, 1)
        self.points = nn.Conv2d(48, 2 * len(region.points), region.side // 16)

    def forward(self, x):
        x = self.residual1(self.down1(self.stem(F.pixel_unshuffle(x, 2))))
        x = self.residual3(self.down3(self.residual2(self.down2(x))))
        return self.points(self.gather(x)).flatten(1).view(len(x), -1, 2)


class MeshRefiner(nn.Module):
    def __init__(self):
        super().__init__()
        self.eye, self.mouth = Window(EYE), Window(MOUTH)


def graph(g, name, picture):
    """A window's network as a graph for export; `picture` after pixel_unshuffle(2)."""
    layer = lambda part, x, **options: g.convolution(f"{name}.{part}", x, activation="relu", **options)
    x = g.residual_block(f"{name}.residual1", layer("down1", layer("stem", picture), stride=2), activation="relu")
    x = layer("down2", x, stride=2)
    for index in range(2):
        x = g.residual_block(f"{name}.residual2.{index}", x, activation="relu")
    x = g.residual_block(f"{name}.residual3", layer("down3", x, stride=2), activation="relu")
    gathered = layer("gather", x, kernel=1)
    return g.convolution(f"{name}.points", gathered, kernel=REGION_OF[name].side // 16, activation="none", float_output=True, valid=True)
