"""The report for a person at a terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from analyzer.report import Analysis, Evidence, Report, Verdict
from analyzer.reporters.wording import (
    MEANINGS,
    NO_FINDING,
    damaged,
    fact,
    is_quiet,
    others,
    printable,
    taken_for,
    where,
)

STYLES: Final = {
    "healthy": "green",
    "unhealthy": "yellow",
    "recovered": "yellow",
    "nonfinite": "bold red",
    "silent": "bold red",
    "empty": "dim",
    "unreadable": "red",
}


def render(report: Report, console: Console) -> None:
    """Print the verdict on every run, the table of all runs first where there are several."""
    if len(report.analyses) > 1:
        console.print(_overview(report))
    shown = [a for a in report.analyses if len(report.analyses) == 1 or not is_quiet(a)]
    for analysis in shown:
        console.print(_run(analysis, report.log_dir))
    for problem in report.problems:
        console.print(_text(f"Left out: {problem}", style="yellow"))


def _overview(report: Report) -> Table:
    table = Table(title=None, header_style="bold", box=None, pad_edge=False)
    for heading in ("run", "status", "first bad step", "cause", "confidence"):
        table.add_column(heading, overflow="fold")
    for analysis in report.analyses:
        first, verdict = analysis.first_nonfinite, analysis.verdict
        table.add_row(
            _text(analysis.run.name),
            _text(analysis.status, style=STYLES[analysis.status]),
            "" if first is None else str(first.step),
            "" if verdict is None else verdict.cause,
            "" if verdict is None or not verdict.confidence else f"{verdict.confidence:.0%}",
        )
    return table


def _run(analysis: Analysis, log_dir: str) -> RenderableType:
    parts: list[RenderableType] = [_headline(analysis)]
    if analysis.first_nonfinite is not None:
        parts.append(_facts(where(analysis.first_nonfinite)))
    if analysis.verdict is not None:
        parts.extend(_verdict(analysis.verdict))
    elif analysis.status == "healthy":
        parts.append(_text(NO_FINDING, style="green"))
    parts.extend(_besides(analysis))
    parts.extend(_taken_for(analysis))
    return Panel(
        Group(*parts),
        title=_text(
            f" {log_dir if analysis.run.name == '.' else analysis.run.name} ", style="bold"
        ),
        title_align="left",
        border_style=STYLES[analysis.status].removeprefix("bold "),
        padding=(1, 2),
    )


def _headline(analysis: Analysis) -> Text:
    line = _text(analysis.status.upper(), style=STYLES[analysis.status])
    return line.append(f"  {MEANINGS[analysis.status]}", style="default not bold")


def _facts(rows: list[tuple[str, str]]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(_text(name, style="dim"), _text(value, style="bold"))
    return Padding(table, (1, 0, 0, 0))


def _verdict(verdict: Verdict) -> list[RenderableType]:
    sure = f"  {verdict.confidence:.0%} sure" if verdict.confidence else ""
    parts: list[RenderableType] = [
        _section("Why"),
        _text(verdict.title, style="bold").append(
            f"  [{verdict.cause}]{sure}", style="not bold dim"
        ),
        _text(verdict.summary),
    ]
    if verdict.evidence:
        parts += [_section("Evidence"), *(_evidence(e) for e in verdict.evidence)]
    if verdict.remedies:
        parts.append(_section("What to do"))
    for remedy in verdict.remedies:
        parts.append(_text(remedy.text))
        if remedy.code:
            code = Syntax(remedy.code, "python", theme="ansi_dark", background_color="default")
            parts.append(Padding(code, (0, 0, 1, 4)))
    if verdict.alternatives:
        parts.append(_section("Other causes, and what speaks against them"))
        parts += [_text(f"{a.cause}: {a.ruled_out_by}", style="dim") for a in verdict.alternatives]
    if verdict.missing:
        parts.append(_section("What was not recorded and would have decided"))
        parts += [_text(f"- {m}") for m in verdict.missing]
    return parts


def _evidence(evidence: Evidence) -> Text:
    subject, claim, observed, because = fact(evidence)
    line = _text("- ").append(_text(subject, style="cyan")).append(printable(claim))
    return line.append(observed, style="bold").append(printable(because))


def _besides(analysis: Analysis) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if found := others(analysis):
        parts.append(_section("Also found"))
        parts += [_text(f"- {f.cause} ({f.severity}): {f.summary}") for f in found]
    if analysis.notes:
        parts.append(_section("Notes"))
        parts += [_text(f"- {note}") for note in analysis.notes]
    if lines := damaged(analysis):
        parts.append(_section("Files"))
        parts += [_text(f"- {line}", style="yellow") for line in lines]
    return parts


def _taken_for(analysis: Analysis) -> list[RenderableType]:
    return [
        part
        for title, lines in taken_for(analysis)
        for part in (_section(title), *(_text(f"- {line}", style="dim") for line in lines))
    ]


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)


def _section(title: str) -> RenderableType:
    return Padding(_text(title, style="bold underline"), (1, 0, 0, 0))
