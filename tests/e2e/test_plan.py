"""`nightfit plan` on declarations of all kinds, before and after real nights."""

import csv
import io
import json
import re

from helpers.workspace import LINE, LINE_ROWS


def of(done, name="line"):
    """Return the facts of a dataset among what `plan --format json` printed."""
    (facts,) = [each for each in json.loads(done.stdout)["datasets"] if each["dataset"] == name]
    return facts


def test_plan_and_the_nights_that_follow_say_the_same(new_workspace):
    workspace = new_workspace()
    workspace.declare("line", LINE, LINE_ROWS)
    first = workspace.run("plan", "line", "--format", "json")
    assert not workspace.database.exists()
    assert not (workspace.home / "snapshots").exists()
    assert (first.returncode, of(first)["ending"], of(first)["seconds"]) == (0, "trained", None)
    night = workspace.run("nightly", "line")
    assert f"line: trains ({of(first)['reason']})" in night.stderr
    skipped = workspace.run("plan", "--format", "json")
    assert (skipped.returncode, of(skipped)["ending"]) == (0, "skipped")
    workspace.declare("line", LINE + "interval: 0.8\n", LINE_ROWS + "\n120,3,9\n121,4,13")
    planned = workspace.run("plan", "--format", "json")
    facts = of(planned)
    assert (facts["ending"], facts["since_run"], facts["row_changes"]["added"]) == ("trained", 1, 2)
    assert [change["what"] for change in facts["changes"]] == ["rows", "declaration"]
    assert facts["seconds"] > facts["fit_seconds"]["least_squares"] > 0
    night = workspace.run("nightly")
    assert f"line: trains ({facts['reason']})" in night.stderr
    workspace.declare("line", LINE, "row,x,y\n" + "\n".join(f"7,{i},{i}" for i in range(120)))
    workspace.declare("wrong", LINE.replace("target", "tagret"))
    workspace.declare("empty", LINE.replace("line", "nowhere"))
    text = workspace.run("plan")
    assert text.returncode == 2
    for words in ("would be rejected", "would fail", "Did you mean 'target'?", "no such file"):
        assert words in text.stdout
    assert re.search(r"in all      1 rejected, 2 failed; time: [^;]+; removes: ", text.stdout)
    rows = csv.DictReader(io.StringIO(workspace.run("plan", "line", "--format", "csv").stdout))
    (row,) = rows
    assert (row["dataset"], row["ending"], row["rows"]) == ("line", "rejected", "120")
    nightly = workspace.run("nightly", "--format", "json")
    remarks = {each["dataset"]: each["remarks"][0] for each in json.loads(nightly.stdout)}
    assert row["problem"] in remarks["line"]
    unknown = workspace.run("plan", "nope")
    assert (unknown.returncode, unknown.stdout) == (2, "")
