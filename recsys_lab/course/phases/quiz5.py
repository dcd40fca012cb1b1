"""The quiz at the end of phase 5."""

from __future__ import annotations

import math

import numpy as np

from recsys_lab.course.phases.keys import by_value
from recsys_lab.course.quiz import Question


# ------------------------------------------------------------------ what the keys compute
def _peak() -> float:
    """Requests a second at the peak: 8.64 million people, 10 requests each a day, three times the mean at the peak."""
    return 8_640_000 * 10 / 86_400 * 3


def _in_flight() -> float:
    """Little's law: requests in flight at 3,000 a second that take 40 ms each."""
    return 3000 * 0.040


def _slowest_of_ten() -> float:
    """Per cent of pages that wait for at least one slow answer, if one in a hundred is slow and ten are asked for."""
    return 100 * (1 - 0.99**10)


def _vectors() -> float:
    """Gigabytes of 50 million vectors of 128 float32."""
    return 50e6 * 128 * 4 / 1e9


def _per_year() -> float:
    """Terabytes a year of 200 million events a day, 50 bytes each."""
    return 200e6 * 50 * 365 / 1e12


def _what_dominates() -> str:
    """Cost = users x requests x milliseconds; the largest change of the answer when each is taken from its low to its high."""
    low, high = (
        {"users": 0.9, "requests": 0.5, "milliseconds": 0.8},
        {"users": 1.1, "requests": 2.0, "milliseconds": 1.5},
    )
    return max(low, key=lambda name: high[name] - low[name])


def _reservoir() -> float:
    """How often the third of a hundred is among ten that a reservoir keeps, simulated; to a tenth."""
    rng, kept, runs = np.random.default_rng(0), 0, 20_000
    places = rng.random((runs, 90)) * np.arange(11, 101)  # the place that each later item would take
    kept = int((~(np.floor(places) == 2).any(axis=1)).sum())  # the third sits in place 2 until somebody takes it
    return round(kept / runs, 1)


def _heap_pushes() -> float:
    """Expected changes of a heap of the ten largest of 100,000 in random order: 10 + 10 (H_n - H_10), in tens."""
    n, k = 100_000, 10
    return round(k + k * sum(1 / i for i in range(k + 1, n + 1)), -1)


def _bias() -> float:
    """Clicks of an item that 10 % of those who look at it like, shown in a place that 30 % look at."""
    return 100 * 0.1 * 0.3


def _retention() -> float:
    """A curve R = (1 + f t / S)^-0.5 with R = 0.9 at t = S: what is left after nine times S, to a tenth."""
    f = 0.9**-2 - 1
    return round((1 + f * 9) ** -0.5, 2)


def _two_experiments() -> str:
    """A difference of 0.5 % with half an interval of 0.8 %."""
    return "cannot be told" if abs(0.5) < 0.8 else "better"


def _weeks() -> int:
    return math.ceil(90 / (6 * 0.8))


