"""The one way from stored bytes to a model: checked first, then loaded."""

from typing import Literal, get_args

from data.declarations.model import Declaration
from data.errors import DamagedModel
from data.store.read.champions import ServingModel
from data.store.read.integrity import RUN
from regressors.model import Model

Part = Literal["artifact", "twin"]
PARTS: tuple[Part, ...] = get_args(Part)

NEEDED = {"artifact": {"artifact", RUN}, "twin": {"twin", RUN}}
"""What must be intact to use a part of a stored model."""


def loaded(serving: ServingModel, part: Part) -> Model:
    """Return a stored model, or its twin; raise DamagedModel where it is not what was stored."""
    damage = serving.damage
    if damage is not None and damage.parts & NEEDED[part]:
        raise damaged(serving, damage.what, damage.next_step)
    content = serving.artifact if part == "artifact" else serving.twin
    assert content is not None
    try:
        return Model.from_bytes(content)
    except Exception as error:  # noqa: BLE001 - bytes that nobody checked may raise anything
        raise damaged(serving, f"it cannot be loaded ({type(error).__name__}: {error})") from None


def intact(serving: ServingModel) -> dict[Part, Model]:
    """Return a model and its twin, as far as they are stored.

    Raises DamagedModel unless all of it is as it was stored, and can be loaded.
    """
    damage = serving.damage
    if damage is not None:
        raise damaged(serving, damage.what, damage.next_step)
    stored = (part for part in PARTS if getattr(serving, part) is not None)
    return {part: loaded(serving, part) for part in stored}


def declared(serving: ServingModel) -> Declaration:
    """Return the declaration that a model was trained with; raise DamagedModel if it has none."""
    try:
        return Declaration.model_validate_json(serving.declaration or "")
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise damaged(serving, f"its declaration cannot be read ({first})") from None


def damaged(serving: ServingModel, what: str, next_step: str | None = None) -> DamagedModel:
    """Return the error for a damaged model, which says how to go on without it."""
    return DamagedModel(
        f"{serving.name_and_run} is damaged in the database: {what}.",
        where=serving.dataset,
        next_step=next_step
        or f"'nightfit rollback {serving.dataset}' lets the champion before it serve again;"
        f" 'nightfit retrain {serving.dataset}' trains a new model.",
    )
