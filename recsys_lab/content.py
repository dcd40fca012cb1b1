"""Content-based recommendation: what the items are made of, and which of it this user likes.

Other models know an item by who rated it. This one knows it by its description (`tfidf.py` makes a vector of it), so it
can recommend an item that nobody has rated yet, and can say why in words.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab import checks
from recsys_lab.base import Reason, Recommender
from recsys_lab.biases import DAMPING_USER
from recsys_lab.errors import DataError
from recsys_lab.ratings import Ratings
from recsys_lab.tfidf import documents, lengths, tfidf

_BLOCK = 2**17  # pairs at a time
_EMPTY = 1e-9  # a vector shorter than this is what rounding left of nothing


class TfidfContent(Recommender):
    """Recommend what resembles the things a user liked more than expected:  s_uj = cos(p_u, x_j).

        p_u  = sum over i in I_u of d_ui x_i         d_ui = r_ui - b_ui
        r_uj = b_uj + slope p_u . x_j / (|p_u| + damping)

    x_i is the item's vector of term weights (see `tfidf`), I_u what u rated, b_ui = mu + b_u + b_i the damped biases. So a
    term pulls up what u rated above expectation together with it, and down what u rated below. The list follows the
    cosine s_uj, alone: how good or popular an item is has no part in it. The slope turns resemblance into stars. It is
    learned by least squares on the training ratings, each from a profile that has not seen it (see `_learn_slope`).

    Parameters
    ----------
    fields : which columns of the table of items to read, such as "title|genres"; None: all that hold text. Title is cut
        into words, other columns into tags at "|". `datasets.with_credits` adds actors, directors, writers, subjects.
    centring : "bias" as above; or "none", d_ui = r_ui, for ratings that are all likes, where "less than expected" does
        not mean "disliked". On ml-100k, "bias" predicts better and "none" ranks better.
    sublinear, smooth, min_df : as in `tfidf`; min_df >= 1. A higher min_df takes away the words that set a film apart, and
        films that are left with the same genre look equal: 1 was best on ml-100k.
    damping : >= 0, in stars, as a length of profile: a user of whom little is known is predicted by the biases. It does
        not change the lists. 5 was chosen on an inner split of ml-100k, and is as good on ml-small-2016.

    Attributes
    ----------
    terms_ : ndarray (n_terms,) of text, such as "genres: Sci-Fi".
    x_ : CSR (n_items, n_terms), rows of length 1 (0 without terms), in the order of `train_.items`: the whole table.
    profiles_ : CSR (n_users, n_terms), the p_u, in stars.
    slope_ : float.

    Needs `fit(ratings, items)`. Cold start: an item needs no ratings, only a row in the table. A new user is served by
    `recommend_for`. A user with an empty profile (every rating as expected) and an item without terms have no score;
    their ratings are predicted by the biases.

    With T terms in an item and P in a profile: fit O(n_ratings T log P), a user's list O(terms shared by profile and
    items, summed), memory O(n_ratings T) at most. Raises DataError for a parameter out of range, an unknown field, an
    empty vocabulary, a table that lacks rated items.
    Sources: Rocchio 1971 (profiles); Pazzani and Billsus 2007; for TF-IDF see `tfidf`.

    >>> from recsys_lab import datasets
    >>> toy = datasets.toy()
    >>> model = TfidfContent().fit(toy.ratings, toy.items)
    >>> model.explain("cat", 3, n=1).id.item()
    'genres: Sci-Fi'
    """

    needs_items = True
    scores_are_ratings = False  # they are cosines; `_predict` makes stars of them
    terms_: np.ndarray
    x_: sparse.csr_array
    profiles_: sparse.csr_array
    slope_: float

    def __init__(
        self,
        *,
        fields: str | None = None,
        centring: str = "bias",
        sublinear: bool = False,
        smooth: bool = True,
        min_df: int = 1,
        damping: float = 5.0,
    ):
        self.fields = fields
        self.centring = centring
        self.sublinear = sublinear
        self.smooth = smooth
        self.min_df = min_df
        self.damping = damping

    def _fit(self, train: Ratings, table: pd.DataFrame) -> None:  # type: ignore[override]
        if not (self.fields is None or isinstance(self.fields, str)):
            raise DataError(f"fields={self.fields!r}: names of columns joined by '|', such as 'title|genres', or None.")
        checks.choice("centring", self.centring, ("bias", "none"))
        for name in ("sublinear", "smooth"):
            if not isinstance(getattr(self, name), bool):
                raise DataError(f"{name}={getattr(self, name)!r}: choose True or False.")
        checks.whole("min_df", self.min_df, 1, "a term must be in that many items")
        checks.number("damping", self.damping, 0, "a length of profile, in stars")

        self.x_, self.terms_ = tfidf(
            documents(table, self.fields), sublinear=self.sublinear, smooth=self.smooth, min_df=self.min_df
        )
        u = np.repeat(np.arange(train.n_users), np.diff(train.matrix.indptr))
        residuals = train.matrix.data - self.fallback_.at(u, train.matrix.indices)
        self.profiles_ = self._sum(train.matrix, residuals if self.centring == "bias" else train.matrix.data)
        self.slope_ = self._learn_slope(train.matrix, u, residuals)

    def _learn_slope(self, matrix: sparse.csr_array, u: np.ndarray, residuals: np.ndarray) -> float:
        """Least squares of residual on resemblance, where the profile and b_u are those without the rating itself.

        Without r_ui, b_u is lower by g_ui = (r_ui - b_ui) / (damping_user + |I_u| - 1): the residual of r_ui rises by
        that, and so does each other d_uj. Hence, with t_u the sum of x_j over I_u,

            p = p_u + g t_u - (d_ui + g) x_i        residual = r_ui - b_ui + g

        (g is 0 in p where nothing is centred). Leaving g out would bias the slope down by a third. Its length and its
        product with x_i follow from those of p_u, t_u and x_i, so no profile is built anew.
        """
        i, n = matrix.indices, np.diff(matrix.indptr)[u]
        shift = residuals / (DAMPING_USER + n - 1)
        d, g = (residuals, shift) if self.centring == "bias" else (matrix.data, np.zeros(len(u)))
        own = d + g
        p, t = self.profiles_, self._sum(matrix, np.ones(len(u)))
        px, tx, xx = self._dots(p, u, i), self._dots(t, u, i), (self.x_ * self.x_).sum(axis=1)[i]
        pp, pt, tt = ((a * b).sum(axis=1)[u] for a, b in ((p, p), (p, t), (t, t)))
        length = np.sqrt(np.maximum(pp + g**2 * tt + own**2 * xx + 2 * (g * pt - own * px - own * g * tx), 0))
        resemblance = (px + g * tx - own * xx) / np.maximum(length + self.damping, _EMPTY)
        return float(resemblance @ (residuals + shift) / max(resemblance @ resemblance, _EMPTY))

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return self._cosines(self.profiles_[rows])

    def _predict(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        length, filled = lengths(self.profiles_)[rows], np.diff(self.x_.indptr)[columns] > 0
        resemblance = self._dots(self.profiles_, rows, columns) / np.maximum(length + self.damping, _EMPTY)
        stars = self.fallback_.at(rows, columns) + self.slope_ * resemblance
        return np.where((length > _EMPTY) & filled, stars, np.nan)

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        d = values
        if self.centring == "bias":
            mean, _, item = self.fallback_
            d = values - (mean + self.fallback_.new_user(columns, values, DAMPING_USER) + item[columns])
        return self._cosines(sparse.csr_array(d[None, :]) @ self.x_[columns])[0]

    def _similar(self, column: int) -> np.ndarray:
        return self._cosines(self.x_[[column]])[0]

    def _explain(self, row: int, column: int) -> list[Reason]:
        """Each term's share of the cosine; its rating is the user's mean over the items that have it."""
        profile, item = self.profiles_[[row]], self.x_[[column]]
        length = lengths(profile)[0]
        if length <= _EMPTY:
            return []
        weights = item.data * profile.toarray()[0, item.indices] / length
        mine = self.train_.matrix[[row]]
        has = (self.x_[mine.indices][:, item.indices] > 0).toarray()
        return [
            Reason("term", self.terms_[term], float(mine.data[has[:, k]].mean()), float(weights[k]))
            for k, term in enumerate(item.indices)
            if has[:, k].any()
        ]

    # ------------------------------------------------------------------ sparse arithmetic
    def _sum(self, matrix: sparse.csr_array, d: np.ndarray) -> sparse.csr_array:
        """sum over i in I_u of d_ui x_i for each u, with sorted indices, which makes looking up an entry fast."""
        sums = sparse.csr_array((d, matrix.indices, matrix.indptr), shape=matrix.shape) @ self.x_
        sums.sort_indices()
        return sums

    def _dots(self, vectors: sparse.csr_array, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """vectors[rows] . x_[columns], pair by pair, in blocks: only the terms of the item are looked up."""
        out = np.empty(len(rows))
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            x = self.x_[columns[block]]
            pair = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
            out[block] = np.bincount(pair, vectors[rows[block][pair], x.indices] * x.data, minlength=x.shape[0])
        return out

    def _cosines(self, vectors: sparse.csr_array) -> np.ndarray:
        """cos(vector, x_j) for all items; NaN where either is empty."""
        length = lengths(vectors)[:, None]
        out = (vectors @ self.x_.T).toarray() / np.where(length > _EMPTY, length, np.nan)
        out[:, np.diff(self.x_.indptr) == 0] = np.nan
        return out
