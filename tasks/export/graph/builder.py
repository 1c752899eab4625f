"""An ONNX graph that grows node by node. Every number in it is a double."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError

OPSET, ML_OPSET, IR_VERSION = 21, 4, 10
"""Those of ONNX 1.16 of 2024, which runtimes since then can read."""

ML = "ai.onnx.ml"


class MissingExtra(UserError):
    """A package that ONNX needs is not installed."""


def require_onnx() -> None:
    """Raise MissingExtra, with the command that installs it, where a package is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            f"the format onnx needs the Python package {error.name!r}, which is not installed.",
            next_step="Install it with 'pip install \"nightfit[onnx]\"'.",
        ) from None


class Graph:
    """The nodes, the constants and the inputs of a graph; each result is known by its name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._known: dict[tuple[Any, ...], str] = {}

    def input(self, name: str, dtype: str) -> str:
        """Add a column of the rows, an input (n, 1) of the type DOUBLE, STRING or INT64."""
        from onnx import TensorProto, helper

        of_type = getattr(TensorProto, dtype)
        self._inputs.append(helper.make_tensor_value_info(name, of_type, ["rows", 1]))
        return name

    def constant(self, value: Any, dtype: Any = float) -> str:
        """Return the name of a constant, which is stored once."""
        from onnx import numpy_helper

        array: NDArray[Any] = np.asarray(value, dtype=dtype)
        key = ("constant", array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            name = self._known[key] = f"nightfit/constant_{len(self._constants)}"
            self._constants[name] = numpy_helper.from_array(array, name)
        return self._known[key]

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Return the name of the result of an operator; the same one is not computed twice."""
        from onnx import helper

        key = (op, inputs, repr(sorted(attributes.items(), key=lambda item: item[0])))
        if key not in self._known:
            name = self._known[key] = f"nightfit/{op}_{len(self._nodes)}"
            made = helper.make_node(op, inputs, [name], name, domain=domain, **attributes)
            self._nodes.append(made)
        return self._known[key]

    def encoded(self, value: str, default: int, codes: Mapping[str, int]) -> str:
        """Return the whole number (n, 1) of each text, the default for any other."""
        # ONNX Runtime wants one key at least; this one is the default, whatever the text.
        return self.node(
            "LabelEncoder",
            value,
            domain=ML,
            keys_strings=list(codes) or ["nightfit"],
            values_int64s=list(codes.values()) or [default],
            default_int64=default,
        )

    def rows_of(self, table: NDArray[np.float64], index: str) -> str:
        """Return the rows (n, k) of a table (m, k) at an index (n, 1)."""
        flat = self.node("Reshape", index, self.constant([-1], np.int64))
        return self.node("Gather", self.constant(table), flat, axis=0)

    def columns_of(self, matrix: str, columns: list[int]) -> str:
        """Return some columns of a matrix."""
        return self.node("Gather", matrix, self.constant(columns, np.int64), axis=1)

    def beside(self, matrices: list[str]) -> str:
        """Return matrices of the same rows side by side."""
        return matrices[0] if len(matrices) == 1 else self.node("Concat", *matrices, axis=1)

    def total(self, columns: list[str]) -> str:
        """Return the sum of columns (n, 1)."""
        return columns[0] if len(columns) == 1 else self.node("Sum", *columns)

    def anywhere(self, masks: list[str], op: str = "Or") -> str:
        """Return masks (n, 1) joined by Or, or by And."""
        first, *rest = masks
        for mask in rest:
            first = self.node(op, first, mask)
        return first

    def to_bytes(self, outputs: Mapping[str, str], facts: Mapping[str, str], text: str) -> bytes:
        """Return the model, with outputs (n, 1) by name, facts about it and a description."""
        from onnx import TensorProto, checker, helper

        nodes = [*self._nodes]
        declared = []
        for name, result in outputs.items():
            nodes.append(helper.make_node("Identity", [result], [name]))
            declared.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["rows", 1]))
        graph = helper.make_graph(
            nodes, "nightfit", self._inputs, declared, list(self._constants.values())
        )
        model = helper.make_model(
            graph,
            producer_name="nightfit",
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)],
            ir_version=IR_VERSION,
            doc_string=text,
        )
        helper.set_model_props(model, dict(facts))
        checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content
