# ---
# lesson:
#   id: "2.4"
#   title: "Content-based filtering with TF-IDF"
#   phase: 2
#   minutes: 240
#   prerequisites: ["1.2", "2.1", "2.2"]
#   objectives:
#     - "Turn a catalogue into documents, and answer 'what is like this film?' with one SQL join"
#     - "Compute tf, idf and the cosine by hand, equal to recsys_lab and to scikit-learn"
#     - "Build a profile from likes and dislikes, and give reasons in words that add up to the score"
#     - "Find a leak that makes random ratings look like taste"
#     - "Measure what descriptions are good for (films nobody has rated) and what they are bad at (a top ten)"
# ---
# %% [markdown]
# ## What you already know
#
# You have put a search box on a page. Perhaps it was `LIKE '%star%'` at first, and then, when the table grew, a
# full-text index. Somebody typed words, and the database returned rows, the best first. This lesson types the words
# *for* people: it takes them from the films that they liked.
#
# | in your backend | in this lesson |
# |---|---|
# | a row of the product table | a document |
# | tokens in a full-text index | terms: words of the title, and genres |
# | the inverted index, term → rows | the postings: one row for each film and term |
# | the relevance score of a hit | the cosine of two TF-IDF vectors |
# | a field boost, `title^2` | how much title words count against genres |
# | a saved search, with words to exclude | a user's profile |
# | `"explain": true` in a search request | "because you liked ..." |
#
# All models so far knew a film by *who rated it*. This one never asks. It knows what a film is *made of*, so it can
# recommend a film that came in this morning, and it can say why in words. What it cannot do is just as instructive.
#
# %% [markdown] instructor=true
# **Timing (240 minutes alone, two sessions of 120 in class).** Session one: sections 1 to 3 with exercises 1 to 3.
# Session two: sections 4 to 7 with exercises 4 to 6, then the quiz.
#
# **Prepare.** Let everybody write five words that describe a film they love, so that a stranger could find another
# film by these words. Collect them. How many are genres, how many are people, how many are moods? Our data has only
# the first kind; section 3 comes back to the others.
# %%
from itertools import pairwise

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab import BiasBaseline, GlobalMean, ItemKNN, Ratings, TfidfContent, datasets
from recsys_lab.course import figure_alt, leaderboard, my_ratings, show, start
from recsys_lab.metrics import rmse

ex, quiz = start("2.4")
data = datasets.load("ml-100k")
films = my_ratings.shelf(data)
catalogue = data.items.sort_values("item", ignore_index=True)
# %% [markdown]
# ## 1. A film that came in this morning
#
# Pretend that *Star Trek: The Wrath of Khan* is new. We hide all of its 244 ratings, fit the damped averages of lesson
# 2.1 and the item k-NN of lesson 2.3 on the rest, and ask what five people would give it. We also ask about a film
# number that does not exist.
# %%
KHAN, NO_FILM = 228, 999_999
known = data.ratings[data.ratings["item"] != KHAN]
people = [1, 13, 168, 405, 655]
table = pd.DataFrame(index=pd.Index(people, name="user"))
for name, model in {"averages": BiasBaseline(), "item k-NN": ItemKNN()}.items():
    model.fit(known)
    for title, item in {"Wrath of Khan": KHAN, "no film": NO_FILM}.items():
        table[f"{name}: {title}"] = model.predict(pd.DataFrame({"user": people, "item": item}))
show(table, digits=3)
# %% [markdown]
# Four equal columns. All that these models can say about a new film is how kind the *person* is. Whether it is *The
# Wrath of Khan* or nothing at all makes no difference, and on nobody's list will it ever appear. This is **cold start**
# on the item side, and in a shop with ten thousand new products a week, it is not an edge case.
#
# Yet you know a good deal about this film. It stands in the catalogue:
# %%
catalogue[catalogue["item"] == KHAN]
# %% [markdown]
# Whoever loved the other *Star Trek* films may want to know. So look for similar titles. The first try of every
# backend developer:
# %%
query = "SELECT title FROM catalogue WHERE lower(title) LIKE '%star%' ORDER BY title"
found = duckdb.sql(query).df()["title"]
show(found=len(found), some_of_them=found.iloc[[0, 2, 5, 8, 15]].tolist())
# %% [markdown]
# `LIKE` reads every row, and it finds *letters*: *Bastard Out of Carolina* and *Frankie Starlight* came along. A search
# engine first cuts the text into **terms**, and then turns the table round: for each term the list of documents that
# hold it. That is the **inverted index**; its entries are called *postings*.
#
# The library's `documents` does the cutting: titles into lower-case words, genres whole. Each term says which column it
# is from, so that "war" in a title is not the genre War.
# %%
from recsys_lab.tfidf import documents

docs = documents(catalogue)
for item in (KHAN, 222, 181):
    print(films.loc[item, "title"], "\n   ", docs[catalogue.index[catalogue["item"] == item][0]])
# %% [markdown]
# As a table with one row for each film and term, and with **tf**, the *term frequency*: how often the term occurs in
# the film's document. ("The" is in *The Silence of the Lambs* twice.)
# %%
rows = [(item, term) for item, document in zip(catalogue["item"], docs) for term in document]
postings = pd.DataFrame(rows, columns=["item", "term"]).value_counts().rename("tf").reset_index()
postings = postings.sort_values(["item", "term"], ignore_index=True)
n_terms = postings["term"].nunique()
show(films=len(docs), terms=n_terms, postings=len(postings), terms_a_film=len(rows) / len(docs))
# %% [markdown]
# A document of four or five terms is short! Keep that in mind. Now ask the table which films share the most terms with
# *The Wrath of Khan*: a self-join, as in lesson 2.2, but on *terms* in the place of films.
# %%
shared = duckdb.sql(f"""
    SELECT theirs.item, count(*) AS shared, string_agg(split_part(term, ': ', 2), ', ') AS terms
    FROM postings AS mine JOIN postings AS theirs USING (term)
    WHERE mine.item = {KHAN} AND theirs.item <> {KHAN}
    GROUP BY theirs.item ORDER BY shared DESC, theirs.item
""").df()
shared = shared.join(films["title"], on="item").set_index("title")
shared.loc[["Star Trek III: The Search for Spock", "Star Trek: First Contact", "Return of the Jedi"]]
# %% [markdown]
# The last two rows are a tie: five terms each. But look *which* five. One film shares "star" and "trek" with it, the
# other shares "of" and "the". You would not call that a tie. So terms must not count alike; but who decides how much
# each is worth?
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes.
#
# **Misconceptions.** "Cold start means new users": here the *items* are new; lesson 2.7 takes the users. "Drop the stop
# words and be done": which list, in which language? (Our titles are in many.) And "of" is only the extreme of a
# scale on which "love" and "Drama" stand, too.
#
# **To discuss.** Which index does the self-join want? (On `term`: that is the inverted index.) Which term makes it
# expensive? (The frequent ones have the long posting lists, and say the least.)
# %% [markdown]
# ## 2. What is a word worth?
#
# Nobody decides. Karen Spärck Jones proposed in 1972 to let the collection speak: **a term is worth more, the fewer
# documents have it.** Write $n$ for the number of documents, and $\mathrm{df}_t$, the *document frequency*, for how
# many of them hold the term $t$, once or more often:
# %%
n = len(docs)
df = postings["term"].value_counts()
some = ["genres: Drama", "title: the", "title: of", "genres: Sci-Fi"]
some += ["title: star", "title: trek", "title: khan"]
show(pd.DataFrame({"df": df[some], "% of films": 100 * df[some] / n}), digits=3)
# %% [markdown]
# "Drama" is on 43 per cent of all films: to hear that a film is a drama is hardly news. "Khan" is in one. How much news
# is a term? The rarer, the more; and if two independent terms are both there, their news should *add up* while their
# probabilities multiply. The function that turns products into sums is the logarithm:
#
# $$\mathrm{idf}_t = \ln \frac{1 + n}{1 + \mathrm{df}_t} + 1$$
#
# This is the *inverse document frequency*, in the form that scikit-learn and our library use. It has more ones than the
# textbook's $\ln(n / \mathrm{df}_t)$, and each has its reason.
#
# - **Inside the fraction**, 1 is added as if there were one more document that holds every term. You know this from
#   lesson 2.1: it is damping. And a term that is in no document, from somebody's search box perhaps, does not divide by
#   zero.
# - **The 1 at the end** is for a term that is in *every* document. Its logarithm is 0; without the 1 it would be
#   erased. In a shop that sells only drama, "Drama" should count little, but a film of which we know nothing else
#   should not become an empty row.


