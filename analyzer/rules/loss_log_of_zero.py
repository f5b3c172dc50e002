"""The loss took the logarithm of a prediction that had become exactly 0 (or 1).

## What happened
A sigmoid or softmax grew so sure that a probability rounded to 0.0 or 1.0. A hand-written
cross-entropy then computed `log(0) = -inf`, or `0 * -inf = NaN` for the term that should have
vanished, and the gradient carried it into every weight. Keras's own cross-entropies recover the
logits or clip, so expect this in custom losses.

## How it is recognised
In the first bad step every input, target, weight and layer output was finite, the predictions lay
within 0 and 1, at least one was exactly 0 or exactly 1, and the loss was not finite: finite numbers
went into the loss and a non-finite one came out.

## What it cannot tell apart
A division by such a prediction breaks in the same place; so where a prediction of exactly 0 or 1
was harmless in an earlier step, or is ordinary (after a ReLU), the confidence stays below one half.
With predictions outside 0 and 1 the loss is no cross-entropy of probabilities, and this rule stays
silent.

## Fix
Compute the loss from logits: no activation on the last layer, and `from_logits=True`. Failing that,
clip the probabilities, in the loss's own dtype: `1 - 1e-8` is exactly 1.0 in float32.

## References
- Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 4.1.
"""

from __future__ import annotations

from typing import Final

from analyzer.evidence import NOT_FINITE, Case, Evidence, Moment, above, at_most
from analyzer.findings import Answer, CannotTell, Finding, RuledOut
from analyzer.rules._rule import Remedy, Rule
from tb_nan_plugin.signals import Phase, Signal

CAUSE: Final = "loss-log-of-zero"
NEEDED: Final = (Signal.PREDICTION_ZERO, Signal.PREDICTION_ONE)


def check(case: Case) -> Answer:
    """Look for predictions of exactly 0 or 1 in the step whose loss broke first."""
    trouble = case.trouble
    if trouble is None:
        return None
    if trouble.phase is not Phase.LOSS:
        if trouble.phase in (Phase.BACKWARD, Phase.UPDATE):
            return RuledOut(CAUSE, f"the loss of step {trouble.step} was still finite")
        return None
    moment = case.at(trouble.step)
    if missing := moment.lacks(NEEDED):
        return CannotTell(CAUSE, missing)
    edge = _at_the_edge(moment)
    if edge is None:
        return RuledOut(CAUSE, "no prediction was exactly 0 or 1 in a batch within 0 and 1")
    broke = moment.shows(
        Signal.LOSS,
        NOT_FINITE,
        because="it is the first thing in the step that is: all outputs of the model were finite",
    )
    if broke is None:
        return None
    summary = (
        f"In step {trouble.step} the predictions reached exactly "
        f"{0 if edge.signal == Signal.PREDICTION_ZERO.value else 1}, and the loss took a logarithm "
        "of 0: finite predictions went in, a loss that is not finite came out."
    )
    return Finding(CAUSE, trouble.step, _confidence(case, edge), "error", summary, (edge, broke))


def _confidence(case: Case, edge: Evidence) -> float:
    """Weigh what else such a step could be: zeros that were harmless before, or are ordinary."""
    if _is_builtin(case):
        return 0.4
    if _was_harmless_before(case, edge) or _nothing_but_zeros(case, edge):
        return 0.4
    return 0.95 if _gives_probabilities(case, edge.where) else 0.45


def _was_harmless_before(case: Case, edge: Evidence) -> bool:
    """Return whether an earlier step met the same edge with a finite loss."""
    series = case.health.series(Signal(edge.signal), edge.where)
    return series is not None and bool((series.before(edge.step).values > 0).any())


def _nothing_but_zeros(case: Case, edge: Evidence) -> bool:
    """Return whether predictions and targets were all 0: a ratio of sums is 0/0 there."""
    moment = case.at(edge.step)
    highest = moment.recorded(Signal.PREDICTION_MAX, edge.where)
    targets = [moment.recorded(Signal.TARGET_MAX, w) for w in case.health.places(Signal.TARGET_MAX)]
    return highest == 0 and all(target == 0 for target in targets)


def _gives_probabilities(case: Case, output: str) -> bool:
    """Return whether the output's activation gives probabilities, as far as it is known.

    Exact zeros are ordinary after a ReLU, and say nothing of a logarithm.
    """
    setup = case.health.setup
    where = setup.output_layers.get(output)
    if where is None:
        return True
    layer = setup.layer(where)
    return layer.activation in {"sigmoid", "softmax"} or not (layer.activation or layer.builtin)


def _at_the_edge(moment: Moment) -> Evidence | None:
    for where in moment.health.places(Signal.PREDICTION_ZERO):
        low = moment.shows(Signal.PREDICTION_MIN, above(-1e-9), where=where, because="")
        high = moment.shows(Signal.PREDICTION_MAX, at_most(1.0), where=where, because="")
        if low is None or high is None:
            continue
        for signal, number, other in (
            (Signal.PREDICTION_ZERO, 0, "log(0) is -Inf"),
            (Signal.PREDICTION_ONE, 1, "log(1 - 1) is -Inf"),
        ):
            fact = moment.shows(
                signal,
                above(0),
                where=where,
                because=f"so many predictions are exactly {number}, and {other}",
            )
            if fact is not None:
                return fact
    return None


def _is_builtin(case: Case) -> bool:
    losses = case.health.setup.losses
    return bool(losses) and all(loss.builtin for loss in losses)


RULE: Final = Rule(
    CAUSE,
    "loss",
    "The loss took the logarithm of 0",
    check,
    (
        Remedy(
            "Let the model return logits and the loss take them: it then never forms the logarithm "
            "of a rounded probability.",
            "outputs = keras.layers.Dense(classes)(hidden)  # no activation\n"
            "loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n"
            "# two classes: Dense(1) and keras.losses.BinaryCrossentropy(from_logits=True)",
        ),
        Remedy(
            "If the loss must be your own, keep the probabilities away from both ends.",
            "def loss(y_true, y_pred):\n"
            "    p = keras.ops.clip(y_pred, 1e-7, 1.0 - 1e-7)\n"
            "    ones, zeros = y_true * keras.ops.log(p), (1.0 - y_true) * keras.ops.log(1.0 - p)\n"
            "    return -keras.ops.mean(ones + zeros)",
        ),
    ),
)
