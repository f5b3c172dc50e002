"""What each series of a run was taken for, in its context: whose folder, which writer, beside what.

A name alone does not tell a mean squared error that is the loss from one that is a metric, nor
training from validation where both write the same tags into folders of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from analyzer.dialects import Axis, Dialect, dialect_of
from analyzer.merged import Origin, origin_of
from analyzer.roles import PHASES, Role, is_error, role_of
from analyzer.series import Run
from tb_nan_plugin.signals import Phase


@dataclass(frozen=True, eq=False)
class Label:
    """What one series was taken for.

    Attributes:
        key: Its name within the run.
        origin: The tag and the TensorBoard run that it comes from.
        role: What its numbers are.
        axis: What its steps count.
    """

    key: str
    origin: Origin
    role: Role
    axis: Axis

    @property
    def phase(self) -> Phase:
        """Return the stage of a training that it belongs to."""
        return PHASES[self.role]


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a run's series.

    Attributes:
        dialect: Who wrote the run.
        of: A label for each series of the run, by its name.
    """

    dialect: Dialect
    of: Mapping[str, Label]

    def with_role(self, role: Role) -> list[Label]:
        """Return the series of one role, in their order."""
        return [label for label in self.of.values() if label.role is role]

    def but(self, changed: Mapping[str, Role]) -> Labels:
        """Return the labels with other roles for some series."""
        return Labels(
            self.dialect,
            {
                key: replace(label, role=changed.get(key, label.role))
                for key, label in self.of.items()
            },
        )


def labels_of(run: Run) -> Labels:
    """Label every series of a run by its names; no value is read."""
    origins = {key: origin_of(run, key) for key in run.scalars}
    dialect = dialect_of(origin.tag for origin in origins.values())
    labels = Labels(
        dialect,
        {
            key: Label(
                key, origin, role_of(origin.tag, origin.belongs), dialect.axis_of(origin.tag)
            )
            for key, origin in origins.items()
        },
    )
    return labels.but(_errors_beside_a_loss(labels))


def _errors_beside_a_loss(labels: Labels) -> dict[str, Role]:
    """Return the error measures that are metrics, as something else is called the loss."""
    changed = {}
    for role in (Role.LOSS, Role.VALIDATION_LOSS):
        found = labels.with_role(role)
        errors = [label for label in found if is_error(label.origin.tag)]
        if len(errors) < len(found):
            changed.update({label.key: Role.METRIC for label in errors})
    return changed
