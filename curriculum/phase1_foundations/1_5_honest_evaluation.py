# ---
# lesson:
#   id: "1.5"
#   title: "Honest evaluation"
#   phase: 1
#   minutes: 285
#   prerequisites: ["1.3", "1.4"]
#   objectives:
#     - "Choose a split by the question that the number has to answer, and say what each split gives away"
#     - "Keep training, validation and test apart, and show what happens to a validation part that is asked too often"
#     - "Read bias and variance off repeated fits and off learning curves, and choose the remedy"
#     - "Find leaks by reading a pipeline, and by tripwires that run in CI"
#     - "Put an interval on an error and a paired test on a difference, and decide whether the difference is worth it"
# ---
# %% [markdown]
# ## What you already know
#
# Before a launch you rehearse. You replay yesterday's traffic against the new build on staging, and look at the error
# rate. You also know how such a rehearsal lies: staging has a warm cache that production will not have; the fixtures were
# written by the person who wrote the code; the flaky test was run again until it turned green.
#
# Evaluating a model is the same rehearsal, and it lies in the same ways.
#
# | you know | here it is called |
# |---|---|
# | yesterday's traffic, replayed against a build that has never seen it | a test part |
# | staging, against which you fix until it passes | a validation part |
# | the real launch, once | the final look at the test part |
# | a fixture that contains the expected answer | a leak |
# | a flaky test, run again until it is green | choosing the best of many models on one validation part |
# | p99 latency over 20 requests: a number, but how sure? | an interval |
# | canary against control on the *same* traffic | a paired test |
#
# So far every lesson ended with one number. In this one we learn what such a number is worth. It is the longest lesson of the
# phase; parts 1 to 4 make a good first week, parts 5 to 8 a second.
#
# %% [markdown] instructor=true
# **Timing (285 minutes alone; in class four sessions of 75).** Session one: parts 1 and 2. Session two: parts 3 and 4 with
# exercises 1 and 2. Session three: part 5 with exercises 3 and 4 (this one wants pairs). Session four: parts 6 to 8 with
# exercises 5 and 6, then the quiz.
#
# **Prepare.** Ask everybody to bring one number from their own work that turned out to be wrong, and how it was noticed.
#
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import BiasBaseline, GlobalMean, datasets
from recsys_lab.course import figure_alt, show, start
from recsys_lab.metrics import rmse
from recsys_lab.split import k_fold, per_user_split, random_split, temporal_split

ex, quiz = start("1.5")
movielens = datasets.load("ml-100k")
ratings = movielens.ratings

# %% [markdown]
# ## 1. One model, three numbers
#
# We need a model to judge, so we take one from the shelf: `BiasBaseline`. It predicts the mean of all ratings, plus how kind
# this user usually is, plus how good this film usually is, and it is careful with users and films of which it has seen little
# (lesson 2.1 builds it). What it does is not important here. How good is it? Hide a fifth of the ratings, fit on
# the rest, and measure the RMSE on the hidden ones. There are three common ways to hide a fifth:

# %%
splits = {
    "random": random_split(ratings, test=0.2, seed=0),
    "per user": per_user_split(ratings, test=0.2, seed=0),
    "by time": temporal_split(ratings, test=0.2),
}
fitted = {name: BiasBaseline().fit(train) for name, (train, _) in splits.items()}
show({name: rmse(test["rating"], fitted[name].predict(test)) for name, (_, test) in splits.items()})

# %% [markdown]
# The same model, the same data, 20,000 hidden ratings each time: 0.94, 0.94, 1.03. Which is *the* error of the model?
#
# The question cannot be answered, because there are three questions. Look at what was hidden. Each user is a row of
# the picture, the earliest at the bottom; each dot is a rating (one in ten is drawn).

# %%
first_seen = ratings.groupby("user")["timestamp"].min().rank(method="first")

colors = {"training": "#56B4E9", "test": "#D55E00"}
fig, axes = plt.subplots(1, 3, figsize=(10, 4.2), sharey=True)
for ax, (name, parts) in zip(axes, splits.items()):
    dots = pd.concat(dict(zip(colors, parts)), names=["part", "row"]).sample(10_000, random_state=0).reset_index()
    when = pd.to_datetime(dots["timestamp"], unit="s")
    ax.scatter(when, dots["user"].map(first_seen), s=2, c=dots["part"].map(colors))
    ax.set(title=name, xlabel="month of 1997 / 98", xticks=pd.to_datetime(["1997-10-01", "1998-01-01", "1998-04-01"]))
    ax.set_xticklabels(["Oct", "Jan", "Apr"])
for part, color in colors.items():
    axes[0].plot([], [], "o", color=color, markersize=5, label=part)
axes[0].set_ylabel("user, by first rating")
axes[0].legend(loc="upper left")
fig.suptitle("Only the split by time keeps the future out of the training part", fontweight="bold")
figure_alt(
    fig,
    "Three pictures of the ratings, users against time. Random and per user: test dots everywhere among the "
    "training dots. By time: all dots from early March 1998 on are test; most of those users have no training dot.",
)

# %% [markdown]
# Two things can be seen. In the first two pictures the test dots lie *among* the training dots: for almost every hidden
# rating, the model has read ratings that the same user gave later. And most dots lie on the rim, at the user's very first
# visit: people sign up, rate for an hour, and rarely come back. Cut by time, and most of the test users are strangers. Let us
# count both, and put the laziest model beside ours, the one that always says the mean:

# %%
given = {}
for name, (train, test) in splits.items():
    last = test["user"].map(train.groupby("user")["timestamp"].max())
    error = rmse(test["rating"], fitted[name].predict(test))
    lazy = rmse(test["rating"], GlobalMean().fit(train).predict(test))
    given[name] = {
        "knows the user's future (%)": 100 * (last > test["timestamp"]).mean(),
        "user unknown (%)": 100 * last.isna().mean(),
        "RMSE of the mean": lazy,
        "RMSE of the model": error,
        "what the model adds": lazy - error,
    }
first_day = ratings["timestamp"] < ratings.groupby("user")["timestamp"].transform("min") + 86_400
show({"ratings given on the user's first day (%)": 100 * first_day.mean()}, digits=3)
show(pd.DataFrame(given).T, digits=3)

# %% [markdown]
# Read the last column. As a *filler of gaps* the model is worth 0.18 stars. As a *rehearsal of a launch* on 7 March 1998 it is
# worth 0.02: 85 of 100 ratings after that day come from users that it has never met, and for those it knows nothing but the
# films.
#
# And notice the trap in the column before: the test parts are not equally hard. By time, even the lazy mean gets 1.05.
# **An RMSE from one split must never be compared with an RMSE from another.** Whenever you read a number in a paper or a
# blog, ask first how the test part was cut.
#
# | split | it answers | it gives away | use it to |
# |---|---|---|---|
# | random | how well are gaps in the table filled? | each user's later ratings | compare models cheaply, and with published results |
# | per user (a share of each) | the same, with every user known | the same | measure a ranking for every user |
# | last of each user | what will this user do next? | *other* users' later ratings | judge models of sequences |
# | by time, one moment for all | how would it have gone, had we launched then? | nothing | decide on a launch |
#
# The first two give nearly the same number here, because every user of this data set has at least 20 ratings: a random fifth of
# everything is nearly a fifth of each. In your own logs, where half of the users come once, a random split leaves many of
# them without a training row, and the two part.
#
# For the rest of this lesson we mostly compare models with each other, so we use the random split. It is the right tool for
# *that*. It is the wrong tool for a promise to the product manager.

# %% [markdown] instructor=true
# **Timing.** 40 minutes. Show the three numbers first, and let the class vote which one goes into the report.
#
# **Misconceptions.** "The split by time is worse": it answers a harder question. "0.94 against 1.03 means the model got 9 %
# worse": the lazy mean got *better* at the same moment, so only the last column may be read across.
#
# **To discuss.** Users who come once are this site's habit. What would the third picture look like for your own product, and
# which share of test rows would be strangers? What is the right rehearsal for a model that is refitted every night?

# %% [markdown]
# ## 2. Three parts, because two wear out
#
# A model has numbers that the fit chooses (weights) and numbers that *you* choose: a price $\alpha$ in lesson 1.3, a $k$ in
# 1.4, which features, which model at all. The fit looks at the training part. What do you look at?
#
# Not at the training part: there the most flexible model always wins. Not at the test part either, or it is no longer a part
# that nobody has seen. So you need a third one:
#
# - **training**: the fit may look at it as long as it likes;
# - **validation**: you look at it to choose, as often as you must;
# - **test**: looked at once, when everything has been chosen.
#
# That sounds like bureaucracy. How much harm can looking do? Let us try the worst. Below are 200 models that are
# useless by construction: each is our model plus its own *lucky numbers*, a random nudge of about 0.1 stars for every single
# rating. There is nothing to learn in a lucky number; each of the 200 is a little worse than the model without. We judge them
# on a validation part of 500 ratings and keep the best.

