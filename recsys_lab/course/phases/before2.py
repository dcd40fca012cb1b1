"""The diagnostic's questions on the lessons of phase 2, two each, as (lesson, question)."""

from __future__ import annotations

import numpy as np

from recsys_lab import datasets, metrics
from recsys_lab.baselines import Popularity
from recsys_lab.content import TfidfContent
from recsys_lab.course.phases.keys import by_value
from recsys_lab.course.quiz import Question
from recsys_lab.knn import ItemKNN, UserKNN


# ------------------------------------------------------------------ what the keys compute
def _best_constants() -> tuple[float, float]:
    stars, guesses = np.array([1, 4, 4, 5, 5]), np.arange(1, 5.001, 0.1)
    absolute = np.abs(stars - guesses[:, None]).sum(axis=1)
    squared = ((stars - guesses[:, None]) ** 2).sum(axis=1)
    return guesses[absolute.argmin()], guesses[squared.argmin()]


def _who_knows_the_new_film() -> str:
    toy = datasets.toy()
    new = toy.items["item"].iloc[-1]
    known = toy.ratings[toy.ratings["item"] != new]
    fitted = {
        "user": UserKNN(k=2).fit(known),
        "popular": Popularity().fit(known),
        "item": ItemKNN(k=2).fit(known),
        "content": TfidfContent().fit(known, toy.items),
    }
    able = [name for name, model in fitted.items() if model.train_.items.rows([new])[0] >= 0]
    assert len(able) == 1
    return able[0]


def _shifted_bpr() -> str:
    liked, other = 1.3, 0.4

    def loss(shift: float) -> float:
        return float(np.log1p(np.exp(-((liked + shift) - (other + shift)))))

    return "stays" if np.isclose(loss(0), loss(10)) else "changes"


def _order_of_sum() -> str:
    a, b = np.array([5.0, 1, 3]), np.array([100.0, 300, 200])
    order = np.argsort(-(0.5 * a + 0.5 * b)).tolist()
    return "B" if order == np.argsort(-b).tolist() else "A" if order == np.argsort(-a).tolist() else "both"


def _what_changes_for_a_newcomer() -> str:
    toy = datasets.toy()
    model = ItemKNN(k=2).fit(toy.ratings)
    film = toy.ratings["item"].iloc[0]
    before = model.similar(film)
    model.recommend_for({film: 5.0}, n=2)
    return "nothing" if before.equals(model.similar(film)) else "table"


