"""What a night takes on fifty workers, on paper: step by step, from the measured costs.

Of one table of 1e9 rows and 20 columns, linear kinds only, and of 1,000,000 segments of 100 rows
and ten columns, one framework. `docs/scale.md` names the assumptions. What is "at most" also has
seconds in it that do not grow with the rows.
"""

from benchmarks.figures import latest

from regressors.candidate import SEGMENT_KINDS
from regressors.linear.gathered_sums import PART_ROWS
from regressors.segments.gathered_segments import BATCH_ROWS

WORKERS, FRAMEWORKS = 50, 3
MILLIONS, COLUMNS, TABLE_COLUMNS = 1000, 20, 13
"""Rows in millions; columns of the table on paper, and of the one whose checks are measured."""
MEASURED_ROWS, MEASURED_SEGMENTS = 2**21, 2_000
"""So many are measured for it: the fewest that are in parts, and some batches."""
SEGMENTS, SEGMENT_ROWS = 1_000_000, 100
ONE, ALL = "of 1,000,000 rows, by one worker", "of 1,000,000 rows, by all workers"


class Sum:
    """Prints steps that follow each other, and adds up their seconds."""

    def __init__(self, what: str) -> None:
        self.seconds = 0.0
        print(f"\n{what}:")

    def add(self, step: str, seconds: float, how: str) -> None:
        """Add a step, and say how its seconds come about."""
        self.seconds += seconds
        print(f"  {seconds:8.0f} s  {step}: {how}")

    def end(self, what: str = "in all") -> float:
        """Print the sum, and return it."""
        print(f"  {self.seconds:8.0f} s  {what}: {self.seconds / 60:.1f} minutes", flush=True)
        return self.seconds


def of(name: str) -> float:
    """Return a figure of the cluster's benchmarks."""
    return latest("cluster", name)


def before_fits() -> float:
    """Print what is done before the first fit of the table."""
    total = Sum("1e9 rows x 20 columns on 50 workers, before the first fit")

    def add(step: str, each: float, times: float = 1) -> None:
        how = f"{MILLIONS:,} x {each:.3g} s" + (f" x {times:g}" if times != 1 else "")
        total.add(step, MILLIONS * each * times, how)

    add("reading, by one worker", of("reading, of 1,000,000 rows"))
    add("reading the snapshot through", of("intact_state, of 1,000,000 rows"))
    per_column = of("facts_of, of 1,000,000 rows") / TABLE_COLUMNS
    add("columns, four per job, five jobs at the same time", per_column, 4)
    add("rows that repeat others", of("duplicates_of, of 1,000,000 rows"))
    add("order of the rows, by one worker", of("_arranged, of 1,000,000 rows"))
    add("hashes of the split, in parts, by all", of("_hashed_part, of 1,000,000 rows") / WORKERS)
    roles = of("_split_of, of 1,000,000 rows") + of("_part, of 1,000,000 rows")
    add("split and roles, by one worker", roles)
    add("columns of fits, by all", of("column, of 1,000,000 rows") / TABLE_COLUMNS)
    return total.end()


def fits() -> float:
    """Print what the linear kinds of three frameworks take at the same time."""
    job, parts = of("job that does nothing: cluster") / 1000, MILLIONS * 10**6 / PART_ROWS
    handed_out = parts * FRAMEWORKS * job
    total = Sum("its fits, by all frameworks at the same time")
    design = of(f"figures of columns {ALL}")
    total.add(
        "figures of columns, in five jobs", MILLIONS * design / 5, f"1,000 x {design:.3g} s / 5"
    )
    for kind in ("least squares", "gradient descent"):
        if kind == "least squares":
            for what, each in (("sums", f"sums {ALL}"), ("second pass", f"second pass {ALL}")):
                work = MILLIONS * of(each) / WORKERS
                how = (
                    f"the longer of {work:.0f} s of work and {handed_out:.0f} s to hand out"
                    f" {parts:.0f} parts x 3 x {1000 * job:.1f} ms"
                )
                total.add(f"{kind}, {what}", max(work, handed_out), how)
        else:
            total.add(f"{kind}, second pass", handed_out, "as before; its sums are there")
        equations = of("equations of folds and twin, by one worker") / (MEASURED_ROWS / 1e6)
        how = f"1,000 x {equations:.3g} s at most"
        total.add(f"{kind}, equations, by one worker", MILLIONS * equations, how)
        left = of(f"what is left of a fit {ONE}")
        total.add(
            f"{kind}, intervals, by one worker", MILLIONS * left, f"1,000 x {left:.3g} s at most"
        )
    sent = parts * (of("answer of a part") + of("answer of a part of that")) / 1000
    added = parts * of("addition of a part of each, by the driver") / 1000
    total.add("addition by the driver", added, f"{sent:.0f} MB of answers")
    return total.end()


def night_of_rows() -> None:
    """Print the whole night of the table."""
    before, fitted = before_fits(), fits()
    stored = 100 * latest("size", "10000000 rows: stored")
    total = Sum("the night of 1e9 rows x 20 columns on 50 workers")
    total.add("before the first fit", before, "above")
    total.add("fits", fitted, "above")
    total.add(
        "choosing, refitting, storing in SQLite", stored, "100 x that of 10,000,000 (size.py)"
    )
    total.end()


def night_of_segments() -> None:
    """Print the fits of segments."""
    job, speed = of("job that does nothing: cluster") / 1000, of("copying rows to a worker")
    batches = SEGMENTS * SEGMENT_ROWS / BATCH_ROWS
    whole, alone = Sum("1,000,000 segments of 100 x 10, one framework, 50 workers"), 0.0
    for kind in SEGMENT_KINDS:
        each = of(f"{kind}: batches per segment, by all workers") / 1e6
        plan = of(f"{kind}: plan per segment, by one worker") / 1e6
        left = of(f"{kind}: what is left per segment, for one worker") / 1e6
        answers = SEGMENTS * of(f"{kind}: answer per segment") / 1e6
        work, handed_out = SEGMENTS * each / WORKERS, batches * job
        whole.add(f"{kind}: encodings", SEGMENTS * plan, f"1e6 x {1000 * plan:.2g} ms")
        how = f"the longer of {work:.0f} s of work and {handed_out:.0f} s to hand out {batches:.0f}"
        whole.add(f"{kind}: batches", max(work, handed_out), how)
        sent = 2 * answers / speed
        whole.add(f"{kind}: answers", sent, f"2 x {answers / 1000:.2g} GB at {speed:.0f} MB/s")
        whole.add(f"{kind}: left for one worker", SEGMENTS * left, f"1e6 x {1000 * left:.2g} ms")
        alone += SEGMENTS * (plan + each + left)
    whole.end()
    print(f"  {alone:8.0f} s  on one worker alone: {alone / 60:.0f} minutes", flush=True)
