# ---
# lesson:
#   id: "3.6"
#   title: "Interleaving, bandits and off-policy evaluation"
#   phase: 3
#   minutes: 270
#   prerequisites: ["2.6", "3.5"]
#   objectives:
#     - "Compare two rankings in one list, and say how many people that saves against an A/B test, and what it cannot say"
#     - "Run epsilon-greedy, UCB1, Thompson sampling and LinUCB, and read their regret"
#     - "Judge a policy from the log of another one, with an interval, and tell when the log is silent"
#     - "Measure how far down people look, and take the place out of the clicks"
#     - "Show what a recommender does that learns from its own clicks, and what exploration costs and brings"
# ---
# %% [markdown]
# ## What you already know
#
# An A/B test is a canary release with statistics: two versions, split traffic, wait, compare. You know its drawbacks from
# deployments. It needs much traffic. It takes long. While it runs, half of the users get the worse version. And each
# idea needs its own.
#
# | in your backend | in this lesson |
# |---|---|
# | scatter to two backends, merge their answers into one response | interleaving: two rankings in one list |
# | a load balancer that sends less to a slow node, and now and then a probe | a bandit |
# | replaying yesterday's access log against the new build | off-policy evaluation |
# | a metric that depends on where in the page the button is | position bias |
# | an autoscaler that feeds on its own effect and gets stuck | a feedback loop |
#
# The third row hides the difficulty of the whole lesson. When you replay a log against a new *build*, you get the new build's
# answers. When you replay it against a new *recommender*, you get the new lists, and nobody who clicks on them: the people in
# the log saw something else. What can still be said?
#
# Every answer in this lesson is held against the truth. Real experiments never show it. Lesson 3.5's simulator does: the
# `Audience` holds users fitted to MovieLens, whose chances of a click are known.
#
# **Before you start.** Phase 3 needs packages of its own. If the first cell complains, end JupyterLab and run
# `make lab PHASE=3`, once.
#
# %% [markdown] instructor=true
# **Timing (270 minutes alone; three sessions of 90 in class).** Session one: sections 1 to 3 with exercise 1. Session two:
# sections 4 and 5 with exercise 2. Session three: sections 6 to 8 with exercises 3 to 5. Quiz and interview question at home.
#
# **Prepare.** Ask everybody for a default in their product that was never questioned (the first tab, the sort order). Who would
# know if another were better? Keep the list for section 8.
# %%
from recsys_lab.course.environment import needs

needs("phase3")  # `make lab PHASE=3` brings what this phase needs

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import EASE, datasets
from recsys_lab.course import figure_alt, my_ratings, show, start
from recsys_lab.course.style import PALETTE
from recsys_lab.experiment import Stats, credit, plan_means, preference, team_draft, welch
from recsys_lab.simulate import Audience

ex, quiz = start("3.6")
# %% [markdown]
# ## 1. One number was changed
#
# Your service runs the EASE of lesson 2.6, with its regularisation of 300. Somebody proposes 500. Nothing else changes. Is it
# better?
#
# Here are both models, and what the audience would really do. The *value* of a model is the mean number of clicks in a
# visit to its list of ten. Only a simulator can print it.
# %%
data = datasets.load("ml-100k")
films = my_ratings.shelf(data)
audience = Audience(seed=0).fit(data.ratings)
users = audience.users

K = 10
old, new = (EASE(reg=reg).fit(data.ratings).recommend(users, n=K) for reg in (300, 500))
old_films, new_films = (lists["item"].to_numpy().reshape(-1, K) for lists in (old, new))
old_chance, new_chance = (audience.probabilities(lists).reshape(-1, K) for lists in (old, new))

in_both = [len(set(a) & set(b)) for a, b in zip(old_films.tolist(), new_films.tolist())]
show({"value of reg=300": audience.value(old), "value of reg=500": audience.value(new)})
show({"films in both lists": np.mean(in_both)})
# %% [markdown]
# The new one is better, by 7 %, although nine of its ten films are the same. That is what most improvements look like: same
# films, slightly better order, one or two others.
#
# `old_chance` and `new_chance` hold, for each user (row) and rank (column), the true chance of a click. That chance has two
# parts: the user must *look* at the rank, and then *like* the film there. Section 7 takes the two apart.
#
# How many people would an A/B test need to see these 7 %? Each person is in the test for a week. Some visit often, some hardly
# ever, and we count the clicks of each *person*, since lesson 3.5 warned us that the visits of one person are not
# independent.
# %%
rng = np.random.default_rng(36)


def a_week_of(n):
    """n people drawn from the audience: which user each one is like, and how often they visit in seven days."""
    who = rng.integers(len(users), size=n)
    return who, rng.poisson(7 * audience.activity_[who])


def clicks_in_week(n, chance):
    who, visits = a_week_of(n)
    return rng.binomial(visits[:, None], chance[who]).sum(axis=1), visits


