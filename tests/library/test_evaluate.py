"""Evaluation against a slow, plain twin; what it counts; what it refuses; whether its p-values mean what they say."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from recsys_lab import metrics, split
from recsys_lab.base import Recommender
from recsys_lab.baselines import BiasBaseline, GlobalMean, Popularity, Random
from recsys_lab.errors import DataError, NotFittedError
from recsys_lab.evaluate import (
    compare,
    cross_validate,
    evaluate_ranking,
    evaluate_ratings,
    hit_table,
    holm,
    sign_flip_p,
)
from recsys_lab.ratings import Ratings


class Fixed(Recommender):
    """Scores given by hand, item by item, the same for everyone; NaN where it has no answer."""

    def __init__(self, *, scores: dict):
        self.scores = scores

    def _fit(self, train):
        self.row_ = np.array([self.scores[i] for i in train.items.ids.tolist()], dtype=float)

    def _score(self, rows):
        return np.tile(self.row_, (len(rows), 1))


@pytest.fixture(scope="module")
def parts(ml100k):
    return split.per_user_split(ml100k.ratings, seed=7)


@pytest.fixture(scope="module")
def results(parts):
    train, test = parts
    models = {"bias": BiasBaseline(), "popular": Popularity(), "random": Random()}
    return {name: evaluate_ranking(model.fit(train), test) for name, model in models.items()}


# ---------------------------------------------------------------------- ratings
def test_ratings_by_hand():
    train = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 2, 3], "rating": [1.0, 5.0, 3.0]})
    test = pd.DataFrame({"user": ["b", "a", "b"], "item": [1, 3, 2], "rating": [5.0, 3.0, 4.0]})
    result = evaluate_ratings(Fixed(scores={1: 4, 2: 2, 3: 3}).fit(train), test)
    assert result["rmse"].mean == pytest.approx(math.sqrt((1 + 0 + 4) / 3))
    assert result["mae"].mean == pytest.approx((1 + 0 + 2) / 3)
    expected = {"n_ratings": [1, 2], "squared_error": [0.0, 5.0], "absolute_error": [0.0, 3.0]}
    assert result.users.to_dict("list") == expected
    assert result.users.index.tolist() == ["a", "b"]


def test_who_needs_the_fallback_is_counted():
    train = pd.DataFrame({"user": ["a", "b", "b"], "item": [1, 1, 2], "rating": [1.0, 5.0, 3.0]})
    test = pd.DataFrame({"user": ["a", "zoe", "b"], "item": [2, 1, 99], "rating": [3.0, 4.0, 2.0]})
    model = Fixed(scores={1: 4, 2: np.nan}).fit(train)
    result = evaluate_ratings(model, test)
    assert result.counts == {"test ratings": 3, "by fallback": 3}
    assert result["rmse"].mean == pytest.approx(metrics.rmse(test["rating"], model.predict(test)))


def test_ratings_on_movielens(parts):
    train, test = parts
    model = BiasBaseline().fit(train)
    result = evaluate_ratings(model, test.sample(frac=1, random_state=1))
    assert result["rmse"].mean == pytest.approx(metrics.rmse(test["rating"], model.predict(test)))
    assert result["mae"].mean == pytest.approx(metrics.mae(test["rating"], model.predict(test)))
    assert result["rmse"].low < result["rmse"].mean < result["rmse"].high
    # Ratings of one user are alike: intervals over users are wider than those that take ratings as independent.
    error = (test["rating"] - model.predict(test)).to_numpy()
    naive = 2 * 1.96 * (error**2).std() / np.sqrt(len(error)) / (2 * result["rmse"].mean)
    assert result["rmse"].high - result["rmse"].low > 1.2 * naive


# ---------------------------------------------------------------------- ranking
def test_ranking_by_hand():
    """ann has seen 1; the lists are 2, 3, 4 for her and 1, 2, 4 for ben, who has seen 3."""
    train = pd.DataFrame({"user": ["ann", "ben", "cy", "cy"], "item": [1, 3, 2, 4], "rating": [5.0, 5.0, 3.0, 1.0]})
    test = pd.DataFrame(
        {
            "user": ["ann", "ann", "ann", "ben", "cy", "dan"],
            "item": [3, 4, 99, 1, 1, 1],
            "rating": [4.0, 2.0, 5.0, 3.0, 5.0, 5.0],
        }
    )
    model = Fixed(scores={1: 4.0, 2: 3.0, 3: 2.0, 4: 1.0}).fit(train)
    result = evaluate_ranking(model, test, k=3)
    # ann: hit at rank 2; item 99 is unknown to the model, and a miss. ben: nothing relevant. cy: hit at rank 1.
    assert result.users["n_relevant"].to_dict() == {"ann": 2, "ben": 0, "cy": 1}
    ndcg = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    assert result.users["ndcg@3"].tolist() == pytest.approx([ndcg, math.nan, 1.0], nan_ok=True)
    assert result.users["recall@3"].tolist() == pytest.approx([0.5, math.nan, 1.0], nan_ok=True)
    assert result.counts == {"users unknown": 1, "relevant items unknown": 1, "users with nothing relevant": 1}
    assert result["ndcg@3"].mean == pytest.approx((ndcg + 1) / 2)
    assert (result["ndcg@3"].users, result["ndcg@3"].excluded) == (2, 1)


def test_nothing_recommended_is_zero_and_stays():
    train = pd.DataFrame({"user": ["a", "b"], "item": [1, 2], "rating": [1.0, 5.0]})
    test = pd.DataFrame({"user": ["a", "b"], "item": [2, 1], "rating": [5.0, 5.0]})
    result = evaluate_ranking(Fixed(scores={1: np.nan, 2: 1.0}).fit(train), test, k=10)
    assert result.users["hit_rate@10"].to_dict() == {"a": 1.0, "b": 0.0}
    assert result.users["precision@10"].to_dict() == {"a": 0.1, "b": 0.0}


def test_ranking_equals_scikit_learn_on_movielens(parts):
    """Every unseen item ranked, user by user, by scikit-learn. The tiny slope removes ties, as our order does."""
    train, test = parts
    model = BiasBaseline().fit(train)
    result = evaluate_ranking(model, test)
    items = model.train_.items.ids
    for user in result.users.index[:50]:
        seen = train.loc[train["user"] == user, "item"]
        candidates = items[~np.isin(items, seen)]
        scores = model.biases_.item[model.train_.items.rows(candidates)]
        good = test.loc[(test["user"] == user) & (test["rating"] >= 4), "item"]
        if result.users.loc[user, "n_relevant"] == 0:
            assert good.empty
            continue
        relevant = np.isin(candidates, good).astype(int)
        missing = (~good.isin(items)).sum()  # relevant but unknown: ranked last, below every candidate
        relevant, scores = np.append(relevant, [1] * missing), np.append(scores, [-9.0] * missing)
        theirs = ndcg_score([relevant], [scores - np.arange(len(scores)) * 1e-12], k=10)
        assert result.users.loc[user, "ndcg@10"] == pytest.approx(theirs)


def test_popularity_beats_chance_and_the_order_of_rows_does_not_matter(results, parts):
    train, test = parts
    again = evaluate_ranking(Popularity().fit(train), test.sample(frac=1, random_state=0))
    assert again.test_id == results["popular"].test_id
    assert again.metrics == results["popular"].metrics
    assert results["popular"]["ndcg@10"].low > results["random"]["ndcg@10"].high


def test_k_beyond_the_catalogue():
    train = pd.DataFrame({"user": ["a", "b"], "item": [1, 2], "rating": [1.0, 5.0]})
    test = pd.DataFrame({"user": ["a"], "item": [2], "rating": [5.0]})
    result = evaluate_ranking(Popularity().fit(train), test, k=50)
    assert result["recall@50"].mean == 1.0
    assert result["precision@50"].mean == 1 / 50
    assert math.isnan(result["recall@50"].low)  # one user: no interval


@pytest.mark.parametrize("ids", [["a", "b", "c"], [("x", 2), ("x", 1), ("y", 1)], [1, "a", ("x", 1)]])
def test_any_type_of_id(ids, infer_string):
    frame = pd.DataFrame({"rating": [5.0, 4.0, 1.0, 5.0, 4.0, 2.0], "item": [1, 2, 1, 3, 2, 3]})
    frame["user"] = pd.Series([ids[0], ids[0], ids[1], ids[1], ids[2], ids[2]], dtype=object)
    train, test = frame.iloc[::2], frame.iloc[1::2]
    model = Popularity().fit(train)
    assert set(evaluate_ratings(model, test).users.index) == set(ids)
    ranking = evaluate_ranking(model, test, k=2)
    assert set(ranking.users.index) == set(ids)
    assert len(cross_validate(GlobalMean(), frame, folds=2, k=1).users) == 3
    assert compare({"a": ranking, "b": ranking})["p"].tolist() == [1.0]


@given(st.data())
def test_hit_table_by_its_definition(data):
    users = data.draw(st.lists(st.integers(0, 5), min_size=1, unique=True))
    k = data.draw(st.integers(1, 4))
    items = st.lists(st.integers(0, 5), unique=True, min_size=1)
    lists = data.draw(st.dictionaries(st.integers(0, 7), items, min_size=1))
    good = data.draw(st.dictionaries(st.integers(0, 7), items, min_size=1))
    recommended = pd.DataFrame(
        [(u, i, rank) for u, row in lists.items() for rank, i in enumerate(row, 1)], columns=["user", "item", "rank"]
    )
    relevant = pd.DataFrame([(u, i) for u, row in good.items() for i in row], columns=["user", "item"])
    hits, n_relevant = hit_table(recommended, relevant, users, k)
    for row, user in enumerate(users):
        listed = lists.get(user, [])[:k]
        expected = [i in good.get(user, []) for i in listed] + [False] * (k - len(listed))
        assert hits[row].tolist() == expected
        assert n_relevant[row] == len(good.get(user, []))


# ---------------------------------------------------------------------- cross-validation
def test_cross_validation_equals_its_folds(ml100k):
    frame = ml100k.ratings
    result = cross_validate(BiasBaseline(), frame, folds=3, seed=4)
    squared, n, ndcg = 0.0, 0, []
    for fold, (train, test) in enumerate(split.k_fold(frame, 3, seed=4)):
        model = BiasBaseline().fit(train)
        error = test["rating"] - model.predict(test)
        squared, n = squared + (error**2).sum(), n + len(test)
        ndcg.append(evaluate_ranking(model, test).users["ndcg@10"])
        assert result.folds.loc[fold, "rmse"] == pytest.approx(np.sqrt((error**2).mean()))
        assert result.folds.loc[fold, "ndcg@10"] == pytest.approx(ndcg[-1].mean())
    assert result["rmse"].mean == pytest.approx(np.sqrt(squared / n))
    assert result["ndcg@10"].mean == pytest.approx(pd.concat(ndcg, axis=1).mean(axis=1).mean())
    assert result.counts["test ratings"] == result.users["n_ratings"].sum() == 100_000
    assert result.users["n_relevant"].sum() == (frame["rating"] >= 4).sum()
    assert list(result.seconds) == ["fit", "predict", "recommend"]
    # Surprise 1.1.5's BaselineOnly has .9440 on other random folds; folds move it by a few thousandths.
    assert result["rmse"].mean == pytest.approx(0.944, abs=0.005)


def test_the_model_given_is_a_recipe_and_stays_as_it_is(toy):
    model = BiasBaseline(epochs=3)
    cross_validate(model, toy.ratings, folds=2, k=2)
    with pytest.raises(NotFittedError):
        model.recommend(toy.ratings["user"].iloc[0])
    model.fit(toy.ratings)
    before = model.biases_.user.copy()
    cross_validate(model, toy.ratings, folds=2, k=2)
    np.testing.assert_array_equal(model.biases_.user, before)
    assert model.train_.n_ratings == len(toy.ratings)


def test_ratings_or_a_frame_and_the_scale_of_the_whole(toy):
    """Folds of a Ratings clip at its scale, though a fold may not hold the ends of it."""
    ratings = Ratings.from_frame(toy.ratings, scale=toy.scale)
    frame = ratings.to_frame()
    a = cross_validate(BiasBaseline(), ratings, folds=3, k=2)
    b = cross_validate(BiasBaseline(), frame, folds=3, k=2)
    assert a.metrics == b.metrics


def test_a_bar_only_when_asked(toy, capsys):
    cross_validate(GlobalMean(), toy.ratings, folds=2, k=2)
    assert capsys.readouterr().err == ""
    cross_validate(GlobalMean(), toy.ratings, folds=2, k=2, progress=True)
    assert "GlobalMean:   0%" in capsys.readouterr().err  # the bar clears itself at its end


# ---------------------------------------------------------------------- results
def test_a_result_reads_well_and_has_no_clock_in_it(results):
    result = results["popular"]
    text = repr(result)
    assert text.startswith("Popularity()\n")
    assert "ndcg@10" in text
    assert "second" not in text
    frame = result.frame()
    assert list(frame.columns) == ["mean", "low", "high", "users", "excluded"]
    assert frame.loc["ndcg@10", "mean"] == result["ndcg@10"].mean
    assert str(result["ndcg@10"]).startswith(f"{result['ndcg@10'].mean:.4f} [")
    with pytest.raises(DataError, match="no metric 'rmse' was measured; there are ndcg@10, precision@10"):
        result["rmse"]


# ---------------------------------------------------------------------- comparison
def test_compare_is_paired(results):
    table = compare(results)
    assert table["metric"].unique().tolist() == ["ndcg@10"]
    assert list(zip(table["model"], table["other"])) == [
        ("bias", "popular"),
        ("bias", "random"),
        ("popular", "random"),
    ]
    d = (results["bias"].users["ndcg@10"] - results["popular"].users["ndcg@10"]).dropna()
    row = table.iloc[0]
    assert row["difference"] == pytest.approx(d.mean())
    assert row["users"] == len(d)
    # Hundreds of users: the percentile interval is close to the normal one.
    width = 1.96 * d.std() / np.sqrt(len(d))
    assert (row["low"], row["high"]) == pytest.approx((d.mean() - width, d.mean() + width), abs=0.15 * width)
    assert row["better"] == "popular"
    only = compare(results, against="random")
    assert only["model"].tolist() == ["bias", "popular"]
    assert (only["better"] == only["model"]).all()


def test_compare_knows_that_lower_rmse_is_better(parts):
    train, test = parts
    named = {m.__name__: evaluate_ratings(m().fit(train), test) for m in (GlobalMean, BiasBaseline)}
    for metric in ("rmse", "mae"):
        row = compare(named, metric).iloc[0]
        assert row["difference"] == pytest.approx(named["GlobalMean"][metric].mean - named["BiasBaseline"][metric].mean)
        assert row["low"] < row["difference"] < row["high"]
        assert row["better"] == "BiasBaseline"


def test_a_model_is_not_better_than_itself(results):
    row = compare({"a": results["bias"], "b": results["bias"]}).iloc[0]
    assert (row["difference"], row["low"], row["high"], row["p"], row["better"]) == (0, 0, 0, 1, "")


def test_compare_takes_a_list_too(results):
    assert compare(list(results.values()))["model"].tolist()[:1] == [results["bias"].model]


def test_sign_flip_equals_all_flips_and_scipy():
    d = np.array([0.3, -0.1, 0.4, 0.2, 0.0, 0.25, -0.05, 0.6])
    theirs = scipy.stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(d, seed=1, flips=50_000) == pytest.approx(theirs.pvalue, abs=0.005)
    # Close to the paired t-test where that is right: many users, no fat tails.
    d = np.random.default_rng(2).normal(0.05, 0.5, size=600)
    assert sign_flip_p(d) == pytest.approx(scipy.stats.ttest_1samp(d, 0).pvalue, abs=0.01)


def test_p_is_below_5_percent_in_5_percent_of_no_differences():
    rng = np.random.default_rng(8)
    ps = [sign_flip_p(rng.standard_t(3, size=60), rng, flips=500) for _ in range(1000)]
    # Four standard errors of 1000 trials are 0.028.
    assert np.mean(np.array(ps) < 0.05) == pytest.approx(0.05, abs=0.028)
    assert min(ps) >= 1 / 501


def test_holm_by_hand():
    """0.005 x 4, then 0.01 x 3, then 0.03 x 2, then 0.04 x 1 raised to the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([0.02]).tolist() == [0.02]


