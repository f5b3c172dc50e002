"""What a recording costs TensorBoard itself: seconds and memory to load it, by class of data.

A run of a million steps is written once without our blocks and once with each class that
TensorBoard has for what is no scalar, and loaded by the data server (TensorBoard's default) and by
its loader in Python, each in a process of its own.
Run: python benchmarks/tensorboard_load.py [--steps N] [--columns N] [--rounds N]
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from reader_files import write
from tensorboard.compat.proto import event_pb2, summary_pb2

from tb_nan_plugin.charts import TAGS
from tb_nan_plugin.record import Column, Manifest, pack_manifest, pack_rows
from tb_nan_plugin.summary import health_event, scalars_event

ROWS: Final = 256  # of a block, as the ring holds them
POINTS: Final = 5000  # for charts: what a million steps of a millisecond each give, about
CLASSES: Final = {
    "scalars alone": None,
    "unknown": summary_pb2.DATA_CLASS_UNKNOWN,
    "tensor": summary_pb2.DATA_CLASS_TENSOR,
    "blob sequence": summary_pb2.DATA_CLASS_BLOB_SEQUENCE,
}
LOADED: Final = re.compile(rb"Finished load cycle|load cycle.*finished", re.IGNORECASE)
LOADER: Final = """
import resource, sys, time
from tensorboard.backend.event_processing import data_ingester, plugin_event_multiplexer as m
multiplexer = m.EventMultiplexer(
    size_guidance=data_ingester.DEFAULT_SIZE_GUIDANCE,
    tensor_size_guidance=data_ingester.DEFAULT_TENSOR_SIZE_GUIDANCE)
multiplexer.AddRunsFromDirectory(sys.argv[1])
began = time.perf_counter()
multiplexer.Reload()
seconds = time.perf_counter() - began
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def recording(steps: int, columns: int, data_class: int | None) -> Iterator[Any]:
    """Yield the events of a run, as `NaNMonitor` writes them; without blocks for None."""
    manifest = Manifest(tuple(Column("gradient_norm", f"layer {i}/kernel") for i in range(columns)))
    generator = np.random.default_rng(0)
    if data_class is not None:
        yield classed(health_event(pack_manifest(manifest), 0, 1.7e9), data_class)
    for first in range(0, steps, ROWS):
        block = np.arange(first, min(first + ROWS, steps))
        times = 1.7e9 + block / 1e3
        values = generator.normal(size=(len(block), columns)).astype(np.float32)
        values[:, columns // 2 :] = 0  # counts of what is not finite: the same in every row
        if data_class is not None:
            packed = pack_rows(manifest, block, times, values)
            yield classed(health_event(packed, int(block[-1]), float(times[-1])), data_class)
        for step in block[block % max(1, steps // POINTS) == 0]:
            point = dict.fromkeys(TAGS, float(values[0, 0]))
            yield event_pb2.Event.FromString(scalars_event(point, int(step), 1.7e9 + step / 1e3))


def classed(event: bytes, data_class: int) -> Any:
    """Return the event with another class of data."""
    parsed = event_pb2.Event.FromString(event)
    parsed.summary.value[0].metadata.data_class = data_class
    return parsed


def data_server(folder: Path) -> tuple[float, float]:
    """Return the seconds and the MB that TensorBoard's data server takes to load a directory."""
    import tensorboard_data_server

    began = time.perf_counter()
    server = subprocess.Popen(
        [
            tensorboard_data_server.server_binary(),
            *(f"--logdir={folder}", "--reload=once", "--port=0", "-vv"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert server.stderr is not None
    try:
        next(line for line in server.stderr if LOADED.search(line))
        seconds = time.perf_counter() - began
        status = Path(f"/proc/{server.pid}/status").read_text()
        return seconds, int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
    finally:
        server.kill()
        server.communicate()


def python_loader(folder: Path) -> tuple[float, float]:
    """Return the same of the loader in Python, which TensorBoard uses without a data server."""
    command = [sys.executable, "-c", LOADER, str(folder)]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    seconds, megabytes = output.split()
    return float(seconds), float(megabytes)


LOADERS: Final[dict[str, Callable[[Path], tuple[float, float]]]] = {
    "data server": data_server,
    "Python": python_loader,
}


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=60, help="half of them never change")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: Path(scratch) / str(i) / "run" for i, name in enumerate(CLASSES)}
        for name, data_class in CLASSES.items():
            folders[name].mkdir(parents=True)
            events = recording(options.steps, options.columns, data_class)
            write(folders[name] / "events.out.tfevents.1700000000.host", events)
        taken: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for _ in range(options.rounds):
            for loader, load in LOADERS.items():
                for name, folder in folders.items():
                    taken.setdefault((loader, name), []).append(load(folder.parent))
        print(
            "| loader | blocks as | on disk, MB | seconds | MB of memory |\n|---|---|---|---|---|"
        )
        for (loader, name), figures in taken.items():
            size = sum(f.stat().st_size for f in folders[name].iterdir()) / 1e6
            seconds = statistics.median(s for s, _ in figures)
            memory = statistics.median(m for _, m in figures)
            print(f"| {loader} | {name} | {size:.0f} | {seconds:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