# ------------------------------------------------------------------ the questions
QUIZ = [
    Question(
        text="8.64 million people ask for ten pages a day each. At the peak the rate is three times the mean. How many requests a second "
        "must the service stand?",
        choices={"a": "1,000", "b": "3,000", "c": "30,000", "d": "86,400"},
        key=by_value({"a": 1000, "b": 3000, "c": 30_000, "d": 86_400}, _peak),
        why={
            "a": "That is the mean over the day; nobody is thanked for standing the mean.",
            "b": "86.4 million requests over 86,400 seconds are 1,000 a second; at the peak three times as many.",
            "c": "A factor of ten too many: the ten pages were counted twice.",
            "d": "That is the number of seconds of a day.",
        },
    ),
    Question(
        text="3,000 requests a second arrive, and each takes 40 ms. How many are being worked on at any moment?",
        choices={"a": "75", "b": "40", "c": "1,200", "d": "120"},
        key=by_value({"a": 75, "b": 40, "c": 1200, "d": 120}, _in_flight),
        why={
            "a": "3,000 / 40 has the unit of nothing: multiply a rate by a time.",
            "b": "That is the time in milliseconds.",
            "c": "A factor of ten too many: 40 ms are 0.04 s.",
            "d": "Little's law: a rate times the time spent. With one request a core, that is 120 busy cores, before any headroom.",
        },
    ),
    Question(
        text="A page asks ten services at once, and waits for the last. One answer in a hundred is slow. How many pages are slow?",
        choices={"a": "9.6 %", "b": "1 %", "c": "0.1 %", "d": "50 %"},
        key=by_value({"a": 9.56, "b": 1.0, "c": 0.1, "d": 50.0}, _slowest_of_ten),
        why={
            "a": "1 - 0.99^10. The more that is asked for, the more the tail of one becomes the middle of all.",
            "b": "That would be so if the page asked one service.",
            "c": "It is not the product of being slow: one slow answer is enough.",
            "d": "That takes 69 services.",
        },
    ),
    Question(
        text="50 million items have a vector of 128 float32 each. How much memory do the vectors take?",
        choices={"a": "6.4 GB", "b": "0.4 GB", "c": "25.6 GB", "d": "51.2 GB"},
        key=by_value({"a": 6.4, "b": 0.4, "c": 25.6, "d": 51.2}, _vectors),
        why={
            "a": "That counts one byte a number; a float32 has four.",
            "b": "That is 8 bytes a vector: a product quantiser's code, not the vector.",
            "c": "50 million x 128 x 4 bytes. So one machine holds them, and the question is the search, not the memory.",
            "d": "That would be float64.",
        },
    ),
    Question(
        text="200 million events a day are stored with 50 bytes each. How much does a year bring, before copies and compression?",
        choices={"a": "10 GB", "b": "3.65 TB", "c": "365 TB", "d": "36.5 TB"},
        key=by_value({"a": 0.01, "b": 3.65, "c": 365.0, "d": 36.5}, _per_year),
        why={
            "a": "That is a day.",
            "b": "10 GB a day times 365. That fits on a disk: a cluster would need another reason.",
            "c": "A hundred times too much.",
            "d": "Ten times too much.",
        },
    ),
    Question(
        text="A cost is users x requests x milliseconds. Users may be 10 % off either way, milliseconds 20 % less to 50 % more, requests half "
        "to double. Which number do you ask the interviewer for first?",
        choices={"a": "users", "b": "requests", "c": "milliseconds", "d": "all alike, since it is a product"},
        key=by_value({"a": "users", "b": "requests", "c": "milliseconds", "d": "alike"}, _what_dominates),
        why={
            "a": "They move the answer by 20 % in all.",
            "b": "From half to double they move the answer by a factor of four: ask for what moves the answer, not for what is easy to say.",
            "c": "They move it by a factor of 1.9.",
            "d": "In a product each per cent counts alike, but not each is equally unsure.",
        },
    ),
    Question(
        text="A reservoir keeps ten of a stream of a hundred. With which probability is the third element in it at the end?",
        choices={"a": "1, since it was among the first ten", "b": "0.3", "c": "0.1", "d": "0.01"},
        key=by_value({"a": 1.0, "b": 0.3, "c": 0.1, "d": 0.01}, _reservoir),
        why={
            "a": "It was put in, and each later element may take its place.",
            "b": "Ten of a hundred is a tenth.",
            "c": "As for each of the hundred. That is the whole point of the algorithm, and the sentence to say aloud while you write it.",
            "d": "That is the chance of one place of a hundred.",
        },
    ),
    Question(
        text="The ten largest of 100,000 numbers in random order are kept in a heap. About how often is the heap changed?",
        choices={"a": "1,660,000 times", "b": "100,000 times", "c": "10 times", "d": "100 times"},
        key=by_value({"a": 1_660_000, "b": 100_000, "c": 10, "d": 100}, _heap_pushes),
        why={
            "a": "That is n log n: what sorting compares.",
            "b": "So often it is *looked at*. A number gets in only if it is larger than the smallest of the ten.",
            "c": "Only the first ten are sure to be put in.",
            "d": "The i-th number is among the ten largest so far with probability 10 / i, which adds up to about 10 + 10 ln(n / 10). The worst "
            "case is a sorted stream.",
        },
    ),
    Question(
        text="One viewer in ten who looks at an item likes it enough to click. It is shown in a place that 30 % look at. A colleague learns "
        "from clicks per impression. What does the model believe of it?",
        choices={"a": "10 %", "b": "30 %", "c": "3 %", "d": "33 %"},
        key=by_value({"a": 10.0, "b": 30.0, "c": 3.0, "d": 33.0}, _bias),
        why={
            "a": "That is the truth, which the log does not show.",
            "b": "That is the place's own share.",
            "c": "A place's attention and an item's worth are multiplied in the log. Without the place as a cause, the model learns what it has "
            "itself shown at the top.",
            "d": "They are not added.",
        },
    ),
    Question(
        text="You remember a card with 90 % after S days, on the curve R = (1 + f t / S) ^ -0.5. What is left after nine times S, unreviewed?",
        choices={"a": "about 57 %", "b": "about 39 %", "c": "about 10 %", "d": "about 90 %"},
        key=by_value({"a": 0.57, "b": 0.39, "c": 0.1, "d": 0.9}, _retention),
        why={
            "a": "f = 0.9^-2 - 1 = 0.235, and (1 + 9 x 0.235)^-0.5 = 0.57. A power forgets slowly in the end.",
            "b": "That is 0.9^9: an exponential, which forgets the same share each S days.",
            "c": "One minus 0.9 is what is lost after S.",
            "d": "That is after S days.",
        },
    ),
    Question(
        text="Your résumé is to say what an experiment brought: +0.5 % with a 95 % interval from -0.3 % to +1.3 %. Which sentence holds?",
        choices={
            "a": "Raised the metric by 0.5 %",
            "b": "Ran the experiment that showed no harm, and could not show a gain",
            "c": "Showed that the change has no effect",
            "d": "Raised the metric by up to 1.3 %",
        },
        key=by_value({"a": "better", "b": "cannot be told", "c": "no effect", "d": "up to"}, _two_experiments),
        why={
            "a": "The interval holds zero, and the next interviewer asks for it.",
            "b": "Whoever says so has understood the experiment, and is asked what they did next.",
            "c": "A gain of 1.3 % is as compatible with the data as a loss of 0.3 %.",
            "d": "'Up to' is the end of an interval, sold as a result.",
        },
    ),
    Question(
        text="A learner has 90 hours to go, six hours a week, and keeps a fifth of each week free for what goes wrong. How many weeks are that?",
        choices={"a": "15", "b": "18", "c": "19", "d": "12"},
        key=by_value({"a": 15, "b": 18, "c": 19, "d": 12}, _weeks),
        why={
            "a": "90 / 6 is a plan without a single evening of illness.",
            "b": "90 x 1.2 / 6: a fifth of the work is not a fifth of the week.",
            "c": "4.8 hours a week are planned, and 18.75 weeks are begun 19 times.",
            "d": "That needs 7.5 hours a week.",
        },
    ),
]
