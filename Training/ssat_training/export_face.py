"""Exports FaceDetector or FaceMesh: folds, calibrates, quantizes, writes weights and goldens.

    python -m ssat_training.export_face face_mesh --checkpoint DIR/last.pt --landmarks DIR --models ../Models --fixtures ../Tests/SSATCoreTests/Fixtures
"""
import argparse
import glob
import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file

from .alignment import frame_to_crop
from .export_ssat import LICENCE, synthetic_batch
from .graph import FloatGraph, Int8Graph, picture_input
from .networks import face_detector, face_mesh
from .splits import held_out
from .train_face_detector import Faces, degrade, scene
from .face_mesh_data import crop, jitter


def pictures(name, faces, backgrounds, count):
    random = np.random.default_rng(3)
    for _ in range(count):
        if name == "face_detector":
            yield scene(faces, backgrounds, random)[0]
        else:
            picture, landmarks = faces.load(random.integers(len(faces)))
            yield degrade(crop(picture, jitter(frame_to_crop(landmarks), random, random.normal(0, 0.03, 2), 0.05, 0.1)), random)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("network", choices=["face_detector", "face_mesh"])
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--landmarks", required=True)
    p.add_argument("--noface", required=True)
    p.add_argument("--models", default="../Models")
    p.add_argument("--fixtures", default="../Tests/SSATCoreTests/Fixtures")
    p.add_argument("--keep", default="checkpoints")
    p.add_argument("--count", type=int, default=64)
    o = p.parse_args()
    torch.set_grad_enabled(False)
    module = {"face_detector": face_detector, "face_mesh": face_mesh}[o.network]
    network = (face_detector.FaceDetector() if o.network == "face_detector" else face_mesh.FaceMesh()).eval()
    state = torch.load(o.checkpoint)
    network.load_state_dict(state["average"])

    def run(g, rgb):
        return module.graph(g, picture_input(g, torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float()))

    watcher = FloatGraph(network, observe=True)
    faces = Faces(o.landmarks, False)
    backgrounds = [b for b in sorted(glob.glob(f"{o.noface}/*")) if not held_out(b)]
    kept = []
    for picture in pictures(o.network, faces, backgrounds, o.count):
        run(watcher, picture[..., ::-1])
        kept.append(picture[..., ::-1].copy())
    exact, quantized = FloatGraph(network), Int8Graph(network, watcher.ranges)
    golden = torch.round(synthetic_batch()["a"][0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()
    if o.network == "face_detector":
        golden = cv2.copyMakeBorder(golden, 32, 32, 32, 32, cv2.BORDER_REFLECT_101)
    outputs = {"float": run(exact, golden), "int8": run(quantized, golden)}
    for picture in kept[:3]:
        a, b = run(exact, picture), run(quantized, picture)
        print("int8 against f32:", [f"mean {(x - y).abs().mean():.4f} of {x.abs().mean():.4f}" for x, y in zip(a, b)])

    digest = hashlib.sha256(Path(o.checkpoint).read_bytes()).hexdigest()[:16]
    metadata = {"format": "ssat-live 1", "network": o.network, "licence": LICENCE, "checkpoint": digest, "steps": str(state["step"]), "calibration": f"{o.count} training pictures"}
    as_torch = lambda d: {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in d.items()}
    save_file(as_torch(exact.tensors()), Path(o.models) / f"{o.network}.float.safetensors", metadata)
    save_file(as_torch(quantized.tensors()), Path(o.models) / f"{o.network}.safetensors", metadata)
    Path(o.keep).mkdir(exist_ok=True)
    save_file({k: (v.half() if v.is_floating_point() and v.dim() > 1 else v).contiguous() for k, v in network.state_dict().items()}, Path(o.keep) / f"{o.network}.safetensors", metadata)
    tensors = {"picture": torch.from_numpy(golden)}
    for kind, maps in outputs.items():
        for index, m in enumerate(maps):
            step = 4 if m.shape[-1] > 64 else 1
            tensors[f"{kind}.{index}"] = m[0, :, ::step, ::step].permute(1, 2, 0).float()
    save_file({k: v.contiguous() for k, v in tensors.items()}, Path(o.fixtures) / f"{o.network}.golden.safetensors", {"from": digest})


if __name__ == "__main__":
    main()
