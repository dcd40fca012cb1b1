"""BPR: its steps written out, its gradient checked by differences, its descent for one user, and where it must refuse."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_lab import datasets
from recsys_lab.bpr import BPR, _epoch, _not_chosen, _user_steps
from recsys_lab.errors import DataError
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.ratings import Ratings
from recsys_lab.split import per_user_split


@pytest.fixture(scope="module")
def part(ml100k) -> Ratings:
    frame = ml100k.ratings
    return Ratings.from_frame(frame[(frame["user"] <= 80) & (frame["item"] <= 300)], scale=(1, 5))


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def draw(rng: np.random.Generator, chosen: set[int], n_items: int) -> int:
    while (j := int(rng.random() * n_items)) in chosen:
        pass
    return j


def literal_epoch(rng, order, users, items, p, q, b, rate, reg):
    """The five updates at the top of bpr.py, in ordinary Python."""
    for u, i in zip(users[order], items[order]):
        j = draw(rng, set(items[users == u]), len(q))
        e = sigma(b[j] + p[u] @ q[j] - b[i] - p[u] @ q[i])
        p_u, q_i, q_j = p[u].copy(), q[i].copy(), q[j].copy()
        p[u] += rate * (e * (q_i - q_j) - reg * p_u)
        q[i] += rate * (e * p_u - reg * q_i)
        q[j] += rate * (-e * p_u - reg * q_j)
        b[i] += rate * (e - reg * b[i])
        b[j] += rate * (-e - reg * b[j])


def literal_descent(liked, q, b, rate, reg, passes, seed):
    """One user's vector with the items fixed, and per step (i, j, rate e)."""
    rng, p, steps = np.random.default_rng(seed), np.zeros(q.shape[1]), []
    for t in range(passes * len(liked)):
        i, j = liked[t % len(liked)], draw(rng, set(liked), len(q))
        now = rate * (1 - t / (passes * len(liked)))
        steps.append((i, j, now * sigma(b[j] + p @ q[j] - b[i] - p @ q[i])))
        p = p + steps[-1][2] * (q[i] - q[j]) - now * reg * p
    return p, steps


def start(part: Ratings, factors: int = 6, seed: int = 0):
    """A random state, and the choices as _epoch takes them."""
    rng, chosen = np.random.default_rng(seed), part.positives()
    p, q = (rng.normal(0, 0.3, (n, factors)).astype(np.float32) for n in chosen.shape)
    b = rng.normal(0, 0.3, len(q)).astype(np.float32)
    users = np.repeat(np.arange(part.n_users), np.diff(chosen.indptr))
    return chosen.indptr.astype(np.int64), users, chosen.indices.astype(np.int64), p, q, b


def test_an_epoch_equals_the_formulas(part):
    indptr, users, items, p, q, b = start(part)
    exact = [array.astype(float) for array in (p, q, b)]
    order = np.random.default_rng(1).permutation(len(items))
    literal_epoch(np.random.default_rng(2), order, users, items, *exact, 0.1, 0.02)
    _epoch(np.random.default_rng(2), order, users, indptr, items, p, q, b, np.float32(0.1), np.float32(0.02))
    for got, want in zip((p, q, b), exact):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=2e-5)


def test_a_step_goes_along_the_gradient(part):
    """The change over one triple, divided by the rate, against differences of the objective."""
    _, users, items, *state = start(part)
    before = [array.astype(float) for array in state]
    after = [array.copy() for array in before]
    literal_epoch(np.random.default_rng(0), np.array([7]), users, items, *after, 1.0, 0.02)
    u, i, j = users[7], items[7], draw(np.random.default_rng(0), set(items[users == users[7]]), len(state[1]))

    def objective(p, q, b):
        penalty = p[u] @ p[u] + q[i] @ q[i] + q[j] @ q[j] + b[i] ** 2 + b[j] ** 2
        return math.log(sigma(b[i] + p[u] @ q[i] - b[j] - p[u] @ q[j])) - 0.02 / 2 * penalty

    for which, place in ((0, (u, 2)), (1, (i, 1)), (1, (j, 3)), (2, i), (2, j), (1, (0, 0))):
        up, down = [array.copy() for array in before], [array.copy() for array in before]
        up[which][place] += 1e-5
        down[which][place] -= 1e-5
        slope = (objective(*up) - objective(*down)) / 2e-5
        assert after[which][place] - before[which][place] == pytest.approx(slope, abs=1e-8)


def test_the_descent_of_one_user_equals_the_formulas(part):
    _, _, _, _, q, b = (np.asarray(array, float) for array in start(part))
    liked = np.array([3, 8, 40, 41, 200])
    want, steps = literal_descent(liked, q, b, 0.3, 0.05, 7, seed=5)
    p, step, other = np.zeros(q.shape[1]), np.empty((7, 5)), np.empty((7, 5), np.int64)
    _user_steps(np.random.default_rng(5), liked, p, q, b, 0.3, 0.05, step, other)
    np.testing.assert_allclose(p, want, rtol=1e-10)
    assert other.ravel().tolist() == [j for _, j, _ in steps]
    np.testing.assert_allclose(step.ravel(), [e for _, _, e in steps], rtol=1e-10)


