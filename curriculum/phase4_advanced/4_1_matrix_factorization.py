# ---
# lesson:
#   id: "4.1"
#   title: "Matrix factorization and \"SVD\""
#   phase: 4
#   minutes: 270
#   prerequisites: ["1.2", "1.3", "2.1", "2.7"]
#   objectives:
#     - "Tell three models apart that are all called SVD, by what each takes an unknown rating for"
#     - "Factorize a rating matrix by stochastic gradient descent, equal to recsys_lab and to Surprise from the same start"
#     - "Read a learning curve: choose the rate, the price of long vectors and the epoch to stop at"
#     - "Reproduce a published table of results, and say which differences mean something"
#     - "Draw a map of films from the factors, and say what on it is a fact and what is an accident of the start"
# ---
# %% [markdown]
# ## What you already know
#
# Somewhere in your system there is a wide table that nobody stores as it is. It is *normalised*: two narrow tables with a
# key between them, and a join that brings the wide one back when it is asked for. This lesson does the same to the table
# of ratings, users down and films across: a narrow table with a few numbers for each user, another for each film, and
# the join is a dot product. Only that here nobody knows the columns. They are *learned* from the few cells that are filled.
#
# | in your backend | in this lesson |
# |---|---|
# | a wide table as a join of two narrow ones | a matrix of ratings as a product of factors |
# | `NULL`, which is not 0 | an unknown rating, which is not 0 stars |
# | a consumer that updates its state after every message | stochastic gradient descent (lesson 1.3) |
# | a retry without backoff that takes the service down | a learning rate that explodes |
# | a timeout on progress | early stopping |
# | surrogate keys: stable inside a database, meaningless outside | the axes of the factors |
# | a benchmark that you run again before you quote it | the published table, row by row |
#
# Since the Netflix Prize this is the model that everybody means by "collaborative filtering". It is also the ancestor of
# the embeddings of lesson 4.4, and most of what goes wrong there can be seen here in a minute, with pencil and paper.
#
# The lesson needs the packages of phase 4. If the first cell complains, it says the one command that helps.
#
# %% [markdown] instructor=true
# **Timing (270 minutes alone, three sessions of 90 in class).** Session one: sections 1 and 2 with exercise 1. Session two:
# sections 3 to 5 with exercises 2 to 4. Session three: sections 6 to 9 with exercises 5 and 6, then the quiz.
#
# **Prepare.** Ask everybody to write down what "SVD" means to them, in one sentence, and keep the notes for section 1.
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import BiasBaseline, FunkSVD, Popularity, Ratings, TruncatedSVD, datasets
from recsys_lab.course import PALETTE, figure_alt, leaderboard, my_ratings, show, start
from recsys_lab.course.environment import needs
from recsys_lab.metrics import rmse
from recsys_lab.split import k_fold, random_split

needs("phase4")
ex, quiz = start("4.1")
# %% [markdown]
# ## 1. Three machines with one name
#
# A colleague reads that "SVD won the Netflix Prize", calls `np.linalg.svd` on the table of ratings, and gets an error of
# two and a half stars on a scale of five. Another one calls Surprise's `SVD` and gets 0.94. Who is wrong?
#
# First the data, cut as everywhere: the leader-board's split hides a fifth of the ratings as the test part, which we
# leave alone until section 9. Of the rest we keep a tenth to watch: `fit_part` is learned from, `watched` says how well.
# (A film that nobody in `fit_part` has rated has no column; those few watched ratings are left out.)
# %%
data = datasets.load("ml-100k")
films = my_ratings.shelf(data)
train, test = leaderboard.split()
fit_frame, watched = random_split(train.to_frame(), test=0.1, seed=1)
fit_part = Ratings.from_frame(fit_frame, scale=(1, 5))
watched = watched[watched["item"].isin(fit_part.items.ids)]

