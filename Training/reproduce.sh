#!/usr/bin/env bash
# From pictures to judged weights in three commands; run again after a kill, each goes on where it was.
#
#   Training/reproduce.sh data      landmarks and aligned crops
#   Training/reproduce.sh train     the networks, from nothing
#   Training/reproduce.sh judge     exports over ../Models, builds, and prints every table of docs/quality.md
#
# W: where all of it goes (15 GB). PYTHON: with requirements.txt. The steps are those of README.md; smaller ones to try the script:
#   W=/tmp/try LIMIT=200 PAIRS=12 HELD_OUT_PAIRS=8 PAINTED=20 DETECTOR=2 MESH=2 FIRST=2 ENCODER=2 REFINER=2 PAINT=2 LIGHT=2 SSAT=2 KEYS=2 TUNED=2 COUNT=2 MODELS=/tmp/models BINARY=... Training/reproduce.sh train
set -euo pipefail
cd "$(dirname "$0")"
W=${W:-$PWD/../../reproduced}
data=$(realpath ../../shared/data) clips=$(realpath ../../shared/clips)
models=${MODELS:-../Models} fixtures=${FIXTURES:-../Tests/SSATCoreTests/Fixtures} kept=${KEPT:-checkpoints} count=${COUNT:-80}
limit=(${LIMIT:+--limit $LIMIT})
mkdir -p "$W/done"

run() { echo "== $1"; "${PYTHON:-venv/bin/python}" -m "ssat_training.$@"; }
once() { # once NAME COMMAND...: not again once it has ended well
  local name=$1; shift
  [ -e "$W/done/$name" ] || { run "$@"; touch "$W/done/$name"; }
}

prepare_data() {
  once landmarks landmarks --data "$data" --out "$W/landmarks" "${limit[@]}"
  once prepared prepare --landmarks "$W/landmarks" --out "$W/prepared"
  once hands hands --data "$data" --landmarks "$W/landmarks" --out "$W/hands.npz" "${limit[@]}"
}

train() {
  run train_face_detector --landmarks "$W/landmarks" --noface "$data/noface" --hands "$W/hands.npz" --out "$W/detector" --steps "${DETECTOR:-12000}"
  run train_face_mesh --hands "$W/hands.npz" --prepared "$W/prepared" --landmarks "$W/landmarks" --noface "$data/noface" --out "$W/mesh" --steps "${MESH:-5000}"
  once unlabelled prepare_unlabelled --landmarks "$W/landmarks" --checkpoint "$W/mesh/last.pt" --out "$W/unlabelled" "${limit[@]}"
  once more prepare_unlabelled --packs faces_london,faces_scut,faces_allages,faces_utk,faces_lfw --landmarks "$W/landmarks" --checkpoint "$W/mesh/last.pt" --out "$W/more" "${limit[@]}"
  once windows refiner_windows --landmarks "$W/landmarks" --prepared "$W/prepared,$W/unlabelled" --out "$W/windows" "${limit[@]}"
  run train_mesh_refiner --windows "$W/windows" --prepared "$W/prepared" --mesh "$W/mesh/last.pt" --out "$W/refiner" --steps "${REFINER:-10000}" --hours 100
  for shard in 0 1; do
    once pairs_$shard pairs --prepared "$W/prepared,$W/unlabelled" --out "$W/pairs" --shard $shard --count "${PAIRS:-3500}"
  done
  once pairs_9 pairs --prepared "$W/prepared" --out "$W/pairs" --shard 9 --count "${HELD_OUT_PAIRS:-256}" --held-out
  once textures painted_textures --prepared "$W/prepared,$W/unlabelled,$W/more" --out "$W/textures" ${PAINT:+--looks 500}
  for shard in 0 1; do
    once painted_$shard painted_faces --prepared "$W/prepared,$W/unlabelled,$W/more" --checkpoint "$W/mesh/last.pt" --refiner "$W/refiner/last.pt" --out "$W/textures" --shard $shard --count "${PAINTED:-9000}"
  done
  once painted_9 painted_faces --prepared "$W/prepared" --checkpoint "$W/mesh/last.pt" --refiner "$W/refiner/last.pt" --out "$W/textures" --shard 9 --count 512 --held-out
  run train_paint_estimator --textures "$W/textures" --out "$W/paint" --steps "${PAINT:-8000}" --hours 100
  local found=(--checkpoint "$W/mesh/last.pt" --refiner "$W/refiner/last.pt" --estimator "$W/paint/last.pt")
  for shard in 0 1; do
    once eyes_$shard painted_eyes --prepared "$W/prepared,$W/unlabelled" "${found[@]}" --out "$W/textures" --shard $shard --count "${PAINTED:-4500}"
  done
  once eyes_9 painted_eyes --prepared "$W/prepared" "${found[@]}" --out "$W/textures" --count "${PAINTED:-384}" --held-out
  run train_eye_paint_estimator --eyes "$W/textures" --out "$W/eyes" --steps "${PAINT:-5000}" --hours 100
  run train_light_estimator --prepared "$W/prepared,$W/unlabelled" --out "$W/light" --steps "${LIGHT:-6000}"
  for shard in 0 1 9; do once seen_$shard seen_pairs --pairs "$W/pairs" --shard $shard "${found[@]}" --eye-estimator "$W/eyes/last.pt"; done
  # The makeup encoder learns apart once the encoders that it reads have learned something; then all, with the keys left alone.
  run train_ssat --pairs "$W/pairs" --out "$W/first" --steps "${FIRST:-2500}"
  run train_makeup_encoder --pairs "$W/pairs" --out "$W/encoder" --warm-start "$W/first/last.pt" --steps "${ENCODER:-1200}"
  run train_ssat --pairs "$W/pairs" --out "$W/ssat" --warm-start "$W/encoder/last.pt" --steps "${SSAT:-5000}" --freeze-keys --rate 8e-4
  run train_ssat --pairs "$W/pairs" --out "$W/keys" --warm-start "$W/ssat/last.pt" --steps "${KEYS:-700}" --keys-only --rate 8e-4 --precision float32
  run mean_of "$W/ssat/last.pt" "$W/keys/last.pt" --sharper 1.5 --out "$W/mean/last.pt"
  LD_PRELOAD= run tune_int8 --checkpoint "$W/mean/last.pt" --pairs "$W/pairs" --out "$W/tuned" --steps "${TUNED:-600}" ${COUNT:+--calibrate 4}
}

