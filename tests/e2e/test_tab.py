"""The tab on three real trainings: two that failed and one that did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.logs import TRAININGS, values_on_disk
from tests.e2e.server import TensorBoard
from tests.e2e.tab import Tab

pytestmark = pytest.mark.e2e

FAILED = [training for training in TRAININGS if training.cause]


def reported(board: TensorBoard, run: str) -> dict[str, Any]:
    runs = board.answer()["report"]["runs"]
    (found,) = [entry for entry in runs if entry["run"] == run]
    return dict(found)


def test_the_tab_stands_under_the_label_nan_and_opens(board: TensorBoard, page: Page) -> None:
    tab = Tab(page)
    page.goto(board.url)
    label = page.locator("[data-plugin-id=nan]").first
    assert label.text_content(timeout=20_000) is not None
    assert str(label.text_content()).strip() == "NaN"

    label.click()

    expect(tab.card).to_be_visible()
    assert page.url.endswith("/#nan") or "/#nan&" in page.url
    assert page.locator("iframe[src*='name=nan']").get_attribute("title")
    assert tab.errors == []


def test_runs_are_listed_worst_first_with_their_status(board: TensorBoard, tab: Tab) -> None:
    tab.open(board.url)
    expect(tab.run_items).to_have_count(len(TRAININGS))

    assert tab.run_names() == ["learning-rate", "log-of-zero", "repaired"]
    assert tab.hook("status-badge").all_text_contents()[:3] == [
        "Non-finite",
        "Non-finite",
        "Healthy",
    ]
    expect(tab.card).to_have_attribute("data-run", "learning-rate")


@pytest.mark.parametrize("training", FAILED, ids=lambda training: training.run)
def test_a_failed_run_shows_its_whole_verdict(
    board: TensorBoard, same_tab: Tab, training: Any
) -> None:
    same_tab.open(board.url, training.run)
    expect(same_tab.card).to_have_attribute("data-run", training.run)
    expect(same_tab.card).to_have_attribute("data-status", "nonfinite")
    expect(same_tab.hook("verdict-cause")).to_have_attribute("data-cause", training.cause)

    run = reported(board, training.run)
    verdict = run["verdict"]
    expect(same_tab.card).to_contain_text(f"{round(verdict['confidence'] * 100)} %")
    expect(same_tab.card).to_contain_text(verdict["summary"])
    expect(same_tab.hook("first-bad-step")).to_have_text(str(run["first_nonfinite"]["step"]))
    rows = same_tab.card.get_by_test_id("evidence-row")  # other findings have theirs elsewhere
    expect(rows).to_have_count(len(verdict["evidence"]))
    for row, fact in zip(rows.all(), verdict["evidence"], strict=True):
        expect(row).to_contain_text(fact["signal"])
        expect(row).to_contain_text(fact["claim"])
        expect(row).to_contain_text(fact["because"])
    code = [r["code"] for r in verdict["remedies"] if r["code"]]
    assert code, "a verdict comes with something to paste"
    assert same_tab.hook("remedy-code").all_text_contents() == code


@pytest.mark.parametrize("training", FAILED, ids=lambda training: training.run)
def test_the_timeline_shows_every_nonfinite_value_that_tensorflow_finds_in_the_file(
    board: TensorBoard, log_dir: Path, same_tab: Tab, training: Any
) -> None:
    on_disk = values_on_disk(log_dir / training.run)

    same_tab.open(board.url, training.run)
    expect(same_tab.card).to_have_attribute("data-run", training.run)

    for role, values in on_disk.items():
        plot = same_tab.plots(role).first
        expect(plot).to_have_attribute("data-nan", str(int(np.isnan(values).sum())))
        spoken = str(plot.get_attribute("aria-label"))
        assert f"{len(values)} points" in spoken
        assert f"{int(np.isposinf(values).sum())} +Inf" in spoken
        assert f"{int(np.isneginf(values).sum())} -Inf" in spoken
    assert np.isnan(on_disk["loss"]).any()
    assert np.isnan(on_disk["gradient_norm"]).any()


@pytest.mark.parametrize("training", FAILED, ids=lambda training: training.run)
def test_the_first_bad_step_is_the_first_that_is_not_finite_in_the_file(
    board: TensorBoard, log_dir: Path, same_tab: Tab, training: Any
) -> None:
    loss = values_on_disk(log_dir / training.run)["loss"]
    first = int(np.flatnonzero(~np.isfinite(loss))[0])

    same_tab.open(board.url, training.run)
    expect(same_tab.card).to_have_attribute("data-run", training.run)

    step = int(str(same_tab.hook("first-bad-step").text_content()).replace(",", ""))
    assert step <= first, "nothing in the log is bad before the step that is named"
    assert step >= first - 1, "what breaks the loss is found at most one step before it"


def test_charts_are_drawn_in_ink_and_accent(board: TensorBoard, same_tab: Tab) -> None:
    same_tab.open(board.url, "log-of-zero")
    expect(same_tab.card).to_have_attribute("data-run", "log-of-zero")

    for role in ("loss", "gradient_norm"):
        canvas = same_tab.hook(f"timeline-{role}").locator("canvas").first
        expect(canvas).to_be_visible()
        line, accent = (drawn(canvas, same_tab, name) for name in ("--series", "--accent"))
        assert line > 100, f"the line of {role} is drawn"
        assert accent > 100, f"marks and the first bad step of {role} are drawn"


def drawn(canvas: Any, tab: Tab, color: str) -> int:
    """Return how many pixels of a canvas have exactly one of the page's colours."""
    pixels: int = canvas.evaluate(
        """(canvas, name) => {
          const hex = getComputedStyle(canvas).getPropertyValue(name).trim();
          const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
          const { data } = canvas.getContext('2d')
            .getImageData(0, 0, canvas.width, canvas.height);
          let found = 0;
          for (let i = 0; i < data.length; i += 4) {
            found += Math.abs(data[i] - r) + Math.abs(data[i + 1] - g)
              + Math.abs(data[i + 2] - b) < 12 && data[i + 3] > 200;
          }
          return found;
        }""",
        color,
    )
    return pixels


