"""The contract that one night makes for the next, without a store."""

import json

import pyarrow as pa

from data.checks.check import check
from data.checks.contract import Contract
from data.declarations.model import Declaration
from data.sources.readings import ColumnReading


def contract_after(
    declaration: Declaration,
    table: pa.Table,
    readings: tuple[ColumnReading, ...] = (),
    *,
    accepted: bool = False,
) -> Contract:
    """Return what a first night on these rows leaves to the second."""
    checked = check(declaration, table, readings)
    labelled = table[declaration.target].is_valid().to_numpy() & checked.kept
    return Contract(
        run_id=1,
        rows=table.num_rows,
        labelled=int(labelled.sum()),
        columns={column.name: column for column in checked.columns},
        declaration=json.loads(declaration.model_dump_json()),
        accepted=accepted,
    )
