# ---
# lesson:
#   id: "2.1"
#   title: "Baselines and the Netflix Prize"
#   phase: 2
#   minutes: 200
#   prerequisites: ["1.3", "1.5"]
#   objectives:
#     - "Say what RMSE and MAE reward, and which lazy guess is the best for each"
#     - "Explain why a top list needs damping, and read a damping as a number of imagined ratings"
#     - "Fit the damped averages mu + b_u + b_i with group-bys, equal to recsys_lab and to Surprise"
#     - "Tune a baseline before you call anything else better than it"
#     - "Build the popularity ranker, and tell with numbers why it is hard to beat"
# ---
# %% [markdown]
# ## What you already know
#
# Before you make an endpoint fast, you measure it. Before you buy a cache, you ask what the page would cost without
# one. The number that you compare with is a **baseline**. A recommender has baselines, too: predictions that a single
# SQL query can make, without looking at anybody's taste. This lesson builds them, and makes them as good as they can
# be, because a weak baseline makes everything after it look clever.
#
# | in your backend | in this lesson |
# |---|---|
# | `SELECT AVG(rating)` | the global mean |
# | `AVG(rating) ... GROUP BY item` | film means, and later film effects |
# | `COALESCE(film.avg, all.avg)` | what to say about a film that nobody has rated |
# | two errors in the first two requests: no reason to page anybody yet | damping |
# | an anti-join, `ORDER BY COUNT(*) DESC LIMIT 10` | the popularity ranker |
# | a load test against an endpoint that just returns 200 | the bar that every later model must clear |
# | a staging environment that nobody may tune against | the hidden half of a contest's test data |
#
# Nothing here is harder than a `GROUP BY`. Two questions are: *how far do you believe a mean of two ratings?* And *what
# exactly do you want to be good at?* The second one cost a company a million dollars.
#
# %% [markdown] instructor=true
# **Timing (200 minutes alone, two sessions of 100 in class).** Session one: sections 1 to 4 with exercises 1 to 3.
# Session two: sections 5 to 9 with exercises 4 to 6, then the quiz. The interview question makes a good closing round.
#
# **Prepare.** Let everybody write down a number: by how many per cent does a good recommender beat "every film gets its
# mean rating", in RMSE? Collect the guesses. They are usually above 30; section 1 says 10 to 20.
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import BiasBaseline, Popularity, Ratings, datasets
from recsys_lab.course import figure_alt, leaderboard, my_ratings, show, start
from recsys_lab.metrics import mae, rmse

ex, quiz = start("2.1")
# %% [markdown]
# ## 1. A million dollars for ten per cent
#
# In October 2006 Netflix, then a company that sent DVDs by post, published 100,480,507 ratings that 480,189 customers
# had given to 17,770 films, and held back another 2.8 million. Whoever predicted the missing stars with an RMSE ten per
# cent below that of Netflix's own system, *Cinematch*, would win a million dollars. RMSE is the root mean squared error
# of lesson 1.3.
#
# The hidden ratings were two halves, and nobody outside knew which was which. On the **quiz** half the score of every
# submission was shown on a public leader-board. On the **test** half it was shown to nobody, and this half decided.
# Each year without a winner, the best team got a progress prize. These are the quiz scores:
# %%
prize = pd.DataFrame(
    [
        ("every film gets its mean", 2006.75, 1.0540),
        ("Cinematch", 2006.75, 0.9514),
        ("progress prize 2007", 2007.75, 0.8712),
        ("progress prize 2008", 2008.75, 0.8616),
        ("first team past 10 %", 2009.48, 0.8558),
        ("winning entry", 2009.56, 0.8554),
    ],
    columns=["who", "when", "quiz rmse"],
).set_index("who")
prize["better than Cinematch, %"] = 100 * (1 - prize["quiz rmse"] / prize.loc["Cinematch", "quiz rmse"])
prize.drop(columns="when").round({"quiz rmse": 4, "better than Cinematch, %": 2})
# %% [markdown]
# Look at the first two lines. By this measure a `GROUP BY` was 11 per cent worse than Netflix's own system, the work of
# years. The winners, after three more years and with thousands of teams competing, were ten per cent better than it. In
# a picture:
# %%
fig, ax = plt.subplots()
teams = prize.iloc[1:]
ax.plot(teams["when"], teams["quiz rmse"], "o-", label="Cinematch, then the prize winners")
ax.axhline(1.0540, color="#D55E00", label="every film gets its mean")
ax.axhline(0.9 * 0.9514, color="#444444", linestyle="--", label="the goal: Cinematch minus 10 %")
ax.set_xticks([2006.75, 2007.75, 2008.75, 2009.56], ["Oct 2006", "Oct 2007", "Oct 2008", "July 2009"])
ax.set(xlabel="date", ylabel="RMSE on the quiz half (stars)", ylim=(0.84, 1.07))
ax.set_title("One year for eight per cent, two more years for the last two")
ax.legend(loc="center right")
alt = "Quiz RMSE: 0.951 in 2006, 0.871 a year later, then a slow fall to 0.855 in July 2009."
figure_alt(fig, alt)
# %% [markdown]
# The end was like a film. On 26 June 2009 the team *BellKor's Pragmatic Chaos* passed the ten per cent, which gave all
# others thirty more days. In those days rivals merged into one big team, *The Ensemble*, and on the last day they led
# the public board, by 10.10 % to 10.09 %. Then the hidden half was opened:
# %%
cinematch, goal = 0.9525, 0.8572
final = {"BellKor's Pragmatic Chaos": 0.856704, "The Ensemble": 0.856714}
print("on the test half:", {team: f"{score:.4f}" for team, score in final.items()})
scores = final | {"the goal": goal}
show({f"{name}, better by %": 100 * (1 - score / cinematch) for name, score in scores.items()})
# %% [markdown]
# A tie, to the four digits that counted. The rules said that the earlier submission wins, and that was BellKor's, by
# twenty minutes. (The sources of all this are listed at the end of the lesson.)
#
# Keep three questions from this story. Why RMSE, of all measures (section 2)? What did these teams find that is worth
# knowing today (section 9)? And what is *our* line number one, the score of the simplest thing that could work? That is
# the rest of the lesson. Our contest is smaller: MovieLens 100K, a fifth of it hidden, the same split in every lesson
# of this phase.
# %%
train, test = leaderboard.split()
ratings = train.to_frame()
films = my_ratings.shelf(datasets.load("ml-100k"))
mu = ratings["rating"].mean()
show(train_ratings=len(ratings), test_ratings=len(test), films=train.n_items, users=train.n_users, mean=mu)
# %% [markdown] instructor=true
# **Timing.** 15 minutes. Compare with the guesses from the warm-up.
#
# **Misconception.** "Ten per cent is little." In units of RMSE the whole distance from a `GROUP BY` to the best that
# thousands of teams could do is 19 %. People are noisy (lesson 1.1: they do not even agree with themselves).
#
# **To discuss.** Why two hidden halves? What could a team do with one submission a day on a board with four decimals?
# %% [markdown]
# ## 2. Two ways to be wrong
#
# Let $r_1, \dots, r_n$ be $n$ ratings and $\hat r_j$ the stars that a model predicts for the $j$-th. Two measures are
# in use everywhere:
#
# $$\text{RMSE} = \sqrt{\frac{1}{n} \sum_{j=1}^{n} (\hat r_j - r_j)^2} \qquad\qquad
#   \text{MAE} = \frac{1}{n} \sum_{j=1}^{n} |\hat r_j - r_j|$$
#
# The *mean absolute error* is what you would have invented: by how many stars are we off, on average? The squares of
# RMSE look like an accident of mathematics. They are a decision, and the laziest model of all shows it. It says the
# same number to everybody. Here is what people gave:
# %%
table = ratings["rating"].value_counts().sort_index().rename("ratings").to_frame()
table["percent"] = 100 * table["ratings"] / len(ratings)
show(table)


