# ---
# lesson:
#   id: "00"
#   title: "Start here"
#   phase: 0
#   minutes: 55
#   prerequisites: []
#   objectives:
#     - "Tell whether your set-up is complete, and mend it if it is not"
#     - "Get ten recommendations from ten ratings of your own, and say why each film is on the list"
#     - "Predict how a recommendation moves when the ratings change"
#     - "Use an exercise: check, hint, expected, solution"
#     - "Find your way on the map of the course, and date your plan"
# ---
# %% [markdown]
# ## What you already know
#
# You have written this endpoint many times:
#
# ```
# GET /users/42/orders           SELECT ... FROM orders ORDER BY created_at DESC LIMIT 10
# GET /users/42/recommendations  SELECT ... FROM films  ORDER BY points     DESC LIMIT 10
# ```
#
# The second line is a recommender. Routing, caching, latency, deployment: you know all that, and it stays true. One thing
# is new. The column `points` is stored nowhere. It is computed from what *other people* did, and it is different for
# every user. This course is about that column: how to compute it, how to know whether it is any good, and how to serve
# it.
#
# In the next five minutes it is computed for you. To run a cell, click into it and press **Shift+Enter**.
#
# %% [markdown] instructor=true
# **Timing.** Five minutes to the first list, ten for the votes, ten for the exercises, five for the map and the plan.
# Let everybody rate films *before* you explain anything; people read formulas more kindly once they have a list of
# their own.
#
# **Misconception to expect.** "It looks at the genres." It does not: no genre, no actor, no plot is read in this lesson.
#
# **To discuss.** Which endpoints of your own product are already recommenders, with a hand-written `ORDER BY`?
#
# %% [markdown]
# ## Is everything here?
#
# Each line below should start with `OK`. A line that starts with `FAIL` says what to do.
# %%
import matplotlib.pyplot as plt
import pandas as pd

from recsys_lab.course import environment, figure_alt, my_ratings, start

ex, quiz = start("00")
environment.check()
# %% [markdown]
# ## Rate ten films
#
# The data is **MovieLens 100K**: real ratings, from one to five stars, that visitors of a film website gave over some
# seven months. We call the table of films the *shelf*.
# %%
from recsys_lab import datasets

data = datasets.load("ml-100k")
films = my_ratings.shelf(data)
when = pd.to_datetime(data.ratings["timestamp"], unit="s")
print(f"{data.ratings['user'].nunique()} people, {len(films):,} films, {len(data.ratings):,} ratings,")
print(f"from {when.min():%Y-%m-%d} to {when.max():%Y-%m-%d}")
films.nlargest(5, "ratings").round(2)
# %% [markdown]
# Now you. Replace `...` by 1 to 5 stars for each film you have seen, and leave `...` where you have not. Five films are
# enough, ten are better. Swap in other films as you like; nothing newer than April 1998 is there. Use the whole scale:
# what you did *not* like tells as much as what you liked.
#
# Not sure what is on the shelf? Search it by a word of the title:
# %%
my_ratings.find("star trek", films, 4).round(2)
# %%
stars = {
    "Star Wars": ...,
    "Fargo": ...,
    "Titanic": ...,
    "Toy Story": ...,
    "Pulp Fiction": ...,
    "The Silence of the Lambs": ...,
    "Raiders of the Lost Ark": ...,
    "When Harry Met Sally": ...,
    "Independence Day": ...,
    "Liar Liar": ...,
}
me = my_ratings.profile(stars, films)
print(me.note)
# %% [markdown]
# Your ratings stay on this machine, in `my_work/my_ratings.json`. Lessons 2.2, 2.4 and 2.7 use them again. As long as
# you have rated nothing, the lesson goes on with **Dana**, an invented person with ten ratings. What the text below says
# about Dana holds for Dana; with ratings of your own, your pictures and lists will differ, and that is the point.
#
# Where do you stand against everybody else? Each line in the picture joins the average of all raters to your rating.
# %%
mine = pd.Series(me.ratings).sort_values(kind="stable")
crowd, names = films["mean"][mine.index], films["title"][mine.index]
most = (mine - crowd).abs().idxmax()

