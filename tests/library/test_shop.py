"""The shop: its log follows the chances at the top of its file, holds what a shop's log holds, and can be learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_lab import Ratings, compare, datasets, evaluate_ranking, fetch, registry, shop
from recsys_lab.beyond import inequality
from recsys_lab.browse import draw
from recsys_lab.errors import DataError, NotFittedError, UnknownIdError
from recsys_lab.funnel import EVENTS, automated, cut, interactions
from recsys_lab.shop import SPAN, Shop
from recsys_lab.simulate import DAY, START

WANTED = {"basket": 3.0, "purchase": 5.0}


@pytest.fixture(scope="module")
def film_shop(ml100k):
    return Shop().fit(ml100k.ratings, ml100k.items)


@pytest.fixture(scope="module")
def log(film_shop):
    return film_shop.log(truth=True)


@pytest.fixture(scope="module")
def people(log):
    return log[~log["bot"]]


@pytest.fixture(scope="module")
def small(ml100k):
    """The tastes of sixty users; `again=1` and the rest off: what is drawn has no memory."""
    few = ml100k.ratings[ml100k.ratings["user"] <= 60]
    return lambda **options: Shop(**{"factors": 8, **options}).fit(few, ml100k.items)


def gini(items, n):
    return float(inequality(np.pad(items.value_counts().to_numpy(), (n - items.nunique(), 0))))


def keys(events):
    return pd.MultiIndex.from_frame(events[["session", "item"]])


# ------------------------------------------------------------------ what a log is
def test_the_log_has_its_columns_and_is_sorted_by_time(film_shop, log):
    seen = log.drop(columns=["customer", "bot"])
    assert list(seen.columns) == ["session", "user", "item", "event", "price", "timestamp"]
    assert seen["timestamp"].is_monotonic_increasing
    assert seen["timestamp"].between(START, START + SPAN * DAY, inclusive="left").all()
    assert (seen["timestamp"].dtype, seen["user"].dtype.name, seen["item"].dtype) == ("int64", "Int64", "int64")
    assert seen["item"].isin(film_shop.products["item"]).all()
    price = film_shop.products.set_index("item")["price"]
    np.testing.assert_array_equal(seen["price"], price[seen["item"]])
    begins = log.groupby("session")["timestamp"].min()
    assert begins.is_monotonic_increasing  # numbered as they begin, so a number says nothing else
    assert (begins.index == np.arange(len(begins))).all()


def test_each_step_follows_the_one_before_in_its_session(log):
    at = {kind: log[log["event"] == kind].set_index(["session", "item"])["timestamp"] for kind in EVENTS}
    for before, after in (("view", "basket"), ("basket", "purchase"), ("purchase", "return")):
        assert at[after].index.is_unique
        gap = at[after] - at[before].reindex(at[after].index)
        assert gap.gt(0).all()  # NaN, where the step before is missing, is not
    days = (at["return"] - at["purchase"].reindex(at["return"].index)) / DAY
    assert days.between(3, 21).all()
    whose = log.groupby("session")[["user", "customer"]].nunique()
    assert whose["customer"].eq(1).all()
    assert whose["user"].le(1).all()


def test_nothing_happens_with_what_is_not_in_stock(film_shop, log):
    days = (log["timestamp"] - START) // DAY
    column = film_shop.audience_.train_.items.rows(log["item"])
    live = log["event"] != "return"  # what was bought can come back when it is sold out
    assert (days >= film_shop.from_[column])[live].all()
    assert (days < film_shop.until_[column])[live].all()
    late, gone = film_shop.from_ > 0, film_shop.until_ < SPAN
    assert (late.sum(), gone.sum(), (late & gone).sum()) == (252, 168, 0)
    seen = np.bincount(column, minlength=len(late))
    assert (seen[late].sum(), seen[gone].sum()) > (10_000, 5_000)
    assert film_shop.products["available_from"].eq(START + DAY * film_shop.from_).all()
    stocked = film_shop.in_stock(100)
    assert set(stocked) == set(film_shop.products["item"][(film_shop.from_ <= 100) & (film_shop.until_ > 100)])


def test_the_same_seed_gives_the_same_log_and_a_shorter_one_is_its_beginning(small):
    one, other = small(), small()
    whole = one.log(40, truth=True)
    pd.testing.assert_frame_equal(whole, other.log(40, truth=True))
    start = whole[whole["timestamp"] < START + 25 * DAY]
    pd.testing.assert_frame_equal(other.log(25, truth=True), start)
    assert not small(seed=1).log(25, truth=True).equals(start)


# ------------------------------------------------------------------ the truth
def test_chances_are_the_formula(film_shop):
    rng = np.random.default_rng(0)
    items = film_shop.products["item"].to_numpy()
    pairs = pd.DataFrame({"user": rng.choice(film_shop.users, 30), "item": rng.choice(items, 30)})
    a, literal = film_shop.audience_, []
    for user, item in pairs.to_numpy():
        row, column = list(film_shop.users).index(user), list(items).index(item)
        t = a.weights_[1] * sum(a.tastes_[row, f] * a.films_[column, f] for f in range(32))
        dear = np.log(film_shop.products["price"][column] / film_shop.products["price"].median())
        logit = film_shop.base_ + t / 2 - film_shop.sensitivity_[row] * dear
        literal.append(film_shop.checkout_rate / (1 + np.exp(-logit)))
    np.testing.assert_allclose(film_shop.chances(pairs), literal, rtol=1e-9)


def test_steps_happen_as_often_as_their_chances_say(film_shop, people):
    """Within four standard deviations of a binomial, in ten groups of views from the unlikeliest to the likeliest."""
    of = {kind: people[people["event"] == kind] for kind in EVENTS}
    views = of["view"]
    chance = film_shop.chances(views.assign(user=views["customer"].astype(int))) / film_shop.checkout_rate
    basket = keys(views).isin(keys(of["basket"]))
    group = pd.qcut(chance, 10, labels=False)
    expected, variance = np.bincount(group, chance), np.bincount(group, chance * (1 - chance))
    assert (abs(np.bincount(group, basket) - expected) < 4 * np.sqrt(variance)).all()
    assert chance[group == 9].mean() > 5 * chance[group == 0].mean()

    early = of["purchase"][
        of["purchase"]["timestamp"] < START + (SPAN - 21) * DAY
    ]  # the others' returns may be missing
    rows = {
        "checkout": (len(of["purchase"]), len(of["basket"]), film_shop.checkout_rate),
        "returns": (keys(early).isin(keys(of["return"])).sum(), len(early), film_shop.return_rate),
        "anonymous": (people.groupby("session")["user"].count().eq(0).sum(), people["session"].nunique(), 0.25),
    }
    for what, (hits, n, rate) in rows.items():
        assert abs(hits - n * rate) < 4 * np.sqrt(n * rate * (1 - rate)), what


def test_what_is_looked_at_follows_its_law(small):
    one = small(views=1, again=1, arriving=0, leaving=0, bots=0, visits=2)
    views = one.log(60, truth=True).query("event == 'view'")
    law = np.exp(one.taste_ + one.audience_.pull_ / 2)
    law /= law.sum(axis=1, keepdims=True)
    visits = views["customer"].value_counts().reindex(one.users, fill_value=0).to_numpy()
    expected, variance = visits @ law, visits @ (law * (1 - law))
    counts = np.bincount(one.audience_.train_.items.rows(views["item"]), minlength=len(expected))
    z = ((counts - expected) / np.sqrt(variance))[expected > 5]
    assert len(z) > 100
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.85 < z.std() < 1.15


def test_a_weight_of_nothing_is_never_drawn():
    weights = np.array([[0.0, 1.0, 0.0, 3.0], [2.0, 0.0, 0.0, 0.0]])
    drawn = draw(weights, np.repeat([0, 1], 4_000), np.random.default_rng(0))
    assert np.bincount(drawn[:4_000], minlength=4)[[0, 2]].sum() == 0
    assert abs((drawn[:4_000] == 3).mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 4_000)
    assert (drawn[4_000:] == 0).all()


def test_weekends_and_the_season_bring_more_sessions(small):
    one = small(visits=4, views=1, weekend=0.5, season=0.5, bots=0)
    begins = one.log(SPAN).drop_duplicates("session")["timestamp"]
    day = pd.to_datetime(begins, unit="s")
    daily = day.dt.date.value_counts().sort_index()
    is_weekend = np.array([date.weekday() >= 5 for date in daily.index])
    assert daily[is_weekend].mean() / daily[~is_weekend].mean() == pytest.approx(1.5, rel=0.04)
    june = daily[[date.month == 6 for date in daily.index]].mean()  # half a year from the peak
    october = daily[[date.month == 10 for date in daily.index]].mean()
    assert october / june == pytest.approx(1.3 / 0.5, rel=0.1)


def test_customers_come_as_often_as_they_rated(film_shop, people):
    sessions = people.groupby("customer")["session"].nunique().reindex(film_shop.users, fill_value=0)
    assert np.corrcoef(sessions, film_shop.activity_)[0, 1] > 0.97
    assert film_shop.activity_[film_shop.bots_].sum() == 0


def test_a_purchase_is_seldom_repeated(small, people):
    bought = people[people["event"] == "purchase"]
    assert 0 < bought.duplicated(["customer", "item"]).mean() < 0.05
    free = small(again=1, visits=1).log(60, truth=True).query("event == 'purchase'")
    assert free.duplicated(["customer", "item"]).mean() > 0.1


def test_the_tail_is_that_of_movielens(ml100k, log, people):
    pairs = interactions(log)["item"]
    assert gini(pairs, 1682) == pytest.approx(gini(ml100k.ratings["item"], 1682), abs=0.03)
    bought = people.loc[people["event"] == "purchase", "item"]
    assert 0.85 < gini(bought, 1682) < 0.93  # the first choices of many are the same


def test_value_is_the_mean_number_of_purchases_kept(film_shop):
    lists = registry.make("popularity").fit(film_shop.audience_.train_).recommend(film_shop.users[:40], n=5)
    clicks = film_shop.audience_.probabilities(lists)
    literal = clicks * film_shop.chances(lists) * (1 - film_shop.return_rate)
    literal[~lists["item"].isin(film_shop.in_stock(150)).to_numpy()] = 0
    sums = literal.reshape(40, 5).sum(axis=1)
    weights = film_shop.activity_[:40]
    assert film_shop.value(lists, day=150) == pytest.approx((weights * sums).sum() / weights.sum())


# ------------------------------------------------------------------ programs
def test_programs_are_found_and_people_are_not(film_shop, log):
    caught = automated(log)
    assert (caught == log["bot"]).all()
    views = log[log["event"] == "view"]
    assert 0.05 < views["bot"].mean() < 0.12
    assert set(log.loc[log["bot"], "event"]) == {"view"}
    assert log.loc[log["bot"], "customer"].nunique() == film_shop.bots == 3


def test_programs_are_a_trap(log):
    """Left in, they look like the keenest customers, and make everything look alike."""
    open_eyed = interactions(log)
    blind = log[log["event"] == "view"].dropna(subset="user").drop_duplicates(["user", "item"])
    assert blind["user"].value_counts().head(3).index.isin(log.loc[log["bot"], "customer"]).all()
    assert not open_eyed["user"].isin(log.loc[log["bot"], "customer"]).any()
    assert gini(open_eyed["item"], 1682) > gini(blind["item"], 1682)


# ------------------------------------------------------------------ to be learned from
def test_models_learn_what_popularity_does_not_know(film_shop, log):
    """A temporal split; purchases of the last fifth of the log, of products not yet in the customer's basket."""
    train, test = cut(log, 0.2, WANTED)
    known = Ratings.from_frame(train, scale=(1, 5))
    models = {name: registry.make(name).fit(known) for name in ("popularity", "item-item", "ease", "implicit-als")}
    results = {name: evaluate_ranking(model, test, k=10, relevant=5) for name, model in models.items()}
    better = compare(results, "ndcg@10", against="popularity").set_index("model")
    assert (better["low"] > 0.01).all()
    day = int((test["timestamp"].min() - START) // DAY)
    value = {
        name: film_shop.value(models[name].recommend(known.users.ids, n=10), day=day) for name in ("popularity", "ease")
    }
    assert value["ease"] > 1.15 * value["popularity"]


# ------------------------------------------------------------------ as a data set
def test_it_is_a_data_set_that_is_made_once(film_shop, log, ml100k, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_DATA", str(tmp_path))
    made = []
    monkeypatch.setattr(shop, "tables", lambda: made.append(1) or {"events": events, "items": film_shop.products})
    events = log.drop(columns=["customer", "bot"])
    data = datasets.load("shop")
    pd.testing.assert_frame_equal(datasets.events("shop"), events)
    pd.testing.assert_frame_equal(data.ratings, interactions(events))
    pd.testing.assert_frame_equal(data.items, film_shop.products)
    assert (data.name, data.scale, data.users) == ("shop", (1.0, 5.0), None)
    assert set(data.ratings["rating"]) == {1.0, 3.0, 5.0}
    assert len(made) == 1
    entry = fetch.entry("shop")
    assert (entry.ratings, entry.users) == pytest.approx((len(data.ratings), data.ratings["user"].nunique()), rel=0.01)
    assert datasets.verify("shop") == datasets.verify("shop")
    entry.path.write_bytes(entry.path.read_bytes()[:-100] + bytes(100))
    datasets.load("shop")  # damaged: made anew
    assert len(made) == 2
    assert [left.name for left in tmp_path.rglob("*") if left.is_file()] == ["tables-1.npz"]
    with pytest.raises(DataError, match="'filmtrust' has no log of events"):
        datasets.events("filmtrust")


def test_its_tables_are_those_of_a_shop_as_it_comes(ml100k, monkeypatch):
    class Opened:
        products = "the products"

        def fit(self, ratings, items):
            pd.testing.assert_frame_equal(ratings, ml100k.ratings)
            pd.testing.assert_frame_equal(items, ml100k.items)
            return self

        def log(self):
            return "the log"

    monkeypatch.setattr(shop, "Shop", Opened)
    assert shop.tables() == {"events": "the log", "items": "the products"}


# ------------------------------------------------------------------ the smallest shop, and refusals
def test_a_tiny_shop_has_quiet_days(toy):
    tiny = Shop(factors=2, bots=0, visits=0.05, arriving=0.4, leaving=0.4).fit(toy.ratings, toy.items)
    log = tiny.log(60)
    assert log["timestamp"].dtype == "int64"
    assert log["user"].dropna().isin(toy.ratings["user"]).all()
    assert len(log) > 10
    assert len(Shop(factors=2, bots=0, visits=1e-9).fit(toy.ratings, toy.items).log(2)) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"visits": 0}, "visits=0"),
        ({"views": 0.5}, r"views=0\.5"),
        ({"basket_rate": 1.0}, r"basket_rate=1\.0"),
        ({"checkout_rate": 0}, "checkout_rate=0"),
        ({"return_rate": -0.1}, r"return_rate=-0\.1"),
        ({"price_sensitivity": np.nan}, "price_sensitivity=nan"),
        ({"season": 1}, "season=1"),
        ({"weekend": -1}, "weekend=-1"),
        ({"arriving": 0.5}, r"arriving=0\.5"),
        ({"leaving": 0.5}, r"leaving=0\.5"),
        ({"again": 0}, "again=0"),
        ({"anonymous": 1}, "anonymous=1"),
        ({"bots": 6}, "bots=6: that many of 6 accounts"),
        ({"factors": 0}, "factors=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_parameters_out_of_range_are_refused(toy, options, message):
    with pytest.raises(DataError, match=message):
        Shop(**options).fit(toy.ratings, toy.items)


def test_what_has_no_truth_is_refused(film_shop, toy):
    with pytest.raises(NotFittedError, match="Shop is not fitted"):
        Shop().log()
    with pytest.raises(DataError, match="items 1 were rated and are not among the products"):
        Shop(factors=2, bots=0).fit(toy.ratings, toy.items[1:])
    with pytest.raises(DataError, match="days=0"):
        film_shop.log(0)
    with pytest.raises(UnknownIdError, match="users 5000"):
        film_shop.chances(pd.DataFrame({"user": [5000], "item": [1]}))
