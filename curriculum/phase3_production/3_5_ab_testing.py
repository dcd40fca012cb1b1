# ---
# lesson:
#   id: "3.5"
#   title: "A/B testing"
#   phase: 3
#   minutes: 360
#   prerequisites: ["1.5", "2.6"]
#   objectives:
#     - "Give every user a variant by a hash, and plan how many users and days an experiment takes"
#     - "Test a share, a mean and a ratio, equal to SciPy, statsmodels and tea-tasting"
#     - "Get by with a sixth of the users, thanks to what was known before the experiment began (CUPED)"
#     - "Find the bug behind a sample-ratio mismatch"
#     - "Look at the result every day without being fooled, and say what Simpson and novelty do to it"
# ---
# %% [markdown]
# ## What you already know
#
# You have shipped behind a feature flag: 5 % of the users get the new version, the dashboard shows errors and latency,
# and if nothing burns the flag goes to 100 %. That is a canary, and it answers "is it broken?". An **A/B test** is the
# same machinery with a harder question: "is it *better*?" Broken is loud. Better is a few percent, in numbers that
# move by more than that from one day to the next.
#
# | in your backend | in this lesson |
# |---|---|
# | a feature flag for a percentage of users | a hash of user and experiment: the assignment |
# | capacity planning before the launch | power: how many users, how many days |
# | an average of averages on a dashboard | a ratio metric, and its honest error |
# | subtracting the baseline before you compare two machines | CUPED: subtracting what was known before |
# | row counts of source and target after a migration | sample-ratio mismatch |
# | rerunning a flaky test until it is green | looking at the result every day |
#
# One thing is different here from any experiment that you will run at work: **the truth is known.** Our audience is a
# simulator. Its people are the users of MovieLens, with tastes fitted to their ratings, and each click has a chance that
# we can ask for. So every method of this lesson is held against the truth, a thousand times if need be. That is how you
# learn which of them to believe where nobody knows it.
#
# No other lesson is longer. Good places to stop are the ends of sections 4, 6 and 8. When you come back, run all cells
# above that place: it takes less than a minute, and the same people click the same films again. (Run a *single* cell
# twice, and it meets other people: the numbers in the text are those of one run from the top.)
#
# This lesson needs the packages of phase 3. If the first cell complains, end JupyterLab and start it with
# `make lab PHASE=3`, or run `pip install 'recsys-lab[phase3]'`.
#
# %% [markdown] instructor=true
# **Timing (360 minutes alone, three sessions of 120 in class).** Session one: sections 1 to 4 with exercises 1 and 2.
# Session two: sections 5 to 7 with exercises 3 to 5. Session three: sections 8 to 12 with exercise 6, and the quiz.
#
# **Prepare.** Ask everybody: of ten changes that your team shipped last year, how many made the product better, and how
# do you know? Keep the answers for the end of section 12.
# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from recsys_lab import EASE, Ratings, datasets
from recsys_lab.course import PALETTE, figure_alt, show, start
from recsys_lab.course.environment import needs
from recsys_lab.simulate import Audience

needs("phase3")
ex, quiz = start("3.5")
# %% [markdown]
# ## 1. The number went down
#
# The service of this phase shows EASE from lesson 2.6, with its regularisation at 300. A colleague has tried 500: one
# number in a configuration file. The lists look fresher, says the colleague. Ship it?
#
# First the audience. `fit` learns what each user likes; `recommend` gives the two lists of ten that everybody would see.
# (The option `novelty` sleeps until section 11.)
# %%
data = datasets.load("ml-100k")
ratings = Ratings.from_frame(data.ratings)
audience = Audience(novelty=0.3).fit(ratings)

old = EASE(reg=300.0).fit(ratings).recommend(audience.users, n=10)
new = EASE(reg=500.0).fit(ratings).recommend(audience.users, n=10)
same = (old["item"].to_numpy() == new["item"].to_numpy()).mean()
show(users=len(audience.users), percent_of_ranks_with_the_same_film=100 * same)
# %% [markdown]
# Four ranks in ten show the same film as before. Now the colleague's evidence. Twenty thousand people use the service.
# (`crowd` draws them from the 943, with repetition: some share their tastes, but each clicks alone.) For two weeks they
# see the old lists; then the new ones are shipped, and two more weeks are counted.
# %%
DAYS = 14


def two_weeks(lists, people, **how):
    """Visits, impressions and clicks of each of these people in two weeks with these lists."""
    return audience.totals(lists, people, audience.arrivals(people, days=DAYS), **how)


town = audience.crowd(20_000)
before = two_weeks(old, town)["clicks"].mean()
after = two_weeks(new, town, shift=-0.15)["clicks"].mean()
show({"clicks per user before": before, "after": after, "change in percent": 100 * (after / before - 1)})
# %% [markdown]
# It went down. The release is rolled back, and somebody writes a post-mortem.
#
# Look at the code again: `shift=-0.15` lowers everybody's chance to click, whatever they see. Call it two weeks of
# sunshine. Before and after differ in the lists *and* in the weather, and no statistics can take them apart. Here is
# what the simulator knows, and what nobody at work could:
# %%
per_visit = {"old": audience.value(old), "new": audience.value(new)}
truth = DAYS * (per_visit["new"] - per_visit["old"])
show(per_visit | {"truth: clicks per user in two weeks": truth, "in percent": 100 * truth / DAYS / per_visit["old"]})
# %% [markdown]
# `value` is the true mean number of clicks a visit, and people come once a day on average, hence the factor of 14 days.
# The new list is 7 % *better*. The sun was stronger.
#
# The way out is to show both lists **at the same time, to people chosen by chance**. Then sunshine, holidays and the
# football final hit both groups alike. What is left between them is the list, and chance. Chance has rules, and that is
# what makes it a better opponent than the weather.
# %%
half = np.random.default_rng(1).permutation(town)
sunny = {"control": two_weeks(old, half[:10_000], shift=-0.15), "treatment": two_weeks(new, half[10_000:], shift=-0.15)}
means = {name: part["clicks"].mean() for name, part in sunny.items()}
show(means | {"change in percent": 100 * (means["treatment"] / means["control"] - 1)})
# %% [markdown]
# By convention the old way is the **control**, the new way is the **treatment**, and an effect is treatment minus
# control. The sign is right now, and the size is not far off. But is it the 7 %, or would two groups with the *same*
# list have differed as much? Section 3 asks. Before that: who decides who sees what?
#
# %% [markdown]
# ## 2. Who sees what
#
# The **unit** is what is assigned: here the user. Not the request, or the same person would see one list at breakfast and
# the other at lunch, and what they click at lunch depends on breakfast. The unit must be what feels the change.
#
# You need a function from user to variant that always gives the same answer, on every server, without a table of
# assignments. That is a hash. Many services have this line somewhere:
#
# ```python
# variant = "treatment" if hash(user) % 100 < 50 else "control"
# ```
#
# Python's `hash` of a text changes from process to process, to protect dictionaries against attackers. Let us restart the
# server and see how many of a thousand users keep their variant:
# %%
import os
import subprocess
import sys

line = "print(*[hash(f'user-{n}') % 100 < 50 for n in range(1000)])"
runs = []
for seed in ("1", "2"):  # each process draws a seed for its hashes; here we choose it
    settings = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", line], env=settings, capture_output=True, text=True, check=True)
    runs.append(np.array(done.stdout.split()))
show({"users who changed sides with the restart, in percent": 100 * (runs[0] != runs[1]).mean()})
# %% [markdown]
# Nearly half of them: after the restart, the groups have nothing to do with those before. A cryptographic hash such as
# SHA-256 gives the same number in every process. There are two more bugs in that line, and SHA-256 alone mends neither.


# %% exercise="3.5.1"
import hashlib


def place(user, salt):
    """Where a user stands, a number from 0 up to, not including, 1.

    The SHA-256 of the text salt:user; its first eight hex digits as a whole number; divided by 16**8.
    user: text or a whole number. salt: the experiment's name.
    """
    ### BEGIN SOLUTION
    digest = hashlib.sha256(f"{salt}:{user}".encode()).hexdigest()
    return int(digest[:8], 16) / 16**8
    ### END SOLUTION


# %% check="3.5.1"
place_checked = ex("3.5.1").check(place)
# %% [markdown]
# Does it look random? And what does the salt do? Two experiments on the same 20,000 users, once with one salt for both,
# once with a salt for each:
# %%
users = range(20_000)


def in_treatment(salt):
    return pd.Series([place_checked(user, salt) >= 0.5 for user in users]).map({True: "treatment", False: "control"})


