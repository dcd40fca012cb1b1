# ---
# lesson:
#   id: "2.7"
#   title: "Cold start, hybrids and explanations"
#   phase: 2
#   minutes: 240
#   prerequisites: ["2.2", "2.4", "2.6"]
#   objectives:
#     - "Serve somebody who signed up a minute ago: fold-in by hand, equal to recsys_lab and to scikit-learn"
#     - "Measure from how many ratings on a personal list beats the list for everybody, and mix the two"
#     - "Weigh models in a hybrid without a leak, and catch the leak when others do not"
#     - "Build a fallback chain that never answers with nothing, and can say who answered"
#     - "Give reasons that are true: they add up, they survive a counterfactual test, they betray nobody"
# ---
# %% [markdown]
# ## What you already know
#
# A cache that was just restarted knows nothing. Its first answers are slow, and everybody calls that a *cold* cache.
# A recommender is cold whenever somebody signs up, whenever a film is added, and on the day it is launched. You also
# know what to do when a dependency fails: answer with less. This lesson is about both, and they turn out to be the
# same subject.
#
# | in your backend | in this lesson |
# |---|---|
# | a cold cache; warming it with the keys that are asked for most | a new user; asking about films that tell us most |
# | a prepared statement that is executed with a new parameter | folding a new user into a fitted model |
# | a feature flag on a percentage of users | switching models by how much is known |
# | circuit breaker, timeout, degraded mode | a fallback chain: personal list, popular list, fixed list |
# | an audit log that says which rule fired | an explanation |
# | an error message that leaks a stack trace | an explanation that leaks somebody else's ratings |
#
# The models of this phase were all judged on people they knew well: 85 ratings of each, on average. Your most valuable
# user has none. Whether they come back is decided early.
#
# %% [markdown] instructor=true
# **Timing (240 minutes alone, two sessions of 120 in class).** Session one: sections 1 to 4 with exercises 1 to 3.
# Session two: sections 5 to 9 with exercises 4 to 6, then the quiz. The interview question makes a good closing round.
#
# **Prepare.** Everybody writes down a number: from how many ratings on does a personal list beat the most popular
# films? Collect the guesses on the board; section 3 opens them. (People say 1 or 2, or 50.)
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import EASE, BiasedALS, ImplicitALS, ItemKNN, Ratings, TfidfContent, UserKNN, datasets
from recsys_lab.course import figure_alt, leaderboard, my_ratings, show, start
from recsys_lab.metrics import auc, bootstrap_mean, ndcg, rmse

ex, quiz = start("2.7")
# %% [markdown]
# ## 1. Three kinds of cold
#
# - **A cold user** has no or few ratings. We know the films, not the person.
# - **A cold item** has no or few ratings. We know the people, and of the film only its description.
# - **A cold system** has no ratings at all. Nothing can be learned; an editor's choice or outside data must do.
#
# To study cold users we need people whose later taste we know, and who are new to the model. So we set 200 people aside
# *with all their ratings*, which is another split than the leader-board's. The models of this lesson learn from the other
# 743. The first hundred of the newcomers are for choosing things, the second hundred for reporting: the validation part
# and the test part of lesson 1.5, made of people.
# %%
data = datasets.load("ml-100k")
films = my_ratings.shelf(data)
rng = np.random.default_rng(0)

n_ratings = data.ratings.groupby("user").size()
newcomers = rng.choice(n_ratings.index[n_ratings >= 50], 200, replace=False)
choosing, reporting = newcomers[:100], newcomers[100:]

is_new = data.ratings["user"].isin(newcomers)
old = data.ratings[~is_new]
train = Ratings.from_frame(old, scale=(1, 5))
show(people_known=train.n_users, newcomers=len(newcomers), films_known=train.n_items)
# %% [markdown]
# Three models, fitted once. Lesson 2.6's EASE and implicit ALS learn from likes, which means four stars or more. The
# third, **ALS** (4.2 explains how it learns), predicts stars: it gives each film $i$ a vector $q_i$ of 50 numbers, and
# each user $u$ a vector $p_u$, such that
#
# $$\hat r_{ui} = \mu + b_u + b_i + p_u \cdot q_i$$
#
# The first three terms, $\mu$, $b_u$ and $b_i$, are lesson 2.1's damped averages. The dot product says how well film and person match.
# %%
ease = EASE(threshold=4).fit(train)
implicit = ImplicitALS(threshold=4).fit(train)
als = BiasedALS().fit(train)
# %% [markdown]
# Now think like somebody who writes the integration tests. Five requests reach the service on the same morning:
#
# ```python
# ease.recommend(0)                          # 1. user 0 signed up a minute ago: no rating at all
# ease.recommend_for({50: 1.0})              # 2. one rating: Star Wars, one star
# als.recommend_for({50: 1.0})               # 3. the same person, asked of ALS
# implicit.recommend_for({50: 1.0})          # 4. the same person, asked of implicit ALS
# ease.recommend_for({50: 5.0, 1683: 5.0})   # 5. a fan of Star Wars, and of a film added today
# ```
# %% exercise="2.7.1"
# for each request one of "list" (ten films), "empty" (a list without films), "error"
### BEGIN SOLUTION
no_ratings = "error"  # the model has no row for user 0, and refuses to guess
ease_dislike = "empty"  # one star is no like: nothing to add up
als_dislike = "list"  # a low rating is a rating: p_u points away from Star Wars
implicit_dislike = "list"  # but all scores are 0: the films as the catalogue numbers them
film_of_today = "error"  # the model has no row for the film, and one unknown film stops the whole request
### END SOLUTION
# %% check="2.7.1"
requests = ex("2.7.1").check((no_ratings, ease_dislike, als_dislike, implicit_dislike, film_of_today))


# %% [markdown]
# (When you have answered, `ex("2.7.1").solution()` says why. Predict first: section 7 builds on this.)
#
# ### The cold film
#
# A film that nobody has rated has no similarities, no weights and no vector $q_i$. Only its description can speak for
# it, so only lesson 2.4's model can. How well? Section 6 of that lesson hid every tenth film and counted hits in a box of
# ten: twice what chance finds. Here is the same experiment with another judge, which looks at the whole order. Take all
# ratings of 100 films away, as if these films came out today, and let the model (the variant without dislikes, which
# found most there) order the 100. **AUC** is the chance that a film which the person liked is placed above one which they
# did not see or did not like; a coin gets 0.5.
# %%
n_raters = data.ratings.groupby("item").size()
released_today = np.random.default_rng(3).choice(n_raters.index[n_raters >= 20], 100, replace=False)
is_hidden = data.ratings["item"].isin(released_today)
liked_later = data.ratings[is_hidden & (data.ratings["rating"] >= 4)]

content = TfidfContent(centring="none").fit(data.ratings[~is_hidden], data.items)
people = liked_later["user"].unique()
listed = content.recommend(people, n=100, items=released_today)
scores = listed.pivot(index="user", columns="item", values="score").reindex(people, columns=released_today)
wanted = liked_later.assign(yes=True).pivot(index="user", columns="item", values="yes")
wanted = wanted.reindex(people, columns=released_today).notna().to_numpy()
show(people=len(people), auc_of_content=np.nanmean(auc(scores.fillna(-1).to_numpy(), wanted)))
# %% [markdown]
# 0.60: better than a coin, and far from good, as in 2.4. Title and genres are a thin description. But no other model of this
# phase has anything to tell these films apart by, so it gets what the coin gets. On the first day, thin is all there is;
# then ratings come in, and a hybrid can hand over.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise. Let pairs bet on the five requests before anybody runs them.
#
# **Misconceptions.** "Cold start means no ratings": one rating below the threshold is as cold as none, for EASE. "An
# answer is better than an error": request 4 shows an answer that is worse, since nobody notices it.
#
# **To discuss.** Which of the five would your monitoring see? What would it take to see number 4?
# %% [markdown]
# ## 2. Folding in: a newcomer is a small regression
#
# The newcomer has rated ten films. Must we fit the model again? That would take every user's ratings to serve one. Look
# at the formula of ALS again: $\mu$, all $b_i$ and all $q_i$ belong to films, and the films are known. All that is missing
# is $b_u$ and $p_u$. For $b_u$ lesson 2.1 has a formula. So write
#
# $$d_j = r_{uj} - (\mu + b_u + b_j)$$
#
# for what is left of the rating $r_{uj}$ of each film $j$ that $u$ rated. What is left should be $p_u \cdot q_j$. That is a linear
# regression, with the vectors $q_j$ as features and $p_u$ as the weights! Ten equations, fifty unknowns: without a fine
# on long vectors, anything would fit. So it is lesson 1.3's ridge:
#
# $$p_u = \arg\min_p \sum_{j} (d_j - p \cdot q_j)^2 + \lambda |p|^2 = (Q^\top Q + \lambda I)^{-1} Q^\top d$$
#
# $Q$ has the vectors of the rated films as rows, $d$ the remainders, $I$ is the identity matrix, $\lambda > 0$ the fine.
# In backend terms: the films are the prepared statement, the ratings are its parameters.


