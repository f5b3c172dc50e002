"""`tb-nan explain`: what a cause means, how it is recognised, what to do. Also writes docs/causes.

Law: the words are the rules' own. The command prints them, and `python -m analyzer.explain FOLDER`
writes them as Markdown; nothing is said in two places.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from analyzer.rules import Rule


@click.command("explain")
@click.argument("cause", required=False)
def command(cause: str | None) -> None:
    """Explain a cause that a verdict names; without CAUSE, list them all."""
    from analyzer import rules

    if cause is None:
        click.echo("\n".join(_listed(rules.ALL)))
        return
    known = {rule.cause: rule for rule in rules.ALL}
    if cause not in known:
        near = difflib.get_close_matches(cause, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else " `tb-nan explain` lists all."
        raise click.UsageError(f"There is no cause {cause!r}.{hint}")
    click.echo(page(known[cause]), nl=False)


def page(rule: Rule) -> str:
    """Return what there is to say of a cause, as Markdown."""
    text = (sys.modules[rule.check.__module__].__doc__ or rule.title).strip()
    before, references, after = text.partition("## References")
    parts = [f"# {rule.cause}", before.strip(), *_remedies(rule)]
    if references:
        parts.append(f"{references}\n{after.strip()}")
    return "\n\n".join(parts) + "\n"


def _remedies(rule: Rule) -> Iterator[str]:
    for number, remedy in enumerate(rule.remedies, start=1):
        yield f"{number}. {remedy.text}"
        if remedy.code is not None:
            yield f"```python\n{remedy.code}\n```"


def _listed(known: tuple[Rule, ...]) -> Iterator[str]:
    width = max(len(rule.cause) for rule in known)
    for family in dict.fromkeys(rule.family for rule in known):
        yield f"{family}:"
        for rule in known:
            if rule.family == family:
                yield f"  {rule.cause:<{width}}  {rule.title}"


def index(known: tuple[Rule, ...]) -> str:
    """Return the page that lists all causes by family, as Markdown."""
    lines = [
        "# Causes",
        "",
        "What a verdict may name. Each page is what `tb-nan explain CAUSE` prints: how the cause",
        "is recognised, what it cannot be told apart from, and what to do. Written by `make docs`",
        "from the rules themselves.",
        "",
        "| family | cause | |",
        "|---|---|---|",
    ]
    families = dict.fromkeys(rule.family for rule in known)
    rows = [
        f"| {rule.family} | [`{rule.cause}`]({rule.cause}.md) | {rule.title} |"
        for family in families
        for rule in known
        if rule.family == family
    ]
    return "\n".join([*lines, *rows]) + "\n"


def write(folder: Path) -> None:
    """Write one page a cause, and the list of all, over what is there."""
    from analyzer import rules

    folder.mkdir(parents=True, exist_ok=True)
    for rule in rules.ALL:
        (folder / f"{rule.cause}.md").write_text(page(rule), encoding="utf-8")
    (folder / "README.md").write_text(index(rules.ALL), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
