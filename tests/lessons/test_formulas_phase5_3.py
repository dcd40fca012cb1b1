r"""The formulas of lesson 5.3, as printed, against counts, the lesson's cells, and scikit-learn."""

from __future__ import annotations

import heapq
import itertools
import math

import numpy as np
from formula_checks import close, formula, functions_of
from sklearn.metrics import roc_auc_score

from recsys_lab.course.drills.counting import Tally


@formula("5.3", r"g = \frac{C(4 n)}{C(n)}")
def test_growth_is_a_quotient_of_two_counts(sides):
    _, growth = sides
    values = np.random.default_rng(0).random(1024).tolist()

    def counted(n):
        tally = Tally()
        sorted(tally.wrap(values[: int(n)]))
        return tally.comparisons

    close(growth(C=counted, n=256), counted(1024) / counted(256))
    close(growth(C=lambda n: 7.0 * n * n, n=10), 16)


@formula("5.3", r"E = \sum_{i = k + 1}^{n} \frac{k}{i}")
def test_expected_replacements_are_the_mean_over_all_orders(sides):
    _, expected = sides
    replacements = functions_of("5.3", "replacements", heapq=heapq)
    for n, k in ((6, 2), (6, 1), (5, 4)):
        counts = [replacements(order, k)[-1] for order in itertools.permutations(range(n))]
        close(expected(k=k, n=n), np.mean(counts))


@formula("5.3", r"\mathrm{AUC} = \frac{1}{P N} \sum_{i=1}^{P} \left( b_i + \frac{t_i}{2} \right)")
def test_auc_by_what_each_positive_beats(sides):
    _, formula_auc = sides
    auc = functions_of("5.3", "auc", math=math)
    rng = np.random.default_rng(1)
    scores, labels = rng.integers(0, 6, 40) / 4, rng.integers(0, 2, 40)
    pos, neg = scores[labels == 1], scores[labels == 0]
    b, t = [float((neg < p).sum()) for p in pos], [float((neg == p).sum()) for p in pos]
    value = formula_auc(P=len(pos), N=len(neg), b=b, t=t)
    close(value, auc(scores.tolist(), labels.tolist()))
    close(value, roc_auc_score(labels, scores))
