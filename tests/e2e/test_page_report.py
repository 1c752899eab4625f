"""Reports in a real browser: for everybody to read, true, and safe whatever the source says.

The nights behind them are trained in this process, with NumPy in place of a framework.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers.drawn_nights import csv_of, night
from helpers.serving import CHROMIUM, chromium
from sqlalchemy import text

from data.declarations.model import Declaration
from data.store.session import Store
from tasks.report.facts import run_facts
from tasks.report.labels import label, number
from tasks.report.write import write_index, write_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

ROWS = 240
SCRIPT = "</script><script>window.ran=1</script>"
IMAGE = '<img src="http://127.0.0.1:9/x.png" onerror="window.ran=1">'
ODD = (SCRIPT, IMAGE, "{{ 7 * 7 }}", "quoted \"double\" 'single'", "\u202eשלום", "long " * 40)
LOOKS = {
    "one": ("light", 1400),
    "many": ("dark", 400),
    "timed": ("dark", 1400),
    "hostile": ("light", 400),
    "rejected": ("dark", 400),
    "index": ("light", 400),
}


@dataclass(frozen=True)
class Reports:
    """Reports in a home, by what they are of, and the store that they were drawn from."""

    store: Store
    home: Path
    files: dict[str, Path]
    runs: dict[str, int]


def one(rng):
    income = rng.uniform(400, 4000, ROWS)
    return {"income": income, "food": 150 + 0.5 * income + rng.normal(0, 90, ROWS)}, "food", {}


def many(rng):
    age, hue = rng.uniform(18, 70, ROWS), rng.choice(["red", "green", "blue"], ROWS)
    wage = 40 + 60 * np.sin(age / 20) + 9 * (hue == "red") + rng.normal(0, 8, ROWS)
    return {"age": age, "hue": hue, "size": rng.normal(size=ROWS), "wage": wage}, "wage", {}


def timed(rng):
    day = np.datetime64("2024-01-01") + np.arange(ROWS)
    users = np.cumsum(rng.uniform(0, 3, ROWS))
    revenue = 5 * users + rng.normal(0, 9, ROWS)
    return {"day": day, "users": users, "revenue": revenue}, "revenue", {"time": "day"}


def hostile(rng):
    columns = {
        name: rng.choice(ODD, ROWS) if place % 2 else rng.normal(size=ROWS)
        for place, name in enumerate(ODD)
    }
    target = f"target {SCRIPT}"
    columns[target] = columns[ODD[0]] + rng.normal(size=ROWS)
    return columns, target, {"description": " ".join(ODD)}


def rejected(rng):
    columns, target, more = many(rng)
    columns["hue"] = [
        "x" * 10_000 if 10 < row < 19 else each for row, each in enumerate(columns["hue"])
    ]
    columns["hue"][7:11] = [IMAGE] * 4
    kwargs = {"column": "hue", "value_set": ["red", "green", "blue"]}
    rule = {"type": "expect_column_values_to_be_in_set", "kwargs": kwargs}
    return columns, target, {**more, "expectations": [rule]}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    store = Store(f"sqlite:///{home / 'store.db'}")
    store.ensure_ready()
    files, runs = {}, {}
    for make in (one, many, timed, hostile, rejected):
        name = make.__name__
        columns, target, more = make(np.random.default_rng(3))
        source = home / f"{name}.csv"
        source.write_text(csv_of({"id": range(ROWS), **columns}))
        declaration = Declaration.model_validate(
            {"name": name, "source": {"path": str(source)}, "key": "id", "target": target, **more}
        )
        runs[name], _ = night(declaration, store, home)
        with store.reading() as connection:
            files[name] = write_report(run_facts(connection, name), home=home)
    with store.reading() as connection:
        files["index"] = write_index(connection, home=home)
    return Reports(store, home, files, runs)


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser, reports):
    """Open a report; return its page, and all that it asked for or complained of."""
    contexts = []

    def open_report(name, *, scheme="light", width=1400, **more):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **more
        )
        contexts.append(context)
        page, events = context.new_page(), []
        page.on("request", lambda request: events.append(request.url))
        page.on("websocket", lambda socket: events.append(socket.url))
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("console", lambda said: events.extend([said.text] * (said.type == "error")))
        page.goto(reports.files[name].as_uri())
        return page, events

    yield open_report
    for context in contexts:
        context.close()


def draw_all(page):
    """Scroll to each chart until Vega has drawn it; return how many there are."""
    plots = page.locator(".plot")
    for place in range(plots.count()):
        plots.nth(place).scroll_into_view_if_needed()
        plots.nth(place).locator(".live svg").wait_for()
    return plots.count()


@pytest.mark.parametrize("name", ["one", "hostile", "rejected", "index"])
def test_a_report_runs_nothing_of_its_texts_and_asks_for_nothing(opened, reports, name):
    page, events = opened(name)
    drawn = draw_all(page)
    assert drawn == 0 if name == "index" else drawn >= 1
    page.wait_for_timeout(200)
    assert events == [reports.files[name].as_uri()]
    assert page.evaluate("window.ran") is None
    assert page.locator("main img, main iframe, main object, main script:not([type])").count() == 0


@pytest.mark.parametrize("name", LOOKS)
def test_a_report_has_no_serious_accessibility_fault_and_fits_the_screen(opened, name):
    from axe_playwright_python.sync_playwright import Axe

    scheme, width = LOOKS[name]
    page, _ = opened(name, scheme=scheme, width=width)
    draw_all(page)
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    found = Axe().run(page).response["violations"]
    serious = {
        each["id"]: [node["html"][:200] for node in each["nodes"][:3]]
        for each in found
        if each["impact"] in ("serious", "critical")
    }
    assert serious == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_shown_are_those_of_the_store(opened, reports):
    page, _ = opened("many")
    with reports.store.reading() as connection:
        rmse, low, high = connection.execute(
            text(
                "SELECT score.rmse, score.rmse_low, score.rmse_high FROM score"
                " JOIN promotion USING (model_id)"
                " WHERE score.run_id = :run AND score.rows = 'test' AND promotion.run_id = :run"
            ),
            {"run": reports.runs["many"]},
        ).one()
        verdict, difference = connection.execute(
            text("SELECT verdict, verdict_difference FROM run WHERE run_id = :run"),
            {"run": reports.runs["many"]},
        ).one()
    tile = page.locator(".tiles div", has_text="Test RMSE").inner_text()
    assert f"{number(rmse)} wage" in tile
    assert f"95% interval {number(low)} to {number(high)}" in tile
    answer = page.locator(".answer").inner_text()
    assert f"ANN, yay or nay? {verdict.capitalize()}." in answer
    assert f"{number(abs(difference))} wage" in answer


def test_hostile_names_and_cells_are_read_as_text(opened):
    page, _ = opened("hostile")
    shown = page.locator("main").inner_text()
    for name in ODD[:2]:
        assert label(name) in shown
    assert "49" not in page.locator(".subtitle").inner_text()


def test_rows_that_break_a_rule_are_shown(opened):
    page, _ = opened("rejected")
    rule = page.locator(".rule", has_text="expect_column_values_to_be_in_set of hue")
    assert "12 rows break it." in rule.inner_text()
    assert rule.locator("tbody tr").count() == 5
    assert IMAGE in rule.locator("tbody tr").first.inner_text()
    assert rule.locator("tbody tr td").first.inner_text() == "8"


def test_a_mark_says_what_it_stands_for(opened):
    page, _ = opened("one")
    draw_all(page)
    points = page.locator("#scatter .live .role-mark path")
    points.nth(ROWS // 2).hover(force=True)
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for()
    assert re.search(r"income\s*[\d,.]+", tip.inner_text())


def test_without_scripts_there_are_drawings_and_tables(opened):
    page, _ = opened("many", java_script_enabled=False)
    plots = page.locator(".plot")
    assert plots.count() >= 10
    assert page.locator(".plot > svg").count() == plots.count()
    page.locator("#leaderboard summary").click()
    assert page.locator("#leaderboard tbody tr").first.is_visible()


def test_a_keyboard_leads_to_the_tables(opened):
    page, _ = opened("one")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator("#leaderboard summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"


def test_the_index_leads_to_each_report(opened, reports):
    page, _ = opened("index")
    page.locator(".cards a", has_text="timed").click()
    assert page.locator("h1").inner_text() == "timed"
    page.locator(".brand").click()
    assert page.locator(".cards li").count() == len(reports.runs)
