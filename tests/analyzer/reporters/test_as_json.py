"""Whatever the numbers, the text is JSON, and every number comes back by value or by name."""

from __future__ import annotations

import json
from math import copysign, inf, isnan, nan
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.reporters.as_json import encode, finite

NAMES = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def strictly(text: str) -> Any:
    return json.loads(text, parse_constant=refuse)


@given(st.floats())
def test_every_float_comes_back_by_value_or_by_name(number: float) -> None:
    found = strictly(encode(number))
    number_again = NAMES[found] if isinstance(found, str) else found

    assert number_again == number or (isnan(number_again) and isnan(number))
    assert isnan(number) or copysign(1, number_again) == copysign(1, number)


@given(values)
def test_anything_made_of_plain_values_is_strict_json_of_the_same_shape(value: Any) -> None:
    found = strictly(encode(value))

    assert found == finite(value)
    assert strictly(encode(value, indent=2)) == found


@pytest.mark.parametrize(("number", "name"), [(nan, "NaN"), (inf, "Infinity"), (-inf, "-Infinity")])
def test_names(number: float, name: str) -> None:
    assert encode({"a": [number]}) == f'{{"a": ["{name}"]}}'
    assert encode(float(np.float32(number))) == f'"{name}"'
    assert encode(np.float64(number)) == f'"{name}"'


def test_tuples_are_lists_and_keys_are_text() -> None:
    assert strictly(encode({1: (1.5, (nan,))})) == {"1": [1.5, ["NaN"]]}


def test_text_that_looks_like_a_name_stays_text() -> None:
    assert finite("NaN") == "NaN"


def test_what_is_not_plain_is_refused_rather_than_guessed() -> None:
    with pytest.raises(TypeError):
        encode(object())
