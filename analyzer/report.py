"""The report: everything that reporters and the tab may know, as plain values.

The schema is docs/report.md. Numbers stay numbers here; the one encoder for those that JSON does
not have is `reporters/as_json.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

from analyzer.analysis import Analysis, FirstNonfinite, analyze_run
from analyzer.collect import Collector, LogDirError, LogDirs, Progress
from analyzer.evidence import Evidence
from analyzer.findings import Finding
from analyzer.groups import trainings
from analyzer.scalar_status import TagUse
from analyzer.scalar_verdict import described
from analyzer.timeline import Track, tracks
from analyzer.verdict import Verdict

__all__ = [
    "SCHEMA",
    "Analysis",
    "Evidence",
    "Finding",
    "FirstNonfinite",
    "LogDirError",
    "Progress",
    "Report",
    "TagUse",
    "Track",
    "Verdict",
    "Watch",
    "analyze",
]

SCHEMA: Final = 1
# What each choice of --fail-on counts as a failure.
FAILING: Final[dict[str, frozenset[str]]] = {
    "nonfinite": frozenset({"nonfinite", "silent"}),
    "unhealthy": frozenset({"nonfinite", "silent", "recovered", "unhealthy"}),
    "never": frozenset(),
}


@dataclass(frozen=True, eq=False)
class Report:
    """The verdicts on every run of a log directory.

    Attributes:
        log_dir: The directory as it was given.
        analyses: One a run, in the order of their names.
        problems: Folders and files that had to be left out.
    """

    log_dir: str
    analyses: tuple[Analysis, ...]
    problems: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        """Return whether anything could be read at all."""
        return any(a.status != "unreadable" for a in self.analyses)

    def fails(self, threshold: str) -> bool:
        """Return whether a run is as bad as `nonfinite` or `unhealthy`; nothing is for `never`."""
        return any(a.status in FAILING[threshold] for a in self.analyses)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as docs/report.md draws it, non-finite numbers still as floats."""
        return {
            "schema": SCHEMA,
            "log_dir": self.log_dir,
            "runs": [run_to_dict(a) for a in self.analyses],
            "problems": list(self.problems),
        }

    @classmethod
    def joined(cls, log_dir: str, parts: Iterable[Report], problems: Iterable[str]) -> Report:
        """Return one report of several log directories."""
        parts = list(parts)
        analyses = tuple(a for part in parts for a in part.analyses)
        return cls(log_dir, analyses, (*problems, *(p for part in parts for p in part.problems)))

    def same_as(self, other: Report) -> bool:
        """Return whether both hold the very same analyses."""
        return self.problems == other.problems and list(map(id, self.analyses)) == list(
            map(id, other.analyses)
        )

    def timeline_to_dict(self, run: str, bins: int) -> dict[str, Any]:
        """Return one run's series as docs/http-api.md draws them.

        Raises:
            KeyError: There is no such run.
        """
        first = self.analysis(run).first_nonfinite
        return {
            "run": run,
            "first_nonfinite": nonfinite_to_dict(first),
            "series": [_track(track) for track in self.timeline(run, bins)],
        }

    def timeline(self, run: str, bins: int) -> list[Track]:
        """Return what to draw of a run.

        Raises:
            KeyError: There is no such run.
        """
        return tracks(self.analysis(run).run, bins)

    def analysis(self, run: str) -> Analysis:
        """Return one run's analysis.

        Raises:
            KeyError: There is no such run.
        """
        for analysis in self.analyses:
            if analysis.run.name == run:
                return analysis
        raise KeyError(run)


def analyze(log_dir: LogDirs, progress: Progress | None = None, *, group: bool = True) -> Report:
    """Read every event file below a directory and say what is wrong with each training.

    Args:
        log_dir: Any TensorBoard log directory, whoever wrote it: a path, a URL or a `LogDirSpec`.
        progress: Called before each file with its path, its number from 0, and how many there are.
        group: Whether TensorBoard runs that belong to one training are judged together.

    Raises:
        LogDirError: There is no such directory, it may not be read, or holds no event files.
    """
    return Watch(log_dir, group=group).refresh(progress)


