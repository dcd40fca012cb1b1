# ---
# lesson:
#   id: "3.7"
#   title: "Monitoring and drift"
#   phase: 3
#   minutes: 240
#   prerequisites: ["3.1", "3.2", "3.5"]
#   objectives:
#     - "Name failures of a recommender that no status code shows, and what does show each of them"
#     - "Compute PSI, Jensen-Shannon and Kolmogorov-Smirnov distances by hand, and say how large they are when nothing has changed"
#     - "Take an alarm's limit from the data themselves, with people and not rows as the unit"
#     - "Share a budget of false alarms among many checks, and find a small lasting change with a cumulative sum"
#     - "Choose how often to retrain from what a stale model costs"
# ---
# %% [markdown]
# ## What you already know
#
# You have been on call. You know the dashboard with requests, errors, latency and saturation; the alert that fires every Tuesday and
# that everybody mutes; the outage that a customer found first. All of that carries over. Two things are new with a model behind the endpoint. It can be
# wrong for everybody while every request succeeds. And the numbers that would show it are *distributions*, which are never twice the same,
# so that "has it changed?" becomes a question of statistics.
#
# | in your backend | in this lesson |
# |---|---|
# | a health check that only says that the process lives | an error rate of zero over lists that are wrong |
# | a canary compared with the old version | a current window compared with a reference window |
# | an error budget | a budget of false alarms |
# | "for: 10m" in an alerting rule, against flapping | a cumulative sum |
# | `COUNT(DISTINCT user)` where `COUNT(*)` would lie | people as units, not rows |
# | the TTL of a cache | the age at which a model is retrained |
#
# The word **drift** is used for any change of a distribution over time. We will keep three apart: of what the model *shows* (prediction
# drift), of what *people* do and who they are (data drift), and of what comes of it, the clicks (the outcome). You will also read of
# **concept drift**: the same lists for the same people, and they answer otherwise, since their tastes have turned. Nothing in the lists shows that; section 6 has
# a week of it.
#
# **Before you start.** Phase 3 needs packages of its own. If the first cell complains, end JupyterLab and run
# `make lab PHASE=3`, once.
#
# %% [markdown] instructor=true
# **Timing (240 minutes alone; two sessions of 120 in class).** Session one: sections 1 to 4 with exercises 1 to 3. Session two: sections
# 5 to 7 with exercises 4 and 5, quiz, interview question.
#
# **Prepare.** Ask everybody for one alert that they have muted, and why. Most were never calibrated: a round number, chosen on the day on which the
# dashboard was built. Keep the list for section 5.
# %%
from recsys_lab.course.environment import needs

needs("phase3")  # `make lab PHASE=3` brings what this phase needs

import json
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import datasets, registry
from recsys_lab.course import figure_alt, show, start
from recsys_lab.production import alarms, drift
from recsys_lab.production.measures import popularity_bins
from recsys_lab.production.monitor import monitor
from recsys_lab.simulate import DAY, LIKED, START, Audience

ex, quiz = start("3.7")
rng = np.random.default_rng(0)
# %% [markdown]
# ## 1. All green
#
# The service of lesson 3.1 has been up for four weeks. Its model is an EASE from phase 2, fitted on the films that people liked; its
# audience is the simulator: 943 users who come back now and then, look at ten films, and click with known chances. The log has the events
# that the service writes, an impression for each film shown and a click for each click. (`EventLog.frame()` of lesson 3.1 reads them from the
# database; the simulator's `visit` gives a frame with the same columns.)
#
# Then, one night, somebody renames a key in the cache that holds the users' histories. The service asks for a history and gets an empty one. An empty history
# is no error: new users have one. The model does what it should do for new users, and returns the list that is popular with everybody. The
# answer has status 200, ten films, the model's name. Nothing has failed. Here is that code path, from the outside: `broken` is the share
# of visits for which the history is lost.
# %%
data = datasets.load("ml-100k")
liked = data.ratings[data.ratings["rating"] >= LIKED]
audience = Audience(visits=0.1, seed=0).fit(data.ratings)
model = registry.make("ease").fit(liked)
own = model.recommend(audience.users, n=10, unknown="popular")
popular = registry.make("popularity").fit(liked).recommend(audience.users, n=10, unknown="popular")


def log(days, lists=own, broken=0.0, name="ease-1"):
    """The events of these days. `broken`: the share of visits that are answered from an empty history."""
    stock, parts = pd.concat([lists.assign(lost=False), popular.assign(lost=True)]), []
    for day in days:
        came = audience.users[audience.arrivals() > 0]
        lost = pd.Series(rng.random(len(came)) < broken, index=came)
        shown = stock[stock["lost"] == stock["user"].map(lost)]  # of those who came, one list each
        parts.append(audience.visit(shown, day=day, model=name).assign(day=day))
    return pd.concat(parts, ignore_index=True)


before, outage = log(range(28)), log(range(28, 35), broken=1.0)
before[["kind", "user", "item", "rank", "model", "day"]].tail(3)
# %% [markdown]
# Four weeks of the healthy service, and a week in which *every* history is lost. On the left, the dashboard that every service has. On the right, a
# number that it does not have: how many different films were shown that day.
# %%
both = pd.concat([before, outage])
shown = both[both["kind"] == "impression"]
answers = shown[shown["rank"] == 1].groupby("day").size()
different = shown.groupby("day")["item"].nunique()

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
left.plot(answers.index, answers, label="answers with status 200")
left.plot(answers.index, 0 * answers, color="#D55E00", label="errors, timeouts, empty lists")
left.set(title="What the dashboard shows", xlabel="day", ylabel="answers a day", ylim=(-5, 220))
left.legend(loc="upper left")
right.plot(different.index, different, color="#009E73")
right.set(title="What it does not show", xlabel="day", ylabel="different films shown a day", ylim=(0, None))
for ax in (left, right):
    ax.axvline(27.5, color="#444444", linestyle=":")