# %% exercise="2.7.2"
def fold_in(q, d, reg):
    """The vector of a new user: array (k,).

    q: array (n, k), the vectors of the n films they rated; n may be 0. d: array (n,), what is left of each rating.
    reg: the fine lambda, a number above 0.
    """
    ### BEGIN SOLUTION
    return np.linalg.solve(q.T @ q + reg * np.eye(q.shape[1]), q.T @ d)
    ### END SOLUTION


# %% check="2.7.2"
fold_in_checked = ex("2.7.2").check(fold_in)


# %% [markdown]
# Around it goes the rest of the formula. The library lets the fine grow with the square root of the number of ratings
# (lesson 4.2 says why), so we do too. The function returns a score for each film, in the order of `train.items`:
# %%
def als_scores(columns, stars):
    """Predicted stars of all films for somebody who gave these stars to the films in these columns."""
    mu, _, b_item = als.biases_
    b_user = (stars - mu - b_item[columns]).sum() / (als.damping + len(columns))
    known = mu + b_user + b_item
    q = als.item_factors_
    p = fold_in_checked(q[columns], stars - known[columns], als.reg * np.sqrt(max(1, len(columns))))
    return known + q @ p


# %% [markdown]
# ### And you?
#
# Your ratings from lesson 00, if you gave any; otherwise Dana's, the demo profile. The model has never met you.
# %%
me = my_ratings.profile({}, films)
me = me._replace(ratings={film: stars for film, stars in me.ratings.items() if film in train.items.ids})
if not any(stars >= 4 for stars in me.ratings.values()):  # the examples below need a like
    me = my_ratings.Profile("Dana", dict(my_ratings.DEMO), "No film has four stars or more, so Dana stands in.")
print(me.note)
my_columns, my_stars = train.items.rows(list(me.ratings)), np.array(list(me.ratings.values()))

mine = pd.Series(als_scores(my_columns, my_stars), index=train.items.ids).drop(list(me.ratings))
theirs = als.recommend_for(me.ratings, n=5)
by_hand = mine.nlargest(5)
both = theirs.assign(by_hand=by_hand.to_numpy(), title=films["title"].reindex(theirs["item"]).to_numpy())
both[["title", "score", "by_hand"]].round(4)
# %% [markdown]
# ### From scratch, then the library
#
# `recommend_for` folds in for almost every model of the library. Compare on 20 newcomers with all their ratings, for all
# films; and compare `fold_in` with scikit-learn's `Ridge`, since that is all it is:
# %%
from sklearn.linear_model import Ridge

gaps = {"recsys_lab, 20 people": [], "scikit-learn's Ridge": []}
for user in newcomers[:20]:
    history = data.ratings[(data.ratings["user"] == user) & data.ratings["item"].isin(train.items.ids)]
    library = als.recommend_for(history, n=train.n_items).set_index("item")["score"]
    columns, stars = train.items.rows(history["item"]), history["rating"].to_numpy()
    hand = pd.Series(als_scores(columns, stars), index=train.items.ids)
    gaps["recsys_lab, 20 people"].append((hand[library.index] - library).abs().max())
    q, d = als.item_factors_[columns], stars - stars.mean()
    ridge = Ridge(alpha=2.0, fit_intercept=False).fit(q, d)
    gaps["scikit-learn's Ridge"].append(np.abs(ridge.coef_ - fold_in_checked(q, d, 2.0)).max())
for name, gap in gaps.items():
    print(f"{name:<24} largest difference {max(gap):.9f}   below 1e-9: {max(gap) < 1e-9}")
# %% [markdown]
# No refit, one linear system of 50 unknowns, well under a millisecond. The library goes one step further, and a test
# holds it to that: **an exact copy of a known user's ratings gets exactly that user's list.** Old and new users are
# served by the same computation, so nobody is treated worse for being new. (For known users the model keeps $p_u$, so
# that it need not be computed again. It is a cache.)
#
# The other families fold in too, each in its own way. A neighbourhood model compares the new row with the old rows. EASE
# adds up the weights of the liked films, $x_u B$ in the words of lesson 2.6. Implicit ALS is a ridge regression again,
# in which all films take part:
#
# $$p_u = (G + \alpha\, Q^\top Q + \lambda I)^{-1} (1 + \alpha)\, Q^\top \mathbf{1}$$
#
# with $G$ the sum of $q_i q_i^\top$ over *all* films, $Q$ the vectors of the liked ones, $\alpha$ the extra confidence in
# a like, $\lambda$ the fine, which grows with the root of the number of likes, and $\mathbf{1}$ a vector of ones.
# %%
weights, vectors, gram = ease.weights_, implicit.item_factors_, implicit.gram_


def ease_scores(columns, stars):
    return weights[columns[stars >= 4]].sum(axis=0)


def implicit_scores(columns, stars):
    q, alpha = vectors[columns[stars >= 4]], implicit.alpha
    fine = implicit.reg * np.sqrt(max(1, len(q))) * np.eye(q.shape[1])
    p = np.linalg.solve(gram + alpha * q.T @ q + fine, (1 + alpha) * q.sum(axis=0))
    return vectors @ p


for name, model, scores_of in (("EASE", ease, ease_scores), ("implicit ALS", implicit, implicit_scores)):
    listed = model.recommend_for(me.ratings, n=100)
    hand = scores_of(my_columns, my_stars)[train.items.rows(listed["item"])]
    print(f"{name:<13} largest difference for {me.name}: {np.abs(hand - listed['score']).max():.6f}")
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "p_u is the average of the vectors of the liked films": a common shortcut, and exercise 2.7.2
# rejects it by name. "With ten ratings and fifty unknowns there is no solution": there are infinitely many; the fine
# picks the shortest good one.
#
# **To discuss.** When must the *films* be fitted again? What happens to a newcomer's stored vector on that night? (It
# belongs to the old films. Version the two together.)
# %% [markdown]
# ## 3. How good is a list after n ratings?
#
# Give each newcomer's ratings a random order. The first $n$ of them are what the service knows; from the 21st on they
# are the test, for every $n$ the same. A list of ten is judged by nDCG (lesson 2.5) against the films of the test that
# the person liked.
# %%
shuffled = data.ratings[is_new & data.ratings["item"].isin(train.items.ids)]
shuffled = shuffled.iloc[rng.permutation(len(shuffled))]
answers = {
    user: (train.items.rows(table["item"]), table["rating"].to_numpy()) for user, table in shuffled.groupby("user")
}


def quality(service, n, people):
    """nDCG@10 of each person, when the service knows their first n ratings."""
    hits, n_wanted = [], []
    for columns, stars in (answers[user] for user in people):
        scores = np.array(service(columns[:n], stars[:n]), dtype=float)
        scores[columns[:n]] = -np.inf  # seen
        wanted = columns[20:][stars[20:] >= 4]
        hits.append(np.isin(np.argsort(-scores, kind="stable")[:10], wanted))
        n_wanted.append(len(wanted))
    return ndcg(np.array(hits), np.array(n_wanted))


