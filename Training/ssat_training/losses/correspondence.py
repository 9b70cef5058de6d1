"""Losses on the correspondence itself."""


def uv_loss(correspondence, source_uv, target_uv, target_valid):
    """The UV coordinate warped from the other face must be the face's own: exact, and dense from the first step."""
    import torch

    present = (source_uv[:, :1] >= 0).to(source_uv)
    warped = correspondence.warp(torch.cat([source_uv.clamp_min(0), present], 1))
    inside = ((target_uv[:, :1] >= 0) & target_valid).to(source_uv)
    error = (warped[:, :2] / warped[:, 2:].clamp_min(0.05) - target_uv).abs().sum(1, keepdim=True) * inside
    return error.sum() / inside.sum().clamp_min(1)


def semantic_loss(correspondence, source_parsing, target_parsing, target_valid):
    """Parsing warped by the correspondence must equal the other parsing, L1 (paper, section 3.4). Parsing at 64x64."""
    return ((correspondence.warp(source_parsing) - target_parsing).abs() * target_valid).mean()
