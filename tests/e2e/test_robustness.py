"""TensorBoard starts, answers at once and works, whatever lies in the log directory.

Law: every test ends with TensorBoard's own parts working and not a line of error in its terminal.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.e2e.logs import NAN, event_file, write_scalars, write_with_tensorflow
from tests.e2e.server import TensorBoard, wait_for
from tests.e2e.tab import Tab

pytestmark = pytest.mark.e2e

CORPUS: Final = Path(__file__).parents[3] / "shared" / "corpus"
LISTING_SECONDS: Final = 1.0  # the whole page of TensorBoard waits for this answer
USUAL_START: Final = 30.0  # seconds; three are usual


@contextmanager
def started(log_dir: Path, cwd: Path | None = None) -> Iterator[TensorBoard]:
    """Start TensorBoard, and hold it to the law before and after the block."""
    with TensorBoard(f"--logdir={log_dir}", cwd=cwd) as board:
        assert board.seconds_to_start < USUAL_START
        assert board.seconds("/data/plugins_listing") < LISTING_SECONDS
        yield board
        assert board.seconds("/data/plugins_listing") < LISTING_SECONDS
        assert isinstance(board.get("/data/plugin/scalars/tags"), dict)
        assert board.complaints == []


def expect_scalars_tab_works(tab: Tab, tag: str) -> None:
    """Go to TensorBoard's Scalars tab and wait for a chart's own card."""
    tab.page.locator("[data-plugin-id=scalars]").first.click()
    expect(tab.page.locator("tf-scalar-card").filter(has_text=tag).first).to_be_visible()


def active(board: TensorBoard) -> bool:
    return bool(board.get("/data/plugins_listing")["nan"]["enabled"])


def test_an_empty_log_directory_gets_a_page_that_says_what_to_do(tmp_path: Path, tab: Tab) -> None:
    with started(tmp_path) as board:
        tab.open(board.url)

        page = tab.hook("empty-page")
        expect(page).to_contain_text(str(tmp_path))
        expect(page).to_contain_text("NaNMonitor")
        assert not active(board)


def test_a_log_directory_that_does_not_exist_is_said_not_to(tmp_path: Path, tab: Tab) -> None:
    with started(tmp_path / "nowhere") as board:
        tab.open(board.url)

        expect(tab.hook("empty-page")).to_contain_text(str(tmp_path / "nowhere"))
        expect(tab.hook("empty-page")).to_contain_text("There is no folder")


def test_other_tools_files_are_judged_by_what_they_hold(tmp_path: Path, tab: Tab) -> None:
    write_with_tensorflow(tmp_path / "theirs")
    write_scalars(tmp_path / "by-hand", "train/loss", [2.0, 1.0, NAN, NAN])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("no event file")
    with started(tmp_path) as board:
        assert active(board)
        tab.open(board.url)
        expect(tab.run_items).to_have_count(2)
        expect(tab.card).to_have_attribute("data-run", "by-hand")
        expect(tab.card).to_have_attribute("data-status", "nonfinite")
        expect(tab.hook("first-bad-step")).to_have_text("2")
        expect(tab.plots("loss").first).to_have_attribute("data-nan", "2")

        tab.choose("theirs")
        expect(tab.card).to_have_attribute("data-status", "healthy")
        expect_scalars_tab_works(tab, "quality")
        assert "theirs" in board.get("/data/plugin/scalars/tags")


def test_a_file_cut_in_the_middle_of_a_record_is_judged_by_what_is_left_and_said_to_be_cut(
    log_dir: Path, tmp_path: Path, tab: Tab
) -> None:
    shutil.copytree(log_dir / "log-of-zero", tmp_path / "cut")
    file = event_file(tmp_path / "cut")
    os.truncate(file, file.stat().st_size - 7)
    with started(tmp_path) as board:
        tab.open(board.url)

        expect(tab.card).to_have_attribute("data-status", "nonfinite")
        expect(tab.hook("verdict-cause")).to_have_attribute("data-cause", "loss-log-of-zero")
        expect(tab.hook("incomplete")).to_be_visible()
        expect(tab.hook("source")).to_have_attribute("data-status", "truncated")
        expect_scalars_tab_works(tab, "epoch_loss")


def test_files_that_are_no_event_files_are_named_as_such(tmp_path: Path, tab: Tab) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "events.out.tfevents.1").write_bytes(os.urandom(4096))
    (tmp_path / "void").mkdir()
    (tmp_path / "void" / "events.out.tfevents.1").touch()
    with TensorBoard(f"--logdir={tmp_path}") as board:
        tab.open(board.url)

        expect(tab.run_items).to_have_count(2)
        statuses = {run["run"]: run["status"] for run in board.answer()["report"]["runs"]}
        assert statuses == {"odd": "unreadable", "void": "empty"}
        tab.choose("odd")
        expect(tab.card).to_have_attribute("data-status", "unreadable")
        expect(tab.hook("source")).to_be_visible()
        assert "Traceback" not in board.output()


HOSTILE: Final = (
    "\"quotes\" & 'more' `ticks`",
    "<img src=x onerror=pwned=1>",
    "a&b=c#d%20?e",
    "NaN",
    "line\nbreak",
    "naïve 日本 🎉",
    "x" * 200,
)


def test_names_that_look_like_markup_are_text_and_nothing_else(tmp_path: Path, tab: Tab) -> None:
    for name in HOSTILE:
        write_scalars(tmp_path / name, "<script>pwned=1</script>/loss", [1.0, NAN])
    write_scalars(tmp_path / "tags", '"><svg onload=pwned=1>', [1.0, NAN])
    write_scalars(tmp_path / "tags", "loss/" + "y" * 5000, [1.0, NAN])
    with started(tmp_path) as board:
        tab.page.on("dialog", lambda dialog: tab.errors.append(f"dialog: {dialog.message}"))
        tab.open(board.url, HOSTILE[1])
        expect(tab.card).to_have_attribute("data-run", HOSTILE[1])

        assert sorted(tab.run_names()) == sorted([*HOSTILE, "tags"])
        for name in (*HOSTILE, "tags"):
            tab.choose(name)
            expect(tab.card).to_have_attribute("data-run", name)
            expect(tab.frame.locator(".plot").first).to_be_visible()
        wide, room = tab.frame.locator("main").evaluate("(e) => [e.scrollWidth, e.clientWidth]")
        assert wide <= room
        assert tab.frame.locator("html").evaluate("() => globalThis.pwned === undefined")


def test_a_file_called_analyzer_in_the_working_directory_is_named_and_never_run(
    log_dir: Path, tmp_path: Path, tab: Tab
) -> None:
    in_the_way = tmp_path / "analyzer.py"
    in_the_way.write_text("open('was-run', 'w').close()\nraise SystemExit('a script of mine')\n")
    with started(log_dir, cwd=tmp_path) as board:
        tab.open(board.url)

        failed = tab.hook("state-failed")
        expect(failed).to_contain_text(str(in_the_way))
        expect(failed).to_contain_text("start TensorBoard from another directory")
        assert not (tmp_path / "was-run").exists()
        expect_scalars_tab_works(tab, "epoch_loss")


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="no folder of other people's event files here")
def test_other_peoples_trainings_all_get_their_status_and_tensorboard_stays_quick(
    tab: Tab,
) -> None:
    with TensorBoard(f"--logdir={CORPUS}") as board:
        assert board.seconds_to_start < USUAL_START
        assert board.seconds("/data/plugins_listing") < LISTING_SECONDS
        tab.open(board.url)
        expect(tab.card).to_be_visible(timeout=40_000)

        runs = board.answer()["report"]["runs"]
        theirs = wait_for("its own run list", lambda: board.get("/data/runs"))
        parts = {part["run"] for run in runs for part in run["parts"]}
        assert set(theirs) <= {run["run"] for run in runs} | parts
        assert {"nonfinite", "healthy", "unreadable"} <= {run["status"] for run in runs}
        expect(tab.hook("verdict-cause")).to_be_visible()
        assert board.seconds("/data/plugins_listing") < LISTING_SECONDS
        assert "Traceback" not in board.output()
