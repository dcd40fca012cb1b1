# ---
# lesson:
#   id: "5.2"
#   title: "Design drills"
#   phase: 5
#   minutes: 240
#   prerequisites: ["3.6", "3.7", "4.5", "5.1"]
#   objectives:
#     - "Find in six different systems the one fact that decides the design, and the number that proves it"
#     - "Find the flaws of a design that no status code would show, and name what mends each"
#     - "Make a feedback loop, position bias and popularity bias visible on data, and say what each costs"
#     - "Choose between two sound ways by the question that decides, and say when you would choose the other"
#     - "Hold a mock interview against the clock, and score it by a rubric"
# ---
# %% [markdown]
# ## What you already know
#
# You have sat in design reviews. Somebody draws boxes, and somebody else asks: what happens if this queue is full, who calls this twice, where is
# the timeout? You know these questions by heart, since each of them has cost you a night. A recommender has boxes too, and a second set of questions, which cost other
# people theirs.
#
# | in your design reviews | in this lesson |
# |---|---|
# | what is the load at the peak? | what is the load, *and* what does the model see of the world? |
# | which component fails first? | which component is wrong while it does not fail? |
# | a cache that serves stale data | a label that is not ripe, a filter that looks too early |
# | retries that cause the load which causes the retries | clicks that cause the lists which cause the clicks |
# | an architecture decision record | a trade-off card: two ways, and the question that decides |
#
# Lesson 5.1 gave you a framework, and one system in depth. An interview does not tell you beforehand which system it will be. So this lesson drills: six cases in short,
# one of them deeply, with code that *shows* what is wrong with a design. At its end a command interviews you.
# %% [markdown] instructor=true
# **Timing (240 minutes).** Sections 1 and 2 with exercises 1 and 2: 60 minutes. Section 3 with exercises 3 and 4: 60. Sections 4 to 6: 60. The mock interview: 60, best in pairs. One reads the
# case (`recsys-lab interview --show NAME`) and plays the interviewer, the other types.
#
# **Common misconceptions.** A design is judged by its model. Numbers come at the end. Exploration is waste. A silent candidate looks thoughtful.
# %%
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import EASE, Popularity, datasets
from recsys_lab.course import figure_alt, interview, show, start
from recsys_lab.course.exercises.e5_2 import unlabelled
from recsys_lab.simulate import Audience

ex, quiz = start("5.2")
# %% [markdown]
# ## 1. Six cases, six facts
#
# All six systems have candidates, a ranker, a log and an experiment. If you draw only these, your answer fits every question, and therefore none. Each case has one fact that
# makes it unlike the others. Here is a sentence of each:
# %%
for name in interview.names():
    case = interview.load(name)
    print(f"{name:<14}{case.title}\n{'':<14}{case.decides.split('. ')[0].rstrip('.')}.")
# %% [markdown]
# Facts want numbers. An interviewer's case states assumptions, such as people and visits; everything else follows. The unit belongs into the name, as in
# `milliseconds_to_rank_a_feed`: then a wrong conversion can be read off. Here is what the feed assumes, and what follows from it:
# %%
feed = interview.load("feed")
print(pd.Series({given.name: given.value for given in feed.given}).to_string(float_format="{:,.10g}".format), "\n")
for number in feed.number:
    print(f"{number.name}\n    = {number.expression} = {feed.numbers()[number.name]:,.4g}")
# %% [markdown]
# **From scratch, then the library.** Two of these by hand. The library's result should be the same to the last digit, and a test of this repository works out every number of every
# case once more. It reads expressions, and refuses a case whose stated value does not follow.
# %%
feeds_per_second_at_peak = 50e6 * 8 * 3 / 86_400
milliseconds_to_rank_a_feed = 500 * 20 / 1000
by_hand = feeds_per_second_at_peak * milliseconds_to_rank_a_feed / 1000
show(cores_by_hand=by_hand, difference=abs(by_hand - feed.numbers()["ranking_cores_at_peak"]))
# %% [markdown]
# 139 cores are a few machines. That number ends a discussion which otherwise takes ten minutes: whether the ranker has to be made cheaper before it may score 500 photos. It does
# not. Now six proposals, one from each case. The assumptions that you need:
# %%
for name in interview.names():
    case = interview.load(name)
    print(
        textwrap.fill(
            f"{name}: " + ", ".join(f"{one.name}={one.value:,.10g}" for one in case.given),
            100,
            subsequent_indent="    ",
        )
    )
