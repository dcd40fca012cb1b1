# ---
# lesson:
#   id: "1.2"
#   title: "The linear algebra you need"
#   phase: 1
#   minutes: 240
#   prerequisites: ["1.1"]
#   objectives:
#     - "Say when the dot product and when the cosine is the right similarity, and what popularity has to do with it"
#     - "Store ratings as CSR, count its bytes, and never take a stored zero for an unknown"
#     - "Read a matrix product as a join with GROUP BY, and a projection as a best fit"
#     - "Find eigenvectors by repeated multiplication, and say how fast that settles"
#     - "Take a matrix apart into layers with the SVD, keep the few that matter, and know the error before you look"
# ---
# %% [markdown]
# ## What you already know
#
# You have done linear algebra in SQL for years, under other names. A `JOIN` followed by `SUM ... GROUP BY` *is* a
# matrix product. An index that says where each user's rows begin *is* a sparse matrix. What is new in this lesson is
# the picture: rows of a table become arrows in a space, and questions such as "how alike are these two films?" become
# questions about lengths and angles.
#
# | you know | here it is called |
# |---|---|
# | one column of a wide table | a vector |
# | `SUM(a.x * b.x)` over a join | the dot product of two vectors |
# | a pivot table, users down and films across | a matrix |
# | `JOIN ... USING (film)`, then `SUM(...) GROUP BY user` | a matrix times a vector |
# | a clustered index with the offset of each key | the format CSR |
# | `NULL`, as against the number 0 | an entry that is not stored, as against a stored zero |
# | lossy compression | low-rank approximation |
#
# You need no more of it than this for the whole course. Every idea is met on real films, and the formulas stand next
# to the code that computes them.
#
# %% [markdown] instructor=true
# **Timing (240 minutes alone, three sessions of 80 in class).** Session one: sections 1 to 3 with exercise 1. Session
# two: sections 4 to 6 with exercises 2 to 4. Session three: sections 7 and 8 with exercises 5 and 6, then the quiz.
#
# **Prepare.** Ask who still remembers what an eigenvector is. Nobody should be ashamed: the definition is one line,
# and what gets lost over the years is the picture. Have everybody bring one film that they love and few people know.
# %%
import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course import figure_alt, my_ratings, show, start

ex, quiz = start("1.2")
# %% [markdown]
# ## 1. A film is a list of numbers
#
# What does a computer know about *Snow White and the Seven Dwarfs*? In this course, to begin with, one thing: who
# gave it how many stars. Pivot the ratings of lesson 1.1 into a table with one row a user and one column a film, and
# write 0 where there is no rating. (That 0 is a convenience, and a dangerous one. Section 4 comes back to it.)
# %%
movielens = datasets.load("ml-100k")
ratings = movielens.ratings
pivot = ratings.pivot(index="user", columns="item", values="rating")
A = pivot.fillna(0).to_numpy()
titles = my_ratings.shelf(movielens)["title"].loc[pivot.columns].to_numpy()  # "The Graduate", not "Graduate, The"


def column(title):
    return list(titles).index(title)


SNOW = column("Snow White and the Seven Dwarfs")
x = A[:, SNOW]
show(shape_of_A=A.shape, snow_white=x[:15], raters=int((x > 0).sum()))
# %% [markdown]
# The column of a film, 943 numbers, is its **vector**. A list of numbers is an address in a space: two numbers are a
# point on a sheet of paper, three a point in a room, 943 a point in a space that nobody can picture. But all that we
# shall do there, measuring lengths and angles, works with the formulas of the sheet of paper, so think of the paper.
# We write vectors in small letters ($x$), their entries with an index ($x_i$), and tables of numbers, **matrices**,
# in capitals ($A$).
#
# How long is the arrow from the origin to the point $x$? Pythagoras says: square the entries, add them up, take the
# root. That is the **norm**, or length:
#
# $$\lVert x \rVert = \sqrt{\sum_{i=1}^{m} x_i^2}$$
#
# with $m$ the number of entries, here the 943 users. In SQL it would be `SQRT(SUM(rating * rating))`.
# %%
show(by_hand=np.sqrt((x**2).sum()), by_numpy=np.linalg.norm(x))
# %% [markdown]
# Fifty of what? Nothing that one could picture. So compare: here are the lengths of *all* films, against the number
# of people who rated them.
# %%
norms = np.linalg.norm(A, axis=0)
counts = (A > 0).sum(axis=0)
typical = np.sqrt((ratings["rating"] ** 2).mean())

fig, ax = plt.subplots()
ax.scatter(counts, norms, s=10, alpha=0.4, label="a film")
n = np.array([1, 600])
ax.plot(n, typical * np.sqrt(n), color="#D55E00", label=f"{typical:.1f} times the root of the number")
for name in ("Star Wars", "Snow White and the Seven Dwarfs"):
    ax.annotate(name, (counts[column(name)], norms[column(name)]), (-6, 8), textcoords="offset points", ha="right")
ax.set(xscale="log", yscale="log", xlabel="people who rated it", ylabel="length of its vector")
ax.set_title("The length of a film's vector is its popularity")
ax.legend(loc="lower right")
alt = "Length against raters, both on log scales: all films lie close to one line, 3.7 times the root."
figure_alt(fig, alt)
# %% [markdown]
# The films lie on a line, nearly. That makes sense: $\lVert x \rVert^2$ adds up one square for each rater, and the
# mean of these squares over all ratings is $3.7^2$. A rating lies between 1 and 5, while the number of raters runs
# from 1 to several hundred. **A long vector is a film that many people rated.** How good it is hardly shows, except
# at the far left, where a handful of people decide. Keep that in mind for the next page.
#
# ## 2. The same direction, or only long?
#
# To *see* directions, shrink the space from 943 users to two groups. Add up all stars that a film got from users
# under 30, and all it got from users of 30 and over. Each film is now a vector with two numbers, and fits on paper.
# %%
age = movielens.users.set_index("user")["age"].loc[pivot.index].to_numpy()
groups = np.array([A[age < 30].sum(axis=0), A[age >= 30].sum(axis=0)])

fig, ax = plt.subplots(figsize=(7, 4.6))
for name in ("Star Wars", "Scream", "The English Patient", "Happy Gilmore", "Being There"):
    px, py = groups[:, column(name)]
    ax.plot([0, px], [0, py], "-", marker="o", markevery=[1])
    ax.annotate(name, (px, py), (6, 4), textcoords="offset points")
ax.set(xlabel="stars from users under 30", ylabel="stars from users of 30 and over")
ax.set(xlim=(0, 1450), ylim=(0, 1450), aspect="equal")
ax.set_title("Length is fame, direction is audience")
alt = "Five films as arrows: Scream and Happy Gilmore low, The English Patient and Being There steep."
figure_alt(fig, alt)
# %% [markdown]
# *Scream* and *The English Patient* are about equally long: equally popular. But they point in different directions,
# because different people watched them. *Happy Gilmore* is a short arrow that points almost where *Scream* does, only
# further down; *Being There* is a short one on the other side. Which pairs are alike?
#
# The first candidate for an answer is the **dot product** of two vectors $x$ and $y$. Multiply entry by entry, and add
# up:
#
# $$x \cdot y = \sum_{i=1}^{m} x_i\, y_i$$
#
# A user who rated only one of the two films adds 0. Somebody who gave both five stars adds 25. So the dot product
# counts the *common audience*, weighted by its stars; it is `SUM(a.rating * b.rating)` over a self-join. Which films
# have the largest dot product with *Snow White*, over all 943 users? Ask the database, and NumPy (`A.T @ x` is the
# dot product of every column of `A` with `x`):
# %%
query = f"""
    SELECT b.item, sum(a.rating * b.rating) AS dot
    FROM ratings AS a JOIN ratings AS b USING (user)
    WHERE a.item = {pivot.columns[SNOW]}
    GROUP BY b.item ORDER BY dot DESC, b.item
"""
by_sql = duckdb.sql(query).df().set_index("item")["dot"]
dots = A.T @ x
difference = by_sql.reindex(pivot.columns, fill_value=0).to_numpy() - dots
show(largest_difference=np.abs(difference).max())


