"""Log directories that are not on this machine, through fsspec: `gs://`, `s3://`, `memory://` ...

Laws:

1. A URL is what has a scheme and `://`, as for TensorBoard; anything else is a local path, and so
   is what follows `file://`: only the walk over local folders knows of links that lead in circles.
2. A remote directory is listed once a survey, in one request where the store can do so.
3. Whatever a store raises becomes an OSError or a LogDirError: stores have errors of their own.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any, BinaryIO, Final, cast

from analyzer.events.event_file import EventStream
from analyzer.events.log_dir import (
    EVENT_FILE_MARK,
    PLACEHOLDER,
    LogDir,
    LogDirError,
    RunFiles,
    no_event_files,
)
from analyzer.events.records import FileRecords
from analyzer.optional import MissingPackageError, needed

URL: Final = re.compile(r"[a-zA-Z][0-9a-zA-Z.+-]*://")
HERE: Final = "file://"
# What stores call the things by which one can tell that a file has changed.
STAMPS: Final = ("size", "mtime", "created", "updated", "LastModified", "last_modified", "ETag",
                 "etag", "generation")  # fmt: skip

Signature = tuple[object, ...]


class RemoteLogDir:
    """A log directory behind a URL."""

    def __init__(self, url: str) -> None:
        """Find the file system of a URL.

        Raises:
            LogDirError: fsspec is missing, or the package that it needs for this protocol.
        """
        self._url = url
        self._signatures: dict[str, Signature] = {}
        try:
            core = needed("fsspec.core", url, "'tb-nan-plugin[remote]'")
            self._system, self._root = core.url_to_fs(url)
        except MissingPackageError as error:
            raise LogDirError(f"{error}") from None
        except Exception as error:
            raise LogDirError(f"{url} cannot be reached: {_sentence(error)}.") from None
        self._root = self._root.rstrip("/")

    def survey(self) -> LogDir:
        """List the runs.

        Raises:
            LogDirError: There is no such folder, or nothing in it.
        """
        try:
            self._system.invalidate_cache()
            found: dict[str, Any] = self._system.find(self._root, detail=True)
        except Exception as error:
            raise LogDirError(f"{self._url} cannot be read: {_sentence(error)}.") from None
        folders: dict[str, list[str]] = {}
        self._signatures = {}
        for path, facts in sorted(found.items()):
            name = posixpath.basename(path)
            if EVENT_FILE_MARK in name and not name.endswith(PLACEHOLDER) and path != self._root:
                folders.setdefault(posixpath.dirname(path), []).append(path)
                self._signatures[path] = tuple(str(facts.get(stamp)) for stamp in STAMPS)
        runs = {self._name(folder): folder for folder in folders}
        if not runs:
            raise LogDirError(no_event_files(self._url))
        return LogDir(
            self._url,
            {
                name: RunFiles(name, folder, tuple(folders[folder]))
                for name, folder in sorted(runs.items())
            },
            (),
        )

    def signature(self, path: str) -> Signature:
        """Return what changes when the file does, as of the last survey."""
        return self._signatures[path]

    def light(self, _: Signature) -> bool:
        """Return False: what takes time is the way to the store."""
        return False

    def name(self, path: str) -> str:
        """Return a file's path below the log directory."""
        return path[len(self._root) :].strip("/")

    def file(self, path: str) -> RemoteFile:
        """Return what reads a file."""
        return RemoteFile(self._system, path)

    def _name(self, folder: str) -> str:
        return self.name(folder) or "."


class RemoteFile:
    """A remote event file that may be growing; `read` returns what is new since the last call."""

    def __init__(self, system: Any, path: str) -> None:
        """Keep where the file is; it is opened by `read` only, and closed again."""
        self._system = system
        self._path = path
        self._stream = EventStream()

    def read(self) -> FileRecords:
        """Read on, up to the present end of the file.

        Raises:
            OSError: If the file cannot be read.
            MemoryError: If what it says does not fit.
        """
        try:
            with self.open() as stream:
                return self._stream.read(stream)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise OSError(_sentence(error)) from error

    def open(self) -> BinaryIO:
        """Open the file for reading."""
        return cast(BinaryIO, self._system.open(self._path, "rb"))


def is_url(path: str) -> bool:
    """Tell whether this is a URL rather than a path."""
    return URL.match(path) is not None


def local_path(path: str) -> str | None:
    """Return the path on this machine that is meant, or None if it lies elsewhere."""
    if path.startswith(HERE):
        return path[len(HERE) :]
    return None if is_url(path) else path


def _sentence(error: Exception) -> str:
    return (str(error).partition("\n")[0] or type(error).__name__).rstrip(".")
