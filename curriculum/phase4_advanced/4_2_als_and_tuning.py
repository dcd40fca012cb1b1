# ---
# lesson:
#   id: "4.2"
#   title: "ALS, SVD++ and tuning"
#   phase: 4
#   minutes: 330
#   prerequisites: ["1.5", "2.7", "4.1"]
#   objectives:
#     - "Learn factors by taking turns: one ridge regression a user, one a film, with an objective that never rises"
#     - "Say what the set of rated films tells beyond the stars, and catch a model that reads the set of the test part"
#     - "Draw a user's vector instead of computing it, and average many plausible models into the best one of the course"
#     - "Tune by random and by Bayesian search, and say how much the best of fifty settings flatters itself"
#     - "Stack models on a validation part, and say with an interval what that gained"
# ---
# %% [markdown]
# ## What you already know
#
# In lesson 4.1 you learned a vector for each user and each film by walking downhill: one rating, one small step, a
# hundred thousand times, and a learning rate that somebody had to choose. This lesson reaches the same place on other
# roads, and then climbs to the lowest error of the course.
#
# | in your backend | in this lesson |
# |---|---|
# | two services, each tuned while the other is frozen, in turn | alternating least squares |
# | a batch job by key, with a small table sent to every worker | a half-step, and why it runs on a cluster |
# | two jobs that both read the state of yesterday | the bug of exercise 4.2.2 |
# | an access log: it tells a lot even without the payloads | SVD++: which films were rated, whatever the stars |
# | asking many replicas and taking the mean | Bayesian factorization |
# | load tests over a grid of configurations | random and Bayesian search |
# | the best of fifty runs of a noisy benchmark | the winner's curse |
#
# This lesson needs the packages of phase 4. If the first cell complains, end JupyterLab and start it with
# `make lab PHASE=4`, or run `pip install 'recsys-lab[phase4]'`. Good places to stop are the ends of sections 3 and 6.
#
# %% [markdown] instructor=true
# **Timing (330 minutes alone, three sessions of 110 in class).** Session one: sections 1 to 3 with exercises 1 and 2.
# Session two: sections 4 to 6 with exercises 3 and 4. Session three: sections 7 to 9 with exercises 5 and 6, the quiz.
#
# **Prepare.** Ask for bets, on paper: which RMSE has a model that averages forty models, each of which is worse than
# FunkSVD? The slips come back in section 6.
# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import optuna
import pandas as pd
from scipy import sparse
from sklearn.linear_model import Ridge

from recsys_lab import BayesianMF, BiasBaseline, BiasedALS, FunkSVD, ItemKNN, Ratings, SVDpp, datasets
from recsys_lab.biases import damped_biases
from recsys_lab.course import PALETTE, figure_alt, leaderboard, show, start
from recsys_lab.course.environment import needs
from recsys_lab.evaluate import compare, evaluate_ratings
from recsys_lab.metrics import rmse
from recsys_lab.split import random_split

needs("phase4")
optuna.logging.set_verbosity(optuna.logging.WARNING)
ex, quiz = start("4.2")
# %% [markdown]
# ## 1. One user, exactly
#
# The model is that of 4.1. User $u$ has a vector $p_u$ of $k$ numbers, film $i$ a vector $q_i$, and a rating is what the
# damped averages of 2.1 say, plus the match of the two:
#
# $$\hat r_{ui} = b_{ui} + p_u \cdot q_i$$
#
# where $b_{ui} = \mu + b_u + b_i$ is the mean plus what is usual for this user and this film. So the vectors have to
# explain the **rest**, $d_{ui} = r_{ui} - b_{ui}$. We keep the training ratings of the leader-board as three columns: whose,
# of which film, and the rest.
# %%
data = datasets.load("ml-100k")
train, test = leaderboard.split()
stars = test["rating"].to_numpy()

biases = damped_biases(train.matrix, damping_user=5.0, damping_item=5.0)
users, films = np.repeat(np.arange(train.n_users), np.diff(train.matrix.indptr)), train.matrix.indices
rest = train.matrix.data - biases.at(users, films)
show(ratings=len(rest), users=train.n_users, films=train.n_items, sd_of_the_rest=rest.std())
# %% [markdown]
# All vectors at once are a hard problem: two unknowns are multiplied, and the landscape has many valleys. Now pretend that
# the films' vectors were known. Then each user is a problem of their own, and an easy one. Here is a user and their
# landscape, with $k = 2$ so that it can be drawn: the films' vectors come from the library, and the height is
#
# $$J(p_u) = \sum_{i \in I_u} (d_{ui} - p_u \cdot q_i)^2 + \lambda_u |p_u|^2$$
#
# $I_u$ are the films that $u$ rated, and $\lambda_u$ is the price of a long vector, the ridge of lesson 1.3.
# %%
SOMEBODY, PRICE = 315, 2.0
two = BiasedALS(factors=2).fit(train)
mine = users == SOMEBODY
Q_u, d_u = two.item_factors_[films[mine]], rest[mine]


def height(p):
    return ((d_u - Q_u @ p) ** 2).sum() + PRICE * p @ p


def walk(order, rate):
    """One pass of SGD over this user's ratings, from zero: the points on its way."""
    way = [np.zeros(2)]
    for j in order:
        error = d_u[j] - Q_u[j] @ way[-1]
        way.append(way[-1] + rate * (error * Q_u[j] - PRICE / len(d_u) * way[-1]))
    return np.array(way)


there = np.random.default_rng(0).permutation(len(d_u))
way, way_back = walk(there, rate=0.3), walk(there[::-1], rate=0.3)
exact = np.linalg.solve(Q_u.T @ Q_u + PRICE * np.eye(2), Q_u.T @ d_u)
heights = {
    "at zero": height(np.zeros(2)),
    "SGD, one pass": height(way[-1]),
    "the same ratings, backwards": height(way_back[-1]),
}
show({"ratings": len(d_u)} | heights | {"solved": height(exact)})
# %%
fig, ax = plt.subplots(figsize=(8, 5))
side = np.linspace(-2.4, 1.4, 80)
ground = [[height(exact + np.array([x, y])) for x in side] for y in side]
ax.contour(exact[0] + side, exact[1] + side, ground, levels=15, cmap="cividis", linewidths=1)
for path, label, color in ((way, "SGD, one pass", PALETTE[1]), (way_back, "the same ratings, backwards", PALETTE[3])):
    ax.plot(*path.T, "-o", color=color, markersize=3, linewidth=1, label=label)
ax.plot(*exact, "*", color=PALETTE[0], markersize=18, label="solved, in one step")
ax.set(xlabel="first number of the user's vector", ylabel="second number")
ax.set_title("With the films held still, each user is a bowl")
ax.legend(loc="lower right", frameon=True)
figure_alt(
    fig,
    "A bowl with oval contour lines; two zigzag paths of SGD end at different places near its bottom, a star marks the bottom.",
)


# %% [markdown]
# It is a bowl, with one bottom. SGD stumbles towards it and arrives somewhere near; with the same ratings in another order it
# arrives somewhere else. (More passes and smaller steps would bring both closer.) But the bottom of a bowl need not be searched. The slope is zero there, and that is the normal
# equation of lesson 1.3. Let $Q_u$ hold the vectors of $u$'s films as rows, and $d_u$ the rest in the same order; $I$ is
# the unit matrix. Then
#
# $$p_u = (Q_u^\top Q_u + \lambda_u I)^{-1} Q_u^\top d_u$$
#
# No step size, no epochs. In 2.6 you solved its cousin for clicks. The difference is what a blank means: there, all films took
# part, and the unchosen ones with a weak zero. Here an unrated film says nothing, and is in no sum.
#
# The price $\lambda_u$ may differ from user to user. The library takes $\lambda_u = \lambda n_u^\kappa$, with $n_u$ the number
# of $u$'s ratings; `reg` is $\lambda$ and `power` is $\kappa$. Section 3 asks which power; for now it is an argument.
# %% exercise="4.2.1"
def half_step(rows, columns, rest, Q, n_rows, reg, power):
    """The best vector of every row, with those of the columns held still: array (n_rows, k).

    rows, columns, rest: arrays (n_ratings,): whose rating, of what, and what the averages leave of it.
    Q: array (n_columns, k). lambda of a row is reg * (number of its ratings) ** power.
    A row without ratings gets zeros.
    """
    ### BEGIN SOLUTION
    P = np.zeros((n_rows, Q.shape[1]))
    order = np.argsort(rows, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1):
        q = Q[columns[mine]]
        A = q.T @ q + reg * len(mine) ** power * np.eye(Q.shape[1])
        P[rows[mine[0]]] = np.linalg.solve(A, q.T @ rest[mine])
    return P
    ### END SOLUTION


