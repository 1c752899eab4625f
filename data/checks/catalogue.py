"""The checks made on every source, whatever its declaration says.

`docs/datasets.md` is generated from this table, and a finding takes its severity from it: a
critical check that fails rejects the run, a warning is stored and the run continues.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Check:
    """One check: the name that its results are stored under, its severity, and what it requires."""

    name: str
    severity: Severity
    meaning: str


ALWAYS_MADE = (
    Check(
        "expect_column_to_exist",
        "critical",
        "The source has every column that the declaration names.",
    ),
    Check("expect_table_row_count_to_be_between", "critical", "The source has rows."),
    Check(
        "source_has_not_shrunk",
        "critical",
        "No more than the share `max_shrinkage` of the last good run's rows is missing.",
    ),
    Check("feature_is_still_there", "critical", "No feature of the last good run is gone."),
    Check(
        "column_keeps_its_kind",
        "critical",
        "Each column holds the kind of values that it held in the last good run, unless `types`"
        " declares another.",
    ),
    Check(
        "column_is_known",
        "warning",
        "The source has no columns that the last good run did not have; such a column is not used"
        " until it is accepted or declared.",
    ),
    Check("target_is_numeric", "critical", "The target is a column of numbers."),
    Check("weight_is_numeric", "critical", "The weight, if declared, is a column of numbers."),
    Check(
        "time_has_order",
        "critical",
        "The time column, if declared, holds times or numbers.",
    ),
    Check(
        "time_has_age",
        "critical",
        "If `max_age` is declared, the time column holds times, since numbers have no age.",
    ),
    Check(
        "interval_groups_are_levels",
        "critical",
        "The column of `interval.by`, if declared, holds categories or booleans.",
    ),
    Check(
        "horizon_fits_time",
        "critical",
        "If `horizon` is declared, it is a length of time where the time column holds times, and a"
        " number where it holds numbers.",
    ),
    Check(
        "recency_fits_time",
        "critical",
        "If `recency` is a half-life, it is a length of time where the time column holds times, and"
        " a number where it holds numbers.",
    ),
    Check(
        "time_has_parts",
        "critical",
        "A feature such as `hired[weekday]` names a part of a time whose column is no feature"
        " itself.",
    ),
    Check(
        "lag_can_be_made",
        "critical",
        "Each declared lag is of a column of numbers, and a length of time where the time column"
        " holds times, or a number where it holds numbers.",
    ),
    Check(
        "term_can_be_made",
        "critical",
        "Each declared term consists of features and times, and raises only numbers to a power.",
    ),
    Check(
        "cells_are_of_their_kind",
        "critical",
        "Each cell of a column that is used is of the column's kind. `unparsable` says what becomes"
        " of the others: it is a warning if their rows are set aside, or the cells are taken as"
        " missing.",
    ),
    Check(
        "columns_are_read_without_guessing",
        "warning",
        "No column that is used has codes such as `007`, words that may or may not mean a missing"
        " value, or numbers and dates in a format that nightfit does not read.",
    ),
    Check("rows_are_left", "critical", "Quarantine rules do not set aside all rows."),
    Check(
        "expect_column_values_to_not_be_null",
        "critical",
        "No column of the key is missing in any row.",
    ),
    Check(
        "expect_column_values_to_be_unique",
        "critical",
        "A key of one column is unique.",
    ),
    Check(
        "expect_compound_columns_to_be_unique",
        "critical",
        "A key of several columns is unique.",
    ),
    Check("target_is_known", "critical", "The target is present in at least one row."),
    Check("target_is_finite", "critical", "The target is never infinite."),
    Check(
        "target_is_within_bounds",
        "warning",
        "No target is outside the declared `bounds`, where no interval can cover it.",
    ),
    Check("target_varies", "critical", "The target is not the same in all rows that have one."),
    Check("enough_labelled_rows", "critical", "At least 20 rows have a target."),
    Check(
        "newest_time_is_recent",
        "critical",
        "The newest time is no older than `max_age`, if declared.",
    ),
    Check(
        "time_is_known",
        "critical",
        "Every row with a target has a time, if a time column is declared.",
    ),
    Check(
        "weight_is_positive",
        "critical",
        "Every row with a target has a finite weight above zero, if a weight is declared.",
    ),
    Check(
        "feature_is_finite",
        "critical",
        "No feature is infinite, unless `infinite: missing` is declared.",
    ),
    Check(
        "feature_varies",
        "warning",
        "Each feature varies among the rows with a target; one that does not is left out, and so"
        " are its terms.",
    ),
    Check("some_feature_varies", "critical", "At least one feature varies."),
    Check(
        "lag_is_known",
        "warning",
        "Each declared lag is known in some row with a target, and varies; one that does not is"
        " left out, and so are its terms.",
    ),
    Check(
        "interval_has_rows",
        "warning",
        "There are rows with a target enough for the declared level of intervals.",
    ),
    Check(
        "interval_groups_have_rows",
        "warning",
        "Some level of the column of `interval.by`, if declared, has rows enough for intervals of"
        " its own.",
    ),
    Check(
        "feature_enters_every_kind",
        "warning",
        "A category has a term in the linear kinds: two levels or more have two rows, or ten where"
        " levels are many beside the rows.",
    ),
    Check(
        "key_explains",
        "warning",
        "Where no `features` are declared, no column of a key of several columns is a feature; one"
        " that has the same value in several rows is.",
    ),
    Check(
        "feature_levels_are_few",
        "warning",
        "A category has at most 200 levels with 10 rows or more; beyond the 200 most frequent,"
        " levels share one term.",
    ),
    Check(
        "segment_names_are_short",
        "critical",
        "The names of segments, if these are declared, have at most 2,000 bytes.",
    ),
    Check(
        "segment_names_differ",
        "warning",
        "No two names of segments differ only in case, blanks or how a letter is encoded.",
    ),
    Check(
        "segments_share_rows",
        "warning",
        "There is more than one segment, and one has more than one row with a target.",
    ),
    Check(
        "term_names_are_short",
        "critical",
        "The names of the linear kinds' terms have at most 2,000 bytes.",
    ),
    Check(
        "term_names_differ",
        "critical",
        "No feature has the name of a declared term, or is called `intercept` beside the"
        " intercept.",
    ),
    Check(
        "rows_do_not_repeat",
        "warning",
        "No row repeats another one under a new key, with the same features and target, more often"
        " than by chance.",
    ),
    Check(
        "feature_still_varies",
        "critical",
        "No feature that varied in the last good run has become empty or constant.",
    ),
    Check(
        "feature_is_still_filled",
        "critical",
        "No feature has lost most of the values that it had in the last good run.",
    ),
    Check(
        "labels_are_still_there",
        "critical",
        "No more than the share `max_shrinkage` of the last good run's targets is missing.",
    ),
    Check(
        "numbers_keep_their_size",
        "critical",
        "No column of numbers has changed by a power of ten as a whole, as it does when its unit"
        " changes.",
    ),
    Check(
        "rows_are_not_doubled",
        "critical",
        "The rows of the last good run are not there twice, or more often, under other keys.",
    ),
    Check(
        "change_is_declared",
        "warning",
        "No change since the last good run is accepted only because the declaration was changed"
        " with it.",
    ),
)
"""In the order in which they are made."""

ACCEPTABLE = frozenset(
    {
        "source_has_not_shrunk",
        "feature_is_still_there",
        "column_keeps_its_kind",
        "column_is_known",
        "feature_still_varies",
        "feature_is_still_filled",
        "labels_are_still_there",
        "numbers_keep_their_size",
        "rows_are_not_doubled",
    }
)
"""The checks that compare a source with how it looked before: a person may accept how it is now."""

SEVERITY: dict[str, Severity] = {check.name: check.severity for check in ALWAYS_MADE}
