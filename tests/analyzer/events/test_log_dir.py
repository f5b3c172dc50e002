"""Runs of a log directory: TensorBoard's names, and an answer for every odd folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from analyzer.events import log_dir
from analyzer.events.log_dir import LogDirError, RunFiles, find_runs, survey

NAME = "events.out.tfevents.1700000000.host"


def place(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Forbid listing one folder, also to a user whom no permission binds."""
    scandir = os.scandir

    def guarded(path: Any) -> Any:
        if os.fspath(path) == str(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)


def test_names_are_those_of_tensorboard(tmp_path: Path) -> None:
    place(
        tmp_path,
        NAME,
        f"b/{NAME}",
        f"a/train/{NAME}.v2",
        f"a-b/{NAME}",
        f"a/deep/er/{NAME}",
        f".hidden/{NAME}",
        f"with space/ü/{NAME}",
        "odd/my_tfevents_copy",
        "not a run/notes.txt",
    )

    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))

    names = [".", ".hidden", "a-b", "a/deep/er", "a/train", "b", "odd", "with space/ü"]
    assert list(find_runs(tmp_path)) == names == sorted(multiplexer.Runs())


@pytest.mark.parametrize("form", ["logs", "logs/", "./logs", "../here/logs"])
def test_names_do_not_depend_on_how_the_directory_is_written(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, f"here/logs/run/{NAME}", f"here/logs/{NAME}")
    monkeypatch.chdir(tmp_path / "here")

    assert list(find_runs(form)) == [".", "run"]


def test_files_of_a_run_are_ordered_by_name_whatever_their_age(tmp_path: Path) -> None:
    names = ["events.out.tfevents.100", "events.out.tfevents.200", "events.out.tfevents.300"]
    place(tmp_path, *(f"run/{name}" for name in reversed(names)))
    run = tmp_path / "run"
    for name, age in zip(names, (2, 3, 1), strict=True):
        os.utime(run / name, (age, age))

    files = tuple(str(run / name) for name in names)
    assert find_runs(tmp_path) == {"run": RunFiles("run", str(run), files)}


def test_placeholders_and_folders_are_no_event_files_but_companions_are_listed(
    tmp_path: Path,
) -> None:
    place(tmp_path, f"run/._{NAME}", f"run/{NAME}.profile-empty", f"{NAME}/notes.txt")

    assert [os.path.basename(f) for f in find_runs(tmp_path)["run"].files] == [f"._{NAME}"]
    assert list(find_runs(tmp_path)) == ["run"]


def test_links_to_folders_and_files_are_followed(tmp_path: Path) -> None:
    place(tmp_path, f"elsewhere/run/{NAME}", "logs/notes.txt")
    (tmp_path / "logs/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "logs" / NAME).symlink_to(tmp_path / "elsewhere/run" / NAME)

    assert list(find_runs(tmp_path / "logs")) == [".", "linked/run"]


def test_two_links_to_one_folder_are_two_runs(tmp_path: Path) -> None:
    place(tmp_path, f"run/{NAME}")
    (tmp_path / "again").symlink_to(tmp_path / "run")

    assert list(find_runs(tmp_path)) == ["again", "run"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    place(tmp_path, f"a/{NAME}", f"b/{NAME}")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "b/itself").symlink_to(tmp_path / "b")

    assert list(find_runs(tmp_path)) == ["a", "b"]


def test_folders_that_all_link_to_each_other_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_dir, "MOST_LINKED_FOLDERS", 50)
    for one in range(8):
        place(tmp_path, f"{one}/{NAME}")
        for other in range(8):
            (tmp_path / f"{one}/to{other}").symlink_to(tmp_path / str(other))

    found = survey(tmp_path)

    assert len(found.runs) == 50 + 8
    assert {str(one) for one in range(8)} <= set(found.runs)
    assert found.problems == ("Links lead to more than 50 folders; the rest was left out.",)


