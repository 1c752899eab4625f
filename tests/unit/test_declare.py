"""A declaration is read strictly; mistakes are reported with their line and the nearest word."""

import datetime
import json
import re
from pathlib import Path

import pytest
from helpers.store_nights import night
from pydantic import ValidationError

from data.declarations.file import declared_datasets, load_dataset
from data.declarations.model import Declaration
from data.errors import CallError
from data.vocabulary import FRAMEWORKS

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "data" / "datasets"
GOOD = "source: {path: rows.csv}\nkey: id\ntarget: y\n"


def declared(folder: Path, text: str, name: str = "shop") -> Declaration:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_dataset(name, folder)


def mistake(folder: Path, text: str) -> str:
    with pytest.raises(CallError) as caught:
        declared(folder, text)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_three_keys_are_enough_and_the_rest_has_the_documented_defaults(tmp_path):
    shop = declared(tmp_path, GOOD)
    assert (shop.name, shop.key, shop.target, shop.time) == ("shop", ("id",), "y", None)
    assert shop.source.path == tmp_path / "rows.csv"
    assert (shop.split.test, shop.split.folds, shop.split.group) == (0.2, 5, None)
    assert (shop.max_shrinkage, shop.max_age, shop.bounds) == (0.5, None, None)
    assert (shop.interval.levels, shop.interval.by) == ((0.9,), None)
    assert shop.ann.hidden == (128, 128)
    assert (shop.infinite, shop.predictions) == ("refuse", None)
    assert shop.candidates.frameworks == FRAMEWORKS
    assert shop.candidates.kinds == ("least_squares", "gradient_descent", "ann")
    assert shop.promotion.model_dump() == {
        "min_gain": 0,
        "max_loss": 0,
        "max_point_loss": 0.05,
        "confidence": 0.95,
    }
    assert (shop.weight, shop.intercept, shop.terms, shop.products) == (None, True, (), ())
    descent = {"learning_rate": None, "epochs": 10_000, "start": "zero"}
    assert shop.gradient_descent.model_dump() == descent


@pytest.mark.parametrize(
    ("text", "levels", "by", "kept"),
    [
        ("interval: 0.8", (0.8,), None, 0.8),
        ("interval: [0.5, 0.95, 0.8]", (0.95, 0.8, 0.5), None, [0.95, 0.8, 0.5]),
        ("interval: {level: 0.8}", (0.8,), None, 0.8),
        ("interval: {by: region}", (0.9,), "region", {"level": 0.9, "by": "region"}),
        (
            "interval: {level: [0.5, 0.9], by: region}",
            (0.9, 0.5),
            "region",
            {"level": [0.9, 0.5], "by": "region"},
        ),
    ],
)
def test_an_interval_is_stored_as_short_as_it_may_be_declared_and_read_again(
    tmp_path, text, levels, by, kept
):
    shop = declared(tmp_path, GOOD + text)
    assert (shop.interval.levels, shop.interval.by) == (levels, by)
    stored = shop.model_dump_json()
    assert json.loads(stored)["interval"] == kept
    assert Declaration.model_validate_json(stored) == shop
    run = night(1, declaration=stored)
    assert (run.interval_level, run.interval_levels) == (
        levels[0],
        ", ".join(map(str, levels)),
    )


def test_bundled_declarations_load_and_name_files_that_exist():
    assert declared_datasets(BUNDLED) == ("age_income", "income_expenses", "users_revenue")
    for name in declared_datasets(BUNDLED):
        assert load_dataset(name, BUNDLED).source.path.is_file()
    assert load_dataset("users_revenue", BUNDLED).time == "quarter_end"


def test_every_example_on_the_page_about_datasets_can_be_declared(tmp_path):
    page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 5
    for text in examples:
        whole = text if "source:" in text else GOOD + text
        assert declared(tmp_path, whole).source.path.suffix == ".csv"