# %% exercise="2.4.1"
def idf(documents):
    """The inverse document frequency of each term: a Series (or dict), term -> number.

    documents: list of documents, each a list of terms; a term may occur several times in one document.
    """
    ### BEGIN SOLUTION
    n = len(documents)
    once = [term for document in documents for term in set(document)]
    df = pd.Series(once, dtype=object).value_counts()
    return np.log((1 + n) / (1 + df)) + 1
    ### END SOLUTION


# %% check="2.4.1"
idf_checked = ex("2.4.1").check(idf)
# %% [markdown]
# Here are all terms of the catalogue:
# %%
worth = pd.Series(idf_checked(docs))
fig, ax = plt.subplots()
ax.scatter(df, worth[df.index], s=14, alpha=0.4, label="a term")
ax.scatter(df[some], worth[some], s=40, color="#D55E00", label="a term of the table")
for term in some:
    below = term in ("title: star", "title: the", "genres: Sci-Fi")
    place = {"xytext": (-6, -6), "ha": "right", "va": "top"} if below else {"xytext": (7, 3)}
    ax.annotate(term, (df[term], worth[term]), textcoords="offset points", fontsize=10, **place)
ax.set(xscale="log", xlim=(0.8, 4000), ylim=(1, 8.5))
ax.set(xlabel="df, films that have the term (log scale)", ylabel="idf")
ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
ax.set_title("A term that everybody has says little")
ax.legend(loc="lower left")
alt = "idf by df, falling: khan 7.7, trek 6.2, star 5.7, Sci-Fi 3.8, of 3.5, the 2.3, Drama 1.8."
figure_alt(fig, alt)
# %% [markdown]
# The line is straight because the axis is logarithmic: tenfold rarer is worth 2.3 more. And it is *flat*. "Khan" is in
# one film and "Drama" in 725, but the worth differs only by a factor of four. The logarithm keeps rare words from
# ruling alone.
#
# ### From weights to vectors
#
# A film is now a vector with an entry for each term of the vocabulary: how often it has the term, $\mathrm{tf}_{it}$, times
# what the term is worth, $\mathrm{idf}_t$. Then we divide by the length, so that films with long titles are not nearer to
# everything (lesson 1.2):
#
# $$x_{it} = \frac{\mathrm{tf}_{it}\, \mathrm{idf}_t}{\sqrt{\sum_{t'} (\mathrm{tf}_{it'}\, \mathrm{idf}_{t'})^2}}$$
#
# with $i$ the film, $t$ the term, and $t'$ running over all terms. These three lines are **TF-IDF**:
# %%
postings["weight"] = postings["tf"] * postings["term"].map(worth)
length = postings.groupby("item")["weight"].transform(lambda weight: np.sqrt((weight**2).sum()))
postings["x"] = postings["weight"] / length
khan = postings[postings["item"] == KHAN].set_index("term")
show(khan[["tf", "weight", "x"]].sort_values("x", ascending=False).T, digits=2)
# %% [markdown]
# Both vectors of a pair have length 1, so their cosine is simply their dot product, $\cos(i, j) = \sum_t x_{it}
# x_{jt}$. Only shared terms contribute. In SQL it is the query from above, with a sum of products where `count(*)`
# was:
# %%
similar = duckdb.sql(f"""
    SELECT theirs.item, sum(mine.x * theirs.x) AS cosine
    FROM postings AS mine JOIN postings AS theirs USING (term)
    WHERE mine.item = {KHAN} AND theirs.item <> {KHAN}
    GROUP BY theirs.item ORDER BY cosine DESC, theirs.item
""").df()
similar = similar.join(films["title"], on="item").set_index("title")
show(similar.loc[["Star Trek: First Contact", "Return of the Jedi"], ["cosine"]], digits=3)
similar.head(8)[["cosine"]].round(3)
# %% [markdown]
# The tie is broken, two to one. And the list has all seven of its relatives on top, then *Star Wars*. A content-based
# recommender in one SQL statement, without a single rating.
#
# But why is even the next of kin only at 0.5? Square the entries of a vector of length 1, and they add up to 1: each
# term's share of the film. Colour those shares by whether *any* other film has the term:
# %%
FIVE = {"Wrath of Khan": KHAN, "First Contact": 222, "Toy Story": 1, "Fargo": 100, "Empire": 172}
share = postings.assign(square=postings["x"] ** 2, alone=postings["term"].map(df) == 1)
parts = share.groupby(["item", "alone"])["square"].sum().unstack(fill_value=0).loc[list(FIVE.values())]

fig, ax = plt.subplots(figsize=(8, 3.4))
ax.barh(list(FIVE), parts[False], label="terms that some other film has, too")
alone = {"color": "#D55E00", "label": "terms that no other film has"}
ax.barh(list(FIVE), parts[True], left=parts[False], **alone)
ax.set(xlabel="share of the film's vector (squared entries)", xlim=(0, 1))
ax.invert_yaxis()
ax.set_title("What no other film has cannot find anything", pad=34)
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
alt = "Terms that no other film has: 0.7 of Fargo, about half of three others, none of First Contact."
figure_alt(fig, alt)
# %%
of_one = share.loc[share["alone"], "square"].sum() / n
counts = {"terms": len(df), "in one film only": int((df == 1).sum())}
reach = np.sqrt(parts.loc[KHAN, False])  # the length of what can match at all
show(counts | {"their share of all vectors, %": 100 * of_one, "length of Khan's shared part": reach})
# %% [markdown]
# Three quarters of all terms occur in one film only, and they make up nearly half of all vectors. They match nothing;
# they only make a film's other terms count less. The part of *The Wrath of Khan* that can match at all has length 0.71:
# no other film can have a higher cosine with it than that, and 0.53 is the highest that there is. Compare cosines with
# each other, never with 1.
#
# ### From scratch, then the library
#
# Your idf and three lines of pandas, against `recsys_lab.tfidf` and scikit-learn's `TfidfVectorizer`, for all films and
# terms. (scikit-learn would cut the text by rules of its own. We hand it the terms ready-made.)
# %%
from sklearn.feature_extraction.text import TfidfVectorizer

from recsys_lab.tfidf import tfidf

x, terms = tfidf(docs)
position = pd.Series(range(len(terms)), index=terms)
row = pd.Series(range(n), index=catalogue["item"])
at = (row[postings["item"]], position[postings["term"]])
mine = sparse.csr_array((postings["x"], at), shape=x.shape)
theirs = TfidfVectorizer(analyzer=list).fit(docs)

