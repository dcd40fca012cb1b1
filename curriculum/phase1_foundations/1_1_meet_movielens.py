# ---
# lesson:
#   id: "1.1"
#   title: "Meet MovieLens with pandas"
#   phase: 1
#   minutes: 230
#   prerequisites: ["00"]
#   objectives:
#     - "Write filters, joins, group-bys and windows in pandas as you write them in SQL, and check one against the other"
#     - "Name the places where pandas and SQL part company: NULL and NaN, row labels, groups without a key"
#     - "Notice when a join has multiplied rows, and repair the key instead of the result"
#     - "Measure a long tail, a table's emptiness, and what both cost in memory"
#     - "Say why the ratings you have are not a fair sample of the ratings you do not have"
# ---
# %% [markdown]
# ## What you already know
#
# You have been given databases before that somebody else had filled. You know the first hour: look at the tables,
# find the keys, count, join, and write down what looks odd *before* you build anything on it. This lesson is that
# hour, with the data that will be with you for the whole course.
#
# You know the tool, too. A pandas **DataFrame** is a table in memory, and nearly every clause of SQL has a
# counterpart:
#
# | SQL | pandas |
# |---|---|
# | `SELECT a, b FROM t` | `t[["a", "b"]]` |
# | `WHERE x > 3` | `t[t["x"] > 3]` |
# | `t JOIN s USING (k)` | `t.merge(s, on="k")` |
# | `t LEFT JOIN s USING (k)` | `t.merge(s, on="k", how="left")` |
# | `SELECT k, AVG(x) ... GROUP BY k` | `t.groupby("k")["x"].mean()` |
# | `AVG(x) OVER (PARTITION BY k)` | `t.groupby("k")["x"].transform("mean")` |
# | `x - LAG(x) OVER (PARTITION BY k ORDER BY time)` | `t.sort_values("time").groupby("k")["x"].diff()` |
# | `ORDER BY x DESC LIMIT 5` | `t.nlargest(5, "x")` |
#
# So why not stay with SQL? Often you can: **DuckDB** runs SQL on DataFrames right here in the notebook, and we will
# use it to check what we do. But the models of later lessons want arrays, and between database and array there is
# pandas. It looks like SQL, and in four or five places it behaves differently without telling you. You will meet each
# of them here, on purpose and in safety.
#
# There is no machine learning in this lesson. There is a habit, though, that all of it rests on: **a question first,
# then a number, then a picture, then an honest reading of it.**
#
# %% [markdown] instructor=true
# **Timing (230 minutes alone, two sessions of two hours in class).** Session one: sections 1 to 4 with exercises 1
# and 2. Session two: sections 5 to 8 with exercises 3 to 6, then the quiz.
#
# **Prepare.** Ask who has shipped a report that was wrong because of a join. Collect the stories; section 4 needs
# them.
#
# **Who may skip.** Nobody quite: those who know pandas well usually fail exercise 1.1.2 or cannot say what section 8
# is about.
# %%
import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course import figure_alt, show, start

ex, quiz = start("1.1")
movielens = datasets.load("ml-100k")
ratings, items, users = movielens.ratings, movielens.items, movielens.users
# %% [markdown]
# ## 1. Three tables
#
# **MovieLens** is a film site run by the research group GroupLens at the University of Minnesota since 1997. People
# rate films there and get recommendations in return. MovieLens 100K holds its first seven months. Here are two rows
# of each table:
# %%
for table in (ratings, items, users):
    show(table.head(2))
show({"ratings": len(ratings), "items": len(items), "users": len(users)})
# %% [markdown]
# `ratings` is the fact table: who, what, how many stars (1 to 5), and when (seconds since 1970, in UTC). `items` are
# the films, `users` the people. Genres are text joined by a bar; there will be more about them in lesson 1.3.
#
# A database would hold three promises for you: primary keys are unique, foreign keys exist, columns are not NULL. A
# DataFrame holds none of them. So the first thing to do with any data is to **check the promises yourself**:
# %%
promises = {
    "one row a film": items["item"].is_unique,
    "one row a user": users["user"].is_unique,
    "one rating a user and film": not ratings.duplicated(["user", "item"]).any(),
    "every rated film is known": ratings["item"].isin(items["item"]).all(),
    "every rater is known": ratings["user"].isin(users["user"]).all(),
    "no rating is missing": ratings["rating"].notna().all(),
}
show(promises)
show(films_without_a_year=items["year"].isna().sum())
# %% [markdown]
# Six promises kept, and one gap: a film without a year. (Its title is, literally, "unknown".) One row in 1,682 does
# not look like trouble. It will cost us nine ratings in section 3.
#
# The data was **cleaned before you got it**, and how it was cleaned is part of the data: its README says that users
# with fewer than twenty ratings, or without complete personal data, were removed. So nothing here can tell you about
# people who tried the site and left after a minute. Write down such sentences when you meet a data set; you will want
# them later.
#
# ## 2. Are some professions kinder than others?
#
# A first question, to warm up. Each rating belongs to a user, each user has an occupation: a join and a group-by. In
# SQL you write that half asleep:
# %%
by_sql = duckdb.sql("""
    SELECT occupation, COUNT(*) AS n, AVG(rating) AS mean
    FROM ratings JOIN users USING (user)
    GROUP BY occupation
    ORDER BY mean
""").df()
show(by_sql.iloc[[0, 1, 2, -3, -2, -1]].reset_index(drop=True))
# %% [markdown]
# DuckDB found `ratings` and `users` by itself: a name that is no table of its own is looked up among your Python
# variables. And this is the same in pandas. Each step is a method that returns a new table, so you read it from top
# to bottom, like a pipeline in a shell:
# %%
joined = ratings.merge(users, on="user")
by_pandas = joined.groupby("occupation")["rating"].agg(n="size", mean="mean").sort_values("mean")
same_order = (by_pandas.index == by_sql["occupation"]).all()
gap = np.abs(by_pandas["mean"].to_numpy() - by_sql["mean"].to_numpy()).max()
show(same_order=same_order, largest_difference=gap.round(9))
# %% [markdown]
# Two independent ways, one result. Do this whenever you can: the second way costs a minute, and most mistakes do not
# survive it.
#
# Now read the table. Most professions lie between 3.3 and 3.7 stars. One does not: people in **healthcare** give 2.9.
# You can already hear the explanations. Stress? High standards? Before you believe any of them, ask *how many people*
# stand behind the number. That is a filter, and one more group-by:
# %%
healthcare = joined[joined["occupation"] == "healthcare"]
people = healthcare.groupby("user")["rating"].agg(n="size", mean="mean")
show(users=len(people), ratings=len(healthcare))
show(people.nlargest(3, "n"))
# %% [markdown]
# There it is. Sixteen people, and one of them, user 405, has given 737 ratings with a mean of 1.8 stars: more than a
# quarter of all that "healthcare" ever said. The profession is not stern. User 405 is.
#
# Both numbers are right; they answer different questions. Write $r_j$ for the $j$-th of $n$ ratings, $G$ for the set
# of users in the group, $|G|$ for how many they are, and $\bar r_u$ for the mean of user $u$'s ratings. Then
#
# $$\text{mean of ratings} = \frac{1}{n} \sum_{j=1}^{n} r_j \qquad\qquad \text{mean of users} = \frac{1}{|G|} \sum_{u \in G} \bar r_u$$
#
# On the left every *rating* has one vote, on the right every *person*. Here are both, for every profession:
# %%
r_u = joined.groupby(["occupation", "user"])["rating"].mean()
means = by_pandas.rename(columns={"mean": "mean of ratings"})
means["mean of users"] = r_u.groupby("occupation").mean()
means["users"] = r_u.groupby("occupation").size()
show(means.sort_values("mean of users").iloc[[0, 1, -2, -1]])

