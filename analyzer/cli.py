"""The command line: parse, ask, print. Frameworks and numpy are imported only when needed."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from analyzer import compare, demo, explain, export

if TYPE_CHECKING:
    from analyzer.report import Progress, Report

HELP = """\
Find out why a training went NaN, from its TensorBoard event files.

\b
tb-nan analyze logs          the verdict on every run below logs
tb-nan logs                  the same
tb-nan explain CAUSE         what a cause means, and what to do about it
tb-nan compare A B           what differs between two runs
tb-nan scalars logs          every scalar point, as a table, CSV or Parquet
tb-nan demo                  train a small model that goes NaN, and explain it
tensorboard --logdir logs    the same verdicts, in the tab "NaN"
"""
EXIT_CODES = """\b
Exit codes:
  0  nothing at or above the threshold of --fail-on
  1  something at or above it
  2  wrong usage, or nothing readable"""


class _AnalyzeByDefault(click.Group):
    """A group whose first word may be left out: `tb-nan logs` is `tb-nan analyze logs`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"--help", "-h", "--version"}
        if args and args[0] not in self.commands and args[0] not in own:
            args = ["analyze", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_AnalyzeByDefault,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _, asked: _print_version(ctx) if asked else None,
    help="Show the version, and which reader of event files is active.",
)
def main() -> None:
    """Parse the command line; what it does is in the commands."""
    # A name that the output cannot encode is shown by its code points, rather than ending it all.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@main.command(epilog=EXIT_CODES)
@click.argument("log_dir", type=click.Path(readable=False), required=False)
@click.option(
    "--logdir-spec",
    metavar="NAME:PATH,...",
    help="Several log directories, named as by TensorBoard's --logdir_spec, in place of LOG_DIR.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (docs/report.md).")
@click.option("--markdown", is_flag=True, help="Print the report as Markdown, for a CI summary.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the report as one HTML page, timelines included, that opens without a server.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["nonfinite", "unhealthy", "never"]),
    default="nonfinite",
    show_default=True,
    help="From which status on the exit code is 1: nonfinite (also silent), unhealthy (also "
    "recovered), or never.",
)
@click.option(
    "--no-group",
    is_flag=True,
    help="Judge every TensorBoard run by itself. Otherwise those of one training are judged as "
    "one: train and validation of Keras, an estimator's eval, lines of add_scalars, workers.",
)
def analyze(
    log_dir: str | None,
    *,
    logdir_spec: str | None,
    as_json: bool,
    markdown: bool,
    html: str | None,
    fail_on: str,
    no_group: bool,
) -> None:
    """Say of every run below LOG_DIR whether and why it went NaN.

    LOG_DIR is any TensorBoard log directory: with NaNMonitor's records the cause is named; from
    ordinary scalars the first bad point is found, and what is missing for a cause is said.
    """
    if (log_dir is None) == (logdir_spec is None):
        raise click.UsageError("Give either LOG_DIR or --logdir-spec.")
    if as_json and markdown:
        raise click.UsageError("Give either --json or --markdown.")
    report = _read(log_dir, logdir_spec, group=not no_group)
    if html is not None:
        _write_html(report, html)
    if as_json:
        _print_json(report)
    elif markdown:
        _print_markdown(report)
    else:
        _print_report(report)
    if not report.readable:
        _fail(f"no event file below {report.log_dir} could be read; the reasons are above")
    sys.exit(1 if report.fails(fail_on) else 0)


main.add_command(compare.command)
main.add_command(demo.command)
main.add_command(explain.command)
main.add_command(export.command)


def _print_version(ctx: click.Context) -> None:
    from importlib.metadata import version

    from analyzer.events.selection import ReaderMissingError, selected

    try:
        reader = selected().NAME
    except ReaderMissingError as error:
        _fail(str(error))
    click.echo(f"tb-nan, version {version('tb-nan-plugin')} ({reader} reader)")
    ctx.exit()


def _read(log_dir: str | None, logdir_spec: str | None, *, group: bool) -> Report:
    from analyzer.events.selection import ReaderMissingError, selected

    try:
        selected()
    except ReaderMissingError as error:
        _fail(str(error))
    from analyzer.places import LogDirSpec
    from analyzer.report import LogDirError, Watch
    from analyzer.report import analyze as analyze_log_dir

    try:
        where = log_dir if logdir_spec is None else LogDirSpec.parse(logdir_spec)
        if not group:
            return Watch(where or "", group=False).refresh(_progress())
        return analyze_log_dir(where or "", _progress())
    except LogDirError as error:
        _fail(str(error))


def _progress() -> Progress | None:
    """Return something that shows which file is being read, where somebody may be waiting."""
    if not sys.stderr.isatty():
        return None

    from analyzer.reporters.wording import printable

    def show(path: str, number: int, total: int) -> None:
        place = printable(path[-60:])
        click.echo(f"\r\x1b[2Kreading {number + 1} of {total}: {place}", nl=False, err=True)
        if number + 1 == total:
            click.echo("\r\x1b[2K", nl=False, err=True)

    return show


def _print_json(report: Report) -> None:
    from analyzer.reporters import as_json

    click.echo(as_json.render(report))


def _print_markdown(report: Report) -> None:
    from analyzer.reporters import markdown

    click.echo(markdown.render(report), nl=False)


def _write_html(report: Report, path: str) -> None:
    from analyzer.reporters import as_html

    try:
        Path(path).write_text(as_html.render(report), "utf-8")
    except OSError as error:
        _fail(f"--html: {path} cannot be written: {error.strerror or error}")


def _print_report(report: Report) -> None:
    from rich.console import Console

    from analyzer.reporters import terminal

    terminal.render(report, Console())


def _fail(message: str) -> NoReturn:
    from analyzer.reporters.wording import printable

    click.echo(f"tb-nan: {printable(message)}", err=True)
    sys.exit(2)
