"""Exercises and quiz of lesson 2.3, Item-based collaborative filtering, and Surprise."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import BiasBaseline, ItemKNN, Ratings, UserKNN, datasets, split
from recsys_lab.course import leaderboard
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.metrics import rmse
from recsys_lab.similarity import similarity_matrix

NAN = np.nan


# ------------------------------------------------------------------ 2.3.1 adjusted cosine
Similarity = Callable[[np.ndarray, int, int], float]


@functools.cache
def _people() -> np.ndarray:
    """Real users and the 60 most rated films, NaN where unrated; without the users who rated none of these."""
    matrix = Ratings.from_frame(datasets.load("ml-100k").ratings).matrix
    popular = np.argsort(-np.bincount(matrix.indices), kind="stable")[:60]
    stars = matrix[:, np.sort(popular)].toarray()
    stars = stars[stars.any(axis=1)]
    stars[stars == 0] = NAN  # this data has no rating of 0
    return stars


def _centred(stars: np.ndarray, i: int, j: int, how: str = "") -> float:
    """The adjusted cosine, or one of its misreadings."""
    both = ~np.isnan(stars[:, i]) & ~np.isnan(stars[:, j])
    if not both.any():
        return NAN if how == "unguarded" else 0.0
    x, y = stars[both, i], stars[both, j]
    if how == "film means":
        a, b = x - np.nanmean(stars[:, i]), y - np.nanmean(stars[:, j])
    elif how == "film means, co-raters":
        a, b = x - x.mean(), y - y.mean()
    elif how == "the two films":
        a, b = x - (x + y) / 2, y - (x + y) / 2
    elif how == "overall mean":
        a, b = x - np.nanmean(stars), y - np.nanmean(stars)
    elif how == "nothing":
        a, b = x, y
    elif how == "zeros":
        means = np.nan_to_num(stars[both]).mean(axis=1)
        a, b = x - means, y - means
    else:
        means = np.nanmean(stars[both], axis=1)
        a, b = x - means, y - means
    below = math.sqrt((a @ a) * (b @ b))
    if how == "all raters":
        off = (
            stars - np.array([row[~np.isnan(row)].mean() if (~np.isnan(row)).any() else 0.0 for row in stars])[:, None]
        )
        below = math.sqrt(np.nansum(off[:, i] ** 2) * np.nansum(off[:, j] ** 2))
    if below == 0:
        return NAN if how == "unguarded" else 0.0
    return float(a @ b / below)


def _centred_wrongly(how: str) -> Similarity:
    return lambda stars, i, j: _centred(stars, i, j, how)


STARS = np.array(
    [
        [5.0, 4.0, 1.0, NAN],
        [3.0, 1.0, 2.0, 5.0],
        [NAN, 2.0, 4.0, 4.0],
        [4.0, NAN, 5.0, 2.0],
        [2.0, 3.0, NAN, 2.0],
    ]
)


def _check_adjusted(adjusted: Similarity) -> None:
    got = number(adjusted(STARS.copy(), 0, 1), "the adjusted cosine")
    if math.isnan(got):
        raise Incorrect("the result is NaN: a NaN got into a sum. Pick out the users who rated both films first.")
    messages = {
        "nothing": "this is the plain cosine: nothing was taken off the stars.",
        "film means": "you took off each *film's* mean, which leaves every user's kindness in. Take off the user's.",
        "film means, co-raters": "this is the Pearson correlation: you took off the films' means over the co-raters. Take off "
        "each user's mean.",
        "the two films": "you averaged each user over these two films only. The user's mean runs over all films they rated.",
        "overall mean": "you took the same mean off everybody. Each user has their own: average along each row.",
        "zeros": "in the users' means, unrated films count as 0 stars. `np.nanmean` leaves them out.",
        "all raters": "the lengths below the line cover people who rated only one of the two films. All three sums run over "
        "the co-raters.",
    }
    for how, message in messages.items():
        if np.isclose(got, _centred(STARS, 0, 1, how)):
            raise Incorrect(message)
    same(got, _centred(STARS, 0, 1), what="films 0 and 1 of a table of five users: the adjusted cosine")
    apart = np.array([[5.0, NAN, 3.0], [NAN, 2.0, 3.0]])
    for stars, what in (
        (apart, "two films without a co-rater"),
        (np.full((3, 2), 4.0), "users who gave all films 4 stars"),
    ):
        value = number(adjusted(stars, 0, 1), what)
        if not math.isfinite(value):
            raise Incorrect(f"{what}: there is nothing to compare, and you divide 0 by 0. Return 0.0.")
        same(value, 0.0, what=what)
    nobody = np.vstack([STARS, np.full(4, NAN)])
    with warnings.catch_warnings():  # NumPy warns of the mean of an empty row; the answer is right all the same
        warnings.simplefilter("ignore", RuntimeWarning)
        value = adjusted(nobody, 0, 1)
    same(value, _centred(STARS, 0, 1), what="the same five users and one who rated nothing")
    single = np.array([[5.0, 4.0, 3.0], [NAN, 2.0, 3.0]])
    same(adjusted(single, 0, 2), -1.0, what="one co-rater, who liked one film and not the other")
    stars = _people()
    before = stars.copy()
    for i in range(0, 60, 7):
        for j in range(1, 60, 11):
            if i != j:
                same(
                    adjusted(stars, i, j),
                    _centred(before, i, j),
                    what=f"two of the most rated films, columns {i} and {j}",
                )
    if not np.array_equal(stars, before, equal_nan=True):
        stars[:] = before
        raise Incorrect("your function changed the table that it was given. Work on a copy.")


# ------------------------------------------------------------------ 2.3.2 the short list, by a join
Shortlist = Callable[[pd.DataFrame, pd.DataFrame, int, float], pd.DataFrame]


def _shortlist(neighbours: pd.DataFrame, mine: pd.DataFrame, k: int, damping: float, how: str = "") -> pd.DataFrame:
    """The join of the solution in pandas, or one of its misreadings."""
    by_similarity = neighbours.sort_values("similarity", ascending=how == "least", kind="stable")
    if how == "cut first":
        by_similarity = by_similarity.groupby("item").head(k)
    if how == "wrong side":
        by_similarity = by_similarity.rename(columns={"item": "neighbour", "neighbour": "item"})
    votes = by_similarity.merge(mine.rename(columns={"item": "neighbour"}), on="neighbour")
    if how != "seen":
        votes = votes[~votes["item"].isin(mine["item"])]
    if how != "everybody":
        votes = votes.groupby("item").head(k)
    s = votes["similarity"] if how != "unweighted" else votes["similarity"] * 0 + 1
    sums = (
        pd.DataFrame({"item": votes["item"], "above": s * votes["deviation"], "below": s, "n": 1}).groupby("item").sum()
    )
    below = {"count": damping + sums["n"], "undamped": sums["below"], "sum": 1.0}.get(how, damping + sums["below"])
    score = sums["above"] / below + (damping if how == "damping above" else 0.0)
    out = score.rename("score").reset_index()
    out = out.sort_values(["score", "item"], ascending=[how == "rising", True], ignore_index=True)
    return out.sort_values("item", ignore_index=True) if how == "unsorted" else out


def _shortlist_wrongly(how: str) -> Shortlist:
    return lambda neighbours, mine, k, damping: _shortlist(neighbours, mine, k, damping, how)


VIEW = pd.DataFrame(
    [
        (1, 4, 0.9),
        (1, 5, 0.8),
        (1, 6, 0.5),
        (1, 7, 0.35),
        (2, 5, 0.6),
        (2, 1, 0.7),
        (2, 8, 0.75),
        (3, 6, 0.2),
        (3, 2, 0.95),
        (4, 1, 0.9),
        (5, 1, 0.8),
        (5, 6, 0.55),
        (6, 1, 0.5),
        (6, 8, 0.4),
        (7, 1, 0.35),
        (8, 2, 0.3),
    ],
    columns=["item", "neighbour", "similarity"],
)
MINE = pd.DataFrame({"item": [5, 6, 7], "deviation": [1.0, -0.5, 2.0]})


def _scores(answer: Any) -> pd.Series:
    """{item: score} in the order given; what is not such a frame is refused in words."""
    if answer is None:
        raise Incorrect("your function returned None. Is a `return` missing?")
    if hasattr(answer, "df") and not isinstance(answer, pd.DataFrame):
        raise Incorrect("that is DuckDB's relation, not yet a frame: add `.df()` to the query.")
    if not isinstance(answer, pd.DataFrame) or not {"item", "score"} <= set(answer.columns):
        if isinstance(answer, (pd.DataFrame, pd.Series)) and answer.index.name == "item":
            raise Incorrect("item is the index of your result, not a column: `.reset_index()` makes it one.")
        found = list(answer.columns) if isinstance(answer, pd.DataFrame) else type(answer).__name__
        raise Incorrect(f"return a DataFrame with the columns item and score; got {found}.")
    return pd.Series(answer["score"].to_numpy(float), index=answer["item"].to_numpy())


def _check_shortlist(shortlist: Shortlist) -> None:
    def call(view: pd.DataFrame, mine: pd.DataFrame, k: int, damping: float) -> pd.Series:
        given = view.copy(), mine.copy()
        out = _scores(shortlist(*given, k, damping))
        if not (given[0].equals(view) and given[1].equals(mine)):
            raise Incorrect("your function changed the frames that it was given. Work on new ones.")
        return out

    got, want = call(VIEW, MINE, 2, 0.1), _scores(_shortlist(VIEW, MINE, 2, 0.1))
    if got.index.isin(MINE["item"]).any():
        raise Incorrect(
            "the list holds a film that the user has rated already. Leave those out, they need no prediction."
        )
    if got.index.has_duplicates:
        raise Incorrect("a film stands in the list more than once: sum up its votes, one row a film.")
    messages = {
        "cut first": "the k nearest were chosen before the join with the user's films, so those that the user never saw "
        "took places. Join first, then number the rows of each film.",
        "everybody": "all rated neighbours voted. Only the k most similar of them count.",
        "least": "the k *least* similar of the rated neighbours voted: sort by falling similarity.",
        "unweighted": "all votes count the same: multiply each deviation by its similarity, and divide by the sum of those.",
        "count": "you divided by the number of votes. Divide by the sum of the similarities, plus the damping.",
        "undamped": "the damping has no effect: add it to the sum of the similarities, below the line.",
        "damping above": "the damping was added to the score. It belongs below the line, beside the sum of the similarities.",
        "sum": "you summed up the votes and did not divide: films with many neighbours get high scores for that alone.",
        "wrong side": "the user's films were joined to the column item. Their votes are for *other* films: join them to the "
        "column neighbour.",
    }
    for how, message in messages.items():
        wrong = _scores(_shortlist(VIEW, MINE, 2, 0.1, how))
        if set(wrong.index) == set(got.index) and np.allclose(got[wrong.index], wrong) and not _equal(wrong, want):
            raise Incorrect(message)
    missing = sorted(set(want.index) - set(got.index))
    if missing and len(got) == 2:
        raise Incorrect(
            "your list has k rows. k limits how many neighbours vote for each film, not how many films are returned."
        )
    if missing:
        raise Incorrect(f"film {missing[0]} is missing from the list, although a rated film is its neighbour.")
    extra = sorted(set(got.index) - set(want.index))
    if extra:
        raise Incorrect(f"film {extra[0]} has no rated neighbour and should not be in the list.")
    for item in want.index:
        same(got[item], want[item], what=f"k = 2, damping 0.1: the score of film {item}")
    if not _falling(got):
        raise Incorrect("the scores are right, their order is not: the highest score comes first.")
    for k, damping, mine in (
        (1, 0.0, MINE),
        (10, 0.0, MINE),
        (2, 2.5, MINE),
        (2, 0.1, MINE.iloc[[1]]),
        (3, 0.5, MINE[::-1]),
    ):
        what = f"k = {k}, damping {damping:g}, {len(mine)} rated film(s)"
        _compare_lists(call(VIEW, mine, k, damping), _scores(_shortlist(VIEW, mine, k, damping)), what)
    far = pd.DataFrame({"item": [77], "deviation": [1.0]})
    if len(call(VIEW, far, 2, 0.1)):
        raise Incorrect("a user whose films are nobody's neighbours should get an empty list.")
    rng = np.random.default_rng(0)
    pairs = np.argwhere(rng.random((60, 60)) < 0.4)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]] + 100
    view = pd.DataFrame(pairs, columns=["item", "neighbour"]).assign(similarity=rng.uniform(0.01, 1, len(pairs)))
    mine = pd.DataFrame({"item": rng.permutation(60)[:25] + 100, "deviation": rng.normal(size=25)})
    for k in (1, 4, 40):
        _compare_lists(
            call(view, mine, k, 0.3), _scores(_shortlist(view, mine, k, 0.3)), f"60 films, 25 rated, k = {k}"
        )


def _equal(a: pd.Series, b: pd.Series) -> bool:
    return set(a.index) == set(b.index) and np.allclose(a, b[a.index])


def _falling(scores: pd.Series) -> bool:
    """Equal scores may stand in any order."""
    return bool((np.diff(scores.to_numpy()) <= 1e-9).all())


def _compare_lists(got: pd.Series, want: pd.Series, what: str) -> None:
    if set(got.index) != set(want.index):
        raise Incorrect(
            f"{what}: the list should hold {len(want)} films, those with a rated neighbour, but holds {len(got)}."
        )
    same(got[want.index].to_numpy(), want.to_numpy(), what=f"{what}: the scores")
    if not _falling(got):
        raise Incorrect(f"{what}: the highest score comes first.")


# ------------------------------------------------------------------ 2.3.3 a counterexample
def _cut_first(similarity: np.ndarray, rated: np.ndarray, k: int) -> list[int]:
    best = np.argsort(-similarity, kind="stable")[:k]
    return [int(p) for p in best if rated[p] and similarity[p] > 0]


def _among_rated(similarity: np.ndarray, rated: np.ndarray, k: int) -> list[int]:
    return [int(p) for p in np.argsort(-similarity, kind="stable") if rated[p] and similarity[p] > 0][:k]


def _check_case(case: Any) -> None:
    if not isinstance(case, Sequence) or isinstance(case, str) or len(case) != 3:
        raise Incorrect("give three things: (similarity, rated, k).")
    similarity, rated, k = case
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise Incorrect(f"k should be a whole number from 1, but is {k!r}.")
    try:
        s, r = np.asarray(similarity, dtype=float), np.asarray(rated)
    except (TypeError, ValueError):
        raise Incorrect("similarity should be a list of numbers, rated a list of True and False.") from None
    if s.ndim != 1 or r.shape != s.shape:
        raise Incorrect(
            f"similarity and rated should be two lists of one length; they have shapes {s.shape} and {r.shape}."
        )
    if not np.isfinite(s).all() or not np.isin(r, (0, 1)).all() or r.dtype.kind not in "biuf":
        raise Incorrect("similarity should hold finite numbers, rated only True and False.")
    r = r.astype(bool)
    found, right = _cut_first(s, r, int(k)), _among_rated(s, r, int(k))
    if not r.any():
        raise Incorrect(
            "the user of your case has rated nothing, so no rule can find a neighbour. That is a new user, not a bug."
        )
    if not (s[r] > 0).any():
        raise Incorrect("your rated films have no similarity above 0. They are no neighbours by either rule.")
    if k >= len(s):
        raise Incorrect(
            f"with k = {k} and {len(s)} films the short list holds all of them: nothing is cut, so nothing is lost."
        )
    if len(right) < k:
        raise Incorrect(
            f"section 3's rule finds only {len(right)} of k = {k} neighbours in your case: rate more films, or lower k."
        )
    if found == right:
        raise Incorrect(
            "both functions return the same here: the most similar films are all rated. Who should fill the short list?"
        )
    if found:
        raise Incorrect(
            f"close: cut_first loses some, but still finds {len(found)}. All k = {k} places of the short list must go to films "
            "that the user has not rated."
        )


# ------------------------------------------------------------------ 2.3.4 raw and inner ids
Nearest = Callable[[Any, Any, int], list]


@functools.cache
def _fitted(kind: str) -> tuple[Any, list]:
    """A fitted item-based k-NN of Surprise, and films to ask about. Raw ids are numbers or text; the first film has id 0."""
    from surprise import Dataset, KNNBaseline, Reader

    frame = datasets.load("ml-100k").ratings
    frame = frame[frame["user"] <= 120][["user", "item", "rating"]].sample(frac=1.0, random_state=1)
    frame["item"] -= frame["item"].min()
    asked = [*frame["item"].value_counts().index[:12].tolist(), 0]
    if kind == "text":
        frame["item"] = "film-" + frame["item"].astype(str)
        asked = [f"film-{item}" for item in asked]
    trainset = Dataset.load_from_df(frame, Reader(rating_scale=(1, 5))).build_full_trainset()
    options = {"name": "pearson_baseline", "user_based": False, "shrinkage": 20}
    return KNNBaseline(sim_options=options, verbose=False).fit(trainset), asked


@functools.cache
def _trainset_of_the_notebook() -> Any:
    from surprise import Dataset, Reader

    frame = datasets.load("ml-100k").ratings[["user", "item", "rating"]]
    return Dataset.load_from_df(frame, Reader(rating_scale=(1, 5))).build_full_trainset()


def _nearest(algo: Any, film: Any, k: int) -> list:
    inner = algo.get_neighbors(algo.trainset.to_inner_iid(film), k)
    return [algo.trainset.to_raw_iid(i) for i in inner]


def _near_the_lion() -> list[int]:
    """By way of recsys_lab, whose table is the same."""
    return ItemKNN().fit(datasets.load("ml-100k").ratings).similar(71, n=3)["item"].tolist()


def _nearest_wrongly(how: str) -> Nearest:
    def nearest(algo: Any, film: Any, k: int) -> list:
        trainset = algo.trainset
        if how == "the notebook's":
            trainset = _trainset_of_the_notebook()
        if how == "untranslated":
            return algo.get_neighbors(film, k)
        if how == "raw in":
            return [trainset.to_raw_iid(i) for i in algo.get_neighbors(film, k)]
        if how == "inner out":
            return algo.get_neighbors(trainset.to_inner_iid(film), k)
        if how == "swapped":
            return [trainset.to_inner_iid(i) for i in algo.get_neighbors(trainset.to_raw_iid(film), k)]
        if how == "itself":
            order = np.argsort(-algo.sim[trainset.to_inner_iid(film)], kind="stable")[:k]
            return [trainset.to_raw_iid(int(i)) for i in order]
        if how == "reversed":
            return _nearest(algo, film, k)[::-1]
        if how == "the notebook's":
            return [trainset.to_raw_iid(i) for i in algo.get_neighbors(trainset.to_inner_iid(film), k)]
        return _nearest(algo, film, 10)

    return nearest


def _check_nearest(nearest: Nearest) -> None:
    messages = {
        "untranslated": "nothing was translated: the raw id went in as if it were an inner one, and inner ids came out.",
        "raw in": "the raw id went in untranslated, so these are the neighbours of some other film. `get_neighbors` wants "
        "`algo.trainset.to_inner_iid(film)`.",
        "inner out": "these are inner ids: the right films under the wrong numbers. Translate each back with `to_raw_iid`.",
        "swapped": "both translations go the wrong way: `to_inner_iid` on the way in, `to_raw_iid` on the way out.",
        "itself": "the film is among its own neighbours. `get_neighbors` leaves it out.",
        "reversed": "these are the right films in the reverse order: the nearest comes first.",
        "ten": "you return a fixed number of films: use k.",
        "the notebook's": "you translate with the `trainset` of the notebook. Each trainset numbers its films anew, so the ids of "
        "one mean nothing to another: ask `algo.trainset`, the one that this model was fitted on.",
    }
    for kind in ("numbers", "text"):
        algo, asked = _fitted(kind)
        for film in asked:
            for k in (3, 1, 15):
                got = nearest(algo, film, k)
                if not isinstance(got, (list, tuple, np.ndarray, pd.Series, pd.Index)):
                    raise Incorrect(f"return a list of raw ids; got {type(got).__name__}.")
                got, want = list(got), _nearest(algo, film, k)
                if got == want:
                    continue
                for how, message in messages.items():
                    try:
                        wrong = _nearest_wrongly(how)(algo, film, k)
                    except (IndexError, TypeError, ValueError):  # a raw id that is no inner id, or the reverse
                        continue
                    if got == wrong:
                        raise Incorrect(message)
                same(got, want, what=f"the {k} films nearest to {film!r}")


# ------------------------------------------------------------------ 2.3.5 silent answers
Undecided = Callable[[list, int], Any]


@functools.cache
def _answers(name: str, min_k: int) -> list:
    """Predictions of one algorithm on a slice of the data, some of them for unknown users and films."""
    import surprise

    frame = datasets.load("ml-100k").ratings
    frame = frame[frame["user"] <= 60][["user", "item", "rating"]]
    train, test = split.random_split(frame, test=0.1, seed=0)
    trainset = surprise.Dataset.load_from_df(train, surprise.Reader(rating_scale=(1, 5))).build_full_trainset()
    options = {"name": "pearson", "user_based": False}
    algo = getattr(surprise, name)(k=20, min_k=min_k, sim_options=options, verbose=False).fit(trainset)
    strangers = [(1, 99_999, 3.0), (99_999, 1, 3.0), (99_999, 99_999, 3.0)]
    return algo.test(list(test.itertuples(index=False, name=None)) + strangers)


def _undecided(predictions: list, min_k: int) -> np.ndarray:
    return np.array([p.details.get("actual_k", 0) < min_k for p in predictions])


def _undecided_wrongly(how: str) -> Undecided:
    rules: dict[str, Callable[[dict, int], bool]] = {
        "impossible": lambda d, min_k: d["was_impossible"],
        "none at all": lambda d, min_k: d.get("actual_k", 0) == 0,
        "at most": lambda d, min_k: d.get("actual_k", 0) <= min_k,
        "present": lambda d, min_k: "actual_k" in d and d["actual_k"] < min_k,
        "no key": lambda d, min_k: d["actual_k"] < min_k,
        "decided": lambda d, min_k: d.get("actual_k", 0) >= min_k,
        "one": lambda d, min_k: d.get("actual_k", 0) < 1,
    }
    return lambda predictions, min_k: np.array([rules[how](p.details, min_k) for p in predictions])


def _check_undecided(undecided: Undecided) -> None:
    for name in ("KNNBaseline", "KNNWithMeans", "KNNBasic"):
        for min_k in (1, 5):
            predictions = _answers(name, min_k)
            what = f"{name} with min_k={min_k}"
            try:
                got = undecided(list(predictions), min_k)
            except KeyError as error:
                raise Incorrect(
                    f"{what}: there is no key {error} in the details of some predictions: where the user or the film is "
                    "unknown, no neighbours are counted. No neighbours voted there either: `details.get(..., 0)`."
                ) from None
            got = _flags(got, len(predictions), what)
            want = _undecided(predictions, min_k)
            if (got == want).all():
                continue
            if (got == ~want).all():
                raise Incorrect(
                    f"{what}: True and False are the wrong way round; True means that no neighbours decided."
                )
            said = np.array([p.details["was_impossible"] for p in predictions])
            known = np.array(["actual_k" in p.details for p in predictions])
            voted = np.array([p.details.get("actual_k", 0) for p in predictions])
            if (got == said).all():
                raise Incorrect(
                    f"{what}: you trust was_impossible, which is True for {said.sum()} of {len(said)}. It says whether an "
                    "exception was raised inside. KNNBaseline and KNNWithMeans raise none when neighbours are too few: they answer "
                    "with the baseline or the mean. Look at the other entries of `details`."
                )
            if (got == (voted < min_k) & known).all():
                raise Incorrect(
                    f"{what}: an unknown user or film has no entry actual_k, and you count it as decided. Nobody voted there."
                )
            if min_k > 1 and ((got == (voted == 0)).all() or (got == (voted < 1)).all()):
                raise Incorrect(
                    f"{what}: with 1 to {min_k - 1} neighbours they are not asked either: compare with min_k."
                )
            if (got == (voted <= min_k)).all():
                raise Incorrect(f"{what}: exactly min_k neighbours are enough: less than, not less than or equal.")
            first = int(np.flatnonzero(got != want)[0])
            raise Incorrect(
                f"{what}: prediction {first} has the details {predictions[first].details}; it should be {bool(want[first])}."
            )


def _flags(value: Any, n: int, what: str) -> np.ndarray:
    if value is None:
        raise Incorrect("your function returned None. Is a `return` missing?")
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__len__"):
        raise Incorrect(f"return one True or False for each prediction; got {type(value).__name__}.")
    if len(value) != n:
        raise Incorrect(f"{what}: there are {n} predictions, but you return {len(value)} answers.")
    flags = np.asarray(value)
    if flags.dtype != bool:
        raise Incorrect(f"{what}: return True and False; got {flags.dtype}.")
    return flags


# ------------------------------------------------------------------ 2.3.6 counting the work
Work = Callable[[pd.DataFrame, pd.DataFrame], tuple[int, int]]


def _visits(train: pd.DataFrame, how: str = "") -> int:
    count = train.groupby("item" if how == "films" else "user").size().to_numpy()
    if how == "table":
        return train["item"].nunique() ** 2
    if how == "once":
        return int((count * (count - 1) // 2).sum())
    if how == "once, with itself":
        return int((count * (count + 1) // 2).sum())
    if how == "not itself":
        return int((count * (count - 1)).sum())
    if how == "square of the sum":
        return int(count.sum()) ** 2
    if how == "ratings":
        return len(train)
    return int((count**2).sum())


def _reads(train: pd.DataFrame, test: pd.DataFrame, how: str = "") -> int:
    known = test[test["user"].isin(train["user"]) & test["item"].isin(train["item"])]
    if how == "all rows":
        known = test[test["user"].isin(train["user"])]
    if how == "users once":
        known = known.drop_duplicates("user")
    if how == "films":
        return int(known["item"].map(train.groupby("item").size()).sum())
    if how == "test counts":
        return int(known["user"].map(test.groupby("user").size()).sum())
    count = known["user"].map(train.groupby("user").size()).to_numpy()
    if how == "k":
        return int(np.minimum(count, 40).sum())
    if how == "mean":
        return round(len(known) * len(train) / train["user"].nunique())
    return int(count.sum())


def _work(train: pd.DataFrame, test: pd.DataFrame, visits: str = "", reads: str = "") -> tuple[int, int]:
    return _visits(train, visits), _reads(train, test, reads)


def _work_wrongly(visits: str = "", reads: str = "") -> Work:
    return lambda train, test: _work(train, test, visits, reads)


@functools.cache
def _parts() -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    toy = split.random_split(datasets.toy().ratings, test=0.3, seed=2)
    frame = datasets.load("ml-100k").ratings
    slice_ = split.temporal_split(frame[frame["user"] <= 200], test=0.3)  # the test part has new users and films
    one = pd.DataFrame({"user": [1, 1, 1, 2], "item": [7, 8, 9, 7], "rating": [3.0, 4.0, 5.0, 1.0]})
    new = pd.DataFrame({"user": [1, 2, 2, 3], "item": [7, 8, 99, 7], "rating": [3.0, 4.0, 5.0, 1.0]})
    return [("real ratings of 200 users", *slice_), ("four ratings", one, new), ("the toy data", *toy)]


def _check_work(work: Work) -> None:
    for what, train, test in _parts():
        given = train.copy(), test.copy()
        got = work(*given)
        if not (given[0].equals(train) and given[1].equals(test)):
            raise Incorrect("your function changed the frames that it was given. Work on copies.")
        if not isinstance(got, (tuple, list, np.ndarray)) or len(got) != 2:
            raise Incorrect(f"return two numbers, (line A, line B); got {got!r}.")
        a, b = number(got[0], "line A"), number(got[1], "line B")
        visits = {
            "table": "these are the entries of the table. Line A runs once for every two ratings *of one user*, so count ratings.",
            "once": "you counted each pair of films once. Both loops run over all the user's ratings: (a, b), (b, a) and (a, a).",
            "once, with itself": "you counted (a, b), but not (b, a). Both loops run over all the user's ratings.",
            "not itself": "the inner loop does not skip the rating of the outer one: (a, a) is visited, too.",
            "films": "you squared the number of ratings of each *film*; that is the user-based model. Here the pairs come from "
            "each user's ratings.",
            "square of the sum": "ratings of *different* users never meet. Square each user's number first, then sum up.",
            "ratings": "that is one visit for each rating. The inner loop runs for each of them.",
        }
        reads = {
            "films": "you counted the raters of each test *film*; that is the user-based model. Line B reads the ratings of "
            "the test rating's user.",
            "k": "only k neighbours *vote*, but all the user's ratings are *read* before the k best are known.",
            "all rows": "a test rating of a film that is not in the training part is not looked at: both must be known.",
            "users once": "line B runs again for every test rating of a user: nothing is remembered between predictions.",
            "test counts": "line B reads the user's ratings of the *training* part.",
            "mean": "you used the mean number of ratings. Busy users have more test ratings *and* more to read, so the "
            "sum is larger: look up each test user's own number.",
        }
        for line, value, right, messages in (
            ("A", a, _visits(train), {m: (_visits(train, m), t) for m, t in visits.items()}),
            ("B", b, _reads(train, test), {m: (_reads(train, test, m), t) for m, t in reads.items()}),
        ):
            if math.isnan(value):
                raise Incorrect(
                    f"{what}: line {line} is NaN: an unknown user has no count. Leave such test ratings out."
                )
            if value == right:
                continue
            for n, message in messages.values():
                if value == n and n != right:
                    raise Incorrect(f"line {line}, {what}: {message}")
            if a == _reads(train, test) and b == _visits(train):
                raise Incorrect("the two numbers are in the wrong order: line A first.")
            raise Incorrect(f"{what}: line {line} runs {right:,} times, not {value:,.0f}.")


def _work_example() -> tuple[int, int]:
    _, train, test = _parts()[1]
    return _work(train, test)


EXERCISES = [
    Exercise(
        id="2.3.1",
        title="The adjusted cosine",
        kind="build",
        prompt="""
            Write the formula for two columns of a table of stars. The user's mean runs over *all* the films that this user
            has rated; the three sums run over the co-raters. Where there is no co-rater, or nothing is left after centring,
            the answer is 0.0.
        """,
        reference=lambda: _centred,
        check=_check_adjusted,
        hints=(
            "Whose habit do you want to remove? Average along the *rows*, with `np.nanmean(..., axis=1)`, and only then look "
            "at the two columns.",
            "`both = ~np.isnan(stars[:, i]) & ~np.isnan(stars[:, j])`, `means = np.nanmean(stars[both], axis=1)`, then the "
            "cosine of `stars[both, i] - means` and `stars[both, j] - means`; 0.0 if `both` is empty or a length is 0.",
        ),
        wrong=(
            WrongAnswer("the films' means", lambda: _centred_wrongly("film means"), "*film's* mean"),
            WrongAnswer("Pearson", lambda: _centred_wrongly("film means, co-raters"), "Pearson correlation"),
            WrongAnswer("mean of the two films", lambda: _centred_wrongly("the two films"), "these two films only"),
            WrongAnswer("the overall mean", lambda: _centred_wrongly("overall mean"), "same mean off everybody"),
            WrongAnswer("no centring", lambda: _centred_wrongly("nothing"), "plain cosine"),
            WrongAnswer("unrated is zero", lambda: _centred_wrongly("zeros"), "count as 0 stars"),
            WrongAnswer("lengths over all raters", lambda: _centred_wrongly("all raters"), "only one of the two"),
            WrongAnswer("no guard", lambda: _centred_wrongly("unguarded"), "0 by 0"),
        ),
        points=2,
        explanation="The transposed matrix needs the *untransposed* mean. Similarities of films are computed down the columns, "
        "but what disturbs them, a person's way of using the scale, runs along the rows. So centre first, then turn the matrix.",
        expected=example(
            "adjusted_cosine(stars, 0, 1) for the checker's table of five users", lambda: _centred(STARS, 0, 1)
        ),
    ),
    Exercise(
        id="2.3.2",
        title="The recommendation as a join",
        kind="build",
        prompt="""
            Write the request path, in SQL or in pandas, as you like: join the view with the user's films; of each film's rated
            neighbours keep the `k` most similar; then sum up. The score is the second term of the formula alone: the sum of
            similarity times deviation, over `damping` plus the sum of the similarities. Films that the user has rated are
            left out.
        """,
        reference=lambda: _shortlist,
        check=_check_shortlist,
        hints=(
            "The user's films are the *neighbours* of the films to score: `neighbours.neighbour = mine.item`. Where does the cut at "
            "k belong, before or after this join?",
            "In SQL: `QUALIFY row_number() OVER (PARTITION BY t.item ORDER BY t.similarity DESC) <= k` behind the join and the "
            "`WHERE t.item NOT IN (SELECT item FROM mine)`. In pandas: sort by similarity, `merge`, then "
            '`groupby("item").head(k)`.',
        ),
        wrong=(
            WrongAnswer("cut before the join", lambda: _shortlist_wrongly("cut first"), "before the join"),
            WrongAnswer("k ignored", lambda: _shortlist_wrongly("everybody"), "k most similar"),
            WrongAnswer("least similar first", lambda: _shortlist_wrongly("least"), "*least* similar"),
            WrongAnswer("rated films kept", lambda: _shortlist_wrongly("seen"), "rated already"),
            WrongAnswer("divided by the count", lambda: _shortlist_wrongly("count"), "number of votes"),
            WrongAnswer("not divided", lambda: _shortlist_wrongly("sum"), "did not divide"),
            WrongAnswer("no damping", lambda: _shortlist_wrongly("undamped"), "no effect"),
            WrongAnswer(
                "damping above the line", lambda: _shortlist_wrongly("damping above"), "below the line, beside"
            ),
            WrongAnswer("no weights", lambda: _shortlist_wrongly("unweighted"), "count the same"),
            WrongAnswer("joined on the wrong column", lambda: _shortlist_wrongly("wrong side"), "column item"),
            WrongAnswer("lowest first", lambda: _shortlist_wrongly("rising"), "order is not"),
        ),
        points=3,
        explanation='Numbering the rows *after* the join is the rule "the k nearest among those you rated". Nothing of the user '
        "is in the view, so a user who registered a minute ago is served by the same statement.",
        expected=lambda: _shortlist(VIEW, MINE, 2, 0.1),
    ),
    Exercise(
        id="2.3.3",
        title="Break the colleague's function",
        kind="figure it out",
        prompt="""
            Prove that the two functions are not the same: find an input for which `choose_among_rated` finds all `k` neighbours,
            and `cut_first` finds **none**. The smaller the better; four films are enough.
        """,
        reference=lambda: ([0.9, 0.8, 0.3, 0.2], [False, False, True, True], 2),
        check=_check_case,
        hints=(
            "`cut_first` looks at the k most similar films before it asks whether the user has rated them. Who could "
            "take all those places?",
            "Two very similar films that the user has not rated, two less similar ones that they have, and k = 2.",
        ),
        wrong=(
            WrongAnswer("nothing is cut", lambda: ([0.9, 0.2], [False, True], 2), "nothing is cut"),
            WrongAnswer("a new user", lambda: ([0.9, 0.8, 0.3], [False, False, False], 2), "rated nothing"),
            WrongAnswer("loses only some", lambda: ([0.9, 0.8, 0.3], [True, False, True], 2), "still finds 1"),
            WrongAnswer("no difference", lambda: ([0.9, 0.8, 0.3], [True, True, False], 2), "return the same"),
            WrongAnswer("negative similarities", lambda: ([0.9, 0.8, -0.3], [False, False, True], 1), "above 0"),
            WrongAnswer("too few rated", lambda: ([0.9, 0.8, 0.3], [False, False, True], 2), "only 1 of k"),
        ),
        points=1,
        explanation="Films that the user has not rated fill the short list and have nothing to say. One such input is enough "
        'to refute "the same, only faster". How often it happens, and what it costs, no counterexample can tell; that must be '
        "measured.",
        expected=lambda: (
            "a case such that\n  len(choose_among_rated(*case)) gives k\n  cut_first(*case)               gives []"
        ),
    ),
    Exercise(
        id="2.3.4",
        title="The wrong films, without an error",
        kind="figure it out",
        prompt="""
            `because_you_watched` mixes up the two kinds of ids. Find out where (there are two places), and write `nearest`,
            which takes a raw id and returns raw ids.
        """,
        reference=lambda: _nearest,
        check=_check_nearest,
        hints=(
            "Follow one number through the function: what does `get_neighbors` think that 50 is, and what do you think "
            "that its answer is? `algo.trainset` can translate in both directions.",
            "`algo.trainset.to_inner_iid(film)` on the way in, `algo.trainset.to_raw_iid(inner)` for each id on the way out.",
        ),
        wrong=(
            WrongAnswer("the colleague's code", lambda: _nearest_wrongly("untranslated"), "nothing was translated"),
            WrongAnswer("way in forgotten", lambda: _nearest_wrongly("raw in"), "went in untranslated"),
            WrongAnswer("way out forgotten", lambda: _nearest_wrongly("inner out"), "these are inner ids"),
            WrongAnswer("another trainset", lambda: _nearest_wrongly("the notebook's"), "`trainset` of the notebook"),
            WrongAnswer("the film itself", lambda: _nearest_wrongly("itself"), "its own neighbours"),
            WrongAnswer("farthest first", lambda: _nearest_wrongly("reversed"), "reverse order"),
        ),
        points=2,
        explanation="Both mistakes are silent, because every whole number below the number of films is a valid inner id, and nearly "
        "every inner id is also some film's raw id. With text as raw ids the first mistake would have raised at once: one "
        "more reason why keys of different tables should not look alike.",
        expected=lambda: f"nearest(algo, 71, 3) gives\n  {_near_the_lion()}",
    ),
    Exercise(
        id="2.3.5",
        title="Who answered?",
        kind="figure it out",
        prompt="""
            Zero impossible predictions. Where did they go? Print the `details` of a few predictions, among them one of a film
            that is unknown, and write `undecided`: True where fewer than `min_k` neighbours voted, so that the answer came from
            something else.
        """,
        reference=lambda: _undecided,
        check=_check_undecided,
        hints=(
            "`predictions[0].details` is a dict. Which of its entries speaks of neighbours? And is it there in every prediction, "
            'for instance in `support.predict("nobody", 1)`?',
            '`actual_k` is the number of neighbours that voted. Where it is missing nobody did: `p.details.get("actual_k", 0)`.',
        ),
        wrong=(
            WrongAnswer("trusts the flag", lambda: _undecided_wrongly("impossible"), "was_impossible"),
            WrongAnswer("crashes on strangers", lambda: _undecided_wrongly("no key"), "no key"),
            WrongAnswer("strangers count as decided", lambda: _undecided_wrongly("present"), "count it as decided"),
            WrongAnswer("only zero neighbours", lambda: _undecided_wrongly("none at all"), "compare with min_k"),
            WrongAnswer("off by one", lambda: _undecided_wrongly("at most"), "less than or equal"),
            WrongAnswer("True and False swapped", lambda: _undecided_wrongly("decided"), "wrong way round"),
        ),
        points=2,
        explanation="`was_impossible` records an exception, not a lack of neighbours. `KNNBasic` raises one; `KNNWithMeans` and "
        "`KNNBaseline` fall back to a mean or to the baseline and say nothing. Whatever library you use: find out what it does when it "
        "cannot answer, before your users do.",
        expected=lambda: (
            "{'actual_k': 40, 'was_impossible': False} with min_k=20 gives False\n"
            "{'actual_k': 19, 'was_impossible': False} with min_k=20 gives True\n"
            "{'was_impossible': False}                 with min_k=20 gives True"
        ),
    ),
    Exercise(
        id="2.3.6",
        title="Count before you measure",
        kind="figure it out",
        prompt="""
            Guess first: on the leader-board's split, which line runs more often, A (80,000 training ratings) or B (20,000
            predictions)? Then write `work`, which finds both counts *without running the loops*, from the number of
            ratings of each user. Line B runs only where both the user and the film occur in the training part.
        """,
        reference=lambda: _work,
        check=_check_work,
        hints=(
            "A user with c ratings makes the outer loop run c times, and the inner one c times for each of those. A test rating "
            "makes line B run once for each training rating of its user.",
            '`count = train.groupby("user").size()`. Line A: `(count**2).sum()`. Line B: keep the test rows whose user and item '
            'are in train, then `["user"].map(count).sum()`.',
        ),
        wrong=(
            WrongAnswer("entries of the table", lambda: _work_wrongly("table"), "entries of the table"),
            WrongAnswer("each pair once", lambda: _work_wrongly("once"), "each pair of films once"),
            WrongAnswer("no film with itself", lambda: _work_wrongly("not itself"), "does not skip"),
            WrongAnswer("by film", lambda: _work_wrongly("films"), "each *film*"),
            WrongAnswer("square of the sum", lambda: _work_wrongly("square of the sum"), "*different* users"),
            WrongAnswer("reads k only", lambda: _work_wrongly(reads="k"), "only k neighbours *vote*"),
            WrongAnswer("reads the film's raters", lambda: _work_wrongly(reads="films"), "test *film*"),
            WrongAnswer("unknown films too", lambda: _work_wrongly(reads="all rows"), "both must be known"),
            WrongAnswer("mean profile", lambda: _work_wrongly(reads="mean"), "mean number"),
            WrongAnswer("ratings of the test part", lambda: _work_wrongly(reads="test counts"), "*training* part"),
        ),
        points=2,
        explanation="Fitting is a sum of *squares*: one user with 700 ratings costs as much as a hundred users with 70. That "
        "is why services cut enormous profiles before this step. Predicting is a sum over test ratings, and there, too, "
        "busy users dominate.",
        expected=example(
            "work(train, test) with train = users 1, 1, 1, 2 on films 7, 8, 9, 7\n"
            "and test = users 1, 2, 2, 3 on films 7, 8, 99, 7",
            _work_example,
        ),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
@functools.cache
def _key_left_in() -> str:
    """Over pairs of films with many co-raters: is Pearson positive for a liked and a disliked film? Is adjusted cosine?"""
    ratings = Ratings.from_frame(datasets.load("ml-100k").ratings)
    by_film = ratings.matrix.T.tocsr()
    seen = (by_film > 0).astype(float)
    quality = BiasBaseline().fit(ratings).biases_.item
    often = (seen @ seen.T).toarray() >= 50
    opposite = often & (quality > 0.3)[:, None] & (quality < -0.3)
    pearson = similarity_matrix(by_film, "pearson")[opposite].mean()
    return "b" if pearson > 0.05 else "a"


@functools.cache
def _key_short_lists() -> str:
    """Lists of 20 on the leader-board's split, undamped: coverage and RMSE against the averages."""
    train, test = leaderboard.split()
    model = ItemKNN(damping=0).fit(train)
    best = np.argsort(-model.similarities_, axis=1, kind="stable")[:, :20]
    small = np.zeros_like(model.similarities_)
    np.put_along_axis(small, best, np.take_along_axis(model.similarities_, best, axis=1), axis=1)
    model.similarities_ = small
    averages = rmse(test["rating"].to_numpy(), BiasBaseline().fit(train).predict(test))
    worse = rmse(test["rating"].to_numpy(), model.predict(test)) > averages
    model.variant = "basic"  # says NaN where no neighbour votes
    covered = np.isfinite(model.predict(test, fallback=False)).mean() > 0.95
    return "c" if covered and worse else "b" if worse else "a"