fig, ax = plt.subplots(figsize=(8, 5.4))
ax.hlines(means.index, means["mean of ratings"], means["mean of users"], color="#999999", zorder=1)
ax.scatter(means["mean of ratings"], means.index, s=36, label="mean of ratings")
ax.scatter(means["mean of users"], means.index, s=36, marker="s", label="mean of users")
ax.set_title("One busy user moves a whole profession")
ax.set_xlabel("mean rating (stars)")
ax.legend(loc="lower right")
alt = "Two marks a profession, up to 0.2 apart; for healthcare 0.44: 2.9 by ratings, 3.3 by users."
figure_alt(fig, alt)
# %% [markdown]
# Person by person, healthcare is at 3.3, next to the homemakers. The table above the picture holds the two lowest and
# the two highest professions by that count. Three of these four have 7 to 16 members. With so few you could not tell
# them from chance; lesson 1.5 shows how to say that in numbers.
#
# Keep the question; you will need it in every lesson: **a mean over what?** In an evaluation, "the mean error over
# ratings" mostly measures busy users, and "the mean over users" measures everybody alike.
#
# One more clause, and you have them all. How far is each rating from that user's *own* usual? In SQL this is a
# window, and the trick is that the rows stay:
# %%
window = duckdb.sql("""
    SELECT user, item, rating - AVG(rating) OVER (PARTITION BY user) AS above_usual
    FROM ratings ORDER BY user, item
""").df()
# The rows of `ratings` stand in the same order, so row meets row. Section 3 shows what happens otherwise.
above_usual = ratings["rating"] - ratings.groupby("user")["rating"].transform("mean")
show(rows=len(window), largest_difference=np.abs(window["above_usual"] - above_usual).max().round(9))
# %% [markdown]
# `mean` after a group-by gives one row a group. **`transform("mean")` gives one value for every row**, in the order
# of the rows: it is `OVER (PARTITION BY ...)`. A large part of this course consists of such differences from the
# usual.
#
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 40 minutes.
#
# **Misconceptions.** "More ratings make a mean more reliable": more *people* do; 737 ratings of one person are one
# opinion about rating. "The mean of means is the better mean": it answers another question, and gives a user with 20
# ratings the weight of one with 700.
#
# **To discuss.** Which dashboards at work are means over requests that pretend to be means over customers? (Latency
# per request against latency per user is the classic.)
# %% [markdown]
# ## 3. Where pandas is not SQL
#
# Four questions about a shelf of four films. Two have no year, one has no stars. Before you look at the answers,
# write down what SQL would say to each:
#
# 1. How many groups does `GROUP BY year` make?
# 2. How many rows has a join of the shelf with itself on `year`?
# 3. What is the sum of the stars of film C, which has none?
# 4. How many films have a year that is *not* 1990?
# %%
shelf = pd.DataFrame({"film": list("ABCD"), "year": [1990, np.nan, np.nan, 1995], "stars": [4, 3, np.nan, 5]})


def ask_sql(query):
    return duckdb.sql(query).fetchall()[0][0]


def ask_pandas(shelf):
    return [
        shelf.groupby("year").ngroups,
        len(shelf.merge(shelf, on="year")),
        shelf.loc[shelf["film"] == "C", "stars"].sum(),
        (shelf["year"] != 1990).sum(),
    ]


# %% [markdown]
# pandas answers twice: once with `NaN`, the gap of ordinary float columns, and once with `<NA>`, the gap of the newer
# nullable columns (`convert_dtypes` switches to them).
# %%
answers = pd.DataFrame(index=["groups", "rows of the join", "sum of nothing", "year is not 1990"])
answers["SQL, NULL"] = [
    ask_sql("SELECT COUNT(*) FROM (SELECT year FROM shelf GROUP BY year)"),
    ask_sql("SELECT COUNT(*) FROM shelf a JOIN shelf b ON a.year = b.year"),
    str(ask_sql("SELECT SUM(stars) FROM shelf WHERE film = 'C'")).replace("None", "NULL"),
    ask_sql("SELECT COUNT(*) FROM shelf WHERE year <> 1990"),
]
answers["pandas, NaN"] = [f"{value:g}" for value in ask_pandas(shelf)]
answers["pandas, <NA>"] = [f"{value:g}" for value in ask_pandas(shelf.convert_dtypes())]
answers
# %% [markdown]
# Not one row on which all agree. Line by line:
#
# - **Groups.** SQL makes a group of the NULLs. pandas drops rows without a key, silently. `groupby("year",
#   dropna=False)` keeps them.
# - **Joins.** In SQL, NULL equals nothing, not even NULL. pandas joins every gap to every gap: two gaps make four
#   rows, a thousand make a million. Drop rows without a key before you join on it. (The documentation of `merge`
#   carries a warning about this.)
# - **Sums.** A sum of nothing is NULL in SQL and 0 in pandas. A *mean* of nothing is missing in both. If a sum of
#   nothing should be unknown, say `sum(min_count=1)`.
# - **Comparisons.** In SQL, `NULL <> 1990` is neither true nor false, so the row is not returned. `NaN != 1990` is
#   true, so pandas counts both films without a year. The nullable columns follow SQL here, and only here.
#
# Is that a game with four films? No. This is the whole catalogue, and the film called "unknown":
# %%
with_years = ratings.merge(items, on="item")
show(ratings=len(with_years), in_groups_of_years=with_years.groupby("year").size().sum())
# %% [markdown]
# Nine ratings are gone, no error, no warning. The remedy costs one line: **after each step, compare the number of
# rows with the number you expect.**
#
# ### Row labels, or: the wrong film
#
# The last difference is the most expensive one. SQL rows have no names. In pandas every row has a label, the
# **index**, and whenever two columns meet, pandas matches them *by label*, not by position. Here a colleague adds the
# number of ratings to the table of films:
# %%
wrong = items.copy()
wrong["ratings"] = ratings.groupby("item").size()
wrong[["item", "title", "ratings"]].head(4)
# %% [markdown]
# It looks fine. It is off by one: *GoldenEye* was not rated 452 times, *Toy Story* was. The group-by is labelled by
# film id, 1, 2, 3 and so on. The rows of `items` are labelled 0, 1, 2. So each film gets the count of the film before
# it, and only the very first one, which finds no label 0, shows a gap. In a table with ids in random order there is
# no such hint.
#
# The way that cannot go wrong names the key. `map` looks each id up, like a scalar subquery:
# %%
right = items.assign(ratings=items["item"].map(ratings.groupby("item").size()))
show(right[["item", "title", "ratings"]].head(4))
show(films_with_a_wrong_count=(wrong["ratings"] != right["ratings"]).sum())


