"""Every sound frame of a growing file to a scanner, past any damage, each of them once.

Laws:

1. A torn tail is a state, not an error: call `read` again when the file has grown, and it goes on
   where it stopped. What is found does not depend on how the file came in pieces.
2. A bad payload costs that one frame, if a header with a right checksum begins where it ends.
   Otherwise, and after a bad length, reading goes on at the next frame whose two checksums hold.
3. Time is linear: a search looks at each byte once, and all payloads that are checked in vain
   together have at most LONGEST + 8 times the bytes before them. A search gives up after
   MOST_SEARCHED bytes, holes in the file not counted.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any, Final

from analyzer.events.framing import (
    BLOCK_ENDS,
    HEADER,
    LONGEST,
    OVERHEAD,
    Ending,
    EndStatus,
    Gaps,
    Losses,
    header_trouble,
    length_of,
)
from analyzer.events.window import Window

MOST_SEARCHED: Final = 1 << 32
IN_VAIN: Final = 8
# Below this a stretch is read as soon as it is mapped.
MAPPED: Final = 1 << 16


class FrameReader:
    """Leads a scanner through a file, again and again as the file grows."""

    def __init__(self, twin: ModuleType, scanner: Any) -> None:
        """Begin at the beginning.

        Args:
            twin: The module with `masked_crc32c` and `find_header`.
            scanner: Takes in the frames; usually a `Scanner` of the same module.
        """
        self._twin = twin
        self._scanner = scanner
        self._size = 0
        self._next = 0
        self._framed = False
        self._skipped = Losses()
        self._gaps = Gaps()
        self._in_vain = 0
        # What is not settled yet: the bytes at `_next`, where to search on, and a sentence.
        self._header = b""
        self._search: int | None = None
        self._searched = 0
        self._reason = ""
        # The size of a frame whose payload is bad, while what follows is not there yet.
        self._undecided = 0
        self._mapped = True

    @property
    def position(self) -> int:
        """Everything before this byte is settled."""
        return self._next

    def read(self, window: Window, *, mapped: bool = True) -> None:
        """Hand the frames after those already read to the scanner.

        Args:
            window: The file.
            mapped: Whether the scanner may map it into memory.

        Raises:
            FileShrankError: It was mapped and grew shorter meanwhile; begin anew.
            OSError: If the file cannot be read.
        """
        self._mapped = mapped
        if self._header and window.peek(self._next, HEADER.size) != self._header:
            self._search = None
        searching = self._search is not None
        while (searching or self._scan(window)) and self._recover(window):
            searching = False
        rest = self._next < window.size
        self._header = window.peek(self._next, HEADER.size) if rest else b""
        # A file that shrank was replaced; what had been read of it stands.
        self._size = max(self._next, window.size)

    @property
    def ending(self) -> Ending:
        """The state of what has been read so far."""
        status: EndStatus = "complete"
        offset, reason = self._size, ""
        skipped, gaps = self._skipped, self._gaps
        if self._undecided:
            skipped = replace(skipped)
            skipped.add(self._next, self._undecided)
        rest = self._size - self._next - self._undecided
        if rest and not self._reason:
            status, offset = "truncated", self._next
            reason = f"The file ends inside the record that begins at byte {self._next}."
        if self._reason:
            status, offset, reason = "corrupt", self._next, self._reason
        if gaps.count:
            status, offset, reason = "corrupt", gaps.first, gaps.sentence()
        if skipped.count and not (gaps.count and gaps.first < skipped.first):
            status, offset = "corrupt", skipped.first
            reason = skipped.sentence("fails its checksum")
        lost = skipped.bytes + gaps.bytes + rest
        return Ending(status, offset, reason, self._size, lost, self._framed)

    def _scan(self, window: Window) -> bool:
        """Take in frames as far as they are sound; tell whether something is wrong then."""
        needed = HEADER.size
        self._undecided, self._reason = 0, ""
        if self._mapped and window.descriptor >= 0 and window.size - self._next >= MAPPED:
            used = self._scanner.scan_mapped(window.descriptor, self._next, window.size)
            self._next += used
            self._framed |= used > 0
        while True:
            block = window.view(self._next, needed)
            used, trouble = self._scanner.scan(block, self._next)
            self._next += used
            self._framed |= used > 0
            if self._next >= window.size:
                self._reason = ""
                return False
            header = bytes(block[used : used + HEADER.size])
            if trouble != BLOCK_ENDS:
                return True
            self._reason = self._trouble(header) or ""
            needed = HEADER.size
            if len(header) == HEADER.size:
                self._framed = True
                needed = OVERHEAD + length_of(header)
            if self._next + needed > window.size:
                return False

    def _recover(self, window: Window) -> bool:
        """Settle what is wrong at the present place; tell whether reading can go on."""
        if self._search is None:
            if self._steps_over(window):
                return True
            if self._undecided:
                return False
        found = self._find_frame(window)
        if found is None:
            return False
        self._gaps.add(self._next, found, self._reason)
        self._next, self._search, self._reason = found, None, ""
        return True

    def _steps_over(self, window: Window) -> bool:
        """Step over one bad payload and tell so, or make ready for a search."""
        offset = self._next
        header = bytes(window.view(offset, HEADER.size)[: HEADER.size])
        self._searched = 0
        if (trouble := self._trouble(header)) is not None:
            self._reason, self._search = trouble, offset + 1
            return False
        self._framed = True
        size = OVERHEAD + length_of(header)
        after = bytes(window.view(offset + size, HEADER.size)[: HEADER.size])
        if len(after) < HEADER.size:
            self._undecided = size
            return False
        if self._trouble(after) is None:
            self._skipped.add(offset, size)
            self._next = offset + size
            return True
        self._reason = f"The record at byte {offset} fails its checksum, as does what follows."
        self._search = offset + (1 if self._afford(size) else size)
        return False

    def _find_frame(self, window: Window) -> int | None:
        """Return where the next frame begins whose checksums hold; None if there is none yet."""
        at = self._next if self._search is None else self._search
        while self._searched <= MOST_SEARCHED:
            self._search = at = max(at, window.data_after(at) - HEADER.size + 1)
            block = window.view(at, HEADER.size)
            if len(block) < HEADER.size:
                return None
            used: int = self._twin.find_header(block)
            if used == len(block):
                used -= HEADER.size - 1
            else:
                header = block[used : used + HEADER.size]
                if (size := OVERHEAD + length_of(header)) > window.size - at - used:
                    self._framed = True
                    return None
                if self._afford(size) and self._is_sound(window.view(at + used, size)[:size]):
                    self._in_vain -= size
                    return at + used
                used += 1
            self._searched += used
            at += used
        return None

    def _afford(self, size: int) -> bool:
        """Charge the checking of so many bytes that may be in vain, if there is credit for it."""
        if self._in_vain + size > LONGEST + IN_VAIN * self._next:
            return False
        self._in_vain += size
        return True

    def _is_sound(self, frame: memoryview) -> bool:
        stored = int.from_bytes(frame[-4:], "little")
        return bool(self._twin.masked_crc32c(frame[HEADER.size : -4]) == stored)

    def _trouble(self, header: bytes) -> str | None:
        return header_trouble(header, self._next, self._twin.masked_crc32c(header[:8]))
