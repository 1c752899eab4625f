"""The page of a run: what it says first, that it lets nothing in, and that text stays text."""

import re
import shlex
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
from helpers.report_facts import facts_of, good_night, past
from helpers.store_nights import night
from helpers.workspace import ROOT

from data.checks.findings import ExpectationResult, RejectedRow
from data.store.records import ScoreRecord
from tasks.report import rendering, script, vega
from tasks.report.chart import LIGHT, themed
from tasks.report.charts import charts
from tasks.report.labels import number
from tasks.report.page import report_page
from tasks.report.script import VegaScript
from tasks.report.vega import CannotDraw, compact, images, start_vega

SCRIPT = VegaScript("cGFja2Vk", "'sha256-of-vega'")
HOSTILE = "<script>alert(1)</script>{{ 7 * 7 }}\"'><img src=x onerror=alert(2)>&amp;\u202eRTL\0"


@pytest.fixture(autouse=True)
def _without_vega(monkeypatch):
    """Leave the drawing to the tests that are about it: it takes half a second a page."""
    monkeypatch.setattr(rendering, "images", lambda specs: ["<svg></svg>" for _ in specs])


def page_of(facts, **more):
    return report_page(facts, charts(facts), script=SCRIPT, **more)


def test_the_policy_allows_its_own_script_and_style_and_nothing_else():
    text = page_of(facts_of(good_night()))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[1]
    allowed = dict(part.split(" ", 1) for part in policy.replace("&#39;", "'").split("; "))
    code, style = (
        re.search(rf"<{tag}>(.*?)</{tag}>", text, re.S)[1] for tag in ("script", "style")
    )
    hashes = [
        f"'sha256-{b64encode(sha256(own.encode()).digest()).decode()}'" for own in (code, style)
    ]
    assert allowed == {
        "default-src": "'none'",
        "script-src": f"{hashes[0]} {SCRIPT.hash}",
        "style-src": hashes[1],
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(r'\b(src|href)="(?!#|\.\./index\.html|\d+\.html)', text)
    assert not re.search(r"\sstyle=|\son\w+=", text)


def test_a_hostile_text_stays_text_wherever_it_comes_from():
    rule = ExpectationResult(
        HOSTILE, HOSTILE, "critical", False, False, {HOSTILE: HOSTILE}, HOSTILE, 1,
        [{"row": 1, "key": HOSTILE, "values": {HOSTILE: HOSTILE}}],
    )  # fmt: skip
    facts = facts_of(
        good_night(
            warnings=[HOSTILE],
            reason=HOSTILE,
            dataset=HOSTILE,
            features=HOSTILE,
            rows_rejected=1,
            library_versions={HOSTILE: HOSTILE},
        ),
        declaration={"target": HOSTILE, "description": HOSTILE, HOSTILE: HOSTILE},
        rules=(rule,),
        rejected_rows=(RejectedRow(HOSTILE, 1, {HOSTILE: HOSTILE}, HOSTILE),),
        history=(past(1), past(2)),
        before=past(2),
    )
    text = page_of(facts)
    assert text.count("<script") == text.count("</script") == 2 + len(charts(facts))
    assert "<img" not in text and "49" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S)
    assert "alert(1)" in text and "\0" not in text and "\u202e" not in text


def test_the_verdict_is_given_with_its_figures():
    run = good_night(verdict="nay", verdict_difference=0.5, verdict_low=0.25, verdict_high=0.75)
    facts = facts_of(run, declaration={"target": "wage", "promotion": {"confidence": 0.9}})
    text = page_of(facts)
    assert "ANN, yay or nay? Nay." in text
    assert "0.5 wage" in text and "higher than that of the best linear model" in text
    assert "The 90% interval of this difference is 0.25 to 0.75 wage." in text


def test_a_difference_that_the_rows_leave_open_is_not_called_small():
    run = good_night(verdict="undecided", verdict_difference=5, verdict_low=-1, verdict_high=11)
    text = page_of(facts_of(run))
    assert "The test rows do not show whether the ANN or the linear model is better." in text
    assert "equally good" not in text


def test_a_run_without_an_ann_says_why_there_is_no_verdict():
    run = good_night()
    linear = [each for each in run.candidates if each.kind == "least_squares"]
    text = page_of(facts_of(good_night(candidates=linear, verdict="undecided")))
    assert "there is no ANN to compare" in text


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        ("failed", "This run failed"),
        ("rejected", "The data was rejected"),
        ("skipped", "Nothing had changed"),
    ],
)
def test_a_run_that_trained_nothing_has_a_page_with_its_reason(status, heading):
    run = night(5, status=status, reason="the file is empty.", candidates=[], promotions=[])
    text = page_of(facts_of(run, before=past(3)), others={3, 4})
    assert heading in text and "The file is empty." in text
    assert 'href="3.html"' in text and 'href="4.html"' in text


