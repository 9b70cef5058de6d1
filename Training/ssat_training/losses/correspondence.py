"""Losses on the correspondence itself. Maps are 64x64."""


def uv_loss(warped_uv, own_uv, valid):
    """The UV coordinate warped from the other face must be the face's own: exact, and dense from the first step."""
    inside = ((own_uv[:, :1] >= 0) & valid).to(warped_uv)
    error = (warped_uv - own_uv).abs().sum(1, keepdim=True) * inside
    return error.sum() / inside.sum().clamp_min(1)


def semantic_loss(warped_parsing, own_parsing, valid):
    """Parsing warped by the correspondence must equal the other parsing, L1 (paper, section 3.4)."""
    return ((warped_parsing - own_parsing).abs() * valid).mean()