# %% exercise="5.2.1"
### BEGIN SOLUTION
proposals = {"A": "fits", "B": "too much", "C": "too much", "D": "fits", "E": "fits", "F": "too much"}
### END SOLUTION
# %% check="5.2.1"
proposals_checked = ex("5.2.1").check(proposals)
# %% [markdown]
# Notice what the sums did. B does not merely cost money, it decides between a table and a cut to the nearest neighbours. C splits a design in two: small accounts are pushed,
# large ones are pulled. **A number is worth its time in an interview if two designs hang on it.** Say that aloud when you compute.
#
# ## 2. Find the flaws
#
# Now the feed, deeply. The prompt, as an interviewer would read it, and a few of the answers that you would get if you asked:
# %%
print(feed.prompt, "\n")
for one in feed.clarifying[:5]:
    print(f"- {one.ask} {one.answer}")
# %% [markdown]
# A candidate drew the following. Read it as you read a pull request: not for taste, but for what will page somebody, or worse, will not. The library gives each design in two forms. `plain`
# is for a terminal; `mermaid` is for a README, where GitHub draws it. A few lines of that one first, then the whole design:
# %%
print("\n".join(interview.mermaid(feed.flawed).split("\n")[:3]), "\n    ...\n")
print(feed.flawed.idea, "\n")
print(interview.plain(feed.flawed), "\n")
print("ids:", ", ".join(part.id for part in feed.flawed.part))
# %% exercise="5.2.2"
### BEGIN SOLUTION
flaws = {
    "log": "e",
    "features": "g",
    "ranker": "sound",
    "chance": "sound",
    "fanout": "i",
    "filters": "c",
    "offline": "b",
    "experiment": "sound",
    "fallback": "sound",
}
### END SOLUTION
# %% check="5.2.2"
flaws_checked = ex("5.2.2").check(flaws)
# %% [markdown]
# In an interview, finding a flaw is half of the answer. The other half is its price. "Position bias" is a word that everybody has read; a candidate who can say *how much* it distorts, and how to find out, has
# worked with it. We have an audience whose truth is known, so let us measure.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise. Let pairs defend a sound component against each other: one attacks *chance*, the other says what it buys.
#
# **Misconceptions.** "The filter is before the ranker, so it saves time." It does; it must then be repeated at the end. Both places are right, one of them alone is not.
# %% [markdown]
# ## 3. Three flaws that you can see
#
# ### Position bias
#
# The audience of lesson 3.5 is fitted to MovieLens: 943 people, and here the films that at least 50 people rated. Write $a_{ui}$ for the chance that person $u$ clicks film $i$ if they look
# at it, and $e_k$ for the chance that they look at rank $k$. A click needs both:
#
# $$P(\text{click}) = e_k\, a_{ui}$$
#
# One day of a feed follows: 60,000 visits, ten films each. The films on top are those with the most ratings, and one slot in ten is filled by chance. The table `log` is what a good event log holds.
# %%
data = datasets.load("ml-100k")
audience = Audience(seed=0).fit(data.ratings)
often = data.ratings.groupby("item").size().sort_values(ascending=False)
films, people = often.index[often >= 50].to_numpy(), audience.users
everything = pd.DataFrame({"user": np.repeat(people, len(films)), "item": np.tile(films, len(people))})
a = audience.appeal(everything).reshape(len(people), len(films))  # the truth: (users, films)
visits = audience.activity_ / audience.activity_.sum()  # who comes how often
e = audience.looks(np.arange(1, 11))


def day(order, rng, n=60_000, chance=0.1):
    """A day of a feed that shows films[order[:10]]: film, by chance or not, click; each (n, 10)."""
    who = rng.choice(len(people), n, p=visits)
    by_chance = rng.random((n, 10)) < chance
    film = np.where(by_chance, rng.integers(0, len(films), (n, 10)), order[:10])
    return film, by_chance, rng.random((n, 10)) < e * a[who[:, None], film]


