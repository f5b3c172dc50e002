# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: embedsignature=True
"""The compiled scanner: blocks of a file in, columns out, without the GIL.

Laws:

1. Everything that reads bytes is in native/*.h, where every read is checked against its end. This
   file only lends it memory and hands its columns to numpy.
2. It is the twin of `reference`: same names, same results, same errors.
3. A scanner is for one thread at a time, and says so instead of corrupting its columns.
"""

import os

import numpy as np

from analyzer.events.records import HealthBytes
from analyzer.events.tables import ExtentTable, Haul, ScalarTable, Tally

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

__all__ = [
    "BLOCK_ENDS",
    "LENGTH_FAILS",
    "NAME",
    "PAYLOAD_FAILS",
    "Scanner",
    "crc32c",
    "find_header",
    "masked_crc32c",
]

NAME = "compiled"
BLOCK_ENDS, LENGTH_FAILS, PAYLOAD_FAILS = 0, 1, 2

crc32c_setup()

cdef const uint8_t NOTHING = 0


cdef inline const uint8_t* _begin(const uint8_t[::1] data) noexcept nogil:
    return &data[0] if data.shape[0] else &NOTHING


def crc32c(const uint8_t[::1] data not None):
    """Return the plain CRC-32C of `data`, as an unsigned 32-bit number."""
    cdef uint32_t register
    with nogil:
        register = crc32c_extend(0xFFFFFFFFU, _begin(data), <size_t>data.shape[0])
    return register ^ 0xFFFFFFFF


def masked_crc32c(const uint8_t[::1] data not None):
    """Return the masked CRC-32C of `data`, as an unsigned 32-bit number."""
    cdef uint32_t masked
    with nogil:
        masked = c_masked(_begin(data), <size_t>data.shape[0])
    return masked


def find_header(const uint8_t[::1] block not None):
    """Return where the first record header with a right checksum begins, or the block's length."""
    cdef size_t at
    with nogil:
        at = c_find_header(_begin(block), <size_t>block.shape[0])
    return at


cdef class Scanner:
    """Takes in a file block by block, and keeps what its events say until it is taken."""

    cdef Scan _scan
    cdef bint _busy
    cdef list _health
    cdef list _names

    def __cinit__(self):
        memset(&self._scan, 0, sizeof(Scan))
        tags_setup(
            &self._scan.tags,
            int.from_bytes(os.urandom(8), "little"),
            int.from_bytes(os.urandom(8), "little"),
        )
        self._health, self._names = [], []

    def __dealloc__(self):
        scan_free(&self._scan)

    def scan(self, const uint8_t[::1] block not None, int64_t offset):
        """Take in the whole frames at the beginning of a block.

        Args:
            block: Bytes of the file, from the beginning of a frame on.
            offset: Where in the file they lie.

        Returns:
            How many bytes were used up, and why not more: `BLOCK_ENDS`, `LENGTH_FAILS` or
            `PAYLOAD_FAILS`.

        Raises:
            MemoryError: What there is to keep does not fit; the scanner is of no more use.
            RuntimeError: Another thread is using this scanner.
        """
        cdef int trouble
        cdef size_t used, before = self._scan.blocks.count
        self._enter()
        try:
            with nogil:
                used = scan_block(
                    &self._scan, _begin(block), <size_t>block.shape[0], offset, &trouble
                )
            self._check()
            self._keep_health(block, offset, before)
        finally:
            self._busy = False
        return used, trouble

    def take(self):
        """Return what was gathered since the last time, and forget it.

        Raises:
            MemoryError: It does not fit.
            RuntimeError: Another thread is using this scanner.
        """
        self._enter()
        try:
            self._check()
            scalars = self._take_points()
            counts, extents = self._take_others()
            sessions = self._take_sessions()
            health, self._health = self._health, []
            scan_clear(&self._scan)
            scan_free_rows(&self._scan)
        finally:
            self._busy = False
        return Haul(scalars, health, counts, extents, sessions)

    def tally(self):
        """Return the counts over the whole file."""
        cdef Scan* scan = &self._scan
        version = None
        if scan.version != NULL:
            version = (<char*>scan.version)[: scan.version_size].decode("utf-8")
        return Tally(
            scan.events,
            scan.blank,
            scan.refused,
            scan.refused_bytes,
            scan.first_refused,
            scan.first_wall_time if scan.events else None,
            version,
        )

    cdef _enter(self):
        if self._busy:
            raise RuntimeError("Another thread is using this scanner.")
        self._busy = True

    cdef _check(self):
        if self._scan.failed:
            raise MemoryError("The columns of this file do not fit into memory.")

    cdef _keep_health(self, const uint8_t[::1] block, int64_t offset, size_t before):
        cdef Blocks* kept = &self._scan.blocks
        cdef const uint8_t* begin = _begin(block)
        cdef size_t i
        for i in range(before, kept.count):
            data = (<const char*>begin + (kept.offsets.items[i] - offset))[: kept.sizes.items[i]]
            self._health.append(HealthBytes(kept.walls.items[i], kept.steps.items[i], data))

    cdef list _names_of(self, Order* order):
        cdef Tags* tags = &self._scan.tags
        cdef size_t i
        cdef Tag* tag
        cdef uint32_t number
        names = self._names
        if len(names) < tags.count:
            names.extend([None] * (tags.count - len(names)))
        found = []
        for i in range(order.count):
            number = order.tags.items[i]
            name = names[number]
            if name is None:
                tag = &tags.tags[number]
                name = (<char*>tags.arena + tag.at)[: tag.size].decode("utf-8")
                names[number] = name
            found.append(name)
        return found

    cdef _take_points(self):
        cdef size_t count = self._scan.points.count
        names = self._names_of(&self._scan.point_tags)
        # One allocation, so that the system may give it large pages.
        starts, columns = np.empty(len(names) + 1, np.int64), np.empty((3, count), np.int64)
        steps, walls, values = columns[0], columns[1].view(float), columns[2].view(float)
        cdef int64_t[::1] starts_view = starts, steps_view = steps
        cdef double[::1] walls_view = walls, values_view = values
        if count:
            with nogil:
                split_points(
                    &self._scan, &starts_view[0], &steps_view[0], &walls_view[0], &values_view[0]
                )
        else:
            starts[:] = 0
        return ScalarTable(names, starts, steps, walls, values)

    cdef _take_others(self):
        cdef size_t tags = self._scan.other_tags.count, count = self._scan.rows.count
        names = self._names_of(&self._scan.other_tags)
        # One place more than needed, so that a column without rows has a beginning too.
        numbers = np.zeros((5, max(tags, count) + 1), np.int64)
        walls, kinds = np.zeros(count + 1), np.zeros(count + 1, np.uint8)
        cdef int64_t[:, ::1] view = numbers
        cdef double[::1] walls_view = walls
        cdef uint8_t[::1] kinds_view = kinds
        with nogil:
            split_rows(
                &self._scan, &view[0, 0], &view[1, 0], &view[2, 0], &walls_view[0], &view[3, 0],
                &view[4, 0], &kinds_view[0],
            )
        counts = dict(zip(names, numbers[1, :tags].tolist()))
        steps, offsets, sizes = numbers[2:, :count]
        starts = numbers[0, : tags + 1]
        return counts, ExtentTable(
            names, starts, steps, walls[:count], offsets, sizes, kinds[:count]
        )

    cdef list _take_sessions(self):
        cdef Sessions* kept = &self._scan.sessions
        cdef size_t i
        return [
            (kept.events.items[i], kept.steps.items[i], kept.statuses.items[i])
            for i in range(kept.count)
        ]
