"""Exercises and quiz of lesson 2.1, Baselines and the Netflix Prize."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import BiasBaseline, datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.metrics import mae, rmse
from recsys_lab.split import random_split


# ------------------------------------------------------------------ data to check with
@functools.cache
def _parts() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The leader-board's split: (train, test)."""
    return random_split(datasets.load("ml-100k").ratings[["user", "item", "rating"]], test=0.2, seed=0)


def _some(users: int = 60) -> pd.DataFrame:
    """The training ratings of the first users, rows in no order, ids as text: nothing but the values may matter."""
    train = _parts()[0]
    some = train[train["user"] <= users].sample(frac=1, random_state=0)
    return some.assign(user="u" + some["user"].astype(str), item="f" + some["item"].astype(str))


def _toy() -> pd.DataFrame:
    return datasets.toy().ratings[["user", "item", "rating"]].copy()


def _by_id(value: Any, want: pd.Series, what: str) -> pd.Series:
    """A Series with the index of `want`, from any answer that says which value belongs to which id."""
    if isinstance(value, pd.DataFrame) and value.shape[1] == 1:
        value = value.iloc[:, 0]
    if isinstance(value, dict):
        value = pd.Series(value)
    if not isinstance(value, pd.Series):
        raise Incorrect(
            f"{what} should be a Series with one number for each id, but is a {type(value).__name__}."
            + (
                " Is a `return` missing?"
                if value is None
                else " The ids must stay, as its index: they are the keys of the lookup."
            )
        )
    if not value.index.is_unique:
        raise Incorrect(f"{what} should have one row for each id, but ids come back several times: group first.")
    if len(value) > len(want) and not set(want.index) <= set(value.index):
        raise Incorrect(
            f"{what} has {len(value)} rows for {len(want)} ids: one for each *rating*, it seems (`transform` does that). "
            "Give one for each id."
        )
    if missing := set(want.index) - set(value.index):
        raise Incorrect(
            f"{what} lacks {len(missing)} of the {len(want)} ids, such as {min(missing, key=str)!r}. Everybody gets a "
            "number, however few ratings there are."
        )
    if extra := set(value.index) - set(want.index):
        raise Incorrect(f"{what} has an id that is not in the ratings: {min(extra, key=str)!r}.")
    return value.reindex(want.index).astype(float)


def _near(got: Any, want: Any, tolerance: float = 1e-7) -> bool:
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    return got.shape == want.shape and bool(np.allclose(got, want, rtol=tolerance, atol=tolerance))


def _untouched(before: pd.DataFrame, after: pd.DataFrame) -> None:
    if not before.equals(after):
        raise Incorrect("your function changed the frame that it was given. Work on new columns or on a copy.")


# ------------------------------------------------------------------ 2.1.1 the best constant
Constant = Callable[[np.ndarray, str], float]


def _best_constant(stars: np.ndarray, measure: str) -> float:
    return float(np.mean(stars) if measure == "rmse" else np.median(stars))


def _error(stars: np.ndarray, constant: float, measure: str) -> float:
    return (rmse if measure == "rmse" else mae)(stars, np.full(len(stars), constant))


def _mode(stars: np.ndarray, measure: str) -> float:
    values, counts = np.unique(stars, return_counts=True)
    return float(values[counts.argmax()])


def _mean_and_mode(stars: np.ndarray, measure: str) -> float:
    return float(np.mean(stars)) if measure == "rmse" else _mode(stars, measure)


def _halfway(stars: np.ndarray, measure: str) -> float:
    return float((np.min(stars) + np.max(stars)) / 2)


def _whole(stars: np.ndarray, measure: str) -> float:
    """The best of 1, 2, 3, 4, 5 stars."""
    return float(min(range(1, 6), key=lambda c: _error(stars, c, measure)))


def _swapped(stars: np.ndarray, measure: str) -> float:
    return _best_constant(stars, "mae" if measure == "rmse" else "rmse")


def _check_best_constant(best: Constant) -> None:
    cases = [
        (np.array([1.0, 5.0, 5.0, 5.0]), "the stars 1, 5, 5, 5"),
        (np.array([1.0, 1.0, 2.0, 3.0, 5.0]), "the stars 1, 1, 2, 3, 5"),
        (np.array([2.0, 5.0, 2.0, 4.0]), "the stars 2, 5, 2, 4"),
        (_parts()[0]["rating"].to_numpy(), "the 80,000 training ratings"),
    ]
    got = {
        (what, measure): number(best(stars.copy(), measure), f"{what}: the best constant for {measure}")
        for stars, what in cases
        for measure in ("rmse", "mae")
    }
    for candidate, message in (
        (_swapped, "the two are the wrong way round. Which of them lets one far-off rating pull: the mean or the median?"),
        (lambda s, m: float(np.mean(s)), "the mean wins for RMSE, but not for MAE. Try the stars 1, 5, 5, 5: guess 4, then guess 5."),
        (lambda s, m: float(np.median(s)), "the median wins for MAE, but not for RMSE. Squaring makes the one far-off rating count more."),
        (_mode, "that is the most frequent rating. It is right as often as a constant can be, but neither measure counts how *often* you are right; both count how far off you are."),
        (_mean_and_mode, "the RMSE is right. For MAE you give the most frequent rating, which here and there is the right number by luck, as it is in the lesson's table. Try the stars 1, 1, 2, 3, 5: MAE counts how far off you are, not how often you are right."),
        (_halfway, "that is half-way between lowest and highest. It ignores how often each rating is given."),
        (_whole, "the best *whole* number of stars; a guess may lie between two of them."),
    ):  # fmt: skip
        if all(_near(got[what, m], candidate(stars, m)) for stars, what in cases for m in ("rmse", "mae")):
            raise Incorrect(message)
    for stars, what in cases:
        for measure in ("rmse", "mae"):
            constant = got[what, measure]
            if not math.isfinite(constant):
                raise Incorrect(f"{what}: the best constant for {measure} should be a number of stars, not {constant}.")
            here = _error(stars, constant, measure)
            least = _error(stars, _best_constant(stars, measure), measure)
            if here > least + (1e-4 if measure == "rmse" else 1e-3):
                raise Incorrect(
                    f"{what}: with {constant:.4g} the {measure.upper()} is {here:.4f}, and there is a constant with {least:.4f}."
                )


