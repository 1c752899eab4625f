"""The power of the gate, against simulation and in cases with a known answer."""

import numpy as np
import pytest

from regressors.judging.gate import gate_power, smallest_gain
from regressors.judging.paired import Sums, gains
from regressors.judging.selection import PromotionRules

RULES = PromotionRules()
RNG = np.random.default_rng(4)


def pair(rows, nights=None, rng=RNG):
    """Return errors (2, rows), or (2, nights, rows), of two models that correlate by 0.9."""
    size = (3, rows) if nights is None else (3, nights, rows)
    shared, first, second = rng.normal(size=size)
    return np.sqrt(0.9) * shared + np.sqrt(0.1) * np.stack([first, second])


def test_smallest_gain_is_detected_four_times_out_of_five():
    rows, rng = 300, np.random.default_rng(2)
    least = smallest_gain(*pair(20_000, rng=rng)[:, :rows], rules=RULES)
    exact = smallest_gain(*pair(20_000, rng=rng), rules=RULES)
    at_300 = 1 - np.exp(np.log(1 - exact) * np.sqrt(20_000 / rows))
    assert least == pytest.approx(at_300, rel=0.15)
    challenger, incumbent = np.square(pair(rows, 1000, rng))
    nights = Sums((1 - at_300) * challenger, incumbent, rows)
    switches = [night.low > 0 for night in gains(nights, confidence=0.95, resamples=2000)]
    assert np.mean(switches) == pytest.approx(0.8, abs=0.04)


def test_smallest_gain_is_above_the_required_one():
    errors = pair(300)
    plain, required = (
        smallest_gain(*errors, rules=PromotionRules(min_gain=gain)) for gain in (0, 0.1)
    )
    assert 1 - required == pytest.approx((1 - 0.1) * (1 - plain))


@pytest.mark.parametrize("unit", [None, np.arange(300) // 3])
def test_simulated_gate_keeps_its_rate_of_error_and_rejects_worse_models(unit):
    power = gate_power(*pair(300, rng=np.random.default_rng(3)), rules=RULES, unit=unit)
    assert (power.rows, power.units) == (300, 300 if unit is None else 100)
    assert power.switch_to_equal == pytest.approx(0.05, abs=0.03)
    assert power.switch_to_worse < 0.01
    assert 0.2 < power.refresh_to_worse < 0.6


def test_simulation_ignores_how_much_the_models_differ():
    challenger, incumbent = pair(300)
    here, there = (gate_power(f * challenger, incumbent, rules=RULES) for f in (1, 3))
    assert here.smallest_gain == pytest.approx(there.smallest_gain)
    assert here.switch_to_equal == pytest.approx(there.switch_to_equal, abs=0.04)
    assert here.refresh_to_worse == pytest.approx(there.refresh_to_worse, abs=0.09)


def test_simulated_models_are_equal_even_if_the_errors_of_one_are_rare_and_large():
    rng = np.random.default_rng(1)
    shared, often, rare = rng.normal(size=(3, 300))
    rare *= np.where(rng.random(300) < 0.05, np.sqrt(20), 0)
    spread, spiky = shared + 0.3 * often, shared + 0.3 * rare
    for errors in ((spread, spiky), (spiky, spread)):
        assert gate_power(*errors, rules=RULES).switch_to_equal < 0.07


def test_more_rows_give_more_power_even_if_units_are_pooled():
    few, many, most = (
        gate_power(*pair(rows), rules=RULES, nights=200) for rows in (100, 1_000, 20_000)
    )
    assert few.smallest_gain > many.smallest_gain > most.smallest_gain
    assert few.refresh_to_worse > many.refresh_to_worse > most.refresh_to_worse == 0
    assert most.units == 20_000
    assert most.switch_to_equal == pytest.approx(0.05, abs=0.04)


def test_order_of_rows_changes_nothing():
    errors, order = pair(200), RNG.permutation(200)
    assert gate_power(*errors, rules=RULES, nights=50) == gate_power(
        *errors[:, order], rules=RULES, nights=50
    )


@pytest.mark.parametrize("unit", [None, np.zeros(29, dtype=int)])
def test_gate_has_no_power_with_too_few_rows(unit):
    errors = pair(29)
    assert smallest_gain(*errors, rules=RULES, unit=unit) is None
    power = gate_power(*errors, rules=RULES, unit=unit)
    assert (power.smallest_gain, power.switch_to_equal, power.refresh_to_worse) == (
        None,
        None,
        None,
    )


def test_gate_has_no_power_with_too_few_units():
    assert smallest_gain(*pair(300), rules=RULES, unit=np.arange(300) % 9) is None
    assert smallest_gain(*pair(300), rules=RULES, unit=np.arange(300) % 10) is not None


def test_gate_detects_any_gain_between_models_with_the_same_errors():
    errors = pair(100)[0]
    power = gate_power(errors, errors, rules=RULES, nights=20)
    assert (power.smallest_gain, power.switch_to_equal, power.refresh_to_worse) == (0, 0, 0)


def test_gate_has_no_power_against_a_model_without_error():
    power = gate_power(np.zeros(100), pair(100)[0], rules=RULES)
    assert (power.smallest_gain, power.switch_to_equal, power.switch_to_worse) == (None, None, None)
