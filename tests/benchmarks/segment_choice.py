"""The model that serves each segment: the error of the chosen mix beside each of the four alone.

    segment_choice.py [SET...] [--nights 5] [--without-network]

Simulated sets have 60 segments of 30 to 300 rows, three numeric columns and errors of SD 1:

- equal: one line for all;
- shifted: every third segment has another intercept;
- slopes: every third segment has other slopes;
- alike: the slopes of all segments scatter a little around a common line;
- mixed: a third is on the common line, a third has other slopes, and in a third the first column
  acts by its square.

They are drawn anew for each of `--nights`. Errors are root mean squares on 400 further rows of each
segment, over the SD of the target; the mean is over rows. `least` is the error of the best of the
four in each segment, which nobody knows beforehand: no choice has a smaller one. A segment is
wrongly moved where what serves it has a larger error there than the champion; the share is that of
all segments. For this, and for `least`, simulated errors are compared without the part that no
model can know: with it, 400 rows say little of two models that are nearly as good.

Public sets are `diamonds` (a segment for each cut, colour and clarity) and `cps1988` (for each
region, ethnicity, place and kind of work), in the folder that NIGHTFIT_BENCH_DATA names
(docs/benchmark-data.md). A third of their rows are held out for the errors; where they are few,
so is what they say of a wrong move.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.figures import aim, record

from regressors import fitting
from regressors.candidate import Candidate, group_of
from regressors.frameworks.workers import Workers
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.judging.ranking import Contender, rank
from regressors.judging.segments import CHAMPION, SegmentRows, choose_routes, segment_rmse
from regressors.judging.selection import PromotionRules
from regressors.segments.texts import codes_in, segments_of

FOLDER = "NIGHTFIT_BENCH_DATA"
MOST_WRONG = 0.05
"""The share of segments that may leave an equal model."""
FRAMEWORK, FOLDS, HIDDEN = "torch", 5, (32, 32)
KINDS = ("least_squares", "shrunken_least_squares", "segment_least_squares", "ann")
SEGMENTS, HELD = 60, 400
PUBLIC = {
    "diamonds": ("price", ("cut", "color", "clarity")),
    "cps1988": ("wage", ("region", "ethnicity", "smsa", "parttime")),
}

Array = np.ndarray


@dataclass(frozen=True)
class Drawn:
    """Rows to learn from, with their folds, and rows that errors are measured on."""

    columns: Mapping[str, Array]
    target: Array
    fold: Array
    held: Mapping[str, Array]
    held_target: Array
    held_noise: Array | float  # of the target, by which no model can be judged; 0: it is not known
    segment: tuple[str, ...]


def simulated(shape: str, seed: int) -> Drawn:
    """Draw a simulated set."""
    rng = np.random.default_rng([seed, sum(map(ord, shape))])
    slopes = np.tile([1.0, 1.5, 2.0], (SEGMENTS, 1))
    start, square = np.zeros(SEGMENTS), np.zeros(SEGMENTS)
    third = np.arange(SEGMENTS) % 3
    if shape == "shifted":
        start[third == 1] = 3 * rng.normal(size=(third == 1).sum())
    if shape in ("slopes", "mixed"):
        slopes[third == 1] += rng.normal(size=((third == 1).sum(), 3))
    if shape == "alike":
        slopes += 0.2 * rng.normal(size=slopes.shape)
    if shape == "mixed":
        square[third == 2] = 1.5

    def rows(sizes: Array) -> tuple[dict[str, Array], Array, Array]:
        code = np.repeat(np.arange(SEGMENTS), sizes)
        x = rng.normal(size=(len(code), 3))
        y = start[code] + (x * slopes[code]).sum(axis=1) + square[code] * np.square(x[:, 0])
        names = np.array([f"s{i:03d}" for i in range(SEGMENTS)], dtype=object)
        columns = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "segment": names[code]}
        noise = rng.normal(size=len(code))
        return columns, y + noise, noise

    columns, target, _ = rows(rng.integers(30, 301, SEGMENTS))
    held, held_target, noise = rows(np.full(SEGMENTS, HELD))
    fold = 1 + rng.integers(0, FOLDS, len(target))
    return Drawn(columns, target, fold, held, held_target, noise, ("segment",))


def public(name: str, folder: Path, seed: int) -> Drawn:
    """Split a public set."""
    target, segment = PUBLIC[name]
    rows = pd.read_csv(folder / f"{name}.csv.gz").drop(columns="row_id")
    rng = np.random.default_rng(seed)
    held = rng.random(len(rows)) < 1 / 3
    columns = {
        column: values.to_numpy(float if values.dtype.kind in "if" else object)
        for column, values in rows.drop(columns=target).items()
    }
    return Drawn(
        {column: values[~held] for column, values in columns.items()},
        rows[target].to_numpy(float)[~held],
        1 + rng.integers(0, FOLDS, int((~held).sum())),
        {column: values[held] for column, values in columns.items()},
        rows[target].to_numpy(float)[held],
        0.0,
        segment,
    )


@dataclass(frozen=True)
class Outcome:
    """Relative errors of each kind alone and of the chosen mix, and what became of segments."""

    champion: str
    alone: Mapping[str, float]
    mix: float
    least: float
    moved: int
    wrongly: int
    segments: int


def measured(workers: Workers, name: str, drawn: Drawn, kinds: Sequence[str]) -> Outcome:
    """Fit each kind, choose what serves each segment, and measure the errors."""
    out_of_fold, held = {}, {}
    for kind in kinds:
        candidate = Candidate(FRAMEWORK, kind)
        has_segment = candidate.is_segmented or not candidate.is_linear
        columns = {c: v for c, v in drawn.columns.items() if has_segment or c not in drawn.segment}
        job = Job(
            dataset=name,
            candidate=candidate,
            columns=columns,
            target=drawn.target,
            fold=drawn.fold,
            chained=False,
            hidden=HIDDEN,
            interval=Rules((0.9,)),
            segment=drawn.segment if candidate.is_segmented else (),
        )
        fitted = workers.result(workers.submit(FRAMEWORK, fitting.validate, job))
        out_of_fold[candidate] = drawn.target - fitted.out_of_fold
        held[candidate] = drawn.held_target - fitted.model.predict(drawn.held)
    contenders = [Contender(c, partial(_same, errors)) for c, errors in out_of_fold.items()]
    ranked = rank(contenders, spread=float(drawn.target.std()))
    champion = next(entry.candidate for entry in ranked if entry.chosen)
    options = [champion, *(c for c in held if c != champion)]
    segments = segments_of(drawn.columns, drawn.segment)
    routes = choose_routes(
        [out_of_fold[c] for c in options],
        np.zeros(len(segments), dtype=np.int64),
        SegmentRows(segments.codes, len(segments)),
        rules=PromotionRules(),
    )
    codes = codes_in(segments_of(drawn.held, drawn.segment), segments.names)
    option = np.append(routes.option, CHAMPION)[codes]
    mix = np.choose(option, [held[c] for c in options])
    rows = SegmentRows(codes, len(segments))
    noise = drawn.held_noise
    known = np.array([segment_rmse(held[c] - noise, rows) for c in options])
    worse = segment_rmse(mix - noise, rows) > known[CHAMPION]
    best = np.choose(known.argmin(axis=0)[codes], [held[c] for c in options])
    spread = drawn.held_target.std()
    return Outcome(
        group_of(champion.kind),
        {group_of(c.kind): _rmse(errors) / spread for c, errors in held.items()},
        _rmse(mix) / spread,
        _rmse(best) / spread,
        int((routes.option != CHAMPION).sum()),
        int(worse.sum()),
        len(segments),
    )


def _same(errors: Array) -> Array:
    return errors.copy()


def _rmse(errors: Array) -> float:
    return float(np.sqrt(np.square(errors).mean()))


def rows_of_table(name: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the row of a set in the table, and record its figures."""
    alone = {group: np.mean([o.alone[group] for o in outcomes]) for group in outcomes[0].alone}
    mix, least = (np.mean([getattr(o, name) for o in outcomes]) for name in ("mix", "least"))
    segments = sum(o.segments for o in outcomes)
    moved = sum(o.moved for o in outcomes) / segments
    wrongly = sum(o.wrongly for o in outcomes) / segments
    champions = ", ".join(sorted({o.champion for o in outcomes}))
    errors = " | ".join(f"{error:.4f}" for error in (*alone.values(), mix, least))
    yield f"| {name} | {errors} | {moved:.1%} | {wrongly:.1%} | {champions} |"
    for group, error in alone.items():
        record("segment_choice", f"{name}: error of the {group}", error, "SD")
    record("segment_choice", f"{name}: error of the mix", mix, "SD")
    record("segment_choice", f"{name}: least error of a mix", least, "SD")
    record("segment_choice", f"{name}: share of segments wrongly moved", wrongly, "share")


