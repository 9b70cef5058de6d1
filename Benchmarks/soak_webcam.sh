#!/usr/bin/env bash
# Runs `webcam` for some minutes on a 720p30 clip in real time, into nothing, and measures: pictures lost and late, the latency
# added, processor time, memory. Nothing else should run on the machine meanwhile.
#   Benchmarks/soak_webcam.sh [MINUTES] [CLIP]      10 minutes of the sample clip if not given
#   SWITCH=yes Benchmarks/soak_webcam.sh ...        another look is put on every twenty seconds
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-10} clip=${2:-samples/astronaut.mp4}
live=.build/release/ssat-live
work=$(mktemp -d)
program=
trap 'kill $program 2>/dev/null || true; rm -rf "$work"' EXIT

# Encoded once, then repeated as it is.
length=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$clip")
ffmpeg -v error -i "$clip" -vf "fps=30,scale=1280:720:force_original_aspect_ratio=decrease,pad=1280:720:-1:-1" -an -pix_fmt yuv420p \
  -c:v libx264 -preset veryfast -crf 20 "$work/once.mp4"
ffmpeg -v error -stream_loop "$(python3 -c "print(int($minutes * 60 / $length) + 2)")" -i "$work/once.mp4" -c copy -t "$((minutes * 60 + 20))" "$work/clip.mp4"

"$live" webcam -d "$work/clip.mp4" -r samples/plum.jpg --next samples/ocean.jpg --next samples/coral.jpg -o null --control "$work/control" \
  --progress none --duration "$((minutes * 60))" --report "$work/report.json" & program=$!
: >"$work/memory"
sleep 5
while kill -0 $program 2>/dev/null; do
  sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$program/status" >>"$work/memory" 2>/dev/null || true
  cut -d' ' -f14,15 "/proc/$program/stat" >"$work/ticks.new" 2>/dev/null && mv "$work/ticks.new" "$work/ticks" || true
  [ -n "${SWITCH:-}" ] && [ $(($(wc -l <"$work/memory") % 4)) = 0 ] && "$live" control --socket "$work/control" --next >/dev/null 2>&1 || true
  sleep 5
done
wait $program
python3 - "$work" "$(getconf CLK_TCK)" <<'P'
import json, sys
work, ticks = sys.argv[1], int(sys.argv[2])
report, latency = json.load(open(f"{work}/report.json")), None
latency = report["latency_ms"]
memory = [int(line) / 1024 for line in open(f"{work}/memory") if line.strip()]
cores = sum(map(int, open(f"{work}/ticks").read().split())) / ticks / report["seconds"]
middle = len(memory) // 2
first, last = max(memory[:middle] or memory), max(memory[middle:])
print(f"{report['captured']} pictures in {report['seconds']:.0f} s, {report['instruction_set']}, predicted {'aside' if report['predicted_aside'] else 'in the picture'}")
print(f"late {report['late']}, lost {report['lost']}, with a face {report['frames_with_faces']}")
print("latency added: " + ", ".join(f"{k} {latency[k]:.1f} ms" for k in ("p50", "p95", "p99", "max")))
print(f"processors {cores:.2f}; memory at most {first:.1f} MiB in the first half, {last:.1f} MiB in the second")
wrong = [text for text, good in {
    "pictures were late or lost": report["late"] + report["lost"] == 0, "p99 is over 33 ms": latency["p99"] <= 33,
    "more than one processor": cores <= 1, "memory grows": last <= first * 1.02 + 1}.items() if not good]
print("soak: " + ("passed" if not wrong else "; ".join(wrong)))
sys.exit(bool(wrong))
P
