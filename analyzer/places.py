"""Where a log directory lies: on this machine or behind a URL; one folder or several by name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import ModuleType
from typing import BinaryIO, Final, Protocol

from analyzer.events.event_file import EventFile
from analyzer.events.log_dir import LogDir, survey
from analyzer.events.records import FileRecords
from analyzer.events.remote import RemoteLogDir, is_url, local_path
from analyzer.events.selection import selected
from analyzer.sources import Growing

Signature = tuple[object, ...]

LIGHT: Final = 1 << 18  # bytes; below that two threads take longer than one, as measured


class Place(Protocol):
    """A log directory, wherever it lies."""

    def survey(self) -> LogDir:
        """List its runs."""

    def signature(self, path: str) -> Signature:
        """Return what changes when a file does."""

    def light(self, signature: Signature) -> bool:
        """Tell whether a file is read sooner than handed to another thread."""

    def name(self, path: str) -> str:
        """Return a file's path below the log directory."""

    def file(self, path: str) -> Growing:
        """Return what reads a file."""


def place_of(log_dir: str | os.PathLike[str]) -> Place:
    """Return the place of a path or URL.

    Raises:
        LogDirError: A package is missing that the URL needs.
    """
    path = os.fspath(log_dir)
    local = local_path(path)
    return RemoteLogDir(path) if local is None else LocalLogDir(local)


class LocalLogDir:
    """A log directory on this machine."""

    def __init__(self, path: str) -> None:
        """Keep the path."""
        self._path = path
        self._prefix = os.path.join(path, "")
        self._twin = selected()

    def survey(self) -> LogDir:
        """List the runs.

        Raises:
            LogDirError: There is no such folder, it may not be read, or holds no event files.
        """
        return survey(self._path)

    def signature(self, path: str) -> Signature:
        """Return identity, size and time of a file; nothing if it has gone."""
        try:
            status = os.stat(path)
        except OSError:
            return ()
        return status.st_size, status.st_dev, status.st_ino, status.st_mtime_ns

    def light(self, signature: Signature) -> bool:
        """Tell whether a file is so small that reading it is mostly Python's own work."""
        size = signature[0] if signature else 0
        return isinstance(size, int) and size < LIGHT

    def name(self, path: str) -> str:
        """Return a file's path below the log directory."""
        if path.startswith(self._prefix):
            return path[len(self._prefix) :]
        return os.path.relpath(path, self._path)

    def file(self, path: str) -> Growing:
        """Return what reads a file."""
        return _LocalFile(path, self._twin)


class _LocalFile:
    """An EventFile that can also be opened, to decode something of it."""

    def __init__(self, path: str, twin: ModuleType) -> None:
        self._path = path
        self._events = EventFile(path, twin)

    def read(self) -> FileRecords:
        return self._events.read()

    def open(self) -> BinaryIO:
        return open(self._path, "rb")


@dataclass(frozen=True, slots=True)
class LogDirSpec:
    """Several log directories, each under a name, as TensorBoard's `--logdir_spec` has them.

    Attributes:
        text: As it was given.
        roots: (name, path) of each; an empty name puts nothing before the names of its runs.
    """

    text: str
    roots: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> LogDirSpec:
        """Read `name:path,name2:path2` by the rules of TensorBoard's data_ingester.py.

        A part that is a URL, or that begins with "/" or a drive, is a path without a name. Of the
        same path under two names the later counts.
        """
        paths: dict[str, str] = {}
        for part in text.split(","):
            name, path = "", part
            plain = is_url(part) or part.startswith("/") or os.path.splitdrive(part)[0]
            if ":" in part and not plain:
                name, _, path = part.partition(":")
            if not is_url(path):
                path = os.path.realpath(os.path.expanduser(path))
            paths[path] = name
        return cls(text, tuple((name, path) for path, name in paths.items()))
