"""What the makeup encoder believes was put on, against what the painter put on. Known for painted pictures only."""

from ..networks.ssat_live import LUMA_CHROMA, PIGMENT, change_basis

SMALLEST_CHANGE = 0.03


def pigment_loss(makeup, painted, known, valid):
    """makeup: n x 64 x 64 x 64 maps of the makeup encoder; painted: n x 3 x 64 x 64, change of R'G'B' by the paint in [-1, 1];
    known: n, 1 where it is; valid: n x 1 x 64 x 64. Painted cells weigh up to five times as much: most are bare."""
    truth = change_basis(painted, LUMA_CHROMA)
    error = (makeup[:, PIGMENT].float() - truth).abs().sum(1, keepdim=True)
    painted_much = (painted.abs().mean(1, keepdim=True) / SMALLEST_CHANGE).clamp(max=1)
    weight = (1 + 4 * painted_much) * valid * known.view(-1, 1, 1, 1)
    return (error * weight).sum() / weight.sum().clamp_min(1)
