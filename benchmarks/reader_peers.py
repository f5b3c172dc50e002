"""Other readers of event files, each in its fastest setting that keeps every point.

Law: a peer returns how many scalar points it read, so that a peer that samples is found out. One
that is not installed says so by ImportError.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from analyzer.events import reference
from analyzer.events.event_file import EventFile
from analyzer.events.selection import select

Read = Callable[[Path], int]


def ours(path: Path) -> int:
    """Read by the compiled scanner."""
    return _points(EventFile(path, select("compiled")).read())


def our_reference(path: Path) -> int:
    """Read by the twin in Python."""
    return _points(EventFile(path, reference).read())


def event_accumulator(path: Path) -> int:
    """Read as TensorBoard does without its data server."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = dict.fromkeys(("scalars", "tensors", "histograms", "images", "audio"), 0)
    accumulator = EventAccumulator(str(path), size_guidance=everything)
    accumulator.Reload()
    tags = accumulator.Tags()
    return sum(len(accumulator.Scalars(tag)) for tag in tags["scalars"]) + sum(
        len(accumulator.Tensors(tag)) for tag in tags["tensors"]
    )


def summary_iterator(path: Path) -> int:
    """Read by TensorFlow's iterator, and take step, time, tag and number of every value."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tensorflow.compat.v1.train import summary_iterator as iterate

    rows = []
    for event in iterate(str(path)):
        for value in event.summary.value:
            tensor = value.tensor.float_val
            number = tensor[0] if tensor else value.simple_value
            rows.append((event.step, event.wall_time, value.tag, number))
    return len(rows)


def tbparse(path: Path) -> int:
    """Read into a pandas frame."""
    from tbparse import SummaryReader

    reader = SummaryReader(str(path), extra_columns={"wall_time"})
    return len(reader.scalars) or len(reader.tensors)


FINISHED: Final = re.compile(rb"Finished load cycle|load cycle.*finished", re.IGNORECASE)


def data_server(path: Path) -> int:
    """Start TensorBoard's Rust server on the file's folder, and wait until it has loaded it."""
    import tensorboard_data_server

    command = [
        tensorboard_data_server.server_binary(),
        f"--logdir={path.parent}",
        *("--reload=once", "--port=0", "--checksum", "-vv"),
        "--samples-per-plugin=scalars=all",
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if FINISHED.search(line):
                return -1  # only a client could count
        raise ImportError("the data server ended before it had loaded the file")
    finally:
        server.kill()
        server.communicate()


def analyze(path: Path) -> int:
    """Run the whole command in a cold interpreter."""
    command = [sys.executable, "-m", "analyzer", "--fail-on", "never", str(path.parent)]
    subprocess.run(command, capture_output=True, check=True)
    return -1


def _points(records: Any) -> int:
    return sum(len(columns.values) for columns in records.scalars.values())
