"""What would another policy have earned? An answer from the log of the one that ran, without showing it to anybody.

Each visit i was logged with the action a_i shown, its reward r_i, and the probability (propensity) p_i with which the
running policy showed it. A new policy would show a_i with probability target_i[a_i]. Visits that it likes better than
the old one did stand for more visits:

    w_i = target_i[a_i] / p_i

    ips     mean of w r                                       unbiased; large weights make it wild
    snips   sum of w r / sum of w                             nearly unbiased; stays within the range of the rewards
    doubly_robust   mean of q(target) + w (r - q(a))          q predicts rewards; unbiased if p or q is right

All fail in the same way: what the old policy never showed, no log can judge. Logged propensities must be those of the
policy that ran, at the time; estimated ones make ips and snips biased. Source: Horvitz and Thompson 1952, JASA 47;
Swaminathan and Joachims 2015, NIPS (snips); Dudik, Langford and Li 2011, ICML (doubly robust).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from recsys_lab import checks
from recsys_lab.errors import DataError, few
from recsys_lab.experiment.analyse import interval_end
from recsys_lab.ratings import require_columns


class Log(NamedTuple):
    """action (n,) as column of target; reward (n,); propensity (n,) of that action; target (n, n_actions)."""

    action: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray
    target: np.ndarray

    @classmethod
    def of(cls, action: Any, reward: Any, propensity: Any, target: Any) -> Log:
        """Of aligned arrays, checked.

        Parameters
        ----------
        action : (n,) whole numbers from 0; reward : (n,) numbers; propensity : (n,) above 0 to 1.
        target : (n, n_actions), the chance of each action under the policy to be judged, with sum 1 in each row; or
            (n_actions,) if it is the same at each visit.
        """
        a, r, p, t = np.asarray(action), *(np.asarray(x, dtype=float) for x in (reward, propensity, target))
        if t.ndim == 1:
            t = np.broadcast_to(t, (len(a), len(t)))
        if a.ndim != 1 or len(a) < 2 or r.shape != a.shape or p.shape != a.shape or t.shape[:-1] != a.shape:
            raise DataError(
                f"action {a.shape}, reward {r.shape}, propensity {p.shape}, target {t.shape}: "
                "give one row a visit, for two visits or more."
            )
        if not np.issubdtype(a.dtype, np.integer) or ((a < 0) | (a >= t.shape[1])).any():
            raise DataError(f"action: give whole numbers from 0 to {t.shape[1] - 1}, the columns of target.")
        if not np.isfinite(r).all():
            raise DataError(f"reward: {few(r[~np.isfinite(r)])}: a visit without a click has reward 0.")
        if not ((p > 0) & (p <= 1)).all():
            raise DataError(
                f"propensity: {few(p[~((p > 0) & (p <= 1))])}: what was shown had a chance above 0, up to 1."
            )
        if not (t >= 0).all() or not np.allclose(t.sum(axis=1), 1, atol=1e-6):
            raise DataError("target: each row holds probabilities with sum 1.")
        return cls(a, r, p, t)

    @classmethod
    def from_frame(cls, visits: pd.DataFrame, actions: Sequence[Any], target: Any) -> Log:
        """Of a frame with columns action (ids), reward, propensity; `actions` names the columns of target.

        >>> visits = pd.DataFrame({"action": ["new", "old"], "reward": [1, 0], "propensity": [0.5, 0.5]})
        >>> Log.from_frame(visits, ["old", "new"], target=[0.2, 0.8]).action.tolist()
        [1, 0]
        """
        require_columns(visits, action="action", reward="reward", propensity="propensity")
        columns = pd.Index(actions).get_indexer(visits["action"])
        if (columns < 0).any():
            raise DataError(f"action {few(visits['action'][columns < 0].unique())} is not among the actions.")
        return cls.of(columns, visits["reward"], visits["propensity"], target)

    def at(self, table: np.ndarray) -> np.ndarray:
        """(n,) the entry of (n, n_actions) for the action that was shown."""
        return table[np.arange(len(self.action)), self.action]


class Value(NamedTuple):
    """The reward per visit that the target policy would earn, with its interval by the normal distribution."""

    value: float
    standard_error: float
    low: float
    high: float
    effective_n: float  # (sum w)^2 / sum w^2 (Kish): so many visits of its own would be as telling; at most n
    clipped: float  # share of the sum of w that `clip` cut off


def ips(log: Log, *, clip: float | None = None, confidence: float = 0.95) -> Value:
    """Inverse propensity scoring: value = mean of w r,  standard_error = sd of w r / sqrt(n).

    Parameters
    ----------
    clip : weights above it are set to it, above 0; 10 to 100 is usual. It tames the noise and costs a bias towards 0:
        value loses mean((w - clip) r) over the clipped visits, for rewards in [0, 1] at most about `clipped`. The
        interval knows nothing of that. None: no bias.

    >>> log = Log.of([0, 1, 1, 0], [0, 1, 1, 0], [0.5, 0.5, 0.5, 0.5], target=[0.2, 0.8])
    >>> ips(log).value, ips(log).effective_n.__round__(2)
    (0.8, 2.94)
    """
    w, clipped = _weights(log, clip)
    return _value(w * log.reward, w, clipped, confidence)


def snips(log: Log, *, clip: float | None = None, confidence: float = 0.95) -> Value:
    """Self-normalised: value = sum of w r / sum of w,  standard_error = sd of w (r - value) / (mean of w sqrt(n)).

    The weights should have mean 1 and by chance have not; dividing by what they have takes that noise out, most of all
    where rewards are far from 0. The bias falls as 1 / n. Parameters as of `ips`.
    """
    w, clipped = _weights(log, clip)
    if w.sum() == 0:
        raise DataError("target: it never shows what was logged, so the log says nothing about it.")
    value = (w * log.reward).sum() / w.sum()
    return _value(value + w * (log.reward - value) / w.mean(), w, clipped, confidence)


def doubly_robust(log: Log, predicted: Any, *, clip: float | None = None, confidence: float = 0.95) -> Value:
    """A model of the rewards, corrected by the log where it was wrong:

        value = mean of v,    v = sum over actions a of target[a] predicted[a] + w (r - predicted[a_i])

    The better the predictions, the less is left for the weights to blow up. standard_error = sd of v / sqrt(n).

    Parameters
    ----------
    predicted : (n, n_actions) or (n_actions,), the reward that a model expects of each action at each visit. Fitted on
        other visits: a model that has learned these rewards by heart leaves nothing to correct, and the interval is too
        narrow.
    clip, confidence : as of `ips`; what clipping cuts off is the correction, so it costs less here.
    """
    q = np.asarray(predicted, dtype=float)
    if q.shape not in (log.target.shape, log.target.shape[1:]) or not np.isfinite(q).all():
        raise DataError(f"predicted {q.shape}: give finite numbers for each visit and action, {log.target.shape}.")
    q, (w, clipped) = np.broadcast_to(q, log.target.shape), _weights(log, clip)
    return _value((log.target * q).sum(axis=1) + w * (log.reward - log.at(q)), w, clipped, confidence)


# ---------------------------------------------------------------------- shared machinery
def _weights(log: Log, clip: float | None) -> tuple[np.ndarray, float]:
    """(w, the share of their sum that was clipped)"""
    full = log.at(log.target) / log.propensity
    if clip is None:
        return full, 0.0
    checks.number("clip", clip, 0, "the largest weight that a visit may have", above=True)
    w = np.minimum(full, clip)
    return w, float(1 - w.sum() / full.sum()) if full.sum() else 0.0


def _value(terms: np.ndarray, w: np.ndarray, clipped: float, confidence: float) -> Value:
    """The mean of independent terms."""
    value, error = float(terms.mean()), float(terms.std(ddof=1) / np.sqrt(len(terms)))
    reach = float(special.ndtri(interval_end(confidence)) * error)
    effective_n = float(w.sum() ** 2 / (w**2).sum()) if w.any() else 0.0
    return Value(value, error, value - reach, value + reach, effective_n, clipped)
