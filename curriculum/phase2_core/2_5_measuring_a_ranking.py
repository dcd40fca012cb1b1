# ---
# lesson:
#   id: "2.5"
#   title: "Measuring a ranking"
#   phase: 2
#   minutes: 240
#   prerequisites: ["1.5", "2.1", "2.2", "2.3"]
#   objectives:
#     - "Compute precision, recall, reciprocal rank, average precision and nDCG of one list by hand, and say what each asks"
#     - "Name the conventions behind a reported nDCG, and find the users whom a benchmark has lost"
#     - "Explain, with numbers from this data, why the model with the best RMSE need not rank best"
#     - "Say what sampled candidates do to a comparison of models, and compute it"
#     - "Describe whom a set of lists serves: coverage, novelty, popularity bias, diversity, and what variety costs"
# ---
# %% [markdown]
# ## What you already know
#
# You have sat in this meeting. One team says that the service is fast: the mean latency is 80 ms. The other says that
# it is slow: one request in a hundred takes four seconds. Both are right. They answer different questions, and the
# quarrel is about *which question the number stands for*. Measuring a ranking is the same quarrel, with more numbers.
#
# | in your backend | in this lesson |
# |---|---|
# | mean latency against the 99th percentile | RMSE against a top-ten metric: the bulk against the extreme |
# | an SLO says what is counted, over whom, in which window | the conventions of nDCG |
# | a success rate computed over the requests that were logged | a mean over the users who got a list |
# | a load test against a table with a hundred rows | ranking against a hundred sampled films |
# | a cache hit rate of 99 %, all of it the home page | popularity bias |
# | a dashboard that stays green while users complain | an offline metric |
#
# The last lessons left you with a riddle: the models that predict stars best make poor lists, and the plain table of most
# rated films beats them all. By the end of section 5 you will know why, and you will trust *both* numbers less.
#
# %% [markdown] instructor=true
# **Timing (240 minutes alone, two sessions of 120 in class).** Session one: sections 1 to 3 with exercises 1 to 3, then
# the bets of section 4. Session two: sections 4 to 7 with exercises 4 to 6, and the quiz. The interview question makes a
# good closing round.
#
# **Prepare.** Ask everybody for one number by which they would judge a film service they use. Write the answers on the
# board. Most will be about the whole product (I found something, I did not waste the evening), none will be RMSE.
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import BiasBaseline, ItemKNN, Popularity, Random, TfidfContent, datasets, metrics
from recsys_lab.course import figure_alt, leaderboard, show, start
from recsys_lab.evaluate import compare, evaluate_ranking, hit_table

ex, quiz = start("2.5")
# %% [markdown]
# ## 1. One list, ten places
#
# We stay with the split of the leader-board: four fifths of the ratings to learn from, one fifth hidden. Here is what the
# item k-NN of lesson 2.3 would show to user 425, and beside it the stars that this user gave to those films in the hidden
# part. Where there is no star, the user has not rated the film at all.
# %%
train, test = leaderboard.split()
data = datasets.load("ml-100k")
titles = data.items.set_index("item")["title"]
liked = test[test["rating"] >= 4]
users = np.unique(test["user"])

knn = ItemKNN().fit(train)
ME = 425
shown = knn.recommend(ME, n=10).merge(test, on=["user", "item"], how="left")
shown["title"] = shown["item"].map(titles)
shown[["rank", "title", "rating"]].fillna({"rating": "-"})
# %% [markdown]
# How good is this list? Decide first what counts as good. We call a hidden film **relevant** if its user gave it four
# stars or more, and a place in the list a **hit** if the film there is relevant. So rank 3, a film that was watched and
# got fewer than four stars, is no hit; and neither are the six films without stars. Remember those six.
#
# Write $h_r$ for the hit at rank $r$ (1 or 0), $k$ for the length of the list, and $n$ for `n_relevant`, the number
# of relevant films that there were to find. Four simple questions, four metrics:
#
# $$\text{precision} = \frac{1}{k} \sum_{r=1}^{k} h_r \qquad \text{recall} = \frac{1}{n} \sum_{r=1}^{k} h_r$$
#
# $$\text{hit rate} = \max_r h_r \qquad \text{reciprocal rank} = \max_r \frac{h_r}{r}$$
#
# In words: which share of the list is right? Which share of the right films is in the list? Is there anything right at
# all? And how far down must I read until I meet the first? The mean of the reciprocal rank over users is called **MRR**.
# %%
k = 10
h = (shown["rating"] >= 4).to_numpy()
r = np.arange(1, k + 1)
n_relevant = int((liked["user"] == ME).sum())
print("hits:", h.astype(int), " relevant films:", n_relevant)
show(precision=h.sum() / k, recall=h.sum() / n_relevant, hit_rate=float(h.max()), reciprocal_rank=(h / r).max())
# %% [markdown]
# Four numbers between 0.2 and 1 for the same ten films. None of them is wrong. A person who looks at one screen asks for
# precision; a lawyer who must not miss a document asks for recall; a voice assistant that reads one answer aloud
# asks for the reciprocal rank.
#
# Notice also what is built in. With three relevant films, no list of ten reaches a precision above 0.3. With fourteen, no
# list of ten reaches a recall above 10 / 14. A user's best possible value depends on the user, not on the model.
#
# ### Metrics that reward order
#
# Precision does not care whether the hits stand at the top or at the bottom. **Average precision** does. Walk down the
# list; at each hit, note the precision of the list *up to there*; add these up, and divide by the largest number of
# hits that this list could have had:
#
# $$\text{AP} = \frac{1}{\min(k, n)} \sum_{r=1}^{k} h_r \cdot \text{precision}_r, \qquad \text{precision}_r = \frac{1}{r} \sum_{s=1}^{r} h_s$$
#
# Its mean over users is **MAP**. The hits at ranks 5, 7 and 9 of our list give 1/5, 2/7 and 3/9.


# %% exercise="2.5.1"
def average_precision(hits, n_relevant):
    """The average precision of one user's list, a float from 0 to 1.

    hits: bool array (k,), rank 1 first. n_relevant: how many relevant items there were to find, a whole number.
    NaN where there was nothing to find: no list could be right or wrong.
    """
    ### BEGIN SOLUTION
    if n_relevant == 0:
        return np.nan
    precision_at = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return (precision_at * hits).sum() / min(len(hits), n_relevant)
    ### END SOLUTION


