"""Charts: each compiles, says in words and figures what it shows, and holds its contrast."""

import json
import re

import pytest
from helpers.report_facts import facts_of, good_night, past

from tasks.report.chart import DARK, LIGHT, MAX_TABLE_ROWS, Chart, svg
from tasks.report.charts import charts


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(colour, other):
    light, dark = sorted((luminance(colour), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_and_marks_can_be_told_from_the_paper(palette):
    for colour in (palette.text, *palette.series):
        assert contrast(colour, palette.paper) >= 4.5
    for colour in (palette.rows, palette.reference):
        assert contrast(colour, palette.paper) >= 3


@pytest.mark.parametrize("dark", [False, True])
def test_every_chart_of_a_good_night_is_drawn(dark):
    drawn = charts(facts_of(good_night(), history=(past(1), past(2, change="kept"))))
    assert [chart.name for chart in drawn] == ["leaderboard", "history"]
    for chart in drawn:
        image = svg(chart, width=400, dark=dark)
        assert image.startswith("<svg")
        width = re.search(r'<svg[^>]* width="(\d+)', image)
        assert width and 390 <= int(width[1]) <= 410
        assert_whole(chart)


def assert_whole(chart: Chart):
    assert re.fullmatch("[a-z0-9-]+", chart.name)
    assert len(chart.rows) <= MAX_TABLE_ROWS
    assert all(len(row) == len(chart.columns) for row in chart.rows)
    assert any(letter.isdigit() for letter in chart.description)
    json.dumps(chart.spec, allow_nan=False)


def test_the_history_begins_with_the_second_night():
    assert "history" not in [
        chart.name for chart in charts(facts_of(good_night(), history=(past(1),)))
    ]


def test_a_candidate_that_failed_is_named_and_not_drawn():
    board = charts(facts_of(good_night()))[0]
    assert "Failed: theano/ann" in board.description
    assert "theano/ann" not in json.dumps(board.spec)
    assert board.rows[-1][1:3] == ("theano/ann", "failed")
