"""Beyond accuracy: is the catalogue used, are lists varied, do they surprise, whom do they favour, do they fit the person?

A list can be accurate and still be poor: ten sequels of one film, or the same ten hits for everybody. Each measure here
looks at lists only, not at test ratings, so it can be watched in production every day.

    lists = model.recommend(users, n=10)                 # columns user, item, rank
    describe(lists, model.train_, tags(items))           # every measure, with its interval

Functions take `lists`, an array (n_users, k) of item columns with -1 where a list is shorter, and give one value per
user; `coverage` and `gini` are properties of all lists together and give one number. Let c_i be the number of training
ratings of item i, and n the number of users.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab.errors import DataError
from recsys_lab.metrics import Estimate, bootstrap_mean
from recsys_lab.ratings import Ratings, require_columns


def tags(items: pd.DataFrame, column: str = "genres") -> pd.DataFrame:
    """How much each item is of each tag: a frame (items, tags) whose rows sum to 1, or are 0 where no tag is known.

    An item of two genres is half of each, as in Steck 2018.

    >>> from recsys_lab import datasets
    >>> tags(datasets.toy().items).loc[1].round(2).to_dict()
    {'Action': 0.0, 'Adventure': 0.5, 'Comedy': 0.0, 'Drama': 0.0, 'Romance': 0.0, 'Sci-Fi': 0.5, 'Thriller': 0.0}
    """
    require_columns(items, item="item", **{column: column})
    flags = items.set_index("item")[column].fillna("").str.get_dummies("|").astype(float)
    flags = flags.drop(columns="", errors="ignore")  # where PyArrow keeps the text, the empty text is a flag, too
    if flags.shape[1] == 0:
        raise DataError(f"column {column!r} names no tag: expected text such as 'Comedy|Romance'.")
    return flags.div(flags.sum(axis=1).clip(lower=1), axis=0)


# ---------------------------------------------------------------------- all lists together
def coverage(lists: np.ndarray, n_items: int) -> float:
    """The share of the catalogue that is in at least one list.

    >>> coverage(np.array([[0, 1], [0, 2]]), n_items=6)
    0.5
    """
    return float(np.count_nonzero(_exposure(lists, n_items)) / n_items)


def gini(lists: np.ndarray, n_items: int) -> float:
    """How unequally the lists treat items: 0 where all are shown equally often, near 1 where a few are shown always.

    G = sum_r (2 r - n_items - 1) e_r / (n_items sum e), e the exposures (how often each item is shown) in rising order.

    >>> gini(np.array([[0, 1], [2, 3]]), n_items=4), gini(np.array([[0], [0]]), n_items=4)
    (0.0, 0.75)
    """
    return float(inequality(_exposure(lists, n_items)))


def inequality(exposures: np.ndarray) -> np.ndarray:
    """The Gini index of exposures (..., n_items), as `gini` of lists; 0 where nothing was shown.

    >>> inequality(np.array([[1, 1, 1, 1], [0, 2, 0, 0]]))
    array([0.  , 0.75])
    """
    e = np.sort(exposures, axis=-1)
    n_items = e.shape[-1]
    r = np.arange(1, n_items + 1)
    return ((2 * r - n_items - 1) * e).sum(axis=-1) / (n_items * np.maximum(e.sum(axis=-1), 1))


# ---------------------------------------------------------------------- one value per user
def novelty(lists: np.ndarray, counts: np.ndarray, n_users: int) -> np.ndarray:
    """mean over the list of -log2(c_i / n): how many bits of surprise; 1 bit for what half of all users know.

    Items without ratings count as rated once. Source: Zhou et al. 2010, PNAS 107(10), as self-information.

    >>> novelty(np.array([[0, 1]]), counts=np.array([4, 1]), n_users=4)
    array([1.])
    """
    return _mean_over(lists, -np.log2(np.maximum(counts, 1) / n_users))


def popularity_lift(lists: np.ndarray, counts: np.ndarray, history: sparse.csr_array) -> np.ndarray:
    """(mean c_i of the list - mean c_i of what the user rated) / the latter: 0.5 is 50 % more popular than their taste.

    Source: Abdollahpouri, Mansoury, Burke, Mobasher 2019, "The Unfairness of Popularity Bias in Recommendation"
    (there per group of users, here per user). `history` is CSR (n_users, n_items), rows as in `lists`.

    >>> history = sparse.csr_array(np.array([[1.0, 0.0, 1.0]]))
    >>> popularity_lift(np.array([[1]]), np.array([10, 30, 10]), history)
    array([2.])
    """
    rated = np.maximum(np.diff(history.indptr), 1)
    own = np.add.reduceat(np.append(counts[history.indices], 0.0), history.indptr[:-1]) / rated
    own = np.where(np.diff(history.indptr) > 0, own, np.nan)  # reduceat repeats a neighbour where a row is empty
    return _mean_over(lists, counts.astype(float)) / own - 1


def diversity(lists: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """mean over pairs of the list of 1 - cos(x_i, x_j), x the items' vectors (n_items, d): 0 means all alike.

    NaN for a list of fewer than two items. O(n_users k d): the sum of all cosines is the squared length of the sum of
    the unit vectors. Source: Ziegler, McNee, Konstan, Lausen 2005 (intra-list similarity).

    >>> diversity(np.array([[0, 1, 2]]), np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])).round(3)
    array([0.667])
    """
    unit = unit_rows(vectors)
    shown = np.where((lists >= 0)[:, :, None], unit[lists], 0.0)
    k = (lists >= 0).sum(axis=1)
    own = (shown**2).sum(axis=(1, 2))  # 1 for each item that has a vector
    pairs = ((shown.sum(axis=1) ** 2).sum(axis=1) - own) / 2
    n_pairs = k * (k - 1) / 2
    return np.where(n_pairs > 0, 1 - pairs / np.maximum(n_pairs, 1), np.nan)


def miscalibration(lists: np.ndarray, history: sparse.csr_array, shares: np.ndarray, alpha: float = 0.01) -> np.ndarray:
    """KL(p || q~) = sum_g p(g) ln(p(g) / q~(g)): how far the list's mix of genres is from the user's own, 0 at best.

    p(g) is the rating-weighted share of genre g in the user's history, q(g) its share in the list, and
    q~ = (1 - alpha) q + alpha p, which keeps it finite where a genre is missing. `shares` (n_items, n_genres) as from
    `tags`. NaN without a history. Source: Steck 2018, "Calibrated Recommendations", RecSys, equations 2 to 6.

    >>> shares = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> history = sparse.csr_array(np.array([[5.0, 5.0]]))
    >>> miscalibration(np.array([[0, 1], [0, 0]]), history[[0, 0]], shares).round(3)
    array([0.   , 1.959])
    """
    p = _normalized(history @ shares)
    shown = np.where((lists >= 0)[:, :, None], shares[lists], 0.0)
    return divergence(p, _normalized(shown.sum(axis=1)), alpha)


def divergence(p: np.ndarray, q: np.ndarray, alpha: float = 0.01) -> np.ndarray:
    """KL(p || (1 - alpha) q + alpha p) along the last axis; NaN where p is all zero."""
    mixed = (1 - alpha) * q + alpha * p
    terms = np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / np.maximum(mixed, 1e-300)), 0.0)
    return np.where(p.sum(axis=-1) > 0, terms.sum(axis=-1), np.nan)


# ---------------------------------------------------------------------- everything at once
def describe(lists: pd.DataFrame, train: Ratings, shares: pd.DataFrame | None = None) -> pd.DataFrame:
    """All measures of recommended lists: one row a measure, columns mean, low, high (95 % interval), users, excluded.

    Parameters
    ----------
    lists : columns user, item, rank, as `recommend` returns them, of users in `train`.
    train : the Ratings that the model was fitted on (`model.train_`).
    shares : tags(items), for diversity and miscalibration; without it these two are left out.

    `coverage` and `gini` are numbers of all lists together and have no interval.

    >>> from recsys_lab import Popularity, datasets
    >>> model = Popularity().fit(datasets.toy().ratings)
    >>> lists = model.recommend(["ann", "ben", "eve"], n=2)
    >>> describe(lists, model.train_, tags(datasets.toy().items)).index.tolist()
    ['coverage', 'gini', 'novelty', 'popularity lift', 'diversity', 'miscalibration']
    """
    rows, columns = as_columns(lists, train)
    counts = np.bincount(train.matrix.indices, minlength=train.n_items)
    history = train.matrix[rows]
    out = {
        name: Estimate(f(columns, train.n_items), np.nan, np.nan, len(rows), 0)
        for name, f in (("coverage", coverage), ("gini", gini))
    }
    out["novelty"] = bootstrap_mean(novelty(columns, counts, train.n_users))
    out["popularity lift"] = bootstrap_mean(popularity_lift(columns, counts, history))
    if shares is not None:
        table = aligned(shares, train.items.ids)
        out["diversity"] = bootstrap_mean(diversity(columns, table))
        out["miscalibration"] = bootstrap_mean(miscalibration(columns, history, table))
    return pd.DataFrame(out.values(), index=pd.Index(out, name="measure"), columns=Estimate._fields)


def as_columns(lists: pd.DataFrame, train: Ratings) -> tuple[np.ndarray, np.ndarray]:
    """(rows of the users in their order, item columns (n_users, k) by rank, -1 where a list is shorter)."""
    require_columns(lists, user="user", item="item", rank="rank")
    if lists.empty:
        raise DataError("the lists are empty: there is nothing to describe.")
    users = pd.unique(lists["user"])
    place = pd.Index(users).get_indexer(lists["user"])
    columns = np.full((len(users), int(lists["rank"].max())), -1)
    columns[place, lists["rank"].to_numpy() - 1] = train.items.known(lists["item"])
    return train.users.known(users), columns


def aligned(table: pd.DataFrame, ids: np.ndarray) -> np.ndarray:
    """The rows of a frame indexed by item, in the order of these ids. Refuses a table that lacks one."""
    place = table.index.get_indexer(ids)
    if (place < 0).any():
        raise DataError(
            f"the table lacks {int((place < 0).sum()):,} item(s), such as {ids[place < 0][0]!r}: add their rows."
        )
    return table.to_numpy(dtype=float)[place]


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays as it is."""
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return vectors / np.where(length > 0, length, 1.0)


def _exposure(lists: np.ndarray, n_items: int) -> np.ndarray:
    return np.bincount(lists[lists >= 0], minlength=n_items)


def _mean_over(lists: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of a value of the items over each list; NaN for an empty one."""
    shown = lists >= 0
    k = shown.sum(axis=1)
    return np.where(k > 0, np.where(shown, values[lists], 0.0).sum(axis=1) / np.maximum(k, 1), np.nan)


def _normalized(weights: np.ndarray) -> np.ndarray:
    return weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-300)
