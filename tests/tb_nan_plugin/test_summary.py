"""What is written is an ordinary event file to everybody who reads such files."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto import event_pb2, summary_pb2

from tb_nan_plugin.record import Column, Manifest, pack_manifest, pack_rows
from tb_nan_plugin.summary import EventFile, health_event, scalar_event

MANIFEST = Manifest((Column("batch_size"), Column("loss")), {"keras": "3"})
BLOCKS = [
    pack_manifest(MANIFEST),
    *(pack_rows(MANIFEST, [i], [float(i)], np.array([[8, i]], np.float32)) for i in range(5)),
]


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    """A run with health blocks and scalars, left open as by a process that was killed."""
    file = EventFile(str(tmp_path / "run"))
    for step, block in enumerate(BLOCKS):
        file.write(health_event(block, step, 100.0 + step))
        file.write(scalar_event("epoch_loss", 0.5 * step, step, 100.0 + step))
    file.write(scalar_event("epoch_accuracy", float("nan"), 3, 103.0))
    file.flush()
    return tmp_path


def written(log_dir: Path) -> list[bytes]:
    (file,) = (log_dir / "run").iterdir()
    return [record.numpy() for record in tf.data.TFRecordDataset(str(file))]


def test_tensorflows_reader_gets_every_block_back(log_dir: Path) -> None:
    first, *rest = [event_pb2.Event.FromString(record) for record in written(log_dir)]

    assert first.file_version == "brain.Event:2"
    health = [e for e in rest if e.summary.value[0].tag == "nan/health"]
    assert [e.step for e in health] == list(range(6))
    assert [e.wall_time for e in health] == [100.0 + i for i in range(6)]
    assert [tf.make_ndarray(e.summary.value[0].tensor).item() for e in health] == BLOCKS
    metadata = {e.summary.value[0].metadata.plugin_data.plugin_name for e in health}
    assert metadata == {"nan"}


def test_blocks_name_no_class_of_data_so_that_the_data_server_keeps_none(log_dir: Path) -> None:
    events = [event_pb2.Event.FromString(record) for record in written(log_dir)]

    classes = {
        v.metadata.data_class for e in events for v in e.summary.value if v.HasField("tensor")
    }
    assert classes == {summary_pb2.DATA_CLASS_UNKNOWN}


def test_tensorflows_own_message_reads_the_same(log_dir: Path) -> None:
    for record in written(log_dir):
        theirs = tf.compat.v1.Event.FromString(record)
        assert event_pb2.Event.FromString(theirs.SerializeToString()) == event_pb2.Event.FromString(
            record
        )


def test_tensorboard_loads_the_run_without_a_word(
    log_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    multiplexer = EventMultiplexer()
    with caplog.at_level(logging.WARNING), warnings.catch_warnings():
        warnings.simplefilter("error")
        multiplexer.AddRunsFromDirectory(str(log_dir))
        multiplexer.Reload()

    assert caplog.records == []
    assert set(multiplexer.PluginRunToTagToContent("nan")) == {"run"}
    blocks = multiplexer.Tensors("run", "nan/health")
    assert [tf.make_ndarray(e.tensor_proto).item() for e in blocks] == BLOCKS


def test_tensorboard_draws_the_scalars(log_dir: Path) -> None:
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(log_dir))
    multiplexer.Reload()

    scalars = multiplexer.PluginRunToTagToContent("scalars")["run"]
    assert set(scalars) == {"epoch_loss", "epoch_accuracy"}
    loss = multiplexer.Tensors("run", "epoch_loss")
    assert [tf.make_ndarray(e.tensor_proto).item() for e in loss] == [0.5 * i for i in range(6)]
    (accuracy,) = multiplexer.Tensors("run", "epoch_accuracy")
    assert np.isnan(tf.make_ndarray(accuracy.tensor_proto).item())


def test_files_of_one_process_do_not_overwrite_each_other(tmp_path: Path) -> None:
    files = [EventFile(str(tmp_path)) for _ in range(3)]

    assert len({file.path for file in files}) == len(list(tmp_path.iterdir())) == 3
    assert all(path.name.startswith("events.out.tfevents.") for path in tmp_path.iterdir())


def test_a_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    EventFile(f"{tmp_path}/a/b/c/").close()

    assert len(list((tmp_path / "a" / "b" / "c").iterdir())) == 1


def test_closing_twice_does_nothing(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path))
    file.close()
    file.close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OSError, match=f"cannot write event files into {tmp_path}/file/run"):
        EventFile(str(tmp_path / "file" / "run"))
