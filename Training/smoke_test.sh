#!/usr/bin/env bash
# Runs every training command for a moment on a few pictures. Needs ../shared/data and the packages of requirements.txt.
set -euo pipefail
cd "$(dirname "$0")"
data=$(realpath -m ../../shared/data)
python=${PYTHON:-venv/bin/python}
if [ ! -d "$data" ]; then echo "skipped: $data is not there"; exit 0; fi
if ! command -v "$python" >/dev/null; then echo "skipped: no $python; see Training/README.md, or set PYTHON"; exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() { echo "== $1"; "$python" -m "ssat_training.$@"; }
run landmarks --data "$data" --out "$work/landmarks" --limit 120
run prepare --landmarks "$work/landmarks" --out "$work/prepared"
run hands --data "$data" --landmarks "$work/landmarks" --out "$work/hands.npz" --limit 150
for steps in 2 3; do # the second run resumes the first
  run train_face_mesh --hands "$work/hands.npz" --prepared "$work/prepared" --landmarks "$work/landmarks" --noface "$data/noface" --out "$work/mesh" --steps $steps --batch 4
  run train_face_detector --landmarks "$work/landmarks" --noface "$data/noface" --hands "$work/hands.npz" --out "$work/detector" --warm-start checkpoints/face_detector.safetensors --steps $steps
done
# The shipped weights: three steps from nothing see no face that would be kept.
run prepare_unlabelled --landmarks "$work/landmarks" --checkpoint checkpoints/face_mesh.safetensors --out "$work/unlabelled" --limit 400
run train_face_mesh --art 0.5 --makeup "$work/unlabelled" --hands "$work/hands.npz" --prepared "$work/prepared" --landmarks "$work/landmarks" --noface "$data/noface" --out "$work/mesh" --steps 4 --batch 4
run refiner_windows --landmarks "$work/landmarks" --prepared "$work/prepared,$work/unlabelled" --out "$work/windows" --limit 30
run pairs --prepared "$work/prepared,$work/unlabelled" --out "$work/pairs" --shard 0 --count 12
run pairs --prepared "$work/prepared" --out "$work/pairs" --shard 9 --count 8 --held-out
run painted_textures --prepared "$work/prepared,$work/unlabelled" --out "$work/textures" --looks 500
run painted_faces --prepared "$work/prepared,$work/unlabelled" --checkpoint "$work/mesh/last.pt" --refiner checkpoints/mesh_refiner.safetensors --out "$work/textures" --count 20
run seen_pairs --pairs "$work/pairs" --shard 0 --checkpoint "$work/mesh/last.pt" --harder
run painted_eyes --prepared "$work/prepared,$work/unlabelled" --checkpoint "$work/mesh/last.pt" --refiner checkpoints/mesh_refiner.safetensors --estimator checkpoints/paint_estimator.safetensors --out "$work/textures" --count 20
run painted_eyes --prepared "$work/prepared" --checkpoint "$work/mesh/last.pt" --refiner checkpoints/mesh_refiner.safetensors --estimator checkpoints/paint_estimator.safetensors --out "$work/textures" --count 20 --held-out
run seen_pairs --pairs "$work/pairs" --shard 9 --checkpoint "$work/mesh/last.pt" --refiner checkpoints/mesh_refiner.safetensors --estimator checkpoints/paint_estimator.safetensors \
  --eye-estimator checkpoints/eye_paint_estimator.safetensors
for steps in 2 3; do
  run train_mesh_refiner --windows "$work/windows" --prepared "$work/prepared" --mesh checkpoints/face_mesh.safetensors --out "$work/refiner" --warm-start checkpoints/mesh_refiner.safetensors --steps $steps --batch 4
  run train_paint_estimator --textures "$work/textures" --out "$work/paint" --warm-start checkpoints/paint_estimator.safetensors --steps $steps --batch 4
  run train_eye_paint_estimator --eyes "$work/textures" --out "$work/eyes" --warm-start checkpoints/eye_paint_estimator.safetensors --steps $steps --batch 4
  run train_light_estimator --prepared "$work/prepared" --out "$work/light" --versions 2 --steps $steps
  run train_makeup_encoder --pairs "$work/pairs" --shards 0 --out "$work/encoder" --warm-start checkpoints/ssat_live.safetensors --steps $steps --batch 2
  run train_ssat --pairs "$work/pairs" --shards 0 --out "$work/ssat" --warm-start "$work/encoder/last.pt" --steps $steps --batch 2
  run train_ssat --pairs "$work/pairs" --shards 0 --out "$work/paper" --warm-start "$work/encoder/last.pt" --steps $steps --batch 2 \
    --spatial-profile 1 --adversarial 0.1 --cycle 1 --self-reconstruction 1 --steadiness 20
  run train_ssat --pairs "$work/pairs" --shards 0 --out "$work/decoder" --warm-start "$work/encoder/last.pt" --steps $steps --batch 2 --freeze-encoders
  run train_ssat --pairs "$work/pairs" --shards 0 --out "$work/keys" --warm-start "$work/encoder/last.pt" --steps $steps --batch 2 --keys-only --precision float32
  run train_ssat --pairs "$work/pairs" --shards 9 --out "$work/found" --warm-start "$work/encoder/last.pt" --steps $steps --batch 2 --freeze-encoders --steadiness 20 --cycle 1 --self-reconstruction 1
  run train_ssat --pairs "$work/pairs" --shards 0 --out "$work/residual" --warm-start "$work/encoder/last.pt" --steps $steps --batch 2 --residual-only
  run mean_of "$work/encoder/last.pt" "$work/residual/last.pt" --sharper 1.5 --out "$work/mean/last.pt"
  run tune_int8 --checkpoint "$work/mean/last.pt" --warm-start checkpoints/ssat_live.safetensors --pairs "$work/pairs" --calibrate 4 --out "$work/tuned" --steps $steps
