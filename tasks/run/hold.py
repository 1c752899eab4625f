"""What keeps every candidate from being promoted tonight."""

from regressors.judging.selection import Hold
from tasks.run.choice import Incumbent


def promotion_hold(
    champion: Incumbent | None, *, as_of: str | None, data_until: float | None
) -> Hold | None:
    """Return why nobody may replace the model that serves; None if it may be replaced.

    A past night (`as_of`), whose newest labelled row is from `data_until`, replaces no model that
    was, or may have been, trained on later data. No night replaces a pinned model.
    """
    if champion is None:
        return None
    serving = champion.serving
    later = serving.data_until
    if as_of is not None and later is None:
        why = f"it was trained without a time column, so its data may be later than that of {as_of}"
        return Hold("backfill", why)
    if as_of is not None and has_later_data(later, data_until):
        return Hold("backfill", f"it was trained on later data than that of {as_of}")
    if serving.pinned:
        return Hold("pinned", f"pinned by {serving.pinned_by}: {serving.pinned_reason}")
    return None


def has_later_data(champion_until: float | None, data_until: float | None) -> bool:
    """Return whether a champion has, or may have, later data than that of a past night."""
    if champion_until is None:
        return True
    return data_until is not None and champion_until > data_until