model = TfidfContent().fit(data.ratings, data.items)
by_library = model.similar(KHAN, n=300).set_index("item")["score"]
by_sql = similar.set_index("item")["cosine"][by_library.index]
by_sklearn = theirs.transform(docs)[:, np.argsort(theirs.get_feature_names_out())]
gaps = {
    "vectors, yours and recsys_lab": abs(mine - x).max(),
    "vectors, yours and scikit-learn": abs(mine - by_sklearn).max(),
    "cosines, SQL and recsys_lab": (by_sql - by_library).abs().max(),
}
for name, gap in gaps.items():
    print(f"{name:<32} {gap:.12f}   below 1e-10: {gap < 1e-10}")
# %% [markdown]
# Equal. From here on we use the library's matrix `x`, one row a film, one column a term.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise.
#
# **Misconceptions.** "df counts occurrences": it counts documents; exercise 2.4.1 rejects the mix-up by name. "idf
# needs a stop-word list": it *is* a soft one. "A cosine of 0.5 is a weak match": the bars say why not.
#
# **To discuss.** Terms of one film only match nothing. Would you drop them (`min_df=2`)? Try it: films that are left
# with the same genres then become identical, and the order within a genre is lost. On these ratings the library's
# authors found 1 to be best.
# %% [markdown]
# ## 3. Read the lists before you believe them
#
# *The Wrath of Khan* is a lucky case: it has a family name. Here are the nearest films of three others.
# %%
X = x.toarray()


def nearest(item, k=4, vectors=X):
    cosine = (vectors @ vectors[row[item]]).round(9)  # so that ties are ties on every machine
    cosine[row[item]] = -1
    best = np.argsort(-cosine, kind="stable")[:k]
    return [f"{films.loc[catalogue['item'][i], 'title']} ({cosine[i]:.2f})" for i in best]


TOY, EMPIRE, ALIENS = 1, 172, 176
near = {films.loc[item, "title"]: nearest(item) for item in (TOY, EMPIRE, ALIENS)}
pd.DataFrame(near, index=[1, 2, 3, 4])


# %% [markdown]
# Stop and read. A romantic comedy of 1940 for the children who liked *Toy Story*? *Back to the Future* for *The Empire
# Strikes Back*? And where is *Alien*, to which *Aliens* is the sequel? If you had only looked at the number of matches,
# you would have shipped this. Search engines have a tool for such moments: `explain`.
# %% exercise="2.4.2"
def because(profile, film, terms):
    """What each term adds to cos(profile, film): a Series (or dict), term -> part, largest first.

    profile, film: arrays (n_terms,) of any length, not only 1. terms: array (n_terms,) of text.
    Only terms that both have are listed; the parts add up to the cosine.
    Nothing is listed where a vector is all zero.
    """
    ### BEGIN SOLUTION
    parts = profile * film
    both = np.flatnonzero(parts)
    parts = parts[both] / (np.linalg.norm(profile) * np.linalg.norm(film))
    return pd.Series(parts, index=terms[both]).sort_values(ascending=False)
    ### END SOLUTION


# %% check="2.4.2"
because_checked = ex("2.4.2").check(because)
# %%
for one, other in ((TOY, 478), (TOY, 95), (EMPIRE, 204), (ALIENS, 183)):
    reasons = pd.Series(because_checked(X[row[one]], X[row[other]], terms))
    print(f"{films.loc[one, 'title']} - {films.loc[other, 'title']}\n    {reasons.round(2).to_dict()}")
# %% [markdown]
# Now you can see it.
#
# - ***Toy Story* and *The Philadelphia Story*** share "story", a rare word. It outweighs three genres that *Toy Story*
#   shares with *Aladdin*.
# - ***The Empire Strikes Back* and *Back to the Future*** share "back", once a direction in space and once in time.
# - ***Aliens* and *Alien*** share no word at all. "Aliens" and "alien" are two terms. Search engines *stem* words, that
#   is, cut off endings; ours does not.
#
# TF-IDF knows spelling, not meaning. In a document of five terms, one accident of spelling decides. In a plot summary
# of two hundred words it would drown among real matches.
#
# ### Boosting a field
#
# Search engines let you say how much each field counts: `title^0.5` halves the title. In our terms: multiply the
# weights of all title words by a boost $\beta$ *before* the vectors are brought to length 1. Where must $\beta$ be for
# *Aladdin* to catch up with *The Philadelphia Story*? Here are the weights of the three films before they are
# normalised; each entry is $\mathrm{tf} \cdot \mathrm{idf}$.
# %%
trio = {"Toy Story": TOY, "Philadelphia Story": 478, "Aladdin": 95}
weights = postings[postings["item"].isin(trio.values())]
weights = weights.pivot(index="term", columns="item", values="weight")
weights = weights[list(trio.values())].set_axis(list(trio), axis=1).fillna(0.0)
show(weights, digits=3)


# %% exercise="2.4.3"
# the boost of title words at which both films are equally near to Toy Story, to three digits
### BEGIN SOLUTION
def _gap(beta):
    boosted = weights.mul(np.where(weights.index.str.startswith("title"), beta, 1.0), axis=0)
    unit = boosted / np.sqrt((boosted**2).sum())
    return unit["Toy Story"] @ unit["Philadelphia Story"] - unit["Toy Story"] @ unit["Aladdin"]


_low, _high = 0.1, 1.0  # the gap is below 0 at _low and above 0 at _high: halve the interval
for _ in range(50):
    _middle = (_low + _high) / 2
    _low, _high = (_middle, _high) if _gap(_middle) < 0 else (_low, _middle)
boost = _middle
### END SOLUTION
# %% check="2.4.3"
boost_checked = ex("2.4.3").check(boost)
# %% [markdown]
# And what does the boost do to other films? The nearest film for a few values of $\beta$:
# %%
is_title = np.array([term.startswith("title") for term in terms])
by_boost = {}
for beta in (1.0, 0.7, 0.4, 0.0):
    boosted = X * np.where(is_title, beta, 1.0)
    boosted /= np.maximum(np.linalg.norm(boosted, axis=1, keepdims=True), 1e-12)
    first = {item: nearest(item, 1, boosted)[0] for item in (TOY, EMPIRE, KHAN, 100)}
    by_boost[beta] = {films.loc[item, "title"]: name for item, name in first.items()}
