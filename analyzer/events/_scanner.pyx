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

from analyzer.events.framing import FileShrankError
from analyzer.events.records import HealthExtent
from analyzer.events.tables import NO_EXTENTS, ExtentTable, Haul, ScalarTable, Tally

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
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

# Of the hash of tags: nobody outside this process knows it, so nobody can make tags that collide.
cdef uint64_t KEY[2]
KEY[0] = int.from_bytes(os.urandom(8), "little")
KEY[1] = int.from_bytes(os.urandom(8), "little")


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
    cdef list _names

    def __cinit__(self):
        memset(&self._scan, 0, sizeof(Scan))
        tags_setup(&self._scan.tags, KEY[0], KEY[1])
        self._names = []
        guard_setup()

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
        cdef size_t used
        self._enter()
        try:
            with nogil:
                used = scan_block(
                    &self._scan, _begin(block), <size_t>block.shape[0], offset, &trouble
                )
            self._check()
        finally:
            self._busy = False
        return used, trouble

    def scan_mapped(self, int descriptor, int64_t offset, int64_t end):
        """Take in whole frames of a file without copying it, as far as that is possible.

        Args:
            descriptor: The open file.
            offset: Where a frame begins in it.
            end: What lies from here on is left alone.

        Returns:
            How many bytes were used up, none where files cannot be mapped. Why not more is for
            `scan` to say.

        Raises:
            FileShrankError: The file was cut meanwhile; the scanner is of no more use.
            MemoryError: What there is to keep does not fit; nor is it then.
            RuntimeError: Another thread is using this scanner.
        """
        cdef int64_t used
        self._enter()
        try:
            with nogil:
                used = c_scan_mapped(&self._scan, descriptor, offset, end)
            if used < 0:
                raise FileShrankError("The file was cut while it was being read.")
            self._check()
        finally:
            self._busy = False
        return used

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
            health = self._take_health()
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

    cdef list _take_health(self):
        cdef Blocks* kept = &self._scan.blocks
        cdef size_t i
        return [
            HealthExtent(
                kept.walls.items[i], kept.steps.items[i], kept.offsets.items[i], kept.sizes.items[i]
            )
            for i in range(kept.count)
        ]

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
        # One allocation, so that the system may give it large pages; it is viewed once, which for
        # a small file is most of the work.
        numbers = np.empty(3 * count + len(names) + 1, np.int64)
        cdef int64_t[::1] view = numbers
        if count:
            with nogil:
                split_points(
                    &self._scan, &view[3 * count], &view[0], <double*>&view[count],
                    <double*>&view[2 * count],
                )
        else:
            numbers[:] = 0
        floats = numbers.view(np.float64)
        return ScalarTable(
            names,
            numbers[3 * count :],
            numbers[:count],
            floats[count : 2 * count],
            floats[2 * count : 3 * count],
            exceeding=self._exceeding(),
        )

    cdef list _exceeding(self):
        cdef Exceeding* kept = &self._scan.exceeding
        cdef size_t i
        return [
            (
                kept.places.items[i],
                kept.integers.items[i] if kept.kinds.items[i] == 1
                else <uint64_t>kept.integers.items[i],
            )
            for i in range(kept.count)
        ]

    cdef _take_others(self):
        cdef size_t tags = self._scan.other_tags.count, count = self._scan.rows.count
        if tags == 0:
            return {}, NO_EXTENTS
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
