# ---
# lesson:
#   id: "5.5"
#   title: "Résumé, profile, community"
#   phase: 5
#   minutes: 150
#   prerequisites: ["3.5", "4.7"]
#   objectives:
#     - "Say of each line of a résumé which file proves it, and leave out what none proves"
#     - "Turn a measured difference into a sentence, also when it shows nothing"
#     - "Say how many results look good by luck, and how many users a claim needs"
#     - "Read a paper in three passes, and plan a year of reading and meeting people"
# ---
# %% [markdown]
# ## What you already know
#
# You have been on call. Somebody says "the deploy made it faster", and you ask: which percentile, compared with when, in which
# dashboard? An interviewer reads your résumé in just that mood. This lesson has little to say about layout and much about that question.
#
# | you know | here |
# |---|---|
# | a commit message says what changed and why, and the diff proves it | a bullet says what you did and by how much, and a file proves it |
# | an alert that fires by chance once in twenty checks gets muted | a result that is the best of twenty tries gets taken apart |
# | capacity planning: how many machines for this load? | how many users for this claim? |
# | a changelog you subscribe to, not one that you search for in an emergency | a reading list by month, and a calendar of conferences |
#
# In lesson 4.7 you judged bullets of somebody else. Now they are yours. You will write the function that makes them, learn why an honest
# one needs luck to be counted, and then a command writes what *your* files prove, and names what they do not.
# %% [markdown] instructor=true
# **Timing (150 minutes, two sittings).** Sections 1 to 3 with exercises 1 to 3: 75 minutes. Sections 4 to 7: 75, of which 20 for the learner's own
# bullets, read aloud in pairs: the listener asks for the file after each.
#
# **Common misconceptions.** A bigger number is a better bullet. No difference is no result. A number without a baseline is at least a number.
# A paper is read from the first page to the last.
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import special

from recsys_lab import EASE, Popularity, Random, TruncatedSVD, UserKNN, compare
from recsys_lab.course import PALETTE, figure_alt, leaderboard, resume, show, start
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.experiment import plan_means

ex, quiz = start("5.5")
train, test = leaderboard.split()
# %% [markdown]
# ## 1. What the file says
#
# Imagine an applicant, Ada. She has trained five models on the leader-board's split and measured each as in lesson 4.7: all films as
# candidates, nDCG at 10, differences paired by user. Her baseline is the list of the most rated films, the bar of lesson 2.1.
# %%
models = {
    "EASE": EASE(threshold=4.0),
    "EASE, reg 250": EASE(threshold=4.0, reg=250.0),
    "PureSVD": TruncatedSVD(),
    "user k-NN": UserKNN(),
    "most rated": Popularity(),
    "random": Random(),
}
results = {name: evaluate_ranking(model.fit(train), test) for name, model in models.items()}
gains = compare(results, "ndcg@10", against="most rated").set_index("model")
show(gains[["difference", "low", "high", "users"]], digits=3)
# %% [markdown]
# A table of differences is best seen as a **forest plot**, as medicine draws it when it lays many studies beside each other: one dot a
# result, its interval as a line, and zero as the line that matters.
# %%
fig, ax = plt.subplots(figsize=(7.5, 3))
order = gains["difference"].sort_values().index
forest = gains.loc[order]
reach = [forest["difference"] - forest["low"], forest["high"] - forest["difference"]]
ax.errorbar(forest["difference"], order, xerr=reach, fmt="o", capsize=4)
ax.axvline(0, color="#888888", linestyle="--")
ax.set(xlabel="nDCG@10 minus that of the most rated films, 95 % interval", ylim=(-0.6, len(order) - 0.4))
ax.set_title("Three results above the baseline, two below")
figure_alt(
    fig,
    "Dots with intervals by model: random and user k-NN lie left of zero, PureSVD and both EASE near 0.2, right of it.",
)
plt.show()
# %% [markdown]
# Five results, and each is one: "user k-NN ranks worse than the most rated films" is worth a line for somebody who can say why (lesson 2.5:
# it is built to predict stars). The two dots of EASE lie on each other. Do they differ? That needs a comparison of their own:
# %%
tuned = compare({name: results[name] for name in ("EASE, reg 250", "EASE")}, "ndcg@10").iloc[0]
show({name: float(tuned[name]) for name in ("difference", "low", "high")}, digits=4)


