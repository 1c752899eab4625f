"""The words about a champion are those that its rows bear out."""

from dataclasses import replace

import numpy as np
import pytest

from data.declarations.model import Declaration
from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.intervals.intervals import Intervals
from regressors.job import Fitted, folds, take
from regressors.judging.scoring import interval_half_width
from regressors.model import Model, linear_model
from tasks.check import check
from tasks.choose import choose
from tasks.rank import rank
from tasks.read import read
from tasks.report.labels import number
from tasks.roll import by_twin, ranked_and_rolled
from tasks.run import progress
from tasks.run.attempt import Attempt, Trained
from tasks.run.doubts import doubts
from tasks.run.summary import report
from tasks.split import split

LINE, ANN = Candidate("torch", "least_squares"), Candidate("torch", "ann")
RNG = np.random.default_rng(7)
X = RNG.normal(size=200)
Y = 3 + X + RNG.normal(size=200)


@pytest.fixture
def night(tmp_path):
    """Return a function that runs a night up to its choice, on rows of x and y."""

    def trained(y, *, kinds=(LINE, ANN), x=X, narrow=1.0, noise=0.0, extra=None, **declared):
        columns = {"id": range(len(y)), "x": x, **(extra or {}), "y": y}
        lines = [
            ",".join(columns),
            *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
        ]
        source = tmp_path / "rows.csv"
        source.write_text("\n".join(lines), encoding="utf-8")
        base = {"name": "shop", "source": {"path": source}, "key": "id", "target": "y", **declared}
        declaration = Declaration.model_validate(base)
        run = Attempt(declaration)
        run.snapshot = read.fn(declaration, tmp_path)
        run.checked = check.fn(declaration, run.snapshot)
        assert run.checked.passed, run.checked.reason
        run.prepared = prepared = split.fn(declaration, run.snapshot, run.checked)
        fits = {kind: fit(prepared, kind, narrow, noise if kind == ANN else 0.0) for kind in kinds}
        run.fits = fits
        run.trained = choice_of(prepared, fits)
        run.run_id = 1
        return run

    return trained


def choice_of(prepared, fits) -> Trained:
    """Choose among fits, whose twins predict the test rows."""
    ranking, fits, rolled = ranked_and_rolled(
        rank.fn(prepared, fits),
        fits,
        None,
        roll_all=lambda compared: {c: by_twin(c, fits[c], prepared) for c in compared},
        rank_again=lambda left: rank.fn(prepared, left),
    )
    return Trained(prepared, fits, rolled, choose.fn(prepared, ranking, rolled, None))


def fit(prepared, candidate, narrow, noise) -> Fitted:
    """Fit a line in NumPy; `noise` spoils its out-of-fold predictions."""
    rows, fold = prepared.train, prepared.train_fold

    def line(train) -> Model:
        encoding = Encoding.fit(take(rows.columns, train))
        design = encoding.design(take(rows.columns, train))
        return linear_model(candidate, encoding, np.linalg.lstsq(design, rows.target[train])[0])

    out_of_fold = np.full(len(rows.target), np.nan)
    for _, train, held in folds(fold, chained=prepared.split.chained):
        out_of_fold[held] = line(train).predict(take(rows.columns, held))
    residuals = (rows.target - out_of_fold)[~np.isnan(out_of_fold)]
    twin = line(np.ones(len(fold), dtype=bool))
    width = interval_half_width(residuals, 0.9)
    intervals = None if width is None else Intervals.constant(narrow * width, 0.9)
    spoilt = out_of_fold + noise * np.resize([1, -1], len(fold))
    reach = np.nan if width is None else narrow * width
    ends = (spoilt - reach, spoilt + reach)
    return Fitted(replace(twin, intervals=intervals), spoilt, (), {}, ends=(ends,))


def doubts_of(run) -> list[str]:
    return doubts(run.trained, run.trained.choice.test[run.trained.choice.reported])


def test_good_model_raises_no_doubt(night):
    assert doubts_of(night(Y)) == []


