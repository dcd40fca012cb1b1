# ---
# lesson:
#   id: "4.3"
#   title: "Past one machine with Spark"
#   phase: 4
#   minutes: 210
#   prerequisites: ["2.1", "2.7", "3.4", "4.2"]
#   objectives:
#     - "Write ALS's half-step as map, shuffle and reduce, and say why the place of a rating must not matter"
#     - "Count the bytes that a half-step sends, and choose the plan that sends fewest"
#     - "Tell from a hot key and a queue of tasks how long a stage takes, and how many blocks to make"
#     - "Fit ALS on Spark, prove that it solves your equations, and serve the result without Spark"
#     - "Compute whether and from where on a cluster pays, for a billion ratings too, and say when it does not"
# ---
# %% [markdown]
# ## What you already know
#
# You have run workers behind a queue, with the messages of one customer always on the same partition, so that no two
# workers touch the same row. You know the pager that goes off when one customer sends half of the traffic. Spark is
# that: a batch job, cut by a key, on workers that exchange data between its steps. The new part is that the steps are
# *equations*, and that the exchange, not the arithmetic, decides what it costs.
#
# | in your backend | in this lesson |
# |---|---|
# | a partition key | the block in which a user or a film lives |
# | `GROUP BY` over shards: each adds up, one collects | map, shuffle, reduce |
# | a hot key | a film that everybody rated |
# | workers that pull tasks from a queue | a stage and its tasks |
# | replaying a log instead of keeping copies | lineage |
# | a snapshot, so that the replay is short | a checkpoint |
# | "do we need Kafka for this?" | "do we need Spark for this?" |
#
# The last line is the serious one. By the end you will be able to answer it with a number.
#
# **Before you start.** Phase 4 needs packages of its own: `make lab PHASE=4`, once. Spark runs on Java 17 or newer.
# If your machine has none, the one that came with the packages is used, and you need not do anything.
#
# %% [markdown] instructor=true
# **Timing (210 minutes alone; two sessions of 105 in class).** Session one: sections 1 to 4 with exercises 1 to 3,
# all without Spark. Session two: sections 5 to 8 with exercises 4 to 6, quiz, interview question. The notebook starts
# a JVM once, in section 5; on a busy machine that takes a quarter of a minute.
#
# **Prepare.** Ask everybody to write down the size of the largest table that they have ever trained or aggregated on,
# and what it ran on. The answers are needed in section 8, and they are nearly always smaller than people remember.
# %%
from recsys_lab.course.environment import needs

needs("phase4")  # `make lab PHASE=4` brings what this phase needs

import contextlib
import math
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import BiasedALS, datasets
from recsys_lab.biases import damped_biases
from recsys_lab.course import PALETTE, figure_alt, leaderboard, my_ratings, show, start
from recsys_lab.course.exercises.e4_3 import measured
from recsys_lab.halfstep import half_step as library_half_step

ex, quiz = start("4.3")
# %% [markdown]
# ## 1. A step in which nobody waits for anybody
#
# Lesson 4.2 factorized the ratings by alternating least squares. Take the damped averages of lesson 2.1 off each
# rating; what is left is $t_{ui}$. Describe user $u$ by a vector $p_u$ and film $i$ by $q_i$, with $k$ numbers each,
# so that $p_u \cdot q_i$ comes close to $t_{ui}$. With the films fixed, each user's best vector follows from sums
# over the set $I_u$ of films that they rated:
#
# $$A_u = \sum_{i \in I_u} q_i q_i^\top \qquad b_u = \sum_{i \in I_u} t_{ui}\, q_i \qquad p_u = (A_u + \lambda n_u I)^{-1} b_u$$
#
# Here $n_u$ is the number of $u$'s ratings, $I$ the identity matrix, and $\lambda$ the pull towards zero, called
# `reg` in code. The pull grows with $n_u$: that is the rule of Zhou et al. 2008, which Spark follows too. Then the
# films' turn, with the users fixed, and so on.
#
# The same split as on the leader-board, and eight factors to begin with. The first films' vectors are random:
# %%
K, REG = 8, 0.1
train, test = leaderboard.split()
biases = damped_biases(train.matrix, damping_user=5, damping_item=5)
users = np.repeat(np.arange(train.n_users), np.diff(train.matrix.indptr))  # the row of each rating
items = train.matrix.indices
t = train.matrix.data - biases.at(users, items)
q = np.random.default_rng(0).normal(0, 0.1, (train.n_items, K))

show(ratings=len(t), users=train.n_users, films=train.n_items, mean_of_t=round(t.mean(), 3), spread_of_t=t.std())
# %% [markdown]
# Look at the formula with the eyes of somebody who cuts work into jobs. No user's equation mentions another user. So
# 943 users are 943 jobs, which need not talk to each other at all: put each user's ratings on some machine, give it
# the vectors of the films, and let it solve. It sounds as if ten machines would be ten times as fast. The rest of
# this lesson is about the words "give it".
#
# ## 2. Map, shuffle, reduce
#
# In a real system ratings lie where they arrived: in files by day, say. Cut ours into five such **partitions**, at
# random. How many users have all of their ratings in one?
# %%
place = np.random.default_rng(1).integers(5, size=len(t))
parts = [list(zip(users[place == m].tolist(), items[place == m].tolist(), t[place == m].tolist())) for m in range(5)]
homes = pd.Series(place).groupby(users).nunique()
show({"rows in each": [len(rows) for rows in parts], "users in one partition only": (homes == 1).sum()})


