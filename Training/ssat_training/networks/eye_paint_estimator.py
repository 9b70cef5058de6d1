"""EyePaintEstimator: what PaintEstimator found around an eye, looked at again closely. A part of the makeup encoder that runs on the windows of `eye_texture`.

A texel of the whole face is two by four pixels: a liner's wing is narrower. What is paint at all PaintEstimator knows from the whole face; where it ends is
seen here. Runs once a reference, for either eye.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from ..eye_texture import HEIGHT, WIDTH
from .paint_estimator import CONTRAST
from .ssat_live import ResidualBlock, convolution

WIDTHS = (32, 48, 64, 96)  # at 48 x 64 texels, and three times half as many a side
PLACE_MAPS = 5  # learned: what is to be expected at every texel
INPUTS = 11
LEAST_OPACITY = 0.02  # of less the colour is not known


def flat_colour(believed, mean):
    """Of opacity and colour times it: the colour, and that of the skin where there is next to no paint."""
    return (believed[:, 1:] + LEAST_OPACITY * mean) / (believed[:, :1] + LEAST_OPACITY)


def inputs(colours, skin, believed, mean):
    """n x 11 x 48 x 64: difference to the mean skin, that mean, where skin shows, and what is believed to be paint: opacity, and its colour's difference to
    the mean. `colours` n x 3 x 48 x 64 and `mean` n x 3 x 1 x 1 in [0, 1]; `skin` n x 1 x 48 x 64; `believed` n x 4 x 48 x 64, opacity and colour times it."""
    difference = ((colours - mean) * CONTRAST).clamp(-1, 1) * (skin > 0)
    believed_colour = ((flat_colour(believed, mean) - mean) * CONTRAST).clamp(-1, 1)
    return torch.cat([difference, (mean * 2 - 1).expand_as(colours), skin, believed[:, :1], believed_colour], 1)


def paint(scores, believed, mean):
    """Opacity and flat colour times opacity, n x 4 x 48 x 64, of the network's scores: what they add to what was believed."""
    opacity = torch.sigmoid(torch.logit(believed[:, :1].clamp(0.01, 0.99)) + scores[:, 3:])
    return torch.cat([opacity, opacity * (flat_colour(believed, mean) + scores[:, :3])], 1)


class EyePaintEstimator(nn.Module):
    def __init__(self):
        super().__init__()
        w = WIDTHS
        self.places = nn.Parameter(torch.randn(1, PLACE_MAPS, HEIGHT, WIDTH) * 0.1)
        self.stem = convolution(INPUTS + PLACE_MAPS, w[0])
        self.down = nn.ModuleList([convolution(w[i], w[i + 1], stride=2) for i in range(3)])
        self.residual = nn.ModuleList([ResidualBlock(c) for c in w])
        self.lowest = ResidualBlock(w[3])
        self.merge = nn.ModuleList([convolution(w[i] + w[i + 1], w[i], kernel=1) for i in range(3)])
        self.merged = nn.ModuleList([ResidualBlock(c) for c in w[:3]])
        self.head = nn.Conv2d(w[0], 4, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def with_places(self, x):
        return torch.cat([x, torch.tanh(self.places).to(x.dtype).expand(len(x), -1, -1, -1)], 1)

    def forward(self, x):
        """`inputs` to scores, n x 4 x 48 x 64."""
        x = self.residual[0](self.stem(self.with_places(x)))
        levels = [x]
        for down, residual in zip(self.down, self.residual[1:]):
            x = residual(down(x))
            levels.append(x)
        x = self.lowest(x)
        for level in (2, 1, 0):
            both = torch.cat([levels[level], F.interpolate(x, scale_factor=2, mode="nearest")], 1)
            x = self.merged[level](self.merge[level](both))
        return self.head(x)


def graph(g, x):
    """The same as a graph for export; `x`: `with_places`."""
    x = g.residual_block("residual.0", g.convolution("stem", x))
    levels = [x]
    for level in range(3):
        x = g.residual_block(f"residual.{level + 1}", g.convolution(f"down.{level}", x, stride=2))
        levels.append(x)
    x = g.residual_block("lowest", x)
    for level in (2, 1, 0):
        x = g.convolution(f"merge.{level}", g.concatenate([levels[level], g.upsample(x)]), kernel=1)
        x = g.residual_block(f"merged.{level}", x)
    return g.convolution("head", x, activation="none", float_output=True)
