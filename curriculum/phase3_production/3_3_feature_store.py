# ---
# lesson:
#   id: "3.3"
#   title: "A feature store with Feast"
#   phase: 3
#   minutes: 210
#   prerequisites: ["3.1", "3.2"]
#   objectives:
#     - "Build an offline and an online store of features in thirty lines, and the same with Feast"
#     - "Retrieve features for training rows of the past and for requests of now, and prove that they are equal"
#     - "Find out that a store silently loses rows, and by which rule"
#     - "Say how stale an online store is, when it was filled, and what a time to live does and does not"
#     - "Decide whether a team needs a feature store or a table, and who owns a feature"
# ---
# %% [markdown]
# ## What you already know
#
# Lesson 3.2 ended with one table of features for two readers. Training reads its history: what was known of this user
# at that second? The service reads its end: what is known of this user, now, within a millisecond? You have built such
# pairs before.
#
# | in your backend | in this lesson |
# |---|---|
# | a write model and a read model (CQRS) | an offline store and an online store |
# | refreshing a materialised view, warming a cache | materialisation |
# | an OpenAPI file, a schema registry | the registry of features |
# | `EXPIRE key 604800` in Redis | a time to live, which here is something else |
# | `SELECT ... WHERE user_id = ?` | online retrieval |
# | a report over the event log | historical retrieval |
#
# A **feature store** keeps both read models of the same features, the copying between them, and a list of what there
# is. You will build one in thirty lines, then use **Feast**, the open-source one. On the way things go wrong that do
# so at work, too: rows vanish, old values are served as new, and a setting does not do what its name says. None of it
# raises an error.
#
# **Before you start.** Phase 3 needs packages of its own. If the first cell complains, end JupyterLab and run
# `make lab PHASE=3`, once. (Loading Feast takes a few seconds. It is large.)
#
# %% [markdown] instructor=true
# **Timing (210 minutes alone; two sessions of 100 in class).** Session one: sections 1 to 4 with exercises 1 and 2.
# Session two: sections 5 to 8 with exercises 3 to 5, quiz, interview question.
#
# **Prepare.** Ask everybody for a cache at work: what fills it, how old may its values be, and who would notice if the
# job that fills it had died on Friday? Keep the answers for section 5.
# %%
import contextlib
import io
import os
import runpy
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import httpx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab.course.environment import needs

needs("phase3")  # `make lab PHASE=3` brings what this phase needs

from recsys_lab import datasets, registry, storage
from recsys_lab.course import figure_alt, show, start
from recsys_lab.production.feature_store import FEATURES, FeatureRepository
from recsys_lab.production.features import as_of, item_features, user_features
from recsys_lab.serve.running import running

duckdb.sql("SET threads = 1; SET enable_progress_bar = false")  # the same output in every run
ex, quiz = start("3.3")
ratings = datasets.load("ml-100k").ratings
features = {"user": user_features(ratings), "item": item_features(ratings)}
workshop = tempfile.TemporaryDirectory()
folder = Path(workshop.name)
# %% [markdown]
# ## 1. Two readers of one table
#
# Here is the table of 3.2 again, for one user: a row whenever something became known, with the moment from which it
# was.
# %%
features["user"].query("user == 1").tail(3)


# %% [markdown]
# Training wants, for each of thousands of past moments, the latest row known *then*: the as-of join. The service
# wants the last row of one user. It could ask the same table, and for 49,439 rows that would do. But history grows by
# the day, and the last rows do not: there are as many as there are users. So the service gets a small table of its
# own, with one row for each key, in a database that finds a row by its key. The large one stays where analytics is
# cheap.
#
# The large one is called the **offline store**, the small one the **online store**. What connects them is a copy:
# of all rows known at a moment, the last of each key. Write it; it is the heart of every feature store.
# %% exercise="3.3.1"
def latest(features, key, until):
    """The latest row of each key that was known at the second `until`.

    features: frame with the columns `key`, known_at and others. Returns a frame with the same columns, one row a key.
    """
    ### BEGIN SOLUTION
    known = features[features["known_at"] <= until].sort_values("known_at")
    return known.drop_duplicates(key, keep="last")
    ### END SOLUTION


# %% check="3.3.1"
latest_checked = ex("3.3.1").check(latest)
# %% [markdown]
# ### From scratch: thirty lines
#
# The rest is plumbing that you know. History goes to a Parquet file, which DuckDB reads; the latest values go to a
# table of SQLite with a primary key. Two ways in (`__init__` writes history, `materialize` copies), and two ways out
# (`training_rows` and `online`).


