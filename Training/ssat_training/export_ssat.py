"""Exports SSAT live: folds, calibrates, quantizes, and writes the weights that ship and the goldens of the Swift tests.

    python -m ssat_training.export_ssat --checkpoint DIR/last.pt --pairs DIR --models ../Models --fixtures ../Tests/SSATCoreTests/Fixtures
"""
import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from .checkpoint import weights
from .graph import FloatGraph, Int8Graph, picture_input, ranges_of
from .face_texture import lay
from .networks.ssat_live import OPACITY, PAINT, SSATLive, assemble, carried_paint, colours as colour_maps, uv_features
from .networks.ssat_live_graph import decode, encode, makeup_features
from .train_ssat import Pairs
from .transfer import light_on_lips, makeup_positions, regions, skin_colour

KEY_LAYER = "feature_fusion.key"
LICENCE = "research and non-commercial use: trained on research-only pictures, see MODEL_CARD.md"


@torch.no_grad()
def decoder_inputs(network, batch, worn=None):
    """What the decoder receives for a wearing b's makeup: warped makeup, the colour channels (both 64x64), and the regions; and the paint that is
    laid on, n x 4 x 128 x 128. `worn`: what PaintEstimator is to have found on b, the skin's paint as a texture and that of the lips; else what
    the makeup encoder believes."""
    a, b = batch["a"] * 2 - 1, batch["b"] * 2 - 1
    _, key_a = network.encode(a, batch["pa"], batch["ua"])
    features_b, key_b = network.encode(b, batch["pb"], batch["ub"])
    parsing_b = F.avg_pool2d(batch["pb"], 4)
    positions = makeup_positions(F.avg_pool2d(batch["pa"], 4))
    to_a, _ = network.correspondence(key_a, key_b, positions, makeup_positions(parsing_b))
    own, lips = network.makeup(b, features_b, skin_colour(b, parsing_b))
    if worn:
        own[:, OPACITY.start:PAINT.stop] = lay(worn["skin"], batch["ub"][0], 64)
        lips = worn["lips"].view(1, 4, 1, 1).expand_as(lips)
    makeup, known = to_a.warp(own), regions(a, batch["pa"], batch["ua"], b, batch["pb"], lips, positions)
    paint = lay(worn["skin"], batch["ua"][0], 128)[None] if worn else carried_paint(makeup)
    return makeup, colour_maps(makeup, paint, a, known), known, paint


def inputs(g, batch, which):
    """Picture, parsing, UV features and skin colour of one face of every pair; as bytes where the graph is int8."""
    bytes_ = torch.round(batch[which] * 255)
    picture = picture_input(g, bytes_)
    uv = uv_features(batch["u" + which].float())
    skin = skin_colour(bytes_ / 127.5 - 1, F.avg_pool2d(batch["p" + which], 4)).expand(-1, -1, 64, 64)
    if isinstance(g, Int8Graph):
        uv, skin = (g.input(name, (torch.round(x * 127) + 128).clamp(0, 255), 1 / 127, 128) for name, x in (("uv", uv), ("skin", skin)))
    else:
        uv, skin = g.input("uv", uv, 1 / 127), g.input("skin", skin, 1 / 127)
    parsing = g.input("parsing", F.pixel_unshuffle(batch["p" + which], 2))
    return picture, parsing, uv, skin


def run(g, batch, makeup, colours, which="a"):
    """One pass of everything that is exported, on the graph `g`."""
    picture, parsing, uv, skin = inputs(g, batch, which)
    features, keys = encode(g, picture, parsing, uv)
    made = makeup_features(g, picture, features, skin)
    gate, head = decode(g, features, g.calibrated_input("decoder.colours", colours), g.calibrated_input("decoder.makeup", makeup))
    return {"keys": keys, "makeup": made, "gate": gate, "head": head}


def change(outputs, batch, colours, known, paint):
    return assemble(torch.sigmoid(outputs["gate"].float()), colours, paint, batch["a"] * 2 - 1, known, outputs["head"])