# %% check="2.5.1"
average_precision_checked = ex("2.5.1").check(average_precision)
# %% [markdown]
# **nDCG** rewards order in another way: it pays for each hit by its rank alone. A hit at rank $r$ earns
# $1 / \log_2(r + 1)$: 1 at the top, 0.63 at rank 2, 0.5 at rank 3, 0.29 at rank 10. The sum is the *discounted cumulative
# gain*, DCG. To bring it to the scale from 0 to 1, divide by what the best possible list would earn: all relevant films
# first, as many as fit.
#
# $$\text{DCG} = \sum_{r=1}^{k} \frac{h_r}{\log_2(r + 1)}, \qquad \text{ideal} = \sum_{r=1}^{\min(k, n)} \frac{1}{\log_2(r + 1)}, \qquad \text{nDCG} = \frac{\text{DCG}}{\text{ideal}}$$


# %% exercise="2.5.2"
def ndcg(hits, n_relevant):
    """The nDCG of one user's list, a float from 0 to 1.

    hits: bool array (k,), rank 1 first. n_relevant: how many relevant items there were to find, a whole number.
    NaN where there was nothing to find.
    """
    ### BEGIN SOLUTION
    if n_relevant == 0:
        return np.nan
    gain = 1 / np.log2(np.arange(1, len(hits) + 1) + 1)
    return (hits * gain).sum() / gain[:n_relevant].sum()
    ### END SOLUTION


# %% check="2.5.2"
ndcg_checked = ex("2.5.2").check(ndcg)
# %% [markdown]
# With these two, the ten films for user 425 have six values:
# %%
show(average_precision=average_precision_checked(h, n_relevant), ndcg=ndcg_checked(h, n_relevant))
# %% [markdown]
# The lowest of the six is the average precision: three small precisions, 1/5, 2/7 and 3/9, divided by ten. What is a
# single hit worth, then? Take a user with one relevant film, and move it down the list:
# %%
alone = np.eye(k, dtype=bool)  # row by row: the only hit at rank 1, 2, ..., 10
by_rank = pd.DataFrame(
    {
        "precision": [row.mean() for row in alone],
        "average precision": [average_precision_checked(row, 1) for row in alone],
        "nDCG": [ndcg_checked(row, 1) for row in alone],
    },
    index=r,
)
fig, ax = plt.subplots()
for name, style in {"nDCG": "o-", "average precision": "s-", "precision": "^-"}.items():
    ax.plot(by_rank[name], style, label=name)
ax.set_title("One hit, three opinions of what its rank is worth")
ax.set(xlabel="rank of the only hit", ylabel="value of the list", xticks=r, ylim=(0, 1.05))
ax.legend()
alt = "Value of a list with one hit by its rank: nDCG falls slowly to 0.29, AP steeply to 0.1, precision flat at 0.1."
figure_alt(fig, alt)
# %% [markdown]
# Precision is flat. Average precision falls like $1/r$: from rank 1 to rank 2, half of the value is gone (with a single
# relevant film it *is* the reciprocal rank). nDCG falls gently. No law of nature says that a hit at rank 3 is worth
# half of one at rank 1; the logarithm is a model of impatience, and in a carousel that shows five films at once it is a
# poor one. Choose the metric whose curve looks like your screen.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with both exercises.
#
# **Misconceptions.** "Precision 0.3 is bad": for a user with three relevant films it is perfect. "Divide AP by the hits
# found": then a list with one hit at the top is perfect, whatever it missed; exercise 2.5.1 rejects that by name. "nDCG
# is the share of hits in order": it is a ratio of two sums.
#
# **To discuss.** Draw the curve for a row of posters on a phone where two and a half are visible. For a weekly e-mail
# with one film.
# %% [markdown]
# ## 2. From scratch, then the library
#
# Your two functions take one list. The library takes all of them at once: `hit_table` makes the rows of hits, and each
# metric in `recsys_lab.metrics` gives one value per user. First, all 942 users, yours against the library:
# %%
lists = knn.recommend(users, n=k)
hits, n_relevant = hit_table(lists, liked, users, k)
own = {"ndcg": ndcg_checked, "average_precision": average_precision_checked}
for name, function in own.items():
    mine = np.array([function(row, n) for row, n in zip(hits, n_relevant)])
    library = getattr(metrics, name)(hits, n_relevant)
    gap = np.nanmax(np.abs(mine - library)).round(12)
    show({"metric": name, "mean": np.nanmean(mine), "users without value": np.isnan(mine).sum(), "difference": gap})
# %% [markdown]
# Twenty-five users have no hidden film with four stars or more. For them no list could be right, so they have no
# value, and the mean leaves them out. `evaluate_ranking` does all of this in one call, with an interval for each mean
# (lesson 1.5):
# %%
evaluate_ranking(knn, test)
# %% [markdown]
# Now scikit-learn. It wants a score for every film, not a list. So we let the model rank *all* films that a user has
# not seen and take minus the rank as the score; the first hundred users will do. With the whole ranking at hand we add
# the **AUC**: the chance that a relevant film, drawn at random, stands above another one, drawn at random. 0.5 is a
# coin, 1 is perfect.
# %%
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

whole = knn.recommend(users[:100], n=train.n_items)
wanted = pd.MultiIndex.from_frame(liked[["user", "item"]])
whole["liked"] = pd.MultiIndex.from_frame(whole[["user", "item"]]).isin(wanted)
gaps = []
for _, ranking in whole.groupby("user"):
    good, score = ranking["liked"].to_numpy(), -ranking["rank"].to_numpy(float)
    if good.any():
        row, n = good[None, :], np.array([good.sum()])
        gaps.append(
            {
                "ndcg_score": metrics.ndcg(row[:, :k], n)[0] - ndcg_score(row, score[None, :], k=k),
                "average_precision_score": metrics.average_precision(row, n)[0] - average_precision_score(good, score),
                "roc_auc_score": metrics.auc(score[None, :], row)[0] - roc_auc_score(good, score),
            }
        )
