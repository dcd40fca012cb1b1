"""The monitor cries wolf no oftener than stated, finds each injected change within a stated number of events, and says
what it found in a form that machines and people can read."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from histories import BEFORE, World
from scipy.stats import binom

from recsys_lab import registry, storage
from recsys_lab.beyond import coverage, gini
from recsys_lab.errors import DataError
from recsys_lab.production import drift
from recsys_lab.production.measures import popularity_bins
from recsys_lab.production.monitor import monitor
from recsys_lab.ratings import Ratings
from recsys_lab.simulate import DAY, START

MIDDLE = START + BEFORE * DAY
END = MIDDLE + 7 * DAY


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def quiet(world):
    """Events of five weeks without change. Copied before it is changed."""
    return world.history(1)


def check(report, name):
    (found,) = (one for one in report.checks if one.name == name)
    return found


def names(report):
    return {one.name for one in report.alerts}


# ---------------------------------------------------------------------- how often, and how soon
def test_no_wolf_without_one(world):
    """100 histories of 33 days without change: a window with any alarm is as rare as stated, and so is each p."""
    reports = [world.report(world.history(10_000 + i, 5), 5, false_alarms=0.1) for i in range(100)]
    weeks = sum(bool(report.alerts) for report in reports)
    assert weeks <= binom.ppf(0.995, len(reports), 0.1)
    p = pd.DataFrame([{one.name: one.p_value for one in report.checks} for report in reports]).astype(float)
    varied = p.drop(columns=["silence", "rank shown", "days without impressions", "days without clicks"])
    assert varied.shape[1] == 12
    low, high = binom.interval(0.9999, len(reports), 0.1)
    assert ((varied <= 0.1).sum().between(low, high)).all(), (varied <= 0.1).sum()
    low, high = binom.interval(0.999, varied.size, 0.1)
    assert 0.7 * low <= (varied <= 0.1).to_numpy().sum() <= 1.3 * high  # the checks of a report are not independent


@pytest.mark.parametrize(
    ("change", "days", "within", "by"),
    [
        ("tastes", 7, 4_500, {"click rate", "click rate by day"}),
        ("feature", 2, 1_300, {"click rate", "popularity clicked"}),
        ("mix", 2, 1_300, {"popularity shown"}),
        ("silent", 2, 1_300, {"popularity shown", "gini"}),
        ("flagged", 4, 2_600, {"fallback share"}),
    ],
)
def test_each_change_is_found_within_so_many_events(world, change, days, within, by):
    n = 12
    reports = [world.report(world.history(20_000 + i, days, change), days) for i in range(n)]
    assert max(report.counts["current"]["events"] for report in reports) <= within
    assert sum(bool(names(report) & by) for report in reports) >= 9


# ---------------------------------------------------------------------- what the values are
def test_values_are_those_of_the_functions_by_name(world, quiet):
    report = world.report(quiet)
    shown = quiet[quiet.kind == "impression"]
    before, now = (shown[(shown["at"] >= MIDDLE) == flag] for flag in (False, True))
    lists = world.train.items.rows(now["item"])[:, None]
    assert check(report, "coverage").value == pytest.approx(coverage(lists, world.train.n_items))
    assert check(report, "gini").value == pytest.approx(gini(lists, world.train.n_items))
    counts = [np.bincount(popularity_bins(world.train, part["item"])[0], minlength=11) for part in (before, now)]
    assert check(report, "popularity shown").value == pytest.approx(drift.psi(*counts))
    clicked = quiet[quiet.kind == "click"]
    ranks = [clicked.loc[(clicked["at"] >= MIDDLE) == flag, "rank"] for flag in (False, True)]
    assert check(report, "rank clicked").value == pytest.approx(drift.ks(*ranks).statistic)
    rates = [(quiet[(quiet["at"] >= MIDDLE) == flag].kind == "click").sum() for flag in (False, True)]
    apart = abs(rates[1] / len(now) - rates[0] / len(before))
    assert check(report, "click rate").value == pytest.approx(apart)
    days = pd.DataFrame(report.tables["by_day"])
    assert (days.impressions.sum(), days.clicks.sum()) == (len(shown), len(clicked))
    assert days.date.iloc[[0, BEFORE, -1]].tolist() == ["1998-04-23", "1998-05-21", "1998-05-27"]


def test_popularity_bins_hold_a_tenth_of_the_ratings_each(world):
    ids = pd.Series(world.train.items.ids)
    bins, labels = popularity_bins(world.train, pd.concat([ids, pd.Series([10**9])]))
    counts = np.bincount(world.train.matrix.indices, minlength=len(ids))
    share = np.bincount(bins[:-1], weights=counts, minlength=11) / counts.sum()
    np.testing.assert_allclose(share[:10], 0.1, atol=0.01)
    assert bins[-1] == 10
    assert labels[-1] == "new"
    assert (np.diff(bins[:-1][np.argsort(-counts, kind="stable")]) >= 0).all()


def test_the_same_log_in_any_order_gives_the_same_report(world, quiet):
    first = world.report(quiet)
    again = world.report(quiet.sample(frac=1, random_state=0))
    for one, other in zip(first.checks, again.checks):
        assert one.value == pytest.approx(other.value, rel=1e-9)
        assert one.verdict == other.verdict
    assert world.report(quiet).to_json() == first.to_json()


def test_the_budget_is_shared_by_checks_and_runs(world, quiet):
    report = world.report(quiet, false_alarms=0.06, runs_a_week=2)
    judged_by_chance = [one for one in report.checks if one.p_value is not None]
    assert report.level == pytest.approx(0.06 / 2 / len(judged_by_chance))
    assert len(judged_by_chance) == 15


# ---------------------------------------------------------------------- what goes missing
def test_a_day_that_is_not_in_the_log(world, quiet):
    gone = quiet["at"].between(MIDDLE + 3 * DAY, MIDDLE + 4 * DAY)
    report = world.report(quiet[~gone])
    assert {"days without impressions", "days without clicks"} <= names(report)
    assert "1998-05-24" in check(report, "days without clicks").why


def test_clicks_that_are_no_longer_logged(world, quiet):
    gone = (quiet["at"] >= MIDDLE) & (quiet.kind == "click")
    report = world.report(quiet[~gone])
    assert check(report, "days without clicks").value == 7
    assert {"days without clicks", "click rate"} <= names(report)
    assert check(report, "genres clicked").verdict == "unknown"
    never = world.report(quiet[quiet.kind == "impression"])
    assert check(never, "days without clicks").verdict == "unknown"
    assert not never.alerts


def test_a_quiet_audience_may_leave_a_day_empty(world):
    """One user, here every fourth day: an empty day is no news."""
    days = START + DAY * np.array([0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 29.5, 33.5])
    events = pd.DataFrame({"kind": "impression", "user": 1, "item": 50, "rank": 1, "at": days})
    report = world.report(events.assign(model="m1", variant=None))
    assert check(report, "days without impressions").value == 5
    assert not report.alerts


def test_a_log_that_ends_early(world, quiet):
    report = world.report(quiet[quiet["at"] < END - 0.75 * DAY])
    silence = check(report, "silence")
    assert silence.verdict == "alert"
    assert silence.value == pytest.approx(18, abs=0.5)
    assert silence.p_value is None


def test_a_current_window_without_any_event(world, quiet):
    report = world.report(quiet[quiet["at"] < MIDDLE])
    assert {"days without impressions", "days without clicks", "silence", "volume by day"} <= names(report)
    assert check(report, "genres shown").verdict == "unknown"
    json.loads(report.to_json())


def test_old_artefacts(world, quiet):
    report = world.report(quiet, model_at=END - 15 * DAY, features_at=END - 1 * DAY)
    assert names(report) == {"age of model"}
    assert check(report, "age of features").value == pytest.approx(1)
    assert names(world.report(quiet, features_at=END - 3 * DAY)) == {"age of features"}


# ---------------------------------------------------------------------- other changes
def test_events_logged_twice(world, quiet):
    again = quiet[quiet["at"] >= MIDDLE]
    assert {"activity", "volume by day"} <= names(world.report(pd.concat([quiet, again])))


def test_lists_shown_upside_down(world, quiet):
    turned = quiet.assign(rank=quiet["rank"].where(quiet["at"] < MIDDLE, 11 - quiet["rank"]))
    assert "rank clicked" in names(world.report(turned))


def test_films_that_training_does_not_know(world, quiet):
    rng = np.random.default_rng(0)
    new = (quiet["at"] >= MIDDLE) & (rng.random(len(quiet)) < 0.03)
    report = world.report(quiet.assign(item=quiet["item"].where(~new, 10**6)))
    assert {"popularity shown", "genres shown"} <= names(report)
    mixes = pd.DataFrame(report.tables["mixes"]).set_index(["check", "bin"])
    assert mixes.loc[("popularity shown", "new"), "current"] > 50
    assert mixes.loc[("genres shown", "unknown"), "current"] > 50


def test_the_simulators_own_log(world):
    """Frames of Audience.visit as they come, with its columns; the model's version changes and nothing else does."""
    audience = world.audience
    audience.drift = 0.0
    lists = pd.DataFrame({"user": world.users.repeat(10), "item": world.own.ravel()})
    lists["rank"] = np.tile(np.arange(1, 11), len(world.users))
    few = lists[lists.user <= 120]
    events = pd.concat([audience.visit(few, day=day, model="v1" if day < 6 else "v2") for day in range(8)])
    report = monitor(
        events, world.train, reference=(START, START + 6 * DAY), current=(START + 6 * DAY, START + 8 * DAY)
    )
    assert not report.alerts
    assert report.counts["current"]["models"] == ["v2"]
    assert {one.name for one in report.checks}.isdisjoint({"genres shown", "genres clicked"})  # no items were given


