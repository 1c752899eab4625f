"""What is asked of a cluster: a function of a framework, with its arguments."""

import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from regressors.file_arrays import place_of
from regressors.fitting import in_file
from regressors.frameworks.worker_process import sentence
from regressors.frameworks.workers import Reporter, WorkerFailed
from regressors.job import Fitted, Job
from tasks.cluster.copy_job import RowsToCopy
from tasks.cluster.parcels import Parcel
from tasks.cluster.read_job import ReadJob
from tasks.run.row_jobs import RowJob


@dataclass(frozen=True, eq=False)
class Request:
    """A function with its arguments after the framework's module, and who is told how far it is.

    `is_cancelled` is set when nobody waits for its result any more.
    """

    framework: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    reporter: Reporter | None = None
    is_cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def kind(self) -> str:
        """Return the kind of the candidate that is fitted, "" if there is none."""
        return next((arg.candidate.kind for arg in self.args if isinstance(arg, Job)), "")

    @property
    def not_on(self) -> frozenset[str]:
        """Return the workers that cannot do it."""
        chosen = (arg.not_on for arg in self.args if isinstance(arg, ReadJob | RowsToCopy))
        return next(chosen, frozenset())

    def parcel(self) -> Parcel:
        """Return what a worker is sent; raise WorkerFailed if that cannot be."""
        try:
            in_place = any(isinstance(arg, RowJob) for arg in self.args)
            return Parcel.of((self.function, self.args), in_place=in_place)
        except (AttributeError, OSError, TypeError, pickle.PicklingError) as error:
            raise WorkerFailed(f"it could not be sent to its worker ({sentence(error)})") from None

    def value(self, data: bytes) -> Any:
        """Return its result from that of a worker.

        A fit has its predictions in the file of its job, where the worker could not write that.
        """
        value = pickle.loads(data)  # noqa: S301 - from our own worker
        file = next((arg.predictions_file for arg in self.args if isinstance(arg, Job)), None)
        if file is None or not isinstance(value, Fitted) or value.out_of_fold is None:
            return value
        return value if place_of(value.out_of_fold) else in_file(value, file)
