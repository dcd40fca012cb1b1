# ---
# lesson:
#   id: "5.1"
#   title: "Design Netflix recommendations"
#   phase: 5
#   minutes: 180
#   prerequisites: ["3.1", "3.5", "3.8", "4.5"]
#   objectives:
#     - "Lead a design interview through nine steps, from the goal to what happens when it fails"
#     - "Compute requests, servers, storage, network and cost from stated assumptions, with units that refuse nonsense"
#     - "Give each stage its share of a latency budget, and say what waiting for many calls does to the tail"
#     - "Find the assumption that decides, and measure that one first"
#     - "Find the flaws in somebody else's design, and say why the rest of it is sound"
# ---
# %% [markdown]
# ## What you already know
#
# You have sat in the meeting: "how many instances do we need?", an envelope, some multiplications, a number. You know
# load balancers, caches, queues, replicas and dashboards, and an interviewer will not teach you any of these. What
# changes when the service recommends?
#
# | a backend you have designed | a recommender |
# |---|---|
# | the answer is right or wrong | the answer is better or worse, and only an experiment can tell |
# | what is read was written before | what is read is computed, from what a person did a minute ago |
# | a cache keeps what many ask for | everybody's page is another one: what is there to keep? |
# | a log is for debugging | the log is the raw material of the next model |
# | if a dependency fails, answer 503 | if the model fails, answer something else, and nobody should notice |
# | the table grows with the customers | the log of what was *shown* grows much faster than anything else |
#
# This lesson takes one question through to the end: *design the recommendations of a video service such as Netflix*.
# All pieces are in your hands already: candidates and ranking from 4.5, the service from 3.1, features from 3.2 and
# 3.3, the pipeline from 3.4, experiments from 3.5, monitoring from 3.7. New is the order in which to speak of them,
# and the numbers between them.
#
# **Before you start.** Phase 5 needs packages of its own: `make lab PHASE=5`, once. If they are missing, the next cell
# says so.
#
# %% [markdown] instructor=true
# **Timing (180 minutes alone; two sessions of 90 in class).** Session one: sections 1 to 5 with exercises 1 and 2.
# Session two: sections 6 to 10 with exercises 3 to 6, quiz, interview question.
#
# **Prepare.** Before anybody opens the notebook: five minutes, in pairs, one asks "design Netflix recommendations", the
# other talks. Write down the first three nouns that each says. Most begin with a model. Come back to the list at the end.
# %%
import json
import lzma
import tempfile
import uuid
from collections import OrderedDict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab.course.environment import needs

needs("phase5")  # `make lab PHASE=5` brings what this phase needs

from recsys_lab import datasets, plots, registry, storage
from recsys_lab.course import figure_alt, show, start
from recsys_lab.course.exercises.e5_1 import RANGES, SLOW_PAGE
from recsys_lab.errors import DataError
from recsys_lab.experiment.power import days_needed, plan_proportions
from recsys_lab.production import capacity
from recsys_lab.production.latency import Stage, budget, quantile_of_one, slow_share
from recsys_lab.production.units import quantity, text

ex, quiz = start("5.1")
data = datasets.load("ml-100k")
ratings = data.ratings.sort_values("timestamp", kind="stable")
# %% [markdown]
# ## 1. Nine steps
#
# A design interview takes 45 minutes and is about how you think. Without an order you will spend thirty of them on a
# neural network. Here is an order, with minutes that add up to 45:
#
# | | step | minutes | what stands on the board afterwards |
# |---|---|---|---|
# | 1 | goal and users | 4 | one sentence: for whom, where on the page, better in what |
# | 2 | constraints and numbers | 6 | people, requests, titles, milliseconds, and who said so |
# | 3 | data and labels | 5 | which events are logged, and what counts as a success |
# | 4 | candidates | 5 | sources, and how many titles each proposes |
# | 5 | ranking | 6 | features, label, model, in this order |
# | 6 | re-ranking | 3 | what the *page* must be: varied, fresh, without what was seen |
# | 7 | serving | 6 | a diagram, with milliseconds at its arrows |
# | 8 | evaluation | 5 | offline: the split. Online: the unit, the metric, the weeks |
# | 9 | monitoring and failure | 5 | what may break, what a viewer sees then, who is called |
#
# The first two take ten minutes and decide the rest. And the steps are connected: step 3 must log what step 5 learns
# from; step 8 must judge what step 1 promised; step 9 asks each box of step 7 "and without you?".
#
# ```text
#  1 goal -> 2 numbers -> 3 data -> 4 candidates -> 5 ranking -> 6 re-ranking -> 7 serving
#    ^                      ^                                                       |
#    |                      +------------------ what was shown ---------------------+
#    +---- 8 evaluation: was it better in what 1 asked for?  9 failure: and without it?
# ```
#
# ### Step 1: goal and users
#
# Ask before you draw. Good questions here, and the answers that we shall assume:
#
# - *Which surface?* The home page: rows of titles, the first thing that a member sees.
# - *Better in what?* Not in clicks. A member pays by the month, so what counts is whether they stay. Netflix's own
#   account says that it looks for member retention in its A/B tests (Gomez-Uribe and Hunt, 2015).
# - *What is the user's problem?* Choosing. The same paper reports that a typical member loses interest after 60 to 90
#   seconds, having looked at 10 to 20 titles. So the *top* of the page is what must be good.
# - *Who is hard?* New members without history; households in which several people share a profile; children.
# - *What must not happen?* A title that is not licensed in the country; what a child should not see; the film that one
#   finished a minute ago, once more, on top.
#
# The sentence on the board: **put something that this member will be glad to have watched among the first titles of the
# home page, so that they stay; within 200 ms; and what was just finished is gone within a minute.**
#
# ## 2. Numbers, and where they come from
#
# Step 2. Every number is one of two things, and you say which: a **fact** with a source and a year, or an
# **assumption**, which somebody will have to measure. Facts first:
#
# | fact | source |
# |---|---|
# | 301.63 million paid memberships at the end of 2024 | shareholder letter for Q4 2024, the last exact count |
# | more than 94 billion hours watched in the second half of 2024 | engagement report, February 2025 |
# | over 325 million at the end of 2025, 96 billion hours in its second half | shareholder letter for Q4 2025, January 2026 |
# | more than 18,000 titles, 99 % of all viewing | engagement report, December 2023 |
# | about 40 rows on a home page, up to 75 titles in a row | Gomez-Uribe and Hunt, 2015 |
# | 700 billion events a day, 11 million a second at the peak, 3 kB each on average, 75 million members | Daxini's talk on Keystone, 2016 |
#
# What do the first two say together? Hours, divided by days and by memberships. Not as plain numbers: with **units**.
# %%
members = quantity("301.63e6 user")
watched = quantity("94e9 hour") / quantity("184 day") / members
a_year_later = quantity("96e9 hour") / quantity("184 day") / quantity("325e6 user")
show({"2024": text(watched, "hour/user/day"), "2025": text(a_year_later, "hour/user/day")})