def test_text_ids(toy):
    rng = np.random.default_rng(0)
    train = Ratings.from_frame(toy.ratings)
    n = 600
    events = pd.DataFrame({"kind": "impression", "user": rng.choice(train.users.ids, n), "item": rng.integers(1, 9, n)})
    events = events.assign(rank=1, model=None, variant=None, at=DAY * rng.uniform(0, 14, n))
    report = monitor(events, train, reference=(0, 7 * DAY), current=(7 * DAY, 14 * DAY), items=toy.items)
    assert report.counts["reference"]["users"] == 6
    assert not report.alerts


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"current": (MIDDLE - DAY, END)}, "overlaps the reference"),
        ({"current": (MIDDLE, MIDDLE + 1.5 * DAY)}, "whole number of days"),
        ({"current": (END, MIDDLE)}, "whole number of days"),
        ({"reference": (START - 9 * DAY, START)}, "no event there"),
        ({"false_alarms": 0}, "false_alarms=0"),
        ({"runs_a_week": 0}, "runs_a_week=0"),
        ({"model_at": START, "model_days": 0}, "model_days=0"),
    ],
)
def test_refusals(world, quiet, options, message):
    with pytest.raises(DataError, match=re.escape(message)):
        monitor(quiet, world.train, **({"reference": (START, MIDDLE), "current": (MIDDLE, END)} | options))


