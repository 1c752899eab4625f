"""What serves each segment after a night, what is stored of it, and what a reader is told."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tasks.route
from data.declarations.model import Declaration
from data.texts import Texts
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging.selection import PromotionRules
from regressors.segments.texts import Segments
from tasks.run.routing import Moves, Routing, SegmentErrors, Standing
from tasks.run.rows import Rows
from tasks.run.segment_record import segment_columns, segment_decisions
from tasks.run.segment_summary import segment_figures, segment_warnings

POOLED = Candidate("torch", "least_squares")
OWN = Candidate("torch", "segment_least_squares")
DESCENT = Candidate("torch", "segment_gradient_descent")
NAMES = ("equal", "other", "small", "tests")
ROWS = {"equal": (80, 40), "other": (80, 40), "small": (20, 2), "tests": (0, 5)}
"""Training and test rows of each segment; the line of its own is better in "other" alone."""


class Night:
    """A night with two candidates, and four segments."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        train = np.repeat(np.arange(4), [ROWS[name][0] for name in NAMES])
        test = np.repeat(np.arange(4), [ROWS[name][1] for name in NAMES])
        codes = np.concatenate([train, test, [-1]])
        is_train = np.arange(len(codes)) < len(train)
        is_new = np.arange(len(codes)) == len(codes) - 1
        self.choice = SimpleNamespace(
            is_backfill=False,
            kept=None,
            reported=POOLED,
            rules=PromotionRules(),
            champion=str(POOLED),
        )
        self.prepared = SimpleNamespace(
            declaration=Declaration.model_validate(
                {
                    "name": "shops",
                    "source": {"path": "/s.csv"},
                    "key": "id",
                    "target": "y",
                    "segment": "shop",
                }
            ),
            segments=Segments(np.array(NAMES, dtype=object), codes),
            is_train=is_train,
            is_labelled=~is_new,
            is_test=~is_train & ~is_new,
            train=_rows(rng, len(train)),
            test=_rows(rng, len(test)),
            train_fold=np.ones(len(train), dtype=int),
        )
        self.fits, self.rolled = {}, {}
        of_train, of_test = rng.normal(size=len(train)), rng.normal(size=len(test))
        for candidate, scale in ((POOLED, (1, 4, 4, 4)), (OWN, (1, 1, 1, 1))):
            factor = np.array(scale, dtype=float)
            own = factor[train] * of_train + 0.2 * rng.normal(size=len(train))
            self.fits[candidate] = _fitted(self.prepared.train.target - own)
            own = factor[test] * of_test + 0.2 * rng.normal(size=len(test))
            self.rolled[candidate] = SimpleNamespace(predicted=self.prepared.test.target - own)
        self.standing: dict[str, Any] = {
            "segment": (),
            "kind": (),
            "pinned": (),
            "latest_decision": None,
        }

    def routed(self, monkeypatch):
        """Return the routing of the night."""
        stored = SimpleNamespace(**self.standing)
        monkeypatch.setattr(tasks.route, "segment_routes", lambda *_, **__: stored)
        ranking = SimpleNamespace(for_segments=(*self.fits,))
        store = SimpleNamespace(read=lambda function: function(None))
        args = (self.prepared, self.fits, ranking, self.rolled, self.choice, store)
        return tasks.route.route.fn(*args)

    def served_before(self, **kinds):
        """Let segments have been served by these kinds."""
        pinned = tuple(False for _ in kinds)
        self.standing |= {"segment": (*kinds,), "kind": (*kinds.values(),), "pinned": pinned}


def _rows(rng: np.random.Generator, count: int) -> Rows:
    return Rows(Texts.of([str(i) for i in range(count)]), {}, 5 * rng.normal(size=count))


def _fitted(out_of_fold: np.ndarray | None, own: tuple[str, ...] = NAMES[:3]) -> Fitted:
    names = np.array(sorted(own), dtype=object)
    segments = SimpleNamespace(names=names, own=np.ones(len(names), dtype=bool))
    return Fitted(None, out_of_fold, (), {}, segments=segments)


@pytest.fixture
def night():
    return Night()


def test_only_the_segment_for_which_it_surely_pays_leaves_the_champion(night, monkeypatch):
    routing = night.routed(monkeypatch)
    assert [routing.model_of(i) for i in range(4)] == [None, OWN, None, None]
    assert routing.moved.tolist() == [False, True, False, False]
    assert routing.candidates == (OWN,)
    reasons = dict(zip(NAMES, routing.reason, strict=True))
    assert reasons["equal"] == "the champion serves: no other model is surely better"
    assert reasons["other"].startswith("its own line is surely better: an out-of-fold gain of 9")
    assert reasons["small"] == "the champion serves: it has 20 training rows, and 30 are needed"
    assert reasons["tests"] == "the champion serves: it has test rows only"


