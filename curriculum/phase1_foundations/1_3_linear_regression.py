# ---
# lesson:
#   id: "1.3"
#   title: "Linear regression from scratch"
#   phase: 1
#   minutes: 240
#   prerequisites: ["1.1", "1.2"]
#   objectives:
#     - "Predict a rating from features, and say what each weight means and what it does not mean"
#     - "Solve least squares exactly with the normal equation, and step by step with gradient descent"
#     - "Choose a learning rate by arithmetic instead of by luck, and say why features are scaled"
#     - "Write a test that finds features which know the answer"
#     - "Use ridge where rows are few, and choose its strength on data kept aside for that"
# ---
# %% [markdown]
# ## What you already know
#
# You have shipped a linear model if you ever wrote a scoring query: `SELECT 3 * likes + 10 * replies - 0.5 * age_hours AS
# score`. Somebody chose those numbers by hand. **Linear regression chooses them from data**, and that is the whole idea.
#
# | you know | here it is called |
# |---|---|
# | a `SELECT` with a weighted sum | a linear model |
# | the constants in that query | weights, or coefficients |
# | a nightly job that reads the whole table and then updates the config once | batch gradient descent |
# | a consumer that updates its state after every message | stochastic gradient descent |
# | a retry storm without back-off: each answer makes things worse | a learning rate that is too large |
# | a test that passes because the fixture contains the answer | a leak |
#
# In this lesson you build all of it with nothing but NumPy, on 100,000 real ratings.

# %%
import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course import figure_alt, show, start
from recsys_lab.split import random_split

ex, quiz = start("1.3")
movielens = datasets.load("ml-100k")
train, test = random_split(movielens.ratings, test=0.2, seed=0)
y_train, y_test = train["rating"].to_numpy(), test["rating"].to_numpy()

# %% [markdown]
# ## The question, and the number to beat
#
# Somebody is about to rate a film. **How many stars will they give?** We learn from the training part, four fifths of
# the ratings, and are judged on the test part, which we pretend not to have seen.
#
# Judged how? For each test rating take the error, prediction minus truth. Square it, so that 2 stars off count four times
# as much as 1 star off, and so that +1 and -1 do not cancel. Average over all rows, and take the root to be back in stars.
# This is the *root mean squared error*:
#
# $$\text{RMSE} = \sqrt{\frac{1}{n} \sum_{j=1}^{n} (\hat y_j - y_j)^2}$$
#
# where $n$ is the number of ratings, $y_j$ the stars that were given in row $j$, and $\hat y_j$ (say "y hat") the stars we
# predicted. Zero is perfect. The laziest model says the mean of all training ratings, every time:


# %%
def rmse(predicted, truth):
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


show(
    train_ratings=len(train),
    test_ratings=len(test),
    mean_rating=y_train.mean(),
    rmse_of_the_mean=rmse(y_train.mean(), y_test),
)

# %% [markdown]
# Always saying 3.53 stars is wrong by about 1.12 stars. Every model below has to beat that.
#
# ## One feature: do old films get better ratings?
#
# A *feature* is a number that we know about a row before we know the answer. For each rating we have the film's genres, its
# year, the moment of the rating and the user's age: two left joins, as in lesson 1.1.

# %%
genres = movielens.items["genres"].str.get_dummies("|")  # one 0/1 column a genre
films = pd.concat([movielens.items[["item", "year"]], genres], axis=1)
people = movielens.users[["user", "age"]].rename(columns={"age": "user_age"})


def facts(rows):
    """Features that need no ratings: one line for each row of `rows`, in the same order."""
    joined = rows.merge(films, on="item", how="left").merge(people, on="user", how="left")
    rated_in = pd.to_datetime(joined["timestamp"], unit="s").dt.year
    joined["film_age"] = (rated_in - joined["year"]).astype("Float64").fillna(0)
    return joined[["film_age", "user_age", *genres]].astype(float).set_axis(rows.index)


# %% [markdown]
# Genres become *flags*: one column each, 1 if the film has the genre. A film may have several. One entry of the catalogue,
# literally called "unknown", has no year; we call its age 0 and admit it. And a few ratings are older than
# their film's official year, an age of -1, which we leave as it is. Here are three rows, with some of the columns:

# %%
facts_train, facts_test = facts(train), facts(test)
show(
    features=facts_train.shape[1],
    rows_without_a_year=int(train["item"].isin(films.loc[films["year"].isna(), "item"]).sum()),
    rows_of_age_minus_1=int((facts_train["film_age"] == -1).sum()),
)
facts_train[["film_age", "user_age", "Comedy", "Drama", "Sci-Fi"]].iloc[[0, 20_000, 40_000]]

# %% [markdown]
# Start with a single feature, the film's age $x$ in years. A linear model with one feature is a straight line:
#
# $$\hat y = b + w x$$
#
# $w$ is the *weight*: how many stars the prediction gains when the film is one year older. $b$ is the *intercept*: the
# prediction where $x = 0$, a brand-new film. Which line is best? **The one whose squared errors add up to the least.** For
# one feature that line has a famous formula, the covariance of $x$ and $y$ over the variance of $x$:

# %%
x = facts_train["film_age"].to_numpy()
w = np.mean((x - x.mean()) * (y_train - y_train.mean())) / np.var(x)
b = y_train.mean() - w * x.mean()
show(w=w, b=b, test_rmse=rmse(b + w * facts_test["film_age"].to_numpy(), y_test))

# %%
bins = pd.cut(x, [-2, 0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 80])
groups = pd.DataFrame({"age": x, "stars": y_train}).groupby(bins, observed=True)
middle, size = groups.mean(), groups.size()

