"""What a run says of earlier ones of its dataset that were killed: nothing of them is stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import RunFailed
from data.run_notes import RunNote, forget, killed_runs
from tasks.run import progress


def killed_for(home: Path, store: str) -> dict[Path, RunNote]:
    """Return the runs for tonight of a store that were killed, by the files of their notes."""
    notes = killed_runs(home).items()
    return {path: note for path, note in notes if note.store == store and note.for_tonight}


def in_words(note: RunNote) -> str:
    """Return a sentence about the killed run of a dataset."""
    return (
        f"The run that began on {note.began_at:%Y-%m-%d %H:%M} UTC was killed ({note.where});"
        " nothing of it is stored."
    )


@contextmanager
def told_of_killed(
    home: Path, store: str, dataset: str, *, forgets: bool
) -> Iterator[tuple[str, ...]]:
    """Give a sentence about each killed run of a dataset, for the run that follows it.

    If it `forgets`, their notes are removed when that is stored, be it as failed.
    """
    of_store = killed_for(home, store).items()
    killed = {path: note for path, note in of_store if note.dataset == dataset}
    sentences = tuple(in_words(note) for note in killed.values())
    for sentence in sentences:
        progress.log(dataset, sentence, warning=True)
    try:
        yield sentences
    except RunFailed:
        if forgets:
            forget(killed)
        raise
    if forgets:
        forget(killed)