film, by_chance, click = day(np.arange(len(films)), np.random.default_rng(0))
rank = np.tile(np.arange(1, 11), len(film))
log = pd.DataFrame({"rank": rank, "film": film.ravel(), "by_chance": by_chance.ravel(), "click": click.ravel()})
show(films=len(films), rows=len(log), by_chance=log["by_chance"].mean(), click_rate=log["click"].mean())
# %% [markdown]
# The team's ranker learns from click rates. Compare, for the ten films that stand in the list, what the log says with the truth, the mean chance of a click among those who *look*.
# %%
ranked = log[~log["by_chance"]].groupby("rank")["click"].mean()
truth = pd.Series((visits @ a)[:10], index=ranked.index)
fig, ax = plt.subplots()
ax.plot(truth.index, truth, marker="s", color="#009E73", label="truth: liked by those who look")
ax.plot(ranked.index, ranked, marker="o", color="#D55E00", label="click rate in the log")
ax.set(xlabel="rank at which the film stands", ylabel="chance of a click", ylim=(0, None))
ax.set_title("The log makes the lower ranks look disliked")
ax.legend()
alt = "True appeal of the ten films lies between 0.15 and 0.6 at all ranks; their logged click rates fall to almost nothing by rank 5."
figure_alt(fig, alt)


# %% [markdown]
# The two agree at rank 1 and at no other. At rank 10, the log is off by a factor of about ten. It is not noise: more data make the orange line smoother, and no truer. Yet the cure lies in the same log. Where chance filled the slot, the
# films at all ranks are alike, so their click rates differ by the rank alone. With $n_k$ for the impressions by chance at rank $k$ and $c_k$ for the clicks on them,
#
# $$e_k = \frac{c_k / n_k}{c_1 / n_1}$$
# %% exercise="5.2.3"
def looked_at(log):
    """How often each rank is looked at, relative to rank 1: a Series by rank."""
    ### BEGIN SOLUTION
    rate = log[log["by_chance"]].groupby("rank")["click"].mean()
    return rate / rate.loc[1]
    ### END SOLUTION


# %% check="5.2.3"
looked_at_checked = ex("5.2.3").check(looked_at)
# %% [markdown]
# The simulator's own values are the yardstick, as the library is for code. Then the corrected click rate, $c / (n\, e_k)$ in words: clicks over looks, and not over impressions.
# %%
measured = looked_at_checked(log)
table = pd.DataFrame({"measured": measured, "truth": e}, index=measured.index)
table["log / truth"], table["corrected / truth"] = ranked / truth, ranked / measured / truth
show(table.loc[[1, 2, 4, 7, 10]], digits=2)


# %% [markdown]
# The last column is much nearer to 1 than the one before it: a division has repaired the log. It is noisiest at rank 10, where few look, which is why one slot in a hundred may be too little chance for a small service, and plenty for a large one.
#
# ### A feedback loop
#
# Position bias distorts one day. A *loop* lets the distortion choose the next day's data. Three teams start from the same order of films, drawn by lot, and rank each day by what all days so far have told them. `looks` counts an impression at
# rank k as a whole one, or as $e_k$ of one, where a team corrects.
# %%
def feed_of(policy, days=40, seed=3):
    """The true clicks a visit, day by day, of a feed that learns from its own log."""
    rng = np.random.default_rng(seed)
    score, clicks, looks, worth = rng.random(len(films)), np.zeros(len(films)), np.zeros(len(films)), []
    chance = 0.0 if policy == "clicks so far" else 0.1
    for _ in range(days):
        order = np.argsort(-score)
        film, _, click = day(order, rng, n=1500, chance=chance)
        counted = np.broadcast_to(e if policy.endswith("corrected for the rank") else np.ones(10), film.shape)
        np.add.at(clicks, film, click)
        np.add.at(looks, film, counted)
        score = clicks if policy == "clicks so far" else (clicks + 1) / (looks + 10)
        liked = visits @ a
        worth.append(e @ ((1 - chance) * liked[order[:10]] + chance * liked.mean()))
    return np.array(worth)


curves = unlabelled(feed_of)  # {"A": ..., "B": ..., "C": ...}: which is which is the question
# %% tags=["hide-input"]
fig, ax = plt.subplots()
for (letter, curve), style in zip(curves.items(), ("-", "--", ":")):
    ax.plot(curve, linestyle=style, linewidth=2, label=letter)