u, i = fit_part.users.rows(watched["user"]), fit_part.items.rows(watched["item"])
stars = watched["rating"].to_numpy()
R = fit_part.matrix.toarray()
known = R > 0
show(shape=R.shape, known=int(known.sum()), share_of_the_cells=known.mean(), watched=len(watched))
# %% [markdown]
# Fewer than one cell in twenty is known. A factorization describes each user $u$ by a vector $p_u$ and each film $i$ by a
# vector $q_i$, of $k$ numbers each, and says that the rating $r_{ui}$ is about their dot product. How far off it is can be
# added up in two ways: over all cells of the table, with $r_{ui} = 0$ where nothing is known; or over the set $K$ of the
# known ones.
#
# $$L_{\text{all}} = \sum_{(u,i)} (r_{ui} - p_u \cdot q_i)^2 \qquad\qquad L_{\text{known}} = \sum_{(u,i) \in K} (r_{ui} - p_u \cdot q_i)^2$$
#
# The two look alike and are different problems.
#
# - The smallest $L_{\text{all}}$ is found exactly by the **truncated SVD** of lesson 1.2: keep the first $k$ layers, and no
#   other product of that size comes closer (Eckart and Young). But it must answer for every cell.
# - For $L_{\text{known}}$ there is no such theorem. With gaps, the singular value decomposition is *not defined*. What one
#   does instead is to walk downhill, and that is what the Netflix Prize made famous under the name "SVD".
#
# A third way stands between them: **fill the gaps with a good guess**, take the guess off, and decompose what is left.
# Sarwar and his colleagues did that in 2000, when they first brought the SVD to recommenders: each gap got the film's mean, then each
# user's mean was taken off. We can do better today, and fill with lesson 2.1's damped averages of both. Then a gap
# says 0, and 0 means "as expected".
#
# How well does each predict the watched ratings, as $k$ grows? The function decomposes a filled table once and reads
# the predictions of all $k$ from its layers; `back` is what must be added to them again.
# %%
RANKS = [1, 2, 3, 5, 8, 12, 20, 30, 50, 100]


def errors_by_rank(filled, back=0.0):
    """The watched RMSE of the first k layers, for each k of RANKS."""
    U, s, Vt = np.linalg.svd(filled, full_matrices=False)
    by_layer = np.cumsum(U[u] * s * Vt.T[i], axis=1)  # column k - 1: the sum of the first k layers
    return [rmse(stars, np.clip(back + by_layer[:, k - 1], 1, 5)) for k in RANKS]


averages = BiasBaseline().fit(fit_part)
b = averages.biases_
expected = b.mean + b.user[:, None] + b.item
film_mean = R.sum(axis=0) / known.sum(axis=0)
user_mean = R.sum(axis=1) / known.sum(axis=1)
by_rank = {
    "unknown = 0": errors_by_rank(R),
    "film's mean filled in": errors_by_rank(np.where(known, R, film_mean) - user_mean[:, None], user_mean[u]),
    "damped averages filled in": errors_by_rank(np.where(known, R - expected, 0.0), expected[u, i]),
}
# %% [markdown]
# And the walk downhill on the known cells: the library's `FunkSVD`, whose inside is section 2's business. It takes the
# averages for granted as well, and factorizes what they leave.
# %%
few = [2, 8, 20, 50, 100]
by_descent = [rmse(stars, FunkSVD(factors=k, epochs=60, rate=0.008).fit(fit_part).predict(watched)) for k in few]
bar = rmse(stars, averages.predict(watched))

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
left.plot(RANKS, by_rank["unknown = 0"], "o-", color=PALETTE[1], label="unknown = 0")
right.plot(RANKS, by_rank["film's mean filled in"], "s-", color=PALETTE[4], label="film's mean filled in")
right.plot(RANKS, by_rank["damped averages filled in"], "^-", color=PALETTE[2], label="damped averages filled in")
right.plot(few, by_descent, "o-", color=PALETTE[0], label="known cells only (FunkSVD)")
right.axhline(bar, color=PALETTE[6], linestyle="--", label="damped averages alone")
for ax in (left, right):
    ax.set(xscale="log", xlabel="factors k (log scale)", ylabel="RMSE on the watched ratings (stars)")
    ax.legend(fontsize=9)
left.set(title="A table full of zeros predicts zeros ...", ylim=(2.3, 2.8))
right.set(title="... a good guess helps, leaving out helps more", ylim=(0.89, 1.02))
alt = (
    "Left: zeros filled in, RMSE 2.4 to 2.7. Right: film means 0.98 and rising; damped averages filled in just below "
    "the dashed line of the averages; FunkSVD lowest, near 0.91, and flat in k."
)
figure_alt(fig, alt)
# %%
at = RANKS.index(8)
show({name: curve[at] for name, curve in by_rank.items()} | {"known cells only": by_descent[1], "averages alone": bar})
# %% [markdown]
# With 8 factors, from top to bottom: **2.4 stars** wrong, when unknown is 0. That colleague did not make a slip. The model did what it was told: make
# the table near 0, where nineteen of twenty cells are 0. With the film's mean filled in, the error is under one star and still worse
# than no factors at all. With both averages filled in it beats them by a little. And where the gaps are *left out*, the error is clearly
# the lowest, and more factors do no harm.
#
# So is the truncated SVD useless? Ask it for a list instead of stars:
# %%
from recsys_lab.evaluate import evaluate_ranking