# %% exercise="2.1.1"
def best_constant(stars, measure):
    """The one number that predicts all of `stars` with the least error: a float.

    stars: array (n,). measure: "rmse" or "mae".
    """
    ### BEGIN SOLUTION
    return np.mean(stars) if measure == "rmse" else np.median(stars)
    ### END SOLUTION


# %% check="2.1.1"
best_constant_checked = ex("2.1.1").check(best_constant)
# %% [markdown]
# Try all constants from 2 to 5 and draw both errors:
# %%
stars = ratings["rating"].to_numpy()
constants = np.linspace(2, 5, 121)
curves = {"RMSE": [rmse(stars, np.full(len(stars), c)) for c in constants]}
curves["MAE"] = [mae(stars, np.full(len(stars), c)) for c in constants]

fig, ax = plt.subplots()
for (name, curve), marker in zip(curves.items(), "os"):
    best = best_constant_checked(stars, name.lower())
    line = ax.plot(constants, curve, label=name)[0]
    ax.plot(best, np.interp(best, constants, curve), marker, color=line.get_color(), markersize=10)
ax.set(xlabel="the number said to everybody (stars)", ylabel="error (stars)", ylim=(0.8, 2))
ax.set_title("The two measures want different guesses")
ax.legend()
alt = "RMSE is a smooth bowl with its lowest point near 3.5; MAE is bent, with its lowest point elsewhere."
figure_alt(fig, alt)
# %% [markdown]
# The smooth bowl has its bottom where the errors balance, and the bent line where the *numbers* of ratings on both
# sides balance. So each measure asks another question. A model that is trained and judged by squares learns to say the
# **expected** rating, and may answer with a fraction that nobody can give. A model that is judged by MAE learns to say
# the rating in the middle.
#
# And each forgives something else. Say $\mu$, the mean, to everybody, and look at the people who gave one star:
# %%
error = np.abs(mu - stars)
one_star = stars == 1
show(
    {
        "ratings of one star, % of all": 100 * one_star.mean(),
        "their share of the absolute errors, %": 100 * error[one_star].sum() / error.sum(),
        "their share of the squared errors, %": 100 * (error[one_star] ** 2).sum() / (error**2).sum(),
    }
)
# %% [markdown]
# Six per cent of the ratings make a third of all squared error. That was Netflix's reason: its contest page explained
# that RMSE makes the egregious errors count most. A film sold to you as four stars that turns out to be one is worse
# than four films that are half a star off. (Whether squares are the right price for that is another matter. Report
# both, and say which one you optimised.)
#
# ### Why the global mean's RMSE is the standard deviation
#
# For a constant $c$, square out $(r_j - c)^2$ and average. Two terms remain:
#
# $$\text{RMSE}(c)^2 = \underbrace{\frac{1}{n} \sum_{j} (r_j - \bar r)^2}_{\text{the variance of the ratings}}
#   + (c - \bar r)^2$$
#
# with $\bar r$ the mean of the ratings that we are judged on. The first term does not depend on $c$: it is the spread
# of the ratings, and no constant can do anything about it. The second is 0 for $c = \bar r$. So the RMSE of the mean
# *is* the standard deviation, on the ratings it was taken from. On the test part the two means differ a little:
# %%
hidden = test["rating"].to_numpy()
show(
    {
        "training: rmse of the mean": rmse(stars, np.full(len(stars), mu)),
        "training: standard deviation": stars.std(),
        "test: rmse of the training mean": rmse(hidden, np.full(len(hidden), mu)),
        "test: root of variance + gap squared": np.sqrt(hidden.var() + (mu - hidden.mean()) ** 2),
    },
    digits=5,
)
# %% [markdown]
# That is our line number zero: 1.12 stars. Whoever quotes an RMSE without the standard deviation of the data has told
# you nothing. An RMSE of 0.9 is good on this data, and would be a catastrophe on data where everybody gives four or
# five.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise. Let them draw the four ratings 1, 5, 5, 5 on paper.
#
# **Misconceptions.** "RMSE is the average error": it is always at least the MAE, and the distance between the two grows
# with the spread of the errors. "The median is the most frequent rating": here they agree by chance; exercise 2.1.1
# tells them apart by name.
#
# **To discuss.** What would be the best constant if a prediction counted only when it is exactly right? What product
# would want that measure?
# %% [markdown]
# ## 3. The best film of all time
#
# On to films. Every film gets the mean of its ratings, and the front page gets the ten highest. What could be simpler?
# %%
by_film = ratings.groupby("item")["rating"].agg(n="size", mean="mean")
top = by_film.nlargest(10, "mean").join(films["title"])
top[["title", "n", "mean"]].round(2)
# %% [markdown]
# Have you seen *Santa with Muscles*? Two people did, and both gave it five stars. Among these ten films the one with
# the most ratings has three. Every programmer who built a "top rated" page has met this table, usually in production.
#
# Here are all films, by how many people rated them:
# %%
fig, ax = plt.subplots()
ax.scatter(by_film["n"], by_film["mean"], s=12, alpha=0.4, label="a film")
ax.axhline(mu, color="#444444", linestyle="--", label="mean of all ratings")
ax.set(xscale="log", xlabel="n, ratings of the film (log scale)", ylabel="mean rating (stars)")
ax.set_xticks([1, 10, 100], ["1", "10", "100"])
ax.set_title("The highest and the lowest means are made of few ratings")
ax.legend(loc="lower right")
alt = "Film means by number of ratings: from 1 to 5 for one rating, from 2.5 to 4.5 for a hundred."
figure_alt(fig, alt)
# %% [markdown]
# A funnel. On the right, films of a hundred ratings lie between 2.5 and 4.5. On the left anything goes, and both ends
# of a sorted list come from there. (The cloud also tilts: what many people choose to watch is rated higher.) The
# mistake is not to list small films. It is to forget that *few ratings spread wider*, and that whoever sorts picks the
# edge. Lesson 2.2 will meet this funnel again, with people in the place of films.
#
# One remedy is a cliff: at least 50 ratings, or you are not listed. It works, and it throws most of the catalogue away.
# The better remedy is the one of a sensible friend who hears "my new dentist is great, I have been there once". You
# start from what dentists are usually like, and move as evidence comes in. In numbers: **pretend that each film comes
# with $\lambda$ ratings at the mean $\mu$**, and then take the mean.
#
# $$\tilde r_i = \frac{\sum_{u \in U_i} r_{ui} + \lambda \mu}{n_i + \lambda}$$
#
# Here $r_{ui}$ is the rating of user $u$ for film (item) $i$, $U_i$ the set of users who rated it, $n_i$ how many they
# are, and $\lambda \ge 0$ (say "lambda") the **damping**, counted in ratings.


