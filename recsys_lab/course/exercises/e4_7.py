"""Exercises and quiz of lesson 4.7, The portfolio."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question


# ------------------------------------------------------------------ 4.7.1 as many digits as the interval allows
def _stated(mean: float, low: float, high: float) -> str:
    places = max(0, 1 - math.floor(math.log10((high - low) / 2)))
    return f"{mean:.{places}f} ({low:.{places}f} to {high:.{places}f})"


def _one_digit(mean: float, low: float, high: float) -> str:
    places = max(0, -math.floor(math.log10((high - low) / 2)))
    return f"{mean:.{places}f} ({low:.{places}f} to {high:.{places}f})"


def _whole_width(mean: float, low: float, high: float) -> str:
    places = max(0, 1 - math.floor(math.log10(high - low)))
    return f"{mean:.{places}f} ({low:.{places}f} to {high:.{places}f})"


def _by_the_mean(mean: float, low: float, high: float) -> str:
    places = max(0, 1 - math.floor(math.log10(abs(mean))))
    return f"{mean:.{places}f} ({low:.{places}f} to {high:.{places}f})"


_INTERVALS = [
    (0.358914, 0.341877, 0.375951),
    (0.919112, 0.900601, 0.937893),
    (0.029312, 0.020112, 0.038498),
    (3.7, 1.2, 6.2),
    (512.4, 470.1, 554.7),
    (-0.00412, -0.00702, -0.00122),
    (0.5, 0.41, 0.61),
    (9013.0, 7711.0, 10_411.0),
]


_STATED_MISTAKES = (
    (_one_digit, "half the width gets one significant digit there; two are asked for"),
    (_whole_width, "you count the digits of the whole width; half of it says how far the mean may be off"),
    (_by_the_mean, "your digits follow the mean. How far it may be off is what the interval says"),
)


def _check_stated(stated: Callable[[float, float, float], Any]) -> None:
    answers = [stated(*given) for given in _INTERVALS]
    for given, got in zip(_INTERVALS, answers):
        want = _stated(*given)
        if not isinstance(got, str):
            raise Incorrect(f"a text is wanted, such as {want!r}, and not {got!r}.")
        if " ".join(got.split()) == want:
            continue
        for made, why in _STATED_MISTAKES:
            if answers == [made(*one) for one in _INTERVALS]:
                raise Incorrect(f"stated{given}: {got!r} should be {want!r}: {why}.")
        raise Incorrect(f"stated{given} should be {want!r}, but is {got!r}.")


STATED = Exercise(
    id="4.7.1",
    title="As many digits as the interval allows",
    kind="build",
    prompt="""
    Write `stated(mean, low, high)`, which gives a text such as `"0.359 (0.342 to 0.376)"`. All three numbers get the same number of
    decimal places: as many as **half the interval's width** needs to show **two significant digits**, and never fewer than 0. Half a width of
    0.017 needs three places, of 2.5 one, of 42 none.
    """,
    reference=lambda: _stated,
    check=_check_stated,
    hints=(
        "`math.floor(math.log10(x))` is the place of the first significant digit: -2 for 0.017, 0 for 2.5, 1 for 42. Which number of places "
        "belongs to each?",
        '`places = max(0, 1 - math.floor(math.log10((high - low) / 2)))`, and then an f-string: `f"{mean:.{places}f}"`.',
    ),
    wrong=(
        WrongAnswer("one significant digit", lambda: _one_digit, "two are asked for"),
        WrongAnswer("the whole width", lambda: _whole_width, "half of it says"),
        WrongAnswer("digits of the mean", lambda: _by_the_mean, "your digits follow"),
        WrongAnswer("always four", lambda: lambda m, lo, hi: f"{m:.4f} ({lo:.4f} to {hi:.4f})", "should be"),
        WrongAnswer("a tuple", lambda: lambda m, lo, hi: (round(m, 3), round(lo, 3), round(hi, 3)), "a text is wanted"),
    ),
    points=2,
    explanation="Digits are a claim. 0.358914 says that the sixth place is known; the interval says that the second is not. Two digits of half "
    "the width are enough for a reader to compute with, and no more than you know.",
    expected=example("stated(0.358914, 0.341877, 0.375951)", lambda: _stated(0.358914, 0.341877, 0.375951)),
)

# ------------------------------------------------------------------ 4.7.2 which numbers may stand beside each other?
REASONS = ("comparable", "other test data", "other candidates", "other metric", "chosen on the test part")
PAIRS = {
    "A": "comparable",
    "B": "other candidates",
    "C": "other test data",
    "D": "other metric",
    "E": "chosen on the test part",
    "F": "comparable",
}
_WHY = {
    "A": "one split, one metric, all films as candidates: only the models differ. That is what a comparison is.",
    "B": "what did each have to choose from? To find a film among 100 others is easier than among 1,682.",
    "C": "who was judged? Users with 20 ratings and more, and all users, are different people.",
    "D": "the two are cut at different lengths.",
    "E": "forty values were tried. On which part was the best of them picked?",
    "F": "the model is new, everything that it is judged by is not: the same hidden rows, the same k, the same candidates.",
}


def _check_pairs(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(PAIRS):
        raise Incorrect("a dict with the keys A to F is wanted.")
    for letter, said in answer.items():
        if said not in REASONS:
            raise Incorrect(f"{letter}: {said!r} is none of {', '.join(REASONS)}.")
        if said != PAIRS[letter]:
            raise Incorrect(f"{letter} is not {said!r}: {_WHY[letter]}")


COMPARABLE = Exercise(
    id="4.7.2",
    title="Which numbers may stand beside each other?",
    kind="figure it out",
    prompt="""
    Each of the six pairs above stands in one table of somebody's README. Which pairs are `"comparable"`? For the others name what spoils them:
    `"other test data"`, `"other candidates"` (what the model had to choose from), `"other metric"` or `"chosen on the test part"`.
    """,
    reference=lambda: dict(PAIRS),
    check=_check_pairs,
    hints=(
        "Ask four things of each pair: the same hidden rows? The same items to choose from? The same metric, at the same length? And was anything "
        "picked by looking at the hidden rows?",
        "Two pairs are sound. The other four have one flaw each, and no flaw occurs twice.",
    ),
    wrong=(
        WrongAnswer("a sample is as good", lambda: {**PAIRS, "B": "comparable"}, "among 100 others"),
        WrongAnswer("the same data set is enough", lambda: {**PAIRS, "C": "comparable"}, "who was judged"),
        WrongAnswer("nDCG is nDCG", lambda: {**PAIRS, "D": "comparable"}, "different lengths"),
        WrongAnswer("tuning is always fair", lambda: {**PAIRS, "E": "comparable"}, "forty values"),
        WrongAnswer(
            "another library is unfair", lambda: {**PAIRS, "F": "other test data"}, "everything that it is judged by"
        ),
        WrongAnswer("suspects everything", lambda: {**PAIRS, "A": "other candidates"}, "only the models differ"),
    ),
    points=2,
    explanation="A number of a recommender belongs to its protocol: data, division, candidates, metric, and what was chosen where. If one of these "
    "differs, the two numbers do not belong into one table, however similar their names are.",
)


# ------------------------------------------------------------------ 4.7.3 a plot that misleads
def _lie_factor(first: float, second: float, bottom: float) -> float:
    drawn = (second - bottom) / (first - bottom) - 1
    return drawn / (second / first - 1)


def _check_lie(lie_factor: Callable[[float, float, float], Any]) -> None:
    for first, second, bottom in [
        (0.33, 0.36, 0.32),
        (0.33, 0.36, 0.0),
        (40.0, 30.0, 20.0),
        (2.0, 6.0, 1.0),
        (5.0, 4.0, -5.0),
    ]:
        what = f"lie_factor({first}, {second}, {bottom})"
        got, want = number(lie_factor(first, second, bottom), what), _lie_factor(first, second, bottom)
        if math.isclose(
            got, (second - bottom) / (first - bottom) / (second / first), rel_tol=1e-9
        ) and not math.isclose(got, want):
            raise Incorrect(
                f"{what}: you divide how many *times* as long by how many times as much; take the *change* of each: minus 1."
            )
        if math.isclose(got, 1 / want, rel_tol=1e-9) and not math.isclose(got, want):
            raise Incorrect(f"{what}: upside down: what is drawn stands above, what is true below.")
        if math.isclose(got, (second - first) / (first - bottom), rel_tol=1e-9) and not math.isclose(got, want):
            raise Incorrect(f"{what}: that is the change as it is drawn; divide it by the true one.")
        same(got, want, what=what)


LIE = Exercise(
    id="4.7.3",
    title="How much does the plot exaggerate?",
    kind="build",
    prompt="""
    A bar from an axis that begins at `bottom` is `value - bottom` long. Write `lie_factor(first, second, bottom)`: the relative change from the first bar's
    *length* to the second's, over the relative change from the first *value* to the second. (Relative change from a to b: b / a - 1.) An honest plot has 1.
    """,
    reference=lambda: _lie_factor,
    check=_check_lie,
    hints=(
        "Two lengths, `first - bottom` and `second - bottom`; two changes; one quotient.",
        "Drawn: `(second - bottom) / (first - bottom) - 1`. True: `second / first - 1`.",
    ),
    wrong=(
        WrongAnswer(
            "ratios instead of changes", lambda: lambda a, b, z: (b - z) / (a - z) / (b / a), "take the *change*"
        ),
        WrongAnswer("upside down", lambda: lambda a, b, z: 1 / _lie_factor(a, b, z), "upside down"),
        WrongAnswer("only what is drawn", lambda: lambda a, b, z: (b - a) / (a - z), "divide it by the true one"),
        WrongAnswer("an honest plot", lambda: lambda a, b, z: 1.0, "lie_factor"),
        WrongAnswer("never below zero", lambda: lambda a, b, z: a / (a - max(z, 0)), "lie_factor"),
    ),
    points=2,
    explanation="Simplified, it is first / (first - bottom): it depends on where the axis begins and on nothing else. With bars, begin at zero. A dot with its interval "
    "has no length, so its axis may begin anywhere.",
    expected=example("lie_factor(0.33, 0.36, 0.32)", lambda: _lie_factor(0.33, 0.36, 0.32)),
)


# ------------------------------------------------------------------ 4.7.4 the group that is missing
def _served(values: pd.Series, groups: pd.Series, least: int = 30) -> pd.Series:
    by = values.groupby(groups)
    return by.mean()[by.count() >= least].sort_values()


def _group_cases() -> list[tuple[pd.Series, pd.Series, int]]:
    rng = np.random.default_rng(0)
    users = np.arange(1, 201)
    values = pd.Series(rng.random(200), index=users)
    values[rng.random(200) < 0.3] = np.nan
    groups = pd.Series(rng.choice(["artist", "doctor", "none", "student"], 200, p=[0.15, 0.05, 0.2, 0.6]), index=users)
    small = pd.Series([1.0, np.nan, 0.5, 0.25], index=[4, 3, 2, 1])
    two = pd.Series(["b", "a", "a", "b"], index=small.index)
    return [(values, groups, 20), (values, groups, 30), (small, two, 1), (small, two, 2)]


def _check_served(served: Callable[..., Any]) -> None:
    for values, groups, least in _group_cases():
        got, want = served(values, groups, least), _served(values, groups, least)
        if not isinstance(got, pd.Series):
            raise Incorrect(f"a Series is wanted, group by group, and not a {type(got).__name__}.")
        sizes = values.groupby(groups).size()
        if extra := sorted(set(got.index) - set(want.index)):
            counted = " It has users enough, but too few with a value." if sizes[extra[0]] >= least else ""
            raise Incorrect(
                f"{extra[0]!r} has fewer than {least} users that were judged, and is in your answer.{counted}"
            )
        if missing := sorted(set(want.index) - set(got.index)):
            raise Incorrect(f"{missing[0]!r} has {least} judged users or more, and is missing.")
        as_zero = values.fillna(0).groupby(groups).mean()[want.index]
        if np.allclose(got.reindex(want.index), as_zero) and not np.allclose(want, as_zero):
            raise Incorrect(
                "users without a value count as zero in your means: they were not judged, which is not the same as badly served."
            )
        if list(got.index) != list(want.index):
            raise Incorrect("the group that is served worst comes first: sort by the means, upwards.")
        same(got.to_numpy(), want.to_numpy(), what="the means")


SERVED = Exercise(
    id="4.7.4",
    title="Who is served badly?",
    kind="build",
    prompt="""
    Write `served(values, groups, least=30)`: the mean of each group, **the worst first**, as a Series. `values` has one number a user, NaN where the user
    was not judged; `groups` has the same users' groups. A group with fewer than `least` *judged* users is left out: its mean would be chance.
    """,
    reference=lambda: _served,
    check=_check_served,
    hints=(
        "`values.groupby(groups)` makes the groups. `.size()` and `.count()` differ in one thing.",
        "`by.count()` counts what is not NaN: keep `by.mean()[by.count() >= least]`, and sort.",
    ),
    wrong=(
        WrongAnswer(
            "counts those not judged",
            lambda: lambda v, g, n=30: v.groupby(g).mean()[v.groupby(g).size() >= n].sort_values(),
            "too few with a value",
        ),
        WrongAnswer("keeps small groups", lambda: lambda v, g, n=30: v.groupby(g).mean().sort_values(), "fewer than"),
        WrongAnswer("best first", lambda: lambda v, g, n=30: _served(v, g, n)[::-1], "worst comes first"),
        WrongAnswer(
            "NaN as zero",
            lambda: lambda v, g, n=30: v.fillna(0).groupby(g).mean()[v.groupby(g).count() >= n].sort_values(),
            "not judged",
        ),
        WrongAnswer(
            "more than, not at least",
            lambda: lambda v, g, n=30: v.groupby(g).mean()[v.groupby(g).count() > n].sort_values(),
            "is missing",
        ),
    ),
    points=2,
    explanation="A mean over everybody hides who pays for it. And a group can be missing twice: because it is small, and because its people have no hidden "
    "favourite, so that the metric skips them. A model card names both.",
)

# ------------------------------------------------------------------ 4.7.5 a bullet without proof
FLAWS = ("sound", "no number", "another number", "no baseline", "not mine")
BULLETS = {
    "A": "no number",
    "B": "no baseline",
    "C": "sound",
    "D": "another number",
    "E": "not mine",
    "F": "sound",
}
_BULLET_WHY = {
    "A": "which words could turn out to be false? None.",
    "B": "0.385 of what is good? A reader cannot know: nothing stands beside it.",
    "C": "a difference, its interval, against whom, on which data. What more could it say?",
    "D": "look it up above: the difference was measured, and it is another one. That one is what EASE reaches, not by how much it is better.",
    "E": "who has done that? MovieLens is GroupLens', and the million is the data set's.",
    "F": "it admits a limit, with a number that was measured. That is no weakness.",
}


def _check_bullets(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(BULLETS):
        raise Incorrect("a dict with the keys A to F is wanted.")
    for letter, said in answer.items():
        if said not in FLAWS:
            raise Incorrect(f"{letter}: {said!r} is none of {', '.join(FLAWS)}.")
        if said != BULLETS[letter]:
            raise Incorrect(f"{letter} is not {said!r}: {_BULLET_WHY[letter]}")


BULLET = Exercise(
    id="4.7.5",
    title="A bullet without proof",
    kind="figure it out",
    prompt="""
    Six bullets from a résumé, and what was measured, stand above. Give each its verdict: `"sound"`, `"no number"`, `"another number"` than was measured,
    `"no baseline"`, or `"not mine"` (somebody else's work or figure).
    """,
    reference=lambda: dict(BULLETS),
    check=_check_bullets,
    hints=(
        "Read each as somebody who wants to catch you: what would you ask next, and could what was measured answer?",
        "Two are sound; one of them tells of a weakness. For D, ask of which quantity that number was measured.",
    ),
    wrong=(
        WrongAnswer("adjectives count", lambda: {**BULLETS, "A": "sound"}, "turn out to be false"),
        WrongAnswer("a number is enough", lambda: {**BULLETS, "B": "sound"}, "nothing stands beside it"),
        WrongAnswer("does not look it up", lambda: {**BULLETS, "D": "sound"}, "look it up"),
        WrongAnswer("big numbers impress", lambda: {**BULLETS, "E": "sound"}, "who has done that"),
        WrongAnswer("a weakness is a flaw", lambda: {**BULLETS, "F": "no number"}, "no weakness"),
        WrongAnswer("distrusts the sound one", lambda: {**BULLETS, "C": "no baseline"}, "against whom"),
    ),
    points=2,
    explanation="A bullet is a claim with its proof: what changed, by how much, against what, on which data, and where it can be run again. The one that admits a limit is the "
    "one that an interviewer will believe.",
)

EXERCISES = [STATED, COMPARABLE, LIE, SERVED, BULLET]


# ------------------------------------------------------------------ quiz
def _key_overlap() -> str:
    """Two intervals that overlap, and a paired difference whose own does not hold zero."""
    users = np.random.default_rng(0).normal(0.35, 0.25, 900)
    gain = np.random.default_rng(1).normal(0.03, 0.1, 900)
    half = [1.96 * v.std() / 30 for v in (users, users + gain, gain)]
    overlap = users.mean() + half[0] > (users + gain).mean() - half[1]
    return "b" if overlap and gain.mean() - half[2] > 0 else "a"


def _key_artefact() -> str:
    from recsys_lab import EASE, Ratings, datasets

    toy = datasets.toy()
    model = EASE().fit(Ratings.from_frame(toy.ratings, scale=toy.scale))
    return "c" if model.train_.n_ratings == len(toy.ratings) else "a"


def _key_digits() -> str:
    return {"0.359 (0.342 to 0.376)": "b"}.get(_stated(0.358914, 0.341877, 0.375951), "a")


QUIZ = [
    Question(
        "Two models' intervals overlap. Are the models equally good?",
        {
            "a": "Yes.",
            "b": "That does not follow: the paired difference may still be clear of zero.",
            "c": "Yes, if there are more than 30 users.",
        },
        _key_overlap,
        {
            "a": "Overlap says that either mean could be the other's; it does not use that the same users were asked twice.",
            "b": "Yes. Users differ much more from one another than the two models do on one user, and pairing takes that out.",
            "c": "No number of users makes an overlap a proof of equality.",
        },
    ),
    Question(
        "Why does `portfolio build` leave `model.npz` out?",
        {
            "a": "It is binary, and git cannot hold such files.",
            "b": "It is larger than 10 MB.",
            "c": "It holds the ratings that it was fitted on.",
        },
        _key_artefact,
        {
            "a": "git can; it only cannot show how they differ.",
            "b": "Some are, some are not; a small one is left out, too.",
            "c": "Yes: `train_` is stored with it, so that what was rated is not recommended. Who publishes the file, publishes the ratings.",
        },
    ),
    Question(
        "nDCG@10 is 0.358914, and its interval goes from 0.341877 to 0.375951. What do you write?",
        {"a": "0.358914", "b": "0.359 (0.342 to 0.376)", "c": "about 0.4"},
        _key_digits,
        {
            "a": "Six digits claim what is not known.",
            "b": "Yes: two digits of half the width, and the interval beside it.",
            "c": "That throws away what is known: 0.40 lies outside the interval.",
        },
    ),
]
