"""One series as an SVG drawing that needs nothing but itself: no script, no font, no server.

Law: a value that is not finite is drawn, always: as a mark at the top, one colour a kind, over the
bin that holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

import numpy as np

from analyzer.report import Track
from analyzer.reporters.wording import printable

WIDTH, HEIGHT = 760, 160
LEFT, RIGHT, TOP, BOTTOM = 84, 12, 34, 24
# From a hundredfold range on a linear axis shows one end only.
LOGARITHMIC_FROM: Final = 100.0
MARKS: Final = (("nan", "NaN"), ("posinf", "+Inf"), ("neginf", "-Inf"))


def chart(track: Track, first_bad: int | None) -> str:
    """Return the drawing of a series.

    Args:
        track: The series, binned.
        first_bad: The step at which a line is drawn; None for no line.
    """
    title = escape(printable(track.label))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
        f'<text class="title" x="{LEFT}" y="14">{title}</text>'
        f"{''.join(_drawn(track, first_bad))}</svg>"
    )


def _drawn(track: Track, first_bad: int | None) -> Iterator[str]:
    bins = track.bins
    low, high = bins.low, bins.high
    some = np.isfinite(low) & np.isfinite(high)
    begin, end = float(bins.step.min()), float(bins.step_end.max())
    across = _Scale(begin, end, LEFT, WIDTH - RIGHT, logarithmic=False)
    yield _axis(across, f"{begin:.0f}", f"{end:.0f}")
    if some.any():
        bottom, top = float(low[some].min()), float(high[some].max())
        logarithmic = bottom > 0 and top / bottom >= LOGARITHMIC_FROM
        up = _Scale(bottom, top, HEIGHT - BOTTOM, TOP, logarithmic=logarithmic)
        yield _label(f"{top:.3g}", TOP + 4)
        yield _label(f"{bottom:.3g}" + (" (log)" if logarithmic else ""), HEIGHT - BOTTOM)
        yield from _band(across, up, track)
    for name, word in MARKS:
        counts = getattr(bins, name)
        for at in np.flatnonzero(counts):
            x = across(float(bins.step[at]))
            yield (
                f'<path class="{name}" d="M{x:.1f} {TOP - 3}l-4 -8h8z">'
                f"<title>{word} at step {int(bins.step[at])}</title></path>"
            )
    if first_bad is not None and begin <= first_bad <= end:
        x = across(float(first_bad))
        yield f'<line class="bad" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'


class _Scale:
    """Numbers onto pixels."""

    def __init__(
        self, low: float, high: float, start: float, stop: float, *, logarithmic: bool
    ) -> None:
        self._logarithmic = logarithmic
        self._low, high = self._put(low), self._put(high)
        # Halves first: the range of two finite numbers may overflow.
        self._half = (high / 2 - self._low / 2) or 0.5
        self._start, self._size = start, stop - start

    def _put(self, value: float) -> float:
        return float(np.log10(value)) if self._logarithmic else value

    def __call__(self, value: float) -> float:
        share = (self._put(value) / 2 - self._low / 2) / self._half
        return self._start + share * self._size


def _band(across: _Scale, up: _Scale, track: Track) -> Iterator[str]:
    """Draw a line through the highest values of the bins and back through the lowest."""
    bins = track.bins
    some = np.isfinite(bins.low)
    breaks = np.flatnonzero(~some)
    for part in np.split(np.arange(len(some)), breaks):
        part = part[some[part]]
        if not len(part):
            continue
        steps = bins.step[part].tolist()
        there = [
            f"{across(float(s)):.1f} {up(v):.1f}"
            for s, v in zip(steps, bins.high[part].tolist(), strict=True)
        ]
        back = [
            f"{across(float(s)):.1f} {up(v):.1f}"
            for s, v in zip(steps, bins.low[part].tolist(), strict=True)
        ]
        if len(part) == 1:
            x, y = there[0].split()
            yield f'<circle class="line" cx="{x}" cy="{y}" r="1.5"/>'
        yield f'<path class="line" d="M{"L".join([*there, *reversed(back)])}"/>'


def _axis(across: _Scale, begin: str, end: str) -> str:
    y = HEIGHT - BOTTOM
    return (
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text x="{LEFT}" y="{HEIGHT - 8}">step {begin}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{end}</text>'
    )


def _label(text: str, y: float) -> str:
    return f'<text x="{LEFT - 8}" y="{y:.0f}" text-anchor="end">{escape(text)}</text>'
