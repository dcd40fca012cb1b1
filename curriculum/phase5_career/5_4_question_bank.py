# ---
# lesson:
#   id: "5.4"
#   title: "Question bank"
#   phase: 5
#   minutes: 150
#   prerequisites: ["3.5", "4.5"]
#   objectives:
#     - "Say how a memory fades, and compute FSRS's forgetting curve and its intervals by hand"
#     - "Plan reviews so that what you learn today is there on the day of the interview, and know what that costs"
#     - "Find the wrong sentence in an answer that sounds right"
#     - "Answer a question aloud in a minute: claim, reason, number, limit"
#     - "Drill 172 questions from the terminal, in Anki, or on paper"
# ---
# %% [markdown]
# ## What you already know
#
# You have worked through four phases, and in the interview you are asked about week three. You knew it. Where is it? This lesson is about not losing
# it again: how forgetting goes, what a review does to it, and a command that asks you the right question on the right day.
#
# | in your backend | in your head |
# |---|---|
# | a cache entry that expires some time after it was last read | a fact that fades some time after it was last recalled |
# | a time to live that grows with every hit | a stability that grows with every success |
# | a priority queue, ordered by due date | what to ask today |
# | an append-only log; the state is computed by replaying it | the answers you gave; the schedule is computed from them |
# | a load test before the launch | answering aloud before the interview |
#
# One difference decides: a cache is refreshed best while the entry is still hot. A memory is not. It grows most when you recall what you had nearly
# lost. The sections 1 to 4 show why, and the others put it to work.
#
# This lesson needs the packages of phase 5. If the next cell complains, end JupyterLab and start it with `make lab PHASE=5`.
# %% [markdown] instructor=true
# **Timing (150 minutes).** Sections 1 to 3 with exercises 1 and 2: 60 minutes. Sections 4 and 5 with exercise 3: 30. Sections 6 to 8, best in pairs, one asks and one
# answers aloud: 60.
#
# **Common misconceptions.** Reading the answer again is practice. A right answer that came easily was worth the minute. What one pressed "good" for, one knows.
# %%
from recsys_lab.course.environment import needs

needs("phase5")

from datetime import UTC, datetime, timedelta

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from fsrs import Card, Rating, Scheduler, State
from scipy.optimize import curve_fit

from recsys_lab.course import figure_alt, show, start

ex, quiz = start("5.4")
# %% [markdown]
# ## 1. How fast do you forget?
#
# Around 1880 Hermann Ebbinghaus learned lists of nonsense syllables by heart, waited, and learned them again. How much time the second learning saves is a
# measure of what was left. His table from 1885 has seven waiting times, from twenty minutes to a month. (Murre and Dros repeated the experiment in 2015, seventy
# hours of it with one person, and found much the same.)
#
# Two curves are natural guesses. An **exponential**: each day loses the same share of what is left, like radioactive atoms, or like a request that fails
# with the same probability each second. A **power**: what has survived for long fades more slowly. We fit one number of the first and two of the second; to be
# fair, also an exponential with a second number, the share with which it starts.
# %%
minutes = np.array([20, 64, 526, 1440, 2 * 1440, 6 * 1440, 31 * 1440])
saved = np.array([58.2, 44.2, 35.8, 33.7, 27.8, 25.4, 21.1]) / 100


def exponential(t, life):
    return np.exp(-t / life)


def lowered(t, life, start):
    return start * np.exp(-t / life)


def power(t, scale, exponent):
    return (1 + t / scale) ** -exponent


