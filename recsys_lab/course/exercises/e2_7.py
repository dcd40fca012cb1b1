"""Exercises and quiz of lesson 2.7, Cold start, hybrids and explanations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from recsys_lab import EASE, BiasedALS, ImplicitALS, Popularity, UserKNN, datasets, split
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, same
from recsys_lab.course.quiz import Question
from recsys_lab.errors import RecsysLabError
from recsys_lab.split import random_split


# ------------------------------------------------------------------ 2.7.1 five requests
@functools.cache
def _requests() -> tuple[str, ...]:
    """What really happens, on the toy data: users are names, films 1 to 8."""
    ratings = datasets.toy().ratings
    ease, als, implicit = (
        m.fit(ratings) for m in (EASE(reg=2, threshold=4), BiasedALS(factors=2), ImplicitALS(factors=2, threshold=4))
    )
    film = int(ratings["item"].iloc[0])
    calls: tuple[Callable[[], pd.DataFrame], ...] = (
        lambda: ease.recommend("a stranger"),
        lambda: ease.recommend_for({film: 1.0}),
        lambda: als.recommend_for({film: 1.0}),
        lambda: implicit.recommend_for({film: 1.0}),
        lambda: ease.recommend_for({film: 5.0, 10**6: 5.0}),
    )
    return tuple(map(_outcome, calls))


def _outcome(call: Callable[[], pd.DataFrame]) -> str:
    try:
        return "list" if len(call()) else "empty"
    except (RecsysLabError, LookupError):
        return "error"


_WHY_NOT = (
    "request 1: user 0 has no row in the model. `recommend` could guess, but its default is to say so loudly "
    '(`unknown="raise"`); falling back to the popular films is a choice that the caller makes.',
    "request 2: EASE adds up the weights of the films that the person *liked*. One star is no like, so there is nothing "
    "to add up. Nothing is wrong with the request either: the person and the film are fine.",
    "request 3: ALS learns from stars. One star is a rating like any other, and a strong one: the vector of the person "
    "points away from what Star Wars stands for.",
    "request 4: implicit ALS has no like to start from, so p_u = 0 solves its ridge. And p_u . q_i can be computed for "
    "every film. What are the scores, and what does a sort do with them?",
    "request 5: the film of today has no row in the model. One unknown id stops the whole request, although the other "
    "film would be enough for a list.",
)


def _check_requests(given: tuple[str, ...]) -> None:
    if len(given) != 5:
        raise Incorrect(f"five answers are wanted, one a request; there are {len(given)}.")
    words = [g.strip().lower() if isinstance(g, str) else g for g in given]
    for number, word in enumerate(words, 1):
        if word not in ("list", "empty", "error"):
            raise Incorrect(f'request {number}: {word!r} is none of "list", "empty", "error".')
    for word, right, why in zip(words, _requests(), _WHY_NOT):
        if word != right:
            raise Incorrect(why)


# ------------------------------------------------------------------ 2.7.2 fold-in
FoldIn = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def _fold_in(q: np.ndarray, d: np.ndarray, reg: float) -> np.ndarray:
    return np.linalg.solve(q.T @ q + reg * np.eye(q.shape[1]), q.T @ d)


def _fold_in_wrongly(how: str) -> FoldIn:
    def fold_in(q: np.ndarray, d: np.ndarray, reg: float) -> np.ndarray:
        n, k = q.shape
        if how == "no fine":
            return np.linalg.pinv(q) @ d
        if how == "mean of vectors":
            return q.mean(axis=0)
        if how == "weighted sum":
            return q.T @ d / (reg + n)
        if how == "means inside":
            return np.linalg.solve(q.T @ q / n + reg * np.eye(k), q.T @ d / n)
        if how == "fine squared":
            return np.linalg.solve(q.T @ q + reg**2 * np.eye(k), q.T @ d)
        if how == "fine everywhere":
            return np.linalg.solve(q.T @ q + reg, q.T @ d)
        if how == "scores":
            return q @ _fold_in(q, d, reg)
        if how == "diagonal":
            return q.T @ d / (np.square(q).sum(axis=0) + reg)
        raise ValueError(how)

    return fold_in


def _check_fold_in(fold_in: FoldIn) -> None:
    q, d, reg = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 2.0]]), np.array([1.0, -2.0]), 0.5
    before = q.copy(), d.copy()
    got = fold_in(q, d, reg)
    if got is None:
        raise Incorrect("the function gives None: is a `return` missing?")
    if not (np.array_equal(q, before[0]) and np.array_equal(d, before[1])):
        raise Incorrect("your function changed q or d. They are the model's own vectors: work on copies.")
    got = np.asarray(got, dtype=float)
    if got.shape in ((3, 1), (1, 3)):
        raise Incorrect(f"the shape should be (3,), but is {got.shape}: one number for each column of q, in one row.")
    messages = {
        "no fine": "the fine is missing. With two ratings and three unknowns many vectors fit exactly; lambda chooses a short one.",
        "mean of vectors": "that is the average of the films' vectors, whatever was said of them. The remainders d must "
        "have a say: a disliked film should push the vector away.",
        "weighted sum": "that is a damped sum of the films' vectors, as if they pointed in unrelated directions. Films "
        "that are alike would be counted twice; the matrix Q^T Q is there to prevent that.",
        "means inside": "you divided Q^T Q and Q^T d by n. The fine then weighs n times as much; the formula has sums.",
        "fine squared": "you squared lambda. It is the price of |p|^2 as it stands.",
        "fine everywhere": "lambda was added to every entry of the matrix. It belongs on the diagonal: lambda times I.",
        "scores": "these are the products q p_u, one a film. Return the vector p_u, one number for each column of q.",
        "diagonal": "only the diagonal of Q^T Q was used. The vectors' columns are not independent: solve the whole system.",
    }
    for how, message in messages.items():
        wrong = _fold_in_wrongly(how)(q, d, reg)
        if got.shape == wrong.shape and np.allclose(got, wrong, atol=1e-7):
            raise Incorrect(message)
    same(got, _fold_in(q, d, reg), what="two films, three numbers each, reg = 0.5")
    none = np.asarray(fold_in(np.zeros((0, 3)), np.zeros(0), 1.0), dtype=float)
    if none.shape != (3,) or np.isnan(none).any():
        raise Incorrect(
            "somebody without ratings (n = 0) should get a vector of zeros: the formula gives it by itself."
        )
    same(none, np.zeros(3), what="somebody without ratings")
    rng = np.random.default_rng(0)
    for n, k, lam in ((1, 4, 2.0), (30, 4, 0.1), (4, 4, 10.0), (12, 50, 3.0)):
        q, d = rng.normal(size=(n, k)), rng.normal(size=n)
        same(fold_in(q, d, lam), _fold_in(q, d, lam), what=f"{n} films of {k} numbers, reg = {lam:g}", rtol=1e-5)


# ------------------------------------------------------------------ 2.7.3 which film to ask about
AskScore = Callable[[pd.DataFrame], pd.Series]


def _ask_score(ratings: pd.DataFrame) -> pd.Series:
    counts = ratings.groupby(["item", "rating"]).size().unstack(fill_value=0)
    n = counts.sum(axis=1)
    f = counts.div(n, axis=0)
    return np.log2(n) * -(f * np.log2(f.where(f > 0, 1))).sum(axis=1)


def _ask_wrongly(how: str) -> AskScore:
    def ask_score(ratings: pd.DataFrame) -> pd.Series:
        counts = ratings.groupby(["item", "rating"]).size().unstack(fill_value=0)
        n = counts.sum(axis=1)
        f = counts.div(n, axis=0)
        if how == "of all":
            f = counts / len(ratings)
        if how == "of the stars":
            f = counts.div(counts.sum(axis=0), axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(f.where(f > 0, 1)) if how == "natural" else np.log2(f.where(f > 0, 1))
            bits = -(f * log).sum(axis=1)
            if how == "nan":
                return np.log2(n) * -(f * np.log2(f)).sum(axis=1, skipna=False)
            if how == "entropy":
                return bits
            if how == "popularity":
                return n * bits
            if how == "sign":
                return -np.log2(n) * bits
            if how == "everywhere":
                share = ratings["rating"].value_counts(normalize=True)
                return np.log2(n) * -(share * np.log2(share)).sum()
            if how == "spread":
                return np.log2(n) * ratings.groupby("item")["rating"].var(ddof=0)
            return (np.log(n) if how == "natural" else np.log2(n)) * bits

    return ask_score


def _check_ask(ask_score: AskScore) -> None:
    agree = pd.DataFrame({"user": range(8), "item": 7, "rating": 4.0})
    split_ = pd.DataFrame({"user": range(8), "item": 9, "rating": [1.0, 5.0, 3.0, 4.0] * 2})
    tilted = pd.DataFrame({"user": range(4), "item": 5, "rating": [5.0, 5.0, 5.0, 2.0]})
    lone = pd.DataFrame({"user": [0], "item": 3, "rating": [2.0]})
    ratings = pd.concat([agree, split_, tilted, lone], ignore_index=True)
    for table in (ratings, datasets.toy().ratings, datasets.load("ml-100k").ratings):
        copy = table.copy()
        got, want = ask_score(copy), _ask_score(table)
        if got is None:
            raise Incorrect("the function gives None: is a `return` missing?")
        if not copy.equals(table):
            raise Incorrect("your function changed the ratings it was given. Work on new columns or a copy.")
        if isinstance(got, pd.DataFrame) or not isinstance(got, pd.Series):
            raise Incorrect(f"return a Series indexed by film id; this is a {type(got).__name__}.")
        if set(got.index) != set(want.index) or len(got) != len(want):
            raise Incorrect("each film that has ratings should have one score: group by `item`.")
        got = got.reindex(want.index).astype(float)
        if got.isna().any():
            raise Incorrect(
                "some scores are NaN. Where nobody gave s stars the share is 0, and 0 * log2(0) is NaN in NumPy: such a "
                "share adds nothing to the sum. A film rated once scores 0."
            )
        messages = {
            "entropy": "that is the entropy alone. Multiply by log2(n): can the person answer at all?",
            "popularity": "you multiplied by n and not by log2(n). Then popularity decides nearly alone.",
            "natural": "these are natural logarithms. The formula counts in bits, with np.log2 in both places.",
            "sign": "all scores are negative (or 0). Logarithms of shares are negative, so the entropy has a minus in front.",
            "of all": "the shares must add up to 1 within each film: divide by the film's own number of ratings.",
            "of the stars": "you divided by how often each star was given overall. Divide by the film's number of ratings.",
            "everywhere": "every film got the same entropy, that of all ratings. Count the stars film by film.",
            "spread": "that is the variance of the stars. Entropy asks how evenly the answers are spread, not how far apart.",
        }
        for how, message in messages.items():
            if np.allclose(got, _ask_wrongly(how)(table).reindex(want.index)):
                raise Incorrect(message)
        same(got, want, what="log2(n) * H of each film")


# ------------------------------------------------------------------ 2.7.4 weights without a leak
Model = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]
Weights = Callable[[list[Model], pd.DataFrame], np.ndarray]


def _predictions(models: list[Model], fit: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    return np.column_stack([np.asarray(model(fit, rows), dtype=float) for model in models])


def _weights(models: list[Model], train: pd.DataFrame) -> np.ndarray:
    fit, held_out = random_split(train, test=0.2, seed=1)
    mu = fit["rating"].mean()
    return nnls(_predictions(models, fit, held_out) - mu, held_out["rating"] - mu)[0]


def _weights_wrongly(how: str) -> Weights:
    def weights(models: list[Model], train: pd.DataFrame) -> np.ndarray:
        fit, held_out = random_split(train, test=0.2, seed=1)
        mu = fit["rating"].mean()
        if how == "leaky":
            return nnls(_predictions(models, train, train) - mu, train["rating"] - mu)[0]
        if how == "constant":
            a, y = _predictions(models, fit, held_out), held_out["rating"]
            return nnls(a - a.mean(axis=0), y - y.mean())[0]
        if how == "each its own":
            parts = [random_split(train, test=0.2, seed=k) for k in range(len(models))]
            a = np.column_stack([model(*part) for model, part in zip(models, parts)])
            return nnls(a - mu, parts[0][1]["rating"] - mu)[0]
        if how == "fits on all":
            return nnls(_predictions(models, train, held_out) - mu, held_out["rating"] - mu)[0]
        a, y = _predictions(models, fit, held_out), held_out["rating"]
        if how == "negative":
            return np.linalg.lstsq(a - mu, y - mu, rcond=None)[0]
        if how == "clipped":
            return np.linalg.lstsq(a - mu, y - mu, rcond=None)[0].clip(0)
        if how == "not centred":
            return nnls(a, y)[0]
        w = nnls(a - mu, y - mu)[0]
        if how == "normalised":
            return w / w.sum()
        if how == "by error":
            w = 1 / np.sqrt(((a - y.to_numpy()[:, None]) ** 2).mean(axis=0))
            return w / w.sum()
        if how == "equal":
            return np.full(len(models), 1 / len(models))
        raise ValueError(how)

    return weights


@functools.cache
def _ratings_for_weights() -> pd.DataFrame:
    """Real ratings with odd row labels, so that labels and positions cannot be confused."""
    frame = datasets.load("ml-100k").ratings.iloc[::60][["user", "item", "rating"]]
    return frame.set_axis(np.arange(len(frame)) * 3 + 7)


def _memory(fit: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Repeats what it was fitted on; of the rest it says something wild."""
    known = fit.set_index(["user", "item"])["rating"]
    asked = pd.MultiIndex.from_frame(rows[["user", "item"]])
    noise = 1.0 + (rows["user"].to_numpy() * 7 + rows["item"].to_numpy() * 3) % 5
    repeated = known.reindex(asked).to_numpy()
    return np.where(np.isnan(repeated), noise, repeated)


