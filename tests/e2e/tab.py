"""The tab in a browser: where it is, what it shows, and whatever went wrong in it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from playwright.sync_api import (
    ConsoleMessage,
    FrameLocator,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

FRAME: Final = "iframe[src*='name=nan']"
OURS: Final = ("name=nan", "plugin/nan/")

WATCH_POLICY: Final = """
addEventListener('securitypolicyviolation', (event) => {
  if (location.href.includes('name=nan')) {
    const what = `${event.violatedDirective} ${event.blockedURI}`;
    console.error(`policy violation in plugin/nan/: ${what}`);
  }
});
"""

# Every text that is on the page, down through open shadow roots, with its colour over the first
# opaque ground below it, and the least contrast that WCAG 2.1 (AA) asks for: 4.5 for text (1.4.3),
# 3 for a sign that is no text (1.4.11). Relative luminance as there, translucent colours mixed.
CONTRASTS: Final = """
(root) => {
  const rgba = (css) => {
    const parts = css.match(/[\\d.]+/g).map(Number);
    return parts.length === 3 ? [...parts, 1] : parts;
  };
  const over = ([r, g, b, a], ground) =>
    [r, g, b].map((part, i) => part * a + ground[i] * (1 - a));
  const above = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host;
  const ground = (element) => {
    if (!element) return [255, 255, 255];
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 1 ? color.slice(0, 3) : over(color, ground(above(element)));
  };
  const luminance = (color) => color
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (one, two) => {
    const [dark, light] = [luminance(one), luminance(two)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const found = [];
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const element = node.parentElement;
      if (!element || !node.textContent.trim() || element.tagName === 'STYLE') return;
      if (!element.checkVisibility({ visibilityProperty: true })) return;
      const below = ground(element);
      const color = over(rgba(getComputedStyle(element).color), below);
      const least = element.closest('[aria-hidden=true]') ? 3 : 4.5;
      const text = node.textContent.trim().slice(0, 60);
      found.push([text, ratio(color, below), least]);
    }
    if (node.shadowRoot) visit(node.shadowRoot);
    node.childNodes.forEach(visit);
  };
  visit(root);
  return found;
}
"""


class Tab:
    """The tab "NaN" of one browser page."""

    def __init__(self, page: Page) -> None:
        """Begin to listen for errors."""
        self.page = page
        self.errors: list[str] = []
        page.add_init_script(WATCH_POLICY)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("requestfailed", self._request_failed)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        place = message.location.get("url", "")
        if message.type in {"error", "warning"} and any(o in place + message.text for o in OURS):
            self.errors.append(f"console: {message.text} ({place})")

    def _request_failed(self, request: Request) -> None:
        # The browser gives up running requests when it leaves the page.
        if any(o in request.url for o in OURS) and request.failure != "net::ERR_ABORTED":
            self.errors.append(f"failed: {request.url} {request.failure}")

    def _response(self, response: Response) -> None:
        if any(o in response.url for o in OURS) and response.status >= 400:
            self.errors.append(f"status {response.status}: {response.url}")

    def open(self, address: str, run: str | None = None, *, query: str = "") -> Tab:
        """Go to the tab of the TensorBoard there, by its deep link if a run is named."""
        link = "" if run is None else f"&p.nan.run={quote(run, safe='')}"
        self.page.goto(f"{address}/{query}#nan{link}")
        return self

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator(FRAME)

    def hook(self, name: str) -> Locator:
        """Return the elements of a data-testid."""
        return self.frame.get_by_test_id(name)

    @property
    def run_items(self) -> Locator:
        return self.hook("run-item")

    def run_names(self) -> list[str]:
        names: list[str] = self.run_items.evaluate_all("all => all.map((e) => e.dataset.run)")
        return names

    def choose(self, run: str) -> None:
        self.run_items.nth(self.run_names().index(run)).click()

    @property
    def card(self) -> Locator:
        return self.hook("verdict-card")

    def plots(self, role: str) -> Locator:
        return self.hook(f"timeline-{role}").locator(".plot")

    def assert_readable(self) -> None:
        """Look at the colours of every text on the page."""
        found: list[tuple[str, float, float]] = self.frame.locator("html").evaluate(CONTRASTS)
        assert len(found) > 30, "the texts of the page were found"
        assert [text for text in found if text[1] < text[2]] == []

    def style(self, locator: Locator, name: str) -> Any:
        return locator.evaluate(f"(e) => getComputedStyle(e)['{name}']")

    def switch_to_dark(self) -> None:
        """Use TensorBoard's own switch."""
        self.page.locator("app-header-dark-mode-toggle button").click()
        self.page.get_by_role("menuitem", name="Dark").click()
        expect(self.frame.locator("html")).to_have_attribute("data-theme", "dark")

    def reload_data(self) -> None:
        """Press TensorBoard's own reload button."""
        self.page.locator("app-header-reload button").click()
