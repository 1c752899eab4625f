"""Who wins tonight? Candidates ranked by their out-of-fold errors."""

import numpy as np
import pytest

from regressors.candidate import Candidate
from regressors.judging.ranking import Contender, NothingRanked, rank

RNG = np.random.default_rng(3)
NOISE = RNG.normal(size=400)
ANN, OTHER_ANN = Candidate("torch", "ann"), Candidate("theano", "ann")
LINE = Candidate("torch", "least_squares")


def contender(candidate, errors, failure=None):
    return Contender(candidate, None if errors is None else lambda: errors, failure)


def chosen(ranking):
    return next(str(ranked.candidate) for ranked in ranking if ranked.chosen)


def test_clearly_better_ann_wins():
    ranking = rank([contender(LINE, 2 * NOISE), contender(ANN, NOISE)], spread=5)
    assert chosen(ranking) == "torch/ann"
    assert [ranked.candidate for ranked in ranking] == [ANN, LINE]
    assert "lowest" in ranking[0].reason
    assert ranking[1].reason == "1e+02% worse than the best"


def test_simpler_kind_whose_error_is_hardly_higher_wins():
    ranking = rank([contender(LINE, 1.0019 * NOISE), contender(ANN, NOISE)], spread=5)
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
    ranking = rank([contender(LINE, close), contender(ANN, better)], spread=5)
    assert chosen(ranking) == "torch/ann"


def test_a_few_rows_alone_are_not_evidence_against_the_simpler_kind():
    worse, better = NOISE.copy(), 1.01 * NOISE
    worse[0] = 100.0
    ranking = rank([contender(ANN, better), contender(LINE, worse)], spread=5)
    assert chosen(ranking) == "torch/least_squares"
    assert "not in most rows" in ranking[1].reason


def test_rows_of_one_unit_are_not_independent_evidence():
    """The line is worse in two of twenty units, which are within one standard error."""
    unit = np.repeat(np.arange(20), 20)
    line = np.where(unit < 2, 1.15, 0.99)
    contenders = [contender(LINE, line), contender(ANN, np.ones(400))]
    assert chosen(rank(contenders, spread=5)) == "torch/ann"
    assert chosen(rank(contenders, spread=5, unit=unit)) == "torch/least_squares"


DESCENT = Candidate("theano", "gradient_descent")


@pytest.mark.parametrize("higher", [1 + 5e-8, 1 + 1e-4, np.tile([1.2, 0.77], 200)])
def test_descent_is_not_chosen_over_least_squares_by_rounding_or_chance(higher):
    """In the last case the error is 0.8% higher, but by less than its standard error."""
    ones = np.ones(400)
    ranking = rank([contender(DESCENT, ones), contender(LINE, higher * ones)], spread=5)
    assert chosen(ranking) == "torch/least_squares"
    assert ranking[0].reason == "the same line as torch/least_squares, which is the exact one"
    assert "the exact one" in ranking[1].reason


def test_descent_that_is_surely_better_than_least_squares_is_chosen():
    ranking = rank([contender(DESCENT, NOISE), contender(LINE, 1.01 * NOISE)], spread=5)
    assert chosen(ranking) == "theano/gradient_descent"


def test_descent_without_least_squares_may_win():
    ranking = rank([contender(DESCENT, NOISE), contender(ANN, 1.001 * NOISE)], spread=5)
    assert chosen(ranking) == "theano/gradient_descent"


def test_exact_fits_are_ties_whatever_their_rounding():
    rounding = 1e-15 * NOISE
    contenders = [contender(LINE, 7 * rounding), contender(ANN, rounding)]
    assert chosen(rank(contenders, spread=1.0)) == "torch/least_squares"


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("spread", [5.0, np.nan, np.inf, 0.0])
def test_errors_that_are_not_finite_fail_their_candidate_and_nothing_else(broken, spread):
    spoilt = NOISE.copy()
    spoilt[7] = broken
    ranking = rank([contender(LINE, spoilt), contender(ANN, NOISE)], spread=spread)
    assert chosen(ranking) == "torch/ann"
    assert (ranking[1].candidate, ranking[1].rmse) == (LINE, None)
    assert ranking[1].reason == "its predictions are not finite"
    with pytest.raises(NothingRanked, match="not finite"):
        rank([contender(LINE, spoilt)], spread=spread)


def test_enormous_errors_are_ranked_without_an_overflow():
    ranking = rank([contender(LINE, 1e200 * NOISE), contender(ANN, 1e199 * NOISE)], spread=1e200)
    assert chosen(ranking) == "torch/ann"
    assert np.isfinite([entry.rmse for entry in ranking]).all()


def test_tie_between_frameworks_goes_to_the_declared_order():
    tie = [contender(Candidate.parse(f"{f}/least_squares"), NOISE * (1 + e)) for f, e in
           (("tensorflow", 1e-15), ("torch", 0), ("theano", -1e-15))]  # fmt: skip
    assert chosen(rank(tie, spread=5)) == "tensorflow/least_squares"
    assert chosen(rank(tie[::-1], spread=5)) == "theano/least_squares"


def test_failed_candidate_is_last_with_its_reason():
    ranking = rank(
        [
            contender(ANN, None, "no memory"),
            contender(OTHER_ANN, np.full(400, np.nan)),
            contender(LINE, NOISE),
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
    (ranked,) = rank([contender(ANN, 10 * NOISE)], spread=1)
    assert ranked.no_skill
    assert ranked.chosen
    assert "no skill" in ranked.reason


def test_nothing_fitted_is_an_error_with_every_reason():
    with pytest.raises(NothingRanked, match="torch/ann: no memory"):
        rank([contender(ANN, None, "no memory")], spread=1)


def test_all_equal_errors_choose_the_simplest():
    same = np.ones(30)
    ranking = rank(
        [contender(ANN, same), contender(Candidate.parse("theano/least_squares"), same)], spread=2
    )
    assert chosen(ranking) == "theano/least_squares"


def test_rounding_between_frameworks_is_a_tie():
    worse = NOISE * (1 + 1e-7)  # its standard error is as small as the difference
    ranking = rank(
        [contender(Candidate.parse("tensorflow/ann"), worse), contender(ANN, NOISE)], spread=5
    )
    assert chosen(ranking) == "tensorflow/ann"
    assert "as good as torch/ann" in ranking[1].reason


def test_rounding_is_never_called_worse():
    best, other = contender(ANN, NOISE), contender(OTHER_ANN, NOISE * (1 + 1e-7))
    line = contender(LINE, 1.1 * np.roll(NOISE, 1))
    reasons = [entry.reason for entry in rank([best, other, line], spread=5)]
    assert reasons[1] == "as good as torch/ann, which is declared first"
    assert "worse than the best" in reasons[2]
