"""Exercises and quiz of lesson 1.5, Honest evaluation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import BiasBaseline, datasets, split
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, same
from recsys_lab.course.quiz import Question
from recsys_lab.evaluate import compare, evaluate_ratings
from recsys_lab.metrics import resampled_means, rmse
from recsys_lab.regression import LinearRegression

Array = np.ndarray
Pairs = list[tuple[Array, Array]]


@functools.cache
def _parts() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The random split of the lesson."""
    return split.random_split(datasets.load("ml-100k").ratings, test=0.2, seed=0)


# ------------------------------------------------------------------ 1.5.1 k-fold
def _k_fold(n: int, k: int) -> Pairs:
    blocks = np.array_split(np.arange(n), k)
    return [(np.concatenate(blocks[:f] + blocks[f + 1 :]), blocks[f]) for f in range(k)]


def _pairs(n: int, tests: list[Array]) -> Pairs:
    return [(np.setdiff1d(np.arange(n), test), test) for test in tests]


def _k_fold_rest_dropped(n: int, k: int) -> Pairs:
    return _pairs(n, [np.arange(f * (n // k), (f + 1) * (n // k)) for f in range(k)])


def _k_fold_rest_last(n: int, k: int) -> Pairs:
    ends = [f * (n // k) for f in range(k)] + [n]
    return _pairs(n, [np.arange(ends[f], ends[f + 1]) for f in range(k)])


def _k_fold_dealt(n: int, k: int) -> Pairs:
    return _pairs(n, [np.arange(n)[f::k] for f in range(k)])


def _k_fold_shuffled(n: int, k: int) -> Pairs:
    order = np.random.default_rng(0).permutation(n)
    return _pairs(n, [np.sort(block) for block in np.array_split(order, k)])


def _k_fold_all_rows(n: int, k: int) -> Pairs:
    return [(np.arange(n), test) for _, test in _k_fold(n, k)]


def _k_fold_swapped(n: int, k: int) -> Pairs:
    return [(test, train) for train, test in _k_fold(n, k)]


def _k_fold_tests_only(n: int, k: int) -> list[Array]:
    return [test for _, test in _k_fold(n, k)]


def _k_fold_masks(n: int, k: int) -> Pairs:
    return [(~np.isin(np.arange(n), test), np.isin(np.arange(n), test)) for _, test in _k_fold(n, k)]


def _k_fold_past_only(n: int, k: int) -> Pairs:
    return [(np.arange(test[0]), test) for _, test in _k_fold(n, k)]


def _rows(value: Any, what: str) -> Array:
    rows = np.asarray(list(value) if not isinstance(value, np.ndarray) else value)
    if rows.dtype == bool:
        raise Incorrect(f"{what} is a mask of True and False; give row numbers, `np.flatnonzero(mask)`.")
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise Incorrect(f"{what} should be a flat array of whole row numbers.")
    return rows


def _check_k_fold(k_fold_rows: Callable[[int, int], Any]) -> None:
    for n, k in ((10, 5), (10, 3), (7, 7), (11, 4), (2, 2), (103, 10)):
        what = f"k_fold_rows({n}, {k})"
        answer = k_fold_rows(n, k)
        if answer is None or not np.iterable(answer):
            same(answer, _k_fold(n, k), what=what)
        got = list(answer)
        if len(got) == 2 and k != 2:
            raise Incorrect(f"{what}: you return a single pair. Return a list with one pair for each of the {k} folds.")
        if len(got) == 1:
            raise Incorrect(f"{what}: you return one fold only. Does the `return` stand inside the loop?")
        if len(got) != k:
            raise Incorrect(f"{what}: there should be {k} pairs, one a fold, but there are {len(got)}.")
        if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in got):
            raise Incorrect(f"{what}: each fold is a pair (training rows, test rows); you give one thing a fold.")
        pairs = [(_rows(train, "the training part"), _rows(test, "the test part")) for train, test in got]
        want = _k_fold(n, k)
        if k > 2 and all(is_same(test, train) for (_, test), (train, _) in zip(pairs, want)):
            raise Incorrect(f"{what}: training and test are swapped: the training rows come first, and are the many.")
        for f, (train, test) in enumerate(pairs):
            both = np.intersect1d(train, test)
            if len(both):
                raise Incorrect(
                    f"{what}: row {both[0]} stands in the training *and* in the test part of fold {f}. The model would be "
                    "tested on what it has learned by heart."
                )
        tested = np.concatenate([test for _, test in pairs])
        never = np.setdiff1d(np.arange(n), tested)
        if len(never):
            raise Incorrect(
                f"{what}: row {never[0]} is never tested. {n} divided by {k} leaves a rest; the first {n % k} "
                "blocks take one row more."
                if n % k
                else f"{what}: row {never[0]} is never tested: each row is tested in exactly one fold."
            )
        if len(tested) > n:
            raise Incorrect(f"{what}: some row is tested twice; each row is tested in exactly one fold.")
        sizes = [len(test) for _, test in pairs]
        if sizes != [len(test) for _, test in want]:
            raise Incorrect(
                f"{what}: your test parts have the sizes {sizes}. Sizes may differ by one row at most: the first "
                f"{n % k} blocks take one more, the last does not take the whole rest."
            )
        for f, ((train, test), (want_train, want_test)) in enumerate(zip(pairs, want)):
            if not np.array_equal(test, want_test):
                if len(test) > 1 and not np.array_equal(np.sort(test), np.arange(test.min(), test.max() + 1)):
                    raise Incorrect(
                        f"{what}: the test part of fold {f} is {test.tolist()[:6]}. Blocks are consecutive: "
                        f"{want_test.tolist()[:6]}. (Shuffling comes before, and is the caller's business.)"
                    )
                raise Incorrect(
                    f"{what}: the test part of fold {f} should be {want_test.tolist()[:6]}, in rising order, "
                    f"but is {test.tolist()[:6]}."
                )
            missing = np.setdiff1d(want_train, train)
            if len(missing):
                raise Incorrect(
                    f"{what}: fold {f} does not train on row {missing[0]}. The training part is *everything* that "
                    "the test part is not, also what comes after it."
                )
            same(train, want_train, what=f"{what}: the training rows of fold {f}")


# ------------------------------------------------------------------ 1.5.2 learning curves without names
SIZES = (500, 2000, 8000, 32000, 80000)
# P training, P test, Q training, Q test, R training, R test: what the prompt shows. The reference measures it again.
SHOWN = (
    (0.967, 0.929, 0.281, 1.176, 1.132, 1.109),
    (0.939, 0.928, 0.517, 1.229, 1.131, 1.106),
    (0.931, 0.927, 0.746, 1.184, 1.111, 1.106),
    (0.931, 0.927, 0.897, 1.107, 1.107, 1.106),
    (0.932, 0.927, 0.948, 1.065, 1.109, 1.106),
)


def _table() -> str:
    rows = [f"| {size:,} | " + " | ".join(f"{value:.3f}" for value in line) + " |" for size, line in zip(SIZES, SHOWN)]
    return "\n            ".join(rows)  # indented as the prompt is


@functools.cache
def _curves() -> dict[str, pd.DataFrame]:
    """Training and test RMSE by rows, of the three models whose names the exercise hides."""
    train, test = _parts()
    movielens = datasets.load("ml-100k")
    everything = movielens.ratings
    first_genre = movielens.items.set_index("item")["genres"].str.split("|").str[0]
    released = movielens.items.set_index("item")["year"].astype("Float64").fillna(1995).astype(float)
    by_user = everything.groupby("user")["rating"].mean()
    by_film = everything.groupby("item")["rating"].mean()

    def leak(part: pd.DataFrame, rows: pd.DataFrame) -> Array:
        def features(of: pd.DataFrame) -> Array:
            return np.column_stack([of["user"].map(by_user), of["item"].map(by_film)])

        return LinearRegression().fit(features(part), part["rating"]).predict(features(rows))

    def memory(part: pd.DataFrame, rows: pd.DataFrame) -> Array:
        mean = part.assign(genre=part["item"].map(first_genre)).groupby(["user", "genre"])["rating"].mean()
        asked = pd.MultiIndex.from_arrays([rows["user"], rows["item"].map(first_genre)])
        return mean.reindex(asked).fillna(part["rating"].mean()).to_numpy()

    def line(part: pd.DataFrame, rows: pd.DataFrame) -> Array:
        def feature(of: pd.DataFrame) -> Array:
            return of["item"].map(released).to_numpy()[:, None]

        return LinearRegression().fit(feature(part), part["rating"]).predict(feature(rows))

    shuffled = train.sample(frac=1, random_state=0)
    out = {}
    for name, model in {"P": leak, "Q": memory, "R": line}.items():
        rows = []
        for size in SIZES:
            part = shuffled.head(size)
            rows.append([rmse(of["rating"], model(part, of)) for of in (part, test)])
        out[name] = pd.DataFrame(rows, columns=["training", "test"], index=pd.Index(SIZES, name="rows"))
    return out


def _diagnosis() -> dict[str, str]:
    """By rule: good on the test part from the first rows on; a wide gap; or neither."""
    curves = _curves()
    measured = np.column_stack([curves[name] for name in curves])
    assert np.allclose(measured, SHOWN, atol=0.001), "the table in the prompt of 1.5.2 is not what the models give"
    told = {}
    for name, curve in curves.items():
        first, last = curve.iloc[0], curve.iloc[-1]
        if first["test"] < 1.0:
            told[name] = "leak"
        else:
            told[name] = "variance" if last["test"] - last["training"] > 0.02 else "bias"
    return told


def _check_diagnosis(answer: Any) -> None:
    if not isinstance(answer, dict):
        raise Incorrect('give a dict, such as {"P": "bias", "Q": "bias", "R": "bias"}.')
    got = {str(name).strip().upper(): str(word).strip().lower() for name, word in answer.items()}
    same(set(got), {"P", "Q", "R"}, what="the models")
    unknown = sorted(set(got.values()) - {"bias", "variance", "leak"})
    if unknown:
        raise Incorrect(f"{unknown[0]!r} is none of the three words: choose from 'bias', 'variance', 'leak'.")
    if got["P"] != "leak":
        raise Incorrect(
            "look at the first line of P. From 500 ratings it predicts 943 users and 1,682 films as well as from 80,000. Most of "
            "them are not even among the 500, so where does it know them from?"
            if got["P"] == "bias"
            else "P has no gap at all: the test error is not above the training error, from the first line on. An open gap "
            "is what variance looks like."
        )
    for name in ("Q", "R"):
        if got[name] == "leak":
            raise Incorrect(
                f"{name} does not know too much: with 500 ratings its test error is above 1.1, and a leak would show there. "
                "Look at its gap at the bottom of the table."
            )
    if got["Q"] != "variance":
        raise Incorrect(
            "Q is far better on its training rows than on the others, and the two are still closing in: that gap is "
            "variance. A model with too much bias is bad on its training rows as well."
        )
    if got["R"] != "bias":
        raise Incorrect(
            "the two columns of R have met, at a high error, and more ratings change nothing. Without a gap there is no "
            "variance left to cure: the model is too simple."
        )


def _curves_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True)
    for ax, (name, curve) in zip(axes, _curves().items()):
        for part, style in (("test", "o-"), ("training", "s--")):
            ax.plot(curve.index, curve[part], style, label=part)
        ax.set(title=f"Model {name}", xscale="log", xlabel="training ratings")
    axes[0].set_ylabel("RMSE (stars)")
    axes[0].legend()
    figure_alt(fig, "Training and test error of the models P, Q and R by number of training ratings.")
    return fig


# ------------------------------------------------------------------ 1.5.3 three planted leaks
GUILTY = ("A", "E", "F")
INNOCENT = {
    "B": "sorting changes the order of the rows and no value in them. (D and E need it.)",
    "C": "a film's year and the moment of the rating are known when we predict: no rating, no later row is used.",
    "D": "counting from the start of a user's rows counts what had happened *before* each row. The past may be used, even if "
    "it is computed before the split.",
    "G": "the random split was agreed on. It chooses the question (part 1); it does not carry an answer across.",
    "H": "this average is taken after the split, from the training part only, and the training part is known.",
    "I": "the scaler is fitted on the training part. On both parts it would have been a leak, if a small one.",
    "J": "the model is fitted on the training part. What it is fed comes from the steps before.",
}


def _check_leaks(answer: Any) -> None:
    if not isinstance(answer, (str, list, tuple, set, frozenset, np.ndarray, pd.Series)):
        raise Incorrect('give a list of letters, such as ["B", "C", "D"].')
    letters = [str(part).strip().upper() for part in answer]
    got = {letter for letter in letters if letter not in ("", ",")}
    strange = sorted(got - set(GUILTY) - set(INNOCENT))
    if strange:
        raise Incorrect(f"{strange[0]!r} is not the letter of a step; they run from A to J.")
    for letter in sorted(got & set(INNOCENT)):
        raise Incorrect(f"{letter} is innocent: {INNOCENT[letter]}")
    if len(got) == 3:
        return
    missing = {
        "A": "one is left. How many rows did the deduplication drop, and how many should it have? Compare `len(events)` before and "
        "after.",
        "E": "one is left. Compute `cumcount` by hand for a user with three rows, forwards and backwards. Who knows the last one?",
        "F": "one is left. Take a film with two ratings, one in training and one in the test part. What is in its feature?",
    }
    first = next(letter for letter in GUILTY if letter not in got)
    if len(got) == 2:
        raise Incorrect(missing[first])
    raise Incorrect(
        f"there are three, and you name {len(got)}. Ask of each step: which rows does it read, and when were they known?"
    )


# ------------------------------------------------------------------ 1.5.4 the clock
Build = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def _knows_the_future(build: Build, log: pd.DataFrame, moments: Any) -> list[str]:
    guilty: set[str] = set()
    for moment in moments:
        rows = log[log["timestamp"] == moment]
        as_it_is, as_it_was = build(log, rows), build(log[log["timestamp"] < moment], rows)
        guilty |= {name for name in as_it_is if not as_it_is[name].equals(as_it_was[name])}
    return sorted(guilty)


def _clock(how: str) -> Callable[..., list[str]]:
    """The misconceptions, each one step away from the right tripwire."""

    def find(build: Build, log: pd.DataFrame, moments: Any) -> list[str]:
        guilty: set[str] = set()
        for moment in list(moments)[:1] if how == "first moment" else moments:
            when = log["timestamp"]
            rows = log[{"before": when < moment, "from then on": when >= moment}.get(how, when == moment)]
            cut = log[when <= moment] if how == "keeps the moment" else log[when < moment]
            if how == "changes ratings":
                cut = log.assign(rating=log["rating"].where(when < moment, 99.0))
            if how == "keeps only the later":
                cut = log[when >= moment]
            a, b = build(log, rows), build(cut, rows)
            if how == "gaps":
                guilty |= {name for name in a if (a[name] != b[name]).any()}
            elif how == "means":
                guilty |= {name for name in a if not np.isclose(a[name].mean(), b[name].mean(), equal_nan=True)}
            elif how == "lengths":
                guilty |= {name for name in a if len(a[name]) != len(b[name])}
            else:
                guilty |= {name for name in a if not a[name].equals(b[name])}
        return sorted(guilty)

    return find


def _clock_in_place(build: Build, log: pd.DataFrame, moments: Any) -> list[str]:
    guilty: set[str] = set()
    for moment in sorted(moments, reverse=True):
        rows = log[log["timestamp"] == moment]
        before = build(log, rows)
        log.drop(log.index[log["timestamp"] >= moment], inplace=True)
        after = build(log, rows)
        guilty |= {name for name in before if not before[name].equals(after[name])}
    return sorted(guilty)


def _clock_last_only(build: Build, log: pd.DataFrame, moments: Any) -> list[str]:
    for moment in moments:
        rows = log[log["timestamp"] == moment]
        a, b = build(log, rows), build(log[log["timestamp"] < moment], rows)
        guilty = sorted(name for name in a if not a[name].equals(b[name]))
    return guilty


def _log() -> pd.DataFrame:
    """Three users and three films over six days. Two events share the fifth moment."""
    return pd.DataFrame(
        {
            "user": [1, 2, 1, 3, 2, 1, 3],
            "item": [7, 7, 8, 8, 9, 9, 7],
            "rating": [5.0, 3.0, 4.0, 2.0, 4.0, 1.0, 5.0],
            "timestamp": [10, 20, 30, 40, 50, 50, 60],
        },
        index=[3, 1, 4, 5, 9, 2, 6],
    )


Column = Callable[[pd.DataFrame, Any], Any]


def _builder(columns: dict[str, Column], seen: list[tuple[pd.DataFrame, pd.DataFrame]] | None = None) -> Build:
    """A feature builder from one function a column, each given (the log, one row)."""

    def build(log: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
        if seen is not None:
            seen.append((log.copy(), rows.copy()))
        asked = list(rows.itertuples())
        made = {
            name: pd.Series([make(log, row) for row in asked], index=rows.index, dtype=float)
            for name, make in columns.items()
        }
        return pd.DataFrame(made, index=rows.index)

    return build


def _mean(values: pd.Series) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _earlier(log: pd.DataFrame, row: Any) -> pd.DataFrame:
    return log[(log["user"] == row.user) & (log["timestamp"] < row.timestamp)]


HONEST: dict[str, Column] = {
    "film": lambda log, row: float(row.item),
    "visits_so_far": lambda log, row: len(_earlier(log, row)),
    "mean_so_far": lambda log, row: _mean(_earlier(log, row)["rating"]),  # NaN at a user's first visit
}
# name -> (columns, which of them know the future)
_WORLDS: dict[str, tuple[dict[str, Column], list[str]]] = {
    "honest features": (HONEST, []),
    "features with gaps": ({"mean_so_far": HONEST["mean_so_far"]}, []),
    "a mean and a count over the whole log": (
        {
            **HONEST,
            "film_mean": lambda log, row: _mean(log.loc[log["item"] == row.item, "rating"]),
            "visits_to_come": lambda log, row: int(
                ((log["user"] == row.user) & (log["timestamp"] > row.timestamp)).sum()
            ),
        },
        ["film_mean", "visits_to_come"],
    ),
    "a mean that includes the row's own rating": (
        {
            **HONEST,
            "running_mean": lambda log, row: _mean(
                log.loc[(log["user"] == row.user) & (log["timestamp"] <= row.timestamp), "rating"]
            ),
        },
        ["running_mean"],
    ),
    "a count of later events": (
        {"events_to_come": lambda log, row: int((log["timestamp"] > row.timestamp).sum()), "film": HONEST["film"]},
        ["events_to_come"],
    ),
    # Moves at the moment 20 only: later than 50 nothing of the kind happens.
    "the next film of user 2": (
        {
            "next": lambda log, row: float(
                ((log["timestamp"] > row.timestamp) & (log["user"] == 2)).any() and row.user == 2
            )
        },
        ["next"],
    ),
    # Guilty at the moment 10, where not all lists of moments look.
    "a leak at the very first event": (
        {"first": lambda log, row: float((log["timestamp"] > 10).any() and row.timestamp == 10)},
        ["first"],
    ),
    "six features that count what is to come": (
        {
            f"{word}_to_come": lambda log, row: int((log["timestamp"] > row.timestamp).sum())
            for word in ("ratings", "clicks", "visits", "orders", "alarms", "films")
        },
        ["alarms_to_come", "clicks_to_come", "films_to_come", "orders_to_come", "ratings_to_come", "visits_to_come"],
    ),
    # Over the two rows of the moment 50 the mean of this column is the same with and without the future.
    "a feature that balances out": (
        {
            "balance": lambda log, row: (
                float((1 if row.user == 2 else -1) * (log["timestamp"] > 50).sum()) if row.timestamp == 50 else 0.0
            )
        },
        ["balance"],
    ),
}


def _check_clock(find: Callable[..., Any]) -> None:
    log = _log()
    for name, (columns, guilty) in _WORLDS.items():
        for moments in ([20, 50, 60], np.array([60, 50, 30, 20, 10])):
            want = guilty if name != "a leak at the very first event" or 10 in moments else []
            seen: list[tuple[pd.DataFrame, pd.DataFrame]] = []
            mine = log.copy()
            got = find(_builder(columns, seen), mine, moments)
            if not mine.equals(log):
                raise Incorrect(
                    "the caller's log is shorter, or other, after the call: cut a copy, `log[log[...] < moment]`."
                )
            if isinstance(got, (set, frozenset, tuple, np.ndarray, pd.Index, pd.Series)):
                got = sorted(got)
            if not isinstance(got, list):
                same(got, want, what=name)
            if got == want:
                continue
            _explain_clock(name, got, want, seen, list(moments), log)
            same(got, want, what=f"{name}: the names")


def _explain_clock(
    name: str, got: list, want: list, seen: list[tuple[pd.DataFrame, pd.DataFrame]], moments: list, log: pd.DataFrame
) -> None:
    """Raise with the misconception, judged by what was built from what."""
    asked = [set(rows["timestamp"]) for _, rows in seen if len(rows)]
    cut = [part for part, _ in seen if 0 < len(part) < len(log)]
    if len(got) != len(set(got)):
        raise Incorrect("a name stands there twice: collect them in a set, and sort it at the end.")
    if set(got) == set(want):
        raise Incorrect("the right names, in another order: return them sorted.")
    if any(not part["rating"].isin(log["rating"]).all() for part, _ in seen):
        raise Incorrect(
            "you changed ratings. A feature that *counts* later events has no rating in it and would pass: take the later "
            "rows out of the log."
        )
    if any(min(times) < min(moments) for times in asked):
        raise Incorrect(
            "you asked for features of rows *before* the moment. They come out right even if a row can see its own rating; "
            "ask for the rows *at* the moment."
        )
    if any(len(times) > 1 for times in asked):
        raise Incorrect(
            "you asked for features of rows *after* the moment too. Those may know what happened in between, and an honest "
            "feature does; ask for the rows *at* the moment only."
        )
    if any(part["timestamp"].min() > log["timestamp"].min() for part in cut):
        raise Incorrect("you kept the future and deleted the past. Keep what happened before the moment.")
    if any(part["timestamp"].max() in rows["timestamp"].to_numpy() for part, rows in seen if 0 < len(part) < len(log)):
        raise Incorrect(
            f"{name} passed. You left the rows of the moment in the log, and among them is the row itself, with its answer. "
            "Keep what is strictly earlier: `<`, not `<=`."
        )
    if set(got) - set(want) == {"mean_so_far"}:
        raise Incorrect(
            "you accuse a feature that only has gaps. NaN is not equal to NaN; `a[name].equals(b[name])` takes gaps for equal."
        )
    if not asked:
        raise Incorrect("`build` was never called: nothing can be said about features that were not built.")
    if set(got) - set(want):
        stayed = sorted(set(_WORLDS[name][0]) - set(want))
        if got == stayed:
            raise Incorrect("you list the features that stayed as they were: the guilty ones are those that *moved*.")
        raise Incorrect(f"you accuse {sorted(set(got) - set(want))}, which never look at anything from the moment on.")
    if set().union(*asked) < set(moments):
        raise Incorrect(f"{name} passed: you did not look at all moments. A leak may show at a single one of them.")
    if "balance" in want:
        raise Incorrect("a feature passed whose rows moved in opposite directions: compare row by row, not the means.")
    if got == _knows_the_future(_builder(_WORLDS[name][0]), log, moments[-1:]):
        raise Incorrect(
            f"{name}: you return what was found at the last moment. Keep what you found at the moments before."
        )


# ------------------------------------------------------------------ 1.5.5 the bootstrap
def _resampled(user: Array, squared_error: Array, drawn: Array) -> Array:
    sums, counts = np.bincount(user, weights=squared_error), np.bincount(user)
    return np.sqrt(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))


def _resampled_wrongly(how: str) -> Callable[[Array, Array, Array], Array]:
    def resample(user: Array, squared_error: Array, drawn: Array) -> Array:
        sums, counts = np.bincount(user, weights=squared_error), np.bincount(user)
        if how == "ratings":
            return np.sqrt(squared_error[drawn].mean(axis=1))
        if how == "mean of users' rmse":
            return np.sqrt(sums / counts)[drawn].mean(axis=1)
        if how == "users count the same":
            return np.sqrt((sums / counts)[drawn].mean(axis=1))
        if how == "once each":
            return np.array([np.sqrt(sums[u].sum() / counts[u].sum()) for u in map(np.unique, drawn)])
        if how == "fixed count":
            return np.sqrt(sums[drawn].sum(axis=1) / len(squared_error))
        if how == "other axis":
            return np.sqrt(sums[drawn].sum(axis=0) / counts[drawn].sum(axis=0))
        if how == "no root":
            return sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        return np.quantile(_resampled(user, squared_error, drawn), [0.025, 0.975])

    return resample


@functools.cache
def _real_errors() -> tuple[Array, Array]:
    """(user row numbers, squared errors) of a plain model on the first 60 test users of the lesson, rows mixed."""
    train, test = _parts()
    some = test[test["user"] <= 60].sample(frac=1, random_state=3)
    predicted = BiasBaseline().fit(train).predict(some)
    return pd.factorize(some["user"], sort=True)[0], (some["rating"].to_numpy() - predicted) ** 2


BY_HAND = (np.array([0, 0, 1, 2, 2, 2]), np.array([4.0, 0.0, 1.0, 1.0, 0.0, 4.0]))
DRAWN = np.array([[0, 1, 2], [1, 1, 1], [2, 2, 0]])


def _check_resampled(resample: Callable[[Array, Array, Array], Any]) -> None:
    rng = np.random.default_rng(0)
    real_user, real_error = _real_errors()
    people = real_user.max() + 1
    cases = [
        (*BY_HAND, DRAWN, "three users with 2, 1 and 3 ratings, drawn as [0, 1, 2], [1, 1, 1], [2, 2, 0]"),
        (BY_HAND[0][::-1], BY_HAND[1][::-1], DRAWN, "the same with the ratings in another order"),
        (np.array([1, 0]), np.array([1.0, 9.0]), np.array([[0, 0], [0, 1]]), "two users with a rating each"),
        (real_user, real_error, rng.integers(people, size=(50, people)), "60 real users, 50 resamples"),
    ]
    messages = {
        "ratings": "you looked the drawn numbers up among the ratings. They number *users*, and each brings all of their ratings. That "
        "was the colleague's mistake.",
        "mean of users' rmse": "you averaged the users' own RMSEs. Add up the squared errors of all drawn users, divide by all their "
        "ratings, and take the root once.",
        "users count the same": "every user counts the same, however many ratings they have. In the RMSE each *rating* counts the same: "
        "divide the sum of all sums by the sum of all counts.",
        "once each": "a user who was drawn twice counts once in your answer. With replacement means that they bring their ratings "
        "twice; without repeats every resample would be nearly the whole group.",
        "fixed count": "you divide by the number of ratings in the data. Another draw has another number of ratings: add up the "
        "counts of those who were drawn.",
        "other axis": "you added up the columns of `drawn`; a resample is a *line* of it: `axis=1`.",
        "no root": "these are mean squared errors; take the root at the end.",
    }
    for user, squared_error, drawn, what in cases:
        kept = user.copy(), squared_error.copy(), drawn.copy()
        got, want = resample(user, squared_error, drawn), _resampled(user, squared_error, drawn)
        if not all(np.array_equal(a, b) for a, b in zip((user, squared_error, drawn), kept)):
            raise Incorrect("your function changed an array that it was given: build new ones.")
        if is_same(got, want):
            continue
        if np.shape(got) == (2,) and len(want) != 2:
            raise Incorrect(
                "you return the ends of the interval; return all RMSEs, one a resample. The quantiles come later."
            )
        if np.ndim(got) == 0 and got is not None:
            raise Incorrect(f"{what}: you return a single number. Return one RMSE for each line of `drawn`.")
        for how, message in messages.items():
            if how == "ratings" and drawn.max() >= len(squared_error):
                continue
            if is_same(got, _resampled_wrongly(how)(user, squared_error, drawn)):
                raise Incorrect(f"{what}: {message}")
        same(got, want, what=f"{what}: the RMSEs")


# ------------------------------------------------------------------ 1.5.6 sign flips
def _flip_p(differences: Array, signs: Array) -> float:
    reached = np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9
    return float((1 + reached.sum()) / (1 + len(signs)))


def _flip_wrongly(how: str) -> Callable[[Array, Array], float]:
    def p(differences: Array, signs: Array) -> float:
        sums, seen, b = signs @ differences, differences.sum(), len(signs)
        if how == "one-sided":
            return float((1 + (sums >= seen - 1e-9).sum()) / (1 + b))
        if how == "other side":
            return float((1 + (sums <= seen + 1e-9).sum()) / (1 + b))
        if how == "complement":
            return float(1 - (1 + (np.abs(sums) >= abs(seen) - 1e-9).sum()) / (1 + b))
        if how == "one below only":
            return float((np.abs(sums) >= abs(seen) - 1e-9).sum() / (1 + b))
        if how == "signed data":
            return float((1 + (np.abs(sums) >= seen - 1e-9).sum()) / (1 + b))
        if how == "data in absolute values":
            return float((1 + (np.abs(sums) >= np.abs(differences).sum() - 1e-9).sum()) / (1 + b))
        if how == "no ones":
            return float((np.abs(sums) >= abs(seen) - 1e-9).mean())
        if how == "one above only":
            return float((1 + (np.abs(sums) >= abs(seen) - 1e-9).sum()) / b)
        if how == "strictly":
            return float((1 + (np.abs(sums) > abs(seen) + 1e-9).sum()) / (1 + b))
        if how == "no tolerance":
            return float((1 + (np.abs(sums) >= abs(seen)).sum()) / (1 + b))
        if how == "less extreme":
            return float((1 + (np.abs(sums) <= abs(seen) + 1e-9).sum()) / (1 + b))
        if how == "abs before sum":
            return float((1 + (np.abs(signs * differences).sum(axis=1) >= abs(seen) - 1e-9).sum()) / (1 + b))
        return float((1 + (np.abs((signs > 0) @ differences) >= abs(seen) - 1e-9).sum()) / (1 + b))

    return p


SMALL = np.array([0.5, 0.25, 1.0, -0.125, 0.75, 0.25])


def _all_signs(n: int) -> Array:
    """Every line of n signs but the one that is all plus."""
    return 1 - 2 * np.array([[row >> bit & 1 for bit in range(n)] for row in range(1, 2**n)])


def _check_flips(sign_flip_p: Callable[[Array, Array], Any]) -> None:
    rng = np.random.default_rng(5)
    real = np.random.default_rng(1).normal(0.15, 1, 60)
    cases = [
        (real, rng.choice([-1, 1], size=(400, 60)), "60 differences, 400 random flips"),
        (SMALL, _all_signs(6), "six differences, mostly above 0, with all 63 other signs"),
        (-SMALL, _all_signs(6), "the same with A and B swapped"),
        (np.array([1.0, 1.0, 1.0, 1.0]), rng.choice([-1, 1], size=(9, 4)), "four equal differences, 9 flips"),
        (np.full(30, 2.0), rng.choice([-1, 1], size=(50, 30)), "30 users who all prefer B, 50 flips"),
        (np.array([0.5, -0.5]), _all_signs(2), "two differences that cancel"),
        (np.array([0.1, 0.2, 0.3, 0.7, 1.1]), _all_signs(5), "five differences with rounding errors"),
        (np.zeros(3), _all_signs(3), "no difference at all"),
    ]
    # In this order: a mistake further down can give the same number in a case where one further up went wrong first.
    messages = {
        "no tolerance": "rounding: sums of the same numbers in another order differ in the last digit, so a flip that reaches the data "
        "may miss it by 1e-16. Subtract the 1e-9.",
        "strictly": "a flip that reaches *exactly* the data counts too: >=, not >.",
        "signed data": "the data's own sum needs its absolute value too: it is negative when A is better.",
        "one-sided": "you count only flips on one side. A difference of the same size the *other* way round would surprise us just "
        "as much: compare absolute values.",
        "other side": "you count only flips at or below the data's sum. Compare absolute values: both directions surprise us.",
        "no ones": "the ones are missing: (1 + reached) / (1 + flips). Without them p can be 0, as if luck were impossible.",
        "one below only": "the 1 is missing above the fraction: the data itself is one of the outcomes that reach it.",
        "complement": "this is 1 - p. A small p means that chance rarely gets as far as the data.",
        "data in absolute values": "you added up the absolute values of the data. Users who prefer A and users who prefer B must cancel: add "
        "first.",
        "one above only": "the 1 is missing below the fraction: data and flips together are 1 + B outcomes.",
        "less extreme": "you counted the flips that do *not* get as far as the data. p is the share that does.",
        "abs before sum": "you took absolute values before adding up, so every flip gives the same. Add first, then take the absolute value.",
        "zeros": "a minus turns a user's difference round; in your answer it takes the user out. Multiply by the signs as they are.",
    }
    for differences, signs, what in cases:
        kept = differences.copy(), signs.copy()
        got, want = sign_flip_p(differences, signs), _flip_p(differences, signs)
        if not (np.array_equal(differences, kept[0]) and np.array_equal(signs, kept[1])):
            raise Incorrect("your function changed an array that it was given: build new ones.")
        if is_same(got, want):
            continue
        for how, message in messages.items():
            if is_same(got, _flip_wrongly(how)(differences, signs)):
                raise Incorrect(f"{what}: {message}")
        if isinstance(got, (int, float, np.number)) and got > 1:
            raise Incorrect(f"{what}: p is a share and at most 1, but you return {got:.4g}. Divide by 1 + B.")
        same(got, want, what=f"{what}: p")


EXERCISES = [
    Exercise(
        id="1.5.1",
        title="k-fold by hand",
        kind="build",
        prompt="""
            Write `k_fold_rows(n, k)` for the rows 0, 1, ..., n - 1. Return a list of $k$ pairs `(training rows, test rows)`.
            The test parts are consecutive blocks. Where $k$ does not divide $n$, the rest goes to the first blocks, one row
            each: ten rows in three folds make blocks of 4, 3 and 3. Shuffling is somebody else's job.
        """,
        reference=lambda: _k_fold,
        check=_check_k_fold,
        hints=(
            "First the blocks, then the rest of the world: for each block, the training rows are all rows that are not in it. "
            "NumPy has a function that cuts an array into k nearly equal parts.",
            "`blocks = np.array_split(np.arange(n), k)` gives exactly these blocks. The training rows of fold f are "
            "`np.concatenate(blocks[:f] + blocks[f + 1:])`, or `np.setdiff1d(np.arange(n), blocks[f])`.",
        ),
        wrong=(
            WrongAnswer("drops the rest", lambda: _k_fold_rest_dropped, "is never tested"),
            WrongAnswer(
                "the last block takes the whole rest", lambda: _k_fold_rest_last, "does not take the whole rest"
            ),
            WrongAnswer("deals rows like cards", lambda: _k_fold_dealt, "Blocks are consecutive"),
            WrongAnswer("trains on everything", lambda: _k_fold_all_rows, "learned by heart"),
            WrongAnswer("swaps training and test", lambda: _k_fold_swapped, "are swapped"),
            WrongAnswer("returns the test parts only", lambda: _k_fold_tests_only, "one thing a fold"),
            WrongAnswer("returns masks", lambda: _k_fold_masks, "a mask of True and False"),
            WrongAnswer("trains on what comes before only", lambda: _k_fold_past_only, "also what comes after"),
        ),
        points=2,
        explanation="Each row is tested once and trained on k - 1 times. That the sizes differ by one row at most is what `array_split` "
        "promises, and what scikit-learn's `KFold` does: the end of the lesson compares them row by row.",
        expected=lambda: "k_fold_rows(5, 2) gives\n  ([3, 4], [0, 1, 2])\n  ([0, 1, 2], [3, 4])",
    ),
    Exercise(
        id="1.5.2",
        title="Three curves without names",
        kind="figure it out",
        prompt=f"""
            Three models, fitted on more and more ratings of the training part, with the RMSE on the rows they were fitted on and on
            the test part. Their names are hidden. (`ex("1.5.2").expected()` draws the table.)

            | training ratings | P training | P test | Q training | Q test | R training | R test |
            |---|---|---|---|---|---|---|
            {_table()}

            Diagnose each with one word: `"bias"` (it needs a richer model), `"variance"` (it needs more ratings, or a penalty), or
            `"leak"` (it needs an investigation).
        """,
        reference=_diagnosis,
        check=_check_diagnosis,
        hints=(
            "Look at two things for each model: the gap between its two columns in the last line, and its test error in the *first* line. "
            "What can anybody know about 943 users after 500 ratings?",
            "One model is as good on the test part with 500 ratings as with 80,000. One is much better on its own rows than on the "
            "others. One is equally bad on both.",
        ),
        wrong=(
            WrongAnswer(
                "takes the leak for a model without problems left but bias",
                lambda: {"P": "bias", "Q": "variance", "R": "bias"},
                "Most of them are not even among the 500",
            ),
            WrongAnswer(
                "sees variance where there is no gap",
                lambda: {"P": "variance", "Q": "variance", "R": "bias"},
                "no gap at all",
            ),
            WrongAnswer(
                "bias everywhere else", lambda: {"P": "leak", "Q": "bias", "R": "bias"}, "that gap is variance"
            ),
            WrongAnswer(
                "variance everywhere else", lambda: {"P": "leak", "Q": "variance", "R": "variance"}, "too simple"
            ),
            WrongAnswer(
                "suspects the memory", lambda: {"P": "leak", "Q": "leak", "R": "bias"}, "does not know too much"
            ),
        ),
        points=2,
        explanation="P is a linear regression on two averages, the user's and the film's, taken over *all* ratings, test part included: the "
        "colleague of lesson 1.3. It needs no training rows to know the test users. A leak that is built into the features shows on a "
        "learning curve as a line that is good from the beginning. Q keeps the mean of each user in each genre, thousands of numbers from "
        "few ratings each. R is a straight line through the film's year: two numbers, learned at once.",
        expected=_curves_figure,
    ),
    Exercise(
        id="1.5.3",
        title="Find the three leaks",
        kind="figure it out",
        prompt="""
            Which three of the steps A to J leak? Give their letters, such as `["B", "C", "D"]`.

            Reading is allowed, and so is trying: `prepare(events)` returns both parts, so count rows, look at one user, look at
            one film. Some steps only look suspicious. The random split of step G is not on trial: the team agreed on it.
        """,
        reference=lambda: list(GUILTY),
        check=_check_leaks,
        hints=(
            "Ask of each step: which rows does it read, and was all of it known when the row was predicted? Three different things are "
            "wrong: one about *rows*, one about *time*, one about *answers*.",
            "Rows: an event that is delivered again has another timestamp. Time: compare the two `cumcount`s for a user with three rows. "
            "Answers: which of the averages is taken before the split?",
        ),
        wrong=(
            WrongAnswer("accuses everything before the split", lambda: list("ABCDEF"), "B is innocent"),
            WrongAnswer("accuses the honest count", lambda: ["A", "D", "F"], "D is innocent"),
            WrongAnswer("accuses the user's mean", lambda: ["E", "F", "H"], "H is innocent"),
            WrongAnswer("accuses the scaler", lambda: ["A", "F", "I"], "I is innocent"),
            WrongAnswer("accuses the split", lambda: ["E", "F", "G"], "G is innocent"),
            WrongAnswer("misses the twins", lambda: ["E", "F"], "How many rows did the deduplication drop"),
            WrongAnswer("misses the future", lambda: ["A", "F"], "forwards and backwards"),
            WrongAnswer("misses the answer", lambda: ["A", "E"], "What is in its feature"),
        ),
        points=3,
        explanation="A lets the second delivery of an event pass, because it carries another timestamp: the twin of a test row sits in the "
        "training part. E counts what the user is still going to do. F averages over all rows, the test rows and their answers included. D, "
        "H and I do something similar in the right way: the past only, the training part only.",
        expected=lambda: "a list of three letters from A to J",
    ),
    Exercise(
        id="1.5.4",
        title="The tripwire with a clock",
        kind="build",
        prompt="""
            A feature for a row at moment $t$ may use what happened before $t$, and nothing else. Write a test for that which does not
            read the code of `build`.

            For each moment in `moments`: take the rows of the log *at* this moment, and build their features twice, once from the log as it
            is, and once from a log in which everything from the moment on has been deleted. Return the **sorted names** of all features that came
            out differently at any of the moments. A gap (NaN) both times is no difference.
        """,
        reference=lambda: _knows_the_future,
        check=_check_clock,
        hints=(
            "Inside a loop over the moments there are two calls of `build`, with the same `rows` and two different logs. Collect the "
            "names in a set.",
            "`rows = log[log['timestamp'] == moment]`; the second log is `log[log['timestamp'] < moment]`, strictly, or the row would find "
            "its own answer there. Compare with `a[name].equals(b[name])`.",
        ),
        wrong=(
            WrongAnswer("keeps the rows of the moment", lambda: _clock("keeps the moment"), "strictly earlier"),
            WrongAnswer("asks about earlier rows", lambda: _clock("before"), "rows *before* the moment"),
            WrongAnswer("asks about all later rows", lambda: _clock("from then on"), "rows *after* the moment"),
            WrongAnswer("changes ratings instead", lambda: _clock("changes ratings"), "*counts* later events"),
            WrongAnswer("deletes the past", lambda: _clock("keeps only the later"), "deleted the past"),
            WrongAnswer("looks at one moment", lambda: _clock("first moment"), "all moments"),
            WrongAnswer("takes a gap for a change", lambda: _clock("gaps"), "NaN is not equal to NaN"),
            WrongAnswer("compares means", lambda: _clock("means"), "not the means"),
            WrongAnswer("forgets earlier findings", lambda: _clock_last_only, "at the moments before"),
            WrongAnswer("cuts the caller's log", lambda: _clock_in_place, "cut a copy"),
        ),
        points=3,
        explanation="It replays history: at each moment the feature is computed as it could have been computed *then*. Strictly before, because the "
        "event itself has not been answered yet, and because events of the same second have no order that you may rely on. A handful of "
        "moments finds every leak that is not extremely shy. The price: features must be computable from a log, and that is a good design "
        "anyway.",
        expected=example(
            "knows_the_future(build, log, [50]), where build makes visits_so_far, running_mean and visits_to_come,",
            lambda: ["running_mean", "visits_to_come"],
        ),
    ),
    Exercise(
        id="1.5.5",
        title="The interval that is too sure",
        kind="figure it out",
        prompt="""
            Find out what the colleague's `drawn` numbers, and why that makes the interval too narrow. Then write the function that draws the
            right thing: `resampled_rmses` gets the drawn *users* (so that your answer can be checked) and returns one RMSE for each line of
            `drawn`, as in the formula. Somebody who was drawn twice counts twice.
        """,
        reference=lambda: _resampled,
        check=_check_resampled,
        hints=(
            "All you need from a user are two numbers, $S_u$ and $n_u$. Compute both for all users first; `np.bincount` adds up by row "
            "number, and takes `weights=`.",
            "`sums = np.bincount(user, weights=squared_error)`, `counts = np.bincount(user)`. `sums[drawn]` has the shape of `drawn`: add up along "
            "`axis=1`, above and below the fraction.",
        ),
        wrong=(
            WrongAnswer("draws ratings", lambda: _resampled_wrongly("ratings"), "They number *users*"),
            WrongAnswer(
                "averages the users' RMSEs", lambda: _resampled_wrongly("mean of users' rmse"), "users' own RMSEs"
            ),
            WrongAnswer(
                "all users count the same",
                lambda: _resampled_wrongly("users count the same"),
                "each *rating* counts the same",
            ),
            WrongAnswer("counts repeats once", lambda: _resampled_wrongly("once each"), "drawn twice counts once"),
            WrongAnswer(
                "fixed number of ratings", lambda: _resampled_wrongly("fixed count"), "another number of ratings"
            ),
            WrongAnswer("no root", lambda: _resampled_wrongly("no root"), "take the root"),
            WrongAnswer("the other axis", lambda: _resampled_wrongly("other axis"), "is a *line* of it"),
            WrongAnswer("returns the interval", lambda: _resampled_wrongly("interval"), "ends of the interval"),
        ),
        points=3,
        explanation="The ratings of one user rise and fall together, so 20,000 ratings carry the information of far fewer independent ones. "
        "Drawing whole users keeps them together. That sums and counts are all one needs is what makes it cheap: the database can do the "
        "`GROUP BY`, and the bootstrap runs on 942 rows.",
        expected=example(
            "resampled_rmses(user=[0, 0, 1], squared_error=[4, 0, 1], drawn=[[0, 1], [1, 1]])",
            lambda: _resampled(np.array([0, 0, 1]), np.array([4.0, 0.0, 1.0]), np.array([[0, 1], [1, 1]])),
        ),
    ),
    Exercise(
        id="1.5.6",
        title="A p-value from coin flips",
        kind="build",
        prompt="""
            Write `sign_flip_p(differences, signs)` after the formula above. Each line of `signs` is one flip: +1 leaves a user's difference as it
            is, -1 turns it round. No loop is needed.
        """,
        reference=lambda: _flip_p,
        check=_check_flips,
        hints=(
            "`signs @ differences` gives the sums of all flips at once. Compare their absolute values with that of the data's own sum.",
            "`reached = np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9`; then count the True ones, and put a 1 above and below the "
            "fraction.",
        ),
        wrong=(
            WrongAnswer("one side only", lambda: _flip_wrongly("one-sided"), "only flips on one side"),
            WrongAnswer("the other side only", lambda: _flip_wrongly("other side"), "at or below"),
            WrongAnswer("without the ones", lambda: _flip_wrongly("no ones"), "ones are missing"),
            WrongAnswer("one above only", lambda: _flip_wrongly("one above only"), "below the fraction"),
            WrongAnswer("strictly larger", lambda: _flip_wrongly("strictly"), ">=, not >"),
            WrongAnswer("the complement", lambda: _flip_wrongly("less extreme"), "do *not* get as far"),
            WrongAnswer("absolute values first", lambda: _flip_wrongly("abs before sum"), "before adding up"),
            WrongAnswer("minus takes a user out", lambda: _flip_wrongly("zeros"), "takes the user out"),
            WrongAnswer("one below only", lambda: _flip_wrongly("one below only"), "missing above the fraction"),
            WrongAnswer("1 - p", lambda: _flip_wrongly("complement"), "this is 1 - p"),
            WrongAnswer("the data with its sign", lambda: _flip_wrongly("signed data"), "negative when A is better"),
            WrongAnswer("the data without any sign", lambda: _flip_wrongly("data in absolute values"), "must cancel"),
            WrongAnswer("no tolerance", lambda: _flip_wrongly("no tolerance"), "rounding"),
        ),
        points=3,
        explanation="It needs no bell curve and no table: the null hypothesis (it does not matter which model is called A) is acted out. The "
        "same test is known as the randomization test of Fisher and Pitman. What it shuffles is the *label* within a user, never the users.",
        expected=example(
            "sign_flip_p([1, 2], signs=[[-1, 1], [1, -1], [-1, -1]])",
            lambda: _flip_p(np.array([1.0, 2.0]), np.array([[-1, 1], [1, -1], [-1, -1]])),
        ),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
@functools.cache
def _key_launch() -> str:
    """The split whose training part holds nothing that came after a test rating."""
    ratings = datasets.load("ml-100k").ratings
    cuts = {"a": split.random_split(ratings), "b": split.leave_last(ratings), "c": split.temporal_split(ratings)}
    clean = [letter for letter, (train, test) in cuts.items() if train["timestamp"].max() <= test["timestamp"].min()]
    assert len(clean) == 1
    return clean[0]


@functools.cache
def _key_lucky() -> str:
    """The best of 200 useless models on 500 rows, and on sixteen times as many."""
    best = []
    for size in (500, 8000):
        errors = np.random.default_rng(0).normal(0, 0.94, size)
        rng = np.random.default_rng(1)
        mse = [np.mean((errors + rng.normal(0, 0.1, size)) ** 2) for _ in range(200)]
        best.append(float(np.sqrt(np.mean(errors**2)) - np.sqrt(min(mse))))
    return "a" if best[1] > 0.8 * best[0] else "b" if best[1] > 0.4 * best[0] else "c"


@functools.cache
def _key_overlap() -> str:
    train, test = _parts()
    models = {"shelf": BiasBaseline(), "other": BiasBaseline(damping_user=6, damping_item=6)}
    results = {name: evaluate_ratings(model.fit(train), test) for name, model in models.items()}
    low, high = results["shelf"]["rmse"][1:3]
    overlap = low < results["other"]["rmse"].high and results["other"]["rmse"].low < high
    certain = compare(results, metric="rmse")["p"].iloc[0] < 0.05
    return "b" if overlap and certain else "a"


def _key_twenty() -> str:
    return {5: "a", 36: "b", 64: "c"}[round(100 * (1 - 0.95**20))]


@functools.cache
def _key_folds() -> str:
    """Width of the habit (mean +- 2 standard errors of five folds) against the interval over users."""
    ratings = datasets.load("ml-100k").ratings
    errors, by_fold = [], []
    for train, test in split.k_fold(ratings, folds=5, seed=0):
        squared = (test["rating"] - BiasBaseline().fit(train).predict(test)) ** 2
        by_fold.append(np.sqrt(squared.mean()))
        errors.append(pd.DataFrame({"user": test["user"], "sum": squared, "n": 1.0}))
    users = pd.concat(errors).groupby("user").sum().to_numpy()
    means = resampled_means(users, seed=0)
    honest = np.ptp(np.quantile(np.sqrt(means[:, 0] / means[:, 1]), [0.025, 0.975]))
    habit = 4 * np.std(by_fold, ddof=1) / np.sqrt(5)
    return "a" if habit < 0.7 * honest else "b" if habit < 1.3 * honest else "c"


QUIZ = [
    Question(
        text="Marketing asks: how large would the error have been, had we launched on 1 March? Which split answers?",
        choices={
            "a": "a random fifth of all ratings",
            "b": "the last rating of each user",
            "c": "everything from 1 March on",
        },
        key=_key_launch,
        why={
            "a": "The training part would be full of ratings from after the launch, those of the same users included.",
            "b": "Nearly: each user's own future is hidden, but a user who left in January is tested with a model that has seen the April "
            "of everybody else.",
            "c": "One moment for all: nothing from after the launch is in the training part, and strangers are strangers, as on the day.",
        },
    ),
    Question(
        text="The best of 200 useless models beats yours by 0.01 on a validation part of 500 rows. You repeat the search on 8,000 rows. The best of "
        "200 is now",
        choices={
            "a": "still about 0.01 ahead: chance is chance",
            "b": "about half as far ahead",
            "c": "hardly ahead any more, or behind",
        },
        key=_key_lucky,
        why={
            "a": "Chance averages out: the scatter of a mean falls with the square root of the number of rows.",
            "b": "The scatter falls by the root of 16, which is 4, and being useless also costs something: a nudge adds its square to the error.",
            "c": "A quarter of the scatter leaves little to gain by picking, and the nudges cost the same as before.",
        },
    ),
    Question(
        text="Two models, 95 % intervals [0.923, 0.960] and [0.920, 0.958], measured on the same users. What follows?",
        choices={
            "a": "they cannot be told apart: the intervals overlap",
            "b": "nothing yet: look at the differences user by user",
            "c": "the second is better: both of its ends are lower",
        },
        key=_key_overlap,
        why={
            "a": "These are the two models of part 7, and their difference is certain. Both intervals are wide because users differ, for both "
            "models alike.",
            "b": "The spread between users falls out of a paired difference. Here it leaves an interval that excludes zero; elsewhere it might "
            "not.",
            "c": "It is lower, but whether by more than luck the two intervals cannot say, in either direction.",
        },
    ),
    Question(
        text="Twenty changes that do nothing are each tested at the 5 % level. How likely is at least one false success?",
        choices={"a": "5 %", "b": "36 %", "c": "64 %"},
        key=_key_twenty,
        why={
            "a": "That is the chance for a single test. Twenty of them have twenty chances.",
            "b": "That is 0.95 to the power of 20: the chance that *none* of them alarms.",
            "c": "1 - 0.95^20. The cell in part 7 measured about the same, on real differences.",
        },
    ),
    Question(
        text="Five folds give a mean RMSE of 0.944 and a standard deviation of 0.006, so somebody reports 0.944 ± 0.006 as the range for "
        "*other users*. That range is",
        choices={"a": "much too narrow", "b": "about right", "c": "much too wide"},
        key=_key_folds,
        why={
            "a": "The five folds hold the same 943 people. Their spread says how much it matters which of their ratings are hidden, not what other "
            "people would do.",
            "b": "Compare it with the interval over users: about ± 0.016 for this model. Folds cannot show what they do not vary.",
            "c": "The other way round. What varies between folds is little: which ratings of the same people are hidden.",
        },
    ),
]
