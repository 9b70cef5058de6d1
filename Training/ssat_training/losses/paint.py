"""What the makeup encoder believes was put on, against what the painter put on. Known for painted pictures only."""

from ..networks.ssat_live import OPACITY, PAINT

SMALLEST_CHANGE = 0.03
OPACITY_SHARE = 0.15  # of the loss: an opacity is several times as large as the change that it makes


def paint_error(made, truth, skin):
    """n x 1 x h x w. `made` and `truth`: opacity, then paint; what counts is what they do to skin of the colour `skin`."""
    wrong = made - truth
    return (wrong[:, 1:] - wrong[:, :1] * skin).abs().sum(1, keepdim=True) + OPACITY_SHARE * wrong[:, :1].abs()


def paint_change(truth, skin):
    """What the paint does to skin of the colour `skin`, n x 3 x h x w."""
    return truth[:, 1:] - truth[:, :1] * skin


def of_the_lips(painted, lips_share):
    """Opacity and paint of the lips where they are, whatever part of a cell that is; 0 in cells that hardly have any."""
    return painted[:, 4:] / lips_share.clamp_min(0.2) * (lips_share > 0.2)


def paint_loss(makeup, lips, painted, skin, known, valid, lips_share):
    """makeup: n x 64 x 64 x 64 maps of the makeup encoder, lips: its n x 4 x 64 x 64; painted: n x 8 x 64 x 64, opacity and paint of the
    skin, then of the lips; skin: n x 3 x 1 x 1 in [0, 1]; known: n, 1 where it is; valid: n x 1 x 64 x 64; lips_share: exact share of
    lips in every cell. Painted cells weigh up to five times as much: most are bare."""
    known = known.view(-1, 1, 1, 1)
    on_lips = lips_share * (lips_share > 0.2)
    loss = 0
    made_skin = makeup[:, OPACITY.start:PAINT.stop].float()
    for made, truth, where in ((made_skin, painted[:, :4], valid * (lips_share < 0.5)), (lips, of_the_lips(painted, lips_share), on_lips)):
        painted_much = (paint_change(truth, skin).abs().mean(1, keepdim=True) / SMALLEST_CHANGE).clamp(max=1)
        weight = (1 + 4 * painted_much) * where * known
        loss = loss + (paint_error(made, truth, skin) * weight).sum() / weight.sum().clamp_min(1)
    return loss
