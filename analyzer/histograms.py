"""Histograms of a run, decoded from the file at the moment they are asked for.

Two dialects: a HistogramProto (TensorFlow 1, PyTorch, tensorboardX) and a tensor of rows (left,
right, count) (TensorFlow 2). Both become what TensorBoard draws (`events.decode`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, Final, overload

import numpy as np

from analyzer.events.decode import UnreadableValueError, bytes_at, histogram, plugin_of
from analyzer.events.records import Extents
from analyzer.series import Histogram

Open = Callable[[], BinaryIO]

# Numbers of summary.proto.
HISTO_KIND, TENSOR_KIND = 5, 8
PLUGIN: Final = "histograms"


class UnreadableHistogramError(ValueError):
    """The bytes are no histogram any more: the file has changed since it was read."""


class HistogramSeries(Sequence[Histogram]):
    """The histograms of one tag, in the order written."""

    def __init__(self, parts: Sequence[tuple[Open, Extents]]) -> None:
        """Keep where they lie: for each file, how to open it, and the places in it."""
        self._parts = tuple(parts)
        self._places = [(n, i) for n, (_, e) in enumerate(parts) for i in range(len(e.steps))]
        self.steps = np.concatenate([extents.steps for _, extents in parts])
        self.wall_times = np.concatenate([extents.wall_times for _, extents in parts])

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Histogram: ...
    @overload
    def __getitem__(self, index: slice) -> list[Histogram]: ...
    def __getitem__(self, index: int | slice) -> Histogram | list[Histogram]:
        """Read and decode.

        Raises:
            OSError: The file cannot be read any more.
            UnreadableHistogramError: The file has changed.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        part, row = self._places[index]
        opened, extents = self._parts[part]
        try:
            with opened() as stream:
                value = bytes_at(stream, int(extents.offsets[row]), int(extents.sizes[row]))
            bins = histogram(value)
        except UnreadableValueError as error:
            raise UnreadableHistogramError(f"There is no histogram any more: {error}.") from None
        step, wall_time = int(extents.steps[row]), float(extents.wall_times[row])
        return Histogram(step, wall_time, bins[:, 0], bins[:, 1], bins[:, 2])


def histograms_of(
    files: Sequence[tuple[Open, Mapping[str, Extents]]],
) -> dict[str, HistogramSeries]:
    """Return the histograms of each tag that holds any, over the files of a run."""
    found: dict[str, list[tuple[Open, Extents]]] = {}
    known: dict[str, bool] = {}
    for opened, tags in files:
        for tag, extents in tags.items():
            if len(extents.steps) and (tag in known or _holds(opened, extents)):
                known[tag] = True
                found.setdefault(tag, []).append((opened, extents))
    return {tag: HistogramSeries(parts) for tag, parts in found.items()}


def _holds(opened: Open, extents: Extents) -> bool:
    """Tell what a tag holds by its first value, which alone is sure to say so."""
    kind = int(extents.kinds[0])
    if kind != TENSOR_KIND:
        return kind == HISTO_KIND
    try:
        with opened() as stream:
            value = bytes_at(stream, int(extents.offsets[0]), int(extents.sizes[0]))
        return plugin_of(value) == PLUGIN
    except (OSError, UnreadableValueError):
        return False