spring, summer = in_treatment("spring").rename("spring"), in_treatment("summer").rename("summer")
show(pd.crosstab(spring, in_treatment("spring").rename("summer, salted as spring"), normalize="index"))
show(pd.crosstab(spring, summer, normalize="index"), digits=3)
# %% [markdown]
# With one salt, everybody who was treated in spring is treated in summer. If the spring test annoyed them, summer
# inherits annoyed people, and calls it an effect. With its own salt, each experiment shuffles anew: of those who were
# treated in spring, about half are treated in summer. (The third bug, the whole percents, is gone as well: half a percent
# of the users are those with a place below 0.005.)
#
# `Experiment` of the library does this, with 53 bits of the same hash. Its `traffic` lets you begin small and let more
# people in:
# %%
from recsys_lab.experiment import Experiment, bucket

apart = max(abs(place_checked(user, "spring") - bucket(user, "spring")) for user in range(1000))
small = Experiment("reg-500", traffic=(0.0, 0.1)).assign(users)
large = Experiment("reg-500", traffic=(0.0, 0.5)).assign(users)
there = pd.notna(small)
show(
    {
        "largest difference to the library's bucket": round(apart, 8),
        "users in the small rollout": there.sum(),
        "of them still in the same variant later": (small[there] == large[there]).sum(),
    }
)
# %% [markdown]
# Nobody changes sides when the traffic grows. Keep it that way: change the *share of the variants* midway, and people do
# change sides. (Section 10 shows what else then goes wrong.)
#
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 50 minutes with the exercise.
#
# **Misconceptions.** "We assign at random and store it in Redis": then every service needs Redis, and the mobile
# client, too. "More units are better, so let us assign by request": the requests of one person are not independent,
# section 5 counts the damage.
#
# **To discuss.** Which unit for a change of the sign-up page? (The device or cookie: there is no user yet.) For a
# change of prices in a market place, where buyers and sellers meet? (Users are no longer independent; regions or days.)
# %% [markdown]
# ## 3. More than luck?
#
# One experiment: 2,000 people with the old lists, 2,000 with the new. The simplest question first: what share of them
# clicked **at least once** in two weeks?
# %%
from recsys_lab.experiment import Stats, two_proportions, welch

control = two_weeks(old, audience.crowd(2000))
treatment = two_weeks(new, audience.crowd(2000))
k_c, k_t = (control["clicks"] > 0).sum(), (treatment["clicks"] > 0).sum()
n_c, n_t = len(control), len(treatment)
p_c, p_t = k_c / n_c, k_t / n_t
show(share_in_control=p_c, share_in_treatment=p_t, effect=p_t - p_c)
# %% [markdown]
# `Stats` holds what a test must know of one **arm** (one group): its users, their mean and variance. Now by hand. Write
# $n_c$ and $n_t$ for the users of the two arms, $p_c$ and $p_t$ for the shares. Suppose for a moment that the
# list makes no difference: the **null hypothesis**. Then all users have one share $p$, which is best estimated from
# both arms together, and the difference of two such samples scatters around 0 with a known **standard error**, the usual
# size of its luck. The **z-statistic** says how many of these errors we are away from 0:
#
# $$z = \frac{p_t - p_c}{\sqrt{p (1 - p) \left( \frac{1}{n_c} + \frac{1}{n_t} \right)}}$$
#
# The **p-value** is the chance to be at least that far from 0, on either side, *if the null hypothesis holds*:
# $2 \Phi(-|z|)$, where $\Phi$ (`ndtr` in the code) is the normal distribution function.
# %%
p = (k_c + k_t) / (n_c + n_t)
z = (p_t - p_c) / np.sqrt(p * (1 - p) * (1 / n_c + 1 / n_t))
library = two_proportions(Stats.of_counts(k_c, n_c), Stats.of_counts(k_t, n_t))
show({"z": z, "p-value": 2 * ndtr(-abs(z)), "p-value, library": library.p_value})
# %% [markdown]
# Just above 0.05, so by the rule of the trade nothing was found. Now **clicks per user**, which are no longer 0 or 1.
# Write $m_c$ and $m_t$ for the two means, and $s_c^2$, $s_t^2$ for the variances between users. **Welch's test** does
# not pool the variances, so the arms may differ in size and in spread:
#
# $$t = \frac{m_t - m_c}{\sqrt{\frac{s_c^2}{n_c} + \frac{s_t^2}{n_t}}}$$
#
# With hundreds of users, $t$ is read like a $z$. (For few users there is Student's distribution; the library uses it
# always.) The root is the **standard error**, and 1.96 of it to both sides make the 95 % **interval**.
# %%
m_c, m_t = control["clicks"].mean(), treatment["clicks"].mean()
error = np.sqrt(control["clicks"].var() / n_c + treatment["clicks"].var() / n_t)
t = (m_t - m_c) / error
library = welch(Stats.of(control["clicks"]), Stats.of(treatment["clicks"]))
show({"effect": m_t - m_c, "standard error": error, "t": t, "p-value": 2 * ndtr(-abs(t)), "library": library.p_value})
show({"interval": (library.low, library.high), "truth": truth})
# %% [markdown]
# A better list, four thousand people, two weeks, and the interval still holds zero. Remember that feeling: an
# inconclusive experiment on a change that *works*. Section 4 says how to avoid it.
#
# ### A thousand experiments without an effect
#
# What is a test worth? Let it judge where you know the answer. An **A/A test** gives both groups the same list. We run a
# thousand of them with 500 users in each arm. All the library's functions take arrays, one entry an experiment.
# %%
EXPERIMENTS, USERS = 1000, 500


def repeat(lists, **how):
    """Clicks and impressions of EXPERIMENTS times USERS people: two arrays, one row an experiment."""
    part = two_weeks(lists, audience.crowd(EXPERIMENTS * USERS), **how)
    return [part[name].to_numpy().reshape(EXPERIMENTS, USERS) for name in ("clicks", "impressions")]


clicks_a, shown_a = repeat(old)
clicks_b, shown_b = repeat(old)
aa = welch(Stats.of(clicks_a), Stats.of(clicks_b))
aa_share = two_proportions(Stats.of_counts((clicks_a > 0).sum(1), USERS), Stats.of_counts((clicks_b > 0).sum(1), USERS))
for name, found in {"Welch, clicks per user": aa, "two proportions": aa_share}.items():
    show({f"{name}: A/A tests with p below 0.05, in percent": 100 * (found.p_value < 0.05).mean()})
# %% [markdown]
# Five percent, as it should be (a thousand tests know it to within about one and a half percentage points). That is what
# $\alpha = 0.05$ means: of a hundred changes that change nothing, five will be called an effect. It is the false alarm
# rate that you *chose*.
# %%
fig, ax = plt.subplots()
grid = np.linspace(-4, 4, 200)
ax.hist(aa.effect / aa.standard_error, bins=40, density=True, alpha=0.5, label="1,000 A/A tests")
ax.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color=PALETTE[1], label="normal distribution")
for edge in (-1.96, 1.96):
    ax.axvline(edge, color="#444444", linestyle="--")
ax.set(xlabel="t, the effect in standard errors", ylabel="density", xlim=(-4.2, 7))
ax.set_title("Luck alone: one A/A test in twenty lies outside")
ax.legend()
alt = "Histogram of t over A/A tests: a bell from -3 to 3 that follows the normal curve; dashed at -1.96 and 1.96."
figure_alt(fig, alt)
# %% [markdown]
# The bell is the surprise here, for single users are nothing like it:
# %%
show({f"clicks of single users, {q:.1%} are at most": np.quantile(clicks_a, q) for q in (0.5, 0.9, 0.99, 0.999)})
# %% [markdown]
# Most click little, one in a thousand about ninety times. But the *means* of 500 of them are normal enough, and that
# is what the test needs.
#
# ### A thousand experiments with an effect
#
# Now the new list against the old. The truth is known, so we can count how often the interval holds it:
# %%
clicks_new, shown_new = repeat(new)
ab = welch(Stats.of(clicks_a), Stats.of(clicks_new))
holds = (ab.low < truth) & (truth < ab.high)
show({"intervals that hold the truth, in percent": 100 * holds.mean(), "mean effect": ab.effect.mean(), "truth": truth})
# %% [markdown]
# This is the meaning of "95 % interval": a machine that makes such intervals is right 95 times in 100. Of *your*
# interval you cannot know which kind it is. Here are the first fifty, in orange those that miss the truth:
# %%
fig, ax = plt.subplots()
for i in range(50):
    color = PALETTE[0] if holds[i] else PALETTE[1]
    ax.plot([i, i], [ab.low[i], ab.high[i]], color=color)
    ax.plot(i, ab.effect[i], ".", color=color)