ax.set(xlabel="day", ylabel="true clicks a visit", ylim=(0, None), title="Three feeds that learn from their own clicks")
ax.legend()
alt = "Three curves over 40 days. C is flat near 0.2 from the second day on, A rises slowly to 1.1, B rises to 1.3 within a week."
figure_alt(fig, alt)
# %% exercise="5.2.4"
### BEGIN SOLUTION
which = {
    "A": "click rate, with chance",
    "B": "click rate, with chance, corrected for the rank",
    "C": "clicks so far",
}
### END SOLUTION
# %% check="5.2.4"
which_checked = ex("5.2.4").check(which)
# %%
show({f"{letter}, mean of the last ten days": curve[-10:].mean() for letter, curve in curves.items()})
# %% [markdown]
# No team has a dashboard with this figure, since nobody knows the truth outside of a simulator. What they see is their own click rate, and in the flat curve it is *stable*, which looks like success.
#
# ### Popularity bias
#
# The third flaw lies in what a list does to the catalogue. Sort all films by their number of ratings, most rated first, and ask what share of the recommended places the first films get. The straight line to compare with is what people rated: no model was asked
# for that.
# %%
model = EASE(threshold=4.0).fit(data.ratings)
lists = {"EASE": model.recommend(people, n=10), "most rated": Popularity().fit(data.ratings).recommend(people, n=10)}
places = {"what people rated": data.ratings, **lists}
fig, ax = plt.subplots()
for (name, frame), style in zip(places.items(), ("-", "--", ":")):
    got = frame["item"].value_counts().reindex(often.index, fill_value=0)
    ax.plot(np.arange(1, len(often) + 1), got.cumsum() / got.sum(), linestyle=style, linewidth=2, label=name)
ax.set_xscale("log")
ax.set(xlabel="films, most rated first (log scale)", ylabel="share of places or ratings, summed up")
ax.set_title("Lists give the head more than people do")
ax.legend()
alt = "Cumulative shares over films by popularity. Both lists reach 1 far earlier than what people rated; most rated first."
figure_alt(fig, alt)
plt.show()
head = often.index[:100]
show({f"share of the 100 most rated films, {name}": frame["item"].isin(head).mean() for name, frame in places.items()})
show({f"films that get a place, {name}": frame["item"].nunique() for name, frame in lists.items()})


# %% [markdown]
# The hundred most rated films have some three tenths of the ratings, nearly six tenths of EASE's places, and practically all of the popularity list's. Is that a flaw? By itself, it is not: those films are liked. It becomes one as soon as a loop closes over it. A film that gets no place
# gets no click, and tomorrow's training data say that nobody wants it. A design that explores, and a dashboard that counts films with a place, are the two answers.
#
# %% [markdown] instructor=true
# **Timing.** 60 minutes with exercises 3 and 4.
#
# **To discuss.** Which of the three flaws would an offline nDCG on the log's own rows find? (None.) What does a tenth of chance cost each team, in clicks a visit, and when would you lower it?
# %% [markdown]
# ## 4. A number that reveals the flaw
#
# Notifications are the odd case of the six: every other recommender fills a place that is there anyway, this one interrupts. Nine teams wish for seven a week in place of three. Their experiment ran for a week, by person, with enough people, and found more opens. Nothing
# in it is wrong. Should you ship it?
#
# Write $n$ for the notifications a week, $p$ for the chance that one is opened, $q$ for the chance that one makes somebody switch them off for good, and $T$ for a number of weeks. A person of the first day then brings in
#
# $$V = \sum_{t=0}^{T-1} n\, p\, (1 - q)^{n t}$$
#
# opens: $t$ counts the weeks from 0, and the power is the share of people who are left.
# %% exercise="5.2.5"
def opens(weeks, sends, open_chance, optout_chance):
    """The opens that a person of the first day brings in, over so many weeks."""
    ### BEGIN SOLUTION
    left = (1 - optout_chance) ** (sends * np.arange(weeks))
    return np.sum(sends * open_chance * left)
    ### END SOLUTION