# %%
class TinyStore:
    """The features of one key: history in a Parquet file, the latest values in SQLite."""

    def __init__(self, folder, key, features):
        self.key, self.history = key, str(folder / f"{key}.parquet")
        features.to_parquet(self.history, index=False)
        self.columns = [name for name in features if name not in (key, "known_at")]
        self.db = sqlite3.connect(":memory:")
        self.db.execute(f'CREATE TABLE latest ("{key}" PRIMARY KEY, known_at, {", ".join(self.columns)})')

    def training_rows(self, rows):
        """The rows, with the features that were known at each row's timestamp."""
        asked = rows.reset_index(drop=True).rename_axis("place").reset_index()  # noqa: F841  the query reads it
        found = duckdb.sql(f"""
            SELECT {", ".join(self.columns)}
            FROM asked ASOF LEFT JOIN read_parquet('{self.history}') AS known
            ON asked."{self.key}" = known."{self.key}" AND asked.timestamp >= known.known_at
            ORDER BY place
        """).df()
        return pd.concat([rows, found.set_axis(rows.index)], axis=1)

    def materialize(self, until):
        """Copy the latest values known at `until` into the online table."""
        table = latest_checked(pd.read_parquet(self.history), self.key, until)
        values = table[[self.key, "known_at", *self.columns]].itertuples(index=False, name=None)
        marks = ", ".join("?" * (2 + len(self.columns)))
        self.db.executemany(f"INSERT OR REPLACE INTO latest VALUES ({marks})", values)

    def online(self, ids):
        """The latest values of these keys, a row each."""
        found = pd.read_sql_query("SELECT * FROM latest", self.db, index_col=self.key)
        return found[self.columns].reindex(ids)


# %% [markdown]
# (`online` reads the whole table, because here we always ask for everybody. With `WHERE` it is one look-up.) Ask both
# ways for user 1: before anything was copied, and after.
# %%
tiny = {key: TinyStore(folder, key, features[key]) for key in ("user", "item")}
end = int(ratings["timestamp"].max()) + 1  # the last ratings are known one second after they were given
asked = pd.DataFrame({"user": [1, 1], "timestamp": [end - 180 * 86_400, end]})

before = tiny["user"].online([1])["ratings"].tolist()
tiny["user"].materialize(end)
show(
    {
        "offline, half a year earlier and at the end": tiny["user"].training_rows(asked)["ratings"].tolist(),
        "online, before the copy": before,
        "online, after it": tiny["user"].online([1])["ratings"].tolist(),
    }
)
# %% [markdown]
# Note the empty online store. Nothing gets in by itself. A feature that is defined, documented and tested, and that
# nobody materialises, is missing in production, and a service that fills missing values with a mean will not say so.
#
# ## 2. The same with Feast
#
# Feast has a name for each part, and you will meet the names in job adverts, so here they are with what they stand
# for:
#
# | Feast | is | in our store |
# |---|---|---|
# | **entity** | what a feature is about, and its join key | `key` |
# | **source** | where history lies, and which column is its time | the Parquet file, `known_at` |
# | **feature view** | a group of features of an entity, from one source, with types | the columns |
# | **feature service** | the features that one model takes, from several views | (none) |
# | **registry** | the list of all of these | (none) |
# | **offline store**, **online store** | an engine for history, a key-value store for the present | DuckDB, SQLite |
#
# All of it is declared in a Python file, next to a `feature_store.yaml` that names the two stores; `feast apply`
# writes it to the registry. `FeatureRepository.create` of the library makes such a folder for the features of 3.2.
# Here is the declaration of our views:
# %%
repository = FeatureRepository.create(folder / "features", ratings)
definitions = (repository.folder / "definitions.py").read_text(encoding="utf-8")
print(definitions[definitions.index("user = Entity") :].strip())
# %% [markdown]
# Read it as a contract. It says nothing about *how* `mean_rating` is computed: that was the SQL of 3.2, and Feast
# takes its result as a file. (It has other kinds of views that transform what they are given, on demand or by an engine
# that you bring; the windows of 3.2 stay yours to write.) What these views do is keep, find, join and serve. (`ttl` gets
# section 6 to itself.)
#
# The folder is an ordinary Feast repository, so Feast's own command works in it. In a terminal you would `cd` there
# and type `feast feature-views list`:


# %%
program = shutil.which("feast", path=str(Path(sys.executable).parent))
quiet = os.environ | {"FEAST_USAGE": "False"}
listed = subprocess.run(
    [program, "feature-views", "list"], cwd=repository.folder, env=quiet, capture_output=True, text=True, check=True
)
print("\n".join(line.rstrip() for line in listed.stdout.strip().splitlines()))
# %% [markdown]
# This list is the smallest and perhaps the most useful part. The next team sees that `user_activity` exists, what its
# columns are called and of which type they are, before they write a fourth version of "ratings in the last week".
#
# ## 3. Features of the past
#
# **Historical retrieval** takes rows (who, what, when) and gives them back with the features known then, from all
# views at once. It is the as-of join of 3.2 behind a name. We ask for 5,000 ratings, and compare with our thirty
# lines and with `as_of`.
# %%
rows = ratings.sample(5000, random_state=0)
training = repository.training_rows(rows)
gaps = {}
for key in ("user", "item"):
    ours = {"tiny store": tiny[key].training_rows(rows), "as_of": as_of(rows, features[key], key)}
    for name, table in ours.items():
        theirs = training[[f"{key}_activity__{feature}" for feature in FEATURES]].astype(float).to_numpy()
        mine = table[list(FEATURES)].astype(float).to_numpy()
        same_holes = (np.isnan(mine) == np.isnan(theirs)).all()
        gaps[f"{key}: Feast against {name}"] = np.nanmax(np.abs(mine - theirs)) if same_holes else np.inf
