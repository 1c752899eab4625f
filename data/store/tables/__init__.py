"""The tables of the store. The comment of each says its grain: what one row is.

People query the views in `views/`; the tables hold what the views show, and the rest. A change here
needs a migration in `migrations/versions/`. A CHECK lists the words of a column only where this
code alone decides on them: frameworks and kinds are listed in `regressors/` and nowhere else.
"""

from data.store.tables.alarms import alarm, alarm_delivery, alarm_message
from data.store.tables.base import KEY, metadata
from data.store.tables.integrity import checksum, database_check, prediction_checksum
from data.store.tables.models import (
    agreement_check,
    coefficient,
    coefficient_variant,
    linear_fit,
    model,
    naive,
    resilience,
    score,
)
from data.store.tables.results import output_delivery, result_table
from data.store.tables.runs import (
    acceptance,
    expectation_result,
    is_good,
    rejected_row,
    run,
    run_figures,
    source_column,
)
from data.store.tables.segments import (
    segment_coefficient_value,
    segment_decision,
    segment_fit,
    segment_serving,
)
from data.store.tables.serving import (
    outcome,
    paired_error,
    prediction,
    promotion,
    target_unknown,
)

__all__ = [
    "KEY",
    "acceptance",
    "agreement_check",
    "alarm",
    "alarm_delivery",
    "alarm_message",
    "checksum",
    "coefficient",
    "coefficient_variant",
    "database_check",
    "expectation_result",
    "is_good",
    "linear_fit",
    "metadata",
    "model",
    "naive",
    "outcome",
    "output_delivery",
    "paired_error",
    "prediction",
    "prediction_checksum",
    "promotion",
    "rejected_row",
    "resilience",
    "result_table",
    "run",
    "run_figures",
    "score",
    "segment_coefficient_value",
    "segment_decision",
    "segment_fit",
    "segment_serving",
    "source_column",
    "target_unknown",
]