# %% check="5.2.5"
opens_checked = ex("5.2.5").check(opens)
# %%
weeks = np.arange(1, 261)
now = np.array([opens_checked(w, 3, 0.05, 0.002) for w in weeks])
wished = np.array([opens_checked(w, 7, 0.035, 0.002) for w in weeks])
fig, ax = plt.subplots()
ax.plot(weeks / 52, np.diff(now, prepend=0), label="three a week")
ax.plot(weeks / 52, np.diff(wished, prepend=0), linestyle="--", label="seven a week, as wished")
ax.axvline(1 / 52, color="#444444", linestyle=":", label="end of the experiment")
ax.set(xlabel="years", ylabel="opens a week, per person of the first day", ylim=(0, None))
ax.set_title("The experiment ends where its gain is largest")
ax.legend()
alt = "Opens a week over five years. Seven a week starts far above three a week and falls below it after a bit more than a year."
figure_alt(fig, alt)
plt.show()
gain = 100 * (wished / now - 1)
show({f"gain in V, {name} (%)": gain[w - 1] for name, w in (("a week", 1), ("a year", 52), ("five years", 260))})
crossed = weeks[np.diff(wished, prepend=0) < np.diff(now, prepend=0)][0]
show({"years until fewer opens a week": crossed / 52, "years until fewer in all": weeks[wished < now][0] / 52})
show({f"left when the lines cross, {n} a week (%)": 100 * (1 - 0.002) ** (n * crossed) for n in (3, 7)})
show({f"switched off in the first week, {n} a week (%)": 100 * (1 - (1 - 0.002) ** n) for n in (3, 7)})
# %% [markdown]
# Do not overstate it: an interviewer will sum it up. *Week by week*, the gain has become a loss after a bit more than a year. *In all*, the wish stays ahead for more than three years. Who is paid by this year's opens will ship it, and by $V$ alone they are right. What speaks against it is what $V$
# leaves out: when the lines cross, six in ten have switched off, in place of three, and no *later* idea reaches them.
#
# And the week did hold the warning. 1.4 % switched off in place of 0.6 %, and nobody had put that into the sum. The experiment was sound, its question was too short. The remedy is in the case's reference design: a value with a cost, one budget for each person, and the right to send nothing.
# Pinterest described such a budget for each user in 2018, and reported fewer notifications and more engagement.
#
# When an interviewer shows you a win, ask over which time, over whom, and what cannot be undone.
#
# ## 5. Trade-off cards
#
# Not everything is a flaw. Often two ways are both sound, and a fact decides. A card holds the two, and the question whose answer is that fact. Six of the eighteen:
# %%
for name, title in (
    ("feed", "Push or pull?"),
    ("ecommerce", "Leave out what was bought?"),
    ("music", "Profile or session?"),
    ("search", "How personal?"),
    ("video", "Computed ahead?"),
    ("notifications", "At once or collected?"),
):
    card = next(one for one in interview.load(name).card if one.title == title)
    print(f"{name}: {card.title}\n  a: {card.a}. {card.a_when}\n  b: {card.b}. {card.b_when}\n  Ask: {card.decides}\n")
# %% [markdown]
# Try them on situations that the cases do not have. An author with 40 followers, who all come daily: forty copies are written once and read by nearly everybody, so push. Ink for a printer, bought three months ago: what decides is not *that* it was bought, so remind. A query that is the number
# of a spare part: it says everything, so the same results for all. And if somebody has skipped three ballads in five minutes, a hundred thousand plays of ballads do not help. In each, you did not look at the sides. You answered the question in the last line.
#
# In the interview say both sides, then the question, and only then choose. When the interviewer changes the situation, which they will, you have said already when you would change your mind. The quiz has such a turn.
#
# ## 6. After the fact
#
# "Tell me about an outage" is a question of its own in many loops. For a recommender the good stories have no outage in them: everything was green. Each case has post-mortems, some public, with their source, and some composite, which means that they are put together from several that could
# be anywhere. Here are six composite ones: what happened, and why no test saw it.
# %%
incidents = {
    "A": ("video", "The trailers' favourites"),
    "B": ("feed", "The week of one topic"),
    "C": ("ecommerce", "The best seller that came back"),
    "D": ("music", "Lullabies at the office"),
    "E": ("search", "The synonym that emptied a category"),
    "F": ("notifications", "The best open rate ever"),
}
for letter, (name, title) in incidents.items():
    one = next(one for one in interview.load(name).postmortem if one.title == title)
    print(f"{letter}. {one.title} ({name})\n   {one.happened}\n   Unseen: {one.unseen}\n")
