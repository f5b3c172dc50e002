"""The C core, built with AddressSanitizer and UndefinedBehaviorSanitizer, on the fuzzer's files.

A report ends the program; so does a result that depends on how a file was read. That either would
be noticed is shown on copies of the core with a check taken out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import analyzer.events
from analyzer.events.selection import ReaderMissingError, select
from tests.analyzer.events.wire import event, file_of, scalar, tensor, value
from tests.fuzz.seeds import seeds

FUZZ = Path(__file__).resolve().parents[2] / "fuzz"
NATIVE = Path(analyzer.events.__file__).parent / "native"
COMPILERS = ("clang", "gcc", "cc")
FLAGS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
REMEDY = "On Debian and Ubuntu: apt-get install gcc libc6-dev. Elsewhere: gcc or clang."

pytestmark = pytest.mark.slow


def is_compiled_reader_there() -> bool:
    try:
        select("compiled")
    except ReaderMissingError:
        return False
    return True


@pytest.fixture(scope="module")
def compiler() -> str:
    """A C compiler; there must be one, but where the reference reader is all that is wanted."""
    found = next(filter(None, map(shutil.which, COMPILERS)), None)
    if found is None and not is_compiled_reader_there():
        pytest.skip("there is no C compiler on this machine, so it runs the reference reader")
    assert found is not None, f"The C core cannot be checked without a C compiler. {REMEDY}"
    return found


def build(compiler: str, native: Path, program: Path) -> Path:
    done = subprocess.run(
        [compiler, *FLAGS, f"-I{native}", str(FUZZ / "replay.c"), "-o", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{compiler} cannot build it. {REMEDY}\n{done.stderr}"
    return program


def replay(program: Path, files: list[Path]) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if name != "LD_PRELOAD"}
    environment |= {"UBSAN_OPTIONS": "print_stacktrace=1"}
    command = [str(program), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What the fuzzer found and what it began with, and three of their own kind."""
    folder = tmp_path_factory.mktemp("files")
    repeated = event(1, value("x", "scalars", tensor=tensor(1, float_val=[1])))
    long = file_of(*(scalar("loss", step, 0.5) for step in range(2_000)), *[repeated] * 2_000)
    names = (chr(33 + number % 94) + chr(33 + number // 94) for number in range(4_097))
    dear = file_of(event(1, *(value(name, image={}) for name in names)))
    almost = file_of(*(scalar("lose" if step == 5 else "loss", step, 0.5) for step in range(9)))
    made = {"long": long, "dear": dear, "almost": almost}
    for name, data in (seeds() | made).items():
        (folder / name).write_bytes(data)
    return sorted((FUZZ / "corpus").iterdir()) + sorted(folder.iterdir())


def test_no_file_that_the_fuzzer_found_makes_a_sanitizer_report(
    compiler: str, files: list[Path], tmp_path: Path
) -> None:
    done = replay(build(compiler, NATIVE, tmp_path / "replay"), files)

    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.splitlines() == list(map(str, files))


@pytest.mark.parametrize(
    ("header", "check", "without", "report"),
    [
        pytest.param(
            *("wire.h", "|| size > (size_t)(end - p)", "", "heap-buffer-overflow"),
            id="a length past its parent",
        ),
        pytest.param(
            *("memo.h", "if (differs || ", "if (", "not so: gist(&listener) == heard"),
            id="an event taken for another",
        ),
        pytest.param(
            *("tags.h", "if (grown == NULL) return 0;", "", "null pointer"),
            id="memory that runs out",
        ),
        pytest.param(
            *("tags.h", "wanted *= 2;", "wanted *= 32;", "not so: held(scan)"),
            id="memory beyond what the file can ask for",
        ),
        pytest.param(
            *("tags.h", "    free(tags->arena);\n", "", "LeakSanitizer"), id="memory that is kept"
        ),
    ],
)
def test_a_check_that_is_taken_out_is_missed(
    header: str,
    check: str,
    without: str,
    report: str,
    *,
    compiler: str,
    files: list[Path],
    tmp_path: Path,
) -> None:
    native = Path(shutil.copytree(NATIVE, tmp_path / "native"))
    source = (native / header).read_text()
    assert source.count(check) == 1
    (native / header).write_text(source.replace(check, without))

    done = replay(build(compiler, native, tmp_path / "replay"), files)

    assert done.returncode != 0
    assert report in done.stderr