pd.DataFrame(by_boost).rename_axis("boost of the title", axis=1)
# %% [markdown]
# A little less title repairs *Toy Story* and *The Empire Strikes Back*. No title at all, in the last column, and *The
# Wrath of Khan* is nearest to *Stargate*, and *Fargo* to *Copycat*, with a cosine of 1: with all genres in common
# they are *the same film*. There is no right boost. You trade accidents against blindness, and the real cure is
# **more text**: people, plot, keywords.
#
# > **Try it yourself.** For most of these films the course can fetch who acted, directed and wrote, and what they are
# > about, as anonymous ids (52 MB, so `make lab` leaves it out). In a cell of your own:
# > `items = datasets.with_credits("ml-100k")`, then `TfidfContent().fit(data.ratings, items)`. Whose list gets better,
# > and do your numbers of section 7 move?
#
# ### The best matches of all
#
# One more look, at the pairs of films with a cosine of 1:
# %%
cosines = X @ X.T
first, second = np.nonzero(np.triu(cosines, k=1) > 1 - 1e-9)
pairs = catalogue.loc[first, ["title", "year"]].reset_index(drop=True)
pairs["other year"] = catalogue["year"][second].to_numpy()
twins = pairs["year"] == pairs["other year"]
show(pairs=len(pairs), of_the_same_year=int(twins.sum()))
pairs[~twins].reset_index(drop=True)
# %% [markdown]
# These four pairs are remakes. The other 18 are films that MovieLens lists twice under two numbers: *duplicates in the
# master data*. (*That Darn Cat!* of 1997 is one of them, which is why it meets the film of 1965 twice.) Their ratings
# are split between the two, for every collaborative model in this course. Catalogue vectors are a fine tool to find such
# rows, and this may be the first thing that you use this lesson for at work.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with two exercises.
#
# **Misconceptions.** "The model is broken": it does what the formula says; the documents are too short. "A number above
# 0.3 is a match": show "back". "Tune the boost until the examples look right": on three examples that *you* picked?
# Which data would choose it honestly? (A validation part, and the measure of section 6.)
#
# **To discuss.** The words from the warm-up: which of them would a studio's catalogue hold, which would need a person,
# which could be computed from the film itself? Who pays for the second kind? (Pandora does; see "In production".)
# %% [markdown]
# ## 4. From films to a person
#
# So far: films like *one* film. Now for all films that somebody has rated. If films are documents, a person is a
# **saved search**: terms to look for, and terms to stay away from. Take user 13, who has seen a lot, horror films
# among them:
# %%
USER = 13
fallback = model.fallback_  # mu, b_u and b_i of lesson 2.1
rated = data.ratings[data.ratings["user"] == USER]
stars = rated["rating"].to_numpy()
u, i = model.train_.users.rows(rated["user"]), model.train_.items.rows(rated["item"])  # ids to rows
expected = fallback.at(u, i)
seen = X[row[rated["item"]]]
is_horror = seen[:, position["genres: Horror"]] > 0
show(
    films_rated=len(rated),
    mean_of_all=stars.mean(),
    horror_films=int(is_horror.sum()),
    mean_of_horror=stars[is_horror].mean(),
    expected_for_horror=expected[is_horror].mean(),
)


# %% [markdown]
# `expected` is what lesson 2.1's damped averages expect this person to give to each film, $b_{ui} = \mu + b_u + b_i$.
# User 13 gives horror films far less than that. Surely a list for them should not hold horror. Here is the first
# version of the profile, from a pull request, and its list:
# %%
def profile_by_mean(stars, expected, X):
    """The mean of the films' vectors, weighted by how much better than expected each was."""
    d = stars - expected
    return d @ X / d.sum()


def shortlist(profile, k=5):
    score = (X @ profile / np.linalg.norm(profile)).round(9)
    score[row[rated["item"]]] = -np.inf
    best = np.argsort(-score, kind="stable")[:k]
    return catalogue.loc[best, ["title", "genres"]].assign(score=score[best])


shortlist(profile_by_mean(stars, expected, seen)).round(3)


# %% exercise="2.4.4"
def profile(stars, expected, X):
    """A person's profile over the terms, in stars: array (n_terms,).

    stars, expected: arrays (n_rated,), what was given and what the averages had expected.
    X: array (n_rated, n_terms), the vectors of the films that were rated.
    """
    ### BEGIN SOLUTION
    return (stars - expected) @ X
    ### END SOLUTION


# %% check="2.4.4"
profile_checked = ex("2.4.4").check(profile)
# %% [markdown]
# The formula at last. With $I_u$ the films that $u$ rated, $r_{ui}$ the rating and $x_i$ the film's vector,
#
# $$p_u = \sum_{i \in I_u} d_{ui}\, x_i, \qquad d_{ui} = r_{ui} - b_{ui}$$
#
# A film that was better than expected pulls the profile towards its terms, one that was worse pushes it away, and one
# that was as expected says nothing. (Joseph Rocchio wrote this for search engines, to learn a query from good and bad
# hits.) How many people had the pull request harmed? The divisor, $\sum_i d_{ui}$, for everybody:
# %%
train = model.train_
who = np.repeat(np.arange(train.n_users), np.diff(train.matrix.indptr))
d_all = train.matrix.data - fallback.at(who, train.matrix.indices)
divisor = np.bincount(who, d_all)

fig, ax = plt.subplots()
edges = np.linspace(-30, 20, 51)
ax.hist(divisor[divisor < 0], bins=edges, color="#D55E00", label="negative: the list is upside down")
ax.hist(divisor[divisor >= 0], bins=edges, color="#0072B2", label="positive")
ax.set(xlabel="sum of a person's deviations (stars)", ylabel="people")
ax.set_title("The weighted mean turns more than half of all people round")
ax.legend(loc="upper left")
alt = "Histogram of people's sums of deviations, -27 to 16: most near 0, more than half negative."
figure_alt(fig, alt)
# %%
gap = np.abs(divisor - 15 * fallback.user).max()
negative = 100 * (divisor < 0).mean()
show({"people with a negative divisor, %": negative, "largest gap to 15 b_u": round(gap, 9)})
# %% [markdown]
# And it is no accident who is hit. The sum of a person's deviations is 15 times their effect $b_u$, to the last digit,
# because lesson 2.1 *defines* $b_u$ so: the sum of the $r_{ui} - \mu - b_i$, divided by $|I_u| + 15$. Take $b_u$ off each
# of the $|I_u|$ summands, as $d_{ui}$ does, and $15\, b_u$ are left over. So the bug is: everybody who is sterner than
# usual gets what they like least. The kind half sees nothing wrong, and neither does a test with one kind user.
#
# Here is user 13 with the right sign. First the profile, by genre:
# %%
p = np.asarray(profile_checked(stars, expected, seen))
taste = pd.Series(p, index=terms)[lambda s: s.index.str.startswith("genres")].sort_values()
fig, ax = plt.subplots(figsize=(8, 4.6))
colours = np.where(taste < 0, "#D55E00", "#0072B2")
ax.barh(taste.index.str.removeprefix("genres: "), taste, color=colours)
ax.axvline(0, color="#444444", linewidth=1)
ax.set(xlabel="entry of the profile (stars)", title="User 13: anything but horror")
alt = "Bars of user 13's profile by genre: Drama +8, Film-Noir and Romance +5, Thriller -5, Horror -28."
figure_alt(fig, alt)
# %% [markdown]
# Then the list, with reasons. A score is $s_{uj} = \cos(p_u, x_j)$, so your `because` explains it: the parts of the
# terms add up to the score.
# %%
better = shortlist(p)
for at, film in better.iterrows():
    reasons = pd.Series(because_checked(p, X[at], terms)).head(3).round(3).to_dict()
    print(f"{film['score']:.3f}  {my_ratings.readable(film['title'])}: {reasons}")

by_library = model.recommend(USER, n=5).set_index("item")["score"]
same_films = by_library.index.tolist() == catalogue["item"][better.index].tolist()
gap = np.abs(by_library.to_numpy() - better["score"]).max()
show(same_films=same_films, largest_difference=gap.round(8))
# %% [markdown]
# Your list is the library's. No horror in it. But is it *good*? It knows that this person likes stars, in the sky and
# in titles. It does not know that *Star Kid* was seen by three people in the whole data set. Section 7 comes to that.
#
# ### And you?
#
# Your ratings from lesson 00, or Dana's, become one more row, and the model is fitted again: that takes a moment for a
# model that only adds up vectors.
# %%
me = my_ratings.profile({}, films)
print(me.note)
mine = pd.DataFrame({"user": 0, "item": list(me.ratings), "rating": list(me.ratings.values())})
with_me = TfidfContent().fit(pd.concat([data.ratings, mine]), data.items)
for_me = with_me.recommend(0, n=6).join(films, on="item")
for_me[["title", "score", "ratings", "mean"]].round(3)
# %% [markdown]
# "Because you watched ..." is a join away: the terms that speak for a film, and *your* films that have them.
# %%
for item in for_me["item"].head(3):
    print(films.loc[item, "title"])
    for reason in with_me.explain(0, item).query("weight > 0").itertuples():
        have = postings.loc[(postings["term"] == reason.id) & postings["item"].isin(me.ratings), "item"]
        named = ", ".join(f"{films.loc[i, 'title']} ({me.ratings[i]:.0f})" for i in have)
        print(f"    {reason.weight:+.3f}  {reason.id}: {named}")
