"""How fast event files are read, beside other readers of them: `python benchmarks/reader_speed.py`.

Laws:

1. All readers of a row read in turns, in one run, warm, on one thread; figures are medians.
2. A peer that would take minutes reads a file of PEER_EVENTS events of the same kind, and its row
   says so: rates are compared, not times.
3. A peer that is not installed, or that does not keep every point, is named, not left out.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from mmap import ACCESS_READ, mmap
from pathlib import Path

import reader_files as files
import reader_peers as peers

from analyzer.events.selection import select

EVENTS = 1_000_000
PEER_EVENTS = 50_000
SLOW = (peers.our_reference, peers.event_accumulator, peers.summary_iterator, peers.tbparse)
FAST = (peers.ours, peers.data_server)


def main() -> None:
    """Write the files, read them in turns, print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--events", type=int, default=EVENTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in (files.simple_values, files.tensors):
            whole = _place(Path(folder), f"{kind.__name__}-whole")
            sample = _place(Path(folder), f"{kind.__name__}-sample")
            files.write(whole, kind(options.events))
            files.write(sample, kind(min(PEER_EVENTS, options.events)))
            _compare(kind.__name__, whole, sample, options.rounds)
            _whole_process(whole, options.rounds)
        for kind, count in ((files.health_blocks, 2_000), (files.histograms, 20_000)):
            path = files.write(_place(Path(folder), kind.__name__), kind(count))
            _beside_the_checksum(kind.__name__, path, options.rounds)


def _place(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name / "events.out.tfevents.1700000000.host"


def _compare(title: str, whole: Path, sample: Path, rounds: int) -> None:
    seconds: dict[peers.Read, list[float]] = {}
    notes: dict[peers.Read, str] = {}
    expected = {path: peers.ours(path) for path in (whole, sample)}
    for turn in range(rounds):
        for peer in (*FAST, *(SLOW if turn < 3 else ())):
            path = sample if peer in SLOW else whole
            try:
                began = time.perf_counter()
                found = peer(path)
                seconds.setdefault(peer, []).append(time.perf_counter() - began)
            except ImportError as error:
                notes[peer] = f"not measured: {error}"
                continue
            if found not in (-1, expected[path]):
                notes[peer] = f"kept {found} of {expected[path]} points"
    rates = {
        peer: (sample if peer in SLOW else whole).stat().st_size / statistics.median(taken)
        for peer, taken in seconds.items()
    }
    size = whole.stat().st_size
    print(f"\n### {title}: {expected[whole]:,} points, {size / 1e6:.1f} MB\n")
    print("| reader | events read | median | rate | ours is faster by | note |")
    print("|---|---|---|---|---|---|")
    for peer in (*FAST, *SLOW):
        if peer not in rates:
            print(f"| {peer.__name__} | | | | | {notes[peer]} |")
            continue
        count = expected[sample if peer in SLOW else whole]
        median, ratio = statistics.median(seconds[peer]), rates[peers.ours] / rates[peer]
        print(
            f"| {peer.__name__} | {count:,} | {median * 1e3:,.1f} ms "
            f"| {rates[peer] / 1e6:,.1f} MB/s | {ratio:,.1f} x | {notes.get(peer, '')} |"
        )


def _whole_process(path: Path, rounds: int) -> None:
    used = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        peers.analyze(path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(
        f"\n`python -m analyzer` on it, cold: {statistics.median(used):.2f} s of CPU time (median)"
    )


def _beside_the_checksum(title: str, path: Path, rounds: int) -> None:
    checksum, size = select("compiled").masked_crc32c, path.stat().st_size
    data = path.read_bytes()
    ours, bare, mapped = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        peers.ours(path)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        checksum(data)
        bare.append(time.perf_counter() - began)
        began = time.perf_counter()
        with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as view:
            checksum(view)
        mapped.append(time.perf_counter() - began)
    rates = [size / statistics.median(taken) / 1e9 for taken in (ours, bare, mapped)]
    print(
        f"\n{title}, {size / 1e6:.1f} MB: ours {rates[0]:.2f} GB/s; checksum of the same bytes "
        f"already in memory {rates[1]:.2f} GB/s; over the mapped file {rates[2]:.2f} GB/s"
    )


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