fig, ax = plt.subplots()
ax.scatter(middle["age"], middle["stars"], s=size / 60, label="mean rating (area: how many)")
ax.plot([0, 70], [b, b + 70 * w], color="#D55E00", label="the least-squares line")
ax.set_title("Older films are rated higher, by about 0.14 stars per decade")
ax.set(xlabel="film's age when rated (years)", ylabel="rating (stars)", ylim=(3, 4.5))
ax.legend(loc="lower right")
figure_alt(
    fig,
    "Mean rating by age of film, with the least-squares line. The means rise from 3.3 stars for new "
    "films to 3.9 at 25 years, then stay nearly flat; the line rises evenly from 3.4 to 4.4.",
)

# %% [markdown]
# Ten years are worth about 0.14 stars, and RMSE falls a little below that of the mean. Do films get better with age, like
# wine? Hardly. A film of the 1940s that is still watched in 1998 is *Casablanca*, not the average film of its time. The data is real,
# the line is right, and "old therefore good" is still the wrong story: **a weight describes the rows you have, not the
# cause.**
#
# Look also at the dots: they do not lie on the line. Up to 25 years the climb is steeper than the line,
# after that it is nearly flat. A line can only say "the same amount per year, forever".

# %% [markdown] instructor=true
# **Timing.** Up to here 25 minutes. **Misconception:** "the model is wrong because the dots are off the line": ask what a
# model with 5 bins of age as flags would do (it would follow the dots; it is still linear *in its weights*).
# **Discuss:** who decided which ratings exist? Selection: users choose what to rate, and time chooses which films survive.

# %% [markdown]
# ## Many features: one equation for all weights
#
# With $d$ features, row $j$ has the numbers $x_{j1}, \dots, x_{jd}$, and the model is the weighted sum you know from SQL:
#
# $$\hat y_j = b + w_1 x_{j1} + w_2 x_{j2} + \dots + w_d x_{jd}$$
#
# One trick makes the formulas short. Put a column of ones in front of the table; then the intercept is simply the weight of
# that column. Call the table with the ones $A$ ($n$ rows, $d + 1$ columns), and all weights together $\theta = (b, w_1,
# \dots, w_d)$. The predictions of all rows are one product, $\hat y = A\theta$.
#
# Now for the best $\theta$. At the bottom of a valley the slope is zero in every direction. The sum of squared errors has
# slope zero exactly where the errors, multiplied by each column and added up, give zero:
#
# $$A^\top (A\theta - y) = 0 \quad\Longleftrightarrow\quad A^\top A \,\theta = A^\top y$$
#
# ($A^\top$, "A transposed", is $A$ with rows and columns swapped.) In words: **no column has any error left that it could
# still explain.** The right-hand form is the *normal equation*: $d + 1$ ordinary equations for $d + 1$ unknowns.


# %% exercise="1.3.1"
def normal_equation(X, y):
    """The least-squares weights: array (d + 1,), the intercept first.

    X: array (n, d), one row a rating. y: array (n,), the stars.
    """
    ### BEGIN SOLUTION
    A = np.column_stack([np.ones(len(X)), X])
    return np.linalg.solve(A.T @ A, A.T @ y)
    ### END SOLUTION


# %% check="1.3.1"
normal_equation_checked = ex("1.3.1").check(normal_equation)

# %% [markdown]
# Your function (or the reference, if you left it for later) now fits all 20 features at once:

# %%
theta = normal_equation_checked(facts_train.to_numpy(), y_train)
weights = pd.Series(theta[1:], index=facts_train.columns)
show(
    intercept=theta[0],
    film_age=weights["film_age"],
    user_age=weights["user_age"],
    test_rmse=rmse(theta[0] + facts_test.to_numpy() @ theta[1:], y_test),
)

# %%
by_genre = weights[genres.columns].sort_values()
fig, ax = plt.subplots(figsize=(8, 5))
ax.barh(by_genre.index, by_genre, color=np.where(by_genre < 0, "#D55E00", "#0072B2"))
ax.axvline(0, color="#444444", linewidth=1)
ax.set_title("All else equal, a documentary gains 0.4 stars")
ax.set_xlabel("weight (stars)")
figure_alt(
    fig,
    "Bars of the 18 genre weights: documentary and animation at +0.4 stars, drama +0.3, action near 0, "
    "musical -0.1, fantasy and horror about -0.17, children's -0.26.",
)

# %% [markdown]
# Read one bar aloud: "*of two ratings that are alike in everything else*, the one for a documentary is higher by 0.4 stars".
# The words in italics matter. Animation has +0.4 and Children's -0.26, but most animation films carry the children's
# flag too. What you would see in the wild is then the sum of the two:

# %%
animated = genres[genres["Animation"] == 1]
show(
    animation_films=len(animated),
    of_these_for_children=int(animated["Children's"].sum()),
    animation_and_children=weights["Animation"] + weights["Children's"],
)

# %% [markdown]
# ### The model is a SELECT
#
# A fitted linear model is a row of constants, so you can serve it from a database. Here is the query, written by the weights
# and run by DuckDB on the same frame:

# %%
terms = [f'{weight:+.6f} * "{name}"' for name, weight in weights.items()]
query = f"SELECT {theta[0]:.6f} {' '.join(terms)} AS stars FROM facts_test"
by_sql = duckdb.sql(query).df()["stars"].to_numpy()
print(query[:104], "...")
by_numpy = theta[0] + facts_test.to_numpy() @ theta[1:]
show(largest_difference=round(np.abs(by_sql - by_numpy).max(), 3))

# %% [markdown]
# The difference, rounded to a thousandth of a star, is nothing (the query carries six decimals). No model server, no
# pickle, no Python in the request path. When a linear model is good enough, this is a very good deal.
#
# But is it good enough? All facts together reach 1.09. We know what film it is and how old you are; we do not know whether
# *you* are kind and whether *the film* is good.

