"""How sure a number is: standard errors, intervals, paired comparisons. Plain numpy, no state, no clock."""

from lianlu.stats.interval import Estimate, Interval, bootstrap, mean, mean_of_means, normal, wilson
from lianlu.stats.paired import Paired, mcnemar, paired

__all__ = [
    "Estimate",
    "Interval",
    "Paired",
    "bootstrap",
    "mcnemar",
    "mean",
    "mean_of_means",
    "normal",
    "paired",
    "wilson",
]
