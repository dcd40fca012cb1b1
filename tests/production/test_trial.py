"""An A/B test on the real service, over HTTP, whose truth is known: planned, run, judged from the service's log."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from recsys_lab import registry, storage
from recsys_lab.errors import DataError, MissingDataError
from recsys_lab.experiment import Stats, welch
from recsys_lab.production import trial, trial_page
from recsys_lab.ratings import Ratings
from recsys_lab.serve import EventLog, running
from recsys_lab.simulate import Audience

DAYS = 3


@pytest.fixture(scope="module")
def ran(ml100k, tmp_path_factory):
    """Popularity against EASE, three days: (folder, URL of the log, run.json)."""
    home, folder = tmp_path_factory.mktemp("service"), tmp_path_factory.mktemp("experiment") / "ease"
    train = Ratings.from_frame(ml100k.ratings, scale=ml100k.scale)
    storage.save(registry.make("popularity").fit(train), home / "model.npz")
    storage.save(registry.make("ease").fit(train), home / "challenger.npz")
    trial.plan(folder, "ease", effect=0.015, variance=0.005, users_per_day=100)
    with running.running(home, "--challenger", home / "challenger.npz", timeout_ms=20_000) as server:
        done = trial.run(folder, server.url, Audience(seed=5).fit(ml100k.ratings), days=DAYS)
    return folder, f"sqlite:///{home / 'events.db'}", done


@pytest.fixture(scope="module")
def log(ran):
    with EventLog(ran[1]) as events:
        return events.frame()


def test_what_was_posted_is_what_the_log_holds(ran, log):
    _, _, done = ran
    assert len(log) == done["events"]
    assert (log.kind == "impression").sum() == 10 * done["visits"]
    assert done["fallbacks"] == 0
    assert log.request_id.nunique() == done["visits"]
    assert log.groupby("variant").model.nunique().eq(1).all()


def test_every_user_sees_one_variant_and_the_split_is_sound(ran, log):
    folder, _, _ = ran
    users = trial.per_user(log, "ease")
    made = trial.read_plan(folder)
    assert users.variant.tolist() == made.experiment.assign(users.user).tolist()
    judged = trial.judge(folder, log)
    assert judged.split_p_value > 0.001
    assert sum(judged.users.values()) == len(users) == log.user.nunique()


def test_the_effect_found_is_the_truth_within_its_error(ran, log):
    folder, _, done = ran
    judged = trial.judge(folder, log)
    assert abs(judged.rate.effect - done["true_effect"]) < 4 * judged.rate.standard_error
    assert judged.rate.low > 0
    assert done["true_rate_challenger"] > 1.3 * done["true_rate_champion"]
    assert judged.verdict.startswith("ship the challenger")
    users = trial.per_user(log, "ease")
    arms = [Stats.of(users[users.variant == which].clicks) for which in trial.MODELS]
    assert judged.clicks == welch(*arms)


def test_the_looks_end_where_the_judgement_stands(ran, log):
    folder, _, _ = ran
    judged = trial.judge(folder, log)
    assert judged.days.day.tolist() == list(range(1, DAYS + 1))
    assert judged.days.effect.iloc[-1] == pytest.approx(judged.rate.effect)
    assert judged.days.p_value.is_monotonic_decreasing
    assert (judged.days.low < judged.days.effect).all()
    assert judged.days.low.iloc[-1] < ran[2]["true_effect"] < judged.days.high.iloc[-1]


def test_the_report_is_written_whole(ran, log):
    folder, _, done = ran
    judged = trial.judge(folder, log)
    stored = json.loads((folder / "report.json").read_text())
    assert stored["verdict"] == judged.verdict
    assert stored["clicks"]["effect"] == judged.clicks.effect
    assert len(stored["days"]) == DAYS
    page = trial_page.page(judged, trial.read_plan(folder), done)
    assert f"{done['true_effect']:+.4f}" in page
    assert "http" not in page.split("</style>")[1].replace("http-equiv", "")


def test_the_command_reports(ran):
    folder, url, _ = ran
    command = [sys.executable, "-m", "recsys_lab.cli", "experiment", "report", str(folder), "--events", url]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "verdict: ship the challenger" in shown
    assert "true effect:" in shown
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_a_broken_split_is_no_experiment(ran, log):
    folder, _, _ = ran
    mixed = log.copy()
    mixed.loc[mixed.index[0], "variant"] = "challenger" if mixed.variant[0] == "champion" else "champion"
    with pytest.raises(DataError, match="1 users are logged under two variants of 'ease'"):
        trial.judge(folder, mixed)
    lost = log[(log.variant == "champion") | (log.user % 2 == 0)]  # half of one variant's users vanished
    assert trial.judge(folder, lost).verdict.startswith("invalid: the split")


def test_a_challenger_that_falls_back_is_stopped(ran, log):
    folder, _, _ = ran
    failing = log.copy()
    half = (failing.variant == "challenger") & (failing.user % 2 == 0)
    failing.loc[half, "model"] = None
    judged = trial.judge(folder, failing)
    assert judged.verdict.startswith("stop")
    assert judged.fallback_worst > 0.4


def test_a_plan_is_not_changed_and_a_run_not_repeated(ran, ml100k, tmp_path):
    folder, _, _ = ran
    with pytest.raises(DataError, match=r"plan.json exists: an experiment has one plan"):
        trial.plan(folder, "ease", effect=0.02, variance=0.005, users_per_day=100)
    with pytest.raises(DataError, match=r"run.json exists: this experiment was run"):
        trial.run(folder, "http://127.0.0.1:9", Audience(factors=2).fit(ml100k.ratings))
    with pytest.raises(MissingDataError, match="recsys-lab experiment plan"):
        trial.read_plan(tmp_path)
    with pytest.raises(DataError, match="without a colon"):
        trial.plan(tmp_path / "new", "a:b", effect=0.015, variance=0.005, users_per_day=100)
    assert not (tmp_path / "new").exists()


def test_a_service_that_is_not_there_is_named(ml100k, tmp_path):
    trial.plan(tmp_path / "x", "x", effect=0.015, variance=0.005, users_per_day=100)
    with pytest.raises(MissingDataError, match="does not answer"):
        trial.run(tmp_path / "x", "http://127.0.0.1:9", Audience(factors=2).fit(ml100k.ratings))
    assert not (tmp_path / "x" / "run.json").exists()


def test_planned_days_are_whole_weeks(tmp_path):
    made = trial.plan(tmp_path / "p", "p", effect=0.5, variance=20.0, users_per_day=150)
    assert made.days % 7 == 0
    assert made.users == pytest.approx(4 * (1.96 + 0.8416) ** 2 * 20 / 0.25, rel=0.01)
    assert trial.read_plan(tmp_path / "p") == made
    assert np.isclose(made.tau, 2.873 * np.sqrt(4 * 20 / made.users), rtol=0.01)