@given(st.sets(st.integers(0, 11), max_size=11), st.integers(0, 2**32 - 1))
def test_negatives_are_all_items_but_the_chosen_alike(chosen, seed):
    rng, items = np.random.default_rng(seed), np.array([0, 5, *sorted(chosen), 3, 11], dtype=np.int64)
    drawn = [_not_chosen(rng, items, 2, 2 + len(chosen), 12) for _ in range(600)]
    assert set(drawn) == set(range(12)) - chosen
    assert np.bincount(drawn).max() < 600 / (12 - len(chosen)) + 160


def test_it_learns_the_order_of_each_user(part):
    """The share of pairs (chosen, not chosen) in the right order, in training: near 1, and far above popularity's."""
    chosen = part.positives().toarray() > 0
    counts = np.tile(chosen.sum(axis=0).astype(float), (part.n_users, 1))

    def auc(scores):
        pairs = [np.subtract.outer(s[c], s[~c]) for s, c in zip(scores, chosen)]
        return np.mean([((d > 0) + 0.5 * (d == 0)).mean() for d in pairs])

    learned = BPR(factors=16, epochs=60).fit(part)._score(np.arange(part.n_users))
    assert auc(learned) > 0.97
    assert auc(counts) < 0.9


def test_a_copy_gets_the_same_vector_to_the_last_bit(part):
    model = BPR(factors=8, epochs=5, threshold=3.0).fit(part)
    for row in range(10):
        mine = part.matrix[[row]]
        liked = model._liked(mine.indices, mine.data)
        np.testing.assert_array_equal(model._descent(liked)[0], model.p_[row])
    frame = part.to_frame()
    twin = frame[frame["user"] == 1].assign(user=999)
    both = BPR(factors=8, epochs=5).fit(pd.concat([frame, twin]))
    assert both.recommend(999).drop(columns="user").equals(both.recommend(1).drop(columns="user"))


@pytest.mark.parametrize("threshold", [None, 4.0])
def test_reasons_add_up_to_the_score_without_the_items_bias(part, threshold):
    model = BPR(factors=8, epochs=20, threshold=threshold).fit(part)
    lists = model.recommend(list(part.users.ids[:8]), n=3)
    rated = part.to_frame().set_index(["user", "item"])["rating"]
    for user, item, score in lists[["user", "item", "score"]].itertuples(index=False):
        reasons = model.explain(user, item, n=part.n_items)
        bias = model.b_[part.items.known([item])[0]]
        assert reasons["weight"].sum() == pytest.approx(score - bias, abs=1e-9)
        assert reasons["rating"].tolist() == [rated[user, j] for j in reasons["id"]]
        assert threshold is None or (reasons["rating"] >= threshold).all()


def test_those_without_a_choice_and_those_without_a_rest(toy):
    """A user below the threshold, a user who chose everything, an item that nobody rated."""
    every = pd.DataFrame({"user": "all", "item": toy.ratings["item"].unique(), "rating": 5.0})
    sour = pd.DataFrame({"user": ["sour"], "item": toy.ratings["item"].iloc[:1], "rating": [1.0]})
    model = BPR(factors=3, epochs=10, threshold=4.0).fit(pd.concat([toy.ratings, every, sour]))
    rows = model.train_.users.known(["all", "sour"])
    assert not model.p_[rows].any()
    assert np.isfinite(model.recommend(["all", "sour"], exclude_seen=False)["score"]).all()
    assert (model.explain("all", toy.ratings["item"].iloc[0])["weight"] == 0).all()
    assert model.explain("sour", toy.ratings["item"].iloc[0]).empty
    wide = Ratings.from_frame(toy.ratings).widen(["Nobody saw this"])
    unseen = wide.items.known(["Nobody saw this"])[0]
    assert BPR(factors=3).fit(wide).b_.argmin() == unseen


def test_the_seed_decides(toy):
    a, b, c = (BPR(factors=3, epochs=3, seed=seed).fit(toy.ratings) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.q_, b.q_)
    assert not np.allclose(a.q_, c.q_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": 0}, "factors=0: a user and an item are described"),
        ({"factors": 10**9}, r"BPR: factors=1,000,000,000 would take .* GB.*Choose fewer"),
        ({"epochs": 0}, "epochs=0: each choice is visited"),
        ({"rate": 0}, "rate=0: the length of the first steps; choose a number above 0"),
        ({"rate": np.nan}, "rate=nan"),
        ({"reg": -0.1}, "reg=-0.1: .*from 0 to 10"),
        ({"rate": 0.5, "reg": 3}, "reg=3: each step shrinks by rate x reg, with rate=0.5; choose a number from 0 to 2"),
        ({"rate": 1e4, "epochs": 50, "reg": 0}, r"BPR diverged in epoch \d+: .*Lower rate=10000\."),
        ({"threshold": 6}, "threshold=6: no rating is that high"),
    ],
)
def test_refuses(toy, options, message):
    model = BPR(**options)
    with pytest.raises(DataError, match=message):
        model.fit(toy.ratings)
    assert not hasattr(model, "q_")


def test_ranks_well_untuned():
    """The top-n protocol of the benchmarks, one split: nDCG@10 with the defaults."""
    liked = datasets.load("ml-100k").ratings.query("rating >= 4")
    liked = liked[liked.groupby("user")["item"].transform("size") >= 5]
    train, test = per_user_split(liked, test=0.2, seed=1)
    assert evaluate_ranking(BPR().fit(train), test)["ndcg@10"].mean > 0.29
