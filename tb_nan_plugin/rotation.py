"""The event files of one recording: one after the other, and together no larger than allowed.

Laws:

1. Every file explains itself: it begins with the manifest of its first rows.
2. Where the files would pass the cap, the two oldest that are neighbours and alike become one of
   half the resolution, so that the newest rows always are complete and the files stay few.
3. Steps that are protected are never dropped, whatever the cap.
4. A file is replaced in one move: whoever looks sees the old one or the new one, whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

from tb_nan_plugin.record import RecordError
from tb_nan_plugin.summary import EventFile, health_event, os_errors, scalars_event
from tb_nan_plugin.thinning import Kept, thinned

# A file that is lost or must be read anew costs no more than this.
FILE_BYTES: Final = 64 << 20
# So many share the cap: one is written, one is room for a merge, the others are complete.
FILES: Final = 8
LEAST_BYTES: Final = 1 << 20  # below this, a cap is mostly manifests
# A file on an object store is sent anew, whole, at each flush (tensorflow's gcs_file_system.cc).
REMOTE_FILE_BYTES: Final = 8 << 20
REMOTE_FLUSH_SECONDS: Final = 30.0
# Rules compare what was out of proportion at the beginning of a training.
FIRST_STEPS: Final = 256
# What led to a non-finite step, and what came of it.
STEPS_BEFORE: Final = 512
STEPS_AFTER: Final = 128

Span = tuple[int, int]


@dataclass(frozen=True)
class _Closed:
    """A file that is complete.

    Attributes:
        every: Of its steps, those that this number divides were kept; 1 for all.
    """

    path: str
    size: int
    every: int = 1


# By directory, what the logs of this process have closed there, which steps are protected, and the
# last step: the next log shares the cap with them.
_left_behind: Final[dict[str, tuple[list[_Closed], list[Span], int]]] = {}


class EventLog:
    """Event files that are appended to, one at a time.

    Attributes:
        continues: Whether the directory held such files before.
    """

    def __init__(self, log_dir: str, max_bytes: int | None = None) -> None:
        """Open the first file.

        Args:
            log_dir: Directory of the files.
            max_bytes: How many bytes the files may hold together; None for any.

        Raises:
            OSError: The directory cannot be made or written to; the message names it.
        """
        self._log_dir = log_dir
        self._max_bytes = max_bytes
        self._remote = is_remote(log_dir)
        self._file_bytes = min(
            REMOTE_FILE_BYTES if self._remote else FILE_BYTES,
            FILE_BYTES if max_bytes is None else max_bytes // FILES,
        )
        left = _left_behind.pop(log_dir, ([], [], -1))
        self._closed, self._protected, self._last_step = left
        self._manifest = b""
        self._flushed = float("-inf")
        self._stuck: set[tuple[str, str]] = set()
        self.continues = _recorded_before(log_dir)
        if self._closed:
            self._shrink()
        self._begin()

    @property
    def size(self) -> int:
        """Return how many bytes all its files hold."""
        return self._file.size + sum(file.size for file in self._closed)

    def protect(self, first: int, last: int) -> None:
        """Keep these steps, both ends included, whatever the cap says."""
        self._protected = merged([*self._protected, (first, last)])

    def write_rows(self, manifest: bytes, block: bytes, steps: Span, wall_time: float) -> None:
        """Append a block of rows, after the manifest that names its columns where that is new.

        Args:
            manifest: The manifest's block.
            block: The rows' block.
            steps: First and last of its steps.
            wall_time: When the last of them ended, in seconds since the epoch.

        Raises:
            OSError: The file system refused it; `begin_anew` may help.
        """
        if self._manifest and self._file.size + len(block) > self._file_bytes:
            self._rotate()
        if self._manifest != manifest:
            self._file.write(health_event(manifest, steps[0], wall_time))
            self._manifest = manifest
        self._file.write(health_event(block, steps[1], wall_time))
        self._last_step = steps[1]

    def write_scalars(self, values: Mapping[str, float], step: int, wall_time: float) -> None:
        """Append scalars, by tag, of one step.

        Raises:
            OSError: The file system refused it.
        """
        self._file.write(scalars_event(values, step, wall_time))

    def flush(self) -> None:
        """Hand everything to the operating system; to an object store, now and then.

        Raises:
            OSError: The file system refused it, or the file is no longer there.
        """
        now = time.monotonic()
        if self._remote and now - self._flushed < REMOTE_FLUSH_SECONDS:
            return
        self._flushed = now
        self._file.flush()
        if not self._remote and not exists(self._file.path):
            raise FileNotFoundError(f"{self._file.path} is gone")

    def begin_anew(self) -> None:
        """Go on in a new file after an error.

        Raises:
            OSError: That cannot be written, either.
        """
        with suppress(OSError):
            self._file.close()
        self._put_away()
        self._begin()

    def close(self) -> None:
        """Close the file.

        Raises:
            OSError: The file system refused the rest.
        """
        try:
            self._file.close()
        finally:
            self._put_away()
            files, spans, _ = _left_behind.get(self._log_dir, ([], [], -1))
            files, spans = [*files, *self._closed], [*spans, *self._protected]
            _left_behind[self._log_dir] = files, spans, self._last_step

    def _begin(self) -> None:
        self._file = EventFile(self._log_dir)
        self._manifest = b""

    def _rotate(self) -> None:
        self._file.close()
        self._put_away()
        self._shrink()
        self._begin()

    def _put_away(self) -> None:
        if exists(self._file.path):
            self._closed.append(_Closed(self._file.path, self._file.size))

    def _shrink(self) -> None:
        """Merge files until there is room for one more and for a merge, or no pair gets smaller."""
        if self._max_bytes is None:
            return
        self._closed = [file for file in self._closed if exists(file.path)]
        room = self._max_bytes - 2 * self._file_bytes
        while sum(file.size for file in self._closed) > room:
            pairs = [
                at
                for at, pair in enumerate(pairwise(self._closed))
                if (pair[0].path, pair[1].path) not in self._stuck
            ]
            if not pairs:
                return
            alike = (at for at in pairs if self._closed[at].every == self._closed[at + 1].every)
            self._merge(next(alike, pairs[0]))

    def _merge(self, at: int) -> None:
        """Make one file of a file and the next."""
        older, newer = self._closed[at], self._closed[at + 1]
        every = 2 * max(older.every, newer.every)
        newest = self._last_step - STEPS_BEFORE + 1, self._last_step
        keep = Kept(every, [*self._protected, newest])
        try:
            size = _rewrite(older.path, newer.path, keep)
        except (OSError, RecordError):  # damaged, or no room: it stays as it is
            size = older.size + newer.size
        if size >= older.size + newer.size:
            self._stuck.add((older.path, newer.path))
        else:
            self._closed[at : at + 2] = [_Closed(older.path, size, every)]


def _rewrite(first: str, second: str, keep: Kept) -> int:
    """Put what is kept of two files into the first, remove the second, and return the size.

    Nothing is changed if it would not get smaller.
    """
    import tensorflow as tf

    aside = f"{first.replace('events.out.tfevents', 'thinning')}.tmp"
    # Without its decorator: the notice that there are data sets, too, is not for our users.
    read = tf.compat.v1.io.tf_record_iterator
    read = getattr(read, "__wrapped__", read)
    with os_errors(f"cannot thin {first}"):
        before = sum(tf.io.gfile.stat(path).length for path in (first, second))
        try:
            with tf.io.TFRecordWriter(aside) as writer:
                for event in thinned(chain(read(first), read(second)), keep):
                    writer.write(event)
            size = int(tf.io.gfile.stat(aside).length)
            if size < before:
                tf.io.gfile.rename(aside, first, overwrite=True)
                tf.io.gfile.remove(second)
        finally:
            if tf.io.gfile.exists(aside):
                tf.io.gfile.remove(aside)
    return size


def _recorded_before(log_dir: str) -> bool:
    import tensorflow as tf

    try:
        names = tf.io.gfile.listdir(log_dir)
    except tf.errors.OpError:
        return False  # there is no such directory yet
    return any("tfevents" in name and name.endswith(".nan") for name in names)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same steps in as few stretches as possible, in order."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def is_remote(path: str) -> bool:
    """Return whether TensorFlow would reach the path over a network's protocol."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme not in ("file", "ram")


def exists(path: str) -> bool:
    """Return whether there is such a file, as far as its file system says."""
    import tensorflow as tf

    return bool(tf.io.gfile.exists(path))