# %% check="4.2.1"
half_step_checked = ex("4.2.1").check(half_step)
# %% [markdown]
# "Rows" and "columns", not "users" and "films", because the model has no favourites. Hold the users still, and the films'
# vectors are the same regressions with the roles swapped: `half_step(films, users, rest, P, ...)`.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise.
#
# **Misconceptions.** "Unrated is zero": in a half-step for *stars* a blank is in no sum, in that for clicks it is in all of
# them; put 2.6.3 and 4.2.1 side by side. "The inverse": nobody inverts; `solve` is faster and safer (1.3).
#
# **To discuss.** Is $A$ always invertible? (With $\lambda > 0$, yes, even with one rating and fifty factors.)
# %% [markdown]
# ## 2. Taking turns
#
# We do not know the films' vectors. Start with small random ones, solve for the users; hold those, solve for the films;
# and again. That is **alternating least squares**, ALS. What do we watch while it runs? The one number that both sides
# minimise:
#
# $$\sum_{u, i} (d_{ui} - p_u \cdot q_i)^2 + \sum_u \lambda_u |p_u|^2 + \sum_i \lambda_i |q_i|^2$$
#
# where the first sum runs over the ratings. The users' half-step finds the lowest point of it for these $q$, so it cannot go
# up; the films' half-step finds the lowest for these $p$, so it cannot go up either. **This number never rises.** If
# it does, there is a bug: a free test, in every run.
# %%
REG, POWER, K = 1.3, 0.5, 10
n_u, n_i = np.bincount(users, minlength=train.n_users), np.bincount(films, minlength=train.n_items)


def objective(P, Q):
    errors = rest - (P[users] * Q[films]).sum(axis=1)
    lambda_u, lambda_i = REG * n_u**POWER, REG * n_i**POWER
    return errors @ errors + lambda_u @ (P**2).sum(axis=1) + lambda_i @ (Q**2).sum(axis=1)


test_rows, test_columns = train.users.rows(test["user"]), train.items.rows(test["item"])
known = (test_rows >= 0) & (test_columns >= 0)  # a film may have no training rating: the averages answer


def predicted(P, Q):
    answer = BiasBaseline().fit(train).predict(test)
    u, i = test_rows[known], test_columns[known]
    answer[known] = biases.at(u, i) + (P[u] * Q[i]).sum(axis=1)
    return np.clip(answer, 1, 5)


Q = np.random.default_rng(0).normal(0, 0.1, (train.n_items, K))
log = []
for turn_number in range(10):
    P = half_step_checked(users, films, rest, Q, train.n_users, REG, POWER)
    log.append((turn_number + 0.5, objective(P, Q), rmse(stars, predicted(P, Q))))
    Q = half_step_checked(films, users, rest, P, train.n_items, REG, POWER)
    log.append((turn_number + 1, objective(P, Q), rmse(stars, predicted(P, Q))))
log = pd.DataFrame(log, columns=["turns", "objective", "test rmse"])
show({"half-steps that raised the objective": (np.diff(log["objective"]) > 0).sum()})
show(log.iloc[[0, 1, 3, 7, 11, 15, 19]].set_index("turns"))
# %% [markdown]
# Ten turns, twenty half-steps, and not one of them raised the objective. The averages, at 0.941, are left behind at once, six turns bring
# nearly all the rest, and nobody chose a learning rate.
#
# ### A night shift for two
#
# A colleague looks at the loop and sees wasted time. "The users' job and the films' job run one after the other. Let them
# run at the same time, on two machines; each reads the vectors that the last run has stored." It looks like this:
#
# ```python
# def turn(users, films, rest, P, Q, reg, power):
#     new_P = half_step(users, films, rest, Q, len(P), reg, power)
#     new_Q = half_step(films, users, rest, P, len(Q), reg, power)
#     return new_P, new_Q
# ```
# %%
P_then = np.random.default_rng(1).normal(0, 0.1, (train.n_users, K))
Q_then = np.random.default_rng(0).normal(0, 0.1, (train.n_items, K))
shift = []
for night in range(8):
    P_next = half_step_checked(users, films, rest, Q_then, train.n_users, REG, POWER)
    Q_then = half_step_checked(films, users, rest, P_then, train.n_items, REG, POWER)
    P_then = P_next
    shift.append((night + 1, objective(P_then, Q_then), rmse(stars, predicted(P_then, Q_then))))
shift = pd.DataFrame(shift, columns=["turns", "objective", "test rmse"])
show({"nights that raised the objective": (np.diff(shift["objective"]) > 0).sum()})
show(shift.iloc[[0, 1, 3, 5, 7]].set_index("turns"))
# %% [markdown]
# Both half-steps are right, every line is tested, and the model gets worse every night.


# %% exercise="4.2.2"
def turn(users, films, rest, P, Q, reg, power):
    """One turn: the vectors of users and films after it, (P, Q). P and Q, as given, are left as they are.

    users, films, rest: arrays (n_ratings,). P: array (n_users, k). Q: array (n_films, k). Use half_step_checked.
    """
    ### BEGIN SOLUTION
    new_P = half_step_checked(users, films, rest, Q, len(P), reg, power)
    new_Q = half_step_checked(films, users, rest, new_P, len(Q), reg, power)
    return new_P, new_Q
    ### END SOLUTION


# %% check="4.2.2"
turn_checked = ex("4.2.2").check(turn)
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
for ax, column in ((left, "objective"), (right, "test rmse")):
    ax.plot(log["turns"], log[column], "o-", markersize=4, label="in turn")
    ax.plot(shift["turns"], shift[column], "s-", markersize=4, label="both at once")
    ax.set(xlabel="turns", ylabel=column)
left.set_title("The objective falls, or there is a bug")
right.set_title("The test error tells the same story")
left.legend()
figure_alt(
    fig,
    "Left: in turn the objective falls from 68,000 to 62,300 and flattens, both at once it rises to 79,000. Right: the test "
    "RMSE falls to 0.912 in turn and climbs above 0.95 both at once.",
)
# %% [markdown]
# ### From scratch, then the library
#
# The library's `BiasedALS` with `solver="exact"` does these ten turns, and then one more half-step for the users. From the
# same start it must come to the same vectors. And each of its users must be what scikit-learn's ridge regression gives.
# %%
P = half_step_checked(users, films, rest, Q, train.n_users, REG, POWER)
library = BiasedALS(factors=K, solver="exact").fit(train)
by_sklearn = [
    Ridge(alpha=REG * n_u[u] ** POWER, fit_intercept=False).fit(Q[films[users == u]], rest[users == u]).coef_
    for u in range(0, train.n_users, 50)
]
apart = {
    "largest difference to recsys_lab": np.abs(P - library.user_factors_).max(),
    "largest difference to scikit-learn": np.abs(P[::50] - by_sklearn).max(),
}
for name, difference in apart.items():
    print(f"{name}: below 0.0001: {difference < 1e-4}")
show(rmse_by_hand=rmse(stars, predicted(P, Q)), rmse_of_the_library=rmse(stars, library.predict(test)))
# %% [markdown]
# The library turns in single precision, hence the generous bound. By default it does not even solve the regressions: three steps
# of *conjugate gradients* from the present vector come close enough, since the next half-step moves the target anyway
# (Takács, Pilászy and Tikk 2011).
#
# ### Why this runs on a cluster
#
# Look at what one user's regression reads: their own ratings, and the films' table $Q$. No other user. So cut the users into
# four parts, give each part to a worker with a copy of $Q$, and put the results back together:
# %%
parts = np.zeros_like(P)
for worker in range(4):
    here = users % 4 == worker
    parts += half_step_checked(users[here], films[here], rest[here], Q, train.n_users, REG, POWER)
show(
    {
        "largest difference, four workers to one": np.abs(parts - P).max().round(12),
        "kB of films' vectors sent to each worker": Q.nbytes // 1000,
        "kB of ratings on each worker, about": 3 * rest.nbytes // 4000,
    }
)
# %% [markdown]
# No difference at all: no locks, no order, no message between workers. It is a batch job partitioned by key, with a broadcast
# table. SGD has no such cut: two ratings of one film move the same vector, so its order matters (you saw two walks
# from the same start end in two places). At Netflix's size, $Q$ with a hundred factors was 14 MB and the ratings were a
# hundred million: you move the small table to the large one. Lesson 4.3 does this with Spark.
#
# The price: a regression costs $n_u k^2 + k^3$ multiplications, SGD only about $n_u k$ a pass.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise.
#
# **Misconceptions.** "The objective is the error": it is the error and the price of the vectors; of the error alone nobody
# promises that it falls. "It never rises, so it finds the lowest point": it finds *a* valley; try another seed (the test RMSE
# hardly moves). "Parallel means faster": ask what the colleague's two machines waited for.
#
# **To discuss.** Which invariant could your own batch jobs print every night?
# %% [markdown]
# ## 3. How strong a pull, and on whom?
#
# Hu, Koren and Volinsky (2008) give all users one $\lambda$, so $\kappa = 0$. Zhou and colleagues, in the same year, multiply by
# the number of ratings, $\kappa = 1$, and call it *weighted* regularisation; Spark does the same. This library takes
# the root, $\kappa = 0.5$. What does that change? Take one number per user instead of $k$, and let $v$ be the mean of
# $q_i^2$ over the user's films. Then the bowl's bottom is the least-squares answer times
#
# $$s = \frac{n_u v}{n_u v + \lambda n_u^\kappa}$$
#
# $s$ is the share of the user's own evidence that is *kept*; the rest is pulled to zero, that is, back to the averages. To
# draw it, we first need a fair $\lambda$ for each power. Chosen where? On a validation part, cut from the training part.
# %%
frame = train.to_frame()
fit_rows, valid = random_split(frame, test=0.1, seed=1)
fit_part = Ratings.from_frame(fit_rows, scale=(1, 5))
valid_stars = valid["rating"].to_numpy()

