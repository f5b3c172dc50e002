"""Columns of values that stay exact: float64, unless a 64-bit integer needs more than its 53 bits.

Law: a column becomes int64 or uint64 only if every value of it can be one; else it stays float64,
and what it cannot hold is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

UNSIGNED: Final = np.dtype(np.uint64)
SIGNED: Final = np.dtype(np.int64)


def with_integers(values: Floats, integers: Mapping[int, int]) -> Floats:
    """Return the column with these values in place of the rounded ones.

    Args:
        values: float64, shape (n,).
        integers: 64-bit integers by their row.

    Returns:
        int64 or uint64, shape (n,), read-only; `values` if not all of them are such integers.
    """
    dtype = UNSIGNED if max(integers.values()) > np.iinfo(SIGNED).max else SIGNED
    if min(integers.values()) < np.iinfo(dtype).min:
        return values
    rest = values.copy()
    rest[list(integers)] = 0
    exact = _as_integers(rest, dtype)
    if exact is None:
        return values
    exact[list(integers)] = np.array(list(integers.values()), dtype)
    exact.flags.writeable = False
    return cast(Floats, exact)


def joined(columns: Sequence[Floats]) -> Floats:
    """Return one column of several, exact if any of them is and all of them can be."""
    dtypes = {column.dtype for column in columns}
    for dtype in (UNSIGNED, SIGNED):
        if dtype in dtypes and len(dtypes) > 1:
            exact = [_as_integers(column, dtype) for column in columns]
            if all(column is not None for column in exact):
                return cast(Floats, np.concatenate(cast(Any, exact)))
            return np.concatenate([column.astype(np.float64) for column in columns])
    return np.concatenate(columns)


def _as_integers(column: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
    """Return the column in this dtype if nothing of it is lost, else None."""
    if column.dtype == dtype:
        return column
    limits = np.iinfo(dtype)
    if column.dtype.kind == "f":
        # The highest integer is no float64; the power of two after it is.
        fits = (column >= limits.min) & (column < 2.0 ** (limits.bits - (dtype == SIGNED)))
        if not (fits & (np.floor(column) == column)).all():
            return None
    elif column.dtype == UNSIGNED:
        if (column > np.iinfo(SIGNED).max).any():
            return None
    elif (column < 0).any():
        return None
    return column.astype(dtype)
