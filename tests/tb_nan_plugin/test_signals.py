"""Every name in the vocabulary means something, and stands where its cause stands."""

from __future__ import annotations

from tb_nan_plugin.signals import QUANTITIES, Phase, Signal


def test_every_signal_has_a_meaning_and_every_meaning_a_signal() -> None:
    assert set(QUANTITIES) == set(Signal)
    assert all(signal.quantity.meaning for signal in Signal)
    assert {s for s in Signal if s.quantity.kind} == {
        s for s in Signal if s.value.endswith(("_nan", "_posinf", "_neginf"))
    }


def test_signals_are_listed_in_causal_order() -> None:
    orders = [signal.quantity.phase.order for signal in Signal]

    assert orders == sorted(orders)
    assert [phase.value for phase in Phase][:7] == [
        "input", "target", "weights", "forward", "loss", "backward", "update",
    ]  # fmt: skip