BEST_CONSTANT = Exercise(
    id="2.1.1",
    title="The best lazy guess",
    kind="figure it out",
    prompt="""
    You must predict one and the same number for every rating. **Guess first**, from the table above: which number has
    the lowest RMSE on these ratings, and which the lowest MAE? Are they the same?

    Then write `best_constant(stars, measure)` for any array of stars; `measure` is `"rmse"` or `"mae"`. If you do not
    know the answer, let the computer try some constants and look at the winners.
    """,
    reference=lambda: _best_constant,
    check=_check_best_constant,
    hints=(
        "Draw it for the four ratings 1, 5, 5, 5. Move the guess from 4 to 5: three errors get smaller by 1, one gets "
        "larger by 1. What do the *sums* do, of the errors and of their squares?",
        "One of the two is `np.mean(stars)`, the other `np.median(stars)`.",
    ),
    wrong=(
        WrongAnswer("the mean for both", lambda: lambda stars, measure: float(np.mean(stars)), "but not for MAE"),
        WrongAnswer("the median for both", lambda: lambda stars, measure: float(np.median(stars)), "but not for RMSE"),
        WrongAnswer("swapped", lambda: _swapped, "wrong way round"),
        WrongAnswer("the most frequent rating", lambda: _mode, "most frequent rating"),
        WrongAnswer("the mean, and the most frequent rating", lambda: _mean_and_mode, "right number by luck"),
        WrongAnswer("half-way between the extremes", lambda: _halfway, "half-way"),
        WrongAnswer("whole stars only", lambda: _whole, "whole"),
    ),
    points=1,
    explanation="Squared errors balance where the errors add up to zero: at the mean. Absolute errors balance where as "
    "many ratings lie above as below: at the median. So whoever chooses the measure chooses the guess. With RMSE a model "
    "is asked for the *expected* rating; with MAE for the *middle* one.",
    expected=example(
        'best_constant([1, 5, 5, 5], "rmse"), best_constant([1, 5, 5, 5], "mae")',
        lambda: (4.0, 5.0),
    ),
)


# ------------------------------------------------------------------ 2.1.2 damped means
Damped = Callable[[pd.DataFrame, float], pd.Series]


def _damped_means(ratings: pd.DataFrame, damping: float) -> pd.Series:
    film = ratings.groupby("item")["rating"]
    return (film.sum() + damping * ratings["rating"].mean()) / (film.size() + damping)


def _damped_wrongly(how: str) -> Damped:
    def damped(ratings: pd.DataFrame, damping: float) -> pd.Series:
        film, mu = ratings.groupby("item")["rating"], ratings["rating"].mean()
        total, n = film.sum(), film.size()
        if how == "plain":
            return film.mean()
        if how == "to zero":
            return total / (n + damping)
        if how == "mean of means":
            return (total + damping * film.mean().mean()) / (n + damping)
        if how == "middle":
            return (total + damping * 3) / (n + damping)
        if how == "above only":
            return (total + damping * mu) / n
        if how == "cliff":
            return film.mean()[n >= damping]
        if how == "weights swapped":
            return (damping * film.mean() + n * mu) / (n + damping)
        if how == "one mean":
            return (total + mu) / (n + damping)
        if how == "effect":
            return (total - n * mu) / (n + damping)
        if how == "always ten":
            damping = 10
        if how == "the lesson's mean":
            mu = _parts()[0]["rating"].mean()
        if how == "people":
            n = pd.Series(ratings["user"].nunique(), index=total.index)
        return (total + damping * mu) / (n + damping)

    return damped


def _check_damped_means(damped: Damped) -> None:
    small = pd.DataFrame(
        {"user": [1, 2, 3, 4, 1, 2], "item": [7, 7, 7, 7, 8, 9], "rating": [4.0, 4.0, 5.0, 4.0, 5.0, 1.0]}
    )
    messages = {
        "plain": "the damping has no effect: these are the plain means.",
        "to zero": "you added the damping below the fraction only, so every film is pulled towards 0 stars. The "
        "imagined ratings are not zeros: they are `damping` ratings *at the mean*, so they belong above as well.",
        "mean of means": "you imagine ratings at the mean of the films' means. There, a film with one rating has as much "
        "to say as one with five hundred; take the mean of all *ratings*.",
        "middle": "you imagine ratings of 3 stars. The middle of the scale is not what people usually give: take the "
        "mean of all ratings.",
        "above only": "the imagined ratings are in the sum but not in the count: divide by n + damping.",
        "weights swapped": "the weights are swapped: the more ratings a film has, the *more* its own mean must count.",
        "one mean": "you added the mean once. With a damping of 10 there are ten imagined ratings: damping * mean.",
        "effect": "these are distances from the mean of all ratings. Add the mean, so that they are stars again.",
        "always ten": "you damp by 10, whatever `damping` says.",
        "the lesson's mean": "you use the `mu` of the notebook. The function may be called with other ratings: take their "
        "mean.",
        "people": "you divide by all people; the n of a film is the number of *its* ratings.",
    }
    cases = [(small, 2.0, "six ratings of three films, damping 2"), (small, 0.0, "damping 0 (the plain means)")]
    cases += [
        (_toy(), 2.5, "the toy data, damping 2.5"),
        (_some(), 10.0, "the ratings of sixty people, damping 10"),
        (_some(), 1e6, "the ratings of sixty people, damping a million"),
    ]
    for ratings, damping, what in cases:
        given, want = ratings.copy(), _damped_means(ratings, damping)
        value = damped(given, damping)
        _untouched(ratings, given)
        if isinstance(value, pd.Series) and set(value.index) < set(want.index) and damping > 1:
            raise Incorrect(
                "films with few ratings are gone. That is a cliff; damping keeps everybody and believes them less."
            )
        got = _by_id(value, want, f"{what}: the result")
        if _near(got, want):
            continue
        for how, message in messages.items():
            if damping > 0 and _near(got, _damped_wrongly(how)(ratings, damping).reindex(want.index)):
                raise Incorrect(f"{what}: {message}")
        same(got, want, what=what)


