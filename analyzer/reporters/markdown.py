"""The report as Markdown, for a CI summary or a comment: a table of runs, then each that failed.

Law: names and texts come from any log, so nothing of them is Markdown or HTML here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from analyzer.report import Analysis, Report, Verdict
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

# What marks text up within a line, and what does only at the beginning of one. A colon makes links
# and emoji.
SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|~&@#$]|:(?=//|\w+:))")
LEADING: Final = re.compile(r"^(\d*)([-+=.)])")


def render(report: Report) -> str:
    """Return the report as text in GitHub's dialect."""
    lines = ["# Numerical health of the training", "", *_overview(report)]
    for analysis in report.analyses:
        if len(report.analyses) == 1 or not is_quiet(analysis):
            lines += ["", *_run(analysis, report.log_dir)]
    if report.problems:
        lines += ["", "## Left out", "", *(f"- {escaped(p)}" for p in report.problems)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return LEADING.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", printable(text)))


def _overview(report: Report) -> Iterator[str]:
    yield "| run | status | first bad step | cause | confidence |"
    yield "|---|---|---:|---|---:|"
    for analysis in report.analyses:
        first, verdict = analysis.first_nonfinite, analysis.verdict
        cells = (
            escaped(analysis.run.name),
            analysis.status,
            "" if first is None else str(first.step),
            "" if verdict is None else f"`{verdict.cause}`",
            "" if verdict is None or not verdict.confidence else f"{verdict.confidence:.0%}",
        )
        yield f"| {' | '.join(cells)} |"


def _run(analysis: Analysis, log_dir: str) -> Iterator[str]:
    name = log_dir if analysis.run.name == "." else analysis.run.name
    yield f"## {escaped(name)}"
    yield ""
    yield f"**{analysis.status}**: {MEANINGS[analysis.status]}."
    if analysis.first_nonfinite is not None:
        yield ""
        for label, value in where(analysis.first_nonfinite):
            yield f"- {label}: **{escaped(value)}**"
    if analysis.verdict is not None:
        yield from _verdict(analysis.verdict)
    elif analysis.status == "healthy":
        yield ""
        yield NO_FINDING
    yield from _besides(analysis)


def _verdict(verdict: Verdict) -> Iterator[str]:
    sure = f", {verdict.confidence:.0%} sure" if verdict.confidence else ""
    yield ""
    yield f"### {escaped(verdict.title)}"
    yield ""
    yield f"`{verdict.cause}`{sure}. {escaped(verdict.summary)}"
    yield from _list("Evidence", [_evidence(*fact(e)) for e in verdict.evidence])
    if verdict.remedies:
        yield ""
        yield "#### What to do"
    for remedy in verdict.remedies:
        yield ""
        yield escaped(remedy.text)
        if remedy.code:
            yield ""
            yield from ("```python", remedy.code.rstrip(), "```")
    yield from _list(
        "Other causes, and what speaks against them",
        [f"`{a.cause}`: {escaped(a.ruled_out_by)}" for a in verdict.alternatives],
    )
    yield from _list(
        "What was not recorded and would have decided", [escaped(m) for m in verdict.missing]
    )


def _evidence(subject: str, claim: str, observed: str, because: str) -> str:
    return f"{escaped(subject)}{escaped(claim)}**{escaped(observed)}**{escaped(because)}"


def _besides(analysis: Analysis) -> Iterator[str]:
    yield from _list(
        "Also found",
        [f"`{f.cause}` ({f.severity}): {escaped(f.summary)}" for f in others(analysis)],
    )
    yield from _list("Notes", [escaped(note) for note in analysis.notes])
    yield from _list("Files", [escaped(line) for line in damaged(analysis)])
    for title, lines in taken_for(analysis):
        yield from _list(title, [escaped(line) for line in lines])


def _list(title: str, items: list[str]) -> Iterator[str]:
    if items:
        yield ""
        yield f"#### {title}"
        yield ""
        yield from (f"- {item}" for item in items)
