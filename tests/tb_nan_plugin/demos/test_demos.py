"""The list of demos and its command line, without TensorFlow."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from tb_nan_plugin import demos
from tb_nan_plugin.demos import __main__ as command_line
from tb_nan_plugin.demos._demo import Demo

COMMAND = [sys.executable, "-m", "tb_nan_plugin.demos"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_every_program_of_the_package_is_listed_and_the_other_way_round() -> None:
    programs = {
        f"{demos.__name__}.{module.name}"
        for module in pkgutil.iter_modules(demos.__path__)
        if not module.name.startswith("_")
    }
    assert {demo.module for demo in demos.ALL} == programs
    assert len(demos.ALL) == len(programs)


def test_a_program_is_named_after_its_module_and_no_two_alike() -> None:
    names = [demo.name for demo in demos.ALL]
    assert len(set(names)) == len(names)
    assert [d.module.rpartition(".")[2].replace("_", "-") for d in demos.ALL] == names


@pytest.mark.parametrize("demo", demos.ALL, ids=lambda demo: demo.name)
def test_what_is_said_of_a_program_fits_in_a_line(demo: Demo) -> None:
    for text in (demo.cause, demo.title, demo.remedy):
        assert text
        assert "\n" not in text
        assert len(text) < 80


def test_importing_the_list_imports_no_framework() -> None:
    look = "import json, sys, tb_nan_plugin.demos.__main__; print(json.dumps(list(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(ran.stdout)}
    assert not loaded & {"keras", "numpy", "tensorboard", "tensorflow"}


def test_the_list_names_every_program_in_order_with_what_is_wrong() -> None:
    ran = run("--list")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = [line.split(maxsplit=1) for line in ran.stdout.splitlines()]
    assert lines == [[demo.name, demo.title] for demo in demos.ALL]


def test_an_unknown_name_is_wrong_usage_and_the_known_ones_are_named(tmp_path: Path) -> None:
    ran = run("log-of-nought", "--log-dir", str(tmp_path / "run"))
    assert ran.returncode == 2
    assert "'log-of-nought'" in ran.stderr
    assert all(demo.name in ran.stderr for demo in demos.ALL)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [[], ["log-of-zero"], ["--log-dir", "logs"]])
def test_a_name_and_a_directory_are_needed(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)
    assert ended.value.code == 2
    assert "NAME --log-dir DIR" in capsys.readouterr().err


def test_without_tensorflow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "find_spec", lambda name: None)
    assert command_line.main(["log-of-zero", "--log-dir", str(tmp_path / "run")]) == 2
    assert "pip install 'tb-nan-plugin[tensorflow]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_log_directory_that_cannot_be_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "find_spec", lambda name: object())
    file = tmp_path / "file"
    file.touch()
    assert command_line.main(["log-of-zero", "--log-dir", str(file)]) == 2
    complaint = capsys.readouterr().err
    assert str(file) in complaint
    assert len(complaint.splitlines()) == 1
