"""One page that opens without a server; read back by Python's own HTML parser."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from analyzer.report import Report
from analyzer.reporters.as_html import POLICY, render
from analyzer.reporters.chart import chart
from analyzer.series import Series
from analyzer.timeline import Track, binned
from tests.analyzer.reported import STATUSES, report_on

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=y>"
VOID = {"meta", "br", "img", "input", "link"}


class Page(HTMLParser):
    """What a browser would make of it: the elements, their attributes, the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report_on(tmp_path_factory.mktemp("logs"), *STATUSES)


def track(*values: float) -> Track:
    numbers = np.array(values)
    series = Series(np.arange(len(values)), numbers, np.zeros(len(values)))
    return Track("loss", "Loss", "loss", "step", len(values), binned(series, 50))


def drawn(svg: str) -> list[tuple[str, dict[str, str | None]]]:
    return Page(svg).elements


def numbers_in(svg: str) -> list[float]:
    places = re.findall(r'(?:d|x1|x2|cx|cy|y1|y2)="([^"]*)"', svg)
    return [float(n) for place in places for n in re.findall(r"[-+\w.]+", place.strip("MLhlz")) if
            re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?|nan|inf|-inf", n)]  # fmt: skip


def test_the_page_asks_for_nothing_and_runs_nothing(report: Report) -> None:
    page = Page(render(report))

    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(t for t, _ in page.elements)
    assert not any(name in {"src", "href"} for _, attrs in page.elements for name in attrs)
    policies = [a["content"] for t, a in page.elements if "http-equiv" in a]
    assert policies == [POLICY]
    assert "url(" not in render(report)
    assert "@import" not in render(report)


def test_names_of_a_log_cannot_become_markup(tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "-")
    report = report_on(tmp_path, name) if name in STATUSES else None
    analysis = report_on(tmp_path, "nonfinite-target", "healthy").analysis("nonfinite-target")
    hostile = replace(analysis, run=replace(analysis.run, name=name), notes=(HOSTILE,))
    page = Page(render(Report(HOSTILE, (hostile,), (HOSTILE,))))

    assert report is None
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.elements)
    assert page.text.count(HOSTILE) >= 3
    assert name in page.text


def test_every_run_is_named_with_its_status(report: Report) -> None:
    page = Page(render(report))
    badges = [a for t, a in page.elements if t == "span" and "badge" in (a.get("class") or "")]

    assert len(badges) >= len(STATUSES)
    assert all(name in page.text for name in STATUSES)


def test_the_verdict_and_the_timeline_are_in_the_page(report: Report) -> None:
    page = Page(render(replace(report, analyses=(report.analysis("nonfinite-target"),))))

    assert "The targets hold NaN or Inf" in page.text
    assert "good = np.isfinite(y)" in page.text
    lines = [a for t, a in page.elements if t == "line" and a.get("class") == "bad"]
    assert lines, "no line at the first bad step"


@pytest.mark.parametrize(("value", "kind"), [(nan, "nan"), (inf, "posinf"), (-inf, "neginf")])
def test_a_value_that_is_not_finite_is_marked_whatever_surrounds_it(
    value: float, kind: str
) -> None:
    values = [1.0] * 5_000
    values[3_333] = value
    marks = [a for t, a in drawn(chart(track(*values), None)) if a.get("class") == kind]

    assert len(marks) == 1


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((1.0,), id="one point"),
        pytest.param((0.0, 0.0), id="all zero"),
        pytest.param((nan, nan), id="nothing finite"),
        pytest.param((-1.7e308, 1.7e308), id="the whole range of floats"),
        pytest.param((5e-324, 1.7e308), id="the whole range of positive floats"),
        pytest.param((3.0, 3.0, nan, 3.0), id="a gap in a constant"),
    ],
)
def test_whatever_the_range_everything_lies_within_the_drawing(values: tuple[float, ...]) -> None:
    found = numbers_in(chart(track(*values), 0))

    assert found
    assert all(-8 <= n <= 760 for n in found)


def test_a_line_is_broken_where_nothing_finite_was_recorded() -> None:
    lines = [a for t, a in drawn(chart(track(1, 2, nan, 3, 4), None)) if a.get("class") == "line"]

    assert len(lines) == 2
