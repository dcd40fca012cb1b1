"""Weeks of a service's log, drawn from the simulator: without change, or with one that begins on a known day.

`python tests/production/histories.py 50` measures how often the monitor alarms, for each kind of change and several
lengths of the current window; without change, and with each. The tests assert what that table shows.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from recsys_lab import datasets, registry
from recsys_lab.production.monitor import monitor
from recsys_lab.production.report import Report
from recsys_lab.simulate import DAY, LIKED, START, Audience

BEFORE = 28  # days of the reference; changes begin on the day after
TOP = 10
CHANGES = {
    "none": "nothing changes",
    "tastes": "users' tastes turn by 0.2 radian a day, the model stays",
    "feature": "a broken feature: each list is made for another user",
    "mix": "one in ten films shown is replaced by one drawn from the catalogue",
    "silent": "one list in five is the popularity list, and says that the model made it",
    "flagged": "one list in twenty is the popularity list, with no model named",
}


class World:
    """MovieLens 100K's users and the lists that a model gives them. 0.2 % of the answers are fallbacks at all times."""

    def __init__(self, visits: float = 0.05):
        data = datasets.load("ml-100k")
        liked = data.ratings[data.ratings["rating"] >= LIKED]
        self.items = data.items
        self.audience = Audience(seed=0, visits=visits).fit(data.ratings)
        self.users = self.audience.users
        model = registry.make("ease").fit(liked)
        self.train = model.train_
        self.own, self.popular = (self._lists(m) for m in (model, registry.make("popularity").fit(liked)))

    def _lists(self, model):
        lists = model.recommend(self.users, n=TOP, unknown="popular").sort_values(["user", "rank"])
        return lists["item"].to_numpy().reshape(len(self.users), TOP)

    def history(self, seed: int, days: int = 7, change: str = "none", share: float = 0.2) -> pd.DataFrame:
        """The events of BEFORE days and then `days` with the change. `share` : of the lists, in a silent fallback."""
        rng = np.random.default_rng(seed)
        parts = [self._days(rng, np.arange(BEFORE))]
        if change == "tastes":
            parts += [self._days(rng, np.array([BEFORE + day]), turned=0.2 * (day + 1)) for day in range(days)]
        else:
            parts.append(self._days(rng, BEFORE + np.arange(days), change, share=share))
        return pd.concat(parts, ignore_index=True).assign(variant=None)

    def _days(self, rng, days, change="none", turned=0.0, share=0.2):
        visits = rng.poisson(self.audience.activity_, (len(days), len(self.users)))
        who = np.repeat(np.tile(np.arange(len(self.users)), len(days)), visits.ravel())
        at = START + DAY * np.repeat(days, visits.sum(axis=1)) + rng.uniform(0, DAY - 60, len(who))
        n = len(who)
        shown, fallback = self.own[who], rng.random(n) < 0.002
        if change == "feature":
            shown = self.own[rng.integers(0, len(self.users), n)]
        elif change == "mix":
            shown = np.where(rng.random((n, TOP)) < 0.1, rng.choice(self.train.items.ids, (n, TOP)), shown)
        elif change in ("silent", "flagged"):
            instead = rng.random(n) < (share if change == "silent" else 0.05)
            shown = np.where(instead[:, None], self.popular[who], shown)
            fallback |= instead & (change == "flagged")
        lists = pd.DataFrame({"user": self.users[who].repeat(TOP), "item": shown.ravel(), "at": at.repeat(TOP)})
        lists["rank"] = np.tile(np.arange(1, TOP + 1), n)
        lists["model"] = np.where(fallback, None, "m1").repeat(TOP)
        self.audience.drift = turned  # radians at day 1: how far tastes have turned by now
        clicks = lists[rng.random(len(lists)) < self.audience.probabilities(lists, day=1)]
        clicks = clicks.assign(kind="click", at=clicks["at"] + 1 + clicks["rank"])
        return pd.concat([lists.assign(kind="impression"), clicks])

    def report(self, events: pd.DataFrame, days: int = 7, **options) -> Report:
        middle = START + BEFORE * DAY
        spans = {"reference": (START, middle), "current": (middle, middle + days * DAY)}
        return monitor(events, self.train, items=self.items, **spans, **options)


def main(n: int) -> None:
    world = World()
    for change, about in CHANGES.items():
        print(f"{change}: {about}")
        for days in (2, 4, 7):
            reports = [world.report(world.history(1000 + i, days, change), days) for i in range(n)]
            found = sum(bool(report.alerts) for report in reports)
            events = np.mean([report.counts["current"]["events"] for report in reports])
            print(f"  {days} days, {events:,.0f} events: an alarm in {found} of {n}", flush=True)
            by = pd.Series([check.name for report in reports for check in report.alerts]).value_counts()
            print("   ", ", ".join(f"{name} {count}" for name, count in by.items()))


if __name__ == "__main__":
    main(int(sys.argv[1]))
