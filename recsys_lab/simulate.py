"""An audience that clicks: users fitted to MovieLens, whose true chances are known.

An experiment on real people never shows its truth: was the lift of 2 % real, or luck? Here the truth is a formula, so
every method of recsys_lab.experiment can be held against it. A click on film i at rank k needs two things (the
position-based model): the user u looks at the rank, and then likes what is there.

    P(click) = e_k a_ui                  e_k = k^-position_bias
    logit a_ui = w_0 + w_s (p_u . q_i) + w_n log(1 + n_i) - fatigue s_ui + novelty 2^(-age / HALF_LIFE) + shift

p_u, q_i are the vectors of ImplicitALS fitted on the films that users liked (four stars or more), n_i counts the
ratings of film i, and w_s, w_n come from a logistic regression that tells held-out liked films from films that the
user never rated. So the strengths of taste and of popularity are MovieLens'. w_0 is not, because MovieLens holds no
impressions: `click_rate` sets it. The last three terms are effects to be switched on:

- fatigue: s_ui counts how often u was shown i before without a click;
- novelty: lists by a changed system draw attention that wears off; `age` is the number of days since the change;
- drift: tastes turn towards those of another user v, around the mean m of all users' tastes:
  p_u(day) = m + cos(drift day) (p_u - m) + sin(drift day) (p_v - m). Mean and spread of tastes stay as they are.

The number of visits a day is Poisson, in proportion to how many films the user rated: few users make most visits, and
an average over impressions is not an average over users.

What it is not: the truth is a factorization, so factorizations have an easy time; users neither leave nor talk to each
other; a click on one film of a list does not keep a user from clicking on the next.

Sources: Richardson, Dominowska and Ragno 2007, Craswell et al. 2008 (positions); Joachims, Swaminathan and Schnabel
2017 (e_k as a power of the rank).
"""

from __future__ import annotations

import struct
import uuid
from typing import Self

import numpy as np
import pandas as pd
from scipy.special import expit

from recsys_lab.als import ImplicitALS
from recsys_lab.checks import fits_memory, number, whole
from recsys_lab.errors import DataError, NotFittedError, UnknownIdError, few
from recsys_lab.ratings import Ratings, require_columns
from recsys_lab.split import per_user_split

LIKED = 4.0  # stars; below, a rating says that the film was watched and not much liked
HALF_LIFE = 5.0  # days in which the novelty of a change wears off by half
DAY = 86_400.0  # seconds
START = 893_289_600.0  # day 0: 1998-04-23, midnight UTC, the day after the last rating of MovieLens 100K
TOP = 10  # click_rate is set on lists of that many films
EVENT_COLUMNS = ["id", "kind", "user", "item", "rank", "request_id", "model", "experiment", "variant", "at"]


