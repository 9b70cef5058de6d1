"""The whole filter on a clip: sizes and numbers of faces, file to file and live, beside FFmpeg's own decoding and encoding, in turns.

    python3 Benchmarks/filter.py [--clip CLIP] [--reference PHOTO] [--sizes 480,720,1080,2160] [--faces 1,2,3,4] [--rounds 3] [--json FILE]

Needs a built binary, ffmpeg, and a quiet machine; no packages. The clip is scaled to each height, 16:9, and laid beside itself for several
faces. File to file is `apply` with libx264 veryfast, FFmpeg alone encodes to the same quality (CRF 18); live is `bench CLIP`: frames in memory, each filtered by all threads together. Medians over
the rounds; processor time is that of all threads, divided by the frames.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

here = Path(__file__).resolve().parent


def lay_out(clip, height, faces, frames, out):
    """The clip `faces` times beside itself on a 16:9 canvas."""
    width = height * 16 // 9 // 2 * 2
    columns = 1 if faces == 1 else 2
    rows = (faces + 1) // 2
    tile_width, tile_height = width // columns // 2 * 2, height // rows // 2 * 2
    tile = f"scale={tile_width}:{tile_height}:force_original_aspect_ratio=decrease:flags=area,pad={tile_width}:{tile_height}:-1:-1"
    names = "".join(f"[t{i}]" for i in range(faces))
    graph = f"[0:v]{tile},split={faces}{names};"
    if faces > 1:
        places = "|".join(f"{(i % 2) * tile_width}_{(i // 2) * tile_height}" for i in range(faces))
        graph += f"{names}xstack=inputs={faces}:layout={places}[a];"
    else:
        graph += "[t0]null[a];"
    graph += f"[a]pad={width}:{height}:0:0,setsar=1,format=yuv420p[o]"
    run(["ffmpeg", "-v", "error", "-y", "-stream_loop", "-1", "-i", clip, "-filter_complex", graph, "-map", "[o]", "-frames:v", str(frames),
         "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", str(out)])
    return width


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measured(command, frames):
    """Frames a second, milliseconds of processor time a frame, megabytes at most."""
    began = time.time()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    seconds = time.time() - began
    return {"fps": frames / seconds, "cpu_ms": 1000 * (usage.ru_utime + usage.ru_stime) / frames, "mb": usage.ru_maxrss / 1024}


def live(binary, clip, reference, frames, threads):
    command = [binary, "bench", clip, "-r", reference, "--frames", str(frames), "--threads", str(threads), "--json"]
    row = json.loads(run(command))[0]
    return {key: row[key] for key in ("find_ms", "transfer_ms", "composite_ms", "fps")}


def medians(rows):
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--clip", default=str(here.parent / "samples/astronaut.mp4"))
    p.add_argument("--reference", default=str(here.parent / "samples/plum.jpg"))
    p.add_argument("--binary", default=str(here.parent / ".build/release/ssat-live"))
    p.add_argument("--sizes", default="480,720,1080,2160")
    p.add_argument("--faces", default="1,2,3,4")
    p.add_argument("--frames", type=int, default=150)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--json")
    o = p.parse_args()
    threads, results = os.cpu_count(), []
    print("| size | faces | file to file | processor time | memory | FFmpeg alone | its processor time | its memory | live, 1 thread: find, transfer, "
          f"composite | fps | live, {threads} threads | fps |")
    print("|" + "---|" * 12)
    for height in map(int, o.sizes.split(",")):
        for faces in map(int, o.faces.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                clip, out = f"{folder}/in.mp4", f"{folder}/out.mp4"
                width = lay_out(o.clip, height, faces, o.frames, clip)
                few = min(o.frames, 60)
                ours = [o.binary, "apply", clip, "-r", o.reference, "-o", out, "-y", "--preset", "veryfast", "--progress", "none"]
                alone = ["ffmpeg", "-v", "error", "-y", "-i", clip, "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", out]
                rounds = [(measured(ours, o.frames), measured(alone, o.frames), live(o.binary, clip, o.reference, few, 1),
                           live(o.binary, clip, o.reference, few, threads)) for _ in range(o.rounds)]
            file, ffmpeg, one, team = (medians(rows) for rows in zip(*rounds))
            results.append({"width": width, "height": height, "faces": faces, "file": file, "ffmpeg": ffmpeg, "live_1": one, "live_all": team,
                            "threads": threads})
            stages = lambda r: f"{r['find_ms']:.1f}, {r['transfer_ms']:.1f}, {r['composite_ms']:.1f} ms"
            print(f"| {width} x {height} | {faces} | {file['fps']:.0f} fps | {file['cpu_ms']:.0f} ms | {file['mb']:.0f} MB | {ffmpeg['fps']:.0f} fps | "
                  f"{ffmpeg['cpu_ms']:.0f} ms | {ffmpeg['mb']:.0f} MB | {stages(one)} | {one['fps']:.0f} | {stages(team)} | {team['fps']:.0f} |", flush=True)
    if o.json:
        Path(o.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