def test_paths_are_relative_to_the_declaration_not_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    folder = tmp_path / "mine"
    folder.mkdir()
    shop = declared(folder, GOOD.replace("rows.csv", "../rows.csv"))
    assert shop.source.path == tmp_path / "rows.csv"


def test_a_file_may_give_its_dataset_another_name(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD + "name: sales\n")
    assert declared_datasets(tmp_path) == ("sales",)
    assert load_dataset("sales", tmp_path).name == "sales"


def test_two_files_with_one_name_are_refused_with_both_paths(tmp_path):
    for file in ("a.yaml", "b.yaml"):
        (tmp_path / file).write_text(GOOD + "name: sales\n")
    with pytest.raises(CallError, match=r"a\.yaml and .*b\.yaml"):
        load_dataset("sales", tmp_path)


def test_a_broken_declaration_leaves_the_others_readable(tmp_path):
    (tmp_path / "broken.yaml").write_text("key: [\n")
    assert declared(tmp_path, GOOD).name == "shop"
    assert declared_datasets(tmp_path) == ("broken", "shop")


def test_an_unknown_dataset_is_reported_with_the_nearest_name_and_the_list(tmp_path):
    declared(tmp_path, GOOD)
    with pytest.raises(CallError) as caught:
        load_dataset("shpo", tmp_path)
    assert "'shpo'" in str(caught.value)
    assert "Did you mean 'shop'?" in str(caught.value)
    assert "The declared datasets are: shop." in str(caught.value)


def test_a_missing_folder_is_named_with_the_setting_that_moves_it(tmp_path):
    with pytest.raises(CallError, match="NIGHTFIT_DATASETS"):
        load_dataset("shop", tmp_path / "nowhere")


