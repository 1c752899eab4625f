"""The model of a declaration: which keys a dataset's YAML file may have, and what each one means.

The tables in `docs/datasets.md` are generated from the descriptions and defaults in this file.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from data.declarations.any_source import Source
from data.declarations.intervals import (
    Bounds,
    DeclaredInterval,
    Interval,
    refuse_group_without_meaning,
)
from data.declarations.lags import Lag, LagLengths, lags_of, length_of, refuse_wrong_lags
from data.declarations.lengths import Length
from data.declarations.parts import column_of, declared_parts
from data.declarations.results import Output, Results
from data.declarations.roles import (
    refuse_double_role,
    refuse_group_that_cannot_split,
    refuse_key_as_target,
    refuse_target_as_feature,
    refuse_target_as_time,
    refuse_wrong_types,
)
from data.declarations.sections import (
    Ann,
    Candidates,
    Column,
    Expectation,
    GradientDescent,
    Promotion,
    Section,
    Share,
    SplitRules,
    refuse_repeats,
)
from data.declarations.segment import (
    refuse_segment_as_feature,
    refuse_segment_in_formats,
    refuse_segment_in_terms,
    refuse_wrong_segment,
    segment_kinds,
    segment_types,
)
from data.declarations.source import PathSource
from data.declarations.terms import Product, Term, product_of, refuse_same_terms
from data.declarations.time_rules import (
    RECENCY_WORDS,
    Horizon,
    MaxAge,
    Recency,
    refuse_age_without_times,
    refuse_other_horizon,
    refuse_other_recency,
)
from data.declarations.value_formats import refuse_other_kinds, require_format

NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_-]*$"
MAX_NAME_LENGTH = 100
"""In characters. A dataset's name is part of the names of files."""

MAX_TERMS = 1_000

MAX_WITH_TRAINING = 1_000_000
"""Rows with a target up to which a run stores the predictions of its training rows by default. A
million predictions take some 77 MB in SQLite and 140 MB in PostgreSQL (`benchmarks/store.py`), for
up to two models a night, for 30 runs."""

Kind = Literal["number", "category", "boolean", "time"]
# YAML has no tuples, and a single column or term needs no brackets.
AsTuple = BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,))
Columns = Annotated[tuple[Column, ...], Field(min_length=1), AsTuple]


