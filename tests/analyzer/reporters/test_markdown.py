"""What a CI summary shows; read back by a Markdown parser that is not ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from analyzer.report import Report
from analyzer.reporters.markdown import escaped, render
from tests.analyzer.reported import STATUSES, report_on

HOSTILE = "a|b `c` *d* _e_ [f](g) <b>h</b> ~~i~~ #1 @j \\ :tada: http://k $l$ \x1b[31m\n# m"

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shown(markdown: str) -> str:
    """Return the text that a reader sees of one paragraph, and fail if it is anything else."""
    _, inline, _ = PARSER.parse(markdown)
    children = inline.children or []
    assert {token.type for token in children} <= {"text", "text_special"}, children
    return "".join(token.content for token in children)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report_on(tmp_path_factory.mktemp("logs"), *STATUSES)


@pytest.mark.parametrize("text", [HOSTILE, "- a", "+ b", "= c", "1. d", "12) e", "|", "a:b:c"])
def test_whatever_a_name_holds_is_shown_and_not_obeyed(text: str) -> None:
    assert shown(escaped(text)) == text.replace("\x1b", "\\x1b").replace("\n", "\\n")


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_any_line_of_text_comes_back(text: str) -> None:
    if text.strip() == text:
        assert shown(escaped(text)) == text


def test_every_run_is_in_the_table_with_its_status(report: Report) -> None:
    tokens = PARSER.parse(render(report))
    rows = [t.content for t in tokens if t.type == "inline" and t.map and t.level == 4]
    cells = [rows[at : at + 5] for at in range(5, 5 + 5 * len(STATUSES), 5)]

    assert {escaped_name: status for escaped_name, status, *_ in cells} == {
        escaped(name): status for name, status in STATUSES.items()
    }


def test_a_failed_run_says_where_why_and_what_to_do(report: Report) -> None:
    text = render(replace(report, analyses=(report.analysis("nonfinite-target"),)))

    for part in (
        "- first bad step: **21**",
        "- phase: **target**",
        "`nonfinite-target`, 99% sure.",
        "#### Evidence",
        "```python\nimport numpy as np",
        "- `nonfinite-input`: every input up to step 21 was finite",
    ):
        assert part in text


def test_of_several_runs_the_healthy_ones_are_in_the_table_only(report: Report) -> None:
    headings = [line for line in render(report).splitlines() if line.startswith("## ")]

    assert "## healthy" not in headings
    assert "## nonfinite-input" in headings


def test_problems_are_named(report: Report) -> None:
    assert "## Left out\n\n- a folder\n" in render(replace(report, problems=("a folder",)))
