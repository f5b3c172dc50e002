"""Write the files that a fuzzer begins with: every dialect, every ending, a few hostile ones.

    python -m tests.fuzz.seeds FOLDER [EVENT_FILE ...]

Of each event file that is named the first whole records are taken too, up to PART bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tensorboard.compat.proto import event_pb2

from analyzer.events.framing import HEADER, OVERHEAD
from tests.analyzer.events.anybytes import AnyBytes
from tests.analyzer.events.wire import event, file_of, record, scalar, tensor, text, value, version

PART: Final = 8_192
HOSTILE: Final = 60
NUMBERS: Final = {
    "float": tensor(1, float_val=[2.5]),
    "double": tensor(2, double_val=[2.5]),
    "content": tensor(2, (1,), tensor_content=b"12345678"),
    "int": tensor(3, int_val=[-7]),
    "byte": tensor(4, tensor_content=b"\xff"),
    "short": tensor(5, int_val=[-7]),
    "long": tensor(9, int64_val=[1 << 62]),
    "odd-long": tensor(9, int64_val=[-(1 << 53) - 1]),
    "odd-content": tensor(23, tensor_content=b"\xff" * 8),
    "bool": tensor(10, bool_val=[True]),
    "bfloat16": tensor(14, half_val=[0x7FC0]),
    "half": tensor(19, half_val=[0x0001]),
    "half-content": tensor(19, tensor_content=b"\x01\x80"),
    "bfloat16-content": tensor(14, tensor_content=b"\xc0\x7f"),
    "uint32-content": tensor(22, tensor_content=b"\0\0\0\x80"),
    "long-content": tensor(9, tensor_content=b"\0" * 7 + b"\x80"),
    "uint32": tensor(22, uint32_val=[1 << 31]),
    "uint64": tensor(23, uint64_val=[1 << 63]),
    "none": tensor(1),
    "many": tensor(1, (3,), float_val=[1, 2, 3]),
    "complex": tensor(8, scomplex_val=[1, 2]),
}


def seeds() -> dict[str, bytes]:
    """Return the files by name."""
    found = {
        "empty": b"",
        "version": file_of(version()),
        "session": file_of(event_pb2.Event(step=2, session_log={"status": "START"})),
        "numbers": file_of(version(), *(scalar("loss", step, 0.5) for step in range(120, 140))),
        "two-tags": file_of(*(scalar("ab"[step % 2], step, 0.5) for step in range(20))),
        "many-tags": file_of(event(1, *(value(f"t{n}", simple_value=n) for n in range(600)))),
        "dear-tags": file_of(event(1, *(value(f"{n:02x}", image={}) for n in range(257)))),
        "many-events": file_of(*(scalar(f"{step % 70}", step, 1) for step in range(140))),
        "health": file_of(*(event(n, value("nan/h", "nan", tensor=text(b"x"))) for n in range(3))),
        "late-metadata": file_of(
            event(1, value("x", tensor=tensor(1, float_val=[1]))),
            event(2, value("x", "pr_curves", tensor=tensor(1, float_val=[1]))),
            event(3, value("x", tensor=tensor(1, float_val=[1]))),
        ),
        "others": file_of(
            event(1, value("h", histo={"num": 2, "bucket": [1, 2], "bucket_limit": [3, 4]})),
            event(2, value("i", image={"height": 1, "encoded_image_string": b"\x89PNG"})),
            event(3, value("a", audio={"sample_rate": 8.0, "content_type": "audio/wav"})),
            event(4, value("bare"), value("old", obsolete_old_style_histogram=b"1")),
        ),
        "odd-events": file_of(
            event_pb2.Event(wall_time=1, log_message={"level": 20, "message": "ü"}),
            event_pb2.Event(wall_time=2, graph_def=b"graph"),
            event_pb2.Event(wall_time=3, tagged_run_metadata={"tag": "run", "run_metadata": b"1"}),
            event_pb2.Event(wall_time=4, source_metadata={"writer": "w"}),
            event_pb2.Event(),
        ),
        "variants": record(nested(48)) + record(nested(49)) + record(nested(60)),
        "groups": record(b"\x9b\x06" * 101 + b"\x9c\x06" * 101) + record(b"\x9b\x06\x9c\x06"),
    }
    whole = found["numbers"]
    found["torn"] = whole[:-7]
    found["zeros"] = whole + bytes(64)
    found["damaged"] = whole[:300] + b"\xff" + whole[301:]
    found["gap"] = whole[:200] + b"garbage" * 5 + whole
    for name, content in NUMBERS.items():
        steps = [event(step, value("v", "scalars", tensor=content)) for step in range(1, 6)]
        found[f"tensor-{name}"] = file_of(*steps)
    for seed in range(HOSTILE):
        source = AnyBytes(seed)
        payloads = (source.payload() for _ in range(8))
        found[f"hostile-{seed:02}"] = b"".join(record(part) for part in payloads if len(part) < 600)
    return found


def nested(depth: int) -> bytes:
    """Return an event with a tensor in so many variants: 48 are read, 49 are too deep."""
    inner = b""
    for number in [3, 15] * depth + [8, 1, 5]:
        size = len(inner)
        length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
        inner = bytes([number << 3 | 2]) + length + inner
    return inner


def beginning(data: bytes) -> bytes:
    """Return the first whole records of a file, up to PART bytes."""
    at = 0
    while at + HEADER.size <= len(data):
        after = at + OVERHEAD + int(HEADER.unpack_from(data, at)[0])
        if after > min(PART, len(data)):
            break
        at = after
    return data[:at]


def main() -> None:
    """Write them into the folder that is named first."""
    folder, *paths = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    found = seeds() | {
        f"real-{number:03}": beginning(Path(path).read_bytes()) for number, path in enumerate(paths)
    }
    for name, data in found.items():
        Path(folder, name).write_bytes(data)


if __name__ == "__main__":
    main()
