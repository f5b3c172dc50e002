"""Builders that let a test state a run in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analyzer.evidence import Case
from analyzer.series import Attempt, Health, Run, Series
from tb_nan_plugin.record import (
    TAG,
    Column,
    Manifest,
    RowBlock,
    pack_manifest,
    pack_rows,
    unpack,
)
from tb_nan_plugin.trouble import first_trouble
from tests.analyzer.events import wire

START = 1.7e9  # wall time of step 0; a step takes a second

# "signal" or "signal of place" -> a number for each step, None where it was not measured; or one
# number for all steps.
Columns = Mapping[str, Any]
Points = Mapping[str, "Sequence[float] | Mapping[int, float]"]


def environment(**changes: Any) -> dict[str, Any]:
    """What NaNMonitor writes of a regression with one hidden layer, but for these changes."""
    return {
        "optimizer": {"class": "SGD", "settings": {"learning_rate": 0.01, "momentum": 0.0}},
        "losses": [{"name": "mean_squared_error", "builtin": True, "from_logits": False}],
        "dtype_policy": "float32",
        "batch": {
            "inputs": {"": {"shape": [32, 2], "dtype": "float32"}},
            "predictions": {"": {"shape": [32, 1], "dtype": "float32"}},
        },
        "layers": [layer("dense", activation="relu"), layer("dense_1")],
        "output_layers": {"": "dense_1"},
        "unobserved": {},
        **changes,
    }


def layer(path: str, kind: str = "Dense", **changes: Any) -> dict[str, Any]:
    """What NaNMonitor writes of a layer."""
    plain = {"path": path, "class": kind, "builtin": True, "activation": "linear", "parameters": 8}
    return {**plain, **changes}


def blocks(
    columns: Columns,
    facts: Mapping[str, Any] | None = None,
    *,
    first_step: int = 0,
    rows: int = 1 << 20,
) -> list[tuple[int, bytes]]:
    """Pack columns as NaNMonitor would: the manifest, then blocks of at most `rows` rows.

    Returns:
        The step of the event that carries each block, and the block.
    """
    names = tuple(Column(*key.split(" of ", 1)) for key in columns)
    manifest = Manifest(names, environment() if facts is None else facts)
    lengths = {len(c) for c in columns.values() if not isinstance(c, (int, float))}
    n = lengths.pop() if lengths else 1
    assert not lengths, "the columns have different lengths"
    stated = [[c] * n if isinstance(c, (int, float)) else list(c) for c in columns.values()]
    table = np.array([[np.nan if v is None else v for v in c] for c in stated], np.float32).T
    present = np.array([[v is not None for v in c] for c in stated]).T
    packed = [(first_step, pack_manifest(manifest))]
    for start in range(0, n, rows):
        steps = np.arange(n, dtype=np.int64)[start : start + rows] + first_step
        part = slice(start, start + rows)
        times = START + steps.astype(np.float64)
        block = pack_rows(manifest, steps, times, table[part], present[part])
        packed.append((int(steps[-1]), block))
    return packed


def health(
    columns: Columns,
    facts: Mapping[str, Any] | None = None,
    *,
    first_step: int = 0,
    rows: int = 1 << 20,
) -> Health:
    """A health record that went through its bytes."""
    _, *packed = blocks(columns, facts, first_step=first_step, rows=rows)
    named = unpack(blocks(columns, facts)[0][1])
    assert isinstance(named, Manifest)
    return Health([(named, _rows(block)) for _, block in packed])


def _rows(block: bytes) -> RowBlock:
    content = unpack(block)
    assert isinstance(content, RowBlock)
    return content


def case(columns: Columns, facts: Mapping[str, Any] | None = None, *, first_step: int = 0) -> Case:
    """What a rule is asked about."""
    record = health(columns, facts, first_step=first_step)
    manifest, block = record.blocks[0]
    places = range(len(manifest.columns))
    values = np.stack([block.values(i) for i in places], axis=1)
    present = np.stack([block.present(i) for i in places], axis=1)
    return Case(record, first_trouble(manifest.columns, block.steps, values, present))


def series(points: Sequence[float] | Mapping[int, float]) -> Series:
    """Points at steps 0, 1, 2, or at the steps given."""
    known = points if isinstance(points, Mapping) else dict(enumerate(points))
    steps = np.array(list(known), np.int64)
    times = START + steps.astype(np.float64)
    return Series(steps, np.array(list(known.values()), np.float64), times)


def run(*attempts: Health, name: str = "run", scalars: Points | None = None) -> Run:
    """A run as `collect` would return it."""
    tags = {tag: series(points) for tag, points in (scalars or {}).items()}
    made = [Attempt(number, health=health) for number, health in enumerate(attempts, start=1)]
    if made:
        made[-1] = replace(made[-1], scalars=tags)
    return Run(name, tags, tuple(made) or ((Attempt(1, scalars=tags),) if tags else ()))


def event_file(
    *parts: Columns | list[tuple[int, bytes]],
    scalars: Points | None = None,
    facts: Mapping[str, Any] | None = None,
) -> bytes:
    """The bytes of an event file with these health records and ordinary scalars."""
    return wire.file_of(wire.version(START), *_events(parts, scalars or {}, facts))


def _events(
    parts: Sequence[Columns | list[tuple[int, bytes]]],
    scalars: Points,
    facts: Mapping[str, Any] | None,
) -> Iterator[Any]:
    for part in parts:
        for step, block in part if isinstance(part, list) else blocks(part, facts):
            value = wire.value(TAG, "nan", tensor=wire.text(block))
            yield wire.event(step, value, wall_time=START + step)
    for tag, points in scalars.items():
        for step, number in zip(series(points).steps, series(points).values, strict=True):
            value = wire.value(tag, simple_value=float(number))
            yield wire.event(int(step), value, wall_time=START + int(step))


def write(directory: Path, content: bytes, number: int = 0) -> Path:
    """Write an event file, the `number`th of its directory."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"events.out.tfevents.{1_700_000_000 + number}.host"
    path.write_bytes(content)
    return path
