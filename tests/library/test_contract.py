"""What every registered model promises. A new model gets all of this by its line in the registry and its band below.

Each promise is checked on the hand-made toy set and on a slice of the real ml-100k.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys_lab import datasets, metrics, registry, split, storage
from recsys_lab.base import Recommender
from recsys_lab.errors import DataError, NotFittedError, UnknownIdError, UnsupportedError
from recsys_lab.ratings import Ratings

# RMSE on a random fifth of ml-100k, in stars: outside its band a model is broken, or the band needs a reason to move.
RMSE_BANDS = {
    "global-mean": (1.10, 1.15),
    "bias": (0.93, 0.96),
    "popularity": (1.00, 1.05),
    "random": (1.45, 1.60),
    "user-knn": (0.90, 0.98),
    "item-knn": (0.88, 0.95),
    "content": (0.92, 0.955),
    "item-item": (0.93, 0.96),
    "rp3beta": (0.93, 0.96),
    "bpr": (0.93, 0.96),
    "svd": (0.885, 0.925),
    "svdpp": (0.88, 0.92),
    "pure-svd": (0.93, 0.96),
    "als": (0.89, 0.93),
    "implicit-als": (0.93, 0.96),  # ranks only: the biases answer
    "ease": (0.93, 0.96),
    "slim": (0.93, 0.96),
    "bayes": (0.86, 0.89),
    "blend": (0.86, 0.89),
    "list-blend": (0.93, 0.96),
}
# What a model takes of these, beside what a test asks for.
SMALL = {"factors": 4, "seed": 3, "sweeps": 12, "burn_in": 4, "samples": 4}
SMALL_OF = {
    "blend": {"models": {"bias": {}, "svd": {"factors": 4}}, "validation": 0.5, "seed": 0},
    "list-blend": {"models": {"popularity": {}, "pure-svd": {"factors": 4}}, "validation": 0.3},
}
CANNOT_FOLD_IN = {"random"}
CANNOT_EXPLAIN = {"global-mean", "random"}


def new(name: str, **small: Any) -> Recommender:
    """A model whose parameters fit a tiny set; those that the model does not have are left out."""
    known = registry.parameters(registry.model_class(name))
    model = registry.make(name, **{k: v for k, v in (SMALL | SMALL_OF.get(name, {}) | small).items() if k in known})
    if model.needs_items:  # so that `fit(ratings)` is one call for all models here
        model.fit = lambda ratings: type(model).fit(model, ratings, described(ratings))  # type: ignore[method-assign]
    return model


def described(ratings: pd.DataFrame | Ratings) -> pd.DataFrame:
    """A table of the rated items whose words depend on their order only, not on their ids."""
    ids = ratings.items.ids if isinstance(ratings, Ratings) else np.unique(ratings["item"].to_numpy())
    words = [f"w{i % 5} w{i % 3} x{i % 11}" for i in range(len(ids))]
    return pd.DataFrame({"item": ids, "title": words, "genres": [f"g{i % 4}|g{i % 2}" for i in range(len(ids))]})


@pytest.fixture(scope="module")
def ml() -> pd.DataFrame:
    return datasets.load("ml-100k").ratings


@pytest.fixture(scope="module", params=["toy", "ml-100k"])
def ratings(request: pytest.FixtureRequest) -> pd.DataFrame:
    if request.param == "toy":
        return datasets.toy().ratings
    frame = request.getfixturevalue("ml")
    return frame[(frame["user"] <= 60) & (frame["item"] <= 300)]


@pytest.fixture(scope="module", params=list(registry.MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def fitted(name: str, ratings: pd.DataFrame) -> Recommender:
    """Shared by the tests that only ask. Those that fit make their own."""
    return new(name, k=3).fit(ratings)


def every_pair(ratings: pd.DataFrame) -> pd.DataFrame:
    pairs = pd.MultiIndex.from_product([ratings["user"].unique(), ratings["item"].unique()], names=["user", "item"])
    return pairs.to_frame(index=False)


def saved(model: Recommender, folder: Path) -> bytes:
    return storage.save(model, folder / "model.npz").read_bytes()


# ---------------------------------------------------------------------- parameters
def test_init_only_stores_parameters(name: str) -> None:
    model = registry.make(name)
    assert vars(model) == model.params()


def test_params_make_an_equal_model(name: str) -> None:
    model = new(name, k=7, seed=3)
    again = type(model)(**model.params())
    assert again.params() == model.params()
    assert repr(again) == repr(model)
    assert eval(repr(model), {type(model).__name__: type(model)}).params() == model.params()


def test_docstring_tells_each_parameter_and_attribute(name: str) -> None:
    cls = registry.model_class(name)
    doc = inspect.getdoc(cls) or ""
    mro_docs = doc + (inspect.getdoc(registry.model_class("user-knn")) or "" if "as in `UserKNN`" in doc else "")
    missing = [p for p in registry.parameters(cls) if p not in mro_docs]
    assert not missing, f"{cls.__name__} does not document {missing}"
    assert ">>>" in doc, "an example that runs"


# ---------------------------------------------------------------------- fitting
def test_not_fitted(name: str, tmp_path: Path) -> None:
    model = registry.make(name)
    pairs = pd.DataFrame({"user": [1], "item": [1]})
    for ask in (
        lambda: model.predict(pairs),
        lambda: model.recommend(1),
        lambda: model.recommend_for({1: 5.0}),
        lambda: model.explain(1, 1),
        lambda: storage.save(model, tmp_path / "model.npz"),
    ):
        with pytest.raises(NotFittedError, match="call fit"):
            ask()
    assert not list(tmp_path.iterdir())


def test_refit_equals_fresh_fit(name: str, ratings: pd.DataFrame, tmp_path: Path) -> None:
    half = ratings.iloc[: len(ratings) // 2]
    assert saved(new(name, k=3).fit(half).fit(ratings), tmp_path) == saved(new(name, k=3).fit(ratings), tmp_path)


def test_the_order_of_rows_does_not_matter(name: str, ratings: pd.DataFrame, tmp_path: Path) -> None:
    shuffled = ratings.sample(frac=1, random_state=1)
    assert saved(new(name, k=3).fit(shuffled), tmp_path) == saved(new(name, k=3).fit(ratings), tmp_path)


def test_fit_and_predict_leave_their_input_alone(name: str, ratings: pd.DataFrame) -> None:
    given, pairs = ratings.copy(), every_pair(ratings)
    asked = pairs.copy()
    model = new(name, k=3).fit(given)
    model.predict(asked)
    model.recommend(list(given["user"].unique()))
    pd.testing.assert_frame_equal(given, ratings)
    pd.testing.assert_frame_equal(asked, pairs)


def test_asking_does_not_change_the_model(fitted: Recommender, ratings: pd.DataFrame, tmp_path: Path) -> None:
    before = saved(fitted, tmp_path)
    fitted.predict(every_pair(ratings))
    fitted.recommend(list(ratings["user"].unique()), exclude_seen=True)
    assert saved(fitted, tmp_path) == before


def test_a_refused_fit_leaves_the_model_as_it_was(name: str, ratings: pd.DataFrame, tmp_path: Path) -> None:
    bad = ratings.assign(rating=np.nan)
    model = new(name, k=3)
    with pytest.raises(DataError, match="NaN"):
        model.fit(bad)
    with pytest.raises(NotFittedError):
        model.predict(ratings)
    before = saved(model.fit(ratings), tmp_path)
    with pytest.raises(DataError, match="NaN"):
        model.fit(bad)
    assert saved(model, tmp_path) == before


# ---------------------------------------------------------------------- predictions
def test_predictions_are_aligned_and_on_the_scale(fitted: Recommender, ratings: pd.DataFrame) -> None:
    pairs = every_pair(ratings).sample(frac=1, random_state=2).set_index(pd.Index(["x"] * len(every_pair(ratings))))
    got = fitted.predict(pairs)
    low, high = fitted.train_.scale
    assert got.shape == (len(pairs),)
    assert got.dtype == np.float64
    assert ((got >= low) & (got <= high)).all()
    backwards = fitted.predict(pairs.iloc[::-1])
    np.testing.assert_array_equal(backwards[::-1], got)


def test_a_batch_equals_one_by_one(fitted: Recommender, ratings: pd.DataFrame) -> None:
    pairs = every_pair(ratings).sample(min(60, len(ratings)), random_state=3)
    single = [fitted.predict(pairs.iloc[[i]])[0] for i in range(len(pairs))]
    np.testing.assert_allclose(fitted.predict(pairs), single, rtol=1e-12)
    users = list(ratings["user"].unique()[:8])
    lists = pd.concat([fitted.recommend(u, n=5) for u in users], ignore_index=True)
    pd.testing.assert_frame_equal(fitted.recommend(users, n=5), lists, rtol=1e-12)


def test_no_pairs_no_predictions(fitted: Recommender, ratings: pd.DataFrame) -> None:
    assert fitted.predict(ratings.iloc[:0]).shape == (0,)
    assert list(fitted.recommend([]).columns) == ["user", "item", "score", "rank"]


def test_unknown_ids_are_predicted_by_the_fallback(fitted: Recommender, ratings: pd.DataFrame) -> None:
    user, item = ratings["user"].iloc[0], ratings["item"].iloc[0]
    nobody, nothing = unseen(ratings["user"]), unseen(ratings["item"])
    pairs = pd.DataFrame({"user": [nobody, user, nobody], "item": [item, nothing, nothing]})
    low, high = fitted.train_.scale
    mean, by_user, by_item = fitted.fallback_
    row, column = fitted.train_.users.known([user])[0], fitted.train_.items.known([item])[0]
    wanted = np.clip([mean + by_item[column], mean + by_user[row], mean], low, high)
    np.testing.assert_allclose(fitted.predict(pairs), wanted)
    assert np.isnan(fitted.predict(pairs, fallback=False)).all()


def test_stored_zeros_are_ratings(name: str, ratings: pd.DataFrame) -> None:
    """Thumbs down as 0, up as 1: a 0 is as much a rating as a 1."""
    thumbs = ratings.assign(rating=(ratings["rating"] >= 4).astype(float))
    model = new(name, k=3).fit(thumbs)
    assert model.train_.n_ratings == len(thumbs)
    disliked = thumbs[thumbs["rating"] == 0]
    everything = model.recommend(list(thumbs["user"].unique()), n=model.train_.n_items)
    assert everything.merge(disliked, on=["user", "item"]).empty, "a film rated 0 has been seen"
    assert not np.allclose(
        model.predict(every_pair(thumbs)),
        new(name, k=1).fit(Ratings.from_frame(thumbs[thumbs["rating"] > 0], scale=(0, 1))).predict(every_pair(thumbs)),
    ), "without the zeros, the model must be another"


# ---------------------------------------------------------------------- recommendations
def test_lists_are_ranked_and_leave_out_what_was_seen(fitted: Recommender, ratings: pd.DataFrame) -> None:
    users = list(ratings["user"].unique())
    got = fitted.recommend(users, n=5)
    assert list(got.columns) == ["user", "item", "score", "rank"]
    assert got.merge(ratings, on=["user", "item"]).empty
    assert list(got["user"].unique()) == [u for u in users if u in set(got["user"])], "in the order asked"
    for _, mine in got.groupby("user"):
        assert mine["rank"].tolist() == list(range(1, len(mine) + 1))
        assert mine["score"].is_monotonic_decreasing
        assert mine["item"].is_unique
        assert len(mine) <= 5


def test_with_seen_items_every_scored_item_can_come(fitted: Recommender, ratings: pd.DataFrame) -> None:
    user = ratings["user"].iloc[0]
    n = fitted.train_.n_items
    everything, unseen_only = fitted.recommend(user, n=n, exclude_seen=False), fitted.recommend(user, n=n)
    seen = set(ratings.loc[ratings["user"] == user, "item"])
    rest = everything[~everything["item"].isin(seen)].reset_index(drop=True)
    assert rest["item"].tolist() == unseen_only["item"].tolist()
    assert seen & set(everything["item"])


def test_more_than_the_catalogue_gives_all_of_it(fitted: Recommender, ratings: pd.DataFrame) -> None:
    user, n = ratings["user"].iloc[0], fitted.train_.n_items
    pd.testing.assert_frame_equal(fitted.recommend(user, n=10 * n), fitted.recommend(user, n=n))
    with pytest.raises(DataError, match="n=0"):
        fitted.recommend(user, n=0)


def test_only_candidates_are_recommended(fitted: Recommender, ratings: pd.DataFrame) -> None:
    user = ratings["user"].iloc[0]
    everything = fitted.recommend(user, n=fitted.train_.n_items)
    some = everything["item"].tolist()[::2]
    got = fitted.recommend(user, n=len(some), items=some)
    assert got["item"].tolist() == some, "the same order as without candidates"
    with pytest.raises(UnknownIdError, match="unknown item"):
        fitted.recommend(user, items=[*some, unseen(ratings["item"])])


def test_unknown_users_raise_are_skipped_or_get_what_is_popular(fitted: Recommender, ratings: pd.DataFrame) -> None:
    user, nobody = ratings["user"].iloc[0], unseen(ratings["user"])
    with pytest.raises(UnknownIdError, match="unknown user"):
        fitted.recommend([user, nobody])
    skipped = fitted.recommend([nobody, user], n=3, unknown="skip")
    assert skipped["user"].unique().tolist() == [user]
    popular = fitted.recommend([nobody, user], n=3, unknown="popular")
    counts = ratings["item"].value_counts()
    mine = popular[popular["user"] == nobody]
    assert mine["score"].tolist() == counts.iloc[:3].tolist()
    assert counts[mine["item"]].tolist() == counts.iloc[:3].tolist()
    with pytest.raises(DataError, match="'raise', 'skip' or 'popular'"):
        fitted.recommend(user, unknown="guess")  # type: ignore[arg-type]


def test_a_new_user_with_a_copied_history_gets_the_same_list(
    name: str, fitted: Recommender, ratings: pd.DataFrame
) -> None:
    users = ratings["user"].unique()
    if name in CANNOT_FOLD_IN:
        with pytest.raises(UnsupportedError, match="without refitting"):
            fitted.recommend_for(ratings[ratings["user"] == users[0]])
        return
    for user in users[:20]:
        history = ratings.loc[ratings["user"] == user, ["item", "rating"]]
        wanted = fitted.recommend(user, n=10).drop(columns="user")
        got = fitted.recommend_for(history, n=10)
        # Sums in another order differ in the last bits, so two items whose scores tie may change places.
        np.testing.assert_allclose(got["score"], wanted["score"], rtol=1e-9)
        scores = wanted["score"].round(9)
        for score in scores[scores > scores.min()].unique():
            assert set(got["item"][got["score"].round(9) == score]) == set(wanted["item"][scores == score])
        mapping = dict(zip(history["item"], history["rating"]))
        pd.testing.assert_frame_equal(fitted.recommend_for(mapping, n=10), got)


def test_reasons_come_heaviest_first(name: str, fitted: Recommender, ratings: pd.DataFrame) -> None:
    lists = fitted.recommend(list(ratings["user"].unique()[:6]), n=2)
    pairs = list(zip(lists["user"], lists["item"]))
    if name in CANNOT_EXPLAIN:
        with pytest.raises(UnsupportedError, match="does not explain"):
            fitted.explain(*pairs[0])
        return
    explained = 0
    for user, item in pairs:
        reasons = fitted.explain(user, item, n=2)
        assert list(reasons.columns) == ["kind", "id", "rating", "weight"]
        assert len(reasons) <= 2
        assert reasons["weight"].abs().is_monotonic_decreasing
        explained += len(reasons) > 0  # where nobody is similar there is nothing to say
    assert explained
    with pytest.raises(UnknownIdError):
        fitted.explain(unseen(ratings["user"]), pairs[0][1])


def test_similar_items_are_ranked_without_the_item_itself(fitted: Recommender, ratings: pd.DataFrame) -> None:
    item = ratings["item"].mode()[0]
    if type(fitted)._similar is Recommender._similar:
        with pytest.raises(UnsupportedError, match="does not compare items"):
            fitted.similar(item)
        return
    everything, best = fitted.similar(item, n=10**6), fitted.similar(item, n=3)
    assert list(everything.columns) == ["item", "score", "rank"]
    assert 0 < len(everything) < fitted.train_.n_items
    assert item not in set(everything["item"])
    assert everything["item"].is_unique
    assert everything["score"].is_monotonic_decreasing
    assert (everything["score"] > 0).all()
    assert everything["rank"].tolist() == list(range(1, len(everything) + 1))
    pd.testing.assert_frame_equal(best, everything.head(3))
    with pytest.raises(UnknownIdError, match="unknown item"):
        fitted.similar(unseen(ratings["item"]))


# ---------------------------------------------------------------------- ids, storage, the smallest sets
def test_int_and_text_ids_give_the_same(name: str, ratings: pd.DataFrame) -> None:
    """Text ids in the same order as the numbers: the answers must differ in nothing but the names."""
    numbers = ratings.assign(
        user=pd.factorize(ratings["user"], sort=True)[0], item=pd.factorize(ratings["item"], sort=True)[0]
    )
    texts = numbers.assign(user=numbers["user"].map("u{:05d}".format), item=numbers["item"].map("i{:05d}".format))
    by_number, by_text = new(name, k=3).fit(numbers), new(name, k=3).fit(texts)
    np.testing.assert_array_equal(by_text.predict(every_pair(texts)), by_number.predict(every_pair(numbers)))
    lists = by_number.recommend(list(numbers["user"].unique()), n=5)
    renamed = lists.assign(user=lists["user"].map("u{:05d}".format), item=lists["item"].map("i{:05d}".format))
    got = by_text.recommend(list(texts["user"].unique()), n=5)
    pd.testing.assert_frame_equal(got, renamed, check_dtype=False)
    with pytest.raises(DataError, match="text"):
        by_number.predict(texts)


def test_save_and_load_equal(fitted: Recommender, ratings: pd.DataFrame, tmp_path: Path) -> None:
    again = storage.load(storage.save(fitted, tmp_path / "model.npz"))
    assert type(again) is type(fitted)
    assert again.params() == fitted.params()
    pairs, users = every_pair(ratings), list(ratings["user"].unique())
    np.testing.assert_array_equal(again.predict(pairs), fitted.predict(pairs))
    pd.testing.assert_frame_equal(again.recommend(users), fitted.recommend(users), check_exact=True)
    assert saved(again, tmp_path) == saved(fitted, tmp_path)


def test_one_user_who_rated_one_item(name: str) -> None:
    single = pd.DataFrame({"user": ["ann"], "item": ["Heat"], "rating": [4.0]})
    model = new(name, k=1, min_k=1).fit(Ratings.from_frame(single, scale=(1, 5)))
    got = model.predict(single)
    assert 1 <= got[0] <= 5
    empty = model.recommend("ann")
    assert empty.empty
    assert list(empty.columns) == ["user", "item", "score", "rank"]
    assert model.recommend("zoe", unknown="popular")["item"].tolist() == ["Heat"]


def test_one_user_and_one_item_among_many(name: str, ratings: pd.DataFrame) -> None:
    user, item = ratings["user"].iloc[0], ratings["item"].iloc[0]
    for part in (ratings[ratings["user"] == user], ratings[ratings["item"] == item]):
        model = new(name, k=1).fit(Ratings.from_frame(part, scale=(1, 5)))
        got = model.predict(part)
        assert ((got >= 1) & (got <= 5)).all()


# ---------------------------------------------------------------------- accuracy
def test_rmse_on_ml_100k_is_in_its_band(name: str, ml: pd.DataFrame) -> None:
    assert name in RMSE_BANDS, f"give {name} a band: measure it, and say what you expect"
    train, test = split.random_split(ml, test=0.2, seed=7)
    predicted = registry.make(name).fit(train, datasets.load("ml-100k").items).predict(test)
    low, high = RMSE_BANDS[name]
    assert low < metrics.rmse(test["rating"].to_numpy(), predicted) < high


def unseen(ids: pd.Series) -> Any:
    """An id of the same type that is not in the set."""
    return "nobody" if isinstance(ids.iloc[0], str) else int(ids.max()) + 1
