"""LightEstimator: of what is bright in a crop (`ssat_training.brightness`), what light it stands in. A few numbers in, three out: fully connected."""
import torch
import torch.nn as nn

from ..brightness import PARTS, VALUES
from .ssat_live import SLOPE

LEAST = 1 / 255  # of brightness: darker is noise
INPUTS = PARTS * VALUES + 1
WIDTH = 32


def inputs(brightness):
    """n x 13 of n x 3 x 4: logarithms, 0 where a part does not show, and whether eyes and mouth do."""
    shown = (brightness > 0).float()
    logarithms = brightness.clamp_min(LEAST).log() * shown
    return torch.cat([logarithms.flatten(1), shown[:, 1, :1]], 1)


class LightEstimator(nn.Module):
    """n x 3: the logarithms of how much of the usual R', G' and B' the light has."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(INPUTS, WIDTH), nn.LeakyReLU(SLOPE), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(SLOPE), nn.Linear(WIDTH, 3))

    def forward(self, brightness):
        return self.layers(inputs(brightness))
