"""Compare the frameworks' results: do they agree?"""

from collections.abc import Mapping

from regressors.frameworks.parity import ProbeResult
from regressors.judging import agreement
from regressors.judging.agreement import Comparison
from tasks.run.attempt import Fits
from tasks.run.choice import Choice
from tasks.run.step import step


@step()
def compare(
    fits: Fits, refits: Fits, choice: Choice, probes: Mapping[str, ProbeResult]
) -> tuple[Comparison, ...]:
    """Return every comparison of a run: parity probes, coefficients, losses, ANNs' errors."""
    rmse = {candidate: score.rmse for candidate, score in choice.validation.items()}
    return agreement.compare(probes, fits, refits, rmse)
