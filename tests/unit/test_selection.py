"""Who wins, and may it serve? Decisions on plain values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regressors.candidate import Candidate
from regressors.judging.paired import PairedGain, paired_gain
from regressors.judging.scoring import Difference
from regressors.judging.selection import (
    Contender,
    Hold,
    NothingFitted,
    PromotionRules,
    decide,
    rank,
    verdict,
)

RNG = np.random.default_rng(3)
NOISE = RNG.normal(size=400)
ANN, OTHER_ANN = Candidate("torch", "ann"), Candidate("theano", "ann")
LINE = Candidate("torch", "least_squares")
GONE = Candidate("mxnet", "ann"), Candidate("torch", "forest")


def chosen(ranking):
    return next(str(ranked.candidate) for ranked in ranking if ranked.chosen)


def test_clearly_better_ann_wins():
    ranking = rank([Contender(LINE, 2 * NOISE), Contender(ANN, NOISE)], spread=5)
    assert chosen(ranking) == "torch/ann"
    assert [ranked.candidate for ranked in ranking] == [ANN, LINE]
    assert "lowest" in ranking[0].reason
    assert ranking[1].reason == "1e+02% worse than the best"


def test_simpler_kind_whose_error_is_hardly_higher_wins():
    ranking = rank([Contender(LINE, 1.0019 * NOISE), Contender(ANN, NOISE)], spread=5)
    assert chosen(ranking) == "torch/least_squares"
    assert ranking[0].candidate == ANN
    assert ranking[0].reason == (
        "the lowest error, but least_squares is simpler and nearly as good"
    )
    assert ranking[1].reason == (
        "chosen: the simplest kind that is nearly as good as the best (torch/ann, with an error"
        " that is 0.19% lower)"
    )


def test_lower_error_in_most_rows_wins_without_being_surely_lower():
    """The line's squared errors are 0.0081 higher in the mean, of a standard error of 0.0090."""
    close = np.tile([1.09, 0.91], 200)
    better = np.where(np.arange(400) < 210, 0.999 * np.abs(close), 1.0)
    ranking = rank([Contender(LINE, close), Contender(ANN, better)], spread=5)
    assert chosen(ranking) == "torch/ann"


def test_a_few_rows_alone_are_not_evidence_against_the_simpler_kind():
    worse, better = NOISE.copy(), 1.01 * NOISE
    worse[0] = 100.0
    ranking = rank([Contender(ANN, better), Contender(LINE, worse)], spread=5)
    assert chosen(ranking) == "torch/least_squares"
    assert "not in most rows" in ranking[1].reason


def test_rows_of_one_unit_are_not_independent_evidence():
    """The line is worse in two of twenty units, which are within one standard error."""
    unit = np.repeat(np.arange(20), 20)
    line = np.where(unit < 2, 1.15, 0.99)
    contenders = [Contender(LINE, line), Contender(ANN, np.ones(400))]
    assert chosen(rank(contenders, spread=5)) == "torch/ann"
    assert chosen(rank(contenders, spread=5, unit=unit)) == "torch/least_squares"


DESCENT = Candidate("theano", "gradient_descent")


@pytest.mark.parametrize("higher", [1 + 5e-8, 1 + 1e-4, np.tile([1.2, 0.77], 200)])
def test_descent_is_not_chosen_over_least_squares_by_rounding_or_chance(higher):
    """In the last case the error is 0.8% higher, but by less than its standard error."""
    ones = np.ones(400)
    ranking = rank([Contender(DESCENT, ones), Contender(LINE, higher * ones)], spread=5)
    assert chosen(ranking) == "torch/least_squares"
    assert ranking[0].reason == "the same line as torch/least_squares, which is the exact one"
    assert "the exact one" in ranking[1].reason


def test_descent_that_is_surely_better_than_least_squares_is_chosen():
    ranking = rank([Contender(DESCENT, NOISE), Contender(LINE, 1.01 * NOISE)], spread=5)
    assert chosen(ranking) == "theano/gradient_descent"