# %% exercise="2.1.2"
def damped_means(ratings, damping):
    """The damped mean of each film: a Series of stars, indexed by film id.

    ratings: frame with columns user, item, rating. damping: number >= 0, how many ratings at the mean.
    """
    ### BEGIN SOLUTION
    film = ratings.groupby("item")["rating"]
    return (film.sum() + damping * ratings["rating"].mean()) / (film.size() + damping)
    ### END SOLUTION


# %% check="2.1.2"
damped_means_checked = ex("2.1.2").check(damped_means)
# %% [markdown]
# The list again, with ten imagined ratings for each film:
# %%
by_film["damped"] = damped_means_checked(ratings, 10)
top = by_film.nlargest(10, "damped").join(films["title"])
top[["title", "n", "mean", "damped"]].round(3)
# %% [markdown]
# Now that is a list. You may disagree with it, but you have heard of these films. Look at the columns `mean` and
# `damped`: *The Wrong Trousers*, with 96 ratings, loses a tenth of a star; *Star Wars*, with 484, next to nothing. The
# film site IMDb explained its famous Top 250 for years with exactly this formula, written as a weighted average
#
# $$\tilde r_i = \frac{n_i}{n_i + \lambda}\, \bar r_i + \frac{\lambda}{n_i + \lambda}\, \mu$$
#
# ($\bar r_i$ is the film's own mean). Same thing, other order: the more ratings a film has, the more its own mean
# counts. At $n_i = \lambda$ it is half and half. IMDb's $\lambda$ was 1,300 in 2007 and 25,000 some years later; the
# numbers change, the idea stays.
#
# How high is the hurdle that this sets for a newcomer?
# %%
leader = by_film["damped"].idxmax()
print("leader:", films.loc[leader, "title"])
show(leader_damped_mean=by_film.loc[leader, "damped"], mean_of_all_ratings=mu, damping=10)
# %% exercise="2.1.3"
# the least number of ratings, all of 5 stars, that puts a new film above the leader
### BEGIN SOLUTION
# (5 n + 10 mu) / (n + 10) > leader, so n > 10 (leader - mu) / (5 - leader)
_lead = by_film["damped"].max()
fives = int(np.floor(10 * (_lead - mu) / (5 - _lead))) + 1
### END SOLUTION
# %% check="2.1.3"
fives_checked = ex("2.1.3").check(fives)


# %% [markdown]
# Put it to the test: add a film with that many fives to the table, and one with one five less. (`print(fives_checked)`
# shows the number, if you have not worked it out.)
# %%
def leads_with(n_fives):
    newcomer = pd.DataFrame({"user": range(n_fives), "item": 0, "rating": 5.0})
    damped = damped_means_checked(pd.concat([ratings, newcomer]), 10)
    return damped.idxmax() == 0


show(leads=leads_with(fives_checked), leads_with_one_less=leads_with(fives_checked - 1))
# %% [markdown] instructor=true
# **Timing.** 40 minutes with two exercises.
#
# **Misconceptions.** "Damping makes ratings lower": it moves towards the mean from both sides; ask for the *worst* ten
# films with and without. "A minimum of 50 ratings does the same": ask what happens to a film when its fiftieth rating
# comes in. "mu is the mean of the film means": a mean over what? (Lesson 1.1.)
#
# **To discuss.** Sixteen accounts and a script would put any film on top. What does that say about lambda on a site
# that people attack? (IMDb's 25,000 are not only statistics.)
# %% [markdown]
# ## 4. How much damping?
#
# Ten made a fine list. But "looks fine" is not a method. Lesson 1.5's method is: split the *training* part once more,
# fit on the one part, and choose on the other, the **validation** part. The test part stays closed.
# %%
from recsys_lab.split import random_split

fit, valid = random_split(ratings, test=0.2, seed=1)
dampings = [0, 1, 2, 5, 10, 25, 50, 100, 1000]


def predict_film_means(damping):
    known = damped_means_checked(fit, damping)
    return valid["item"].map(known).fillna(fit["rating"].mean())


errors = pd.Series({d: rmse(valid["rating"], predict_film_means(d)) for d in dampings})
show(errors.rename_axis("damping").rename("validation rmse").to_frame(), digits=5)
# %% [markdown]
# The best damping is about 2, and the gain over no damping at all is a mere 0.002 stars! After the drama of the top
# list that is a cold shower. Where does it go? Sort the validation ratings by how many ratings their film has in the
# fitting part:
# %%
n = valid["item"].map(fit["item"].value_counts()).fillna(0)
groups = pd.cut(n, [-1, 0, 2, 5, 10, 30, 1000], labels=["0", "1-2", "3-5", "6-10", "11-30", "more"])
table = pd.DataFrame({"ratings": groups.value_counts(sort=False)})
for damping in (0, 2, 25):
    squares = (predict_film_means(damping) - valid["rating"]) ** 2
    table[f"damping {damping}"] = np.sqrt(squares.groupby(groups, observed=True).mean())