done
for part in correspondence semantic_loss uv_features painted_pairs; do
  run train_ssat --pairs "$work/pairs" --shards 0 --out "$work/runs/without_$part" --without $part --steps 1 --batch 2 --precision float32
done
for network in two_input two_input_pictures; do
  run train_ssat --pairs "$work/pairs" --shards 0 --out "$work/runs/$network" --network $network --steps 1 --batch 2 --precision float32
done
run ablate --prepared "$work/prepared" --pairs "$work/pairs" --runs "$work/runs" --refiner checkpoints/mesh_refiner.safetensors --estimator checkpoints/paint_estimator.safetensors \
  --eye-estimator checkpoints/eye_paint_estimator.safetensors --count 2
# The benchmark of other runtimes builds a frame from these modules, and nothing else runs it.
echo "== peers"
PYTHONPATH=.:../Benchmarks "$python" -c 'import peers, torch; frame = peers.Frame(peers.ssat_live.SSATLive().eval()); frame(*(torch.from_numpy(x) for x in peers.example(2).values()))'
run curves --out "$work/curves.svg" --panel "Zones: with the keys=$work/ssat/log.csv, without=$work/runs/without_uv_features/log.csv"
mkdir -p "$work/models" "$work/fixtures"
run export_mesh "$work/models"
run export_ssat --checkpoint "$work/mean/last.pt" --tuned "$work/tuned/last.pt" --pairs "$work/pairs" --count 4 --models "$work/models" --fixtures "$work/fixtures" --keep "$work/ssat.safetensors"
run export_ssat --checkpoint "$work/ssat.safetensors" --pairs "$work/pairs" --count 4 --models "$work/models" --fixtures "$work/fixtures" --keep "$work/ssat.safetensors"
cp ../Tests/SSATCoreTests/Fixtures/face_mesh.golden.safetensors "$work/fixtures"
run export_refiner --checkpoint "$work/refiner/last.pt" --windows "$work/windows" --count 4 --models "$work/models" --fixtures "$work/fixtures" --keep "$work/kept"
run export_light --checkpoint "$work/light/last.pt" --models "$work/models" --fixtures "$work/fixtures" --keep "$work/kept"
run export_paint --checkpoint "$work/paint/last.pt" --models "$work/models" --fixtures "$work/fixtures" --keep "$work/kept"
for network in face_detector face_mesh; do
  run export_face $network --checkpoint "$work/${network/face_/}/last.pt" --landmarks "$work/landmarks" --noface "$data/noface" --count 4 \
    --models "$work/models" --fixtures "$work/fixtures" --keep "$work/kept"
done
binary=${BINARY:-../.build/release/ssat-live}
if [ -x "$binary" ]; then
  run evaluate --prepared "$work/prepared" --unlabelled "$work/unlabelled" --binary "$binary" --count 2
  run evaluate_groups --prepared "$work/prepared,$work/unlabelled" --binary "$binary" --count 2
  run sheets --prepared "$work/prepared" --profile "$data/profile/images" --binary "$binary" --tried 2 --out "$work/sheets"
  "$binary" apply ../samples/astronaut.mp4 -r ../samples/plum.jpg -o "$work/made.mkv" --encoder ffv1 --duration 1 --progress none
  run temporal ../samples/astronaut.mp4 "$work/made.mkv" --profile "$work/profile.png" --interpolate
  run conditions --prepared "$work/prepared" --binary "$binary" --count 1
  run presence --noface "$data/noface" --count 2 --clips ../samples/astronaut.mp4 --binary "$binary"
fi
echo "all training commands ran"
