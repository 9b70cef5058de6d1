"""What the makeup encoder believes was put on, against what the painter put on. Known for painted pictures only."""

from ..networks.ssat_live import LUMA_CHROMA, OPACITY, PIGMENT, change_basis

SMALLEST_CHANGE = 0.03
OPACITY_SHARE = 0.15  # of the loss: an opacity is several times as large as the change that it makes


def pigment_loss(makeup, painted, known, valid):
    """makeup: n x 64 x 64 x 64 maps of the makeup encoder; painted: n x 4 x 64 x 64, change of R'G'B' by the paint in [-1, 1] and its
    opacity; known: n, 1 where it is; valid: n x 1 x 64 x 64. Painted cells weigh up to five times as much: most are bare."""
    change, opacity = painted[:, :3], painted[:, 3:]
    error = (makeup[:, PIGMENT].float() - change_basis(change, LUMA_CHROMA)).abs().sum(1, keepdim=True)
    error = error + OPACITY_SHARE * (makeup[:, OPACITY].float() - opacity).abs()
    painted_much = (change.abs().mean(1, keepdim=True) / SMALLEST_CHANGE).clamp(max=1)
    weight = (1 + 4 * painted_much) * valid * known.view(-1, 1, 1, 1)
    return (error * weight).sum() / weight.sum().clamp_min(1)