show(table.rename_axis("film has").reset_index())
# %% [markdown]
# There it is. For films with one or two ratings, damping takes more than a tenth of a star off the error; for films
# with more than thirty it does nothing, since their mean is known. But only 97 of 16,000 validation ratings belong to
# the first kind. **RMSE weighs every film by how often it is rated, so it hardly sees the films that ruined our list.**
# A list gives every film one chance, and the noisiest take it. Keep this in mind until section 8.
#
# ### The data can name its damping
#
# Why 2? Because of two spreads. One person's rating of a film differs from the film's true level by some noise, of
# variance $\sigma^2$. The true levels of films differ among each other, with variance $\tau^2$. A mean of $n$ ratings
# has an error of variance $\sigma^2 / n$; the guess "a film like all others" has one of $\tau^2$. Whoever weighs two
# estimates by how precise they are (by one over the variance) gets for the film's own mean the weight
#
# $$\frac{n / \sigma^2}{n / \sigma^2 + 1 / \tau^2} = \frac{n}{n + \sigma^2 / \tau^2}$$
#
# Compare with IMDb's formula: **the damping is $\sigma^2 / \tau^2$**, noise over spread. Both can be measured.
# $\sigma^2$ is the variance of ratings within a film; $\tau^2$ is the variance of the film means, minus the part of it
# that is only noise:


# %%
def noise_over_spread(ratings, key):
    """(sigma squared, tau squared, their ratio) for films (key "item") or people (key "user")."""
    groups = ratings.groupby(key)["rating"]
    within = ((ratings["rating"] - groups.transform("mean")) ** 2).sum() / (len(ratings) - groups.ngroups)
    between = groups.mean().var(ddof=0) - (within / groups.size()).mean()
    return within, between, within / between


rows = {"films": noise_over_spread(fit, "item"), "people": noise_over_spread(fit, "user")}
show(pd.DataFrame(rows, index=["sigma squared", "tau squared", "damping"]).T, digits=2)
# %% [markdown]
# For films: one part spread to two and a half parts noise. The curve had its lowest point at 2. For people the same
# arithmetic names about 6; they are more alike than films are, so it takes more ratings to believe that somebody is
# unusually kind. (It is a rough estimate. It takes all films for draws from one pot, and obscure films are not: they
# are rated lower.)
# %%
fig, ax = plt.subplots()
ax.plot(dampings[:-1], errors[:-1], "o-", label="film means, on the validation part")
ax.axvline(rows["films"][2], color="#D55E00", linestyle="--", label="noise over spread")
ax.set_xscale("symlog", linthresh=1)
ax.set_xlim(-0.15, 115)
ax.set_xticks(dampings[:-1], [str(d) for d in dampings[:-1]])
ax.minorticks_off()
ax.set(xlabel="damping (imagined ratings at the mean)", ylabel="validation RMSE (stars)")
ax.set_title("A little damping helps, a lot of it forgets the film")
ax.legend(loc="upper left")
alt = "Validation RMSE by damping: 1.021 at 0, lowest at 2, then rising to 1.063 at 100; a line at 2.5."
figure_alt(fig, alt)
# %% [markdown]
# ### You have met this before
#
# Write $b_i = \tilde r_i - \mu$ for how far the damped mean lies above the mean of all ratings: the **effect** of the
# film. From the first formula of section 3, with $\mu$ taken off every rating,
#
# $$b_i = \frac{\sum_{u \in U_i} (r_{ui} - \mu)}{n_i + \lambda}$$
#
# Now look for the number $b$ that makes $\sum_{u \in U_i} (r_{ui} - \mu - b)^2 + \lambda b^2$ smallest. Where the slope
# is zero, $\sum (r_{ui} - \mu - b) = \lambda b$, and that is this very fraction. So damping is **ridge regression**
# (lesson 1.3) with one flag for each film: $\lambda$ imagined ratings, or a fine of $\lambda$ on the square of the
# weight, as you like.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes. The table by number of ratings deserves five of them.
#
# **Misconceptions.** "The optimum is 2, so the list of section 3 should have used 2": try it; *Star Kid*, three
# ratings, is then seventh. Two goals, two dampings. "A prior is an opinion": here it was measured.
#
# **To discuss.** Restaurants with 4.9 stars from twelve reviews and 4.6 from three thousand: which sigma, which tau,
# and who would be harmed by which choice?
# %% [markdown]
# ## 5. Kind people, good films
#
# *Last Man Standing* has 50 training ratings with a mean of 2.6. A bad film? Let us look at its judges: for each, the
# damped effect of *their* ratings, on everything they rated. That is the same formula with `user` in the place of
# `item`.
# %%
user = (ratings["rating"] - mu).groupby(ratings["user"])
kindness = user.sum() / (user.size() + 5)
judges = ratings["user"].map(kindness).groupby(ratings["item"]).mean()

film = films.index[films["title"] == "Last Man Standing"][0]
row = by_film.loc[film]
show({"its mean": row["mean"], "minus the mean of all": row["mean"] - mu, "its judges' effect": judges[film]})
# %% [markdown]
# Its judges are more than a quarter of a star sterner than people on the whole. So a part of that 2.6 is theirs. Films
# and people share the credit for every rating, and the model that says so has one effect for each:
#
# $$\hat r_{ui} = \mu + b_u + b_i$$
#
# $b_u$ says how much kinder than usual user $u$ is, $b_i$ how much better than usual film $i$ is. How do we find them?
# Here are three ways to average, all without damping for now: both effects from $r - \mu$; people first, and films from
# what is left; films first, and people from what is left.


# %%
def effects(rest, key):
    return rest.groupby(fit[key]).mean()


def score(b_user, b_item):
    predicted = level + valid["user"].map(b_user).fillna(0) + valid["item"].map(b_item).fillna(0)
    return rmse(valid["rating"], predicted)


level = fit["rating"].mean()
rest = fit["rating"] - level
people, movies = effects(rest, "user"), effects(rest, "item")
table = {
    "each for itself": score(people, movies),
    "people first": score(people, effects(rest - fit["user"].map(people), "item")),
    "films first": score(effects(rest - fit["item"].map(movies), "user"), movies),
}
show(table)
# %% [markdown]
# Three different answers from the same data. *Each for itself* counts twice: somebody who watches only masterpieces
# looks kind, and lends that kindness to the masterpieces. And **whoever is averaged first gets all the credit that
# belongs to both.** Films first is better than people first here, but neither is right.
#
# The way out: do not decide, take turns. Solve for the films while the people stay fixed, then for the people while the
# films stay fixed, and again, until nothing moves:
#
# $$b_i = \frac{\sum_{u \in U_i} (r_{ui} - \mu - b_u)}{\lambda_i + n_i} \qquad\qquad
#   b_u = \frac{\sum_{i \in I_u} (r_{ui} - \mu - b_i)}{\lambda_u + n_u}$$
#
# Here $I_u$ is the set of the $n_u$ films that $u$ rated, and people and films have a damping each, $\lambda_u$ and
# $\lambda_i$. This is **alternating least squares**: each half-step makes the sum
#
# $$\sum_{(u,i)} (r_{ui} - \mu - b_u - b_i)^2 + \lambda_u \sum_u b_u^2 + \lambda_i \sum_i b_i^2$$
#
# as small as it can be with the other side held fixed (the outer sum runs over all known ratings). So it can only go
# down.