show({f"difference to {name}": gap for name, gap in pd.DataFrame(gaps).abs().max().round(12).items()})
# %% [markdown]
# No difference. That took some care, though: where two films have the same score, `ndcg_score` averages over all orders
# of the two, while a service has to show one of them first. And for a user with nothing relevant scikit-learn gives 0,
# or complains, where we give NaN. We come to such small print now.
#
# %% [markdown] instructor=true
# **Timing.** 15 minutes. **Misconception.** "AUC 0.9 means that 90 % of the list is right": the AUC looks at 1,500
# films, the list has ten.
# %% [markdown]
# ## 3. nDCG is not one number
#
# Someone reports "nDCG@10 = 0.26" for a model very much like ours, which has 0.10. Is theirs better? Perhaps they
# computed something else. Below, *the same lists* of our item k-NN, measured by seven people who all say "nDCG". The
# first does it our way, each of the others changes one convention:
#
# - the ideal has $k$ hits, even if the user has fewer relevant films;
# - the ideal is the list itself with its hits moved to the top, so what the list has missed costs nothing;
# - the discount is that of the first paper (Järvelin and Kekäläinen 2002, with base 2): ranks 1 and 2 count in full;
# - users with nothing to find count as 0;
# - relevant is what got five stars; or whatever was watched, be it with one star.
# %%
gain = 1 / np.log2(r + 1)
dcg = (hits * gain).sum(axis=1)
asked = n_relevant > 0  # users with something to find
found = hits.sum(axis=1)
first_paper = 1 / np.log2(np.maximum(r, 2))
ideal_first_paper = np.cumsum(first_paper)[np.clip(n_relevant, 1, k) - 1]


def relevant_from(stars):
    return np.nanmean(metrics.ndcg(*hit_table(lists, test[test["rating"] >= stars], users, k)))


ours = np.nanmean(metrics.ndcg(hits, n_relevant))
family = {
    "ours": ours,
    "ideal with k hits": (dcg / gain.sum())[asked].mean(),
    "ideal from the hits found": (dcg / np.cumsum(gain)[np.clip(found, 1, k) - 1])[asked].mean(),
    "discount of the first paper": ((hits * first_paper).sum(axis=1) / ideal_first_paper)[asked].mean(),
    "nothing to find counts as 0": np.nan_to_num(metrics.ndcg(hits, n_relevant)).mean(),
    "relevant: five stars": relevant_from(5),
    "relevant: watched": relevant_from(1),
}
show(pd.Series(family, name="nDCG@10").to_frame())
# %%
fig, ax = plt.subplots(figsize=(8, 3.6))
ax.plot(list(family.values()), list(family), "o", markersize=9)
for name, value in family.items():
    ax.text(value + 0.006, name, f"{value:.3f}", va="center")
ax.axvline(ours, color="#444444", linestyle="--", linewidth=1)
ax.invert_yaxis()
ax.set_title("The same lists, seven values of nDCG@10")
ax.set(xlabel="mean nDCG@10", xlim=(0, 0.3))
alt = "Seven dots: six conventions between 0.09 and 0.105; the ideal from the hits found at 0.26."
figure_alt(fig, alt)


# %% [markdown]
# Most conventions move the number by one to ten per cent; item k-NN and user k-NN lie four per cent apart on the
# board (section 4). One convention multiplies it by two and a half. So an nDCG from somebody else's table cannot be
# compared with yours; measure both models with the same code, on the same split. The conventions of this course stand
# at the head of `recsys_lab/metrics.py`, and every number on the board follows them.
#
# ### Which threshold?
#
# The last two dots look harmless. But the threshold is a decision about the product, and not all models react alike.
# `lead` says by which factor the most rated films beat item k-NN:
# %%
popular = Popularity().fit(train)
popular_lists = popular.recommend(users, n=k)
rows = []
for stars in (1, 3, 4, 5):
    good = test[test["rating"] >= stars]
    pair = [np.nanmean(metrics.ndcg(*hit_table(both, good, users, k))) for both in (popular_lists, lists)]
    rows.append((stars, *pair, pair[0] / pair[1]))
show(pd.DataFrame(rows, columns=["relevant from", "most rated films", "item k-NN", "lead"]))
# %% [markdown]
# If all you want is that people *watch*, popularity leads by more than two to one. If you want them to *love* it, the
# lead shrinks to 24 per cent. Keep this in mind, it is the first half of the riddle. (From four stars on is common on a
# scale of five, and it is what we use everywhere.)
#
# ### The benchmark that lost its users
#
# A colleague wrote a benchmark in SQL-flavoured pandas. It reads well, and it finds that our item k-NN has an nDCG@10
# more than twice as high as we thought. And a variant of it that only answers when it is sure, for people with at least
# 200 ratings, is a triumph:
# %%
n_rated = pd.Series(np.diff(train.matrix.indptr), index=train.users.ids)
picky = lists[lists["user"].map(n_rated) >= 200]


def colleagues_ndcg(recommended, relevant, users, k):
    top = recommended[recommended["rank"] <= k]
    found = top.merge(relevant, on=["user", "item"])
    dcg = (1 / np.log2(found["rank"] + 1)).groupby(found["user"]).sum()
    n = relevant.groupby("user").size().clip(upper=k)
    ideal = n.map(lambda m: sum(1 / np.log2(rank + 1) for rank in range(1, m + 1)))
    return (dcg / ideal).mean()


show(
    {
        "item k-NN, by the colleague": colleagues_ndcg(lists, liked, users, k),
        "picky k-NN, by the colleague": colleagues_ndcg(picky, liked, users, k),
        "people with a list from the picky one": picky["user"].nunique(),
        "item k-NN, as we measured it": ours,
    }
)


# %% exercise="2.5.3"
def mean_ndcg(recommended, relevant, users, k):
    """The mean nDCG@k over the users who have something to find, a float.

    recommended: frame (user, item, rank). relevant: frame (user, item), the pairs to find.
    users: array of all users of the test. A user with something to find but no list, or no hit, counts as 0.
    """
    ### BEGIN SOLUTION
    top = recommended[recommended["rank"] <= k]
    found = top.merge(relevant, on=["user", "item"])
    dcg = (1 / np.log2(found["rank"] + 1)).groupby(found["user"]).sum()
    n = relevant.groupby("user").size().clip(upper=k)
    ideal = n.map(lambda m: sum(1 / np.log2(rank + 1) for rank in range(1, m + 1)))
    return (dcg.reindex(ideal.index).fillna(0) / ideal).mean()
    ### END SOLUTION


