"""`tb-nan compare`: what differs between a run that is healthy and one that is not."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from rich.table import Table

    from analyzer.comparison import Comparison, Parting
    from analyzer.report import Analysis

MOST: Final = 15  # rows of one table on a terminal; --json has them all


@click.command("compare")
@click.argument("run_a", type=click.Path(readable=False))
@click.argument("run_b", type=click.Path(readable=False))
@click.option("--json", "as_json", is_flag=True, help="Print everything that differs as JSON.")
def command(run_a: str, run_b: str, *, as_json: bool) -> None:
    """Say what differs between two runs: settings, scales, and where they first part.

    RUN_A and RUN_B are folders of one run each, such as logs/good and logs/bad. What is compared is
    what both recorded: of ordinary logs their scalars, with NaNMonitor every quantity and setting.
    """
    from analyzer.comparison import compare

    left, right = _analysis(run_a), _analysis(run_b)
    found = compare(left.run, right.run)
    if as_json:
        _print_json(found, (run_a, left), (run_b, right))
    else:
        _print(found, (run_a, left), (run_b, right))


def _analysis(path: str) -> Analysis:
    from analyzer.events.selection import ReaderMissingError
    from analyzer.report import LogDirError, analyze

    try:
        report = analyze(path)
    except (LogDirError, ReaderMissingError) as error:
        _fail(str(error))
    if len(report.analyses) > 1:
        names = ", ".join(a.run.name for a in report.analyses[:5])
        more = "" if len(report.analyses) <= 5 else " and others"
        _fail(f"{path} holds several runs ({names}{more}); give the folder of one of them")
    return report.analyses[0]


def _print(found: Comparison, left: tuple[str, Analysis], right: tuple[str, Analysis]) -> None:
    from rich.console import Console

    console = Console()
    heads = [_head("", left, right)]
    if found.settings:
        heads.append(_table("Settings", [(s.name, s.left, s.right) for s in found.settings]))
    if found.scales:
        heads.append(
            _table(
                "Scales: medians of absolute values over the first steps",
                [(_place(s.name, s.where), s.left, s.right) for s in found.scales],
            )
        )
    if found.partings:
        heads.append(
            _table(
                "Where they first part",
                [(f"step {step}: {name}", a, b) for step, name, a, b in _grouped(found.partings)],
            )
        )
    for table in heads:
        console.print(table)
        console.print()
    console.print(_closing(found))


def _grouped(partings: Iterable[Parting]) -> Iterator[tuple[int, str, float, float]]:
    """Yield one row for each quantity that parts at a step, however many places it has."""
    for (step, _), group in groupby(partings, key=lambda p: (p.step, p.name)):
        first, *others = group
        more = f" and {len(others)} more" if others else ""
        yield step, f"{_place(first.name, first.where)}{more}", first.left, first.right


def _closing(found: Comparison) -> str:
    if not found.compared:
        return "The two runs recorded nothing under the same name, so nothing can be compared."
    agreed = found.compared - len(found.partings)
    unique = len(found.only_left) + len(found.only_right)
    beside = f" {unique} more are in one run only." if unique else ""
    return f"Both runs have {found.compared} series; {agreed} of them agree throughout.{beside}"


def _place(name: str, where: str) -> str:
    return f"{name} of {where}" if where else name


def _head(title: str, left: tuple[str, Analysis], right: tuple[str, Analysis]) -> Table:
    rows: list[tuple[str, Any, Any]] = [("run", left[0], right[0])]
    rows.append(("status", left[1].status, right[1].status))
    a: Any
    b: Any
    steps = [a.first_nonfinite for _, a in (left, right)]
    if any(steps):
        a, b = ("" if step is None else step.step for step in steps)
        rows.append(("first bad step", a, b))
    verdicts = [a.verdict for _, a in (left, right)]
    if any(verdicts):
        a, b = ("" if verdict is None else verdict.cause for verdict in verdicts)
        rows.append(("cause", a, b))
    return _table(title, rows)


def _table(title: str, rows: list[tuple[str, Any, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from analyzer.reporters.wording import number, printable

    def cell(value: Any) -> Text:
        shown = "" if value is None else number(value) if isinstance(value, float) else str(value)
        return Text(printable(shown))

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for heading in ("", "A", "B"):
        table.add_column(heading, overflow="fold")
    for name, a, b in rows[:MOST]:
        table.add_row(Text(printable(name), style="bold"), cell(a), cell(b))
    if len(rows) > MOST:
        table.add_row(Text(f"and {len(rows) - MOST} more (--json has all)", style="dim"))
    return table


def _print_json(found: Comparison, left: tuple[str, Analysis], right: tuple[str, Analysis]) -> None:
    from dataclasses import asdict

    from analyzer.report import run_to_dict
    from analyzer.reporters.as_json import encode

    runs = {
        side: {"path": path, **run_to_dict(analysis)}
        for side, (path, analysis) in (("a", left), ("b", right))
    }
    scales = [{**asdict(scale), "factor": scale.factor} for scale in found.scales]
    click.echo(encode({"schema": 1, **runs, **asdict(found), "scales": scales}, indent=2))


def _fail(message: str) -> NoReturn:
    from analyzer.reporters.wording import printable

    click.echo(f"tb-nan: {printable(message)}", err=True)
    sys.exit(2)