# %% exercise="2.1.4"
def fit_biases(ratings, damping_user, damping_item, rounds):
    """The damped averages: (mu, b_user, b_item), a number and two Series indexed by user and by film id.

    ratings: frame with columns user, item, rating.
    rounds: how often both sides are solved, films first; at least 1.
    """
    ### BEGIN SOLUTION
    stars, user, item = ratings["rating"], ratings["user"], ratings["item"]
    mu, b_user = stars.mean(), pd.Series(0.0, index=user.unique())
    for _ in range(rounds):
        rest = (stars - mu - user.map(b_user)).groupby(item)
        b_item = rest.sum() / (damping_item + rest.size())
        rest = (stars - mu - item.map(b_item)).groupby(user)
        b_user = rest.sum() / (damping_user + rest.size())
    return mu, b_user, b_item
    ### END SOLUTION


# %% check="2.1.4"
fit_biases_checked = ex("2.1.4").check(fit_biases)


# %% [markdown]
# Predicting is two lookups. A user or a film that training has not seen has the effect 0, and the result is kept
# between 1 and 5 stars, since nobody can give more:
# %%
def predict(biases, rows):
    mu, b_user, b_item = biases
    b_ui = mu + rows["user"].map(b_user).fillna(0) + rows["item"].map(b_item).fillna(0)
    return b_ui.clip(1, 5).to_numpy()


for name, damping in {"in turns, no damping": (0, 0), "in turns, damping 15 and 10": (15, 10)}.items():
    table[name] = rmse(valid["rating"], predict(fit_biases_checked(fit, *damping, rounds=10), valid))
show(table)
# %% [markdown]
# Taking turns beats both orders. The last line has the dampings that the libraries use, 15 for people and 10 for films,
# and it is *worse* than no damping at all. Section 6 comes back to that.
#
# And *Last Man Standing*? Compare its effect with what its own mean says:
# %%
biases = fit_biases_checked(ratings, 15, 10, rounds=10)
show({"from its own mean": by_film.loc[film, "damped"] - mu, "from taking turns": biases[2][film]})
# %% [markdown]
# It is still no masterpiece. But a fifth of a star of its bad name belonged to its audience.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise.
#
# **Misconceptions.** "Alternating means averaging the two orders." It means *re-estimating*: the second round's films
# see people whose effects have films taken off. "More rounds overfit": the minimum is one fixed point (the sum is
# convex); rounds only come closer to it.
#
# **To discuss.** Draw two people and two films on the board, one rating missing. What does each order say about the
# missing one?
# %% [markdown]
# ## From scratch, then the library
#
# `BiasBaseline` of `recsys_lab` is this model, and so is `BaselineOnly` of **Surprise**. Three implementations: yours
# with pandas, the library's with sparse matrices, Surprise's with compiled loops. First the effects, then all 20,000
# test predictions:
# %%
from surprise import BaselineOnly, Dataset, Reader

model = BiasBaseline(damping_user=15, damping_item=10, epochs=10).fit(train)
library = {
    "user": pd.Series(model.biases_.user, train.users.ids),
    "item": pd.Series(model.biases_.item, train.items.ids),
}
mine = predict(biases, test)

rated = Dataset.load_from_df(ratings[["user", "item", "rating"]], Reader(rating_scale=(1, 5)))
options = {"method": "als", "reg_u": 15, "reg_i": 10, "n_epochs": 10}
surprise = BaselineOnly(bsl_options=options, verbose=False).fit(rated.build_full_trainset())
theirs = [surprise.predict(u, i).est for u, i in zip(test["user"], test["item"])]
# %% [markdown]
# The largest differences anywhere:
# %%
differences = {
    "user effects, yours and recsys_lab": (biases[1] - library["user"]).abs().max(),
    "film effects, yours and recsys_lab": (biases[2] - library["item"]).abs().max(),
    "predictions, yours and recsys_lab": np.abs(mine - model.predict(test)).max(),
    "predictions, yours and Surprise": np.abs(mine - theirs).max(),
}
for name, gap in differences.items():
    print(f"{name:<36} {gap:.10f}   below 1e-10: {gap < 1e-10}")
# %% [markdown]
# The same model, three times, to ten decimals. (Lesson 2.2 explains why that is rarer than you would think.)
#
# ### And the ridge
#
# Section 4 promised that damping is ridge. With *both* kinds of effects it is the ridge of lesson 1.3 with 943 + 1,643
# flags: one flag for each user, one for each film, a fine of 15 on the former and of 10 on the latter. We can solve
# that equation exactly, and watch the alternating rounds approach it:
# %%
users, items = train.users.rows(ratings["user"]), train.n_users + train.items.rows(ratings["item"])
d = train.n_users + train.n_items
A = np.zeros((d, d))
np.add.at(A, (users, users), 1)
np.add.at(A, (items, items), 1)
np.add.at(A, (users, items), 1)
A = np.maximum(A, A.T) + np.diag([15.0] * train.n_users + [10.0] * train.n_items)
y = np.bincount(users, ratings["rating"] - mu, d) + np.bincount(items, ratings["rating"] - mu, d)
exact = np.linalg.solve(A, y)
# %% [markdown]
# (`A` is $X^\top X$ plus the fine, for the table of flags $X$, and `y` is $X^\top (r - \mu)$. Since each row of $X$ has
# just two ones, we can write both down by counting.)
# %%
rounds = [1, 2, 3, 5, 10, 20, 30, 40, 50]
gaps = []
for n_rounds in rounds:
    fitted = BiasBaseline(epochs=n_rounds).fit(train).biases_
    gaps.append(np.abs(np.concatenate([fitted.user, fitted.item]) - exact).max())

