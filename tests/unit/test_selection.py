"""May tonight's winner serve? A decision on plain values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regressors.candidate import Candidate
from regressors.judging.paired import PairedGain, paired_gain
from regressors.judging.scoring import Difference
from regressors.judging.selection import (
    Hold,
    PromotionRules,
    decide,
    verdict,
)

RNG = np.random.default_rng(3)
NOISE = RNG.normal(size=400)
ANN, OTHER_ANN = Candidate("torch", "ann"), Candidate("theano", "ann")
LINE = Candidate("torch", "least_squares")
GONE = Candidate("mxnet", "ann"), Candidate("torch", "forest")


def gain(value, low, high, *, rows=300, units=None):
    return PairedGain(
        challenger_rmse=float(np.sqrt(1 - value)),
        incumbent_rmse=1.0,
        value=value,
        low=low,
        high=high,
        rows=rows,
        units=units or rows,
        confidence=0.95,
    )


BETTER, EQUAL, WORSE = gain(0.1, 0.05, 0.15), gain(0.0, -0.04, 0.04), gain(-0.1, -0.15, -0.05)
RULES = PromotionRules()


def outcomes(decisions):
    return [(d.challenger, d.decision, d.rule) for d in decisions]


def test_a_damaged_champion_gives_way_uncompared_unless_a_person_pinned_it():
    damage = "torch/ann of run 7 is damaged in the database: its bytes are missing"
    (decision,) = decide(LINE, ANN, {}, rules=RULES, obstacle=damage, damage=damage)
    assert outcomes([decision]) == [(LINE, "promoted", "damaged")]
    assert decision.reason == (
        "Tonight's torch/least_squares replaces torch/ann: torch/ann of run 7 is damaged in the"
        " database: its bytes are missing; it can neither serve nor be compared."
    )
    hold = Hold("pinned", "pinned by ann: an audit")
    (held,) = decide(LINE, ANN, {}, rules=RULES, obstacle=damage, damage=damage, hold=hold)
    assert outcomes([held]) == [(LINE, "kept", "pinned")]
    assert "otherwise tonight's torch/least_squares would have replaced it" in held.reason


def test_large_numbers_of_rows_and_units_are_written_with_separators():
    many = gain(0.1, 0.05, 0.15, rows=200_567, units=1_234)
    (decision,) = decide(ANN, LINE, {ANN: many}, rules=RULES)
    assert " on the same 200,567 rows in 1,234 units, a gain of " in decision.reason


def test_first_champion_is_promoted():
    (decision,) = decide(ANN, None, {}, rules=RULES)
    assert (decision.decision, decision.rule, decision.gain) == ("promoted", "first", None)
    assert decision.reason == "torch/ann is the first champion of this dataset."


@pytest.mark.parametrize("incumbent", [OTHER_ANN, LINE, *GONE])
def test_switch_must_surely_be_better(incumbent):
    """The last two are of a framework and of a kind that no longer exist."""
    assert outcomes(decide(ANN, incumbent, {ANN: BETTER}, rules=RULES)) == [
        (ANN, "promoted", "switch")
    ]
    for refused in (EQUAL, WORSE, gain(0.1, 0.0, 0.2), gain(0.0, 0.0, 0.0)):
        assert outcomes(decide(ANN, incumbent, {ANN: refused}, rules=RULES)) == [
            (ANN, "kept", "switch")
        ]


def test_refresh_serves_unless_it_is_surely_worse():
    for served in (BETTER, EQUAL, gain(-0.1, -0.2, 0.0), gain(0.0, 0.0, 0.0)):
        assert outcomes(decide(ANN, ANN, {ANN: served}, rules=RULES)) == [
            (ANN, "promoted", "refresh")
        ]
    assert outcomes(decide(ANN, ANN, {ANN: WORSE}, rules=RULES)) == [(ANN, "kept", "refresh")]


def test_a_refresh_that_changes_nothing_is_told_without_a_gain_of_nothing():
    (decision,) = decide(ANN, ANN, {ANN: gain(0.0, 0.0, 0.0)}, rules=RULES)
    assert decision.reason == (
        "Tonight's torch/ann replaces the current one: both have a test RMSE of 1, on the same 300"
        " rows; a refresh must not surely lose more than 0.00%."
    )


def test_switch_to_a_simpler_kind_is_judged_as_a_refresh():
    assert outcomes(decide(LINE, ANN, {LINE: EQUAL}, rules=RULES)) == [
        (LINE, "promoted", "refresh")
    ]
    (kept,) = decide(LINE, ANN, {LINE: WORSE}, rules=RULES)
    assert (kept.decision, kept.rule) == ("kept", "refresh")
    assert "a simpler kind must not surely lose more than 0.00%" in kept.reason


def test_refused_switch_is_followed_by_a_refresh_of_the_incumbents_own_candidate():
    both = decide(ANN, OTHER_ANN, {ANN: EQUAL, OTHER_ANN: EQUAL}, rules=RULES)
    assert outcomes(both) == [(ANN, "kept", "switch"), (OTHER_ANN, "promoted", "refresh")]
    both = decide(LINE, ANN, {LINE: WORSE, ANN: WORSE}, rules=RULES)
    assert outcomes(both) == [(LINE, "kept", "refresh"), (ANN, "kept", "refresh")]
    assert len(decide(ANN, OTHER_ANN, {ANN: BETTER, OTHER_ANN: EQUAL}, rules=RULES)) == 1


def test_declared_margins_are_for_a_switch_and_for_a_refresh():
    rules = PromotionRules(min_gain=0.06, max_loss=0.06)
    assert decide(ANN, OTHER_ANN, {ANN: BETTER}, rules=rules)[0].decision == "kept"
    assert decide(ANN, ANN, {ANN: WORSE}, rules=rules)[0].decision == "promoted"
    narrow = PromotionRules(min_gain=0.04, max_loss=0.04)
    assert decide(ANN, OTHER_ANN, {ANN: BETTER}, rules=narrow)[0].decision == "promoted"
    assert decide(ANN, ANN, {ANN: WORSE}, rules=narrow)[0].decision == "kept"


@pytest.mark.parametrize(("rows", "units"), [(1, 1), (29, 29), (300, 9)])
def test_too_few_rows_or_units_refuse_a_switch_and_let_a_refresh_serve(rows, units):
    few = gain(0.1, 0.05, 0.15, rows=rows, units=units)
    worse = gain(-0.05, -0.5, 0.4, rows=rows, units=units)
    for other in (OTHER_ANN, LINE):
        both = decide(ANN, other, {ANN: few, other: worse}, rules=RULES)
        assert outcomes(both) == [(ANN, "kept", "too_few"), (other, "promoted", "too_few")]
    assert outcomes(decide(LINE, ANN, {LINE: few}, rules=RULES)) == [(LINE, "kept", "too_few")]
    enough = gain(0.1, 0.05, 0.15, rows=30, units=10)
    assert decide(ANN, OTHER_ANN, {ANN: enough}, rules=RULES)[0].decision == "promoted"


def test_without_a_common_test_row_no_switch_is_made():
    (decision,) = decide(ANN, OTHER_ANN, {ANN: None}, rules=RULES)
    assert (decision.decision, decision.rule, decision.gain) == ("kept", "too_few", None)
    assert decide(ANN, ANN, {ANN: None}, rules=RULES)[0].decision == "promoted"
    both = decide(ANN, OTHER_ANN, {ANN: None, OTHER_ANN: None}, rules=RULES)
    assert outcomes(both) == [(ANN, "kept", "too_few"), (OTHER_ANN, "promoted", "too_few")]


def test_a_refresh_on_too_few_rows_must_not_lose_more_than_the_tolerance():
    loss = {ANN: gain(-0.10, -0.6, 0.2, rows=19, units=19)}
    (decision,) = decide(ANN, ANN, loss, rules=RULES)
    assert (decision.decision, decision.rule) == ("kept", "too_few")
    assert "a refresh on so few must not lose more than 5.00%" in decision.reason
    for rules in (PromotionRules(max_point_loss=0.1), PromotionRules(max_loss=0.1)):
        assert decide(ANN, ANN, loss, rules=rules)[0].decision == "promoted"


def test_incumbent_that_cannot_score_gives_way_only_if_that_is_explained():
    why = {"obstacle": "the column 'age' is absent"}
    (kept,) = decide(ANN, OTHER_ANN, {}, rules=RULES, **why)
    assert (kept.decision, kept.rule) == ("kept", "incomparable")
    assert "theano/ann cannot score tonight's rows (the column 'age' is absent)" in kept.reason
    assert "'nightfit promote'" in kept.reason
    (decision,) = decide(ANN, OTHER_ANN, {}, rules=RULES, explanation="ann has accepted it", **why)
    assert (decision.decision, decision.rule) == ("promoted", "incomparable")
    assert "(the column 'age' is absent), and ann has accepted it." in decision.reason


@pytest.mark.parametrize("rule", ["pinned", "backfill"])
def test_champion_on_hold_stays_and_the_reason_says_what_would_have_happened(rule):
    hold = Hold(rule, "somebody said so")
    (decision,) = decide(ANN, OTHER_ANN, {ANN: BETTER}, rules=RULES, hold=hold)
    assert (decision.decision, decision.rule, decision.gain) == ("kept", rule, BETTER)
    assert decision.reason.startswith(
        "theano/ann stays (somebody said so); otherwise tonight's torch/ann would have replaced it:"
    )
    (decision,) = decide(ANN, ANN, {ANN: WORSE}, rules=RULES, hold=hold)
    assert "would have been rejected" in decision.reason
    (decision,) = decide(ANN, OTHER_ANN, {}, rules=RULES, obstacle="no age", hold=hold)
    assert (decision.decision, decision.rule) == ("kept", rule)
    assert "no age" in decision.reason


def test_reason_is_one_sentence_with_every_figure():
    rules = PromotionRules(min_gain=0.02, confidence=0.95)
    (decision,) = decide(ANN, OTHER_ANN, {ANN: gain(0.1, 0.05, 0.15, units=20)}, rules=rules)
    assert decision.reason == (
        "Tonight's torch/ann replaces theano/ann: test RMSE 0.948683 against 1 on the same "
        "300 rows in 20 units, a gain of 10.00% (5.00% to 15.00%, each end with 95% confidence); "
        "a switch must surely gain more than 2.00%."
    )
    (decision,) = decide(ANN, ANN, {ANN: WORSE}, rules=rules)
    assert decision.reason.startswith("The current torch/ann stays; tonight's refit was rejected:")


def test_reason_never_shows_a_negative_zero():
    nothing = gain(-1e-9, -1e-8, -1e-9)
    for rules in (PromotionRules(), PromotionRules(min_gain=-1e-9, max_loss=-0.0)):
        for incumbent in (ANN, OTHER_ANN):
            assert "-0.00%" not in decide(ANN, incumbent, {ANN: nothing}, rules=rules)[0].reason


def test_errors_equal_up_to_rounding_neither_switch_nor_refuse():
    assert not serves(ANN, OTHER_ANN, (1 - 1e-12) * NOISE, NOISE)
    assert serves(ANN, ANN, (1 + 1e-12) * NOISE, NOISE)
    assert not serves(ANN, OTHER_ANN, np.zeros(400), np.zeros(400))
    assert serves(ANN, ANN, np.zeros(400), np.zeros(400))


@pytest.mark.parametrize("size", [1e3, 1e9, 1e100])
def test_one_enormous_error_is_not_evidence_for_either_model(size):
    spoilt = NOISE.copy()
    spoilt[0] = size
    assert not serves(ANN, OTHER_ANN, NOISE, spoilt)
    assert serves(ANN, ANN, spoilt, NOISE)


def test_model_without_error_beats_one_that_errs_on_five_rows():
    erring = np.zeros(400)
    erring[:4] = 1.0
    assert not serves(ANN, OTHER_ANN, np.zeros(400), erring)
    assert serves(ANN, ANN, erring, np.zeros(400))
    erring[4] = -2.0
    assert serves(ANN, OTHER_ANN, np.zeros(400), erring)
    assert not serves(ANN, ANN, erring, np.zeros(400))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 90), st.booleans(), st.sampled_from([OTHER_ANN, LINE]))
def test_decision_does_not_depend_on_the_order_of_rows(seed, rows, grouped, other):
    rng = np.random.default_rng(seed)
    errors, other_errors = rng.standard_t(3, (2, rows)) * [[0.6], [1]]
    unit = rng.integers(0, 40, rows) if grouped else None
    order = rng.permutation(rows)

    def decided(rows):
        labels = None if unit is None else unit[rows]
        measured = paired_gain(errors[rows], other_errors[rows], confidence=0.95, unit=labels)
        return decide(ANN, other, {ANN: measured, other: measured}, rules=RULES)

    assert decided(np.arange(rows)) == decided(order)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    seed=st.integers(0, 2**32),
    shape=st.sampled_from(["normal", "t4", "equal"]),
    least=st.floats(0.02, 0.9),
    rows=st.integers(300, 320),
    other=st.sampled_from([OTHER_ANN, LINE, Candidate("mxnet", "forest")]),
)
def test_better_on_every_row_always_wins_and_the_reverse_never_does(
    seed, shape, least, rows, other
):
    rng = np.random.default_rng(seed)
    worse = {
        "normal": rng.standard_normal(rows),
        "t4": rng.standard_t(4, rows),
        "equal": np.ones(rows),
    }[shape]
    better = worse * rng.uniform(0, 1 - least, rows)
    for pair, decision in (((better, worse), "promoted"), ((worse, better), "kept")):
        measured = {ANN: paired_gain(*pair, confidence=0.95)}
        for incumbent in (other, ANN):
            assert decide(ANN, incumbent, measured, rules=RULES)[0].decision == decision


def serves(challenger, incumbent, errors, other_errors, unit=None):
    measured = paired_gain(errors, other_errors, confidence=RULES.confidence, unit=unit)
    decisions = decide(challenger, incumbent, {challenger: measured}, rules=RULES)
    return decisions[0].decision == "promoted"


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (Difference(-2, -3, -1), "yay"),
        (Difference(2, 1, 3), "nay"),
        (Difference(-1, -3, 1), "undecided"),
        (None, "undecided"),
        (Difference(np.nan, np.nan, np.nan), "undecided"),
    ],
)
def test_verdict_follows_the_interval(difference, expected):
    assert verdict(difference) == expected


def test_last_reason_ends_with_what_was_compared():
    basis = "Of these rows, torch/ann of run 3 predicted 300 in its own test."
    decisions = decide(OTHER_ANN, ANN, {OTHER_ANN: EQUAL, ANN: WORSE}, rules=RULES, basis=basis)
    assert [d.reason.endswith(basis) for d in decisions] == [False, True]
    (none,) = decide(ANN, ANN, {ANN: None}, rules=RULES, basis=basis)
    assert none.reason.endswith(f"no test row is new to both models. {basis}")
