"""Exercises and quiz of lesson 2.2, User-based collaborative filtering."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import Ratings, UserKNN, datasets, split
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.metrics import rmse
from recsys_lab.similarity import similarity_matrix

NAN = np.nan


# ------------------------------------------------------------------ real users to check with
@functools.cache
def _profiles() -> np.ndarray:
    """Forty real users as rows of stars, NaN where unrated: (40, n_films)."""
    stars = Ratings.from_frame(datasets.load("ml-100k").ratings).matrix[:40].toarray()
    stars[stars == 0] = NAN  # this data has no rating of 0
    return stars


def _real_pairs() -> list[tuple[int, int]]:
    return [(a, b) for a in range(0, 40, 3) for b in range(a + 1, 40, 4)]


# ------------------------------------------------------------------ 2.2.1 cosine over co-rated films
def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    both = ~np.isnan(x) & ~np.isnan(y)
    if not both.any():
        return 0.0
    a, b = x[both], y[both]
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _cosine_filled(x: np.ndarray, y: np.ndarray) -> float:
    a, b = np.nan_to_num(x), np.nan_to_num(y)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _cosine_mean_filled(x: np.ndarray, y: np.ndarray) -> float:
    a, b = (np.where(np.isnan(v), np.nanmean(v), v) for v in (x, y))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _cosine_unguarded(x: np.ndarray, y: np.ndarray) -> float:
    both = ~np.isnan(x) & ~np.isnan(y)
    a, b = x[both], y[both]
    with np.errstate(invalid="ignore"):
        return float(np.divide(a @ b, np.sqrt((a @ a) * (b @ b))))


def _cosine_of_two(x: np.ndarray, y: np.ndarray) -> float:
    return _cosine(x, y) if (~np.isnan(x) & ~np.isnan(y)).sum() > 1 else 0.0


X, Y = np.array([5.0, 3.0, NAN, 1.0]), np.array([4.0, NAN, 2.0, 2.0])


def _check_cosine(cosine: Callable[[np.ndarray, np.ndarray], float]) -> None:
    x, y = X, Y
    got = number(cosine(x.copy(), y.copy()), "cosine([5, 3, nan, 1], [4, nan, 2, 2])")
    if math.isnan(got):
        raise Incorrect("the result is NaN: a NaN got into a sum. Pick out the films that both rated first.")
    if np.isclose(got, _cosine_filled(x, y)):
        raise Incorrect(
            "a film that only one of the two has seen still counts, as if the other had given it 0 stars. "
            "The lengths sqrt(x @ x) and sqrt(y @ y) may cover co-rated films only."
        )
    if np.isclose(got, _cosine_mean_filled(x, y)):
        raise Incorrect("you filled the gaps with a guess. Nothing is known there: leave those films out of every sum.")
    same(got, _cosine(x, y), what="x = [5, 3, nan, 1], y = [4, nan, 2, 2]: the cosine")
    apart = number(cosine(np.array([5.0, NAN, 3.0]), np.array([NAN, 4.0, NAN])), "the cosine without a co-rated film")
    if math.isnan(apart):
        raise Incorrect("two users without a single co-rated film get 0/0 = NaN. Return 0.0 for them.")
    same(apart, 0.0, what="two users without a co-rated film")
    single = number(cosine(np.array([1.0, NAN, 3.0]), np.array([5.0, 2.0, NAN])), "the cosine of one co-rated film")
    if single == 0:
        raise Incorrect(
            "two users with a single co-rated film get 0. You may be right not to trust it, and section 4 comes to that; "
            "here, write what the SQL gives: 1."
        )
    same(single, 1.0, what="two users with a single co-rated film, 1 star against 5")
    stars = _profiles()
    for a, b in _real_pairs():
        same(cosine(stars[a].copy(), stars[b].copy()), _cosine(stars[a], stars[b]), what=f"users {a + 1} and {b + 1}")


# ------------------------------------------------------------------ 2.2.2 Pearson
def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    both = ~np.isnan(x) & ~np.isnan(y)
    if not both.any():
        return 0.0
    a, b = x[both] - x[both].mean(), y[both] - y[both].mean()
    norms = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norms) if norms > 0 else 0.0


def _pearson_own_means(x: np.ndarray, y: np.ndarray) -> float:
    both = ~np.isnan(x) & ~np.isnan(y)
    if not both.any():
        return 0.0
    a, b = x[both] - np.nanmean(x), y[both] - np.nanmean(y)
    norms = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norms) if norms > 0 else 0.0


def _pearson_filled(x: np.ndarray, y: np.ndarray) -> float:
    return _pearson(np.nan_to_num(x), np.nan_to_num(y))


def _pearson_unguarded(x: np.ndarray, y: np.ndarray) -> float:
    both = ~np.isnan(x) & ~np.isnan(y)
    if not both.any():
        return 0.0
    a, b = x[both] - x[both].mean(), y[both] - y[both].mean()
    with np.errstate(invalid="ignore"):
        return float(np.divide(a @ b, np.sqrt((a @ a) * (b @ b))))


def _check_pearson(pearson: Callable[[np.ndarray, np.ndarray], float]) -> None:
    x, y = np.array([5.0, 3.0, NAN, 1.0, 4.0]), np.array([4.0, NAN, 2.0, 3.0, 3.0])
    got = number(pearson(x.copy(), y.copy()), "pearson([5, 3, nan, 1, 4], [4, nan, 2, 3, 3])")
    if math.isnan(got):
        raise Incorrect("the result is NaN: a NaN got into a sum. Pick out the films that both rated first.")
    if np.isclose(got, _cosine(x, y)):
        raise Incorrect(
            "this is still the cosine: nothing was taken off. Subtract each user's mean before you multiply."
        )
    if np.isclose(got, _pearson_own_means(x, y)):
        raise Incorrect(
            "you took off each user's mean over all their films. In a correlation the two means run over the co-rated "
            "films only, so that the deviations of those films add up to zero."
        )
    if np.isclose(got, _pearson_filled(x, y)):
        raise Incorrect("unseen films take part as 0 stars. Pick out the co-rated films before anything else.")
    same(got, _pearson(x, y), what="x = [5, 3, nan, 1, 4], y = [4, nan, 2, 3, 3]: the correlation")
    stern, kind = np.array([3.0, 3.0, 1.0, 1.0]), np.array([5.0, 5.0, 3.0, 3.0])
    same(pearson(stern, kind), 1.0, what="two users who agree up to two stars on everything")
    same(pearson(stern, 6 - kind), -1.0, what="two users who disagree on everything")
    flat = number(
        pearson(np.array([4.0, 4.0, 4.0]), np.array([1.0, 5.0, 2.0])), "a user who gives 4 stars to everything"
    )
    if math.isnan(flat):
        raise Incorrect(
            "a user who gives the same stars to every co-rated film has no variance, so 0/0 = NaN. Return 0.0."
        )
    same(flat, 0.0, what="a user who gives 4 stars to everything")
    same(pearson(np.array([5.0, NAN]), np.array([1.0, 3.0])), 0.0, what="two users with one co-rated film")
    same(pearson(np.array([5.0, NAN]), np.array([NAN, 3.0])), 0.0, what="two users without a co-rated film")
    stars = _profiles()
    for a, b in _real_pairs():
        same(pearson(stars[a].copy(), stars[b].copy()), _pearson(stars[a], stars[b]), what=f"users {a + 1} and {b + 1}")


# ------------------------------------------------------------------ 2.2.3 where shrinkage changes the order
TOM, UMA = (1.0, 3), (0.5, 21)  # (similarity, co-rated films)


def _shrunk(similarity: float, n: int, shrinkage: Any) -> Any:
    return similarity * (n - 1) / (n - 1 + shrinkage)


def _crossing() -> float:
    (s, n), (t, m) = (TOM[0], TOM[1] - 1), (UMA[0], UMA[1] - 1)
    return n * m * (s - t) / (t * m - s * n)


def _check_crossing(crossing: float) -> None:
    value = number(crossing, "the shrinkage")
    n, m = TOM[1], UMA[1]
    without_minus_one = n * m * (TOM[0] - UMA[0]) / (UMA[0] * m - TOM[0] * n)
    if not math.isfinite(value) or value <= 0:
        raise Incorrect("there is such a shrinkage, and it is a finite number above 0: at 0 Tom leads, 1.0 to 0.5.")
    if np.isclose(value, without_minus_one):
        raise Incorrect(
            "you used n / (n + shrinkage). The formula counts n - 1: the first co-rated film is spent on the mean."
        )
    if np.isclose(value, m - n):
        raise Incorrect(
            f"{m - n} is only how many more films Uma shares. Write both shrunk similarities as fractions and set them equal."
        )
    tom, uma = _shrunk(*TOM, value), _shrunk(*UMA, value)
    if not np.isclose(tom, uma, rtol=1e-6):
        raise Incorrect(
            f"at {value:g} they are not equal: Tom weighs {tom:.4g}, Uma {uma:.4g}. "
            f"{'A larger' if tom > uma else 'A smaller'} shrinkage is needed."
        )


def _crossing_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    shrinkage = np.linspace(0, 20, 200)
    fig, ax = plt.subplots()
    ax.plot(shrinkage, _shrunk(*TOM, shrinkage), label="Tom: similarity 1.0 from 3 films")
    ax.plot(shrinkage, _shrunk(*UMA, shrinkage), label="Uma: similarity 0.5 from 21 films")
    ax.set(
        title="Where do the lines cross?", xlabel="shrinkage (co-rated films)", ylabel="shrunk similarity", ylim=(0, 1)
    )
    ax.legend()
    figure_alt(
        fig,
        "Tom's shrunk similarity starts at 1 and falls steeply, Uma's starts at 0.5 and falls slowly; they cross early.",
    )
    return fig


# ------------------------------------------------------------------ 2.2.4 one prediction
Predict = Callable[[float, np.ndarray, np.ndarray, np.ndarray, int], float]


def _predict(my_mean: float, similarity: np.ndarray, ratings: np.ndarray, means: np.ndarray, k: int) -> float:
    nearest = np.argsort(-similarity, kind="stable")[:k]
    nearest = nearest[similarity[nearest] > 0]
    if len(nearest) == 0:
        return float(my_mean)
    weights = similarity[nearest]
    return float(my_mean + weights @ (ratings[nearest] - means[nearest]) / weights.sum())


def _predict_wrongly(how: str) -> Predict:
    """The misconceptions, each one step away from the right formula."""

    def predict(my_mean: float, similarity: np.ndarray, ratings: np.ndarray, means: np.ndarray, k: int) -> float:
        order = np.argsort(similarity if how == "least" else -similarity, kind="stable")
        if how == "first":
            order = np.arange(len(similarity))
        nearest = order if how == "everybody" else order[:k]
        if how != "negative too":
            nearest = nearest[similarity[nearest] > 0]
        if len(nearest) == 0 and how != "unguarded":
            return float(my_mean)
        s = np.ones(len(nearest)) if how == "unweighted" else similarity[nearest]
        centre = my_mean if how == "raw" else means[nearest]
        if how == "bare":
            my_mean = 0.0
        below = {"plain count": float(len(s)), "negative too": np.abs(s).sum()}.get(how, s.sum())
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(my_mean + np.divide(s @ (ratings[nearest] - centre), below))

    return predict


def _check_predict(predict: Predict) -> None:
    me = 3.0
    similarity, ratings = np.array([0.2, 0.8, -0.9, 0.5]), np.array([1.0, 4.0, 5.0, 5.0])
    means, k = np.array([2.0, 4.5, 3.5, 4.0]), 2
    case = (me, similarity, ratings, means)
    got = number(predict(*_copies(case), k), "the prediction")
    messages = {
        "raw": "you averaged the neighbours' stars (to take my_mean off and add it again comes to the same). Take each "
        "neighbour's own mean off: was the film good or bad *by their standards*?",
        "plain count": "the weights no longer add up to 1. Divide by the sum of the neighbours' similarities, not by their number.",
        "everybody": "all who rated the film voted. Only the k most similar of them count.",
        "least": "you took the *least* similar k of them: sort by falling similarity.",
        "first": "you took the first k of them as they stand, not the most similar: sort by falling similarity.",
        "unweighted": "both neighbours count the same: weigh each one's deviation by the similarity.",
        "bare": "my_mean is missing: the neighbours say how far from *your* usual the film is.",
    }
    for how, message in messages.items():
        if np.isclose(got, _predict_wrongly(how)(*case, k)):
            raise Incorrect(message)
    near = np.argsort(-similarity)[:k]
    if np.isclose(got, me + similarity[near] @ ratings[near] / similarity[near].sum()):
        raise Incorrect(
            "you added the neighbours' stars to my_mean, and got more than 5. Add how far each was above or below "
            "their own mean."
        )
    same(got, _predict(*case, k), what="my mean 3, similarities 0.2, 0.8, -0.9, 0.5, k = 2: the prediction")
    all_four = number(predict(*_copies(case), 4), "the prediction for k = 4")
    if not np.isclose(all_four, _predict(*case, 4)) and np.isclose(
        all_four, _predict_wrongly("negative too")(*case, 4)
    ):
        raise Incorrect("a neighbour of negative similarity took part. Keep neighbours with a similarity above 0 only.")
    same(all_four, _predict(*case, 4), what="the same with k = 4 (one similarity is negative)")
    above = number(predict(4.8, np.array([0.5]), np.array([5.0]), np.array([3.0]), 1), "the prediction")
    if np.isclose(above, 5.0):
        raise Incorrect(
            "you clipped the prediction to 5 stars. Leave it as it is: a ranking needs to know by how much."
        )
    same(above, 6.8, what="my mean 4.8, one neighbour who gave 2 stars more than usual")
    nobody = number(
        predict(me, np.array([-0.5, 0.0]), np.array([5.0, 1.0]), np.array([3.0, 3.0]), 2), "without neighbours"
    )
    if math.isnan(nobody) or math.isinf(nobody):
        raise Incorrect("without one neighbour of positive similarity you divide by 0. Return my_mean then.")
    same(nobody, me, what="no neighbour of positive similarity")
    rng = np.random.default_rng(0)
    for n in (1, 5, 60):
        many = (3.5, rng.normal(0.1, 0.3, n), rng.integers(1, 6, n).astype(float), rng.uniform(2.5, 4.5, n))
        same(predict(*_copies(many), 10), _predict(*many, 10), what=f"a film with {n} raters, k = 10")


def _copies(case: tuple[float, np.ndarray, np.ndarray, np.ndarray]) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    return case[0], case[1].copy(), case[2].copy(), case[3].copy()


# ------------------------------------------------------------------ 2.2.5 a tripwire for leaks
Pipeline = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]
Leaks = Callable[[Pipeline, pd.DataFrame, pd.DataFrame], bool]


def _leaks(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    tampered = test.assign(rating=1.0)
    return not np.allclose(pipeline(train, test), pipeline(train, tampered))


def _leaks_by_error(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    tampered = test.assign(rating=1.0)
    before, after = (rmse(t["rating"].to_numpy(), pipeline(train, t)) for t in (test, tampered))
    return not np.isclose(before, after)


def _leaks_by_training(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not np.allclose(pipeline(train, test), pipeline(train.assign(rating=1.0), test))


def _leaks_by_overlap(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return len(train.merge(test, on=["user", "item"])) > 0


def _leaks_by_shuffle(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    shuffled = test.assign(rating=test["rating"].to_numpy()[::-1])
    return not np.allclose(pipeline(train, test), pipeline(train, shuffled))


def _leaks_by_first(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    first = test["rating"].where(np.arange(len(test)) > 0, 6 - test["rating"])
    return not np.allclose(pipeline(train, test), pipeline(train, test.assign(rating=first)))


def _leaks_by_mean(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not np.isclose(pipeline(train, test).mean(), pipeline(train, test.assign(rating=1.0)).mean())


def _leaks_without_column(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    try:
        pipeline(train, test.drop(columns="rating"))
    except KeyError:
        return True
    return False


def _leaks_inverted(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not _leaks(pipeline, train, test)


def _leaks_in_place(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    before = pipeline(train, test)
    test["rating"] = 1.0
    return not np.allclose(before, pipeline(train, test))


def _user_means(ratings: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    means = ratings.groupby("user")["rating"].mean()
    return test["user"].map(means).fillna(ratings["rating"].mean()).to_numpy()


def _knn(ratings: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    return UserKNN(k=2, measure="pearson", variant="means", shrinkage=0).fit(ratings).predict(test)


# name -> (pipeline, does it leak?)
_PIPELINES: dict[str, tuple[Pipeline, bool]] = {
    "user means of the training part": (lambda train, test: _user_means(train, test), False),
    "k-NN fitted on the training part": (lambda train, test: _knn(train, test), False),
    "user means of all ratings": (lambda train, test: _user_means(pd.concat([train, test]), test), True),
    "k-NN fitted on all ratings": (lambda train, test: _knn(pd.concat([train, test]), test), True),
    "the mean of the test ratings": (lambda train, test: np.full(len(test), test["rating"].mean()), True),
    # A permutation of 0, 1, 2, ...: whatever the ratings are, the mean of these predictions is the same to the last bit.
    "the order of the test ratings": (lambda train, test: np.argsort(test["rating"].to_numpy(), kind="stable"), True),
    "the last test rating": (lambda train, test: np.full(len(test), test["rating"].iloc[-1]), True),
}


def _check_leaks(leaks: Leaks) -> None:
    ratings = datasets.toy().ratings
    train, test = split.per_user_split(ratings, test=0.3, seed=1)
    for name, (pipeline, leaky) in _PIPELINES.items():
        seen: list[tuple[pd.DataFrame, pd.DataFrame]] = []

        def watched(a: pd.DataFrame, b: pd.DataFrame, run: Pipeline = pipeline, seen: list = seen) -> np.ndarray:
            seen.append((a.copy(), b.copy()))
            return run(a, b)

        mine, theirs = train.copy(), test.copy()
        verdict = leaks(watched, mine, theirs)
        if not (mine.equals(train) and theirs.equals(test)):
            raise Incorrect("your tripwire changed the frames it was given. Work on a copy: `test.assign(rating=...)`.")
        if not isinstance(verdict, (bool, np.bool_)):
            raise Incorrect(f"return True or False; got {type(verdict).__name__} for {name}.")
        if any("rating" not in b for _, b in seen):
            raise Incorrect(
                "you took the column away. A pipeline may crash without it and still be honest; keep the column and "
                "change its values."
            )
        if any(not a.equals(train) for a, _ in seen):
            raise Incorrect(
                "you changed the training part. An honest pipeline must react to that, so it proves nothing. "
                "Change the test ratings."
            )
        if any(not b[["user", "item"]].equals(test[["user", "item"]]) for _, b in seen):
            raise Incorrect("you changed the rows or their order; predictions move with them. Change the ratings only.")
        if verdict and not leaky:
            if not seen:
                raise Incorrect(f"an honest pipeline ({name}) was called leaky, and never run.")
            if not leaks(_PIPELINES["user means of all ratings"][0], train.copy(), test.copy()):
                raise Incorrect("True and False are the wrong way round: a leak is when the predictions *do* move.")
            raise Incorrect(
                f"an honest pipeline ({name}) was called leaky. Its predictions did not move; only its errors did, "
                "because you changed what it is compared with. Compare the predictions."
            )
        if leaky and not verdict:
            changed = [b["rating"].to_numpy() for _, b in seen if not b["rating"].equals(test["rating"])]
            if not changed:
                raise Incorrect(
                    f"a leak ({name}) was not found, and you never changed the test ratings. Rows need not overlap "
                    "for a leak: change the answers, and see whether the predictions notice."
                )
            if all(np.isclose(values.mean(), test["rating"].mean()) for values in changed):
                raise Incorrect(
                    f"a leak ({name}) slipped through: swapping the test ratings keeps their mean. Change the values."
                )
            raise Incorrect(
                f"a leak ({name}) was not found. Change *every* test rating, so that their order changes too, and compare "
                "the two runs' predictions row by row with np.allclose."
            )


EXERCISES = [
    Exercise(
        id="2.2.1",
        title="The cosine that counts the unseen",
        kind="figure it out",
        prompt="""
            A colleague replaced the join by three lines of NumPy. It runs, it never calls anyone a twin after one film,
            and it is wrong:

            ```python
            def cosine_filled(x, y):
                x, y = np.nan_to_num(x), np.nan_to_num(y)          # unseen films become 0
                return x @ y / np.sqrt((x @ x) * (y @ y))
            ```

            Find out what it says about two people with the same taste, of whom one has seen ten films and the other four
            hundred. Then write `cosine` so that it gives what the SQL gives.
        """,
        reference=lambda: _cosine,
        check=_check_cosine,
        hints=(
            "`np.nan_to_num` turns *unknown* into *zero stars*, which is worse than the worst rating. Which films does "
            "the `JOIN ... USING (item)` keep?",
            "`both = ~np.isnan(x) & ~np.isnan(y)`, then go on with `x[both]` and `y[both]` in all three products. "
            "If `both` is False everywhere, return 0.0.",
        ),
        wrong=(
            WrongAnswer("unseen is zero", lambda: _cosine_filled, "0 stars"),
            WrongAnswer("unseen is the user's mean", lambda: _cosine_mean_filled, "filled the gaps"),
            WrongAnswer("no guard for strangers", lambda: _cosine_unguarded, "0/0"),
            WrongAnswer("0 for a single film", lambda: _cosine_of_two, "what the SQL gives"),
        ),
        points=2,
        explanation="The dot product was never the problem: a film seen by one adds 0 to it. The lengths were: "
        "`sqrt(x @ x)` grew with every film that the other had not seen, so a busy user could be similar to nobody. "
        "Unknown is not zero; it must be left out of *all* the sums. (Where data says only seen or not seen, 0 does mean "
        "something, and the colleague's formula is the usual one. Lesson 2.6 is about that.)",
        expected=example("cosine([5, 3, nan, 1], [4, nan, 2, 2])", lambda: _cosine(X, Y)),
    ),
    Exercise(
        id="2.2.2",
        title="Pearson by hand",
        kind="build",
        prompt="""
            Write the correlation of two users over the films that both rated. Each user's mean is taken over *those*
            films. Where there is nothing to correlate (no co-rated film, only one, or a user who gave the same stars to
            all of them), the answer is 0.0.
        """,
        reference=lambda: _pearson,
        check=_check_pearson,
        hints=(
            "It is your cosine of 2.2.1 with one step before it: take each user's mean over the co-rated films off.",
            "`a = x[both] - x[both].mean()`, the same for `b`, then `a @ b / np.sqrt((a @ a) * (b @ b))`. "
            "When that root is 0, return 0.0.",
        ),
        wrong=(
            WrongAnswer("means over all films", lambda: _pearson_own_means, "co-rated films only"),
            WrongAnswer("no centring", lambda: _cosine, "still the cosine"),
            WrongAnswer("unseen is zero", lambda: _pearson_filled, "0 stars"),
            WrongAnswer("no guard for no variance", lambda: _pearson_unguarded, "no variance"),
        ),
        points=2,
        explanation="Pearson is the cosine of the deviations. After centring, half of the numbers are negative, so two "
        "users can now be opposite (-1) and not only less alike. `np.corrcoef(x[both], y[both])[0, 1]` gives the same "
        "number where there is variance, and NaN where there is none.",
        expected=example("pearson([5, 3, nan, 1], [4, nan, 2, 2])", lambda: _pearson(X, Y)),
    ),
    Exercise(
        id="2.2.3",
        title="When does the crowd overtake the twin?",
        kind="figure it out",
        prompt="""
            Two neighbours of yours:

            | | similarity | co-rated films |
            |---|---|---|
            | Tom | 1.0 | 3 |
            | Uma | 0.5 | 21 |

            Without shrinkage Tom counts twice as much as Uma. With a lot of it, Uma counts more. Guess first: is the point
            where they count the same nearer to 3, to 18 or to 100? Then work it out, on paper or in code.
        """,
        reference=_crossing,
        check=_check_crossing,
        hints=(
            "Write down both shrunk similarities for an unknown shrinkage: "
            "`1.0 * 2 / (2 + shrinkage)` for Tom. What is Uma's? Where are they equal?",
            "2 / (2 + L) = 10 / (20 + L). Multiply both sides by (2 + L)(20 + L) and solve for L.",
        ),
        wrong=(
            WrongAnswer("n instead of n - 1", lambda: 4.2, "n - 1"),
            WrongAnswer("the difference in films", lambda: 18, "how many more films"),
            WrongAnswer("never", lambda: math.inf, "finite number"),
            WrongAnswer("a guess", lambda: 3.0, "Tom weighs"),
        ),
        points=1,
        explanation="2 / (2 + L) = 10 / (20 + L) gives 2 (20 + L) = 10 (2 + L), so L = 2.5. A tiny shrinkage is enough to "
        "put twenty films' worth of moderate agreement above two films' worth of perfection; at the L = 10 of this "
        "lesson Tom keeps 0.17 and Uma 0.33.",
        expected=_crossing_figure,
    ),
    Exercise(
        id="2.2.4",
        title="One prediction",
        kind="build",
        prompt="""
            Write the formula above as a function. The three arrays have one entry for each person who rated the film.
            Of those, take the `k` most similar, and keep only similarities above 0.
        """,
        reference=lambda: _predict,
        check=_check_predict,
        hints=(
            "Three steps: sort by similarity and cut at `k`; drop what is not above 0; then a weighted mean of "
            "`ratings - means`, added to `my_mean`.",
            "`nearest = np.argsort(-similarity)[:k]`, then `nearest = nearest[similarity[nearest] > 0]`; the result is "
            "`my_mean + s @ (ratings[nearest] - means[nearest]) / s.sum()` with `s = similarity[nearest]`.",
        ),
        wrong=(
            WrongAnswer("no centring", lambda: _predict_wrongly("raw"), "averaged the neighbours' stars"),
            WrongAnswer(
                "divided by the number of neighbours", lambda: _predict_wrongly("plain count"), "not by their number"
            ),
            WrongAnswer("k ignored", lambda: _predict_wrongly("everybody"), "k most similar"),
            WrongAnswer("negative neighbours kept", lambda: _predict_wrongly("negative too"), "negative similarity"),
            WrongAnswer("no neighbours, no guard", lambda: _predict_wrongly("unguarded"), "divide by 0"),
            WrongAnswer("least similar first", lambda: _predict_wrongly("least"), "*least* similar"),
            WrongAnswer("not sorted", lambda: _predict_wrongly("first"), "as they stand"),
            WrongAnswer("no weights", lambda: _predict_wrongly("unweighted"), "count the same"),
            WrongAnswer("my_mean forgotten", lambda: _predict_wrongly("bare"), "my_mean is missing"),
        ),
        points=3,
        explanation="Each neighbour says how far the film was above or below *their* usual, and the average of those "
        "statements is moved to *your* usual. Dividing by the sum of the weights makes it an average: doubling all "
        "similarities changes nothing. With no neighbour there is no evidence, and your own mean is what is left.",
        expected=example(
            "predict_one(3, similarity=[0.9, 0.1], ratings=[5, 1], means=[4, 4], k=2)",
            lambda: _predict(3.0, np.array([0.9, 0.1]), np.array([5.0, 1.0]), np.array([4.0, 4.0]), 2),
        ),
    ),
    Exercise(
        id="2.2.5",
        title="A tripwire for leaks",
        kind="figure it out",
        prompt="""
            The report above fits on ratings that it is later tested on. You can see that in two lines; in a pipeline of
            two thousand you cannot. Write a test that finds such a leak *without reading the code*.

            A pipeline is a function `pipeline(train, test)` that returns one prediction for each row of `test`. It may
            look at the users and items of `test`, never at its ratings. Think: what must *not* happen when you change
            them?
        """,
        reference=lambda: _leaks,
        check=_check_leaks,
        hints=(
            "An honest pipeline cannot know the test ratings. So if somebody replaced them by other numbers, its "
            "predictions would be ...?",
            "Run it twice, on `test` and on `test.assign(rating=1.0)`, and compare the two *predictions* with `np.allclose`.",
        ),
        wrong=(
            WrongAnswer("compares the errors", lambda: _leaks_by_error, "Compare the predictions"),
            WrongAnswer("changes the training part", lambda: _leaks_by_training, "training part"),
            WrongAnswer("looks for shared rows", lambda: _leaks_by_overlap, "never changed the test ratings"),
            WrongAnswer("changes one row", lambda: _leaks_by_first, "*every* test rating"),
            WrongAnswer("compares mean predictions", lambda: _leaks_by_mean, "row by row"),
            WrongAnswer("takes the column away", lambda: _leaks_without_column, "took the column away"),
            WrongAnswer("True and False swapped", lambda: _leaks_inverted, "wrong way round"),
            WrongAnswer("shuffles the answers", lambda: _leaks_by_shuffle, "keeps their mean"),
            WrongAnswer("changes its input", lambda: _leaks_in_place, "changed the frames"),
        ),
        points=3,
        explanation="This is a metamorphic test: you do not know the right predictions, but you know what must not change "
        "them. It needs no knowledge of the model, so it can stand in CI in front of every model you ever train. It does "
        "not see every leak: a model chosen because it was best *on this test part* has leaked through you.",
        expected=lambda: (
            "True for a pipeline that predicts each user's mean over train and test together,\n"
            "False for one that predicts each user's mean over train"
        ),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_two_films() -> str:
    """Real pairs with exactly two co-rated films that neither rated equally: is every correlation +1 or -1?"""
    stars = _profiles()
    values = []
    for a in range(len(stars)):
        for b in range(a):
            both = ~np.isnan(stars[a]) & ~np.isnan(stars[b])
            if both.sum() == 2 and np.ptp(stars[a][both]) and np.ptp(stars[b][both]):
                values.append(_pearson(stars[a], stars[b]))
    return "a" if values and np.allclose(np.abs(values), 1) else "b"


def _key_vote() -> str:
    said = _predict(3.0, np.array([0.7]), np.array([4.0]), np.array([4.5]), 1)
    return {4.0: "a", 3.5: "b", 2.5: "c"}[round(said, 6)]


@functools.cache
def _key_more_neighbours() -> str:
    train, test = split.random_split(datasets.load("ml-100k").ratings, test=0.2, seed=0)
    model = UserKNN(k=40, measure="pearson", variant="means", shrinkage=10, damping=0).fit(train)
    forty = rmse(test["rating"].to_numpy(), model.predict(test))
    model.k = 900
    change = rmse(test["rating"].to_numpy(), model.predict(test)) - forty
    if abs(change) > 0.05:
        return "c" if change > 0 else "a"
    return "b" if change > 0 else "a"


def _key_memory() -> str:
    terabytes = (1_000_000**2) * 8 / 1e12
    return {0.08: "a", 8.0: "b", 800.0: "c"}[terabytes]


@functools.cache
def _key_twins() -> str:
    """Among the pairs of real users with one co-rated film: which share has a cosine of 1?"""
    matrix = Ratings.from_frame(datasets.load("ml-100k").ratings).matrix
    known = (matrix > 0).astype(float)
    shared = (known @ known.T).toarray()
    cosine = similarity_matrix(matrix, "cosine")[shared == 1]
    share = float(np.mean(cosine > 1 - 1e-9))
    return "c" if share > 0.99 else "b" if share > 0.5 else "a"


QUIZ = [
    Question(
        text="Two users share exactly one film. One gave it 1 star, the other 5. Their cosine over co-rated films is",
        choices={"a": "low: they disagree", "b": "somewhere in the middle", "c": "1, the highest there is"},
        key=_key_twins,
        why={
            "a": "One number against one number: both point the same way along a line, so the angle is 0 and the cosine 1.",
            "b": "There is no middle with one film: 1 * 5 / sqrt(1 * 25) = 1, whatever the stars.",
            "c": "1 * 5 / sqrt(1 * 25) = 1. The cosine measures an angle, and on a line there is none. Hence the twins.",
        },
    ),
    Question(
        text="A neighbour whose mean is 4.5 gave a film 4 stars. Your mean is 3. With this neighbour alone, what is predicted for you?",
        choices={"a": "4.0", "b": "3.5", "c": "2.5"},
        key=_key_vote,
        why={
            "a": "That is their rating, not what it means: for somebody who usually gives 4.5, 4 stars is a complaint.",
            "b": "That adds half a star. But the film was half a star *below* their usual.",
            "c": "4 - 4.5 = -0.5 by their standards, so 3 - 0.5 by yours. With one neighbour the similarity cancels.",
        },
    ),
    Question(
        text="Two users share exactly two films, and neither gave both the same stars. Their Pearson correlation is",
        choices={"a": "+1 or -1, always", "b": "usually near 0", "c": "undefined"},
        key=_key_two_films,
        why={
            "a": "Two points always lie on a line, up or down. That is why few films must not be trusted.",
            "b": "Two points lie exactly on a line, so there is nothing in between.",
            "c": "It is undefined with one film, or without variance. Two different ratings have variance.",
        },
    ),
    Question(
        text="With Pearson and shrinkage 10, you raise k from 40 to 900 (all users). What happens to the RMSE?",
        choices={"a": "it falls further: more data", "b": "it rises a little", "c": "it rises steeply"},
        key=_key_more_neighbours,
        why={
            "a": "Those you add are less and less like you: they blur more than they inform.",
            "b": "The curve is flat on the right: far neighbours have small weights, so they do a little harm, not much.",
            "c": "Steep is the left end, where few neighbours' noise decides. On the right it averages out.",
        },
    ),
    Question(
        text="How large is the full user-user table of one million users, at 8 bytes a similarity?",
        choices={"a": "80 GB", "b": "8 TB", "c": "800 TB"},
        key=_key_memory,
        why={
            "a": "Too small by a factor of 100. The table has a million rows of a million entries.",
            "b": "(10^6)^2 is 10^12 entries, at 8 bytes each. Half of it, if you use the symmetry; still no cache entry.",
            "c": "That is the table of ten million users: ten times the users, a hundred times the table.",
        },
    ),
]