DAMPED = Exercise(
    id="2.1.2",
    title="Damped means",
    kind="build",
    prompt="""
    Write `damped_means(ratings, damping)`: for each film the damped mean of the formula above, in stars. One group-by
    is enough. Every film keeps its place in the result, however few ratings it has.
    """,
    reference=lambda: _damped_means,
    check=_check_damped_means,
    hints=(
        "Per film you need the sum and the number of its ratings. To the sum come `damping` imagined ratings, each at "
        "the mean of *all* ratings; to the number comes `damping`.",
        '`film = ratings.groupby("item")["rating"]`, then '
        '`(film.sum() + damping * ratings["rating"].mean()) / (film.size() + damping)`.',
    ),
    wrong=(
        WrongAnswer("pulled to 0 stars", lambda: _damped_wrongly("to zero"), "towards 0 stars"),
        WrongAnswer("no damping", lambda: _damped_wrongly("plain"), "no effect"),
        WrongAnswer("the mean of the films' means", lambda: _damped_wrongly("mean of means"), "mean of all *ratings*"),
        WrongAnswer("pulled to 3 stars", lambda: _damped_wrongly("middle"), "middle of the scale"),
        WrongAnswer("count not damped", lambda: _damped_wrongly("above only"), "not in the count"),
        WrongAnswer("few ratings thrown out", lambda: _damped_wrongly("cliff"), "cliff"),
        WrongAnswer("weights swapped", lambda: _damped_wrongly("weights swapped"), "weights are swapped"),
        WrongAnswer("one imagined rating", lambda: _damped_wrongly("one mean"), "added the mean once"),
        WrongAnswer("effects instead of stars", lambda: _damped_wrongly("effect"), "stars again"),
        WrongAnswer("the notebook's mu", lambda: _damped_wrongly("the lesson's mean"), "of the notebook"),
        WrongAnswer("a damping of 10, always", lambda: _damped_wrongly("always ten"), "whatever `damping` says"),
    ),
    points=2,
    explanation="In SQL: `(SUM(rating) + :damping * :mu) / (COUNT(*) + :damping) ... GROUP BY item`. Damping 0 is the plain "
    "mean; an enormous damping is the mean of all ratings for everybody. A film with as many ratings as the damping "
    "stands exactly half-way between the two.",
    expected=example(
        "damped_means(ratings, damping=2), where film 7 has the stars 4, 5, film 8 has 5, film 9 has 1, 5",
        lambda: _damped_means(
            pd.DataFrame({"user": [1, 2, 1, 1, 2], "item": [7, 7, 8, 9, 9], "rating": [4.0, 5, 5, 1, 5]}), 2
        ).to_numpy(),
    ),
)


# ------------------------------------------------------------------ 2.1.3 how many fives to the top?
DAMPING = 10


@functools.cache
def _race() -> tuple[float, float, int]:
    """(mean of all training ratings, damped mean of the leader, number of the leader's ratings)."""
    train = _parts()[0]
    damped = _damped_means(train, DAMPING)
    leader = damped.idxmax()
    return float(train["rating"].mean()), float(damped[leader]), int((train["item"] == leader).sum())


def _score(fives: float) -> float:
    mu, _, _ = _race()
    return (5 * fives + DAMPING * mu) / (fives + DAMPING)


def _fives() -> int:
    return next(n for n in range(1, 1000) if _score(n) > _race()[1])


def _check_fives(answer: Any) -> None:
    value, (mu, lead, votes), want = number(answer, "the number of ratings"), _race(), _fives()
    if not math.isfinite(value):
        raise Incorrect(
            f"there is such a number. Each further 5 moves the damped mean nearer to 5, and the lead is only {lead:.2f}."
        )
    if value != int(value):
        raise Incorrect(f"{value:g} is not a number of ratings. At which *whole* number is the lead passed?")
    if value == want - 1:
        raise Incorrect(
            f"with {want - 1} it is {_score(want - 1):.4f}, a little below {lead:.4f}: the border lies between two whole "
            "numbers, so round up."
        )
    if value == votes:
        raise Incorrect(
            f"as many ratings as the leader has? The leader's ratings are not all fives. Put n fives and {DAMPING} "
            "ratings at the mean into the formula."
        )
    if value == DAMPING:
        raise Incorrect(
            f"with {DAMPING} fives the film stands exactly half-way between {mu:.2f} and 5, at {_score(DAMPING):.2f}."
        )
    if value < want:
        raise Incorrect(f"with {int(value)} ratings of 5 its damped mean is {_score(value):.3f}: not enough.")
    if value > want:
        raise Incorrect(
            f"{int(value)} fives are enough ({_score(value):.3f}), but the question is how *few* will do: fewer are enough."
        )


def _fives_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    n = np.arange(0, 60)
    fig, ax = plt.subplots()
    ax.plot(n, [_score(float(k)) for k in n], label="damped mean of n fives, damping 10")
    ax.axhline(_race()[1], color="#444444", linestyle="--", label="the leader")
    ax.set(xlabel="n, ratings of 5 stars", ylabel="damped mean (stars)", ylim=(3.4, 5))
    ax.set_title("Where does the newcomer pass the leader?")
    ax.legend(loc="lower right")
    figure_alt(
        fig, "The damped mean rises from 3.5 stars, ever more slowly, and crosses the leader's line on the left."
    )
    return fig


