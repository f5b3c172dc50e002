"""The report keeps the form that its schema promises, and is made no oftener than needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from analyzer.report import FAILING, Report, Watch, analyze
from analyzer.reporters import as_json
from analyzer.roles import Role
from tests.analyzer.events import wire
from tests.analyzer.reported import STATUSES, report_on, write_run
from tests.analyzer.runs import event_file, write

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

every_run = pytest.mark.parametrize("name", STATUSES)


def as_printed(report: Report) -> Any:
    return json.loads(as_json.render(report))


# --- Form


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_example_of_the_documentation_is_valid() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (DOCS / "report.md").read_text(), re.DOTALL)

    VALIDATOR.validate(json.loads(example))


@every_run
def test_the_report_on_every_kind_of_run_is_valid(name: str, tmp_path: Path) -> None:
    report = as_printed(report_on(tmp_path, name))

    VALIDATOR.validate(report)
    (run,) = report["runs"]
    assert (run["run"], run["status"]) == (name, STATUSES[name])


def test_every_status_is_among_the_runs() -> None:
    statuses = SCHEMA["$defs"]["run"]["properties"]["status"]["enum"]

    assert set(STATUSES.values()) == set(statuses)


def test_the_schema_refuses_what_is_no_report(tmp_path: Path) -> None:
    report = as_printed(report_on(tmp_path, "nonfinite-input"))
    (run,) = report["runs"]

    for change in (
        {"status": "fine"},
        {"status": "healthy"},
        {"verdict": None},
        {"first_step": "0"},
        {"verdict": {**run["verdict"], "confidence": 1.5}},
        {"verdict": {**run["verdict"], "cause": "unknown"}},
        {"verdict": {**run["verdict"], "evidence": []}},
    ):
        assert not VALIDATOR.is_valid({**report, "runs": [{**run, **change}]}), change


# --- Content


def test_a_report_says_where_the_run_begins_and_ends(tmp_path: Path) -> None:
    (run,) = as_printed(report_on(tmp_path, "nonfinite-input"))["runs"]

    assert (run["first_step"], run["last_step"], run["complete"]) == (0, 59, True)
    assert run["first_nonfinite"] == {
        "step": 13,
        "last_finite_step": 12,
        "phase": "input",
        "where": "feature 1",
        "kind": "nan",
        "tag": "input_nan",
        "axis": "step",
        "earliest_step": 13,
        "counts": "training batches, counted from 0",
        "part": "",
    }
    assert [(s["status"], s["events"]) for s in run["sources"]] == [("ok", 3)]


def test_a_report_says_what_each_tag_was_taken_for(tmp_path: Path) -> None:
    (run,) = as_printed(report_on(tmp_path, "scalars-silent"))["runs"]

    assert run["dialect"] == "Hugging Face Trainer"
    assert run["parts"] == []
    assert run["tags"] == [
        {
            "name": tag,
            "tag": tag,
            "part": "scalars-silent",
            "role": role,
            "counts": "iterations of the optimizer",
            "points": 2,
            "nonfinite": bad,
        }
        for tag, role, bad in (
            ("train/loss", "training_loss", 0),
            ("train/grad_norm", "gradient_norm", 1),
        )
    ]
    assert run["first_nonfinite"]["part"] == "scalars-silent"


def test_every_role_is_in_the_schema() -> None:
    roles = SCHEMA["$defs"]["tag"]["properties"]["role"]["enum"]

    assert set(roles) == {role.value for role in Role}


def test_a_torn_file_makes_the_report_incomplete(tmp_path: Path) -> None:
    (run,) = as_printed(report_on(tmp_path, "torn"))["runs"]

    assert not run["complete"]
    assert run["sources"][0]["status"] == "truncated"
    assert run["last_step"] == 39


def test_an_empty_run_has_no_steps(tmp_path: Path) -> None:
    (run,) = as_printed(report_on(tmp_path, "empty"))["runs"]

    assert (run["first_step"], run["last_step"]) == (None, None)


def test_runs_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    report = report_on(tmp_path, "scalars-silent", "empty", "scalars-healthy")

    assert [a.run.name for a in report.analyses] == ["empty", "scalars-healthy", "scalars-silent"]


@pytest.mark.parametrize(
    ("threshold", "failing"),
    [
        ("nonfinite", {"nonfinite", "silent"}),
        ("unhealthy", {"nonfinite", "silent", "recovered", "unhealthy"}),
        ("never", set()),
    ],
)
def test_a_threshold_counts_these_statuses(
    threshold: str, failing: set[str], tmp_path: Path
) -> None:
    assert FAILING[threshold] == failing
    for name, status in STATUSES.items():
        assert report_on(tmp_path / name, name).fails(threshold) is (status in failing)


def test_a_report_is_readable_while_one_run_is(tmp_path: Path) -> None:
    assert not report_on(tmp_path, "unreadable").readable
    assert report_on(tmp_path, "unreadable", "empty").readable


def test_timelines_of_an_unknown_run_are_refused(tmp_path: Path) -> None:
    report = report_on(tmp_path, "healthy")

    with pytest.raises(KeyError):
        report.timeline_to_dict("elsewhere", 10)


def test_a_timeline_marks_the_first_bad_step_and_keeps_bad_values(tmp_path: Path) -> None:
    drawn = report_on(tmp_path, "nonfinite-input").timeline_to_dict("nonfinite-input", 7)
    loss = drawn["series"][0]

    assert drawn["first_nonfinite"]["step"] == 13
    assert (loss["name"], loss["points"]) == ("loss", 60)
    assert sum(loss["nan"]) == 60 - 13
    assert loss["min"][-1] is None
    assert {len(v) for v in loss.values() if isinstance(v, list)} == {7}
    json.loads(as_json.encode(drawn))


def test_reports_are_joined_in_order(tmp_path: Path) -> None:
    left, right = report_on(tmp_path / "l", "healthy"), report_on(tmp_path / "r", "empty")

    both = Report.joined("l,r", [left, right], ["Something was left out."])

    assert [a.run.name for a in both.analyses] == ["healthy", "empty"]
    assert both.problems == ("Something was left out.",)
    assert both.log_dir == "l,r"


# --- Again and again


def test_a_watch_returns_the_same_report_while_nothing_changes(tmp_path: Path) -> None:
    write_run("healthy", tmp_path / "a")
    watch = Watch(tmp_path)

    assert watch.refresh() is watch.refresh()


def test_a_watch_judges_anew_only_what_has_changed(tmp_path: Path) -> None:
    write_run("healthy", tmp_path / "a")
    growing = write(tmp_path / "b", event_file(scalars={"loss": [1.0]}))
    watch = Watch(tmp_path)
    before = watch.refresh()

    with growing.open("ab") as stream:
        stream.write(wire.file_of(wire.scalar("loss", 1, float("nan"))))
    read: list[str] = []
    after = watch.refresh(lambda path, number, total: read.append(path))

    assert after is not before
    assert read == [str(growing)]
    assert after.analysis("a") is before.analysis("a")
    assert before.analysis("b").status == "healthy"
    assert after.analysis("b").status == "nonfinite"


def test_a_watch_notices_a_run_that_vanished(tmp_path: Path) -> None:
    write_run("healthy", tmp_path / "a")
    gone = write(tmp_path / "b", event_file(scalars={"loss": [1.0]}))
    watch = Watch(tmp_path)
    before = watch.refresh()

    gone.unlink()

    assert watch.refresh() is not before
    assert [a.run.name for a in watch.refresh().analyses] == ["a"]


def test_a_watch_and_a_single_look_agree(tmp_path: Path) -> None:
    for name in STATUSES:
        write_run(name, tmp_path / name)

    assert as_printed(Watch(tmp_path).refresh()) == as_printed(analyze(tmp_path))