fig, ax = plt.subplots(figsize=(7, 4))
ax.hlines(names, crowd, mine, color="#999999", zorder=1)
ax.scatter(crowd, names, color="C4", s=45, label="average of all raters")
ax.scatter(mine, names, color="C0", s=45, label=me.name)
ax.set(xlabel="stars", xlim=(0.8, 5.2))
ax.set_title(f"{films.title[most]}: where {me.name} and the crowd differ most")
ax.legend()
figure_alt(fig, f"Stars given by {me.name}, and the average, film by film. Widest gap: {films.title[most]}.")
plt.show()
# %% [markdown]
# Which is the longest line? For Dana it is *Titanic*: two stars from Dana, more than four from the crowd. A list of the best-rated films
# would be of little use to Dana. It would be the same for everyone.
#
# ## Every film you rated casts a vote
#
# So how do ten ratings become a list? The idea takes one sentence: **a film you liked speaks for the films that its
# fans like too, and a film you did not like speaks against them.**
#
# Two numbers turn the sentence into arithmetic.
#
# - Your **vote** is your rating minus your own average. Four stars are praise from someone who averages three, and no
#   news from someone who always gives four.
# - The **similarity** of two films is a number between -1 and 1, computed from all ratings. It is high if those who rated
#   one film above expectation did so with the other film too, near 0 if the two have nothing to do with each other, and
#   below 0 if fans of the one dislike the other. It is *shrunk*, pulled towards 0, where few people rated both; one person
#   alone is no evidence, and counts as exactly 0. You build it yourself in lessons 2.2 and 2.3.
#
# A film's points are the sum of your votes, each weighted by similarity:
#
# $$ \text{points}(i) = \sum_{j \in R} s_{ij}\,(r_j - \bar r) $$
#
# Here $i$ is a film you have not rated, $R$ the set of films you have rated, $j$ one of them, $r_j$ your stars for it,
# $\bar r$ the mean of your stars, and $s_{ij}$ the similarity of films $i$ and $j$. Points have no unit: they only serve
# to sort.
#
# The library computes all similarities at once, one for each pair of films. Think of a join that was computed ahead.
# %%
from recsys_lab import ItemKNN

model = ItemKNN().fit(data.ratings)
ids = model.train_.items.ids
similar = pd.DataFrame(model.similarities_, index=ids, columns=ids)


def votes(ratings):
    stars = pd.Series(ratings)
    return stars - stars.mean()


def points(ratings):
    v = votes(ratings)
    return (similar[v.index] @ v).drop(v.index).sort_values(ascending=False, kind="stable")


# %% [markdown]
# That is the whole recommender. The `@` multiplies the table of similarities by your votes and adds up, film by film,
# exactly as the formula says. `drop` removes what you have rated already.
#
# A list without reasons is hard to trust, and this one can explain itself: each point came from one of your votes. So we
# name the two votes that added most.
# %%
def contributions(film, ratings):
    v = votes(ratings)
    return similar.loc[film, v.index] * v


def because(film, ratings):
    v, parts = votes(ratings), contributions(film, ratings)
    reasons = parts[parts > 0].nlargest(2).index
    said = [f"{films.title[j]} {'high' if v[j] > 0 else 'low'}" for j in reasons]
    return "you put " + " and ".join(said)


# %% [markdown]
# "High" and "low" are meant against your own average. And now, the ten films with the most points:
# %%
best = points(me.ratings)
print(f"Ten films for {me.name}:")
for film in best.index[:10]:
    print(f"  {films.title[film]} ({films.year[film]}): {because(film, me.ratings)}")
# %% [markdown]
# Here it is: your first list, made of nothing but stars. (Does one film of yours turn up in every line? Hold that thought.)
# Take Dana's, if yours is another one: Dana gave five stars to *Fargo*, which is by the Coen brothers,
# and to *Pulp Fiction*, which is by Quentin Tarantino. The list has another Coen film (*Raising Arizona*) and two more by
# Tarantino (*Reservoir Dogs*, *Jackie Brown*). Yet no name of a director was read, no genre, no plot. Other people's stars
# knew.
#
# Take the first film of the list apart. Each bar is one term $s_{ij}(r_j - \bar r)$ of the sum.
# %%
first = best.index[0]
parts = contributions(first, me.ratings).sort_values()

