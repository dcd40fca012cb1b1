# ---
# lesson:
#   id: "2.6"
#   title: "Implicit feedback"
#   phase: 2
#   minutes: 240
#   prerequisites: ["1.3", "2.2", "2.5"]
#   objectives:
#     - "Turn an event log into choices, and say which opinion each event holds"
#     - "Fit EASE in a few lines, and explain what its one condition prevents"
#     - "Let every blank count as a weak zero without visiting one of them, and solve implicit ALS's half-step by hand"
#     - "Take one BPR step by hand, and say what changes with the way negatives are drawn"
#     - "Tell what people like from what they were shown, and correct a log for it"
# ---
# %% [markdown]
# ## What you already know
#
# Your servers write it all day. A page was shown, a link was clicked, a song was skipped after four seconds, a cart was
# left behind. Nobody was asked for an opinion, and everybody gave some. Stars are **explicit feedback**: rare, and
# meant as an answer. The log is **implicit feedback**: plenty of it, and meant as nothing at all.
#
# | in your backend | in this lesson |
# |---|---|
# | an access log | the training data |
# | `SELECT DISTINCT user, item FROM events WHERE ...` | the matrix of choices: 1 or nothing |
# | a self-join on the user, `GROUP BY` both items | $X^\top X$, how many people chose both |
# | a cached total, to which each request adds its own delta | the trick that makes a billion blanks cheap |
# | sampling one log line in a thousand | drawing negatives |
# | an error rate without the requests that never got through | clicks without what was never shown |
#
# The last lesson ended with an open bill: the model with the best RMSE need not have the best list. This lesson pays
# it. The surprise is what we have to throw away.
#
# %% [markdown] instructor=true
# **Timing (240 minutes alone, two sessions of 120 in class).** Session one: sections 1 to 4 with exercises 1 and 2.
# Session two: sections 5 to 8 with exercises 3 to 6, then the quiz. The interview question makes a good closing round.
#
# **Prepare.** Let everybody write down what a service that they used today now knows about them, and which of it they
# *meant* to say. Keep the notes for section 2.
# %%
import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import BPR, EASE, ImplicitALS, ItemItem, Ratings, RP3beta, datasets, metrics
from recsys_lab.course import PALETTE, figure_alt, leaderboard, my_ratings, show, start
from recsys_lab.split import random_split

ex, quiz = start("2.6")
# %% [markdown]
# ## 1. Throw the stars away
#
# Here is the leader-board of this phase, with this lesson's three models already on it. Each bar is the nDCG@10 of
# lesson 2.5 on the same hidden fifth of MovieLens 100K: how good is the top ten? The thin lines are 95 % intervals.
# %%
board = leaderboard.show("2.6").sort_values("ndcg@10")
predicts_stars = board["rmse"].notna() & (board["model"] != "most rated films")
colours = np.where(predicts_stars, PALETTE[1], PALETTE[0])
colours[board["model"] == "most rated films"] = PALETTE[6]

fig, ax = plt.subplots()
ax.barh(board["model"], board["ndcg@10"], color=colours)
ends = np.abs(board[["ndcg@10 low", "ndcg@10 high"]].to_numpy() - board[["ndcg@10"]].to_numpy()).T
ax.errorbar(board["ndcg@10"], board["model"], xerr=ends, fmt="none", color="#888888")
ax.set(xlabel="nDCG@10 on the test part", ylabel="model")
ax.set_title("Three models that see no stars make the best lists by far")
alt = "nDCG bars: star predictors up to 0.10, most rated films 0.17, BPR, EASE, implicit ALS 0.37 to 0.39."
figure_alt(fig, alt)
# %% [markdown]
# Orange are the models that predict stars, dark grey is the list of the most rated films, blue the three of this
# lesson. They never see a star. All they are told is *who liked what*: a rating of four or more counts as a choice, and
# everything else, low ratings and blanks alike, is simply not there. With less information they rank more than twice as
# well as popularity, and almost four times as well as the best neighbourhood model.
#
# How can less be more? Because of what the star predictors are trained *on*. They see pairs that people chose to rate,
# and learn to tell a five from a three among those. A top ten is picked from all films, nearly all of which the user
# has never met. The question there is not "how many stars?" but "would they choose it at all?" And on that, 80,000
# ratings hold another 1.5 million facts that no star predictor looks at: the pairs that are *not* in the table.
#
# Let us see how far three lines of NumPy get. As in lesson 1.5, we experiment on a validation part, cut out of the
# training ratings, and leave the test part alone until section 7.
# %%
train, _ = leaderboard.split()
fit_rows, valid_rows = random_split(train.to_frame(), test=0.2, seed=1)
fit_part = Ratings.from_frame(fit_rows, scale=(1, 5))
films = my_ratings.shelf(datasets.load("ml-100k"))

S = fit_part.positives(threshold=4)  # 1 where the user gave four stars or more; sparse, as in lesson 1.2
X = S.toarray()  # the same with all its zeros
n_users, n_items = X.shape
liked = valid_rows[valid_rows["rating"] >= 4]
rows, columns = fit_part.users.rows(liked["user"]), fit_part.items.rows(liked["item"])
hidden = np.zeros(X.shape, dtype=bool)  # what there is to find; -1 is a film that the fit part does not know
hidden[rows[columns >= 0], columns[columns >= 0]] = True
n_hidden = np.bincount(rows, minlength=n_users)
show(users=n_users, films=n_items, choices=int(X.sum()), blanks=int(X.size - X.sum()), to_find=len(liked))


# %% [markdown]
# Note that the threshold stands on both sides: four stars make a choice in training, and a hit when we judge. A model
# that was trained to find *anything watched* would be judged on a question it was not asked.
#
# The yardstick, as in lesson 2.5. Rated films leave the list, whether liked or not:
# %%
def top_ten(scores):
    """Columns of each user's ten best films among those not rated in the fit part: (n_users, 10)."""
    open_films = np.where(fit_part.matrix.toarray() > 0, -np.inf, scores)
    return np.argsort(-open_films, axis=1, kind="stable")[:, :10]


def ndcg_of(scores):
    hits = np.take_along_axis(hidden, top_ten(scores), axis=1)
    return np.nanmean(metrics.ndcg(hits, n_hidden))