# %% [markdown]
# These reasons are honest: they *are* the score, cut into parts. Not every explanation on the web is. Many are written
# after the fact, for a model that never thought that way; lesson 2.7 returns to it.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise. Let two people read their own lists and reasons aloud.
#
# **Misconceptions.** "Only likes belong in a profile": then horror, of which user 13 saw a lot, would be the largest
# positive entry. "Dividing by a sum of weights is always harmless": only if the weights cannot be negative. "The test
# was green": with whom?
#
# **To discuss.** What does this profile do to somebody who rates only what they love? (Every deviation is small, and
# the profile is mostly noise. Lesson 2.6: what if there are no dislikes at all?)
# %% [markdown]
# ## 5. From resemblance to stars, and a leak that loves noise
#
# The cosine orders films; it predicts no stars. To get stars, correct the averages by how much the film resembles the
# profile, and let data say how much that is worth:
#
# $$\hat r_{uj} = b_{uj} + s \cdot \frac{p_u \cdot x_j}{|p_u| + \lambda}$$
#
# The fraction is the cosine, damped by $\lambda = 5$ stars: a short profile rests on little, so it is not believed
# yet. The **slope** $s$ is one number, stars per unit of resemblance: regress the deviations $d_{uj}$ of the *training*
# ratings on the resemblance $z_{uj}$ (the fraction), through zero. One feature, one weight, lesson 1.3:
# $s = \sum_{(u,j)} z_{uj} d_{uj} / \sum_{(u,j)} z_{uj}^2$.
#
# From here on we need an honest test: the split of the leader-board. First the obvious way.
# %%
DAMPING = 5.0
train, test = leaderboard.split()
content = TfidfContent(damping=DAMPING).fit(train, data.items)
table = content.train_  # the training ratings, with a column for every film of the catalogue
columns_of = table.matrix.indices
spans = list(pairwise(table.matrix.indptr))  # a person's ratings: from a to b
who = np.repeat(np.arange(table.n_users), np.diff(table.matrix.indptr))
d = table.matrix.data - content.fallback_.at(who, columns_of)


# %% [markdown]
# `d` holds the deviations of all 80,000 training ratings, person by person. Build each person's profile, compare it
# with each of their films, and regress:
# %%
def resemblance_obvious(d, X, damping):
    p = d @ X
    return X @ p / (np.linalg.norm(p) + damping)


def for_everybody(resemblance, d):
    return np.concatenate([resemblance(d[a:b], X[columns_of[a:b]], DAMPING) for a, b in spans])


def slope(z, d):
    return z @ d / (z @ z)


z = for_everybody(resemblance_obvious, d)
show(slope=slope(z, d), correlation_with_the_deviations=np.corrcoef(z, d)[0, 1])
# %% [markdown]
# A correlation of 0.8! Title words and genres seem to explain most of taste. Before you celebrate: when a number is
# too good, destroy the signal, and see whether the number minds. Shuffle each person's
# deviations among their films. Whatever taste there was is gone.
# %%
rng = np.random.default_rng(0)
noise = np.concatenate([rng.permutation(d[a:b]) for a, b in spans])
z_noise = for_everybody(resemblance_obvious, noise)
pairs = {"real": (z, d), "shuffled": (z_noise, noise)}
show({f"correlation, {name}": np.corrcoef(*pair)[0, 1] for name, pair in pairs.items()})


# %% [markdown]
# It explains noise *better* than taste. So 0.8 says nothing about taste: the number would be there without any.
# %% exercise="2.4.5"
def resemblance(d, X, damping):
    """How much each rated film resembles what the person's other films say, honestly: array (n_rated,).

    d: array (n_rated,), the deviations of one person. X: array (n_rated, n_terms), the films' vectors.
    damping: number > 0, in stars.
    Entry i is p . x_i / (|p| + damping), with a profile p that has not seen film i.
    """
    ### BEGIN SOLUTION
    p = d @ X
    z = np.empty(len(d))
    for i in range(len(d)):
        others = p - d[i] * X[i]
        z[i] = others @ X[i] / (np.linalg.norm(others) + damping)
    return z
    ### END SOLUTION


# %% check="2.4.5"
resemblance_checked = ex("2.4.5").check(resemblance)
# %%
z_honest = for_everybody(resemblance_checked, d)
z_noise = for_everybody(resemblance_checked, noise)
pairs = {"real": (z_honest, d), "shuffled": (z_noise, noise)}
show({f"correlation, honest, {name}": np.corrcoef(*pair)[0, 1] for name, pair in pairs.items()})
show({"slope, with the leak": slope(z, d), "slope, honest": slope(z_honest, d)})


# %% [markdown]
# What is left is 0.13, and this is what content really knows about taste here. On shuffled ratings nothing is left,
# even slightly less: the rest of a person's deviations leans away from the one that is taken out, since all of them
# together add up to a fixed sum, 15 times $b_u$.
#
# That hint leads to a second, smaller leak. The rating is out of the profile, but it is still in $b_u$, and so in every
# other deviation. Without $r_{ui}$, $b_u$ would be lower by $g = d_{ui} / (15 + |I_u| - 1)$, and all deviations higher
# by that. Put it in, and you have the library's slope:
# %%
def without_trace(d, X, damping):
    total, g = X.sum(axis=0), d / (15 + len(d) - 1)
    p = d @ X + np.outer(g, total) - (d + g)[:, None] * X  # one row for each film left out
    return (p * X).sum(axis=1) / (np.linalg.norm(p, axis=1) + damping), d + g


both = [without_trace(d[a:b], X[columns_of[a:b]], DAMPING) for a, b in spans]
z_clean, d_clean = (np.concatenate(part) for part in zip(*both))
show({"slope, second leak closed": slope(z_clean, d_clean), "slope of recsys_lab": content.slope_})
# %% [markdown]
# Does it matter? The slope was learned on the training part; the test part says what each slope costs:
# %%
u, j = table.users.rows(test["user"]), table.items.rows(test["item"])
b = content.fallback_.at(u, j)
P = content.profiles_.toarray()
P /= np.linalg.norm(P, axis=1, keepdims=True) + DAMPING
z_test = np.einsum("ij,ij->i", P[u], X[j])


def test_error(s):
    return rmse(test["rating"], np.clip(b + s * z_test, 1, 5))


learned = {"learned with the leak": slope(z, d), "learned honestly": content.slope_}
show({"averages alone": test_error(0)} | {name: test_error(s) for name, s in learned.items()})
# %%
slopes = np.linspace(0, 11, 56)
fig, ax = plt.subplots()
ax.plot(slopes, [test_error(s) for s in slopes], color="#444444", label="test RMSE by slope")
ax.axhline(test_error(0), color="#0072B2", linestyle="--", label="averages alone (slope 0)")
for (name, s), marker, colour in zip(learned.items(), "Xo", ("#D55E00", "#009E73")):
    ax.plot(s, test_error(s), marker, markersize=12, color=colour, label=name)