# %% [markdown]
# (The values will be higher than on the leader-board: there a fifth of a person's ratings is hidden, here nearly all.
# Compare within this lesson only.) Exercise 2.7.1 warned of people without a single like. Until section 7 we treat them
# in the simplest way: they get what everybody gets.
# %%
popularity = np.bincount(train.matrix.indices, minlength=train.n_items).astype(float)


def popular(columns, stars):
    return popularity


def or_popular(scores_of, enough):
    """The service that asks scores_of where enough(columns, stars), and else says what is popular."""
    return lambda columns, stars: (scores_of if enough(columns, stars) else popular)(columns, stars)


def any_like(columns, stars):
    return (stars >= 4).any()


services = {
    "most rated films": popular,
    "ALS (predicts stars)": or_popular(als_scores, lambda columns, stars: len(columns) > 0),
    "EASE": or_popular(ease_scores, any_like),
    "implicit ALS": or_popular(implicit_scores, any_like),
}
# %% [markdown]
# Before you run it, write a number down: from how many ratings on does a personal list beat the most rated films?
#
# Now the curve, on the hundred people for choosing, with 95 % intervals from the bootstrap of lesson 1.5:
# %%
steps = [0, 1, 2, 3, 5, 8, 12, 20]
curves = {name: [bootstrap_mean(quality(service, n, choosing)) for n in steps] for name, service in services.items()}
table = pd.DataFrame({name: [e.mean for e in curve] for name, curve in curves.items()}, index=steps)
show(table.rename_axis("ratings known"), digits=3)
# %%
fig, ax = plt.subplots(figsize=(8, 4.5))
for (name, curve), marker in zip(curves.items(), "os^D"):
    low, high = (np.array([getattr(e, end) for e in curve]) for end in ("low", "high"))
    line = ax.plot(steps, table[name], marker=marker, label=name)[0]
    if name != "ALS (predicts stars)":
        ax.fill_between(steps, low, high, color=line.get_color(), alpha=0.12)
ax.set(xlabel="n, ratings of the newcomer that are known", ylabel="nDCG@10, mean of 100 newcomers")
ax.set_xticks(steps)
ax.set_title("For the first few ratings, nobody beats what is popular")
ax.legend(loc="upper left")
alt = "nDCG by ratings known: popularity flat near 0.38; EASE and implicit ALS dip to 0.3, cross at five, reach 0.55."
figure_alt(fig, alt)
# %% [markdown]
# Compare with your guess. The blue line has to be crossed, and the models that rank well cross it only at four or five
# ratings. Then they leave it far behind. ALS, which predicts stars, is not there at twenty; you know why from 2.5. But the
# bands overlap on the left. Is the dip real? The bands are about people, who differ; ask person by person instead, as
# in lesson 1.5, by how much the personal list beats the popular one:
# %%
for name in ("EASE", "implicit ALS"):
    for n in (1, 2, 5):
        e = bootstrap_mean(quality(services[name], n, choosing) - quality(popular, n, choosing))
        print(f"{name:<13} n = {n}: {e.mean:+.3f}   95 % interval {e.low:+.3f} to {e.high:+.3f}")
# %% [markdown]
# **After one or two ratings, personal lists are worse than no personalization at all**, and it is no accident: the
# intervals lie below 0. At five the sign has turned.
#
# Why the dip? One film is a rumour about a person. The model believes it completely: every score comes from that one
# film, and what 743 other people watched is forgotten. You have seen this mistake three times now, with film means
# (2.1), similarities and votes (2.2). Each time the remedy was to start from what is usual, and to let evidence pull you
# away. Section 5 does it a fourth time.
#
# ### Does the model know that it does not know?
#
# A Bayesian model does. `BayesianMF` (4.2) keeps many plausible vectors for each person instead of one. Where they
# disagree, it is unsure. We fit it on the 743 and on the newcomers, of whom it sees 1, 2, 5, 10 or 20 ratings, forty
# people each. `predict_sd` then says how far its prediction may be off, in stars; `noise=False` leaves out that people
# are not of one mind, which no number of ratings can cure.
# %%
from recsys_lab import BayesianMF

place = shuffled.groupby("user").cumcount()
sees = shuffled["user"].map(dict(zip(newcomers, np.resize([1, 2, 5, 10, 20], len(newcomers)))))
glimpse = shuffled.loc[place < sees, old.columns]
bayes = BayesianMF(factors=10, sweeps=20, burn_in=8, samples=6).fit(pd.concat([old, glimpse]))

later = shuffled[place >= 20]
table = pd.DataFrame({"n": sees[later.index], "unsure": bayes.predict_sd(later, noise=False)})
table["squared error"] = (bayes.predict(later) - later["rating"]) ** 2
table = table.groupby("n").mean()
table["rmse"] = np.sqrt(table.pop("squared error"))
show(table)
# %%
fig, ax = plt.subplots()
ax.plot(table.index, table["unsure"], "o-", label="the model's own doubt (standard deviation)")
ax.plot(table.index, table["rmse"], "s--", label="its real error (RMSE; includes people's noise)")
ax.set_xscale("log")
ax.set_xticks(table.index, [str(n) for n in table.index])
ax.minorticks_off()
ax.set(xlabel="n, ratings of the newcomer that are known (log scale)", ylabel="stars", ylim=(0, 1.15))
ax.set_title("It doubts most where it knows least")
ax.legend(loc="lower left")
alt = "The doubt falls from 0.58 stars at one rating to 0.41 at twenty; the real error from 1.01 to 0.93."
figure_alt(fig, alt)
# %% [markdown]
# The doubt falls with every step. (The real error is measured on other forty people for each $n$, so it wobbles.) A number
# like this can decide when to switch, when to ask another question, and when to say "we think" instead of "you will
# love".
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes. Open the guesses from the warm-up before the figure is drawn.
#
# **Misconceptions.** "More personal is better": the dip is the lesson. "The newcomers are unusual": popularity hardly
# moves with n, and it is the model that changes.
#
# **To discuss.** The order of the ratings is random here. In a real service the first ratings are of films that the
# *service* showed. Does that make the curve steeper or flatter? (Section 4: it depends on what is shown.)
# %% [markdown]
# ## 4. What do you ask a newcomer?
#
# Many services show a screen of films at sign-up: "pick what you like". Which films? Rashid and colleagues (2002)
# studied six answers on MovieLens, first offline and then with more than 300 real sign-ups. The two pure ones are
#
# - **popularity**: ask about what many people have seen. They can answer; but everybody likes *Star Wars*, so what do
#   you learn?
# - **entropy**: ask about what people disagree on. If $f_{is}$ is the share of the ratings of film $i$ that have $s$
#   stars, then
#
# $$H_i = -\sum_{s} f_{is} \log_2 f_{is}$$
#
# (a share of 0 adds nothing) is the number of bits that an answer tells on average: 0 if all say the same, $\log_2 5$,
# or 2.3, if all five answers are equally frequent. And the mixture: $\log_2(n_i)\, H_i$, with $n_i$ the number of
# ratings.


# %% exercise="2.7.3"
def ask_score(ratings):
    """log2(n_i) * H_i of each film: a Series indexed by film id; ask about the highest first.

    ratings: frame with columns user, item, rating.
    """
    ### BEGIN SOLUTION
    counts = ratings.groupby(["item", "rating"]).size().unstack(fill_value=0)
    n = counts.sum(axis=1)
    f = counts.div(n, axis=0)
    bits = -(f * np.log2(f.where(f > 0, 1))).sum(axis=1)
    return np.log2(n) * bits
    ### END SOLUTION


# %% check="2.7.3"
ask_score_checked = ex("2.7.3").check(ask_score)
# %% [markdown]
# A simulation, on the hundred people for reporting, since nothing is chosen here. Half of each newcomer's ratings says
# what they *could* answer, the other half is the test. A strategy shows 30 films, and the person rates those they have
# seen. With $\log_2(n_i)$ taken away again (divide by it), your function gives the pure entropy, too. The first row asks
# nothing and shows the popular list: what a question is worth is measured from there.
# %%
n_known = pd.Series(popularity, index=train.items.ids)
scored = ask_score_checked(old).reindex(train.items.ids)
bits = (scored / np.log2(n_known).where(n_known > 1)).fillna(0)
strategies = {
    "nobody (popular list)": n_known,
    "random": pd.Series(rng.random(train.n_items), index=train.items.ids),
    "entropy": bits + 1e-6 * n_known,  # of equal entropies, the better known film
    "log popularity x entropy": scored,
    "popularity": n_known,
}