# %% [markdown]
# And the three lines. Count for each pair of films how many people like both: that is $G = X^\top X$, your self-join
# with a `GROUP BY`. A film's score is the sum of these counts over the films that the user likes.
# %%
G = X.T @ X  # G[j, i]: how many people like both film j and film i
likes = np.diag(G)
counted = {"the most liked films": ndcg_of(np.tile(likes, (n_users, 1))), "counting pairs": ndcg_of(X @ G)}
show(counted)
# %% [markdown]
# (The validation part hides fewer films per person than the test part, so all numbers here are lower than on the board;
# compare them with each other.)
#
# Pair counts beat popularity by a third, and nothing was learned yet: no weights, no training. The rest of the lesson
# is about doing this properly. Before that, a warning about the data itself.
#
# %% [markdown] instructor=true
# **Timing.** 20 minutes. Show the figure first and let people guess which models are blue.
#
# **Misconception.** "Stars carry more information, so a model with stars must be better." Better *at what*? The stars
# are known only where somebody chose to rate, and the list is made where nobody did.
#
# **To discuss.** Which of your own systems optimises a number that is measured only on requests that got through?
# %% [markdown]
# ## 2. A click is an opinion about the headline
#
# MovieLens is too kind. In a real service the log comes first, and somebody has to decide what a "choice" is. Each
# event is an opinion, but seldom about the thing that you recommend:
#
# | event | what it is an opinion about | what it does not say |
# |---|---|---|
# | shown, no click | the headline, if it was seen at all | that the article is bad |
# | click | the headline, the picture, the place on the page | that the article was worth it |
# | stayed a minute | the article (or the phone rang) | that they want more like it |
# | played to the end | the song (or nobody was in the room) | that they chose it |
# | bought | the price, the need, and the thing | for whom it was |
# | returned it | the thing | that the category was wrong |
#
# Here is a small synthetic log, so that we know the truth. Five articles are shown to 600 people each. An article has a
# *pull* (how often the headline is clicked) and a *worth* (how often a reader stays). The two were set by hand:
# %%
rng = np.random.default_rng(6)
articles = pd.DataFrame(
    {
        "item": ["ten cache tricks", "you will not believe this index", "locks explained", "a shared vacuum", "raft"],
        "pull": [0.30, 0.55, 0.20, 0.35, 0.12],
        "worth": [0.40, 0.06, 0.75, 0.35, 0.85],
    }
)
events = []
for user in range(600):
    for item, pull, worth in articles.itertuples(index=False):
        events.append((user, item, "shown", np.nan))
        if rng.random() < pull:
            stay = rng.exponential(90) + 30 if rng.random() < worth else rng.exponential(6)
            events.append((user, item, "click", stay))
log = pd.DataFrame(events, columns=["user", "item", "event", "stay"])
log.iloc[[0, 1, 2, 3, 4]].round(1)
# %% [markdown]
# The column `stay` holds the seconds until the reader came back. Two queries over the same log, one that counts clicks
# and one that counts clicks with a stay of at least 30 seconds:
# %%
counts = duckdb.sql("""
    SELECT item, count(*) FILTER (WHERE event = 'click') AS clicks,
           count(*) FILTER (WHERE event = 'click' AND stay >= 30) AS stays
    FROM log GROUP BY item ORDER BY clicks DESC
""").df()

fig, ax = plt.subplots()
place = np.arange(len(counts))
ax.barh(place + 0.2, counts["clicks"], height=0.4, label="clicks")
ax.barh(place - 0.2, counts["stays"], height=0.4, label="stayed 30 s or more")
ax.set_yticks(place, counts["item"])
ax.set(xlabel="number among 600 readers each", ylabel="article")
ax.set_title("The headline that wins the clicks loses the readers")
ax.legend(loc="upper right")
alt = "The most clicked article, a bait headline, has hardly any long stays; the order by stays is another."
figure_alt(fig, alt)


# %% [markdown]
# A model that is trained on clicks learns to write headlines like the one at the bottom. It would do so with great
# accuracy, and its offline metrics would be excellent, because they count clicks too. **Nothing in the mathematics
# below can repair a badly chosen event.** So the first exercise is the least mathematical and the most expensive one to
# get wrong.
#
# The log knows *three* states, not two: chosen, shown and left, never shown. Keep them apart.
# %% exercise="2.6.1"
def to_choices(log, seconds):
    """One row for each user and item that was shown: frame with columns user, item, chosen (True or False).

    log: frame with columns user, item, event ("shown" or "click") and stay (seconds, NaN for "shown").
    A pair is chosen if at least one of its clicks stayed `seconds` or longer.
    Every clicked pair was also shown. Rows sorted by user, then item, numbered from 0.
    """
    ### BEGIN SOLUTION
    long_enough = (log["event"] == "click") & (log["stay"] >= seconds)
    chosen = long_enough.groupby([log["user"], log["item"]]).any()
    return chosen.rename("chosen").reset_index()
    ### END SOLUTION


# %% check="2.6.1"
to_choices_checked = ex("2.6.1").check(to_choices)
# %% [markdown]
# How much of the log is left, and what does the bar of 30 seconds do to each article?
# %%
by_click, by_stay = to_choices_checked(log, 0), to_choices_checked(log, 30)
kept = pd.DataFrame({"pull, the truth": articles.set_index("item")["pull"]})
kept["chosen by click"] = by_click.groupby("item")["chosen"].mean()
kept["chosen by stay"] = by_stay.groupby("item")["chosen"].mean()
kept["pull x worth, the truth"] = (articles["pull"] * articles["worth"]).to_numpy()
show(kept, digits=2)
# %% [markdown]
# Up to chance, choosing by click recovers the pull, and choosing by stay the pull *times* the worth. Neither is the
# worth. (Divide the third column by the second and you have it, but only because this log was made so: those whom a
# headline draws in stay as anybody would. In a real log they are not like the others, and whoever was not drawn in could
# not find out.) You will meet this gap again, in section 8.
#
# MovieLens has no log, but it has something like a stay: the stars. To *rate* a film you must have chosen it, and
# `positives(threshold=4)` keeps the choices that turned out well.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes with the exercise. Come back to the notes from the warm-up: which row of the table is each?
#
# **Misconceptions.** "No click means no interest": only for what was seen. "Longer is better": a stay of an hour is a
# browser tab. Real systems compare with the usual stay for that kind and length of content (Yi et al. 2014).
#
# **To discuss.** Somebody watches a documentary to the end every evening and falls asleep over it. What does your model
# learn, and how would you find out?
# %% [markdown]
# ## 3. What does a blank mean?
#
# Lesson 2.2 was strict: *unknown is not zero*. A user who has not rated a film has not given it zero stars, so blanks
# stay out of every sum. Follow that rule here, and see what happens. Leave the blanks out, and train only on the
# choices; every one of them is a 1. The following model then makes no error at all:
# %%
everything = np.ones_like(X)
show(
    {
        "squared error on the choices": ((X - everything)[X == 1] ** 2).sum(),
        "different scores it gives": len(np.unique(everything)),
        "nDCG@10": ndcg_of(everything),
    }
)
# %% [markdown]
# It says "yes" to everything. A classifier that has seen only one class cannot do better and cannot do worse. (Its list
# is simply the catalogue's order.) With implicit feedback the blanks *must* speak, or there is nothing to learn.
#
# Is that a contradiction of 2.2? No: the question changed. In 2.2 a number stood for *how many stars*, and about that a
# blank says nothing. Here it stands for *did they choose it*, and that is known for every pair: they did not. The zero
# is a fact about the event. What it says about *taste* is another matter, and a weak one. Most blanks mean "never heard
# of it". There are three ways to let them speak:
#
# | way | a blank is | model |
# |---|---|---|
# | fill in | a 0 like any other | EASE, section 4 |
# | fill in, but doubt | a 0 with little confidence | implicit ALS, section 5 |
# | compare | nothing by itself, only *less than a choice* | BPR, section 6 |
#
# ## 4. EASE: every film asks all the others
#
# Start with the first way. Take one film $i$. Can we predict who likes it from what else they like? That is lesson 1.3:
# a linear regression with 1,600 features, the columns of $X$, and with ridge, because they are many. Do it for every
# film, and collect the weights in a matrix $B$, one column a film. The scores of all users are then $X B$:
#
# $$\text{score}_{ui} = \sum_{j} x_{uj} B_{ji}$$
#
# where $x_{uj}$ is 1 if user $u$ chose film $j$ and 0 otherwise, and $B_{ji}$ is what choosing $j$ says in favour of
# $i$. Ridge minimises the squared error plus a price on the weights, with $\lambda > 0$ the strength `reg` and $I$ the
# identity matrix:
#
# $$\|X - X B\|^2 + \lambda \|B\|^2 \qquad\Longrightarrow\qquad B = (G + \lambda I)^{-1} G, \quad G = X^\top X$$
#
# A colleague has built this. The training error is impressive, and falls as the price falls. Look at the last column:
# %%
rows_of = []
for reg in (0.01, 1, 30):
    plain = np.linalg.solve(G + reg * np.eye(n_items), G)
    error = ((X - X @ plain) ** 2).sum() / X.sum()
    rows_of.append((reg, error, ndcg_of(S @ plain)))
