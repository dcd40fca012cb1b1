"""A shop that sells the films of MovieLens as discs: a log of views, baskets and purchases whose truth is known.

No log of purchases may be passed on freely, so this one is made: customers and their tastes are those of MovieLens'
users (simulate.Audience), and everything that MovieLens does not know is assumed, and named here.

    t_ui = w_s (p_u . q_i)
    P(u looks at i next)  ~  exp(t_ui + w_n log(1 + n_i) / 2)      among what is in stock
    P(basket | u looks at i)  =  b_ui                              logit b_ui = c + t_ui / 2 - e_u log(price_i / median)
    P(purchase | basket)  =  checkout_rate
    P(return | purchase)  =  return_rate

w_s, w_n, p, q, n are the Audience's; with a whole w_n, what is looked at would follow MovieLens' likes. The half makes the
pairs of customer and product about as unequal as MovieLens' ratings (Gini indices 0.65 and 0.63): p . q holds much of
popularity already. Purchases are more unequal (0.89), since the first choices of many are the same. Who owns i looks at it
`again` times as often, for a gift. c is set so that `basket_rate` of the views end in a basket while nobody owns anything
(in half a year 12 % do, since favourites are soon bought); e_u is drawn around `price_sensitivity`.

The number of sessions a day is Poisson, in proportion to how many films the user rated, to a weekend and to a season with
its peak before Christmas; each has a geometric number of views. A purchase that is returned comes back 3 to 21 days later.
Products arrive, and sell out for good, on random days of the first half year. `anonymous` of the sessions have no user. A
few accounts are programs that read page after page: nothing in the log says which (`funnel.automated` finds them).

Assumed, then: prices, dates, and all rates. Real ones, for comparison: in the log of the shop that RetailRocket published,
2,664,312 views led to 69,332 baskets (2.6 %) and these to 22,457 purchases (32 %); half a year of MovieLens' 943 users
would hold few purchases at such rates, so here a basket is about five times as likely. Baymard Institute puts abandoned
baskets at 70 %; the National Retail Federation (USA, 2021) returns to online shops at 20.8 % of sales, all goods together;
Distil Networks (2018) programs at 42 % of the traffic of web sites, before any filter.

What it is not: the truth is a factorization, so factorizations have an easy time; nobody compares prices or is led from
one film to the next; the shop recommends nothing, so the log holds no trace of a recommender.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from scipy.special import expit

from recsys_lab import datasets
from recsys_lab.browse import draw, outcomes, visits
from recsys_lab.checks import fits_memory, number, whole
from recsys_lab.errors import DataError, NotFittedError, few
from recsys_lab.ratings import Ratings, require_columns
from recsys_lab.simulate import DAY, START, Audience, intercept

SPAN = 182  # days in which products arrive and sell out; also how long the course's log is
PRICES = [4.99, 6.99, 7.99, 9.99, 11.99, 14.99, 19.99]
SATURDAY, PEAK = 2, 236  # days after START, a Thursday: the first Saturday, and 15 December
CRAWLS = 1 / 7  # sessions of a program, a day
DRAWN = 20_000  # views on which c is set


class Shop:
    """Customers of a shop, and the log that they leave. The model is at the top of this file.

    Parameters
    ----------
    visits : above 0, up to 10; mean sessions a day and customer. views : 1 to 20; their mean number a session; a product
        that is looked at twice in a session counts once.
    basket_rate, checkout_rate : above 0, below 1; of the views, and of the baskets. return_rate : 0 to 0.9, of purchases.
    price_sensitivity : 0 to 10; the mean of e_u. At 1, a price twice as high halves the odds of a basket.
    season, weekend : 0 to 0.9 and 0 to 5; what the season's peak and a weekend's day add, as a share.
    arriving, leaving : 0 to 0.4; the share of products that arrive after the first day, and that sell out.
    again : above 0, up to 1; how often a product is looked at by who owns it, compared with others.
    anonymous : 0 to 0.9, the share of sessions without a user. bots : how many accounts are programs.
    factors : length of the hidden vectors. seed : of everything; the same seed, the same log.

    Attributes
    ----------
    audience_ : the fitted Audience. products : columns of `items` and price, available_from (seconds since 1970).
    taste_ : (n_users, n_items), t. base_ : c. sensitivity_ : (n_users,), e.
    activity_ : (n_users,), mean sessions a day, 0 for a program. bots_ : rows of the programs.
    from_, until_ : (n_items,), the day of arrival, and the first day without stock.

    Time: fit as Audience, and O(n_users n_items k); a day O(sessions n_items). Memory O(n_users n_items).
    Cold start: unknown users and items are refused, as by Audience.
    Raises DataError for a parameter out of range, NotFittedError before `fit`.

    >>> from recsys_lab.datasets import toy
    >>> shop = Shop(visits=2, bots=1, factors=2).fit(toy().ratings, toy().items)
    >>> log = shop.log(days=28)
    >>> list(log.columns), log["event"].unique()[:2].tolist()
    (['session', 'user', 'item', 'event', 'price', 'timestamp'], ['view', 'basket'])
    """

    audience_: Audience
    products: pd.DataFrame
    taste_: np.ndarray
    base_: float
    price_: np.ndarray
    sensitivity_: np.ndarray
    activity_: np.ndarray
    bots_: np.ndarray
    from_: np.ndarray
    until_: np.ndarray

    def __init__(
        self,
        *,
        visits: float = 0.25,
        views: float = 8.0,
        basket_rate: float = 0.15,
        checkout_rate: float = 0.4,
        return_rate: float = 0.1,
        price_sensitivity: float = 1.0,
        season: float = 0.3,
        weekend: float = 0.3,
        arriving: float = 0.15,
        leaving: float = 0.1,
        again: float = 0.02,
        anonymous: float = 0.25,
        bots: int = 3,
        factors: int = 32,
        seed: int = 0,
    ) -> None:
        self.visits = visits
        self.views = views
        self.basket_rate = basket_rate
        self.checkout_rate = checkout_rate
        self.return_rate = return_rate
        self.price_sensitivity = price_sensitivity
        self.season = season
        self.weekend = weekend
        self.arriving = arriving
        self.leaving = leaving
        self.again = again
        self.anonymous = anonymous
        self.bots = bots
        self.factors = factors
        self.seed = seed

    # ------------------------------------------------------------------ the fit
    def fit(self, ratings: Ratings | pd.DataFrame, items: pd.DataFrame) -> Self:
        """Learn the tastes, and open the shop: draw prices, dates and customers. May be called again.

        items : a row for each product, with a column item; the others go into `products` as they are.
        """
        self._check()
        train = ratings if isinstance(ratings, Ratings) else Ratings.from_frame(ratings)
        n, m = train.n_users, train.n_items
        whole("bots", self.bots, 0, f"that many of {n} accounts are programs", n - 1)
        fits_memory("Shop: the wishes of all customers", 24.0 * n * m, "Take fewer users.")
        require_columns(items, item="item")
        table = items.drop_duplicates("item").set_index("item")
        if not np.isin(train.items.ids, table.index).all():
            missing = train.items.ids[~np.isin(train.items.ids, table.index)]
            raise DataError(f"items {few(missing)} were rated and are not among the products: pass all of them.")
        audience = Audience(factors=self.factors, seed=self.seed).fit(train)
        rng = np.random.default_rng(self.seed)
        self.audience_ = audience
        self.taste_ = audience.weights_[1] * audience.tastes_ @ audience.films_.T
        self.price_ = rng.choice(PRICES, m)
        self.sensitivity_ = self.price_sensitivity * rng.gamma(2, 0.5, n)
        self.bots_ = rng.choice(n, self.bots, replace=False)
        self.activity_ = self.visits * audience.activity_
        self.activity_[self.bots_] = 0
        self._stock(m, rng)
        self.products = table.loc[train.items.ids].reset_index()
        self.products["price"] = self.price_
        self.products["available_from"] = (START + DAY * self.from_).astype("int64")
        who = rng.choice(n, DRAWN, p=self.activity_ / self.activity_.sum())
        counts = np.bincount(who, minlength=n)
        people = np.flatnonzero(counts)
        columns = draw(self._pull(people), np.repeat(np.arange(len(people)), counts[people]), rng)
        self.base_ = intercept(self._lean(np.repeat(people, counts[people]), columns), self.basket_rate)
        return self

    def _check(self) -> None:
        number("visits", self.visits, 0, "mean sessions a day and customer", 10, above=True)
        number("views", self.views, 1, "mean views a session", 20)
        number("basket_rate", self.basket_rate, 0, "the share of views that end in a basket", 0.99, above=True)
        number("checkout_rate", self.checkout_rate, 0, "the share of baskets that are paid", 0.99, above=True)
        number("return_rate", self.return_rate, 0, "the share of purchases that come back", 0.9)
        number("price_sensitivity", self.price_sensitivity, 0, "how much a higher price lowers the logit", 10)
        number("season", self.season, 0, "what the season's peak adds to the sessions", 0.9)
        number("weekend", self.weekend, 0, "what a weekend's day adds to the sessions", 5)
        number("arriving", self.arriving, 0, "the share of products that arrive later", 0.4)
        number("leaving", self.leaving, 0, "the share of products that sell out", 0.4)
        number("again", self.again, 0, "how often owners look at what they own", 1, above=True)
        number("anonymous", self.anonymous, 0, "the share of sessions without a user", 0.9)

    def _stock(self, m: int, rng: np.random.Generator) -> None:
        """The first day of some products, and the last of others."""
        order = rng.permutation(m)
        late, gone = int(self.arriving * m), int(self.leaving * m)
        self.from_, self.until_ = np.zeros(m, int), np.full(m, np.iinfo(int).max)
        self.from_[order[:late]] = rng.integers(1, SPAN, late)
        self.until_[order[late : late + gone]] = rng.integers(1, SPAN, gone)

    # ------------------------------------------------------------------ the truth
    @property
    def users(self) -> np.ndarray:
        """The ids of all accounts, in the order of their rows."""
        return self._fitted().audience_.users

    def in_stock(self, day: int) -> np.ndarray:
        """Which products can be bought on a day (0 is the first): their ids."""
        return self._fitted().audience_.train_.items.ids[self._stocked(day)]

    def chances(self, pairs: pd.DataFrame) -> np.ndarray:
        """P(purchase | view) of each row of `pairs` (columns user, item), for a product in stock: b_ui checkout_rate."""
        rows, columns = self._fitted().audience_.rows(pairs)
        return self._basket(rows, columns) * self.checkout_rate

    def value(self, lists: pd.DataFrame, *, day: int = 0) -> float:
        """The true mean number of purchases that are kept, a session that is shown its list (columns user, item, rank).

        A film of the list is clicked as simulate.Audience says, by its rank and the customer's taste; what is clicked is
        looked at, and then takes its way through the funnel. What is not in stock on that day is not bought. The mean is
        over sessions: customers who come often count more. That a customer owns the product is left out of account.
        """
        kept = self._fitted().audience_.probabilities(lists) * self.chances(lists) * (1 - self.return_rate)
        kept[~lists["item"].isin(self.in_stock(day)).to_numpy()] = 0
        per_user = pd.Series(kept).groupby(lists["user"].to_numpy()).sum()
        return float(np.average(per_user, weights=self.activity_[self.audience_.train_.users.rows(per_user.index)]))

    def _pull(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), n_items): what a customer's next view is drawn in proportion to, were all in stock."""
        return np.exp(self.taste_[rows] + self.audience_.pull_ / 2)

    def _lean(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The logit of a basket without c."""
        dear = np.log(self.price_[columns] / np.median(self.price_))
        return self.taste_[rows, columns] / 2 - self.sensitivity_[rows] * dear

    def _basket(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return expit(self.base_ + self._lean(rows, columns))

    def _stocked(self, day: int) -> np.ndarray:
        return (self.from_ <= day) & (day < self.until_)

    # ------------------------------------------------------------------ the log
    def log(self, days: int = SPAN, *, truth: bool = False) -> pd.DataFrame:
        """What the shop writes down in so many days: columns session, user, item, event, price, timestamp, sorted by time.

        The columns mean what the top of funnel.py says. A shorter log is the beginning of a longer one.
        truth : adds what no shop knows: customer, who it was even without a user, and bot, whether it is a program.
        """
        whole("days", days, 1, "how long the log is", 3650)
        n, m = self._fitted().taste_.shape
        owned, sessions, parts = np.zeros((n, m), bool), 0, []
        for day in range(days):
            part = self._day(day, owned)
            bought = part[part["event"] == "purchase"]
            owned[bought["customer"], bought["item"]] = True
            part["timestamp"] = (START + DAY * day + part["at"]).astype("int64")
            part["session"] += sessions
            sessions = int(part["session"].max()) + 1 if len(part) else sessions
            parts.append(part)
        log = pd.concat(parts, ignore_index=True)
        log = log[log["timestamp"] < START + DAY * days]
        log = log.sort_values(["timestamp", "session", "item"], kind="stable", ignore_index=True)
        log["price"] = self.price_[log["item"]]
        log["item"] = self.audience_.train_.items.ids[log["item"]]
        log["customer"] = pd.Series(self.users[log["customer"]]).convert_dtypes(convert_string=False)
        log["user"] = log["customer"].mask(log["anonymous"])
        columns = ["session", "user", "item", "event", "price", "timestamp"]
        return log[columns + (["customer", "bot"] if truth else [])]

    def _day(self, day: int, owned: np.ndarray) -> pd.DataFrame:
        """The events of a day, with rows and columns in the place of ids. It has random numbers of its own."""
        rng = np.random.default_rng([self.seed, day])
        season = 1 + self.season * np.cos(2 * np.pi * (day - PEAK) / 365.25)
        weekend = 1 + self.weekend * ((day - SATURDAY) % 7 < 2)
        people = np.repeat(np.arange(len(owned)), rng.poisson(self.activity_ * season * weekend))
        crawling = self.bots_[rng.random(len(self.bots_)) < CRAWLS]
        stock = self._stocked(day)
        pull = self._pull(people) * stock * np.where(owned[people], self.again, 1)
        views = visits(people, crawling, pull, stock, self.views, self.anonymous, rng)
        basket = self._basket(views["customer"].to_numpy(), views["item"].to_numpy())
        return outcomes(views, basket, self.checkout_rate, self.return_rate, rng)

    def _fitted(self) -> Self:
        if not hasattr(self, "audience_"):
            raise NotFittedError("Shop is not fitted: call fit(ratings, items) first.")
        return self


def tables() -> dict[str, pd.DataFrame]:
    """What `datasets.load("shop")` keeps: half a year of events and the products, made from MovieLens 100K."""
    movielens = datasets.load("ml-100k")
    shop = Shop().fit(movielens.ratings, movielens.items)
    return {"events": shop.log(), "items": shop.products}
