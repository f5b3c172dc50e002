"""Event files: bytes in, records out. Nothing here decides what a number means."""
