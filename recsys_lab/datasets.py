"""Data sets by name: `load("ml-100k")` gives clean frames, fetched and verified on first use.

>>> small = toy()
>>> small.name, len(small.ratings), small.scale
('toy', 30, (1.0, 5.0))

Where the data comes from, and how it is checked, is told by `fetch.py`; how archives become frames, by `formats.py`;
licences and citations are in `datasets/README.md`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from recsys_lab import fetch as _fetch
from recsys_lab import formats
from recsys_lab.errors import DataError
from recsys_lab.fractal import fractal
from recsys_lab.funnel import interactions

__all__ = [
    "Dataset",
    "credits",
    "crosswalk",
    "describe",
    "events",
    "fetch",
    "fractal",
    "load",
    "names",
    "path",
    "titles",
    "toy",
    "verify",
    "with_credits",
]


class Dataset(NamedTuple):
    """One data set, as frames that belong to the caller: changing them changes nothing for the next `load`.

    Attributes
    ----------
    name : its name in the registry.
    ratings : columns user, item (int64), rating (float64), timestamp (int64, seconds since 1970, UTC); one row for
        each pair, sorted by user and item. FilmTrust has no column timestamp. In "shop", rating is the furthest step of
        a customer towards a product: 1 a view, 3 in the basket, 5 bought and kept (see `funnel.interactions`).
    items : columns item (int64), title (text, without the year), year (Int64, missing where unknown) and genres:
        text, sorted and joined by "|" ("Animation|Comedy"), "" where none is known. This form survives SQL, CSV and
        printing; `items.genres.str.get_dummies("|")` makes flags of it, `items.genres.str.split("|")` lists. In "shop"
        also price and available_from (seconds since 1970).
    users : columns user, age, gender, occupation, zip for MovieLens 100K and 1M; None elsewhere.
    scale : (lowest, highest) rating.
    """

    name: str
    ratings: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame | None
    scale: tuple[float, float]


def load(name: str = "ml-100k") -> Dataset:
    """Load a data set; the first time, fetch and verify it (see `fetch`).

    Parameters
    ----------
    name : one of `names()`, or "toy".

    Raises
    ------
    DataError : unknown name, or no source could serve it.

    Time: 30 ms for 100,000 ratings, the SHA-256 of the tables included; O(size).
    Source of MovieLens: Harper and Konstan (2015), doi:10.1145/2827872.

    >>> load("toy").items.title[0]
    'Star Harbour'
    """
    if name == "toy":
        return toy()
    entry = _fetch.entry(name)
    if entry.hidden:
        raise DataError(f"{name!r} holds no ratings: call credits(name of a MovieLens set).")
    frames = formats.to_frames(_fetch.arrays(name))
    ratings = interactions(frames["events"]) if "events" in frames else frames["ratings"]
    return Dataset(name, ratings, frames["items"], frames.get("users"), entry.scale)


def events(name: str = "shop") -> pd.DataFrame:
    """The log that a set's ratings were read from: columns session, user, item, event, price, timestamp, sorted by time.

    What they mean is told by `funnel.py`, which reads them; who made them, by `shop.py`: no shop passes its log on, so
    this one is simulated. The first call makes it, in a few seconds.

    Parameters
    ----------
    name : "shop", the only set with a log.

    Raises
    ------
    DataError : the set has no log.
    """
    if not _fetch.entry(name).made_by:
        raise DataError(f"{name!r} has no log of events: only 'shop' has.")
    return formats.to_frames(_fetch.arrays(name))["events"]


def credits(name: str = "ml-100k") -> pd.DataFrame:
    """Who made the films: columns item, relation ("actor", "director", "writer", "subject"), entity (an opaque id).

    Films that share an entity share that person or subject. 1,289 of the 1,682 films of ml-100k are covered.
    The first call fetches two packages, 52 MB in all: the graph, and the ids that it needs.

    Parameters
    ----------
    name : any MovieLens set of `names()`.

    Raises
    ------
    DataError : the set is not of MovieLens.

    Source: KB4Rec, Zhao et al. (2019), doi:10.1162/dint_a_00008, as shipped by RecBole. It counts films as MovieLens
    does since 1M. RecBole offers it for ml-100k, whose ids differ: taken at its word, it makes Hitchcock the director
    of "A Goofy Movie" (a known error, RecSysDatasets issue 130). Hence the `crosswalk`.
    """
    entry = _fetch.entry(name)
    if not name.startswith("ml-"):
        raise DataError(f"{name!r} has no credits: they are known for the MovieLens sets.")
    table = formats.to_frames(_fetch.arrays("movielens-credits"))["credits"]
    items = load(entry.name).items
    if name != "ml-100k":
        return table[table["item"].isin(items["item"])].reset_index(drop=True)
    table = table.rename(columns={"item": "other"}).merge(crosswalk(items, load("ml-small-2016").items), on="other")
    return table[["item", "relation", "entity"]].sort_values(["item", "relation", "entity"], ignore_index=True)


def with_credits(name: str = "ml-100k") -> pd.DataFrame:
    """The items of a MovieLens set with their credits, as models of content read them.

    The frame of `load(name).items` with four more columns, actor, director, subject and writer: ids joined by "|" like
    the genres, "" where none is known. `name` and errors as in `credits`.
    """
    known = credits(name)
    joined = known.groupby(["item", "relation"])["entity"].agg("|".join).unstack(fill_value="")
    items = load(name).items.merge(joined.reset_index(), on="item", how="left")
    return items.fillna(dict.fromkeys(joined, ""))


def crosswalk(items: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """The same films under the ids of another set: columns item, other; at most one row an item.

    Titles are compared without case, punctuation and parentheses; years may differ by one, the nearest wins. Several
    items may meet one other (ml-100k lists 18 films twice). O(n log n).

    >>> films = toy().items
    >>> crosswalk(films, films.assign(item=films.item + 100, title=films.title.str.upper())).head(2).to_numpy().tolist()
    [[1, 101], [2, 102]]
    """
    ours, theirs = (
        pd.DataFrame({"id": f["item"], "key": [_title_key(t) for t in f.title], "year": f.year})
        for f in (items, others)
    )
    pairs = ours.merge(theirs, on="key", suffixes=("", "_other")).rename(columns={"id": "item", "id_other": "other"})
    pairs["apart"] = (pairs.year - pairs.year_other).abs()
    pairs = pairs[pairs.apart.le(1).fillna(False)].sort_values(["item", "apart", "other"])
    return pairs.drop_duplicates("item")[["item", "other"]].reset_index(drop=True)


def _title_key(title: str) -> str:
    return " ".join(re.sub(r"\(.*?\)|\W", " ", title.lower()).split())


def titles(items: pd.DataFrame) -> dict[Any, str]:
    """Item -> title, with the year where it is known, from a set's table of items.

    >>> titles(toy().items)[1]
    'Star Harbour (1991)'
    """
    years = [f" ({year})" if known else "" for year, known in zip(items["year"], items["year"].notna())]
    return dict(zip(items["item"], items["title"] + years))


def names() -> list[str]:
    """The names that `load` understands, without "toy".

    >>> names()[:3]
    ['ml-100k', 'ml-latest-small', 'ml-1m']
    """
    return [name for name, entry in _fetch.registry().items() if not entry.hidden]


def describe() -> pd.DataFrame:
    """All sets, one a row: name, ratings, users, items, fetched, download_mb, licence."""
    entries = [_fetch.entry(name) for name in names()]
    return pd.DataFrame(
        {
            "name": [e.name for e in entries],
            "ratings": [e.ratings for e in entries],
            "users": [e.users for e in entries],
            "items": [e.items for e in entries],
            "fetched": [e.path.is_file() for e in entries],
            "download_mb": [e.download_mb for e in entries],
            "licence": [e.licence for e in entries],
        }
    )


def fetch(name: str = "ml-100k", progress: bool = True) -> Path:
    """Fetch and verify a set unless it is here, and return the path of its tables. See `recsys_lab.fetch.fetch`."""
    return _fetch.fetch(name, progress=progress)


def path(name: str = "ml-100k") -> Path:
    """Where the tables of a set are, or will be once fetched."""
    return _fetch.entry(name).path


def verify(name: str = "ml-100k") -> str:
    """Check the stored tables against their SHA-256, and return it. Raises DataError if missing or damaged."""
    return formats.digest(_fetch.read_cache(_fetch.entry(name)))


def toy() -> Dataset:
    """Thirty ratings made by hand, for doctests and for sums on paper. The films do not exist.

    ====  ============  =============  ============  ===================  =============  ==============  ===========  ===============  ====
    user  Star Harbour  Quiet Orbit    Robot Winter  Letters to Lisbon    Two Left Feet  Waltz of Crumbs Night Ferry  The Lamp Keeper  mean
    item  1             2              3             4                    5              6               7            8
    ====  ============  =============  ============  ===================  =============  ==============  ===========  ===============  ====
    ann   5             5              4             .                    3              .               3            .                4
    ben   3             3              .             .                    1              2               1            .                2
    cat   5             5              4             2                    1              .               1            .                3
    dan   1             .              1             5                    5              3               3            .                3
    eve   2             1              .             5                    5              4               .            1                3
    fay   5             .              .             .                    .              .               .            1                3
    mean  3.5           3.5            3             4                    3              3               2            1                3
    ====  ============  =============  ============  ===================  =============  ==============  ===========  ===============  ====

    Ann and Ben agree on everything they both rated, except that Ann is two stars kinder: Pearson sees it, cosine
    does not. Cat shares their taste for science fiction; Dan and Eve prefer romance; Fay has hardly begun.

    >>> data = toy()
    >>> data.ratings.groupby("user").rating.mean().tolist()
    [4.0, 2.0, 3.0, 3.0, 3.0, 3.0]
    >>> data.ratings.groupby("item").rating.mean().tolist()
    [3.5, 3.5, 3.0, 4.0, 3.0, 3.0, 2.0, 1.0]
    """
    rows = {
        "ann": "554.3.3.",
        "ben": "33..121.",
        "cat": "55421.1.",
        "dan": "1.15533.",
        "eve": "21.554.1",
        "fay": "5......1",
    }
    known = [(u, i, float(r)) for u, row in rows.items() for i, r in enumerate(row, 1) if r != "."]
    ratings = pd.DataFrame(known, columns=["user", "item", "rating"])
    # One rating an hour, film by film: so the last rating of each user is known too.
    start = 1_700_000_000
    ratings["timestamp"] = [start + 3_600 * (8 * u + i) for u, i in zip(ratings.groupby("user").ngroup(), ratings.item)]
    films = [
        (1, "Star Harbour", 1991, "Adventure|Sci-Fi"),
        (2, "Quiet Orbit", 1994, "Drama|Sci-Fi"),
        (3, "Robot Winter", 1997, "Action|Sci-Fi"),
        (4, "Letters to Lisbon", 1993, "Drama|Romance"),
        (5, "Two Left Feet", 1995, "Comedy|Romance"),
        (6, "Waltz of Crumbs", 1996, "Comedy"),
        (7, "Night Ferry", 1992, "Thriller"),
        (8, "The Lamp Keeper", 1990, "Drama"),
    ]
    items = pd.DataFrame(films, columns=["item", "title", "year", "genres"]).astype({"year": "Int64"})
    return Dataset("toy", ratings, items, None, (1.0, 5.0))
