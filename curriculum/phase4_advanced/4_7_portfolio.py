# ---
# lesson:
#   id: "4.7"
#   title: "The portfolio"
#   phase: 4
#   minutes: 180
#   prerequisites: ["4.6"]
#   objectives:
#     - "State a result with as many digits as its interval allows, and say which numbers may stand beside each other"
#     - "Find what a plot exaggerates, and by how much"
#     - "Find the group that a mean hides, and the one that a metric skips"
#     - "Build a repository of your own work in which each number can be traced to its measurement"
# ---
# %% [markdown]
# ## What you already know
#
# You have written release notes, runbooks and incident reports. A portfolio is closest to the last: somebody who does not know you
# wants to know what happened, how you know, and what you would do next. They read for two minutes, and they look for the one sentence
# that does not hold.
#
# | you know | here |
# |---|---|
# | a status page that is fed by monitoring, and not by hand | a README whose numbers come from a file that was measured |
# | a benchmark without hardware and version is worth nothing | a metric without its protocol is worth nothing |
# | a post-mortem names what is not known | a model card names whom the model serves badly |
# | secrets and customers' data do not belong into a repository | nor do ratings, and a model file holds them |
#
# This lesson has no new model. It practises four things on which portfolios fail: digits, comparisons, pictures, people. Then a command builds
# yours, and another one tries to find what is wrong with it.
# %% [markdown] instructor=true
# **Timing (180 minutes).** Sections 1 to 3 with exercises 1 to 3: 75 minutes. Sections 4 and 5: 45. The rest is for the learner's own repository, best
# in pairs: each reads the other's README for two minutes with a clock, and then says what was built, for whom, and how good it is.
#
# **Common misconceptions.** Intervals that overlap mean "equal". More digits are more exact. A weakness that is admitted costs the job.
# %%
from recsys_lab.course.environment import needs

needs("phase4")  # `make lab PHASE=4` brings what this phase needs

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from scipy.stats import bootstrap

from recsys_lab import EASE, Popularity, TruncatedSVD, compare, datasets
from recsys_lab.course import figure_alt, leaderboard, show, start
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.metrics import bootstrap_mean

ex, quiz = start("4.7")
train, test = leaderboard.split()
people = datasets.load("ml-100k").users.set_index("user")
# %% [markdown]
# ## 1. A number and its interval
#
# Three models of phases 2 and 4, on the split of the leader-board: the most rated films, a factorization, and EASE. What may you write about them?
# Here is what was measured, with all the digits that a computer likes to print.
# %%
models = {"most rated": Popularity(), "PureSVD": TruncatedSVD(), "EASE": EASE(threshold=4.0)}
results = {name: evaluate_ranking(model.fit(train), test, k=10, relevant=4.0) for name, model in models.items()}
board = pd.DataFrame({name: result["ndcg@10"]._asdict() for name, result in results.items()}).T
show(board[["mean", "low", "high", "users"]].astype(float), digits=6)


# %% [markdown]
# The interval of EASE is some three hundredths wide. So already its second decimal may be another one with other users, the third is a guess, and from the fourth on the digits say nothing at all.
# They still do harm: six digits look like care, and somebody will compare them with another six. A simple rule keeps a reader able to compute, and claims no
# more than you know: show **two significant digits of half the interval's width**, and give the mean and both ends the same number of places.
# %% exercise="4.7.1"
def stated(mean, low, high):
    """Mean and interval as text, such as "0.359 (0.342 to 0.376)"."""
    ### BEGIN SOLUTION
    places = max(0, 1 - int(np.floor(np.log10((high - low) / 2))))
    return f"{mean:.{places}f} ({low:.{places}f} to {high:.{places}f})"
    ### END SOLUTION


# %% check="4.7.1"
stated_checked = ex("4.7.1").check(stated)
# %% [markdown]
# Now the same three results can be read. The picture shows them as dots with intervals. A dot has a place and no length, which will matter in section 3.
# %%
for name, row in board.iterrows():
    print(f"{name:<12}{stated_checked(row['mean'], row['low'], row['high'])}")