alt = (
    "Left: about 85 answers a day throughout, and no errors. Right: some 220 different films a day until "
    "day 27, about 50 from day 28 on."
)
figure_alt(fig, alt)
# %% [markdown]
# The dotted line is the night of the incident. The left half would pass any review. On the right, the catalogue has collapsed.
#
# What does it cost? The simulator knows the truth, the mean number of clicks a visit that each kind of list is worth:
# %%
worth = {"own lists": audience.value(own), "popularity list": audience.value(popular)}
daily = both.groupby(["day", "kind"]).size().unstack()
rate = daily["click"] / daily["impression"]
per_visit = 10 * rate
show({f"clicks a visit, {name}": value for name, value in worth.items()})
show({"measured, days 0-27": per_visit[:28].mean(), "its spread from day to day": per_visit[:28].std()})
show({"measured, days 28-34": per_visit[28:].mean()})
# %% [markdown]
# A third of all clicks is gone, and no alarm has rung, because nobody asked. This is a **silent failure**. Martin Zinkevich's rules of machine learning, written
# at Google, give it a rule of its own (number 10), since it happens to models more than to other software: whatever the input, a
# model answers *something*.
#
# The remedy begins in the code. A service should say when it falls back: ours leaves the column `model` empty in an event that no model chose (lesson 3.1), and
# then a simple count finds it. But here the model *was* asked. So we have to look at the lists themselves.
#
# An outage for everybody is easy to see once you look. From here on, take the version that happens more often: one machine in ten has the
# wrong cache key. **One list in ten** is the popularity list.
# %%
quiet, leak = log(range(28, 35)), log(range(28, 35), broken=0.1)
lost = 0.1 * (worth["own lists"] - worth["popularity list"]) / worth["own lists"]
show({"clicks that this costs (%)": 100 * lost})
show({"clicks a visit, quiet week": 10 * quiet["kind"].eq("click").sum() / quiet["kind"].eq("impression").sum()})
show({"clicks a visit, one list in ten": 10 * leak["kind"].eq("click").sum() / leak["kind"].eq("impression").sum()})


# %% [markdown]
# It costs 3.5 % of the clicks, for as long as nobody notices. The other two lines are measured, clicks a visit in a week. About half of their difference is
# luck, for it is twice those 3.5 %, and the spread from *day to day* alone is some ten percent. Clicks will not settle this soon. What is shown might.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes.
#
# **Misconceptions.** "We would see it in the click rate." For the whole outage, yes, if somebody watches it. For one list in ten, section 5 computes how
# long that takes.
#
# **To discuss.** Which of your own services returns something plausible when a dependency returns nothing? Where should "empty" have been an error?
# %% [markdown]
# ## 2. How far apart are two weeks?
#
# Popularity lists hold popular films. So sort what was shown into **bins** by popularity, and compare the shares of the bins, before and now. The
# library's bins hold a tenth of the training ratings each: bin 0 the few films that are most rated, bin 9 the many
# that hardly anybody rated.
# %%
def counts(events, kind="impression"):
    """How many events of this kind fall in each of the ten popularity bins."""
    items = events.loc[events["kind"] == kind, "item"]
    return np.bincount(popularity_bins(model.train_, items)[0], minlength=11)[:10]


shares = pd.DataFrame(
    {"four weeks before": counts(before), "quiet week": counts(quiet), "one list in ten": counts(leak)}
)
shares = shares / shares.sum()
ax = shares.plot.bar(figsize=(8, 4), width=0.8, rot=0, color=["#444444", "#56B4E9", "#D55E00"])
ax.set(xlabel="popularity bin (0: the most rated films)", ylabel="share of what was shown")
ax.set_title("One list in ten moves the shares a little. Is that much?")
alt = (
    "Bars of ten bins. The quiet week is much like the four weeks before; with one list in ten "
    "broken, bin 0 has a quarter of what was shown instead of a fifth, and the others a little less."
)
figure_alt(ax.figure, alt)
# %% [markdown]
# The eye sees that the orange bars differ, and a machine needs a number. Write $c_b$ for the number of events in bin $b$ of the reference, $n_p$ for their sum, and $B$
# for the number of bins. A small constant $s$, the *smoothing*, keeps empty bins from doing harm. The share of bin $b$ is then
#
# $$p_b = \frac{c_b + s}{n_p + s B}$$
#
# and $q_b$ is the same for the current window, whose events number $n_q$. The **population stability index** is
#
# $$\text{PSI} = \sum_b (q_b - p_b) \ln \frac{q_b}{p_b}$$
#
# It is 0 when all shares are equal, and has no upper limit. Banks have used it for decades to see whether the people who apply for credit today are
# still like those whom the model was made for.


# %% exercise="3.7.1"
def psi(before, now):
    """The population stability index of two windows, smoothed with s = 0.5.

    before, now: arrays (B,) of counts. Returns a float from 0.
    """
    ### BEGIN SOLUTION
    p = (before + 0.5) / (before.sum() + 0.5 * len(before))
    q = (now + 0.5) / (now.sum() + 0.5 * len(now))
    return np.sum((q - p) * np.log(q / p))
    ### END SOLUTION


# %% check="3.7.1"
psi_checked = ex("3.7.1").check(psi)


# %% [markdown]
# Two more distances are in common use. The **Jensen-Shannon distance** compares each window with the mixture of both, $m = (p + q) / 2$, by their
# entropies. The entropy $H(p)$ is the mean number of bits that a bin drawn from $p$ is worth:
#
# $$H(p) = -\sum_b p_b \log_2 p_b \qquad\qquad J = \sqrt{H(m) - \frac{H(p) + H(q)}{2}}$$
#
# It runs from 0 to 1, whatever the bins, and empty bins do it no harm. The **Kolmogorov-Smirnov** distance needs no bins at all, only numbers that can be ordered. With $F(x)$ for
# the share of the reference's values up to $x$, and $G(x)$ for the current window's, it is the widest gap between the two curves:
#
# $$D = \max_x |F(x) - G(x)|$$
#
# Both take three lines. As the numbers for $D$ we take the year of each film that was shown.
# %%
def entropy(p):
    p = p[p > 0]
    return -np.sum(p * np.log2(p))


def js(before, now):
    p, q = before / before.sum(), now / now.sum()
    m = (p + q) / 2
    return np.sqrt(entropy(m) - (entropy(p) + entropy(q)) / 2)


def ks(before, now):
    x = np.union1d(before, now)
    F, G = (np.searchsorted(np.sort(values), x, side="right") / len(values) for values in (before, now))
    return np.max(np.abs(F - G))


year = data.items.set_index("item")["year"]


def years(events):
    return events.loc[events["kind"] == "impression", "item"].map(year).to_numpy()


