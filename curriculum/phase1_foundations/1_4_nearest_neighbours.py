# ---
# lesson:
#   id: "1.4"
#   title: "k-nearest neighbours from scratch"
#   phase: 1
#   minutes: 240
#   prerequisites: ["1.2", "1.3"]
#   objectives:
#     - "Answer 'more like this' with a query, and say what the units in it decided behind your back"
#     - "Write k-nearest neighbours for numbers and for classes, equal to scikit-learn, ties included"
#     - "Choose k and the units by leaving one out, and explain both ends of the curve"
#     - "Turn a predicted probability into a decision whose mistakes have prices"
#     - "Measure what extra features do to neighbours, to error and to an index"
# ---
# %% [markdown]
# ## What you already know
#
# You have built this model if you ever wrote "find the nearest shops": compute a distance, `ORDER BY distance LIMIT
# 5`. Put films in place of shops and features in place of coordinates, let the five results vote, and you have
# **k-nearest neighbours**, k-NN for short. Nothing is trained. The table is the model.
#
# | you know | here it is called |
# |---|---|
# | `ORDER BY distance LIMIT k` | the k nearest neighbours |
# | the table and its index | the fitted model |
# | no migration, just insert the row | learning from a new example |
# | miles in one column, kilometres in the other | features that were not scaled |
# | a request handler that reads from the request before it | a prediction that depends on its batch |
# | an index that the query planner ignores: a full scan was cheaper | a KD-tree in twenty dimensions |
#
# The linear model of lesson 1.3 works hard once and then answers from a row of constants. Here it is the other way
# round: no work at all to learn, and all the work in each answer. In return the model believes in no formula. It
# believes that **what is alike behaves alike**, and most of this lesson is about the word *alike*.

# %%
import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course import figure_alt, show, start
from recsys_lab.metrics import resampled_means, rmse
from recsys_lab.split import random_split

ex, quiz = start("1.4")
movielens = datasets.load("ml-100k")
films = movielens.items.dropna(subset="year").reset_index(drop=True)
flags = films["genres"].str.get_dummies("|").astype(float)  # one 0/1 column a genre
show(films=len(films), genres=flags.shape[1])

# %% [markdown]
# ## More like this
#
# A page shows *Star Wars*, and below it there is room for three similar films. All we know are the year and the
# genres. How far apart are two films? For the year there is an obvious answer, the difference. For the genres, count
# the flags in which the two differ. To make one number of both, take what you know from maps: square, add up, take
# the root.
#
# $$d(q, x) = \sqrt{\sum_{j=1}^{d} (q_j - x_j)^2}$$
#
# $q$ is the query (*Star Wars*), $x$ another film, and $q_j$, $x_j$ are their values of feature $j$, of which there
# are $d$. This is the *Euclidean distance*, the norm of lesson 1.2 of the difference. As SQL:

# %%
catalogue = films.join(flags)
flags_that_differ = " + ".join(f'(x."{genre}" - q."{genre}") ** 2' for genre in flags)


def more_like(title, genre_in_years, limit=3):
    """The nearest films, where a difference in one genre counts like that many years."""
    query = f"""
        SELECT x.title, x.year, x.genres,
               sqrt((x.year - q.year) ** 2 + {genre_in_years} ** 2 * ({flags_that_differ})) AS distance
        FROM catalogue AS q, catalogue AS x
        WHERE q.title = $title AND x.item <> q.item
        ORDER BY distance, x.item
        LIMIT {limit}
    """
    return duckdb.execute(query, {"title": title}).df()


show(more_like("Star Wars", genre_in_years=1))

# %% [markdown]
# *Annie Hall*. A New York love story is what the database finds most like *Star Wars*. The query is right: both films
# are of 1977, five genre flags differ, and $\sqrt{5}$ is 2.236. What is wrong is a decision that nobody made. The
# query adds years and genre flags, so **one year counts as much as one genre**. *The Empire Strikes Back* came three
# years later, and those three years count as much as nine genres, because differences are squared.
#
# Look at the parameter. It says how many years one genre is worth. Somebody who stores dates in days instead of years
# sets it to 1/365, without noticing. Somebody who stores decades sets it to 10. The three nearest films in each case:

# %%
shown = {}
for name, worth in {"days": 1 / 365, "years": 1, "decades": 10}.items():
    shown[f"date in {name}"] = more_like("Star Wars", worth)["title"]
pd.DataFrame(shown)

# %% [markdown]
# In decades, the rest of the trilogy comes first. Three lists from the same films and the same formula, and the only
# difference is the unit. The next picture shows why. Each dot is a film (moved a little up or down, so that they do not
# hide each other); near *Star Wars* means inside the line, and each line encloses (at least) ten films.

# %%
query = int(films.index[films["title"] == "Star Wars"][0])
apart = (films["year"] - films.loc[query, "year"]).to_numpy(float)
differ = (flags != flags.loc[query]).sum(axis=1).to_numpy(float)
spread = np.random.default_rng(0).uniform(-0.3, 0.3, len(films))  # so that dots do not hide each other

fig, ax = plt.subplots(figsize=(8, 4.6))
ax.scatter(apart, differ + spread, s=8, color="#999999", alpha=0.5)
for name, worth, style in [("days", 1 / 365, ":"), ("years", 1, "--"), ("decades", 10, "-")]:
    reach = np.sort(apart**2 + worth**2 * differ)[10]  # the tenth, after the film itself
    across = np.linspace(-np.sqrt(reach), np.sqrt(reach), 400)
    height = np.minimum((reach - across**2) / worth**2, 9.5)
    ax.plot(across, height, style, linewidth=2.5, label=f"ten nearest, date in {name}")
for title, name, shift in [
    ("Annie Hall", "Annie Hall", (-70, 30)),
    ("Empire Strikes Back, The", "Empire Strikes Back", (26, -14)),
]:
    row = int(films.index[films["title"] == title][0])
    place = (apart[row], differ[row] + spread[row])
    ax.plot(*place, "o", color="#222222", markersize=6)
    ax.annotate(name, place, xytext=shift, textcoords="offset points", arrowprops={"arrowstyle": "-"})
ax.set_title("The unit of one column decides what 'near' means")
ax.set(xlabel="years after Star Wars", ylabel="genres that differ", xlim=(-22, 22), ylim=(-0.6, 9.6))
ax.legend(loc="upper left", framealpha=0.9, frameon=True)
figure_alt(
    fig,
    "Films by years after Star Wars and number of genres that differ. With dates in days, the line around "
    "the ten nearest is a thin vertical strip; in decades it is low and wide and takes in the sequels.",
)

# %% [markdown]
# With days, near is a strip one year wide on either side, whatever the genre. With decades, near is low and wide: up
# to three genres, or up to eighteen years. None of the three is *the* right one. The unit of a feature is part of the
# model, and in a moment we will choose it as one chooses any parameter: by what it does to the error.
#
# One detail of the query deserves a look: `ORDER BY distance, x.item`. With flags, many films are *equally* far away,
# and without a second key the database may return any of them, and others tomorrow. We will meet these **ties**
# again.
#
# Before that, a question to work out without running anything.

# %% exercise="1.4.1"
# the letters of the changes that can alter who the nearest films are, a list such as ["a", "b"]
### BEGIN SOLUTION
moves = ["b", "e", "f"]
### END SOLUTION