def top(scores, n=7):
    best = np.argsort(-scores, kind="stable")[:n]
    return pd.DataFrame({"title": titles[best], "score": scores[best], "raters": counts[best]})


top(dots).round(0)
# %% [markdown]
# The two agree, and the answer is nonsense. The film most similar to *Snow White* is *Star Wars*? And *Snow White
# itself* comes third? Look at the column `raters`, and you see what the dot product rewards. *Star Wars* was rated by
# 583 people; enough of them rated *Snow White* as well. It would be high on everybody's list.
#
# The remedy is to take the length out, and look at the direction only. The **cosine** of the angle between two
# vectors is their dot product, divided by both lengths:
#
# $$\cos(x, y) = \frac{x \cdot y}{\lVert x \rVert\, \lVert y \rVert}$$
#
# It is 1 if both point in the same direction, however long they are, and 0 if they stand at a right angle. For
# ratings, which are never negative, it cannot fall below 0. First the films of the picture:
# %%
pairs = [
    ("Scream", "The English Patient"),
    ("Scream", "Happy Gilmore"),
    ("The English Patient", "Being There"),
]
rows = []
for first, second in pairs:
    u, v = groups[:, column(first)], groups[:, column(second)]
    rows.append((first, second, u @ v, u @ v / (np.linalg.norm(u) * np.linalg.norm(v))))
show(pd.DataFrame(rows, columns=["x", "y", "dot product", "cosine"]), digits=3)


# %% [markdown]
# The dot product calls the two *famous* films alike. The cosine says what the picture says: each goes with the short
# arrow on its own side. Now do it in the full space.
# %% exercise="1.2.1"
def cosines(A, j):
    """The cosine of film j with every film: array (n_films,).

    A: array (n_users, n_films) of stars, 0 where there is no rating. j: the column number of a film.
    """
    ### BEGIN SOLUTION
    dots = A.T @ A[:, j]
    lengths = np.sqrt((A**2).sum(axis=0))
    below = lengths * lengths[j]
    return np.divide(dots, below, out=np.zeros(len(dots)), where=below > 0)
    ### END SOLUTION


# %% check="1.2.1"
cosines_checked = ex("1.2.1").check(cosines)
# %% [markdown]
# The same question as above, to the cosine:
# %%
similar = np.asarray(cosines_checked(A, SNOW))
top(similar).round(2)
# %% [markdown]
# *Snow White* first, as it should be, and then *Beauty and the Beast*, *Cinderella*, *Pinocchio*: nobody told the
# computer that these are animated fairy tales. It found out from who rated them. That is the core of collaborative
# filtering, and it fits into one formula.
#
# Here are all films, by both measures:
# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 4))
for ax, scores, name in zip(axes, (dots, similar), ("dot product", "cosine")):
    best = np.argsort(-scores, kind="stable")[:11]
    best = best[best != SNOW][:10]
    ax.scatter(counts, scores, s=10, alpha=0.3, color="#56B4E9", label="a film")
    ax.scatter(counts[best], scores[best], s=24, color="#D55E00", label="the ten nearest")
    ax.set(xlabel="people who rated it", ylabel=f"{name} with Snow White", title=f"By {name}")
axes[0].legend(loc="upper left")
fig.suptitle("The dot product asks the famous, the cosine asks the neighbours", fontweight="bold")
alt = "Scores against raters. Dot product: a rising band, top ten on the right. Cosine: mostly left."
figure_alt(fig, alt)
# %% [markdown]
# On the left, a band that rises with fame; the ten nearest are simply at its end. On the right, the ten nearest come
# from the middle, and *Pinocchio* with its 101 raters beats *Star Wars* with 583. (The cosine is not blind to fame:
# films that almost nobody rated have hardly anybody in common with *Snow White*, so they score low.) Nor is the dot
# product wrong. If the question is "what will be clicked most?", fame is part of the answer. Know which of the two
# you are asking.
#
# One warning for later. How much do the *stars* matter in all this? Replace every rating by a 1, and compare the two
# lists of cosines by their *correlation*: 1 if they rise and fall together, 0 if one says nothing about the other.
# %%
of_ones = cosines_checked((A > 0).astype(float), SNOW)
show(correlation_of_the_two_cosines=np.corrcoef(similar, of_ones)[0, 1])
# %% [markdown]
# Hardly at all. As long as an unrated film counts as 0, the cosine compares *audiences*: who rated the film, far more
# than how they liked it. Lesson 2.2 is about tastes, and compares two people only on films that both have rated.
#
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 50 minutes with the exercise. Let everybody look up the neighbours of their own film,
# by both measures, before you explain the difference.
#
# **Misconceptions.** "The cosine ignores the stars": (5, 1) and (1, 5) have cosine 10/26. "A cosine of 0.7 means 70 %
# alike": it is an angle of 45 degrees, no percentage. "0 means disliked": no, unknown; hold the question until
# section 4.
#
# **To discuss.** Your search engine returns embeddings. Dot product or cosine? (Ask how they were trained, and
# whether popular things *should* win.)
# %% [markdown]
# ## 3. A table that multiplies
#
# The line `A.T @ x` did 1,682 dot products at once. It is worth knowing exactly what `@` does, because it is most of
# what machine learning does all day.
#
# **A matrix times a vector.** $Aw$ is a vector with one number for each row of $A$: the dot product of that row with
# $w$,
#
# $$(A w)_u = \sum_{i} A_{ui}\, w_i$$
#
# where $u$ counts rows (users) and $i$ columns (films). Read it as SQL: join the ratings with a table of weights,
# `SUM` the products, `GROUP BY user`. As weights take a 1 for each horror film and 0 for all others. Then $Aw$ is how
# many stars each user has spent on horror:
# %%
genres = movielens.items.set_index("item")["genres"].loc[pivot.columns]
w = genres.str.contains("Horror").to_numpy().astype(float)
spent = A @ w

weights = pd.DataFrame({"item": pivot.columns, "weight": w})
query = """
    SELECT user, sum(rating * weight) AS spent
    FROM ratings JOIN weights USING (item) GROUP BY user ORDER BY user
"""
by_sql = duckdb.sql(query).df()["spent"].to_numpy()
show(largest_difference=np.abs(by_sql - spent).max(), most_stars_by_one_user=spent.max())
# %% [markdown]
# **A matrix times a matrix** does this for many weight vectors at once, one for each column of the second. The inner
# sides must match: $(943 \times 1682)$ times $(1682 \times 18)$ is $(943 \times 18)$, say users by genres. The
# **transposed** matrix $A^\top$ has rows and columns swapped; you need it when the sides do not match, and *only*
# when you know why. A square matrix accepts every order without complaint.
#
# The most useful product of this course is $A^\top A$: each column of $A$ with each other column. It is the full
# self-join.
# %%
S = A.T @ A
show(shape=S.shape, symmetric=np.array_equal(S, S.T))
show(its_diagonal_is_the_squared_lengths=np.allclose(np.diag(S), norms**2))
show(share_known_in_A=np.mean(A > 0), share_not_zero_in_S=np.mean(S > 0))
show(pairs_by_the_most_active_user=int((A > 0).sum(axis=1).max()) ** 2)
# %% [markdown]
# One row of $S$ is what you computed for *Snow White*. Look at the two shares: 6 % of $A$ is filled, but 70 % of $S$.
# The most active user alone makes half a million pairs. You know the effect from joins that explode, and it is why
# lesson 2.3 keeps only the strongest neighbours of each film.
#
# %% [markdown] instructor=true
# **Timing.** 20 minutes. Do one 2 x 3 by 3 x 2 product on the board, by hand, aloud, as a join.
#
# **Misconception.** "If the shapes fit, the product is right." Ask for the meaning of each axis before each product:
# users by films, times films by genres.
#
# **To discuss.** Which of the tables in your own system are matrices, and which products of them do you already
# compute?
# %% [markdown]
# ## 4. Store only what is known
#
# How large is $A$? It has 943 times 1,682 cells of 8 bytes, and 94 % of them hold a 0 that says "unknown". For
# ml-100k that is a nuisance. For its largest sister, ml-32m, it is out of the question:
# %%
sets = pd.DataFrame({"users": [943, 200_948], "films": [1682, 87_585], "ratings": [100_000, 32_000_204]})
sets.index = ["ml-100k", "ml-32m"]
cells = sets["users"] * sets["films"]
sets["known, %"] = 100 * sets["ratings"] / cells
sets["dense, MB"] = cells * 8 / 1e6
show(sets, digits=3)
# %% [markdown]
# 140 GB for 32 million ratings. Nobody would design a database like that. You would store one row for each rating:
# user, film, stars. In linear algebra this list has a name, **COO** (coordinates), and `ratings` has been one all
# along.
#
# A list is fine to append to. But "all ratings of user 7" means a scan, and the algorithms of this course ask that
# question millions of times. So sort the list by user, and remember where each user begins. That is a clustered
# index, and its name is **CSR**, *compressed sparse row*. You have seen one made in lesson 1.1, where every user had
# rated something. Now for any table. Take a small one, with five ratings and 15 unknowns:
#
# | | film 0 | film 1 | film 2 | film 3 | film 4 |
# |---|---|---|---|---|---|
# | **row 0** | 5 | | 3 | | |
# | **row 1** | | | | | |
# | **row 2** | | 4 | | 2 | |
# | **row 3** | 1 | | | | |
#
# As CSR it becomes three arrays:
# %%
fig, ax = plt.subplots(figsize=(8, 3.2))
layout = {"data": [5, 3, 4, 2, 1], "indices": [0, 2, 1, 3, 0]}
colours = ["#0072B2", "#0072B2", "#D55E00", "#D55E00", "#009E73"]
for height, (name, entries) in zip((1, 2), layout.items()):
    ax.text(-0.9, height, name, ha="right", va="center", fontweight="bold")
    for place, (entry, colour) in enumerate(zip(entries, colours)):
        ax.text(place, height, str(entry), ha="center", va="center", color=colour, fontsize=15)