# %% [markdown]
# The interval holds zero. This, too, can be said honestly, and it saves the next person an evening. What it cannot be is an improvement.
#
# Write the function that turns the three numbers into words. The number of digits follows the rule of lesson 4.7.
# %% exercise="5.5.1"
def claim(value, low, high):
    """A difference and its interval as words, such as "raised by 0.214 (0.198 to 0.229)"."""
    ### BEGIN SOLUTION
    places = max(0, 1 - int(np.floor(np.log10((high - low) / 2))))
    if low <= 0 <= high:
        return f"no difference shown: {value:.{places}f} ({low:.{places}f} to {high:.{places}f})"
    verb = "raised" if value > 0 else "lowered"
    near, far = sorted((abs(low), abs(high)))
    return f"{verb} by {abs(value):.{places}f} ({near:.{places}f} to {far:.{places}f})"
    ### END SOLUTION


# %% check="5.5.1"
claim_checked = ex("5.5.1").check(claim)
# %% [markdown]
# ### From scratch, then the library
#
# `resume.stated` has the digits by the same rule; the next cell counts for how many of the rows the two show other digits.
# %%
for name, row in gains.iterrows():
    print(f"{name:<15}{claim_checked(row['difference'], row['low'], row['high'])}")
print(f"{'reg 250 - 300':<15}{claim_checked(tuned['difference'], tuned['low'], tuned['high'])}")
rows = [tuple(map(float, row)) for row in gains[["difference", "low", "high"]].to_numpy()]
differ = [row for row in rows if resume.stated(*row)[0].lstrip("-") not in claim_checked(*row)]
show(rows_in_which_the_library_differs=len(differ))
# %% [markdown]
# ## 2. Which line is proven?
#
# Ada's file has four results. Below it stand six bullets that somebody has drafted for her, with a text generator that likes numbers.
# %%
spans = {name: claim_checked(*gains.loc[name, ["difference", "low", "high"]]) for name in gains.index}
by, span = spans["EASE"].removeprefix("raised by ").split(" ", 1)
knn = spans["user k-NN"].removeprefix("lowered by ")
blend = leaderboard.show("5.5").set_index("model").loc["blend of lists", "ndcg@10"]
print(f"r1  EASE against most rated, nDCG@10, paired: {spans['EASE']}")
print(
    f"r2  EASE, reg 250 against EASE, nDCG@10, paired: {claim_checked(tuned['difference'], tuned['low'], tuned['high'])}"
)
print(f"r3  user k-NN against most rated, nDCG@10, paired: {spans['user k-NN']}")
print(f"r4  the course's rows, for comparison: blend of lists, nDCG@10 {blend:.3f}\n")
print(f"A. Raised nDCG@10 by {by} {span} over the most rated films, on a held-out fifth of MovieLens 100K.")
print(f"B. Raised nDCG@10 by {by} {span} over PureSVD, on a held-out fifth of MovieLens 100K.")
print("C. Compared two strengths of EASE's regularisation on 917 users and found no difference that they could show.")
print(f"D. Built a blend of lists that reaches an nDCG@10 of {blend:.3f}.")
print(f"E. Measured that user k-NN ranks worse than the most rated films, by {knn} in nDCG@10.")
print(f"F. Raised recall@10 by {by} {span} over the most rated films, on a held-out fifth of MovieLens 100K.")
# %% exercise="5.5.2"
### BEGIN SOLUTION
proof = {"A": "r1", "B": "nothing", "C": "r2", "D": "nothing", "E": "r3", "F": "nothing"}
### END SOLUTION
# %% check="5.5.2"
proof_checked = ex("5.5.2").check(proof)
# %% [markdown]
# Bullets B and F are the ones to fear: *each digit in them is in the file*. A program that looks numbers up finds nothing. What is wrong stands beside the
# number: another baseline, another metric. Only you can check that, by putting the finger on the row.
#
# What does a bullet lose when its baseline is missing? Take one number, Ada's nDCG@10 for EASE, and ask each of four baselines how much of it is gain.
# %%
whole = results["EASE"]["ndcg@10"].mean
against = ["random", "most rated", "PureSVD", "EASE, reg 250"]
base = [results[name]["ndcg@10"].mean for name in against]
fig, ax = plt.subplots(figsize=(7.5, 3))
ax.barh(against, base, color="#999999", label="the baseline has this already")
ax.barh(against, whole - np.array(base), left=base, color=PALETTE[0], label="gain")
ax.axvline(whole, color="#888888", linestyle="--")
ax.set(xlabel="nDCG@10", title="One number, four different stories", xlim=(0, 0.75))
ax.legend(loc="center right")
ax.invert_yaxis()
figure_alt(
    fig,
    "Bars up to EASE's nDCG@10, split into what each baseline has and the gain: nearly all over random, about half over the most rated films, a sliver over PureSVD, none over another EASE.",
)
plt.show()
show(nDCG_of_EASE=whole, **{f"gain over {name}": whole - value for name, value in zip(against, base)}, digits=3)
# %% [markdown]
# The number is the same in all four rows. "Reached an nDCG@10 of 0.385" leaves it to the reader to choose the row, and a reader in a hurry
# chooses the one in which you did nothing.
#
# ## 3. Luck, counted
#
# Ada tries twenty variants and reports the best. To see what that does, take twenty experiments in which *nothing* is varied: cut the users
# into two random halves, and compare the EASE lists of one half with the EASE lists of the other. It is the same model. Lesson 3.5 called it an A/A test.
#
# Predict first. Each test calls luck an effect in a share $\alpha$ of the cases. If $m$ tests are independent, the chance that at least one does is
#
# $$P = 1 - (1 - \alpha)^m$$
# %% exercise="5.5.3"
### BEGIN SOLUTION
luck = (20 * 0.05, 1 - 0.95**20, 1 - 0.95 ** (1 / 20))
### END SOLUTION
# %% check="5.5.3"
luck_checked = ex("5.5.3").check(luck)