tried = {0.0: (8, 12, 16, 20), 0.5: (1.0, 1.3, 1.6, 2.0), 1.0: (0.1, 0.12, 0.15, 0.18)}
errors = {
    (power, reg): rmse(valid_stars, BiasedALS(factors=K, reg=reg, power=power).fit(fit_part).predict(valid))
    for power, regs in tried.items()
    for reg in regs
}
chosen = {power: min(regs, key=lambda reg: errors[power, reg]) for power, regs in tried.items()}
show({f"power {power}: chosen reg, validation rmse": (reg, errors[power, reg]) for power, reg in chosen.items()})
# %%
fig, ax = plt.subplots()
counts = np.geomspace(1, 600, 100)
v = (two.item_factors_**2).mean()
for power, reg in chosen.items():
    ax.plot(counts, counts * v / (counts * v + reg * counts**power), label=f"power {power}, reg {reg}")
ax.set_xscale("log")
ax.set_xticks([1, 10, 100, 600], ["1", "10", "100", "600"])
ax.set(xlabel="ratings of the user or film (log scale)", ylabel="share of the evidence kept", ylim=(0, 1))
ax.set_title("Power 0 silences the few, power 1 treats all alike")
ax.legend()
figure_alt(
    fig,
    "Share kept against the number of ratings. Power 0: an S-curve from 0 to near 1. Power 0.5: a slower rise. Power 1: a flat line.",
)
# %% [markdown]
# - **Power 1** keeps the same share from everybody, whether it rests on one rating or on six hundred.
# - **Power 0** trusts the many fully and the few hardly at all.
# - **Power 0.5** lies between. The reason in the library's words: $n$ random signs add up to about $\sqrt n$, so the pull grows as
#   fast as the noise does.
#
# That is a story. Here are the test ratings, by how often the film was rated in training, and by how much the user rated:
# %%
by_power = {f"power {power}": BiasedALS(factors=K, reg=reg, power=power).fit(train) for power, reg in chosen.items()}
squares = pd.DataFrame({name: (model.predict(test) - stars) ** 2 for name, model in by_power.items()})
kinds = {
    "film": (np.where(known, n_i[test_columns], 0), [-1, 5, 20, 60, 150, 600]),
    "user": (n_u[test_rows], [0, 30, 100, 300, 800]),
}
tables = []
for kind, (count, edges) in kinds.items():
    names = [f"{kind} with {low + 1} to {high} ratings" for low, high in pairwise(edges)]
    by_group = squares.groupby(pd.cut(count, edges, labels=names), observed=True)
    tables.append(np.sqrt(by_group.mean()).assign(**{"test ratings": by_group.size()}))
show(pd.concat(tables))
judged = {name: evaluate_ratings(model, test) for name, model in by_power.items()}
compare(judged, against="power 0.5").drop(columns=["metric", "other", "better", "users"]).round(4)
# %% [markdown]
# Where films are rare, power 0.5 is ahead of both; where they are many, power 0, as the curves promise. Users show the same
# less clearly, since nobody in this data rated fewer than twenty films: with up to 30 ratings, 0.5 serves them best. All ratings together, power 1 is behind beyond doubt, and power 0 cannot
# be told from 0.5: its interval holds zero. And keep the sizes in mind. The powers are at most 0.006 apart; a good and a bad $\lambda$ of the
# *same* power are 0.012 and more:
# %%
show(
    {
        f"power {power}, reg {reg}: validation rmse": errors[power, reg]
        for power, reg in ((0.0, 8), (0.0, 16), (1.0, 0.1), (1.0, 0.15))
    }
)
# %% [markdown]
# **The convention matters less than tuning within it.**
#
# It matters when you carry a number from one library to another. `reg=1.3` means another thing in each of the three conventions.
# There is a second trap: a $\lambda$ that was tuned on a sample. With power 1 the pull grows as fast as the evidence, so the
# value keeps its meaning when the data grows; Spark's documentation gives exactly this reason. With power 0 it fades.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes.
#
# **Misconceptions.** "More data, less regularisation": per user yes, that is what $s$ shows; in total nobody changed $\lambda$.
# "The default is tuned": for some other data set, in some other convention.
#
# **To discuss.** Two million new users with three ratings each arrive. Which power would you want, and what would you measure?
# %% [markdown]
# ## 4. SVD++: what you rated, whatever the stars
#
# Nobody rates at random (lesson 1.1). Who has rated *Trainspotting* and *Pulp Fiction* has told us something before we read
# a single star. Koren (2008) gave each film a second vector $y_j$: what it says of people *that they rated it at all*. With
# $N(u)$ the set of films that $u$ rated,
#
# $$\hat r_{ui} = \mu + b_u + b_i + q_i \cdot (p_u + z_u) \qquad\qquad z_u = |N(u)|^{-1/2} \sum_{j \in N(u)} y_j$$
#
# $p_u$ is what $u$ said, $z_u$ is what $u$ chose. A user with few ratings has a $p_u$ that nobody can trust, but the $y_j$ are shared by
# all users, and well known.
#
# How much is in the choice alone? Take 200 users out of the training part altogether and fit SVD++ on the others. For the
# 200, pretend that we know *which* films they rated, and not one star: $b_u$ and $p_u$ are zero, and $z_u$ is all there
# is. As a control, give each of them the set of somebody else.
# %%
rng = np.random.default_rng(0)
strangers = rng.choice(frame["user"].unique(), 200, replace=False)
others = Ratings.from_frame(frame[~frame["user"].isin(strangers)], scale=(1, 5))
plus = SVDpp().fit(others)

sets = frame[frame["user"].isin(strangers) & frame["item"].isin(others.items.ids)]
asked = test[test["user"].isin(strangers) & test["item"].isin(others.items.ids)]
z = {u: plus.y_[others.items.rows(its)].sum(axis=0) / np.sqrt(len(its)) for u, its in sets.groupby("user")["item"]}
swapped = dict(zip(z, rng.permutation(list(z.values()))))


class Answers:
    """A stand-in for a model: answers that are already there."""

    def __init__(self, predictions):
        self.predictions = np.clip(predictions, 1, 5)

    def predict(self, rows, fallback=True):
        return self.predictions.copy()


columns = others.items.rows(asked["item"])
usual = plus.biases_.mean + plus.biases_.item[columns]
match = {
    name: (plus.q_[columns] * [of[u] for u in asked["user"]]).sum(axis=1)
    for name, of in (("own", z), ("other", swapped))
}
damped = damped_biases(others.matrix, damping_user=15.0, damping_item=10.0)
no_stars = {
    "the film's damped average": damped.mean + damped.item[columns],
    "SVD++, the set of somebody else": usual + match["other"],
    "SVD++, their own set": usual + match["own"],
}
judged = {name: evaluate_ratings(Answers(answer), asked) for name, answer in no_stars.items()}
show({f"{name}: rmse": result["rmse"].mean for name, result in judged.items()})
compare(judged, against="SVD++, their own set").drop(columns=["metric", "other", "better", "users"]).round(4)
# %% [markdown]
# Without one star of theirs, the set brings the error for these strangers 0.02 below the film's average, and the control
# shows that it is *their* set that does it. FunkSVD and SVD++ are 0.004 apart on the leader-board; this is five times as much, and it is
# free. You have it for every visitor of your service: it is the log.
#
# What do the $y_j$ say? $y_j \cdot q_i$ is what having rated $j$, whatever the stars, adds to the prediction for $i$ (before it
# is divided by $\sqrt{|N(u)|}$). The strongest pairs among films with 150 ratings or more:
# %%
svdpp = SVDpp().fit(train)
title = data.items.set_index("item")["title"].reindex(train.items.ids).to_numpy()
often = np.flatnonzero(n_i >= 150)
push = svdpp.y_[often] @ svdpp.q_[often].T
np.fill_diagonal(push, 0)
rows = []
for one in (*np.argsort(-push, axis=None)[:4], *np.argsort(push, axis=None)[:3]):
    j, i = np.unravel_index(one, push.shape)
    rows.append((title[often[j]], title[often[i]], push[j, i]))
