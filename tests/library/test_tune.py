"""The search: it never sees the test part, stops early by its rules, repeats by its seed, and draws what it found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from recsys_lab import plots, registry, tune
from recsys_lab.baselines import BiasBaseline
from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.evaluate import compare, cross_validate
from recsys_lab.split import random_split
from recsys_lab.tune import Span

SPACE = {"damping_user": Span(0.5, 200.0, log=True), "damping_item": Span(0.5, 200.0, log=True), "epochs": (1, 2, 5)}


@pytest.fixture(scope="module")
def train_and_test(ml100k):
    some = ml100k.ratings[ml100k.ratings["user"] <= 250]  # real, and small enough to search often
    return random_split(some[["user", "item", "rating"]], test=0.2, seed=1)


def pairs(frame: pd.DataFrame) -> set[tuple[int, int]]:
    return set(zip(frame["user"], frame["item"]))


@pytest.mark.parametrize("method", ["random", "optuna"])
def test_the_test_part_is_never_touched(train_and_test, monkeypatch, method):
    """Everything that any model is fitted on or asked about during a search is a training rating."""
    train, test = train_and_test
    touched: set[tuple[int, int]] = set()
    fit, predict = BiasBaseline.fit, BiasBaseline.predict

    def spy_fit(model, ratings, items=None):
        touched.update(pairs(ratings.to_frame()))
        return fit(model, ratings, items)

    def spy_predict(model, asked, **options):
        touched.update(pairs(asked))
        return predict(model, asked, **options)

    monkeypatch.setattr(BiasBaseline, "fit", spy_fit)
    monkeypatch.setattr(BiasBaseline, "predict", spy_predict)
    tune.tune("bias", train, SPACE, trials=3, method=method)
    assert touched == pairs(train), "all of the training part takes part"
    assert not touched & pairs(test)


@pytest.mark.parametrize("method", ["random", "optuna"])
def test_a_search_repeats_by_its_seed_and_never_ends_worse_than_the_defaults(train_and_test, method):
    train, _ = train_and_test
    found = tune.tune("bias", train, SPACE, trials=8, method=method, seed=3)
    again = tune.tune("bias", train, SPACE, trials=8, method=method, seed=3)
    pd.testing.assert_frame_equal(found.trials, again.trials)
    defaults = found.trials.iloc[0]
    assert defaults[["damping_user", "damping_item"]].tolist() == [15.0, 10.0]
    done = found.trials[found.trials["state"] == "done"]
    assert found.value == done["value"].min() <= defaults["value"]
    assert found.best == {p: done.loc[done["value"].idxmin(), p] for p in SPACE}
    assert found.model().params() == BiasBaseline(**found.best).params()
    assert found.trials["best"].is_monotonic_decreasing


def test_ranking_metrics_are_maximized(train_and_test):
    train, _ = train_and_test
    found = tune.tune("item-knn", train, {"damping": (0.0, 10.0)}, trials=5, metric="ndcg@10", folds=2, seed=1)
    assert found.value == found.trials["value"].max()
    assert found.best["damping"] == 10.0, "damped votes make better lists"


def test_poor_trials_stop_by_the_median_rule(train_and_test):
    train, _ = train_and_test
    found = tune.tune("bias", train, {"damping_user": (15.0, 5000.0)}, trials=14, folds=3, seed=0)
    states = found.trials.groupby("damping_user")["state"].unique()
    assert set(found.trials["state"].iloc[:4]) == {"done"}, "the first four run to their end"
    stopped = found.trials[found.trials["state"] == "stopped"]
    assert len(stopped)
    assert set(stopped["damping_user"]) == {5000.0}
    assert (stopped["folds"] < 3).all()
    assert "stopped" not in states[15.0]


def test_patience_ends_a_search(train_and_test):
    train, _ = train_and_test
    found = tune.tune("bias", train, {"damping_user": (15.0,)}, trials=50, folds=2, patience=3)
    assert len(found.trials) == 4, "the defaults, and three that were no better"


def test_refused_parameters_are_recorded_and_passed_over(train_and_test):
    train, _ = train_and_test
    for method in ("random", "optuna"):
        found = tune.tune("user-knn", train, {"k": (40, 10**6)}, trials=5, folds=2, method=method)
        refused = found.trials[found.trials["k"] == 10**6]
        assert len(refused)
        assert set(refused["state"]) == {"refused"}
        assert refused["value"].isna().all()
        assert refused["note"].str.contains("k=1000000").all()
        assert found.best == {"k": 40}


def test_refusals(toy):
    with pytest.raises(DataError, match="no parameter of bias 'dampening_user'; did you mean 'damping_user'"):
        tune.tune("bias", toy.ratings, {"dampening_user": Span(1, 2)})
    with pytest.raises(DataError, match="no space is known for global-mean"):
        tune.tune("global-mean", toy.ratings)
    with pytest.raises(DataError, match="trials=0"):
        tune.tune("bias", toy.ratings, trials=0)
    with pytest.raises(DataError, match="patience=0"):
        tune.tune("bias", toy.ratings, patience=0)
    with pytest.raises(DataError, match="method='grid'"):
        tune.tune("bias", toy.ratings, method="grid")
    with pytest.raises(DataError, match="no metric 'ndcg'"):
        tune.tune("bias", toy.ratings, metric="ndcg")


def test_spans_keep_their_bounds_and_their_kind():
    shares = np.linspace(0, 1, 11)
    assert {type(Span(8, 128, log=True).at(s)) for s in shares} == {int}
    assert [Span(8, 128, log=True).at(s) for s in (0, 0.25, 1)] == [8, 16, 128]
    assert [Span(0.0, 3.0).at(s) for s in (0, 0.5, 1)] == [0.0, 1.5, 3.0]


# ---------------------------------------------------------------------- figures
def test_a_search_and_a_comparison_can_be_seen(train_and_test):
    train, _ = train_and_test
    found = tune.tune("bias", train, SPACE, trials=6, folds=2)
    fig = plots.search(found)
    (line,) = fig.axes[0].lines
    assert line.get_ydata().tolist() == found.trials["best"].tolist()
    results = {
        "bias": cross_validate(BiasBaseline(), train, folds=2),
        "one round": cross_validate(BiasBaseline(epochs=1), train, folds=2),
    }
    table = compare(results, "rmse")
    ax = plots.comparison(table).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["bias minus one round"]
    dots = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert [c.get_offsets()[:, 0].tolist() for c in dots] == [table["difference"].tolist()]
    with pytest.raises(DataError, match=r"evaluate\.compare"):
        plots.comparison(found.trials)


def test_without_the_extras_the_message_names_the_command(monkeypatch, toy):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'recsys-lab\[tune\]'"):
        tune.tune("bias", toy.ratings, method="optuna")
    with pytest.raises(MissingExtraError, match=r"pip install 'recsys-lab\[course\]'"):
        plots.search(tune.tune("bias", toy.ratings, trials=1, folds=2))


@pytest.mark.parametrize("name", tune.SPACES)
def test_every_known_space_can_be_searched(name, ml100k):
    """Both ends of each range suit the model, and the defaults lie in between."""
    some = ml100k.ratings[(ml100k.ratings["user"] <= 120) & (ml100k.ratings["item"] <= 400)]
    small = {"epochs": 2, "sweeps": 12, "burn_in": 4, "samples": 4}
    known = registry.parameters(registry.model_class(name))
    for end in (0, 1):
        params = {p: span.at(end) if isinstance(span, Span) else span[-end] for p, span in tune.SPACES[name].items()}
        quick = {p: value for p, value in small.items() if p in known}
        registry.make(name, **(params | quick)).fit(some[["user", "item", "rating"]], ml100k.items).recommend(1, n=3)
    for p, span in tune.SPACES[name].items():
        default = known[p].default
        assert span.low <= default <= span.high if isinstance(span, Span) else default in span, p