rankers = {"truncated SVD, 0 for unknown": TruncatedSVD(), "FunkSVD": FunkSVD(precision="float64"), "most rated films": Popularity()}
lists = {name: evaluate_ranking(model.fit(fit_part), watched)["ndcg@10"] for name, model in rankers.items()}
show({f"nDCG@10, {name}": quality.mean for name, quality in lists.items()})
# %% [markdown]
# The order is upside down. As a statement about *taste*, "unknown is 0" is false; as a statement about *choice* it is true:
# they did not choose it (lesson 2.6). Cremonesi, Koren and Turrin (2010) named the model **PureSVD**, and found it ahead of models with
# a far lower RMSE. Hold on to this table. In most of this lesson we predict stars, and we shall be proud of a third
# digit; section 9 comes back to what that is worth.
#
# | | unknown is | found by | its score is | good at |
# |---|---|---|---|---|
# | truncated SVD, "PureSVD" (`TruncatedSVD`) | 0, a fact about choice | linear algebra, exactly | no rating | lists |
# | SVD of a filled table | what averages expect | linear algebra, exactly | a rating | little that the others do not do better |
# | "SVD" of Funk, Surprise, Netflix (`FunkSVD`) | unknown: left out | small steps, nearly | a rating | stars |
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes. Read the notes from the beginning aloud before the last table.
#
# **Misconceptions.** "SVD handles missing values": it cannot; a library that takes a sparse matrix takes the gaps for zeros,
# silently (scikit-learn's `TruncatedSVD` does, and so does SciPy's `svds`). "More factors, better": look at the curves.
#
# **To discuss.** Where in your own data is a 0 a fact, and where is it a `NULL` in disguise?
# %% [markdown]
# ## 2. Learn from one rating at a time
#
# In December 2006 Simon Funk, who was then sharing third place in the Netflix Prize, wrote in his blog how he did it: no
# linear algebra, a loop of a few lines over the known ratings. The model, in the form that has become usual (Koren, Bell and
# Volinsky 2009):
#
# $$\hat r_{ui} = \mu + b_u + b_i + p_u \cdot q_i$$
#
# with $\mu$ the mean of all ratings, $b_u$ how much kinder than others user $u$ is, $b_i$ how much better than others film
# $i$ is. The vectors $p_u$ and $q_i$ only have to say what these three cannot: that *this* user and *this* film go together.
# We look for the numbers that make this as small as possible:
#
# $$L = \sum_{(u,i) \in K} \big( (r_{ui} - \hat r_{ui})^2 + \lambda\, (b_u^2 + b_i^2 + |p_u|^2 + |q_i|^2) \big)$$
#
# The second part is lesson 1.3's ridge: long vectors cost something, and $\lambda > 0$ (`reg`) is the price. Note where it
# stands: *inside* the sum, so it is paid again at every rating. Section 5 asks what that does to whom.
#
# Then stochastic gradient descent, as you wrote it in 1.3, with two vectors to move instead of one. For one rating
# $r_{ui}$, take the error $e = r_{ui} - \hat r_{ui}$, and let everything that took part step downhill, with the rate $\eta$:
#
# $$b_u \leftarrow b_u + \eta\, (e - \lambda b_u) \qquad b_i \leftarrow b_i + \eta\, (e - \lambda b_i)$$
# $$p_u \leftarrow p_u + \eta\, (e\, q_i - \lambda p_u) \qquad q_i \leftarrow q_i + \eta\, (e\, p_u - \lambda q_i)$$
#
# All right-hand sides are those from *before* the step. In words: if the film was liked more than predicted, move the user's vector a
# bit towards the film's, and the film's a bit towards the user's. Everything else follows from that sentence.


# %% exercise="4.1.1"
def step(r, mu, b_u, b_i, p, q, rate, reg):
    """One step for the rating r. Returns the four new values: b_u, b_i (numbers), p, q (arrays of k numbers).

    mu: the mean of all ratings. rate: the length of a step. reg: the price of being far from 0.
    """
    ### BEGIN SOLUTION
    e = r - (mu + b_u + b_i + p @ q)
    new_p = p + rate * (e * q - reg * p)
    new_q = q + rate * (e * p - reg * q)
    return b_u + rate * (e - reg * b_u), b_i + rate * (e - reg * b_i), new_p, new_q
    ### END SOLUTION