ax.axhline(truth, color=PALETTE[2], label="the truth")
ax.axhline(0, color="#444444", linestyle="--", label="no effect")
ax.set(xlabel="experiment", ylabel="effect, clicks per user", ylim=(-5, 5))
ax.set_title("Most intervals hold the truth, and most hold zero, too")
ax.legend(loc="lower right", ncols=2)
figure_alt(fig, "Fifty vertical intervals: nearly all cross the line of the truth at 0.7, most cross zero.")
# %% [markdown]
# The intervals are honest, and useless: they are so wide that most of them hold zero as well. With 500 users per arm,
# this effect cannot be told from luck.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes.
#
# **Misconceptions.** "p = 0.03: the change works with 97 % probability." No: p is computed *as if it did not work*.
# Quiz question 3 turns it round. "Not significant: there is no effect." All 1,000 experiments above have one.
#
# **To discuss.** Who would stop believing in the new list after the first experiment of this section? What would you have
# to know before you may?
# %% [markdown]
# ## 4. How many users, and how long?
#
# Two things can go wrong. A **false alarm**: the test says "effect" where there is none; its rate is $\alpha$. And a
# **miss**: there is one, and the test does not see it; its rate is $\beta$. The **power** $1 - \beta$ is the chance to
# see it. Usual are $\alpha = 0.05$ and a power of 0.8. In the thousand experiments above:
# %%
show({"power, counted": (ab.p_value < 0.05).mean()})
# %% [markdown]
# One in nine. And those lucky ones tell another lie:
# %%
lucky = ab.p_value < 0.05
show({"mean effect of all": ab.effect.mean(), "of the significant ones": ab.effect[lucky].mean(), "truth": truth})


# %% [markdown]
# To pass the threshold, a weak experiment must overstate: the significant ones report *three times* the true effect.
# This is the **winner's curse**. If your experiments are too small, your list of successes is a list of exaggerations.
#
# So plan. Let $\delta$ be the smallest effect that would matter to you, $\sigma^2$ the variance of the metric between
# users (last month's will do), and $z_q$ the point below which the normal distribution has the share $q$ (`ndtri(q)`).
# To have the power $1 - \beta$, each arm needs
#
# $$n = \frac{2 (z_{1 - \alpha/2} + z_{1 - \beta})^2 \sigma^2}{\delta^2}$$
#
# users. The effect stands squared below the line, and that is the whole economics of A/B testing.
# %% exercise="3.5.2"
def users_per_arm(effect, variance, alpha=0.05, power=0.8):
    """The users that each arm needs, a whole number, rounded up.

    effect: the smallest difference of the means that matters. variance: of the metric between users.
    """
    ### BEGIN SOLUTION
    z = ndtri(1 - alpha / 2) + ndtri(power)
    return math.ceil(2 * z**2 * variance / effect**2)
    ### END SOLUTION


# %% check="3.5.2"
users_checked = ex("3.5.2").check(users_per_arm)
# %% [markdown]
# How many for the effect that we know is there, and for half of it? The library's `plan_means` beside it:
# %%
from recsys_lab.experiment import days_needed, plan_means, power_means

variance = clicks_a.var()  # of half a million people with the old list
rows = [(e, users_checked(e, variance), plan_means(e, variance).n_control) for e in (2 * truth, truth, truth / 2)]
show(pd.DataFrame(rows, columns=["effect, clicks", "users per arm", "by the library"]))
# %% [markdown]
# Thousands of people in each arm for a lift of 7 %. And does the formula keep its promise? We give everybody a stronger
# and stronger push (`shift`), whose true effect the simulator knows, and count the significant results among the
# thousand experiments.
# %%
shifts = [0.1, 0.2, 0.3, 0.4, 0.5]
effects = [DAYS * (audience.value(old, shift=s) - per_visit["old"]) for s in shifts]
counted, variances = [], []
for s in shifts:
    pushed, _ = repeat(old, shift=s)
    counted.append((welch(Stats.of(clicks_a), Stats.of(pushed)).p_value < 0.05).mean())
    variances.append((variance + pushed.var()) / 2)  # the mean of the two arms
promised = [power_means(e, v, USERS, USERS) for e, v in zip(effects, variances)]
show(pd.DataFrame({"true effect": effects, "power, counted": counted, "power, formula": promised}))
# %% [markdown]
# It does, if it is told the variance of both arms: people who are pushed click more, and what is larger also varies
# more. With last month's variance alone you plan a little too few. In the picture, the formula for 500 users and for
# four times as many:
# %%
fig, ax = plt.subplots()
grid = np.linspace(0.01, effects[-1], 100)
spread = np.interp(grid, [0, *effects], [variance, *variances])
for n, style in ((USERS, "-"), (4 * USERS, "--")):
    curve = [power_means(e, v, n, n) for e, v in zip(grid, spread)]
    ax.plot(grid, curve, style, label=f"formula, {n:,} users per arm")
ax.plot([0, truth, *effects], [(aa.p_value < 0.05).mean(), lucky.mean(), *counted], "o", label="counted, 500 per arm")
ax.axhline(0.8, color="#444444", linewidth=1)
ax.set(xlabel="true effect, clicks per user", ylabel="power")
ax.set_title("Four times the users halve the effect that can be seen")
ax.legend(loc="lower right")
alt = "Power by true effect: 0.05 at zero, 0.84 at 3 clicks, dots on the curve; the dashed curve rises twice as fast."
figure_alt(fig, alt)
# %% [markdown]
# Follow the thin line at 0.8: with 500 users per arm it is reached just below three clicks, with four times the users
# at half of that. Our new list, at 0.7 clicks, lies far to the left of both.
#
# ### From users to days
#
# Users do not come all at once. How many *different* people are seen by day 1, 7, 14 and 28?
# %%
daily = np.stack([audience.arrivals(town) for _ in range(28)], axis=1)
seen = (daily.cumsum(axis=1) > 0).mean(axis=0)
table = pd.DataFrame({"day": [1, 7, 14, 28]})
table["seen so far, percent"] = 100 * seen[table["day"] - 1]
show(table, digits=3)
# %% [markdown]
# On the first day a good part of the town comes, in the second fortnight hardly anybody who is new. So doubling the
# time does not double the users; those who come early are the eager ones, and an experiment of one day is an experiment
# on them. Two rules follow: run for **whole weeks**, since Sundays and Mondays are different people, and count *new*
# users a day when you turn users into days:
# %%
plan = plan_means(truth, variance)
show({"users in all": plan.n, "divided by 1,500 new users a day": plan.n / 1500})
show({"days, in whole weeks": days_needed(plan, users_per_day=1500)})
# %% [markdown]
# Two weeks, then, until all have come. And our metric counts the clicks of *two weeks a person*: whoever comes on the
# last day is watched for two more before the result is read.


# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise.
#
# **Misconceptions.** "Just run it longer until it is significant": section 8. "We have a million users, so power is no
# issue": it is, as soon as you look for 0.1 %, or at one country.
#
# **To discuss.** Who should choose the smallest effect that matters? What is the price of a miss, what that of a false
# alarm?
# %% [markdown]
# ## 5. Clicks per impression
#
# Product people like the **click rate**: clicks divided by impressions. It is a number between 0 and 1 per impression,
# there are impressions in abundance, so a test of two proportions seems to fit. Our thousand A/A tests say what it is
# worth:
# %%
def naive(clicks_c, shown_c, clicks_t, shown_t):
    """Each impression is taken for an independent trial."""
    arms = [Stats.of_counts(y.sum(axis=1), x.sum(axis=1)) for y, x in ((clicks_c, shown_c), (clicks_t, shown_t))]
    return two_proportions(*arms)


naively = naive(clicks_a, shown_a, clicks_b, shown_b)
show({"impressions per arm": shown_a.sum(axis=1).mean()})
show({"A/A tests that the naive test calls an effect, in percent": 100 * (naively.p_value < 0.05).mean()})


# %% [markdown]
# Every second test of *nothing* is significant. With such a test, half of all useless changes are launched or
# rolled back, and somebody will even explain why.
#
# The reason is in the word *independent*. An arm has 70,000 impressions, but they belong to 500 people. Whoever
# likes films clicks on all of them more often. You do not have 70,000 opinions; you have 500, repeated.
#
# So go back to the unit that was assigned. For each user there are two numbers: clicks $y$ and impressions $x$. Write
# $\bar y$ and $\bar x$ for their means over the users of an arm, $s_y^2$ and $s_x^2$ for the variances, and $s_{xy}$
# for the covariance. The metric is
#
# $$R = \frac{\bar y}{\bar x}$$
#
# Both parts are random. With other users, $R$ would be larger or smaller by about the mean of $(y - R x) / \bar x$ over
# them: did they click more than their impressions foretell? That is a mean over users again, and its variance per user
# is known. This is the **delta method**:
#
# $$v = \frac{s_y^2 - 2 R s_{xy} + R^2 s_x^2}{\bar x^2}$$
#
# From here on it is Welch's test, with $v / n$ as the variance of an arm of $n$ users.
# %% exercise="3.5.3"
def ratio_effect(clicks_c, shown_c, clicks_t, shown_t):
    """The difference of two ratios of sums, treatment - control, and its standard error.

    Four arrays, one entry a user: clicks and impressions of the control, then those of the treatment.
    Returns (effect, standard error).
    """
    ### BEGIN SOLUTION
    rates, squares = [], 0.0
    for y, x in ((clicks_c, shown_c), (clicks_t, shown_t)):
        rate = y.sum() / x.sum()
        (v_y, s_xy), (_, v_x) = np.cov(y, x)
        squares += (v_y - 2 * rate * s_xy + rate**2 * v_x) / x.mean() ** 2 / len(y)
        rates.append(rate)
    return rates[1] - rates[0], np.sqrt(squares)
    ### END SOLUTION