def test_descent_without_least_squares_may_win():
    ranking = rank([Contender(DESCENT, NOISE), Contender(ANN, 1.001 * NOISE)], spread=5)
    assert chosen(ranking) == "theano/gradient_descent"


def test_exact_fits_are_ties_whatever_their_rounding():
    rounding = 1e-15 * NOISE
    contenders = [Contender(LINE, 7 * rounding), Contender(ANN, rounding)]
    assert chosen(rank(contenders, spread=1.0)) == "torch/least_squares"


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("spread", [5.0, np.nan, np.inf, 0.0])
def test_errors_that_are_not_finite_fail_their_candidate_and_nothing_else(broken, spread):
    spoilt = NOISE.copy()
    spoilt[7] = broken
    ranking = rank([Contender(LINE, spoilt), Contender(ANN, NOISE)], spread=spread)
    assert chosen(ranking) == "torch/ann"
    assert (ranking[1].candidate, ranking[1].rmse) == (LINE, None)
    assert ranking[1].reason == "its predictions are not finite"
    with pytest.raises(NothingFitted, match="not finite"):
        rank([Contender(LINE, spoilt)], spread=spread)


def test_enormous_errors_are_ranked_without_an_overflow():
    ranking = rank([Contender(LINE, 1e200 * NOISE), Contender(ANN, 1e199 * NOISE)], spread=1e200)
    assert chosen(ranking) == "torch/ann"
    assert np.isfinite([entry.rmse for entry in ranking]).all()


def test_tie_between_frameworks_goes_to_the_declared_order():
    tie = [Contender(Candidate.parse(f"{f}/least_squares"), NOISE * (1 + e)) for f, e in
           (("tensorflow", 1e-15), ("torch", 0), ("theano", -1e-15))]  # fmt: skip
    assert chosen(rank(tie, spread=5)) == "tensorflow/least_squares"
    assert chosen(rank(tie[::-1], spread=5)) == "theano/least_squares"


def test_failed_candidate_is_last_with_its_reason():
    ranking = rank(
        [
            Contender(ANN, None, "no memory"),
            Contender(OTHER_ANN, np.full(400, np.nan)),
            Contender(LINE, NOISE),
        ],
        spread=5,
    )
    assert [(r.rank, r.candidate) for r in ranking] == [
        (1, LINE),
        (2, ANN),
        (3, OTHER_ANN),
    ]
    assert ranking[1].reason == "no memory"
    assert "not finite" in ranking[2].reason


def test_worse_than_the_mean_is_flagged_and_still_ranked():
    (ranked,) = rank([Contender(ANN, 10 * NOISE)], spread=1)
    assert ranked.no_skill
    assert ranked.chosen
    assert "no skill" in ranked.reason


def test_nothing_fitted_is_an_error_with_every_reason():
    with pytest.raises(NothingFitted, match="torch/ann: no memory"):
        rank([Contender(ANN, None, "no memory")], spread=1)


def test_all_equal_errors_choose_the_simplest():
    same = np.ones(30)
    ranking = rank(
        [Contender(ANN, same), Contender(Candidate.parse("theano/least_squares"), same)], spread=2
    )
    assert chosen(ranking) == "theano/least_squares"


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


def test_rounding_between_frameworks_is_a_tie():
    worse = NOISE * (1 + 1e-7)  # its standard error is as small as the difference
    ranking = rank(
        [Contender(Candidate.parse("tensorflow/ann"), worse), Contender(ANN, NOISE)], spread=5
    )
    assert chosen(ranking) == "tensorflow/ann"
    assert "as good as torch/ann" in ranking[1].reason


def test_rounding_is_never_called_worse():
    best, other = Contender(ANN, NOISE), Contender(OTHER_ANN, NOISE * (1 + 1e-7))
    line = Contender(LINE, 1.1 * np.roll(NOISE, 1))
    reasons = [entry.reason for entry in rank([best, other, line], spread=5)]
    assert reasons[1] == "as good as torch/ann, which is declared first"
    assert "worse than the best" in reasons[2]
