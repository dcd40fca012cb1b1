"""Exercises and quiz of lesson 2.5, Measuring a ranking."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import metrics
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question

OneList = Callable[[np.ndarray, int], float]


def _hits(text: str) -> np.ndarray:
    """Rank by rank, x is a hit: "..x." """
    return np.array([letter == "x" for letter in text])


USER_425 = _hits("....x.x.x.")  # the list of section 1, with 14 relevant films


@functools.cache
def _many_lists() -> list[tuple[np.ndarray, int]]:
    """Lists of several lengths with more and fewer relevant items than places."""
    rng = np.random.default_rng(0)
    cases = []
    for k in (1, 2, 5, 10, 20):
        for share in (0.1, 0.4, 0.9):
            hits = rng.random(k) < share
            found = int(hits.sum())
            cases += [(hits, max(found, 1)), (hits, found + 2), (hits, found + 30)]
    return cases


def _check_one_list(answer: OneList, truth: OneList, wrong: dict[OneList, str], what: str) -> None:
    """The common mistakes by name on two lists that tell them apart, then the small print, then many lists."""
    for hits, n in ((USER_425, 14), (_hits("x.x"), 2), (_hits("x........."), 1), (_hits(".xx.x....."), 3)):
        got = number(answer(hits.copy(), n), what)
        if np.isclose(got, truth(hits, n)):
            continue
        for mistake, message in wrong.items():
            value = mistake(hits, n)
            if np.isclose(got, value) or (not math.isfinite(got) and not math.isfinite(value)):
                raise Incorrect(message)
        same(got, truth(hits, n), what=f"hits {hits.astype(int).tolist()}, {n} relevant: {what}")
    try:
        nothing = number(answer(_hits("..."), 0), f"{what} of a user with nothing to find")
    except ZeroDivisionError:
        raise Incorrect(
            "for a user with nothing to find (n_relevant 0) you divide by zero. No list could have been right: return NaN."
        ) from None
    if nothing == 0:
        raise Incorrect(
            "a user with nothing to find gets 0, as if the list had failed. No list could have been right: return NaN, "
            "so that the mean can leave them out."
        )
    if not math.isnan(nothing):
        raise Incorrect(f"a user with nothing to find gets {nothing:g}. Nothing was asked, so return NaN.")
    empty = number(answer(_hits("..."), 2), f"{what} of a list without a hit")
    if math.isnan(empty):
        raise Incorrect("a list without a hit gets NaN. There was something to find and it was missed: that is a 0.")
    same(empty, 0.0, what="a list without a hit, 2 relevant")
    for hits, n in _many_lists():
        same(
            number(answer(hits.copy(), n), what),
            truth(hits, n),
            what=f"hits {hits.astype(int).tolist()}, {n} relevant: {what}",
        )


# ------------------------------------------------------------------ 2.5.1 average precision
def _precision_at(hits: np.ndarray) -> np.ndarray:
    return np.cumsum(hits) / np.arange(1, len(hits) + 1)


def _average_precision(hits: np.ndarray, n_relevant: int) -> float:
    if n_relevant == 0:
        return math.nan
    return float((_precision_at(hits) * hits).sum() / min(len(hits), n_relevant))


def _ap_by_found(hits: np.ndarray, n_relevant: int) -> float:
    if n_relevant == 0:
        return math.nan
    return float((_precision_at(hits) * hits).sum() / max(1, hits.sum()))


def _ap_by_all(hits: np.ndarray, n_relevant: int) -> float:
    return float((_precision_at(hits) * hits).sum() / n_relevant) if n_relevant else math.nan


def _ap_by_k(hits: np.ndarray, n_relevant: int) -> float:
    return float((_precision_at(hits) * hits).sum() / len(hits)) if n_relevant else math.nan


def _ap_every_rank(hits: np.ndarray, n_relevant: int) -> float:
    return float(_precision_at(hits).mean()) if n_relevant else math.nan


def _ap_reciprocal(hits: np.ndarray, n_relevant: int) -> float:
    if n_relevant == 0:
        return math.nan
    return float((hits / np.arange(1, len(hits) + 1)).sum() / min(len(hits), n_relevant))


def _ap_shifted(hits: np.ndarray, n_relevant: int) -> float:
    if n_relevant == 0:
        return math.nan
    precision_at = np.cumsum(hits) / np.arange(2, len(hits) + 2)
    return float((precision_at * hits).sum() / min(len(hits), n_relevant))


def _ap_zero(hits: np.ndarray, n_relevant: int) -> float:
    return _average_precision(hits, n_relevant) if n_relevant else 0.0


def _ap_unguarded(hits: np.ndarray, n_relevant: int) -> float:
    return float((_precision_at(hits) * hits).sum()) / min(len(hits), n_relevant)


def _ap_nan(hits: np.ndarray, n_relevant: int) -> float:
    return _average_precision(hits, n_relevant) if hits.any() else math.nan


_AP_MISTAKES: dict[OneList, str] = {
    _ap_by_found: "you divided by the hits found. Then what the list has missed costs nothing, and one hit at rank 1 is "
    "perfect for a user with a hundred relevant films. Divide by min(k, n_relevant).",
    _ap_by_all: "you divided by n_relevant, even where the list is too short for them all: a perfect list of ten would "
    "not get 1 for a user with 14 relevant films. Divide by min(k, n_relevant).",
    _ap_by_k: "you divided by k, even where there are fewer than k relevant films: a perfect list would not get 1. "
    "Divide by min(k, n_relevant).",
    _ap_every_rank: "you averaged the precision over every rank. Only the ranks with a hit count.",
    _ap_reciprocal: "each hit added 1 / rank. It should add the precision up to there: the number of hits so far / rank.",
    _ap_shifted: "your ranks are one too high: the first place of the list is rank 1, so a hit there has precision 1.",
}


def _check_average_precision(answer: OneList) -> None:
    _check_one_list(answer, _average_precision, _AP_MISTAKES, "the average precision")


# ------------------------------------------------------------------ 2.5.2 nDCG
def _ndcg_with(
    discount: Callable[[np.ndarray], np.ndarray], ideal: Callable[[np.ndarray, int], int]
) -> Callable[[np.ndarray, int], float]:
    """An nDCG with this discount, whose ideal has so many hits at the top."""

    def ndcg(hits: np.ndarray, n_relevant: int) -> float:
        if n_relevant == 0:
            return math.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = discount(np.arange(1, len(hits) + 1))
            best = discount(np.arange(1, ideal(hits, n_relevant) + 1)).sum()
            return float(np.divide(np.where(hits, gain, 0.0).sum(), best))

    return ndcg


def _log(r: np.ndarray) -> np.ndarray:
    return 1 / np.log2(r + 1)


def _as_many_as_fit(hits: np.ndarray, n: int) -> int:
    return min(len(hits), n)


_ndcg = _ndcg_with(_log, _as_many_as_fit)
_ndcg_by_found = _ndcg_with(_log, lambda hits, n: max(1, int(hits.sum())))
_ndcg_by_all = _ndcg_with(_log, lambda hits, n: n)
_ndcg_by_k = _ndcg_with(_log, lambda hits, n: len(hits))
_ndcg_from_zero = _ndcg_with(lambda r: 1 / np.log2(r), _as_many_as_fit)
_ndcg_shifted = _ndcg_with(lambda r: 1 / np.log2(r + 2), _as_many_as_fit)
_ndcg_first_paper = _ndcg_with(lambda r: 1 / np.log2(np.maximum(r, 2)), _as_many_as_fit)
_ndcg_harmonic = _ndcg_with(lambda r: 1 / r, _as_many_as_fit)


def _dcg(hits: np.ndarray, n_relevant: int) -> float:
    return float((hits * _log(np.arange(1, len(hits) + 1))).sum()) if n_relevant else math.nan


def _ndcg_infinite(hits: np.ndarray, n_relevant: int) -> float:
    """log2 of the rank, with a product of 0 and infinity at rank 1."""
    if n_relevant == 0:
        return math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = 1 / np.log2(np.arange(1, len(hits) + 1))
        return float((hits * gain).sum() / gain[:n_relevant].sum())


def _ndcg_zero(hits: np.ndarray, n_relevant: int) -> float:
    return _ndcg(hits, n_relevant) if n_relevant else 0.0


_NDCG_MISTAKES: dict[OneList, str] = {
    _dcg: "this is the DCG. Divide it by the ideal, what the best possible list would earn.",
    _ndcg_by_found: "your ideal only has the hits that were found. Then what the list has missed costs nothing. The "
    "ideal has min(k, n_relevant) hits.",
    _ndcg_by_all: "your ideal has all relevant films, more than the list has places. A list of ten cannot earn at "
    "rank 14: the ideal has min(k, n_relevant) hits.",
    _ndcg_by_k: "your ideal has k hits, though there are fewer relevant films: a perfect list would not get 1. The "
    "ideal has min(k, n_relevant) hits.",
    _ndcg_from_zero: "log2(1) is 0, so rank 1 divides by zero. The discount is 1 / log2(rank + 1), rank 1 first.",
    _ndcg_infinite: "the result is not finite: log2(1) is 0, so your rank 1 pays infinity, and no hit there is 0 times "
    "infinity. The discount is 1 / log2(rank + 1), rank 1 first.",
    _ndcg_shifted: "your ranks are one too high: the discount is 1 / log2(rank + 1) with rank 1 at the top, where it is 1.",
    _ndcg_first_paper: "you left ranks 1 and 2 undiscounted, as the first paper did. Here it is 1 / log2(rank + 1).",
    _ndcg_harmonic: "your discount is 1 / rank. It should be the gentler 1 / log2(rank + 1).",
}


def _check_ndcg(answer: OneList) -> None:
    _check_one_list(answer, _ndcg, _NDCG_MISTAKES, "the nDCG")


# ------------------------------------------------------------------ 2.5.3 the lost users
MeanNdcg = Callable[[pd.DataFrame, pd.DataFrame, np.ndarray, int], float]


def _ideal(relevant: pd.DataFrame, k: int) -> pd.Series:
    n = relevant.groupby("user").size().clip(upper=k)
    return n.map(lambda m: sum(1 / np.log2(rank + 1) for rank in range(1, m + 1)))


def _dcg_by_user(recommended: pd.DataFrame, relevant: pd.DataFrame) -> pd.Series:
    found = recommended.merge(relevant[["user", "item"]], on=["user", "item"])
    return (1 / np.log2(found["rank"] + 1)).groupby(found["user"]).sum()


def _mean_ndcg(recommended: pd.DataFrame, relevant: pd.DataFrame, users: np.ndarray, k: int) -> float:
    ideal = _ideal(relevant, k)
    dcg = _dcg_by_user(recommended[recommended["rank"] <= k], relevant)
    return float((dcg.reindex(ideal.index).fillna(0) / ideal).mean())


def _mean_of_hits(recommended: pd.DataFrame, relevant: pd.DataFrame, users: np.ndarray, k: int) -> float:
    dcg = _dcg_by_user(recommended[recommended["rank"] <= k], relevant)
    return float((dcg / _ideal(relevant, k)).mean())


def _mean_of_lists(recommended: pd.DataFrame, relevant: pd.DataFrame, users: np.ndarray, k: int) -> float:
    ideal = _ideal(relevant, k)
    ideal = ideal[ideal.index.isin(recommended["user"])]
    dcg = _dcg_by_user(recommended[recommended["rank"] <= k], relevant)
    return float((dcg.reindex(ideal.index).fillna(0) / ideal).mean())


def _mean_of_everybody(recommended: pd.DataFrame, relevant: pd.DataFrame, users: np.ndarray, k: int) -> float:
    dcg = _dcg_by_user(recommended[recommended["rank"] <= k], relevant)
    return float((dcg / _ideal(relevant, k)).reindex(users).fillna(0).mean())


def _mean_without_cut(recommended: pd.DataFrame, relevant: pd.DataFrame, users: np.ndarray, k: int) -> float:
    ideal = _ideal(relevant, k)
    return float((_dcg_by_user(recommended, relevant).reindex(ideal.index).fillna(0) / ideal).mean())


def _mean_by_k(recommended: pd.DataFrame, relevant: pd.DataFrame, users: np.ndarray, k: int) -> float:
    n = relevant.groupby("user").size()
    dcg = _dcg_by_user(recommended[recommended["rank"] <= k], relevant)
    return float((dcg.reindex(n.index).fillna(0) / _log(np.arange(1, k + 1)).sum()).mean())


def _lists(**by_user: list[int]) -> pd.DataFrame:
    rows = [(user, item, rank) for user, items in by_user.items() for rank, item in enumerate(items, 1)]
    return pd.DataFrame(rows, columns=["user", "item", "rank"])


def _pairs(**by_user: list[int]) -> pd.DataFrame:
    return pd.DataFrame([(u, i) for u, items in by_user.items() for i in items], columns=["user", "item"])


CAST = np.array(["ann", "ben", "cat", "dan", "eve", "fay"])
CAST_LISTS = _lists(ann=[1, 2, 3], ben=[4, 5, 6], dan=[1, 2, 3], eve=[4, 5, 6, 7], fay=[2, 9, 4])
CAST_LIKES = _pairs(ann=[1, 8], ben=[9], cat=[1, 2, 3], eve=[7, 3], fay=[4, 2, 5, 6, 8])


def _check_mean_ndcg(answer: MeanNdcg) -> None:
    def ask(lists: pd.DataFrame, likes: pd.DataFrame, users: np.ndarray, k: int) -> float:
        return number(answer(lists.copy(), likes.copy(), users.copy(), k), "the mean nDCG")

    case = (CAST_LISTS, CAST_LIKES, CAST, 3)
    got = ask(*case)
    messages: dict[MeanNdcg, str] = {
        _mean_of_hits: "still the colleague's number. A user without a hit is in `ideal` but not in `dcg`, so the division "
        "gives NaN, and `mean` skips it without a word. They had something to find and were failed: count 0.",
        _mean_of_lists: "users without any list are still missing (here Cat, who has three films to find). Silence is "
        "a failure too: count 0.",
        _mean_of_everybody: "users with nothing to find (here Dan) now count as 0, but no list could have been right for "
        "them. Average over the users of `relevant` only.",
        _mean_without_cut: "a hit below rank k was counted (here Eve's at rank 4, for k = 3).",
        _mean_by_k: "your ideal has k hits for everybody. It has min(k, relevant films of this user).",
    }
    for mistake, message in messages.items():
        if np.isclose(got, mistake(*case)):
            raise Incorrect(message)
    if math.isnan(got):
        raise Incorrect("the mean is NaN: one of the users has no value. Whoever has something to find counts.")
    same(got, _mean_ndcg(*case), what="six users, k = 3: the mean nDCG")
    silent = ask(CAST_LISTS.iloc[:0], CAST_LIKES, CAST, 3)
    if math.isnan(silent):
        raise Incorrect("a model that recommends nothing to anybody gets NaN. It failed everybody: 0.")
    same(silent, 0.0, what="a model that recommends nothing to anybody")
    shuffled = CAST_LISTS.iloc[::-1].assign(score=1.0), CAST_LIKES.iloc[::-1].assign(rating=5.0), CAST[::-1]
    for k in (1, 2, 4):
        same(ask(*shuffled, k), _mean_ndcg(CAST_LISTS, CAST_LIKES, CAST, k), what=f"rows in another order, k = {k}")
    rng = np.random.default_rng(1)
    for k in (5, 10):
        users = np.arange(30)
        lists = pd.concat(
            pd.DataFrame({"user": u, "item": rng.permutation(40)[:10], "rank": np.arange(1, 11)}) for u in users[::2]
        )
        likes = pd.DataFrame({"user": rng.integers(0, 25, 120), "item": rng.integers(0, 40, 120)}).drop_duplicates()
        same(ask(lists, likes, users, k), _mean_ndcg(lists, likes, users, k), what=f"thirty users, k = {k}")


# ------------------------------------------------------------------ 2.5.4 two factors
Factors = Callable[[pd.DataFrame, pd.DataFrame, float], Any]


def _two_factors(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    watched = recommended.merge(test, on=["user", "item"])
    return len(watched) / len(recommended), float((watched["rating"] >= relevant).mean())


def _factors_unconditional(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    watched = recommended.merge(test, on=["user", "item"])
    return len(watched) / len(recommended), float((watched["rating"] >= relevant).sum() / len(recommended))


def _factors_by_item(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    seen = recommended["item"].isin(test["item"])
    good = recommended["item"].isin(test.loc[test["rating"] >= relevant, "item"])
    return float(seen.mean()), float(good[seen].mean())


def _factors_joined_by_item(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    watched = recommended.merge(test, on="item")
    return len(watched) / len(recommended), float((watched["rating"] >= relevant).mean())


def _factors_above(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    watched = recommended.merge(test, on=["user", "item"])
    return len(watched) / len(recommended), float((watched["rating"] > relevant).mean())


def _factors_of_test(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    watched = recommended.merge(test, on=["user", "item"])
    return len(watched) / len(test), float((watched["rating"] >= relevant).mean())


def _factors_per_user(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    watched = recommended.merge(test, on=["user", "item"])
    good = (watched["rating"] >= relevant).groupby(watched["user"]).mean()
    return len(watched) / len(recommended), float(good.mean())


def _factors_swapped(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    return _two_factors(recommended, test, relevant)[::-1]


def _factors_without_on(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    watched = recommended.merge(test)
    return len(watched) / len(recommended), float((watched["rating"] >= relevant).mean())


def _factors_zero(recommended: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
    first, second = _two_factors(recommended, test, relevant)
    return first, 0.0 if math.isnan(second) else second


FACTOR_LISTS = _lists(ann=[1, 2, 3, 4, 5], ben=[1, 2, 5, 6, 7])
FACTOR_TEST = pd.DataFrame(
    [
        ("ann", 1, 5.0),
        ("ann", 2, 4.0),
        ("ann", 3, 2.0),
        ("ann", 4, 4.0),
        ("ann", 9, 5.0),
        ("ben", 2, 3.0),
        ("ben", 7, 4.0),
        ("cat", 5, 5.0),
    ],
    columns=["user", "item", "rating"],
)


def _check_factors(answer: Factors) -> None:
    def ask(lists: pd.DataFrame, test: pd.DataFrame, relevant: float) -> tuple[float, float]:
        value = answer(lists.copy(), test.copy(), relevant)
        if value is None or np.ndim(value) != 1 or len(value) != 2:
            raise Incorrect(f"return two numbers, (P(watched), P(liked | watched)); got {value!r}.")
        first, second = value
        return number(first, "P(watched)"), number(second, "P(liked | watched)")

    case = (FACTOR_LISTS, FACTOR_TEST, 4.0)
    got = ask(*case)
    messages: dict[Factors, str] = {
        _factors_swapped: "the two are the wrong way round: first P(watched), then P(liked | watched).",
        _factors_unconditional: "the second number divides by all places, so it is the precision itself. The bar in "
        "P(liked | watched) means: *among the watched places*.",
        _factors_by_item: "a film counts as watched because *somebody* rated it. The place belongs to a user: match user "
        "and item.",
        _factors_joined_by_item: "you joined by the film alone, so a place counts once for everybody who rated its film: "
        "the share can pass 1. Match user and item.",
        _factors_above: "a rating of exactly `relevant` stars was not counted: liked means this many or more (>=).",
        _factors_of_test: "the first number divides by the hidden ratings, so it asks how much of the test was found, "
        "like a recall. The places of the lists are what we count: divide by them.",
        _factors_per_user: "you averaged the users' own shares. Then the product is not the precision. Count over all "
        "watched places together.",
    }
    for mistake, message in messages.items():
        if np.allclose(got, mistake(*case)):
            raise Incorrect(message)
    what = "Ann and Ben, five places each, relevant from 4"
    same(got[0], 0.6, what=f"{what}: P(watched)")
    same(got[1], 2 / 3, what=f"{what}: P(liked | watched)")
    for relevant, share in ((5.0, 1 / 6), (3.0, 5 / 6), (1.0, 1.0)):
        same(ask(FACTOR_LISTS, FACTOR_TEST, relevant), (0.6, share), what=f"the same, relevant from {relevant:g}")
    unseen = ask(_lists(ann=[7, 8], ben=[1]), FACTOR_TEST, 4.0)
    same(unseen[0], 0.0, what="lists of films that nobody watched: P(watched)")
    if not math.isnan(unseen[1]):
        raise Incorrect(f"no place was watched, and P(liked | watched) is {unseen[1]:g}. Nobody was asked: return NaN.")
    uneven = _lists(ann=[1], ben=[2, 7, 8])
    same(ask(uneven, FACTOR_TEST, 4.0), (0.75, 2 / 3), what="lists of different lengths")
    more = FACTOR_LISTS.iloc[::-1].assign(score=0.5), FACTOR_TEST.iloc[::-1].assign(timestamp=0), 4.0
    same(ask(*more), (0.6, 2 / 3), what="rows in another order, with more columns")
    shown, rated = FACTOR_LISTS.assign(timestamp=1), FACTOR_TEST.assign(timestamp=2)
    try:
        got = ask(shown, rated, 4.0)
    except ValueError as error:
        raise Incorrect(
            f"where both frames have a column timestamp, your join stops: {error}. Join only what you need of `test`: user, "
            "item and rating."
        ) from None
    if got[0] == 0:
        raise Incorrect(
            "where both frames have a column timestamp (when it was shown, when it was rated) nothing counts as watched: "
            'without `on=`, merge matches on every column that they share. Name them: on=["user", "item"].'
        )
    same(got, (0.6, 2 / 3), what="both frames with a column timestamp")


# ------------------------------------------------------------------ 2.5.5 sampled candidates
Chance = Callable[[np.ndarray, np.ndarray, int, int], Any]


def _chance(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    from scipy.stats import hypergeom

    return np.asarray(hypergeom.cdf(k - 1, others, above, m))


def _chance_with_replacement(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    from scipy.stats import binom

    return np.asarray(binom.cdf(k - 1, m, np.asarray(above) / np.asarray(others)))


def _chance_expected(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    return (np.asarray(above) * m / np.asarray(others) < k).astype(float)


def _chance_full(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    return (np.asarray(above) < k).astype(float)


def _chance_off_by_one(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    return _chance(above, others, m, k + 1)


def _chance_exactly(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    from scipy.stats import hypergeom

    return np.asarray(hypergeom.pmf(k - 1, others, above, m))


def _chance_of_a_miss(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    return 1 - _chance(above, others, m, k)


def _chance_confused(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    from scipy.stats import hypergeom

    return np.asarray(hypergeom.cdf(k - 1, above, others, m))


def _chance_simulated(above: np.ndarray, others: np.ndarray, m: int, k: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    pairs = zip(np.asarray(above), np.asarray(others))
    return np.array([(rng.hypergeometric(a, n - a, m, 2000) < k).mean() for a, n in pairs])


def _check_chance(answer: Chance) -> None:
    def ask(above: list[int], others: list[int], m: int, k: int) -> np.ndarray:
        value = answer(np.array(above), np.array(others), m, k)
        if value is None:
            raise Incorrect("got None: is a `return` missing?")
        try:
            got = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise Incorrect(f"the chances should be numbers, but are {value!r}.") from None
        if got.shape != (len(above),):
            raise Incorrect(f"for {len(above)} films, {len(above)} chances are expected; the shape is {got.shape}.")
        if np.isnan(got).any():
            raise Incorrect(
                "a chance is NaN. Is the order of the arguments right? SciPy wants: at most how many black ones, all "
                "balls, black balls, balls drawn."
            )
        return got

    above, others, m, k = [3, 60, 100, 160, 400], [1600] * 5, 100, 10
    got = ask(above, others, m, k)
    messages: dict[Chance, str] = {
        _chance_with_replacement: "this is the chance when each film is put back before the next is drawn (a binomial). The sample "
        "has m different films: drawn without replacement, the black balls run out.",
        _chance_full: "this is the full ranking: a hit only for films with fewer than k above. In the sample, only some "
        "of the films above are drawn at all.",
        _chance_expected: "you compared the *expected* number of films above with k. It varies from draw to draw: at an "
        "expected 9.9 the film is in about half the time. Use the distribution.",
        _chance_off_by_one: "one too many: with k films above it, the film is at place k + 1. At most k - 1 may be above.",
        _chance_exactly: "this is the chance that *exactly* k - 1 films above are drawn. Fewer are a hit, too: add them up.",
        _chance_of_a_miss: "this is the chance of a miss: 1 minus what was asked.",
    }
    for mistake, message in messages.items():
        if np.allclose(got, mistake(np.array(above), np.array(others), m, k), atol=1e-6):
            raise Incorrect(message)
    want = _chance(np.array(above), np.array(others), m, k)
    if not np.allclose(got, want, rtol=1e-6) and np.allclose(got, want, atol=0.05):
        raise Incorrect("near, but not exact: is it a simulation, or an approximation? The chance can be computed.")
    same(got, want, what="3, 60, 100, 160, 400 films above of 1,600, m = 100, k = 10: the chances")
    same(ask([3], [5], 2, 1), [0.1], what="3 of 5 above, 2 drawn, k = 1 (both drawn must be the 2 below)")
    same(ask([1600, 40], [1600, 50], 5, 10), [1.0, 1.0], what="a sample of 5 and a top ten: always a hit")
    same(ask([0, 9, 10], [1600] * 3, 1600, 10), [1.0, 1.0, 0.0], what="all 1,600 drawn: the full ranking again")
    for m, k in ((20, 10), (7, 3), (50, 1)):
        above, others = [0, 2, 30, 55, 90], [60, 70, 80, 90, 100]
        want = _chance(np.array(above), np.array(others), m, k)
        same(ask(above, others, m, k), want, what=f"others from 60 to 100, m = {m}, k = {k}")


# ------------------------------------------------------------------ 2.5.6 the next film
NextFilm = Callable[[np.ndarray, np.ndarray, list[int], float], int]


def _next_film(score: np.ndarray, similarity: np.ndarray, chosen: list[int], trade_off: float) -> int:
    nearest = similarity[:, chosen].max(axis=1) if len(chosen) else 0.0
    value = (1 - trade_off) * score - trade_off * nearest
    value[chosen] = -np.inf
    return int(np.argmax(value))


def _next_wrongly(how: str) -> NextFilm:
    """The misconceptions, each one step away from the right one."""

    def next_film(score: np.ndarray, similarity: np.ndarray, chosen: list[int], trade_off: float) -> int:
        t = 1 - trade_off if how == "swapped" else trade_off
        nearest: Any = 0.0
        if len(chosen):
            near = similarity[:, chosen]
            nearest = {
                "mean": near.mean(axis=1),
                "sum": near.sum(axis=1),
                "last": near[:, -1],
                "min": near.min(axis=1),
            }.get(how, near.max(axis=1))
        elif how == "self":
            nearest = similarity.max(axis=1)
        value = score + t * nearest if how == "sign" else (1 - t) * score - t * nearest
        if how == "score":
            value = score.astype(float).copy()
        if how != "again":
            value[chosen] = -1.0 if how == "low" else -np.inf
        return int(np.argmax(value))

    return next_film


_NEXT_MISTAKES = {
    "again": "a film that is already in the list was chosen again. Put its value to -inf before you take the best.",
    "swapped": "the two weights are the wrong way round: 1 - trade_off belongs to the score, trade_off to the similarity.",
    "mean": "you took the *mean* similarity to the list. A film that is the twin of one of them can hide behind the "
    "others; MMR looks at the nearest one: the maximum.",
    "sum": "you added the similarities up, so that the punishment grows with the list. MMR looks at the nearest one only: "
    "the maximum.",
    "last": "you compared with the last film of the list only. Compare with all of them, and take the maximum.",
    "min": "you took the least similar film of the list. The nearest one makes a film redundant: the maximum.",
    "sign": "similar films are rewarded. The similarity to the list is subtracted.",
    "score": "the similarity plays no part: this is the model's own order.",
    "low": "of films that are all alike, with trade_off 1, a chosen one came again. A low value is not enough for what is "
    "already in the list: -inf.",
}


@functools.cache
def _next_cases() -> list[tuple[np.ndarray, np.ndarray, list[int], float]]:
    rng = np.random.default_rng(3)
    cases = []
    for n in (4, 8, 20):
        for size in (1, 2, 3):
            for trade_off in (0.2, 0.4, 0.5, 0.6, 0.8):
                vectors = rng.random((n, 4)) ** 6 + 1e-3  # some films alike, some far apart
                vectors /= np.sqrt((vectors**2).sum(axis=1, keepdims=True))
                cases.append((rng.random(n), vectors @ vectors.T, rng.permutation(n)[:size].tolist(), trade_off))
    return cases


def _check_next_film(answer: NextFilm) -> None:
    def ask(score: np.ndarray, similarity: np.ndarray, chosen: list[int], trade_off: float) -> int:
        given = score.copy(), similarity.copy(), list(chosen)
        value = answer(*given, trade_off)
        if not (np.array_equal(given[0], score) and np.array_equal(given[1], similarity) and given[2] == chosen):
            raise Incorrect("your function changed what it was given. Work on a new array: `value = ...`.")
        place = number(value, "the position")
        if place != int(place) or not 0 <= place < len(score):
            raise Incorrect(f"{place:g} is no position from 0 to {len(score) - 1}: return the index, not the value.")
        return int(place)

    score, apart = np.array([0.5, 0.25, 1.0]), np.eye(3)
    first = ask(score, apart, [], 0.5)
    if first != 2:
        raise Incorrect(f"with an empty list the film with the best score comes first; yours is number {first}.")
    kinds = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])  # 0 and 1 are twins
    uneven = np.array([1.0, 0.9, 0.2])
    named = [(uneven, kinds, [0], 0.75), (uneven, kinds, [0], 0.25), (uneven, kinds, [2], 0.5), *_next_cases()]
    answers = [ask(*case) for case in named]
    if answers != [_next_film(*case) for case in named]:
        for how in _NEXT_MISTAKES:
            if answers == [_next_wrongly(how)(*case) for case in named]:
                raise Incorrect(_NEXT_MISTAKES[how])
        for case, got in zip(named, answers):
            s, _, chosen, t = case
            if got in chosen:
                raise Incorrect(_NEXT_MISTAKES["again"])
            same(got, _next_film(*case), what=f"{len(s)} films, {chosen} chosen, trade_off {t:g}: the next")
    for trade_off in (0.0, 0.9):
        same(ask(score, apart, [], trade_off), 2, what=f"an empty list, trade_off {trade_off:g}: the first")
    tie = ask(np.array([0.5, 1.0, 1.0]), apart, [], 0.5)
    same(tie, 1, what="two films of equal value, positions 1 and 2: the next")
    all_variety = ask(np.array([1.0, 0.5, 0.0]), kinds, [0], 1.0)
    same(all_variety, 2, what="trade_off 1, variety only: the next")
    if ask(uneven, np.ones((3, 3)), [0], 1.0) == 0:  # the least value there can be is no better than a chosen film's
        raise Incorrect(_NEXT_MISTAKES["low"])


EXERCISES = [
    Exercise(
        id="2.5.1",
        title="Average precision",
        kind="build",
        prompt="""
            Write the average precision of one list. Three things are easy to get wrong: which ranks count, what the sum is
            divided by, and what a user gets for whom there was nothing to find.
        """,
        reference=lambda: _average_precision,
        check=_check_average_precision,
        hints=(
            "First an array of the precision at every rank: the number of hits so far, over the rank. `np.cumsum` counts "
            "the hits so far.",
            "`precision_at = np.cumsum(hits) / np.arange(1, len(hits) + 1)`; multiply by `hits`, sum, and divide by "
            "`min(len(hits), n_relevant)`. If `n_relevant` is 0, return `np.nan`.",
        ),
        wrong=(
            WrongAnswer("divided by the hits found", lambda: _ap_by_found, "hits found"),
            WrongAnswer("divided by all relevant", lambda: _ap_by_all, "too short for them all"),
            WrongAnswer("divided by k", lambda: _ap_by_k, "you divided by k"),
            WrongAnswer("every rank counts", lambda: _ap_every_rank, "over every rank"),
            WrongAnswer("reciprocal ranks", lambda: _ap_reciprocal, "hits so far / rank"),
            WrongAnswer("ranks one too high", lambda: _ap_shifted, "one too high"),
            WrongAnswer("nothing to find is 0", lambda: _ap_zero, "as if the list had failed"),
            WrongAnswer("no hit is NaN", lambda: _ap_nan, "that is a 0"),
            WrongAnswer("nothing to find divides by zero", lambda: _ap_unguarded, "divide by zero"),
        ),
        points=2,
        explanation="A hit late in the list has few hits per rank above it, so it adds little. Dividing by min(k, "
        "n_relevant) makes 1 the value of the best list possible: neither ten hits for a user who has three relevant films "
        "nor fourteen in a list of ten can be asked for. Other libraries divide by `n_relevant` or by the hits found; both "
        "are called MAP in papers.",
        expected=example("average_precision([True, False, True], 2)", lambda: _average_precision(_hits("x.x"), 2)),
    ),
    Exercise(
        id="2.5.2",
        title="nDCG",
        kind="build",
        prompt="""
            Write the nDCG of one list: DCG over the ideal. Ranks start at 1, and the ideal list has as many hits as there
            are relevant films, or as fit.
        """,
        reference=lambda: _ndcg,
        check=_check_ndcg,
        hints=(
            "Make an array with what each rank pays: `1 / np.log2(rank + 1)` for ranks 1 to k. Both sums are sums over "
            "parts of it.",
            "`gain = 1 / np.log2(np.arange(1, len(hits) + 1) + 1)`; the DCG is `(hits * gain).sum()`, the ideal "
            "`gain[:n_relevant].sum()` (a slice that is too long stops at the end). NaN if `n_relevant` is 0.",
        ),
        wrong=(
            WrongAnswer("not divided by the ideal", lambda: _dcg, "this is the DCG"),
            WrongAnswer("ideal from the hits found", lambda: _ndcg_by_found, "hits that were found"),
            WrongAnswer("ideal longer than the list", lambda: _ndcg_by_all, "more than the list has places"),
            WrongAnswer("ideal with k hits", lambda: _ndcg_by_k, "your ideal has k hits"),
            WrongAnswer("log2 of the rank", lambda: _ndcg_from_zero, "divides by zero"),
            WrongAnswer("log2 of the rank, no mask", lambda: _ndcg_infinite, "pays infinity"),
            WrongAnswer("ranks one too high", lambda: _ndcg_shifted, "one too high"),
            WrongAnswer("discount of the first paper", lambda: _ndcg_first_paper, "first paper"),
            WrongAnswer("discount 1 / rank", lambda: _ndcg_harmonic, "gentler"),
            WrongAnswer("nothing to find is 0", lambda: _ndcg_zero, "as if the list had failed"),
        ),
        points=2,
        explanation="The ideal is the price of perfection for *this* user, so the ratio can be averaged over users with few "
        "and with many relevant films. The base of the logarithm does not matter: it stands above and below the line, "
        "and cancels.",
        expected=example("ndcg([True, False, True], 2)", lambda: _ndcg(_hits("x.x"), 2)),
    ),
    Exercise(
        id="2.5.3",
        title="Who is missing from the mean?",
        kind="figure it out",
        prompt="""
            The function above has no syntax error, no wrong formula, and a wrong result. For whom does it compute
            `dcg / ideal`? Look at what pandas does with a user who is in one of the two Series and not in the other, and at
            what `mean` does with that.

            Then write `mean_ndcg`, which averages over everybody who has something to find. The signature is the same.
        """,
        reference=lambda: _mean_ndcg,
        check=_check_mean_ndcg,
        hints=(
            "A user without a hit has no row in `found`, so no entry in `dcg`. What is `dcg / ideal` for them, and does "
            "`mean` count it? Try `pd.Series([1, np.nan]).mean()`.",
            "`ideal` has one entry for everybody with something to find. Bring `dcg` to the same users: "
            "`dcg.reindex(ideal.index).fillna(0)`. Filling *after* `reindex(users)` would count too many.",
        ),
        wrong=(
            WrongAnswer("the colleague's", lambda: _mean_of_hits, "skips it"),
            WrongAnswer("users with a list", lambda: _mean_of_lists, "Silence"),
            WrongAnswer("everybody counts", lambda: _mean_of_everybody, "nothing to find"),
            WrongAnswer("no cut at k", lambda: _mean_without_cut, "below rank k"),
            WrongAnswer("ideal with k hits", lambda: _mean_by_k, "for everybody"),
        ),
        points=3,
        explanation="The inner join keeps users with a hit. Division aligns by user and writes NaN for the others, and "
        "`mean` skips NaN. Three innocent defaults, and the benchmark asks: *how good are the lists that are good?* The "
        "repair is one line, but the habit is worth more: fix the list of users first, join from there (a LEFT JOIN), and "
        "print how many rows went into the mean.",
        expected=lambda: (
            "For one user with a perfect list, one with a list without a hit, one without a list (both have a\n"
            "film to find), and one with nothing to find: 1/3."
        ),
    ),
    Exercise(
        id="2.5.4",
        title="Two ways to be right",
        kind="figure it out",
        prompt="""
            Write down your guess first: which model has the higher share of *watched* places, and which the higher share of
            *liked* ones among the watched? Then write `two_factors`, which computes both for the lists of all users
            together, so that their product is the precision. Could you now explain the two columns of the board?
        """,
        reference=lambda: _two_factors,
        check=_check_factors,
        hints=(
            "Which places were watched? An inner join of the lists with the hidden ratings, on user *and* item, keeps "
            "exactly those.",
            "`watched = recommended.merge(test, on=['user', 'item'])`. The first factor is `len(watched) / "
            "len(recommended)`; the second is the mean of `watched['rating'] >= relevant`, which is NaN by itself when there is no row.",
        ),
        wrong=(
            WrongAnswer("liked over all places", lambda: _factors_unconditional, "precision itself"),
            WrongAnswer("watched by somebody", lambda: _factors_by_item, "*somebody*"),
            WrongAnswer("joined by the film alone", lambda: _factors_joined_by_item, "pass 1"),
            WrongAnswer("more than four stars", lambda: _factors_above, ">="),
            WrongAnswer("share of the test", lambda: _factors_of_test, "like a recall"),
            WrongAnswer("mean of the users' shares", lambda: _factors_per_user, "the users' own shares"),
            WrongAnswer("swapped", lambda: _factors_swapped, "wrong way round"),
            WrongAnswer("0 where nobody was asked", lambda: _factors_zero, "return NaN"),
            WrongAnswer("merged without on", lambda: _factors_without_on, "without `on=`"),
        ),
        points=2,
        explanation="Item k-NN has the highest second factor: what it recommends is liked, if it is watched. Popularity has the "
        "highest first factor. RMSE is computed where the first factor has already come true, so it can only reward the "
        "second. (Even *random* places are liked in about half of the cases, if they are watched: more than half of all "
        "ratings are four stars or more.)",
        expected=lambda: "Lists of 2 places for 2 users; one place was watched, with 5 stars: (0.25, 1.0).",
    ),
    Exercise(
        id="2.5.5",
        title="Place 101, and a hit?",
        kind="figure it out",
        prompt="""
            Write your guess down: 1 %, 10 %, 50 %, 90 %? Then compute it. Draw `m` different films from the `others`. The
            film is a hit if fewer than `k` of those drawn are among the `above`. What is the chance? SciPy knows this
            distribution, for whole arrays at once; the sections below ask for tens of thousands of films.
        """,
        reference=lambda: _chance,
        check=_check_chance,
        hints=(
            "It is an urn: `others` balls, `above` of them black, `m` drawn without putting any back. Which distribution "
            "counts the black ones? How many of them may come up at most?",
            "The hypergeometric distribution. `hypergeom.cdf(x, others, above, m)` from `scipy.stats` is the chance of at "
            "most `x` black ones. With k above it, the film would be at place k + 1.",
        ),
        wrong=(
            WrongAnswer("with replacement", lambda: _chance_with_replacement, "without replacement"),
            WrongAnswer("expected number", lambda: _chance_expected, "*expected*"),
            WrongAnswer("the full ranking", lambda: _chance_full, "full ranking"),
            WrongAnswer("k may be above", lambda: _chance_off_by_one, "one too many"),
            WrongAnswer("exactly k - 1", lambda: _chance_exactly, "*exactly*"),
            WrongAnswer("the chance of a miss", lambda: _chance_of_a_miss, "1 minus"),
            WrongAnswer("arguments confused", lambda: _chance_confused, "is NaN"),
            WrongAnswer("a simulation", lambda: _chance_simulated, "not exact"),
        ),
        points=3,
        explanation="On average 100 * 100 / 1,600 = 6.25 of the films above are drawn, and nine are allowed: a hit in nine of ten "
        "draws. The film is at place 101, where nobody will ever scroll, and the metric says *top ten*. With 20 sampled films "
        "it would be a hit practically always.",
        expected=lambda: "3 of 5 others above, m = 2 drawn, k = 1: [0.1]. Both films drawn must be the two below.",
    ),
    Exercise(
        id="2.5.6",
        title="The next film of a varied list",
        kind="build",
        prompt="""
            Write one step of MMR: given the films already chosen, which comes next? What was chosen may not come again, and
            the arrays that you are given must stay as they are.
        """,
        reference=lambda: _next_film,
        check=_check_next_film,
        hints=(
            "For each film you need its similarity to the *nearest* film of the list: the maximum over the columns "
            "`similarity[:, chosen]`. With an empty list there is no such column; use 0.",
            "`value = (1 - trade_off) * score - trade_off * similarity[:, chosen].max(axis=1)`, with 0 in the place of the "
            "maximum as long as `chosen` is empty; then `value[chosen] = -np.inf` and `np.argmax(value)`.",
        ),
        wrong=tuple(
            WrongAnswer(name, lambda how=how: _next_wrongly(how), says)  # type: ignore[misc]
            for how, name, says in (
                ("again", "chosen twice", "chosen again"),
                ("swapped", "weights swapped", "wrong way round"),
                ("mean", "mean similarity", "*mean* similarity"),
                ("sum", "sum of similarities", "added the similarities up"),
                ("last", "the last film only", "last film"),
                ("min", "the least similar", "least similar"),
                ("sign", "similarity rewarded", "rewarded"),
                ("score", "no similarity", "plays no part"),
                ("low", "chosen ones only put low", "A low value"),
            )
        ),
        points=2,
        explanation="The maximum makes the difference: a film that is the twin of *one* film in the list is redundant, however "
        "different the others are. Each step is greedy; the best list as a whole would need all combinations. The library "
        "keeps the running maximum, so a step costs one product instead of a whole matrix.",
        expected=example(
            "next_film([1, 0.9, 0.2], twins 0 and 1, chosen=[0], trade_off=0.75)",
            lambda: _next_film(
                np.array([1.0, 0.9, 0.2]), np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), [0], 0.75
            ),
        ),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_base() -> str:
    natural = _ndcg_with(lambda r: 1 / np.log(r + 1), _as_many_as_fit)
    changes = [natural(hits, n) - _ndcg(hits, n) for hits, n in _many_lists()]
    return "c" if np.allclose(changes, 0) else "a" if np.mean(changes) > 0 else "b"


def _key_best_precision() -> str:
    best = metrics.precision(_hits("xxx.......")[None, :], np.array([3]))[0]
    return {1.0: "a", 0.3: "b", 0.1: "c"}[round(float(best), 6)]


def _key_lost_users() -> str:
    """The mean over users with a hit against the mean over all who have something to find, on many tests."""
    rng = np.random.default_rng(0)
    higher = []
    for _ in range(200):
        hits = rng.random((20, 10)) < rng.random() * 0.3
        n = hits.sum(axis=1) + rng.integers(1, 10, 20)
        values = metrics.ndcg(hits, n)
        if hits.any():
            higher.append(values[hits.any(axis=1)].mean() >= values.mean())
    return "a" if all(higher) else "b" if not any(higher) else "c"


def _key_sampled() -> str:
    chance = float(_chance(np.array([100]), np.array([1600]), 20, 10)[0])
    return "c" if chance > 0.99 else "b" if chance > 0.3 else "a"


def _key_factors() -> str:
    first, second = 0.20 * 0.70, 0.10 * 0.90
    return "a" if first > second else "b"


QUIZ = [
    Question(
        text="You compute nDCG with the natural logarithm instead of the one with base 2. The values",
        choices={"a": "rise", "b": "fall", "c": "stay the same"},
        key=_key_base,
        why={
            "a": "The DCG rises, by the factor 1 / ln 2. So does the ideal, by the same factor.",
            "b": "ln x is smaller than log2 x, so each discount is milder; but the ideal gains as much as the list.",
            "c": "ln x = ln 2 * log2 x. The constant stands above and below the line, and cancels.",
        },
    ),
    Question(
        text="A user has three relevant films in the hidden part. What is the highest precision@10 a list can reach?",
        choices={"a": "1.0", "b": "0.3", "c": "0.1"},
        key=_key_best_precision,
        why={
            "a": "That would take ten hits, and there are three to be had. (For recall, 1.0 would be right.)",
            "b": "Three hits in ten places. The mean of precision@10 has a ceiling that depends on the data, not on the model.",
            "c": "That is a single hit; a list can have three.",
        },
    ),
    Question(
        text="A benchmark averages nDCG over the users with at least one hit. Compared with the mean over all users who have "
        "something to find, its number is",
        choices={"a": "never lower", "b": "never higher", "c": "sometimes higher, sometimes lower"},
        key=_key_lost_users,
        why={
            "a": "Those left out are exactly the zeros. Taking zeros out of a mean cannot lower it.",
            "b": "The other way round: the users left out have the value 0, and they pulled the mean down.",
            "c": "It could go both ways if the users left out were good and bad ones. They all have 0.",
        },
    ),
    Question(
        text="A model ranks a film at place 101 of 1,601. You draw 20 of the 1,600 others. Is the film in the top ten of the 21?",
        choices={"a": "hardly ever", "b": "about every second time", "c": "practically always"},
        key=_key_sampled,
        why={
            "a": "In the full ranking it never is. But of the 100 films above it, the draw catches one or two.",
            "b": "That is what a film in the *middle* of the ranking gets: ten of twenty above it.",
            "c": "On average 1.25 of the films above are drawn, and nine are allowed. Top ten of 21 is no achievement.",
        },
    ),
    Question(
        text="20 % of model A's places were watched, and of those 70 % liked. For model B it is 10 % and 90 %. Which is right?",
        choices={
            "a": "A has the higher precision; a rating error would only see where B is better",
            "b": "B has the higher precision, because more of its films are liked",
            "c": "Their precision cannot be compared without the number of users",
        },
        key=_key_factors,
        why={
            "a": "0.20 * 0.70 = 0.14 against 0.10 * 0.90 = 0.09. RMSE is computed on watched films, so it knows the second "
            "factor only.",
            "b": "More of those *that were watched*. Times the share watched, it is 0.09 against 0.14.",
            "c": "Precision is the product of the two shares, however many places there are.",
        },
    ),
]