ax.text(-0.9, 3.4, "indptr", ha="right", va="center", fontweight="bold")
for begin, height, row in ((0, 3.4, "row 0"), (2, 3.4, "row 1, row 2"), (4, 3.4, "row 3"), (5, 3.4, "end")):
    ax.plot([begin - 0.5, begin - 0.5], [0.5, 3.1], color="#999999", linewidth=1)
    ax.text(begin - 0.5, height, "2, 2" if begin == 2 else str(begin), ha="center", va="center", fontsize=15)
    ax.text(begin - 0.5, height + 0.6, row, ha="center", va="center", color="#666666")
ax.set(xlim=(-2.2, 5.2), ylim=(0.3, 4.5))
ax.set_axis_off()
ax.set_title("CSR: indptr says where each row begins")
alt = "data 5 3 4 2 1; indices 0 2 1 3 0; indptr 0 2 2 4 5: row 1 is empty, it begins where row 2 does."
figure_alt(fig, alt)
# %% [markdown]
# - `data` holds the values, row after row: first all of row 0, then all of row 1, ...
# - `indices` holds the column number of each value.
# - `indptr` ("index pointer") says where each row begins. Row $r$ is the slice from `indptr[r]` to `indptr[r + 1]`.
#   An empty row begins and ends at the same place, as row 1 does here. The last entry is the end of the last row, so
#   there is one entry more than rows.


# %% exercise="1.2.2"
def to_csr(rows, columns, values, n_rows):
    """The ratings as three arrays: (data, indices, indptr).

    rows, columns, values: arrays (n_ratings,), in any order. n_rows: how many rows there are, empty ones
    included. indptr has n_rows + 1 entries.
    """
    ### BEGIN SOLUTION
    order = np.lexsort((columns, rows))
    counts = np.bincount(rows, minlength=n_rows)
    return values[order], columns[order], np.concatenate([[0], np.cumsum(counts)])
    ### END SOLUTION


# %% check="1.2.2"
to_csr_checked = ex("1.2.2").check(to_csr)
# %% [markdown]
# Now all ratings of a user are one slice. Rows and columns count from 0, so user 7, the seventh, is row 6:
# %%
user_rows = pivot.index.get_indexer(ratings["user"])
film_columns = pivot.columns.get_indexer(ratings["item"])
stars = ratings["rating"].to_numpy()
data, indices, indptr = to_csr_checked(user_rows, film_columns, stars, len(pivot))

seven = slice(indptr[6], indptr[7])
show({"user 7": f"{indptr[7] - indptr[6]} ratings", "begins at": int(indptr[6])})
show({"the first three": [str(t) for t in titles[indices[seven]][:3]], "stars": data[seven][:3]})
# %% [markdown]
# What does it cost? A value takes 8 bytes and a column number 4 (32 bits are enough for two billion columns; lesson
# 1.1 spent 8, and so counted half a gigabyte for ml-32m). An entry of COO takes 4 more for its row; CSR replaces
# these by one offset of 4 bytes for each *user* (8, once there are more than two billion ratings). Draw all three
# against the share of the cells that is known, for a table as large as ours:
# %%
m, n = A.shape
share = np.linspace(0, 1, 101)
entries = share * m * n
fig, ax = plt.subplots()
ax.plot(100 * share, np.full(101, 8 * m * n) / 1e6, color="#444444", linestyle="--", label="dense")
ax.plot(100 * share, 16 * entries / 1e6, label="COO: value, row, column")
ax.plot(100 * share, (12 * entries + 4 * (m + 1)) / 1e6, label="CSR: value, column; offsets")
ax.axvline(100 * len(ratings) / (m * n), color="#999999", linewidth=1)
ax.annotate("ml-100k", (100 * len(ratings) / (m * n), 21), (6, 0), textcoords="offset points")
ax.set(xlabel="known entries (%)", ylabel="memory (MB)")
ax.set_title("Sparse formats pay while most of the table is unknown")
ax.legend(loc="lower right")
alt = "Memory by share known. Dense is flat at 12.7 MB; COO crosses it at 50 %, CSR at two thirds."
figure_alt(fig, alt)
# %% [markdown]
# At the 6 % of ml-100k, both are far below the dashed line. And for the large data set:
# %%
sizes = sets[["dense, MB"]].copy()
sizes["COO, MB"] = 16 * sets["ratings"] / 1e6
sizes["CSR, MB"] = (12 * sets["ratings"] + 4 * (sets["users"] + 1)) / 1e6
show(sizes, digits=3)
# %% [markdown]
# ml-32m shrinks from 140 GB to less than 400 MB, which fits into a laptop. That is why one machine goes a long way in
# this field. The price is what you expect of a clustered index. Reading a *row* is a slice; reading a *column* (all
# ratings of a film) means a scan. If you need both, keep a second copy sorted the other way, as you would add a
# second index. That one is called CSC, and it is the CSR of $A^\top$.
#
# ### Zero is not unknown
#
# Now pay for the convenience of section 1. Stars from 1 to 5 are awkward: three stars mean "so-so", yet 3 is a
# positive number. A colleague subtracts 3, so that praise is positive, complaint negative, and so-so is 0. A sensible
# idea. Then comes the nightly job that computes each film's mean opinion:
# %%
from scipy import sparse

opinions = sparse.csr_array((data - 3, indices, indptr), shape=A.shape)


def colleagues_means(matrix):
    """Each film's mean opinion, from -2 to 2."""
    known = matrix != 0
    return matrix.sum(axis=0) / np.maximum(known.sum(axis=0), 1)


wrong_means = colleagues_means(opinions)
show(toy_story=wrong_means[column("Toy Story")], liar_liar=wrong_means[column("Liar Liar")])


# %% exercise="1.2.3"
def film_means(matrix):
    """The mean of the stored entries of each column: array (n_films,); NaN for a column without any.

    matrix: sparse.csr_array (n_users, n_films). It must stay as it is.
    """
    ### BEGIN SOLUTION
    known = np.bincount(matrix.indices, minlength=matrix.shape[1])
    total = matrix.sum(axis=0)
    return np.divide(total, known, out=np.full(len(known), np.nan), where=known > 0)
    ### END SOLUTION


