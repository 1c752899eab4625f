"""How long a run would take, by what the last good ones took."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from data.store.read.run_times import RunTime
from tasks.run.changes import Change

COMPARED_RUNS = 5
"""So many of the last good runs say how long tonight's would take."""

SIMILAR = 0.1
"""A run with up to this share more or fewer rows took as long; others, as many times as long."""

SHAPES_TRAINING = (
    "candidates",
    "ann",
    "gradient_descent",
    "split",
    "terms",
    "features",
    "segment",
)
"""Keys of a declaration after whose change a run takes another time."""


@dataclass(frozen=True)
class Duration:
    """How long a run would take, in seconds, None if nobody knows, and how that is known.

    `fits` is the part of it that fits of each kind take, in the slowest framework.
    """

    seconds: float | None
    known_from: str
    fits: Mapping[str, float] = field(default_factory=dict)


def expected_duration(
    times: Sequence[RunTime], rows: int, changes: Iterable[Change] = ()
) -> Duration:
    """Return how long a run of so many rows would take: the median of what the last ones took.

    Where a run had other rows, its seconds are multiplied by how many times as many there are.
    """
    scales = [_scale(time, rows) for time in times]
    known = [(time, scale) for time, scale in zip(times, scales, strict=True) if scale]
    if not known:
        return Duration(None, "it would be the first run")
    runs = "the last good run" if len(known) == 1 else f"the last {len(known)} good runs"
    scaled = ", scaled by the rows" if any(scale != 1 for _, scale in known) else ""
    names = [(change.name or "").partition(".")[0] for change in changes]
    other = ", with another declaration" if {*names} & {*SHAPES_TRAINING} else ""
    kinds = dict.fromkeys(kind for time, _ in known for kind in time.fits)
    return Duration(
        median(scale * time.seconds for time, scale in known),
        f"by {runs}{scaled}{other}",
        {k: median(s * time.fits[k] for time, s in known if k in time.fits) for k in kinds},
    )


def _scale(time: RunTime, rows: int) -> float | None:
    """Return by how much the seconds of a run are multiplied; None if its rows are not known."""
    if not time.rows or not rows:
        return None
    scale = rows / time.rows
    return 1.0 if abs(scale - 1) <= SIMILAR else scale


def in_words(seconds: float | None) -> str:
    """Return how long something takes, roughly: "about 12 s", "about 2.5 h"."""
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