fig, ax = plt.subplots(figsize=(7, 2.4))
reach = [board["mean"] - board["low"], board["high"] - board["mean"]]
ax.errorbar(board["mean"], board.index, xerr=reach, fmt="o", capsize=4)
ax.set(xlabel="nDCG@10 with its 95 % interval", title="Two models are far from the most rated films", ylim=(-0.6, 2.6))
figure_alt(
    fig, "Dots with intervals: most rated near 0.17, PureSVD near 0.37 and EASE near 0.385, whose intervals overlap."
)
plt.show()
# %% [markdown]
# The intervals of PureSVD and EASE overlap. Are the two equally good? You cannot tell from this picture. Each interval says how far *one* mean may be off, and most of
# that is luck with the users: some have many hidden favourites, some have few. But both models had the **same** users. So subtract user by user first,
# and ask for the interval of the difference, as in lesson 2.7. That is one call.
# %%
paired = compare({name: results[name] for name in ("EASE", "PureSVD")}, "ndcg@10")
show(paired[["model", "other", "difference", "low", "high", "better"]], digits=3)
# %% [markdown]
# The difference is small, and its interval leaves zero out. A sentence that holds: *"On one split of MovieLens 100K, EASE finds a little more than PureSVD: the nDCG@10 is
# higher by this much, with this interval, paired by user."* It is longer than "EASE wins", and nobody can take it apart.
#
# ### From scratch, then the library
#
# Whoever writes an interval is asked where it comes from. In lesson 4.6 it was 1.96 standard errors on either side. Here it is the **bootstrap** (Efron 1979), and that
# takes five lines. We have one sample of users, and would like to know how the mean moves from sample to sample. So draw as many users *from ours*, with replacement, take the
# mean, and do that two thousand times. The middle 95 % of these means are the interval. The same is done by the library's `bootstrap_mean`, and by `scipy.stats.bootstrap`:
# %%
gains = (results["EASE"].users["ndcg@10"] - results["PureSVD"].users["ndcg@10"]).dropna().to_numpy()
draws = np.random.default_rng(1).choice(gains, size=(2000, len(gains)))  # each row: as many users again
by_hand = [gains.mean(), *np.quantile(draws.mean(axis=1), [0.025, 0.975])]
scipys = bootstrap((gains,), np.mean, n_resamples=2000, method="percentile", rng=2).confidence_interval
half = 1.96 * gains.std(ddof=1) / np.sqrt(len(gains))
ways = pd.DataFrame(
    {
        "by hand": by_hand,
        "bootstrap_mean": bootstrap_mean(gains, seed=3)[:3],
        "SciPy": [gains.mean(), scipys.low, scipys.high],
        "1.96 standard errors": [gains.mean(), gains.mean() - half, gains.mean() + half],
    },
    index=["mean", "low", "high"],
).T
show(ways, digits=2)
ends = ways[["low", "high"]]
show(
    {
        "largest difference between the first three, as a share of half the width": np.ptp(ends.iloc[:3], axis=0).max()
        / half,
        "and with the fourth": np.ptp(ends, axis=0).max() / half,
    },
    digits=1,
)
# %% [markdown]
# Four ways, one interval, up to some hundredths of half its width. Three of them draw by lot, each with a seed of its own, so they differ from each other as much as they do from themselves with another seed.
# That, too, is a reason for the rule of two digits: the third one is the bootstrap's own noise.
#
# ## 2. Which numbers may stand beside each other?
#
# In one table, readers compare. So whoever puts two numbers into one table claims that they can be compared. Each of these pairs was found side by side in
# somebody's README:
#
# - **A.** EASE and PureSVD, above: trained on the same part, judged on the same hidden ratings, each ranking all films that a user has not rated.
# - **B.** My model's hit rate, where each hidden film stands among 100 random others; a library's hit rate, where it stands among all 1,682. Same users, same hidden films.
# - **C.** My nDCG@10 over all users; a paper's nDCG@10 over users with at least 20 hidden ratings. Same data set.
# - **D.** My nDCG@10; my colleague's nDCG@100. Same split.
# - **E.** My model's RMSE on the hidden part, the best of forty values of `reg` that were tried there; a baseline's RMSE on the same part, with its defaults.
# - **F.** My model, written in another language, read its training part from a file; the library's model. One evaluation function judged the lists of both: same hidden rows, same k, all films.
# %% exercise="4.7.2"
### BEGIN SOLUTION
pairs = {
    "A": "comparable",
    "B": "other candidates",
    "C": "other test data",
    "D": "other metric",
    "E": "chosen on the test part",
    "F": "comparable",
}
### END SOLUTION
# %% check="4.7.2"
pairs_checked = ex("4.7.2").check(pairs)
# %% [markdown]
# Pair E is the one that honest people fall for. Nobody cheated: each of the forty runs was correct. But the best of forty draws is better than a fair draw, and the more you try the
# better it looks. And the baseline got one try for your forty: who compares gives both sides the same effort. Choose on a validation part that you cut out of the training part, and open the hidden part once.
#
# ## 3. A plot that misleads without a wrong number
#
# Here are two pictures of the same two means. In which of them is EASE twice as good?
# %%
two = board.loc[["PureSVD", "EASE"], "mean"]
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2))
for ax, bottom, title in zip(axes, (0.35, 0.0), ("Axis from 0.35", "Axis from 0")):
    ax.bar(two.index, two)
    ax.set(ylim=(bottom, 0.4), ylabel="nDCG@10", title=title)