def ab_test(n):
    """Half of n people see the old lists, half the new ones."""
    control, treatment = (clicks_in_week(n // 2, chance)[0] for chance in (old_chance, new_chance))
    return welch(Stats.of(control), Stats.of(treatment))


for _ in range(4):
    print("2,000 people:", ab_test(2000))
clicks, visits = clicks_in_week(20_000, old_chance)
show({"variance of the clicks explained by how often people visit": np.corrcoef(visits, clicks)[0, 1] ** 2}, digits=2)


# %% [markdown]
# Four tests, two thousand people each, a week: the truth is +7 %, and the answers are all over the place. The last line says
# why: people differ. More than half of the variance of a person's clicks comes from how often that person visits, which has
# nothing to do with our change. (CUPED, in lesson 3.5, takes a part of it out again, as far as last week predicts this week.)
#
# What if every person could be compared with *themselves*?
#
# %% [markdown]
# ## 2. Two rankings in one list
#
# Think of two captains in a playground who pick teams. A coin decides who picks first; then the other picks; then the coin
# again. Each picks the best player who is still there. Our captains are the two models, the players are films, and the picks,
# in this order, are the list that the user sees. This is **team-draft interleaving** (Radlinski, Kurup and Joachims 2008).
#
# By hand: a = [alien, brazil, clue], b = [brazil, dune, alien], three places. The coin says b, then a.
#
# | round | coin | pick | list so far |
# |---|---|---|---|
# | 0 | b first | b takes brazil, its best | brazil |
# | 0 | | a takes alien | brazil, alien |
# | 1 | a first | alien and brazil are in the list already, so a takes clue | brazil, alien, clue |
#
# The user sees one list, and does not know about the teams. A click on *brazil* counts for b, one on *alien* or *clue* for a.
# %% exercise="3.6.1"
def draft(a, b, k, coins):
    """Team-draft interleaving with given coins.

    a, b: two rankings, lists of films, best first. k: places. coins: list of bool; in round r, coins[r] is True
    where a picks first. Returns (items, team): the list of k films, and for each of them "a" or "b", who picked it.
    """
    ### BEGIN SOLUTION
    items, team = [], []
    while len(items) < k:
        first, second = ("a", "b") if coins[len(items) // 2] else ("b", "a")
        turn = first if len(items) % 2 == 0 else second
        ranking = a if turn == "a" else b
        items.append(next(film for film in ranking if film not in items))
        team.append(turn)
    return items, team
    ### END SOLUTION


# %% check="3.6.1"
draft_checked = ex("3.6.1").check(draft)
# %% [markdown]
# Here it is for the first user, with five coins. The films that only one of the two models has in its ten are marked with a
# star.
# %%
items, team = draft_checked(old_films[0].tolist(), new_films[0].tolist(), K, [True, False, False, True, True])
table = pd.DataFrame({"place": range(1, K + 1), "film": films.loc[items, "title"].to_numpy(), "picked by": team})
models = {"a": "old", "b": "new"}
table["picked by"] = table["picked by"].map(models)
table["only in one"] = ["*" if (film in old_films[0]) != (film in new_films[0]) else "" for film in items]
table.set_index("place")


# %% [markdown]
# Why the coin? Because people look at the top. If a always picked first, its films would stand at ranks 1, 3, 5, ..., and b's
# at 2, 4, 6, .... Let $e_k$ be the chance that a user looks at rank $k$. For this audience it is $1/k$. Here is the share of
# all looks that team a gets, first without and then with coins:
# %%
def share_of_looks(coins):
    picked = draft_checked(list(range(K)), list(range(K)), K, coins)[1]
    e = audience.looks(np.arange(1, K + 1))
    return e[np.array(picked) == "a"].sum() / e.sum()


every_coin = list(product([True, False], repeat=K // 2))
fair = np.mean([share_of_looks(coins) for coins in every_coin])
show({"a always first": share_of_looks([True] * 5), "mean over all 32 coins": fair}, digits=3)
# %% [markdown]
# Sixty per cent of the looks for the captain who always starts: the *same* ranking would beat itself. With coins it is a half.
#
# **How a session votes.** A session is one visit. It has one vote: for the team with more clicks, or a tie. A person who visits
# ten times a week has ten sessions, and these are not independent either. So we go one step further, and give each *person* one
# vote: all clicks of the week on a's picks against all on b's. With $\text{wins}_a$ people for a, $\text{wins}_b$ for b, and
# ties among $n$ people, the preference is
#
# $$\Delta = \frac{\text{wins}_a + \text{ties} / 2}{n} - \frac{1}{2} = \frac{\text{wins}_a - \text{wins}_b}{2 n}$$
#
# In the library it is called `delta`. It runs from -1/2 (b wins everywhere) over 0 to 1/2. Whether it is luck is a question
# about coins: if people did not care, each untied vote would be a coin toss. That is the **sign test**.
#
# ### From scratch, then the library
#
# `recsys_lab.experiment` has the draft as `team_draft` (it tosses its own coins), the vote as `credit`, the test as
# `preference`. Give your draft the library's coins, and compare 200 users; then the sign test, with SciPy's binomial test:
# %%
from scipy.stats import binomtest

equal = 0
for a, b, seed in zip(old_films[:200].tolist(), new_films[:200].tolist(), range(200)):
    same_coins = np.random.default_rng(seed)
    coins = [same_coins.integers(2) == 0 for _ in range(K // 2)]
    yours, theirs = draft_checked(a, b, K, coins), team_draft(a, b, K, np.random.default_rng(seed))
    equal += all(list(one) == list(other) for one, other in zip(yours, theirs))

votes = [1] * 60 + [-1] * 40 + [0] * 100
found = preference(votes)
show({"lists equal to the library's": equal, "delta, 60 to 40 and 100 ties": found.delta})
show({"p by preference": found.p_value, "p by SciPy": binomtest(60, 100).pvalue})
show({"vote of a session, alien and clue clicked": credit(["b", "a", "a"], [False, True, True])})
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 45 minutes with the exercise.
#
# **Misconceptions.** "A film that both want should count for both": then it counts for neither, and clicks are thrown away; the
# coin handles it. "Alternate strictly, it is simpler": the cell with the shares of looks answers that. "A vote for each click":
# clicks of one person are no independent witnesses.
#
# **To discuss.** Does the user get a worse page from a mixed list? (It is never worse than the worse list by much, which is
# an advantage over an A/B test of a bad idea.) What would you do with a filter such as "at most two films of a series"?
# %% [markdown]
# ## 3. How many people does it need?
#
# There are only 32 sequences of five coins, all equally likely, so we draft all 32 lists of each user once, and ask the
# audience for their true chances. `sign` is +1 where a place is a's pick and -1 where it is b's.
# %%
mixed, sign = [], []
for a, b in zip(old_films.tolist(), new_films.tolist()):
    for coins in every_coin:
        items, team = draft_checked(a, b, K, coins)
        mixed.extend(items)
        sign.extend(1 if picked == "a" else -1 for picked in team)

n_lists = len(users) * len(every_coin)
mixed = pd.DataFrame({"user": np.repeat(users, 32 * K), "item": mixed, "rank": np.tile(np.arange(1, K + 1), n_lists)})
mixed_chance = audience.probabilities(mixed).reshape(-1, 32, K)
sign = np.array(sign).reshape(-1, 32, K)


# %% [markdown]
# A week of interleaving: each visit of each person draws one of that person's 32 lists, people click, and each person has one
# vote.
# %%
def interleave(n, chance=mixed_chance, sign=sign):
    who, visits = a_week_of(n)
    person = np.repeat(np.arange(n), visits)
    like, coin = who[person], rng.integers(32, size=len(person))
    clicked = rng.random((len(person), K)) < chance[like, coin]
    balance = np.bincount(person, (clicked * sign[like, coin]).sum(axis=1), minlength=n)
    return preference(np.sign(balance))


show(interleave(2000)._asdict())


# %% [markdown]
# The same number of people as above, and no doubt left: the interval of `delta` lies below 0, so they prefer b, the new model.
# Now repeat both experiments at each size, interleaving 300 times and the A/B test 100 times, and count how often the better
# model is found (two-sided, at 5 %). This is the power of lesson 3.5. Beside it, interleaving of the old model *with itself*,
# as an A/A test:
# %%
def share_found(experiment, n, better, times):
    runs = [experiment(n) for _ in range(times)]
    return np.mean([run.p_value < 0.05 and better(run) for run in runs])


def new_preferred(run):
    return run.delta < 0


def new_earns_more(run):
    return run.effect > 0


interleaving = {n: share_found(interleave, n, new_preferred, times=300) for n in (50, 100, 200, 300, 400, 500, 800)}
ab = {n: share_found(ab_test, n, new_earns_more, times=100) for n in (800, 3200, 6400, 12_800, 25_600)}
with_itself = np.repeat(old_chance[:, None, :], 32, axis=1)
alarms = np.mean([interleave(200, with_itself).p_value < 0.05 for _ in range(400)])
# %% [markdown]
# For the A/B test we have lesson 3.5's formula, too: `plan_means` gives the people for a power of 80 % from effect and
# variance.
# %%
effect = 7 * (audience.activity_ * (new_chance - old_chance).sum(axis=1)).mean()  # the true one
planned = plan_means(effect, clicks.var()).n
enough = np.interp(0.8, list(interleaving.values()), list(interleaving))
show(
    {"people for 80 %, A/B test": planned, "people for 80 %, interleaving": enough, "times fewer": planned / enough},
    digits=2,
)
show({"false alarms of the A/A test": alarms}, digits=2)

fig, ax = plt.subplots()
curves = {"interleaving": interleaving, "A/B test": ab}
for (name, curve), marker in zip(curves.items(), "os"):
    ax.plot(list(curve), list(curve.values()), marker=marker, label=name)
ax.axhline(0.8, color="#444444", linestyle="--", label="a power of 80 %")
ax.set_xscale("log")
ax.set_xticks([50, 200, 800, 3200, 12_800], ["50", "200", "800", "3,200", "12,800"])
ax.minorticks_off()
ax.set(xlabel="people, each for a week (log scale)", ylabel="share of experiments that find it", ylim=(0, 1.05))
ax.set_title("Interleaving finds the better model with a small part of the people")
ax.legend(loc="lower right")
alt = "Power by people: interleaving reaches 80 % near 400, the A/B test beyond 10,000."
figure_alt(fig, alt)
# %% [markdown]
# (The A/A test stays below 5 %: with whole votes the sign test cannot hit 5 % exactly, and errs on the safe side.)
#
# A factor of about forty, on the same two models and the same people. Published factors run from ten to well over a hundred.
# Why so much? In an A/B test, a person who visits twenty times a week adds noise to *one* side. In an interleaved list, that
# person's clicks are shared out between both sides, and only the difference counts.
#
# Before you throw your A/B tests away, the bill:
#
# - **It says which, not how much.** `delta` is a share of people, not clicks, and certainly not revenue. Nothing in it corresponds to
#   our 7 %.
# - **It sees the order of films, and nothing else.** A faster model, better explanations, ten films that go together
#   well: an interleaved list is a mixture and shows none of it.
# - **It cannot see slow effects.** Who stays subscribed? Nobody can be half in each variant for months.
# - **Both models must run for each request**, and the slower one sets the latency.
#
# So it is used as a *sieve*: interleave ten ideas this week, take the best two to an A/B test. That is how Netflix described
# its process in 2017.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes.
#
# **Misconceptions.** "The p-value of an interleaving experiment is the p-value of the revenue": the vote is a proxy. "A factor
# of 30 is a law": ask which part of it comes from heavy visitors (give everybody the same number of visits, and the factor
# drops below ten).
#
# **To discuss.** The two lists share nine films. A click on a shared film goes to whoever picked it, by coin: it is noise.
# Newer credit rules ignore some of these clicks. Which, and what would be lost?
# %% [markdown]
# ## 4. A poster for the front page
#
# Another question of the same week. At the top of the page there is room for *one* large poster, and there are six
# candidates. Each visitor sees one of them and clicks, or does not. Which one to show?
#
# This is a *bandit* problem, after the one-armed bandits of a casino: each poster is an **arm**, each visit pulls one, the
# click is the **reward**. You learn only about the arm you pull.
# %%
names = [
    "Jurassic Park",
    "Taxi Driver",
    "Sense and Sensibility",
    "The Full Monty",
    "Conspiracy Theory",
    "Mars Attacks!",
]
posters = [films.index[films["title"] == name][0] for name in names]
shown = pd.DataFrame({"user": np.repeat(users, 6), "item": np.tile(posters, len(users)), "rank": 1})
truth = audience.probabilities(shown).reshape(-1, 6)  # (users, posters), the chance of a click

often = audience.activity_ / audience.activity_.sum()  # who the next visitor is
means = often @ truth
show(pd.DataFrame({"poster": names, "mean reward": means}))
# %% [markdown]
# A rule that says which arm to show at a visit is a **policy**, and `means` is the truth that it has to find out. The A/B
# way: show all six equally often, wait, then take the winner. During the wait, five visits of six see something worse. What was
# lost is called **regret**. With $\mu_a$ the mean reward of arm $a$, $a_t$ the arm shown at visit $t$, and $T$ visits so far,
#
# $$R = \sum_{t=1}^{T} (\max_a \mu_a - \mu_{a_t})$$
#
# counted in clicks. You know the tension that makes it: a load balancer that sends everything to the node that *looked* fastest
# never learns that another one has recovered. To **exploit** is to use what you know; to **explore** is to pay for knowing
# more. Here are three ways of doing both. Each is a function of two arrays: how often each arm was shown ($n_a$, in the code
# `n`), and how often it was clicked ($s_a$, in the code `s`).
#
# **Epsilon-greedy**: with probability $\epsilon$ any arm, else the best mean so far.
# %%
EPSILON = 0.1


def epsilon_greedy(n, s, rng):
    m = s / np.maximum(n, 1)
    best = m == m.max()
    return rng.choice(len(n), p=EPSILON / len(n) + (1 - EPSILON) * best / best.sum())


# %% [markdown]
# **UCB1**: be an optimist. Choose the arm whose mean *could* be highest, given how little you know of it. With $m_a = s_a /
# n_a$ the mean so far and $t$ the number of all visits so far, the upper confidence bound is
#
# $$u_a = m_a + \sqrt{\frac{2 \ln t}{n_a}}$$
#
# An arm is chosen because it is good, or because it was rarely tried. In both cases you learn what you need.
# %%
def ucb1(n, s, rng):
    if (n == 0).any():
        return int(np.argmin(n))  # first, each arm once
    return int(np.argmax(s / n + np.sqrt(2 * np.log(n.sum()) / n)))


# %% [markdown]
# **Thompson sampling**: let your doubt roll the dice. After $s_a$ clicks in $n_a$ showings, what you believe about the click
# rate of an arm is a distribution, the Beta distribution with parameters $1 + s_a$ and $1 + n_a - s_a$: wide after three
# visits, narrow after three thousand. Draw one number from each belief, and show the arm with the highest. So an arm is shown
# as often as it is likely to be the best.
# %%
def thompson(n, s, rng):
    return int(np.argmax(rng.beta(1 + s, 1 + n - s)))


x = np.linspace(0, 0.6, 400)
fig, ax = plt.subplots()
from scipy.stats import beta

for (name, s, n), style in zip(
    (("Jurassic Park", 3, 10), ("Jurassic Park", 66, 300), ("Taxi Driver", 2, 10)), ("--", "-", ":")
):
    ax.plot(x, beta(1 + s, 1 + n - s).pdf(x), linestyle=style, label=f"{name}: {s} clicks of {n}")
ax.set(xlabel="click rate", ylabel="density of the belief")
ax.set_title("Few visits, wide belief: anything could still be the best")
ax.legend()
alt = "Two wide beliefs after 10 visits overlap almost fully; after 300 visits one is narrow around 0.22."
figure_alt(fig, alt)


# %% [markdown]
# After ten visits each, the two wide curves overlap almost fully, and a draw from either may win: both posters are shown. After
# 300 the first is known well, and the other has to draw from its far right end to be shown again. Exploration dries up by
# itself, where it is no longer needed.
#
# Before the race, a forecast. No simulation needed, only a pencil.
# %% exercise="3.6.2"
def late_regret(means, epsilon):
    """The regret that one late visit adds on average, when epsilon-greedy knows the best arm.

    means: array (n_arms,) of true mean rewards. epsilon: share of the visits that show a random arm.
    """
    ### BEGIN SOLUTION
    return epsilon * (means.max() - means.mean())
    ### END SOLUTION


# %% check="3.6.2"
late_regret_checked = ex("3.6.2").check(late_regret)


# %% [markdown]
# Now the race: 8,000 visits, 12 times over. Each time, the visitors are drawn first, and the luck of each visit too, so that
# all policies meet the same people. A fourth competitor is the A/B test: it shows all posters in turn for 1,500 visits, then
# the one with the best mean.
# %%
def ab_first(n, s, rng):
    return int(n.sum()) % len(n) if n.sum() < 1500 else int(np.argmax(s / n))


T, RUNS = 8000, 12


def visitors_of(run):
    """Who comes, and the luck of each visit: a click happens where luck is below the chance."""
    draw = np.random.default_rng([run, 2])
    return draw.choice(len(users), size=T, p=often), draw.random(T)


def play(choose, run):
    who, luck = visitors_of(run)
    n, s, policy_rng, arms = np.zeros(6), np.zeros(6), np.random.default_rng([run, 1]), np.empty(T, int)
    for t in range(T):
        arm = arms[t] = choose(n, s, policy_rng)
        n[arm] += 1
        s[arm] += luck[t] < truth[who[t], arm]
    return arms


policies = {"A/B test, then the winner": ab_first, "epsilon-greedy": epsilon_greedy, "UCB1": ucb1, "Thompson": thompson}
arms = {name: np.array([play(choose, run) for run in range(RUNS)]) for name, choose in policies.items()}
lost = {name: np.cumsum(means.max() - means[chosen], axis=1) for name, chosen in arms.items()}
# %% [markdown]
# `lost` holds a regret curve for each run. The band around each mean is its 95 % interval over the 12 runs.
# %%
fig, ax = plt.subplots()
for name, curves in lost.items():
    mean, reach = curves.mean(axis=0), 1.96 * curves.std(axis=0, ddof=1) / np.sqrt(RUNS)
    (line,) = ax.plot(np.arange(1, T + 1)[::20], mean[::20], label=name)
    ax.fill_between(
        np.arange(1, T + 1)[::20], (mean - reach)[::20], (mean + reach)[::20], color=line.get_color(), alpha=0.2
    )
ax.set(xlabel="visits", ylabel="regret: clicks lost so far")
ax.set_title("Thompson sampling stops paying, epsilon-greedy never does")
ax.legend()
alt = "Regret by visits: UCB1 rises most; A/B is flat after 1,500; epsilon-greedy goes on rising; Thompson is lowest."
figure_alt(fig, alt)
# %% [markdown]
# And the end of the race in numbers. `last 1,000` is the regret per visit over the last thousand visits; for epsilon-greedy,
# your formula is printed below.
# %%
final = pd.DataFrame({name: curves[:, -1] for name, curves in lost.items()})
measures = ["regret", "spread of the runs", "median run", "worst run"]
summary = final.agg(["mean", "std", "median", "max"]).T.set_axis(measures, axis=1)
summary["last 1,000"] = [(curves[:, -1] - curves[:, -1001]).mean() / 1000 for curves in lost.values()]
summary["best poster (%)"] = [100 * (chosen[:, -1000:] == 0).mean() for chosen in arms.values()]
show(summary, digits=3)
show({"epsilon-greedy, by the formula": late_regret_checked(means, EPSILON)}, digits=3)
# %% [markdown]
# Read it policy by policy.
#
# - **The A/B test** loses most at first, and then nothing: 1,500 visits were enough to know the winner in every run. With fewer
#   visits in the test, it would now and then pick a loser.
# - **Epsilon-greedy** is quick, and never done. Its curve goes on rising, half as fast again as your formula says. The formula
#   supposes that the best poster is known, and in the run behind `worst run` it is not, even at the end. A run that finds it early
#   pays no more than Thompson sampling so far (`median run`); a few that do not make the mean, and the wide band.
# - **UCB1** is careful by design: its bound holds for *any* rewards between 0 and 1, and clicks vary much less. After 8,000
#   visits it still tests posters that nobody would bet on. Its curve bends, slowly.
# - **Thompson sampling** bends soonest, and its worst run is not far from its mean.
#
# ### From scratch, then the library
#
# The library has the same policies as objects with `choose` and `update`, as a service needs them: a click comes
# seconds after the poster was shown, or never. Same visitors, same luck, and the same stream of random numbers:
# %%
from recsys_lab.experiment import UCB1, EpsilonGreedy, LinUCB, Thompson


def play_library(policy, run, visits, contexts=None):
    who, luck = visitors_of(run)
    chosen = np.empty(visits, int)
    for t in range(visits):
        context = None if contexts is None else contexts[who[t]]
        arm = chosen[t] = policy.choose(context)
        policy.update(arm, reward=int(luck[t] < truth[who[t], arm]), context=context)
    return chosen


library = {
    "epsilon-greedy": EpsilonGreedy(6, epsilon=EPSILON, seed=3),
    "UCB1": UCB1(6, seed=3),
    "Thompson": Thompson(6, seed=3),
}
same = {name: (play_library(policy, 3, 2000) == arms[name][3, :2000]).sum() for name, policy in library.items()}
show({f"{name}, equal choices of 2,000": n for name, n in same.items()})
# %% [markdown]
# All equal. What the library adds is `state()`, the policy as JSON, so that a restart forgets nothing.
#
# **What a bandit does not give you.** Its means are biased: an arm that was unlucky at first is not tried again, and stays
# underrated. So no p-value of lesson 3.5 may be computed from a bandit's log. Nor does it know of anything but its reward:
# whoever optimises clicks gets clicks. Take it where a decision is small, repeated, and short-lived (a poster, a headline, the
# order of rows), and an A/B test where you must *know*.
#
# %% [markdown] instructor=true
# **Timing.** 50 minutes with the exercise.
#
# **Misconceptions.** "More exploration is safer": it is a price; look at UCB1. "Thompson sampling chooses the arm with the
# highest mean": of the *draws*. "Epsilon 0.01 is better, then": let them try; more runs get stuck on a wrong poster.
#
# **To discuss.** Posters go stale, so the best arm changes. What do Thompson's narrow beliefs do then? (Discount old counts, or
# restart with each new poster.) What if the click comes a day later?
# %% [markdown]
# ## 5. A poster for each visitor
#
# All four chase the same prize: the one poster that is best on average, 0.22 clicks a visit. But so far we have looked
# only at the means of `truth` over all users. What would be earned if each user got *their* best poster?
# %%
favourite = pd.Series(truth.argmax(axis=1)).map(dict(enumerate(names))).value_counts(normalize=True)
show({"the best poster for all": means.max(), "the best poster for each": often @ truth.max(axis=1)})
show((100 * favourite).rename("favourite of so many (%)").to_frame(), digits=2)
# %% [markdown]
# Almost twice as much: one poster for all leaves nearly as much on the table as the best of them earns. So let the choice depend on
# the visitor, described by a vector of features $x$, the **context**. Ours has nine numbers: for each of eight genres, the
# share of the films that the user liked, made comparable (mean 0, spread 1/2), and a constant 1.
# %%
GENRES = ["Action", "Comedy", "Drama", "Romance", "Sci-Fi", "Thriller", "Children's", "Horror"]
has_genre = data.items.set_index("item")["genres"].str.get_dummies("|")[GENRES]
liked = data.ratings[data.ratings["rating"] >= 4].join(has_genre, on="item")
share = liked.groupby("user")[GENRES].mean().reindex(users).fillna(0)
contexts = ((share - share.mean()) / share.std() / 2).assign(one=1.0).to_numpy()
# %% [markdown]
# **LinUCB** (Li, Chu, Langford and Schapire 2010) is UCB with a regression inside. For each arm it keeps a ridge regression, lesson
# 1.3's, of rewards on contexts. Let $X$ hold the contexts of the visits at which the arm was shown, one a row, $r$ their
# rewards, and $I$ the identity matrix. What the arm has learned is a matrix $A$, which says how much of each kind of visitor it has
# seen, and a vector of weights $\theta$, one for each feature:
#
# $$A = X^\top X + I \qquad\qquad \theta = A^{-1} X^\top r$$
#
# and the arm's score for a visitor $x$ is what the regression expects, plus a bonus for doubt:
#
# $$u = x^\top \theta + \alpha \sqrt{x^\top A^{-1} x}$$
#
# The root is large where few visitors *like this one* have seen the arm; $\alpha$ says how much that counts. In backend terms:
# a probe is sent not to the node that you know least in general, but to the one you know least *for this kind of request*.
# %%
ALPHA = 0.5
learner = LinUCB(6, n_features=9, alpha=ALPHA, seed=0)
chosen = play_library(learner, 0, T, contexts)
who, luck = visitors_of(0)
mine = chosen == 2  # the visits at which Sense and Sensibility was shown
X, r = contexts[who[mine]], (luck < truth[who, 2])[mine].astype(float)
A = X.T @ X + np.eye(9)
theta = np.linalg.solve(A, X.T @ r)
x = contexts[0]
u = x @ theta + ALPHA * np.sqrt(x @ np.linalg.inv(A) @ x)
# %% [markdown]
# Is this the library's policy, and is it the ridge regression of scikit-learn?
# %%
from sklearn.linear_model import Ridge

ridge = Ridge(alpha=1.0, fit_intercept=False).fit(X, r)
library_theta = learner.inverse_[2] @ learner.b_[2]
bonus = ALPHA * np.sqrt(x @ learner.inverse_[2] @ x)
gaps = {"theta, library": np.abs(library_theta - theta).max(), "theta, scikit-learn": np.abs(ridge.coef_ - theta).max()}
gaps["score of user 0, library"] = abs(x @ library_theta + bonus - u)
show({f"largest difference, {name}": gap.round(9) for name, gap in gaps.items()})
# %% [markdown]
# The same regression, three times. And whom does it show what? For its last 4,000 visits, the mean context of the visitors who
# got each poster; the two rarest posters are left out.
# %%
late = pd.DataFrame(contexts[who[-4000:], :8], columns=GENRES).assign(poster=np.array(names)[chosen[-4000:]])
got = late.groupby("poster")[GENRES].mean().assign(visits=late["poster"].value_counts())
show(got.nlargest(4, "visits")[[*GENRES, "visits"]], digits=2)
# %% [markdown]
# It has found out by itself, from clicks alone, whom to show Jane Austen: visitors who like romance and drama more than others
# do, and action and thrillers less. *Jurassic Park* goes to those who like action, *Conspiracy Theory* to the friends of
# thrillers.
#
# Against Thompson sampling, eight runs each; the curves show what the last 500 visits earned on average:
# %%
RUNS = 8


def learn_with_context(run):
    return play_library(LinUCB(6, n_features=9, alpha=ALPHA, seed=run), run, T, contexts)


with_context = [chosen, *(learn_with_context(run) for run in range(1, RUNS))]
earned = {"LinUCB, with the context": with_context, "Thompson sampling, without": arms["Thompson"][:RUNS]}
fig, ax = plt.subplots()
for name, choices in earned.items():
    each = np.array([truth[visitors_of(run)[0], choice] for run, choice in enumerate(choices)])
    total = np.cumsum(each, axis=1)
    moving = (total[:, 500:] - total[:, :-500])[:, ::50] / 500
    mean, reach = moving.mean(axis=0), 1.96 * moving.std(axis=0, ddof=1) / np.sqrt(RUNS)
    at = np.arange(500, T)[::50]
    (line,) = ax.plot(at, mean, label=name)
    ax.fill_between(at, mean - reach, mean + reach, color=line.get_color(), alpha=0.2)
ax.axhline(means.max(), color="#444444", linestyle=":", label="the best poster for all")
ax.axhline(often @ truth.max(axis=1), color="#444444", linestyle="--", label="the best poster for each")
ax.set(xlabel="visits", ylabel="true chance of a click, last 500", ylim=(0.1, 0.5))
ax.set_title("Who knows the visitor passes the best poster at once")
ax.legend(loc="upper left", ncols=2)
alt = "Reward by visits: LinUCB starts above 0.25 and stays above 0.30; Thompson reaches 0.22; the ideal is 0.40."
figure_alt(fig, alt)
# %% [markdown]
# LinUCB has passed the dotted line, which Thompson sampling can only approach, within its first 500 visits. (Where its curve
# is above the line for a while, the 500 visitors were ones who click more: both curves meet the same people.) LinUCB does not
# reach the dashed line. Is that its own fault? Here are straight lines fitted to `truth` itself, which no log can give:
# %%
lines = Ridge(alpha=1.0, fit_intercept=False).fit(contexts, truth, sample_weight=often * len(users)).predict(contexts)
by_lines = lines.argmax(axis=1)
late = [truth[visitors_of(run)[0], choice][-4000:] for run, choice in enumerate(with_context)]
show(
    {
        "LinUCB, last 4,000 visits": np.mean(late),
        "lines fitted to the truth": often @ truth[np.arange(len(users)), by_lines],
    }
)
show({"visits at which the lines show The Full Monty (%)": 100 * often @ (by_lines == names.index("The Full Monty"))})
# %% [markdown]
# So most of the gap is not the bandit's: nine numbers do not say everything about taste, and a straight line is no good model of
# a probability. *The Full Monty* is the favourite of a quarter of the users, and yet hardly shown: who they are, their genres do
# not tell. Usually the context is worth more than the cleverness of the bandit, and the features are its ceiling.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes.
#
# **Misconceptions.** "LinUCB needs a model of the user first": it learns from clicks; only the features come from elsewhere.
# "Regret against the best arm is the goal": section 5 has negative regret by that measure, because the yardstick is too short.
#
# **To discuss.** The context comes from ratings. Which lesson tells us to log it *with* the visit, and not to join it later?
# (3.2.)
# %% [markdown]
# ## 6. What would the other policy have earned?
#
# All of this was learned *while serving*. Your situation is more often this one: a policy has been running for weeks, there is
# a log, and somebody has a new policy. Would it have earned more? You may not try it on anybody yet.
#
# The old policy here is a rule of the editors: visitors whose liked films are more drama and romance than action and science
# fiction see *Sense and Sensibility*, all others *Jurassic Park*. But somebody was wise: at 30 % of the visits, a random poster
# is shown, and **the probability of what was shown is logged with the visit**. This number is called the **propensity**, in
# formulas $p$.
# %%
romantic = contexts[:, [2, 3]].sum(axis=1) > contexts[:, [0, 4]].sum(axis=1)
rule = np.where(romantic, 2, 0)
visitor_rng = np.random.default_rng(61)


def old_policy(explore):
    """(users, posters): with which probability each user sees each poster."""
    return explore / 6 + (1 - explore) * np.eye(6)[rule]


def visits_under(policy, n):
    """A log of n visits: user, action shown, reward, propensity of that action."""
    user = visitor_rng.choice(len(users), size=n, p=often)
    action = (visitor_rng.random(n)[:, None] > policy[user].cumsum(axis=1)).sum(axis=1)
    reward = (visitor_rng.random(n) < truth[user, action]).astype(int)
    return pd.DataFrame({"user": user, "action": action, "reward": reward, "propensity": policy[user, action]})


log = visits_under(old_policy(0.3), 3000)
log.head(4)


# %% [markdown]
# The new policy is learned from a *first* log of that kind: a ridge regression an arm, as above, and show whatever it expects
# most of. In `target` stands, for each user, the chance of each poster under the new policy; here 0 or 1.
# %%
def fit_rewards(log):
    """(users, posters): the expected reward of each poster for each user, by a ridge regression an arm."""
    predicted = np.empty((len(users), 6))
    for arm in range(6):
        part = log[log["action"] == arm]
        model = Ridge(alpha=1.0, fit_intercept=False).fit(contexts[part["user"]], part["reward"])
        predicted[:, arm] = model.predict(contexts)
    return predicted


first_log = visits_under(old_policy(0.3), 1500)
predicted = fit_rewards(first_log)
target = np.eye(6)[predicted.argmax(axis=1)]


def value_of(policy):
    return often @ (policy * truth).sum(axis=1)


true_value = value_of(target)
show({"old policy, true value": value_of(old_policy(0.3)), "new policy, true value": true_value})
# %% [markdown]
# The new one is better by far. You cannot know that; you have `log`. Three answers that come to mind:
# %%
agree = predicted[log["user"]].argmax(axis=1) == log["action"]
expected = (target * predicted).sum(axis=1)[log["user"]].mean()
show(
    {"mean reward in the log": log["reward"].mean(), "where the log happens to agree": log.loc[agree, "reward"].mean()}
)
show({"what the reward model promises": expected})
# %% [markdown]
# The first is the old policy's value. The second takes the visits at which the old policy showed what the new one would have
# shown. It looks clever and is biased: such visits are mostly visitors for whom the *rule* was good already, not the new
# policy's typical visitors. The third trusts the model that chose the posters, and each poster was chosen *because* its
# prediction was high; some were high by luck. It is the winner's curse that lesson 3.5 found in A/B tests.
#
# Here is the way out. A visit at which *Taxi Driver* was shown by the random 30 % is rare: it had a chance of 0.05. If the new
# policy would show it to this visitor for sure, then this one visit stands for twenty. Weigh each visit $i$, with its context
# $x_i$, by
#
# $$w_i = \frac{\pi(a_i, x_i)}{p_i}$$
#
# where $\pi(a, x)$ is the chance that the new policy shows $a$ to a visitor $x$, and $a_i$ what was shown. With these weights
# $w_i$ and the rewards $r_i$ of $n$ visits, **inverse propensity scoring** and its **self-normalised** sister are
#
# $$V_{\text{ips}} = \frac{1}{n} \sum_{i=1}^{n} w_i r_i \qquad\qquad V_{\text{snips}} = \frac{\sum_{i=1}^{n} w_i r_i}{\sum_{i=1}^{n} w_i}$$
#
# The first is right on average, whatever the policies are, as long as $p_i$ is the true propensity and no poster that the new
# policy shows has a propensity of 0. The second divides by what the weights add up to. They should have a mean of 1, but in one
# log they have not.
# %%
from recsys_lab.experiment import Log, doubly_robust, ips, snips


def weights(log, target):
    return target[log["user"], log["action"]] / log["propensity"]


w, r = weights(log, target), log["reward"]
show({"ips": (w * r).mean(), "snips": (w * r).sum() / w.sum(), "truth": true_value})
show({"mean weight": w.mean(), "largest weight": w.max(), "visits with a weight above 0": (w > 0).sum()})
show(
    {
        "visits with the largest weight": (w == w.max()).sum(),
        "their share of all weight": w[w == w.max()].sum() / w.sum(),
    }
)

judged = Log.of(log["action"], r, log["propensity"], target[log["user"]])
found = ips(judged)
show({"by the library": found.value, "low": found.low, "high": found.high, "effective visits": found.effective_n})


# %% [markdown]
# Both are near the truth, and the interval contains it. The price stands in the last number. Of 3,000 visits, those
# with a weight above 0 are less than half, and they count unequally: fewer than a hundred of them carry half of all weight. So the
# log is worth only a few hundred visits of the new policy. That is $(\sum w)^2 / \sum w^2$, the **effective sample size**.
#
# ### A colleague's IPS is zero
#
# A colleague wants to check these formulas in a simulator of her own. Her policy is as simple as can be: any poster, at random.
# The value of "always *Sense and Sensibility*" is then surely 0.17. She gets this:
# %%
def log_visits(clicks, n, seed):
    """n visits to random posters. clicks: array (n_posters,), the true chance of a click on each."""
    policy = np.random.default_rng(seed)
    visitors = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        arm = int(policy.random() * len(clicks))
        rows.append((arm, int(visitors.random() < clicks[arm])))
    return pd.DataFrame(rows, columns=["arm", "reward"]).assign(propensity=1 / len(clicks))


def values_by_ips(log):
    each = [ips(Log.of(log["arm"], log["reward"], log["propensity"], np.eye(6)[arm])).value for arm in range(6)]
    return pd.DataFrame({"poster": names, "truth": means, "ips": each})


show(values_by_ips(log_visits(means, 20_000, seed=7)), digits=3)


# %% [markdown]
# Zero for five posters, and exactly, and nearly one for the other. Twenty thousand visits. No warning anywhere.
# %% exercise="3.6.3"
def log_visits_mended(clicks, n, seed):
    """n visits to random posters, without the bug. The same seed gives the same log.

    clicks: array (n_posters,), the true chance of a click on each. Returns a frame with the columns arm (from 0),
    reward (0 or 1), propensity.
    """
    ### BEGIN SOLUTION
    policy, visitors = np.random.default_rng(seed).spawn(2)
    arm = (policy.random(n) * len(clicks)).astype(int)
    reward = (visitors.random(n) < clicks[arm]).astype(int)
    return pd.DataFrame({"arm": arm, "reward": reward, "propensity": 1 / len(clicks)})
    ### END SOLUTION


# %% check="3.6.3"
log_visits_checked = ex("3.6.3").check(log_visits_mended)
# %% [markdown]
# And the mended simulator, with 60,000 visits:
# %%
show(values_by_ips(log_visits_checked(means, 60_000, seed=7)).round(2), digits=2)


# %% [markdown]
# Each value is where it should be, up to a little noise. Remember the zeros when a result is *too* clean. IPS can be trusted
# only where chance decided what was shown, and *only* chance: not the hour, not the user's luck, not a hash that another system
# uses as well.
#
# ### Doubly robust
#
# So far, either we believe the model ($V$ is what it predicts), or the weights. **Doubly robust** estimation uses both: it
# starts from the model, and lets the log correct it. With $q(a, x)$ the predicted reward of arm $a$ for a visitor $x$,
#
# $$V_{\text{dr}} = \frac{1}{n} \sum_{i=1}^{n} \Big( \sum_{a} \pi(a, x_i)\, q(a, x_i) + w_i \big(r_i - q(a_i, x_i)\big) \Big)$$
#
# The inner sum, over all arms, is what the model expects of the new policy at visit $i$; behind it stands the surprise, with
# its weight.
# %% exercise="3.6.4"
def doubly_robust_value(action, reward, propensity, target, predicted):
    """The doubly robust estimate of a policy's value.

    action: array (n,) of arms from 0, as logged. reward, propensity: (n,). target: (n, n_arms), the chance of
    each arm under the new policy. predicted: (n, n_arms), the reward that a model expects. Returns a float.
    """
    ### BEGIN SOLUTION
    row = np.arange(len(action))
    expected = (target * predicted).sum(axis=1)
    w = target[row, action] / propensity
    return (expected + w * (reward - predicted[row, action])).mean()
    ### END SOLUTION


# %% check="3.6.4"
doubly_robust_checked = ex("3.6.4").check(doubly_robust_value)
# %% [markdown]
# Why "doubly"? We spoil one ingredient after the other, in a log that is long enough for noise not to matter. The propensities:
# true, or guessed (all 1/6). The reward model: the truth, which only a simulator has; the fitted one; or one that promises 0.5
# for everything.
# %%
long_log = visits_under(old_policy(0.3), 200_000)
action, reward, user = (long_log[name].to_numpy() for name in ("action", "reward", "user"))
propensities = {"true propensities": long_log["propensity"].to_numpy(), "guessed": np.full(len(user), 1 / 6)}
models = {"the truth": truth[user], "fitted": predicted[user], "0.5 for all": np.full((len(user), 6), 0.5)}
errors = pd.DataFrame(index=list(models), columns=list(propensities), dtype=float)
for p_name, p in propensities.items():
    for q_name, q in models.items():
        errors.loc[q_name, p_name] = doubly_robust_checked(action, reward, p, target[user], q) - true_value
show(errors.round(3), digits=2)
# %% [markdown]
# With true propensities, any model will do, even the absurd one. With the true model, any propensities will do. Spoil both, and
# the answer is wrong by about half of the value. The fitted model, in the middle, is neither right nor absurd: with
# guessed propensities a part of what it promised too much is left.
#
# Is yours the library's `doubly_robust`? That one adds the interval:
# %%
mine = doubly_robust_checked(action, reward, propensities["true propensities"], target[user], predicted[user])
library = doubly_robust(Log.of(action, reward, long_log["propensity"], target[user]), predicted[user])
show(
    {
        "largest difference": round(abs(mine - library.value), 12),
        "low": library.low,
        "high": library.high,
        "truth": true_value,
    }
)


# %% [markdown]
# ### How far can you trust the interval?
#
# One log proves nothing. So: 250 logs of 2,000 visits each. `bias` is the mean error, `spread` the standard deviation of the
# estimates, `covered` the share of the 95 % intervals that contain the truth.
# %%
def many_logs(explore, estimators, logs=250, n=2000):
    rows = []
    for _ in range(logs):
        log = visits_under(old_policy(explore), n)
        judged = Log.of(log["action"], log["reward"], log["propensity"], target[log["user"]])
        for name, estimate in estimators.items():
            found = estimate(judged, predicted[log["user"]])
            rows.append((name, found.value - true_value, found.low <= true_value <= found.high, found.effective_n))
    found = pd.DataFrame(rows, columns=["estimator", "error", "covered", "effective"]).groupby("estimator", sort=False)
    table = found.agg(bias=("error", "mean"), spread=("error", "std"))
    table[["covered", "effective"]] = found[["covered", "effective"]].mean()
    return table.assign(rmse=np.sqrt(table["bias"] ** 2 + table["spread"] ** 2))


estimators = {
    "ips": lambda log, q: ips(log),
    "snips": lambda log, q: snips(log),
    "doubly robust": doubly_robust,
    "ips, clipped at 10": lambda log, q: ips(log, clip=10),
}
by_explore = {explore: many_logs(explore, estimators) for explore in (0.5, 0.3, 0.1, 0.05, 0.02)}
show(by_explore[0.3].drop(columns="rmse"), digits=2)
# %% [markdown]
# The three without clipping are right on average, and their intervals hold what they promise, nearly. Look at the last row, the
# usual first aid against wild estimates: cut weights above 10 down to 10. The spread halves. And the estimate is far too low,
# because half of all weight lies on visits with a weight of 20, which now count for 10. Its interval hardly ever contains the
# truth, and says nothing about it.
#
# All this was with 30 % random visits. What if the service explores less?
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
for name, marker in zip(estimators, "os^D"):
    series = {explore: table.loc[name] for explore, table in by_explore.items()}
    left.plot(list(series), [row["rmse"] for row in series.values()], marker=marker, label=name)
    right.plot(list(series), [row["covered"] for row in series.values()], marker=marker)
right.axhline(0.95, color="#444444", linestyle="--")
for ax in (left, right):
    ax.set_xscale("log")
    ax.set_xticks(list(by_explore), ["50 %", "30 %", "10 %", "5 %", "2 %"])
    ax.minorticks_off()
    ax.invert_xaxis()
    ax.set_xlabel("random visits of the old policy")
left.set(ylabel="root mean squared error (clicks a visit)", title="Errors grow ...", ylim=(0, 0.2))
right.set(ylabel="intervals that contain the truth", title="... and intervals lie", ylim=(0, 1))
left.legend(loc="upper left")
fig.suptitle("The less the old policy explored, the less its log can say", fontweight="bold")
alt = "Left: errors rise as exploration falls, snips and doubly robust below ips. Right: coverage falls, clipped first."
figure_alt(fig, alt)
# %% [markdown]
# - **Small propensities make noise**: at 2 % random visits a single click can carry a weight of 300. The error of IPS is then
#   half the value itself.
# - **The interval is the first victim.** It is computed from the weights that the log happens to hold. If the rare, heavy
#   visits did not happen, the log looks calm, and the interval is narrow and wrong. Look at the effective sample
#   size before you look at the interval.
# - **Doubly robust** keeps its coverage longest. A heavy visit without a click is a 0 like any other to IPS; to the model it is
#   a surprise, and widens the interval. The error is no smaller for that: it is about that of SNIPS.
# - **Clipping** has the smallest spread and the largest bias. It may serve for *choosing* between new policies that stray equally far
#   from the old one, not for promising a value: the closer a policy stays to the old one, the less it loses, and so it wins.
#
# And what no formula can do: a poster that the old policy *never* showed has no visit in the log. Its propensity is 0, its
# clicks are unknown, and IPS gives 0 for it without a word. One number gives it away: the mean of the weights, which should be
# near 1. This makes the rule for your service: **log the propensity of what you show, with what you show, and keep every
# propensity above 0.** Nobody can add it later.
#
# %% [markdown] instructor=true
# **Timing.** 70 minutes with the two exercises.
#
# **Misconceptions.** "We can estimate the propensities from the log afterwards": then the interval no longer holds, and unseen
# context is lost. "IPS needs a random policy": it needs a *known* one. "A wide interval means a bad method": it means a log
# that does not know.
#
# **To discuss.** With lists of ten there are more lists than atoms in the universe, and each has a propensity near 0. What
# then? (Assume that places act independently, as section 7 does.) And: the event log of lesson 3.1 has columns for rank and
# model, and none for the propensity. Where would you put it, and could it be computed later from the model's version and the
# request?
# %% [markdown]
# ## 7. The place, or the film?
#
# Back to lists. Which films of the list are good? Count clicks. The first gets most. Because it is first, or because it is
# good? This audience follows the **position-based model**: a click needs a look and a liking,
#
# $$P(\text{click}) = e_k\, a_{ui}$$
#
# with $e_k$ from above, the chance that the user looks at rank $k$, and $a_{ui}$ the appeal of film $i$ to user $u$, once
# looked at. Let the new model run, and look at the click rate of each rank.
# %%
impressions = pd.concat([new] * 60, ignore_index=True)
impressions["clicked"] = rng.random(len(impressions)) < np.tile(new_chance.ravel(), 60)
by_rank = impressions.groupby("rank")["clicked"].mean()
ranks = np.arange(1, K + 1)
relative = by_rank / by_rank[1]
show(
    pd.DataFrame({"click rate": by_rank, "compared with rank 1": relative, "true looks": audience.looks(ranks)}),
    digits=2,
)
# %% [markdown]
# The rate falls faster than the looks do. That is no surprise: the model puts its best films on top, so lower ranks have fewer
# looks *and* poorer films. If you divided by these rates, you would declare all films equally good.
#
# To separate the two, the place must be decided by a coin. Small is enough: at each visit, draw one rank $k$, and with a chance
# of one half exchange the films of rank 1 and $k$. (Called a *swap intervention*; Joachims, Swaminathan and Schnabel 2017.) The
# user loses little, and you gain a log in which, for this $k$, both films stood in both places equally often. Here are 100 such
# visits of each user, and the top of one visit:
# %%
shown = pd.concat([new] * 100, ignore_index=True)
visit = np.repeat(np.arange(100 * len(users)), K)
k = rng.integers(2, K + 1, 100 * len(users))[visit]
swapped = (rng.random(100 * len(users)) < 0.5)[visit]
rank = shown["rank"].to_numpy()
placed = np.where(swapped & (rank == 1), k, np.where(swapped & (rank == k), 1, rank))
swaps = pd.DataFrame({"visit": visit, "k": k, "swapped": swapped, "rank": placed, "item": shown["item"].to_numpy()})
chance = audience.looks(placed) * np.tile(audience.appeal(new), 100)
swaps["clicked"] = rng.random(len(swaps)) < chance
swaps[swaps["visit"] == swaps.loc[swaps["swapped"], "visit"].iloc[0]].sort_values("rank").head(3)


# %% exercise="3.6.5"
def looks_from_swaps(log):
    """How often each rank is looked at, compared with rank 1.

    log: frame with the columns visit, k, swapped, rank, item, clicked; a row for each film shown. In each visit, the
    films of rank 1 and rank k were exchanged (swapped) or not. Returns a Series with the ranks from 1 as its index.
    """
    ### BEGIN SOLUTION
    at_k = log[log["rank"] == log["k"]].groupby("k")["clicked"].mean()
    on_top = log[log["rank"] == 1].groupby("k")["clicked"].mean()
    looks = at_k / on_top
    looks.loc[1] = 1.0
    return looks.sort_index()
    ### END SOLUTION


# %% check="3.6.5"
looks_checked = ex("3.6.5").check(looks_from_swaps)
# %% [markdown]
# With the looks in hand, the clicks of production can be corrected, by the same idea as in section 6: a click at a rank that
# one in eight looks at stands for eight. Let film $i$ have been shown $n$ times, at the ranks $k_1, k_2, \ldots$, and let $c_j$
# be 1 if showing $j$ was clicked and 0 if not. Then
#
# $$\hat a_i = \frac{1}{n} \sum_{j=1}^{n} \frac{c_j}{\hat e_{k_j}}$$
#
# estimates its appeal, where $\hat e_k$ is the estimate from the swaps. On the right of the figure: all films that were shown
# 3,000 times or more, with their click rate as counted, and corrected.
# %%
e_hat = pd.Series(looks_checked(swaps)).sort_index()
impressions["corrected"] = impressions["clicked"] / impressions["rank"].map(e_hat)
impressions["appeal"] = np.tile(audience.appeal(new), 60)
by_film = impressions.groupby("item").agg(
    n=("clicked", "size"), counted=("clicked", "mean"), corrected=("corrected", "mean"), appeal=("appeal", "mean")
)
by_film = by_film[by_film["n"] >= 3000]

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
left.plot(ranks, audience.looks(ranks), color="#444444", linestyle="--", label="truth")
left.plot(ranks, by_rank / by_rank[1], marker="s", label="from click rates")
left.plot(ranks, e_hat, marker="o", linestyle="", color=PALETTE[2], label="from swaps")
left.set(xlabel="rank", ylabel="looks, compared with rank 1", title="Swaps find the looks ...")
left.legend()
right.plot([0, 0.45], [0, 0.45], color="#444444", linestyle="--")
right.scatter(by_film["appeal"], by_film["counted"], s=14, label="as counted")
right.scatter(by_film["appeal"], by_film["corrected"], s=14, label="corrected")
right.set(xlabel="true appeal of the film", ylabel="estimated", title="... and the films")
right.legend(loc="upper left")
fig.suptitle("A coin tells the place from the film", fontweight="bold")
alt = "Left: looks from swaps lie on 1/k, click rates below it. Right: corrected films lie on the diagonal, counted far below."
figure_alt(fig, alt)
order = by_film[["counted", "corrected", "appeal"]].corr(method="spearman")["appeal"]
show({"rank correlation with the appeal, counted": order["counted"], "corrected": order["corrected"]})
# %% [markdown]
# The corrected estimates lie around the diagonal; the counted rates far below it, and, what is worse, in another *order*. The
# rank correlation says how much. A film that was good but stood at rank 9 looks bad when you count.
#
# A warning: the correction is only as good as the model of looking. On a phone, with a carousel, or with a list whose first
# screen ends at rank 4, $e_k$ is another curve. So measure it per surface. And propensities that small make noise here too:
# clip, as above, and know what it costs.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "Rank as a feature of the model solves it": it helps, if at serving time the rank is set to a constant,
# and if place and film can be told apart in the log at all; without any randomness they cannot.
#
# **To discuss.** Who could object to showing a worse film on top to every second visitor? (Swap neighbours only; swap for 1 %
# of traffic; use the accidental variation of A/B tests instead, which is called intervention harvesting.)
# %% [markdown]
# ## 8. The recommender that reads its own log
#
# Put it all together. A new service without any ratings opens. On day 0 its lists are random. From then on, EASE is trained
# each night on *all clicks so far* and makes the lists of the next day. That is how most recommenders live: today's model
# writes the log of which tomorrow's model is made.
#
# What can go wrong? Think of three lists of films: those that are shown, those that were ever clicked, and the catalogue. EASE
# can only recommend what somebody clicked. Clicks come only from what is shown. So the second list can only grow if the first
# contains something new. We run 25 days, three visits a day and user, in three ways:
#
# - **no exploration**: the model's ten films;
# - **a random film**: one of the ten places, at random, gets any film of the catalogue;
# - **a bandit**: that place goes to the film that wins a Thompson draw over all films that are not in the list. A film's belief
#   rests on its clicks and on its *looks*: a showing at rank $k$ counts $e_k$, which is section 7's correction. (It starts at one click in ten looks.)
# %%
catalogue = audience.train_.items.ids
everything = pd.DataFrame({"user": np.repeat(users, len(catalogue)), "item": np.tile(catalogue, len(users))})
appeal = audience.appeal(everything).reshape(len(users), -1)
looks = audience.looks(ranks)
column = pd.Series(np.arange(len(catalogue)), catalogue)
everybody = np.arange(len(users))[:, None]


def film_to_explore(kind, clicks, seen, lists, rng):
    """A column for each user: any film, or the winner of a Thompson draw."""
    if kind == "a random film":
        return rng.integers(len(catalogue), size=len(users))
    draws = rng.beta(1 + clicks, 9 + np.maximum(seen - clicks, 0), size=(40, len(catalogue)))
    draws = draws[np.arange(len(users)) % 40]  # one draw serves a group of users
    draws[everybody, lists] = -1
    return draws.argmax(axis=1)


# %% [markdown]
# And the days. `known` counts the films that were ever clicked, `shown` those that the model itself proposes today. The clicks
# a visit are the true ones, twice: of the *whole lists* as they are shown, and of the *model's own* ten, as they would be shown
# if we stopped exploring today.
# %%
def live(kind, seed, days=25):
    rng = np.random.default_rng(seed)
    lists = np.array([rng.choice(len(catalogue), K, replace=False) for _ in users])
    liked, clicks, seen, history = np.zeros(appeal.shape, bool), np.zeros(len(catalogue)), np.zeros(len(catalogue)), []
    by_model = lists  # day 0: random lists
    for day in range(days):
        chance = looks * appeal[everybody, lists]
        own = (looks * appeal[everybody, by_model]).sum(axis=1)
        history.append((day, often @ chance.sum(axis=1), often @ own, (clicks > 0).sum(), len(np.unique(by_model))))
        for _ in range(3):  # visits: who clicks what, and how often each film was looked at
            hit = rng.random(lists.shape) < chance
            liked[np.nonzero(hit)[0], lists[hit]] = True
            clicks += np.bincount(lists[hit], minlength=len(catalogue))
            seen += np.bincount(lists.ravel(), np.tile(looks, len(users)), minlength=len(catalogue))
        row, film = np.nonzero(liked)  # at night: fit on all clicks so far
        model = EASE(reg=50).fit(pd.DataFrame({"user": users[row], "item": catalogue[film], "rating": 1.0}))
        made = model.recommend(users, n=K, exclude_seen=False, unknown="popular")
        by_model = column[made["item"]].to_numpy().reshape(-1, K)
        lists = by_model.copy()
        if kind != "no exploration":  # one place of ten goes to another film, unless the list has it already
            extra, place = film_to_explore(kind, clicks, seen, lists, rng), rng.integers(K, size=len(users))
            free = (lists != extra[:, None]).all(axis=1)
            lists[free, place[free]] = extra[free]
    return pd.DataFrame(history, columns=["day", "whole lists", "model's own", "known", "shown"])


services = {}
for kind in ("no exploration", "a random film", "a bandit"):
    services[kind] = [live(kind, seed) for seed in range(8)]
# %% [markdown]
# The mean of eight services each:
# %%
lives = {kind: pd.concat(runs).groupby("day").mean() for kind, runs in services.items()}
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
for (kind, days), style in zip(lives.items(), ("-", "--", "-.")):
    left.plot(days.index[1:], days["known"][1:], linestyle=style, label=kind)
    right.plot(days.index[1:], days["model's own"][1:], linestyle=style, label=kind)
left.set(xlabel="day", ylabel="films of 1,682 ever clicked", title="It learns of nothing new ...", ylim=(0, None))
right.set(xlabel="day", ylabel="clicks a visit, model's own ten", title="... and stops improving", ylim=(0.7, 1.4))
left.legend()
fig.suptitle("A recommender that learns from its own clicks alone gets stuck", fontweight="bold")
alt = "Left: known films stay near 90 without exploration and double with it. Right: the model that explores by a bandit is best."
figure_alt(fig, alt)
ends = pd.DataFrame({kind: days.loc[24] for kind, days in lives.items()}).T
best = often @ (np.sort(appeal, axis=1)[:, ::-1][:, :K] @ looks)
show(ends, digits=3)
show({"the best lists there are": best})
own = pd.DataFrame({kind: [days["model's own"].iloc[-1] for days in runs] for kind, runs in services.items()})
show({"services of 8 whose model the bandit made better": (own["a bandit"] > own["no exploration"]).sum()})
# %% [markdown]
# Without exploration, the films of day 0 that happened to be clicked are the catalogue for ever: about 90 of 1,682. Fewer than
# half of these are still proposed. No dashboard turns red, since the model agrees with its log better and better. After ten
# days it has learned what it can learn from itself; the best lists there are would earn more than half as much again.
#
# Exploration has a price, a tenth of the list: compare the columns `whole lists` and `model's own`. The *random* film does not
# earn it back within these 25 days, because most of 1,682 films are liked by few. The bandit looks where there is hope: its
# whole lists earn nearly what the unexploring service earns, rent paid, and the model behind them is better, in seven of eight
# services. That difference is yours on the day when a better use for the place turns up, and it is what makes tomorrow's log worth
# reading. (Eight services are few; single ones differ by more than the curves do. Change the seeds and see.)
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes.
#
# **Misconceptions.** "More data cures it": try 8 visits a day instead of 3; it gets stuck with more films, and as firmly.
# "Diversity rules cure it": they reshuffle known films. "Offline metrics would warn us": the test set comes from the same log.
#
# **To discuss.** Back to the list of unquestioned defaults. Which of them could have a tenth of the traffic for trying? Who
# pays for exploration, the users or the service, and would you tell them?
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Netflix, 2017**, described two stages: interleaving first, to prune many ideas with over a hundred times fewer subscribers than its most
#   sensitive A/B metric needs, and then an A/B test for the few that are left (Parks, Aurisset and Ramm 2017).
# - **Airbnb, 2025**, reports a sensitivity up to 100 times that of an A/B test for interleaving and counterfactual evaluation in search,
#   "depending on the approach and metrics", again as a filter before the A/B test (Zhang et al. 2025).
# - **Yahoo, 2010**, is where LinUCB comes from: which article belongs on the front page? It was judged on 33 million logged events of a
#   *random* policy, and got 12.5 % more clicks than a bandit without context (Li et al. 2010).
# - **Netflix, 2017**, chooses the *picture* that advertises a film with contextual bandits, and compares candidates on logs of random pictures
#   (Chandrashekar, Amat, Basilico and Jebara 2017).
# - **Spotify, 2018**, ordered the shelves of its home page, with the reasons printed over them, by a contextual bandit called Bart
#   (McInerney et al. 2018).
# - **YouTube, 2019**, corrects the training of a recommender for what earlier recommenders chose to show, by inverse propensities
#   and for whole lists, and showed the value of exploring in live tests (Chen et al. 2019).
#
# ## In the interview
#
# **"You have two rankers, little traffic, and a week. What do you do? And what do you log?"** An answer in three minutes:
#
# 1. *Interleave.* Team draft, coin per round, one vote a person, sign test. Say why it needs fewer people: each one is
#    their own control.
# 2. *Say what it cannot tell*: how much, slow effects, whole-page effects. So an A/B test follows for the winner.
# 3. *Offline before either.* If propensities were logged, judge both rankers by IPS or doubly robust; name the effective
#    sample size, the mean weight, and that nothing can be said about what was never shown.
# 4. *Bandit or A/B?* Small, repeated, short-lived decisions: a bandit, with context if there is any. Decisions to be known: a test.
# 5. *Log* with every impression: request id, rank, model version, context, and the probability with which it was shown.
# 6. *Keep some exploration for ever*, and say its price.
#
# ## Take-aways
#
# - An interleaved list makes each person their own control. It says which ranking, not how much better.
# - Exploration is paid in regret. Epsilon-greedy pays for ever, Thompson sampling stops by itself, and a context is worth more than
#   either.
# - A log can judge another policy if chance chose what was shown, and the chance was logged.
# - Weights: check their mean (1), their largest, and the effective sample size, before you read the interval.
# - A click is a look times a liking. Only randomness tells them apart; a swap for some visits is enough.
# - A recommender that reads only its own log stays with what it knows. Nothing on the dashboard shows it.
# - Two random streams from one seed are one stream. A result that is exactly 0 is usually a bug.
#
# ## Further reading
#
# - F. Radlinski, M. Kurup, T. Joachims: *How Does Clickthrough Data Reflect Retrieval Quality?* CIKM 2008. Team draft.
# - O. Chapelle, T. Joachims, F. Radlinski, Y. Yue: *Large-Scale Validation and Analysis of Interleaved Search Evaluation*. ACM TOIS 30(1),
#   2012. [doi:10.1145/2094072.2094078](https://doi.org/10.1145/2094072.2094078)
# - J. Parks, J. Aurisset, M. Ramm: *Innovating Faster on Personalization Algorithms at Netflix Using Interleaving*. Netflix
#   Technology Blog, 29 November 2017. [netflixtechblog.com](https://netflixtechblog.com/interleaving-in-online-experiments-at-netflix-a04ee392ec55)
# - Q. Zhang, A. Deng, M. Du, H. Gao, L. He, S. Katariya: *Harnessing the Power of Interleaving and Counterfactual Evaluation for Airbnb
#   Search Ranking*. 2025. [arXiv:2508.00751](https://arxiv.org/abs/2508.00751)
# - P. Auer, N. Cesa-Bianchi, P. Fischer: *Finite-time Analysis of the Multiarmed Bandit Problem*. Machine Learning 47, 2002. UCB1.
# - W. R. Thompson: *On the Likelihood that One Unknown Probability Exceeds Another in View of the Evidence of Two Samples*.
#   Biometrika 25, 1933. And O. Chapelle, L. Li: *An Empirical Evaluation of Thompson Sampling*. NIPS 2011.
# - L. Li, W. Chu, J. Langford, R. Schapire: *A Contextual-Bandit Approach to Personalized News Article Recommendation*. WWW 2010.
#   [arXiv:1003.0146](https://arxiv.org/abs/1003.0146)
# - A. Chandrashekar, F. Amat, J. Basilico, T. Jebara: *Artwork Personalization at Netflix*. Netflix Technology Blog, 7 December 2017.
# - J. McInerney et al.: *Explore, Exploit, and Explain: Personalizing Explainable Recommendations with Bandits*. RecSys 2018.
#   [doi:10.1145/3240323.3240354](https://doi.org/10.1145/3240323.3240354)
# - A. Swaminathan, T. Joachims: *The Self-Normalized Estimator for Counterfactual Learning*. NIPS 2015.
# - M. Dudik, J. Langford, L. Li: *Doubly Robust Policy Evaluation and Learning*. ICML 2011.
# - M. Chen et al.: *Top-K Off-Policy Correction for a REINFORCE Recommender System*. WSDM 2019.
#   [arXiv:1812.02353](https://arxiv.org/abs/1812.02353)
# - T. Joachims, A. Swaminathan, T. Schnabel: *Unbiased Learning-to-Rank with Biased Feedback*. WSDM 2017.
#   [arXiv:1608.04468](https://arxiv.org/abs/1608.04468)
# - A. Chaney, B. Stewart, B. Engelhardt: *How Algorithmic Confounding in Recommendation Systems Increases Homogeneity and Decreases
#   Utility*. RecSys 2018. [doi:10.1145/3240323.3240370](https://doi.org/10.1145/3240323.3240370)
