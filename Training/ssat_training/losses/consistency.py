"""Losses without a known answer (paper, section 3.4): there and back again, and one's own makeup."""
from ..transfer import FOUND, transfer


def without_found(batch):
    """What was found on the faces of a pair is not on what was made of them."""
    return {k: v for k, v in batch.items() if k not in FOUND}


def swapped(batch, output_a, output_b):
    """The pair after the transfer: a wears b's makeup and the reverse. Parsing and UV are those of before: the faces are."""
    return without_found(batch) | {"a": output_a.clamp(0, 1), "b": output_b.clamp(0, 1)}


def cycle_loss(network, batch, output_a, output_b):
    """Transferred once more, each has its own makeup back: L1."""
    back = transfer(network, swapped(batch, output_a, output_b))
    return (back.output_a - batch["a"]).abs().mean() + (back.output_b - batch["b"]).abs().mean()


def mirror_pair(batch, side="b", other="a"):
    """A face and itself as the reference."""
    twin = without_found(batch)
    for name in ("", "p", "u", "seen_p", "seen_u"):
        twin[name + other] = batch[name + side]
    return twin


def self_reconstruction_loss(network, batch):
    """A face that is given its own makeup stays as it is: L1."""
    out = transfer(network, mirror_pair(batch))
    return (out.output_a - batch["b"]).abs().mean() + (out.output_b - batch["b"]).abs().mean()