judge() {
  run export_mesh "$models"
  for network in face_detector face_mesh; do
    run export_face $network --checkpoint "$W/${network/face_/}/last.pt" --landmarks "$W/landmarks" --noface "$data/noface" \
      --models "$models" --fixtures "$fixtures" --keep "$kept" ${COUNT:+--count 4}
  done
  run export_ssat --checkpoint "$W/mean/last.pt" --tuned "$W/tuned/last.pt" --pairs "$W/pairs" --models "$models" --fixtures "$fixtures" --keep "$kept/ssat_live.safetensors" ${COUNT:+--count 4}
  run export_refiner --checkpoint "$W/refiner/last.pt" --windows "$W/windows" --models "$models" --fixtures "$fixtures" --keep "$kept" ${COUNT:+--count 4}
  run export_paint --checkpoint "$W/paint/last.pt" --models "$models" --fixtures "$fixtures" --keep "$kept"
  run export_eye_paint --checkpoint "$W/eyes/last.pt" --models "$models" --fixtures "$fixtures" --keep "$kept"
  run export_light --checkpoint "$W/light/last.pt" --models "$models" --fixtures "$fixtures" --keep "$kept"
  local binary=${BINARY:-../.build/release/ssat-live}
  [ -n "${BINARY:-}" ] || (cd .. && swift build -c release)
  run evaluate --prepared "$W/prepared" --unlabelled "$W/unlabelled" --binary "$binary" --count "$count"
  once groups prepare_unlabelled --packs faces_utk,faces_allages --held-out --landmarks "$W/landmarks" --checkpoint "$kept/face_mesh.safetensors" --out "$W/groups"
  run evaluate_groups --prepared "$W/prepared,$W/groups" --binary "$binary" --count "${COUNT:-500}"
  run conditions --prepared "$W/prepared" --binary "$binary" ${COUNT:+--count $COUNT}
  run presence --noface "$data/noface" --clips "$clips"/* --binary "$binary" ${COUNT:+--count $COUNT}
  for clip in "$clips"/*; do
    "$binary" apply "$clip" -r ../samples/plum.jpg -o "$W/made.mkv" -y --encoder ffv1 --progress none ${COUNT:+--duration 1}
    run temporal "$clip" "$W/made.mkv"
  done
  run sheets --prepared "$W/prepared" --profile "$data/profile/images" --binary "$binary" --checkpoint "$kept/ssat_live.safetensors" --out "$W/sheets"
}

case ${1:-} in
  data) prepare_data ;;
  train) train ;;
  judge) judge ;;
  *) sed -n 2,9p reproduce.sh; exit 64 ;;
esac
