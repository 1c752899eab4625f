"""What `nightfit serve` makes of the file of the deployments and of what is declared."""

import pytest
import yaml

from data.called_from import called_from_page
from data.errors import CallError
from data.settings import ROOT
from data.sources.as_of import require_time_column
from flows.command.deployments import deployments_in, offering, with_slugs

SCHEMA = {
    "type": "object",
    "required": ["dataset"],
    "properties": {
        "dataset": {"type": "string", "title": "dataset"},
        "datasets": {"type": "array", "items": {"type": "string"}},
        "force": {"type": "boolean"},
    },
}


@pytest.mark.parametrize("names", [(), ("line",), ("line", "shop", "wages")])
def test_form_gets_a_list_of_choices_however_many_there_are(names):
    offered = offering(SCHEMA, names, {})["properties"]
    assert offered["dataset"] == {"type": "string", "title": "dataset", "enum": [*names]}
    assert offered["datasets"]["items"] == {"type": "string", "enum": [*names]}
    assert offered["force"] == {"type": "boolean"}


def test_form_offers_what_its_deployment_sets_even_if_it_is_no_longer_declared():
    offered = offering(SCHEMA, ["line"], {"datasets": ["gone"], "dataset": "away"})["properties"]
    assert offered["dataset"]["enum"] == ["away", "gone", "line"]


def test_form_refuses_a_parameter_that_is_none_unless_its_deployment_sets_it():
    assert offering(SCHEMA, ["line"], {"force": True})["additionalProperties"] is False
    assert offering(SCHEMA, ["line"], {"epochs": 3})["additionalProperties"] is True


def test_schedules_without_a_slug_are_counted():
    assert with_slugs([{"cron": "0 2 * * *"}, {"slug": "noon"}, {"cron": "0 3 * * *"}]) == [
        {"cron": "0 2 * * *", "slug": "schedule-1"},
        {"slug": "noon"},
        {"cron": "0 3 * * *", "slug": "schedule-3"},
    ]
    assert with_slugs(None) == []


def test_our_own_file_leaves_to_the_page_whether_its_schedules_are_active():
    (schedule,) = deployments_in(ROOT / "prefect.yaml")["nightly"]["schedules"]
    assert schedule["slug"] == "every-night"
    assert "active" not in schedule


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "The file of the deployments cannot be read: No such file or directory."),
        ("deployments: [", "It is not YAML: "),
        ("", "It has no list `deployments`."),
        ("deployments: nightly", "It has no list `deployments`."),
        ("deployments: [nightly]", "A deployment in it has no name."),
        ("deployments: [{name: nightly, schedules: daily}]", "The schedules of nightly are not"),
    ],
)
def test_file_that_cannot_be_deployed_is_refused_with_its_name(tmp_path, text, what):
    file = tmp_path / "mine.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CallError) as caught:
        deployments_in(file)
    assert caught.value.what.startswith(what)
    assert str(file) in str(caught.value)
    assert "NIGHTFIT_PREFECT_FILE" in caught.value.next_step


def test_file_may_have_more_deployments_than_ours(tmp_path):
    ours = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    ours["deployments"].append({"name": "retrain-sales", "parameters": {"dataset": "sales"}})
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(ours))
    assert [*deployments_in(file)] == ["nightly", "retrain", "retrain-sales"]


def test_messages_speak_of_options_in_a_terminal_and_of_fields_on_the_page(declaration_of_line):
    with pytest.raises(CallError, match="leave out --as-of"):
        require_time_column(declaration_of_line)
    with called_from_page(), pytest.raises(CallError, match="leave as_of empty"):
        require_time_column(declaration_of_line)
    with pytest.raises(CallError, match="leave out --as-of"):
        require_time_column(declaration_of_line)


@pytest.fixture
def declaration_of_line():
    """A declaration without a time column."""
    from data.declarations.model import Declaration

    return Declaration.model_validate(
        {"name": "line", "source": {"path": "line.csv"}, "key": "row", "target": "y"},
        context={"folder": ROOT},
    )
