"""The question bank: what it holds, what its reader refuses, queries that run, figures that are computed a second time."""

from __future__ import annotations

import math
import re
from collections import Counter

import duckdb
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from recsys_lab.course import lessons
from recsys_lab.course.bank import computed, entries
from recsys_lab.errors import DataError

BANK = entries.load()

SOUND = """
[[question]]
id = "ml-one"
level = 1
question = "What is asked here, in at least a few words?"
answer = '''The first sentence of the answer explains what it is, and why one asks for it in an interview. The second says that
{share:.0%} of something is computed and not typed.'''
source = "Somebody (2001), A Book, section 2"
lessons = ["1.5"]
tags = ["one"]
values = { share = "1 / 4" }
"""


# ---------------------------------------------------------------------- what is there
def test_there_are_enough_questions_of_each_subject():
    counts = Counter(entry.subject for entry in BANK.values())
    assert sum(counts.values()) >= 160
    assert counts.keys() == entries.SUBJECTS.keys()
    assert min(counts.values()) >= 20
    assert {entry.level for entry in BANK.values()} == entries.LEVELS.keys()


def test_each_lesson_of_the_method_phases_has_questions():
    asked = {id for entry in BANK.values() for id in entry.lessons}
    wanted = {entry.id for entry in lessons.entries().values() if entry.phase in (1, 2, 3)}
    assert not wanted - asked
    assert {id[0] for id in asked} == set("12345")


def test_answers_explain_and_show_no_placeholder():
    for entry in BANK.values():
        assert not re.search(r"\{\w+(:|\})", entry.answer), entry.id
        assert len(entry.answer.split()) >= 35, f"{entry.id} is a glossary line"
        assert entry.answer.endswith((".", "?")), entry.id
        assert "  " not in entry.answer + entry.question


def test_sources_vary():
    """No subject rests on one work alone."""
    for subject in entries.SUBJECTS:
        works = {e.source.split(",")[0] for e in BANK.values() if e.subject == subject}
        assert len(works) >= 5, subject


# ---------------------------------------------------------------------- SQL is run
@pytest.mark.parametrize("id", [id for id, entry in BANK.items() if entry.sql])
def test_the_query_gives_the_rows(id):
    sql = BANK[id].sql
    with duckdb.connect() as base:
        base.execute(sql.setup)
        got = base.execute(sql.query).fetchall()
    got = [tuple("NULL" if v is None else float(v) if isinstance(v, float) else v for v in row) for row in got]
    assert len(got) == len(sql.rows)
    for mine, told in zip(got, sql.rows):
        assert mine == pytest.approx(told) if all(isinstance(v, (int, float)) for v in told) else mine == told


# ---------------------------------------------------------------------- figures, a second time
def _peeking(looks: int = 10) -> float:
    """With other luck: a day's clicks of both arms, tested anew after each day."""
    rng = np.random.default_rng(7)
    days = rng.normal(size=(8000, looks, 50)).mean(axis=2).cumsum(axis=1) / np.arange(1, looks + 1)
    z = days * np.sqrt(50 * np.arange(1, looks + 1))
    return float((np.abs(z) > stats.norm.ppf(0.975)).any(axis=1).mean())


def _bots() -> float:
    flagged = 10_000 * np.array([0.01 * 0.9, 0.99 * 0.05])
    return flagged[0] / flagged.sum()


def _out_of_bag() -> float:
    rng = np.random.default_rng(0)
    return 1 - len(np.unique(rng.integers(0, 400_000, 400_000))) / 400_000


def _correlated_mean() -> float:
    covariance = np.full((100, 100), 0.3) + 0.7 * np.eye(100)
    return np.full(100, 0.01) @ covariance @ np.full(100, 0.01)


def _paired() -> float:
    c = 0.25**2 * np.array([[1, 0.9], [0.9, 1]])
    return math.sqrt(np.array([1, -1]) @ c @ np.array([1, -1]))


