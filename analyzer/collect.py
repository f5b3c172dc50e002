"""Event files -> runs: the files of a directory put together, restarts told apart.

Laws:

1. One damaged file, or one damaged block, costs what it held and nothing else; it is named.
2. A collector reads each byte once: what is asked again costs what is new.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from analyzer.attempts import Written, divide
from analyzer.events.log_dir import LogDirError, RunFiles
from analyzer.histograms import histograms_of
from analyzer.joined import JoinedScalars
from analyzer.ondemand import OnDemand
from analyzer.parallel import in_order
from analyzer.places import LogDirSpec, Place, Signature, place_of
from analyzer.series import Attempt, Health, Run
from analyzer.sources import SourceFile
from analyzer.undisturbed import undisturbed
from tb_nan_plugin.record import Manifest, RowBlock

__all__ = ["Collection", "Collector", "LogDirError", "LogDirSpec", "collect"]

Progress = Callable[[str, int, int], None]
LogDirs = str | os.PathLike[str] | LogDirSpec


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


def collect(log_dir: LogDirs, progress: Progress | None = None) -> Collection:
    """Read every event file below a directory.

    Args:
        log_dir: Any TensorBoard log directory, a URL of one, or several by name.
        progress: Called before each file with its path, its number from 0, and how many there are.

    Raises:
        LogDirError: There is no such directory, it may not be read, or holds no event files.
    """
    return Collector(log_dir).collect(progress)


@dataclass
class _KnownRun:
    """A run as it was last read, and how its files looked then."""

    place: Place
    files: dict[str, tuple[Signature, SourceFile]]
    run: Run | None = None


class Collector:
    """Reads a log directory again and again, and of each file only what is new."""

    def __init__(self, log_dir: LogDirs, name: str = "") -> None:
        """Keep where to look.

        Args:
            log_dir: Any TensorBoard log directory, a URL of one, or several by name.
            name: What `--logdir_spec` calls it; TensorBoard then puts it before the runs' names.
        """
        spec = log_dir if isinstance(log_dir, LogDirSpec) else None
        self._shown = spec.text if spec is not None else os.fspath(log_dir)  # type: ignore[arg-type]
        self._roots = spec.roots if spec is not None else ((name, self._shown),)
        self._places: dict[str, Place] = {}
        self._known: dict[str, _KnownRun] = {}

    def collect(self, progress: Progress | None = None) -> Collection:
        """Read what has changed; a run whose files have not is the same object as before.

        Raises:
            LogDirError: There is no such directory, it may not be read, or holds no event files.
        """
        with undisturbed():
            found, problems = self._survey()
            before, self._known = self._known, {}
            for name, (place, files) in found.items():
                self._known[name] = _as_of_now(before.get(name), place, files)
            self._read(progress)
            runs = tuple(_run_of(name, known) for name, known in self._known.items())
        return Collection(self._shown, runs, tuple(problems))

    def _survey(self) -> tuple[dict[str, tuple[Place, RunFiles]], list[str]]:
        found: dict[str, tuple[Place, RunFiles]] = {}
        problems: list[str] = []
        refused: list[str] = []
        for group, root in self._roots:
            try:
                place = self._places.get(root) or place_of(root)
                self._places[root] = place
                listed = place.survey()
            except LogDirError as error:
                refused.append(str(error))
                continue
            problems.extend(listed.problems)
            for run in listed.runs.values():
                name = os.path.join(group, run.name) if group else run.name
                if name in found:
                    problems.append(f"A run {name} was left out: a later one has its name.")
                found[name] = place, run
        if len(refused) == len(self._roots):
            raise LogDirError(" ".join(refused))
        return dict(sorted(found.items())), [*problems, *refused]

    def _read(self, progress: Progress | None) -> None:
        """Read the files that have changed, large ones in threads, and forget their runs."""
        pending: list[tuple[int, _KnownRun, str, Signature, bool]] = []
        total = 0
        for known in self._known.values():
            for path, (signature, _) in known.files.items():
                now = known.place.signature(path)
                if now != signature or not now:
                    pending.append((total, known, path, now, known.place.light(now)))
                total += 1
        heavy = [known.files[path][1] for _, known, path, _, light in pending if not light]
        done = in_order(SourceFile.read, heavy)
        for number, known, path, signature, light in pending:
            if progress is not None:
                progress(path, number, total)
            file = known.files[path][1]
            if light:
                file.read()
            else:
                next(done)
            known.files[path] = signature, file
            known.run = None


def _as_of_now(known: _KnownRun | None, place: Place, found: RunFiles) -> _KnownRun:
    """Return a run with the files that it has now, keeping what is known of them."""
    if known is None or known.place is not place:
        known = _KnownRun(place, {})
    files = {
        path: known.files.get(path) or ((), SourceFile(place.name(path), place.file(path)))
        for path in found.files
    }
    # A file that has gone takes with it what it held.
    same = known.files.keys() <= files.keys()
    return _KnownRun(place, files, known.run if same else None)


def _run_of(name: str, known: _KnownRun) -> Run:
    if known.run is None:
        known.run = _made(name, [source for _, source in known.files.values()])
    return known.run


def _made(name: str, sources: Sequence[SourceFile]) -> Run:
    problems: list[str] = []
    blocks = _blocks(sources, problems)
    written = [
        Written(source.name, source.scalars, held, source.starts)
        for source, held in zip(sources, blocks, strict=True)
    ]
    return Run(
        name,
        JoinedScalars([source.scalars for source in sources]),
        OnDemand(lambda: _attempts(divide(written))),
        tuple(source.source for source in sources),
        tuple(problems),
        histograms_of([(source.open, source.extents) for source in sources]),
    )


def _attempts(divided: Sequence[Sequence[Written]]) -> Iterator[Attempt]:
    for number, parts in enumerate(divided, start=1):
        blocks = [block for part in parts for block in part.health]
        yield Attempt(
            number,
            tuple(part.file for part in parts),
            JoinedScalars([part.scalars for part in parts]),
            Health(blocks) if blocks else None,
        )


def _blocks(
    sources: Sequence[SourceFile], problems: list[str]
) -> list[list[tuple[Manifest, RowBlock]]]:
    """Return the blocks of each file with their manifests, which may lie in an earlier file."""
    manifests: dict[bytes, Manifest] = {}
    found: list[list[tuple[Manifest, RowBlock]]] = []
    for source in sources:
        found.append([])
        for step, content in source.health:
            if isinstance(content, str):
                problems.append(content)
                continue
            if isinstance(content, Manifest):
                manifests[content.id] = content
                continue
            manifest = manifests.get(content.manifest_id)
            if manifest is None or len(manifest.columns) != len(content.encodings):
                problems.append(f"The health record near step {step} lacks its manifest.")
                continue
            found[-1].append((manifest, content))
    return found
