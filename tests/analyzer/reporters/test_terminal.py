"""What a person reads at a terminal; nothing in a log can steer that terminal."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from analyzer.analysis import analyze_run
from analyzer.groups import HALVES
from analyzer.merged import Part, merged
from analyzer.report import Report
from analyzer.reporters.terminal import STYLES, render
from analyzer.reporters.wording import MEANINGS, number, printable
from analyzer.series import Run, Source
from tests.analyzer.failures import layer_overflow
from tests.analyzer.reported import STATUSES, report_on
from tests.analyzer.runs import environment, health, layer, run

ONE_RUN = """\
╭─  nonfinite-target  ─────────────────────────────────────────────────────────╮
│                                                                              │
│  NONFINITE  training went non-finite                                         │
│                                                                              │
│  first bad step    21                                                        │
│  last finite step  20                                                        │
│  phase             target                                                    │
│  where             target                                                    │
│  kind              +Inf                                                      │
│                                                                              │
│  Why                                                                         │
│  The targets hold NaN or Inf  [nonfinite-target]  99% sure                   │
│  The batch of step 21 holds +Inf in its targets (target): the loss cannot    │
│  be finite, whatever the model predicts.                                     │
│                                                                              │
│  Evidence                                                                    │
│  - target_posinf of target at step 21 is above 0 (recorded: 1): 1 value of   │
│  32 rows in this batch, while every input was finite                         │
│                                                                              │
│  What to do                                                                  │
│  Find the rows whose label is not finite, and repair or drop them before     │
│  training.                                                                   │
│      import numpy as np                                                      │
│                                                                              │
│      good = np.isfinite(y).reshape(len(y), -1).all(axis=1)                   │
│      print("bad labels:", np.flatnonzero(~good))                             │
│      x, y = x[good], y[good]                                                 │
│                                                                              │
│                                                                              │
│  Other causes, and what speaks against them                                  │
│  nonfinite-input: every input up to step 21 was finite                       │
│  zero-variance-feature: every input up to step 21 was finite                 │
│  nonfinite-weights: every weight was finite when step 0 began                │
│                                                                              │
╰──────────────────────────────────────────────────────────────────────────────╯
"""
TABLE = """\
run                   status      first bad step  cause               confidence
empty                 empty
healthy               healthy
nonfinite-input       nonfinite   13              nonfinite-input     99%
output-activation-mi  unhealthy                   output-activation-  95%
smatch                                            mismatch
scalars-recovered     recovered   1               unknown
scalars-silent        silent      1               unknown
unreadable            unreadable
"""
SCALARS_ONLY = """\
╭─  scalars-nonfinite  ────────────────────────────────────────────────────────╮
│                                                                              │
│  NONFINITE  training went non-finite                                         │
│                                                                              │
│  first bad step    2  (the tag's own count)                                  │
│  last finite step  1                                                         │
│  phase             loss                                                      │
│  where             epoch_loss                                                │
│  kind              NaN                                                       │
│                                                                              │
│  Why                                                                         │
│  The cause cannot be told  [unknown]                                         │
"""
ROLES = """\
What the tags were taken for
- written by: Keras TensorBoard callback
- training loss [epochs, counted from 0]: train/epoch_loss
- metric [the writer's own steps]: a_auc, b_auc, c_auc, d_auc, e_auc and 1 more
- validation loss [epochs, counted from 0]: validation/epoch_loss
Runs that are one training (--no-group takes them apart)
- run/train
- run/validation  Keras' TensorBoard callback and TensorFlow 2 trainings write their halves into
"""
HOSTILE = "[red]x[/red]\x1b[2J\x1b]0;owned\x07\r\nHEALTHY \u202egnp\udc80\x9b31m"
SHOWN = "[red]x[/red]\\x1b[2J\\x1b]0;owned\\x07\\r\\nHEALTHY \\u202egnp\\udc80\\x9b31m"


def printed(report: Report, *, colours: bool = False, width: int = 80) -> str:
    stream = io.StringIO()
    render(report, Console(file=stream, width=width, force_terminal=colours))
    return stream.getvalue()


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def on(subject: Run) -> Report:
    return Report("logs", (analyze_run(subject),))


def test_one_failing_run(tmp_path: Path) -> None:
    assert printed(report_on(tmp_path, "nonfinite-target")) == ONE_RUN


def test_a_table_of_several_runs_comes_first(tmp_path: Path) -> None:
    names = [line.split()[0] for line in lines(TABLE)[1:] if line.split()[0] in STATUSES]
    report = report_on(tmp_path, *names, "output-activation-mismatch")

    found = lines(printed(report))

    assert found[: len(lines(TABLE))] == lines(TABLE)


def test_quiet_runs_are_in_the_table_only(tmp_path: Path) -> None:
    text = printed(report_on(tmp_path, "healthy", "empty", "nonfinite-input"))

    assert text.count("╭─") == 1
    assert "╭─  nonfinite-input  ─" in text


def test_a_single_healthy_run_is_told_so(tmp_path: Path) -> None:
    text = printed(report_on(tmp_path, "healthy"))

    assert "HEALTHY  nothing non-finite, and nothing that harms training" in text
    assert "No NaN, no Inf, and no finding." in text


def test_scalars_alone_say_so_and_name_no_cause(tmp_path: Path) -> None:
    text = printed(report_on(tmp_path, "scalars-nonfinite"))

    assert lines(text)[:12] == lines(SCALARS_ONLY)
    assert "What was not recorded and would have decided" in text
    assert "epoch_accuracy is 0.0 beside a NaN loss." in " ".join(text.replace("│", " ").split())
    assert "% sure" not in text


def one_training(train: str = "run/train") -> Run:
    metrics = {f"{letter}_auc": [0.5, 0.5] for letter in "abcdef"}
    parts = (
        Part(run(scalars={"epoch_loss": [1.0, 0.5], **metrics}, name=train)),
        Part(run(scalars={"epoch_loss": [1.0, nan]}, name="run/validation"), HALVES),
    )
    return merged("run", parts)


def test_roles_and_joined_runs_are_shown() -> None:
    text = printed(on(one_training()), width=104).replace("│", " ")

    found = [line.strip() for line in text.splitlines() if line.strip()]
    begin = found.index(ROLES.splitlines()[0])
    assert found[begin:][: len(ROLES.splitlines())] == ROLES.splitlines()


def test_steps_between_two_points_are_shown_as_possible() -> None:
    text = printed(on(run(scalars={"loss": {5: 1.0, 10: nan}})))

    assert "began in          one of the steps 6 to 10" in text
    assert "began in" not in printed(on(run(scalars={"loss": {5: 1.0, 6: nan}})))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    text = printed(report_on(tmp_path, "torn"), width=200)

    assert "events.out.tfevents.1700000000.host: truncated. The file ends inside the record" in text


def test_what_was_left_out_is_named() -> None:
    assert printed(Report("logs", (), ("logs/a was left out: Permission denied.",))) == (
        "Left out: logs/a was left out: Permission denied.\n"
    )


def test_a_run_in_the_directory_itself_is_named_after_the_directory() -> None:
    assert "╭─  logs  ─" in printed(on(run(health({"loss": [1.0]}), name=".")))


@pytest.mark.parametrize("name", STATUSES)
@pytest.mark.parametrize("width", [20, 80, 300])
def test_every_run_fits_any_terminal(name: str, width: int, tmp_path: Path) -> None:
    text = printed(report_on(tmp_path, name), width=width)

    assert max(map(len, text.splitlines())) <= width
    assert STATUSES[name].upper() in text


def test_every_status_has_a_style_and_a_meaning() -> None:
    assert set(STYLES) == set(MEANINGS) == set(STATUSES.values())


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.1234567, "0.123457"), (3.4e38, "3.4e+38"), (nan, "NaN"), (inf, "+Inf")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
    assert number(-inf) == "-Inf"


# --- Hostile names


def controls(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c)[0] == "C"} - {"\n"}


def hostile_runs() -> dict[str, Run]:
    columns, facts = layer_overflow()
    named = {
        key.replace("exp", HOSTILE).replace("dense", HOSTILE + "2"): c for key, c in columns.items()
    }
    layers = [layer(HOSTILE + "2"), layer(HOSTILE, parameters=0)]
    source = Source(HOSTILE, "corrupt", 1, 2, f"At {HOSTILE} it is broken.")
    observed = environment(layers=layers, unobserved={HOSTILE: HOSTILE})
    return {
        "the run": run(health({"loss": [1.0, nan]}), name=HOSTILE),
        "a tag": run(scalars={f"{HOSTILE} loss": [1.0, nan], f"{HOSTILE} acc": [1.0, 0.0]}),
        "a metric": run(scalars={HOSTILE: [nan]}),
        "a part": one_training(train=f"run/{HOSTILE}"),
        "a column": run(health({f"input_nan of {HOSTILE}": [0.0, 1.0]})),
        "a layer": run(health(named, {**facts, **observed})),
        "a file": Run("run", sources=(source,), problems=(HOSTILE,)),
    }


@pytest.mark.parametrize("colours", [False, True], ids=["plain", "in colours"])
@pytest.mark.parametrize("where", hostile_runs())
def test_a_hostile_name_is_shown_and_not_obeyed(where: str, colours: bool) -> None:
    subject = hostile_runs()[where]
    plain = printed(on(replace(subject, name="x")), colours=colours, width=2000)
    text = printed(on(subject), colours=colours, width=2000)

    assert SHOWN in text
    assert controls(text) <= ({"\x1b"} if colours else set())
    assert "\x1b[2J" not in text
    assert "\x1b]0" not in text
    assert len(text.splitlines()) == len(plain.splitlines())
    text.encode()


def test_hostile_names_are_harmless_in_the_table_and_among_what_was_left_out() -> None:
    runs = (analyze_run(run(name=HOSTILE)), analyze_run(run(name="y")))

    text = printed(Report("logs", runs, (HOSTILE,)), width=500)

    assert text.count(SHOWN) == 2
    assert controls(text) == set()


def test_a_run_in_a_hostile_directory_is_harmless() -> None:
    report = Report(HOSTILE, (analyze_run(run(name=".")),))

    assert controls(printed(report, width=500)) == set()


@given(st.text())
def test_printable_text_has_no_controls_and_plain_text_stays_as_it_is(text: str) -> None:
    assert controls(printable(text)) == set()
    assert "\n" not in printable(text)
    assert not text.isprintable() or printable(text) == text