# %% [markdown]
# The newer pair is rounded, and says the same: we calculate with the exact one. (When you prepare, look whether there is a newer
# one still; in the interview, say the year.) A little under two hours a day for each membership, and many have several people behind them. So a large part of the
# members comes on any one day. We shall assume half.
#
# ### From scratch, then the library
#
# What is a number with a unit? A value, and a power for each base unit: 5 requests per user and day is 5 with
# {request: 1, user: -1, day: -1}. Multiplying adds the powers. Adding demands that they are equal. That is all:
# %%
class Measured:
    """A value and the powers of its units, {"request": 1, "day": -1}."""

    def __init__(self, value, **powers):
        self.value, self.powers = value, {unit: p for unit, p in powers.items() if p != 0}

    def __mul__(self, other):
        units = {*self.powers, *other.powers}
        powers = {u: self.powers.get(u, 0) + other.powers.get(u, 0) for u in units}
        return Measured(self.value * other.value, **powers)

    def __add__(self, other):
        if self.powers != other.powers:
            raise TypeError(f"{self.powers} and {other.powers} cannot be added")
        return Measured(self.value + other.value, **self.powers)


people, each = Measured(150e6, user=1), Measured(4, request=1, user=-1, day=-1)
pages = people * each
by_pint = quantity("150e6 user") * quantity("4 request/user/day")
show(
    {
        "pages": pages.value,
        "units": sorted(pages.powers.items()),
        "minus Pint's": pages.value - by_pint.m_as("request/day"),
    }
)
try:
    people + each
except TypeError:
    print("TypeError: people and pages per person cannot be added")
# %% [markdown]
# What Pint adds is conversion (a day is 86,400 seconds, a byte 8 bits), prefixes, and a reader of texts. The library's
# `units.py` gives Pint a small vocabulary of its own, in which people, requests, events, bytes and dollars are
# *dimensions*. Usually they are not: for physics, "5 requests" and "5 people" are both just 5. And each function of
# `capacity.py` says which dimension it wants. Give it a rate where it wants a size:
# %%
for size in ("300 byte/s", 300, "300 byte/request"):
    try:
        capacity.event_storage(rate="1000 event/s", size=size, keep="400 day")
    except DataError as error:
        print(error)
