"""What a record says of its training comes from a file: it may be anything that JSON can hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.environment import Environment, Layer, Tensor
from analyzer.verdict import judge
from tests.analyzer.failures import FAILURES
from tests.analyzer.runs import case, environment

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = sorted(environment())


@given(raw=st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)))
def test_every_attribute_has_its_type_whatever_the_file_holds(raw: dict[str, Any]) -> None:
    setup = Environment(raw)

    assert all(isinstance(layer, Layer) for layer in (*setup.layers, setup.layer("dense (call 2)")))
    assert all(isinstance(loss.name, str) for loss in setup.losses)
    assert all(isinstance(call, str) for call in setup.output_layers.values())
    assert isinstance(setup.optimizer, str)
    assert 0 <= setup.momentum < 1
    assert isinstance(setup.dtype_policy, str)
    for role in ("inputs", "targets", "predictions"):
        assert all(isinstance(t, Tensor) for t in setup.tensors(role).values())
    assert all(isinstance(why, str) for why in setup.unobserved.values())


@pytest.mark.parametrize("cause", FAILURES)
@settings(max_examples=20)
@given(key=st.sampled_from(KEYS), value=JSON)
def test_no_rule_stumbles_over_a_fact_of_another_make(cause: str, key: str, value: Any) -> None:
    columns, *facts = FAILURES[cause]()

    verdict, findings = judge(case(columns, {**(facts[0] if facts else {}), key: value}))

    assert verdict is None or verdict.cause in {"unknown", *(f.cause for f in findings)}


def test_a_layer_call_is_found_by_its_path() -> None:
    setup = Environment(environment())

    assert setup.layer("dense (call 2)").activation == "relu"
    assert setup.layer("elsewhere") == Layer()


def test_an_optimizer_of_ones_own_counts_as_the_one_it_is_derived_from() -> None:
    described = {"class": "MySGD", "base": "SGD", "settings": {"momentum": 0.9}}
    setup = Environment(environment(optimizer=described))

    assert setup.optimizer == "SGD"
    assert setup.momentum == 0.9
