"""The rules of Great Expectations that a declaration may name, with the keywords of each.

A rule may have these keywords and no others, each with a plain value: nothing that is evaluated,
fetched, or sent to a database.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any

from data.declarations.conditions import refuse_wrong_condition
from data.declarations.mistakes import nearest
from data.declarations.patterns import LEAST_COUNTED, refuse_slow, size_of
from data.declarations.schemas import refuse_wrong_schema
from data.errors import DeclarationMistake, quoted

MAX_PATTERNS = 50
MAX_FORMAT = 100
"""Characters of a format of dates."""

Check = Callable[[Any], None]
"""Raises `DeclarationMistake` with the end of a sentence about a value."""


def _refuse(expected: str) -> None:
    raise DeclarationMistake(f"should be {expected}")


def _text(value: Any) -> None:
    if not isinstance(value, str) or not value:
        _refuse("text that is not empty")


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        _refuse("true or false")


def is_number(value: Any) -> bool:
    """Return whether a value is a number that is finite; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any) -> None:
    if not is_number(value):
        _refuse("a finite number")


def _count(value: Any) -> None:
    if value is not None and not (is_number(value) and value >= 0):
        _refuse("a number, 0 or more")


def _share(value: Any) -> None:
    if not (is_number(value) and 0 <= value <= 1):
        _refuse("a number from 0 to 1")


def _limit(value: Any) -> None:
    if not (value is None or isinstance(value, str | date) or is_number(value)):
        _refuse("a finite number, a date or text")


def _scalar(value: Any) -> None:
    if not (isinstance(value, str | bool | date) or value is None or is_number(value)):
        _refuse("a list of texts, finite numbers, dates, true or false")


def _word(*words: str | bool) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, str | bool) or value not in words:
            _refuse(f"one of {', '.join(map(str, words)).lower()}")

    return check


def _list(item: Check, expected: str, longest: int | None = None) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, list | tuple):
            _refuse(expected)
        if longest is not None and len(value) > longest:
            _refuse(f"a list of at most {longest} items")
        for part in value:
            item(part)

    return check


def _pattern(value: Any) -> None:
    _text(value)
    refuse_slow(value)


def _type_name(value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,49}", value):
        _refuse("the name of a type, such as int64 or str")


def _format(value: Any) -> None:
    _text(value)
    directives = re.findall(r"%(.?)", value, re.DOTALL)
    parts = [part for part in directives if part != "%"]
    if len(value) > MAX_FORMAT or not set(parts) <= set("aAbBcdfGHIjmMpSuUVwWxXyYzZ"):
        _refuse(f"a format of dates such as %Y-%m-%d, of at most {MAX_FORMAT} characters")
    if len(parts) > len(set(parts)):
        _refuse("a format that has each part once")


def _pair(value: Any) -> None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        _refuse("a list of pairs")
    for part in value:
        _scalar(part)


def _mapping(keys: Mapping[str, Check]) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, Mapping) or not set(value) <= set(keys):
            _refuse(f"a mapping with the names {', '.join(keys)}")
        for name, part in value.items():
            keys[name](part)

    return check


_SET = _list(_scalar, "a list of values")
_NUMBERS = _list(_number, "a list of numbers")
_NAMES = _list(_text, "a list of columns")
_ENDS = _list(_limit, "a list of two limits", 2)

_COLUMN: dict[str, Check] = {"column": _text, "row_condition": refuse_wrong_condition}
_VALUES = {**_COLUMN, "mostly": _share}
_STRICT: dict[str, Check] = {"strict_min": _flag, "strict_max": _flag}
_BETWEEN: dict[str, Check] = {"min_value": _limit, "max_value": _limit, **_STRICT}
_COUNTED: dict[str, Check] = {"min_value": _count, "max_value": _count, **_STRICT}
_PAIR = {
    **{name: check for name, check in _VALUES.items() if name != "column"},
    "column_A": _text,
    "column_B": _text,
    "ignore_row_if": _word("both_values_are_missing", "either_value_is_missing", "neither"),
}
_ROW: dict[str, Check] = {
    **{name: check for name, check in _VALUES.items() if name != "column"},
    "column_list": _NAMES,
    "ignore_row_if": _word("all_values_are_missing", "any_value_is_missing", "never"),
}
_TABLE: dict[str, Check] = {"row_condition": refuse_wrong_condition}
_MATCH_ON = {"match_on": _word("any", "all")}
_PATTERNS = {"regex_list": _list(_pattern, "a list of regular expressions", MAX_PATTERNS)}