# %% check="2.5.3"
mean_ndcg_checked = ex("2.5.3").check(mean_ndcg)
# %% [markdown]
# With everybody on board:
# %%
show(
    {
        "item k-NN": mean_ndcg_checked(lists, liked, users, k),
        "picky k-NN": mean_ndcg_checked(picky, liked, users, k),
        "difference to the library": abs(mean_ndcg_checked(lists, liked, users, k) - ours).round(12),
    }
)
# %% [markdown]
# The triumph is less than a tenth of what was claimed. You know this bug from operations: a success rate over the
# requests that came back. Whoever times out is not in the denominator, and a service that answers only easy requests
# looks best of all. A mean over users needs a fixed list of users, written down *before* any model runs.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise.
#
# **Misconceptions.** "Put `fillna(0)` at the end and all is well": it depends on what is there to fill. Filled over
# *all* users, the 25 without anything relevant count as failures too; the exercise tells the two apart. "NaN and 0 are
# both bad": NaN says *no question was asked*, 0 says *asked and failed*.
#
# **To discuss.** Should a picky model be punished for silence? (As a product: what is shown instead? Measure the whole
# chain with its fallback, lesson 2.7.) Which conventions would you write into a team's benchmark, and where?
# %% [markdown]
# ## 4. The riddle
#
# Now the leader-board, with all models of the phase so far. One row is new: damped averages whose film effects are
# damped with 1,000 instead of 10. In lesson 2.1 you saw that this ruins the RMSE and mends the list.
# %%
models = {
    "most rated films": popular,
    "heavily damped averages": BiasBaseline(damping_item=1000),
    "damped averages": BiasBaseline(),
    "item k-NN": knn,
    "content": TfidfContent(),
    "random": Random(),
}
for model in models.values():
    model.fit(train, data.items)

mine = {"heavily damped averages": leaderboard.judge(models["heavily damped averages"])}
board = leaderboard.show("2.5", mine)
board[["lesson", "model", "rmse", "ndcg@10", "ndcg@10 low", "ndcg@10 high"]]
# %% [markdown]
# From top to bottom the RMSE gets worse. The nDCG does what it likes. Draw one against the other, with the whole road
# that the averages take as their damping grows:
# %%
road = []
for damping in (0, 2, 10, 30, 100, 300, 1000, 3000):
    averages = BiasBaseline(damping_item=damping).fit(train)
    error = metrics.rmse(test["rating"], averages.predict(test))
    road.append((error, evaluate_ranking(averages, test)["ndcg@10"].mean))
road = np.array(road)

fig, ax = plt.subplots(figsize=(8, 4.5))
ax.plot(*road.T, ".-", color="#009E73", label="damped averages, damping 0 to 3,000")
stored = board[board["model"] != "heavily damped averages"]
ax.scatter(stored["rmse"], stored["ndcg@10"], s=60, color="#0072B2", zorder=3)
for x, y, name in zip(stored["rmse"], stored["ndcg@10"], stored["model"]):
    below = name in ("user k-NN", "damped averages")
    ax.annotate(name, (x, y), xytext=(7, -12 if below else 6), textcoords="offset points")
ax.set_title("Better at stars is not better at lists")
ax.set(xlabel="test RMSE (stars): left is better", ylabel="nDCG@10: up is better", xlim=(0.9, 1.18), ylim=(0, 0.2))
ax.legend(loc="lower right")
alt = "nDCG against RMSE: k-NN left at 0.10, most rated films far right and highest at 0.17; the road of the damped averages climbs to the right."
figure_alt(fig, alt)
# %% [markdown]
# If the two measures agreed, everything would lie on a line from the upper left to the lower right. The green road runs
# the other way: from damping 2 on, the same model gets worse at stars and better at lists with every step. And the best
# list of all belongs to a model whose RMSE is beaten by nearly everything.
#
# Is it luck? Compare user by user, as in lesson 1.5: all models against the most rated films.
# %%
from recsys_lab.plots import comparison

results = {name: evaluate_ranking(model, test) for name, model in models.items()}
contest = compare(results, metric="ndcg@10", against="most rated films")
contest[["model", "difference", "low", "high", "p_holm", "better", "users"]].round(4)
# %%
fig = comparison(contest)
ax = fig.axes[0]
ax.set_yticks(ax.get_yticks(), contest["model"])
ax.set_xticks([-0.15, -0.1, -0.05, 0])
ax.set_title("Nothing so far ranks as well as the most rated films")
ax.set_xlabel("difference in nDCG@10 to the most rated films, 95 % interval")
ax.legend(loc="upper left")
alt = "Differences in nDCG@10 to the most rated films, all below zero: from -0.01 for heavily damped averages to -0.16 for random."
figure_alt(fig, alt)


# %% [markdown]
# No luck: even the smallest of these differences has an interval that excludes zero. So why? Take the precision apart.
# A place in a list becomes a hit in two steps: the film must have been *watched* (rated in the hidden part), and, given
# that, it must have been *liked*. With $P$ for the share of such places:
#
# $$\text{precision} = \underbrace{P(\text{watched})}_{\text{of the places}} \times \underbrace{P(\text{liked} \mid \text{watched})}_{\text{of the watched places}}$$
#
# Before you go on, guess. By which of the two factors does item k-NN lose to popularity? And does it win by the other
# one?
# %% exercise="2.5.4"
def two_factors(recommended, test, relevant):
    """The two factors of the precision of all lists together: (P(watched), P(liked | watched)).

    recommended: frame (user, item, rank, ...), one row a place. test: frame (user, item, rating, ...).
    relevant: liked means this many stars or more. The second is NaN if no recommended film was watched.
    """
    ### BEGIN SOLUTION
    watched = recommended.merge(test, on=["user", "item"])
    return len(watched) / len(recommended), (watched["rating"] >= relevant).mean()
    ### END SOLUTION


# %% check="2.5.4"
two_factors_checked = ex("2.5.4").check(two_factors)
# %%
top_tens = {name: model.recommend(users, n=k) for name, model in models.items()}
factors = {name: two_factors_checked(some, test, 4) for name, some in top_tens.items()}
factors = pd.DataFrame(factors, index=["watched", "liked, of these"]).T
factors["product"] = factors.prod(axis=1)
show(factors)
# %%
fig, ax = plt.subplots(figsize=(8, 4.5))
x = np.linspace(0.005, 0.25, 200)
for level in (0.02, 0.06, 0.1, 0.14):
    ax.plot(x, level / x, color="#bbbbbb", linewidth=1)
    at = min(level / 0.43, 0.236)
    ax.text(at, level / at, f"{level:.2f}", color="#666666", ha="center", backgroundcolor="white")
ax.scatter(factors["watched"], factors["liked, of these"], s=60, zorder=3)
shifts = {"item k-NN": (8, 6), "damped averages": (-4, -17), "heavily damped averages": (0, 9)}
for name, (seen, good) in factors[["watched", "liked, of these"]].iterrows():
    ax.annotate(name, (seen, good), xytext=shifts.get(name, (8, 0)), textcoords="offset points")