def test_a_log_of_another_shape_is_refused(world, quiet):
    with pytest.raises(DataError, match="no column 'rank'"):
        world.report(quiet.drop(columns="rank"))
    with pytest.raises(DataError, match="kind='rating': choose one of impression, click"):
        world.report(quiet.assign(kind="rating"))


# ---------------------------------------------------------------------- for machines and for people
@pytest.fixture(scope="module")
def saved(world, tmp_path_factory):
    """report.json and report.html of a week with a silent fallback, with names that a page must escape."""
    events = world.history(3, change="silent")
    events["variant"] = np.where(events.user % 2, "a", "$b</td><script>alert(1)</script>")
    return world.report(events, model_at=START).save(tmp_path_factory.mktemp("report"))


def test_json_has_a_stable_shape(saved):
    told = json.loads(saved[0].read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert list(told) == [
        *(
            "schema",
            "verdict",
            "reference",
            "current",
            "false_alarms",
            "runs_a_week",
            "level",
            "counts",
            "checks",
            "tables",
        )
    ]
    assert (told["schema"], told["verdict"]) == ("recsys-lab/monitor/1", "alert")
    fields = ["name", "group", "value", "threshold", "p_value", "verdict", "why", "remedy"]
    assert all(list(one) == fields for one in told["checks"])
    assert {one["verdict"] for one in told["checks"]} <= {"ok", "alert", "unknown"}
    assert [one["name"] for one in told["checks"]] == [
        *("popularity shown", "genres shown", "popularity clicked", "genres clicked", "rank shown", "rank clicked"),
        *("activity", "fallback share", "click rate", "coverage", "gini", "volume by day", "click rate by day"),
        *("days without impressions", "days without clicks", "silence", "age of model"),
    ]
    rows = {name: list(told["tables"][name][0]) for name in told["tables"]}
    assert rows == {
        "by_day": ["date", "window", "impressions", "clicks", "click_rate"],
        "by_rank": ["rank", "window", "impressions", "clicks", "click_rate"],
        "by_variant": ["variant", "window", "impressions", "clicks", "click_rate"],
        "mixes": ["check", "bin", "reference", "current"],
    }


def test_the_page_is_whole_and_harmless(saved):
    text = saved[1].read_text(encoding="utf-8")
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    assert text.count("<img alt=") == 8
    assert "▲ popularity shown" in text
    assert "prefers-color-scheme: dark" in text


def test_the_page_needs_matplotlib(world, quiet, monkeypatch, tmp_path):
    import sys

    from recsys_lab.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'recsys-lab\[course\]'"):
        world.report(quiet).save(tmp_path)


@pytest.mark.browser
def test_the_page_in_chromium(saved):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play, play.chromium.launch(executable_path=browser, args=["--no-sandbox"]) as chromium:
        for scheme, width, paper in (("light", 1000, "rgb(255, 255, 255)"), ("dark", 390, "rgb(22, 24, 29)")):
            page = chromium.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
            said, asked = [], []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(saved[1].as_uri())
            assert said == []
            assert [url for url in asked if not url.startswith("data:")] == [saved[1].as_uri()]
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
            assert page.evaluate("document.documentElement.scrollWidth") == width  # wide tables scroll on their own
            assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0 && image.alt)")
            page.close()