def test_extreme_training_value_is_named_and_no_relation_is_said_to_have_moved(night):
    y = np.random.default_rng(1).uniform(10, 70, 200)
    run = night(y)
    row = int(run.prepared.train.keys[3])
    y[row] = 39_182
    x = X.copy()
    x[row] = 9.0
    run = night(y, x=x)
    (doubt,) = doubts_of(run)
    assert f"one training row (row {row + 1}, key {row}) has y 39,182, " in doubt
    assert "times the median" in doubt
    assert (
        "the champion, torch/least_squares, predicts worse than the mean of the training" in doubt
    )
    assert "their mean" not in doubt
    for word in ("moved", "changed", "newest"):
        assert word not in doubt


def test_feature_that_has_no_term_is_named(night):
    """Every name is another one, so that no level has a term of its own."""
    names = [f"name {i} of many" for i in range(200)]
    run = night(np.random.default_rng(2).normal(size=200), extra={"name": names}, features=["name"])
    (doubt,) = doubts_of(run)
    assert "'name' has no term in its equation" in doubt


def test_relation_that_changes_with_time_is_said_to_with_the_figures(night):
    days = np.datetime64("2024-01-01") + np.arange(200)
    y = np.where(np.arange(200) < 160, 3 * X, 30 - 3 * X) + RNG.normal(size=200)
    run = night(y, extra={"day": days}, time="day", features=["x"])
    assert "the relation has changed with time: on the older rows" in doubts_of(run)[0]
    assert "the newest rows differ from the older ones: their mean y is " in doubts_of(run)[0]
    assert "40 test rows (the newest rows)" in doubts_of(run)[0]


def test_champion_that_is_worse_than_a_naive_prediction_is_flagged_by_name(night):
    """A line on noise is worth nothing beside the last value of a random walk."""
    walk = np.random.default_rng(3).normal(size=200).cumsum() + 100
    days = np.datetime64("2024-01-01") + np.arange(200)
    run = night(walk, extra={"day": days}, time="day", features=["x"])
    doubt = doubts_of(run)[0]
    choice = run.trained.choice
    assert "torch/least_squares, predicts worse than " in doubt
    assert f"(RMSE {number(choice.beaten.champion_rmse)} against " in doubt
    errors = {each.name: each.score for each in choice.naive if each.rows == "test"}
    assert set(errors) == {"last value", "same weekday last week", "mean"}
    assert choice.beaten.rmse == min(score.rmse for score in errors.values())
    assert choice.beaten.champion_rmse == choice.test[LINE].rmse
    assert errors["last value"].n == 40
    assert f"{number(errors['last value'].rmse)} by the last value" in report(run).naive


def test_naive_predictions_know_the_series_of_their_key(night):
    """Two shops, whose levels differ by far: the last value is that of the same shop."""
    days, shop = np.datetime64("2024-01-01") + np.arange(200) // 2, np.tile(["a", "b"], 100)
    y = np.where(shop == "a", 0.0, 1000.0) + Y
    key = {"day": days, "shop": shop}
    run = night(y, extra=key, key=["day", "shop"], time="day", features=["x"])
    last = next(each for each in run.trained.choice.naive if each.name == "last value")
    assert last.score.rmse < 3 * Y.std()


def test_coverage_significantly_below_its_level_is_told(night):
    wide, narrow = night(Y), night(Y, narrow=0.6)
    assert doubts_of(wide) == []
    (doubt,) = doubts_of(narrow)
    assert "lie inside their 90% interval, significantly fewer (p = " in doubt
    assert 0.5 < narrow.trained.choice.test[LINE].coverage < 0.8


def test_test_rows_that_repeat_training_rows_under_time_are_counted(night):
    days = np.datetime64("2024-01-01") + np.arange(200)
    x, y = X.copy(), Y.copy()
    x[180:], y[180:] = x[:20], y[:20]
    run = night(y, x=x, extra={"day": days}, time="day", features=["x"])
    assert doubts_of(run) == [
        "20 of 40 test rows repeat a training row (the same features and target), so the test"
        " error is too low."
    ]
    assert any("20 of 200" in w or "40 of 200" in w for w in run.warnings)


