"""Content-based recommendation: what the items are made of, and which of it this user likes.

Other models know an item by who rated it. This one knows it by its description, so it can recommend an item that nobody
has rated yet, and can say why in words. Three steps, each a function or a method below:

    documents   a row of the table of items -> its terms: title words, genres, actors
    tfidf       terms -> one vector x_i of length 1 for each item; rare terms weigh more
    profile     the vectors of what a user rated, each times how much better than expected -> p_u
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab import checks
from recsys_lab.base import Reason, Recommender
from recsys_lab.biases import DAMPING_USER
from recsys_lab.errors import DataError
from recsys_lab.ratings import Ratings

_BLOCK = 2**17  # pairs at a time
_EMPTY = 1e-9  # a vector shorter than this is what rounding left of nothing


def words(text: str) -> list[str]:
    """The words of a title: lower case, without accents; digits are words ("Apollo 13"), an apostrophe belongs to its word.

    Accents go because tables are not consistent: ml-small-2016 spells 60 words both ways. No word is left out as too
    common: that is what idf is for.

    >>> words("Pokémon 2000: Schindler's List")
    ['pokemon', '2000', "schindler's", 'list']
    """
    letters = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", unicodedata.normalize("NFC", letters).replace("’", "'").lower())


def documents(items: pd.DataFrame, fields: str | None = None) -> list[list[str]]:
    """The terms of each row of a table of items, in the order of its columns.

    Column title is cut into `words`. Any other column holds tags, whole, joined by "|" ("Comedy|Romance"). Each term
    says which column it is from, so that the year 1984 is not the title 1984. A missing value has no terms.

    Parameters
    ----------
    fields : names of columns joined by "|", such as "title|genres"; None takes each column that holds text.

    >>> from recsys_lab import datasets
    >>> documents(datasets.toy().items)[0]
    ['title: star', 'title: harbour', 'genres: Adventure', 'genres: Sci-Fi']
    """
    text = [
        column
        for column in items.columns
        if column != "item"
        and pd.api.types.infer_dtype(items[column].astype(object), skipna=True) in ("string", "empty")
    ]
    chosen = text if fields is None else fields.split("|")
    if wrong := [field for field in chosen if field not in text]:
        raise DataError(
            f"fields={fields!r}: the table of items has no text column {wrong[0]!r}; it has {', '.join(text) or 'none'}."
        )
    out: list[list[str]] = [[] for _ in range(len(items))]
    for field in chosen:
        for terms, value in zip(out, items[field].astype(object).where(items[field].notna(), "")):
            parts = words(value) if field == "title" else [tag.strip() for tag in value.split("|")]
            terms += [f"{field}: {part}" for part in parts if part]
    return out


def tfidf(
    documents: Sequence[Sequence[str]], *, sublinear: bool = False, smooth: bool = True, min_df: int = 1
) -> tuple[sparse.csr_array, np.ndarray]:
    """Weigh the terms of documents: x (n_documents, n_terms), CSR, rows of length 1; and the terms, sorted.

        x_it = tf_it idf_t / |that row|     tf_it = count of t in i            or 1 + ln(count)      if sublinear
                                            idf_t = ln((1 + n) / (1 + df_t)) + 1   or ln(n / df_t) + 1   if not smooth

    with n documents, df_t of which have the term. A term that is everywhere gets weight 1, not 0; smoothing acts as if
    one more document had every term. A document without terms has a row of zeros. O(number of terms, with repeats).

    Parameters
    ----------
    min_df : terms in fewer documents are left out.

    Raises DataError where no term is left. Equal to scikit-learn's TfidfVectorizer. Source: Spärck Jones 1972;
    Salton and Buckley 1988.

    >>> x, terms = tfidf([["space", "robot"], ["space", "opera", "opera"], ["cake"]])
    >>> terms.tolist(), x.toarray().round(2)[0].tolist()
    (['cake', 'opera', 'robot', 'space'], [0.0, 0.0, 0.8, 0.61])
    """
    terms = np.array(sorted({term for document in documents for term in document}), dtype=object)
    column = {term: t for t, term in enumerate(terms)}
    rows = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    columns = np.array([column[term] for document in documents for term in document], dtype=int)
    tf = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(documents), len(terms)))  # repeats add up
    df = np.bincount(tf.indices, minlength=len(terms))
    keep = df >= min_df
    if not keep.any():
        raise DataError(
            f"an empty vocabulary: no term is in min_df={min_df} of the {len(documents):,} items; lower min_df."
            if len(terms)
            else "an empty vocabulary: no item has a word or a tag. Give a table with text, such as columns title and genres."
        )
    tf, df, terms = tf[:, keep], df[keep], terms[keep]
    if sublinear:
        tf.data = 1 + np.log(tf.data)
    idf = np.log((1 + len(documents)) / (1 + df)) + 1 if smooth else np.log(len(documents) / df) + 1
    x = sparse.csr_array(tf * idf)
    x.data /= np.repeat(_lengths(x), np.diff(x.indptr))
    return x, terms


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
    sublinear, smooth, min_df : of `tfidf`. min_df >= 1; the more that share a term, the safer it is, but with a higher
        min_df, films that have only their genre left all look the same: 1 was best on ml-100k.
    damping : >= 0, in stars, as a length of profile: a user of whom little is known is predicted by the biases. It does
        not change the lists. Chosen on an inner split of ml-100k.

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
        u, i, r = (
            np.repeat(np.arange(train.n_users), np.diff(train.matrix.indptr)),
            train.matrix.indices,
            train.matrix.data,
        )
        residuals = r - self.fallback_.at(u, i)
        d = residuals if self.centring == "bias" else r
        self.profiles_ = self._sum(train.matrix, d)
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
        length, filled = _lengths(self.profiles_)[rows], np.diff(self.x_.indptr)[columns] > 0
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
        weights = item.data * profile.toarray()[0, item.indices] / max(_lengths(profile)[0], _EMPTY)
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
        length = _lengths(vectors)[:, None]
        out = (vectors @ self.x_.T).toarray() / np.where(length > _EMPTY, length, np.nan)
        out[:, np.diff(self.x_.indptr) == 0] = np.nan
        return out


def _lengths(vectors: sparse.csr_array) -> np.ndarray:
    """|row| for each row."""
    return np.sqrt((vectors * vectors).sum(axis=1))
