"""How sure a number is: standard errors, intervals, paired comparisons. Plain numpy, no state, no clock."""

from lianlu.stats.clustered import clustered_mean
from lianlu.stats.interval import Estimate, Interval, bootstrap, mean, mean_of_means, normal, share_interval, wilson
from lianlu.stats.paired import Paired, mcnemar, paired
from lianlu.stats.roc import auc, auc_difference
from lianlu.stats.win_rate import win_rate

__all__ = [
    "Estimate",
    "Interval",
    "Paired",
    "auc",
    "auc_difference",
    "bootstrap",
    "clustered_mean",
    "mcnemar",
    "mean",
    "mean_of_means",
    "normal",
    "paired",
    "share_interval",
    "wilson",
    "win_rate",
]