fig, ax = plt.subplots(figsize=(7, 4))
bars = [f"{films.title[j]} ({me.ratings[j]:.0f})" for j in parts.index]
ax.barh(bars, parts, color=["C0" if p > 0 else "C1" for p in parts])
ax.axvline(0, color="#444444", linewidth=1)
ax.set_title(f"{films.title[parts.idxmax()]} speaks loudest for {films.title[first]}")
ax.set_xlabel("points added")
figure_alt(fig, f"Points that each rating adds to {films.title[first]}; they sum to {best.iloc[0]:.2f}.")
plt.show()
# %% [markdown]
# The number in brackets is the rating. Look at the long bars. For Dana, two of the five belong to films that Dana did *not* like.
# Those who rate *Independence Day* low tend to rate *Raising Arizona* high, so a low rating for the one adds points to the
# other. Your dislikes are data.
#
# Would it have found the same films for anybody? Try two more invented people: Kim lives for science fiction, Ravi for
# romance and drama.
# %%
kim = {"Blade Runner": 5, "Star Wars": 5, "Alien": 5, "Star Trek: The Wrath of Khan": 5}
kim |= {"The Terminator": 4, "2001: A Space Odyssey": 4, "Fargo": 3}
kim |= {"The English Patient": 2, "Sleepless in Seattle": 2, "Sense and Sensibility": 2}
ravi = {"Sense and Sensibility": 5, "The English Patient": 5, "Sleepless in Seattle": 5}
ravi |= {"Titanic": 5, "When Harry Met Sally": 4, "Jerry Maguire": 4, "Fargo": 3}
ravi |= {"Die Hard": 2, "The Terminator": 2, "Alien": 1}

people = {"Dana": my_ratings.DEMO}
people |= {"Kim": my_ratings.by_id(kim, films), "Ravi": my_ratings.by_id(ravi, films)}
people |= {me.name: me.ratings}  # you, as soon as you have rated
lists = {name: films.title[points(r).index[:10]].tolist() for name, r in people.items()}
pd.DataFrame(lists, index=range(1, 11))
# %% [markdown]
# One table of similarities, one line of arithmetic, three different lists. Kim gets spaceships and adventure. Ravi gets
# romance and music, and some films that surprise, such as *Batman Forever*; more about that below.
#
# %% [markdown] instructor=true
# **Timing.** Ten minutes. Let people read out one good and one odd recommendation of their own, with its reason.
#
# **Misconceptions.** "Points are predicted stars" (they have no unit; 1.3 is not a bad rating). "A low rating is
# ignored" (see the bars). "Similar means same genre" (nothing of the sort was read).
#
# **To discuss.** Is "you put Liar Liar low" a reason you would show to a customer? What would you show instead?
#
# %% [markdown]
# ## How a lesson works
#
# Every lesson has exercises, and they answer at once. This one is a warm-up. Its stub has `...` where your answer goes;
# the cell after it checks.
# %% exercise="00.1"
### BEGIN SOLUTION
cells = 943 * 1682
### END SOLUTION
# %% check="00.1"
cells_checked = ex("00.1").check(cells)
# %% [markdown]
# There are three states: `○` not attempted, `✗` incorrect with a message that says what went wrong, and `✓` correct. If
# you are stuck, ask for a hint. A second one, `.hint(2)`, takes you nearly there.
# %%
ex("00.1").hint()
# %% [markdown]
# `.expected()` shows what a right answer gives, and never the code.
# %%
ex("00.1").expected()
# %% [markdown]
# `.solution()` shows the code, and why it is right. Here it is open, because this is a demonstration. In other lessons,
# try the hints first: you remember what you worked out.
# %%
ex("00.1").solution()
# %% [markdown]
# An exercise never stops a lesson. `check` hands back your answer if it is right, and the reference answer if not. The
# lesson goes on with that (`cells_checked`), so the rest of the notebook runs whether you have solved it or not. How
# much of the table is filled?
# %%
print(f"{len(data.ratings) / cells_checked:.1%} of the cells hold a rating")
# %% [markdown]
# Roughly one cell in sixteen. The picture shows what that looks like. On the left the fullest corner of the table: the 60
# people who rated most, the 60 films that were rated most. On the right 60 people and 60 films spread evenly over the
# whole table.
# %%
table = data.ratings.pivot(index="user", columns="item", values="rating")
table = table.loc[table.count(axis=1).sort_values(ascending=False, kind="stable").index]
table = table[table.count().sort_values(ascending=False, kind="stable").index]
corners = {
    "the fullest corner": table.iloc[:60, :60],
    "spread evenly": table.iloc[7::15, 14::28].iloc[:60, :60],
}

