"""The compiled scanner and its reference: one contract, held name by name and byte by byte."""

from __future__ import annotations

import inspect
import io
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto import event_pb2

import analyzer.events
from analyzer.events import reference
from analyzer.events.event_file import EventStream
from analyzer.events.records import Extents, FileRecords
from analyzer.events.selection import VARIABLE, ReaderMissingError, select
from tests.analyzer.events.anybytes import AnyBytes
from tests.analyzer.events.wire import (
    event,
    file_of,
    record,
    scalar,
    tensor,
    text,
    value,
    version,
)

RICH = file_of(
    version(),
    event(0, value("nan/h", "nan", tensor=text(b"block")), value("loss", simple_value=1)),
    event(1, value("v2", "scalars", tensor=tensor(1, float_val=[2.5])), value("acc", histo={})),
    event_pb2.Event(step=2, session_log={"status": "START"}),
    event(3, value("nan/h", tensor=text(b"more")), value("v2", tensor=tensor(2, double_val=[1]))),
    *(scalar("loss", step, float("nan")) for step in range(4, 9)),
)


def told(records: FileRecords) -> Any:
    """Everything a reader says, as something that can be compared; all NaN are alike."""
    columns = [
        (tag, *(str(column.tolist()) for column in (held.steps, held.wall_times, held.values)))
        for tag, held in records.scalars.items()
    ]
    extents = [
        (tag, str([getattr(held, name).tolist() for name in Extents.__slots__]))
        for tag, held in records.extents.items()
    ]
    health = [(str(b.wall_time), b.step, b.offset, b.size) for b in records.health]
    rest = (records.events, str(records.first_wall_time), records.session_starts, records.anew)
    others = list(records.other_tags.items())
    return columns, extents, health, others, rest, records.file_version, records.state


def read(twin: ModuleType, data: bytes) -> Any:
    return told(EventStream(twin).read(io.BytesIO(data)))


def assert_agree(compiled: ModuleType, data: bytes) -> None:
    assert read(compiled, data) == read(reference, data)


def test_both_offer_the_same_names(compiled: ModuleType) -> None:
    assert compiled.__all__ == reference.__all__
    assert [name for name in compiled.__all__ if not hasattr(compiled, name)] == []
    made_there = {
        name
        for name, thing in vars(compiled).items()
        if getattr(thing, "__module__", None) == compiled.__name__ and not name.startswith("_")
    }
    assert made_there <= set(compiled.__all__)


def test_every_name_has_the_same_signature_and_contract(compiled: ModuleType) -> None:
    for name in reference.__all__:
        ours, theirs = getattr(compiled, name), getattr(reference, name)
        if isinstance(theirs, int | str):
            assert name == "NAME" or ours == theirs
            continue
        members = [member for member in dir(theirs) if not member.startswith("_")]
        assert members == [member for member in dir(ours) if not member.startswith("_")] or (
            not inspect.isclass(theirs)
        )
        for member in members if inspect.isclass(theirs) else []:
            mine, other = getattr(ours, member), getattr(theirs, member)
            parameters = list(inspect.signature(mine).parameters)
            assert parameters == list(inspect.signature(other).parameters)
            assert first_line(mine) == first_line(other)


def first_line(thing: Any) -> str:
    lines = (inspect.getdoc(thing) or "").splitlines()
    # Cython puts the signature first.
    return str(next(line for line in lines if line and "(" not in line))


@pytest.mark.parametrize("name", ["crc32c", "masked_crc32c", "find_header"])
@pytest.mark.parametrize("argument", [None, 7, "text", [1, 2]])
def test_both_refuse_what_is_no_bytes(name: str, argument: Any, compiled: ModuleType) -> None:
    errors = []
    for module in (compiled, reference):
        with pytest.raises(TypeError) as caught:
            getattr(module, name)(argument)
        errors.append(caught.type)
    assert errors[0] is errors[1]


