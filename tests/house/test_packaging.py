"""The source distribution and the wheel, really built, from a copy that holds nothing built."""

import importlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

from tests.house.conftest import copy_of


@dataclass(frozen=True)
class Built:
    source: Path
    wheel: zipfile.ZipFile
    sdist: tarfile.TarFile

    @property
    def in_wheel(self) -> set[str]:
        return set(self.wheel.namelist())

    @property
    def in_sdist(self) -> set[str]:
        members = (PurePosixPath(name) for name in self.sdist.getnames())
        return {member.relative_to(member.parts[0]).as_posix() for member in members}

    def dist_info(self, name: str) -> str:
        (path,) = (path for path in self.in_wheel if path.endswith(f".dist-info/{name}"))
        return self.wheel.read(path).decode()

    @property
    def metadata(self) -> Message:
        return message_from_string(self.dist_info("METADATA"))


def build(
    source: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "build", *arguments, "--outdir", str(source / "dist")]
    return subprocess.run(
        [*command, str(source)],
        env=os.environ | dict(environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def built(
    repository_files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    source = copy_of(repository_files, tmp_path_factory.mktemp("build") / "source")
    outcome = build(source)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    (wheel,) = (source / "dist").glob("*.whl")
    (sdist,) = (source / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened_wheel, tarfile.open(sdist) as opened_sdist:
        yield Built(source, opened_wheel, opened_sdist)


def test_the_wheel_holds_the_frontend_and_the_type_marker(built: Built) -> None:
    assert {"tb_nan_plugin/static/index.js", "tb_nan_plugin/py.typed"} <= built.in_wheel


def test_the_wheel_holds_every_module_of_both_packages_and_nothing_else(built: Built) -> None:
    source = built.source
    modules = {
        path.relative_to(source).as_posix()
        for package in ("analyzer", "tb_nan_plugin")
        for path in (source / package).rglob("*.py")
    }
    assert {name for name in built.in_wheel if name.endswith(".py")} == modules
    tops = {name.partition("/")[0] for name in built.in_wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"analyzer", "tb_nan_plugin"}


def test_the_wheel_has_the_version_that_the_package_says(built: Built) -> None:
    said = importlib.import_module("tb_nan_plugin").__version__
    assert built.metadata["Version"] == said


def test_the_wheel_holds_the_compiled_scanner_but_none_of_its_sources(built: Built) -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert f"analyzer/events/_scanner{suffix}" in built.in_wheel
    assert f"Tag: cp{sys.version_info.major}{sys.version_info.minor}-" in built.dist_info("WHEEL")
    assert [name for name in built.in_wheel if name.endswith((".pyx", ".pxd", ".h", ".c"))] == []


def test_the_source_distribution_holds_the_sources_of_the_scanner_and_nothing_made_of_them(
    built: Built,
) -> None:
    native = built.source / "analyzer" / "events" / "native"
    headers = {path.relative_to(built.source).as_posix() for path in native.glob("*.h")}
    assert headers | {f"analyzer/events/_scanner.{end}" for end in ("pxd", "pyx")} <= built.in_sdist
    made = (".c", ".so", ".pyd")
    sources = [name for name in built.in_sdist if name.startswith("analyzer/")]
    assert [name for name in sources if name.endswith(made)] == []


def test_without_a_compiler_the_wheel_is_built_without_the_scanner(source_tree: Path) -> None:
    outcome = build(source_tree, "--wheel", environment={"CC": "false", "CXX": "false"})
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    (wheel,) = (source_tree / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert "analyzer/events/reference.py" in names
    assert [name for name in names if "_scanner." in name] == []


def test_the_wheel_names_the_command_and_the_tensorboard_plugin(built: Built) -> None:
    entry_points = ConfigParser()
    entry_points.read_string(built.dist_info("entry_points.txt"))
    assert dict(entry_points["console_scripts"]) == {"tb-nan": "analyzer.cli:main"}
    assert dict(entry_points["tensorboard_plugins"]) == {
        "nan": "tb_nan_plugin.plugin:NaNPluginLoader"
    }


def test_an_installation_without_extras_pulls_no_framework_and_no_tool(built: Built) -> None:
    required = built.metadata.get_all("Requires-Dist", [])
    always = {
        re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required if "extra ==" not in line
    }
    assert always == {"click", "numpy", "protobuf", "rich", "tensorboard"}
    assert any(re.match(r"tensorflow>=.*extra == .tensorflow.", line) for line in required)


def test_no_dependency_has_an_upper_bound(built: Built) -> None:
    assert [line for line in built.metadata.get_all("Requires-Dist", []) if "<" in line] == []


def test_the_source_distribution_builds_without_node(built: Built, tmp_path: Path) -> None:
    needed = {
        "frontend/package.json",
        "frontend/package-lock.json",
        "frontend/toolchain.py",
        "tb_nan_plugin/static/index.js",
        "Makefile",
        "LICENSE",
        "tests/house/test_packaging.py",
    }
    assert needed <= built.in_sdist
    assert not [name for name in built.in_sdist if "node_modules" in name or ".pyc" in name]
    subprocess.run(["tar", "-xzf", str(built.sdist.name), "-C", str(tmp_path)], check=True)
    (tree,) = tmp_path.iterdir()
    without_path = {"PATH": ""}
    asked = subprocess.run(
        [sys.executable, "frontend/toolchain.py", "build"],
        cwd=tree,
        env=without_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")
    assert not (tree / "frontend" / "node_modules").exists()


def test_a_frontend_that_does_not_build_stops_the_wheel_with_a_sentence(source_tree: Path) -> None:
    manifest = source_tree / "frontend" / "package.json"
    engines = json.loads(manifest.read_text())["engines"]
    broken = {"name": "broken", "version": "0.0.0", "engines": engines}
    broken["scripts"] = {"build": "node --eval 'process.exit(3)'"}
    manifest.write_text(json.dumps(broken))
    lock = broken | {"lockfileVersion": 3, "requires": True, "packages": {"": broken}}
    (source_tree / "frontend" / "package-lock.json").write_text(json.dumps(lock))
    outcome = build(source_tree, "--wheel")
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode != 0
    assert "error: The frontend failed: `npm run build` in" in said
    assert "ended with status 3" in said
    assert "A released wheel carries the built frontend" in said
    assert "Traceback" not in said
    assert list((source_tree / "dist").glob("*")) == []


def test_a_frontend_that_is_missing_stops_the_wheel_with_a_sentence(source_tree: Path) -> None:
    (source_tree / "frontend" / "package.json").unlink()
    outcome = build(source_tree, "--wheel")
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode != 0
    assert "error: The frontend is missing: there is no" in said
    assert "Traceback" not in said
