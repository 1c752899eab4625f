"""What a step does with the rows of a run: here, or by workers of a cluster, with the same result.

Calls in, values out, in their order. Where a cluster cannot make a call, it is made here.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from data.calls import Call, done_here
from data.errors import ClusterError
from regressors.frameworks.registry import NUMPY
from regressors.frameworks.workers import STOPPED, WorkerFailed
from regressors.progress import report
from regressors.shared_work import Calls
from tasks.run import progress
from tasks.run.gathered import results
from tasks.run.processes import NotSeen, Processes
from tasks.run.row_files import RowFiles
from tasks.run.row_jobs import Refused, RowJob, do_row_job, is_large, unpacked

MIN_ROWS = 2**19
"""With fewer rows, it is quicker to do all here."""


class RowWork:
    """Has the workers of a cluster make calls on rows that are in files of this machine.

    Each is made in a process with NumPy alone. What one returns is in `files`, if it is large.
    """

    def __init__(self, processes: Processes, dataset: str, warn: Callable[[str], None]) -> None:
        self._processes, self._dataset, self._warn = processes, dataset, warn
        self.files = RowFiles()
        self._stored: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
        self._is_left = False

    def do(self, what: str, calls: Sequence[Call]) -> Iterator[Any]:
        """Yield what calls return; an error for people is raised as it would be here."""
        made = 0
        try:
            for answer in () if self._is_left else self._answers(what, calls):
                made += 1
                if isinstance(answer, Refused):
                    raise answer.error()
                yield unpacked(answer)
        except NotSeen:
            progress.log(
                self._dataset,
                f"{what} is done here, because no worker sees {self.files.folder.parent}",
            )
            self._is_left = True
        except (ClusterError, WorkerFailed) as failure:
            if str(failure) == STOPPED:
                raise
            why = str(failure).rstrip(".")
            self._warn(f"{what} could not be done on the cluster, so this machine did it: {why}.")
            self._is_left = isinstance(failure, ClusterError)
        yield from done_here(what, calls[made:])

    def _answers(self, what: str, calls: Sequence[Call]) -> Iterator[bytes | Refused]:
        each = (
            (do_row_job, (RowJob(function, self._in_files(args), self.files.folder),))
            for function, args in calls
        )
        return results(self._processes, NUMPY.name, lambda: report, Calls(what, len(calls), each))

    def _in_files(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self._in_file(arg) if is_large(arg) else arg for arg in args)

    def _in_file(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an array as it is in a file, which it is written to once."""
        if id(values) not in self._stored:
            self._stored[id(values)] = values, self.files.stored(values)
        return self._stored[id(values)][1]
