"""TensorBoard runs that belong to one training -> one run, with its parts named.

Laws:

1. Two trainings are never joined: a folder's name alone is not enough, its tags and its times must
   agree with it. What is not sure stays apart.
2. Nothing is copied or dropped: the joined run shows the parts' own points (`merged`).
3. The rule by which parts were joined is kept as a sentence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from analyzer.merged import Part, merged
from analyzer.nodes import Node, evaluates, may_be_one, works_beside
from analyzer.series import Run
from analyzer.workers import workers_of

HALVES: Final = (
    "Keras' TensorBoard callback and TensorFlow 2 trainings write their halves into folders of "
    "these names below one log directory"
)
EVALUATION: Final = "the folder below it has the name and the tags of an evaluation of this run"
ADD_SCALARS: Final = (
    "each of these folders bears the name of the one tag that it holds, as the extra writers of "
    "SummaryWriter.add_scalars do"
)
WORKERS: Final = "they are numbered workers that wrote the same tags at the same time"

TRAIN: Final = ("train", "training")
EVALUATE: Final = ("val", "valid", "validation", "eval", "evaluation", "test", "testing", "dev")
NAMED_EVALUATION: Final = ("eval_", "evaluation_")  # what estimators call the second and third
WORKER: Final = r"(chief|worker|rank|replica)[-_]?\d*$"
# What torch.utils.tensorboard.summary._clean_tag leaves as it is.
UNCLEAN: Final = r"[^-/\w.]"


@dataclass(frozen=True, eq=False)
class _Join:
    """What one rule found to be one training.

    Attributes:
        home: Under which name it goes on.
        members: The names of the nodes, the leading one first.
        rule: Why, as a clause.
        lines: What `add_scalars` called some of the members.
    """

    home: str
    members: tuple[str, ...]
    rule: str
    lines: Mapping[str, str] = field(default_factory=dict)


_Nodes = dict[str, Node]


def grouped(runs: Sequence[Run]) -> list[tuple[Part, ...]]:
    """Put the runs together that are one training.

    Returns:
        The parts of each training, the leading one first, in the order of the first run of each;
        most have one part.
    """
    nodes: _Nodes = {}
    for run in runs:
        name = os.path.normpath(run.name)
        nodes[name if name not in nodes else run.name] = Node([Part(run)])
    below: dict[str, dict[str, str]] = {}
    for name in nodes:
        for child, parent in _above(name):
            below.setdefault(parent, {})[os.path.basename(child)] = child
    for parent in sorted(below, key=_depth, reverse=True):
        _join_below(parent, below[parent], nodes)
    order = {id(run): number for number, run in enumerate(runs)}
    joined = [tuple(node.parts) for node in nodes.values()]
    return sorted(joined, key=lambda parts: min(order[id(part.run)] for part in parts))


def trainings(
    runs: Sequence[Run], *, group: bool = True
) -> Iterator[tuple[tuple[int, ...], Callable[[], Run]]]:
    """Yield each training: what identifies its runs, and what makes one run of them.

    Args:
        runs: The runs of a log directory.
        group: Whether runs are put together; else each is a training of its own.
    """
    if not group:
        for run in runs:
            yield (id(run),), partial(_itself, run)
        return
    for parts in grouped(runs):
        yield tuple(id(part.run) for part in parts), partial(training_of, parts)


def _itself(run: Run) -> Run:
    return run


def training_of(parts: tuple[Part, ...]) -> Run:
    """Return the run that the parts are together: the only one itself, or a `Training`."""
    if len(parts) == 1:
        workers = workers_of(parts[0].run)
        return merged(parts[0].run.name, workers) if workers else parts[0].run
    names = [os.path.normpath(part.run.name) for part in parts]
    common = os.path.commonpath([os.path.join("/", name) for name in names])
    shown = next(
        (part.run.name for part, name in zip(parts, names, strict=True) if _is(name, common)), None
    )
    return merged(shown or os.path.relpath(common, "/"), parts)


def _is(name: str, absolute: str) -> bool:
    return os.path.normpath(os.path.join("/", name)) == absolute


def _above(name: str) -> Iterator[tuple[str, str]]:
    """Yield a name and its folder, that folder and its own, and so on up to the log directory."""
    while name != ".":
        parent = os.path.dirname(name) or "."
        if parent == name:
            return
        yield name, parent
        name = parent


def _depth(name: str) -> int:
    return 0 if name == "." else name.count(os.sep) + 1


def _join_below(parent: str, below: Mapping[str, str], nodes: _Nodes) -> None:
    """Join what lies directly below a folder with each other, and with the folder's own run."""
    for rule in (_halves, _evaluations, _lines, _workers):
        there = {base: name for base, name in below.items() if name in nodes}
        join = rule(parent, there, nodes)
        if join is not None:
            taken = {name: nodes.pop(name) for name in join.members}
            nodes[join.home] = Node(list(_parts(join, taken)))