weeks = {"quiet week": quiet, "one list in ten": leak, "all lists": outage}
table = pd.DataFrame({name: [psi_checked(counts(before), counts(week))] for name, week in weeks.items()}, index=["PSI"])
table.loc["Jensen-Shannon"] = [js(counts(before), counts(week)) for week in weeks.values()]
table.loc["Kolmogorov-Smirnov (year)"] = [ks(years(before), years(week)) for week in weeks.values()]
show(table, digits=3)
# %% [markdown]
# All three order the weeks alike, and none of them is 0 in the quiet week. Keep that first column in mind.
#
# **From scratch, then the library.** `recsys_lab.production.drift` has the same functions, for many windows at once. SciPy has two of the three. The differences to yours,
# on the week with one list in ten:
# %%
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

a, b = counts(before), counts(leak)
p, q = a / a.sum(), b / b.sum()
of_both = years(before), years(leak)
ours = {"PSI": psi_checked(a, b), "JS": js(a, b), "KS": ks(*of_both)}
library = {"PSI": drift.psi(a, b), "JS": drift.jensen_shannon(a, b), "KS": drift.ks(*of_both).statistic}
scipy = {"JS": jensenshannon(p, q, base=2), "KS": ks_2samp(*of_both).statistic}
show({f"{name}, recsys_lab": abs(ours[name] - value).round(12) for name, value in library.items()})
show({f"{name}, SciPy": abs(ours[name] - value).round(12) for name, value in scipy.items()})
# %% [markdown]
# And Evidently, a library that makes reports of drift (it takes a few seconds to load). It reads tables with a row for each event. We ask for PSI and Jensen-Shannon of the bins,
# and then for what Evidently would choose by itself.
# %%
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift


def rows(events):
    """A row for each impression, with its bin as a text and its year as a number."""
    items = events.loc[events["kind"] == "impression", "item"]
    table = pd.DataFrame({"bin": popularity_bins(model.train_, items)[0].astype(str), "year": years(events)})
    return Dataset.from_pandas(table, DataDefinition(categorical_columns=["bin"], numerical_columns=["year"]))


asked = [ValueDrift(column="bin", method=method) for method in ("psi", "jensenshannon")]
snapshot = Report([*asked, ValueDrift(column="bin"), ValueDrift(column="year")]).run(rows(leak), rows(before))
told = [(m["config"]["method"], m["config"]["threshold"], float(m["value"])) for m in snapshot.dict()["metrics"]]
show({"PSI, both without smoothing, difference": abs(drift.psi(a, b, smoothing=0) - told[0][2]).round(12)})
show({"JS, ours divided by theirs, squared": (ours["JS"] / told[1][2]) ** 2})
# %% [markdown]
# Equal, up to two conventions that are worth knowing when somebody quotes you a number. Evidently does not smooth as we do. And its Jensen-Shannon
# distance uses natural logarithms: the square of ours is larger by $1 / \ln 2$, about 1.443.
#
# And what does Evidently *say*, if you let it choose its methods?
# %%
show(pd.DataFrame(told[2:], columns=["Evidently's method", "its limit", "value"], index=["bin", "year"]), digits=3)
# %% [markdown]
# Both values are below the limit: no drift. The limit is 0.1, whenever the reference has more than a thousand rows. The folklore of PSI knows the same number: below 0.1 "no
# change", up to 0.25 "moderate", above it "major". Our incident has a PSI of about 0.025. Folklore calls that stable.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise and the imports (Evidently takes a few seconds to load).
#
# **Misconceptions.** "PSI 0.025 means 2.5 % of something": it is no share. "Smoothing is a detail": with an empty bin it is the whole number; let
# someone compare 1e-4 with 1e-9.
#
# **To discuss.** We chose bins by popularity because a fallback changes popularity. Which bins would show that all horror films have disappeared?
# %% [markdown]
# ## 3. How far is far?
#
# Where do 0.1 and 0.25 come from? From credit scoring, where they are used without any reference to how often they are wrong; Yurdakul and Naranjo 2020 say so, and supply the
# missing statistics. So let us calibrate. Take two windows in which *nothing* has changed: the same ten bins of equal shares, and $n$ independent events each. How large is PSI?
# %%
sizes = np.array([50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000])
same_law = np.full(10, 0.1)
unchanged = {n: drift.psi(*(rng.multinomial(n, same_law, 4000) for _ in range(2))) for n in sizes}
low, middle, high = (np.array([np.quantile(v, level) for v in unchanged.values()]) for level in (0.05, 0.5, 0.95))

fig, ax = plt.subplots()
ax.fill_between(sizes, low, high, alpha=0.3, label="nine of ten unchanged pairs")
ax.plot(sizes, middle, label="half of them are below")
ax.axhline(0.1, color="#D55E00", linestyle="--", label="folklore: 0.1 and 0.25")
ax.axhline(0.25, color="#D55E00", linestyle="--")
ax.plot(
    b.sum(),
    ours["PSI"],
    "o",
    color="#444444",
    markersize=9,
    label="our incident (one list in ten)",
)
ax.set(xscale="log", yscale="log", xlabel="n, events in each window", ylabel="PSI")
ax.set_xticks([100, 1000, 10_000], ["100", "1,000", "10,000"])
ax.set_yticks([0.001, 0.01, 0.1, 0.25], ["0.001", "0.01", "0.1", "0.25"])
ax.set_title("How far apart two windows are if nothing has changed")
ax.legend(loc="lower left")
alt = (
    "PSI without change against n, both axes logarithmic: a band that falls straight, from about 0.3 at 50 "
    "events to 0.0004 at 50,000. Its middle crosses the dashed line 0.1 between 100 and 200. The incident's point is far above the band."
)
figure_alt(fig, alt)
show({f"PSI above 0.1 at n = {n} (%)": 100 * (unchanged[n] > 0.1).mean() for n in (100, 200, 500)}, digits=2)
# %% [markdown]
# The blue band is chance. Read it from left to right. With a hundred events in each window, four of five *unchanged* pairs are a "moderate change". With two hundred it is a third. From
# a few thousand on, the limit is never reached by chance, and hardly by anything else: our incident, the dark dot, lies far above what
# chance does at its size, and below both dashed lines. A fixed limit is too strict for small windows and too lax for large ones.
#
# The straight line on logarithmic axes has a formula. If nothing has changed and events are independent, then about
#
# $$\text{expected PSI} = (B - 1) \left( \frac{1}{n_p} + \frac{1}{n_q} \right)$$
#
# Each window contributes one over its size. There are $B - 1$ instead of $B$ since shares add up to 1: the last one has no choice.
# %% exercise="3.7.2"
# a dict: {"expected": ..., "clicks": ..., "limit": ...}
### BEGIN SOLUTION
nothing = {"expected": 9 * (2 / 150), "clicks": 2 * 16.92 / 0.1, "limit": 16.92 * 2 / 100_000}
### END SOLUTION
# %% check="3.7.2"
nothing_checked = ex("3.7.2").check(nothing)
# %% [markdown]
# Put to the test, by drawing 4,000 unchanged pairs: with the small shop's clicks (what did you guess?), and with as many as you found.
# %%
for name, n in {"the small shop": 150, "your clicks": round(nothing_checked["clicks"])}.items():
    drawn = drift.psi(*np.random.default_rng(1).multinomial(n, same_law, (2, 4000)))
    show({f"PSI above 0.1 (%), {name}": 100 * (drawn > 0.1).mean()}, digits=2)
