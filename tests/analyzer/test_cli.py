"""What the command does, says and returns; bad input gets one sentence and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import tb_nan_plugin
from analyzer import cli
from analyzer.events import scanner
from tests.analyzer.commands import MODULE, run_module
from tests.analyzer.reported import STATUSES, write_run
from tests.analyzer.runs import event_file, write


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, [str(a) for a in arguments])


def is_one_sentence(text: str) -> bool:
    return text.startswith("tb-nan: ") and text.count("\n") == 1 and text.endswith("\n")


# --- Exit codes

CODES = {
    "nonfinite": {"nonfinite": 1, "silent": 1},
    "unhealthy": {"nonfinite": 1, "silent": 1, "recovered": 1, "unhealthy": 1},
    "never": {},
}
BY_STATUS = {status: name for name, status in reversed(STATUSES.items())}


@pytest.mark.parametrize("status", BY_STATUS)
@pytest.mark.parametrize("threshold", CODES)
def test_exit_code_is_that_of_the_status(threshold: str, status: str, tmp_path: Path) -> None:
    write_run(BY_STATUS[status], tmp_path / "run")
    code = 2 if status == "unreadable" else CODES[threshold].get(status, 0)

    for extra in ([], ["--json"]):
        assert invoke("analyze", tmp_path, "--fail-on", threshold, *extra).exit_code == code


def test_the_threshold_is_nonfinite_unless_told(tmp_path: Path) -> None:
    write_run("scalars-recovered", tmp_path / "a")
    assert invoke(tmp_path).exit_code == 0

    write_run("scalars-nonfinite", tmp_path / "b")
    assert invoke(tmp_path).exit_code == 1


def test_runs_of_one_training_are_one_unless_told_otherwise(tmp_path: Path) -> None:
    for name in ("train", "validation"):
        write(tmp_path / name, event_file(scalars={"epoch_loss": [1.0, 0.5]}))

    joined = json.loads(invoke(tmp_path, "--json").output)["runs"]
    apart = json.loads(invoke(tmp_path, "--json", "--no-group").output)["runs"]

    assert [run["run"] for run in joined] == ["."]
    assert [part["run"] for part in joined[0]["parts"]] == ["train", "validation"]
    assert [(run["run"], run["parts"]) for run in apart] == [("train", []), ("validation", [])]


def test_one_unreadable_run_among_others_is_no_failure(tmp_path: Path) -> None:
    write_run("unreadable", tmp_path / "a")
    write_run("healthy", tmp_path / "b")

    assert invoke(tmp_path).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [["analyze"], ["analyze", "a", "b"], ["x", "--fail-on", "always"], ["x", "--no-such-option"]],
)
def test_wrong_usage_is_exit_code_2_and_explained_on_stderr(arguments: list[str]) -> None:
    result = invoke(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Usage: ")


# --- The same answer by every name


def test_the_command_may_be_left_out_and_the_module_is_the_command(tmp_path: Path) -> None:
    write_run("nonfinite-input", tmp_path / "run")
    command = shutil.which("tb-nan", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("the command tb-nan is not installed beside this Python")

    ways = [(command,), (command, "analyze"), MODULE, (*MODULE, "analyze")]
    results = [run_module(tmp_path, command=way) for way in ways]

    assert {result.returncode for result in results} == {1}
    assert {result.stderr for result in results} == {""}
    assert len({result.stdout for result in results}) == 1
    assert "nonfinite-input" in results[0].stdout


def test_options_may_stand_on_either_side_of_the_directory(tmp_path: Path) -> None:
    write_run("healthy", tmp_path / "run")

    assert invoke("--json", tmp_path).stdout == invoke(tmp_path, "--json").stdout


def test_json_is_alone_on_stdout(tmp_path: Path) -> None:
    write_run("scalars-nonfinite", tmp_path / "run")

    result = run_module(tmp_path, "--json")

    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report["log_dir"] == str(tmp_path)
    assert report["runs"][0]["status"] == "nonfinite"


def test_json_of_something_unreadable_is_still_json_on_stdout(tmp_path: Path) -> None:
    write_run("unreadable", tmp_path / "run")

    result = run_module(tmp_path, "--json")

    assert result.returncode == 2
    assert json.loads(result.stdout)["runs"][0]["status"] == "unreadable"
    assert is_one_sentence(result.stderr)
    assert str(tmp_path) in result.stderr


def test_help_names_the_commands_and_the_exit_codes() -> None:
    for arguments in (["--help"], ["-h"], []):
        assert "tb-nan analyze logs" in invoke(*arguments).output
    analyze = invoke("analyze", "--help").stdout
    assert "Exit codes:" in analyze
    assert "--fail-on [nonfinite|unhealthy|never]" in analyze


def test_help_and_version_need_neither_a_directory_nor_stderr() -> None:
    for option in ("--help", "--version"):
        result = run_module(option)
        assert (result.returncode, result.stderr) == (0, "")
    said = f"tb-nan, version {tb_nan_plugin.__version__} ({scanner.ACTIVE} reader)\n"
    assert run_module("--version").stdout == said


# --- Bad input


@pytest.fixture
def bad_input(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "file.txt").write_text("something")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.md").write_text("no events here")
    return {
        "a missing directory": tmp_path / "missing",
        "a file": tmp_path / "file.txt",
        "an event file itself": write(tmp_path / "logs", event_file(scalars={"loss": [1.0]})),
        "an empty directory": tmp_path / "empty",
        "a directory of other files": tmp_path / "other",
        "a name with controls": tmp_path / "\x1b[2Jmissing\n",
        "a name that is no text": tmp_path / os.fsdecode(b"\xff\xfe"),
    }


NAMED = [
    "a missing directory",
    "a file",
    "an event file itself",
    "an empty directory",
    "a directory of other files",
]


@pytest.mark.parametrize("what", [*NAMED, "a name with controls", "a name that is no text"])
@pytest.mark.parametrize("extra", [[], ["--json"]], ids=["for people", "as JSON"])
def test_bad_input_gets_one_sentence(
    what: str, extra: list[str], bad_input: dict[str, Path]
) -> None:
    result = run_module(bad_input[what], *extra)

    assert result.returncode == 2
    assert result.stdout == ""
    assert is_one_sentence(result.stderr)
    assert "\x1b" not in result.stderr
    assert what not in NAMED or str(bad_input[what]) in result.stderr


def test_a_directory_of_impostors_says_of_each_what_it_is(tmp_path: Path) -> None:
    write_run("unreadable", tmp_path / "run")

    result = run_module(tmp_path, COLUMNS="200")

    assert result.returncode == 2
    assert "not-events" in result.stdout
    assert is_one_sentence(result.stderr)


# A rehearsal loads every module while this process may still read them; root may read all logs.
AS_NOBODY = """
import contextlib, io, os, sys
from analyzer.cli import main
for rehearsal in ([sys.argv[1]], ["/no such folder"]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        with contextlib.suppress(SystemExit):
            main(rehearsal)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
main(sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="a system without Unix permissions")
@pytest.mark.parametrize("closed", ["directory", "file"])
def test_what_may_not_be_read_is_said_in_one_sentence(closed: str) -> None:
    # Not below tmp_path, into which another user may not look.
    with tempfile.TemporaryDirectory() as name:
        logs = Path(name) / "logs"
        path = write(logs, event_file(scalars={"loss": [1.0]}))
        Path(name).chmod(0o755)
        (logs if closed == "directory" else path).chmod(0)
        command = (sys.executable, "-c", AS_NOBODY) if os.getuid() == 0 else MODULE
        result = run_module(logs, command=command, COLUMNS="200")
        logs.chmod(0o755)

    if "os.setgroups" in result.stderr:
        pytest.skip("this root may not become another user")
    assert result.returncode == 2
    assert is_one_sentence(result.stderr)
    assert str(logs) in result.stderr
    if closed == "directory":
        assert result.stdout == ""
        assert "may not be read by this user" in result.stderr
    else:
        assert "unreadable. The file cannot be read: Permission denied." in result.stdout


def test_markdown_is_alone_on_stdout(tmp_path: Path) -> None:
    write_run("scalars-nonfinite", tmp_path / "run")

    result = run_module(tmp_path, "--markdown")

    assert result.returncode == 1
    assert result.stderr == ""
    assert result.stdout.startswith("# ")


def test_a_page_is_written_beside_what_is_printed(tmp_path: Path) -> None:
    write_run("scalars-nonfinite", tmp_path / "logs" / "run")
    page = tmp_path / "report.html"

    result = invoke(tmp_path / "logs", "--html", page, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["runs"][0]["status"] == "nonfinite"
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_a_page_that_cannot_be_written_is_an_error_that_names_option_and_file(
    tmp_path: Path,
) -> None:
    write_run("healthy", tmp_path / "logs" / "run")
    page = tmp_path / "missing" / "report.html"

    result = run_module(tmp_path / "logs", "--html", page)

    assert result.returncode == 2
    assert is_one_sentence(result.stderr)
    assert "--html" in result.stderr
    assert str(page) in result.stderr


def test_two_forms_at_once_are_wrong_usage(tmp_path: Path) -> None:
    assert invoke(tmp_path, "--json", "--markdown").exit_code == 2