# %% [markdown] instructor=true
# **Timing.** Normal equation and exercise: 35 minutes. **Misconceptions:** inverting instead of solving; reading a weight as
# "documentaries cause stars"; comparing the sizes of weights whose features have different units (a year against a flag).
# **Discuss:** what happens if we add the flag "not a documentary"? (Two columns that sum to the ones: no unique solution.)

# %% [markdown]
# ## Two strong features, and the leak
#
# The best single facts about a rating are averages: how this user rates on average, and how this film is rated on average.
# They are computed **from the training part only**. A user or film that training has never seen gets the overall mean.


# %%
def averages(train, rows):
    """The user's and the film's mean training rating, for each row of `rows`."""
    user = rows["user"].map(train.groupby("user")["rating"].mean())
    film = rows["item"].map(train.groupby("item")["rating"].mean())
    return pd.DataFrame({"user_mean": user, "film_mean": film}).fillna(train["rating"].mean())


def everything(train, rows):
    return averages(train, rows).join(facts(rows))


# %% [markdown]
# The next cell tries sets of features: it fits on the training rows and reports the error on both parts.


# %%
def fit_and_score(build):
    """RMSE on both parts, of least squares with the features that `build` makes."""
    X, X_test = build(train, train).to_numpy(), build(train, test).to_numpy()
    theta = normal_equation_checked(X, y_train)
    return {
        "train": rmse(theta[0] + X @ theta[1:], y_train),
        "test": rmse(theta[0] + X_test @ theta[1:], y_test),
    }


tried = {
    "facts only": fit_and_score(lambda train, rows: facts(rows)),
    "averages only": fit_and_score(averages),
    "averages and facts": fit_and_score(everything),
}
show(pd.DataFrame(tried).T)

# %% [markdown]
# Two averages do what twenty facts could not: 0.953 on the test part, and the facts add only 0.002 to that. This is the
# first law of recommendation, and you will meet it again in lesson 2.1: *who rates* and *what is rated* come first.
#
# Now a colleague sends a pull request. "Same model, fresher averages, one more feature, test RMSE 0.925!" It looks harmless:


# %%
def colleagues_features(train, rows):
    dump = pd.concat([train, rows])  # "the nightly dump of the ratings table"
    table = averages(dump, rows).join(facts(rows))
    low = (train["rating"] <= 2).groupby(train["user"]).mean()  # share of 1 and 2 stars
    table["strictness"] = rows["user"].map(low).fillna(0)
    return table


tried["colleague's features"] = fit_and_score(colleagues_features)
show(pd.DataFrame(tried).T)

# %% [markdown]
# Compare the last two lines. The honest averages are 0.023 *worse* on the test part than on the training part; the colleague's
# are a little *better* on it. (The first line is better too, by 0.002: without averages nothing is memorized, and a difference
# that small is chance.) A model that suddenly does as well on the exam as on the homework may have seen the exam.


# %% exercise="1.3.2"
def leaking_columns(build, train, test):
    """Sorted names of the columns of build(train, test) that depend on test ratings: list of str."""
    ### BEGIN SOLUTION
    before = build(train, test)
    after = build(train, test.assign(rating=np.random.default_rng(0).uniform(0, 100, len(test))))
    return sorted(name for name in before if not before[name].equals(after[name]))
    ### END SOLUTION


# %% check="1.3.2"
leaking_columns_checked = ex("1.3.2").check(leaking_columns)

# %%
print("our features:        ", leaking_columns_checked(everything, train, test))
print("colleague's features:", leaking_columns_checked(colleagues_features, train, test))

# %% [markdown]
# Not the new column, as one might suspect: `strictness` is clean. The two *fresher averages* know the answers. A film that was
# rated only a few times has this very rating in its mean. In production the rating does not exist yet, the feature would be
# computed without it, and the gain would be gone on the first day. Nothing would crash. That is what makes leaks expensive: **a leak is a bug that improves your numbers.**
#
# A smaller cousin of it is in our own honest table. Look at the column "train" again: 0.930 against 0.953 on the test part.
# Can you say why? The quiz will ask.

# %% [markdown] instructor=true
# **Timing.** 35 minutes; let pairs argue before they run the detector. **Misconception:** "the mean of the film is a leak":
# no, only the part of it that comes from test rows. **Discuss:** which leaks does this tripwire not see? (Counts of test
# rows, time travel, the same person under two ids.) Good moment for a story from the class's own systems.

# %% [markdown]
# ## Gradient descent: the answer in small steps
#
# The normal equation needs all rows at once and solves a $(d+1) \times (d+1)$ system, at a cost that grows with $d^3$.
# With a million features (one flag a user, one a film) that is out of the question. So here is another way to the bottom of
# the valley: **feel the slope where you stand, take a step downhill, repeat.**
#
# The height of the landscape is the *loss*. We take half the mean squared error; the half only makes the slope tidier:
#
# $$L(w, b) = \frac{1}{2n} \sum_{j=1}^{n} e_j^2, \qquad e_j = x_j \cdot w + b - y_j$$
#
# $x_j$ is row $j$ of the features, $\cdot$ the dot product of lesson 1.2, $e_j$ the error of row $j$. The slope, or
# *gradient*, has one number for each weight and one for the intercept:
#
# $$\frac{\partial L}{\partial w} = \frac{1}{n} \sum_{j=1}^{n} e_j\, x_j, \qquad
#   \frac{\partial L}{\partial b} = \frac{1}{n} \sum_{j=1}^{n} e_j$$
#
# The symbol $\partial L / \partial w$ means "how much $L$ grows when $w$ grows a little". Say it as a rule: *the mean of error
# times feature.*