# %%
train, test = splits["random"]
fit_rows, valid = random_split(train, test=0.2, seed=1)
shelf = BiasBaseline().fit(fit_rows)
y_valid, y_test = valid["rating"].to_numpy(), test["rating"].to_numpy()
said_valid, said_test = shelf.predict(valid), shelf.predict(test)


def lucky(seed, size):
    """RMSE of one useless model on the first `size` validation rows, and on the test part."""
    rng = np.random.default_rng(seed)
    on_valid = said_valid[:size] + rng.normal(0, 0.1, size)
    return rmse(y_valid[:size], on_valid), rmse(y_test, said_test + rng.normal(0, 0.1, len(test)))


tries = np.array([lucky(seed, 500) for seed in range(200)])
best = tries[:, 0].argmin()
plain = np.array([rmse(y_valid[:500], said_valid[:500]), rmse(y_test, said_test)])
table = pd.DataFrame([plain, tries[best]], index=["our model", "best of 200 lucky numbers"])
show(table.set_axis(["validation (500 rows)", "test"], axis=1))
show(users_behind_the_500_rows=valid["user"].head(500).nunique())

# %% [markdown]
# On the validation part the winner beats our model by 0.008 stars. In many papers that would be a result. On the test
# part it is *worse*, by what a random nudge costs. Nothing was learned; somebody was lucky, and we picked the lucky one.
#
# (Why is our own model so much worse in the first column? The 500 rows are the top of the table and belong to 21 users,
# who happen to be hard to predict. Part 3 shows how far small parts scatter, part 6 why it matters how many *users* there
# are. Both models were asked about the same rows, so the comparison stands.)

# %%
champion = [tries[: n + 1, 0].argmin() for n in range(len(tries))]
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
tried = np.arange(1, len(tries) + 1)
left.plot(tried, tries[champion, 0] - plain[0], label="on validation")
left.plot(tried, tries[champion, 1] - plain[1], label="on test")
left.axhline(0, color="#444444", linestyle="--", linewidth=1, label="our model")
left.set(title="The champion so far", xlabel="useless models tried", ylabel="RMSE minus that of our model")
left.legend(loc="center right", bbox_to_anchor=(1, 0.42))
right.scatter(tries[:, 0], tries[:, 1], s=12, alpha=0.6)
right.plot(*tries[best], "o", color="#D55E00", markersize=9)
right.text(1.0005, tries[best, 1] - 0.0004, "the chosen one", color="#D55E00")
right.set(title="All 200", xlabel="validation RMSE (stars)", ylabel="test RMSE (stars)", xlim=(1.0, None))
fig.suptitle("Validation improves with every look; the test part does not notice", fontweight="bold")
figure_alt(
    fig,
    "Left: the best validation RMSE falls step by step to 0.008 below our model within 200 tries, while the same "
    "models' test RMSE stays 0.005 above it. Right: validation and test RMSE of the 200 models, a round cloud.",
)

# %% [markdown]
# The blue line on the left falls like the error of a model that learns, but what learned was *the person who chose*. A
# validation part that has been asked two hundred times has become training data. The cloud on the right is round: how well a lucky number does here says
# nothing about how well it does there.
#
# How much can you gain from nothing? If the $T$ models you try scatter with a standard deviation $\sigma$ on the validation
# part, the best of them lies below their mean by at most about
#
# $$\sigma \sqrt{2 \ln T}$$
#
# It grows very slowly with the number of tries $T$, and $\sigma$ shrinks with the square root of the number of validation rows.
# So the remedy is not to stop trying. It is a *large* validation part. The next cell repeats the search on larger ones:

# %%
rows = []
for size in (250, 500, 1000, 4000, 16000):
    valid_errors = np.array([lucky(seed, size)[0] for seed in range(200)])
    bound = valid_errors.std() * np.sqrt(2 * np.log(len(valid_errors)))
    gain = rmse(y_valid[:size], said_valid[:size]) - valid_errors.min()
    rows.append((size, valid_errors.std(), bound, valid_errors.mean() - valid_errors.min(), gain))
names = ["validation rows", "sigma", "bound", "mean minus best", "beats our model by"]
show(pd.DataFrame(rows, columns=names), digits=2)

# %% [markdown]
# The column `bound` is the formula; what the search finds (`mean minus best`) does not get past it. Look at the last column: with 4,000 rows
# the best of two hundred no longer reaches our model, and with 16,000 it is plainly behind. A part of that size cannot be
# fooled by a search of this size. One of 500 can, and in medicine, or with one row a customer, 500 is a lot.
#
# **The discipline**, then: choose on validation, and as large a one as you can afford. Write down how often you looked. Look at
# the test part once, at the end. If you then go back and change something, the test part has become a validation part,
# and you need a new one.

# %% [markdown] instructor=true
# **Timing.** 35 minutes. Let people run the search with their own seeds and compare champions: everybody's is another one.
#
# **Misconceptions.** "The best of 200 is worse on test because of overfitting *in the model*": no model was fitted here at
# all. "So never tune": with 16,000 rows tuning is safe; say the number of rows and of looks together.
#
# **To discuss.** Random seeds, early stopping, "we tried both and kept the better one": which looks does your team count?

# %% [markdown]
# ## 3. k-fold: every row is tested once
#
# One more thing is unsatisfying about a single split: the dice. Here is the RMSE of the shelf model on 20 small random test
# parts of 1,000 ratings. Nothing differs but the seed:

# %%
parts = [random_split(ratings, test=0.01, seed=seed) for seed in range(20)]
by_seed = [rmse(small["rating"], BiasBaseline().fit(rest).predict(small)) for rest, small in parts]
show(lowest=min(by_seed), highest=max(by_seed), standard_deviation=np.std(by_seed, ddof=1))

# %% [markdown]
# From 0.89 to 1.00, by luck alone. Whoever may choose the seed may choose the result.
#
# *k-fold cross-validation* takes the luck out of the choice of rows. Cut the rows into $k$ parts of equal size, the *folds*.
# Fit $k$ times; each time another fold is the test part and all the others together are the training part. Every
# row is tested exactly once, by a model that has not seen it.


# %% exercise="1.5.1"
def k_fold_rows(n, k):
    """k pairs (training rows, test rows), each an array of row numbers in rising order.

    The test parts are consecutive blocks of 0, 1, ..., n - 1. Where k does not divide n, the first n % k blocks
    are longer by one row.
    """
    ### BEGIN SOLUTION
    blocks = np.array_split(np.arange(n), k)
    return [(np.concatenate(blocks[:f] + blocks[f + 1 :]), blocks[f]) for f in range(k)]
    ### END SOLUTION


# %% check="1.5.1"
k_fold_checked = ex("1.5.1").check(k_fold_rows)

# %% [markdown]
# Blocks of neighbours are only fair if neighbours have nothing to do with each other. So shuffle the rows first. To see what
# happens otherwise, run the same five folds over the ratings in two orders: shuffled, and sorted by user.


# %%
def five_folds(table, model=BiasBaseline):
    """The RMSE of each of five folds of consecutive rows."""
    errors = []
    for train_rows, test_rows in k_fold_checked(len(table), 5):
        hidden = table.iloc[test_rows]
        errors.append(rmse(hidden["rating"], model().fit(table.iloc[train_rows]).predict(hidden)))
    return errors


orders = {
    "shuffled": ratings.sample(frac=1, random_state=0),
    "sorted by user": ratings.sort_values(["user", "item"]),
}
folds = pd.DataFrame({name: five_folds(table) for name, table in orders.items()}).rename_axis("fold")
show(folds.T.assign(mean=folds.mean()))

# %% [markdown]
# Sorted by user, a fold holds *all* ratings of its users, so each of them is a stranger to the model, and the error jumps from
# 0.94 to above 1.0. That is a bug if you wanted to fill gaps. If your question is "how well do we treat new users?", it is the
# right tool, and has a name: *grouped* k-fold, with the user as the group. Once more, the split is the question.
#
# Three remarks before you use it everywhere.
#
# - The *mean* of the five is what you report. Their spread says how much the rows matter; it is not the uncertainty of
#   the mean. Part 6 shows by how much people fool themselves with it.
# - Each model is fitted on four fifths of the rows, so the number is a little worse than the model that you ship, fitted on all.
# - Cross-validation replaces the *validation* part, to choose with. It does not replace the test part: what has been chosen by
#   it is no longer judged by it.

# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise.
#
# **Misconceptions.** "k-fold makes k models, ship the best fold's": the folds are rehearsals; ship one model fitted on
# everything. "More folds are more accurate": they are dearer, and their training parts overlap more.
#
# **To discuss.** The remainder: why does it not matter which folds are longer? (And why do we still fix it? So that two
# libraries can be compared row by row, which is done at the end.)

# %% [markdown]
# ## 4. Bias and variance: two ways to be wrong
#
# In lesson 1.4, small $k$ was bad, large $k$ was bad, and something in between was good. In 1.3 it was the same with the price
# $\alpha$. Why always this shape? To see it, we do what is impossible in real life: **train the same model three
# hundred times, each time on new data from the same world.**
#
# For this part, let the table be the world. A question as simple as possible: how many stars does a film get, given its year?
# The truth is then known: it is the mean of all ratings of films of that year. Our model only ever sees 200 random ratings,
# and predicts by the $k$ nearest of them (nearest in years).

# %%
year = ratings["item"].map(movielens.items.set_index("item")["year"])
world = pd.DataFrame({"year": year.astype("Float64"), "stars": ratings["rating"]}).dropna()
world = world[world["year"] >= 1930].astype(float)
truth = world.groupby("year")["stars"].mean()
grid, share = truth.index.to_numpy(), world["year"].value_counts(normalize=True)[truth.index].to_numpy()


def every_k(x, y):
    """Row k - 1 holds the mean of the k nearest y, for each year of the grid: array (n, years)."""
    order = np.argsort(np.abs(x - grid[:, None]), axis=1, kind="stable")
    return (np.cumsum(y[order], axis=1) / np.arange(1, len(y) + 1)).T


rng = np.random.default_rng(0)
years, stars = world["year"].to_numpy(), world["stars"].to_numpy()
samples = [rng.integers(len(world), size=200) for _ in range(300)]
fits = np.array([every_k(years[rows], stars[rows]) for rows in samples])
show(ratings_in_the_world=len(world), shape_of_fits=fits.shape)

# %% [markdown]
# `fits[s, k - 1]` is the curve that the model with $k$ neighbours draws after seeing sample $s$. Here are forty samples for each of three
# values of $k$, and the truth as dots:

# %%
fig, axes = plt.subplots(1, 3, figsize=(10, 4), sharey=True)
for ax, k in zip(axes, (3, 30, 150)):
    ax.plot(grid, fits[:40, k - 1].T, color="#bbbbbb", linewidth=0.6)
    ax.plot(grid, fits[:, k - 1].mean(axis=0), color="#D55E00", label="mean of 300 fits")
    ax.plot(grid, truth, ".", color="#0072B2", markersize=5, label="truth")
    ax.set(title=f"k = {k}", xlabel="year of the film", ylim=(2, 5))
axes[0].set_ylabel("stars")
axes[2].legend(loc="lower left")
fig.suptitle("Few neighbours: right on average, never the same twice. Many: stable and wrong", fontweight="bold")
figure_alt(
    fig,
    "Forty fits in grey for k = 3, 30 and 150, with their mean and the truth. k = 3: wild lines from 2 to 5 whose mean "
    "follows the truth. k = 30: a narrow band along the truth. k = 150: a tight band at 3.5, far below the truth before 1985.",
)

# %% [markdown]
# On the left, each grey line is what you would have shipped, had your data been that sample. They are wild, yet their
# *average* follows the truth. On the right, it hardly matters which sample you had: all agree, and all are wrong about
# nearly every year before 1985. These are the two ways to be wrong, and they have names.
#
# - **Bias**: how far the *average* fit is from the truth. Averaging over more samples does not cure it: the model is too stiff.
# - **Variance**: how far a *single* fit lies from the average fit. It is the price of listening to every row.
#
# For the squared error they simply add up. Let $x$ be a film's year, $y$ the stars of one rating, $f(x)$ the truth (the mean
# of $y$ at $x$), $\hat f_S(x)$ the prediction after seeing sample $S$, and $\bar f(x)$ the mean of $\hat f_S(x)$ over samples. Then
#
# $$\underbrace{\mathbb{E}\big[(y - \hat f_S(x))^2\big]}_{\text{error}} =
#   \underbrace{\mathbb{E}\big[(y - f(x))^2\big]}_{\text{noise}} +
#   \underbrace{\mathbb{E}\big[(\bar f(x) - f(x))^2\big]}_{\text{bias}^2} +
#   \underbrace{\mathbb{E}\big[(\hat f_S(x) - \bar f(x))^2\big]}_{\text{variance}}$$
#
# $\mathbb{E}$ means the average over ratings and samples. The first term on the right is how much people differ about films of one
# year: no model that only knows the year can get below it. The cell computes each term as it stands, and the
# left-hand side directly, from 300 fits times all ratings:

# %%
noise = np.mean((stars - truth[years].to_numpy()) ** 2)
mean_fit = fits.mean(axis=0)
bias2 = (mean_fit - truth.to_numpy()) ** 2 @ share
variance = ((fits - mean_fit) ** 2).mean(axis=0) @ share

place = np.searchsorted(grid, years)
rows = {}
for k in (3, 30, 150):
    error = np.mean([np.mean((stars - fit[place]) ** 2) for fit in fits[:, k - 1]])
    total = noise + bias2[k - 1] + variance[k - 1]
    rows[f"k = {k}"] = {
        "noise": noise,
        "bias²": bias2[k - 1],
        "variance": variance[k - 1],
        "sum": total,
        "error": error,
    }
show(pd.DataFrame(rows).T)

# %% [markdown]
# The last two columns agree in every digit. Now for every $k$ from 1 to 200:

# %%
ks = np.arange(1, 201)
best_k = int(ks[(bias2 + variance).argmin()])
fig, ax = plt.subplots()
ax.plot(ks, bias2 + variance, color="#444444", label="bias² + variance")
ax.plot(ks, bias2, "--", color="#D55E00", label="bias²")
ax.plot(ks, variance, "--", color="#0072B2", label="variance")
ax.plot(best_k, (bias2 + variance)[best_k - 1], "o", color="#444444", markersize=9)
ax.set(xscale="log", xlabel="k, neighbours (log scale)", ylabel="squared stars", ylim=(0, 0.3))
ax.set_xticks([1, 3, 10, 30, 100, 200], ["1", "3", "10", "30", "100", "200"])
ax.minorticks_off()
ax.set_title(f"Variance falls, bias rises; with 200 ratings the best k is {best_k}")
ax.legend()
figure_alt(
    fig,
    "Variance falls like 1/k, squared bias is near 0 until k = 50 and then rises; their sum is a bowl whose bottom lies "
    "between 60 and 90.",
)

# %% [markdown]
# There is the bowl of 1.3 and 1.4, taken apart. The variance is close to the noise divided by $k$: an average of $k$ opinions.
# The bias grows because the neighbours have to be fetched from ever more distant years.
#
# Every model has such a dial: $k$; the price of a ridge; the damping in `BiasBaseline`; the depth of a tree. Turn it towards
# "listen to every row", and you buy less bias with more variance. You choose it on validation rows, never by taste.
#
# ### In real life: the learning curve
#
# Nobody has 300 worlds. But there is a measurement that tells bias from variance with one data set: fit on more and more rows
# and watch *two* errors, on the rows that were fitted and on rows that were not. Two models, very different:
# a linear regression on the film's 18 genre flags (lesson 1.3), and the shelf model with its caution switched off, which gives every
# user and film a number of its own, even after a single rating.

# %%
from recsys_lab.regression import LinearRegression

genres = movielens.items.set_index("item")["genres"].str.get_dummies("|")
sizes = [500, 1000, 2000, 5000, 10000, 20000, 40000, 80000]
shuffled = train.sample(frac=1, random_state=0)
curves = []
for size in sizes:
    part = shuffled.head(size)
    linear = LinearRegression().fit(genres.loc[part["item"]].to_numpy(), part["rating"])
    own_numbers = BiasBaseline(damping_user=0, damping_item=0).fit(part)
    for kind, rows in (("training", part), ("test", test)):
        curves.append(
            ("18 genre weights", kind, size, rmse(rows["rating"], linear.predict(genres.loc[rows["item"]].to_numpy())))
        )
        curves.append(("a number for each user and film", kind, size, rmse(rows["rating"], own_numbers.predict(rows))))