class Audience:
    """Users who look at lists and click, with known chances. The model is at the top of this file.

    Parameters
    ----------
    click_rate : above 0, below 1; the mean chance that a user clicks a film that they look at, over all users and, for
        each, the ten most rated films that they have not rated: the click rate of the popularity list.
    position_bias : 0 to 5; 0 looks at every rank, 1 looks at rank k with chance 1 / k.
    fatigue : 0 to 10; by how much each showing without a click lowers the logit. 0 switches it off.
    novelty : -10 to 10; by how much a change raises the logit on its first day (below 0: users dislike change).
    drift : 0 to 1; radians that tastes turn a day. At 0.05 they are those of another user after a month.
    visits : above 0, up to 1,000; mean visits a day and user.
    factors : length of the hidden vectors, from 1. seed : of the fit and of all draws; the same seed, the same clicks.

    Attributes
    ----------
    train_ : Ratings of the fit. tastes_, films_ : (n_users, k), (n_items, k), p and q. others_ : (n_users,), the row v
    towards which tastes turn. weights_ : (w_0, w_s, w_n). pull_ : (n_items,), w_n log(1 + n_i).
    activity_ : (n_users,), mean visits a day. shown_ : (n_users, n_items), s, what `visit` has shown without a click.

    Time: fit as ImplicitALS, twice; a draw O(k) for each row of the lists. Memory O(n_users n_items), for s.
    Cold start: unknown users and films are refused with UnknownIdError, since their chances are not known.
    Raises DataError for a parameter out of range and NotFittedError before `fit`.

    >>> from recsys_lab import datasets, registry
    >>> ratings = datasets.toy().ratings
    >>> audience = Audience(click_rate=0.2, factors=2).fit(ratings)
    >>> lists = registry.make("popularity").fit(ratings).recommend(audience.users[:2], n=2)
    >>> audience.probabilities(lists).round(2)
    array([0.2, 0.1, 0.2, 0.1])
    >>> audience.visit(lists).kind.value_counts().to_dict()
    {'impression': 4}
    """

    train_: Ratings
    tastes_: np.ndarray
    films_: np.ndarray
    others_: np.ndarray
    weights_: tuple[float, float, float]
    pull_: np.ndarray
    activity_: np.ndarray
    shown_: np.ndarray

    def __init__(
        self,
        *,
        click_rate: float = 0.1,
        position_bias: float = 1.0,
        fatigue: float = 0.0,
        novelty: float = 0.0,
        drift: float = 0.0,
        visits: float = 1.0,
        factors: int = 32,
        seed: int = 0,
    ) -> None:
        self.click_rate = click_rate
        self.position_bias = position_bias
        self.fatigue = fatigue
        self.novelty = novelty
        self.drift = drift
        self.visits = visits
        self.factors = factors
        self.seed = seed

    # ------------------------------------------------------------------ the fit
    def fit(self, ratings: Ratings | pd.DataFrame) -> Self:
        """Learn tastes, and how much they and popularity matter, from ratings. May be called again.

        At least two users must have liked two films each: what is held out has to be told from what was never rated.
        """
        self._check()
        train = ratings if isinstance(ratings, Ratings) else Ratings.from_frame(ratings)
        fits_memory("Audience: what each user was shown", 2.0 * train.n_users * train.n_items, "Take fewer users.")
        rng = np.random.default_rng(self.seed)
        w_s, w_n = self._strengths(train, rng)
        tastes, films = self._vectors(train)
        pull = w_n * np.log1p(np.bincount(train.matrix.indices, minlength=train.n_items))
        counts = np.diff(train.matrix.indptr)
        rows, columns = _popular_and_new(train)
        without = w_s * np.einsum("nk,nk->n", tastes[rows], films[columns]) + pull[columns]
        self.tastes_, self.films_, self.pull_ = tastes, films, pull
        self.weights_ = intercept(without, self.click_rate), w_s, w_n
        self.others_ = rng.permutation(train.n_users)
        self.activity_ = self.visits * counts / counts.mean()
        self.shown_ = np.zeros((train.n_users, train.n_items), np.int16)
        self._rng = rng
        self.train_ = train
        return self

    def _check(self) -> None:
        number("click_rate", self.click_rate, 0, "the chance of a click on a film that is looked at", 0.99, above=True)
        number("position_bias", self.position_bias, 0, "rank k is looked at with chance k^-position_bias", 5)
        number("fatigue", self.fatigue, 0, "each showing without a click lowers the logit by it", 10)
        number("novelty", self.novelty, -10, "a change raises the logit by it on its first day", 10)
        number("drift", self.drift, 0, "the radians that tastes turn a day", 1)
        number("visits", self.visits, 0, "mean visits a day and user", 1000, above=True)
        whole("factors", self.factors, 1, "a user is described by that many numbers")
        whole("seed", self.seed, 0, "it starts the random numbers")

    def _vectors(self, train: Ratings | pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        model = ImplicitALS(factors=self.factors, threshold=LIKED, seed=self.seed).fit(train)
        return model.user_factors_, model.item_factors_

    def _strengths(self, full: Ratings, rng: np.random.Generator) -> tuple[float, float]:
        """w_s and w_n: a logistic regression on liked films held out, and as many films that were never rated."""
        part, held_out = per_user_split(full.to_frame(), test=0.2, seed=rng)
        train = Ratings.from_frame(part)
        liked = held_out[(held_out["rating"] >= LIKED) & held_out["item"].isin(train.items.ids)]
        if (part["rating"] >= LIKED).sum() < 2 or len(liked) < 2:
            raise DataError(
                f"Audience: {len(liked)} held-out ratings of {LIKED:g} or more are too few to fit tastes on; "
                "pass more ratings."
            )
        p, q = self._vectors(train)
        popularity = np.log1p(np.bincount(train.matrix.indices, minlength=train.n_items))
        rows, columns = train.users.rows(liked["user"]), train.items.rows(liked["item"])
        others = rng.integers(0, train.n_items, 10 * len(rows))
        many = np.repeat(rows, 10)
        rated = full.matrix[full.users.rows(train.users.ids[many]), full.items.rows(train.items.ids[others])]
        never = np.asarray(rated).ravel() == 0
        rows, columns = np.concatenate([rows, many[never]]), np.concatenate([columns, others[never]])
        likes = np.arange(len(rows)) < len(liked)
        x = np.column_stack([np.ones(len(rows)), np.einsum("nk,nk->n", p[rows], q[columns]), popularity[columns]])
        _, w_s, w_n = _logistic(x, likes)
        return float(w_s), float(w_n)

    # ------------------------------------------------------------------ the truth
    @property
    def users(self) -> np.ndarray:
        """The ids of the users, in the order of their rows."""
        return self._fitted().train_.users.ids

    def appeal(self, lists: pd.DataFrame, *, day: float = 0, age: float | None = None, shift: float = 0) -> np.ndarray:
        """a_ui of each row of `lists` (columns user, item): the chance of a click, given that the user looks.

        day : days since START, from 0. age : days since the list's maker changed, None for a maker that users know.
        shift : added to the logit, a number or one for each row; a treatment whose effect is chosen.
        """
        rows, columns = self.rows(lists)
        angle = self.drift * _day(day)
        c, s = np.cos(angle), np.sin(angle)  # the mean's share is what these leave: exactly 0 without drift
        turned = c * self.tastes_[rows] + s * self.tastes_[self.others_[rows]] + (1 - c - s) * self.tastes_.mean(axis=0)
        w_0, w_s, _ = self.weights_
        logit = w_0 + w_s * np.einsum("nk,nk->n", turned, self.films_[columns]) + self.pull_[columns]
        logit = logit - self.fatigue * self.shown_[rows, columns] + shift
        if age is not None:
            number("age", age, 0, "the days since the change")
            logit = logit + self.novelty * 2 ** (-age / HALF_LIFE)
        return expit(logit)

    def looks(self, rank: np.ndarray | pd.Series) -> np.ndarray:
        """e_k: the chance that a user looks at rank k, counted from 1."""
        rank = np.asarray(rank, float)
        if not (rank >= 1).all():
            raise DataError(f"rank: {few(rank[~(rank >= 1)])} is not a rank; they count from 1.")
        return rank**-self.position_bias

    def probabilities(
        self, lists: pd.DataFrame, *, day: float = 0, age: float | None = None, shift: float = 0
    ) -> np.ndarray:
        """The true chance of a click for each row of `lists` (columns user, item, rank), as `recommend` gives them."""
        require_columns(lists, user="user", item="item", rank="rank")
        return self.looks(lists["rank"]) * self.appeal(lists, day=day, age=age, shift=shift)

    def value(self, lists: pd.DataFrame, *, day: float = 0, age: float | None = None, shift: float = 0) -> float:
        """The true mean number of clicks a visit, over the visits that the users of `lists` make."""
        clicks = pd.Series(self.probabilities(lists, day=day, age=age, shift=shift)).groupby(lists["user"].to_numpy())
        per_user = clicks.sum()
        return float(np.average(per_user, weights=self.activity_[self._users(per_user.index)]))

    # ------------------------------------------------------------------ draws
    def arrivals(self, users: np.ndarray | None = None, *, days: float = 1) -> np.ndarray:
        """How many visits each of these users (all by default) makes in so many days: Poisson."""
        number("days", days, 0, "for how long")
        rows = slice(None) if users is None else self._users(users)
        return self._fitted()._rng.poisson(days * self.activity_[rows])

    def visit(
        self,
        lists: pd.DataFrame,
        *,
        day: float = 0,
        age: float | None = None,
        shift: float = 0,
        request_id: str | None = None,
        model: str | None = None,
        experiment: str | None = None,
        variant: str | None = None,
    ) -> pd.DataFrame:
        """One visit of each user of `lists`: the events that a service logs, an impression a row and then the clicks.

        Every row is an impression, whether the user looked or not: a service cannot know. What was shown without a
        click tires the user (if fatigue is on) from the next visit on. Columns are those of serve.events; ids are
        UUIDs from the seed, and times lie within the day, a user's visit at one instant, clicks seconds later.
        """
        chances = self.probabilities(lists, day=day, age=age, shift=shift)
        rows, columns = self.rows(lists)
        clicked = self._rng.random(len(lists)) < chances
        np.add.at(self.shown_, (rows[~clicked], columns[~clicked]), 1)
        users, who = np.unique(rows, return_inverse=True)
        at = START + DAY * day + self._rng.uniform(0, DAY - 600, len(users))[who].round(3)
        seen = pd.DataFrame(
            {"kind": "impression", "user": lists["user"].to_numpy(), "item": lists["item"].to_numpy()}
        ).assign(rank=lists["rank"].to_numpy(), at=at)
        clicks = seen[clicked].assign(kind="click", at=at[clicked] + 1 + lists["rank"].to_numpy()[clicked])
        events = pd.concat([seen, clicks], ignore_index=True)
        events = events.assign(request_id=request_id, model=model, experiment=experiment, variant=variant)
        events["id"] = _uuids(self._rng, len(events))
        return events.sort_values(["at", "rank"], kind="stable", ignore_index=True)[EVENT_COLUMNS]

    def crowd(self, n: int) -> np.ndarray:
        """n users drawn at random, with repetition: stand-ins for an audience larger than MovieLens."""
        whole("n", n, 1, "how many users")
        return self._fitted()._rng.choice(self.train_.users.ids, n)

    def totals(
        self,
        lists: pd.DataFrame,
        users: np.ndarray,
        visits: np.ndarray,
        *,
        day: float = 0,
        age: float | None = None,
        shift: float = 0,
    ) -> pd.DataFrame:
        """Many visits at once, without single events: columns user, visits, impressions, clicks, a row for each of `users`.

        users : whose visits; with repetition (see `crowd`) each row is a person of its own with that user's taste.
        visits : their number, aligned with `users`. lists : what each user is shown; every one of `users` is in it.
        The law is that of `visit` while fatigue is off: clicks on a rank are binomial. Fatigue changes chances from
        visit to visit, so then this is refused.
        """
        if self.fatigue:
            raise DataError(f"fatigue={self.fatigue:g} changes chances from visit to visit: draw each with `visit`.")
        chances = self.probabilities(lists, day=day, age=age, shift=shift)
        who, known = pd.factorize(lists["user"])
        place = pd.Index(known).get_indexer(users)
        visits = np.asarray(visits)
        if (place < 0).any():
            raise UnknownIdError(f"users {few(np.asarray(users)[place < 0])} have no list.")
        if visits.shape != place.shape:
            raise DataError(f"visits has shape {visits.shape}; there are {len(place)} users.")
        long = np.bincount(who)
        table = np.zeros((len(known), long.max()))  # a row for each list; ranks beyond its end are never clicked
        table[who, lists.groupby(who).cumcount()] = chances
        clicks = self._rng.binomial(visits[:, None], table[place]).sum(axis=1)
        return pd.DataFrame({"user": users, "visits": visits, "impressions": visits * long[place], "clicks": clicks})

    # ------------------------------------------------------------------ helpers
    def _fitted(self) -> Self:
        if not hasattr(self, "train_"):
            raise NotFittedError("Audience is not fitted: call fit(ratings) first.")
        return self

    def _users(self, users: np.ndarray | pd.Index | pd.Series) -> np.ndarray:
        rows = self._fitted().train_.users.rows(users)
        if (rows < 0).any():
            raise UnknownIdError(f"users {few(np.asarray(users)[rows < 0])} are not in this audience.")
        return rows

    def rows(self, lists: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """The users' rows and the films' columns of `lists` (columns user, item); unknown ones are refused."""
        self._fitted()
        require_columns(lists, user="user", item="item")
        rows, columns = self._users(lists["user"]), self.train_.items.rows(lists["item"])
        if (columns < 0).any():
            raise UnknownIdError(f"items {few(lists['item'][columns < 0])} are not among this audience's films.")
        return rows, columns


def _uuids(rng: np.random.Generator, n: int) -> list[str]:
    """Random UUIDs (version 4) from our own generator, so that a seed gives the same log."""
    return [str(uuid.UUID(bytes=part, version=4)) for (part,) in struct.iter_unpack("16s", rng.bytes(16 * n))]


def _day(day: float) -> float:
    number("day", day, 0, "days since the start")
    return float(day)


def _popular_and_new(train: Ratings) -> tuple[np.ndarray, np.ndarray]:
    """Aligned rows and columns: for each user the TOP most rated films that they have not rated."""
    order = np.argsort(-np.bincount(train.matrix.indices, minlength=train.n_items), kind="stable")
    lists = [order[~np.isin(order, train.of(row)[0])][:TOP] for row in range(train.n_users)]
    return np.repeat(np.arange(train.n_users), [len(films) for films in lists]), np.concatenate(lists)


def _logistic(x: np.ndarray, y: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    """w that maximises the likelihood of P(y = 1) = expit(x . w), by Newton's method; the ridge keeps a tiny set's finite."""
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = expit(x @ w)
        gradient = x.T @ (y - p) - ridge * w
        step = np.linalg.solve((x.T * (p * (1 - p))) @ x + ridge * np.eye(len(w)), gradient)
        w = w + step
        if np.abs(step).max() < 1e-10:
            break
    return w


def intercept(without: np.ndarray, rate: float) -> float:
    """w_0 at which the mean of expit(w_0 + without) is `rate`, by bisection."""
    low, high = -50.0 - float(without.max()), 50.0 - float(without.min())
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(middle + without).mean() < rate else (low, middle)
    return (low + high) / 2