# %% exercise="1.3.3"
def gradient(X, y, w, b):
    """Slope of half the mean squared error: (array (d,) for the weights, number for b).

    X: array (n, d). y: array (n,). w: array (d,), the weights now. b: number, the intercept now.
    """
    ### BEGIN SOLUTION
    error = X @ w + b - y
    return X.T @ error / len(y), error.mean()
    ### END SOLUTION


# %% check="1.3.3"
gradient_checked = ex("1.3.3").check(gradient)

# %% [markdown]
# A step goes *against* the slope, and its length is set by the *learning rate* $\eta$ ("eta"):
#
# $$w \leftarrow w - \eta \frac{\partial L}{\partial w}, \qquad b \leftarrow b - \eta \frac{\partial L}{\partial b}$$
#
# To see the landscape we take two features only: the film's mean rating, and its age. Each is *standardized*: minus its
# mean, divided by its standard deviation, so that both are about 1 in size. (Why? That is the next section.) The mean and
# the standard deviation come, of course, from the training part.

# %%
pair = everything(train, train)[["film_mean", "film_age"]]
scaled = ((pair - pair.mean()) / pair.std(ddof=0)).to_numpy()
stars = y_train - y_train.mean()  # centred: the best intercept is 0, the map needs two weights only


def walk(X, y, w, rate, steps):
    """The weights before each of the steps and after the last: array (steps + 1, d)."""
    path = [w]
    for _ in range(steps):
        w = w - rate * gradient_checked(X, y, w, 0.0)[0]
        path.append(w)
    return np.array(path)


# %% [markdown]
# Three walks start from the same bad place. The only difference is the learning rate.

# %%
side = np.linspace(-3.2, 3.2, 60)
heights = [[np.mean((scaled[::40] @ [u, v] - stars[::40]) ** 2) / 2 for u in side] for v in side]

