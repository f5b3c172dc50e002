"""`tb-nan scalars`: every point of every tag as a table, CSV or Parquet.

Columns: run, tag, attempt, step, wall_time, value. Nothing is sampled. A number that is
not finite is NaN, Infinity or -Infinity, as in the report; Parquet has such numbers of its own.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import click

if TYPE_CHECKING:
    from analyzer.runs import Runs
    from analyzer.series import Series

COLUMNS: Final = ("run", "tag", "attempt", "step", "wall_time", "value")
SHOWN: Final = 20  # rows on the terminal
ROWS_AT_ONCE: Final = 1 << 16  # what is held as Python objects while CSV is written


class Part(NamedTuple):
    """The points of one tag in one attempt of one run."""

    run: str
    tag: str
    attempt: int
    series: Series


@click.command("scalars")
@click.argument("log_dir", type=click.Path(readable=False))
@click.option("--tag", "tags", multiple=True, metavar="GLOB", help="Only tags like this; repeat.")
@click.option("--run", "runs", multiple=True, metavar="GLOB", help="Only runs like this; repeat.")
@click.option("--csv", "csv_file", metavar="FILE", help="Write CSV; - is standard output.")
@click.option("--parquet", "parquet_file", metavar="FILE", help="Write Parquet; needs pyarrow.")
def command(
    log_dir: str,
    *,
    tags: tuple[str, ...],
    runs: tuple[str, ...],
    csv_file: str | None,
    parquet_file: str | None,
) -> None:
    """Write every scalar point below LOG_DIR: none is sampled away, and restarts are kept apart.

    Without --csv and --parquet, show the first rows and how many there are. A glob knows *, ? and
    [...]; its * also matches "/".
    """
    from analyzer.collect import LogDirError
    from analyzer.events.selection import ReaderMissingError
    from analyzer.optional import MissingPackageError

    try:
        writer = _parquet() if parquet_file is not None else None
        from analyzer.runs import read

        found = read(log_dir)
        parts = list(chosen(found, runs, tags))
        if writer is not None and parquet_file is not None:
            write_parquet(parts, parquet_file, writer)
        if csv_file is not None:
            with _opened(csv_file) as stream:
                write_csv(parts, stream)
        if csv_file is None and parquet_file is None:
            show(parts)
        _say_problems(found)
    except BrokenPipeError:
        _end_quietly()
    except (LogDirError, MissingPackageError, ReaderMissingError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or 'the file'} cannot be written: {error.strerror or error}")


def chosen(runs: Runs, run_globs: tuple[str, ...], tag_globs: tuple[str, ...]) -> Iterator[Part]:
    """Yield the points of each tag in each attempt, by run, then tag, then attempt."""
    for name, run in runs.items():
        if not _like(name, run_globs):
            continue
        for tag in sorted(run.scalars):
            if not _like(tag, tag_globs):
                continue
            for attempt in run.attempts:
                if tag in attempt.scalars:
                    yield Part(name, tag, attempt.number, attempt.scalars[tag])


def _like(name: str, globs: tuple[str, ...]) -> bool:
    return not globs or any(fnmatchcase(name, glob) for glob in globs)


def rows(parts: list[Part]) -> Iterator[tuple[str, str, int, int, float, str]]:
    """Yield every point as a row of text and numbers, in the order of COLUMNS."""
    for run, tag, attempt, series in parts:
        for start in range(0, len(series), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            columns = (series.steps, series.wall_times, series.values)
            steps, times, values = (column[part].tolist() for column in columns)
            for step, time, value in zip(steps, times, values, strict=True):
                yield run, tag, attempt, step, time, number(value)


def number(value: float) -> str:
    """Return a number with all its digits; NaN, Infinity or -Infinity if it is not finite."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def write_csv(parts: list[Part], stream: IO[str]) -> None:
    """Write a header and every point."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(parts))


def write_parquet(parts: list[Part], path: str, pyarrow: Any) -> None:
    """Write every point, a row group for each tag of each attempt."""
    from analyzer.optional import needed

    parquet = needed("pyarrow.parquet", "--parquet", "pyarrow")
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    kinds = (text, text, pyarrow.int32(), pyarrow.int64(), pyarrow.float64(), pyarrow.float64())
    schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    with parquet.ParquetWriter(path, schema) as writer:
        for run, tag, attempt, series in parts:
            n = len(series)
            constants = [pyarrow.array([known] * n, kind) for known, kind in
                         zip((run, tag, attempt), kinds, strict=False)]  # fmt: skip
            columns = [*constants, series.steps, series.wall_times, series.values]
            writer.write_table(pyarrow.table(columns, schema=schema))


def show(parts: list[Part]) -> None:
    """Show the first rows on the terminal, and how many there are."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from analyzer.reporters.wording import printable

    table = Table(box=None, header_style="bold")
    for column in COLUMNS:
        if column in ("run", "tag"):
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column, justify="right", no_wrap=True)
    for row in islice(rows(parts), SHOWN):
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    total = sum(len(part.series) for part in parts)
    console = Console()
    if total:
        console.print(table)
    more = f"; the first {SHOWN} are shown, --csv and --parquet write all" * (total > SHOWN)
    runs, tags = len({part.run for part in parts}), len({part.tag for part in parts})
    console.print(f"{total} points of {tags} tags in {runs} runs{more}", highlight=False)


def _opened(path: str) -> AbstractContextManager[IO[str]]:
    if path == "-":
        return nullcontext(sys.stdout)
    return open(path, "w", encoding="utf-8", newline="", errors="backslashreplace")


def _parquet() -> Any:
    from analyzer.optional import needed

    return needed("pyarrow", "--parquet")


def _say_problems(runs: Runs) -> None:
    """Say on standard error what could not be read, so that nothing seems whole that is not."""
    from analyzer.reporters.wording import printable

    for run in runs.values():
        for source in run.sources:
            if source.reason:
                click.echo(printable(f"tb-nan: {source.file}: {source.reason}"), err=True)
    for problem in runs.problems:
        click.echo(printable(f"tb-nan: {problem}"), err=True)


def _end_quietly() -> NoReturn:
    # As coreutils do: whoever read has read enough, and Python must not try to flush any more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _fail(message: str) -> NoReturn:
    from analyzer.reporters.wording import printable

    click.echo(f"tb-nan: {printable(message)}", err=True)
    sys.exit(2)