def _key_memory() -> str:
    gigabytes = 2_000_000 * 100 * (4 + 8) / 1e9
    return {0.24: "a", 2.4: "b", 32_000.0: "c"}[gigabytes]


@functools.cache
def _key_text_ids() -> str:
    from surprise import BaselineOnly, Dataset, Reader

    frame = datasets.toy().ratings[["user", "item", "rating"]].assign(user=lambda t: t["user"].map(len))
    frame = frame.drop_duplicates(["user", "item"])
    trainset = Dataset.load_from_df(frame, Reader(rating_scale=(1, 5))).build_full_trainset()
    algo = BaselineOnly(verbose=False).fit(trainset)
    try:
        answer = algo.predict(str(frame["user"].iloc[0]), str(frame["item"].iloc[0]))
    except Exception:  # whatever the library would raise
        return "a"
    return "c" if np.isclose(answer.est, trainset.global_mean) else "b"


@functools.cache
def _key_stale() -> str:
    """Newcomers of the last tenth: which forgotten table hurts them, by more than a hundredth of a star?"""
    old, new = split.temporal_split(datasets.load("ml-100k").ratings, test=0.1)
    newcomers = ~new["user"].isin(old["user"])
    at_hand, asked = split.random_split(new[newcomers], test=0.5, seed=0)
    asked = asked[asked["user"].isin(at_hand["user"]) & asked["item"].isin(old["item"])]
    model, errors = ItemKNN().fit(old), []
    fresh = ItemKNN().fit(pd.concat([old, at_hand])).predict(asked)
    for user, rows in asked.groupby("user"):
        mine = at_hand[(at_hand["user"] == user) & at_hand["item"].isin(old["item"])]
        if len(mine):
            scores = model.recommend_for(mine[["item", "rating"]], n=model.train_.n_items).set_index("item")["score"]
            errors.append(scores.reindex(rows["item"]).set_axis(rows.index).clip(1, 5))
    served = pd.concat(errors)
    truth = asked.loc[served.index, "rating"].to_numpy()
    now = pd.Series(fresh, index=asked.index)[served.index].to_numpy()
    item_hurts = rmse(truth, served.to_numpy()) > rmse(truth, now) + 0.01
    by_user = UserKNN().fit(old).predict(asked.loc[served.index])
    user_hurts = rmse(truth, by_user) > rmse(truth, now) + 0.01
    return {(False, True): "b", (True, True): "c"}.get((item_hurts, user_hurts), "a")


