"""Draws what peers.py and filter.py measured.

    python3 Benchmarks/plot.py --peers peers.json --filter filter.json --out ../docs

Needs requirements.txt.
"""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text, and the file small
matplotlib.rcParams["svg.hashsalt"] = "ssat-live"
import matplotlib.pyplot as plt  # noqa: E402

OURS, OTHERS = "#b5306a", "#8a93a3"


def peers(rows, path):
    """Milliseconds a frame of every runtime, one panel for each number of threads."""
    counts = sorted({row["threads"] for row in rows})
    figure, axes = plt.subplots(1, len(counts), figsize=(9, 2.8), sharey=True)
    for axis, threads in zip(axes, counts):
        some = [row for row in rows if row["threads"] == threads][::-1]
        bars = axis.barh([row["runtime"] for row in some], [row["ms"] for row in some],
                         color=[OURS if row["runtime"].startswith("ssat") else OTHERS for row in some])
        axis.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
        axis.set_title(f"{threads} thread{'s' if threads > 1 else ''}", fontsize=9)
        axis.set_xlabel("ms a frame")
        axis.margins(x=0.15)
    finish(figure, path)


def clips(rows, path):
    """Processor time of a frame, file to file: FFmpeg's decoding and encoding, and what the filter adds."""
    names = [f"{row['height']}p\n{row['faces']}" for row in rows]
    figure, axis = plt.subplots(figsize=(9, 3))
    base, added = [row["ffmpeg"]["cpu_ms"] for row in rows], [row["file"]["cpu_ms"] - row["ffmpeg"]["cpu_ms"] for row in rows]
    axis.bar(names, base, color=OTHERS, label="decoding and encoding (FFmpeg alone)")
    axis.bar(names, added, bottom=base, color=OURS, label="the filter")
    for index, row in enumerate(rows):
        axis.text(index, row["file"]["cpu_ms"], f"{row['file']['fps']:.0f} fps", ha="center", va="bottom", fontsize=8)
    axis.set_ylabel("ms of processor time a frame")
    axis.set_xlabel("height and faces")
    axis.legend(frameon=False, fontsize=8)
    finish(figure, path)


def finish(figure, path):
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers")
    p.add_argument("--filter")
    p.add_argument("--out", required=True)
    o = p.parse_args()
    if o.peers:
        peers(json.loads(Path(o.peers).read_text()), Path(o.out) / "peers.svg")
    if o.filter:
        clips(json.loads(Path(o.filter).read_text()), Path(o.out) / "filter.svg")


if __name__ == "__main__":
    main()
