"""`tb-nan explain` says what the rules say, and docs/causes says the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analyzer import rules
from analyzer.cli import main
from analyzer.explain import index, page, write
from analyzer.rules import Rule
from tests.house.conftest import ROOT

PAGES = ROOT / "docs" / "causes"


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments])


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: str(rule.cause))
def test_prints_everything_that_a_rule_has_to_say(rule: Rule) -> None:
    result = explain(rule.cause)

    assert result.exit_code == 0
    said = result.stdout.split()
    for remedy in rule.remedies:
        assert " ".join(remedy.text.split()) in " ".join(said)
        assert remedy.code is None or remedy.code in result.stdout
    headings = [line for line in result.stdout.splitlines() if line.startswith("#")]
    assert [h for h in headings if h.startswith("## ")] == [
        "## What happened",
        "## How it is recognised",
        "## What it cannot tell apart",
        "## Fix",
        "## References",
    ]
    assert headings[0] == f"# {rule.cause}"


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: str(rule.cause))
def test_the_page_of_a_cause_is_what_the_command_prints(rule: Rule) -> None:
    written = (PAGES / f"{rule.cause}.md").read_text(encoding="utf-8")

    assert written == page(rule), "run `make docs`"
    assert explain(rule.cause).stdout == written


def test_there_is_a_page_for_every_cause_and_no_other() -> None:
    assert {file.name for file in PAGES.iterdir()} == {
        "README.md",
        *(f"{rule.cause}.md" for rule in rules.ALL),
    }
    assert (PAGES / "README.md").read_text(encoding="utf-8") == index(rules.ALL)


def test_the_readme_of_the_project_names_every_cause() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [rule.cause for rule in rules.ALL if f"`{rule.cause}`" not in text] == []


def test_lists_every_cause_once_with_its_headline() -> None:
    listed = [line.split() for line in explain().stdout.splitlines() if line.startswith("  ")]

    assert sorted(line[0] for line in listed) == sorted(rule.cause for rule in rules.ALL)


@pytest.mark.parametrize(
    ("asked", "hint"), [("dead-rely", "Did you mean dead-relu?"), ("xyz", "lists all")]
)
def test_an_unknown_cause_is_wrong_usage_and_gets_a_hint(asked: str, hint: str) -> None:
    result = explain(asked)

    assert result.exit_code == 2
    assert hint in result.stderr


def test_writes_the_same_pages_anywhere(tmp_path: Path) -> None:
    write(tmp_path / "causes")

    for file in PAGES.iterdir():
        assert (tmp_path / "causes" / file.name).read_bytes() == file.read_bytes()
