"""Every case, family by family."""

from __future__ import annotations

from typing import Final

from tests.cases.case import Case
from tests.cases.data import DATA
from tests.cases.gradient import GRADIENT
from tests.cases.healthy import FINE
from tests.cases.loss import LOSS
from tests.cases.model import MODEL
from tests.cases.optimization import OPTIMIZATION
from tests.cases.precision import PRECISION
from tests.cases.state import STATE

ALL: Final[tuple[Case, ...]] = (
    *DATA.cases,
    *MODEL.cases,
    *LOSS.cases,
    *OPTIMIZATION.cases,
    *GRADIENT.cases,
    *PRECISION.cases,
    *STATE.cases,
    *FINE.cases,
)