curves = pd.DataFrame(curves, columns=["model", "part", "rows", "rmse"])

# %% [markdown]
# Solid lines are the error on the test part, dashed lines the error on the rows that were fitted:

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True)
for ax, (name, curve) in zip(axes, curves.groupby("model")):
    for (kind, line), style in zip(curve.groupby("part"), ("o-", "s--")):
        ax.plot(line["rows"], line["rmse"], style, markersize=5, label=kind)
    ax.set(title=name, xscale="log", xlabel="training ratings (log scale)")
axes[0].set_ylabel("RMSE (stars)")
axes[0].legend(loc="lower right")
fig.suptitle("A closed gap means bias, an open gap means variance", fontweight="bold")
figure_alt(
    fig,
    "Two learning curves. 18 genre weights: training and test error meet near 1.1 at about 5,000 ratings and stay there. "
    "A number for each user and film: training error near 0 at first, test error up to 1.4; they approach each other and "
    "are still 0.03 apart at 80,000.",
)

# %% [markdown]
# On the left the two lines have met. The model has learned everything that 18 numbers can hold; another million ratings would
# change nothing. **A closed gap at a high error is bias: you need a richer model.** On the right the gap is wide and closing.
# With 500 ratings the model knows its training rows almost by heart and is *worse* than useless on the others: its error there is
# above 1.3, and the mean of all ratings gets 1.12 (part 1). **An open gap is variance: more ratings help, or a penalty for
# listening too closely.** (That penalty is the caution that we switched off.)
#
# There is a third picture, which no textbook draws. You will find it in the next exercise.

# %% exercise="1.5.2"
# "bias", "variance" or "leak" for each of the three models, as a dict: {"P": ..., "Q": ..., "R": ...}
### BEGIN SOLUTION
diagnosis = {"P": "leak", "Q": "variance", "R": "bias"}
### END SOLUTION

# %% check="1.5.2"
diagnosis_checked = ex("1.5.2").check(diagnosis)

# %% [markdown]
# *Read on when you have an answer.* The third picture is P. It has no gap, as R has none, and all the same the two are
# opposites. R is bad from the first line on: two numbers are quickly learned, and hold little. P is *good* from the first line
# on, and nobody can know 943 users after 500 ratings. Its features are the user's and the film's mean over all ratings, test part
# included. So a missing gap means nothing by itself; look at how high the error is when hardly anything has been read. (That
# both do a little *better* on the test part is no riddle: those are other rows, and a little easier.)

# %% [markdown] instructor=true
# **Timing.** 50 minutes with the exercise. Draw the grey lines of one panel on the board first, one by one, from the audience's
# own samples: it takes five minutes and is never forgotten.
#
# **Misconceptions.** "Bias means prejudice"; "high variance means the ratings vary a lot" (that is the noise); "more data always
# helps" (ask for the left learning curve at a billion rows). Many expect the formula to hold only roughly: it is exact.
#
# **To discuss.** Which of the team's open tickets are bias, which are variance? Who has asked for more data on the left
# curve?

# %% [markdown]
# ## 5. Three planted leaks
#
# A good place for the break between the two weeks.
#
# A *leak* is a way for the answer to get into the question. In lesson 1.3 an average had swallowed test ratings, and you wrote a
# tripwire: change the test ratings, and see which features move. Real pipelines leak in more ways than that. Here is
# one with three leaks in it, and it looks like code you would approve on a Friday.
#
# The data comes from a queue with *at-least-once* delivery, as most of yours does. Now and then an event is delivered twice:
# the consumer was slow to acknowledge, so the same rating arrives again a few seconds later.

# %%
rng = np.random.default_rng(0)
again = ratings.sample(frac=0.1, random_state=0)
again = again.assign(timestamp=again["timestamp"] + rng.integers(1, 30, len(again)))
events = pd.concat([ratings, again]).sort_values(["timestamp", "user", "item"], ignore_index=True)
events = events.rename_axis("event").reset_index()
show(events=len(events), delivered_again=len(again))

# %% [markdown]
# The colleague's model is the k-NN regression of lesson 1.4, from scikit-learn: nearest in five standardized features, nearer
# neighbours count more. The steps carry letters, because you will be asked about them.

# %%
from sklearn.neighbors import KNeighborsRegressor

from recsys_lab.regression import Standardizer

released = movielens.items.set_index("item")["year"]
FEATURES = ["film_age", "experience", "activity", "film_mean", "user_mean"]


def prepare(events):
    log = events.drop_duplicates(["user", "item", "rating", "timestamp"])  # A
    log = log.sort_values(["user", "timestamp", "item"], ignore_index=True)  # B
    rated_in = pd.to_datetime(log["timestamp"], unit="s").dt.year
    log["film_age"] = (rated_in - log["item"].map(released)).astype("Float64").fillna(0)  # C
    log["experience"] = np.log1p(log.groupby("user").cumcount())  # D
    log["activity"] = np.log1p(log.groupby("user").cumcount(ascending=False))  # E
    log["film_mean"] = log.groupby("item")["rating"].transform("mean")  # F
    train, test = random_split(log, test=0.1, seed=0)  # G
    user_mean = train.groupby("user")["rating"].mean()  # H
    for part in (train, test):
        part["user_mean"] = part["user"].map(user_mean).fillna(train["rating"].mean())
    return train, test


def score(train, test):
    scaler = Standardizer().fit(train[FEATURES])  # I
    knn = KNeighborsRegressor(30, weights="distance")
    knn.fit(scaler.transform(train[FEATURES]), train["rating"])  # J
    return rmse(test["rating"], knn.predict(scaler.transform(test[FEATURES])))


reported = score(*prepare(events))
show(reported=reported)

# %% [markdown]
# (`log1p` is the logarithm of 1 plus the number; `cumcount` numbers a user's rows from 0, and with `ascending=False`
# it numbers them from the end. The order of the rows comes from step B.)
#
# The report says 0.911, where the shelf model had 0.941. (On another test part, so the comparison is not fair yet. We come to
# that.) A gain of that size usually takes a much better model. Here it takes three lines of code.
#
# What may a feature use? When a test row is predicted, two things are known: **the training part** (that is what the agreed
# random split means), and **whatever had happened before that row**. Not known is the row's own answer, in whatever disguise, nor
# anything that happens later outside the training part.

# %% exercise="1.5.3"
# the letters of the three steps that leak, such as ["B", "C", "D"]
### BEGIN SOLUTION
leaks = ["A", "E", "F"]
### END SOLUTION

# %% check="1.5.3"
leaks_checked = ex("1.5.3").check(leaks)

# %% [markdown]
# *Read on when you have found them, or have given up with dignity.*
#
# ### What they were worth
#
# The three steps are A, E and F. Mend one after the other; what is not mended stays as the colleague wrote it.


# %%
def mended(events, steps):
    same = ["user", "item"] if "A" in steps else ["user", "item", "rating", "timestamp"]
    train, test = prepare(events.drop_duplicates(same))
    if "E" in steps:  # nothing about the user's later visits
        train["activity"] = test["activity"] = 0.0
    if "F" in steps:  # averages after the split, from the training part
        film_mean = train.groupby("item")["rating"].mean()
        for part in (train, test):
            part["film_mean"] = part["item"].map(film_mean).fillna(train["rating"].mean())
    return train, test


stairs = [reported] + [score(*mended(events, steps)) for steps in ("A", "AE", "AEF")]
names = ["as delivered", "A mended", "A and E mended", "A, E and F mended"]
show(pd.Series(stairs, index=names, name="test RMSE").to_frame())

# %% [markdown]
# And the shelf model, this time fairly: fitted on the same mended training part, and judged on the same test part.

# %%
columns = ["user", "item", "rating"]
known, hidden = (part[columns] for part in mended(events, "AEF"))
bar = rmse(hidden["rating"], BiasBaseline().fit(known).predict(hidden))
show(shelf_model_on_the_same_rows=bar)

fig, ax = plt.subplots(figsize=(8, 3.4))
ax.plot(stairs, names, "o-", markersize=9)
ax.axvline(bar, color="#444444", linestyle="--", linewidth=1, label="shelf model")
ax.invert_yaxis()
ax.set(title="Three leaks hid a model that is worse than the one on the shelf", xlabel="test RMSE (stars)")
ax.legend(loc="upper right")
figure_alt(
    fig,
    "Test RMSE in four steps from top to bottom: 0.911 as delivered, rising with each mended leak to 0.960, "
    "to the right of the shelf model's 0.941.",
)

