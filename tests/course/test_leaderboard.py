"""The leader-board's rows are what its models reach today, and a lesson sees only what came before it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_lab import EASE, ItemKNN, compare
from recsys_lab.course import leaderboard
from recsys_lab.errors import DataError


def test_every_row_is_measured_again():
    stored = pd.read_csv(leaderboard._file(), dtype={"lesson": str})
    fresh = leaderboard.measure()
    pd.testing.assert_frame_equal(fresh, stored, rtol=0, atol=2e-4)
    for metric in leaderboard.METRICS:
        known = stored[metric].notna()
        assert (stored[f"{metric} low"] < stored[metric])[known].all()
        assert (stored[metric] < stored[f"{metric} high"])[known].all()


def test_a_lesson_sees_what_came_before_it_and_its_own():
    train, test = leaderboard.split()
    assert (train.n_ratings, len(test)) == (80_000, 20_000)
    mine = {"mine": leaderboard.judge(ItemKNN(5).fit(train))}
    board = leaderboard.show("2.2", mine)
    assert "item k-NN" not in set(board["model"])
    row = board[board["model"] == "mine"].iloc[0]
    assert row["rmse"] == pytest.approx(np.round(mine["mine"]["rmse"].mean, 4))
    assert board["rmse"].dropna().is_monotonic_increasing
    assert set(leaderboard.show("5.5")["model"]) == {r.label for r in leaderboard.ROWS}
    with pytest.raises(DataError, match="no lesson '9'"):
        leaderboard.show("9")


def test_what_is_judged_can_be_compared_by_either_metric():
    train, _ = leaderboard.split()
    results = {str(k): leaderboard.judge(ItemKNN(k).fit(train)) for k in (5, 40)}
    for metric in leaderboard.METRICS:
        row = compare(results, metric).iloc[0]
        assert row["difference"] == pytest.approx(results["5"][metric].mean - results["40"][metric].mean)
    only_ranks = leaderboard.judge(EASE().fit(train))
    assert "rmse" not in only_ranks.metrics, "it would be that of the averages"