# %% check="3.5.3"
ratio_checked = ex("3.5.3").check(ratio_effect)
# %% [markdown]
# Your function on all thousand A/A tests, and on the first of them beside the library's `ratio`:
# %%
from recsys_lab.experiment import PairStats, ratio

mine = np.array([ratio_checked(*arms) for arms in zip(clicks_a, shown_a, clicks_b, shown_b)])
by_delta = 2 * ndtr(-np.abs(mine[:, 0] / mine[:, 1]))
first = ratio(PairStats.of(clicks_a[0], shown_a[0]), PairStats.of(clicks_b[0], shown_b[0]))
show({"A/A tests called an effect, in percent": 100 * (by_delta < 0.05).mean()})
errors = {"yours": mine[0, 1], "the library's": first.standard_error, "the naive one": naively.standard_error[0]}
show({f"standard error, {name}": error for name, error in errors.items()})
# %% [markdown]
# Back to 5 %, within what a thousand tests can tell. The honest standard error is three times the naive one. In a
# picture: where nothing happens, p-values must be spread evenly from 0 to 1.
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), sharey=True)
bins = np.linspace(0, 1, 21)
left.hist(naively.p_value, bins=bins, color=PALETTE[1])
right.hist(by_delta, bins=bins, color=PALETTE[0])
for ax, name in ((left, "impressions as units"), (right, "users as units: delta method")):
    ax.axhline(EXPERIMENTS / 20, color="#444444", linestyle="--", label="what it should be")
    ax.set(xlabel="p-value", title=name)
left.set_ylabel("number of A/A tests")
left.legend()
fig.suptitle("The naive test cries wolf every second time", fontweight="bold")
figure_alt(fig, "Left: p-values pile up at 0, over 500 of 1,000. Right: about 50 in each of 20 bins, flat.")


# %% [markdown]
# A picture like this is the cheapest check of any experimentation platform. Take last month's log, split the users at
# random a thousand times, and look whether the p-values are flat. You need no simulator for that.
#
# (Why not take each user's own rate and average these? You may, but it is another metric: the casual visitor then
# counts as much as the one who comes daily. And which of the two got better may differ.)
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "More impressions, more evidence": only if they come from more people. "The delta method is an
# approximation, so it is second best": it is good from some hundred users on, and the naive test is wrong at any size.
#
# **To discuss.** Which of your dashboards shows a ratio of sums with an error bar, and whose error is it? (p95 latency
# per request has the same trouble: a few clients send most of the requests.)
# %% [markdown]
# ## 6. What was known before
#
# Most of the spread between users is no mystery. Somebody who clicked ninety times last month will click often this
# month, with either list. That part of the noise can be foretold, and what can be foretold can be taken off.
#
# You do this when you benchmark: measure each machine before the change and after it, and compare the differences.
# **CUPED** does it with as much of the past as is found again in the present. For each user, $y$ are the clicks during
# the experiment and $x$ those of the two weeks *before* it, when nobody had seen anything new. With the means,
# variances and the covariance now taken over the users of **both arms together**,
#
# $$y' = y - \theta (x - \bar x) \qquad\qquad \theta = \frac{s_{xy}}{s_x^2}$$
#
# Then compare the means of $y'$ with Welch's test. Because the variants were drawn by chance, $x$ has the same mean in
# both arms but for luck; so the effect stays what it is, and the luck is taken off. What remains of the variance is
#
# $$s_{y'}^2 = (1 - \rho^2) s_y^2$$
#
# where $\rho$ is the correlation of $y$ and $x$. A thousand experiments again, this time with a past:
# %%
def with_past(lists):
    """Clicks during the experiment and before it, (EXPERIMENTS, USERS) each, of the same people."""
    people = audience.crowd(EXPERIMENTS * USERS)
    parts = two_weeks(lists, people), two_weeks(old, people)
    return [part["clicks"].to_numpy().reshape(EXPERIMENTS, USERS) for part in parts]


y_c, x_c = with_past(old)
y_t, x_t = with_past(new)
show({"correlation with the two weeks before": np.corrcoef(y_c.ravel(), x_c.ravel())[0, 1]})


# %% [markdown]
# A colleague has already built it, and proudly shows intervals that are less than half as wide. Then somebody runs A/A
# tests (we make them by letting the first 500 controls play against the last 500):
# %%
def colleague(y_c, x_c, y_t, x_t):
    x, y = np.concatenate([x_c, x_t]), np.concatenate([y_c, y_t])
    theta = np.cov(y, x)[0, 1] / x.var(ddof=1)
    a_c, a_t = y_c - theta * (x_c - x_c.mean()), y_t - theta * (x_t - x_t.mean())
    return a_t.mean() - a_c.mean(), np.sqrt(a_c.var(ddof=1) / len(a_c) + a_t.var(ddof=1) / len(a_t))


def share_called(test, *arms):
    """The share of experiments in which |effect| exceeds 1.96 standard errors."""
    effects, errors = np.array([test(*arm) for arm in zip(*arms)]).T
    return (np.abs(effects / errors) > 1.96).mean()


aa_arms = y_c[:500], x_c[:500], y_c[500:], x_c[500:]
show({"colleague: A/A tests called an effect, in percent": 100 * share_called(colleague, *aa_arms)})


# %% exercise="3.5.4"
def cuped_effect(y_c, x_c, y_t, x_t):
    """The effect on the mean of y, treatment - control, given x, and its standard error.

    Four arrays, one entry a user: y during the experiment and x before it, of the control and of the treatment.
    theta comes from the users of both arms together. Returns (effect, standard error).
    """
    ### BEGIN SOLUTION
    x, y = np.concatenate([x_c, x_t]), np.concatenate([y_c, y_t])
    theta = np.cov(y, x)[0, 1] / x.var(ddof=1)
    a_c, a_t = y_c - theta * (x_c - x.mean()), y_t - theta * (x_t - x.mean())
    return a_t.mean() - a_c.mean(), np.sqrt(a_c.var(ddof=1) / len(a_c) + a_t.var(ddof=1) / len(a_t))
    ### END SOLUTION


# %% check="3.5.4"
cuped_checked = ex("3.5.4").check(cuped_effect)
# %% [markdown]
# Yours, on the same A/A tests; then on the thousand experiments with the new list, beside Welch's test:
# %%
from recsys_lab.experiment import cuped

show({"A/A tests called an effect, in percent": 100 * share_called(cuped_checked, *aa_arms)})
sharp = np.array([cuped_checked(*arms) for arms in zip(y_c, x_c, y_t, x_t)])
plain = welch(Stats.of(y_c), Stats.of(y_t))
library = cuped(PairStats.of(y_c, x_c), PairStats.of(y_t, x_t))
show({"largest difference to the library": np.abs(sharp[:, 0] - library.effect).max().round(12)})
# %% [markdown]
# The false alarms are gone. What is the gain worth? And does the formula for the remaining variance hold?
# %%
rho = (PairStats.of(y_c, x_c) + PairStats.of(y_t, x_t)).rho.mean()
show(
    {
        "power, Welch": (plain.p_value < 0.05).mean(),
        "power, CUPED": (library.p_value < 0.05).mean(),
        "CUPED intervals that hold the truth, percent": 100 * ((library.low < truth) & (truth < library.high)).mean(),
        "variance left, counted": (library.standard_error**2 / plain.standard_error**2).mean(),
        "1 - rho squared": 1 - rho**2,
    }
)
# %% [markdown]
# Four times the power, with the same people and the same clicks, and the intervals are as honest as before. Here are
# all thousand estimates of both kinds:
# %%
fig, ax = plt.subplots()
bins = np.linspace(-3, 4.5, 51)
ax.hist(plain.effect, bins=bins, alpha=0.6, color=PALETTE[5], label="plain difference of the means")
ax.hist(library.effect, bins=bins, alpha=0.6, color=PALETTE[0], label="CUPED")
ax.axvline(truth, color=PALETTE[2], label="the truth")
ax.axvline(0, color="#444444", linestyle="--", label="no effect")
ax.set(xlabel="estimated effect, clicks per user", ylabel="experiments of 1,000")
ax.set_title("Same people, same clicks, less luck")
ax.legend()
figure_alt(fig, "Two histograms around the truth at 0.7: plain estimates from -2 to 3.5, CUPED's from -0.5 to 2.")
# %% [markdown]
# Both are centred on the truth; one of them is much narrower. The variance falls to about a sixth, so a sixth of the
# users is enough:
# %%
sixth = plan_means(truth, variance, rho=rho)
show({"users per arm without a past": plan.n_control, "with CUPED": sixth.n_control})
# %% [markdown]
# A warning on the size of the miracle. Our people have a taste and a pace that never change, so the past tells a lot.
# Real ones do change, many are new and have no past at all (they get $x$ = mean, and no gain), and the gains that are
# published are nearer to half of the variance.
#
# And one on what may be $x$: **only what the treatment cannot touch.** The clicks of the experiment's own first week
# foretell the second, too. But the treatment is already in them, so a part of the effect would be taken off with the
# luck. (Quiz question 5 is such a case.) What was measured before the assignment is safe.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise.
#
# **Misconceptions.** "CUPED changes the metric": the expected effect is the same, only its noise is not. "Take the
# difference to last month, that is the same": that is theta = 1, and with a weak correlation it *adds* noise.
#
# **To discuss.** The bug of 3.5.4 makes intervals narrow and p-values small. Which review would have found it, which
# test did?
# %% [markdown]
# ## 7. Can the numbers be believed?
#
# The real experiment has run: 20,000 people, assigned by hash. Here is what the log has. (The function `gateway` stands
# for the service between assignment and log. Do not read it yet.)
# %%
from recsys_lab.course.exercises.e3_5 import gateway