# %% [markdown]
# Each leak was worth one or two hundredths of a star, and behind all three stands a model that loses to the shelf. (The first
# step needs a grain of salt, as part 1 demands: ten thousand events go, so its test part is another one. With other seeds in
# step G that step comes out smaller, and now and then as nothing. The other two are measured on the same rows.)
#
# - **Twins (A).** `drop_duplicates` looked at the timestamp too, and a redelivery carries a timestamp of its own. So it dropped
#   nothing. One copy went to training, the other to the test part, with almost the same features: a nearest neighbour at
#   distance zero, who knows the answer. Deduplicate by *what makes an event the same*, here user and film.
# - **The future (E).** Counted from the end, `cumcount` says how many ratings the user is *still going to give*. On the day of
#   the prediction nobody knows. It looks almost exactly like step D, which is honest: D counts what has been.
# - **The answer in an average (F).** The mean was taken before the split, over all rows, so each test rating sits in
#   its own feature. This is the leak of lesson 1.3. H does the same thing for users, but after the split and from the training part.
#
# Twins are not an invention of this lesson. MovieLens itself lists some films under two ids, and some people rated both:

# %%
named = ratings.merge(movielens.items[["item", "title", "year"]], on="item")
groups = named.groupby(["user", "title", "year"])["rating"]
twice = groups.agg(copies="size", kinds="nunique").query("copies > 1")
show(
    films_with_a_second_id=int(movielens.items.duplicated(["title", "year"]).sum()),
    rated_under_both_ids=len(twice),
    with_the_same_stars_percent=100 * (twice["kinds"] == 1).mean(),
)

# %% [markdown]
# Three hundred pairs in a hundred thousand are harmless here. In a catalogue where every colour of a shirt has its own id, they
# are not.
#
# ### Tripwires that run in CI
#
# You found the leaks by reading ten lines. A pipeline at work has two thousand. So each kind of leak gets a test that does
# not read the code:
#
# | leak | tripwire |
# |---|---|
# | twins | no key of the test part may stand in the training part |
# | the answer | change the test ratings: no feature may move (your 1.3.2) |
# | the future | delete everything from a moment on: no feature of a row *at* that moment may move |
#
# The third is new, and it is the strictest of the three: it checks a feature as production will compute it, with
# nothing but the past. In production features come from a function `build(log, rows)`: it is handed a log and the rows to be
# predicted.


# %% exercise="1.5.4"
def knows_the_future(build, log, moments):
    """Sorted names of the features that change when everything from a moment on is deleted from the log.

    build(log, rows) returns a frame of features, one line for each of `rows`. log: columns user, item, rating,
    timestamp. moments: timestamps at which to look. The log must stay as it was.
    """
    ### BEGIN SOLUTION
    guilty = set()
    for moment in moments:
        rows = log[log["timestamp"] == moment]
        as_it_is = build(log, rows)
        as_it_was = build(log[log["timestamp"] < moment], rows)
        guilty |= {name for name in as_it_is if not as_it_is[name].equals(as_it_was[name])}
    return sorted(guilty)
    ### END SOLUTION


# %% check="1.5.4"
knows_the_future_checked = ex("1.5.4").check(knows_the_future)


# %% [markdown]
# Let all three walk over the colleague's pipeline, and over the mended one. For the third we write the columns as
# production would compute them, one function from a log to features:


# %%
def build(log, rows):
    own = [log.loc[log["user"] == user, "timestamp"] for user in rows["user"]]
    asked = list(zip(own, rows["timestamp"]))
    film_mean = rows["item"].map(log.groupby("item")["rating"].mean())
    columns = {
        "experience": [(times < now).sum() for times, now in asked],
        "activity": [(times > now).sum() for times, now in asked],
    }
    return pd.DataFrame(columns, index=rows.index).assign(film_mean=film_mean)


def twins(train, test):
    """How many test rows have their user and film in the training part."""
    return int(test.set_index(["user", "item"]).index.isin(train.set_index(["user", "item"]).index).sum())


def moved(prepared, events):
    """The features of test rows that move when the test ratings are other ones."""
    _, before = prepared(events)
    noise = np.random.default_rng(0).uniform(0, 100, len(events))
    answers = events["rating"].where(~events["event"].isin(before["event"]), noise)
    _, after = prepared(events.assign(rating=answers))
    return sorted(name for name in FEATURES if not before[name].equals(after[name]))


# %% [markdown]
# Two tripwires of a few lines each, and yours. The moments are those of five events, spread over the log:

# %%
moments = events["timestamp"].iloc[[1_000, 30_000, 60_000, 90_000, 109_000]]
for name, pipeline in {"colleague": prepare, "mended": lambda events: mended(events, "AEF")}.items():
    print(f"{name:<10} twins {twins(*pipeline(events)):>5}   moved by the answers: {moved(pipeline, events)}")
print(
    f"the columns, as production would compute them, know the future: {knows_the_future_checked(build, events, moments)}"
)

# %% [markdown]
# No tripwire finds everything. The twins need the first, for no *feature* is wrong there. The answers find `film_mean`. Neither
# sees `activity`, which contains no rating at all; only the clock does, and it sees `film_mean` too, which averages over the
# future. `experience` passes everywhere. Put all three into CI, on a sample of a few thousand events, where they cost seconds:
#
# ```python
# def test_no_twins():
#     assert twins(*prepare(sample)) == 0
#
# def test_features_do_not_know_the_answers():
#     assert moved(prepare, sample) == []
#
# def test_features_do_not_know_the_future():
#     assert knows_the_future(build, sample, moments) == []
# ```
#
# (Lesson 2.2 adds one more for whole models, where you cannot see any features, and lesson 3.2 makes the clock a habit in SQL.)

# %% [markdown] instructor=true
# **Timing.** 60 minutes with both exercises, in pairs, the second half of it on the tripwires.
#
# **Misconceptions.** "Everything before the split leaks": D is computed before the split and is honest, because a row sees its
# own past only. "Everything after the split is safe": A happens before, and does its damage after. Many accuse G: the random
# split is a choice of question (part 1), not a leak.
#
# **To discuss.** A feature `film_mean` in production is refreshed every night. How old is it when it is used, and how old was it
# in training? (That is training-serving skew: lesson 3.2.)

# %% [markdown]
# ## 6. How sure is the number?
#
# The shelf model has an RMSE of 0.941 on the random test part. Had other people signed up, it would have been another
# number. How different? Nobody will hand you a second group of 943 people. The **bootstrap** pretends: it draws a new group from
# the one you have, *with replacement*, so that some are drawn twice and some not at all, and computes the RMSE again. Two
# thousand times. The middle 95 % of these numbers is the interval.
#
# It is four lines, and a colleague has written them:

# %%
predicted = fitted["random"].predict(test)
squared_error = (test["rating"].to_numpy() - predicted) ** 2


def colleagues_interval(squared_error, rng, times=500):
    drawn = rng.integers(len(squared_error), size=(times, len(squared_error)))  # which ratings, with replacement
    rmses = np.sqrt(squared_error[drawn].mean(axis=1))
    return np.quantile(rmses, [0.025, 0.975])


show(rmse=np.sqrt(squared_error.mean()), interval=colleagues_interval(squared_error, np.random.default_rng(0)))

# %% [markdown]
# From 0.932 to 0.951. It looks reasonable, and is far too sure of itself. *What* was drawn here? Other people
# would have meant other **users**. The ratings of one user are not independent facts: somebody whose taste the
# model does not get is wrongly predicted forty times in a row. You know this from load tests: 20,000 requests
# from 50 clients are not 20,000 independent requests.
#
# So draw users, each with all their ratings. Let $S_u$ be the sum of the squared errors of user $u$, and $n_u$ the number of
# their test ratings. A draw of as many users as there are, $u_1, u_2, \dots$, some of them more than once, has
#
# $$\text{RMSE}^* = \sqrt{\frac{S_{u_1} + S_{u_2} + \dots}{n_{u_1} + n_{u_2} + \dots}}$$