show(pd.DataFrame(rows, columns=["who rated", "predict for", "stars, times root of n"]), digits=2)
# %% [markdown]
# You can read a kind of audience in it: who went to see *Trainspotting*, whatever they thought of it, is not the audience of *Dante's
# Peak*. No star of the user went into this.
#
# ### Surprise has it too
#
# Surprise's `SVDpp` moves all $|N(u)|$ vectors $y_j$ at each single rating; the library moves them once per user by the same sum,
# which is why it is more than a hundred times faster at equal settings (benchmarks/RESULTS.md). Same start, same settings, two epochs on 200 users:
# the same numbers?
# %%
import surprise

some = frame[frame["user"].isin(frame["user"].unique()[:200])]
some_ratings = Ratings.from_frame(some)
trainset = surprise.Dataset.load_from_df(
    some[["user", "item", "rating"]], surprise.Reader(rating_scale=(1, 5))
).build_full_trainset()
theirs = surprise.SVDpp(random_state=4, n_epochs=2, cache_ratings=True).fit(trainset)
inner_u = [trainset.to_inner_uid(u) for u in some_ratings.users.ids]  # Surprise numbers ids as they come
inner_i = [trainset.to_inner_iid(i) for i in some_ratings.items.ids]


class SameStart(SVDpp):
    def _start(self, train):
        draw = np.random.RandomState(4).normal
        p, q, y = (draw(0, 0.1, size=(n, self.factors)) for n in (train.n_users, train.n_items, train.n_items))
        return [p[inner_u], q[inner_i], y[inner_i]]


ours = SameStart.surprise(epochs=2).fit(some_ratings)
differences = [np.abs(ours.q_ - theirs.qi[inner_i]).max(), np.abs(ours.y_ - theirs.yj[inner_i]).max()]
show({"largest difference of q and y to Surprise": max(differences).round(10)})


# %% [markdown] instructor=true
# **Timing.** 30 minutes.
#
# **Misconceptions.** "Implicit means clicks": here the implicit signal is taken from the ratings themselves. "$z_u$ is the
# mean of the $y_j$": the sum is divided by the *root* of their number, so that it may grow with evidence.
#
# **To discuss.** A user rates 400 films on the first evening, by clicking through a list of posters. What does $z_u$ learn?
# %% [markdown]
# ## 5. Many plausible models
#
# Here is an awkward question about the half-step. It returns *one* vector for a user with 12 ratings, and one for a user with 600. Both
# look equally certain. For the first, quite different vectors would have explained the 12 ratings nearly as well. A model
# that picks one of them and forgets the others is surer than it should be, and that is what overfitting is.
#
# So do not pick. If the ratings are $p_u \cdot q_i$ plus noise with variance $\sigma^2$, and if vectors are usually near
# zero, then the probability of a vector is not a point but a bell, and its centre is the bottom of our bowl. With
# $A = Q_u^\top Q_u + \lambda_u I$, the mean $m$ and the covariance $S$ of that bell are
#
# $$m = A^{-1} Q_u^\top d_u \qquad\qquad S = \sigma^2 A^{-1}$$
#
# More ratings make $A$ larger, and the bell narrower. To *draw* a vector from it, take $k$ independent standard normal numbers
# $\epsilon$ and the Cholesky factor $L$ (a lower triangle) of $A$:
#
# $$A = L L^\top \qquad\qquad p_u = m + \sigma (L^\top)^{-1} \epsilon$$
#
# The covariance of the second term is $\sigma^2 (L^\top)^{-1} L^{-1}$, which is $S$. So a draw is a half-step and one more
# triangular system.
# %% exercise="4.2.3"
def draw(Q, rest, reg, noise, rng):
    """One plausible vector of a user: array (k,), drawn from the bell around the half-step's answer.

    Q: array (n, k), the vectors of the n films that the user rated; n may be 0. rest: array (n,).
    reg: lambda_u > 0. noise: the variance sigma**2 > 0 of a rating. rng: a np.random.Generator; use no other.
    """
    ### BEGIN SOLUTION
    A = Q.T @ Q + reg * np.eye(Q.shape[1])
    m = np.linalg.solve(A, Q.T @ rest)
    L = np.linalg.cholesky(A)
    return m + np.sqrt(noise) * np.linalg.solve(L.T, rng.standard_normal(len(m)))
    ### END SOLUTION


# %% check="4.2.3"
draw_checked = ex("4.2.3").check(draw)
# %% [markdown]
# Now run ALS, but *draw* each vector instead of computing it. That is **Gibbs sampling**: draw each unknown in turn, given the
# present values of all others. A theorem says that after a while the states of this walk are draws from the joint distribution of *all*
# vectors given the ratings. It never settles; it is not meant to.
#
# The noise we take as 0.8, near the variance of what the models of this course leave. We try it on a small town: 120 users and the films that ten or more of them rated.
# %%
town = frame[frame["user"].isin(np.random.default_rng(0).choice(frame["user"].unique(), 120, replace=False))]
town = town[town.groupby("item")["user"].transform("size") >= 10]
town_rows, town_test = random_split(town, test=0.2, seed=1)
small = Ratings.from_frame(town_rows, scale=(1, 5))
town_test = town_test[town_test["user"].isin(small.users.ids) & town_test["item"].isin(small.items.ids)]
town_stars = town_test["rating"].to_numpy()

town_biases = damped_biases(small.matrix, damping_user=5.0, damping_item=5.0)
U, I = np.repeat(np.arange(small.n_users), np.diff(small.matrix.indptr)), small.matrix.indices
town_rest = small.matrix.data - town_biases.at(U, I)
ask_u, ask_i = small.users.rows(town_test["user"]), small.items.rows(town_test["item"])
of_user, of_film = [[np.flatnonzero(side == n) for n in range(side.max() + 1)] for side in (U, I)]
show(users=small.n_users, films=small.n_items, ratings=len(U), test_ratings=len(town_test))


# %%
def gibbs(reg, sweeps, seed, spread=0.3, noise=0.8, k=4):
    """After each sweep: predictions for the test ratings, array (sweeps, n_test), not clipped; and the training error."""
    rng = np.random.default_rng(seed)
    P, Q = np.zeros((small.n_users, k)), rng.normal(0, spread, (small.n_items, k))
    said, fits = [], []
    for _ in range(sweeps):
        for u, mine in enumerate(of_user):
            P[u] = draw_checked(Q[I[mine]], town_rest[mine], reg, noise, rng)
        for i, its in enumerate(of_film):
            Q[i] = draw_checked(P[U[its]], town_rest[its], reg, noise, rng)
        said.append(town_biases.at(ask_u, ask_i) + (P[ask_u] * Q[ask_i]).sum(axis=1))
        fits.append(np.sqrt(np.mean((town_rest - (P[U] * Q[I]).sum(axis=1)) ** 2)))
    return np.array(said), fits


def town_error(said):
    return rmse(town_stars, np.clip(said, 1, 5))


SWEEPS, BURN_IN = 30, 10
chains = {spread: gibbs(reg=4.0, sweeps=SWEEPS, seed=n, spread=spread) for n, spread in enumerate((0.01, 0.3, 3.0))}
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
for spread, (_, fits) in chains.items():
    left.plot(range(1, SWEEPS + 1), fits, label=f"started with spread {spread}")
left.axvspan(1, BURN_IN, color="#dddddd", alpha=0.5)
left.set(xlabel="sweep", ylabel="training error of this sweep's model (stars)")
left.set_title("Burn-in: the chains forget their start")
left.legend()
pooled = np.concatenate([said[BURN_IN:] for said, _ in chains.values()])
counts = np.array([len(mine) for mine in of_user])
few, many = counts[ask_u].argmin(), counts[ask_u].argmax()
for one, color in ((few, PALETTE[1]), (many, PALETTE[0])):
    right.hist(
        pooled[:, one], bins=15, alpha=0.6, color=color, density=True, label=f"user with {counts[ask_u[one]]} ratings"
    )
right.set(xlabel="prediction (stars)", ylabel="density")
right.set_title("One user, one film: not a number but a bell")
right.legend()
figure_alt(
    fig,
    "Left: training error after each sweep of three chains; from different starts they come together within ten sweeps and go on trembling. "
    "Right: histograms of one prediction, wide for a user with few ratings, narrow for one with many.",
)
# %% [markdown]
# **Left.** Three chains, started with films near zero, with middling and with huge ones. Within some ten sweeps they look the same, and
# from then on they only tremble. What lies before (grey) is the **burn-in**, and is thrown away. (Always start more than one chain: a
# single one cannot tell you that it has arrived.)
#
# **Right.** After burn-in, each sweep is one plausible model with its own prediction. For a user with 6 ratings they lie
# far apart, for one with 139 they agree, and that is information.
#
# ### The average is better than each of its parts
#
# Now the point of it all. Predict by the *mean* over the $T$ models that were kept, where $\hat r^{(t)}_{ui}$ is what
# model $t$ says:
#
# $$\hat r_{ui} = \frac{1}{T} \sum_{t=1}^{T} \hat r^{(t)}_{ui}$$
#
# and compare it with the single answer of ALS at the same $\lambda$, for several $\lambda$:
# %%
regs = (1.0, 4.0, 16.0)


