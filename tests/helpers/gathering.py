"""Shared work that is done in this process, with its calls pickled on their way as to a worker."""

import pickle

from regressors.shared_work import shared


def gathered(gather, framework, job, kept):
    """Return the job with what was gathered for it, and of how many calls there were any."""
    numbers = []

    def do(calls):
        numbers.append((calls.what, calls.number))
        for call in calls.each:
            function, args = pickle.loads(pickle.dumps(call))
            yield pickle.loads(pickle.dumps(function(framework, *args)))

    return shared(gather(job, kept), do), numbers
