"""Proposals for small tables that tests make."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.declarations.model import Declaration
from data.proposals.facts import facts_of
from data.proposals.missing import MissingProposal
from data.proposals.proposal import KindAsKey, Proposal, proposed
from data.proposals.sampled import sampled
from data.proposals.written import Context, as_yaml, parsed
from data.sources.made_keys import CONTENT, ROW

N = 120
RANDOM = np.random.default_rng(7)


def noise(n: int = N) -> np.ndarray:
    return RANDOM.normal(size=n)


def facts(table: pa.Table) -> list:
    return [facts_of(name, at, table[name]) for at, name in enumerate(table.column_names)]


def proposal(
    target: str = "y",
    *,
    keys: Sequence[str] = (ROW, CONTENT),
    kind_as_key: KindAsKey | None = None,
    unread: Sequence[str] = (),
    **columns: object,
) -> Proposal:
    """Return the proposal for a table of columns; the target is there if it is not given."""
    if target not in columns:
        columns[target] = noise(len(next(iter(columns.values()))))
    table = pa.table(columns)
    known = facts(table)
    sample = sampled(table, known, target)
    return proposed(table, known, sample, target, made=keys, kind_as_key=kind_as_key, unread=unread)


def text_of(made: Proposal, **more: object) -> str:
    missing = more.pop("missing", MissingProposal({}))
    context = Context("shop", {"path": "shop.csv"}, "From rows.", missing, **more)
    return as_yaml(made, context)


def declaration(made: Proposal, **more: object) -> Declaration:
    text = text_of(made, **more)
    return parsed(text, name="shop", folder=Path("/data"), file="/data/shop.yaml")