life, _ = curve_fit(exponential, minutes, saved, p0=[500])
both, _ = curve_fit(lowered, minutes, saved, p0=[50_000, 0.4])
shape, _ = curve_fit(power, minutes, saved, p0=[1, 0.1], bounds=([1e-3, 1e-3], [1e3, 2]))
fits = {"exponential": (exponential, life), "exponential from a start": (lowered, both), "power": (power, shape)}
show({f"mean miss, {name}": np.abs(saved - f(minutes, *p)).mean() for name, (f, p) in fits.items()}, digits=2)
# %% [markdown]
# The mean misses are shares: 0.016 is 1.6 percentage points. The same in a picture, with a logarithmic time axis, since the waiting times run from minutes to weeks:
# %%
line = np.geomspace(5, 60 * 1440, 300)
fig, ax = plt.subplots(figsize=(7.5, 3.6))
ax.plot(line, 100 * exponential(line, *life), "--", label="exponential")
ax.plot(line, 100 * power(line, *shape), label="power")
ax.plot(minutes, 100 * saved, "o", color="#444444", label="Ebbinghaus (1885)")
ax.set_xscale("log")
ax.set_xticks([20, 60, 540, 1440, 6 * 1440, 31 * 1440], ["20 min", "1 h", "9 h", "1 d", "6 d", "31 d"])
ax.minorticks_off()
ax.set(xlabel="time since learning (log scale)", ylabel="time saved in %", ylim=(0, 100))
ax.set_title("Forgetting is fast first and slow later: a power, not an exponential")
ax.legend()
figure_alt(fig, "Savings fall from 58 % after 20 minutes to 21 % after a month; the power curve goes through them.")
plt.show()
# %% [markdown]
# The exponential cannot do both: if it falls fast enough in the first hour, nothing is left after a day. With a start of its own it misses less, and still nearly five times as much as the power, with as many numbers. Read the
# picture twice: **most of what you lose, you lose on the first day**, and **what is left then stays for long**. Nonsense syllables fade faster than answers
# you understand, so the height of the curve is not yours. Its shape is.
#
# ## 2. The curve that FSRS uses
#
# FSRS (Free Spaced Repetition Scheduler) is the scheduler of many flash-card programs, Anki among them; the library `fsrs` of this lesson implements its sixth version. It describes each question by
# three numbers: the **retrievability** $R$, the chance that you know it now; the **stability** $S$, in days; and the **difficulty** $D$, from 1 to 10. With $t$ for the
# days since the last review, it is a power curve again:
#
# $$R = \left( 1 + F \frac{t}{S} \right)^{-w}$$
#
# $w$ says how fast the curve flattens; 0.1542 was fitted to many people's reviews. And $F$ is chosen so that the stability has a meaning one can say: after $S$ days, the chance
# is 0.9.
#
# $$F = 0.9^{-1/w} - 1$$


# %%
def recall(days, stability, w=0.1542):
    """The chance to know it, that many days after a review with this stability (in days)."""
    F = 0.9 ** (-1 / w) - 1
    return (1 + F * np.asarray(days) / stability) ** -w


# %% [markdown]
# By hand, then the library: a card with a stability of 12 days, reviewed on the first of January, at several days after it. (The learning steps of minutes are switched off here; in this lesson, time
# comes in days.)
# %%
plan = Scheduler(learning_steps=[], relearning_steps=[], enable_fuzzing=False)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def day(n):
    return FIRST + timedelta(days=n)


card = Card(1, State.Review, stability=12.0, difficulty=5.0, due=day(12), last_review=day(0))
table = pd.DataFrame({"days": [0, 1, 3, 12, 40, 365]})
table["by hand"] = recall(table["days"].to_numpy(), 12.0)
table["fsrs"] = [plan.get_card_retrievability(card, day(n)) for n in table["days"]]
show(table.set_index("days"), digits=3)
show(largest_difference=np.abs(table["by hand"] - table["fsrs"]).max().round(12))
# %% [markdown]
# Even after a year the chance is over a half. The scheduler asks the opposite question: you want to know it with a chance $r$ (its default is 0.9); when do you have to see it again? Solve for $t$:
#
# $$t = \frac{S}{F} \left( r^{-1/w} - 1 \right)$$


# %% exercise="5.4.1"
def interval(stability, wanted, w=0.1542):
    """Days until the chance has fallen to `wanted`: a whole number, at least 1."""
    ### BEGIN SOLUTION
    F = 0.9 ** (-1 / w) - 1
    return max(1, round(stability / F * (wanted ** (-1 / w) - 1)))
    ### END SOLUTION


# %% check="5.4.1"
interval_checked = ex("5.4.1").check(interval)
# %% [markdown]
# What does ambition cost? The interval of a question with a stability of 20 days, for four wishes; beside it what the library sets when it is told the same wish.
# %%
rows = []
for wanted in (0.8, 0.85, 0.9, 0.95):
    choosy = Scheduler(desired_retention=wanted, learning_steps=[], relearning_steps=[], enable_fuzzing=False)
    seen, _ = choosy.review_card(card, Rating.Good, day(12))
    rows.append(
        (wanted, interval_checked(20.0, wanted), interval_checked(seen.stability, wanted), (seen.due - day(12)).days)
    )