figure_alt(
    fig,
    "The same two bars twice: with an axis from 0.35 EASE looks nearly twice as high as PureSVD; from 0 they look alike.",
)
plt.show()


# %% [markdown]
# A bar says its number by its *length*. If the axis begins at 0.35, the length is what is left above 0.35, and the eye compares lengths, whatever stands at the ticks. Tufte gave
# the exaggeration a number in 1983, the *lie factor*: the size of the effect in the picture, over the size of the effect in the data. For bars of the values $x$ and $y$ on an axis that begins at $b$, with the
# effect as a relative change:
#
# $$L = \frac{(y - b) / (x - b) - 1}{y / x - 1}$$
# %% exercise="4.7.3"
def lie_factor(first, second, bottom):
    """Relative change of the bars' lengths over relative change of the values."""
    ### BEGIN SOLUTION
    drawn = (second - bottom) / (first - bottom) - 1
    return drawn / (second / first - 1)
    ### END SOLUTION


# %% check="4.7.3"
lie_checked = ex("4.7.3").check(lie_factor)
# %%
show(from_zero=lie_checked(*two, 0.0), from_035=lie_checked(*two, 0.35), digits=2)


# %% [markdown]
# The left picture exaggerates by a factor of about nineteen, and no number in it is wrong. That is why a portfolio's plots should be dots with intervals, or bars from zero. `portfolio build`
# draws only these two kinds.
#
# ## 4. Whom does the mean hide?
#
# A model card has a section about those whom the model serves badly. An empty one is the first thing that a careful reader sees. MovieLens 100K knows its users' occupations, so we can ask: whose lists
# does EASE fill well, and whose badly? The mean of a handful of people is chance, so a group needs some size. And there is a trap. A user without a single hidden film of four stars or more
# has no nDCG at all. Such users are NaN in the table, and they must not count as judged.
# %% exercise="4.7.4"
def served(values, groups, least=30):
    """The mean of each group with at least `least` judged users, the worst first."""
    ### BEGIN SOLUTION
    by = values.groupby(groups)
    return by.mean()[by.count() >= least].sort_values()
    ### END SOLUTION