FIVES = Exercise(
    id="2.1.3",
    title="How many fives to the top?",
    kind="figure it out",
    prompt="""
    A new film gets 5 stars from everybody who rates it. Damping is 10, and the leader's damped mean and the mean of all
    ratings are printed above. **How many ratings does it need, at least, to stand above the leader?** Guess whether it
    is 2, 20 or 100, then work it out, on paper or in code.
    """,
    reference=_fives,
    check=_check_fives,
    hints=(
        "Write down the damped mean of a film with n fives: the sum of its ratings is 5n. For which n is it above the "
        "leader's?",
        "(5n + 10 * 3.531) / (n + 10) > 4.427. Multiply by (n + 10), bring the n to one side, and round *up*.",
    ),
    wrong=(
        WrongAnswer("rounded down", lambda: _fives() - 1, "round up"),
        WrongAnswer("as many as the damping", lambda: 10, "half-way"),
        WrongAnswer("as many as the leader", lambda: _race()[2], "as the leader has"),
        WrongAnswer("never", lambda: math.inf, "there is such a number"),
        WrongAnswer("two will do", lambda: 2, "not enough"),
        WrongAnswer("a round number above", lambda: 20, "how *few*"),
    ),
    points=1,
    explanation="5n + 35.31 > 4.427 n + 44.27 gives 0.573 n > 8.96, so n > 15.6: sixteen fives in a row. Without damping "
    "one would do. And a damping of 25 would ask for 34 (of a leader who is damped more, too). That is what the number "
    "means: how much evidence an extraordinary claim must bring.",
    expected=_fives_figure,
)


# ------------------------------------------------------------------ 2.1.4 user and film effects
Fit = Callable[[pd.DataFrame, float, float, int], Any]
Biases = tuple[float, pd.Series, pd.Series]


def _fit_biases(ratings: pd.DataFrame, damping_user: float, damping_item: float, rounds: int) -> Biases:
    mu = ratings["rating"].mean()
    b_user = pd.Series(0.0, index=ratings["user"].unique())
    b_item = pd.Series(0.0, index=ratings["item"].unique())
    for _ in range(rounds):
        rest = (ratings["rating"] - mu - ratings["user"].map(b_user)).groupby(ratings["item"])
        b_item = rest.sum() / (damping_item + rest.size())
        rest = (ratings["rating"] - mu - ratings["item"].map(b_item)).groupby(ratings["user"])
        b_user = rest.sum() / (damping_user + rest.size())
    return float(mu), b_user, b_item


def _fit_wrongly(how: str) -> Fit:
    """The misconceptions, each one step away from the right loop."""

    def fit(ratings: pd.DataFrame, damping_user: float, damping_item: float, rounds: int) -> Biases:
        stars, users, items = ratings["rating"], ratings["user"], ratings["item"]
        mu = stars.mean()
        user, item = pd.Series(0.0, index=users.unique()), pd.Series(0.0, index=items.unique())
        if how == "empty start":
            user = user * np.nan
        if how == "dampings swapped":
            damping_user, damping_item = damping_item, damping_user
        if how == "no damping":
            damping_user = damping_item = 0
        for _ in range(1 if how == "one round" else rounds):
            if how == "user first":
                rest = (stars - mu - items.map(item)).groupby(users)
                user = rest.sum() / (damping_user + rest.size())
            own = 0 if how == "separate" else users.map(user)
            if how == "own effect":
                own = own + items.map(item)
            rest, old = (stars - mu - own).groupby(items), item
            if how in ("no mean", "stars"):
                rest = (stars - own).groupby(items)
            item = (rest.sum() + damping_item * mu * (how == "stars")) / (damping_item + rest.size())
            if how == "adds up":
                rest = (stars - mu - users.map(user) - items.map(old)).groupby(items)
                item = old + rest.sum() / (damping_item + rest.size())
            if how == "user first":
                continue
            other = {"separate": 0, "at once": items.map(old)}.get(how, items.map(item))
            rest = (stars - mu * (how != "stars") - other).groupby(users)
            if how == "adds up":
                rest = (stars - mu - users.map(user) - items.map(item)).groupby(users)
                user = user + rest.sum() / (damping_user + rest.size())
                continue
            user = rest.sum() / (damping_user + rest.size())
        return float(mu), user, item

    return fit


def _fit_returning_items_first(ratings: pd.DataFrame, damping_user: float, damping_item: float, rounds: int) -> Any:
    mu, b_user, b_item = _fit_biases(ratings, damping_user, damping_item, rounds)
    return mu, b_item, b_user


def _same_biases(got: tuple[Any, pd.Series, pd.Series], want: Biases) -> bool:
    return all(_near(a, b.reindex(a.index) if isinstance(a, pd.Series) else b) for a, b in zip(got, want))


