# ---
# lesson:
#   id: "3.2"
#   title: "SQL features and training-serving skew"
#   phase: 3
#   minutes: 210
#   prerequisites: ["1.3", "1.5", "3.1"]
#   objectives:
#     - "Compute features over time windows in SQL, with the moment from which each value is known"
#     - "Join features to training rows as of each row's time, by hand and with three tools that agree"
#     - "Find a leak from the future with a test, and measure what it pretends and what it is worth when served"
#     - "Find the differences between two implementations of one feature by comparing their answers"
#     - "Say how fresh a feature must be, what a backfill has to pretend, and what a service must log"
# ---
# %% [markdown]
# ## What you already know
#
# You know the bug report "it worked in staging". Same code, same request, another answer, because a cache was warm, a
# replica lagged, or a job had already run. This lesson is about that bug where it hurts most and shows least: no
# exception, no failed request, only a model that is worse in production than on the slide.
#
# | in your backend | in this lesson |
# |---|---|
# | a materialised view, refreshed as events come in | a feature table |
# | event time and arrival time in a stream | when something happened, and when it was *known* |
# | `SELECT ... AS OF` in a temporal database | a point-in-time join |
# | two services that parse the same date differently | training-serving skew |
# | replication lag | freshness of a feature |
# | an audit log with request ids | the log that tomorrow's training is made of |
#
# A **feature** is a number that a model is given about a row: how many films this user has rated, how well this film
# is rated. In phase 2 your model read a whole table and proposed films; in lesson 3.1 you put it behind an API. Most
# services then let a second model look at the proposals, with features *of this moment*: what the user did a minute
# ago, how the film fares this week. In training, that model sees thousands of past moments. When it serves, it sees
# one: now. Everything in this lesson is about making the two look the same.
#
# **Before you start.** Phase 3 needs packages of its own. If the first cell complains, end JupyterLab and run
# `make lab PHASE=3`, once.
#
# %% [markdown] instructor=true
# **Timing (210 minutes alone; two sessions of two hours in class).** Session one: sections 1 to 4 with exercises 1
# to 3. Session two: sections 5 to 7 with exercises 4 and 5, quiz, interview question.
#
# **Prepare.** Ask everybody for a number that two of their systems report differently (active users, revenue of
# yesterday). Most have one. Keep the list for section 5.
# %%
from recsys_lab.course.environment import needs

needs("phase3")  # `make lab PHASE=3` brings what this phase needs

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course import figure_alt, show, start
from recsys_lab.metrics import rmse
from recsys_lab.production.features import as_of, audit, event_features, item_features, user_features

duckdb.sql("SET threads = 1; SET enable_progress_bar = false")  # the same output in every run
ex, quiz = start("3.2")
ratings = datasets.load("ml-100k").ratings
# %% [markdown]
# ## 1. What did we know, and when?
#
# User 405 of MovieLens rated 737 films within an hour and a half. What is this person's mean rating? Ask the table:
#
# ```sql
# SELECT avg(rating) FROM ratings WHERE "user" = 405
# ```
#
# It answers 1.83 stars: a very stern user. But the table knows that *now*. Suppose that the service had been asked
# during that time, before one of the 737 ratings. What could it have known? For a user and a moment $t$, let $P$ be
# the set of ratings that the user gave **strictly before** $t$, and $r_j$ the stars of rating $j$. Then the two
# simplest features are
#
# $$n = |P| \qquad\qquad \bar r = \frac{1}{n} \sum_{j \in P} r_j$$
#
# the number of earlier ratings and their mean. The word that counts is *strictly*: the rating of second $t$ is what
# the model is to predict.


# %%
def known_before(history, user, t):
    """What was known of a user at second t: (n, r_bar)."""
    P = history[(history["user"] == user) & (history["timestamp"] < t)]
    n = len(P)
    return n, (P["rating"].sum() / n if n else np.nan)


sitting = ratings[ratings["user"] == 405].sort_values("timestamp", kind="stable")
moments = sitting["timestamp"].unique()
path = [known_before(sitting, 405, t) for t in moments]
show({"ratings": len(sitting), "different seconds": len(moments), "mean at the end": sitting["rating"].mean()})
# %% [markdown]
# The 737 ratings fall into 154 different seconds. (Presumably the site showed a page of films, and one click sent
# them all. Remember that; section 2 needs it.) Here is what could be known before each of them:
# %%
counts, means = np.array(path).T
fig, ax = plt.subplots()
ax.step(counts, means, where="post", label="mean of the ratings so far")
ax.axhline(sitting["rating"].mean(), color="#D55E00", linestyle="--", label="mean in the finished table")
ax.set(xlabel="n, ratings known of user 405", ylabel="mean rating (stars)", ylim=(1, 5))
ax.set_title("For a hundred ratings, this user looks generous")
ax.legend(loc="upper right")
figure_alt(
    fig,
    "The mean of user 405 against the number of ratings known: it stays above 4 for the first 80 ratings, falls to 2.2 "
    "by 270, and slowly to 1.8, where the dashed line of the finished table has been all along.",
)
# %% [markdown]
# The dashed line knows the ending. Put it into a training row from the beginning of the sitting, and the model learns
# from a number that no request will ever see. This is a **leak from the future**, and it needs no malice: it is what
# `GROUP BY user` gives when nobody mentions time.
#
# So a feature row needs, next to its value, **the moment from which the value is known**. Call it `known_at`. A
# training row of time $t$ may use the latest feature row with `known_at` up to $t$, and no other.
#
# ## 2. Windows, and what happens within a second
#
# `known_before` reads the history once for each row. A database does all rows in one pass, with a *window*: for each
# row, an aggregate over the rows before it. First the ratings of one second become one row (`GROUP BY ALL` is DuckDB
# for "by every column that is not aggregated"); then the window runs over the seconds.
# %%
known = duckdb.sql("""
    WITH seconds AS (
        SELECT "user", timestamp AS t, count(*) AS n, sum(rating) AS stars FROM ratings GROUP BY ALL
    )
    SELECT "user", t + 1 AS known_at, CAST(sum(n) OVER past AS bigint) AS ratings,
           sum(stars) OVER past / sum(n) OVER past AS mean_rating
    FROM seconds
    WINDOW past AS (PARTITION BY "user" ORDER BY t)
    ORDER BY "user", known_at
""").df()
known[known["user"] == 405].head(4)
# %% [markdown]
# Look at `t + 1`. The row counts what happened in second `t`, and the clock of this data set knows whole seconds
# only. Whoever asks *within* that second cannot have the row yet, so it is known from the next second on.
#
# Is that pedantry? Count how many ratings share their second with another rating of the same user. Then try the query
# that most people would write, which needs no first step: order the ratings by time, and average the rows before the
# current one. We run it twice, on the same ratings, the second time with the *rows of the table* shuffled.
# %%
crowded = ratings.duplicated(["user", "timestamp"], keep=False)
query = """
    SELECT "user", item, avg(rating) OVER (PARTITION BY "user" ORDER BY timestamp
                                           {frame} BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS mean
    FROM ratings_in_some_order ORDER BY "user", item
"""
orders = (ratings, ratings.sample(frac=1, random_state=0))
changed = {"ratings that share their second (%)": 100 * crowded.mean()}
for frame in ("ROWS", "RANGE"):
    first, second = (
        duckdb.sql(query.format(frame=frame)).df()["mean"].fillna(0).to_numpy() for ratings_in_some_order in orders
    )
    share = 100 * (np.abs(first - second) > 1e-9).mean()
    changed[f"answers changed by the row order, {frame} (%, to the nearest ten)"] = round(share, -1)
