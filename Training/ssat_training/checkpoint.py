"""Checkpoints: `last.pt` of a run, to resume; `.safetensors` in `checkpoints/`, to start the next run from what was shipped."""
import os
from pathlib import Path

import torch
from safetensors.torch import load_file


def save(path, **state):
    """Written aside and renamed: a killed run never leaves half a checkpoint."""
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def resumed(folder, network, optimizer):
    """What a killed run of `folder` saved last, network and optimizer put back; None where there is nothing."""
    path = Path(folder) / "last.pt"
    if not path.exists():
        return None
    state = torch.load(path)
    network.load_state_dict(state["network"]), optimizer.load_state_dict(state["optimizer"])
    return state


def weights(path, from_notebook):
    """The averaged weights of a `last.pt`, of a kept `.safetensors`, or of the lab notebook (renamed by `from_notebook`)."""
    if Path(path).suffix == ".safetensors":
        return {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}
    state = torch.load(path)
    return state["average"] if "average" in state else from_notebook(state)


def keep_up(average, network, decay):
    """Moves averaged weights, in place, towards those of the network; what is no number of the kind is copied."""
    for name, values in network.state_dict().items():
        average[name].mul_(decay).add_(values, alpha=1 - decay) if values.dtype.is_floating_point else average[name].copy_(values)