# %% [markdown]
# None. So no machine can solve for anybody. But look at what the formula wants: $A_u$ and $b_u$ are *sums over
# ratings*. Each partition can add up what it has, as each shard of your database does for a `GROUP BY`. That is the
# **map**:
# %%
def map_part(rows, q):
    """What one partition knows of each of its users: {user: (A, b, n)}."""
    k = q.shape[1]
    sums = {}
    for user, item, t_ui in rows:
        A, b, n = sums.get(user, (np.zeros((k, k)), np.zeros(k), 0))
        sums[user] = (A + np.outer(q[item], q[item]), b + t_ui * q[item], n + 1)
    return sums


A, b, n = map_part(parts[0], q)[0]
show({"user 0 in partition 0": f"{n} ratings", "A is": A.shape, "b is": b.shape})


# %% [markdown]
# What follows has two halves. The **shuffle** brings together what belongs to the same user, from wherever it is; on
# a cluster this is the only moment at which anything goes over the network. The **reduce** adds up, and solves.
# %% exercise="4.3.1"
def half_step(parts, q, reg):
    """{user: p_u (k,)} from partitions of rows (user, item, t); a user's rows may lie in several of them."""
    ### BEGIN SOLUTION
    groups = {}
    for part in parts:
        for user, partial in map_part(part, q).items():
            groups.setdefault(user, []).append(partial)  # the shuffle
    p = {}
    for user, partials in groups.items():  # the reduce
        A = sum(A for A, b, n in partials)
        b = sum(b for A, b, n in partials)
        n = sum(n for A, b, n in partials)
        p[user] = np.linalg.solve(A + reg * n * np.eye(len(b)), b)
    return p
    ### END SOLUTION


# %% check="4.3.1"
half_step_checked = ex("4.3.1").check(half_step)
# %% [markdown]
# Is it the library's half-step? `halfstep.py` does the same on one machine, in a compiled loop over the users. And
# does the place of a rating matter? One partition instead of five must give the same vectors:
# %%
by_parts = half_step_checked(parts, q, REG)
in_one = half_step_checked([[row for part in parts for row in part]], q, REG)
p = np.zeros((train.n_users, K))
rest = train.matrix.copy()
rest.data[:] = t
library_half_step(rest, 1.0, False, REG * np.diff(rest.indptr), q, p, "exact")

differences = {
    "one partition": max(np.abs(by_parts[u] - in_one[u]).max() for u in by_parts),
    "the library": max(np.abs(by_parts[u] - p[u]).max() for u in by_parts),
}
show({f"five partitions against {name}": f"differ by less than 1e-9: {d < 1e-9}" for name, d in differences.items()})


# %% [markdown]
# The same, up to rounding. Keep that little test in mind: *a result that depends on the number of machines is wrong*,
# and on a laptop nobody sees it. The usual culprit is an amount that each partition adds for itself, such as the
# pull.
#
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 40 minutes with the exercise.
#
# **Misconceptions.** "Each partition solves for its users, and then we take the mean." It is the most natural idea,
# and it is wrong (exercise 4.3.1 names it); a useful picture is the mean of two regression lines through half of the
# points each. "reg once a partition": the check tries other cuts of the same rows.
#
# **To discuss.** Which other things of this course are sums, and so can be cut at will? (Means, variances, biases,
# EASE's Gram matrix.) Which are not? (Medians, distinct counts, the k nearest.)
#
# %% [markdown]
# ## 3. Count the bytes
#
# Arithmetic is cheap, wires are not. There are four ways to bring films' vectors and ratings together, for the users'
# half-step, and they send different things. A number takes four bytes, and so does an id.
#
# - **Partial sums**, as above. From each partition and for each user: $A$, which is symmetric, so $k(k+1)/2$ numbers;
#   $b$, with $k$; and $n$.
# - **Join**: to each rating its film's vector, sent to the user's home. $k$ numbers a rating.
# - **Broadcast**: the whole table of films to each block of users.
# - **Blocks**: the ratings are sorted once, so that all ratings of a user lie at the user's home. From then on only
#   films' vectors travel, each once to each block in which somebody rated the film.
#
# The last one needs a count:
# %% exercise="4.3.2"
def vectors_sent(users, items, blocks):
    """How many film vectors travel, when user u lives in block u % blocks? One entry of users and items a rating."""
    ### BEGIN SOLUTION
    return len(set(zip((users % blocks).tolist(), items.tolist())))
    ### END SOLUTION


# %% check="4.3.2"
vectors_sent_checked = ex("4.3.2").check(vectors_sent)
# %% [markdown]
# Could you know the count without the list of ratings? Nearly. Suppose that the $n_i$ raters of film $i$ fall into
# $B$ blocks at random. A block is missed by all of them with probability $(1 - 1/B)^{n_i}$. So the number of vectors
# to expect is
#
# $$V = \sum_i B \left(1 - \left(1 - \frac{1}{B}\right)^{n_i}\right)$$
#
# For a film with few raters, a term is about $n_i$; for one with very many it is about $B$. Let us compute both for
# our ratings:
# %%
n_i = np.bincount(items)


def expected_vectors(n_i, B):
    return float(np.sum(B * (1 - (1 - 1 / B) ** n_i)))