# %% check="4.1.1"
step_checked = ex("4.1.1").check(step)


# %% [markdown]
# ### From scratch, then the library, then Surprise
#
# One pass over all ratings is an **epoch**. Yours, in plain Python, is a loop over the known ratings. We take the first of the five folds that
# this course and its benchmarks use everywhere (`k_fold(folds=5, seed=0)`): 80,000 ratings, and so 80,000 steps.
# %%
def epoch_by_hand(ratings, b_user, b_item, P, Q, rate, reg):
    """One step for each known rating, user by user. Changes the four arrays."""
    users = np.repeat(np.arange(ratings.n_users), np.diff(ratings.matrix.indptr))
    for u, i, r in zip(users, ratings.matrix.indices, ratings.matrix.data):
        new = step_checked(r, ratings.mean, b_user[u], b_item[i], P[u], Q[i], rate, reg)
        b_user[u], b_item[i], P[u], Q[i] = new


folds = list(k_fold(data.ratings, folds=5, seed=0))
fold, fold_test = Ratings.from_frame(folds[0][0], scale=(1, 5)), folds[0][1]
# %% [markdown]
# The library's kernel is the same loop, compiled to machine code (`recsys_lab/sgd.py`, forty lines that read like the
# formulas). It wants its tables padded to the width of the processor's registers; `padded` does that with zeros, which
# stay zeros.
# %%
from recsys_lab.sgd import padded, svd_epoch


def epoch_by_kernel(ratings, b_user, b_item, P, Q, rate, reg):
    m = ratings.matrix
    svd_epoch(m.indptr, m.indices, m.data.astype(float), ratings.mean, b_user, b_item, P, Q, rate, reg, 1.0)


# %% [markdown]
# And Surprise, which draws its start itself: normal numbers with mean 0 and standard deviation 0.1, first for all users, then for all films *in the
# order in which it met them*. We draw the same numbers and sort the films as ours are. Then all three do one epoch from
# one start, with Surprise's settings: 100 factors, rate 0.005, price 0.02.
# %%
import surprise

COLUMNS = ["user", "item", "rating"]


def surprise_trainset(frame):
    ordered = frame.sort_values(["user", "item"])[COLUMNS]
    return surprise.Dataset.load_from_df(ordered, surprise.Reader(rating_scale=(1, 5))).build_full_trainset()


def surprise_start(ratings, trainset, k=100, seed=0):
    """(b_user, b_item, P, Q) as Surprise's SVD draws them, rows in our order."""
    draw = np.random.RandomState(seed).normal
    P, Q = (draw(0, 0.1, size=(n, k)) for n in (ratings.n_users, ratings.n_items))
    inner = [trainset.to_inner_iid(item) for item in ratings.items.ids]
    return [np.zeros(ratings.n_users), np.zeros(ratings.n_items), P, Q[inner]]


trainset = surprise_trainset(folds[0][0])
mine = surprise_start(fold, trainset)
epoch_by_hand(fold, *mine, rate=0.005, reg=0.02)
# %%
*biases, P, Q = surprise_start(fold, trainset)
ours = [*biases, padded(P, np.float64), padded(Q, np.float64)]
epoch_by_kernel(fold, *ours, rate=0.005, reg=0.02)

theirs = surprise.SVD(n_epochs=1, random_state=0).fit(trainset)
inner = [trainset.to_inner_iid(item) for item in fold.items.ids]
tables = {"b_user": theirs.bu, "b_item": theirs.bi[inner], "P": theirs.pu, "Q": theirs.qi[inner]}
for (name, table), hand, kernel in zip(tables.items(), mine, ours):
    kernel = kernel[..., : table.shape[-1]]
    to_hand, to_surprise = np.abs(kernel - hand).max().round(12), np.abs(kernel - table).max().round(10)
    show({f"{name}: largest difference, kernel and hand": to_hand, f"{name}: kernel and Surprise": to_surprise})
# %% [markdown]
# The kernel and your loop agree to twelve digits after the point, the kernel and Surprise to ten, in every one of a quarter of a million
# numbers. (The last bits differ because sums are added up in another order.)
#
# Now let them run: twenty epochs, on all five folds, and predict the test parts, clipped to the scale. For a film without a single rating in the
# training part nothing is learned, and what is left of the formula is $\mu + b_u$, in both libraries.
# %%
def predicted(ratings, b_user, b_item, P, Q, pairs):
    """The formula for each row of the frame `pairs`, clipped to 1..5; what is not known counts 0."""
    u, i = ratings.users.rows(pairs["user"]), ratings.items.rows(pairs["item"])
    known = i >= 0
    score = ratings.mean + b_user[u]
    score[known] += b_item[i[known]] + np.einsum("nk,nk->n", P[u[known]], Q[i[known]])
    return np.clip(score, 1, 5)