show(gaps | {"rows in": len(rows), "rows out": len(training)})
# %% [markdown]
# No difference, missing values included, and as many rows as went in. The names of the columns carry the view:
# `user_activity__ratings`. That looks clumsy until two views have a column of the same name, as ours do.
#
# Underneath, `training_rows` calls Feast's `get_historical_features` with three things around it. It sends a row
# number along, and sorts by it at the end, because the store may return the rows in any order. It converts times to
# the unit that Feast reads. And it **counts**: if another number of rows comes back than went in, it refuses. You are
# about to see why.
#
# %% [markdown] instructor=true
# **Timing.** Sections 1 to 3: 50 minutes with the exercise.
#
# **Misconceptions.** "A feature store computes features": most of them keep and serve; some also run
# transformations. "The online store is a cache": a cache fills itself on a miss, this one answers "unknown".
#
# **To discuss.** Which of the table's rows does your company have already, under another name?
#
# %% [markdown]
# ## 4. Where did the rows go?
#
# `feature_store.yaml` names the engine of the offline store. Ours is DuckDB. Leave the line out, as a first attempt
# does, and you get the default, called `file`: it reads the same Parquet with other code. Same definitions, same
# data, same question. Let us try it on the ratings of users 1 to 60, calling Feast directly, as its documentation
# shows.
# %%
lossy = FeatureRepository.create(folder / "file", ratings)
settings = lossy.folder / "feature_store.yaml"
settings.write_text(settings.read_text(encoding="utf-8").replace("type: duckdb", "type: file"), encoding="utf-8")
lossy = FeatureRepository(lossy.folder)

asked = ratings.loc[ratings["user"] <= 60, ["user", "item", "rating", "timestamp"]]
moments = pd.to_datetime(asked["timestamp"], unit="s", utc=True).astype("datetime64[us, UTC]")
answer = lossy.store.get_historical_features(
    entity_df=asked.assign(event_timestamp=moments), features=["user_activity:ratings"]
).to_df()
answer = answer.sort_values(["user", "timestamp", "item"], ignore_index=True)
show({"rows in": len(asked), "rows out": len(answer), "missing values": int(answer["ratings"].isna().sum())})


# %% [markdown]
# More than half is gone. No error, no warning, no missing value, and each single row that is left looks right. A
# model trained on this table trains without complaint.
#
# Which rows? Find the rule.
# %% exercise="3.3.2"
def survivors(asked, features):
    """How many of the rows asked come back from the `file` store: int.

    asked: frame with columns user, item, rating, timestamp. features: frame with columns user, known_at, ratings, ...
    """
    ### BEGIN SOLUTION
    known = as_of(asked[["user", "timestamp"]], features[["user", "known_at"]], "user").dropna()
    return len(known.drop_duplicates(["user", "timestamp"]))
    ### END SOLUTION


# %% check="3.3.2"
survivors_checked = ex("3.3.2").check(survivors)
# %% [markdown]
# Two causes, and the second hides behind the first. Split the loss into the two:
# %%
one_a_second = len(asked.drop_duplicates(["user", "timestamp"]))
left = survivors_checked(asked, features["user"])
show(
    {
        "asked": len(asked),
        "lost because they share user and second (%)": 100 * (len(asked) - one_a_second) / len(asked),
        "lost because nothing was known yet": one_a_second - left,
        "left, by your rule": left,
        "left, in Feast's answer": len(answer),
    },
    digits=4,
)
# %% [markdown]
# **One row a second.** The store takes user and second for the identity of a row. Four films that a user rates in the
# same second are one row to it, and three are dropped. Film and stars were sent along; they do not matter to it. This is
# known to the project: issue 6787 in Feast's tracker, opened in August 2026.
#
# **The strangers.** Sixty users have each lost their first moment, at which nothing was known of them. 3.2 called
# these the most instructive rows of the table, and a plain `ASOF JOIN` threw them away, too. Here it is in a second
# tool. A model that never saw a stranger meets one in production every hour.
#
# Nor does the loss fall on everybody alike:
# %%
per_user = pd.DataFrame({"in": asked.groupby("user").size(), "out": answer.groupby("user").size()}).fillna(0)
fig, ax = plt.subplots()
share = (per_user["out"] / per_user["in"]).to_numpy()
ax.hist(100 * share, bins=np.arange(0, 101, 5))
ax.axvline(50, color="#D55E00", linestyle="--", label="half of the rows")
ax.set(xlabel="rows of a user that came back (%)", ylabel="users", xlim=(0, 100))
ax.set_title("Every user loses rows, and most of them more than half")
ax.legend(loc="upper right")
figure_alt(
    fig,
    "Histogram of the share of rows that came back, for 60 users: from about 20 to 75 percent, most of them between 35 and 60.",
)
show(
    {
        "users who keep less than half": int((share < 0.5).sum()),
        "least, most kept (%)": [100 * share.min(), 100 * share.max()],
    },
    digits=3,
)
# %% [markdown]
# A check of the model would not find it, nor would a look at ten rows. (Ask for the features of users *and* films, and
# each view takes its share: still fewer rows come back, as the next cell shows.) One line finds it, and it belongs behind every
# join you ever write for training, with any tool: **as many rows out as in**. The library's `training_rows` has it:
# %%
try:
    lossy.training_rows(asked)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise. Let pairs work on it with nothing but the two frames; the messages of the