def test_a_rule_that_failed_is_shown_with_its_rows():
    rule = ExpectationResult(
        "expect_column_values_to_be_between", "age", "critical", False, False,
        {"column": "age", "min_value": 16}, 3.5, 12,
        [{"row": 7, "key": "a7", "values": {"age": -4}}],
    )  # fmt: skip
    text = page_of(facts_of(night(5, status="rejected", candidates=[]), rules=(rule,)))
    assert "expect_column_values_to_be_between of age" in text
    assert "It asks for min_value: 16. 12 rows break it. Observed: 3.5." in text
    lonely = page_of(
        facts_of(
            night(5, status="rejected", candidates=[]), rules=(replace(rule, unexpected_count=1),)
        )
    )
    assert "1 row breaks it." in lonely
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text.split("Examples of rows")[1])
    assert [re.sub("<.*?>", "", cell) for cell in cells[:3]] == ["7", "a7", "-4"]


def test_what_has_changed_since_the_last_good_run_is_said():
    facts = facts_of(good_night(change="promoted"), before=past(4, rmse=4.0), history=(past(4),))
    score = facts.serving_score
    text = page_of(facts)
    assert "torch/ann serves, as before, in a newer fit." in text
    assert f"it was 4 ({1 - score.rmse / 4:.1%} lower)" in text


def test_the_name_of_a_rule_is_written_as_it_is_declared():
    reason = "expect_x(column='age') fails in 5 rows."
    text = page_of(facts_of(night(5, status="rejected", candidates=[], reason=reason)))
    assert "expect_x(column=" in text and "Expect_x" not in text


def test_where_vega_cannot_draw_the_tables_and_the_script_are_there(monkeypatch, caplog):
    def fails(_specs):
        raise CannotDraw("not enough memory")

    monkeypatch.setattr(rendering, "images", fails)
    text = page_of(facts_of(good_night()))
    assert "<svg" not in text and "The same as a table" in text
    assert "not enough memory" in caplog.text


def test_a_chart_that_cannot_be_drawn_does_not_take_the_others_along():
    bar = {"data": {"values": [{"x": 1}]}, "mark": "bar", "encoding": {"x": {"field": "x"}}}
    first, second = images([bar, {"mark": 3}])
    assert first.startswith("<svg") and isinstance(second, CannotDraw)


def test_a_compact_drawing_has_the_numbers_of_its_axes_as_they_were():
    axis = {"values": [0.125, 0.25], "format": ".3f"}
    x = {"field": "x", "type": "quantitative", "scale": {"domain": [0, 0.5]}, "axis": axis}
    spec = {"data": {"values": [{"x": 1 / 3}]}, "mark": "point", "encoding": {"x": x}}
    (drawn,) = images([themed(spec, LIGHT, width=300)])
    small = compact(drawn)
    written = re.compile(r"<text[^>]*>([^<]*)</text>")
    assert written.findall(small) == written.findall(drawn)
    assert {"0.125", "0.250"} <= {*written.findall(small)}
    assert "aria-label" not in small
    assert len(small) < len(drawn)


def test_the_script_is_made_once_and_anew_if_its_file_is_damaged(tmp_path, monkeypatch):
    made = []

    def made_anew(snippet):
        made.append(snippet)
        return "run();"

    monkeypatch.setattr(vega, "script", made_anew)
    first = script.vega_script.__wrapped__(tmp_path)
    assert script.vega_script.__wrapped__(tmp_path) == first and len(made) == 1
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert script.vega_script.__wrapped__(tmp_path) == first and len(made) == 2
    assert first.hash == f"'sha256-{b64encode(sha256(b'run();').digest()).decode()}'"


def test_a_number_in_a_table_stands_at_the_right():
    text = page_of(facts_of(good_night()))
    assert re.search(r'<td class="num">1</td>', text)


def test_scores_shown_are_those_of_the_run():
    facts = facts_of(good_night())
    score: ScoreRecord = facts.serving_score
    tile = number(score.rmse)
    assert f'<dd class="figure">{tile} wage</dd>' in page_of(facts)


def test_a_process_that_may_not_have_the_memory_harms_nobody_and_says_why():
    code = "import tasks.report.vega as v\ntry: v.images([{}])\nexcept v.CannotDraw as e: print(e)"
    limited = f"ulimit -v 6000000; exec {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    said = subprocess.run(
        ["bash", "-c", limited], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "out of memory" in said.stdout


def test_vega_that_was_started_ahead_is_the_one_that_draws():
    bar = {"data": {"values": [{"x": 1}]}, "mark": "bar", "encoding": {"x": {"field": "x"}}}
    start_vega()
    ahead = vega._kept[0]
    start_vega()
    assert isinstance(images([bar])[0], str)
    assert vega._kept == [ahead] and ahead.popen.poll() is None


def test_vega_is_started_again_after_its_process_has_ended():
    bar = {"data": {"values": [{"x": 1}]}, "mark": "bar", "encoding": {"x": {"field": "x"}}}
    first = images([bar])
    vega._kept[0].popen.kill()
    vega._kept[0].popen.wait()
    assert images([bar]) == first