ax.set_title("Item k-NN knows what people like, popularity what they watch")
ax.set(xlabel="share of the places watched", ylabel="share liked, of the watched ones", xlim=(0, 0.25), ylim=(0.4, 1))
alt = "Two factors: item k-NN is highest in liked (0.91) at 0.09 watched; most rated films at 0.68 liked, 0.19 watched. Grey lines: equal precision."
figure_alt(fig, alt)


# %% [markdown]
# There is the answer. The grey lines join points of equal precision. Of the films that item k-NN recommends *and that
# were watched*, nine in ten were liked. That is the best of all models, and far better than popularity's seven in ten.
# The better predictor of stars really is the better judge of taste. But only one place in eleven was watched at all,
# against one in five for popularity. The product decides, and there popularity wins.
#
# **RMSE sees only the second factor.** It is computed on rated films, so the question "will they watch it?" has been
# answered before it is asked. Ratings are *missing not at random* (lesson 1.1): people choose what they watch. Whoever
# predicts "5 stars" for an unknown Hungarian film may be right about everyone who will ever see it, and lose no RMSE at
# all; but hardly anyone will.
#
# ### The same ranking, judged on rated films only
#
# If that is the reason, a ranking metric should agree with RMSE as soon as it looks at rated films only. Let each model
# rank its whole catalogue, cross out everything that is not in the user's hidden part, and measure the nDCG of what is
# left. (The next cell also notes, for section 5, how many films that were not liked stand above each liked one.)
# %%
def places(model):
    """Where each hidden film stands in its user's whole ranking; for liked ones: `above` of `others`."""
    ranking = model.recommend(users, n=len(titles))
    hidden = ranking.merge(test, on=["user", "item"])  # still best first for each user
    hidden["among_rated"] = hidden.groupby("user").cumcount() + 1
    good = hidden["rating"] >= 4
    by_user = good.groupby(hidden["user"])
    hidden["above"] = hidden["rank"] - 1 - by_user.cumsum() + good
    hidden["others"] = hidden["user"].map(ranking.groupby("user").size()) - by_user.transform("sum")
    return hidden


some = ["most rated films", "heavily damped averages", "damped averages", "item k-NN"]
placed = {name: places(models[name]) for name in some}
# %%
rows = {}
for name, hidden in placed.items():
    rated_only = hidden.assign(rank=hidden["among_rated"])
    rows[name] = {
        "rmse": metrics.rmse(test["rating"], models[name].predict(test)),
        "nDCG@10, rated films": np.nanmean(metrics.ndcg(*hit_table(rated_only, liked, users, k))),
        "nDCG@10, all films": results[name]["ndcg@10"].mean,
    }
show(pd.DataFrame(rows).T.sort_values("rmse"))
per_user = test.groupby("user").size()
show(
    {
        "hidden films of a user, mean": per_user.mean(),
        "hidden films of a user, median": per_user.median(),
        "% of them relevant": 100 * len(liked) / len(test),
    }
)
# %% [markdown]
# Among rated films the order is that of the RMSE, from the first to the last. Among all films, the last two become
# the first two. Same models, same split, same formula; only the **candidates** differ. (The first column of nDCG is
# also very high. With some twenty candidates (half of the users have 13 or fewer), of which more than half are
# relevant, nearly any order is good. A high nDCG may only mean an easy question. And content is not in the table
# because it ranks by likeness, not by the stars it predicts.)
#
# Which of the two is right? A recommender chooses from all films, so rank all films. But do not believe that number
# either. The 91 % of item k-NN's places that their users have not watched all count as failures. Some are; others are
# films that the user would love and has never heard of, which is what a recommender is *for*. Offline, the two cannot
# be told apart.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise. Take bets before the table of factors.
#
# **Misconceptions.** "RMSE is wrong": it answers another question well. "Popularity is the better recommender": it is
# better at guessing what people would have watched anyway. "Not rated means not liked": exercise 2.5.4 rejects the
# mix-up by name.
#
# **To discuss.** Which of the factors does your product control? (A film on the home page gets watched because it is on
# the home page.)
# %% [markdown]
# ## 5. Which candidates? The sampled shortcut
#
# Ranking all films for all users costs time, and with ten million items a lot of it. So many papers took a shortcut:
# for each relevant film, draw a hundred films at random, rank the relevant one among them, and see whether it gets into
# the top ten. Is that a harmless approximation, like a load test on a smaller table?
#
# Take a film with 100 others above it, out of 1,600. In the full ranking it stands at place 101 and is never in the top
# ten. Now draw 100 of the 1,600 and look again. How likely is a hit? **Guess before you compute.**


# %% exercise="2.5.5"
def chance_of_a_hit(above, others, m, k):
    """The chance that a relevant film gets into the top k among m others drawn at random.

    above: array (n,), how many of the others the model ranks above the film. others: array (n,), how many others
    there are. m of them, perhaps fewer than k, are drawn without replacement. Returns an array (n,) of exact
    chances, no simulation.
    """
    ### BEGIN SOLUTION
    from scipy.stats import hypergeom

    return hypergeom.cdf(k - 1, others, above, m)
    ### END SOLUTION


# %% check="2.5.5"
chance_of_a_hit_checked = ex("2.5.5").check(chance_of_a_hit)
# %% [markdown]
# It is an urn with $n$ balls (the others), $a$ of them black (the films above), of which $m$ are drawn without putting
# them back. A hit means that at most $k - 1$ black ones come up:
#
# $$P(\text{hit}) = \sum_{j=0}^{k-1} \binom{a}{j} \binom{n - a}{m - j} \Big/ \binom{n}{m}$$
#
# A term that asks for more balls of a colour than there are counts as 0. Here is the chance for the film at place 101, and
# for films at all places with samples of different sizes. `even` is the last place with a chance of at least one half:
# %%
ranks = np.arange(1, 1602)
chance = {m: chance_of_a_hit_checked(ranks - 1, np.full(1601, 1600), m, 10) for m in (20, 100, 500)}
show({"place 101, 100 sampled": chance[100][100]})
show({f"even, {m} sampled": ranks[values >= 0.5].max() for m, values in chance.items()})
# %%
fig, ax = plt.subplots()
for (m, values), style in zip(chance.items(), (":", "-", "--")):
    ax.plot(ranks, values, style, label=f"{m} sampled films")
