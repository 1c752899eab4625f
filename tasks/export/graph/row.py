"""The columns of rows in a graph: numbers, texts and times, and what is looked up by them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.export.graph.builder import Graph
from tasks.export.routed import segments_in

DAY, HOUR = 86_400_000_000, 3_600_000_000
"""In microseconds."""
NO_TIME = -(2**63)
"""A missing time: what NumPy's NaT is as a whole number."""
MONTHS = {f"{month:02d}": month for month in range(1, 13)}
QUARTERS = {f"Q{quarter}": quarter for quarter in range(1, 5)}
WEEKDAYS = {name: day for day, name in enumerate(("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"))}
NOT_THERE = 13
"""The quarter, the month and the weekday of a missing time."""
TURNS = {"quarter": QUARTERS, "month": MONTHS, "weekday": WEEKDAYS}
INPUTS = {"number": "DOUBLE", "boolean": "DOUBLE", "category": "STRING", "time": "INT64"}


def missing_text(description: Mapping[str, Any]) -> str:
    """Return the text that stands for a missing category: a blank one, unless that is a level."""
    levels = {
        text
        for member in description["members"]
        for category in member["categories"]
        for text in category["label_of"]
    }
    _, segments = segments_in(description)
    levels |= {text for segment in segments for text in segment}
    word = ""
    while word in levels:
        word = f"<{word or 'missing'}>"
    return word