# check lead those who stop at the first cause.
#
# **Misconceptions.** "A popular tool has no such bug": the tool is tested by people whose rows are one a day for each
# key. Ours are pages of a site. "The count is right, so the join is right": order and duplicates are still open.
#
# **To discuss.** Where else would a count in, count out have saved a day? (Every join on a key that you believe to be
# unique.)
#
# %% [markdown]
# ## 5. Features of now
#
# **Online retrieval** asks by key and gets the latest *materialised* values. Copy everything known at the end of the
# data set, and look whether the skew of 3.2 is gone: for every user and every film, what the service gets against
# what a training row of that second gets. Five of six features differed there.
# %%
repository.materialize(end)
tiny["item"].materialize(end)
compared = []
for key in ("user", "item"):
    ids = np.sort(ratings[key].unique())
    now = pd.DataFrame({"user": ratings["user"].iloc[0], "item": ratings["item"].iloc[0], "timestamp": end, key: ids})
    offline = repository.training_rows(now)
    online, small = repository.online(key, ids), tiny[key].online(ids)
    for name in FEATURES:
        served = online[name].astype(float).to_numpy()
        trained = offline[f"{key}_activity__{name}"].astype(float).to_numpy()
        compared.append(
            (f"{key}: {name}", len(ids), int((served != trained).sum()), int((served != small[name].to_numpy()).sum()))
        )
columns = ["feature", "ids", "online differs from offline", "Feast differs from the tiny store"]
show(pd.DataFrame(compared, columns=columns).set_index("feature"))


# %% [markdown]
# Zero, 943 users and 1,682 films long, to the last digit. No unit, no rounding, no time zone and no zero for null can
# creep in, since nobody wrote the features twice. This is what a feature store is for.
#
# And an id that it does not know? `repository.online("user", [99_999])` gives missing values, and no error. The
# service has to decide what to make of it.
#
# ### Equal at one moment
#
# But the table compares both sides *at the second of the copy*. Requests come at other seconds. A store that is filled
# every hour serves, for an hour, what was known at the full hour, while training rows know everything up to their own
# second. One of the six causes of 3.2 is left, and no definition cures it: **staleness**. How large is it? You can say
# so without running a single job.
# %% exercise="3.3.3"
def served_count(rows, features, every):
    """The number of ratings that a request finds online, where the store is filled at each multiple of `every` seconds.

    rows: frame with columns user, timestamp. features: frame with columns user, known_at, ratings.
    Returns an array (len(rows),) in the order of rows, NaN where nothing is known.
    """
    ### BEGIN SOLUTION
    run = rows["timestamp"] // every * every
    found = as_of(rows[["user"]].assign(timestamp=run), features, "user")["ratings"]
    return found.to_numpy(dtype=float, na_value=np.nan)
    ### END SOLUTION


