"""Files that the compiled scanner maps into memory: read as streams are, and survived when cut."""

from __future__ import annotations

import faulthandler
import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.events import frames
from analyzer.events.event_file import EventFile, EventStream
from analyzer.events.framing import FileShrankError
from tests.analyzer.events.test_twins import RICH, edited, told
from tests.analyzer.events.wire import event, file_of, scalar, text, value

pytestmark = pytest.mark.skipif(
    os.name != "posix" or sys.platform == "cygwin", reason="files are mapped on POSIX systems only"
)
LONG = file_of(*(scalar("x", step, step) for step in range(40_000)))
# A record whose checksum goes on behind the page in which the file was cut.
WIDE = file_of(scalar("x", 0, 1), event(1, value("t", "text", tensor=text(b"a" * 200_000))))
STRETCH = 1 << 24


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.out.tfevents.1"


@pytest.fixture(scope="module", autouse=True)
def everything_is_mapped() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "MAPPED", 1)
        yield


def mapped(scanner: ModuleType, data: bytes, path: Path) -> int:
    path.write_bytes(data)
    with path.open("rb") as stream:
        return int(scanner.Scanner().scan_mapped(stream.fileno(), 0, len(data)))


def test_a_sound_file_is_taken_in_whole_without_being_read(
    compiled: ModuleType, path: Path
) -> None:
    assert mapped(compiled, LONG, path) == len(LONG)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_mapped_file_says_what_the_same_bytes_say_as_a_stream(
    compiled: ModuleType, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "edited.tfevents"
    path.write_bytes(content := edited(data))

    assert told(EventFile(path, compiled).read()) == told(
        EventStream(compiled).read(io.BytesIO(content))
    )


@pytest.mark.parametrize("size", [STRETCH - 40, STRETCH, STRETCH + 40, 2 * STRETCH + 5])
def test_records_at_the_edge_of_a_stretch_and_longer_than_one(
    compiled: ModuleType, path: Path, size: int
) -> None:
    one = event(1, value("h", "nan", tensor=text(b"a" * size)))
    data = RICH + file_of(one, one) + RICH
    path.write_bytes(data)

    records = EventFile(path, compiled).read()

    assert [block.size for block in records.health if block.step == 1] == [size, size]
    assert told(records) == told(EventStream(compiled).read(io.BytesIO(data)))


def test_a_file_that_was_cut_meanwhile_is_an_error_and_not_the_end_of_the_process(
    compiled: ModuleType, path: Path
) -> None:
    path.write_bytes(WIDE[:100_000])
    with path.open("rb") as stream, pytest.raises(FileShrankError):
        compiled.Scanner().scan_mapped(stream.fileno(), 0, len(WIDE))


def test_a_file_that_was_cut_meanwhile_is_read_anew_as_far_as_it_goes(
    compiled: ModuleType, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(WIDE)
    file = EventFile(path, compiled)
    status = os.fstat

    def cut_after_looking(descriptor: int) -> os.stat_result:
        found = status(descriptor)
        os.truncate(path, 100_000)
        return found

    monkeypatch.setattr(os, "fstat", cut_after_looking)
    records = file.read()
    monkeypatch.undo()

    assert records.anew
    assert records.scalars["x"].steps.tolist() == [0]
    assert records.state == EventStream(compiled).read(io.BytesIO(WIDE[:100_000])).state


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_fault_elsewhere_ends_the_process_as_it_would_have(
    compiled: ModuleType, path: Path
) -> None:
    path.write_bytes(LONG)
    program = """
        import faulthandler, mmap, os, sys
        if sys.argv[2] == "told":
            faulthandler.enable()
        from analyzer.events.event_file import EventFile
        assert EventFile(sys.argv[1]).read().events == 40_000
        stream = open(sys.argv[1], "r+b")
        map = mmap.mmap(stream.fileno(), 0)
        os.truncate(sys.argv[1], 0)
        map[0]
    """
    plain, told_of = run(program, path, "plain"), None
    path.write_bytes(LONG)
    told_of = run(program, path, "told")

    assert plain.returncode == told_of.returncode == -7
    assert plain.stderr == ""
    assert told_of.stderr.count("Fatal Python error: Bus error") == 1


def test_behind_somebody_elses_handler_nothing_is_mapped(compiled: ModuleType, path: Path) -> None:
    assert faulthandler.is_enabled(), "pytest was expected to enable it"
    program = """
        import faulthandler, sys
        from analyzer.events.selection import select
        scanner = select("compiled").Scanner()
        faulthandler.enable()
        stream = open(sys.argv[1], "rb")
        print(scanner.scan_mapped(stream.fileno(), 0, 1 << 20))
    """
    path.write_bytes(LONG)

    assert run(program, path).stdout == "0\n"
