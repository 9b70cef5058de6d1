"""PaintEstimator: what of an unwrapped face is paint. A part of the makeup encoder that runs on the UV plane of the mesh.

In the picture every face has its own pose, and a network must learn anew where lids and cheeks are; unwrapped, every texel means the same
place of every face, so what skin looks like there, given the rest of the face, is learned in minutes (docs/decisions/0036). Runs once a reference.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from ..face_texture import SIZE
from .ssat_live import SLOPE, ResidualBlock, convolution

WIDTHS = (32, 48, 64, 96, 128)  # at 64, 32, 16, 8 and 4 texels a side
WHOLE = 256  # channels of what is known of the face as a whole
PLACE_MAPS = 8  # learned: what is to be expected at every texel
CONTRAST = 2  # of a texel's colour to the mean skin
LEAST_UNLIKE = 0.25  # of opacity or colour times it: sides of a face that differ by more are not made up alike


def skin_mean(colours, shows):
    """n x 3 x 1 x 1, of skin that shows."""
    skin = shows[:, :1]
    return (colours * skin).sum((2, 3), keepdim=True) / skin.sum((2, 3), keepdim=True).clamp_min(1)


def inputs(colours, shows):
    """n x 8 x 64 x 64 in [-1, 1]: difference to the mean skin, that mean, where skin and lips show. `colours` n x 3 x 64 x 64 in [0, 1], `shows`
    n x 2 x 64 x 64."""
    mean = skin_mean(colours, shows)
    seen = shows.sum(1, keepdim=True).clamp(max=1)
    difference = ((colours - mean) * CONTRAST).clamp(-1, 1) * seen
    return torch.cat([difference, (mean * 2 - 1).expand_as(colours), shows], 1)


def seen_twice(network, x):
    """Scores as the program takes them: the mean of those of a face and of its mirror image."""
    return (network(x) + network(x.flip(-1)).flip(-1)) / 2


def paints(scores, mean):
    """Opacity and flat colour times opacity of the skin's paint, then of the lips': n x 8 x 64 x 64, of the network's scores."""
    out = []
    for part in scores.split(4, 1):
        opacity = torch.sigmoid(part[:, 3:])
        out += [opacity, opacity * (mean + part[:, :3])]
    return torch.cat(out, 1)


def lips_mean(paint, shows):
    """One opacity and one colour a look, as the program lays lips on."""
    lips = shows[:, 1:]
    return (paint[:, 4:] * lips).sum((2, 3), keepdim=True) / lips.sum((2, 3), keepdim=True).clamp_min(1)


def as_both_sides_tell(paint, seen, mirrored):
    """Paint, n x 4 x h x w, of what is thought of it and of what is thought of the other side: their mean, as far as they are alike, and what the other side wears
    where only that is seen (docs/decisions/0058). `seen` n x 1 x h x w, 0 to 1; `mirrored` gives the other side of either."""
    apart, others_seen = mirrored(paint) - paint, mirrored(seen)
    alike = (1 - apart.abs().amax(1, keepdim=True) / LEAST_UNLIKE).clamp_min(0)
    return paint + others_seen * (1 - seen * (1 - alike / 2)) * apart


class TexelNetwork(nn.Module):
    """What is to be said of the texels of an unwrapped face: down and up again, with learned maps of what is to be expected at every texel. `widths`: channels at
    all texels, at half as many a side, and so on."""

    def __init__(self, inputs, outputs, place_maps, size, widths):
        super().__init__()
        self.places = nn.Parameter(torch.randn(1, place_maps, *size) * 0.1)
        self.stem = convolution(inputs + place_maps, widths[0])
        self.down = nn.ModuleList([convolution(a, b, stride=2) for a, b in zip(widths, widths[1:])])
        self.residual = nn.ModuleList([ResidualBlock(c) for c in widths])
        self.lowest = ResidualBlock(widths[-1])
        self.merge = nn.ModuleList([convolution(a + b, a, kernel=1) for a, b in zip(widths, widths[1:])])
        self.merged = nn.ModuleList([ResidualBlock(c) for c in widths[:-1]])
        self.head = nn.Conv2d(widths[0], outputs, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def with_places(self, x):
        return torch.cat([x, torch.tanh(self.places).to(x.dtype).expand(len(x), -1, -1, -1)], 1)

    def at_lowest(self, x):
        """What the lowest block is given."""
        return x

    def forward(self, x):
        """`inputs` to scores, of every texel."""
        x = self.residual[0](self.stem(self.with_places(x)))
        levels = [x]
        for down, residual in zip(self.down, self.residual[1:]):
            x = residual(down(x))
            levels.append(x)
        x = self.lowest(self.at_lowest(x))
        for level in reversed(range(len(self.down))):
            both = torch.cat([levels[level], F.interpolate(x, scale_factor=2, mode="nearest")], 1)
            x = self.merged[level](self.merge[level](both))
        return self.head(x)


def texel_graph(g, x, depth, at_lowest=lambda x: x):
    """A `TexelNetwork` of so many levels down as a graph for export; `x`: `with_places`."""
    x = g.residual_block("residual.0", g.convolution("stem", x))
    levels = [x]
    for level in range(depth):
        x = g.residual_block(f"residual.{level + 1}", g.convolution(f"down.{level}", x, stride=2))
        levels.append(x)
    x = g.residual_block("lowest", at_lowest(x))
    for level in reversed(range(depth)):
        x = g.convolution(f"merge.{level}", g.concatenate([levels[level], g.upsample(x)]), kernel=1)
        x = g.residual_block(f"merged.{level}", x)
    return g.convolution("head", x, activation="none", float_output=True)


class PaintEstimator(TexelNetwork):
    """8 scores: of the skin's paint, then of the lips' (`paints`)."""

    def __init__(self):
        super().__init__(8, 8, PLACE_MAPS, (SIZE, SIZE), WIDTHS)
        # The face as one vector, which every cell of 4x4 reads.
        self.whole = nn.Sequential(nn.Conv2d(WIDTHS[4], WHOLE, 4, bias=False), nn.BatchNorm2d(WHOLE), nn.LeakyReLU(SLOPE, True))
        self.with_whole = convolution(WIDTHS[4] + WHOLE, WIDTHS[4], kernel=1)
        self.head.bias.data[[3, 7]] = -3  # next to no paint

    def at_lowest(self, x):
        return self.with_whole(torch.cat([x, F.interpolate(self.whole(x), scale_factor=4, mode="nearest")], 1))


def graph(g, x):
    """PaintEstimator as a graph for export; `x`: `with_places`."""
    def with_whole(x):
        whole = g.convolution("whole", x, kernel=4, valid=True)
        return g.convolution("with_whole", g.concatenate([x, g.upsample(g.upsample(whole))]), kernel=1)

    return texel_graph(g, x, len(WIDTHS) - 1, with_whole)