# %% [markdown]
# 1,565 of the 1,682 counts are wrong, and the others are right by luck: the film before has as many ratings.
#
# Labels are not a flaw. They make `a + b` right when the two come in different order. But you have to know that they
# are there: when you *mean* position, drop them (`.to_numpy()`); when you mean a key, merge or map.
#
# Now put it together. `GROUP BY` over the ratings is easy; a report for a shop must list *every* film, also those
# nobody has rated.
# %% exercise="1.1.1"
def film_report(ratings, items):
    """How often and how well each film of the catalogue was rated.

    ratings: frame with columns user, item, rating. items: frame with column item, one row a film.
    Returns a DataFrame with the columns item, n, mean: one row for every film of items.
    """
    ### BEGIN SOLUTION
    stars = ratings.groupby("item")["rating"].agg(n="size", mean="mean").reset_index()
    report = items[["item"]].merge(stars, on="item", how="left")
    return report.fillna({"n": 0}).astype({"n": int})
    ### END SOLUTION


# %% check="1.1.1"
film_report_checked = ex("1.1.1").check(film_report)
# %% [markdown]
# Over all seven months every film has a rating. But a shop looks at *last month*. Here is the report on April 1998,
# its last three weeks of data:
# %%
when = pd.to_datetime(ratings["timestamp"], unit="s")
ever, april = film_report_checked(ratings, items), film_report_checked(ratings[when >= "1998-04-01"], items)
show({"films": len(april), "never rated": (ever["n"] == 0).sum()})
show({"not rated in April": (april["n"] == 0).sum(), "with a mean in April": april["mean"].notna().sum()})


# %% [markdown]
# 355 films would have vanished from a report that starts at the ratings. For somebody who recommends films these are
# not a detail: they are the ones that need recommending. Lesson 2.7 is about them.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise. Let people write their four answers on paper before the table is shown;
# hardly anybody gets the second and fourth right for pandas.
#
# **Misconceptions.** "NaN is NULL." It is a float, it is not equal to itself, and three-valued logic is not its
# business. "0 ratings and a mean of 0": exercise 1.1.1 rejects the 0 stars by name. "reset_index solves alignment":
# it only makes new labels; naming the key solves it.
#
# **To discuss.** Which of these four would a type checker find? A unit test on ten clean rows?
# %% [markdown]
# ## 4. The join that multiplies rows
#
# A colleague wants each film's mean next to each of its ratings. Ids are ugly, so the code goes by title:
# %%
def with_film_mean_by_title(ratings, items):
    named = ratings.merge(items[["item", "title"]], on="item")
    means = named.groupby(["item", "title"], as_index=False)["rating"].mean()
    means = means.rename(columns={"rating": "film_mean"})
    return named.merge(means[["title", "film_mean"]], on="title")


widened = with_film_mean_by_title(ratings, items)
show(rows_in=len(ratings), rows_out=len(widened))
show(mean_rating_in=ratings["rating"].mean(), mean_rating_out=widened["rating"].mean())


# %% [markdown]
# 1,929 ratings have come into the world that nobody gave. The mean rating has moved only in the third decimal, so a
# glance at the dashboard would not have caught it. Of all bugs in data work this may be the most common; you have
# probably shipped one, as an invoice line too many.
# %% exercise="1.1.2"
def with_film_mean(ratings, items):
    """Each rating, once and in its order, with the mean rating of its film beside it.

    Returns the columns of ratings and one more, film_mean.
    """
    ### BEGIN SOLUTION
    return ratings.assign(film_mean=ratings.groupby("item")["rating"].transform("mean"))
    ### END SOLUTION


# %% check="1.1.2"
with_film_mean_checked = ex("1.1.2").check(with_film_mean)
# %% [markdown]
# What had happened? **A join returns one row for every match**, and `title` is not a key. There are remakes:
# *Sabrina* was filmed in 1954 and in 1995. And there is something stranger. Count the films that agree in title, and
# those that agree in title *and* year:
# %%
twins = items[items.duplicated(["title", "year"], keep=False)]
twins = twins.assign(film=twins.groupby(["title", "year"])["item"].transform("min"))
checked = with_film_mean_checked(ratings, items)
shared = items[items["title"].duplicated(keep=False)]
show({"films that share a title": len(shared), "titles they share": shared["title"].nunique()})
show({"films that share title and year": len(twins), "films behind them": twins["film"].nunique()})

means_of_twins = checked.drop_duplicates("item").set_index("item")["film_mean"]
chasing = twins.loc[twins["title"] == "Chasing Amy", ["item", "title", "year"]]
show(chasing.assign(film_mean=chasing["item"].map(means_of_twins)))
# %% [markdown]
# Eighteen films stand in the catalogue twice, under two ids. That is the data's own mistake, and it has stood there
# for so long that everybody's results contain it. We leave it in too, so that ours can be compared. But you should
# know that *Chasing Amy* competes with *Chasing Amy*.
#
# ### An experiment that nobody planned
#
# A mistake can be a gift. Some people have rated *both* copies, so they have told us twice what they think of one
# film. **How well do people agree with themselves?** Join the ratings of the one copy with those of the other, by
# user and film. This time the key is unique on both sides, and we let pandas check that:
# %%
rated_twins = ratings.merge(twins[["item", "film"]], on="item", validate="many_to_one")
first = rated_twins[rated_twins["item"] == rated_twins["film"]]
second = rated_twins[rated_twins["item"] != rated_twins["film"]]
both = first.merge(second, on=["user", "film"], suffixes=("", "_again"), validate="one_to_one")
apart = both["rating"] - both["rating_again"]
soon = (both["timestamp"] - both["timestamp_again"]).abs() < 600
show({"films rated twice": len(both), "same stars": (apart == 0).mean()})
show({"root mean square difference": np.sqrt((apart**2).mean()), "within ten minutes": soon.mean()})
# %% [markdown]
# 307 double ratings. In 85 percent of them people gave the same stars, and the typical difference (the root of the
# mean square, lesson 1.3 explains why one takes that) is 0.44 stars. And that is a kind estimate: more than half of
# the pairs lie within ten minutes of each other, and some people surely remembered. When Amatriain and others asked
# people to rate again in earnest, they measured 0.56 to 0.82.
#
# So there is a limit that no model passes: if people do not agree with themselves, nobody can predict them exactly.
# Remember these numbers when later lessons fight for the second decimal of an error near 0.9.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise. Give them five minutes with nothing but `len` and `value_counts` before
# any hint.
#
# **Misconceptions.** `drop_duplicates` as a repair: the number of rows is right then, and the values are not (the
# check says so). "An inner join can only lose rows." "Title and year identify a film": eighteen times they do not.
#
# **To discuss.** How would you merge the twins for good? Whose rating counts where somebody gave two?
# (`Ratings.from_frame` asks you: `duplicates="last"` or `"mean"`.) What does the 0.44 mean for a model with an error
# of 0.45?
# %% [markdown]
# ## 5. The long tail
#
# How are the ratings spread over the films? If they were spread evenly, each film would have about sixty. Line the
# films up, the most rated first:
# %%
counts = ratings.groupby("item").size().sort_values(ascending=False)
most = items.set_index("item")["title"][counts.index[0]]
show({"most rated": most, "its ratings": counts.iloc[0], "mean": counts.mean(), "median": counts.median()})
show({"films rated once": (counts == 1).sum(), "films rated less than ten times": (counts < 10).sum()})


