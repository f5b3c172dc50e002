"""`tb-nan scalars`: every point, in a form that other tools read, and errors of one sentence."""

from __future__ import annotations

import csv
import io
import sys
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from analyzer import cli
from tests.analyzer.commands import run_module
from tests.analyzer.events import wire
from tests.analyzer.points import CLOCK, events, put

HEADER = ["run", "tag", "attempt", "step", "wall_time", "value"]


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["scalars", *map(str, arguments)])


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    put(folder / "a", events({"loss": [0, 1], "lr": [0]}), 0)
    put(folder / "a", events({"loss": [0, 1]}), 1)
    values = [nan, inf, -inf, 0.1]
    put(folder / "b,c", [wire.scalar('quoted"', step, v) for step, v in enumerate(values)])
    return folder


def test_csv_holds_every_point_once_in_order(logs: Path) -> None:
    result = invoke(logs, "--csv", "-")

    assert result.exit_code == 0
    assert table(result.stdout) == [
        HEADER,
        ["a", "loss", "1", "0", f"{CLOCK}", "0.0"],
        ["a", "loss", "1", "1", f"{CLOCK + 1}", "1.0"],
        ["a", "loss", "2", "0", f"{CLOCK}", "0.0"],
        ["a", "loss", "2", "1", f"{CLOCK + 1}", "1.0"],
        ["a", "lr", "1", "0", f"{CLOCK}", "0.0"],
        ["b,c", 'quoted"', "1", "0", f"{CLOCK}", "NaN"],
        ["b,c", 'quoted"', "1", "1", f"{CLOCK}", "Infinity"],
        ["b,c", 'quoted"', "1", "2", f"{CLOCK}", "-Infinity"],
        ["b,c", 'quoted"', "1", "3", f"{CLOCK}", "0.10000000149011612"],
    ]


def test_a_csv_file_holds_the_same_and_nothing_is_said(logs: Path, tmp_path: Path) -> None:
    result = invoke(logs, "--csv", tmp_path / "out.csv")

    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "out.csv").read_text() == invoke(logs, "--csv", "-").stdout


def test_numbers_survive_csv_exactly(logs: Path) -> None:
    rows = table(invoke(logs, "--csv", "-").stdout)[1:]

    values = [float(row[5]) for row in rows if row[0] == "b,c"]
    assert isnan(values[0])
    assert values[1:] == [inf, -inf, float.fromhex("0x1.99999a0000000p-4")]


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        (["--tag", "l*"], {"loss", "lr"}),
        (["--tag", "loss"], {"loss"}),
        (["--tag", "lr", "--tag", "quoted*"], {"lr", 'quoted"'}),
        (["--run", "a"], {"loss", "lr"}),
        (["--run", "b*", "--tag", "l*"], set()),
        (["--tag", "[lq]?*"], {"loss", "lr", 'quoted"'}),
    ],
)
def test_globs_choose_tags_and_runs(options: list[str], tags: set[str], logs: Path) -> None:
    result = invoke(logs, "--csv", "-", *options)

    assert result.exit_code == 0
    assert {row[1] for row in table(result.stdout)[1:]} == tags


def test_parquet_holds_what_csv_holds_with_types(logs: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")

    assert invoke(logs, "--parquet", tmp_path / "out.parquet").exit_code == 0

    frame = pandas.read_parquet(tmp_path / "out.parquet")
    assert [str(kind) for kind in frame.dtypes] == [
        "category",
        "category",
        "int32",
        "int64",
        "float64",
        "float64",
    ]
    rows = table(invoke(logs, "--csv", "-").stdout)
    assert list(frame.columns) == rows[0]
    assert [alike(row) for row in frame.itertuples(index=False)] == [alike(row) for row in rows[1:]]


def alike(row: Any) -> tuple[Any, ...]:
    run, tag, attempt, step, wall_time, value = row
    return run, tag, int(attempt), int(step), float(wall_time), repr(float(value))


def test_without_pyarrow_the_package_is_named_before_anything_is_read(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    result = invoke(logs, "--parquet", tmp_path / "out.parquet")

    assert result.exit_code == 2
    assert result.stderr == "tb-nan: --parquet needs the package pyarrow: pip install pyarrow\n"
    assert not (tmp_path / "out.parquet").exists()


def test_the_terminal_gets_the_first_rows_and_the_count(tmp_path: Path) -> None:
    put(tmp_path, events(range(30)))

    result = run_module("scalars", tmp_path, COLUMNS="100")

    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == HEADER
    assert len(lines) == 1 + 20 + 1
    assert lines[-1].startswith("30 points of 1 tags in 1 runs; the first 20 are shown")


def test_nothing_chosen_is_said_and_is_no_error(logs: Path) -> None:
    result = invoke(logs, "--tag", "nothing")

    assert (result.exit_code, result.stdout) == (0, "0 points of 0 tags in 0 runs\n")


def test_what_could_not_be_read_is_said_on_stderr(logs: Path) -> None:
    (logs / "a" / "._events.out.tfevents.1.host").write_bytes(b"\x00\x05\x16\x07" + bytes(100))

    result = invoke(logs, "--csv", "-")

    assert result.exit_code == 0
    assert len(table(result.stdout)) == 10
    assert result.stderr.count("\n") == 1
    assert "macOS AppleDouble" in result.stderr


@pytest.mark.parametrize("options", [[], ["--csv", "-"], ["--csv", "x/no/such/folder/out.csv"]])
def test_errors_are_one_sentence_and_code_2(options: list[str], tmp_path: Path, logs: Path) -> None:
    target = logs if "x" in "".join(options) else tmp_path / "nowhere"

    result = invoke(target, *options)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("tb-nan: ")
    assert result.stderr.count("\n") == 1


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    put(tmp_path, events(range(20_000)))
    line = f'"{sys.executable}" -m analyzer scalars "{tmp_path}" --csv - | head -1'

    result = run_module(command=("bash", "-o", "pipefail", "-c", line))

    assert result.stdout.split() == [",".join(HEADER)]
    assert result.stderr == ""
    assert result.returncode == 0


def test_help_waits_for_no_numpy() -> None:
    check = "import sys, analyzer.export; print('numpy' in sys.modules, 'csv' in sys.modules)"

    assert run_module(command=(sys.executable, "-c", check)).stdout.split()[0] == "False"
    assert "--parquet" in invoke("--help").stdout


# --- tb-nan analyze of several directories


def test_analyze_takes_a_logdir_spec(tmp_path: Path) -> None:
    put(tmp_path / "x", events([0]))
    put(tmp_path / "y", [wire.scalar("loss", 3, nan)])

    result = CliRunner().invoke(
        cli.main, ["--logdir-spec", f"one:{tmp_path}/x,two:{tmp_path}/y", "--json"]
    )

    assert result.exit_code == 1
    assert '"two/."' in result.stdout


@pytest.mark.parametrize("arguments", [["analyze"], ["analyze", "x", "--logdir-spec", "a:x"]])
def test_analyze_wants_a_directory_or_a_spec(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli.main, arguments)

    assert result.exit_code == 2
    assert "Give either LOG_DIR or --logdir-spec." in result.stderr
