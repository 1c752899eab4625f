"""The charts of nights: each is drawn from the store alone, whatever the columns are called."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from helpers import old_stores
from helpers.drawn_nights import declared, night
from helpers.report_facts import facts_of, good_night, past
from helpers.store_nights import change
from sqlalchemy import delete, select, update

from data.errors import RunFailed, SourceError
from data.store.database.upgrades import upgrade
from data.store.records import ManualDecision
from data.store.session import Store
from data.store.tables import run, run_figures
from data.store.write.decision import write_decision
from tasks.report.chart import DARK, LIGHT, MAX_TABLE_ROWS, ROW_OPACITY, Chart, themed
from tasks.report.charts import charts
from tasks.report.charts.history import NEW, STAYED, history
from tasks.report.facts import run_facts
from tasks.report.vega import images
from tasks.run.step_times import StepTime
from tasks.store import new_attempt

ROWS = 240
SCRIPT = "</script><script>alert(1)</script>"
ODD_NAMES = ("a.b[0]", SCRIPT, 'datum["x"]', "long " * 60, "\u202eשלום", '"quoted" \'s \\ back')
ODD_CELLS = (SCRIPT, 'a"b', "__proto__", "constructor", "\u202etxt", "=1+1", "x" * 300, "שלום")
FIELDS = {"x", "y", "low", "high", "name", "series", "rows", "line", "what", "reason", "champion"}
FIELDS |= {"order"}
"""The only fields of a specification: those of users would be taken for paths."""


def rng():
    return np.random.default_rng(5)


def many():
    r, days = rng(), np.datetime64("2020-01-01") + np.arange(ROWS)
    x, z, hue = r.normal(size=ROWS), r.uniform(0, 9, ROWS), r.choice(["red", "green", "blue"], ROWS)
    flag = r.choice(["true", "false"], ROWS)
    y = 9 * x + 4 * np.sin(z) + 3 * (hue == "red") + r.normal(size=ROWS)
    return {"id": range(ROWS), "x": x, "z": z, "hue": hue, "flag": flag, "day": days, "y": y}, {}


def one():
    r = rng()
    x = r.uniform(1, 9, ROWS)
    return {"id": range(ROWS), "income": x, "y": 3 + 2 * x + r.normal(size=ROWS)}, {}


def timed():
    columns, _ = many()
    return columns, {"time": "day", "features": ["x", "z"], "weight": "w"}


def hostile():
    r = rng()
    columns = {"id": range(ROWS)}
    for place, name in enumerate(ODD_NAMES):
        columns[name] = r.choice(ODD_CELLS, ROWS) if place % 2 else r.normal(size=ROWS)
    columns[f'{SCRIPT}["y"].'] = columns["a.b[0]"] + r.normal(size=ROWS)
    return columns, {"target": f'{SCRIPT}["y"].'}


def few():
    r = rng()
    x = r.normal(size=30)
    return {"id": range(30), "x": x, "y": x + r.normal(size=30)}, {"split": {"test": 0.3}}


def large_numbers():
    columns, _ = one()
    columns["income"][:2] = 1e149, -1e149
    columns["y"][5] = 1e140
    return columns, {}


def curved():
    """A feature with gaps, whose equation is no line."""
    columns, _ = one()
    gaps = [None if place % 5 == 0 else value for place, value in enumerate(columns["income"])]
    return {**columns, "income": gaps}, {"terms": ["income^2"]}


def level():
    r = rng()
    group = r.choice(list("abcd"), ROWS)
    kinds = {"frameworks": ["torch"], "kinds": ["ann"]}
    return {"id": range(ROWS), "g": group, "y": (group == "a") + r.normal(size=ROWS)}, {
        "candidates": kinds
    }


CASES = {
    "many": many,
    "one": one,
    "timed": timed,
    "hostile": hostile,
    "few": few,
    "large_numbers": large_numbers,
    "curved": curved,
    "level": level,
}
EXPECTED = {
    "many": "predicted importance effect-1 effect-5 leaderboard residuals quantiles coverage"
    " coefficients learning learning-descent silenced",
    "one": "scatter predicted leaderboard residuals coverage coefficients learning",
    "timed": "predicted importance effect-2 residuals-by-time",
    "hostile": "predicted importance effect-1 coefficients",
    "few": "scatter predicted leaderboard residuals",
    "large_numbers": "scatter predicted residuals",
    "curved": "scatter predicted",
    "level": "predicted effect-1 leaderboard learning silenced",
}


@pytest.fixture(scope="module")
def nights(tmp_path_factory, new_database):
    """Return the facts of a night of a case, and where it is stored; each is trained once."""
    stored = {}

    def of(name):
        if name not in stored:
            home = tmp_path_factory.mktemp(name)
            columns, more = CASES[name]()
            if "weight" in more:
                columns["w"] = rng().uniform(0.5, 2, len(columns["id"]))
            declaration = declared(home, name, columns, **more)
            store = Store(new_database("sqlite"))
            store.ensure_ready()
            run_id, attempt = night(declaration, store, home)
            assert attempt.status == "succeeded", attempt.reason
            stored[name] = store, declaration, home, run_id
        store, *rest = stored[name]
        with store.reading() as connection:
            return run_facts(connection, name), store, *rest

    return of


def fields_of(spec):
    if isinstance(spec, dict):
        named = {spec["field"]} if isinstance(spec.get("field"), str) else set()
        return named.union(*map(fields_of, spec.values()))
    return set().union(*map(fields_of, spec)) if isinstance(spec, list | tuple) else set()


def assert_whole(chart: Chart):
    assert re.fullmatch("[a-z0-9-]+", chart.name)
    assert len(chart.rows) <= MAX_TABLE_ROWS
    assert chart.rows and all(len(row) == len(chart.columns) for row in chart.rows)
    assert any(letter.isdigit() for letter in chart.description)
    json.dumps(chart.spec, allow_nan=False)
    assert fields_of(chart.spec) <= FIELDS


@pytest.mark.parametrize("name", CASES)
def test_every_chart_of_a_night_is_drawn_from_the_store(name, nights):
    facts, *_ = nights(name)
    drawn = charts(facts)
    names = [chart.name for chart in drawn]
    assert set(EXPECTED[name].split()) <= set(names)
    assert len(set(names)) == len(names)
    for chart in drawn:
        assert_whole(chart)
    palettes = (LIGHT, DARK) if name == "one" else (LIGHT,)
    pictures = images(
        [themed(chart.spec, palette, width=400) for palette in palettes for chart in drawn]
    )
    for picture in pictures:
        assert isinstance(picture, str), picture
        tags = {element.tag.partition("}")[2] for element in ElementTree.fromstring(picture).iter()}
        assert not tags & {"script", "image", "a", "foreignObject"}
        width = re.search(r'<svg[^>]* width="(\d+)', picture)
        assert width and 390 <= int(width[1]) <= 410


def test_naive_predictions_are_the_last_rows_of_the_leaderboard(nights):
    facts, *_ = nights("one")
    leaderboard = next(chart for chart in charts(facts) if chart.name == "leaderboard")
    rank, name, outcome, validation, test, _ = leaderboard.rows[-1]
    assert (rank, name, outcome) == ("–", "naive: mean", "–")
    assert min(float(validation), float(test)) > float(leaderboard.rows[0][4])


def test_the_figures_of_a_run_are_small(nights):
    facts, *_ = nights("many")
    assert len(json.dumps(facts.figures.plain())) < 60_000
    assert sum(len(json.dumps(chart.spec)) for chart in charts(facts)) < 250_000


def test_the_picture_of_one_feature_has_its_equation_and_correlation(nights):
    facts, *_ = nights("one")
    columns, _ = one()
    slope, intercept = np.polyfit(columns["income"], columns["y"], 1)
    line = facts.figures.line
    assert (line.slope, line.intercept) == pytest.approx((slope, intercept))
    assert line.correlation == pytest.approx(np.corrcoef(columns["income"], columns["y"])[0, 1])
    scatter = next(chart for chart in charts(facts) if chart.name == "scatter")
    assert f"correlation {line.correlation:.3f} over {ROWS} rows" in scatter.description
    assert "ANN (torch/ann)" in scatter.columns


def test_the_features_that_matter_come_first_and_an_ann_shows_what_a_line_cannot(nights):
    facts, *_ = nights("many")
    ranked = [each.feature for each in facts.figures.importance]
    assert ranked[0] == "x" and ranked.index("hue") < ranked.index("flag")
    effect = next(each for each in facts.figures.effects if each.feature == "z")

    def bend(name: str) -> float:
        line = np.polyfit(effect.values, effect.predicted[name], 1)
        return np.abs(np.polyval(line, effect.values) - effect.predicted[name]).max()

    assert bend("torch/least_squares") < 1e-3
    assert bend("torch/ann") > 0.05


def test_a_champion_that_stays_is_drawn_although_another_won(nights):
    facts, store, declaration, home, _ = nights("one")
    model_id = facts.served.model_id
    pinned = ManualDecision(
        dataset="one",
        decision="forced",
        model_id=model_id,
        reason="I say so",
        decided_by="ann",
        pinned=True,
    )
    change(store, write_decision, pinned)
    night(declaration, store, home)
    with store.reading() as connection:
        kept = run_facts(connection, "one")
        before = run_facts(connection, "one", facts.run_id)
    assert kept.served.run_id == facts.run_id
    assert kept.figures.models[0].name == f"{facts.served.name} of run {facts.run_id}"
    assert kept.figures.models[0].is_champion
    drawn = {chart.name: chart for chart in charts(kept)}
    assert f"of run {facts.run_id}" in drawn["predicted"].description
    assert "2 nights" in drawn["history"].description
    assert all(
        isinstance(i, str)
        for i in images([themed(c.spec, LIGHT, width=700) for c in drawn.values()])
    )
    assert charts(before) == charts(facts)  # a later night changes nothing of an earlier report


def test_a_run_without_figures_says_why_and_shows_what_the_store_has(tmp_path, new_database):
    columns, more = few()
    store = Store(new_database("sqlite"))
    store.ensure_ready()
    night(declared(tmp_path, "few", columns, **more), store, tmp_path)

    def of() -> tuple:
        with store.reading() as connection:
            now = run_facts(connection, "few")
        return now.figures, now.undrawn, [chart.name for chart in charts(now)]

    change(store, lambda c: c.execute(update(run_figures).values(figures={"models": 7})))
    assert of()[:1] == (None,)
    assert "damaged" in of()[1]
    change(store, lambda c: c.execute(delete(run_figures)))
    figures, undrawn, names = of()
    assert figures is None and "not kept" in undrawn
    assert names[0] == "leaderboard"


def test_a_rejected_run_shows_the_rules_with_example_rows(tmp_path, new_database):
    columns, _ = one()
    columns["income"][[9, 13]] = 1e300, 2e300  # more than any feature may be
    store = Store(new_database("sqlite"))
    store.ensure_ready()
    declaration = declared(tmp_path, "refused", columns)
    run_id, _ = night(declaration, store, tmp_path)
    with store.reading() as connection:
        facts = run_facts(connection, "refused", run_id)
    assert facts.run.status == "rejected"
    (chart,) = charts(facts)
    assert_whole(chart)
    assert chart.rows[0][1:4] == ("income", "run rejected", "2")
    assert chart.rows[0][4] == "row 10 (key 9): income 1e+300; row 14 (key 13): income 2e+300"
    assert isinstance(images([themed(chart.spec, LIGHT, width=700)])[0], str)


def test_a_run_that_failed_has_facts_and_no_charts(tmp_path, new_database):
    store = Store(new_database("sqlite"))
    declaration = declared(tmp_path, "lost", one()[0])

    def fail() -> None:
        with new_attempt(declaration, store, home=tmp_path, as_of=None, dry_run=False):
            raise SourceError("there is no such file.", where="lost.csv", next_step="Look for it.")

    with pytest.raises(RunFailed):
        fail()
    with store.reading() as connection:
        facts = run_facts(connection, "lost")
    assert (facts.run.status, facts.served, facts.undrawn) == ("failed", None, None)
    assert charts(facts) == ()


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(colour, other):
    light, dark = sorted((luminance(colour), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def blended(colour, paper):
    pairs = ((int(each[at : at + 2], 16) for each in (colour, paper)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a * ROW_OPACITY + b * (1 - ROW_OPACITY)):02x}" for a, b in pairs)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_and_marks_can_be_told_from_the_paper(palette):
    for colour in (palette.text, *palette.series):
        assert contrast(colour, palette.paper) >= 4.5
    for colour in (palette.reference, blended(palette.rows, palette.paper)):
        assert contrast(colour, palette.paper) >= 3


def test_a_newer_fit_of_the_champion_is_no_other_champion():
    first = past(1, change="first champion")
    known = (first, past(2), replace(past(3), champion="theano/ann"), past(4, change="kept"))
    (drawn,) = history(facts_of(good_night(), history=known))
    series = [value["series"] for value in drawn.spec["data"]["values"]]
    assert series == [NEW, STAYED, NEW, NEW]
    assert "Another champion began to serve 3 times." in drawn.description


def test_the_history_begins_with_the_second_night():
    nights = (past(1), past(2, change="kept"))
    for known in (nights[:1], nights):
        drawn = charts(facts_of(good_night(), history=known))
        assert ("history" in [chart.name for chart in drawn]) == (len(known) == 2)


def test_a_candidate_that_failed_is_named_and_not_drawn():
    board = charts(facts_of(good_night()))[0]
    assert "Failed: theano/ann" in board.description
    assert "theano/ann" not in json.dumps(board.spec)
    assert board.rows[-1][1:3] == ("theano/ann", "failed")


def test_each_step_of_a_run_has_its_time(nights):
    facts, *_ = nights("few")
    steps = (StepTime("read", 0.0, 1.5), StepTime("fit torch/ann", 4.0, 6.25))
    timed_facts = replace(facts, figures=replace(facts.figures, steps=steps))
    times = next(chart for chart in charts(timed_facts) if chart.name == "times")
    assert_whole(times)
    assert times.rows[1] == ("fit torch/ann", "4.0", "6.2")
    assert isinstance(images([themed(times.spec, DARK, width=700)])[0], str)


def test_the_runs_of_an_older_version_have_facts_and_some_charts(tmp_path):
    address = f"sqlite:///{tmp_path / 'store.db'}"
    old_stores.make(address, release="0.1.0")
    upgrade(address)
    shown = set()
    with Store(address).reading() as connection:
        for run_id, dataset, status in connection.execute(
            select(run.c.run_id, run.c.dataset, run.c.status)
        ).all():
            facts = run_facts(connection, dataset, run_id)
            assert (facts.undrawn is not None) == (status == "succeeded")
            for chart in charts(facts):
                assert_whole(chart)
                shown.add(chart.name)
    assert {"leaderboard", "history"} <= shown
