"""Exercises and quiz of lesson 00, "Start here"."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd

from recsys_lab import datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, same
from recsys_lab.course.my_ratings import DEMO, shelf
from recsys_lab.course.quiz import Question
from recsys_lab.knn import ItemKNN


# ------------------------------------------------------------------ what the questions are about
@functools.cache
def _data() -> datasets.Dataset:
    return datasets.load("ml-100k")


@functools.cache
def _similar() -> pd.DataFrame:
    model = ItemKNN().fit(_data().ratings)
    ids = model.train_.items.ids
    assert model.similarities_ is not None
    return pd.DataFrame(model.similarities_, index=ids, columns=ids)


def _points(ratings: dict[int, float]) -> pd.Series:
    stars = pd.Series(ratings)
    return (_similar()[stars.index] @ (stars - stars.mean())).drop(stars.index)


# ------------------------------------------------------------------ 00.1
def _check_cells(answer: Any) -> None:
    users, items, known = _data().users, _data().items, _data().ratings
    assert users is not None
    if isinstance(answer, str):
        raise Incorrect(f"this is text ({answer!r}); give a number, without quotes or commas.")
    try:
        given = float(answer)
    except (TypeError, ValueError):
        raise Incorrect(f"give one number, not {type(answer).__name__}.") from None
    if given == len(users) + len(items):
        raise Incorrect("you added rows and columns; a table has rows times columns cells.")
    if given == len(known):
        raise Incorrect("that is how many cells are filled; the question is how many there are.")
    if given == len(known) * known.shape[1]:
        raise Incorrect("`.size` of the ratings counts rows times columns of a list of ratings, not of the table.")
    if given != len(users) * len(items):  # exactly: a table has no third of a cell
        raise Incorrect("rows times columns gives another number. Let Python multiply.")


CELLS = Exercise(
    id="00.1",
    title="How many cells?",
    kind="build",
    prompt="""
        Picture all ratings as one table: a row for each of the 943 people, a column for each of the 1,682 films, a rating
        or nothing in each cell. **How many cells does the table have?** Replace the `...` by a number, or by an
        expression that Python works out; run the cell; then run the check below it.
    """,
    reference=lambda: 943 * 1682,
    check=_check_cells,
    hints=("Think of a spreadsheet with 943 rows and 1,682 columns.", "Multiply: `cells = 943 * ...`"),
    wrong=(
        WrongAnswer("rows plus columns", lambda: 943 + 1682, "rows times columns"),
        WrongAnswer("the filled cells", lambda: 100_000, "how many cells are filled"),
        WrongAnswer("text", lambda: "1,586,126", "without quotes"),
    ),
    points=1,
    explanation="Every person could rate every film, so the table has 943 x 1,682 = 1,586,126 cells. Only 100,000 are filled.",
)


# ------------------------------------------------------------------ 00.2
def _most_rated(ratings: pd.DataFrame, n: int) -> pd.Series:
    return ratings["item"].value_counts().head(n)


def _by_hand() -> pd.DataFrame:
    """Film 9 has 3 ratings, 5 has 2, 3 and 7 have 1; 7 comes first and has the best mean, 5 the largest sum."""
    rows = [
        *[("ann", 7, 5.0), ("ann", 9, 1.0), ("ben", 9, 2.0), ("cat", 9, 1.0)],
        *[("ann", 5, 4.0), ("ben", 5, 4.0), ("cat", 3, 2.0)],
    ]
    return pd.DataFrame(rows, columns=["user", "item", "rating"])


def _check_most_rated(answer: Any) -> None:
    if not callable(answer):
        raise Incorrect("`most_rated` should stay a function; keep the line that starts with `def`.")
    ratings = _by_hand()
    given = ratings.copy()
    got = answer(given, 2)
    if not given.equals(ratings):
        raise Incorrect(
            "you changed the table that you were given; in the lesson that would be everybody's. Work on a copy."
        )
    if isinstance(got, pd.DataFrame):
        raise Incorrect("you returned a DataFrame; return one Series: film ids as its index, counts as its values.")
    if not isinstance(got, pd.Series):
        raise Incorrect(f"return a Series (index: film id, values: counts), not {type(got).__name__}.")
    want = pd.Series({9: 3, 5: 2})
    _name_the_mistake(got, ratings)
    same(got, want)
    if len(answer(ratings.copy(), 1)) != 1:
        raise Incorrect("you return two films whatever n is. Use `n`.")
    same(answer(ratings.copy(), 1), want.head(1))
    real, ranked = _data().ratings, _most_rated(_data().ratings, 10)
    same(answer(real, 10), ranked)


def _name_the_mistake(got: pd.Series, ratings: pd.DataFrame) -> None:
    by_film = ratings.groupby("item")["rating"]
    if set(got.index) <= set(ratings["user"]):
        raise Incorrect("you counted ratings per user; the question is which *films* have most.")
    if not set(got.index) <= set(ratings["item"]) and set(got.index) <= set(_data().items["item"]) and max(got) > 3:
        raise Incorrect(
            "you counted in `data.ratings`; use the argument `ratings`, for the check passes a small table."
        )
    if len(got) == ratings["item"].nunique():
        raise Incorrect("you returned every film there is; n = 2 asks for the first two. Does your code use `n`?")
    if list(got.index) == [0, 1]:
        raise Incorrect("the index should hold the film ids; yours is 0, 1, ... (a reset_index too many?).")
    values = dict(zip(got.index, got))
    if values == by_film.mean().nlargest(2).to_dict():
        raise Incorrect("you averaged the stars; a film that one person loves is not popular. Count the rows.")
    if values == by_film.sum().nlargest(2).to_dict():
        raise Incorrect("you added up the stars; each rating counts once, whatever its stars.")
    if values == by_film.size().nsmallest(2).to_dict():
        raise Incorrect("these are the films with the *fewest* ratings: sort the other way round.")
    liked = [ratings.loc[ratings["rating"] >= stars, "item"].value_counts().head(2).to_dict() for stars in (4, 5)]
    if values in liked:
        raise Incorrect("you left out the ratings with few stars; each rating counts once, whatever its stars.")
    if values in (by_film.size().head(2).to_dict(), ratings.groupby("item", sort=False).size().head(2).to_dict()):
        raise Incorrect("you took the first two films of the table as it lies. Sort by the counts before you cut.")
    if values == {9: 3, 5: 2} and list(got.index) == [5, 9]:
        raise Incorrect("the right films, but not the largest first.")


MOST_RATED = Exercise(
    id="00.2",
    title="The most rated films",
    kind="build",
    prompt="""
        Write `most_rated(ratings, n)`. It returns a Series: its index holds the ids of the `n` films that have most
        ratings, its values say how many, and the largest comes first. How many stars a rating has plays no role.
    """,
    reference=lambda: _most_rated,
    check=_check_most_rated,
    hints=(
        "GROUP BY item, then COUNT(*): pandas has one method of a Series (a column) that does both, sorted.",
        'The column is `ratings["item"]`, and the method is `value_counts()`. It is sorted already; keep the first n.',
    ),
    wrong=(
        WrongAnswer(
            "the best mean", lambda: lambda r, n: r.groupby("item")["rating"].mean().nlargest(n), "averaged the stars"
        ),
        WrongAnswer(
            "the sum of stars", lambda: lambda r, n: r.groupby("item")["rating"].sum().nlargest(n), "added up the stars"
        ),
        WrongAnswer("users", lambda: lambda r, n: r["user"].value_counts().head(n), "per user"),
        WrongAnswer(
            "liked films only",
            lambda: lambda r, n: r.loc[r["rating"] >= 4, "item"].value_counts().head(n),
            "left out the ratings with few stars",
        ),
        WrongAnswer("not sorted", lambda: lambda r, n: r.groupby("item").size().head(n), "Sort by the counts"),
        WrongAnswer("no limit", lambda: lambda r, n: r["item"].value_counts(), "first two"),
        WrongAnswer(
            "ascending", lambda: lambda r, n: r["item"].value_counts(ascending=True).head(n), "sort the other way"
        ),
        WrongAnswer(
            "a frame", lambda: lambda r, n: r["item"].value_counts().head(n).reset_index(), "returned a DataFrame"
        ),
    ),
    points=2,
    explanation="""`value_counts` is `GROUP BY item` with `COUNT(*)`, sorted from the largest to the smallest; `head(n)` is
