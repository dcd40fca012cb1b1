"""Exercises and quiz of lesson 5.5, Résumé, profile, community."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.course.resume import stated


# ------------------------------------------------------------------ 5.5.1 a difference in words
def _claim(value: float, low: float, high: float) -> str:
    places = max(0, 1 - math.floor(math.log10((high - low) / 2)))
    if low <= 0 <= high:
        return f"no difference shown: {value:.{places}f} ({low:.{places}f} to {high:.{places}f})"
    verb = "raised" if value > 0 else "lowered"
    near, far = sorted((abs(low), abs(high)))
    return f"{verb} by {abs(value):.{places}f} ({near:.{places}f} to {far:.{places}f})"


def _claim_wrongly(mistake: str) -> Callable[[float, float, float], str]:
    def claim(value: float, low: float, high: float) -> str:
        if mistake == "three places":
            places = 3
        elif mistake == "whole width":
            places = max(0, 1 - math.floor(math.log10(high - low)))
        else:
            places = max(0, 1 - math.floor(math.log10((high - low) / 2)))
        zero = low < 0 < high if mistake == "zero at the end" else low <= 0 <= high
        if zero and mistake != "always a gain":
            return f"no difference shown: {value:.{places}f} ({low:.{places}f} to {high:.{places}f})"
        verb = "raised" if value > 0 or mistake == "always raised" else "lowered"
        ends = (abs(low), abs(high)) if mistake == "far end first" else sorted((abs(low), abs(high)))
        if mistake == "signs kept":
            return f"{verb} by {value:.{places}f} ({low:.{places}f} to {high:.{places}f})"
        return f"{verb} by {abs(value):.{places}f} ({ends[0]:.{places}f} to {ends[1]:.{places}f})"

    return claim


_DIFFERENCES = [
    (0.21359, 0.198446, 0.22865),
    (-0.074365, -0.086381, -0.061417),
    (-0.000568, -0.002331, 0.001321),
    (0.0179, -0.0021, 0.0382),
    (0.4, 0.0, 0.81),
    (-0.4, -0.81, 0.0),
    (12.3, 8.1, 16.9),
    (-3100.0, -3602.0, -2614.0),
    (0.5004, 0.4112, 0.5908),
]
_CLAIM_MISTAKES = {
    "always a gain": "the interval holds zero, so no gain and no loss is shown: say so",
    "zero at the end": "an interval that ends at zero holds it: no difference is shown",
    "always raised": "the value is negative: lowered",
    "signs kept": "the word says the direction; a minus beside it would turn it round again",
    "far end first": "of two ends without their signs, the smaller comes first",
    "whole width": "half the interval's width gets two significant digits; you took the whole width",
    "three places": "the number of places follows the interval: half its width with two significant digits",
}


def _check_claim(claim: Callable[[float, float, float], Any]) -> None:
    answers = [claim(*given) for given in _DIFFERENCES]
    for given, got in zip(_DIFFERENCES, answers):
        want = _claim(*given)
        if not isinstance(got, str):
            raise Incorrect(f"claim{given}: a text is wanted, such as {want!r}, and not {got!r}.")
        if " ".join(got.split()).rstrip(".").lower() == want:
            continue
        made = {name: [_claim_wrongly(name)(*one) for one in _DIFFERENCES] for name in _CLAIM_MISTAKES}
        why = next((why for name, why in _CLAIM_MISTAKES.items() if answers == made[name]), "")
        raise Incorrect(f"claim{given} should be {want!r}, but is {got!r}" + (f": {why}." if why else "."))


CLAIM = Exercise(
    id="5.5.1",
    title="A difference in words",
    kind="build",
    prompt="""
    Write `claim(value, low, high)` for a difference and the ends of its interval. It gives one of three texts:

    - `"raised by 0.214 (0.198 to 0.229)"` if the interval lies above zero;
    - `"lowered by 0.074 (0.061 to 0.086)"` if it lies below: without signs, the smaller end first;
    - `"no difference shown: -0.0006 (-0.0023 to 0.0013)"` if zero is in it, or is one of its ends.

    All three numbers get as many places as **half the interval's width** needs for two significant digits, and never fewer than 0.
    """,
    reference=lambda: _claim,
    check=_check_claim,
    hints=(
        "First the places, by the rule of lesson 4.7; then ask whether zero is inside; then the direction.",
        "`places = max(0, 1 - math.floor(math.log10((high - low) / 2)))`; `low <= 0 <= high` is the middle case; `sorted((abs(low), abs(high)))` "
        "brings the ends into order.",
    ),
    wrong=(
        WrongAnswer("zero is ignored", lambda: _claim_wrongly("always a gain"), "holds zero"),
        WrongAnswer("zero at the end is outside", lambda: _claim_wrongly("zero at the end"), "ends at zero"),
        WrongAnswer("always raised", lambda: _claim_wrongly("always raised"), "negative"),
        WrongAnswer("signs kept", lambda: _claim_wrongly("signs kept"), "turn it round"),
        WrongAnswer("far end first", lambda: _claim_wrongly("far end first"), "smaller comes first"),
        WrongAnswer("the whole width", lambda: _claim_wrongly("whole width"), "whole width"),
        WrongAnswer("three places", lambda: _claim_wrongly("three places"), "follows the interval"),
    ),
    points=2,
    explanation="The middle case is why this is a function and not a habit: nobody forgets to write *raised*, and everybody is tempted to when the value "
    "is positive and the interval is not.",
    expected=example("claim(0.21359, 0.198446, 0.22865)", lambda: _claim(0.21359, 0.198446, 0.22865)),
)


# ------------------------------------------------------------------ lettered answers
def _lettered(want: Mapping[str, Any], choices: tuple[Any, ...], why: Mapping[str, str]) -> Callable[[Any], None]:
    def check(answer: Any) -> None:
        if not isinstance(answer, Mapping) or set(answer) != set(want):
            raise Incorrect(f"a dict with the keys {', '.join(want)} is wanted.")
        for letter, said in answer.items():
            if said not in choices:
                raise Incorrect(f"{letter}: {said!r} is none of {', '.join(map(repr, choices))}.")
            if said != want[letter]:
                raise Incorrect(f"{letter} is not {said!r}: {why[letter]}")

    return check


# ------------------------------------------------------------------ 5.5.2 which line is proven?
PROOF = {"A": "r1", "B": "nothing", "C": "r2", "D": "nothing", "E": "r3", "F": "nothing"}
_PROOF_WHY = {
    "A": "read the rows once more: difference, interval, baseline and metric of one of them are all in it.",
    "B": "the digits are those of r1. Against which baseline were they measured?",
    "C": "to find no difference is a result. Which row holds zero?",
    "D": "the number is in the file. Whose model is it?",
    "E": "a result may be a bad one. Look for the row with a minus.",
    "F": "the digits are those of r1. Which metric do they belong to?",
}
PROVEN = Exercise(
    id="5.5.2",
    title="Which line is proven?",
    kind="figure it out",
    prompt="""
    For each of the six bullets, name the row that proves it, `"r1"`, `"r2"`, `"r3"` or `"r4"`, or `"nothing"` if no row does. A row proves a bullet if number, metric, baseline **and**
    doer agree.
    """,
    reference=lambda: dict(PROOF),
    check=_lettered(PROOF, ("r1", "r2", "r3", "r4", "nothing"), _PROOF_WHY),
    hints=(
        "Do not look for the number; look for the row, and then compare four things: number, metric, baseline, doer.",
        "Three are proven, each by another row. Of the other three, one has the wrong baseline, one the wrong metric, one the wrong doer.",
    ),
    wrong=(
        WrongAnswer("the number is enough", lambda: {**PROOF, "B": "r1"}, "Against which baseline"),
        WrongAnswer("metrics are alike", lambda: {**PROOF, "F": "r1"}, "Which metric"),
        WrongAnswer("the course's row is mine", lambda: {**PROOF, "D": "r4"}, "Whose model"),
        WrongAnswer("no difference is no result", lambda: {**PROOF, "C": "nothing"}, "is a result"),
        WrongAnswer("a loss is no result", lambda: {**PROOF, "E": "nothing"}, "bad one"),
        WrongAnswer("suspects everything", lambda: {**PROOF, "A": "nothing"}, "all in it"),
    ),
    points=2,
    explanation="Number, metric, baseline, doer: four things, and a look-up of numbers sees one. The two bullets that admit something (C and E) are as well proven as A, and an interviewer "
    "asks longer about them.",
)


# ------------------------------------------------------------------ 5.5.3 twenty times nothing
def _luck() -> tuple[float, float, float]:
    return 20 * 0.05, 1 - 0.95**20, 1 - 0.95 ** (1 / 20)


def _check_luck(answer: Any) -> None:
    if not isinstance(answer, (tuple, list, np.ndarray)) or len(answer) != 3:
        raise Incorrect(
            "three numbers are wanted: how many on average, the chance of at least one, the level of each test."
        )
    mean, chance, level = (number(part, f"part {i}") for i, part in enumerate(answer, 1))
    want = _luck()
    if not math.isclose(mean, want[0], abs_tol=0.01):
        raise Incorrect(
            f"part 1: each of 20 tests is wrong in 5 % of the cases; on average that is not {mean:g} of them."
        )
    if math.isclose(chance, 1.0, abs_tol=1e-3):
        raise Incorrect("part 2: 20 times 5 % is the average number, not a chance: with 21 tests it would be above 1.")
    if math.isclose(chance, 1 - want[1], abs_tol=0.01):
        raise Incorrect("part 2: that is the chance that none of the 20 does.")
    if math.isclose(chance, 0.05, abs_tol=1e-3):
        raise Incorrect("part 2: that is the chance for one test. There are 20 of them.")
    if not math.isclose(chance, want[1], abs_tol=0.01):
        raise Incorrect(f"part 2: the formula above with alpha = 0.05 and m = 20 does not give {chance:g}.")
    if math.isclose(level, 0.05, abs_tol=1e-3):
        raise Incorrect(
            "part 3: at that level, each single test is wrong in 5 % of the cases, and the 20 together more often."
        )
    if not math.isclose(level, want[2], abs_tol=1e-4):
        raise Incorrect(f"part 3: with {level:g} for each of 20 tests, P is {1 - (1 - level) ** 20:.3f}, and not 0.05.")


LUCK = Exercise(
    id="5.5.3",
    title="Twenty times nothing",
    kind="figure it out",
    prompt="""
    Twenty independent comparisons, none with an effect, each tested at 5 %. Guess, then compute three numbers:

    1. how many of the twenty look like an effect, on average;
    2. the chance that at least one does;
    3. the level (such as 0.01) at which each one must be tested, so that this chance is 5 %.
    """,
    reference=_luck,
    check=_check_luck,
    hints=(
        "The first is a product. The second is the formula above. For the third, solve the formula for alpha.",
        "`20 * 0.05`, `1 - 0.95**20`, and `1 - 0.95 ** (1 / 20)`; Bonferroni's `0.05 / 20` is close enough.",
    ),
    wrong=(
        WrongAnswer("adds chances", lambda: (1.0, 1.0, 0.0025), "average number"),
        WrongAnswer("none instead of one", lambda: (1.0, 0.95**20, 0.0025), "none of the 20"),
        WrongAnswer("one test", lambda: (1.0, 0.05, 0.0025), "for one test"),
        WrongAnswer("the level stays", lambda: (1.0, 1 - 0.95**20, 0.05), "together more often"),
        WrongAnswer("multiplies the level", lambda: (1.0, 1 - 0.95**20, 1 - 0.95**20), "not 0.05"),
        WrongAnswer("none on average", lambda: (0.0, 1 - 0.95**20, 0.0025), "on average that is not"),
    ),
    points=2,
    explanation="One on average, and at least one in 64 of 100 cases. Testing each at 0.05 / 20 (Bonferroni) keeps the chance of a false find below 5 % whether they are independent "
    "or not; `compare` uses Holm's version, which finds more and is as safe.",
)

# ------------------------------------------------------------------ 5.5.4 the second question
ATTACKS = (
    "sound",
    "weak baseline",
    "picked on the test part",
    "only the end of the interval",
    "whose work",
    "other data",
)
ATTACK = {
    "A": "weak baseline",
    "B": "picked on the test part",
    "C": "only the end of the interval",
    "D": "whose work",
    "E": "sound",
    "F": "other data",
}
_ATTACK_WHY = {
    "A": "what would anybody have to do to beat films that are drawn by lot?",
    "B": "on which part was the best of the twenty chosen, and on which is it reported?",
    "C": "look at section 1: which of the three numbers of that comparison is this one?",
    "D": "the numbers may be right. Who did it?",
    "E": "it names difference, interval, baseline, data, and what it does not know. What more could it say?",
    "F": "two numbers are compared. Were they measured on the same thing?",
}
SECOND = Exercise(
    id="5.5.4",
    title="The claim that will be taken apart",
    kind="figure it out",
    prompt="""
    You are the interviewer. For each bullet, name what you would attack first: `"weak baseline"`, `"picked on the test part"`, `"only the end of the interval"`, `"whose work"`,
    `"other data"`, or `"sound"`. Each occurs once.
    """,
    reference=lambda: dict(ATTACK),
    check=_lettered(ATTACK, ATTACKS, _ATTACK_WHY),
    hints=(
        "For each: compared with what, chosen where, measured on what, done by whom? One bullet answers all of them.",
        "The sound one is the one that says what it does not know. C's number stands in section 1, but not as the difference.",
    ),
    wrong=(
        WrongAnswer("large factors impress", lambda: {**ATTACK, "A": "sound"}, "drawn by lot"),
        WrongAnswer("the best of many", lambda: {**ATTACK, "B": "sound"}, "the best of the twenty chosen"),
        WrongAnswer("a positive number", lambda: {**ATTACK, "C": "sound"}, "which of the three"),
        WrongAnswer("sat beside it", lambda: {**ATTACK, "D": "sound"}, "Who did it"),
        WrongAnswer("limits are flaws", lambda: {**ATTACK, "E": "other data"}, "what it does not know"),
        WrongAnswer("MovieLens is MovieLens", lambda: {**ATTACK, "F": "sound"}, "the same thing"),
    ),
    points=2,
    explanation="A factor grows when its base shrinks; the best of twenty is partly luck; an interval's end is not its middle; a number of other data is another number. The bullet that "
    "names its limits is the only one that has no second question.",
)


# ------------------------------------------------------------------ 5.5.5 how many users?
def _users_needed(effect: float, sd: float, alpha: float = 0.05, power: float = 0.8) -> int:
    z = special.ndtri(1 - alpha / 2) + special.ndtri(power)
    return math.ceil((z * sd / effect) ** 2)


def _raw(effect: float, sd: float, alpha: float = 0.05, power: float = 0.8) -> float:
    return ((special.ndtri(1 - alpha / 2) + special.ndtri(power)) * sd / effect) ** 2


_USERS = [
    (0.01, 0.1, 0.05, 0.8),
    (-0.0005683, 0.0288, 0.05, 0.8),
    (0.2, 0.23, 0.01, 0.9),
    (0.05, 0.2, 0.1, 0.95),
    (1.5, 4.0, 0.05, 0.6),
]
_USERS_MISTAKES: tuple[tuple[Callable[..., float], str], ...] = (
    (
        lambda e, s, a, p: math.sqrt(_raw(e, s, a, p)),
        "the square is missing: half the effect takes four times the users",
    ),
    (lambda e, s, a, p: (special.ndtri(1 - a / 2) * s / e) ** 2, "the power is missing: z of 1 - beta is added"),
    (
        lambda e, s, a, p: ((special.ndtri(1 - a) + special.ndtri(p)) * s / e) ** 2,
        "luck can err to both sides: alpha / 2 at each end",
    ),
    (lambda e, s, a, p: 2 * _raw(e, s, a, p), "that is for two groups of users; here each user sees both"),
    (lambda e, s, a, p: 4 * _raw(e, s, a, p), "that is for two groups of users; here each user sees both"),
    (
        lambda e, s, a, p: ((special.ndtri(1 - a / 2) - special.ndtri(p)) * s / e) ** 2,
        "the two points are added, not subtracted",
    ),
    (
        lambda e, s, a, p: (special.ndtri(1 - a / 2) + special.ndtri(p)) ** 2 * s / e**2,
        "the sd is squared with the rest",
    ),
    (lambda e, s, a, p: _raw(e, s, 0.05, 0.8), "alpha and power are fixed in it"),
)


def _check_users(users_needed: Callable[..., Any]) -> None:
    for given in _USERS:
        effect, sd, alpha, power = given
        what = f"users_needed({effect}, {sd}, alpha={alpha}, power={power})"
        got = number(users_needed(effect, sd, alpha=alpha, power=power), what)
        want = _users_needed(*given)
        if got == want:
            continue
        if math.isclose(got, _raw(*given), rel_tol=1e-9) or got == math.floor(_raw(*given)):
            raise Incorrect(f"{what} should be {want}: users are whole, and one fewer would not do; round up.")
        if got < 0:
            raise Incorrect(f"{what}: a negative number of users? The sign of the effect does not matter.")
        for mistake, why in _USERS_MISTAKES:
            if abs(got - mistake(*given)) <= 1:
                raise Incorrect(f"{what} should be {want}, but is {got:g}: {why}.")
        same(got, want, what=what)
    same(users_needed(0.01, 0.1), _users_needed(0.01, 0.1), what="users_needed(0.01, 0.1), by its defaults,")


NEEDED = Exercise(
    id="5.5.5",
    title="How many users?",
    kind="build",
    prompt="""
    Write the formula as `users_needed(effect, sd, alpha=0.05, power=0.8)`. `effect` is $d$ (it may be negative), `sd` is $s$, `power` is $1 - \\beta$. The answer is a whole number, rounded **up**.
    `special.ndtri(q)` of SciPy gives $z_q$.
    """,
    reference=lambda: _users_needed,
    check=_check_users,
    hints=(
        "Two calls of `special.ndtri`, one for each z; then everything in the bracket is squared.",
        "`z = special.ndtri(1 - alpha / 2) + special.ndtri(power)`, and `int(np.ceil((z * sd / effect) ** 2))`.",
    ),
    wrong=(
        WrongAnswer(
            "no square",
            lambda: lambda e, s, alpha=0.05, power=0.8: math.ceil(abs(math.sqrt(_raw(e, s, alpha, power)))),
            "square is missing",
        ),
        WrongAnswer(
            "power forgotten",
            lambda: lambda e, s, alpha=0.05, power=0.8: math.ceil((special.ndtri(1 - alpha / 2) * s / e) ** 2),
            "power is missing",
        ),
        WrongAnswer(
            "one side",
            lambda: (
                lambda e, s, alpha=0.05, power=0.8: math.ceil(
                    ((special.ndtri(1 - alpha) + special.ndtri(power)) * s / e) ** 2
                )
            ),
            "both sides",
        ),
        WrongAnswer(
            "two groups",
            lambda: lambda e, s, alpha=0.05, power=0.8: math.ceil(4 * _raw(e, s, alpha, power)),
            "each user sees both",
        ),
        WrongAnswer(
            "rounded down", lambda: lambda e, s, alpha=0.05, power=0.8: int(_raw(e, s, alpha, power)), "round up"
        ),
        WrongAnswer(
            "defaults only", lambda: lambda e, s, alpha=0.05, power=0.8: math.ceil(_raw(e, s)), "are fixed in it"
        ),
    ),
    points=2,
    explanation="The ratio s / d is the noise over the signal, and it is squared: that is why small differences are expensive. Pairing helps because s is the spread of the *differences*, which is much "
    "smaller than that of the users.",
    expected=example("users_needed(0.01, 0.1)", lambda: _users_needed(0.01, 0.1)),
)

# ------------------------------------------------------------------ 5.5.6 three passes
PASSES = {"A": 1, "B": 2, "C": 3, "D": 1, "E": 3, "F": 2}
_PASSES_WHY = {
    "A": "the title, the abstract and the headings answer this: it is the category.",
    "B": "one has to look at the figures, but not to rebuild anything.",
    "C": "what the authors do not say can only be found by doing their work again.",
    "D": "abstract, introduction and conclusions say it: it is one of the five Cs.",
    "E": "that is what the last pass is for, and how you know that it is done.",
    "F": "that takes more than headings, and less than rebuilding it.",
}
THREE = Exercise(
    id="5.5.6",
    title="Which pass answers it?",
    kind="figure it out",
    prompt="""
    Give each of the six questions the *first* pass that can answer it: 1 (ten minutes), 2 (an hour), or 3 (rebuilt in your head).
    """,
    reference=lambda: dict(PASSES),
    check=_lettered(PASSES, (1, 2, 3), _PASSES_WHY),
    hints=(
        "What have you looked at after each pass: headings, figures, assumptions?",
        "Two questions for each pass. The first pass answers what a paper is and claims; the second what it shows; the third what it hides.",
    ),
    wrong=(
        WrongAnswer("figures at a glance", lambda: {**PASSES, "B": 1}, "look at the figures"),
        WrongAnswer("hidden assumptions in an hour", lambda: {**PASSES, "C": 2}, "do not say"),
        WrongAnswer("reads everything for everything", lambda: {**PASSES, "A": 3}, "category"),
        WrongAnswer("retells from the abstract", lambda: {**PASSES, "F": 1}, "more than headings"),
        WrongAnswer("contributions late", lambda: {**PASSES, "D": 2}, "five Cs"),
        WrongAnswer("rebuilds in the second", lambda: {**PASSES, "E": 2}, "the last pass"),
    ),
    points=1,
    explanation="The order saves time: each pass decides whether the next is worth it. For a paper that you will name in an interview, do the second; for one that you build on, the third.",
)

EXERCISES = [CLAIM, PROVEN, LUCK, SECOND, NEEDED, THREE]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_digits() -> str:
    mean, low, high = stated(0.015718, 0.005525, 0.026528)
    return {"0.016 (0.006 to 0.027)": "b"}.get(f"{mean} ({low} to {high})", "a")


def _key_users() -> str:
    ratio = _raw(0.005, 0.1) / _raw(0.01, 0.1)
    return {2: "a", 4: "b", 16: "c"}[round(ratio)]


@functools.cache
def _key_checker() -> str:
    from recsys_lab.course.resume import check

    measured = {"leaderboard": {"rows": []}, "capstone": {"gain over the most rated films": [0.214, 0.198, 0.229]}}
    wrong_metric = "- Raised recall@10 by 0.214 (0.198 to 0.229) over the most rated films."
    return "c" if not check(wrong_metric, measured) else "a"


def _key_tries() -> str:
    rng = np.random.default_rng(0)
    best = rng.standard_normal((4000, 20)).max(axis=1)
    return "a" if (best > 1.645).mean() > 0.5 else "b"


QUIZ = [
    Question(
        "A difference of 0.015718 has the interval 0.005525 to 0.026528. What do you write?",
        {"a": "0.015718 (0.005525 to 0.026528)", "b": "0.016 (0.006 to 0.027)", "c": "about 0.02"},
        _key_digits,
        {
            "a": "Six places of which the second is uncertain.",
            "b": "Half the width is about 0.011: three places show two digits of it.",
            "c": "Without the interval, a reader cannot know whether it might be zero.",
        },
    ),
    Question(
        "You want to show half the difference with the same certainty. How many times as many users do you need?",
        {"a": "2", "b": "4", "c": "16"},
        _key_users,
        {
            "a": "Twice would do if the error fell with n. It falls with its root.",
            "b": "The difference stands in the formula squared.",
            "c": "That is for a quarter of the difference.",
        },
    ),
    Question(
        "`recsys-lab resume DIR --check FILE` finds nothing. What do you know?",
        {
            "a": "All numbers in it belong where they stand.",
            "b": "The bullets are true.",
            "c": "Each number occurs in the file; not that metric and baseline beside it are the right ones.",
        },
        _key_checker,
        {
            "a": "It cannot see whether a number stands beside its own metric.",
            "b": "Whether a sentence is true, a program cannot say.",
            "c": "A number is looked up, no more. The finger on the row is yours.",
        },
    ),
    Question(
        "Somebody reports the best of twenty variants that do not differ at all. How often is it better than 95 % of what one fair try gives?",
        {"a": "In more than half of the cases", "b": "In 5 % of the cases", "c": "Never"},
        _key_tries,
        {
            "a": "The chance is 1 - 0.95^20, about 0.64: the best of many is not a fair try.",
            "b": "That is the chance of one try.",
            "c": "Luck alone is enough, if one may choose afterwards.",
        },
    ),
]