fig, axes = plt.subplots(1, 2, figsize=(8, 4.2), sharey=True)
for ax, (name, corner) in zip(axes, corners.items()):
    image = ax.imshow(corner, vmin=1, vmax=5, aspect="equal", interpolation="nearest")
    ax.set_title(f"{name}: {corner.notna().mean().mean():.0%} filled")
    ax.set_xlabel("60 films, most rated first")
    ax.grid(False)
axes[0].set_ylabel("60 people, most active first")
fig.colorbar(image, ax=axes, label="stars", ticks=range(1, 6), shrink=0.8)
fig.suptitle("Even the keenest leave holes; the rest of the table is nearly empty", fontweight="bold")
figure_alt(fig, "Two 60 x 60 pieces of the table: the fullest corner has few holes, the other few dots.")
plt.show()


# %% [markdown]
# White is unknown. To recommend is to say something sensible about the white cells.
#
# ### And with no ratings at all?
#
# Somebody who has just signed up has no votes. The usual fallback is what most people watched, and for that you need no
# machine learning. In SQL it is
#
# ```sql
# SELECT item, COUNT(*) AS n FROM ratings GROUP BY item ORDER BY n DESC LIMIT 10
# ```
#
# Write it in pandas. The data frame `data.ratings` has one row for each rating.
# %% exercise="00.2"
def most_rated(ratings, n):
    """The n most rated films: a Series, index film ids, values how many ratings, largest first.

    ratings: a DataFrame with columns user, item, rating; one row is one rating.
    """
    ### BEGIN SOLUTION
    return ratings["item"].value_counts().head(n)
    ### END SOLUTION


# %% check="00.2"
most_rated_checked = ex("00.2").check(most_rated)
# %% [markdown]
# Now we can ask whether Dana's list was anything more than the hits.
# %%
hits = set(most_rated_checked(data.ratings, 100).index)
for name, ratings in people.items():
    shared = sum(film in hits for film in points(ratings).index[:10])
    print(f"{name}: {shared} of 10 are among the 100 most rated films")
# %% [markdown]
# If the lists were only popularity in disguise, each line would say 10. They reach further into the shelf. That is what
# personalisation buys, and it is a risk too, as you will see in a moment.
#
# ## Predict before you run
#
# A model that you cannot predict is a model that you cannot debug. So each lesson has at least one exercise in which you
# say what will happen *before* you compute anything. You need the formula, and no code.
# %% exercise="00.3"
# Answer each with one of: "same", "opposite", "zero", "lower", "higher"
### BEGIN SOLUTION
sterner = "same"
all_fives = "zero"
mirrored = "opposite"
### END SOLUTION
# %% check="00.3"
predicted = ex("00.3").check((sterner, all_fives, mirrored))
# %% [markdown]
# When you have answered, `ex("00.3").expected()` shows the three numbers, and `ex("00.3").solution()` why.
#
# %% [markdown] instructor=true
# **Timing.** Ten minutes for all three exercises. Have people write down a prediction for 00.3 before anybody computes.
#
# **Misconception.** "More stars, more points." Only the *differences* between a person's ratings count, because the
# mean is taken off.
#
# **To discuss.** What does a thumbs-up button without a thumbs-down lose? (Lesson 2.6 takes this up.)
#
# %% [markdown]
# ## Why the list is not good enough yet
#
# It convinces at first sight. Look closer, and it has faults. Each has a lesson of its own.
#
# **Loud votes.** Why does Ravi get *Batman Forever*?
# %%
batman = my_ratings.find("Batman Forever", films).index[0]
print(f"Batman Forever for Ravi: {because(batman, people['Ravi'])}")
contributions(batman, people["Ravi"]).nlargest(3).rename(index=films.title).round(2)
# %% [markdown]
# Ravi gave *Alien* one star. That is the vote furthest from the average, so it is the loudest, and it speaks for whatever
# fans of *Alien* dislike. That is a statement about *Alien*, and hardly one about Ravi. Lesson 2.2 is about how much
# weight a neighbour deserves.
#
# **Points are not quality.** A film can collect points without being good. You might think that this is easily mended:
# predict how many *stars* you would give, and sort by that. The library can do it, here by comparing people instead of films
# (lesson 2.2). This is what the textbook formula shows Dana:
# %%
from recsys_lab import UserKNN