# %% check="1.4.1"
moves_checked = ex("1.4.1").check(moves)

# %% [markdown] instructor=true
# **Timing.** Up to here 35 minutes. Let people vote on the exercise by show of hands, letter by letter, before they
# check. **Misconception:** "Standardizing is neutral, it only cleans up": it sets one genre to be worth a certain
# number of years, by the spread of the columns, and a rare genre then counts several times as much as a common one.
# **Discuss:** which unit would a product manager want? What does "similar" mean on a page with "more like this", and
# who is asked?

# %% [markdown]
# ## All distances at once
#
# One query against all films is a loop over the table. A *batch* of queries against all films is a table of
# distances: one row a query, one column a film. Python loops would be slow, and there is a better way. Expand the
# square:
#
# $$d(q, x)^2 = \sum_j (q_j - x_j)^2 = \underbrace{\sum_j q_j^2}_{\text{one number a query}} +
#   \underbrace{\sum_j x_j^2}_{\text{one number a film}} - 2\, q \cdot x$$
#
# The last term, for all pairs at once, is the matrix product $Q X^\top$, which is the thing computers do fastest.
# ($Q$ holds the queries, one a row, $X$ the films.) We leave the root away: it changes no order, and sorting is all
# we want.


# %% exercise="1.4.2"
def squared_distances(Q, X):
    """The squared distance of each row of Q to each row of X: array (m, n), never below 0.

    Q: array (m, d), the queries. X: array (n, d), the table.
    """
    ### BEGIN SOLUTION
    squared = (Q**2).sum(axis=1)[:, None] + (X**2).sum(axis=1) - 2 * Q @ X.T
    return np.maximum(squared, 0)
    ### END SOLUTION


# %% check="1.4.2"
squared_distances_checked = ex("1.4.2").check(squared_distances)

# %% [markdown]
# Why "never below 0"? A sum of squares cannot be negative. But the right-hand side is not a sum of squares for a
# computer; it is a *difference of large numbers*, and those are rounded. Here is where it goes wrong, with real data.
# User 405 gave 737 ratings. For each of them, which other rating is nearest in time? The feature is the timestamp, in
# seconds since 1970.

# %%
ratings = movielens.ratings
when = ratings.loc[ratings["user"] == 405, "timestamp"].to_numpy(float)[:, None]


exact = (when - when.T) ** 2
np.fill_diagonal(exact, np.inf)  # nobody is their own neighbour


def by_expanding(seconds):
    """All squared distances by the expanded formula, written out for a single feature."""
    squared = seconds**2 + seconds.T**2 - 2 * seconds * seconds.T
    np.fill_diagonal(squared, np.inf)
    return squared


def share_wrong(squared):
    chosen = exact[np.arange(len(exact)), squared.argmin(axis=1)]
    return np.mean(chosen > exact.min(axis=1))


squared = by_expanding(when)
show(
    ratings_of_user_405=len(when),
    typical_timestamp=int(np.median(when)),
    typical_square=float(np.median(when**2)),
    gap_to_the_next_float=float(np.spacing(np.median(when**2))),
    share_of_wrong_neighbours=share_wrong(squared),
    distances_below_0=int((squared < 0).sum()),
)

# %% [markdown]
# A quarter of the neighbours are wrong. A timestamp is near 880 million, its square near $8 \times 10^{17}$, and at
# that size neighbouring floating-point numbers are 128 apart. Two ratings ten seconds apart have a squared distance
# of 100. It drowns. The formula is right and the subtraction throws all its digits away: this is *cancellation*. Some
# results even come out negative, and the root of those is NaN. (Cutting off at 0, as your function does, hides the
# NaN and not the error.)
#
# The remedy you know from exercise 1.4.1: distances do not care where you count from. **Subtract the mean first.**

# %%
centred = when - when.mean()
show(
    typical_square=float(np.median(centred**2)),
    share_of_wrong_neighbours=share_wrong(by_expanding(centred)),
)

# %% [markdown]
# Not one is wrong. In lesson 1.3 centring made the intercept come out; here it saves the digits. Whenever a distance
# is computed by a matrix product, and that is nearly everywhere, ask how large the numbers are beside their
# differences.

# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise. **Misconception:** "floats have 16 digits, that is plenty": plenty for the
# square, none left for the difference of two squares. **Discuss:** which columns of your own tables are large numbers
# with small differences? (Timestamps, ids, coordinates in metres, amounts in cents.) In 32 bits, which vector
# databases use, there are about 7 digits.

# %% [markdown]
# ## A new film: what will people think of it?
#
# Now let the neighbours *predict*. A film enters the catalogue, nobody has rated it, and we want to know what its
# mean rating will be. Ask the $k$ films most like it, and average what people thought of those:
#
# $$\hat y(q) = \frac{1}{k} \sum_{x \in N_k(q)} y_x$$
#
# $N_k(q)$ is the set of the $k$ nearest films to $q$, and $y_x$ is the mean rating of film $x$. That is the whole
# model. We take films with at least 20 ratings, so that a mean is worth predicting, and hide a fifth of them.

# %%
per_film = ratings.groupby("item")["rating"].agg(["size", "mean"])
rated = catalogue.join(per_film, on="item")
rated = rated[rated["size"] >= 20]
train, test = random_split(rated, test=0.2, seed=0)
y, y_test = train["mean"].to_numpy(), test["mean"].to_numpy()


def describe(rows, genre_in_years):
    """Features of films: the year, and each genre as 0 or `genre_in_years`. Distances are then in years."""
    return np.column_stack([rows["year"], genre_in_years * rows[flags.columns]]).astype(float)


show(train_films=len(train), test_films=len(test), mean=y.mean(), spread=y.std())


# %% exercise="1.4.3"
def knn_predict(D, y, k):
    """The mean of y over each query's k nearest: array (m,).

    D: array (m, n), distance (or squared distance) of each query to each film. y: array (n,).
    Of films equally far away, the one that comes first in the table is nearer. D and y stay as they are.
    """
    ### BEGIN SOLUTION
    nearest = np.argsort(D, axis=1, kind="stable")[:, :k]
    return y[nearest].mean(axis=1)
    ### END SOLUTION


# %% check="1.4.3"
knn_predict_checked = ex("1.4.3").check(knn_predict)

# %% [markdown]
# Look at two of the hidden films, with the eight films that answer for each of them:

# %%
X = describe(train, genre_in_years=10)
two = test.set_index("title").loc[["Vertigo", "Jurassic Park"]]
D_two = squared_distances_checked(describe(two, 10), X)
for title, squared in zip(two.index, D_two):
    eight = np.argsort(squared, kind="stable")[:8]
    answer = train.iloc[eight][["title", "year", "genres", "mean"]].assign(distance=np.sqrt(squared[eight]))
    show(answer.rename(columns={"title": f"nearest to {title}"}).reset_index(drop=True), digits=3)
show(pd.DataFrame({"predicted": knn_predict_checked(D_two, y, k=8), "truth": two["mean"]}), digits=3)