def sign_up(order, shown):
    """Per newcomer: how many of the shown films they can rate, and like; and the nDCG@10 of their list afterwards."""
    rated, hits, n_wanted = [], [], []
    for columns, stars in (answers[user] for user in reporting):
        half = len(columns) // 2
        asked = np.isin(columns[:half], order[:shown])
        known, given = columns[:half][asked], stars[:half][asked]
        scores = np.array(services["implicit ALS"](known, given), dtype=float)
        scores[columns[:half]] = -np.inf
        wanted = columns[half:][stars[half:] >= 4]
        rated.append((len(known), (given >= 4).sum()))
        hits.append(np.isin(np.argsort(-scores, kind="stable")[:10], wanted))
        n_wanted.append(len(wanted))
    return np.array(rated), ndcg(np.array(hits), np.array(n_wanted))


rows = {}
for name, score in strategies.items():
    order = np.argsort(-score.to_numpy(), kind="stable")
    rated, values = sign_up(order, shown=0 if name == "nobody (popular list)" else 30)
    e = bootstrap_mean(values)
    can, like = rated.T
    rows[name] = {"can rate": can.mean(), "of them liked": like.mean(), "can rate none, %": 100 * (can == 0).mean()}
    rows[name] |= {"ndcg@10": e.mean, "low": e.low, "high": e.high}
asked = pd.DataFrame(rows).T
show(asked, digits=3)
# %% [markdown]
# Entropy asks the cleverest questions, and nearly half of the newcomers can answer none of them. The films that split
# people most evenly are films that a handful of people saw; whoever liked one of them gets a list made from that rumour,
# and on average the lists are *worse* than if nothing had been asked. Popularity, the dull question, gets eight answers
# instead of one, and the best lists by a distance. The mixture gets between six and seven, of more bits each, and still its
# lists are no better than the popular list, which costs no question at all. Look at the column of likes: where people
# disagree, fewer answers are likes, and likes are all that this model learns from. Three or four of them are about where
# the curves of section 3 cross (a good half of all ratings are likes): enough to leave the popular list, and not yet
# enough to beat it. (Each question has a second price: the patience of a person who shakes their head thirty times.)
# %%
fig, ax = plt.subplots()
for (name, row), marker in zip(asked.iterrows(), "vo^Ds"):
    error = [[row["ndcg@10"] - row["low"]], [row["high"] - row["ndcg@10"]]]
    ax.errorbar(row["can rate"], row["ndcg@10"], yerr=error, marker=marker, markersize=9, capsize=4, label=name)
ax.set(xlabel="films that a newcomer can rate, of 30 shown", ylabel="nDCG@10 after sign-up", xlim=(-0.5, 10))
ax.set_title("A question that nobody can answer tells nothing")
ax.legend(loc="lower center", title="films shown by")
alt = "nDCG against films rated: nothing asked 0.35, entropy 0.26 at 1, random and mixture 0.34, popularity 0.42 at 8."
figure_alt(fig, alt)


# %% [markdown]
# Do not read a law into this. Our judge is a list, and our model learns from likes alone; popular films collect likes.
# Rashid et al. judged by the error of predicted stars, and there a mixture did well. What carries over is the trade:
# *bits per answer* times *the chance of an answer*.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise.
#
# **Misconceptions.** "Entropy is high where a film is bad": it is high where people disagree. "A film rated once has
# high entropy": it has none, all its ratings agree.
#
# **To discuss.** Netflix asks for likes only, and shows posters. What does the choice of posters do to the first list?
# Who decides it? How would you *test* a new screen? (On people, not on ratings: lesson 3.5.)
# %% [markdown]
# ## 5. Switch, or mix?
#
# Two good services, each better in its own region: popularity at first, implicit ALS later. Burke (2002) sorted the ways
# to combine recommenders, and two names are enough here. A **switching hybrid** asks one of them, by a rule. A
# **weighted hybrid** adds their scores.
#
# **The switch.** Below $n_0$ likes popularity answers, from there on implicit ALS. It is a feature flag per user.
#
# **The mixture.** Scores of two models have no common scale, so first standardize them over all films, as lesson 2.6's
# blends do: $z(s) = (s - \text{mean}(s)) / \text{sd}(s)$. Then let the weight of the personal model grow with $m$, the
# number of likes:
#
# $$s_i = w\, z(\text{implicit})_i + (1 - w)\, z(\text{popular})_i \qquad w = \frac{m}{m + \kappa}$$
#
# This is shrinkage once more: $\kappa$ (say "kappa") likes is what the popular list weighs. At $m = \kappa$ both count
# the same. Both knobs, $n_0$ and $\kappa$, are chosen on the hundred people for choosing.
# %%
def z(scores):
    spread = scores.std()
    return (scores - scores.mean()) / (spread if spread > 0 else 1)


def switch(n0):
    return or_popular(implicit_scores, lambda columns, stars: (stars >= 4).sum() >= n0)


def mixture(kappa):
    def scores_of(columns, stars):
        m = (stars >= 4).sum()
        w = m / (m + kappa)
        return w * z(implicit_scores(columns, stars)) + (1 - w) * z(popularity)

    return or_popular(scores_of, any_like)


moments = [1, 2, 3, 5, 8, 12, 20]  # a service meets people at all stages: the mean over these


def over_all(service, people):
    return np.mean([quality(service, n, people) for n in moments], axis=0)


knobs = {"switch": (1, 2, 3, 4, 6, 9), "mixture": (0.5, 1, 2, 4, 8, 16)}
makers = {"switch": switch, "mixture": mixture}
tried = {kind: pd.Series({v: over_all(makers[kind](v), choosing).mean() for v in knobs[kind]}) for kind in knobs}
best = {kind: values.idxmax() for kind, values in tried.items()}
for kind, values in tried.items():
    print(kind, {v: f"{value:.4f}" for v, value in values.items()}, "best:", best[kind])
# %% [markdown]
# Now the hundred others, once, with the knobs fixed:
# %%
contest = {
    "most rated films": popular,
    "implicit ALS": services["implicit ALS"],
    "switch": switch(best["switch"]),
    "mixture": mixture(best["mixture"]),
}
reported = {name: np.array([quality(service, n, reporting) for n in moments]) for name, service in contest.items()}

fig, ax = plt.subplots(figsize=(8, 4.5))
for (name, values), marker in zip(reported.items(), "oD^s"):
    ax.plot(moments, values.mean(axis=1), marker=marker, label=name)
ax.set(xlabel="n, ratings of the newcomer that are known", ylabel="nDCG@10, mean of 100 other newcomers")
ax.set_xticks(moments)
ax.set_title("The mixture needs no moment of switching")
ax.legend(loc="upper left")
alt = "nDCG by ratings known: the mixture starts with popularity and lies above all others from two ratings on."
figure_alt(fig, alt)
# %% [markdown]
# How sure are we? Per person, the mean over the seven moments, mixture minus the others:
# %%
for name in ("most rated films", "implicit ALS", "switch"):
    e = bootstrap_mean((reported["mixture"] - reported[name]).mean(axis=0))
    print(f"mixture minus {name:<17} {e.mean:+.4f}   95 % interval {e.low:+.4f} to {e.high:+.4f}")


# %% [markdown]
# The mixture beats all three, and no interval reaches 0. The switch throws away what each side knows on the wrong side of
# the line; the mixture never does. Even at twenty ratings, to have heard "this is widely watched" does a personal model no
# harm.
#
# Look at five ratings once more. For these hundred people implicit ALS has not crossed the popular line yet; for the
# hundred of section 3 it had. So the place of the crossing is an estimate like any other. A switch bets on it, a mixture
# need not.
#
# As a model of the library it is a few lines. A subclass of `Recommender` writes `_fit` and `_score`, and `_fold_in` for
# newcomers; masking, ranking, ids and fallbacks are the base class's work:
# %%
from recsys_lab.base import Recommender