show(changed, digits=3)


# %% [markdown]
# Three quarters of all ratings share their second. With `ROWS`, half of all features depend on the order in which the
# table happens to be stored: the database must put the ratings of a second into *some* order, and "the rows before"
# then contain part of a page that was submitted at once. Restore the table from a dump, and your features change.
# (The number is rounded because it is itself not quite the same on every machine.) Worse, they leak: the other
# ratings of the same click were not known when the page was shown.
#
# `RANGE` compares values of the ordering column instead of counting rows. `1 PRECEDING` then means "at least one
# second earlier", and all rows of a second are treated alike. It changes nothing when the table is shuffled.
#
# **One more trap**, the quiz will ask for it: without any frame, the window ends in the *current row*, and for
# `RANGE` (the default) this means the whole current second. `avg(rating) OVER (PARTITION BY "user" ORDER BY
# timestamp)` contains the rating that you want to predict. The query above uses this default on purpose, and pays for
# it with `t + 1`.
#
# Now a window that forgets. Recent activity says more than a total: is the user *here*, this week?
# %% exercise="3.2.1"
def week_counts(ratings):
    """How many ratings each user gave in the seven days that end with a second of theirs, known one second later.

    ratings: frame with columns user, item, rating, timestamp (seconds). Returns a frame with columns user,
    known_at, ratings_7d: one row for each user and second in which they rated.
    """
    ### BEGIN SOLUTION
    return duckdb.sql("""
        WITH seconds AS (SELECT "user", timestamp AS t, count(*) AS n FROM ratings GROUP BY ALL)
        SELECT "user", t + 1 AS known_at, CAST(sum(n) OVER week AS bigint) AS ratings_7d
        FROM seconds
        WINDOW week AS (PARTITION BY "user" ORDER BY t RANGE BETWEEN 7 * 86400 - 1 PRECEDING AND CURRENT ROW)
    """).df()
    ### END SOLUTION


# %% check="3.2.1"
week_counts_checked = ex("3.2.1").check(week_counts)
# %% [markdown]
# `recsys_lab.production.features` makes the same three features, for users and for films. Is it the same? We compare
# all 49,439 rows of the query above and of your function, and 200 rows with `known_before`, which shares no code with
# any SQL:
# %%
features = user_features(ratings)
mine = known.merge(week_counts_checked(ratings), on=["user", "known_at"])
sample = features.sample(200, random_state=0)
by_hand = [known_before(ratings, user, t) for user, t in zip(sample["user"], sample["known_at"])]
names = ["ratings", "mean_rating", "ratings_7d"]
show(
    rows=len(features),
    windows_against_library=np.abs(mine[names].astype(float) - features[names].astype(float)).max().max(),
    loop_against_library=np.abs(np.array(by_hand) - sample[names[:2]].astype(float)).max().max(),
)


# %% [markdown]
# Nothing. Three ways, one answer. Keep the slow one: it is the best test that a fast one can have.
#
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 45 minutes with the exercise.
#
# **Misconceptions.** "`ORDER BY timestamp` makes the order unique": not with ties, and in most logs there are ties.
# "A second does not matter": it holds the label. "Milliseconds solve it": they make ties rarer and the bug harder to
# find.
#
# **To discuss.** Who has logs with a coarser clock than a second (dates!)? With daily data, when is today's row
# known?
#
# %% [markdown]
# ## 3. The as-of join
#
# Training rows on one side (who, what, when, and the stars to be predicted), feature rows on the other (who, from
# when, values). Each training row wants *the latest feature row of its user that was known by then*. An ordinary join
# cannot say "the latest"; you have written this with a correlated subquery or with `ROW_NUMBER()` before. Do it once
# more.
# %% exercise="3.2.2"
def latest_known(rows, features):
    """The mean_rating of each row's user that was the latest known at the row's time.

    rows: frame with columns user and timestamp. features: frame with columns user, known_at, mean_rating.
    Returns an array (len(rows),) in the order of rows, NaN where nothing was known yet.
    """
    ### BEGIN SOLUTION
    numbered = rows[["user", "timestamp"]].assign(place=range(len(rows)))
    pairs = numbered.merge(features, on="user")
    pairs = pairs[pairs["known_at"] <= pairs["timestamp"]].sort_values("known_at")
    return pairs.groupby("place")["mean_rating"].last().reindex(numbered["place"]).to_numpy()
    ### END SOLUTION