show(pd.DataFrame(rows, columns=["wanted", "S = 20", "card above, yours", "card above, fsrs"]).set_index("wanted"))
# %% [markdown]
# From 0.9 to 0.95 the interval shrinks to two fifths. What that is in work is less than it looks, since intervals grow by a factor with each success; section 5 measures it. For an interview 0.9 is plenty: nobody asks you all hundred.
#
# %% [markdown] instructor=true
# **Misconceptions.** "Stability is a half-life": it is the time to 0.9. "90 % means that the tenth one is lost": it comes back the next time it is asked, and mostly faster.
#
# **To discuss.** The curve was fitted to people who use flash cards a lot. In which direction may that be off for a person who has just begun?
# %% [markdown]
# ## 3. What a review does
#
# If you knew it ("good"), the stability grows. FSRS's formula has three forces in it. $S'$ is the stability afterwards, and $a$, $b$, $g$ are three of its fitted numbers ($e$ is Euler's):
#
# $$S' = S \left( 1 + g\, (11 - D)\, S^{-a} (e^{b (1 - R)} - 1) \right)$$
#
# - $11 - D$: easy questions grow faster.
# - $S^{-a}$: what is already stable grows by a smaller factor.
# - $e^{b (1 - R)} - 1$: **the more was forgotten, the more a success adds.** If you have just read the answer, $R$ is 1, the bracket is 0, and the review has taught you nothing.
#
# The last line is the reason for the whole lesson. Psychologists call it the *spacing effect*. Cepeda and colleagues (2006) went through 317 experiments: reviews that are spaced out beat reviews in a row, and the gap
# that is best grows with the time for which one wants to remember.
# %%
g, a, b = np.exp(plan.parameters[8]), plan.parameters[9], plan.parameters[10]


def grown(S, D, R):
    return S * (1 + g * (11 - D) * S**-a * (np.exp(b * (1 - R)) - 1))


gaps = np.array([1, 3, 6, 12, 24, 48])
after = [plan.review_card(card, Rating.Good, day(int(n)))[0].stability for n in gaps]
by_hand = grown(12.0, 5.0, recall(gaps, 12.0))
table = pd.DataFrame({"review after": gaps, "chance": recall(gaps, 12.0), "S after": by_hand, "factor": by_hand / 12})
show(table.set_index("review after"), digits=3)
show(largest_difference_to_fsrs=np.abs(by_hand - after).max().round(9))
# %% [markdown]
# A late review that succeeds multiplies the stability by nearly six, one on the next day by 1.25. The factor against the chance, for three difficulties:
# %%
chances = np.linspace(0.6, 1, 200)
fig, ax = plt.subplots(figsize=(7.5, 3.6))
for D, style in ((3, "-"), (5, "--"), (8, ":")):
    ax.plot(100 * chances, grown(12.0, D, chances) / 12, style, label=f"difficulty {D}")
ax.invert_xaxis()
ax.set(xlabel="chance to know it at the review, in %", ylabel="stability grows by the factor")
ax.set_title("A success counts most when you had nearly lost it")
ax.legend()
figure_alt(fig, "The growth factor is 1 at a chance of 100 % and rises as the chance falls, faster for easy questions.")
plt.show()
# %% [markdown]
# Further right is better, if you succeed. But the axis is also the chance to succeed, and after a failure the stability falls. So there is a best place between too early and too late.
# %% exercise="5.4.2"
### BEGIN SOLUTION
plans = {"order": "BDCA", "riskiest": "B"}
### END SOLUTION
# %% check="5.4.2"
plans_checked = ex("5.4.2").check(plans)