fig, axes = plt.subplots(1, 3, figsize=(10, 3.8), sharey=True)
verdicts = {0.05: "too small", 0.6: "right", 1.5: "diverges"}
for ax, (rate, verdict) in zip(axes, verdicts.items()):
    path = walk(scaled, stars, np.array([-1.0, -1.0]), rate, steps=12)
    ax.contour(side, side, heights, levels=12, cmap="cividis_r", linewidths=1)
    ax.plot(*path.T, "o-", color="#D55E00", markersize=4)
    ax.set(title=f"Rate {rate}: {verdict}", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
    ax.set_xlabel("weight of film_mean (stars)")
axes[0].set_ylabel("weight of film_age (stars)")
figure_alt(
    fig,
    "Three maps of the loss with 12 steps each. Rate 0.05 creeps half-way to the bottom, rate 0.6 is "
    "there after two steps, rate 1.5 jumps across the valley and ends further away each time.",
)

# %% [markdown]
# The rings are lines of equal loss; the bottom lies near (0.5, 0). On the left, twelve steps get about half-way. In the
# middle, two or three are enough. On the right **every step lands higher than the one before**, on the other side of the
# valley: each correction is so large that it makes a bigger error, which causes a bigger correction. You know this pattern
# from a service that is down because of the retries of its clients.

# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise. **Misconception:** "diverging means many more steps are needed". Ask for the loss
# after each step of the third walk. **Board:** draw a parabola and walk on it with rate 0.5, 1, 1.5, 2, 2.5 over curvature.

# %% [markdown]
# ## How large may a step be? And why features are scaled
#
# Take one weight and no intercept, so $\hat y = wx$. The loss is a parabola in $w$. Its *curvature* is $c = \text{mean}(x^2)$:
# the slope at a distance $\delta$ from the best weight is $c\,\delta$. One step therefore turns the distance $\delta$ into
#
# $$\delta - \eta\, c\, \delta = (1 - \eta c)\, \delta$$
#
# The distance shrinks as long as $1 - \eta c$ lies between $-1$ and $1$. Below 0 you jump to the other side each time;
# below $-1$ you jump further away each time. That is the storm, and it begins at $\eta = 2 / c$.
#
# So a safe rate can be worked out from the features alone. Here are those of the film's age, in years, as it is:

# %%
show(mean=facts_train["film_age"].mean(), standard_deviation=facts_train["film_age"].std(ddof=0))

# %% exercise="1.3.4"
candidates = [0.001, 0.003, 0.005, 0.008, 0.012]
### BEGIN SOLUTION
will_diverge = [rate for rate in candidates if rate * (14.15**2 + 9.74**2) > 2]
### END SOLUTION

# %% check="1.3.4"
will_diverge_checked = ex("1.3.4").check(will_diverge)

# %% [markdown]
# Now run all five, twenty steps each. Those whose loss ends above where it began should be the ones on the list:

# %%
ages = facts_train[["film_age"]].to_numpy()
diverged = []
for rate in candidates:
    final = walk(ages, stars, np.zeros(1), rate, steps=20)[-1]
    if np.mean((ages @ final - stars) ** 2) > np.mean(stars**2):
        diverged.append(rate)
show(run_and_arithmetic_agree=diverged == sorted(will_diverge_checked))

# %% [markdown]
# (`print(diverged)` names them, if you have not worked it out.) A rate of 0.6 was fine on the map above, and here it would
# be almost a hundred times too large. The difference is the unit: an age of 40 has a square
# of 1,600, so the valley is steep. In many dimensions there is one curvature in each direction, and **the steepest direction
# limits the rate for all of them**. A genre flag that is 1 in a few rows of a hundred has almost no curvature: with a
# rate that the steepest feature can bear (in the next cell that is the *user's* age, around 33), its weight hardly moves at all. The valley is a long, narrow canyon.
#
# *Standardizing* makes all features equally steep, and the canyon far rounder. The library's `GradientDescent` runs your loop and
# keeps the loss after each step; `largest_rate` computes the limit for any number of features (2 over the largest curvature in any direction). We give each table 90 percent
# of its own limit:

# %%
from recsys_lab.regression import GradientDescent, Standardizer, largest_rate

raw = everything(train, train)
scaler = Standardizer().fit(raw)
X = scaler.transform(raw).to_numpy()
X_test = scaler.transform(everything(train, test)).to_numpy()
limits = {"raw": largest_rate(raw), "standardized": largest_rate(X)}
losses = {}
for name, table in {"raw": raw, "standardized": X}.items():
    model = GradientDescent(learning_rate=0.9 * limits[name], epochs=60)
    losses[name] = model.fit(table, y_train).loss_
after = {name: np.sqrt(2 * loss[-1]) for name, loss in losses.items()}
show(pd.DataFrame({"largest rate": limits, "training RMSE after 60 steps": after}))

# %%
fig, ax = plt.subplots()
for name, loss in losses.items():
    ax.plot(np.sqrt(2 * loss), label=f"{name} features")
exact_rmse = tried["averages and facts"]["train"]
ax.axhline(exact_rmse, color="#444444", linestyle="--", linewidth=1, label="normal equation")
ax.set_title("Standardized features arrive in a few steps; raw ones creep")
ax.set(xlabel="step", ylabel="training RMSE (stars)")
ax.legend()
figure_alt(
    fig,
    "Training RMSE by step: with standardized features it reaches the exact solution within five steps, "
    "with raw features it is still at 1.36 after sixty.",
)

# %% [markdown]
# Same data, same model, same number of steps. On standardized features the curve meets the exact solution within five
# steps; on raw ones it is still far away after sixty. The normal equation never cared about units: scaling is a matter
# of *how you look for* the minimum, not of where it lies.

# %% [markdown] instructor=true
# **Timing.** 30 minutes. Have everyone write their prediction of 1.3.4 on paper first. **Misconceptions:** 1/c as the limit
# of convergence (it is the fastest rate in one dimension); scaling "improves the model" (it does not change the least-squares
# predictions at all); fitting the scaler on train and test together. **Discuss:** which step limits the raw walk?

# %% [markdown]
# ## Stochastic gradient descent: learn from every message
#
# One step of batch descent reads all 80,000 ratings. Wasteful: after a few hundred rows you already know roughly which way
# is down. *Stochastic* gradient descent takes the slope of a **single row** and steps at once:
#
# $$w \leftarrow w - \eta\, e_j\, x_j, \qquad b \leftarrow b - \eta\, e_j$$
#
# The rows come in random order, hence the name. It is a consumer on a topic: read a message, update the state, forget the
# message.


# %% exercise="1.3.5"
def sgd(X, y, w, b, rate, order):
    """One step for each row number in `order`; returns the new (weights (d,), intercept).

    X: array (n, d). y: array (n,). w, b: where to start (the array w itself stays as it is).
    """
    ### BEGIN SOLUTION
    for row in order:
        error = X[row] @ w + b - y[row]
        w = w - rate * error * X[row]
        b = b - rate * error
    return w, b
    ### END SOLUTION


# %% check="1.3.5"
sgd_checked = ex("1.3.5").check(sgd)

# %% [markdown]
# We let it read the training rows once, in random order, and stop now and then to measure the error on the test part. A single
# row can be much steeper than the average of all rows, so the rates must be smaller: 0.5 is fine for batch descent here, and
# would blow up now.

# %%
stops = [0, 30, 100, 300, 1000, 3000, 10000, 30000, 80000]
order = np.random.default_rng(0).permutation(len(X))
curves = {}
for rate in [0.01, 0.001]:
    w, b, curve = np.zeros(X.shape[1]), 0.0, []
    for begin, end in zip([0, *stops], stops):
        w, b = sgd_checked(X, y_train, w, b, rate, order[begin:end])
        curve.append(rmse(X_test @ w + b, y_test))
    curves[f"stochastic, rate {rate}"] = curve
show(pd.DataFrame(curves, index=pd.Index(stops, name="rows read")))

# %% [markdown]
# And now the same picture with batch descent, whose every step costs 80,000 rows:

# %%
batch = GradientDescent(learning_rate=0.5, epochs=8).fit(X, y_train)
batch_curve = [rmse(X_test @ weights[:-1] + weights[-1], y_test) for weights in batch.path_]

fig, ax = plt.subplots()
for name, curve in curves.items():
    ax.plot(np.array(stops)[1:], curve[1:], "o-", markersize=4, label=name)
ax.plot(len(X) * np.arange(1, 9), batch_curve[1:], "s-", markersize=4, label="batch, rate 0.5")
exact_rmse = tried["averages and facts"]["test"]
ax.axhline(exact_rmse, color="#444444", linestyle="--", linewidth=1, label="normal equation")
ax.set_title("At rate 0.001, stochastic steps are nearly done before batch begins")
ax.set(xscale="log", xlabel="rows read", ylabel="test RMSE (stars)")
ax.legend()
figure_alt(
    fig,
    "Test RMSE by rows read, on a log scale: both stochastic runs are near 1 after 3,000 rows; batch "
    "descent takes its first step at 80,000 rows and needs about five.",
)

# %% [markdown]
# Look at the dots at 10,000 rows: with rate 0.001 the model has read an eighth of the data and is within 0.005 stars of the
# exact answer, while batch descent is still reading for its first step. (In rows, that is. In seconds a Python loop loses against one
# matrix product, so in practice each step takes a small batch of rows.) That is why everything large is trained this way.
#
# Now look at the right end of the line with rate 0.01. It does not settle; it hovers around 1.0, because every row pushes
# the weights towards its own stars and a large rate lets it. A small rate hovers closer. Either way the last bit of precision
# is missing. Where you need it, let the rate shrink as you read (`decay=` in the library), or solve exactly.

# %% [markdown] instructor=true
# **Timing.** 30 minutes. **Misconceptions:** errors computed once before the loop (batch in disguise); shuffling is optional
# (sort the rows by user and watch); in-place `w -=`, which changes the caller's weights: classical aliasing.
# **Discuss:** exactly-once, at-least-once: what does a redelivered message do to an SGD consumer? To a SUM in a table?

# %% [markdown]
# ## Ridge: when rows are few
#
# A good place for a break: what follows is a second story, of about an hour.
#
# So far one model serves everybody. Now the *personal* question: the shared model predicted your rating, and something is
# left over (truth minus prediction). Does **your own taste in genres** explain it? That is one small regression for each of
# 943 users: target = what is left over, features = the 18 genre flags, rows = your few dozen ratings.
#
# Meet user 316. Least squares with 18 weights on so few rows does what you fear. (It is `lstsq` here: this user has rated no
# film of one genre at all, so the normal equation has no single solution; `lstsq` takes the smallest of them.)

# %%
theta = normal_equation_checked(X, y_train)
known = train.assign(left_over=y_train - (theta[0] + X @ theta[1:]))
known = known.join(facts_train[genres.columns])
one = known[known["user"] == 316]
taste, one_left_over = one[genres.columns].to_numpy(), one["left_over"].to_numpy()
exact = np.linalg.lstsq(np.column_stack([np.ones(len(taste)), taste]), one_left_over)[0]
wildest = int(np.abs(exact[1:]).argmax())
show(
    ratings=len(one),
    largest_weight=exact[1 + wildest],
    its_genre=genres.columns[wildest],
    ratings_of_this_genre=int(taste[:, wildest].sum()),
)

# %% [markdown]
# Minus three stars for animation, on a scale of one to five, and all of it learned from two ratings! With so little to hold
# it, the equation is free to use that weight to hit those two ratings as it likes. The dislike may be real, but two ratings
# cannot carry a number of that size: *overfitting*.
#
# **Ridge** makes weights cost something. It minimises the squared errors *plus* a fine on large weights:
#
# $$\sum_{j} (x_j \cdot w + b - y_j)^2 + \alpha \sum_{k} w_k^2$$
#
# $\alpha$ ("alpha") is the price, a number you choose: 0 is least squares, and the larger it is, the closer all weights are
# pulled to 0. A weight then has to *earn* its size with evidence from many rows. (One price for all weights is fair only where
# the features share a unit. Flags do; years and stars would have to be standardized first.) The intercept is free: the level of the
# ratings is no opinion that needs evidence. To keep it out, centre: let $Z$ be $X$ minus its column means and $t$ be $y$
# minus its mean. The slope is zero where
#
# $$(Z^\top Z + \alpha I)\, w = Z^\top t, \qquad b = \bar y - \bar x \cdot w$$
#
# with $I$ the identity matrix (ones on the diagonal), $\bar y$ the mean of $y$, and $\bar x$ the column means of $X$.


# %% exercise="1.3.6"
def ridge(X, y, alpha):
    """Ridge regression with a free intercept: (weights, array (d,); intercept for raw X, number).

    X: array (n, d). y: array (n,). alpha: number >= 0.
    """
    ### BEGIN SOLUTION
    Z = X - X.mean(axis=0)
    w = np.linalg.solve(Z.T @ Z + alpha * np.eye(X.shape[1]), Z.T @ (y - y.mean()))
    return w, y.mean() - X.mean(axis=0) @ w
    ### END SOLUTION


# %% check="1.3.6"
ridge_checked = ex("1.3.6").check(ridge)

# %% [markdown]
# What does the price do to the weights of user 316? One line a genre, from nearly free on the left to very dear on the right:

# %%
prices = np.geomspace(0.1, 1000, 40)
solved = [ridge_checked(taste, one_left_over, price)[0] for price in prices]
paths = pd.DataFrame(solved, index=prices, columns=genres.columns)
seen = one[genres.columns].sum().astype(int)

fig, ax = plt.subplots()
ax.plot(paths, color="#bbbbbb", linewidth=1)
for genre in ["Drama", "Action", "Sci-Fi", "Animation"]:
    ax.plot(paths[genre], label=f"{genre} ({seen[genre]} ratings)")
ax.set_title("Two ratings cannot pay for a large weight")
ax.set(xscale="log", xlabel="price alpha", ylabel="weight (stars)")
ax.legend(title="user 316")
figure_alt(
    fig,
    "Weights of user 316 by price alpha: animation rises from -2.6 to about -0.3 at a price of 10; "
    "drama, positive, and action, negative, are the last to reach 0.",
)

# %% [markdown]
# Follow *Animation*: far below everything at the left, and back among the others at a price of 10, because two ratings cannot
# pay for it. *Drama* even rises at first: what the wild weights had claimed falls to the genre with 41 ratings behind it. By a
# price of 30 a believable portrait is left: likes drama, does not care for action and science fiction, no opinion on the rest.
#
# ### Which price? Ask data that was kept aside
#
# On the training rows, price 0 always looks best: it was built to. The test part is for the final verdict. So we split the
# *training* part once more and choose $\alpha$ on its *validation* rows. (Lesson 1.5 makes a discipline out of this.)


# %%
def personal(known_rows, new_rows):
    """The shared prediction for new_rows, and for each user: flags, left-overs, new flags, places."""
    table = everything(known_rows, known_rows).to_numpy()
    new_table = everything(known_rows, new_rows).to_numpy()
    stars = known_rows["rating"].to_numpy()
    theta = normal_equation_checked(table, stars)
    left_over = stars - (theta[0] + table @ theta[1:])
    mine, asked = known_rows.groupby("user").indices, new_rows.groupby("user").indices
    flags, new_flags = table[:, 4:], new_table[:, 4:]  # the genres come after two means and two ages
    both = [(mine[user], asked[user]) for user in asked if user in mine]
    jobs = [(flags[had], left_over[had], new_flags[new], new) for had, new in both]
    return theta[0] + new_table @ theta[1:], jobs


# %% [markdown]
# This only sorts the rows: for each user, what they rated and what is asked. The learning is four lines, once per user:


# %%
def with_taste(shared, jobs, alpha):
    """Shared prediction plus each user's own ridge."""
    predicted = shared.copy()
    for flags, left_over, new_flags, places in jobs:
        w, b = ridge_checked(flags, left_over, alpha)
        predicted[places] += new_flags @ w + b
    return predicted


# %% [markdown]
# Nine prices, 943 regressions each, judged on the validation rows:

# %%
fit_rows, valid_rows = random_split(train, test=0.2, seed=1)
shared, jobs = personal(fit_rows, valid_rows)
alphas = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000]
y_valid = valid_rows["rating"].to_numpy()
errors = [rmse(with_taste(shared, jobs, alpha), y_valid) for alpha in alphas]
without = rmse(shared, y_valid)
best = alphas[int(np.argmin(errors))]
show(best_alpha=best, rmse_at_best=min(errors), rmse_at_the_smallest=errors[0], without_personal_part=without)