# %% [markdown]
# *Vertigo* is answered for by *Dial M for Murder*, *Rear Window* and *North by Northwest*. Nobody told the model
# about Hitchcock; year and genre were enough, and 4.02 is close. *Jurassic Park* is answered for by a row of *Star
# Trek* films and *Judge Dredd*, the same kind of film by the same flags, and it was liked far better than they were.
# The features say which *kind* of film it is, and not whether it is well made. Keep your hopes modest.
#
# ### How many neighbours? Leave one out
#
# To choose $k$ we need an error on films that had no part in the answer. Lesson 1.3 cut a validation part off the
# training rows. k-NN offers something better for nothing: **leave one out**. Predict each training film from all the
# others. No model has to be fitted again, since there is nothing to fit; it is enough that nobody votes for
# themselves.
#
# A colleague has a quick way to do it. The nearest film to any film is the film itself, at distance 0. So sort, *skip
# the first*, and take the next $k$:


# %%
def colleagues_leave_one_out(D, y, k):
    nearest = np.argsort(D, axis=1, kind="stable")[:, 1 : k + 1]  # column 0 is the film itself
    return y[nearest].mean(axis=1)


D = squared_distances_checked(X, X)
show(colleague_with_5_neighbours=rmse(y, colleagues_leave_one_out(D, y, k=5)))


# %% exercise="1.4.4"
def leave_one_out(D, y, k):
    """Predict each film from its k nearest *other* films: array (n,).

    D: array (n, n), the distances of the films to each other; it stays as it is. y: array (n,). k < n.
    Of films equally far away, the one that comes first in the table is nearer.
    """
    ### BEGIN SOLUTION
    D = D.copy()
    np.fill_diagonal(D, np.inf)
    return knn_predict_checked(D, y, k)
    ### END SOLUTION


# %% check="1.4.4"
leave_one_out_checked = ex("1.4.4").check(leave_one_out)

# %%
nearest = np.argsort(D, axis=1, kind="stable")
place = (nearest == np.arange(len(y))[:, None]).argmax(axis=1)  # where each film stands in its own list
show(
    colleague_with_5_neighbours=rmse(y, colleagues_leave_one_out(D, y, k=5)),
    honest_with_5_neighbours=rmse(y, leave_one_out_checked(D, y, k=5)),
    films_with_a_twin=np.mean((D == 0).sum(axis=1) > 1),
    films_that_do_not_come_first_themselves=np.mean(place > 0),
    films_that_voted_for_themselves=np.mean((place >= 1) & (place <= 5)),
)

# %% [markdown]
# Half of the films have a twin, another film of the same year and the same genres. Their distance is 0 as well, and
# where a twin stands earlier in the table, as it does for four films in ten, the colleague skipped the twin and **let
# the film vote for itself**, unless it had so many twins that it was not among the next five either. More than one film
# in four had a vote on itself, and it looked like progress: 0.42 instead of 0.44. It is the leak of lesson 1.3 in new
# clothes, and as always it made the numbers better.
#
# Now we can turn the two knobs, $k$ and the worth of a genre (1, 10 or 100 years), and look at both:

# %%
ks = [1, 2, 3, 5, 8, 12, 16, 20, 30, 50, 80, 120, 200, 400, 750]
left_out = {}
for worth in (1, 10, 100):
    X = describe(train, genre_in_years=worth)
    D = squared_distances_checked(X, X)
    left_out[worth] = [rmse(y, leave_one_out_checked(D, y, k)) for k in ks]
table = pd.DataFrame(left_out, index=pd.Index(ks, name="k"))
show(table.rename(columns=lambda worth: f"genre = {worth} y").iloc[::2])

# %%
WORTH = int(table.min().idxmin())
K = int(table[WORTH].idxmin())
X, Q = describe(train, WORTH), describe(test, WORTH)
D, D_test = squared_distances_checked(X, X), squared_distances_checked(Q, X)
with_itself = [rmse(y, knn_predict_checked(D, y, k)) for k in ks]

fig, ax = plt.subplots()
ax.plot(ks, table[WORTH], "o-", label="left out (honest)")
ax.plot(ks, with_itself, "s-", label="with its own vote (training error)")
ax.axhline(y.std(), color="#444444", linestyle="--", linewidth=1, label="mean of all films")
ax.axvline(K, color="#444444", linestyle=":", linewidth=1)
ax.set_title(f"Few neighbours repeat noise, many forget the film; {K} is best")
ax.set(xscale="log", xlabel="k, films asked (log scale)", ylabel="RMSE (stars)")
ax.set_xticks([1, 3, 10, 30, 100, 300, 750], ["1", "3", "10", "30", "100", "300", "750"])
ax.minorticks_off()
ax.legend(loc="lower right")
figure_alt(
    fig,
    "RMSE by k. Left out: 0.55 at k = 1, lowest near 16 with 0.42, back at 0.53 for 750. With its own "
    "vote: 0.33 at k = 1, rising until both curves meet at the mean of all films.",
)
show(best_k=K, years_a_genre_is_worth=WORTH, left_out_rmse=table.loc[K, WORTH])

# %% [markdown]
# You have seen this curve in lesson 1.3, as the price of ridge. Read its two ends.
#
# - **On the right**, $k$ is nearly the number of films. Everybody is asked every time, so every film gets the mean of
#   all films, and both curves end at the error of that mean. The model has no opinion left.
# - **On the left**, $k = 1$: each film copies its single nearest neighbour, with all that is peculiar about it. That
#   is *worse* than the mean of all films. The training error says the opposite. It is lowest at $k = 1$, because
#   there each film copies *itself*. **Training error tells you nothing about k.** (Why is it 0.33 and not 0? The quiz
#   will ask.)
#
# The worth of a genre matters as well, in the table above: with a genre worth one year the best error is 0.44, with
# ten years 0.42. What looked like taste, *Annie Hall* or the *Empire*, is a parameter, and data can choose it.
#
# ### The same curve, taken apart
#
# Why is $k = 1$ so bad? Suppose the catalogue had held other films. Take a random half of the training films,
# predict; take another half, predict again. A model that says something else each time is not to be trusted, even if
# it is right on average. For one film with mean rating $y$ and predictions $\hat y_1, \hat y_2, \dots$ from different
# halves, $\hat y_h$ from half $h$, with the average $\bar y$, the squared errors split without remainder:
#
# $$\text{mean}\,(\hat y_h - y)^2 \;=\; \underbrace{\text{mean}\,(\hat y_h - \bar y)^2}_{\text{variance}} \;+\;
#   \underbrace{(\bar y - y)^2}_{\text{bias² and noise}}$$
#
# *Variance* is what the accident of the sample does. *Bias* is what stays wrong however many samples you average.
# (Noise is what no neighbour could know.) Forty halves, every $k$ at once:

# %%
alone = D.copy()
np.fill_diagonal(alone, np.inf)
rng = np.random.default_rng(0)
sizes = np.array([1, 2, 4, 8, 16, 30, 60, 120, 240, 370])
predictions = []
for _ in range(40):
    half = np.sort(rng.permutation(len(y))[: len(y) // 2])
    votes = y[half][np.argsort(alone[:, half], axis=1, kind="stable")]
    running_means = votes.cumsum(axis=1) / np.arange(1, len(half) + 1)  # for k = 1, 2, 3, ...
    predictions.append(running_means[:, sizes - 1])
predictions = np.array(predictions)  # (halves, films, sizes)
variance = predictions.var(axis=0).mean(axis=0)
the_rest = ((predictions.mean(axis=0) - y[:, None]) ** 2).mean(axis=0)
total = ((predictions - y[:, None]) ** 2).mean(axis=(0, 1))
print("largest gap between the two sides:", round(np.abs(variance + the_rest - total).max(), 12))

# %%
fig, ax = plt.subplots()
ax.stackplot(sizes, the_rest, variance, labels=["bias² and noise", "variance"], colors=["#56B4E9", "#E69F00"])
ax.plot(sizes, total, "o-", color="#222222", markersize=4, label="mean squared error")
ax.set_title("More neighbours: less variance, more bias")
ax.set(xscale="log", xlabel="k, films asked (log scale)", ylabel="squared error (stars²)", ylim=(0, None))
ax.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
ax.minorticks_off()
ax.legend(loc="upper center")
figure_alt(
    fig,
    "Mean squared error by k as two layers. The variance on top is a third of the error at k = 1 and gone "
    "from 30 on; bias and noise below are lowest near 8 and climb steadily after 30.",
)

# %% [markdown]
# The orange layer is the price of asking few: a third of the error at $k = 1$, and it melts like $1/k$, as averages
# do. The blue layer grows on the right, because neighbour number 200 is no neighbour any more. The best $k$ is where
# the sum is lowest. Lesson 1.5 takes bias and variance further; whenever somebody turns a knob from now on, ask which
# of the two it moves.
#
# ### The verdict
#
# Both knobs are chosen, and the test films have not been touched. Beside k-NN we judge the mean of all films, and
# lesson 1.3's linear regression on the same features. With 188 films, chance plays a part. So we also ask how much
# each *difference* would move if other films had been drawn: draw 188 of them with replacement, compute the
# difference of the two errors, 2,000 times, and keep the middle 95 %. (This is the *bootstrap*; lesson 1.5 explains
# when you may trust it.)

# %%
from recsys_lab.regression import LinearRegression

predicted = {
    "mean of all films": np.full(len(y_test), y.mean()),
    "linear regression": LinearRegression().fit(X, y).predict(Q),
    f"{K}-NN": knn_predict_checked(D_test, y, K),
}
errors = pd.DataFrame({name: (p - y_test) ** 2 for name, p in predicted.items()})
resampled = np.sqrt(resampled_means(errors.to_numpy()))  # (2000, 3): RMSE of each, on the same films
against_knn = resampled - resampled[:, [2]]
verdict = pd.DataFrame({"test RMSE": np.sqrt(errors.mean())})
verdict["minus k-NN"] = verdict["test RMSE"] - verdict["test RMSE"].iloc[2]
verdict["low"], verdict["high"] = np.quantile(against_knn, [0.025, 0.975], axis=0)
show(verdict, digits=3)

# %% [markdown]
# - **k-NN beats the mean of all films**: the whole interval lies above 0.
# - **It does not beat the linear model.** The line has the lower error on these films, and the interval contains 0:
#   on 188 films the two cannot be told apart. Say it like that. "Linear regression wins" and "k-NN is as good" both
#   claim more than we know.
# - The errors are higher than the 0.42 of leaving one out. For the mean of all films it is 0.56 here and 0.53 there,
#   so the test films are simply a harder lot. *Compare models on the same rows, never across rows.*

# %% [markdown] instructor=true
# **Timing.** 60 minutes with two exercises. **Misconceptions:** "k = 1 is the most precise"; "training error 0 is the
# goal"; "drop the first neighbour" (ask for the film whose twin stands first); bias as something about people.
# **Discuss:** what would a new feature "director" do to the two layers? (Less bias near the left; the films of one
# director are few, so variance stays.) Why may leave-one-out use price and k together, and what would be wrong with
# reading the test error for every k?

# %% [markdown]
# ## Will they like it?
#
# A good place for a break. The second half turns from films to people, and from numbers to *classes*: a user is about
# to rate a film, and we want to know whether they will **like** it, four stars or more. The same neighbours serve.
# Only they do not average stars, they vote:
#
# $$\hat p(q) = \frac{\text{number of the } k \text{ nearest rows that were a like}}{k}$$
#
# $\hat p$ ("p hat") is an estimated probability. A row is now a *rating*, and we describe it by four numbers: how
# this user rates on average, how this film is rated on average (both pulled a little towards the overall mean, by
# five extra ratings, so that a film with a single rating does not look like a masterpiece), the film's year and the
# user's age.

# %%
known, later = random_split(ratings, test=0.2, seed=0)
known, validation = random_split(known, test=0.2, seed=1)
overall = known["rating"].mean()


def damped_mean(rows, side):
    """Mean rating of each row's user or item among the known ratings, with five ratings of `overall` added."""
    stars = known.groupby(side)["rating"].agg(["sum", "size"]).reindex(rows[side]).fillna(0)
    return ((stars["sum"] + 5 * overall) / (stars["size"] + 5)).to_numpy()


def facts(rows):
    year = rows["item"].map(films.set_index("item")["year"]).astype("Float64").fillna(1995)
    age = rows["user"].map(movielens.users.set_index("user")["age"])
    columns = {"user_mean": damped_mean(rows, "user"), "film_mean": damped_mean(rows, "item")}
    return pd.DataFrame(columns | {"film_year": year.to_numpy(float), "user_age": age.to_numpy(float)})


# %% [markdown]
# (The one film without a year gets 1995.) To keep the notebook quick, the table to be searched is a sample of 20,000
# known ratings; 3,000 validation rows serve to choose, 4,000 test rows to judge. All averages come from the known
# ratings only. So a row of the table has its own rating in its two means, and a request has not: the rows we measure on
# did not see their answers.

# %%
rows = known.sample(20_000, random_state=0)
asked = validation.sample(3_000, random_state=0)
raw, raw_asked = facts(rows), facts(asked)
liked, liked_asked = (part["rating"].to_numpy() >= 4 for part in (rows, asked))
show(users_asked=asked["user"].nunique(), share_of_likes=liked.mean(), accuracy_of_always_yes=liked_asked.mean())
show(raw.agg(["mean", "std"]))

# %% [markdown]
# 55 % of the ratings are likes. That is the number to beat: who says "yes" every time is right in 55 % of the cases.
#
# You see the trap in the last line: years and ages spread over 14 and 12, the two means over half a star. In a plain
# distance, twenty years of film history outshout any difference in taste. So **standardize**: subtract each column's
# mean, divide by its standard deviation, both from the table. After that, one step in any column is as unusual as one
# step in another. (Whether equally *unusual* means equally *important* is an open question; it is a starting point,
# not a law.)
#
# `KNNClassifier` of the library is your search in blocks, so that 3,000 by 20,000 distances do not have to be in
# memory at once. And since two accuracies will be compared, a function for the interval of their difference. It
# resamples *users*, not rows: the rows of one user are alike, and 3,000 rows by 783 users are not 3,000 independent
# facts.

# %%
from recsys_lab.regression import KNNClassifier, Standardizer


def over_users(gain, users):
    """95 % interval of the mean of `gain` (one value a row) if other users had been drawn."""
    sums = pd.DataFrame({"gain": gain, "rows": 1.0}).groupby(np.asarray(users)).sum()
    drawn = resampled_means(sums.to_numpy())
    return np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])