# %% exercise="1.5.5"
def resampled_rmses(user, squared_error, drawn):
    """The RMSE of each resample: array (times,).

    user: array (n_ratings,), whose rating each is, as a row number 0, 1, ..., n_users - 1.
    squared_error: array (n_ratings,).
    drawn: array (times, n_users) of user row numbers; each line is one resample, with repeats.
    """
    ### BEGIN SOLUTION
    sums = np.bincount(user, weights=squared_error)
    counts = np.bincount(user)
    return np.sqrt(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    ### END SOLUTION


# %% check="1.5.5"
resampled_checked = ex("1.5.5").check(resampled_rmses)

# %% [markdown]
# Both intervals, for the same model on the same test part:


# %%
def interval(user, squared_error, rng, times=500):
    n = user.max() + 1
    return np.quantile(resampled_checked(user, squared_error, rng.integers(n, size=(times, n))), [0.025, 0.975])


who = pd.factorize(test["user"])[0]
by_users = interval(who, squared_error, np.random.default_rng(0), times=2000)
by_ratings = colleagues_interval(squared_error, np.random.default_rng(0))
widths = {"drawing users": np.ptp(by_users), "drawing ratings": np.ptp(by_ratings)}
spread = folds["shuffled"].std() / np.sqrt(5)  # of the five folds of part 3
show(widths | {"mean of five folds ± 2 standard errors": 4 * spread}, digits=2)

# %% [markdown]
# The interval by users is twice as wide. And the habit of reporting "mean ± two standard errors over five folds" is narrower
# still: the five folds contain *the same people*, so their spread cannot tell what other people would do. Three widths. Which
# is right?
#
# That can be tried out. Let the 942 users of the test part be the whole world, so that the true RMSE is known. Draw a study of 100 users
# from it, and compute an interval from those 100 alone. Does it contain the truth? Repeat. An honest 95 % interval contains it
# in 95 of 100 studies; this share is its *coverage*.

# %%
world_rmse = np.sqrt(squared_error.mean())
errors_of = [part.to_numpy() for _, part in pd.Series(squared_error).groupby(who)]
rng = np.random.default_rng(1)
studies = []
for _ in range(200):
    group = [errors_of[u] for u in rng.integers(len(errors_of), size=100)]
    label, pooled = np.repeat(np.arange(100), [len(e) for e in group]), np.concatenate(group)
    studies.append([*interval(label, pooled, rng, 200), *interval(np.arange(len(pooled)), pooled, rng, 200)])
studies = np.array(studies)
holds = (studies[:, [0, 2]] < world_rmse) & (world_rmse < studies[:, [1, 3]])
show(
    {"coverage, drawing users (%)": 100 * holds[:, 0].mean(), "coverage, drawing ratings (%)": 100 * holds[:, 1].mean()}
)

# %% [markdown]
# Every third study as a line from the lower to the upper end of its interval:

# %%
some, held = studies[::3], holds[::3]
fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), sharey=True, sharex=True)
for ax, column, name in zip(axes, (0, 1), ("drawing users", "drawing ratings")):
    low, high = some[:, 2 * column], some[:, 2 * column + 1]
    for hit, color, label in ((True, "#56B4E9", "contains the truth"), (False, "#D55E00", "misses it")):
        lines = np.flatnonzero(held[:, column] == hit)
        ax.hlines(lines, low[lines], high[lines], color=color, linewidth=2, label=label)
    ax.axvline(world_rmse, color="#444444", linewidth=1)
    ax.set(title=name, xlabel="RMSE (stars)")
axes[0].set_ylabel("study of 100 users")
fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig.suptitle("Intervals that draw ratings miss the truth in a third of the studies", fontweight="bold")
figure_alt(
    fig,
    "Sixty-seven intervals each as horizontal lines around the true RMSE. Drawing users: wide lines, a few miss. "
    "Drawing ratings: half as wide, about a third of them miss.",
)

# %% [markdown]
# Each line is a study that somebody would have published. On the left nearly all contain the truth. On the right the lines are
# half as long, and about one in three misses. The colleague's "95 %" is 68 %.
#
# **Draw the unit that is independent**: users here; in a test across shops, the shop; with sensors, the device. The library does it
# for you, and says so in the first lines of `evaluate.py`.

# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise.
#
# **Misconceptions.** "The interval contains 95 % of the *users' errors*": it is about the mean over users. "The truth lies in
# *this* interval with 95 % probability": 95 of 100 such intervals contain it; point at the picture. "20,000 ratings are
# plenty": 943 people are what you have.
#
# **To discuss.** The percentile bootstrap with 100 users covers a bit less than it promises. What happens with 20 users? And what does
# none of these intervals contain? (Another split, another month, another country.)

# %% [markdown]
# ## 7. Two models, the same users
#
# Somebody changes two numbers in the shelf model: both dampings, which make it careful, down to 6. Is that better?

# %%
from recsys_lab.evaluate import compare, evaluate_ratings

train = splits["random"][0]
models = {"shelf": BiasBaseline(), "less damping": BiasBaseline(damping_user=6, damping_item=6)}
results = {name: evaluate_ratings(model.fit(train), test) for name, model in models.items()}
for name, result in results.items():
    print(f"{name:<14} {result['rmse']}")

# %% [markdown]
# 0.9414 against 0.9388, and the two intervals overlap almost completely. No difference, then? Many reports stop here, and
# **that conclusion is wrong**. The intervals are wide because *users* differ: some are hard to predict, for both models alike.
# If a resample happens to draw the hard ones, both numbers rise together. Whoever wants to know about the *difference* has to
# look at the difference, user by user. You do the same with a canary: same traffic on both sides, so that a
# traffic peak cannot pass for a regression.

# %%
duel = compare(results, metric="rmse", against="shelf").iloc[0]
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 2.9))
for place, result in enumerate(results.values()):
    mean, low, high = result["rmse"][:3]
    left.plot([low, high], [place, place], linewidth=4, color="#56B4E9")
    left.plot(mean, place, "o", color="#0072B2", markersize=8)
left.set(title="Each by itself", xlabel="RMSE (stars)", xticks=[0.92, 0.94, 0.96], yticks=[0, 1], ylim=(-0.6, 1.6))
left.set_yticklabels(list(results))
right.plot([duel["low"], duel["high"]], [0, 0], linewidth=4, color="#56B4E9")
right.plot(duel["difference"], 0, "o", color="#0072B2", markersize=8)
right.axvline(0, color="#444444", linestyle="--", linewidth=1)
right.set(
    title="The difference, user by user",
    xlabel="RMSE, less damping minus shelf (stars)",
    yticks=[],
    xticks=[-0.004, -0.002, 0],
    xlim=(-0.005, 0.001),
)
fig.suptitle("Two intervals may overlap although the difference is certain", fontweight="bold")
figure_alt(
    fig,
    "Left: intervals from 0.923 to 0.960 and from 0.920 to 0.958, nearly the same. Right: the interval of the paired "
    "difference, from -0.0036 to -0.0016, does not reach 0.",
)

# %% [markdown]
# On the right, the interval of the paired difference is twenty times narrower than those on the left, and it excludes zero.
#
# ### A test from coin flips
#
# How often would pure chance give a difference like that? Suppose the two models were equally good. Then, for each user, it would be
# a coin toss which of the two got which of the two error sums. So toss coins. Let $d_u$ be the difference of the two sums of
# squared errors for user $u$, and $s_u$ a random sign, $+1$ or $-1$. Compare
#
# $$\Big| \sum_u d_u \Big| \qquad \text{with} \qquad \Big| \sum_u s_u d_u \Big|$$
#
# and count in how many of $B$ flips the right-hand side is at least as large. The flips that were really made plus the data
# itself give the *p-value*:
#
# $$p = \frac{1 + \text{number of flips that reach the data}}{1 + B}$$
#
# The ones are not cosmetic. The data is one possible outcome of the coins too, and without it $p$ could be 0, which claims
# more than any number of flips can show.


# %% exercise="1.5.6"
def sign_flip_p(differences, signs):
    """The two-sided p-value of paired differences, a float.

    differences: array (n_users,), model A minus model B. signs: array (B, n_users) of +1 and -1, one line a flip.
    A flip reaches the data if its |sum| >= |sum of the data| - 1e-9 (the 1e-9 forgives rounding).
    """
    ### BEGIN SOLUTION
    seen = abs(differences.sum())
    reached = np.abs(signs @ differences) >= seen - 1e-9
    return (1 + reached.sum()) / (1 + len(signs))
    ### END SOLUTION


# %% check="1.5.6"
sign_flip_checked = ex("1.5.6").check(sign_flip_p)

# %%
sums = pd.DataFrame({name: result.users["squared_error"] for name, result in results.items()})
d = (sums["less damping"] - sums["shelf"]).to_numpy()
signs = np.random.default_rng(0).choice([-1, 1], size=(4000, len(d)))
flipped = signs @ d
show(users=len(d), sum_of_differences=d.sum(), p=sign_flip_checked(d, signs))

