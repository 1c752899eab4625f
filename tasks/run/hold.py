"""Why nobody may be promoted tonight, where that is so."""

from regressors.judging.selection import Held
from tasks.run.choice import Incumbent


def promotion_hold(
    champion: Incumbent | None, *, as_of: str | None, data_until: float | None
) -> Held | None:
    """Return why nobody may replace the model that serves; None where somebody may.

    A night of the past (`as_of`) replaces no model that was, or may have been, trained on later
    data; `data_until` is the newest time of tonight's labelled rows. No night replaces a pin.
    """
    if champion is None:
        return None
    serving = champion.serving
    if as_of is not None and serving.data_until is None:
        why = f"it was trained without a time column, so its data may be later than that of {as_of}"
        return Held("backfill", why)
    if as_of is not None and data_until is not None and serving.data_until > data_until:
        return Held("backfill", f"it was trained on later data than that of {as_of}")
    if serving.pinned:
        return Held("pinned", f"pinned by {serving.pinned_by}: {serving.pinned_reason}")
    return None
