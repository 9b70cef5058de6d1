"""Losses against the known answer of a pair (painted truth or pseudo pair)."""
import torch
import torch.nn.functional as F

# Weight of an error by class: background, skin, nose, eyes, brows, ears and neck, hair, upper lip, lower lip, mouth or cover.
CLASS_WEIGHT = torch.tensor([1, 2, 2, 4, 3, 2, 1, 6, 6, 2.0]).view(1, 10, 1, 1)
ZONE_WEIGHT = torch.tensor([1, 2, 1.5])  # lips, eyelids, cheeks: the harder, the heavier
SMALLEST_CHANGE = 0.012  # mean per channel; a zone that the truth changes by less than this counts as unchanged


def pixel_loss(output, truth, source, parsing):
    """L1, weighted by class and by how much the truth changes the pixel: a plain L1 hardly sees soft colour on wide areas."""
    changed = ((truth - source).abs().mean(1, keepdim=True) / 0.06).clamp(max=1)
    weight = (parsing * CLASS_WEIGHT.to(parsing)).sum(1, keepdim=True) * (1 + 2 * changed)
    return ((output - truth).abs() * weight).mean()


def gradient_loss(output, truth):
    """Gradient profile of the spatial profile loss (paper, section 3.4), pointwise because the pair is aligned."""
    loss = 0
    for axis in (-1, -2):
        loss = loss + (output.diff(dim=axis) - truth.diff(dim=axis)).abs().mean()
    return loss


def lowpass_loss(output, truth):
    return (F.avg_pool2d(output, 8) - F.avg_pool2d(truth, 8)).abs().mean()


def zone_loss(output, truth, source, zones):
    """1 - recovery per zone: error over change, so that a light blush weighs as much as a dark lipstick.

    zones: n x 3 x h x w weights in 0..1. Zones that are hidden or unchanged drop out smoothly.
    """
    error = ((output - truth).abs().mean(1, keepdim=True) * zones).sum((2, 3))
    # Low-passed error too: wide washes are judged by their colour, not by their grain.
    smooth = (F.avg_pool2d(output - truth, 16).abs().mean(1, keepdim=True) * F.avg_pool2d(zones, 16)).sum((2, 3)) * 256
    change = ((truth - source).abs().mean(1, keepdim=True) * zones).sum((2, 3))
    size = zones.sum((2, 3))
    visible = (size > 200).to(error)
    return ((error + smooth) / (change + SMALLEST_CHANGE * size + 1) * visible).mean(0) @ ZONE_WEIGHT.to(error)
