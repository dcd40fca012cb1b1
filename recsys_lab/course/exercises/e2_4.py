"""Exercises and quiz of lesson 2.4, Content-based filtering with TF-IDF."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import BiasBaseline, TfidfContent, datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.tfidf import documents as documents_of
from recsys_lab.tfidf import tfidf

Array = np.ndarray
Documents = list[list[str]]


# ------------------------------------------------------------------ data to check with
@functools.cache
def _catalogue() -> pd.DataFrame:
    return datasets.load("ml-100k").items.sort_values("item", ignore_index=True)


@functools.cache
def _vectors() -> tuple[Array, Array]:
    """(X, terms): every film of ml-100k as a dense row, and the terms."""
    x, terms = tfidf(documents_of(_catalogue()))
    return x.toarray(), terms


@functools.cache
def _people() -> list[tuple[Array, Array, Array]]:
    """(stars, expected, X) of eight real people, four kind and four stern; the columns are the terms of a few genres and words."""
    ratings = datasets.load("ml-100k").ratings
    b = BiasBaseline().fit(ratings)
    X, _ = _vectors()
    out = []
    for user in (1, 13, 22, 168, 405, 655, 7, 58):
        rows = ratings[ratings["user"] == user].head(40)
        u, i = b.train_.users.rows(rows["user"]), b.train_.items.rows(rows["item"])
        films = X[rows["item"].to_numpy() - 1]
        out.append((rows["rating"].to_numpy(), b.biases_.at(u, i), films[:, films.any(axis=0)]))
    return out


def _finite(value: Any, what: str) -> float:
    out = number(value, what)
    if not math.isfinite(out):
        raise Incorrect(f"{what} should be a finite number, but is {out}.")
    return out


def _flat(value: Any, n: int, what: str) -> Array:
    """The answer as an array of n numbers."""
    if value is None:
        raise Incorrect(f"{what} is None: is a `return` missing?")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise Incorrect(f"{what} should be an array of {n} numbers, but is a {type(value).__name__}.") from error
    if array.shape != (n,):
        raise Incorrect(f"{what} should be an array of shape ({n},), but its shape is {array.shape}.")
    return array


def _by_term(value: Any, what: str) -> dict[str, float]:
    """The answer as {term: number}, in its own order, from a Series or a dict."""
    if isinstance(value, pd.Series):
        if not value.index.is_unique:
            raise Incorrect(f"{what}: a term comes twice in the index. Each term has one number.")
        value = value.to_dict()
    if not isinstance(value, Mapping):
        raise Incorrect(
            f"{what} should be a Series or a dict from term to number, but is {type(value).__name__}."
            + (" Is a `return` missing?" if value is None else "")
        )
    return {str(term): _finite(part, f"{what}: the number of {term!r}") for term, part in value.items()}


def _equal(got: Mapping[str, float], want: Mapping[str, float]) -> bool:
    return set(got) == set(want) and all(math.isclose(got[t], want[t], rel_tol=1e-7, abs_tol=1e-9) for t in want)


def _near(got: Array, want: Array) -> bool:
    return got.shape == want.shape and bool(np.allclose(got, want, rtol=1e-7, atol=1e-9))


# ------------------------------------------------------------------ 2.4.1 idf
Idf = Callable[[Documents], Any]


def _df(documents: Documents) -> Counter[str]:
    return Counter(term for document in documents for term in set(document))


def _idf(documents: Documents) -> pd.Series:
    n = len(documents)
    return pd.Series({term: np.log((1 + n) / (1 + df)) + 1 for term, df in _df(documents).items()}, dtype=float)


def _idf_wrongly(how: str) -> Callable[[Documents], dict[str, float]]:
    """The misconceptions, each one step away from the formula."""

    def idf(documents: Documents) -> dict[str, float]:
        n = len(documents)
        counts = _df(documents)
        if how == "occurrences":
            counts = Counter(term for document in documents for term in document)
        if how == "collection size":
            n = sum(len(document) for document in documents)
        if how == "vocabulary":
            n = len(counts)
        if how == "the notebook's n":
            n = len(_catalogue())
        if how == "df":
            return {term: float(df) for term, df in counts.items()}
        value: dict[str, Callable[[int], float]] = {
            "no end": lambda df: np.log((1 + n) / (1 + df)),
            "not smooth": lambda df: np.log(n / df) + 1,
            "textbook": lambda df: np.log(n / df),
            "half smooth": lambda df: np.log(n / (1 + df)) + 1,
            "upside down": lambda df: np.log((1 + df) / (1 + n)) + 1,
            "no log": lambda df: (1 + n) / (1 + df) + 1,
            "log2": lambda df: np.log2((1 + n) / (1 + df)) + 1,
            "log10": lambda df: np.log10((1 + n) / (1 + df)) + 1,
            "one inside": lambda df: np.log((1 + n) / (1 + df) + 1),
        }
        right: Callable[[int], float] = lambda df: np.log((1 + n) / (1 + df)) + 1  # noqa: E731
        return {term: float(value.get(how, right)(df)) for term, df in counts.items()}

    return idf


def _check_idf(idf: Idf) -> None:
    messages = {
        "occurrences": "you counted occurrences. A document that says a word five times is still *one* document that has "
        "it: count each term once per document.",
        "collection size": "your n is the number of all words. It is the number of documents.",
        "vocabulary": "your n is the number of different terms. It is the number of documents.",
        "the notebook's n": "you use the n of the notebook, 1,682. The function may be called with other documents: take "
        "their number.",
        "df": "these are the document frequencies themselves: put them into the formula.",
        "no end": "the 1 at the end is missing, so a term that is in every document gets 0 and is erased.",
        "not smooth": "the two ones inside the fraction are missing: (1 + n) / (1 + df).",
        "textbook": "this is the textbook's ln(n / df). The formula above has three ones more; each has its reason there.",
        "half smooth": "above the fraction it is 1 + n: the imagined document counts among the documents, too.",
        "upside down": "the fraction is upside down: the rarer a term, the more it must be worth.",
        "no log": "the logarithm is missing, so a word of one film is worth hundreds of times more than a genre.",
        "log2": "that is the logarithm to base 2; ln is np.log.",
        "log10": "that is the logarithm to base 10; ln is np.log.",
        "one inside": "the last 1 got inside the logarithm. It is added afterwards.",
    }
    cases: list[tuple[Documents, str]] = [
        ([["a", "b", "b"], ["a", "c"], ["a"], ["d", "c", "d"]], "documents [a b b], [a c], [a], [d c d]"),
        ([["space", "space"], [], ["robot"]], "three documents, one of them empty"),
        ([["only"]], "a single document"),
        (documents_of(_catalogue()), "all 1,682 films"),
    ]
    for documents, what in cases:
        given = [list(document) for document in documents]
        got, want = _by_term(idf(given), f"{what}: the result"), _idf(documents).to_dict()
        if given != documents:
            raise Incorrect("your function changed the documents that it was given. Work on a copy.")
        if _equal(got, want):
            continue
        for how, message in messages.items():
            if _equal(got, _idf_wrongly(how)(documents)):
                raise Incorrect(f"{what}: {message}")
        same(dict(sorted(got.items())), dict(sorted(want.items())), what=what)


IDF = Exercise(
    id="2.4.1",
    title="What a word is worth",
    kind="build",
    prompt="""
    Write `idf(documents)`: for each term that occurs in any document its inverse document frequency, by the formula
    above. `ln` is the natural logarithm, `np.log`. Mind the definition of $\\mathrm{df}_t$: *The Silence of the Lambs*
    has "the" twice.
    """,
    reference=lambda: _idf,
    check=_check_idf,
    hints=(
        "n is the number of documents. For df, each document may count a term once only: go through `set(document)`.",
        "`df = pd.Series([term for document in documents for term in set(document)]).value_counts()`, then the formula on "
        "the whole Series at once: `np.log((1 + n) / (1 + df)) + 1`.",
    ),
    wrong=(
        WrongAnswer("counts occurrences", lambda: _idf_wrongly("occurrences"), "counted occurrences"),
        WrongAnswer("without the last 1", lambda: _idf_wrongly("no end"), "1 at the end is missing"),
        WrongAnswer("not smoothed", lambda: _idf_wrongly("not smooth"), "inside the fraction are missing"),
        WrongAnswer("the textbook's formula", lambda: _idf_wrongly("textbook"), "textbook"),
        WrongAnswer("smoothed below only", lambda: _idf_wrongly("half smooth"), "1 + n"),
        WrongAnswer("fraction upside down", lambda: _idf_wrongly("upside down"), "upside down"),
        WrongAnswer("no logarithm", lambda: _idf_wrongly("no log"), "logarithm is missing"),
        WrongAnswer("base 10", lambda: _idf_wrongly("log10"), "base 10"),
        WrongAnswer("base 2", lambda: _idf_wrongly("log2"), "base 2"),
        WrongAnswer("1 inside the logarithm", lambda: _idf_wrongly("one inside"), "inside the logarithm"),
        WrongAnswer("n is the number of words", lambda: _idf_wrongly("collection size"), "all words"),
        WrongAnswer("the n of the notebook", lambda: _idf_wrongly("the notebook's n"), "n of the notebook"),
        WrongAnswer("df itself", lambda: _idf_wrongly("df"), "document frequencies themselves"),
        WrongAnswer("n is the number of terms", lambda: _idf_wrongly("vocabulary"), "different terms"),
    ),
    points=2,
    explanation="`set(document)` is the whole trick: df counts documents, tf counts occurrences. In SQL, "
    "`count(DISTINCT item)` against `count(*)`. A term of one film gets ln(1683 / 2) + 1 = 7.74, a term of every film 1.",
    expected=example(
        'idf([["a", "b", "b"], ["a", "c"]])  for a, b, c',
        lambda: tuple(_idf([["a", "b", "b"], ["a", "c"]])[["a", "b", "c"]]),
    ),
)


# ------------------------------------------------------------------ 2.4.2 because
Because = Callable[[Array, Array, Array], Any]


def _because(profile: Array, film: Array, terms: Array) -> pd.Series:
    parts = profile * film
    both = np.flatnonzero(parts)
    parts = parts[both] / (np.linalg.norm(profile) * np.linalg.norm(film))
    return pd.Series(parts, index=np.asarray(terms)[both], dtype=float).sort_values(ascending=False, kind="stable")


def _because_wrongly(how: str) -> Because:
    def because(profile: Array, film: Array, terms: Array) -> pd.Series:
        raw = profile * film
        keep = np.flatnonzero(raw)
        if how == "all terms":
            keep = np.arange(len(raw))
        if how == "unguarded":
            with np.errstate(invalid="ignore", divide="ignore"):
                whole = pd.Series(raw / (np.linalg.norm(profile) * np.linalg.norm(film)), index=terms, dtype=float)
            return whole[whole != 0].sort_values(ascending=False, kind="stable")
        if how == "likes only":
            keep = np.flatnonzero(raw > 0)
        lengths: Any = np.linalg.norm(profile) * np.linalg.norm(film)
        if how == "shares":
            lengths = raw.sum()
        if how == "not divided":
            lengths = 1.0
        if how == "profile only":
            lengths = np.linalg.norm(profile)
        if how == "film only":
            lengths = np.linalg.norm(film)
        if how == "squared":
            lengths = lengths**2
        if how == "shared lengths":
            lengths = np.linalg.norm(profile[keep]) * np.linalg.norm(film[keep])
        with np.errstate(invalid="ignore", divide="ignore"):
            parts = pd.Series(raw[keep] / lengths, index=np.asarray(terms)[keep], dtype=float)
        if how == "sizes":
            parts = parts.abs()
        if how == "by size":
            return parts.sort_values(key=abs, ascending=False, kind="stable")
        if how == "unsorted":
            return parts
        return parts.sort_values(ascending=how == "ascending", kind="stable")

    return because


def _check_because(because: Because) -> None:
    messages = {
        "not divided": "these are parts of the dot product. Divide by both lengths, so that they add up to the cosine.",
        "profile only": "you divided by the length of the profile only. The film's may differ from 1 as well.",
        "film only": "you divided by the length of the film only. A profile has any length.",
        "shares": "your parts add up to 1. They should add up to the cosine: divide by the two lengths.",
        "squared": "you divided by the lengths twice: the cosine has |profile| |film| below the fraction, not its square.",
        "shared lengths": "the lengths must cover *all* terms of each vector, also those that the other does not have.",
        "all terms": "terms that only one of the two has are listed, with 0. Leave them out.",
        "likes only": "a term with a negative part is missing. What speaks *against* the film belongs to the reasons, and the "
        "parts do not add up without it.",
        "sizes": "a negative part has become positive. A dislike speaks against the film.",
    }
    t = np.array(["alien", "star", "Drama", "Horror", "Sci-Fi"], dtype=object)
    p, f = np.array([0.0, 2.0, 1.0, -3.0, 2.5]), np.array([1.0, 0.5, 0.0, 0.8, 1.5])
    X, terms = _vectors()
    stars, expected, films = _people()[1]
    names = np.array([f"t{k}" for k in range(films.shape[1])], dtype=object)
    person = (stars - expected) @ films
    cases = [
        ((p, f, t), "profile [0, 2, 1, -3, 2.5], film [1, .5, 0, .8, 1.5]"),
        ((X[227], X[221], terms), "The Wrath of Khan and First Contact"),
        ((X[0], X[94] * 2, terms), "Toy Story and Aladdin, the second vector doubled"),
        ((person, films[3], names), "a real profile and one of the person's films"),
        ((p, np.array([3.0, 0, 0, 0, 0]), t), "two vectors without a common term"),
        ((np.zeros(5), f, t), "an empty profile"),
        ((p, np.zeros(5), t), "a film without terms"),
    ]
    for (profile, film, of), what in cases:
        with np.errstate(invalid="ignore", divide="ignore"):
            answer = because(profile.copy(), film.copy(), of.copy())
        want = _because(profile, film, of).to_dict()
        if not want and isinstance(answer, (pd.Series, Mapping)) and pd.Series(answer, dtype=float).isna().any():
            raise Incorrect(f"{what}: there you divide 0 by 0. A vector without terms has no length; list nothing.")
        got = _by_term(answer, f"{what}: the result")
        if not _equal(got, want):
            listed = {term: part for term, part in got.items() if part != 0}  # a zero too many is the smaller mistake
            for how, message in messages.items():
                wrong = _because_wrongly(how)(profile, film, of).fillna(0).to_dict()
                if _equal(got, wrong) or _equal(listed, wrong):
                    raise Incorrect(f"{what}: {message}")
            same(dict(sorted(got.items())), dict(sorted(want.items())), what=what)
        order = list(got.values())
        if order == sorted(order, reverse=True):
            continue
        if order == sorted(order):
            raise Incorrect(f"{what}: the smallest part comes first. Turn the order round.")
        if order == sorted(order, key=abs, reverse=True):
            raise Incorrect(f"{what}: sorted by absolute size. By value, please: negative parts come last.")
        raise Incorrect(f"{what}: the numbers are right, but they are not sorted. The largest part comes first.")


BECAUSE = Exercise(
    id="2.4.2",
    title="Why these two?",
    kind="build",
    prompt="""
    Write `because(profile, film, terms)`. It takes a cosine apart, term by term, like `"explain": true` in a search
    engine: what does each shared term *add* to it? The parts must add up to the cosine, whatever the lengths of the two
    vectors. (You will need it for two films now, and for a person's profile in section 4, where entries may be negative.)
    """,
    reference=lambda: _because,
    check=_check_because,
    hints=(
        "The cosine is a sum over terms, divided by two lengths. Divide each summand instead of the sum.",
        "`parts = profile * film / (np.linalg.norm(profile) * np.linalg.norm(film))`; keep those that are not 0 and sort "
        "them. If a vector is all zero, keep nothing *before* you divide.",
    ),
    wrong=(
        WrongAnswer("dot product, not cosine", lambda: _because_wrongly("not divided"), "parts of the dot product"),
        WrongAnswer("only the film's length", lambda: _because_wrongly("film only"), "profile has any length"),
        WrongAnswer(
            "only the profile's length", lambda: _because_wrongly("profile only"), "length of the profile only"
        ),
        WrongAnswer("shares of 1", lambda: _because_wrongly("shares"), "add up to 1"),
        WrongAnswer("divided twice", lambda: _because_wrongly("squared"), "twice"),
        WrongAnswer("lengths over shared terms", lambda: _because_wrongly("shared lengths"), "cover *all* terms"),
        WrongAnswer("0 / 0 for an empty vector", lambda: _because_wrongly("unguarded"), "0 by 0"),
        WrongAnswer("zeros listed", lambda: _because_wrongly("all terms"), "Leave them out"),
        WrongAnswer("negative parts dropped", lambda: _because_wrongly("likes only"), "speaks *against*"),
        WrongAnswer("absolute values", lambda: _because_wrongly("sizes"), "become positive"),
        WrongAnswer("smallest first", lambda: _because_wrongly("ascending"), "smallest part comes first"),
        WrongAnswer("by absolute size", lambda: _because_wrongly("by size"), "negative parts come last"),
        WrongAnswer("not sorted", lambda: _because_wrongly("unsorted"), "largest part comes first"),
    ),
    points=2,
    explanation="A sum explains itself. Each summand $p_t x_t$, over the two lengths, is what the term $t$ added to the "
    "score, so these reasons are not a story about the model; they *are* the model. That is the privilege of linear models.",
    expected=example(
        'because([3, 4, 0], [1, 0, 1], ["a", "b", "c"])  for a',
        lambda: float(_because(np.array([3.0, 4, 0]), np.array([1.0, 0, 1]), np.array(["a", "b", "c"]))["a"]),
    ),
)


# ------------------------------------------------------------------ 2.4.3 the boost
@functools.cache
def _trio() -> tuple[pd.DataFrame, Array]:
    """The weights tf * idf of Toy Story, The Philadelphia Story and Aladdin, and which terms are title words."""
    docs = documents_of(_catalogue())
    worth = _idf(docs)
    three = {name: Counter(docs[item - 1]) for name, item in (("toy", 1), ("philadelphia", 478), ("aladdin", 95))}
    table = pd.DataFrame(three).fillna(0.0)
    table = table.mul(worth[table.index], axis=0)
    return table, np.array([term.startswith("title") for term in table.index])


def _both_cosines(boost: float, *, renormalise: bool = True, once: bool = False) -> tuple[float, float]:
    """The cosines of Toy Story with (The Philadelphia Story, Aladdin) at this boost, or with one mistake."""
    table, title = _trio()
    boosted = table.mul(np.where(title, boost, 1.0), axis=0)
    unit = boosted / np.sqrt(((boosted if renormalise else table) ** 2).sum())
    toy = table["toy"] / np.sqrt((table["toy"] ** 2).sum()) if once else unit["toy"]
    return float(toy @ unit["philadelphia"]), float(toy @ unit["aladdin"])


def _crossing(**mistake: bool) -> float:
    low, high = 0.05, 3.0
    for _ in range(80):
        middle = (low + high) / 2
        philadelphia, aladdin = _both_cosines(middle, **mistake)
        low, high = (middle, high) if philadelphia < aladdin else (low, middle)
    return middle


def _check_boost(boost: float) -> None:
    value = _finite(boost, "the boost")
    if value <= 0:
        raise Incorrect(
            "the boost is a number above 0. At 0 the titles are gone, and The Philadelphia Story has only Comedy."
        )
    if abs(value - 1) < 1e-3:
        raise Incorrect("1 is no boost at all: there, The Philadelphia Story leads, 0.352 to 0.318.")
    if abs(value - _crossing(renormalise=False)) < 2e-3:
        raise Incorrect(
            "you divided by the lengths *before* the boost. The boost changes them, and most of all that of The Philadelphia "
            "Story, which is mostly title: boost first, then bring the vectors to length 1."
        )
    if abs(value - _crossing(once=True)) < 2e-3:
        raise Incorrect("you boosted the two films but not Toy Story. All three are documents with a title.")
    philadelphia, aladdin = _both_cosines(value)
    if abs(value - _crossing()) > 1.5e-3:
        raise Incorrect(
            f"at {value:g} they are not equal: The Philadelphia Story has {philadelphia:.4f}, Aladdin {aladdin:.4f}. "
            f"{'Less' if philadelphia > aladdin else 'More'} title is needed."
        )


def _boost_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    boosts = np.linspace(0, 3, 100)
    fig, ax = plt.subplots()
    for name, curve in zip(("The Philadelphia Story", "Aladdin"), zip(*(_both_cosines(b) for b in boosts))):
        ax.plot(boosts, curve, label=name)
    ax.set(title="Where do the lines cross?", xlabel="boost of title words", ylabel="cosine with Toy Story")
    ax.legend()
    figure_alt(
        fig, "Cosine by boost: Aladdin falls, The Philadelphia Story rises and falls slowly; they cross below 1."
    )
    return fig


BOOST = Exercise(
    id="2.4.3",
    title="How loud is a title?",
    kind="figure it out",
    prompt="""
    Find the boost $\\beta$ of title words at which *The Philadelphia Story* and *Aladdin* are equally near to *Toy
    Story*. **Guess first**: is it nearer to 0.3, to 0.6 or to 0.9? (They stand at 0.352 and 0.318 for $\\beta = 1$.)

    Multiply, normalise, compare. You may solve an equation on paper, or let the computer halve an interval, or try
    numbers. Three digits are enough.
    """,
    reference=_crossing,
    check=_check_boost,
    hints=(
        "Write a function of beta: multiply the title rows of `weights` by it, divide each column by its length, take the "
        "two dot products with Toy Story, and return their difference. Where is it 0?",
        "`boosted = weights.mul(np.where(weights.index.str.startswith('title'), beta, 1.0), axis=0)`, then "
        "`unit = boosted / np.sqrt((boosted**2).sum())`. The difference is positive at 1 and negative at 0.5.",
    ),
    wrong=(
        WrongAnswer("no boost", lambda: 1.0, "no boost at all"),
        WrongAnswer("normalised before the boost", lambda: _crossing(renormalise=False), "*before* the boost"),
        WrongAnswer("Toy Story not boosted", lambda: _crossing(once=True), "but not Toy Story"),
        WrongAnswer("a guess, too low", lambda: 0.6, "More title"),
        WrongAnswer("a guess, too high", lambda: 1.2, "Less title"),
        WrongAnswer("no title", lambda: 0, "titles are gone"),
    ),
    points=2,
    explanation="0.927: taking 7 % off the titles is enough. The lead of *The Philadelphia Story* rested on one word, so on "
    "$\\beta^2$ (both films' titles are boosted), while *Aladdin*'s three genres do not change. A result that flips "
    "when a knob moves by 7 % is not a finding. Ask of any ranking how far it is from its runner-up.",
    expected=_boost_figure,
)


# ------------------------------------------------------------------ 2.4.4 the profile
Profile = Callable[[Array, Array, Array], Any]


def _profile(stars: Array, expected: Array, X: Array) -> Array:
    return (stars - expected) @ X


def _profile_wrongly(how: str) -> Profile:
    def profile(stars: Array, expected: Array, X: Array) -> Array:
        d = stars - expected
        if how == "stars":
            return stars @ X
        if how == "liked":
            return d[d > 0] @ X[d > 0]
        if how == "liked alike":
            return X[d > 0].sum(axis=0)
        if how == "four stars":
            return d[stars >= 4] @ X[stars >= 4]
        if how == "sign":
            return np.sign(d) @ X
        if how == "absolute":
            return np.abs(d) @ X
        if how == "own mean":
            return (stars - stars.mean()) @ X
        if how == "swapped":
            return -d @ X
        if how == "scale":
            return (stars - 3) @ X
        with np.errstate(invalid="ignore", divide="ignore"):
            below = {
                "mean": d.sum(),
                "mean of sizes": np.abs(d).sum(),
                "count": float(len(d)),
                "turned": abs(d.sum()),
                "unit": np.linalg.norm(d @ X),
            }[how]
            return d @ X / below

    return profile


def _check_profile(profile: Profile) -> None:
    messages = {
        "mean": "this is still the pull request's mean. Its divisor is the sum of the deviations; is that always positive?",
        "turned": "dividing by the *size* of the sum turns nobody round, but where likes and dislikes cancel you divide by "
        "almost 0. A sum needs no divisor.",
        "mean of sizes": "the direction is right, and nobody is turned round. But this is a mean: somebody with three ratings gets "
        "as long a profile as somebody with three hundred. Return the sum; section 5 uses its length.",
        "count": "the direction is right, but this is a mean: somebody with three ratings gets as long a profile as somebody "
        "with three hundred. Return the sum; section 5 uses its length.",
        "unit": "the direction is right, but at length 1 everybody seems to have told us the same amount. Return the sum; "
        "section 5 uses its length.",
        "stars": "you weigh by the stars, so even one star pulls a film's terms *towards* the person. Weigh by how much "
        "better than expected it was.",
        "liked": "only likes are in it. A film that was worse than expected must push its terms away: user 13's horror.",
        "liked alike": "this is the sum of the liked films, all alike. How much better than expected a film was must count, and "
        "what was worse must push away.",
        "four stars": "only films of four and five stars are in it. What was worse than expected must push away.",
        "sign": "you kept only the sign of the deviation. Three stars too few should push three times as hard as one.",
        "absolute": "the sign is gone: what was worse than expected pulls as well.",
        "own mean": "you took off the person's mean. `expected` knows the film, too: four stars for a film that everybody loves "
        "are no praise.",
        "swapped": "it points the wrong way: better than expected must be positive.",
        "scale": "you took off the middle of the scale. What was *expected* of this person and this film is the yardstick.",
    }
    small = (
        np.array([5.0, 1.0, 4.0, 4.0]),
        np.array([4.0, 3.5, 3.5, 4.3]),
        np.array([[1.0, 0, 0], [0, 1.0, 0], [0.6, 0, 0.8], [0, 0.6, 0.8]]),
    )
    cases = [(small, "stars [5, 1, 4, 4], expected [4, 3.5, 3.5, 4.3]")]
    cases += [(person, f"a real person with {len(person[0])} ratings") for person in _people()]
    balanced = (np.array([5.0, 2.0]), np.array([3.5, 3.5]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    cases += [(balanced, "one like and one dislike of the same size")]
    cases += [
        ((np.array([4.0]), np.array([4.5]), np.array([[0.6, 0.8]])), "a single rating, half a star below expectation")
    ]
    for (stars, expected, X), what in cases:
        with np.errstate(invalid="ignore", divide="ignore"):
            answer = profile(stars.copy(), expected.copy(), X.copy())
        got, want = _flat(answer, X.shape[1], f"{what}: the profile"), _profile(stars, expected, X)
        if _near(got, want):
            continue
        for how, message in messages.items():
            if _near(got, _profile_wrongly(how)(stars, expected, X)):
                raise Incorrect(f"{what}: {message}")
        if not np.isfinite(got).all():
            raise Incorrect(f"{what}: the profile is not finite: you divided by 0. What for?")
        same(got, want, what=what)


PROFILE = Exercise(
    id="2.4.4",
    title="The list that hates you",
    kind="figure it out",
    prompt="""
    Five horror films, for somebody who cannot stand horror. The author of the pull request is puzzled: a weighted mean
    is in every textbook, and dividing by a number cannot change a cosine. "And for user 7 the list is fine!"

    **Find the bug.** For whom does it strike, and why did the tests with user 7 pass? Then write `profile` so that it is
    right for everybody. Return a plain sum, in stars, so that the profile is the longer, the more somebody has told us.
    """,
    reference=lambda: _profile,
    check=_check_profile,
    hints=(
        "Dividing by a *positive* number cannot change a cosine. Print the sum of `stars - expected` for user 13.",
        "A weighted mean needs weights that are not negative; these add up to anything, even to 0. Keep the sum "
        "`(stars - expected) @ X` and leave out the division.",
    ),
    wrong=(
        WrongAnswer("the pull request", lambda: _profile_wrongly("mean"), "always positive"),
        WrongAnswer("absolute value of the divisor", lambda: _profile_wrongly("turned"), "turns nobody round"),
        WrongAnswer("only likes", lambda: _profile_wrongly("liked"), "only likes"),
        WrongAnswer("liked films, all alike", lambda: _profile_wrongly("liked alike"), "all alike"),
        WrongAnswer("only four stars and more", lambda: _profile_wrongly("four stars"), "four and five stars"),
        WrongAnswer("weighted by stars", lambda: _profile_wrongly("stars"), "even one star pulls"),
        WrongAnswer("a mean over sizes", lambda: _profile_wrongly("mean of sizes"), "this is a mean"),
        WrongAnswer("divided by the number", lambda: _profile_wrongly("count"), "this is a mean"),
        WrongAnswer("length 1", lambda: _profile_wrongly("unit"), "at length 1"),
        WrongAnswer("signs only", lambda: _profile_wrongly("sign"), "only the sign"),
        WrongAnswer("absolute deviations", lambda: _profile_wrongly("absolute"), "sign is gone"),
        WrongAnswer("centred by the person's mean", lambda: _profile_wrongly("own mean"), "person's mean"),
        WrongAnswer("centred by 3 stars", lambda: _profile_wrongly("scale"), "middle of the scale"),
        WrongAnswer("wrong way round", lambda: _profile_wrongly("swapped"), "wrong way"),
    ),
    points=2,
    explanation="A weighted mean is a mean only if no weight is negative. Deviations are positive and negative by design, so "
    "their sum can be anything: where it is negative, the division turns the profile round, and likes become dislikes. A "
    "cosine ignores a *positive* factor, so the sum, undivided, is all that is needed.",
    expected=example(
        "profile([5, 1], [4, 3], [[1, 0], [0, 1]])",
        lambda: _profile(np.array([5.0, 1]), np.array([4.0, 3]), np.eye(2)),
    ),
)


# ------------------------------------------------------------------ 2.4.5 leave one out
Resemblance = Callable[[Array, Array, float], Any]


def _resemblance(d: Array, X: Array, damping: float) -> Array:
    p = d @ X
    z = np.empty(len(d))
    for i in range(len(d)):
        others = p - d[i] * X[i]
        z[i] = others @ X[i] / (np.linalg.norm(others) + damping)
    return z


def _resemblance_wrongly(how: str) -> Resemblance:
    def resemblance(d: Array, X: Array, damping: float) -> Array:
        p = d @ X
        own = {"vector only": X, "twice": 2 * d[:, None] * X, "absolute": np.abs(d)[:, None] * X}
        out = own.get(how, d[:, None] * X)
        others = np.broadcast_to(p, X.shape) if how == "leak" else p - out
        if how == "all but me":
            others = -out
        if how == "running":
            others = p - np.cumsum(out, axis=0)
        if how == "always 5":
            damping = 5.0
        lengths = np.linalg.norm(np.broadcast_to(p, X.shape) if how == "old length" else others, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            if how == "dot only":
                return (others * X).sum(axis=1)
            if how == "no damping":
                return np.nan_to_num((others * X).sum(axis=1) / lengths)
            if how == "damped cosine":
                return np.nan_to_num((others * X).sum(axis=1) / lengths) / (1 + damping)
            if how == "damping inside":
                return (others * X).sum(axis=1) / np.sqrt(lengths**2 + damping**2)
            if how == "own":
                return (out * X).sum(axis=1) / (lengths + damping)
            if how == "minus d":
                return X @ p / (np.linalg.norm(p) + damping) - d
            if how == "times d":
                return d * (others * X).sum(axis=1) / (lengths + damping)
        return (others * X).sum(axis=1) / (lengths + damping)

    return resemblance


def _check_resemblance(resemblance: Resemblance) -> None:
    messages = {
        "leak": "this is still the leak: the profile contains the film that it is compared with, times the very deviation "
        "that is to be explained.",
        "vector only": "you took the film's vector out, but it is in the profile d_i times: take out `d[i] * X[i]`.",
        "twice": "you took the film out twice.",
        "absolute": "a disliked film is in the profile with a minus. Take out `d[i] * X[i]`, sign and all.",
        "old length": "below the fraction still stands the length of the *whole* profile, which knows d_i. Take the length "
        "of the others' profile.",
        "dot only": "the division is missing: by the length of the profile, plus the damping.",
        "no damping": "the damping is missing below the fraction.",
        "damped cosine": "the damping is added to the length of the profile, in stars; you divided the cosine by 1 + damping.",
        "damping inside": "the damping is added to the length, not to its square.",
        "own": "this is the film's *own* part. It is what must go; the others' part must stay.",
        "minus d": "you took d_i off the finished fraction. It went in above, times x_i . x_i, and below, in the length of p: "
        "take the film out of p before anything else.",
        "times d": "you multiplied by d_i once more, and so put the answer back in.",
        "running": "each film is taken out and never put back, so the last profile is empty. Start from the whole p for "
        "each film.",
        "always 5": "you damp by the 5 of the notebook. The function may be called with another damping: take that.",
    }
    square = np.array([[1.0, 0, 0], [0.6, 0.8, 0], [0, 0, 1.0], [0.6, 0, 0.8]])
    rng = np.random.default_rng(0)
    cases = [
        (np.array([1.0, -0.5, 2.0, 0.25]), square, 5.0, "four films with d = [1, -0.5, 2, 0.25], damping 5"),
        (np.array([2.0]), np.array([[0.6, 0.8]]), 5.0, "a single film (nothing is known of the others)"),
        (np.array([1.0, 1.0]), np.array([[1.0, 0.0], [1.0, 0.0]]), 0.5, "two films with the same terms, damping 0.5"),
        (np.zeros(4), square, 1.0, "four films, all as expected"),
    ]
    for stars, expected, films in _people():
        cases.append((stars - expected, films, 5.0, f"a real person with {len(stars)} ratings"))
    shuffled = rng.permutation(cases[-1][0])
    cases.append((shuffled, cases[-1][1], 2.0, "the same person, ratings shuffled, damping 2"))
    for d, X, damping, what in cases:
        kept = d.copy(), X.copy()
        answer = resemblance(kept[0], kept[1], damping)
        if not (np.array_equal(kept[0], d) and np.array_equal(kept[1], X)):
            raise Incorrect("your function changed d or X. Leave them as they were; build a new profile for each film.")
        got, want = _flat(answer, len(d), f"{what}: the result"), _resemblance(d, X, damping)
        if _near(got, want):
            continue
        if not np.isfinite(got).all():
            raise Incorrect(f"{what}: not finite. With nothing left in the profile, 0 / (0 + damping) is 0.")
        for how, message in messages.items():
            if _near(got, _resemblance_wrongly(how)(d, X, damping)):
                raise Incorrect(f"{what}: {message}")
        same(got, want, what=what)


RESEMBLANCE = Exercise(
    id="2.4.5",
    title="The leak that loves noise",
    kind="figure it out",
    prompt="""
    Whatever is shuffled, `resemblance_obvious` finds that people's ratings agree with their profiles. **Find the leak.**
    No test rating is anywhere near, so it must be inside the training part: for which film is the profile $p$ built,
    and from which?

    Then write `resemblance(d, X, damping)` honestly: the resemblance of each film to a profile that has never seen it.
    """,
    reference=lambda: _resemblance,
    check=_check_resemblance,
    hints=(
        "Write out p . x_i for one film i. One summand of p is d_i x_i, and x_i . x_i = 1. So what does the resemblance "
        "contain, whatever the taste?",
        "You need not build a profile for each film anew: `others = p - d[i] * X[i]`, and then "
        "`others @ X[i] / (np.linalg.norm(others) + damping)`.",
    ),
    wrong=(
        WrongAnswer("the leak", lambda: _resemblance_wrongly("leak"), "still the leak"),
        WrongAnswer("the length still knows", lambda: _resemblance_wrongly("old length"), "*whole* profile"),
        WrongAnswer("takes x_i out, not d_i x_i", lambda: _resemblance_wrongly("vector only"), "d_i times"),
        WrongAnswer("takes it out twice", lambda: _resemblance_wrongly("twice"), "out twice"),
        WrongAnswer("takes out its size", lambda: _resemblance_wrongly("absolute"), "with a minus"),
        WrongAnswer("no damping", lambda: _resemblance_wrongly("no damping"), "damping is missing"),
        WrongAnswer("cosine over 1 + damping", lambda: _resemblance_wrongly("damped cosine"), "1 + damping"),
        WrongAnswer("damping under the root", lambda: _resemblance_wrongly("damping inside"), "not to its square"),
        WrongAnswer("the dot product alone", lambda: _resemblance_wrongly("dot only"), "division is missing"),
        WrongAnswer("the film's own part", lambda: _resemblance_wrongly("own"), "*own* part"),
        WrongAnswer("d taken off at the end", lambda: _resemblance_wrongly("minus d"), "finished fraction"),
        WrongAnswer("films never put back", lambda: _resemblance_wrongly("running"), "never put back"),
        WrongAnswer("the damping of the notebook", lambda: _resemblance_wrongly("always 5"), "5 of the notebook"),
        WrongAnswer("multiplied by the answer", lambda: _resemblance_wrongly("times d"), "answer back in"),
    ),
    points=3,
    explanation="$p \\cdot x_i = d_i\\,(x_i \\cdot x_i) + \\dots = d_i + \\dots$: the resemblance contains the deviation that "
    "it is to explain, one to one. With vectors that have few terms in common, that summand is most of it, and noise shows "
    "it even better, since nothing else is there. Leave-one-out is the remedy; subtracting makes it as cheap as the leak.",
    expected=example(
        "resemblance([1, -1], [[1, 0], [0.6, 0.8]], damping=1)",
        lambda: _resemblance(np.array([1.0, -1.0]), np.array([[1.0, 0.0], [0.6, 0.8]]), 1.0),
    ),
)


# ------------------------------------------------------------------ 2.4.6 chance
@functools.cache
def _new_films() -> dict[str, int]:
    """The experiment of section 6 in numbers: films, new, people, hidden, liked, likers."""
    data, items = datasets.load("ml-100k"), _catalogue()["item"]
    new = items[::10]
    hidden = data.ratings[data.ratings["item"].isin(new)]
    liked = hidden[hidden["rating"] >= 4]
    people = data.ratings.loc[~data.ratings["item"].isin(new), "user"].nunique()
    return {
        "films": len(items),
        "new": len(new),
        "people": people,
        "hidden": len(hidden),
        "liked": len(liked),
        "likers": liked["user"].nunique(),
    }


def _chance() -> float:
    n = _new_films()
    return 10 * n["liked"] / n["new"] / n["people"]


def _chance_wrongly(how: str) -> float:
    n = _new_films()
    return {
        "any rating": 10 * n["hidden"] / n["new"] / n["people"],
        "all films": 10 * n["liked"] / n["films"] / n["people"],
        "likers": 10 * n["liked"] / n["new"] / n["likers"],
        "a place": n["liked"] / n["new"] / n["people"],
        "total": 10 * n["liked"] / n["new"],
        "all liked": n["liked"] / n["people"],
        "share of lists": 10 / n["new"],
    }[how]


def _check_chance(chance: float) -> None:
    value = _finite(chance, "the number of hits")
    messages = {
        "any rating": "you counted every hidden rating. A hit has four stars or more.",
        "all films": "you drew from all films of the catalogue. The box shows new ones only.",
        "likers": "you divided by those who liked a new film at all. The box is shown to everybody, and for some there is "
        "nothing to hit: they count, with 0.",
        "a place": "that is for one film. The list has ten places.",
        "total": "that is the number of hits of all people together. Divide by the people.",
        "all liked": "that is how many new films a person likes on average. A list of ten shows only a part of the new films.",
        "share of lists": "that is the chance of one certain film to be in the list. How many films does a person like?",
    }
    for how, message in messages.items():
        if math.isclose(value, _chance_wrongly(how), rel_tol=2e-3):
            raise Incorrect(message)
    if math.isclose(value, 100 * _chance(), rel_tol=2e-3):
        raise Incorrect("that is 100 times too much: hits per person, not per cent.")
    if math.isclose(value, _chance(), rel_tol=2e-3):
        return
    if math.isclose(value, _chance(), rel_tol=0.1):
        raise Incorrect(
            f"{value:.4g} is near: give three digits. If you drew random lists, that is the noise of drawing; the exact mean "
            "needs only a multiplication and a division or two."
        )
    raise Incorrect(
        f"{value:.4g} is too {'high' if value > _chance() else 'low'}. A film that somebody likes is in a random list of ten "
        "with probability 10 / (new films). How many such films are there, per person?"
    )


CHANCE = Exercise(
    id="2.4.6",
    title="What would chance find?",
    kind="figure it out",
    prompt="""
    **Guess first:** how many of ten new films drawn blindly has a person liked (four stars or more)? One in three lists with
    a hit? One a list? Two? And what must a clever list reach before you are impressed?

    Then compute the exact mean over all 943 people, to three digits, from the numbers printed above or from `liked`, `new` and
    `rest.n_users`. Nobody has seen a new film yet, so every list is drawn from all of them.
    """,
    reference=_chance,
    check=_check_chance,
    hints=(
        "A film that somebody likes is in a random list of ten with probability 10 / (number of new films). Expected hits "
        "add up over the films that the person likes.",
        "For one person: 10 * (new films they liked) / (new films). The mean over people needs only the *total* of liked: "
        "`10 * len(liked) / len(new) / rest.n_users`.",
    ),
    wrong=(
        WrongAnswer("counts every rating", lambda: _chance_wrongly("any rating"), "four stars or more"),
        WrongAnswer("draws from the whole catalogue", lambda: _chance_wrongly("all films"), "new ones only"),
        WrongAnswer("only people who liked one", lambda: _chance_wrongly("likers"), "shown to everybody"),
        WrongAnswer("one place", lambda: _chance_wrongly("a place"), "ten places"),
        WrongAnswer("all people together", lambda: _chance_wrongly("total"), "Divide by the people"),
        WrongAnswer("all liked films", lambda: _chance_wrongly("all liked"), "only a part"),
        WrongAnswer("without what is liked", lambda: _chance_wrongly("share of lists"), "How many films"),
        WrongAnswer("per cent", lambda: 100 * _chance(), "not per cent"),
        WrongAnswer("simulated with noise", lambda: 1.04 * _chance(), "noise of drawing"),
        WrongAnswer("a guess, too high", lambda: 2.0, "too high"),
        WrongAnswer("a guess, too low", lambda: 0.1, "too low"),
    ),
    points=1,
    explanation="Expectations add up, however the lists depend on each other: 10 / 169 of all that is liked, which is 0.36 "
    "hits a list. An offline number without its chance level says nothing: 0.78 hits would be miserable if chance had 0.9.",
    expected=lambda: "one number, hits per person: more than 0.1 and less than 1",
)


EXERCISES = [IDF, BECAUSE, BOOST, PROFILE, RESEMBLANCE, CHANCE]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_everywhere() -> str:
    """A catalogue in which every film is a drama: what is the word worth?"""
    worth = _idf([["Drama", "a"], ["Drama", "b"], ["Drama"]])["Drama"]
    return "a" if worth == 0 else "b" if math.isclose(worth, 1) else "c"


def _key_scale() -> str:
    """Doubling every deviation of a person: do the cosines change? And turning their signs?"""
    stars, expected, X = _people()[1]
    d = stars - expected

    def order(p: Array) -> Array:
        return np.argsort(-(X @ p) / np.linalg.norm(p), kind="stable")

    doubled, turned = (np.array_equal(order(d @ X), order(k * d @ X)) for k in (2, -1))  # the same order?
    return "b" if doubled and not turned else "a" if doubled else "c"


@functools.cache
def _key_only_genres() -> str:
    """Films without a title: how similar are two of the same genres, and is there any order among them?"""
    x, _ = tfidf(documents_of(_catalogue(), "genres"))
    crime = x[np.flatnonzero(_catalogue()["genres"] == "Crime|Drama|Thriller")].toarray()
    cosines = crime @ crime.T
    return "c" if np.allclose(cosines, 1) else "a"


def _key_leak() -> str:
    """A profile of one film, compared with this film: the resemblance, undamped, for a like and for a dislike."""
    x = np.array([[0.6, 0.8]])
    leaky = _resemblance_wrongly("leak")
    like, dislike = (float(_flat(leaky(np.array([d]), x, 1e-9), 1, "")[0]) for d in (2.0, -2.0))
    return "b" if math.isclose(like, 1, rel_tol=1e-6) and math.isclose(dislike, -1, rel_tol=1e-6) else "a"


@functools.cache
def _key_new_film() -> str:
    """Two people of the same kindness, a new film: which model tells them apart?"""
    data = datasets.load("ml-100k")
    known = data.ratings[data.ratings["item"] != 228]
    pairs = pd.DataFrame({"user": [1, 13, 405, 655], "item": 228})
    content, averages = TfidfContent().fit(known, data.items), BiasBaseline().fit(known)
    lifted = np.abs(content.predict(pairs) - averages.predict(pairs))
    return "c" if (lifted > 1e-3).all() else "a"


QUIZ = [
    Question(
        text="In a shop that sells only dramas, every document has the term Drama. What is its idf, with the formula of this lesson?",
        choices={"a": "0: it says nothing", "b": "1: the least there is, but not nothing", "c": "negative"},
        key=_key_everywhere,
        why={
            "a": "That is the textbook's ln(n / df). Here 1 is added at the end, so that no term is erased.",
            "b": "ln((1 + n) / (1 + n)) + 1 = 1. It counts least, and a film about which nothing else is known still has a vector.",
            "c": "df cannot be larger than n, so the logarithm is at least 0.",
        },
    ),
    Question(
        text="You double all of a person's deviations d. Then you turn all their signs round. When does the order of the list change?",
        choices={"a": "in neither case: the cosine normalises", "b": "only when the signs turn", "c": "in both cases"},
        key=_key_scale,
        why={
            "a": "The cosine forgets a positive factor, but not a sign: the nearest become the farthest.",
            "b": "A positive factor cancels with the length. A negative one turns the list upside down: the bug of section 4.",
            "c": "Doubling doubles the profile and its length, so all cosines stay.",
        },
    ),
    Question(
        text="You use genres only, no titles. What does the model say about the films that have the genres Crime, Drama and Thriller and no other?",
        choices={
            "a": "it orders them by how well known they are",
            "b": "it orders them by their year",
            "c": "they are one and the same film: all cosines are 1",
        },
        key=_key_only_genres,
        why={
            "a": "Nothing in a description says how well known a film is. That is the trouble of section 7.",
            "b": "The year is a number in the table, and not among the terms.",
            "c": "The same terms make the same vector. A list among them is in the order of the tie-break, so read it as no order.",
        },
    ),
    Question(
        text="A person has rated one film, two stars above expectation. Their profile, film included, is compared with that film. "
        "Without damping, what comes out, and what would come out for two stars below?",
        choices={"a": "1 and 1", "b": "1 and -1", "c": "0 and 0: one film is no evidence"},
        key=_key_leak,
        why={
            "a": "The profile is d times the film's vector, and a negative d turns it round.",
            "b": "The resemblance has copied the answer. That is the leak, in its purest form; left out honestly, it is 0 both times.",
            "c": "That is what the honest version says. The leaking one compares the film with itself.",
        },
    ),
    Question(
        text="A film came in this morning; nobody has rated it. Which model of this phase has something to say about it that depends on your taste?",
        choices={"a": "item k-NN", "b": "the damped averages", "c": "content-based"},
        key=_key_new_film,
        why={
            "a": "Its neighbours are found through people who rated both. There are none, so it falls back on the averages.",
            "b": "They say how kind you are. It is the same for every new film.",
            "c": "The film's terms are known on the first day, and so is your profile over terms.",
        },
    ),
]