def test_the_bound_counts_what_lies_below_a_link_but_no_real_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_dir, "MOST_LINKED_FOLDERS", 5)
    place(tmp_path, *(f"real/{run}/{NAME}" for run in range(20)))
    (tmp_path / "second").symlink_to(tmp_path / "real")

    found = survey(tmp_path)

    assert len(found.runs) == 20 + 4
    assert len(found.problems) == 1


def test_broken_links_and_pipes_are_told_and_left_out(tmp_path: Path) -> None:
    place(tmp_path, f"run/{NAME}")
    (tmp_path / f"run/broken.{NAME}").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    os.mkfifo(tmp_path / f"run/pipe.{NAME}")

    found = survey(tmp_path)

    assert [os.path.basename(f) for f in found.runs["run"].files] == [NAME]
    assert found.problems == (
        f"{tmp_path}/circle was left out: Too many levels of symbolic links.",
        f"{tmp_path}/run/broken.{NAME} was left out: it is no regular file.",
        f"{tmp_path}/run/pipe.{NAME} was left out: it is no regular file.",
    )


def test_an_unreadable_folder_is_a_problem_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, f"a/{NAME}", f"b/{NAME}")
    refuse(monkeypatch, tmp_path / "a")

    found = survey(tmp_path)

    assert list(found.runs) == ["b"]
    assert found.problems == (f"{tmp_path}/a was left out: Permission denied.",)


def test_a_name_that_is_not_utf_8_becomes_valid_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/r\xffn"
    try:
        os.mkdir(raw)
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    (Path(os.fsdecode(raw)) / NAME).write_bytes(b"abc")

    run = find_runs(tmp_path)["r\ufffdn"]

    assert Path(run.files[0]).read_bytes() == b"abc"


def test_runs_whose_names_look_the_same_are_told_apart_from_silence(tmp_path: Path) -> None:
    place(tmp_path, f"r\ufffdn/{NAME}")
    try:
        os.mkdir(os.fsencode(tmp_path) + b"/r\xffn")
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    (tmp_path / "r\udcffn" / NAME).write_bytes(b"")

    found = survey(tmp_path)

    assert list(found.runs) == ["r\ufffdn"]
    assert found.problems == (f"{tmp_path}/r\ufffdn was left out: its name is taken.",)


def told(path: Any) -> str:
    with pytest.raises(LogDirError) as caught:
        find_runs(path)
    return str(caught.value)


def test_a_directory_that_does_not_exist_is_told(tmp_path: Path) -> None:
    assert told(tmp_path / "logz") == f"There is no folder {tmp_path}/logz; check the path."
    assert told("") == "There is no folder ''; check the path."
    assert told("nul\0byte").startswith("There is no folder")


def test_an_event_file_in_place_of_its_directory_is_told(tmp_path: Path) -> None:
    place(tmp_path, NAME)

    assert told(tmp_path / NAME) == (
        f"{tmp_path}/{NAME} is an event file; give the folder that holds it: {tmp_path}"
    )


def test_the_directory_of_an_event_file_named_without_one_is_the_present(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, NAME)
    monkeypatch.chdir(tmp_path)

    assert told(NAME) == f"{NAME} is an event file; give the folder that holds it: ."


def test_any_other_file_is_told(tmp_path: Path) -> None:
    place(tmp_path, "train.py")

    assert told(tmp_path / "train.py") == (
        f"{tmp_path}/train.py is a file; give the folder that training wrote its logs to."
    )


def test_a_directory_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, tmp_path)

    assert told(tmp_path) == (
        f"{tmp_path} may not be read by this user; run as its owner or let it be read."
    )


def test_a_path_that_leads_in_a_circle_is_told(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    assert "cannot be read (Too many levels of symbolic links)" in told(tmp_path / "circle")


def test_a_directory_without_event_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, "notes.txt", f"run/{NAME}")
    refuse(monkeypatch, tmp_path / "run")

    assert told(tmp_path) == (
        f"{tmp_path} holds no event files, whose names contain 'tfevents' "
        f"({tmp_path}/run was left out: Permission denied); "
        "give the folder that training wrote its logs to."
    )