rows = []
for fold_frame, test_frame in folds:
    part, trainset = Ratings.from_frame(fold_frame, scale=(1, 5)), surprise_trainset(fold_frame)
    *biases, P, Q = surprise_start(part, trainset)
    learned = [*biases, padded(P, np.float64), padded(Q, np.float64)]
    for _ in range(20):
        epoch_by_kernel(part, *learned, rate=0.005, reg=0.02)
    answers = surprise.SVD(random_state=0).fit(trainset).test(list(test_frame[COLUMNS].itertuples(index=False, name=None)))
    said = {"Surprise": [a.est for a in answers], "the kernel, same start": predicted(part, *learned, test_frame)}
    said["FunkSVD.surprise(), own start"] = FunkSVD.surprise().fit(part).predict(test_frame)
    rows.append({name: rmse(test_frame["rating"], p) for name, p in said.items()})
by_fold = pd.DataFrame(rows, index=pd.Index(range(1, 6), name="fold"))
show(by_fold, digits=5)
show({f"mean of five, {name}": value for name, value in by_fold.mean().items()})
# %% [markdown]
# **The same folds, the same start, the same RMSE**, to the last digit shown. Twenty epochs are 1.6 million steps, and they stayed together.
# In the last column the library draws its own start, with the same settings (`FunkSVD.surprise()` holds them), and each fold moves by
# a few thousandths. That is not a difference of libraries but of dice, and section 6 measures how large it is.
#
# What is the kernel for, then? It runs at about nine times the speed of Surprise's, which is compiled as well, in double
# precision, and at fourteen times in single (benchmarks/RESULTS.md; over your Python loop the factor is in the hundreds). The formulas are
# the same, so the time is all in the loop: one pass over the $k$ numbers does the update for this rating *and* the dot product
# for the next.
#
# %% [markdown] instructor=true
# **Timing.** 60 minutes with the exercise. Do one step on the board with k = 1 first.
#
# **Misconceptions.** "Surprise's SVD is an SVD": there is no orthogonality anywhere, print P.T @ P. "The order of the ratings
# does not matter": each step starts where the last one ended; shuffle, and the digits change.
#
# **To discuss.** Two libraries agree on the RMSE to three digits. What does that prove? (Little: see exercise 4.1.1's most
# common bug, which costs next to nothing in RMSE.) What did the comparison after *one* epoch from *one* start prove?
# %% [markdown]
# ## 3. Where to start, and how far to step
#
# Why does everybody begin with random numbers? It looks like laziness. Zeros would be tidier, and reproducible without a
# seed. Before you run anything:


# %% exercise="4.1.2"
### BEGIN SOLUTION
starts = (0, 1, 5)
### END SOLUTION


# %% check="4.1.2"
starts_checked = ex("4.1.2").check(starts)
# %% [markdown]
# Now ask the machine. The rank of a matrix is the number of columns that are not made of the others, and `matrix_rank`
# counts it:
# %%
tidy = {
    "all zeros": lambda n: np.zeros((n, 5)),
    "all 0.1": lambda n: np.full((n, 5), 0.1),
    "random": lambda n: np.random.default_rng(n).normal(0, 0.1, (n, 5)),
}
for name, fill in tidy.items():
    state = [np.zeros(fit_part.n_users), np.zeros(fit_part.n_items)]
    state += [padded(fill(n), np.float64) for n in (fit_part.n_users, fit_part.n_items)]
    for _ in range(20):
        epoch_by_kernel(fit_part, *state, rate=0.005, reg=0.02)
    error = rmse(stars, predicted(fit_part, *state, watched))
    print(f"{name:<10} columns worth having: {np.linalg.matrix_rank(state[3], tol=1e-6)}   watched RMSE {error:.4f}")