# %% [markdown]
# ## 4. With a calendar, and without
#
# Three people have 400 questions each, four looks at each of them, and an interview on day 30. **Last week** looks at everything on days 26, 27, 28 and 29. **Spread** looks on days 0, 3, 10 and 24. **Spread, last
# look late** does the same, but the last look is on the day before. They are simulated: each question has a first stability and a difficulty of its own (the first answer is drawn), at each look they know it with the
# chance $R$, and otherwise press "again".
#
# Be clear about what such a simulation is. It shows what the formulas of sections 2 and 3 imply, with luck in it. That people behave like this is what the experiments say, and not this cell.
# %%
def learn(days, questions=400, seed=0):
    """The cards after looks on these days, and the share that was known at each look after the first."""
    rng = np.random.default_rng(seed)
    cards, known = [], []
    for number in range(questions):
        first = Rating(int(rng.choice([1, 2, 3, 4], p=[0.25, 0.2, 0.45, 0.1])))
        one, _ = plan.review_card(Card(number, due=day(0)), first, day(days[0]))
        for n in days[1:]:
            right = rng.random() < plan.get_card_retrievability(one, day(n))
            known.append(right)
            one, _ = plan.review_card(one, Rating.Good if right else Rating.Again, day(n))
        cards.append(one)
    return cards, np.mean(known)


people = {"last week": (26, 27, 28, 29), "spread": (0, 3, 10, 24), "spread, last look late": (0, 3, 10, 29)}
learned = {name: learn(days) for name, days in people.items()}
line = np.arange(30, 121)
curves = {
    name: recall(line[:, None] - days[-1], np.array([one.stability for one in learned[name][0]])).mean(axis=1)
    for name, days in people.items()
}
table = pd.DataFrame({n: [learned[n][1], *curves[n][[0, 30, 90]]] for n in people})
table.index = ["known at the looks", "day 30, interview", "day 60", "day 120"]
show(table, digits=2)
overtaken = line[np.argmax(curves["spread"] > curves["last week"])]
show({"day on which spread overtakes last week": overtaken})
# %% [markdown]
# The table has three days; here are all of them, from the interview on:
# %%
fig, ax = plt.subplots(figsize=(7.5, 3.6))
for name, style in zip(people, ("--", "-", ":")):
    ax.plot(line, 100 * curves[name], style, label=name)
ax.axvline(30, color="#444444", linewidth=1)
ax.annotate("interview", (30.5, 62))
ax.set(xlabel="day", ylabel="questions known, in %", ylim=(60, 100))
ax.set_title("Cramming wins the day, spreading the months, a late last look both")
ax.legend()
figure_alt(
    fig,
    "On day 30 last week is at 97 %, spread at 93; spread overtakes after a week and is 8 points ahead on day 120. With the last look late it is level on day 30 and ahead after.",
)
plt.show()
# %% [markdown]
# On the day itself the last week wins against plain spreading, and that is why everybody crams: it *works*, for a day, and it feels better throughout. (The first row says so: at the looks, the crammer knows
# more.) About a week later the curves cross. For the second interview or the first months in the job the order is clear, and the work was the same: four looks.
#
# The third plan gives you both. It spreads the looks and keeps the last one for the day before: level with cramming on the day, and ahead ever after. So spread what you learn, and look at it once more at the end (section 8 has the command).
#
# Feeling is a bad guide here. Roediger and Karpicke (2006) let one group read a text again and again and another recall it. After five minutes the readers were better, and after two days or a week it was
# those who had recalled; the readers had been *more* confident. So: never read an answer that you have not tried to give.
#
# %% [markdown] instructor=true
# **To discuss.** Whoever gets a call on Monday for Thursday must cram. Which questions first? (Those that everybody asks; level 1. And then put them on the schedule.)
# %% [markdown]
# ## 5. What to ask today
#
# The bank of this course has 172 questions in six subjects. Each has an answer that explains, a source, and the lessons that teach it. All figures in the answers are computed when they are shown, and the tests compute them a
# second time in another way.
# %%
from recsys_lab.course.bank import schedule
from recsys_lab.course.bank.entries import SUBJECTS, load

