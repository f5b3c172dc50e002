"""The command answers at once: it imports no framework, and nothing that it does not need."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from tests.analyzer.commands import run_module
from tests.analyzer.reported import write_run

FRAMEWORKS = ["tensorflow", "keras", "jax", "torch"]
SECONDS = 0.4

LOADED = """
import json, sys
import analyzer, analyzer.report, analyzer.cli
from analyzer.reporters import as_json, terminal
before = sorted({name.partition(".")[0] for name in sys.modules})
report = analyzer.analyze(sys.argv[1])
as_json.render(report)
after = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([[a.status for a in report.analyses], before, after]))
"""


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write_run("nonfinite-input", tmp_path / "run")
    return tmp_path


def test_a_whole_analysis_imports_no_framework(logs: Path) -> None:
    result = run_module(logs, command=(sys.executable, "-c", LOADED))

    statuses, before, after = json.loads(result.stdout)
    assert statuses == ["nonfinite"]
    assert [name for name in FRAMEWORKS if name in after] == []
    assert "tensorboard" not in before  # only the reader needs it, and only once it reads
    assert "numpy" in after


def test_help_waits_for_no_numpy() -> None:
    check = "import sys, analyzer.cli; print('numpy' in sys.modules, 'rich' in sys.modules)"

    assert run_module(command=(sys.executable, "-c", check)).stdout == "False False\n"


def test_the_verdict_on_a_small_directory_comes_within_the_promised_time(
    logs: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Bytecode is where an installed package has it: compiled before the first use.
    cache = str(tmp_path_factory.mktemp("bytecode"))
    run_module(logs, PYTHONPYCACHEPREFIX=cache)

    durations = []
    for _ in range(7):
        start = time.perf_counter()
        result = run_module(logs, PYTHONPYCACHEPREFIX=cache)
        durations.append(time.perf_counter() - start)
        assert result.returncode == 1

    assert min(durations) < SECONDS, sorted(durations)