# %%
fig, ax = plt.subplots()
ax.plot(alphas, errors, "o-", label="shared model + each user's ridge")
ax.axhline(without, color="#444444", linestyle="--", linewidth=1, label="shared model alone")
ax.set_title("Too cheap follows noise, too dear forgets taste; 30 is about right")
ax.set(xscale="log", xlabel="price alpha", ylabel="validation RMSE (stars)")
ax.legend()
figure_alt(
    fig,
    "Validation RMSE by price alpha: 1.03 at 0.1, falling below the shared model's 0.955 between 1 "
    "and 3, lowest near 30 with 0.934, then rising slowly to 0.945.",
)

# %% [markdown]
# The curve is the most common picture in machine learning, so look at it well. On the left, *variance*: the weights follow
# the noise of a few rows, and the personal models are worse than none. On the right, *bias*: the price is so high that
# nobody may have a taste (what remains of the gain is each user's free intercept). In between lies the best of both, and it
# is worth far more than the 0.002 that the facts added to the shared model.
#
# We have looked at the test part all along, to learn; but we chose nothing by it. Alpha is the first choice, and the validation
# rows made it. So now the test part may judge. Refit on the whole training part with the chosen price, and put everything side by side.
# The line "kindness and quality" is the library's `BiasBaseline` of lesson 2.1.

