"""Every error that a user can meet, on one page: what it means for the run and for the exit code.

Each message has three parts: what went wrong, where, and what to do next. A command shows it as
one line, without a traceback. Anything that is not a `UserError` is a bug and keeps its traceback.
"""

import copyreg
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

MAX_LISTED = 500
"""Characters of a list of names in a message."""

MAX_REPEATED = 200
"""Characters; a message repeats no more of what somebody has typed."""

MAX_QUOTED = 100
"""Characters of it that a message usually repeats, and those that are left of a longer text."""

QUOTED = re.compile(
    rf"(?<![^\s(\[:,=])(['\"`])((?:(?!\1).){{{MAX_REPEATED + 1},}})\1(?=[\s.,:;)\]]|$)", re.S
)
"""What stands between quotation marks, if it is long; an apostrophe in a word begins nothing."""

PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):\S*@")
"""The user of a URL, and a password behind; the `@` is the last one, should it have several."""

LONG_WORD = re.compile(rf"\S{{{MAX_REPEATED + 1},}}")


class UserError(Exception):
    """A problem with a call, a setting, the data or the database that a user can fix.

    `run_status` is how a run is stored when this error ends it; None means that nothing is stored.
    `exit_code` is the exit code of a command that it ends.
    """

    run_status: str | None = "failed"
    exit_code = 1

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        what, next_step = brief(what), brief(next_step)
        where = _cut(where)
        super().__init__(what, where, next_step)
        self.what, self.where, self.next_step = what, where, next_step

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def __str__(self) -> str:
        location = f"{self.where}: " if self.where else ""
        return f"{location}{self.what}" + (f" {self.next_step}" if self.next_step else "")

    @property
    def run_reason(self) -> str:
        """Return the sentence that a run ended by this error is stored with."""
        return str(self)


class OutOfMemory(UserError):
    """A process of nightfit needs more memory than the machine or a limit lets it have."""


# Before a run


class CallError(UserError):
    """The call is wrong: an unknown dataset, or a mistake in a declaration, option or setting."""

    exit_code = 2


class Busy(UserError):
    """Another process is working on the dataset, and this one must not wait."""

    run_status: str | None = None


class NoServer(UserError):
    """Prefect's server does not answer or does not fit, or its settings cannot be used."""


class OutputClosed(UserError):
    """Whoever read our output has closed it, for example `head`; nobody needs to hear of it."""

    exit_code = 141

    def __init__(self) -> None:
        super().__init__("")


class HomeError(UserError):
    """A file or folder of nightfit's own, outside the database, cannot be written."""


# The data of a run


class SourceError(UserError):
    """A source, or the snapshot of one, cannot be read."""


class SourceAway(SourceError):
    """A source does not answer, or not now: the same may succeed later."""


class SourceRefused(SourceError):
    """A source is there, but not for us: its server wants credentials that we do not have."""


class SourceLate(SourceError):
    """A source is not there, or not complete: it may still come, or its name may be wrong."""


class Rejected(UserError):
    """The rows were read, but failed their checks."""

    run_status = "rejected"


class CannotSplit(UserError):
    """There are too few rows to hold some of them out; the message has the numbers."""

    run_status = "rejected"


class Unchanged(UserError):
    """Nothing that a run depends on has changed since an earlier run, so this one is skipped."""

    run_status = "skipped"


# The fits of a run


class ClusterError(UserError):
    """The cluster that should fit candidates cannot: it is away, without workers, or differs."""


class NothingFitted(UserError):
    """Every candidate failed, or the refit of the one that should serve did."""


# Results in another database


class OutputError(UserError):
    """Rows cannot be written to a table: that of the results, or one of another database."""


# The store


class StoreError(UserError):
    """The database cannot be used: it is unreachable, at another version, full or read-only."""

    run_status: str | None = None


class NoStore(StoreError):
    """There is no store yet: no run has made one in this database."""


class DamagedStore(StoreError):
    """What is in the database is damaged."""


class StoreAway(StoreError):
    """The database does not answer, or not now: it was restarted, is locked, or has no room.

    The same may succeed later. `unreachable` says that nothing answered at all, as also happens
    when its address is wrong.
    """

    unreachable = False