RULES: dict[str, dict[str, Check]] = {
    "expect_column_distinct_values_to_be_in_set": {**_COLUMN, "value_set": _SET},
    "expect_column_distinct_values_to_contain_set": {**_COLUMN, "value_set": _SET},
    "expect_column_distinct_values_to_equal_set": {**_COLUMN, "value_set": _SET},
    "expect_column_kl_divergence_to_be_less_than": {
        **_COLUMN,
        "partition_object": _mapping(
            {"bins": _NUMBERS, "values": _SET, "weights": _NUMBERS, "tail_weights": _NUMBERS}
        ),
        "threshold": _number,
        "internal_weight_holdout": _share,
        "tail_weight_holdout": _share,
        "bucketize_data": _flag,
        "min_value": _limit,
        "max_value": _limit,
    },
    "expect_column_max_to_be_between": {**_COLUMN, **_BETWEEN},
    "expect_column_mean_to_be_between": {**_COLUMN, **_BETWEEN},
    "expect_column_median_to_be_between": {**_COLUMN, **_BETWEEN},
    "expect_column_min_to_be_between": {**_COLUMN, **_BETWEEN},
    "expect_column_most_common_value_to_be_in_set": {
        **_COLUMN,
        "value_set": _SET,
        "ties_okay": _flag,
    },
    "expect_column_pair_values_a_to_be_greater_than_b": {**_PAIR, "or_equal": _flag},
    "expect_column_pair_values_to_be_equal": _PAIR,
    "expect_column_pair_values_to_be_in_set": {
        **_PAIR,
        "value_pairs_set": _list(_pair, "a list of pairs"),
    },
    "expect_column_proportion_of_non_null_values_to_be_between": {**_COLUMN, **_COUNTED},
    "expect_column_proportion_of_unique_values_to_be_between": {**_COLUMN, **_COUNTED},
    "expect_column_quantile_values_to_be_between": {
        **_COLUMN,
        "quantile_ranges": _mapping(
            {"quantiles": _list(_share, "a list of shares"), "value_ranges": _list(_ENDS, "a list")}
        ),
        "allow_relative_error": _word(
            True, False, "linear", "lower", "higher", "midpoint", "nearest"
        ),
    },
    "expect_column_stdev_to_be_between": {**_COLUMN, **_COUNTED},
    "expect_column_sum_to_be_between": {**_COLUMN, **_BETWEEN},
    "expect_column_to_exist": {"column": _text, "column_index": _count},
    "expect_column_type_to_be": {"column": _text, "type_": _type_name},
    "expect_column_unique_value_count_to_be_between": {**_COLUMN, **_COUNTED},
    "expect_column_value_lengths_to_be_between": {**_VALUES, **_COUNTED},
    "expect_column_value_lengths_to_equal": {**_VALUES, "value": _count},
    "expect_column_value_z_scores_to_be_less_than": {
        **_VALUES,
        "threshold": _number,
        "double_sided": _flag,
    },
    "expect_column_values_to_be_between": {**_VALUES, **_BETWEEN},
    "expect_column_values_to_be_dateutil_parseable": _VALUES,
    "expect_column_values_to_be_decreasing": {**_VALUES, "strictly": _flag},
    "expect_column_values_to_be_in_set": {**_VALUES, "value_set": _SET},
    "expect_column_values_to_be_in_type_list": {
        **_VALUES,
        "type_list": _list(_type_name, "a list of types"),
    },
    "expect_column_values_to_be_increasing": {**_VALUES, "strictly": _flag},
    "expect_column_values_to_be_json_parseable": _VALUES,
    "expect_column_values_to_be_null": _VALUES,
    "expect_column_values_to_be_of_type": {**_VALUES, "type_": _type_name},
    "expect_column_values_to_be_unique": _VALUES,
    "expect_column_values_to_match_json_schema": {**_VALUES, "json_schema": refuse_wrong_schema},
    "expect_column_values_to_match_regex": {**_VALUES, "regex": _pattern},
    "expect_column_values_to_match_regex_list": {**_VALUES, **_PATTERNS, **_MATCH_ON},
    "expect_column_values_to_match_strftime_format": {**_VALUES, "strftime_format": _format},
    "expect_column_values_to_not_be_in_set": {**_VALUES, "value_set": _SET},
    "expect_column_values_to_not_be_null": _VALUES,
    "expect_column_values_to_not_be_outliers": {
        **_VALUES,
        "method": _word("iqr", "std"),
        "multiplier": _number,
    },
    "expect_column_values_to_not_match_regex": {**_VALUES, "regex": _pattern},
    "expect_column_values_to_not_match_regex_list": {**_VALUES, **_PATTERNS},
    "expect_compound_columns_to_be_unique": _ROW,
    "expect_multicolumn_sum_to_equal": {**_ROW, "sum_total": _limit},
    "expect_multicolumn_values_to_be_equal": _ROW,
    "expect_select_column_values_to_be_unique_within_record": _ROW,
    "expect_table_column_count_to_be_between": {"min_value": _count, "max_value": _count},
    "expect_table_column_count_to_equal": {"value": _count},
    "expect_table_columns_to_match_ordered_list": {"column_list": _NAMES},
    "expect_table_columns_to_match_set": {"column_set": _NAMES, "exact_match": _flag},
    "expect_table_row_count_to_be_between": {**_TABLE, **_COUNTED},
    "expect_table_row_count_to_equal": {**_TABLE, "value": _count},
}