# %% check="4.7.4"
served_checked = ex("4.7.4").check(served)
# %%
per_user = results["EASE"].users["ndcg@10"]
jobs = people["occupation"].reindex(per_user.index)
means = served_checked(per_user, jobs)
fig, ax = plt.subplots(figsize=(7, 3.6))
ax.barh(means.index, means)
ax.axvline(per_user.mean(), color="#444444", linestyle="--", label="all users")
ax.set(xlabel="mean nDCG@10 of EASE", title="Not everybody is served alike")
ax.legend(loc="lower right")
figure_alt(
    fig,
    "Bars of mean nDCG@10 by occupation, for groups of at least 30 judged users, with a dashed line at the mean of all.",
)
plt.show()
show(
    groups=jobs.nunique(),
    shown=len(means),
    users_in_groups_left_out=int((~jobs.isin(means.index)).sum()),
    users_not_judged=int(per_user.isna().sum()),
)
# %% [markdown]
# Scientists come last, executives first. Two kinds of people are not in this picture: those in small groups, and those whom the metric skips. A model card names both, with their number. It also says what the bars do *not* show: each has an interval that
# is not drawn here, and of so many groups one must come last, even if occupation means nothing. How far down does luck alone put the last one, and how far up the first? Deal the users' results out to the same groups at random, many times, and look:
# %%
rng = np.random.default_rng(4)
judged = per_user.dropna()
dealt = [served_checked(pd.Series(rng.permutation(judged), judged.index), jobs) for _ in range(1000)]
last, first = np.array([[one.iloc[0], one.iloc[-1]] for one in dealt]).T
show(
    last_measured=means.iloc[0],
    last_in_the_middle_of_the_deals=np.median(last),
    deals_with_a_last_as_low=(last <= means.iloc[0]).mean(),
    first_measured=means.iloc[-1],
    deals_with_a_first_as_high=(first >= means.iloc[-1]).mean(),
    digits=2,
)
# %% [markdown]
# Chance alone puts the last group well below the mean of all, and now and then as low as the scientists. So nobody has shown that they are served worse; nobody has shown the contrary either, with so few of them. The executives at the top are harder
# to put down to luck. "We have looked at these ten groups, and found none that is clearly served worse than chance would have it" is an honest answer. "It is fair" is none.
#
# ## 5. A bullet without proof
#
# A bullet in a résumé is the shortest result section that there is. The next cell prints what was measured, and six bullets of an imagined applicant, who has built the EASE recommender above and measured it.
# %%
gain = compare({name: results[name] for name in ("EASE", "most rated")}, "ndcg@10").iloc[0]
sign = 1 if gain["model"] == "EASE" else -1
difference, ends = sign * gain["difference"], sorted((sign * gain["low"], sign * gain["high"]))
print(f"measured: EASE minus most rated, nDCG@10: {difference:.3f} ({ends[0]:.3f} to {ends[1]:.3f})")
print(f"measured: EASE, nDCG@10: {stated_checked(*board.loc['EASE', ['mean', 'low', 'high']])}")
print(f"measured: users without a hidden favourite, so not judged: {per_user.isna().sum()}\n")
print("A. Built a highly scalable, state-of-the-art recommender that users love.")
print(f"B. Reached an nDCG@10 of {board.loc['EASE', 'mean']:.3f} on MovieLens 100K.")
print(f"C. Raised nDCG@10 by {difference:.3f} ({ends[0]:.3f} to {ends[1]:.3f}) over the most rated films,")
print("   on a held-out fifth of MovieLens 100K; one command measures it again.")
print(
    f"D. Raised nDCG@10 by {board.loc['EASE', 'mean']:.3f} over the most rated films, on a held-out fifth of MovieLens 100K."
)
print("E. Collected and published a data set of one million film ratings (MovieLens 1M).")
print(f"F. Found that the metric skips {per_user.isna().sum()} users, and says so in the model card.")
# %% exercise="4.7.5"
### BEGIN SOLUTION
verdicts = {
    "A": "no number",
    "B": "no baseline",
    "C": "sound",
    "D": "another number",
    "E": "not mine",
    "F": "sound",
}
### END SOLUTION
# %% check="4.7.5"
verdicts_checked = ex("4.7.5").check(verdicts)
# %% [markdown]
# ## 6. Yours
#
# Now build your own. First let the leader-board judge a model of yours, and keep it, in any notebook that has `from recsys_lab.course import leaderboard` (this one has). A model that has learned from the test part is refused:
#
#     train, test = leaderboard.split()
#     leaderboard.keep("EASE, four stars and more", EASE(threshold=4.0).fit(train))
#
# Then, in a terminal, with the folder of your capstone:
#
#     recsys-lab portfolio build --capstone my_work/project_4 --out my_work/portfolio --name "Your Name"
#     recsys-lab portfolio check my_work/portfolio
#
# `build` scores the capstone, collects what is recorded of your exercises, quizzes and projects, and puts everything that was measured into one file, `measured.json`. README, figures and page are made from that file. **What you have not
# done is not in it**, and the README says so in a section of its own. Without a capstone yet, leave `--capstone` out. Its tables follow the rule of section 1. Numbers of your capstone's README are taken only if the scoring has measured them again.
#
# What only you can write waits for you: two or three sentences at the top, the model card's four answers, and the words of a two-minute demo, for which `DEMO.md` has a plan. `check` then goes through a list:
# numbers in your sentences that nobody measured, dead links, pictures without a description, placeholders, a missing licence, large files, ratings, secrets, paths of your machine. It finds what can be found by
# a program. Whether the sentences are true and worth reading, only a person can say: give it to one, for two minutes.
#
# Build again whenever something has changed. Between its markers the command writes; everything else is yours and stays.
#
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ...})
# %% [markdown]
# ## In production
#
# - **Google** proposed model cards, a page beside each published model with its use, its evaluation by groups and its limits: Mitchell et al., *Model Cards for Model Reporting*, FAT* 2019.
# - **GroupLens** lets people use MovieLens for research, and does not let them redistribute it without permission. Its README has the terms; so a repository fetches the data, and does not hold them.
# - **NeurIPS** has asked authors since 2019 for a checklist: which hyperparameters, chosen how, how many runs, which error bars: Pineau et al., *Improving Reproducibility in Machine Learning Research*, JMLR 2021.
#
# ## In the interview
#
# *"Tell me about a project that you are proud of."*
#
# A good answer takes two minutes: (1) for whom, and what they could not do before; (2) one result, with its baseline, its interval and the data; (3) one decision that could have gone the other way, and why it went this way; (4) what does not work, and whom it serves
# badly; (5) how to run it. Do not wait for the question after the weakness: whoever names it first has measured it.
#
# ## Take-aways
#
# - As many digits as half the interval's width allows, and the interval beside them.
# - Two numbers in one table claim one protocol. Overlap of intervals says nothing about a paired difference.
# - Bars begin at zero.
# - A mean hides groups, and a metric skips people. Count both.
# - Each number in a portfolio has a file behind it, and each missing one has a line.
#
# ## Further reading
#
# - Mitchell et al., *Model Cards for Model Reporting*, FAT* 2019, section 4.
# - Efron, *Bootstrap Methods: Another Look at the Jackknife*, Annals of Statistics 7(1), 1979.
# - Tufte, *The Visual Display of Quantitative Information*, 1983, chapter 2: graphical integrity.
# - Ferrari Dacrema, Cremonesi, Jannach, *Are We Really Making Much Progress? A Worrying Analysis of Recent Neural Recommendation Approaches*, RecSys 2019.
# - Krichene, Rendle, *On Sampled Metrics for Item Recommendation*, KDD 2020: why pair B cannot be compared.
# - Pineau et al., *Improving Reproducibility in Machine Learning Research*, Journal of Machine Learning Research 22, 2021.