textbook = UserKNN(damping=0).fit(data.ratings).recommend_for(my_ratings.DEMO, 5)
textbook.join(films, on="item")[["title", "year", "ratings", "score"]].round(2)
# %% [markdown]
# The column `score` is the predicted number of stars. It promises more than five of them, and to films that five people
# or fewer have ever rated (column `ratings`). One enthusiast is enough. So we add a pinch of doubt: imaginary neighbours
# who say "as expected". The library calls it `damping`. Now for everybody:
# %%
doubtful = UserKNN(damping=0.3).fit(data.ratings)
tops = {name: doubtful.recommend_for(r, 5)["item"].map(films.title) for name, r in people.items()}
pd.DataFrame(tops).set_axis(range(1, 6))


# %% [markdown]
# Fine films, all of them. But *A Close Shave* is in every column, and so is *The Wrong Trousers*: a cautious guess drifts
# towards what everybody likes, and the person gets lost. Dana's, Kim's and Ravi's lists made of points had not one film in common. **A
# good prediction and a good list are different things.** Lesson 2.5 measures both, and it is perhaps the most useful
# surprise of the course.
#
# **Only films with a past.** A film that nobody has rated, or a single person, has no similarities, so it never gets a point. Lesson 2.4 reads
# what a film is *about*, and lesson 2.7 is about newcomers of both kinds.
#
# **We have not measured anything.** "It convinces" is an opinion. From lesson 1.5 on, you test on ratings that the model
# has not seen.
#
# %% [markdown] instructor=true
# **Timing.** Five minutes. Best done with the learners' own lists: who has a film on the list that is plainly wrong?
#
# **Misconception.** "Predicting stars better makes better lists." Let the two tables above stand for a while before you
# say anything; lesson 2.5 measures what is only seen here.
#
# **To discuss.** Whom does a list of everybody's favourites serve badly: the user, the film makers, the shop?
#
# %% [markdown]
# ## From scratch, then the library
#
# Each lesson ends its story like this: what you built by hand is compared with a library. First the points, once more,
# in plain Python:
# %%
def points_by_hand(film, ratings):
    mean = sum(ratings.values()) / len(ratings)
    total = 0.0
    for rated, stars in ratings.items():
        total += similar.at[film, rated] * (stars - mean)
    return total


dana = my_ratings.DEMO
difference = max(abs(points_by_hand(film, dana) - p) for film, p in points(dana).items())
print(f"loop against matrix product, largest difference: {difference:.10f}")
# %% [markdown]
# Then the similarities. `recsys_lab` computed them; **Surprise** is a well-known library that was written by other
# people. Where the two agree on every pair of films, a mistake would have to have been made twice.
# %%
from surprise import Dataset, KNNBaseline, Reader

frame = data.ratings[["user", "item", "rating"]]
trainset = Dataset.load_from_df(frame, Reader(rating_scale=data.scale)).build_full_trainset()
options = {"name": "pearson_baseline", "user_based": False, "shrinkage": model.shrinkage}
other = KNNBaseline(sim_options=options, verbose=False).fit(trainset)

order = [trainset.to_inner_iid(i) for i in ids]
theirs = other.sim[order][:, order]
pairs = ids[:, None] < ids
difference = abs(theirs - model.similarities_)[pairs].max()
print(f"{pairs.sum():,} pairs of films, largest difference: {difference:.10f}")
# %% [markdown]
# They agree to ten decimals.
#
# ## Your map and your plan
#
# The course follows one story. The recommender you start in phase 1 is evaluated in phase 2, served and put to the test
# in phase 3, made good and shown off in phase 4, and defended in an interview in phase 5. The column `open now` lists the
# lessons that you can open today, and `solved` counts your exercises.
# %%
from recsys_lab.course import plan