show(pd.DataFrame(rows_of, columns=["reg", "squared error per choice", "nDCG@10, validation"]))
# %% [markdown]
# The better it fits, the worse its lists. At the top it explains the training data to a few millionths, and loses to
# the list of the most liked films by far. That is not ordinary overfitting; something is wrong with the *question*.
# What it is, the weights will tell you: `plain` still holds those of the last row, with `reg = 30`.


# %% exercise="2.6.2"
def ease(X, reg):
    """EASE's weights B: array (n_items, n_items).

    X: array (n_users, n_items), 1 where the user chose the item, else 0. reg: number > 0.
    B[j, i] is what choosing j says in favour of i.
    """
    ### BEGIN SOLUTION
    P = np.linalg.inv(X.T @ X + reg * np.eye(X.shape[1]))
    B = -P / np.diag(P)  # divides column i by P_ii
    np.fill_diagonal(B, 0)
    return B
    ### END SOLUTION


# %% check="2.6.2"
ease_checked = ex("2.6.2").check(ease)
# %% [markdown]
# ### From scratch, then the libraries
#
# Yours against `recsys_lab`, whose option `damping=0` switches off a refinement, and against scikit-learn's `Ridge`.
# The latter fits one film at a time, on all *other* films: the literal meaning of the model, 1,600 times slower.
# %%
from sklearn.linear_model import Ridge

B = ease_checked(X, reg=300)
library = EASE(reg=300, damping=0, threshold=4).fit(fit_part)
show({"largest difference to recsys_lab": np.abs(B - library.weights_).max().round(5)})

differences = []
for item in (50, 174, 313):
    i = fit_part.items.rows([item])[0]
    others = np.arange(n_items) != i
    one_film = Ridge(alpha=300, fit_intercept=False).fit(X[:, others], X[:, i])
    differences.append(np.abs(one_film.coef_ - B[others, i]).max())
show({"largest difference to three ridge regressions": np.max(differences).round(10)})
# %% [markdown]
# (The library counts in single precision, which is good for seven digits and half the memory.) So the closed form is no
# new kind of model. It is 1,600 regressions in one.
#
# ### What goes wrong without the condition
#
# You have seen the disease; here is its anatomy. Both models come from the same $P$. A little algebra, $P (G + \lambda
# I) = I$, says that the plain one is $I - \lambda P$. Compare its column $i$ with EASE's, for $j \ne i$:
#
# $$B^{\text{plain}}_{ji} = -\lambda P_{ji} = \lambda P_{ii} \cdot B_{ji} = (1 - B^{\text{plain}}_{ii}) \cdot B_{ji}$$
#
# Read it slowly, for it is the whole story. The plain model gives film $i$ a weight for *itself*,
# $B^{\text{plain}}_{ii}$, and only what is left over is shared out among the others. Its scores are EASE's, multiplied
# film by film by that rest:
# %%
P_small = np.linalg.inv(G + 1.0 * np.eye(n_items))
plain, strict = np.eye(n_items) - 1.0 * P_small, ease_checked(X, reg=1.0)
rest = 1 - np.diag(plain)
off = ~np.eye(n_items, dtype=bool)
show({"largest deviation from the formula": np.abs(plain - rest * strict)[off].max().round(10)})

some = [50, 174, 313, 169, 1449]
at = fit_part.items.rows(some)
table = pd.DataFrame({"film": films.loc[some, "title"].to_numpy(), "likes": likes[at]})
table["weight for itself"], table["rest for the others"] = np.diag(plain)[at], rest[at]
show(table, digits=2)
# %% [markdown]
# A film that many people like is nearly certain of itself, and hardly listens to the others: *Star Wars* leaves them
# less than three per cent. But a list is made of films that the user has **not** chosen, where $x_{ui} = 0$ and a
# film's word for itself is worth nothing. All that counts there is the rest, and the rest is smallest for the most
# popular films. In the extreme, $B = I$: a perfect copy of the training data, with a score of 0 for everything new.
#
# You know this bug. It is a cache test that reads back what it has just written.
#
# How much does the condition matter when the price is right? Both models, over five decades of `reg`:
# %%
regs = [1, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000]
curve = {"plain": [], "EASE": []}
for reg in regs:
    P = np.linalg.inv(G + reg * np.eye(n_items))
    off_diagonal = -P + np.diag(np.diag(P))
    curve["plain"].append(ndcg_of(S @ (reg * off_diagonal)))  # films rated before leave the list, so B_ii is not needed
    curve["EASE"].append(ndcg_of(S @ (off_diagonal / np.diag(P))))

