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


def bits_of_network(fitted):
    """Return all that the fit of an ANN comes to, but for what the clock says."""
    arrays = (fitted.out_of_fold, *(end for ends in fitted.ends for end in ends))
    said = _untimed(fitted.details), fitted.grouping, fitted.warnings, fitted.decided_by
    return fitted.model.to_bytes(), [array.tobytes() for array in arrays], said


def _untimed(details):
    if isinstance(details, dict):
        return {k: _untimed(v) for k, v in details.items() if "seconds" not in k}
    return [_untimed(each) for each in details] if isinstance(details, list) else details
