"""The README's commands and claims, run as written."""

import re
import shlex

import pytest
from helpers.workspace import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ nightfit (.+)$", README, flags=re.MULTILINE)
QUERIES = re.findall(r"```sql\n(.+?)```", README, flags=re.DOTALL)
DECLARATIONS = re.findall(r"```yaml\n# (\w+)\.yaml\n(.+?)```", README, flags=re.DOTALL)


def about_houses(command):
    return "houses" in command or command.startswith("status")


@pytest.fixture(scope="module")
def houses(new_workspace):
    """A workspace with the README's example of a declaration, and the results of its commands."""
    workspace = new_workspace()
    ((name, text),) = DECLARATIONS
    first, *commands = [command for command in COMMANDS if about_houses(command)]
    rows = [
        f"{i},{1 + i % 8},{40 + 13 * i % 90},{90 + 30 * (i % 8) + i % 11}" for i in range(120)
    ] + ["120,99,80,300", "121,4,75,"]
    table = workspace.folder / "datasets" / "houses.csv"
    table.write_text("house,rooms,size,price\n" + "\n".join(rows) + "\n")
    proposed = workspace.run(*shlex.split(first.replace("houses.csv", str(table))))
    (workspace.folder / "datasets" / "houses.yaml").rename(workspace.folder / "proposed.yaml")
    workspace.declare(name, text)
    done = {command: workspace.run(*shlex.split(command)) for command in commands}
    return workspace, {first: proposed, **done}


def test_summary_of_the_readme_is_worded_like_a_real_one(night):
    shown = README.partition("```\nage_income\n")[2].partition("\n```")[0]
    printed = night.done.stdout.partition("age_income\n")[2].partition("\n\n")[0]
    number = re.compile(r"[+-]?\d[\d,.]*")
    assert number.sub("#", shown).splitlines() == number.sub("#", printed).splitlines()
    assert "612 test rows" in shown


@pytest.mark.parametrize("command", [c for c in COMMANDS if not about_houses(c)])
def test_query_of_the_readme_works(night, command):
    done = night.workspace.run(*shlex.split(command))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1


@pytest.mark.parametrize("statement", QUERIES)
def test_sql_of_the_readme_works(night, statement):
    assert night.workspace.sql(statement)


def test_predictions_of_the_readme_are_those_of_a_night(night):
    _, *shown = README.partition("LIMIT 3;\n```\n\n```\n")[2].partition("\n```")[0].splitlines()
    for line, row in zip(shown, night.workspace.sql(QUERIES[0]), strict=True):
        key, *figures = line.split()
        assert key == row[0]
        assert [float(figure) for figure in figures] == pytest.approx(row[1:], rel=0.02)


def test_own_data_of_the_readme_works(houses):
    workspace, commands = houses
    assert [command.split()[0] for command in commands] == ["init", "check", "retrain", "status"]
    for done in commands.values():
        assert done.returncode == 0, done.stderr
    proposed = (workspace.folder / "proposed.yaml").read_text()
    assert 'source: {path: "houses.csv"}\nkey: house    # unique' in proposed
    assert workspace.sql("SELECT key FROM rejected_row") == [("120",)]
    new = workspace.sql("SELECT predicted FROM current_prediction WHERE role = 'new'")
    assert len(new) == 1
    assert 90 < new[0][0] < 400


@pytest.mark.parametrize("document", ["README.md", "docs/trust.md"])
def test_tests_that_a_document_names_exist(document):
    text = (ROOT / document).read_text()
    files = re.findall(r"(?:pytest |python )(tests/[\w/.-]+)", text)
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert files or document == "README.md"


def test_make_targets_of_the_readme_exist():
    targets = re.findall(r"^    make (\w+)", README, flags=re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert targets == ["nightly", "test"]
    assert all(f"\n{target}:" in makefile for target in targets)
