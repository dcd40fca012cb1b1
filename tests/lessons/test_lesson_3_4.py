"""The answers of exercise 3.4.5 are written down in its module; here the run that they are about is made again."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from recsys_lab import datasets, storage
from recsys_lab.course.exercises import e3_4
from recsys_lab.evaluate import compare, evaluate_ranking
from recsys_lab.production import pipeline
from recsys_lab.production.gate import holdout
from recsys_lab.production.runs import Run, Settings, moment
from recsys_lab.simulate import Audience


def test_the_answers_about_the_run_that_kept_its_champion(tmp_path):
    events = pytest.importorskip("recsys_lab.serve.events")
    settings = Settings(folder=tmp_path / "pipeline")
    list(pipeline.backfill(settings, moment("1998-03-04"), moment("1998-04-22"), timedelta(days=7)))
    champion = storage.load(settings.shelf().artefact)
    lists = champion.recommend(champion.train_.users.ids[:300], n=10)
    audience = Audience(click_rate=0.1, factors=16).fit(datasets.load("ml-100k").ratings)
    with events.EventLog(f"sqlite:///{tmp_path / 'events.db'}") as log:
        log.append(pd.concat([audience.visit(lists, day=day) for day in range(6)]))

    clicked = Settings(folder=settings.folder, events=tmp_path / "events.db")
    when = moment("1998-04-29")
    outcomes = dict(pipeline.run(clicked, when))
    (failed,) = [check for check in outcomes["decide"]["checks"] if not check["passed"]]
    run = Run(clicked, when)
    models = {"candidate": storage.load(run.folder / "candidate.npz"), "champion": champion}
    judged = holdout(pd.read_csv(run.folder / "ratings.csv"), run.cut, models)
    known = np.intersect1d(*(model.train_.users.ids for model in models.values()))
    liked = judged[(judged["rating"] >= 4) & judged["user"].isin(known)]
    rated = judged[judged["source"] == "rating"]
    found = compare({name: evaluate_ranking(model, rated) for name, model in models.items()}, "ndcg@10").iloc[0]
    raters = liked.loc[liked["source"] == "rating", "user"].nunique()
    assert {
        "check": failed["name"],
        "judges": outcomes["evaluate"]["candidate minus"]["champion"]["users"],
        "by clicks alone": liked["user"].nunique() - raters,
        "on ratings alone": "publish" if found["low"] >= -clicked.margin else "keep",
    } == e3_4.WHY
    # And the mistakes that the check knows by their numbers.
    mistakes = {wrong.name: wrong.answer() for wrong in e3_4.WHY_KEPT.wrong}
    beaten = outcomes["evaluate"]["candidate minus"]["popularity"]["users"]
    assert mistakes["the judges of the other check"]["judges"] == beaten
    assert mistakes["the raters instead of the clickers"]["by clicks alone"] == raters
    clicks = liked[liked["source"] == "click"]
    assert mistakes["counts clicks"]["by clicks alone"] == len(clicks)
    assert mistakes["everybody who clicked"]["by clicks alone"] == clicks["user"].nunique()
