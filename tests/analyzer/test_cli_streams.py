"""Where the command writes to: readers that go away, people who have enough, poor encodings."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from analyzer import cli
from tests.analyzer.commands import MODULE, environment, run_module
from tests.analyzer.reported import write_run


def test_a_reader_that_stops_early_causes_no_traceback(tmp_path: Path) -> None:
    for number in range(30):
        write_run("scalars-nonfinite", tmp_path / f"run{number:02}")

    for extra in ([], ["--json"]):
        child = subprocess.Popen(
            [*MODULE, str(tmp_path), *extra],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert child.stdout is not None
        child.stdout.close()
        _, stderr = child.communicate(timeout=60)
        assert stderr == b""


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
import analyzer.report
def analyze(*arguments):
    print("ready", file=sys.stderr, flush=True)
    time.sleep(60)
analyzer.report.analyze = analyze
from analyzer.cli import main
main(sys.argv[1:])
"""


def test_control_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    assert child.stderr.readline() == "ready\n"

    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=60)

    assert child.returncode not in (0, None)
    assert stdout == ""
    assert "Traceback" not in stderr


def test_a_run_whose_name_the_output_cannot_encode_is_printed_all_the_same(tmp_path: Path) -> None:
    write_run("healthy", tmp_path / "größe")

    result = run_module(tmp_path, PYTHONIOENCODING="ascii")

    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert "HEALTHY" in result.stdout


def test_the_files_being_read_are_shown_to_a_person_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run("healthy", tmp_path / "run")
    assert cli._progress() is None

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show = cli._progress()

    assert show is not None
    show("logs/\x1b[2Jrun", 0, 2)
    assert click.unstyle(capsys.readouterr().err) == "\rreading 1 of 2: logs/\\x1b[2Jrun"