def test_errors_of_a_segment_are_those_of_what_serves_it(night, monkeypatch):
    routing = night.routed(monkeypatch)
    errors = routing.errors
    assert errors.rows.tolist() == [120, 120, 22, 5]
    assert errors.rows_test.tolist() == [40, 40, 2, 5]
    assert errors.validation[1] < 2 < errors.champion_validation[1]
    assert errors.validation[0] == errors.champion_validation[0]
    assert np.isnan(errors.validation[3])
    assert errors.test[3] == errors.champion_test[3]


def test_route_of_before_is_kept_as_a_refit_of_the_same_group_of_kinds(night, monkeypatch):
    night.served_before(equal=DESCENT.kind)
    routing = night.routed(monkeypatch)
    assert routing.model_of(0) == OWN
    assert not routing.moved[0]
    assert routing.reason[0] == "its own line serves: no other model is surely better"


def test_segment_whose_own_fit_is_missing_returns_to_the_champion_and_says_so(night, monkeypatch):
    night.served_before(other=OWN.kind)
    night.fits[OWN] = replace(night.fits[OWN], segments=_fitted(None, ("equal",)).segments)
    routing = night.routed(monkeypatch)
    assert routing.model_of(1) is None
    assert routing.moved.tolist() == [False, True, False, False]
    (decision,) = segment_decisions(routing, 0.95)
    assert (decision.decision, decision.model, decision.rule) == ("returned", None, "returned")
    assert "its own line could not be fitted tonight" in decision.reason


def test_refit_that_fails_leaves_its_segments_to_the_champion(night, monkeypatch):
    routing = night.routed(monkeypatch)
    for refit in ("out of memory", _fitted(None, ("equal",))):
        failed = routing.with_refits({OWN: refit})
        assert failed.candidates == ()
        assert failed.errors.validation[1] == failed.errors.champion_validation[1]
        assert failed.reason[1].startswith("the champion serves in place of its own line: ")
    assert routing.with_refits({OWN: _fitted(None)}).candidates == (OWN,)


def test_pinned_segment_keeps_its_route_though_the_champion_is_better(night, monkeypatch):
    night.fits[OWN].out_of_fold[:] = 100.0
    night.served_before(equal=OWN.kind, other=OWN.kind)
    night.standing["pinned"] = (True, False)
    routing = night.routed(monkeypatch)
    assert [routing.model_of(0), routing.model_of(1)] == [OWN, OWN]
    night.rolled[OWN].predicted[:] = 100.0  # test rows are enough there to say so
    routing = night.routed(monkeypatch)
    assert [routing.model_of(0), routing.model_of(1)] == [OWN, None]
    assert routing.reason[0] == "its own line is pinned"


def test_champion_stands_in_for_a_pinned_route_that_has_no_model_tonight(night, monkeypatch):
    night.served_before(equal="ann", other=OWN.kind)
    night.standing["pinned"] = (True, True)
    night.fits[OWN] = replace(night.fits[OWN], segments=_fitted(None, ("equal",)).segments)
    routing = night.routed(monkeypatch)
    assert routing.candidates == ()
    assert not routing.moved.any()
    assert (
        routing.reason[0] == "the champion serves: no candidate for the network was fitted tonight"
    )
    assert "its own line could not be fitted tonight" in routing.reason[1]


def test_nothing_moves_where_the_champion_is_pinned_or_was_not_fitted_tonight(night, monkeypatch):
    serving = SimpleNamespace(name_and_run="torch/ann of run 1", pinned=False)
    night.choice.kept = SimpleNamespace(
        candidate=Candidate("torch", "ann"), serving=serving, is_comparable=False
    )
    routing = night.routed(monkeypatch)
    assert routing.candidates == ()
    assert "torch/ann of run 1 serves, and none of its kind was fitted tonight" in routing.reason[1]
    night.choice.kept.candidate = POOLED
    assert night.routed(monkeypatch).candidates == (OWN,)
    serving.pinned = True
    assert night.routed(monkeypatch).candidates == ()


def test_kept_champion_is_compared_on_test_rows_that_are_new_to_it(night, monkeypatch):
    test = night.prepared.test.target
    serving = SimpleNamespace(name_and_run="torch/least_squares of run 1", pinned=False)
    compared = np.ones(len(test), dtype=bool)
    compared[:40] = False
    night.choice.kept = SimpleNamespace(
        candidate=POOLED,
        serving=serving,
        is_comparable=True,
        compared=compared,
        predicted=np.where(compared, test - 0.5, np.nan),
    )
    routing = night.routed(monkeypatch)
    assert np.isnan(routing.errors.champion_test[0])
    assert routing.errors.champion_test[1] == pytest.approx(0.5)
    assert routing.model_of(1) is None  # the test rows contradict
    assert "stays: its own line has an out-of-fold gain of 9" in routing.reason[1]


