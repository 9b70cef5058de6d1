"""EyePaintEstimator: what PaintEstimator found around an eye, looked at again closely. A part of the makeup encoder that runs on the windows of `eye_texture`.

A texel of the whole face is two by four pixels: a liner's wing is narrower. What is paint at all PaintEstimator knows from the whole face; where it ends is
seen here. Runs once a reference, for either eye.
"""
import torch

from ..eye_texture import HEIGHT, WIDTH
from .paint_estimator import CONTRAST, TexelNetwork, texel_graph

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


class EyePaintEstimator(TexelNetwork):
    """4 scores: what `paint` adds to what was believed."""

    def __init__(self):
        super().__init__(INPUTS, 4, PLACE_MAPS, (HEIGHT, WIDTH), WIDTHS)


def graph(g, x):
    """The same as a graph for export; `x`: `with_places`."""
    return texel_graph(g, x, len(WIDTHS) - 1)