def _moved() -> float:
    users = np.arange(110_000)
    return float((users % 10 != users % 11).mean())


def _sample_size() -> float:
    """The n at which a normal with the true difference crosses the critical value in 80 % of the cases."""
    p, q = 0.05, 0.052
    n = np.arange(180_000, 200_000)
    power = stats.norm.sf(stats.norm.ppf(0.975) - (q - p) / np.sqrt((p * (1 - p) + q * (1 - q)) / n))
    return float(n[np.argmax(power >= 0.8)])


def _ips() -> float:
    shown_b, clicked = np.repeat([0, 1], [800, 200]), np.r_[np.ones(80), np.zeros(720), np.ones(30), np.zeros(170)]
    return float((shown_b / np.where(shown_b, 0.2, 0.8) * clicked).mean())


def _waiting() -> float:
    return float(stats.geom(0.02).mean())


AGAIN = {
    ("ml-accuracy-paradox", "accuracy"): lambda: np.mean(np.arange(200) != 0),
    ("ml-auc-meaning", "auc"): lambda: roc_auc_score([1, 1, 1, 0, 0, 0], [0.9, 0.6, 0.4, 0.7, 0.3, 0.2]),
    ("ml-curse", "two"): lambda: math.sqrt(0.01),
    ("ml-curse", "ten"): lambda: math.exp(math.log(0.01) / 10),
    ("ml-bagging-variance", "now"): _correlated_mean,
    ("ml-out-of-bag", "share"): _out_of_bag,
    ("ml-entropy-split", "side"): lambda: stats.entropy([7, 1], base=2),
    ("ml-entropy-split", "gain"): lambda: stats.entropy([8, 8], base=2) - stats.entropy([7, 1], base=2),
    ("ml-random-search", "chance"): lambda: stats.binom.sf(0, 60, 0.05),
    ("ml-attention-cost", "factor"): lambda: np.zeros((2000, 2000)).size / np.zeros((200, 200)).size,
    ("ml-attention-cost", "short"): lambda: np.zeros((200, 200), np.float32).nbytes / 1e6,
    ("ml-attention-cost", "long"): lambda: np.zeros((2000, 2000), np.float32).nbytes / 1e6,
    ("statistics-base-rate", "posterior"): _bots,
    ("statistics-base-rate", "better"): lambda: 90 / (90 + 99),
    ("statistics-sd-se", "se"): lambda: stats.norm(scale=40).std() / 20,
    ("statistics-sd-se", "half"): lambda: np.ptp(stats.norm.interval(0.95, scale=2)) / 2,
    ("statistics-paired", "apart"): lambda: math.hypot(0.25, 0.25),
    ("statistics-paired", "paired"): _paired,
    ("statistics-paired", "factor"): lambda: math.hypot(0.25, 0.25) / _paired(),
    ("statistics-paired", "users"): lambda: (math.hypot(0.25, 0.25) / _paired()) ** 2,
    ("statistics-many-tests", "chance"): lambda: stats.binom.sf(0, 20, 0.05),
    ("statistics-many-tests", "looks"): lambda: _peeking(20),
    ("statistics-effect-size", "other"): lambda: (
        5 + 100 * stats.norm.isf(0.0001 / 2) * math.hypot(*[math.sqrt(0.05 * 0.95 / 1e7)] * 2)
    ),
    ("statistics-median-mean", "mean"): lambda: np.mean([20] * 9 + [2000]),
    ("statistics-beta", "posterior"): lambda: stats.beta(2 + 1, 98 + 3).mean(),
    ("statistics-rule-of-three", "upper"): lambda: stats.beta.ppf(0.95, 1, 300),
    ("statistics-rule-of-three", "rule"): lambda: 3 / 300,
    ("statistics-poisson", "none"): lambda: stats.poisson(3).pmf(0),
    ("statistics-birthday", "chance"): lambda: -np.expm1(np.log1p(-np.arange(100_000) / 2**32).sum()),
    ("statistics-best-of", "z"): lambda: np.random.default_rng(0).standard_normal((200_000, 20)).max(axis=1).mean(),
    ("statistics-best-of", "lift"): lambda: (
        0.01 * np.random.default_rng(1).standard_normal((200_000, 20)).max(axis=1).mean()
    ),
    ("statistics-sixty-heads", "rough"): lambda: 2 * stats.norm.sf(2),
    ("statistics-sixty-heads", "exact"): lambda: stats.binomtest(60, 100).pvalue,
    ("statistics-geometric", "mean"): _waiting,
    ("statistics-geometric", "none"): lambda: stats.geom(0.02).sf(100),
    ("statistics-inspection", "factor"): lambda: stats.expon.moment(2) / stats.expon.mean(),
    ("statistics-n-minus-one", "sample"): lambda: np.var([1, 3, 5], ddof=1),
    ("statistics-n-minus-one", "population"): lambda: np.var([1, 3, 5]),
    ("recommenders-one-film-twin", "cosine"): lambda: np.dot([1.0], [5.0]) / 5,
    ("recommenders-shrinkage", "few"): lambda: np.mean([0.8] * 4 + [0] * 10),
    ("recommenders-shrinkage", "many"): lambda: np.mean([0.5] * 40 + [0] * 10),
    ("recommenders-sparsity", "filled"): lambda: (100_000 / 943) / 1682,
    ("recommenders-sparsity", "empty"): lambda: (943 * 1682 - 100_000) / 943 / 1682,
    ("recommenders-damped-mean", "damped"): lambda: np.mean([5, 5] + [3.5] * 10),
    ("recommenders-logq", "gap"): lambda: math.log(100),
    ("recommenders-tfidf", "common"): lambda: -math.log(0.5),
    ("recommenders-tfidf", "rare"): lambda: -math.log(0.01),
    ("recommenders-precision-recall", "precision"): lambda: len({1, 2, 3} & set(range(10))) / 10,
    ("recommenders-precision-recall", "recall"): lambda: len({1, 2, 3, 98, 99} & set(range(10))) / 5,
    ("recommenders-ndcg", "dcg"): lambda: sum(1 / np.log2(np.array([2, 5]) + 1)),
    ("recommenders-ndcg", "ideal"): lambda: sum(1 / np.log2(np.array([1, 2]) + 1)),
    ("recommenders-ndcg", "ndcg"): lambda: ndcg_score([[0, 1, 0, 0, 1]], [[5, 4, 3, 2, 1]]),
    ("recommenders-map", "ap"): lambda: average_precision_score([1, 0, 1, 0, 0, 1], range(6, 0, -1)) * 3 / 4,
    ("recommenders-map", "wrong"): lambda: average_precision_score([1, 0, 1, 0, 0, 1], range(6, 0, -1)),
    ("recommenders-position-bias", "b"): lambda: 4 * 0.04,
    ("experimentation-srm", "z"): lambda: math.sqrt(stats.chisquare([50_000, 49_000]).statistic),
    ("experimentation-srm", "p"): lambda: stats.chisquare([50_000, 49_000]).pvalue,
    ("experimentation-sample-size", "rule"): lambda: 16 * np.var([1] * 5 + [0] * 95) / (0.052 - 0.05) ** 2,
    ("experimentation-sample-size", "exact"): _sample_size,
    ("experimentation-peeking", "chance"): _peeking,
    ("experimentation-cuped", "left"): lambda: np.linalg.det([[1, 0.8], [0.8, 1]]),
    ("experimentation-cuped", "users"): lambda: np.linalg.inv([[1, 0.8], [0.8, 1]])[0, 0],
    ("experimentation-ucb", "known"): lambda: 0.3 + np.sqrt(np.log(105) / 50),
    ("experimentation-ucb", "unknown"): lambda: 0.4 + np.sqrt(2 * np.log(105)) / np.sqrt(5),
    ("experimentation-ips", "ips"): _ips,
    ("experimentation-dilution", "diluted"): lambda: np.mean([5] + [0] * 9),
    ("experimentation-dilution", "users"): lambda: 1 / 0.1**2 * 0.1,
    ("serving-fan-out", "slow"): lambda: stats.binom.sf(0, 50, 0.01),
    ("serving-little", "busy"): lambda: 2000 / (1000 / 30),
    ("serving-little", "workers"): lambda: 2000 / (0.6 * 1000 / 30),
    ("serving-utilisation", "half"): lambda: 1000 / (100 - 50),
    ("serving-utilisation", "eighty"): lambda: 1000 / (100 - 80),
    ("serving-utilisation", "full"): lambda: 1000 / (100 - 95),
    ("serving-cache", "eighty"): lambda: np.mean([2] * 8 + [50] * 2),
    ("serving-cache", "ninety"): lambda: np.mean([2] * 9 + [50]),
    ("serving-retries", "calls"): lambda: sum(1 for _ in np.ndindex(4, 4, 4)),
    ("serving-embedding-memory", "full"): lambda: np.zeros(128, np.float32).nbytes * 0.05,
    ("serving-embedding-memory", "small"): lambda: np.zeros(16, np.uint8).nbytes * 0.05,
    ("serving-embedding-memory", "factor"): lambda: 25.6 / 0.8,
    ("serving-brute-force", "flops"): lambda: np.zeros((100_000, 64)).size / 1e6,
    ("serving-brute-force", "mb"): lambda: np.zeros((100_000, 64), np.float32).nbytes / 1e6,
    ("serving-brute-force", "ms"): lambda: np.zeros((100_000, 64), np.float32).nbytes / 1e7,
    ("serving-psi", "psi"): lambda: (
        stats.entropy([0.25] * 4, [0.4, 0.3, 0.2, 0.1]) + stats.entropy([0.4, 0.3, 0.2, 0.1], [0.25] * 4)
    ),
    ("serving-series", "series"): lambda: math.prod([0.999] * 3),
    ("serving-series", "hours"): lambda: (1 - math.prod([0.999] * 3)) * 8760,
    ("serving-log-volume", "rows"): lambda: 10 * 200 / 1000,
    ("serving-log-volume", "day"): lambda: 2e9 * 100 / 1e9,
    ("serving-log-volume", "year"): lambda: 365 * 0.2,
    ("serving-log-volume", "rate"): lambda: 2e9 / (24 * 60 * 60),
    ("serving-dynamic-batching", "single"): lambda: 1 / 0.004,
    ("serving-dynamic-batching", "batched"): lambda: 32 / 0.008,
    ("serving-consistent-hashing", "modulo"): _moved,
    ("serving-consistent-hashing", "ring"): lambda: 1 - 10 / 11,
    ("ml-bagging-variance", "limit"): lambda: round(computed.value("0.3 + 0.7 / 1e9"), 6),
}
LOOSE = {  # what luck computes, in one of the two ways
    ("ml-out-of-bag", "share"): 0.003,
    ("statistics-best-of", "z"): 0.005,
    ("statistics-best-of", "lift"): 0.0001,
    ("experimentation-peeking", "chance"): 0.015,
    ("statistics-many-tests", "looks"): 0.015,
    ("experimentation-sample-size", "exact"): 10,
    ("statistics-birthday", "chance"): 1e-4,
}


