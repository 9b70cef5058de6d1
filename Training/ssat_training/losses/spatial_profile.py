"""Spatial profile loss (paper, section 3.4; Sarfraz et al., "Content and colour distillation", WACV 2021): the rows and the columns of two
pictures must point the same way. Gradient profiles compare structure, colour profiles compare colour, both without asking for the same
value in every pixel. Pictures are n x 3 x h x w in [0, 1]."""
import torch.nn.functional as F

from ..networks.ssat_live import LUMA_CHROMA, change_basis


def profile_distance(a, b):
    """1 - mean cosine of the angle between the rows of `a` and `b`, and between their columns; 0 to 4."""
    distance = 0
    for axis in (2, 3):
        distance = distance + 1 - (F.normalize(a, dim=axis) * F.normalize(b, dim=axis)).sum(axis).mean()
    return distance


def gradients(picture):
    return picture.diff(dim=2), picture.diff(dim=3)


def gradient_profile_loss(output, structure):
    """The output's edges are those of `structure`, the source."""
    return sum(profile_distance(a, b) for a, b in zip(gradients(output), gradients(structure)))


def colour_profile_loss(output, coloured):
    """The output's colours are those of `coloured`, the pseudo pair: in RGB, in YUV, and in the edges of YUV."""
    a, b = change_basis(output, LUMA_CHROMA), change_basis(coloured, LUMA_CHROMA)
    return profile_distance(output, coloured) + profile_distance(a, b) + gradient_profile_loss(a, b)


def spatial_profile_loss(output, structure, coloured):
    return gradient_profile_loss(output, structure) + colour_profile_loss(output, coloured)
