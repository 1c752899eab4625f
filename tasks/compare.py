"""Compare what the frameworks came to: do they agree?"""

from collections.abc import Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE

from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging.agreement import Comparison
from regressors.judging.agreement import compare as comparisons
from tasks.choose import Choice
from tasks.run.workers import probes


@task(cache_policy=NO_CACHE)
def compare(
    fits: Mapping[Candidate, Fitted | str],
    refits: Mapping[Candidate, Fitted | str],
    choice: Choice,
) -> tuple[Comparison, ...]:
    """Return every comparison of a run: parity probes, coefficients, losses, ANNs' errors."""
    rmse = {name: score.rmse for name, score in choice.validation.items()}
    return comparisons(probes(), fits, refits, rmse)
