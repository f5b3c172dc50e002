"""`python -m tb_nan_plugin.demos`: train one of the demo programs, or list them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from tb_nan_plugin.demos import ALL
from tb_nan_plugin.demos._demo import Demo
from tb_nan_plugin.demos._startup import start_tensorflow

WRONG_USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        sys.stdout.write(listing())
        return 0
    if options.name is None or options.log_dir is None:
        parser.error("say which program and where to record it: NAME --log-dir DIR (or --list)")
    demo = next((demo for demo in ALL if demo.name == options.name), None)
    if demo is None:
        known = ", ".join(demo.name for demo in ALL)
        parser.error(f"no demo is named {options.name!r}. There are: {known}")
    complaint = _cannot_run(options.log_dir)
    if complaint is not None:
        sys.stderr.write(f"{parser.prog}: {complaint}\n")
        return WRONG_USAGE
    _run(demo, options.log_dir, fixed=options.fixed)
    return 0


def listing() -> str:
    """Return a line for each program: its name, and what is wrong with it."""
    width = max(len(demo.name) for demo in ALL)
    return "".join(f"{demo.name:<{width}}  {demo.title}\n" for demo in ALL)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tb_nan_plugin.demos",
        description="Train a small Keras program that really fails, recorded by NaNMonitor.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which program; see --list")
    parser.add_argument("--log-dir", metavar="DIR", help="directory for the event files")
    parser.add_argument("--fixed", action="store_true", help="train the repaired twin instead")
    parser.add_argument("--list", action="store_true", help="list the programs and exit")
    return parser


def _cannot_run(log_dir: str) -> str | None:
    """Return why nothing can be trained or recorded, or None if it can."""
    if find_spec("tensorflow") is None:
        return "the demos train with TensorFlow: pip install 'tb-nan-plugin[tensorflow]'"
    try:
        os.makedirs(log_dir, exist_ok=True)
    except OSError as error:
        return f"cannot write to {log_dir}: {error.strerror}"
    if not os.access(log_dir, os.W_OK | os.X_OK):
        return f"cannot write to {log_dir}: no permission"
    return None


def _run(demo: Demo, log_dir: str, *, fixed: bool) -> None:
    about = f"repaired: {demo.remedy}" if fixed else demo.title
    sys.stdout.write(f"{demo.name}: {about}\n")
    sys.stdout.flush()
    start_tensorflow()
    demo.train(log_dir, fixed=fixed)


if __name__ == "__main__":
    sys.exit(main())