def test_a_scanner_in_use_refuses_a_second_thread(twin: ModuleType) -> None:
    scanner, block = twin.Scanner(), file_of(*(scalar("x", step, 1) for step in range(20_000)))
    failures: list[str] = []

    def use() -> None:
        try:
            scanner.scan(block, 0)
        except RuntimeError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(failures) <= {"Another thread is using this scanner."}
    assert scanner.tally().events == 20_000 * (8 - len(failures))


@given(st.binary(max_size=20_000), st.integers(0, 9))
@settings(deadline=None)
def test_checksums_agree(compiled: ModuleType, data: bytes, start: int) -> None:
    view = memoryview(data * 3)[start:]
    for name in ("crc32c", "masked_crc32c"):
        assert getattr(compiled, name)(view) == getattr(reference, name)(view)


@pytest.mark.parametrize("size", [767, 768, 769, 12_287, 12_288, 12_289, 100_003])
def test_checksums_agree_at_the_seams_between_lanes(compiled: ModuleType, size: int) -> None:
    data = bytes(at * at % 251 for at in range(size))
    assert compiled.crc32c(data) == reference.crc32c(data)


@given(st.lists(st.binary(max_size=40)), st.integers(0, 40))
@settings(deadline=None)
def test_headers_are_found_at_the_same_places(
    compiled: ModuleType, pieces: list[bytes], size: int
) -> None:
    data = b"".join(piece + record(bytes(size)) for piece in pieces)
    for start in range(len(data)):
        assert compiled.find_header(data[start:]) == reference.find_header(data[start:])


@given(st.binary(max_size=600))
@settings(deadline=None)
def test_they_agree_on_arbitrary_bytes(compiled: ModuleType, data: bytes) -> None:
    assert_agree(compiled, data)


@given(st.lists(st.binary(max_size=60), max_size=5))
@example([b"\x9b\x06" * 101 + b"\x9c\x06" * 101])
@settings(deadline=None)
def test_they_agree_on_arbitrary_payloads(compiled: ModuleType, payloads: list[bytes]) -> None:
    assert_agree(compiled, b"".join(map(record, payloads)))


@given(st.integers(0, 1 << 64))
@settings(deadline=None, max_examples=1500)
def test_they_agree_on_messages_of_a_hostile_writer(compiled: ModuleType, seed: int) -> None:
    source = AnyBytes(seed)
    assert_agree(compiled, RICH[:40] + b"".join(record(source.payload()) for _ in range(3)))


@pytest.mark.parametrize(
    "repeated",
    [
        scalar("loss", 300, 0.5),
        event(1, value("v2", "scalars", tensor=tensor(1, float_val=[2.5]))),
        event(0, value("x", "scalars", tensor=tensor(2, (1,), tensor_content=b"12345678"))),
    ],
    ids=["a number", "a float in a tensor", "a double in the content of a tensor"],
)
def test_they_agree_on_an_event_that_repeats_but_for_any_one_byte(
    compiled: ModuleType, repeated: Any
) -> None:
    payload = repeated.SerializeToString()
    whole = record(payload)
    for at in range(len(payload)):
        odd = [
            record(payload[:at] + bytes([payload[at] ^ flip]) + payload[at + 1 :])
            for flip in (0x01, 0x02, 0x08, 0x80)
        ]
        assert_agree(compiled, whole * 3 + whole.join(odd) + whole)


def edited(data: st.DataObject) -> bytes:
    file = bytearray(RICH)
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(file)))
        stop = data.draw(st.integers(start, min(len(file), start + 80)))
        file[start:stop] = data.draw(st.one_of(st.binary(max_size=20), st.just(bytes(16))))
    return bytes(file)


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_they_agree_on_valid_files_with_arbitrary_edits(
    compiled: ModuleType, data: st.DataObject
) -> None:
    assert_agree(compiled, edited(data))


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_they_agree_on_a_file_that_comes_in_pieces_and_both_say_what_the_whole_says(
    compiled: ModuleType, data: st.DataObject
) -> None:
    file = edited(data)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(file)), max_size=12)))
    gathered: list[Any] = []
    for module in (compiled, reference):
        reader = EventStream(module)
        parts = [reader.read(io.BytesIO(file[:cut])) for cut in [*cuts, len(file)]]
        gathered.append([told(part) for part in parts])
        whole = EventStream(module).read(io.BytesIO(file))
        assert not any(part.anew for part in parts)
        assert parts[-1].state == whole.state
        assert sum(part.events for part in parts) == whole.events
        assert [b for part in parts for b in part.health] == whole.health
        for tag, columns in whole.scalars.items():
            found = [part.scalars[tag].steps.tolist() for part in parts if tag in part.scalars]
            assert [step for steps in found for step in steps] == columns.steps.tolist()
    assert gathered[0] == gathered[1]


