"""FaceMesh's landmarks, moved to where MeshRefiner sees them in closer windows (docs/decisions/0037). As MeshRefiner of the program does it."""
import numpy as np
import torch

from .checkpoint import weights
from .face_mesh_data import opposites
from .networks.mesh_refiner import REGIONS, MeshRefiner, corner
from .train_face_mesh import to_network

OPPOSITE = opposites()


def refiner_of(checkpoint):
    network = MeshRefiner().eval().to(memory_format=torch.channels_last)
    network.load_state_dict(weights(checkpoint, None))
    return network


@torch.no_grad()
def refine(network, pictures, landmarks):
    """Landmarks n x 478 x 2 in pixels of the crops, n x 256 x 256 x 3 R'G'B' bytes, moved to where the windows show them."""
    out = landmarks.copy()
    for region in REGIONS:
        for reflected in (False, True) if region.name == "eye" else (False,):
            move(network, region, pictures, landmarks, out, reflected)
    return out


def move(network, region, pictures, landmarks, out, reflected):
    if reflected:
        pictures, landmarks = pictures[:, :, ::-1], landmarks[:, OPPOSITE] * [-1, 1] + [255, 0]
    side, corners = region.side, corner(landmarks, region)
    bordered = np.pad(pictures, ((0, 0), (side, side), (side, side), (0, 0)), mode="edge")
    cut = [bordered[i, y + side:y + 2 * side, x + side:x + 2 * side] for i, (x, y) in enumerate(corners.clip(-side, 256))]
    found = getattr(network, region.name)(to_network(cut)).numpy()
    found = (found + 1) * side / 2 + corners[:, None]
    target = OPPOSITE[region.points] if reflected else region.points
    if reflected:
        found = found * [-1, 1] + [255, 0]
    shares = region.shares[:, None]
    out[:, target] = out[:, target] * (1 - shares) + found * shares