scaler = Standardizer().fit(raw)
Z, Z_asked = scaler.transform(raw).to_numpy(), scaler.transform(raw_asked).to_numpy()
ks = [1, 3, 10, 30, 100, 300, 1000]
accuracy, share_for = {}, {}
for name, table_rows, queries in [("raw units", raw, raw_asked), ("standardized", Z, Z_asked)]:
    _, nearest = KNNClassifier(k=max(ks)).fit(table_rows, liked).neighbours(queries)
    share_for[name] = {k: liked[nearest[:, :k]].mean(axis=1) for k in ks}
    accuracy[name] = [np.mean((share > 0.5) == liked_asked) for share in share_for[name].values()]
show(pd.DataFrame(accuracy, index=pd.Index(ks, name="k")), digits=3)
right_100 = {name: 1.0 * ((shares[100] > 0.5) == liked_asked) for name, shares in share_for.items()}
scaling = over_users(right_100["standardized"] - right_100["raw units"], asked["user"])
show({"gained by scaling at k = 100, 95 % interval": scaling}, digits=2)

# %% [markdown]
# Two lessons in one table. Scaling is worth three or four points of accuracy at $k = 100$, for a line of code, and
# the interval is far from 0. And $k$ wants to be large here, 100 to 300, where it was 16 for films: a single rating
# is far noisier than a film's mean, so it takes more voters to drown the noise. There is no good default for $k$. It
# depends on the noise and on how many rows you have.
#
# Here is what the votes look like, on a map with only the first two features. Colour says the share of likes among
# the $k$ nearest.

# %%
side_user, side_film = np.linspace(2.2, 4.8, 50), np.linspace(2.0, 4.7, 50)
grid = np.array([[u, f] for f in side_film for u in side_user])
two = Standardizer().fit(raw[["user_mean", "film_mean"]].to_numpy())
model = KNNClassifier(k=5000).fit(two.transform(raw[["user_mean", "film_mean"]].to_numpy()), liked)
_, nearest = model.neighbours(two.transform(grid))

fig, axes = plt.subplots(1, 3, figsize=(10, 3.7), sharey=True)
for ax, k, words in zip(axes, (1, 100, 5000), ("all noise", "about right", "too blunt")):
    share = liked[nearest[:, :k]].mean(axis=1).reshape(50, 50)
    colours = ax.pcolormesh(side_user, side_film, share, vmin=0, vmax=1, cmap="cividis")
    ax.grid(visible=False)
    ax.set(title=f"k = {k}: {words}", xlabel="user's mean (stars)")
axes[0].set_ylabel("film's mean (stars)")
fig.colorbar(colours, ax=axes, label="share of likes")
figure_alt(
    fig,
    "Three maps of the share of likes by user's mean and film's mean. k = 1 is a speckle of yes and no, "
    "k = 100 a smooth slope from dislikes below left to likes above right, k = 5000 the same slope, washed out.",
)

# %% [markdown]
# It is the curve from before as a picture. With $k = 1$ the map is speckled: move by a few hundredths of a star, and
# the answer flips. That is variance. With $k = 5000$, a quarter of the table, corners cannot be dark or bright any
# more, because half of the voters live elsewhere. That is bias. In the middle you see what is true: kind users and
# good films make likes, and each can make up for the other.

# %% [markdown] instructor=true
# **Timing.** 25 minutes. **Misconceptions:** "k should be odd to avoid ties": only for k so small that you should not
# use it; "accuracy 0.69 is bad": compare with 0.55, and with how often people would agree with *themselves* a month
# later. **Note:** each row's own rating is inside its two means, as in the quiz of 1.3. Damping and many ratings a
# mean keep that small here; taking it out changes the accuracy by less than a point at k = 100.

# %% [markdown]
# ### The model that needs company
#
# A scaler has parameters, a mean and a standard deviation for each column. Where do they come from at serving time? A
# colleague has packed everything into one function, which a batch job calls every night with 3,000 requests:


# %%
def colleagues_pipeline(X, y, Q):
    """Shares of likes for the queries Q, from the table X with its likes y."""
    model = KNNClassifier(k=100).fit(Standardizer().fit(X).transform(X), y)
    return model.predict_proba(Standardizer().fit(Q).transform(Q))[:, 1]


def honest_pipeline(X, y, Q):
    scaler = Standardizer().fit(X)
    model = KNNClassifier(k=100).fit(scaler.transform(X), y)
    return model.predict_proba(scaler.transform(Q))[:, 1]


pipelines = {"colleague's pipeline": colleagues_pipeline, "honest pipeline": honest_pipeline}
table_rows, queries = raw.to_numpy(), raw_asked.to_numpy()
nightly = {name: pipeline(table_rows, liked, queries) for name, pipeline in pipelines.items()}
show({f"{name}, 3,000 requests": np.mean((share > 0.5) == liked_asked) for name, share in nightly.items()})

# %% [markdown]
# No difference worth mentioning; the tests are green. Then the function moves from the batch job behind an API, where
# requests come one at a time. Before you read on: what will happen? Write a test that would have caught it. It needs
# no ratings and no error, only the demand that every backend makes of a handler: **the same request gets the same
# answer, whoever else is in the room.**


# %% exercise="1.4.5"
def needs_company(pipeline, X, y, Q):
    """Does the prediction for any row of Q depend on the other rows of Q? True or False.

    pipeline(X, y, Q) returns one number for each row of Q, an array (m, d). X, y and Q stay as they are.
    """
    ### BEGIN SOLUTION
    together = pipeline(X, y, Q)
    alone = [pipeline(X, y, Q[[row]])[0] for row in range(len(Q))]
    return not np.allclose(together, alone, equal_nan=True)
    ### END SOLUTION


# %% check="1.4.5"
needs_company_checked = ex("1.4.5").check(needs_company)

# %% [markdown]
# The verdict on both, with a part of the table so that it is quick:

# %%
for name, pipeline in pipelines.items():
    print(f"{name:<20} needs company: {needs_company_checked(pipeline, table_rows[:500], liked[:500], queries[:20])}")

# %% [markdown]
# And this is what the API would have done to its users. The first 600 requests, scaled by their own mean and spread
# in batches of falling size:

# %%
index = KNNClassifier(k=100).fit(Z, liked)
truth, by_size = liked_asked[:600], {}
for size in (600, 30, 3, 1):
    batches = [queries[begin : begin + size] for begin in range(0, 600, size)]
    shares = [index.predict_proba(Standardizer().fit(part).transform(part))[:, 1] for part in batches]
    by_size[f"scaled by themselves, in batches of {size}"] = np.mean((np.concatenate(shares) > 0.5) == truth)
by_size["scaled by the table, in any batch"] = np.mean((nightly["honest pipeline"][:600] > 0.5) == truth)
show(by_size | {"always yes": truth.mean()}, digits=3)

# %% [markdown]
# In batches of one, every request *is* the mean of its batch, so every request looks like the most average user with
# the most average film, and everybody gets the same answer. The model is exactly as good as "always yes", no line of
# code failed, and the offline report says 0.69. Fit the scaler on the training table, store it *with* the model, and
# use it unchanged. Lesson 3.2 calls this kind of bug training-serving skew.
#
# A cousin of it is more polite: fit the scaler on training and test rows together. The numbers hardly move, since
# means of thousands of rows hardly move. It is a leak all the same, the test rows had a say in the model, and your
# function finds it.