def test_a_misspelt_key_is_reported_with_file_line_and_the_right_word(tmp_path):
    message = mistake(tmp_path, "source: {path: rows.csv}\nkey: id\n\ntagret: y\n")
    assert message == (
        f"{tmp_path}/shop.yaml, line 4: 'tagret' is not a key of a declaration."
        " Did you mean 'target'?"
    )


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("split:\n  tset: 0.3\n", "line 5: 'tset' is not a key of 'split'. Did you mean 'test'?"),
        (
            "hidden: [16, 8]\n",
            "'hidden' is not a key of a declaration. Write it as ann: {hidden: ...}.",
        ),
        ("split: {folds: five}\n", "line 4: 'split.folds' should be a whole number"),
        ("split: {folds: true}\n", "but is true."),
        ("split: {test: 2}\n", "line 4: 'split.test' should be below 1.0, but is the number 2."),
        ("split: {group: y}\n", "line 4: 'split': 'y' is the target and cannot group the rows."),
        ("split: {grop: a}\n", "'grop' is not a key of 'split'. Did you mean 'group'?"),
        ("split: {group: [a]}\n", "'split.group' should be a single text, but is the list ['a']."),
        (
            "time: t\nsplit: {group: a}\n",
            "line 5: 'split': the rows cannot be split both by the group 'a' and by the time 't'.",
        ),
        ("predictions: news\n", "Did you mean 'new'?"),
        ("predictions: [all]\n", "line 4: 'predictions' cannot be the list ['all']."),
        ("interval:\n", "line 4: 'interval': it is empty, and not a share above 0 and below 1."),
        (
            "interval: 90\n",
            "'interval': 90 is not a share above 0 and below 1. For 90%, write 0.9.",
        ),
        (
            "interval: [0.5, 95%]\n",
            "'95%' is not a share above 0 and below 1. For 95%, write 0.95.",
        ),
        ("interval: {level: 1}\n", "line 4: 'interval.level': 1 is not a share"),
        ("interval: [0.1, 0.2, 0.3, 0.4]\n", "there are 4 levels. Declare one to 3,"),
        ("interval: []\n", "the list of levels is empty."),
        ("interval: [0.9, 0.90]\n", "the levels 0.9 and 0.9 are the same."),
        ("interval: [0.9, 0.90001]\n", "the levels 0.9 and 0.90001 hardly differ."),
        ("interval: {levels: 0.9}\n", "'levels' is not a key of 'interval'. Did you mean 'level'?"),
        (
            "interval: {by: y}\n",
            "line 4: 'interval': intervals cannot be 'by' 'y': it is the target",
        ),
        ("interval: {by: id}\n", "it is the key, which differs in each row"),
        ("time: t\ninterval: {by: t}\n", "it is the time column"),
        ("weight: w\ninterval: {by: w}\n", "it is the weight"),
        ("bounds: 0\n", "line 4: 'bounds': should be a list of two bounds. Declare the lowest and"),
        ("bounds: [0]\n", "null where there is none: [0, null]."),
        ("bounds: [null, null]\n", "neither bound is a number. Leave 'bounds' out"),
        (
            "bounds: [1, 0]\n",
            "the lowest value, 1, is not below the highest, 0. Swap them: [0, 1].",
        ),
        ("bounds: [2, 2]\n", "the lowest value, 2, is not below the highest, 2. Declare two that"),
        ("bounds: [0, .inf]\n", "inf is not a finite number."),
        ("types: {a: numbr}\n", "Did you mean 'number'?"),
        ("types: {y: category}\n", "the target 'y' must be a number"),
        (
            "weight: w\ntypes: {w: boolean}\n",
            "line 5: 'types': the weight 'w' must be a number",
        ),
        ("formats: {d: MM/DD/YYYY}\n", "line 4: 'formats.d': 'MM/DD/YYYY' is not a format."),
        ("formats: {d: MM/DD/YYYY}\n", "Did you mean '%m/%d/%Y'?"),
        ("formats: {d: %d.%m.%Y}\n", "Put text that begins with %, @ or ` in quotes."),
        ("formats: {p: 12,50 €}\n", "A format with a comma in it needs quotes."),
        ("format: {p: 12 kg}\n", "Did you mean 'formats'?"),
        ("formats: {y: '%Y'}\n", "'%Y' is a format of times, but the target 'y' must be a number"),
        (
            "types: {p: category}\nformats: {p: 12 kg}\n",
            "line 5: 'formats': '12 kg' is a format of numbers, but 'types' declares 'p' a cat",
        ),
        (
            "time: t\nmax_age: 1 day\nformats: {t: 12 kg}\n",
            "'max_age': the time column 't' is declared to hold numbers",
        ),
        ("time: t\nformats: {t: yes/no}\n", "'t' must be a time or a number"),
        ("weight: y\n", "'y' is the target and cannot weight the rows."),
        ("weight: id\n", "'id' is the key and cannot weight the rows."),
        ("weight: [a]\n", "line 4: 'weight' should be a single text, but is the list ['a']."),
        ("weight: {a: 1}\n", "line 4: 'weight' should be a single text, but is a mapping."),
        ("wieght: a\n", "Did you mean 'weight'?"),
        ("intercept: nope\n", "should be true or false, but is the text 'nope'."),
        ("intercept: 0\n", "should be true or false, but is the number 0."),
        (
            "gradient_descent: {learning_rat: 0.1}\n",
            "'learning_rat' is not a key of 'gradient_descent'. Did you mean 'learning_rate'?",
        ),
        ("gradient_descent:\n  learning_rate: 0\n", "line 5: 'gradient_descent.learning_rate'"),
        ("gradient_descent: {learning_rate: 0}\n", "should be above 0.0, but is the number 0."),
        ("gradient_descent: {learning_rate: .inf}\n", "should be a finite number"),
        ("gradient_descent: {learning_rate: '0.1'}\n", "should be a number, but is the text '0.1'"),
        ("gradient_descent: {epochs: 0}\n", "should be at least 1, but is the number 0."),
        ("gradient_descent: {epochs: 10000001}\n", "should be at most 10000000"),
        ("gradient_descent: {epochs: 1e4}\n", "should be a whole number"),
        ("gradient_descent: {start: lst}\n", "Did you mean 'last'? Choose from zero, last."),
        ("gradient_descent: 0.01\n", "should be a mapping of names to values"),
        ("time: t\ntypes: {t: boolean}\n", "must be a time or a number"),
        ("time: y\n", "'y' is the target and cannot order"),
        ("features: [y]\n", "line 4: 'features': 'y' is the target"),
        ("features: [a, a]\n", "'a' is listed twice"),
        ("features: []\n", "should be a list that is not empty"),
        ("features: [yes]\n", "'features[1]' should be text (put it in quotes"),
        ("candidates: {kinds: [anm]}\n", "Did you mean 'ann'?"),
        ("ann: {hidden: [0]}\n", "'ann.hidden[1]' should be at least 1"),
        ("ann: {budget: 10}\n", "'ann.budget': 10 is not a duration. Write it as 10 minutes"),
        ("ann: {budget: 2 days}\n", "'days' is not a unit. Write it as 10 minutes or 1.5 hours."),
        ("ann: {budget: 0 minutes}\n", "'0 minutes' is zero"),
        ("ann: {budget: 1 minuet}\n", "Did you mean 'minutes'?"),
        ("promotion: {max_loss: .inf}\n", "should be a finite number"),
        ("max_shrinkage: 1\n", "'max_shrinkage' should be below 1.0, but is the number 1."),
        ("max_shrinkage: 50%\n", "'max_shrinkage' should be a number, but is the text '50%'."),
        ("max_shrinkge: 0.9\n", "Did you mean 'max_shrinkage'?"),
        ("time: t\nmax_age: 2 dyas\n", "line 5: 'max_age': '2 dyas' is not a duration, because"),
        ("time: t\nmax_age: 2 dyas\n", "Did you mean 'days'? Write it as 36 hours, 2 days or"),
        ("time: t\nmax_age: 2\n", "'max_age': 2 is not a duration. Write it as 36 hours"),
        (
            "max_age: 2 days\n",
            "line 4: 'max_age': no 'time' column is declared, so the rows have no age",
        ),
        (
            "time: t\ntypes: {t: number}\nmax_age: 2 days\n",
            "line 6: 'max_age': the time column 't' is declared to hold numbers",
        ),
        ("name: a b\n", "made of letters, digits, _ and - only"),
        ("expectations:\n - type: expect_a\n   severty: x\n", "line 6: 'severty' is not a key"),
        ("expectations:\n - {type: e, severity: critcal}\n", "Did you mean 'critical'?"),
        ("key: other\n", "line 4: 'key' appears twice."),
        ("'a:\n", "This is not YAML"),
    ],
)
def test_mistakes_are_reported_with_their_line_and_key(tmp_path, addition, message):
    assert message in mistake(tmp_path, GOOD + addition)