ax.step(ranks, (ranks <= 10).astype(float), color="#444444", where="post", label="all 1,600")
ax.set_title("A small sample lets nearly everything into the top ten")
ax.set(xlabel="place of the film in the full ranking", ylabel="chance of a hit@10", xscale="log")
ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
ax.legend(loc="lower left")
alt = (
    "Chance of a hit by true place: all films, a cliff at 10; 500 sampled, falls near 30; 100, near 150; 20, near 760."
)
figure_alt(fig, alt)
# %% [markdown]
# So the film at place 101, where nobody will ever scroll, is a hit in nine of ten draws. With all films, the metric
# is a cliff at place 10. With 100 sampled ones, the cliff has become a slope around place 150, and with 20 one around
# place 760: nothing near the top is told apart any more. "Top ten of 20" asks whether a film is in the upper half. So
# a sampled metric is not a noisy version of the full one. It measures something else, and the smaller the sample, the
# more it resembles the AUC (Krichene and Rendle 2020). What does that do to our models? (The user's other liked films
# are not among the candidates, so the column `all` is a little higher than a recall@10.)
# %%
sizes = [20, 50, 100, 200, 500, 1000]
curves = {}
for name, hidden in placed.items():
    film = hidden[hidden["rating"] >= 4]
    above, others = film["above"].to_numpy(), film["others"].to_numpy()
    by_size = {str(m): chance_of_a_hit_checked(above, others, m, 10).mean() for m in sizes}
    curves[name] = by_size | {"all": (above < 10).mean()}
curves = pd.DataFrame(curves)
show(curves.T, digits=3)
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2))
relative = curves.div(curves["heavily damped averages"], axis=0)
for name, style in zip(curves, ("o-", "s-", "^-", "v-")):
    left.plot(curves.index, curves[name], style, label=name)
    right.plot(relative.index, relative[name], style)
left.set(title="Everything is easy in a small sample ...", ylabel="hit rate@10", ylim=(0, 1))
right.set_title("... and the order of models changes")
right.set_ylabel("hit rate / that of heavily damped averages")
left.legend()
for ax in (left, right):
    ax.set_xlabel("films sampled for each relevant one")
alt = (
    "Left: all hit rates fall from 0.7 or more at 20 sampled films to 0.14 or less. Right, relative to heavily damped "
    "averages: item k-NN 1.12 at 20, 0.95 at 50, 0.67 at all; damped averages from 1.09 to 0.56."
)
figure_alt(fig, alt)
# %% [markdown]
# Follow item k-NN and the heavily damped averages. With 20 sampled films, item k-NN beats the averages clearly, 0.82 to
# 0.74 (even the poor default averages do). With 50 they have changed places, and on the full catalogue the averages are
# ahead by half. Both statements are computed exactly, without any luck of the draw: a sample does not blur the
# comparison, it *turns it round*. Item k-NN is good on the whole ranking, the averages are good at its very top, and
# the size of the sample decides which of the two you get to see.
#
# The levels lie as well. The same model has a hit rate of 0.95 or 0.14; two papers that sample differently cannot be
# compared at all.
#
# What if the catalogue really is too large? Rank all of it for fewer *users*. That is honest: the mean over a sample of
# users estimates the mean over all, with an interval that you can compute.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise. **Misconception.** "With enough repetitions the sample is unbiased": our
# curves *are* the expectation over all samples, and they cross. **To discuss.** The sampled films are drawn uniformly.
# What if popular ones are drawn more often? (Another metric again; popularity then looks bad by construction.)
# %% [markdown]
# ## 6. Whom do the lists serve?
#
# So far we asked whether lists are right. Now look at them without any test ratings, as you could every day in
# production. Write $L_u$ for the list of user $u$, $c_i$ for the number of training ratings of film $i$, and $N$ for
# the number of users.
#
# - **Coverage**: which share of the catalogue is in anybody's list, $|\bigcup_u L_u|$ over the number of films? And the
#   **Gini** index: how unequally is the exposure shared out (0 equal, near 1 for a few films)?
# - **Novelty**: the mean of $-\log_2(c_i / N)$ over the list, in bits. A film that half of all users know has 1 bit,
#   one that 1 in 64 knows has 6.
# - **Popularity lift**: by how much the films of the list are more popular, on average, than those the user rated. 1 is
#   "twice as popular".
# - **Diversity**: the mean over all pairs of the list of 1 minus the cosine of their genres: 0 for ten films of the
#   same genres.
# - **Miscalibration**: how far the list's mix of genres is from the user's own mix, as a Kullback-Leibler divergence
#   (Steck 2018). 0 is perfect.
#
# The first two by hand, then all of them by the library:
# %%
from recsys_lab.beyond import describe, tags

ratings_of = pd.Series(train.items.ids[train.matrix.indices]).value_counts()
c = ratings_of.reindex(data.items["item"], fill_value=0)  # training ratings of each film
coverage = lists["item"].nunique() / train.n_items
novelty = (-np.log2(lists["item"].map(c) / train.n_users)).mean()
show({"coverage of item k-NN": coverage, "novelty of item k-NN (bits)": novelty})

genres = tags(data.items)
about = {name: describe(top_tens[name], models[name].train_, genres)["mean"] for name in models}
about = pd.DataFrame(about).T
about["ndcg@10"] = [results[name]["ndcg@10"].mean for name in about.index]
show(about, digits=3)
# %% [markdown]
# Read it row by row. The *most rated films* live on 3 % of the catalogue, and on average a list is more than twice as
# popular as what its user watches. *Item k-NN* reaches three times as many films. *Content* reaches most of the
# catalogue, but ten films by the same words are ten films of the same kind: its diversity is lowest. And *random* is
# the champion of coverage and novelty, and hardly ever right. **None of these measures means anything without one of
# accuracy beside it.**
#
# ### The offline paradox
#
# Popularity bias is not only in the lists; it is in the test as well. The hundred most rated films, 6 % of the
# catalogue, are more than a third of what is hidden and liked, so a model that shows them is paid for it. Split the
# hidden liked films by popularity, and ask each model which share of each group it found (its recall@10, over all users
# together):
# %%
shown_here = ["most rated films", "heavily damped averages", "item k-NN", "content"]
order = c.sort_values(ascending=False, kind="stable").index
group = pd.Series("the other 1,182", index=order)
group.iloc[:500] = "the next 400"
group.iloc[:100] = "the 100 most rated"
by_group = liked["item"].map(group)
names = ["the 100 most rated", "the next 400", "the other 1,182"]
recall = {}
for name in shown_here:
    found = liked.merge(top_tens[name], on=["user", "item"])["item"].map(group)
    recall[name] = found.value_counts().reindex(names).fillna(0) / by_group.value_counts()[names]
