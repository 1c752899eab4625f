"""An encoding: from the columns of a table to the matrices that the regressors fit.

It is fitted on training rows alone and makes three matrices: `design` (raw units, reference coded;
for the linear kinds), `standardised` (for the linear start of an ANN) and `network` (what the
layers see). A fitted encoding is plain JSON. The order of the columns makes no difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from regressors.arrays import Array, Columns, Indices, Mask, Values
from regressors.encoding.categories import (
    CategoryColumn,
    coded_categories,
    level_names,
    one_hot,
)
from regressors.encoding.columns import (
    MISSING,
    CannotEncode,
    NumberColumn,
    filled,
    missing_column,
    piece_limit,
    pieces_for,
    with_edges,
    with_tuples,
)
from regressors.encoding.gaps import GapColumn, Gaps, fit_gaps, gap_column
from regressors.encoding.groups import FittedGroups, GroupColumn, fit_groups
from regressors.encoding.lookups import Block, in_levels, in_pieces, put_together
from regressors.encoding.products import Factors, Product, other_factors
from regressors.encoding.statistics import RowStatistics, Statistics
from regressors.encoding.times import PARTS_OF_0_1_0, Parts, parts_of, time_parts, with_time_parts
from regressors.encoding.words import WordsColumn, one_hot_words, words_column

_DTYPES = {"number": "f", "category": "O", "boolean": "O", "time": "M"}
INTERCEPT = "intercept"


@dataclass(frozen=True)
class Encoding:
    """A fitted encoding.

    `names` are all columns that it was fitted on, and `entered` the parts of its times that say
    something. `design_categories`, `gaps`, `products` and `intercept` make the design of the linear
    kinds; only an ANN has `categories`, `groups` and `words`. The `factor_numbers` and the
    `factor_categories` are parts of times that only products have. A model of version 0.1.0 has
    None for what it did not know: its design has the `categories`, each number its own gaps.
    """

    times: tuple[str, ...] = ()
    numbers: tuple[NumberColumn, ...] = ()
    categories: tuple[CategoryColumn, ...] = ()
    names: tuple[str, ...] = field(default=())
    products: tuple[Product, ...] = ()
    intercept: bool = True
    groups: tuple[GroupColumn, ...] = ()
    words: tuple[WordsColumn, ...] = ()
    entered: tuple[str, ...] | None = None
    design_categories: tuple[CategoryColumn, ...] | None = None
    gaps: Gaps | None = None
    factor_numbers: tuple[NumberColumn, ...] = ()
    factor_categories: tuple[CategoryColumn, ...] = ()

    @classmethod
    def fit(
        cls,
        columns: Columns,
        *,
        rows: Mask | None = None,
        products: Sequence[Product] = (),
        intercept: bool = True,
        declared_parts: Mapping[str, Sequence[str]] | None = None,
        pieces: bool = True,
        statistics: Statistics | None = None,
    ) -> "Encoding":
        """Fit on training rows, those of a mask or all n of a table, one column after the other.

        `statistics` are what is known of these rows already, and not to be computed again. A
        product is left out where one of its columns does not vary among these rows. Of the times in
        `declared_parts` these parts enter, of the others those that say something; a product may
        have others. Only the layers of an ANN need the `pieces` of numbers.
        """
        times = tuple(sorted(name for name in columns if columns[name].dtype.kind == "M"))
        time_of = time_parts(Parts(columns, (), rows=rows), times, declared_parts or {})
        alone = {name for name, own in (declared_parts or {}).items() if not own} - {*times}
        others = other_factors(products, columns, times, time_of, alone)
        shown = {name: columns[name] for name in columns if name not in alone or name in others}
        parts = Parts(shown, times, only={*time_of, *others}, rows=rows)
        known = statistics or RowStatistics(parts)
        names = sorted(parts)
        numeric = [name for name in names if parts.kind(name) == "f"]
        fitted = {name: known.number(name) for name in numeric}
        limit = piece_limit(len(fitted.keys() - others))
        numbers = tuple(
            with_edges(fitted[name], parts[name], limit) if pieces else fitted[name]
            for name in numeric
            if name not in others and (fitted[name].sd > 0 or fitted[name].indicator)
        )
        counted = {name: known.levels(name) for name in names if parts.kind(name) == "O"}
        levels, for_design = coded_categories(list(counted.values()), parts.rows)
        wordy = (
            words_column(c.name, counted[c.name].by_level, parts.rows)
            for c in levels
            if c.name not in others and (c.other or not c.varies)
        )
        words = tuple(column for column in wordy if column.words)
        varied = [column for column in for_design if column.varies]
        coded = tuple(column for column in varied if column.name not in others)
        gaps, coded = fit_gaps(numbers, coded, parts, time_of, intercept=intercept)
        factors = [
            replace(c, indicator=False) for n, c in fitted.items() if n in others and c.sd > 0
        ]
        factor_categories = [column for column in varied if column.name in others]
        varying = {c.name for c in (*numbers, *factors) if c.sd > 0}
        varying |= {c.name for c in varied} & ({c.name for c in coded} | others.keys())
        usable = tuple(p for p in products if {name for name, _ in p} <= varying)
        multiplied = {name for product in usable for name, _ in product}
        used = {*time_of.values(), *(others[name] for name in multiplied if name in others)}
        return cls(
            times=tuple(time for time in times if time in used),
            numbers=numbers,
            categories=tuple(c for c in levels if c.varies and c.name not in others),
            names=tuple(sorted(n for n in columns if n in used or n not in {*times, *alone})),
            products=usable,
            intercept=intercept,
            words=words,
            entered=tuple(time_of),
            design_categories=coded,
            gaps=gaps,
            factor_numbers=tuple(c for c in factors if c.name in multiplied),
            factor_categories=tuple(c for c in factor_categories if c.name in multiplied),
        )

    @cached_property
    def column_types(self) -> dict[str, str]:
        """Return the type of each column that is used: number, category, boolean or time."""
        named = [n for group in self.groups for n in group.columns] + [w.name for w in self.words]
        types = dict.fromkeys(named, "category")  # overwritten below where they are numbers
        categories = (*self.coded, *self.categories)
        types |= {c.name: "boolean" if c.boolean else "category" for c in categories}
        types |= {column.name: "number" for column in self.numbers}
        types |= dict.fromkeys(self.times, "time")
        return {name: of_type for name, of_type in types.items() if name in self.names}

    @property
    def coded(self) -> tuple[CategoryColumn, ...]:
        """Return the categories of the design."""
        return self.categories if self.design_categories is None else self.design_categories

    @cached_property
    def time_of(self) -> dict[str, str]:
        """Return the time of each part that enters, alone or in a product, by the part's name."""
        if self.entered is None:
            return parts_of(self.times, PARTS_OF_0_1_0)
        factors = {c.name for c in self.factor_numbers} | {c.name for c in self.factor_categories}
        return {n: t for n, t in parts_of(self.times).items() if n in {*self.entered, *factors}}

    @cached_property
    def factors(self) -> Factors:
        """Return the columns that the products are made of."""
        return Factors(self.all_numbers, self.all_coded)

    @property
    def all_numbers(self) -> tuple[NumberColumn, ...]:
        """Return the numbers of the design, those in products alone included."""
        return (*self.numbers, *self.factor_numbers)

    @property
    def all_coded(self) -> tuple[CategoryColumn, ...]:
        """Return the categories of the design, those in products alone included."""
        return (*self.coded, *self.factor_categories)

    # What goes into a fit

    def design(self, columns: Columns) -> Array:
        """Return the design (n, p) of the linear kinds, in raw units, by `term_names`."""
        return self.design_of(self.parts(columns))

    def design_of(self, parts: Columns) -> Array:
        """Return the design (n, p) of what `parts` returned."""
        return _stack(self.design_blocks(parts), _rows(parts))

    def design_blocks(self, parts: Columns) -> list[Array]:
        """Return the columns of the design of what `parts` returned, one or more in an array."""
        blocks = self.columns_before_categories(parts)
        for category, skipped in self.referenced():
            blocks.append(one_hot(category, parts[category.name])[:, skipped:])
        return blocks + [self.factors.columns(product, parts) for product in self.products]

    def columns_before_categories(self, parts: Columns) -> list[Array]:
        """Return the first ones of `design_blocks`: the intercept, the numbers and their gaps."""
        blocks = [np.ones((_rows(parts), 1))] if self.intercept else []
        gaps = self.gaps_by_number()
        for column in self.numbers:
            if column.sd > 0:
                blocks.append(filled(column, parts[column.name])[:, None])
            blocks += [gap_column(gap, parts) for gap in gaps.get(column.name, ())]
        return blocks

    def term_names(self) -> tuple[str, ...]:
        """Return the name of each column of `design`: `age`, `age[missing]`, `age^2:sex[male]`.

        Raises CannotEncode where two have the same name, for example because a column is called
        `intercept`.
        """
        names = [INTERCEPT] if self.intercept else []
        gaps = self.gaps_by_number()
        for column in self.numbers:
            names += [column.name] if column.sd > 0 else []
            names += [gap.term for gap in gaps.get(column.name, ())]
        for category, skipped in self.referenced():
            names += level_names(category)[skipped:]
        for product in self.products:
            names += self.factors.names(product)
        if len(set(names)) < len(names):
            repeated = next(name for i, name in enumerate(names) if name in names[:i])
            raise CannotEncode(f"two terms would be called {repeated!r}: rename a column")
        return tuple(names)

    def gaps_by_number(self) -> dict[str, list[GapColumn]]:
        """Return the patterns of gaps by the first number of each."""
        if self.gaps is None:
            gappy = (number.name for number in self.numbers if number.indicator)
            return {name: [GapColumn((name,), f"{name}[{MISSING}]")] for name in gappy}
        return {gap.names[0]: [gap] for gap in self.gaps.columns}

    def referenced(self) -> list[tuple[CategoryColumn, int]]:
        """Return each category and how many of its first levels have no column of their own.

        The first level is the reference. Without an intercept the first category has no reference:
        its levels are then intercepts of their own.
        """
        complete = 0 if self.intercept else 1
        return [(c, 1 if i >= complete else 0) for i, c in enumerate(self.coded)]

    def effects(self, name: str, estimates: Array) -> Array:
        """Return what a part adds to a prediction, from the estimates (p,) of the design's terms.

        For a category, that of each label; for a number, that of one SD more, and of one less.
        """
        start = int(self.intercept)
        gaps = self.gaps_by_number()
        for column in self.numbers:
            if column.name == name:
                slope = estimates[start] if column.sd > 0 else 0.0
                return slope * np.array([column.sd, -column.sd])
            start += (column.sd > 0) + len(gaps.get(column.name, ()))
        for category, skipped in self.referenced():
            end = start + len(category.labels) - skipped
            if category.name == name:
                return np.concatenate([np.zeros(skipped), estimates[start:end]])
            start = end
        return np.zeros(1)

    def in_products(self, name: str) -> bool:
        """Return whether a declared product contains a part."""
        return any(name == factor for product in self.products for factor, _ in product)

    def standardised(self, columns: Columns) -> Array:
        """Return the matrix (n, q) of the linear start: numbers as (x - mean) / sd."""
        return self.standardised_of(self.parts(columns))

    def standardised_of(self, parts: Columns) -> Array:
        """Return the matrix (n, q) of the linear start of what `parts` returned."""
        matrix: Array = put_together(self.blocks(parts)[0], _rows(parts))
        return matrix

    def network(self, columns: Columns) -> Array:
        """Return the matrix (n, d) of the hidden layers: squashed numbers and their pieces.

        The squash is q / sqrt(1 + (q / 3)^2) of q = (x - median) / spread; the pieces are the
        piecewise-linear encoding of Gorishniy et al. (2022).
        """
        return self.network_of(self.parts(columns))

    def network_of(self, parts: Columns) -> Array:
        """Return the matrix (n, d) of the hidden layers of what `parts` returned."""
        matrix: Array = put_together(self.network_blocks(parts), _rows(parts))
        return matrix

    def network_blocks(self, parts: Columns) -> list[Block]:
        """Return the columns of what `network_of` returns, one or more in a block."""
        return self.blocks(parts)[1]

    def blocks(self, parts: Columns) -> tuple[list[Block], list[Block]]:
        """Return the columns of `standardised_of` and of `network_of`, one or more in a block."""
        start, network = list[Block](), list[Block]()
        for column in self.numbers:
            if column.sd == 0:
                continue
            values = filled(column, parts[column.name])
            start.append(((values - column.mean) / column.sd)[:, None])
            q = (values - column.median) / column.spread
            network.append((q / np.sqrt(1 + (q / 3) ** 2))[:, None])
            if column.edges:
                network.append(in_pieces(values, column.edges))
        shared, groups = self._shared(parts), self._groups(parts)
        return start + shared + groups[:1], network + shared + groups

    def with_groups(
        self,
        columns: Columns,
        residual: Array,
        weight: Array,
        seed: Sequence[int],
        *,
        pairs: bool,
        together: Indices | None = None,
    ) -> tuple["Encoding", FittedGroups]:
        """Return the encoding with the groups that explain `residual` (n,) of the fitted rows.

        Rows with the same number in `together` (n,) are not used for one another's effects. For the
        fitted rows, the fitted groups hold what belongs in the last columns: `standardised` and
        `network` would leak a row's own target.
        """
        parts = self.parts(columns)
        numbers = {column.name for column in self.numbers if column.sd > 0}
        parts = {n: v for n, v in parts.items() if v.dtype.kind == "O" or n in numbers}
        pieces = min(pieces_for(len(residual)), piece_limit(len(self.numbers)))
        rng = np.random.default_rng(seed)
        fitted = fit_groups(
            parts, residual, weight, rng, pieces=pieces, pairs=pairs, together=together
        )
        return replace(self, groups=fitted.columns), fitted

    def _groups(self, parts: Columns) -> list[Block]:
        """Return the effects (n, k) of the groups, and their log counts (n, k)."""
        if not self.groups:
            return []
        encoded = [group.encode(group.values(parts)) for group in self.groups]
        return [np.column_stack(block) for block in zip(*encoded, strict=True)]

    def _shared(self, parts: Columns) -> list[Block]:
        """Return what the linear start and the network both see: indicators, categories, words."""
        gaps = [
            gap for column in self.numbers for gap in missing_column(column, parts[column.name])
        ]
        coded = [in_levels(category, parts[category.name]) for category in self.categories]
        return [*gaps, *coded, *(one_hot_words(words, parts[words.name]) for words in self.words)]

    def parts(self, columns: Columns, *, in_codes: bool = False) -> dict[str, Values]:
        """Return the columns that the encoding needs, with times as their parts.

        Texts of parts may be `in_codes`. Raises CannotEncode where one is missing or changed.
        """
        missing = sorted(set(self.names) - set(columns))
        if missing:
            raise CannotEncode(f"the column {missing[0]!r} that the model was fitted on is missing")
        chosen = {name: columns[name] for name in self.names}
        for name, of_type in self.column_types.items():
            if chosen[name].dtype.kind != _DTYPES[of_type]:
                raise CannotEncode(f"the column {name!r} is no longer a {of_type}")
        return with_time_parts(chosen, self.times, only=self.time_of, in_codes=in_codes)

    # As stored

    def to_json(self) -> dict[str, Any]:
        """Return the encoding as plain JSON values; floats keep every digit."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Encoding":
        """Return the encoding that `to_json` wrote."""
        numbers = (NumberColumn(**with_tuples(number)) for number in value["numbers"])
        categories, coded = value["categories"], value.get("design_categories")
        gaps, entered = value.get("gaps"), value.get("entered")
        return cls(
            tuple(value["times"]),
            tuple(numbers),
            tuple(CategoryColumn.from_json(category) for category in categories),
            tuple(value["names"]),
            tuple(tuple((n, p) for n, p in product) for product in value.get("products", ())),
            value.get("intercept", True),
            tuple(GroupColumn.from_json(group) for group in value.get("groups", ())),
            tuple(WordsColumn(**with_tuples(words)) for words in value.get("words", ())),
            None if entered is None else tuple(entered),
            None if coded is None else tuple(map(CategoryColumn.from_json, coded)),
            None if gaps is None else Gaps.from_json(gaps),
            tuple(NumberColumn(**with_tuples(c)) for c in value.get("factor_numbers", ())),
            tuple(CategoryColumn.from_json(c) for c in value.get("factor_categories", ())),
        )


def _rows(parts: Columns) -> int:
    return len(next(iter(parts.values()))) if parts else 0


def _stack(blocks: list[Array], rows: int) -> Array:
    return np.ascontiguousarray(np.hstack(blocks)) if blocks else np.empty((rows, 0))