# %% exercise="5.2.6"
### BEGIN SOLUTION
seen_by = {"A": 2, "B": 6, "C": 8, "D": 7, "E": 5, "F": 3}
### END SOLUTION
# %% check="5.2.6"
seen_by_checked = ex("5.2.6").check(seen_by)
# %% [markdown]
# ## 7. Your turn, against the clock
#
# A rubric makes an answer comparable: with your own of last week, above all. Each criterion has five levels, and each level says what is *said* there. Take the highest level of which all was said. One criterion of the feed:
# %%
criterion = next(one for one in feed.criterion if one.id == "data")
for level, text in enumerate(criterion.levels):
    print(level, text)
# %% [markdown]
# Weights turn levels into points. By hand and by the library, for an answer that is good throughout and says nothing of evaluation:
# %%
levels = {one.id: 3 for one in feed.criterion} | {"evaluation": 0}
result = interview.score(feed, levels)
by_hand = sum(one.weight * levels[one.id] for one in feed.criterion)
show(points_by_hand=by_hand, points=result.points, of=result.of, share=result.share)
print(f"verdict: {result.verdict}; to read again: {', '.join(result.again)}")
# %% [markdown]
# Now yourself. In a terminal:
#
#     recsys-lab interview --minutes 45
#
# It draws a case, gives you six stages with their time, and takes notes line by line. Type as you would speak. Every line is saved, and an interview that you stop goes on where you were. At the end it shows a reference design, asks the rubric criterion by criterion, and writes a report:
# time against plan, your notes, your levels with the sentence above each, and which lessons to read again. `--case search` chooses a case, `--seed 7` draws the same again, and `recsys-lab interview --show search` prints a case with all its answers, for whoever plays the interviewer.
#
# You know by now what decides in each case. What you have not practised is to say it in order, with sums, while the time runs. Do three, a day apart, and print no case by `--show` before you have drawn it. Be strict with the rubric: a level that you give yourself for what you *meant* is one that an interviewer will not give.
#
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **Facebook** wrote in 2014 that headlines which withhold got many clicks, that people preferred others when asked, and that the feed would look at how long people stay away after a click.
# - **Bing** had a bug in an experiment that made the results very poor; queries per person rose by over 10 % and revenue by over 30 % (Kohavi et al., 2012).
# - **Pinterest** decides the number of notifications a week for each user by a model of long-term engagement (Zhao et al., 2018).
# - **Spotify** found that listening which is driven by recommendations is less varied, while varied listening goes along with staying (Anderson et al., 2020).
# - **YouTube** ranked by the expected watch time instead of the chance of a click (Covington et al., 2016).
#
# ## In the interview
#
# *"Here is our design. What would you change?"*
#
# A good answer: (1) two questions first, what counts as success and what is logged; (2) follow one item from the data to the screen and back into the log, aloud; (3) name at most three flaws, the dearest first, each with its price and the test that would have seen it; (4) say what is *sound* and why it
# should stay, for whoever only finds faults has not read; (5) close with the experiment that would decide the one point on which you are not sure.
#
# ## Take-aways
#
# - Each system has one fact that decides. Ask for it, and say how the design would turn.
# - A number is worth its time if two designs hang on it. Means hide promises: compute the largest.
# - A log without ranks and without chance cannot tell liked from shown. One division repairs it, if chance was logged.
# - A loop without news looks stable. Stable is not good.
# - An experiment answers for its own length. What cannot be undone has to be counted apart.
# - A check sees a failure only if it does not share the mistake.
#
# ## Further reading
#
# - Chaney, Stewart, Engelhardt, *How Algorithmic Confounding in Recommendation Systems Increases Homogeneity and Decreases Utility*, RecSys 2018.
# - Joachims, Swaminathan, Schnabel, *Unbiased Learning-to-Rank with Biased Feedback*, WSDM 2017.
# - Kohavi et al., *Trustworthy Online Controlled Experiments: Five Puzzling Outcomes Explained*, KDD 2012.
# - Zhao, Narita, Orten, Egan, *Notification Volume Control and Optimization System at Pinterest*, KDD 2018.
# - Anderson et al., *Algorithmic Effects on the Diversity of Consumption on Spotify*, The Web Conference 2020.
# - Covington, Adams, Sargin, *Deep Neural Networks for YouTube Recommendations*, RecSys 2016.
# - Facebook, *News Feed FYI: Click-baiting*, company newsroom, August 2014.
