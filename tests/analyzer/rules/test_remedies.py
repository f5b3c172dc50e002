"""Every snippet that a remedy offers runs, as it is, where its names mean what they say."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from analyzer import rules
from analyzer.rules import Remedy

ROWS = 32
SNIPPETS = [
    pytest.param(remedy, id=f"{rule.cause} {number}")
    for rule in rules.ALL
    for number, remedy in enumerate(rule.remedies, start=1)
    if remedy.code is not None
]


def surroundings() -> dict[str, Any]:
    """What a reader has at hand: data, a compiled model, layers, a loss, some tensors."""
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, 4)).astype(np.float32)
    y = random.normal(size=(ROWS, 1)).astype(np.float32)
    hidden = keras.Input((64,))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error")
    return {
        "keras": keras,
        "np": np,
        "x": x,
        "y": y,
        "x_train": x,
        "y_train": y,
        "x_val": x,
        "y_val": y,
        "raw": np.abs(x),
        "logits": x,
        "squared": x * x,
        "model": model,
        "layers": [keras.layers.Dense(1)],
        "block": keras.layers.Dense(64),
        "hidden": hidden,
        "loss": "mean_squared_error",
        "classes": 3,
    }


def meaning_of(code: str) -> str:
    """A snippet that returns is the body of a function; any other is a program."""
    tree = ast.parse(f"def f():\n{indented(code)}")
    returns = any(isinstance(node, ast.Return) for node in tree.body[0].body)  # type: ignore[attr-defined]
    return f"def f():\n{indented(code)}\nf()" if returns else code


def indented(code: str) -> str:
    return "\n".join(f"    {line}" for line in code.splitlines())


@pytest.mark.parametrize("remedy", SNIPPETS)
def test_the_snippet_runs(remedy: Remedy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert remedy.code is not None
    monkeypatch.chdir(tmp_path)
    before = keras.mixed_precision.dtype_policy()
    names = surroundings()
    if "block(x)" in remedy.code:
        names["x"] = names["hidden"]
    if "UnitNormalization" in remedy.code:
        names["x"] = names["hidden"]
    try:
        exec(compile(meaning_of(remedy.code), "<remedy>", "exec"), names)
        for own in ("loss", "dice", "overlap"):
            if callable(names.get(own)) and f"def {own}(" in remedy.code:
                found = names[own](
                    np.full((4, 1), 0.5, np.float32), np.full((4, 1), 0.4, np.float32)
                )
                assert np.isfinite(float(found))
    finally:
        keras.mixed_precision.set_dtype_policy(before)