fig, ax = plt.subplots()
ax.plot(rounds, gaps, "o-")
ax.set(yscale="log", xlabel="rounds", ylabel="largest gap of any effect (stars, log scale)")
ax.set_title("Taking turns arrives where the ridge is")
alt = "Largest gap to the exact solution: 0.3 after one round, 0.01 after ten, 1e-7 after fifty."
figure_alt(fig, alt)
# %% [markdown]
# Soon a straight line on a log scale: each round removes the same share of what is left. After ten rounds no effect is
# off by more than a hundredth of a star. So why take turns, when one equation gives the exact answer? Because of the
# bill. A round reads every rating twice. The equation has a row and a column for every user and film; here is that
# table for Netflix:
# %%
unknowns = 480_189 + 17_770
show({"unknowns here": d, "unknowns at Netflix": unknowns, "its table, in terabytes": 8 * unknowns**2 / 1e12})
# %% [markdown]
# Two terabytes, and solving it costs the *cube* of that number of unknowns. The alternating rounds need two numbers per
# user and film, and time in proportion to the ratings.
#
# %% [markdown] instructor=true
# **Timing.** 15 minutes; run, read, go on.
#
# **Misconception.** "The library is right and mine is an exercise." Three independent programs agree to 1e-10; that is
# evidence for all three. What would a difference of 0.001 in a few effects suggest? (Another number of rounds.)
#
# **To discuss.** Both sides of the equation can be written as `SELECT ... GROUP BY`. Could a database do the rounds?
# %% [markdown]
# ## 6. The bar, tuned
#
# Dampings of 15 and 10 are the defaults of Surprise and of our library, and most people leave them as they are. Section
# 4 named other numbers: about 6 for people, 2.5 for films. The validation part may decide:
# %%
fit_ratings = Ratings.from_frame(fit, scale=(1, 5))
grid = {}
for for_user in (0, 2, 5, 10, 15, 30):
    for for_item in (0, 1, 2, 3, 5, 10):
        trial = BiasBaseline(damping_user=for_user, damping_item=for_item).fit(fit_ratings)
        grid[for_user, for_item] = rmse(valid["rating"], trial.predict(valid))
grid = pd.Series(grid).rename_axis(["user", "item"]).unstack()
show(grid)
# %%
best_user, best_item = grid.stack().idxmin()
show({"best damping for people": best_user, "for films": best_item, "validation rmse": grid.min().min()})
# %% [markdown]
# The grid picks 5 and 2, next to what noise over spread had named, and the ground around them is flat: anything from 2
# to 10 for people and from 1 to 3 for films would do. Now default and tuned go before the test part, once, fitted on
# all of the training part. They are compared user by user, as in lesson 1.5:
# %%
from recsys_lab.evaluate import compare

tuned = BiasBaseline(damping_user=best_user, damping_item=best_item).fit(train)
results = {"default, 15 and 10": leaderboard.judge(model), "tuned": leaderboard.judge(tuned)}
for name, result in results.items():
    print(f"{name:<20} rmse {result['rmse'].mean:.4f}   mae {result['mae'].mean:.4f}")
compare(results, metric="rmse")[["model", "other", "difference", "low", "high", "p", "better"]].round(4)


# %% [markdown]
# Two numbers changed, nothing else, and the baseline is better by almost 0.004 stars, which is no accident (the
# interval excludes 0). Is that much? Look at the leader-board of this phase in later lessons: steps of that size are
# what models are praised for. Suppose a colleague's new model reaches 0.939 here. Against the default averages it is an
# advance; against the tuned ones it is a step back. **Both sentences are true, and only one of them is a comparison.**
#
# This is not a made-up worry. Rendle, Zhang and Koren (2019) took the best known benchmark of the field, MovieLens 10M,
# and set up old baselines with care. Plain matrix factorization, ten years old by then, outperformed the reported
# results of *all* the newer methods. Ferrari Dacrema, Cremonesi and Jannach (2019) examined 18 neural recommenders from
# leading conferences. Seven could be reproduced with reasonable effort; six of those were often beaten by simple
# heuristics. For that, nobody has to cheat. It is enough to tune one's own model and not the other one.
#
# %% [markdown] instructor=true
# **Timing.** 20 minutes.
#
# **Misconception.** "A baseline is what you do first and quickly." It is the opponent. It gets the same validation
# part, the same grid, and the same hours.
#
# **To discuss.** How would you write the rule into a pull-request template? Who has an interest in a weak baseline?
# %% [markdown]
# ## 7. A report that comes at night
#
# The film means go into production, as a job that writes a report every night. Somebody "made it robust":
# %%
def overnight(train, test):
    """Film means, damped by 10: one prediction for each row of test."""
    everything = pd.concat([train, test])
    mu = everything["rating"].mean()
    n = everything["item"].value_counts()
    b_item = (train["rating"] - mu).groupby(train["item"]).sum() / (10 + n)
    new_films = (test["rating"] - mu).groupby(test["item"]).mean()
    b_item = b_item.fillna(new_films)  # films that training has never seen
    return (mu + test["item"].map(b_item)).to_numpy()


show({"rmse of the report": rmse(test["rating"], overnight(ratings, test))})


# %% [markdown]
# Nothing about that number is suspicious. In lesson 1.3 a leak gave itself away by a number that was too good; this one
# does not do us the favour.
# %% exercise="2.1.5"
def honest(train, test):
    """The same model without its leaks: array (len(test),), damped film means with damping 10.

    train, test: frames with columns user, item, rating; neither may be changed.
    """
    ### BEGIN SOLUTION
    mu = train["rating"].mean()
    n = train["item"].value_counts()
    b_item = (train["rating"] - mu).groupby(train["item"]).sum() / (10 + n)
    return (mu + test["item"].map(b_item).fillna(0)).to_numpy()
    ### END SOLUTION


# %% check="2.1.5"
honest_checked = ex("2.1.5").check(honest)
# %% [markdown]
# The errors of both, and what two tripwires say: change the test *ratings*, and leave out half of the test *rows*. An
# honest prediction must not move.
# %%
others, half = test.assign(rating=1.0), test.iloc[::2]
table = {}
for name, report in {"overnight": overnight, "honest": honest_checked}.items():
    before = report(ratings, test)
    table[name] = {
        "rmse": f"{rmse(test['rating'], before):.4f}",
        "moves with other ratings": not np.allclose(before, report(ratings, others)),
        "moves with other rows": not np.allclose(before[::2], report(ratings, half)),
    }
pd.DataFrame(table).T
# %% [markdown]
# The first report trips both wires. And it is *worse* than the honest one! A leak does not always flatter. Sometimes it
# only makes your numbers wrong, in either direction. What finds it is a test for what must not matter.
#
# %% [markdown] instructor=true
# **Timing.** 15 minutes with the exercise, in pairs.
#
# **Misconception.** "Only ratings leak." That an item *will be* rated next week is information from the future, too;
# counts of test rows carry it.
#
# **To discuss.** Which of the three leaks could happen in a SQL pipeline without anybody writing a wrong line? (A view
# over the whole ratings table, joined by both jobs.)
# %% [markdown]
# ## 8. The most popular films
#
# So far we predicted stars. A recommender shows a *list*, and for lists there is an older baseline: what most people
# watched. No stars, no means, no damping.


# %% exercise="2.1.6"
def most_rated(ratings, user, n):
    """The ids of the n most rated films that the user has not rated: list, most rated first.

    ratings: frame with columns user, item, rating. Of equal counts, the smaller id comes first.
    """
    ### BEGIN SOLUTION
    seen = ratings.loc[ratings["user"] == user, "item"]
    unseen = ratings.loc[~ratings["item"].isin(seen), "item"]
    counts = unseen.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return counts.index[:n].tolist()
    ### END SOLUTION


