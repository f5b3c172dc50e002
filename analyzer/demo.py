"""`tb-nan demo`: train a program that breaks, in a process of its own, and explain what it left.

The programs belong to the training side, which this package never imports: they run as
`python -m tb_nan_plugin.demos`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress

import click

FIRST_PORT = 6006  # TensorBoard's own


@click.command("demo")
@click.argument("name", required=False)
@click.option(
    "--list", "list_them", is_flag=True, help="List the programs and what each one shows."
)
@click.option("--fixed", is_flag=True, help="Train the repaired twin, which should be healthy.")
@click.option("--log-dir", type=click.Path(), help="Where to write. [default: demo-logs/NAME/TIME]")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--serve/--no-serve", default=False, help="Then serve TensorBoard until Ctrl-C.")
def command(
    *,
    name: str | None,
    list_them: bool,
    fixed: bool,
    log_dir: str | None,
    as_json: bool,
    serve: bool,
) -> None:
    """Train a small real Keras model that goes wrong, and explain why.

    NAME is one of the programs of --list; without it, the first of them. Needs TensorFlow:
    pip install 'tb-nan-plugin[tensorflow]'.
    """
    if list_them:
        sys.exit(_programs(["--list"]))
    chosen = name or "unscaled-features"
    target = log_dir or _new_directory(chosen + ("-fixed" if fixed else ""))
    arguments = [chosen, "--log-dir", target, *(["--fixed"] if fixed else [])]
    code = _programs(arguments, quiet=as_json)
    if code:
        sys.exit(code)
    _explain(target, as_json=as_json)
    if serve:
        _serve(target if log_dir else os.path.dirname(os.path.dirname(target)))


def _new_directory(name: str) -> str:
    return os.path.join("demo-logs", name, time.strftime("%Y-%m-%d-%H%M%S"))


def _programs(arguments: list[str], *, quiet: bool = False) -> int:
    """Run the demo programs' own command; what it prints goes to stderr if `quiet`."""
    command_line = [sys.executable, "-m", "tb_nan_plugin.demos", *arguments]
    with suppress(KeyboardInterrupt):
        return subprocess.run(
            command_line, stdout=sys.stderr if quiet else None, check=False
        ).returncode
    return 130


def _explain(log_dir: str, *, as_json: bool) -> None:
    from rich.console import Console

    from analyzer.report import analyze
    from analyzer.reporters import as_json as json_reporter
    from analyzer.reporters import terminal

    report = analyze(log_dir)
    if as_json:
        click.echo(json_reporter.render(report))
        return
    terminal.render(report, Console())
    click.echo(f"The event files are in {log_dir}; the same again: tb-nan analyze {log_dir}")


def _serve(log_dir: str) -> None:
    port = _free_port()
    line = [sys.executable, "-m", "tensorboard.main", "--logdir", log_dir, "--port", str(port)]
    server = subprocess.Popen([*line, "--host", "localhost"])
    try:
        if _answers(port, server):
            click.echo(f"\nThe tab is at http://localhost:{port}/#nan  (Ctrl-C ends it)")
        server.wait()
    except KeyboardInterrupt:
        click.echo("\nStopping TensorBoard.")
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("localhost", port))
            return port
    return 0


def _answers(port: int, server: subprocess.Popen[bytes], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
            return True
        time.sleep(0.2)
    return False
