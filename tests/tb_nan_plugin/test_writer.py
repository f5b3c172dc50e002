"""Whatever the disk does, whoever writes through the thread goes on, and is told once."""

from __future__ import annotations

import resource
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import tb_nan_plugin.writer as writer_module
from tb_nan_plugin.record import Column, Manifest, pack_manifest, pack_rows
from tb_nan_plugin.rotation import EventLog
from tb_nan_plugin.summary import EventFile
from tb_nan_plugin.writer import Writer
from tests.tb_nan_plugin.recordings import read

MANIFEST = Manifest((Column("loss"), Column("batch_size")))
WORDS = pack_manifest(MANIFEST)


def write(writer: Writer, first: int, last: int) -> None:
    steps = np.arange(first, last + 1)
    values = np.stack([steps / 7, steps * 0 + 8], axis=1).astype(np.float32)
    block = pack_rows(MANIFEST, steps, (1e9 + steps).astype(np.float64), values)
    writer.write_rows(WORDS, block, (first, last), 1e9 + last)
    writer.flush()


def test_what_was_flushed_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "FLUSH_PATIENCE_SECONDS", 60.0)  # a busy machine
    writer = Writer(str(tmp_path))
    for first in range(0, 50, 10):
        write(writer, first, first + 9)
        assert read(tmp_path).steps.tolist() == list(range(first + 10))
    writer.close()
    assert writer.notices() == []


def test_a_directory_that_cannot_be_made_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OSError, match="cannot write event files into"):
        Writer(str(tmp_path / "file" / "run"))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: writing more fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_once_and_what_was_written_stays_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 1e6)  # a new file would have room
    writer = Writer(str(tmp_path))
    write(writer, 0, 9)
    with largest_file(next(tmp_path.iterdir()).stat().st_size + 100):
        for first in range(10, 5000, 10):
            write(writer, first, first + 9)
        writer.close()

    (notice,) = writer.notices()
    assert notice.startswith(f"could not record in {tmp_path} (OSError: cannot write to ")
    assert notice.endswith("Training goes on; recording ended.")
    (source,) = analyzed(tmp_path)
    assert source == "truncated"


def analyzed(folder: Path) -> list[str]:
    import analyzer

    (run,) = analyzer.read(str(folder)).values()
    health = run.health[0]
    assert health.steps.tolist()[:10] == list(range(10))
    return [source.status for source in run.sources]


def test_once_there_is_room_again_a_new_file_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.0)
    original = EventFile.write

    def full(self: EventFile, event: bytes) -> None:
        raise OSError("no space left on device")

    writer = Writer(str(tmp_path))
    write(writer, 0, 9)
    monkeypatch.setattr(EventFile, "write", full)
    write(writer, 10, 19)
    write(writer, 20, 29)
    monkeypatch.setattr(EventFile, "write", original)
    write(writer, 30, 39)
    write(writer, 40, 49)
    writer.close()

    lost, back = writer.notices()
    assert "OSError: no space left on device" in lost
    assert back == f"recording goes on in {tmp_path}; steps in between are lost."
    assert read(tmp_path).steps.tolist() == [*range(10), *range(30, 50)]


def test_what_is_to_be_kept_is_remembered_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protected: list[tuple[int, int]] = []
    monkeypatch.setattr(EventLog, "protect", lambda _, first, last: protected.append((first, last)))

    def full(self: EventFile, event: bytes) -> None:
        raise OSError("no space left on device")

    writer = Writer(str(tmp_path))
    monkeypatch.setattr(EventFile, "write", full)
    write(writer, 10, 19)
    writer.protect(12, 15)
    writer.close()

    assert protected == [(12, 15)]


def test_a_directory_that_is_removed_is_noticed_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.0)
    folder = tmp_path / "run"
    writer = Writer(str(folder))
    write(writer, 0, 9)
    shutil.rmtree(folder)
    write(writer, 10, 19)
    write(writer, 20, 29)
    write(writer, 30, 39)
    writer.close()

    lost, back = writer.notices()
    assert "is gone" in lost
    assert "goes on" in back
    assert read(folder).steps.tolist() == list(range(20, 40))


def test_a_disk_that_does_not_answer_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MOST_WAITING_BYTES", 20_000)
    writer = Writer(str(tmp_path))
    answers = threading.Event()
    original = EventLog.flush

    def hang(self: EventLog) -> None:
        answers.wait(60)
        original(self)

    monkeypatch.setattr(EventLog, "flush", hang)
    began = time.monotonic()
    for first in range(0, 5000, 10):
        write(writer, first, first + 9)
    held_up = time.monotonic() - began
    monkeypatch.setattr(writer_module, "PATIENCE_SECONDS", 0.2)
    writer.close()
    notices = writer.notices()
    answers.set()

    assert held_up < 5  # of 500 flushes, each of which would take a minute
    assert len(notices) == 1
    assert "does not answer" in notices[0]


def test_a_mistake_in_the_thread_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.0)
    writer = Writer(str(tmp_path))
    with monkeypatch.context() as broken:
        broken.setattr(EventLog, "write_scalars", lambda *_: 1 / 0)
        writer.write_scalars({"nan/loss": 1.0}, 0, 1e9)
        writer.flush()
    write(writer, 0, 9)
    writer.close()

    assert "ZeroDivisionError" in writer.notices()[0]
    assert read(tmp_path).steps.tolist() == list(range(10))


def test_a_second_recording_into_a_directory_knows_that_it_goes_on(tmp_path: Path) -> None:
    first = Writer(str(tmp_path))
    first.close()
    second = Writer(str(tmp_path))
    second.close()

    assert (first.continues, second.continues) == (False, True)