class GraphRow:
    """The parts of rows: a number is a column of doubles, NaN where it is missing."""

    def __init__(self, graph: Graph, description: Mapping[str, Any]) -> None:
        self.graph, self.missing = graph, missing_text(description)
        self._types = {column["name"]: column["type"] for column in description["columns"]}
        self._inputs = {n: graph.input(n, INPUTS[of_type]) for n, of_type in self._types.items()}
        self._parts = {part["name"]: part for part in description["parts"]}
        self.graph_inputs = dict(self._inputs)

    def is_number(self, name: str) -> bool:
        """Return whether a column, or a part of a time, is a number."""
        if name in self._parts:
            return self._parts[name]["part"] in ("days", "hour")
        of_type: str = self._types[name]
        return of_type == "number"

    def number(self, name: str) -> str:
        """Return a number (n, 1), NaN where it is missing."""
        if name not in self._parts:
            return self._inputs[name]
        microseconds, is_missing = self._instant(self._parts[name]["time"])
        unit = HOUR if self._parts[name]["part"] == "hour" else DAY
        if unit == HOUR:
            microseconds = self._whole("Mod", microseconds, DAY)
        value = self.graph.node("Cast", microseconds, to=11)  # a double
        value = self.graph.node("Div", value, self.graph.constant(unit))
        return self.graph.node("Where", is_missing, self.graph.constant(np.nan), value)

    def numbers(self, names: Sequence[str]) -> str:
        """Return numbers (n, k) side by side."""
        return self.graph.beside([self.number(name) for name in names])

    def index(self, name: str, codes: Mapping[str, int], missing: int, others: int) -> str:
        """Return the whole number (n, 1) of each text, also where it is missing or another one."""
        if name in self._parts:
            known = TURNS[self._parts[name]["part"]]
            table = np.full(NOT_THERE + 1, missing)
            for text, at in known.items():
                table[at] = codes.get(text, others)
            return self.graph.node(
                "Gather", self.graph.constant(table, np.int64), self._turn(name), axis=0
            )
        if self._types[name] == "boolean":
            true, false = (codes.get(text, others) for text in ("true", "false"))
            return self._of_boolean(name, true, false, missing)
        return self.graph.encoded(self._inputs[name], others, {**codes, self.missing: missing})

    def level_index(self, name: str, levels: Mapping[float, int], missing: int, others: int) -> str:
        """Return the whole number (n, 1) of each level of a number."""
        from onnx import numpy_helper

        value = self.number(name)
        known = levels or {0.0: others}
        index = self.graph.node(
            "LabelEncoder",
            value,
            domain="ai.onnx.ml",
            keys_tensor=numpy_helper.from_array(np.array(list(known), dtype=float)),
            values_tensor=numpy_helper.from_array(np.array(list(known.values()), dtype=np.int64)),
            default_tensor=numpy_helper.from_array(np.array([others], dtype=np.int64)),
        )
        is_missing = self.graph.node("IsNaN", value)
        return self.graph.node("Where", is_missing, self.graph.constant(missing, np.int64), index)

    def is_missing(self, name: str) -> str:
        """Return the mask (n, 1) of the rows in which a number is missing."""
        return self.graph.node("IsNaN", self.number(name))

    def text(self, name: str) -> str:
        """Return a category as it comes in."""
        return self._inputs[name]

    def by_label(self, category: Mapping[str, Any], results: NDArray[np.float64]) -> str:
        """Return the rows (n, k) of `results` (labels + 1, k) by the label of each value.

        The last row is that of a value for which the shares of all labels stand.
        """
        return self.graph.rows_of(results, self.label(category))

    def label(self, category: Mapping[str, Any]) -> str:
        """Return the label (n, 1) of each value; one more than the last where it has none."""
        unknown = len(category["labels"])

        def of(label: int | None) -> int:
            return unknown if label is None else label

        return self.index(
            category["name"],
            {text: of(label) for text, label in category["label_of"].items()},
            of(category["label_of_missing"]),
            of(category["label_of_others"]),
        )

    def _of_boolean(self, name: str, true: int, false: int, missing: int) -> str:
        graph, value = self.graph, self._inputs[name]
        codes = [graph.constant(code, np.int64) for code in (true, false, missing)]
        is_false = graph.node("Equal", value, graph.constant(0.0))
        known = graph.node("Where", is_false, codes[1], codes[0])
        return graph.node("Where", graph.node("IsNaN", value), codes[2], known)

    def _instant(self, time: str) -> tuple[str, str]:
        """Return the microseconds of a time, 0 where it is missing, and where that is."""
        graph, value = self.graph, self._inputs[time]
        is_missing = graph.node("Equal", value, graph.constant(NO_TIME, np.int64))
        zero = graph.constant(0, np.int64)
        return graph.node("Where", is_missing, zero, value), is_missing

    def _whole(self, op: str, value: str, other: int) -> str:
        return self.graph.node(op, value, self.graph.constant(other, np.int64))

    def _turn(self, name: str) -> str:
        """Return the quarter or the month, from 1, or the weekday, from 0 for Thursday."""
        microseconds, is_missing = self._instant(self._parts[name]["time"])
        in_day = self._whole("Mod", microseconds, DAY)
        day = self._whole("Div", self.graph.node("Sub", microseconds, in_day), DAY)
        part = self._parts[name]["part"]
        turn = self._whole("Mod", day, 7) if part == "weekday" else self._month(day)
        if part == "quarter":
            turn = self._whole("Div", self._whole("Add", turn, 2), 3)
        not_there = self.graph.constant(NOT_THERE, np.int64)
        return self.graph.node("Where", is_missing, not_there, turn)

    def _month(self, day: str) -> str:
        """Return the month of a day since 1970 (Hinnant 2013, days from civil)."""
        whole, node = self._whole, self.graph.node
        of_era = whole("Mod", whole("Add", day, 719_468), 146_097)
        leaps = [whole("Div", of_era, days) for days in (1460, 36_524, 146_096)]
        years = node("Add", node("Sub", of_era, leaps[0]), node("Sub", leaps[1], leaps[2]))
        year = whole("Div", years, 365)
        days = node("Add", whole("Mul", year, 365), whole("Div", year, 4))
        of_year = node("Sub", of_era, node("Sub", days, whole("Div", year, 100)))
        from_march = whole("Div", whole("Add", whole("Mul", of_year, 5), 2), 153)
        return whole("Add", whole("Mod", whole("Add", from_march, 2), 12), 1)
