"""Health record <-> bytes. The byte layout is drawn in docs/format.md; this file is its only code.

A block of rows holds one row a training step and is stored by column, because most columns of a
healthy training do not change (counts of non-finite values, the learning rate): those cost 5 bytes
a block. A manifest block names the columns. Every file carries its manifest before its first rows,
so each file explains itself.

Law: nothing in a block is trusted. Every length is checked against the bytes that are there before
anything is allocated, and a column is unpacked only when somebody asks for it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tb_nan_plugin.signals import Signal

MAGIC: Final = b"TBNH"
VERSION: Final = 1
PLUGIN_NAME: Final = "nan"
TAG: Final = "nan/health"

_HEAD: Final = struct.Struct("<4sHH8s")
_ROWS_HEAD: Final = struct.Struct("<II")
_TEXT_HEAD: Final = struct.Struct("<I")

Floats = npt.NDArray[np.float32]


class RecordError(ValueError):
    """The bytes are no health record that this version can read; the message says why."""


class _Kind(IntEnum):
    MANIFEST = 1
    ROWS = 2


class _Encoding(IntEnum):
    ABSENT = 0
    CONSTANT = 1
    DENSE = 2
    GAPPY = 3


class Column(NamedTuple):
    """One number of a row: what was measured, and where.

    Attributes:
        signal: A name of `signals.Signal`, or a name that only a newer version knows.
        where: The column, layer call or variable; "" for what belongs to the step as a whole.
    """

    signal: str
    where: str = ""

    @property
    def known(self) -> Signal | None:
        """Return the signal, or None if this version does not know it."""
        return Signal(self.signal) if self.signal in _KNOWN else None


_KNOWN: Final = frozenset(signal.value for signal in Signal)


@dataclass(frozen=True)
class Manifest:
    """The names of a row's numbers, and the training they were measured in.

    Attributes:
        columns: One entry a number, in causal order.
        environment: JSON-safe facts recorded once: versions, optimizer, loss, layers, what could
            not be observed.
    """

    columns: tuple[Column, ...]
    environment: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the canonical bytes, from which the id is made."""
        content = {"columns": [list(c) for c in self.columns], "environment": self.environment}
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def id(self) -> bytes:
        """Return the 8 bytes by which blocks of rows refer to this manifest."""
        return blake2b(self.to_json(), digest_size=8).digest()

    def position(self, column: Column) -> int | None:
        """Return the column's place in a row, or None if the rows do not have it."""
        return self._positions.get(column)

    @cached_property
    def _positions(self) -> dict[Column, int]:
        return {column: i for i, column in reversed(list(enumerate(self.columns)))}


