"""Ways to start TensorBoard: each shows the same runs under the names that it gives them itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.logs import TRAININGS, event_file
from tests.e2e.server import TensorBoard
from tests.e2e.tab import Tab

pytestmark = pytest.mark.e2e


def our_runs(board: TensorBoard) -> list[str]:
    return [run["run"] for run in board.answer()["report"]["runs"]]


def test_the_usual_start_names_runs_as_tensorboard_does(board: TensorBoard) -> None:
    assert sorted(our_runs(board)) == sorted(board.runs(len(TRAININGS)))


def test_everything_works_below_a_path_prefix(log_dir: Path, tab: Tab) -> None:
    with TensorBoard(f"--logdir={log_dir}", "--path_prefix=/a/b") as board:
        assert board.url.endswith("/a/b")
        tab.open(board.url, "repaired")
        expect(tab.card).to_have_attribute("data-status", "healthy")
        tab.choose("learning-rate")
        expect(tab.plots("gradient_norm").first).to_be_visible()
        assert board.complaints == []


def test_several_named_log_directories_are_named_as_tensorboard_names_them(
    log_dir: Path, tab: Tab
) -> None:
    specification = f"a:{log_dir},b:{log_dir / 'log-of-zero'}"
    with TensorBoard(f"--logdir_spec={specification}") as board:
        theirs = board.runs(len(TRAININGS) + 1)
        assert sorted(our_runs(board)) == sorted(theirs)
        assert "b/." in theirs

        tab.open(board.url, "b/.")
        expect(tab.card).to_have_attribute("data-run", "b/.")
        expect(tab.plots("loss").first).to_be_visible()
        assert board.complaints == []


def test_a_log_directory_that_is_itself_the_run_is_called_dot(log_dir: Path) -> None:
    with TensorBoard(f"--logdir={event_file(log_dir / 'repaired').parent}") as board:
        assert our_runs(board) == board.runs(1) == ["."]


def test_tensorboards_own_python_reader_changes_nothing_for_us(log_dir: Path, tab: Tab) -> None:
    with TensorBoard(f"--logdir={log_dir}", "--load_fast=false") as board:
        assert sorted(our_runs(board)) == sorted(board.runs(len(TRAININGS)))

        tab.open(board.url)
        expect(tab.card).to_have_attribute("data-run", "learning-rate")
        assert board.complaints == []
