"""The quiz at the end of phase 3."""

from __future__ import annotations

import math
import sqlite3

import numpy as np
import pandas as pd

from recsys_lab.course.phases.keys import by_value
from recsys_lab.course.quiz import Question
from recsys_lab.experiment.assign import bucket
from recsys_lab.experiment.offpolicy import Log, ips
from recsys_lab.experiment.power import plan_means


# ------------------------------------------------------------------ what the keys compute
def _slow_pages() -> float:
    return 100 * (1 - 0.99**10)


def _posted_again() -> tuple[int, int]:
    database = sqlite3.connect(":memory:")
    database.execute("create table events (id text primary key)")
    first, again = [f"a{i}" for i in range(5)], [f"a{i}" for i in range(7)]
    database.executemany("insert or ignore into events values (?)", [(id,) for id in first])
    before = database.total_changes
    database.executemany("insert or ignore into events values (?)", [(id,) for id in again])
    stored = database.total_changes - before
    database.close()
    return stored, len(again) - stored


def _known_then() -> float:
    return float(pd.Series([5, 1, 4]).shift().expanding().mean().iloc[2])


def _rows_left() -> int:
    asked = pd.DataFrame({"user": [1, 1, 2, 1, 1], "second": [10, 10, 10, 11, 11]})
    return len(asked.drop_duplicates())


def _after_three_attempts() -> tuple[int, int]:
    appended: list[int] = []
    replaced: dict[str, list[int]] = {}
    for _ in range(3):
        appended += range(1000)
        replaced["Monday"] = list(range(1000))
    return len(appended), len(replaced["Monday"])


def _gates() -> str:
    low = 0.010 - 1.96 * 0.006
    return f"{'yes' if low > -0.005 else 'no'}, {'yes' if low > 0 else 'no'}"


def _users_with_cuped() -> float:
    return 100 * plan_means(0.1, variance=1, rho=0.8).n / plan_means(0.1, variance=1).n


def _ever_significant() -> float:
    """Per cent of A/A experiments with p < 0.05 on one day of 14 or more: a random walk that leaves 1.96 sqrt(days)."""
    days = np.arange(1, 15)
    walks = np.random.default_rng(0).standard_normal((20_000, 14)).cumsum(axis=1)
    found = 100 * (np.abs(walks) > 1.96 * np.sqrt(days)).any(axis=1).mean()
    return min((5.0, 22.0, 51.0, 0.36), key=lambda choice: abs(choice - found))


def _in_both_treatments() -> float:
    users = [f"u{i}" for i in range(1000)]
    first, second = ({u for u in users if bucket(u, "the same salt") >= 0.5} for _ in range(2))
    return 100 * len(first & second) / len(second)


def _always_b() -> tuple[float, float]:
    action, reward = np.repeat([0, 1], [900, 100]), np.zeros(1000)
    reward[900:908] = 1
    value = ips(Log.of(action, reward, np.where(action == 1, 0.1, 0.9), target=[0.0, 1.0]))
    return value.value, value.effective_n


def _liked_more() -> str:
    x, y = (30 / 200) / 0.6, (20 / 200) / 0.3
    return "X" if x > y else "Y"


def _psi() -> float:
    before, now = np.array([0.5, 0.5]), np.array([0.6, 0.4])
    return float(((now - before) * np.log(now / before)).sum())