# ---------------------------------------------------------------------- refusals
TRAIN = pd.DataFrame({"user": [1, 1, 2], "item": [1, 2, 1], "rating": [5.0, 3.0, 4.0]})
TEST = pd.DataFrame({"user": [2], "item": [2], "rating": [4.0]})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m: evaluate_ratings(m, TEST.head(0)), "no rows"),
        (lambda m: evaluate_ratings(m, TEST.assign(rating=np.nan)), "NaN or infinity"),
        (lambda m: evaluate_ratings(m, TEST.drop(columns="item")), "no column 'item'"),
        (lambda m: evaluate_ratings(m, TEST.assign(user="2")), "user ids here are numbers.*got text"),
        (lambda m: evaluate_ranking(m, TRAIN), r"3 test pair\(s\) are in the training data, such as user 1, item 1"),
        (lambda m: evaluate_ranking(m, TEST, relevant=4.5), r"relevant=4.5: no test rating.*highest is 4\)"),
        (lambda m: evaluate_ranking(m, TEST.assign(user=9)), "nobody to rank for"),
        (lambda m: evaluate_ranking(m, TEST, k=0), "k=0|n=0"),
        (lambda m: cross_validate(m, TRAIN, folds=4), "folds=4: choose from 2 to 3"),
        (lambda m: cross_validate(m, TRAIN.assign(rating="x")), "not a number"),
        (lambda m: compare({"a": evaluate_ratings(m, TEST)}), r"1 result\(s\): a comparison needs at least two"),
        (lambda m: compare([evaluate_ratings(m, TEST)] * 2), "pass a dict"),
        (
            lambda m: compare({"a": evaluate_ratings(m, TEST), "b": evaluate_ratings(m, TEST.assign(rating=3))}),
            "'b' and 'a' were not judged on the same test data",
        ),
        (
            lambda m: compare({"a": evaluate_ratings(m, TEST), "b": evaluate_ranking(m, TEST)}),
            "all results have: there is none",
        ),
        (
            lambda m: compare({"a": evaluate_ratings(m, TEST), "b": evaluate_ratings(m, TEST)}, "ndcg@10"),
            "metric='ndcg@10': choose one that all results have: rmse, mae",
        ),
        (
            lambda m: compare({"a": evaluate_ratings(m, TEST), "b": evaluate_ratings(m, TEST)}, against="c"),
            "against='c': choose one of 'a', 'b'",
        ),
        (lambda m: hit_table(TEST.assign(rank=1), TEST, [2, 2], 3), "an id occurs twice"),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(DataError, match=says):
        call(Popularity().fit(TRAIN))


def test_another_threshold_is_another_question(parts):
    train, test = parts
    model = Popularity().fit(train)
    with pytest.raises(DataError, match="one k and one threshold"):
        compare({"4": evaluate_ranking(model, test), "3": evaluate_ranking(model, test, relevant=3.0)})


def test_an_unfitted_model_is_refused():
    for judge in (evaluate_ratings, evaluate_ranking):
        with pytest.raises(NotFittedError, match="call fit"):
            judge(Popularity(), TEST)