QUIZ = [
    Question(
        text="You compute Pearson between a film that most people like and one that most people dislike, over their many "
        "co-raters. On average it comes out",
        choices={
            "a": "near 0 or negative: they are nothing alike",
            "b": "clearly positive: kind users are kind to both",
            "c": "undefined",
        },
        key=_key_left_in,
        why={
            "a": "That would be so if users used the scale alike. Pearson takes off each film's mean; the user's kindness stays.",
            "b": "Each film's own mean is gone, so that one is good and one bad no longer shows. But whoever gives one film more "
            "than its usual tends to do so with every film.",
            "c": "It is undefined without variance. Both films have plenty.",
        },
    ),
    Question(
        text="You cut the table to lists of 20 and leave the damping at 0. On this data",
        choices={
            "a": "coverage falls a little, and the error stays below that of the averages",
            "b": "coverage collapses, and with it the error gets worse",
            "c": "coverage stays above 95 %, and the error is still worse than that of the averages",
        },
        key=_key_short_lists,
        why={
            "a": "The error does not stay: one or two undamped votes are noisier than the average that they replace.",
            "b": "Coverage hardly moves: *some* neighbour is nearly always among the rated. That is why the alarm stays silent.",
            "c": "Nearly every pair keeps a neighbour, but few keep many, and without damping a single vote counts in full.",
        },
    ),
    Question(
        text="Two million items, the best 100 neighbours of each, a 4-byte id and an 8-byte similarity. How large is the table?",
        choices={"a": "0.24 GB", "b": "2.4 GB", "c": "32 TB"},
        key=_key_memory,
        why={
            "a": "A factor of ten is missing: 2,000,000 * 100 * 12 bytes.",
            "b": "2,000,000 * 100 = 200 million entries, at 12 bytes each. The full table would take 32 TB.",
            "c": "That is the full table, 8 bytes for each of (2 * 10^6)^2 pairs.",
        },
    ),
    Question(
        text='Surprise was fitted on whole numbers as ids. Your service calls `algo.predict("42", "71")`. What happens?',
        choices={
            "a": "an exception: unknown ids",
            "b": "the text is read as numbers, and the prediction is right",
            "c": "it answers with the mean of all ratings, as for a stranger",
        },
        key=_key_text_ids,
        why={
            "a": "It would be the better design. Surprise treats an unknown id as a new user or item and answers anyway.",
            "b": 'Ids are compared as they are: "42" is not 42.',
            "c": "Nothing is raised and the number looks like a rating. Convert ids at the edge, and count the strangers.",
        },
    ),
    Question(
        text="Both tables are three weeks old. A person who registered this week has rated twenty films, and those ratings are at hand. "
        "For whom does the age of the table matter, by more than a hundredth of a star?",
        choices={
            "a": "for neither of the two tables",
            "b": "for the user table, in which the person has no row; the item table serves them as if it were fresh",
            "c": "for both: newcomers need a refreshed table",
        },
        key=_key_stale,
        why={
            "a": "Without a row of theirs, a user table can only say what averages say.",
            "b": "The item table holds films, and the films were there. The person's ratings are joined to it at the request.",
            "c": "Nothing about a user is in the item table. Its lists do change in three weeks, but not the predictions.",
        },
    ),
]
