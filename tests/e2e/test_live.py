"""A page that is open while trainings go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.logs import NAN, GrowingRun, write_scalars
from tests.e2e.server import TensorBoard
from tests.e2e.tab import Tab

pytestmark = pytest.mark.e2e


def falling(points: int) -> list[float]:
    return [0.9**i for i in range(points)]


def test_a_run_that_goes_bad_and_a_run_that_appears_are_shown_and_the_selection_stays(
    log_dir: Path, tmp_path: Path, tab: Tab
) -> None:
    write_scalars(tmp_path / "calm", "loss", falling(20))
    growing = GrowingRun(tmp_path / "growing")
    growing.write("loss", falling(20))
    with TensorBoard(f"--logdir={tmp_path}") as board:
        tab.open(board.url, "calm")
        expect(tab.run_items).to_have_count(2)
        expect(tab.card).to_have_attribute("data-run", "calm")

        growing.write("loss", [NAN] * 3)
        shutil.copytree(log_dir / "log-of-zero", tmp_path / "new")
        tab.reload_data()

        expect(tab.run_items).to_have_count(3)
        assert tab.run_names() == ["growing", "new", "calm"]
        expect(tab.card).to_have_attribute("data-run", "calm")
        assert "p.nan.run=calm" in tab.page.url

        tab.choose("growing")
        expect(tab.card).to_have_attribute("data-status", "nonfinite")
        expect(tab.hook("first-bad-step")).to_have_text("20")
        expect(tab.plots("loss").first).to_have_attribute("data-nan", "3")

        growing.write("loss", [NAN] * 2)
        tab.reload_data()
        expect(tab.plots("loss").first).to_have_attribute("data-nan", "5")
        assert board.complaints == []


def test_the_open_page_finds_the_first_training_of_a_directory_by_itself(
    tmp_path: Path, tab: Tab
) -> None:
    log_dir = tmp_path / "later"
    with TensorBoard(f"--logdir={log_dir}") as board:
        tab.open(board.url)
        expect(tab.hook("empty-page")).to_contain_text(str(log_dir))

        write_scalars(log_dir / "run", "loss", [1.0, 0.5, NAN])

        # Without the reload button: the page asks every 15 s, and the answer is the pass before.
        expect(tab.card).to_have_attribute("data-status", "nonfinite", timeout=50_000)
        assert board.complaints == []