recall = pd.DataFrame(recall).T
show(recall, digits=3)
show({f"% of the hidden liked films in {name}": 100 * (by_group == name).mean() for name in names}, digits=3)
# %%
fig, ax = plt.subplots()
for j, name in enumerate(names):
    ax.bar(np.arange(len(shown_here)) + 0.27 * (j - 1), recall[name], width=0.25, label=name)
ax.set_xticks(range(len(shown_here)), shown_here)
ax.set_title("Popularity finds the famous films and nothing else")
ax.set_ylabel("recall@10 within the group")
ax.legend(title="hidden liked films of")
alt = "Recall@10 by popularity: the most rated films find 0.31 of the top hundred and nothing else; item k-NN and content find a little in all groups."
figure_alt(fig, alt)
# %% [markdown]
# The winner of the board finds *nothing* outside the hundred most rated films: those who love the other films get
# nothing, forever. Item k-NN, with six tenths of its nDCG, finds films of the middle group. And it does not stop here.
# What is shown is watched; what is watched becomes the next training set *and the next test set*. Measured on its own
# traces, a popularity list would look better every month. Phase 3 breaks that circle with experiments (lessons 3.5 and
# 3.6).
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes. **Misconceptions.** "Coverage is personalization": random covers everything. "High diversity
# means that users differ": it is within a list; the same ten films for everybody can be very diverse.
#
# **To discuss.** Which of these measures would you put on a dashboard, with which alarm? Who is harmed by popularity
# bias: users, makers of films, the service?
# %% [markdown]
# ## 7. What does variety cost?
#
# A list can be re-ranked. *Maximal marginal relevance* (Carbonell and Goldstein 1998) fills it place by place: the next
# film is the one with the best balance between its own score and its similarity to the films already in the list,
#
# $$\text{value}_i = (1 - t) \cdot \text{score}_i - t \cdot \max_{j \in \text{chosen}} \text{similarity}_{ij}$$
#
# with $t$ the `trade_off` from 0 (the model's own order) to 1 (variety only), scores brought to 0 to 1, and the cosine
# of the genres as similarity. As long as nothing is chosen, the last term is 0.


# %% exercise="2.5.6"
def next_film(score, similarity, chosen, trade_off):
    """The position of the film that comes next, an int. Of equal values the first.

    score: array (n,), 0 to 1. similarity: array (n, n). chosen: list of the positions already in the list,
    none of which may come again. trade_off: 0 to 1.
    """
    ### BEGIN SOLUTION
    nearest = similarity[:, chosen].max(axis=1) if len(chosen) else 0.0
    value = (1 - trade_off) * score - trade_off * nearest
    value[chosen] = -np.inf
    return int(np.argmax(value))
    ### END SOLUTION


# %% check="2.5.6"
next_film_checked = ex("2.5.6").check(next_film)
# %% [markdown]
# Fill a list for user 425 from the fifty best candidates of the item k-NN, and compare with the library's `mmr`:
# %%
from recsys_lab.beyond import unit_rows
from recsys_lab.rerank import calibrated, mmr

candidates = knn.recommend(ME, n=50)
score = candidates["score"].to_numpy()
score = (score - score.min()) / np.ptp(score)
vectors = unit_rows(genres.loc[candidates["item"]].to_numpy())
chosen = []
for _ in range(k):
    chosen.append(next_film_checked(score, vectors @ vectors.T, chosen, 0.5))

by_library = mmr(candidates, genres, n=k, trade_off=0.5)["item"].tolist()
before, after = set(candidates["item"][:k]), candidates["item"].iloc[chosen].tolist()
show({"equal to the library's list": after == by_library, "films that are new in it": len(set(after) - before)})
# %% [markdown]
# Now turn the knob for half of the users, with two models, and watch both sides of the bargain. A second
# re-ranker of the library, `calibrated`, does not ask for variety as such but for the user's own mix of genres; the
# picture shows it as a cross:
# %%
half = users[::2]
to_find = liked[liked["user"].isin(half)]


def two_sides(some):
    """Mean diversity of these lists, and the nDCG of each user."""
    diverse = describe(some, train, genres)["mean"]["diversity"]
    return diverse, metrics.ndcg(*hit_table(some, to_find, half, k))


trade_offs = [0, 0.3, 0.6, 0.9]
bargain = []
for name in ("most rated films", "item k-NN"):
    fifty = models[name].recommend(half, n=50)
    ways = {f"MMR {t}": mmr(fifty, genres, n=k, trade_off=t) for t in trade_offs}
    ways["calibrated"] = calibrated(fifty, train, genres, n=k)
    sides = {way: two_sides(some) for way, some in ways.items()}
    own_order = sides["MMR 0"][1]
    for way, (diverse, value) in sides.items():
        change = metrics.bootstrap_mean(value - own_order)
        bargain.append((name, way, diverse, np.nanmean(value), change.mean, change.low, change.high))
columns = ["model", "way", "diversity", "nDCG@10", "change", "low", "high"]
bargain = pd.DataFrame(bargain, columns=columns)
show(bargain, digits=3)
# %%
fig, ax = plt.subplots()
for (name, rows), style, color in zip(bargain.groupby("model"), ("o-", "s-"), ("#D55E00", "#0072B2")):
    path, cross = rows[:-1], rows[-1:]
    ax.plot(path["diversity"], path["nDCG@10"], style, color=color, label=f"{name}, MMR 0 to 0.9")
    ax.plot(cross["diversity"], cross["nDCG@10"], "X", color=color, markersize=11, label=f"{name}, calibrated")
