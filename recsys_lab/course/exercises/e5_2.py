"""Exercises and quiz of lesson 5.2, Design drills."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course import interview
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number
from recsys_lab.course.quiz import Question


def _chosen(answer: Any, right: Mapping[str, Any], choices: Sequence[Any], why: Callable[[str, Any], str]) -> None:
    """A dict with these keys, each with one of the choices. The first wrong one is told why(key, said)."""
    if not isinstance(answer, Mapping) or set(answer) != set(right):
        raise Incorrect(f"a dict with the keys {', '.join(right)} is wanted.")
    for key, said in answer.items():
        if said not in choices:
            raise Incorrect(f"{key}: {said!r} is none of {', '.join(map(str, choices))}.")
    for key in right:
        if answer[key] != right[key]:
            raise Incorrect(f"{key}: {why(key, answer[key])}")


def _but(right: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {**right, **changed}


# ------------------------------------------------------------------ 5.2.1 six proposals, six sums
# letter: (case, the number that decides, what there is of it)
PROPOSALS = {
    "A": ("video", "cores_to_score_all_at_peak", 100),
    "B": ("ecommerce", "terabytes_of_all_pairs", 2),
    "C": ("feed", "seconds_to_push_the_largest", 30),
    "D": ("music", "gigabytes_of_vectors", 32),
    "E": ("search", "dollars_for_a_test_set", 2_000),
    "F": ("notifications", "sends_per_week_under_nine_limits", 10),
}
FITS, TOO_MUCH = "fits", "too much"
_SUMS = {
    "A": "a page at the peak costs 10,000 titles times 2 microseconds. Multiply by the pages a second: how many cores are busy?",
    "B": "all pairs means the square of the number of products, not a multiple of it. In which unit does that end?",
    "C": "the mean over posts does fit. But 30 seconds were promised for every friend's photo: what about the minute in which the "
    "largest account posts?",
    "D": "80 million tracks times 64 numbers times 4 bytes. Divide by a billion before you are afraid of it.",
    "E": "queries times results times judges times the price of one judgement.",
    "F": "each limit is kept, and the person gets the sum of all teams over seven days.",
}


@functools.cache
def _proposals() -> dict[str, str]:
    worked = {letter: interview.load(case).numbers()[name] for letter, (case, name, _) in PROPOSALS.items()}
    return {letter: FITS if worked[letter] <= PROPOSALS[letter][2] else TOO_MUCH for letter in PROPOSALS}


def _check_proposals(answer: Any) -> None:
    _chosen(answer, _proposals(), (FITS, TOO_MUCH), lambda letter, _: _SUMS[letter])


SUMS = Exercise(
    id="5.2.1",
    title="Six proposals, six sums",
    kind="figure it out",
    prompt="""
    In six interviews, somebody proposes something. Say for each whether it `"fits"` or is `"too much"`, by working out one number from the
    assumptions above. Guess all six before you compute any.

    - **A.** *video*: score every title for every page, on 100 cores, at the peak hour.
    - **B.** *ecommerce*: keep the table of all pairs of products, 4 bytes each, in a cluster with 2 terabytes of memory.
    - **C.** *feed*: push each photo to all followers when it is posted, with the store that there is. A friend's photo must arrive within 30 seconds, always.
    - **D.** *music*: keep the vectors of all tracks, uncompressed, on one machine with 32 gigabytes.
    - **E.** *search*: have a test set judged by people, for at most 2,000 dollars.
    - **F.** *notifications*: let each of the nine teams send one a day. People bear ten a week, all in all.
    """,
    reference=lambda: dict(_proposals()),
    check=_check_proposals,
    hints=(
        'Each case\'s assumptions are in `interview.load("feed").given`, and have their units in their names. Write the units beside the sum and cancel them.',
        "Three fit. The trap is C: its mean is below what the store takes, and its worst case is ten times what was promised.",
    ),
    wrong=(
        WrongAnswer("the mean fits", lambda: _but(_proposals(), C=FITS), "the mean over posts does fit"),
        WrongAnswer("scoring all must be too much", lambda: _but(_proposals(), A=TOO_MUCH), "how many cores are busy"),
        WrongAnswer("pairs grow like products", lambda: _but(_proposals(), B=FITS), "square of the number of products"),
        WrongAnswer("millions of vectors", lambda: _but(_proposals(), D=TOO_MUCH), "before you are afraid"),
        WrongAnswer("people are dear", lambda: _but(_proposals(), E=TOO_MUCH), "price of one judgement"),
        WrongAnswer("each limit is kept", lambda: _but(_proposals(), F=FITS), "the sum of all teams"),
        WrongAnswer("yes and no", lambda: dict.fromkeys(PROPOSALS, True), "is none of"),
        WrongAnswer("a list", lambda: list(_proposals().values()), "a dict with the keys"),
    ),
    points=2,
    explanation="A is 28 cores, B 400 terabytes, C 300 seconds, D 20.5 gigabytes, E 1,500 dollars, F 63 a week. Two lessons in six sums. Half of the "
    "proposals that sound impossible are cheap, and whoever does not compute builds an index of neighbours for 10,000 titles. And a mean "
    "says nothing about a promise to everybody: ask for the largest one.",
)

# ------------------------------------------------------------------ 5.2.2 find the flaw
SOUND = "sound"
REMEDIES = {
    "a": "wait for the ranker, however long it takes",
    "b": "cut by time: train on the past, test on the days after",
    "c": "check at the moment of showing",
    "d": "give every slot to the best photo",
    "e": "log every impression, with rank and features",
    "f": "predict the click alone, as it is the goal",
    "g": "one definition for training and serving, as of the moment of the impression",
    "h": "end it as soon as the difference is significant",
    "i": "pull the posts of large accounts when a feed is asked for",
}
FLAWS = {
    "log": "e",
    "features": "g",
    "ranker": SOUND,
    "chance": SOUND,
    "fanout": "i",
    "filters": "c",
    "offline": "b",
    "experiment": SOUND,
    "fallback": SOUND,
}
_LOOK = {
    "log": "what is *not* in this table? Try to tell a photo that was passed over from one that was never shown.",
    "features": "count the codes that compute one feature. What keeps them equal?",
    "ranker": "several actions, weighed by experiments: this is what a feed needs. The click alone rewards headlines.",
    "chance": "it costs one slot in a hundred and buys the only data that the ranker did not choose itself.",
    "fanout": "whoever posted it: think of the largest account, and of the sum for proposal C.",
    "filters": "a photo is deleted *after* it was written into an inbox. Who looks again?",
    "offline": "rows of one evening on both sides of the cut: what does the model know about the test?",
    "experiment": "a length fixed in advance, people as units, guardrails. Nothing is missing.",
    "fallback": "a feed in order of time after 80 ms is better than none after 800, and the log tells the two apart.",
}


def _check_flaws(answer: Any) -> None:
    def why(part: str, said: Any) -> str:
        if FLAWS[part] == SOUND:
            return f"this one is sound. {_LOOK[part][0].upper()}{_LOOK[part][1:]}"
        if said == SOUND:
            return f"look again: {_LOOK[part]}"
        return f"there is a flaw, but {REMEDIES[said]!r} does not mend it. Again: {_LOOK[part]}"

    _chosen(answer, FLAWS, (*REMEDIES, SOUND), why)


FLAW = Exercise(
    id="5.2.2",
    title="Find the flaws",
    kind="figure it out",
    prompt="""
    Read the design above. Five of the nine components would do real harm, and four are sound though they may look odd. Answer with a dict from each
    component's id (printed above) to `"sound"`, or to the letter of the remedy that mends it:

    - `"a"` wait for the ranker, however long it takes
    - `"b"` cut by time: train on the past, test on the days after
    - `"c"` check at the moment of showing
    - `"d"` give every slot to the best photo
    - `"e"` log every impression, with rank and features
    - `"f"` predict the click alone, as it is the goal
    - `"g"` one definition for training and serving, as of the moment of the impression
    - `"h"` end it as soon as the difference is significant
    - `"i"` pull the posts of large accounts when a feed is asked for
    """,
    reference=lambda: dict(FLAWS),
    check=_check_flaws,
    hints=(
        "Take each component and ask: what would I have to see in production to notice that it is wrong? Where the answer is *nothing*, look twice.",
        "One flaw is about what is logged, one about two codes, one about the largest account, one about the order of two steps, one about time.",
    ),
    wrong=(
        WrongAnswer("chance is waste", lambda: _but(FLAWS, chance="d"), "the ranker did not choose itself"),
        WrongAnswer("clicks are enough", lambda: _but(FLAWS, log=SOUND), "what is *not* in this table"),
        WrongAnswer("two codes, one meaning", lambda: _but(FLAWS, features=SOUND), "count the codes"),
        WrongAnswer("filtered is filtered", lambda: _but(FLAWS, filters=SOUND), "Who looks again"),
        WrongAnswer("a random fifth", lambda: _but(FLAWS, offline=SOUND), "both sides of the cut"),
        WrongAnswer("push to all", lambda: _but(FLAWS, fanout=SOUND), "largest account"),
        WrongAnswer("predict the click", lambda: _but(FLAWS, ranker="f"), "rewards headlines"),
        WrongAnswer("the fallback is late", lambda: _but(FLAWS, fallback="a"), "better than none"),
        WrongAnswer("stop early", lambda: _but(FLAWS, experiment="h"), "fixed in advance"),
        WrongAnswer("the right place, another remedy", lambda: _but(FLAWS, log="c"), "does not mend it"),
    ),
    points=3,
    explanation="None of the five shows in a status code. The log has no impressions, the features have two codes, the fan-out takes 300 seconds for the "
    "largest account, the filter looks too early, the test knows the evening that it asks about. Of the four sound ones, *chance* is the one that "
    "interviewers attack most: say what it costs, what it buys, and that its probability is logged.",
)


# ------------------------------------------------------------------ 5.2.3 how often is a rank looked at?
def _looked_at(log: pd.DataFrame) -> pd.Series:
    rate = log[log["by_chance"]].groupby("rank")["click"].mean()
    return rate / rate.loc[1]


def _all_rows(log: pd.DataFrame) -> pd.Series:
    rate = log.groupby("rank")["click"].mean()
    return rate / rate.loc[1]


def _not_relative(log: pd.DataFrame) -> pd.Series:
    return log[log["by_chance"]].groupby("rank")["click"].mean()


def _by_count(log: pd.DataFrame) -> pd.Series:
    clicks = log[log["by_chance"]].groupby("rank")["click"].sum()
    return clicks / clicks.loc[1]


def _by_the_best(log: pd.DataFrame) -> pd.Series:
    rate = _not_relative(log)
    return rate / rate.max()


def _by_the_sum(log: pd.DataFrame) -> pd.Series:
    rate = _not_relative(log)
    return rate / rate.sum()


def _the_ranked(log: pd.DataFrame) -> pd.Series:
    return _looked_at(log.assign(by_chance=~log["by_chance"]))


def _log_of(rows: Sequence[tuple[int, bool, int, int]]) -> pd.DataFrame:
    """A log from (rank, by chance, impressions, clicks)."""
    parts = [
        pd.DataFrame({"rank": rank, "by_chance": chance, "click": np.arange(shown) < clicks})
        for rank, chance, shown, clicks in rows
    ]
    return pd.concat(parts, ignore_index=True)


_SMALL = [
    (1, True, 10, 4),
    (2, True, 20, 4),
    (3, True, 40, 4),
    (1, False, 50, 30),
    (2, False, 50, 10),
    (3, False, 50, 1),
]
_LOGS = [
    _SMALL,
    [(3, True, 8, 2), (1, True, 20, 8), (2, True, 10, 6), (1, False, 9, 1), (2, False, 9, 9), (3, False, 9, 3)],
    [(1, True, 5, 5), (4, True, 10, 0), (1, False, 4, 1), (4, False, 4, 2)],
    [(2, True, 16, 2), (5, True, 8, 2), (1, True, 10, 1), (1, False, 30, 3), (2, False, 3, 3), (9, False, 3, 3)],
]
_LOOKED_MISTAKES = (
    (
        _all_rows,
        "takes all rows. In ranked slots rank and liking go together, since the best stand on top; chance tears them apart.",
    ),
    (_the_ranked, "takes the ranked slots and leaves the slots of chance out. It is the other way round."),
    (_not_relative, "gives click rates. How often a rank is *looked at* is its rate relative to that of rank 1."),
    (_by_count, "divides counts of clicks. Ranks were not shown equally often: take clicks per impression first."),
    (_by_the_best, "divides by the highest rate. The yardstick is rank 1, even if luck put another rank above it."),
    (_by_the_sum, "divides by the sum. These chances do not add up to 1: somebody may look at several ranks."),
)


def _check_looked_at(looked_at: Callable[[pd.DataFrame], Any]) -> None:
    logs = [_log_of(rows) for rows in _LOGS] + [_log_of(_SMALL).iloc[::-1].reset_index(drop=True)]
    answers = []
    for log in logs:
        given = log.copy()
        got = looked_at(given)
        if not given.equals(log):
            raise Incorrect("your function changed the log; work on a copy.")
        if isinstance(got, Mapping):
            got = pd.Series(got)
        if not isinstance(got, pd.Series):
            raise Incorrect(f"a Series by rank is wanted, not a {type(got).__name__}.")
        answers.append(got.sort_index().astype(float))
    wanted = [_looked_at(log) for log in logs]
    if all(_alike(got, want) for got, want in zip(answers, wanted)):
        return
    for made, why in _LOOKED_MISTAKES:
        if all(_alike(got, made(log)) for got, log in zip(answers, logs)):
            raise Incorrect(f"your function {why}")
    log, got, want = next((log, g, w) for log, g, w in zip(logs, answers, wanted) if not _alike(g, w))
    shown = ", ".join(f"rank {rank}: {value:.3g}" for rank, value in want.items())
    raise Incorrect(f"for a log of {len(log)} rows the answer should be {shown}; yours is {got.round(3).to_dict()}.")


def _alike(got: pd.Series, want: pd.Series) -> bool:
    return list(got.index) == list(want.index) and is_same(got.to_numpy(), want.to_numpy())


LOOKED_AT = Exercise(
    id="5.2.3",
    title="How often is a rank looked at?",
    kind="build",
    prompt=r"""
    Write $e_k$ as a function of the log. `log` has a row for each impression, with the columns `rank` (1 to 10), `by_chance` (True where the film in this
    slot was drawn by chance) and `click` (True or False). Return a Series by rank that is 1 at rank 1.
    """,
    reference=lambda: _looked_at,
    check=_check_looked_at,
    hints=(
        "In the slots of chance, the films at rank 1 and at rank 7 are liked equally, in the mean. Then only one thing can make their click rates differ.",
        '`rate = log[log["by_chance"]].groupby("rank")["click"].mean()`, and then relative to rank 1: `rate / rate.loc[1]`.',
    ),
    wrong=(
        WrongAnswer("all rows", lambda: _all_rows, "takes all rows"),
        WrongAnswer("the ranked slots", lambda: _the_ranked, "the other way round"),
        WrongAnswer("rates, not relative", lambda: _not_relative, "gives click rates"),
        WrongAnswer("counts", lambda: _by_count, "divides counts"),
        WrongAnswer("relative to the best", lambda: _by_the_best, "The yardstick is rank 1"),
        WrongAnswer("adds up to one", lambda: _by_the_sum, "do not add up to 1"),
        WrongAnswer("a list", lambda: lambda log: list(_looked_at(log)), "a Series by rank"),
    ),
    points=3,
    explanation="Chance makes the films at all ranks alike, so the click rates there differ by the rank alone. Ranked slots cannot tell: what stands on top is "
    "liked more *and* looked at more, and the product of both is all that the log has. This is why the design had a component called chance.",
    expected=example(
        "looked_at(a log in which chance showed ranks 1, 2, 3 10, 20 and 40 times, with 4 clicks each)",
        lambda: _looked_at(_log_of(_SMALL)),
    ),
)

# ------------------------------------------------------------------ 5.2.4 which curve is which?
POLICIES = ("clicks so far", "click rate, with chance", "click rate, with chance, corrected for the rank")
CURVES = {"A": POLICIES[1], "B": POLICIES[2], "C": POLICIES[0]}


def unlabelled(feed_of: Callable[[str], Any]) -> dict[str, Any]:
    """The curves of the three policies under letters."""
    return {letter: feed_of(policy) for letter, policy in CURVES.items()}


_CURVE = {
    ("C", POLICIES[1]): "C does not move after the first days. A tenth of chance would go on finding films.",
    ("C", POLICIES[2]): "C does not move after the first days. A tenth of chance would go on finding films.",
    (
        "A",
        POLICIES[0],
    ): "A goes on learning for weeks. Who shows only what has most clicks gets no news of anything else.",
    (
        "B",
        POLICIES[0],
    ): "B rises for a week, far above where it began. Who shows only what has most clicks gets no news of anything else.",
    (
        "A",
        POLICIES[2],
    ): "A and B both explore, and A stays well below: it believes that what stood at rank 9 was not liked.",
    (
        "B",
        POLICIES[1],
    ): "A and B both explore, and B ends above: which of the two knows that rank 9 is hardly looked at?",
}


def _check_curves(answer: Any) -> None:
    _chosen(answer, CURVES, POLICIES, lambda letter, said: _CURVE[letter, said])


CURVES_TASK = Exercise(
    id="5.2.4",
    title="Which curve is which?",
    kind="figure it out",
    prompt="""
    Three feeds learn from their own clicks, day by day, from the same start:

    - `"clicks so far"`: the ten films with the most clicks;
    - `"click rate, with chance"`: the ten films with the highest click rate (clicks over impressions), one slot in ten by chance;
    - `"click rate, with chance, corrected for the rank"`: the same, but an impression at rank k counts as $e_k$ of one.

    The figure shows what they are truly worth. Answer with a dict from the letters A, B, C to the names.
    """,
    reference=lambda: dict(CURVES),
    check=_check_curves,
    hints=(
        "Which of the three can never learn that a film which it does not show is good? Its curve must become flat, wherever it stands by luck.",
        "The other two see the same kind of data. A film that chance puts at rank 9 is shown, hardly looked at, and not clicked. To which of the two does that look like a bad film?",
    ),
    wrong=(
        WrongAnswer(
            "most clicks is best", lambda: {"A": POLICIES[1], "B": POLICIES[0], "C": POLICIES[2]}, "gets no news"
        ),
        WrongAnswer(
            "chance costs most",
            lambda: {"A": POLICIES[0], "B": POLICIES[2], "C": POLICIES[1]},
            "gets no news of anything",
        ),
        WrongAnswer(
            "correction does not matter",
            lambda: {"A": POLICIES[2], "B": POLICIES[1], "C": POLICIES[0]},
            "believes that what stood",
        ),
        WrongAnswer("another word", lambda: _but(CURVES, A="random"), "is none of"),
    ),
    points=2,
    explanation="C shows what was clicked, which is what it showed: a loop without news. A explores, but counts every impression in full, so the rank at which chance showed a "
    "film first decides what is thought of it. B differs from A by one division and is worth far more. The price of chance is paid by A and B alike, and is "
    "in their curves.",
)


# ------------------------------------------------------------------ 5.2.5 the opens of a year
def _opens(weeks: int, sends: float, open_chance: float, optout_chance: float) -> float:
    left = (1 - optout_chance) ** (sends * np.arange(weeks))
    return float(np.sum(sends * open_chance * left))


def _nobody_leaves(weeks: int, sends: float, open_chance: float, optout_chance: float) -> float:
    return weeks * sends * open_chance


def _once_a_week(weeks: int, sends: float, open_chance: float, optout_chance: float) -> float:
    return float(np.sum(sends * open_chance * (1 - optout_chance) ** np.arange(weeks)))


def _a_week_late(weeks: int, sends: float, open_chance: float, optout_chance: float) -> float:
    return float(np.sum(sends * open_chance * (1 - optout_chance) ** (sends * np.arange(1, weeks + 1))))


def _the_last_week(weeks: int, sends: float, open_chance: float, optout_chance: float) -> float:
    return sends * open_chance * (1 - optout_chance) ** (sends * (weeks - 1))


def _linear(weeks: int, sends: float, open_chance: float, optout_chance: float) -> float:
    left = np.clip(1 - optout_chance * sends * np.arange(weeks), 0, None)
    return float(np.sum(sends * open_chance * left))


def _one_send(weeks: int, sends: float, open_chance: float, optout_chance: float) -> float:
    return _opens(weeks, sends, open_chance, optout_chance) / sends


_OPENS_CASES = [
    (1, 3, 0.05, 0.002),
    (52, 3, 0.05, 0.002),
    (52, 7, 0.035, 0.002),
    (3, 2, 0.5, 0.5),
    (10, 1, 0.1, 0.01),
    (4, 10, 0.2, 0.3),
]
_OPENS_MISTAKES = (
    (_nobody_leaves, "nobody switches off in it: each week has as many people as the first"),
    (_once_a_week, "people are asked once a week in it; each of the sends may make somebody switch off"),
    (_a_week_late, "in the first week all are still there: the week counts from 0"),
    (_the_last_week, "this is the last week alone; add up all of them"),
    (_linear, "the losses are taken off the people of the first day. Those who have left cannot leave again: they multiply"),
    (_one_send, "this counts one send a week"),
)  # fmt: skip


def _check_opens(opens: Callable[..., Any]) -> None:
    answers = [number(opens(*given), f"opens{given}") for given in _OPENS_CASES]
    wanted = [_opens(*given) for given in _OPENS_CASES]
    if is_same(answers, wanted):
        return
    for made, why in _OPENS_MISTAKES:
        if is_same(answers, [made(*given) for given in _OPENS_CASES]):
            raise Incorrect(f"{why}.")
    given, got, want = next((c, a, w) for c, a, w in zip(_OPENS_CASES, answers, wanted) if not is_same(a, w))
    raise Incorrect(f"opens{given} should be {want:.6g}, but is {got:.6g}.")


OPENS = Exercise(
    id="5.2.5",
    title="The opens of a year",
    kind="build",
    prompt="""
    Write $V$ as a function: the opens that a person of the first day brings in so many weeks. Week 0 has everybody; before week $t$, $n t$ notifications
    have been sent, and each one kept $1 - q$ of the people.
    """,
    reference=lambda: _opens,
    check=_check_opens,
    hints=(
        "Two steps. What share is left in week t? It has survived t weeks of n notifications each. What do those who are left open in that week?",
        "`left = (1 - optout_chance) ** (sends * np.arange(weeks))`, and the sum of `sends * open_chance * left`.",
    ),
    wrong=(
        WrongAnswer("nobody leaves", lambda: _nobody_leaves, "nobody switches off"),
        WrongAnswer("asked once a week", lambda: _once_a_week, "once a week"),
        WrongAnswer("a week late", lambda: _a_week_late, "counts from 0"),
        WrongAnswer("the last week", lambda: _the_last_week, "the last week alone"),
        WrongAnswer("linear losses", lambda: _linear, "they multiply"),
        WrongAnswer("one send a week", lambda: _one_send, "one send a week"),
        WrongAnswer("half of it", lambda: lambda *given: _opens(*given) / 2, "should be"),
    ),
    points=2,
    explanation="The experiment of a week measures the term of week 0, in which nobody has left. The flaw is not in its statistics: it answers a question about a week, and "
    "was asked one about years.",
    expected=example("opens(3, sends=2, open_chance=0.5, optout_chance=0.5)", lambda: _opens(3, 2, 0.5, 0.5)),
)

# ------------------------------------------------------------------ 5.2.6 what would have seen it?
TESTS = {
    1: "the nDCG on a random fifth of the log's rows",
    2: "plays per impression, by place on the page, against the month before",
    3: "a number per person of a fixed cohort, with the share that is still there",
    4: "the share of requests with an error, and the latency",
    5: "the metric of each category by itself, with an alarm for each",
    6: "the model judged on slots that chance filled",
    7: "a made-up account: half of it is changed, and the other half's list must not move",
    8: "margin less returns, read when the returns are in",
}
INCIDENTS = {  # letter: (case, the post-mortem's title, the test, a nudge)
    "A": ("video", "The trailers' favourites", 2, "a play had stopped to mean a choice, and only in some places. Which number puts plays and places together?"),
    "B": ("feed", "The week of one topic", 6, "each test set was filled by the feed itself. Which data were not?"),
    "C": ("ecommerce", "The best seller that came back", 8, "the metric was read before the truth had arrived. Which one waits for it?"),
    "D": ("music", "Lullabies at the office", 7, "two people behind one account: what must not depend on what?"),
    "E": ("search", "The synonym that emptied a category", 5, "one category of four hundred: in which mean does it drown?"),
    "F": ("notifications", "The best open rate ever", 3, "the mean was over those who were left. Which denominator stays?"),
}  # fmt: skip
SEEN = {letter: test for letter, (_, _, test, _) in INCIDENTS.items()}


def _check_seen(answer: Any) -> None:
    def why(letter: str, said: Any) -> str:
        if said == 1:
            return "a random fifth of the log repeats what the log says. In all six incidents, the log agreed with the model."
        if said == 4:
            return "all six had a status of 200, in time."
        return f"not {TESTS[said]}. {INCIDENTS[letter][3][0].upper()}{INCIDENTS[letter][3][1:]}"

    if isinstance(answer, Mapping):  # "2" is meant as 2
        answer = {letter: int(said) if str(said).isdecimal() else said for letter, said in answer.items()}
    _chosen(answer, SEEN, tuple(TESTS), why)


SEEN_TASK = Exercise(
    id="5.2.6",
    title="What would have seen it?",
    kind="figure it out",
    prompt="""
    Six incidents, A to F, as printed above. Which of these eight checks would have seen which? Answer with a dict from letter to number. Two checks are of no use here.

    1. the nDCG on a random fifth of the log's rows
    2. plays per impression, by place on the page, against the month before
    3. a number per person of a fixed cohort, with the share that is still there
    4. the share of requests with an error, and the latency
    5. the metric of each category by itself, with an alarm for each
    6. the model judged on slots that chance filled
    7. a made-up account: half of it is changed, and the other half's list must not move
    8. margin less returns, read when the returns are in
    """,
    reference=lambda: dict(SEEN),
    check=_check_seen,
    hints=(
        "For each incident find what the number on the dashboard was a mean *over*, and what it was a mean *of*. One of the two had gone wrong.",
        "The two useless ones are those that every project has first. Of the rest, three change what is averaged over (place, category, cohort), one changes the data, one the label, one the input.",
    ),
    wrong=(
        WrongAnswer("offline metrics see it", lambda: _but(SEEN, B=1), "repeats what the log says"),
        WrongAnswer("status codes see it", lambda: _but(SEEN, A=4), "a status of 200"),
        WrongAnswer("cohorts for returns", lambda: _but(SEEN, C=3), "before the truth had arrived"),
        WrongAnswer("chance sees the family", lambda: _but(SEEN, D=6), "what must not depend on what"),
        WrongAnswer("places for categories", lambda: _but(SEEN, E=2), "in which mean does it drown"),
        WrongAnswer("categories for people", lambda: _but(SEEN, F=5), "Which denominator stays"),
        WrongAnswer("returns for trailers", lambda: _but(SEEN, A=8), "puts plays and places together"),
        WrongAnswer("a cohort for the topic", lambda: _but(SEEN, B=3), "Which data were not"),
        WrongAnswer("a ninth", lambda: _but(SEEN, A=9), "is none of"),
    ),
    points=2,
    explanation="Six silent failures and no broken code. Each was invisible since the check used the same data, the same label or the same mean as the model. A check sees a failure only "
    "if it does not share the mistake.",
)

EXERCISES = [SUMS, FLAW, LOOKED_AT, CURVES_TASK, OPENS, SEEN_TASK]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_gap() -> str:
    sold_out = {given.name: given.value for given in interview.load("ecommerce").given}["share_sold_out_in_a_day"]
    return {10: "a", 18: "b", 20: "c"}[round(100 * (1 - (1 - sold_out) ** 20))]


def _key_verdict() -> str:
    case = interview.load("feed")
    levels = {criterion.id: 4 for criterion in case.criterion} | {"evaluation": 0}
    return {"strong": "a", "sound": "b", "not yet": "c"}[interview.score(case, levels).verdict]


def _key_liked() -> str:
    first, fifth = 0.10 / 1.0, 0.04 / 0.2
    return "a" if fifth > first else "b"


def _key_ahead() -> str:
    """Cores for pages of two core seconds, if 95 % come daily: stored over a day, or made at the peak."""
    known = interview.load("video").numbers()
    came, page = 0.95 * known["subscribers"], 2.0
    stored = known["subscribers"] * page / known["seconds_per_day"]
    made = came * known["pages_per_person"] * known["peak_factor"] * page / known["seconds_per_day"]
    return "a" if stored < made else "b"


def _key_half() -> str:
    weeks = math.log(0.5) / math.log(1 - 0.002) / 3
    return {1: "a", 2: "b", 5: "c"}[round(weeks / 52)]


QUIZ = [
    Question(
        text="A list is computed at night. In a day, 1 % of the products that it holds sell out. It shows twenty. By the evening, about how many lists hold a gap?",
        choices={"a": "10 %", "b": "18 %", "c": "20 %"},
        key=_key_gap,
        why={
            "a": "That is the figure for ten products.",
            "b": "1 - 0.99 to the twentieth. Nearly twenty times 1 %, less the lists in which two have gone.",
            "c": "That would add the chances up, and count a list with two gaps twice.",
        },
    ),
    Question(
        text="Somebody reaches level 4 in six criteria and says nothing at all about evaluation (level 0). What does this rubric say?",
        choices={"a": "strong", "b": "sound", "c": "not yet"},
        key=_key_verdict,
        why={
            "a": "The points would do, but a zero anywhere holds the verdict down: it is what the round will be remembered for.",
            "b": "That is what a level 1 somewhere leaves of a strong answer. A zero costs more.",
            "c": "48 of 56 points, and not yet. In a loop of interviews, a hole is a reason to say no; a modest level everywhere is none.",
        },
    ),
    Question(
        text="Rank 1 is looked at always, rank 5 one time in five. The film at rank 1 is clicked in 10 % of its impressions, the one at rank 5 in 4 %. Which is liked more by those who look?",
        choices={"a": "the one at rank 5", "b": "the one at rank 1", "c": "it cannot be told"},
        key=_key_liked,
        why={
            "a": "4 % over 0.2 is 20 % of those who look, twice as many as at rank 1.",
            "b": "It has more clicks, since it is looked at five times as often.",
            "c": "Without the chance of a look it could not. With it, one division is enough.",
        },
    ),
    Question(
        text="Three notifications a week, each makes 0.2 % of those who get it switch off for good. After how long is half of the audience gone?",
        choices={"a": "about a year", "b": "about two years", "c": "about five years"},
        key=_key_half,
        why={
            "a": "After one year, 73 % are still there.",
            "b": "0.998 to the power of 3 a week times 115 weeks is one half. No experiment of two weeks shows it.",
            "c": "By then, four in five have gone.",
        },
    ),
    Question(
        text="The film service's card *Computed ahead?* Now 95 % of the profiles come every day, and a new model needs two seconds of a core for a page. What is right?",
        choices={"a": "pages stored at night", "b": "pages made on request", "c": "that is a matter of taste"},
        key=_key_ahead,
        why={
            "a": "Nearly every stored page is read, and the work is spread over the day: some 2,300 cores, against 13,000 at the peak. Nobody waits two seconds.",
            "b": "That was right when a page cost 20 ms and four stored pages in five were never read. Both facts have turned round.",
            "c": "The card has a question that decides: what share will be read, and what does a page cost? Both are known here.",
        },
    ),
]