# %% [markdown]
# The chance is there to make the columns *different*. That is all, but nothing works without it.
#
# ### One rating, hammered
#
# And the rate? Put one rating through your `step` again and again, without any price. If $e$ is the error before a step and
# $e'$ the error after it, a little algebra (multiply out the product of the two new vectors) says
#
# $$e' = e\, \big(1 - \eta\, (2 + |p_u|^2 + |q_i|^2) - \eta^2 e\; p_u \cdot q_i\big)$$
#
# The last term is small for small rates. Look at the middle one: the step multiplies the error by one minus the rate times
# *the squared lengths of the vectors*. While that product stays below 1, the error shrinks. Between 1 and 2 it changes its sign each time,
# and still shrinks. Beyond 2, every step leaves a larger error than it found. With $p$ and $q$ of length 1:
# %%
def hammered(rate, steps=5):
    b_u, b_i, p, q = 0.0, 0.0, np.array([1.0, 0.0]), np.array([0.0, 1.0])
    errors = [1.0]
    for _ in range(steps):
        b_u, b_i, p, q = step_checked(1.0, 0.0, b_u, b_i, p, q, rate, 0.0)
        errors.append(1.0 - (b_u + b_i + p @ q))
    return errors


show(pd.DataFrame({f"rate {rate}": hammered(rate) for rate in (0.1, 0.4, 0.7)}).rename_axis("steps"), digits=3)
# %% [markdown]
# You know this: it is a retry without backoff. Each answer to an overload makes more load. And there is a second turn of the screw: the wild steps make $p$ and
# $q$ *longer*, and longer vectors make the next step wilder.
#
# ### On the real data
#
# The function runs epochs and writes down two errors after each: on 8,000 ratings that it learns from, and on the
# watched ones.
# %%
asked = fit_frame.sample(8000, random_state=0)


def curve(rate=0.005, reg=0.02, sd=0.1, k=64, epochs=100, seed=0):
    """RMSE after each epoch, on ratings that were learned from and on the watched ones: array (epochs, 2)."""
    draw = np.random.default_rng(seed).normal
    state = [np.zeros(fit_part.n_users), np.zeros(fit_part.n_items)]
    state += [padded(draw(0, sd, (n, k)), np.float64) for n in (fit_part.n_users, fit_part.n_items)]
    errors = []
    for _ in range(epochs):
        epoch_by_kernel(fit_part, *state, rate=rate, reg=reg)
        errors.append([rmse(part["rating"], predicted(fit_part, *state, part)) for part in (asked, watched)])
    return np.array(errors)


by_rate = {rate: curve(rate=rate, epochs=30) for rate in (0.001, 0.005, 0.02, 0.1)}

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), sharex=True)
for (rate, errors), marker in zip(by_rate.items(), "os^D"):
    for ax, column in ((left, 0), (right, 1)):
        ax.plot(np.arange(1, 31), errors[:, column], marker=marker, markersize=3, label=f"rate {rate}")
right.axhline(bar, color=PALETTE[6], linestyle="--", label="damped averages")
left.set(title="A larger rate learns the ratings sooner ...", xlabel="epochs", ylabel="RMSE, ratings learned from (stars)")
right.set(title="... and never gets as low on others", xlabel="epochs", ylabel="RMSE, watched ratings (stars)", ylim=(0.92, 1.1))
left.legend()
alt = (
    "Left: training error falls for all rates, the faster the larger the rate. Right: watched error; rate 0.1 starts above "
    "1.0 and rises, 0.02 has its minimum early, 0.005 at about 20 epochs, 0.001 is still falling."
)
figure_alt(fig, alt)
# %% [markdown]
# On the left, everybody gets better all the time: the training error praises the largest rate. On the right, the same runs on ratings
# that they have not seen. Rate 0.1 is never even as good as the averages. Rate 0.02 is at its best after a few epochs,
# and then learns things that are not so.
#
# One notch further up:
# %%
from recsys_lab.errors import DataError

try:
    FunkSVD.surprise(rate=0.2).fit(fit_part)
except DataError as error:
    print(error)
# %% [markdown]
# It takes less than an epoch to leave the numbers that a computer can hold. The library looks after every epoch, and says
# so. A loop without this check returns `NaN` for every film, and `NaN` passes through most dashboards unnoticed.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise. The hammer fits on the board: k = 1, numbers by hand.
#
# **Misconceptions.** "A smaller rate only takes longer": look at the minima in the right-hand figure; to a point it also gets
# *lower*. "Diverged means that the data is bad": halve the rate first.
#
# **To discuss.** What is the equivalent of "the error after a step is larger than before" for a retry policy, a cache that
# refreshes, an autoscaler?
# %% [markdown]
# ## 4. When to stop
#
# The right-hand curves have a shape that you will meet for the rest of your life: down, flat, up. Count why it must go up.
# %%
parameters = (fit_part.n_users + fit_part.n_items) * (64 + 1)
show(numbers_to_learn=parameters, ratings_to_learn_from=fit_part.matrix.nnz, per_rating=parameters / fit_part.matrix.nnz)
# %% [markdown]
# More than two numbers for each rating. Such a model can learn its ratings *by heart*, and given time, it will. There are two
# brakes. The first is to stop in time. Nobody knows beforehand when that is, so one watches, and stops when nothing has got
# better for a while. The **patience** says how long a while is.