plan.phases().set_index("phase")
# %% [markdown]
# How long will it take you? The course is meant as 36 weeks of ten hours. Change the two values to yours, and read off
# your own dates.
# %%
hours_a_week = 10
first_day = "2027-01-04"

plan.calendar(hours_a_week, first_day).set_index("phase")
# %% [markdown] instructor=true
# **Timing.** Five minutes, and worth them: people who wrote down a first day come back for the second lesson.
#
# **To discuss.** Which phase is nearest to your present work? Which one do you fear? (Mathematics is in 1.2 and 4.1, and
# neither asks for more than school mathematics and patience.)
#
# %% [markdown]
# `recsys-lab progress` on the command line shows how far you have come. It reads a file in `my_work/`; nothing leaves
# your machine.
#
# ## Quiz
#
# Answer with letters, then run the check. Each choice is explained, the wrong ones too.
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ...})
# %% [markdown]
# ## In production
#
# - **Amazon** made this form famous: compute, ahead of time, which items are similar; at request time only look up what
#   this customer touched and add it up. The cost of a request then depends on the customer's few items, not on millions
#   of customers. (Linden, Smith and York, "Amazon.com Recommendations: Item-to-Item Collaborative Filtering", 2003,
#   section "Item-to-Item Collaborative Filtering".)
# - **Netflix** does at sign-up what you did above: it asks new members to pick some titles they like, from a set that is
#   itself chosen by an algorithm, and starts from there. (Gomez-Uribe and Hunt, "The Netflix Recommender System:
#   Algorithms, Business Value, and Innovation", 2015, where it comes to cold start.)
# - **MovieLens** studied *which* films to ask a newcomer about. Popular films are easy to answer and tell little; films
#   on which people disagree tell more, if the newcomer has seen them. (Rashid et al., "Getting to Know You", 2002.)
#
# ## In the interview
#
# *"A new user rates ten films. Walk me through what happens until the first list appears."* A good answer goes in this
# order:
#
# 1. **Offline**: similarities of all pairs from the rating log, refreshed daily, with weak evidence shrunk; keep some
#    hundred neighbours an item.
# 2. **Online**: centre the ten ratings, look up ten rows, add up, drop what was seen, take the top ten. A millisecond,
#    and no model is retrained.
# 3. **Fallbacks**: no ratings, or all of them equal: the popular films, or a question worth asking.
# 4. **How you would know that it works**: an offline ranking metric on held-out ratings, then an A/B test.
# 5. **What it gets wrong**: new items, loud votes, films with few ratings. Say it before you are asked.
#
# ## Take-aways
#
# - A recommender is a read endpoint whose `ORDER BY` is learned from what others did.
# - Only differences between your own ratings count: dislikes inform, and all fives say nothing.
# - A sum of votes explains itself: the largest terms are the reasons.
# - A good prediction and a good list are different things.
# - Predict first, then compute; and trust a number once two independent ways agree on it.
#
# ## Further reading
#
# - Linden, Smith, York (2003). Amazon.com Recommendations: Item-to-Item Collaborative Filtering. *IEEE Internet
#   Computing* 7(1), 76-80. [doi:10.1109/MIC.2003.1167344](https://doi.org/10.1109/MIC.2003.1167344)
# - Deshpande, Karypis (2004). Item-Based Top-N Recommendation Algorithms. *ACM Transactions on Information Systems*
#   22(1), 143-177: sums of similarities, as here. [doi:10.1145/963770.963776](https://doi.org/10.1145/963770.963776)
# - Rashid et al. (2002). Getting to Know You: Learning New User Preferences in Recommender Systems. *IUI 2002*, 127-134.
#   [doi:10.1145/502716.502737](https://doi.org/10.1145/502716.502737)
# - Gomez-Uribe, Hunt (2015). The Netflix Recommender System: Algorithms, Business Value, and Innovation. *ACM
#   Transactions on Management Information Systems* 6(4), article 13.
#   [doi:10.1145/2843948](https://doi.org/10.1145/2843948)
# - Harper, Konstan (2015). The MovieLens Datasets: History and Context. *ACM Transactions on Interactive Intelligent
#   Systems* 5(4), article 19. [doi:10.1145/2827872](https://doi.org/10.1145/2827872)