# %% [markdown]
# Now with real users. `a_a` cuts them at random, again and again; each row is one experiment, with the difference of the two halves and its interval.
# %%
def a_a(values, experiments, seed):
    """Difference and half the 95 % interval's width, for each random cut of the users into halves."""
    rng = np.random.default_rng(seed)
    mixed = rng.permuted(np.tile(values, (experiments, 1)), axis=1)
    one, other = np.array_split(mixed, 2, axis=1)
    error = np.sqrt(one.var(axis=1, ddof=1) / one.shape[1] + other.var(axis=1, ddof=1) / other.shape[1])
    return one.mean(axis=1) - other.mean(axis=1), 1.96 * error


per_user = results["EASE"].users["ndcg@10"].dropna().to_numpy()
shift, half = a_a(per_user, 20, seed=9)
found = np.abs(shift) > half
many, reach = a_a(per_user, 500 * 20, seed=4)
rounds = (np.abs(many) > reach).reshape(500, 20).sum(axis=1)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8))
places = np.arange(1, 21)
for mask, colour, label in ((~found, "#888888", "holds zero"), (found, PALETTE[1], "does not")):
    left.errorbar(shift[mask], places[mask], xerr=half[mask], fmt="o", color=colour, label=label)
left.axvline(0, color="#888888", linestyle="--")
left.set(xlabel="difference in nDCG@10, 95 % interval", ylabel="experiment", title="Twenty times nothing")
left.set(ylim=(-5, 21), yticks=[1, 5, 10, 15, 20], xticks=[-0.05, 0, 0.05])
left.legend(loc="lower right", fontsize=8)
counts = np.bincount(rounds, minlength=6)
right.bar(range(len(counts)), counts / 500)
right.set(xlabel="'effects' among 20", ylabel="share of 500 rounds", title="How many look real")
figure_alt(
    fig,
    "Left: twenty intervals around zero, with those that leave zero out in another colour. Right: bars of how many of twenty do so, over 500 rounds; one is the most frequent, and none happens in about a third.",
)
plt.show()
show(
    found_in_this_round=int(found.sum()),
    mean_of_500_rounds=rounds.mean(),
    rounds_with_at_least_one=(rounds > 0).mean(),
    formula=1 - 0.95**20,
    digits=2,
)
# %% [markdown]
# In the round that is drawn, one of the twenty is clear of zero, and nothing was changed. In about two rounds of three, somebody finds an "effect" of a change that was never made, and can draw it with its interval. So the honest bullet names the number of tries,
# and the choice is made on a validation part. If many results stand side by side, `compare` corrects for their number (Holm's method, lesson 2.7).
#
# Here are six more bullets. Each contains a claim, and five of them will not survive the second question.
# %%
ease, chance = results["EASE"]["ndcg@10"].mean, results["random"]["ndcg@10"].mean
svd = compare({name: results[name] for name in ("EASE", "PureSVD")}, "ndcg@10").iloc[0]
shown = claim_checked(svd["difference"], svd["low"], svd["high"]).removeprefix("raised by ")
print(f"A. Made lists {ease / chance:.0f} times better than the baseline, which draws films by lot.")
print("B. Tried 20 variants of EASE on the test part; the best of them raises nDCG@10 there.")
print(f"C. Improved nDCG@10 by {tuned['high']:.4f} with a lower regularisation.")
print("D. Cut the p99 latency of the feed from 310 ms to 190 ms; I sat in the team that did it.")
print(
    f"E. Raised nDCG@10 by {shown} over PureSVD, paired by user, on one split of MovieLens 100K; not repeated elsewhere."
)
print(f"F. Reached an nDCG@10 of {ease:.3f} on MovieLens 100K, more than a paper's 0.27 on MovieLens 1M.")
# %% exercise="5.5.4"
### BEGIN SOLUTION
attack = {
    "A": "weak baseline",
    "B": "picked on the test part",
    "C": "only the end of the interval",
    "D": "whose work",
    "E": "sound",
    "F": "other data",
}
### END SOLUTION
# %% check="5.5.4"
attack_checked = ex("5.5.4").check(attack)


