"""Exercises and quiz of lesson 4.5, Retrieval and ranking."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question


# ------------------------------------------------------------------ 4.5.1 an inverted file
def _cells(seed: int, n: int = 60, cells: int = 6, d: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """query, vectors, centres of length 1, and the cell of each vector."""
    rng = np.random.default_rng(seed)
    vectors, centres = rng.normal(size=(n, d)) * rng.uniform(0.5, 2, (n, 1)), rng.normal(size=(cells, d))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return rng.normal(size=d), vectors, centres, np.argmax(vectors @ centres.T, axis=1)


def _cell_search(
    query: np.ndarray, vectors: np.ndarray, centres: np.ndarray, cell_of: np.ndarray, k: int, nprobe: int
) -> tuple[np.ndarray, int]:
    near = np.argsort(-(centres @ query))[:nprobe]
    rows = np.flatnonzero(np.isin(cell_of, near))
    score = vectors[rows] @ query
    return rows[np.argsort(-score)[:k]], len(centres) + len(rows)


def _cell_search_wrongly(how: str) -> Callable[..., Any]:
    """The misconceptions, each one step away from the right search."""

    def search(
        query: np.ndarray, vectors: np.ndarray, centres: np.ndarray, cell_of: np.ndarray, k: int, nprobe: int
    ) -> tuple[np.ndarray, int]:
        sign = 1 if how == "farthest cells" else -1
        near = np.argsort(sign * (centres @ query), kind="stable")[: 1 if how == "one cell" else nprobe]
        rows = np.arange(len(vectors)) if how == "all" else np.flatnonzero(np.isin(cell_of, near))
        score = vectors[rows] @ query
        best = np.argsort(score if how == "worst first" else -score, kind="stable")[:k]
        work = len(rows) + (0 if how == "centres free" else len(centres))
        if how == "counts answers":
            work = len(centres) + len(best)
        return (best if how == "places" else rows[best]), work

    return search


def _check_cell_search(search: Callable[..., Any]) -> None:
    messages = {
        "all": "you compared the query with every vector. Look into the nprobe nearest cells only.",
        "one cell": "you looked into one cell. nprobe says into how many.",
        "farthest cells": "you took the cells whose centres are farthest. The largest inner products come first.",
        "worst first": "the rows come worst first: sort by falling inner product.",
        "places": "these are places within the vectors that you looked at. Give rows of `vectors`.",
        "centres free": "work leaves out the centres. To find the nearest cells you computed one inner product for each of them.",
        "counts answers": "work counts the k answers. Every vector of the chosen cells was compared, not only those kept.",
    }
    for seed, k, nprobe in ((1, 3, 2), (2, 5, 1), (3, 10, 3), (4, 60, 1), (5, 4, 6), (6, 1, 2)):
        case = _cells(seed)
        answer = search(*(part.copy() for part in case), k, nprobe)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise Incorrect("return two things: the rows, best first, and the number of inner products.")
        rows, work = [int(row) for row in np.asarray(answer[0]).ravel()], number(answer[1], "work")
        want, counted = _cell_search(*case, k, nprobe)
        if rows != want.tolist() or work != counted:
            for how, message in messages.items():
                theirs, count = _cell_search_wrongly(how)(*case, k, nprobe)
                # Each part is compared by itself: who errs in one of the two gets the message for that one.
                if (rows == theirs.tolist() != want.tolist()) or (rows == want.tolist() and work == count != counted):
                    raise Incorrect(message)
        where = f"{len(case[1])} vectors in {len(case[2])} cells, k = {k}, nprobe = {nprobe}"
        if len(rows) > len(want):
            raise Incorrect(f"{where}: the chosen cells hold {len(want)} vectors, and you gave {len(rows)} rows.")
        same(rows, want.tolist(), what=f"{where}: the rows")
        same(work, counted, what=f"{where}: the inner products computed")


# ------------------------------------------------------------------ 4.5.2 how many cells?
N, NPROBE = 1_000_000, 16


def _work(cells: float) -> float:
    return cells + NPROBE * N / cells


def _best_cells() -> int:
    return round(math.sqrt(NPROBE * N))


def _check_best_cells(cells: float) -> None:
    value = number(cells, "the number of cells")
    if not math.isfinite(value) or not NPROBE <= value <= N:
        raise Incorrect(f"choose a number from {NPROBE} (all cells are searched) to {N:,} (a cell for each vector).")
    if np.isclose(value, math.sqrt(N)):
        raise Incorrect(
            f"the square root of n balances one cell against the centres. Here {NPROBE} cells are searched: then {_work(value):,.0f} inner "
            "products, and there is a better number."
        )
    if np.isclose(value, N / NPROBE):
        raise Incorrect(
            f"with {value:,.0f} cells the vectors in them are few, but the query is compared with all centres first: {_work(value):,.0f} "
            "inner products. Add both terms."
        )
    if value in (NPROBE, N):
        raise Incorrect(
            f"that is an exact search: {_work(value):,.0f} inner products, as many as without cells, or more."
        )
    if abs(value - _best_cells()) > 5:
        direction = "More" if value < _best_cells() else "Fewer"
        raise Incorrect(f"{value:,.0f} cells need {_work(value):,.0f} inner products. {direction} cells need less.")


# ------------------------------------------------------------------ 4.5.3 product quantisation
def _books(seed: int, n: int = 40, m: int = 4, pieces: int = 8, part: int = 3) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, pieces, (n, m)).astype(np.uint8)
    return rng.normal(size=m * part), rng.normal(size=(m, pieces, part)), codes


def _table_scores(query: np.ndarray, books: np.ndarray, codes: np.ndarray) -> np.ndarray:
    m = len(books)
    table = np.einsum("jd,jcd->jc", query.reshape(m, -1), books)
    return table[np.arange(m), codes].sum(axis=1)


def _table_scores_wrongly(how: str) -> Callable[..., np.ndarray]:
    def scores(query: np.ndarray, books: np.ndarray, codes: np.ndarray) -> np.ndarray:
        m = len(books)
        parts = query.reshape(m, -1)
        if how == "every m-th number":
            parts = query.reshape(-1, m).T
        table = np.einsum("jd,jcd->jc", parts, books)
        if how == "distances":
            table = ((parts[:, None, :] - books) ** 2).sum(axis=2)
        if how == "first book":
            table = np.einsum("jd,cd->jc", parts, books[0])
        if how == "first part":
            table = np.einsum("d,jcd->jc", parts[0], books)
        found = table[np.arange(m), codes]
        return found.mean(axis=1) if how == "mean" else found.max(axis=1) if how == "max" else found.sum(axis=1)

    return scores


def _check_table_scores(scores: Callable[..., np.ndarray]) -> None:
    messages = {
        "every m-th number": "you dealt the query's numbers out in turn. Part j is a run of neighbours: the numbers from j d/m on.",
        "distances": "these are squared distances. The score is an inner product: multiply and add.",
        "first book": "every part was looked up in the first book. Part j has a book of its own: books[j].",
        "first part": "you multiplied every book with the first part of the query. Book j belongs to part j.",
        "mean": "you averaged over the parts. An inner product of the whole is the *sum* of those of the parts.",
        "max": "you took the largest part. An inner product of the whole is the *sum* of those of the parts.",
    }
    for seed, n, m, pieces, part in ((1, 40, 4, 8, 3), (2, 25, 2, 256, 5), (3, 7, 8, 16, 2), (4, 1, 3, 4, 3)):
        case = _books(seed, n, m, pieces, part)
        got = np.asarray(scores(*(a.copy() for a in case)), dtype=float)
        want = _table_scores(*case)
        if got.shape != want.shape:
            raise Incorrect(f"{n} codes want {n} scores, an array ({n},); got the shape {got.shape}.")
        for how, message in messages.items():
            if np.allclose(got, _table_scores_wrongly(how)(*case)) and not np.allclose(got, want):
                raise Incorrect(message)
        same(got, want, what=f"{n} vectors of {m} parts, {pieces} pieces a book: the scores")


# ------------------------------------------------------------------ 4.5.4 find the leaks
PLAN = {
    "sources_until": 100,
    "asked_from": 100,
    "outcomes_until": 200,
    "features": "as of the request",
    "judged_sources_until": 200,
    "judged_from": 200,
}


def _leaks(plan: dict[str, Any]) -> list[str]:
    found = {
        "sources": plan["sources_until"] > plan["asked_from"],
        "outcomes": plan["outcomes_until"] > plan["judged_from"],
        "features": plan["features"] != "as of the request",
        "judged sources": plan["judged_sources_until"] > plan["judged_from"],
    }
    return [name for name, leak in found.items() if leak]


def _leaks_wrongly(how: str) -> Callable[[dict[str, Any]], list[str]]:
    def leaks(plan: dict[str, Any]) -> list[str]:
        out = _leaks(plan)
        if how == "only the test window":
            keep = [name for name in out if name != "sources"]
            return ["sources", *keep] if plan["sources_until"] > plan["judged_from"] else keep
        if how == "touching is leaking":
            names = {
                "sources": ("sources_until", "asked_from"),
                "outcomes": ("outcomes_until", "judged_from"),
                "judged sources": ("judged_sources_until", "judged_from"),
            }
            return [n for n, (a, b) in names.items() if plan[a] >= plan[b]] + (
                ["features"] if "features" in out else []
            )
        if how == "outcomes after requests":
            return sorted({*out, "outcomes"})
        if how == "features are fine":
            return [name for name in out if name != "features"]
        if how == "first one":
            return out[:1]
        return [name for name in out if name != "judged sources"]

    return leaks


def _check_leaks(leaks: Callable[[dict[str, Any]], Any]) -> None:
    def asked(**changes: Any) -> tuple[set[str], dict[str, Any]]:
        plan = PLAN | changes
        got = leaks(dict(plan))
        if isinstance(got, str) or not isinstance(got, list | tuple | set | frozenset):
            raise Incorrect("return a list of the names of the leaks; an empty list where there is none.")
        return set(got), plan

    got, _ = asked()
    if got == {"sources", "outcomes", "judged sources"} or got & {"sources", "judged sources"}:
        raise Incorrect(
            "a plan whose parts just touch was called leaky. `until` 100 means *before* second 100, and requests come from "
            "100 on: nothing is shared."
        )
    if "outcomes" in got:
        raise Incorrect(
            "outcomes come after the requests, they must: they are what is to be predicted. They leak only where they reach "
            "into the judged window."
        )
    if got:
        raise Incorrect(f"a sound plan was called leaky: {', '.join(sorted(map(str, got)))}.")
    got, _ = asked(sources_until=200)
    if "sources" not in got:
        raise Incorrect(
            "sources fitted up to 200 propose for requests from 100 on: they have seen the outcomes that the ranker learns "
            "from. That no test rating is among them does not help: the ranker learns to trust scores that will never "
            "again be so good."
        )
    for features in ("latest", "at the end of the window", "over all ratings"):
        if "features" not in asked(features=features)[0]:
            raise Incorrect(
                f"features {features!r}: a count that is taken later knows the outcome. Only 'as of the request' is sound."
            )
    if "judged sources" not in asked(judged_sources_until=201)[0]:
        raise Incorrect("sources that answer the judged requests may not have seen a rating of the judged window.")
    if "outcomes" not in asked(outcomes_until=250)[0]:
        raise Incorrect(
            "outcomes until 250 lie in the judged window, which begins at 200: the ranker was trained on test data."
        )
    if len(asked(sources_until=150, outcomes_until=230, features="latest")[0]) < 3:
        raise Incorrect("a plan may have several leaks: name them all.")
    for changes in (
        {"sources_until": 101},
        {"sources_until": 99},
        {"asked_from": 50},
        {"outcomes_until": 201},
        {"outcomes_until": 150},
        {"judged_sources_until": 150},
        {"judged_from": 190},
        {"judged_from": 300, "sources_until": 250},
        {
            "asked_from": 120,
            "sources_until": 110,
            "outcomes_until": 190,
            "judged_sources_until": 180,
            "judged_from": 190,
        },
        {"features": "latest", "sources_until": 400, "outcomes_until": 400, "judged_sources_until": 400},
    ):
        got, plan = asked(**changes)
        want = set(_leaks(plan))
        if got != want:
            raise Incorrect(f"{plan}: expected {sorted(want) or 'no leak'}, got {sorted(map(str, got)) or 'none'}.")


# ------------------------------------------------------------------ 4.5.5 what a score means
def _true_chance(score: np.ndarray, kept: float) -> np.ndarray:
    return score / (score + (1 - score) / kept)


def _true_chance_wrongly(how: str) -> Callable[[np.ndarray, float], np.ndarray]:
    def chance(score: np.ndarray, kept: float) -> np.ndarray:
        if how == "as it is":
            return score
        if how == "times kept":
            return score * kept
        if how == "wrong way":
            return score / (score + (1 - score) * kept)
        return score / (1 - score) * kept  # odds

    return chance


def _check_true_chance(chance: Callable[[np.ndarray, float], np.ndarray]) -> None:
    score = np.array([0.0, 0.05, 0.3, 0.5, 0.9, 1.0])
    messages = {
        "as it is": "the score is unchanged. In the sample, a yes was 1 / kept times as frequent against a no as in truth.",
        "times kept": "you multiplied the chance. A score of 1 would become kept, though nothing spoke against the item. It is "
        "the *odds* that sampling changed: multiply those.",
        "wrong way": "the corrected chances are higher than the scores. No's were thrown away, so a yes looked too likely: they must be lower.",
        "odds": "these are odds, and can exceed 1. Turn them back into a chance: odds / (1 + odds).",
    }
    for kept in (0.1, 0.25, 0.5, 0.02, 1.0):
        got = np.asarray(chance(score[:-1].copy(), kept), dtype=float)
        want = _true_chance(score[:-1], kept)
        if kept < 1:
            for how, message in messages.items():
                if got.shape == want.shape and np.allclose(got, _true_chance_wrongly(how)(score[:-1], kept)):
                    raise Incorrect(message)
        same(got, want, what=f"scores 0, 0.05, 0.3, 0.5, 0.9 and kept = {kept}")
    certain = number(np.asarray(chance(np.array([1.0]), 0.1)).ravel()[0], "the chance for a score of 1")
    if math.isnan(certain):
        raise Incorrect(
            "a score of exactly 1 gives NaN: its odds are infinite. Write the formula without dividing by 1 - s."
        )
    same(certain, 1.0, what="a score of 1")


# ------------------------------------------------------------------ 4.5.6 the slowest one percent
def _whole(sources: np.ndarray, stages: np.ndarray, deadline: float) -> float:
    return float(np.quantile(np.minimum(sources.max(axis=1), deadline) + stages.sum(axis=1), 0.99))


def _whole_wrongly(how: str) -> Callable[..., float]:
    def whole(sources: np.ndarray, stages: np.ndarray, deadline: float) -> float:
        first = np.minimum(sources.max(axis=1), deadline)
        if how == "sum of percentiles":
            return float(np.quantile(first, 0.99) + np.quantile(stages, 0.99, axis=0).sum())
        if how == "one after the other":
            first = np.minimum(sources.sum(axis=1), deadline)
        if how == "mean source":
            first = np.minimum(sources.mean(axis=1), deadline)
        if how == "no deadline":
            first = sources.max(axis=1)
        total = first + stages.sum(axis=1)
        if how == "deadline for all":
            total = np.minimum(sources.max(axis=1) + stages.sum(axis=1), deadline)
        if how == "slow ones dropped":
            total = total[sources.max(axis=1) <= deadline]
        if how == "stages in parallel":
            total = first + stages.max(axis=1)
        return float(
            np.median(total) if how == "median" else total.mean() if how == "mean" else np.quantile(total, 0.99)
        )

    return whole


def _check_whole(whole: Callable[..., float]) -> None:
    messages = {
        "sum of percentiles": "you added up percentiles. A request that is slow in one stage is rarely slow in all, so the sum is too "
        "high: add the times of each request, then take the percentile.",
        "one after the other": "you added up the sources. They are asked at the same time: the slowest decides.",
        "mean source": "you took the mean over the sources. They are all waited for: the slowest decides.",
        "no deadline": "the deadline does nothing. Nobody waits longer than that for the sources.",
        "deadline for all": "you cut the whole off at the deadline. It holds for the sources; the stages after them still take their time.",
        "slow ones dropped": "you left out the requests with a slow source. They are answered, too, after the deadline.",
        "stages in parallel": "the stages run one after the other, each needs what the one before made: add them up.",
        "median": "that is the median, what half of the requests wait at most. Take the 99th percentile.",
        "mean": "that is the mean. It hides the slow ones: take the 99th percentile.",
    }
    for seed, s, t, deadline in ((1, 4, 3, 30.0), (2, 3, 2, 15.0), (3, 1, 1, 25.0), (4, 5, 3, 1e9), (5, 2, 4, 12.0)):
        rng = np.random.default_rng(seed)
        sources, stages = rng.lognormal(2, 0.8, (500, s)), rng.lognormal(1.5, 0.7, (500, t))
        got, want = (
            number(whole(sources.copy(), stages.copy(), deadline), "the percentile"),
            _whole(sources, stages, deadline),
        )
        if np.isclose(got, want, rtol=1e-9):
            continue
        for how, message in messages.items():
            if np.isclose(got, _whole_wrongly(how)(sources, stages, deadline)):
                raise Incorrect(message)
        same(got, want, what=f"500 requests, {s} sources, {t} stages, deadline {deadline:g} ms: the 99th percentile")


EXERCISES = [
    Exercise(
        id="4.5.1",
        title="Search a few cells",
        kind="build",
        prompt="""
            Each vector lies in one cell (`cell_of`), and each cell has a centre. Take the `nprobe` cells whose centres have
            the largest inner product with the query, compare the query with the vectors of those cells, and with no
            others. Return the rows of the `k` best, best first (fewer, if the cells hold fewer), and how many inner
            products you have computed **in all**.
        """,
        reference=lambda: _cell_search,
        check=_check_cell_search,
        hints=(
            "Two searches: first among the centres, then among the rows with `np.isin(cell_of, near)`. Both cost inner products.",
            "`near = np.argsort(-(centres @ query))[:nprobe]`, `rows = np.flatnonzero(np.isin(cell_of, near))`, then sort "
            "`vectors[rows] @ query`, and use the order to pick from `rows`. The work is `len(centres) + len(rows)`.",
        ),
        wrong=(
            WrongAnswer("every vector", lambda: _cell_search_wrongly("all"), "every vector"),
            WrongAnswer("one cell only", lambda: _cell_search_wrongly("one cell"), "nprobe says"),
            WrongAnswer("farthest cells", lambda: _cell_search_wrongly("farthest cells"), "farthest"),
            WrongAnswer("places instead of rows", lambda: _cell_search_wrongly("places"), "places within"),
            WrongAnswer("centres for free", lambda: _cell_search_wrongly("centres free"), "leaves out the centres"),
            WrongAnswer("counts the answers", lambda: _cell_search_wrongly("counts answers"), "not only those kept"),
            WrongAnswer("worst first", lambda: _cell_search_wrongly("worst first"), "worst first"),
        ),
        points=3,
        explanation="An inverted file is what a search engine has: a list of documents for each word. Here the word is a "
        "cell. A neighbour that lies just across a border, in a cell that was not searched, is missed: hence the recall "
        "below 1, and hence `nprobe`.",
        expected=example(
            "cell_search([1, 0], [[2, 0], [0, 3], [1, 1]], centres=[[1, 0], [0, 1]], cell_of=[0, 1, 0], k=1, nprobe=1)",
            lambda: ([0], 4),
        ),
    ),
    Exercise(
        id="4.5.2",
        title="How many cells?",
        kind="figure it out",
        prompt=f"""
            A million vectors, dealt evenly into $C$ cells, and `nprobe` = {NPROBE} cells are searched for each query.
            With few cells, each is large; with many, there are many centres to compare with. Which number of cells
            needs the fewest inner products? Predict the order of magnitude first: {NPROBE}, 400, 4,000 or 60,000?
        """,
        reference=_best_cells,
        check=_check_best_cells,
        hints=(
            "Write the work as a function of C. One term grows with C, the other falls. Try a few values of C, or a plot.",
            f"w = C + {NPROBE} n / C. At the lowest point both terms are equal: C = {NPROBE} n / C. Solve for C.",
        ),
        wrong=(
            WrongAnswer("the root of n", lambda: 1000, "balances one cell"),
            WrongAnswer("n / nprobe", lambda: 62_500, "compared with all centres"),
            WrongAnswer("as few as are searched", lambda: 16, "exact search"),
            WrongAnswer("a guess", lambda: 400, "More cells"),
            WrongAnswer("too many", lambda: 20_000, "Fewer cells"),
        ),
        points=1,
        explanation="C = sqrt(16 n) = 4,000: the work is 8,000 inner products instead of a million. In general C = "
        "sqrt(nprobe n), which is why index guides recommend a few times sqrt(n). With real data cells are uneven, and "
        "the larger ones are hit more often, so the measured work is higher.",
    ),
    Exercise(
        id="4.5.3",
        title="Sixteen bytes a vector",
        kind="build",
        prompt="""
            A vector of d numbers is cut into m parts of d/m neighbouring numbers. `books[j]` holds the pieces for part j,
            and `codes[i, j]` says which of them stands for part j of vector i. Compute the inner product of the query with
            every coded vector from one small table of part products.
        """,
        reference=lambda: _table_scores,
        check=_check_table_scores,
        hints=(
            "The table has a row for each part and a column for each piece: T[j, c] = (part j of the query) . books[j, c].",
            "`parts = query.reshape(m, -1)`, `T = np.einsum('jd,jcd->jc', parts, books)`, then "
            "`T[np.arange(m), codes].sum(axis=1)`.",
        ),
        wrong=(
            WrongAnswer("distances", lambda: _table_scores_wrongly("distances"), "squared distances"),
            WrongAnswer("numbers in turn", lambda: _table_scores_wrongly("every m-th number"), "run of neighbours"),
            WrongAnswer("one book for all", lambda: _table_scores_wrongly("first book"), "a book of its own"),
            WrongAnswer("one part for all", lambda: _table_scores_wrongly("first part"), "Book j belongs"),
            WrongAnswer("mean", lambda: _table_scores_wrongly("mean"), "averaged"),
            WrongAnswer("max", lambda: _table_scores_wrongly("max"), "largest part"),
        ),
        points=3,
        explanation="The table costs m x 256 small products, once for a query. After that a vector costs m look-ups and "
        "additions, whatever d is. What is lost is the difference between a part and the piece that stands for it.",
        expected=example(
            "table_scores([1, 0, 2, 1], books=[[[1, 0], [0, 1]], [[1, 1], [0, 3]]], codes=[[0, 1], [1, 0]])",
            lambda: _table_scores(
                np.array([1.0, 0, 2, 1]),
                np.array([[[1.0, 0], [0, 1]], [[1, 1], [0, 3]]]),
                np.array([[0, 1], [1, 0]]),
            ).tolist(),
        ),
    ),
    Exercise(
        id="4.5.4",
        title="Find the leaks",
        kind="figure it out",
        prompt="""
            Somebody hands you a plan of an experiment: a dict like the one above. `..._until` means: ratings *before* that
            second were used. Write a reviewer: a function that returns the names of the leaks in a plan, out of
            `"sources"`, `"outcomes"`, `"features"`, `"judged sources"`. A sound plan gives an empty list.
        """,
        reference=lambda: _leaks,
        check=_check_leaks,
        hints=(
            "For each of the four, ask: could it know an outcome that it is later used to predict? There are two sets of "
            "outcomes: those that the ranker learns from, and those that it is judged by.",
            "Sources: `sources_until > asked_from`. Outcomes: `outcomes_until > judged_from`. Judged sources: "
            "`judged_sources_until > judged_from`. Features: anything other than 'as of the request'.",
        ),
        wrong=(
            WrongAnswer(
                "minds the test window only",
                lambda: _leaks_wrongly("only the test window"),
                "no test rating is among them",
            ),
            WrongAnswer("touching is leaking", lambda: _leaks_wrongly("touching is leaking"), "just touch"),
            WrongAnswer("outcomes are the future", lambda: _leaks_wrongly("outcomes after requests"), "they must"),
            WrongAnswer("features are fine", lambda: _leaks_wrongly("features are fine"), "knows the outcome"),
            WrongAnswer("the first leak only", lambda: _leaks_wrongly("first one"), "name them all"),
            WrongAnswer("judged sources forgotten", lambda: _leaks_wrongly(""), "answer the judged requests"),
        ),
        points=2,
        explanation="The first is the one that reviews miss. Nothing of the test window is touched, and the reported number "
        "is honest; it is only bad. The ranker was trained in a world where its sources had read the answers, and is used "
        "in one where they have not. You are about to measure what that costs.",
    ),
    Exercise(
        id="4.5.5",
        title="What a score means after sampling",
        kind="figure it out",
        prompt="""
            A ranker was trained on all rows with a yes, but on a random share `kept` of those with a no. It reports a score
            `s` for an item. What is the chance of a yes in the real world? Think of 1,000 rows of the same kind, of which
            10 are a yes: what is left after sampling with kept = 0.1, what is `s`, and what should come out?
        """,
        reference=lambda: _true_chance,
        check=_check_true_chance,
        hints=(
            "Of the 1,000 rows, 10 yes and 99 no are left, so s is 10/109; the truth is 10/1000. Compare the *odds* (yes : no) of both.",
            "The true odds are s / (1 - s) times kept. Solved for the chance, and safe for s = 1: s / (s + (1 - s) / kept).",
        ),
        wrong=(
            WrongAnswer("as it is", lambda: _true_chance_wrongly("as it is"), "unchanged"),
            WrongAnswer("chance times kept", lambda: _true_chance_wrongly("times kept"), "multiplied the chance"),
            WrongAnswer("the wrong way", lambda: _true_chance_wrongly("wrong way"), "must be lower"),
            WrongAnswer("odds", lambda: _true_chance_wrongly("odds"), "can exceed 1"),
        ),
        points=2,
        explanation="Sampling multiplies the odds of every row by the same 1 / kept, so the *order* of the items stays, and "
        "with it nDCG. What breaks is everything that reads the score as a number: a threshold, a price, a sum with another "
        "model's score, the comparison of last week's model with this week's.",
        expected=example("true_chance([10 / 109], kept=0.1)", lambda: [0.01]),
    ),
    Exercise(
        id="4.5.6",
        title="What the slowest one percent waits for",
        kind="figure it out",
        prompt="""
            The sources are asked at the same time, and all of them are waited for, but no longer than `deadline`
            milliseconds (who has not answered by then is left out). The stages after that run one after the other. You have
            the times of many requests, one row each. What is the 99th percentile of the whole? Guess first: is it more or
            less than the sum of the stages' own 99th percentiles?
        """,
        reference=lambda: _whole,
        check=_check_whole,
        hints=(
            "Work out how long *each request* takes: the slowest source (at most the deadline), plus its stages. Only then "
            "take the percentile.",
            "`first = np.minimum(sources.max(axis=1), deadline)`, then "
            "`np.quantile(first + stages.sum(axis=1), 0.99)`.",
        ),
        wrong=(
            WrongAnswer("sum of percentiles", lambda: _whole_wrongly("sum of percentiles"), "added up percentiles"),
            WrongAnswer("sources in sequence", lambda: _whole_wrongly("one after the other"), "at the same time"),
            WrongAnswer("mean of the sources", lambda: _whole_wrongly("mean source"), "mean over the sources"),
            WrongAnswer("no deadline", lambda: _whole_wrongly("no deadline"), "does nothing"),
            WrongAnswer("deadline for the whole", lambda: _whole_wrongly("deadline for all"), "cut the whole off"),
            WrongAnswer("slow requests dropped", lambda: _whole_wrongly("slow ones dropped"), "They are answered, too"),
            WrongAnswer("stages in parallel", lambda: _whole_wrongly("stages in parallel"), "one after the other"),
            WrongAnswer("the median", lambda: _whole_wrongly("median"), "that is the median"),
            WrongAnswer("the mean", lambda: _whole_wrongly("mean"), "hides the slow ones"),
        ),
        points=2,
        explanation="Percentiles do not add up: being slow in one stage seldom coincides with being slow in the next. But "
        "waiting for the slowest of several sources makes the tail worse with every source: with four, one request in "
        "twenty-five meets a source in its slowest percent. Hence deadlines, and lists that can do without one source.",
        expected=example("whole_p99([[5, 9]], stages=[[2, 3]], deadline=8)", lambda: 13.0),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_probe() -> str:
    """Twice the cells: do recall and work at least not fall, on random data?"""
    rows = []
    for nprobe in (2, 4):
        found = [(_cell_search(*case, 10, nprobe), _cell_search(*case, 10, 6)) for case in map(_cells, range(30))]
        rows.append((np.mean([np.isin(b[0], a[0]).mean() for a, b in found]), np.mean([a[1] for a, _ in found])))
    (little, cheap), (much, dear) = rows
    return "b" if much > little and dear > cheap else "a" if much > little else "c"


def _key_bound() -> str:
    """A ranker that knows everything, over candidates that hold 60 of 100 relevant items: recall is at most 0.6."""
    return {0.6: "a", 1.0: "b", 0.36: "c"}[round(min(60, 100) / 100, 2)]


def _key_order() -> str:
    score = np.linspace(0.01, 0.99, 99)
    fixed = _true_chance(score, 0.1)
    same_order = (np.argsort(score) == np.argsort(fixed)).all()
    return "c" if same_order and not np.allclose(score, fixed) else "a"


QUIZ = [
    Question(
        text="You double nprobe. What happens?",
        choices={
            "a": "recall rises, and the work stays the same",
            "b": "recall rises or stays, and the work rises",
            "c": "recall may fall, since there are more wrong vectors",
        },
        key=_key_probe,
        why={
            "a": "The vectors of the new cells have to be compared, too.",
            "b": "The vectors compared before are still among those compared. More of them cannot hide the best.",
            "c": "A worse vector does not displace a better one: the scores are exact inner products.",
        },
    ),
    Question(
        text="A vector of 64 numbers in float32 is stored by product quantisation in 16 parts of 256 pieces. Bytes for its code?",
        choices={"a": "64", "b": "16", "c": "4"},
        key=lambda: {64: "a", 16: "b", 4: "c"}[16 * int(math.log2(256)) // 8],
        why={
            "a": "That is one byte a number. A part of four numbers gets one byte in all.",
            "b": "A piece out of 256 is one byte, and there are 16 parts. The vector itself takes 256 bytes.",
            "c": "That would be two bits a part, which tells four pieces apart.",
        },
    ),
    Question(
        text="Candidate generation finds 60 of the 100 films that the users would like. What is the most that a perfect ranker can reach?",
        choices={"a": "recall 0.60", "b": "recall 1.0", "c": "recall 0.36"},
        key=_key_bound,
        why={
            "a": "A ranker can order what it is given and nothing else. The first stage is the ceiling of the second.",
            "b": "It never sees the other forty.",
            "c": "Nothing is lost twice: a perfect ranker keeps all sixty.",
        },
    ),
    Question(
        text="Trained with a tenth of the negatives, uncorrected, the ranker",
        choices={
            "a": "makes other lists, and its scores are chances",
            "b": "makes other lists, and its scores are too high",
            "c": "makes about the same lists, and its scores are too high",
        },
        key=_key_order,
        why={
            "a": "Sampling at random multiplies all odds by ten. That cannot change an order, and it does change the chances.",
            "b": "Half right: the scores are too high, all in the same way, so the order stays (up to the noise of less data).",
            "c": "All odds are multiplied by ten. The order stays, up to the noise of less data; a threshold does not.",
        },
    ),
]