FOR_DATABASES = (
    "expect_column_values_to_match_like_pattern",
    "expect_column_values_to_match_like_pattern_list",
    "expect_column_values_to_not_match_like_pattern",
    "expect_column_values_to_not_match_like_pattern_list",
    "expect_query_results_to_match_comparison",
    "expect_table_row_count_to_equal_other_table",
    "unexpected_rows_expectation",
)
"""Rules that need a database, where they would run SQL."""

REFUSED_KEYWORDS = {
    "condition_parser": "A 'row_condition' is a mapping, which needs none: see docs/datasets.md.",
}


def refuse_unknown_rule(name: str) -> None:
    """Raise `DeclarationMistake` for a rule that is not in the list."""
    if name in FOR_DATABASES:
        raise DeclarationMistake(
            f"{quoted(name)} cannot be used",
            "Great Expectations has this rule for databases only, not for rows in memory.",
        )
    if name not in RULES:
        raise DeclarationMistake(
            f"Great Expectations has no {quoted(name)}",
            partial(_other_rules, name),
        )


def refuse_wrong_keywords(name: str, kwargs: Mapping[str, Any]) -> None:
    """Raise `DeclarationMistake` for a keyword that a rule does not have, or a value it cannot."""
    keywords = {"description": _text, **RULES[name]}
    for keyword, value in kwargs.items():
        if keyword in REFUSED_KEYWORDS:
            raise DeclarationMistake(f"{quoted(keyword)} cannot be used", REFUSED_KEYWORDS[keyword])
        if keyword not in keywords:
            raise DeclarationMistake(
                f"{quoted(keyword)} is not one of its keywords",
                nearest(keyword, keywords) + f"They are {', '.join(sorted(keywords))}.",
            )
        try:
            keywords[keyword](value)
        except DeclarationMistake as mistake:
            raise DeclarationMistake(
                f"{quoted(keyword)} {mistake.what}", mistake.next_step
            ) from None


def size_of_patterns(kwargs: Mapping[str, Any]) -> int:
    """Return the size of all regular expressions of a rule; what is wrong with one counts once."""
    several = kwargs.get("regex_list")
    listed = several if isinstance(several, list | tuple) else ()
    size = 0
    for pattern in (kwargs.get("regex"), *listed):
        if isinstance(pattern, str):
            try:
                size += size_of(pattern)
            except DeclarationMistake:
                return size + LEAST_COUNTED
    return size


def _other_rules(name: str) -> str:
    return nearest(name, RULES) + "Its documentation lists all expectations."