# %% [markdown] instructor=true
# **Timing.** Sections 1 to 3: 75 minutes.
#
# **Misconceptions.** "An interval that leaves zero out is a discovery": one in twenty does without a cause. "It was not significant, so there is none":
# section 4 asks what could have been found at all.
#
# **To discuss.** Which of your own results would you bet a month's pay on, and which not? That is the interview question below.
# %% [markdown]
# ## 4. How many users does a claim need?
#
# Ada would like to write that a regularisation of 250 is worse than 300. The difference that she measured is $d$, and users scatter around it with the
# standard deviation $s$. By the reasoning of lesson 3.5, a paired comparison finds such a difference with a chance of $1 - \beta$ if it has
#
# $$n = \left( (z_{1 - \alpha/2} + z_{1 - \beta}) \cdot \frac{s}{d} \right)^2$$
#
# users, where $z_q$ is the point below which a share $q$ of the normal distribution lies, and $\alpha$ is how often luck may be called an effect.
# Half the difference needs four times the users.
# %% exercise="5.5.5"
def users_needed(effect, sd, alpha=0.05, power=0.8):
    """Users for a paired comparison, a whole number. sd: of the differences per user; power: 1 - beta."""
    ### BEGIN SOLUTION
    z = special.ndtri(1 - alpha / 2) + special.ndtri(power)
    return int(np.ceil((z * sd / effect) ** 2))
    ### END SOLUTION


# %% check="5.5.5"
users_checked = ex("5.5.5").check(users_needed)
# %% [markdown]
# The library plans experiments with two groups, `plan_means`. There each user sees one variant only, so the variance counts once for each group: with halves of equal size it asks for
# four times as many users of the same spread. A quarter of its answer is ours, up to the rounding to whole users.
# %%
differences = {
    "reg 250 or 300": results["EASE, reg 250"].users["ndcg@10"] - results["EASE"].users["ndcg@10"],
    "EASE or PureSVD": results["EASE"].users["ndcg@10"] - results["PureSVD"].users["ndcg@10"],
    "EASE or most rated": results["EASE"].users["ndcg@10"] - results["most rated"].users["ndcg@10"],
}
needs = pd.DataFrame(
    {
        name: {
            "difference": gap.mean(),
            "sd": gap.std(),
            "users needed": users_checked(gap.mean(), gap.std()),
            "a quarter of plan_means": plan_means(gap.mean(), gap.var()).n / 4,
            "users there are": gap.count(),
        }
        for name, gap in differences.items()
    }
).T
show(needs)
# %%
effects = np.geomspace(0.0004, 0.3, 60)
fig, ax = plt.subplots(figsize=(7.5, 3.6))
for colour, (name, gap) in zip(PALETTE, differences.items()):
    ax.plot(effects, [users_checked(one, gap.std()) for one in effects], color=colour, label=name)
    ax.plot(abs(gap.mean()), users_checked(gap.mean(), gap.std()), "o", color=colour)