people = data.users.set_index("user").loc[town, ["gender", "occupation", "age"]].reset_index()
people["age"] = pd.cut(people["age"], [0, 24, 39, 99], labels=["to 24", "25-39", "from 40"]).astype(str)
people["ratings"] = people["user"].map(data.ratings.groupby("user").size())
history = pd.cut(people["ratings"], [0, 49, 99, 299, 999], labels=["20-49", "50-99", "100-299", "from 300"])
people["history"] = history.astype(str)
people["variant"] = Experiment("reg-500").assign(people.index)

with_old, with_new = two_weeks(old, town)["clicks"], two_weeks(new, town)["clicks"]
people["clicks"] = np.where(people["variant"] == "treatment", with_new, with_old)
log = gateway(people)
# %% [markdown]
# (In the simulator everybody can live twice, once with the old list and once with the new. The experiment sees one of
# the two lives.) The result:
# %%
from recsys_lab.experiment import by_variant

result = welch(**by_variant(log, "clicks"))
true_percent = 100 * truth / DAYS / per_visit["old"]
show({"effect in percent": 100 * result.relative, "p-value": result.p_value, "truth in percent": true_percent})
# %% [markdown]
# A disaster: the better list *loses* clicks, and it is highly significant. No test of sections 3 to 6 finds anything
# wrong. Count the users:
# %%
counts = log["variant"].value_counts().to_dict()
show(counts | {"treatment's share in percent": 100 * counts["treatment"] / len(log)})
# %% [markdown]
# Planned was one half. Is that still luck? Compare the counts with what was expected. With $O_v$ for the users seen in
# variant $v$ and $E_v$ for the share that was planned, times all users seen, the **chi-square statistic** is
#
# $$\chi^2 = \sum_{v} \frac{(O_v - E_v)^2}{E_v}$$
#
# If the split is sound, it is about 1 on average for two variants, and above 10.8 once in a thousand times. The test is
# called that for **sample-ratio mismatch**, SRM.
# %%
from recsys_lab.experiment import srm

expected = len(log) / 2
by_hand = sum((count - expected) ** 2 / expected for count in counts.values())
checked = srm(counts, {"control": 0.5, "treatment": 0.5})
show({"chi-square": by_hand, "library": checked.statistic, "luck": bool(checked.p_value > 0.001)})


# %% [markdown]
# Not luck. People who were assigned to the treatment did not reach the log, and surely not just any people. **The
# analysis ends here, and a search begins.** It is a search that you are good at: `git bisect` for data. Cut the users
# into segments and see where the split breaks.
# %% exercise="3.5.5"
def culprit(users, columns, shares):
    """The segment whose split is most off, as (column, value).

    users: a frame, one row a user, with a column "variant" and these columns.
    columns: names of columns with few different values. shares: {variant: its planned share}.
    """
    ### BEGIN SOLUTION
    worst, found = -1.0, None
    for column in columns:
        for value, part in users.groupby(column):
            n = part["variant"].value_counts()
            statistic = sum((n.get(name, 0) - s * len(part)) ** 2 / (s * len(part)) for name, s in shares.items())
            if statistic > worst:
                worst, found = statistic, (column, value)
    return found
    ### END SOLUTION


# %% check="3.5.5"
culprit_checked = ex("3.5.5").check(culprit)
# %% [markdown]
# On our log:
# %%
column, value = culprit_checked(log, ["gender", "age", "occupation", "history"], {"control": 0.5, "treatment": 0.5})
split = log.groupby(column)["variant"].value_counts().unstack()
split["percent treated"] = 100 * split["treatment"] / split.sum(axis=1)
print(f"the split is worst where {column} is {value}")
show(split.sort_values("percent treated"), digits=3)
# %% [markdown]
# People with a long history, three hundred ratings and more, are missing from the treatment; below a hundred, the split
# is sound. What could depend on the length of the history? Now read the code:
#
# ```python
# milliseconds = 0.2 * people["ratings"] * noise
# in_time = (people["variant"] != "treatment") | (milliseconds < 60)
# return people[in_time]
# ```
#
# The old lists lie in a table. The new ones are computed on the request, in a time that grows with the history. After
# 60 ms the gateway gives up and sends the list for everybody. That answer did not come from the experiment, so nobody
# logged it. The keenest users are gone, from one arm only.
#
# The mend is one line, and it is about *where to count*: log the assignment when it is made, in both arms alike, before
# anything can fail. Whoever got the fallback list was still assigned to the treatment, and the time-out is a part of
# what the treatment does. Here everybody is counted (and the time-outs are mended, too). The last line is how a result
# of the library prints itself: effect and interval in clicks, the same in percent of the control, p:
# %%
mended = welch(**by_variant(people, "clicks"))
sound = srm(people["variant"].value_counts().to_dict(), {"control": 0.5, "treatment": 0.5})
show({"effect in percent": 100 * mended.relative, "split, p-value": sound.p_value})
print("all of it:", mended)
# %% [markdown]
# From a disaster to a win, with the same people and the same clicks. An SRM is a fever: it does not say what is wrong,
# and it means that no other number may be believed. It costs one line to check, so check it first, always, and let the
# report refuse to show results when it fails.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise.
#
# **Misconceptions.** "49 to 51 is close enough": with 20,000 people it is not, with 200 it is. "Weight the users so
# that the split is right again": those who are missing are not like those who are left.
#
# **To discuss.** Collect causes from the room: redirects, bot filters, crashes, ad blockers, a cache in front of one
# arm, an experiment that began earlier in one region. Which of them would a unit test find?
# %% [markdown]
# ## 8. Looking every morning
#
# The experiment is planned for twenty days. On day 6 the dashboard says p = 0.03. Stop and ship? Everybody does. Let us
# find out what it costs, with a test of the start page for newcomers: every day 100 new people arrive in each arm, and
# what counts are the clicks of their first visit. Both arms see the same list, so each "effect" is a false alarm. (The
# thousand experiments are drawn from a pool of 50,000 first visits.)
# %%
LOOKS, NEWCOMERS = 20, 100
pool = audience.totals(old, audience.crowd(50_000), np.ones(50_000, int))["clicks"].to_numpy(float)
rng = np.random.default_rng(3)
drawn = np.stack([rng.permutation(50_000)[: 2 * LOOKS * NEWCOMERS] for _ in range(EXPERIMENTS)])
visits = pool[drawn].reshape(EXPERIMENTS, 2, LOOKS * NEWCOMERS)


def morning_by_morning(visits):
    """Effect and standard error on all users so far, at each look: two arrays (experiments, looks)."""
    n = np.arange(1, LOOKS + 1) * NEWCOMERS
    mean = visits.cumsum(axis=-1)[..., n - 1] / n
    variance = ((visits**2).cumsum(axis=-1)[..., n - 1] - n * mean**2) / (n - 1)
    return mean[:, 1] - mean[:, 0], np.sqrt((variance / n).sum(axis=1))


effect, error = morning_by_morning(visits)
outside = np.abs(effect / error) > 1.96
show(
    {
        "called an effect on the last day, percent": 100 * outside[:, -1].mean(),
        "on any of the twenty mornings, percent": 100 * outside.any(axis=1).mean(),
    }
)


