"""The parts of a declaration that are mappings of their own: split, candidates, others."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from data.declarations.durations import SHORT_EXAMPLE, SHORT_UNITS, duration
from data.declarations.patterns import LEAST_COUNTED, MAX_IN_ALL
from data.declarations.rules import (
    refuse_unknown_rule,
    refuse_wrong_keywords,
    size_of_patterns,
)
from data.errors import DeclarationMistake, quoted
from data.vocabulary import FRAMEWORKS, KINDS, POOLED_KINDS

Column = Annotated[str, StringConstraints(min_length=1)]
Share = Annotated[float, Strict(), Field(gt=0, lt=1)]
WholeNumber = Annotated[int, Strict()]
NonNegative = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]


def refuse_repeats(values: Any) -> Any:
    """Refuse a list that has a value twice."""
    seen = set()
    for value in values or ():
        if value in seen:
            raise DeclarationMistake(f"{quoted(value)} is listed twice")
        seen.add(value)
    return values


ReadBy = Annotated[
    Literal["here", "cluster"],
    Field(
        description="Which machine reads the rows: the one that nightfit runs on (`here`), or a"
        " worker of the `cluster` in `NIGHTFIT_CLUSTER`, for rows that only its workers see."
    ),
]


def _one_of(words: Sequence[str]) -> BeforeValidator:
    """Return a validator that accepts only these words, and fails just as a `Literal` does."""
    expected = ", ".join(map(repr, words))

    def check(value: object) -> object:
        if value not in words:
            raise PydanticKnownError("literal_error", {"expected": expected})
        return value

    return BeforeValidator(check)


FrameworkName = Annotated[str, _one_of(FRAMEWORKS)]
KindName = Annotated[str, _one_of(KINDS)]


class Section(BaseModel):
    """A mapping of fixed keys; any other key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Expectation(Section):
    """One rule of Great Expectations, with keywords that are plain values."""

    type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")] = Field(
        description="The name of the rule in Great Expectations, for example"
        " `expect_column_values_to_be_between`."
    )
    kwargs: dict[str, Any] = Field(
        default={},
        description="The keyword arguments of the rule, as its documentation lists them.",
    )
    severity: Literal["critical", "warning"] = Field(
        default="critical",
        description="What happens when the rule fails: `critical` rejects the run, and the current"
        " champion stays; `warning` records the failure, and the run continues.",
    )
    quarantine: Annotated[bool, Strict()] = Field(
        default=False,
        description="Set aside the rows that break the rule, with the reason, and continue with"
        " the others. Only for rules about single values or rows.",
    )

    @field_validator("type")
    @classmethod
    def _refuse_unknown(cls, type_: str, info: ValidationInfo) -> str:
        if info.context:  # a declaration that an earlier version has stored is checked when it runs
            refuse_unknown_rule(type_)
        return type_

    @field_validator("kwargs")
    @classmethod
    def _refuse_wrong(cls, kwargs: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if info.context and "type" in info.data:
            size = info.context.get("patterns", 0) + size_of_patterns(kwargs)
            info.context["patterns"] = size
            if size > MAX_IN_ALL:
                raise DeclarationMistake(
                    "with this rule, the regular expressions of the declaration are too large",
                    f"There may be {MAX_IN_ALL // LEAST_COUNTED} of them, fewer if they are long.",
                )
            refuse_wrong_keywords(info.data["type"], kwargs)
        return kwargs

    def columns(self) -> list[str]:
        """Return the columns that the rule is about."""
        single = [self.kwargs.get(name) for name in ("column", "column_A", "column_B")]
        several = self.kwargs.get("column_list")
        listed = several if isinstance(several, list | tuple) else ()
        return [str(name) for name in [*single, *listed] if name is not None]


class SplitRules(Section):
    """How the labelled rows are split into test rows and folds of training rows."""

    test: Share = Field(
        default=0.2,
        description="The share of the labelled rows that are test rows, which no model sees before"
        " it is judged.",
    )
    folds: Annotated[WholeNumber, Field(ge=2, le=50)] = Field(
        default=5,
        description="The number of folds that the training rows are split into. With `time`, how"
        " often an ANN is at least fitted in the training period.",
    )
    group: Column | None = Field(
        default=None,
        description="A column whose equal values keep rows together, all of them among the test"
        " rows or all in one fold. Cannot be combined with `time`.",
    )
    duplicates: Literal["together", "apart"] = Field(
        default="together",
        description="Rows that repeat another one under a new key, with the same features and"
        " target: `together` keeps them on one side and in one fold, `apart` splits each by its own"
        " key. A declared `group` or `time` decides instead.",
    )


class Candidates(Section):
    """What competes every night: each kind on each framework."""

    frameworks: tuple[FrameworkName, ...] = Field(
        default=FRAMEWORKS,
        min_length=1,
        description="The frameworks that fit the models.",
    )
    kinds: tuple[KindName, ...] = Field(
        default=POOLED_KINDS,
        min_length=1,
        description="The kinds of model; every framework fits each of them. Where a `segment` is"
        " declared, also `shrunken_least_squares`, `segment_least_squares` and"
        " `segment_gradient_descent`, which have an equation for each segment.",
    )
    _once = field_validator("frameworks", "kinds")(refuse_repeats)


class GradientDescent(Section):
    """How the kind `gradient_descent` searches for the coefficients."""

    learning_rate: Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="The step size on standardised columns. If it is not set, the fastest one that"
        " is sure to converge is used.",
    )
    epochs: Annotated[WholeNumber, Field(ge=1, le=10_000_000)] = Field(
        default=10_000, description="The maximum number of passes over the rows."
    )
    start: Literal["zero", "last"] = Field(
        default="zero",
        description="Where the weights start: at `zero`, or from those of the `last` run that"
        " succeeded.",
    )


def _require_short_duration(text: object) -> object:
    duration(text, SHORT_UNITS, SHORT_EXAMPLE)
    return text


class Ann(Section):
    """The shape of the network, the kind `ann`, and how long it may train."""

    hidden: tuple[Annotated[WholeNumber, Field(ge=1, le=4096)], ...] = Field(
        default=(128, 128),
        description="The sizes of the hidden layers, from the inputs to the prediction; `[]` for"
        " none.",
    )
    budget: Annotated[str, BeforeValidator(_require_short_duration)] | None = Field(
        default=None,
        description="What the ANN of one framework may cost in a night, for example `5 minutes` or"
        " `1 hour`. It becomes a number of products by the rate of this machine, which is measured"
        " once and kept in the home. If it is not set, 3,000 billion products, about 10 minutes of"
        " a core, on every machine, and no limit up to 20,000 training rows.",
    )

    @property
    def budget_seconds(self) -> float | None:
        """Return the declared budget in seconds, None where there is none."""
        if self.budget is None:
            return None
        return duration(self.budget, SHORT_UNITS, SHORT_EXAMPLE).total_seconds()


class Promotion(Section):
    """When tonight's winner may replace the champion."""

    min_gain: NonNegative = Field(
        default=0.0,
        description="A challenger must be better than the incumbent by at least this share of the"
        " incumbent's mean squared error.",
    )
    max_loss: NonNegative = Field(
        default=0.0,
        description="A newer fit of the champion's own candidate is accepted unless it is worse by"
        " more than this share of the mean squared error.",
    )
    max_point_loss: NonNegative = Field(
        default=0.05,
        description="With too few test rows to be confident, a newer fit of the champion's own"
        " candidate is accepted unless its mean squared error on them is larger by more than this"
        " share.",
    )
    confidence: Share = Field(
        default=0.95,
        description="The confidence of both comparisons, which are made on the test rows.",
    )