ax.axhline(len(per_user), color="#888888", linestyle="--", label="users of the test part")
ax.set(xscale="log", yscale="log", xlabel="difference in nDCG@10 (log scale)", ylabel="users needed (log scale)")
ax.set_title("Two claims can be made here, one cannot")
ax.legend(fontsize=8)
figure_alt(
    fig,
    "Falling lines of users needed against the difference, one a comparison, with a dot at the difference that was measured. Two dots lie below the dashed line of the users there are; regularisation lies far above it.",
)
plt.show()
# %% [markdown]
# For the regularisation, some twenty thousand users would be needed, and the data set has 943. So "no difference shown" is not the same as "no difference": this data set could not have shown one of that size.
# Write down which difference you *could* have found; it turns a shrug into a result.
#
# Note the trap: the difference that was measured is itself uncertain. Plan with the smallest one that would matter to somebody, not with the one that you happen to have.
#
# ## 5. Bullets from your own files
#
# `leaderboard.keep` stores with your model what it adds to the board's baseline, paired by user. `recsys-lab portfolio build` (lesson 4.7) puts it into `measured.json`, and
#
#     recsys-lab resume my_work/portfolio --out bullets.md
#
# writes the bullets that this file proves. Here is the same in small, with two of Ada's models, as `keep` would have kept them:
# %%
kept = {}
for label in ("EASE", "user k-NN"):
    value = leaderboard.gain(results[label], "ndcg@10")
    kept[label] = {"what": repr(models[label]), "gains": {"ndcg@10": {"over": "most rated films", "value": value}}}
board = [{"model": label, "mine": True, **row} for label, row in kept.items()]
board.append({"model": "blend of lists", "mine": False, "ndcg@10": [float(blend)]})
quiz_line = "Quiz of phase 5: not taken."
measured = {"leaderboard": {"rows": board}, "capstone": None, "learning": {"phases": []}, "missing": [quiz_line]}
proved = resume.resume(measured)
for text, where in proved.bullets:
    print(f"- {text}\n  proof: {where}")
print("missing:", *proved.missing)
# %% [markdown]
# "Trained the library's", not "built": that, too, is a matter of proof. A model whose class is yours gets "Built".
#
# The wording is dull on purpose. Make it yours, and let the second half of the command read it as an interviewer would:
#
#     recsys-lab resume my_work/portfolio --check my_bullets.md
# %%
drafts = """
- Raised nDCG@10 by 0.214 (0.198 to 0.229) over the most rated films, on a held-out fifth of MovieLens 100K.
- We built a highly scalable recommender that improved recall by 31 %.
- Responsible for a blend of lists with an nDCG@10 of 0.395.
"""
for problem in resume.check(drafts, measured):
    print(problem)
# %% [markdown]
# Nothing is said about the first one. That does not make it true: bullets B and F of section 2 would pass as well. A program finds the numbers that nobody measured; the rest is your finger on the row.
#
# ## 6. Profile and README
#
# Recruiters search, engineers click. Two lists, for both; `recsys-lab resume --checklist` prints them in the terminal:
# %%
for title, lines in resume.checklists().items():
    print(title)
    for line in lines:
        print(f"  [ ] {line}")
