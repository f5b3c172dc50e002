"""The command line as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = (sys.executable, "-m", "analyzer")


def environment(**changes: str) -> dict[str, str]:
    """This process's, with bytecode as an installed package has it, and no terminal's settings."""
    steering = {"PYTHONDONTWRITEBYTECODE", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"}
    kept = {key: value for key, value in os.environ.items() if key not in steering}
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    return {**kept, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **changes}


def run_module(
    *arguments: str | Path,
    command: Sequence[str] = MODULE,
    cwd: Path | None = None,
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m analyzer ARGUMENTS` to its end."""
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
