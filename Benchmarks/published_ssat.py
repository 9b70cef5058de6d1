"""SSAT at its published size (arXiv 2112.03631) in PyTorch, for its time alone: the weights are random.

    python3 Benchmarks/published_ssat.py [--threads 1,2] [--rounds 5]

One frame and one direction, the reference's keys and makeup map cached, 256 x 256. Needs torch and a quiet machine.
"""
import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = 18


def normalized(inputs, outputs, kernel, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), nn.InstanceNorm2d(outputs), nn.LeakyReLU(0.2))


class Encoder(nn.Module):
    """Maps at 256, 128 and 64."""

    def __init__(self, inputs, widths):
        super().__init__()
        self.stages = nn.ModuleList([normalized(inputs, widths[0], 7), normalized(widths[0], widths[1], 3, 2), normalized(widths[1], widths[2], 3, 2)])

    def forward(self, x):
        maps = []
        for stage in self.stages:
            maps.append(stage(maps[-1] if maps else x))
        return maps


class Modulation(nn.Module):
    """SPADE (CVPR 2019) with a hidden width of 128."""

    def __init__(self, channels, makeup=256):
        super().__init__()
        self.normalize, self.shared = nn.InstanceNorm2d(channels), nn.Conv2d(makeup, 128, 3, padding=1)
        self.gamma, self.beta = nn.Conv2d(128, channels, 3, padding=1), nn.Conv2d(128, channels, 3, padding=1)

    def forward(self, x, makeup):
        hidden = F.relu(self.shared(F.interpolate(makeup, size=x.shape[2:])))
        return self.normalize(x) * (1 + self.gamma(hidden)) + self.beta(hidden)


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        between = min(inputs, outputs)
        self.modulation1, self.convolution1 = Modulation(inputs), nn.Conv2d(inputs, between, 3, padding=1)
        self.modulation2, self.convolution2 = Modulation(between), nn.Conv2d(between, outputs, 3, padding=1)
        self.skip = nn.ModuleList([Modulation(inputs), nn.Conv2d(inputs, outputs, 1, bias=False)]) if inputs != outputs else None

    def forward(self, x, makeup):
        straight = self.skip[1](self.skip[0](x, makeup)) if self.skip else x
        x = self.convolution1(F.leaky_relu(self.modulation1(x, makeup), 0.2))
        return straight + self.convolution2(F.leaky_relu(self.modulation2(x, makeup), 0.2))


class PublishedSSAT(nn.Module):
    def __init__(self):
        super().__init__()
        self.content, self.semantic = Encoder(3, (64, 128, 256)), Encoder(CLASSES, (32, 64, 128))
        self.fusion, self.key = normalized(384, 512, 3, 2), normalized(1088, 136, 1)
        self.blocks = nn.ModuleList([Block(256, 256), Block(256, 128), Block(128, 64)])
        self.head = nn.Conv2d(64, 3, 7, padding=3)

    def forward(self, picture, parsing, reference_keys, reference_makeup):
        """1x3x256x256 in [-1, 1], 1x18x256x256, 1x136x4096 of length 1 each, 1x256x4096."""
        content, semantic = self.content(picture), self.semantic(parsing)
        deep = F.interpolate(self.fusion(torch.cat([content[2], semantic[2]], 1)), scale_factor=2)
        fused = torch.cat([F.avg_pool2d(content[0], 4), F.avg_pool2d(content[1], 2), content[2], deep, semantic[2]], 1)
        key = self.key(fused).flatten(2)
        key = F.normalize(key - key.mean(2, keepdim=True), dim=1)
        attention = (100 * key.transpose(1, 2) @ reference_keys).softmax(2)
        makeup = (attention @ reference_makeup.transpose(1, 2)).transpose(1, 2).reshape(1, 256, 64, 64)
        x = content[2]
        for index, block in enumerate(self.blocks):
            x = block(x if index == 0 else F.interpolate(x, scale_factor=2), makeup)
        return torch.tanh(self.head(x))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=5)
    o = p.parse_args()
    network = PublishedSSAT().eval()
    inputs = (torch.rand(1, 3, 256, 256) * 2 - 1, torch.zeros(1, CLASSES, 256, 256), F.normalize(torch.randn(1, 136, 4096), dim=1), torch.randn(1, 256, 4096))
    work = count(network, inputs)
    print(f"{sum(w.numel() for w in network.parameters()) / 1e6:.2f} M weights, {work / 1e9:.0f} GMAC a frame")
    for threads in map(int, o.threads.split(",")):
        torch.set_num_threads(threads)
        with torch.inference_mode():
            network(*inputs)
            times = []
            for _ in range(o.rounds):
                began = time.perf_counter()
                network(*inputs)
                times.append(time.perf_counter() - began)
        print(f"PyTorch f32, {threads} threads: {1000 * sorted(times)[len(times) // 2]:.0f} ms")


@torch.inference_mode()
def count(network, inputs):
    """Multiply-accumulates of the convolutions and of the correspondence."""
    total = 4096 * 4096 * (136 + 256)

    def add(module, _, output):
        nonlocal total
        total += output.numel() * module.in_channels * module.kernel_size[0] * module.kernel_size[1]

    hooks = [m.register_forward_hook(add) for m in network.modules() if isinstance(m, nn.Conv2d)]
    network(*inputs)
    for hook in hooks:
        hook.remove()
    return total


if __name__ == "__main__":
    main()
