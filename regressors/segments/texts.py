"""The text of each row's segment, which is made like that of a key."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regressors.arrays import CodedTexts, Columns, Indices, Values


@dataclass(frozen=True)
class Segments:
    """The texts (S,) of the segments, in order, and which one each of n rows belongs to.

    A code (n,) of -1 is that of no segment.
    """

    names: Values
    codes: Indices

    def __len__(self) -> int:
        return len(self.names)


def segments_of(columns: Columns, segment: Sequence[str]) -> Segments:
    """Return the segments of rows by the columns of `segment`, which are categories.

    One column gives its texts. Several give a JSON array of theirs without spaces, such as
    `["Berlin","7"]`. A row in which one of them is missing has no segment.
    """
    parts = [_in_order(columns[name]) for name in segment]
    if len(parts) == 1:
        return parts[0]
    cells, blank = np.zeros(len(parts[0].codes), dtype=np.int64), parts[0].codes < 0
    for part in parts:
        _, cells = np.unique(cells * max(len(part), 1) + part.codes, return_inverse=True)
        blank = blank | (part.codes < 0)
    there, first = np.unique(cells[~blank], return_index=True)
    at = np.flatnonzero(~blank)[first]
    labels = [part.names[part.codes[at]] for part in parts]
    texts = [segment_text(row) for row in zip(*labels, strict=True)]
    codes = np.full(len(cells), -1, dtype=np.int64)
    codes[~blank] = np.searchsorted(there, cells[~blank])
    return _sorted(np.array(texts, dtype=object), codes)


def segment_text(parts: Sequence[str]) -> str:
    """Return the text of the segment with these texts in the columns of a declaration."""
    if len(parts) == 1:
        return parts[0]
    return json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))


def segment_parts(text: str, columns: int) -> list[str]:
    """Return the texts in the columns of a declaration that make the text of a segment."""
    return [text] if columns == 1 else json.loads(text)


def codes_in(segments: Segments, names: Values) -> Indices:
    """Return the code (n,) of each row among other sorted names (S,), -1 for none of them."""
    at = np.searchsorted(names, segments.names)
    at = np.minimum(at, max(len(names) - 1, 0))
    known = names[at] == segments.names if len(names) else np.zeros(len(segments), dtype=bool)
    table = np.append(np.where(known, at, -1), -1).astype(np.int64)
    codes: Indices = table[segments.codes]
    return codes


def _in_order(values: Values) -> Segments:
    """Return the texts of a column that occur, in order, and the code of each row."""
    if isinstance(values, CodedTexts):
        codes, labels = values.codes.astype(np.int64), values.labels[:-1]
    else:
        found: dict[str | None, int] = {None: -1}
        codes = np.array(
            [found.setdefault(text, len(found) - 1) for text in values.tolist()], dtype=np.int64
        )
        labels = np.array([text for text in found if text is not None], dtype=object)
    there = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(labels)))
    moved = np.full(len(labels) + 1, -1)
    moved[there] = np.arange(len(there))
    return _sorted(labels[there], moved[codes])


def _sorted(texts: Values, codes: Indices) -> Segments:
    order = np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)
    places = np.full(len(texts) + 1, -1)
    places[order] = np.arange(len(order))
    return Segments(texts[order], places[codes])