# ------------------------------------------------------------------ the questions
QUIZ = [
    Question(
        text="One answer in a hundred takes a second, the others ten milliseconds. A page needs ten answers. How many per cent "
        "of the pages meet at least one slow answer?",
        choices={"a": "1", "b": "0.1", "c": "50", "d": "9.6"},
        key=by_value({"a": 1.0, "b": 0.1, "c": 50.0, "d": 9.562}, _slow_pages),
        why={
            "a": "That is the share of the answers; a page needs ten of them to be quick.",
            "b": "More answers, more chances to meet a slow one, not fewer.",
            "c": "It would take 69 answers for that.",
            "d": "1 - 0.99^10. Whoever asks often lives at p99, not at p50.",
        },
    ),
    Question(
        text="Two threads compute lists. Suddenly each list takes 4 seconds; 20 requests a second come. How many lists does "
        "the model finish in a second, at most?",
        choices={"a": "20", "b": "0.5", "c": "5", "d": "8"},
        key=by_value({"a": 20.0, "b": 0.5, "c": 5.0, "d": 8.0}, lambda: 2 / 4),
        why={
            "a": "So many come. What is not finished piles up, if nothing limits the queue.",
            "b": "2 threads / 4 s. The other 19.5 need a fallback at once, not a place in a queue that only grows.",
            "c": "20 / 4 takes the requests for workers; there are two.",
            "d": "2 x 4: threads divide by the seconds of a list.",
        },
    ),
    Question(
        text="A client posts five events. They are stored, but the answer is lost. It posts the same five again, with the same "
        "ids, and two new ones. What does an honest service answer?",
        choices={
            "a": "7 stored, 0 duplicates",
            "b": "0 stored, 7 duplicates",
            "c": "2 stored, 5 duplicates",
            "d": "An error: the batch was posted before",
        },
        key=by_value({"a": (7, 0), "b": (0, 7), "c": (2, 5), "d": (0, 0)}, _posted_again),
        why={
            "a": "Then five clicks count twice, and only after failures: the worst place for a bias.",
            "b": "Two of them are new; a batch is not refused because of its neighbours.",
            "c": "The id is the client's, so posting again is harmless, and a client may do it until it hears an answer.",
            "d": "The client did the right thing. An error would teach it to drop events.",
        },
    ),
    Question(
        text="A user rated 5 at ten, 1 at eleven and 4 at twelve o'clock. Which value of 'the user's mean so far' belongs into the "
        "training row of the rating at twelve?",
        choices={"a": "3", "b": "3.33", "c": "1", "d": "4"},
        key=by_value({"a": 3.0, "b": 3.333, "c": 1.0, "d": 4.0}, _known_then),
        why={
            "a": "The mean of 5 and 1: what a service could have known just before.",
            "b": "That includes the 4 which is to be predicted: a leak, and a model that is good in training only.",
            "c": "That is the last rating, another feature.",
            "d": "That is the answer itself.",
        },
    ),
    Question(
        text="Training rows are asked for by (user, second): (1, 10), (1, 10), (2, 10), (1, 11), (1, 11). A store keeps one row of "
        "those that agree in both. How many come back?",
        choices={"a": "5", "b": "2", "c": "4", "d": "3"},
        key=by_value({"a": 5, "b": 2, "c": 4, "d": 3}, _rows_left),
        why={
            "a": "So many should. Assert len(out) == len(in), or nobody notices.",
            "b": "That would be one a user.",
            "c": "Two pairs agree, and each loses one row.",
            "d": "Whoever rates several films in a second loses rows: the busiest users, without an error message.",
        },
    ),
    Question(
        text="A step writes Monday's 1,000 events, and its first two attempts die after writing, before they report success. The third "
        "succeeds. How many rows has Monday, if the step appends, and if it replaces Monday?",
        choices={"a": "1,000 both times", "b": "3,000 and 1,000", "c": "1,000 and 3,000", "d": "2,000 and 1,000"},
        key=by_value(
            {"a": (1000, 1000), "b": (3000, 1000), "c": (1000, 3000), "d": (2000, 1000)}, _after_three_attempts
        ),
        why={
            "a": "Only replacing gives that, whatever happened before.",
            "b": "A step that a runner may repeat must have the same end, however often it begins.",
            "c": "Swapped: appending is what adds up.",
            "d": "Three attempts have written.",
        },
    ),
    Question(
        text="A candidate beats the champion by 0.010 nDCG, standard error of the paired difference 0.006. Does it pass a gate that asks "
        "'surely not worse by more than 0.005' (95 %, two-sided), and one that asks 'surely better'?",
        choices={"a": "Yes, and yes", "b": "No, and no", "c": "Yes, and no", "d": "No, and yes"},
        key=by_value({"a": "yes, yes", "b": "no, no", "c": "yes, no", "d": "no, yes"}, _gates),
        why={
            "a": "The interval reaches down to -0.002: better is likely, not sure.",
            "b": "-0.002 is above -0.005: the first gate lets it pass.",
            "c": "0.010 - 1.96 x 0.006 = -0.0018. Which question a gate asks decides how often a model changes.",
            "d": "What is surely better is surely not worse.",
        },
    ),
    Question(
        text="What users did in the month before correlates at 0.8 with the metric. How many per cent of the users does an experiment "
        "with CUPED need?",
        choices={"a": "20", "b": "64", "c": "80", "d": "36"},
        key=by_value({"a": 20.0, "b": 64.0, "c": 80.0, "d": 36.0}, _users_with_cuped),
        why={
            "a": "1 - 0.8: it is the square that the variance loses.",
            "b": "So much of the variance goes; what is left is what users are needed for.",
            "c": "That is the correlation.",
            "d": "1 - 0.8^2 of the variance is left, and users are in proportion to it.",
        },
    ),
    Question(
        text="Nothing has changed between the arms. You look every evening for two weeks at a test made for one look, and stop at "
        "the first p below 0.05. About how many per cent of such experiments find something?",
        choices={"a": "22", "b": "51", "c": "5", "d": "0.36"},
        key=by_value({"a": 22.0, "b": 51.0, "c": 5.0, "d": 0.36}, _ever_significant),
        why={
            "a": "Each evening is one more chance, though the evenings share their data. A sequential test pays for the looks.",
            "b": "1 - 0.95^14 would hold for fourteen independent experiments; these evenings share their users.",
            "c": "That is the promise for one look, at a moment that was chosen before.",
            "d": "0.05 / 14 is the level that each look could have, by Bonferroni.",
        },
    ),
    Question(
        text="Two experiments both split their users 50 to 50, by the same hash of the user's id with the same salt. How many per cent "
        "of the second one's treatment are in the first one's treatment, too?",
        choices={"a": "50", "b": "100", "c": "25", "d": "0"},
        key=by_value({"a": 50.0, "b": 100.0, "c": 25.0, "d": 0.0}, _in_both_treatments),
        why={
            "a": "So it is with a salt for each: then the other experiment is the same noise in both arms.",
            "b": "They are the same split: each experiment measures both changes together.",
            "c": "Of all users, a quarter would be in both treatments, with two salts.",
            "d": "That would be a layer in which an experiment excludes the other.",
        },
    ),
    Question(
        text="The old policy showed poster B by chance in a tenth of 1,000 visits: 100 times, with 8 clicks. The new one always shows B. "
        "What does IPS say of its clicks per visit, and on how many visits does that rest (effective n)?",
        choices={
            "a": "0.008, on 1,000",
            "b": "0.8, on 10",
            "c": "0.08, on 100",
            "d": "0.08, on 1,000",
        },
        key=by_value({"a": (0.008, 1000), "b": (0.8, 10), "c": (0.08, 100), "d": (0.08, 1000)}, _always_b),
        why={
            "a": "8 / 1,000 forgets the weights: each visit with B stands for ten.",
            "b": "The weight is 10, but it multiplies 8 clicks, and the sum is divided by 1,000.",
            "c": "8 x 10 / 1,000. The other 900 visits say nothing of B.",
            "d": "Right value, but 900 of the visits have weight 0.",
        },
    ),
    Question(
        text="People look at place 1 in 60 % of the visits, at place 2 in 30 %. Film X stood at place 1 and got 30 clicks in 200 visits, "
        "film Y at place 2 and got 20 in 200. Which one do those who look at it like more?",
        choices={
            "a": "X: 0.15 against 0.10",
            "b": "Y: 0.33 against 0.25",
            "c": "Both the same",
            "d": "Clicks say nothing of it",
        },
        key=by_value({"a": "X", "b": "Y", "c": "both", "d": "none"}, _liked_more),
        why={
            "a": "That is clicks per visit: half of the difference is the place.",
            "b": "(20 / 200) / 0.3 against (30 / 200) / 0.6. A model that learns from clicks alone learns the old list.",
            "c": "They would be, had Y got 15 clicks.",
            "d": "They do, once it is known how often each place is looked at.",
        },
    ),
    Question(
        text="Half of the clicks fell on old films, half on new ones. Now it is 60 to 40. What is the PSI, the sum of "
        "(now - before) ln(now / before)?",
        choices={"a": "0.04", "b": "0.2", "c": "0.1", "d": "0.004"},
        key=by_value({"a": 0.040547, "b": 0.2, "c": 0.1, "d": 0.004}, _psi),
        why={
            "a": "0.1 x 0.182 + 0.1 x 0.223. Whether that is much depends on how many clicks were counted.",
            "b": "That is the sum of both changes.",
            "c": "That is the change of one share.",
            "d": "A decimal place too small.",
        },
    ),
    Question(
        text="An alarm goes off on 1 % of the days by chance. Once a year something really happens, and it goes off for that. How many "
        "per cent of its alarms are real?",
        choices={"a": "99", "b": "27", "c": "1", "d": "22"},
        key=by_value({"a": 99.0, "b": 27.4, "c": 1.0, "d": 21.505}, lambda: 100 / (1 + 0.01 * 365)),
        why={
            "a": "99 % of the quiet days are quiet; that says nothing of an alarm.",
            "b": "1 / 3.65: the real one is among the alarms, too.",
            "c": "There are 3.65 false alarms a year, not 99.",
            "d": "1 of 4.65. People stop reading such an alarm; a rarer one with a larger effect serves them better.",
        },
    ),
    Question(
        text="A contract says: available 99.9 % of a month of 30 days. How many minutes may the service be down?",
        choices={"a": "4.3", "b": "43", "c": "432", "d": "7.2"},
        key=by_value({"a": 4.32, "b": 43.2, "c": 432.0, "d": 7.2}, lambda: 0.001 * 30 * 24 * 60),
        why={
            "a": "That is 99.99 %.",
            "b": "A thousandth of 43,200 minutes: three restarts of a quarter of an hour use it up.",
            "c": "That is 99 %.",
            "d": "0.001 x 30 x 24 x 10: an hour has sixty minutes.",
        },
    ),
    Question(
        text="One instance bears 300 requests a second. The peak is 1,000. How many instances does it take, if one of them may fail "
        "at the peak?",
        choices={"a": "5", "b": "4", "c": "3", "d": "7"},
        key=by_value({"a": 5, "b": 4, "c": 3, "d": 7}, lambda: math.ceil(1000 / 300) + 1),
        why={
            "a": "Four bear the peak, and one may be missing, whether it broke or is being replaced by a new version.",
            "b": "Four bear it as long as all are there: a roll-out takes one away.",
            "c": "900 a second are not enough even when all are well.",
            "d": "Safe, and two more than the question pays for.",
        },
    ),
]