# %% check="3.2.2"
latest_known_checked = ex("3.2.2").check(latest_known)
# %% [markdown]
# ### From scratch, then the library
#
# Two tools have this join built in. DuckDB calls it `ASOF JOIN`; pandas calls it `merge_asof` and wants both sides
# sorted by time. The library's `as_of` is a wrapper of the first that keeps the rows, their order and their index.
# All four, on 20,000 ratings:
# %%
drawn = ratings.sample(20_000, random_state=0)
by_sql = duckdb.sql("""
    SELECT features.mean_rating
    FROM (SELECT *, row_number() OVER () AS place FROM drawn) AS asked
    ASOF LEFT JOIN features ON asked."user" = features."user" AND asked.timestamp >= features.known_at
    ORDER BY place
""").df()["mean_rating"]

left = drawn.reset_index(names="place").sort_values("timestamp")
right = features.sort_values("known_at")
by_pandas = pd.merge_asof(left, right, left_on="timestamp", right_on="known_at", by="user")
by_pandas = by_pandas.set_index("place").loc[drawn.index, "mean_rating"]

library = as_of(drawn, features, "user")["mean_rating"].astype(float).to_numpy()
answers = {"yours": latest_known_checked(drawn, features), "DuckDB ASOF": by_sql, "merge_asof": by_pandas}
gaps = {}
for name, answer in answers.items():
    answer = np.asarray(answer, dtype=float)
    gaps[f"{name}: differs by"] = np.nanmax(np.abs(answer - library))
    gaps[f"{name}: unknown"] = int(np.isnan(answer).sum())
show(gaps | {"as_of: unknown": int(np.isnan(library).sum())})
# %% [markdown]
# They agree in every value, and on the 412 rows of which nothing was known. These are ratings from the first second
# of a user's life, and they are the most instructive rows of the table: they teach the model what to do with a
# stranger. Write `ASOF JOIN` without `LEFT`, and they disappear without a word.
#
# Three options of these tools are worth a look before you trust them:
#
# - `merge_asof(direction="nearest")` and `"forward"` look into the future;
# - `allow_exact_matches` must fit `known_at`. Here equality is right *because* of the `t + 1`. If your table carries
#   the time of the event itself, equality lets the row see its own second, a leak again;
# - a tolerance (pandas) or a time to live (Feast, lesson 3.3) drops values that are too old. That is no leak, but
#   both sides must do it.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "The nearest value is the best estimate": for interpolating a temperature it is; here it reads
# tomorrow's paper. "Rows with NaN are dirty and should be dropped": they are new users.
#
# **To discuss.** The self-made join builds all pairs: with 106 ratings a user on average, and the heaviest at 737,
# how many rows does it make? (The sum of squares, not the product of means.)
#
# %% [markdown]
# ## 4. A pull request that improves everything
#
# Now a model on these features. It predicts the stars of a rating by linear regression (lesson 1.3), is fitted on the
# first 80 % of the ratings *by time*, and judged on the rest: the honest split of lesson 1.5. Where nothing is known,
# a count is 0, and a mean is filled with the mean of that column over the rows of training. Beside the RMSE we print
# the **AUC**: the chance that of two random late ratings, one liked (four stars or more) and one not, the liked one
# got the higher prediction. 0.5 is a coin, 1 is perfect.
# %%
from sklearn.metrics import roc_auc_score

from recsys_lab.regression import LinearRegression

stars = ratings["rating"].to_numpy()
early = (ratings["timestamp"] < ratings["timestamp"].quantile(0.8)).to_numpy()


def counted(X):
    """The columns as numbers; a count of nothing is 0."""
    X = X.astype(float)
    return X.fillna({name: 0 for name in X if "mean" not in name and "likes" not in name})


def judge(trained_on, served_with, model=LinearRegression):
    """Fit on the early rows of one table, predict the late rows of another. Returns (RMSE, AUC)."""
    train, serve = counted(trained_on)[early], counted(served_with)[~early]
    typical = train.mean()  # what fills a missing mean belongs to the model: training's number, when serving, too
    fitted = model().fit(train.fillna(typical).to_numpy(), stars[early])
    said = np.clip(fitted.predict(serve.fillna(typical).to_numpy()), 1, 5)
    return rmse(stars[~early], said), roc_auc_score(stars[~early] >= 4, said)


# %% [markdown]
# The features as they were known, of the user and of the film, six in all:
# %%
def both(user_table, film_table):
    """The features of user and film for every rating, as of its time."""
    tables = []
    for key, table in (("user", user_table), ("item", film_table)):
        joined = as_of(ratings, table, key)
        tables.append(joined[names].add_prefix(f"{key}_"))
    return pd.concat(tables, axis=1)


film_table = item_features(ratings)
as_known = both(features, film_table)
results = {"as known": judge(as_known, as_known)}
lazy = np.full((~early).sum(), stars[early].mean())
show({"RMSE of the mean": rmse(stars[~early], lazy), "RMSE, AUC as known": results["as known"]}, digits=3)
# %% [markdown]
# 0.994 stars, from six numbers. Then a colleague opens a pull request: "Rewrote the features as one readable query,
# added likes and the film's week. **RMSE 0.94, same split.**" The split is by time, nobody has touched it, the test
# rows come after the training rows. Here it is:
# %%
PULL_REQUEST = """
    WITH by_user AS (
        SELECT row, avg(past.rating) FILTER (past.timestamp < asked.timestamp) AS user_mean,
               avg((past.rating >= 4)::int) FILTER (past.timestamp <= asked.timestamp) AS user_likes
        FROM asked LEFT JOIN history AS past USING ("user") GROUP BY row
    ), by_film AS (
        SELECT row, count(past.rating) FILTER (past.timestamp < asked.timestamp) AS film_ratings,
               avg(past.rating) AS film_mean,
               count(past.rating) FILTER (abs(past.timestamp - asked.timestamp) < 4 * 86400) AS film_week
        FROM asked LEFT JOIN history AS past USING (item) GROUP BY row
    )
    SELECT * EXCLUDE (row) FROM by_user JOIN by_film USING (row) ORDER BY row
"""


