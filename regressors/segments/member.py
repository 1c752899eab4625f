"""A linear equation for each segment, and one of all rows for the others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, Columns, Floats, Mask, Values
from regressors.encoding.columns import CannotEncode
from regressors.encoding.doubts import MAX_QUOTED, NEVER
from regressors.encoding.matrices import Encoding
from regressors.segments.texts import Segments, codes_in, segments_of
from regressors.uncertainty import tried_spread

ROW_SEGMENT = "\0segment"
"""The part of a row that holds the code of its segment: no column can have this name."""

_MISSING: Mapping[str, tuple[Any, Any]] = {
    "number": (np.nan, float),
    "category": (None, object),
    "boolean": (None, object),
    "time": (np.datetime64("NaT"), "M8[us]"),
}
"""A missing value of a type, and the dtype of its column."""


@dataclass(frozen=True)
class SegmentedMember:
    """Linear equations with the same terms (p), those of the encoding, in raw units.

    `segment` are the columns whose values make the text of a row's segment. Those in `names` (S,),
    in order, have the estimates `own` (S, p), where 0 stands for a term that is left out; all
    others have the `estimates` (p,) of all rows. So have segments that training knew but could not
    give an equation, which are in `names` as well.
    """

    encoding: Encoding
    estimates: Array
    segment: tuple[str, ...]
    names: Values
    own: Array

    @cached_property
    def _lines(self) -> Array:
        """Return the estimates (S + 1, p) by the code of a segment, those of code -1 last."""
        return np.vstack([self.own, self.estimates])

    def parts(self, columns: Columns) -> dict[str, Values]:
        """Return the parts of the encoding, and the code of each row's segment."""
        codes = codes_in(self._segments(columns), self.names)
        return {**self.encoding.parts(columns, in_codes=True), ROW_SEGMENT: codes}

    def _segments(self, columns: Columns) -> Segments:
        for name in self.segment:
            if name not in columns:
                raise CannotEncode(f"the column {name!r} that the model was fitted on is missing")
            if columns[name].dtype.kind != "O":
                raise CannotEncode(f"the column {name!r} is no longer a category")
        return segments_of(columns, self.segment)

    def predict(self, parts: Columns) -> Array:
        """Predict (n,) in the target's units, from `parts`.

        Terms are added one after the other, so that a row's digits are its own.
        """
        codes = parts[ROW_SEGMENT]
        total = np.zeros(len(codes))
        with np.errstate(over="ignore", invalid="ignore"):  # the caller sees what is not finite
            for column, effects in zip(
                self.encoding.design_of(parts).T, self._lines.T, strict=True
            ):
                total += column * effects[codes]
        return total

    def spread(self, part: str, parts: Columns) -> Array:
        """Return the SD (n,) of the predictions over the values that a part may have."""
        return tried_spread(self, part, parts)

    def spreads(self, part: str) -> Array:
        """Return the `spread` (S + 1,) by the code of a segment, those of code -1 last.

        That is of a part without products, whose effects are the same in all rows of a segment.
        """
        codes = np.append(np.arange(len(self.names)), -1)
        columns = {
            name: np.full(len(codes), *_MISSING[of_type])
            for name, of_type in self.encoding.column_types.items()
        }
        parts = {**self.encoding.parts(columns), ROW_SEGMENT: codes}
        return self.spread(part, parts)

    def unseen(self, columns: Columns, parts: Columns) -> tuple[Mask, Values]:
        """Return which rows (n,) have no segment that training knew, and what to note of each."""
        segments = self._segments(columns)
        rows: Mask = parts[ROW_SEGMENT] < 0
        texts = np.array([*map(_never, segments.names), self._missing], dtype=object)
        notes: Values = texts[segments.codes]
        return rows, notes

    @property
    def _missing(self) -> str:
        return f"{' or '.join(self.segment)} is missing, so that the row is of no segment"

    def arrays(self) -> dict[str, Floats]:
        """Return the arrays to store."""
        texts = json.dumps(self.names.tolist(), ensure_ascii=False).encode()
        names: NDArray[Any] = np.frombuffer(texts, dtype=np.uint8)
        return {"estimates": self.estimates, "own": self.own, "names": names}

    @classmethod
    def of(
        cls, encoding: Encoding, arrays: Mapping[str, NDArray[Any]], segment: Sequence[str]
    ) -> "SegmentedMember":
        """Return the member with these stored arrays."""
        names = json.loads(arrays["names"].tobytes())
        texts = np.array([*names, None], dtype=object)[:-1]
        return cls(encoding, arrays["estimates"], tuple(segment), texts, arrays["own"])


def _never(text: str) -> str:
    shown = text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."
    return f"segment is {shown!r}{NEVER}: it is predicted by the line of all rows"