ROW = re.compile(r"\n    \[(\w+)\] = \{([^}]*)\}")
LETTERS = {1: "8", 2: "4", 3: "v", 4: "v", 5: "v", 8: "v", 9: "t", 12: "b", 13: "v", 14: "v"}
MESSAGES = {
    "EVENT": "Event", "SUMMARY": "Summary", "VALUE": "Summary.Value",
    "METADATA": "SummaryMetadata", "PLUGIN_DATA": "SummaryMetadata.PluginData",
    "IMAGE": "Summary.Image", "HISTOGRAM": "HistogramProto", "AUDIO": "Summary.Audio",
    "TENSOR": "TensorProto", "SHAPE": "TensorShapeProto", "DIM": "TensorShapeProto.Dim",
    "RESOURCE": "ResourceHandleProto", "DTYPE_AND_SHAPE": "ResourceHandleProto.DtypeAndShape",
    "VARIANT": "VariantTensorDataProto", "LOG_MESSAGE": "LogMessage",
    "SESSION_LOG": "SessionLog", "TAGGED_RUN": "TaggedRunMetadata", "SOURCE": "SourceMetadata",
}  # fmt: skip


def expected_schema() -> dict[str, dict[int, str]]:
    names = {f"tensorboard.{full}": name for name, full in MESSAGES.items()}
    found: dict[str, dict[int, str]] = {}

    def visit(message: Any) -> None:
        if names[message.full_name] in found:
            return
        kinds = found[names[message.full_name]] = {}
        for field in message.fields:
            if field.message_type:
                kinds[field.number] = f"M({names[field.message_type.full_name]})"
                visit(field.message_type)
            else:
                letter = LETTERS[field.type]
                packed = {"v": "V", "4": "F", "8": "D"}[letter] if field.is_packed else letter
                kinds[field.number] = f"'{packed}'"

    visit(event_pb2.Event.DESCRIPTOR)
    return found


def test_the_table_of_the_schema_is_that_of_tensorboard() -> None:
    source = Path(analyzer.events.__file__).parent / "native" / "schema.h"
    found = {
        name: {number: kind for number, kind in enumerate(row.split(", ")) if kind != "0"}
        for name, row in ROW.findall(re.sub(r",\n     +", ", ", source.read_text()))
    }
    assert found == expected_schema()


@pytest.mark.parametrize("name", ["compiled", "reference"])
def test_the_environment_forces_a_reader(name: str, compiled: ModuleType) -> None:
    assert compiled.NAME == "compiled"
    program = "from analyzer.events import scanner; print(scanner.ACTIVE)"
    said = subprocess.check_output(
        [sys.executable, "-c", program], env=os.environ | {VARIABLE: name}, text=True
    )
    assert said.strip() == name


def test_a_reader_that_does_not_exist_is_told() -> None:
    with pytest.raises(ReaderMissingError, match="'fastest'; there is only compiled or"):
        select("fastest")


def test_a_reader_that_was_not_built_is_told_if_forced_and_else_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    select.cache_clear()
    monkeypatch.setitem(sys.modules, "analyzer.events._scanner", None)
    try:
        with pytest.raises(ReaderMissingError, match="compiled reader, which is not there"):
            select("compiled")
        assert select(None) is reference
    finally:
        select.cache_clear()