def build(history, rows, query=PULL_REQUEST):
    """The features of each row of `rows`, in their order, computed from `history`."""
    asked = rows.reset_index(drop=True).rename_axis("row").reset_index()  # noqa: F841  the query reads it
    return duckdb.sql(query).df().set_axis(rows.index)


proposed = build(ratings, ratings)
results["pull request"] = judge(proposed, proposed)
show({"RMSE, AUC of the pull request": results["pull request"]}, digits=3)


# %% [markdown]
# The number is reproduced. A time split does not protect you here. It keeps late *rows* out of training; it says
# nothing about what went into the *features* of each row. Every feature has its own clock.
#
# You may have seen something in the query already. Do not trust your eyes; the next query will have two hundred
# lines.
# %% exercise="3.2.3"
def leaking_columns(build, ratings, moment):
    """Sorted names of the columns of build(history, rows) that use ratings which a row could not know: list of str.

    build: a function of two frames like `ratings`. It returns a frame with one line for each row of the second,
    computed from the first. moment: a timestamp, in seconds. ratings must not be changed.
    """
    ### BEGIN SOLUTION
    asked = ratings[ratings["timestamp"] <= moment]
    then = build(ratings[ratings["timestamp"] < moment], asked)
    now = build(ratings, asked)
    return sorted(name for name in now if not now[name].equals(then[name]))
    ### END SOLUTION


# %% check="3.2.3"
leaking_columns_checked = ex("3.2.3").check(leaking_columns)
# %% [markdown]
# Play the day on which a tenth of the ratings was in. The second line moves the moment to a second in which somebody
# did rate: only a row of the moment itself can show that its own second is in its features. (And two moments are better
# than one.)
# %%
moment = int(ratings["timestamp"].quantile(0.1))
moment = int(ratings.loc[ratings["timestamp"] <= moment, "timestamp"].max())
leaks = leaking_columns_checked(build, ratings, moment)
print("leaking:", ", ".join(leaks))
# %% [markdown]
# Three of the five, each in another way, and all three are classics:
#
# - **film_mean** has no condition on time at all: the mean of the finished table, the dashed line of section 1.
# - **film_week** says `abs(...)`: a window *around* the row. Half of it is future. It looks tidy in code review.
# - **user_likes** has `<=` where it needs `<`: one character, and the row's own stars are in its feature, with the
#   rest of the page.
#
# Mend the three, and run the test again:
# %%
MENDED = PULL_REQUEST.replace("<= asked.timestamp", "< asked.timestamp")
MENDED = MENDED.replace(
    "avg(past.rating) AS film_mean", "avg(past.rating) FILTER (past.timestamp < asked.timestamp) AS film_mean"
)
MENDED = MENDED.replace(
    "abs(past.timestamp - asked.timestamp) < 4 * 86400",
    "past.timestamp < asked.timestamp AND past.timestamp >= asked.timestamp - 7 * 86400",
)


def build_mended(history, rows):
    return build(history, rows, MENDED)


mended = build_mended(ratings, ratings)
print("leaking:", leaking_columns_checked(build_mended, ratings, moment))
results["pull request, mended"] = judge(mended, mended)


# %% [markdown]
# ### What is the leak worth?
#
# Offline, we know: it takes the error from 0.99 to 0.94. But the service cannot compute `film_mean` of next month. It
# will compute what it can, which is the mended features, and give them to the model that was *trained on the leaking
# ones*. That we can measure today: fit on one table, predict with the other. We do it for the pull request and for
# three single leaks in our own six features.
# %%
def counts_own_second(table):
    return table.assign(known_at=table["known_at"] - 1)


def a_day_early(table):
    return table.assign(known_at=table["known_at"] - 86_400)  # a date column, joined as if it were midnight


whole = as_known.copy()
for key in ("user", "item"):
    whole[f"{key}_mean_rating"] = ratings.groupby(key)["rating"].transform("mean")

leaking = {
    "own second counted": both(counts_own_second(features), counts_own_second(film_table)),
    "dated a day too early": both(a_day_early(features), a_day_early(film_table)),
    "means of the whole table": whole,
}
table = {"as known": [*results["as known"], *results["as known"]]}
table["pull request"] = [*results["pull request"], *judge(proposed, mended)]
table["pull request, mended"] = [*results["pull request, mended"], *results["pull request, mended"]]
for name, X in leaking.items():
    table[name] = [*judge(X, X), *judge(X, as_known)]
