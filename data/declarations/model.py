"""Declarations: one YAML file says where a data set is, and what to learn from it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from data.declarations.durations import duration
from data.declarations.file import parse
from data.declarations.mistakes import explain, nearest
from data.declarations.terms import Product, hint_for, must_be_text, must_differ, product_of
from data.errors import CallError, DeclarationMistake
from data.vocabulary import FRAMEWORKS, KINDS

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_-]*$"
MOST_NAME = 100
"""Characters of a data set's name, which is part of the names of files."""
Kind = Literal["number", "category", "boolean", "time"]
Column = Annotated[str, StringConstraints(min_length=1)]
Share = Annotated[float, Strict(), Field(gt=0, lt=1)]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
# YAML knows no tuples, and a lone column or term needs no brackets.
Lone = BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,))
Columns = Annotated[tuple[Column, ...], Field(min_length=1), Lone]


def _distinct(values: Sequence[object]) -> Any:
    for value in values:
        if list(values).count(value) > 1:
            raise DeclarationMistake(f"{value!r} is there twice")
    return values


def _can_explain(name: str, info: ValidationInfo) -> None:
    if name == info.data.get("target"):
        raise DeclarationMistake(f"{name!r} is the target, and would explain itself")
    if name in info.data.get("key", ()):
        raise DeclarationMistake(f"{name!r} is the key, which only names the row")


def _is_of_features(term: str, info: ValidationInfo) -> str:
    features = info.data.get("features")
    for name, _ in product_of(term):
        _can_explain(name, info)
        if features and name not in features:
            raise DeclarationMistake(
                f"{name!r} is not one of the 'features'", hint_for(name, features)
            )
    return term


def _length_of_time(text: object) -> object:
    duration(text)
    return text


Term = Annotated[Column, BeforeValidator(must_be_text), AfterValidator(_is_of_features)]


def _one_of(words: Sequence[str]) -> BeforeValidator:
    """Return a check that a value is one of the words, which fails as that of a `Literal` does."""
    expected = ", ".join(map(repr, words))

    def check(value: object) -> object:
        if value not in words:
            raise PydanticKnownError("literal_error", {"expected": expected})
        return value

    return BeforeValidator(check)


FrameworkName = Annotated[str, _one_of(FRAMEWORKS)]
KindName = Annotated[str, _one_of(KINDS)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PathSource(_Part):
    """A file: CSV or Parquet, told apart by the end of its name."""

    path: Path

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path, info: ValidationInfo) -> Path:
        folder = (info.context or {}).get("folder", Path.cwd())
        return (folder / path.expanduser()).resolve()


class Expectation(_Part):
    """One rule in Great Expectations' own words; the check itself knows which words exist."""

    type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    kwargs: dict[str, Any] = {}
    severity: Literal["critical", "warning"] = "critical"
    quarantine: Annotated[bool, Strict()] = False


class SplitRules(_Part):
    """How many labelled rows are kept aside for the test, and how many folds the rest has.

    Rows of one `group` are never parted.
    """

    test: Share = 0.2
    folds: Annotated[Whole, Field(ge=2, le=50)] = 5
    group: Column | None = None


class Candidates(_Part):
    """What competes: every kind on every framework."""

    frameworks: tuple[FrameworkName, ...] = Field(default=FRAMEWORKS, min_length=1)
    kinds: tuple[KindName, ...] = Field(default=KINDS, min_length=1)
    _once = field_validator("frameworks", "kinds")(_distinct)


class GradientDescent(_Part):
    """How the neuron learns; without a declared rate, at the fastest that surely converges."""

    learning_rate: Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)] | None = None
    epochs: Annotated[Whole, Field(ge=1, le=10_000_000)] = 10_000
    start: Literal["zero", "last"] = "zero"


class Ann(_Part):
    """The network's hidden layers, from the columns to the prediction."""

    hidden: tuple[Annotated[Whole, Field(ge=1, le=4096)], ...] = (128, 128)


class Promotion(_Part):
    """When tonight's winner may serve; gains are shares of the mean squared error."""

    min_gain: Number = 0.0
    max_loss: Number = 0.0
    confidence: Share = 0.95


