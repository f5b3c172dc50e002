"""Older event files made smaller: of many steps a few, of some steps all.

Laws:

1. A number that is kept is kept bit for bit; a step that is kept is kept whole.
2. What remains says of itself that it was thinned, in the manifest.
3. A file that is damaged is left as it is: nothing is rewritten that cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tensorboard.compat.proto import event_pb2

from tb_nan_plugin.record import (
    TAG,
    Manifest,
    RecordError,
    RowBlock,
    pack_manifest,
    pack_rows,
    unpack,
)
from tb_nan_plugin.summary import health_event

# The key under which a manifest's environment says that its rows were thinned.
THINNED: Final = "thinned"
# Rows of one block: as many as the ring on the device holds at most.
BLOCK_ROWS: Final = 256


@dataclass(frozen=True)
class Kept:
    """Which steps are kept.

    Attributes:
        every: Of the others, those that this number divides.
        spans: First and last step of each stretch that is kept whole.
    """

    every: int
    spans: Sequence[tuple[int, int]] = ()

    def mask(self, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return, shape (n,), which of the steps, shape (n,), are kept."""
        kept: npt.NDArray[np.bool_] = steps % self.every == 0
        for first, last in self.spans:
            kept |= (steps >= first) & (steps <= last)
        return kept


def thinned(events: Iterable[bytes], keep: Kept) -> Iterator[bytes]:
    """Yield the events that remain of some.

    Epochs' scalars all remain. Of scalars that carry their training step, those of a kept step do,
    and one in two of the others.

    Args:
        events: Serialized, in the order written, file versions among them; may come from several
            files, one after the other.
        keep: Which steps remain.

    Raises:
        RecordError: A health record cannot be read.
    """
    thinner = _Thinner(keep)
    for record in events:
        event = event_pb2.Event.FromString(record)
        block = _block(event)
        if isinstance(block, Manifest):
            yield from thinner.name(_marked(block, keep.every), block.id, event)
        elif isinstance(block, RowBlock):
            yield from thinner.rows(block, event)
        elif thinner.keeps(event):
            yield record
    yield from thinner.take()


class _Thinner:
    """What was met so far, and rows that wait until they fill a block."""

    def __init__(self, keep: Kept) -> None:
        self._keep = keep
        self._manifests: dict[bytes, Manifest] = {}
        self._manifest: Manifest | None = None
        self._parts: list[tuple[npt.NDArray[Any], ...]] = []
        self._rows = self._scalars = 0
        self._last = -1
        self._begun = False

    def name(self, manifest: Manifest, known_as: bytes, event: Any) -> Iterator[bytes]:
        """Yield the manifest's event, and before it the rows that have another."""
        self._manifests[known_as] = manifest
        if self._manifest is None or self._manifest.id != manifest.id:
            yield from self.take()
            self._manifest = manifest
            yield health_event(pack_manifest(manifest), event.step, event.wall_time)

    def rows(self, block: RowBlock, event: Any) -> Iterator[bytes]:
        """Yield what is ready once some of these rows are kept.

        Raises:
            RecordError: Nothing names their columns.
        """
        manifest = self._manifests.get(block.manifest_id)
        if manifest is None or len(manifest.columns) != len(block.encodings):
            raise RecordError("a block of rows without its manifest")
        yield from self.name(manifest, block.manifest_id, event)
        if self._rows and int(block.steps[0]) <= self._last:  # a training that started again
            yield from self.take()
        self._last = int(block.steps[-1])
        kept = self._keep.mask(block.steps)
        values, present = block.table()
        self._parts.append((block.steps[kept], block.wall_times[kept], values[kept], present[kept]))
        self._rows += int(kept.sum())
        if self._rows >= BLOCK_ROWS:
            yield from self.take()

    def take(self) -> Iterator[bytes]:
        """Yield the event of a block that holds the rows that waited, if any did."""
        if self._rows and self._manifest is not None:
            steps, times, values, present = map(np.concatenate, zip(*self._parts, strict=True))
            block = pack_rows(self._manifest, steps, times, values, present)
            yield health_event(block, int(steps[-1]), float(times[-1]))
        self._parts, self._rows = [], 0

    def keeps(self, event: Any) -> bool:
        """Return whether an event without health stays."""
        if event.WhichOneof("what") == "file_version":
            begun, self._begun = self._begun, True
            return not begun
        if any(value.tag.startswith("epoch_") for value in event.summary.value):
            return True
        self._scalars += 1
        return bool(self._keep.mask(np.array([event.step]))[0]) or self._scalars % 2 == 1


def _block(event: Any) -> Manifest | RowBlock | None:
    for value in event.summary.value:
        if value.tag == TAG:
            return unpack(value.tensor.string_val[0])
    return None


def _marked(manifest: Manifest, every: int) -> Manifest:
    return Manifest(manifest.columns, {**manifest.environment, THINNED: {"every": every}})