# %% check="1.2.3"
film_means_checked = ex("1.2.3").check(film_means)
# %%
true_means = film_means_checked(opinions)
lost = int((opinions.data == 0).sum())
show(ratings_given=opinions.nnz, counted_by_the_colleague=opinions.nnz - lost)
chosen = ["Toy Story", "Liar Liar", "Star Wars"]
table = pd.DataFrame({"wrong": wrong_means, "right": true_means}, index=titles).loc[chosen]
show(table, digits=3)
# %% [markdown]
# More than a quarter of all ratings was silently dropped, and the means moved away from 0, never towards it. Nothing
# crashed. The library of this course has a rule against it: **what is known comes from `indptr` and `indices`, never
# from the values.** A stored zero is a rating. SciPy knows the difference too, if you know where to look:
# `matrix.nnz` counts what is stored, `matrix.count_nonzero()` looks at the values, and `matrix.eliminate_zeros()`
# throws stored zeros away.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with two exercises. Exercise 2 goes faster with pencil: write down the three arrays for the
# toy first.
#
# **Misconceptions.** "Sparse means many zeros": it means many *unknowns*; whether they may be read as zeros is a
# question about the data. "CSR is compression": no value is smaller than before, only the addresses are shared.
#
# **To discuss.** When is 0 the right reading of a missing entry? (Clicks, orders, views: not clicked *is* something.
# Lesson 2.6.) What does an insert cost in CSR? Who does that in your database?
# %% [markdown]
# ## 5. Shadows and right angles
#
# Two short sections of geometry, then the reward. Take one user's ratings of two films, 5 and 2 stars, as the vector
# $x = (5, 2)$. If you had to describe this user by *one* number $c$ instead of two, that is by the vector $(c, c)$,
# which one would you choose? The closest one. All vectors $(c, c)$ lie on one line, the line through $d = (1, 1)$.
# The point of that line closest to $x$ is its **shadow**, or *projection*, with the light falling at a right angle to
# the line:
#
# $$p = \frac{x \cdot d}{d \cdot d}\, d$$
# %%
x, d = np.array([5.0, 2.0]), np.array([1.0, 1.0])
p = (x @ d) / (d @ d) * d
rest = x - p
show(shadow=p, rest=rest, rest_times_d=rest @ d)
# %% [markdown]
# Drawn to scale:
# %%
fig, ax = plt.subplots(figsize=(6, 4))
ax.plot([0, 5.4], [0, 5.4], color="#999999", linestyle="--", linewidth=1, label="the line of d = (1, 1)")
ax.plot([0, 5], [0, 2], marker="o", markevery=[1], label="x = (5, 2)")
ax.plot([0, 3.5], [0, 3.5], marker="o", markevery=[1], label="its shadow p = (3.5, 3.5)")
ax.plot([3.5, 5], [3.5, 2], color="#009E73", linestyle=":", label="the rest, x - p")
ax.set(xlabel="stars for the first film", ylabel="stars for the second film", aspect="equal")
ax.set(xlim=(0, 6.2), ylim=(0, 5))
ax.set_title("The shadow on (1, 1) is the mean")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
alt = "Arrow x to (5, 2); its shadow at (3.5, 3.5) on the diagonal; the rest joins them at a right angle."
figure_alt(fig, alt)
# %% [markdown]
# The shadow is $(3.5, 3.5)$, and 3.5 is the *mean* of 5 and 2. No accident: $x \cdot d$ adds the ratings up, and
# $d \cdot d$ counts them. **Taking a mean is projecting onto the ones, and taking the mean off is keeping the rest.**
# Lesson 2.2 calls that centring, and does it all the time.
#
# The rest and the line have a dot product of 0. Two vectors with dot product 0 are **orthogonal**: they stand at a
# right angle. Then Pythagoras holds, $\lVert x \rVert^2 = \lVert p \rVert^2 + \lVert x - p \rVert^2$, and squares add
# up without a mixed term. Does all that hold in 272 dimensions, for the ratings of user 1?
# %%
x = data[indptr[0] : indptr[1]]
d = np.ones(len(x))
p = (x @ d) / (d @ d) * d
show(ratings=len(x), mean=x.mean(), entry_of_the_shadow=p[0], rest_times_d=np.round((x - p) @ d, 9))
show(squares_of_x=x @ x, squares_of_shadow_plus_rest=p @ p + (x - p) @ (x - p))
for c in (3.0, 3.5, x.mean(), 4.0):
    print(f"distance from x to the vector of {c:.3f}: {np.linalg.norm(x - c * d):.3f}")
# %% [markdown]
# It does, and the mean is the closest of the four. Remember the sentence "the rest is orthogonal to what you project
# on": it is the whole of lesson 1.3, where $d$ becomes a table of features, and the projection becomes linear
# regression.
#
# %% [markdown] instructor=true
# **Timing.** 15 minutes. A torch and a pencil make a good shadow.
#
# **Misconceptions.** Forgetting $d \cdot d$: then the shadow is right only for a unit vector, and a test with
# $d = (1, 0)$ passes. "Orthogonal means unrelated": it means no *linear* relation left.
#
# **To discuss.** What is the projection onto the vector of another film? (The best "this much of that film", a
# regression with one feature and no intercept.)
# %% [markdown]
# ## 6. Directions that a matrix does not turn
#
# A matrix times a vector is a vector. So a matrix *moves* vectors: it turns and stretches them. Take a small one that
# means something. For the 345 people who rated both *Star Wars* and *The Empire Strikes Back*, centre both columns
# and form the table of mean products, $S = Z^\top Z / n$, where $Z$ is the centred $345 \times 2$ table and
# $n = 345$. Its diagonal holds the two *variances*, the mean squares of the distance from the mean. The other entry
# is the *covariance*, the mean product of the two distances: above 0 if the films are liked by the same people.
# %%
saga = A[:, [column("Star Wars"), column("The Empire Strikes Back")]]
saga = saga[(saga > 0).all(axis=1)]
Z = saga - saga.mean(axis=0)
S = Z.T @ Z / len(Z)
show(n=len(Z))
show(S)
# %% [markdown]
# Now take arrows of length 1 in all directions and multiply each by $S$:
# %%
values, vectors = np.linalg.eigh(S)
angles = np.linspace(0, 2 * np.pi, 25)[:-1]
circle = np.array([np.cos(angles), np.sin(angles)])

fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.9))
for ax, scale in ((left, np.array([1.45, 1.45])), (right, 2 * np.sqrt(values))):
    for i, name in ((1, "first"), (0, "second")):
        tip = vectors[:, i] * np.sign(vectors[1, i]) * scale[i]
        ax.plot([-tip[0], tip[0]], [-tip[1], tip[1]], label=f"{name} eigenvector", color=("#CC79A7", "#009E73")[i])
for u in circle.T:
    left.plot(*np.array([u, S @ u]).T, color="#777777", linewidth=1)
left.plot(*circle, "o", markersize=5, label="u, of length 1")
left.plot(*(S @ circle), "o", markersize=5, label="where S sends it: S u")
left.set(title="S moves all arrows, and turns most", xlabel="Star Wars", ylabel="The Empire Strikes Back")
places, many = np.unique(Z, axis=0, return_counts=True)
right.scatter(*places.T, s=4 * many, color="#56B4E9", zorder=1)
right.set(title="Its eigenvectors are the axes of the cloud", xlabel="stars above the mean, Star Wars")
right.set(ylabel="stars above the mean, Empire")
for ax in (left, right):
    ax.set_aspect("equal")
fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=10)
alt = (
    "Left: tips of unit arrows and where S sends them; two lines keep their direction. Right: the same two "
    "lines are the long and the short axis of the cloud of ratings."
)
figure_alt(fig, alt)
# %% [markdown]
# Grey lines on the left join the tip of each arrow $u$ (blue) with the tip of $Su$ (orange). Most arrows are turned
# towards one diagonal. But on two lines nothing turns: there, $S$ only stretches or shrinks. Such a direction $v$ is an
# **eigenvector** ("own vector") of $S$, and the factor is its **eigenvalue** $\lambda$ ("lambda"):
#
# $$S v = \lambda v$$
#
# On the right you see what these directions mean. Each dot is a pair of ratings; the larger, the more users gave it.
# The eigenvectors are the axes of this cloud (each drawn as long as the cloud is wide along it, roughly). Along the
# first, both films go up and down together: who likes the one likes the other. Along the second they go against each
# other. The eigenvalue is the variance of the cloud along its axis:
# %%
first, second = vectors[:, 1], vectors[:, 0]
show(first_eigenvalue=values[1], variance_along_first=np.var(Z @ first))
show(second_eigenvalue=values[0], variance_along_second=np.var(Z @ second))
show(S_v_minus_lambda_v=np.abs(S @ first - values[1] * first).max().round(12))
show(first_times_second=abs(first @ second).round(12), share_of_the_first=values[1] / values.sum())
# %% [markdown]
# Seven eighths of all variance lie along the first axis: for most purposes *one* number, "how much do you like the
# saga?", says as much as two ratings. And the two axes are orthogonal. That is always so for a *symmetric* matrix
# (one that equals its transposed), and every $A^\top A$ is symmetric. A matrix of size $n$ then has $n$ eigenvectors
# at right angles to each other.
#
# ### Power iteration
#
# How does one *find* them? Look at the left picture again. Multiplying by $S$ turns every arrow towards the first
# eigenvector, unless it lies exactly on the second. So multiply again, and again. Any start is a mixture of
# eigenvectors, $v = c_1 v_1 + c_2 v_2 + \dots$, with the eigenvalues sorted, $\lambda_1 > \lambda_2 > \dots \ge 0$.
# After $t$ multiplications it is
#
# $$S^t v = \lambda_1^t c_1 v_1 + \lambda_2^t c_2 v_2 + \dots$$
#
# and the part with the largest $\lambda$ outgrows all others, if only $c_1$ is not 0: compound interest at different
# rates. That is **power iteration**. It is how PageRank was computed over the pages of the web. To keep the numbers
# within range, scale $v$ to length 1 after each step.


# %% exercise="1.2.4"
def power_iteration(S, start, steps):
    """The largest eigenvalue of S and its eigenvector: (number, array (n,) of length 1).

    S: symmetric array (n, n) without negative eigenvalues. start: array (n,). steps: how many multiplications.
    """
    ### BEGIN SOLUTION
    v = start
    for _ in range(steps):
        v = S @ v
        v = v / np.sqrt(v @ v)
    return v @ S @ v, v
    ### END SOLUTION


# %% check="1.2.4"
power_iteration_checked = ex("1.2.4").check(power_iteration)
# %% [markdown]
# Against NumPy's `eigh`, from the start $(1, 0)$:
# %%
value, v = power_iteration_checked(S, np.array([1.0, 0.0]), 60)
show(by_hand=value, numpy=values[-1], difference_of_v=np.abs(np.abs(v) - np.abs(first)).max().round(12))
# %% [markdown]
# Equal. (An eigenvector may come out with its sign turned, since $-v$ is one as well; hence the `abs`.) How many
# steps does it take? What is left of the second direction shrinks by the factor $\lambda_2 / \lambda_1$ in each step.
# So it depends on the *gap* between the two. We try it on two tables of dot products from the next section: 100
# films, with raw stars and with means taken off. They are made from the 200 most active users and the 100 most rated
# films.
# %%
busy = np.argsort(-(A > 0).sum(axis=1), kind="stable")[:200]
famous = np.argsort(-counts, kind="stable")[:100]
B = A[np.ix_(busy, famous)]
names = titles[famous]

known = B > 0
above = np.where(known, B, np.nan)
above = above - np.nanmean(above, axis=0)  # each film's mean off, over what is known
above = above - np.nanmean(above, axis=1)[:, None]  # then each user's mean
C = np.where(known, above, 0.0)  # 0 now means: as expected
show(shape=B.shape, share_known=known.mean())
# %% [markdown]
# `B` holds the stars, with 0 for unknown; `C` says how far each rating lies above or below what one expects of this
# film and this user, with 0 for unknown. Now the race:
# %%
tables = {"B: raw stars": B.T @ B, "C: means taken off": C.T @ C}
fig, ax = plt.subplots()
for name, table in tables.items():
    goal_values, goal_vectors = np.linalg.eigh(table)
    ratio = goal_values[-2] / goal_values[-1]
    off = []
    for steps in range(1, 31):
        v = power_iteration_checked(table, np.arange(1.0, 101), steps)[1]
        off.append(np.linalg.norm(v - goal_vectors[:, -1] * np.sign(v @ goal_vectors[:, -1])))
    shown = np.array(off) > 1e-8  # below that, rounding takes over
    ax.plot(np.arange(1, 31)[shown], np.array(off)[shown], "o-", markersize=4, label=f"{name}; ratio {ratio:.2f}")
ax.set(yscale="log", xlabel="multiplications", ylabel="distance to the eigenvector")
ax.set_title("The larger the gap, the sooner one direction wins")
ax.legend()
alt = "Distance by step, log scale, two straight falling lines: raw stars steep, means taken off slow."
figure_alt(fig, alt)
# %% [markdown]
# Straight lines on a log scale: each step gains the same number of digits. With raw stars, five steps give eight
# digits. With the means taken off, the second direction is half as strong as the first, and each step only halves the
# distance. A gap as wide as that of the raw stars means that one direction towers above all others. *Which one?* That
# is the question for the next section.
#
# For the second eigenvector, take the first one out of the table and iterate again: $S - \lambda_1 v_1 v_1^\top$ has
# all the same eigenvectors, but the eigenvalue of $v_1$ is now 0. (The product $v v^\top$, a column times a row, is a
# whole table, with $v_i v_j$ in row $i$ and column $j$.) That is called deflation.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise.
#
# **Misconceptions.** "Every vector is an eigenvector of something, so what?": of *this* matrix, only a few are. "A
# larger eigenvalue converges faster": only the ratio counts; the quiz asks. "It may converge to the wrong one": only
# if the start has none of the first in it, and rounding usually cures that.
#
# **To discuss.** Why does the learning rate of lesson 1.3 come from the largest eigenvalue? (Curvature along the
# steepest axis.)
# %% [markdown]
# ## 7. The SVD: users and films on the same axes
#
# Eigenvectors want a square, symmetric matrix. A table of ratings is neither. The **singular value decomposition**
# (SVD) does the same for any matrix. It writes $B$, with $m$ rows and $n$ columns, as a sum of *layers*:
#
# $$B = \sum_{i=1}^{\min(m, n)} \sigma_i\, u_i v_i^\top = U \Sigma V^\top$$
#
# - $v_i$ has one number for each *film*: how strongly the film shows pattern $i$. It is an eigenvector of $B^\top B$.
# - $u_i$ has one number for each *user*: how far the user goes along with pattern $i$. It is an eigenvector of
#   $B B^\top$.
# - $\sigma_i \ge 0$ ("sigma"), the *singular value*, is the weight of the layer: the root of the eigenvalue. They
#   come in falling order.
#
# All $u_i$ are orthogonal to each other and have length 1, and so do the $v_i$. $U$ has the $u_i$ as columns,
# $V^\top$ the $v_i$ as *rows*, and $\Sigma$ has the $\sigma_i$ on its diagonal. One layer, a column times a row, is
# the simplest table there is: each row is a multiple of the same row. For example, a column (1, 2, 3) times a row (5,
# 0, 1):
# %%
show(np.outer([1, 2, 3], [5, 0, 1]))
# %% [markdown]
# Now take the raw stars apart, and check every statement above. (`U * s` multiplies each column $u_i$ by its
# $\sigma_i$.)
# %%
U, s, Vt = np.linalg.svd(B, full_matrices=False)
show(largest_difference_to_B=np.abs((U * s) @ Vt - B).max().round(9))
show(orthogonal=np.allclose(U.T @ U, np.eye(100)) and np.allclose(Vt @ Vt.T, np.eye(100)))
show(
    v1_of_BtB=np.allclose(B.T @ B @ Vt[0], s[0] ** 2 * Vt[0]),
    u1_of_BBt=np.allclose(B @ B.T @ U[:, 0], s[0] ** 2 * U[:, 0]),
)
show(s_squared=s[0] ** 2, by_power_iteration=power_iteration_checked(B.T @ B, np.ones(100), 20)[0])
show(singular_values=s[:5], share_of_squares_in_the_first=s[0] ** 2 / (s**2).sum())
# %% [markdown]
# The first layer holds two thirds of all squares. There is the direction that towered above the others! Have we found
# the great axis of taste? Plot what it says about each film against something much simpler:
# %%
fig, ax = plt.subplots()
rated, strength = known.sum(axis=0), np.abs(Vt[0])
ax.scatter(rated, strength, s=18)
ax.set(xlabel="of the 200 users, how many rated the film", ylabel="film's part in the first layer (absolute)")
agreement = np.corrcoef(rated, strength)[0, 1]
ax.set_title(f"Unknown filled with 0: the first pattern is fame (correlation {agreement:.2f})")
alt = "Entry of the first singular vector against the number of ratings: a narrow rising band."
figure_alt(fig, alt)
# %% [markdown]
# The great axis is: *some films are rated more often than others.* We told the SVD that every unknown is a zero, so
# the largest differences in the table are between 0 and 4, not between 2 and 5, and it faithfully reports them. This
# is a common mistake with the SVD. It is not always a mistake: if you want to predict *what will be watched*, fame
# belongs in. Here we want taste.
#
# So take the table `C`, where the means of films and users are off and 0 means "as expected":
# %%
U, s, Vt = np.linalg.svd(C, full_matrices=False)
signs = np.sign(Vt[:, list(names).index("Star Wars")])  # a layer stays the same when both sides turn their sign
U, Vt = U * signs, Vt * signs[:, None]
show(singular_values=s[:5], share_of_squares_in_the_first=s[0] ** 2 / (s**2).sum())
# %% [markdown]
# No layer towers any more: taste is a whisper beside fame. Draw each film at the place that the first two patterns
# give it, $v_1$ across and $v_2$ up, with the names of some:
# %%
labels = {  # shift in points, side: films (only to keep the names apart)
    (6, -3, "left"): "Independence Day (ID4)|Jurassic Park|Speed|The Terminator|The Sound of Music|Twister|Top Gun"
    "|The Empire Strikes Back|Forrest Gump|The English Patient|The Princess Bride|Leaving Las Vegas",
    (-6, -3, "right"): "Star Wars|2001: A Space Odyssey|The Graduate|Dead Man Walking|Alien|Fargo",
    (0, 6, "center"): "A Clockwork Orange|Raising Arizona|Trainspotting",
    (0, -14, "center"): "Pulp Fiction",
}
fig, ax = plt.subplots(figsize=(9, 6.5))
ax.axhline(0, color="#bbbbbb", linewidth=1)
ax.axvline(0, color="#bbbbbb", linewidth=1)
ax.scatter(Vt[0], Vt[1], s=16, color="#56B4E9")
for (right, up, side), films in labels.items():
    for name in films.split("|"):
        i = list(names).index(name)
        ax.annotate(name, (Vt[0, i], Vt[1, i]), (right, up), textcoords="offset points", fontsize=9, ha=side)
