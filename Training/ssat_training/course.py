"""How far a training is: its steps, its running time, and the learning rate and threads that go with them."""
import csv
import math
import time

import numpy as np
import torch

LOGGED_EVERY = 20  # steps
LONGEST_STEP = 15  # seconds; a pause (SIGSTOP) does not count as running time
THREADS_EVERY = 20  # steps: by what else runs


def threads_available(wanted=0):
    """`wanted`, or by what else runs now. Two busy processes on two cores make every parallel region wait: one thread while something else runs."""
    if wanted:
        return wanted
    running = int(open("/proc/loadavg").read().split()[3].split("/")[0])
    return 1 if running > torch.get_num_threads() + 1 else 2


def add_options(parser, steps, batch, rate, hours=1e9, batch_of=None, threads=0, threads_of="0: two, or one while something else runs"):
    """The options of a course and how large its steps are, with what they are where none are given; `batch_of`, `threads_of`: what these count."""
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--hours", type=float, default=hours, help="end, with the learning rate run down, after this much running time")
    parser.add_argument("--batch", type=int, default=batch, help=batch_of)
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--threads", type=int, default=threads, help=threads_of)


class Course:
    def __init__(self, options, optimizer, state=None, warmup=100, least=1e-6):
        """`options`: steps, hours, rate, threads. `state`: of the checkpoint that is resumed, if any. The rate rises over `warmup` steps, then falls along
        half a cosine to `least`, which it has when the steps or the hours are over."""
        self.options, self.optimizer, self.warmup, self.least = options, optimizer, warmup, least
        self.step, self.elapsed = (state["step"], state["elapsed"]) if state else (0, 0.0)
        self.last = None  # when the last step ended

    @property
    def progress(self):
        return max(self.step / self.options.steps, self.elapsed / (3600 * self.options.hours))

    @property
    def is_over(self):
        return self.progress >= 1

    def begin_step(self):
        self.last = self.last or time.time()
        if self.step % THREADS_EVERY == 0:
            torch.set_num_threads(threads_available(self.options.threads))
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate * min(1, (self.step + 1) / self.warmup) * (0.5 + 0.5 * math.cos(math.pi * self.progress)) + self.least

    def end_step(self):
        self.step += 1
        now = time.time()
        self.elapsed, self.last = self.elapsed + min(now - self.last, LONGEST_STEP), now

    def descend(self, network, loss, steepest):
        """Ends the step: down the gradients of the loss, none longer than `steepest` together."""
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), steepest)
        self.optimizer.step()
        self.end_step()


class LossLog:
    """A CSV of the course: steps, running seconds, and the mean loss of the steps since the last row."""

    def __init__(self, path):
        self.file, self.recent = open(path, "a", newline=""), []

    def add(self, course, loss):
        self.recent.append(loss.item())
        if course.step % LOGGED_EVERY == 0:
            csv.writer(self.file).writerow([course.step, round(course.elapsed, 1), f"{np.mean(self.recent):.5f}"])
            self.file.flush()
            self.recent = []
