"""Fixtures: logs trained once a session, a TensorBoard on them, a browser that forgives nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.e2e.logs import train_all
from tests.e2e.server import TensorBoard
from tests.e2e.tab import Tab

# Nothing but what the tests ask for: no update, no extension, no call home.
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PATIENCE = 20_000  # milliseconds, for a machine that does other things too


@pytest.fixture(scope="session")
def log_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trainings that failed and one that did not; never to be written to."""
    directory = tmp_path_factory.mktemp("trained") / "logs"
    train_all(directory)
    return directory


@pytest.fixture(scope="session")
def board(log_dir: Path) -> Iterator[TensorBoard]:
    """TensorBoard on the trained logs, started as most people start it."""
    with TensorBoard(f"--logdir={log_dir}") as board:
        yield board


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("TB_NAN_CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.fail("Say in TB_NAN_CHROMIUM where a Chromium is; `make test-e2e` finds one.")
    expect.set_options(timeout=PATIENCE)
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*root, *QUIET], headless=True
        )
        yield browser
        browser.close()


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with new_page(browser) as page:
        yield page


@pytest.fixture
def tab(page: Page) -> Iterator[Tab]:
    """The tab in a fresh page, which must not have complained about anything at the end."""
    tab = Tab(page)
    yield tab
    assert tab.errors == []


@pytest.fixture(scope="session")
def lasting_tab(browser: Browser, board: TensorBoard) -> Iterator[Tab]:
    with new_page(browser) as page:
        yield Tab(page).open(board.url)


@pytest.fixture
def same_tab(lasting_tab: Tab) -> Iterator[Tab]:
    """The tab on the trained logs in a page that stays open from test to test: look, don't touch.

    Opening a run in it is a change of the address only, as when a reader follows a link.
    """
    yield lasting_tab
    assert lasting_tab.errors == []
