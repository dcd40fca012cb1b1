"""EASE: a linear model of "who chose these also chose that", solved in closed form.

    B minimises  sum over users u of w_u |x_u - x_u B|^2  +  reg |B|^2     with every B_ii = 0
    score_ui  =  sum over items j that u chose of B_ji t_i

x_u is row u of X: x_uj = 1 where u chose j, else 0. Each column of B is a ridge regression of one item on all others, and
one inverse answers them all (a Lagrange multiplier for each B_ii = 0 leads to it):

    G = X^T W X     P = (G + reg I)^-1     B_ji = -P_ji / P_ii     (W: the w_u on a diagonal)

The weights keep in check who is loud by number: w_u = tone(n_u)^2 and t_i = tone(n_i), where n counts the choices of a user
or of an item and tone(n) = (mean n / n) ** damping. With damping = 0 all are 1, and the model is the paper's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse
from scipy.linalg import lapack, solve_triangular

from recsys_lab import checks
from recsys_lab.itemweights import ItemWeights
from recsys_lab.ranking import top_k
from recsys_lab.ratings import Ratings

# Tables that pass through a fit block by block stay below this many numbers (32 MB).
_BLOCK = 2**23


class EASE(ItemWeights):
    """Rank items by what each item of the user's history says of them; the model stands at the top of this file.

    It ranks and predicts no stars: `predict` gives the damped biases.

    Parameters
    ----------
    reg : in choices, above 0 (at least a millionth of the ratings); 100 to 1,000 is usual: how many people must have
        chosen two items together before the model believes it. Too little is a trap: with 1 the lists are poor.
    damping : 0 to 1, usually 0 to 0.3: how far users with many choices count less in the fit, and popular items in the
        score.
    neighbours : None gives each item a weight for every other. A number gives it weights for that many others only, those
        of the highest cosine: the same regression on fewer columns. For catalogues where n_items^2 does not fit; 200
        rank about as well as all.
    threshold : the rating from which an item counts as chosen; None: every rating does.

    reg = 300 and damping = 0.2 were chosen on one split of ml-100k and on ml-small-2016.

    Attributes
    ----------
    weights_ : B_ji t_i, float32: ndarray (n_items, n_items), or CSR with `neighbours` numbers in each column.
    chosen_ : X, CSR float32 (n_users, n_items).

    With n items, m users and k neighbours: time O(n^2 min(n, m)), or O(n k^3 + n^2), n times the pairs of choices among k
    items, and sum over users of n_u^2. Memory 4 n^2 bytes (a little more with few users), or O(n k). A score costs one
    addition for each item of the history. Cold start: a new user's scores are x B, exactly as for a known one; an item
    that nobody chose scores 0; a user who chose nothing has no scores. Raises DataError for a parameter out of range,
    and for a table beyond the memory limit.

    Sources: Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW). Neighbours: Ning and Karypis 2011
    (fsSLIM, ICDM); Steck 2019, "Markov Random Fields for Collaborative Filtering" (NeurIPS).

    >>> from recsys_lab import datasets
    >>> model = EASE(reg=2, threshold=4).fit(datasets.toy().ratings)
    >>> model.weights_.shape, bool(model.weights_.diagonal().any())
    ((8, 8), False)
    """

    def __init__(
        self,
        *,
        reg: float = 300.0,
        damping: float = 0.2,
        neighbours: int | None = None,
        threshold: float | None = None,
    ):
        self.reg = reg
        self.damping = damping
        self.neighbours = neighbours
        self.threshold = threshold

    def _fit(self, train: Ratings) -> None:
        n, k = train.n_items, self.neighbours
        # With less, float32 does not see reg beside the entries of G.
        checks.number("reg", self.reg, 1e-6 * train.n_ratings, "it holds chance back when items meet by it")
        checks.number("damping", self.damping, 0, "at 0 every choice counts alike", 1)
        if k is not None:
            checks.whole("neighbours", k, 1, "it counts the other items that an item's score is made of")
        if k is None or k >= n - 1:
            numbers = n**2 + (2.0 * n * train.n_users if _few(train.matrix.shape) else 0.0)
            checks.fits_memory(f"EASE: the {n:,} x {n:,} weights", 4 * numbers, "Pass neighbours=200.")
        else:
            checks.fits_memory(
                f"EASE: neighbours={k:,} for each of {n:,} items", 24.0 * n * k, "Pass fewer neighbours."
            )

        self.chosen_ = train.positives(self.threshold).astype(np.float32)
        t = _tone(self.chosen_.sum(axis=0), self.damping)
        x = self.chosen_.multiply(_tone(self.chosen_.sum(axis=1), self.damping)[:, None]).tocsr()  # W^(1/2) X
        if k is None or k >= n - 1:
            p = _inverse(x, self.reg)
            p *= -t / p.diagonal()  # from here on it is B_ji t_i: a table of this size is not made twice
            np.fill_diagonal(p, 0.0)
            self.weights_ = p
        else:
            self.weights_ = _regressions(x, self.reg, k).multiply(t).tocsr()


def _tone(n: np.ndarray, damping: float) -> np.ndarray:
    """(mean n / n) ** damping: 1 for whoever has as many choices as the mean, less for those with more."""
    return ((n[n > 0].mean() / np.maximum(n, 1)) ** damping).astype(np.float32)


def _few(shape: tuple[int, int]) -> bool:
    """So few users that their table of (n_users, n_users) is the cheaper one to factor."""
    return 2 * shape[0] < shape[1]


def _inverse(x: sparse.csr_array, reg: float) -> np.ndarray:
    """P = (x^T x + reg I)^-1, (n_items, n_items), in float32: reg keeps the problem tame, and the lists are the same.

    x^T x is made of n_users rows. When they are few, their own products hold all there is to know (Woodbury):

        P = (I - x^T (x x^T + reg I)^-1 x) / reg = (I - y^T y) / reg     y = L^-1 x     L L^T = x x^T + reg I
    """
    n = x.shape[1]
    if _few(x.shape):
        y = solve_triangular(_cholesky((x @ x.T).toarray(), reg), x.toarray(), lower=True, check_finite=False)
        p = y.T @ y
        p *= -1 / reg
        p[np.diag_indices(n)] += np.float32(1 / reg)
        return p
    g = np.empty((n, n), dtype=np.float32)
    for rows, g_rows in _gram(x, _BLOCK // n):
        g[rows] = g_rows
    p = lapack.spotri(_cholesky(g, reg), lower=1, overwrite_c=1)[0].T
    for i in range(0, n, 512):  # LAPACK fills one triangle
        square = np.triu(p[i : i + 512, i : i + 512])
        p[i : i + 512, i : i + 512] = square + np.triu(square, 1).T
        p[i + 512 :, i : i + 512] = p[i : i + 512, i + 512 :].T
    return p


def _cholesky(g: np.ndarray, reg: float) -> np.ndarray:
    """L with L L^T = g + reg I, in the memory of g, whose other triangle stays as it was."""
    g[np.diag_indices(len(g))] += np.float32(reg)
    return lapack.spotrf(g.T, lower=1, clean=0, overwrite_a=1)[0]


def _gram(x: sparse.csr_array, size: int) -> Iterator[tuple[slice, np.ndarray]]:
    """(rows, G[rows]) of G = x^T x, `size` rows at a time."""
    by_item, n = x.T.tocsr(), x.shape[1]
    for start in range(0, n, max(1, size)):
        rows = slice(start, min(start + max(1, size), n))
        yield rows, (by_item[rows] @ x).toarray()


def _regressions(x: sparse.csr_array, reg: float, k: int) -> sparse.csc_array:
    """B, of which column i is a regression on the k items S whose cosine with i is highest: B_Si = (G_SS + reg I)^-1 G_Si."""
    from recsys_lab.grams import grams_of  # here, since Numba takes a quarter of a second that only this form needs

    n = x.shape[1]
    by_item = x.T.tocsr()
    length = np.sqrt(np.maximum(by_item.power(2).sum(axis=1), 1e-12))
    nearest, weights = np.empty((n, k), dtype=np.int32), np.empty((n, k), dtype=np.float32)
    for rows, g in _gram(x, _BLOCK // max(n, k * k)):
        cosine = g / length
        cosine[np.arange(len(g)), np.arange(rows.start, rows.stop)] = np.nan  # no item explains itself
        s = np.sort(top_k(cosine, k), axis=1).astype(np.int32)
        g_ss = grams_of(s, x.shape[0], by_item.indptr, by_item.indices, by_item.data)
        g_ss[:, np.arange(k), np.arange(k)] += np.float32(reg)
        nearest[rows], g_si = s, np.take_along_axis(g, s, axis=1)[:, :, None]
        weights[rows] = np.linalg.solve(g_ss, g_si)[:, :, 0]
    return sparse.csc_array((weights.ravel(), nearest.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
