"""What EASE and SLIM share: scores are sums over the history, for known and new users, and reasons are their terms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_lab.ease import EASE
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.ratings import Ratings
from recsys_lab.slim import SLIM
from recsys_lab.split import per_user_split

MODELS = [
    EASE(threshold=4),
    EASE(threshold=4, damping=0),
    EASE(threshold=4, neighbours=30),
    SLIM(threshold=4, l1=5),
]


@pytest.fixture(scope="module", params=MODELS, ids=repr)
def fitted(request, ml100k):
    frame = ml100k.ratings
    return type(request.param)(**request.param.params()).fit(frame[(frame["user"] <= 200) & (frame["item"] <= 400)])


def test_a_score_is_the_sum_over_what_the_user_chose(fitted):
    train, w = fitted.train_, fitted.weights_
    w = np.asarray(w if isinstance(w, np.ndarray) else w.toarray(), dtype=float)
    assert not w.diagonal().any()
    for row in range(0, train.n_users, 20):
        ratings = train.matrix[[row]]
        want = w[ratings.indices[ratings.data >= 4]].sum(axis=0)
        np.testing.assert_allclose(fitted._score(np.array([row]))[0], want, atol=1e-6)


def test_one_row_does_not_depend_on_the_others(fitted):
    rows = np.arange(fitted.train_.n_users)
    np.testing.assert_array_equal(fitted._score(rows)[7::50], fitted._score(rows[7::50]))


def test_reasons_add_up_to_the_score(fitted):
    train = fitted.train_
    lists = fitted.recommend(train.users.ids[:20], n=3)
    for user, item, score in lists[["user", "item", "score"]].itertuples(index=False):
        reasons = fitted.explain(user, item, n=train.n_items)
        assert reasons["weight"].sum() == pytest.approx(score, abs=1e-6)
        assert set(reasons["kind"]) == {"item"}
        assert (reasons["rating"] >= 4).all(), "what is below the threshold was not chosen"
        assert item not in set(reasons["id"])


def test_who_chose_nothing_gets_no_list(toy):
    """After a threshold a user may be left without a choice: an arbitrary list would be worse than none."""
    frame = toy.ratings.copy()
    frame.loc[frame["user"] == "ann", "rating"] = 2.0
    disliked = frame["item"].iloc[0]
    for model in (EASE(threshold=4), EASE(threshold=4, neighbours=2), SLIM(threshold=4, l1=0.1)):
        model.fit(frame)
        assert model.recommend("ann").empty
        assert model.recommend_for({disliked: 1.0}).empty
        assert len(model.recommend("cat", n=2)) == 2


def test_items_that_nobody_chose_score_zero(toy):
    wider = Ratings.from_frame(toy.ratings, scale=toy.scale).widen([0, 99])
    for model in (EASE(), EASE(neighbours=2), SLIM(l1=0.1)):
        narrow = type(model)(**model.params()).fit(toy.ratings)
        model.fit(wider)
        for empty in (0, 99):
            assert (model._score(np.arange(6))[:, model.train_.items.known([empty])[0]] == 0).all()
        np.testing.assert_allclose(
            model.recommend("ann", n=3)["score"] / model.recommend("ann", n=1)["score"].item(),
            narrow.recommend("ann", n=3)["score"] / narrow.recommend("ann", n=1)["score"].item(),
            rtol=1e-5,
        )


def test_similar_items_are_those_that_its_choice_alone_brings(fitted):
    item = int(fitted.train_.items.ids[0])
    alone = fitted.recommend_for({item: 5.0}, n=5)
    alone = alone[alone["score"] > 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(fitted.similar(item, n=5).head(len(alone)), alone)


@pytest.mark.parametrize(("model", "least"), [(EASE(), 0.31), (EASE(neighbours=100), 0.305), (SLIM(), 0.31)], ids=repr)
def test_defaults_rank_well_untuned(ml100k, model, least):
    """nDCG@10 where what was liked is to be found; the popular films alone reach 0.15."""
    liked = ml100k.ratings[ml100k.ratings["rating"] >= 4]
    liked = liked[liked.groupby("user")["item"].transform("size") >= 5]
    train, test = per_user_split(liked, test=0.2, seed=0)
    result = evaluate_ranking(model.fit(Ratings.from_frame(train, scale=(1, 5))), test, k=10, relevant=4)
    assert result.metrics["ndcg@10"].mean > least