ax.set(xlabel="first pattern, $v_1$", ylabel="second pattern, $v_2$", xlim=(-0.33, 0.42))
ax.set_title("A map of 100 films that nobody drew")
alt = (
    "Films by their first two entries. Right: Independence Day, Top Gun, Twister; left: Pulp Fiction, Fargo, "
    "Trainspotting. Top: Star Wars, Empire; bottom: The English Patient, The Sound of Music."
)
figure_alt(fig, alt)
# %% [markdown]
# Take your time with this map. On the left are Pulp Fiction, Trainspotting, A Clockwork Orange, Fargo; on the right
# Independence Day, Top Gun, Twister. At the top, Star Wars and its kin; at the bottom The English Patient and The
# Sound of Music. **What do the axes mean?** "Cult against blockbuster" is a good name for the first, "space against
# romance" perhaps for the second. But the names are ours. The SVD knows no genres; ask the genre flags whether our
# names hold:
# %%
flags = genres.loc[pivot.columns[famous]].str.get_dummies("|")
flags = flags.loc[:, flags.sum() >= 9]
meaning = pd.DataFrame(
    {f"v{i + 1}": [np.corrcoef(flags[g], Vt[i])[0, 1] for g in flags] for i in (0, 1)}, flags.columns
)
show(meaning.sort_values("v1"), digits=2)
# %% [markdown]
# The first axis sets Action against Drama and Crime; the second, first of all, is Sci-Fi. But half of our second name
# was imagination: Romance has 0.05, and what stands opposite to Sci-Fi is Drama. Now be strict, as with a flaky test:
# *would other users give the same axes?* Split the 200 at random into two halves, take the SVD of each, and compare
# the directions: the cosine of each $v_i$ of one half with each of the other (absolute, as signs are free).
# %%
half = np.random.default_rng(0).random(200) < 0.5
ours, theirs = (np.linalg.svd(C[part], full_matrices=False)[2][:4] for part in (half, ~half))
names_of = [f"v{i}" for i in range(1, 5)]
agreement = pd.DataFrame(
    np.abs(ours @ theirs.T), [f"{n}, half one" for n in names_of], [f"{n}, half two" for n in names_of]
)
show(agreement, digits=2)


# %% [markdown]
# Only the first axis comes out the same (0.8) in both halves. The others do not: their singular values are so close
# to each other, and to the noise, that chance decides how they mix. Beware of anybody who gives names to the seventh
# factor.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes. Let people name the axes *before* they see the genre table, and write the names down.
#
# **Misconceptions.** "The SVD discovers genres": it orders by agreement between users; genres only correlate.
# "Zero-filling is neutral": it is the strongest statement in the table. "A factor is a fact": run the two halves.
#
# **To discuss.** The map is a picture of 200 very active users of 1998. Whose taste is missing?
# %% [markdown]
# ## 8. Keep the first few
#
# Why bother with layers? Because you may *stop* after the first $k$. The sum
# $B_k = \sum_{i \le k} \sigma_i u_i v_i^\top$ is a **rank-k approximation**: a table as large as $B$, made of only
# $k$ patterns. First, write it so that it works.
# %% exercise="1.2.5"
def low_rank(A, k):
    """The sum of the first k layers of A: array of the shape of A.

    A: array (m, n), of any shape. k: how many layers, from 1 to min(m, n).
    """
    ### BEGIN SOLUTION
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    return (U[:, :k] * s[:k]) @ Vt[:k]
    ### END SOLUTION


# %% check="1.2.5"
low_rank_checked = ex("1.2.5").check(low_rank)
# %% [markdown]
# How good is it? Measure the error of a table as the length of the difference, all cells taken as one long vector:
# $\lVert B - B_k \rVert = \sqrt{\sum_{ui} (B - B_k)_{ui}^2}$ (the *Frobenius norm*). The layers are orthogonal, so by
# Pythagoras their squares add up, and the error is what was left out:
#
# $$\lVert B - B_k \rVert = \sqrt{\sigma_{k+1}^2 + \sigma_{k+2}^2 + \dots}$$
#
# The theorem of **Eckart and Young** (1936) says more: *no* table of rank $k$ comes closer. The SVD is the best lossy
# compression of this kind, for every matrix and every $k$. Check the formula on `C`, and try to beat it with 1,000
# random choices of three film patterns, each with its own best user side:
# %%
error = np.linalg.norm(C - low_rank_checked(C, 3))
show(error_of_rank_3=error, by_the_formula=np.sqrt((s[3:] ** 2).sum()))

rng = np.random.default_rng(0)
attempts = []
for _ in range(1000):
    Q = np.linalg.qr(rng.normal(size=(100, 3)))[0]  # three orthogonal patterns, by chance
    attempts.append(np.linalg.norm(C - C @ Q @ Q.T))  # each row's shadow on the three
show(best_of_1000_random_tries=min(attempts))
# %% [markdown]
# How many layers are *signal*? Compare with a table that has none: shuffle each film's ratings among those who rated
# it. Every film keeps its ratings, but who gave them is chance, so that no pattern across films can be left.
# %%
shuffled = C.copy()
for j in range(C.shape[1]):
    who = np.flatnonzero(known[:, j])
    shuffled[who, j] = rng.permutation(C[who, j])
