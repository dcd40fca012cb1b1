"""What else did those who chose this choose? Two models that answer with one sparse table of items against items.

Let x_u be user u's row, with an entry for each item j that u chose, and W_ji what choosing j says in favour of item i:

    score_ui = sum over j of x_uj W_ji

ItemItem takes W_ji from similarity, RP3beta from a random walk. Both keep, for each item i, the k largest W_ji only: the
neighbours of i. A table cut so fits in memory where a full one would not, and ranks better, since weak ties to many
items add up to popularity. The cut is by candidate i. Keeping the k largest of each *chosen* item j instead, as some
libraries do, favours popular candidates, which are near to everything: nDCG@10 on ml-100k falls from .29 to .27.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import sparse

from recsys_lab import checks
from recsys_lab.base import Reason, Recommender
from recsys_lab.nearest import bar_and_ties
from recsys_lab.ratings import Ratings

WEIGHTINGS = ("tfidf", "bm25", "cosine")


class _ItemTable(Recommender):
    """What ItemItem and RP3beta share: x_u W, the cut, new users, and reasons. `_halves` says what W is."""

    k: int
    threshold: float | None
    profiles_: sparse.csr_array
    weights_: sparse.csr_array

    def _check(self) -> None:
        """Refuse parameters out of range."""

    def _halves(self, chosen: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
        """A (n_items, n_users) and B (n_users, n_items) whose product is W transposed: row i holds what speaks for i."""
        raise NotImplementedError

    def _profiles(self, chosen: sparse.csr_array) -> sparse.csr_array:
        """x: from who chose what, ones in CSR (n, n_items)."""
        return chosen

    def _fit(self, train: Ratings) -> None:
        checks.whole("k", self.k, 1, "it counts the neighbours kept for each item")
        self._check()
        chosen = train.positives(self.threshold)
        self.weights_ = _k_largest(*self._halves(chosen), min(self.k, train.n_items)).T.tocsr()
        self.profiles_ = self._profiles(chosen)

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return (self.profiles_[rows] @ self.weights_).toarray()

    def _predict(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return np.full(len(rows), np.nan)

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        liked = columns if self.threshold is None else columns[values >= self.threshold]
        chosen = sparse.csr_array((np.ones(len(liked)), liked, [0, len(liked)]), shape=(1, self.train_.n_items))
        return (self._profiles(chosen) @ self.weights_).toarray()[0]

    def _explain(self, row: int, column: int) -> list[Reason]:
        ratings = self.train_.matrix[[row]].toarray()[0]
        parts = self.profiles_[[row]].multiply(self.weights_[:, [column]].T).tocsr()
        reasons = zip(parts.indices, parts.data)
        return [Reason("item", self.train_.items.ids[j], float(ratings[j]), float(w)) for j, w in reasons]


class ItemItem(_ItemTable):
    """Rank an item by its similarity to what the user chose.

        score_ui = sum over j in I_u and in N_i of s_ij        s_ij = w_i . w_j

    I_u are the items that u chose, N_i the k items most similar to i, w_i the row of item i over the users. An item is
    read as a document whose words are the users who chose it; U_i are those users, n the number of items:

    | weighting | w_iu for u in U_i (else 0)                                  |                                   |
    |-----------|-------------------------------------------------------------|-----------------------------------|
    | "cosine"  | 1 / length                                                  | every user counts alike           |
    | "tfidf"   | idf_u / length                                              | who chose little says more        |
    | "bm25"    | idf_u (k1 + 1) / (1 + k1 (1 - b + b abs(U_i) / mean abs(U)))| and long rows are damped, not cut |

    idf_u = ln(n / (1 + abs(I_u))); length makes w_i a unit vector, so that s_ij is a cosine. Okapi BM25 has no such
    length: b says how far the number of users of an item is divided out (0 not at all, 1 in full).

    It ranks and predicts no stars: `predict` gives the damped biases. With the same weighting, s_ij and N_i are
    those of the library implicit (0.7.3; there N_i contains i itself).

    Parameters
    ----------
    k : neighbours kept for each item, from 1; 50 to 200 is usual.
    weighting : "tfidf", "bm25" or "cosine".
    k1, b : for "bm25" only: saturation, >= 0, usually 1 to 2, and length normalisation, 0 to 1. Since an item is chosen
        or not, k1 acts through the length alone.
    threshold : the rating from which an item counts as chosen; None: every rating does.

    Attributes
    ----------
    weights_ : CSR (n_items, n_items), W_ji = s_ij where j is in N_i; zero diagonal.
    profiles_ : CSR (n_users, n_items), ones: who chose what.

    Time: fit O(sum over users of abs(I_u)^2 + n_items^2), a user's list O(abs(I_u) x the mean row of W). Memory
    O(n_items x k). An item that shares no user with the history scores 0. Cold start: a new user's history is a row
    x_u like any other; an item that nobody chose scores 0. Raises DataError for a parameter out of range, and for a
    table beyond the memory limit.

    Sources: Deshpande and Karypis 2004, ACM TOIS 22(1); Robertson and Zaragoza 2009 (BM25).

    >>> from recsys_lab import datasets
    >>> model = ItemItem(k=3).fit(datasets.toy().ratings)
    >>> model.weights_.shape, int(model.weights_.count_nonzero(axis=0).max())
    ((8, 8), 3)
    """

    def __init__(
        self, k: int = 100, *, weighting: str = "tfidf", k1: float = 1.2, b: float = 0.5, threshold: float | None = None
    ):
        self.k = k
        self.weighting = weighting
        self.k1 = k1
        self.b = b
        self.threshold = threshold

    def _check(self) -> None:
        checks.choice("weighting", self.weighting, WEIGHTINGS)
        checks.number("k1", self.k1, 0, "how late a document's length stops to count")
        checks.number("b", self.b, 0, "the share of a document's length that is divided out", 1)

    def _halves(self, chosen: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
        w = chosen.T.tocsr()
        n = w.shape[0]
        size = np.diff(w.indptr)  # |U_i|
        item = np.repeat(np.arange(n), size)
        idf = np.log(n / (1 + np.diff(chosen.indptr)))
        w.data = np.ones(w.nnz) if self.weighting == "cosine" else idf[w.indices]
        if self.weighting == "bm25":
            w.data *= ((self.k1 + 1) / (1 + self.k1 * (1 - self.b + self.b * size / size.mean())))[item]
        else:
            length = np.sqrt(np.bincount(item, w.data**2, minlength=n))
            w.data /= np.maximum(length, 1e-12)[item]  # 0 where each user of the item has idf 0
        return w, w.T.tocsr()


class RP3beta(_ItemTable):
    """Rank an item by how likely a random walk of three steps from the user ends there, popular items held back.

        score_ui = sum over j in N_i of x_uj W_ji      x_uj = P_uj^alpha
        W_ji = sum over v of P_jv^alpha P_vi^alpha / abs(U_i)^beta

    The walk goes from user u to one of their items j, to one of j's users v, to one of v's items i, each step to any
    neighbour alike: P_uj = 1 / abs(I_u) for the items I_u that u chose, P_jv = 1 / abs(U_j) for the users U_j who
    chose j. With alpha = 1, beta = 0 and all neighbours kept, score_ui is the probability of ending at i != j. Such walks
    end at popular items; dividing by abs(U_i)^beta holds these back. N_i are the k items j with the largest W_ji. The
    user's row is divided by abs(I_u)^alpha, which changes the scores and never the order of a user's list.

    It ranks and predicts no stars: `predict` gives the damped biases.

    Parameters
    ----------
    k : neighbours kept for each item, from 1; 50 to 200 is usual.
    alpha : exponent of each step, 0 to 10, usually 0.5 to 1.5; above 1, rare connections count less.
    beta : exponent of the popularity, 0 to 10, usually 0.3 to 0.8; higher: more from the long tail.
    threshold : the rating from which an item counts as chosen; None: every rating does.

    Attributes
    ----------
    weights_ : CSR (n_items, n_items), W; zero diagonal.
    profiles_ : CSR (n_users, n_items), x.

    Complexity, cold start and errors as in `ItemItem`: a new user is a row x_u like any other.

    Sources: Paudel, Christoffel, Newell and Bernstein 2017, ACM TiiS 7(1) (beta); Cooper, Lee, Radinsky and Siantov 2014
    (alpha).

    >>> from recsys_lab import datasets
    >>> model = RP3beta(k=8, alpha=1.0, beta=0.0).fit(datasets.toy().ratings)
    >>> bool((model._score(np.arange(6)).sum(axis=1) < 1).all())
    True
    """

    def __init__(self, k: int = 100, *, alpha: float = 0.6, beta: float = 0.4, threshold: float | None = None):
        self.k = k
        self.alpha = alpha
        self.beta = beta
        self.threshold = threshold

    def _check(self) -> None:
        checks.number("alpha", self.alpha, 0, "the exponent of each step's probability", 10)
        checks.number("beta", self.beta, 0, "the exponent of the popularity that is divided out", 10)

    def _profiles(self, chosen: sparse.csr_array) -> sparse.csr_array:
        size = np.diff(chosen.indptr)
        return sparse.csr_array(
            (np.repeat(np.maximum(size, 1.0) ** -self.alpha, size), chosen.indices, chosen.indptr), shape=chosen.shape
        )

    def _halves(self, chosen: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
        from_user, from_item = self._profiles(chosen), self._profiles(chosen.T.tocsr())  # P_vi^alpha and P_jv^alpha
        to_item = from_user.T.tocsr()
        size = np.diff(to_item.indptr)
        to_item.data /= np.repeat(np.maximum(size, 1.0) ** self.beta, size)
        return to_item, from_item.T.tocsr()


def _k_largest(a: sparse.csr_array, b: sparse.csr_array, k: int) -> sparse.csr_array:
    """A B, CSR, of which each row keeps its k largest positive entries off the diagonal."""
    n = a.shape[0]
    checks.fits_memory(f"k={k:,}: the neighbours of {n:,} items", 24.0 * n * k, "Keep fewer neighbours.")
    wide = (array.astype(np.int64) for array in (a.indptr, a.indices, b.indptr, b.indices))  # one signature to compile
    a_indptr, a_indices, b_indptr, b_indices = wide
    kept, columns, values = _gather(a_indptr, a_indices, a.data, b_indptr, b_indices, b.data, k)
    indptr = np.concatenate(([0], np.cumsum(kept)))
    return sparse.csr_array((values[: indptr[-1]], columns[: indptr[-1]], indptr), shape=(n, n))


@njit(cache=True)
def _gather(a_indptr, a_indices, a_data, b_indptr, b_indices, b_data, k):  # type: ignore[no-untyped-def]
    """One row of A B at a time (Gustavson 1978), so that no table of items against items ever stands in memory."""
    n = len(a_indptr) - 1
    total, positive = np.empty(n), np.empty(n)
    kept, columns, values, end = np.zeros(n, np.int64), np.empty(n * k, np.int32), np.empty(n * k), 0
    for i in range(n):
        total[:] = 0.0
        for p in range(a_indptr[i], a_indptr[i + 1]):
            for q in range(b_indptr[a_indices[p]], b_indptr[a_indices[p] + 1]):
                total[np.uint64(b_indices[q])] += a_data[p] * b_data[q]  # unsigned: no check for a negative index
        total[i] = 0.0
        n_positive = 0
        for j in range(n):
            if total[j] > 0.0:
                positive[n_positive] = total[j]
                n_positive += 1
        bar, ties = bar_and_ties(positive, n_positive, k) if n_positive > k else (0.0, 0)
        begin = end
        for j in range(n):
            level = total[j] == bar and ties > 0  # ties in the order of their columns
            if total[j] > bar or level:
                ties -= level
                columns[end], values[end] = j, total[j]
                end += 1
        kept[i] = end - begin
    return kept, columns, values
