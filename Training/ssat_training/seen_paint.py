"""What PaintEstimator finds on the faces of the pairs, laid on by the mesh as the filter lays it (docs/decisions/0036). For `seen_pairs`."""
import numpy as np
import torch

from . import eye_texture
from .checkpoint import weights
from .eye_texture import SIDES, as_windows, lay_over, skin_share
from .face_texture import lay, unwrap
from .networks import eye_paint_estimator
from .networks.eye_paint_estimator import EyePaintEstimator
from .networks.paint_estimator import PaintEstimator, as_both_sides_tell, inputs, lips_mean, paints, seen_twice, skin_mean
from .painted_makeup import LIPS, SKIN

# Classes of FaceMesh to label classes: skin, nose, brows; lips; anything else is not looked at.
LABELS = np.zeros(11, np.uint8)
LABELS[[1, 2, 4]], LABELS[[7, 8]] = SKIN[0], LIPS[0]


def estimator_of(checkpoint):
    network = PaintEstimator().eval().to(memory_format=torch.channels_last)
    network.load_state_dict(weights(checkpoint, from_notebook=None))
    return network


def eye_estimator_of(checkpoint):
    network = EyePaintEstimator().eval().to(memory_format=torch.channels_last)
    network.load_state_dict(weights(checkpoint, from_notebook=None))
    return network


@torch.no_grad()
def found(network, pictures, classes, uv, points):
    """Of every face the skin's paint as a texture, n x 4 x 64 x 64, that of the lips, n x 4 (opacity, and colour times it), and the mean colour of its skin, n x 3.
    `pictures` n x 256 x 256 x 3 bytes, `classes` FaceMesh's, `uv` of its pixels, `points` in pixels."""
    unwrapped = [unwrap(*face) for face in zip(pictures, LABELS[classes], uv, points)]
    colours, shows = (torch.from_numpy(np.stack(x)).permute(0, 3, 1, 2).float() for x in zip(*unwrapped))
    colours, mean = colours / 255, skin_mean(colours / 255, shows)
    paint = paints(seen_twice(network, inputs(colours, shows)), mean)
    of_skin = as_both_sides_tell(paint[:, :4], shows.sum(1, keepdim=True).clamp(max=1), lambda x: x.flip(-1))
    return of_skin, lips_mean(paint, shows)[..., 0, 0], mean[..., 0, 0]


def as_maps(windows):
    return torch.from_numpy(np.ascontiguousarray(np.stack(windows))).permute(0, 3, 1, 2).float()


def seen_eyes(picture, parsing, uv, points):
    """Colours and the share of skin in both windows, 2 x 3 and 2 x 1 x 48 x 64. `picture` 256 x 256 x 3 bytes, `parsing` the data's label classes."""
    maps = np.dstack([picture.astype(np.float32) / 255, skin_share(parsing)])
    eyes = [eye_texture.unwrap(maps, uv, points, side) for side in SIDES]
    return as_maps([m[..., :3] for m, _ in eyes]), as_maps([m[..., 3:] * seen[..., None] for m, seen in eyes])


@torch.no_grad()
def found_closely(network, picture, classes, uv, points, texture, mean):
    """Of a face what is painted around its eyes, 2 x 48 x 64 x 4; arguments of one face as `found` has and gives them."""
    colours, skin = seen_eyes(picture, LABELS[classes], uv, points)
    believed, mean = as_maps(as_windows(texture.numpy())), mean.view(1, 3, 1, 1).expand(2, -1, -1, -1)
    scores = network(eye_paint_estimator.inputs(colours, skin, believed, mean))
    found = eye_paint_estimator.paint(scores, believed, mean)
    return as_both_sides_tell(found, skin, lambda x: x.flip(0)).permute(0, 2, 3, 1).numpy()


def laid(texture, uv, size, eyes=None):
    """As bytes, size x size x 4; `uv` 64 x 64 x 2; `eyes` of `found_closely`."""
    over = None if eyes is None else lambda place, painted: lay_over(eyes, place, painted)
    painted = lay(texture, torch.from_numpy(uv).permute(2, 0, 1).float(), size, over)
    return (painted.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).numpy()
