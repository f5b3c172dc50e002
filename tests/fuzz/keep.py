"""Choose of all the files a fuzzer found those few that are kept in the repository.

    build/fuzz/target -merge=1 -merge_control_file=REACHED NONE FOUND
    python -m tests.fuzz.keep REACHED tests/fuzz/corpus

NONE is an empty folder. REACHED says what each file reaches. Edges come first, then features (an
edge and how often it is passed, as a power of two); of several files the one is taken that adds
most for its size. Files that were chosen before make way, files named by a person stay.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MOST_FILES: Final = 140
MOST_BYTES: Final = 180_000
# What a file costs beside its bytes.
PER_FILE: Final = 2_000
# libFuzzer names a file after its SHA-1; the beginning is enough.
FOUND: Final = re.compile("[0-9a-f]{40}")
CHOSEN: Final = re.compile("[0-9a-f]{16}")

Reached = Mapping[Path, frozenset[str]]


def reached(lines: list[str]) -> tuple[Reached, Reached]:
    """Return the edges and the features of each file.

    The format is that of `lib/fuzzer/FuzzerMerge.cpp` in LLVM: the number of files, how many of
    them are old, their names, then FT and COV lines that begin with a file's number.
    """
    count = int(lines[0])
    names = [Path(name) for name in lines[2 : 2 + count]]
    edges: dict[Path, frozenset[str]] = {}
    features: dict[Path, frozenset[str]] = {}
    for line in lines[2 + count :]:
        kind, number, *rest = line.split()
        if kind in ("FT", "COV"):
            (features if kind == "FT" else edges)[names[int(number)]] = frozenset(rest)
    return edges, features


def chosen(edges: Reached, features: Reached, sizes: Mapping[Path, int]) -> list[Path]:
    """Return the files to keep, of those that have a size; the others are there in any case."""
    kept: list[Path] = []
    left = MOST_BYTES
    for aims in (edges, features):
        there = [found for path, found in aims.items() if path in kept or path not in sizes]
        missing = set().union(*aims.values()).difference(*there)
        candidates = set(aims).intersection(sizes).difference(kept)
        while missing and candidates and len(kept) < MOST_FILES:
            best = max(
                sorted(candidates),
                key=lambda path: len(aims[path] & missing) / (PER_FILE + sizes[path]),
            )
            candidates.discard(best)
            if not aims[best] & missing:
                break
            if sizes[best] <= left:
                kept.append(best)
                left -= sizes[best]
                missing -= aims[best]
    return kept


def main() -> None:
    """Copy them, each named after the beginning of its hash."""
    source, folder = map(Path, sys.argv[1:])
    edges, features = reached(source.read_text().splitlines())
    # Without a NUL a file could be taken for text. What has no hash for a name is a seed.
    found = {path for path in features if FOUND.fullmatch(path.name)}
    sizes = {path: path.stat().st_size for path in found if b"\0" in path.read_bytes()}
    kept = {path.name[:16]: path.read_bytes() for path in chosen(edges, features, sizes)}
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if CHOSEN.fullmatch(path.name):
            path.unlink()
    for name, data in kept.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
