"""The report as one HTML file with its timelines in it: it opens anywhere, and asks for nothing.

Law: names and texts come from any log, so all of them are escaped; no script runs, and the page
forbids itself every request.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Final

from analyzer.report import Analysis, Report, Verdict
from analyzer.reporters.chart import chart
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

BINS: Final = 600  # less than a screen has pixels across
MOST_CHARTS: Final = 12  # of one run
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def render(report: Report) -> str:
    """Return the page."""
    style = files("analyzer.reporters").joinpath("page.css").read_text("utf-8")
    title = f"Numerical health of {_text(report.log_dir)}"
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{style}</style></head><body><main>",
            f"<h1>{title}</h1>",
            *_overview(report),
            *(
                part
                for analysis in report.analyses
                if len(report.analyses) == 1 or not is_quiet(analysis)
                for part in _run(analysis, report)
            ),
            *_list("Left out", [_text(problem) for problem in report.problems]),
            "</main></body></html>\n",
        )
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _overview(report: Report) -> Iterator[str]:
    yield "<table><thead><tr><th>run<th>status<th class=number>first bad step<th>cause"
    yield "<th class=number>confidence</thead><tbody>"
    for analysis in report.analyses:
        first, verdict = analysis.first_nonfinite, analysis.verdict
        sure = "" if verdict is None or not verdict.confidence else f"{verdict.confidence:.0%}"
        yield (
            f"<tr><td>{_text(analysis.run.name)}<td>{_badge(analysis.status)}"
            f'<td class="number">{"" if first is None else first.step}'
            f"<td>{'' if verdict is None else _text(verdict.cause)}"
            f'<td class="number">{sure}'
        )
    yield "</tbody></table>"


def _badge(status: str) -> str:
    return f'<span class="badge {status}">{status}</span>'


def _run(analysis: Analysis, report: Report) -> Iterator[str]:
    name = report.log_dir if analysis.run.name == "." else analysis.run.name
    first = analysis.first_nonfinite
    yield f"<section><h2>{_text(name)}</h2>"
    yield f"<p>{_badge(analysis.status)} {MEANINGS[analysis.status]}.</p>"
    if first is not None:
        yield "<dl>"
        yield from (f"<dt>{k}<dd>{_text(v)}" for k, v in where(first))
        yield "</dl>"
    if analysis.verdict is not None:
        yield from _verdict(analysis.verdict)
    elif analysis.status == "healthy":
        yield f"<p>{NO_FINDING}</p>"
    for track in report.timeline(analysis.run.name, BINS)[:MOST_CHARTS]:
        same_axis = first is not None and (first.axis == track.axis or first.tag == track.name)
        yield chart(track, first.step if first is not None and same_axis else None)
    yield from _besides(analysis)
    yield "</section>"


def _verdict(verdict: Verdict) -> Iterator[str]:
    sure = f", {verdict.confidence:.0%} sure" if verdict.confidence else ""
    yield f"<h3>{_text(verdict.title)}</h3>"
    yield f"<p><code>{_text(verdict.cause)}</code>{sure}. {_text(verdict.summary)}</p>"
    yield from _list("Evidence", [_evidence(*fact(e)) for e in verdict.evidence])
    if verdict.remedies:
        yield "<h4>What to do</h4>"
    for remedy in verdict.remedies:
        yield f"<p>{_text(remedy.text)}</p>"
        if remedy.code:
            yield f"<pre>{escape(remedy.code.rstrip())}</pre>"
    yield from _list(
        "Other causes, and what speaks against them",
        [f"<code>{_text(a.cause)}</code>: {_text(a.ruled_out_by)}" for a in verdict.alternatives],
    )
    yield from _list(
        "What was not recorded and would have decided", [_text(m) for m in verdict.missing]
    )


def _evidence(subject: str, claim: str, observed: str, because: str) -> str:
    return f"{_text(subject)}{_text(claim)}<b>{_text(observed)}</b>{_text(because)}"


def _besides(analysis: Analysis) -> Iterator[str]:
    yield from _list(
        "Also found",
        [
            f"<code>{_text(f.cause)}</code> ({f.severity}): {_text(f.summary)}"
            for f in others(analysis)
        ],
    )
    yield from _list("Notes", [_text(note) for note in analysis.notes])
    yield from _list("Files", [_text(line) for line in damaged(analysis)])
    for title, lines in taken_for(analysis):
        yield from _list(title, [_text(line) for line in lines])


def _list(title: str, items: list[str]) -> Iterator[str]:
    if items:
        yield f"<h4>{title}</h4><ul>"
        yield from (f"<li>{item}" for item in items)
        yield "</ul>"
