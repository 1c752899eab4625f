"""`nightfit gate`: what the promotion gate can and cannot detect with the latest test rows."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from data.declarations.file import load_dataset
from data.errors import UserError
from data.settings import settings
from data.store.read.comparisons import PairedComparison, latest_comparison
from data.store.session import Store
from flows.command.screen import Screen, print_json

if TYPE_CHECKING:
    from regressors.judging.gate import GatePower
    from regressors.judging.selection import PromotionRules


def run_gate(dataset: str, *, as_json: bool) -> None:
    """Print how large a gain the gate detects, and how often it errs, with the last test rows.

    Raises UserError if no run has compared two models of the dataset.
    """
    from regressors.judging.gate import gate_power
    from regressors.judging.selection import PromotionRules

    config = settings()
    promotion = load_dataset(dataset, config.datasets).promotion
    with Store(config.database_url).reading() as connection:
        comparison = latest_comparison(connection, dataset)
    if comparison is None:
        raise UserError(
            "no run has compared two models of this dataset yet.",
            where=dataset,
            next_step=f"Run 'nightfit retrain {dataset}' first, with more than one kind of model.",
        )
    rules = PromotionRules(**promotion.model_dump())
    pairs = comparison.errors
    power = gate_power(pairs.error, pairs.other_error, rules=rules, unit=pairs.unit)
    if as_json:
        compared = {"model": comparison.model, "other": comparison.other}
        print_json({"dataset": dataset, "run_id": comparison.run_id, **asdict(power), **compared})
        return
    console = Screen(sys.stdout)
    for line in _in_words(dataset, comparison, power, rules):
        console.print(line, soft_wrap=True)


def _in_words(
    dataset: str, comparison: PairedComparison, power: "GatePower", rules: "PromotionRules"
) -> Sequence[str]:
    units = f" in {power.units:,} independent units" if power.units != power.rows else ""
    compared = (
        f"{dataset}: run {comparison.run_id} compared {comparison.model} with {comparison.other} on"
        f" {power.rows:,} test rows{units}."
    )
    if power.smallest_gain == 0:
        return [compared, "Both make the same errors, so there is no difference to detect."]
    return [compared, *_rates(dataset, power, rules)]


def _rates(dataset: str, power: "GatePower", rules: "PromotionRules") -> Sequence[str]:
    from regressors.judging.selection import too_few

    repeated = "These rates hold for one decision; the same test rows are used again every night."
    if power.smallest_gain is not None:
        return [
            f"The gate detects a switch that gains {power.smallest_gain:.1%} in mean squared error"
            f" four times out of five (min_gain {rules.min_gain:.1%}, confidence"
            f" {rules.confidence:.0%}).",
            f"It would switch to an equally good model in {power.switch_to_equal:.1%} of nights,"
            f" and to one whose RMSE is {power.worse:.0%} higher in {power.switch_to_worse:.1%}.",
            f"It would accept a refresh whose RMSE is {power.worse:.0%} higher in"
            f" {power.refresh_to_worse:.1%} of nights (max_loss {rules.max_loss:.1%}).",
            repeated,
        ]
    if too_few(power.rows, power.units):
        return [
            "These are too few for another candidate to take over, whatever its gain, unless you"
            f" promote it ('nightfit promote {dataset} RUN'); newer fits of the champion's own"
            " candidate are accepted.",
            repeated,
        ]
    return ["One of them makes no error, so no rates can be given."]