ax.set(xlabel="slope (stars per unit of resemblance)", ylabel="test RMSE (stars)")
ax.set_title("The leak makes a useful model worse than none")
ax.legend(loc="upper left")
alt = "Test RMSE by slope: 0.941 at 0, lowest 0.929 at the honest 3.3, and 0.963 at the leaking 9.3."
figure_alt(fig, alt)
# %% [markdown]
# With the honest slope, descriptions take a good hundredth of a star off the error of the averages. With the leaking
# one they add two hundredths. Same model, same data: one rating too many in a sum. Whenever something is learned from
# the training rows *about* the training rows (a profile, a mean, a target encoding), leave out the row that is asked
# for.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "A leak needs test data": here no test row was touched; the training target leaked into a training
# *feature*. "Shuffling should give a correlation of 0, so -0.04 is a bug": let them compute the sum of the others.
#
# **To discuss.** A feature store holds "mean rating of this user, including today". Which model trained on it would
# make the mistake of this section? (Lesson 3.2.) Why is the noise correlation even higher than the real one?
# %% [markdown]
# ## 6. What descriptions are good for: films that nobody has rated
#
# Back to the morning of section 1. Every tenth film of the catalogue becomes new: *all* of its ratings are hidden.
# %%
new = catalogue["item"][::10]
hidden = data.ratings[data.ratings["item"].isin(new)]
rest = Ratings.from_frame(data.ratings[~data.ratings["item"].isin(new)], scale=(1, 5))
liked = hidden[hidden["rating"] >= 4]
show(new_films=len(new), hidden_ratings=len(hidden), liked=len(liked), people=rest.n_users)
# %% [markdown]
# We will build a box "New this week" for each of the 943 people: the ten new films that resemble their profile most.
# And we count the hits: how many of the ten did the person really rate with four stars or more? A count alone says
# nothing. So the first question is what *chance* would get.
# %% exercise="2.4.6"
# hits that ten different new films drawn at random have, on average over all 943 people
### BEGIN SOLUTION
chance = 10 * len(liked) / len(new) / rest.n_users
### END SOLUTION
# %% check="2.4.6"
chance_checked = ex("2.4.6").check(chance)
# %% [markdown]
# Now the words. We also try genres alone, titles alone, and profiles without dislikes (`centring="none"`: every film
# that was watched pulls, the more stars the more).
# %%
from recsys_lab.metrics import bootstrap_mean

everybody = rest.users.ids


def hits_of(lists):
    found = lists.merge(liked, on=["user", "item"]).groupby("user").size()
    return found.reindex(everybody, fill_value=0).to_numpy(dtype=float)


variants = {
    "title and genres": TfidfContent(),
    "genres only": TfidfContent(fields="genres"),
    "titles only": TfidfContent(fields="title"),
    "without dislikes": TfidfContent(centring="none"),
}
hits = {
    name: hits_of(variant.fit(rest, data.items).recommend(everybody, n=10, items=new))
    for name, variant in variants.items()
}
# %% [markdown]
# For comparison at the other end: the ten new films that will *turn out* to be liked most. Nobody can know them on the
# first day.
# %%
popular_later = liked["item"].value_counts().index[:10]
crystal_ball = {"user": np.repeat(everybody, 10), "item": np.tile(popular_later, len(everybody))}
hits["(most liked later)"] = hits_of(pd.DataFrame(crystal_ball))
means = {name: bootstrap_mean(values)[:3] for name, values in hits.items()}
table = pd.DataFrame(means, index=["mean", "low", "high"]).T

fig, ax = plt.subplots(figsize=(8, 3.6))
bars = [table["mean"] - table["low"], table["high"] - table["mean"]]
ax.errorbar(table["mean"], table.index, xerr=bars, fmt="o", capsize=4)
ax.axvline(chance_checked, color="#D55E00", linestyle="--", label="chance")
ax.set(xlabel="hits in a list of ten new films (mean over people, 95 % interval)", xlim=(0, 2.5))
ax.margins(y=0.12)
ax.invert_yaxis()
ax.set_title("On new films, descriptions find twice what chance finds")
ax.legend()
alt = "Hits: both 0.78, genres 0.64, titles 0.43, without dislikes 1.03, liked later 2.2; chance 0.36."
figure_alt(fig, alt)
# %%
show(table.assign(times_chance=table["mean"] / chance_checked), digits=3)
gain = hits["title and genres"] - hits["genres only"]
print("what titles add to genres, person by person:", bootstrap_mean(gain))
# %% [markdown]
# All four intervals lie above chance. Titles alone hardly do; genres carry most of it, and titles add a little to
# them. Profiles *without* dislikes find even more hits. What people watched at all (not only what they liked better
# than expected) says what they will watch next; we meet that idea again in lesson 2.6.
#
# And the stars? Item k-NN predicts the same stars for all of these films, so for one person it has no order at all.
# Compare errors, paired by user as always.
# %%
from recsys_lab.evaluate import compare, evaluate_ranking, evaluate_ratings

fitted = {
    "averages": BiasBaseline().fit(rest),
    "item k-NN": ItemKNN().fit(rest),
    "content": variants["title and genres"],
}
judged = {name: evaluate_ratings(model, hidden) for name, model in fitted.items()}
show({f"rmse on new films, {name}": result["rmse"].mean for name, result in judged.items()})
contest = compare(judged, metric="rmse", against="averages")
contest[["model", "difference", "low", "high", "p_holm", "better"]].round(4)
# %% [markdown]
# The content model is better, beyond chance and by little: a good hundredth of a star. (The two others are the *same*
# here, to the last digit.) How does the *order* fare? For each person, the rank correlation between predicted and
# given stars over their new films: 1 is the right order, 0 none.
# %%
predicted = hidden.assign(predicted=fitted["content"].predict(hidden))
enough = predicted.groupby("user").filter(lambda rows: len(rows) > 2)
by_person = enough.groupby("user")[["predicted", "rating"]]
person = by_person.apply(lambda rows: rows.corr("spearman").iloc[0, 1]).dropna()
print("rank correlation:", bootstrap_mean(person.to_numpy()), "of", len(person), "people")


# %% [markdown]
# A small, real 0.14. This is what a title and some genres are worth on the first day.
#
# ### How long is a film new?
#
# Then ratings come in. Suppose that each new film has got $k$ of its ratings back. From which $k$ on does item k-NN no
# longer need a description? We test on the ratings that come after a film's twentieth, so that all points are judged on
# the same rows (and on those films that have got so far).
# %%
def errors_by(ks, order):
    shuffled = hidden.sample(frac=1, random_state=order)  # one order in which the ratings arrive
    arrival = shuffled.groupby("item").cumcount()
    later = shuffled[arrival >= 20]
    errors = []
    for k in ks:
        grown = Ratings.from_frame(pd.concat([rest.to_frame(), shuffled[arrival < k]]), scale=(1, 5))
        three = [m.fit(grown, data.items) for m in (BiasBaseline(), ItemKNN(), TfidfContent())]
        errors.append([rmse(later["rating"], m.predict(later)) for m in three])
    return pd.DataFrame(errors, index=ks, columns=["averages", "item k-NN", "content"])


ks = [0, 1, 2, 3, 5, 10, 20]
errors = errors_by(ks, order=0)
show(errors.rename_axis("ratings per new film").T)
# %%
fig, ax = plt.subplots()
for (name, curve), marker in zip(errors.items(), "s^o"):
    ax.plot(curve.index, curve, marker=marker, label=name)