bank = load()
table = pd.crosstab(
    pd.Series([SUBJECTS[e.subject] for e in bank.values()], name="subject"), [e.level for e in bank.values()]
)
table.columns = ["everybody asks", "for this job", "for seniors"]
show(table.loc[list(SUBJECTS.values())])
# %% [markdown]
# The drill keeps an append-only list of your answers, nothing else. What FSRS knows of each question is computed by replaying the list, like a table from its log. `schedule.queue` is the whole policy: what is due first, the longest
# overdue before all; then new ones, the ones that everybody asks first, and the subjects take turns.
# %%
answers = [schedule.Review("ml-leakage-is-not-here", 3, day(0)), schedule.Review("ml-l1-l2", 3, day(0))]
answers += [schedule.Review("sql-median", 4, day(0)), schedule.Review("statistics-p-value", 1, day(1))]
cards = schedule.cards(answers)
for entry in schedule.queue(bank, cards, day(3), new=3):
    state = f"due since day {(cards[entry.id].due - FIRST).days}" if entry.id in cards else "new"
    print(f"{entry.id:<34}{state}")
# %% [markdown]
# `sql-median` was easy, and sleeps. The first id is in the log and not in the bank (we made it up; a later version may drop a question): it is kept, and left out. Now you are the queue.
# %% exercise="5.4.3"
### BEGIN SOLUTION
asked = ["p-value", "cache", "leak", "ndcg"]
### END SOLUTION
# %% check="5.4.3"
asked_checked = ex("5.4.3").check(asked)
# %% [markdown]
# How much work is that a day? Take three paces, 4, 8 or 12 new questions a day until all 172 are in, and answer everything that is due. The learner is that of section 4.


# %%
def workload(new, days=60, seed=0, plan=plan):
    """Answers given on each day, and the cards at the end."""
    rng, cards, counts = np.random.default_rng(seed), [], []
    for n in range(days):
        due = [i for i, one in enumerate(cards) if one.due <= day(n)]
        for i in due:
            right = rng.random() < plan.get_card_retrievability(cards[i], day(n))
            cards[i], _ = plan.review_card(cards[i], Rating.Good if right else Rating.Again, day(n))
        fresh = min(new, len(bank) - len(cards))
        for _ in range(fresh):
            first = Rating(int(rng.choice([1, 2, 3, 4], p=[0.25, 0.2, 0.45, 0.1])))
            cards.append(plan.review_card(Card(len(cards), due=day(n)), first, day(n))[0])
        counts.append(len(due) + fresh)
    return np.array(counts), cards


paces = {new: workload(new) for new in (4, 8, 12)}
fig, ax = plt.subplots(figsize=(7.5, 3.6))
for (new, (counts, _)), style in zip(paces.items(), ("-", "--", ":")):
    ax.plot(pd.Series(counts).rolling(3, min_periods=1).mean(), style, label=f"{new} new a day")
ax.set(
    xlabel="day",
    ylabel="answers a day (mean of three days)",
    title="Answers a day grow while new questions come, and then fall",
)
ax.legend()
figure_alt(fig, "Answers a day rise while new questions come, to about 22, 35 and 46, and then fall below 10.")
plt.show()
# %% [markdown]
# And in numbers, with what is known at the end:
# %%
rows = []
for new, (counts, cards) in paces.items():
    chance = np.mean([plan.get_card_retrievability(one, day(59)) for one in cards])
    rows.append((new, len(bank) / new, counts.max(), counts.sum(), len(cards), chance))
columns = [
    "new a day",
    "days until all are in",
    "most a day",
    "answers in 60 days",
    "questions seen",
    "known on day 59",
]
show(pd.DataFrame(rows, columns=columns).set_index("new a day"), digits=3)
# %% [markdown]
# At half a minute to a minute an answer, eight new ones a day are twenty to forty minutes on the worst day, and about three weeks until all are in. After that the load falls by itself. What is known in the end hardly differs: the pace decides when you work, not what you keep. If you miss three days, the queue is long once; let
# `--limit 30` cut it, and leave out new ones with `--new 0` until it is short again.
#
# Known are more than nine in ten, although 0.9 was wanted: 0.9 is the chance on the day on which a question is asked, the lowest point of its curve. And the wish for 0.95? The same learner, eight new ones a day:
# %%
choosy = Scheduler(desired_retention=0.95, learning_steps=[], relearning_steps=[], enable_fuzzing=False)
rows = []
for name, (counts, cards) in {"0.9": paces[8], "0.95": workload(8, plan=choosy)}.items():
    chance = np.mean([plan.get_card_retrievability(one, day(59)) for one in cards])
    rows.append((name, counts.max(), counts.sum(), chance))