# ------------------------------------------------------------------ the questions
QUESTIONS: list[tuple[str, Question]] = [
    (
        "2.1",
        Question(
            text="A film has two ratings, both 5; the mean of all ratings is 3.5. What is its damped mean with a damping of 4, "
            "that is, with four imagined ratings at the mean?",
            choices={"a": "5", "b": "4.25", "c": "3.75", "d": "4"},
            key=by_value({"a": 5, "b": 4.25, "c": 3.75, "d": 4}, lambda: (5 + 5 + 4 * 3.5) / (2 + 4)),
            why={
                "a": "That is without damping: two friends of the director can reach it.",
                "b": "Half-way between both means; two ratings against four imagined ones count a third.",
                "c": "That is what ten imagined ratings give; here there are four.",
                "d": "(10 + 14) / 6: two real ratings pull the mean a third of the way.",
            },
        ),
    ),
    (
        "2.1",
        Question(
            text="Ratings 1, 4, 4, 5, 5. Which one number, guessed for all, has the lowest MAE, and which the lowest RMSE?",
            choices={"a": "3.8 and 4", "b": "4 and 3.8", "c": "3.8 both", "d": "4 both"},
            key=by_value({"a": (3.8, 4), "b": (4, 3.8), "c": (3.8, 3.8), "d": (4, 4)}, _best_constants),
            why={
                "a": "The other way round: squares pull towards the outlier, so RMSE takes the mean.",
                "b": "The median for absolute errors, the mean for squared ones.",
                "c": "The mean is best for squared errors only; the median is nearer to most ratings.",
                "d": "The median is best for absolute errors only; the single 1 costs much when squared.",
            },
        ),
    ),
    (
        "2.2",
        Question(
            text="Your mean is 4 stars. Your one neighbour's mean is 2, and she gave the film 3. What does a mean-centred user "
            "k-NN predict for you?",
            choices={"a": "3", "b": "3.5", "c": "5", "d": "4"},
            key=by_value({"a": 3, "b": 3.5, "c": 5, "d": 4}, lambda: 4 + 1.0 * (3 - 2) / 1.0),
            why={
                "a": "Her 3 is a kind word from a stern person; copied raw it would be an insult from you.",
                "b": "The mean of her rating and yours: no model of this course.",
                "c": "She liked it one star more than she likes films: your 4 plus 1.",
                "d": "That is what is predicted without any neighbour.",
            },
        ),
    ),
    (
        "2.2",
        Question(
            text="Ann and Ben have rated one film in common: she gave 5, he gave 1. What is their cosine over the films that "
            "both rated?",
            choices={"a": "0.2", "b": "-1", "c": "0", "d": "1"},
            key=by_value({"a": 0.2, "b": -1, "c": 0, "d": 1}, lambda: 5 * 1 / np.sqrt(5**2 * 1**2)),
            why={
                "a": "That is the ratio of the stars; the cosine knows directions only.",
                "b": "Stars are positive, so their cosine cannot be negative; centring would allow it.",
                "c": "0 would be a right angle, and on one line there is none.",
                "d": "Two arrows on one line have the same direction. That is why small overlaps need a minimum or shrinkage.",
            },
        ),
    ),
    (
        "2.3",
        Question(
            text="A full table of similarities between 10,000 films, 8 bytes a number: how large is it?",
            choices={"a": "80 kB", "b": "80 MB", "c": "800 MB", "d": "8 GB"},
            key=by_value({"a": 0.08, "b": 80, "c": 800, "d": 8000}, lambda: 10_000**2 * 8 / 1e6),
            why={
                "a": "That is one row of it.",
                "b": "A factor of ten is missing: 10,000 x 10,000 are 100 million numbers.",
                "c": "100 million numbers of 8 bytes; with twice the films, four times as much.",
                "d": "That would be 31,600 films.",
            },
        ),
    ),
    (
        "2.3",
        Question(
            text="You gave film A 5 stars and film B 2. The new film is similar to A by 0.8 and to B by 0.2. What does plain item "
            "k-NN (a weighted mean, nothing centred) predict?",
            choices={"a": "4.4", "b": "3.5", "c": "4", "d": "4.2"},
            key=by_value({"a": 4.4, "b": 3.5, "c": 4, "d": 4.2}, lambda: (0.8 * 5 + 0.2 * 2) / (0.8 + 0.2)),
            why={
                "a": "(0.8 x 5 + 0.2 x 2) / (0.8 + 0.2).",
                "b": "The mean without weights; A is four times as similar as B.",
                "c": "That is A's part of the sum alone, 0.8 x 5.",
                "d": "Close: compute 0.8 x 5 + 0.2 x 2, and divide by the sum of the similarities.",
            },
        ),
    ),
    (
        "2.4",
        Question(
            text='Four descriptions: "film" stands in all four, "space" in one, which holds "film" three times and "space" once. '
            "What are the weights tf x ln(N / df) of both words in it?",
            choices={"a": "3 and 1", "b": "0 and 1.39", "c": "3 and 1.39", "d": "0.75 and 0.25"},
            key=by_value(
                {"a": (3, 1), "b": (0, np.log(4)), "c": (3, np.log(4)), "d": (0.75, 0.25)},
                lambda: (3 * np.log(4 / 4), 1 * np.log(4 / 1)),
            ),
            why={
                "a": "That is tf alone: the word that says nothing would weigh most.",
                "b": "ln(4 / 4) = 0: a word in every document tells none apart.",
                "c": '"film" stands everywhere, so its idf is ln 1 = 0, however often it is repeated.',
                "d": "Those are shares of the text's words, without any idf.",
            },
        ),
    ),
    (
        "2.4",
        Question(
            text="A film came out today: title, genres and credits are known, nobody has rated it. Which of these models can "
            "give it a place in somebody's list on its merits?",
            choices={"a": "User k-NN", "b": "The most rated films", "c": "A content-based model", "d": "Item k-NN"},
            key=by_value({"a": "user", "b": "popular", "c": "content", "d": "item"}, _who_knows_the_new_film),
            why={
                "a": "No neighbour has rated it, so nobody speaks for it.",
                "b": "It has no ratings: the last place.",
                "c": "It compares descriptions, and those exist on the first day.",
                "d": "Its similarities come from common ratings, and there are none.",
            },
        ),
    ),
    (
        "2.5",
        Question(
            text="A list of three; the second and the third are right, and there were two right ones to find. What is nDCG@3, "
            "with the discount 1 / log2(rank + 1)?",
            choices={"a": "0.67", "b": "1", "c": "0.5", "d": "0.69"},
            key=by_value(
                {"a": 2 / 3, "b": 1, "c": 0.5, "d": 0.6934},
                lambda: metrics.ndcg(np.array([[False, True, True]]), np.array([2]))[0],
            ),
            why={
                "a": "That is precision@3; it does not see the order.",
                "b": "1 is for both on top. Here the first place is wasted.",
                "c": "1 / 2 is the reciprocal rank of the first hit.",
                "d": "(1/log2 3 + 1/2) divided by the best possible, 1 + 1/log2 3.",
            },
        ),
    ),
    (
        "2.5",
        Question(
            text="A list of two with one hit; the user has five relevant films in the test part. Precision@2 and recall@2?",
            choices={"a": "0.2 and 0.5", "b": "0.5 and 0.2", "c": "0.5 and 0.5", "d": "0.5 and 1"},
            key=by_value(
                {"a": (0.2, 0.5), "b": (0.5, 0.2), "c": (0.5, 0.5), "d": (0.5, 1.0)},
                lambda: (
                    metrics.precision(np.array([[True, False]]), np.array([5]))[0],
                    metrics.recall(np.array([[True, False]]), np.array([5]))[0],
                ),
            ),
            why={
                "a": "Swapped: precision divides by the list's length, recall by what there was to find.",
                "b": "One of two listed, one of five to find.",
                "c": "Recall divides by five; by min(k, relevant) divide nDCG and average precision.",
                "d": "Four of the five were not found.",
            },
        ),
    ),
    (
        "2.6",
        Question(
            text="Implicit ALS with confidence c = 1 + 40 r, r being the number of plays. What are preference and confidence "
            "of a song played three times, and of one never played?",
            choices={
                "a": "(1, 121) and (0, 1)",
                "b": "(3, 121) and (0, 0)",
                "c": "(1, 121) and (0, 0)",
                "d": "(1, 120) and (unknown)",
            },
            key=by_value(
                {"a": (1, 121, 0, 1), "b": (3, 121, 0, 0), "c": (1, 121, 0, 0), "d": (1, 120, -1, -1)},
                lambda: tuple(x for r in (3, 0) for x in (int(r > 0), 1 + 40 * r)),
            ),
            why={
                "a": "Preference says whether, confidence how surely. Not played is a weak no, not a gap.",
                "b": "The preference is 0 or 1; the number of plays goes into the confidence.",
                "c": "With confidence 0 the unplayed songs would not count at all, and everything would be liked.",
                "d": "1 + 40 x 3 is 121; and unplayed songs take part, with the weight 1.",
            },
        ),
    ),
    (
        "2.6",
        Question(
            text="BPR's loss for a pair is -ln sigmoid(score of the liked - score of the other). You add 10 to all scores of a "
            "user. The loss ...",
            choices={"a": "falls", "b": "stays", "c": "rises", "d": "falls or rises, with the user"},
            key=by_value({"a": "falls", "b": "stays", "c": "rises", "d": "changes"}, _shifted_bpr),
            why={
                "a": "Only the difference counts, and it is the same.",
                "b": "It learns an order. That is why its scores are no stars.",
                "c": "Both scores rise by 10, so their difference does not, and the loss sees nothing else.",
                "d": "The 10 cancels out for every user.",
            },
        ),
    ),
    (
        "2.7",
        Question(
            text="A hybrid adds 0.5 x A + 0.5 x B. A predicts stars from 1 to 5, B counts ratings from 0 to 500. Whose order will "
            "the list have?",
            choices={"a": "A's", "b": "One half of the places each", "c": "B's", "d": "Neither's: it is random"},
            key=by_value({"a": "A", "b": "both", "c": "B", "d": "random"}, _order_of_sum),
            why={
                "a": "A's whole range is 4; one per cent of B's.",
                "b": "Equal weights are not equal influence: the scales differ a hundredfold.",
                "c": "B's differences are a hundred times as large. Bring scores to one scale first, or blend ranks.",
                "d": "Nothing here is random; the sum follows the larger scale.",
            },
        ),
    ),
    (
        "2.7",
        Question(
            text="A newcomer rates three films. What must item k-NN compute anew before it can recommend something to them?",
            choices={
                "a": "The similarities of the three films to all others",
                "b": "All similarities",
                "c": "Their similarity to every user",
                "d": "No similarity: it adds up three rows of the stored table",
            },
            key=by_value(
                {"a": "rows", "b": "all", "c": "users", "d": "nothing"},
                lambda: {"nothing": "nothing", "table": "rows"}[_what_changes_for_a_newcomer()],
            ),
            why={
                "a": "Three more ratings among thousands change little; the next nightly fit will see them.",
                "b": "That is the nightly job, not the request.",
                "c": "That is user k-NN.",
                "d": "The table is there; a request is a weighted sum. That is why item k-NN serves newcomers at once.",
            },
        ),
    ),
]
