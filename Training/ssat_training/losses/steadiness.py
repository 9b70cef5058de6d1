"""Two frames of one face must get the same change: what FaceMesh and the camera add from frame to frame is not to show.

The second frame is the source once more, moved a little, with other noise and light, and with the other labels: those that FaceMesh sees
in place of the exact ones, or the reverse, which is how labels differ from frame to frame, if more.
"""
import math

import torch
import torch.nn.functional as F

from ..networks.ssat_live import with_found
from ..transfer import change, known

TURN, SCALE, SHIFT = math.radians(2), 0.02, 0.02  # at most; the shift in halves of the picture
NOISE, EXPOSURE = 0.01, 0.02


def motion(n):
    """n x 2 x 3 matrices for `affine_grid`: from the second frame to the first."""
    turn, scale, shift = TURN * centred(n), torch.exp(SCALE * centred(n)), SHIFT * centred(n, 2)
    rows = torch.stack([scale * turn.cos(), -scale * turn.sin(), scale * turn.sin(), scale * turn.cos()], 1).view(n, 2, 2)
    return torch.cat([rows, shift[..., None]], 2)


def centred(*size):
    return torch.rand(*size) * 2 - 1


def moved(maps, matrices, mode="bilinear"):
    grid = F.affine_grid(matrices, [len(maps), 1, *maps.shape[-2:]], align_corners=False)
    return F.grid_sample(maps.float(), grid, mode=mode, padding_mode="border", align_corners=False)


def moved_uv(uv, matrices):
    """UV maps are smooth on the face only: a mean of the cells that are on it, where most are."""
    on_face = (uv[:, :1] >= 0).float()
    share = moved(on_face, matrices)
    return torch.where(share > 0.5, moved(uv.clamp_min(0) * on_face, matrices) / share.clamp_min(0.5), -torch.ones_like(uv))


def other_labels(batch):
    """Per pair FaceMesh's labels where the network was given the exact ones, and the reverse, if the pairs have both."""
    return batch.get("other_pa", batch["seen_pa"]), batch.get("other_ua", batch["seen_ua"])


def second_frame(batch, matrices):
    """Picture in [0, 1], parsing and UV of the source a moment later."""
    parsing, uv = other_labels(batch)
    picture = moved(batch["a"], matrices)
    picture = picture * (1 + EXPOSURE * centred(len(picture), 1, 1, 1)) + NOISE * torch.randn_like(picture)
    return picture.clamp(0, 1), moved(parsing, matrices, "nearest"), moved_uv(uv, matrices)


def steadiness_loss(network, batch, t, autocast):
    """L1 between the change of the second frame and that of the first, moved, where both may be made up. `t`: the transfer of this batch."""
    matrices = motion(len(batch["a"]))
    picture, parsing, uv = second_frame(batch, matrices)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        later = known(network, picture * 2 - 1, parsing, uv)
        to_later, _ = network.correspondence(later.key, t.face_b.key, later.valid, t.face_b.valid)
        makeup, lips, worn = t.makeup_b, t.lips_b, None
        if "worn_a" in batch:
            makeup, lips, worn = with_found(makeup, batch["own_b"]), batch["lips_b"].expand_as(lips), moved(batch["worn_a"], matrices)
        now = change(network, later, t.face_b, lips, to_later.warp(makeup), worn)
    before = moved(t.output_a - batch["a"], matrices)
    both = (moved(t.face_a.parsing, matrices, "nearest") * parsing).sum(1, keepdim=True)  # of one class in both
    return ((now.float() - before).abs() * both).mean()