# ---------------------------------------------------------------------- the command
def test_the_command(world, tmp_path):
    serve = pytest.importorskip("recsys_lab.serve")
    from typer.testing import CliRunner

    from recsys_lab.cli import app

    storage.save(registry.make("popularity").fit(world.train), tmp_path / "model.npz")
    url = f"sqlite:///{tmp_path}/events.db"
    for change, code in (("none", 0), ("silent", 1)):
        (tmp_path / "events.db").unlink(missing_ok=True)
        with serve.EventLog(url) as log:
            log.append(world.history(5, change=change))
        options = ["--events", url, "--reference", "1998-04-23..1998-05-20", "--current", "1998-05-21..1998-05-27"]
        options += ["--model", str(tmp_path / "model.npz"), "--data", "ml-100k", "--out", str(tmp_path / change)]
        done = CliRunner().invoke(app, ["monitor", *options])
        assert done.exit_code == code, done.output
        assert ("ALARM popularity shown" in done.output) == bool(code)
        assert {path.name for path in Path(tmp_path / change).iterdir()} == {"report.json", "report.html"}


@pytest.mark.parametrize("span", ["1998-04-23", "1998-04-23..x", "1998-05-20..1998-04-23"])
def test_the_command_refuses_a_span(span, tmp_path):
    from typer.testing import CliRunner

    from recsys_lab.cli import app

    options = ["--events", "sqlite:///x.db", "--reference", span, "--current", span, "--model", "m", "--out", "o"]
    done = CliRunner().invoke(app, ["monitor", *options])
    assert done.exit_code == 2, done.output