expected = 9 * (1 / counts(before).sum() + 1 / counts(quiet).sum())
show({"expected in our quiet week": expected, "found": psi_checked(counts(before), counts(quiet))}, digits=2)
# %% [markdown]
# The shop's alarm rings on more than half of all days, and says nothing on any of them. With your clicks it keeps to one in twenty. The formula holds for clicks drawn from a hat. It also fits our quiet week, nearly. But events of a service do not come out of a hat.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes with the exercise.
#
# **Misconceptions.** "Then take more bins, to see more": the expected PSI grows with B, so each bin costs sensitivity. "A p-value solves it": with
# millions of rows everything is significant. A limit needs both, more than chance and large enough to matter.
#
# **To discuss.** TensorFlow Data Validation compares the largest change of any one share instead (L-infinity). What is easier about setting *its* limit?
# %% [markdown]
# ## 4. Rows are not people
#
# Let us test the year of the shown films with the tool from the textbook, the Kolmogorov-Smirnov test. Its p-value is the chance of a distance at least as
# large, if nothing has changed *and rows are independent*. We compare 1,000 pairs of quiet weeks, and some pairs of four weeks, and alarm at p ≤ 0.05, so that one
# pair in twenty should be a false alarm. A quiet week needs no log: everybody's list is the same each time, only the number of visits is chance.
# %%
year_of = own["item"].map(year).to_numpy().reshape(-1, 10)  # a row for each user, in the order of audience.users


def draw_visits(days=7):
    """How many of these days each user came."""
    return rng.binomial(days, 1 - np.exp(-audience.activity_))


def shown_in(visits):
    """The years of all films shown: ten rows a visit."""
    return np.repeat(year_of, visits, axis=0).ravel()


pairs = [(draw_visits(), draw_visits()) for _ in range(1000)]
p_rows = np.array([drift.ks(shown_in(one), shown_in(two)).p_value for one, two in pairs])
p_long = np.array([drift.ks(shown_in(draw_visits(28)), shown_in(draw_visits(28))).p_value for _ in range(400)])
show({"false alarms (%), one week": 100 * (p_rows <= 0.05).mean()}, digits=2)
show({"false alarms (%), four weeks": 100 * (p_long <= 0.05).mean()}, digits=2)
# %% [markdown]
# One quiet week in four rings the bell, and four times the data hardly help. (Evidently runs this test by default on columns of numbers, if the reference has up to a thousand rows.) The test counts rows, and takes each row for a witness of its own. But ten films were shown
# *to one person*, and who loves films of the 1950s gets ten of them. A visit more or less of such a person moves ten rows at once. Here are five lists:
# %%
old_fans = np.argsort(np.median(year_of, axis=1), kind="stable")[[0, 200, 471, 700, 900]]
table = pd.DataFrame(np.sort(year_of[old_fans], axis=1), columns=range(1, 11))
show(table.set_axis(audience.users[old_fans], axis=0).rename_axis("user"))
# %% [markdown]
# More weeks bring more rows of the same people, in the same lumps of ten. The error is not noise that averages out. It is a wrong count of witnesses.
#
# The remedy is to ask the data how far chance goes. If nothing has changed, then it was chance in which of the two windows a person's visits
# fell. So deal them anew, a thousand times, and look at how large the distance gets. That is a **permutation test**, and everything depends on *what is dealt*. The counts
# come as two tables with a row for each user, one for each week, in bins of years:
# %%
inner = drift.edges(shown_in(draw_visits(28)), bins=10)
list_of = np.stack([drift.bin_counts(row, inner) for row in year_of])  # (users, bins): one visit of each user


def by_user(visits):
    return visits[:, None] * list_of


def null_of_rows(before, now, draws, rng):
    """A colleague's version; see the exercise."""
    pooled = (before + now).sum(axis=0)
    dealt = rng.multivariate_hypergeometric(pooled, now.sum(), size=draws)
    return drift.psi(pooled - dealt, dealt)


# %% exercise="3.7.3"
def null(before, now, draws, rng):
    """How large PSI gets by chance: (draws,) distances of two dealt weeks.

    before, now: (n_users, n_bins) counts of each user in two weeks; they must not be changed.
    draws: how often to deal. rng: a NumPy Generator, the source of all chance.
    """
    ### BEGIN SOLUTION
    swap = rng.random((draws, len(before))) < 0.5
    moved = swap @ (now - before)
    return drift.psi(before.sum(axis=0) + moved, now.sum(axis=0) - moved)
    ### END SOLUTION


# %% check="3.7.3"
null_checked = ex("3.7.3").check(null)


# %% [markdown]
# The share of dealt distances that reach the real one is the p-value (the library adds 1 above and below, so that it is never 0). Let both versions judge a hundred of
# the quiet pairs, and then the same hundred with every fifth list of the current week from the popularity list:
# %%
popular_of = popular["item"].map(year).to_numpy().reshape(-1, 10)
popular_list = np.stack([drift.bin_counts(row, inner) for row in popular_of])


def share_of_alarms(null, broken):
    rings, rng = 0, np.random.default_rng(1)  # of its own: what follows does not depend on how you deal
    for one, two in pairs[:100]:
        lost = rng.binomial(two, broken)
        before, now = by_user(one), by_user(two - lost) + lost[:, None] * popular_list
        found = drift.psi(before.sum(axis=0), now.sum(axis=0))
        rings += alarms.p_value(null(before, now, 199, rng), found) <= 0.05
    return rings


