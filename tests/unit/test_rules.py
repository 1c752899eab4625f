"""A declared rule is data: known keywords with plain values, of which nothing is run or fetched."""

import pytest
from helpers.timing import within

from data.declarations.file import load_dataset
from data.errors import CallError

GOOD = "source: {path: rows.csv}\nkey: id\ntarget: y\nexpectations:\n"
NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
REGEX = "expect_column_values_to_match_regex"
SCHEMA = "expect_column_values_to_match_json_schema"
COMMAND = "@pd.io.common.os.system(''touch marker'')"


def declared(folder, type_: str, kwargs: str):
    column = "" if "column_list: 0.5" in kwargs else "column: x, "
    text = f"{GOOD}  - type: {type_}\n    kwargs: {{{column}{kwargs}}}\n"
    (folder / "shop.yaml").write_text(text, encoding="utf-8")
    return load_dataset("shop", folder)


@pytest.mark.parametrize(
    ("type_", "kwargs", "message"),
    [
        (NULL, f"row_condition: '{COMMAND}'", "'row_condition' is text, which would be run"),
        (NULL, 'row_condition: col("x").notNull()', "'row_condition' is text"),
        (NULL, "condition_parser: pandas", "'condition_parser' cannot be used. A 'row_condition'"),
        (
            NULL,
            f"row_condition: {{type: pass_through, pass_through_filter: '{COMMAND}'}}",
            "'row_condition' has the type 'pass_through'; it should be nullity, comparison",
        ),
        (
            NULL,
            "row_condition: {type: or, conditions: [{type: pass_through, pass_through_filter: x}]}",
            "'row_condition' has the type 'pass_through'",
        ),
        (NULL, "row_condition: {type: or, conditions: ['x > 1']}", "should be a mapping"),
        (NULL, "row_condition: {$PARAMETER: x}", "'row_condition' has the type None"),
        (
            NULL,
            "row_condition: {type: comparison, column: {name: x}, operator: ==, parameter: {a: 1}}",
            "has a parameter that is not text, a finite number",
        ),
        (
            NULL,
            "row_condition: {type: comparison, column: {name: x}, operator: IN, parameter: abc}",
            "should have a list as the parameter of IN",
        ),
        (
            NULL,
            "row_condition: {type: comparison, column: {name: x}, operator: '@', parameter: 1}",
            "has the operator '@'; it should be one of ==, !=",
        ),
        (NULL, "row_condition: {type: nullity, column: x, is_null: true}", "is not {name: ...}"),
        (NULL, "row_condition: {type: nullity, column: {name: x}}", "should have the names type,"),
        (BETWEEN, "min_value: {$PARAMETER: 9^9^9^9}", "'min_value' should be a finite number"),
        (BETWEEN, "mostly: {$PARAMETER: now()}", "'mostly' should be a number from 0 to 1"),
        (BETWEEN, "mostly: 2", "'mostly' should be a number from 0 to 1"),
        (BETWEEN, "min_value: .nan", "'min_value' should be a finite number"),
        (BETWEEN, "max_value: .inf", "'max_value' should be a finite number"),
        (BETWEEN, "strict_min: 1", "'strict_min' should be true or false"),
        (BETWEEN, "batch_id: x", "'batch_id' is not one of its keywords. They are column,"),
        (BETWEEN, "meta: {notes: x}", "'meta' is not one of its keywords."),
        (BETWEEN, "result_format: {}", "'result_format' is not one of its keywords."),
        (BETWEEN, "auto: true", "'auto' is not one of its keywords."),
        ("expect_compound_columns_to_be_unique", "column_list: 0.5", "should be a list of columns"),
        (BETWEEN, "column_list: [a]", "'column_list' is not one of its keywords."),
        ("expect_column_values_to_be_in_set", "value_set: {$PARAMETER: x}", "a list of values"),
        ("expect_column_values_to_be_in_set", "value_set: [[1]]", "a list of texts, finite"),
        ("unexpected_rows_expectation", "unexpected_rows_query: select 1", "databases only"),
        ("expect_query_results_to_match_comparison", "base_query: x", "databases only"),
        ("expect_table_row_count_to_equal_other_table", "a: b", "databases only"),
        ("expect_column_values_to_match_like_pattern", "like_pattern: a%", "databases only"),
        ("expect_column_values_to_be_betwen", "", f"Did you mean '{BETWEEN}'?"),
        ("expect_column_values_to_be_of_type", "type_: 'i4,i4'", "should be the name of a type"),
        ("expect_column_values_to_match_strftime_format", "strftime_format: '%d%d'", "part once"),
        ("expect_column_values_to_match_strftime_format", "strftime_format: '%Q'", "a format of"),
        (SCHEMA, "json_schema: {$ref: 'file:///etc/passwd'}", "has the word '$ref', which cannot"),
        (SCHEMA, "json_schema: {properties: {a: {$ref: 'http://x/y'}}}", "has the word '$ref'"),
        (SCHEMA, "json_schema: {allOf: [{$dynamicRef: '#'}]}", "has the word '$dynamicRef'"),
        (SCHEMA, "json_schema: {items: {pattern: '(a+)+$'}}", "has the word 'pattern'"),
        (SCHEMA, "json_schema: {patternProperties: {'(a+)+$': {}}}", "has the word 'patternProp"),
        (SCHEMA, "json_schema: {properties: [a]}", "has 'properties', which should be a mapping"),
        (REGEX, "regex: '(a+'", "'regex' '(a+' is not a regular expression: missing )"),
        (REGEX, r"regex: '(a+)+\1$'", "refers to one of its groups. Write it without"),
        (REGEX, "regex: '(?=a)(a+)+$'", "looks ahead or behind"),
        (REGEX, "regex: '^(?!a)'", "looks ahead or behind"),
        (REGEX, "regex: '(?>a+)b'", "has an atomic group"),
        (REGEX, "regex: 'a++b'", "has a possessive repetition"),
        (REGEX, "regex: '(a)?(?(1)b|c)'", "depends on one of its groups"),
        (
            REGEX,
            r"regex: '\bword\b'",
            "the letters of all languages. Begin it with (?a)",
        ),
        (REGEX, r"regex: 'a$b'", "has a $ with something after it"),
        (REGEX, "regex: '(a{1,1000}){1,1000}'", "is too large once its repetitions are written"),
        (REGEX, "regex: '((((a{20}){20}){20}){20}){20}'", "is too large once its repetitions"),
        (REGEX, "regex: 'a{99999999999}'", "is not a regular expression"),
        (REGEX, f"regex: '{'a' * 1001}'", "has more than 1,000 characters"),
        (REGEX, f"regex: '{'(' * 490 + ')' * 490}'", "is not a regular expression"),
        (REGEX, "regex: {$PARAMETER: x}", "'regex' should be text"),
        (REGEX, "regex: ''", "'regex' should be text that is not empty"),
        (f"{REGEX}_list", f"regex_list: [{'a,' * 51}]", "a list of at most 50 items"),
        (
            f"{REGEX}_list",
            "regex_list: [" + '"a{1000}", ' * 21 + "]",
            "of the declaration are too large",
        ),
        (f"{REGEX}_list", "regex_list: ['a', '(?=b)']", "looks ahead or behind"),
        (f"{REGEX}_list", "regex_list: [a], match_on: most", "should be one of any, all"),
        (f"{REGEX}_list", "regex_list: a", "should be a list of regular expressions"),
    ],
)
def test_what_a_rule_does_not_need_is_refused_with_its_line(tmp_path, type_, kwargs, message):
    with within(1), pytest.raises(CallError) as caught:
        declared(tmp_path, type_, kwargs)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/shop.yaml, line ")
    assert "line 5" in str(caught.value) or "line 6" in str(caught.value)
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize(
    ("type_", "kwargs"),
    [
        (NULL, "row_condition: {type: nullity, column: {name: a b}, is_null: false}, mostly: 0.9"),
        (
            NULL,
            "row_condition: {type: comparison, column: {name: x}, operator: '>=', parameter: 16}",
        ),
        (BETWEEN, "min_value: 2024-03-31, max_value: '2024-04-30', strict_max: true"),
        (BETWEEN, "min_value: null, max_value: 3, description: why"),
        ("expect_column_values_to_be_in_set", "value_set: [1, a, 2024-01-01, true, null]"),
        ("expect_column_values_to_match_strftime_format", "strftime_format: '%Y-%m-%d 100%%'"),
        ("expect_column_values_to_be_of_type", "type_: int64"),
        (SCHEMA, "json_schema: {type: object, required: [a], properties: {a: {minimum: 3}}}"),
        (SCHEMA, "json_schema: {properties: {$ref: {type: string}}, additionalProperties: false}"),
        (REGEX, "regex: '^[A-Z]{2}\\d{4,}$'"),
        (REGEX, "regex: '(a+)+$'"),
        (REGEX, r"regex: '(?a)\bword\b'"),
        (REGEX, r"regex: '^\w{1,100}@\w+\.(com|org)\Z'"),
        (
            "expect_column_quantile_values_to_be_between",
            "quantile_ranges: {quantiles: [0.5],"
            " value_ranges: [[1, null]]}, allow_relative_error: false",
        ),
    ],
)
def test_what_a_rule_needs_is_accepted(tmp_path, type_, kwargs):
    assert declared(tmp_path, type_, kwargs).expectations[0].type == type_


def test_a_list_of_rules_is_refused_with_the_line_of_each(tmp_path):
    rules = "".join(f"  - type: {NULL}\n    kwargs: {{column: {c}}}\n" for c in ("a", "[b]", "1"))
    (tmp_path / "shop.yaml").write_text(GOOD + rules)
    with pytest.raises(CallError) as caught:
        load_dataset("shop", tmp_path)
    first, second = str(caught.value).splitlines()
    assert first.endswith(
        "line 8: 'expectations[2].kwargs': 'column' should be text that is not empty."
    )
    assert second.startswith("line 10: 'expectations[3].kwargs'")


def test_many_large_expressions_are_refused_before_time_is_spent_on_them(tmp_path):
    large = ",".join(f"'(?i)[acegik]{{100}}{number}'" for number in range(50))
    rules = "".join(
        f"  - type: {REGEX}_list\n    kwargs: {{column: x, regex_list: [{large}]}}\n"
        for _ in range(20)
    )
    (tmp_path / "shop.yaml").write_text(GOOD + rules)
    why = "There may be 200 of them, fewer if they are long"
    with within(5), pytest.raises(CallError, match=why):
        load_dataset("shop", tmp_path)
