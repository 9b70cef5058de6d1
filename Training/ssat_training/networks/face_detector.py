"""FaceDetector: anchor-free, one picture in 320x320 (R'G'B' in [-1, 1]), three maps out.

Every cell of strides 8, 16 and 32 predicts a score, the distances from its centre to the four sides of the box, and five points
(eyes, nose tip, mouth corners; picture order for an upright face) as offsets from its centre, all in strides.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

SIZE = 320
STRIDES = (8, 16, 32)
CHANNELS = 15  # score, left, top, right, bottom, 5 x (dx, dy)


def convolution(inputs, outputs, kernel=3, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True))


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class FaceDetector(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = convolution(12, 32, stride=2)  # after space to depth: 160 -> 80
        self.down8 = convolution(32, 48, stride=2)
        self.residual8 = ResidualBlock(48)
        self.down16 = convolution(48, 64, stride=2)
        self.residual16 = ResidualBlock(64)
        self.down32 = convolution(64, 96, stride=2)
        self.residual32 = ResidualBlock(96)
        self.neck16 = convolution(96 + 64, 64)
        self.neck8 = convolution(64 + 48, 48)
        self.head32 = nn.Conv2d(96, CHANNELS, 3, 1, 1)
        self.head16 = nn.Conv2d(64, CHANNELS, 3, 1, 1)
        self.head8 = nn.Conv2d(48, CHANNELS, 3, 1, 1)
        for head in (self.head8, self.head16, self.head32):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
            head.bias.data[0] = -4.0
            head.bias.data[1:5] = 2.0

    def forward(self, picture):
        c8 = self.residual8(self.down8(self.stem(F.pixel_unshuffle(picture, 2))))
        c16 = self.residual16(self.down16(c8))
        c32 = self.residual32(self.down32(c16))
        n16 = self.neck16(torch.cat([F.interpolate(c32, scale_factor=2, mode="nearest"), c16], 1))
        n8 = self.neck8(torch.cat([F.interpolate(n16, scale_factor=2, mode="nearest"), c8], 1))
        return self.head8(n8), self.head16(n16), self.head32(c32)


def graph(g, picture):
    """The same as a graph for export; `picture` after pixel_unshuffle(2)."""
    c8 = g.residual_block("residual8", g.convolution("down8", g.convolution("stem", picture, stride=2, activation="relu"), stride=2, activation="relu"), activation="relu")
    c16 = g.residual_block("residual16", g.convolution("down16", c8, stride=2, activation="relu"), activation="relu")
    c32 = g.residual_block("residual32", g.convolution("down32", c16, stride=2, activation="relu"), activation="relu")
    n16 = g.convolution("neck16", g.concatenate([g.upsample(c32), c16]), activation="relu")
    n8 = g.convolution("neck8", g.concatenate([g.upsample(n16), c8]), activation="relu")
    return [g.convolution(f"head{s}", x, activation="none", float_output=True) for s, x in ((8, n8), (16, n16), (32, c32))]


def decode(maps, threshold=0.5, overlap=0.4):
    """One picture's maps to [score, x0, y0, x1, y1, 10 point coordinates], best first, overlapping boxes removed."""
    import numpy as np

    found = []
    for stride, m in zip(STRIDES, maps):
        m = m[0].float().numpy()
        score = 1 / (1 + np.exp(-m[0]))
        for y, x in zip(*np.nonzero(score > threshold)):
            cx, cy = (x + 0.5) * stride, (y + 0.5) * stride
            v = m[:, y, x] * stride
            found.append([score[y, x], cx - v[1], cy - v[2], cx + v[3], cy + v[4], *(v[5:] + np.tile([cx, cy], 5))])
    found.sort(key=lambda f: -f[0])
    kept = []
    for f in found:
        if all(iou(f[1:5], k[1:5]) < overlap for k in kept):
            kept.append(f)
    return kept


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inter = max(w, 0) * max(h, 0)
    return inter / max((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter, 1e-6)