# %% [markdown]
# The mean is 59, the median 27: **half of all films have 27 ratings or fewer**. 141 were rated exactly once, so all
# that we know of them is one person's mood. At the other end stands *Star Wars*, with 583. Where does the middle lie?
# %% exercise="1.1.3"
def films_for(counts, share):
    """The smallest number of films that together hold at least `share` of all ratings.

    counts: Series, the number of ratings of each film. share: from 0 to 1. Returns a whole number.
    """
    ### BEGIN SOLUTION
    total = counts.sort_values(ascending=False).cumsum()
    return int((total < share * counts.sum()).sum()) + 1
    ### END SOLUTION


# %% check="1.1.3"
films_for_checked = ex("1.1.3").check(films_for)
# %%
half, most_of_it = films_for_checked(counts, 0.5), films_for_checked(counts, 0.9)
top_tenth = counts.iloc[: len(counts) // 10].sum() / counts.sum()
show({"films for half of the ratings": half, "for 90 percent": most_of_it})
show({"share of the top 10 percent of films": top_tenth})
# %% [markdown]
# 215 of the 1,682 films hold half of all ratings, and the top tenth holds 43 percent. The picture has its own name,
# the **long tail**:
# %%
rank = np.arange(1, len(counts) + 1)
fig, (left, right_ax) = plt.subplots(1, 2, figsize=(9, 4))
left.plot(rank, counts)
left.set(title="A few films have hundreds ...", xlabel="film, most rated first", ylabel="ratings of the film")
right_ax.plot(100 * rank / len(rank), 100 * counts.cumsum() / counts.sum())
right_ax.plot([0, 100], [0, 100], color="#444444", linestyle="--", linewidth=1, label="if all were rated alike")
right_ax.set(title="... and an eighth of them holds half", xlabel="films (percent), most rated first")
right_ax.set_ylabel("ratings they hold (percent)")
right_ax.legend(loc="lower right")
alt = "Left: ratings a film fall from 583 to 1, steeply at first. Right: 13 percent of films hold half, half hold 93."
figure_alt(fig, alt)
# %% [markdown]
# You know this curve from caches: it is why a small cache serves most requests. For a recommender it cuts both ways.
#
# - **The head is easy.** Recommending the most rated films to everybody needs no model and is hard to beat (lesson
#   2.1). It is also useless: people know these films.
# - **The tail is where recommendation is worth something,** and where there is almost nothing to learn from.
#
# So be wary of any measure that averages over ratings: most of its weight is in the head.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes with the exercise. Collect guesses for "how many films hold half" first; they usually lie
# between 400 and 800.
#
# **Misconception.** "The tail is junk." Some of it is; some is just new (films of 1998 had weeks, not months).
#
# **To discuss.** What does a recommender do to next year's curve if it shows what many have rated?
# %% [markdown]
# ## 6. A table that is mostly empty
#
# Turn the long table of ratings into a wide one, a row for each user and a column for each film, and you have what
# most models work on: the **user-item matrix**. Lesson 00 counted its cells. The share that is filled is called the
# *density*; what is left, up to 1, is the **sparsity**:
#
# $$\text{density} = \frac{R}{U \cdot I} \qquad\qquad \text{sparsity} = 1 - \text{density}$$
#
# with $R$ the number of ratings, $U$ of users and $I$ of items, here films.
# %%
R, U, I = len(ratings), len(users), len(items)
density = R / (U * I)
show(density=density, sparsity=1 - density)
# %% [markdown]
# 94 percent empty, and this is a *full* table by the standards of the trade. A wide array pays for every cell, filled
# or not: 8 bytes for a float. The alternative is to store what is there and where it is. The usual format is **CSR**,
# compressed sparse rows. You have built it before, if you ever had an index on a sorted file. It is three arrays:
#
# - `data`: the stars, sorted by user and then by film,
# - `indices`: for each of them, the column it stands in,
# - `indptr`: for each user, where their stars begin. User number $u$ owns the entries from `indptr[u]` up to, not
#   including, `indptr[u + 1]`.
#
# The third is a cumulative sum of a group-by. So here is a sparse matrix, made by hand from what you already know:
# %%
ordered = ratings.sort_values(["user", "item"])
data = ordered["rating"].to_numpy()
indices = ordered["item"].to_numpy() - 1  # ids count from 1, columns from 0
indptr = np.concatenate([[0], ordered.groupby("user").size().cumsum()])


def row_of(user):
    begin, end = indptr[user - 1], indptr[user]
    return indices[begin:end] + 1, data[begin:end]


films, stars = row_of(405)
show({"ratings of user 405": len(stars), "their mean": stars.mean()})
show({"bytes of the three arrays": data.nbytes + indices.nbytes + indptr.nbytes, "of a dense table": 8 * U * I})
# %% [markdown]
# There is user 405 again: two look-ups and a slice, no scan. That is what makes CSR fast for everything that goes
# *row by row*. (Give me all raters of one film, and it has to read everything: the index is on the user. Its sister
# format CSC has the index on the film. Lesson 1.2 comes back to both.)
#
# What does it save? The three arrays pay 16 bytes a rating and 8 bytes a user; the dense table pays 8 bytes a cell.
# Here that is a factor of eight. The course's registry knows the sizes of the larger MovieLens sets:
# %%
names = ["ml-100k", "ml-1m", "ml-10m", "ml-25m", "ml-32m"]
family = datasets.describe().set_index("name").loc[names, ["ratings", "users", "items"]]
family["percent filled"] = 100 * family["ratings"] / (family["users"] * family["items"])
family["dense GB"] = 8 * family["users"] * family["items"] / 1e9
family["CSR GB"] = (16 * family["ratings"] + 8 * (family["users"] + 1)) / 1e9
family["times as much"] = family["dense GB"] / family["CSR GB"]
show(family, digits=3)
# %% [markdown]
# Now the memory as a picture. Mind the scale: from one line to the next it is ten times as much.
# %%
place = np.arange(len(family))
fig, ax = plt.subplots()
ax.bar(place - 0.2, family["dense GB"], width=0.4, label="dense table")
ax.bar(place + 0.2, family["CSR GB"], width=0.4, label="CSR")
labels = [f"{name}\n{filled:.2g} % filled" for name, filled in family["percent filled"].items()]
ax.set_xticks(place, labels)
ax.set(yscale="log", ylabel="memory (GB, log scale)", xlabel="data set")
ax.set_title("The larger the service, the more a dense table wastes: 8 times, then 274")
ax.legend(loc="upper left")
figure_alt(fig, "Memory on a log scale: dense grows from 0.013 to 141 GB, CSR from 0.0016 to 0.5 GB.")
# %% [markdown]
# At 100,000 ratings nobody needs to care: both fit anywhere. At 32 million, the dense table needs 141 GB and the
# sparse one half a gigabyte. The table has also become emptier on the way, from 6 percent to 0.2.
#
# Must that be so? Predict it, with pencil and paper.
# %% exercise="1.1.4"
# Ten times the users, ten times the films, everybody rates as many films as today.
# Answer each with one of: "a hundredth", "a tenth", "same", "10 times", "100 times"
### BEGIN SOLUTION
filled = "a tenth"
per_film = "same"
dense_bytes = "100 times"
csr_bytes = "10 times"
# And with ten times the users, but the same films:
filled_users_only = "same"
### END SOLUTION
# %% check="1.1.4"
growth = ex("1.1.4").check((filled, per_film, dense_bytes, csr_bytes, filled_users_only))
# %% [markdown]
# Were you right? `ex("1.1.4").expected()` shows the sizes behind it, and `ex("1.1.4").solution()` why.
#
# ## From scratch, then the library
#
# The three arrays of section 6 against SciPy's `csr_array`, which everybody uses, and against this course's `Ratings`,
# which every model of the course is fitted on. `Ratings` is a CSR matrix plus two dictionaries, from user ids to rows
# and from film ids to columns:
# %%
from scipy import sparse

from recsys_lab import Ratings
from recsys_lab.errors import DataError

places = (ratings["user"] - 1, ratings["item"] - 1)
by_scipy = sparse.csr_array((ratings["rating"], places), shape=(U, I))
by_library = Ratings.from_frame(ratings).matrix
for name, matrix in (("scipy", by_scipy), ("recsys_lab", by_library)):
    parts = ((data, matrix.data), (indices, matrix.indices), (indptr, matrix.indptr))
    gaps = [np.abs(mine - theirs).max() for mine, theirs in parts]
    print(f"{name:<10}  largest difference in data, indices, indptr: {[int(g) for g in gaps]}")
# %% [markdown]
# All three are the same, entry by entry. One difference is worth seeing. Give both of them the colleague's table from
# section 4, the one with 1,929 ratings too many:
# %%
places = (widened["user"] - 1, widened["item"] - 1)
quiet = sparse.csr_array((widened["rating"], places), shape=(U, I))
show(highest_rating_by_scipy=quiet.max())
try:
    Ratings.from_frame(widened[["user", "item", "rating"]])
except DataError as error:
    print(error)


# %% [markdown]
# SciPy adds up what falls into one cell: it says so in its documentation, and for counts it is just right. For
# ratings it makes ten and more stars on a scale of five, and a model would be fitted on them without a murmur.
# `Ratings` refuses, and names the first row. (It counts 3,798 rows, not 1,929: of each group of doubles it reports
# the rightful row too, since it cannot know which one that is.) **Put such a check where data enters**, as you
# validate requests at the boundary of a service.
#
# %% [markdown] instructor=true
# **Timing.** Section 6 and the comparison: 35 minutes.
#
# **Misconceptions.** "Sparse is always smaller": with 16 bytes a rating it loses to a table of single bytes as soon
# as one cell in sixteen is filled; compare int8 for ml-100k (1.6 MB both). "Sparser because of more users": exercise
# 1.1.4 rejects it; it is the catalogue.
#
# **To discuss.** A stored zero in a sparse matrix is not the same as no entry. Where have you seen the two confused
# in an API? (PATCH with null against a missing key.)
# %% [markdown]
# ## 7. When people rate
#
# `timestamp` is the moment of rating. Is it also the moment of watching? Let us look. Week by week first: all ratings
# as a line, and shaded below it those that came from people in their first seven days on the site.
# %%
joined_at = ratings.groupby("user")["timestamp"].transform("min")
since = ratings["timestamp"] - joined_at  # seconds since the user's first rating
week = when.dt.to_period("W").dt.start_time
weekly = pd.DataFrame({"all": ratings.groupby(week).size()})
weekly["newcomers"] = ratings[since < 7 * 86_400].groupby(week).size()

fig, ax = plt.subplots()
ax.plot(weekly.index, weekly["all"], label="all ratings")
ax.fill_between(weekly.index, weekly["newcomers"], alpha=0.3, label="by people in their first seven days")
ax.set(title="Activity comes in waves, and the waves are newcomers", ylabel="ratings a week", ylim=(0, 11_000))
ax.set_xlabel("week")
ax.legend(loc="upper left", ncols=2)
figure_alt(fig, "Ratings a week: 1,000 to 4,000, with peaks near 9,000 in November and April; most by newcomers.")
arrivals = week[since == 0].groupby(ratings["user"]).first().value_counts()
show({"people who came in the two fullest weeks": arrivals.head(2).tolist(), "median week": arrivals.median()})
show({"ratings in a user's first seven days": (since < 7 * 86_400).mean()})
# %% [markdown]
# Two peaks, in November and around the first of April: in these weeks 107 and 87 people registered, against 23 in the
# median week. Why? The data does not say (a newspaper article, perhaps), and we shall not invent a reason. What it
# does say is that 85 percent of all ratings were given by people in their first seven days. MovieLens 100K is, more
# than anything else, a record of *first impressions*.
#
# ### Which hour is it?
#
# The hours should show when people sleep:
# %%
local = when.dt.tz_localize("UTC").dt.tz_convert("America/Chicago")
hours = pd.DataFrame({"UTC": when.dt.hour.value_counts(), "Minnesota": local.dt.hour.value_counts()}).sort_index()

fig, ax = plt.subplots()
ax.plot(hours.index, hours["UTC"], label="as stored (UTC)", linestyle="--", color="#444444")
ax.plot(hours.index, hours["Minnesota"], marker="o", label="in Minnesota")
ax.set(title="Read in UTC, the users sleep until noon", xlabel="hour of the day", ylabel="ratings", ylim=0)
ax.set_xticks(range(0, 24, 3))
ax.legend(loc="lower right")
figure_alt(fig, "Ratings by hour. In UTC fewest at 11; in Minnesota time fewest at 5 in the morning, most at 15.")
show({"quietest hour in UTC": hours["UTC"].idxmin(), "in Minnesota": hours["Minnesota"].idxmin()})
show({"users with a five-digit zip code": users["zip"].str.fullmatch(r"\d{5}").mean()})
# %% [markdown]
# The dashed line is what you get from `pd.to_datetime` alone: a day on which people sleep at eleven in the morning.
# But 98 percent of these people gave a zip code of five digits, so most of them live in the United States, hours
# behind UTC. In the time of Minnesota, where the site is, the dip is at five in the morning, as it should be. (The
# country has four time zones, so even that is an approximation.) If you ever build the feature "rates late at night",
# this is the bug that you will have.
#
# ### How long does a user stay?
#
# Now the question from above. If a rating marked an evening at the cinema, one person's ratings would lie days apart.
# Measure the pauses between two ratings of the same user, once more with a window. (`QUALIFY` filters what a window
# has computed, as `HAVING` filters groups. A user's first rating has no pause before it.)
# %%
pauses = duckdb.sql("""
    SELECT timestamp - LAG(timestamp) OVER (PARTITION BY user ORDER BY timestamp) AS seconds
    FROM ratings QUALIFY seconds IS NOT NULL
""").df()["seconds"]
show({"pauses": len(pauses), "of 0 seconds": (pauses == 0).mean(), "of less than a minute": (pauses < 60).mean()})


# %% [markdown]
# Half of all pauses are **zero seconds** long. Nobody watches two films in one second. Ratings must have been sent
# off in batches, a page of films at a time: the timestamp belongs to the button, not to the film. Within such a batch
# there is no order at all.
#
# How many visits do people make? A visit, or session, is what lies between two long pauses.
# %% exercise="1.1.5"
def sessions(ratings, gap):
    """How many sessions each user had: Series, index user.

    ratings: frame with columns user and timestamp (seconds), rows in any order.
    gap: a pause of more than so many seconds ends a session.
    """
    ### BEGIN SOLUTION
    ordered = ratings.sort_values(["user", "timestamp"])
    pause = ordered.groupby("user")["timestamp"].diff()
    return 1 + (pause > gap).groupby(ordered["user"]).sum()
    ### END SOLUTION


# %% check="1.1.5"
sessions_checked = ex("1.1.5").check(sessions)
# %%
for minutes in (30, 60, 120):
    once = (sessions_checked(ratings, 60 * minutes) == 1).mean()
    print(f"a pause of {minutes} minutes ends a session: {once:.0%} of the users came once")
# %% [markdown]
# Six users in ten came once and never again, whichever pause you choose. And how long did they stay? Take the time
# from a user's first rating to the last:
# %%
stay = since.groupby(ratings["user"]).max()
marks = {"1 minute": 60, "10 minutes": 600, "1 hour": 3_600, "1 day": 86_400, "1 week": 604_800, "1 month": 2_592_000}
at = np.geomspace(30, since.max(), 300)
fig, ax = plt.subplots()
ax.plot(at, [100 * (since <= seconds).mean() for seconds in at], label="ratings that had been given")
ax.plot(at, [100 * (stay <= seconds).mean() for seconds in at], label="users who had given their last")
ax.set(xscale="log", xlabel="time since the user's first rating (log scale)", ylabel="percent", ylim=(0, 100))
ax.set_xticks(list(marks.values()), list(marks))
ax.minorticks_off()
ax.set_title("An hour after arriving, half of the users have given their last rating")
ax.legend(loc="upper left")
figure_alt(fig, "Share by time since the first rating: after one hour 62 percent of ratings, 53 percent of users.")
show({"users done within an hour": (stay <= 3_600).mean(), "ratings within an hour": (since <= 3_600).mean()})
# %% [markdown]
# 53 percent of the users gave all their ratings within one hour. (All that we have, that is: the data ends on 22
# April 1998, and some may have come back in May.) 62 percent of all ratings fall into somebody's first hour. This is
# less a diary of evenings than a **questionnaire at the door**. It is a fine record of taste. It is a poor record of
# *what somebody did next*, and papers that predict "the next film" from MovieLens have been criticised for just that
# (see the end of the lesson).
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise.
#
# **Misconceptions.** "NaN > gap is an error or True": it is False, and the first session gets lost. "The timestamp is
# when the film was seen." "The median session is what matters": a session count of 1 for six in ten is the finding.
#
# **To discuss.** Your own product's events: which timestamp do they carry, of the event, of the request, of the batch
# that wrote them? What would leave-one-out evaluation mean there?
# %% [markdown]
# ## 8. What is not there
#
# We come to the most important question of the lesson, and it is about the 1,486,126 cells that are empty. **Are they
# empty by accident?**
#
# If somebody had thrown dice to decide which cells get filled, then what we see would be a fair sample of what we do
# not. The mean of the empty cells would be 3.53 too, and so on. Statisticians call that *missing completely at
# random*. You can guess that it is not so. People rate what they have watched, and they watch what they expect to
# like. Can we *see* that in the data, although the empty cells are empty?
#
# **Clue one: popular films are better liked.** Group the films by how many people chose them:
# %%
films = film_report_checked(ratings, items)
bins, names = [0, 1, 5, 20, 50, 100, 200, 600], ["1", "2-5", "6-20", "21-50", "51-100", "101-200", "201+"]
size = pd.cut(films["n"], bins, labels=names)
groups = films.groupby(size, observed=True)["mean"].agg(films="size", stars="mean")

fig, ax = plt.subplots()
ax.plot(groups.index.astype(str), groups["stars"], marker="o", label="mean of the films' means")
ax.axhline(ratings["rating"].mean(), color="#444444", linestyle="--", linewidth=1, label="mean of all ratings")
ax.set(xlabel="how many people rated the film", ylabel="stars", ylim=(2, 4))
ax.set_title("The more people chose a film, the better they liked it")
ax.legend(loc="lower right")
figure_alt(fig, "Mean stars by number of raters, rising steadily from 2.3 for one rater to 3.8 for 201 and more.")
show({"mean of all ratings": ratings["rating"].mean(), "mean of the films' means": films["mean"].mean()})
# %% [markdown]
# From 2.3 stars to 3.8, without a step back. That is why the mean of ratings is 3.53, and the mean of films only
# 3.08: films that are liked get rated more often, so they fill most of the table.
#
# **Clue two: people choose by their own taste.** Clue one might be about films only: good films are watched more, by
# everybody alike. So look at *persons*. For each genre, compare people who rate more of it than others do with people
# who rate less of it. If choice had nothing to do with taste, both would like that genre's films equally well.
#
# To be fair to both, we take off what is due to the film (its mean) and to the person (how kind he or she is). What
# is left of a rating is a surprise: how many stars more than *this* film usually gets, and than *this* person usually
# gives. And because any such construction may fool us, we do it twice: once with the real stars, and once with stars
# that were **shuffled among the raters of the same film**. Who rated what stays the same then; only the tie between
# choice and taste is cut.
# %%
flags = items.set_index("item")["genres"].str.get_dummies("|").loc[ratings["item"]].set_index(ratings.index)
appetite = flags.groupby(ratings["user"]).transform("mean") / flags.mean()  # 1: as much as everybody


def surprise(stars):
    left = stars - stars.groupby(ratings["item"]).transform("mean")
    return left - left.groupby(ratings["user"]).transform("mean")


def little_and_much(stars):
    """Mean surprise by genre, for those who rate little of it and those who rate much of it."""
    rest, rows = surprise(stars), {}
    for genre in flags:
        of_it = flags[genre] == 1
        little, much = of_it & (appetite[genre] < 0.75), of_it & (appetite[genre] > 1.33)
        rows[genre] = rest[little].mean(), rest[much].mean()
    return pd.DataFrame(rows, index=["little", "much"]).T


# %% [markdown]
# "Little" means less than three quarters of the usual share of that genre, "much" more than four thirds. Real stars
# on the left, shuffled ones on the right:
# %%
rng = np.random.default_rng(0)
shuffled = ratings.groupby("item")["rating"].transform(lambda r: rng.permutation(r.to_numpy()))
real, control = little_and_much(ratings["rating"]), little_and_much(shuffled)
order = (real["much"] - real["little"]).sort_values().index

fig, axes = plt.subplots(1, 2, figsize=(9.5, 5.2), sharey=True, sharex=True)
for ax, table, name in zip(axes, (real, control), ("real stars", "stars shuffled within each film")):
    table = table.loc[order]
    ax.hlines(order, table["little"], table["much"], color="#999999", zorder=1)
    ax.scatter(table["little"], order, color="C1", label="who rate little of it", marker="s", s=30)
    ax.scatter(table["much"], order, color="C0", label="who rate much of it", s=36)
    ax.set(title=name, xlabel="stars above expectation")
axes[1].legend(loc="lower left")
fig.suptitle("People rate more of the genres that they like more", fontweight="bold")
alt = "Little against much, 18 genres. Real: much is up to 0.3 stars higher nearly everywhere. Shuffled: near 0."
figure_alt(fig, alt)
show({"genres with a gap above 0": (real["much"] > real["little"]).sum()})
show(
    {
        "mean gap, real": (real["much"] - real["little"]).mean(),
        "mean gap, shuffled": (control["much"] - control["little"]).mean(),
    }
)


# %% [markdown]
# On the left, the blue dot is to the right of the orange square in 17 of 18 genres: who rates much of a genre likes
# its films better, by nearly 0.2 stars on average and by about 0.3 for documentaries, adventure and action. (For war
# films there is nothing to see.) On the right, the difference is gone. It wobbles where few ratings are behind a
# mark, as for *Western* and *Fantasy*; that is how large a gap chance alone can make, so do not read anything into a
# single small one. Over all genres it is zero.
#
# So choice follows taste. Carry that on to the cells that somebody left empty: they are, on average, films that he or
# she would have liked *less*. (That last step is an inference. Nobody can look an empty cell up.) The ratings are
# **missing not at random**: whether a cell is filled depends on what would be in it.
#
# ### How much does that matter? Three worlds with the same data
#
# How good would the films be in the eyes of everybody, if all cells were filled? Nobody can know from this table. But
# we can ask *what if*. Suppose each star more makes a cell $\text{pull}$ times as likely to be filled in. If $p_s$ is
# the share of all cells that would get $s$ stars, and $q_s$ the share among the ratings that we see, then
#
# $$q_s \propto \text{pull}^{\,s}\, p_s$$
#
# ($\propto$ reads "proportional to": the right side is scaled so that the shares add up to 1.) That is what the world
# does to us. If we know the pull, it can be undone, and how is for you to find:
# %% exercise="1.1.6"
def mean_behind(stars, pull):
    """The mean of all cells, if each star more makes a cell `pull` times as likely to be seen.

    stars: array of the ratings that are seen. pull: a number above 0. Returns a number.
    """
    ### BEGIN SOLUTION
    weight = pull ** -np.asarray(stars)
    return (weight * stars).sum() / weight.sum()
    ### END SOLUTION


# %% check="1.1.6"
mean_behind_checked = ex("1.1.6").check(mean_behind)
# %% [markdown]
# Does it work? Never trust a correction that you have not seen succeed **where the truth is known**. So we make a
# world: a full table of 943 by 1,682 cells with stars that we throw ourselves, mean about 2.7. Then we hide most of
# it, with a pull of 1.6, and see whether the function finds its way back.
# %%
world = rng.choice([1.0, 2, 3, 4, 5], size=(U, I), p=[0.2, 0.25, 0.3, 0.15, 0.1])
chance = 1.6**world
seen = world[rng.random((U, I)) < chance * R / chance.sum()]
show({"ratings seen": len(seen), "true mean of all cells": world.mean()})
show({"mean of what is seen": seen.mean(), "corrected": mean_behind_checked(seen, pull=1.6)})
# %% [markdown]
# The visible ratings are too kind by 0.7 stars, and the correction brings the truth back to within a hundredth. What
# you wrote is the formula from above, read from right to left:
#
# $$p_s \propto \text{pull}^{-s}\, q_s$$
#
# Now the real ratings, with three pulls. Each colour below is a world, and **all three would have left us exactly the
# same 100,000 ratings**:
# %%
q = ratings["rating"].value_counts(normalize=True).sort_index()
fig, ax = plt.subplots()
for shift, pull in zip((-0.27, 0, 0.27), (1.0, 1.5, 2.0)):
    p = q * pull**-q.index
    mean = mean_behind_checked(ratings["rating"].to_numpy(), pull)
    label = f"pull {pull:g}: the mean of all cells is {mean:.2f}"
    ax.bar(q.index + shift, 100 * p / p.sum(), width=0.25, label=label)
ax.set(xlabel="stars", ylabel="share of all cells (percent)", ylim=(0, 44), xticks=range(1, 6))
ax.set_title("Three worlds that would have left us the same ratings")
ax.legend(loc="upper left")
alt = (
    "Bars of stars in three worlds: with pull 1 four stars lead, mean 3.53; with pull 2 three and one lead, mean 2.55."
)
figure_alt(fig, alt)
# %% [markdown]
# In the first world nothing is missing by choice. In the third, a typical film is a two-and-a-half-star film to a
# typical person, and we are looking at the bright side of it. The data cannot tell them apart; clue two only says
# that the first is not ours. To *measure* the pull, somebody has to rate films that he or she did not choose. Yahoo
# once did this: Marlin and others had people rate songs drawn at random, and found their ratings markedly different
# from those of songs people had chosen.
#
# What follows for you?
#
# - Say "**of the ratings that were given**" whenever you quote a mean or an error. Every RMSE in this course (the root
#   mean square error, as in section 4) is measured on films that people chose.
# - A recommender is asked about the *other* cells. A model can be excellent on chosen films and naive about the rest;
#   lesson 2.2 will show you one, and 2.5 how to measure it.
# - The empty cells are themselves data: *what somebody did not choose* is a hint. Lesson 2.6 learns from it.
# - Your own recommender will decide what people see, and so what they rate, and so what it learns. Lesson 3.6 comes
#   back to that loop.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise. The shuffled control deserves its five minutes: it is the first null model
# of the course.
#
# **Misconceptions.** "Missing not at random means there is a pattern in the gaps": popularity alone is a pattern; the
# point is that being missing depends on *the value itself*. "The correction tells us the pull": it needs it. "A mean
# of 2.5 is the truth then": it is one of the worlds.
#
# **To discuss.** Which numbers at work are computed only from people who answered? How would you spend a budget of
# 1,000 randomly shown items?
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Netflix, 2007.** When it announced its prize, the company had collected over 1.9 billion ratings from more than
#   11.7 million subscribers on over 85,000 titles (Bennett and Lanning 2007, introduction). Work out the density:
#   about 0.2 percent, as in the last line of our table.
# - **YouTube, 2009.** Its product manager showed that the overwhelming majority of rated videos had five stars,
#   called the stars "a seal of approval" rather than an opinion, and asked whether a thumb would not do (S.
#   Rajaraman, [Five Stars Dominate Ratings](https://blog.youtube/news-and-events/five-stars-dominate-ratings/),
#   YouTube's blog). Missing not at random, drawn as a bar chart.
# - **Yahoo, 2007.** A survey and random songs on an online radio: many users said that their opinion of a song
#   affects whether they rate it, and the random ratings differed from the chosen ones (Marlin, Zemel, Roweis and
#   Slaney 2007).
# - **MovieLens itself** has changed its pages, its scale and its sign-up over the years, and each change is visible
#   in the data (Harper and Konstan 2015). Data sets have a biography; ask for it.
#
# ## In the interview
#
# **"Here is a table of user-item ratings. What do you look at before you train anything?"** A good answer in three
# minutes:
#
# 1. *Promises.* Keys unique, foreign keys present, gaps counted. How was it collected and cleaned, and who is
#    therefore missing?
# 2. *Shape.* Users, items, density; dense or sparse in memory; ratings a user and an item, mean *and* median: the
#    long tail.
# 3. *Time.* What does the timestamp stand for? Bursts, sessions, time zone, ties. This decides how one may split into
#    training and test.
# 4. *Means over what?* Check whether a few users or items carry a number.
# 5. *What is missing, and why?* Say "not at random", give a clue that you could compute, and say what it means for
#    offline results.
# 6. *Habits.* Row counts after each join, one number computed in two ways, a shuffled control for each surprising
#    pattern.
#
# ## Take-aways
#
# - pandas is SQL in memory, except for NULL, groups without a key, joins on gaps, sums of nothing, and row labels.
# - Count the rows after every join. If there are too many, mend the key; `validate=` does the counting for you.
# - Ask of every mean: over what? Ratings, users and films give three answers.
# - A tenth of the films holds 43 percent of the ratings; half of the films have 27 or fewer.
# - The table is 94 percent empty, and a growing catalogue empties it further. Store what is there.
# - Half of the users did everything in one hour: MovieLens is a questionnaire at the door, not a diary.
# - Ratings are missing not at random. What you measure on them holds for films that people chose.
# - Before you believe a pattern, shuffle; before you believe a correction, try it where the truth is known.
#
# ## Further reading
#
# - F. M. Harper, J. A. Konstan: *The MovieLens Datasets: History and Context*. ACM Transactions on Interactive
#   Intelligent Systems 5(4), article 19, 2015. [doi:10.1145/2827872](https://doi.org/10.1145/2827872)
# - W. McKinney: *Data Structures for Statistical Computing in Python*. Proceedings of the 9th Python in Science
#   Conference, 2010, pages 56-61. Why pandas has labels. In the pandas documentation: "Comparison with SQL", and the
#   warning under `merge`.
# - M. Raasveldt, H. Mühleisen: *DuckDB: an Embeddable Analytical Database*. SIGMOD 2019.
#   [doi:10.1145/3299869.3320212](https://doi.org/10.1145/3299869.3320212)
# - J. Bennett, S. Lanning: *The Netflix Prize*. KDD Cup and Workshop, 2007.
# - B. M. Marlin, R. S. Zemel, S. Roweis, M. Slaney: *Collaborative Filtering and the Missing at Random Assumption*.
#   UAI 2007. [arXiv:1206.5267](https://arxiv.org/abs/1206.5267)
# - D. B. Rubin: *Inference and Missing Data*. Biometrika 63(3), 1976, pages 581-592. Where the three kinds of missing
#   come from. [doi:10.1093/biomet/63.3.581](https://doi.org/10.1093/biomet/63.3.581)
# - H. Steck: *Training and Testing of Recommender Systems on Data Missing Not at Random*. KDD 2010.
#   [doi:10.1145/1835804.1835895](https://doi.org/10.1145/1835804.1835895)
# - X. Amatriain, J. M. Pujol, N. Oliver: *I Like It... I Like It Not: Evaluating User Ratings Noise in Recommender
#   Systems*. UMAP 2009, pages 247-258.
#   [doi:10.1007/978-3-642-02247-0_24](https://doi.org/10.1007/978-3-642-02247-0_24)
# - D. Woolridge, S. Wilner, M. Glick: *Sequence or Pseudo-Sequence? An Analysis of Sequential Recommendation
#   Datasets*. Workshop paper at RecSys 2021, CEUR volume 2955, paper 8. On timestamps like those of section 7.
# - Y. Fan, Y. Ji, J. Zhang, A. Sun: *Our Model Achieves Excellent Performance on MovieLens: What Does It Mean?* ACM
#   Transactions on Information Systems 42(6), 2024. [doi:10.1145/3675163](https://doi.org/10.1145/3675163)
