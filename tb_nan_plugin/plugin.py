"""The TensorBoard side: routes only. It parses, asks the analyzer, wraps the answer.

Law: TensorBoard imports this file unguarded at its start, so it imports the standard library and
`base_plugin` alone; everything else comes with the first request. docs/http-api.md holds the
routes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tensorboard.plugins import base_plugin

if TYPE_CHECKING:
    from analyzer.report import Report
    from tb_nan_plugin.background import State

STATIC: Final = Path(__file__).parent / "static"
OUR_ANALYZER: Final = Path(__file__).resolve().parent.parent / "analyzer"
# Hard-coded: on some machines the registry calls .js something else, and nosniff then refuses it.
CONTENT_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
MOST_BINS: Final = 4000
USUAL_BINS: Final = 1200
LEAST_SECONDS: Final = 2.0  # between two looks at the log directory


class NaNPluginLoader(base_plugin.TBLoader):
    """Makes the plugin; whatever goes wrong with it later, TensorBoard starts."""

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin:
        """Return the plugin, which reads nothing on this thread."""
        return NaNPlugin(context)


class NaNPlugin(base_plugin.TBPlugin):
    """The tab "NaN"."""

    plugin_name = "nan"

    def __init__(self, context: base_plugin.TBContext) -> None:
        """Keep where the logs are, and begin to look for event files in the background."""
        from tb_nan_plugin import _tbcompat
        from tb_nan_plugin.background import Background

        self._roots = _tbcompat.roots(context)
        self._watches: list[tuple[str, Any]] | None = None
        self._last: tuple[tuple[list[Report], list[str]], Report] | None = None
        self._analysis = Background(self._refresh, LEAST_SECONDS)
        self._presence = Background(self._has_event_files, LEAST_SECONDS)
        self._presence.ask()  # so that the page's first question already has its answer

    def get_plugin_apps(self) -> dict[str, Any]:
        """Return the routes."""
        from werkzeug import wrappers

        return {
            "/static/*": wrappers.Request.application(self._serve_static),
            "/report": wrappers.Request.application(self._serve_report),
            "/timeline": wrappers.Request.application(self._serve_timeline),
        }

    def is_active(self) -> bool:
        """Return at once whether event files were seen; looking happens in the background."""
        return bool(self._presence.ask().result)

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Return how the page loads the tab."""
        return base_plugin.FrontendMetadata(es_module_path="/static/index.js", tab_name="NaN")

    def _has_event_files(self) -> bool:
        seen = set()
        for _, root in self._roots:
            for folder, below, files in os.walk(root, followlinks=True):
                if any("tfevents" in name for name in files):
                    return True
                seen.add(os.path.realpath(folder))  # links may lead back
                below[:] = [b for b in below if os.path.realpath(f"{folder}/{b}") not in seen]
        return False

    def _refresh(self) -> Report:
        """Look at every root again; the same report object where nothing has changed."""
        _check_analyzer()
        from analyzer.report import LogDirError, Report, Watch

        if self._watches is None:
            self._watches = [(name, Watch(root, name)) for name, root in self._roots]
        parts: list[Report] = []
        problems: list[str] = []
        for _, watch in self._watches:
            with _collected(LogDirError, problems):
                parts.append(watch.refresh())
        # Reports are compared by identity, and kept here so that none is mistaken for another.
        key = (parts, problems)
        if self._last is None or self._last[0] != key:
            self._last = (key, Report.joined(self._shown_log_dir(), parts, problems))
        return self._last[1]

    def _shown_log_dir(self) -> str:
        return ", ".join(f"{name}:{root}" if name else root for name, root in self._roots)

    def _serve_report(self, request: Any) -> Any:
        return _json(request, self.report_content(self._analysis.ask()))

    def report_content(self, state: State[Report]) -> dict[str, Any]:
        """Return what `./report` answers."""
        report = state.result
        message = state.message
        if not self._roots:
            message = "TensorBoard was started without a log directory: nothing to read."
        elif report is not None and not report.analyses:
            message = message or " ".join(report.problems)
        return {
            "state": state.phase,
            "message": message,
            "log_dir": self._shown_log_dir(),
            "generation": state.generation,
            "report": None if report is None else report.to_dict(),
        }

    def _serve_timeline(self, request: Any) -> Any:
        bins = request.args.get("bins", str(USUAL_BINS))
        if not bins.isdecimal() or not 1 <= int(bins[:9]) <= MOST_BINS:
            return _json(request, {"error": f"bins must be a number from 1 to {MOST_BINS}"}, 400)
        report = self._analysis.ask().result
        name = request.args.get("run", "")
        try:
            if report is None:
                raise KeyError(name)
            content = report.timeline_to_dict(name, int(bins))
        except KeyError:
            return _json(request, {"error": f"there is no run {name[:200]!r}"}, 404)
        return _json(request, content)

    def _serve_static(self, request: Any) -> Any:
        from tb_nan_plugin import _tbcompat

        name = request.path.rpartition("/static/")[2]
        try:
            path = (STATIC / name).resolve(strict=True)
        except (OSError, ValueError):  # not there, or no name that a file can have
            path = STATIC
        content_type = CONTENT_TYPES.get(path.suffix)
        if content_type is None or STATIC.resolve() not in path.parents or not path.is_file():
            return _tbcompat.respond(request, "not found", "text/plain", code=404)
        return _tbcompat.respond(request, path.read_bytes(), content_type)


@contextmanager
def _collected(kind: type[Exception], sentences: list[str]) -> Iterator[None]:
    try:
        yield
    except kind as error:
        sentences.append(str(error))


def _json(request: Any, content: Any, code: int = 200) -> Any:
    from tb_nan_plugin import _tbcompat

    try:
        _check_analyzer()
    except RuntimeError:  # no report then, and nothing else here can hold a non-finite number
        body = json.dumps(content, allow_nan=False)
    else:
        from analyzer.reporters.as_json import encode

        body = encode(content)
    return _tbcompat.respond(request, body, "application/json", code=code)


def _check_analyzer() -> None:
    """Make sure that `analyzer` is ours without importing it: a stranger's may do anything.

    Raises:
        RuntimeError: Another package or file named `analyzer` stands before it on the path.
    """
    spec = find_spec("analyzer")
    where = spec.origin if spec is not None else None
    if where is None or Path(where).resolve().parent != OUR_ANALYZER:
        where = where or "an unknown place"
        raise RuntimeError(
            f"The name `analyzer` belongs to another file: {where}. The verdicts need the package "
            "of that name that comes with tb-nan-plugin: start TensorBoard from another directory, "
            "or take that file's directory out of PYTHONPATH."
        )