def test_the_arrow_keys_read_out_one_step_after_the_other(
    board: TensorBoard, same_tab: Tab
) -> None:
    timeline = board.timeline("learning-rate") if board.answer() else {}
    loss = timeline["series"][0]
    same_tab.open(board.url, "learning-rate")
    expect(same_tab.card).to_have_attribute("data-run", "learning-rate")
    plot, readout = same_tab.plots("loss").first, same_tab.hook("readout").first
    expect(readout).to_contain_text(f"step {loss['step'][-1]}")

    plot.press("Home")
    expect(readout).to_contain_text("step 0")
    plot.press("ArrowRight")
    expect(readout).to_contain_text("step 1")


def test_zoom_and_whole_run_are_one_click_each(board: TensorBoard, same_tab: Tab) -> None:
    same_tab.open(board.url, "log-of-zero")
    expect(same_tab.card).to_have_attribute("data-run", "log-of-zero")

    same_tab.frame.get_by_role("button", name="Zoom to step").click()
    whole = same_tab.frame.get_by_role("button", name="Whole run")
    whole.click()

    expect(whole).to_have_count(0)


def test_a_deep_link_selects_its_run_and_a_click_writes_one(board: TensorBoard, tab: Tab) -> None:
    tab.open(board.url, "repaired")
    expect(tab.card).to_have_attribute("data-run", "repaired")

    tab.choose("log-of-zero")
    expect(tab.card).to_have_attribute("data-run", "log-of-zero")
    assert "p.nan.run=log-of-zero" in tab.page.url

    tab.page.reload()
    expect(tab.card).to_have_attribute("data-run", "log-of-zero")


def test_a_healthy_run_is_called_healthy_and_accused_of_nothing(
    board: TensorBoard, same_tab: Tab
) -> None:
    same_tab.open(board.url, "repaired")
    expect(same_tab.card).to_have_attribute("data-run", "repaired")

    expect(same_tab.card).to_have_attribute("data-status", "healthy")
    expect(same_tab.card).to_contain_text("All values are finite")
    expect(same_tab.card).to_contain_text("Non-finite values")
    expect(same_tab.plots("loss").first).to_have_attribute("data-nan", "0")
    expect(same_tab.hook("verdict-cause")).to_have_count(0)
    expect(same_tab.hook("first-bad-step")).to_have_count(0)


def test_tensorboards_own_dark_switch_changes_our_colours_and_all_text_stays_readable(
    board: TensorBoard, tab: Tab
) -> None:
    tab.open(board.url, "log-of-zero")
    expect(tab.hook("remedy-code").first).to_be_visible()
    body = tab.frame.locator("body")
    expect(tab.frame.locator("html")).to_have_attribute("data-theme", "light")
    light = tab.style(body, "backgroundColor")
    tab.assert_readable()

    tab.switch_to_dark()

    assert tab.style(body, "backgroundColor") != light
    tab.assert_readable()


def test_the_dark_address_opens_dark(board: TensorBoard, tab: Tab) -> None:
    tab.open(board.url, "repaired", query="?darkMode=true")

    expect(tab.frame.locator("html")).to_have_attribute("data-theme", "dark")
    expect(tab.card).to_be_visible()
    tab.assert_readable()


@pytest.mark.parametrize("width", [1280, 480])
def test_nothing_is_wider_than_the_window(board: TensorBoard, tab: Tab, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 800})
    tab.open(board.url, "log-of-zero")
    expect(tab.plots("gradient_norm").first).to_be_visible()

    size = "(e) => [e.scrollWidth, e.clientWidth]"
    wide, room = tab.frame.locator("html").evaluate(size)
    assert wide <= room
    wide, room = tab.frame.locator("main").evaluate(size)
    assert wide <= room


def test_our_tab_leaves_the_scalars_tab_as_it_is(board: TensorBoard, tab: Tab) -> None:
    tab.open(board.url)
    expect(tab.card).to_be_visible()

    tab.page.locator("[data-plugin-id=scalars]").first.click()
    expect(tab.page.locator("tf-scalar-card, tf-category-paginated-view").first).to_be_attached()

    tab.page.locator("[data-plugin-id=nan]").first.click()
    expect(tab.card).to_be_visible()


def test_pictures_of_verdicts_are_kept_for_a_person_to_look_at(
    board: TensorBoard, tab: Tab
) -> None:
    folder = Path(__file__).parent / "screenshots"
    tab.open(board.url, "repaired")
    for dark in (False, True):
        if dark:
            tab.switch_to_dark()
        for run in tab.run_names():
            tab.choose(run)
            expect(tab.card).to_have_attribute("data-run", run)
            expect(tab.plots("gradient_norm").first).to_be_visible()
            name = f"{run}-{'dark' if dark else 'light'}.png"
            picture = tab.page.screenshot(path=folder / name)
            assert len(picture) > 20_000, "more than an empty page"
