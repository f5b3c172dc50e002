"""The runs of a log directory as a mapping: what `analyzer.read` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analyzer.collect import Collection, Collector, LogDirs, Progress
from analyzer.series import Run

__all__ = ["Runs", "read"]


class Runs(Mapping[str, Run]):
    """Run name -> `Run`, in the order of the names; `refresh` reads on.

    Attributes:
        log_dir: The directory as it was given.
        problems: Sentences about folders and files that had to be left out.
    """

    def __init__(self, log_dir: LogDirs, progress: Progress | None = None) -> None:
        """Read everything there is, as `read` does."""
        self._collector = Collector(log_dir)
        self._runs: dict[str, Run] = {}
        self.log_dir = ""
        self.problems: tuple[str, ...] = ()
        self.refresh(progress)

    def refresh(self, progress: Progress | None = None) -> frozenset[str]:
        """Read what was written since the last time.

        A run that has grown is a new `Run`; those that somebody holds stay as they are.

        Returns:
            The names of the runs that are new, have changed, or have gone.

        Raises:
            LogDirError: There is no such directory any more, it may not be read, or holds no event
                files. What was read before stays.
        """
        collection = self._collector.collect(progress)
        before, self._runs = self._runs, _by_name(collection)
        self.log_dir, self.problems = collection.log_dir, collection.problems
        names = before.keys() | self._runs.keys()
        return frozenset(name for name in names if before.get(name) is not self._runs.get(name))

    def __getitem__(self, name: str) -> Run:
        return self._runs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return f"<{len(self)} runs of {self.log_dir}>"


def read(log_dir: LogDirs, progress: Progress | None = None) -> Runs:
    """Read every event file below a directory: every point, nothing sampled.

    Args:
        log_dir: Any TensorBoard log directory, a URL of one (`gs://`, `s3://` ... with the extra
            `remote`), or a `LogDirSpec` of several.
        progress: Called before each file with its path, its number from 0, and how many there are.

    Raises:
        LogDirError: There is no such directory, it may not be read, or holds no event files.
    """
    return Runs(log_dir, progress)


def _by_name(collection: Collection) -> dict[str, Run]:
    return {run.name: run for run in collection.runs}
