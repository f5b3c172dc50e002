"""Processes that write event files until they are killed: `python -m tests.analyzer.writers DIR`.

For each number on standard input a child is forked that writes the file of that number. On
standard output it says `pid N`; then its child says each step, once the event is whole in the file;
and `gone` follows when the child has died.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

from tests.analyzer.events import wire

BEYOND = 50_000  # a step of one life never reaches the next one's; all are exact in float32


def nurse(folder: str) -> None:
    """Fork a writer for each number that is asked for."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            live(Path(folder), int(line))
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("gone")


def live(folder: Path, life: int) -> None:
    """Write events with the steps from `life * BEYOND` on, many of them in two pieces, for ever."""
    path = folder / f"events.out.tfevents.{1_700_000_000 + life}.host"
    chance = random.Random(life)
    with path.open("ab", buffering=0) as stream:
        stream.write(wire.file_of(wire.version()))
        for step in range(life * BEYOND, (life + 1) * BEYOND):
            record = wire.file_of(wire.scalar("loss", step, float(step)))
            cut = chance.randrange(len(record))
            stream.write(record[:cut])
            time.sleep(chance.random() * 0.0004)
            stream.write(record[cut:])
            say(str(step))
    os._exit(1)


def say(line: str) -> None:
    """Write one line at once: whatever happens later, it is whole."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    nurse(sys.argv[1])
