"""Event files -> runs: the files of a directory put together, restarts told apart.

Law: one damaged file, or one damaged block, costs what it held and nothing else; it is named.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from analyzer.events.log_dir import LogDirError, RunFiles, survey
from analyzer.events.records import FileRecords, ScalarColumns
from analyzer.events.scanner import read_file
from analyzer.series import Health, Run, Series, Source
from tb_nan_plugin.record import Manifest, RecordError, RowBlock, unpack

__all__ = ["Collection", "Collector", "LogDirError", "collect"]

Progress = Callable[[str, int, int], None]
Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Collection:
    """The runs of one log directory.

    Attributes:
        log_dir: The directory as it was given.
        runs: In the order of their names.
        problems: Sentences about folders and files that had to be left out.
    """

    log_dir: str
    runs: tuple[Run, ...]
    problems: tuple[str, ...]


def collect(log_dir: str | os.PathLike[str], progress: Progress | None = None) -> Collection:
    """Read every event file below a directory.

    Args:
        log_dir: Any TensorBoard log directory.
        progress: Called before each file with its path, its number from 0, and how many there are.

    Raises:
        LogDirError: There is no such directory, it may not be read, or holds no event files.
    """
    return Collector(log_dir).collect(progress)


class Collector:
    """Reads a log directory again and again, and only those runs anew whose files have changed."""

    def __init__(self, log_dir: str | os.PathLike[str], name: str = "") -> None:
        """Keep where to look.

        Args:
            log_dir: Any TensorBoard log directory.
            name: What `--logdir_spec` calls it; TensorBoard then puts it before the runs' names.
        """
        self._log_dir = log_dir
        self._name = name
        self._known: dict[str, tuple[Signature, Run]] = {}

    def collect(self, progress: Progress | None = None) -> Collection:
        """Read what has changed; a run whose files have not is the same object as before.

        Raises:
            LogDirError: There is no such directory, it may not be read, or holds no event files.
        """
        found = survey(self._log_dir)
        total = sum(len(run.files) for run in found.runs.values())
        known, self._known, done = self._known, {}, 0
        for files in found.runs.values():
            name = os.path.join(self._name, files.name) if self._name else files.name
            signature = _signature(files.files)
            before = known.get(name)
            if before is None or before[0] != signature:
                run = _read_run(name, files, found.path, done, total, progress)
                before = (signature, run)
            self._known[name] = before
            done += len(files.files)
        return Collection(found.path, tuple(run for _, run in self._known.values()), found.problems)


def _signature(files: Iterable[str]) -> Signature:
    return tuple((path, *_size_and_time(path)) for path in files)


def _size_and_time(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _read_run(
    name: str, files: RunFiles, root: str, done: int, total: int, progress: Progress | None
) -> Run:
    sources: list[Source] = []
    records: list[FileRecords] = []
    for number, path in enumerate(files.files):
        if progress is not None:
            progress(path, done + number, total)
        source, held = _read_source(path, root)
        sources.append(source)
        if held is not None:
            records.append(held)
    attempts, problems = _health(records)
    return Run(name, _scalars(records), attempts, tuple(sources), problems)


def _read_source(path: str, root: str) -> tuple[Source, FileRecords | None]:
    name = os.path.relpath(path, root)
    try:
        held = read_file(path)
    except OSError as error:
        reason = error.strerror or str(error)
        return Source(name, "unreadable", 0, 0, f"The file cannot be read: {reason}."), None
    state = held.state
    return Source(name, state.status, held.events, state.bytes, state.reason), held


def _scalars(records: Iterable[FileRecords]) -> Mapping[str, Series]:
    parts: dict[str, list[ScalarColumns]] = {}
    for held in records:
        for tag, columns in held.scalars.items():
            parts.setdefault(tag, []).append(columns)
    return {tag: _joined(columns) for tag, columns in parts.items()}


def _joined(parts: list[ScalarColumns]) -> Series:
    if len(parts) == 1:
        return Series(parts[0].steps, parts[0].values, parts[0].wall_times)
    return Series(
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.wall_times for part in parts]),
    )


def _health(records: Iterable[FileRecords]) -> tuple[tuple[Health, ...], tuple[str, ...]]:
    manifests: dict[bytes, Manifest] = {}
    attempts: list[list[tuple[Manifest, RowBlock]]] = []
    problems: list[str] = []
    last = None
    for held in records:
        for block in held.health:
            try:
                content = unpack(block.data)
            except RecordError as error:
                problems.append(f"A health record near step {block.step} was left out: {error}.")
                continue
            if isinstance(content, Manifest):
                manifests[content.id] = content
                continue
            manifest = manifests.get(content.manifest_id)
            if manifest is None or len(manifest.columns) != len(content.encodings):
                problems.append(f"The health record near step {block.step} lacks its manifest.")
                continue
            if last is None or int(content.steps[0]) <= last:
                attempts.append([])
            attempts[-1].append((manifest, content))
            last = int(content.steps[-1])
    return tuple(Health(blocks) for blocks in attempts), tuple(problems)