BLOCKS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
counted = [vectors_sent_checked(users, items, B) for B in BLOCKS]
expected = [expected_vectors(n_i, B) for B in BLOCKS]
show(
    pd.DataFrame({"counted": counted, "expected": np.round(expected)}, index=pd.Index(BLOCKS, name="blocks")).iloc[::3]
)
# %% [markdown]
# Within a few percent: a formula is enough to plan with, and section 8 will plan a billion ratings by it. Now all
# four ways, in bytes. For the partial sums, the number of partitions stands for the blocks:
# %%
k = 50
partials = [len(set(zip((np.arange(len(t)) % B).tolist(), users.tolist()))) for B in BLOCKS]
plans = pd.DataFrame(
    {
        "partial sums": [4 * n * (k * (k + 1) // 2 + k + 2) for n in partials],
        "join": [4 * len(t) * (k + 3)] * len(BLOCKS),
        "broadcast": [4 * B * train.n_items * (k + 1) for B in BLOCKS],
        "blocks": [4 * V * (k + 1) for V in counted],
    },
    index=pd.Index(BLOCKS, name="blocks"),
)
fig, ax = plt.subplots()
for name, marker, colour in zip(plans, "osv^", PALETTE):
    ax.plot(plans.index, plans[name] / 1e6, marker=marker, color=colour, label=name)
ax.set(xscale="log", yscale="log", xlabel="blocks", ylabel="MB sent in one half-step")
ax.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
ax.set_title("Only the vectors travel, and only where they are needed")
ax.legend()
figure_alt(
    fig,
    "MB against blocks, k = 50: partial sums rise to several hundred, join is flat at 17, broadcast rises to 172, "
    "blocks from 0.3 to below 17.",
)
# %% [markdown]
# Partial sums, the plan that we have just built, is the worst from four blocks on: $A$ is a matrix, and at $k = 50$
# it weighs as much as 25 vectors. It is good for a `GROUP BY`, where a partial is one number. The join does not care
# about blocks. The broadcast is fine while there are few of them. And the blocks are never worse than either: few
# blocks send little, and even with as many blocks as users a vector travels once a rating, as in the join.
#
# Spark's ALS does the last. Before the first turn it sorts the ratings twice, once by users' blocks and once by
# films', and notes which vector is needed where. Each turn then sends vectors only. The price is that the ratings are
# held twice.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise.
#
# **Misconceptions.** "More machines, less traffic each": in all, it grows with the blocks until a vector travels once
# a rating. "The ratings are the big data": in the join they are, once; in each turn of the blocked plan they do not
# move.
#
# **To discuss.** When would you broadcast? (A small table and few machines: `JOIN` with a dimension table. Spark does
# that by itself below 10 MB.)
#
# %% [markdown]
# ## 4. The hot key
#
# For the films' half-step, the films are cut into blocks. Films are not alike, and neither are users. How much more
# than an equal share of the ratings does the largest block hold, as the blocks get smaller?
# %%
many_blocks = [4, 8, 16, 32, 64, 128, 256, 512, 1024]
skew = pd.DataFrame(
    {
        name: [B * np.bincount(keys % B, minlength=B).max() / len(t) for B in many_blocks]
        for name, keys in {"cut by user": users, "cut by film": items}.items()
    },
    index=pd.Index(many_blocks, name="blocks"),
)
fig, ax = plt.subplots()
for name, marker in zip(skew, "os"):
    ax.plot(skew.index, skew[name], marker=marker, label=name)
ax.axhline(1, color="#888888", linestyle="--", label="an equal share")
ax.set(xscale="log", xlabel="blocks", ylabel="largest block, in equal shares", ylim=(0, None))
ax.set_xticks(many_blocks, [str(B) for B in many_blocks])
ax.set_title("The smaller the blocks, the more one key weighs")
ax.legend(loc="upper left")
figure_alt(
    fig,
    "Ratings in the largest block over an equal share, against 4 to 1024 blocks: a little above 1 at first, and rising "
    "steeply from 128 blocks on, by user and by film alike.",
)
hottest = {"of the most active user": np.bincount(users).max(), "of the most rated film": n_i.max()}
show({f"ratings {who} (%)": 100 * count / len(t) for who, count in hottest.items()}, digits=2)
show(skew.iloc[[2, 4, 8]], digits=2)


# %% [markdown]
# With 16 blocks it is bearable: many users, and many films, share a block, and the large ones and the small ones even
# out. With a thousand it is not. No block can be smaller than its largest key. The most rated film holds over half a
# percent of all ratings, and an equal share of 1,024 blocks is a tenth of a percent. On a site with a front page, one
# item can hold several percent.
#
# How long does a **stage** take, which is all tasks between two shuffles? The tasks, one a block, wait in a queue,
# and cores take them. Write the queue:
# %% exercise="4.3.3"
def stage_time(tasks, cores):
    """When the last task ends; tasks: seconds, in the order of the queue. A free core takes the next one."""
    ### BEGIN SOLUTION
    free = [0.0] * cores
    for seconds in tasks:
        core = free.index(min(free))
        free[core] += seconds
    return max(free)
    ### END SOLUTION


# %% check="4.3.3"
stage_time_checked = ex("4.3.3").check(stage_time)
# %% [markdown]
# Now choose the number of blocks for the films' half-step on 16 cores. A rating costs one unit of time. A task costs
# 30 units before it begins, to be sent out and to report back. Few blocks: a large one keeps everybody waiting. Many
# blocks: the queue is nothing but overhead.
# %%
CORES, PER_TASK = 16, 30
sizes = [16, 24, 32, 64, 128, 256, 512, 1024]
work = {B: np.bincount(items % B, minlength=B) for B in sizes}
times = [stage_time_checked((PER_TASK + work[B]).tolist(), CORES) for B in sizes]
fig, ax = plt.subplots()
ax.plot(sizes, times, marker="o", label="the stage, to its last task")
ax.plot(sizes, [(len(t) + PER_TASK * B) / CORES for B in sizes], linestyle="--", label="work and overhead / cores")
ax.axhline(len(t) / CORES, color="#888888", linestyle=":", label="work / cores")
ax.set(xscale="log", xlabel="blocks of films", ylabel="units of time", ylim=(4800, 7400))
ax.set_xticks(sizes, [str(B) for B in sizes])
ax.set_title("Blocks for 16 cores: more than cores, but not too many")
ax.legend(loc="upper center")
figure_alt(
    fig,
    "Time of the stage on 16 cores: 5843 with 16 blocks, a peak of 7133 with 24, lowest at 128, rising to 6971 with "
    "1024.",
)
show({f"{B} blocks": round(time) for B, time in zip(sizes, times)})
# %% [markdown]
# The worst choice is the second: 24 blocks on 16 cores. After the first round, eight cores have nothing to do, and
# the others still have a whole block each. 16 blocks fit, but everybody waits for the largest. From 32 on the queue
# evens things out, more or less: with 64, the last task happens to be a long one. From 512 on the overhead shows.
#
# So: several blocks for each core, and no thousands. Spark's guide to tuning recommends two to three tasks a core.
# The default number of blocks of its ALS is 10, whatever your machine has. And remember section 3: each further block
# also makes more copies of the vectors travel. On this machine with two cores, four blocks will do.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise.
#
# **Misconceptions.** "Adding machines helps against a hot key": the quiz has the bound. "Sort the tasks by size":
# good, if you know the sizes; the check names it.
#
# **To discuss.** What would you do with a key of 5 %? (Partial sums for this key only: cut it into several, each adds
# up its part of $A$ and $b$, one adds the sums. It is exercise 4.3.1 again, and database people call it salting.)
#
# %% [markdown]
# ## 5. The same on Spark
#
# Now to the real thing. Spark is a program on the Java virtual machine. The **driver** holds the plan and hands out
# tasks; **executors** run them. Here both are one process beside this notebook, with two threads, that listens on the
# loopback address only. `session` starts it and ends it; since we need it over several cells, it is put on a stack
# that the last cell closes.
# %%
from pyspark.sql import functions as f

from recsys_lab.production import spark_job
from recsys_lab.production.spark import SparkALS, from_job, session

running = contextlib.ExitStack()
desk = Path(running.enter_context(tempfile.TemporaryDirectory()))
spark = running.enter_context(session(cores=2))

rest_rows = pd.DataFrame({"user": users, "item": items, "rating": t})
rest_rows.astype({"user": "int32", "item": "int32", "rating": "float32"}).to_parquet(desk / "rest.parquet")
rest_frame = spark.read.parquet(str(desk / "rest.parquet"))
busiest = rest_frame.groupBy("user").count().orderBy(f.desc("count"), "user").limit(3)
print(type(busiest).__name__, "with the columns", busiest.columns)
# %% [markdown]
# No number yet, and no work done: `busiest` is a *plan*, like a SQL view. It runs when somebody asks for its rows.
# That laziness is what lets Spark see the whole plan first and put the shuffles where they are needed.
#
# Ask for them, and beside them for the sizes of eight partitions, cut by a hash of the film, as Spark cuts them:
# %%
rows = [row.asDict() for row in busiest.collect()]
cut = rest_frame.repartition(8, "item").groupBy(f.spark_partition_id().alias("partition")).count()
in_partitions = sorted((row["count"] for row in cut.collect()), reverse=True)
print(pd.DataFrame(rows).to_string(index=False))
show({"ratings in 8 partitions by film": in_partitions, "in all": sum(in_partitions)})
# %% [markdown]
# It is the skew of section 4, under another hash. And now Spark's own ALS, on what the biases left, with eight
# factors and, for a start, two turns. Its last half-step is for the users. If it solves the equations of section 1,
# *your* map and reduce, applied to its films' vectors, must give its users' vectors:
# %%
theirs = spark_job.factorize(rest_frame, factors=K, epochs=2, reg=REG, blocks=4, seed=0)
q_spark = np.zeros((train.n_items, K))
for row in theirs.itemFactors.collect():
    q_spark[row["id"]] = row["features"]
p_spark = {row["id"]: np.array(row["features"]) for row in theirs.userFactors.collect()}

mine = half_step_checked(parts, q_spark, REG)
gap = max(np.abs(mine[u] - p_spark[u]).max() for u in p_spark)
largest = max(np.abs(vector).max() for vector in p_spark.values())
show({"users": len(p_spark), "their largest number": round(largest, 1), "all within 0.0005 of yours": bool(gap < 5e-4)})
# %% [markdown]
# They agree as well as Spark's four-byte numbers allow. So this is no similar algorithm. It is the same equation,
# with the same pull, solved by Spark's Scala on two threads and by your fifteen lines.
#
# `SparkALS` wraps it as a `Recommender`. It takes off the biases, lets Spark take the turns, and takes the films'
# vectors back. What remains are arrays. `BiasedALS` with `power=1` and exact half-steps is the same problem on one
# thread, from another random start. Are they equally good?
# %%
from recsys_lab.evaluate import compare, evaluate_ratings

on_spark = SparkALS(factors=K, epochs=5, reg=REG).fit(train)
models = {
    "Spark": on_spark,
    "one process": BiasedALS(factors=K, epochs=5, reg=REG, power=1, solver="exact").fit(train),
    "one process, our defaults": BiasedALS().fit(train),
}
results = {name: evaluate_ratings(model, test) for name, model in models.items()}
show({f"RMSE, {name}": result["rmse"].mean for name, result in results.items()}, digits=2)
contest = compare(results, metric="rmse", against="one process").set_index("model")
show({name: f"{r.difference:+.3f}, from {r.low:+.3f} to {r.high:+.3f}" for name, r in contest.iterrows()})
# %% [markdown]
# Spark against one process: a difference in the third decimal, and its interval (95 %, paired by user) holds zero.
# Nothing is gained in quality by a cluster, and nothing is lost. The last line is another matter. Our defaults are
# clearly better, because they have more factors, more turns, and another rule for the pull. Could one simply hand
# them to Spark?
# %% exercise="4.3.4"
# {16: ..., 64: ..., 400: ...}: the regParam for each number of ratings
### BEGIN SOLUTION
same_pull = {n: 1.3 * n**0.5 / n for n in (16, 64, 400)}
### END SOLUTION
# %% check="4.3.4"
same_pull_checked = ex("4.3.4").check(same_pull)
# %% [markdown]
# Here is what the colleague saw. No Spark is needed for it, now that we know the same problem on one thread:
# %%
errors = {}
for reg in (1.3, 0.3, 0.1, 0.05):
    ported = BiasedALS(factors=K, epochs=5, reg=reg, power=1, solver="exact").fit(train)
    errors[f"RMSE with reg {reg}"] = evaluate_ratings(ported, test)["rmse"].mean
    if reg == 1.3:
        errors["largest number in its vectors"] = round(float(np.abs(ported.user_factors_).max()), 6)
show(errors, digits=3)
# %% [markdown]
# With 1.3 all vectors are zero: the pull wins everywhere, and what predicts are the biases alone. No exception, no
# warning, a plausible RMSE. 0.3 still pulls too hard to be any better. With 0.05 the vectors run after the noise, and
# it is worse than the biases. The only defence is a comparison on the same split, before anything moves to the
# cluster.
#
# And because what came back from Spark is arrays, everything else works as with any other model, Spark or no Spark:
# `explain`, saving, serving, and a list for a new user:
# %%
films = my_ratings.shelf(datasets.load("ml-100k"))
me = my_ratings.profile({}, films)
print(me.note)
newcomer = on_spark.recommend_for(me.ratings, n=4).join(films[["title"]], on="item")
newcomer["raters"] = n_i[train.items.known(newcomer["item"])]
newcomer[["title", "rank", "raters"]]


# %% [markdown]
# Half of the list has hardly a rater. That is no fault of the engine: a model that is fitted to stars takes the few
# that it knows nearly at their word, on one machine as on a thousand.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise.
#
# **Misconceptions.** "`busiest` is a table": let somebody print it. "Spark's ALS is an approximation": section 5
# proves that it is not. "The defaults are the same algorithm, so the same numbers": exercise 4.3.4.
#
# **To discuss.** Why do two right programs print different RMSEs here? (Another random start. Compare with the spread
# over seeds before you search for a bug.)
#
# %% [markdown]
# ## 6. When a machine dies
#
# A job of an hour on twenty machines will meet a reboot, sooner or later. Databases keep copies against that. Spark
# keeps a **recipe**: for each block, from what and by which steps it was made. This is its *lineage*, and the idea of
# the paper that Spark comes from (Zaharia et al. 2012): what is lost is computed again, from what is not lost.
# Copying every intermediate result over the network would cost more than it saves, as long as nothing breaks.
#
# In a plan such as `filter`, a block comes from one block, and the recipe is short. In ALS each block reads from
# *all* blocks of the half-step before, and so on back. How much is computed again?
# %% exercise="4.3.5"
def rerun(step, every, blocks, machines):
    """Tasks to run again, when one machine dies just after half-step `step`; a checkpoint after each `every`-th."""
    ### BEGIN SOLUTION
    lost = step % every if every else step
    return lost * blocks // machines
    ### END SOLUTION


# %% check="4.3.5"
rerun_checked = ex("4.3.5").check(rerun)
# %% [markdown]
# A job of ten turns, so 20 half-steps, of 400 blocks on 20 machines. What does it cost, at worst and on average,
# depending on how often a checkpoint is taken? A checkpoint writes all vectors to shared storage, which is not free
# either:
# %%
STEPS = 20
costs = {}
for every in (0, 20, 10, 4, 2):
    again = [rerun_checked(step, every, 400, 20) for step in range(1, STEPS + 1)]
    costs[every or "never"] = (max(again), np.mean(again), STEPS // every if every else 0)
table = pd.DataFrame(costs, index=["tasks at worst", "on average", "checkpoints"]).T.rename_axis("every")
show(table)
# %% [markdown]
# Out of 8,000 tasks in all. Without checkpoints one death costs up to 400 tasks: 5 % of the job, as each machine
# holds a twentieth. That is not why people take checkpoints in ALS. The recipe itself grows with each turn, and every
# task carries it. With many turns, a hundred say, writing it into a task or reading it there overflows the stack, and
# the job is dead with no machine lost. A checkpoint cuts it.
#
# One trap is documented and bites all the same. Spark's ALS has the parameter `checkpointInterval`, 10 by default.
# **It is ignored, silently, unless a folder was set** by `setCheckpointDir`. `session` sets one. On a cluster the
# folder must lie on storage that all machines reach; a path such as `/tmp` would be a folder on each of them.
#
# %% [markdown] instructor=true
# **Timing.** 20 minutes with the exercise.
#
# **Misconceptions.** "Spark replicates": it can (storage level with `_2`), and does not by default. "Only the last
# step is lost": wide dependencies; draw the triangle on the board.
#
# **To discuss.** Spot machines cost a third and die every few hours. What does the table say about them?
#
# %% [markdown]
# ## 7. As the data grow
#
# So Spark gives the same numbers. What does it cost? We took ml-100k and grew it to one and ten million ratings
# (`fractal`, which keeps the long tail), and fitted the same problem, 20 factors, three turns, by one thread of
# `BiasedALS` and by Spark with two threads, warm, its start not counted. These figures were measured once, on one
# machine that did other things beside; they stand in `benchmarks/RESULTS.md`. Trust the ratios, not the seconds.
# %%
figures = measured()
exact, spark_way = (figures[figures["way"] == way].set_index("ratings") for way in ("exact", "spark"))
fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4))
for table, marker, label in ((exact, "o", "one process, one thread"), (spark_way, "D", "Spark, two threads")):
    left.plot(table.index, table["cpu_s"], marker=marker, label=label)
    right.plot(table.index, table["peak_mb"], marker=marker, label=label)
for ax, what in ((left, "CPU seconds of a fit"), (right, "peak memory of a fit, MB")):
    ax.set(xscale="log", yscale="log", xlabel="ratings", ylabel=what)
    ax.set_xticks([1e5, 1e6, 1e7], ["100k", "1M", "10M"])
left.set_title("Time")
right.set_title("Memory")
fig.suptitle("The gap narrows, and stays")
left.legend()
figure_alt(
    fig,
    "CPU seconds and peak memory against ratings, 100k to 10M: Spark lies far above one process in both; the distance "
    "shrinks with size.",
)
ratio = spark_way[["cpu_s", "peak_mb"]] / exact[["cpu_s", "peak_mb"]]
ratio.index = ["100k", "1M", "10M"]
show(ratio.rename(columns={"cpu_s": "Spark's CPU, times ours", "peak_mb": "memory, times ours"}), digits=2)


# %% [markdown]
# At 100,000 ratings Spark takes more than a hundred times the CPU, since it is nearly all overhead: planning,
# sending, reporting. As the data grow the overhead is spread thinner. The question is whether the lines *meet*. You
# know how to answer that:
# %% exercise="4.3.6"
def crossing(one, spark, cores):
    """Millions of ratings from which on Spark is as fast; math.inf if never.

    one, spark: (fixed, per_million) in seconds.
    """
    ### BEGIN SOLUTION
    gain = one[1] - spark[1] / cores
    return max(0.0, (spark[0] - one[0]) / gain) if gain > 0 else math.inf
    ### END SOLUTION


# %% check="4.3.6"
crossing_checked = ex("4.3.6").check(crossing)


# %% [markdown]
# A line through the measurements at one and ten million gives each way's slope and fixed part. Then more cores, as if
# they shared the work perfectly, with nothing sent over a wire, which flatters Spark:
# %%
def line(table, what="cpu_s"):
    """(fixed, per million ratings) of a column, from the two largest sizes."""
    (x0, y0), (x1, y1) = ((n / 1e6, table.loc[n, what]) for n in table.index[-2:])
    slope = (y1 - y0) / (x1 - x0)
    return max(y0 - slope * x0, 0.0), slope


one, many = line(exact), line(spark_way)
show({"work per rating, Spark / one thread": many[1] / one[1]}, digits=2)
for cores in (2, 8, 16, 32, 64):
    x = crossing_checked(one, many, cores)
    print(f"{cores:>3} cores: " + ("never" if x == math.inf else f"from {x:,.0f} million ratings on"))
# %% [markdown]
# **On one machine like this there is no crossing.** Not at ten million ratings, and not at any size that fits: both
# lines rise, and Spark's is steeper even when two cores share it. To draw level with one thread it takes more cores
# than the ratio in the first line: a large server, or a cluster. McSherry, Isard and Murray (2015) made this a
# measure, the COST of a system: the *configuration that outperforms a single thread*. They found published systems for
# which it was hundreds of cores, or none.
#
# Be fair in the other direction too. The one thread is a compiled loop over arrays, written for this one step.
# Spark's is a program that survives dead machines, reads from object storage, and does not care whether the ratings
# fit. You pay for that, per rating, whether you need it or not.
#
# %% [markdown] instructor=true
# **Timing.** 20 minutes with the exercise.
#
# **Misconceptions.** "Spark is slow because of the JVM's start": it was not counted. "At larger sizes it will win":
# only if the slope is lower; that is the exercise.
#
# **To discuss.** Ask for the list from the beginning of the lesson: whose largest table would not have fitted?
#
# %% [markdown]
# ## 8. To a cluster, and a billion ratings
#
# The job that goes to a cluster is a file of its own, `recsys_lab/production/spark_job.py`. It imports Spark and
# nothing of this library. Its function `run` takes off mean and biases (two `GROUP BY`s), runs ALS, and writes
# Parquet. Its `main` reads the command line, opens the input, and calls `run`. On a cluster `spark-submit` starts a
# JVM and then that `main`. Here the JVM is up already, so we open the input and call `run` ourselves:
# %%
(desk / "ratings").mkdir(exist_ok=True)
frame = train.to_frame().astype({"user": "int32", "item": "int32"})
for day in range(3):  # other jobs leave a folder of files
    frame.iloc[day::3].to_parquet(desk / "ratings" / f"day-{day}.parquet")
lake = spark.read.parquet(str(desk / "ratings"))
spark_job.run(lake, str(desk / "factors"), factors=K, epochs=5, reg=REG, damping=5.0, blocks=4, seed=0)

served = from_job(desk / "factors", train)
print("written:", sorted(path.name for path in (desk / "factors").iterdir()))
job_rmse = evaluate_ratings(served, test)["rmse"].mean
show({"RMSE of the job's model": job_rmse, "RMSE of SparkALS": results["Spark"]["rmse"].mean}, digits=3)
# %% [markdown]
# Not quite the same number: the job takes one turn for its biases where the library takes ten, and starts from other
# random vectors. `from_job` reads the films' side only. A user's bias and vector follow from their ratings, by your
# half-step: so the service computes them for the users it serves, from today's ratings, and the factors of 50 million
# users need not be copied to it every night.
#
# For a cluster nothing in the file changes. Where it runs, and on how much, is said to `spark-submit`:
#
# ```sh
# spark-submit \
#   --master yarn --deploy-mode cluster \
#   --num-executors 20 --executor-cores 4 --executor-memory 24g \
#   --conf spark.sql.shuffle.partitions=320 \
#   spark_job.py s3a://lake/ratings s3a://lake/factors \
#   --blocks 320 --factors 50 --epochs 10 --checkpoints s3a://lake/checkpoints
# ```
#
# (`submit` in `recsys_lab/production/spark.py` does this on your machine, in a JVM of its own, half a minute away. The
# tests of the library run the job so.)
#
# - **The master** says who hands out the machines: YARN here, or Kubernetes (`k8s://...`). 80 cores and 320 blocks: a
#   few tasks a core, as in section 4.
# - **Object storage** instead of folders (`s3a://`, `gs://`, `abfss://`): the machines come and go, the data stay.
#   Renaming many files at once is not to be had there, so a job that died can leave half of its files. Spark writes
#   `_SUCCESS` last, and the next step should wait for it, as with the markers of lesson 3.4.
# - **Partitions**: files of 100 MB to 1 GB. A million small files cost more in listing than in reading.
# - **Ids** must be whole numbers below $2^{31}$ in Spark's ALS. Longer ones need a table of numbers first, and that
#   table is a join of its own.
# - **Checkpoints** on the same storage, or they do nothing.
#
# ### A billion ratings, with a pencil
#
# Fifty million users, a million items, a billion ratings, 50 factors, ten turns. Does it fit, how much travels, and
# how long does it take? Every number below is a *parameter*: put in yours. The cost per rating comes from section 7,
# scaled from 20 factors to 50 by the number of entries of $A$. The price is made up.
# %%
site = {"ratings": 1e9, "users": 50e6, "items": 1e6, "k": 50, "turns": 10}
cluster = {"machines": 20, "cores": 4, "blocks": 320, "gbit_per_s": 5, "price_of_a_core_hour": 0.05}

k, B = site["k"], cluster["blocks"]
rank = np.arange(1, site["items"] + 1)
popularity = 1 / (rank + 1000) ** 0.8  # a long tail
per_item = site["ratings"] * popularity / popularity.sum()
per_user = site["ratings"] / site["users"]
to_users = expected_vectors(per_item, B)
to_items = site["users"] * expected_vectors(np.array([per_user]), B)
gigabytes = {
    "ratings, once (two ids, one number)": 12 * site["ratings"] / 1e9,
    "all vectors": 4 * k * (site["users"] + site["items"]) / 1e9,
    "sent in a users' half-step": 4 * (k + 1) * to_users / 1e9,
    "sent in an items' half-step": 4 * (k + 1) * to_items / 1e9,
}
show({f"GB: {name}": value for name, value in gigabytes.items()}, digits=3)
# %% [markdown]
# Look at the last two lines. The half-step that sends *users'* vectors costs several times the other: each user rated
# 20 items, nearly all in different blocks, so almost every rating sends a vector. Popular items would be cheap to
# send: a copy for each block serves many raters. It is the long list of light users that fills the wires.
# %%
scale = (k * (k + 1)) / (20 * 21)
seconds_of = {"one thread": one[1] / 3 * scale, "Spark, one core": many[1] / 3 * scale}  # a million ratings, one turn
cores = cluster["machines"] * cluster["cores"]
sent = gigabytes["sent in a users' half-step"] + gigabytes["sent in an items' half-step"]
alone = seconds_of["one thread"] * 1000 * site["turns"] / 3600
hours = {
    "one thread, one process": alone,
    "16 cores of one server": alone / 16,
    "the cluster's cores": seconds_of["Spark, one core"] * 1000 * site["turns"] / 3600 / cores,
    "the cluster's wires": sent * 8 / (cluster["machines"] * cluster["gbit_per_s"]) * site["turns"] / 3600,
}
show({f"hours, {name}": round(value, 2) for name, value in hours.items()}, digits=2)
price = cluster["price_of_a_core_hour"]
bill = (hours["the cluster's cores"] + hours["the cluster's wires"]) * cores * price
need = gigabytes["ratings, once (two ids, one number)"] + line(exact, "peak_mb")[1] + gigabytes["all vectors"]
show({"cost of a run on the cluster": round(bill, 1), "cost on one server": round(alone * price, 1)}, digits=2)
show({"GB that one process would hold": need, "billions of ratings in a server of 256 GB": 256 / need}, digits=2)
# %% [markdown]
# This is the honest end of the lesson. The last lines count the ratings, all vectors, and what our fit takes beside
# them by the slope of section 7 (MB for a million are GB for a billion): **one ordinary server holds that**. One
# thread would be at it for hours, not days. The cluster is faster than that, by far less than its number of cores,
# and its wires, at full speed, are not what holds it up. But the half-step has no neighbours (section 1), so a server
# can share its loop over the users, too. If 16 cores share it as perfectly as we let the cluster's, the server is done
# before the cluster, and for a small part of its price.
#
# So when *does* memory end it? The last line says where, for one server of 256 GB; there are larger ones. Before that
# come reasons that are not about ALS at all.
#
# | take Spark when | do not take it when |
# |---|---|
# | the data do not fit into the largest machine that you can rent, or the *join before* the training does not | it fits, and one process takes minutes |
# | the data already lie on a cluster, and moving them costs more than the training | the data come from a database that can export them in a minute |
# | a team runs the cluster anyway, and the job is one of many | the cluster would be for this job |
# | a run takes so long that a dead machine is likely within it | a retry of the whole job is cheaper than lineage |
# | the work before ALS (cleaning, joining, counting) is the larger part; it usually is | the model is small and retrained often: start-up would be most of the time |
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes. Let everybody change one parameter before they run the last cells, and say first which line
# will move.
#
# **Misconceptions.** "A billion is big data": it is 12 GB. "Network is fast nowadays": compare the last two lines of
# hours for a wire of 1 Gbit/s.
#
# **To discuss.** Which numbers of the plan do you believe least? (The wires: all machines sending at once at full
# speed is a best case. The scaling from 20 to 50 factors.) How would you test them for little money? (A tenth of the
# data on two machines.)
#
# %% [markdown]
# ## Quiz

# %%
quiz()

# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# Last, the JVM ends, and its folders go.
# %%
running.close()
print("left of the working folder:", desk.exists())
# %% [markdown]
# ## In production
#
# - **Spark's first paper** already had an ALS: it sent *all ratings* to every machine, as a broadcast, and found that
#   keeping them there between the turns made the job 2.8 times as fast (Zaharia et al. 2010, sections 3.3 and 5).
#   Today's ALS cuts into blocks and sends vectors, as section 3 does; the documentation of the class `ALS` describes
#   it. That `regParam` is scaled by counts stands in *Collaborative Filtering*, "Scaling of the regularization
#   parameter".
# - **The Netflix Prize** brought that rule. Zhou et al. 2008 ran ALS in parallel MATLAB on a Linux cluster over 100
#   million ratings, and reported an RMSE that kept falling with the number of factors.
# - **McSherry, Isard and Murray 2015** went the other way and put one good thread beside the published figures of
#   distributed graph systems.
#
# ## In the interview
#
# **"The nightly training takes nine hours and no longer fits into the machine. What do you do?"**
#
# A good answer: (1) *Which of the two?* Time and memory are different problems. (2) *Look at the one process first*:
# four-byte numbers instead of eight, ids as 32 bits, one loop in compiled code, all cores: often ten times. (3) *A
# larger machine* is an afternoon's work; name a size. (4) *Then* cut the work: by user, since the half-step needs no
# neighbours. Say what is shuffled, and count it: vectors, once a block. (5) Name the hot key, and what you do about
# it. (6) Say how you prove that the new job gives the old results: the same split, an interval, and a result that
# does not move with the number of blocks. (7) Say what it costs per run, and who is paged.
#
# ## Take-aways
#
# - Sums can be cut, solutions cannot: add up first, solve last.
# - A result that depends on the number of partitions is a bug.
# - Count what travels before you count machines. Vectors, once to each block that needs them, beat joins and partial
#   sums.
# - A stage ends with its last task: more blocks than cores, not thousands, and mind the hot key.
# - Spark's `regParam` is multiplied by the number of ratings. A parameter without its formula is only a name.
# - No folder, no checkpoint.
# - A system is worth its cluster when it beats one good thread. Measure that thread first.
#
# ## Further reading
#
# - M. Zaharia, M. Chowdhury, T. Das, A. Dave, J. Ma, M. McCauley, M. Franklin, S. Shenker, I. Stoica: *Resilient
#   Distributed Datasets: A Fault-Tolerant Abstraction for In-Memory Cluster Computing*. NSDI 2012. Sections 2
#   (lineage), 4 (narrow and wide dependencies).
# - M. Zaharia, M. Chowdhury, M. Franklin, S. Shenker, I. Stoica: *Spark: Cluster Computing with Working Sets*.
#   HotCloud 2010.
# - Y. Zhou, D. Wilkinson, R. Schreiber, R. Pan: *Large-Scale Parallel Collaborative Filtering for the Netflix Prize*.
#   AAIM 2008, LNCS 5034. [doi:10.1007/978-3-540-68880-8_32](https://doi.org/10.1007/978-3-540-68880-8_32)
# - F. McSherry, M. Isard, D. Murray: *Scalability! But at what COST?* HotOS XV, 2015.
# - J. Dean, S. Ghemawat: *MapReduce: Simplified Data Processing on Large Clusters*. OSDI 2004. Section 3.6 on
#   stragglers.
# - Apache Spark documentation: *MLlib: Collaborative Filtering*; *Tuning Spark*, "Level of Parallelism"; *RDD
#   Programming Guide*, "Shuffle operations".