def test_all_mistakes_are_reported_at_once_in_the_order_of_their_lines(tmp_path):
    text = "source: {paht: a.csv}\nkey: 1\ntarget: y\ninterval: 2\n"
    lines = mistake(tmp_path, text).splitlines()
    assert "'paht'" in lines[0]
    assert lines[1].startswith("line 2: 'key[1]' should be text")
    assert lines[2].startswith("line 4: 'interval': 2 is not a share")
    assert len(lines) == 3


def test_missing_keys_are_reported(tmp_path):
    message = mistake(tmp_path, "source: {path: a.csv}\n")
    assert "'key' is missing." in message
    assert "'target' is missing." in message


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words\n"])
def test_a_file_that_is_not_a_mapping_is_refused(tmp_path, text):
    assert "is a mapping" in mistake(tmp_path, text)


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    (tmp_path / "shop.yaml").write_bytes(b"description: caf\xe9\n" + GOOD.encode())
    with pytest.raises(CallError, match="not UTF-8: byte 16"):
        load_dataset("shop", tmp_path)


def test_one_thousandth_may_be_written_with_an_exponent(tmp_path):
    assert declared(tmp_path, GOOD + "promotion: {min_gain: 1e-3}\n").promotion.min_gain == 1e-3


def test_dates_reach_an_expectation_as_dates(tmp_path):
    kwargs = "{column: t, min_value: 2024-03-31}"
    text = f"{GOOD}expectations:\n - type: expect_column_min_to_be_between\n   kwargs: {kwargs}\n"
    assert declared(tmp_path, text).expectations[0].kwargs["min_value"] == datetime.date(
        2024, 3, 31
    )