fig, ax = plt.subplots()
ax.plot(regs, curve["EASE"], "o-", label="EASE: no vote for itself")
ax.plot(regs, curve["plain"], "s-", label="plain ridge: votes for itself")
ax.axhline(counted["the most liked films"], color=PALETTE[6], linestyle="--", label="the most liked films")
ax.axhline(counted["counting pairs"], color=PALETTE[2], linestyle=":", label="counting pairs")
ax.set(xscale="log", xlabel="reg (log scale)", ylabel="nDCG@10 on the validation part", ylim=(0, 0.27))
ax.set_title("A wrong reg costs more than a wrong model")
ax.legend(loc="lower right")
alt = "EASE rises from 0.16 at reg 1 to 0.24 at 300 and falls to 0.17; plain ridge starts at 0.03 and meets it at 300."
figure_alt(fig, alt)
# %%
show(pd.DataFrame(curve, index=pd.Index(regs, name="reg")), digits=3)
# %% [markdown]
# Three things to see, and one of them is uncomfortable.
#
# - **`reg` decides.** With `reg=1`, the default of many a ridge, EASE is a third worse than with 300, and worse than
#   counting pairs. Whoever tries it once with a default will report that "linear models do not work". Here `reg` is
#   counted in people: so many must have chosen two films together before a weight is believed. It is lesson 2.2's
#   shrinkage again.
# - **On the right end**, $P$ becomes $(I - G/\lambda)/\lambda$, so EASE becomes the pair counts, divided by $\lambda$.
#   The curve runs into the dotted line, as it must.
# - **At 300, the plain model is as good.** The price alone keeps films from copying themselves, and what is left of the
#   effect, a little less for the most popular films, even helps. (The library's EASE has `damping` for that; see the
#   board.) So is the condition useless? It makes the model robust: it takes away the trap on the left, and the
#   temptation to believe a training error. But "the zero diagonal is why EASE works" is not what our data says.
#
# ### What the weights say
#
# A weight is not a count of pairs. For *The Wrong Trousers* (Wallace and Gromit), the five films with the most common
# fans, and the five with the largest weights:
# %%
i = fit_part.items.rows([169])[0]
together = np.where(np.arange(n_items) == i, -1, G[:, i])
titles = films.loc[fit_part.items.ids, "title"].to_numpy()
by_count, by_weight = (np.argsort(-v, kind="stable")[:5] for v in (together, B[:, i]))
table = pd.DataFrame({"most fans in common": titles[by_count], "fans": together[by_count].astype(int)})
table["largest weights"], table["weight"] = titles[by_weight], B[by_weight, i].round(3)
table
# %% [markdown]
# Left: the films that everybody likes. Right: the other Wallace and Gromit films first. A regression asks what a film
# adds *given all the others*, so that *Star Wars*, which is liked along with everything, says nothing in particular
# about anything. Lesson 1.3 would say: correlated features share the credit, and the one that knows best gets it.
#
# Weights may be negative, and many are. Since the score is a sum over the user's films, it explains itself:
# %%
me = my_ratings.profile({}, films)
print(me.note)
ranker = EASE(reg=300, damping=0, threshold=4).fit(datasets.load("ml-100k").ratings)
lists = ranker.recommend_for(me.ratings, n=5)
mine = [item for item, stars in me.ratings.items() if stars >= 4]
index = ranker.train_.items
parts = ranker.weights_[np.ix_(index.rows(mine), index.rows(lists["item"]))]
table = pd.DataFrame(parts.T, index=films.loc[lists["item"], "title"], columns=films.loc[mine, "title"])
table.assign(score=lists["score"].to_numpy()).round(4)
# %% [markdown]
# Each row adds up to its score. Compare with the list at the end of lesson 2.2, full of films that you had probably
# never heard of.
#
# %% [markdown] instructor=true
# **Timing.** 50 minutes with the exercise, the core of session one. Draw X, B and the diagonal on the board.
#
# **Misconceptions.** "Zero the diagonal afterwards": exercise 2.6.2 rejects it by name, and the algebra says why it
# changes nothing for the list. "The closed form is an approximation of the regressions": it is equal to ten digits.
#
# **To discuss.** P is 1,600 x 1,600 here. How large is it for a catalogue of a million? (4 TB in float32: that is where
# `neighbours=200`, SLIM and factors come in.) The honest third bullet: which papers have you read that stop before it?
# %% [markdown]
# ## 5. Implicit ALS: zeros with a grain of doubt
#
# EASE takes a blank as seriously as a choice. Hu, Koren and Volinsky (2008) proposed to doubt it. Describe each user by
# a vector $p_u$ and each film by a vector $q_i$, of $k$ numbers each, so that $p_u \cdot q_i$ is the score. (Where such
# vectors come from, and what they mean, is lesson 4.1; here we only need that there are some.) Minimise over *all*
# pairs
#
# $$\sum_{u, i} c_{ui} (x_{ui} - p_u \cdot q_i)^2 + \sum_u \lambda_u |p_u|^2 + \sum_i \lambda_i |q_i|^2
#   \qquad c_{ui} = \begin{cases} 1 + \alpha & \text{if } u \text{ chose } i \\ 1 & \text{otherwise} \end{cases}$$
#
# $c_{ui}$ is the **confidence**, and $\alpha \ge 0$ says how much louder a choice speaks than a blank. $\lambda_u$ and
# $\lambda_i$ are ridge prices. How loud are the blanks altogether? For the user with the median number of choices:
# %%
per_user = X.sum(axis=1)
median = np.median(per_user)
blanks = n_items - median
for_median = {"choices": median, "blanks": blanks}
for alpha in (0, 3, 40):
    for_median[f"share of the choices in all confidence, alpha {alpha}"] = (
        (1 + alpha) * median / ((1 + alpha) * median + blanks)
    )
show(for_median, digits=2)
# %% [markdown]
# A choice is outnumbered by more than sixty blanks. Without $\alpha$ the choices have next to no say; with 3, this
# library's default, they have six per cent; with 40, a value found in many tutorials (Hu and his colleagues used it with
# the number of times that a TV programme was watched, not with stars), more than a third.
#
# ### One and a half million blanks for the price of none
#
# The sum runs over all pairs. That looks hopeless for a service with ten million users and a million items: $10^{13}$
# terms. Here is the trick, and you have used it: *keep the total, and correct it by the few exceptions*.
#
# Fix the $q_i$, and look at one user. The best $p_u$ is a ridge regression with weights, whose normal equation (lesson
# 1.3) is
#
# $$\Big( \sum_{\text{all } i} c_{ui}\, q_i q_i^\top + \lambda_u I \Big) p_u = \sum_{\text{all } i} c_{ui}\, x_{ui}\, q_i$$
#
# On the right only choices are left, since $x_{ui} = 0$ for blanks. On the left, split the confidence into 1 for
# everybody and $\alpha$ on top for the choices:
#
# $$\sum_{\text{all } i} c_{ui}\, q_i q_i^\top = \underbrace{\sum_{\text{all } i} q_i q_i^\top}_{Q^\top Q,\text{ the same for all users}}
#   + \; \alpha \!\!\sum_{i \text{ chosen by } u}\!\! q_i q_i^\top$$
#
# $Q$ is the matrix with the $q_i$ as rows. The $k \times k$ table $Q^\top Q$, the **gram**, is computed once and serves
# all users: a cached total. Each user adds a delta for their own choices. What is saved, in multiplications to build the
# left side for every user once (solving comes on top, some $k^3$ for each user, with the gram and without):
# %%
k = 64
naive = n_users * n_items * k**2
clever = n_items * k**2 + X.sum() * k**2
show(
    {"visiting every pair": f"{naive:,}", "with the gram": f"{int(clever):,}", "times fewer": naive / clever}, digits=3
)
# %% [markdown]
# The sparser the data, the more it saves; at ten million users with a hundred choices each, out of a million items, it
# is a factor of ten thousand.


# %% exercise="2.6.3"
def user_vector(Q, chosen, alpha, reg):
    """The best p_u for fixed item vectors: array (k,).

    Q: array (n_items, k), one row an item. chosen: array of the rows of Q that the user chose (may be empty).
    alpha: number >= 0. reg: number > 0, lambda_u. Blanks count with confidence 1, choices with 1 + alpha.
    """
    ### BEGIN SOLUTION
    mine = Q[chosen]
    A = Q.T @ Q + alpha * mine.T @ mine + reg * np.eye(Q.shape[1])
    return np.linalg.solve(A, (1 + alpha) * mine.sum(axis=0))
    ### END SOLUTION