ax.set_xscale("symlog", linthresh=1)
ax.set_xticks(ks, [str(k) for k in ks])
ax.minorticks_off()
ax.set_xlabel("ratings that each new film has (log scale from 1)")
ax.set_ylabel("RMSE on its later ratings (stars)")
ax.set_title("A description is worth some ten to twenty ratings")
ax.legend()
alt = "All errors fall; content starts lowest, item k-NN with the averages, and passes it before 20."
figure_alt(fig, alt)
# %% [markdown]
# Read the curves from the left.
#
# - With **no** rating, item k-NN *is* the averages, and content is ahead.
# - With **one**, item k-NN still is: one rating has no company to be compared with.
# - Between **ten and twenty**, neighbours catch up with words. After that, you can guess how it goes.
#
# At the right end the two lines are very close, and we let the ratings arrive in one order only. Where do they cross in
# nine others?
# %%
leads = {order: errors_by([10, 20], order) for order in range(1, 10)}
leads = pd.DataFrame({order: error["item k-NN"] - error["content"] for order, error in leads.items()})
show({f"orders of nine with content ahead at {k} ratings": int((leads.loc[k] > 0).sum()) for k in (10, 20)})
# %% [markdown]
# Eight of nine cross there too, and one has not crossed by twenty. "Some ten to twenty" is as exact as it gets.
#
# All three fall, since all three learn how *good* the film is. The gap between the lines is about whom it is good
# for. So a description is a bridge: it carries an item from the first day to its tenth or twentieth rating. The
# bridge is short for *Titanic* and endless for the long tail. How many of our films stand on it?
# %%
show({"films with fewer than 20 ratings, % of the catalogue": 100 * (films["ratings"] < 20).mean()})
# %% [markdown]
# Two honest remarks. Every tenth film is not a *new* film: many of these are well-known, and people came to them
# through a world that knew them. And hits are counted among what people happened to rate. Truly new films, in time
# order, are harder.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise.
#
# **Misconceptions.** "0.78 of ten is bad": compared with what? The most that the data allows with one list for all is
# 2.2. "Twice chance is good": it is; and the crystal ball, which knows nothing personal, is six times chance. What is
# popular matters more than what is personal.
#
# **To discuss.** Where else does a table that nobody uses hold prior knowledge worth a dozen events?
# %% [markdown]
# ## 7. What descriptions are bad at: a top ten
#
# Now the whole catalogue, new and old, on the split of the leader-board.
# %%
likes_only = TfidfContent(centring="none").fit(train, data.items)
board = leaderboard.show("2.4", {"content without dislikes": leaderboard.judge(likes_only)})
board[["lesson", "model", "rmse", "rmse low", "rmse high", "ndcg@10", "ndcg@10 low", "ndcg@10 high"]]
# %% [markdown]
# Intervals of single models overlap; pairs of models on the same people are what counts (lesson 1.5). Content against
# the averages that it builds on, and against the global mean, which lists the films by their number:
# %%
rivals = {"content": content, "averages": BiasBaseline().fit(train), "global mean": GlobalMean().fit(train)}
by_stars = compare({name: evaluate_ratings(m, test) for name, m in rivals.items()}, against="content")
by_lists = compare({name: evaluate_ranking(m, test) for name, m in rivals.items()}, against="content")
contest = pd.concat([by_stars, by_lists], ignore_index=True)
contest[["model", "other", "metric", "difference", "low", "high", "p_holm", "better"]].round(4)
# %% [markdown]
# By stars, the descriptions win, beyond chance. By lists they *lose* to the averages, just as clearly, and in the board
# above the nDCG of "content, title and genres" is the lowest of all: a quarter of that of "most rated films". It is not
# even better than a list by number; the gap between these two may be chance. Leaving the dislikes out makes the list
# better, not enough, and throws away what was won in stars.
#
# Why? Compare what the lists consist of:
# %%
from recsys_lab import Popularity, beyond

rivals = {"content": content, "item k-NN": ItemKNN().fit(train), "most rated": Popularity().fit(train)}
lists = {name: model.recommend(train.users.ids, n=10) for name, model in rivals.items()}
table = pd.DataFrame(index=list(rivals))
for name, of in lists.items():
    shown = of.join(films, on="item")
    table.loc[name, "median ratings of a film"] = shown["ratings"].median()
    table.loc[name, "mean stars of a film"] = shown["mean"].mean()
show(table, digits=3)
# %% [markdown]
# There it is. The films of the content lists have a mean of 3.2 stars, less than the 3.53 of all ratings, and half of
# the places go to films that at most 44 people have rated. The cosine asks one question: *is it about what you like?*
# It does not ask *is it any good?* and not *does anybody watch it?* On the other models' lists, ratings answer those
# two. You could call it the librarian who has read all labels and none of the books.
#
# If that is the reason, then the list must get better when we take the obscure films away. Allow only films with at
# least so many training ratings. One control is a must: with fewer candidates, *chance* gets better as well. (The
# library's `hit_table` tells `ndcg` which of each person's ten places are hits, and how many there could have been.)
# %%
from recsys_lab import Random
from recsys_lab.evaluate import hit_table
from recsys_lab.metrics import ndcg

counts = pd.Series(np.bincount(train.matrix.indices, minlength=train.n_items), index=train.items.ids)
relevant = test[test["rating"] >= 4]
askers = relevant["user"].unique()
at_least = [1, 5, 10, 20, 50, 100, 150, 200, 250, 300]
random = Random().fit(train)
curves = {name: [] for name in ("content", "random films")}
for least in at_least:
    allowed = counts.index[counts >= least]
    for name, model in (("content", content), ("random films", random)):
        top = model.recommend(askers, n=10, items=allowed)
        curves[name].append(ndcg(*hit_table(top, relevant, askers, k=10)).mean())
bar = ndcg(*hit_table(lists["most rated"], relevant, askers, k=10)).mean()
# %%
fig, ax = plt.subplots()
for (name, curve), marker in zip(curves.items(), "os"):
    ax.plot(at_least, curve, marker=marker, label=name)
ax.axhline(bar, color="#444444", linestyle="--", label="most rated films")
ax.set_xscale("log")
ax.set_xticks([1, 5, 20, 50, 100, 300], ["1", "5", "20", "50", "100", "300"])
ax.minorticks_off()
ax.set(xlabel="only films with at least so many ratings (log scale)", ylabel="nDCG@10", ylim=(0, 0.19))
ax.set_title("Descriptions know taste; they do not know what is watched")
ax.legend(loc=(0.02, 0.58))
alt = "nDCG by least ratings: content from 0.045 to 0.15, random from 0.01 to 0.13; most rated 0.17."
figure_alt(fig, alt)
# %%
films_allowed = [int((counts >= least).sum()) for least in at_least]
show(pd.DataFrame({"films": films_allowed} | curves, index=at_least).rename_axis("at least"), digits=3)
# %% [markdown]
# Two things are true at once. At every point content is above chance: it knows something about people. And its rise is
# the rise of chance: most of what a top ten needs is *not* about people. Even at its best, at 250, it stays below the
# list that is the same for everybody. (On the right, so few films are left that any two lists are nearly the same.) So do
# not put it on the home page alone. Give it the jobs it can do: a source of candidates for new and rare items, a feature
# in a larger model, the words of an explanation. Lesson 2.7 builds such mixtures; 2.5 explains what nDCG sees and what
# it does not.
#
# ### More of the same
#
# One more price, known since the 1990s as **over-specialisation**: a profile asks for what it already has. Measure how
# different the ten films of a list are from each other, by their genres: *intra-list diversity*, the mean of $1 - \cos$
# over all pairs (0: all ten alike). Lesson 2.5 says more about it.
# %%
shares = beyond.tags(data.items)
rows = {}
for name, of in lists.items():
    about = beyond.describe(of, rivals[name].train_, shares)
    rows[name] = [*about.loc["diversity", ["mean", "low", "high"]], about.loc["coverage", "mean"]]