class Mixture(Recommender):
    """w z(implicit ALS) + (1 - w) z(popularity), w = m / (m + kappa), m the user's likes."""

    scores_are_ratings = False

    def __init__(self, *, kappa=2.0):
        self.kappa = kappa

    def _fit(self, train):
        self.personal_ = ImplicitALS(threshold=4).fit(train)
        self.popular_ = z(np.bincount(train.matrix.indices, minlength=train.n_items).astype(float))

    def _mix(self, scores, m):
        spread = scores.std(axis=1, keepdims=True)
        standard = (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
        w = (m / (m + self.kappa))[:, None]
        return w * standard + (1 - w) * self.popular_

    def _score(self, rows):
        likes = np.diff(self.train_.positives(4).indptr)[rows]
        return self._mix(self.personal_._score(rows), likes)

    def _fold_in(self, columns, values):
        return self._mix(self.personal_._fold_in(columns, values)[None, :], np.array([(values >= 4).sum()]))[0]


# %% [markdown]
# On the leader-board's split, where everybody has a history:
# %%
board_train, board_test = leaderboard.split()
on_board = leaderboard.judge(Mixture(kappa=best["mixture"]).fit(board_train))
board = leaderboard.show("2.7", {"implicit ALS + popularity": on_board})
board[["lesson", "model", "rmse", "ndcg@10", "ndcg@10 low", "ndcg@10 high"]].tail(6)
# %% [markdown]
# The knob was chosen on newcomers, and on people with eighty ratings it does no harm: the row of the mixture stands
# beside the best. That is what a weight which fades with evidence is for.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes.
#
# **Misconceptions.** "Mixing is averaging, so it lands in between": at five ratings the mixture is above *both*. "kappa
# was tuned on the test": it was tuned on a hundred people of whom none is in the report.
#
# **To discuss.** What else would fade out with evidence? (Country, device, the campaign that brought the person here.)
# What is the popular list's own cold start? (A new shop: last month's sales of another shop, an editor.)
# %% [markdown]
# ## 6. Weights, and where they come from
#
# A weighted hybrid of models that predict *stars* can learn its weights. Let $\hat r^{(m)}$ be the prediction of model
# $m$ and $\mu$ the mean rating; then
#
# $$\hat r = \mu + \sum_m w_m (\hat r^{(m)} - \mu) \qquad w_m \ge 0$$
#
# is a linear regression with the models as features. The weights must not be negative: a model is meant to help, and a
# negative weight is a bet that two models' errors will go on cancelling out (Breiman 1996 found that this constraint is
# what makes it work). The tool is *non-negative least squares*, `scipy.optimize.nnls`.
#
# Our three: content (2.4), item k-NN (2.3), ALS. A colleague has already built it. Fit the models on the training part,
# predict the training part, regress:
# %%
from scipy.optimize import nnls

from recsys_lab.split import random_split

board_frame = board_train.to_frame()


def content_stars(fit, rows):
    return TfidfContent().fit(Ratings.from_frame(fit, scale=(1, 5)), data.items).predict(rows)


def knn_stars(fit, rows):
    return ItemKNN().fit(Ratings.from_frame(fit, scale=(1, 5))).predict(rows)


def als_stars(fit, rows):
    return BiasedALS(reg=0.6).fit(Ratings.from_frame(fit, scale=(1, 5))).predict(rows)


def colleague_weights(models, train):
    mu = train["rating"].mean()
    predictions = np.column_stack([model(train, train) for model in models])
    return nnls(predictions - mu, train["rating"] - mu)[0]


three = {"content": content_stars, "item k-NN": knn_stars, "ALS, reg 0.6": als_stars}
leaky = colleague_weights(list(three.values()), board_frame)
show(dict(zip(three, leaky)))
# %% [markdown]
# All the weight goes to ALS, and more than 1 of it. Before you congratulate ALS: we gave it a small fine on purpose. Here is
# what each model's error looks like from both sides.
# %%
apart = pd.DataFrame(
    {
        name: {
            "rmse on what it learned from": rmse(board_frame["rating"], model(board_frame, board_frame)),
            "rmse on the test part": rmse(board_test["rating"], model(board_frame, board_test)),
        }
        for name, model in three.items()
    }
).T
show(apart)


# %% [markdown]
# The model that is best at *repeating* is the worst at *predicting*, and the regression was asked about repeating. It
# paid for memory.
# %% exercise="2.7.4"
def honest_weights(models, train):
    """Weights >= 0, one a model: array (n_models,), learned on ratings that no model was fitted on.

    models: list of functions model(fit, rows); each fits itself on the frame `fit` and predicts the frame `rows`.
    train: frame with columns user, item, rating. The test part is not in sight, and is not needed.
    """
    ### BEGIN SOLUTION
    fit, held_out = random_split(train, test=0.2, seed=1)
    mu = fit["rating"].mean()
    predictions = np.column_stack([model(fit, held_out) for model in models])
    return nnls(predictions - mu, held_out["rating"] - mu)[0]
    ### END SOLUTION


# %% check="2.7.4"
honest_weights_checked = ex("2.7.4").check(honest_weights)
# %% [markdown]
# Both sets of weights before the test part. The models are fitted on the whole training part; only the weights differ.
# (The weights below come from a fixed split, so that they are the same on every machine.)
# %%
fit, held_out = random_split(board_frame, test=0.2, seed=1)
unseen = np.column_stack([model(fit, held_out) for model in three.values()])
fit_mu, mu = fit["rating"].mean(), board_frame["rating"].mean()
honest = nnls(unseen - fit_mu, held_out["rating"] - fit_mu)[0]

on_test = np.column_stack([model(board_frame, board_test) for model in three.values()])
blends = {"the colleague's": leaky, "honest": honest, "equal": np.full(3, 1 / 3)}
rows = {
    name: dict(zip(three, w)) | {"test rmse": rmse(board_test["rating"], np.clip(mu + (on_test - mu) @ w, 1, 5))}
    for name, w in blends.items()
}
show(pd.DataFrame(rows).T)
# %%
fig, ax = plt.subplots()
place_of = np.arange(3)
for shift, name in ((-0.2, "the colleague's"), (0.2, "honest")):
    error = rows[name]["test rmse"]
    ax.bar(place_of + shift, blends[name], width=0.38, label=f"{name} weights: test RMSE {error:.3f}")
ax.set_xticks(place_of, list(three))
ax.set(xlabel="model", ylabel="weight in the hybrid")
ax.set_title("Weights learned on seen ratings reward memory")
ax.legend(loc="upper left")
alt = "The colleague's weights: 0, 0 and 1.23 for ALS. The honest ones: 0.30, 0.57 and 0.22."
figure_alt(fig, alt)
# %% [markdown]
# The honest hybrid is better than every one of its parts, the colleague's is worse than every one of its parts. Plain
# *equal* weights, which need no learning at all, are nearly as good as the best part. When you cannot spare a validation
# part, take those.
#
# ### From scratch, then the library
#
# `RatingBlend` does all this: hold out, weigh, fit again on everything. (It has no table of films, so content cannot
# take part. And it weighs on films that the fitting part knows, since for others a model only falls back.) Three roads to
# the weights of item k-NN and ALS, on the same split: `nnls` by hand, the library, and
# scikit-learn's regression with `positive=True`.
# %%
from sklearn.linear_model import LinearRegression

from recsys_lab import RatingBlend

blend = RatingBlend(models={"item-knn": {}, "als": {"reg": 0.6}}, validation=0.2, seed=1).fit(board_train)
known = held_out["item"].isin(fit["item"]).to_numpy()
two = unseen[known, 1:] - fit_mu
target = held_out.loc[known, "rating"] - fit_mu
by_hand = nnls(two, target)[0]
by_sklearn = LinearRegression(positive=True, fit_intercept=False).fit(two, target).coef_
show(by_hand=by_hand, recsys_lab=blend.weights_, scikit_learn=by_sklearn)
largest = max(np.abs(by_hand - other).max() for other in (blend.weights_, by_sklearn))
print(f"largest difference {largest:.9f}   below 1e-6: {largest < 1e-6}")
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise.
#
# **Misconceptions.** "Leaks need test data": this one never touches it. "The weights should sum to 1": they need not;
# a sum below 1 shrinks towards the mean, and the data may want that. "Split once, fit on all": then the held-out rows
# have been seen after all; exercise 2.7.4 rejects it by name.
#
# **To discuss.** Why did the leak not touch content much? (It cannot repeat: one slope for everybody.) Which model in
# *your* company would win such a regression?
# %% [markdown]
# ## 7. Nobody leaves with nothing
#
# A model is fitted, and then the world happens: a film from today, a person without likes, a file that did not load, a
# timeout. Whatever it is, the page has ten places. A **fallback chain** is a list of services, best first. Ask the
# first; what it cannot fill, the next one fills.
#
# There are four ways to get this wrong, and you may have met them all: let an exception through; stop at the first service that answers
# *anything* (three films on a page for ten); repeat a film that is already listed or seen; and ask every service always,
# so that the slowest of them sets your latency.


# %% exercise="2.7.5"
def answer(chain, history, n):
    """A list of at most n >= 1 pairs (film, name of the service that gave it), best first.

    chain: list of pairs (name, service), best first. service(history) returns a list of films, best first; it may be
    short or empty, repeat films, hold films of the history, or raise an exception.
    history: dict {film: stars}. No film of it is answered, and no film twice. A service is only called if places are
    still free.
    """
    ### BEGIN SOLUTION
    filled, taken = [], set(history)
    for name, service in chain:
        if len(filled) == n:
            break
        try:
            proposed = service(history)
        except Exception:
            continue
        for film in proposed:
            if film not in taken and len(filled) < n:
                filled.append((film, name))
                taken.add(film)
    return filled
    ### END SOLUTION


# %% check="2.7.5"
answer_checked = ex("2.7.5").check(answer)


# %% [markdown]
# Back to the five requests of section 1, now through a chain. Two lessons of exercise 2.7.1 are built in. Request 4 got
# ten films with a score of 0 from implicit ALS, in the order of the catalogue, and no monitor noticed; so a service that
# *has nothing to say* must say nothing. And a film the model does not know should cost one film, not the request.
# %%
def personal(history):
    known = {film: stars for film, stars in history.items() if film in n_known.index}
    if not any(stars >= 4 for stars in known.values()):
        return []
    return implicit.recommend_for(known, n=10)["item"].tolist()


def by_stars(history):
    known = {film: given for film, given in history.items() if film in n_known.index}
    return als.recommend_for(known, n=3)["item"].tolist()  # a cautious service: never more than three


def most_watched(history):
    return n_known.sort_values(ascending=False, kind="stable").index[:50].tolist()


def broken(history):
    raise TimeoutError("no answer within 50 ms")


chain = [("personal", personal), ("stars", by_stars), ("popular", most_watched)]
morning = {
    "1. no rating at all": {},
    "2.-4. one star for Star Wars": {50: 1.0},
    "5. Star Wars and a film of today": {50: 5.0, 1683: 5.0},
    f"6. {me.name}": me.ratings,
}
rows = {}
for name, history in morning.items():
    rows[name] = pd.Series([who for _, who in answer_checked(chain, history, 10)]).value_counts()
    down = answer_checked([("personal", broken), *chain[1:]], history, 10)
    rows[f"{name}, personal model down"] = pd.Series([who for _, who in down]).value_counts()
pd.DataFrame(rows).T.reindex(columns=["personal", "stars", "popular"]).fillna(0).astype(int)
# %% [markdown]
# Ten films for everybody, whatever breaks. And since each film carries the name of the service that gave it, the
# dashboard can show the share of each. Put an alert on that share: a chain hides failures *by design*, so a personal
# model that has been down for a week looks like a slow decline in clicks.
#
# Now the test that belongs into CI: a hundred newcomers, with no, one and five ratings, with every combination of
# services down but the last.
# %%
from itertools import product

lengths, repeats = [], 0
for user in reporting:
    columns, given = answers[user]
    for n, up in product((0, 1, 5), product((True, False), repeat=2)):
        history = dict(zip(train.items.ids[columns[:n]].tolist(), given[:n]))
        services_now = [(name, s if works else broken) for (name, s), works in zip(chain, (*up, True))]
        listed = [film for film, _ in answer_checked(services_now, history, 10)]
        lengths.append(len(listed))
        repeats += len(set(listed) - set(history)) < len(listed)
show(requests=len(lengths), shortest_list=min(lengths), lists_with_a_repeat_or_a_seen_film=repeats)
# %% [markdown]
# The library has the two smallest links of the chain built in: `predict(..., fallback=True)` answers unknown users and
# films by the damped averages, and `recommend(..., unknown="popular")` gives strangers the most rated films. Both are
# choices you make in the call, and the default of the second is to *raise*. Falling back silently is a decision; it
# should be somebody's.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes with the exercise.
#
# **Misconceptions.** "A non-empty list is an answer": request 4. "except: pass": a bare `except` swallows
# KeyboardInterrupt as well; `except Exception` does not. In production it logs, counts, and opens a circuit breaker.
#
# **To discuss.** Should the page tell people that the list is not personal? Netflix's row is called "Popular on
# Netflix". What would be dishonest about calling it "Top picks for you"?
# %% [markdown]
# ## 8. Why this film?
#
# An explanation can want different things. Tintarev and Masthoff (2007) count seven aims. Three of them are enough for a
# quarrel: to be **transparent** (say how it came about), to be **persuasive** (get the click), and to be **effective**
# (help to decide well, which includes *not* clicking).
#
# Start with transparency, which can be checked. In this library every model explains in the same shape: rows of `kind`
# (another *item*, a *user*, a *term*), `id`, the `rating` that went in, and the `weight` that it added to the score. (A
# term was rated by nobody; its rating is the mean of the person's ratings of the films that have it.)
# %%
with_me = pd.concat([data.ratings, pd.DataFrame({"user": 0, "item": list(me.ratings), "rating": my_stars})])
with_me["timestamp"] = with_me["timestamp"].fillna(0)
explainable = {
    "EASE": EASE(threshold=4).fit(with_me),
    "ALS": BiasedALS().fit(with_me),
    "user k-NN": UserKNN().fit(with_me),
    "content": TfidfContent(centring="none").fit(with_me, data.items),
}
top_film = explainable["EASE"].recommend(0, n=1)["item"].iloc[0]
print(f"for {me.name}: {films.loc[top_film, 'title']}")
reasons = {name: model.explain(0, top_film, n=3).round(3) for name, model in explainable.items()}
reasons = pd.concat(reasons, names=["model", "place"]).rename(index=lambda k: k + 1, level="place")
reasons["title"] = reasons["id"].where(reasons["kind"] == "item").map(films["title"]).fillna("")
reasons
# %% [markdown]
# Four models explain the same film. Read them slowly. What follows is said of Dana's table; with
# ratings of your own, yours names other films, and you can look for the same three things.
#
# A weight can be negative: for ALS, Dana's low rating of *Titanic* is the heaviest reason, and it speaks *against* the
# film. (The equally low rating of *Independence Day* speaks for it: to dislike one film is a reason against those that
# resemble it, and for those that are unlike.) The three heaviest neighbours of user k-NN speak against it, too. And the
# heaviest term of the content model is the word "the". True, and useless.
#
# Do the weights add up to the score? Ask for *all* reasons:
# %%
sums = {}
for name in ("EASE", "ALS"):
    model = explainable[name]
    all_reasons = model.explain(0, top_film, n=10_000)
    listed = model.recommend(0, n=2000).set_index("item")["score"]
    base = 0.0
    if name == "ALS":  # mu + b_u + b_i is not made of the user's taste
        base = model.biases_.at(model.train_.users.rows([0]), model.train_.items.rows([top_film]))[0]
    sums[name] = {"score": listed[top_film], "averages": base, "sum of all weights": all_reasons["weight"].sum()}
    sums[name]["left over"] = listed[top_film] - base - all_reasons["weight"].sum()
pd.DataFrame(sums).T.round(6) + 0.0
# %% [markdown]
# They do. For EASE the score *is* a sum over the liked films. For ALS it is one, too, and that is less obvious: $p_u$ is
# linear in the ratings (look at the ridge formula), hence so is $p_u \cdot q_i$. Hu, Koren and Volinsky (2008) showed
# it, for implicit ALS.
#
# ### If it adds up, is it true?
#
# "Because you liked *Fargo*" claims more than a term of a sum. People read it as: *without Fargo, you would not see this*.
# That is a **counterfactual**, and you can test it without reading the model: take the rating away, ask again, look
# whether the film is gone.


# %% exercise="2.7.6"
def decisive(recommend, history, film, n):
    """The rated films that each, taken away alone, take `film` off the list of n: a set of ids.

    recommend(history, n) gives the n best films that are not in the history, a list. `film` is on the full list.
    history: dict {film: stars}, at least two; it must not be changed.
    A film that was taken away must not count as a competitor: it only became listable through the test itself.
    """
    ### BEGIN SOLUTION
    found = set()
    for rated in history:
        rest = {other: stars for other, stars in history.items() if other != rated}
        listed = [other for other in recommend(rest, n + 1) if other != rated][:n]
        if film not in listed:
            found.add(rated)
    return found
    ### END SOLUTION


# %% check="2.7.6"
decisive_checked = ex("2.7.6").check(decisive)


# %% [markdown]
# For your list, or Dana's: each recommended film, the heaviest reason that the model names, and the ratings without
# which the film is gone.
# %%
def ease_list(history, n):
    return ease.recommend_for(history, n=n)["item"].tolist()


rows = []
for film in ease_list(me.ratings, 10):
    column = train.items.rows([film])[0]
    liked = my_columns[my_stars >= 4]
    named = train.items.ids[liked[weights[liked, column].argmax()]]
    needed = decisive_checked(ease_list, me.ratings, film, 10)
    rows.append((films.loc[film, "title"], films.loc[named, "title"], named in needed, len(needed)))
pd.DataFrame(rows, columns=["recommended", "because you liked", "gone without it", "ratings it needs"])


# %% [markdown]
# There are three kinds of lines in such a table; if you see your own, look which of them you have. Dana's first film needs
# 0 ratings: it rests on several, no single one is decisive, and then "because you liked X" is a part of the truth. Further
# down, the named rating usually decides. Dana's second line is odd: one rating is decisive, and it is not the heaviest. A
# rating carries the film's rivals as well. Take the heaviest away, and rivals may fall with the film; take another away,
# and only the film falls.
#
# ### The weight, and what really happens
#
# Take away the heaviest reason of each recommendation, for a hundred newcomers with ten ratings, and see by how much the
# score falls. Is it the weight that was named?
# %%
def implicit_weights(liked, column):
    q, alpha = vectors[liked], implicit.alpha
    fine = implicit.reg * np.sqrt(len(q)) * np.eye(q.shape[1])
    return (1 + alpha) * q @ np.linalg.solve(gram + alpha * q.T @ q + fine, vectors[column])


claims = []
for user in reporting:
    columns, given = answers[user][0][:10], answers[user][1][:10]
    liked = columns[given >= 4]
    if len(liked) < 3:
        continue
    for name, scores_of in (("EASE", ease_scores), ("implicit ALS", implicit_scores)):
        before = np.array(scores_of(columns, given), dtype=float)
        before[columns] = -np.inf
        for film in np.argsort(-before, kind="stable")[:3]:
            w = weights[liked, film] if name == "EASE" else implicit_weights(liked, film)
            rest = columns != liked[w.argmax()]
            claims.append((name, w.max(), before[film] - scores_of(columns[rest], given[rest])[film]))
claims = pd.DataFrame(claims, columns=["model", "weight", "fall"])
show(claims.groupby("model").mean())
# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 4))
for ax, (name, part) in zip(axes, claims.groupby("model")):
    end = part[["weight", "fall"]].to_numpy().max() * 1.05
    ax.plot([0, end], [0, end], color="#444444", linestyle="--", label="as named")
    ax.scatter(part["weight"], part["fall"], s=14, alpha=0.5, label="a recommendation")
    ax.set(title=name, xlabel="weight of the heaviest reason", xlim=(0, end), ylim=(0, end))
axes[0].set_ylabel("fall of the score without it")
axes[0].legend(loc="upper left")
fig.suptitle("Both add up, but only EASE falls by what it named", fontweight="bold")
alt = "Fall of the score against the named weight: EASE on the diagonal; implicit ALS mostly a little below it."
figure_alt(fig, alt)
# %% [markdown]
# EASE is linear: each like adds its weight, whatever else was liked. So a reason taken away takes exactly its weight
# with it. Implicit ALS fits $p_u$ to all likes *together*. Without one of them the others are fitted anew, and they take
# over a part of its work. Its weights are an honest account of this score. They are no forecast of another one. **That
# explanations add up does not make them counterfactuals.**
#
# ### The reason that sounds best
#
# Nothing forces a page to show the true reason. Marketing would rather name the liked film of the *same genre*, since it
# convinces, or the *most popular* one, since everybody nods. How often is that the reason? For EASE and ten ratings, over
# whole lists: the share of recommendations that vanish when the named rating is taken away.
# %%
content_columns = content.train_.items.rows(train.items.ids)
texts = content.x_[content_columns]
alike = (texts @ texts.T).toarray()
draw = np.random.default_rng(0)

gone = []
for user in reporting:
    columns, given = answers[user][0][:10], answers[user][1][:10]
    liked = columns[given >= 4]
    if len(liked) < 3:
        continue
    scores = np.array(ease_scores(columns, given), dtype=float)
    scores[columns] = -np.inf
    top = np.argsort(-scores, kind="stable")[:10]
    for film in top:
        named = {
            "the heaviest reason": liked[weights[liked, film].argmax()],
            "the liked film most alike": liked[alike[liked, film].argmax()],
            "the most popular liked film": liked[popularity[liked].argmax()],
            "any liked film": draw.choice(liked),
        }
        for style, reason in named.items():
            without = scores - weights[reason]  # exact for EASE, as you have just seen
            gone.append((user, style, (without > without[film]).sum() >= 10))
gone = pd.DataFrame(gone, columns=["user", "style", "gone"])
by_person = gone.groupby(["style", "user"])["gone"].mean().unstack("style")
faithful = {style: bootstrap_mean(by_person[style].to_numpy()) for style in named}
table = {style: {"gone, %": 100 * e.mean, "low": 100 * e.low, "high": 100 * e.high} for style, e in faithful.items()}
show(pd.DataFrame(table).T, digits=3)
# %%
fig, ax = plt.subplots(figsize=(8, 3.5))
for y, (style, e) in enumerate(reversed(faithful.items())):
    error = [[100 * (e.mean - e.low)], [100 * (e.high - e.mean)]]
    ax.barh(y, 100 * e.mean, xerr=error, color="#009E73" if style == "the heaviest reason" else "#999999", capsize=4)
ax.set_yticks(range(4), list(reversed(faithful)))
ax.set(xlabel="recommendations that vanish without the named rating (%)", ylabel="named as the reason", xlim=(0, 100))
ax.set_title("The reason that sounds best is often not the reason")
alt = "Recommendations that vanish: 80 % for the heaviest reason, about 43 % for the most alike and the most popular, 27 % for any."
figure_alt(fig, alt)
# %% [markdown]
# The true reason is decisive four times out of five. The one that sounds good is so in fewer than half of the cases: it
# is nearer to a random liked film than to the truth. Nobody can see the difference on the page. Herlocker, Konstan and Riedl
# (2000) tried 21 ways to explain on MovieLens users, and measured which makes people want to see the film. Bilgic and
# Mooney (2005) asked the better question: people rated a book from the explanation alone, then read about it and rated
# again. A chart of how "similar readers" voted, the great persuader of 2000, made them *overestimate* the book. Keywords and
# the person's own influential ratings did not. A shop that persuades is paid now; one that helps to decide is believed
# next time.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "Weights that add up are causes": the scatter of implicit ALS. "If a single rating is not decisive,
# the explanation is false": overdetermined, as a bridge with two pillars. Ask for the smallest *set* that matters.
#
# **To discuss.** Would you show a reason with a negative weight ("although you disliked Titanic")? And a reason that is
# true and embarrassing?
# %% [markdown]
# ## 9. An explanation can betray somebody
#
# "People like you gave this five stars." That is the honest explanation of user k-NN. Whose stars are these?
#
# Lesson 2.1 found that eight films single out most people in this data. So suppose that you know eight films which a
# colleague rated, with the stars: from a chat at lunch. Sign up, give the same eight ratings. Who is now your nearest
# neighbour? Then ask the service to explain, film by film.
# %%
targets = np.random.default_rng(0).choice(n_ratings.index, 8, replace=False)
rows = []
for target in targets:
    row_of = data.ratings[data.ratings["user"] == target]
    overheard = row_of.sample(8, random_state=0)
    spied = UserKNN(k=10).fit(pd.concat([data.ratings, overheard.assign(user=0)]))
    secret = row_of[~row_of["item"].isin(overheard["item"])]
    read = 0
    for film, given in secret[["item", "rating"]].head(40).itertuples(index=False):
        told = spied.explain(0, film, n=10)
        told = told[told["id"] == target]
        read += len(told) == 1 and told["rating"].iloc[0] == given
    asked_for = min(40, len(secret))
    rows.append((target, asked_for, read))
shown = pd.DataFrame(rows, columns=["victim", "other ratings asked for", "read exactly"])
show({"victims": len(shown), "ratings asked for": shown.iloc[:, 1].sum(), "read exactly": shown.iloc[:, 2].sum()})
# %% [markdown]
# Every rating that was asked for is read off, exactly, through a feature that was built to create trust. Calandrino and
# colleagues (2011) described such attacks, with fake users as here, and with nothing but public lists of "related items".
# To leave out the id does not help much: an attacker with several accounts knows which of the stars are their own. What
# helps:
#
# - **Explain by the person's own data**: their items, their terms. It is theirs already.
# - **Show counts only above a floor** ("more than 50 people who liked Fargo"), and never a single neighbour's value.
# - **Do not let a model rest on one neighbour.** Minimum support and shrinkage are privacy measures, too.
#
# There are limits to the first rule as well: a screen is shared. "Because you watched ..." has told families things that
# nobody had told them. Let people remove a reason, and let it take effect at once; fold-in makes that cheap.
#
# %% [markdown] instructor=true
# **Timing.** 10 minutes, and people will talk about it at lunch.
#
# **Misconception.** "Ids are anonymous, so it is no leak": the attacker did not need the id; they knew the person first.
#
# **To discuss.** Does EASE leak? (A weight B_ji is an aggregate, but with few raters of a film it is nearly one
# person's history. The floor belongs into the model, not only into the page.)
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Netflix** asks new members to choose some titles at sign-up, from a set that an algorithm picks, and starts from
#   there (Gomez-Uribe and Hunt 2015, where it comes to cold start).
# - **Netflix's API** was rebuilt around fallbacks: when a service behind it fails too often it is no longer called, and the
#   member has an experience that is "slightly degraded and less personalized" while it recovers (Schmaus 2011).
# - **Amazon** lets customers see why an item was recommended, and rate what it was derived from (Linden, Smith and York
#   2003): the explanation is also a control.
# - **The law** asks for some of this. Article 27 of the European Digital Services Act obliges online platforms to state
#   the main parameters of their recommender systems in plain language, with the reasons for their relative importance,
#   and the options to change them.
#
# ## In the interview
#
# **"A new user opens the app. What do you show, and how does that change over the first week?"** A good answer:
#
# 1. *Name the three colds*, and ask which one is meant. Add: a dislike alone can be as cold as nothing.
# 2. *Before the first signal*: popular, by country or campaign if known, with some variety. State that it is a strong
#    baseline, and that you know by measurement when to leave it.
# 3. *Get signals*: a sign-up screen; chance of an answer times bits per answer; every click counts from then on.
# 4. *Fold in, do not refit*: a ridge on fixed item vectors, or sums of item weights; a millisecond. Refit nightly, and
#    version items and users together.
# 5. *Mix by evidence*: $w = m/(m+\kappa)$, chosen on held-out *people*, judged per number of ratings.
# 6. *Chain*: timeouts, last resort without dependencies, who answered is logged and alerted on.
# 7. *New items*: content for the first days, a small budget of exploration (3.6), then hand over.
#
# ## Take-aways
#
# - Cold is a matter of degree, and of the model: one dislike is nothing to EASE and something to ALS.
# - A newcomer is a ridge regression on the films' vectors. Nothing is refitted.
# - For the first few ratings a personal list is worse than the popular one. Measure where they cross.
# - Ask what people can answer; clever questions that nobody can answer teach nothing.
# - Do not switch, fade: $w = m / (m + \kappa)$.
# - Weights of a hybrid come from ratings that no model has seen, and are not negative. Without those, take equal weights.
# - A chain fills all places, repeats nothing, calls no more than it must, and says who answered.
# - That reasons add up makes them transparent; the counterfactual test makes them true; neither makes them safe to show.
#
# ## Further reading
#
# - A. M. Rashid, I. Albert, D. Cosley, S. Lam, S. McNee, J. Konstan, J. Riedl: *Getting to Know You: Learning New User
#   Preferences in Recommender Systems*. IUI 2002, pages 127-134. [doi:10.1145/502716.502737](https://doi.org/10.1145/502716.502737)
# - R. Burke: *Hybrid Recommender Systems: Survey and Experiments*. User Modeling and User-Adapted Interaction 12(4), 2002,
#   pages 331-370. [doi:10.1023/A:1021240730564](https://doi.org/10.1023/A:1021240730564)
# - Y. Hu, Y. Koren, C. Volinsky: *Collaborative Filtering for Implicit Feedback Datasets*. ICDM 2008, pages 263-272: also
#   on a score as a sum over the user's actions.
# - L. Breiman: *Stacked Regressions*. Machine Learning 24(1), 1996, pages 49-64: why the weights must not be negative.
#   [doi:10.1007/BF00117832](https://doi.org/10.1007/BF00117832)
# - J. Herlocker, J. Konstan, J. Riedl: *Explaining Collaborative Filtering Recommendations*. CSCW 2000, pages 241-250.
#   [doi:10.1145/358916.358995](https://doi.org/10.1145/358916.358995)
# - M. Bilgic, R. Mooney: *Explaining Recommendations: Satisfaction vs. Promotion*. Workshop Beyond Personalization, at
#   IUI 2005, pages 13-18.
# - N. Tintarev, J. Masthoff: *A Survey of Explanations in Recommender Systems*. ICDE workshops 2007.
# - J. Calandrino, A. Kilzer, A. Narayanan, E. Felten, V. Shmatikov: *"You Might Also Like:" Privacy Risks of Collaborative
#   Filtering*. IEEE Symposium on Security and Privacy 2011, pages 231-246.
#   [doi:10.1109/SP.2011.40](https://doi.org/10.1109/SP.2011.40)
# - C. Gomez-Uribe, N. Hunt: *The Netflix Recommender System: Algorithms, Business Value, and Innovation*. ACM Transactions
#   on Management Information Systems 6(4), 2015, article 13. [doi:10.1145/2843948](https://doi.org/10.1145/2843948)
# - B. Schmaus: [*Making the Netflix API More
#   Resilient*](https://medium.com/netflix-techblog/making-the-netflix-api-more-resilient-a8ec62159c2d). Netflix Technology
#   Blog, December 2011.
# - Regulation (EU) 2022/2065 (Digital Services Act), Article 27.