judges = {"rows dealt": null_of_rows, "people dealt": null_checked}
table = {name: [share_of_alarms(judge, broken) for broken in (0, 1 / 5)] for name, judge in judges.items()}
show(pd.DataFrame(table, index=["alarms in 100 quiet weeks", "alarms in 100 broken weeks"]))
# %% [markdown]
# With people dealt, false alarms come as often as ordered, about one in twenty. The second line shows what honesty costs: by the year of its films alone, a week with every fifth list
# broken passes for a quiet one in every third case. The test on rows rings more there, and it rings more everywhere. (A column that the fault really moves, popularity, finds even one list in ten, as you will see in section 6.)
#
# The library's `alarms.deal` does the same for windows of different length, day by day: each person's active days are given anew to the days of both windows. It assumes that without
# change, a person's days are exchangeable. Whole weeks in both windows keep weekends from breaking that.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise, the heart of the lesson.
#
# **Misconceptions.** "Sample one row a user, then KS is right": nearly, and it throws away nine tenths of the data. "Our rows are independent since requests are":
# ask who sends the requests.
#
# **To discuss.** Bots. One client with 10,000 visits: what does it do to the row test, to the dealt test, to the truth?
# %% [markdown]
# ## 5. Alarms that do not cry wolf
#
# **Many checks, one budget.** A monitor has more than one check: popularity, genres, ranks, volume, click rate. Each has a false-alarm rate $\alpha$, and $K$ of them are read in a
# week. If they are independent, then
#
# $$\text{chance of a false alarm} = 1 - (1 - \alpha)^K$$
# %%
alpha = 0.05
budget = pd.DataFrame({"K": [1, 5, 15, 105]})
budget["chance (%)"] = 100 * (1 - (1 - alpha) ** budget["K"])
budget["with alpha / K (%)"] = 100 * (1 - (1 - alpha / budget["K"]) ** budget["K"])
show(budget, digits=3)
# %% [markdown]
# Fifteen checks a week at 5 % are wrong in more weeks than not; read daily (105), in practically every week. An alert like that is muted within a month, and then there is no
# alert. So set the budget first: how many false alarms *in total* can the team bear? One in twenty weeks, say. Then share it: each check alarms at $p \le \alpha / K$.
# That is **Bonferroni's correction**, the simpler relative of Holm's from lesson 1.5: every check has the same limit, whatever the others say. Both hold for dependent checks, too.
#
# Lesson 3.5 named another, `benjamini_hochberg`. It bounds the false-discovery rate, the share of false findings among all findings. For a pager that is the wrong promise: a single
# false alarm wakes somebody.
#
# **Small changes that last.** The click rate is one number a day. The usual rule: take mean and standard deviation of the reference days, and alarm on a
# day whose standardised value $z_t$ lies beyond 3. It sees a day that is very different. It does not see that twelve days in a row were a little low. For that, **add up**. Page's cumulative sum (CUSUM, 1954)
# keeps two sums, one for each direction:
#
# $$\text{up}_t = \max(0,\; \text{up}_{t-1} + z_t - k) \qquad\qquad \text{down}_t = \max(0,\; \text{down}_{t-1} - z_t - k)$$
#
# The **slack** $k$, usually 0.5, is taken off each day, so that chance runs into the floor at 0 and is forgotten. A change of one standard deviation that lasts leaves 0.5 a day on average, and that adds up. When one of the sums
# exceeds a limit, the alarm sounds.
#
# To compare the two rules, make them equally honest. A rule's **run length** is the number of days until its first alarm; without change it should be long. For the 3-sigma rule it is 370 days on average. We
# choose the CUSUM's limit so that it is the same, by the library's formula (Siegmund 1985).
# %%
from scipy.optimize import brentq
from scipy.stats import norm

three_sigma = 1 / (2 * norm.sf(3))
limit = brentq(lambda h: alarms.run_length(h) - three_sigma, 1, 10)
show({"days to a false alarm, both rules": three_sigma, "limit of the CUSUM": limit}, digits=3)