def _parts(join: _Join, taken: _Nodes) -> Iterator[Part]:
    for number, (name, node) in enumerate(taken.items()):
        for part in node.parts:
            rule = part.rule or (join.rule if number else "")
            yield Part(part.run, rule, part.line or join.lines.get(name, ""))


def _halves(parent: str, below: Mapping[str, str], nodes: _Nodes) -> _Join | None:
    """Join `train`, what evaluates it, and the run of the folder itself (a monitor's)."""
    train = next((name for base, name in below.items() if base.lower() in TRAIN), None)
    if train is None:
        return None
    lead = nodes[train]
    evaluations = [
        name
        for base, name in below.items()
        if base.lower() in EVALUATE and evaluates(nodes[name], lead)
    ]
    head = nodes.get(parent)
    if head is not None and may_be_one(head, lead):
        return _Join(parent, (parent, train, *evaluations), HALVES)
    if not evaluations:
        return None
    return _Join(parent if head is None else train, (train, *evaluations), HALVES)


def _evaluations(parent: str, below: Mapping[str, str], nodes: _Nodes) -> _Join | None:
    """Join a run with the evaluation below it, as estimators write it."""
    head = nodes.get(parent)
    if head is None or head.window is None:
        return None
    found = [
        name
        for base, name in below.items()
        if (base.lower() in EVALUATE or base.lower().startswith(NAMED_EVALUATION))
        and evaluates(nodes[name], head)
    ]
    return _Join(parent, (parent, *found), EVALUATION) if found else None


def _lines(parent: str, below: Mapping[str, str], nodes: _Nodes) -> _Join | None:
    """Join the writers that `add_scalars` opens, one for each line of a chart."""
    lines = {
        name: line
        for base, name in below.items()
        if (line := _line_of(base, nodes[name])) is not None
    }
    if parent in nodes:
        return _Join(parent, (parent, *lines), ADD_SCALARS, lines) if lines else None
    return _Join(parent, tuple(lines), ADD_SCALARS, lines) if len(lines) > 1 else None


def _workers(parent: str, below: Mapping[str, str], nodes: _Nodes) -> _Join | None:
    """Join numbered workers that do the same at the same time."""
    found = sorted(name for base, name in below.items() if re.match(WORKER, base, re.IGNORECASE))
    if len(found) < 2:
        return None
    lead = nodes[found[0]]
    beside = [name for name in found[1:] if works_beside(nodes[name], lead)]
    if not beside:
        return None
    head = nodes.get(parent)
    if head is None:
        return _Join(parent, (found[0], *beside), WORKERS)
    if may_be_one(head, lead):
        return _Join(parent, (parent, found[0], *beside), WORKERS)
    return _Join(found[0], (found[0], *beside), WORKERS)


def _line_of(base: str, node: Node) -> str | None:
    """Return what `add_scalars` called the line that a folder holds, None if it is no such."""
    if len(node.parts) != 1 or len(node.tags) != 1 or node.monitored:
        return None
    (tag,) = node.tags
    stem = re.sub(UNCLEAN, "_", tag).replace("/", "_") + "_"
    clean = re.sub(UNCLEAN, "_", base)
    return base[len(stem) :] if clean.startswith(stem) and len(base) > len(stem) else None