def _check_fit_biases(fit: Fit) -> None:
    messages = {
        "user first": "you solve for the users before the films. The order of the formulas is films, then users, and a "
        "finite number of rounds gives another result the other way round.",
        "separate": "film and user effects are both averages of r - mu, so a kind user's kindness is counted twice: in the "
        "user's effect and in that of every film they rated. Take b_user off before you average for the films, and the "
        "new b_item off before you average for the users.",
        "at once": "the user effects use the film effects of the round *before*. Solve for the films, then use these new "
        "numbers for the users.",
        "own effect": "you take a film's own old effect off before you average for it, and lose it from round to round. "
        "For the films take off mu and b_user only.",
        "dampings swapped": "the two dampings are swapped: damping_item belongs to the films.",
        "no damping": "you divide by the number of ratings alone; divide by damping + n.",
        "empty start": "the first round looks up user effects that are not there yet. They come back as NaN, and the sums "
        "skip those rows in silence. Start with an effect of 0 for everybody.",
        "adds up": "you damp what is left and add it to the old effect, so the damping wears off from round to round. "
        "Estimate each effect anew, from r - mu minus the *other* side.",
        "stars": "b_item holds stars. Effects are distances from mu: take mu off first.",
        "no mean": "mu is missing in what is left for the films: r - mu - b_user.",
        "one round": "there is only one round: put both steps into a loop over `range(rounds)`, and start the next round "
        "from the last one's b_user.",
    }
    some = _some(40)
    cases = [
        (_toy(), 3.0, 40.0, 2, "the toy data, two rounds, damping 3 and 40"),
        (_toy(), 15.0, 10.0, 1, "the toy data, one round, damping 15 and 10"),
        (some, 15.0, 10.0, 10, "the ratings of forty people, ten rounds"),
        (some, 0.0, 0.0, 3, "the ratings of forty people, three rounds without damping"),
    ]
    for ratings, damping_user, damping_item, rounds, what in cases:
        given = ratings.copy()
        value = fit(given, damping_user, damping_item, rounds)
        _untouched(ratings, given)
        want = _fit_biases(ratings, damping_user, damping_item, rounds)
        if not (isinstance(value, (tuple, list)) and len(value) == 3):
            raise Incorrect("return three things: mu (a number), b_user and b_item (a Series each).")
        mu = number(value[0], "mu")
        if not _near(mu, want[0]):
            raise Incorrect(f"{what}: mu should be the mean of all ratings, {want[0]:.4f}, but is {mu:.4f}.")
        for part, ids, name in ((value[1], want[2], "b_user"), (value[2], want[1], "b_item")):
            if isinstance(part, pd.Series) and set(part.index) == set(ids.index):
                raise Incorrect(
                    f"{name} holds the effects of the other side: return mu, b_user, b_item, in this order."
                )
        got = mu, _by_id(value[1], want[1], f"{what}: b_user"), _by_id(value[2], want[2], f"{what}: b_item")
        if _same_biases(got, want):
            continue
        for how, message in messages.items():
            if _same_biases(got, _fit_wrongly(how)(ratings, damping_user, damping_item, rounds)):
                raise Incorrect(f"{what}: {message}")
        if got[2].mean() > 1:
            raise Incorrect(f"{what}: {messages['stars']}")
        same(got[2], want[2], what=f"{what}: b_item")
        same(got[1], want[1], what=f"{what}: b_user")


BIASES = Exercise(
    id="2.1.4",
    title="Kind people and good films, in turn",
    kind="build",
    prompt="""
    Write `fit_biases(ratings, damping_user, damping_item, rounds)` and return `mu, b_user, b_item`. Start with all
    effects at 0. Each round solves for the films with the newest user effects, and then for the users with the newest
    film effects. Two group-bys a round are enough.
    """,
    reference=lambda: _fit_biases,
    check=_check_fit_biases,
    hints=(
        "One half of a round: subtract from each rating what is explained already (`mu` and the *other* side's effect), "
        'group what is left, divide its sum by damping + n. `ratings["user"].map(b_user)` is the lookup.',
        '`rest = (ratings["rating"] - mu - ratings["user"].map(b_user)).groupby(ratings["item"])`, then '
        "`b_item = rest.sum() / (damping_item + rest.size())`. The second half is the same with user and item swapped. "
        'Start with `b_user = pd.Series(0.0, index=ratings["user"].unique())`.',
    ),
    wrong=(
        WrongAnswer("users before films", lambda: _fit_wrongly("user first"), "users before the films"),
        WrongAnswer("two separate averages", lambda: _fit_wrongly("separate"), "counted twice"),
        WrongAnswer("both sides at once", lambda: _fit_wrongly("at once"), "the round *before*"),
        WrongAnswer("takes the own effect off", lambda: _fit_wrongly("own effect"), "own old effect"),
        WrongAnswer("dampings swapped", lambda: _fit_wrongly("dampings swapped"), "dampings are swapped"),
        WrongAnswer("no damping", lambda: _fit_wrongly("no damping"), "number of ratings alone"),
        WrongAnswer("forgets mu", lambda: _fit_wrongly("no mean"), "mu is missing"),
        WrongAnswer("nobody's effect to start with", lambda: _fit_wrongly("empty start"), "in silence"),
        WrongAnswer("adds to the old effect", lambda: _fit_wrongly("adds up"), "wears off"),
        WrongAnswer("film means for film effects", lambda: _fit_wrongly("stars"), "holds stars"),
        WrongAnswer("one round only", lambda: _fit_wrongly("one round"), "only one round"),
        WrongAnswer("returned in another order", lambda: _fit_returning_items_first, "in this order"),
    ),
    points=3,
    explanation="Each half-step is a damped mean of what the other side has not explained, so each makes the same sum of "
    "squares smaller, and they cannot quarrel forever. This is *alternating least squares*; lesson 4.2 does the same with "
    "vectors in place of numbers.",
    expected=example(
        "fit_biases(ratings, 1, 1, rounds=2), where ann gave film 7 4 stars and film 8 5 stars, and bob gave film 7 1 star",
        lambda: tuple(
            np.asarray(part)
            for part in _fit_biases(
                pd.DataFrame({"user": ["ann", "ann", "bob"], "item": [7, 8, 7], "rating": [4.0, 5.0, 1.0]}), 1, 1, 2
            )
        ),
    ),
)


# ------------------------------------------------------------------ 2.1.5 the overnight report
Report = Callable[[pd.DataFrame, pd.DataFrame], Any]
LEAKS = {
    "mean": "the mean of all ratings still includes the test ratings",
    "count": "the test rows are still counted in n. No rating is read, yet the model knows who will rate what tomorrow: "
    "leave rows out of `test`, and the predictions of the others change",
    "new films": "a film that training has never seen still gets the mean of its *test* ratings. Nothing is known about it: "
    "its effect is 0",
}