def als_error(reg):
    Q = np.random.default_rng(0).normal(0, 0.3, (small.n_items, 4))
    for _ in range(15):
        P = half_step_checked(U, I, town_rest, Q, small.n_users, reg, 0)
        Q = half_step_checked(I, U, town_rest, P, small.n_items, reg, 0)
    return town_error(town_biases.at(ask_u, ask_i) + (P[ask_u] * Q[ask_i]).sum(axis=1))


rows = []
for reg in regs:
    said, _ = chains[0.3] if reg == 4.0 else gibbs(reg, sweeps=SWEEPS, seed=1)
    rows.append(
        (als_error(reg), np.mean([town_error(one) for one in said[BURN_IN:]]), town_error(said[BURN_IN:].mean(axis=0)))
    )
names = ["ALS: the one best model", "a drawn model, on average", "the mean of 20 drawn models"]
town_table = pd.DataFrame(rows, columns=names, index=pd.Index(regs, name="lambda"))
show(town_table)
show({"the town's damped averages": town_error(town_biases.at(ask_u, ask_i))})
# %%
fig, ax = plt.subplots()
for name, marker in zip(names, "os^"):
    ax.plot(regs, town_table[name], marker=marker, label=name)
ax.axhline(town_error(town_biases.at(ask_u, ask_i)), color="#444444", linestyle="--", label="damped averages")
ax.set_xscale("log", base=2)
ax.set_xticks(regs, [f"{reg:g}" for reg in regs])
ax.set(xlabel="lambda (log scale)", ylabel="RMSE on the town's test part")
ax.set_title("The mean of plausible models hardly needs tuning")
ax.legend()
figure_alt(
    fig,
    "Town test RMSE against lambda: ALS and single drawn models fall steeply from above 1 to the level of the averages; the mean of 20 drawn models is low and nearly flat.",
)
# %% [markdown]
# Read the table from left to right. ALS with a weak $\lambda$ overfits badly; with a strong one it becomes good, and in this little town
# it does no more than meet the averages. A single drawn model is no match for a well-tuned best one. But the **mean** of twenty drawn models is
# best in every row, and from a $\lambda$ of 1 to one of 16 it moves by less than 0.01 where ALS moves by 0.14. Where the models disagree, their
# errors cancel: the less the ratings say, the more. That is what $\lambda$ was for, and here hardly anybody has to choose it.
#
# (The town's test part is cut from the training part of the leader-board, so looking at it costs nothing.)
#
# %% [markdown] instructor=true
# **Timing.** 60 minutes with the exercise.
#
# **Misconceptions.** "Gibbs optimises": ask what it converges to (a distribution; the left picture never stops trembling).
# "Average the vectors": no, average the *predictions*. Two good models may have their axes swapped; the mean of their
# vectors is a bad model. Quiz question 3.
#
# **To discuss.** Where else do you average over what you do not know? (Ensembles of weather forecasts; replicas; polls.)
# %% [markdown]
# ## 6. The summit
#
# `BayesianMF` of the library does this with three improvements. The $\lambda$ of each factor is an unknown as well, and drawn
# like the rest (Salakhutdinov and Mnih 2008). Each number is drawn on its own, which is $k$ times cheaper than a whole
# vector (Rendle 2012). And it has the sets of section 4 on *both* sides: which films a user rated, and which users rated a film.
# Rendle, Zhang and Koren (2019) call that "SVD++ flipped". Its 200 sweeps take seconds here.
# %%
bayes = BayesianMF().fit(train)
summit = evaluate_ratings(bayes, test)
rows = {name: summit[name] for name in ("rmse", "mae")}
pd.DataFrame(rows, index=["mean", "low", "high", "users", "excluded"]).T[["mean", "low", "high"]].round(4)
# %% [markdown]
# 0.876. On this split the damped averages have 0.941 and FunkSVD has 0.903. The interval is wide, since it asks how the number
# would move with other *users*, and users differ a lot. (Comparing models user by user, as in section 9, is much sharper.)
#
# One split is one split. Over the five folds of the course's benchmark, the mean RMSE of the same model is 0.8754, from 0.8678 on the
# easiest fold to 0.8832 on the hardest (benchmarks/RESULTS.md). Without the sets it is 0.8906. The best published
# implementation that we could run, myFM with the same kind of sets, has 0.8789 on the same folds.
#
# ### Forty models, one by one
#
# The library keeps 40 of the sampled models. Each on its own, and their mean as it grows:
# %%
u, i = test_rows[known], test_columns[known]
products = bayes.users_[u].astype(float) * bayes.items_[i]  # (n, samples, factors)
each = bayes.mean_ + bayes.sd_ * products.sum(axis=2).T  # (samples, n)
truth = stars[known]
alone = [rmse(truth, np.clip(one, 1, 5)) for one in each]
growing = [rmse(truth, np.clip(each[: n + 1].mean(axis=0), 1, 5)) for n in range(len(each))]
als_here = rmse(truth, np.clip(BiasedALS().fit(train).predict(test)[known], 1, 5))
show(
    {
        "best single model": min(alone),
        "mean of 2": growing[1],
        "mean of 10": growing[9],
        "mean of 40": growing[-1],
        "ALS": als_here,
    },
    digits=3,
)
# %%
fig, ax = plt.subplots()
ax.plot(range(1, 41), alone, "o", markersize=4, color=PALETTE[1], label="each model alone")
ax.plot(range(1, 41), growing, label="mean of the first so many")
ax.axhline(als_here, color="#444444", linestyle="--", label="ALS")
ax.set(xlabel="sampled models", ylabel="test RMSE")
ax.set_title("Forty mediocre models make one very good one")
ax.legend()
figure_alt(
    fig,
    "Forty dots near 0.93, above the line of ALS at 0.909, and a curve of the growing mean that falls from 0.93 quickly to 0.883 and then slowly to 0.875.",
)
# %% [markdown]
# Every one of the forty is worse than ALS. The mean of *two* has caught up with it, ten are at 0.883, and forty at 0.875. (The number is a
# little below that of the summit, since the films without a training rating are left out here.)
#
# And the model knows how much it does not know. `predict_sd` says how far a rating may lie from its prediction; `noise=False`
# leaves out that people are moody, and keeps what more ratings would cure:
# %%
some = test[known & (test["user"] % 4 == 0)]  # a quarter of the users is enough
spread, doubt = bayes.predict_sd(some), bayes.predict_sd(some, noise=False)
inside = np.abs(some["rating"] - bayes.predict(some)) < 2 * spread
counts = n_u[train.users.rows(some["user"])]
by_count = pd.Series(doubt).groupby(pd.cut(counts, [0, 30, 100, 300, 800]), observed=True).mean()
show({"test ratings within two standard deviations, in percent": 100 * inside.mean()}, digits=3)
show(by_count.rename("doubt about the mean, stars").rename_axis("ratings of the user").to_frame(), digits=2)
# %% [markdown]
# "Within two standard deviations" should be about 95 % of the ratings, and it is. The doubt shrinks with the number of ratings, but not to zero:
# the film is uncertain, too. A service can use it: ask the user about films on which the model is unsure.
#
# ### The pull request that read the guest list
#
# The sets hold no stars. So a colleague proposes: "For $N(u)$ I also take the films of the *test* part. Not their ratings, only that
# they will be rated. It is no leak: I ran the tripwire of lesson 2.2, it stays silent." Here are both versions, with the library's
# sampler. They differ in the frame `seen`:
# %%
from recsys_lab.gibbs import chain

index = Ratings.from_frame(data.ratings)


def table_of(rows, values):
    place = index.users.rows(rows["user"]), index.items.rows(rows["item"])
    return sparse.csr_array((values, place), shape=index.matrix.shape)


def factorize(train, test, seen):
    """Predict the rows of test from the ratings in train; `seen` says who rated what."""
    mean, sd = train["rating"].mean(), train["rating"].std()
    ratings, sets = table_of(train, (train["rating"] - mean) / sd), table_of(seen, np.ones(len(seen)))
    u, i, total = index.users.rows(test["user"]), index.items.rows(test["item"]), 0.0
    for number, (user, item, _) in zip(range(45), chain(ratings, sets, 8, True, np.random.default_rng(0))):
        if number >= 15:
            total = total + (user.v[:, u] * item.v[:, i]).sum(axis=0) / 30
    return np.clip(mean + sd * total, 1, 5)


def ours(train, test):
    return factorize(train, test, seen=train)


def colleagues(train, test):
    return factorize(train, test, seen=pd.concat([train, test]))


