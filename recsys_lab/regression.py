"""Phase 1's models from scratch, NumPy only: weighted sums of features, and k-nearest neighbours.

    y_hat = X w + b

X is a table (n rows, d features), w one weight a feature, b the intercept: the prediction where every feature is 0.
Three models look for the w and b whose squared errors are smallest; they differ in how they look.

| model            | finds w                                | cost of a fit             | choose it when               |
|------------------|----------------------------------------|---------------------------|------------------------------|
| LinearRegression | exactly, in one step                   | O(n d^2)                  | d is at most a few thousand  |
| Ridge            | exactly, with weights held near 0      | O((n + d) d^2)            | rows are few, features alike |
| GradientDescent  | nearly, by many small steps downhill   | O(epochs n d), any stream | n or d is huge, or rows flow |

The first two equal scikit-learn's models of the same name; the third comes as near to them as you let it run.
KNNRegressor and KNNClassifier have no w: they keep the table, and ask the k rows nearest to the query. A fit costs
nothing and a prediction O(n d), the other way round than above. They equal scikit-learn's but where rows are equally near.

Missing values are refused: fill them first, and say so to whoever reads your features. A row of an unknown user is
no special case here: it is a row, and its features are what you made them (the global mean, for example).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recsys_lab.errors import DataError, NotFittedError, UnsupportedError, few

Seed = int | np.random.Generator
_BLOCK = 2**20  # distances held at once by the neighbours: 8 MB, which stays in the processor's cache


class _Model:
    """Shows the parameters a model was made with."""

    def __repr__(self) -> str:
        own = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if not k.startswith("_") and not k.endswith("_"))
        return f"{type(self).__name__}({own})"


class _Linear(_Model):
    """What the three linear models share: the weighted sum, and the checks before it."""

    coef_: np.ndarray
    intercept_: float
    _names: list[str] | None

    def predict(self, X: ArrayLike) -> np.ndarray:
        """y_hat = X w + b for each row: ndarray (n,). O(n d)."""
        if not hasattr(self, "coef_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted: call fit(X, y) first.")
        table, names = _table(X)
        _same_features(table, names, len(self.coef_), self._names)
        return table @ self.coef_ + self.intercept_

    def _keep(self, coef: np.ndarray, intercept: float, names: list[str] | None) -> Self:
        self.coef_, self.intercept_, self._names = coef, float(intercept), names
        return self


class LinearRegression(_Linear):
    """Ordinary least squares: the w and b that minimise sum_j (x_j w + b - y_j)^2.

    At the minimum the derivatives are zero, which gives the normal equation, with X and y centred (their column
    means subtracted):

        (X' X) w = X' y,        b = mean(y) - mean(X) w

    Forming X' X squares the condition number of X, so half of the digits can be lost, and with two columns that say
    the same thing X' X has no inverse. Hence the solution here is taken from the singular values of X itself (`lstsq`):
    the same w, and among many solutions the one with the smallest weights.

    Attributes
    ----------
    coef_ : ndarray (d,), w: how far the prediction moves when a feature grows by 1 and the others stay.
    intercept_ : float, b.

    Fit O(n d^2), predict O(n d). Equal to scikit-learn's LinearRegression.
    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, 2nd edition, section 3.2.

    >>> model = LinearRegression().fit([[1], [2], [3]], [3, 5, 7])
    >>> model.coef_.round(6).tolist(), round(model.intercept_, 6)
    ([2.0], 1.0)
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn w and b. X: (n, d) numbers, y: (n,) numbers. Raises DataError for NaN, text or lengths that differ."""
        table, target, names = _check(X, y)
        means = table.mean(axis=0)
        coef = np.linalg.lstsq(table - means, target - target.mean())[0]
        return self._keep(coef, target.mean() - means @ coef, names)


class Ridge(_Linear):
    """Least squares that pays for large weights: minimise sum_j (x_j w + b - y_j)^2 + alpha |w|^2.

        (X' X + alpha I) w = X' y,        b = mean(y) - mean(X) w        (X, y centred)

    The penalty is the same as d extra rows, one a feature, each saying "this weight is 0" with strength sqrt(alpha):
    that is how it is solved here. The intercept is free: a model should not pay for the level of its target.
    The penalty compares weights of all features, so features should be on one scale (see `Standardizer`).

    Parameters
    ----------
    alpha : >= 0. 0 is LinearRegression; towards infinity every prediction is the mean of y.

    Attributes
    ----------
    coef_ : ndarray (d,), w.    intercept_ : float, b.

    Fit O((n + d) d^2), predict O(n d). Equal to scikit-learn's Ridge.
    Source: Hoerl and Kennard 1970, "Ridge Regression: Biased Estimation for Nonorthogonal Problems",
    Technometrics 12(1), section 2.

    >>> Ridge(alpha=2).fit([[1], [2], [3]], [3, 5, 7]).coef_.round(6).tolist()      # 4 / (2 + 2) instead of 4 / 2
    [1.0]
    """

    def __init__(self, *, alpha: float = 1.0):
        self.alpha = alpha

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn w and b, as in LinearRegression."""
        _at_least("alpha", self.alpha, 0)
        table, target, names = _check(X, y)
        means, d = table.mean(axis=0), table.shape[1]
        rows = np.vstack([table - means, np.sqrt(self.alpha) * np.eye(d)])
        coef = np.linalg.lstsq(rows, np.concatenate([target - target.mean(), np.zeros(d)]))[0]
        return self._keep(coef, target.mean() - means @ coef, names)


class GradientDescent(_Linear):
    """Least squares by small steps downhill: batch, mini-batch or stochastic gradient descent.

    The loss is half the mean squared error (plus the ridge penalty), and a step goes against its slope:

        L(w, b) = 1/(2n) sum_j e_j^2 + alpha/(2n) |w|^2,        e_j = x_j w + b - y_j
        w <- w - rate (mean_j e_j x_j + alpha/n w),        b <- b - rate mean_j e_j

    with the means over the rows of one batch. All rows: batch gradient descent, one careful step per pass over the
    data. One row: stochastic gradient descent, n rough steps per pass. Batch steps converge when rate is below
    `largest_rate(X)`; stochastic ones need a smaller rate, and circle around the minimum unless it decays.

    Parameters
    ----------
    learning_rate : > 0, the rate of the first epoch.
    epochs : passes over the data, at least 1.
    batch_size : rows per step; None for all of them.
    decay : >= 0; in epoch t = 0, 1, ... the rate is learning_rate / (1 + decay t).
    alpha : >= 0, the ridge penalty, on the scale of `Ridge`: both then have the same minimum.
    seed : int or Generator: the order of the rows, shuffled anew in each epoch (not for batch descent).

    Attributes
    ----------
    coef_ : ndarray (d,), w.    intercept_ : float, b.
    loss_ : ndarray (epochs + 1,), L before the first epoch and after each.
    path_ : ndarray (epochs + 1, d + 1), the weights at the same moments, the intercept last.

    Fit O(epochs n d). Starts at w = 0, b = 0. A fit that ends higher than it began (stochastic: twice as high) has
    diverged: it is refused, and the model stays as it was.
    Source: Bottou, Curtis, Nocedal 2018, "Optimization Methods for Large-Scale Machine Learning", SIAM Review 60(2),
    sections 3 and 4.

    >>> model = GradientDescent(learning_rate=0.3, epochs=500).fit([[1], [2], [3]], [3, 5, 7])
    >>> model.coef_.round(4).tolist(), round(model.intercept_, 4)
    ([2.0], 1.0)
    """

    loss_: np.ndarray
    path_: np.ndarray

    def __init__(
        self,
        *,
        learning_rate: float = 0.1,
        epochs: int = 100,
        batch_size: int | None = None,
        decay: float = 0.0,
        alpha: float = 0.0,
        seed: Seed = 0,
    ):
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.decay = decay
        self.alpha = alpha
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn w and b. Raises DataError also when the steps diverge; the message gives a rate that does not."""
        for name, least in (("epochs", 1), ("decay", 0), ("alpha", 0)):
            _at_least(name, getattr(self, name), least)
        if not (np.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise DataError(f"learning_rate={self.learning_rate!r}: it must be a number above 0, such as 0.1.")
        table, target, names = _check(X, y)
        n, d = table.shape
        size = n if self.batch_size is None else self.batch_size
        _at_least("batch_size", size, 1)
        rng = np.random.default_rng(self.seed)

        w, b = np.zeros(d), 0.0
        path, loss = [np.append(w, b)], [self._loss(table, target, w, b)]
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging run overflows; that is reported below
            for epoch in range(self.epochs):
                rate = self.learning_rate / (1 + self.decay * epoch)
                # Shuffling once and slicing is four times faster than picking the rows of each batch.
                order = rng.permutation(n) if size < n else slice(None)
                features, goal = table[order], target[order]
                for start in range(0, n, size):
                    batch = features[start : start + size]
                    error = batch @ w + b - goal[start : start + size]
                    w = w - rate * (error @ batch / len(batch) + self.alpha / n * w)
                    b = b - rate * error.mean()
                path.append(np.append(w, b))
                loss.append(self._loss(table, target, w, b))
                if not np.isfinite(loss[-1]):
                    break
        # Batch steps that converge never climb. Rough steps may circle a little above a start that was near the minimum.
        if not loss[-1] <= loss[0] * (1 + 1e-9 if size >= n else 2):
            raise DataError(
                f"the steps diverged: after epoch {len(loss) - 1} the loss is {loss[-1]:.3g}, it began at {loss[0]:.3g}. "
                f"learning_rate={self.learning_rate:g} is too large for these features: batch steps converge below "
                f"{largest_rate(table):.3g}, smaller batches need less. Standardize the features or lower the rate."
            )
        self.loss_, self.path_ = np.array(loss), np.array(path)
        return self._keep(w, b, names)

    def _loss(self, table: np.ndarray, target: np.ndarray, w: np.ndarray, b: float) -> float:
        error = table @ w + b - target
        return float((error @ error + self.alpha * (w @ w)) / (2 * len(target)))


def largest_rate(X: ArrayLike) -> float:
    """The learning rate at which batch gradient descent on half the mean squared error stops converging.

    A step multiplies the distance to the minimum, along each axis of the loss bowl, by (1 - rate x curvature): that
    shrinks while rate < 2 / (largest curvature). The curvatures are the eigenvalues of A' A / n, where A is X with a
    column of ones for the intercept. O(n d^2).

    >>> round(largest_rate([[1.0], [-1.0]]), 6)       # both curvatures are 1
    2.0
    """
    table, _ = _table(X)
    with_ones = np.column_stack([table, np.ones(len(table))])
    return float(2 / np.linalg.eigvalsh(with_ones.T @ with_ones / len(table))[-1])


class Standardizer:
    """Bring each feature to mean 0 and standard deviation 1:  z = (x - mean) / scale.

    Fit it on the training part and apply it to both parts: the test part's mean and scale are things you cannot know
    when you predict. A feature that never varies has scale 1 (it becomes 0). The standard deviation divides by n.

    Attributes
    ----------
    mean_, scale_ : ndarray (d,), in the features' own units.

    O(n d). Equal to scikit-learn's StandardScaler.

    >>> Standardizer().fit([[10.0, 7.0], [20.0, 7.0]]).transform([[30.0, 7.0]]).tolist()
    [[3.0, 0.0]]
    """

    mean_: np.ndarray
    scale_: np.ndarray
    _names: list[str] | None

    def fit(self, X: ArrayLike) -> Self:
        table, self._names = _table(X)
        mean, scale = table.mean(axis=0), table.std(axis=0)
        # The mean of equal numbers can be off by a rounding error; what is left is not a spread.
        constant = scale <= 10 * np.finfo(float).eps * np.abs(mean)
        self.mean_, self.scale_ = mean, np.where(constant, 1.0, scale)
        return self

    def transform(self, X: ArrayLike) -> Any:
        """z for each row: ndarray (n, d), or a DataFrame with the same labels where X is one."""
        if not hasattr(self, "mean_"):
            raise NotFittedError("this Standardizer is not fitted: call fit(X) with the training part first.")
        table, names = _table(X)
        _same_features(table, names, len(self.mean_), self._names)
        z = (table - self.mean_) / self.scale_
        return pd.DataFrame(z, index=X.index, columns=X.columns) if isinstance(X, pd.DataFrame) else z


# ------------------------------------------------------------------ k-nearest neighbours
class _Neighbours(_Model):
    """What the two neighbour models share: the rows that were seen, and the search among them."""

    rows_: np.ndarray
    _names: list[str] | None

    def __init__(self, *, k: int = 5):
        self.k = k

    def neighbours(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """(distances, rows), each (m, k): the k training rows nearest to each row of X, the nearest first.

        Of rows equally near, the earlier one comes first. Raises DataError where X has other features than the fit
        saw, NotFittedError before a fit. O(m n d).
        """
        if not hasattr(self, "rows_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted: call fit(X, y) first.")
        n, d = self.rows_.shape
        k = _rows_to_ask(self.k, n)
        table, names = _table(X)
        _same_features(table, names, d, self._names)
        distances, rows = np.empty((len(table), k)), np.empty((len(table), k), dtype=np.intp)
        size, columns = max(1, _BLOCK // n), np.ascontiguousarray(self.rows_.T)
        for start in range(0, len(table), size):
            for m, squared in enumerate(_squared_distances(table[start : start + size], columns), start):
                kth = np.partition(squared, k - 1)[k - 1]
                near = np.flatnonzero(squared <= kth)  # in the order of the rows, which a stable sort keeps
                rows[m] = near[np.argsort(squared[near], kind="stable")[:k]]
                distances[m] = np.sqrt(squared[rows[m]])
        return distances, rows


def _squared_distances(Q: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """sum_j (q_j - x_j)^2 for each query q and row x: (m, n). `columns` is the table, transposed: (d, n).

    Feature by feature. |q|^2 + |x|^2 - 2 q x is one matrix product and faster, but cancels where numbers are large
    and differences small, and gives equal rows distances that differ in the last digit: ties would fall by chance.
    """
    squared = np.zeros((len(Q), columns.shape[1]))
    for q, x in zip(Q.T, columns):
        squared += (q[:, None] - x) ** 2
    return squared


class KNNRegressor(_Neighbours):
    """Predict the mean of the k nearest training rows:  y_hat(q) = 1/k sum_{x in N_k(q)} y_x.

    Near means a small distance d(q, x) = sqrt(sum_j (q_j - x_j)^2), so every feature counts by its unit: bring them to
    units that are worth the same first (see `Standardizer`).

    Parameters
    ----------
    k : how many neighbours are asked, from 1 (follows every row) to n (the mean of all). It may be changed after the fit.

    Attributes
    ----------
    rows_ : ndarray (n, d), the training rows.    y_ : ndarray (n,), their targets.

    Fit O(n d), the copy; predict O(m n d) for m queries. Equal to scikit-learn's KNeighborsRegressor, except where
    the k-th and the next neighbour are equally near: here the earlier row counts, there it may be either.
    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, 2nd edition, section 2.3.2.

    >>> model = KNNRegressor(k=2).fit([[1], [2], [9]], [3, 5, 7])
    >>> model.predict([[0], [8]]).tolist()
    [4.0, 6.0]
    """

    y_: np.ndarray

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Remember X: (n, d) numbers, and y: (n,) numbers. Raises DataError for NaN, text or lengths that differ."""
        table, target, names = _check(X, y)
        _rows_to_ask(self.k, len(table))
        self.rows_, self.y_, self._names = table.copy(), target.copy(), names
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """y_hat for each row: ndarray (m,)."""
        _, rows = self.neighbours(X)
        return self.y_[rows].mean(axis=1)


class KNNClassifier(_Neighbours):
    """Predict a class by the votes of the k nearest rows:  p_c(q) = 1/k |{x in N_k(q) : y_x = c}|.

    Distances and k as in `KNNRegressor`.

    Attributes
    ----------
    rows_ : ndarray (n, d), the training rows.
    classes_ : the classes, sorted.    y_ : ndarray (n,), each row's place among them.

    Equal to scikit-learn's KNeighborsClassifier, except where the k-th and the next neighbour are equally near.
    Source: Cover and Hart 1967, "Nearest Neighbor Pattern Classification", IEEE Transactions on Information Theory 13(1).

    >>> model = KNNClassifier(k=3).fit([[1], [2], [3], [9]], ["like", "like", "no", "no"])
    >>> model.predict_proba([[0]]).round(2).tolist(), model.predict([[0]]).tolist()
    ([[0.67, 0.33]], ['like'])
    """

    classes_: np.ndarray
    y_: np.ndarray

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Remember X: (n, d) numbers, and y: (n,) classes, of any one type."""
        if pd.isna(np.asarray(y)).any():
            raise DataError("y has missing classes: drop these rows.")
        classes, codes = np.unique(np.asarray(y), return_inverse=True)
        table, places, names = _check(X, codes)
        _rows_to_ask(self.k, len(table))
        self.rows_, self.classes_, self.y_, self._names = table.copy(), classes, places.astype(int), names
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """p_c for each row and class: ndarray (m, n_classes)."""
        _, rows = self.neighbours(X)
        votes = self.y_[rows]
        return np.column_stack([(votes == c).mean(axis=1) for c in range(len(self.classes_))])

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The class with the most votes for each row; of classes with equally many, the first."""
        winners = self.predict_proba(X).argmax(axis=1)
        return self.classes_[winners]


# ------------------------------------------------------------------ checks: bad input is refused whole
def _check(X: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray, list[str] | None]:
    table, names = _table(X)
    target = _numbers(y, "y")
    if target.ndim != 1:
        raise DataError(f"y has the shape {target.shape}: give one number a row, in one dimension.")
    if len(target) != len(table):
        raise DataError(f"X has {len(table):,} rows and y {len(target):,}: they must describe the same rows.")
    _finite(target[:, None], ["y"])
    return table, target, names


def _table(X: ArrayLike) -> tuple[np.ndarray, list[str] | None]:
    """X as a finite float table, and its column names where it has any."""
    names = [str(c) for c in X.columns] if isinstance(X, pd.DataFrame) else None
    table = _numbers(X, "X")
    if table.ndim != 2:
        raise DataError(
            f"X has the shape {table.shape}: features come as a table (rows, features). "
            "For a single feature use frame[['name']] or x[:, None]."
        )
    if 0 in table.shape:
        raise DataError(f"X has {table.shape[0]} rows and {table.shape[1]} features: there is nothing to learn from.")
    _finite(table, names or [f"column {c}" for c in range(table.shape[1])])
    return table, names


def _numbers(values: Any, what: str) -> np.ndarray:
    if hasattr(values, "toarray"):
        raise UnsupportedError(f"{what} is a sparse matrix: these teaching models take dense tables. Use .toarray().")
    if isinstance(values, pd.DataFrame):
        text = [c for c, kind in values.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
        if text:
            raise DataError(f"{what} has columns that are not numbers: {few(text)}. Encode them, or leave them out.")
    try:
        if isinstance(values, (pd.DataFrame, pd.Series)):
            return values.to_numpy(dtype=float, na_value=np.nan)  # <NA> is a missing value, reported as one
        array = np.asarray(values)
        if array.dtype.kind not in "biuf" and array.size:  # "3" would pass for 3, and 3+4j for 3
            raise TypeError(f"such as {few(array.ravel()[:1])}")
        return array.astype(float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} holds something that is not a number ({error}): encode it first.") from error


def _finite(table: np.ndarray, names: list[str]) -> None:
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{table[row, column]} in {names[column]!r}, row {row} (counted from 0), and {len(bad) - 1:,} more such "
            "values: fill or drop them, in training and in prediction alike."
        )


def _same_features(table: np.ndarray, names: list[str] | None, d: int, fitted: list[str] | None) -> None:
    if table.shape[1] != d:
        raise DataError(f"X has {table.shape[1]} features; the fit saw {d}.")
    if names is not None and fitted is not None and names != fitted:
        place = next(k for k in range(d) if names[k] != fitted[k])
        raise DataError(
            f"feature {place} is {names[place]!r}, but it was {fitted[place]!r} in the fit: "
            "weights belong to places, so keep the columns and their order the same."
        )


def _rows_to_ask(k: int, n: int) -> int:
    _at_least("k", k, 1)
    if k > n:
        raise DataError(f"k={k!r}: there are only {n:,} training rows to ask.")
    return int(k)


def _at_least(name: str, value: float, least: float) -> None:
    if not (np.isfinite(value) and value >= least):
        raise DataError(f"{name}={value!r}: it must be a number of at least {least:g}.")
    if name in ("epochs", "batch_size", "k") and value != int(value):
        raise DataError(f"{name}={value!r}: it must be a whole number.")