# %% [markdown]
# Each single morning the test is honest. But twenty mornings are twenty chances to be fooled, and you stop at the first
# one. A quarter of all useless changes would be called an effect, about as often a win as a loss. With more mornings it
# only gets worse: the line of an A/A test wanders, and sooner or later it leaves any fixed corridor. It is your flaky
# test, rerun until it is green.
#
# There are two honest ways out. **Do not look** until the planned end. Or use a p-value that may be looked at.
#
# ### A p-value for every morning
#
# Compare two stories about the data so far. Story 0: there is no effect. Story 1: there is one, drawn from a normal
# distribution around 0 with standard deviation $\tau$, the size of effects that one expects. Let $d_k$ be the estimated
# effect at look $k$, on all users so far, and $V_k$ its squared standard error. How much better does story 1 explain
# $d_k$? By the **likelihood ratio**
#
# $$\Lambda_k = \sqrt{\frac{V_k}{V_k + \tau^2}} \, e^{\frac{d_k^2 \tau^2}{2 V_k (V_k + \tau^2)}}$$
#
# If story 0 is true, $\Lambda$ is a fair game. A gambler who begins with one coin and plays fair games can become rich,
# but not often: the chance that the purse *ever* reaches 20 coins is at most 1/20 (Ville's inequality). So
#
# $$p_k = \min\left(1, \min_{j \le k} \frac{1}{\Lambda_j}\right)$$
#
# falls below 0.05 in at most 5 % of the experiments without an effect, **however often you look**. This is the mixture
# sequential probability ratio test, **mSPRT**.
# %% exercise="3.5.6"
def always_valid(effect, error, tau):
    """p-values that hold at all looks at once; they never rise.

    effect, error: arrays, the estimate and its standard error at each look, (looks,) or (experiments, looks).
    tau: the size of effects that one expects, above 0. Returns an array of the same shape.
    """
    ### BEGIN SOLUTION
    v = error**2
    ratio = np.sqrt(v / (v + tau**2)) * np.exp(effect**2 * tau**2 / (2 * v * (v + tau**2)))
    return np.minimum.accumulate(np.minimum(1, 1 / ratio), axis=-1)
    ### END SOLUTION


# %% check="3.5.6"
always_checked = ex("3.5.6").check(always_valid)
# %% [markdown]
# $\tau$ must be chosen before the data are seen. `best_tau` gives the one that is sharpest at the planned end, for
# which we need the standard error there: from the variance and the number of users. And a third way stands beside it,
# for those who look on planned days only: **spending bounds** share the 5 % out over the looks, very little to the
# early ones.
# %%
from recsys_lab.experiment import best_tau, msprt, spending_bounds

at_the_end = math.sqrt(2 * pool.var() / (LOOKS * NEWCOMERS))
tau = best_tau(at_the_end)
p_always = always_checked(effect, error, tau)
library = msprt(effect, error, tau)
bounds = spending_bounds(np.arange(1, LOOKS + 1) / LOOKS)
crossed = np.abs(effect / error) > bounds.z
show({"largest difference to the library": np.abs(p_always - library.p_value).max().round(12)})
show(
    {
        "false alarms in twenty looks, mSPRT, percent": 100 * (p_always[:, -1] < 0.05).mean(),
        "spending bounds, percent": 100 * crossed.any(axis=1).mean(),
    }
)
# %% [markdown]
# Now in pictures. On the left one of the A/A tests that fooled us, on the right all thousand:
# %%
fooled = np.flatnonzero((outside.sum(axis=1) == 1) & outside[:, 5:15].any(axis=1))[0]
days = np.arange(1, LOOKS + 1)
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
left.plot(days, (effect / error)[fooled], marker=".", label="one A/A test")
left.plot(days, bounds.z, color=PALETTE[2], label="spending bound")
left.plot(days, -bounds.z, color=PALETTE[2])
for edge in (-1.96, 1.96):
    left.axhline(edge, color="#444444", linestyle="--")
left.set(xlabel="day", ylabel="effect in standard errors", title="Out once, and back again", ylim=(-5, 5))
left.legend(loc="lower right")
ever = {"usual test, every day": outside, "spending bounds": crossed, "mSPRT": p_always < 0.05}
for (name, out), style in zip(ever.items(), ("-", "--", ":")):
    right.plot(days, 100 * np.maximum.accumulate(out, axis=1).mean(axis=0), style, label=name)
right.axhline(5, color="#444444", linewidth=1)
right.set(xlabel="day", ylabel="false alarms so far, percent", title="Looking costs, unless it is paid for")
right.legend()
for ax in (left, right):
    ax.set_xticks([1, 5, 10, 15, 20])
alt = (
    "Left: a path leaves 1.96 once and returns. Right: false alarms of the usual test climb to 26 %, others to 5 and 1."
)
figure_alt(fig, alt)
# %% [markdown]
# What do they cost where there *is* an effect? Newcomers again; the treated ones get a push of 0.2.
# %%
pushed = audience.totals(old, audience.crowd(50_000), np.ones(50_000, int), shift=0.2)["clicks"].to_numpy(float)
visits[:, 1] = pushed[drawn].reshape(EXPERIMENTS, 2, -1)[:, 1]
effect, error = morning_by_morning(visits)
t = np.abs(effect / error)
found = {"spending bounds": t > bounds.z, "mSPRT": always_checked(effect, error, tau) < 0.05}
rows = [("usual test, last day only", (t[:, -1] > 1.96).mean(), LOOKS)]
for name, out in found.items():
    stopped = np.where(out.any(axis=1), out.argmax(axis=1) + 1, LOOKS)  # on the first such day, or at the end
    rows.append((name, out.any(axis=1).mean(), stopped.mean()))
show(pd.DataFrame(rows, columns=["method", "effect found", "days, mean"]), digits=3)
# %% [markdown]
# The one look at the end finds the effect most often, and always takes twenty days. Spending bounds find it nearly as
# often and are done days earlier. mSPRT finds it less often within the twenty days; in return one may look whenever one
# likes, and go on beyond the plan.
#
# **Which one?** If the end is fixed and nobody looks: the usual test. If looks are planned: bounds. If people watch a
# dashboard: mSPRT, and for guardrails, where you want to stop *harm* at once, mSPRT too.
#
# One caution: all this is for users who arrive one after the other. If the *same* users collect more and more clicks, the
# estimates of successive days are closer to each other than these methods suppose. Then count each user once, on the day
# when their two weeks are over: so each look has new users again.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise.
#
# **Misconceptions.** "Then I take Bonferroni for twenty looks": valid and wasteful, the looks overlap nearly entirely.
# "Once it was significant it stays so": look at the left picture.
#
# **To discuss.** Before showing the number, let everybody guess the false alarms of twenty looks.
# %% [markdown]
# ## 9. No worse
#
# A launch needs a win in one metric and no harm in others: errors, time to answer, people who come back. These are
# **guardrails**, and the commonest mistake with them is one sentence: "no significant difference, so no harm".
#
# Take a change that does harm. A push of -0.3 makes people click less, and the share of those who click at least once
# falls. The truth is a formula: somebody who comes $a$ times a day on average, at any time, finds nothing to click in
# 14 days with the chance $e^{-14 a c}$, where $c$ is the chance of at least one click in a visit. Two rules judge the
# change: "ship unless significant harm is found", and "ship if more harm than that is ruled out". How often will each
# ship it? Guess before you run the cell.
# %%
from recsys_lab.experiment import non_inferior


def share_active(lists, **how):
    """The true share of users who click at least once in two weeks."""
    chances = audience.probabilities(lists, **how).reshape(len(audience.users), -1)
    a, c = audience.activity_, 1 - np.prod(1 - chances, axis=1)
    return (1 - np.exp(-DAYS * a * c)).mean()


harm = share_active(old) - share_active(old, shift=-0.3)
worse, _ = repeat(old, shift=-0.3)
arms = [Stats.of_counts((clicks > 0).sum(axis=1), USERS) for clicks in (clicks_a, worse)]
found = two_proportions(*arms)
guard = non_inferior(*arms, margin=harm)
show({"true harm in percentage points": 100 * harm})
show({"shipped since no significant harm was found, percent": 100 * (found.p_value >= 0.05).mean()})
show({"shipped since harm below that was shown, percent": 100 * guard.passed.mean()})
# %% [markdown]
# The first rule ships the harmful change in most of the thousand experiments. They have 500 users per arm and simply
# see nothing. **Absence of evidence is not evidence of absence**, and the rule rewards small experiments.
# `non_inferior` turns the burden of proof round: name the **margin**, the harm that you would accept, and demand that a
# harm of that size is ruled out. A change that does exactly that much harm then passes in 5 % of the cases.
#
# The price is users, once more. A guardrail has to be *planned* like a metric that you want to win.
#
# **Many metrics.** With twenty metrics, do not be surprised if one is significant (quiz question 2 says how often). Name
# one as **primary** before you start; for the others correct the p-values by their number, with `holm` from lesson 1.5,
# or with `benjamini_hochberg` if a share of false ones is bearable.
#
# %% [markdown]
# ## 10. Better every day, worse in total
#
# The rollout is careful. It starts on a Friday with 10 % of the newcomers. Nothing burns over the weekend, so on Monday
# it goes to 50 %. On weekends people have time, and click more (`shift=0.6`). Each day has its own newcomers, 20,000 of
# them.
# %%
WEEK = ["Fri", "Sat", "Sun", "Mon", "Tue", "Wed", "Thu"]
rows = []
for day in WEEK:
    weekend = day in ("Sat", "Sun")
    treated = 2_000 if day in ("Fri", "Sat", "Sun") else 10_000
    for variant, lists, n in (("control", old, 20_000 - treated), ("treatment", new, treated)):
        first = audience.totals(lists, audience.crowd(n), np.ones(n, int), shift=0.6 if weekend else 0.0)
        rows.append((day, variant, Stats.of(first["clicks"])))
