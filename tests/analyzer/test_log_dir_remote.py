"""Log directories behind a URL: the same runs, the same points, and errors that say what to do."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import analyzer
from analyzer.events.remote import is_url
from tests.analyzer.events import wire
from tests.analyzer.points import events, listed, put

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory() -> Iterator[Any]:
    """The file system of `memory://`, which all of a process share."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


def fill(folder: Path) -> None:
    put(folder, events([0, 1]))
    put(folder / "a" / "train", events([2, 3]))
    put(folder / "a" / "train", events([4, 5]), 1)
    (folder / "a" / "notes.txt").write_text("no event file")
    (folder / "a" / "events.out.tfevents.1.host.profile-empty").touch()
    (folder / "b").mkdir()
    (folder / "b" / "events.out.tfevents.1.host").write_text(
        "version https://git-lfs.github.com/spec/v1\n"
    )


def upload(system: Any, folder: Path, root: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            system.pipe_file(f"{root}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def told(runs: analyzer.Runs) -> Any:
    return {
        name: (
            {tag: listed(series) for tag, series in run.scalars.items()},
            [(s.file, s.status, s.events) for s in run.sources],
            len(run.attempts),
        )
        for name, run in runs.items()
    }


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_directory_in_memory_reads_as_the_same_directory_here(
    slash: str, tmp_path: Path, memory: Any
) -> None:
    fill(tmp_path)
    upload(memory, tmp_path, "/logs")

    assert told(analyzer.read("memory://logs" + slash)) == told(analyzer.read(tmp_path))


def test_a_directory_in_an_archive_reads_as_the_same_directory_here(tmp_path: Path) -> None:
    fill(tmp_path / "logs")
    shutil.make_archive(str(tmp_path / "logs"), "zip", tmp_path / "logs")

    found = analyzer.read(f"zip://::{tmp_path}/logs.zip")

    assert told(found) == told(analyzer.read(tmp_path / "logs"))


def test_the_file_system_of_this_machine_through_fsspec_reads_as_its_path(tmp_path: Path) -> None:
    fill(tmp_path)

    assert told(analyzer.read(f"local://{tmp_path}")) == told(analyzer.read(tmp_path))


def test_a_file_url_is_its_path_and_links_in_circles_end(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "a" / "up").symlink_to(tmp_path)

    assert told(analyzer.read(f"file://{tmp_path}")) == told(analyzer.read(tmp_path))


def test_a_remote_file_that_grows_gives_what_is_new(memory: Any) -> None:
    name = "/logs/run/events.out.tfevents.1.host"
    whole = wire.file_of(wire.version(), *events([0, 1, 2]))
    cut = len(wire.file_of(wire.version(), *events([0, 1]))) + 5
    memory.pipe_file(name, whole[:cut])
    runs = analyzer.read("memory://logs")
    assert listed(runs["run"].scalars["loss"]) == [(0, 0.0), (1, 1.0)]
    assert runs["run"].sources[0].status == "truncated"

    memory.pipe_file(name, whole)

    assert runs.refresh() == {"run"}
    assert listed(runs["run"].scalars["loss"]) == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert runs["run"].sources[0].status == "ok"
    assert runs.refresh() == frozenset()


def test_several_directories_may_be_here_and_there(tmp_path: Path, memory: Any) -> None:
    put(tmp_path, events([0]))
    memory.pipe_file("/logs/x/tfevents.1", wire.file_of(*events([1])))

    runs = analyzer.read(analyzer.LogDirSpec.parse(f"here:{tmp_path},there:memory://logs"))

    assert list(runs) == ["here/.", "there/x"]


def test_a_store_that_fails_on_one_file_costs_that_file(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoreError(Exception):
        """Stores raise errors of their own."""

    for run in "ab":
        memory.pipe_file(f"/logs/{run}/tfevents.1", wire.file_of(*events([1])))
    original = type(memory)._open

    def refuse(self: Any, path: str, *arguments: Any, **options: Any) -> Any:
        if path.startswith("/logs/a"):
            raise StoreError("throttled\nwith a long tail")
        return original(self, path, *arguments, **options)

    monkeypatch.setattr(type(memory), "_open", refuse)

    runs = analyzer.read("memory://logs")

    assert runs["a"].sources[0].reason == "The file cannot be read: throttled."
    assert listed(runs["b"].scalars["loss"]) == [(1, 0.0)]


def test_a_remote_verdict_is_the_local_one(tmp_path: Path, memory: Any) -> None:
    nan = wire.scalar("loss", 7, float("nan"))
    put(tmp_path, [*events([5, 6]), nan])
    upload(memory, tmp_path, "/logs")

    (here,) = analyzer.analyze(tmp_path).analyses
    (there,) = analyzer.analyze("memory://logs").analyses

    assert there.first_nonfinite == here.first_nonfinite is not None
    assert there.status == here.status == "nonfinite"


# --- What cannot be read


def refused(url: str) -> str:
    with pytest.raises(analyzer.LogDirError) as caught:
        analyzer.read(url)
    return str(caught.value)


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.delitem(sys.modules, "fsspec.core", raising=False)

    assert refused("s3://bucket/logs") == (
        "s3://bucket/logs needs the package fsspec: pip install 'tb-nan-plugin[remote]'"
    )


def test_without_the_package_of_a_protocol_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    fsspec.registry._registry.pop("s3", None) if hasattr(fsspec.registry, "_registry") else None

    said = refused("s3://bucket/logs")

    assert said.startswith("s3://bucket/logs cannot be reached: ")
    assert "s3fs" in said


def test_an_unknown_protocol_is_told() -> None:
    assert "nosuch" in refused("nosuch://bucket/logs")


def test_an_empty_or_missing_remote_directory_is_told(memory: Any) -> None:
    memory.pipe_file("/logs/notes.txt", b"")

    assert refused("memory://logs").startswith("memory://logs holds no event files")
    assert refused("memory://nowhere").startswith("memory://nowhere holds no event files")


@pytest.mark.parametrize(
    ("path", "known"),
    [("gs://b/x", True), ("memory://x", True), ("a:b", False), ("/a//b", False), ("C:\\x", False)],
)
def test_a_url_is_told_from_a_path(path: str, known: bool) -> None:
    assert is_url(path) is known


def test_a_stream_without_readinto_is_read_too(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain:
        """Only what every file-like object has."""

        def __init__(self, data: bytes) -> None:
            self._stream = io.BytesIO(data)
            self.seek, self.read = self._stream.seek, self._stream.read

        def __enter__(self) -> Plain:
            return self

        def __exit__(self, *_: object) -> None:
            self._stream.close()

    data = wire.file_of(*events([1, 2]))
    memory.pipe_file("/logs/tfevents.1", data)
    monkeypatch.setattr(type(memory), "open", lambda *_, **__: Plain(data))

    assert listed(analyzer.read("memory://logs")["."].scalars["loss"]) == [(1, 0.0), (2, 1.0)]