def test_features_default_to_all_but_key_and_target_in_the_order_of_the_file(tmp_path):
    shop = declared(tmp_path, GOOD)
    assert shop.feature_names(["z", "id", "a", "y"]) == ("z", "a")
    named = declared(tmp_path, GOOD + "features: [b, a]\n")
    assert named.feature_names(["a", "b", "c"]) == ("b", "a")


def test_the_columns_of_a_longer_key_are_features_unless_others_are_declared(tmp_path):
    columns = ["z", "id", "a", "y", "part"]
    longer = GOOD.replace("key: id", "key: [id, part]")
    assert declared(tmp_path, longer).feature_names(columns) == ("z", "id", "a", "part")
    grouped = declared(tmp_path, longer + "split: {group: part}\n")
    assert grouped.feature_names(columns) == ("z", "id", "a")
    named = declared(tmp_path, longer + "features: [part, a]\nterms: [part:a]\n")
    assert named.feature_names(columns) == ("part", "a")
    single = declared(tmp_path, GOOD + "features: [id, a]\n")
    assert single.feature_names(columns) == ("id", "a")


def test_a_weight_is_not_a_feature_unless_declared_as_one(tmp_path):
    shop = declared(tmp_path, GOOD + "weight: w\n")
    assert shop.feature_names(["a", "w", "id", "y"]) == ("a",)
    both = declared(tmp_path, GOOD + "weight: w\nfeatures: [w, a]\n")
    assert both.feature_names(["a", "w", "id", "y"]) == ("w", "a")


def test_a_group_is_not_a_feature_unless_declared_as_one(tmp_path):
    shop = declared(tmp_path, GOOD + "split: {group: g}\n")
    assert shop.feature_names(["a", "g", "id", "y"]) == ("a",)
    both = declared(tmp_path, GOOD + "split: {group: g}\nfeatures: [g, a]\n")
    assert both.feature_names(["a", "g", "id", "y"]) == ("g", "a")


def test_a_part_of_the_key_may_be_the_group(tmp_path):
    text = GOOD.replace("key: id", "key: [g, id]") + "split: {group: g}\n"
    assert declared(tmp_path, text).split.group == "g"


def test_the_gradient_descent_of_the_article_can_be_declared(tmp_path):
    text = "gradient_descent: {learning_rate: 0.01, epochs: 10_000, start: last}\nintercept: no\n"
    shop = declared(tmp_path, GOOD + text)
    assert shop.gradient_descent.learning_rate == 0.01
    assert (shop.gradient_descent.epochs, shop.gradient_descent.start) == (10_000, "last")
    assert shop.intercept is False


def test_a_declaration_cannot_be_changed(tmp_path):
    shop = declared(tmp_path, GOOD)
    with pytest.raises(ValidationError):
        shop.target = "id"
    assert shop.target == "y"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2024-02-30", "day is out of range for month"),
        ("2024-13-01 10:00:00", "month must be in 1..12"),
    ],
)
def test_an_impossible_date_is_a_mistake_with_its_line_and_stops_no_other_dataset(
    tmp_path, value, why
):
    declared(tmp_path, GOOD, "good")
    rule = f"{{type: expect_column_max_to_be_between, kwargs: {{column: x, max_value: {value}}}}}"
    message = mistake(tmp_path, GOOD + f"expectations:\n  - {rule}\n")
    for word in ("shop.yaml, line 5", value, why, "quotes"):
        assert word in message
    assert declared_datasets(tmp_path) == ("good", "shop")
    assert load_dataset("good", tmp_path).name == "good"