def _report(*leaks: str) -> Report:
    """The report with some of its three leaks."""

    def report(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
        everything = pd.concat([train, test])
        mu = (everything if "mean" in leaks else train)["rating"].mean()
        rest = (train["rating"] - mu).groupby(train["item"]).sum()
        n = (everything if "count" in leaks else train)["item"].value_counts()
        effect = test["item"].map(rest / (10 + n))
        if "new films" in leaks:
            effect = effect.fillna(test["item"].map((test["rating"] - mu).groupby(test["item"]).mean()))
        return (mu + effect.fillna(0)).to_numpy()

    return report


def _nothing_for_new(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    honest = _report()(train, test)
    return np.where(test["item"].isin(train["item"]), honest, np.nan)


def _zero_stars_for_new(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    return np.where(test["item"].isin(train["item"]), _report()(train, test), 0.0)


def _no_damping_left(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    means = train.groupby("item")["rating"].mean()
    return test["item"].map(means).fillna(train["rating"].mean()).to_numpy()


def _just_the_mean(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    return np.full(len(test), train["rating"].mean())


def _subsets() -> list[tuple[str, ...]]:
    names = list(LEAKS)
    return [tuple(n for bit, n in enumerate(names) if mask >> bit & 1) for mask in range(1, 8)]


def _check_report(report: Report) -> None:
    small_train = pd.DataFrame(
        {"user": [1, 2, 3, 1, 2, 3], "item": [7, 7, 7, 8, 8, 9], "rating": [5.0, 4.0, 5.0, 2.0, 1.0, 3.0]}
    )
    small_test = pd.DataFrame(
        {"user": [4, 4, 1, 2, 3], "item": [8, 7, 4, 4, 9], "rating": [4.0, 5.0, 1.0, 2.0, 5.0]},
        index=[90, 3, 41, 7, 55],
    )
    train, test = _parts()
    train, test = train[train["user"] <= 80], test[test["user"] <= 80].iloc[::-1]
    for a, b, what in ((small_train, small_test, "six training and five test ratings"), (train, test, "eighty people")):
        given = a.copy(), b.copy()
        got = report(*given)
        _untouched(a, given[0])
        _untouched(b, given[1])
        if got is None:
            raise Incorrect("nothing came back: is a `return` missing?")
        got = np.asarray(got, dtype=float)
        want = _report()(a, b)
        if got.shape != want.shape:
            raise Incorrect(f"{what}: one prediction for each of the {len(b)} rows of test, please; got {got.shape}.")
        new = ~b["item"].isin(a["item"]).to_numpy()
        if np.isnan(got[new]).any() and not np.isnan(got[~new]).any():
            raise Incorrect(
                "films that training has never seen get NaN now. With no rating their effect is 0, and the prediction the mean. "
                "(`b_item.fillna` cannot fill a film that b_item does not hold; fill *after* the lookup.)"
            )
        if _near(got, want):
            continue
        for leaks in _subsets():
            if _near(got, _report(*leaks)(a, b)):
                if len(leaks) == len(LEAKS):
                    raise Incorrect(
                        "this is the report as it was; all of its leaks are there. Look at every place where `test` or "
                        "`everything` comes in."
                    )
                raise Incorrect(f"{what}: {'; and '.join(LEAKS[name] for name in leaks)}.")
        if _near(got[~new], want[~new]) and new.any():
            raise Incorrect(
                f"{what}: right where the film is known. A film that training has never seen should get the mean of the training "
                f"ratings, {a['rating'].mean():.4f}, but gets {got[new][0]:.4f}."
            )
        if _near(got, _no_damping_left(a, b)):
            raise Incorrect(f"{what}: the leaks are gone, and so is the damping of 10. Keep the model; mend the leaks.")
        if _near(got, _just_the_mean(a, b)):
            raise Incorrect(f"{what}: honest, but the film effects are gone too. Keep the model; mend the leaks.")
        same(got, want, what=f"{what}: the predictions")


REPORT = Exercise(
    id="2.1.5",
    title="Three leaks in ten lines",
    kind="figure it out",
    prompt="""
    Find the leaks in `overnight`, the function above, and write `honest(train, test)`: the same model, damped film means
    with damping 10, without them. There are three. The tripwire of lesson 1.3, which changes the test *ratings*, sees
    only two of them. **What else must not matter?**
    """,
    reference=lambda: _report(),
    check=_check_report,
    hints=(
        "Ask of each line: would it give the same if tomorrow's ratings were other numbers? And: would it give the same "
        "for *my* row if the other test rows were not there?",
        "`everything` is used twice, for `mu` and for `n`; both must come from `train`. The third leak is what a film gets "
        "that training has never seen: with no rating its effect is 0, so `.fillna(0)` after the lookup.",
    ),
    wrong=(
        WrongAnswer("nothing mended", lambda: _report(*LEAKS), "as it was"),
        WrongAnswer("the mean mended only", lambda: _report("count", "new films"), "counted in n"),
        WrongAnswer("the count forgotten", lambda: _report("count"), "who will rate what"),
        WrongAnswer("the new films forgotten", lambda: _report("new films"), "its effect is 0"),
        WrongAnswer("the mean forgotten", lambda: _report("mean"), "still includes the test ratings"),
        WrongAnswer("NaN for new films", lambda: _nothing_for_new, "get NaN"),
        WrongAnswer("0 stars for new films", lambda: _zero_stars_for_new, "right where the film is known"),
        WrongAnswer("the damping thrown out", lambda: _no_damping_left, "damping of 10"),
        WrongAnswer("the film effects thrown out", lambda: _just_the_mean, "film effects are gone"),
    ),
    points=3,
    explanation="`mu` from all ratings leaks a little of every answer; the means of unseen films leak a lot of a few. "
    "The count `n` reads no rating at all, and still it comes from the future: which films will be rated is itself a "
    "thing to predict. So a tripwire needs two tests: *other test ratings*, and *other test rows*.",
    expected=lambda: (
        "an array with one prediction a row of test, which stays the same when test ratings change,\n"
        "and for each row stays the same when other rows of test are left out"
    ),
)


# ------------------------------------------------------------------ 2.1.6 the most rated films
MostRated = Callable[[pd.DataFrame, Any, int], Any]


def _most_rated(ratings: pd.DataFrame, user: Any, n: int) -> list[Any]:
    seen = ratings.loc[ratings["user"] == user, "item"]
    counts = ratings.loc[~ratings["item"].isin(seen), "item"].value_counts().sort_index()
    return counts.sort_values(ascending=False, kind="stable").index[:n].tolist()


def _most_rated_wrongly(how: str) -> MostRated:
    def most_rated(ratings: pd.DataFrame, user: Any, n: int) -> list[Any]:
        seen = set(ratings.loc[ratings["user"] == user, "item"])
        film = ratings.groupby("item")["rating"]
        score = {"best": film.mean(), "sum": film.sum(), "rarest": -film.size()}.get(how, film.size()).sort_index()
        if how == "ties by largest id":
            score = score.sort_index(ascending=False)
        order = score.sort_values(ascending=False, kind="stable").index.tolist()
        if how == "seen too":
            return order[:n]
        if how == "cut, then filtered":
            return [item for item in order[:n] if item not in seen]
        if how == "only seen":
            return [item for item in order if item in seen][:n]
        return [item for item in order if item not in seen][:n]

    return most_rated


def _check_most_rated(most_rated: MostRated) -> None:
    small = pd.DataFrame(
        {
            "user": [1, 2, 3, 1, 2, 4, 3, 4, 1, 2, 4],
            "item": [8, 8, 8, 7, 7, 7, 5, 5, 6, 9, 9],
            "rating": [2.0, 1.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 5.0],
        }
    )
    messages = {
        "seen too": "the list holds films that this user has rated already. Leave those out.",
        "cut, then filtered": "you cut the list at n first and took the seen films out afterwards, so it comes back too short. "
        "Filter first, cut last.",
        "ties by largest id": "of films with equally many ratings, the one with the smaller id comes first.",
        "best": "these are the best rated films, by their mean. Popularity counts *how many* rated a film, not how well.",
        "sum": "you added up the stars. A film with few fives may then pass one with many twos: count rows.",
        "rarest": "these are the *least* rated: sort by falling count.",
        "only seen": "these are films that the user *has* seen; the filter is the wrong way round.",
    }
    train = _parts()[0]
    some = train[train["user"] <= 150].sample(frac=1, random_state=3)
    cases = [
        (some, 13, 10, "user 13, ten films"),
        (small, 3, 2, "user 3 of a small table, two films"),
        (small, 1, 2, "user 1 of a small table, two films"),
        (small, 99, 3, "somebody without ratings, three films"),
        (small, 2, 10, "user 2 of a small table, ten films (only two are left)"),
        (some, 150, 25, "user 150, twenty-five films"),
        (some.assign(item="f" + some["item"].astype(str)), 7, 12, "user 7, with film ids that are text"),
    ]
    for ratings, user, n, what in cases:
        given, want = ratings.copy(), _most_rated(ratings, user, n)
        value = most_rated(given, user, n)
        _untouched(ratings, given)
        if isinstance(value, pd.Series) and list(value) != want and list(value.index) == want:
            raise Incorrect(f"{what}: these are the counts. The ids are in their index: `.index.tolist()`.")
        if isinstance(value, (pd.Series, pd.Index, np.ndarray, tuple)):
            value = list(value)
        if not isinstance(value, list):
            raise Incorrect(f"{what}: return the ids of the films, best first, as a list; got {type(value).__name__}.")
        if value == want:
            continue
        for how, message in messages.items():
            if value == _most_rated_wrongly(how)(ratings, user, n):
                raise Incorrect(f"{what}: {message}")
        if seen := set(value) & set(ratings.loc[ratings["user"] == user, "item"]):
            raise Incorrect(f"{what}: {min(seen)!r} is in the list, and this user has rated it already.")
        if len(value) != len(want):
            raise Incorrect(f"{what}: {len(want)} films should come back, but there are {len(value)}.")
        place = next(k for k in range(len(want)) if value[k] != want[k])
        counts = ratings["item"].value_counts()
        if counts.get(value[place], 0) == counts[want[place]]:
            raise Incorrect(
                f"{what}: at place {place + 1} stands {value[place]!r}, but {want[place]!r} has as many ratings, and the smaller "
                "id comes first."
            )
        raise Incorrect(
            f"{what}: at place {place + 1} should stand {want[place]!r}, with {counts[want[place]]} ratings; "
            f"{value[place]!r} has {counts.get(value[place], 0)}."
        )


MOST_RATED = Exercise(
    id="2.1.6",
    title="A recommender in one query",
    kind="build",
    prompt="""
    Write `most_rated(ratings, user, n)`: the ids of the `n` most rated films that this user has **not** rated, as a
    list, most rated first. Of films with equally many ratings the smaller id comes first. Somebody without ratings gets
    the most rated films of all.
    """,
    reference=lambda: _most_rated,
    check=_check_most_rated,
    hints=(
        "An anti-join, a GROUP BY with a COUNT, an ORDER BY with two keys, a LIMIT. Do the filter before the cut.",
        '`seen = ratings.loc[ratings["user"] == user, "item"]`; then '
        '`counts = ratings.loc[~ratings["item"].isin(seen), "item"].value_counts().sort_index()`; sort by falling count '
        'with `kind="stable"`, so that equal counts stay in the order of the ids.',
    ),
    wrong=(
        WrongAnswer("seen films come back", lambda: _most_rated_wrongly("seen too"), "rated already"),
        WrongAnswer("cut before filtered", lambda: _most_rated_wrongly("cut, then filtered"), "Filter first"),
        WrongAnswer("the best rated", lambda: _most_rated_wrongly("best"), "not how well"),
        WrongAnswer("sum of stars", lambda: _most_rated_wrongly("sum"), "count rows"),
        WrongAnswer("the least rated", lambda: _most_rated_wrongly("rarest"), "*least* rated"),
        WrongAnswer("only what was seen", lambda: _most_rated_wrongly("only seen"), "wrong way round"),
        WrongAnswer(
            "ties by the larger id", lambda: _most_rated_wrongly("ties by largest id"), "smaller id comes first"
        ),
    ),
    points=2,
    explanation="In SQL: `SELECT item FROM ratings WHERE item NOT IN (SELECT item FROM ratings WHERE user = :me) GROUP BY item "
    "ORDER BY COUNT(*) DESC, item LIMIT :n`. Nothing is learned about the user except what to leave out. The second "
    "sort key is not pedantry: without it two servers may show two lists for the same data.",
    expected=example(
        "most_rated(ratings, user=2, n=2), where film 7 has 3 ratings, 8 and 9 have 2, and user 2 has rated 7",
        lambda: np.array([8, 9]),
    ),
)

EXERCISES = [BEST_CONSTANT, DAMPED, FIVES, BIASES, REPORT, MOST_RATED]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_infinite_damping() -> str:
    train, test = _parts()
    error = rmse(test["rating"], BiasBaseline(damping_user=1e12, damping_item=1e12).fit(train).predict(test))
    spread = rmse(test["rating"], np.full(len(test), train["rating"].mean()))
    return "b" if abs(error - spread) < 1e-4 else "a" if error < spread else "c"


def _key_two_models() -> str:
    truth = np.full(5, 3.0)
    steady, spiky = truth + 1, truth + np.array([0, 0, 0, 0, 2.5])
    by_rmse, by_mae = (metric(truth, steady) < metric(truth, spiky) for metric in (rmse, mae))
    return {(True, True): "a", (True, False): "b", (False, False): "c"}[by_rmse, by_mae]


def _key_stern_audience() -> str:
    """Films of at least 50 ratings whose raters are stern on average: is the effect above the damped mean's distance?"""
    train = _parts()[0]
    mu, b_user, b_item = _fit_biases(train, 15, 10, 10)
    film = train.groupby("item")["rating"]
    stern = train["user"].map(b_user).groupby(train["item"]).mean()
    stern = stern[(stern < -0.15) & (film.size() >= 50)].index
    above = b_item[stern] > (_damped_means(train, 10) - mu)[stern]
    return "a" if above.all() else "b" if not above.any() else "c"


def _key_public_board() -> str:
    """A thousand equally good models: how does the winner of the public half do on the hidden half?"""
    rng = np.random.default_rng(0)
    public, hidden = rng.normal(0.95, 0.01, (2, 200, 1000))  # 200 contests
    winner = public.argmin(axis=1)
    rows = np.arange(len(winner))
    gap = (hidden[rows, winner] - public[rows, winner]).mean()
    return "a" if gap > 0.01 else "c" if gap < -0.01 else "b"


def _key_cost() -> str:
    train = _parts()[0]
    ratings, unknowns = len(train), train["user"].nunique() + train["item"].nunique()
    work = [(k * ratings, (k * unknowns) ** 3) for k in (1, 10)]  # of a round; of solving the equation
    factors = tuple(later // now for now, later in zip(*work))
    return {(10, 10): "a", (10, 100): "b", (10, 1000): "c"}[factors]


QUIZ = [
    Question(
        text="You raise both dampings to a million million. What does the test RMSE of mu + b_u + b_i become?",
        choices={"a": "as low as it gets", "b": "that of the global mean", "c": "it grows without limit"},
        key=_key_infinite_damping,
        why={
            "a": "All effects become 0. What is left cannot tell one film from another.",
            "b": "Every effect is divided by a million million, so every prediction is mu, and the RMSE about the "
            "standard deviation of the ratings. Damping leads from the plain means to the global mean.",
            "c": "The effects shrink to 0, they do not grow. The worst that damping can do is to say mu to everybody.",
        },
    ),
    Question(
        text="Model A is wrong by 1 star every time. Model B is right four times of five, and wrong by 2.5 stars the fifth. "
        "Which is better?",
        choices={"a": "A by both measures", "b": "A by RMSE, B by MAE", "c": "B by both measures"},
        key=_key_two_models,
        why={
            "a": "By MAE, B has 2.5 / 5 = 0.5 and A has 1.",
            "b": "RMSE: A has 1, B has the root of 2.5² / 5, which is 1.12. MAE: A has 1, B has 0.5. One rare large error "
            "outweighs four perfect answers when it is squared.",
            "c": "By RMSE, B has the root of 6.25 / 5 = 1.12, more than the 1 of A.",
        },
    ),
    Question(
        text="A film was rated mostly by stern people. Compared with the damped mean of its own ratings minus mu, its b_i is",
        choices={"a": "higher", "b": "lower", "c": "the same"},
        key=_key_stern_audience,
        why={
            "a": "Its low ratings are partly the audience's doing. The user effects carry that part away, and the film is "
            "given back what it lost by having stern judges.",
            "b": "It would be lower if its raters were kind: then part of its good ratings is theirs.",
            "c": "It is the same only where the raters' effects average to zero.",
        },
    ),
    Question(
        text="1,000 teams hand in models that are all equally good. You pick the winner of the public half of the test data. "
        "On the hidden half, its score will on average be",
        choices={"a": "worse than on the public half", "b": "the same", "c": "better than on the public half"},
        key=_key_public_board,
        why={
            "a": "It won by luck, and luck does not carry over. That is why the prize was decided on ratings that nobody's "
            "score had ever been shown for.",
            "b": "It would be the same for a model that was picked before anybody looked. This one was picked *because* its "
            "public score was good.",
            "c": "Nothing makes the hidden half easier for the winner; the public half was lucky for it.",
        },
    ),
    Question(
        text="The service grows: ten times as many users, films and ratings. How much more work is one alternating round, "
        "and how much more the one big normal equation (solved densely)?",
        choices={"a": "10 times and 10 times", "b": "10 times and 100 times", "c": "10 times and 1,000 times"},
        key=_key_cost,
        why={
            "a": "The normal equation has one unknown for each user and film, and solving costs their cube.",
            "b": "100 times is what its *table* grows by, in memory. Solving it costs the cube.",
            "c": "A round reads every rating twice. The normal equation costs the cube of the number of unknowns: 10³.",
        },
    ),
]
