"""Who wins, and may it serve: decisions on plain values."""

import numpy as np
import pytest

from regressors.scoring import Difference
from regressors.selection import Contender, NothingFitted, decide, rank, verdict

RNG = np.random.default_rng(3)
NOISE = RNG.normal(size=400)


def chosen(places):
    return next(place.name for place in places if place.chosen)


def test_clearly_better_ann_wins():
    places = rank(
        [Contender("torch/least_squares", 2 * NOISE), Contender("torch/ann", NOISE)], spread=5
    )
    assert chosen(places) == "torch/ann"
    assert [place.name for place in places] == ["torch/ann", "torch/least_squares"]
    assert "lowest" in places[0].reason
    assert "more than one standard error" in places[1].reason


def test_simpler_kind_within_one_standard_error_wins():
    best = np.ones(400)
    close = np.tile([1.09, 0.91], 200)  # 0.0081 worse in mean square, standard error 0.0090
    places = rank([Contender("torch/least_squares", close), Contender("torch/ann", best)], spread=5)
    assert chosen(places) == "torch/least_squares"
    assert places[0].name == "torch/ann"
    assert "simplest kind" in places[1].reason


def test_tie_between_frameworks_goes_to_the_declared_order():
    tie = [Contender(f"{f}/least_squares", NOISE * (1 + e)) for f, e in
           (("tensorflow", 1e-15), ("torch", 0), ("theano", -1e-15))]  # fmt: skip
    assert chosen(rank(tie, spread=5)) == "tensorflow/least_squares"
    assert chosen(rank(tie[::-1], spread=5)) == "theano/least_squares"


def test_one_enormous_error_is_no_evidence_against_the_simpler_kind():
    worse, better = NOISE.copy(), 1.01 * NOISE
    worse[0] = 100.0
    places = rank(
        [Contender("torch/ann", better), Contender("torch/least_squares", worse)], spread=5
    )
    assert chosen(places) == "torch/least_squares"


def test_failed_candidate_is_last_with_its_reason():
    places = rank(
        [
            Contender("torch/ann", None, "no memory"),
            Contender("theano/ann", np.full(400, np.nan)),
            Contender("torch/least_squares", NOISE),
        ],
        spread=5,
    )
    assert [(p.rank, p.name) for p in places] == [
        (1, "torch/least_squares"),
        (2, "torch/ann"),
        (3, "theano/ann"),
    ]
    assert places[1].reason == "no memory"
    assert "not finite" in places[2].reason


def test_worse_than_the_mean_is_flagged_and_still_ranked():
    (place,) = rank([Contender("torch/ann", 10 * NOISE)], spread=1)
    assert place.no_skill
    assert place.chosen
    assert "no skill" in place.reason


def test_nothing_fitted_is_an_error_with_every_reason():
    with pytest.raises(NothingFitted, match="torch/ann: no memory"):
        rank([Contender("torch/ann", None, "no memory")], spread=1)


def test_all_equal_errors_choose_the_simplest():
    same = np.ones(30)
    places = rank([Contender("torch/ann", same), Contender("theano/least_squares", same)], spread=2)
    assert chosen(places) == "theano/least_squares"


def test_first_champion_is_promoted():
    decision = decide(1.0, None, names=("torch/ann", None))
    assert (decision.decision, decision.rule) == ("promoted", "first")


def test_challenger_serves_unless_it_is_worse():
    names = ("torch/ann", "theano/ann")
    assert decide(1.0, 1.0, names=names).decision == "promoted"
    assert decide(0.9, 1.0, names=names).gain == pytest.approx(1 - 0.81)
    worse = decide(1.1, 1.0, names=names)
    assert worse.decision == "kept"
    assert "goes on serving" in worse.reason


def test_declared_margins_are_for_a_switch_and_for_a_refresh():
    switch, refresh = ("torch/ann", "theano/ann"), ("torch/ann", "torch/ann")
    assert decide(0.995, 1.0, names=switch, min_gain=0.02).decision == "kept"
    assert decide(0.98, 1.0, names=switch, min_gain=0.02).decision == "promoted"
    assert decide(1.005, 1.0, names=refresh, min_gain=0.02, max_loss=0.02).decision == "promoted"
    assert decide(1.02, 1.0, names=refresh, max_loss=0.02).decision == "kept"


def test_incumbent_that_cannot_score_gives_way():
    decision = decide(
        1.0, None, names=("torch/ann", "theano/ann"), obstacle="the column 'age' is absent"
    )
    assert (decision.decision, decision.rule) == ("promoted", "incomparable")
    assert "'age'" in decision.reason


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (Difference(-2, -3, -1), "yay"),
        (Difference(2, 1, 3), "nay"),
        (Difference(-1, -3, 1), "undecided"),
        (None, "undecided"),
    ],
)
def test_verdict_follows_the_interval(difference, expected):
    assert verdict(difference) == expected


def test_rounding_between_frameworks_is_a_tie():
    worse = NOISE * (1 + 1e-7)  # its standard error is as small as the difference
    places = rank([Contender("tensorflow/ann", worse), Contender("torch/ann", NOISE)], spread=5)
    assert chosen(places) == "tensorflow/ann"
    assert "as good as torch/ann" in places[1].reason


def test_rounding_is_never_called_worse_by_more_than_a_standard_error():
    best, other = Contender("torch/ann", NOISE), Contender("theano/ann", NOISE * (1 + 1e-7))
    line = Contender("torch/least_squares", 1.001 * np.roll(NOISE, 1))
    for place in rank([best, other, line], spread=5):
        assert "more than one standard error" not in place.reason


def test_refused_refresh_tells_what_is_asked_without_a_sign_of_nothing():
    decision = decide(2.0, 1.0, names=("torch/ann", "torch/ann"))
    assert decision.decision == "kept"
    assert "and 0.00% is asked for" in decision.reason