# %% [markdown]
# ## 7. Papers, conferences, people
#
# Nobody reads everything, and nobody reads a paper from the first word to the last. Keshav (2007) reads in **three passes**. The first takes five to ten minutes: title, abstract, introduction,
# headings, conclusions, references; afterwards you know the *category*, the *context*, whether the assumptions seem *correct*, the *contributions*, and how *clear* it is. Most papers end here. The second takes up to an hour: the figures above all, and the references
# to follow; not the proofs. Afterwards you can tell somebody else what it says and why one should believe it. In the third you rebuild the paper in your head, assumption by assumption, and compare. That takes hours, and it finds what is hidden.
#
# To which pass does each of these questions belong?
#
# - **A.** Is this a new model, a measurement, or a survey?
# - **B.** Do the figures have intervals, and do the axes begin where they should?
# - **C.** Which assumption is made that the authors do not name?
# - **D.** What does it claim to contribute?
# - **E.** Could I build it again without the paper in front of me?
# - **F.** Could I tell a colleague what it says, and on what evidence?
# %% exercise="5.5.6"
### BEGIN SOLUTION
passes = {"A": 1, "B": 2, "C": 3, "D": 1, "E": 3, "F": 2}
### END SOLUTION
# %% check="5.5.6"
passes_checked = ex("5.5.6").check(passes)
# %% [markdown]
# Twelve months, two papers each, all of them primary sources, and each deepens a lesson that you have done. The number of citations decides nothing here: what counts is what you look for.
# %%
papers = resume.reading()
for month, group in papers.groupby("month"):
    for paper in group.itertuples():
        print(
            f"month {month:>2}, lesson {paper.lesson}: {paper.paper} ({paper.where}, {paper.year}). Look for {paper.look_for}."
        )
# %% [markdown]
# Conferences have a rhythm. Whoever knows it knows when the papers come out (with the conference) and when people who submit have no time (before the deadline). **These months come from one year's call each, which is named;
# they move, so look at the site before you plan anything.**
# %%
for event in resume.conferences().itertuples():
    when = f"; submission: {event.submission}; notification: {event.notification}" if event.submission else ""
    print(f"{event.name} ({event.about}): {event.month}{when}")
    print(f"    {event.as_of}: {event.source}")
    print(f"    {event.site}")
# %% [markdown]
# You need not travel, and you need no paper. Proceedings, slides and often recordings appear afterwards; RecSys has a track for industry and one for late-breaking results, and most cities have a meet-up that looks for speakers. `curriculum/phase5_career/meetup_talk.md` is a template for
# fifteen minutes: one idea, one result, one thing that did not work. People remember the last.
#
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ...})
# %% [markdown]
# ## In production
#
# - **Microsoft** wrote down seven pitfalls of online experiments from its own practice, among them an ill-chosen metric and wrong confidence intervals: Crook, Frasca, Kohavi, Longbotham, KDD 2009.
# - **Netflix** published what its recommender consists of and how it decides on changes: Gomez-Uribe and Hunt, ACM TMIS 2015.
# - **RecSys** has a reproducibility track (calls of 2023 and 2025): work whose result is that something does, or does not, hold when it is done again.
#
# ## In the interview
#
# *"Tell me about a result that you do not trust."*
#
# A good answer: (1) one result of your own, with its number; (2) what it would mean if it were true; (3) what makes you doubt it: how many things you tried, how few users there were, one split, a baseline that was not tuned; (4) what you did or would do to decide it, with the
# number of users that it takes; (5) what you tell people meanwhile. Who has no such result has not measured enough, or has believed everything.
#
# ## Take-aways
#
# - A bullet is a deed, a difference with its interval, a baseline, the data, and a file. What no file proves stays out.
# - A number without a baseline tells as many stories as there are baselines.
# - Of twenty comparisons without an effect, one looks real on average. Name how many you made.
# - "No difference shown" is a result, if you say which difference could have been shown.
# - Most papers deserve ten minutes. Read a few of them three times.
#
# ## Further reading
#
# - Keshav, *How to Read a Paper*, ACM SIGCOMM Computer Communication Review 37(3), 2007: two pages.
# - Ioannidis, *Why Most Published Research Findings Are False*, PLoS Medicine 2(8), 2005.
# - Crook, Frasca, Kohavi, Longbotham, *Seven Pitfalls to Avoid when Running Controlled Experiments on the Web*, KDD 2009.
# - Holm, *A Simple Sequentially Rejective Multiple Test Procedure*, Scandinavian Journal of Statistics 6(2), 1979.
# - Ferrari Dacrema, Cremonesi, Jannach, *Are We Really Making Much Progress? A Worrying Analysis of Recent Neural Recommendation Approaches*, RecSys 2019: what baselines are for.
