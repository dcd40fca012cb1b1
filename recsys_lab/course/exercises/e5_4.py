"""Exercises and quiz of lesson 5.4, Question bank."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question

W = 0.1542  # FSRS's default


def _recall(days: Any, stability: Any, w: float = W) -> Any:
    factor = 0.9 ** (-1 / w) - 1
    return (1 + factor * np.asarray(days) / stability) ** -w


# ------------------------------------------------------------------ 5.4.1 choose the interval
def _interval(stability: float, wanted: float, w: float = W) -> int:
    factor = 0.9 ** (-1 / w) - 1
    return max(1, round(stability / factor * (wanted ** (-1 / w) - 1)))


def _check_interval(interval: Callable[..., Any]) -> None:
    cases = [
        (10.0, 0.9, W),
        (10.0, 0.8, W),
        (40.0, 0.95, W),
        (0.2, 0.9, W),
        (1.2, 0.97, 0.4),
        (120.0, 0.7, 0.5),
        (16.0, 0.9, 0.2),
        (14.6, 0.9, 0.3),
        (33.0, 0.8, 0.2),
    ]
    for stability, wanted, w in cases:
        what = f"interval({stability}, {wanted}, w={w})"
        got, want = number(interval(stability, wanted, w), what), _interval(stability, wanted, w)
        if math.isclose(got, want):
            continue
        exact = stability / (0.9 ** (-1 / w) - 1) * (wanted ** (-1 / w) - 1)
        if exact < 0.5 and got <= 0:
            raise Incorrect(f"{what}: {got:g} days is today; nothing comes back before tomorrow, 1.")
        if not got.is_integer():
            raise Incorrect(f"{what}: the answer is a whole number of days, rounded; you gave {got:g}.")
        if got in (math.ceil(exact), math.floor(exact)):
            raise Incorrect(
                f"{what}: {exact:.2f} days are {want} when they are rounded to the nearest day, not {got:g}."
            )
        if got == max(1, round(stability)):
            raise Incorrect(f"{what}: that is the stability, which is the interval for 0.9; wanted is {wanted}.")
        raise Incorrect(f"{what}: it should be {want}, but is {got:g}. After it, recall(...) should be {wanted}.")
    same(
        number(interval(30.0, 0.85), "interval(30.0, 0.85)"),
        _interval(30.0, 0.85),
        what="interval(30.0, 0.85), with w left out,",
    )


INTERVAL = Exercise(
    id="5.4.1",
    title="Choose the interval",
    kind="build",
    prompt="""
    A scheduler turns the curve round: it is given the chance that you want, and answers with the days. Write `interval(stability, wanted, w=0.1542)`: a whole number of days, rounded to
    the nearest, and at least 1.
    """,
    reference=lambda: _interval,
    check=_check_interval,
    hints=(
        "Solve the formula for t: raise both sides to the power -1/w first.",
        "`stability / factor * (wanted ** (-1 / w) - 1)`, then `round`, then `max(1, ...)`.",
    ),
    wrong=(
        WrongAnswer("the stability", lambda: lambda s, r, w=W: max(1, round(s)), "is the interval for 0.9"),
        WrongAnswer(
            "rounds down",
            lambda: lambda s, r, w=W: max(1, math.floor(s / (0.9 ** (-1 / w) - 1) * (r ** (-1 / w) - 1) + 1e-9)),
            "nearest day",
        ),
        WrongAnswer(
            "not rounded",
            lambda: lambda s, r, w=W: max(1, s / (0.9 ** (-1 / w) - 1) * (r ** (-1 / w) - 1)),
            "whole number",
        ),
        WrongAnswer(
            "0 days",
            lambda: lambda s, r, w=W: round(s / (0.9 ** (-1 / w) - 1) * (r ** (-1 / w) - 1)),
            "before tomorrow",
        ),
        WrongAnswer("in proportion", lambda: lambda s, r, w=W: max(1, round(s * (1 - r) / 0.1)), "it should be"),
    ),
    points=2,
    explanation="With `wanted` at 0.9 the bracket equals F and the interval is the stability. The curve is steep at first and flat later, so a wish for 0.95 cuts the intervals to two fifths.",
    expected=example("interval(10, 0.8)", lambda: _interval(10, 0.8)),
)

# ------------------------------------------------------------------ 5.4.2 four plans
DAY0 = datetime(2026, 1, 1, tzinfo=UTC)
PLANS = {"A": (0, 1, 2, 3), "B": (0, 10, 20, 30), "C": (0, 3, 6, 9), "D": (0, 2, 8, 20)}


def _stability(days: tuple[int, ...]) -> tuple[float, float]:
    """(chance on day 60, lowest chance that one of the reviews had), all answered good."""
    from fsrs import Card, Rating, Scheduler

    plan, card, lowest = Scheduler(learning_steps=[], relearning_steps=[], enable_fuzzing=False), Card(1, due=DAY0), 1.0
    for day in days:
        at = DAY0 + timedelta(days=day)
        if card.stability is not None:
            lowest = min(lowest, plan.get_card_retrievability(card, at))
        card, _ = plan.review_card(card, Rating.Good, at)
    return plan.get_card_retrievability(card, DAY0 + timedelta(days=60)), lowest


def _plans() -> dict[str, str]:
    found = {name: _stability(days) for name, days in PLANS.items()}
    return {
        "order": "".join(sorted(PLANS, key=lambda p: -found[p][0])),
        "riskiest": min(PLANS, key=lambda p: found[p][1]),
    }


def _check_plans(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != {"order", "riskiest"}:
        raise Incorrect('a dict with the keys "order" and "riskiest" is wanted.')
    want = _plans()
    order = "".join(c for c in str(answer["order"]).upper() if c.isalpha())
    if sorted(order) != sorted(PLANS):
        raise Incorrect(f'"order" names each of A, B, C and D once, such as "ABCD"; you gave {answer["order"]!r}.')
    if order == want["order"][::-1]:
        raise Incorrect("that is the order from worst to best: the *best* plan for day 60 comes first.")
    if order != want["order"]:
        if order[0] == "A":
            raise Incorrect(
                "A ends on day 3. Reviews on the heels of each other find the answer still fresh, and add little."
            )
        if order.index("D") < order.index("B"):
            raise Incorrect(
                "D's intervals grow, but its last review is on day 20. What counts on day 60 is how much each review added, and how long ago it was."
            )
        raise Incorrect(
            "not that order. Put the plans in by how much had been forgotten at each review: the more, the more a success adds."
        )
    if str(answer["riskiest"]).strip().upper() != want["riskiest"]:
        raise Incorrect(
            "the riskiest is another one: at which plan's second review is most already forgotten? After one good answer the stability is 2.3 days."
        )


FOUR_PLANS = Exercise(
    id="5.4.2",
    title="Four reviews, four plans",
    kind="figure it out",
    prompt="""
    Four plans for one question, four reviews each, all of them answered "good":

    | plan | reviews on days |
    |---|---|
    | A | 0, 1, 2, 3 |
    | B | 0, 10, 20, 30 |
    | C | 0, 3, 6, 9 |
    | D | 0, 2, 8, 20 |

    After which plan is the chance to know it on day 60 the greatest? Answer with a dict: all four, the best first, as `"order"`. And in which plan is it least likely that all answers *will* be "good", because much
    is forgotten before one of the reviews? That is the `"riskiest"`. Decide first, then compute it if you like: `Scheduler` and `Card` are at hand.
    """,
    reference=_plans,
    check=_check_plans,
    hints=(
        "A success adds the more, the lower the chance was. So look at the gaps, and at how long the last review is ago on day 60.",
        "The plan with the longest gaps wins if it succeeds, and it is also the one that is likeliest to fail. The plan that crams its reviews into four days comes last.",
    ),
    wrong=(
        WrongAnswer("cramming is best", lambda: {"order": "ADCB", "riskiest": "B"}, "on the heels"),
        WrongAnswer("growing gaps win", lambda: {"order": "DBCA", "riskiest": "B"}, "last review is on day 20"),
        WrongAnswer("worst first", lambda: {"order": "ACDB", "riskiest": "A"}, "worst to best"),
        WrongAnswer("often is risky", lambda: {"order": "BDCA", "riskiest": "A"}, "second review"),
        WrongAnswer("one left out", lambda: {"order": "BDC", "riskiest": "B"}, "each of A, B, C and D once"),
        WrongAnswer("C before D", lambda: {"order": "BCDA", "riskiest": "B"}, "not that order"),
    ),
    points=2,
    explanation="Long gaps add most, if you still know it. B is best on paper, and at its second review the chance is down to 0.79. D never goes far below 0.9 and comes close: that is what a scheduler does, it lets you "
    "forget as much as you can afford. Experiments agree on spacing; whether gaps should grow or stay equal is open (Latimier et al. 2021 found no clear difference).",
)

# ------------------------------------------------------------------ 5.4.3 the queue
QUEUE = {
    "leak": (2, 15.0),
    "p-value": (12, 2.0),
    "ndcg": (0, 18.0),
    "srm": (18, 3.0),
    "cache": (10, 6.0),
    "window": (19, 0.4),
}


def _queue(today: int = 20, limit: int = 4) -> list[str]:
    due = {name: last + max(1, round(stability)) for name, (last, stability) in QUEUE.items()}
    return sorted((name for name in due if due[name] <= today), key=lambda name: due[name])[:limit]


def _by_chance() -> list[str]:
    return sorted(QUEUE, key=lambda n: float(_recall(20 - QUEUE[n][0], QUEUE[n][1])))[:4]


def _check_queue(answer: Any) -> None:
    if isinstance(answer, str) or not hasattr(answer, "__iter__"):
        raise Incorrect("a list of names is wanted, the first question first.")
    got, want = [str(name) for name in answer], _queue()
    if unknown := [name for name in got if name not in QUEUE]:
        raise Incorrect(f"{unknown[0]!r} is none of the six.")
    if "srm" in got:
        raise Incorrect(
            "srm was answered on day 18 and is stable for 3 days: it is due on day 21, and not asked today."
        )
    if len(got) != len(want):
        raise Incorrect(f"4 questions are asked today, and you name {len(got)}.")
    if got == _by_chance():
        raise Incorrect(
            "that is the order of the chance to know them. It is a sound rule, too, but the drill's is: the longest overdue first."
        )
    if got == want[::-1]:
        raise Incorrect("that is the wrong way round: the one that became due first comes first.")
    if "window" in got:
        raise Incorrect("window is due, but only since today; with a limit of 4 the others go first.")
    if got != want:
        raise Incorrect("the right questions in another order. Due is the day of the last answer plus the stability.")


WHAT_IS_ASKED = Exercise(
    id="5.4.3",
    title="What is asked today?",
    kind="figure it out",
    prompt="""
    Day 20, and you have time for four questions. All intervals were chosen for a chance of 0.9:

    | question | last answer on day | stability in days |
    |---|---|---|
    | leak | 2 | 15 |
    | p-value | 12 | 2 |
    | ndcg | 0 | 18 |
    | srm | 18 | 3 |
    | cache | 10 | 6 |
    | window | 19 | 0.4 |

    Which four does the drill ask, and in which order? Give a list of their names. It takes those that are due, the longest overdue first, and no interval is shorter than a day.
    """,
    reference=_queue,
    check=_check_queue,
    hints=(
        "For a chance of 0.9 the interval is the stability. So on which day is each of them due?",
        "Due on days 17, 14, 18, 21, 16 and 20. One is not due yet; of the other five the last one waits.",
    ),
    wrong=(
        WrongAnswer("the least known first", _by_chance, "sound rule, too"),
        WrongAnswer("as in the table", lambda: ["leak", "p-value", "ndcg", "cache"], "another order"),
        WrongAnswer("the shortest stability first", lambda: ["window", "p-value", "srm", "cache"], "due on day 21"),
        WrongAnswer("newest first", lambda: _queue()[::-1], "wrong way round"),
        WrongAnswer("all that are due", lambda: _queue(limit=9), "you name 5"),
        WrongAnswer("window for ndcg", lambda: ["p-value", "cache", "leak", "window"], "only since today"),
    ),
    points=2,
    explanation="p-value (14), cache (16), leak (17), ndcg (18); window is due today and waits, srm comes tomorrow. By the chance to know them, window would stand second: 1 day at a stability of 0.4 has cost more "
    "than 10 days at 6. If you are often behind, that order loses less; with a limit that you seldom reach, the two hardly differ.",
)

# ------------------------------------------------------------------ 5.4.4 the flaw in an answer
FLAWS = {"A": 3, "B": 2, "C": 3, "D": 2, "E": 0, "F": 1}
_FLAW_WHY = {
    "A": "two columns that say the same: does L1 have a reason to use both?",
    "B": "a p-value is computed as if the null hypothesis were true. Can it then be the chance of that?",
    "C": "what is RMSE judged on, and what is a list of ten chosen from?",
    "D": "those who are missing are not like those who are there. Which formula could know what they would have done?",
    "E": "compute sentence 1, and ask of the others whether you would do it.",
    "F": "what is `NULL = 2` in SQL, and what does WHERE do with it?",
}


def _check_flaws(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(FLAWS):
        raise Incorrect("a dict with the keys A to F is wanted.")
    for letter, said in answer.items():
        if said not in (0, 1, 2, 3):
            raise Incorrect(
                f"{letter}: give the number of the wrong sentence, 1 to 3, or 0 if all are right; not {said!r}."
            )
        if said != FLAWS[letter]:
            where = (
                "there is a wrong sentence"
                if said == 0
                else f"sentence {said} is right"
                if FLAWS[letter]
                else "all three are right"
            )
            raise Incorrect(f"{letter}: {where}. Ask yourself: {_FLAW_WHY[letter]}")


FLAW = Exercise(
    id="5.4.4",
    title="Find the flaw",
    kind="figure it out",
    prompt="""
    For each of the six answers above: the number of the sentence that is wrong, or 0 if the answer is sound; as a dict, `{"A": ..., "B": ...}` up to F.
    """,
    reference=lambda: dict(FLAWS),
    check=_check_flaws,
    hints=(
        "Five have exactly one wrong sentence, one is sound. Read each sentence as if a colleague had written it into a design document.",
        "No answer is wrong in its first sentence, except the one about SQL. The sound one has a number in it that you can compute.",
    ),
    wrong=(
        WrongAnswer("L1 shares", lambda: {**FLAWS, "A": 0}, "reason to use both"),
        WrongAnswer("p is the chance of the null", lambda: {**FLAWS, "B": 3}, "sentence 3 is right"),
        WrongAnswer("RMSE ranks", lambda: {**FLAWS, "C": 2}, "RMSE judged on"),
        WrongAnswer("reweighting mends", lambda: {**FLAWS, "D": 1}, "those who are missing"),
        WrongAnswer("distrusts the tail", lambda: {**FLAWS, "E": 1}, "all three are right"),
        WrongAnswer("WHERE keeps NULL", lambda: {**FLAWS, "F": 0}, "NULL = 2"),
        WrongAnswer("words instead of numbers", lambda: {**FLAWS, "F": "first"}, "give the number"),
    ),
    points=3,
    explanation="A: of two columns alike, L1 keeps one, rather arbitrarily; it is L2 that shares. B: 0.03 is computed under the null hypothesis. C: RMSE knows only what was rated. D: no weight repairs a cause that is unknown. "
    "F: NULL = 2 is unknown, and WHERE keeps only what is true. Each wrong sentence sounds like the others, which is why a listener trusts an answer whose speaker says what it rests on.",
)

# ------------------------------------------------------------------ 5.4.5 three numbers, aloud
_NUMBERS = {
    "fraud": lambda: 0.05 * 0.8 / (0.05 * 0.8 + 0.95 * 0.04),
    "alarm": lambda: 1 - 0.95**12,
    "slow": lambda: 1 - 0.98**40,
}


def _numbers() -> dict[str, float]:
    return {name: compute() for name, compute in _NUMBERS.items()}


def _check_numbers(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(_NUMBERS):
        raise Incorrect('a dict with the keys "fraud", "alarm" and "slow" is wanted.')
    for name, want in _numbers().items():
        got = number(answer[name], name)
        if got > 1:
            raise Incorrect(
                f"{name}: a share from 0 to 1 is wanted, not {got:g}."
                + (" Twelve times 0.05, or forty times 0.02, counts several alarms as several." if got < 2 else "")
            )
        if abs(got - want) <= 0.0055:
            continue
        if name == "fraud" and abs(got - 0.8) <= 0.01:
            raise Incorrect(
                "fraud: 0.8 is the share of the frauds that are flagged. Asked is the share of the flagged that are frauds."
            )
        if name == "fraud" and abs(got - 0.05) <= 0.005:
            raise Incorrect("fraud: 0.05 is what you knew before the flag. The flag is evidence.")
        if (name, round(got, 2)) in (("alarm", 0.6), ("slow", 0.8)):
            raise Incorrect(
                f"{name}: adding the chances counts runs with two alarms twice. Multiply the chances that nothing happens."
            )
        if abs(1 - got - want) <= 0.01:
            raise Incorrect(f"{name}: that is the chance of the opposite.")
        raise Incorrect(f"{name}: {got:g} is not right to two digits.")


NUMBERS = Exercise(
    id="5.4.5",
    title="Three numbers, aloud",
    kind="figure it out",
    prompt="""
    Interviewers like small sums. Say each aloud, roughly; then compute it, and give a dict of shares from 0 to 1, to two digits:

    - `"fraud"`: 5 % of the sellers are frauds. A rule flags 80 % of them, and 4 % of the honest ones. A seller is flagged: how likely is it a fraud?
    - `"alarm"`: an experiment has 12 independent metrics, none of which has changed, each tested at 5 %. How likely is at least one false alarm?
    - `"slow"`: a request waits for 40 shards; each is slow in 2 % of the cases, independently. In what share of the cases is the request slow?
    """,
    reference=_numbers,
    check=_check_numbers,
    hints=(
        "For the first, take 10,000 sellers and count. For the other two, ask for the chance that *nothing* happens.",
        "400 flagged frauds against 380 flagged honest sellers; 0.95 to the 12th; 0.98 to the 40th.",
    ),
    wrong=(
        WrongAnswer("turned round", lambda: {**_numbers(), "fraud": 0.8}, "share of the flagged"),
        WrongAnswer("the flag is ignored", lambda: {**_numbers(), "fraud": 0.05}, "before the flag"),
        WrongAnswer("added alarms", lambda: {**_numbers(), "alarm": 0.6}, "Multiply the chances"),
        WrongAnswer("added shards", lambda: {**_numbers(), "slow": 0.8}, "Multiply the chances"),
        WrongAnswer("the opposite", lambda: {**_numbers(), "slow": 0.98**40}, "opposite"),
        WrongAnswer("percent", lambda: {**_numbers(), "alarm": 46}, "from 0 to 1"),
        WrongAnswer("a guess", lambda: {**_numbers(), "fraud": 0.5}, "two digits"),
    ),
    points=3,
    explanation="400 of 780, which is 0.51: hardly better than a coin. 1 - 0.95 ** 12 is 0.46. 1 - 0.98 ** 40 is 0.55. The last two have one form: chances that nothing happens multiply, and forty small risks become a large one. For a first answer aloud, add and say that it is an upper bound.",
    expected=lambda: "three shares; two of them are above a half",
)

# ------------------------------------------------------------------ 5.4.6 the drill's own record, in SQL
QUERY = """
SELECT subject, count(*) AS questions, avg((rating > 1)::INT) AS known
FROM (SELECT *, row_number() OVER (PARTITION BY question ORDER BY day DESC, id DESC) AS n FROM answers)
WHERE n = 1
GROUP BY subject
ORDER BY known, subject
"""
_TABLES = [
    [(1, "a", "ml", 1, 1), (2, "a", "ml", 3, 3), (3, "b", "ml", 2, 3), (4, "b", "ml", 9, 1), (5, "c", "sql", 2, 4)],
    [(3, "x", "sql", 5, 1), (2, "x", "sql", 5, 4), (1, "x", "sql", 2, 3), (4, "y", "ml", 1, 2), (5, "z", "ml", 1, 2)],
    [
        (5, "p", "serving", 1, 3),
        (4, "p", "serving", 4, 1),
        (3, "q", "serving", 2, 4),
        (2, "r", "serving", 8, 3),
        (1, "s", "ml", 7, 1),
    ],
    [
        (1, "m", "sql", 3, 1),
        (2, "m", "sql", 3, 2),
        (3, "n", "ml", 1, 4),
        (4, "n", "ml", 2, 4),
        (5, "n", "ml", 3, 1),
        (6, "k", "ml", 1, 1),
    ],
]


def _rows(query: str, table: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect() as base:
        base.execute("CREATE TABLE answers (id INT, question TEXT, subject TEXT, day INT, rating INT)")
        base.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", table)
        try:
            result = base.execute(query)
            return result.fetchall() if result is not None else []  # None: there was nothing to execute
        except duckdb.Error as error:
            raise Incorrect(f"DuckDB says: {str(error).splitlines()[0]}") from None


@functools.cache
def _known_rows(query: str) -> list[list[tuple[Any, ...]]]:
    """What the reference or a known mistake gives for each of the tables."""
    return [_plain(_rows(query, table)) for table in _TABLES]


_ALL_ANSWERS = (
    "SELECT subject, count(DISTINCT question), avg((rating > 1)::INT) FROM answers GROUP BY subject ORDER BY 3, 1"
)
_BEST_ANSWER = """SELECT subject, count(*), avg((best > 1)::INT) FROM (SELECT subject, question, max(rating) AS best FROM answers GROUP BY ALL)
GROUP BY subject ORDER BY 3, 1"""
_FIRST_ANSWER = QUERY.replace("day DESC, id DESC", "day, id")
_SQL_MISTAKES = (
    (
        _ALL_ANSWERS.replace("DISTINCT question", "*"),
        "you count answers and take the share over all of them; what counts is each question's *latest* one",
    ),
    (_ALL_ANSWERS, "your share is over all answers; what counts is each question's *latest* one"),
    (_BEST_ANSWER, "you take each question's best answer; what was known once may be forgotten: take the latest"),
    (_FIRST_ANSWER, "you take each question's first answer; the latest one says what is known now"),
    (
        QUERY.replace("day DESC, id DESC", "day DESC, id"),
        "two answers on one day: the one with the greater id is the later one",
    ),
    (QUERY.replace("rating > 1", "rating > 2"), "hard (2) counts as known: only again (1) does not"),
    (
        QUERY.replace("ORDER BY known, subject", "ORDER BY subject"),
        "sort by the share, the lowest first, and equal ones by subject",
    ),
    (QUERY.replace("ORDER BY known, subject", "ORDER BY known DESC, subject"), "the weakest subject comes first"),
)


def _check_query(query: Any) -> None:
    if not isinstance(query, str):
        raise Incorrect(f"the query is wanted, as text, and not a {type(query).__name__}.")
    got = [_rows(query, table) for table in _TABLES]
    want = _known_rows(QUERY)
    if any(len(row) != 3 for rows in got for row in rows):
        raise Incorrect("three columns are wanted: subject, questions, known.")
    rounded = [_plain(rows) for rows in got]
    if rounded == want:
        return
    for mistake, told in _SQL_MISTAKES:
        if rounded == _known_rows(mistake):
            raise Incorrect(f"{told}.")
    for table, mine, right in zip(_TABLES, rounded, want):
        if mine != right:
            if sorted(mine, key=str) == sorted(right, key=str):
                raise Incorrect("the right rows in another order: the lowest share first, equal ones by subject.")
            raise Incorrect(
                f"for the answers (id, question, subject, day, rating) {table} the rows should be {right}, but are {mine}."
            )


def _plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    try:
        return [(str(subject), int(questions), round(float(known), 6)) for subject, questions, known in rows]
    except (TypeError, ValueError):
        raise Incorrect(
            "the columns are a name, a count and a share; in yours one is something else or NULL."
        ) from None


SQL = Exercise(
    id="5.4.6",
    title="Where are you weak? In SQL",
    kind="build",
    prompt="""
    The drill's record as a table of DuckDB: `answers(id, question, subject, day, rating)`, one row an answer, `rating` from 1 (again) to 4 (easy). A question may have many rows. Write the query, as text, for: `subject`, `questions`
    (how many different ones were answered), `known` (the share of these whose **latest** answer is above 1). The latest is the one with the greatest day, and on one day that with the greatest id. The weakest subject
    first, equal ones by name.
    """,
    reference=lambda: QUERY,
    check=_check_query,
    hints=(
        "Number the rows of each question from the latest backwards, keep number 1, then group by subject.",
        "`row_number() OVER (PARTITION BY question ORDER BY day DESC, id DESC) AS n` inside, `WHERE n = 1` outside; `avg((rating > 1)::INT)` is the share.",
    ),
    wrong=(
        WrongAnswer("all answers", lambda: _ALL_ANSWERS, "over all answers"),
        WrongAnswer("the best answer", lambda: _BEST_ANSWER, "best answer"),
        WrongAnswer("the first answer", lambda: _FIRST_ANSWER, "first answer"),
        WrongAnswer("hard is not known", lambda: QUERY.replace("rating > 1", "rating > 2"), "hard (2) counts"),
        WrongAnswer("ties on a day", lambda: QUERY.replace("id DESC", "id"), "greater id"),
        WrongAnswer("strongest first", lambda: QUERY.replace("BY known,", "BY known DESC,"), "weakest subject"),
        WrongAnswer("mistyped", lambda: "SELEC 1", "DuckDB says"),
        WrongAnswer("two columns", lambda: "SELECT subject, count(*) FROM answers GROUP BY 1", "three columns"),
    ),
    points=3,
    explanation="The pattern of `sql-latest-row`: a window that numbers, a filter on the number, and only then the grouping. The mean over all answers would punish a subject for what you did not know in the first week.",
    expected=lambda: (
        "for the answers (1, 'a', 'ml', 1, 1), (2, 'a', 'ml', 3, 3), (3, 'b', 'sql', 2, 1):\n  sql  1  0.0\n  ml   1  1.0"
    ),
)

EXERCISES = [INTERVAL, FOUR_PLANS, WHAT_IS_ASKED, FLAW, NUMBERS, SQL]


# ------------------------------------------------------------------ quiz
def _key_stability() -> str:
    chance = float(_recall(10, 10.0))
    return "b" if math.isclose(chance, 0.9) else "a"


def _key_gain() -> str:
    """By which factor a success multiplies the stability, at three chances (difficulty 5, stability 10)."""
    gain = {r: 1 + math.exp(1.8722) * 6 * 10**-0.1666 * (math.exp(0.796 * (1 - r)) - 1) for r in (0.99, 0.9, 0.7)}
    return {0.7: "a", 0.9: "b", 0.99: "c"}[max(gain, key=lambda r: gain[r])]


def _key_retention() -> str:
    share = _interval(1000.0, 0.95) / _interval(1000.0, 0.9)
    return "a" if share > 0.9 else "c" if share > 0.6 else "b"


def _key_kind_grader() -> str:
    """When a question comes back after five "good", each on the day it was due."""
    from recsys_lab.course.bank.schedule import Review, answered, scheduler

    plan, card, at = scheduler(), None, DAY0
    for _ in range(5):
        card = answered(plan, card, Review("q", 3, at))
        gap, at = (card.due - at).days, card.due
    return "c" if gap > 60 else "b" if gap > 3 else "a"


QUIZ = [
    Question(
        "A question's stability is 10 days. What does that say?",
        {
            "a": "You have forgotten it after 10 days.",
            "b": "Ten days after the review you know it with a chance of 0.9.",
            "c": "Half of it is gone after 10 days, as with a radioactive atom.",
        },
        _key_stability,
        {
            "a": "Forgetting has no last day; the curve falls ever more slowly.",
            "b": "Yes: that is the definition, and F makes the formula agree with it.",
            "c": "A half-life belongs to an exponential curve. Here the chance to know it is still 0.9 then.",
        },
    ),
    Question(
        "You answer rightly. At which chance did this success add most to the stability?",
        {
            "a": "At 0.7, if you really did know it.",
            "b": "At 0.9, which is what the scheduler aims at.",
            "c": "At 0.99: a fresh answer sits best.",
        },
        _key_gain,
        {
            "a": "Yes. The more had been forgotten, the more a success adds; but three of ten fail at that point.",
            "b": "0.9 is a compromise: a good gain, and a failure in one of ten.",
            "c": "There was nearly nothing to win: it was known anyway.",
        },
    ),
    Question(
        "You raise the wanted chance from 0.9 to 0.95. What becomes of the intervals?",
        {
            "a": "They hardly change: 0.05 is little.",
            "b": "They shrink to about two fifths.",
            "c": "They shrink to about three quarters.",
        },
        _key_retention,
        {
            "a": "The allowed forgetting is halved, from 0.1 to 0.05, and the curve is steepest at its beginning.",
            "b": "Yes. The work grows less than that, since each success multiplies the interval; section 5 counts it.",
            "c": "That is still too long: compute interval(100, 0.95).",
        },
    ),
    Question(
        'You look at the answer, think "I would have said that", and press good. Five times in a row. When does the question come back next?',
        {"a": "Tomorrow.", "b": "In one or two weeks.", "c": "In more than two months."},
        _key_kind_grader,
        {
            "a": "The scheduler believes you, and moves what you know out of the way.",
            "b": "That is after two or three such answers; after five it is far longer.",
            "c": "Yes, and you have never said it once. What you did not say aloud before looking is 'again'.",
        },
    ),
]
