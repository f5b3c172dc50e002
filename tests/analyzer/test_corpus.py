"""Other people's real runs: no crash, no cause made up, failures told apart from health."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from analyzer.report import Report, analyze
from analyzer.reporters import as_json
from tb_nan_plugin.signals import Phase

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
FOLDERS = sorted(p.name for p in CORPUS.iterdir() if p.is_dir()) if CORPUS.is_dir() else []

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(
        not FOLDERS, reason="the corpus of real event files is not beside this checkout"
    ),
]

every_folder = pytest.mark.parametrize("folder", FOLDERS or ["none"])


def truths() -> list[Any]:
    known: list[Any] = json.loads((CORPUS / "truth.json").read_text()) if FOLDERS else []
    return known


def truth(part: str) -> Any:
    """What is known of the only file whose path contains these words, in order."""
    (found,) = [t for t in truths() if part in t["file"]]
    return found


def alone(part: str, tmp_path: Path) -> Report:
    """The report on one file of the corpus, without the others of its directory."""
    file = CORPUS / truth(part)["file"]
    shutil.copy(file, tmp_path / file.name)
    return analyze(tmp_path)


@every_folder
def test_no_cause_is_made_up(folder: str) -> None:
    report = analyze(CORPUS / folder)

    assert report.analyses
    for analysis in report.analyses:
        assert analysis.verdict is None or analysis.verdict.cause == "unknown"
        assert analysis.verdict is None or analysis.verdict.missing
        assert analysis.findings == ()
        assert (analysis.verdict is None) == (analysis.first_nonfinite is None)
    json.loads(as_json.render(report))


@every_folder
def test_a_finite_folder_is_healthy_and_a_bad_one_is_mentioned(folder: str) -> None:
    report = analyze(CORPUS / folder)
    bad = {
        tag for t in truths() if t["file"].startswith(f"{folder}/") for tag in t["first_nonfinite"]
    }

    said = as_json.render(report)
    assert all(json.dumps(tag)[1:-1] in said for tag in sorted(bad)) or _has_a_worse(report)
    if not bad:
        assert {a.status for a in report.analyses} <= {"healthy", "empty", "unreadable"}


def _has_a_worse(report: Report) -> bool:
    return any(a.first_nonfinite is not None for a in report.analyses)


@pytest.mark.parametrize(
    ("part", "step", "last"),
    [
        ("1567912447", 10, 5),
        ("1567897547", 55, 5),
        ("1571082992", 8, 4),
        ("1571683743", 24, None),
        ("1571281460", 9, None),
    ],
)
def test_a_training_that_failed_is_nonfinite_from_the_step_where_it_did(
    part: str, step: int, last: int | None, tmp_path: Path
) -> None:
    (analysis,) = alone(part, tmp_path).analyses

    assert analysis.status == "nonfinite"
    assert analysis.first_nonfinite is not None
    assert (analysis.first_nonfinite.tag, analysis.first_nonfinite.step) == ("cost", step)
    assert analysis.first_nonfinite.last_finite_step == last
    assert analysis.complete is (truth(part)["status"] == "ok")


def test_a_training_that_grew_before_it_broke_is_told_from_one_that_shows_nothing(
    tmp_path: Path,
) -> None:
    for part, words in (("1571683743", "nothing shows what came before"), ("1567912447", "trend")):
        directory = tmp_path / part
        directory.mkdir()
        (analysis,) = alone(part, directory).analyses
        assert analysis.verdict is not None
        assert words in analysis.verdict.summary


def test_a_healthy_training_among_failures_is_healthy(tmp_path: Path) -> None:
    (analysis,) = alone("1569127325", tmp_path).analyses

    assert (analysis.status, analysis.verdict, analysis.notes) == ("healthy", None, ())


def test_an_infinity_that_training_survived_is_not_where_it_failed() -> None:
    directory = CORPUS / next(t["file"] for t in truths() if "Normal_7" in t["file"])

    (analysis,) = analyze(directory.parents[1]).analyses

    assert [Path(run).name for run, _ in analysis.parts] == ["train", "test"]
    assert analysis.first_nonfinite is not None
    assert analysis.first_nonfinite.step == 20
    assert (analysis.first_nonfinite.kind, analysis.first_nonfinite.phase) == ("nan", Phase.LOSS)


@pytest.mark.parametrize("part", ["Normal_7", "version_16"])
def test_a_training_whose_losses_all_broke_names_the_first_of_them(part: str) -> None:
    known = next(t for t in truths() if part in t["file"] and t["first_nonfinite"])

    (analysis,) = analyze((CORPUS / known["file"]).parent).analyses

    assert analysis.status == "nonfinite"
    assert analysis.first_nonfinite is not None
    named = known["first_nonfinite"][analysis.first_nonfinite.tag]
    assert named["step"] == analysis.first_nonfinite.step
    assert named["kind"] == analysis.first_nonfinite.kind


@pytest.mark.parametrize(
    ("folder", "tag"),
    [
        ("IncludeArthur+drl-energy-orchestrator", "train/explained_variance"),
        ("Algo-ryth-mix+ML-Agents-Hide-And-Seek", "Policy/Discrete Entropy Coeff"),
        ("Ghailen-Ben-Achour+detectron2_detection", "bbox/APs"),
    ],
)
def test_a_metric_that_is_undefined_is_a_note_and_no_failure(folder: str, tag: str) -> None:
    report = analyze(CORPUS / folder)

    assert {a.status for a in report.analyses} <= {"healthy", "empty"}
    assert any(note.startswith(f"{tag} is ") for a in report.analyses for note in a.notes)


def test_files_that_are_no_event_files_are_told_so() -> None:
    impostors = [t["file"] for t in truths() if t["status"] == "not-events"]

    assert impostors
    for file in impostors:
        report = analyze((CORPUS / file).parent)
        sources = {s.file: s for a in report.analyses for s in a.run.sources}
        assert sources[Path(file).name].status == "not-events"


def test_a_loss_that_is_infinite_once_by_design_does_not_fail_a_healthy_run() -> None:
    file = next(t["file"] for t in truths() if "Normal_2" in t["file"])

    (analysis,) = analyze((CORPUS / file).parents[1]).analyses

    assert (analysis.status, analysis.verdict, analysis.findings) == ("healthy", None, ())
    assert len(analysis.parts) == 2
    assert any("1. Unsupervised loss is -Inf" in note for note in analysis.notes)
    assert not Report("", (analysis,)).fails("unhealthy")


DIALECTS = {
    "5chm33+trading-bot": {"stable-baselines3", "Ray Tune"},
    "AguLeon+LoRA_RoBERTa_AGNews": {"Hugging Face Trainer"},
    "Algo-ryth-mix+ML-Agents-Hide-And-Seek": {"ML-Agents"},
    "Dodsaren+weather-predder": {"PyTorch Lightning"},
    "Ghailen-Ben-Achour+detectron2_detection": {"Detectron2"},
    "Hu-l+inverted-pendulum-ppo": {"stable-baselines3"},
    "IBM+LongAnswer": {"PyTorch Lightning"},
    "NatashaGreenough+NinjaRevenger_yolov5": {"YOLO"},
    "ahmadazim+scRNA_MLclass": {"a writer of its own"},
    "firas-ben-thayer+ECG-Classification": {"Keras TensorBoard callback"},
    "ldebris+Rossman": {"Keras TensorBoard callback"},
}


@pytest.mark.parametrize("folder", DIALECTS)
def test_the_writer_is_known(folder: str) -> None:
    assert {a.dialect for a in analyze(CORPUS / folder).analyses} == DIALECTS[folder]


@pytest.mark.parametrize(
    ("folder", "tag", "role"),
    [
        ("5chm33+trading-bot", "ray/tune/mean_reward", "sentinel"),
        ("5chm33+trading-bot", "train/critic_loss", "training_loss"),
        ("AguLeon+LoRA_RoBERTa_AGNews", "eval/loss", "validation_loss"),
        ("AguLeon+LoRA_RoBERTa_AGNews", "train/grad_norm", "gradient_norm"),
        ("Algo-ryth-mix+ML-Agents-Hide-And-Seek", "Policy/Learning Rate", "learning_rate"),
        ("Dodsaren+weather-predder", "MAE_val", "metric"),
        ("Ghailen-Ben-Achour+detectron2_detection", "bbox/APs", "metric"),
        ("Ghailen-Ben-Achour+detectron2_detection", "eta_seconds", "other"),
        ("Jan1995+Mnist", "layer/weights/summaries/mean", "weight_statistic"),
        ("NatashaGreenough+NinjaRevenger_yolov5", "val/box_loss", "validation_loss"),
        ("ahmadazim+scRNA_MLclass", "cost", "training_loss"),
    ],
)
def test_the_role_of_a_tag_is_shown(folder: str, tag: str, role: str) -> None:
    printed = json.loads(as_json.render(analyze(CORPUS / folder)))

    found = {use["role"] for run in printed["runs"] for use in run["tags"] if use["tag"] == tag}
    assert found == {role}


def test_halves_of_a_training_are_one_and_separate_trainings_are_not() -> None:
    for folder, runs in (
        ("SamuelkohP04+Deep-Learning-Sentimental-Analysis-for-Google-Play-Reviews", [2]),
        ("Larsterbraak+TimeGAN", [2, 2, 0]),
        ("Dodsaren+weather-predder", [0, 0]),
        ("IncludeArthur+drl-energy-orchestrator", [0, 0]),
        ("5chm33+trading-bot", [0, 0]),
    ):
        assert [len(a.parts) for a in analyze(CORPUS / folder).analyses] == runs


def test_a_folder_apart_from_its_other_half_is_judged_as_before() -> None:
    report = analyze(CORPUS / "Larsterbraak+TimeGAN", group=False)

    assert len(report.analyses) == 5
    assert not any(a.parts for a in report.analyses)