def _user_mean(fit: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    mu = fit["rating"].mean()
    group = (fit["rating"] - mu).groupby(fit["user"])
    return mu + rows["user"].map(group.sum() / (group.size() + 1)).fillna(0).to_numpy()


def _film_mean(fit: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    mu = fit["rating"].mean()
    group = (fit["rating"] - mu).groupby(fit["item"])
    return mu + rows["item"].map(group.sum() / (group.size() + 1)).fillna(0).to_numpy()


def _contrary(fit: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """The film means upside down: least squares would give it a negative weight."""
    return 2 * fit["rating"].mean() - _film_mean(fit, rows) + 0.3 * (_user_mean(fit, rows) - fit["rating"].mean())


Call = tuple[int, pd.DataFrame, pd.DataFrame, np.ndarray]  # which model, what it was fitted on, asked, and said


def _watched(number: int, model: Model, seen: list[Call]) -> Model:
    def watched(fit: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
        predicted = model(fit, rows)
        seen.append((number, fit.copy(), rows.copy(), predicted))
        return predicted.copy()

    return watched


def _check_weights(weights: Weights) -> None:
    train = _ratings_for_weights()
    for models in ([_user_mean, _film_mean], [_memory, _film_mean, _user_mean], [_film_mean, _contrary, _user_mean]):
        seen: list[Call] = []

        mine = train.copy()
        got = weights([_watched(n, m, seen) for n, m in enumerate(models)], mine)
        if got is None:
            raise Incorrect("the function gives None: is a `return` missing?")
        if not mine.equals(train):
            raise Incorrect("your function changed the frame it was given. Work on parts or copies of it.")
        got = np.asarray(got, dtype=float)
        if got.shape != (len(models),):
            raise Incorrect(f"one weight for each of the {len(models)} models is wanted; the shape is {got.shape}.")
        if {number for number, *_ in seen} != set(range(len(models))):
            raise Incorrect(
                "not every model was asked. Without their predictions on held-out ratings nothing is learned."
            )
        for _, fit, rows, _ in seen:
            pairs, known = (set(zip(t["user"], t["item"])) for t in (rows, fit))
            if pairs == known or (pairs & known and len(known) == len(train)):
                raise Incorrect(
                    f"{len(pairs & known):,} of the {len(pairs):,} ratings on which the weights are learned were in the "
                    "fitting part: that is the leak. A model that only repeats gets all the weight. Fit on one part, "
                    "predict the other."
                )
            if pairs & known:
                raise Incorrect(
                    f"{len(pairs & known):,} ratings stand in both parts. Fitting part and held-out part must not overlap."
                )
        if (got < -1e-9).any():
            raise Incorrect(
                f"the weights {np.round(got, 3)} are not all >= 0: plain least squares bets that two models' errors will "
                "cancel. Use scipy.optimize.nnls, or LinearRegression(positive=True, fit_intercept=False)."
            )
        _compare_weights(got, seen, len(models), train)


def _compare_weights(got: np.ndarray, seen: list[Call], n_models: int, train: pd.DataFrame) -> None:
    """Against the regression on exactly what the learner's models predicted, whichever split was used."""
    by_model = [[(fit, rows, p) for number, fit, rows, p in seen if number == m] for m in range(n_models)]
    asked = [pd.concat([rows[["user", "item"]] for _, rows, _ in calls]) for calls in by_model]
    if any(not np.array_equal(table, asked[0]) for table in asked):
        raise Incorrect(
            "the models were asked about different ratings. Split once, and let every model predict the same rows."
        )
    a = np.column_stack([np.concatenate([p for *_, p in calls]) for calls in by_model])
    y = train.set_index(["user", "item"])["rating"].reindex(pd.MultiIndex.from_frame(asked[0])).to_numpy()
    if np.isnan(y).any():
        raise Incorrect("the models were asked about pairs that are not in `train`. Hold out rows of it.")
    fit_mean = np.concatenate([np.full(len(rows), fit["rating"].mean()) for fit, rows, _ in by_model[0]])
    means = (fit_mean, np.full(len(y), train["rating"].mean()), np.full(len(y), y.mean()))
    if any(np.allclose(got, nnls(a - mu[:, None], y - mu)[0], atol=1e-4) for mu in means):
        return
    right = nnls(a - fit_mean[:, None], y - fit_mean)[0]
    if np.allclose(got, nnls(a, y)[0], atol=1e-4):
        raise Incorrect("the mean was not taken off. The formula weighs how far each prediction is from mu.")
    if np.allclose(got, right / right.sum(), atol=1e-4):
        raise Incorrect("you divided the weights by their sum. They need not add up to 1: a smaller sum is caution.")
    if np.allclose(got, 1 / n_models, atol=1e-9):
        raise Incorrect(
            "these are equal weights. A good last resort, but nothing was learned from the held-out ratings."
        )
    plain = np.linalg.lstsq(a - fit_mean[:, None], y - fit_mean, rcond=None)[0]
    if np.allclose(got, plain.clip(0), atol=1e-4):
        raise Incorrect(
            "you set negative weights to 0 after the fact. The others were chosen to go along with them: nnls finds the "
            "best among all weights >= 0."
        )
    free = nnls(a - a.mean(axis=0), y - y.mean())[0]
    if np.allclose(got, free, atol=1e-4):
        raise Incorrect(
            "you fitted a constant as well. The formula has mu in its place: fit_intercept=False, on what is left of mu."
        )
    raise Incorrect(
        f"on the predictions that your models made, non-negative least squares gives {np.round(right, 3)}; you return "
        f"{np.round(got, 3)}. Regress (rating - mu) on (prediction - mu), without a constant."
    )


# ------------------------------------------------------------------ 2.7.5 the chain
Service = Callable[[dict], list]
Chain = list[tuple[str, Service]]
Answer = Callable[[Chain, dict, int], list]


def _answer(chain: Chain, history: dict, n: int) -> list[tuple[Any, str]]:
    filled: list[tuple[Any, str]] = []
    taken = set(history)
    for name, service in chain:
        if len(filled) == n:
            break
        try:
            proposed = service(history)
        except Exception:
            continue
        for film in proposed:
            if film not in taken and len(filled) < n:
                filled.append((film, name))
                taken.add(film)
    return filled


def _answer_wrongly(how: str) -> Answer:
    def answer(chain: Chain, history: dict, n: int) -> list[tuple[Any, str]]:
        filled: list[tuple[Any, str]] = []
        taken = set() if how == "seen" else set(history)
        for name, service in chain:
            if len(filled) == n and how != "calls all":
                break
            try:
                proposed = service(history)
            except Exception:
                if how == "raises":
                    raise
                if how == "gives up":
                    break
                continue
            for film in proposed:
                if film not in taken and (len(filled) < n or how == "too long"):
                    filled.append((film, name))
                    if how != "repeats":
                        taken.add(film)
            if filled and how == "first answer":
                break
        return [film for film, _ in filled] if how == "no names" else filled  # type: ignore[return-value]

    return answer


def _check_answer(answer: Answer) -> None:
    called: list[str] = []

    def says(name: str, films: list | BaseException) -> tuple[str, Service]:
        def service(history: dict) -> list:
            called.append(name)
            if isinstance(films, BaseException):
                raise films
            return list(films)

        return name, service

    def run(chain: Chain, history: dict, n: int) -> list:
        called.clear()
        before, kept = dict(history), list(chain)
        try:
            got = answer(kept, history, n)
        except (TimeoutError, KeyError, ZeroDivisionError) as error:
            raise Incorrect(
                f"a service raised {type(error).__name__}, and so did the chain. Catch it (`except Exception`) and ask "
                "the next one."
            ) from None
        if history != before or kept != chain:
            raise Incorrect("your function changed the history or the chain. They belong to the caller.")
        if got is None:
            raise Incorrect("the function gives None: is a `return` missing?")
        if not isinstance(got, (list, tuple)) or any(not isinstance(e, (list, tuple)) or len(e) != 2 for e in got):
            raise Incorrect(
                "return a list of pairs (film, name of the service), so that somebody can count who answered."
            )
        return [tuple(e) for e in got]

    popular = says("popular", [1, 2, 3, 4, 5, 6])
    cases: list[tuple[str, Chain, dict, int]] = [
        ("a service that fills all places", [says("a", [7, 8, 9]), popular], {}, 3),
        ("a service that gives two films for four places", [says("a", [7, 8]), popular], {}, 4),
        ("an empty first service", [says("a", []), popular], {}, 3),
        ("films of the history are proposed", [says("a", [7, 8, 9]), popular], {8: 5.0, 1: 2.0}, 4),
        ("two services propose the same film", [says("a", [2, 7]), popular], {}, 4),
        ("one service repeats a film", [says("a", [7, 7, 8]), popular], {}, 3),
        ("a timeout in the first service", [says("a", TimeoutError()), popular], {}, 3),
        ("two broken services in a row", [says("a", KeyError(9)), says("b", ZeroDivisionError()), popular], {}, 2),
        ("a broken service after a short one", [says("a", [7]), says("b", TimeoutError()), popular], {}, 3),
        ("three services in turn", [says("a", [7]), says("b", [8]), popular], {7: 1.0}, 3),
        ("everything together is too short", [says("a", [7]), says("b", [7])], {}, 5),
        ("all services fail", [says("a", TimeoutError())], {}, 5),
        ("an empty chain", [], {1: 3.0}, 5),
    ]
    for what, chain, history, n in cases:
        got, want = run(chain, history, n), _answer(chain, history, n)
        films = [film for film, _ in got]
        if len(films) > n:
            raise Incorrect(f"{what}: {len(films)} films for {n} places. Stop when they are filled.")
        if set(films) & set(history):
            raise Incorrect(f"{what}: film {(set(films) & set(history)).pop()} is in the history and was answered.")
        if len(set(films)) < len(films):
            raise Incorrect(f"{what}: a film is listed twice. Remember what is taken, over all services.")
        if len(got) < len(want):
            raise Incorrect(
                f"{what}: {len(got)} of {len(want)} possible places are filled. Do not stop at the first service that says "
                "something, nor at the first that fails: let the next one fill what is free."
            )
        if got != want:
            raise Incorrect(f"{what}: the answer should be {want}, but is {got}.")
    run([says("a", [7, 8, 9]), popular], {}, 3)
    if "popular" in called:
        raise Incorrect(
            "all places were filled by the first service, and the second was called all the same. In production that costs "
            "its latency in every request: look first whether a place is free."
        )
    run([says("a", [7, 8]), popular], {}, 3)
    if called.count("a") != 1:
        raise Incorrect(
            f"service a was called {called.count('a')} times in one request. Once is enough: keep its answer."
        )

    def stopped(history: dict) -> list:
        raise KeyboardInterrupt

    try:
        answer([("a", stopped), popular], {}, 2)
    except KeyboardInterrupt:
        return
    raise Incorrect(
        "KeyboardInterrupt was swallowed: a bare `except:` catches even the wish to stop the program. "
        "Write `except Exception:`."
    )


# ------------------------------------------------------------------ 2.7.6 decisive ratings
Recommend = Callable[[dict, int], list]
Decisive = Callable[[Recommend, dict, Any, int], set]


def _decisive(recommend: Recommend, history: dict, film: Any, n: int) -> set:
    found = set()
    for rated in history:
        rest = {other: stars for other, stars in history.items() if other != rated}
        if film not in [other for other in recommend(rest, n + 1) if other != rated][:n]:
            found.add(rated)
    return found


def _decisive_wrongly(how: str) -> Decisive:
    def decisive(recommend: Recommend, history: dict, film: Any, n: int) -> set:
        found = set()
        if how == "highest":
            return {max(history, key=history.__getitem__)}
        for rated in list(history):
            rest = {other: stars for other, stars in history.items() if other != rated}
            if how == "competitor":
                listed = recommend(rest, n)
            elif how == "alone":
                listed = recommend({rated: history[rated]}, n)
                if film in listed:
                    found.add(rated)
                continue
            elif how == "one star":
                listed = recommend(history | {rated: 1.0}, n)
            elif how == "first place":
                listed = [other for other in recommend(rest, n + 1) if other != rated][:1]
            elif how == "longer":
                listed = [other for other in recommend(rest, n + 1) if other != rated]
                listed = recommend(rest, n + 1) if rated not in recommend(rest, n + 1) else listed
            elif how == "in place":
                stars = history.pop(rated)
                listed = [other for other in recommend(history, n + 1) if other != rated][:n]
                if film not in listed:
                    found.add(rated)
                    continue
                history[rated] = stars
                continue
            else:
                listed = [other for other in recommend(rest, n + 1) if other != rated][:n]
            if (film in listed) == (how == "kept"):
                found.add(rated)
        return found

    return decisive


def _linear(table: dict[Any, dict[Any, float]], films: list) -> Recommend:
    """A little service: score of a film = sum over the history of its weight times the stars; ties by the order of films."""

    def recommend(history: dict, n: int) -> list:
        scores = {f: sum(table.get(h, {}).get(f, 0.0) * s for h, s in history.items()) for f in films}
        order = sorted((f for f in films if f not in history), key=lambda f: (-scores[f], films.index(f)))
        return order[:n]

    return recommend


@functools.cache
def _real_service() -> tuple[Recommend, list[dict]]:
    ratings = datasets.load("ml-100k").ratings
    model = EASE(threshold=4).fit(ratings[ratings["user"] > 60])
    known = ratings[ratings["item"].isin(model.train_.items.ids)]
    people = [known[known["user"] == user].head(8) for user in (2, 10, 24)]
    histories = [dict(zip(p["item"].tolist(), p["rating"].tolist())) for p in people]

    def recommend(history: dict, n: int) -> list:
        return model.recommend_for(history, n=n)["item"].tolist() if history else []

    return recommend, histories


def _cases() -> list[tuple[str, Recommend, dict, Any, int]]:
    films = [1, 2, 3, 10, 11, 12, 13]
    pillar = _linear({1: {10: 3.0}, 2: {10: 0.1, 11: 1.0}, 3: {12: 1.0}}, films)
    two = _linear({1: {10: 3.0}, 2: {10: 3.0}, 3: {12: 1.0, 11: 0.5}}, films)
    # Without film 1, film 1 itself has the highest score of all: it must not push film 10 off the list.
    rival = _linear({1: {10: 0.1, 12: 1.0}, 2: {1: 9.0, 10: 1.0, 2: 9.0}, 3: {1: 9.0, 2: 9.0, 3: 9.0, 10: 1.0}}, films)
    # Film 10 is second; what decides is whether it is still among two, not whether it leads.
    second = _linear({1: {11: 5.0, 10: 1.0}, 2: {10: 2.0, 11: 1.0}, 3: {12: 2.5, 13: 2.5}}, films)
    cases: list[tuple[str, Recommend, dict, Any, int]] = [
        ("one rating carries the film", pillar, {1: 5.0, 2: 4.0, 3: 4.0}, 10, 1),
        ("two ratings carry it, each alone would do", two, {1: 5.0, 2: 5.0, 3: 4.0}, 10, 1),
        ("a film taken away becomes listable itself", rival, {1: 5.0, 2: 5.0, 3: 5.0}, 10, 1),
        ("a list of two", second, {1: 5.0, 2: 5.0, 3: 4.0}, 10, 2),
        (
            "a low rating that pushes a rival down",
            _linear({1: {11: -1.0}, 2: {11: 2.0, 10: 1.8}}, films),
            {1: 5.0, 2: 5.0},
            10,
            1,
        ),
    ]
    recommend, histories = _real_service()
    for number, history in enumerate(histories, 1):
        for film in recommend(history, 5):
            cases.append((f"real ratings, person {number}, film {film}", recommend, history, film, 5))
    return cases


_WHAT_ELSE = {
    "competitor": "a film that you took out of the history was recommended itself, and pushed the film off the list. "
    "That is an effect of the test and no reason. Ask for n + 1 films and leave it out.",
    "kept": "you collected the ratings without which the film *stays*. Decisive are those without which it goes.",
    "alone": "you kept one rating and took all others away. That asks what is enough alone; asked is what is missed.",
    "one star": "you lowered the rating and did not take it away. One star is a statement, too.",
    "first place": "you looked at the first place only. The film is on the list while it is among the n best.",
    "longer": "you looked at n + 1 places. Without the film that was taken away, cut at n.",
}


def _check_decisive(decisive: Decisive) -> None:
    found, cases = [], _cases()
    for _, recommend, history, film, n in cases:
        mine = dict(history)
        got = decisive(recommend, mine, film, n)
        if mine != history:
            raise Incorrect(
                "your function changed the history: after it, the person has lost ratings. Build a new dict."
            )
        if got is None:
            raise Incorrect("the function gives None: is a `return` missing?")
        if not isinstance(got, (set, frozenset, list, tuple, np.ndarray, pd.Index, pd.Series, dict)):
            raise Incorrect(f"return a set of film ids; this is a {type(got).__name__}.")
        found.append(set(got))
    want = [_decisive(recommend, history, film, n) for _, recommend, history, film, n in cases]
    wrong = [k for k in range(len(cases)) if found[k] != want[k]]
    if not wrong:
        return
    what = cases[wrong[0]][0]
    for how, message in _WHAT_ELSE.items():
        mistake = _decisive_wrongly(how)
        if all(got == mistake(case[1], dict(case[2]), *case[3:]) for got, case in zip(found, cases)):
            raise Incorrect(f"{what}: {message}")
    right, given = (sorted(sets[wrong[0]]) or "none" for sets in (want, found))
    raise Incorrect(f"{what}: decisive are {right}, but you found {given}.")


def _all_wrong(make: Callable[[str], Any], *mistakes: tuple[str, str, str]) -> tuple[WrongAnswer, ...]:
    """Wrong answers made by make(how), from (name, how, says)."""
    return tuple(WrongAnswer(name, functools.partial(make, how), says) for name, how, says in mistakes)


EXERCISES = [
    Exercise(
        id="2.7.1",
        title="Five requests on a Monday morning",
        kind="figure it out",
        prompt="""
            What does each of the five requests above give: a `"list"` of films, an `"empty"` list, or an `"error"`?
            Predict before you run anything. You need what a like is (four stars or more for EASE and implicit ALS), the
            formula of each score (lesson 2.6 has those of EASE and implicit ALS), and two rules: a model has one row for
            each user and film that it was fitted on; a film without a score is not listed, and a sum over no film at all
            is no score, whereas 0 is one.
        """,
        reference=_requests,
        check=_check_requests,
        hints=(
            "Ask of each request: does the model have a row for everything that is named? If so, what is summed up, and is "
            "there anything in the sum?",
            "Whoever names something that the model has no row for gets an error. Of the three requests about one star, one "
            "model has nothing to add up and says so; one uses the star; and one solves a ridge with nothing in it, gets "
            "p_u = 0, and sorts the films by p_u . q_i.",
        ),
        wrong=(
            WrongAnswer(
                "a stranger gets the popular films", lambda: ("list", "empty", "list", "list", "error"), "request 1"
            ),
            WrongAnswer(
                "a dislike is an error for EASE",
                lambda: ("error", "error", "list", "list", "error"),
                "nothing to add up",
            ),
            WrongAnswer("ALS needs likes", lambda: ("error", "empty", "empty", "list", "error"), "learns from stars"),
            WrongAnswer("implicit ALS says nothing", lambda: ("error", "empty", "list", "empty", "error"), "p_u = 0"),
            WrongAnswer(
                "unknown films are skipped", lambda: ("error", "empty", "list", "list", "list"), "One unknown id"
            ),
            WrongAnswer("another word", lambda: ("error", "nothing", "list", "list", "error"), "none of"),
        ),
        points=2,
        explanation="""
            An unknown user and an unknown film are errors by default: falling back is the caller's decision. For EASE a
            person without likes has an empty sum, and the library says so with an empty list. ALS uses the star. The
            dangerous one is request 4: the ridge without likes has the solution 0, so every film scores 0, and a stable
            sort lists the films in the order of the catalogue. It looks like an answer. Nothing in the logs is red.
        """,
        expected=lambda: "five words, one for each request; each of the three words occurs",
    ),
    Exercise(
        id="2.7.2",
        title="Fold in a newcomer",
        kind="build",
        prompt="""
            Write the ridge regression above as a function. It must work for fewer ratings than numbers in a vector, and
            for no ratings at all (`n = 0`: a vector of zeros).
        """,
        reference=lambda: _fold_in,
        check=_check_fold_in,
        hints=(
            "It is lesson 1.3's ridge: features `q`, target `d`, weights `p`. Which matrix gets the fine, and where?",
            "`np.linalg.solve(A, b)` with `A = q.T @ q + reg * np.eye(q.shape[1])` and `b = q.T @ d`.",
        ),
        wrong=_all_wrong(
            _fold_in_wrongly,
            ("no fine", "no fine", "fine is missing"),
            ("average of the vectors", "mean of vectors", "average of the films' vectors"),
            ("damped sum of the vectors", "weighted sum", "counted twice"),
            ("means in place of sums", "means inside", "divided Q^T Q"),
            ("lambda squared", "fine squared", "squared lambda"),
            ("lambda in every entry", "fine everywhere", "on the diagonal"),
            ("returns the scores", "scores", "one a film"),
            ("only the diagonal", "diagonal", "whole system"),
        ),
        points=2,
        explanation="With the films' vectors fixed, ALS is a linear regression for each user, and a newcomer's is no "
        "different from the others'. The fine makes the system solvable with one rating, and gives 0, which means the "
        "averages, with none. A disliked film (d < 0) pushes the vector away from it.",
        expected=example(
            "fold_in(q=[[1, 0], [1, 1]], d=[2, -1], reg=0.5)",
            lambda: _fold_in(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([2.0, -1.0]), 0.5),
        ),
    ),
    Exercise(
        id="2.7.3",
        title="Which film to ask about",
        kind="build",
        prompt="""
            Score every film by $\\log_2(n_i)\\, H_i$, both with logarithms to base 2. A film rated once, or one that all
            rated alike, scores 0.
        """,
        reference=lambda: _ask_score,
        check=_check_ask,
        hints=(
            "Count first: how many ratings of each film have 1, 2, ... stars? That is a table with a row for each film. "
            "Dividing each row by its sum gives the shares.",
            '`counts = ratings.groupby(["item", "rating"]).size().unstack(fill_value=0)`; then `f = counts.div(n, axis=0)`. '
            "In `f * np.log2(f)` put 1 for the shares that are 0, inside the logarithm: `f.where(f > 0, 1)`.",
        ),
        wrong=_all_wrong(
            _ask_wrongly,
            ("entropy alone", "entropy", "entropy alone"),
            ("n in place of its logarithm", "popularity", "not by log2"),
            ("natural logarithms", "natural", "natural logarithms"),
            ("the minus forgotten", "sign", "minus in front"),
            ("shares of all ratings", "of all", "within each film"),
            ("shares of each star", "of the stars", "overall"),
            ("0 log 0", "nan", "NaN"),
            ("one entropy for all films", "everywhere", "same entropy"),
            ("variance", "spread", "variance"),
        ),
        points=2,
        explanation="Entropy is the number of yes-no questions that an answer is worth. It is 0 where everybody agrees, "
        "and log2(5) where all five answers are equally frequent. The logarithm of the popularity is a compromise of the "
        "authors: with n itself, popularity would decide alone, since n runs from 1 to 500 and H from 0 to 2.3 only.",
        expected=lambda: "eight ratings, two each of 1, 3, 4 and 5 stars: log2(8) * 2 bits = 6",
    ),
    Exercise(
        id="2.7.4",
        title="The regression that paid for memory",
        kind="figure it out",
        prompt="""
            The colleague's function never touches the test part, and it leaks all the same. Find out where, and write
            `honest_weights` without the leak. Nothing else should change: one weight a model, none below 0, learned by
            regression on (prediction - mean).
        """,
        reference=lambda: _weights,
        check=_check_weights,
        hints=(
            "What has each model already seen when it is asked for the predictions from which the weights are learned?",
            "`fit, held_out = random_split(train, test=0.2, seed=1)`. Every model is fitted on `fit` and predicts "
            "`held_out`; then `nnls(predictions - mu, held_out['rating'] - mu)[0]` with the mean of `fit`.",
        ),
        wrong=_all_wrong(
            _weights_wrongly,
            ("the colleague's", "leaky", "that is the leak"),
            ("splits, and fits on everything", "fits on all", "that is the leak"),
            ("plain least squares", "negative", "not all >= 0"),
            ("negative weights set to 0", "clipped", "after the fact"),
            ("mean not taken off", "not centred", "mean was not taken off"),
            ("divided by the sum", "normalised", "divided the weights by their sum"),
            ("equal weights", "equal", "equal weights"),
            ("a constant fitted as well", "constant", "fitted a constant"),
            ("another split for each model", "each its own", "different ratings"),
            ("one over the error", "by error", "non-negative least squares gives"),
        ),
        points=3,
        explanation="A model that was fitted on a rating knows it, more or less by heart. Regressing the ratings on such "
        "predictions asks who remembers best, and the model with the smallest fine wins, with a weight above 1 because "
        "even it is a little cautious about what it remembers. On held-out ratings the question is who *predicts* best. "
        "Afterwards the models may be fitted again on everything; only the weights must be learned on the unseen.",
        expected=lambda: "for a model that only repeats what it was fitted on, beside film means: a weight near 0",
    ),
    Exercise(
        id="2.7.5",
        title="A chain that fills the page",
        kind="build",
        prompt="""
            Write the chain. Services are asked in their order, and each fills the places that are still free. What raises
            an exception is skipped. If all services together cannot fill the page, the list is shorter.
        """,
        reference=lambda: _answer,
        check=_check_answer,
        hints=(
            "One loop over the services, one over what a service proposes, and a set of films that are taken: the history "
            "to begin with. When is the next service not needed any more?",
            "`for name, service in chain:` stop if `len(filled) == n`; `try: proposed = service(history)`, "
            "`except Exception: continue`; then append `(film, name)` for each film that is not taken, while there is a place.",
        ),
        wrong=_all_wrong(
            _answer_wrongly,
            ("stops at the first service that says something", "first answer", "places are filled"),
            ("lets exceptions through", "raises", "so did the chain"),
            ("stops at the first that fails", "gives up", "places are filled"),
            ("answers what was seen", "seen", "in the history"),
            ("lists a film twice", "repeats", "twice"),
            ("asks every service", "calls all", "called all the same"),
            ("fills more places than there are", "too long", "Stop when they are filled"),
            ("does not say who answered", "no names", "pairs"),
        ),
        points=3,
        explanation="Each service sees the same history, and the set of taken films runs through all of them. Looking for a "
        "free place *before* the call is what keeps the slow last resort out of most requests. `except Exception` leaves "
        "KeyboardInterrupt and SystemExit alone. In production the skipped exception is logged and counted, and after "
        "many of them the service is not called for a while: that is the circuit breaker.",
        expected=example(
            'answer([("personal", gives 7), ("popular", gives 1, 2, 3)], {1: 5.0}, n=3)',
            lambda: str(_answer([("personal", lambda h: [7]), ("popular", lambda h: [1, 2, 3])], {1: 5.0}, 3)),
        ),
    ),
    Exercise(
        id="2.7.6",
        title="Is the reason the reason?",
        kind="figure it out",
        prompt="""
            Write a test of explanations that never looks into the model: for each rating of the history, take it away and
            ask whether the film is still on the list of `n`.

            There is a trap. The film that you take out of the history may now be recommended *itself*, at the top of the
            list. What does that do to the film in the last place, and how do you keep it out of the result?
        """,
        reference=lambda: _decisive,
        check=_check_decisive,
        hints=(
            "Build a new dict without the rating (the caller's stays as it is). If the film that was taken away comes up in "
            "the answer, one place is lost. How many films must you ask for, so that n others are left?",
            "`listed = [f for f in recommend(rest, n + 1) if f != rated][:n]`; the rating is decisive if `film` is not in it.",
        ),
        wrong=_all_wrong(
            _decisive_wrongly,
            ("the taken film competes", "competitor", "effect of the test"),
            ("those without which it stays", "kept", "*stays*"),
            ("one rating kept, the others away", "alone", "enough alone"),
            ("lowered to one star", "one star", "lowered the rating"),
            ("first place only", "first place", "first place only"),
            ("n + 1 places", "longer", "cut at n"),
            ("takes it out of the caller's dict", "in place", "changed the history"),
            ("the highest rating", "highest", "decisive are"),
        ),
        points=3,
        explanation="A counterfactual test needs only what a user has, too: the list. It finds the ratings that matter one "
        "by one. Where two ratings each would be enough, it finds none of them: the film is *overdetermined*, and the honest "
        "sentence is 'because of several films you liked'. The trap is an artefact of the intervention. Whoever tests "
        "systems by taking parts away meets it everywhere: what you took away is now somewhere else.",
        expected=lambda: "an empty set where two ratings carry the film, each strongly enough alone",
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
@functools.cache
def _key_first_rating() -> str:
    """Sixty newcomers with one known rating, a like: hits in the top ten of EASE and of popularity."""
    ratings = datasets.load("ml-100k").ratings
    newcomers = ratings.groupby("user").size().loc[lambda n: n >= 50].index[::6][:60]
    rest = ratings[~ratings["user"].isin(newcomers)]
    ease, popular = EASE(threshold=4).fit(rest), Popularity().fit(rest)
    hits = {"ease": 0, "popular": 0}
    for user in newcomers:
        mine = ratings[(ratings["user"] == user) & ratings["item"].isin(ease.train_.items.ids)]
        liked = mine.loc[mine["rating"] >= 4, "item"].sample(frac=1, random_state=0).tolist()
        for name, model in (("ease", ease), ("popular", popular)):
            hits[name] += len(set(model.recommend_for({liked[0]: 5.0}, n=10)["item"]) & set(liked[1:]))
    return "a" if hits["ease"] > hits["popular"] else "b"


def _key_large_fine() -> str:
    model = BiasedALS(factors=2, reg=1e9).fit(datasets.toy().ratings)
    listed = model.recommend_for({1: 5.0}, n=7)["item"].tolist()
    by_effect = model.train_.items.ids[np.argsort(-model.biases_.item, kind="stable")].tolist()
    by_effect.remove(1)
    popularity = Popularity().fit(datasets.toy().ratings).recommend_for({1: 5.0}, n=7)["item"].tolist()
    return "b" if listed == by_effect else "a" if listed == popularity else "c"


def _key_fall() -> str:
    """Take a like from a history: does EASE's score fall by the weight?"""
    model = EASE(reg=2, threshold=4).fit(datasets.toy().ratings)
    full = model.recommend_for({1: 5.0, 2: 4.0}, n=8).set_index("item")["score"]
    less = model.recommend_for({1: 5.0}, n=8).set_index("item")["score"]
    film = full.index.intersection(less.index)[0]
    columns = model.train_.items.rows([2, film])
    weight = float(model.weights_[columns[0], columns[1]])
    fall = float(full[film] - less[film])
    return "a" if np.isclose(fall, weight, atol=1e-6) else "b" if abs(fall) < abs(weight) else "c"


def _key_memory() -> str:
    train = _ratings_for_weights()
    leaky = _weights_wrongly("leaky")([_memory, _film_mean], train)
    honest = _weights([_memory, _film_mean], train)
    return "c" if leaky[0] > 0.9 and honest[0] < 0.5 else "a"


def _key_betrays() -> str:
    ratings = datasets.toy().ratings
    train, _ = split.per_user_split(ratings, test=0.3, seed=1)
    user, item = next((u, i) for u, i in zip(ratings["user"], ratings["item"]) if i in set(train["item"]))
    told = UserKNN(k=3, measure="cosine", shrinkage=0).fit(train).explain(user, item)
    others = EASE(reg=2, threshold=4).fit(train).explain(user, item)
    kinds = set(told["kind"]), set(others["kind"])
    return "b" if kinds[0] <= {"user"} and kinds[1] <= {"item"} else "a"


QUIZ = [
    Question(
        text="A newcomer has rated one film, and liked it. On average, whose top ten has more hits?",
        choices={"a": "EASE's, folded in from that film", "b": "the ten most rated films"},
        key=_key_first_rating,
        why={
            "a": "From about five ratings on. After one, EASE believes a single film and forgets what everybody watches.",
            "b": "One like is a rumour about a person; popularity rests on 743 people. The curves cross at about five ratings.",
        },
    ),
    Question(
        text="You raise the fine lambda of ALS without end. Towards which order does a newcomer's list go?",
        choices={
            "a": "the most rated films first",
            "b": "the films with the highest damped effect b_i first",
            "c": "a random order",
        },
        key=_key_large_fine,
        why={
            "a": "How *often* a film was rated has no part in mu + b_u + b_i.",
            "b": "p_u goes to 0, and mu + b_u + b_i is left; mu and b_u are the same for all films.",
            "c": "The dot product vanishes, but the averages stay, and they have an order.",
        },
    ),
    Question(
        text="The weights of a hybrid are learned on the predictions for the ratings on which the models were fitted. Who profits?",
        choices={
            "a": "nobody: the test part was not touched",
            "b": "the simplest model",
            "c": "the model that remembers best",
        },
        key=_key_memory,
        why={
            "a": "A leak needs no test data. What the models have seen leaks into the weights, and the hybrid suffers on the test.",
            "b": "A simple model repeats badly, so in this regression it looks bad.",
            "c": "On seen ratings, memory looks like skill. In the lesson it got the whole weight, and made the hybrid the worst of all.",
        },
    ),
    Question(
        text="EASE names a liked film as a reason, with the weight 0.04. You take that like away. The score of the recommended film falls by",
        choices={"a": "0.04", "b": "less than 0.04", "c": "more than 0.04"},
        key=_key_fall,
        why={
            "a": "The score is a plain sum over the likes, so a term that goes takes its weight along, and nothing else moves.",
            "b": "So it is with implicit ALS, where the other likes are fitted anew and take over a part. EASE fits nothing anew.",
            "c": "Nothing else in the sum changes, so nothing can be added to the fall.",
        },
    ),
    Question(
        text="Which explanation can hand the ratings of one person to another?",
        choices={
            "a": "EASE's: items of your own history",
            "b": "user k-NN's: what your neighbours gave",
            "c": "neither",
        },
        key=_key_betrays,
        why={
            "a": "It names your own films. (Its weights are made from many people's likes; only with very few raters they tell of one.)",
            "b": "Its rows are other users with their ratings. Whoever copies eight of your ratings becomes your neighbour and reads the rest.",
            "c": "The lesson read off every rating that it asked for, through the explanations of user k-NN.",
        },
    ),
]