# %% exercise="4.1.3"
def best_epoch(errors, patience):
    """The number of the epoch whose model is kept; epochs count from 1.

    errors: the watched error after epoch 1, 2, ... The run ends once `patience` epochs in a row were no new best.
    """
    ### BEGIN SOLUTION
    best = 1
    for epoch, error in enumerate(errors, 1):
        if error < errors[best - 1]:
            best = epoch
        elif epoch - best >= patience:
            break
    return best
    ### END SOLUTION


# %% check="4.1.3"
best_epoch_checked = ex("4.1.3").check(best_epoch)
# %% [markdown]
# The second brake is the price $\lambda$. Three prices, 64 factors, a hundred epochs each, with a dot where your function
# would have stopped. The third run starts closer to 0 as well (standard deviation 0.01 instead of 0.1), as the library
# does by default: what is not needed can then stay near 0.
# %%
prices = {
    "price 0.001": {"reg": 0.001},
    "price 0.02 (Surprise)": {"reg": 0.02},
    "price 0.09, start 0.01 (FunkSVD)": {"reg": 0.09, "sd": 0.01},
}
by_price = {name: curve(**options) for name, options in prices.items()}

fig, ax = plt.subplots(figsize=(8, 4.8))
stops = {}
for (name, errors), colour in zip(by_price.items(), (PALETTE[1], PALETTE[4], PALETTE[0])):
    epochs = np.arange(1, len(errors) + 1)
    ax.plot(epochs, errors[:, 1], color=colour, label=f"{name}: watched")
    ax.plot(epochs, errors[:, 0], color=colour, linestyle=":", label="learned from")
    stops[name] = best_epoch_checked(errors[:, 1], patience=5)
    ax.plot(stops[name], errors[stops[name] - 1, 1], "o", color=colour, markersize=9)
ax.axhline(bar, color=PALETTE[6], linestyle="--", linewidth=1, label="damped averages")
ax.set(xlabel="epochs", ylabel="RMSE (stars)", ylim=(0.55, 1.05))
ax.set_title("Stopping saves a cheap model; a fair price makes a better one")
ax.legend(fontsize=9, ncols=2)
alt = (
    "RMSE by epoch: with prices 0.001 and 0.02 the watched error has a minimum near 0.94 within 25 epochs and rises; "
    "with 0.09 it falls slowly to 0.91 at epoch 100."
)
figure_alt(fig, alt)
# %%
found = {name: (stop, by_price[name][stop - 1, 1], by_price[name][-1, 1]) for name, stop in stops.items()}
show(pd.DataFrame(found, index=["stopped after epoch", "RMSE there", "RMSE after 100"]).T)
# %% [markdown]
# - **Without a price worth mentioning**, the dotted line dives to where nothing is left to learn, and the watched error turns around
#   early. Stopping at the dot saves most of what can be saved, and it is a hair better than the averages. A hundred epochs are
#   worse than no factors at all, by far.
# - **Surprise's defaults** (price 0.02, twenty epochs) are this middle line, ended near its minimum. The twenty *is* its second brake. Somebody who
#   raises `n_epochs` to 100 "to be on the safe side" ends above the averages.
# - **With a price of 0.09** nothing has turned around after a hundred epochs, and the error is in another class. Four times the
#   price, and it learns less by heart and more that is true of others.
#
# The two brakes are not the same. Stopping early hinders all directions alike, the true ones too. A price
# hinders most what is supported least.
#
# A word of caution. The dots were chosen *on* the watched ratings, and so was the 0.09 (by the library's author, on another part). The
# error that one reports must come from ratings that chose nothing: section 9.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise. Show the legend first and let people draw the three curves before the cell runs.
#
# **Misconceptions.** "Early stopping is a trick for saving time": here it *is* the regularisation. "Overfitting means that the
# training error is low": it means that the other one rises.
#
# **To discuss.** A nightly job trains with a fixed number of epochs, and the data doubles. What happens to its brake?
# %% [markdown]
# ## 5. Who pays the price?
#
# The price stands inside the sum over the ratings, so whoever has more ratings pays more often. Is that fair? Is it even noticeable?
# Take the simplest case there is.