def _word(value: object) -> object:
    """Return a number of a YAML file as the text that a source has for it."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Word = Annotated[str, BeforeValidator(_word)]
Format = Annotated[str, BeforeValidator(_word), AfterValidator(require_format)]
MissingWords = Annotated[tuple[Word, ...], AsTuple]


class Declaration(Section):
    """One dataset: where its rows are, what identifies them and what to predict."""

    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=MAX_NAME_LENGTH)] = (
        Field(
            description="The name of the dataset: up to 100 letters, digits, `_` and `-`. If it is"
            " not set, the name of the file without its ending."
        )
    )
    description: str = Field(default="", description="One line for people.")
    source: Source = Field(description="Where the rows are.")
    key: Columns = Field(
        description="The column, or the list of columns, that identifies a row. Together they are"
        " unique and never missing. Where there is none, `row` numbers the rows, and `content`"
        " makes a key of the values of each, unless a column has that name."
    )
    target: Column = Field(
        description="The column to predict, which holds numbers. A row without a target is new"
        " and gets a prediction."
    )
    time: Column | None = Field(
        default=None,
        description="A column of times or numbers that orders the rows; the newest rows are then"
        " the test rows.",
    )
    weight: Column | None = Field(
        default=None,
        description="A column of numbers above zero: how much each row counts in the fit, the"
        " score and the choice.",
    )
    segment: Columns | None = Field(
        default=None,
        description="The column, or the list of columns, whose values tell segments apart, such as"
        " shops or regions, each of which may be served by another model. They are categories. A"
        " row in which one is missing is of no segment.",
    )
    features: Columns | None = Field(
        default=None,
        description="The columns that explain the target, or single parts of a time, such as"
        " `hired[weekday]`. If they are not set, all columns but target, weight, group, segment and"
        " a key of one column; of a key of several columns, those that have a value in more than"
        " one row.",
    )
    lags: dict[Column, LagLengths] = Field(
        default={},
        description="Values of some length of time before as features: the target's own, or a"
        " feature's, such as `{revenue: [1 year]}`; numbers where the `time` column holds numbers."
        " A row's value is that of the row with the same key but for its time, which is part of the"
        " key.",
    )
    types: dict[str, Kind] = Field(
        default={},
        validate_default=True,
        description="The kind of single columns, `number`, `category`, `boolean` or `time`, where"
        " the values alone would suggest another.",
    )
    formats: dict[str, Format] = Field(
        default={},
        description="How the values of single columns are written: a pattern for times, such as"
        " `%d.%m.%Y` or `%Y Q%q`; `excel` or `epoch seconds` for counted times; an example for"
        " numbers, such as `$1,234.50`, `12,5 %` or `12 kg`; two words for booleans, such as"
        " `yes/no`.",
    )
    unparsable: Literal["quarantine", "missing", "refuse"] = Field(
        default="quarantine",
        description="What to do with a cell that is not of its column's kind, such as `12,5` in a"
        " column of numbers: `quarantine` its row, as long as these are under 1% of the rows, take"
        " the cell as `missing`, or `refuse` the source.",
    )
    missing: MissingWords = Field(
        default=(),
        description="More words that mean a missing value, in every column, for example `unknown`"
        " or `-999`.",
    )
    infinite: Literal["refuse", "missing"] = Field(
        default="refuse",
        description="What to do with an infinite value of a feature: `refuse` the source, or treat"
        " the value as `missing`.",
    )
    intercept: Annotated[bool, Strict()] = Field(
        default=True, description="Whether the linear kinds have an intercept."
    )
    terms: Annotated[tuple[Term, ...], AsTuple] = Field(
        default=(),
        max_length=MAX_TERMS,
        description="Powers and products of features that are added to the linear kinds, for"
        " example `age^2` or `age:education`. A time may be in them though it is no feature: by its"
        " name for elapsed days, such as `age:hired^2`, or by a part, such as `age:hired[month]`.",
    )
    expectations: tuple[Expectation, ...] = Field(
        default=(), description="Rules that the rows must keep, checked by Great Expectations."
    )
    max_shrinkage: Share = Field(
        default=0.5,
        description="The largest share of the last good run's rows that may be missing tonight.",
    )
    max_age: MaxAge | None = Field(
        default=None,
        description="How old the newest time may be, for example `36 hours`, `2 days` or `1 week`."
        " Needs a `time` column that holds times.",
    )
    horizon: Horizon | None = Field(
        default=None,
        description="How far ahead predictions are needed, in time: a length such as `1 quarter`,"
        " `7 days` or `12 hours`, or a number where the `time` column holds numbers. A row is"
        " predicted by fits on rows that are at least so much older. If it is not set, the usual"
        " step between times: all older rows are known.",
    )
    recency: Recency = Field(
        default="auto",
        description="How much rows count by their age in fits, where a `time` is declared: half as"
        " much for every half-life, such as `8 quarters` or `30 days`, or a number where the `time`"
        " column holds numbers. With `auto` it is chosen on the training rows, none unless clearly"
        " better; with `none`, all rows count the same.",
    )
    split: SplitRules = Field(
        default=SplitRules(), description="How rows are split for testing and for the folds."
    )
    candidates: Candidates = Field(
        default=Candidates(),
        validate_default=True,
        description="The frameworks and the kinds that compete.",
    )
    gradient_descent: GradientDescent = Field(
        default=GradientDescent(), description="How the kind `gradient_descent` learns."
    )
    ann: Ann = Field(
        default=Ann(),
        description="The shape of the network, the kind `ann`, and how long it may train.",
    )
    promotion: Promotion = Field(
        default=Promotion(), description="When tonight's winner may replace the champion."
    )
    interval: DeclaredInterval = Field(
        default=Interval(),
        description="How much the intervals of predictions should cover: a share, or a list of up"
        " to three.",
    )
    bounds: Bounds | None = Field(
        default=None,
        description="The lowest and the highest value that the target can have, `null` where there"
        " is none: no interval reaches beyond, as none is below zero with `[0, null]`.",
    )
    predictions: Literal["all", "new"] | None = Field(
        default=None,
        description="Which predictions a run stores: `all`, or `new`, those of new rows and test"
        f" rows alone. If it is not set, `all` up to {MAX_WITH_TRAINING:,} rows with a target, and"
        " `new` above, with a warning.",
    )

    results: Results = Field(
        default=Results(),
        description="The table in the store that has the champion's predictions beside the columns"
        " of the key.",
    )
    output: Output | None = Field(
        default=None,
        description="A table of another database that gets the same rows after each run.",
    )

    _once = field_validator("key", "features")(refuse_repeats)
    _lags = field_validator("lags")(refuse_wrong_lags)
    _max_age = field_validator("max_age")(refuse_age_without_times)
    _horizon = field_validator("horizon")(refuse_other_horizon)
    _recency = field_validator("recency")(refuse_other_recency)
    _target = field_validator("target")(refuse_key_as_target)
    _time = field_validator("time")(refuse_target_as_time)
    _weight = field_validator("weight")(refuse_double_role)
    _segment = field_validator("segment")(refuse_wrong_segment)
    _features = field_validator("features")(refuse_target_as_feature)
    _no_segment = field_validator("features")(refuse_segment_as_feature)
    _types = field_validator("types")(refuse_wrong_types)
    _categories = field_validator("types")(segment_types)
    _kinds = field_validator("candidates")(segment_kinds)
    _split = field_validator("split")(refuse_group_that_cannot_split)

    @field_validator("formats")
    @classmethod
    def _refuse_other_kinds(cls, formats: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        refuse_segment_in_formats(formats, info)
        refuse_other_kinds(formats, info.data)
        return formats

    @field_validator("terms")
    @classmethod
    def _refuse_repeated_terms(
        cls, terms: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        refuse_same_terms(refuse_repeats(terms))
        return refuse_segment_in_terms(terms, info)

    @field_validator("interval")
    @classmethod
    def _refuse_group(cls, interval: Interval, info: ValidationInfo) -> Interval:
        refuse_group_without_meaning(interval, info.data)
        return interval

    @property
    def files(self) -> PathSource:
        """Return the source of a dataset whose rows are in files."""
        assert isinstance(self.source, PathSource)
        return self.source

    @property
    def ahead(self) -> Length | float | None:
        """Return the declared horizon, None where it is the usual step between times."""
        return None if self.horizon is None else length_of(self.horizon)

    @property
    def half_life(self) -> Length | float | None:
        """Return the declared half-life, None where it is to be chosen, or all rows count alike."""
        return None if self.recency in RECENCY_WORDS else length_of(self.recency)

    def stores_training_predictions(self, labelled: int) -> bool:
        """Return whether a run with so many rows with a target stores those of training rows."""
        if self.predictions is None:
            return labelled <= MAX_WITH_TRAINING
        return self.predictions == "all"

    @property
    def products(self) -> tuple[Product, ...]:
        """Return the columns and powers of each declared term."""
        return tuple(product_of(term) for term in self.terms)

    @property
    def lagged(self) -> tuple[Lag, ...]:
        """Return the declared lags."""
        return lags_of(self.lags)

    def feature_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the columns of the features: by default all that have no other role.

        `columns` are those of the source. A key of one column is another role; the columns of a
        longer key may explain something.
        """
        if self.features is not None:
            return tuple(dict.fromkeys(column_of(name, columns) for name in self.features))
        others = {self.target, self.weight, self.split.group, *(self.segment or ())}
        others |= {*self.key} - {*self.implied_key_features}
        return tuple(name for name in columns if name not in others)

    def input_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the columns of the features, and those that only terms have."""
        lags = {lag.name for lag in self.lagged}
        factors = (name for name in self._factors(columns) if name not in lags)
        return tuple(dict.fromkeys((*self.feature_names(columns), *factors)))

    def is_in_terms_alone(self, name: str, columns: Sequence[str]) -> bool:
        """Return whether terms have one of the source's `columns` that is no feature."""
        return name in self._factors(columns) and not self.is_feature(name, columns)

    def _factors(self, columns: Collection[str]) -> Iterator[str]:
        """Yield the column of each factor of the terms, where a part of a time is one of it."""
        return (column_of(name, columns) for product in self.products for name, _ in product)

    def is_feature(self, name: str, columns: Sequence[str]) -> bool:
        """Return whether one of the source's `columns` is a feature, fast for many columns."""
        if self.features is not None:
            return name in self.feature_names(columns)
        return name in columns and bool(self.feature_names([name]))

    @property
    def implied_key_features(self) -> tuple[str, ...]:
        """Return the columns of the key that are features because no features are declared."""
        if self.features is not None or len(self.key) == 1:
            return ()
        others = {self.weight, self.split.group, *(self.segment or ())}
        return tuple(name for name in self.key if name not in others)

    def time_parts(self, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the parts that the features name of each time, among the source's `columns`."""
        return declared_parts(self.features or (), columns)

    def named_columns(self) -> set[str]:
        """Return every column that the declaration names, in whatever role."""
        roles = [self.target, self.time, self.weight, self.split.group, self.interval.by]
        rules = [name for rule in self.expectations for name in rule.columns()]
        features = self.features or ()
        of_parts = (*(column_of(name, ()) for name in features), *self._factors(()))
        return {
            *self.key,
            *(self.segment or ()),
            *filter(None, roles),
            *features,
            *of_parts,
            *self.lags,
            *self.types,
            *self.formats,
            *rules,
        }