# %% [markdown]
# ### A probability is not a decision
#
# For each request we now have a share of likes. When should the film be recommended? Nearly every tutorial says
# "above 0.5", and rarely why. First: can the shares be believed? Group the validation rows by what the model said,
# and look at what happened.

# %%
share = share_for["standardized"][100]
bands = pd.cut(share, np.linspace(0, 1, 11), include_lowest=True)
groups = pd.DataFrame({"said": share, "happened": liked_asked}).groupby(bands, observed=True)
said, size = groups.mean(), groups.size()

fig, ax = plt.subplots(figsize=(5.4, 4.4))
ax.plot([0, 1], [0, 1], color="#444444", linestyle="--", linewidth=1, label="said = happened")
ax.scatter(said["said"], said["happened"], s=size / 3, label="rows (area: how many)")
ax.set_title("What the neighbours say is what happens")
ax.set(xlabel="share of likes among the 100 nearest", ylabel="share really liked", xlim=(0, 1), ylim=(0, 1))
ax.legend(loc="upper left")
figure_alt(fig, "Share really liked against share said, in ten bands: all ten dots lie on or close to the diagonal.")

# %% [markdown]
# Of the films to which it gives 75 %, about 75 % are liked. Such a model is called *calibrated*, and now the shares
# can be used in arithmetic. Suppose a wrong recommendation, shown and disliked, costs 3: the user loses trust. A
# missed one, liked but not shown, costs 1. Recommend when that is expected to be cheaper:


# %% exercise="1.4.6"
def break_even(wrong, missed):
    """The probability of a like at which recommending and not recommending cost the same: a number from 0 to 1.

    wrong: cost of recommending what is not liked. missed: cost of not recommending what is liked. One of them may be 0.
    """
    ### BEGIN SOLUTION
    # p is where (1 - p) * wrong = p * missed
    return wrong / (wrong + missed)
    ### END SOLUTION


# %% check="1.4.6"
break_even_checked = ex("1.4.6").check(break_even)

# %% [markdown]
# Does reality agree? For every possible threshold, add up what the 3,000 decisions would have cost:

# %%
thresholds = np.linspace(0, 1, 101)
prices = {"wrong costs 1, missed 1": (1, 1), "wrong costs 3, missed 1": (3, 1)}
fig, ax = plt.subplots()
costs = {}
for (name, (wrong, missed)), colour in zip(prices.items(), ("#0072B2", "#D55E00")):
    mistakes = [
        wrong * np.mean((share >= bar) & ~liked_asked) + missed * np.mean((share < bar) & liked_asked)
        for bar in thresholds
    ]
    costs[name] = dict(zip(thresholds.round(2), mistakes))
    ax.plot(thresholds, mistakes, color=colour, label=name)
    ax.axvline(break_even_checked(wrong, missed), color=colour, linestyle=":", linewidth=1.5)
ax.set_title("The cheapest threshold follows from the prices (dotted)")
ax.set(xlabel="recommend from this share of likes on", ylabel="cost a decision")
ax.legend()
figure_alt(
    fig,
    "Cost per decision by threshold. With equal prices the lowest point is near 0.5; with a wrong one three "
    "times as dear it is near 0.75. Each lowest point lies at the dotted line of the break-even share.",
)

# %%
dear = costs["wrong costs 3, missed 1"]
names = {0.0: "recommend everything", 0.5: "threshold 0.5", 0.75: "threshold 0.75", 1.0: "recommend nothing"}
show({name: dear[bar] for bar, name in names.items()}, digits=3)

# %% [markdown]
# The dotted lines were computed from the prices alone, without looking at a single like, and they hit the bottom of
# both curves. That works because the model is calibrated. And see what the habit of 0.5 would have cost with the dear
# price: *more than recommending nothing at all*. **Accuracy hides a price list in which both mistakes cost the
# same.** Ask for the real one.
#
# ### The verdict, again
#
# Test rows, judged once, with $k = 100$, the smaller of the two that tied on the validation rows. The rival is linear
# regression with the like as 0 or 1, and "yes" above 0.5. The intervals resample users again.

# %%
final = later.sample(4_000, random_state=0)
Z_final, liked_final = scaler.transform(facts(final)).to_numpy(), final["rating"].to_numpy() >= 4
line = LinearRegression().fit(Z, 1.0 * liked).predict(Z_final) > 0.5
answers = {"always yes": np.full(len(final), True), "linear": line, "100-NN": index.predict(Z_final)}
right = pd.DataFrame({name: 1.0 * (answer == liked_final) for name, answer in answers.items()})
verdict = pd.DataFrame({"test accuracy": right.mean()})
for rival in ("always yes", "linear"):
    lead = right["100-NN"] - right[rival]
    verdict.loc[rival, ["100-NN ahead by", "low", "high"]] = [lead.mean(), *over_users(lead, final["user"])]
show(verdict.fillna(0), digits=3)

# %% [markdown]
# Far better than "always yes", and again not to be told from the linear model. Do not be disappointed. The truth on
# the map above was a smooth slope, and a smooth slope is what a line draws best. k-NN needed no such assumption and
# arrived at the same place, which also tells you something: with these four features there is little more to be had.

# %% [markdown] instructor=true
# **Timing.** 50 minutes with two exercises. **Misconceptions:** scaling the test part "with its own statistics, to be
# fair"; a threshold as a property of the model (it belongs to the prices); choosing the threshold on the test part.
# **Discuss:** how would you find out what a wrong recommendation costs? (Lesson 3.5: an experiment.) For which
# batches did *your* team's code give other answers than for single requests?

# %% [markdown]
# ## The curse: when everybody is equally far away
#
# More features, more knowledge? The linear model could give a useless feature a weight near 0. k-NN has no weights:
# each feature counts in the distance, useful or not. Let us add columns of pure random noise to our four, as many as
# 64, and watch three things:
#
# - the **contrast**: distance to the nearest row, over the mean distance to all rows. Near 0, the nearest is much
#   nearer than the rest; near 1, *nearest* means nothing;
# - the **accuracy** of k-NN, and of the linear model on the same columns;
# - the work an **index** saves (in the section after this one).

# %%
from sklearn.neighbors import KDTree

rng = np.random.default_rng(0)
noise, noise_asked = rng.normal(size=(len(Z), 64)), rng.normal(size=(len(Z_asked), 64))
ask = slice(0, 1000)
measured, right_with = [], {}
for extra in (0, 1, 2, 4, 8, 16, 32, 64):
    table_rows = np.column_stack([Z, noise[:, :extra]])
    queries = np.column_stack([Z_asked, noise_asked[:, :extra]])[ask]
    model = KNNClassifier(k=100).fit(table_rows, liked)
    distances, nearest = model.neighbours(queries)
    everybody = np.sqrt(squared_distances_checked(queries, table_rows[::20])).mean(axis=1)
    right_with[extra] = 1.0 * ((liked[nearest].mean(axis=1) > 0.5) == liked_asked[ask])
    line = LinearRegression().fit(table_rows, 1.0 * liked).predict(queries) > 0.5
    tree = KDTree(table_rows, leaf_size=40)
    tree.query(queries[:200], k=10)  # it counts the distances it computes
    measured.append(
        {
            "features": 4 + extra,
            "contrast": np.median(distances[:, 0] / everybody),
            "100-NN": right_with[extra].mean(),
            "linear": np.mean(line == liked_asked[ask]),
            "looked at": tree.get_n_calls() / (200 * len(table_rows)),
        }
    )
