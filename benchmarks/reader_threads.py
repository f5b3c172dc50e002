"""What a second thread brings when many files are read: `python benchmarks/reader_threads.py`.

Laws:

1. One thread and two take turns; a ratio is given of the best turns and of the medians.
2. A bare pass of the checksum, which shares nothing and holds no lock, goes through the same turns:
   what two threads bring to it is what the machine had to give.
3. Where the kernel tells, time is divided: on a core, waiting for one, and the rest, which is
   waiting for the interpreter's lock or for another thread.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import reader_files as files

from analyzer.events.event_file import EventFile
from analyzer.events.selection import select

BUFFER = bytes(1 << 22)


class Turn(NamedTuple):
    """Seconds by the clock, and summed over the threads: on a core, waiting for one, the rest."""

    wall: float
    used: float
    queued: float
    blocked: float


def main() -> None:
    """Write the files, read them in turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.6, help="of one turn on one thread")
    options = parser.parse_args()
    print("| work | one thread, best / median | ratio, best / median | two threads: on a core |")
    print("|---|---|---|---|")
    _compare("the checksum alone", [_checksum] * 8, options.rounds, options.seconds)
    for kind, events, count in (
        (files.simple_values, 2_000, 200),
        (files.simple_values, 50_000, 24),
        (files.simple_values, 500_000, 4),
        (files.health_blocks, 300, 8),
    ):
        with tempfile.TemporaryDirectory() as folder:
            source = files.write(Path(folder, "first.tfevents"), kind(events))
            paths = [Path(folder, f"{number}.tfevents") for number in range(count)]
            for path in paths:
                path.write_bytes(source.read_bytes())
            work = [lambda path=path: EventFile(path).read() for path in paths]
            title = f"{kind.__name__}, {count} files of {events:,} events"
            _compare(title, work, options.rounds, options.seconds)


def _checksum() -> object:
    return select("compiled").masked_crc32c(BUFFER)


def _compare(title: str, work: Sequence[Callable[[], object]], rounds: int, seconds: float) -> None:
    repeats = max(1, round(seconds / _turn(work, 1).wall))
    turns: dict[int, list[Turn]] = {1: [], 2: []}
    for _ in range(rounds):
        for threads, taken in turns.items():
            taken.append(_turn([*work] * repeats, threads))
    walls = {threads: [turn.wall for turn in taken] for threads, taken in turns.items()}
    best = {threads: min(wall) for threads, wall in walls.items()}
    middle = {threads: statistics.median(wall) for threads, wall in walls.items()}
    used, queued, blocked = (
        100 * statistics.median(turn[place] / sum(turn[1:]) for turn in turns[2])
        for place in (1, 2, 3)
    )
    print(
        f"| {title} | {best[1] * 1e3 / repeats:.1f} / {middle[1] * 1e3 / repeats:.1f} ms "
        f"| {best[1] / best[2]:.2f} / {middle[1] / middle[2]:.2f} "
        f"| {used:.0f} %; waiting for one {queued:.0f} %, for a lock {blocked:.0f} % |"
    )


def _turn(work: Sequence[Callable[[], object]], threads: int) -> Turn:
    pending, lock = iter(work), threading.Lock()
    spent: list[tuple[float, float, float]] = []

    def run() -> None:
        used, queued = _scheduled()
        began = time.perf_counter()
        while True:
            with lock:
                item = next(pending, None)
            if item is None:
                break
            item()
        wall = time.perf_counter() - began
        used, queued = (now - then for now, then in zip(_scheduled(), (used, queued), strict=True))
        spent.append((used, queued, max(0.0, wall - used - queued)))

    workers = [threading.Thread(target=run) for _ in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    wall = time.perf_counter() - began
    return Turn(wall, *(sum(part[place] for part in spent) for place in range(3)))


def _scheduled() -> tuple[float, float]:
    """Return how long this thread was on a core, and how long it waited for one."""
    try:
        path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        used, queued, _ = path.read_text().split()
    except OSError:
        return time.thread_time(), 0.0
    return int(used) / 1e9, int(queued) / 1e9


if __name__ == "__main__":
    main()