# %% check="2.1.6"
most_rated_checked = ex("2.1.6").check(most_rated)
# %% [markdown]
# For user 1, and then for the first fifty users against the library's `Popularity`:
# %%
popular = Popularity().fit(train)
print(films.loc[most_rated_checked(ratings, 1, 6), "title"].tolist())
by_library = popular.recommend(range(1, 51), n=10).groupby("user")["item"].agg(list)
same_lists = [most_rated_checked(ratings, who, 10) == list_of for who, list_of in by_library.items()]
show(equal_lists=sum(same_lists), of=len(same_lists))
# %% [markdown]
# How good is such a list? Lesson 2.5 is about measuring lists; here is the short version. A hidden film is a *hit* if
# its user gave it four stars or more. **nDCG@10** looks at a user's top ten, counts the hits, the higher up the better,
# and divides by the best that was possible: 0 is no hit, 1 is perfect. Here is the leader-board of the phase, with your
# tuned averages on it:
# %%
board = leaderboard.show("2.1", {"your tuned averages": results["tuned"]})
board[["lesson", "model", "rmse", "rmse low", "rmse high", "ndcg@10", "ndcg@10 low", "ndcg@10 high"]]
# %% [markdown]
# (The board's global mean has 1.1200, ours had 1.1217: the library lets a model that does not know a film, 42 of the
# 20,000 cases, fall back on the damped averages. And "most rated films" has an RMSE because `Popularity` answers when it
# is asked for stars, too: with $\mu + b_i$, the same for everybody. Its list does not use that number.)
#
# Read the two columns against each other. By RMSE, the tuned averages lead, and "most rated films" is far behind. By
# nDCG it is the other way round, and not by a little: popularity has more than four times the nDCG of the best rating
# predictor. Even the *global mean*, which knows nothing and lists films by their number in the catalogue, beats the
# tuned averages. (The catalogue begins with well-known films.)
#
# Why is popularity so hard to beat? Because people mostly watch what people mostly watch:
# %%
liked = test[test["rating"] >= 4]
order = by_film["n"].sort_values(ascending=False).index
shares = {f"the {k} most rated": 100 * liked["item"].isin(order[:k]).mean() for k in (10, 50, 100, 200)}
show(pd.Series(shares, name="% of the liked test films").to_frame(), digits=2)
# %% [markdown]
# A hundred films of 1,643 hold more than a third of everything that people will like. Any model that puts an obscure
# film into the top ten gives such a place away, and it had better be sure.
#
# ### One knob, two answers
#
# And why did tuning make the *list* worse? Turn the damping of the films from 0 to 3,000, and measure both on the
# validation part:
# %%
from recsys_lab.evaluate import evaluate_ranking

knob = [0, 2, 5, 10, 30, 100, 300, 1000, 3000]
both = []
for damping in knob:
    trial = BiasBaseline(damping_user=best_user, damping_item=damping).fit(fit_ratings)
    ranked = evaluate_ranking(trial, valid)["ndcg@10"].mean
    both.append((rmse(valid["rating"], trial.predict(valid)), ranked))
errors, lists = np.array(both).T
bar = evaluate_ranking(Popularity().fit(fit_ratings), valid)["ndcg@10"].mean
# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
left.plot(knob, errors, "o-")
left.set(title="Predicting stars wants little damping ...", ylabel="validation RMSE; less is better")
right.plot(knob, lists, "s-", color="#009E73", label="damped averages")
right.axhline(bar, color="#444444", linestyle="--", label="most rated films")
right.set(title="... a top ten wants a great deal", ylabel="validation nDCG@10; more is better")
right.set_ylim(0, 0.14)
right.legend(loc="lower right")
for ax in (left, right):
    ax.set_xscale("symlog", linthresh=2)
    ax.set_xlim(-0.3, 4500)
    ax.set_xticks([0, 2, 10, 100, 1000], ["0", "2", "10", "100", "1000"])
    ax.minorticks_off()
    ax.set_xlabel("damping of the film effects")
alt = "RMSE is lowest at damping 2, then rises to 1.04; nDCG rises all the way from 0 to 0.12."
figure_alt(fig, alt)
# %% [markdown]
# The same model, the same data. On the left the best damping is 2. On the right *there is no best*: the more, the
# better, as far as we went. With no damping, the top ten is like the table of section 3, films that one person adored, and
# the nDCG is nearly 0. With an enormous damping, the fraction $\sum (r_{ui} - \mu - b_u) / (n_i + \lambda)$ sorts the
# films like its numerator: the *total* surplus, in which many ratings count for much. That is popularity again, by
# another road.
#
# So it is wrong to ask for "the best baseline". There are two, one for each task: **the tuned averages for stars,
# popularity for lists.** Every later lesson must beat the one that belongs to its claim. (The board keeps the default
# dampings, 15 and 10, under "damped averages", because that is the number which you find in other people's tables.)
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise; take bets on the right-hand curve before it is drawn.
#
# **Misconceptions.** "Popularity is no recommender, it is not personal." It filters what you have seen, and it wins.
# "RMSE and nDCG must agree, since both measure quality": the curve is the counter-example, and lesson 2.5 explains it.
#
# **To discuss.** Who chose the test films? People who had found them *somehow*, often through a list of popular films.
# What does that do to our measurement? (Popularity bias; 2.5 and 3.6 return to it.)
# %% [markdown]
# ## 9. What the prize taught
#
# **Averages first.** Koren, of the winning team, closed his report by singling out one contribution: the humble
# baseline predictors, which you have just built. Treating the main effects accurately, he wrote, matters probably at
# least as much as a breakthrough in modelling (Koren 2009). His own baselines went further than ours: effects that
# drift with time, even by the day.
#
# **Many models beat one, and a few are nearly as good.** The entry that won the progress prize of 2007 blended 107
# results. The same team reported that fewer than 50 gave the same score, and that the best three came below 0.88, where
# all 107 reached 0.8712. The rest was for the contest.
#
# **Accuracy has a price.** Netflix did put two of the 107 into production, a matrix factorization and a restricted
# Boltzmann machine, after making them work for billions of ratings. The grand-prize ensemble it never shipped: the
# extra accuracy "did not seem to justify the engineering effort" (Amatriain and Basilico 2012).
#
# **The measure was not the goal.** By 2012 Netflix streamed, and what counted was the order of a list and whether
# people stayed; stars had become one signal among many. In 2017 the stars went altogether, in favour of thumbs, which
# in an A/B test got 200 % more ratings.
#
# **"Anonymous" ratings are not.** Narayanan and Shmatikov (2008) compared the published ratings with public reviews on
# IMDb and recognised known people in them, with all that their other ratings gave away. A second contest, announced in
# 2009 with data on age, gender and ZIP code, was cancelled in March 2010 after a lawsuit and questions from the Federal
# Trade Commission.
#
# A row of ratings is as unique as a fingerprint. How few films does it take, in our own data, to single somebody out?
# %%
rng = np.random.default_rng(0)
sets = ratings.groupby("user")["item"].agg(list)
raters = ratings.groupby("item")["user"].agg(set)
unique = {}
for k in (1, 2, 4, 6, 8):
    alone = [len(set.intersection(*raters[rng.choice(seen, k, replace=False)])) == 1 for seen in sets]
    unique[f"{k} films, % of people who are the only one"] = 100 * np.mean(alone)