ax.set_title("Some variety is nearly free; too much costs the popular list")
ax.set(xlabel="diversity of the lists", ylabel="nDCG@10", ylim=(0, 0.2))
ax.legend(loc="lower left", ncols=2)
alt = "nDCG against diversity: both MMR paths run nearly flat at first; that of the most rated films drops at its end. Each cross lies above its path."
figure_alt(fig, alt)
# %% [markdown]
# In the table, `change` is the difference to the model's own order, paired by user, with its 95 % interval. For the
# most rated films a trade-off of 0.3 costs nothing that can be told from zero, 0.6 a little, and 0.9 some 15 % of the
# nDCG. For item k-NN even the most varied lists cost nothing that half of the users could prove. And its *calibrated*
# lists gain, probably because the mix of genres that somebody watches says something about what they will watch next,
# which their stars alone do not. (Eight intervals, eight chances to be fooled: lesson 1.5. The intervals of MMR 0.3
# for item k-NN and of MMR 0.6 for the most rated films only just exclude zero: these two may be luck.)
#
# Where on the curve should a product be? That is a decision, not a measurement. The measurement says what it costs.
#
# %% [markdown] instructor=true
# **Timing.** 20 minutes with the exercise. **Misconception.** "Diversity always costs accuracy": the paths start flat.
# **To discuss.** The hits that MMR costs are *measured* hits. Would a person who gets ten different films count the same?
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **swissinfo.ch, 2014.** On logged data, recommending the most popular stories was the best strategy. On the live
#   site the same strategy was the poorest, and a model of the reader's session raised the click-through rate by up to
#   35 % (Garcin et al. 2014). This is the offline paradox of section 6, with a live site as the judge.
# - **Netflix** compares variants on historical data to decide what is worth an A/B test, and judges by the test: by
#   engagement in the medium term and by how many members stay. The authors say openly that offline results have not
#   predicted the outcomes of tests as well as they would like. They also watch how widely viewing is spread, with a
#   measure called *effective catalog size* (Gomez-Uribe and Hunt 2015).
# - **Booking.com** looked back at about 150 models in production: a better model offline did not reliably mean more
#   business, so each change is judged by a randomized trial (Bernardi, Mavridis and Estevez 2019).
# - **Spotify** found that users with diverse listening convert and stay more often, and that listening driven by
#   recommendations was less diverse (Anderson et al. 2020). An accuracy metric would never have said so.
# - **Libraries disagree.** Given the same lists, recommender libraries return different values under the same metric
#   name; of the common metrics only precision was understood alike everywhere (Tamm, Damdinov and Vasilev 2021).
#
# ## In the interview
#
# **"Your new model has ten per cent more nDCG offline. Do you ship it?"** A good answer in two minutes:
#
# 1. *Same question?* Same split, same users, same candidates, same code: nDCG is a family. Name the ideal, the
#    threshold, and who is left out of the mean.
# 2. *All candidates?* If it was measured against sampled negatives, measure again on the full catalogue: the order of
#    models can change.
# 3. *Real?* A difference paired by user, with an interval, corrected for the number of variants tried.
# 4. *Beaten what?* Popularity, first. And by which factor: more watched, or better liked?
# 5. *For whom?* Coverage, popularity lift, recall by popularity group, new users. Who lost?
# 6. *Then no, not yet*: ship it to an A/B test with guardrails, because the log only knows what the old system showed.
#    Say what you would measure there.
#
# ## Take-aways
#
# - A metric is a question. Precision: how much of the list is right? Recall: how much of the right is in the list? MRR:
#   how far to the first? AP and nDCG: is it in order?
# - nDCG is a family. Write down $k$, discount, ideal, threshold, candidates, and who is in the mean.
# - NaN says that nothing was asked, 0 that it was asked and failed. Fix the list of users before any model runs.
# - Precision is *watched* times *liked if watched*. RMSE sees only the second; that is why the best RMSE need not rank
#   best.
# - What was not watched is not disliked. Offline numbers are too low, for some models more than for others.
# - Rank all candidates, if need be for fewer users. Sampled candidates can turn the order of models round.
# - Look at whom the lists serve. Popular films are in the test too, so popularity marks its own homework.
#
# ## Further reading
#
# - K. Järvelin, J. Kekäläinen: *Cumulated Gain-based Evaluation of IR Techniques*. ACM TOIS 20(4), 2002, pages 422-446.
#   [doi:10.1145/582415.582418](https://doi.org/10.1145/582415.582418)
# - C. Manning, P. Raghavan, H. Schütze: *Introduction to Information Retrieval*. Cambridge University Press, 2008,
#   chapter 8: precision, recall, average precision.
# - J. Herlocker, J. Konstan, L. Terveen, J. Riedl: *Evaluating Collaborative Filtering Recommender Systems*. ACM TOIS
#   22(1), 2004, pages 5-53: which metrics agree, and what else to measure.
#   [doi:10.1145/963770.963772](https://doi.org/10.1145/963770.963772)
# - H. Steck: *Training and Testing of Recommender Systems on Data Missing Not at Random*. KDD 2010.
#   [doi:10.1145/1835804.1835895](https://doi.org/10.1145/1835804.1835895)
# - P. Cremonesi, Y. Koren, R. Turrin: *Performance of Recommender Algorithms on Top-N Recommendation Tasks*. RecSys
#   2010: RMSE and lists disagree. [doi:10.1145/1864708.1864721](https://doi.org/10.1145/1864708.1864721)
# - W. Krichene, S. Rendle: *On Sampled Metrics for Item Recommendation*. KDD 2020; again in Communications of the ACM
#   65(7), 2022, pages 75-83. [doi:10.1145/3535335](https://doi.org/10.1145/3535335)
# - Y.-M. Tamm, R. Damdinov, A. Vasilev: *Quality Metrics in Recommender Systems: Do We Calculate Metrics Consistently?*
#   RecSys 2021. [arXiv:2206.12858](https://arxiv.org/abs/2206.12858)
# - J. Carbonell, J. Goldstein: *The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
#   Summaries*. SIGIR 1998, pages 335-336. [doi:10.1145/290941.291025](https://doi.org/10.1145/290941.291025)
# - H. Steck: *Calibrated Recommendations*. RecSys 2018.
#   [doi:10.1145/3240323.3240372](https://doi.org/10.1145/3240323.3240372)
# - F. Garcin et al.: *Offline and Online Evaluation of News Recommender Systems at swissinfo.ch*. RecSys 2014, pages
#   169-176. [doi:10.1145/2645710.2645745](https://doi.org/10.1145/2645710.2645745)
# - C. Gomez-Uribe, N. Hunt: *The Netflix Recommender System: Algorithms, Business Value, and Innovation*. ACM TMIS
#   6(4), article 13, 2015. [doi:10.1145/2843948](https://doi.org/10.1145/2843948)
# - L. Bernardi, T. Mavridis, P. Estevez: *150 Successful Machine Learning Models: 6 Lessons Learned at Booking.com*.
#   KDD 2019. [doi:10.1145/3292500.3330744](https://doi.org/10.1145/3292500.3330744)
# - A. Anderson, L. Maystre, I. Anderson, R. Mehrotra, M. Lalmas: *Algorithmic Effects on the Diversity of Consumption
#   on Spotify*. The Web Conference 2020. [doi:10.1145/3366423.3380281](https://doi.org/10.1145/3366423.3380281)