columns = ["RMSE offline", "AUC offline", "RMSE served", "AUC served"]
worth = pd.DataFrame(table, index=columns).T
show(worth)
# %% [markdown]
# Promise and delivery side by side; the dashed line is what our honest features deliver:
# %%
fig, ax = plt.subplots()
place = np.arange(len(worth))
ax.barh(place - 0.2, worth["RMSE offline"], height=0.38, label="promised: offline, on leaking features")
ax.barh(place + 0.2, worth["RMSE served"], height=0.38, color="#D55E00", label="delivered: the same model, served")
ax.axvline(worth.loc["as known", "RMSE served"], color="#444444", linestyle="--", linewidth=1)
ax.set_yticks(place, worth.index)
ax.invert_yaxis()
ax.set(xlabel="RMSE in stars (axis begins at 0.9; lower is better)", xlim=(0.9, 1.05))
ax.set_title("Each leak promises much and delivers nothing")
ax.legend(loc="lower center", bbox_to_anchor=(0.4, -0.4), ncols=2)
figure_alt(
    fig,
    "Pairs of bars, RMSE offline and served. As known: 0.994 both. Pull request and three leaks: 0.93 to 0.945 "
    "offline, 0.994 to 1.01 served, at or right of the dashed line of the honest features.",
)
# %% [markdown]
# Read the two colours. Offline, every leak is worth 0.05 to 0.07 stars. Served, not one of them has a lower RMSE than
# the honest features (the AUC moves in its third digit, and not always for the worse).
#
# Be fair, though: for this model, having been *trained* on leaking features costs little, between nothing and 0.01
# stars against the same features without the leak. A line with six weights cannot lean very hard on anything. A more
# flexible model can. Here are gradient-boosted trees (lesson 4.5 explains them; here they are any model that finds
# patterns by itself), on the honest features and on those that count their own second:
# %%
from sklearn.ensemble import HistGradientBoostingRegressor


def trees():
    return HistGradientBoostingRegressor(max_iter=60, early_stopping=False, random_state=0)


own = leaking["own second counted"]
flexible = {
    "trained as known, served as known": judge(as_known, as_known, trees)[0],
    "trained on the leak, offline": judge(own, own, trees)[0],
    "trained on the leak, served": judge(own, as_known, trees)[0],
}
show(flexible, digits=3)
# %% [markdown]
# Without the leak the trees beat the line. With it they lose that lead and more: the better a model learns, the more
# it trusts the feature that will not be there. But the largest damage is neither of these numbers. It is the
# **decision**: somebody compared 0.94 with 0.99, shipped the query, and stopped the work that would have gained an
# honest 0.01.
#
# The library's `audit` guards the finished table rather than the code: it recounts the features of random rows from
# the raw past. It will stand in the pipeline of lesson 3.4 as a test.
# %%
suspects = {"as known": as_of(ratings, features, "user")}
suspects["own second counted"] = as_of(ratings, counts_own_second(features), "user")
for name, rows in suspects.items():
    found = audit(rows, ratings, "user", sample=200)
    print(
        f"{name}: {len(found)} wrong values in 200 rows",
        "" if found.empty else f"({', '.join(sorted(set(found['feature'])))})",
    )
# %% [markdown]
# Three features in each of 200 rows, and 599 of the 600 values are wrong: one mean happened to stay what it was.
#
# %% [markdown] instructor=true
# **Timing.** 50 minutes with the exercise. Let people bet on the served numbers before the table.
#
# **Misconceptions.** "We split by time, so we cannot leak." "A leak makes the served model useless": mostly it makes
# it *equal*, and that is why nobody notices. "Code review finds it": give the query to half of the class with the
# question *is the style good?*
#
# **To discuss.** 2.2.5 changed all test ratings and demanded equal predictions. Why would that tripwire ring a false
# alarm here? (A late row may know earlier late ratings.)
#
# %% [markdown]
# ## 5. Two implementations of one sentence
#
# The features are honest now, and written in SQL, for training. The service cannot run a window over 100,000 rows in
# each request, so the service team wrote the same features in Python, from the same specification:
#
# | feature | the specification says |
# |---|---|
# | `user_ratings` | number of the user's earlier ratings |
# | `user_mean` | their mean |
# | `idle` | time since the user's last rating |
# | `today` | number of the user's ratings so far today |
# | `film_ratings` | number of the film's earlier ratings |
# | `film_mean` | their mean |
#
# Here is the training side. Note how `known_at` gives `idle` for free: it says how old the knowledge is.
# %%
short = {"ratings": "{}_ratings", "mean_rating": "{}_mean"}
of_user = as_of(ratings, features, "user").rename(columns={k: v.format("user") for k, v in short.items()})
of_film = as_of(ratings, film_table, "item").rename(columns={k: v.format("film") for k, v in short.items()})
trained = pd.concat([of_user[["user_ratings", "user_mean"]], of_film[["film_ratings", "film_mean"]]], axis=1)
trained[["user_ratings", "film_ratings"]] = trained[["user_ratings", "film_ratings"]].fillna(0)
trained["idle"] = (ratings["timestamp"] - (of_user["known_at"] - 1)) / 86_400  # days

numbered = ratings.reset_index(names="row")
trained["today"] = (
    duckdb.sql("""
    SELECT count(*) OVER (PARTITION BY "user", timestamp // 86400 ORDER BY timestamp
                          RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS today
    FROM numbered ORDER BY row
""")
    .df()["today"]
    .to_numpy()
)
trained = trained.astype(float)
# %% [markdown]
# And here is the other side: not their code, only what it answered. That is the usual situation, and it is enough.
# `service_log` runs their implementation on requests of our choice; we ask for 2,000 of the late rows.
# %%
from recsys_lab.course.exercises.e3_2 import FEATURES, lag_log, service_log

everything_trained = trained[list(FEATURES)]
requests = ratings[~early].sample(2000, random_state=0)
trained, served = everything_trained.loc[requests.index], service_log(requests, ratings)


def differences(trained, served):
    """For each feature: how many rows differ, in which direction, and by how much."""
    gap = served - trained
    differs = (gap.abs() > 1e-9) | (served.isna() != trained.isna())
    table = {"rows that differ (%)": 100 * differs.mean(), "served is larger (%)": 100 * (gap > 1e-9).mean()}
    return pd.DataFrame(table | {"largest gap": gap.abs().max()})