# %% check="3.3.3"
served_count_checked = ex("3.3.3").check(served_count)
# %% [markdown]
# User 659 came twice on 31 March 1998: at eight in the morning and late in the evening. The dark line is what was
# known, the stairs are what a store would have served:
# %%
day = 891_302_400  # 31 March 1998, midnight UTC
visits = ratings[(ratings["user"] == 659) & (ratings["timestamp"] // 86_400 * 86_400 == day)].sort_values("timestamp")
hours = np.arange(0, 24, 0.05)
clock = pd.DataFrame({"user": 659, "timestamp": (day + 3600 * hours).astype(int)})
known_then = as_of(clock, features["user"], "user")["ratings"].astype(float)

fig, ax = plt.subplots()
ax.plot(hours, known_then, color="#444444", label="known at that moment (training)")
for every, name, style in (
    (3600, "filled every hour", "-"),
    (6 * 3600, "every six hours", "--"),
    (86_400, "every night", ":"),
):
    ax.plot(hours, served_count_checked(clock, features["user"], every), style, drawstyle="steps-post", label=name)
ax.set(xlabel="hour of 31 March 1998 (UTC)", ylabel="ratings known of user 659", xticks=range(0, 25, 6))
ax.set_title("An online store climbs in stairs, behind the user")
ax.legend(loc="upper left")
figure_alt(
    fig,
    "Ratings known of user 659 over a day: the true line rises from 17 to 191; the hourly store follows up to an hour "
    "later, the six-hourly one in few large steps, and the nightly one stays at 17 all day.",
)
# %% [markdown]
# The **mean age** of what is served says it in one number. For $n$ requests, let $t_j$ be the second of request $j$,
# and $m_j$ the second of the last run before it:
#
# $$a = \frac{1}{n} \sum_{j=1}^{n} (t_j - m_j)$$
#
# About half of the period, as you would guess. (Real jobs add their own run time to each term.) But age is not harm.
# A film's count may be a day old and nearly right, while a user's is wrong after a minute. So next to it: how many of
# the late fifth of the ratings, taken as requests, find another number than the one known at that second?


# %%
def mean_age(requests, every):
    """The mean age of the last run, in seconds."""
    t = requests["timestamp"]
    m = t // every * every
    n = len(requests)
    return (t - m).sum() / n


def share_wrong(requests, key, every):
    """How many requests find another count than the one known at their second, in percent."""
    table, clock = features[key].rename(columns={key: "user"}), requests.rename(columns={"user": "_", key: "user"})
    if key == "user":
        table, clock = features[key], requests
    served = served_count_checked(clock[["user", "timestamp"]], table, every)
    fresh = as_of(clock[["user", "timestamp"]], table, "user")["ratings"].to_numpy(dtype=float, na_value=np.nan)
    same = (served == fresh) | (np.isnan(served) & np.isnan(fresh))
    return 100 * (~same).mean(), 100 * (np.isnan(served) & ~np.isnan(fresh)).mean()


late = ratings[ratings["timestamp"] >= ratings["timestamp"].quantile(0.8)]
periods = {"1 min": 60, "10 min": 600, "1 h": 3600, "6 h": 21_600, "1 day": 86_400, "7 days": 604_800}
lines = []
for name, every in periods.items():
    (user_wrong, user_absent), (film_wrong, _) = share_wrong(late, "user", every), share_wrong(late, "item", every)
    lines.append((name, mean_age(late, every) / 60, user_wrong, user_absent, film_wrong))
columns = ["period", "mean age a (min)", "user's count wrong (%)", "user absent (%)", "film's count wrong (%)"]
stale = pd.DataFrame(lines, columns=columns).set_index("period")
show(stale, digits=3)
# %%
fig, ax = plt.subplots()
for (name, line), marker in zip(stale.drop(columns="mean age a (min)").items(), "os^"):
    ax.plot(line.index, line, marker=marker, label=name)
ax.set(xlabel="the online store is filled every ...", ylabel="requests (%)", ylim=(0, 100))
ax.set_title("Filled at night, the store does not know two of three who ask")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3)
figure_alt(
    fig,
    "Share of requests by period of materialisation from a minute to a week. The user's count is wrong for most "
    "requests from ten minutes on, the user is altogether absent for most from six hours on; film counts go wrong more slowly.",
)
# %% [markdown]
# The column "user absent" hurts. With a nightly run, most requests come from people whom the online store does not know at
# all: they came today. Training never saw that, because in training rows everybody is known from their second moment on.
# You measured in 3.2 what it costs in stars. The store has made the *definition* the same on both sides; the *moment*
# it cannot make the same. Three ways out: fill it more often; write to it from the stream (Feast calls that a push
# source); or join the training rows as late as serving is, with your one line.
#
# ### Does it reach the page?
#
# The service of 3.1 asks this store if it is started with `recsys-lab serve --features DIR --min-ratings N`: users of
# whom it counts fewer than N ratings get what is popular. Take a second repository that is filled at night. It is
# noon of 31 March, and user 659, a regular by now, asks for films. The model, EASE of lesson 2.6, knows the user.
# %%
nightly = FeatureRepository.create(folder / "nightly", ratings)
nightly.materialize(day)
noon = day + 12 * 3600
model = registry.make("ease").fit(ratings[ratings["timestamp"] < noon])
storage.save(model, folder / "model.npz")


def ask(server):
    """The profile of user 659 in the service, and why the list is not the model's (None: it is)."""
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as service:
        profile = service.get("/v1/users/659/features").json()["features"]
        listed = service.get("/v1/users/659/recommendations").json()
    return [profile["ratings"], listed["fallback_reason"]]


with running(folder, features=nightly.folder, min_ratings=20, timeout_ms=30_000) as server:
    told = {"filled last midnight: ratings, fallback": ask(server)}
    nightly.materialize(noon)
    told["filled now: ratings, fallback"] = ask(server)
show(told)
# %% [markdown]
# The service is right by its own lights. The store said 17, the rule says 20, the user gets the most popular films of
# the site instead of their own. Nothing was restarted between the two answers, only the store was filled. Look at the
# log of such a service, and you find status 200.
#
# ### Copying backwards
#
# One more way to be stale. Suppose that a job failed on 15 March and somebody repairs it in April: materialise up to
# 15 March, once more. What does the online store hold now?
# %%
nightly.materialize(end)
users = np.sort(ratings["user"].unique())
right = nightly.online("user", users)["ratings"]
nightly.materialize(day - 16 * 86_400)
after = nightly.online("user", users)["ratings"]
back = (after < right).to_numpy()
show({"users": len(users), "now with an older value": int(back.sum()), "largest step back": int((right - after).max())})
# %% [markdown]
# A materialisation is an upsert, and this online store does not compare moments before it writes. Everybody who had
# rated by 15 March and went on after it has fallen back; the others kept their April. It is neither the past nor the
# present. The remedy costs one line: after any backfill, run the present again, and all of it. (Not every engine falls
# for this: Feast's Redis store compares the moments and keeps the newer value. Test yours.)
#
# Feast also has `materialize-incremental`, which copies only what became known since the last run. It is cheaper, and
# it trusts that nothing arrives late: a row whose time lies before the last run, and which arrives after it, is never
# copied. (3.2 had such clicks, one in five.) Run a full one now and then.
#
# %% [markdown] instructor=true
# **Timing.** 50 minutes with the exercise.
#
# **Misconceptions.** "Online is real time": it means *reachable by key*, and says nothing about age. "We tested
# online = offline": when? "A shorter period is always worth it": look at the films.
#
# **To discuss.** The caches from the warm-up. Which alarm tells that a job has *not* run? (Export the age of the last
# run, and alert on it; lesson 3.7.)
#
# %% [markdown]
# ## 6. A week of patience
#
# A value of last year says little about today. So each view has a **time to live**, `ttl`, and a colleague proposes
# to set it to seven days. Another objects: "MovieLens ends in 1998. With seven days everything would be expired." You
# will find out what happens. Make a repository with that setting, as everybody would: edit the definition, then apply it. (`feast apply` in a terminal does what the
# lines under `with` do; here it saves the seconds that Feast takes to start.)
# %%
weekly = FeatureRepository.create(folder / "weekly", ratings)
patient = weekly.folder / "definitions.py"
patient.write_text(patient.read_text(encoding="utf-8").replace("days=3650", "days=7"), encoding="utf-8")
with contextlib.redirect_stdout(io.StringIO()):  # it reports each change
    declared = runpy.run_path(str(patient))
    weekly.store.apply(
        [declared[name] for name in ("user", "item", "user_activity", "item_activity", "rating_features")]
    )


def now_known(repository, t):
    """The value of `ratings` in a training row of user 1 at second t."""
    return repository.training_rows(pd.DataFrame({"user": [1], "item": [1], "timestamp": [t]})).iloc[0, 3]


known_at = int(features["user"].query("user == 1")["known_at"].iloc[-1])  # 13 March 1998, 01:15:37
# %% [markdown]
# Predict before you ask.
# %% exercise="3.3.4"
# a dict with the keys "a" to "d"; each value is 272 or None
### BEGIN SOLUTION
predicted = {"a": 272, "b": None, "c": 272, "d": None}
### END SOLUTION
# %% check="3.3.4"
predicted_checked = ex("3.3.4").check(predicted)
# %% [markdown]
# Now the store itself, and with it everybody else: how many training rows lose a value that was known, and how many
# users have no value on the last day, offline and online?
# %%
weekly.materialize(end)
everybody = pd.DataFrame({"user": users, "item": ratings["item"].iloc[0], "timestamp": end})
week_rows = {"ten years": training, "a week": weekly.training_rows(rows)}
absent = {
    f"training rows without a value, {what}, {name} (%)": 100 * table[f"{key}_activity__ratings"].isna().mean()
    for name, table in week_rows.items()
    for key, what in (("user", "user"), ("item", "film"))
}
new_year = int(pd.Timestamp("2026-01-01", tz="UTC").timestamp())
show(
    {
        "a": now_known(weekly, known_at + 86_400),
        "b": now_known(weekly, known_at + 8 * 86_400),
        "c": weekly.online("user", [1])["ratings"].tolist()[0],
        "d": now_known(repository, new_year),
    }
    | absent
    | {
        "last day, a week: users without a value offline (%)": 100
        * weekly.training_rows(everybody)["user_activity__ratings"].isna().mean(),
        "last day, a week: users without a value online (%)": 100
        * weekly.online("user", users)["ratings"].isna().mean(),
    },
    digits=3,
)
# %% [markdown]
# Three findings, and only the first is in the manual's chapter on these joins.
#
# - **It is counted back from each row.** A row of 1998 with a value of 1998 is fine, whatever year it is now. So a
#   `ttl` of a week blanks one training row in a hundred for *users* (who come and rate and go), and one in twelve for
#   *films*, which are seldom rated. And ten years, the library's setting, are not for ever: a row of 2026 finds nothing.
# - **Online it is not enforced.** On the last day, training rows of 94 users in a hundred would be blank; the service
#   gets a value for every one of them, and the answer is marked as present. (Some of Feast's other online stores can
#   expire keys, by a setting of their own.)
# - So the store, **whose purpose is to abolish skew, has made one**: the model learned what "unknown for a week" means,
#   and never sees it again. Issue 6821 in Feast's tracker asks for this very thing (September 2026, open), and 4133
#   has called the name misleading since 2024. (The documentation's page on retrieval says the opposite of what you
#   see here: event timestamps, it says, keep old values from being served online.)
#
# And it acts in one more place, by another clock. The *first* incremental run begins at **today** minus `ttl`. Here is a new repository, with the ten years of the library, filled as most tutorials show it,
# `feast materialize-incremental 1998-04-23T00:00:00`:
# %%
fresh = FeatureRepository.create(folder / "fresh", ratings)
with contextlib.redirect_stdout(io.StringIO()):
    fresh.store.materialize_incremental(end_date=datetime(1998, 4, 23, tzinfo=UTC))
show({"users with a value online": int(fresh.online("user", users)["ratings"].notna().sum())})
# %% [markdown]
# Nobody. Ten years before today is long after 1998, so the interval is empty, the run ends well, and the service
# answers "unknown" for everybody. On fresh data you would never notice; on a restored backup or an old data set you
# spend a day. (`FeatureRepository.materialize` begins in 1970, always.)
#
# How patient should a view be, then? Look at what each choice blanks:
# %%
ages = {
    what: (late["timestamp"] - as_of(late, features[key], key)["known_at"]).astype(float).to_numpy() / 86_400
    for key, what in (("user", "users"), ("item", "films"))
}
patience = np.array([1 / 24, 0.25, 1, 2, 7, 14, 30, 60, 120])
fig, ax = plt.subplots()
for (what, age), marker in zip(ages.items(), "os"):
    age = age[~np.isnan(age)]
    ax.plot(patience, [100 * (age > days).mean() for days in patience], marker=marker, label=what)
ax.axvline(7, color="#888888", linestyle="--", linewidth=1)
ax.text(7.4, 80, "a week", color="#888888")
ax.set(xscale="log", xlabel="time to live", ylabel="late rows whose value is blanked (%)", ylim=(0, 100))
ax.set_xticks(patience, ["1 h", "6 h", "1 day", "2", "7", "14", "30", "60", "120 days"], fontsize=8)
ax.set_xticks([], minor=True)
ax.set_title("A time to live that suits users blanks films")
ax.legend(loc="upper right")
figure_alt(
    fig,
    "Share of late rows whose known value is older than the time to live. Users: 3 percent at an hour, falling slowly. "
    "Films: 88 percent at an hour, 12 at a week, near zero at two months.",
)
# %% [markdown]
# Users and films need different patience, so the `ttl` belongs to the view, not to the company. And what a `ttl` is
# *wanted* for, an honest "I do not know any more", is better given to the model as a feature: `known_at` says how old
# the value is, on both sides, and the model decides (3.2 closed with the same advice).
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes with the exercise. Insist on the prediction; the surprise is the lesson.
#
# **Misconceptions.** "TTL deletes": nothing is deleted anywhere. "Stale is the same as expired": staleness is between
# the store and the world, a `ttl` between a value and a row.
#
# **To discuss.** Somebody sets `ttl=timedelta(days=1)` and the nightly job fails once. What does training see, what
# does serving?
#
# %% [markdown]
# ## 7. The gauge is green
#
# "Alarm on the age of the last run" is good advice, and since March 2026 Feast's feature server has the number ready
# (pull request 6071): `feast_feature_freshness_seconds`, for each view the seconds since the end of its last run. Where
# does it get that end? The registry lists the runs. Look at `nightly`, the store that section 5 has copied backwards, and then
# let the next incremental run come round, an hour later:
# %%
view = nightly.store.get_feature_view("user_activity")
ends = [until for _, until in view.materialization_intervals]
with contextlib.redirect_stdout(io.StringIO()):
    nightly.store.materialize_incremental(end_date=datetime.fromtimestamp(end + 3600, UTC))
after = nightly.online("user", users)["ratings"]
show(
    {
        "runs, by the day of 1998 they ended at": [f"{until:%d %B}" for until in ends],
        "end of the last run, to the gauge": f"{view.most_recent_end_time:%d %B}",
        "users with an older value, after the incremental run": int((after < right).sum()),
    }
)


# %% [markdown]
# The gauge takes the *latest* end of all runs, 22 April, and is green. The incremental run takes the same number for its
# beginning: all that it copies lies after 22 April. So it repairs nobody, and a later one only those who rate again. Both
# ask the registry what **ran**. What is **there** only the store can tell. It gives you a count for each user, and you
# have the history. When was it filled? Work it out.
# %% exercise="3.3.5"
def filled_between(served, features):
    """The seconds at which one full run may have filled the store: (earliest, latest), or None if no run explains it.

    served: frame with columns user, ratings (missing where the store has no value). features: frame with columns user,
    known_at, ratings. Every m with earliest <= m < latest explains all of `served`; -inf, inf where nothing bounds it.
    """
    ### BEGIN SOLUTION
    rows = features.merge(served[["user", "ratings"]], on="user", suffixes=("", "_served"))
    copied = rows["ratings"] <= rows["ratings_served"]  # False for all rows of a user without a value
    earliest = max(rows.loc[copied, "known_at"], default=-np.inf)
    latest = min(rows.loc[~copied, "known_at"], default=np.inf)
    return (earliest, latest) if earliest < latest else None
    ### END SOLUTION


# %% check="3.3.5"
filled_checked = ex("3.3.5").check(filled_between)


# %% [markdown]
# Now ask four stores: the sound one, the empty one of section 6, the same one filled at noon of 31 March, and `nightly`.
# %%
def moment(second):
    return "any" if np.isinf(second) else f"{datetime.fromtimestamp(second, UTC):%d %B %Y %H:%M:%S}"


def holds(repository):
    served = repository.online("user", users).astype({"ratings": float})  # a store without any value gives None
    span = filled_checked(served, features["user"])
    return "no moment" if span is None else [moment(second) for second in span]


told = {"repository": holds(repository), "fresh, empty": holds(fresh)}
fresh.materialize(noon)
show(told | {"fresh, filled at noon": holds(fresh), "nightly": holds(nightly)})
# %% [markdown]
# Nobody wrote down when `fresh` was filled, and yet the values of 943 users leave four hours of one morning, out of seven
# months. One user says little: who last came in January fits any run since. It is the crowd that is precise, because
# sooner or later somebody rates: on a busy site that is a matter of seconds. The users whom the store does not know speak,
# too: it was filled before they came.
#
# And `nightly` holds **no moment**: somebody's value is of April, and somebody else's is too old for that. No gauge of
# runs can show this; these five lines, on a sample of keys every night, do. (Feast gives an event time with each value,
# by `to_dict(include_event_timestamps=True)`. That is the age of the *row*, and an old row in a fresh store is as common
# as a user on holiday.)
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise. Start from one user on the blackboard: history 5 at nine, 6 at eleven; the
# store says 5. When did the job run? Then a second user, then one without a value.
#
# **Misconceptions.** "The oldest value served is the age of the store": it is the age of a user who went away. "A user
# without a value says nothing": the run was before their first row. "The registry knows": it knows what was started.
#
# **To discuss.** The job runs each night and its source has not been written for a week. What do gauge, registry and
# this function say? (Green, on time, and `earliest` a week ago with no upper end: true, if somebody looks.)
#
# %% [markdown]
# ## 8. Do you need one?
#
# Be honest about the size of things. Your thirty lines gave the same answers as Feast, on all users and films. What
# did Feast add, and what did it ask?
#
# | | a table and thirty lines | Feast |
# |---|---|---|
# | one definition for both sides | yes, if all use the same SQL | yes |
# | point-in-time joins | yes, in any database with `ASOF` or windows | yes, with several views at once |
# | latest values by key | a table with a primary key | a dozen engines to choose from |
# | a list of what there is, with types | a wiki page, soon wrong | the registry |
# | change of engine (Redis, BigQuery) | you rewrite it | a line in a file |
# | age of the last run | you write it | a gauge of its server, since 2026 |
# | what the store holds, and alarms | you write it | you write it |
# | computing the features | your SQL | your SQL, or views that transform |
# | to install, to upgrade, to learn | nothing | some fifty packages, and this lesson |
# | surprises | your own | six in one lesson |
#
# **A table is enough** when one team has one or two models, features come from one database, lists may be computed in
# batch, and a night's delay does no harm. A materialised view with a `known_at` column is a feature store, whatever it
# is called. **A feature store pays** when several teams use the same features, when models need values of the last
# minutes under a latency budget, or when the same feature exists in four versions already. The question is less about
# requests per second than about people: it is a contract between those who make features and those who use them.
#
# ### Who owns a feature?
#
# With a contract comes a party. `ratings_7d` is read by three models; who may change it?
#
# - **Its maker owns it**: a name in the registry (Feast has `owner` and `tags` for it), who is told when it breaks. A
#   feature without an owner is deleted, or it is a trap.
# - **A change of meaning is a new feature.** Counting clicks as well makes a `ratings_7d_v2`, next to the old one, until
#   the last model has been retrained on the new. Models learn the quirks of a feature along with it; mending a bug in
#   place is training-serving skew, delivered on the day of the release.
# - **Users are known.** A feature service per model says who takes what; without it nobody dares to delete anything.
# - **The contract includes age.** "Filled every ten minutes, alarm after thirty" is part of the definition like the
#   type. A gauge of the last run watches half of it; you wrote the other half in section 7.
#
# Close the workshop; the folder goes with everything in it.
# %%
for store in tiny.values():
    store.db.close()
workshop.cleanup()
# %% [markdown] instructor=true
# **Timing.** 20 minutes. Vote before section 8 and after it: would you introduce one at work?
#
# **To discuss.** A feature's owner leaves the company. What in your organisation notices?
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
# - **Uber's** Palette keeps each feature twice: in Hive for training and in Cassandra for serving, synchronised by the
#   platform, and gives training-serving skew as a reason. It began with the aim that teams find and share each
#   other's features (Nene and Chen, "Michelangelo Palette", QCon.ai 2019).
# - **DoorDash** describes its online store as a key-value store with billions of records. It compared five engines,
#   stayed with Redis, and tripled its capacity by packing all features of an entity into one hash, shorter names and
#   compression (Khan and Hassan, "Building a Gigascale ML Feature Store with Redis", 19 November 2020). At that size the
#   store is a bill, and the work on it a saving.
# - **Feast** states in its documentation that the time to live is relative to each row's timestamp and not to the time
#   of the query ("Point-in-time joins"). That it does not hold online is to be found in the issues, and the page
#   "Feature retrieval" still promises that it does. Read all three, then ask the store.
#
# ## In the interview
#
# *"Design the features of our recommender: training on a year of history, 50 ms for a request. Would you use a feature
# store?"*
#
# A good answer begins with the two readers and what each needs: history as of any moment, and the present by key. Then
# one definition with `known_at`, from which both are filled. Then freshness as a requirement, measured feature by
# feature: a user's session from a stream, a film's mean from a nightly job. Then sizes: users times features times
# bytes, and often the answer is one table. Then what can fail without an error, and the check for each: rows in equal
# rows out; online equals offline for a sample, every night; the age of the last run, with an alarm, and the moment that
# the store holds by its values; expiry the same on both sides. Then people: registry, owner, versions. Only at the end a
# product's name, and a reason why thirty lines are not enough.
#
# ## Take-aways
#
# - A feature store is two read models of one definition, history and present, with a copy between them.
# - Materialise: nothing gets online by itself, and an old run repeated takes the present back.
# - As many rows out as in, after every join. A store that is used by thousands can lose half of yours.
# - Online equals offline is a statement about one moment. Staleness is what remains, and an as-of join measures it.
# - A job's log says what ran, not what is there. Ask the values: each one bounds the moment of the run.
# - A time to live looks back from each row; online, Feast does not enforce it. Test what you rely on.
# - Start with a table. Change when people, not requests, make it too small. Every feature has an owner and an age.
#
# ## Further reading
#
# - Feast's documentation: "Point-in-time joins", "Feature retrieval", "Feature view", "Online store".
# - Feast's issues 6787 (rows that share key and second), 6821 and 4133 (time to live online): good reports to learn
#   writing reports from.
# - A. Nene and E. Chen (2019), "Michelangelo Palette: A Feature Engineering Platform at Uber", QCon.ai, with transcript.
# - A. Khan and Z. S. Hassan (2020), "Building a Gigascale ML Feature Store with Redis, Binary Serialization, String
#   Hashing, and Compression", DoorDash Engineering.
# - D. Sculley et al. (2015), "Hidden Technical Debt in Machine Learning Systems", NIPS, section 3: why
#   dependencies on data cost more than those on code.