pairs = {"ours": ours(frame, test), "colleague's": colleagues(frame, test)}
judged = {name: evaluate_ratings(Answers(answer), test) for name, answer in pairs.items()}
show({f"{name}: rmse": result["rmse"].mean for name, result in judged.items()})
compare(judged)[["model", "other", "difference", "low", "high", "p"]].round(4)
# %% [markdown]
# Four thousandths of a star, and no doubt about them: as much as from FunkSVD to SVD++. At work, you are asked about a film *before* somebody
# decides to watch it. The list of films that they will rate next month is not there. So the gain is not there either, and the
# number promises what the service cannot keep.
#
# The tripwire of 2.2 changes the test *stars* and looks whether predictions move. Here none moves. Write one that catches this.


# %% exercise="4.2.4"
def reads_the_list(pipeline, train, test):
    """Does the prediction for a pair depend on which *other* pairs are asked? True or False.

    pipeline(train, test) returns one prediction for each row of test, in order. train, test: frames with columns
    user, item, rating; test may be sorted by user. Neither may be changed.
    """
    ### BEGIN SOLUTION
    together = np.asarray(pipeline(train, test))
    every_second = np.asarray(pipeline(train, test.iloc[::2]))
    return not np.allclose(together[::2], every_second)
    ### END SOLUTION


# %% check="4.2.4"
reads_checked = ex("4.2.4").check(reads_the_list)
# %%
show(
    {
        f"{name} reads the list": reads_checked(pipeline, frame, test)
        for name, pipeline in {"ours": ours, "the colleague's": colleagues}.items()
    }
)


# %% [markdown]
# In the Netflix Prize, by the way, this was fair play. The list of pairs to be predicted was public, and the conditional RBM of
# Salakhutdinov, Mnih and Hinton (2007) made use of it. A contest may have such rules. A service has not.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise. Read out the slips with the bets before the figure of the forty models.
#
# **Misconceptions.** "A leak needs labels": no star was read. "Bayesian means slow": a fit takes about as long as thirty of ALS, or a third of one SVD++ in Surprise
# (benchmarks/RESULTS.md).
# "The interval of 0.876 overlaps with that of FunkSVD, so they are equal": section 9.
#
# **To discuss.** Batch normalisation, ranks within the request, "users who look at this page now": which features of your
# services depend on what else is asked at the moment? When is that legitimate?
# %% [markdown]
# ## 7. Tuning, and what it does to the tuner
#
# Everything but the Bayesian model has knobs. Three ways to set them:
#
# - **Grid search** tries all combinations. With four knobs and three values each, that is 81 fits, and of the knob that matters it
#   has seen three values.
# - **Random search** draws every setting. Thirty draws see thirty values of each knob (Bergstra and Bengio 2012).
# - **Bayesian search** looks at what earlier trials brought and proposes the next. *Tree-structured Parzen estimators*
#   (TPE, Bergstra et al. 2011), the default of Optuna, model where good trials lie and where bad ones lie, and ask where the good are
#   denser.
#
# Is the clever one better? On equal budgets, and not once but with ten seeds, since one search is one throw of the dice. The model is ALS on
# the small town, so that a fit takes milliseconds; the knobs are four.
# %%
def town_loss(factors, reg, power, damping):
    model = BiasedALS(factors=factors, reg=reg, power=power, damping=damping, epochs=3).fit(small)
    return rmse(town_stars, model.predict(town_test))


def knobs(trial):
    return {
        "factors": trial.suggest_int("factors", 2, 32, log=True),
        "reg": trial.suggest_float("reg", 0.1, 30, log=True),
        "power": trial.suggest_float("power", 0, 1),
        "damping": trial.suggest_float("damping", 0.5, 50, log=True),
    }


TRIALS, SEEDS = 30, 8
samplers = {"random": optuna.samplers.RandomSampler, "TPE": optuna.samplers.TPESampler}
best_so_far = {}
for name, sampler in samplers.items():
    runs = []
    for seed in range(SEEDS):
        study = optuna.create_study(sampler=sampler(seed=seed))
        study.optimize(lambda trial: town_loss(**knobs(trial)), n_trials=TRIALS)
        runs.append(np.minimum.accumulate([trial.value for trial in study.trials]))
    best_so_far[name] = np.array(runs)
after = [5, 10, 20, 30]
table = pd.DataFrame({name: runs[:, np.array(after) - 1].mean(axis=0) for name, runs in best_so_far.items()})
show(table.set_index(pd.Index(after, name="trials")).rename(columns=lambda name: f"{name}, mean of {SEEDS}"), digits=3)
gap = best_so_far["TPE"][:, -1] - best_so_far["random"][:, -1]
show({"TPE minus random after 30 trials": gap.mean(), "its standard error": gap.std(ddof=1) / np.sqrt(SEEDS)}, digits=1)
luck = best_so_far["random"][:, -1]
show({"random, best and worst seed": (luck.min(), luck.max())}, digits=3)
# %%
fig, ax = plt.subplots()
for name, color in zip(samplers, PALETTE):
    runs = best_so_far[name]
    ax.plot(range(1, TRIALS + 1), np.median(runs, axis=0), color=color, label=f"{name}: median of {SEEDS} seeds")
    ax.fill_between(range(1, TRIALS + 1), runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.2)
ax.set(xlabel="trials", ylabel="best validation RMSE so far", ylim=(0.9, 0.95))
ax.set_title("Random against Bayesian search: the bands are wider than the gap")
ax.legend()
figure_alt(
    fig,
    "Two falling curves with wide bands from the best to the worst seed; the curves lie on each other for ten trials and stay close after.",
)
# %% [markdown]
# Up to trial 10 the two are the same, by design: TPE draws its first ten trials at random. After that it is a little ahead, by about one
# standard error; on this budget **nobody can tell them apart**, and the best and the worst *seed* of the same method differ by much more. Report
# one search with one seed, and you report the seed.
#
# That fits Bergstra and Bengio: few knobs matter, and thirty random values of each are enough to hit a good region. The
# clever search earns its keep where a trial costs hours, the knobs are many, and the budget is hundreds of trials (Akiba and colleagues 2019).
#
# The library's `tune` wraps both, on folds of the training part only. The test part is not even an argument:
# %%
from recsys_lab.tune import Span, tune

space = {"factors": Span(2, 32, log=True), "reg": Span(0.1, 30.0, log=True)}
found = tune("als", small, space, trials=7, folds=2, method="optuna", seed=0)
show(found.trials[["trial", "factors", "reg", "folds", "value", "state"]].set_index("trial"), digits=3)
# %% [markdown]
# Trial 0 are the defaults. A trial that is worse than the median of the earlier ones after its first fold is stopped there, which saves half
# of its work.
#
# ### The best of fifty
#
# Now the trap. A colleague has tried 50 settings on 1,000 ratings and reports the winner with its number. It makes no difference whether the
# 1,000 are called validation part or test part: they have been used to choose. What will that setting reach on *new* ratings? Lesson 1.5 asked this with useless models. Here are fifty real ones, fitted once, with
# their squared errors on 8,000 ratings that they did not see:
# %%
rng = np.random.default_rng(0)
settings = [
    {
        "factors": int(rng.integers(4, 33)),
        "reg": float(np.exp(rng.uniform(np.log(0.8), np.log(3)))),
        "power": float(rng.uniform(0.3, 0.7)),
        "damping": float(np.exp(rng.uniform(0, np.log(20)))),
    }
    for _ in range(50)
]
squares = np.array([(BiasedALS(epochs=5, **one).fit(fit_part).predict(valid) - valid_stars) ** 2 for one in settings])