def synthetic_batch(seed=7):
    """A deterministic face-like pattern for the goldens, a in dimmer light than b, whose lips are pale: no picture of anybody."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    out = {}
    for which, shift, light, lips in (("a", 0.0, 0.74, (170, 60, 70)), ("b", 9.0, 1.0, (235, 170, 175))):
        radius = np.hypot((x - 128 - shift) / 92, (y - 130) / 112)
        noise = random.normal(0, 9, (256, 256, 3))
        base = np.array([205, 160, 140]) * (1 - 0.25 * radius[..., None]) + noise + 12 * np.sin(x / 9)[..., None]
        parsing = np.where(radius < 1, 1, 6)
        for cx, cy, rx, ry, label, colour in ((90, 110, 20, 9, 3, (60, 40, 30)), (166, 110, 20, 9, 3, (60, 40, 30)), (128, 140, 14, 26, 2, (215, 170, 150)),
                                              (90, 88, 24, 6, 4, (90, 60, 50)), (166, 88, 24, 6, 4, (90, 60, 50)), (128, 178, 30, 9, 7, lips), (128, 190, 30, 9, 8, np.add(lips, 10))):
            inside = ((x - cx - shift) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
            parsing[inside] = label
            base[inside] = np.array(colour) + noise[inside]
        parsing[radius > 1.25] = 0
        out[which] = torch.from_numpy(np.clip(base * light, 0, 255).round().astype(np.float32) / 255).permute(2, 0, 1)[None]
        out["p" + which] = F.one_hot(torch.from_numpy(parsing.astype(np.int64)), 10).permute(2, 0, 1)[None].float()
        u, v = (x - 128 - shift) / 200 + 0.5, (y - 130) / 240 + 0.5
        uv = np.where(radius < 1, np.stack([u, v]), -1)[:, 1::4, 1::4].astype(np.float32)
        out["u" + which] = torch.from_numpy(uv)[None]
    return out


def invented_paint(seed=8):
    """A texture of paint, 4 x 64 x 64, and that of lips: opacity and colour times it."""
    random = np.random.default_rng(seed)
    fields = F.interpolate(torch.from_numpy(random.uniform(0, 1, (1, 4, 9, 9)).astype(np.float32)), size=(64, 64), mode="bicubic", align_corners=True)[0].clamp(0, 1)
    return {"skin": torch.cat([fields[:1], fields[:1] * fields[1:]]), "lips": torch.tensor([0.7, 0.5, 0.15, 0.2])}


def turn_keys(network, pairs, count=32):
    """Turns the keys so that those of faces differ least in the last channel, in which the program puts something else (`KeyCentre`). Products
    of two keys stay as they are. Nothing is done to keys that were turned before. Returns the turn, 64 x 64, or None."""
    raw, keys = [], []
    hook = network.feature_fusion.key.register_forward_hook(lambda _, __, key: raw.append(key))
    with torch.no_grad():
        for start in range(0, min(count, len(pairs)), 4):
            batch = pairs.batch(np.arange(start, min(start + 4, len(pairs))))
            network.encode(batch["a"] * 2 - 1, batch["pa"], batch["ua"])
            keys.append(F.normalize(raw.pop(), dim=1).permute(0, 2, 3, 1)[makeup_positions(F.avg_pool2d(batch["pa"], 4))[:, 0]])
    hook.remove()
    variances, directions = torch.linalg.eigh(torch.cov(torch.cat(keys).double().T))
    print(f"variance of the keys in the last channel: {torch.cat(keys)[:, -1].var():.1e}, least {variances[0]:.1e}, sum {variances.sum():.1e}")
    if torch.cat(keys)[:, -1].var() <= 2 * variances[0] + 1e-7:
        return None
    # A reflection that takes the direction in which they differ least to the last axis, and the rest hardly anywhere.
    across = directions[:, 0] - F.one_hot(torch.tensor(len(variances) - 1))
    across = across / across.norm()
    turn, key = torch.eye(len(across)).double() - 2 * across[:, None] * across, network.feature_fusion.key
    weight, key.bias.data = turned(turn, key.weight.data, key.bias.data)
    key.weight.data = as_kept(weight).float()
    return turn


def turned(turn, weight, bias):
    """Weight and bias of the layer that makes the keys, for turned keys."""
    return torch.einsum("ij,jchw->ichw", turn, weight.double()).float(), (turn @ bias.double()).float()


def calibrated(network, pairs, count):
    """Range of every map over the first pairs."""
    watcher = FloatGraph(network, observe=True)
    with torch.no_grad():
        for start in range(0, count, 4):
            batch = pairs.batch(np.arange(start, start + 4))
            makeup, colours, _, _ = decoder_inputs(network, batch)
            run(watcher, batch, makeup, colours)
    return watcher.ranges


def loaded(path):
    """Weights and number of steps of a training's `last.pt`, or of the `.safetensors` that was kept of one."""
    if Path(path).suffix == ".safetensors":
        with safe_open(path, "pt") as kept:
            return weights(path, None), kept.metadata()["steps"]
    state = torch.load(path)
    return {k: as_kept(v).float() if v.is_floating_point() else v for k, v in state["average"].items()}, str(state["step"])