# %% check="2.6.3"
user_vector_checked = ex("2.6.3").check(user_vector)
# %% [markdown]
# **ALS** means *alternating least squares*. With the items fixed, all user vectors come from this function; with the
# users fixed, all item vectors come from the same function, with the roles swapped; take turns, ten times. Let the
# library do the turns, and compare the last half-step with yours, and with scikit-learn's `Ridge`, which takes the
# confidences as `sample_weight` and does visit every blank. (The library's $\lambda_u$ is `reg` times the root of the
# number of choices.)
# %%
als = ImplicitALS(threshold=4).fit(fit_part)
Q, gaps_library, gaps_ridge = als.item_factors_, [], []
for u in range(0, n_users, 97):
    chosen = np.flatnonzero(X[u])
    price = als.reg * np.sqrt(len(chosen))
    by_hand = user_vector_checked(Q, chosen, als.alpha, price)
    ridge = Ridge(alpha=price, fit_intercept=False).fit(Q, X[u], sample_weight=1 + als.alpha * X[u])
    gaps_library.append(np.abs(by_hand - als.user_factors_[u]).max())
    gaps_ridge.append(np.abs(by_hand - ridge.coef_).max())
show(users=len(gaps_ridge), to_recsys_lab=np.max(gaps_library).round(10), to_sklearn=np.max(gaps_ridge).round(10))
# %% [markdown]
# Equal. Now the knobs. `alpha` and `reg` both weigh *data against something*, so they cannot be tuned one after the
# other. Fit a grid, and colour it by the validation nDCG:
# %%
from recsys_lab.evaluate import evaluate_ranking

alphas, prices = [0, 1, 3, 10, 30], [1, 3, 10, 30]
grid = np.array(
    [
        [
            evaluate_ranking(ImplicitALS(threshold=4, alpha=a, reg=r).fit(fit_part), valid_rows)["ndcg@10"].mean
            for r in prices
        ]
        for a in alphas
    ]
)
# %%
fig, ax = plt.subplots()
picture = ax.imshow(grid.round(2), cmap="viridis", aspect="auto", vmin=0.1)
for (a, r), value in np.ndenumerate(grid):
    ax.text(r, a, f"{value:.2f}", ha="center", va="center", color="black" if value > 0.19 else "white")
ax.set_xticks(range(len(prices)), prices)
ax.set_yticks(range(len(alphas)), alphas)
ax.grid(visible=False)
ax.set(xlabel="reg", ylabel="alpha")
ax.set_title("More confidence needs a higher price: the good values lie on a diagonal")
fig.colorbar(picture, label="nDCG@10 on the validation part")
alt = "Heat map: the best values, 0.22 to 0.25, run along a diagonal from alpha 0, reg 1 to alpha 30, reg 10."
figure_alt(fig, alt)
# %% [markdown]
# Along the diagonal, everything is nearly as good as everything else; off it, one falls to the level of popularity.
# Read one *row* alone, or one column, and you get a sharp and wrong belief about "the best alpha". Rendle and
# colleagues (2022) found that published comparisons had done about that: with tuned prices and enough factors, this
# model of 2008 caught up with those that had been reported to beat it. It is the baseline story of lesson 2.1 once
# more.
#
# The row `alpha = 0` is instructive, too. Its best is not far below the others: even without any extra confidence the
# model is well above pair counts (0.172). The doubt helps; the zeros do the work.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "Confidence is the target": the target stays 1, however often somebody listened; the confidence
# grows. "The gram is for speed at the price of accuracy": it is exact. Ask where the blanks are in the code; nobody
# finds them at once.
#
# **To discuss.** A user listened to one song 400 times. Should its confidence be 400 alpha? (Hu et al. also give a
# logarithm.)
# %% [markdown]
# ## 6. BPR: only the order counts
#
# The third way does not say what a blank *is*. It says: **this user prefers what they chose to what they did not
# choose.** Take triples $(u, i, j)$, in which $u$ chose $i$ and not $j$, and ask only that $i$ scores higher than $j$.
# This is *Bayesian personalized ranking* (Rendle et al. 2009). With the score $s_{ui} = p_u \cdot q_i$, it maximises
#
# $$\sum_{(u, i, j)} \ln \sigma(s_{ui} - s_{uj}) - \text{penalty} \qquad\qquad \sigma(z) = \frac{1}{1 + e^{-z}}$$
#
# $\sigma$, the **logistic function**, turns any number into one between 0 and 1, and a 0 into 1/2. So
# $\sigma(s_{ui} - s_{uj})$ can be read as the model's probability that $u$ prefers $i$ to $j$. (A linear model inside a
# $\sigma$ is called a logistic regression; here its rows are *pairs*.) A wrong order costs much, a right and clear one
# nothing, and how high both scores are costs nothing either.
#
# There are far too many triples to visit them all (each choice with each blank), so we take one at a time: stochastic
# gradient descent, lesson 1.3. Let $e = \sigma(s_{uj} - s_{ui})$ be how wrong the order still is: near 1 if it is
# upside down, 1/2 if the model has no idea, near 0 if it is right. With learning rate $\eta$ (`rate`) and price
# $\lambda$ (`reg`), one step is
#
# $$p_u \leftarrow p_u + \eta \big(e\,(q_i - q_j) - \lambda p_u\big) \qquad
#   q_i \leftarrow q_i + \eta \big(e\, p_u - \lambda q_i\big) \qquad
#   q_j \leftarrow q_j + \eta \big(-e\, p_u - \lambda q_j\big)$$
#
# All three right-hand sides use the *old* vectors.


# %% exercise="2.6.4"
def bpr_step(p, q_i, q_j, rate, reg):
    """One BPR step for a user who chose i and not j: the new (p, q_i, q_j), arrays (k,).

    p, q_i, q_j: arrays (k,); they must not be changed. rate, reg: numbers.
    """
    ### BEGIN SOLUTION
    e = 1 / (1 + np.exp(p @ q_i - p @ q_j))
    new_p = p + rate * (e * (q_i - q_j) - reg * p)
    new_i = q_i + rate * (e * p - reg * q_i)
    new_j = q_j + rate * (-e * p - reg * q_j)
    return new_p, new_i, new_j
    ### END SOLUTION


# %% check="2.6.4"
bpr_step_checked = ex("2.6.4").check(bpr_step)
# %% [markdown]
# To compare a single step with the library we need data that leaves no choice: one user, two films, one of them liked.
# One epoch of `BPR` is then exactly one step, from starting values that come out of its seed. (The library also learns
# a bias for each film. It starts at 0, so it plays no part in the first step.)
# %%
tiny = Ratings.from_frame(pd.DataFrame({"user": ["you"] * 2, "item": ["i", "j"], "rating": [5.0, 1.0]}), scale=(1, 5))
one_step = BPR(factors=3, epochs=1, rate=0.1, reg=0.02, threshold=4, seed=0).fit(tiny)

