"""What declarations, checks and the store share with the numerics: names, and rules of encoding.

This is the only file of `data` that imports from `regressors`, so that each list and each rule
exists once: the checks report what the fits do.
"""

from regressors.candidate import KINDS, LINEAR_KINDS, POOLED_KINDS, SEGMENT_KINDS, Candidate
from regressors.encoding.categories import CategoryColumn, LevelCounts, coded_categories
from regressors.encoding.groups import MIN_GROUP_LEVELS
from regressors.encoding.levels import MAX_CODED_LEVELS, levels_repeat, rows_per_level
from regressors.encoding.times import TIME_PARTS, part_name, telling_parts, with_time_parts
from regressors.encoding.words import shared_words
from regressors.frameworks.registry import FRAMEWORK_NAMES as FRAMEWORKS

__all__ = [
    "FRAMEWORKS",
    "KINDS",
    "LINEAR_KINDS",
    "MAX_CODED_LEVELS",
    "MIN_GROUP_LEVELS",
    "POOLED_KINDS",
    "SEGMENT_KINDS",
    "TIME_PARTS",
    "Candidate",
    "CategoryColumn",
    "LevelCounts",
    "coded_categories",
    "levels_repeat",
    "part_name",
    "rows_per_level",
    "shared_words",
    "telling_parts",
    "with_time_parts",
]