# %%
from recsys_lab import BiasBaseline

shared, jobs = personal(train, test)
damped = BiasBaseline().fit(train).predict(test)
board = pd.Series(
    {
        "the mean of all ratings": rmse(y_train.mean(), y_test),
        "20 facts": tried["facts only"]["test"],
        "averages and facts": tried["averages and facts"]["test"],
        "kindness and quality (BiasBaseline)": rmse(damped, y_test),
        "averages and facts + each user's ridge": rmse(with_taste(shared, jobs, best), y_test),
        "colleague's leak (disqualified)": tried["colleague's features"]["test"],
    },
    name="test RMSE (stars)",
)
show(board.to_frame())

# %%
fig, ax = plt.subplots(figsize=(8, 3.6))
ax.plot(board[:-1], board.index[:-1], "o", markersize=10)
ax.plot(board[-1:], board.index[-1:], "x", color="#D55E00", markersize=10)
for name, value in board.items():
    ax.text(value + 0.008, name, f"{value:.3f}", va="center")
ax.invert_yaxis()
ax.set_title("943 small opinions beat the four shared models")
ax.set(xlabel="test RMSE (stars); less is better", xlim=(0.9, 1.17))
figure_alt(
    fig,
    "Test RMSE as dots: mean 1.122, facts 1.090, averages and facts 0.952, biases 0.941, each user's "
    "ridge 0.930; the leak, crossed out, 0.925.",
)

# %% [markdown]
# A personal ridge on genres beats the damped baseline. And the leak? Its number is still lower than anything honest. If you
# chose models by the number alone, you would have shipped it.
#
# Remember the shape of what you just built: *shared prediction + (a vector of your tastes) · (a vector describing the film)*.
# The genres were given. In lesson 4.1 a model will *learn* the film's vector as well, and in lesson 4.2 it does so by
# alternating exactly this ridge between users and films.

# %% [markdown] instructor=true
# **Timing.** 45 minutes. **Misconceptions:** penalising the intercept; choosing alpha on the test part; "ridge removes
# features" (that is the lasso; ridge only shrinks). **Discuss:** why is one alpha for all users reasonable although they
# have between 13 and 584 rows? (The price is per user, the evidence grows with the rows: much evidence outvotes the price.)

# %% [markdown]
# ## From scratch, then the library
#
# You have three ways to a linear model. Do they agree with `recsys_lab.regression`, and with scikit-learn, which you will meet
# at work? First 250 steps of batch descent, to have something to compare:

# %%
by_steps = np.zeros(X.shape[1])
for _ in range(250):  # stars is centred, and so is X: the intercept is 0 and stays there
    by_steps = by_steps - 0.5 * gradient_checked(X, stars, by_steps, 0.0)[0]

# %% [markdown]
# The largest difference in any weight, on all training rows, and for ridge on the rows of user 316:

# %%
from sklearn import linear_model as sk

from recsys_lab.regression import LinearRegression, Ridge