@pytest.mark.parametrize(("id", "name"), [(id, name) for id, entry in BANK.items() for name in entry.values])
def test_each_figure_is_found_in_a_second_way(id, name):
    assert BANK[id].values[name] == pytest.approx(AGAIN[id, name](), abs=LOOSE.get((id, name), 1e-9))


def test_no_second_way_is_left_over():
    assert AGAIN.keys() == {(id, name) for id, entry in BANK.items() for name in entry.values}


def test_what_an_answer_tells_of_movielens(ml100k):
    ratings = ml100k.ratings.groupby("item").size()
    assert (ratings <= 10).mean() == pytest.approx(1 / 3, abs=0.01)  # "a third have ten or fewer"
    assert "a third have ten or fewer" in BANK["recommenders-sparsity"].answer


# ---------------------------------------------------------------------- what is refused
def test_a_sound_entry_is_read():
    entry = entries.read({"ml": SOUND})["ml-one"]
    assert "25% of something" in entry.answer
    assert entry.values == {"share": 0.25}
    assert (entry.lessons, entry.sql) == (("1.5",), None)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "ml-one"', 'id = "one"', "an id here is ml- and a few words"),
        ('id = "ml-one"', "", "no id: add it"),
        ("level = 1", "level = 4", "level 4 is none of 1, 2, 3"),
        ("level = 1", "level = true", "level should be int, but is True"),
        ("level = 1", "levle = 1", "levle is unknown"),
        ("(2001)", "", "neither a work with its (year) nor a 'lesson N.M'"),
        ("Somebody (2001), A Book, section 2", "lesson 9.9", "there is no lesson '9.9'"),
        ('["1.5"]', '["1.9"]', "there is no lesson '1.9'"),
        ('["1.5"]', "[]", "no lessons: name at least one"),
        ('["one"]', '["Two Words"]', "tags are one or more words in lower case"),
        ('["one"]', "[]", "tags are one or more words in lower case"),
        ("{share:.0%}", "25 %", "{share} must stand both in values and in the answer"),
        ("{share:.0%} of", "{share:.0%}, or 0.37, of", "0.37 is neither computed nor in the question"),
        ("{share:.0%} of", "{share:.0%}, or 12 %, of", "12 is neither computed nor in the question"),
        ("{share:.0%}", "{share:.0%} {other}", "{other} must stand both in values and in the answer"),
        ("1 / 4", "1 / 0", "cannot be computed: ZeroDivisionError"),
        ("1 / 4", "open('x')", "cannot be computed: NameError"),
        ("1 / 4", "'four'", "is no finite number"),
        ("{share:.0%}", "{share:.0q}", "{share}:"),
        ("What is asked here, in at least a few words?", "Why?", "the question has 4 characters; 25 to 600"),
        ("The second says that\n{share:.0%} of something is computed and not typed.", "", "the answer has 1 sentences"),
        ("values =", "sql = { query = 'SELECT 1' }\nvalues =", "[question.sql] holds setup, query and rows"),
        ("values =", "sql = { setup = '', query = 'SELECT 1', rows = [] }\nvalues =", "the query has no ORDER BY"),
        ("[[question]]", "[[questions]]", "cannot be read as TOML"),
        ("[[question]]", "[[question", "cannot be read as TOML"),
    ],
)
def test_a_broken_entry_is_refused_with_its_file_and_reason(old, new, told):
    assert old in SOUND
    with pytest.raises(DataError) as refused:
        entries.read({"ml": SOUND.replace(old, new)})
    assert told in str(refused.value)
    assert "ml.toml" in str(refused.value)


def test_all_problems_are_told_at_once():
    with pytest.raises(DataError) as refused:
        entries.read({"ml": SOUND.replace("level = 1", "level = 7"), "sql": SOUND.replace("ml-one", "sql-one")})
    told = str(refused.value).splitlines()
    assert any("ml.toml, ml-one: level 7" in line for line in told)
    assert any("sql.toml, sql-one: a question of SQL needs" in line for line in told)


@pytest.mark.parametrize(
    "change", [lambda s: s, lambda s: s.replace("ml-one", "ml-two").replace("asked here", "Asked: here")]
)
def test_nothing_is_there_twice(change):
    with pytest.raises(DataError, match="the same as ml-one once more"):
        entries.read({"ml": SOUND + change(SOUND)})