class Watch:
    """A log directory that is looked at again and again, while trainings write into it."""

    def __init__(self, log_dir: LogDirs, name: str = "", *, group: bool = True) -> None:
        """Keep where to look; `name` is what `--logdir_spec` calls it."""
        self._collector = Collector(log_dir, name)
        self._group = group
        self._analyses: dict[tuple[int, ...], Analysis] = {}
        self._report: Report | None = None

    def refresh(self, progress: Progress | None = None) -> Report:
        """Return the report as of now, the same object as before if nothing has changed.

        Raises:
            LogDirError: There is no such directory, it may not be read, or holds no event files.
        """
        collection = self._collector.collect(progress)
        before = self._analyses
        self._analyses = {
            key: before.get(key) or analyze_run(made())
            for key, made in trainings(collection.runs, group=self._group)
        }
        fresh = Report(collection.log_dir, tuple(self._analyses.values()), collection.problems)
        if self._report is None or not self._report.same_as(fresh):
            self._report = fresh
        return self._report


def run_to_dict(analysis: Analysis) -> dict[str, Any]:
    """Return one run as docs/report.md draws it."""
    run = analysis.run
    steps = _steps(analysis)
    return {
        "run": run.name,
        "status": analysis.status,
        "complete": analysis.complete,
        "first_step": min(steps, default=None),
        "last_step": max(steps, default=None),
        "first_nonfinite": nonfinite_to_dict(analysis.first_nonfinite),
        "verdict": _verdict(analysis.verdict),
        "findings": [_finding(f) for f in analysis.findings],
        "notes": list(analysis.notes),
        "parts": [{"run": name, "joined_by": why} for name, why in analysis.parts],
        "dialect": analysis.dialect,
        "tags": [_tag(use) for use in analysis.tags],
        "sources": [
            {
                "file": s.file,
                "status": s.status,
                "events": s.events,
                "bytes": s.bytes,
                "reason": s.reason,
            }
            for s in run.sources
        ],
    }


def nonfinite_to_dict(first: FirstNonfinite | None) -> dict[str, Any] | None:
    """Return `first_nonfinite` as docs/report.md draws it."""
    if first is None:
        return None
    return {
        "step": first.step,
        "last_finite_step": first.last_finite_step,
        "phase": first.phase.value,
        "where": first.where,
        "kind": first.kind,
        "tag": first.tag,
        "axis": first.axis,
        "earliest_step": first.earliest_step,
        "counts": first.counts,
        "part": first.part,
    }


def _steps(analysis: Analysis) -> list[int]:
    """Return first and last step: of the health record if there is one, else of the scalars."""
    run = analysis.run
    columns = [h.steps for h in run.health] or [s.steps for s in run.scalars.values()]
    return [int(edge) for steps in columns if len(steps) for edge in (steps.min(), steps.max())]


def _verdict(verdict: Verdict | None) -> Mapping[str, Any] | None:
    if verdict is None:
        return None
    return {
        "cause": verdict.cause,
        "family": verdict.family,
        "title": verdict.title,
        "confidence": verdict.confidence,
        "summary": verdict.summary,
        "evidence": _facts(verdict.evidence),
        "remedies": [{"text": r.text, "code": r.code} for r in verdict.remedies],
        "alternatives": [
            {"cause": a.cause, "confidence": a.confidence, "ruled_out_by": a.ruled_out_by}
            for a in verdict.alternatives
        ],
        "missing": list(verdict.missing),
    }


def _track(track: Track) -> dict[str, Any]:
    bins = track.bins
    return {
        "name": track.name,
        "label": track.label,
        "role": track.role,
        "axis": track.axis,
        "points": track.points,
        "step": bins.step.tolist(),
        "step_end": bins.step_end.tolist(),
        "min": [None if isnan(v) else v for v in bins.low.tolist()],
        "max": [None if isnan(v) else v for v in bins.high.tolist()],
        "last": bins.last.tolist(),
        "nan": bins.nan.tolist(),
        "posinf": bins.posinf.tolist(),
        "neginf": bins.neginf.tolist(),
    }


def _tag(use: TagUse) -> dict[str, Any]:
    return {
        "name": use.key,
        "tag": use.tag,
        "part": use.part,
        "role": use.role.value,
        "counts": use.counts,
        "points": use.points,
        "nonfinite": use.nonfinite,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    family, title, remedies = described(finding.cause)
    return {
        "cause": finding.cause,
        "family": family,
        "title": title,
        "severity": finding.severity,
        "step": finding.step,
        "confidence": round(finding.confidence, 2),
        "summary": finding.summary,
        "evidence": _facts(finding.evidence),
        "remedies": [{"text": r.text, "code": r.code} for r in remedies],
    }


def _facts(evidence: Iterable[Evidence]) -> list[dict[str, Any]]:
    return [
        {
            "signal": e.signal,
            "where": e.where,
            "step": e.step,
            "observed": e.observed,
            "claim": e.claim,
            "because": e.because,
        }
        for e in evidence
    ]
