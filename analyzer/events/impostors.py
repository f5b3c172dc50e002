"""Files that are named like event files and are something else."""

from __future__ import annotations

from typing import Final

# How much of a file's beginning is looked at, in bytes.
HEAD: Final = 512

# Every writer begins its file with an event whose file_version is "brain.Event:2"
# (tensorflow/core/util/events_writer.h). Such a file is a damaged one, not an impostor.
FILE_VERSION: Final = b"brain.Event:"

SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the data itself"),
    (b"\x00\x05\x16\x07", "a macOS AppleDouble companion file (._), not the data itself"),
    (b"\x1f\x8b", "gzip-compressed data; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "Zstandard-compressed data; unpack it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"SQLite format 3\x00", "an SQLite database"),
)
MARKUP: Final = (b"<!doctype html", b"<html")


def likeness(head: bytes) -> str | None:
    """Return what a file that begins with `head` looks like, or None if nothing known."""
    for signature, name in SIGNATURES:
        if head.startswith(signature):
            return name
    if head.lstrip().lower().startswith(MARKUP):
        return "an HTML page, perhaps in place of a download"
    return "plain text" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    # One byte may as well be the torn beginning of a record's length.
    if len(head) < 2:
        return False
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A head may end inside a character.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(char.isprintable() or char in "\t\n\r\f\ufeff" for char in text)