show(unique, digits=2)
# %% [markdown]
# Take some films at random that a person has rated, without stars and without dates. With eight of them, most people
# are the only one in the table who rated them all. Whoever knows eight films that you have seen can find your row, and
# read all the others. Think of it before you publish, or even log, somebody's history.
#
# %% [markdown] instructor=true
# **Timing.** 15 minutes.
#
# **Misconception.** "Netflix wasted a million." It got research worth far more, and two models. What it did not get is
# a recommender, because it had not asked for one.
#
# **To discuss.** You may run a contest on your company's data. What do you publish, what do you measure, and what is
# your line number one?
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **IMDb** explained its Top 250 with the damped mean of section 3, and counted only the votes of regular voters. A
#   large damping also makes a list dear to manipulate.
# - **Netflix** calls popularity the obvious baseline for a ranking, since on average a member is most likely to watch
#   what most others watch, and adds at once that it is the opposite of personalization. The aim is to be better than it
#   (Amatriain and Basilico 2012, part 2).
# - **Cinematch**, the system to beat, ran weekly, and compared films with a variant of Pearson's correlation (Bennett
#   and Lanning 2007): the subject of lesson 2.3.
# - **A fallback** is where these models really live: when the personal model is slow, absent, or has never heard of the
#   user, a service answers with damped averages or the most popular items. Lesson 3.1 builds that chain.
#
# ## In the interview
#
# **"Your new model has an RMSE of 0.93. Is that good?"** A good answer in two minutes:
#
# 1. *Compared with what?* Ask for the standard deviation of the ratings (the RMSE of a constant) and for damped user
#    and item averages on the same split. Say the formula: $\mu + b_u + b_i$, a few group-bys.
# 2. *Was the baseline tuned?* Same validation part, same effort. Name the finding of 2019.
# 3. *On which split?* Random, by user, by time. Was anything chosen on the test part? Which tripwires ran?
# 4. *Is the difference real?* An interval, paired by user.
# 5. *Is RMSE the question?* If the product shows a list, compare nDCG or recall with the popularity baseline; the order
#    of models may turn round.
# 6. *What would it bring?* An online test decides, and the cost of running the model counts. End with the ensemble that
#    Netflix paid for and did not ship.
#
# ## Take-aways
#
# - Squares want the mean, absolute errors the median. Choosing a measure is choosing what to be good at.
# - The RMSE of the mean is the standard deviation. No RMSE means anything without it.
# - Sorting finds noise first. Damp: pretend that everybody starts with $\lambda$ ratings at the mean.
# - Damping is noise over spread, and it is ridge. Measure it, or choose it on a validation part; do not inherit it.
# - User and film effects share the credit, so solve for them in turns.
# - Tune the baseline as hard as your model, or you have compared nothing.
# - Predictions must not move when other test ratings, or other test rows, come in.
# - Two bars from now on: tuned averages for stars, popularity for lists.
#
# ## Further reading
#
# - Y. Koren: *Factor in the Neighbors: Scalable and Accurate Collaborative Filtering*. ACM TKDD 4(1), 2010, section
#   2.1: the baselines of this lesson. [doi:10.1145/1644873.1644874](https://doi.org/10.1145/1644873.1644874)
# - Y. Koren: *The BellKor Solution to the Netflix Grand Prize*, August 2009: baselines that drift (section III), and
#   the closing discussion.
# - A. Töscher, M. Jahrer, R. Bell: *The BigChaos Solution to the Netflix Grand Prize*, September 2009, section 2: sizes
#   and goal of the contest. R. Bell, Y. Koren, C. Volinsky: *The BellKor Solution to the Netflix Prize*, 2007: the 107
#   results. The team's web page of October 2007 says how few would do.
# - J. Bennett, S. Lanning: *The Netflix Prize*. KDD Cup and Workshop 2007. The contest's own [questions and
#   answers](https://netflixprize.com/faq.html) say why RMSE.
# - The Ensemble: [*Netflix Prize Conclusion*](http://www.the-ensemble.com/content/netflix-prize-conclusion), 22
#   September 2009: the tie, to six digits.
# - X. Amatriain, J. Basilico: *Netflix Recommendations: Beyond the 5 Stars*, Netflix Technology Blog, April and June
#   2012; [part 2 at KDnuggets](https://www.kdnuggets.com/2012/06/netflix-recommendations-beyond-5-stars.html).
# - A. Narayanan, V. Shmatikov: *Robust De-anonymization of Large Sparse Datasets*. IEEE Symposium on Security and
#   Privacy 2008.
# - S. Rendle, L. Zhang, Y. Koren: *On the Difficulty of Evaluating Baselines*, 2019.
#   [arXiv:1905.01395](https://arxiv.org/abs/1905.01395)
# - M. Ferrari Dacrema, P. Cremonesi, D. Jannach: *Are We Really Making Much Progress? A Worrying Analysis of Recent
#   Neural Recommendation Approaches*. RecSys 2019. [arXiv:1907.06902](https://arxiv.org/abs/1907.06902)
# - P. Cremonesi, Y. Koren, R. Turrin: *Performance of Recommender Algorithms on Top-N Recommendation Tasks*. RecSys
#   2010: RMSE and lists disagree, and popularity nearly keeps up.
#   [doi:10.1145/1864708.1864721](https://doi.org/10.1145/1864708.1864721)
# - T. Hodson: *Root-mean-square error (RMSE) or mean absolute error (MAE): when to use them or not*. Geoscientific
#   Model Development 15, 2022. [doi:10.5194/gmd-15-5481-2022](https://doi.org/10.5194/gmd-15-5481-2022)
# - On the end of the stars: *Variety*, March 2017, [Netflix Replacing Star
#   Ratings](http://variety.com/2017/digital/news/netflix-thumbs-vs-stars-1202010492/). On the sequel: P. Ohm,
#   *Netflix's Impending (But Still Avoidable) Multi-Million Dollar Privacy Blunder*, September 2009; *The Register*,
#   [12 March 2010](http://www.theregister.co.uk/2010/03/12/netflix_contest_cancelled/).
