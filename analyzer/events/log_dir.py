"""Which runs a log directory holds, and which files each run has, named as TensorBoard names them.

A run is a folder that directly holds an event file; its name is its path below the log directory,
"." for the log directory itself. An event file is one whose name contains "tfevents".
Sources: tensorboard/backend/event_processing/io_wrapper.py, tensorboard/data/server/logdir.rs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

EVENT_FILE_MARK: Final = "tfevents"
# The profiler leaves such files to make TensorBoard see a run; they never hold summaries
# (tensorboard issue 2084).
PLACEHOLDER: Final = ".profile-empty"

# Folders that link to each other have n! paths without any loop; real trees need no bound.
MOST_LINKED_FOLDERS: Final = 10_000

StrPath = str | os.PathLike[str]


class LogDirError(Exception):
    """A log directory from which nothing can be read, in one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """One run.

    Attributes:
        name: As TensorBoard shows it.
        directory: The folder, below the log directory as it was given.
        files: Paths of its event files, ordered by name, which begins with the time of writing.
    """

    name: str
    directory: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogDir:
    """What a log directory holds.

    Attributes:
        path: As given.
        runs: By name, in the order of the names.
        problems: A sentence for each folder or file that had to be left out.
    """

    path: str
    runs: dict[str, RunFiles]
    problems: tuple[str, ...]


def find_runs(log_dir: StrPath) -> dict[str, RunFiles]:
    """Return the runs of a log directory by name, in the order of the names.

    Raises:
        LogDirError: If there is no such folder, it may not be read, or holds no event files.
    """
    return survey(log_dir).runs


def survey(log_dir: StrPath) -> LogDir:
    """Return the runs of a log directory, and what could not be read of it.

    Raises:
        LogDirError: If there is no such folder, it may not be read, or holds no event files.
    """
    root = os.fspath(log_dir)
    _check(root)
    walk = _Walk(root)
    runs: dict[str, RunFiles] = {}
    for directory, files in walk.folders():
        name = _shown(os.path.relpath(directory, root))
        if name in runs:
            walk.problems.append(f"{_shown(directory)} was left out: its name is taken.")
        else:
            runs[name] = RunFiles(name, directory, files)
    if not runs:
        raise LogDirError(no_event_files(root, walk.problems))
    return LogDir(root, dict(sorted(runs.items())), tuple(walk.problems))


def _check(root: str) -> None:
    """Raise LogDirError unless `root` is a folder that can be listed."""
    try:
        os.scandir(root).close()
    except NotADirectoryError:
        raise LogDirError(_not_a_folder(root)) from None
    except (FileNotFoundError, ValueError):
        raise LogDirError(
            f"There is no folder {_shown(root) or repr(root)}; check the path."
        ) from None
    except PermissionError:
        raise LogDirError(
            f"{_shown(root)} may not be read by this user; run as its owner or let it be read."
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LogDirError(f"{_shown(root)} cannot be read ({reason}); check the path.") from None


def _not_a_folder(root: str) -> str:
    if EVENT_FILE_MARK in os.path.basename(root):
        holder = os.path.dirname(root) or "."
        return f"{_shown(root)} is an event file; give the folder that holds it: {_shown(holder)}"
    return f"{_shown(root)} is a file; give the folder that training wrote its logs to."


def no_event_files(root: str, problems: Sequence[str] = ()) -> str:
    """Return the sentence for a log directory without any."""
    but = f" ({problems[0].rstrip('.')})" if problems else ""
    return (
        f"{_shown(root)} holds no event files, whose names contain {EVENT_FILE_MARK!r}{but}; "
        "give the folder that training wrote its logs to."
    )


def _shown(path: str) -> str:
    """Return a path as valid text, as TensorBoard's data server does: names may be any bytes."""
    return os.fsencode(path).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be listed, the identities of those it lies in, and whether a link led to it."""

    path: str
    above: frozenset[tuple[int, int]] = frozenset()
    linked: bool = False


@dataclass(slots=True)
class _Walk:
    """A walk below `root` that follows links, but never into a folder it is already inside."""

    root: str
    problems: list[str] = field(default_factory=list)
    linked: int = 0

    def folders(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield each folder that holds event files, with their paths ordered by name."""
        pending = [_Folder(self.root)]
        while pending:
            folder = pending.pop()
            try:
                files, below = self._list(folder)
            except OSError as error:
                self._leave_out(folder.path, error)
                continue
            if files:
                yield folder.path, tuple(files)
            pending.extend(reversed(below))

    def _list(self, folder: _Folder) -> tuple[list[str], list[_Folder]]:
        """Return the event files of a folder and the folders to go on with, ordered by name.

        Raises:
            OSError: If the folder cannot be listed.
        """
        status = os.stat(folder.path)
        identity = (status.st_dev, status.st_ino)
        if identity in folder.above or not self._affords(folder):
            return [], []
        inside = folder.above | {identity}
        with os.scandir(folder.path) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        files, below = [], []
        for entry in entries:
            if self._is_folder(entry):
                linked = folder.linked or entry.is_symlink()
                below.append(_Folder(entry.path, inside, linked))
            elif self._is_event_file(entry):
                files.append(entry.path)
        return files, below

    def _affords(self, folder: _Folder) -> bool:
        self.linked += folder.linked
        if self.linked == MOST_LINKED_FOLDERS + 1:
            self.problems.append(
                f"Links lead to more than {MOST_LINKED_FOLDERS} folders; the rest was left out."
            )
        return not folder.linked or self.linked <= MOST_LINKED_FOLDERS

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError as error:
            self._leave_out(entry.path, error)
            return False

    def _is_event_file(self, entry: os.DirEntry[str]) -> bool:
        if EVENT_FILE_MARK not in entry.name or entry.name.endswith(PLACEHOLDER):
            return False
        try:
            regular = entry.is_file()
        except OSError:
            # Already reported: whether it is a folder could not be told, either.
            return False
        if not regular:
            # Opening a named pipe would wait for a writer for ever.
            self.problems.append(f"{_shown(entry.path)} was left out: it is no regular file.")
        return regular

    def _leave_out(self, path: str, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        self.problems.append(f"{_shown(path)} was left out: {reason}.")