def rows_over_all(of_sets: Sequence[Sequence[Outcome]]) -> Iterator[str]:
    """Yield the mean errors over sets, and the mean of what the mix makes of each model's error."""
    groups = list(of_sets[0][0].alone)
    alone = [np.mean([[o.alone[g] for g in groups] for o in each], axis=0) for each in of_sets]
    mix, least = (
        np.array([np.mean([getattr(o, name) for o in each]) for each in of_sets])
        for name in ("mix", "least")
    )
    everything = [o for each in of_sets for o in each]
    segments = sum(o.segments for o in everything)
    moved, wrongly = (
        sum(getattr(o, name) for o in everything) / segments for name in ("moved", "wrongly")
    )
    means = [*np.mean(alone, axis=0), mix.mean(), least.mean()]
    errors = " | ".join(f"{error:.4f}" for error in means)
    yield f"| mean over sets | {errors} | {moved:.1%} | {wrongly:.1%} | |"
    ratios = np.mean(mix[:, None] / np.array(alone), axis=0)
    shown = " | ".join(f"{ratio:.4f}" for ratio in ratios)
    yield f"| mix over it | {shown} | 1 | {np.mean(mix / least):.4f} | | | |"
    for group, mean, ratio in zip(groups, means, ratios, strict=False):
        record("segment_choice", f"mean over sets: error of the {group}", float(mean), "SD")
        record("segment_choice", f"mix over the {group}, mean over sets", float(ratio), "")
    record("segment_choice", "mean over sets: error of the mix", float(mix.mean()), "SD")
    yield aim(
        "the error of the mix is below that of each model alone", mix.mean() < min(means[:-2])
    )
    worst = max(sum(o.wrongly for o in each) / sum(o.segments for o in each) for each in of_sets)
    yield aim(
        f"at most {MOST_WRONG:.0%} of a set's segments are moved wrongly", worst <= MOST_WRONG
    )


