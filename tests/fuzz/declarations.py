"""Declarations with mistakes of every kind: in their bytes, their structure, and each value."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import yaml
from fuzz.trial import Outcome, Trial
from fuzz.words import DATES, NUMBERS, flipped, word

GOOD = """\
# A declaration that uses nearly every key.
name: bad
description: Small
source: {path: bad.csv}
key: row
target: y
features: [x, level, 'day[weekday]']
types: {level: category}
unparsable: missing
missing: [unknown, -999]
infinite: missing
intercept: true
terms: [x^2, 'x:level']
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: x, min_value: 0, max_value: 50}
    quarantine: true
  - type: expect_column_values_to_match_regex
    kwargs: {column: level, regex: '^[a-c]$'}
    severity: warning
  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 10}}
max_shrinkage: 0.5
split: {test: 0.2, folds: 3, duplicates: together}
candidates: {frameworks: [torch], kinds: [least_squares]}
gradient_descent: {learning_rate: 0.1, epochs: 10, start: zero}
ann: {hidden: [8, 8]}
promotion: {min_gain: 0.0, max_loss: 0.0, confidence: 0.95}
interval: {level: [0.5, 0.9], by: level}
bounds: [0, 1.5]
predictions: all
"""
CONTENT = yaml.safe_load(GOOD)
NEIGHBOUR = """\
source: {path: good.csv}
key: row
target: y
"""
SAYS_READY = "ready to train on"


def generate(chance: Random, folder: Path) -> Trial:
    """Write a wrong declaration beside a good one; check one of the two."""
    datasets = folder / "datasets"
    mutate = chance.choice(MUTATIONS)
    (datasets / "bad.yaml").write_bytes(mutate(chance))
    (datasets / "good.yaml").write_text(NEIGHBOUR)
    lines = ["row,x,level,day,y"]
    for number in range(40):
        day = f"2024-01-{number % 28 + 1:02}"
        lines.append(f"{number},{number % 13},{'abc'[number % 3]},{day},{number % 7 + number / 9}")
    for name in ("bad", "good"):
        (datasets / f"{name}.csv").write_text("\n".join(lines) + "\n")
    match chance.randrange(5):
        case 0:
            return Trial(("check", "good"), wrong=_not_ready)
        case 1:
            return Trial(("status",))
        case _:
            return Trial(("check", "bad"))


def _not_ready(outcome: Outcome) -> str | None:
    """Say if a mistake in one declaration has stopped the dataset of another one."""
    if outcome.exit_code == 0 and SAYS_READY in outcome.output:
        return None
    if "declarations have the name" in outcome.messages:
        return None
    return f"the dataset beside it: exit code {outcome.exit_code}, {outcome.messages[:100]!r}"


def _bytes(chance: Random) -> bytes:
    return flipped(GOOD.encode(), chance)


def _lines(chance: Random) -> bytes:
    """Swap, repeat, remove or indent whole lines."""
    lines = GOOD.splitlines()
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                lines[at] = (
                    chance.choice((" ", "\t", "  - ", "? ", "- - - ", "! ", "% ")) + lines[at]
                )
            case 1:
                lines.insert(at, chance.choice(lines))
            case 2:
                del lines[at]
            case _:
                lines[at] = lines[at].replace(
                    ": ", chance.choice((":", " : ", ": &a ", ": *a ")), 1
                )
    return "\n".join(lines).encode(chance.choice(("utf-8",) * 8 + ("utf-16", "utf-8-sig")))


def _values(chance: Random) -> bytes:
    """Give one to three keys, at any depth, a value of another kind."""
    content = deepcopy(CONTENT)
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(list(_places(content)))
        holder[key] = _wrong_value(chance)
    return _dumped(content, chance)


def _raw_values(chance: Random) -> bytes:
    """Put text that YAML itself has to make sense of in the place of a value."""
    lines = GOOD.splitlines()
    at = chance.choice([n for n, line in enumerate(lines) if ": " in line])
    name, _, _ = lines[at].partition(": ")
    lines[at] = f"{name}: {chance.choice((*RAW, *DATES, *NUMBERS))}"
    return "\n".join(lines).encode(errors="surrogatepass")


def _keys(chance: Random) -> bytes:
    """Rename, repeat or add keys."""
    content = deepcopy(CONTENT)
    holder, key = chance.choice([p for p in _places(content) if isinstance(p[0], dict)])
    value = holder.pop(key)
    holder[chance.choice((word(chance), key.upper(), key + "s", 7, None, True, (1, 2)))] = value
    return _dumped(content, chance)


def _bomb(chance: Random) -> bytes:
    """Write a few lines that become very many values, or a value that holds itself."""
    depth, width = chance.randint(2, 40), chance.randint(2, 10)
    levels = ["a0: &a0 [x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, depth)]
    merges = ["m0: &m0 {x: 1}"] + [
        f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * width)}], y{n}: 1}}"
        for n in range(1, depth)
    ]
    key = chance.choice(("features", "description", "terms", "missing", "types", "source", "key"))
    bombs = (
        "\n".join([*levels, f"{key}: *a{depth - 1}"]),
        "\n".join([*merges, f"{key}: *m{depth - 1}"]),
        f"{key}: &a [*a]",
        f"{key}: &a {{b: *a}}",
        f"{key}: &a {{<<: *a}}",
        f"? &a [*a]\n: {key}",
        f"{key}: " + "[" * (depth * 50),
        f"{key}: " + "[" * (depth * 50) + "]" * (depth * 50),
        f"{key}: " + "{a: " * (depth * 50) + "}" * (depth * 50),
        f"{key}:\n" + "\n".join(" " * n + "a:" for n in range(1, depth * 20)),
        f"{key}: " + "- " * (depth * 50) + "x",
        f"{key}: [{', '.join(['x'] * depth * 5_000)}]",
        "".join(f"k{n}: {n}\n" for n in range(depth * 500)),
    )
    text = chance.choice(bombs)
    return (GOOD + text if chance.random() < 0.5 else text + "\n" + GOOD).encode()


def _rules(chance: Random) -> bytes:
    """Write an expectation with arguments that the rule does not expect."""
    content = deepcopy(CONTENT)
    kwargs: dict[str, Any] = {"column": chance.choice(("x", "level", "day", "nothing", "y"))}
    for name in chance.sample(ARGUMENTS, chance.randint(0, 3)):
        kwargs[name] = _wrong_value(chance)
    rule = {"type": chance.choice(RULES), "kwargs": kwargs, "quarantine": chance.random() < 0.5}
    content["expectations"] = [rule]
    return _dumped(content, chance)


MUTATIONS: tuple[Callable[[Random], bytes], ...] = (
    _bytes,
    _lines,
    _values,
    _values,
    _raw_values,
    _keys,
    _bomb,
    _rules,
)
RAW = (
    "!!python/object/apply:os.system ['touch marker']",
    "!!bool q",
    "!!int x",
    "!!float x",
    "!!timestamp x",
    "!!binary '*'",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
    "!!null x",
    "!unknown x",
    "!<tag:yaml.org,2002:python/name:os.system> x",
    "&a",
    "*nowhere",
    "<<",
    "{<<: x}",
    "{[a]: b}",
    "{{a: b}: c}",
    "? x",
    "|",
    ">-",
    "%YAML 1.1",
    "---",
    "...",
    "--- x\n--- y",
    "12:30:45:99",
    "190:20:30",
    "1e999",
    "0b2",
    "0o9",
    "0x_",
    "08",
    "~",
    "@x",
    "`x`",
    "\ud800",
    '"\\ud800"',
    '"\\x00"',
    '"\\U00110000"',
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ", ,",
)
ARGUMENTS = (
    "min_value",
    "max_value",
    "value_set",
    "regex",
    "regex_list",
    "mostly",
    "row_condition",
    "condition_parser",
    "type_",
    "strftime_format",
    "json_schema",
    "column_list",
    "column_A",
    "column_B",
    "sum_total",
    "double_sided",
    "threshold",
    "quantile_ranges",
    "unexpected_rows_query",
    "result_format",
    "catch_exceptions",
    "meta",
    "batch_id",
    "strict_min",
    "ignore_row_if",
    "parse_strings_as_datetimes",
)
RULES = (
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_match_regex_list",
    "expect_column_values_to_match_like_pattern",
    "expect_column_values_to_match_strftime_format",
    "expect_column_values_to_match_json_schema",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_unique",
    "expect_column_values_to_not_be_null",
    "expect_column_value_lengths_to_be_between",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_quantile_values_to_be_between",
    "expect_column_mean_to_be_between",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_compound_columns_to_be_unique",
    "expect_multicolumn_sum_to_equal",
    "expect_select_column_values_to_be_unique_within_record",
    "expect_table_columns_to_match_set",
    "expect_table_row_count_to_equal",
    "expect_column_kl_divergence_to_be_less_than",
    "unexpected_rows_expectation",
    "expect_nothing_of_the_kind",
)


def _places(content: Any) -> list[tuple[Any, Any]]:
    """Return each place of a value, as what holds it and its key or position there."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    places = []
    for key, value in list(items):
        places.append((content, key))
        if isinstance(value, dict | list):
            places += _places(value)
    return places


def _wrong_value(chance: Random) -> Any:
    scalars = (None, True, -1, 0, 1, 2**64, 10**400, 0.5, float("inf"), float("nan"), "", "x", "y")
    match chance.randrange(7):
        case 0 | 1 | 2:
            return chance.choice(scalars)
        case 3:
            return word(chance)
        case 4:
            return [chance.choice(scalars) for _ in range(chance.randrange(4))]
        case 5:
            return {chance.choice(("a", "path", 1, None)): chance.choice(scalars)}
        case _:
            return [[_wrong_value(chance)], {"a": [_wrong_value(chance)]}]


def _dumped(content: Any, chance: Random) -> bytes:
    style = chance.choice((None, True, False))
    text: str = yaml.dump(content, default_flow_style=style, sort_keys=False, allow_unicode=True)
    return text.encode(errors="surrogatepass")
