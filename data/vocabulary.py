"""The words that declarations and the store share with the numerics: frameworks and kinds.

This is the only file of `data` that imports from `regressors`, so that each list exists once.
"""

from regressors.candidate import KINDS, LINEAR_KINDS, Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES as FRAMEWORKS

__all__ = ["FRAMEWORKS", "KINDS", "LINEAR_KINDS", "Candidate"]