show(differences(trained, served), digits=3)
# %% [markdown]
# (The gap to a missing value has no size, and counts as 0 in the last column.) One feature of six agrees. No error
# was logged anywhere. Now it is your turn to debug.
# %% exercise="3.2.4"
# a dict from feature to cause: {"user_ratings": "the same", ...}; `trained`, `served`, `requests` are there to compare
### BEGIN SOLUTION
causes = {
    "user_ratings": "the same",
    "user_mean": "null as zero",
    "idle": "unit",
    "today": "time zone",
    "film_ratings": "stale",
    "film_mean": "rounding",
}
### END SOLUTION
# %% check="3.2.4"
causes_checked = ex("3.2.4").check(causes)
# %% [markdown]
# Which of the five differences do you mend first? The obvious order is by how many rows differ. Let us measure
# instead: fit the model on the training side, then serve all late rows, with *one* feature at a time from the service
# and the other five as they should be.
# %%
late = ratings[~early]
from_service = service_log(late, ratings)
base, _ = judge(everything_trained, everything_trained)
rows = []
for name in FEATURES:
    mixed = everything_trained.copy()
    mixed.loc[late.index, name] = from_service[name]
    share = differences(everything_trained.loc[late.index, [name]], from_service[[name]])
    rows.append((name, share["rows that differ (%)"].iloc[0], judge(everything_trained, mixed)[0] - base))
cost = pd.DataFrame(rows, columns=["feature", "rows that differ (%)", "cost in RMSE"]).set_index("feature")
all_at_once = everything_trained.copy()
all_at_once.loc[late.index] = from_service
show(cost.round(4), digits=3)
train = counted(everything_trained)[early]
weight = LinearRegression().fit(train.fillna(train.mean()).to_numpy(), stars[early]).coef_[FEATURES.index("idle")]
show(
    {
        "RMSE without skew": base,
        "RMSE with the service's features": judge(everything_trained, all_at_once)[0],
        "an hour's pause adds (stars), in days": weight / 24,
        "an hour's pause adds (stars), in seconds": weight * 3600,
    },
    digits=3,
)
# %% [markdown]
# The two columns of the table do not agree on what is urgent. Draw them:
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
left.barh(cost.index, cost["rows that differ (%)"])
left.set(xlabel="rows that differ (%)", title="What a dashboard counts")
left.invert_yaxis()
right.barh(cost.index, cost["cost in RMSE"], color="#D55E00")
right.set(xlabel="cost of the difference (RMSE, stars)", title="What it costs")
fig.suptitle("Two rows in a hundred do the most harm", fontweight="bold")
figure_alt(
    fig,
    "Two bar charts over six features. Left, rows that differ: idle and film_mean above 90 percent, film_ratings 40, "
    "today 6, user_mean 2. Right, cost: user_mean 0.053 and idle 0.037 stars, all others near 0.",
)
# %% [markdown]
# Two lessons in one picture.
#
# - **How many rows differ says little.** Nearly every `film_mean` is rounded, at a cost that does not show. The mean
#   of unknown users differs in two rows of a hundred, and costs most of all: 0 stars is not *no opinion*, it is a
#   verdict far below the scale, and the model believes it. A unit that is wrong by 86,400 is harmless while people
#   click on, and sends the prediction to the end of the scale for everybody who comes back an hour later: the last
#   line above.
# - **So compare predictions, too.** Alert on the difference that reaches the answer, and log the features to find out
#   which one it was.
#
# The remedy is not more care. It is **one definition**: one SQL text for both sides, as `user_features` is. Training
# takes the rows as of the past; the service takes, from the same table, each user's latest row. Check that this
# really is the same: for 100 late requests, cut the history off at that moment, compute the features anew from what
# is left, and take the last row.
# %%
asked = late.sample(100, random_state=1)
live = []
for user, t in zip(asked["user"], asked["timestamp"]):
    past = ratings[(ratings["user"] == user) & (ratings["timestamp"] < t)]
    live.append(user_features(past)[names].iloc[-1] if len(past) else pd.Series(np.nan, index=names))
live = np.array(live, dtype=float)
replayed = as_of(asked, features, "user")[names].to_numpy(dtype=float, na_value=np.nan)
show(requests=len(asked), differing=int((~np.isclose(live, replayed, equal_nan=True)).any(axis=1).sum()))
# %% [markdown]
# No difference. Lesson 3.3 gives this table to a feature store, which keeps the history for one side and the latest
# rows for the other.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise. It works well in pairs, one holding each side.
#
# **Misconceptions.** "The service is wrong": each side is a fair reading of the sentence; the *specification* has no
# units, no zone, no word on the unknown. "A shared library solves it": only if both sides also read the same data at
# the same moment.
#
# **To discuss.** Back to the list from the warm-up: which of the causes is behind your two numbers?
#
# %% [markdown]
# ## 6. How fresh, and how to fill in the past
#
# Until now the feature row of second `t` was known at `t + 1`. In reality there is a queue, a job, a cache in
# between. How much freshness does the model need? That is a requirement, like a latency budget, and it can be
# measured before anything is built: **delay `known_at`** and look at the error. Three times for each delay: with the
# model trained on fresh features, with one trained on features that were as late as those it serves with, and with
# only the film's features late.
# %%
delays = {"none": 0, "1 min": 60, "10 min": 600, "1 h": 3600, "6 h": 21_600, "1 day": 86_400, "7 days": 604_800}
rows = []
for name, delay in delays.items():
    late_tables = [table.assign(known_at=table["known_at"] + delay) for table in (features, film_table)]
    X = both(*late_tables)
    known_users = 100 * X.loc[~early, "user_ratings"].notna().mean()
    films_late = both(features, late_tables[1])
    errors = [judge(as_known, X)[0], judge(X, X)[0], judge(as_known, films_late)[0]]
    rows.append((name, known_users, *errors))