# %% exercise="4.1.4"
### BEGIN SOLUTION
pulled = (1 / 1.25, 100 / 125, 1 / 1.25, 100 / 100.25)
### END SOLUTION


# %% check="4.1.4"
pulled_checked = ex("4.1.4").check(pulled)
# %% [markdown]
# Now the real users. Fix the films' vectors of a fitted model, and solve for each user's $b_u$ and $p_u$ exactly: a ridge regression on
# their own ratings, which is how lesson 2.7 folded newcomers in. The two versions differ in one number,
# the price $\lambda_u$ of user $u$'s vector. Once it is $\lambda n_u$, with $n_u$ for the number of the user's ratings; that is what the
# steps amount to. And once it is the same for all, so large that a user with the median number of ratings pays the same as before.
# %%
from recsys_lab.factors import ridge

model = FunkSVD(precision="float64").fit(fit_part)
n_ratings = np.diff(fit_part.matrix.indptr)
LAMBDA = model.reg


def solved(price_of):
    """A copy of the model in which each user's bias and vector are solved for at the price price_of(n)."""
    copy = FunkSVD(precision="float64", epochs=1).fit(fit_part)
    copy.q_, copy.x_ = model.q_, np.empty_like(model.x_)
    copy.biases_ = model.biases_._replace(user=np.empty(fit_part.n_users))
    for u in range(fit_part.n_users):
        columns, values = fit_part.of(u)
        q = np.column_stack([model.q_[columns], np.ones(len(columns))])  # the bias is one more factor, with q = 1
        d = values - model.biases_.mean - model.biases_.item[columns]
        *copy.x_[u], copy.biases_.user[u] = ridge(q, d, price_of(len(columns)))
    return copy


median = np.median(n_ratings)
paid = {"paid at each rating": solved(lambda n: LAMBDA * n), "the same for all": solved(lambda n: LAMBDA * median)}
# %% [markdown]
# How long does each user's vector become?
# %%
fig, ax = plt.subplots(figsize=(8, 4.6))
for (name, one), colour, marker in zip(paid.items(), PALETTE, "os"):
    ax.scatter(n_ratings, np.linalg.norm(one.x_, axis=1), s=9, alpha=0.4, color=colour, marker=marker, label=name)
ax.axvline(median, color=PALETTE[6], linestyle="--", linewidth=1, label="median number of ratings")
ax.set(xscale="log", xlabel="ratings of the user (log scale)", ylabel="length of the user's vector")
ax.set_title("The price decides whether the newcomer or the veteran is believed")
ax.legend()
alt = "Length of user vectors against ratings: paid at each rating it falls from 1.3 to 0.8, the same for all it rises from 0.6 to 3."
figure_alt(fig, alt)
# %%
groups = pd.cut(n_ratings, [0, 25, 50, 100, 200, 1000], labels=["up to 25", "26-50", "51-100", "101-200", "more"])
lengths = pd.DataFrame({name: np.linalg.norm(one.x_, axis=1) for name, one in paid.items()}).groupby(groups, observed=True)
by_group = lengths.median().rename_axis("ratings")
by_group["users"] = lengths.size()
show(by_group, digits=3)
# %% [markdown]
# A surprise, and against most people's guess: with the price paid at each rating, **the vectors get shorter the more somebody
# has rated**. Newcomers have the longest. Why not equally long, as in the exercise? There, everybody's ratings agreed. Here, few
# ratings are explained by *some* vector all too easily, chance included, and a price that is so low for them lets it happen; many ratings contradict each other, and only what they have
# in common is left. With one price for all, it is the other way round: who has rated little stays near the averages, and has
# to earn a vector.
#
# Which is better? One would bet on the second. Ask the watched ratings, pair by pair as in lesson 1.5:
# %%
from recsys_lab.evaluate import compare, evaluate_ratings

verdict = compare({name: evaluate_ratings(one, watched) for name, one in paid.items()}, metric="rmse", against="the same for all")
squares = pd.DataFrame({name: (one.predict(watched) - stars) ** 2 for name, one in paid.items()})
errors = np.sqrt(squares.groupby(groups[u], observed=True).mean()).rename_axis("ratings of the user")
show(errors)
verdict[["model", "other", "difference", "low", "high", "better"]].round(4)
# %% [markdown]
# TODO