def as_kept(values):
    """Weights as a kept checkpoint holds them: F16, but for biases and the like."""
    return values.half() if values.is_floating_point() and values.dim() > 1 else values


def fingerprint(graph):
    """Of a float graph's weights."""
    digest = hashlib.sha256()
    for name, values in sorted(graph.tensors().items()):
        digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def tuned_layers(path, exact):
    """Weights and biases that `tune_int8` made of the float graph `exact`, rounded to F16 as they are kept."""
    if Path(path).suffix == ".safetensors":
        with safe_open(path, "pt") as kept:
            of, tensors = kept.metadata()["float"], {k: kept.get_tensor(k) for k in kept.keys()}
        layers = {k.removesuffix(".weight"): (v, tensors[k.removesuffix(".weight") + ".bias"]) for k, v in tensors.items() if k.endswith(".weight")}
    else:
        state = torch.load(path)
        of, layers = state["float"], state["layers"]
    if of != fingerprint(exact):
        raise SystemExit(f"{path} was tuned from other float weights than these: run tune_int8 again")
    return {k: (w.half(), b.half()) for k, (w, b) in layers.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", required=True, help="last.pt of a training, or what was kept of one in checkpoints/")
    p.add_argument("--tuned", help="what tune_int8 made of that checkpoint: its last.pt, or what was kept of one in checkpoints/")
    p.add_argument("--pairs", required=True)
    p.add_argument("--shard", default="0")
    p.add_argument("--count", type=int, default=48)
    p.add_argument("--ranges", help="an int8 file of the same weights: its ranges in place of those of the first pairs")
    p.add_argument("--models", default="../Models")
    p.add_argument("--fixtures", default="../Tests/SSATCoreTests/Fixtures")
    p.add_argument("--keep", default="checkpoints/ssat_live.safetensors", help="where the float checkpoint is kept (F16)")
    o = p.parse_args()
    torch.set_grad_enabled(False)
    average, steps = loaded(o.checkpoint)
    network = SSATLive().eval()
    network.load_state_dict(average)
    pairs = Pairs(o.pairs, [o.shard])
    tuned = tuned_layers(o.tuned, FloatGraph(network)) if o.tuned else {}
    turn = turn_keys(network, pairs)
    if tuned and turn is not None:
        tuned[KEY_LAYER] = tuple(v.half() for v in turned(turn, *tuned[KEY_LAYER]))
    average = network.state_dict()
    ranges = ranges_of(load_file(o.ranges)) if o.ranges else calibrated(network, pairs, o.count)

    golden = synthetic_batch()
    worn = invented_paint()
    makeup, colours, known, paint = decoder_inputs(network, golden, worn)
    exact = FloatGraph(network)
    float_outputs = run(exact, golden, makeup, colours)
    quantized = Int8Graph(network, ranges, tuned)
    int8_outputs = run(quantized, golden, makeup, colours)

    # Loss of int8 on real pairs: PSNR of the final picture.
    errors = []
    for index in range(3):
        batch = pairs.batch(np.array([(o.count + index) % len(pairs)]))
        m, c, k, p = decoder_inputs(network, batch)
        mask = 1 - batch["pa"][:, [0, 3, 5, 6, 9]].sum(1, keepdim=True)
        a, b = (change(run(g, batch, m, c), batch, c, k, p) * mask for g in (exact, quantized))
        errors.append(-10 * torch.log10(((a - b) ** 2).mean().clamp_min(1e-12)).item())
    print("int8 against f32, PSNR:", np.round(errors, 1))

    digest = hashlib.sha256(Path(o.checkpoint).read_bytes()).hexdigest()[:16]
    metadata = {
        "format": "ssat-live 1", "network": "ssat_live", "input": "256x256", "softmax_axis": "reference", "licence": LICENCE,
        "checkpoint": digest, "steps": steps, "calibration": f"{o.count} training pairs, 0.02 % and 99.98 % quantiles",
    }
    temperature = network.log_temperature.exp().reshape(1).float()
    models, fixtures = Path(o.models), Path(o.fixtures)
    as_torch = lambda d: {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in d.items()}
    save_file({**as_torch(exact.tensors()), "temperature": temperature}, models / "ssat_live.float.safetensors", metadata)
    save_file({**as_torch(quantized.tensors()), "temperature": temperature}, models / "ssat_live.safetensors", metadata)
    Path(o.keep).parent.mkdir(parents=True, exist_ok=True)
    save_file({k: as_kept(v).contiguous() for k, v in average.items()}, o.keep, metadata)

    if tuned:
        flat = {f"{k}.{part}": v.contiguous() for k, pair in tuned.items() for part, v in zip(("weight", "bias"), pair)}
        save_file(flat, Path(o.keep).with_suffix(".tuned.safetensors"), {"float": fingerprint(exact), "licence": LICENCE})

    byte = lambda x: torch.round(x * 255).to(torch.uint8)
    tensors = {}
    for which in ("a", "b"):
        tensors[f"crop_{which}"] = byte(golden[which])[0].permute(1, 2, 0)
        tensors[f"parsing_{which}"] = golden["p" + which][0].argmax(0).to(torch.uint8)
        tensors[f"uv_features_{which}"] = uv_features(golden["u" + which])[0].permute(1, 2, 0)
        tensors[f"uv_{which}"] = golden["u" + which][0].permute(1, 2, 0)
    tensors["skin_paint"], tensors["lip_paint"] = worn["skin"].permute(1, 2, 0), worn["lips"]
    own, other = (golden[x] * 2 - 1 for x in "ab")
    tensors["light_on_lips"] = light_on_lips(own, golden["pa"], other, golden["pb"]).flatten()
    tensors["paint"] = paint[0, :, ::4, ::4].permute(1, 2, 0)
    for name, outputs in (("float", float_outputs), ("int8", int8_outputs)):
        tensors[f"{name}.keys"] = outputs["keys"][0, :, ::4, ::4].permute(1, 2, 0).float()
        tensors[f"{name}.makeup"] = outputs["makeup"][0, :, ::4, ::4].permute(1, 2, 0).float()
    # The whole transfer, f32, from the pictures: correspondence included.
    tensors["float.change"] = change(float_outputs, golden, colours, known, paint)[0, :, ::4, ::4].permute(1, 2, 0)
    tensors["int8.change"] = change(int8_outputs, golden, colours, known, paint)[0, :, ::4, ::4].permute(1, 2, 0)
    tensors["makeup"] = makeup[0].permute(1, 2, 0)
    tensors["colours"] = colours[0].permute(1, 2, 0)
    tensors["float.gate"], tensors["int8.gate"] = (x["gate"][0, :, ::2, ::2].permute(1, 2, 0).float() for x in (float_outputs, int8_outputs))
    tensors["float.head"], tensors["int8.head"] = (x["head"][0, :, ::4, ::4].permute(1, 2, 0).float() for x in (float_outputs, int8_outputs))
    save_file({k: v.contiguous() for k, v in tensors.items()}, fixtures / "ssat_live.golden.safetensors", {"from": digest})
    print({p.name: p.stat().st_size for p in [models / "ssat_live.float.safetensors", models / "ssat_live.safetensors", fixtures / "ssat_live.golden.safetensors", Path(o.keep)]})


if __name__ == "__main__":
    main()
