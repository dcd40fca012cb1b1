"""The neural models: NumPy serves what PyTorch learned, the losses are the formulas, and they learn what is there to learn."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from recsys_lab import storage
from recsys_lab.errors import DataError, MissingExtraError, UnsupportedError
from recsys_lab.production.neural import NeuMF, SASRec, TwoTower, descent, neumf, sasrec, twotower
from recsys_lab.ratings import Ratings

torch = pytest.importorskip("torch", reason="pip install 'recsys-lab[neural]'")


@pytest.fixture(scope="module")
def small(ml100k):
    """Real ratings of 80 users and 120 films, with times; some users have few."""
    frame = ml100k.ratings
    return frame[(frame["user"] <= 80) & (frame["item"] <= 120)]


def tensors(model):
    return {name: torch.tensor(value) for name, value in model.w_.items()}


# ---------------------------------------------------------------------- what NumPy serves is what PyTorch learned
def test_numpy_scores_as_torch_does_in_neumf(small):
    model = NeuMF(factors=6, hidden=10, epochs=2, threshold=4).fit(small)
    rows, n = np.array([3, 0, 41]), model.train_.n_items
    u, i = torch.as_tensor(np.repeat(rows, n)), torch.as_tensor(np.tile(np.arange(n), 3))
    want = neumf.network(torch, tensors(model), u, i).reshape(3, n)
    np.testing.assert_allclose(model._score(rows), want, atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 7])
def test_numpy_scores_as_torch_does_in_the_towers(small, hidden):
    model = TwoTower(factors=6, hidden=hidden, epochs=2).fit(small)
    train, items = model.train_, np.arange(model.train_.n_items)
    for row in (5, 0):
        mine = train.of(row)[0].astype(np.int64)
        many = [
            torch.as_tensor(a) for a in (np.tile(mine, len(items)), items * len(mine), np.full(len(items), len(mine)))
        ]
        want = twotower.towers(torch, tensors(model), twotower._Batch(torch.as_tensor(items), *many, None))
        np.testing.assert_allclose(model._score(np.array([row]))[0], want[0] / model.temperature, atol=1e-5)


@pytest.mark.parametrize("blocks", [1, 2])
def test_numpy_scores_as_torch_does_in_sasrec(small, blocks):
    model = SASRec(factors=6, length=9, blocks=blocks, epochs=2, threshold=4).fit(small)
    short = np.flatnonzero((model.recent_ == model.train_.n_items).any(axis=1))
    rows = np.array([*short[:3], 7, 20])
    w, s = tensors(model), torch.as_tensor(model.recent_[rows])
    want = sasrec.attend(torch, w, s, blocks, lambda x: x)[:, -1] @ w["e"].T + w["b"]
    none = (model.recent_[rows] == model.train_.n_items).all(axis=1)
    np.testing.assert_allclose(model._score(rows)[~none], want[~none], atol=1e-5)
    assert np.isnan(model._score(rows)[none]).all()


def test_saved_models_are_served_without_torch(small, tmp_path):
    models = [NeuMF(epochs=1), TwoTower(epochs=1), SASRec(epochs=1, length=8)]
    paths = [str(storage.save(model.fit(small), tmp_path / f"{type(model).__name__}.npz")) for model in models]
    code = (
        f"import sys; from recsys_lab import load; models = [load(path) for path in {paths!r}];"
        "print([m.recommend(7, n=5)['item'].tolist() for m in models]); assert 'torch' not in sys.modules"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == str([model.recommend(7, n=5)["item"].tolist() for model in models])


def test_without_torch_fit_says_which_command_brings_it(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for model in (NeuMF(), TwoTower(), SASRec()):
        with pytest.raises(MissingExtraError, match=r"pip install 'recsys-lab\[neural\]'"):
            model.fit(small)


# ---------------------------------------------------------------------- the losses are the formulas
def test_the_corrected_softmax_by_hand():
    s = np.array([[2.0, 1.0, 0.0], [0.5, 1.5, 1.0], [0.0, 0.0, 3.0]])
    q = np.array([0.5, 0.3, 0.2])
    too = np.array([[False, False, True], [False, False, False], [True, False, False]])
    rows = []
    for u in range(3):
        among = [j for j in range(3) if not too[u, j]]
        below = sum(np.exp(s[u, j]) / q[j] for j in among)  # exp(s - ln Q) = exp(s) / Q
        rows.append(-np.log(np.exp(s[u, u]) / q[u] / below))
    got = twotower.in_batch_loss(torch, torch.tensor(s), torch.tensor(np.log(q)), torch.tensor(too))
    assert float(got) == pytest.approx(np.mean(rows), rel=1e-9)
    plain = twotower.in_batch_loss(torch, torch.tensor(s), None, torch.tensor(too))
    same = twotower.in_batch_loss(
        torch, torch.tensor(s), torch.full((3,), -1.0, dtype=torch.float64), torch.tensor(too)
    )
    assert float(plain) == pytest.approx(float(same)), "items that are drawn alike need no correction"
    assert float(plain) != pytest.approx(float(got))


def test_the_correction_lets_popular_items_be_recommended(small):
    def slope(logq):
        """By how much the mean score of an item rises when it is chosen e times as often."""
        model = TwoTower(factors=16, epochs=8, logq=logq, batch=256).fit(small)
        times_chosen = np.bincount(model.train_.matrix.indices)
        return np.polyfit(np.log(times_chosen), model._score(np.arange(60)).mean(axis=0), 1)[0]

    with_it, without = slope(logq=True), slope(logq=False)
    assert with_it > without + 0.2, (with_it, without)


def test_a_batch_of_choices_hides_the_answer_and_knows_its_negatives(small):
    chosen = Ratings.from_frame(small).positives(4)
    has = chosen.toarray() > 0
    asked = []
    for i, history, starts, lengths, too in twotower._batches(chosen, 50, 0.4, np.random.default_rng(0)):
        assert (lengths > 0).all()
        for b in range(len(i)):
            mine = history[starts[b] : starts[b] + lengths[b]]
            assert i[b] not in mine, "the history gives the answer away"
            user = np.flatnonzero(has[:, i[b]] & has[:, mine].all(axis=1))
            assert len(user), "a history of nobody"
            assert any(np.array_equal(too[b], has[u, i] & (np.arange(len(i)) != b)) for u in user)
        asked += list(i)
    counts = np.bincount(asked, minlength=has.shape[1])
    assert (counts <= has.sum(axis=0)).all()
    assert counts.sum() > 0.9 * has.sum()


def test_neumf_knows_which_random_pairs_are_choices():
    known = np.array([2, 5, 9])
    assert neumf._among(np.array([0, 2, 3, 9, 10, 5]), known).tolist() == [False, True, False, True, False, True]


def test_every_choice_but_the_first_is_asked_for_once():
    for n in range(12):
        history = np.arange(100, 100 + n)
        windows = sasrec._windows([history], 4, fill=7)
        asked = [w for row in windows for past, w in itertools.pairwise(row) if past != 7]
        assert sorted(asked) == list(history[1:])
        for row in windows:
            there = row[row != 7]
            assert (np.diff(there) == 1).all()
            assert (row[len(row) - len(there) :] == there).all(), "filled in front"


def test_no_place_sees_what_comes_later(small):
    model = SASRec(factors=6, length=9, blocks=2, epochs=1).fit(small)
    w, s = tensors(model), torch.as_tensor(model.recent_[[3]])
    before = sasrec.attend(torch, w, s, 2, lambda x: x)
    s[0, 6] = (s[0, 6] + 1) % model.train_.n_items
    after = sasrec.attend(torch, w, s, 2, lambda x: x)
    changed = ((before - after).abs() > 1e-9).any(dim=2)[0].numpy()
    assert changed.tolist() == [False] * 6 + [True] * 3


# ---------------------------------------------------------------------- they learn what is there to learn
@pytest.fixture(scope="module")
def two_tastes():
    """Users 0-19 choose among items 0-9, users 20-39 among 10-19; each leaves three of their ten."""
    rng = np.random.default_rng(0)
    rows = [(u, i + 10 * (u >= 20)) for u in range(40) for i in rng.permutation(10)[:7]]
    return pd.DataFrame(rows, columns=["user", "item"]).assign(rating=1.0)


@pytest.mark.parametrize(
    "model",
    [
        NeuMF(factors=8, epochs=60, decay=0.1, batch=128),
        TwoTower(factors=8, epochs=60, batch=64),
        TwoTower(factors=8, hidden=16, epochs=60, batch=64),
    ],
    ids=repr,
)
def test_two_tastes_are_told_apart(model, two_tastes):
    lists = model.fit(two_tastes).recommend(list(range(40)), n=3)
    assert ((lists["item"] >= 10) == (lists["user"] >= 20)).all()


def test_sasrec_learns_the_order():
    """Everybody goes round a circle of twelve items: 5 is followed by 6, whoever you are, and 11 by 0."""
    rows = [(u, (u + t) % 12, 1.0, t) for u in range(60) for t in range(8)]
    frame = pd.DataFrame(rows, columns=["user", "item", "rating", "timestamp"])
    model = SASRec(factors=16, length=6, dropout=0.1, epochs=40, rate=0.01).fit(frame)
    first = model.recommend(list(range(60)), n=1)
    assert (first["item"] == (first["user"] + 8) % 12).mean() > 0.95
    backwards = model.fit(frame.assign(timestamp=-frame["timestamp"])).recommend(list(range(60)), n=1)
    assert (backwards["item"] == (backwards["user"] - 1) % 12).mean() > 0.95


# ---------------------------------------------------------------------- order, seeds, refusals
def test_sasrec_reads_a_new_users_history_in_time(small):
    model = SASRec(factors=6, length=9, epochs=2).fit(small)
    for user in (7, 13, 62):
        mine = small[small["user"] == user]
        want = model.recommend(user, n=5).drop(columns="user")
        shuffled = mine.sample(frac=1, random_state=0)[["item", "rating", "timestamp"]]
        pd.testing.assert_frame_equal(model.recommend_for(shuffled, n=5), want, rtol=1e-9)
        in_time = mine.sort_values(["timestamp", "item"])
        pd.testing.assert_frame_equal(model.recommend_for(in_time[["item", "rating"]], n=5), want, rtol=1e-9)
        backwards = dict(zip(in_time["item"][::-1], in_time["rating"][::-1]))
        assert not np.allclose(model.recommend_for(backwards, n=5)["score"], want["score"]), "order is what it reads"


def test_sasrec_cuts_a_long_history_and_ratings_below_the_threshold(small):
    model = SASRec(factors=6, length=4, epochs=1, threshold=4).fit(small)
    mine = small[(small["user"] == 1) & (small["rating"] >= 4)].sort_values(["timestamp", "item"])
    last = model.train_.items.ids[model.recent_[model.train_.users.rows([1])[0]]]
    assert last.tolist() == mine["item"].tail(4).tolist()


def test_sasrec_refuses_ratings_without_times(small):
    for given, message in (
        (Ratings.from_frame(small), "a Ratings holds no times"),
        (small.drop(columns="timestamp"), "no column 'timestamp'"),
        (small.assign(timestamp=small["timestamp"].astype(str)), "convert them with pandas.to_datetime"),
    ):
        with pytest.raises(DataError, match=message):
            SASRec().fit(given)
    dates = small.assign(timestamp=pd.to_datetime(small["timestamp"], unit="s"))
    a, b = (SASRec(factors=4, length=5, epochs=1).fit(frame) for frame in (small, dates))
    np.testing.assert_array_equal(a.w_["e"], b.w_["e"])


def test_a_new_user_of_neumf_needs_a_new_fit(small):
    with pytest.raises(UnsupportedError, match="without refitting"):
        NeuMF(factors=4, epochs=1).fit(small).recommend_for({1: 5.0})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (NeuMF(factors=0), "factors=0"),
        (NeuMF(hidden=1), "hidden=1"),
        (NeuMF(negatives=0), "say yes to everything"),
        (NeuMF(rate=0), "rate=0"),
        (NeuMF(epochs=0), "epochs=0"),
        (TwoTower(temperature=0), "temperature=0"),
        (TwoTower(drop=1), "drop=1"),
        (TwoTower(batch=1), "batch=1"),
        (TwoTower(decay=-1), "decay=-1"),
        (SASRec(length=0), "length=0"),
        (SASRec(blocks=0), "blocks=0"),
        (SASRec(dropout=1), "dropout=1"),
        (SASRec(threshold=9), "no rating is that high"),
        (SASRec(device="tpu"), "device='tpu'"),
        (TwoTower(rate=1e30), "diverged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusals_name_parameter_and_value(model, message, small):
    with pytest.raises(DataError, match=message):
        model.fit(small)


def test_a_gpu_is_used_where_there_is_one_and_missed_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [descent.device_of(name) for name in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(DataError, match="no GPU here"):
        descent.device_of("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [descent.device_of(name) for name in descent.DEVICES] == ["cuda", "cpu", "cuda"]


@pytest.mark.parametrize(
    "model",
    [
        NeuMF(factors=4, epochs=1),
        TwoTower(factors=4, hidden=5, epochs=1),
        SASRec(factors=4, length=5, blocks=2, epochs=1),
    ],
    ids=lambda m: type(m).__name__,
)
def test_the_processor_learns_in_double_precision(model, small, monkeypatch):
    """A start that differs by 1e-13, as another processor's sums do, ends within 1e-9; single precision would round it away."""
    assert (descent.precision_of("cpu"), descent.precision_of("cuda")) == (torch.float64, torch.float32)
    want, module = model.fit(small).w_, sys.modules[type(model).__module__]
    descend = module.descend
    monkeypatch.setattr(
        module,
        "descend",
        lambda name, start, *rest, **options: descend(
            name, {k: v * (1 + 1e-13) for k, v in start.items()}, *rest, **options
        ),
    )
    got = model.fit(small).w_
    assert max(np.abs(got[name] - want[name]).max() for name in want) < 1e-9
    assert any((got[name] != want[name]).any() for name in want)


@pytest.mark.parametrize(
    "model",
    [NeuMF(factors=4, epochs=1), TwoTower(factors=4, epochs=1), SASRec(factors=4, length=5, epochs=1)],
    ids=lambda m: type(m).__name__,
)
def test_a_fit_leaves_no_trace_in_torch_and_follows_its_seed(model, small):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first = model.fit(small).w_
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), before)
    again, other = (type(model)(**{**model.params(), "seed": seed}).fit(small).w_ for seed in (0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["e" if "e" in first else "p"], other["e" if "e" in other else "p"])


def test_adam_goes_down_the_gradient():
    """(x - 3)^2 by hand: with a rate that falls to 0, x comes to rest at 3."""
    start = {"x": np.array([0.0])}
    moved = descent.descend(
        "toy",
        start,
        lambda w, b: ((w["x"] - b) ** 2).sum(),
        lambda: [3.0] * 50,
        epochs=20,
        rate=0.1,
        decay=0.0,
        device="cpu",
    )
    assert moved["x"] == pytest.approx(3, abs=1e-3)
    assert start["x"] == 0
    assert moved["x"].dtype == np.float64
