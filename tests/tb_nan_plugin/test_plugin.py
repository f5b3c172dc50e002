"""The plugin as TensorBoard calls it: a real context, a log directory that was really written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.plugins.base_plugin import FrontendMetadata, TBContext
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

import analyzer.report
from analyzer.reporters.as_json import finite
from tb_nan_plugin.plugin import NaNPlugin, NaNPluginLoader
from tb_nan_plugin.summary import EventFile, scalar_event

NAN, INF = float("nan"), float("inf")
SECONDS = 20.0  # until a pass over two small files is given up


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    """A run whose loss went to infinity and then to NaN, and one that is well."""
    write(tmp_path / "bad", [3.0, 2.0, INF, NAN, -INF])
    write(tmp_path / "good", [3.0, 2.0, 1.0])
    return tmp_path


def write(run: Path, losses: list[float]) -> None:
    file = EventFile(str(run))
    for step, loss in enumerate(losses):
        file.write(scalar_event("loss", loss, step, 1.7e9 + step))
    file.flush()


class Server:
    """The plugin's routes behind the paths that TensorBoard gives them."""

    def __init__(self, log_dir: Path | str) -> None:
        self.plugin = NaNPluginLoader().load(TBContext(logdir=str(log_dir)))
        assert isinstance(self.plugin, NaNPlugin)
        self._apps = self.plugin.get_plugin_apps()

    def get(self, path: str) -> TestResponse:
        """Answer one request; `path` begins after `data/plugin/nan`."""
        route = "/static/*" if path.startswith("/static/") else path.partition("?")[0]
        return Client(self._apps[route], Response).get("/data/plugin/nan" + path)

    def report(self) -> dict[str, Any]:
        """Return the answer of `./report` once the first pass is over."""
        return self._once(lambda answer: answer["state"] != "scanning")

    def newer(self, generation: int) -> dict[str, Any]:
        return self._once(lambda answer: answer["generation"] > generation)

    def _once(self, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while True:
            answer = strict_json(self.get("/report"))
            if done(answer):
                return answer
            assert time.monotonic() < end, answer
            time.sleep(0.01)


def strict_json(response: TestResponse) -> dict[str, Any]:
    def refuse(name: str) -> float:
        raise AssertionError(f"a bare {name} is no JSON")

    content: dict[str, Any] = json.loads(response.get_data(as_text=True), parse_constant=refuse)
    return content


@pytest.fixture
def server(log_dir: Path) -> Server:
    return Server(log_dir)


# --- Loading: whatever happens here happens to all of TensorBoard.


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    return set(result.stdout.split())


def test_importing_the_plugin_imports_nothing_but_base_plugin_and_the_standard_library() -> None:
    before = modules_after("import tensorboard.plugins.base_plugin")

    added = modules_after("import tb_nan_plugin.plugin") - before

    ours = {name for name in added if name.partition(".")[0] == "tb_nan_plugin"}
    assert ours == {"tb_nan_plugin", "tb_nan_plugin.plugin"}
    strangers = {n.partition(".")[0] for n in added - ours} - sys.stdlib_module_names
    assert strangers == set()


def test_loading_the_plugin_reads_neither_numpy_nor_the_analyzer() -> None:
    load = (
        "from tensorboard.plugins.base_plugin import TBContext\n"
        "from tb_nan_plugin.plugin import NaNPluginLoader\n"
        "plugin = NaNPluginLoader().load(TBContext(logdir='.'))\n"
        "plugin.frontend_metadata(), plugin.is_active()"
    )

    loaded = {name.partition(".")[0] for name in modules_after(load)}

    assert loaded.isdisjoint({"analyzer", "keras", "numpy", "rich", "tensorflow"})


@pytest.mark.parametrize("log_dir", ["", "/nowhere/at/all", "gs://bucket/logs", "\0"])
def test_a_plugin_is_made_and_named_whatever_the_log_directory_is(log_dir: str) -> None:
    made = NaNPluginLoader().load(TBContext(logdir=log_dir))

    metadata = made.frontend_metadata()

    assert isinstance(metadata, FrontendMetadata)
    assert (metadata.tab_name, metadata.es_module_path) == ("NaN", "/static/index.js")
    assert made.plugin_name == "nan"
    assert made.is_active() is False


def test_is_active_answers_at_once_although_looking_takes_seconds(
    log_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_walk(*_: object, **__: object) -> Iterator[tuple[str, list[str], list[str]]]:
        time.sleep(2)
        return iter([(str(log_dir), [], ["events.out.tfevents.1"])])

    monkeypatch.setattr(os, "walk", slow_walk)
    slow = Server(log_dir).plugin

    began = time.perf_counter()
    answers = [slow.is_active() for _ in range(100)]

    assert time.perf_counter() - began < 0.2
    assert set(answers) == {False}


def eventually(probe: Callable[[], bool]) -> bool:
    end = time.monotonic() + SECONDS
    while not probe() and time.monotonic() < end:
        time.sleep(0.01)
    return probe()


def test_is_active_turns_true_where_event_files_are(server: Server) -> None:
    assert eventually(server.plugin.is_active)


def test_is_active_finds_event_files_behind_a_link_and_ends_where_links_go_in_circles(
    log_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    linked = tmp_path_factory.mktemp("linked")
    (linked / "again").symlink_to(linked)
    assert not Server(linked).plugin._has_event_files()

    (linked / "runs").symlink_to(log_dir)
    assert Server(linked).plugin._has_event_files()


# --- Routes.


def test_the_frontend_is_served_as_javascript_that_browsers_take(server: Server) -> None:
    response = server.get("/static/index.js")

    assert response.status_code == 200
    assert response.mimetype == "text/javascript"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert b"render" in response.get_data()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../plugin.py",
        "/static/..%2Fplugin.py",
        "/static/../../pyproject.toml",
        "/static//etc/hosts",
        "/static/%2Fetc%2Fhosts",
        "/static/sources.sha256",
        "/static/",
        "/static/none.js",
        "/static/index.js%00",
        "/static/" + "x" * 5000 + ".js",
    ],
)
def test_nothing_but_the_built_frontend_is_served(server: Server, path: str) -> None:
    response = server.get(path)

    assert response.status_code == 404
    assert response.mimetype == "text/plain"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_first_answer_does_not_wait_for_the_analysis(server: Server) -> None:
    answer = strict_json(server.get("/report"))

    assert answer["state"] == "scanning"
    assert answer["report"] is None
    server.report()


def test_the_report_is_the_one_that_the_command_line_gives(server: Server, log_dir: Path) -> None:
    answer = server.report()

    assert answer["state"] == "ready"
    assert answer["message"] == ""
    assert answer["log_dir"] == str(log_dir)
    assert answer["report"] == finite(analyzer.report.analyze(log_dir).to_dict())
    statuses = {run["run"]: run["status"] for run in answer["report"]["runs"]}
    assert statuses == {"bad": "nonfinite", "good": "healthy"}


@pytest.mark.parametrize("path", ["/report", "/timeline?run=bad", "/timeline?run=none"])
def test_every_answer_is_json_that_must_not_be_guessed(server: Server, path: str) -> None:
    server.report()

    response = server.get(path)

    assert response.mimetype == "application/json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    strict_json(response)


def test_nonfinite_points_come_by_name_and_are_all_counted(server: Server) -> None:
    server.report()

    timeline = strict_json(server.get("/timeline?run=bad"))

    assert timeline["first_nonfinite"]["step"] == 2
    (loss,) = timeline["series"]
    assert loss["last"] == [3.0, 2.0, "Infinity", "NaN", "-Infinity"]
    assert (loss["nan"], loss["posinf"], loss["neginf"]) == (
        [0, 0, 0, 1, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1],
    )
    assert loss["min"] == [3.0, 2.0, None, None, None]


def test_fewer_bins_lose_no_nonfinite_point(server: Server) -> None:
    server.report()

    (loss,) = strict_json(server.get("/timeline?run=bad&bins=1"))["series"]

    assert (loss["nan"], loss["posinf"], loss["neginf"]) == ([1], [1], [1])
    assert (loss["step"], loss["step_end"]) == ([0], [4])
    assert (loss["min"], loss["max"]) == ([2.0], [3.0])


@pytest.mark.parametrize(
    "bins", ["0", "-1", "4001", "1e3", "1.5", "", "many", "9" * 5000, "%C2%B2", "NaN"]
)
def test_a_bad_number_of_bins_is_refused_in_words(server: Server, bins: str) -> None:
    server.report()

    response = server.get(f"/timeline?run=bad&bins={bins}")

    assert response.status_code == 400
    assert strict_json(response) == {"error": "bins must be a number from 1 to 4000"}


@pytest.mark.parametrize("bins", [1, 4000])
def test_the_outermost_numbers_of_bins_are_taken(server: Server, bins: int) -> None:
    server.report()

    assert server.get(f"/timeline?run=bad&bins={bins}").status_code == 200


@pytest.mark.parametrize("name", ["", "none", "../bad", "%3Cscript%3E", "x" * 5000])
def test_an_unknown_run_is_not_found_and_told_so_briefly(server: Server, name: str) -> None:
    server.report()

    response = server.get(f"/timeline?run={name}")

    assert response.status_code == 404
    error = strict_json(response)["error"]
    assert error.startswith("there is no run")
    assert len(error) < 300


def test_a_timeline_before_the_first_report_is_not_found(server: Server) -> None:
    assert server.get("/timeline?run=bad").status_code == 404
    server.report()


# --- While trainings write, and when something is wrong.


def test_the_generation_grows_when_a_file_has_changed_and_only_then(
    server: Server, log_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.plugin._analysis, "_least_seconds", 0.0)
    first = server.report()
    passes = count_passes(server, monkeypatch)
    assert eventually(lambda: bool(server.get("/report")) and len(passes) >= 3)
    assert server.report()["generation"] == first["generation"]

    write(log_dir / "later", [1.0, NAN])

    newer = server.newer(first["generation"])
    assert [run["run"] for run in newer["report"]["runs"]] == ["bad", "good", "later"]


def count_passes(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    passes: list[None] = []
    work = server.plugin._analysis._work

    def counted() -> Any:
        result = work()
        passes.append(None)
        return result

    monkeypatch.setattr(server.plugin._analysis, "_work", counted)
    return passes


def test_a_log_directory_that_does_not_exist_is_ready_without_runs_and_says_why(
    tmp_path: Path,
) -> None:
    answer = Server(tmp_path / "nowhere").report()

    assert (answer["state"], answer["report"]["runs"]) == ("ready", [])
    assert answer["message"].startswith(f"There is no folder {tmp_path / 'nowhere'}")


def test_a_server_without_a_log_directory_says_so() -> None:
    answer = Server("").report()

    assert "without a log directory" in answer["message"]


def test_an_analysis_that_fails_says_why_and_the_server_goes_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, progress: object = None) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(server.plugin._analysis, "_least_seconds", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(analyzer.report.Watch, "refresh", broken)
        failed = server.report()
        assert (failed["state"], failed["message"]) == ("failed", "the disk is gone")
        assert failed["report"] is None
        assert server.get("/timeline?run=bad").status_code == 404
        assert server.get("/static/index.js").status_code == 200

    mended = server.newer(failed["generation"])
    assert (mended["state"], mended["message"]) == ("ready", "")
    assert len(mended["report"]["runs"]) == 2


def test_a_failure_later_on_keeps_the_last_report_on_the_page(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.plugin._analysis, "_least_seconds", 0.0)
    good = server.report()

    def broken(self: object, progress: object = None) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(analyzer.report.Watch, "refresh", broken)
    assert eventually(lambda: server.report()["state"] == "failed")

    failed = server.report()
    assert failed["report"] == good["report"]
    assert server.get("/timeline?run=bad").status_code == 200


@pytest.mark.parametrize("kind", ["file", "package"])
def test_somebody_elses_analyzer_is_named_and_never_run(
    log_dir: Path, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    file = elsewhere / ("analyzer.py" if kind == "file" else "analyzer/__init__.py")
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('it was run')\n")

    # As with `python -m`, the working directory comes before everything that is installed.
    result = subprocess.run(
        [sys.executable, "-c", FOREIGN.format(log_dir=str(log_dir))],
        capture_output=True,
        cwd=elsewhere,
        text=True,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["state"] == "failed"
    assert answer["report"] is None
    assert str(file) in answer["message"]
    assert "start TensorBoard from another directory" in answer["message"]


FOREIGN = """
import time
from tensorboard.plugins.base_plugin import TBContext
from werkzeug.test import Client
from tb_nan_plugin.plugin import NaNPluginLoader

apps = NaNPluginLoader().load(TBContext(logdir={log_dir!r})).get_plugin_apps()
while True:
    response = Client(apps["/report"]).get("/data/plugin/nan/report")
    if response.get_json()["state"] != "scanning":
        break
    time.sleep(0.01)
assert Client(apps["/timeline"]).get("/data/plugin/nan/timeline?run=bad").status_code == 404
print(response.get_data(as_text=True))
"""
