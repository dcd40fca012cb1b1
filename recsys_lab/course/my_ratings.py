"""Your own ratings: named by title, kept in one small file on this machine, used again in later lessons.

Lesson 00 asks for ten ratings; 2.2, 2.4 and 2.7 meet them again. They are kept in `my_work/my_ratings.json`, or where
the environment's RECSYS_LAB_RATINGS says ("off": nowhere). Builds, tests and CI neither read nor write them, so that a
committed notebook always shows the demo profile.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from recsys_lab.datasets import Dataset
from recsys_lab.errors import DataError, UnknownIdError, few

# Ten ratings of one invented person, by ml-100k's film ids: likes crime films, is bored by blockbusters.
DEMO: dict[int, float] = {
    100: 5.0,  # Fargo
    56: 5.0,  # Pulp Fiction
    12: 5.0,  # The Usual Suspects
    168: 4.0,  # Monty Python and the Holy Grail
    1: 4.0,  # Toy Story
    174: 4.0,  # Raiders of the Lost Ark
    50: 3.0,  # Star Wars
    313: 2.0,  # Titanic
    121: 2.0,  # Independence Day
    294: 2.0,  # Liar Liar
}
DEMO_NAME = "Dana"

# With fewer ratings than this a list says more about chance than about taste.
ENOUGH = 5

_ARTICLES = [
    "the",
    "a",
    "an",
    "la",
    "le",
    "les",
    "l'",
    "il",
    "lo",
    "das",
    "der",
    "die",
    "el",
    "los",
    "las",
    "un",
    "une",
]


class Profile(NamedTuple):
    """Whose ratings a lesson works with. `ratings` maps film ids to stars; `note` says in words why these."""

    name: str
    ratings: dict[int, float]
    note: str


# ------------------------------------------------------------------ films by title
def shelf(data: Dataset) -> pd.DataFrame:
    """The films of a data set to choose from, indexed by id: title, year, ratings (how many), mean (stars).

    Titles read as people say them ("The Godfather", not "Godfather, The"). Films without a rating get 0 and NaN.

    >>> from recsys_lab import datasets
    >>> shelf(datasets.toy()).columns.tolist()
    ['title', 'year', 'ratings', 'mean']
    """
    films = data.items.set_index("item")[["title", "year"]].copy()
    films["title"] = [readable(title) for title in films["title"]]
    by_film = data.ratings.groupby("item")["rating"]
    films["ratings"] = by_film.size().reindex(films.index, fill_value=0)
    films["mean"] = by_film.mean()
    return films


def readable(title: str) -> str:
    """A title with its article in front.

    >>> readable("Godfather, The"), readable("Godfather: Part II, The"), readable("Alien")
    ('The Godfather', 'The Godfather: Part II', 'Alien')
    """
    head, comma, last = title.rpartition(", ")
    if not comma or last.lower() not in _ARTICLES:
        return title
    return f"{last}{head}" if last.endswith("'") else f"{last} {head}"


def find(text: str, films: pd.DataFrame, n: int = 8) -> pd.DataFrame:
    """Films whose title holds `text`, the most rated first: at most n rows of the shelf.

    Case, accents and punctuation do not matter. Where no title holds it, those that are spelled most like it.

    >>> from recsys_lab import datasets
    >>> len(find("no such film at all", shelf(datasets.toy())))
    0
    """
    wanted, keys = _key(text), films["title"].map(_key)
    found = films[keys.str.contains(wanted, regex=False)] if wanted else films.iloc[:0]
    if found.empty:
        found = films[keys.isin(difflib.get_close_matches(wanted, keys.tolist(), n, 0.7))]
    return found.sort_values("ratings", ascending=False, kind="stable").head(n)


def by_id(stars: Mapping[Any, Any], films: pd.DataFrame) -> dict[int, float]:
    """Ratings by title ("Fargo", "Fargo (1996)") or film id, as {film id: stars}. `...` and None are left out.

    Of several films with one title the most rated is meant; add the year to choose another. A part of a title will
    do where only one film has it ("Independence Day" for "Independence Day (ID4)").

    Raises UnknownIdError for a title that is not on the shelf (it suggests the nearest), and DataError for stars
    that are not a number from 1 to 5, or for a film that is named twice.

    >>> from recsys_lab import datasets
    >>> by_id({"Robot Winter": 4, "Night Ferry (1992)": ..., "Waltz": 2}, shelf(datasets.toy()))
    {3: 4.0, 6: 2.0}
    """
    order = films.sort_values("ratings", ascending=False, kind="stable")
    ids: dict[str, int] = {}
    for item, title, year in zip(order.index, order["title"], order["year"]):
        for key in (_key(title), _key(f"{title} {year}")):
            ids.setdefault(key, int(item))
    out: dict[int, float] = {}
    for name, value in stars.items():
        if value is ... or value is None:
            continue
        if not _is_rating(value):
            raise DataError(f"{name!r}: {value!r} is not a rating. Give 1 to 5 stars, or leave `...` if unseen.")
        item = name if name in films.index else ids.get(_key(str(name)))
        if item is None:
            near = find(str(name), films, 3)
            if len(near) == 1 and _key(str(name)) in _key(near["title"].iloc[0]):
                item = near.index[0]
            else:
                advice = f"Did you mean {few(near['title'])}?" if len(near) else 'Try find("one word of it", films).'
                raise UnknownIdError(f"no film called {name!r} among these {len(films):,}. {advice}")
        if int(item) in out:
            raise DataError(f"{name!r} is rated twice: keep one of the two lines.")
        out[int(item)] = float(value)
    return out


# ------------------------------------------------------------------ whose ratings
def profile(stars: Mapping[Any, Any], films: pd.DataFrame) -> Profile:
    """The ratings that a lesson works with: yours if there are enough, else those you saved, else the demo profile.

    Enough means at least five films and at least two different ratings. Then they are saved for later lessons.
    """
    mine = by_id(stars, films)
    if len(mine) >= ENOUGH and len(set(mine.values())) > 1:
        file = save_ratings(mine)
        return Profile("you", mine, f"Your {len(mine)} ratings" + (" (saved for later lessons)." if file else "."))
    saved = load_ratings(default={})
    others = "the ratings you saved before" if saved else f"{DEMO_NAME}, the demo profile"
    if not mine:
        why = f"Nothing is rated in this cell, so the lesson uses {others}."
    elif len(mine) < ENOUGH:
        why = f"You rated {len(mine)} of at least {ENOUGH} films, so for now the lesson uses {others}."
    else:
        why = f"All your ratings are equal, which says nothing about your taste; for now the lesson uses {others}."
    return Profile("you", saved, why) if saved else Profile(DEMO_NAME, dict(DEMO), why)


# ------------------------------------------------------------------ the file
def path() -> Path | None:
    """The file of your ratings, or None where none is to be read or written."""
    from recsys_lab.course.lessons import home

    named = os.environ.get("RECSYS_LAB_RATINGS")
    if named:
        return None if named.lower() == "off" else Path(named)
    # As for progress: a build says "off", and what nbval or CI starts inherits these.
    building = os.environ.get("RECSYS_LAB_PROGRESS", "").lower() == "off"
    proving = os.environ.get("CI") or os.environ.get("PYTEST_VERSION")
    return None if building or proving else home() / "my_work" / "my_ratings.json"


def save_ratings(ratings: Mapping[int, float], dataset: str = "ml-100k") -> Path | None:
    """Keep ratings {film id: stars} for later lessons; an earlier file is replaced whole. None if nothing is kept."""
    for item, stars in ratings.items():
        if not _is_rating(stars):
            raise DataError(f"film {item}: {stars!r} is not a rating from 1 to 5. Nothing was saved.")
    file = path()
    if file is None:
        return None
    content = {"version": 1, "dataset": dataset, "ratings": {str(int(i)): float(s) for i, s in ratings.items()}}
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    fresh.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    fresh.replace(file)
    return file


def load_ratings(default: Mapping[int, float] = DEMO, dataset: str = "ml-100k") -> dict[int, float]:
    """The ratings you saved, {film id: stars}; `default` where there are none for this data set.

    Raises DataError if the file is damaged.

    >>> len(load_ratings({50: 5.0}, dataset="another set"))
    1
    """
    file = path()
    if file is None or not file.exists():
        return dict(default)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["version"] != 1 or not all(_is_rating(s) for s in content["ratings"].values()):
            raise ValueError("not a rating")
        ratings = {int(item): float(stars) for item, stars in content["ratings"].items()}
        kept = content["dataset"] == dataset
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{file.name} is damaged: move {file} away and rate again in lesson 00.") from error
    return ratings if kept and ratings else dict(default)


def _is_rating(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and 1 <= value <= 5


def _key(title: str) -> str:
    """A title without case, accents, punctuation, brackets around the year and a leading article."""
    plain = (
        unicodedata.normalize("NFKD", readable(re.sub(r"\s+", " ", title).strip())).encode("ascii", "ignore").decode()
    )
    words = re.sub(r"[^a-z0-9]+", " ", plain.lower().replace("'", "")).split()
    return " ".join(words[1:] if len(words) > 1 and words[0] in _ARTICLES else words)