def repeat(size, repeats=400, seed=1):
    """RMSE of every setting on `size` rows, and on all the others: two arrays (n_settings, repeats).

    The rows are shuffled and cut into parts; each part is one repeat.
    """
    rng, n = np.random.default_rng(seed), squares.shape[1]
    parts = []
    while len(parts) * (n // size) < repeats:
        shuffled = squares[:, rng.permutation(n)[: n - n % size]]
        parts.append(shuffled.reshape(len(squares), -1, size).sum(axis=2))
    inside = np.concatenate(parts, axis=1)
    outside = squares.sum(axis=1, keepdims=True) - inside
    return np.sqrt(inside / size), np.sqrt(outside / (n - size))


everywhere = np.sqrt(squares.mean(axis=1))
show(
    {
        "rows": squares.shape[1],
        "best setting, all rows": everywhere.min(),
        "median setting": np.median(everywhere),
        "worst": everywhere.max(),
    }
)


# %% exercise="4.2.5"
def flattery(valid_errors, fresh_errors):
    """How much better than on new rows the winner looks, on average over the repeats: a number of stars.

    valid_errors, fresh_errors: arrays (n_settings, n_repeats). In each repeat somebody keeps the setting that was best
    on the validation rows of this repeat, and reports its validation error.
    """
    ### BEGIN SOLUTION
    winner = valid_errors.argmin(axis=0)
    repeats = np.arange(valid_errors.shape[1])
    return (fresh_errors[winner, repeats] - valid_errors[winner, repeats]).mean()
    ### END SOLUTION


# %% check="4.2.5"
flattery_checked = ex("4.2.5").check(flattery)
# %%
sizes, budgets = (250, 1000, 4000), (1, 2, 5, 10, 20, 50)
shelf = [np.random.default_rng(seed).permutation(len(settings)) for seed in range(20)]  # which are tried first
curves = pd.DataFrame(index=pd.Index(budgets, name="settings tried"))
for size in sizes:
    valid_errors, fresh_errors = repeat(size)
    curves[f"{size} rows"] = [
        np.mean([flattery_checked(valid_errors[first[:tries]], fresh_errors[first[:tries]]) for first in shelf])
        for tries in budgets
    ]
curves.round(4) + 0.0  # no -0.0
# %%
fig, ax = plt.subplots()
for column, marker in zip(curves, "os^"):
    ax.plot(budgets, curves[column], marker=marker, label=f"validation part of {column}")
board = leaderboard.show("4.2").set_index("model")["rmse"]
ax.axhline(
    board["FunkSVD"] - board["SVD++"], color="#444444", linestyle="--", linewidth=1, label="from FunkSVD to SVD++"
)
ax.set_xscale("log")
ax.set_xticks(budgets, budgets)
ax.set(xlabel="settings tried (log scale)", ylabel="flattery (stars)")
ax.set_title("The winner looks better than it is, the more so the more you try")
ax.legend()
figure_alt(
    fig,
    "Flattery against settings tried, for three sizes of the validation part: it rises with the tries and shrinks with the rows.",
)
# %% [markdown]
# One setting hardly flatters itself. The best of fifty does, by 0.005 stars on 1,000 rows and three times that on 250; only with 4,000
# rows is it below the step from FunkSVD to SVD++ (dashed). A "new model" that beats an old one by 0.005 after such a search may be the old one.
#
# The way out is that of lesson 1.5: **choose on validation, report on a test part that has chosen nothing**, and look at it once. On it the
# winner loses its flattery, and that is not bad luck; it is the first honest number.
#
# ### More data, or more factors?
#
# Before you tune a night long, ask what you could win at all. A **learning curve** shows it: the test error against the share of the
# training part, for several sizes of the model.
# %%
shares, sizes_of_model = (0.2, 0.4, 0.6, 0.8, 1.0), (2, 10, 50)
rows = []
for share in shares:
    part = frame if share == 1 else random_split(frame, test=1 - share, seed=3)[0]
    ratings = Ratings.from_frame(part, scale=(1, 5))
    rows.append(
        (
            rmse(stars, BiasBaseline().fit(ratings).predict(test)),
            *(rmse(stars, BiasedALS(factors=k).fit(ratings).predict(test)) for k in sizes_of_model),
        )
    )
learning = pd.DataFrame(
    rows,
    columns=["averages", *(f"{k} factors" for k in sizes_of_model)],
    index=pd.Index([round(s * len(frame)) for s in shares], name="ratings"),
)
show(learning)
# %%
fig, ax = plt.subplots()
for column, marker in zip(learning, "xos^"):
    ax.plot(learning.index, learning[column], marker=marker, label=column)
ax.set(xlabel="training ratings", ylabel="test RMSE")
ax.set_title("Data buys more than factors do")
ax.legend()
figure_alt(
    fig,
    "Test RMSE against training ratings: all curves fall from 0.98 to 0.91 and are still falling; more factors lie a little lower, the averages higher.",
)


# %% [markdown]
# From 16,000 to 80,000 ratings the error of the largest model falls by 0.066. From 2 to 50 factors it falls by 0.012 with all the data, and by
# 0.008 with a fifth of it: a larger model needs the data to fill it. The averages flatten first, since they have least to learn. And the
# curves are still falling at the right edge. If yours do that, collecting ratings (a better rating widget, implicit signals) beats tuning.
#
# %% [markdown] instructor=true
# **Timing.** 60 minutes with the exercise.
#
# **Misconceptions.** "Bayesian search is Bayesian factorization": they share a word; one guesses where good settings lie, the other
# averages models. "Cross-validation removes the winner's curse": it makes the validation part larger, and with it the curse smaller.
#
# **To discuss.** Your company tests 40 ideas a quarter and ships those with the best offline number. What do you tell the board about
# the sum of the reported gains?
# %% [markdown]
# ## 8. Stacking
#
# Lesson 2.7 mixed models with weights that are learned on ratings that no model has seen. Two refinements. **Ridge** in place of
# non-negative weights: the models say nearly the same, so their columns are nearly parallel, and ridge keeps the weights small where
# the data cannot tell them apart. And **weights that depend on the case** (Sill and colleagues 2009): trust the neighbours more where
# a film has many ratings. With $M$ models, $F$ features $g_f$ of the pair, the first of them the constant 1, and $\mu$ the mean rating,
#
# $$\hat r = \mu + \sum_{m=1}^{M} \sum_{f=1}^{F} w_{mf}\, g_f\, (\hat r^{(m)} - \mu)$$
#
# It is linear in $w$: each product of a model and a feature is one column, and one ridge regression finds all the weights.
# %% exercise="4.2.6"
def stack(centred, features, target, reg):
    """The weights w: array (n_models, n_features).

    centred: array (n, n_models), predictions minus the mean rating. features: array (n, n_features).
    target: array (n,), stars minus the mean rating. reg: the ridge price > 0 of every weight.
    """
    ### BEGIN SOLUTION
    X = (centred[:, :, None] * features[:, None, :]).reshape(len(centred), -1)
    w = np.linalg.solve(X.T @ X + reg * np.eye(X.shape[1]), X.T @ target)
    return w.reshape(centred.shape[1], features.shape[1])
    ### END SOLUTION


# %% check="4.2.6"
stack_checked = ex("4.2.6").check(stack)


# %% [markdown]
# Five models, fitted twice: on the fitting part, to learn the weights on the validation part; then on the whole training part.
# The features of a pair are 1 and the logarithms of how often the user and the film are rated.
# %%
def counts_of(ratings, rows):
    """Features: 1, and log(1 + ratings) of the user and of the film, each minus 4 (about the middle)."""
    u, i = ratings.users.rows(rows["user"]), ratings.items.rows(rows["item"])
    n_user, n_film = np.diff(ratings.matrix.indptr), np.bincount(ratings.matrix.indices, minlength=ratings.n_items)
    logs = [np.log1p(np.where(at >= 0, n[at], 0)) - 4 for at, n in ((u, n_user), (i, n_film))]
    return np.column_stack([np.ones(len(rows)), *logs])


recipes = {"item k-NN": ItemKNN, "ALS": BiasedALS, "FunkSVD": FunkSVD, "SVD++": SVDpp, "Bayes": BayesianMF}
shorter = {"Bayes": lambda: BayesianMF(factors=12, sweeps=80, burn_in=20, samples=20)}  # only to learn the weights
unseen = np.column_stack([recipe().fit(fit_part).predict(valid) for recipe in (recipes | shorter).values()])
finished = {name: recipe().fit(train) for name, recipe in recipes.items() if name not in ("SVD++", "Bayes")}
finished |= {"SVD++": svdpp, "Bayes": bayes}
final = np.column_stack([finished[name].predict(test) for name in recipes])
mu, g_valid, g_test = frame["rating"].mean(), counts_of(fit_part, valid), counts_of(train, test)

weights = {
    "stack": stack_checked(unseen - mu, g_valid[:, :1], valid_stars - mu, 10.0),
    "stack with features": stack_checked(unseen - mu, g_valid, valid_stars - mu, 10.0),
}
stacks = {
    "stack": mu + (final - mu) @ weights["stack"][:, 0],
    "stack with features": mu + np.einsum("nm,nf,mf->n", final - mu, g_test, weights["stack with features"]),
}
columns = ["weight", "1", "log of the user's ratings", "log of the film's ratings"]
show(
    pd.DataFrame(
        np.column_stack([weights["stack"], weights["stack with features"]]), index=list(recipes), columns=columns
    ),
    digits=2,
)
# %% [markdown]
# In plain stacking (first column) Bayes takes most of the weight. ALS and FunkSVD get next to nothing, although they are good models: what they
# know, SVD++ and Bayes know as well. Item k-NN is the weakest of the five and gets more, since it errs in another way. With features, a
# weight is a sum: item k-NN counts *less* for users with many ratings, Bayes more. Now the question that counts:
# %%
judged = {name: evaluate_ratings(model, test) for name, model in finished.items()}
judged |= {name: evaluate_ratings(Answers(answer), test) for name, answer in stacks.items()}
gains = compare(judged, against="Bayes")
show({f"{name}: rmse": judged[name]["rmse"].mean for name in ("Bayes", *stacks)})
gains[gains["model"].isin(stacks)][["model", "difference", "low", "high", "p_holm", "better"]].round(4)
# %% [markdown]
# A gain of 0.001 to 0.002 stars over the best single model. The interval of plain stacking ends just below zero, that of stacking with features
# a little further away; both survive Holm's correction for six comparisons (lesson 1.5). So it is real, and tiny. Is it worth
# five models in production instead of one? In a contest, yes: rank is all. In a service you would ask what 0.002 stars do to a
# list of ten, and the next section shows it: to `blend of ratings` on the board, next to nothing.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise.
#
# **Misconceptions.** "The weight says how good a model is": it says what the model adds to the others. "More models, better stack": each
# weight must be learned from the same 8,000 ratings.
#
# **To discuss.** Who pays for the five models: training, memory, latency, on-call? Which of the five would you drop first, and how would you find out?
# %% [markdown]
# ## 9. The leader-board, with intervals
#
# All models of the course that predict stars, on one split, with the 95 % interval of each:
# %%
table = leaderboard.show("4.2", {"stack with features": judged["stack with features"]})
table.dropna(subset="rmse").drop(columns=["ndcg@10 low", "ndcg@10 high"])
# %% [markdown]
# The intervals are so wide that nearly every model's overlaps with its neighbours'. Does that mean that we know nothing? On the left, the
# intervals alone. On the right, the same models on the same users, as *differences* from FunkSVD:
# %%
contest = compare(
    {name: judged[name] for name in ("FunkSVD", "item k-NN", "ALS", "SVD++", "Bayes", "stack with features")},
    against="FunkSVD",
)
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
place = np.arange(len(contest))
for ax, table, mean in (
    (left, pd.DataFrame([judged[name]["rmse"] for name in contest["model"]]), "mean"),
    (right, contest, "difference"),
):
    error = [table[mean] - table["low"], table["high"] - table[mean]]
    ax.errorbar(table[mean], place, xerr=error, fmt="o", capsize=4)
funk = judged["FunkSVD"]["rmse"]
left.axvline(funk.mean, color="#444444", linestyle="--", label="FunkSVD and its interval")
left.axvspan(funk.low, funk.high, color="#dddddd", alpha=0.5)
right.axvline(0, color="#444444", linestyle="--")
left.set_yticks(place, contest["model"])
left.set(xlabel="test RMSE, 95 % interval", ylabel="model")
left.set_title("Alone: everything overlaps")
right.set(xlabel="RMSE minus that of FunkSVD, same users")
right.set_title("Paired: each is clear of zero")
left.legend(loc="lower left", fontsize=8)
figure_alt(
    fig,
    "Left: RMSE of five models with wide intervals that all overlap the grey interval of FunkSVD. Right: paired differences with narrow "
    "intervals: k-NN and ALS above zero, SVD++, Bayes and the stack below.",
)
contest[["model", "difference", "low", "high", "p_holm", "better"]].round(4)
# %% [markdown]
# Every row on the right keeps clear of zero, also after Holm's correction for five comparisons. The users who are hard for one model are hard for all of
# them; in the difference that cancels. **Compare in pairs, never by overlap.**
#
# And the summit? The Bayesian model lies 0.027 below FunkSVD, six times the step from FunkSVD to SVD++.
#
# One last look at the column `ndcg@10` above: by stars, the Bayesian model is far ahead; by lists it has 0.137, and the most rated films,
# without any personal touch, have 0.172. Lesson 2.5 told you why, and the lists of EASE and ALS on clicks (2.6) stand at 0.385. Choose the error
# that your page makes.
#
# %% [markdown] instructor=true
# **Timing.** 20 minutes, and 20 for the quiz.
#
# **Misconception.** "Overlapping intervals: no difference." Let them draw the two pictures for a sports example: two runners, ten courses.
#
# **To discuss.** Somebody reports five decimals of RMSE. Which of them does this section leave standing?
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Netflix** wrote in 2012 what had become of the prize (Amatriain and Basilico 2012). Of the 107 models that won the first progress prize,
#   two went into production: a matrix factorization with an RMSE of 0.8914 and a restricted Boltzmann machine with 0.8990; a linear blend of
#   the two had 0.88. The ensemble that won the million two years later was not used: the gains that they measured did not seem to justify the
#   engineering effort.
# - **HP Labs** built ALS with weighted regularisation for the prize because it runs in parallel: with 1,000 factors, in parallel Matlab on a
#   Linux cluster, it reached 0.8985 (Zhou et al. 2008).
# - **Spark's ALS** scales its `regParam` by the number of ratings of each user and film, as that paper does. The documentation gives the reason:
#   a value found on a sample can be expected to serve the full data.
# - **Baselines are hard.** Rendle, Zhang and Koren (2019) tuned the methods of this lesson on MovieLens 10M: SGD matrix factorization 0.7720,
#   Bayesian matrix factorization 0.7633, a Bayesian SVD++ with time, flipped, 0.7485. Plain tuned matrix factorization already beat the
#   numbers that several years of newer models had reported there. (Another data set, another split: not to be compared with ours.)
#
# ## In the interview
#
# **"A teammate has tried 200 configurations and reports that the RMSE went down by half a per cent. Do we ship it?"** A good answer:
#
# 1. *On which data was it chosen?* If on the part that is reported, the number is the lowest of 200 lucky draws. Ask for the error on data
#    that has chosen nothing.
# 2. *Was the old model tuned as hard?* 200 tries against a default is not a comparison of models.
# 3. *Is the difference more than luck?* Paired by user, with an interval, corrected for the number of comparisons.
# 4. *Over how many seeds and splits?* One search is one throw of the dice.
# 5. *What does it change for users?* RMSE is not the page. Look at the lists, then at an A/B test (3.5) with the metric that matters.
# 6. *What does it cost?* Five models instead of one are five trainings, five artefacts, and five ways to fail at night.
#
# ## Take-aways
#
# - With one side held still, matrix factorization is a ridge regression for each user, and for each film. Take turns.
# - The objective of ALS never rises. Print it every night: it is a free test.
# - Rows of a half-step are independent: a batch job by key with a broadcast table. The two half-steps are not.
# - $\lambda$ may grow with the number of ratings. The convention matters when you carry a number elsewhere; tuning matters always.
# - Which films somebody rated says a lot before any star is read. But do not read the list of the test part.
# - A mean of forty mediocre models beats the one best model: RMSE 0.876 here, 0.8754 over five folds.
# - The best of fifty settings flatters itself. Choose on validation, report on data that has chosen nothing.
# - More data usually buys more than more factors. Draw the learning curve first.
# - Stacking gains a little, and is paid every day. Compare in pairs, with intervals, corrected.
#
# ## Further reading
#
# - Y. Hu, Y. Koren, C. Volinsky: *Collaborative Filtering for Implicit Feedback Datasets*. ICDM 2008. Section 4: ALS.
# - Y. Zhou, D. Wilkinson, R. Schreiber, R. Pan: *Large-Scale Parallel Collaborative Filtering for the Netflix Prize*. AAIM 2008. Weighted
#   regularisation. [doi:10.1007/978-3-540-68880-8_32](https://doi.org/10.1007/978-3-540-68880-8_32)
# - G. Takács, I. Pilászy, D. Tikk: *Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering*. RecSys 2011.
# - Y. Koren: *Factorization Meets the Neighborhood: a Multifaceted Collaborative Filtering Model*. KDD 2008. Section 4: SVD++.
# - R. Salakhutdinov, A. Mnih: *Bayesian Probabilistic Matrix Factorization using Markov Chain Monte Carlo*. ICML 2008.
# - R. Salakhutdinov, A. Mnih, G. Hinton: *Restricted Boltzmann Machines for Collaborative Filtering*. ICML 2007.
# - S. Rendle: *Factorization Machines with libFM*. ACM TIST 3(3), 2012. Gibbs sampling, one number at a time.
# - S. Rendle, L. Zhang, Y. Koren: *On the Difficulty of Evaluating Baselines*. 2019. [arXiv:1905.01395](https://arxiv.org/abs/1905.01395)
# - J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl: *Algorithms for Hyper-Parameter Optimization*. NIPS 2011. The source of TPE.
# - J. Bergstra, Y. Bengio: *Random Search for Hyper-Parameter Optimization*. JMLR 13, 2012, pages 281-305.
# - T. Akiba, S. Sano, T. Yanase, T. Ohta, M. Koyama: *Optuna: A Next-generation Hyperparameter Optimization Framework*. KDD 2019.
# - L. Breiman: *Stacked Regressions*. Machine Learning 24, 1996, pages 49-64.
# - J. Sill, G. Takács, L. Mackey, D. Lin: *Feature-Weighted Linear Stacking*. 2009. [arXiv:0911.0460](https://arxiv.org/abs/0911.0460)
# - X. Amatriain, J. Basilico: *Netflix Recommendations: Beyond the 5 Stars (Part 1)*. Netflix Technology Blog, April 2012.
