"""What else did those who chose this choose? Two models that answer with one sparse table of items against items.

Let x_u be user u's row, with an entry for each item j that u chose, and W_ji what choosing j says in favour of item i:

    score_ui = sum over j of x_uj W_ji

ItemItem takes W_ji from similarity, RP3beta from a random walk. Both keep, for each item i, the k largest W_ji only: the
neighbours of i. A table cut so fits in memory where a full one would not, and ranks better, since weak ties to many
items add up to popularity. The cut is by candidate i. Keeping the k largest of each *chosen* item j instead, as some
libraries do, favours popular candidates, which are near to everything: with TF-IDF, nDCG@10 on ml-100k falls from
.29 to .27, as without any cut.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numba import njit
from scipy import sparse

from recsys_lab import checks
from recsys_lab.itemweights import ItemWeights
from recsys_lab.nearest import bar_and_ties
from recsys_lab.ratings import Ratings

WEIGHTINGS = ("tfidf", "bm25", "cosine")


class _ItemTable(ItemWeights):
    """What ItemItem and RP3beta share beyond ItemWeights: the cut. `_halves` says what W is."""

    k: int

    def _check(self) -> None:
        """Refuse parameters out of range."""

    @abstractmethod
    def _halves(self, chosen: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
        """A (n_items, n_users) and B (n_users, n_items) whose product is W transposed: row i holds what speaks for i."""

    def _fit(self, train: Ratings) -> None:
        checks.whole("k", self.k, 1, "it counts the neighbours kept for each item")
        self._check()
        chosen = train.positives(self.threshold)
        self.weights_ = _k_largest(*self._halves(chosen), min(self.k, train.n_items)).T.tocsr()
        self.chosen_ = self._profiles(chosen)


class ItemItem(_ItemTable):
    """Rank an item by its similarity to what the user chose.

        score_ui = sum over j in N_i that u chose of s_ij        s_ij = w_i . w_j

    N_i are the k items most similar to item i, and w_i is a row of numbers over the users. An item is read as a document
    whose words are the users who chose it. With n_i the users who chose item i, n_u the items that user u chose, and
    idf_u = ln(n_items / (1 + n_u)), the number of user u in w_i is, where u chose i (elsewhere 0):

    | weighting | w_iu                                                | in words                                      |
    |-----------|-----------------------------------------------------|-----------------------------------------------|
    | "cosine"  | 1 / L                                               | every user counts alike                       |
    | "tfidf"   | idf_u / L                                           | a user who chose little says more             |
    | "bm25"    | idf_u (k1 + 1) / (1 + k1 (1 - b + b n_i / mean n_i)) | b = 0: popular items stay ahead; b = 1: behind |

    L makes w_i a unit vector, so that s_ij is a cosine.

    It ranks and predicts no stars: `predict` gives the damped biases. The w_i are those of the library implicit 0.7.3,
    whose recommendations differ: it cuts its table by j (see the top of this file).

    Parameters
    ----------
    k : neighbours kept for each item, from 1; 50 to 200 is usual.
    weighting : "tfidf", "bm25" or "cosine".
    k1, b : for "bm25" only: saturation, >= 0, usually 1 to 2, and length normalisation, 0 to 1. Since an item is chosen
        or not, k1 acts through n_i alone. BM25 was made for text, where b = 0.75 is usual; films rank better with less.
    threshold : the rating from which an item counts as chosen; None: every rating does.

    Attributes
    ----------
    weights_ : CSR (n_items, n_items), W_ji = s_ij where j is in N_i; zero diagonal.
    chosen_ : CSR (n_users, n_items), x: ones where u chose i.

    Time: fit O(sum over users of n_u^2 + n_items^2), a user's list O(n_u x entries in a row of W). Memory
    O(n_items x k); no table of all items against all is ever made. Cold start: a new user's choices are a row x_u like
    any other; an item that shares no user with them scores 0, and so does one that nobody chose; a user who chose nothing has
    no scores. Raises DataError for a
    parameter out of range, and for a table beyond the memory limit.

    Sources: Deshpande and Karypis 2004, ACM TOIS 22(1); Robertson and Zaragoza 2009 (BM25).

    >>> from recsys_lab import datasets
    >>> model = ItemItem(k=3).fit(datasets.toy().ratings)
    >>> model.weights_.shape, int(model.weights_.count_nonzero(axis=0).max())
    ((8, 8), 3)
    """

    def __init__(
        self,
        k: int = 200,
        *,
        weighting: str = "tfidf",
        k1: float = 1.2,
        b: float = 0.25,
        threshold: float | None = None,
    ):
        self.k = k
        self.weighting = weighting
        self.k1 = k1
        self.b = b
        self.threshold = threshold

    def _check(self) -> None:
        checks.choice("weighting", self.weighting, WEIGHTINGS)
        checks.number("k1", self.k1, 0, "how strongly n_i is felt")
        checks.number("b", self.b, 0, "the share of n_i that is divided out", 1)

    def _halves(self, chosen: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
        w, idf = chosen.T.tocsr(), np.log(chosen.shape[1] / (1 + np.diff(chosen.indptr)))
        n_i = np.diff(w.indptr)
        item = np.repeat(np.arange(len(n_i)), n_i)
        if self.weighting != "cosine":
            w.data = idf[w.indices]
        if self.weighting == "bm25":
            w.data *= ((self.k1 + 1) / (1 + self.k1 * (1 - self.b + self.b * n_i / n_i.mean())))[item]
        else:
            length = np.sqrt(np.bincount(item, w.data**2, minlength=len(n_i)))
            w.data /= np.maximum(length, 1e-12)[item]  # a length of 0: whoever chose the item has idf 0
        return w, w.T.tocsr()


class RP3beta(_ItemTable):
    """Rank an item by how likely a random walk of three steps from the user ends there, popular items held back.

        score_ui = sum over j in N_i of x_uj W_ji                  x_uj = P_uj^alpha
        W_ji = sum over users v of P_jv^alpha P_vi^alpha / n_i^beta

    The walk goes from user u to one of their items j, on to one of j's users v, and on to one of v's items i, any of them
    alike: with n_u the items that user u chose and n_j the users who chose item j, P_uj = 1 / n_u and P_jv = 1 / n_j
    where there is a choice, else 0. With alpha = 1, beta = 0 and all neighbours kept, score_ui is the probability to end at
    i, coming from another item. Such walks end at popular items; the division by n_i^beta holds these back. N_i are the k
    items j with the largest W_ji. Dividing a user's row by n_u^alpha changes the scores, never the order of a list.

    It ranks and predicts no stars: `predict` gives the damped biases.

    Parameters
    ----------
    k : neighbours kept for each item, from 1; 50 to 200 is usual.
    alpha : exponent of each step's probability, 0 to 10, usually 0.4 to 1.5; the higher, the less busy users and popular
        items j have to say.
    beta : exponent of the popularity n_i, 0 to 10, usually 0.3 to 0.8; the higher, the more from the long tail. Both at
        their upper ends fill lists with what hardly anybody knows.
    threshold : the rating from which an item counts as chosen; None: every rating does.

    Attributes
    ----------
    weights_ : CSR (n_items, n_items), W_ji where j is in N_i; zero diagonal.
    chosen_ : CSR (n_users, n_items), x.

    Time and memory, cold start and errors as in `ItemItem`.

    Sources: Paudel, Christoffel, Newell and Bernstein 2017, ACM TiiS 7(1) (beta); Cooper, Lee, Radinsky and Siantov 2014,
    WWW companion (alpha). The cut to k is not in them; here it is by candidate i (see the top of this file).

    >>> from recsys_lab import datasets
    >>> model = RP3beta(k=8, alpha=1.0, beta=0.0).fit(datasets.toy().ratings)
    >>> chances = model.recommend("ann", n=8, exclude_seen=False)["score"]
    >>> bool(chances.sum() < 1)  # the rest: walks that come back to the item they came from
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
        n_u = np.diff(chosen.indptr)
        steps = np.repeat(np.maximum(n_u, 1.0) ** -self.alpha, n_u)
        return sparse.csr_array((steps, chosen.indices, chosen.indptr), shape=chosen.shape)

    def _halves(self, chosen: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
        to_i = self._profiles(chosen).T.tocsr()  # P_vi^alpha, with i in the rows
        n_i = np.diff(to_i.indptr)
        to_i.data /= np.repeat(np.maximum(n_i, 1.0) ** self.beta, n_i)
        return to_i, self._profiles(chosen.T.tocsr()).T.tocsr()  # P_jv^alpha, with v in the rows


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