def test_copies_are_kept_on_one_side(night):
    again = np.r_[np.arange(200), np.arange(100)]
    run = night(Y[again], x=X[again])
    assert run.prepared.repeated_test_rows == 0
    role = dict(zip(run.prepared.rows.keys.tolist(), run.prepared.split.role.tolist(), strict=True))
    assert all(role[str(i)] == role[str(200 + i)] for i in range(100))
    apart = night(Y[again], x=X[again], split={"duplicates": "apart"})
    assert apart.prepared.repeated_test_rows > 10


def test_verdict_without_a_comparison_gives_the_true_reason(night):
    undecided = "undecided"
    alone = report(night(Y, kinds=(LINE,)))
    assert (alone.verdict, alone.verdict_reason) == (
        undecided,
        "no ANN is declared, so there is nothing to compare",
    )
    two_days = np.datetime64("2024-01-01") + np.r_[np.arange(160) // 8, np.full(40, 30)]
    two_days[180:] += 1
    run = night(Y, extra={"day": two_days}, time="day", features=["x"])
    assert report(run).verdict_reason == (
        "the 40 test rows are of 2 times, but at least 3 are needed to compare the best ANN with"
        " the best linear model"
    )
    assert report(run).sight == (
        "40 test rows in 2 units are too few: no other candidate can replace the champion"
    )


def test_splitting_and_choosing_report_how_far_they_are(night, monkeypatch, caplog):
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0)
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0)
    with caplog.at_level("INFO", "nightfit"):
        night(Y)
    begins = [message.partition(", about")[0] for message in caplog.messages]
    assert "shop: splitting, 0 of 200 rows" in begins
    assert "shop: ranking, scoring torch/ann" in begins
    assert "shop: testing torch/least_squares, 0 of 50 rows predicted" in begins


def test_verdict_after_a_failure_says_that_they_failed(night):
    run = night(Y)
    fits = {**run.fits, ANN: "no memory"}
    run.trained = choice_of(run.prepared, fits)
    assert report(run).verdict_reason == ("there is no ANN to compare, because each of them failed")


def test_champion_of_the_other_kind_than_the_verdict_is_explained(night):
    """Out of fold the line is better, on the test rows it is far off."""
    run = night(Y, noise=0.5)
    line = run.fits[LINE]
    member = line.model.members[0]
    off = linear_model(LINE, member.encoding, member.estimates + 5)
    fits = {**run.fits, LINE: replace(line, model=off)}
    run.trained = choice_of(run.prepared, fits)
    summary = report(run)
    assert (summary.verdict, summary.champion) == ("yay", "torch/least_squares")
    assert summary.verdict_reason.endswith(
        "; torch/least_squares serves all the same, since the choice is made by out-of-fold errors:"
        " the lowest out-of-fold error"
    )


def test_predictions_of_test_rows_that_are_not_finite_fail_their_candidate(night):
    run = night(Y)
    member = run.fits[LINE].model.members[0]
    endless = linear_model(LINE, member.encoding, np.full(len(member.estimates), np.inf))
    fits = {**run.fits, LINE: replace(run.fits[LINE], model=endless)}
    choice = choice_of(run.prepared, fits).choice
    assert choice.winner == ANN
    reason = next(entry.reason for entry in choice.ranking if entry.candidate == LINE)
    assert reason == "its predictions of the test rows are not finite"


def test_predictions_out_of_fold_that_are_not_numbers_fail_their_candidate(night):
    run = night(Y)
    out_of_fold = run.fits[LINE].out_of_fold.copy()
    out_of_fold[5] = np.nan
    fits = {**run.fits, LINE: replace(run.fits[LINE], out_of_fold=out_of_fold)}
    choice = choice_of(run.prepared, fits).choice
    assert choice.winner == ANN
    assert LINE not in choice.validation
    reason = next(entry.reason for entry in choice.ranking if entry.candidate == LINE)
    assert reason == "its predictions are not finite"
