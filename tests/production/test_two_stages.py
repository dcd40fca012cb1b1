"""Two stages: nothing after the request's second gets in, training and serving see the same numbers, trees equal sklearn's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_lab import EASE, ItemItem, Ratings
from recsys_lab.errors import DataError, UnknownIdError
from recsys_lab.evaluate import compare
from recsys_lab.metrics import ndcg
from recsys_lab.production.feature_store import FeatureRepository
from recsys_lab.production.features import WEEK, as_of, item_features
from recsys_lab.production.ranking import (
    KNOWN,
    Sources,
    Trending,
    TwoStage,
    fit_ranker,
    known_now,
    known_then,
    true_chance,
)
from recsys_lab.production.rehearsal import judge, liked, lists, outcomes, requests
from recsys_lab.production.trees import Trees

SKLEARN = pytest.importorskip("sklearn.ensemble")
CUT = 884_000_000  # January 1998


@pytest.fixture(scope="module")
def ratings(ml100k):
    return ml100k.ratings[ml100k.ratings["user"] <= 400].reset_index(drop=True)


@pytest.fixture(scope="module")
def sources(ratings):
    train = Ratings.from_frame(ratings[ratings["timestamp"] < CUT], scale=(1, 5))
    return Sources({"ease": EASE(threshold=4).fit(train), "items": ItemItem(threshold=4).fit(train)}, each=20)


@pytest.fixture(scope="module")
def asked(ratings):
    return requests(ratings, CUT, CUT + 4 * WEEK)


@pytest.fixture(scope="module")
def table(ratings, sources, asked):
    return sources.table(asked, ratings)


@pytest.fixture(scope="module")
def facts(ml100k):
    return ml100k.items.set_index("item")[["year"]]


# ---------------------------------------------------------------------- requests and outcomes
def test_requests_are_the_first_second_of_a_week_with_enough_history(ratings, asked):
    assert asked["request"].tolist() == list(range(len(asked)))
    for row in asked.itertuples():
        theirs = ratings[ratings["user"] == row.user]
        assert (theirs["timestamp"] < row.timestamp).sum() >= 20
        week = CUT + (row.timestamp - CUT) // WEEK * WEEK
        assert row.until == week + WEEK
        earlier = theirs[(theirs["timestamp"] >= week) & (theirs["timestamp"] < row.timestamp)]["timestamp"]
        assert all((theirs["timestamp"] < t).sum() < 20 for t in earlier)
    assert not asked.assign(week=asked["until"]).duplicated(["user", "week"]).any()
    with pytest.raises(DataError, match="nobody with 2000"):
        requests(ratings, CUT, CUT + WEEK, least=2000)


def test_until_never_passes_the_end(ratings):
    asked = requests(ratings, CUT, CUT + WEEK + 200_000)
    assert asked["until"].max() == CUT + WEEK + 200_000


def test_outcomes_are_liked_and_in_time(ratings, asked):
    good, whole = outcomes(asked, ratings), 0
    for row in asked.itertuples():
        theirs = ratings[(ratings["user"] == row.user) & (ratings["rating"] >= 4)]
        want = theirs[(theirs["timestamp"] >= row.timestamp) & (theirs["timestamp"] < row.until)]["item"]
        assert set(good.loc[good["request"] == row.request, "item"]) == set(want)
        whole += len(want)
    assert len(good) == whole > 100


# ---------------------------------------------------------------------- candidates
def test_candidates_are_the_best_unseen_of_every_source(ratings, sources, asked, table):
    row = asked.iloc[5]
    past = ratings[(ratings["user"] == row["user"]) & (ratings["timestamp"] < row["timestamp"])]
    mine = table[table["request"] == row["request"]]
    assert not mine["item"].isin(past["item"]).any()
    known = past[past["item"].isin(sources.items.ids)]
    for name, model in sources.models.items():
        want = model.recommend_for(known[["item", "rating"]], n=20)
        got = mine[mine[f"{name}_rank"] <= 20].sort_values(f"{name}_rank")
        np.testing.assert_allclose(got[name], want["score"])
        assert set(got["item"]) == set(want["item"]) or np.isclose(want["score"].iloc[-1], got[name].iloc[-1])
    assert (mine[[f"{name}_rank" for name in sources.names]].min(axis=1) <= 20).all()


def test_what_comes_after_the_request_changes_nothing(ratings, sources, asked, table, facts):
    row = asked.iloc[3]
    later = ratings["timestamp"] >= row["timestamp"]
    tampered = ratings.assign(rating=ratings["rating"].where(~later, 6 - ratings["rating"]))
    fewer = ratings[~later]
    one = asked.iloc[[3]]
    want = known_then(ratings, facts)(table[table["request"] == row["request"]].reset_index(drop=True))
    for other in (tampered, fewer):
        got = known_then(other, facts)(sources.table(one, other))
        pd.testing.assert_frame_equal(got, want)


def test_trending_is_the_views_number(ratings, sources):
    second = CUT + 100_000
    rows = pd.DataFrame({"item": sources.items.ids, "timestamp": second})
    want = as_of(rows, item_features(ratings), "item")["ratings_7d"].fillna(0).astype(float)
    trends = Trending(ratings)
    np.testing.assert_array_equal(trends.at(second, sources.items.ids), want)
    assert trends.at(0, sources.items.ids).sum() == 0
    assert trends.at(9e9, [99_999]).tolist() == [0.0]
    last = item_features(ratings).groupby("item")["ratings_7d"].last()
    np.testing.assert_array_equal(trends.at(9e9, last.index.to_numpy()), last)


def test_a_history_of_unknown_items_is_refused(sources):
    with pytest.raises(UnknownIdError, match="none of the history"):
        sources.candidates(pd.DataFrame({"item": [99_999], "rating": [5.0]}), np.zeros(len(sources.items)))


def test_who_liked_nothing_still_gets_what_is_trending(ratings, sources):
    history = pd.DataFrame({"item": sources.items.ids[:30], "rating": 1.0})
    trending = Trending(ratings).at(CUT, sources.items.ids)
    got = sources.candidates(history, trending)
    assert len(got) >= 20
    assert not got["item"].isin(history["item"]).any()
    assert (got["trending_rank"] <= 20).sum() == 20


def test_sources_share_a_catalogue(ratings):
    a, b = (EASE().fit(ratings[ratings["item"] % 2 == k]) for k in (0, 1))
    with pytest.raises(DataError, match="share a catalogue"):
        Sources({"a": a, "b": b})
    with pytest.raises(DataError, match="a name occurs twice"):
        Sources({"item": a})
    with pytest.raises(DataError, match="each=0"):
        Sources({"a": a}, each=0)


# ---------------------------------------------------------------------- training equals serving
def test_training_and_serving_give_the_ranker_the_same_numbers(tmp_path, ratings, sources, facts):
    """Feast offline, Feast online and as_of, at the second to which the online store was filled."""
    now = CUT + 2 * WEEK
    user = int(ratings.loc[ratings["timestamp"] < now, "user"].value_counts().index[0])
    past = ratings[(ratings["user"] == user) & (ratings["timestamp"] < now)]
    store = FeatureRepository.create(tmp_path / "features", ratings)
    store.materialize(now)
    trending = store.online("item", sources.items.ids)["ratings_7d"].fillna(0).to_numpy(dtype=float)
    np.testing.assert_array_equal(trending, Trending(ratings).at(now, sources.items.ids))
    rows = sources.candidates(past, trending).assign(user=user, timestamp=now)
    online, by_hand = known_now(store, facts)(rows), known_then(ratings, facts)(rows)
    offline = store.training_rows(rows).join(facts, on="item")
    columns = [*sources.columns, *KNOWN, "year"]
    for other in (by_hand, offline):
        np.testing.assert_array_equal(online[columns].astype(float), other[columns].astype(float))
    assert online["item"].tolist() == rows["item"].tolist()

    yes = np.random.default_rng(0).random(len(online)) < 0.3
    ranker = fit_ranker(online, yes, sources, ("year",))
    system = TwoStage(sources, known_now(store, facts), ranker, trending)
    answer = system.recommend(user, past, now, n=5)
    np.testing.assert_allclose(answer["score"], np.sort(ranker.score(by_hand))[::-1][:5])
    assert answer["rank"].tolist() == [1, 2, 3, 4, 5]


# ---------------------------------------------------------------------- the ranker
def test_trees_equal_sklearn(tmp_path):
    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(3000, 4)), columns=list("abcd"))
    x.loc[rng.random(3000) < 0.2, "b"] = np.nan
    yes = x["a"] + x["b"].fillna(1) * x["c"] + rng.normal(size=3000) > 0
    theirs = SKLEARN.HistGradientBoostingClassifier(max_iter=30, random_state=0, early_stopping=False)
    theirs.fit(x.to_numpy(), yes)
    ours = Trees.fit(x, yes, list("abcd"), max_iter=30)
    want = theirs.predict_proba(x.to_numpy())[:, 1]
    np.testing.assert_allclose(ours.score(x), want, atol=1e-12)
    np.testing.assert_allclose(_literal(ours, x.to_numpy()[:50]), want[:50], atol=1e-12)
    ours.save(tmp_path / "trees.npz")
    kept = Trees.load(tmp_path / "trees.npz")
    assert kept.columns == ("a", "b", "c", "d")
    np.testing.assert_array_equal(kept.score(x), ours.score(x))


def _literal(trees, x):
    out = []
    for row in x:
        raw = trees.start
        for node in trees.first:
            while trees.feature[node] != -1:
                value = row[trees.feature[node]]
                left = trees.missing_left[node] if np.isnan(value) else value <= trees.threshold[node]
                node = trees.left[node] if left else trees.right[node]
            raw += trees.value[node]
        out.append(1 / (1 + np.exp(-raw)))
    return out


def test_trees_refuse():
    x = pd.DataFrame({"a": np.arange(50.0)})
    with pytest.raises(DataError, match="both kinds"):
        Trees.fit(x, np.zeros(50, dtype=bool), ["a"])
    with pytest.raises(DataError, match="lacks the features b"):
        Trees.fit(x, x["a"] > 10, ["a", "b"])


def test_a_better_score_of_a_source_never_lowers_the_answer(ratings, sources, asked, table, facts):
    rows = known_then(ratings, facts)(table)
    ranker = fit_ranker(rows, liked(rows, outcomes(asked, ratings)), sources, ("year",))
    best = rows.assign(ease=rows["ease"].max(), ease_rank=1)
    assert (ranker.score(best) >= ranker.score(rows)).all()


# ---------------------------------------------------------------------- judging
def test_judge_averages_a_users_requests_first(ratings, sources, asked, table):
    good = outcomes(asked, ratings)
    found = lists(table, table["ease"])
    result = judge("ease", found, asked, good)
    per = []
    for row in asked.itertuples():
        want = set(good.loc[good["request"] == row.request, "item"])
        shown = found[found["user"] == row.request].sort_values("rank")["item"]
        hits = np.zeros((1, 10), dtype=bool)
        hits[0, : len(shown)] = shown.isin(want)
        per.append((row.user, ndcg(hits, np.array([len(want)]))[0]))
    users = pd.DataFrame(per, columns=["user", "ndcg"]).groupby("user")["ndcg"].mean()
    assert result["ndcg@10"].mean == pytest.approx(users.mean())
    assert result["ndcg@10"].users == users.notna().sum()
    assert len(compare({"a": result, "b": judge("t", lists(table, table["trending"]), asked, good)})) == 1


def test_lists_break_ties_by_item():
    table = pd.DataFrame({"request": [0, 0, 0], "item": [9, 3, 5]})
    assert lists(table, np.ones(3), n=2)["item"].tolist() == [3, 5]


def test_liked_marks_the_pairs(asked):
    table = pd.DataFrame({"request": [0, 0, 1], "item": [1, 2, 1]})
    assert liked(table, pd.DataFrame({"request": [0, 1], "item": [2, 7]})).tolist() == [False, True, False]


def test_true_chance_undoes_the_sampling():
    """Of 1,000 rows 10 are a yes; a tenth of the no's is kept: 10 of 109 in the sample, 10 of 1,000 in truth."""
    assert true_chance(np.array([10 / 109]), kept=0.1)[0] == pytest.approx(0.01)
    with pytest.raises(DataError, match="kept=0"):
        true_chance(np.array([0.5]), kept=0)