curse = pd.DataFrame(measured).set_index("features")
lost = over_users(right_with[0] - right_with[64], asked["user"][ask])
show(curse[["contrast", "100-NN", "linear"]], digits=3)
show({"accuracy lost to 64 noise columns, 95 % interval": lost}, digits=2)

# %%
fig, (left, right_side) = plt.subplots(1, 2, figsize=(10, 3.9))
left.plot(curse.index, curse["contrast"], "o-")
left.set(title="The nearest row is hardly nearer ...", ylabel="nearest distance / mean distance", ylim=(0, 1))
right_side.plot(curse.index, curse["100-NN"], "o-", label="100-NN")
right_side.plot(curse.index, curse["linear"], "s-", label="linear regression")
right_side.axhline(liked_asked[ask].mean(), color="#444444", linestyle="--", linewidth=1, label="always yes")
right_side.set(title="... and its vote is worth less", ylabel="accuracy", ylim=(0.5, 0.75))
right_side.legend(loc="center left")
for ax in (left, right_side):
    ax.set(xscale="log", xlabel="features: 4 real ones, the others noise")
    ax.set_xticks(curse.index, [str(n) for n in curse.index])
    ax.minorticks_off()
figure_alt(
    fig,
    "Left: nearest over mean distance rises from 0.04 with 4 features to 0.71 with 68. Right: accuracy of "
    "k-NN falls from 0.70 to 0.65, that of linear regression stays at 0.69.",
)

# %% [markdown]
# With four features, the nearest row is 23 times nearer than an average one. With 68, it is at seven tenths of the
# average distance, and the "neighbours" are whoever happens to agree with you in noise. Five points of accuracy are
# gone, and the interval says that this is not luck. The line shrugs. This is the **curse of dimensionality**.
#
# Where does the room come from? Think of rows spread evenly in a box with sides of length 1. You want a smaller box
# that holds one row in a hundred. Its side must be $0.01^{1/d}$:

# %%
show({f"side of the box in {d:>2} dimensions": 0.01 ** (1 / d) for d in (1, 2, 4, 10, 20)}, digits=2)
show({"combinations of 18 flags": 2**18, "in the catalogue": films["genres"].nunique()})

# %% [markdown]
# In twenty dimensions, one percent of the neighbours are found within 79 % of the whole range *of every feature*.
# There is nothing local about that. Two remarks before you give up:
#
# - It is not the number of columns that hurts, but how many of them vary *on their own*. Of all the combinations of
#   18 genre flags, the catalogue uses fewer than one in a thousand. Noise is the worst case.
# - So the cure is not fewer columns but better ones: features chosen or **learned** such that near means alike. In
#   lessons 4.1 and 4.4 you will learn vectors of some dozens of numbers and look for neighbours among them, with
#   success.

# %% [markdown] instructor=true
# **Timing.** 20 minutes. **Misconceptions:** "more features never hurt"; "the curse begins at dimension X": it
# depends on the data's own dimension. **Discuss:** would weights on the features help? (Yes; that is metric learning,
# and lesson 4.4's two towers do it.) Have somebody add 64 *copies* of one column instead of noise, and explain what
# happens.

# %% [markdown]
# ## What a query costs
#
# Fitting was free. Now the bill comes: **every answer reads the whole table.** One query against $n$ rows of $d$
# features takes about $n \cdot d$ multiplications, and the table has to stay in memory; the linear model takes $d$
# and keeps $d + 1$ numbers.

# %%
n, d = Z.shape
show(
    knn_numbers_to_keep=n * (d + 1),
    knn_products_a_query=n * d,
    linear_numbers_to_keep=d + 1,
    linear_products_a_query=d,
)

# %% [markdown]
# "I would put an index on it", says the backend developer. For one column that is a B-tree, and neighbours stand side
# by side in it. For several, there is the **KD-tree** (Bentley, 1975): split the rows at the median of one column,
# then each half at the median of another, and so on, down to leaves of some forty rows. A query descends to its leaf,
# and then needs to visit only those boxes that could still hold something nearer than the best $k$ so far. All others
# are *pruned*, and the answer is still exact. How much does it prune? We have counted in the loop above, on our
# 20,000 rows, for ten neighbours:

# %%
fig, ax = plt.subplots()
ax.plot(curse.index, 100 * curse["looked at"], "o-", label="KD-tree")
ax.axhline(100, color="#444444", linestyle="--", linewidth=1, label="full scan")
ax.set_title("From about twenty dimensions on, the index is a slow full scan")
ax.set(xscale="log", xlabel="features: 4 real ones, the others noise", ylabel="rows looked at a query (%)")
ax.set_xticks(curse.index, [str(n) for n in curse.index])
ax.minorticks_off()
ax.set_ylim(0, 108)
ax.legend(loc="center right")
figure_alt(
    fig,
    "Percent of rows that a KD-tree looks at per query: 3 with 4 features, 20 with 8, 65 with 12, 99 with "
    "20, and all of them from 36 on.",
)
show((100 * curse["looked at"]).round(1).rename("percent of rows looked at").to_frame())

# %% [markdown]
# With four features the tree looks at 3 % of the rows. With twenty it looks at practically all of them, *and* has
# climbed up and down a tree to do so. It is the curse once more: pruning needs a nearest row that is clearly nearer
# than the boxes around it, and there is none. You know the effect from query planners, which leave an index alone
# when the condition matches most of the rows.
#
# The way out at work is to give up a little exactness. *Approximate* nearest neighbours (ANN) find, say, 95 of the
# true 100 and look at a hundredth of the rows; lesson 4.5 builds one and draws recall against latency. For some ten
# thousand rows, one matrix product over everything is simple, exact, and may well be fast enough: measure before you
# build an index.

# %% [markdown]
# ## Why not on the ratings themselves?
#
# The obvious idea for a recommender is: a user *is* the row of their ratings, 1,682 numbers; find the nearest rows.
# Distances need numbers everywhere, and 94 % of the entries are missing. Suppose we fill in 0, as `fillna(0)` is
# quickly typed. Who are the nearest neighbours then?

# %%
stars = ratings.pivot(index="user", columns="item", values="rating")
filled = stars.fillna(0).to_numpy()
count = stars.notna().sum(axis=1).to_numpy()
D_users = squared_distances_checked(filled, filled)
np.fill_diagonal(D_users, np.inf)
ten = np.argsort(D_users, axis=1, kind="stable")[:, :10]
times_asked = np.bincount(ten.ravel(), minlength=len(filled))
favourites = np.argsort(-times_asked, kind="stable")[:10]
show(
    share_of_entries_missing=float(stars.isna().to_numpy().mean()),
    median_ratings_of_a_user=float(np.median(count)),
    median_ratings_of_a_neighbour=float(np.median(count[ten])),
    ratings_of_the_ten_most_asked=count[favourites],
    fewest_ratings_in_the_data=int(count.min()),
    share_of_all_neighbour_places_held_by_these_ten=times_asked[favourites].sum() / ten.size,
)