rng = np.random.default_rng(0)
p = rng.normal(0, 0.1, (1, 3))[0]
q_i, q_j = rng.normal(0, 0.1, (2, 3))
new_p, new_i, new_j = bpr_step_checked(p, q_i, q_j, rate=0.1, reg=0.02)
before, after = p @ (q_i - q_j), new_p @ (new_i - new_j)
show(largest_difference=np.abs(np.array([new_i, new_j]) - one_step.q_).max().round(7))
show({"lead of i over j, before": before, "after one step": after})


# %% [markdown]
# One step moved the pair apart a little, in the right direction. A million such steps make a model.
#
# ### Where do the negatives come from?
#
# The formula is silent about one thing: which $j$? Somebody has to *draw* it, and that choice is a part of the model.
# Here is a small BPR that takes a few hundred triples at a time, and is told how to draw:
# %%
users, items = np.nonzero(X)  # one entry for each choice


def learn_order(draw, k=16, epochs=25, rate=0.15, reg=0.01, seed=0):
    """Scores (n_users, n_items) after BPR. draw(rng) gives one negative column for each choice."""
    rng = np.random.default_rng(seed)
    p, q, b = rng.normal(0, 0.1, (n_users, k)), rng.normal(0, 0.1, (n_items, k)), np.zeros(n_items)
    for epoch in range(epochs):
        step, negatives = rate * (1 - epoch / epochs), draw(rng)
        for part in np.array_split(rng.permutation(len(users)), len(users) // 400):
            u, i, j = users[part], items[part], negatives[part]
            pu, gap = p[u], q[i] - q[j]
            e = 1 / (1 + np.exp(b[i] - b[j] + (pu * gap).sum(axis=1)))[:, None]
            np.add.at(p, u, step * (e * gap - reg * pu))
            np.add.at(q, i, step * (e * pu - reg * q[i]))
            np.add.at(q, j, step * (-e * pu - reg * q[j]))
            np.add.at(b, i, step * (e[:, 0] - reg * b[i]))
            np.add.at(b, j, step * (-e[:, 0] - reg * b[j]))
    return p @ q.T + b


# %% [markdown]
# Two ways to draw. *Uniform*: each film that the user did not choose is equally likely. *By popularity*: a film is
# drawn as often as it is liked, which looks like a good idea ("everybody knows that one, so a blank there means
# something"), and comes for free when negatives are taken from the other rows of a batch.
# %%
def drawn_from(pool, forbidden):
    """A function that draws from `pool` one column for each choice, none that is forbidden to that user."""

    def draw(rng):
        j = pool[rng.integers(len(pool), size=len(users))]
        while (bad := forbidden[users, j]).any():
            j[bad] = pool[rng.integers(len(pool), size=bad.sum())]
        return j

    return draw


chosen_pairs = X > 0
learned = {
    "uniform": learn_order(drawn_from(np.arange(n_items), chosen_pairs)),
    "by popularity": learn_order(drawn_from(items, chosen_pairs)),
}
# %% [markdown]
# Judge both by nDCG, and look at *what* they recommend: by how many people are the films in the lists liked?
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
bins = np.geomspace(1, likes.max() + 1, 22)
lists_of = {name: top_ten(scores) for name, scores in learned.items()}
values = {name: round(ndcg_of(scores), 3) for name, scores in learned.items()}
left.bar(list(values), list(values.values()), color=[PALETTE[0], PALETTE[1]], width=0.5)
left.axhline(counted["the most liked films"], color=PALETTE[6], linestyle="--", label="the most liked films")
left.set(title="Hits ...", xlabel="negatives drawn", ylabel="nDCG@10 on the validation part")
left.legend(loc="upper right")
for (name, top), colour in zip(lists_of.items(), PALETTE):
    right.hist(likes[top].ravel(), bins=bins, histtype="step", linewidth=2, color=colour, label=name)
right.set(title="... and what is shown", xscale="log", xlabel="people who like the film (log scale)")
right.set_ylabel("places in the lists")
right.legend(loc="upper left")
fig.suptitle("The way negatives are drawn decides how popular the lists are", fontweight="bold")
alt = "Uniform: higher nDCG, lists of popular films. By popularity: about half the nDCG, less popular films."
figure_alt(fig, alt)
# %%
show({f"{name}: nDCG@10": value for name, value in values.items()}, digits=2)
show({f"{name}: median likes of a shown film": np.median(likes[top]) for name, top in lists_of.items()})
# %% [markdown]
# Not a detail. With uniform negatives, a popular film is often the winner $i$ and rarely the loser $j$, so its score
# rises: the model learns *how likely is a choice*. Drawn by popularity, it wins and loses equally often, and popularity
# cancels out: the model learns *how much more likely than usual*. Both are sensible questions. Our test rewards the
# first, because the hidden films are popular like all films that people choose. If you want lists with more surprise
# (lesson 2.5), the second is a knob for it. What you must not do is to inherit it from a batch loader without knowing.
#
# ### The sampler that knew too much
#
# A colleague improves the sampler. "It draws films that the user *will like*, and punishes them! I leave those out." The
# report goes up, by as much as a month of research usually brings. You review the change before it is merged.


# %% exercise="2.6.5"
def draw_negatives(ratings, user, catalogue, n, rng):
    """n negatives for one user: array (n,) of item ids, each drawn uniformly and independently (repeats are fine).

    ratings: frame with columns user, item, rating, part ("train" or "test"). catalogue: array of all item ids.
    A choice is a rating of 4 or more. rng: a NumPy Generator; draw from it only.
    """
    ### BEGIN SOLUTION
    mine = ratings[(ratings["user"] == user) & (ratings["rating"] >= 4) & (ratings["part"] == "train")]
    free = np.setdiff1d(catalogue, mine["item"])
    return rng.choice(free, n)
    ### END SOLUTION


# %% check="2.6.5"
draw_negatives_checked = ex("2.6.5").check(draw_negatives)
# %% [markdown]
# How much was the colleague's sampler worth? The same model, the same training choices, the same yardstick; only the
# hidden films are never drawn:
# %%
everything_liked = chosen_pairs | hidden
colleague = ndcg_of(learn_order(drawn_from(np.arange(n_items), everything_liked)))
show({"uniform": values["uniform"], "the colleague's sampler": colleague}, digits=3)
# %% [markdown]
# The hidden films are never pushed down, and so they float. Nobody looked at a hidden rating *while learning*; the leak
# came in through the choice of what to leave out. It adds more than the step from BPR to EASE on the board, and it is
# worth nothing, since in production there is no hidden part to leave out. A small leak is worse than a large one:
# nobody is surprised.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with both exercises. The step is quick; the discussion of negatives is what people remember.
#
# **Misconceptions.** "A negative is something the user dislikes": it is something that they did not choose, mostly
# unknown to them. "Leaving the test items out is fair, since they are not negatives": it tells the model which films
# are special.
#
# **To discuss.** Should a film rated with one star be drawn *more* often? (It is the only negative we are sure of.
# Nothing in BPR forbids it; it is one rating in twenty.) What is a negative in a two-tower model with in-batch
# negatives (lesson 4.4)?
# %% [markdown]
# ## 7. The board
#
# Now the test part, once. The three models of the lesson as the library has them, and two neighbourhoods that count
# pairs with more care than section 1 did: `ItemItem` (a cosine with TF-IDF weights, lesson 2.4's idea applied to
# people) and `RP3beta` (a random walk from film to person to film). All are fitted on the whole training part, with the
# same threshold.
# %%
mine = {
    "item-item, TF-IDF": leaderboard.judge(ItemItem(threshold=4).fit(train)),
    "random walk, RP3beta": leaderboard.judge(RP3beta(threshold=4).fit(train)),
    "EASE, damping 0": leaderboard.judge(EASE(reg=300, damping=0, threshold=4).fit(train)),
}
table = leaderboard.show("2.6", mine).sort_values("ndcg@10", ascending=False, ignore_index=True)
shown = table[["lesson", "model", "rmse", "ndcg@10", "ndcg@10 low", "ndcg@10 high"]]
shown.round({"ndcg@10": 3, "ndcg@10 low": 2, "ndcg@10 high": 2})
# %% [markdown]
# The gap between blue and orange of the first figure is real, and the rest is nuance: six models that know only choices
# lie between 0.35 and 0.39, and the intervals of neighbours in the table overlap. Are any of them different from each
# other? Paired by user, as in lesson 1.5:
# %%
from recsys_lab.evaluate import compare

rivals = {
    "EASE": leaderboard.judge(EASE(threshold=4).fit(train)),
    "implicit ALS": leaderboard.judge(ImplicitALS(threshold=4).fit(train)),
    "item-item": mine["item-item, TF-IDF"],
}
contest = compare(rivals, metric="ndcg@10", against="EASE").set_index("model")
contest[["difference", "low", "high", "p_holm", "better"]].round({"difference": 2, "low": 3, "high": 3, "p_holm": 2})
# %% [markdown]
# The regression beats the pair counts, clearly. But EASE and implicit ALS cannot be told apart on this data: choose by
# cost. EASE has no randomness and one table of films against films: 10 MB for these 1,600 films, 40 GB for 100,000 (in
# single precision), with an inverse whose work grows with the cube. ALS grows with users *and* items, but only linearly.
# BPR is the most flexible: any score with a gradient will do, which is why the neural models of lesson 4.4 are trained
# like it.
#
# ### When the stars are still worth keeping
#
# We threw them away, but not entirely: the threshold used them. How much was that worth? EASE, told of different
# choices:
# %%
told = {"every rating": None, "3 stars or more": 3, "4 or more": 4, "5 only": 5}
choices = [int(train.positives(threshold).sum()) for threshold in told.values()]
judged = [leaderboard.judge(EASE(threshold=threshold).fit(train)) for threshold in told.values()]
by_threshold = pd.DataFrame({"choices": choices, "nDCG@10": [j["ndcg@10"].mean for j in judged]}, index=list(told))
show(by_threshold, digits=3)
# %% [markdown]
# Counting a one-star rating as a choice costs seven per cent: that somebody *watched* a film says most of what there is
# to know, and the stars add the rest. "Only fives" costs a lot, since more than half of the evidence is gone. (And
# remember that the test counts fours as hits.)
#
# So keep the stars when you have them: to tell a choice that turned out well from one that did not; to say *no* ("one
# star" is the only true negative in this lesson); to show a predicted rating on the page, where a score of 0.31 means
# nothing to anybody. But rank by choices.
#
# %% [markdown] instructor=true
# **Timing.** 15 minutes.
#
# **Misconceptions.** "EASE and ALS tie, so they recommend the same": compare two users' lists. "These models beat k-NN
# because they are cleverer": `ItemItem` *is* a k-NN; what changed is the data it sees.
#
# **To discuss.** The user k-NN and item k-NN of 2.2 and 2.3 could rank by *number of neighbours who chose it*. What
# would they become?
# %% [markdown]
# ## 8. What the log hides
#
# One more trap, and it lies before all models. Whatever was never shown was never clicked. And what stands at the top
# is seen by all, what stands at the bottom by few. In the simplest model of this, a click needs two things:
#
# $$P(\text{click on } i \text{ at place } r) = \underbrace{v_r}_{\text{was the place looked at?}} \times \underbrace{w_i}_{\text{is the item wanted?}}$$
#
# $v_r$ is the **examination** of place $r$, and $w_i$ what we are after. Below, twelve items with known $w_i$
# (`wanted`); place $r$ is looked at with probability $v_r = 1/r$ (`looked`). On the first day they happen to stand in a
# random order, and 2,000 people pass by.
# %%
rng = np.random.default_rng(3)
wanted = rng.uniform(0.05, 0.6, 12)
looked = 1 / np.arange(1, 13)
order = rng.permutation(12)  # order[r]: the item at place r + 1
visitors = 2000
clicks = np.zeros(12)
clicks[order] = rng.binomial(visitors, looked * wanted[order])
seen = np.zeros(12)
seen[order] = visitors * looked  # how often each item was looked at, on average

naive, corrected = clicks / visitors, clicks / seen
fig, axes = plt.subplots(1, 2, figsize=(9, 4))
for ax, value, title in zip(axes, (naive, corrected), ("Clicks per visitor", "Clicks per look")):
    ax.plot([0, 0.6], [0, 0.6], color="#888888", linestyle="--", label="the truth")
    ax.scatter(wanted, value, s=30, label="an item")
    ax.set(title=title, xlabel="w, how much it is wanted", ylabel="measured", xlim=(0, 0.65), ylim=(-0.02, 0.65))
    ax.legend(loc="upper left")
fig.suptitle("Raw clicks measure the place; clicks per look measure the item", fontweight="bold")
alt = "Left: all items but the one at the top lie far below the diagonal. Right: they scatter closely about it."
figure_alt(fig, alt)
# %% [markdown]
# On the left you see the place, not the item. On the right each item's clicks are divided by how often its place was
# *looked at*: the same as giving every click the weight $1 / v_r$, which is called **inverse propensity scoring**. A
# click in a dark corner counts for more, since for each of those there were many who never got there.
# %% exercise="2.6.6"
# Work it out on paper or in code. The answer is a dict with four entries: "A", "B" and "C", how much each is wanted
# (0 to 1), and "best", the name of the one that is wanted most.
### BEGIN SOLUTION
# clicks divided by looks
wanted_by = {"A": 300 / 1000, "B": 90 / (1000 * 0.2), "C": 200 / (600 * 0.5 + 400 * 0.2), "best": "C"}
### END SOLUTION
# %% check="2.6.6"
wanted_by_checked = ex("2.6.6").check(wanted_by)


# %% [markdown]
# Does it matter in the long run, when good items rise? Let the page learn. Every evening it is sorted anew, by all
# clicks so far, or by clicks per look. We measure how many clicks the page's order would bring, as a share of what the
# best order would.
# %%
def days(by_look, n_days=25, seed=1):
    rng, place = np.random.default_rng(seed), order.copy()
    clicks, seen, shares = np.zeros(12), np.zeros(12), []
    best = looked @ np.sort(wanted)[::-1]
    for _ in range(n_days):
        shares.append(looked @ wanted[place] / best)
        clicks[place] += rng.binomial(200, looked * wanted[place])
        seen[place] += 200 * looked
        place = np.argsort(-(clicks / seen if by_look else clicks), kind="stable")
    return shares


loops = {"sorted by clicks": days(by_look=False), "sorted by clicks per look": days(by_look=True)}
fig, ax = plt.subplots()
for (name, shares), marker in zip(loops.items(), "os"):
    ax.plot(np.arange(1, 26), 100 * np.array(shares), marker=marker, markersize=4, label=name)
ax.set(xlabel="day", ylabel="clicks, % of those of the best order", ylim=(80, 101))
ax.set_title("Sorting by clicks keeps yesterday's page alive")
ax.legend(loc="lower right")
alt = "From 82 %: clicks per look reaches 100 % within days; raw clicks stop at 96 % and stay there."
figure_alt(fig, alt)
# %%
show({f"{name}, day 25, % of the best": 100 * shares[-1] for name, shares in loops.items()})
# %% [markdown]
# Sorting by clicks helps for a few days, and then it is stuck: four per cent of the clicks are lost every day, for
# ever, and no dashboard shows it. More data does not help, either. Whatever stands on top is looked at, hence clicked,
# hence on top. The loop is self-confirming, and from inside it looks like success: the top item *does* have the most
# clicks. Every model of this lesson, trained on such a log, would learn the page and not the people. MovieLens is not
# free of it either: people rate what they have come across, and that is popular films first.
#
# Here we knew the $v_r$. In reality one estimates them by shuffling a few places for a few visitors: a price in clicks,
# paid for knowledge. Lesson 3.6 is about paying it well. The cheapest advice of all costs one column: **log what you
# showed, and where**, not only what was clicked. You cannot add it afterwards.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes with the exercise.
#
# **Misconceptions.** "More data cures it": the bias stays, only the noise goes. "Divide by impressions": an impression
# at place twelve is not a look.
#
# **To discuss.** When does dividing by a small v_r hurt? (Variance: one lucky click at place twelve counts twelve
# times. Clip the weights; lesson 3.6.)
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **YouTube** (Covington, Adams and Sargin 2016) trains on watches, although it has thumbs: a completed video is a
#   positive. Its ranking model predicts expected watch time, because ranking by click-through promotes videos that
#   disappoint.
# - **Facebook**, in August 2014, began to count how long people stay away after a click on a link, to show less
#   click-bait: who comes straight back did not find what they wanted. That is the column `stay` of section 2.
# - **Yahoo** (Yi et al. 2014) used dwell time in ranking and collaborative filtering, and describes the toil: client
#   and server see different times, and devices and kinds of content must be normalised first.
# - **Spotify** described its early recommender as implicit matrix factorization solved by alternating least squares,
#   with a 1 for streamed tracks and a confidence that grows with the number of plays (Johnson 2014); first on Hadoop,
#   then tried on Spark (lesson 4.3).
# - **Netflix** is where EASE comes from (Steck 2019); the follow-up paper is called, after the trap of section 4,
#   "Autoencoders that don't overfit towards the Identity" (2020).
#
# ## In the interview
#
# **"We have a click log and no ratings. How do you build a recommender?"** A good answer in two minutes:
#
# 1. *What is a positive?* Name the events, and which opinion each one holds. Choose one that the product wants more of,
#    such as a long stay or a purchase, and say what it misses.
# 2. *What is a negative?* Blanks are not dislikes. Three ways: weak zeros (EASE), zeros with confidence (implicit ALS),
#    pairs (BPR with a sampler). Say that the sampler is part of the model.
# 3. *Start simple.* Popularity, then pair counts, then EASE or ALS, tuned on a validation part; say why all blanks are
#    affordable (the gram).
# 4. *Judge by ranking*, by time, with the same definition of a positive on both sides; check that negatives never look
#    at the test part.
# 5. *Exposure.* The log knows only what was shown. Log impressions and places; a little randomisation; then an A/B test
#    decides.
#
# ## Take-aways
#
# - For lists, *who chose what* says more than *how many stars*: the pairs that are not in the table are data.
# - A click is an opinion about the headline. Choose the event before the model.
# - With positives only, "yes to everything" is perfect. Blanks must count, and weakly.
# - EASE is a ridge regression for each film on all the others. A film that may vote for itself says nothing about
#   anything new.
# - The total plus a delta: the gram makes all blanks cheap. Tune `alpha` and `reg` together.
# - BPR learns the order, and the negatives' distribution is a part of what it learns. They must not know the test part.
# - An untuned default costs more than the wrong model.
# - Clicks are looks times wants. Log what you showed.
#
# ## Further reading
#
# - Y. Hu, Y. Koren, C. Volinsky: *Collaborative Filtering for Implicit Feedback Datasets*. ICDM 2008: section 1 on what
#   implicit feedback is, section 4 for the model and the trick.
#   [doi:10.1109/ICDM.2008.22](https://doi.org/10.1109/ICDM.2008.22)
# - S. Rendle, C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme: *BPR: Bayesian Personalized Ranking from Implicit
#   Feedback*. UAI 2009, section 4. [arXiv:1205.2618](https://arxiv.org/abs/1205.2618)
# - H. Steck: *Embarrassingly Shallow Autoencoders for Sparse Data*. WWW 2019, section 3.
#   [arXiv:1905.03375](https://arxiv.org/abs/1905.03375). And *Autoencoders that don't Overfit towards the Identity*.
#   NeurIPS 2020.
# - X. Ning, G. Karypis: *SLIM: Sparse Linear Methods for Top-N Recommender Systems*. ICDM 2011, the forerunner of EASE.
#   [doi:10.1109/ICDM.2011.134](https://doi.org/10.1109/ICDM.2011.134)
# - S. Rendle, W. Krichene, L. Zhang, Y. Koren: *Revisiting the Performance of iALS on Item Recommendation Benchmarks*.
#   RecSys 2022. [arXiv:2110.14037](https://arxiv.org/abs/2110.14037)
# - P. Covington, J. Adams, E. Sargin: *Deep Neural Networks for YouTube Recommendations*. RecSys 2016, sections 3 and
#   4. [doi:10.1145/2959100.2959190](https://doi.org/10.1145/2959100.2959190)
# - X. Yi, L. Hong, E. Zhong, N. Liu, S. Rajan: *Beyond Clicks: Dwell Time for Personalization*. RecSys 2014.
#   [doi:10.1145/2645710.2645724](https://doi.org/10.1145/2645710.2645724)
# - T. Joachims, A. Swaminathan, T. Schnabel: *Unbiased Learning-to-Rank with Biased Feedback*. WSDM 2017, for
#   propensities. [arXiv:1608.04468](https://arxiv.org/abs/1608.04468)
# - C. Johnson: *Algorithmic Music Discovery at Spotify*, slides, January 2014. On Facebook's change: Nieman Lab,
#   [25 August 2014](https://www.niemanlab.org/2014/08/what-is-clickbait/).