days = pd.DataFrame(rows, columns=["day", "variant", "stats"]).set_index(["variant", "day"])["stats"]
means = days.map(lambda stats: stats.mean).unstack("variant").loc[WEEK]
show(means.assign(effect=means["treatment"] - means["control"]), digits=3)
# %% [markdown]
# Better on each of the seven days. And the week as a whole? The number, mean and variance that a `Stats` holds can be
# added up without the clicks themselves, so this is one line:
# %%
nobody = Stats(0, 0, 0)
week = {variant: sum(days[variant], nobody) for variant in ("control", "treatment")}
total = welch(week["control"], week["treatment"])
show({"control": total.control, "treatment": total.treatment, "effect": total.effect, "p-value": total.p_value})
# %% [markdown]
# Worse, and highly significant. In the picture, the dashed lines are the two means of the week:
# %%
fig, ax = plt.subplots()
for variant, color in (("control", PALETTE[6]), ("treatment", PALETTE[1])):
    ax.plot(WEEK, means[variant], marker="o", color=color, label=variant)
    ax.axhline(week[variant].mean, color=color, linestyle="--", label=f"{variant}, whole week")
ax.set(xlabel="day", ylabel="clicks per first visit", title="Above on each day, below in the week")
ax.legend()
alt = "The treatment's line lies above the control's on all days; its dashed weekly mean lies below the control's."
figure_alt(fig, alt)
# %% [markdown]
# This is **Simpson's paradox**. Nothing is wrong with the arithmetic: the two averages are of different mixtures. The
# control has its full part of the weekend, when everybody clicks; the treatment got most of its people on working days.
# The weekly means compare Saturdays with Tuesdays.
#
# The remedy is to compare like with like. Take the effect $d_s$ within each segment $s$ (here a day), and average with
# the segment's share $w_s$ of all users:
#
# $$d = \sum_{s} w_s d_s$$
# %%
from recsys_lab.experiment import stratified

fair = stratified(days["control"].to_dict(), days["treatment"].to_dict())
weights = pd.Series({day: days["control", day].n + days["treatment", day].n for day in WEEK})
by_hand = (weights / weights.sum() * (means["treatment"] - means["control"])).sum()


def first_visit(lists, **how):
    return audience.probabilities(lists, **how).sum() / len(audience.users)


true_by_day = [first_visit(new, shift=s) - first_visit(old, shift=s) for s in (0.0, 0.6, 0.6, 0.0, 0.0, 0.0, 0.0)]
show({"effect by hand": by_hand, "library": fair.effect})
show({"interval": (fair.low, fair.high), "truth": np.mean(true_by_day)})
# %% [markdown]
# The sign is right again, and the truth is inside. Two ways to need no remedy: keep the split as it is while you
# measure, and start counting anew after a change of the split. Segment by what was known *before* the assignment, such
# as the day or the country. Never by what came after, such as "people who clicked".
#
# %% [markdown] instructor=true
# **Timing.** Sections 9 and 10: 30 minutes.
#
# **Misconception.** "Always believe the segments": only if the segment was fixed before the treatment could touch it.
#
# **To discuss.** A total error rate that fell although it rose in each data centre. What happened? (Traffic moved to
# the better one.)
# %% [markdown]
# ## 11. New is interesting, for a while
#
# Section 1 switched on `novelty=0.3`: a list by a changed system draws attention just because it is different, and that
# wears off, by half every five days. (With another sign it is **primacy**: people dislike change, and get used to it.)
# So far `age` was never given, and the effect slept. Now the new list is launched on day 0 and watched for four weeks:
# %%
rows = []
for day in range(28):
    arms = []
    for lists, age in ((old, None), (new, day)):
        crowd = audience.crowd(20_000)
        today = audience.totals(lists, crowd, audience.arrivals(crowd), age=age)
        arms.append(Stats.of(today["clicks"]))
    found = welch(*arms)
    rows.append((day, 100 * found.relative, 100 * found.relative_low, 100 * found.relative_high))
by_day = pd.DataFrame(rows, columns=["day", "lift", "low", "high"]).set_index("day")
known = [100 * (audience.value(new, age=day) / per_visit["old"] - 1) for day in by_day.index]
lasting = 100 * (per_visit["new"] / per_visit["old"] - 1)
show({"lift in week 1, percent": by_day["lift"][:7].mean(), "week 4": by_day["lift"][21:].mean(), "for good": lasting})
# %% [markdown]
# Day by day, with the truth that the simulator knows:
# %%
fig, ax = plt.subplots()
errors = np.abs(by_day[["low", "high"]].to_numpy().T - by_day["lift"].to_numpy())
ax.errorbar(by_day.index, by_day["lift"], yerr=errors, fmt="o", markersize=4, label="measured, with 95 % interval")
ax.plot(by_day.index, known, color=PALETTE[2], label="the truth of the day")
ax.axhline(lasting, color="#444444", linestyle="--", label="what stays")
ax.set(xlabel="days since the launch", ylabel="lift in percent", title="The first week sees more than will last")
ax.legend()
figure_alt(fig, "The daily lift falls from about 25 percent on day 0 towards 7 percent after four weeks.")
# %% [markdown]
# Whoever stops after one week reports more than twice what will last. It is no noise, so more users do not help; only
# time does. Plot the effect by day, as here. If it falls, run on until it is flat, or look at people for whom
# everything is new anyway: newcomers have no old habits.
#
# %% [markdown] instructor=true
# **Timing.** Sections 11 and 12: 30 minutes.
#
# **Misconception.** "A falling curve proves novelty." The eager users come first, so the mixture of people changes as
# well; compare the days within people who came from the start.
#
# **To discuss.** For which changes would you expect primacy? Who pays for four weeks of waiting?
# %% [markdown]
# ## 12. The whole experiment, in order
#
# Now everything once, as a routine. **Before**: primary metric clicks per user in two weeks with CUPED; smallest effect
# that matters, 5 %; guardrail, the share of users who click at least once, no worse than by 2 percentage points. Each
# needs its users:
# %%
from recsys_lab.experiment import plan_proportions

smallest = 0.05 * clicks_a.mean()
for_primary = plan_means(smallest, variance, rho=rho).n_control
for_guard = plan_proportions((clicks_a > 0).mean(), -0.02, alpha=0.1).n_control  # 5 % on the one side that harms
show({"users per arm, primary metric": for_primary, "guardrail": for_guard})
# %% [markdown]
# The guardrail is the more expensive one here, so it sets the size: 11,000 people, half of them treated. **After**, the
# questions come in a fixed order.
# %%
crowd = audience.crowd(11_000)
final = pd.DataFrame({"person": np.arange(len(crowd)), "before": two_weeks(old, crowd)["clicks"].to_numpy()})
final["variant"] = Experiment("reg-500-final").assign(final["person"])
worlds = {"control": two_weeks(old, crowd), "treatment": two_weeks(new, crowd)}
for name in ("clicks", "impressions"):
    both = [worlds[v][name].to_numpy() for v in ("control", "treatment")]
    final[name] = np.where(final["variant"] == "treatment", both[1], both[0])