class Declaration(_Part):
    """One data set: where its rows are, what identifies them and what is to be learned."""

    name: Annotated[str, StringConstraints(pattern=NAME, max_length=MOST_NAME)]
    description: str = ""
    source: PathSource
    key: Columns
    target: Column
    time: Column | None = None
    weight: Column | None = None
    features: Columns | None = None
    types: dict[str, Kind] = {}
    infinite: Literal["refuse", "missing"] = "refuse"
    intercept: Annotated[bool, Strict()] = True
    terms: Annotated[tuple[Term, ...], Lone] = ()
    expectations: tuple[Expectation, ...] = ()
    max_shrinkage: Share = 0.5
    max_age: Annotated[str, BeforeValidator(_length_of_time)] | None = None
    split: SplitRules = SplitRules()
    candidates: Candidates = Candidates()
    gradient_descent: GradientDescent = GradientDescent()
    ann: Ann = Ann()
    promotion: Promotion = Promotion()
    interval: Share = 0.9

    _once = field_validator("key", "features")(lambda value: value and _distinct(value))

    @field_validator("target")
    @classmethod
    def _target_is_no_key(cls, target: str, info: ValidationInfo) -> str:
        if target in info.data.get("key", ()):
            raise DeclarationMistake(
                f"{target!r} is the key already, and a key cannot be predicted"
            )
        return target

    @field_validator("time")
    @classmethod
    def _time_is_not_the_target(cls, time: str | None, info: ValidationInfo) -> str | None:
        if time is not None and time == info.data.get("target"):
            raise DeclarationMistake(f"{time!r} is the target already, and cannot order the rows")
        return time

    @field_validator("weight")
    @classmethod
    def _weight_is_apart(cls, weight: str | None, info: ValidationInfo) -> str | None:
        roles = {
            info.data.get("target"): "target",
            **dict.fromkeys(info.data.get("key", ()), "key"),
        }
        if weight is not None and weight in roles:
            raise DeclarationMistake(
                f"{weight!r} is the {roles[weight]}, and cannot weigh the rows"
            )
        return weight

    @field_validator("features")
    @classmethod
    def _features_can_explain(
        cls, features: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        for name in features or ():
            _can_explain(name, info)
        return features

    @field_validator("types")
    @classmethod
    def _types_fit_the_roles(cls, types: dict[str, Kind], info: ValidationInfo) -> dict[str, Kind]:
        time = info.data.get("time")
        for role in ("target", "weight"):
            name = info.data.get(role)
            if name and types.get(name, "number") != "number":
                raise DeclarationMistake(f"the {role} {name!r} can only be a number")
        if time and types.get(time, "time") not in ("time", "number"):
            raise DeclarationMistake(f"the time column {time!r} can only be a time or a number")
        return types

    @field_validator("max_age")
    @classmethod
    def _time_has_an_age(cls, max_age: str | None, info: ValidationInfo) -> str | None:
        time = info.data.get("time")
        if max_age and "time" in info.data and time is None:
            raise DeclarationMistake(
                "no 'time' is declared, whose newest could be too old",
                "Declare the time column, or leave 'max_age' out.",
            )
        if max_age and info.data.get("types", {}).get(time) == "number":
            raise DeclarationMistake(
                f"the time column {time!r} is declared to hold numbers, without an age"
            )
        return max_age

    @field_validator("terms")
    @classmethod
    def _terms_differ(cls, terms: tuple[str, ...]) -> tuple[str, ...]:
        must_differ(_distinct(terms))
        return terms

    @field_validator("split")
    @classmethod
    def _group_can_split(cls, split: SplitRules, info: ValidationInfo) -> SplitRules:
        if split.group is None:
            return split
        if split.group == info.data.get("target"):
            raise DeclarationMistake(f"{split.group!r} is the target, and cannot group the rows")
        if time := info.data.get("time"):
            raise DeclarationMistake(
                f"the rows cannot be split by the group {split.group!r} and by the time {time!r}",
                "With a time the newest rows are the test rows, whatever their group. Leave 'group'"
                " out to predict what comes next, or 'time' to predict groups never seen.",
            )
        return split

    @property
    def products(self) -> tuple[Product, ...]:
        """Return the columns and powers of each declared term."""
        return tuple(product_of(term) for term in self.terms)

    def feature_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the declared features, or all of `columns` but key, target, weight and group."""
        if self.features is not None:
            return self.features
        others = {*self.key, self.target, self.weight, self.split.group}
        return tuple(name for name in columns if name not in others)


def declared_datasets(folder: Path) -> tuple[str, ...]:
    """Return the names of the data sets that are declared in `folder`, sorted."""
    return tuple(sorted(_files(folder)))


def load_dataset(name: str, folder: Path) -> Declaration:
    """Return the declaration of the data set `name`; every mistake in it is a `CallError`."""
    files = _files(folder)
    if name not in files:
        known = f"Declared are {', '.join(sorted(files))}." if files else "None is declared there."
        raise CallError(
            f"There is no data set {name!r} in {folder.absolute()}.",
            next_step=nearest(name, files) + known,
        )
    return _load(files[name])


def _load(file: Path) -> Declaration:
    node, content = parse(file)
    content.setdefault("name", file.stem)
    try:
        return Declaration.model_validate(content, context={"folder": file.parent})
    except ValidationError as error:
        raise explain(error, Declaration, node, file) from None


def _files(folder: Path) -> dict[str, Path]:
    """Map the name of each data set to its file: the declared name, else the file's own."""
    if not folder.is_dir():
        raise CallError(
            f"There is no folder {folder.absolute()} to find declarations in.",
            next_step="Make it, or name another one in NIGHTFIT_DATASETS.",
        )
    files: dict[str, Path] = {}
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        name = _name(file)
        if name in files:
            raise CallError(
                f"Two declarations are called {name!r}.",
                where=f"{files[name].absolute()} and {file.absolute()}",
                next_step="Give one of them another 'name'.",
            )
        files[name] = file.absolute()
    return files


def _name(file: Path) -> str:
    """Return what a file calls its data set; where it makes no sense, the name of the file."""
    try:
        declared = str(parse(file)[1].get("name", ""))
    except CallError:
        return file.stem
    return declared if len(declared) <= MOST_NAME and re.fullmatch(NAME, declared) else file.stem
