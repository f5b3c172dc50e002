"""The house looks at the repository as a whole: its files, and packages built from a copy of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repository_files() -> list[Path]:
    """Every file that is, or is about to be, under version control; relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.fail(f"The house tests read a git checkout: {listed.stderr.strip()}")
    return [
        path
        for name in listed.stdout.split("\0")
        if name and (ROOT / (path := Path(name))).is_file()
    ]


@pytest.fixture
def source_tree(repository_files: list[Path], tmp_path: Path) -> Path:
    """A fresh clone, as it were: nothing built, nothing installed."""
    return copy_of(repository_files, tmp_path / "source")


def copy_of(files: list[Path], target: Path) -> Path:
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target / file)
    return target
