"""FaceMesh: one network on the aligned 256x256 crop (R'G'B' in [-1, 1]): 478 landmarks, presence, parsing of 11 classes.

The last convolution, at 128x128, gives four scores a class, one for each pixel of its 2x2: lips and brows are too thin for 128x128.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = 11  # background, skin, nose, eyes, brows, ears and neck, hair, upper lip, lower lip, inner mouth, glasses or any cover
WIDTHS = (16, 32, 64, 96, 128)


def convolution(inputs, outputs, kernel=3, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True))


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class FaceMesh(nn.Module):
    def __init__(self):
        super().__init__()
        c = WIDTHS
        self.stem = convolution(12, c[0])
        self.down1, self.residual1 = convolution(c[0], c[1], stride=2), nn.Sequential(ResidualBlock(c[1]))
        self.down2, self.residual2 = convolution(c[1], c[2], stride=2), nn.Sequential(ResidualBlock(c[2]), ResidualBlock(c[2]))
        self.down3, self.residual3 = convolution(c[2], c[3], stride=2), nn.Sequential(ResidualBlock(c[3]), ResidualBlock(c[3]))
        self.down4, self.residual4 = convolution(c[3], c[4], stride=2), nn.Sequential(ResidualBlock(c[4]))
        self.gather = convolution(c[4], 48, 1)
        # 478 points (x, y in crop / 128 - 1), then the presence logit. One value per output: an 8x8 convolution.
        self.points = nn.Conv2d(48, 478 * 2 + 1, 8)
        self.up3, self.up2 = convolution(c[4] + c[3], 64), convolution(64 + c[2], 64)
        self.up1, self.up0 = convolution(64 + c[1], 48), convolution(48 + c[0], 32)
        self.classes = nn.Conv2d(32, 4 * CLASSES, 1)

    def features(self, x):
        f0 = self.stem(F.pixel_unshuffle(x, 2))
        f1 = self.residual1(self.down1(f0))
        f2 = self.residual2(self.down2(f1))
        f3 = self.residual3(self.down3(f2))
        f4 = self.residual4(self.down4(f3))
        return f0, f1, f2, f3, f4

    def forward(self, x):
        f0, f1, f2, f3, f4 = self.features(x)
        out = self.points(self.gather(f4)).flatten(1)
        up = lambda t: F.interpolate(t, scale_factor=2, mode="nearest")
        q = self.up3(torch.cat([up(f4), f3], 1))
        q = self.up2(torch.cat([up(q), f2], 1))
        q = self.up1(torch.cat([up(q), f1], 1))
        q = self.up0(torch.cat([up(q), f0], 1))
        return out[:, :-1].view(-1, 478, 2), out[:, -1], F.pixel_shuffle(self.classes(q), 2)


def graph(g, picture):
    """The same as a graph for export; `picture` after pixel_unshuffle(2), scores before pixel_shuffle(2)."""
    features = [g.convolution("stem", picture, activation="relu")]
    for level, blocks in ((1, 1), (2, 2), (3, 2), (4, 1)):
        x = g.convolution(f"down{level}", features[-1], stride=2, activation="relu")
        for index in range(blocks):
            x = g.residual_block(f"residual{level}.{index}", x, activation="relu")
        features.append(x)
    gathered = g.convolution("gather", features[4], kernel=1, activation="relu")
    points = g.convolution("points", gathered, kernel=8, activation="none", float_output=True, valid=True)
    q = features[4]
    for level in (3, 2, 1, 0):
        q = g.convolution(f"up{level}", g.concatenate([g.upsample(q), features[level]]), activation="relu")
    return points, g.convolution("classes", q, kernel=1, activation="none", float_output=True)


NOTEBOOK_NAMES = {
    "s0.": "stem.", "s1.0.": "down1.", "s1.1.": "residual1.0.", "s2.0.": "down2.", "s2.1.": "residual2.0.", "s2.2.": "residual2.1.",
    "s3.0.": "down3.", "s3.1.": "residual3.0.", "s3.2.": "residual3.1.", "s4.0.": "down4.", "s4.1.": "residual4.0.", "l.": "gather.",
    "u3.": "up3.", "u2.": "up2.", "u1.": "up1.", "u0.": "up0.", "p.": "classes.",
}


def from_notebook(state):
    out = {}
    for name, value in state.items():
        value = value.float() if value.is_floating_point() else value
        if name.startswith("fc."):
            shape = (-1, 48, 8, 8) if value.dim() == 2 else (-1,)
            extra = torch.zeros(1, *value.shape[1:])
            out["points." + name[3:]] = torch.cat([value, extra]).view(*shape)
            continue
        prefix = next(p for p in NOTEBOOK_NAMES if name.startswith(p))
        rest = name[len(prefix):]
        if prefix.count(".") == 2 and rest[:2] in ("a.", "b."):
            rest = {"a.": "first.", "b.": "second."}[rest[:2]] + rest[2:]
        out[NOTEBOOK_NAMES[prefix] + rest] = value.repeat_interleave(4, 0) if prefix == "p." else value
    return out