`LIMIT n`. `ratings.groupby("item").size().nlargest(n)` does the same.""",
    expected=lambda: _most_rated(_data().ratings, 5),
)


# ------------------------------------------------------------------ 00.3
_WORDS = ("same", "opposite", "zero", "lower", "higher")


def _experiments() -> pd.DataFrame:
    """Dana's first film, and its points before and after each change of Dana's ratings."""
    before = _points(DEMO)
    first = before.idxmax()
    changes = {
        "every rating one star lower": {item: stars - 1 for item, stars in DEMO.items()},
        "all ten films five stars": dict.fromkeys(DEMO, 5.0),
        "every rating mirrored (5 to 1, 4 to 2, ...)": {item: 6 - stars for item, stars in DEMO.items()},
    }
    after = [_points(changed)[first] for changed in changes.values()]
    title = shelf(_data()).loc[first, "title"]
    # A sum that cancels leaves 1e-17, which reads as "not quite zero".
    rows = {"before": [round(before[first], 4)] * 3, "after": [round(a, 4) + 0.0 for a in after]}
    return pd.DataFrame(rows, index=pd.Index(changes, name=f"points of {title}"))


def _word(before: float, after: float) -> str:
    if after == before:
        return "same"
    if after == 0:
        return "zero"
    if after == -before:
        return "opposite"
    return "lower" if after < before else "higher"


@functools.cache
def _outcome() -> tuple[str, ...]:
    return tuple(_word(row.before, row.after) for row in _experiments().itertuples())


def _check_prediction(answer: Any) -> None:
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise Incorrect("check the three names together: `(sterner, all_fives, mirrored)`.")
    for name, word in zip(("sterner", "all_fives", "mirrored"), answer):
        if not isinstance(word, str) or word.strip().lower() not in _WORDS:
            raise Incorrect(f"{name} = {word!r}: choose one of {', '.join(_WORDS)}, in quotes.")
    sterner, fives, mirrored = (word.strip().lower() for word in answer)
    want = _outcome()
    if sterner != want[0]:
        raise Incorrect("sterner: a vote is a rating *minus Dana's mean*, and the mean drops by one star as well.")
    if fives != want[1]:
        raise Incorrect(
            "all_fives: stars are not votes. What is the mean of ten fives, and how far from it is each of them?"
        )
    if mirrored != want[2]:
        raise Incorrect("mirrored: the mean is mirrored too, so each vote keeps its size. What becomes of its sign?")


PREDICT = Exercise(
    id="00.3",
    title="Predict three experiments",
    kind="figure it out",
    prompt="""
        The first film of **Dana's** list has a certain number of points. What happens to the points of this film

        - `sterner`: if Dana gives each of the ten films *one star less*?
        - `all_fives`: if Dana gives all ten films *five stars*?
        - `mirrored`: if Dana's taste is turned round, 5 stars become 1, 4 become 2, and so on?

        They stay the `"same"`, become the `"opposite"` (the same number with the other sign), become `"zero"`, or get
        `"lower"` or `"higher"` in another way. Look at the formula, and predict.
    """,
    reference=_outcome,
    check=_check_prediction,
    hints=(
        "Write down Dana's votes (rating minus mean) for three ratings, say 5, 4 and 3, before and after each change.",
        "5, 4, 3 have the votes 1, 0, -1. Now do the same for 4, 3, 2; for 5, 5, 5; and for 1, 2, 3.",
    ),
    wrong=(
        WrongAnswer("less stars, less points", lambda: ("lower", "zero", "opposite"), "the mean drops"),
        WrongAnswer("more stars, more points", lambda: ("same", "higher", "opposite"), "stars are not votes"),
        WrongAnswer("low ratings are ignored", lambda: ("same", "zero", "zero"), "sign"),
        WrongAnswer("another word", lambda: ("same", "nothing", "opposite"), "choose one of"),
    ),
    points=2,
    explanation="""Only votes enter the formula, and a vote is the distance from Dana's own mean. *Sterner*: ratings and