class LockLost(StoreError):
    """The run's lock on its dataset was lost, and another process has taken it since."""

    run_status = "failed"

    @property
    def run_reason(self) -> str:
        """Return what happened; the run itself needs no advice to run again."""
        return self.what


class ChampionChanged(StoreError):
    """Another decision about the champion was stored after the one that this run knew."""

    run_status = "failed"

    @property
    def run_reason(self) -> str:
        """Return what happened; the run itself needs no advice to run again."""
        return self.what


class DamagedModel(UserError):
    """What is stored of a model is not what was stored, so that it must not serve."""


# After a run


class RunFailed(UserError):
    """A run that was stored as failed or rejected; `status` says which."""

    run_status: str | None = None

    def __init__(self, dataset: str, status: str, reason: str) -> None:
        super().__init__(reason, where=f"{dataset} {status}")
        self.status = status


class RunKilled(UserError):
    """A run whose process was killed while the night went on without it."""


class NightFailed(UserError):
    """At least one run of a night failed, or its results have not reached their `output`.

    `summaries` has one entry per run.
    """

    run_status: str | None = None

    def __init__(
        self, summaries: Sequence[Any], failed: Sequence[str], undelivered: Sequence[str] = ()
    ) -> None:
        parts = []
        if failed:
            parts.append(f"{len(failed)} of {len(summaries)} runs failed: {', '.join(failed)}.")
        if undelivered:
            parts.append(f"Results have not reached their output: {', '.join(undelivered)}.")
        super().__init__(" ".join(parts))
        self.summaries = summaries


# Inside a declaration


class DeclarationMistake(ValueError):
    """One wrong value in a declaration: what is wrong, and what to write instead.

    A `ValueError`, because pydantic collects those of all keys; `declarations.mistakes` turns them
    into one `CallError`, which adds the file, the line and the full stop after `what`. A step that
    takes time to find is a function, which is called if the mistake is shown.
    """

    def __init__(self, what: str, next_step: str | Callable[[], str] = "") -> None:
        super().__init__(what)
        self.what, self._step = what, next_step

    @property
    def next_step(self) -> str:
        """Return what to write instead, or ""."""
        return self._step if isinstance(self._step, str) else self._step()


def shortened(text: str, length: int) -> str:
    """Return a text cut to a number of characters that fits into a message."""
    return text if len(text) <= length else f"{text[:length]}…"


def first_line(error: object) -> str:
    """Return what a library's error says, as a part of a sentence."""
    text = str(error).strip().partition("\n")[0]
    return shortened(text, 150).rstrip(".") or type(error).__name__


def listed(names: Sequence[str]) -> str:
    """Return names as "a, b, c", cut where they are too many for a message."""
    return shortened(", ".join(names), MAX_LISTED)


def quoted(value: object) -> str:
    """Return what a user has typed as a message repeats it: in quotes, and never all of it.

    The password of a URL is left out.
    """
    if isinstance(value, str):
        value = PASSWORD.sub(r"\1:***@", value)
    text = repr(shortened(value, MAX_QUOTED) if isinstance(value, str) else value)
    return text if len(text) <= MAX_QUOTED + 3 else f"{text[:MAX_QUOTED]}…"


def library_message(error: object) -> str:
    """Return the first line of a library's message as a sentence, to quote in one of ours."""
    return str(error).partition("\n")[0].rstrip(".") + "."


def _cut(text: str) -> str:
    """Return a text cut in its middle, if it is long: the end of a path or name is still seen."""
    if len(text) <= MAX_REPEATED:
        return text
    end = MAX_QUOTED // 2
    return f"{text[: MAX_QUOTED - end - 1]}…{text[-end:]}"


def brief(message: str, typed: Iterable[str] = ()) -> str:
    """Return a message that repeats little of what it quotes, or of any text that was `typed`."""
    for text in sorted(filter(lambda text: len(text) > MAX_REPEATED, typed), key=len, reverse=True):
        message = message.replace(text, _cut(text))
    message = QUOTED.sub(lambda found: f"{found[1]}{_cut(found[2])}{found[1]}", message)
    return LONG_WORD.sub(lambda found: _cut(found[0]), message)