columns = ["delay", "user known (%)", "all late, trained fresh", "all late, trained as late", "only films late"]
freshness = pd.DataFrame(rows, columns=columns).set_index("delay")
show(freshness, digits=4)
films_only = as_known.filter(like="item_")
show({"RMSE without any feature of the user": judge(films_only, films_only)[0]}, digits=4)
# %% [markdown]
# The first column explains the others: a user whose first rating has not arrived yet is a stranger.
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4))
left.plot(freshness.index, freshness["user known (%)"], marker="o")
left.set(xlabel="delay of the features", ylabel="requests with a known user (%)", ylim=(0, 100))
left.set_title("An hour late, most users are strangers")
for (name, line), marker in zip(freshness.drop(columns="user known (%)").items(), "os^"):
    right.plot(line.index, line, marker=marker, label=name)
right.set(xlabel="delay of the features", ylabel="RMSE (stars)", title="The first ten minutes matter most")
right.legend(loc="center right")
figure_alt(
    fig,
    "Left: share of requests whose user is known falls from 98 percent at no delay to 79 at ten minutes, 38 at an hour "
    "and 19 at a week. Right: RMSE rises from 0.994 to 1.02 at ten minutes, 1.03 at an hour, then flat; trained as "
    "late a little lower; with only films late it stays at 0.994.",
)
# %% [markdown]
# A nightly job would throw nearly all of the user's features away: a day late, the error is almost that of a model
# without them. The users of this site come for an hour and do not return: 24 hours later, three of four requests come
# from people of whom the features know nothing. And most of the harm is done within ten minutes. For *films*, the
# same delay costs hardly anything (the last column): the mean of a film with 200 ratings does not change in a day. So
# the answer is not "everything in real time". It is: the user's features from a stream, the film's from a nightly
# job, and a number to justify it.
#
# Compare the two curves on the right. If features *are* late, then training should see them as late as serving does;
# that recovers a part of the loss for nothing but an addition to `known_at`.
#
# **Backfill.** The same thought answers a question that you will be asked on your first day. You invent a feature
# today and need its values for the past two years of training rows. What is the `known_at` of a value that you
# compute *now* about last March? Not now: no training row would find it. Not the time of the event: the service would
# never have had it so soon. It is the time of the event **plus the lag of the pipeline**, as if the pipeline had run
# all the time. Which requires that you know the lag.
# %%
log = lag_log()
log.head(4)
# %% exercise="3.2.5"
# the lag in minutes, a whole number, read from `log`
### BEGIN SOLUTION
lag = next(
    d
    for d in range(60)
    if (
        as_of(log, features.assign(known_at=features["known_at"] + 60 * d), "user")["ratings"].fillna(0)
        == log["served"]
    ).all()
)
### END SOLUTION
# %% check="3.2.5"
lag_checked = ex("3.2.5").check(lag)


# %% [markdown]
# **A window that does not move.** One more thing about freshness, which surprises everybody once. `ratings_7d` counts
# the seven days that end *with the row*, and a row is made when something happens. If nothing happens, no row is
# made, and the last one stays. Compare the value that `as_of` finds with a count at the time of the request:
# %%
def counted_at_request(key):
    query = f"""
        SELECT count(*) OVER (PARTITION BY "{key}" ORDER BY timestamp
                              RANGE BETWEEN 7 * 86400 PRECEDING AND 1 PRECEDING) AS n
        FROM numbered ORDER BY row
    """
    return duckdb.sql(query).df()["n"].to_numpy()


outdated = {}
for key, what in (("user", "users"), ("item", "films")):
    outdated[f"{what}: stored week is not this week (%)"] = 100 * np.mean(
        as_known[f"{key}_ratings_7d"].fillna(0).to_numpy() != counted_at_request(key)
    )
show(outdated, digits=3)
# %% [markdown]
# For users, who come and rate and go, one row in a hundred. For films, four in ten. It is neither leak nor skew, as
# long as both sides read the same table: the model is trained on what it will see. But it is not what the name says,
# and whoever counts at request time on one side only has made a skew of it. Either say so in the name, or add a row
# when the window runs empty, or serve `known_at` as a feature as well, so that the model can judge for itself how old
# the number is.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "Fresher is always better": for films it is not worth the stream. "A backfill is a SELECT": it
# is a simulation of a pipeline. "The lag is in the documentation."
#
# **To discuss.** What happens to the honest backfill if the lag itself varies (nights, incidents)? (Log `known_at`
# for real from now on.)
#
# %% [markdown]
# ## 7. What to log
#
# Every problem of this lesson is easy to find with one table, and nearly impossible without it: what the model was
# given, at the moment it was given. A service that wants to be trained on its own past logs with each answer
#
# - the **request id** and the time, so that clicks find the answer that they belong to;
# - the **model's version** and the **features' version** (a hash of the SQL will do);
# - the **feature values themselves**, as served, with NULL where they were NULL, and their `known_at`;
# - every **event with two times**: when it happened, on the user's clock, and when it arrived, on yours.
#
# The last point deserves a demonstration. The audience of lesson 3.1's simulator visits for ten days and is shown the
# most popular films that each has not seen. Clicks are logged with `at`, the time on the phone. One click in five is
# sent late, up to a day, from a phone that was offline: we plant that here, as it happens everywhere.
# %%
from recsys_lab import registry
from recsys_lab.simulate import Audience

audience = Audience(click_rate=0.2, visits=0.4, seed=0).fit(ratings)
lists = registry.make("popularity").fit(ratings).recommend(audience.users, n=10)
days = []
for day in range(10):
    here = audience.users[audience.arrivals() > 0]
    days.append(audience.visit(lists[lists["user"].isin(here)], day=day))
events = pd.concat(days, ignore_index=True)