show(pd.DataFrame(rows, columns=["wanted", *columns[2:4], columns[5]]).set_index("wanted"), digits=3)
# %% [markdown]
# Half as many answers again, for four more questions in a hundred. The intervals shrink to two fifths, and yet the work does not grow to two and a half times: each success multiplies the interval, so a shorter one is some steps behind on the same staircase.
#
# ## 6. Answers that sound right
#
# Recalling is half of it. The other half is to hear when a sentence is wrong, also your own. Six answers, one of each subject, three sentences each. In five of them one sentence is wrong.
#
# - **A. "Why L1?"** (1) L1 drives many weights to exactly zero. (2) The slope of its penalty stays the same near zero, while that of the square fades. (3) So of two columns that say the same, it keeps both, each at half the weight.
# - **B. "What does p = 0.03 mean?"** (1) If the change did nothing, so large a difference or a larger one would come up in three of a hundred experiments. (2) So the chance that the change does nothing is 3 %. (3) About the size of the effect it says little,
#   since it also hangs on the number of users.
# - **C. "How do you judge a list of ten?"** (1) Recall at 10 divides the hits by the number of relevant items. (2) For a user with 40 relevant items it can be a quarter at most. (3) Of two models, the one with the lower RMSE also gives the better list, as it knows the
#   users' taste more exactly.
# - **D. "50,000 users in control, 49,000 in treatment?"** (1) With a fair coin that is no luck. (2) I weight the treated users up by 50/49, and then read the result. (3) I look for the place in the pipeline at which the ratio breaks.
# - **E. "Your request waits for 50 shards, each slow in 1 % of the cases."** (1) Then about 40 % of the requests are slow. (2) A second request to a copy, once the first is later than usual, cuts most of the tail. (3) A recommender may also answer without the shards that are late.
# - **F. "Clicks of each user on day 2, zeros included?"** (1) A left join from users to clicks, and `WHERE day = 2` keeps the users without clicks, as their day is NULL. (2) A condition in the `ON` filters the clicks before they are joined. (3) `count(c.user_id)` gives 0 for a user
#   without clicks, `count(*)` would give 1.
# %% exercise="5.4.4"
### BEGIN SOLUTION
flaws = {"A": 3, "B": 2, "C": 3, "D": 2, "E": 0, "F": 1}
### END SOLUTION
# %% check="5.4.4"
flaws_checked = ex("5.4.4").check(flaws)
# %% [markdown]
# ## 7. How to answer aloud
#
# Silence while you think is fine for ten seconds. Then say, in this order:
#
# 1. **The claim**, in one sentence, as if it were the only one: "It is a leak."
# 2. **The reason**, with its "because".
# 3. **A number or an example**, the smallest that shows it: "of 10,000 accounts, 100 are bots ...".
# 4. **The limit**: when it is wrong, what you would measure. One sentence here tells more about you than the three before.
#
# Then stop. A minute is long. If you do not know, say so, and what you would do to find out: "I have not used it. I would expect ..., and test it by ...". And sums are done aloud, with round numbers first.
# %% exercise="5.4.5"
### BEGIN SOLUTION
numbers = {
    "fraud": 0.05 * 0.8 / (0.05 * 0.8 + 0.95 * 0.04),
    "alarm": 1 - 0.95**12,
    "slow": 1 - 0.98**40,
}
### END SOLUTION
# %% check="5.4.5"
numbers_checked = ex("5.4.5").check(numbers)
# %% [markdown]
# Here is how one of the bank's own looks, answer, sum and source. Cover it, and say it first.
# %%
from recsys_lab.course.bank.session import shown

