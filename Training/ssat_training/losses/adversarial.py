"""Adversarial loss (paper, section 3.4): two discriminators, one that knows bare faces, one that knows made-up ones; each looks at the
picture in two sizes. Spectral norm (ICLR 2018) keeps them from running away; least squares (LSGAN, ICCV 2017) as the measure."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """n x 3 x h x w to a score for every patch of 70 pixels and more."""

    def __init__(self, width=32, downs=3):
        super().__init__()
        layers, inputs = [], 3
        for level in range(downs):
            outputs = width << level
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(SLOPE, True)]
            inputs = outputs
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(inputs, 1, 3, 1, 1)))

    def forward(self, picture):
        return self.layers(picture)


class MultiScaleDiscriminator(nn.Module):
    """pix2pixHD (CVPR 2018), section 3.2: the same at full and at half size."""

    def __init__(self, scales=2):
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator() for _ in range(scales))

    def forward(self, picture):
        scores = []
        for discriminator in self.scales:
            scores.append(discriminator(picture))
            picture = F.avg_pool2d(picture, 2)
        return scores


def believed(scores):
    """What the generator wants: every patch taken for real."""
    return sum(((s - 1) ** 2).mean() for s in scores)


def told_apart(real, made):
    """What a discriminator wants."""
    return sum(((r - 1) ** 2).mean() + (m ** 2).mean() for r, m in zip(real, made))


class Judges(nn.Module):
    """Both discriminators and their optimizer. In a pair, b wears makeup and a does not: a's output is judged beside b, b's beside a."""

    def __init__(self, rate=2e-4):
        super().__init__()
        self.bare, self.made_up = MultiScaleDiscriminator(), MultiScaleDiscriminator()
        self.optimizer = torch.optim.Adam(self.parameters(), rate, betas=(0.5, 0.999))

    def learn(self, batch, output_a, output_b):
        self.requires_grad_(True)
        loss = told_apart(self.made_up(batch["b"]), self.made_up(output_a.detach())) + told_apart(self.bare(batch["a"]), self.bare(output_b.detach()))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.requires_grad_(False)
        return loss.item()

    def loss(self, output_a, output_b):
        return believed(self.made_up(output_a)) + believed(self.bare(output_b))