mean drop together, so each vote stays, and so do the points. *All fives*: each rating equals the mean, each vote is 0, and
so is each sum: there is nothing left to sort by. *Mirrored*: each vote changes its sign and keeps its size, so the whole
list is turned upside down.""",
    expected=_experiments,
)


# ------------------------------------------------------------------ quiz
def _key_filled() -> str:
    assert _data().users is not None
    share = len(_data().ratings) / (len(_data().users) * len(_data().items))  # type: ignore[arg-type]
    return min({"a": 0.6, "b": 0.06, "c": 0.006}.items(), key=lambda choice: abs(choice[1] - share))[0]


def _key_weakest() -> str:
    stars = pd.Series(DEMO)
    choices = {"a": 100, "b": 1, "c": 313}  # Fargo, Toy Story, Titanic
    votes = (stars - stars.mean()).abs()
    return min(choices, key=lambda letter: votes[choices[letter]])


def _key_new_film() -> str:
    """Films with one single rating stand in for new ones: does any of them have a similarity, and so points?"""
    counts = _data().ratings["item"].value_counts()
    new = counts.index[counts == 1]
    return "c" if (_similar().loc[new] == 0).all(axis=None) else "a"


QUIZ = [
    Question(
        text="How much of MovieLens' table of people and films is filled?",
        choices={"a": "about 60 %", "b": "about 6 %", "c": "about 0.6 %"},
        key=_key_filled,
        why={
            "a": "That would be 600 films a person. Divide the 100,000 ratings by the number of cells in exercise 00.1.",
            "b": "100,000 ratings in 1,586,126 cells. Larger catalogues are far emptier still.",
            "c": "Ten times too few: that would be about ten films a person, and here it is 106 on average.",
        },
    ),
    Question(
        text="Dana gave *Fargo* 5 stars, *Toy Story* 4 and *Titanic* 2; the mean of all ten ratings is 3.6. "
        "Which of the three has the weakest vote?",
        choices={"a": "Fargo", "b": "Toy Story", "c": "Titanic"},
        key=_key_weakest,
        why={
            "a": "Its vote is 5 - 3.6 = 1.4 in favour: far from the mean, so a loud one.",
            "b": "Its vote is 4 - 3.6 = 0.4. The closer to your own mean, the less it says.",
            "c": "Its vote is 2 - 3.6 = -1.6: the loudest of the three. A low rating is not a weak one.",
        },
    ),
    Question(
        text="A film is added today, and one single person has rated it. How does it fare with this recommender?",
        choices={
            "a": "It gets points if that person's taste is like yours.",
            "b": "It gets the average number of points.",
            "c": "It gets no points, whoever asks.",
        },
        key=_key_new_film,
        why={
            "a": "Tempting, but here films are compared, not people, and one rating makes no pattern: all its similarities are 0.",
            "b": "Nothing fills in an average: a similarity of 0 adds nothing to the sum.",
            "c": "Its similarity to every other film is 0, so every vote is multiplied by 0. This is the cold start of items.",
        },
    ),
]

EXERCISES = [CELLS, MOST_RATED, PREDICT]