# %% [markdown]
# Everybody's best friends are those who have rated almost nothing. No wonder: each film that only one of two people
# has rated adds up to 25 to the squared distance. Whoever rates much is far from everybody, and whoever rates little
# is near the origin, which is near to all. Ten people out of 943, with 20 to 26 ratings each, hold a sixth of all
# neighbour places. The distance measures *how much* people rate, and not what they like.
#
# **Missing is not zero**, and it is not the mean either. A distance between two people may only use films that both
# have rated, and then a distance from two films is not worth as much as one from two hundred. That needs another
# similarity and a way to distrust small evidence. It is what lesson 2.2 is about, and you now have everything it
# takes for granted.

# %% [markdown] instructor=true
# **Timing.** 20 minutes for both sections. **Misconceptions:** an index makes k-NN learn; ANN is a model (it is an
# index); zero stars as a harmless default. **Discuss:** mean-filling instead of 0: which users become everybody's
# neighbours now? (Again those with few ratings: their row is nearly the mean row.) When is 0 the honest value? (Seen
# or not seen, lesson 2.6.)

# %% [markdown]
# ## From scratch, then the library
#
# Are your functions equal to `recsys_lab` and to scikit-learn? Distances first, and the shares of likes for 500
# validation rows:

# %%
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from recsys_lab.regression import KNNRegressor

D_some = squared_distances_checked(Z_asked[:500], Z)
gaps = {"squared distances": [np.nan, np.abs(D_some - euclidean_distances(Z_asked[:500], Z, squared=True)).max()]}
own = knn_predict_checked(D_some, 1.0 * liked, k=100)  # the mean of zeros and ones is a share
peer = KNeighborsClassifier(100).fit(Z, liked)
gaps["share of likes"] = [np.abs(own - model.predict_proba(Z_asked[:500])[:, 1]).max() for model in (index, peer)]
print(pd.DataFrame(gaps, index=["recsys_lab", "scikit-learn"]).T.round(9).to_string())

# %% [markdown]
# Equal to nine digits. (NaN: the library keeps no table of all distances.) Now the films, where the features are
# years and flags, and with them the promised trouble:

# %%
own = knn_predict_checked(D_test, y, K)
ours = KNNRegressor(k=K).fit(X, y).predict(Q)
peer = KNeighborsRegressor(K, algorithm="brute").fit(X, y).predict(Q)
ordered = np.sort(D_test, axis=1)
tied = ordered[:, K - 1] == ordered[:, K]  # the last neighbour asked and the first one not asked are equally far
show(
    films_with_a_tie_at_the_border=tied.mean(),
    largest_difference_to_recsys_lab=np.abs(own - ours).max().round(12),
    to_scikit_learn_without_a_tie=np.abs(own - peer)[~tied].max().round(12),
    to_scikit_learn_differs_with_a_tie=bool(np.abs(own - peer)[tied].max() > 0.01),
)

# %% [markdown]
# For four films in five, neighbour 16 and neighbour 17 are at exactly the same distance, and somebody has to stay
# outside. You and `recsys_lab` keep the one that comes first in the table. scikit-learn promises nothing; its
# documentation warns that the result then depends on the order of the training data. Neither is wrong. But if your
# service must give the same answer after a reindex, the order of ties is a part of the specification, as in the
# `ORDER BY` of the first section.
#
# ## Quiz

# %%
quiz()

# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})

# %% [markdown]
# ## In production
#
# - **Your database can do this.** pgvector adds vectors to PostgreSQL; `ORDER BY embedding <-> $1 LIMIT 5` is this
#   lesson's query. By default it searches exactly, and its documentation warns that, unlike with other indexes,
#   results change when you add an approximate one ([pgvector,
#   "Indexing"](https://github.com/pgvector/pgvector#indexing)).
# - **Spotify** has used nearest-neighbour search for personalization, recommendation and search for a decade: with
#   its library Annoy from 2013 on, for features like Discover Weekly, then with Voyager, announced in October 2023
#   ([Spotify
#   Engineering](https://engineering.atspotify.com/2023/10/introducing-voyager-spotifys-new-nearest-neighbor-search-library)).
#   The vectors are learned; what happens to them afterwards is k-NN.
# - **The rounding trap is real.** scikit-learn's `euclidean_distances` uses the expanded formula and gave wrong
#   results in 32 bits until it was repaired in 2019 ([issue
#   9354](https://github.com/scikit-learn/scikit-learn/issues/9354), reported in 2017).
# - **So is the useless tree.** For 16 dimensions, a search in a KD-tree of 76,000 records examines almost every
#   record: Sproull, 1991. Compare your own figure.
#
# ## In the interview
#
# *"When would you use k-nearest neighbours, and how would you make it fast?"*
#
# A good answer: (1) What it is, in one sentence: no training, answer by the most similar examples. (2) When: a
# sensible distance, few or learned features, data that changes by the minute (an insert is the update), and where an
# explanation by example helps. (3) What to settle first: units, ties, missing values, and a `k` chosen on data kept
# aside. (4) When not: many raw features, tight memory, or a linear model that is as good. (5) Speed: exact by matrix
# product while the table fits; KD-tree for a few dimensions; approximate search with a measured recall beyond that.
# (6) Name the failure you would test for: the answer to a request must not depend on its batch.
#
# ## Take-aways
#
# - k-NN is a query: `ORDER BY distance LIMIT k`. The table is the model.
# - Units are parameters. Decide what a genre is worth in years before your schema does.
# - Expanding the square makes distances fast; centre first, or large numbers eat the differences.
# - Small k: variance. Large k: bias. Training error cannot choose k; leaving one out can, if nobody votes for
#   themselves.
# - Fit scalers on the training table and keep them with the model. A request must get the same answer alone as in
#   company.
# - A calibrated probability and two prices give a threshold. 0.5 is the price list 1 : 1.
# - Noise features blur neighbours and blind the index. Missing is not zero.
#
# ## Further reading
#
# - Hastie, Tibshirani, Friedman, *The Elements of Statistical Learning*, 2nd edition, 2009: section 2.3.2 (nearest
#   neighbours beside least squares), 2.5 (the curse, with the box) and 13.3 (k-NN classifiers).
# - Cover, Hart, *Nearest Neighbor Pattern Classification*, IEEE Transactions on Information Theory 13(1), 1967,
#   [doi:10.1109/TIT.1967.1053964](https://doi.org/10.1109/TIT.1967.1053964): with enough rows, a single neighbour
#   errs at most twice as often as the best possible classifier.
# - Beyer, Goldstein, Ramakrishnan, Shaft, *When Is "Nearest Neighbor" Meaningful?*, ICDT 1999: nearest and farthest
#   become alike, in some data from 10 to 15 dimensions on.
# - Bentley, *Multidimensional Binary Search Trees Used for Associative Searching*, Communications of the ACM 18(9),
#   1975, [doi:10.1145/361002.361007](https://doi.org/10.1145/361002.361007). Sproull, *Refinements to
#   Nearest-Neighbor Searching in k-Dimensional Trees*, Algorithmica 6, 1991, pages 579-589.
# - Radovanović, Nanopoulos, Ivanović, *Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data*, JMLR 11,
#   2010, pages 2487-2531: why a few rows end up as everybody's neighbour, even without missing values.
