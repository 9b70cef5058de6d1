"""SSAT live under other inference runtimes, beside the binary, in turns: the same weights, one frame, the reference cached.

    python3 Benchmarks/peers.py [--rounds 5] [--threads 1,2] [--json FILE]

Needs requirements.txt, a built binary, and a quiet machine. One round times every contender for about a second, one after the other; what
is printed are medians over the rounds, and the median of the ratios to the binary within a round. Every contender gets pictures as floats
or bytes as it likes them, runs the encoders, 1,400 x 1,400 face positions of correspondence and the decoder, and gives the change of a
256 x 256 crop. The binary's time has the conversion of the crop's bytes in it as well.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "Training"))
from ssat_training.networks import ssat_live  # noqa: E402
from ssat_training.transfer import MAKEUP_CLASSES, grain_of_lips, lip_colour, lip_paint, lips_mask, makeup_positions, skin_cells, skin_colour, worn_on_lips  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

POSITIONS = 1400
INPUTS = ("picture", "parsing", "uv")


class Frame(torch.nn.Module):
    """A frame's share of SSAT live as one graph: what the binary runs per frame and face."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        with torch.no_grad():
            picture, parsing, uv = (torch.from_numpy(x) for x in example(1).values())
            parsing64 = torch.nn.functional.avg_pool2d(parsing, 4)
            features, key = network.encode(picture, parsing, uv)
            skin = skin_colour(picture, parsing64)
            makeup, lips = network.makeup(picture, features, skin)
            reference = {
                "keys": key.flatten(2)[0, :, :POSITIONS].T, "values": makeup.flatten(2)[0, :, :POSITIONS].T, "skin": skin,
                "nothing": torch.zeros(1, 64 * 64 - POSITIONS, 64), "lips": lip_paint(lips, parsing64), "lip_colour": lip_colour(picture, parsing),
            }
        for name, value in reference.items():
            self.register_buffer(name, value.contiguous())

    def forward(self, picture, parsing, uv):
        features, key = self.network.encode(picture, parsing, uv)
        query = key.flatten(2)[:, :, :POSITIONS].transpose(1, 2) * self.network.log_temperature.exp()
        moved = (query @ self.keys.T).softmax(2) @ self.values
        makeup = torch.cat([moved, self.nothing], 1).transpose(1, 2).reshape(1, 64, 64, 64)
        parsing64 = torch.nn.functional.avg_pool2d(parsing, 4)
        own = skin_colour(picture, parsing64)
        own_lips, mask, light = lip_colour(picture, parsing), lips_mask(parsing), ssat_live.light_of((picture + 1) / 2, (own + 1) / 2)
        grain = grain_of_lips(own_lips, light, mask)
        lips, shift = worn_on_lips(self.lips, self.lip_colour, own_lips, self.skin, own, grain)
        regions = ssat_live.Regions(
            self.skin, self.skin - own, lips, shift, (own_lips + 1) / 2, grain, skin_cells(parsing64, makeup_positions(parsing64)), mask, light, torch.ones(1, 1, 256, 1))
        change = self.network.decode(features, makeup, picture, regions)
        return change * (parsing * MAKEUP_CLASSES).sum(1, keepdim=True)


def example(seed):
    """A face-like crop: colours, an oval of skin in the first rows, lips."""
    random = np.random.default_rng(seed)
    small = random.random((1, 3, 16, 16), dtype=np.float32) * 2 - 1
    picture = torch.nn.functional.interpolate(torch.from_numpy(small), size=(256, 256), mode="bilinear").numpy()
    labels = np.where(np.arange(64 * 64).reshape(64, 64) < POSITIONS, 1, 0).repeat(4, 0).repeat(4, 1)
    labels[60:70, 100:140] = 7
    parsing = (labels[None, None] == np.arange(10).reshape(1, 10, 1, 1)).astype(np.float32)
    uv = np.stack(np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 64)))[None].astype(np.float32)
    return dict(zip(INPUTS, (picture, parsing, uv)))


def exported(folder):
    network = ssat_live.SSATLive()
    network.load_state_dict(load_file(here.parent / "Training/checkpoints/ssat_live.safetensors"))
    frame = Frame(network.eval()).eval()
    path = str(folder / "frame.onnx")
    inputs = tuple(torch.from_numpy(example(0)[k]) for k in INPUTS)
    with torch.no_grad():
        wanted = frame(*inputs).numpy()
        torch.onnx.export(frame, inputs, path, input_names=list(INPUTS), output_names=["change"], opset_version=18, dynamo=True, external_data=False)
    return path, wanted


def onnx_runtime(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0]


def onnx_quantized(path, folder):
    """Static, per channel: what ONNX Runtime recommends for its CPU kernels."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Examples(CalibrationDataReader):
        def __init__(self):
            self.rest = iter([example(seed) for seed in range(8)])

        def get_next(self):
            return next(self.rest, None)

    ready, out = str(folder / "ready.onnx"), str(folder / "int8.onnx")
    quant_pre_process(path, ready, skip_symbolic_shape=True)
    quantize_static(
        ready, out, Examples(), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv", "MatMul"])
    return out


def openvino_models(path):
    import nncf
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    data = nncf.Dataset([example(seed) for seed in range(8)])
    return core, {"f32": model, "bf16": model, "int8": nncf.quantize(model, data, subset_size=8)}


def openvino_runtime(core, model, kind, threads):
    hint = {"f32": "f32", "bf16": "bf16", "int8": "f32"}[kind]
    compiled = core.compile_model(
        model, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint})
    request = compiled.create_infer_request()
    return lambda inputs: request.infer(inputs)[0]


def median_ms(run, inputs, seconds=1.0):
    run(inputs)
    times, end = [], time.time() + seconds
    while len(times) < 5 or time.time() < end:
        began = time.perf_counter()
        run(inputs)
        times.append((time.perf_counter() - began) * 1000)
    return float(np.median(times))


def ours(binary, threads):
    run = subprocess.run([binary, "bench", "--networks", "--threads", str(threads), "--json"], capture_output=True, text=True, check=True)
    return next(x["ms"] for x in json.loads(run.stdout) if x["network"] == "SSAT live")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--binary", default=str(here.parent / ".build/release/ssat-live"))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", default="1,2")
    p.add_argument("--json")
    o = p.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        path, wanted = exported(Path(folder))
        core, models = openvino_models(path)
        quantized = onnx_quantized(path, Path(folder))
        for threads in map(int, o.threads.split(",")):
            runs = {f"OpenVINO {kind}": openvino_runtime(core, model, kind, threads) for kind, model in models.items()}
            runs |= {"ONNX Runtime f32": onnx_runtime(path, threads), "ONNX Runtime int8": onnx_runtime(quantized, threads)}
            inputs = example(0)
            for name, run in runs.items():
                error = np.abs(run(inputs) - wanted).max()
                print(f"{name}: largest difference to PyTorch {error:.4f}", file=sys.stderr)
            rounds = []
            for _ in range(o.rounds):
                own = ours(o.binary, threads)
                rounds.append({"ssat-live int8": own} | {name: median_ms(run, inputs) for name, run in runs.items()})
            for name in rounds[0]:
                ratios = [r[name] / r["ssat-live int8"] for r in rounds]
                results.append({"threads": threads, "runtime": name, "ms": float(np.median([r[name] for r in rounds])), "ratio": float(np.median(ratios))})
    print("| runtime | threads | ms a frame | times ssat-live's |\n|---|---|---|---|")
    for r in results:
        print(f"| {r['runtime']} | {r['threads']} | {r['ms']:.1f} | {r['ratio']:.2f} |")
    if o.json:
        Path(o.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