@dataclass(frozen=True)
class RowBlock:
    """Consecutive rows, still packed by column.

    Attributes:
        manifest_id: Which manifest names the columns.
        steps: int64, shape (n,): index of the training batch since training began.
        wall_times: float64, shape (n,): seconds since the epoch.
        encodings: uint8, shape (k,): how each column is stored.
    """

    manifest_id: bytes
    steps: npt.NDArray[np.int64]
    wall_times: npt.NDArray[np.float64]
    encodings: npt.NDArray[np.uint8]
    _constants: Floats
    _dense: Floats
    _masks: npt.NDArray[np.uint8]

    def constant(self, index: int) -> float | None:
        """Return the column's value if it is the same in every row, else None."""
        if self.encodings[index] != _Encoding.CONSTANT:
            return None
        return float(self._constants[self._rank(index, _Encoding.CONSTANT)])

    def present(self, index: int) -> npt.NDArray[np.bool_]:
        """Return, shape (n,), in which rows the column was measured."""
        encoding = self.encodings[index]
        if encoding != _Encoding.GAPPY:
            return np.full(len(self.steps), encoding != _Encoding.ABSENT)
        bits = self._masks[self._rank(index, _Encoding.GAPPY)]
        return np.unpackbits(bits, count=len(self.steps), bitorder="little").astype(np.bool_)

    def values(self, index: int) -> Floats:
        """Return the column, shape (n,); rows in which it was not measured hold NaN."""
        encoding = self.encodings[index]
        if encoding == _Encoding.ABSENT:
            return np.full(len(self.steps), np.nan, np.float32)
        if encoding == _Encoding.CONSTANT:
            rank = self._rank(index, _Encoding.CONSTANT)
            constant: Floats = np.repeat(self._constants[rank : rank + 1], len(self.steps))
            return constant
        values: Floats = self._dense[self._rank(index, _Encoding.DENSE, _Encoding.GAPPY)]
        if encoding == _Encoding.DENSE:
            return values
        filled: Floats = np.where(self.present(index), values, np.float32(np.nan))
        return filled

    def table(self) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return all columns, shape (n, k), and which values were measured; others are any."""
        constant, dense, gappy = (self.encodings == e for e in list(_Encoding)[1:])
        n = len(self.steps)
        values = np.zeros((len(self.encodings), n), np.float32)
        values[constant] = self._constants[:, None]
        values[dense | gappy] = self._dense
        present = np.repeat((constant | dense)[:, None], n, axis=1)
        present[gappy] = np.unpackbits(self._masks, axis=1, count=n, bitorder="little")
        return values.T, present.T

    def _rank(self, index: int, *encodings: _Encoding) -> int:
        return int(np.isin(self.encodings[:index], encodings).sum())


def pack_manifest(manifest: Manifest) -> bytes:
    """Return the block that names the columns."""
    text = manifest.to_json()
    head = _HEAD.pack(MAGIC, VERSION, _Kind.MANIFEST, manifest.id)
    return head + _TEXT_HEAD.pack(len(text)) + text


def pack_rows(
    manifest: Manifest,
    steps: Sequence[int] | npt.NDArray[np.int64],
    wall_times: Sequence[float] | npt.NDArray[np.float64],
    values: Floats,
    present: npt.NDArray[np.bool_] | None = None,
) -> bytes:
    """Return the block that holds these rows.

    Args:
        manifest: Names the columns.
        steps: Shape (n,).
        wall_times: Seconds since the epoch, shape (n,).
        values: float32, shape (n, k).
        present: Shape (n, k): which numbers were measured; None for all of them.

    Raises:
        ValueError: The shapes do not agree.
    """
    n, k = values.shape
    if k != len(manifest.columns) or len(steps) != n or len(wall_times) != n or n == 0:
        raise ValueError(f"{len(steps)} steps, rows of shape {values.shape}: they do not agree")
    columns = np.ascontiguousarray(values.T, "<f4")
    measured = np.ones((k, n), np.bool_) if present is None else np.ascontiguousarray(present.T)
    encodings = _choose_encodings(columns, measured)
    gappy = encodings == _Encoding.GAPPY
    masks = np.packbits(measured[gappy], axis=1, bitorder="little")
    parts = [
        _HEAD.pack(MAGIC, VERSION, _Kind.ROWS, manifest.id),
        _ROWS_HEAD.pack(n, k),
        np.asarray(steps, "<i8").tobytes(),
        np.asarray(wall_times, "<f8").tobytes(),
        encodings.tobytes(),
        columns[encodings == _Encoding.CONSTANT, 0].tobytes(),
        columns[(encodings == _Encoding.DENSE) | gappy].tobytes(),
        masks.tobytes(),
    ]
    return b"".join(parts)


def _choose_encodings(columns: Floats, measured: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    bits = columns.view("<u4")  # compared as bits: NaN equals NaN, and -0.0 is not 0.0
    everywhere = measured.all(axis=1)
    constant = everywhere & (bits == bits[:, :1]).all(axis=1)
    encodings = np.where(everywhere, np.uint8(_Encoding.DENSE), np.uint8(_Encoding.GAPPY))
    encodings[constant] = _Encoding.CONSTANT
    encodings[~measured.any(axis=1)] = _Encoding.ABSENT
    return encodings


def unpack(block: bytes | memoryview) -> Manifest | RowBlock:
    """Read one block.

    Raises:
        RecordError: Not a health record, a newer version of it, or damaged.
    """
    view = memoryview(block)
    if len(view) < _HEAD.size or bytes(view[:4]) != MAGIC:
        raise RecordError("not a health record: the magic bytes are missing")
    _, version, kind, manifest_id = _HEAD.unpack_from(view)
    if version != VERSION:
        raise RecordError(
            f"a health record of version {version}; this reader knows version {VERSION}. "
            "Upgrade tb-nan-plugin to read it"
        )
    body = view[_HEAD.size :]
    if kind == _Kind.MANIFEST:
        return _unpack_manifest(body, manifest_id)
    if kind == _Kind.ROWS:
        return _unpack_rows(body, manifest_id)
    raise RecordError(f"a block of unknown kind {kind}")


def _unpack_manifest(body: memoryview, manifest_id: bytes) -> Manifest:
    if len(body) < _TEXT_HEAD.size:
        raise RecordError("a manifest that is cut short")
    (length,) = _TEXT_HEAD.unpack_from(body)
    text = bytes(body[_TEXT_HEAD.size :])
    if len(text) != length:
        raise RecordError(f"a manifest of {length} bytes of which {len(text)} are there")
    try:
        content = json.loads(text)
        columns = tuple(Column(str(signal), str(where)) for signal, where in content["columns"])
        manifest = Manifest(columns, dict(content["environment"]))
        found_id = manifest.id
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RecordError("a manifest that does not parse") from error
    if found_id != manifest_id:
        raise RecordError("a manifest whose content does not match its id")
    return manifest


def _unpack_rows(body: memoryview, manifest_id: bytes) -> RowBlock:
    if len(body) < _ROWS_HEAD.size:
        raise RecordError("a block of rows that is cut short")
    n, k = _ROWS_HEAD.unpack_from(body)
    if n == 0 or _ROWS_HEAD.size + 16 * n + k > len(body):
        raise RecordError(f"a block that says {n} rows of {k} columns and is too short for them")
    rest = body[_ROWS_HEAD.size :]
    steps = np.frombuffer(rest, "<i8", n)
    wall_times = np.frombuffer(rest, "<f8", n, 8 * n)
    encodings = np.frombuffer(rest, np.uint8, k, 16 * n)
    constant, dense, gappy = (
        int((encodings == e).sum()) for e in (_Encoding.CONSTANT, _Encoding.DENSE, _Encoding.GAPPY)
    )
    mask_bytes = (n + 7) // 8
    sizes = (4 * constant, 4 * n * (dense + gappy), mask_bytes * gappy)
    start = 16 * n + k
    if (k and encodings.max() > _Encoding.GAPPY) or start + sum(sizes) != len(rest):
        raise RecordError(f"a block of {n} rows of {k} columns whose bytes do not add up")
    constants = np.frombuffer(rest, "<f4", constant, start)
    values = np.frombuffer(rest, "<f4", n * (dense + gappy), start + sizes[0])
    masks = np.frombuffer(rest, np.uint8, mask_bytes * gappy, start + sizes[0] + sizes[1])
    return RowBlock(
        manifest_id,
        steps,
        wall_times,
        encodings,
        constants,
        values.reshape(dense + gappy, n),
        masks.reshape(gappy, mask_bytes),
    )