def test_backfill_decides_nothing_about_segments(night, monkeypatch):
    night.choice.is_backfill = True
    assert night.routed(monkeypatch) is None


def test_what_is_stored_names_the_model_of_each_segment(night, monkeypatch):
    routing = night.routed(monkeypatch)
    stored = segment_columns(routing)
    assert list(stored.segment) == list(NAMES)
    assert stored.model == [None, "torch/segment_least_squares", None, None]
    (decision,) = segment_decisions(routing, 0.95)
    assert (decision.segment, decision.decision, decision.rule) == ("other", "promoted", "first")
    assert (decision.rows, decision.confidence) == (40, 0.95)  # test rows that are enough
    assert 0.8 < decision.gain_low < decision.gain < decision.gain_high < 1


def test_summary_says_what_serves_how_many_the_worst_and_the_moves(night, monkeypatch):
    routing = night.routed(monkeypatch)
    words, moved, worst = segment_figures(routing, "torch/least_squares").lines()
    assert words == (
        "of 4 segments, 3 are served by the champion (torch/least_squares; 2 of these have too few"
        " rows to be compared), 1 by its own line (torch/segment_least_squares)"
    )
    assert re.fullmatch(
        r"1 moved tonight to torch/segment_least_squares, because its own line is surely better"
        r" than the champion; out-of-fold gains: other 9\d\.\d% \([89]\d\.\d% to 9\d\.\d%\)",
        moved,
    )
    assert worst.startswith("largest out-of-fold RMSE: ")
    assert re.search(r"other: 0\.\d+ \(the champion 3\.\d+\)", worst)
    waiting = [*segment_figures(routing, "torch/ann", waits=True).lines()]
    assert waiting[0].startswith("torch/ann serves all with its earlier predictions; once a champ")
    assert waiting[0].endswith("1 by its own line (torch/segment_least_squares)")
    night.served_before(other=OWN.kind)
    lines = [*segment_figures(night.routed(monkeypatch), "torch/least_squares").lines()]
    assert lines[1] == "none moved tonight"


def test_moves_for_one_reason_are_one_line_with_the_gain_of_each_and_most_moves_first():
    lines = [*segment_figures(many_moves(), "torch/ann").lines()]
    assert lines[1:3] == [
        "7 moved tonight to torch/segment_least_squares, because its own line is surely better than"
        " the champion; out-of-fold gains: s6 96.0% (90.0% to 99.0%), s5 95.0% (90.0% to 99.0%),"
        " s4 94.0% (90.0% to 99.0%), s3 93.0% (90.0% to 99.0%), s2 92.0% (90.0% to 99.0%) and 2"
        " more",
        "1 moved tonight to the champion, torch/ann, because the champion serves: its own line"
        " could not be fitted tonight: s7",
    ]


def many_moves() -> Routing:
    """Return a night in which seven segments have left the champion, and one came back."""
    count, own, nothing = 8, np.arange(8) < 7, np.full(8, np.nan)
    gain = np.where(own, 0.9 + np.arange(count) / 100, np.nan)
    reason = [
        f"its own line is surely better: an out-of-fold gain of {each:.1%} (90.0% to 99.0%) over"
        " the champion"
        for each in gain
    ]
    reason[7] = "the champion serves: its own line could not be fitted tonight"
    return Routing(
        names=np.array([f"s{i}" for i in range(count)], dtype=object),
        options=(Candidate("torch", "ann"), OWN),
        option=own.astype(np.int64),
        standing=Standing(np.where(own, None, "segment_least_squares"), ~own & own),
        moves=Moves(gain, nothing, nothing, np.full(count, 40)),
        errors=SegmentErrors(*np.full((2, count), 40), *np.ones((4, count))),
        reason=np.array(reason, dtype=object),
        too_few=~own & own,
    )


def test_odd_segments_are_told(night, monkeypatch):
    night.standing |= {"segment": ("gone",), "kind": (OWN.kind,), "pinned": (False,)}
    routing = night.routed(monkeypatch)
    assert [*segment_warnings(night.prepared, routing)] == [
        "1 row has no segment, because shop is missing: the champion predicts it.",
        "The rows of 1 segment are all test rows, so that nothing can be fitted there and the"
        " champion serves: tests.",
        "1 segment with a route of its own, or a pin, had no row tonight: gone. It has that again"
        " when it has rows.",
    ]
