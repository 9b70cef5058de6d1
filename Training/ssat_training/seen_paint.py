"""What PaintEstimator finds on the faces of the pairs, laid on by the mesh as the filter lays it (docs/decisions/0036). For `seen_pairs`."""
import numpy as np
import torch

from .checkpoint import weights
from .face_texture import lay, unwrap
from .networks.paint_estimator import PaintEstimator, inputs, lips_mean, paints, seen_twice, skin_mean
from .painted_makeup import LIPS, SKIN

# Classes of FaceMesh to label classes: skin, nose, brows; lips; anything else is not looked at.
LABELS = np.zeros(11, np.uint8)
LABELS[[1, 2, 4]], LABELS[[7, 8]] = SKIN[0], LIPS[0]


def estimator_of(checkpoint):
    network = PaintEstimator().eval().to(memory_format=torch.channels_last)
    network.load_state_dict(weights(checkpoint, from_notebook=None))
    return network


@torch.no_grad()
def found(network, pictures, classes, uv, points):
    """Of every face the skin's paint as a texture, n x 4 x 64 x 64, and that of the lips, n x 4: opacity, and colour times it. `pictures`
    n x 256 x 256 x 3 bytes, `classes` FaceMesh's, `uv` of its pixels, `points` in pixels."""
    unwrapped = [unwrap(*face) for face in zip(pictures, LABELS[classes], uv, points)]
    colours, shows = (torch.from_numpy(np.stack(x)).permute(0, 3, 1, 2).float() for x in zip(*unwrapped))
    colours = colours / 255
    paint = paints(seen_twice(network, inputs(colours, shows)), skin_mean(colours, shows))
    return paint[:, :4], lips_mean(paint, shows)[..., 0, 0]


def laid(texture, uv, size):
    """As bytes, size x size x 4; `uv` 64 x 64 x 2."""
    painted = lay(texture, torch.from_numpy(uv).permute(2, 0, 1).float(), size)
    return (painted.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).numpy()