final["active"] = (final["clicks"] > 0).astype(int)
final.head(4)
# %% [markdown]
# Split, guardrail, primary metric, and only then whatever else is of interest. The order matters: each line decides
# whether the next may be read. Before you run the cell, say for each line what you would have to see to stop there.
# %%
split = srm(final["variant"].value_counts().to_dict(), Experiment("reg-500-final").shares)
active = by_variant(final, "active")
guard = non_inferior(active["control"], active["treatment"], margin=0.02)
primary = cuped(**by_variant(final, "clicks", "before"))
rate = ratio(**by_variant(final, "clicks", "impressions"))
print("1. split sound?   ", "yes" if split.p_value > 0.001 else "NO: stop")
print("2. guardrail held?", "yes" if guard.passed else "not shown", f"(worst case {100 * guard.worst:+.1f} points)")
print("3. clicks per user, CUPED:     ", primary)
print("4. clicks per impression:      ", rate)
print(f"   the truth: {truth:+.4f} clicks per user, {true_percent:+.1f} %")
# %% [markdown]
# The split is sound, the guardrail holds, the primary metric rose and its interval holds the truth. Ship it. And write
# down: what was planned, what was found, and that the effect is measured in the first two weeks (section 11).
#
# ## From scratch, then the library
#
# You have built six functions, and each was compared with `recsys_lab` where it was built. Now outsiders. **SciPy** has
# Welch's test and chi-square, **statsmodels** the test of two proportions, the planning and the regression that CUPED
# is a special case of, and **tea-tasting** is made for A/B tests: it has the delta method, CUPED and the split. All of
# them judge the experiment of section 12:
# %%
import statsmodels.api as sm
import tea_tasting as tt
from scipy import stats as scipy_stats
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportions_ztest

report = tt.Experiment(
    clicks=tt.Mean("clicks"),
    sharper=tt.Mean("clicks", "before"),
    rate=tt.RatioOfMeans("clicks", "impressions"),
    split=tt.SampleRatio(),
).analyze(final, control="control")

c, t = (final[final["variant"] == variant] for variant in ("control", "treatment"))
# %% [markdown]
# One row a method: what we say, what they say, and the difference.
# %%
ours = welch(**by_variant(final, "clicks"))
successes, sizes = [t["active"].sum(), c["active"].sum()], [len(t), len(c)]
my_ratio = ratio_checked(*(part[name].to_numpy() for part in (c, t) for name in ("clicks", "impressions")))
my_cuped = cuped_checked(*(part[name].to_numpy() for part in (c, t) for name in ("clicks", "before")))
their_n = NormalIndPower().solve_power(smallest / math.sqrt(variance), alpha=0.05, power=0.8)
comparison = [
    ("two proportions, p", "statsmodels", two_proportions(**active).p_value, proportions_ztest(successes, sizes)[1]),
    ("Welch, p", "SciPy", ours.p_value, scipy_stats.ttest_ind(t["clicks"], c["clicks"], equal_var=False).pvalue),
    ("Welch, p", "tea-tasting", ours.p_value, report["clicks"].pvalue),
    ("ratio, your effect", "tea-tasting", my_ratio[0], report["rate"].effect_size),
    ("ratio, p", "tea-tasting", rate.p_value, report["rate"].pvalue),
    ("CUPED, your effect", "tea-tasting", my_cuped[0], report["sharper"].effect_size),
    ("CUPED, p", "tea-tasting", primary.p_value, report["sharper"].pvalue),
    ("split, p", "SciPy", split.p_value, scipy_stats.chisquare(sizes).pvalue),
    ("split, p", "tea-tasting", split.p_value, report["split"].pvalue),
    ("users per arm", "statsmodels", users_checked(smallest, variance), math.ceil(their_n)),
]
table = pd.DataFrame(comparison, columns=["what", "compared with", "ours", "theirs"])
table["difference"] = (table["ours"] - table["theirs"]).abs().round(9)
show(table)
# %% [markdown]
# Equal, but for one row: for the split, tea-tasting corrects for counts being whole numbers (a *continuity
# correction*), and we and SciPy do not. The same name, another number; look before you compare. mSPRT is in none of the
# three, which is why you had to write it.
#
# And the regression? CUPED is a linear regression of lesson 1.3 with two features, the variant and the past:
# %%
features = sm.add_constant(np.column_stack([final["variant"] == "treatment", final["before"]]).astype(float))
regression = sm.OLS(final["clicks"].to_numpy(float), features).fit(cov_type="HC1")
show(
    {
        "effect by regression": regression.params[1],
        "by CUPED": primary.effect,
        "errors": (regression.bse[1], primary.standard_error),
    }
)
# %% [markdown]
# Nearly the same, not equal: the regression finds $\theta$ within the arms, CUPED over both together, and with
# thousands of users that makes no difference that matters.
#
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Most ideas fail.** Microsoft reported that of the well-designed experiments meant to improve a key metric, about
#   one third did (Kohavi et al. 2009). That is the prior to have in mind when a p-value is small; quiz question 3 does
#   the arithmetic.
# - **MSN's lost readers.** A carousel with 16 cards instead of 12 seemed to do harm. The split was 49.8 to 50.2 instead
#   of even, and the alarm for sample-ratio mismatch rang. The cause: the treatment engaged people so much that the
#   heaviest users were taken for bots and filtered out. Mended, it was a clear win (told by Microsoft's experimentation
#   team).
# - **CUPED** comes from Bing, where it cut the variance by about half: the same power with half the users or half the
#   time (Deng et al. 2013). **Netflix** compared it with stratified sampling, and recommends adjusting *after* the
#   assignment, by CUPED or post-stratification, to balancing the groups at the assignment (Xie and Aurisset 2016).
# - **Always-valid p-values** were put on a public dashboard by Optimizely, because its customers looked every day
#   whatever they were told (Johari et al. 2017). Netflix uses sequential tests for software canaries, where a harmful
#   release must be stopped early (Lindon et al. 2024).
#
# ## In the interview
#
# **"The new ranking model shows +2 % clicks, p = 0.04. Do we ship it?"** A good answer asks, in this order:
#
# 1. *Is the split sound?* Users per variant against the plan. If not, stop.
# 2. *What was the plan?* Primary metric, size, end. Was 0.04 read at the planned end, or on the first lucky morning?
#    How many metrics were looked at?
# 3. *What is the unit?* If clicks per impression were tested, were users the units (delta method)?
# 4. *How large, how sure?* The interval, not only p. Was the experiment strong enough, or is +2 % a winner's curse?
# 5. *What about harm?* Guardrails with margins: latency, people who return, concentration on few films.
# 6. *Will it last?* Effect by day; whole weeks; newcomers apart. Was the split changed on the way (Simpson)?
# 7. *Then decide*, with the cost of both mistakes: a launch that can be rolled back needs less certainty than one that
#    cannot.
#
# ## Take-aways
#
# - Before-and-after measures the weather. Compare at the same time, with people chosen by a salted hash.
# - The unit of the analysis is the unit of the assignment. Impressions of one user are not independent.
# - Plan: users per arm are about $16 \sigma^2 / \delta^2$. Small experiments miss, and exaggerate when they do not.
# - What was known before is not noise: CUPED leaves $1 - \rho^2$ of the variance. Only what the treatment cannot touch
#   may be used.
# - A wrong split ends the analysis. Count the assignment, where it is made.
# - A p-value holds for one look. Look daily only with a method that is made for it.
# - "Not significant" is not "harmless". Name a margin.
# - Never pool over a change of the split; plot the effect by day.
# - Run A/A tests: they find a broken method without knowing any truth.
#
# ## Further reading
#
# - R. Kohavi, D. Tang, Y. Xu: *Trustworthy Online Controlled Experiments*. Cambridge University Press 2020. Chapters 3
#   (pitfalls, with Simpson's paradox), 14 (the unit), 17 (statistics), 18 (variance), 19 (A/A tests), 21 (sample-ratio
#   mismatch). The one book to read.
# - R. Kohavi, T. Crook, R. Longbotham et al.: *Online Experimentation at Microsoft*. 2009.
# - D. Tang, A. Agarwal, D. O'Brien, M. Meyer: *Overlapping Experiment Infrastructure: More, Better, Faster
#   Experimentation*. KDD 2010. Layers and hashing.
# - A. Deng, Y. Xu, R. Kohavi, T. Walker: *Improving the Sensitivity of Online Controlled Experiments by Utilizing
#   Pre-Experiment Data*. WSDM 2013, section 3. CUPED.
# - H. Xie, J. Aurisset: *Improving the Sensitivity of Online Controlled Experiments: Case Studies at Netflix*. KDD
#   2016.
# - A. Deng, U. Knoblich, J. Lu: *Applying the Delta Method in Metric Analytics*. KDD 2018, sections 2 and 3.
# - A. Fabijan, J. Gupchup, S. Gupta et al.: *Diagnosing Sample Ratio Mismatch in Online Controlled Experiments*. KDD
#   2019. A taxonomy of causes.
# - R. Johari, P. Koomen, L. Pekelis, D. Walsh: *Peeking at A/B Tests: Why It Matters, and What to Do About It*. KDD
#   2017. mSPRT for A/B tests.
# - K. Lan, D. DeMets: *Discrete Sequential Boundaries for Clinical Trials*. Biometrika 70, 1983. Spending.
# - M. Lindon, C. Sanden, V. Shirikian et al.: *Sequential A/B Testing Keeps the World Streaming Netflix, Part 1*.
#   Netflix Technology Blog 2024.
# - E. Simpson: *The Interpretation of Interaction in Contingency Tables*. Journal of the Royal Statistical Society B
#   13, 1951.