show(pd.DataFrame(rows, index=["diversity", "low", "high", "share of the catalogue shown"]).T, digits=3)
# %% [markdown]
# The intervals are narrow and far apart. Whoever likes three *Star Trek* films gets the other five. But look at the
# last column, too: across all people, content shows two thirds of the catalogue, item k-NN a tenth, popularity a few
# per cent. *For one person* it is the narrowest of the three, and *for the shop* it is the widest. Which of the two is
# "diversity" in your next meeting?
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes, then the quiz.
#
# **Misconceptions.** "Lowest nDCG, so content is useless": section 6. "Better RMSE than the averages, so a better
# model": the second line of the contest. "The rise of the curve proves that content works on popular films": that is
# what the control is for.
#
# **To discuss.** A public library or a news site *wants* the rare and the new to be found. Which column of this lesson
# would be its leader-board?
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Elasticsearch and Lucene** ranked by TF-IDF for many years. Since Elasticsearch 5.0 the default is BM25 (Robertson
#   and Zaragoza 2009), which keeps idf, lets repeated words count less and less, and has a knob for the length. The
#   query `more_like_this` is section 2 as a feature: it picks the terms of a document with the highest tf-idf, and
#   searches for them.
# - **Pandora** pays for documents. Music analysts on its staff grade each song by up to 450 traits, about four songs an
#   hour (as reported in 2014). The vectors are made by people, the rest is this lesson. And half a year after its
#   launch it mixed in what listeners *jointly* thumbed down, because purely musical matches were not always right.
# - **Research-paper recommenders** are mostly content-based: a survey of more than 200 articles counted 55 %, against
#   18 % collaborative, and TF-IDF was the most frequent weighting (Beel et al. 2016). Papers have long texts and few
#   readers: the opposite of films.
# - **From words to learned vectors.** Van den Oord, Dieleman and Schrauwen (2013) predicted a song's *collaborative*
#   vector from its sound, so that a song nobody has played can stand among the others. They, too, note the large gap
#   between what a song is and what makes people like it. Lesson 4.4 does this with a neural network.
#
# ## In the interview
#
# **"Ten thousand new items a day, none with any interaction. What do you recommend?"** A good answer in two minutes:
#
# 1. *Say what fails and why.* Collaborative models have no row for them; the fallback has no order. Name it: item cold
#    start.
# 2. *Describe the items.* Text, tags, price, images; TF-IDF or embeddings. Look at the document length first.
# 3. *Profile the users.* Signed sum of what they did, against expectation; dislikes push away. Score by cosine, serve
#    from an inverted or a vector index.
# 4. *Do not rank by it alone.* It ignores quality and popularity. Use it for candidates and as a feature; give new
#    items some exposure on purpose (bandits, lesson 3.6), and let collaborative signals take over after some tens of
#    events.
# 5. *Measure the right thing.* Hide *items*, not ratings; compare with chance and with the averages; intervals by
#    user. Beware of training features that contain their own label.
# 6. *Watch* coverage, diversity, and duplicates in the catalogue.
#
# ## Take-aways
#
# - A catalogue row is a document; "similar items" is a self-join of the inverted index.
# - idf lets the collection say what a word is worth. Drama says little, "trek" says much.
# - Unit length makes the dot product a cosine. Compare cosines with each other, not with 1.
# - Short documents live by accidents of spelling. Read the lists; let the parts of the cosine explain them.
# - A profile is a signed sum. Divide by a sum that can be negative, and you serve people what they hate.
# - Leave the row out of the feature that is to predict it. If shuffled labels score well, you have a leak.
# - On films that nobody has rated: twice chance, and worth ten to twenty ratings. In a top ten: below popularity.
# - Wide for the shop, narrow for the person.
#
# ## Further reading
#
# - K. Spärck Jones: *A Statistical Interpretation of Term Specificity and Its Application in Retrieval*. Journal of
#   Documentation 28(1), 1972, pages 11-21: where idf comes from.
#   [doi:10.1108/eb026526](https://doi.org/10.1108/eb026526)
# - G. Salton, C. Buckley: *Term-Weighting Approaches in Automatic Text Retrieval*. Information Processing & Management
#   24(5), 1988, pages 513-523. [doi:10.1016/0306-4573(88)90021-0](https://doi.org/10.1016/0306-4573%2888%2990021-0)
# - C. Manning, P. Raghavan, H. Schütze: *Introduction to Information Retrieval*, Cambridge 2008: chapter 1 (inverted
#   index), 6 (TF-IDF and the vector space),
#   [9.1.1](http://nlp.stanford.edu/IR-book/html/htmledition/the-rocchio-algorithm-for-relevance-feedback-1.html)
#   (Rocchio's profile, 1971), 11.4.3 (BM25).
# - S. Robertson, H. Zaragoza: *The Probabilistic Relevance Framework: BM25 and Beyond*. Foundations and Trends in
#   Information Retrieval 3(4), 2009. [doi:10.1561/1500000019](https://doi.org/10.1561/1500000019)
# - M. Pazzani, D. Billsus: *Content-Based Recommendation Systems*. In: The Adaptive Web, LNCS 4321, 2007, pages
#   325-341. [doi:10.1007/978-3-540-72079-9_10](https://doi.org/10.1007/978-3-540-72079-9_10)
# - G. Adomavicius, A. Tuzhilin: *Toward the Next Generation of Recommender Systems*. IEEE TKDE 17(6), 2005, pages
#   734-749: among much else the limits of content, over-specialisation one of them.
#   [doi:10.1109/TKDE.2005.99](https://doi.org/10.1109/TKDE.2005.99)
# - C.-N. Ziegler, S. McNee, J. Konstan, G. Lausen: *Improving Recommendation Lists Through Topic Diversification*. WWW
#   2005: intra-list similarity. [doi:10.1145/1060745.1060754](https://doi.org/10.1145/1060745.1060754)
# - J. Beel, B. Gipp, S. Langer, C. Breitinger: *Research-Paper Recommender Systems: A Literature Survey*. International
#   Journal on Digital Libraries 17(4), 2016, pages 305-338.
#   [doi:10.1007/s00799-015-0156-0](https://doi.org/10.1007/s00799-015-0156-0)
# - A. van den Oord, S. Dieleman, B. Schrauwen: [*Deep Content-Based Music
#   Recommendation*](https://papers.nips.cc/paper/5004-deep-content-based-music-recommendation). NIPS 2013.
# - Elasticsearch reference:
#   [similarity](https://www.elastic.co/guide/en/elasticsearch/reference/7.x/similarity.html). On Pandora: R.
#   Pegoraro, [*Pandora's "Music Genome Project"*](http://boingboing.net/2014/05/24/pandoras-music-genome-proj.html),
#   BoingBoing, 2014; T. Conrad, [*Welcome to the Music Genome
#   Project*](http://blog.pandora.com/pandora/archives/2006/05/welcome_to_the.html), Pandora's blog, May 2006.
