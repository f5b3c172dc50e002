"""How long 100,000 small event files in nested folders take: `python benchmarks/reader_tree.py`.

Laws:

1. `os.walk` over the same folders, the finding of the runs, and the reading take turns; the first
   pass of all, which fills the kernel's caches, is not counted.
2. The files lie in a temporary directory and are removed afterwards.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import reader_files as files

import analyzer
from analyzer.events.event_file import EventFile
from analyzer.events.log_dir import survey

WIDTH = 100  # runs of a group, and groups of a sweep


def main() -> None:
    """Write the files, find and read them in turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--each", type=int, default=10, help="files of a run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "logs")
        _plant(root, options.files, options.each, options.events)
        jobs: dict[str, Callable[[Path], object]] = {
            "os.walk": _walk,
            "finding the runs": survey,
            "reading each file, one thread": _read,
            "analyzer.read: all of it": analyzer.read,
        }
        taken: dict[str, list[float]] = {name: [] for name in jobs}
        for turn in range(options.rounds + 1):
            for name, job in jobs.items():
                began = time.perf_counter()
                result = job(root)
                if turn:
                    taken[name].append(time.perf_counter() - began)
                del result  # to free the objects is not part of reading
        print(f"{options.files:,} files of {options.events} events, {options.each} to a folder\n")
        print("| | best | median | a file, median |\n|---|---|---|---|")
        for name, seconds in taken.items():
            median = statistics.median(seconds)
            each = median / options.files * 1e6
            print(f"| {name} | {min(seconds):.2f} s | {median:.2f} s | {each:.1f} us |")


def _plant(root: Path, count: int, each: int, events: int) -> None:
    root.mkdir()
    data = files.write(root / "seed.tfevents", files.simple_values(events)).read_bytes()
    (root / "seed.tfevents").unlink()
    for start in range(0, count, each):
        run = start // each
        folder = root / f"sweep{run // WIDTH**2}" / f"group{run // WIDTH}" / f"run{run}" / "train"
        folder.mkdir(parents=True)
        for number in range(start, min(start + each, count)):
            (folder / f"events.out.tfevents.{1_700_000_000 + number}.host").write_bytes(data)


def _walk(root: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(root))


def _read(root: Path) -> int:
    return sum(EventFile(p).read().events for run in survey(root).runs.values() for p in run.files)


if __name__ == "__main__":
    main()
