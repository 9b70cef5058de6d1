"""A network written once, run three ways: in float with folded weights, in float while recording ranges, and in int8.

The operations are those of the Swift `NetworkBuilder`; the int8 arithmetic is that of Sources/CKernels/include/CKernels.h,
bit for bit (integers below 2^53 are exact in float64).
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

OBSERVED_QUANTILES = (0.0002, 0.9998)
SLOPES = {"none": 1.0, "relu": 0.0, "leaky": 0.1}


def fold(conv, norm=None):
    """Weight and bias of a convolution with its BatchNorm folded in."""
    weight = conv.weight.detach().double()
    bias = conv.bias.detach().double() if conv.bias is not None else torch.zeros(weight.shape[0], dtype=torch.float64)
    if norm is not None:
        factor = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = weight * factor.view(-1, 1, 1, 1)
        bias = norm.bias.detach().double() + (bias - norm.running_mean.double()) * factor
    return weight, bias


def folded_layers(network):
    """Every convolution of a network by name: a Sequential(convolution, BatchNorm, ...) counts as one layer."""
    layers = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential) and len(module) and isinstance(module[0], nn.Conv2d):
            norm = module[1] if len(module) > 1 and isinstance(module[1], nn.BatchNorm2d) else None
            layers[name] = fold(module[0], norm)
    inside = {f"{name}.0" for name in layers}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and name not in inside:
            layers[name] = fold(module)
    return layers


def norms(network):
    """Scale and shift of the normalizations without weights (those of the modulations)."""
    out = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and not module.affine:
            scale = 1 / torch.sqrt(module.running_var.double() + module.eps)
            out[name.removesuffix(".norm")] = (scale, -module.running_mean.double() * scale)
    return out


def fold_modulations(layers, norms):
    """Folds the normalization of `modulation2` into `convolution1` before it.

    In float nothing changes. In int8 the map between them is then centred and of one scale in every channel: without this
    its channels lie far apart (means of tens, deviations of ones), and one step for all of them lost 9 dB.
    """
    for name, (scale, shift) in list(norms.items()):
        before = name.removesuffix("modulation2") + "convolution1"
        if name.endswith("modulation2") and before in layers:
            weight, bias = layers[before]
            layers[before] = weight * scale.view(-1, 1, 1, 1), bias * scale + shift
            norms[name] = torch.ones_like(scale), torch.zeros_like(shift)
    return layers, norms


def half(x):
    """Rounded to the F16 that the float file stores."""
    return x.half().double()


class FloatGraph:
    """Folded f32 weights. With `observe`, also keeps the range of every map."""

    def __init__(self, network, observe=False):
        layers, scales = fold_modulations(folded_layers(network), norms(network))
        self.layers = {k: (half(w).float(), half(b).float()) for k, (w, b) in layers.items()}
        self.norms = {k: (s.float(), t.float()) for k, (s, t) in scales.items()}
        self.observe, self.ranges = observe, {}

    def _see(self, name, x):
        if self.observe:
            flat = x.detach().flatten()
            if flat.numel() > 400_000:
                flat = flat[:: flat.numel() // 400_000]
            low, high = np.quantile(flat.numpy(), OBSERVED_QUANTILES)
            old = self.ranges.get(name, (0.0, 0.0))
            self.ranges[name] = (min(old[0], float(low)), max(old[1], float(high)))
        return x

    def input(self, name, x, scale=1.0, zero_point=0.0):
        return self._see(name, x)

    def calibrated_input(self, name, x):
        return self._see(name, x)

    def convolution(self, name, x, kernel=3, stride=1, activation="leaky", residual=None, float_output=False, valid=False):
        weight, bias = self.layers[name]
        y = F.conv2d(x, weight, bias, stride, 0 if valid else kernel // 2)
        if residual is not None:
            y = y + residual
        return self._see(name, F.leaky_relu(y, SLOPES[activation]) if activation != "none" else y)

    def upsample(self, x):
        return F.interpolate(x, scale_factor=2, mode="nearest")

    def concatenate(self, parts):
        return torch.cat(parts, 1)

    def modulate(self, name, x, maps):
        scale, shift = (v.view(1, -1, 1, 1) for v in self.norms[name])
        gamma, beta = maps.chunk(2, 1)
        self._see(name + ".gamma", gamma), self._see(name + ".beta", beta)
        if gamma.shape[-1] != x.shape[-1]:
            gamma, beta = (F.interpolate(v, scale_factor=2, mode="bilinear", align_corners=False) for v in (gamma, beta))
        return self._see(name, F.leaky_relu((x * scale + shift) * (1 + gamma) + beta, SLOPES["leaky"]))

    def residual_block(self, name, x, activation="leaky"):
        y = self.convolution(name + ".first", x, activation=activation)
        return self.convolution(name + ".second", y, activation=activation, residual=x)

    def tensors(self):
        out = {}
        for name, (weight, bias) in self.layers.items():
            out[name + ".weight"], out[name + ".bias"] = weight.half().numpy(), bias.half().numpy()
        for name, (scale, shift) in self.norms.items():
            out[name + ".scale"], out[name + ".shift"] = scale.numpy(), shift.numpy()
        return out


class Map:
    """Integers (held in float64) with one scale and zero point per channel."""

    def __init__(self, q, scale, zero_point):
        c = q.shape[1]
        self.q = q.double()
        self.scale = np.broadcast_to(np.asarray(scale, np.float64), (c,)).copy()
        self.zero = np.broadcast_to(np.asarray(zero_point, np.float64), (c,)).copy()

    def real(self):
        return ((self.q - torch.from_numpy(self.zero).view(1, -1, 1, 1)) * torch.from_numpy(self.scale).view(1, -1, 1, 1)).float()


def picture_input(g, bytes_):
    """Pictures, n x 3 x h x w of 0...255, as every network takes them: 2x2 pixels to a cell, in [-1, 1] where the graph is not int8."""
    q = F.pixel_unshuffle(bytes_, 2)
    return g.input("picture", q, 1 / 127.5, 127.5) if isinstance(g, Int8Graph) else g.input("picture", (q - 127.5) / 127.5, 1 / 127.5)


def round_even(x):
    return torch.round(x)


def quantization(values):
    """Scale and zero point of a map whose values lie in this range."""
    low, high = values
    scale = max((high - low) / 255, 1e-8)
    return float(np.float32(scale)), float(np.clip(round(-low / scale), 0, 255))


def halves_of(name, ranges):
    """Scales of the gammas and of the betas that the layer `name` makes, both with the zero point 128."""
    block = name.removesuffix(".gamma_beta")
    return [max(abs(v) for v in ranges[f"{block}.{part}"]) / 127 for part in ("gamma", "beta")]


def ranges_of(stored):
    """The ranges that an int8 file was made with, of its tensors: to make it again without the pictures that they were measured on."""
    out = {}
    for name, values in stored.items():
        layer, _, part = name.rpartition(".")
        if part == "output":
            scale, zero = (float(v) for v in values)
            out[layer] = (-zero * scale, (255 - zero) * scale)
        elif part == "parameters":
            # Of gamma and beta: 1 - 128 steps, and -128 steps.
            for half, step in (("gamma", (1 - float(values[1])) / 128), ("beta", -float(values[3]) / 128)):
                out[f"{layer}.{half}"] = (-127 * step, 127 * step)
    return out


def weight_steps(weight, bias, scale):
    """Weights in units of the maps' own steps (`scale`, by channel), and the step of every output channel. A channel of zero weights still has
    its bias, which must fit into s32 steps."""
    scaled = weight * scale.view(1, -1, 1, 1)
    return scaled, torch.maximum(scaled.abs().amax((1, 2, 3)) / 127, bias.abs() / 2**24).clamp_min(1e-12)


class Int8Graph(FloatGraph):
    """Quantizes while it runs: fills `stored` with what the int8 file holds, and computes what the kernels will compute."""

    def __init__(self, network, ranges, layers=None):
        """`layers`: weights and biases to quantize in place of the network's own (`tune_int8`)."""
        super().__init__(network)
        self.layers, self.norms = fold_modulations(folded_layers(network), norms(network))
        self.layers |= {k: (w.double(), b.double()) for k, (w, b) in (layers or {}).items()}
        self.ranges, self.stored = ranges, {}

    def _quantization(self, name):
        return quantization(self.ranges[name])

    def input(self, name, x, scale=1.0, zero_point=0.0):
        """`x` holds the u8 values themselves."""
        return Map(x, scale, zero_point)

    def calibrated_input(self, name, x):
        scale, zero = self._quantization(name)
        self.stored[name + ".output"] = np.float32([scale, zero])
        inverse = torch.tensor(np.float32(1) / np.float32(scale))
        return Map((round_even(x.float() * inverse) + zero).clamp(0, 255), scale, zero)

    def convolution(self, name, x, kernel=3, stride=1, activation="leaky", residual=None, float_output=False, valid=False):
        weight, bias = self.layers[name]
        if name + ".weight" not in self.stored:
            scaled, step = weight_steps(weight, bias, torch.from_numpy(x.scale))
            integer = torch.clamp(torch.round(scaled / step.view(-1, 1, 1, 1)), -127, 127)
            correction = (integer * torch.from_numpy(x.zero).view(1, -1, 1, 1)).sum((1, 2, 3))
            # No sum of s32 can overflow: |acc| <= taps * 255 * 127 + |bias|.
            offset = torch.clamp(torch.round(bias / step - correction), -(2**30), 2**30)
            if float_output:
                multiplier = step.numpy().astype(np.float32)
            elif name.endswith(".gamma_beta"):
                halves = halves_of(name, self.ranges)
                n = len(step) // 2
                out_scale = np.float32(np.repeat(halves, n))
                multiplier = (step.numpy() / out_scale).astype(np.float32)
                self.stored[name + ".output"] = np.float32([halves[0], 128])
                self.stored[name + ".halves"] = np.float32(halves)
            else:
                self.stored[name + ".output"] = np.float32(self._quantization(name))
                multiplier = (step.numpy() / np.float64(self.stored[name + ".output"][0])).astype(np.float32)
            self.stored[name + ".weight"] = integer.permute(0, 2, 3, 1).numpy().astype(np.int8)
            self.stored[name + ".bias"] = offset.numpy().astype(np.int32)
            self.stored[name + ".multiplier"] = multiplier
            if residual is not None:
                scale = np.float32(residual.scale[0] / np.float64(self.stored[name + ".output"][0]))
                self.stored[name + ".residual"] = np.float32([scale, residual.zero[0]])
        integer = torch.from_numpy(self.stored[name + ".weight"]).permute(0, 3, 1, 2).double()
        q = x.q
        if not valid and kernel > 1:
            # The border holds the zero point, rounded to a byte.
            border = torch.from_numpy(np.round(x.zero)).view(1, -1, 1, 1)
            q = F.pad(q - border, [kernel // 2] * 4) + border
        acc = F.conv2d(q, integer, None, stride) + torch.from_numpy(self.stored[name + ".bias"]).double().view(1, -1, 1, 1)
        f = acc.float() * torch.from_numpy(self.stored[name + ".multiplier"]).view(1, -1, 1, 1)
        if residual is not None:
            scale, zero = self.stored[name + ".residual"]
            f = f + (residual.q - float(zero)).float() * torch.tensor(scale)
        slope = torch.tensor(np.float32(SLOPES[activation]))
        f = torch.where(f < 0, f * slope, f)
        if float_output:
            return f
        scale, zero = (float(v) for v in self.stored[name + ".output"])
        out = (round_even(f) + zero).clamp(0, 255)
        if name.endswith(".gamma_beta"):
            halves = self.stored[name + ".halves"]
            return Map(out, np.repeat(halves, out.shape[1] // 2), 128)
        return Map(out, scale, zero)

    def upsample(self, x):
        return Map(F.interpolate(x.q, scale_factor=2, mode="nearest"), x.scale, x.zero)

    def concatenate(self, parts):
        return Map(torch.cat([p.q for p in parts], 1), np.concatenate([p.scale for p in parts]), np.concatenate([p.zero for p in parts]))

    def modulate(self, name, x, maps):
        scale, shift = self.norms[name]
        n = len(scale)
        upsampled = maps.q.shape[-1] != x.q.shape[-1]
        if name + ".scale" not in self.stored:
            steps = torch.from_numpy(x.scale), torch.from_numpy(x.zero)
            self.stored[name + ".scale"] = (steps[0] * scale).numpy().astype(np.float32)
            self.stored[name + ".shift"] = (shift - steps[1] * steps[0] * scale).numpy().astype(np.float32)
            g, b = float(maps.scale[0]), float(maps.scale[n])
            divisor = 16 if upsampled else 1
            self.stored[name + ".parameters"] = np.float32([g / divisor, 1 - 128 * g, b / divisor, -128 * b])
            self.stored[name + ".output"] = np.float32(self._quantization(name))
        p = [torch.tensor(v) for v in self.stored[name + ".parameters"]]
        numerators = maps.q
        if upsampled:
            numerators = torch.round(F.interpolate(maps.q, scale_factor=2, mode="bilinear", align_corners=False) * 16)
        numerators = numerators.float()
        normal = x.q.float() * torch.from_numpy(self.stored[name + ".scale"]).view(1, -1, 1, 1)
        normal = normal + torch.from_numpy(self.stored[name + ".shift"]).view(1, -1, 1, 1)
        f = normal * (numerators[:, :n] * p[0] + p[1]) + (numerators[:, n:] * p[2] + p[3])
        f = torch.where(f < 0, f * torch.tensor(np.float32(SLOPES["leaky"])), f)
        out_scale, zero = self.stored[name + ".output"]
        inverse = torch.tensor(np.float32(1) / np.float32(out_scale))
        return Map((round_even(f * inverse) + float(zero)).clamp(0, 255), float(out_scale), float(zero))

    def tensors(self):
        return {k: v for k, v in self.stored.items() if not k.endswith(".halves")}


class Steps:
    """Real values that lie on the steps of int8; `scale`: the step of every channel."""

    def __init__(self, values, scale):
        self.values, self.scale = values, torch.as_tensor(scale, dtype=torch.float32).expand(values.shape[1])


def stepped(x, scale, zero_point):
    """The nearest of 256 steps, for the gradient as if it were x itself (straight through)."""
    x = torch.clamp(x, -zero_point * scale, (255 - zero_point) * scale)
    return x + (torch.round(x / scale) * scale - x).detach()


class LearningInt8Graph(FloatGraph):
    """What `Int8Graph` computes, but for its roundings of the last bit, in floats that a gradient passes through (quantization-aware training,
    Jacob et al. 2018, arXiv 1712.05877): the folded weights and biases learn, the ranges stay."""

    def __init__(self, network, ranges):
        super().__init__(network)
        layers, _ = fold_modulations(folded_layers(network), norms(network))
        self.layers = {k: tuple(torch.nn.Parameter(v.float()) for v in pair) for k, pair in layers.items()}
        self.ranges = ranges

    def parameters(self):
        return [v for pair in self.layers.values() for v in pair]

    def state(self):
        """Weight and bias of every layer, for `Int8Graph` or `load`."""
        return {k: tuple(v.detach().clone() for v in pair) for k, pair in self.layers.items()}

    def load(self, layers):
        for name, pair in layers.items():
            for parameter, value in zip(self.layers[name], pair):
                parameter.data.copy_(value)

    def input(self, name, x, scale=1.0, zero_point=0.0):
        return Steps(x, scale)

    def calibrated_input(self, name, x):
        return self._on_steps(name, x)

    def _on_steps(self, name, x):
        scale, zero = quantization(self.ranges[name])
        return Steps(stepped(x.float(), scale, zero), scale)

    def convolution(self, name, x, kernel=3, stride=1, activation="leaky", residual=None, float_output=False, valid=False):
        weight, bias = self.layers[name]
        with torch.no_grad():
            scaled, step = weight_steps(weight, bias, x.scale)
            step = step.view(-1, 1, 1, 1)
            rounded = (scaled / step).round() * step / x.scale.view(1, -1, 1, 1)
        y = F.conv2d(x.values, weight + (rounded - weight).detach(), bias, stride, 0 if valid else kernel // 2)
        if residual is not None:
            y = y + residual.values
        y = F.leaky_relu(y, SLOPES[activation]) if activation != "none" else y
        if float_output:
            return y
        if name.endswith(".gamma_beta"):
            halves = halves_of(name, self.ranges)
            values = torch.cat([stepped(v, s, 128) for v, s in zip(y.chunk(2, 1), halves)], 1)
            return Steps(values, torch.tensor(halves).repeat_interleave(y.shape[1] // 2))
        return self._on_steps(name, y)

    def upsample(self, x):
        return Steps(super().upsample(x.values), x.scale)

    def concatenate(self, parts):
        return Steps(torch.cat([p.values for p in parts], 1), torch.cat([p.scale for p in parts]))

    def modulate(self, name, x, maps):
        return self._on_steps(name, super().modulate(name, x.values, maps.values))