# %% [markdown]
# ### The assumptions of our case
#
# Here they are, in one place. The library's functions take them as they stand: texts with units. `share` is how many of
# the members come on a day, `peak` the busiest moment over the mean of the day, `work` the CPU time for one page, `busy` the
# share of a server that is planned to be in use.
# %%
BASE = {
    "members": "301.63e6 user",  # fact, Q4 2024
    "share": "0.5",  # assumption; the hours above make it plausible
    "pages": "4 request/user/day",  # assumption
    "peak": "2",  # assumption; section 3 looks at data
    "work": "60 ms",  # assumption: to be measured with the real model
    "busy": "0.5",  # decision
    "server": "0.7 usd/server/hour",  # assumption: 16 cores, some provider's list
    "page": "60 kB/request",  # assumption
    "traffic": "0.02 usd/GB",  # assumption
    "events": "300 event/user/day",  # assumption: titles shown, rows scrolled, plays
    "size": "300 byte/event",  # measured in section 5
    "keep": "400 day",  # decision
    "log": "0.02 usd/GB/month",  # assumption: object storage, its copies included
    "profile": "4 kB/user",  # assumption; three copies in memory
    "memory": "3 usd/GB/month",  # assumption
    "trainers": "16 server",  # assumption: all day, with accelerators
    "trainer": "4 usd/server/hour",  # assumption
}
daily = members * quantity(BASE["share"])
mean_rate = capacity.request_rate(users=daily, each=BASE["pages"])
peak_rate = capacity.request_rate(users=daily, each=BASE["pages"], peak=BASE["peak"])
show({"pages a second, mean": text(mean_rate, "request/s"), "at the peak": text(peak_rate, "request/s")})
# %% [markdown]
# With $U$ users a day, $r$ requests of each, and a peak factor $p$, the rate in requests a second is
#
# $$\lambda = \frac{U \, r \, p}{86400}$$
#
# Say numbers like these aloud with one or two digits: "seven thousand pages a second, twice that at the peak". A third
# digit claims that you know something.
# %% exercise="5.1.1"
# a dict from the letters of the wrong lines to the factors that their results must be multiplied by
### BEGIN SOLUTION
# d: a byte has 8 bits. f: a log is filled at the mean rate, and the peak is twice that.
corrections = {"d": 8, "f": 0.5}
### END SOLUTION
# %% check="5.1.1"
corrections_checked = ex("5.1.1").check(corrections)
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 40 minutes with the exercise.
#
# **Misconceptions.** "The exact number matters": ask what would change if it were twice as large. Often nothing, and
# that is an answer. "Units are pedantry": ask for the last incident with milliseconds and seconds.
#
# **To discuss.** Which facts does your own company publish about its traffic, and what could a stranger compute from them?
# %% [markdown]
# ## 3. How high is a peak?
#
# We assumed 2. The talk on Keystone has both numbers, so its peak can be computed. MovieLens 100K has time stamps: let
# us ask it, too.
# %%
keystone = quantity("11e6 event/s") / quantity("700e9 event/day")
stamps = ratings["timestamp"].to_numpy()
by_hour_of_day = np.bincount(stamps // 3600 % 24, minlength=24)
by_hour = np.bincount((stamps - stamps[0]) // 3600)
show(
    {
        "Keystone 2016, peak over mean": keystone.m_as(""),
        "MovieLens, busiest hour of the day over the mean": by_hour_of_day.max() / by_hour_of_day.mean(),
        "MovieLens, busiest single hour over the mean": by_hour.max() / by_hour.mean(),
        "MovieLens, people on the mean day": ratings.groupby(stamps // 86400)["user"].nunique().mean(),
    },
    digits=3,
)
# %% [markdown]
# Three peaks, and all are true. A service on all continents is nearly flat, because it is always evening somewhere.
# People of one region, averaged over many days, make a factor of two. And a small site, with a dozen people a day, is at
# its busiest forty-five times as busy as on average. **The fewer people, the higher the peak.** For a large service a
# factor of 2 is cautious; for a start-up's it would be reckless; and a page that is served from one region has that
# region's evening.
#
# ## 4. Servers
#
# How many requests are being worked on at the same moment? If $\lambda$ arrive a second, and each stays for $W$
# seconds, it is
#
# $$L = \lambda W$$
#
# on average. This is **Little's law** (1961), and it asks for surprisingly little: no distribution, no order of service,
# only that what comes in also goes out. Do you believe it? MovieLens has visits: runs of ratings of one person
# without a pause of more than half an hour. The left side counts, minute by minute, who is there. The right side knows
# only how many visits began, and how long they lasted on average:
# %%
visits = ratings.sort_values(["user", "timestamp"], kind="stable")
begins = visits["user"].ne(visits["user"].shift()) | (visits["timestamp"].diff() > 1800)
spans = visits.groupby(begins.cumsum())["timestamp"].agg(["min", "max"])
minutes = np.arange(stamps[0], stamps[-1], 60)
came, left = (np.searchsorted(np.sort(spans[end]), minutes, side="right") for end in ("min", "max"))
law = capacity.in_flight(
    rate=f"{len(spans) / (stamps[-1] - stamps[0])} request/s", time=f"{(spans['max'] - spans['min']).mean()} s"
)
show(
    {
        "visits": len(spans),
        "there at the same time, counted": (came - left).mean(),
        "by Little's law": law.m_as("request"),
    }
)
# %% [markdown]
# The same to three digits, for people who come in bursts and stay for very different times.
#
# Now servers. One works on $c$ requests at a time (its cores, when the work is computing). It is planned to be in use
# for a share $\rho$ of that, since near 1 the queues explode (lesson 3.8). So the load needs $m$ servers, and if they
# stand in $z \ge 2$ zones of which any one may fail, the others must be enough: $n$ in all.
#
# $$m = \text{ceil}\left(\frac{\lambda W}{c \, \rho}\right) \qquad\qquad n = z \, \text{ceil}\left(\frac{m}{z - 1}\right)$$
# %% exercise="5.1.2"
import math


def servers_for(rate, seconds, at_once, busy, zones):
    """How many servers, a whole number; with 2 zones or more, any one of them may fail.

    rate: requests a second. seconds: a server's work on one. at_once: how many it works on at the same time.
    busy: the share of that which is planned to be in use. zones: in how many equal zones they stand.
    """
    ### BEGIN SOLUTION
    m = math.ceil(rate * seconds / (at_once * busy))
    return m if zones == 1 else zones * math.ceil(m / (zones - 1))
    ### END SOLUTION


# %% check="5.1.2"
servers_for_checked = ex("5.1.2").check(servers_for)
# %% [markdown]
# Yours and the library's, for the case:
# %%
asked = {"rate": peak_rate, "time": BASE["work"], "at_once": "16 request/server", "busy": BASE["busy"]}
by_zones = {zones: capacity.servers(**asked, zones=zones).m_as("server") for zones in (1, 2, 3, 4)}
mine = {zones: servers_for_checked(peak_rate.m_as("request/s"), 0.06, 16, 0.5, zones) for zones in by_zones}
show(pd.DataFrame({"capacity.servers": by_zones, "servers_for": mine}).rename_axis("zones"))
machines = capacity.servers(**asked, zones=3)
# %% [markdown]
# A zone that may fail is not cheap: with two zones everything is there twice. With three it is half as much
# again, and that is the usual choice. In all, some 160 machines: a large number for a team, and a small one for a company.
#
# %% [markdown] instructor=true
# **Timing.** Sections 3 and 4: 35 minutes with the exercise.
#
# **Misconceptions.** "Little's law needs Poisson arrivals": the visits are nothing like it. "Time" in the formula for
# servers is *work*, without the wait in a queue; whoever puts the measured response time in counts the queue as work.
#
# **To discuss.** The work waits for a feature store half of its time. Is `at_once` then the number of cores?
# %% [markdown]
# ## 5. Data and labels
#
# Step 3. What is logged decides what can ever be learned. From lessons 2.6, 3.2 and 3.6 you know the list:
#
# - **Impressions**: every title that was *seen*, with its row, its place, the model's version, the request's id, and, where
#   chance had a hand in it, the probability with which it was shown. Without them there are no negatives, no click rates,
#   no off-policy evaluation.
# - **Plays**, with how long. The label is not "clicked": someone who stops after two minutes was deceived by a picture.
#   We take "watched at least a tenth of it, or half an hour", and say that it is a choice, to be tested against
#   retention.
# - **As of the request**: the features that the ranker saw, logged with the answer, so that training sees the same.
#
# How large is an event? Not a guess: here is one of the course's own service (lesson 3.1), as JSON.
# %%
event = {
    "id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "kind": "impression", "user": 196, "item": 242,
    "rank": 1, "request_id": "7d444840-9dc0-11d1-b245-5ffdce74fad2", "model": "0123456789ab",
    "experiment": "home", "variant": "control", "at": 881250949.123456,
}  # fmt: skip
event_rate = daily * quantity(BASE["events"])
log_size = capacity.event_storage(rate=event_rate, size=BASE["size"], keep=BASE["keep"])
show(
    {
        "bytes of one event": len(json.dumps(event)),
        "events a second, mean": text(event_rate, "event/s"),
        "the log": text(log_size, "PB"),
        "Keystone 2016: events per member and day": text(
            quantity("700e9 event/day") / quantity("75e6 user"), "event/user/day"
        ),
    }
)
# %% [markdown]
# So 300 bytes is fair for an event of *ours*. With $e$ events a second on average, $s$ bytes each, kept for $k$ seconds in $C$ copies, the
# storage is
#
# $$S = e \, s \, k \, C$$
#
# and it comes to petabytes. The last line is a warning. All of Netflix logged over nine thousand events for each
# member and day, thirty times our assumption, and of ten times the size, for it logs far more than what was shown. And how
# long a log *may* be kept is a question for the lawyers too: ask it.
#
# ### Means hide people
#
# A profile holds the member's history. For how many plays must there be room? MovieLens, ratings for each person:
# %%
counts = ratings.groupby("user").size()
longer = (counts > counts.mean()).mean()
show(mean=counts.mean(), median=counts.median(), p99=counts.quantile(0.99), largest=counts.max())
show({"people above the mean (%)": 100 * longer}, digits=2)
# %% [markdown]
# Whoever plans with the mean has too little room for more than a third of the people, and the largest history is seven
# times as long. The usual decision: keep the latest few hundred, say so, and check offline what the cut costs.
#
# ### And the models?
#
# The calculator says how large tables of vectors are. Does it agree with real files? Here are two models of the course,
# saved as artefacts: factors of films and people, 64 numbers of 8 bytes each, and a table of films by films, of 4 bytes.
# %%
films, people = f"{data.items.shape[0]} item", f"{ratings['user'].nunique()} user"
factors = sum(capacity.vectors(count=n, d=64, each="8 byte") for n in (films, people))
table = capacity.vectors(count=films, d=len(data.items), each="4 byte")
rows = []
with tempfile.TemporaryDirectory() as folder:
    for label, computed in (("implicit-als", factors), ("ease", table)):
        file = storage.save(registry.make(label).fit(ratings, data.items), Path(folder) / "model.npz")
        rows.append((label, computed.m_as("MB"), file.stat().st_size / 1e6))
show(pd.DataFrame(rows, columns=["model", "its vectors, computed (MB)", "its file (MB)"]).set_index("model"), digits=2)
# %% [markdown]
# Most of EASE is its table. Of the other file, the factors are only half. The rest of both is the training matrix, which
# every model carries to know what a person has seen (lesson 3.8). A calculator counts what you tell it to count. Hold it against a
# real file before you trust it.
#
# ## 6. Candidates, ranking, re-ranking
#
# Steps 4 to 6, with what you built in lesson 4.5. Begin with the size of the catalogue, because here the case is special.
# %%
catalogues = {"18,000 titles (this case)": 18_000, "10 million products": 10**7, "a billion posts": 10**9}
sizes = {
    name: {
        kind: text(capacity.index(kind=kind, count=f"{n} item", d=128, code=16), "GB", digits=2)
        for kind in ("exact", "hnsw", "pq")
    }
    for name, n in catalogues.items()
}
show(pd.DataFrame(sizes).T)
# %% [markdown]
# **Eighteen thousand titles are nothing.** Nine megabytes fit into the cache of a processor. An approximate index would
# add a moving part, and lose recall, to save what costs little. At ten million, an index in one machine is in order; at a
# billion, only codes fit. An interviewer who hears "HNSW" before the number of titles has learned something about you.
#
# What is expensive here? Computing for *people*. So the question of this case is: **at night for everybody, or for each
# page when it is asked for?**
# %%
nightly = members * quantity("1 request/user/day") * quantity(BASE["work"])
on_request = daily * quantity(BASE["pages"]) * quantity(BASE["work"])
stored = members * quantity("40 * 75 * 8 byte/user")
show(
    {
        "every member's page once a night (cores, busy all day)": (nightly / quantity("1 request")).m_as(""),
        "each page when it is asked for (cores, busy all day)": (on_request / quantity("1 request")).m_as(""),
        "room for everybody's page: 40 rows of 75 ids of 8 bytes": text(stored, "TB"),
    }
)
# %% [markdown]
# At night it takes half as much, since a member asks for two pages a day on average, and the result is a few terabytes.
# But such a page is up to a day old, and we promised a minute. Netflix's engineers described three kinds of computing
# in 2013: **offline**, in batches; **online**, when a request comes; **nearline**, soon after an event, but not while
# somebody waits (Amatriain and Basilico). A good answer uses all three, and says what is where:
#
# - *offline*: vectors of titles and members, candidates for each member, the popular ones of each country;
# - *nearline*: after a play ends, the member's short history and what was seen;
# - *online*: the last filter, the ranker on some five hundred candidates, the arrangement of rows.
#
# **Candidates** (step 4): six sources. Nearest titles to the member's vector; because you watched; continue watching;
# new; trending in the country; what similar members finished. About five hundred together. Each is judged by what it adds.
# A member without history has only new and trending, and what they picked when they signed up; so say which source serves whom.
#
# **Ranking** (step 5): label as above. Features of the member, of the title, of both together, and of the moment (device,
# hour). Boosted trees first, as they train fast and are easy to debug; a network when there is proof that it is better.
# Scores are calibrated, since rows are compared with each other.
#
# **Re-ranking** (step 6): rows instead of a list; no title twice; not too much of one kind; a few places where chance decides,
# or the next model learns only from what this one showed; what was seen is gone. Licences and age limits are filters of law and
# not of taste, so they stand *last*, where no model can undo them.
#
# %% [markdown] instructor=true
# **Timing.** Sections 5 and 6: 35 minutes, without exercises: let people argue instead.
#
# **Misconceptions.** "Precomputing is always cheaper": only while people ask more than once for each night (the quiz has a
# case where it turns round). "Label = click": ask for a title with a lurid picture.
#
# **To discuss.** The filter of age limits stands last. Then what happens to a page on which it removes half of a row?
# %% [markdown]
# ## 7. The latency budget
#
# Step 7. We promised 200 ms at the 99th percentile, measured at our door. Draw the stages in the order in which a request
# meets them, and give each two numbers, its median and its 99th percentile. The library takes them for a log-normal
# distribution, and draws 40,000 answers.
# %%
page_stages = [
    Stage("gateway", "20 ms", "60 ms"),
    Stage("history", "4 ms", "15 ms"),
    Stage("candidates", "8 ms", "24 ms", calls=6),
    Stage("features", "4 ms", "12 ms", calls=20),
    Stage("ranking", "40 ms", "70 ms"),
    Stage("page", "8 ms", "20 ms"),
]
plan = budget(page_stages, "200 ms")
show(
    {
        "the whole, median (ms)": plan.median,
        "99th percentile (ms)": plan.p99,
        "sum of the stages' 99th percentiles (ms)": plan.stages["p99"].sum(),
    },
    digits=3,
)
# %%
fig = plots.waterfall(plan.stages, limit=200)
fig.axes[0].set_title("Half of the 200 ms is used by the median answer; the tails need the rest")
figure_alt(
    fig,
    "Six bars one after the other, from gateway to page, end at about 96 ms; ranking is the longest with 40 ms. Thin lines show "
    "each stage's 99th percentile. A dashed line marks the limit of 200 ms.",
)
# %% [markdown]
# Read three things off it. The medians leave half of the budget for tails. (The bars end at 96 ms, the median answer takes 100:
# medians of skewed times do not add up either.) The percentiles of the stages do *not* add up to
# that of the whole: it is rare that all are slow in the same answer. (If they share a busy machine they *are* slow
# together; so the sum is the cautious number, and the drawn one the optimistic.) And the features: a call has a median of 4 ms, the
# stage one of more than twice that. Why?
#
# ### Waiting for the slowest
#
# Twenty shards are asked at once, and the answer waits for all of them. If one call is slow with probability $p$, and $n$ are
# made, the share of answers that meet at least one slow call is
#
# $$P = 1 - (1 - p)^n$$
#
# The other way round: if the slowest of $n$ is to be fast with probability $q$, each call must be fast with
#
# $$q_1 = q^{1/n}$$
# %%
calls = np.arange(1, 101)
fig, ax = plt.subplots()
for p, name in ((0.01, "1 % of the calls are slow"), (0.001, "0.1 %"), (0.0001, "0.01 %")):
    ax.plot(calls, [100 * slow_share(p, int(n)) for n in calls], label=name)
ax.set(xlabel="calls that an answer waits for", ylabel="answers with a slow call (%)")
ax.set_title("With a hundred calls, one slow call in a hundred is the normal case")
ax.legend()
figure_alt(
    fig,
    "Share of answers with at least one slow call, against the number of calls. For 1 % slow calls it rises to 63 % at 100 "
    "calls, for 0.1 % to 10 %, for 0.01 % to 1 %.",
)
show({"of 20 calls, answers with one beyond its own 99th percentile (%)": 100 * slow_share(0.01, 20),
      "for 99 % of such answers, a call must hold its limit in (%)": 100 * quantile_of_one(0.99, 20)}, digits=5)  # fmt: skip
# %% [markdown]
# The 63 % on the right is the example of Dean and Barroso in "The Tail at Scale" (2013). So a dashboard of the
# store that shows a fine 99th percentile says little: for the page, its 99.95th decides. Remedies, in the order of price:
# fewer calls (one batched call for all candidates), a **deadline** after which the answer goes on without, a second request to
# another replica when the first is late. A deadline is an entry of `Stage`, and its price is stated:
# %%
hasty = [s._replace(deadline="15 ms") if s.name == "features" else s for s in page_stages]
with_deadline = budget(hasty, "200 ms")
show(
    {
        "features, 99th percentile (ms)": with_deadline.stages.loc["features", "p99"],
        "answers that go without some features (%)": 100 * with_deadline.stages.loc["features", "cut"],
    },
    digits=2,
)
# %% [markdown]
# Another team's page is not so well. Times of one call, and how many are made at once:
# %%
show(pd.DataFrame(SLOW_PAGE).drop(columns="deadline").set_index("name"))
whole = budget(SLOW_PAGE, "200 ms")
show({"the whole at the 99th percentile (ms)": whole.p99}, digits=3)
# %% exercise="5.1.3"
# the stage to repair, and the share of answers that wait for one of its slow calls: ("name", share)
### BEGIN SOLUTION
# with the features twice as fast, the whole takes 195 ms at its 99th percentile; every other repair leaves it above 230
culprit = ("features", 1 - 0.99**40)
### END SOLUTION
# %% check="5.1.3"
culprit_checked = ex("5.1.3").check(culprit)
# %% [markdown]
# ### What can be cached?
#
# A page belongs to one person, so nobody else can use it. But its *parts* are shared: the features and pictures of titles.
# How much does a cache catch that has room for a few of them? That hangs on how unevenly titles are wanted. If a cache
# holds the set $K$ of titles, and title $i$ is asked for with frequency $f_i$, the share of requests that it answers is
#
# $$H = \frac{\sum_{i \in K} f_i}{\sum_{i} f_i}$$
#
# You know a real distribution of wants: MovieLens. The first half of its ratings is the past, the second the future.
# %% exercise="5.1.4"
from collections import Counter


def cache_hits(past, future, size):
    """The share of the future's requests that a cache answers which holds the `size` items most wanted in the past.

    past, future: items, one entry for each request.
    """
    ### BEGIN SOLUTION
    kept = {item for item, _ in Counter(past).most_common(size)}
    return sum(item in kept for item in future) / len(future)
    ### END SOLUTION


# %% check="5.1.4"
cache_hits_checked = ex("5.1.4").check(cache_hits)


# %% [markdown]
# Three caches of the same size: filled from the past, as you wrote it; filled from the future itself, which is cheating, and what
# `capacity.hit_rate` computes from counts; and an **LRU** cache, which keeps what came last and is never filled by plan.
# %%
def lru_hits(past, future, size):
    kept, hits = OrderedDict(), 0
    for at, item in enumerate([*past, *future]):
        hits += at >= len(past) and item in kept
        kept[item] = True
        kept.move_to_end(item)
        if len(kept) > size:
            kept.popitem(last=False)
    return hits / len(future)


asked_for = ratings["item"].tolist()
past, future = asked_for[: len(asked_for) // 2], asked_for[len(asked_for) // 2 :]
shares = np.array([1, 2, 5, 10, 20, 30, 50, 75])
rows = [round(len(data.items) * share / 100) for share in shares]
caught = pd.DataFrame(
    {
        "filled from the future": [capacity.hit_rate(list(Counter(future).values()), size) for size in rows],
        "filled from the past": [cache_hits_checked(past, future, size) for size in rows],
        "LRU": [lru_hits(past, future, size) for size in rows],
    },
    index=pd.Index(shares, name="cache (% of the titles)"),
)
show((100 * caught).round(0).astype(int))
# %%
fig, ax = plt.subplots()
for (name, values), style in zip(caught.items(), ("--", "-", "-.")):
    ax.plot(shares, 100 * values, style, marker="o", markersize=4, label=name)
ax.plot([0, 75], [0, 75], color="#888888", linewidth=1, label="if all titles were wanted alike")
ax.set(xlabel="size of the cache (% of the titles)", ylabel="requests answered (%)", ylim=(0, 100))
ax.set_title("A tenth of the titles answers four tenths of the requests, if it is the right tenth")
ax.legend(loc="lower right")
figure_alt(
    fig,
    "Share of requests answered against the cache's size. Filled from the past: about 39 % at a tenth of the titles, 60 % at a "
    "fifth, a few points below the cheating cache. LRU: 20 % at a tenth, and nearly level with the others at one half.",
)


# %% [markdown]
# The cheating cache is a few points better than the honest one, as always. The surprise is LRU: at a tenth of the titles it catches half
# as much, and smaller still less, because long lists of rarely wanted titles wash the popular ones out before they are wanted again.
# (In MovieLens nobody asks for a film twice. A stream in which people come back to a title would be kinder to LRU.) With three quarters of
# the titles it even wins, since it learns those that the past did not know. If popularity is stable, count; if it changes within hours, LRU
# adapts and counts do not. And for our catalogue the figure says: do not cache a tenth.
# Eighteen thousand titles at a few kilobytes each fit into the memory of every process, and then the hit rate is 100 %.
#
# %% [markdown] instructor=true
# **Timing.** Section 7: 40 minutes with both exercises.
#
# **Misconceptions.** "p99 of the page = sum of the p99s", "= the largest p99": neither. "The cache's hit rate was 90 % in the
# test": on which requests, and were they those that filled it?
#
# **To discuss.** A deadline of 15 ms on features: what must the ranker have seen in training to live with missing ones?
# %% [markdown]
# ## 8. What it costs, and what the answer hangs on
#
# The lines of the bill, from the assumptions of section 2. `bill` takes them by name, so that any of them can be changed. (Left
# out, and worth a sentence at the board: the queue that carries the events, the feature store, and people.)
# %%
def bill(**given):
    """Each line of the monthly bill, in usd/month."""
    v = {**BASE, **given}
    users = quantity(v["members"]) * quantity(v["share"])
    mean = capacity.request_rate(users=users, each=v["pages"])
    busiest = capacity.request_rate(users=users, each=v["pages"], peak=v["peak"])
    machines = capacity.servers(rate=busiest, time=v["work"], at_once="16 request/server", busy=v["busy"], zones=3)
    kept = capacity.event_storage(rate=users * quantity(v["events"]), size=v["size"], keep=v["keep"])
    return {
        "serving": capacity.server_cost(count=machines, price=v["server"]),
        "traffic": capacity.traffic_cost(flow=capacity.bandwidth(rate=mean, size=v["page"]), price=v["traffic"]),
        "log": capacity.storage_cost(size=kept, price=v["log"]),
        "profiles": capacity.storage_cost(size=quantity(v["members"]) * quantity(v["profile"]) * 3, price=v["memory"]),
        "training": capacity.server_cost(count=v["trainers"], price=v["trainer"]),
    }


def total(**given):
    return sum(bill(**given).values())


show({**{line: text(cost, "usd/month") for line, cost in bill().items()}, "total": text(total(), "usd/month")})
show(
    {
        "a thousand pages": text(capacity.per_thousand(cost=total(), rate=mean_rate), "usd/krequest"),
        "a member": text(total() / members, "usd/user/month", digits=2),
        "one member in ten thousand pays, at 10 dollars a month (assumption)": text(
            members / 10_000 * quantity("10 usd/user/month"), "usd/month"
        ),
    }
)
# %% [markdown]
# With $M$ dollars a month and a mean rate of $\lambda$ requests a second, one request costs
#
# $$x = \frac{M}{2628000 \, \lambda}$$
#
# (a month has 2,628,000 seconds). It comes to less than two cents for a thousand pages, and a tenth of a cent a month for each member, who
# pays ten thousand times as much. Two conclusions, and both belong into the interview. The largest line is not the model, it is **the log of what was
# shown** (kept as it comes; we return to that). And machines are not what this feature costs: the people who build it are, and a ranker that keeps one member in ten
# thousand from leaving pays for all of its machines, as the last line says. (Netflix put the worth of personalization and recommendations at more than a
# billion dollars a year, Gomez-Uribe and Hunt, 2015.)
#
# ### Which assumption decides?
#
# Every input was guessed. Some are off by half, some by a factor of ten. `RANGES` says what we would believe of each:
# %%
show(pd.DataFrame(RANGES, index=["lowest", "highest"]).T)
# %% exercise="5.1.5"
# the input that moves the bill most, the second, and the first one's difference in usd a month
### BEGIN SOLUTION
_apart = {
    name: abs((total(**{name: high}) - total(**{name: low})).m_as("usd/month")) for name, (low, high) in RANGES.items()
}
_first, _second = sorted(_apart, key=_apart.get, reverse=True)[:2]
dominant = (_first, _second, _apart[_first])
### END SOLUTION
# %% check="5.1.5"
dominant_checked = ex("5.1.5").check(dominant)
# %% [markdown]
# The library's function for this is `capacity.sensitivity`: each input goes to both ends, one at a time. Its picture is called a
# **tornado**, for its shape.
# %%
table = capacity.sensitivity(total, BASE, RANGES, "usd/month")
thousands = table.assign(**{c: table[c] / 1000 for c in ("at_low", "at_high", "base")})
fig = plots.tornado(thousands, "thousand usd a month")
fig.axes[0].set_title("Count the events and time the model; the price list can wait")
figure_alt(
    fig,
    "Tornado of the monthly bill around 269 thousand dollars. The number of events for each user and day moves it most, from "
    "about 200 to over 500 thousand; then the CPU time of a page, pages, the share of members; price, profile and busy least.",
)
first = table.index[0]
show({"moves most": first, "its swing over the base": table.loc[first, "swing"] / table.loc[first, "base"]}, digits=2)
# %% [markdown]
# The top bar is longer than the whole bill. So the plan for the first week writes itself: build a prototype of the page, count what it
# logs, time its ranker on a real machine. Everything below the middle may stay a guess.
#
# Know what a tornado does not see. It moves one input at a time, so it misses what happens when two are wrong together; and it
# believes your ranges. If you made them narrow out of pride, it will tell you that nothing matters.
#
# And it is silent on what is not in the list. The 300 bytes are not: they are a decision, to keep JSON as it comes. An interviewer
# who stores logs for a living will ask at once what is left when it is packed. Ten thousand such events, of twenty titles
# a page, packed with LZMA (one would rather use files of columns, which can be read in parts). Beside it, the 3 kB of Keystone:
# %%
rng = np.random.default_rng(0)
ids = [str(uuid.UUID(bytes=rng.bytes(16))) for _ in range(10_500)]
shown = ratings[["user", "item", "timestamp"]].head(10_000).itertuples(index=False)
lines = [
    json.dumps({**event, "id": ids[n], "request_id": ids[10_000 + n // 20], "user": u, "item": i, "at": t + 0.123456})
    for n, (u, i, t) in enumerate(shown)
]
packed = len(lzma.compress("\n".join(lines).encode())) / len(lines)
sizes = {"as in Keystone": "3 kB/event", "as it comes": BASE["size"], "packed": f"{round(packed, -1):.0f} byte/event"}
rows = []
for name, size in sizes.items():
    swings = capacity.sensitivity(total, {**BASE, "size": size}, RANGES, "usd/month")
    log = bill(size=size)["log"].m_as("usd/month")
    rows.append((name, size, swings["base"].iloc[0] / 1000, log / 1000, *swings.index[:2]))
columns = ["event", "size", "bill (thousand usd)", "of it the log", "moves most", "second"]
show(pd.DataFrame(rows, columns=columns).set_index("event"), digits=3)
# %% [markdown]
# Packed, an event is a tenth as large, the log is one of the smallest lines, and `work` is on top: the largest uncertainty of the
# bill is gone, **by a decision instead of a measurement**. With Keystone's events the log *is* the bill. So when you have found the
# input on top, ask two questions: can I measure it? And can I make it not matter?
#
# ## 9. Evaluation
#
# Step 8 has two halves, and you know both.
#
# **Offline** (1.5, 2.5, 4.5): a split by time, features as of the request, nDCG of the top row with intervals, recall of the candidates as
# the ceiling, and the parts of the population by themselves (new members, small countries). Offline decides what is *worth* an experiment.
#
# **Online** (3.5): the unit is the member, not the request, or a household would see two pages. The metric is what step 1 promised:
# still a member after a month. How many members does that take? The share that stays is high (97 % of a month's members is our
# assumption), so a good change is small. The days are those until enough members are let in, in whole weeks (lesson 3.5):
# %%
rows = []
for points in (0.5, 0.1, 0.05, 0.02):
    needed = plan_proportions(0.97, points / 100)
    arm = 100 * needed.n_control / members.m_as("user")
    rows.append((points, needed.n_control, arm, days_needed(needed, users_per_day=1e6)))
columns = [
    "from 97 %, up by (points)",
    "members in each arm",
    "share of all members (%)",
    "days, a million let in each day",
]
show(pd.DataFrame(rows, columns=columns).set_index(columns[0]), digits=2)
# %% [markdown]
# For a large service it is possible, and each arm needs a month until its answer is *known*, however many members it has. Meanwhile
# one reads a faster metric that is known to follow retention, such as hours or days with a play, and guardrails: latency, errors,
# complaints. A service with a hundred thousand members cannot see 0.05 points at all. It must measure something nearer to the page, or test bolder changes.
#
# ## 10. Monitoring, failure, and the page on the board
#
# Step 9. Go through the boxes and ask each: *and without you?*
#
# | what fails | what the member sees | who notices |
# |---|---|---|
# | the feature store is slow | the page in time, ranked without some features | share of answers past the deadline |
# | the ranker does not answer | candidates in the order of their first score | share of answers by fallback (3.1) |
# | no candidates for a member | what is popular in the country, from the server's own memory | the same |
# | a zone | nothing: the two others carry it | load of the others |
# | the nightly run fails | yesterday's candidates; the gate publishes nothing bad (3.4) | age of the model |
# | the events stop | nothing at first, and that is the danger | events per page (3.7) |
# | a label changes its meaning | ever worse pages, no error anywhere | calibration; an arm with the old model |
#
# And this is what stands on the board after 45 minutes:
#
# ```text
#  device --> gateway --> page service (3 zones) ------------------------------> page
#               20 ms       | history      4 ms   <- short history  <- nearline <-+
#                           | candidates x6 8 ms  <- memory + nightly tables      |
#                           | features  x20 4 ms  <- feature store, deadline      |  plays,
#                           | ranking     40 ms   <- model file, checked by gate  |  impressions
#                           | page, rules  8 ms   <- licences, age, seen          |
#                           +- fallback: popular list in own memory               |
#                                                                                 v
#  offline, nightly: train -> gate -> publish  <-- features as of request <-- event log
#  experiment: member -> arm, in gateway; retention after a month, guardrails daily
# ```
# %% exercise="5.1.6"
# the set of letters of the flawed statements
### BEGIN SOLUTION
# a: 2 x 60 % > 100 %. b: a day > a minute. c: 1 - 0.99^20 = 18 %. f: 90 days > 60 days. h: a mean is no percentile.
flawed = {"a", "b", "c", "f", "h"}
### END SOLUTION
# %% check="5.1.6"
flawed_checked = ex("5.1.6").check(flawed)
# %% [markdown] instructor=true
# **Timing.** Sections 8 to 10: 45 minutes with both exercises.
#
# **Misconceptions.** "The most expensive line is the most uncertain": let people guess before they compute. "More users shorten an
# experiment on monthly retention": not below a month.
#
# **To discuss.** Return to the nouns from the warm-up. In which of the nine steps do they stand?
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Netflix, the algorithms.** Several rankers, each for a kind of row (personalized video ranker, top-n, trending, continue watching,
#   because you watched), and a page built of their rows. About 80 % of the hours watched come from recommendations, the rest from search
#   (Gomez-Uribe and Hunt, 2015).
# - **Netflix, the computing.** Offline, nearline and online, with the reasons for each, and a fallback to precomputed results where the online
#   part misses its time (Amatriain and Basilico, Netflix TechBlog, 2013).
# - **Netflix, the page.** Which rows, in which order, is a ranking problem of its own, with diversity and stability against each other
#   (Alvino and Basilico, "Learning a Personalized Homepage", Netflix TechBlog, 2015).
# - **Netflix, the memory.** EVCache, memcached made for the cloud, answered up to 30 million requests a second in 2016 (Netflix TechBlog,
#   "Caching for a Global Netflix"), and 400 million in 2024 (InfoQ, "Building a Global Caching System at Netflix").
# - **Netflix, lately.** Towards one large sequence model of all that members did, in place of many models with features of their own; the
#   others take its vectors, or fine-tune it (Netflix TechBlog, "Foundation Model for Personalized Recommendation", 2025). SASRec of lesson 4.4
#   is its small relative. In the interview it answers "and what next?"; it is not the first box that you draw.
# - **Google** described remedies for the tail: hedged requests, tied requests, and answers that are good enough without the last shard
#   (Dean and Barroso, 2013).
#
# ## In the interview
#
# *"Design the recommendations of a video service."*
#
# Take the nine steps in their order, and say so at the start. Three things make the difference. **Numbers with an origin**: "300
# million members is public; half of them on a day is my assumption, and at 1.7 hours a day it is plausible". **Decisions with a
# reason**: "eighteen thousand titles, so exact search; what costs is people, so candidates at night and the ranking online". **The other
# side of each box**: what it costs, what the member sees when it fails, how one would know. When you are interrupted, answer, and
# return to your list. (`recsys-lab interview`, lesson 5.2, lets you practise that against the clock.) When you do not know a number, say how you would measure it. Weak answers begin with the model, have no numbers
# or eight digits of them, and never mention what was shown but not played.
#
# ## Take-aways
#
# - Nine steps, 45 minutes; the first two decide the rest.
# - A number is a fact with a year, or an assumption with an owner. Write units beside both.
# - Units refuse what does not fit. They do not see a peak where a mean was meant.
# - Little's law gives the load, a share in use gives air, a zone that may fail gives a half more.
# - An answer that waits for many calls lives in their tails.
# - A cache is a model: fill it from the past, judge it on the future.
# - Move each assumption to its ends before you argue about any. Measure the one on top, or make a decision that lets it sink.
#
# ## Further reading
#
# - C. A. Gomez-Uribe and N. Hunt (2015), "The Netflix Recommender System: Algorithms, Business Value, and Innovation", ACM Transactions on
#   Management Information Systems 6(4), article 13: sections 2 and 3 for the rows and their worth, section 4 for the experiments.
# - X. Amatriain and J. Basilico (2013), "System Architectures for Personalization and Recommendation", Netflix TechBlog.
# - J. Dean and L. A. Barroso (2013), "The Tail at Scale", Communications of the ACM 56(2).
# - J. D. C. Little (1961), "A Proof for the Queuing Formula: L = lambda W", Operations Research 9(3); and (2011), "Little's Law as Viewed on
#   Its 50th Anniversary", Operations Research 59(3).
# - M. Daxini (2016), "Netflix Keystone: Streaming Data Pipeline @Scale in the Cloud", slides: the numbers of section 2.
# - Netflix (2025, 2026), shareholder letters for the fourth quarters of 2024 and 2025; and its engagement reports of December 2023 and
#   February 2025.
# - The documentation of Pint: its registry, and how a vocabulary of your own is defined.