# %%
fig, ax = plt.subplots(figsize=(8, 3.6))
ax.hist(flipped, bins=50, color="#56B4E9", label="4,000 coin flips")
ax.axvline(d.sum(), color="#D55E00", linewidth=3, label="the data")
ax.set(xlabel="sum of differences (squared stars)", ylabel="flips")
ax.set_title("If the models were equal, the orange line would stand inside the hill")
ax.legend(loc="upper right")
figure_alt(
    fig,
    "Histogram of 4,000 sums under random signs, a hill around 0 from -60 to 75; the sum of the data, near -99, "
    "stands alone to its left.",
)

# %% [markdown]
# Not one of 4,000 flips got as far as the data. So $p$ is as small as 4,000 flips can make it. The difference of 0.0026
# stars is not luck.
#
# ### Twenty questions
#
# A $p$ below 0.05 says: luck does this once in twenty times. So ask twenty questions, and luck will answer one of them. The
# next cell makes that visible. It takes the real differences $d_u$ and flips their signs at random, so that there is *truly nothing
# to find*; then it tests. Twenty such tests are one "project", and there are 200 projects.

# %%
rng = np.random.default_rng(2)
coins = rng.choice([-1.0, 1.0], size=(999, len(d)))
nothing = rng.choice([-1.0, 1.0], size=(200 * 20, len(d))) * d
reached = np.abs(coins @ nothing.T) >= np.abs(nothing.sum(axis=1))
projects = ((1 + reached.sum(axis=0)) / 1000).reshape(200, 20)
show(
    false_alarms_per_test=(projects < 0.05).mean(),
    projects_with_a_false_alarm=(projects < 0.05).any(axis=1).mean(),
    by_arithmetic=1 - 0.95**20,
)

# %% [markdown]
# Each single test keeps its promise: about 5 % false alarms. But nearly two of three *projects* report a success where there is
# none. It is the search over lucky numbers again, now with $p$-values.
#
# **Holm's correction** repairs it. Sort the $m$ p-values, $p_{(1)} \le p_{(2)} \le \dots \le p_{(m)}$. Multiply the smallest by $m$, the next by $m - 1$,
# and so on, the last by 1; and never let a later one fall below an earlier one. The $i$-th becomes
#
# $$\tilde p_{(i)} = \min\Big(1,\; \max_{j \le i}\; (m - j + 1)\, p_{(j)}\Big)$$
#
# Compare $\tilde p$ with 0.05 instead of $p$. It is the same budget of 5 %, for the whole project instead of for each question.


# %%
def holm(p):
    order = np.argsort(p)
    factor = len(p) - np.arange(len(p))  # m, m - 1, ..., 1
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(factor * p[order]))
    return corrected


after = np.array([holm(p) for p in projects])
show(projects_with_a_false_alarm=(after < 0.05).any(axis=1).mean(), example=holm(np.array([0.01, 0.04, 0.03])))

# %% [markdown]
# Back at about 5 %. Now for a real project: six variants of the shelf model, each compared with it, in one table. The column `p_holm` is what
# you may believe.

# %%
variants = {
    "shelf": {},
    "damping 6 and 6": {"damping_user": 6, "damping_item": 6},
    "damping 2 and 2": {"damping_user": 2, "damping_item": 2},
    "no damping": {"damping_user": 0, "damping_item": 0},
    "damping 25 and 25": {"damping_user": 25, "damping_item": 25},
    "user damping 3": {"damping_user": 3},
    "one round of fitting": {"epochs": 1},
}
judged = {name: evaluate_ratings(BiasBaseline(**options).fit(train), test) for name, options in variants.items()}
contest = compare(judged, metric="rmse", against="shelf").set_index("model")
show(contest[["difference", "low", "high", "p", "p_holm"]], digits=2)

# %% [markdown]
# Some differences are certain, for better or worse. "User damping 3" looks better by 0.0006 and "no damping" by 0.0010, and neither
# can be told from luck: their intervals include zero. Now compare the first two rows. Dampings of 2 gain *more* than dampings of 6,
# and are *less* certain. They change the predictions a lot, for some users much to the better and for others much to the worse.
# Whether a difference is real depends on how evenly it comes from the users, not on its size alone.
#
# Note also what was done in this table: six variants, judged on the *test* part. As long as we only look, fine. Had we
# picked the winner here, part 2 would be waiting for us.

# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise.
#
# **Misconceptions.** "Overlapping intervals mean no difference": false whenever the two are measured on the same units. "p is
# the probability that the models are equal": it is the probability of such data *if* they were. "p = 0.0002 means a large
# effect": it means a certain one. Also: flipping signs is not shuffling users (the sum would stay as it is).
#
# **To discuss.** Which comparisons of the last quarter were paired? And who counted the ones that did not work?

# %% [markdown]
# ## 8. Certain, and worth it?
#
# So the change wins: 0.0026 stars, $p$ far below 0.05. Ship it? Ask three more questions.
#
# **How big is it, in things that a user would notice?**

# %%
from recsys_lab.evaluate import evaluate_ranking

before, after = (model.predict(test) for model in models.values())
change = np.abs(after - before)
closer = np.abs(after - y_test) < np.abs(before - y_test)
show(
    mean_change=change.mean(),
    moved_by_a_tenth_star_percent=100 * (change > 0.1).mean(),
    nearer_percent=100 * closer.mean(),
)

# %% [markdown]
# Predictions move by 0.03 stars on average, and come nearer to the truth in 54 of 100 cases. Nobody will see that on a
# page that shows half stars.
#
# **Does it help what the product is for?** A recommender shows ten films. Precision@10 is the share of those ten that the user
# really rated in the test part, with four stars or more (lesson 2.5 is about such measures):

# %%
lists = {name: evaluate_ranking(model, test) for name, model in models.items()}
verdict = compare(lists, metric="precision@10", against="shelf").iloc[0]
show(
    {name: result["precision@10"].mean for name, result in lists.items()}
    | {"difference": verdict["difference"], "low": verdict["low"], "high": verdict["high"], "p": verdict["p"]},
    digits=2,
)

# %% [markdown]
# There it is. The change that is *certainly better* by RMSE is *certainly worse* for the list. With less caution, films with
# a handful of enthusiastic ratings climb to the top, and few people meet those in the test part. Both tests are right; they
# answer different questions. A test can tell you that a difference is real. Which difference matters is for you to say, before you look.
#
# **And what does it cost?** Here nothing: two constants. A model that needs a second service, a nightly job and an
# on-call rota for 0.003 stars is another matter. With enough users *everything* becomes significant; so decide first which
# difference would be worth the work, and let the interval say whether you have it.
#
# The last word has neither the test part nor this lesson. It has the experiment with real users (lesson 3.5).

# %% [markdown] instructor=true
# **Timing.** 15 minutes. Take a vote before the precision cell: ship or not? And again after it.
#
# **Misconception.** "Significant" in the statistical sense means "important". Let the class find another word for it.
#
# **To discuss.** Which single metric would your product sign? Who is allowed to change it, and when?

# %% [markdown]
# ## From scratch, then the library
#
# Four things were built by hand. Do they agree with `recsys_lab`, and with the libraries that you will meet at work?
#
# **k-fold** against scikit-learn's `KFold`, in order and shuffled (scikit-learn shuffles with its own old generator; we hand the
# same order to ours). We count the rows that land in another fold:

# %%
from scipy import stats
from sklearn.model_selection import KFold

from recsys_lab.evaluate import holm as library_holm
from recsys_lab.evaluate import sign_flip_p as library_p
from recsys_lab.metrics import bootstrap_mean, resampled_means

n = len(ratings)
order = np.random.RandomState(0).permutation(n)
for name, peer, of_ours in (
    ("in order", KFold(5), np.arange(n)),
    ("shuffled", KFold(5, shuffle=True, random_state=0), order),
):
    pairs = zip(k_fold_checked(n, 5), peer.split(ratings))
    other = sum(np.setxor1d(of_ours[ours[1]], theirs[1]).size for ours, theirs in pairs)
    print(f"{name:<10} rows in another fold: {other}")
show(sizes_of_recsys_lab_folds=[len(hidden) for _, hidden in k_fold(ratings, folds=5)])

# %% [markdown]
# The library deals its rows like cards, so its folds are other ones than ours; the mean should be close all the same. Its
# `cross_validate` also gives the interval over users of part 6:

