r"""The formulas of lesson 4.3, as printed, against the code beside them."""

from __future__ import annotations

import numpy as np
from formula_checks import close, formula, functions_of


def _ratings(seed: int = 0) -> tuple[list[tuple[int, int, float]], np.ndarray]:
    rng = np.random.default_rng(seed)
    pairs = rng.choice(5 * 7, 24, replace=False)
    return [(int(x) // 7 + 1, int(x) % 7, float(t)) for x, t in zip(pairs, rng.normal(size=24))], rng.normal(
        size=(7, 3)
    )


@formula(
    "4.3",
    r"A_u = \sum_{i \in I_u} q_i q_i^\top \qquad b_u = \sum_{i \in I_u} t_{ui}\, q_i \qquad "
    r"p_u = (A_u + \lambda n_u I)^{-1} b_u",
)
def test_a_users_half_step(sides):
    _, gram, _, right, _, solution = sides
    rows, q = _ratings()
    map_part, half_step = functions_of("4.3", "map_part", "half_step")
    sums, answers = map_part(rows, q), half_step([rows[::2], rows[1::2]], q, 0.3)
    for u in sums:
        mine = {item: t for user, item, t in rows if user == u}
        known = {"q": dict(enumerate(q)), "t": {(u, i): t for i, t in mine.items()}, "I_u": list(mine), "u": u}
        A, b, n = sums[u]
        close(A, gram(**known))
        close(b, right(**known))
        solved = solution(A_u=gram(**known), b_u=right(**known), lambda_=0.3, n_u=len(mine), I=np.eye(3))
        close(answers[u], solved)
        assert n == len(mine)


@formula("4.3", r"V = \sum_i B \left(1 - \left(1 - \frac{1}{B}\right)^{n_i}\right)")
def test_the_vectors_to_expect(sides):
    _, vectors = sides
    expected_vectors = functions_of("4.3", "expected_vectors")
    n_i = np.array([1, 2, 40, 300])
    for B in (1, 5, 64):
        close(expected_vectors(n_i, B), vectors(B=B, n=n_i, all_i=[1, 2, 3, 4]))
    rng = np.random.default_rng(0)
    drawn = [sum(len(set(rng.integers(8, size=n))) for n in n_i) for _ in range(2000)]
    close(np.mean(drawn), vectors(B=8, n=n_i, all_i=[1, 2, 3, 4]), atol=0.1)