by_equation = normal_equation_checked(X, y_train)[1:]
by_ridge = ridge_checked(taste, one_left_over, 10.0)[0]
all_rows, own_rows = (X, y_train), (taste, one_left_over)
for name, own, rows, library, peer in [
    ("normal equation", by_equation, all_rows, LinearRegression(), sk.LinearRegression()),
    ("gradient descent", by_steps, all_rows, LinearRegression(), sk.LinearRegression()),
    ("ridge", by_ridge, own_rows, Ridge(alpha=10), sk.Ridge(alpha=10)),
]:
    gaps = [np.abs(own - model.fit(*rows).coef_).max() for model in (library, peer)]
    print(f"{name:<18} recsys_lab {gaps[0]:.9f}   scikit-learn {gaps[1]:.9f}")

# %% [markdown]
# Equal in every decimal shown. Two differences are worth knowing.
#
# **Twins.** If two columns say the same thing, $A^\top A$ has no inverse, and your `normal_equation` fails or returns huge
# weights of opposite sign. The library works on $A$ itself (its singular values, lesson 1.2) and shares the weight out:

# %%
twins = np.column_stack([facts_train["film_age"], facts_train["film_age"]])
show(
    columns=twins.shape[1],
    rank_of_the_table=int(np.linalg.matrix_rank(twins)),
    weights_by_the_library=LinearRegression().fit(twins, y_train).coef_,
)

# %% [markdown]
# **The baseline is a ridge.** Give every user and every film a flag of its own, take away the mean rating, fine the user
# weights with 15 and the film weights with 10: this *is* the `BiasBaseline` from the board above. On the toy data set, six
# users and eight films, you can see it:

# %%
toy = datasets.toy().ratings
flags = pd.get_dummies(toy[["user", "item"]].astype(str), dtype=float)
fine = np.diag([15.0] * toy["user"].nunique() + [10.0] * toy["item"].nunique())
above_mean = toy["rating"] - toy["rating"].mean()
as_ridge = np.linalg.solve(flags.T @ flags + fine, flags.T @ above_mean)
biases = BiasBaseline(epochs=200).fit(toy).biases_
gap = np.abs(as_ridge - np.concatenate([biases.user, biases.item])).max()
print(f"largest difference {gap:.9f}")

# %% [markdown]
# ## Quiz

# %%
quiz()

# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})

# %% [markdown]
# ## In production
#
# - **Google's ad ranking** was, at publication, a linear model with billions of weights, trained by stochastic steps that see
#   each event once, with a rate of its own for each feature: McMahan et al., *Ad Click Prediction: a View from the
#   Trenches*, KDD 2013, sections 2 and 3. (It predicts clicks, so the weighted sum goes through a logistic curve first.)
# - **Google Play's app recommender** kept a linear part beside its neural network, because weights on crossed flags remember
#   exceptions that a network smooths away: Cheng et al., *Wide & Deep Learning for Recommender Systems*, 2016, section 3.
# - **Leaks** are old acquaintances of data-mining competitions. A paper that collects them separates what may be known when
#   learning from what may be known when predicting: Kaufman, Rosset, Perlich, Stitelman, *Leakage in Data Mining*, ACM TKDD
#   6(4), 2012. Your tripwire checks that separation.
#
# ## In the interview
#
# *"Your regression's offline error dropped from 0.95 to 0.92 after one pull request. What do you do before you ship it?"*
#
# A good answer: (1) Ask which features changed and whether each can be computed *at the moment of prediction*. (2) Compare
# training and test error; a test error that suddenly falls to the training error is a warning. (3) Run a tripwire: change the test labels and
# see which features move. (4) Repeat the evaluation with a split by time. (5) Only then speak about A/B tests. Name the cost:
# a leak does not crash, it ships.
#
# ## Take-aways
#
# - A linear model is a weighted sum; fitting means choosing the weights with the least squared error.
# - The normal equation gives them exactly, whatever the units. Gradient descent gets there in steps, and its rate must stay
#   below 2 / (largest curvature), so standardize first.
# - Stochastic steps learn from each row at once: nearly done, with a small rate, before batch descent has begun; never quite still.
# - A weight says what a feature adds *to the others*, in the rows you have.
# - A feature may use only what is known when you predict. Test it by changing the answers.
# - With few rows, make weights pay. Choose the price on validation rows; what the test part chose, it cannot judge.
#
# ## Further reading
#
# - Hastie, Tibshirani, Friedman, *The Elements of Statistical Learning*, 2nd edition, 2009: section 3.2 (least squares) and
#   3.4.1 (ridge).
# - Bottou, Curtis, Nocedal, *Optimization Methods for Large-Scale Machine Learning*, SIAM Review 60(2), 2018,
#   [arXiv:1606.04838](https://arxiv.org/abs/1606.04838), sections 3 and 4: why stochastic steps win when data is plenty.
# - Robbins, Monro, *A Stochastic Approximation Method*, Annals of Mathematical Statistics 22(3), 1951,
#   [doi:10.1214/aoms/1177729586](https://doi.org/10.1214/aoms/1177729586): the paper with which it all began.
# - Hoerl, Kennard, *Ridge Regression: Biased Estimation for Nonorthogonal Problems*, Technometrics 12(1), 1970,
#   [doi:10.1080/00401706.1970.10488634](https://doi.org/10.1080/00401706.1970.10488634).
# - McMahan et al. 2013: [doi:10.1145/2487575.2488200](https://doi.org/10.1145/2487575.2488200). Cheng et al. 2016:
#   [arXiv:1606.07792](https://arxiv.org/abs/1606.07792). Kaufman et al. 2012:
#   [doi:10.1145/2382577.2382579](https://doi.org/10.1145/2382577.2382579).