noise = np.linalg.svd(shuffled, compute_uv=False)

fig, ax = plt.subplots()
ax.plot(np.arange(1, 31), s[:30], "o-", markersize=4, label="real ratings")
ax.plot(np.arange(1, 31), noise[:30], "s-", markersize=4, label="ratings shuffled within each film")
ax.set(xlabel="layer", ylabel="singular value", ylim=(0, None))
ax.set_title("A few layers stand out of the noise, the first by far")
ax.legend()
alt = "Singular values by layer: real ones start at 27 and meet the shuffled ones, which start at 18, soon."
figure_alt(fig, alt)
# %% [markdown]
# One layer stands far out, two or three a little, and from then on the two curves run side by side: what looks like
# structure is what chance would make. (The real curve even falls *below*, since both tables have the same total of
# squares, and what the first layers took is missing from the rest.)
#
# So keep few. Does it pay? Hide one known rating in ten, and put the expected value, 0, in its place. Then see
# whether rank $k$ brings it back. The measure is the RMSE, the root of the mean of the squared errors, in stars: the
# Frobenius norm once more, per rating. Ten times, each time with other ratings hidden:
# %%
ranks = [0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40]
curves = []
for seed in range(10):
    hidden = known & (np.random.default_rng(seed).random(B.shape) < 0.1)
    seen = known & ~hidden
    stars_seen = np.where(seen, B, np.nan)
    film_mean = np.nanmean(stars_seen, axis=0)
    user_mean = np.nanmean(stars_seen - film_mean, axis=1)[:, None]
    expected = film_mean + user_mean
    parts_U, parts_s, parts_Vt = np.linalg.svd(np.where(seen, B - expected, 0.0), full_matrices=False)
    for k in ranks:
        guess = expected + (parts_U[:, :k] * parts_s[:k]) @ parts_Vt[:k]
        errors = [np.sqrt(np.mean((guess - B)[cells] ** 2)) for cells in (seen, hidden)]
        curves.append((k, *errors))
curves = pd.DataFrame(curves, columns=["rank", "seen", "hidden"]).groupby("rank").mean()
show(curves.loc[[0, 1, 4, 10, 40]].T, digits=3)
# %% [markdown]
# The rank is the number of layers kept, 0 is the expected value alone. As a picture:
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
left.plot(curves.index, curves["seen"], "o-", label="ratings that the SVD has seen")
left.plot(curves.index, curves["hidden"], "s-", label="hidden ratings")
left.set(xlabel="rank k", ylabel="RMSE (stars)", ylim=(0, 1), title="Both, from zero")
left.legend(loc="lower left", fontsize=10)
right.plot(curves.index, curves["hidden"], "s-", color="#D55E00")
right.set(xlabel="rank k", ylabel="RMSE (stars)", title="Hidden ratings only, enlarged")
fig.suptitle("More layers copy better, but they do not predict better", fontweight="bold")
alt = "Error by rank. On seen ratings it falls to 0.36; on hidden ones lowest from rank 1 to 5, then up."
figure_alt(fig, alt)
# %% [markdown]
# On what it has seen, the error falls with every layer, as one expects from Eckart and Young (who speak of the whole
# table, its filled holes included). On what was hidden, *one* layer brings almost all of the gain, up to five do no
# harm, and beyond that every layer copies noise: with forty, the prediction is no better than with none. **Best at
# reproducing is not best at predicting**; lesson 1.5 is about that difference. And this SVD still has a flaw: it
# works hard to reproduce the zeros that *we* put into the holes. Lesson 4.1 throws the holes out of the sum, and that
# is the method which made the Netflix Prize famous.
#
# ### The same mathematics, where you can see it
#
# A picture is a matrix too: brightness by row and column. Here is one that comes with Matplotlib, a portrait of Grace
# Hopper, who wrote one of the first compilers. Nothing is downloaded.
# %%
from matplotlib import cbook

with cbook.get_sample_data("grace_hopper.jpg") as file:
    photo = plt.imread(file, format="jpg").mean(axis=2)  # grey: the mean of red, green and blue
s_photo = np.linalg.svd(photo, compute_uv=False)
show(shape=photo.shape, layers=len(s_photo), first_singular_values=s_photo[:5])


# %% exercise="1.2.6"
def layers_for(s, share):
    """The smallest k whose rank-k approximation has an error of at most share times the length of the whole.

    s: array of singular values, falling. share: number between 0 and 1. Returns a whole number.
    """
    ### BEGIN SOLUTION
    for k in range(len(s) + 1):
        if np.sqrt((s[k:] ** 2).sum() / (s**2).sum()) <= share:
            return k
    ### END SOLUTION


# %% check="1.2.6"
layers_for_checked = ex("1.2.6").check(layers_for)
# %%
m, n = photo.shape
table = pd.DataFrame({"error at most, %": [20, 10, 5, 2]})
table["k"] = [layers_for_checked(s_photo, percent / 100) for percent in table["error at most, %"]]
table["numbers to store"] = table["k"] * (m + n + 1)
table["of the picture's, %"] = (100 * table["numbers to store"] / (m * n)).round(1)
table
# %% [markdown]
# A layer needs $m + n + 1$ numbers: a column, a row and a weight. The whole picture has $m \cdot n$. So rank $k$
# saves memory as long as $k (m + n + 1) < m n$. Look at it:
# %%
fig, axes = plt.subplots(1, 4, figsize=(9, 3.1))
for ax, k in zip(axes, (3, 18, 55, 512)):
    grey = plt.get_cmap("gray", 32)  # 32 shades, and every third pixel, keep this notebook small
    ax.imshow(low_rank_checked(photo, k)[::3, ::3], cmap=grey, vmin=0, vmax=255, interpolation="nearest")
    ax.set(title=f"k = {k}: {100 * k * (m + n + 1) / (m * n):.0f} %", xticks=[], yticks=[])
    ax.grid(False)
fig.suptitle("Eighteen of 512 layers are enough to recognize her", fontweight="bold")
fig.supxlabel("percent: numbers to store, of those in the picture", fontsize=10)
alt = "A portrait from 3, 18, 55 and all 512 layers: stripes, then a blurred face, a good one, the original."
figure_alt(fig, alt)
# %% [markdown]
# Three layers are a tablecloth. Eighteen, with an error of 20 %, are a face; 55 are a photograph with some noise. The
# rest is fine detail. With all 512 layers we would store *more* than the picture itself: compression pays only where
# the pattern is simple. (For pictures, JPEG is far better, because it was built for them. For tables of ratings
# nobody has found a JPEG.)
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with two exercises. Collect the guesses for 1.2.6 before anybody runs the cell.
#
# **Misconceptions.** Shares of singular values instead of squares; "90 % of the squares" read as "90 % right" (it
# leaves an error of 32 %); rank confused with the number of rows kept.
#
# **To discuss.** Which of your services store a big table that is nearly low-rank? (Daily load by hour and host is
# one.)
# %% [markdown]
# ## From scratch, then the library
#
# You have built four things. Do the libraries agree? First the sparse matrix: your three arrays, against SciPy's
# conversion and against the `Ratings` of this course, which keeps exactly this matrix and makes it read-only. Then
# the cosines of *Snow White*, against scikit-learn, which accepts the sparse matrix.
# %%
from sklearn.metrics.pairwise import cosine_similarity

from recsys_lab import Ratings

by_scipy = sparse.csr_array(sparse.coo_array((stars, (user_rows, film_columns))))
by_lab = Ratings.from_frame(ratings).matrix
own = {"data": data, "indices": indices, "indptr": indptr}
for name, array in own.items():
    gaps = [np.abs(array - getattr(matrix, name)).max() for matrix in (by_scipy, by_lab)]
    print(f"{name:<8} scipy {gaps[0]:.0f}   recsys_lab {gaps[1]:.0f}")

