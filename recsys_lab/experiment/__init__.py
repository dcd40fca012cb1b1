"""Experiments: who sees which variant, how long it takes, what came out, and whether to believe it.

    assign      the same user always sees the same variant          power       how many users, how many days
    stats       what a test needs to know of one arm                analyse     effects with interval and p-value
    resample    intervals of anything, by the bootstrap             sequential  looking every day without harm
    decide      is the split sound, was harm done, which of many    interleave  two rankings in one list
    bandits     learning while serving                              offpolicy   what another policy would have earned

Every test takes the control first, then the treatment, and says treatment - control. Names are imported when used:

>>> from recsys_lab.experiment import Stats, two_proportions
>>> print(two_proportions(Stats.of_counts(480, 10_000), Stats.of_counts(560, 10_000)))
+0.0080 [+0.0018, +0.0142], +16.7 % [+3.6 %, +31.4 %], p = 0.011
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Experiment": "experiment.assign",
    "assign_all": "experiment.assign",
    "bucket": "experiment.assign",
    "PairStats": "experiment.stats",
    "Stats": "experiment.stats",
    "by_variant": "experiment.stats",
    "Plan": "experiment.power",
    "days_needed": "experiment.power",
    "detectable_means": "experiment.power",
    "detectable_proportions": "experiment.power",
    "plan_means": "experiment.power",
    "plan_proportions": "experiment.power",
    "power_means": "experiment.power",
    "power_proportions": "experiment.power",
    "Comparison": "experiment.analyse",
    "adjust": "experiment.analyse",
    "bootstrap": "experiment.resample",
    "cuped": "experiment.analyse",
    "ratio": "experiment.analyse",
    "stratified": "experiment.analyse",
    "two_proportions": "experiment.analyse",
    "welch": "experiment.analyse",
    "benjamini_hochberg": "experiment.decide",
    "holm": "evaluate",
    "non_inferior": "experiment.decide",
    "srm": "experiment.decide",
    "best_tau": "experiment.sequential",
    "msprt": "experiment.sequential",
    "spending_bounds": "experiment.sequential",
    "Interleaved": "experiment.interleave",
    "credit": "experiment.interleave",
    "preference": "experiment.interleave",
    "team_draft": "experiment.interleave",
    "EpsilonGreedy": "experiment.bandits",
    "LinUCB": "experiment.bandits",
    "Thompson": "experiment.bandits",
    "UCB1": "experiment.bandits",
    "regret": "experiment.bandits",
    "Log": "experiment.offpolicy",
    "doubly_robust": "experiment.offpolicy",
    "ips": "experiment.offpolicy",
    "snips": "experiment.offpolicy",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"recsys_lab.{_HOME[name]}"), name)
    raise AttributeError(f"module 'recsys_lab.experiment' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