entry = bank["experimentation-srm"]
print(entry.question, "\n")
print(shown(entry))
# %% [markdown]
# A SQL question is answered by writing: they give you a table, and watch. This one uses the drill's own record as its table.
# %% exercise="5.4.6"
### BEGIN SOLUTION
query = """
SELECT subject, count(*) AS questions, avg((rating > 1)::INT) AS known
FROM (SELECT *, row_number() OVER (PARTITION BY question ORDER BY day DESC, id DESC) AS n FROM answers)
WHERE n = 1
GROUP BY subject
ORDER BY known, subject
"""
### END SOLUTION
# %% check="5.4.6"
query_checked = ex("5.4.6").check(query)
# %% [markdown]
# ## 8. Drill
#
# In a terminal, not here:
#
# | command | what it does |
# |---|---|
# | `recsys-lab drill` | what is due, and up to ten new questions |
# | `recsys-lab drill --subject sql --new 3` | one subject |
# | `recsys-lab drill --new 0 --ahead 14` | a last look: also what becomes due within two weeks |
# | `recsys-lab drill --stats` | where you stand, and whether you grade yourself honestly |
# | `recsys-lab drill --anki bank.apkg` | a deck for Anki; import a later one over it, and your progress there stays |
# | `recsys-lab drill --page bank.html` | a page to print, with the answers hidden if you like |
#
# Four grades. **again**: you did not say it. Also if you "would have": what was not said before looking was not known. It comes once more in the same session. **hard**: it came, with gaps or after long. **good**: said as in section 7. **easy**: you could explain it to a
# colleague in your sleep. Whoever presses "good" out of kindness gets rid of the questions that they do not know, for months. `--stats` compares: of the answers to learned questions, how many did FSRS expect, and how many did you know?
#
# **Before an interview.** Six weeks ahead: eight new ones a day, all subjects. Two weeks ahead: no new ones (`--new 0`), so that the load falls and you have time for cases (lesson 5.2) and code (5.3). The last three days: one session a day, and once through everything that everybody asks (the page of `--page` says of each question whether it is one), aloud, standing, with somebody who asks "why?" after each
# answer. The day before: the late last look of section 4, `--new 0 --ahead 14`; what you know for longer than that may rest. Then nothing new, and sleep.
#
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ...})
# %% [markdown]
# ## In production
#
# A scheduler of reviews is a recommender: it ranks items for a user by a predicted probability, from a log of feedback, and it changes by its choices what it can learn. Duolingo described its own in 2016 (Settles and Meeder, *A Trainable Spaced Repetition Model for Language Learning*, ACL): a half-life of each word, regressed on the
# learner's history. Anki has offered FSRS beside its older algorithm since version 23.10 (2023). And the pitfalls are ours, too: is the predicted chance calibrated? A question that is never asked gives no data. And a learner who presses "good" on everything is an implicit signal that was taken for an explicit one.
#
# ## In the interview
#
# **"Explain the difference between X and Y"** is the commonest form of all: L1 and L2, user-based and item-based, precision and recall, A/B test and bandit. *Outline of a good answer:* what both have in common, in one sentence (you know the family); the one difference from which the others follow; a case for the first and a case for the
# second; what you would take here, and what would change your mind. Go through the bank and say each such question in this form. You will find that you have five or six forms for all 172 questions, and that is what remains when the wording is forgotten.
#
# ## Take-aways
#
# - Forgetting is fast first and slow later. A review resets the clock; a *success after some forgetting* also slows it down.
# - The interval for a chance of 0.9 is the stability. Wanting 0.95 cuts it to two fifths; in the simulation that was half as many answers again, for four more questions in a hundred.
# - Cramming is good on the day and worse from the next week on; it feels better throughout. Spread the looks, and keep the last one for the day before.
# - Say the answer before you look, and grade what you said, not what you would have said.
# - Claim, reason, number, limit. Then stop.
#
# ## Further reading
#
# - Ebbinghaus (1885), *Über das Gedächtnis*; in English (1913), *Memory: A Contribution to Experimental Psychology*, chapter VII: the table of section 1.
# - Murre and Dros (2015), *Replication and Analysis of Ebbinghaus' Forgetting Curve*, PLoS ONE 10(7).
# - Cepeda, Pashler, Vul, Wixted, Rohrer (2006), *Distributed Practice in Verbal Recall Tasks*, Psychological Bulletin 132(3), pages 354 to 380.
# - Roediger and Karpicke (2006), *Test-Enhanced Learning*, Psychological Science 17(3), pages 249 to 255.
# - Latimier, Peyre, Ramus (2021), *A Meta-Analytic Review of the Benefit of Spacing out Retrieval Practice Episodes on Retention*, Educational Psychology Review 33: spaced against massed, and growing against equal gaps.
# - *ABC of FSRS* and *The Algorithm*, in the wiki of the project open-spaced-repetition/fsrs4anki: the formulas, and what each version changed.