def main() -> None:
    """Measure the sets and print the table."""
    shapes = ("equal", "shifted", "slopes", "alike", "mixed")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", choices=[*shapes, *PUBLIC, []], default=[])
    parser.add_argument("--nights", type=int, default=5, help="how often to draw each set")
    parser.add_argument("--without-network", action="store_true", help="it takes most of the time")
    chosen = parser.parse_args()
    kinds = KINDS[:-1] if chosen.without_network else KINDS
    folder = os.environ.get(FOLDER)
    names = chosen.sets or [*shapes, *(PUBLIC if folder else ())]
    if folder is None:
        print(f"Public sets are not measured: set {FOLDER} (docs/benchmark-data.md).")
    groups = " | ".join(map(group_of, kinds))
    print(f"| set | {groups} | mix | least | moved | wrongly | champion |")
    print(f"|---|{'---:|' * (len(kinds) + 4)}---|")
    with (
        tempfile.TemporaryDirectory() as home,
        Workers([FRAMEWORK], home=Path(home), time_limit=3600) as workers,
    ):
        of_sets: list[list[Outcome]] = []
        for name in names:
            outcomes: list[Outcome] = []
            of_sets.append(outcomes)
            for seed in range(chosen.nights):
                if name in PUBLIC:
                    assert folder is not None
                    drawn = public(name, Path(folder), seed)
                else:
                    drawn = simulated(name, seed)
                outcomes.append(measured(workers, name, drawn, kinds))
            print(*rows_of_table(name, outcomes), sep="\n", flush=True)
        print(*rows_over_all(of_sets), sep="\n", flush=True)


if __name__ == "__main__":
    main()