rng = np.random.default_rng(0)
offline = (events["kind"] == "click") & (rng.random(len(events)) < 0.2)
events["arrived"] = events["at"] + np.where(offline, rng.uniform(0, 86_400, len(events)), 0)
show(events["kind"].value_counts().to_dict() | {"clicks that arrived late": int(offline.sum())})
# %% [markdown]
# Play the ten days as the service lives them, event by event in the order of arrival. At each visit it looks up the
# user's clicks of seven days, as far as they *have arrived*, and logs what it found. (As in `ratings_7d`, the week ends
# with the user's last event.)
# %%
inbox, last, found = {}, {}, {}  # for each user: the seconds of the clicks that are in, the second of the last event
for event in events.sort_values("arrived", kind="stable").itertuples():
    clicks = inbox.setdefault(event.user, [])
    if event.kind == "click":
        clicks.append(int(event.arrived))
    else:  # ten impressions make a visit; the first one finds what was known
        this_week = sum(second > last[event.user] - 7 * 86_400 for second in clicks)
        found.setdefault((event.user, event.at), this_week)
    last[event.user] = int(event.arrived)
# %% [markdown]
# A month later, somebody builds a training table from the event log, in SQL. Twice: once with the clock that is in
# every event, and once with the arrival.
# %%
visits = events[events["kind"] == "impression"].drop_duplicates(["user", "at"])[["user", "at"]]
visits = visits.rename(columns={"at": "timestamp"})


def clicks_known(clock):
    return as_of(visits, event_features(events.assign(at=events[clock])), "user")["clicks_7d"].fillna(0)


logged = np.array([found[visit] for visit in zip(visits["user"], visits["timestamp"])])
rebuilt = {clock: clicks_known(clock) for clock in ("at", "arrived")}
differing = {
    f"rebuilt by {clock!r}: visits that differ (%)": 100 * (t != logged).mean() for clock, t in rebuilt.items()
}
show({"visits": len(visits)} | differing, digits=3)
# %% [markdown]
# By event time, some of the training rows know of clicks that were still on a phone: a leak that no query shows,
# because the column that would show it was never stored. By arrival, the past is reproduced exactly. If you have to
# choose one of the two columns, keep the arrival; but you have not.
#
# Better still, train on the logged values and rebuild nothing (that is what the first rule below says). The price: a
# new feature has no past until it has been logged for a while. So people do both: log all that is served, backfill
# what is new, and compare the two every night.
#
# %% [markdown] instructor=true
# **Timing.** 20 minutes.
#
# **To discuss.** What does it cost to log 200 features a request at 1,000 requests a second? (At 8 bytes, 1.6 MB a
# second, 138 GB a day: sample it, or log one request in a hundred. A check for skew needs thousands of rows, not
# billions.) Which of the values are personal data, and for how long may they stay?
#
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ...})
# %% [markdown]
# ## In production
#
# - **Google** puts it first among its rules on skew: to train as you serve, save the features used at serving time,
#   and pipe them to a log for training (rule 29). The rule's own example is YouTube's home page, whose switch to
#   logged features improved quality and made the code simpler. Rule 31 warns of tables that change between training
#   and serving, rule 32 asks for shared code, rule 37 for a measurement of the skew (Zinkevich, "Rules of Machine
#   Learning").
# - **Netflix** described in 2016 why it built a time machine: features recomputed from event logs needed a second
#   implementation for production, and the two disagreed; features logged online had to be deployed before an idea
#   could be tried. So snapshots of the online services' data are stored regularly, and the feature code that serves
#   also runs on them ("Distributed Time Travel for Feature Generation", Netflix Technology Blog, 12 February 2016).
# - **Uber's** Palette keeps features twice, in Hive for training and in Cassandra for serving, synchronised by the
#   platform, with skew given as a reason for it (Nene and Chen, "Michelangelo Palette", QCon.ai 2019). **DoorDash**
#   computes its real-time features by declared queries on a stream, so that models see what happened twenty minutes ago
#   (Wang and Shah, "Building Riviera", 2021).
#
# ## In the interview
#
# *"Your model's error is 5 % better offline, and the A/B test shows nothing. What do you do?"*
#
# A good answer goes from cheap to dear. First the leak: replay the features at a past moment with the later data
# removed, and see which columns change; look hardest at aggregates, at ties, and at the table's own timestamps (event
# or arrival?). Then the skew: for a few thousand requests, put logged and recomputed features side by side, count
# differences by feature and direction, and measure what each costs in predictions. Then freshness: how old were the
# features when served, and was training told? Only then the experiment itself (3.5) and whether the offline metric
# asks the product's question (2.5). Close with prevention: one definition, features logged as served, a nightly
# comparison, a replay test in CI.
#
# ## Take-aways
#
# - A feature row has a value and a moment from which it is *known*. Training rows take the latest known, strictly
#   before their own second.
# - A split by time protects rows, not features. Each feature has its own clock.
# - Within a second nothing has an order: group first, or use `RANGE`. The default frame includes the present.
# - A leak's offline gain is not paid out in production; the damage is the decision that was based on it.
# - Skew is found by comparing answers, not by reading code. What differs most often need not cost most.
# - Measure how fresh a feature must be by delaying `known_at`. A backfill must pretend the lag that serving had.
# - Log what was served, with versions and both times. It is tomorrow's training data.
#
# ## Further reading
#
# - S. Kaufman, S. Rosset, C. Perlich, O. Stitelman (2012), "Leakage in Data Mining: Formulation, Detection, and
#   Avoidance", ACM TKDD 6(4): what a feature may know, and how leaks were found in competitions.
# - M. Zinkevich, "Rules of Machine Learning: Best Practices for ML Engineering", Google: rules 29 to 37.
# - D. Baylor et al. (2017), "TFX: A TensorFlow-Based Production-Scale Machine Learning Platform", KDD: data
#   validation, with skew between training and serving.
# - R. Wesley (2023), "DuckDB's AsOf Joins: Fuzzy Temporal Lookups", DuckDB blog.
# - The Feast documentation, "Point-in-time joins": the next lesson in one page.