by_sklearn = cosine_similarity(by_lab.T[[SNOW]], by_lab.T)[0]
show(cosines_to_scikit_learn=np.abs(similar - by_sklearn).max().round(12))
# %% [markdown]
# `recsys_lab.similarity` computes a cosine as well, and it gives *other* numbers: there, both sums run over people
# who rated both films, as lesson 2.2 will do. Same word, other question. If every rating is a 1, over all users, the
# library's `ItemItem` has your number; we let it keep all neighbours:
# %%
from recsys_lab import ItemItem
from recsys_lab.similarity import similarity_matrix

co_rated = similarity_matrix(by_lab.T.tocsr(), "cosine")[SNOW]
watched = ItemItem(k=len(titles), weighting="cosine").fit(ratings).weights_.toarray()[SNOW]
mine = cosines_checked((A > 0).astype(float), SNOW)
mine[SNOW] = 0  # nobody is their own neighbour
beauty = column("Beauty and the Beast")
show(over_all_users=similar[beauty], over_co_raters=co_rated[beauty])
show(difference_to_ItemItem=np.abs(mine - watched).max().round(12))
# %% [markdown]
# Finally the SVD. Your power iteration with deflation makes the first four layers of `C`. NumPy computes all of them;
# SciPy's `svds` and scikit-learn's `TruncatedSVD` only the first few, and they never ask for more than products of
# the matrix with vectors. That is what you want for a large sparse one.
# %%
from scipy.sparse.linalg import svds
from sklearn.decomposition import TruncatedSVD


def by_hand(steps):
    table, layers = C.T @ C, []
    for _ in range(4):
        value, v = power_iteration_checked(table, np.arange(1.0, 101), steps)
        layers.append(np.sqrt(value))
        table = table - value * np.outer(v, v)
    return layers


libraries = {
    "by hand, 10 steps": by_hand(10),
    "200 steps": by_hand(200),
    "numpy": s[:4],
    "scipy svds": svds(C, k=4, rng=np.random.default_rng(0))[1][::-1],
    "TruncatedSVD": TruncatedSVD(4, algorithm="arpack", random_state=0).fit(C).singular_values_,
}
compared = pd.DataFrame(libraries, index=[f"layer {i}" for i in range(1, 5)])
compared.loc["off by at most"] = np.abs(compared.sub(compared["numpy"], axis=0)).max().round(6)
show(compared)
# %% [markdown]
# With 200 steps, all four agree. Your loop is a dozen lines, but ten steps a layer are not enough for it,
# because layers 2, 3 and 4 lie so close together. The libraries remember the earlier directions as they go (Lanczos's
# method) and need fewer.
#
# And a look ahead. In lesson 1.3 a learning rate is safe up to 2 over the largest *curvature*. That curvature is an
# eigenvalue, of the table of mean products of the features (a column of ones included), so you can compute the limit
# already:
# %%
from recsys_lab.regression import largest_rate

X = np.column_stack([Z, np.ones(len(Z))])
curvature = power_iteration_checked(X.T @ X / len(X), np.ones(3), 200)[0]
show(two_over_the_eigenvalue=2 / curvature, largest_rate=largest_rate(Z))
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Google** ranked the web by an eigenvector. PageRank is the principal eigenvector of the (normalized) link
#   matrix, computed by a simple iteration: the one you wrote (Brin and Page 1998, section 2.1).
# - **Twitter** ran "Who to Follow" on the whole follower graph in the memory of a *single* server. The paper names
#   this as its most noteworthy design decision; it made the system simple enough to build within months (Gupta et al.
#   2013). A graph is a sparse matrix: followers by followed.
# - **Spark** computes the SVD of a matrix that is spread over a cluster with Fortran code written decades ago for one
#   core. The trick: that code, ARPACK, only ever asks for matrix times vector, so only this product runs on the
#   cluster, and the vectors stay on the driver (Zadeh et al. 2016).
# - **Search engines before embeddings** did your map of films with words: latent semantic indexing is the SVD of a
#   table of terms by documents (Deerwester et al. 1990).
# - **Netflix** researchers warn that the cosine of *learned* vectors can be arbitrary: many training methods fix only
#   the dot product, and leave the lengths free (Steck, Ekanadham and Kallus 2024).
#
# ## In the interview
#
# **"We retrieve items by embedding similarity. Dot product or cosine?"** A good answer in two minutes:
#
# 1. *Say what they are.* The cosine is the dot product of unit vectors. The only difference is the length.
# 2. *Say what the length holds.* For raw interactions it is popularity, about the root of the number of events. For
#    learned vectors it is whatever training put there: ask.
# 3. *Match the training.* A model trained with dot products should be served with dot products; its cosines may mean
#    nothing.
# 4. *Match the question.* "Similar items" wants direction; "what will be clicked" may want fame.
# 5. *Serving.* If all item vectors are normalized ahead, the two give the same ranking, and one index serves both.
#    For one query, its own length never changes the order.
# 6. *Then measure*: both offline, with popularity and coverage beside the ranking metric.
#
# ## Take-aways
#
# - A film is a vector. Its length is its popularity; its direction is its audience.
# - The dot product rewards length, the cosine does not. Know which question you are asking.
# - $Aw$ is a join with `GROUP BY`. A product of sparse matrices is rarely sparse.
# - CSR is a clustered index: `data`, `indices`, `indptr`. What is known comes from the structure, never from the
#   values.
# - Taking a mean is a projection; what is left is orthogonal to it. Squares of orthogonal parts add up.
# - Multiply again and again, and the largest eigenvector wins. The gap decides how soon.
# - The SVD is a sum of layers. The first k are the best approximation of rank k, and the singular values tell the
#   error.
# - Fill unknowns with zeros, and the first layer is popularity. Best at reproducing is not best at predicting.
#
# ## Further reading
#
# - G. Strang: *Introduction to Linear Algebra*, 5th edition, Wellesley-Cambridge Press 2016: chapters 1 (vectors), 4
#   (orthogonality), 6 (eigenvalues) and 7 (SVD; section 7.1 compresses images).
# - L. N. Trefethen, D. Bau: *Numerical Linear Algebra*, SIAM 1997: lectures 4 and 5 (SVD), lecture 27 (power
#   iteration).
# - C. Eckart, G. Young: *The Approximation of One Matrix by Another of Lower Rank*. Psychometrika 1(3), 1936, pages
#   211-218. [doi:10.1007/BF02288367](https://doi.org/10.1007/BF02288367)
# - S. Brin, L. Page: *The Anatomy of a Large-Scale Hypertextual Web Search Engine*. Computer Networks and ISDN
#   Systems 30, 1998, pages 107-117.
#   [doi:10.1016/S0169-7552(98)00110-X](https://doi.org/10.1016/S0169-7552(98)00110-X)
# - S. Deerwester, S. Dumais, G. Furnas, T. Landauer, R. Harshman: *Indexing by Latent Semantic Analysis*. Journal of
#   the American Society for Information Science 41(6), 1990, pages 391-407.
# - N. Halko, P.-G. Martinsson, J. Tropp: *Finding Structure with Randomness*. SIAM Review 53(2), 2011, pages 217-288:
#   what `TruncatedSVD` does by default. [doi:10.1137/090771806](https://doi.org/10.1137/090771806)
# - P. Gupta, A. Goel, J. Lin, A. Sharma, D. Wang, R. Zadeh: *WTF: The Who to Follow Service at Twitter*. WWW 2013.
#   [doi:10.1145/2488388.2488433](https://doi.org/10.1145/2488388.2488433)
# - R. Zadeh et al.: *Matrix Computations and Optimization in Apache Spark*. KDD 2016,
#   [arXiv:1509.02256](https://arxiv.org/abs/1509.02256)
# - H. Steck, C. Ekanadham, N. Kallus: *Is Cosine-Similarity of Embeddings Really About Similarity?* WWW 2024
#   companion, [arXiv:2403.05440](https://arxiv.org/abs/2403.05440)
# - F. M. Harper, J. A. Konstan: *The MovieLens Datasets: History and Context*. ACM TiiS 5(4), 2015.
#   [doi:10.1145/2827872](https://doi.org/10.1145/2827872). The sizes of ml-32m are those of its README, 2023.