shifts = np.array([0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
wait_single = 1 / (norm.sf(3 - shifts) + norm.sf(3 + shifts))
wait_cusum = []
for shift in shifts:
    path = alarms.cusum(rng.normal(shift, 1, (500, 1500)))
    wait_cusum.append(1 + np.argmax(path > limit, axis=1).mean())  # the first day above the limit
# %% [markdown]
# Now let one in three of our lists break, for two weeks, and look at the click rate with both rules. Beside it, how long each rule takes to find a lasting change, on average, by the size of the change:
# %%
two_weeks = log(range(28, 42), broken=1 / 3).groupby(["day", "kind"]).size().unstack()
z = alarms.standardized(rate[:28].to_numpy(), (two_weeks["click"] / two_weeks["impression"]).to_numpy())
path = alarms.cusum(z)
days = np.arange(28, 42)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
left.plot(days, z, "o-", markersize=4, label="z, the day's click rate")
left.plot(days, -path, color="#D55E00", label="cumulative sum, downwards")
left.axhline(-3, color="#0072B2", linestyle="--", linewidth=1)
left.axhline(-limit, color="#D55E00", linestyle="--", linewidth=1)
left.set(xlabel="day", title="No day is odd, the fortnight is", ylim=(None, 8))
left.legend(loc="upper left")
right.plot(shifts, wait_single, "o-", label="one day beyond 3")
right.plot(shifts, wait_cusum, "o-", color="#D55E00", label="cumulative sum")
right.set(yscale="log", xlabel="lasting change (standard deviations)", ylabel="days until it is found, on average")
right.set_title("Sums find small changes sooner")
right.legend(loc="upper right")
alt = (
    "Left: z of 14 days between -2.1 and -0.1, and the cumulative sum falling beyond its limit on day 39. "
    "Right: days until found by size of the change, falling; for one standard deviation 44 days against 10."
)
figure_alt(fig, alt)
sd = rate[:28].std() / rate[:28].mean()
show({"one list in ten, in standard deviations of a day": lost / sd}, digits=2)
show({"days until found: single days": np.interp(lost / sd, shifts, wait_single)}, digits=2)
show({"days until found: cumulative sum": np.interp(lost / sd, shifts, wait_cusum)}, digits=2)
# %% [markdown]
# At one standard deviation the sum needs about ten days, the single day six weeks. At three the single day is even a little faster: what is glaring needs no sum.
#
# And the last lines answer a question from section 1. One list in ten lowers the click rate by about a third of a day's standard deviation. The better rule
# would need months to find it *in the clicks*. In the lists, one week is plenty, as the next section shows. That is the case for watching predictions: not that they matter more than clicks, but that they are so much less noisy.
#
# (The mean and the spread come from 28 days only, and are uncertain themselves. The library's `cusum_null` takes that into account, and sets its limits higher.)
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes.
#
# **Misconceptions.** "3 sigma means 0.3 % false alarms, so it is safe": per day and per check. "A run length of 370 days means that nothing happens for a year": the
# waiting time is geometric; in a third of all cases the first false alarm comes before day 150.
#
# **To discuss.** The muted alerts from the beginning: what was their run length? Who chose it?
# %% [markdown]
# ## 6. The monitor, and what its alarms mean
#
# `recsys_lab.production.monitor` puts sections 2 to 5 together: fifteen checks (one is the Gini index of lesson 2.5), limits by dealing people's days, one budget of false alarms. Give it five different weeks. Before you run the cell, predict for each: which
# *group* of checks will ring: what is shown (prediction, coverage), what people do (data), what comes of it (outcome), or none?
#
# - **quiet**: nothing happens;
# - **one list in ten**: our incident;
# - **tastes turn**: people begin to like other films, quickly (a taste is a vector in the simulator, and each turns by 0.2 radian a day; at a right angle, 1.57, it would be somebody else's); the model stays;
# - **new model**: an ImplicitALS is published in place of EASE, and it is better: worth 6 % more clicks;
# - **all lists**: the outage of section 1.
# %%
better = registry.make("implicit-als").fit(liked).recommend(audience.users, n=10, unknown="popular")


def tastes_turn(days, radians_a_day=0.2):
    parts = []
    for day in days:
        audience.drift = radians_a_day * (day - 27) / day  # tastes turn by drift * day: the turn begins on day 28
        parts.append(log([day]))
    audience.drift = 0.0
    return pd.concat(parts, ignore_index=True)


week = range(28, 35)
current = {"quiet": quiet, "one list in ten": leak, "tastes turn": tastes_turn(week)}
current |= {"new model": log(week, lists=better, name="als-1"), "all lists": outage}
spans = {"reference": (START, START + 28 * DAY), "current": (START + 28 * DAY, START + 35 * DAY)}
reports = {
    name: monitor(pd.concat([before, events]), model.train_, items=data.items, **spans)
    for name, events in current.items()
}
table = pd.DataFrame(index=["prediction", "coverage", "data", "outcome"])
for name, report in reports.items():
    table[name] = [sum(check.group == group for check in report.alerts) for group in table.index]
show(table.rename_axis("alarms in group"))
gain = 100 * (audience.value(better) / worth["own lists"] - 1)
show({"the new model is worth (% more clicks)": gain}, digits=2)
named = reports["new model"].counts
show({f"models in the {window} window": ", ".join(named[window]["models"]) for window in named})
# %% [markdown]
# Read the columns as a doctor reads symptoms:
#
# - **What is shown rings, the outcome does not (yet).** Two columns look like that: the incident, which the clicks could not show in a week, and the new model, which is *good news*. Drift is a
#   change, not a fault. So first ask the deployment log: did somebody publish something? The report names a model that is new, so that nobody starts a search. If nobody did, it is an incident. (Whether the new
#   model is better, a monitor cannot say: a gain of 6 % drowns in the week's noise, too. That is what the experiments of lesson 3.5 are for.)
# - **The outcome rings, what is shown does not.** The service shows what it always showed, and people click less. Either people have changed, or something between the list and the person is broken. Here a check in group *data* rings with it: people click other films than they did. That is what concept drift looks like.
# - **Everything rings.** The service changed, and people noticed at once.
#
# Every check says what it found and what to do. Here is the report of the incident:
# %%
for check in reports["one list in ten"].alerts:
    print(f"{check.name}: {check.why}\n    {check.remedy}")
# %% [markdown]
# The limit for PSI is not 0.1 here. It is what these people, on these days, produce by chance at the level that the budget leaves to one check. And here is the whole report as a picture: how
# surprising is each check, in the quiet week and in the incident? Whatever crosses the line rings.
# %%
fig, ax = plt.subplots(figsize=(8, 5))
names = [check.name for check in reports["quiet"].checks if check.p_value is not None][::-1]
for name, colour, marker in (("quiet", "#56B4E9", "o"), ("one list in ten", "#D55E00", "^")):
    surprise = {check.name: check.p_value for check in reports[name].checks}
    ax.plot([surprise[check] for check in names], range(len(names)), marker, color=colour, label=name)
ax.axvline(reports["quiet"].level, color="#444444", linestyle="--", linewidth=1, label="alarm from here on")
ax.set_yticks(range(len(names)), names)
ax.set(xscale="log", xlabel="p: how often chance alone goes as far")
ax.invert_xaxis()
ax.set_title("Two checks know about the incident")
ax.legend(loc=(0.42, 0.03))
alt = (
    "p-values of 15 checks on a logarithmic axis. In the quiet week all are above 0.1. In the incident, "
    "popularity shown and gini lie beyond the alarm line; click rate does not."
)
figure_alt(fig, alt)
# %% [markdown]
# **The dashboard.** `report.save(folder)` writes a page for people and a JSON for machines, and `recsys-lab monitor` does it from the command line, with exit code 1 if there is an alarm: a job for the scheduler of lesson 3.4. A monitoring page for a
# recommender has five rows, from top to bottom: *Is it answering?* (requests, errors, latency: you have that.) *What does it show?* (popularity, genres, coverage, fallbacks.) *Who is asking?* (volume, activity.) *What comes of it?* (clicks by day, by rank, by variant.) *How old is it?* (model, features, last event.)
# %%
with tempfile.TemporaryDirectory() as folder:
    pages = reports["one list in ten"].save(folder)
    told = json.loads(pages[0].read_text(encoding="utf-8"))
    show({page.name: page.is_file() for page in pages} | {"verdict": told["verdict"], "keys": ", ".join(told)})
# %% [markdown]
# Here is a map from silent failures to the check that hears them. Try to say, for each row, why the others stay silent.
#
# | what happened | status | who hears it |
# |---|---|---|
# | histories are lost, the popularity list for everybody | 200 | popularity shown, Gini, coverage |
# | the model file is missing, the service falls back and says so | 200 | fallback share |
# | the front end no longer sends clicks | 200 | days without clicks, click rate |
# | every event is logged twice | 200 | activity, volume by day |
# | the page shows the list upside down | 200 | rank clicked |
# | the pipeline has published nothing for three weeks | 200 | age of model, if the monitor was told when the file was written (`model_at`) |
#
# ### One for you
#
# The next report looks like this. One group of checks rings, the outcome, and everything that the service shows seems to be as ever. (The function `pod_log` is the service of three pods. Do not read it yet.)
# %%
from recsys_lab.course.exercises.e3_7 import pod_log

incident = pod_log()
report = monitor(incident, model.train_, items=data.items, **spans)
show({check.name: check.verdict for check in report.checks})
incident[["kind", "user", "item", "rank", "day", "pod"]].head(3)
# %% exercise="3.7.4"
# a dict: {"pod": ..., "day": ..., "cause": ...}; use as many cells as you like
### BEGIN SOLUTION
# clicks an impression, by pod: c. Of its pairs (user, film), all were shown before, up to day 29; from day 30 on, none.
found = {"pod": "c", "day": 30, "cause": "shuffled"}
### END SOLUTION
# %% check="3.7.4"
found_checked = ex("3.7.4").check(found)
# %% [markdown]
# The pod's list for a person, and the lists that this person had before: how many of the films agree?
# %%
pairs_before = set(zip(*incident.loc[incident["day"] < 28, ["user", "item"]].to_numpy().T))
known = incident["user"].isin(incident.loc[incident["day"] < 28, "user"])
later = incident[(incident["day"] >= 28) & known & (incident["kind"] == "impression")]
agree = [pair in pairs_before for pair in zip(later["user"], later["item"])]
table = later.assign(agree=agree).groupby([later["pod"] == found_checked["pod"], "day"])["agree"].mean().unstack(0)
show(table.rename(columns={False: "other pods", True: "the broken pod"}).rename_axis(None, axis=1), digits=2)
# %% [markdown]
# A check of this kind, the overlap of a person's list with their last one, is cheap and is not in the library's monitor. Distances between totals are blind to *who* gets what. If
# your product promises personal lists, watch something personal.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise; let people work in pairs on the log.
#
# **Misconceptions.** "Drift alarm, so retrain": retraining on the incident's log teaches the model the popularity list. "No drift, so all is well": 3.7.4.
#
# **To discuss.** What would the on-call person do at 3 a.m. about each of the alarms? Whatever waits until Monday should be a ticket.
# %% [markdown]
# ## 7. How old may a model get?
#
# Tastes turn, films come out, and a model knows its training data only. How often should it be retrained? Many teams have an answer (daily; when somebody remembers) and no reason. The reason is a
# sum with two terms: training costs something each time, and a stale model costs something each day. The first you can look up. The second can be measured.
#
# In the simulator, tastes now turn slowly, 0.03 radian a day. Every fourth day we learn what people like *on that day*, of the 300 most rated films, fit a model on it, and follow what its lists are worth
# on every day after. (For once, the lists may hold films that a model was fitted on. Otherwise each model would leave out the very films that it knows a person likes, and we would compare leftovers.)
# %%
audience.drift = 0.03
most = data.ratings["item"].value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:300]
pairs_asked = pd.merge(pd.DataFrame({"user": audience.users}), pd.DataFrame({"item": most}), how="cross")
starts, horizon = range(0, 29, 4), range(29)


def lists_of_day(day):
    likes = pairs_asked[rng.random(len(pairs_asked)) < audience.appeal(pairs_asked, day=day)]
    fresh = registry.make("ease").fit(likes.assign(rating=5.0))
    return fresh.recommend(audience.users, n=10, exclude_seen=False, unknown="popular")


value = pd.DataFrame(index=horizon, columns=starts, dtype=float)  # of the model of day s (column), on day t (row)
for s in starts:
    lists = lists_of_day(s)
    for t in range(s, 29):
        value.loc[t, s] = audience.value(lists, day=t)
audience.drift = 0.0


# %% [markdown]
# Three policies over these four weeks: train once and never again, every twelfth day, every fourth day.
# %%
def run(d):
    """Clicks a visit on each day, if a model is trained every d days."""
    return [value.loc[t, t - t % d] for t in range(28)]


fig, ax = plt.subplots()
for d, label in ((28, "never again"), (12, "every 12 days"), (4, "every 4 days")):
    ax.step(range(28), run(d), where="post", label=label)
ax.set(xlabel="day", ylabel="clicks a visit (true value)", ylim=(1.1, 1.75))
ax.set_title("A model ages slowly at first, then fast")
ax.legend(loc="lower left")
alt = "True clicks a visit by day: never retrained falls from 1.66 to 1.26; every 12 and every 4 days stay close together, near 1.4 at the end."
figure_alt(fig, alt)
# %% [markdown]
# Even the freshest line falls, by some 15 %. That is not staleness: people whose taste is halfway between two are harder to please. Staleness is the *gap to a fresh model on the same day*. Averaged over
# all pairs of a fresh and an older model, by age:
# %%
ages = np.arange(0, 29, 4)
gap = [np.mean([value.loc[t, t] - value.loc[t, t - age] for t in starts if t >= age]) for age in ages]
loss = np.interp(
    np.arange(28), ages, gap
)  # of a model's first day, second day, ...: between the measured ages a straight line
show(pd.DataFrame({"age in days": ages, "clicks a visit lost": gap}).set_index("age in days").T, digits=2)
# %% [markdown]
# Twice the age, some four times the loss (six at first): the loss grows about with the *square* of the age. In the first days, age costs next to nothing.
#
# Now the sum. Let $l_a$ be the loss on day $a$ of a model's life, in clicks a visit, $v$ the number of visits a day, and $c$ what one training costs, in clicks as well (the pipeline of lesson 3.4 with its gate, and somebody's attention;
# whoever knows what a click earns can convert). A cycle of $d$ days then costs, by the day,
#
# $$C(d) = \frac{1}{d} \Big( c + v \sum_{a=1}^{d} l_a \Big)$$


# %% exercise="3.7.5"
def cost_per_day(loss, d, visits, training):
    """C(d), in clicks a day.

    loss: array, clicks lost a visit on the first, second, ... day of a model's life; at least d of them.
    d: days between trainings, from 1. visits: a day. training: what one training costs, in clicks.
    """
    ### BEGIN SOLUTION
    return (training + visits * loss[:d].sum()) / d
    ### END SOLUTION


# %% check="3.7.5"
cost_checked = ex("3.7.5").check(cost_per_day)
# %% [markdown]
# For three services: the same model and audience, training at 2,000 clicks, but a thousand, twenty thousand or a million visits a day.
# %%
fig, ax = plt.subplots()
periods = np.arange(1, 29)
best = {}
for v, colour in ((1_000, "#0072B2"), (20_000, "#D55E00"), (1_000_000, "#009E73")):
    cost = np.array([cost_checked(loss, d, v, 2000) for d in periods])
    near = periods[cost <= 1.25 * cost.min()]
    best[f"{v:,} visits: best period, and from-to within 25 %"] = (periods[cost.argmin()], near[0], near[-1])
    ax.plot(periods, cost / cost.min(), color=colour, label=f"{v:,} visits a day")
    ax.plot(periods[cost.argmin()], 1, "o", color=colour)
ax.set(xlabel="d, days between trainings", ylabel="cost, compared with the best", ylim=(0.9, 4))
ax.set_title("The more traffic, the sooner; and the minimum is flat")
ax.legend(loc="upper center")
alt = "Cost against period, each with its minimum marked: at 25 days for a thousand visits, 9 for twenty thousand, and 3 for a million."
figure_alt(fig, alt)
show(best)
# %% [markdown]
# No rule such as "retrain nightly" fits all three. And look how flat the bottoms are: for the middle one, anything from six to thirteen days costs at most a quarter more than the best. (The range of the smallest one ends at 28 days only since our measurement does.)
#
# Three warnings from practice. **The calendar, not the alarm.** The loss is small for days and then grows fast; an alarm that waits for significance in the clicks comes late. Retrain by the calendar, and keep alarms for what is *not* ordinary
# ageing. **Never straight after an alarm.** A model retrained on the log of an incident has learned the incident. Find the cause, cut the days out, then train. **Always through the gate.** A fresh model can be worse; lesson 3.4's comparison
# with the champion is what makes frequent retraining safe.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise.
#
# **Misconceptions.** "Fresh is always better": of two models fitted four days apart, the older one can win by luck of its training sample. "Retraining cures drift": not of a broken feature.
#
# **To discuss.** How would you measure the loss by age *without* a simulator? (Replay: fit on data up to day s, evaluate on day t, for old s. Or keep an old model on 1 % of traffic, as an experiment.)
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Google.** Zinkevich's *Rules of Machine Learning* devote three rules to this lesson: know how fast your system ages (8), look for problems before a model is exported (9), watch for silent failures (10). His example of
#   the last is a table that a model joins with, and that nobody has refreshed for months.
# - **Google, TFX.** *Data Validation for Machine Learning* (Breck et al. 2019) describes checks of petabytes a day against a schema and against other windows, as a part of the pipeline, in use by hundreds of product teams.
# - **Booking.com** reported on about 150 models (Bernardi et al. 2019). Since the truth often comes late or never, they look at the distribution of a model's answers, much as you did in section 2, to find faults without labels.
# - **Facebook** measured staleness for click prediction (He et al. 2014, the section on data freshness): the error grew with every day between training and use, so that it pays to train daily.
# - **Google's site reliability engineers** (Ewaschuk 2016) ask of every page that wakes somebody that it be urgent, actionable, and about what users feel. Most drift alarms are not urgent: make them tickets.
#
# ## In the interview
#
# **"Your recommender has been live for half a year. What do you monitor, and when do you alert?"** A good answer in three minutes:
#
# 1. *Layers.* Service (requests, errors, latency), data (volume, who comes), predictions (what is shown: popularity, coverage, fallbacks), outcome (clicks, by rank and variant), age of model and features.
# 2. *A silent failure*, as an example: histories lost, everybody gets the popular list, all requests succeed. Which layer shows it, and how soon?
# 3. *Limits from data.* A distance between two windows is never 0; no fixed cut-offs. Deal users between the windows, not rows.
# 4. *A budget.* So many false alarms a month in all, shared among the checks. Cumulative sums for small changes that last. Pages for what is urgent, tickets for the rest.
# 5. *What an alarm means.* Predictions without outcome: look at deployments. Outcome without predictions: people (concept drift), or the wrong lists for the right people. Both: perhaps a success.
# 6. *Retraining* by a period that weighs training against measured staleness; through a gate; never on an incident's data.
#
# ## Take-aways
#
# - A model answers something, whatever it is asked. An error rate of zero says nothing about the lists.
# - A distance is half of an alarm. The other half is how far chance goes: about $B - 1$ times $1 / n_p + 1 / n_q$ for PSI, if events were independent.
# - They are not. Ten rows of one visit are one witness. Deal people.
# - Set the number of false alarms first, then share it among the checks.
# - What is shown is far less noisy than what is clicked: it shows faults of the service within days. What is clicked says whether a change is good.
# - Totals cannot see the right films going to the wrong people.
# - Measure how fast your model ages. The loss is small at first and grows fast, and the best period depends on traffic.
#
# ## Further reading
#
# - M. Zinkevich: *Rules of Machine Learning: Best Practices for ML Engineering*. Google, rules 8 to 10.
# - E. Breck, N. Polyzotis, S. Roy, S. Whang, M. Zinkevich: *Data Validation for Machine Learning*. SysML 2019.
# - L. Bernardi, T. Mavridis, P. Estevez: *150 Successful Machine Learning Models: 6 Lessons Learned at Booking.com*. KDD 2019.
#   [doi:10.1145/3292500.3330744](https://doi.org/10.1145/3292500.3330744)
# - X. He et al.: *Practical Lessons from Predicting Clicks on Ads at Facebook*. ADKDD 2014.
# - B. Yurdakul, J. Naranjo: *Statistical Properties of the Population Stability Index*. Journal of Risk Model Validation, 2020. Limits for PSI by size and number of bins.
# - J. Lin: *Divergence Measures Based on the Shannon Entropy*. IEEE Transactions on Information Theory 37(1), 1991.
# - E. S. Page: *Continuous Inspection Schemes*. Biometrika 41, 1954. The cumulative sum.
# - D. Siegmund: *Sequential Analysis: Tests and Confidence Intervals*. Springer, 1985. Run lengths of cumulative sums.
# - R. Ewaschuk: *Monitoring Distributed Systems*, chapter 6 of *Site Reliability Engineering*. O'Reilly, 2016.
