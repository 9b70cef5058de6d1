"""Draws training curves from the CSV logs as one SVG.

    python -m ssat_training.curves --out FILE.svg --column 6 --panel "TITLE: NAME=RUN/log.csv, NAME=RUN/log.csv" [--panel ...]

Columns count from 0: of train_ssat, 0 is the step and 6 the zone loss (error over change of lips, lids and cheeks); `TITLE@2: ...` takes
another one for its panel. Curves are running means over a tenth of the run.
"""
import argparse
import csv
from pathlib import Path

import numpy as np

SMOOTHED_SHARE = 0.1
WIDTH, HEIGHT, MARGIN = 380, 230, 44
LETTER = 6  # width of one, about
COLOURS = ("#1f5fa8", "#c4472f", "#2f8f4e", "#8a4fb0", "#b8860b", "#555555")


def read(path, column):
    rows = [row for row in csv.reader(open(path)) if row]
    steps, values = (np.array([float(row[c]) for row in rows]) for c in (0, column))
    # A run that resumed logs its last steps again: the later ones count.
    last = {step: value for step, value in zip(steps, values)}
    steps, values = np.array(sorted(last)), np.array([last[s] for s in sorted(last)])
    half = max(1, int(len(values) * SMOOTHED_SHARE / 2))
    return steps, np.array([values[max(i - half, 0):i + half + 1].mean() for i in range(len(values))])


def ticks(low, high, wanted=4):
    high = max(high, low + 1e-6)  # a run of one step
    step = 10 ** np.floor(np.log10((high - low) / wanted))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= wanted)
    return np.arange(np.ceil(low / step) * step, high + step / 1e3, step)


def panel(title, curves, left, top):
    """SVG elements of one panel whose upper left corner is (left, top); `curves`: name -> steps, values."""
    inner_width, inner_height = WIDTH - 1.4 * MARGIN, HEIGHT - 2 * MARGIN
    x_most = max(s[-1] for s, _ in curves.values())
    low, high = (f(np.concatenate([v for _, v in curves.values()])) for f in (lambda v: min(v.min(), 0), lambda v: np.quantile(v, 0.995)))
    x = lambda step: left + MARGIN + step / x_most * inner_width
    y = lambda value: top + 1.2 * MARGIN + (1 - (np.minimum(value, high) - low) / (high - low)) * inner_height
    out = [f'<text x="{left + MARGIN}" y="{top + 16}" font-weight="bold">{title}</text>']
    for t in ticks(low, high):
        out.append(f'<path d="M{x(0):.1f} {y(t):.1f}h{inner_width:.1f}" stroke="#ddd"/><text x="{x(0) - 5:.1f}" y="{y(t) + 4:.1f}" text-anchor="end">{t:.3g}</text>')
    for t in ticks(0, x_most):
        out.append(f'<text x="{x(t):.1f}" y="{y(low) + 15:.1f}" text-anchor="middle">{t:.0f}</text>')
    out.append(f'<text x="{x(x_most):.1f}" y="{y(low) + 28:.1f}" text-anchor="end">steps</text>')
    key = left + MARGIN
    for (name, (steps, values)), colour in zip(curves.items(), COLOURS):
        points = " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in zip(steps, values))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        out.append(f'<path d="M{key} {top + 30}h12" stroke="{colour}" stroke-width="3"/><text x="{key + 15}" y="{top + 34}">{name}</text>')
        key += 24 + LETTER * len(name)
    return out


def parsed(text, column):
    title, runs = text.split(":", 1)
    title, _, own = title.partition("@")
    pairs = (run.strip().split("=", 1) for run in runs.split(","))
    return title, {name: read(path, int(own or column)) for name, path in pairs}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--column", type=int, default=6)
    p.add_argument("--panel", action="append", required=True)
    o = p.parse_args()
    elements, rows = [], (len(o.panel) + 1) // 2
    for number, text in enumerate(o.panel):
        elements += panel(*parsed(text, o.column), number % 2 * WIDTH, number // 2 * HEIGHT)
    size = f"{min(len(o.panel), 2) * WIDTH} {rows * HEIGHT}"
    Path(o.out).write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif" font-size="11">\n'
                           f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(elements) + "\n</svg>\n")


if __name__ == "__main__":
    main()