# %%
from recsys_lab.evaluate import cross_validate

print("mean of our five folds", round(folds["shuffled"].mean(), 4))
print("cross_validate        ", cross_validate(BiasBaseline(), ratings)["rmse"])

# %% [markdown]
# **The bootstrap** against `scipy.stats.bootstrap` and `recsys_lab.metrics.resampled_means`. All three are given the same seed, and
# draw in the same way, so the ends of the interval should agree to the last digit:

# %%
users = results["shelf"].users
sums, counts = users["squared_error"].to_numpy(), users["n_ratings"].to_numpy()
drawn = np.random.default_rng(0).integers(len(sums), size=(2000, len(sums)))
one_row_each = np.repeat(np.arange(len(sums)), counts)
by_hand = resampled_checked(one_row_each, np.repeat(sums / counts, counts), drawn)
by_library = np.sqrt(np.divide(*resampled_means(np.column_stack([sums, counts]), seed=0).T))


def pooled_rmse(sums, counts, axis):
    return np.sqrt(sums.sum(axis=axis) / counts.sum(axis=axis))


by_scipy = stats.bootstrap(
    (sums, counts),
    pooled_rmse,
    paired=True,
    vectorized=True,
    n_resamples=2000,
    method="percentile",
    rng=np.random.default_rng(0),
).bootstrap_distribution
for name, other in (("recsys_lab", by_library), ("scipy", by_scipy)):
    print(f"{name:<11} largest difference in any of 2,000 resamples {np.abs(by_hand - other).max():.9f}")

# %% [markdown]
# (Each user's mean squared error stands here for each of their ratings: the sums are the same.) For a plain mean over users there
# is `bootstrap_mean`, a single call:

# %%
print("mean squared error over users", bootstrap_mean(sums / counts))

# %% [markdown]
# **The sign flips.** With six users there are only $2^6 = 64$ ways to choose the signs, so all of them can be tried, and scipy's
# `permutation_test` does just that. We give ours the 63 that are not the data itself; the data is the 1 in the formula. For the
# real 942 users all have to draw at random:

# %%
small = np.array([0.5, 0.25, 1.0, -0.125, 0.75, 0.25])
every = 1 - 2 * np.array([[row >> bit & 1 for bit in range(6)] for row in range(1, 64)])


def sum_of_differences(a, b, axis):
    return (a - b).sum(axis=axis)


def scipy_p(a, b, **options):
    options |= {"permutation_type": "samples", "vectorized": True}
    return stats.permutation_test((a, b), sum_of_differences, **options).pvalue


print(
    f"6 users    by hand {sign_flip_checked(small, every):.9f}   scipy {scipy_p(small, 0 * small, n_resamples=np.inf):.9f}"
)
mild, plain = (result.users["squared_error"].to_numpy() for result in (judged["damping 2 and 2"], judged["shelf"]))
exact = {"by hand": sign_flip_checked(mild - plain, signs), "recsys_lab": library_p(mild - plain)}
exact["scipy"] = scipy_p(mild, plain, n_resamples=9999, batch=2000, rng=np.random.default_rng(0))
show(exact, digits=2)

# %% [markdown]
# Equal where everything is counted; where signs are drawn at random, equal up to the luck of the draw. **Holm** against the
# library:

# %%
print(f"largest difference {max(np.abs(holm(p) - library_holm(p)).max() for p in projects):.9f}")

# %% [markdown]
# ## Quiz

# %%
quiz()

# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})

# %% [markdown]
# ## In production
#
# - **The Netflix Prize** (2006 to 2009) was built by people who knew part 2. Contestants sent predictions for 2.8 million hidden
#   ratings. On one half, the quiz set, they were told their RMSE, at most once a day. The other half, the test set, decided
#   the prize, and nobody was told which rating belonged to which (Bennett and Lanning, *The Netflix Prize*, KDD Cup 2007).
# - **Was it worth it?** Netflix later wrote that the accuracy gained by the final methods did not seem to justify the
#   engineering effort of bringing them into production (Amatriain, *Mining Large Streams of User Data for Personalized
#   Recommendations*, SIGKDD Explorations 14(2), 2012, section 2). That is part 8.
# - **How bad is looking often?** A study of over a hundred Kaggle competitions compared the public scores, which everybody tunes
#   on, with the final ones. It found little evidence of substantial overfitting (Roelofs et al., NeurIPS 2019). Large validation
#   parts forgive a lot: see the last row of the table in part 2.
# - **Leaks are common among professionals.** A survey of science that uses machine learning found them in 17 fields,
#   affecting 294 papers (Kapoor and Narayanan, *Patterns* 4(9), 2023).
# - **The split changes the winner.** On two data sets of shopping baskets, seven recommenders changed their order with the way the
#   test part was cut (Meng et al., RecSys 2020).
#
# ## In the interview
#
# *"You improved RMSE from 0.945 to 0.942. Do we ship?"*
#
# A good answer: (1) *On which split?* Random fills gaps; a launch wants a cut in time. (2) *Is it clean?* Name the three tripwires:
# twins, answers, clock. (3) *How often did you look?* One change, or the best of fifty, and on which part was it
# chosen? (4) *Is it real?* A paired interval over users; overlapping intervals say nothing; correct for the number of
# variants. (5) *Is it worth it?* In units that a user notices, on the metric the product is for, against the cost of running it.
# (6) *Then a small experiment with real users.* Whoever answers only "is it significant?" has answered one question of six.
#
# ## Take-aways
#
# - A split is a question. Never compare numbers across splits.
# - Choose on validation, judge on test, once. The best of many tries looks good because it was chosen.
# - A closed gap between training and test error at a high level is bias; an open one is variance; none at a level
#   that is too good for the first few rows is a leak.
# - Known at prediction time: the training part and the past. Test that, by twins, answers and clock.
# - Draw users, not ratings. Folds share their users, so their spread is no error bar.
# - Compare two models user by user. Count your questions.
# - Certain is not the same as large, and large is not the same as useful.
#
# ## Further reading
#
# - T. Hastie, R. Tibshirani, J. Friedman: *The Elements of Statistical Learning*, 2nd edition, 2009. Section 7.3 (bias and variance) and
#   7.10 (cross-validation; 7.10.2 is about doing it wrong).
# - G. Cawley, N. Talbot: *On Over-fitting in Model Selection and Subsequent Selection Bias in Performance Evaluation*. JMLR 11,
#   2010, pages 2079-2107. [jmlr.org](http://jmlr.org/papers/v11/cawley10a.html)
# - Y. Bengio, Y. Grandvalet: *No Unbiased Estimator of the Variance of K-Fold Cross-Validation*. JMLR 5, 2004, pages 1089-1105.
#   [jmlr.org](http://jmlr.org/papers/v5/grandvalet04a.html)
# - B. Efron: *Bootstrap Methods: Another Look at the Jackknife*. Annals of Statistics 7(1), 1979, pages 1-26. C. Field, A. Welsh:
#   *Bootstrapping Clustered Data*. Journal of the Royal Statistical Society B 69(3), 2007, pages 369-390: drawing whole users.
# - M. Smucker, J. Allan, B. Carterette: *A Comparison of Statistical Significance Tests for Information Retrieval Evaluation*.
#   CIKM 2007: sign flips, bootstrap and t-test agree; two popular others do not.
# - N. Ihemelandu, M. Ekstrand: *Inference at Scale: Significance Testing for Large Search and Recommendation Experiments*. SIGIR 2023,
#   [arXiv:2305.02461](https://arxiv.org/abs/2305.02461): with many users everything is significant.
# - S. Holm: *A Simple Sequentially Rejective Multiple Test Procedure*. Scandinavian Journal of Statistics 6, 1979, pages 65-70.
# - Z. Meng, R. McCreadie, C. Macdonald, I. Ounis: *Exploring Data Splitting Strategies for the Evaluation of Recommendation
#   Models*. RecSys 2020. Y. Ji, A. Sun, J. Zhang, C. Li: *A Critical Study on Data Leakage in Recommender System Offline Evaluation*.
#   ACM TOIS 41(3), 2023, [doi:10.1145/3569930](https://doi.org/10.1145/3569930).
# - S. Kapoor, A. Narayanan: *Leakage and the Reproducibility Crisis in Machine-Learning-Based Science*. Patterns 4(9), 2023,
#   [doi:10.1016/j.patter.2023.100804](https://doi.org/10.1016/j.patter.2023.100804). R. Roelofs and others: *A Meta-Analysis of
#   Overfitting in Machine Learning*. NeurIPS 2019.
