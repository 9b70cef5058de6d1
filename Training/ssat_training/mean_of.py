"""The mean of two trainings' weights, as a checkpoint: a training for one figure seldom keeps the others, half of the way often does.

    python -m ssat_training.mean_of W/ssat/last.pt W/keys/last.pt --sharper 1.5 --out W/mean/last.pt

Of SSAT live, FaceMesh or PaintEstimator. `--share`: of the second. `--sharper`: factor on the softmax's temperature, whose keys the mean makes more alike (decision 0030).
"""
import argparse
import math
from pathlib import Path

import torch

from .checkpoint import save, weights
from .networks.ssat_live import from_notebook


def mean(one, other, share):
    """`share`: of the other, 0 to 1. What is no number with a point (counts) is the first one's.

    Raises ValueError where the two are not of one network."""
    shapes = [{name: tuple(v.shape) for name, v in state.items()} for state in (one, other)]
    if shapes[0] != shapes[1]:
        raise ValueError("the checkpoints are not of one network: " + ", ".join(sorted(name for name, _ in set(shapes[0].items()) ^ set(shapes[1].items()))[:4]))
    return {name: torch.lerp(v, other[name], share) if v.is_floating_point() else v for name, v in one.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("one")
    p.add_argument("other")
    p.add_argument("--share", type=float, default=0.5)
    p.add_argument("--sharper", type=float, default=1.0)
    p.add_argument("--out", required=True)
    o = p.parse_args()
    if not 0 <= o.share <= 1 or o.sharper <= 0:
        p.error("--share is from 0 to 1, --sharper over 0")
    one, other = (weights(path, from_notebook) for path in (o.one, o.other))
    try:
        average = mean(one, other, o.share)
    except ValueError as error:
        p.error(str(error))
    is_ssat = "log_temperature" in average
    if o.sharper != 1:
        if not is_ssat:
            p.error("--sharper is for SSAT live: these have no temperature")
        average["log_temperature"] = average["log_temperature"] + math.log(o.sharper)
    Path(o.out).parent.mkdir(parents=True, exist_ok=True)
    save(o.out, average=average, step=0, **({"kind": "ssat_live", "without": ()} if is_ssat else {}))


if __name__ == "__main__":
    main()
