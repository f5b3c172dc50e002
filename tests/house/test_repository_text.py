"""What no file of the repository may say, and how long and how named a file may be."""

import os
import re
from pathlib import Path

import pytest

from tests.house.conftest import ROOT

LONGEST = 300
NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "misc", "util", "utils"}

MACHINE_PATH = re.compile(
    r"(?<![\w.~-])/(?:home|root|work|Users)/(?!me\b)\w"
)  # an example says "me"
REGISTRIES = {"pypi": "org", "pythonhosted": "org", "npmjs": "(?:com|org)", "debian": "org"}
REGISTRY_HOST = re.compile("|".join(rf"\b{name}\.{end}\b" for name, end in REGISTRIES.items()))


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(MACHINE_PATH, id="a path of somebody's machine"),
        pytest.param(REGISTRY_HOST, id="the host of a package registry"),
    ],
)
def test_no_file_says(forbidden: re.Pattern[str], repository_files: list[Path]) -> None:
    said = [
        f"{file}:{number}: {found.group()}"
        for file in repository_files
        for number, line in enumerate(lines_of(file), start=1)
        if (found := forbidden.search(line))
    ]
    assert said == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert MACHINE_PATH.search(f"see {os.sep}home{os.sep}someone")
    assert not MACHINE_PATH.search(f"docs/work/x, an example {os.sep}home{os.sep}me/logs")
    assert REGISTRY_HOST.search("https://registry." + "npmjs" + ".org/lit")
    assert not REGISTRY_HOST.search("a Node from PyPI")


def test_no_source_file_is_long_enough_to_be_two(repository_files: list[Path]) -> None:
    long = [
        f"{file}: {length} lines"
        for file in repository_files
        if file.suffix in {".py", ".ts"}
        and not {"test", "tests"} & set(file.parts)
        and (length := len(lines_of(file))) > LONGEST
    ]
    assert long == []


def test_every_file_and_folder_is_named_after_a_thing(repository_files: list[Path]) -> None:
    assert [
        str(file)
        for file in repository_files
        if NAMES_THAT_SAY_NOTHING & {Path(part).stem.lower() for part in file.parts}
    ] == []


def test_continuous_integration_runs_exactly_what_a_person_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text().splitlines() if "make" in line.split()]
    assert commands == ["make test"]


def test_what_is_generated_is_not_under_version_control(repository_files: list[Path]) -> None:
    generated = {"node_modules", "static", "__pycache__"}
    assert [str(file) for file in repository_files if generated & set(file.parts)] == []


def lines_of(file: Path) -> list[str]:
    """The lines of a text file; none of a picture or of recorded bytes."""
    content = (ROOT / file).read_bytes()
    return [] if b"\0" in content else content.decode("utf-8").splitlines()
